// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the search for space: p2pdma_space.c, as genalloc calls it
 *
 * The pools are of addresses alone. Nobody touches what they stand for, so
 * they can be of any size.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/genalloc.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/log2.h>
#include <linux/percpu.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "../p2pdma.h"
#include "../p2pdma_space.h"

#define START		0x100000000UL
#define BLOCK_PAGES	512UL

struct space_test {
	struct gen_pool *pool;
	struct gen_pool_chunk *chunk;
	struct p2pdma_range range;
	unsigned long nr_pages;
};

static int run_on(unsigned int cpu)
{
	return set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

/* Each processor has a hint: which page is found must not depend on where. */
static int space_test_init(struct kunit *test)
{
	return run_on(cpumask_first(cpu_online_mask));
}

static void space_test_exit(struct kunit *test)
{
	struct space_test *t = test->priv;

	if (!t)
		return;
	if (t->chunk)
		bitmap_zero(t->chunk->bits, t->nr_pages);
	if (t->pool)
		gen_pool_destroy(t->pool);
	p2pdma_space_destroy(t->range.space);
	test->priv = NULL;
}

static struct space_test *space_test_create(struct kunit *test,
					    unsigned long nr_pages)
{
	struct space_test *t;

	space_test_exit(test);
	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->nr_pages = nr_pages;
	t->range.space = p2pdma_space_create(nr_pages);
	KUNIT_ASSERT_NOT_NULL(test, t->range.space);
	t->pool = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, t->pool);
	gen_pool_set_algo(t->pool, p2pdma_space_find, NULL);
	KUNIT_ASSERT_EQ(test, 0,
			gen_pool_add_owner(t->pool, START, START,
					   nr_pages << PAGE_SHIFT, NUMA_NO_NODE,
					   &t->range));
	t->chunk = list_first_entry(&t->pool->chunks, struct gen_pool_chunk,
				    next_chunk);
	return t;
}

/* Returns the first page, -1 if there is no space. */
static long get(struct space_test *t, unsigned long nr)
{
	unsigned long addr = gen_pool_alloc(t->pool, nr << PAGE_SHIFT);
	unsigned long page = (addr - START) >> PAGE_SHIFT;

	if (!addr)
		return -1;
	if (nr >= P2PDMA_SPACE_WORD_PAGES)
		p2pdma_space_settle(t->range.space, t->chunk->bits, page, nr);
	return page;
}

static void put(struct space_test *t, unsigned long page, unsigned long nr)
{
	gen_pool_free(t->pool, START + (page << PAGE_SHIFT), nr << PAGE_SHIFT);
	p2pdma_space_freed(t->range.space, t->chunk->bits, page, nr);
}

static unsigned long natural_alignment(unsigned long nr)
{
	return min(roundup_pow_of_two(nr), BLOCK_PAGES);
}

/* What genalloc's bitmap says, page by page */
static bool has_room(struct space_test *t, unsigned long nr,
		     unsigned long align)
{
	return bitmap_find_next_zero_area(t->chunk->bits, t->nr_pages, 0, nr,
					  align - 1) < t->nr_pages;
}

/* An aligned run as long as its alignment: what the index knows of */
static bool has_aligned_run(struct space_test *t, unsigned long nr)
{
	unsigned long align = natural_alignment(nr);

	return has_room(t, roundup(nr, align), align);
}

/* Every page is found, each once, and then none. */
static void to_the_last_page(struct kunit *test)
{
	static const unsigned long sizes[] = {
		1, 2, 63, 64, 65, 511, 512, 513, 704, 768, 4095, 4096, 4097,
		40000,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct space_test *t = space_test_create(test, sizes[i]);
		unsigned long n;

		for (n = 0; n < sizes[i]; n++)
			KUNIT_ASSERT_EQ(test, n, get(t, 1));
		KUNIT_EXPECT_EQ(test, -1, get(t, 1));
		for (n = 0; n < sizes[i]; n += 3)
			put(t, n, 1);
		/* genalloc itself sees to it that no page is given out twice. */
		for (n = 0; n < sizes[i]; n += 3)
			KUNIT_ASSERT_EQ(test, 0, get(t, 1) % 3);
		KUNIT_EXPECT_EQ(test, -1, get(t, 1));
		put(t, 0, sizes[i]);
		KUNIT_ASSERT_EQ(test, 0, get(t, sizes[i]));
		put(t, 0, sizes[i]);
	}
}

