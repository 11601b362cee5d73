// SPDX-License-Identifier: GPL-2.0
/*
 * Copy from drive to drive through peer-to-peer memory, or through host memory
 *
 *   p2pmem_cp fill DRIVE MIB             write the known pattern to a drive
 *   p2pmem_cp copy SOURCE TARGET MIB     copy through host memory
 *   p2pmem_cp copy SOURCE TARGET MIB BDF copy through the memory of BDF
 *   p2pmem_cp read DRIVE MIB BDF FILE    read into the memory of BDF, and write
 *                                        to FILE what is there then
 *   p2pmem_cp churn DRIVE BDF FILE       write and read back through the memory
 *                                        of BDF, until there is FILE; says what
 *                                        became of it
 *   p2pmem_cp mark DRIVE N               read one sector, N before the last:
 *                                        a line in a trace of the drive
 *   p2pmem_cp ask PROVIDER CLIENT        ask the kernel, and nothing else: exit
 *                                        status 0, reached, or 1, not reached
 *   p2pmem_cp memtype BDF                memory types of a mapping of BDF
 *   p2pmem_cp unaligned BDF              memcpy() from and to odd addresses
 *   p2pmem_cp slowness                   what limits are to be scaled by
 *
 * The buffer is a user mapping, and the drives' I/O is O_DIRECT. In a kernel
 * that has no user mappings of p2pmem, the module p2pdma_copy has the buffer,
 * and is told what to read and to write.
 *
 * While it copies through peer-to-peer memory it looks at what has arrived,
 * not in its buffer but in the device's BAR: where that is, it takes from the
 * page tables, or is told by the module. Exit status 0: copied, and all that
 * was looked at was right.
 */
#include <err.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "p2pmem.h"

#define SEED	0x7032706d656d2121ULL
#define CHUNK	(2 * MIB)
#define MODULE	"/sys/kernel/debug/p2pdma_copy"

/* Of CHUNK bytes */
struct buffer {
	void *addr;		/* NULL: the module has it */
	int module;
	uint64_t phys;		/* of the module's */
};

/* A BAR, mapped through resourceN */
struct bar {
	uint64_t start;
	uint64_t size;
	void *addr;
};

static int open_drive(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT);

	if (fd < 0)
		err(2, "%s", path);
	return fd;
}

