/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI peer-to-peer DMA: where in a range there is space, see p2pdma_space.c
 */
#ifndef _PCI_P2PDMA_SPACE_H
#define _PCI_P2PDMA_SPACE_H

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/types.h>

struct gen_pool;

#define P2PDMA_SPACE_WORD_PAGES		64UL	/* ... of genalloc's bitmap */
#define P2PDMA_SPACE_LEVELS		16	/* more than there is memory */

/**
 * struct p2pdma_space - the index of a range's free pages
 * @nr_pages: of the range
 * @hint: of each processor, the word in which it found a single page last
 * @levels: of the tree, at least two
 * @level: the nodes of each; one byte of a node is a lane
 * @nodes: those of all levels
 */
struct p2pdma_space {
	unsigned long nr_pages;
	unsigned long __percpu *hint;
	unsigned int levels;
	unsigned long *level[P2PDMA_SPACE_LEVELS];
	unsigned long nodes[];
};

struct p2pdma_space *p2pdma_space_create(unsigned long nr_pages);
void p2pdma_space_destroy(struct p2pdma_space *space);
unsigned long p2pdma_space_find(unsigned long *map, unsigned long size,
				unsigned long start, unsigned int nr,
				void *data, struct gen_pool *pool,
				unsigned long start_addr);
unsigned int p2pdma_space_promise(struct p2pdma_space *space);
void p2pdma_space_settle(struct p2pdma_space *space, const unsigned long *map,
			 unsigned long page, unsigned long nr);
void p2pdma_space_raise(struct p2pdma_space *space, const unsigned long *map,
			unsigned long word);
void p2pdma_space_raise_page(struct p2pdma_space *space,
			     const unsigned long *map, unsigned long page);
void p2pdma_space_raise_run(struct p2pdma_space *space,
			    const unsigned long *map, unsigned long page,
			    unsigned long nr);

/*
 * After genalloc has cleared the bits of pages, which is a full barrier. Here,
 * since that most often makes no difference to the index.
 */
static __always_inline void
p2pdma_space_freed(struct p2pdma_space *space, const unsigned long *map,
		   unsigned long page, unsigned long nr)
{
	if (unlikely(nr != 1))
		p2pdma_space_raise_run(space, map, page, nr);
	else if (this_cpu_read(*space->hint) != page / P2PDMA_SPACE_WORD_PAGES)
		p2pdma_space_raise_page(space, map, page);
}

#endif /* _PCI_P2PDMA_SPACE_H */
