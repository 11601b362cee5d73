// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: where in a range there is space
 *
 * genalloc's bitmap says which pages are free. To search it costs the more the
 * larger and the fuller the range is. So there is an index over it, and an
 * algorithm for genalloc that asks the index first.
 *
 * The index is a tree of lanes, eight to a node. A lane holds the bound of
 * what is below it: one more than the order of the largest free run of pages
 * that is naturally aligned and a power of two, zero if no page is free.
 *
 *   level 0     a lane for each word of the bitmap    0 ... WORD_BOUND
 *   level 1     for each node of level 0, a block     0 ... BLOCK_BOUND
 *   level 2...  for each node of the level below, to the single top node
 *
 * Larger runs than a block (512 pages: 2 MiB, with pages of 4 KiB) aren't told
 * apart: BLOCK_BOUND is enough for them.
 *
 * A bound may be too high, but not too low:
 * - To free raises the bounds above what was freed.
 * - To allocate a word or more settles the bounds above it.
 * - To allocate less changes no bound. The search that a bound leads astray
 *   settles it.
 * So what a search settles is paid for by what was allocated or freed before,
 * and what it costs beyond depends on the depth of the tree alone. But a run
 * of more than a block takes a look at each block's lane; a search that the
 * tree has nothing for, one at each processor's hint; and a run for which there
 * is no aligned place, a search of the bitmap.
 *
 * A single page is looked for in the word where the processor found the last
 * one, its hint, and then next to it; a longer run from the beginning. A
 * processor that frees in its own hint's word raises no bound: that is done
 * when the hint moves on, or when somebody finds nothing. Hints begin in
 * different cache lines of the bitmap, where the range is large. They may meet
 * later, and then processors wait for each other, as in any bitmap.
 *
 * No lock is taken. Who frees clears bits, then looks at the bound; who
 * settles lowers the bound, then looks at the bits again; between the two
 * steps of either is a full barrier. So one of them sees what the other did,
 * at each level; and likewise of who frees in a hint's word, and who moves
 * that hint. genalloc takes back what it marked before it met another one's
 * marks; when it asks again, the bounds there are raised. A bound that is too
 * low for a moment costs a search of the bitmap, never the space.
 */

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/genalloc.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "p2pdma.h"
#include "p2pdma_space.h"

#define LANES		8
#define LANE_BITS	8
#define EACH_LANE	(~0UL / 0xff)			/* one in each lane */
#define LANE_TOPS	(EACH_LANE << (LANE_BITS - 1))

#define WORD_ORDER	6
#define WORD_PAGES	P2PDMA_SPACE_WORD_PAGES
#define WORD_BOUND	(WORD_ORDER + 1)		/* all of it is free */
#define BLOCK_ORDER	(WORD_ORDER + 3)
#define BLOCK_PAGES	(WORD_PAGES * LANES)
#define BLOCK_BOUND	(BLOCK_ORDER + 1)		/* all of it is free */

/*
 * The first single pages break up one block, or one of so many blocks; and leave
 * the rest of the range, beyond such a part of it, to large runs.
 */
#define BLOCKS_BY_HINT	16
#define HINTS_PART	4

static_assert(WORD_PAGES == BITS_PER_LONG);
static_assert(ilog2(BITS_PER_LONG) == WORD_ORDER);
static_assert(LANES * LANE_BITS == BITS_PER_LONG);

/* Runs of free pages */

/*
 * One turn of a search for aligned runs in a mask: of those that begin where
 * @runs says and are 1 << @order bits long, keeps the ones that make up the
 * next order.
 */
static unsigned long pair_up(unsigned long runs, unsigned int order)
{
	static const unsigned long starts[] = {
		0x5555555555555555, 0x1111111111111111, 0x0101010101010101,
		0x0001000100010001, 0x0000000100000001, 0x0000000000000001,
	};

	return runs & (runs >> (1 << order)) & starts[order];
}

