// SPDX-License-Identifier: GPL-2.0
/*
 * A provider that is reset, unbound or turned off while others use its memory:
 * with the module p2pdma_provider, which P2PMEM_MODULE names, and a drive that
 * is slow enough for its I/O to be in flight then
 */
#include <linux/vfio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "p2pmem_harness.h"

#define DRIVER	"/sys/bus/pci/drivers/p2pdma_provider/"
#define DEBUG	"/sys/kernel/debug/p2pdma_provider/"
/* In config space */
#define COMMAND	0x04
#define BAR2	0x18
#define ROM	0x30
#define SIZE	MIB

FIXTURE(quiesce)
{
	const char *bdf;	/* of the test module's device */
	const char *slow, *source;
	long long size;
	int times;
};

FIXTURE_SETUP(quiesce)
{
	const char *module = p2pmem_env("P2PMEM_MODULE");
	int fd;

	self->bdf = p2pmem_env("P2PMEM_SHM");
	self->slow = p2pmem_env("P2PMEM_SLOW");
	self->source = p2pmem_env("P2PMEM_SOURCE");
	self->times = atoi(p2pmem_env("P2PMEM_TIMES") ?: "100");
	if (!module || !self->bdf || !self->slow || !self->source)
		SKIP(return, "P2PMEM_* are not set");
	fd = open(module, O_RDONLY);
	ASSERT_EQ(0, syscall(SYS_finit_module, fd, "", 0));
	close(fd);
	if (!p2pmem_has_mappings(self->bdf))
		SKIP(return, "this kernel has no user mappings of p2pmem");
	self->size = p2pmem_read(p2pmem_path(self->bdf, "p2pmem/size"));
	ASSERT_EQ(self->size, p2pmem_available(self->bdf));
}

FIXTURE_TEARDOWN(quiesce)
{
	EXPECT_EQ(0, syscall(SYS_delete_module, "p2pdma_provider", O_NONBLOCK));
	EXPECT_EQ(-1, p2pmem_available(self->bdf));
}

/* Of the Command register, returns what it was */
static uint16_t set_command(const char *bdf, uint16_t command)
{
	int fd = open(p2pmem_path(bdf, "config"), O_RDWR);
	uint16_t old;

	if (pread(fd, &old, 2, COMMAND) != 2 ||
	    pwrite(fd, &command, 2, COMMAND) != 2)
		abort();
	close(fd);
	return old;
}

/* A page that its user leaves full of something, for the next one to find */
static bool leave_page(const char *bdf)
{
	void *addr = p2pmem_map(bdf, PAGE);

	if (addr == MAP_FAILED)
		return false;
	p2pmem_fill(addr, PAGE, 0xa5a5, 0);
	return !munmap(addr, PAGE);
}

static bool zeros_are_mapped(const char *bdf)
{
	void *addr = p2pmem_map(bdf, PAGE);
	bool zero;

	if (addr == MAP_FAILED)
		return false;
	zero = p2pmem_is_zero(addr, PAGE);
	munmap(addr, PAGE);
	return zero;
}

/* The device doesn't decode its BAR, as in D3 or while it is reset. */
TEST_F(quiesce, zeros_to_a_device_that_is_off)
{
	uint16_t command;

	ASSERT_TRUE(leave_page(self->bdf));
	command = set_command(self->bdf, 0);
	EXPECT_EQ(MAP_FAILED, p2pmem_map(self->bdf, PAGE));
	EXPECT_EQ(EIO, errno);
	set_command(self->bdf, command);
	EXPECT_TRUE(zeros_are_mapped(self->bdf));
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));
}

/* The device's ROM, which takes no writes, in the place of its BAR 2 */
static void cover_bar(const char *bdf, uint32_t *bar, bool cover)
{
	int fd = open(p2pmem_path(bdf, "config"), O_RDWR);
	uint32_t zero[2] = {}, rom;

	if (cover && pread(fd, bar, 8, BAR2) != 8)
		abort();
	rom = cover ? (bar[0] & ~0xfU) | 1 : 0;
	if (cover && pwrite(fd, zero, 8, BAR2) != 8)
		abort();
	if (pwrite(fd, &rom, 4, ROM) != 4)
		abort();
	if (!cover && pwrite(fd, bar, 8, BAR2) != 8)
		abort();
	close(fd);
}

