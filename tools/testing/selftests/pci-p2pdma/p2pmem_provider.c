// SPDX-License-Identifier: GPL-2.0
/*
 * A provider goes away while its memory is in use: with the module
 * p2pdma_provider, which P2PMEM_MODULE names
 */
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "p2pmem_harness.h"

#define DRIVER	"/sys/bus/pci/drivers/p2pdma_provider/"
#define DEBUG	"/sys/kernel/debug/p2pdma_provider/"
#define SIZE	(16 * PAGE)

static int load(const char *path)
{
	int error = 0, fd = open(path, O_RDONLY);

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", 0))
		error = -errno;
	close(fd);
	return error;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "p2pdma_provider", O_NONBLOCK) ?
		-errno : 0;
}

FIXTURE(provider)
{
	const char *bdf;	/* of the test module's device */
	const char *module;
	const char *source;
	const char *target;
	const char *client;	/* PCI address of the source */
	long long size;
};

FIXTURE_SETUP(provider)
{
	self->bdf = p2pmem_env("P2PMEM_SHM");
	self->module = p2pmem_env("P2PMEM_MODULE");
	self->source = p2pmem_env("P2PMEM_SOURCE");
	self->target = p2pmem_env("P2PMEM_TARGET");
	self->client = p2pmem_env("P2PMEM_SOURCE_PCI");
	if (!self->bdf || !self->module || !self->source || !self->target ||
	    !self->client)
		SKIP(return, "P2PMEM_* are not set");
	ASSERT_EQ(0, load(self->module));
	self->size = p2pmem_read(p2pmem_path(self->bdf, "p2pmem/size"));
	ASSERT_EQ(self->size, p2pmem_available(self->bdf));
	ASSERT_GT(self->size, SIZE);
}

FIXTURE_TEARDOWN(provider)
{
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));
	EXPECT_EQ(0, unload());
	EXPECT_EQ(-1, p2pmem_available(self->bdf));
}

/* Everything in the kernel's log since @fd was last read, up to @text */
static bool logged(int fd, const char *text)
{
	char line[1024];
	ssize_t len;

	while ((len = read(fd, line, sizeof(line) - 1)) > 0) {
		line[len] = 0;
		if (strstr(line, text))
			return true;
	}
	return false;
}

#define HUNG_TASK "/proc/sys/kernel/hung_task_"

/* Where this kernel has it: the detection of hung tasks, with 5 s, sees a wait. */
static bool seen_as_hung(int log)
{
	bool seen = false;
	int i;

	if (access(HUNG_TASK "timeout_secs", W_OK))
		return true;
	p2pmem_write("/dev/kmsg",
		     "expected warning begins: INFO: task .* blocked\n");
	p2pmem_write(HUNG_TASK "warnings", "1");
	p2pmem_write(HUNG_TASK "timeout_secs", "5");
	for (i = 0; i < 60 && !seen; i++) {
		sleep(1);
		seen = logged(log, "INFO: task p2pmem_provider");
	}
	p2pmem_write(HUNG_TASK "timeout_secs", "120");
	p2pmem_write(HUNG_TASK "warnings", "10");
	p2pmem_write("/dev/kmsg", "expected warning ends\n");
	return seen;
}

TEST_F_TIMEOUT(provider, unbind_waits_for_the_kernel, 90)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	int status;
	pid_t pid;

	ASSERT_GE(log, 0);
	lseek(log, 0, SEEK_END);
	ASSERT_EQ(0, p2pmem_write(DEBUG "hold", "3"));
	EXPECT_EQ(self->size - 3 * (long long)PAGE,
		  p2pmem_available(self->bdf));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(p2pmem_write(DRIVER "unbind", self->bdf) != 0);
	/* It says so after five seconds, and after ten. */
	sleep(8);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_TRUE(logged(log, "0 in user mappings or their I/O, 12288 of drivers"));
	EXPECT_FALSE(logged(log, "waiting for"));
	sleep(5);
	EXPECT_TRUE(logged(log, "waiting for 12288 bytes"));
	EXPECT_TRUE(seen_as_hung(log));
	EXPECT_EQ(-1, p2pmem_available(self->bdf));
	EXPECT_EQ(-ENODEV, p2pmem_write(DEBUG "hold", "1"));
	ASSERT_EQ(0, p2pmem_write(DEBUG "hold", "0"));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(log);
	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
}

