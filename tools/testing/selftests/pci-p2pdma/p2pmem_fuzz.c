// SPDX-License-Identifier: GPL-2.0
/*
 * Anything at random on the files in p2pmem/: whatever the calls return, the
 * kernel goes on, and in the end the pool is as it was
 *
 * P2PMEM_FUZZ_CALLS says how many, P2PMEM_FUZZ_SEED where to begin.
 */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "p2pmem_harness.h"

#define MAPS	32

static const char *const files[] = {
	"allocate", "size", "available", "available_largest",
	"available_pieces", "published",
};

struct fuzz {
	const char *bdf;
	uint64_t seed, turn;
	long long pool;
	int fd[6];
	struct {
		char *addr;
		size_t size;
	} map[MAPS];
	unsigned long mapped, refused;
};

/* A number below @limit */
static uint64_t below(struct fuzz *f, uint64_t limit)
{
	return p2pmem_word(f->seed, f->turn++) % limit;
}

/* Mostly ordinary, at times on an edge */
static uint64_t odd_number(struct fuzz *f)
{
	static const uint64_t edges[] = {
		0, 1, 4095, 4096, 4097, 1ULL << 31, 1ULL << 32, 1ULL << 40,
		INT64_MAX, UINT64_MAX, UINT64_MAX - 4095,
	};

	if (below(f, 4))
		return below(f, 64) * PAGE;
	return edges[below(f, sizeof(edges) / sizeof(*edges))];
}

static size_t odd_size(struct fuzz *f)
{
	switch (below(f, 16)) {
	case 0:
		return odd_number(f);
	case 1:
		return f->pool / 4;
	default:
		return (1 + below(f, 8)) * PAGE;
	}
}

static void do_map(struct fuzz *f)
{
	static const int flags[] = {
		MAP_SHARED, MAP_SHARED, MAP_SHARED, MAP_SHARED, MAP_SHARED,
		MAP_SHARED | MAP_POPULATE, MAP_SHARED | MAP_LOCKED,
		MAP_SHARED_VALIDATE, MAP_PRIVATE, 0,
	};
	int i = below(f, MAPS);
	int prot = below(f, 4) ? PROT_READ | PROT_WRITE : below(f, 8);
	int fd = f->fd[below(f, 16) ? 0 : below(f, 6)];
	off_t off = below(f, 16) ? 0 : odd_number(f);
	char *addr;

	if (f->map[i].addr) {
		munmap(f->map[i].addr, f->map[i].size);
		f->map[i].addr = NULL;
	}
	f->map[i].size = odd_size(f);
	addr = mmap(NULL, f->map[i].size, prot,
		    flags[below(f, sizeof(flags) / sizeof(*flags))], fd, off);
	if (addr == MAP_FAILED) {
		f->refused++;
		return;
	}
	f->mapped++;
	f->map[i].addr = addr;
}

/* A piece of a mapping, aligned or not */
static char *piece(struct fuzz *f, size_t *size)
{
	int i = below(f, MAPS);
	size_t pages;
	char *addr;

	if (!f->map[i].addr)
		return NULL;
	pages = (f->map[i].size + PAGE - 1) / PAGE;
	addr = f->map[i].addr + below(f, pages) * PAGE;
	*size = (1 + below(f, pages)) * PAGE;
	if (addr + *size > f->map[i].addr + pages * PAGE)
		*size = f->map[i].addr + pages * PAGE - addr;
	return addr;
}

static void do_something_to_a_map(struct fuzz *f)
{
	static const int advices[] = {
		MADV_NORMAL, MADV_DONTNEED, MADV_DONTFORK, MADV_DOFORK,
		MADV_HUGEPAGE, MADV_REMOVE, MADV_FREE, MADV_COLD, MADV_PAGEOUT,
		MADV_WILLNEED, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
	};
	char buffer[64] = {};
	struct iovec local = { buffer, sizeof(buffer) }, remote;
	size_t size;
	char *addr = piece(f, &size), *moved;

	if (!addr)
		return;
	switch (below(f, 9)) {
	case 0:
		munmap(addr, size);
		break;
	case 1:
		mprotect(addr, size, below(f, 8));
		break;
	case 2:
		moved = mremap(addr, size, odd_size(f), below(f, 4));
		if (moved != MAP_FAILED && moved != addr)
			munmap(moved, size);
		break;
	case 3:
		madvise(addr, size, advices[below(f, sizeof(advices) /
						     sizeof(*advices))]);
		break;
	case 4:
		msync(addr, size, MS_SYNC);
		break;
	case 5:
		if (mlock(addr, size) == 0 && below(f, 2))
			munlock(addr, size);
		break;
	case 6:
		/* Not by ourselves: there may be nothing any more. */
		remote = (struct iovec){ addr, sizeof(buffer) };
		process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
		break;
	case 7:
		remote = (struct iovec){ addr, sizeof(buffer) };
		process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
		break;
	case 8:
		/* Into it, and out of it, by the kernel */
		if (pread(f->fd[1], addr, sizeof(buffer), 0) > 0)
			(void)!write(f->fd[5], addr, sizeof(buffer));
		break;
	}
}

