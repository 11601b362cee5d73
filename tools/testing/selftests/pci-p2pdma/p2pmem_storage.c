// SPDX-License-Identifier: GPL-2.0
/*
 * System calls with buffers in peer-to-peer memory, to whatever P2PMEM_DISK is:
 * a drive, a multipath head, an array, or a file with O_DIRECT. And what those
 * do with it that let the processor copy.
 */
#include <linux/io_uring.h>
#include <linux/nvme_ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "p2pmem_harness.h"

#define SIZE	(16 * PAGE)

FIXTURE(storage)
{
	const char *bdf;
	const char *other;	/* provider */
	const char *disk;
	char *addr;
	char *host;
	int fd;
};

FIXTURE_SETUP(storage)
{
	self->bdf = p2pmem_env("P2PMEM_PROVIDER");
	self->other = p2pmem_env("P2PMEM_OTHER");
	self->disk = p2pmem_env("P2PMEM_DISK");
	if (!self->bdf || !self->disk)
		SKIP(return, "P2PMEM_* are not set");
	self->addr = p2pmem_map(self->bdf, SIZE);
	ASSERT_NE(MAP_FAILED, (void *)self->addr);
	self->host = aligned_alloc(PAGE, SIZE);
	self->fd = open(self->disk, O_RDWR | O_DIRECT);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(storage)
{
	munmap(self->addr, SIZE);
	free(self->host);
	close(self->fd);
}

/* What is on the disk, as host memory gets it */
static size_t on_disk(int fd, char *host, uint64_t seed)
{
	memset(host, 0, SIZE);
	if (pread(fd, host, SIZE, 0) != (ssize_t)SIZE)
		return 0;
	return p2pmem_match(host, SIZE, seed, 0);
}

TEST_F(storage, vectors)
{
	struct iovec parts[] = {
		{ self->addr + 8 * PAGE, 3 * PAGE },
		{ self->addr, 5 * PAGE },
	};

	p2pmem_fill(self->addr, SIZE, 1, 0);
	ASSERT_EQ(SIZE, pwrite(self->fd, self->addr, SIZE, 0));
	EXPECT_EQ(8 * PAGE, preadv2(self->fd, parts, 2, 0, RWF_HIPRI));
	EXPECT_EQ(3 * PAGE, p2pmem_match(self->addr + 8 * PAGE, 3 * PAGE, 1, 0));
	EXPECT_EQ(5 * PAGE, p2pmem_match(self->addr, 5 * PAGE, 1, 3 * PAGE / 8));
	p2pmem_fill(self->addr + 8 * PAGE, 3 * PAGE, 2, 0);
	p2pmem_fill(self->addr, 5 * PAGE, 2, 3 * PAGE / 8);
	EXPECT_EQ(8 * PAGE, pwritev2(self->fd, parts, 2, 0, RWF_DSYNC));
	EXPECT_EQ(8 * PAGE, on_disk(self->fd, self->host, 2));
}

/* Of one request, parts in the host's memory, a provider's, and another one's */
TEST_F(storage, mixed_memory)
{
	char *more = self->other ? p2pmem_map(self->other, 2 * PAGE) :
				   MAP_FAILED;
	struct iovec parts[] = {
		{ self->host, PAGE },
		{ self->addr, 2 * PAGE },
		{ more, 2 * PAGE },
		{ self->host + PAGE, 2 * PAGE },
		{ self->addr + 2 * PAGE, PAGE },
	};
	size_t i, at, size = 8 * PAGE;
	char *all;

	if (!self->other)
		SKIP(return, "P2PMEM_OTHER is not set");
	ASSERT_NE(MAP_FAILED, (void *)more);
	for (i = 0, at = 0; i < 5; at += parts[i++].iov_len)
		p2pmem_fill(parts[i].iov_base, parts[i].iov_len, 3, at / 8);
	ASSERT_EQ(size, pwritev(self->fd, parts, 5, 0));
	all = aligned_alloc(PAGE, size);
	ASSERT_EQ(size, pread(self->fd, all, size, 0));
	EXPECT_EQ(size, p2pmem_match(all, size, 3, 0));

	p2pmem_fill(all, size, 4, 0);
	ASSERT_EQ(size, pwrite(self->fd, all, size, 0));
	ASSERT_EQ(size, preadv(self->fd, parts, 5, 0));
	for (i = 0, at = 0; i < 5; at += parts[i++].iov_len)
		EXPECT_EQ(parts[i].iov_len,
			  p2pmem_match(parts[i].iov_base, parts[i].iov_len, 4,
				       at / 8));
	munmap(more, 2 * PAGE);
	free(all);
}

/*
 * A part that would be written, and one that is refused, further than what the
 * disk takes at once: nothing is written.
 */
TEST_F(storage, refused_whole)
{
	const char *far = p2pmem_env("P2PMEM_FAR");
	const size_t size = 512 * 1024;
	struct iovec parts[] = { { .iov_len = size }, { .iov_len = SIZE } };
	char *all;

	if (!far)
		SKIP(return, "P2PMEM_FAR is not set");
	parts[0].iov_base = p2pmem_map(self->bdf, size);
	parts[1].iov_base = p2pmem_map(far, SIZE);
	ASSERT_NE(MAP_FAILED, parts[0].iov_base);
	ASSERT_NE(MAP_FAILED, parts[1].iov_base);
	all = aligned_alloc(PAGE, size + SIZE);
	p2pmem_fill(all, size + SIZE, 12, 0);
	ASSERT_EQ(size + SIZE, pwrite(self->fd, all, size + SIZE, 0));
	p2pmem_fill(parts[0].iov_base, size, 13, 0);
	p2pmem_fill(parts[1].iov_base, SIZE, 13, size / 8);

	EXPECT_EQ(-1, pwritev(self->fd, parts, 2, 0));
	EXPECT_EQ(EREMOTEIO, errno);
	memset(all, 0, size + SIZE);
	ASSERT_EQ(size + SIZE, pread(self->fd, all, size + SIZE, 0));
	EXPECT_EQ(size + SIZE, p2pmem_match(all, size + SIZE, 12, 0));

	EXPECT_EQ(-1, preadv(self->fd, parts, 2, 0));
	EXPECT_EQ(EREMOTEIO, errno);
	EXPECT_EQ(size, p2pmem_match(parts[0].iov_base, size, 13, 0));
	munmap(parts[0].iov_base, size);
	munmap(parts[1].iov_base, SIZE);
	free(all);
}

/* One request by io_uring, without liburing: its result */
static int ring_io(int op, int fd, void *addr, size_t size)
{
	struct io_uring_params p = {};
	int result, ring = syscall(SYS_io_uring_setup, 1, &p);
	size_t sq_size = p.sq_off.array + p.sq_entries * sizeof(int);
	size_t cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	struct io_uring_sqe *sqe;
	char *sq, *cq;

	if (ring < 0)
		return -errno;
	sq = mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_SQ_RING);
	cq = mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_CQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		   IORING_OFF_SQES);
	*sqe = (struct io_uring_sqe){
		.opcode = op, .fd = fd, .addr = (uintptr_t)addr, .len = size,
	};
	*(int *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((int *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) == 1)
		result = ((struct io_uring_cqe *)(cq + p.cq_off.cqes))->res;
	else
		result = -errno;
	munmap(sq, sq_size);
	munmap(cq, cq_size);
	munmap(sqe, sizeof(*sqe));
	close(ring);
	return result;
}

