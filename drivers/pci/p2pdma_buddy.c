// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: free pages of a range, by a buddy system
 *
 * Free pages are kept in blocks of 2^order pages, each naturally aligned. To
 * allocate, the smallest block that is large enough is split; to free, a block
 * is merged with its buddy, the other half of the next larger block, as often
 * as that is free. So the cost depends on the number of orders, and neither on
 * the size of the range nor on how much of it is allocated.
 *
 * A run that isn't a power of two is cut out of a block, and what is left of
 * the block stays free. A run is thus naturally aligned, and is found if there
 * is a free block at least as large; a free run across two blocks isn't.
 *
 * Merging and splitting again is most of what a request costs in a pool that is
 * nearly empty. So each processor keeps the last few runs that it has freed as
 * they are, for its next request of the same length. They are merged before a
 * request fails.
 *
 * In the page structure of a free block's first page are ->zone_device_data,
 * which tells that there is one and of which order, and the next and the
 * previous block of this order, in ->index and ->private.
 */

#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "p2pdma_buddy.h"

/* No address, and no number of pages that a range can have */
static void *block_mark(unsigned int order)
{
	return (void *)~(unsigned long)order;
}

/* A page that isn't free may be marked as something else at the same time. */
static bool is_block(const struct p2pdma_buddy *buddy, unsigned long page,
		     unsigned int order)
{
	return page < buddy->nr_pages &&
	       READ_ONCE(buddy->pages[page].zone_device_data) ==
	       block_mark(order);
}

static void block_insert(struct p2pdma_buddy *buddy, unsigned long page,
			 unsigned int order)
{
	unsigned long next = buddy->first[order];
	struct page *block = &buddy->pages[page];

	WRITE_ONCE(block->zone_device_data, block_mark(order));
	block->index = next;
	block->private = P2PDMA_NO_PAGE;
	if (next == P2PDMA_NO_PAGE)
		WRITE_ONCE(buddy->orders, buddy->orders | BIT(order));
	else
		buddy->pages[next].private = page;
	buddy->first[order] = page;
	buddy->nr_blocks++;
}

static void block_remove(struct p2pdma_buddy *buddy, unsigned long page,
			 unsigned int order)
{
	struct page *block = &buddy->pages[page];
	unsigned long next = block->index, previous = block->private;

	WRITE_ONCE(block->zone_device_data, NULL);
	if (next != P2PDMA_NO_PAGE)
		buddy->pages[next].private = previous;
	if (previous != P2PDMA_NO_PAGE) {
		buddy->pages[previous].index = next;
	} else {
		buddy->first[order] = next;
		if (next == P2PDMA_NO_PAGE)
			WRITE_ONCE(buddy->orders, buddy->orders & ~BIT(order));
	}
	buddy->nr_blocks--;
}

/* Keeps the first @nr pages of a block that was removed, and frees the rest. */
static void block_trim(struct p2pdma_buddy *buddy, unsigned long page,
		       unsigned int order, unsigned long nr)
{
	while (nr < 1UL << order) {
		unsigned long half = 1UL << --order;

		if (nr <= half) {
			block_insert(buddy, page + half, order);
		} else {
			page += half;
			nr -= half;
		}
	}
}

static void block_free(struct p2pdma_buddy *buddy, unsigned long page,
		       unsigned int order)
{
	unsigned long other = page ^ 1UL << order;

	while (is_block(buddy, other, order)) {
		block_remove(buddy, other, order);
		page &= other;
		other = page ^ 1UL << ++order;
	}
	block_insert(buddy, page, order);
}

static unsigned long run_take(struct p2pdma_buddy *buddy, unsigned long nr)
{
	unsigned int order = order_base_2(nr);
	unsigned long page = P2PDMA_NO_PAGE;
	unsigned long orders, flags;

	if (order >= ARRAY_SIZE(buddy->first))
		return P2PDMA_NO_PAGE;
	spin_lock_irqsave(&buddy->lock, flags);
	orders = buddy->orders >> order;
	if (orders) {
		order += __ffs(orders);
		page = buddy->first[order];
		block_remove(buddy, page, order);
		block_trim(buddy, page, order, nr);
	}
	spin_unlock_irqrestore(&buddy->lock, flags);
	return page;
}

static void run_free(struct p2pdma_buddy *buddy, unsigned long page,
		     unsigned long nr)
{
	while (nr) {
		/* The largest block that may begin here and isn't too large */
		unsigned int order = __fls(nr);

		if (page)
			order = min_t(unsigned int, order, __ffs(page));
		block_free(buddy, page, order);
		page += 1UL << order;
		nr -= 1UL << order;
	}
}

/* Runs that were freed lately; under the lock of @recent */

static unsigned long recent_take(struct p2pdma_recent *recent, unsigned long nr)
{
	unsigned int i, last = recent->nr - 1;
	unsigned long page;

	for (i = recent->nr; i--;) {
		if (recent->run[i].nr != nr)
			continue;
		page = recent->run[i].page;
		recent->run[i] = recent->run[last];
		WRITE_ONCE(recent->nr, last);
		return page;
	}
	return P2PDMA_NO_PAGE;
}

