// SPDX-License-Identifier: GPL-2.0
/*
 * The provider's driver comes and goes; its controller is reset
 */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>

#include "p2pmem_harness.h"

#define DRIVER	"/sys/bus/pci/drivers/nvme/"

FIXTURE(lifecycle)
{
	const char *bdf;
	const char *source;
	bool reachable;
	long long size;
	long long available;	/* the driver may use some of it itself */
};

static void wait_until_published(const char *bdf)
{
	int i;

	for (i = 0; i < 600; i++) {
		if (p2pmem_read(p2pmem_path(bdf, "p2pmem/published")) == 1)
			return;
		usleep(50000);
	}
}

FIXTURE_SETUP(lifecycle)
{
	const char *reachable = p2pmem_env("P2PMEM_REACHABLE");

	self->bdf = p2pmem_env("P2PMEM_PROVIDER");
	self->source = p2pmem_env("P2PMEM_SOURCE");
	if (!self->bdf || !self->source || !reachable)
		SKIP(return, "P2PMEM_* are not set");
	self->reachable = *reachable == '1';
	wait_until_published(self->bdf);
	self->size = p2pmem_read(p2pmem_path(self->bdf, "p2pmem/size"));
	ASSERT_GT(self->size, 0);
	self->available = p2pmem_available(self->bdf);
	ASSERT_GT(self->available, 64 * PAGE);
}

/* Bound, and the pool as whole as at first */
FIXTURE_TEARDOWN(lifecycle)
{
	p2pmem_write(DRIVER "bind", self->bdf);
	wait_until_published(self->bdf);
	EXPECT_EQ(self->size,
		  p2pmem_read(p2pmem_path(self->bdf, "p2pmem/size")));
	EXPECT_EQ(self->available, p2pmem_available(self->bdf));
}

static sigjmp_buf fault;

static void on_fault(int signal)
{
	siglongjmp(fault, 1);
}

/* Does reading here raise a SIGBUS? */
static bool faults(const char *addr)
{
	struct sigaction action = { .sa_handler = on_fault }, before;
	bool raised = true;

	sigaction(SIGBUS, &action, &before);
	if (!sigsetjmp(fault, 1)) {
		__atomic_load_n(addr, __ATOMIC_RELAXED);
		raised = false;
	}
	sigaction(SIGBUS, &before, NULL);
	return raised;
}

TEST_F(lifecycle, unbind_while_mapped)
{
	char *addr = p2pmem_map(self->bdf, 16 * PAGE);
	int fd;

	ASSERT_NE(MAP_FAILED, addr);
	fd = open(p2pmem_path(self->bdf, "p2pmem/allocate"), O_RDWR);
	ASSERT_GE(fd, 0);
	EXPECT_FALSE(faults(addr));

	ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
	EXPECT_EQ(-1, p2pmem_available(self->bdf));
	EXPECT_TRUE(faults(addr));
	EXPECT_TRUE(faults(addr + 15 * PAGE));
	/* A file that was open before has nothing more to give. */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(ENODEV, errno);

	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
	wait_until_published(self->bdf);
	EXPECT_EQ(self->available, p2pmem_available(self->bdf));
	/* The old mapping and the old file stay dead. */
	EXPECT_TRUE(faults(addr));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	close(fd);
	EXPECT_EQ(0, munmap(addr, 16 * PAGE));
	EXPECT_EQ(self->available, p2pmem_available(self->bdf));
}

struct reader {
	pthread_t thread;
	const char *drive;
	void *buffer;
	atomic_bool stop;
	atomic_ulong moved;
};

/* Reads into peer memory until told to stop; errors are the weather. */
static void *read_on(void *data)
{
	struct reader *r = data;
	int fd = open(r->drive, O_RDONLY | O_DIRECT);

	while (!r->stop)
		if (pread(fd, r->buffer, 64 * PAGE, 0) > 0)
			r->moved++;
	close(fd);
	return NULL;
}

TEST_F(lifecycle, unbind_with_io_in_flight)
{
	struct reader r = { .drive = self->source };
	int i;

	if (!self->reachable)
		SKIP(return, "the drive doesn't reach the provider");
	for (i = 0; i < 3; i++) {
		r.stop = false;
		r.moved = 0;
		r.buffer = p2pmem_map(self->bdf, 64 * PAGE);
		ASSERT_NE(MAP_FAILED, r.buffer);
		ASSERT_EQ(0, pthread_create(&r.thread, NULL, read_on, &r));
		while (!r.moved)
			usleep(1000);
		EXPECT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
		EXPECT_EQ(-1, p2pmem_available(self->bdf));
		r.stop = true;
		pthread_join(r.thread, NULL);
		munmap(r.buffer, 64 * PAGE);
		EXPECT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
		wait_until_published(self->bdf);
		EXPECT_EQ(self->available, p2pmem_available(self->bdf));
	}
}

/* /sys/class/nvme/nvmeN of a PCI device */
static int controller(const char *bdf)
{
	DIR *dir = opendir(p2pmem_path(bdf, "nvme"));
	struct dirent *entry;
	int n = -1;

	while (dir && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "nvme%d", &n) == 1)
			break;
	if (dir)
		closedir(dir);
	return n;
}

TEST_F(lifecycle, fifty_resets)
{
	char path[64];
	void *addr;
	int i;

	snprintf(path, sizeof(path), "/sys/class/nvme/nvme%d/reset_controller",
		 controller(self->bdf));
	addr = p2pmem_map(self->bdf, 8 * PAGE);
	ASSERT_NE(MAP_FAILED, addr);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, p2pmem_write(path, "1")) {
			TH_LOG("reset %d", i);
		}
		ASSERT_EQ(self->available - 8 * PAGE, p2pmem_available(self->bdf));
		ASSERT_EQ(1, p2pmem_read(p2pmem_path(self->bdf,
						     "p2pmem/published")));
	}
	/* Reachable yet */
	p2pmem_fill(addr, 8 * PAGE, 9, 0);
	EXPECT_EQ(8 * PAGE, p2pmem_match(addr, 8 * PAGE, 9, 0));
	EXPECT_EQ(0, munmap(addr, 8 * PAGE));
}

TEST_HARNESS_MAIN