static __always_inline unsigned long pages_of(struct p2pdma_space *space, unsigned long word)
{
	return likely(word < space->nr_pages / WORD_PAGES) ?
			~0UL : BITMAP_LAST_WORD_MASK(space->nr_pages);
}

/* The same of runs of whole words, in a mask with a bit in the lane of each */
static unsigned long pair_up_words(unsigned long runs, unsigned int order)
{
	return pair_up(runs, order - WORD_ORDER + ilog2(LANE_BITS));
}

static __always_inline unsigned long
free_pages_of(struct p2pdma_space *space, const unsigned long *map,
	      unsigned long word)
{
	return ~READ_ONCE(map[word]) & pages_of(space, word);
}

/* A mask with a bit in the lane of each word of the block that is free */
static unsigned long free_words_of(struct p2pdma_space *space,
				   const unsigned long *map,
				   unsigned long block)
{
	unsigned long i, first = block * LANES, free_words = 0;

	for (i = 0; i < LANES && first + i < space->nr_pages / WORD_PAGES; i++)
		if (!READ_ONCE(map[first + i]))
			free_words |= 1UL << (i * LANE_BITS);
	return free_words;
}

/* Bounds */

static __always_inline unsigned int lane_of(unsigned long node, unsigned long lane)
{
	return node >> (lane % LANES * LANE_BITS) & 0xff;
}

/* The top bit of each lane that is at least @bound; no bound reaches it. */
static __always_inline unsigned long lanes_from(unsigned long node,
						unsigned int bound)
{
	return ((node | LANE_TOPS) - EACH_LANE * bound) & LANE_TOPS;
}

static unsigned int highest_lane(unsigned long node)
{
	unsigned int highest = 0;

	for (; node; node >>= LANE_BITS)
		highest = max(highest, lane_of(node, 0));
	return highest;
}

static __always_inline unsigned int bound_of_word(unsigned long runs)
{
	unsigned int order;

	for (order = 0; runs && order < WORD_ORDER; order++)
		runs = pair_up(runs, order);
	return runs ? WORD_BOUND : order;
}

/* @node: the bounds of its words. Those that are free run like bits do. */
static unsigned int bound_of_block(unsigned long node)
{
	unsigned long runs = lanes_from(node, WORD_BOUND) >> (LANE_BITS - 1);
	unsigned int order = WORD_ORDER;

	if (!runs)
		return highest_lane(node);
	for (; runs && order < BLOCK_ORDER; order++)
		runs = pair_up_words(runs, order);
	return runs ? BLOCK_BOUND : order;
}

/* What the lane above a node should be, as of now */
static unsigned int bound_of_node(struct p2pdma_space *space,
				  unsigned int level, unsigned long node)
{
	unsigned long lanes = READ_ONCE(space->level[level][node]);

	if (!lanes)
		return 0;
	return level ? highest_lane(lanes) : bound_of_block(lanes);
}

static __always_inline unsigned long *
node_of(struct p2pdma_space *space, unsigned int level, unsigned long lane)
{
	return &space->level[level][lane / LANES];
}

/* @bound in a lane, and zero in the others */
static __always_inline unsigned long in_lane(unsigned long lane,
					     unsigned long bound)
{
	return bound << lane % LANES * LANE_BITS;
}

/* @node with another @bound in a lane */
static __always_inline unsigned long
with_lane(unsigned long node, unsigned long lane, unsigned int bound)
{
	return (node & ~in_lane(lane, 0xff)) | in_lane(lane, bound);
}

/*
 * Raises the lanes from @level up that are below @bound; none is above one
 * that isn't. Each that it changes is a full barrier.
 */
static void raise_lanes(struct p2pdma_space *space, unsigned int level,
			unsigned long lane, unsigned int bound)
{
	for (; level < space->levels; level++, lane /= LANES) {
		unsigned long *node = node_of(space, level, lane);
		unsigned long old = READ_ONCE(*node);

		do {
			if (lane_of(old, lane) >= bound)
				return;
		} while (!try_cmpxchg(node, &old,
				      with_lane(old, lane, bound)));
	}
}

