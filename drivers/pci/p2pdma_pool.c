// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: a provider's pool
 *
 * All ranges of a provider are chunks of one genalloc pool, whose bits are
 * pages. What it counts as allocated are the provider's users. Where in a
 * range there is space p2pdma_buddy.c says; bits and counts are changed here.
 *
 * ->zone_device_data of a page tells what begins there:
 *	a page count		a run that a kernel caller has allocated
 *	P2PDMA_USER_PAGE	a page of a user mapping
 *	NULL			nothing, or see p2pdma_buddy.c
 *
 * Laws:
 * - A kernel caller's allocation is freed whole: the call that swaps the page
 *   count for NULL owns the right to free.
 * - A page in a user mapping is freed by its last put_page(), alone.
 * - A page is in a free block only while genalloc counts it as free. So the
 *   bits of what the buddy system finds are clear.
 * - Nothing is allocated but under RCU, with ->closed looked at before. So a
 *   grace period after that was set, what is allocated only becomes less.
 * - Nothing is freed but under RCU. So a grace period after nothing is
 *   allocated any more, nobody is in the pool.
 */

#include <linux/bitmap.h>
#include <linux/compiler.h>
#include <linux/genalloc.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/rculist.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "p2pdma.h"

/* More pages than any run has */
#define P2PDMA_USER_PAGE	((void *)LONG_MAX)

/*
 * Poisoned pages of a run that was found stay allocated for the buddy system,
 * which so never finds them again. False if there are none
 */
static noinline bool drop_poisoned(struct p2pdma_range *range,
				   unsigned long page, unsigned long nr)
{
	unsigned long i, good = 0;
	bool any = false;

	for (i = 0; i < nr; i++)
		any |= PageHWPoison(&range->buddy.pages[page + i]);
	if (!any)
		return false;
	for (i = 0; i <= nr; i++) {
		if (i < nr && !PageHWPoison(&range->buddy.pages[page + i]))
			continue;
		if (i > good)
			p2pdma_buddy_free(&range->buddy, page + good, i - good);
		good = i + 1;
	}
	return true;
}

static __always_inline unsigned long find_pages(struct p2pdma_range *range,
						unsigned long nr)
{
	unsigned long page;

	do
		page = p2pdma_buddy_alloc(&range->buddy, nr);
	while (unlikely(READ_ONCE(range->nr_poisoned)) &&
	       page != P2PDMA_NO_PAGE && drop_poisoned(range, page, nr));
	return page;
}

/* The chunk that @addr is in, or NULL; under rcu_read_lock(), or the pool's lock */
static __always_inline struct gen_pool_chunk *
chunk_of(struct pci_p2pdma *p2pdma, unsigned long addr)
{
	struct gen_pool_chunk *chunk;

	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk,
				lockdep_is_held(&p2pdma->pool->lock))
		if (addr >= chunk->start_addr && addr <= chunk->end_addr)
			return chunk;
	return NULL;
}

/* Allocating and freeing; what follows is under rcu_read_lock() */

/*
 * genalloc's own calls would look for the chunk once more, and change bit after
 * bit, or word after word by compare and exchange. A run is aligned: it is within
 * a word, or begins with one, and has all words but the last for itself.
 */
static noinline void words_set(unsigned long *word, unsigned long nr)
{
	for (; nr >= BITS_PER_LONG; nr -= BITS_PER_LONG)
		WRITE_ONCE(*word++, ~0UL);
	if (nr)
		atomic_long_or(BIT(nr) - 1, (atomic_long_t *)word);
}

static noinline void words_clear(unsigned long *word, unsigned long nr)
{
	for (; nr >= BITS_PER_LONG; nr -= BITS_PER_LONG)
		WRITE_ONCE(*word++, 0);
	if (nr)
		atomic_long_andnot(BIT(nr) - 1, (atomic_long_t *)word);
}

/* The first of @nr pages, P2PDMA_NO_PAGE if there are none in a row */
static __always_inline unsigned long pages_alloc(struct gen_pool_chunk *chunk,
						 unsigned long nr)
{
	unsigned long page, *word;

	if (nr > atomic_long_read(&chunk->avail) >> PAGE_SHIFT)
		return P2PDMA_NO_PAGE;
	page = find_pages(chunk->owner, nr);
	if (page == P2PDMA_NO_PAGE)
		return page;
	word = &chunk->bits[BIT_WORD(page)];
	if (likely(nr < BITS_PER_LONG))
		atomic_long_or((BIT(nr) - 1) << page % BITS_PER_LONG,
			       (atomic_long_t *)word);
	else
		words_set(word, nr);
	atomic_long_sub(nr << PAGE_SHIFT, &chunk->avail);
	return page;
}