/* A driver that turns its device off must not be disturbed by a user. */
TEST_F(provider, unmapped_before_remove)
{
	atomic_uint *word;
	int fds[2], status;
	char byte = 0;
	uint32_t n;
	pid_t pid;

	if (!p2pmem_has_mappings(self->bdf))
		SKIP(return, "this kernel has no user mappings of p2pmem");
	ASSERT_EQ(0, pipe(fds));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		word = p2pmem_map(self->bdf, self->size);
		if (word == MAP_FAILED)
			_exit(1);
		for (n = 1;; n++) {
			atomic_store_explicit(word, n, memory_order_relaxed);
			if (n == 1000 && write(fds[1], &byte, 1) != 1)
				_exit(1);
		}
	}
	close(fds[1]);
	ASSERT_EQ(1, read(fds[0], &byte, 1));
	ASSERT_EQ(0, p2pmem_write(DEBUG "stores", "1"));
	ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
	EXPECT_EQ(0, p2pmem_read(DEBUG "stores"));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	close(fds[0]);
	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
}

TEST_F(provider, unbind_with_clients)
{
	char line[64];

	snprintf(line, sizeof(line), "%s\n", self->client);
	ASSERT_EQ(0, p2pmem_write(DEBUG "clients", line));
	ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
	/* Bound, freed and bound again: it takes no memory to be reached. */
	EXPECT_EQ(0, p2pmem_write(DEBUG "clients", line));
	EXPECT_EQ(-ENODEV, p2pmem_write(DEBUG "hold", "1"));
	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
	EXPECT_EQ(0, p2pmem_write(DEBUG "clients", line));
	EXPECT_EQ(0, p2pmem_write(DEBUG "clients", "\n"));
	EXPECT_EQ(-ENODEV, p2pmem_write(DEBUG "clients", "0000:ff:1f.7\n"));
}

/* What isn't p2pmem, though at the same physical addresses, is left alone. */
TEST_F(provider, mapping_of_the_bar_stays)
{
	int fd = open(p2pmem_path(self->bdf, "resource2"), O_RDWR);
	uint32_t *word;

	ASSERT_GE(fd, 0);
	word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)word);
	__atomic_store_n(word, 0x12345678, __ATOMIC_RELAXED);
	ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
	EXPECT_EQ(0x12345678, __atomic_load_n(word, __ATOMIC_RELAXED));
	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
	EXPECT_EQ(0x12345678, __atomic_load_n(word, __ATOMIC_RELAXED));
	munmap(word, PAGE);
	close(fd);
}

struct mover {
	pthread_t thread;
	const char *bdf, *source, *target;
	atomic_bool stop;
	atomic_ulong moved;
	unsigned long failed;
};

/* From the source to the target, through memory that comes and goes */
static void *move(void *data)
{
	struct mover *m = data;
	int from = open(m->source, O_RDONLY | O_DIRECT);
	int to = open(m->target, O_WRONLY | O_DIRECT);
	bool moved = false;

	/* The last word is a transfer's that went well. */
	while (!m->stop || !moved) {
		void *addr = p2pmem_map(m->bdf, SIZE);

		moved = addr != MAP_FAILED &&
			pread(from, addr, SIZE, 0) == SIZE &&
			pwrite(to, addr, SIZE, 0) == SIZE;
		if (moved)
			m->moved++;
		else
			m->failed++;
		if (addr == MAP_FAILED)
			usleep(500);
		else
			munmap(addr, SIZE);
	}
	close(from);
	close(to);
	return NULL;
}

static size_t match_drive(const char *path, uint64_t seed)
{
	void *buffer = aligned_alloc(PAGE, SIZE);
	int fd = open(path, O_RDONLY | O_DIRECT);
	size_t same = 0;

	if (pread(fd, buffer, SIZE, 0) == SIZE)
		same = p2pmem_match(buffer, SIZE, seed, 0);
	close(fd);
	free(buffer);
	return same;
}