/*
 * The same to one. Only a lane that is zero is written: to add to one that
 * another one has raised would leave those above it below it.
 */
static __always_inline void raise_lanes_to_page(struct p2pdma_space *space,
						unsigned long lane)
{
	unsigned int level = 0;

	do {
		unsigned long *node = node_of(space, level, lane);
		unsigned long old = READ_ONCE(*node);

		do {
			if (lane_of(old, lane))
				return;
		} while (!try_cmpxchg(node, &old, old | in_lane(lane, 1)));
		lane /= LANES;
	} while (++level < space->levels);
}

static noinline void raise_word(struct p2pdma_space *space, unsigned long word,
				unsigned int bound)
{
	raise_lanes(space, 0, word, bound);
	/* It may be the last one of a free block. */
	if (bound == WORD_BOUND)
		raise_lanes(space, 1, word / LANES,
			    bound_of_node(space, 0, word / LANES));
}

/**
 * p2pdma_space_raise - raise the bounds above the free pages of a word
 * @space: of the range
 * @map: its bits, those of the pages cleared, and a full barrier after that
 * @word: of @map
 *
 * Context: Any.
 */
void p2pdma_space_raise(struct p2pdma_space *space, const unsigned long *map,
			unsigned long word)
{
	raise_word(space, word, bound_of_word(free_pages_of(space, map, word)));
}

/**
 * p2pdma_space_raise_page - raise the bounds above one freed page
 * @space: of the range
 * @map: its bits, the page's cleared, and a full barrier after that
 * @page: the page
 *
 * Only runs that the page is part of have become free with it.
 *
 * Context: Any.
 */
void p2pdma_space_raise_page(struct p2pdma_space *space,
			     const unsigned long *map, unsigned long page)
{
	unsigned long free = free_pages_of(space, map, page / WORD_PAGES);
	unsigned int order, bit = page % WORD_PAGES;

	for (order = 0; order < WORD_ORDER; order++) {
		unsigned int nr = 2 << order;

		if (GENMASK(nr - 1, 0) << (bit & ~(nr - 1)) & ~free)
			break;
	}
	if (order)
		raise_word(space, page / WORD_PAGES, order + 1);
	else
		raise_lanes_to_page(space, page / WORD_PAGES);
}

/**
 * p2pdma_space_raise_run - raise the bounds above freed pages
 * @space: of the range
 * @map: its bits, those of the pages cleared, and a full barrier after that
 * @page: the first one
 * @nr: of pages
 *
 * Context: Any.
 */
void p2pdma_space_raise_run(struct p2pdma_space *space,
			    const unsigned long *map, unsigned long page,
			    unsigned long nr)
{
	unsigned long word, last = (page + nr - 1) / WORD_PAGES;

	for (word = page / WORD_PAGES; word <= last; word++)
		p2pdma_space_raise(space, map, word);
}

/* Returns true, and has been a full barrier, if that makes a difference. */
static __always_inline bool lower_lane(struct p2pdma_space *space,
				       unsigned int level, unsigned long lane,
				       unsigned int bound)
{
	unsigned long *node = node_of(space, level, lane);
	unsigned long old = READ_ONCE(*node);

	do {
		if (lane_of(old, lane) <= bound)
			return false;
	} while (!try_cmpxchg(node, &old, with_lane(old, lane, bound)));
	return true;
}

/* After what is below has become less. If it is more again, raise it. */
static void settle_word(struct p2pdma_space *space, const unsigned long *map,
			unsigned long word)
{
	unsigned long free = free_pages_of(space, map, word);

	if (lower_lane(space, 0, word, bound_of_word(free)) &&
	    unlikely(free_pages_of(space, map, word) & ~free))
		p2pdma_space_raise(space, map, word);
}

