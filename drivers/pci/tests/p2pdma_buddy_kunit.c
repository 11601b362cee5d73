// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the buddy system: p2pdma_buddy.c
 *
 * The page structures are of no memory. A bitmap, in which a bit is a page that
 * is taken, says what must hold.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../p2pdma_buddy.h"

struct buddy_test {
	struct p2pdma_buddy buddy;
	struct page *pages;
	unsigned long *taken;
	unsigned long nr_pages;
};

static void buddy_test_exit(struct kunit *test)
{
	struct buddy_test *t = test->priv;

	if (!t)
		return;
	p2pdma_buddy_destroy(&t->buddy);
	t->buddy.recent = NULL;
	kvfree(t->pages);
	bitmap_free(t->taken);
	t->pages = NULL;
	t->taken = NULL;
}

static struct buddy_test *buddy_test_create(struct kunit *test,
					    unsigned long nr_pages)
{
	struct buddy_test *t;

	buddy_test_exit(test);
	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->nr_pages = nr_pages;
	t->pages = kvcalloc(nr_pages, sizeof(*t->pages), GFP_KERNEL);
	t->taken = bitmap_zalloc(nr_pages, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->pages);
	KUNIT_ASSERT_NOT_NULL(test, t->taken);
	KUNIT_ASSERT_EQ(test, p2pdma_buddy_init(&t->buddy, t->pages, nr_pages),
			0);
	return t;
}

/* As the call, and what was free before is marked. */
static unsigned long take(struct kunit *test, struct buddy_test *t,
			  unsigned long nr)
{
	unsigned long page = p2pdma_buddy_alloc(&t->buddy, nr);

	if (page == P2PDMA_NO_PAGE)
		return page;
	KUNIT_ASSERT_LE(test, page + nr, t->nr_pages);
	KUNIT_EXPECT_EQ(test, page % roundup_pow_of_two(nr), 0);
	KUNIT_ASSERT_GE(test, find_next_bit(t->taken, page + nr, page),
			page + nr);
	bitmap_set(t->taken, page, nr);
	return page;
}

static void give(struct kunit *test, struct buddy_test *t, unsigned long page,
		 unsigned long nr)
{
	KUNIT_ASSERT_GE(test, find_next_zero_bit(t->taken, page + nr, page),
			page + nr);
	bitmap_clear(t->taken, page, nr);
	p2pdma_buddy_free(&t->buddy, page, nr);
}

static bool is_free(struct buddy_test *t, unsigned long page, unsigned long nr)
{
	return page + nr <= t->nr_pages &&
	       find_next_bit(t->taken, page + nr, page) >= page + nr;
}

/* The largest naturally aligned block that is free, and how many there are */
static void expect_as_bitmap(struct kunit *test, struct buddy_test *t)
{
	unsigned long page = 0, largest = 0, blocks = 0;

	while (page < t->nr_pages) {
		unsigned long size = 1;

		if (!is_free(t, page, 1)) {
			page++;
			continue;
		}
		while (page % (2 * size) == 0 && is_free(t, page, 2 * size))
			size *= 2;
		largest = max(largest, size);
		blocks++;
		page += size;
	}
	KUNIT_EXPECT_EQ(test, p2pdma_buddy_largest(&t->buddy), largest);
	KUNIT_EXPECT_EQ(test, p2pdma_buddy_blocks(&t->buddy), blocks);
}

static const unsigned long sizes[] = {
	1, 2, 3, 63, 64, 65, 511, 512, 513, 768, 4095, 4096, 4097, 40000,
};

