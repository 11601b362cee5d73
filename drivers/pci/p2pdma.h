/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI peer-to-peer DMA, shared between its files. p2pdma.c has a map of them.
 *
 * Locking order: device_lock of a provider -> p2pdma_mutex; mmap_lock ->
 * kernfs active reference. Neither pair nests with the other: what runs in
 * mmap() of p2pmem/allocate takes no lock of the first, so removal of sysfs
 * files may wait for it with those held.
 *
 * device_lock is held by probe and unbind: one provider is created and
 * destroyed by one thread at a time. A driver that adds a range without it
 * (nvme's reset does) flushes that in its remove function.
 *
 * p2pdma_mutex protects p2pdma_providers and each pci_p2pdma::ranges against
 * writers, and the first setting of pdev->p2pdma. It is not held while
 * waiting for users of p2pmem. After the driver's remove function nothing is
 * added: then the ranges are walked without it.
 *
 * p2pdma_shadow.c's and p2pdma_host.c's locks are leaves that the PCI core
 * enters. A verdict takes no lock.
 *
 * Read without a lock:
 *   pdev->p2pdma	RCU. Set last when the first range is added, cleared when
 *			the last user is gone; freed a grace period later. The
 *			holder of an allocation may read it without RCU: a
 *			provider outlives its allocations, and the calls of its
 *			files in sysfs.
 *   p2pdma_providers	RCU list. An entry is added once and removed once.
 *   ->published	READ_ONCE/WRITE_ONCE; a stale read is harmless.
 *   ->pool		genalloc is lockless. Chunks are only ever added, and are
 *			used under rcu_read_lock() by the freer.
 *   range->space	see p2pdma_space.c: atomic operations on words.
 *   host->p2pdma	READ_ONCE/WRITE_ONCE of one word, as acs_ctrl,
 *			acs_capabilities and tlp_sizes of a struct pci_dev.
 *   the PCI tree	References: a function keeps its bus, a bus its bridge, a
 *			VF its PF, up to the host bridge.
 *
 * Waiting: the pool counts what is allocated of it, by kernel callers and in
 * user mappings: these are the provider's users. ->retired is set before the
 * driver's remove function is called, so that new allocations fail at once,
 * and user mappings are torn down, so that the driver may turn the device
 * off. What the driver has allocated for itself it frees there. Then unbind
 * waits, first for the grace period in which an allocator may have missed
 * ->retired, then for the pool to be whole, while it tears down mappings that
 * were missed, then for the grace period in which the last freer may still be
 * in the pool. Then it gives the pages back to the memory hotplug code.
 */
#ifndef _PCI_P2PDMA_H
#define _PCI_P2PDMA_H

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/pci.h>

#include "p2pdma_topology.h"

struct gen_pool;
struct p2pdma_space;

/**
 * struct pci_p2pdma - a provider
 * @pdev: the device; it outlives this structure, which its devres frees
 * @pool: all ranges; "phys" in genalloc's words is the bus address here
 * @retired: nothing more is allocated
 * @last_bus_addr: highest bus address in @ranges
 * @last_phys_addr: highest CPU physical address in @ranges
 * @published: returned by pci_p2pmem_find()
 * @node: in p2pdma_providers
 * @ranges: struct p2pdma_range, in the order in which they were added
 */
struct pci_p2pdma {
	struct pci_dev *pdev;
	struct gen_pool *pool;
	bool retired;
	u64 last_bus_addr;
	u64 last_phys_addr;
	bool published;
	struct list_head node;
	struct list_head ranges;
};

/**
 * struct p2pdma_range - a piece of a BAR that has ZONE_DEVICE pages
 * @node: in @p2pdma's ranges
 * @p2pdma: the provider
 * @bus_offset: bus address minus CPU physical address
 * @space: the index of its free pages
 * @pages: the first one
 * @pgmap: the pages; struct page leads here and so to @p2pdma
 */
struct p2pdma_range {
	struct list_head node;
	struct pci_p2pdma *p2pdma;
	u64 bus_offset;
	struct p2pdma_space *space;
	struct page *pages;
	struct dev_pagemap pgmap;
};

extern const struct dev_pagemap_ops p2pdma_pgmap_ops;
extern struct list_head p2pdma_providers;

/* NULL for a pagemap that another driver made of this type of pages */
static inline struct p2pdma_range *p2pdma_to_range(struct dev_pagemap *pgmap)
{
	if (pgmap->owner != &p2pdma_pgmap_ops)
		return NULL;
	return container_of(pgmap, struct p2pdma_range, pgmap);
}

/* p2pdma.c */
struct pci_dev *p2pdma_resolve(struct device *dev);
struct p2pdma_verdict p2pdma_judge(struct pci_dev *provider, struct device *dev,
				   struct pci_dev *client);
void p2pdma_check_limits(struct p2pdma_verdict *verdict, struct device *dev,
			 struct pci_dev *client, u64 last_bus, u64 last_phys);
void p2pdma_log_refusal(struct pci_dev *provider, struct pci_dev *client,
			const struct p2pdma_verdict *verdict);

/* Here, since each mapping asks: usually bus addresses fit, and that is all. */
static __always_inline void
p2pdma_check_addresses(struct p2pdma_verdict *verdict, struct device *dev,
		       struct pci_dev *client, u64 last_bus, u64 last_phys)
{
	if (verdict->type != PCI_P2PDMA_MAP_BUS_ADDR ||
	    last_bus > dma_get_mask(dev))
		p2pdma_check_limits(verdict, dev, client, last_bus, last_phys);
}

/* p2pdma_provider.c */
int p2pdma_add_range(struct pci_dev *pdev, int bar, u64 size, u64 offset);

/* p2pdma_pool.c */
struct p2pdma_free_runs {
	unsigned long wanted;	/* pages in a row that are enough */
	unsigned long next;	/* page of a chunk from which to look on */
	unsigned long longest;	/* most free pages in a row */
	unsigned long count;	/* of runs of free pages */
};

pci_bus_addr_t p2pdma_pool_virt_to_bus(struct pci_p2pdma *p2pdma, void *addr);
int p2pdma_pool_alloc_sgl(struct pci_dev *pdev, struct scatterlist **sgl,
			  unsigned int *nents, u32 length);
size_t p2pdma_pool_in_use(struct pci_p2pdma *p2pdma);
struct p2pdma_free_runs p2pdma_pool_free_runs(struct pci_p2pdma *p2pdma);
/* Pages of user mappings; the last put_page() frees them */
void *p2pdma_pool_alloc_pages(struct pci_p2pdma *p2pdma, size_t nr_pages);
void p2pdma_pool_free_pages(struct pci_p2pdma *p2pdma, void *addr,
			    size_t nr_pages);

/* p2pdma_sysfs.c, p2pdma_mmap.c */
int p2pdma_sysfs_create(struct pci_dev *pdev);
void p2pdma_sysfs_remove(struct pci_dev *pdev);
extern struct bin_attribute *p2pdma_mmap_attrs[];
void p2pdma_mmap_unmap(struct p2pdma_range *range);

/*
 * For files in p2pmem/, with the active reference on the file held: it can't
 * be removed, and so the provider, if it is there already, can't go away.
 */
static inline struct pci_p2pdma *p2pdma_of_file(struct pci_dev *pdev)
{
	return rcu_dereference_check(pdev->p2pdma, true);
}

#endif /* _PCI_P2PDMA_H */
