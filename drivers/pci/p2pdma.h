/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI peer-to-peer DMA, shared between its files. p2pdma.c has a map of them.
 *
 * Locking order: pci_bus_sem -> device_lock of a provider -> p2pdma_mutex, or
 * -> p2pdma_holders, or -> i_mmap_rwsem of I/O memory -> locks of page tables;
 * mmap_lock -> kernfs active reference -> locks of page tables. The first three
 * don't nest with mmap_lock and the kernfs reference: what runs in mmap() of
 * p2pmem/allocate takes none of them, so removal of sysfs files may wait for it
 * with those held.
 *
 * device_lock is held by probe, unbind, resets and error recovery: one provider
 * is created and destroyed by one thread at a time, and stays while that is
 * held. Several are taken from the top of the tree down, a PF's before a VF's. A
 * driver that adds a range without it (nvme's reset does) flushes that in its
 * remove function. p2pdma_quiesce.c argues the waits with this lock.
 *
 * p2pdma_mutex protects p2pdma_providers and p2pdma_ranges against writers, and
 * the first setting of pdev->p2pdma. It is held neither while page structures
 * are made, nor while users of p2pmem are waited for.
 *
 * Poisoned pages are reported with a lock of memory_failure() and a reference on
 * their pagemap held, which keeps the range and its provider. i_mmap_rwsem of I/O
 * memory is taken within.
 *
 * p2pdma_recovery_lock is a leaf, that recovery from errors takes.
 *
 * withheld_lock is taken in mmap() and when a provider is closed, and nothing
 * within it but the locks of the pool. Those are recent->lock, and buddy->lock,
 * alone or within it, with interrupts off, for as long as one request takes; a
 * request that would fail takes them once more for each processor. The locks of
 * p2pdma_shadow.c, of p2pdma_host.c, and of p2pdma_query.c's index, are leaves
 * that the PCI core enters. A verdict takes no lock.
 *
 * Read without a lock:
 *   pdev->p2pdma	RCU. Set last when the first range is added, cleared when
 *			the last user is gone; freed a grace period later. The
 *			holder of an allocation may read it without RCU: a
 *			provider outlives its allocations, and the calls of its
 *			files in sysfs.
 *   p2pdma_providers	RCU list. An entry is added once and removed once.
 *   ->published	READ_ONCE/WRITE_ONCE; a stale read is harmless.
 *   ->closed		atomic bit operations, by the holder of device_lock;
 *			P2PDMA_RECOVERING by recovery, without it, and
 *			P2PDMA_AFTER_ERROR and P2PDMA_AFTER_RESET are cleared by
 *			->watch. An allocator may miss it for a grace period, a
 *			freer not after one.
 *   ->torn_down	atomic; raised after ->closed is set or a page poisoned, and
 *			before the locks of page tables are taken
 *   ->nr_sgls		atomic; while it isn't 0, the provider stays
 *   ->pool		genalloc is lockless. Its chunks are an RCU list. One is
 *			taken out when nothing of it is allocated, and freed a
 *			grace period later.
 *   range->p2pdma, ->nr_poisoned
 *			READ_ONCE/WRITE_ONCE. Nothing is allocated of a range
 *			without a provider; poison that is missed is met later.
 *   buddy->orders, recent->nr
 *			READ_ONCE/WRITE_ONCE; hints.
 *   host->p2pdma	READ_ONCE/WRITE_ONCE of one word, as acs_ctrl,
 *			acs_capabilities and tlp_sizes of a struct pci_dev.
 *   the PCI tree	References: a function keeps its bus, a bus its bridge, a
 *			VF its PF, up to the host bridge.
 */
#ifndef _PCI_P2PDMA_H
#define _PCI_P2PDMA_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "p2pdma_buddy.h"
#include "p2pdma_topology.h"

struct gen_pool;

/* Why nothing is allocated of a provider: bits of ->closed */
enum p2pdma_closed {
	P2PDMA_RETIRED,		/* its driver is being unbound */
	P2PDMA_IN_RESET,
	P2PDMA_AFTER_RESET,	/* the device doesn't answer yet */
	P2PDMA_RECOVERING,	/* recovery goes on: ->nr_recoveries */
	P2PDMA_IN_ERROR,
	P2PDMA_AFTER_ERROR,	/* pages of before it are still in use */
	P2PDMA_ASLEEP,
	P2PDMA_SHRINKING,	/* a range of it is being removed */
};

#define P2PDMA_ERRORS	(BIT(P2PDMA_RECOVERING) | BIT(P2PDMA_IN_ERROR))

/**
 * struct pci_p2pdma - a provider
 * @pdev: the device; it outlives this structure, which its devres frees
 * @pool: all ranges; "phys" in genalloc's words is the bus address here
 * @closed: nothing more is allocated, for these reasons
 * @torn_down: how often its user mappings were torn down
 * @nr_resets: that go on, of it or of a device that takes it along; under
 *	device_lock
 * @nr_recoveries: that go on, of ports above it; under a spinlock of its own
 * @serial: ascending in p2pdma_providers
 * @leaving: the range that is being removed
 * @window: which one p2pdma_mmap.c maps its memory in
 * @nr_user_pages: allocated for user mappings
 * @nr_sgls: scatterlists that are allocated, or about to be
 * @withheld_lock: protects @withheld
 * @withheld: allocated, since zeros may be on their way; in ->private the next
 * @waiters: woken when something is freed while it is closed
 * @watch: looks at it now and then while it is closed
 * @pause: between two messages, in jiffies
 * @report_at: when the next one is due
 * @seen_lost: that its device is lost; waiters know
 * @holders: struct pci_p2pmem_holder; told when it is closed
 * @last_bus_addr: highest bus address of its ranges
 * @last_phys_addr: highest CPU physical address of its ranges
 * @published: returned by pci_p2pmem_find()
 * @node: in p2pdma_providers
 */
struct pci_p2pdma {
	struct pci_dev *pdev;
	struct gen_pool *pool;
	unsigned long closed;
	atomic_t torn_down;
	unsigned int nr_resets;
	unsigned int nr_recoveries;
	u64 serial;
	struct p2pdma_range *leaving;
	int window;
	atomic_long_t nr_user_pages;
	atomic_long_t nr_sgls;
	struct mutex withheld_lock;	/* protects @withheld */
	struct page *withheld;
	wait_queue_head_t waiters;
	struct delayed_work watch;
	unsigned long pause;
	unsigned long report_at;
	bool seen_lost;
	struct list_head holders;
	u64 last_bus_addr;
	u64 last_phys_addr;
	bool published;
	struct list_head node;
};

/**
 * struct p2pdma_range - a piece of a BAR that has ZONE_DEVICE pages
 * @node: in p2pdma_ranges
 * @p2pdma: the provider, NULL until it has the range
 * @bus_offset: bus address minus CPU physical address
 * @buddy: where it has free pages
 * @nr_poisoned: number of pages that are marked as poisoned
 * @pgmap: the pages; struct page leads here and so to @p2pdma
 */
struct p2pdma_range {
	struct list_head node;
	struct pci_p2pdma *p2pdma;
	u64 bus_offset;
	struct p2pdma_buddy buddy;
	unsigned long nr_poisoned;
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
void p2pdma_remove_range(struct pci_dev *pdev, int bar, u64 offset);

/* p2pdma_quiesce.c */
void p2pdma_init_closing(struct pci_p2pdma *p2pdma);
void p2pdma_end_closing(struct pci_p2pdma *p2pdma);
void p2pdma_close_for_unbind(struct pci_p2pdma *p2pdma);
void p2pdma_wait_for_all(struct pci_p2pdma *p2pdma);
void p2pdma_close_for_shrinking(struct pci_p2pdma *p2pdma,
				struct p2pdma_range *range);
void p2pdma_open_after_shrinking(struct pci_p2pdma *p2pdma);
struct pci_p2pdma *p2pdma_begin_io(struct pci_dev *pdev);
void p2pdma_end_io(struct pci_dev *pdev);

/* The device, or the way to it, doesn't work: I/O with its memory may never end. */
static inline bool p2pdma_is_lost(struct pci_p2pdma *p2pdma)
{
	return READ_ONCE(p2pdma->closed) & P2PDMA_ERRORS ||
	       pci_channel_offline(p2pdma->pdev);
}

/* What the memory holds isn't what was written, or won't be. */
static inline bool p2pdma_is_invalid(struct pci_p2pdma *p2pdma)
{
	return READ_ONCE(p2pdma->closed) &
	       (P2PDMA_ERRORS | BIT(P2PDMA_AFTER_ERROR)) ||
	       pci_channel_offline(p2pdma->pdev);
}

bool p2pdma_is_decoding(struct pci_dev *pdev);

/* Error for a request that finds the provider closed */
static inline int p2pdma_closed_error(struct pci_p2pdma *p2pdma)
{
	return test_bit(P2PDMA_RETIRED, &p2pdma->closed) ? -ENODEV : -EIO;
}

/* p2pdma_pool.c */
pci_bus_addr_t p2pdma_pool_virt_to_bus(struct pci_p2pdma *p2pdma, void *addr);
size_t p2pdma_pool_in_use(struct pci_p2pdma *p2pdma);
size_t p2pdma_pool_range_in_use(struct p2pdma_range *range);
void p2pdma_pool_remove(struct p2pdma_range *range);
u64 p2pdma_pool_first_used(struct pci_p2pdma *p2pdma);
size_t p2pdma_pool_available(struct pci_p2pdma *p2pdma);
unsigned long p2pdma_pool_largest(struct pci_p2pdma *p2pdma);
unsigned long p2pdma_pool_pieces(struct pci_p2pdma *p2pdma);
/* Pages of user mappings; the last put_page() frees them */
struct page *p2pdma_pool_alloc_pages(struct pci_p2pdma *p2pdma,
				     unsigned long nr);
void p2pdma_pool_free_page(struct pci_p2pdma *p2pdma, struct page *page);
void p2pdma_pool_free_pages(struct pci_p2pdma *p2pdma, struct page *page);

static inline struct page *p2pdma_next_page(struct page *page)
{
	return (struct page *)page_private(page);
}

/* p2pdma_sysfs.c, p2pdma_mmap.c */
int p2pdma_sysfs_create(struct pci_dev *pdev);
void p2pdma_sysfs_remove(struct pci_dev *pdev);
extern struct bin_attribute *p2pdma_mmap_attrs[];
int p2pdma_mmap_create(struct pci_p2pdma *p2pdma);
void p2pdma_mmap_unmap(struct pci_p2pdma *p2pdma);
void p2pdma_mmap_close(struct pci_p2pdma *p2pdma);
void p2pdma_mmap_destroy(struct pci_p2pdma *p2pdma);

/*
 * For files in p2pmem/, with the active reference on the file held: it can't
 * be removed, and so the provider, if it is there already, can't go away.
 */
static inline struct pci_p2pdma *p2pdma_of_file(struct pci_dev *pdev)
{
	return rcu_dereference_check(pdev->p2pdma, true);
}

#endif /* _PCI_P2PDMA_H */