static void do_something_to_a_file(struct fuzz *f)
{
	int i = below(f, 6);
	char buffer[128] = {};

	switch (below(f, 6)) {
	case 0:
		(void)!pread(f->fd[i], buffer, below(f, sizeof(buffer)),
			     odd_number(f));
		break;
	case 1:
		(void)!pwrite(f->fd[i], buffer, below(f, sizeof(buffer)),
			      odd_number(f));
		break;
	case 2:
		ioctl(f->fd[i], odd_number(f), buffer);
		break;
	case 3:
		(void)!ftruncate(f->fd[i], odd_number(f));
		break;
	case 4:
		fallocate(f->fd[i], below(f, 4), odd_number(f), odd_number(f));
		break;
	case 5:
		close(f->fd[i]);
		snprintf(buffer, sizeof(buffer), "p2pmem/%s", files[i]);
		f->fd[i] = open(p2pmem_path(f->bdf, buffer),
				i ? O_RDONLY : O_RDWR);
		break;
	}
}

/* A child inherits the mappings, and dies one way or the other. */
static void do_fork(struct fuzz *f)
{
	int i, status;
	pid_t pid = fork();

	if (pid < 0)
		return;
	if (!pid) {
		for (i = 0; i < 8; i++)
			do_something_to_a_map(f);
		if (below(f, 2))
			raise(SIGKILL);
		_exit(0);
	}
	waitpid(pid, &status, 0);
}

FIXTURE(fuzz)
{
	char unused;
};

FIXTURE_SETUP(fuzz)
{
}

FIXTURE_TEARDOWN(fuzz)
{
}

/* A debug kernel under emulation does a thousand calls in a second. */
TEST_F_TIMEOUT(fuzz, anything, 800)
{
	const char *calls = p2pmem_env("P2PMEM_FUZZ_CALLS");
	const char *seed = p2pmem_env("P2PMEM_FUZZ_SEED");
	unsigned long i, nr = calls ? strtoul(calls, NULL, 0) : 100000;
	struct fuzz f = { .bdf = p2pmem_env("P2PMEM_PROVIDER") };
	char name[64];

	if (!f.bdf)
		SKIP(return, "P2PMEM_PROVIDER is not set");
	f.seed = seed ? strtoull(seed, NULL, 0) : 1;
	f.pool = p2pmem_available(f.bdf);
	ASSERT_GT(f.pool, 0);
	for (i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "p2pmem/%s", files[i]);
		f.fd[i] = open(p2pmem_path(f.bdf, name), i ? O_RDONLY : O_RDWR);
		ASSERT_GE(f.fd[i], 0);
	}
	for (i = 0; i < nr; i++) {
		uint64_t what = below(&f, 256);

		if (what < 96)
			do_map(&f);
		else if (what < 200)
			do_something_to_a_map(&f);
		else if (what < 255)
			do_something_to_a_file(&f);
		else
			do_fork(&f);
	}
	for (i = 0; i < MAPS; i++)
		if (f.map[i].addr)
			munmap(f.map[i].addr, f.map[i].size);
	for (i = 0; i < 6; i++)
		close(f.fd[i]);
	TH_LOG("seed %llu: %lu calls, %lu mapped, %lu refused",
	       (unsigned long long)f.seed, nr, f.mapped, f.refused);
	EXPECT_GT(f.mapped, nr / 20);
	EXPECT_GT(f.refused, nr / 200);
}

/* What a process leaves mapped in odd places goes with it. */
TEST_F(fuzz, whole_again)
{
	const char *bdf = p2pmem_env("P2PMEM_PROVIDER");
	const char *before = p2pmem_env("P2PMEM_AVAILABLE");

	if (!bdf || !before)
		SKIP(return, "P2PMEM_* are not set");
	EXPECT_EQ(strtoll(before, NULL, 0), p2pmem_available(bdf));
}

TEST_HARNESS_MAIN