static __always_inline void
pages_free(struct pci_p2pdma *p2pdma, struct gen_pool_chunk *chunk,
	   unsigned long addr, unsigned long nr)
{
	unsigned long page = (addr - chunk->start_addr) >> PAGE_SHIFT;
	unsigned long *word = &chunk->bits[BIT_WORD(page)];
	struct p2pdma_range *range = chunk->owner;

	if (likely(nr < BITS_PER_LONG))
		atomic_long_andnot((BIT(nr) - 1) << page % BITS_PER_LONG,
				   (atomic_long_t *)word);
	else
		words_clear(word, nr);
	atomic_long_add(nr << PAGE_SHIFT, &chunk->avail);
	p2pdma_buddy_free(&range->buddy, page, nr);
	if (unlikely(READ_ONCE(p2pdma->closed)))
		wake_up_all(&p2pdma->waiters);
}

static struct page *run_alloc(struct pci_p2pdma *p2pdma, size_t size)
{
	unsigned long nr = PFN_UP(size), page;
	struct gen_pool_chunk *chunk;
	struct p2pdma_range *range;
	struct page *first;

	if (!nr || READ_ONCE(p2pdma->closed))
		return NULL;
	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk) {
		page = pages_alloc(chunk, nr);
		if (page == P2PDMA_NO_PAGE)
			continue;
		range = chunk->owner;
		first = &range->buddy.pages[page];
		WRITE_ONCE(first->zone_device_data, (void *)nr);
		return first;
	}
	return NULL;
}

/* False if this isn't a run, whole */
static __always_inline bool run_free(struct pci_p2pdma *p2pdma,
				     unsigned long addr, size_t size)
{
	struct gen_pool_chunk *chunk = chunk_of(p2pdma, addr);
	void *expected = (void *)PFN_UP(size);

	if (!chunk || !expected || !PAGE_ALIGNED(addr) ||
	    !try_cmpxchg(&virt_to_page((void *)addr)->zone_device_data,
			 &expected, NULL))
		return false;
	pages_free(p2pdma, chunk, addr, PFN_UP(size));
	return true;
}

/**
 * pci_alloc_p2pmem - allocate peer-to-peer memory
 * @pdev: the provider
 * @size: bytes; rounded up to whole pages
 *
 * The memory is contiguous, and is not zeroed. It is naturally aligned: the
 * first page's number in the range is a multiple of the next power of two.
 *
 * Context: Any but NMI.
 * Return: kernel virtual address, page aligned; NULL if @size is 0, there is
 * no free piece of this size, or the device has no peer-to-peer memory or is
 * about to lose it.
 */
void *pci_alloc_p2pmem(struct pci_dev *pdev, size_t size)
{
	struct pci_p2pdma *p2pdma;
	struct page *page = NULL;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	if (p2pdma)
		page = run_alloc(p2pdma, size);
	rcu_read_unlock();
	return page ? page_to_virt(page) : NULL;
}
EXPORT_SYMBOL_GPL(pci_alloc_p2pmem);

static noinline void warn_of_wrong_free(struct pci_dev *pdev, void *addr,
					size_t size)
{
	WARN_ONCE(1, "%s: P2PDMA: %zu bytes at %p are not allocated\n",
		  pci_name(pdev), size, addr);
}

static __always_inline bool free_or_warn(struct pci_dev *pdev, void *addr,
					 size_t size)
{
	struct pci_p2pdma *p2pdma;
	bool freed;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	freed = p2pdma && run_free(p2pdma, (unsigned long)addr, size);
	if (unlikely(!freed))
		warn_of_wrong_free(pdev, addr, size);
	rcu_read_unlock();
	return freed;
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
	free_or_warn(pdev, addr, size);
}
EXPORT_SYMBOL_GPL(pci_free_p2pmem);

pci_bus_addr_t p2pdma_pool_virt_to_bus(struct pci_p2pdma *p2pdma, void *addr)
{
	phys_addr_t bus = gen_pool_virt_to_phys(p2pdma->pool,
						(unsigned long)addr);

	return bus == (phys_addr_t)-1 ? 0 : bus;
}