/* Whether zeros have arrived is known from what is read back. */
TEST_F(quiesce, zeros_that_get_lost)
{
	uint32_t bar[2];

	ASSERT_TRUE(leave_page(self->bdf));
	cover_bar(self->bdf, bar, true);
	EXPECT_EQ(MAP_FAILED, p2pmem_map(self->bdf, 3 * PAGE));
	EXPECT_EQ(EIO, errno);
	/* The page is out of use, those after it weren't touched. */
	EXPECT_EQ(self->size - (long long)PAGE, p2pmem_available(self->bdf));
	EXPECT_EQ(MAP_FAILED, p2pmem_map(self->bdf, PAGE));
	EXPECT_EQ(self->size - 2 * (long long)PAGE,
		  p2pmem_available(self->bdf));
	cover_bar(self->bdf, bar, false);
	/* Tried again, and given back */
	EXPECT_TRUE(zeros_are_mapped(self->bdf));
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));

	/* Unbind doesn't wait for such a page. */
	cover_bar(self->bdf, bar, true);
	EXPECT_EQ(MAP_FAILED, p2pmem_map(self->bdf, PAGE));
	cover_bar(self->bdf, bar, false);
	ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));
}

/* A read from the slow drive into the memory */
struct reader {
	pthread_t thread;
	const char *drive;
	void *addr;
	size_t size;
	atomic_bool reading, done;
	ssize_t got;
};

static void *read_slowly(void *data)
{
	struct reader *r = data;
	int fd = open(r->drive, O_RDONLY | O_DIRECT);

	r->reading = true;
	r->got = pread(fd, r->addr, r->size, 0);
	r->done = true;
	close(fd);
	return NULL;
}

/*
 * Begins a read, and returns when it is in flight. On a busy machine it may have
 * ended before that is looked at: then another one is begun.
 */
static bool start_reader(struct reader *r, const char *bdf, const char *drive,
			 size_t size)
{
	int i;

	for (i = 0; i < 10; i++) {
		*r = (struct reader){ .drive = drive, .size = size };
		r->addr = p2pmem_map(bdf, size);
		if (r->addr == MAP_FAILED ||
		    pthread_create(&r->thread, NULL, read_slowly, r))
			return false;
		while (!r->reading)
			usleep(100);
		usleep(20000);
		if (!r->done)
			return true;
		pthread_join(r->thread, NULL);
		munmap(r->addr, size);
	}
	return false;
}

/* Is it in the BAR? Where a mapping of this size has its pages is aligned. */
static bool is_in_bar(const char *bdf, size_t all, uint64_t seed, size_t size)
{
	int fd = open(p2pmem_path(bdf, "resource2"), O_RDWR);
	char *bar = mmap(NULL, all, PROT_READ, MAP_SHARED, fd, 0);
	bool found = false;
	size_t at;

	for (at = 0; bar != MAP_FAILED && at < all && !found; at += size)
		found = p2pmem_match(bar + at, size, seed, 0) == size;
	munmap(bar, all);
	close(fd);
	return found;
}

/*
 * The driver's remove function turns the device off. What was being read into
 * its memory is there, and nothing is when the function is called.
 */
TEST_F_TIMEOUT(quiesce, unbind_with_io_in_flight, 120)
{
	struct reader r;
	int i;

	ASSERT_EQ(0, p2pmem_write(DEBUG "off", "1"));
	for (i = 0; i < self->times / 10; i++) {
		p2pmem_fill_drive(self->slow, SIZE, i);
		ASSERT_TRUE(start_reader(&r, self->bdf, self->slow, SIZE));
		ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
		ASSERT_EQ(0, pthread_join(r.thread, NULL));
		EXPECT_EQ(SIZE, r.got);
		EXPECT_TRUE(p2pmem_is_gone(r.addr));
		munmap(r.addr, SIZE);
		ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
		ASSERT_TRUE(is_in_bar(self->bdf, self->size, i, SIZE));
	}
	EXPECT_EQ(i, p2pmem_read(DEBUG "looks"));
	EXPECT_EQ(0, p2pmem_read(DEBUG "pinned"));
}

