// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: providers
 *
 * A provider is a device with ranges of its BARs that have ZONE_DEVICE pages,
 * all in one genalloc pool. It comes into being with the first range that is
 * added, and ends with the devres of the driver that added it.
 *
 * A range is added whole or not at all. The provider ends when nothing of it
 * is allocated: see p2pdma_quiesce.c.
 */

#define dev_fmt(fmt) "P2PDMA: " fmt

#include <linux/device.h>
#include <linux/genalloc.h>
#include <linux/ioport.h>
#include <linux/memory_hotplug.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/rculist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "p2pdma.h"

LIST_HEAD(p2pdma_providers);
static DEFINE_MUTEX(p2pdma_mutex);

/* Of all providers, and those that are being added or are about to go */
static LIST_HEAD(p2pdma_ranges);

/* Ranges */

/* The last put_page() of a page that was in a user mapping; any context */
static void p2pdma_page_free(struct page *page)
{
	p2pdma_pool_free_page(p2pdma_to_range(page->pgmap)->p2pdma, page);
}

/*
 * Pages that lose data, as the machine has found. They aren't handed out again.
 * Which mapping has one isn't known, so all of the provider's go. One that is
 * being made meanwhile fails.
 */
static int p2pdma_memory_failure(struct dev_pagemap *pgmap, unsigned long pfn,
				 unsigned long nr_pages, int flags)
{
	struct p2pdma_range *range = p2pdma_to_range(pgmap);
	unsigned long i;

	mutex_lock(&p2pdma_mutex);
	for (i = 0; i < nr_pages; i++) {
		struct page *page = pfn_to_page(pfn + i);

		if (PageHWPoison(page))
			continue;
		SetPageHWPoison(page);
		WRITE_ONCE(range->nr_poisoned, range->nr_poisoned + 1);
	}
	if (range->p2pdma) {
		pci_err(range->p2pdma->pdev,
			"peer-to-peer memory [mem %#llx-%#llx] is poisoned: it isn't used again, and user mappings are torn down\n",
			PFN_PHYS(pfn), PFN_PHYS(pfn + nr_pages) - 1);
		p2pdma_mmap_unmap(range->p2pdma);
	}
	mutex_unlock(&p2pdma_mutex);
	/* The load that failed may be through a mapping of another kind. */
	return flags & MF_ACTION_REQUIRED ? -EBUSY : 0;
}

const struct dev_pagemap_ops p2pdma_pgmap_ops = {
	.page_free = p2pdma_page_free,
	.memory_failure = p2pdma_memory_failure,
};

static int range_refused(struct pci_dev *pdev, int bar, int error,
			 const char *why)
{
	pci_err(pdev, "BAR %d: can't add peer-to-peer memory: %s\n", bar, why);
	return error;
}

static bool range_overlaps(const struct range *wanted)
{
	struct p2pdma_range *range;

	lockdep_assert_held(&p2pdma_mutex);
	list_for_each_entry(range, &p2pdma_ranges, node)
		if (wanted->start <= range->pgmap.range.end &&
		    range->pgmap.range.start <= wanted->end)
			return true;
	return false;
}

/* In the list first: it keeps others off while there are no pages yet. */
static struct p2pdma_range *range_create(struct pci_dev *pdev, int bar,
					 u64 size, u64 offset)
{
	struct p2pdma_range *range;
	int error = 0;

	range = kzalloc(sizeof(*range), GFP_KERNEL);
	if (!range)
		return ERR_PTR(-ENOMEM);
	range->bus_offset = pci_bus_address(pdev, bar) -
			    pci_resource_start(pdev, bar);
	range->pgmap.type = MEMORY_DEVICE_PCI_P2PDMA;
	range->pgmap.ops = &p2pdma_pgmap_ops;
	range->pgmap.owner = (void *)&p2pdma_pgmap_ops;
	range->pgmap.nr_range = 1;
	range->pgmap.range.start = pci_resource_start(pdev, bar) + offset;
	range->pgmap.range.end = range->pgmap.range.start + size - 1;

	mutex_lock(&p2pdma_mutex);
	if (range_overlaps(&range->pgmap.range))
		error = -EEXIST;
	else
		list_add_tail(&range->node, &p2pdma_ranges);
	mutex_unlock(&p2pdma_mutex);
	if (error) {
		kfree(range);
		return ERR_PTR(range_refused(pdev, bar, error,
					     "it overlaps what has been added"));
	}
	return range;
}

