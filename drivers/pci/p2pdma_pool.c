// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: providers
 *
 * A provider is a device with ranges of its BARs that have ZONE_DEVICE pages,
 * all in one genalloc pool. It comes into being with the first range that is
 * added, and ends with the devres of the driver that added it.
 *
 * Laws:
 * - A range is added whole or not at all.
 * - A kernel caller's allocation is freed whole: the page count is kept in
 *   zone_device_data of its first page, and whoever swaps it for zero owns
 *   the right to free.
 * - A page in a user mapping is freed by its last put_page(), alone.
 * - Each allocation of the first kind and each page of the second holds a
 *   reference on the provider's @users; the provider ends when there is none.
 */

#define dev_fmt(fmt) "P2PDMA: " fmt

#include <linux/bitmap.h>
#include <linux/device.h>
#include <linux/genalloc.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/rculist.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "p2pdma.h"

/* How long unbind waits before it says what it waits for */
#define P2PDMA_PATIENCE (5 * HZ)

LIST_HEAD(p2pdma_providers);
static DEFINE_MUTEX(p2pdma_mutex);

/* Ranges */

/* The last put_page() of a page that was in a user mapping; any context */
static void p2pdma_page_free(struct page *page)
{
	struct pci_p2pdma *p2pdma = p2pdma_to_range(page->pgmap)->p2pdma;

	gen_pool_free(p2pdma->pool, (unsigned long)page_to_virt(page),
		      PAGE_SIZE);
	percpu_ref_put(&p2pdma->users);
}

static const struct dev_pagemap_ops p2pdma_pgmap_ops = {
	.page_free = p2pdma_page_free,
};

static void range_destroy(struct p2pdma_range *range)
{
	memunmap_pages(&range->pgmap);
	kfree(range);
}

static struct p2pdma_range *range_create(struct pci_p2pdma *p2pdma, int bar,
					 u64 size, u64 offset)
{
	struct pci_dev *pdev = p2pdma->pdev;
	struct p2pdma_range *range;
	void *addr;

	range = kzalloc(sizeof(*range), GFP_KERNEL);
	if (!range)
		return ERR_PTR(-ENOMEM);

	range->p2pdma = p2pdma;
	range->bus_offset = pci_bus_address(pdev, bar) -
			    pci_resource_start(pdev, bar);
	range->pgmap.type = MEMORY_DEVICE_PCI_P2PDMA;
	range->pgmap.ops = &p2pdma_pgmap_ops;
	range->pgmap.nr_range = 1;
	range->pgmap.range.start = pci_resource_start(pdev, bar) + offset;
	range->pgmap.range.end = range->pgmap.range.start + size - 1;

	addr = memremap_pages(&range->pgmap, dev_to_node(&pdev->dev));
	if (IS_ERR(addr)) {
		kfree(range);
		return ERR_CAST(addr);
	}
	return range;
}

/* The last step of adding a range: a chunk can't be taken out of a pool. */
static int range_offer(struct p2pdma_range *range)
{
	struct pci_p2pdma *p2pdma = range->p2pdma;
	u64 start = range->pgmap.range.start;
	u64 size = range_len(&range->pgmap.range);
	u64 last_phys = start + size - 1;
	u64 old_last_bus = p2pdma->last_bus_addr;
	u64 old_last_phys = p2pdma->last_phys_addr;
	int error;

	/* Before the first page of it can be mapped */
	WRITE_ONCE(p2pdma->last_bus_addr,
		   max(old_last_bus, last_phys + range->bus_offset));
	WRITE_ONCE(p2pdma->last_phys_addr, max(old_last_phys, last_phys));
	error = gen_pool_add_virt(p2pdma->pool, (unsigned long)__va(start),
				  start + range->bus_offset, size,
				  dev_to_node(&p2pdma->pdev->dev));
	if (error) {
		WRITE_ONCE(p2pdma->last_bus_addr, old_last_bus);
		WRITE_ONCE(p2pdma->last_phys_addr, old_last_phys);
		return error;
	}
	list_add_tail(&range->node, &p2pdma->ranges);
	return 0;
}

/* Providers */

static void p2pdma_users_gone(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct pci_p2pdma, users)->idle);
}

static struct pci_p2pdma *provider_create(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma;

	p2pdma = kzalloc(sizeof(*p2pdma), GFP_KERNEL);
	if (!p2pdma)
		return NULL;
	p2pdma->pdev = pdev;
	init_completion(&p2pdma->idle);
	INIT_LIST_HEAD(&p2pdma->ranges);
	p2pdma_cache_init(p2pdma);
	if (percpu_ref_init(&p2pdma->users, p2pdma_users_gone, 0, GFP_KERNEL))
		goto free_provider;
	p2pdma->pool = gen_pool_create(PAGE_SHIFT, dev_to_node(&pdev->dev));
	if (!p2pdma->pool)
		goto exit_users;
	return p2pdma;

exit_users:
	percpu_ref_exit(&p2pdma->users);
free_provider:
	kfree(p2pdma);
	return NULL;
}