TEST_F(storage, io_uring)
{
	p2pmem_fill(self->addr, SIZE, 5, 0);
	ASSERT_EQ(SIZE, ring_io(IORING_OP_WRITE, self->fd, self->addr, SIZE));
	EXPECT_EQ(SIZE, on_disk(self->fd, self->host, 5));
	p2pmem_fill(self->addr, SIZE, 6, 0);
	ASSERT_EQ(SIZE, ring_io(IORING_OP_READ, self->fd, self->addr, SIZE));
	EXPECT_EQ(SIZE, p2pmem_match(self->addr, SIZE, 5, 0));
}

static int pass_through(int fd, int opcode, void *addr)
{
	int nsid = ioctl(fd, NVME_IOCTL_ID);
	struct nvme_passthru_cmd cmd = {
		.opcode = opcode,
		.nsid = nsid,
		.addr = (uintptr_t)addr,
		.data_len = SIZE,
		.cdw12 = SIZE / 512 - 1,
	};

	return ioctl(fd, NVME_IOCTL_IO_CMD, &cmd) ? -errno : 0;
}

/* Commands of the drive's own, to a namespace or the head that it is behind */
TEST_F(storage, passthrough)
{
	if (ioctl(self->fd, NVME_IOCTL_ID) < 0)
		SKIP(return, "not an NVMe namespace");
	p2pmem_fill(self->addr, SIZE, 7, 0);
	ASSERT_EQ(0, pass_through(self->fd, 1, self->addr));
	EXPECT_EQ(SIZE, on_disk(self->fd, self->host, 7));
	p2pmem_fill(self->addr, SIZE, 8, 0);
	ASSERT_EQ(0, pass_through(self->fd, 2, self->addr));
	EXPECT_EQ(SIZE, p2pmem_match(self->addr, SIZE, 7, 0));
}

