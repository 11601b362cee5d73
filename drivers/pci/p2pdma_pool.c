// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: a provider's pool
 *
 * All ranges of a provider are chunks of one genalloc pool, whose bits are
 * pages. What it counts as allocated are the provider's users.
 *
 * Laws:
 * - A kernel caller's allocation is freed whole: the page count is kept in
 *   zone_device_data of its first page, and whoever swaps it for zero owns
 *   the right to free.
 * - A page in a user mapping is freed by its last put_page(), alone.
 * - Nothing is allocated but under RCU, with ->retired looked at before. So a
 *   grace period after that was set, what is allocated only becomes less.
 * - Nothing is freed but under RCU. So a grace period after nothing is
 *   allocated any more, nobody is in the pool.
 */

#include <linux/bitmap.h>
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/genalloc.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/rculist.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "p2pdma.h"
#include "p2pdma_space.h"

/* A look at a pool may take long: so many runs between two breaths. */
#define RUNS_AT_A_TIME 4096

/*
 * Where a look can't be interrupted, the longest of so many will do, or what
 * the indices know of.
 */
#define RUNS_ENOUGH (2 * RUNS_AT_A_TIME)

/* The chunk that @addr is in, or NULL; under rcu_read_lock() */
static struct gen_pool_chunk *chunk_of(struct pci_p2pdma *p2pdma,
				       unsigned long addr)
{
	struct gen_pool_chunk *chunk;

	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk)
		if (addr >= chunk->start_addr && addr <= chunk->end_addr)
			return chunk;
	return NULL;
}

/* Allocating and freeing; what follows is under rcu_read_lock() */

static void settle(struct pci_p2pdma *p2pdma, unsigned long addr,
		   size_t nr_pages)
{
	struct gen_pool_chunk *chunk = chunk_of(p2pdma, addr);
	struct p2pdma_range *range = chunk->owner;

	p2pdma_space_settle(range->space, chunk->bits,
			    (addr - chunk->start_addr) >> PAGE_SHIFT, nr_pages);
}

static __always_inline unsigned long pages_alloc(struct pci_p2pdma *p2pdma,
						 size_t size)
{
	unsigned long addr;

	/* genalloc's algorithms are told the number of pages as an int. */
	if (READ_ONCE(p2pdma->retired) ||
	    unlikely(size > (size_t)INT_MAX << PAGE_SHIFT))
		return 0;
	addr = gen_pool_alloc(p2pdma->pool, size);
	if (addr && unlikely(PFN_UP(size) >= P2PDMA_SPACE_WORD_PAGES))
		settle(p2pdma, addr, PFN_UP(size));
	return addr;
}

/*
 * gen_pool_free() of one page, in a chunk that is known: it would look for the
 * chunk once more, and for the part of each word that is to be cleared.
 * test_and_clear_bit() is the full barrier that p2pdma_space.c wants.
 */
static __always_inline void page_free(struct gen_pool_chunk *chunk,
				      unsigned long page)
{
	if (WARN_ON_ONCE(!test_and_clear_bit(page, chunk->bits)))
		return;
	atomic_long_add(PAGE_SIZE, &chunk->avail);
}

static __always_inline void
pages_free(struct pci_p2pdma *p2pdma, struct gen_pool_chunk *chunk,
	   unsigned long addr, size_t size)
{
	unsigned long page = (addr - chunk->start_addr) >> PAGE_SHIFT;
	struct p2pdma_range *range = chunk->owner;

	if (likely(PFN_UP(size) == 1))
		page_free(chunk, page);
	else
		gen_pool_free(p2pdma->pool, addr, size);
	p2pdma_space_freed(range->space, chunk->bits, page, PFN_UP(size));
}

static void *run_alloc(struct pci_p2pdma *p2pdma, size_t size)
{
	unsigned long addr = pages_alloc(p2pdma, size);

	if (addr)
		virt_to_page((void *)addr)->zone_device_data =
			(void *)PFN_UP(size);
	return (void *)addr;
}

/* Is this what has been allocated? Then the right to free it is the caller's. */
static __always_inline bool run_claim(struct gen_pool_chunk *chunk,
				      unsigned long addr, size_t size)
{
	unsigned long page = (addr - chunk->start_addr) >> PAGE_SHIFT;
	struct p2pdma_range *range = chunk->owner;
	void *expected = (void *)PFN_UP(size);

	return expected && PAGE_ALIGNED(addr) &&
	       try_cmpxchg(&range->pages[page].zone_device_data, &expected,
			   NULL);
}

/* Not by chunk_of(): to know that there is a chunk saves a test each time. */
static __always_inline bool run_free(struct pci_p2pdma *p2pdma,
				     unsigned long addr, size_t size)
{
	struct gen_pool_chunk *chunk;

	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk) {
		if (addr < chunk->start_addr || addr > chunk->end_addr)
			continue;
		if (!run_claim(chunk, addr, size))
			return false;
		pages_free(p2pdma, chunk, addr, size);
		return true;
	}
	return false;
}

