// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation of a system call fails once: the errno, and nothing lost
 *
 * For a kernel with CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC, told to fail
 * GFP_KERNEL allocations too, and pages of any order.
 */
#include <sys/ioctl.h>

#include "p2pmem_harness.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define ENDLESS		1000

FIXTURE(fault)
{
	const char *bdf;
	const char *client;
	long long available;
	int nth;
	int fd;
};

FIXTURE_SETUP(fault)
{
	self->bdf = p2pmem_env("P2PMEM_PROVIDER");
	self->client = p2pmem_env("P2PMEM_SOURCE_PCI");
	self->nth = open(FAIL_NTH, O_RDWR);
	if (!self->bdf || !self->client || self->nth < 0)
		SKIP(return, "no fault injection, or P2PMEM_* are not set");
	self->available = p2pmem_available(self->bdf);
	self->fd = open(p2pmem_path(self->bdf, "p2pmem/allocate"), O_RDWR);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(fault)
{
	close(self->fd);
	close(self->nth);
	EXPECT_EQ(self->available, p2pmem_available(self->bdf));
}

static void arm(int nth, int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	if (pwrite(nth, text, strlen(text), 0) < 0)
		abort();
}

/* Returns false if there were fewer allocations than that. */
static bool disarm(int nth)
{
	char text[16] = {};

	if (pread(nth, text, sizeof(text) - 1, 0) < 0)
		abort();
	arm(nth, 0);
	return !atoi(text);
}

TEST_F(fault, mmap)
{
	bool reached = true;
	int n, failed = 0;

	for (n = 1; reached; n++) {
		int error;
		void *addr;

		ASSERT_LT(n, ENDLESS);
		arm(self->nth, n);
		/* Each where there are no page tables yet */
		addr = mmap((void *)(n * (1UL << 30) + (1UL << 42)), 8 * PAGE,
			    PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
		error = errno;
		reached = disarm(self->nth);
		if (addr != MAP_FAILED) {
			ASSERT_TRUE(p2pmem_is_zero(addr, 8 * PAGE));
			ASSERT_EQ(0, munmap(addr, 8 * PAGE));
		} else {
			failed++;
			ASSERT_TRUE(reached);
			ASSERT_EQ(ENOMEM, error);
		}
		ASSERT_EQ(self->available, p2pmem_available(self->bdf));
	}
	EXPECT_GT(failed, 1);
	TH_LOG("%d allocations failed, %d of them the call", n - 2, failed);
}

TEST_F(fault, query)
{
	struct pci_p2pdma_query query;
	bool reached = true;
	int n, result, fd;

	fd = open("/dev/pci_p2pdma", O_RDONLY);
	ASSERT_GE(fd, 0);
	for (n = 1; reached; n++) {
		ASSERT_LT(n, ENDLESS);
		memset(&query, 0, sizeof(query));
		ASSERT_TRUE(p2pmem_address(self->bdf, &query.provider));
		ASSERT_TRUE(p2pmem_address(self->client, &query.client));
		arm(self->nth, n);
		result = ioctl(fd, PCI_P2PDMA_IOC_QUERY, &query);
		reached = disarm(self->nth);
		ASSERT_TRUE(result == 0 || (reached && errno == ENOMEM));
	}
	close(fd);
	TH_LOG("%d allocations failed", n - 2);
}

TEST_F(fault, values)
{
	static const char *const files[] = {
		"p2pmem/size", "p2pmem/available", "p2pmem/available_largest",
		"p2pmem/available_pieces", "p2pmem/published",
	};
	unsigned int i;

	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		long long value = p2pmem_read(p2pmem_path(self->bdf, files[i]));
		bool reached = true;
		char text[32];
		int n;

		for (n = 1; reached; n++) {
			int fd, error;
			ssize_t len = -1;

			ASSERT_LT(n, ENDLESS);
			memset(text, 0, sizeof(text));
			arm(self->nth, n);
			fd = open(p2pmem_path(self->bdf, files[i]), O_RDONLY);
			if (fd >= 0)
				len = read(fd, text, sizeof(text) - 1);
			error = errno;
			reached = disarm(self->nth);
			if (fd >= 0)
				close(fd);
			if (len < 0) {
				ASSERT_TRUE(reached);
				ASSERT_EQ(ENOMEM, error);
				continue;
			}
			ASSERT_EQ(value, atoll(text));
		}
	}
}

TEST_HARNESS_MAIN