static void naturally_aligned(struct kunit *test)
{
	struct space_test *t = space_test_create(test, 16 * BLOCK_PAGES);
	unsigned long nr;

	for (nr = 1; nr <= 2 * BLOCK_PAGES; nr++) {
		long page, one = get(t, 1);

		page = get(t, nr);
		KUNIT_ASSERT_GE(test, page, 0);
		KUNIT_EXPECT_TRUE_MSG(test,
				      IS_ALIGNED(page, natural_alignment(nr)),
				      "%lu pages at page %ld", nr, page);
		put(t, page, nr);
		put(t, one, 1);
	}
}

/* Blocks with a page taken out of each, all but one */
static void one_aligned_place(struct kunit *test)
{
	struct space_test *t = space_test_create(test, 64 * BLOCK_PAGES);
	unsigned long i;
	unsigned int order;

	for (order = 1; order <= ilog2(BLOCK_PAGES); order++) {
		unsigned long nr = 1UL << order;

		KUNIT_ASSERT_EQ(test, 0, get(t, t->nr_pages));
		for (i = 0; i < t->nr_pages; i += nr)
			put(t, i + 1, nr - 1);
		KUNIT_EXPECT_FALSE(test, has_aligned_run(t, nr));
		KUNIT_EXPECT_EQ(test, -1, get(t, nr));
		put(t, 40 * BLOCK_PAGES, 1);
		KUNIT_ASSERT_EQ(test, 40 * BLOCK_PAGES, get(t, nr));
		put(t, 40 * BLOCK_PAGES, nr);
		for (i = 0; i < t->nr_pages; i += nr)
			if (i != 40 * BLOCK_PAGES)
				put(t, i, 1);
	}
}

/* No aligned place is left, but one across its border. */
static void place_that_is_not_aligned(struct kunit *test)
{
	struct space_test *t = space_test_create(test, 8 * BLOCK_PAGES);
	unsigned long nr;

	for (nr = 2; nr <= 2 * BLOCK_PAGES; nr++) {
		unsigned long at = 3 * BLOCK_PAGES - nr / 2;

		KUNIT_ASSERT_EQ(test, 0, get(t, t->nr_pages));
		put(t, at, nr);
		KUNIT_ASSERT_EQ(test, at, get(t, nr));
		put(t, 0, t->nr_pages);
	}
}

/* The last block has 11 - 8 words, and promises more than it has. */
static void part_of_a_block(struct kunit *test)
{
	struct space_test *t = space_test_create(test, 704);

	KUNIT_ASSERT_EQ(test, 0, get(t, 512));
	KUNIT_ASSERT_EQ(test, 512, get(t, 1));
	KUNIT_ASSERT_EQ(test, 513, get(t, 128));
	KUNIT_EXPECT_EQ(test, -1, get(t, 128));
	KUNIT_ASSERT_EQ(test, 672, get(t, 32));
	put(t, 0, 641);
	put(t, 672, 32);
	KUNIT_ASSERT_EQ(test, 0, get(t, 704));
	put(t, 0, 704);
}

/* 64 GiB of pages of 4 KiB, and one of them free */
static void large(struct kunit *test)
{
	struct space_test *t = space_test_create(test,
						 SZ_1G / PAGE_SIZE * 64);
	unsigned long i;

	KUNIT_ASSERT_EQ(test, 0, get(t, t->nr_pages));
	for (i = t->nr_pages - 1; i; i = i * 7 / 9) {
		put(t, i, 1);
		KUNIT_ASSERT_EQ(test, i, get(t, 1));
	}
	KUNIT_EXPECT_EQ(test, -1, get(t, 1));
	put(t, 0, t->nr_pages);
	KUNIT_ASSERT_EQ(test, 0, get(t, BLOCK_PAGES));
	KUNIT_ASSERT_EQ(test, BLOCK_PAGES, get(t, 3 * BLOCK_PAGES));
	put(t, 0, 4 * BLOCK_PAGES);
}

