// SPDX-License-Identifier: GPL-2.0
/*
 * p2pmem_cost PROVIDER - what it costs to map peer-to-peer memory, and to ask
 * /dev/pci_p2pdma, in units of the time-stamp counter
 */
#include <x86intrin.h>

#include "p2pmem.h"

#define RUNS	9

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The median of several; @taken and @returned are of one page. */
static void measure(int fd, size_t nr_pages)
{
	uint64_t taken[RUNS], returned[RUNS];
	int i;

	for (i = 0; i < RUNS; i++) {
		uint64_t start = __rdtsc(), mapped;
		void *addr = mmap(NULL, nr_pages * PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED, fd, 0);

		mapped = __rdtsc();
		if (addr == MAP_FAILED) {
			perror("mmap");
			exit(1);
		}
		munmap(addr, nr_pages * PAGE);
		returned[i] = (__rdtsc() - mapped) / nr_pages;
		taken[i] = (mapped - start) / nr_pages;
	}
	qsort(taken, RUNS, sizeof(*taken), compare);
	qsort(returned, RUNS, sizeof(*returned), compare);
	printf("row mmap of %zu pages, each = %llu\n", nr_pages,
	       (unsigned long long)taken[RUNS / 2]);
	printf("row munmap of %zu pages, each = %llu\n", nr_pages,
	       (unsigned long long)returned[RUNS / 2]);
}

/*
 * The median of several, each after a first one. A kernel that doesn't answer
 * has no such row.
 */
static void measure_query(const char *what, const char *provider,
			  const char *client)
{
	struct pci_p2pdma_query query = {};
	int i, fd = open("/dev/pci_p2pdma", O_RDONLY);
	uint64_t taken[RUNS];

	if (fd < 0)
		return;
	if (!client || !p2pmem_address(provider, &query.provider) ||
	    !p2pmem_address(client, &query.client) ||
	    ioctl(fd, PCI_P2PDMA_IOC_QUERY, &query)) {
		perror("query");
		exit(1);
	}
	for (i = 0; i < RUNS; i++) {
		uint64_t start = __rdtsc();

		ioctl(fd, PCI_P2PDMA_IOC_QUERY, &query);
		taken[i] = __rdtsc() - start;
	}
	close(fd);
	qsort(taken, RUNS, sizeof(*taken), compare);
	printf("row query, %s = %llu\n", what,
	       (unsigned long long)taken[RUNS / 2]);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PROVIDER\n", argv[0]);
		return 2;
	}
	fd = open(p2pmem_path(argv[1], "p2pmem/allocate"), O_RDWR);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	measure(fd, 1);
	measure(fd, 64);
	measure(fd, 1024);
	measure_query("same function", argv[1], argv[1]);
	measure_query("one switch", argv[1], p2pmem_env("P2PMEM_SOURCE_PCI"));
	printf("done\n");
	return 0;
}