/* Not aligned to what the disk wants: not quietly by another way */
TEST_F(storage, odd_sizes)
{
	EXPECT_EQ(-1, pread(self->fd, self->addr, 100, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(self->fd, self->addr + 1, PAGE, 0));
	EXPECT_EQ(EINVAL, errno);
}

/* Through the page cache the processor copies: data is right, nothing is saved. */
TEST_F(storage, buffered)
{
	int fd = open(self->disk, O_RDWR);

	ASSERT_GE(fd, 0);
	p2pmem_fill(self->addr, SIZE, 9, 0);
	ASSERT_EQ(SIZE, pwrite(fd, self->addr, SIZE, 0));
	ASSERT_EQ(0, fsync(fd));
	EXPECT_EQ(SIZE, on_disk(self->fd, self->host, 9));
	p2pmem_fill(self->addr, SIZE, 10, 0);
	ASSERT_EQ(SIZE, pread(fd, self->addr, SIZE, 0));
	EXPECT_EQ(SIZE, p2pmem_match(self->addr, SIZE, 9, 0));
	close(fd);
}

/* A pipe takes a copy, but not the pages: they could stay there for ever. */
TEST_F(storage, pipes)
{
	struct iovec part = { self->addr, PAGE };
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	p2pmem_fill(self->addr, PAGE, 11, 0);
	EXPECT_EQ(-1, vmsplice(ends[1], &part, 1, 0));
	EXPECT_EQ(EREMOTEIO, errno);
	ASSERT_EQ(PAGE, write(ends[1], self->addr, PAGE));
	ASSERT_EQ(PAGE, read(ends[0], self->addr + PAGE, PAGE));
	EXPECT_EQ(PAGE, p2pmem_match(self->addr + PAGE, PAGE, 11, 0));
	close(ends[0]);
	close(ends[1]);
}

/* The file that mappings are made from has no content to be sent. */
TEST_F(storage, sendfile)
{
	int from = open(p2pmem_path(self->bdf, "p2pmem/allocate"), O_RDWR);
	int ends[2];

	ASSERT_GE(from, 0);
	ASSERT_EQ(0, pipe(ends));
	EXPECT_EQ(-1, sendfile(ends[1], from, NULL, PAGE));
	EXPECT_EQ(-1, splice(from, NULL, ends[1], NULL, PAGE, 0));
	close(from);
	close(ends[0]);
	close(ends[1]);
}

TEST_HARNESS_MAIN