/*
 * Where processors begin: apart, unless that broke up much of the range, and in
 * the first quarter of it
 */
static void processors_apart(struct kunit *test)
{
	static const unsigned long blocks[] = { 1, 8, 31, 32, 48, 128, 4096 };
	int i;

	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		struct space_test *t =
			space_test_create(test, blocks[i] * BLOCK_PAGES);
		unsigned long nr = clamp(blocks[i] / 16, 1UL,
					 (unsigned long)num_possible_cpus());
		unsigned long apart = clamp(blocks[i] / 4 / nr, 1UL, 8UL);
		unsigned int cpu, n = 0;

		for_each_possible_cpu(cpu) {
			unsigned long *hint =
				per_cpu_ptr(t->range.space->hint, cpu);

			KUNIT_EXPECT_EQ(test,
					n++ % nr * apart * BLOCK_PAGES,
					*hint * P2PDMA_SPACE_WORD_PAGES);
		}
	}
}

/*
 * One processor frees in the word of its hint, which raises no bound. Another
 * one finds it, and by the index: the bounds above it are raised.
 */
static void freed_by_another(struct kunit *test)
{
	struct space_test *t = space_test_create(test, 64 * BLOCK_PAGES);
	struct p2pdma_space *space = t->range.space;
	unsigned long *top = &space->level[space->levels - 1][0];
	unsigned int one = cpumask_first(cpu_online_mask);
	unsigned int other = cpumask_next(one, cpu_online_mask);
	unsigned long i, order;

	if (other >= nr_cpu_ids)
		kunit_skip(test, "needs two processors");
	for (order = 0; order < ilog2(P2PDMA_SPACE_WORD_PAGES); order++) {
		KUNIT_ASSERT_EQ(test, 0, get(t, t->nr_pages));
		KUNIT_ASSERT_EQ(test, 0, run_on(one));
		*per_cpu_ptr(space->hint, one) = 0;
		for (i = 0; i < 1UL << order; i++)
			put(t, i, 1);
		KUNIT_EXPECT_EQ(test, 0, *top);

		KUNIT_ASSERT_EQ(test, 0, run_on(other));
		*per_cpu_ptr(space->hint, other) = 8;
		KUNIT_EXPECT_EQ(test, 0, get(t, 1UL << order));
		KUNIT_EXPECT_EQ(test, order + 1, *top);
		put(t, 0, t->nr_pages);
	}
}

static unsigned int lane(struct p2pdma_space *space, unsigned int level,
			 unsigned long i)
{
	return space->level[level][i / 8] >> (i % 8 * 8) & 0xff;
}

/* Is none of them below what is under it? */
static bool bounds_hold(struct p2pdma_space *space)
{
	unsigned long i, nr = DIV_ROUND_UP(space->nr_pages,
					   P2PDMA_SPACE_WORD_PAGES);
	unsigned int level;

	for (level = 0; level < space->levels - 1; level++) {
		for (i = 0; i < nr; i++)
			if (lane(space, level, i) >
			    lane(space, level + 1, i / 8))
				return false;
		nr = DIV_ROUND_UP(nr, 8);
	}
	return true;
}

struct interrupter {
	struct hrtimer timer;
	struct space_test *t;
	unsigned long page;		/* what to free, 0 if nothing */
	unsigned long nr_freed;
};

static enum hrtimer_restart interrupt(struct hrtimer *timer)
{
	struct interrupter *i = container_of(timer, struct interrupter, timer);
	unsigned long page = READ_ONCE(i->page);