static uint64_t phys_addr(void *addr)
{
	off_t at = (uintptr_t)addr / PAGE * 8;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry;

	if (fd < 0 || pread(fd, &entry, 8, at) != 8)
		err(2, "/proc/self/pagemap");
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

/* The BAR of @bdf that @phys is in; not mapped if there is none */
static struct bar find_bar(const char *bdf, uint64_t phys)
{
	FILE *file = fopen(p2pmem_path(bdf, "resource"), "r");
	unsigned long long start, end, flags;
	struct bar bar = { 0 };
	char name[16];
	int i, fd;

	if (!file)
		err(2, "%s: resource", bdf);
	for (i = 0; i < 6; i++) {
		if (fscanf(file, "%llx %llx %llx", &start, &end, &flags) != 3)
			break;
		if (phys < start || phys > end)
			continue;
		bar.start = start;
		bar.size = end - start + 1;
		snprintf(name, sizeof(name), "resource%d", i);
		fd = open(p2pmem_path(bdf, name), O_RDONLY);
		bar.addr = fd < 0 ? MAP_FAILED :
			mmap(NULL, bar.size, PROT_READ, MAP_SHARED, fd, 0);
		if (bar.addr == MAP_FAILED)
			err(2, "%s: %s", bdf, name);
		close(fd);
		printf("# %s BAR %d is [%#llx-%#llx]\n", bdf, i, start, end);
		break;
	}
	fclose(file);
	return bar;
}

static uint64_t page_of_buffer(const struct buffer *buffer, size_t at)
{
	return buffer->addr ? phys_addr(buffer->addr + at) : buffer->phys + at;
}

/* Bytes of the chunk that the BAR itself shows where the buffer's pages are */
static size_t seen_in_bar(const struct bar *bar, const struct buffer *buffer,
			  uint64_t first)
{
	size_t done;

	for (done = 0; done < CHUNK; done += PAGE) {
		uint64_t phys = page_of_buffer(buffer, done);

		if (phys < bar->start || phys >= bar->start + bar->size)
			break;
		if (p2pmem_match(bar->addr + (phys - bar->start), PAGE, SEED,
				 first + done / 8) != PAGE)
			break;
	}
	return done;
}

/* What is in the memory, as the BAR itself shows it */
static void save_bar(const struct bar *bar, const struct buffer *buffer,
		     FILE *file)
{
	uint64_t words[PAGE / 8];
	size_t done, i;

	for (done = 0; done < CHUNK; done += PAGE) {
		uint64_t phys = page_of_buffer(buffer, done);
		const uint64_t *page = bar->addr + (phys - bar->start);

		if (phys < bar->start || phys >= bar->start + bar->size)
			errx(1, "the buffer is not in one BAR");
		for (i = 0; i < PAGE / 8; i++)
			words[i] = p2pmem_get(&page[i]);
		if (fwrite(words, PAGE, 1, file) != 1)
			err(2, "can't save what is in the BAR");
	}
}

static void *host_buffer(void)
{
	void *addr = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (addr == MAP_FAILED)
		err(2, "host memory");
	return addr;
}

static struct buffer module_buffer(const char *bdf)
{
	struct buffer buffer = { .module = open(MODULE, O_RDWR) };
	char text[32] = "";

	if (buffer.module < 0)
		err(2, "neither %s/p2pmem/allocate nor %s", bdf, MODULE);
	if (dprintf(buffer.module, "memory %s", bdf) < 0)
		err(2, "%s: memory", bdf);
	if (pread(buffer.module, text, sizeof(text) - 1, 0) < 0)
		err(2, MODULE);
	buffer.phys = strtoull(text, NULL, 0);
	return buffer;
}

/* With the BAR that it is in */
static struct buffer peer_buffer(const char *bdf, struct bar *bar)
{
	struct buffer buffer = { 0 };

	if (!p2pmem_has_mappings(bdf)) {
		buffer = module_buffer(bdf);
	} else {
		buffer.addr = p2pmem_map(bdf, CHUNK);
		if (buffer.addr == MAP_FAILED)
			err(2, "%s: p2pmem/allocate", bdf);
	}
	*bar = find_bar(bdf, page_of_buffer(&buffer, 0));
	if (!bar->addr)
		errx(1, "the buffer is not in a BAR of %s", bdf);
	return buffer;
}

static void read_chunk(const struct buffer *buffer, int fd, size_t at)
{
	bool good = buffer->addr ?
		pread(fd, buffer->addr, CHUNK, at) == (ssize_t)CHUNK :
		dprintf(buffer->module, "read %d %zu", fd, at) > 0;

	if (!good)
		err(1, "read at %zu", at);
}

static void write_chunk(const struct buffer *buffer, int fd, size_t at)
{
	bool good = buffer->addr ?
		pwrite(fd, buffer->addr, CHUNK, at) == (ssize_t)CHUNK :
		dprintf(buffer->module, "write %d %zu", fd, at) > 0;

	if (!good)
		err(1, "write at %zu", at);
}

static int fill(const char *drive, size_t size)
{
	int fd = open_drive(drive, O_WRONLY);
	void *buffer = host_buffer();
	size_t at;

	for (at = 0; at < size; at += CHUNK) {
		p2pmem_fill(buffer, CHUNK, SEED, at / 8);
		if (pwrite(fd, buffer, CHUNK, at) != (ssize_t)CHUNK)
			err(1, "%s: write at %zu", drive, at);
	}
	close(fd);
	printf("# filled %zu MiB of %s\n", size / MIB, drive);
	return 0;
}

static int copy(const char *source, const char *target, size_t size,
		const char *bdf)
{
	struct buffer buffer = { 0 };
	int in = open_drive(source, O_RDONLY);
	int out = open_drive(target, O_WRONLY);
	struct bar bar = { 0 };
	size_t at, in_bar = 0;

	if (bdf)
		buffer = peer_buffer(bdf, &bar);
	else
		buffer.addr = host_buffer();

	for (at = 0; at < size; at += CHUNK) {
		read_chunk(&buffer, in, at);
		if (bdf)
			in_bar += seen_in_bar(&bar, &buffer, at / 8);
		write_chunk(&buffer, out, at);
	}
	if (bdf && in_bar != size)
		errx(1, "of %zu bytes the BAR showed %zu", size, in_bar);
	printf("# copied %zu MiB through %s%s", size / MIB,
	       bdf ? bdf : "host memory", buffer.addr ? "" : ", in the kernel");
	if (bdf)
		printf("; its BAR showed %zu bytes of them on the way", in_bar);
	printf("\n");
	return 0;
}

static int read_only(const char *drive, size_t size, const char *bdf,
		     const char *path)
{
	struct bar bar;
	struct buffer buffer = peer_buffer(bdf, &bar);
	int in = open_drive(drive, O_RDONLY);
	FILE *file = fopen(path, "w");
	size_t at;

	if (!file)
		err(2, "%s", path);
	for (at = 0; at < size; at += CHUNK) {
		read_chunk(&buffer, in, at);
		save_bar(&bar, &buffer, file);
	}
	if (fclose(file))
		err(2, "%s", path);
	printf("# read %zu MiB into %s\n", size / MIB, bdf);
	return 0;
}

/* Each round has its own pattern, so that what an earlier one left is seen. */
static int churn(const char *drive, const char *bdf, const char *stop)
{
	enum { SIZE = 64 * 1024, ROUNDS = 64 };
	unsigned long good = 0, refused = 0, failed = 0, wrong = 0;
	int last = 0, fd = open_drive(drive, O_RDWR);
	char *addr = p2pmem_map(bdf, 2 * SIZE);
	unsigned long i;

	if (addr == MAP_FAILED)
		err(2, "%s: p2pmem/allocate", bdf);
	for (i = 0; access(stop, F_OK); i++) {
		off_t at = i % ROUNDS * SIZE;

		p2pmem_fill(addr, SIZE, SEED, i);
		p2pmem_fill(addr + SIZE, SIZE, ~SEED, i);
		errno = 0;
		if (pwrite(fd, addr, SIZE, at) == SIZE &&
		    pread(fd, addr + SIZE, SIZE, at) == SIZE) {
			good++;
			wrong += p2pmem_match(addr + SIZE, SIZE, SEED, i) != SIZE;
		} else if (errno == EREMOTEIO) {
			refused++;
			usleep(1000);
		} else {
			failed++;
			last = errno;
			usleep(1000);
		}
		if (i % 16)
			continue;
		printf("rounds: %lu good %lu refused %lu failed %lu wrong, last error %d\n",
		       good, refused, failed, wrong, last);
		fflush(stdout);
	}
	printf("rounds: %lu good %lu refused %lu failed %lu wrong, last error %d\n",
	       good, refused, failed, wrong, last);
	return wrong != 0;
}

static int mark(const char *drive, unsigned long n)
{
	int fd = open_drive(drive, O_RDONLY);
	void *buffer = host_buffer();
	uint64_t size;

	if (ioctl(fd, BLKGETSIZE64, &size))
		err(2, "%s", drive);
	if (pread(fd, buffer, 512, size - 512 * (n + 1)) != 512)
		err(1, "%s: read", drive);
	return 0;
}

static int ask(const char *provider, const char *client)
{
	int fd = open("/dev/pci_p2pdma", O_RDONLY);
	struct pci_p2pdma_query query = { 0 };

	if (!p2pmem_address(provider, &query.provider) ||
	    !p2pmem_address(client, &query.client))
		errx(2, "%s, %s: not two addresses", provider, client);
	if (fd < 0 || ioctl(fd, PCI_P2PDMA_IOC_QUERY, &query))
		err(2, "/dev/pci_p2pdma");
	printf("# type %u, %u hops, reason %u\n", query.type, query.distance,
	       query.reason);
	return query.type == PCI_P2PDMA_TYPE_NOT_SUPPORTED;
}

static void *map_pages(const char *bdf, size_t size)
{
	void *addr = p2pmem_map(bdf, size);

	if (addr == MAP_FAILED)
		err(2, "%s: p2pmem/allocate", bdf);
	return addr;
}

/* What test_modules/p2pdma_memtype.c says of a mapping */
static int memtype(const char *bdf)
{
	int fd = open("/sys/kernel/debug/p2pdma_memtype", O_RDWR);
	char text[64] = "";

	if (fd < 0 || dprintf(fd, "%p", map_pages(bdf, PAGE)) < 0 ||
	    read(fd, text, sizeof(text) - 1) <= 0)
		err(2, "p2pdma_memtype");
	printf("%s", text);
	return 0;
}

/* From and to all offsets in a word, by what the C library and compilers use */
static int unaligned(const char *bdf)
{
	char *addr = map_pages(bdf, PAGE), host[256], back[256];
	size_t from, to;

	p2pmem_fill(host, sizeof(host), SEED, 0);
	for (from = 0; from < 8; from++)
		for (to = 0; to < 8; to++) {
			size_t size = sizeof(host) - from;

			memset(addr, 0, PAGE);
			memcpy(addr + to, host + from, size);
			memcpy(back, addr + to, size);
			if (memcmp(back, host + from, size))
				errx(1, "%zu bytes from %zu to %zu differ",
				     size, from, to);
		}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "fill"))
		return fill(argv[2], atol(argv[3]) * MIB);
	if ((argc == 5 || argc == 6) && !strcmp(argv[1], "copy"))
		return copy(argv[2], argv[3], atol(argv[4]) * MIB, argv[5]);
	if (argc == 6 && !strcmp(argv[1], "read"))
		return read_only(argv[2], atol(argv[3]) * MIB, argv[4], argv[5]);
	if (argc == 5 && !strcmp(argv[1], "churn"))
		return churn(argv[2], argv[3], argv[4]);
	if (argc == 4 && !strcmp(argv[1], "mark"))
		return mark(argv[2], atol(argv[3]));
	if (argc == 4 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "memtype"))
		return memtype(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "unaligned"))
		return unaligned(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "slowness"))
		return printf("%d\n", p2pmem_slowness()) < 0;
	errx(2, "usage: p2pmem_cp fill DRIVE MIB | copy SOURCE TARGET MIB [BDF] |\n"
		"                  read DRIVE MIB BDF FILE | churn DRIVE BDF FILE |\n"
		"                  mark DRIVE N | ask PROVIDER CLIENT | memtype BDF |\n"
		"                  unaligned BDF | slowness");
}