/* What is free, and what isn't */

static size_t chunk_in_use(const struct gen_pool_chunk *chunk)
{
	return chunk->end_addr - chunk->start_addr + 1 -
	       atomic_long_read(&chunk->avail);
}

/* One walk, since a chunk may come meanwhile */
size_t p2pdma_pool_in_use(struct pci_p2pdma *p2pdma)
{
	struct gen_pool_chunk *chunk;
	size_t in_use = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk)
		in_use += chunk_in_use(chunk);
	rcu_read_unlock();
	return in_use;
}

/* Of a range that a provider has */
static struct gen_pool_chunk *chunk_of_range(struct p2pdma_range *range)
{
	return chunk_of(range->p2pdma,
			(unsigned long)page_to_virt(range->buddy.pages));
}

size_t p2pdma_pool_range_in_use(struct p2pdma_range *range)
{
	size_t in_use;

	rcu_read_lock();
	in_use = chunk_in_use(chunk_of_range(range));
	rcu_read_unlock();
	return in_use;
}

/*
 * Takes a range out of the pool, of which nothing is allocated, nor will be: the
 * provider is closed. genalloc can only destroy a pool, and this is as that does
 * it with each of its chunks.
 */
void p2pdma_pool_remove(struct p2pdma_range *range)
{
	struct gen_pool *pool = range->p2pdma->pool;
	struct gen_pool_chunk *chunk;

	spin_lock(&pool->lock);
	chunk = chunk_of_range(range);
	list_del_rcu(&chunk->next_chunk);
	spin_unlock(&pool->lock);
	synchronize_rcu();
	vfree(chunk);
}

/* Physical address of the first page that is allocated, for messages */
u64 p2pdma_pool_first_used(struct pci_p2pdma *p2pdma)
{
	struct gen_pool_chunk *chunk;
	u64 first = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk) {
		unsigned long nr = (chunk->end_addr - chunk->start_addr + 1) >>
				   PAGE_SHIFT;
		/* Others go on allocating and freeing. */
		unsigned long page = data_race(find_first_bit(chunk->bits, nr));

		if (page == nr)
			continue;
		first = __pa(chunk->start_addr) + (page << PAGE_SHIFT);
		break;
	}
	rcu_read_unlock();
	return first;
}

/*
 * In bytes, without poisoned pages; of a provider that can't go away. A poisoned
 * page that is allocated is left out twice.
 */
size_t p2pdma_pool_available(struct pci_p2pdma *p2pdma)
{
	struct gen_pool_chunk *chunk;
	size_t available = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk) {
		struct p2pdma_range *range = chunk->owner;
		size_t poisoned = READ_ONCE(range->nr_poisoned) << PAGE_SHIFT;
		size_t free = atomic_long_read(&chunk->avail);

		available += free - min(poisoned, free);
	}
	rcu_read_unlock();
	return available;
}

/* In pages; of a provider that can't go away */
unsigned long p2pdma_pool_largest(struct pci_p2pdma *p2pdma)
{
	struct gen_pool_chunk *chunk;
	unsigned long largest = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk) {
		struct p2pdma_range *range = chunk->owner;

		largest = max(largest, p2pdma_buddy_largest(&range->buddy));
	}
	rcu_read_unlock();
	return largest;
}

/* Number of free blocks; likewise */
unsigned long p2pdma_pool_pieces(struct pci_p2pdma *p2pdma)
{
	struct gen_pool_chunk *chunk;
	unsigned long pieces = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(chunk, &p2pdma->pool->chunks, next_chunk) {
		struct p2pdma_range *range = chunk->owner;

		pieces += p2pdma_buddy_blocks(&range->buddy);
	}
	rcu_read_unlock();
	return pieces;
}

/* Allocating in pieces */

/* A list of runs: in ->private of each one's first page is the next one */
struct pieces {
	struct page *first, *last;
	unsigned int nr;
};

static unsigned long pages_of(const struct page *piece)
{
	return (unsigned long)piece->zone_device_data;
}

static void pieces_add(struct pieces *pieces, struct page *piece)
{
	set_page_private(piece, 0);
	if (pieces->nr++)
		set_page_private(pieces->last, (unsigned long)piece);
	else
		pieces->first = piece;
	pieces->last = piece;
}