/* memremap_pages() warns, or says little, of what is in its way. */
static const char *why_no_pages(int error)
{
	switch (error) {
	case -EINVAL:
	case -EBUSY:
		return "another mapping of it has another memory type";
	case -ENOMEM:
		return "no memory for page structures";
	}
	return "no page structures";
}

static int range_make_pages(struct p2pdma_range *range, struct pci_dev *pdev,
			    int bar)
{
	void *addr = memremap_pages(&range->pgmap, dev_to_node(&pdev->dev));
	int error;

	if (IS_ERR(addr))
		return range_refused(pdev, bar, PTR_ERR(addr),
				     why_no_pages(PTR_ERR(addr)));
	error = p2pdma_buddy_init(&range->buddy, virt_to_page(addr),
				  PHYS_PFN(range_len(&range->pgmap.range)));
	if (!error)
		return 0;
	memunmap_pages(&range->pgmap);
	return range_refused(pdev, bar, error, why_no_pages(error));
}

static void range_destroy(struct p2pdma_range *range)
{
	mutex_lock(&p2pdma_mutex);
	list_del(&range->node);
	mutex_unlock(&p2pdma_mutex);
	p2pdma_buddy_destroy(&range->buddy);
	kfree(range);
}

/* What verdicts ask of the ranges that @p2pdma has */
static void update_limits(struct pci_p2pdma *p2pdma)
{
	u64 last_bus = 0, last_phys = 0;
	struct p2pdma_range *range;

	lockdep_assert_held(&p2pdma_mutex);
	list_for_each_entry(range, &p2pdma_ranges, node) {
		u64 end = range->pgmap.range.end;

		if (range->p2pdma != p2pdma)
			continue;
		last_bus = max(last_bus, end + range->bus_offset);
		last_phys = max(last_phys, end);
	}
	WRITE_ONCE(p2pdma->last_bus_addr, last_bus);
	WRITE_ONCE(p2pdma->last_phys_addr, last_phys);
}

static void range_assign(struct p2pdma_range *range, struct pci_p2pdma *p2pdma)
{
	struct pci_p2pdma *changed = p2pdma ?: range->p2pdma;

	range->p2pdma = p2pdma;
	update_limits(changed);
}

/* The last step of adding a range */
static int range_offer(struct p2pdma_range *range, struct pci_p2pdma *p2pdma)
{
	u64 start = range->pgmap.range.start;
	int error;

	/* Before the first page of it can be mapped */
	range_assign(range, p2pdma);
	error = gen_pool_add_owner(p2pdma->pool, (unsigned long)__va(start),
				   start + range->bus_offset,
				   range_len(&range->pgmap.range),
				   dev_to_node(&p2pdma->pdev->dev), range);
	if (error)
		range_assign(range, NULL);
	return error;
}

/* Providers */

static struct pci_p2pdma *provider_create(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma;

	p2pdma = kzalloc(sizeof(*p2pdma), GFP_KERNEL);
	if (!p2pdma)
		return NULL;
	p2pdma->pdev = pdev;
	p2pdma_init_closing(p2pdma);
	p2pdma->pool = gen_pool_create(PAGE_SHIFT, dev_to_node(&pdev->dev));
	if (!p2pdma->pool)
		goto free_provider;
	if (p2pdma_mmap_create(p2pdma))
		goto destroy_pool;
	return p2pdma;

destroy_pool:
	gen_pool_destroy(p2pdma->pool);
free_provider:
	kfree(p2pdma);
	return NULL;
}

#define ANY_START U64_MAX

static struct p2pdma_range *range_of(struct pci_p2pdma *p2pdma, u64 start)
{
	struct p2pdma_range *range, *found = NULL;

	mutex_lock(&p2pdma_mutex);
	list_for_each_entry(range, &p2pdma_ranges, node)
		if (range->p2pdma == p2pdma &&
		    (start == ANY_START || start == range->pgmap.range.start))
			found = range;
	mutex_unlock(&p2pdma_mutex);
	return found;
}

