// SPDX-License-Identifier: GPL-2.0
/*
 * The files in p2pmem/, and user mappings of them
 */
#include <signal.h>
#include <sys/wait.h>

#include "p2pmem_harness.h"

FIXTURE(p2pmem)
{
	const char *bdf;
	long long available;	/* the driver may use some of it itself */
	int fd;
};

FIXTURE_SETUP(p2pmem)
{
	self->bdf = p2pmem_env("P2PMEM_PROVIDER");
	if (!self->bdf)
		SKIP(return, "P2PMEM_PROVIDER is not set");
	self->available = p2pmem_available(self->bdf);
	ASSERT_GT(self->available, 256 * PAGE);
	self->fd = open(p2pmem_path(self->bdf, "p2pmem/allocate"), O_RDWR);
	ASSERT_GE(self->fd, 0);
}

/* Whatever a test did: the pool is whole again. */
FIXTURE_TEARDOWN(p2pmem)
{
	close(self->fd);
	EXPECT_EQ(self->available, p2pmem_available(self->bdf));
}

static void *map(int fd, size_t size, int flags, off_t off)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, off);
}

TEST_F(p2pmem, values)
{
	long long size = p2pmem_read(p2pmem_path(self->bdf, "p2pmem/size"));

	EXPECT_EQ(0, size % PAGE);
	EXPECT_EQ(0, self->available % PAGE);
	EXPECT_LE(self->available, size);
	EXPECT_EQ(1, p2pmem_read(p2pmem_path(self->bdf, "p2pmem/published")));
}

TEST_F(p2pmem, fragmentation)
{
	const char *bdf = self->bdf;
	long long pieces, largest;
	char *addr;

	/* Its own mapping of the largest piece */
	pieces = p2pmem_read(p2pmem_path(bdf, "p2pmem/available_pieces"));
	largest = p2pmem_read(p2pmem_path(bdf, "p2pmem/available_largest"));
	EXPECT_GE(pieces, 1);
	ASSERT_GT(largest, 16 * PAGE);
	EXPECT_LE(largest, self->available);
	addr = map(self->fd, largest, MAP_SHARED, 0);
	ASSERT_NE(MAP_FAILED, addr);
	EXPECT_EQ(pieces - 1, p2pmem_read(p2pmem_path(bdf, "p2pmem/available_pieces")));
	/* Two holes in it, of two pages and of one */
	ASSERT_EQ(0, munmap(addr + 2 * PAGE, 2 * PAGE));
	ASSERT_EQ(0, munmap(addr + 7 * PAGE, PAGE));
	EXPECT_EQ(pieces + 1, p2pmem_read(p2pmem_path(bdf, "p2pmem/available_pieces")));
	if (pieces == 1)
		EXPECT_EQ(2 * PAGE, p2pmem_read(p2pmem_path(bdf, "p2pmem/available_largest")));
	ASSERT_EQ(0, munmap(addr, largest));
	EXPECT_EQ(pieces, p2pmem_read(p2pmem_path(bdf, "p2pmem/available_pieces")));
	EXPECT_EQ(largest, p2pmem_read(p2pmem_path(bdf, "p2pmem/available_largest")));
}

/* Of a page each, until there is no more; each page is in one mapping only. */
TEST_F(p2pmem, thousands_of_mappings)
{
	static void *addr[4000];
	int i, nr;

	for (nr = 0; nr < 4000; nr++) {
		addr[nr] = map(self->fd, PAGE, MAP_SHARED, 0);
		if (addr[nr] == MAP_FAILED)
			break;
	}
	EXPECT_EQ(self->available / PAGE > 4000 ? 4000 :
			  self->available / (long long)PAGE, nr);
	EXPECT_EQ(self->available - nr * (long long)PAGE,
		  p2pmem_available(self->bdf));
	for (i = 0; i < nr; i++)
		*(int *)addr[i] = i;
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(i, *(int *)addr[i]);
		ASSERT_EQ(0, munmap(addr[i], PAGE));
	}
}

TEST_F(p2pmem, permissions)
{
	struct stat st;

	ASSERT_EQ(0, stat(p2pmem_path(self->bdf, "p2pmem/allocate"), &st));
	EXPECT_EQ(0660, st.st_mode & 0777);
	ASSERT_EQ(0, stat(p2pmem_path(self->bdf, "p2pmem/size"), &st));
	EXPECT_EQ(0444, st.st_mode & 0777);
}

TEST_F(p2pmem, mapping_takes_and_returns)
{
	char *addr = map(self->fd, 3 * PAGE, MAP_SHARED, 0);

	ASSERT_NE(MAP_FAILED, addr);
	EXPECT_EQ(self->available - 3 * PAGE, p2pmem_available(self->bdf));
	p2pmem_fill(addr, 3 * PAGE, 1, 0);
	EXPECT_EQ(3 * PAGE, p2pmem_match(addr, 3 * PAGE, 1, 0));
	/* A part of it */
	ASSERT_EQ(0, munmap(addr + PAGE, PAGE));
	EXPECT_EQ(self->available - 2 * PAGE, p2pmem_available(self->bdf));
	EXPECT_EQ(PAGE, p2pmem_match(addr, PAGE, 1, 0));
	EXPECT_EQ(PAGE, p2pmem_match(addr + 2 * PAGE, PAGE, 1, 2 * PAGE / 8));
	ASSERT_EQ(0, munmap(addr, 3 * PAGE));
}

