// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/pci_p2pdma: answers, errors, and nonsense
 */
#include <linux/pci-p2pdma.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "p2pmem_harness.h"

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

/* The question's number with another direction, number in its group, size */
static unsigned long number_with(unsigned int dir, unsigned int nr, size_t size)
{
	return _IOC(dir, _IOC_TYPE(PCI_P2PDMA_IOC_QUERY), nr, size);
}

/* As a program does that has a structure of @size bytes */
static int ask_sized(int fd, void *query, size_t size)
{
	unsigned long cmd = number_with(_IOC_DIR(PCI_P2PDMA_IOC_QUERY),
					_IOC_NR(PCI_P2PDMA_IOC_QUERY), size);

	return ioctl(fd, cmd, query) ? -errno : 0;
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
}

TEST_F(query, twice)
{
	struct pci_p2pdma_query *q = &self->query, again = self->query;

	ASSERT_EQ(0, ask(self->fd, q));
	again.type = ~0;
	again.distance = ~0;
	again.reason = ~0;
	again.result = ~0;
	memset(&again.at, 0xff, sizeof(again.at));
	ASSERT_EQ(0, ask(self->fd, &again));
	EXPECT_EQ(0, memcmp(q, &again, sizeof(again)));
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
	EXPECT_FALSE(self->query.result & PCI_P2PDMA_RESULT_PUBLISHED);
}

static const char all_functions[] = "/sys/bus/pci/devices/*";

TEST_F(query, each_function)
{
	glob_t found;
	size_t i;

	ASSERT_EQ(0, glob(all_functions, 0, NULL, &found));
	for (i = 0; i < found.gl_pathc; i++) {
		struct pci_p2pdma_query q = {};

		ASSERT_TRUE(p2pmem_address(basename(found.gl_pathv[i]),
					   &q.provider));
		q.client = q.provider;
		EXPECT_EQ(0, ask(self->fd, &q));
		EXPECT_EQ(PCI_P2PDMA_REASON_SAME_FUNCTION, q.reason);
		EXPECT_EQ(0, memcmp(&q.at, &q.provider, sizeof(q.at)));
	}
	globfree(&found);
}

/* A function that may be removed: no driver has it, and nothing is behind it. */
static bool is_idle(const char *bdf)
{
	return access(p2pmem_path(bdf, "driver"), F_OK) &&
	       access(p2pmem_path(bdf, "physfn"), F_OK) &&
	       p2pmem_read(p2pmem_path(bdf, "class")) >> 16 != 0x06;
}

static bool find_idle(char *bdf, size_t size)
{
	bool is_found = false;
	glob_t found;
	size_t i;

	if (glob(all_functions, 0, NULL, &found))
		return false;
	for (i = 0; i < found.gl_pathc && !is_found; i++) {
		snprintf(bdf, size, "%s", basename(found.gl_pathv[i]));
		is_found = is_idle(bdf);
	}
	globfree(&found);
	return is_found;
}

/* A function that is removed isn't there, and is when it has come back. */
TEST_F(query, removed_function)
{
	struct pci_p2pdma_query q = self->query;
	char bdf[32];
	int i;

	if (!find_idle(bdf, sizeof(bdf)))
		SKIP(return, "no function without a driver");
	ASSERT_TRUE(p2pmem_address(bdf, &q.client));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ask(self->fd, &q));
		ASSERT_EQ(0, p2pmem_write(p2pmem_path(bdf, "remove"), "1"));
		EXPECT_EQ(-ENXIO, ask(self->fd, &q));
		ASSERT_EQ(0, p2pmem_write("/sys/bus/pci/rescan", "1"));
	}
	EXPECT_EQ(0, ask(self->fd, &q));
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
	/* Nothing is written after an error. */
	q = self->query;
	q.flags = 1;
	q.at.bus = 77;
	EXPECT_EQ(-EINVAL, ask(self->fd, &q));
	EXPECT_EQ(77, q.at.bus);
}

/* What a later kernel may know: this one answers if it is 0, and keeps it. */
struct longer {
	struct pci_p2pdma_query query;
	char tail[200];
};

TEST_F(query, longer)
{
	struct longer q = { self->query }, zero = {};

	ASSERT_EQ(0, ask(self->fd, &self->query));
	ASSERT_EQ(0, ask_sized(self->fd, &q, sizeof(q)));
	EXPECT_EQ(0, memcmp(&q.query, &self->query, sizeof(q.query)));
	EXPECT_EQ(0, memcmp(q.tail, zero.tail, sizeof(q.tail)));
	ASSERT_EQ(0, ask_sized(self->fd, &q, sizeof(q.query) + 1));
	EXPECT_EQ(0, memcmp(&q.query, &self->query, sizeof(q.query)));
}

