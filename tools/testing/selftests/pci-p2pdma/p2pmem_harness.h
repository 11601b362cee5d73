/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kselftest_harness.h, whose limits of each test are those of a fast machine:
 * scaled by how slow this one is
 */
#ifndef _P2PMEM_HARNESS_H
#define _P2PMEM_HARNESS_H

#include "../kselftest_harness.h"
#include "p2pmem.h"

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