/* Fills the source, of which the mover begins to fill the target. */
static bool start_mover(struct mover *m, uint64_t seed)
{
	p2pmem_fill_drive(m->source, SIZE, seed);
	return !pthread_create(&m->thread, NULL, move, m);
}

/* Bytes of the target that are right */
static size_t stop_mover(struct mover *m, uint64_t seed)
{
	m->stop = true;
	pthread_join(m->thread, NULL);
	return match_drive(m->target, seed);
}

TEST_F_TIMEOUT(provider, a_thousand_binds_under_io, 800)
{
	struct mover m = { .bdf = self->bdf, .source = self->source,
			   .target = self->target };
	const char *binds = p2pmem_env("P2PMEM_BINDS") ?: "1000";
	int i;

	if (!p2pmem_has_mappings(self->bdf))
		SKIP(return, "this kernel has no user mappings of p2pmem");
	p2pmem_fill_drive(self->target, SIZE, 78);
	ASSERT_TRUE(start_mover(&m, 77));
	for (i = 0; i < atoi(binds); i++) {
		unsigned long before = m.moved;

		ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
		ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
		/* Let it get going, each tenth time. */
		while (i % 10 == 0 && m.moved == before)
			usleep(200);
	}
	EXPECT_EQ(SIZE, stop_mover(&m, 77));
	EXPECT_GT(m.moved, atoi(binds) / 10);
	TH_LOG("%s binds, %lu transfers moved, %lu failed", binds, m.moved,
	       m.failed);
}

TEST_F(provider, module_unload_while_mapped)
{
	struct mover m = { .bdf = self->bdf, .source = self->source,
			   .target = self->target };
	void *addr;
	int i;

	if (!p2pmem_has_mappings(self->bdf))
		SKIP(return, "this kernel has no user mappings of p2pmem");
	ASSERT_TRUE(start_mover(&m, 79));
	for (i = 0; i < 20; i++) {
		addr = p2pmem_map(self->bdf, PAGE);
		ASSERT_NE(MAP_FAILED, addr);
		ASSERT_EQ(0, unload());
		ASSERT_EQ(-1, p2pmem_available(self->bdf));
		ASSERT_EQ(0, load(self->module));
		ASSERT_EQ(0, munmap(addr, PAGE));
	}
	EXPECT_EQ(SIZE, stop_mover(&m, 79));
}

/* Each dies with transfers in flight, and leaves nothing behind. */
TEST_F(provider, killed_with_io_in_flight)
{
	int i, status;

	if (!p2pmem_has_mappings(self->bdf))
		SKIP(return, "this kernel has no user mappings of p2pmem");
	for (i = 0; i < 30; i++) {
		struct mover m = { .bdf = self->bdf, .source = self->source,
				   .target = self->target };
		pid_t pid = fork();

		ASSERT_GE(pid, 0);
		if (!pid) {
			move(&m);
			_exit(1);
		}
		usleep(20000 + i * 1000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));
}

/* By another module than the device's driver, which takes it back and adds it */
TEST_F(provider, memory_taken_back)
{
	struct mover m = { .bdf = self->bdf, .source = self->source,
			   .target = self->target };
	void *addr;
	int i;

	if (!p2pmem_has_mappings(self->bdf))
		SKIP(return, "this kernel has no user mappings of p2pmem");
	ASSERT_TRUE(start_mover(&m, 80));
	for (i = 0; i < 20; i++) {
		addr = p2pmem_map(self->bdf, PAGE);
		ASSERT_NE(MAP_FAILED, addr);
		ASSERT_EQ(0, p2pmem_write(DEBUG "range", "0"));
		ASSERT_EQ(-1, p2pmem_available(self->bdf));
		EXPECT_TRUE(p2pmem_is_gone(addr));
		ASSERT_EQ(0, munmap(addr, PAGE));
		ASSERT_EQ(0, p2pmem_write(DEBUG "range", "1"));
	}
	EXPECT_EQ(SIZE, stop_mover(&m, 80));
	/* It isn't there when the driver is unbound, which is none of its concern. */
	ASSERT_EQ(0, p2pmem_write(DEBUG "range", "0"));
	ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
}

