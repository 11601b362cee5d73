/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests and the copy tool share: finding the devices, the speed of the
 * machine, and a pattern that can be checked word by word
 *
 * The tests write to drives. They take NVMe drives with the serial numbers
 * "provider", "source" and "target", as qemu/ has them, or what the caller names:
 *
 *   P2PMEM_PROVIDER   PCI address of a device with peer-to-peer memory
 *   P2PMEM_SOURCE     block device whose content may be overwritten
 *   P2PMEM_SOURCE_PCI its PCI address
 *   P2PMEM_TARGET     another block device to be overwritten
 *   P2PMEM_REACHABLE  1 if both drives reach the provider, 0 if they don't;
 *                     without it, what the kernel says
 */
#ifndef _P2PMEM_H
#define _P2PMEM_H

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <linux/pci-p2pdma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE	((size_t)sysconf(_SC_PAGESIZE))
#define MIB	(1024UL * 1024)

/* Path of a file of a PCI device in sysfs; valid until the next call but one */
static inline const char *p2pmem_path(const char *bdf, const char *file)
{
	static char path[2][256];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "/sys/bus/pci/devices/%s/%s",
		 bdf, file);
	return path[turn];
}

/* Returns false if @bdf isn't a PCI address. */
static inline bool p2pmem_address(const char *bdf,
				  struct pci_p2pdma_address *address)
{
	unsigned int domain, bus, dev, fn;

	if (sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) != 4)
		return false;
	*address = (struct pci_p2pdma_address){
		.domain = domain, .bus = bus, .devfn = dev << 3 | fn
	};
	return true;
}

/* The NVMe controller at @path, if its serial number is one of ours */
static inline void p2pmem_found_drive(const char *path)
{
	static const struct { const char *serial, *pci, *block; } names[] = {
		{ "provider", "P2PMEM_PROVIDER", NULL },
		{ "source", "P2PMEM_SOURCE_PCI", "P2PMEM_SOURCE" },
		{ "target", NULL, "P2PMEM_TARGET" },
	};
	char file[512], serial[64] = "", pci[512] = "", block[64];
	unsigned int i;
	FILE *f;

	snprintf(file, sizeof(file), "%s/serial", path);
	f = fopen(file, "r");
	if (!f)
		return;
	if (fscanf(f, "%63s", serial) != 1)
		serial[0] = '\0';
	fclose(f);
	snprintf(file, sizeof(file), "%s/device", path);
	if (readlink(file, pci, sizeof(pci) - 1) < 0)
		return;
	snprintf(block, sizeof(block), "/dev/%.32sn1", strrchr(path, '/') + 1);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(serial, names[i].serial))
			continue;
		if (names[i].pci)
			setenv(names[i].pci, basename(pci), 0);
		if (names[i].block)
			setenv(names[i].block, block, 0);
	}
}

static inline void p2pmem_find_reachable(void)
{
	const char *provider = getenv("P2PMEM_PROVIDER");
	const char *client = getenv("P2PMEM_SOURCE_PCI");
	struct pci_p2pdma_query query = {};
	int fd = open("/dev/pci_p2pdma", O_RDONLY);

	if (provider && client && p2pmem_address(provider, &query.provider) &&
	    p2pmem_address(client, &query.client) &&
	    !ioctl(fd, PCI_P2PDMA_IOC_QUERY, &query))
		setenv("P2PMEM_REACHABLE",
		       query.type == PCI_P2PDMA_TYPE_NOT_SUPPORTED ?
		       "0" : "1", 0);
	if (fd >= 0)
		close(fd);
}

/* What the caller names, or what is found; NULL if there is none */
static inline const char *p2pmem_env(const char *name)
{
	static bool looked;
	const char *value;
	glob_t drives;
	size_t i;

	if (!looked && !glob("/sys/class/nvme/nvme*", 0, NULL, &drives)) {
		for (i = 0; i < drives.gl_pathc; i++)
			p2pmem_found_drive(drives.gl_pathv[i]);
		globfree(&drives);
		p2pmem_find_reachable();
	}
	looked = true;
	value = getenv(name);
	return value && *value ? value : NULL;
}

/*
 * How many times slower this machine is, at this moment, than QEMU's emulation
 * of one on a processor of 2020: what a limit that stops a hang is scaled by
 */
static inline int p2pmem_slowness(void)
{
	enum { CALLS = 2000, REFERENCE_NS = 60000000 };
	struct timespec start, end;
	long long ns;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 0; i < CALLS; i++)
		close(open("/dev/null", O_RDONLY));
	clock_gettime(CLOCK_MONOTONIC, &end);
	ns = (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec -
	     start.tv_nsec;
	return 1 + ns / REFERENCE_NS;
}

/* The number in a file, -1 if there is none */
static inline long long p2pmem_read(const char *path)
{
	long long value;
	FILE *file = fopen(path, "r");

	if (!file)
		return -1;
	if (fscanf(file, "%lli", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

static inline int p2pmem_write(const char *path, const char *text)
{
	int error = 0, fd = open(path, O_WRONLY);

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		error = -errno;
	close(fd);
	return error;
}

static inline long long p2pmem_available(const char *bdf)
{
	return p2pmem_read(p2pmem_path(bdf, "p2pmem/available"));
}

/* Does this kernel have user mappings of p2pmem? */
static inline bool p2pmem_has_mappings(const char *bdf)
{
	return !access(p2pmem_path(bdf, "p2pmem/allocate"), F_OK);
}

/* A new mapping of @size bytes, or MAP_FAILED and errno */
static inline void *p2pmem_map(const char *bdf, size_t size)
{
	int saved, fd = open(p2pmem_path(bdf, "p2pmem/allocate"), O_RDWR);
	void *addr;

	if (fd < 0)
		return MAP_FAILED;
	addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	saved = errno;
	close(fd);
	errno = saved;
	return addr;
}

/* Word @i of the pattern @seed (splitmix64) */
static inline uint64_t p2pmem_word(uint64_t seed, uint64_t i)
{
	uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Devices read and write the memory too: a word at a time, and each once. */
static inline uint64_t p2pmem_get(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void p2pmem_set(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void p2pmem_fill(void *addr, size_t size, uint64_t seed,
			       uint64_t first)
{
	uint64_t *word = addr;
	size_t i;

	for (i = 0; i < size / 8; i++)
		p2pmem_set(&word[i], p2pmem_word(seed, first + i));
}

/* Bytes that are as they should be, up to the first word that isn't */
static inline size_t p2pmem_match(const void *addr, size_t size, uint64_t seed,
				  uint64_t first)
{
	const uint64_t *word = addr;
	size_t i;

	for (i = 0; i < size / 8; i++)
		if (p2pmem_get(&word[i]) != p2pmem_word(seed, first + i))
			break;
	return i * 8;
}

/* The pattern at the beginning of a drive */
static inline void p2pmem_fill_drive(const char *path, size_t size,
				     uint64_t seed)
{
	void *buffer = aligned_alloc(PAGE, size);
	int fd = open(path, O_WRONLY | O_DIRECT);

	p2pmem_fill(buffer, size, seed, 0);
	if (pwrite(fd, buffer, size, 0) != (ssize_t)size)
		abort();
	close(fd);
	free(buffer);
}

static inline bool p2pmem_is_zero(const void *addr, size_t size)
{
	const uint64_t *word = addr;
	size_t i;

	for (i = 0; i < size / 8; i++)
		if (p2pmem_get(&word[i]))
			return false;
	return true;
}

#endif /* _P2PMEM_H */