static int reset(const char *bdf)
{
	return p2pmem_write(p2pmem_path(bdf, "reset"), "1");
}

/*
 * QEMU's ports don't say that the link is up again, and the kernel takes such a
 * reset for one that failed.
 */
static bool was_reset(int error)
{
	return !error || error == -ENOTTY || error == -ETIMEDOUT;
}

TEST_F_TIMEOUT(quiesce, resets_with_io_in_flight, 400)
{
	struct reader r;
	int i;

	for (i = 0; i < self->times / 10; i++) {
		p2pmem_fill_drive(self->slow, SIZE, 1000 + i);
		ASSERT_TRUE(start_reader(&r, self->bdf, self->slow, SIZE));
		ASSERT_TRUE(was_reset(reset(self->bdf)));
		ASSERT_EQ(0, pthread_join(r.thread, NULL));
		EXPECT_EQ(SIZE, r.got);
		EXPECT_TRUE(p2pmem_is_gone(r.addr));
		munmap(r.addr, SIZE);
		ASSERT_TRUE(is_in_bar(self->bdf, self->size, 1000 + i,
				      SIZE));
		/* It serves again, and nothing that was there is seen. */
		ASSERT_EQ(self->size, p2pmem_available(self->bdf));
		ASSERT_TRUE(zeros_are_mapped(self->bdf));
	}
	EXPECT_EQ(i, p2pmem_read(DEBUG "looks"));
	EXPECT_EQ(0, p2pmem_read(DEBUG "pinned"));
}

static bool is_recovered(long long times)
{
	int tries;

	for (tries = 0; tries < 600; tries++) {
		if (p2pmem_read(DEBUG "recovered") == times)
			return true;
		usleep(100000);
	}
	return false;
}

/* The device serves again once recovery is all over. */
static bool serves_again(const char *bdf)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (zeros_are_mapped(bdf))
			return true;
		if (errno != EIO)
			break;
		usleep(100000);
	}
	return false;
}

/*
 * A fatal error of the port above the memory. Recovery resets what is below, and
 * doesn't wait for I/O: the pages stay out of use until that has ended.
 */
TEST_F_TIMEOUT(quiesce, recovery_from_errors, 400)
{
	struct reader r;
	int i;

	if (!getenv("P2PMEM_MONITOR") || !*getenv("P2PMEM_MONITOR"))
		SKIP(return, "nobody passes commands on to QEMU's monitor");
	for (i = 0; i < self->times / 10; i++) {
		p2pmem_fill_drive(self->slow, SIZE, i);
		ASSERT_TRUE(start_reader(&r, self->bdf, self->slow, SIZE));
		printf("# monitor: pcie_aer_inject_error dp3 DLP\n");
		fflush(stdout);
		ASSERT_TRUE(is_recovered(i + 1));
		EXPECT_TRUE(p2pmem_is_gone(r.addr));
		ASSERT_EQ(0, pthread_join(r.thread, NULL));
		munmap(r.addr, SIZE);
		ASSERT_TRUE(serves_again(self->bdf));
		ASSERT_EQ(self->size, p2pmem_available(self->bdf));
	}
}

struct mapper {
	pthread_t thread;
	const char *bdf, *drive;
	atomic_bool stop;
	atomic_ulong good, refused, dirty;
};