/*
 * While the BAR is mapped write-combining elsewhere: on x86 the kernel's mapping
 * is of the same type then. Zeros must be there when a page is mapped.
 */
TEST_F(provider, mapped_write_combining)
{
	int fd = open(p2pmem_path(self->bdf, "resource2_wc"), O_RDWR), i;
	void *bar, *addr;

	if (fd < 0)
		SKIP(return, "this kernel has no write-combining mappings");
	ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
	bar = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
	EXPECT_EQ(self->size, p2pmem_available(self->bdf));
	for (i = 0; i < 20 && p2pmem_has_mappings(self->bdf); i++) {
		addr = p2pmem_map(self->bdf, SIZE);
		ASSERT_NE(MAP_FAILED, addr);
		EXPECT_TRUE(p2pmem_is_zero(addr, SIZE));
		p2pmem_fill(addr, SIZE, 82, 0);
		munmap(addr, SIZE);
	}
	munmap(bar, self->size);
	close(fd);
}

static unsigned long long physical_address(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (pread(fd, &entry, 8, (uintptr_t)addr / PAGE * 8) != 8)
		abort();
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

#define OFFLINE	"/sys/devices/system/memory/hard_offline_page"

/* Memory that loses data goes from its user, and nobody gets it again. */
TEST_F(provider, poisoned_page)
{
	char address[32];
	char *addr;

	if (!p2pmem_has_mappings(self->bdf))
		SKIP(return, "this kernel has no user mappings of p2pmem");
	if (access(OFFLINE, W_OK))
		SKIP(return, "this kernel can't tell of memory that fails");
	addr = p2pmem_map(self->bdf, SIZE);
	ASSERT_NE(MAP_FAILED, (void *)addr);
	p2pmem_fill(addr, SIZE, 81, 0);
	snprintf(address, sizeof(address), "%llu",
		 physical_address(addr + 3 * PAGE));
	ASSERT_EQ(0, p2pmem_write(OFFLINE, address));
	EXPECT_TRUE(p2pmem_is_gone(addr + 3 * PAGE));
	munmap(addr, SIZE);
	EXPECT_EQ(MAP_FAILED, p2pmem_map(self->bdf, self->size));
	EXPECT_EQ(ENOMEM, errno);
	addr = p2pmem_map(self->bdf, self->size - PAGE);
	ASSERT_NE(MAP_FAILED, (void *)addr);
	EXPECT_TRUE(p2pmem_is_zero(addr, self->size - PAGE));
	munmap(addr, self->size - PAGE);

	/* A driver that is bound again starts anew. */
	ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
	addr = p2pmem_map(self->bdf, self->size);
	EXPECT_NE(MAP_FAILED, (void *)addr);
	munmap(addr, self->size);
}

/* Pages can't be pinned for long: their device may want to go. */
TEST_F(provider, registered_buffers)
{
	struct io_uring_params params = {};
	struct iovec buffer = { .iov_len = SIZE };
	int ring = syscall(SYS_io_uring_setup, 1, &params);

	if (!p2pmem_has_mappings(self->bdf))
		SKIP(return, "this kernel has no user mappings of p2pmem");
	if (ring < 0)
		SKIP(return, "this kernel has no io_uring");
	buffer.iov_base = p2pmem_map(self->bdf, SIZE);
	ASSERT_NE(MAP_FAILED, buffer.iov_base);
	EXPECT_EQ(-1, syscall(SYS_io_uring_register, ring,
			      IORING_REGISTER_BUFFERS, &buffer, 1));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, p2pmem_write(DRIVER "unbind", self->bdf));
	EXPECT_TRUE(p2pmem_is_gone(buffer.iov_base));
	munmap(buffer.iov_base, SIZE);
	close(ring);
	ASSERT_EQ(0, p2pmem_write(DRIVER "bind", self->bdf));
}

TEST_HARNESS_MAIN