static void pieces_free(struct pci_p2pdma *p2pdma, struct page *piece)
{
	while (piece) {
		struct page *next = p2pdma_next_page(piece);

		pci_free_p2pmem(p2pdma->pdev, page_to_virt(piece),
				pages_of(piece) << PAGE_SHIFT);
		piece = next;
	}
}

/*
 * The largest piece of at most @left pages, if there are so many in all. More
 * than @most isn't looked for: there was none a moment ago.
 */
static struct page *piece_alloc(struct pci_p2pdma *p2pdma, unsigned long left,
				unsigned long most)
{
	unsigned long nr = min(left, most);
	struct page *piece;

	if (gen_pool_avail(p2pdma->pool) >> PAGE_SHIFT < left)
		return NULL;
	/* While others take what was the largest, there is less each time. */
	while (!(piece = run_alloc(p2pdma, nr << PAGE_SHIFT))) {
		nr = min(nr, p2pdma_pool_largest(p2pdma));
		if (!nr || READ_ONCE(p2pdma->closed))
			return NULL;
	}
	return piece;
}

/* @nr pages in all, or none; of a provider that can't go away */
static int pieces_alloc(struct pci_p2pdma *p2pdma, struct pieces *pieces,
			unsigned long nr)
{
	unsigned long most = nr;
	struct page *piece;
	int error;

	for (; nr; nr -= most) {
		rcu_read_lock();
		piece = piece_alloc(p2pdma, nr, most);
		rcu_read_unlock();
		if (!piece) {
			error = READ_ONCE(p2pdma->closed) ? -ENODEV : -ENOMEM;
			pieces_free(p2pdma, pieces->first);
			return error;
		}
		pieces_add(pieces, piece);
		most = pages_of(piece);
		cond_resched();
	}
	return 0;
}

static noinline int alloc_pieces(struct pci_p2pdma *p2pdma,
				 struct scatterlist **sgl, unsigned int *nents,
				 u32 length)
{
	struct pieces pieces = {};
	struct scatterlist *sg;
	struct sg_table table;
	struct page *piece;
	unsigned int i;
	int error;

	error = pieces_alloc(p2pdma, &pieces, PFN_UP((u64)length));
	if (error)
		return error;
	error = sg_alloc_table(&table, pieces.nr, GFP_KERNEL);
	if (error) {
		pieces_free(p2pdma, pieces.first);
		return error;
	}
	piece = pieces.first;
	for_each_sgtable_sg(&table, sg, i) {
		sg_set_page(sg, piece,
			    min_t(u64, length, (u64)pages_of(piece) << PAGE_SHIFT),
			    0);
		length -= sg->length;
		piece = p2pdma_next_page(piece);
	}
	*sgl = table.sgl;
	*nents = pieces.nr;
	return 0;
}

/* A table of one entry; sg_alloc_table() would take more to make it. */
static __always_inline int alloc_entry(struct page *page,
				       struct scatterlist **sgl,
				       unsigned int *nents, u32 length)
{
	struct scatterlist *sg = kmalloc(sizeof(*sg), GFP_KERNEL);

	if (!sg)
		return -ENOMEM;
	*sg = (struct scatterlist){};
	sg_init_marker(sg, 1);
	sg_set_page(sg, page, length, 0);
	*sgl = sg;
	*nents = 1;
	return 0;
}

/**
 * pci_p2pmem_alloc_sgl() - Allocate peer-to-peer memory as a scatterlist
 * @pdev: the provider
 * @sgl: where the scatterlist goes
 * @nents: where the number of its entries goes
 * @length: bytes
 *
 * One entry if there is a free block of this size, else several: the largest
 * first.
 *
 * This is memory for one I/O: the caller frees it in bounded time, since a reset of
 * the device, its suspension and the unbinding of its driver wait for that first.
 *
 * Context: Process context; may sleep.
 * Return: 0; -EINVAL if @length is 0; -ENODEV if the device has no
 * peer-to-peer memory or is about to lose it; -ENOMEM if there isn't enough.
 * After an error @sgl is NULL and @nents is 0.
 */