/* Every page is found, each once, and then none. */
static void to_the_last_page(struct kunit *test)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct buddy_test *t = buddy_test_create(test, sizes[i]);
		unsigned long n;

		expect_as_bitmap(test, t);
		for (n = 0; n < sizes[i]; n++)
			KUNIT_ASSERT_NE(test, take(test, t, 1), P2PDMA_NO_PAGE);
		KUNIT_EXPECT_EQ(test, take(test, t, 1), P2PDMA_NO_PAGE);
		KUNIT_EXPECT_EQ(test, p2pdma_buddy_largest(&t->buddy), 0);
		for (n = 0; n < sizes[i]; n += 3)
			give(test, t, n, 1);
		expect_as_bitmap(test, t);
		for (n = 0; n < sizes[i]; n++)
			if (n % 3)
				give(test, t, n, 1);
		expect_as_bitmap(test, t);
	}
}

/* A run of any length, and what is left of its block */
static void runs(struct kunit *test)
{
	unsigned long nr, page;

	for (nr = 1; nr <= 300; nr++) {
		struct buddy_test *t = buddy_test_create(test, 512);

		page = take(test, t, nr);
		KUNIT_ASSERT_EQ(test, page, 0);
		expect_as_bitmap(test, t);
		/* The rest, to the last page */
		while ((page = p2pdma_buddy_largest(&t->buddy)))
			KUNIT_ASSERT_NE(test, take(test, t, page),
					P2PDMA_NO_PAGE);
		KUNIT_EXPECT_TRUE(test, bitmap_full(t->taken, 512));
		give(test, t, 0, nr);
		expect_as_bitmap(test, t);
	}
}

/* A part that comes back isn't taken for a run that is aligned. */
static void parts_are_not_runs(struct kunit *test)
{
	struct buddy_test *t = buddy_test_create(test, 64);
	unsigned long page = take(test, t, 64), n;

	KUNIT_ASSERT_EQ(test, page, 0);
	for (n = 1; n < 64; n += 8)
		give(test, t, n, 3);
	KUNIT_EXPECT_EQ(test, take(test, t, 3), P2PDMA_NO_PAGE);
	for (n = 1; n < 64; n += 8)
		KUNIT_EXPECT_NE(test, take(test, t, 2), P2PDMA_NO_PAGE);
	expect_as_bitmap(test, t);
}

/* What was taken at once may come back page by page, in any order. */
static void given_back_by_page(struct kunit *test)
{
	struct buddy_test *t = buddy_test_create(test, 5000);
	unsigned long page = take(test, t, 700), n;

	KUNIT_ASSERT_NE(test, page, P2PDMA_NO_PAGE);
	for (n = 0; n < 700; n++)
		give(test, t, page + n * 3 % 700, 1);
	expect_as_bitmap(test, t);
	KUNIT_EXPECT_EQ(test, p2pdma_buddy_largest(&t->buddy), 4096);
}

static void not_served(struct kunit *test)
{
	struct buddy_test *t = buddy_test_create(test, 64);
	unsigned long n;

	KUNIT_EXPECT_EQ(test, take(test, t, 65), P2PDMA_NO_PAGE);
	KUNIT_EXPECT_EQ(test, take(test, t, 1UL << 40), P2PDMA_NO_PAGE);
	KUNIT_EXPECT_EQ(test, take(test, t, 1UL << 63), P2PDMA_NO_PAGE);
	KUNIT_EXPECT_EQ(test, take(test, t, ULONG_MAX), P2PDMA_NO_PAGE);
	KUNIT_EXPECT_EQ(test, take(test, t, 64), 0);
	for (n = 0; n < 64; n += 2)
		give(test, t, n, 1);
	KUNIT_EXPECT_EQ(test, take(test, t, 2), P2PDMA_NO_PAGE);
	expect_as_bitmap(test, t);
}