/* In a process of its own, since a page may go while it is looked at */
static void map_and_look(struct mapper *m)
{
	void *addr = p2pmem_map(m->bdf, 4 * PAGE);
	int fd;

	if (addr == MAP_FAILED) {
		if (errno == EIO || errno == ENODEV)
			m->refused++;
		else
			m->dirty++;
		usleep(100);
		return;
	}
	if (!sigsetjmp(p2pmem_landing, 1)) {
		if (!p2pmem_is_zero(addr, 4 * PAGE))
			m->dirty++;
		p2pmem_fill(addr, 4 * PAGE, 3, 0);
		m->good++;
	}
	fd = open(m->drive, O_RDONLY | O_DIRECT);
	if (pread(fd, addr, 4 * PAGE, 0) < 0 && errno != EFAULT)
		m->dirty++;
	close(fd);
	munmap(addr, 4 * PAGE);
}

/* Mappings, stores to them and I/O at any moment of a reset */
TEST_F_TIMEOUT(quiesce, resets_with_users, 400)
{
	struct sigaction action = { .sa_handler = p2pmem_on_sigbus };
	struct mapper *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int i, status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, (void *)m);
	m->bdf = self->bdf;
	m->drive = self->source;
	p2pmem_fill_drive(self->source, SIZE, 4);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		sigaction(SIGBUS, &action, NULL);
		while (!m->stop)
			map_and_look(m);
		_exit(0);
	}
	for (i = 0; i < self->times; i++) {
		unsigned long before = m->good;

		EXPECT_TRUE(was_reset(reset(self->bdf)));
		/* Let it get going, each tenth time. */
		while (i % 10 == 0 && m->good == before &&
		       !waitpid(pid, &status, WNOHANG))
			usleep(200);
	}
	m->stop = true;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, m->dirty);
	EXPECT_GE(m->good, self->times / 10);
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));
	TH_LOG("%d resets, %lu mappings used, %lu refused", self->times,
	       m->good, m->refused);
	munmap(m, PAGE);
}

/* Kernel users are told, and the driver can wait for them. */
TEST_F(quiesce, holders)
{
	int tries;

	ASSERT_EQ(0, p2pmem_write(DEBUG "lets_go", "1"));
	ASSERT_EQ(0, p2pmem_write(DEBUG "hold", "3"));
	EXPECT_EQ(0, p2pmem_read(DEBUG "told"));
	ASSERT_TRUE(was_reset(reset(self->bdf)));
	EXPECT_EQ(1, p2pmem_read(DEBUG "told"));
	/* A reset doesn't wait for them. */
	for (tries = 0; tries < 100; tries++) {
		if (p2pmem_available(self->bdf) == self->size)
			break;
		usleep(100000);
	}
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));

	ASSERT_EQ(0, p2pmem_write(DEBUG "hold", "3"));
	ASSERT_EQ(0, p2pmem_write(DEBUG "drain", "1"));
	ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
	EXPECT_EQ(2, p2pmem_read(DEBUG "told"));
	EXPECT_EQ(0, p2pmem_read(DEBUG "held_at_the_end_of_remove"));
	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));
	ASSERT_EQ(0, p2pmem_write(DEBUG "lets_go", "0"));
}

/* All of the memory takes a while to zero. */
static void *map_all(int fd, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

TEST_F(quiesce, whole_memory)
{
	int fd = open(p2pmem_path(self->bdf, "p2pmem/allocate"), O_RDWR);
	double start = now();
	void *addr = map_all(fd, self->size);

	ASSERT_NE(MAP_FAILED, addr);
	TH_LOG("%lld MiB mapped in %.3f s", self->size >> 20, now() - start);
	EXPECT_EQ(0, p2pmem_available(self->bdf));
	EXPECT_TRUE(p2pmem_is_zero(addr, self->size));
	munmap(addr, self->size);
	close(fd);
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));
}

TEST_F(quiesce, killed_while_it_maps)
{
	int i, status;
	double start;
	pid_t pid;

	for (i = 0; i < 10; i++) {
		int fd = open(p2pmem_path(self->bdf, "p2pmem/allocate"), O_RDWR);

		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			while (1)
				munmap(map_all(fd, self->size), self->size);
		close(fd);
		usleep(20000 * i);
		start = now();
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_LT(now() - start, p2pmem_slowness());
		EXPECT_EQ(self->size, p2pmem_available(self->bdf));
	}
}