/**
 * pci_alloc_p2pmem - allocate peer-to-peer memory
 * @pdev: the provider
 * @size: bytes; rounded up to whole pages
 *
 * The memory is contiguous, and is not zeroed.
 *
 * Context: Any but NMI.
 * Return: kernel virtual address, page aligned; NULL if @size is 0, there is
 * no free piece of this size, or the device has no peer-to-peer memory or is
 * about to lose it.
 */
void *pci_alloc_p2pmem(struct pci_dev *pdev, size_t size)
{
	struct pci_p2pdma *p2pdma;
	void *addr = NULL;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	if (p2pdma)
		addr = run_alloc(p2pdma, size);
	rcu_read_unlock();
	return addr;
}
EXPORT_SYMBOL_GPL(pci_alloc_p2pmem);

static noinline void warn_of_wrong_free(struct pci_dev *pdev, void *addr,
					size_t size)
{
	WARN_ONCE(1, "%s: P2PDMA: %zu bytes at %p are not allocated\n",
		  pci_name(pdev), size, addr);
}

/**
 * pci_free_p2pmem - free what pci_alloc_p2pmem() returned
 * @pdev: the provider
 * @addr: the address returned
 * @size: bytes, as allocated
 *
 * Anything else than what was allocated from this device, whole, is the
 * caller's bug: it warns once and frees nothing.
 *
 * Context: Any but NMI.
 */
void pci_free_p2pmem(struct pci_dev *pdev, void *addr, size_t size)
{
	struct pci_p2pdma *p2pdma;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	if (unlikely(!p2pdma || !run_free(p2pdma, (unsigned long)addr, size)))
		warn_of_wrong_free(pdev, addr, size);
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(pci_free_p2pmem);

pci_bus_addr_t p2pdma_pool_virt_to_bus(struct pci_p2pdma *p2pdma, void *addr)
{
	phys_addr_t bus = gen_pool_virt_to_phys(p2pdma->pool,
						(unsigned long)addr);

	return bus == (phys_addr_t)-1 ? 0 : bus;
}

/* For user mappings, page by page; not zeroed yet */
void *p2pdma_pool_alloc_pages(struct pci_p2pdma *p2pdma, size_t nr_pages)
{
	unsigned long addr;
	size_t size;

	if (check_mul_overflow(nr_pages, PAGE_SIZE, &size))
		return NULL;
	rcu_read_lock();
	addr = pages_alloc(p2pdma, size);
	rcu_read_unlock();
	return (void *)addr;
}

/* Any context: also the last put_page() of one of them */
void p2pdma_pool_free_pages(struct pci_p2pdma *p2pdma, void *addr,
			    size_t nr_pages)
{
	unsigned long start = (unsigned long)addr;

	rcu_read_lock();
	pages_free(p2pdma, chunk_of(p2pdma, start), start,
		   nr_pages * PAGE_SIZE);
	rcu_read_unlock();
}

/* What is free, and what isn't */

size_t p2pdma_pool_in_use(struct pci_p2pdma *p2pdma)
{
	return gen_pool_size(p2pdma->pool) - gen_pool_avail(p2pdma->pool);
}

/*
 * Looks at a part of a chunk, from @runs->next on. Returns false when there is
 * no more to look at.
 */
static bool look_for_runs(struct gen_pool_chunk *chunk,
			  struct p2pdma_free_runs *runs)
{
	unsigned long end = (chunk->end_addr - chunk->start_addr + 1) >>
			    PAGE_SHIFT;
	unsigned int i;

	for (i = 0; i < RUNS_AT_A_TIME && runs->longest < runs->wanted; i++) {
		unsigned long first;

		/* Others go on allocating: the answer is of the moment. */
		first = data_race(find_next_zero_bit(chunk->bits, end,
						     runs->next));
		if (first >= end)
			return false;
		/* Likewise */
		runs->next = data_race(find_next_bit(chunk->bits, end, first));
		runs->longest = max(runs->longest, runs->next - first);
		runs->count++;
	}
	return runs->longest < runs->wanted;
}

/* All runs there are, of a provider that can't go away; may sleep. */
struct p2pdma_free_runs p2pdma_pool_free_runs(struct pci_p2pdma *p2pdma)
{
	struct p2pdma_free_runs runs = { .wanted = ULONG_MAX };
	struct gen_pool_chunk *chunk;

	/* "true": chunks are only ever added. */
	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk, true) {
		runs.next = 0;
		while (look_for_runs(chunk, &runs))
			cond_resched();
	}
	return runs;
}