/* Takes, and gives back parts of, what comes; at odd moments looks at all. */
static void at_random(struct kunit *test)
{
	enum { SIZE = 3000, STEPS = 20000, HELD = 128 };
	struct buddy_test *t = buddy_test_create(test, SIZE);
	struct {
		unsigned long page, nr;
	} *held = kunit_kcalloc(test, HELD, sizeof(*held), GFP_KERNEL);
	struct rnd_state rnd;
	int step, failed = 0;

	KUNIT_ASSERT_NOT_NULL(test, held);
	prandom_seed_state(&rnd, 20261127);
	for (step = 0; step < STEPS; step++) {
		unsigned int i = prandom_u32_state(&rnd) % HELD;
		unsigned long nr = prandom_u32_state(&rnd);

		if (held[i].nr) {
			nr = nr % held[i].nr + 1;
			give(test, t, held[i].page, nr);
			held[i].page += nr;
			held[i].nr -= nr;
		} else {
			nr = nr % (1UL << nr % 9) + 1;
			held[i].page = take(test, t, nr);
			held[i].nr = held[i].page == P2PDMA_NO_PAGE ? 0 : nr;
			failed += !held[i].nr;
			/* Only what has no free block fails. */
			if (!held[i].nr)
				KUNIT_EXPECT_LT(test,
						p2pdma_buddy_largest(&t->buddy),
						roundup_pow_of_two(nr));
		}
		if (step % 64 == 0)
			expect_as_bitmap(test, t);
	}
	KUNIT_EXPECT_GT(test, failed, 10);
	KUNIT_EXPECT_LT(test, failed, STEPS / 4);
	for (step = 0; step < HELD; step++)
		if (held[step].nr)
			give(test, t, held[step].page, held[step].nr);
	expect_as_bitmap(test, t);
}

enum { RIVALS = 4, ROUNDS = 20000 };

struct rival {
	struct buddy_test *t;
	struct completion done;
	unsigned long twice;
	unsigned int seed;
};

static int take_and_give(void *data)
{
	struct rival *rival = data;
	struct buddy_test *t = rival->t;
	struct rnd_state rnd;
	unsigned long page, n;
	int round;

	prandom_seed_state(&rnd, rival->seed);
	for (round = 0; round < ROUNDS; round++) {
		unsigned long nr = prandom_u32_state(&rnd) % 40 + 1;

		page = p2pdma_buddy_alloc(&t->buddy, nr);
		if (page == P2PDMA_NO_PAGE)
			continue;
		for (n = page; n < page + nr; n++)
			rival->twice += test_and_set_bit(n, t->taken);
		if (round % 16 == 0)
			cond_resched();
		for (n = page; n < page + nr; n++)
			clear_bit(n, t->taken);
		p2pdma_buddy_free(&t->buddy, page, nr);
	}
	complete(&rival->done);
	return 0;
}

/* Several at once never have the same page. */
static void at_once(struct kunit *test)
{
	struct buddy_test *t = buddy_test_create(test, 100);
	struct rival *rival = kunit_kcalloc(test, RIVALS, sizeof(*rival),
					    GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, rival);
	for (i = 0; i < RIVALS; i++) {
		rival[i].t = t;
		rival[i].seed = i;
		init_completion(&rival[i].done);
		if (IS_ERR(kthread_run(take_and_give, &rival[i], "rival/%d", i)))
			complete(&rival[i].done);
	}
	for (i = 0; i < RIVALS; i++) {
		wait_for_completion(&rival[i].done);
		KUNIT_EXPECT_EQ(test, rival[i].twice, 0);
	}
	expect_as_bitmap(test, t);
}

static struct kunit_case p2pdma_buddy_cases[] = {
	KUNIT_CASE(to_the_last_page),
	KUNIT_CASE(runs),
	KUNIT_CASE(parts_are_not_runs),
	KUNIT_CASE(given_back_by_page),
	KUNIT_CASE(not_served),
	KUNIT_CASE(at_random),
	KUNIT_CASE(at_once),
	{}
};

static struct kunit_suite p2pdma_buddy_suite = {
	.name = "p2pdma_buddy",
	.exit = buddy_test_exit,
	.test_cases = p2pdma_buddy_cases,
};

kunit_test_suite(p2pdma_buddy_suite);