/* Counts how often it begins to map all but 1 MiB. */
static void map_again_and_again(atomic_ulong *begun, int fd, size_t size)
{
	while (1) {
		void *addr;

		++*begun;
		addr = map_all(fd, size - MIB);
		if (addr == MAP_FAILED)
			_exit(1);
		munmap(addr, size - MIB);
	}
}

/* A process that shares the open file doesn't wait for such a mapping. */
TEST_F_TIMEOUT(quiesce, two_that_share_an_open_file, 120)
{
	atomic_ulong *begun = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = open(p2pmem_path(self->bdf, "p2pmem/allocate"), O_RDWR);
	int i, status, at_once = 0;
	double longest = p2pmem_slowness(), start, small, large = 1;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, (void *)begun);
	for (i = 0; i < 3; i++) {
		start = now();
		munmap(map_all(fd, self->size - MIB), self->size - MIB);
		if (now() - start < large)
			large = now() - start;
	}
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		map_again_and_again(begun, fd, self->size);
	for (i = 0; i < 10; i++) {
		unsigned long before = *begun;
		void *addr;

		while (*begun == before && !waitpid(pid, &status, WNOHANG))
			usleep(100);
		usleep(large * 1e6 / 8);
		start = now();
		addr = map_all(fd, PAGE);
		ASSERT_NE(MAP_FAILED, addr);
		small = now() - start;
		EXPECT_LT(small, longest);
		if (small < large / 4)
			at_once++;
		munmap(addr, PAGE);
	}
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	TH_LOG("a large mapping takes %.3f s, a small one meanwhile at once: %d of %d",
	       large, at_once, i);
	EXPECT_GT(at_once, i / 2);
	close(fd);
	munmap(begun, PAGE);
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));
}

#define PM_TEST	"/sys/power/pm_test"

/*
 * Devices are suspended, and woken by the test mode. What was being read into
 * the memory is there: it was waited for. The last test: nvme freezes its queues
 * in one thread, and another one thaws them, at which lockdep gives up.
 */
TEST_F_TIMEOUT(quiesce, suspended_with_io_in_flight, 400)
{
	struct reader r;
	int i;

	if (access(PM_TEST, W_OK))
		SKIP(return, "this kernel can't test suspension");
	ASSERT_EQ(0, p2pmem_write(PM_TEST, "devices"));
	ASSERT_EQ(0, p2pmem_write("/sys/module/suspend/parameters/pm_test_delay",
				  "0"));
	ASSERT_EQ(0, p2pmem_write("/sys/power/pm_async", "0"));
	if (!access("/proc/lockdep_stats", F_OK))
		p2pmem_write("/dev/kmsg",
			     "expected warning begins: lock held when returning to user space\n");
	for (i = 0; i < self->times / 10; i++) {
		p2pmem_fill_drive(self->slow, SIZE, 2000 + i);
		ASSERT_TRUE(start_reader(&r, self->bdf, self->slow, SIZE));
		ASSERT_EQ(0, p2pmem_write("/sys/power/state", "freeze"));
		ASSERT_EQ(0, pthread_join(r.thread, NULL));
		EXPECT_EQ(SIZE, r.got);
		EXPECT_TRUE(p2pmem_is_gone(r.addr));
		munmap(r.addr, SIZE);
		ASSERT_TRUE(is_in_bar(self->bdf, self->size, 2000 + i,
				      SIZE));
		ASSERT_TRUE(zeros_are_mapped(self->bdf));
		ASSERT_EQ(self->size, p2pmem_available(self->bdf));
	}
	p2pmem_write("/dev/kmsg", "expected warning ends\n");
	ASSERT_EQ(0, p2pmem_write(PM_TEST, "none"));
}

/* QEMU moves each page into a drive's memory by a request of its own. */
#define PIECE	(32 * PAGE)

/* A device of vfio-pci, to which the module adds memory: see vfio.sh */
FIXTURE(vfio)
{
	const char *bdf, *slow;
	long long size;
	int times;
	int container, group, device;
};