static void recent_add(struct p2pdma_buddy *buddy, struct p2pdma_recent *recent,
		       unsigned long page, unsigned long nr)
{
	unsigned int i = recent->nr;

	if (likely(i < ARRAY_SIZE(recent->run))) {
		WRITE_ONCE(recent->nr, i + 1);
	} else {
		i = recent->victim++ % ARRAY_SIZE(recent->run);
		spin_lock(&buddy->lock);
		run_free(buddy, recent->run[i].page, recent->run[i].nr);
		spin_unlock(&buddy->lock);
	}
	recent->run[i].page = page;
	recent->run[i].nr = nr;
}

/* Those of all processors; false if there were none */
static bool recent_merge(struct p2pdma_buddy *buddy)
{
	bool merged = false;
	unsigned long flags;
	unsigned int cpu, i;

	for_each_possible_cpu(cpu) {
		struct p2pdma_recent *recent = per_cpu_ptr(buddy->recent, cpu);

		if (!READ_ONCE(recent->nr))
			continue;
		spin_lock_irqsave(&recent->lock, flags);
		spin_lock(&buddy->lock);
		for (i = 0; i < recent->nr; i++)
			run_free(buddy, recent->run[i].page, recent->run[i].nr);
		spin_unlock(&buddy->lock);
		WRITE_ONCE(recent->nr, 0);
		spin_unlock_irqrestore(&recent->lock, flags);
		merged = true;
	}
	return merged;
}

/**
 * p2pdma_buddy_init - begin with all pages free
 * @buddy: the free pages, zeroed
 * @pages: page structures of a range
 * @nr_pages: their number, not 0
 *
 * Context: Process context; may sleep.
 * Return: 0 or -ENOMEM
 */
int p2pdma_buddy_init(struct p2pdma_buddy *buddy, struct page *pages,
		      unsigned long nr_pages)
{
	unsigned int order, cpu;

	buddy->recent = alloc_percpu(struct p2pdma_recent);
	if (!buddy->recent)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		spin_lock_init(&per_cpu_ptr(buddy->recent, cpu)->lock);
	spin_lock_init(&buddy->lock);
	buddy->pages = pages;
	buddy->nr_pages = nr_pages;
	for (order = 0; order < ARRAY_SIZE(buddy->first); order++)
		buddy->first[order] = P2PDMA_NO_PAGE;
	run_free(buddy, 0, nr_pages);
	return 0;
}

/**
 * p2pdma_buddy_destroy - forget all pages
 * @buddy: the free pages, or zeroed
 */
void p2pdma_buddy_destroy(struct p2pdma_buddy *buddy)
{
	free_percpu(buddy->recent);
}

/*
 * Until nothing is left to be merged, and once more: another processor may have
 * merged what this one would have.
 */
static noinline unsigned long run_find(struct p2pdma_buddy *buddy,
				       unsigned long nr)
{
	bool again = true;
	unsigned long page;

	while ((page = run_take(buddy, nr)) == P2PDMA_NO_PAGE && again)
		again = recent_merge(buddy);
	return page;
}

/**
 * p2pdma_buddy_alloc - take a run of pages
 * @buddy: the free pages
 * @nr: number of pages, not 0
 *
 * Context: Any but NMI.
 * Return: the first page, a multiple of the next power of two from @nr on;
 * P2PDMA_NO_PAGE if no free block is large enough.
 */
unsigned long p2pdma_buddy_alloc(struct p2pdma_buddy *buddy, unsigned long nr)
{
	struct p2pdma_recent *recent = raw_cpu_ptr(buddy->recent);
	unsigned long page, flags;

	spin_lock_irqsave(&recent->lock, flags);
	page = recent_take(recent, nr);
	spin_unlock_irqrestore(&recent->lock, flags);
	return page == P2PDMA_NO_PAGE ? run_find(buddy, nr) : page;
}

/**
 * p2pdma_buddy_free - give pages back
 * @buddy: the free pages
 * @page: the first of them
 * @nr: number of pages; any part of what was taken
 *
 * Context: Any but NMI.
 */
void p2pdma_buddy_free(struct p2pdma_buddy *buddy, unsigned long page,
		       unsigned long nr)
{
	struct p2pdma_recent *recent = raw_cpu_ptr(buddy->recent);
	unsigned long flags;

	spin_lock_irqsave(&recent->lock, flags);
	/* A part may not be aligned as a run is. */
	if (likely(!(page & (roundup_pow_of_two(nr) - 1)))) {
		recent_add(buddy, recent, page, nr);
	} else {
		spin_lock(&buddy->lock);
		run_free(buddy, page, nr);
		spin_unlock(&buddy->lock);
	}
	spin_unlock_irqrestore(&recent->lock, flags);
}

/**
 * p2pdma_buddy_largest - the longest run that can be taken
 * @buddy: the free pages
 *
 * Context: Any but NMI. The answer is of the moment.
 * Return: pages, 0 if none is free
 */
unsigned long p2pdma_buddy_largest(struct p2pdma_buddy *buddy)
{
	unsigned long orders;

	recent_merge(buddy);
	orders = READ_ONCE(buddy->orders);
	return orders ? 1UL << __fls(orders) : 0;
}

/**
 * p2pdma_buddy_blocks - in how many blocks the free pages are
 * @buddy: the free pages
 *
 * Context: Any but NMI. The answer is of the moment.
 * Return: their number
 */
unsigned long p2pdma_buddy_blocks(struct p2pdma_buddy *buddy)
{
	recent_merge(buddy);
	/* Others go on: the answer is of the moment. */
	return data_race(buddy->nr_blocks);
}