static void settle_node(struct p2pdma_space *space, unsigned int level,
			unsigned long node)
{
	unsigned int again, bound = bound_of_node(space, level, node);

	if (!lower_lane(space, level + 1, node, bound))
		return;
	again = bound_of_node(space, level, node);
	if (unlikely(again > bound))
		raise_lanes(space, level + 1, node, again);
}

/*
 * The same of what has nothing free at all, which most searches for a page
 * come from: there is no bound to work out, and the lane needn't be looked at
 * twice.
 */
static __always_inline void settle_full_word(struct p2pdma_space *space,
					     const unsigned long *map,
					     unsigned long word)
{
	if (lower_lane(space, 0, word, 0) &&
	    unlikely(free_pages_of(space, map, word)))
		p2pdma_space_raise(space, map, word);
}

static __always_inline void settle_full_node(struct p2pdma_space *space,
					     unsigned int level,
					     unsigned long node)
{
	if (lower_lane(space, level + 1, node, 0) &&
	    unlikely(READ_ONCE(space->level[level][node])))
		raise_lanes(space, level + 1, node,
			    bound_of_node(space, level, node));
}

/* Searching */

/* Returns @nr_pages or more if there is none. */
static __always_inline unsigned long
run_in_word(struct p2pdma_space *space, const unsigned long *map,
	    unsigned long word, unsigned int order)
{
	unsigned long runs = free_pages_of(space, map, word);
	unsigned int i;

	for (i = 0; i < order; i++)
		runs = pair_up(runs, i);
	return runs ? word * WORD_PAGES + __ffs(runs) : space->nr_pages;
}

static unsigned long run_in_block(struct p2pdma_space *space,
				  const unsigned long *map, unsigned long block,
				  unsigned int order)
{
	unsigned long nr_words = DIV_ROUND_UP(space->nr_pages, WORD_PAGES);
	unsigned long i, runs = free_words_of(space, map, block);

	for (i = WORD_ORDER; i < order; i++)
		runs = pair_up_words(runs, i);
	if (runs)
		return block * BLOCK_PAGES + __ffs(runs) / LANE_BITS * WORD_PAGES;

	for (i = block * LANES; i < min(nr_words, (block + 1) * LANES); i++)
		settle_word(space, map, i);
	settle_node(space, 0, block);
	return space->nr_pages;
}

/*
 * A naturally aligned run of at most a block, looked for from a node on. Down
 * to where a lane promises one, up from where none does; each step up, and
 * each promise that isn't kept, settles a lane.
 */
static __always_inline unsigned long
find_aligned(struct p2pdma_space *space, const unsigned long *map,
	     unsigned int order, unsigned int level, unsigned long node)
{
	const unsigned int last = order > WORD_ORDER;
	unsigned long promising, lane, page;

	for (;;) {
		promising = READ_ONCE(space->level[level][node]);
		if (order)
			promising = lanes_from(promising, order + 1);
		if (!promising) {
			if (level == space->levels - 1)
				return space->nr_pages;
			if (order)
				settle_node(space, level, node);
			else
				settle_full_node(space, level, node);
			level++;
			node /= LANES;
			continue;
		}
		lane = node * LANES + __ffs(promising) / LANE_BITS;
		if (level > last) {
			level--;
			node = lane;
			continue;
		}
		page = last ? run_in_block(space, map, lane, order) :
			      run_in_word(space, map, lane, order);
		if (page < space->nr_pages)
			return page;
		if (!last)
			settle_word(space, map, lane);
	}
}

/* Free blocks in a row */
static unsigned long find_blocks(struct p2pdma_space *space,
				 const unsigned long *map, unsigned long nr)
{
	unsigned long nr_blocks = space->nr_pages / BLOCK_PAGES;
	unsigned long block, row = 0;

	for (block = 0; block < nr_blocks && row < nr; block++) {
		unsigned long node = READ_ONCE(space->level[1][block / LANES]);

		if (lane_of(node, block) >= BLOCK_BOUND &&
		    run_in_block(space, map, block, BLOCK_ORDER) <
							space->nr_pages)
			row++;
		else
			row = 0;
	}
	return row < nr ? space->nr_pages : (block - nr) * BLOCK_PAGES;
}