TEST_F(query, longer_and_not_zero)
{
	const size_t places[] = { 0, 1, 7, sizeof(((struct longer *)0)->tail) - 1 };
	struct longer q = { self->query }, before;
	size_t i;

	q.query.type = 77;
	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		q.tail[places[i]] = 1;
		before = q;
		EXPECT_EQ(-E2BIG, ask_sized(self->fd, &q, sizeof(q)));
		EXPECT_EQ(0, memcmp(&q, &before, sizeof(q)));
		q.tail[places[i]] = 0;
	}
	/* Beyond the structure nothing is looked at. */
	q.tail[1] = 1;
	EXPECT_EQ(0, ask_sized(self->fd, &q, sizeof(q.query) + 1));
}

TEST_F(query, shorter)
{
	struct pci_p2pdma_query q = self->query, before;
	size_t size;

	q.type = 77;
	before = q;
	for (size = 0; size < sizeof(q); size++)
		EXPECT_EQ(-EINVAL, ask_sized(self->fd, &q, size));
	EXPECT_EQ(0, memcmp(&q, &before, sizeof(q)));
}

/* Longer than the memory that is there */
TEST_F(query, cut_off)
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pci_p2pdma_query *q;

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + PAGE, PAGE));
	q = (void *)(pages + PAGE - sizeof(*q));
	*q = self->query;
	EXPECT_EQ(-EFAULT, ask_sized(self->fd, q, sizeof(*q) + 8));
	EXPECT_EQ(0, ask(self->fd, q));
	munmap(pages, PAGE);
}

/* Of the number only the size may vary. */
TEST_F(query, other_numbers)
{
	const unsigned int nr = _IOC_NR(PCI_P2PDMA_IOC_QUERY);
	const size_t size = sizeof(self->query);
	const unsigned long others[] = {
		number_with(_IOC_NONE, nr, size),
		number_with(_IOC_READ, nr, size),
		number_with(_IOC_WRITE, nr, size),
		number_with(_IOC_NONE, nr, 0),
		number_with(_IOC_READ | _IOC_WRITE, nr - 1, size),
		number_with(_IOC_READ | _IOC_WRITE, nr + 1, size),
		number_with(_IOC_READ | _IOC_WRITE, nr + 1, size + 8),
		PCI_P2PDMA_IOC_QUERY ^ 1 << _IOC_TYPESHIFT,
	};
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, others[i], &self->query));
		EXPECT_EQ(ENOTTY, errno);
	}
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

/* One of these is often a function that there is. */
static void fuzz_pair(struct pci_p2pdma_query *q, uint64_t word)
{
	q->client.bus = word >> 16 & 7;
	q->client.devfn = word >> 24 & 0x18;
	if (word >> 9 & 1) {
		q->provider.bus = word >> 28 & 7;
		q->provider.devfn = 0;
	}
	if (!(word >> 10 & 3))
		((char *)q)[(word >> 32) % sizeof(*q)] = word >> 40;
}

/* Any number at all, or the right one but for the size */
static unsigned long fuzz_number(uint64_t word)
{
	size_t size = sizeof(struct pci_p2pdma_query);

	if (!(word >> 12 & 7))
		return word >> 20;
	if (word >> 15 & 1)
		size += word >> 52 & 31;
	else if (!(word >> 12 & 3))
		size = word >> 48 & _IOC_SIZEMASK;
	return number_with(_IOC_READ | _IOC_WRITE,
			   _IOC_NR(PCI_P2PDMA_IOC_QUERY), size);
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
		void *arg = bytes + word % 64;

		for (n = 0; n < 32; n++)
			((uint64_t *)bytes)[n] = p2pmem_word(seed + 1, 32 * i + n);
		if (word >> 8 & 1) {
			struct longer q = { self->query };

			fuzz_pair(&q.query, word);
			if (!(word >> 57 & 3))
				q.tail[word >> 59] = 1;
			memcpy(arg, &q, 192);
		}
		if (!(word >> 48 & 15))
			arg = (void *)(word >> (word % 64));
		if (ioctl(self->fd, fuzz_number(word), arg))
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
