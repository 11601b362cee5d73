/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI peer-to-peer DMA: free pages of a range, by a buddy system
 *
 * It knows pages by their number in the range. What it remembers is in the
 * page structures of the first page of each free block, which nobody else uses
 * while the block is free.
 */
#ifndef _PCI_P2PDMA_BUDDY_H
#define _PCI_P2PDMA_BUDDY_H

#include <linux/mm_types.h>
#include <linux/spinlock.h>

/* No such page */
#define P2PDMA_NO_PAGE	ULONG_MAX

/* Runs that a processor has freed lately, and that aren't in blocks yet */
struct p2pdma_recent {
	spinlock_t lock;	/* of what follows; taken before a buddy's */
	unsigned int nr;
	unsigned int victim;	/* which entry goes next */
	struct {
		unsigned long page, nr;
	} run[16];
};

/**
 * struct p2pdma_buddy - the free pages of a range
 * @lock: protects what follows, and the page structures of free blocks
 * @pages: all pages of the range
 * @nr_pages: their number
 * @nr_blocks: number of free blocks
 * @orders: bit N is set if there is a free block of 2^N pages
 * @first: the first free block of each order, P2PDMA_NO_PAGE if there is none
 * @recent: runs that were freed lately
 */
struct p2pdma_buddy {
	spinlock_t lock;	/* protects what follows but @recent */
	struct page *pages;
	unsigned long nr_pages;
	unsigned long nr_blocks;
	unsigned long orders;
	unsigned long first[BITS_PER_LONG - PAGE_SHIFT];
	struct p2pdma_recent __percpu *recent;
};

int p2pdma_buddy_init(struct p2pdma_buddy *buddy, struct page *pages,
		      unsigned long nr_pages);
void p2pdma_buddy_destroy(struct p2pdma_buddy *buddy);
unsigned long p2pdma_buddy_alloc(struct p2pdma_buddy *buddy, unsigned long nr);
void p2pdma_buddy_free(struct p2pdma_buddy *buddy, unsigned long page,
		       unsigned long nr);
unsigned long p2pdma_buddy_largest(struct p2pdma_buddy *buddy);
unsigned long p2pdma_buddy_blocks(struct p2pdma_buddy *buddy);

#endif /* _PCI_P2PDMA_BUDDY_H */