static unsigned long find_indexed(struct p2pdma_space *space,
				  const unsigned long *map, unsigned int nr)
{
	if (nr > BLOCK_PAGES)
		return find_blocks(space, map, DIV_ROUND_UP(nr, BLOCK_PAGES));
	return find_aligned(space, map, order_base_2(nr), space->levels - 1, 0);
}

/* What was freed in the hints' words, and then whatever the index lacks */
static noinline unsigned long find_again(struct p2pdma_space *space,
					 unsigned long *map, unsigned int nr)
{
	unsigned long page;
	int cpu;

	for_each_possible_cpu(cpu)
		p2pdma_space_raise(space, map,
				   READ_ONCE(*per_cpu_ptr(space->hint, cpu)));
	page = find_indexed(space, map, nr);
	if (page < space->nr_pages)
		return page;
	/* Others change the bits meanwhile: genalloc sees what came of it. */
	return data_race(bitmap_find_next_zero_area(map, space->nr_pages, 0,
						    nr, 0));
}

/*
 * The hint's word is full. By now it may be another processor's hint that
 * moves: any may.
 */
static noinline unsigned long find_page(struct p2pdma_space *space,
					unsigned long *map, unsigned long word)
{
	unsigned long page;

	settle_full_word(space, map, word);
	page = find_aligned(space, map, 0, 0, word / LANES);
	if (unlikely(page >= space->nr_pages)) {
		page = find_again(space, map, 1);
		if (page >= space->nr_pages)
			return page;
	}
	/* What was freed in the meantime has raised nothing. */
	word = xchg(raw_cpu_ptr(space->hint), page / WORD_PAGES);
	if (unlikely(free_pages_of(space, map, word)))
		p2pdma_space_raise(space, map, word);
	return page;
}

/*
 * @start: where genalloc has just taken back what it had marked; or 0, which
 * may also say that it asks for the first time
 */
static noinline unsigned long find_run(struct p2pdma_space *space,
				       unsigned long *map, unsigned long start,
				       unsigned int nr)
{
	unsigned long page;

	if (start || nr > WORD_PAGES)
		p2pdma_space_raise_run(space, map, start, nr);
	page = find_indexed(space, map, nr);
	return page < space->nr_pages ? page : find_again(space, map, nr);
}

/**
 * p2pdma_space_find - an algorithm for genalloc
 * @map: of a chunk whose owner is a struct p2pdma_range
 * @size: its bits
 * @start: if not 0, where another one has just been faster
 * @nr: pages wanted
 * @data: not used
 * @pool: the pool
 * @start_addr: of the chunk
 *
 * A run that is naturally aligned to @nr, rounded up to a power of two and at
 * most a block, if there is one; else any.
 *
 * Context: Any.
 * Return: the first page of the run, @size or more if there is none.
 */
unsigned long p2pdma_space_find(unsigned long *map, unsigned long size,
				unsigned long start, unsigned int nr,
				void *data, struct gen_pool *pool,
				unsigned long start_addr)
{
	struct gen_pool_chunk *chunk =
		container_of(map, struct gen_pool_chunk, bits[0]);
	struct p2pdma_range *range = chunk->owner;
	struct p2pdma_space *space = range->space;
	unsigned long word = this_cpu_read(*space->hint);
	unsigned long free = free_pages_of(space, map, word);

	if (unlikely(nr != 1))
		return find_run(space, map, start, nr);
	if (unlikely(!free))
		return find_page(space, map, word);
	return word * WORD_PAGES + __ffs(free);
}

/**
 * p2pdma_space_settle - settle the bounds above allocated pages
 * @space: of the range
 * @map: its bits, those of the pages set
 * @page: the first one
 * @nr: of pages
 *
 * Context: Any.
 */