/* Nobody uses the provider any more, or nobody ever could. */
static void provider_destroy(struct pci_p2pdma *p2pdma)
{
	struct p2pdma_range *range, *next;

	p2pdma_cache_drop(p2pdma);
	gen_pool_destroy(p2pdma->pool);
	list_for_each_entry_safe_reverse(range, next, &p2pdma->ranges, node)
		range_destroy(range);
	percpu_ref_exit(&p2pdma->users);
	kfree(p2pdma);
}

static void unmap_users(struct pci_p2pdma *p2pdma)
{
	struct p2pdma_range *range;

	list_for_each_entry(range, &p2pdma->ranges, node)
		p2pdma_sysfs_unmap(range);
}

/*
 * A mapping is found only after mmap() has returned from here, so one that
 * was made while sysfs was removed may have been missed: look again.
 */
static void wait_for_users(struct pci_p2pdma *p2pdma)
{
	unsigned long patience = jiffies + P2PDMA_PATIENCE;
	struct gen_pool *pool = p2pdma->pool;
	bool told = false;

	do {
		unmap_users(p2pdma);
		if (told || time_before(jiffies, patience))
			continue;
		pci_info(p2pdma->pdev,
			 "waiting for the users of %zu bytes of peer-to-peer memory\n",
			 gen_pool_size(pool) - gen_pool_avail(pool));
		told = true;
	} while (!wait_for_completion_timeout(&p2pdma->idle, HZ / 10));
}

/* Once by the notifier, and once by devres: one thread unbinds a device. */
static void stop_allocations(struct pci_p2pdma *p2pdma)
{
	if (!percpu_ref_is_dying(&p2pdma->users))
		percpu_ref_kill(&p2pdma->users);
}

/* Before the driver's remove function: devres comes after it. */
static int provider_notify(struct notifier_block *nb, unsigned long action,
			   void *data)
{
	struct pci_p2pdma *p2pdma;

	if (action != BUS_NOTIFY_UNBIND_DRIVER)
		return NOTIFY_DONE;
	device_lock_assert(data);
	/* "1": the driver's devres, which frees it, is yet to come. */
	p2pdma = rcu_dereference_protected(to_pci_dev(data)->p2pdma, 1);
	if (p2pdma)
		stop_allocations(p2pdma);
	return NOTIFY_OK;
}

static struct notifier_block provider_nb = {
	.notifier_call = provider_notify,
};

static int __init p2pdma_pool_init(void)
{
	return bus_register_notifier(&pci_bus_type, &provider_nb);
}
postcore_initcall_sync(p2pdma_pool_init);

/* devres: the provider's driver is being unbound */
static void provider_retire(void *data)
{
	struct pci_p2pdma *p2pdma = data;
	struct pci_dev *pdev = p2pdma->pdev;

	stop_allocations(p2pdma);
	mutex_lock(&p2pdma_mutex);
	list_del_rcu(&p2pdma->node);
	mutex_unlock(&p2pdma_mutex);
	p2pdma_sysfs_remove(pdev);
	wait_for_users(p2pdma);

	RCU_INIT_POINTER(pdev->p2pdma, NULL);
	synchronize_rcu();
	provider_destroy(p2pdma);
}

/* Make a provider with its first range known to everybody, or to nobody. */
static int provider_announce(struct pci_p2pdma *p2pdma)
{
	struct pci_dev *pdev = p2pdma->pdev;
	int error;

	error = p2pdma_sysfs_create(pdev);
	if (error)
		return error;
	error = devm_add_action(&pdev->dev, provider_retire, p2pdma);
	if (error) {
		p2pdma_sysfs_remove(pdev);
		return error;
	}
	list_add_tail_rcu(&p2pdma->node, &p2pdma_providers);
	rcu_assign_pointer(pdev->p2pdma, p2pdma);
	return 0;
}

/* Adding ranges */

static int range_refused(struct pci_dev *pdev, int bar, const char *why)
{
	pci_err(pdev, "BAR %d: can't add peer-to-peer memory: %s\n", bar, why);
	return -EINVAL;
}

