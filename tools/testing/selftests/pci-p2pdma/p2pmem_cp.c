// SPDX-License-Identifier: GPL-2.0
/*
 * Copy from drive to drive through peer-to-peer memory, or through host memory
 *
 *   p2pmem_cp fill DRIVE MIB             write the known pattern to a drive
 *   p2pmem_cp copy SOURCE TARGET MIB     copy through host memory
 *   p2pmem_cp copy SOURCE TARGET MIB BDF copy through the memory of BDF
 *   p2pmem_cp mark DRIVE N               read one sector, N before the last:
 *                                        a line in a trace of the drive
 *
 * While it copies through peer-to-peer memory it looks at what has arrived,
 * not in its buffer but in the device's BAR: where that is, it takes from the
 * page tables. Exit status 0: copied, and all that was looked at was right.
 */
#define _GNU_SOURCE
#include <err.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "p2pmem.h"

#define SEED	0x7032706d656d2121ULL
#define CHUNK	(2 * MIB)

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

/* Bytes of the chunk that the BAR itself shows where the buffer's pages are */
static size_t seen_in_bar(const struct bar *bar, void *buffer, size_t size,
			  uint64_t first)
{
	size_t done;

	for (done = 0; done < size; done += PAGE) {
		uint64_t phys = phys_addr(buffer + done);

		if (phys < bar->start || phys >= bar->start + bar->size)
			break;
		if (p2pmem_match(bar->addr + (phys - bar->start), PAGE, SEED,
				 first + done / 8) != PAGE)
			break;
	}
	return done;
}

static void *host_buffer(void)
{
	void *addr = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (addr == MAP_FAILED)
		err(2, "host memory");
	return addr;
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
	void *buffer = bdf ? p2pmem_map(bdf, CHUNK) : host_buffer();
	int in = open_drive(source, O_RDONLY);
	int out = open_drive(target, O_WRONLY);
	struct bar bar = { 0 };
	size_t at, in_bar = 0;

	if (buffer == MAP_FAILED)
		err(2, "%s: p2pmem/allocate", bdf);
	if (bdf)
		bar = find_bar(bdf, phys_addr(buffer));
	if (bdf && !bar.addr)
		errx(1, "the buffer is not in a BAR of %s", bdf);

	for (at = 0; at < size; at += CHUNK) {
		if (pread(in, buffer, CHUNK, at) != (ssize_t)CHUNK)
			err(1, "%s: read at %zu", source, at);
		if (bdf)
			in_bar += seen_in_bar(&bar, buffer, CHUNK, at / 8);
		if (pwrite(out, buffer, CHUNK, at) != (ssize_t)CHUNK)
			err(1, "%s: write at %zu", target, at);
	}
	if (bdf && in_bar != size)
		errx(1, "of %zu bytes the BAR showed %zu", size, in_bar);
	printf("# copied %zu MiB through %s", size / MIB,
	       bdf ? bdf : "host memory");
	if (bdf)
		printf("; its BAR showed %zu bytes of them on the way", in_bar);
	printf("\n");
	return 0;
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

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "fill"))
		return fill(argv[2], atol(argv[3]) * MIB);
	if ((argc == 5 || argc == 6) && !strcmp(argv[1], "copy"))
		return copy(argv[2], argv[3], atol(argv[4]) * MIB, argv[5]);
	if (argc == 4 && !strcmp(argv[1], "mark"))
		return mark(argv[2], atol(argv[3]));
	errx(2, "usage: p2pmem_cp fill DRIVE MIB | copy SOURCE TARGET MIB [BDF] | mark DRIVE N");
}