void p2pdma_space_settle(struct p2pdma_space *space, const unsigned long *map,
			 unsigned long page, unsigned long nr)
{
	unsigned long first = page / WORD_PAGES;
	unsigned long last = (page + nr - 1) / WORD_PAGES;
	unsigned long i;
	unsigned int level;

	for (i = first; i <= last; i++)
		settle_word(space, map, i);
	for (level = 0; level < space->levels - 1; level++) {
		first /= LANES;
		last /= LANES;
		for (i = first; i <= last; i++)
			settle_node(space, level, i);
	}
}

/**
 * p2pdma_space_promise - a run that is promised to be free
 * @space: of the range
 *
 * Context: Any.
 * Return: the pages of the largest naturally aligned run that the index knows
 * of, up to a block; 0 if there is none. As any bound it may be too much.
 */
unsigned int p2pdma_space_promise(struct p2pdma_space *space)
{
	unsigned int bound =
		highest_lane(READ_ONCE(*space->level[space->levels - 1]));

	return bound ? 1U << (bound - 1) : 0;
}

/* All of it is free. */
static void fill_in(struct p2pdma_space *space)
{
	unsigned long lane, nr = DIV_ROUND_UP(space->nr_pages, WORD_PAGES);
	unsigned int level;

	for (level = 0; level < space->levels; level++) {
		for (lane = 0; lane < nr; lane++) {
			unsigned long bound =
				level ? bound_of_node(space, level - 1, lane) :
					bound_of_word(pages_of(space, lane));

			*node_of(space, level, lane) |= in_lane(lane, bound);
		}
		nr = DIV_ROUND_UP(nr, LANES);
	}
}

/*
 * In blocks apart, so never in one cache line of the bitmap; and where there is
 * space for it, in nodes of blocks apart: a hint that has filled its block moves
 * on to the next in the node.
 */
static void place_hints(struct p2pdma_space *space)
{
	unsigned long nr_blocks = space->nr_pages / BLOCK_PAGES;
	unsigned long nr = clamp(nr_blocks / BLOCKS_BY_HINT, 1UL,
				 (unsigned long)num_possible_cpus());
	unsigned long apart = clamp(nr_blocks / HINTS_PART / nr, 1UL,
				    (unsigned long)LANES);
	unsigned long i = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		unsigned long *hint = per_cpu_ptr(space->hint, cpu);

		*hint = i++ % nr * apart * LANES;
	}
}

/**
 * p2pdma_space_create - an index of free pages
 * @nr_pages: their number
 *
 * Context: Process context, may sleep.
 * Return: NULL if there is no memory for it; one byte for 64 pages, mostly, and
 * a word for each processor.
 */
struct p2pdma_space *p2pdma_space_create(unsigned long nr_pages)
{
	unsigned long nr[P2PDMA_SPACE_LEVELS], total = 0, lanes;
	struct p2pdma_space *space;
	unsigned int i, levels = 0;

	lanes = DIV_ROUND_UP(nr_pages, WORD_PAGES);
	do {
		lanes = DIV_ROUND_UP(lanes, LANES);
		nr[levels++] = lanes;
		total += lanes;
	} while (lanes > 1 || levels < 2);

	space = kvzalloc(struct_size(space, nodes, total), GFP_KERNEL);
	if (space)
		space->hint = alloc_percpu(unsigned long);
	if (!space || !space->hint) {
		p2pdma_space_destroy(space);
		return NULL;
	}
	space->nr_pages = nr_pages;
	space->levels = levels;
	for (i = 0, total = 0; i < levels; total += nr[i++])
		space->level[i] = &space->nodes[total];
	fill_in(space);
	place_hints(space);
	return space;
}

/**
 * p2pdma_space_destroy - free what p2pdma_space_create() returned
 * @space: that, or NULL
 *
 * Context: Process context, may sleep.
 */
void p2pdma_space_destroy(struct p2pdma_space *space)
{
	if (space)
		free_percpu(space->hint);
	kvfree(space);
}