/* Checks the range, and resolves size 0. No sum here can overflow. */
static int range_check(struct pci_dev *pdev, int bar, u64 *size, u64 offset)
{
	u64 align = memremap_compat_align();
	u64 len, start;

	if (bar < 0 || bar >= PCI_STD_NUM_BARS)
		return range_refused(pdev, bar, "no such BAR");
	if (!(pci_resource_flags(pdev, bar) & IORESOURCE_MEM))
		return range_refused(pdev, bar, "not a memory BAR");
	if (pci_resource_flags(pdev, bar) & IORESOURCE_UNSET)
		return range_refused(pdev, bar, "BAR has no address");
	len = pci_resource_len(pdev, bar);
	if (offset >= len)
		return range_refused(pdev, bar, "offset is outside the BAR");
	if (*size > len - offset)
		return range_refused(pdev, bar, "range exceeds the BAR");
	if (!*size)
		*size = len - offset;
	start = pci_resource_start(pdev, bar) + offset;
	if (!PAGE_ALIGNED(start) || !PAGE_ALIGNED(*size))
		return range_refused(pdev, bar, "range is not page aligned");
	if (*size < align)
		return range_refused(pdev, bar,
				     "range is too small for a pagemap");
	if (!IS_ALIGNED(start, align) || !IS_ALIGNED(*size, align))
		return range_refused(pdev, bar,
				     "range is not aligned for a pagemap");
	return 0;
}

static bool range_overlaps(struct pci_p2pdma *p2pdma, u64 start, u64 size)
{
	struct p2pdma_range *range;

	lockdep_assert_held(&p2pdma_mutex);
	list_for_each_entry(range, &p2pdma->ranges, node)
		if (start <= range->pgmap.range.end &&
		    range->pgmap.range.start <= start + size - 1)
			return true;
	return false;
}

static int add_first_range(struct pci_dev *pdev, int bar, u64 size, u64 offset)
{
	struct p2pdma_range *range;
	struct pci_p2pdma *p2pdma;
	int error;

	p2pdma = provider_create(pdev);
	if (!p2pdma)
		return -ENOMEM;
	range = range_create(p2pdma, bar, size, offset);
	if (IS_ERR(range)) {
		error = PTR_ERR(range);
		goto destroy_provider;
	}
	error = range_offer(range);
	if (error) {
		range_destroy(range);
		goto destroy_provider;
	}
	error = provider_announce(p2pdma);
	if (error)
		goto destroy_provider;
	return 0;

destroy_provider:
	provider_destroy(p2pdma);
	return error;
}

static int add_further_range(struct pci_p2pdma *p2pdma, int bar, u64 size,
			     u64 offset)
{
	u64 start = pci_resource_start(p2pdma->pdev, bar) + offset;
	struct p2pdma_range *range;
	int error;

	if (range_overlaps(p2pdma, start, size))
		return -EEXIST;
	range = range_create(p2pdma, bar, size, offset);
	if (IS_ERR(range))
		return PTR_ERR(range);
	error = range_offer(range);
	if (error)
		range_destroy(range);
	return error;
}

int p2pdma_add_range(struct pci_dev *pdev, int bar, u64 size, u64 offset)
{
	struct pci_p2pdma *p2pdma;
	u64 start;
	int error;

	error = range_check(pdev, bar, &size, offset);
	if (error)
		return error;

	mutex_lock(&p2pdma_mutex);
	p2pdma = rcu_dereference_protected(pdev->p2pdma,
					   lockdep_is_held(&p2pdma_mutex));
	if (p2pdma)
		error = add_further_range(p2pdma, bar, size, offset);
	else
		error = add_first_range(pdev, bar, size, offset);
	mutex_unlock(&p2pdma_mutex);
	if (error)
		return error;

	start = pci_resource_start(pdev, bar) + offset;
	pci_info(pdev, "added peer-to-peer memory [mem %#llx-%#llx]\n",
		 start, start + size - 1);
	return 0;
}

/* Allocating */

void *p2pdma_pool_alloc(struct pci_p2pdma *p2pdma, size_t size)
{
	unsigned long addr;

	if (!percpu_ref_tryget_live(&p2pdma->users))
		return NULL;
	addr = gen_pool_alloc(p2pdma->pool, size);
	if (!addr) {
		percpu_ref_put(&p2pdma->users);
		return NULL;
	}
	virt_to_page((void *)addr)->zone_device_data =
		(void *)(PAGE_ALIGN(size) >> PAGE_SHIFT);
	return (void *)addr;
}

/* Returns false, and does nothing, if this isn't what has been allocated. */
bool p2pdma_pool_free(struct pci_p2pdma *p2pdma, void *addr, size_t size)
{
	void *nr_pages = (void *)(PAGE_ALIGN(size) >> PAGE_SHIFT);
	struct page *page;

	if (!nr_pages || !PAGE_ALIGNED(addr) ||
	    !gen_pool_has_addr(p2pdma->pool, (unsigned long)addr, PAGE_SIZE))
		return false;
	page = virt_to_page(addr);
	if (cmpxchg(&page->zone_device_data, nr_pages, NULL) != nr_pages)
		return false;
	gen_pool_free(p2pdma->pool, (unsigned long)addr, size);
	percpu_ref_put(&p2pdma->users);
	return true;
}