TEST_F(p2pmem, private_refused)
{
	EXPECT_EQ(MAP_FAILED, map(self->fd, PAGE, MAP_PRIVATE, 0));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(p2pmem, offset_refused)
{
	EXPECT_EQ(MAP_FAILED, map(self->fd, PAGE, MAP_SHARED, PAGE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, map(self->fd, PAGE, MAP_SHARED, 1LL << 40));
	EXPECT_NE(0, errno);
}

TEST_F(p2pmem, more_than_there_is)
{
	void *addr;

	EXPECT_EQ(MAP_FAILED, map(self->fd, self->available + PAGE,
				  MAP_SHARED, 0));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(MAP_FAILED, map(self->fd, 1ULL << 40, MAP_SHARED, 0));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(MAP_FAILED, map(self->fd, 0, MAP_SHARED, 0));
	EXPECT_EQ(EINVAL, errno);
	/* All of it, and then not a page more */
	addr = map(self->fd, self->available, MAP_SHARED, 0);
	ASSERT_NE(MAP_FAILED, addr);
	EXPECT_EQ(0, p2pmem_available(self->bdf));
	EXPECT_EQ(MAP_FAILED, map(self->fd, PAGE, MAP_SHARED, 0));
	EXPECT_EQ(ENOMEM, errno);
	ASSERT_EQ(0, munmap(addr, self->available));
}

/* The next one reads nothing of what the one before has left. */
TEST_F(p2pmem, zeroed)
{
	const size_t size = 256 * PAGE;
	int i;

	for (i = 0; i < 3; i++) {
		void *addr = map(self->fd, size, MAP_SHARED, 0);

		ASSERT_NE(MAP_FAILED, addr);
		EXPECT_TRUE(p2pmem_is_zero(addr, size));
		memset(addr, 0xa5, size);
		ASSERT_EQ(0, munmap(addr, size));
	}
}

/* Also if it died. */
TEST_F(p2pmem, zeroed_after_a_crash)
{
	const size_t size = 64 * PAGE;
	void *addr;
	pid_t pid = fork();
	int status;

	ASSERT_GE(pid, 0);
	if (!pid) {
		addr = map(self->fd, size, MAP_SHARED, 0);
		memset(addr, 0x5a, size);
		raise(SIGKILL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	addr = map(self->fd, size, MAP_SHARED, 0);
	ASSERT_NE(MAP_FAILED, addr);
	EXPECT_TRUE(p2pmem_is_zero(addr, size));
	ASSERT_EQ(0, munmap(addr, size));
}

TEST_F(p2pmem, shared_over_fork)
{
	uint64_t *addr = map(self->fd, PAGE, MAP_SHARED, 0);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, addr);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		addr[7] = 0xbeef;
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0xbeef, addr[7]);
	/* The child's end has not given the page back. */
	EXPECT_EQ(self->available - PAGE, p2pmem_available(self->bdf));
	ASSERT_EQ(0, munmap(addr, PAGE));
}

TEST_F(p2pmem, mremap_moves_but_does_not_grow)
{
	void *addr = map(self->fd, PAGE, MAP_SHARED, 0), *moved, *room;

	ASSERT_NE(MAP_FAILED, addr);
	EXPECT_EQ(MAP_FAILED, mremap(addr, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	room = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	*(uint64_t *)addr = 42;
	moved = mremap(addr, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	ASSERT_EQ(room, moved);
	EXPECT_EQ(42, *(uint64_t *)moved);
	EXPECT_EQ(self->available - PAGE, p2pmem_available(self->bdf));
	ASSERT_EQ(0, munmap(moved, PAGE));
}

/* A page that is mapped read-only becomes writable, and is not copied. */
TEST_F(p2pmem, mprotect)
{
	char *addr = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, self->fd, 0);

	ASSERT_NE(MAP_FAILED, addr);
	EXPECT_TRUE(p2pmem_is_zero(addr, 2 * PAGE));
	ASSERT_EQ(0, mprotect(addr, 2 * PAGE, PROT_READ | PROT_WRITE));
	p2pmem_fill(addr, 2 * PAGE, 3, 0);
	EXPECT_EQ(2 * PAGE, p2pmem_match(addr, 2 * PAGE, 3, 0));
	ASSERT_EQ(0, mprotect(addr + PAGE, PAGE, PROT_NONE));
	EXPECT_EQ(PAGE, p2pmem_match(addr, PAGE, 3, 0));
	ASSERT_EQ(0, mprotect(addr + PAGE, PAGE, PROT_READ));
	EXPECT_EQ(2 * PAGE, p2pmem_match(addr, 2 * PAGE, 3, 0));
	EXPECT_EQ(self->available - 2 * PAGE, p2pmem_available(self->bdf));
	ASSERT_EQ(0, munmap(addr, 2 * PAGE));
}

/* Several at once take and return pages: nothing is lost or given twice. */
TEST_F(p2pmem, contention)
{
	enum { WORKERS = 4, ROUNDS = 100 };
	int i, round, status;

	for (i = 0; i < WORKERS; i++) {
		pid_t pid = fork();

		ASSERT_GE(pid, 0);
		if (pid)
			continue;
		for (round = 0; round < ROUNDS; round++) {
			size_t size = (1 + (i + round) % 5) * PAGE;
			void *addr = map(self->fd, size, MAP_SHARED, 0);

			if (addr == MAP_FAILED || !p2pmem_is_zero(addr, size))
				_exit(1);
			p2pmem_fill(addr, size, i, round);
			if (p2pmem_match(addr, size, i, round) != size)
				_exit(2);
			munmap(addr, size);
		}
		_exit(0);
	}
	for (i = 0; i < WORKERS; i++) {
		ASSERT_GT(wait(&status), 0);
		EXPECT_EQ(0, status);
	}
}

TEST_HARNESS_MAIN
