// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/pci_p2pdma: answers, errors, and nonsense
 */
#define _GNU_SOURCE
#include <linux/pci-p2pdma.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "../kselftest_harness.h"
#include "p2pmem.h"

#define FUZZ_CALLS 120000

/* PCI address of the controller of a block device; 0 if it has none */
static bool address_of_drive(const char *path,
			     struct pci_p2pdma_address *address)
{
	char link[256], real[PATH_MAX], *slash;

	snprintf(link, sizeof(link), "/sys/class/block/%s/device/device",
		 path + strlen("/dev/"));
	if (!realpath(link, real))
		return false;
	slash = strrchr(real, '/');
	return p2pmem_address(slash + 1, address);
}

FIXTURE(query)
{
	int fd;
	bool reachable;
	struct pci_p2pdma_query query;
};

FIXTURE_SETUP(query)
{
	const char *bdf = p2pmem_env("P2PMEM_PROVIDER");
	const char *source = p2pmem_env("P2PMEM_SOURCE");
	const char *reachable = p2pmem_env("P2PMEM_REACHABLE");

	if (!bdf || !source || !reachable)
		SKIP(return, "P2PMEM_* are not set");
	self->reachable = *reachable == '1';
	memset(&self->query, 0, sizeof(self->query));
	ASSERT_TRUE(p2pmem_address(bdf, &self->query.provider));
	ASSERT_TRUE(address_of_drive(source, &self->query.client));
	self->fd = open("/dev/pci_p2pdma", O_RDONLY);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(query)
{
	close(self->fd);
}

static int ask(int fd, struct pci_p2pdma_query *query)
{
	return ioctl(fd, PCI_P2PDMA_IOC_QUERY, query) ? -errno : 0;
}

TEST_F(query, pair)
{
	struct pci_p2pdma_query *q = &self->query;

	ASSERT_EQ(0, ask(self->fd, q));
	if (self->reachable) {
		EXPECT_NE(PCI_P2PDMA_TYPE_NOT_SUPPORTED, q->type);
		EXPECT_GE(q->distance, 2);
	} else {
		EXPECT_EQ(PCI_P2PDMA_TYPE_NOT_SUPPORTED, q->type);
		EXPECT_EQ(0, q->distance);
	}
	EXPECT_NE(PCI_P2PDMA_REASON_SAME_FUNCTION, q->reason);
	EXPECT_TRUE(q->result & PCI_P2PDMA_RESULT_HAS_MEMORY);
	EXPECT_TRUE(q->result & PCI_P2PDMA_RESULT_PUBLISHED);
	/* The second time it is known. */
	q->type = ~0;
	q->result = ~0;
	ASSERT_EQ(0, ask(self->fd, q));
	EXPECT_EQ(self->reachable, q->type != PCI_P2PDMA_TYPE_NOT_SUPPORTED);
	EXPECT_TRUE(q->result & PCI_P2PDMA_RESULT_CACHED);
}

TEST_F(query, same_function)
{
	struct pci_p2pdma_query *q = &self->query;

	q->client = q->provider;
	ASSERT_EQ(0, ask(self->fd, q));
	EXPECT_EQ(PCI_P2PDMA_TYPE_BUS_ADDR, q->type);
	EXPECT_EQ(0, q->distance);
	EXPECT_EQ(PCI_P2PDMA_REASON_SAME_FUNCTION, q->reason);
	EXPECT_EQ(0, memcmp(&q->at, &q->provider, sizeof(q->at)));
}

/* The other way round there is no memory, and still an answer. */
TEST_F(query, without_memory)
{
	struct pci_p2pdma_address provider = self->query.provider;

	self->query.provider = self->query.client;
	self->query.client = provider;
	ASSERT_EQ(0, ask(self->fd, &self->query));
	EXPECT_FALSE(self->query.result & PCI_P2PDMA_RESULT_HAS_MEMORY);
	EXPECT_FALSE(self->query.result & PCI_P2PDMA_RESULT_CACHED);
}

TEST_F(query, errors)
{
	struct pci_p2pdma_query q = self->query;

	q.provider.domain = 0xfffffff0;
	EXPECT_EQ(-ENODEV, ask(self->fd, &q));
	q = self->query;
	q.provider.bus = 0xfe;
	q.provider.devfn = 0xff;
	EXPECT_EQ(-ENODEV, ask(self->fd, &q));
	q = self->query;
	q.client.domain = 0x7ffffff0;
	EXPECT_EQ(-ENXIO, ask(self->fd, &q));
	q = self->query;
	q.flags = 1;
	EXPECT_EQ(-EINVAL, ask(self->fd, &q));
	q = self->query;
	q.reserved = 0x80000000;
	EXPECT_EQ(-EINVAL, ask(self->fd, &q));
	q = self->query;
	q.client.reserved = 1;
	EXPECT_EQ(-EINVAL, ask(self->fd, &q));
	EXPECT_EQ(-EFAULT, ask(self->fd, NULL));
	EXPECT_EQ(-EFAULT, ask(self->fd, (void *)-4096L));
	EXPECT_EQ(-1, ioctl(self->fd, PCI_P2PDMA_IOC_QUERY + 1, &q));
	EXPECT_EQ(ENOTTY, errno);
	/* Nothing is written after an error. */
	q = self->query;
	q.flags = 1;
	q.at.bus = 77;
	EXPECT_EQ(-EINVAL, ask(self->fd, &q));
	EXPECT_EQ(77, q.at.bus);
}

/* The answer can't be written to memory that is read-only. */
TEST_F(query, read_only_memory)
{
	struct pci_p2pdma_query *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, q);
	*q = self->query;
	ASSERT_EQ(0, mprotect(q, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, ask(self->fd, q));
	munmap(q, PAGE);
}

TEST_F(query, without_privilege)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd;

		if (setgid(65534) || setuid(65534))
			_exit(1);
		if (open("/dev/pci_p2pdma", O_RDWR) >= 0)
			_exit(2);
		fd = open("/dev/pci_p2pdma", O_RDONLY);
		_exit(fd < 0 ? 3 : ask(fd, &self->query) ? 4 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Nonsense of all kinds, and now and then something that makes sense */
TEST_F_TIMEOUT(query, fuzz, 600)
{
	uint64_t seed = getpid() ^ (uint64_t)time(NULL) << 20, i;
	unsigned int answered = 0, refused = 0;
	char bytes[256];
	int n;

	TH_LOG("seed %llu", (unsigned long long)seed);
	for (i = 0; i < FUZZ_CALLS; i++) {
		uint64_t word = p2pmem_word(seed, i);
		unsigned long cmd = PCI_P2PDMA_IOC_QUERY;
		void *arg = bytes + word % 64;

		for (n = 0; n < 32; n++)
			((uint64_t *)bytes)[n] = p2pmem_word(seed + 1, 32 * i + n);
		if (word >> 8 & 1) {
			struct pci_p2pdma_query q = self->query;

			/* Often a function that there is */
			q.client.bus = word >> 16 & 7;
			q.client.devfn = word >> 24 & 0x18;
			if (word >> 9 & 1) {
				q.provider.bus = word >> 28 & 7;
				q.provider.devfn = 0;
			}
			if (!(word >> 10 & 3))
				((char *)&q)[(word >> 32) % sizeof(q)] = word >> 40;
			memcpy(arg, &q, sizeof(q));
		}
		if (!(word >> 12 & 7))
			cmd = word >> 20;
		if (!(word >> 48 & 15))
			arg = (void *)(word >> (word % 64));
		if (ioctl(self->fd, cmd, arg))
			refused++;
		else
			answered++;
	}
	TH_LOG("%u answered, %u refused", answered, refused);
	EXPECT_GT(answered, FUZZ_CALLS / 100);
	EXPECT_GT(refused, FUZZ_CALLS / 4);
	/* It is as sane as before. */
	EXPECT_EQ(0, ask(self->fd, &self->query));
}

TEST_HARNESS_MAIN
