/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI peer-to-peer DMA, shared between its files
 *
 * Data flows one way:
 *
 *   p2pdma.c           the exported API; argument checks, nothing else. What
 *                      is called for each transfer is in p2pdma_pool.c and
 *                      p2pdma_map.c itself.
 *     p2pdma_client.c    lists of clients, and the search for a provider
 *     p2pdma_provider.c  providers: their ranges, and their lifetime
 *   p2pdma_pool.c      memory: allocated and freed
 *     p2pdma_space.c     where in a range there is space
 *       p2pdma_sysfs.c     p2pmem/ in sysfs
 *       p2pdma_mmap.c      user mappings
 *   p2pdma_map.c       dma_map_sg()'s question
 *   p2pdma_query.c     a user's question, /dev/pci_p2pdma
 *
 * and whoever asks about a pair of devices, asks
 *
 *   p2pdma_cache.c     what is known of the pair, while nothing has changed
 *     p2pdma_generation.c  whether anything has
 *     p2pdma_topology.c  an ordered pair -> verdict; pure
 *       p2pdma_host.c      which root complexes route peer to peer
 *
 * What a refusal says to people is in p2pdma_explain.c.
 *
 * Locks, outermost first
 *
 *   device_lock (the driver core's) of a provider
 *     held by probe and unbind; so one provider is created and destroyed by
 *     one thread at a time. A driver that adds a range without it (nvme's
 *     reset does) flushes that in its remove function.
 *   p2pdma_mutex
 *     protects p2pdma_providers against writers, every struct pci_p2pdma's
 *     ranges, and the first setting of pdev->p2pdma. Taken with device_lock
 *     or nothing held. Never held while waiting for users of p2pmem. After
 *     the driver's remove function nothing is added any more: then the ranges
 *     are walked without it.
 *   mmap_lock, then the kernfs active reference
 *     held in mmap() of p2pmem/allocate. What runs there takes none of the
 *     locks above; so sysfs files may be removed, which waits for it, with
 *     those locks held.
 *   pci_bus_sem (the PCI core's), for reading
 *     held while a list of clients is judged, see p2pdma_client.c. Under it
 *     only the locks of config space are taken here. But the PCI core's error
 *     recovery takes device_lock under it: so a list must not be judged in a
 *     driver's struct pci_error_handlers.
 *
 * What is read without a lock
 *
 *   pdev->p2pdma        RCU. Set last when the first range is added, cleared
 *                       when the last user is gone; freed a grace period
 *                       later. The holder of an allocation may also read it
 *                       without RCU: a provider outlives its allocations, and
 *                       the calls of its files in sysfs.
 *   p2pdma_providers    RCU list. An entry is added once and removed once.
 *   ->published         READ_ONCE/WRITE_ONCE; whoever acts on a stale value
 *                       gets what it would have got a moment earlier.
 *   ->pool              genalloc is lockless. Chunks are only ever added, and
 *                       used under rcu_read_lock() by whoever frees.
 *   range->space        see p2pdma_space.c: atomic operations on words.
 *   host->p2pdma_root   READ_ONCE/WRITE_ONCE of one word; written under
 *                       p2pdma_root_mutex (p2pdma_host.c), a leaf but for
 *                       pci_bus_sem.
 *   ->routes            RCU lists. Added to and removed from under
 *                       ->routes_lock, a leaf that is taken in any context.
 *   p2pdma_generation   see p2pdma_generation.c; written under a raw
 *                       spinlock there, also a leaf.
 *   the PCI tree        Of devices that are in use: a client that maps is
 *                       bound to a driver, and a provider with allocated
 *                       pages is too. Their removal comes after that, so the
 *                       mapping path walks up the tree without a lock.
 *
 * Who waits for whom
 *
 *   The pool counts what is allocated of it, by kernel callers and in user
 *   mappings: these are the provider's users. ->retired is set before the
 *   driver's remove function is called, so that new allocations fail at once,
 *   and user mappings are torn down, so that the driver may turn the device
 *   off. What the driver has allocated for itself it frees there. Then unbind
 *   waits, first for the grace period in which somebody may have missed
 *   ->retired, then for the pool to be whole, while it tears down mappings
 *   that were missed, then for the grace period in which the last one may
 *   still be freeing. Then it gives the pages back to the memory hotplug code.
 */
#ifndef _PCI_P2PDMA_H
#define _PCI_P2PDMA_H

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/pci.h>
#include <linux/rculist.h>
#include <linux/spinlock.h>

struct gen_pool;
struct p2pdma_space;

/**
 * enum p2pdma_reason - why a verdict is what it is
 *
 * One value for each rule that can decide. PCIe sections are of r6.0.
 *
 * @P2PDMA_SAME_FUNCTION: provider and client are one function
 * @P2PDMA_COMMON_BRIDGE: routed below the nearest common bridge
 * @P2PDMA_MULTI_FUNCTION: routed inside a multi-function device
 * @P2PDMA_CONVENTIONAL: routed by one conventional PCI hierarchy
 * @P2PDMA_UNTRUSTED: @at is behind an external-facing port
 * @P2PDMA_NO_INTERNAL_ROUTE: functions of an SR-IOV device without ACS, or
 *	with ACS that can't redirect: those don't route to each other (sec
 *	6.12.1.2), and the port above may not return what comes up the link
 *	(sec 6.2.8.1)
 * @P2PDMA_ACS_REQUEST: ACS at @at redirects the client's requests upstream
 *	(sec 6.12.3)
 * @P2PDMA_ACS_COMPLETION: ACS at @at redirects the provider's completions
 *	upstream (sec 6.12.3)
 * @P2PDMA_ACS_UNREADABLE: the ACS control register of @at can't be read
 * @P2PDMA_NO_COMMON_BRIDGE: the path crosses a root complex; @at is on the
 *	root bus
 * @P2PDMA_WRITES_ONLY: the path crosses a root complex that routes posted
 *	requests only; @at is on the root bus, or redirects requests there. The
 *	client can write to the provider, but not read from it. The type is
 *	that of mappings of DMA_FROM_DEVICE; nothing else is supported, and so
 *	not a list of clients either.
 * @P2PDMA_DMA_MASK: the provider's addresses don't fit @at's DMA mask
 * @P2PDMA_BOUNCED: all DMA of @at is bounced through host memory
 * @P2PDMA_REMOVED: @at has been removed from the tree
 */
enum p2pdma_reason {
	P2PDMA_SAME_FUNCTION,
	P2PDMA_COMMON_BRIDGE,
	P2PDMA_MULTI_FUNCTION,
	P2PDMA_CONVENTIONAL,
	P2PDMA_UNTRUSTED,
	P2PDMA_NO_INTERNAL_ROUTE,
	P2PDMA_ACS_REQUEST,
	P2PDMA_ACS_COMPLETION,
	P2PDMA_ACS_UNREADABLE,
	P2PDMA_NO_COMMON_BRIDGE,
	P2PDMA_WRITES_ONLY,
	P2PDMA_DMA_MASK,
	P2PDMA_BOUNCED,
	P2PDMA_REMOVED,
};

/**
 * struct p2pdma_verdict - how a client reaches a provider
 * @type: how the client must address it, or PCI_P2PDMA_MAP_NOT_SUPPORTED
 * @distance: hops between them in the PCI tree, valid unless not supported
 * @reason: the rule that decided
 * @at: the device that decided. Borrowed: valid as long as the references
 *	on provider and client that the verdict was asked with.
 */
struct p2pdma_verdict {
	enum pci_p2pdma_map_type type;
	unsigned int distance;
	enum p2pdma_reason reason;
	struct pci_dev *at;
};

/**
 * struct p2pdma_route - what is known of a pair
 * @node: in the provider's routes
 * @client: the other one of the pair
 * @generation: of the tree; the verdict is of no use in any other
 * @verdict: all but the DMA mask's part
 * @told: a refusal has been told to the log
 * @rcu: frees it
 *
 * But for @told, immutable.
 */
struct p2pdma_route {
	struct hlist_node node;
	struct pci_dev *client;
	unsigned long generation;
	struct p2pdma_verdict verdict;
	unsigned long told;
	struct rcu_head rcu;
};

#define P2PDMA_ROUTE_BITS 6

/**
 * struct pci_p2pdma - a provider
 * @pdev: the device; it outlives this structure, which its devres frees
 * @pool: all ranges; "phys" in genalloc's words is the bus address here
 * @retired: nothing more is allocated, see "Who waits for whom"
 * @last_bus_addr: highest bus address in @ranges
 * @last_phys_addr: highest CPU physical address in @ranges
 * @published: offered by pci_p2pmem_find()
 * @node: in p2pdma_providers
 * @ranges: struct p2pdma_range, in the order in which they were added
 * @routes_lock: protects @routes against writers
 * @routes: struct p2pdma_route, hashed by client
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
	spinlock_t routes_lock;		/* see above */
	struct hlist_head routes[1 << P2PDMA_ROUTE_BITS];
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

static inline struct p2pdma_range *p2pdma_to_range(struct dev_pagemap *pgmap)
{
	return container_of(pgmap, struct p2pdma_range, pgmap);
}

/* A provider that orchestrators may be given */
static inline bool p2pdma_is_offered(struct pci_p2pdma *p2pdma)
{
	return READ_ONCE(p2pdma->published) &&
	       !READ_ONCE(p2pdma->retired);
}

/* Bus addresses of all of the provider's memory fit the client's DMA mask. */
static inline bool p2pdma_bus_addresses_fit(struct pci_p2pdma *p2pdma,
					    struct pci_dev *client)
{
	return READ_ONCE(p2pdma->last_bus_addr) <= dma_get_mask(&client->dev);
}

/* p2pdma_generation.c; who starts a new one calls what pci.h declares */
extern unsigned long p2pdma_generation;

static inline struct hlist_head *p2pdma_routes_of(struct pci_p2pdma *p2pdma,
						  struct pci_dev *client)
{
	return &p2pdma->routes[hash_ptr(client, P2PDMA_ROUTE_BITS)];
}

/* Here, since mapping takes nothing else; under rcu_read_lock() */
static __always_inline struct p2pdma_route *
p2pdma_find_route(struct pci_p2pdma *p2pdma, struct pci_dev *client)
{
	unsigned long generation = READ_ONCE(p2pdma_generation);
	struct p2pdma_route *route;

	hlist_for_each_entry_rcu(route, p2pdma_routes_of(p2pdma, client), node)
		if (route->client == client && route->generation == generation)
			return route;
	return NULL;
}

/*
 * For files in p2pmem/, with the active reference on the file held: it can't
 * be removed, and so the provider, if it is there already, can't go away.
 */
static inline struct pci_p2pdma *p2pdma_of_file(struct pci_dev *pdev)
{
	return rcu_dereference_check(pdev->p2pdma, true);
}

extern struct list_head p2pdma_providers;

/* p2pdma_provider.c, for the API */
int p2pdma_add_range(struct pci_dev *pdev, int bar, u64 size, u64 offset);

/**
 * struct p2pdma_free_runs - how fragmented a pool is
 * @wanted: pages in a row that are enough
 * @next: page of a chunk from which to look on
 * @longest: most free pages in a row
 * @count: of runs of free pages
 */
struct p2pdma_free_runs {
	unsigned long wanted;
	unsigned long next;
	unsigned long longest;
	unsigned long count;
};

/* p2pdma_pool.c, for the API */
pci_bus_addr_t p2pdma_pool_virt_to_bus(struct pci_p2pdma *p2pdma, void *addr);
int p2pdma_pool_alloc_sgl(struct pci_dev *pdev, struct scatterlist **sgl,
			  unsigned int *nents, u32 length);
/* ... for the provider, and for sysfs */
size_t p2pdma_pool_in_use(struct pci_p2pdma *p2pdma);
struct p2pdma_free_runs p2pdma_pool_free_runs(struct pci_p2pdma *p2pdma);
/* ... and for user mappings, whose pages are freed by their last put_page() */
void *p2pdma_pool_alloc_pages(struct pci_p2pdma *p2pdma, size_t nr_pages);
void p2pdma_pool_free_pages(struct pci_p2pdma *p2pdma, void *addr,
			    size_t nr_pages);

/* p2pdma_sysfs.c, for the provider */
int p2pdma_sysfs_create(struct pci_dev *pdev);
void p2pdma_sysfs_remove(struct pci_dev *pdev);

/* p2pdma_mmap.c, for the provider, and for sysfs */
extern struct bin_attribute *p2pdma_mmap_attrs[];
void p2pdma_mmap_unmap(struct p2pdma_range *range);

/* p2pdma_client.c, for the API and for the DMA mapping code */
struct pci_dev *p2pdma_resolve(struct device *dev);
bool p2pdma_judge(struct pci_dev *provider, struct pci_dev *client,
		  struct p2pdma_verdict *verdict);
int p2pdma_client_add(struct list_head *clients, struct device *dev);
void p2pdma_client_remove(struct list_head *clients, struct device *dev);
void p2pdma_client_free_all(struct list_head *clients);
int p2pdma_clients_distance(struct pci_dev *provider,
			    struct list_head *clients);
void p2pdma_clients_bind(struct list_head *clients, struct pci_dev *provider);
struct pci_dev *p2pdma_find_nearest(struct list_head *clients);
void p2pdma_clients_explain(struct pci_dev *provider,
			    struct list_head *clients);

/* p2pdma_cache.c, for everyone who asks about a pair */
bool p2pdma_cached_verdict(struct pci_dev *provider, struct pci_dev *client,
			   struct p2pdma_verdict *verdict);
enum pci_p2pdma_map_type p2pdma_cached_map_type(struct pci_p2pdma *p2pdma,
						struct pci_dev *client,
						enum dma_data_direction dir);
bool p2pdma_first_refusal(struct pci_dev *provider, struct pci_dev *client);
/* ... and for the pool */
void p2pdma_cache_init(struct pci_p2pdma *p2pdma);
void p2pdma_cache_drop(struct pci_p2pdma *p2pdma);

/* p2pdma_topology.c, for the cache: what can be remembered, and what can't */
void p2pdma_judge_route(struct pci_dev *provider, struct pci_dev *client,
			struct p2pdma_verdict *verdict);
void p2pdma_judge_addresses(struct pci_p2pdma *p2pdma, struct pci_dev *client,
			    struct p2pdma_verdict *verdict);
/* ... for tests: both */
void p2pdma_verdict(struct pci_dev *provider, struct pci_dev *client,
		    struct p2pdma_verdict *verdict);
/* ... and for those who explain */
const char *p2pdma_reason_text(enum p2pdma_reason reason);
int p2pdma_redirectors(struct pci_dev *provider, struct pci_dev *client,
		       struct pci_dev *at[2]);

/* p2pdma_explain.c, for those who judge */
void p2pdma_trace_verdict(struct pci_dev *provider, struct pci_dev *client,
			  const struct p2pdma_verdict *verdict, bool cached);
void p2pdma_explain_refusal(struct pci_dev *provider, struct pci_dev *client,
			    const struct p2pdma_verdict *verdict);

/* What a root complex, or two of them, forward from peer to peer */
enum p2pdma_host_routes {
	P2PDMA_ROUTES_NOTHING,
	P2PDMA_ROUTES_WRITES,	/* posted requests */
	P2PDMA_ROUTES_ALL,
};

/* p2pdma_host.c, for the topology, and for those who explain */
bool p2pdma_host_is_conventional(struct pci_host_bridge *host);
enum p2pdma_host_routes p2pdma_hosts_route(struct pci_host_bridge *a,
					   struct pci_host_bridge *b);
u32 p2pdma_host_id(struct pci_host_bridge *host);

#endif /* _PCI_P2PDMA_H */
