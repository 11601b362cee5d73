// SPDX-License-Identifier: GPL-2.0
/*
 * O_DIRECT between drives, through peer-to-peer memory
 *
 * Where the drives reach the provider the data arrives; where they don't, the
 * I/O fails, and no data has moved.
 */
#include <sys/uio.h>

#include "p2pmem_harness.h"

#define SIZE (1 * MIB)
#define PART (SIZE / 4)

FIXTURE(copy)
{
	const char *bdf;
	bool reachable;
	long long available;
	int source;
	int target;
	void *peer;
	void *host;
};

FIXTURE_SETUP(copy)
{
	const char *source = p2pmem_env("P2PMEM_SOURCE");
	const char *target = p2pmem_env("P2PMEM_TARGET");
	const char *reachable = p2pmem_env("P2PMEM_REACHABLE");

	self->bdf = p2pmem_env("P2PMEM_PROVIDER");
	if (!self->bdf || !source || !target || !reachable)
		SKIP(return, "P2PMEM_* are not set");
	self->reachable = *reachable == '1';
	self->available = p2pmem_available(self->bdf);
	self->source = open(source, O_RDWR | O_DIRECT);
	ASSERT_GE(self->source, 0);
	self->target = open(target, O_RDWR | O_DIRECT);
	ASSERT_GE(self->target, 0);
	self->peer = p2pmem_map(self->bdf, SIZE);
	ASSERT_NE(MAP_FAILED, self->peer);
	self->host = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->host);
}

FIXTURE_TEARDOWN(copy)
{
	close(self->source);
	close(self->target);
	munmap(self->host, SIZE);
	munmap(self->peer, SIZE);
	EXPECT_EQ(self->available, p2pmem_available(self->bdf));
}

#define EXPECT_MOVED(n) do {						\
	ssize_t moved = (n);						\
									\
	if (self->reachable) {						\
		EXPECT_EQ(SIZE, moved);					\
	} else {							\
		EXPECT_EQ(-1, moved);					\
		EXPECT_EQ(EREMOTEIO, errno);				\
	}								\
} while (0)

/* Of SIZE bytes: all, if they are what was copied or if nothing could be */
static size_t as_expected(bool reachable, const void *addr, uint64_t seed)
{
	if (reachable)
		return p2pmem_match(addr, SIZE, seed, 0);
	return p2pmem_is_zero(addr, SIZE) ? SIZE : 0;
}

TEST_F(copy, drive_to_peer)
{
	p2pmem_fill(self->host, SIZE, 1, 0);
	ASSERT_EQ(SIZE, pwrite(self->source, self->host, SIZE, 0));
	EXPECT_MOVED(pread(self->source, self->peer, SIZE, 0));
	EXPECT_EQ(SIZE, as_expected(self->reachable, self->peer, 1));
}

TEST_F(copy, peer_to_drive)
{
	memset(self->host, 0, SIZE);
	ASSERT_EQ(SIZE, pwrite(self->target, self->host, SIZE, 0));
	p2pmem_fill(self->peer, SIZE, 2, 0);
	EXPECT_MOVED(pwrite(self->target, self->peer, SIZE, 0));
	ASSERT_EQ(SIZE, pread(self->target, self->host, SIZE, 0));
	EXPECT_EQ(SIZE, as_expected(self->reachable, self->host, 2));
}

TEST_F(copy, drive_to_drive)
{
	p2pmem_fill(self->host, SIZE, 3, 0);
	ASSERT_EQ(SIZE, pwrite(self->source, self->host, SIZE, SIZE));
	memset(self->host, 0, SIZE);
	ASSERT_EQ(SIZE, pwrite(self->target, self->host, SIZE, SIZE));
	EXPECT_MOVED(pread(self->source, self->peer, SIZE, SIZE));
	EXPECT_MOVED(pwrite(self->target, self->peer, SIZE, SIZE));
	ASSERT_EQ(SIZE, pread(self->target, self->host, SIZE, SIZE));
	EXPECT_EQ(SIZE, as_expected(self->reachable, self->host, 3));
}

/* Every length and position that one command can have, and some more */
TEST_F(copy, odd_pieces)
{
	static const size_t lengths[] = { 512, 1024, 4096, 4608, 12800, 131072 };
	size_t i, at;

	p2pmem_fill(self->host, SIZE, 4, 0);
	ASSERT_EQ(SIZE, pwrite(self->source, self->host, SIZE, 0));
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		size_t n = lengths[i];

		for (at = 0; at + n <= SIZE; at += 7 * n + 512) {
			ssize_t moved = pread(self->source, self->peer + at, n,
					      at);

			if (!self->reachable) {
				EXPECT_EQ(-1, moved);
				continue;
			}
			EXPECT_EQ(n, moved);
			EXPECT_EQ(n, p2pmem_match(self->peer + at, n, 4,
						  at / 8));
		}
	}
	if (!self->reachable)
		EXPECT_TRUE(p2pmem_is_zero(self->peer, SIZE));
}

/* One I/O that is partly in peer memory, partly in the host's */
TEST_F(copy, mixed_iovec)
{
	struct iovec iov[] = {
		{ self->peer, PART },
		{ self->host, PART },
		{ self->peer + PART, PART },
	};
	ssize_t n;

	p2pmem_fill(self->host, SIZE, 5, 0);
	ASSERT_EQ(SIZE, pwrite(self->source, self->host, SIZE, 0));
	memset(self->host, 0, SIZE);
	n = preadv(self->source, iov, 3, 0);
	if (!self->reachable) {
		EXPECT_EQ(-1, n);
		return;
	}
	ASSERT_EQ(3 * PART, n);
	EXPECT_EQ(PART, p2pmem_match(self->peer, PART, 5, 0));
	EXPECT_EQ(PART, p2pmem_match(self->host, PART, 5, PART / 8));
	EXPECT_EQ(PART, p2pmem_match(self->peer + PART, PART, 5, 2 * PART / 8));
}

/* Without O_DIRECT the host copies, and always may. */
TEST_F(copy, buffered)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->source);
	p2pmem_fill(self->host, SIZE, 6, 0);
	ASSERT_EQ(SIZE, pwrite(self->source, self->host, SIZE, 0));
	fd = open(path, O_RDONLY);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(SIZE, pread(fd, self->peer, SIZE, 0));
	EXPECT_EQ(SIZE, p2pmem_match(self->peer, SIZE, 6, 0));
	close(fd);
}

TEST_HARNESS_MAIN