/* The indices tell at once, but of no run of more than a block. */
static unsigned long promised_run(struct pci_p2pdma *p2pdma)
{
	struct gen_pool_chunk *chunk;
	unsigned long longest = 0;

	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk) {
		struct p2pdma_range *range = chunk->owner;

		longest = max_t(unsigned long, longest,
				p2pdma_space_promise(range->space));
	}
	return longest;
}

/* Pages in a long run, at most @wanted; under rcu_read_lock() */
static unsigned long long_run(struct pci_p2pdma *p2pdma, unsigned long wanted)
{
	struct p2pdma_free_runs runs = { .wanted = wanted };
	struct gen_pool_chunk *chunk;

	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk) {
		runs.next = 0;
		while (look_for_runs(chunk, &runs))
			if (runs.count >= RUNS_ENOUGH)
				return min(max(runs.longest,
					       promised_run(p2pdma)), wanted);
	}
	return min(runs.longest, wanted);
}

/* Allocating in pieces */

struct p2pdma_extent {
	struct list_head node;
	void *addr;
	u32 length;
};

/*
 * The longest piece that is found, at most @length bytes. The search is not
 * atomic with the allocation: returns -EAGAIN if another one came in between,
 * or is about to give back what the search has seen.
 */
static int extent_fill(struct p2pdma_extent *extent, struct pci_p2pdma *p2pdma,
		       u32 length)
{
	unsigned long nr_pages;

	extent->length = length;
	extent->addr = run_alloc(p2pdma, length);
	if (extent->addr)
		return 0;
	if (READ_ONCE(p2pdma->retired))
		return -ENODEV;

	/* Marked by one who will give it back, if it isn't allocated either */
	nr_pages = long_run(p2pdma, PFN_UP((u64)length));
	if (!nr_pages)
		return gen_pool_avail(p2pdma->pool) ? -EAGAIN : -ENOMEM;
	extent->length = min_t(u64, length, (u64)nr_pages << PAGE_SHIFT);
	extent->addr = run_alloc(p2pdma, extent->length);
	return extent->addr ? 0 : -EAGAIN;
}

/* The provider is there for sure only while something of it is allocated. */
static struct p2pdma_extent *extent_alloc(struct pci_dev *pdev, u32 length)
{
	struct p2pdma_extent *extent;
	struct pci_p2pdma *p2pdma;
	unsigned long patience;
	int error;

	extent = kmalloc(sizeof(*extent), GFP_KERNEL);
	if (!extent)
		return ERR_PTR(-ENOMEM);
	patience = jiffies + HZ;
	do {
		rcu_read_lock();
		p2pdma = rcu_dereference(pdev->p2pdma);
		error = p2pdma ? extent_fill(extent, p2pdma, length) : -ENODEV;
		rcu_read_unlock();
		if (!error)
			return extent;
		/* Whoever is in the way may need this processor. */
		if (error == -EAGAIN)
			usleep_range(10, 100);
	} while (error == -EAGAIN && time_before(jiffies, patience));
	kfree(extent);
	return ERR_PTR(error == -EAGAIN ? -ENOMEM : error);
}

static void extents_free(struct pci_dev *pdev, struct list_head *extents)
{
	struct p2pdma_extent *extent, *next;

	list_for_each_entry_safe(extent, next, extents, node) {
		pci_free_p2pmem(pdev, extent->addr, extent->length);
		kfree(extent);
	}
}

/*
 * Returns their number, or a negative errno and no extent. What is longer than
 * the one before isn't looked for: most often it would have been found then.
 */
static int extents_alloc(struct pci_dev *pdev, struct list_head *extents,
			 u32 length)
{
	struct p2pdma_extent *extent;
	u32 longest = length;
	int nr = 0;

	for (; length; length -= extent->length, nr++) {
		cond_resched();
		extent = extent_alloc(pdev, min(length, longest));
		if (IS_ERR(extent)) {
			extents_free(pdev, extents);
			return PTR_ERR(extent);
		}
		list_add_tail(&extent->node, extents);
		longest = extent->length;
	}
	return nr;
}

int p2pdma_pool_alloc_sgl(struct pci_dev *pdev, struct scatterlist **sgl,
			  unsigned int *nents, u32 length)
{
	struct p2pdma_extent *extent, *next;
	struct scatterlist *sg;
	struct sg_table table;
	LIST_HEAD(extents);
	int nr;

	nr = extents_alloc(pdev, &extents, length);
	if (nr < 0)
		return nr;
	if (sg_alloc_table(&table, nr, GFP_KERNEL)) {
		extents_free(pdev, &extents);
		return -ENOMEM;
	}
	sg = table.sgl;
	list_for_each_entry_safe(extent, next, &extents, node) {
		sg_set_page(sg, virt_to_page(extent->addr), extent->length, 0);
		sg = sg_next(sg);
		kfree(extent);
	}
	*sgl = table.sgl;
	*nents = nr;
	return 0;
}