/* Nobody uses the provider any more, or nobody ever could. */
static void provider_destroy(struct pci_p2pdma *p2pdma)
{
	p2pdma_mmap_destroy(p2pdma);
	gen_pool_destroy(p2pdma->pool);
	kfree(p2pdma);
}

/* devres: the provider's driver is being unbound */
static void provider_retire(void *data)
{
	struct pci_p2pdma *p2pdma = data;
	struct pci_dev *pdev = p2pdma->pdev;
	struct p2pdma_range *range;

	/* Most often it was, before the driver's remove function. */
	p2pdma_close_for_unbind(p2pdma);
	mutex_lock(&p2pdma_mutex);
	list_del_rcu(&p2pdma->node);
	mutex_unlock(&p2pdma_mutex);
	p2pdma_sysfs_remove(pdev);
	p2pdma_wait_for_all(p2pdma);

	RCU_INIT_POINTER(pdev->p2pdma, NULL);
	p2pdma_end_closing(p2pdma);
	/* Wait for readers of pdev->p2pdma and for frees still in the pool. */
	synchronize_rcu();
	while ((range = range_of(p2pdma, ANY_START))) {
		memunmap_pages(&range->pgmap);
		range_destroy(range);
	}
	provider_destroy(p2pdma);
	pm_runtime_put(&pdev->dev);
}

/* Make a provider with its first range known to everybody, or to nobody. */
static int provider_announce(struct pci_p2pdma *p2pdma)
{
	struct pci_dev *pdev = p2pdma->pdev;
	static u64 last_serial;
	int error;

	lockdep_assert_held(&p2pdma_mutex);
	error = p2pdma_sysfs_create(pdev);
	if (error)
		return error;
	error = devm_add_action(&pdev->dev, provider_retire, p2pdma);
	if (error) {
		p2pdma_sysfs_remove(pdev);
		return error;
	}
	/* Others don't know when it sleeps: it stays awake. */
	pm_runtime_get_noresume(&pdev->dev);
	p2pdma->serial = ++last_serial;
	list_add_tail_rcu(&p2pdma->node, &p2pdma_providers);
	rcu_assign_pointer(pdev->p2pdma, p2pdma);
	return 0;
}

/* Of a range that has pages: gives it to the provider, or makes that. */
static int provider_extend(struct pci_dev *pdev, struct p2pdma_range *range)
{
	struct pci_p2pdma *p2pdma;
	int error;

	lockdep_assert_held(&p2pdma_mutex);
	p2pdma = rcu_dereference_protected(pdev->p2pdma,
					   lockdep_is_held(&p2pdma_mutex));
	if (p2pdma) {
		/* Its end may have begun, and waits for what it had. */
		if (test_bit(P2PDMA_RETIRED, &p2pdma->closed))
			return -ENODEV;
		return range_offer(range, p2pdma);
	}

	p2pdma = provider_create(pdev);
	if (!p2pdma)
		return -ENOMEM;
	error = range_offer(range, p2pdma);
	if (!error) {
		error = provider_announce(p2pdma);
		if (error)
			range_assign(range, NULL);
	}
	if (error)
		provider_destroy(p2pdma);
	return error;
}

/* Adding ranges */

