/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kselftest_harness.h, whose limits of each test are those of a fast machine:
 * scaled by how slow this one is. And mappings that are torn down
 */
#ifndef _P2PMEM_HARNESS_H
#define _P2PMEM_HARNESS_H

#include <setjmp.h>
#include <signal.h>

#include "../kselftest_harness.h"
#include "p2pmem.h"

static sigjmp_buf p2pmem_landing;

static inline void p2pmem_on_sigbus(int sig)
{
	siglongjmp(p2pmem_landing, sig);
}

/* Has this mapping been torn down? */
static inline bool p2pmem_is_gone(const void *addr)
{
	struct sigaction action = { .sa_handler = p2pmem_on_sigbus };
	bool gone = true;

	sigaction(SIGBUS, &action, NULL);
	if (!sigsetjmp(p2pmem_landing, 1)) {
		p2pmem_get(addr);
		gone = false;
	}
	signal(SIGBUS, SIG_DFL);
	return gone;
}

static inline int p2pmem_harness_run(int argc, char **argv)
{
	int slowness = p2pmem_slowness();
	struct __fixture_metadata *f;
	struct __test_metadata *t;

	for (f = __fixture_list; f; f = f->next)
		for (t = f->tests; t; t = t->next)
			t->timeout *= slowness;
	printf("# limits are scaled by %d\n", slowness);
	return test_harness_run(argc, argv);
}

/* What TEST_HARNESS_MAIN calls */
#define test_harness_run(argc, argv) p2pmem_harness_run(argc, argv)

#endif /* _P2PMEM_HARNESS_H */