	if (page) {
		WRITE_ONCE(i->page, 0);
		put(i->t, page, 2);
		i->nr_freed++;
	}
	hrtimer_forward_now(timer, 50 * NSEC_PER_USEC);
	return HRTIMER_RESTART;
}

/*
 * While a page is freed in a word of which nothing was free, two more are, by
 * an interrupt. Whatever step it comes between, no bound is below what is under
 * it after that.
 */
static void freed_at_once(struct kunit *test)
{
	const unsigned long nr_blocks = 2048;
	struct space_test *t = space_test_create(test, nr_blocks * BLOCK_PAGES);
	struct p2pdma_space *space = t->range.space;
	struct interrupter irq = { .t = t };
	unsigned int cpu, turn, low = 0;
	unsigned long block;

	for_each_possible_cpu(cpu) {
		unsigned long *hint = per_cpu_ptr(space->hint, cpu);

		*hint = 1;
	}
	hrtimer_init(&irq.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	irq.timer.function = interrupt;
	hrtimer_start(&irq.timer, 0, HRTIMER_MODE_REL_PINNED_HARD);
	for (turn = 0; turn < 16 && !get(t, t->nr_pages); turn++) {
		for (block = 0; block < nr_blocks; block++) {
			unsigned long first = block * BLOCK_PAGES;

			WRITE_ONCE(irq.page, first + 2);
			put(t, first, 1);
			/* Those that come too late are freed here. */
			if (xchg(&irq.page, 0))
				put(t, first + 2, 2);
			low += lane(space, 0, block * 8) >
			       lane(space, 1, block);
			put(t, first + 1, 1);
			put(t, first + 4, BLOCK_PAGES - 4);
		}
		cond_resched();
	}
	hrtimer_cancel(&irq.timer);
	KUNIT_EXPECT_EQ(test, 16, turn);
	KUNIT_EXPECT_NE(test, 0, irq.nr_freed);
	KUNIT_EXPECT_EQ(test, 0, low);
	KUNIT_EXPECT_TRUE(test, bounds_hold(space));
	kunit_info(test, "%lu of %lu freed by an interrupt, %u bounds too low\n",
		   irq.nr_freed, turn * nr_blocks, low);
}

struct trace_entry {
	unsigned long page, nr;
};

/*
 * Mixed sizes of up to a block, and at times larger, for a long time. A
 * refusal is right only if the bitmap has no such run, and an allocation that
 * isn't aligned only if there is no aligned one.
 */
static void long_trace(struct kunit *test)
{
	const unsigned int most = 600, turns = 40000;
	struct space_test *t = space_test_create(test, 32 * BLOCK_PAGES + 77);
	struct trace_entry *held;
	struct rnd_state rnd;
	unsigned int i, n = 0, refused = 0, unaligned = 0;

	held = kunit_kcalloc(test, most, sizeof(*held), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, held);
	prandom_seed_state(&rnd, 4);
	for (i = 0; i < turns; i++) {
		u32 random = prandom_u32_state(&rnd);
		unsigned long nr = 1 + (prandom_u32_state(&rnd) &
					((1UL << random % 11) - 1));
		long page;

		if (n == most || (n && (random >> 8) % 100 < 48)) {
			unsigned int which = random % n;

			put(t, held[which].page, held[which].nr);
			held[which] = held[--n];
			continue;
		}
		page = get(t, nr);
		if (page < 0) {
			refused++;
			KUNIT_ASSERT_FALSE(test, has_room(t, nr, 1));
			continue;
		}
		held[n++] = (struct trace_entry){ page, nr };
		if (IS_ALIGNED(page, natural_alignment(nr)))
			continue;
		unaligned++;
		put(t, page, nr);
		KUNIT_ASSERT_FALSE(test, has_aligned_run(t, nr));
		KUNIT_ASSERT_EQ(test, page, get(t, nr));
	}
	/* It was full enough to be of interest. */
	KUNIT_EXPECT_GT(test, refused, 100);
	KUNIT_EXPECT_GT(test, unaligned, 100);
	kunit_info(test, "%u turns, %u refused, %u not aligned\n", turns,
		   refused, unaligned);
	while (n--)
		put(t, held[n].page, held[n].nr);
	KUNIT_ASSERT_EQ(test, 0, get(t, t->nr_pages));
	put(t, 0, t->nr_pages);
}

#define RIVALS	4

struct rival {
	struct space_test *t;
	struct completion done;
	u8 *owner;		/* of each page, 0 if nobody */
	u8 name;
	unsigned long clashes;
};

static void mark(struct rival *r, unsigned long page, unsigned long nr,
		 u8 from, u8 to)
{
	for (; nr; nr--, page++)
		if (cmpxchg(&r->owner[page], from, to) != from)
			r->clashes++;
}

static int rival_run(void *data)
{
	struct trace_entry held[16] = {};
	struct rival *r = data;
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, r->name);
	for (i = 0; i < 20000; i++) {
		u32 random = prandom_u32_state(&rnd);
		struct trace_entry *h = &held[random % ARRAY_SIZE(held)];
		long page;

		if (h->nr) {
			mark(r, h->page, h->nr, r->name, 0);
			put(r->t, h->page, h->nr);
			h->nr = 0;
		}
		page = get(r->t, 1UL << (random >> 8) % 8);
		if (page >= 0) {
			*h = (struct trace_entry){
				page, 1UL << (random >> 8) % 8
			};
			mark(r, page, h->nr, 0, r->name);
		}
		cond_resched();
	}
	for (i = 0; i < ARRAY_SIZE(held); i++) {
		if (!held[i].nr)
			continue;
		mark(r, held[i].page, held[i].nr, r->name, 0);
		put(r->t, held[i].page, held[i].nr);
	}
	complete(&r->done);
	return 0;
}