pci_bus_addr_t p2pdma_pool_virt_to_bus(struct pci_p2pdma *p2pdma, void *addr)
{
	phys_addr_t bus = gen_pool_virt_to_phys(p2pdma->pool,
						(unsigned long)addr);

	return bus == (phys_addr_t)-1 ? 0 : bus;
}

/* For user mappings: one reference on @users for every page; not zeroed yet */
void *p2pdma_pool_alloc_pages(struct pci_p2pdma *p2pdma, size_t nr_pages)
{
	size_t size;
	void *addr;

	if (check_mul_overflow(nr_pages, PAGE_SIZE, &size))
		return NULL;
	if (!percpu_ref_tryget_live(&p2pdma->users))
		return NULL;
	addr = (void *)gen_pool_alloc(p2pdma->pool, size);
	if (!addr) {
		percpu_ref_put(&p2pdma->users);
		return NULL;
	}
	percpu_ref_get_many(&p2pdma->users, nr_pages - 1);
	return addr;
}

/* Pages of the above that never made it into a user mapping */
void p2pdma_pool_free_pages(struct pci_p2pdma *p2pdma, void *addr,
			    size_t nr_pages)
{
	gen_pool_free(p2pdma->pool, (unsigned long)addr, nr_pages * PAGE_SIZE);
	percpu_ref_put_many(&p2pdma->users, nr_pages);
}

/* Allocating in pieces */

struct p2pdma_extent {
	struct list_head node;
	void *addr;
	u32 length;
};

/* Pages: the longest free run so far, and no need to look beyond @wanted */
struct p2pdma_run {
	unsigned long longest;
	unsigned long wanted;
};

static void longest_run(struct gen_pool *pool, struct gen_pool_chunk *chunk,
			void *data)
{
	unsigned long end = (chunk->end_addr - chunk->start_addr + 1) >>
			    PAGE_SHIFT;
	struct p2pdma_run *run = data;
	unsigned long first, next;

	for (first = find_first_zero_bit(chunk->bits, end); first < end;
	     first = find_next_zero_bit(chunk->bits, end, next)) {
		if (run->longest >= run->wanted)
			return;
		next = find_next_bit(chunk->bits, end, first);
		run->longest = max(run->longest, next - first);
	}
}

/*
 * The longest piece there is, at most @length bytes. The search is not atomic
 * with the allocation: if another one came in between, look again.
 */
static struct p2pdma_extent *extent_alloc(struct pci_p2pdma *p2pdma, u32 length)
{
	struct p2pdma_extent *extent;

	extent = kmalloc(sizeof(*extent), GFP_KERNEL);
	if (!extent)
		return NULL;
	extent->length = length;
	extent->addr = p2pdma_pool_alloc(p2pdma, length);
	while (!extent->addr) {
		struct p2pdma_run run = { .wanted = PFN_UP((u64)length) };

		gen_pool_for_each_chunk(p2pdma->pool, longest_run, &run);
		if (!run.longest || percpu_ref_is_dying(&p2pdma->users)) {
			kfree(extent);
			return NULL;
		}
		extent->length = min_t(u64, length,
				       (u64)run.longest << PAGE_SHIFT);
		extent->addr = p2pdma_pool_alloc(p2pdma, extent->length);
	}
	return extent;
}

static void extents_free(struct pci_p2pdma *p2pdma, struct list_head *extents)
{
	struct p2pdma_extent *extent, *next;

	list_for_each_entry_safe(extent, next, extents, node) {
		p2pdma_pool_free(p2pdma, extent->addr, extent->length);
		kfree(extent);
	}
}

/* Returns their number, or a negative errno and no extent. */
static int extents_alloc(struct pci_p2pdma *p2pdma, struct list_head *extents,
			 u32 length)
{
	struct p2pdma_extent *extent;
	int nr = 0;

	for (; length; length -= extent->length, nr++) {
		extent = extent_alloc(p2pdma, length);
		if (!extent) {
			extents_free(p2pdma, extents);
			return -ENOMEM;
		}
		list_add_tail(&extent->node, extents);
	}
	return nr;
}

int p2pdma_pool_alloc_sgl(struct pci_p2pdma *p2pdma, struct scatterlist **sgl,
			  unsigned int *nents, u32 length)
{
	struct p2pdma_extent *extent, *next;
	struct scatterlist *sg;
	struct sg_table table;
	LIST_HEAD(extents);
	int nr;

	nr = extents_alloc(p2pdma, &extents, length);
	if (nr < 0)
		return nr;
	if (sg_alloc_table(&table, nr, GFP_KERNEL)) {
		extents_free(p2pdma, &extents);
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