int pci_p2pmem_alloc_sgl(struct pci_dev *pdev, struct scatterlist **sgl,
			 unsigned int *nents, u32 length)
{
	struct pci_p2pdma *p2pdma;
	struct page *page;
	int error;

	*sgl = NULL;
	*nents = 0;
	if (!length)
		return -EINVAL;
	p2pdma = p2pdma_begin_io(pdev);
	if (!p2pdma)
		return -ENODEV;
	rcu_read_lock();
	page = run_alloc(p2pdma, length);
	rcu_read_unlock();
	if (likely(page)) {
		error = alloc_entry(page, sgl, nents, length);
		if (error)
			pci_free_p2pmem(pdev, page_to_virt(page), length);
	} else {
		error = alloc_pieces(p2pdma, sgl, nents, length);
	}
	if (error)
		p2pdma_end_io(pdev);
	return error;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_alloc_sgl);

/**
 * pci_p2pmem_free_sgl() - Free what pci_p2pmem_alloc_sgl() returned
 * @pdev: the provider
 * @sgl: the scatterlist, unmapped; NULL does nothing
 * @nents: its number of entries
 *
 * Context: Any but NMI.
 */
void pci_p2pmem_free_sgl(struct pci_dev *pdev, struct scatterlist *sgl,
			 unsigned int nents)
{
	struct sg_table table = {
		.sgl = sgl,
		.nents = nents,
		.orig_nents = nents,
	};
	struct scatterlist *sg;
	bool freed = false;
	unsigned int i;

	if (!sgl)
		return;
	if (nents == 1) {
		freed = free_or_warn(pdev, sg_virt(sgl), sgl->length);
		/* As sg_free_table() would; it takes longer to find that out. */
		kfree(sgl);
	} else {
		for_each_sgtable_sg(&table, sg, i)
			freed |= free_or_warn(pdev, sg_virt(sg), sg->length);
		sg_free_table(&table);
	}
	/* What another device has allocated doesn't keep this one. */
	if (likely(freed))
		p2pdma_end_io(pdev);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_free_sgl);

/* User pages */

/*
 * The last put_page(), in any context, or before the page was mapped. Where that
 * put had no reference of its own, on memory that a kernel caller has, or on a
 * page that is mapped still, nothing is freed: in the end the mapping puts what
 * is free otherwise, the first reference.
 */
void p2pdma_pool_free_page(struct pci_p2pdma *p2pdma, struct page *page)
{
	unsigned long addr = (unsigned long)page_to_virt(page);
	bool mapped = page_mapped(page);

	if (WARN_ONCE(mapped || page->zone_device_data != P2PDMA_USER_PAGE,
		      "%s: P2PDMA: a page at %#lx is put that %s mapped\n",
		      pci_name(p2pdma->pdev), addr,
		      mapped ? "is still" : "nobody has"))
		return;
	WRITE_ONCE(page->zone_device_data, NULL);
	rcu_read_lock();
	atomic_long_dec(&p2pdma->nr_user_pages);
	pages_free(p2pdma, chunk_of(p2pdma, addr), addr, 1);
	rcu_read_unlock();
}

/* All that are chained, from @page on */
void p2pdma_pool_free_pages(struct pci_p2pdma *p2pdma, struct page *page)
{
	while (page) {
		struct page *next = p2pdma_next_page(page);

		p2pdma_pool_free_page(p2pdma, page);
		page = next;
	}
}

/* Makes user pages of a piece, and chains them. */
static void piece_to_pages(struct pci_p2pdma *p2pdma, struct page *piece,
			   struct page *next)
{
	unsigned long nr = pages_of(piece), i;

	atomic_long_add(nr, &p2pdma->nr_user_pages);
	for (i = 0; i < nr; i++) {
		WRITE_ONCE(piece[i].zone_device_data, P2PDMA_USER_PAGE);
		set_page_private(&piece[i], (unsigned long)
				 (i < nr - 1 ? &piece[i + 1] : next));
	}
}

/*
 * @nr pages, not zeroed yet, from wherever there are any, as a chain. NULL if
 * there are fewer. Of a provider that can't go away; may sleep.
 */
struct page *p2pdma_pool_alloc_pages(struct pci_p2pdma *p2pdma,
				     unsigned long nr)
{
	unsigned long most = p2pdma_pool_largest(p2pdma);
	struct page *first = NULL, *piece;

	while (nr && most) {
		rcu_read_lock();
		piece = piece_alloc(p2pdma, nr, most);
		if (piece) {
			most = pages_of(piece);
			nr -= most;
			piece_to_pages(p2pdma, piece, first);
			first = piece;
		}
		rcu_read_unlock();
		if (!piece)
			break;
		cond_resched();
	}
	if (!nr)
		return first;
	p2pdma_pool_free_pages(p2pdma, first);
	return NULL;
}