/* Without an IOMMU */
static int open_group(const char *bdf)
{
	char path[512], name[64];
	ssize_t len = readlink(p2pmem_path(bdf, "iommu_group"), path,
			       sizeof(path) - 1);

	if (len < 0)
		return -1;
	path[len] = '\0';
	snprintf(name, sizeof(name), "/dev/vfio/noiommu-%.16s", basename(path));
	return open(name, O_RDWR);
}

FIXTURE_SETUP(vfio)
{
	self->bdf = p2pmem_env("P2PMEM_VFIO");
	self->slow = p2pmem_env("P2PMEM_SLOW");
	self->times = atoi(p2pmem_env("P2PMEM_TIMES") ?: "100");
	if (!self->bdf || !self->slow)
		SKIP(return, "P2PMEM_* are not set");
	self->container = open("/dev/vfio/vfio", O_RDWR);
	ASSERT_GE(self->container, 0);
	self->group = open_group(self->bdf);
	ASSERT_GE(self->group, 0);
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_SET_CONTAINER,
			   &self->container));
	ASSERT_EQ(0, ioctl(self->container, VFIO_SET_IOMMU,
			   VFIO_NOIOMMU_IOMMU));
	self->device = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD, self->bdf);
	ASSERT_GE(self->device, 0);
	ASSERT_EQ(0, p2pmem_write(DEBUG "range", "1"));
	self->size = p2pmem_read(p2pmem_path(self->bdf, "p2pmem/size"));
	ASSERT_GT(self->size, 2 * PIECE);
}

FIXTURE_TEARDOWN(vfio)
{
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));
	EXPECT_EQ(0, p2pmem_write(DEBUG "range", "0"));
	close(self->device);
	close(self->group);
	close(self->container);
}

/* Of the function alone, or of all that is below its port */
static int vfio_reset(int device, int group, bool hot)
{
	char buffer[sizeof(struct vfio_pci_hot_reset) + sizeof(__s32)] = {};
	struct vfio_pci_hot_reset *request = (void *)buffer;

	request->argsz = sizeof(buffer);
	request->count = 1;
	request->group_fds[0] = group;
	if (hot ? ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, request) :
		  ioctl(device, VFIO_DEVICE_RESET))
		return -errno;
	return 0;
}

TEST_F_TIMEOUT(vfio, resets_with_io_in_flight, 400)
{
	struct reader r;
	int i, error;

	for (i = 0; i < self->times / 10; i++) {
		bool hot = i % 2;

		p2pmem_fill_drive(self->slow, PIECE, 3000 + i);
		ASSERT_TRUE(start_reader(&r, self->bdf, self->slow, PIECE));
		error = vfio_reset(self->device, self->group, hot);
		ASSERT_TRUE(hot ? was_reset(error) : !error);
		/* It has been waited for. */
		EXPECT_TRUE(r.done);
		ASSERT_EQ(0, pthread_join(r.thread, NULL));
		EXPECT_EQ(PIECE, r.got);
		EXPECT_TRUE(p2pmem_is_gone(r.addr));
		munmap(r.addr, PIECE);
		ASSERT_TRUE(is_in_bar(self->bdf, self->size, 3000 + i,
				      PIECE));
		ASSERT_EQ(self->size, p2pmem_available(self->bdf));
		ASSERT_TRUE(zeros_are_mapped(self->bdf));
	}
}

/* The last user of the device closes it, upon which it is reset. */
TEST_F(vfio, closed_with_a_mapping)
{
	void *addr = p2pmem_map(self->bdf, PAGE);

	ASSERT_NE(MAP_FAILED, addr);
	EXPECT_FALSE(p2pmem_is_gone(addr));
	close(self->device);
	EXPECT_TRUE(p2pmem_is_gone(addr));
	munmap(addr, PAGE);
	self->device = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD, self->bdf);
	ASSERT_GE(self->device, 0);
	EXPECT_TRUE(zeros_are_mapped(self->bdf));
}

TEST_HARNESS_MAIN