/* Several at once, with less space than they want */
static void rivals(struct kunit *test)
{
	struct space_test *t = space_test_create(test, 2 * BLOCK_PAGES);
	struct rival *r;
	u8 *owner;
	int i;

	r = kunit_kcalloc(test, RIVALS, sizeof(*r), GFP_KERNEL);
	owner = kunit_kzalloc(test, t->nr_pages, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_NOT_NULL(test, owner);
	for (i = 0; i < RIVALS; i++) {
		struct task_struct *task;

		r[i] = (struct rival){ .t = t, .owner = owner, .name = i + 1 };
		init_completion(&r[i].done);
		task = kthread_run(rival_run, &r[i], "rival%d", i);
		KUNIT_EXPECT_FALSE(test, IS_ERR(task));
		if (IS_ERR(task))
			complete(&r[i].done);
	}
	for (i = 0; i < RIVALS; i++) {
		wait_for_completion(&r[i].done);
		KUNIT_EXPECT_EQ(test, 0, r[i].clashes);
	}
	KUNIT_EXPECT_EQ(test, gen_pool_size(t->pool), gen_pool_avail(t->pool));
	KUNIT_EXPECT_TRUE(test, bounds_hold(t->range.space));
	for (i = 0; i < t->nr_pages; i++)
		KUNIT_ASSERT_GE(test, get(t, 1), 0);
	put(t, 0, t->nr_pages);
}

static struct kunit_case p2pdma_space_cases[] = {
	KUNIT_CASE(to_the_last_page),
	KUNIT_CASE(naturally_aligned),
	KUNIT_CASE(one_aligned_place),
	KUNIT_CASE(place_that_is_not_aligned),
	KUNIT_CASE(part_of_a_block),
	KUNIT_CASE(large),
	KUNIT_CASE(processors_apart),
	KUNIT_CASE(freed_by_another),
	KUNIT_CASE(freed_at_once),
	KUNIT_CASE(long_trace),
	KUNIT_CASE(rivals),
	{}
};

static struct kunit_suite p2pdma_space_suite = {
	.name = "p2pdma_space",
	.init = space_test_init,
	.exit = space_test_exit,
	.test_cases = p2pdma_space_cases,
};

kunit_test_suite(p2pdma_space_suite);