/* memremap_pages() would warn of these. */
static int range_check_place(struct pci_dev *pdev, int bar, u64 start, u64 end)
{
	struct range pluggable = mhp_get_pluggable_range(true);
	struct dev_pagemap *pgmap = NULL;
	u64 at;

	if (start < pluggable.start || end > pluggable.end)
		return range_refused(pdev, bar, -E2BIG,
				     "it is outside of what the kernel can map");
	if (region_intersects(start, end - start + 1, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return range_refused(pdev, bar, -EBUSY,
				     "it overlaps system memory");
	/* No pagemap is smaller. */
	for (at = start; !pgmap && at < end; at += memremap_compat_align())
		pgmap = get_dev_pagemap(PHYS_PFN(at), NULL);
	if (!pgmap)
		return 0;
	/* What others have added before is told apart later. */
	if (p2pdma_to_range(pgmap)) {
		put_dev_pagemap(pgmap);
		return 0;
	}
	put_dev_pagemap(pgmap);
	return range_refused(pdev, bar, -EBUSY,
			     "its driver has made page structures itself");
}

/* What is odd with a range. Resolves size 0; no sum here can overflow. */
static const char *range_odd(struct pci_dev *pdev, int bar, u64 *size,
			     u64 offset)
{
	u64 align = memremap_compat_align();
	u64 len, start;

	if (bar < 0 || bar >= PCI_STD_NUM_BARS)
		return "no such BAR";
	if (!(pci_resource_flags(pdev, bar) & IORESOURCE_MEM))
		return "not a memory BAR";
	if (pci_resource_flags(pdev, bar) & IORESOURCE_UNSET)
		return "BAR has no address";
	len = pci_resource_len(pdev, bar);
	if (offset >= len)
		return "offset is outside the BAR";
	if (*size > len - offset)
		return "range exceeds the BAR";
	if (!*size)
		*size = len - offset;
	start = pci_resource_start(pdev, bar) + offset;
	if (!PAGE_ALIGNED(start) || !PAGE_ALIGNED(*size))
		return "range is not page aligned";
	if (*size < align)
		return "range is too small for a pagemap";
	if (!IS_ALIGNED(start, align) || !IS_ALIGNED(*size, align))
		return "range is not aligned for a pagemap";
	return NULL;
}

static int range_check(struct pci_dev *pdev, int bar, u64 *size, u64 offset)
{
	const char *why = range_odd(pdev, bar, size, offset);
	u64 start;

	if (why)
		return range_refused(pdev, bar, -EINVAL, why);
	start = pci_resource_start(pdev, bar) + offset;
	return range_check_place(pdev, bar, start, start + *size - 1);
}

static int add_range_awake(struct pci_dev *pdev, int bar, u64 size, u64 offset)
{
	struct p2pdma_range *range;
	int error;

	range = range_create(pdev, bar, size, offset);
	if (IS_ERR(range))
		return PTR_ERR(range);
	error = range_make_pages(range, pdev, bar);
	if (error)
		goto destroy;

	mutex_lock(&p2pdma_mutex);
	error = provider_extend(pdev, range);
	mutex_unlock(&p2pdma_mutex);
	if (error) {
		memunmap_pages(&range->pgmap);
		goto destroy;
	}
	pci_info(pdev, "added peer-to-peer memory [mem %#llx-%#llx]\n",
		 range->pgmap.range.start, range->pgmap.range.end);
	return 0;

destroy:
	range_destroy(range);
	return error;
}

int p2pdma_add_range(struct pci_dev *pdev, int bar, u64 size, u64 offset)
{
	int error;

	error = range_check(pdev, bar, &size, offset);
	if (error)
		return error;
	/* provider_announce() keeps it awake. */
	error = pm_runtime_resume_and_get(&pdev->dev);
	if (error < 0)
		return range_refused(pdev, bar, error, "its device sleeps");
	error = add_range_awake(pdev, bar, size, offset);
	pm_runtime_put(&pdev->dev);
	return error;
}

/* Removing ranges */

/* The caller has device_lock, which keeps the provider. */
void p2pdma_remove_range(struct pci_dev *pdev, int bar, u64 offset)
{
	struct pci_p2pdma *p2pdma = rcu_dereference_check(pdev->p2pdma, true);
	struct p2pdma_range *range = NULL;

	device_lock_assert(&pdev->dev);
	if (p2pdma && bar >= 0 && bar < PCI_STD_NUM_BARS)
		range = range_of(p2pdma, pci_resource_start(pdev, bar) + offset);
	if (!range)
		return;
	if (list_is_singular(&p2pdma->pool->chunks)) {
		devm_release_action(&pdev->dev, provider_retire, p2pdma);
		return;
	}
	p2pdma_close_for_shrinking(p2pdma, range);
	p2pdma_pool_remove(range);
	mutex_lock(&p2pdma_mutex);
	range_assign(range, NULL);
	mutex_unlock(&p2pdma_mutex);
	memunmap_pages(&range->pgmap);
	range_destroy(range);
	p2pdma_open_after_shrinking(p2pdma);
}
