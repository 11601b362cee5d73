// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: providers
 *
 * A provider is a device with ranges of its BARs that have ZONE_DEVICE pages,
 * all in one genalloc pool. It comes into being with the first range that is
 * added, and ends with the devres of the driver that added it.
 *
 * A range is added whole or not at all. The provider ends when nothing of it
 * is allocated: see "Waiting" in p2pdma.h.
 */

#define dev_fmt(fmt) "P2PDMA: " fmt

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/genalloc.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/rculist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "p2pdma.h"
#include "p2pdma_space.h"

/* How long unbind waits before it says what it waits for */
#define P2PDMA_PATIENCE (5 * HZ)

LIST_HEAD(p2pdma_providers);
static DEFINE_MUTEX(p2pdma_mutex);

/* Ranges */

/* The last put_page() of a page that was in a user mapping; any context */
static void p2pdma_page_free(struct page *page)
{
	p2pdma_pool_free_pages(p2pdma_to_range(page->pgmap)->p2pdma,
			       page_to_virt(page), 1);
}

const struct dev_pagemap_ops p2pdma_pgmap_ops = {
	.page_free = p2pdma_page_free,
};

static void range_destroy(struct p2pdma_range *range)
{
	memunmap_pages(&range->pgmap);
	p2pdma_space_destroy(range->space);
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
	range->space = p2pdma_space_create(size >> PAGE_SHIFT);
	if (!range->space) {
		addr = ERR_PTR(-ENOMEM);
		goto free_range;
	}

	range->p2pdma = p2pdma;
	range->bus_offset = pci_bus_address(pdev, bar) -
			    pci_resource_start(pdev, bar);
	range->pgmap.type = MEMORY_DEVICE_PCI_P2PDMA;
	range->pgmap.ops = &p2pdma_pgmap_ops;
	range->pgmap.owner = (void *)&p2pdma_pgmap_ops;
	range->pgmap.nr_range = 1;
	range->pgmap.range.start = pci_resource_start(pdev, bar) + offset;
	range->pgmap.range.end = range->pgmap.range.start + size - 1;

	addr = memremap_pages(&range->pgmap, dev_to_node(&pdev->dev));
	if (IS_ERR(addr))
		goto destroy_space;
	range->pages = virt_to_page(addr);
	return range;

destroy_space:
	p2pdma_space_destroy(range->space);
free_range:
	kfree(range);
	return ERR_CAST(addr);
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
	error = gen_pool_add_owner(p2pdma->pool, (unsigned long)__va(start),
				   start + range->bus_offset, size,
				   dev_to_node(&p2pdma->pdev->dev), range);
	if (error) {
		WRITE_ONCE(p2pdma->last_bus_addr, old_last_bus);
		WRITE_ONCE(p2pdma->last_phys_addr, old_last_phys);
		return error;
	}
	list_add_tail(&range->node, &p2pdma->ranges);
	return 0;
}

/* Providers */

static struct pci_p2pdma *provider_create(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma;

	p2pdma = kzalloc(sizeof(*p2pdma), GFP_KERNEL);
	if (!p2pdma)
		return NULL;
	p2pdma->pdev = pdev;
	INIT_LIST_HEAD(&p2pdma->ranges);
	p2pdma->pool = gen_pool_create(PAGE_SHIFT, dev_to_node(&pdev->dev));
	if (!p2pdma->pool) {
		kfree(p2pdma);
		return NULL;
	}
	gen_pool_set_algo(p2pdma->pool, p2pdma_space_find, NULL);
	return p2pdma;
}

/* Nobody uses the provider any more, or nobody ever could. */
static void provider_destroy(struct pci_p2pdma *p2pdma)
{
	struct p2pdma_range *range, *next;

	gen_pool_destroy(p2pdma->pool);
	list_for_each_entry_safe_reverse(range, next, &p2pdma->ranges, node)
		range_destroy(range);
	kfree(p2pdma);
}

static void unmap_users(struct pci_p2pdma *p2pdma)
{
	struct p2pdma_range *range;

	list_for_each_entry(range, &p2pdma->ranges, node)
		p2pdma_mmap_unmap(range);
}

/*
 * A mapping is found only after mmap() has returned from here, so one that
 * was made meanwhile may have been missed: look again.
 */
static void wait_for_users(struct pci_p2pdma *p2pdma)
{
	unsigned long patience = jiffies + P2PDMA_PATIENCE;
	bool told = false;
	size_t left;

	/* After this, allocators that missed ->retired are done. */
	synchronize_rcu();
	for (unmap_users(p2pdma); (left = p2pdma_pool_in_use(p2pdma));
	     unmap_users(p2pdma)) {
		if (!told && time_after(jiffies, patience)) {
			pci_info(p2pdma->pdev,
				 "waiting for the users of %zu bytes of peer-to-peer memory\n",
				 left);
			told = true;
		}
		msleep(20);
	}
}

/*
 * Before the driver's remove function, which may turn the device off: devres
 * comes after it.
 */
static int provider_notify(struct notifier_block *nb, unsigned long action,
			   void *data)
{
	struct pci_p2pdma *p2pdma;

	if (action != BUS_NOTIFY_UNBIND_DRIVER)
		return NOTIFY_DONE;
	device_lock_assert(data);
	/* "1": the driver's devres, which frees it, is yet to come. */
	p2pdma = rcu_dereference_protected(to_pci_dev(data)->p2pdma, 1);
	if (!p2pdma)
		return NOTIFY_OK;
	WRITE_ONCE(p2pdma->retired, true);
	mutex_lock(&p2pdma_mutex);
	unmap_users(p2pdma);
	mutex_unlock(&p2pdma_mutex);
	return NOTIFY_OK;
}

static struct notifier_block provider_nb = {
	.notifier_call = provider_notify,
};

static int __init p2pdma_provider_init(void)
{
	return bus_register_notifier(&pci_bus_type, &provider_nb);
}
postcore_initcall_sync(p2pdma_provider_init);

/* devres: the provider's driver is being unbound */
static void provider_retire(void *data)
{
	struct pci_p2pdma *p2pdma = data;
	struct pci_dev *pdev = p2pdma->pdev;

	WRITE_ONCE(p2pdma->retired, true);
	mutex_lock(&p2pdma_mutex);
	list_del_rcu(&p2pdma->node);
	mutex_unlock(&p2pdma_mutex);
	p2pdma_sysfs_remove(pdev);
	wait_for_users(p2pdma);

	RCU_INIT_POINTER(pdev->p2pdma, NULL);
	/* Wait for readers of pdev->p2pdma and for frees still in the pool. */
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
