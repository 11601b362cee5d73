// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: lists of clients, distances, and the search for a
 * provider
 *	Documentation/driver-api/pci/p2pdma.rst
 *
 * Roles: a provider is a device whose BAR holds the memory (p2pmem); a client
 * is a device that DMAs to or from it; an orchestrator is the driver that
 * picks a provider for a list of clients.
 *
 *   p2pdma_topology.c	the verdict: can a client reach a provider, and how
 *     p2pdma_shadow.c	what it knows of a function's registers
 *     p2pdma_host.c	what it knows of a root complex
 *   p2pdma.c		asked about lists and arrays of clients
 *   p2pdma_map.c	asked by dma_map_sg()
 *   p2pdma_query.c	asked by users, /dev/pci_p2pdma
 *   p2pdma_provider.c	memory: ranges of BARs
 *     p2pdma_quiesce.c	closed before the device is unbound or reset
 *     p2pdma_pool.c	allocated and freed
 *       p2pdma_buddy.c	where in a range there is space
 *     p2pdma_sysfs.c	p2pmem/ in sysfs, with p2pdma_mmap.c
 *
 * A list of clients is the orchestrator's handle, and the orchestrator
 * serialises the calls on it. Every entry holds a reference of its own on its
 * client and, if the list is bound, on the provider. All entries name the same
 * provider. References keep all that a verdict looks at, also of a device that
 * is removed meanwhile.
 */

#define pr_fmt(fmt) "P2PDMA: " fmt
#define dev_fmt pr_fmt

#include <linux/ctype.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/iommu-dma.h>
#include <linux/kstrtox.h>
#include <linux/memremap.h>
#include <linux/minmax.h>
#include <linux/pci-p2pdma.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/swiotlb.h>
#include <linux/sysfs.h>

#include "p2pdma.h"

#define CREATE_TRACE_POINTS
#include <trace/events/pci_p2pdma.h>

/* Providers */

/**
 * pci_p2pdma_add_resource() - Make a range of a BAR peer-to-peer memory
 * @pdev: the provider; bound to the caller, which is in probe, reset or the
 *	like
 * @bar: number of the BAR, from 0
 * @size: bytes; 0 for the rest of the BAR
 * @offset: bytes from the start of the BAR
 *
 * Gives the range ZONE_DEVICE pages and adds it to the device's pool; a
 * device may have several ranges, in one BAR or in several. The range must
 * fit the memory hotplug code: memremap_compat_align() bytes (2 MiB on x86)
 * are its unit, for its CPU address as for its size. The memory is for the
 * device's own driver until pci_p2pmem_publish().
 *
 * It is undone by pci_p2pdma_remove_resource(), or when the driver is unbound.
 * The driver's devres teardown then waits for all users of the memory.
 *
 * Context: Process context; sleeps.
 * Return: 0; -EINVAL if there is no such BAR, if it isn't an assigned memory
 * BAR, or if the range is outside of it or doesn't fit the hotplug code; -E2BIG
 * if it is beyond what the kernel can map; -EBUSY if it overlaps system memory, or
 * has page structures that another driver made; -EINVAL or -EBUSY if it is mapped
 * with a memory type that excludes the kernel's; -EEXIST if it overlaps a range
 * added before; -ENODEV if the driver is being unbound; -ENOMEM; or what else
 * memory hotplug returns. The log says why, but for -ENODEV. After an error
 * everything is as it was before.
 */
int pci_p2pdma_add_resource(struct pci_dev *pdev, int bar, size_t size,
			    u64 offset)
{
	return p2pdma_add_range(pdev, bar, size, offset);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_add_resource);

/**
 * pci_p2pdma_align_range() - The part of a range that can be added
 * @pdev: the device
 * @bar: number of the BAR, from 0
 * @size: bytes; in and out
 * @offset: bytes from the start of the BAR; in and out
 *
 * For a device whose memory doesn't fit the units of the memory hotplug code,
 * see pci_p2pdma_add_resource().
 *
 * Context: Any.
 * Return: false if no part of it can; then nothing is changed.
 */
bool pci_p2pdma_align_range(struct pci_dev *pdev, int bar, u64 *size,
			    u64 *offset)
{
	u64 align = memremap_compat_align();
	u64 bar_start = pci_resource_start(pdev, bar);
	u64 start = ALIGN(bar_start + *offset, align);
	u64 end = ALIGN_DOWN(bar_start + *offset + *size, align);

	if (start >= end)
		return false;
	*size = end - start;
	*offset = start - bar_start;
	return true;
}
EXPORT_SYMBOL_GPL(pci_p2pdma_align_range);

/**
 * pci_p2pdma_remove_resource() - Undo pci_p2pdma_add_resource()
 * @pdev: the provider
 * @bar: number of the BAR
 * @offset: as the range was added
 *
 * For a module that has added memory of a device which another driver is bound
 * to, when it is unloaded. Does nothing if there is no such range any more, as
 * after that driver was unbound. Not for functions that devres calls.
 *
 * User mappings of all of the device's memory are torn down, holders are told,
 * and nothing is allocated meanwhile. Then users of the range are waited for. If
 * the device has other ranges, it serves again.
 *
 * Context: Process context, with device_lock of @pdev held; sleeps as long as
 * others have memory of the range.
 */
void pci_p2pdma_remove_resource(struct pci_dev *pdev, int bar, u64 offset)
{
	p2pdma_remove_range(pdev, bar, offset);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_remove_resource);

/**
 * pci_p2pmem_publish() - Let orchestrators find a provider, or not any more
 * @pdev: a device
 * @publish: whether pci_p2pmem_find() may return the device
 *
 * Memory already allocated stays so. Does nothing to a device that has no
 * peer-to-peer memory.
 *
 * Context: Any.
 */
void pci_p2pmem_publish(struct pci_dev *pdev, bool publish)
{
	struct pci_p2pdma *p2pdma;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	if (p2pdma)
		WRITE_ONCE(p2pdma->published, publish);
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(pci_p2pmem_publish);

static bool p2pdma_is_published(struct pci_p2pdma *p2pdma)
{
	return READ_ONCE(p2pdma->published) && !READ_ONCE(p2pdma->closed) &&
	       !pci_channel_offline(p2pdma->pdev);
}

/**
 * pci_has_p2pmem() - Tell whether a device has published memory
 * @pdev: a device
 *
 * Context: Any.
 * Return: true if it has, and isn't about to lose it.
 */
bool pci_has_p2pmem(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma;
	bool published;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	published = p2pdma && p2pdma_is_published(p2pdma);
	rcu_read_unlock();
	return published;
}
EXPORT_SYMBOL_GPL(pci_has_p2pmem);

/* Refusals in words */

static struct pci_dev *p2pdma_ancestor(struct pci_dev *pdev, unsigned int depth)
{
	while (pdev->depth > depth)
		pdev = pci_upstream_bridge(pdev);
	return pdev;
}

/*
 * A way down from the root bus, as pci=disable_acs_redir= takes it: it stays
 * right when bus numbers change.
 */
static void p2pdma_print_path(struct seq_buf *s, struct pci_dev *pdev)
{
	unsigned int depth, devfn;

	seq_buf_puts(s, pci_name(p2pdma_ancestor(pdev, 0)));
	for (depth = 1; depth <= pdev->depth; depth++) {
		devfn = p2pdma_ancestor(pdev, depth)->devfn;
		seq_buf_printf(s, "/%02x.%u", PCI_SLOT(devfn), PCI_FUNC(devfn));
	}
}

/* Quoted, since ";" ends a command of a boot loader's */
static void p2pdma_print_acs_remedy(struct seq_buf *s, struct pci_dev *provider,
				    struct pci_dev *client)
{
	struct pci_dev *at[2];
	int i, nr = p2pdma_redirectors(provider, client, at);

	if (!nr)
		return;
	seq_buf_puts(s, "; redirection is turned off by \"pci=disable_acs_redir=");
	for (i = 0; i < nr; i++) {
		seq_buf_puts(s, i ? ";" : "");
		p2pdma_print_path(s, at[i]);
	}
	seq_buf_puts(s, "\"");
}

static void p2pdma_print_host(struct seq_buf *s, struct pci_dev *pdev,
			      const char *before)
{
	u32 id = READ_ONCE(p2pdma_host_of(pdev)->p2pdma) & P2PDMA_HOST_ID;

	seq_buf_printf(s, "%s%04x:%04x", before, id >> 16, id & 0xffff);
}

/* What would change a refusal; nothing, if nothing is known to */
static void p2pdma_print_remedy(struct seq_buf *s, struct pci_dev *provider,
				struct pci_dev *client,
				enum p2pdma_reason reason)
{
	switch (reason) {
	case P2PDMA_ACS_REQ_REDIR:
	case P2PDMA_ACS_CMPLT_REDIR:
	case P2PDMA_ACS_EGRESS:
	case P2PDMA_NO_UPSTREAM_FORWARDING:
		p2pdma_print_acs_remedy(s, provider, client);
		break;
	case P2PDMA_ROOT_COMPLEX:
		p2pdma_print_host(s, client, "; host bridge ");
		if (p2pdma_host_of(client) != p2pdma_host_of(provider))
			p2pdma_print_host(s, provider, " or ");
		seq_buf_printf(s, " isn't known to route, see %s",
			       "Documentation/driver-api/pci/p2pdma.rst");
		break;
	default:
		break;
	}
}

/* Room for two paths of 40 bridges each */
#define P2PDMA_REMEDY		512

/**
 * p2pdma_log_refusal() - Log why a client can't reach a provider
 * @provider: the device whose BAR is addressed
 * @client: the device that sends the requests
 * @verdict: the refusal
 *
 * Rate-limited.
 *
 * Context: Any.
 */
void p2pdma_log_refusal(struct pci_dev *provider, struct pci_dev *client,
			const struct p2pdma_verdict *verdict)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);
	DECLARE_SEQ_BUF(remedy, P2PDMA_REMEDY);

	if (!__ratelimit(&limit))
		return;
	p2pdma_print_remedy(&remedy, provider, client, verdict->reason);
	/* Half a parameter is none. */
	if (seq_buf_has_overflowed(&remedy))
		seq_buf_clear(&remedy);
	pci_info(client, "can't reach memory of %s: %s (at %s)%s\n",
		 pci_name(provider), p2pdma_reason_text(verdict->reason),
		 pci_name(verdict->at), seq_buf_str(&remedy));
}

/* Pairs */

/**
 * p2pdma_resolve() - Find the PCI function that does a device's DMA
 * @dev: any device
 *
 * Return: @dev, or its nearest ancestor that is a PCI function; borrowed from
 * @dev. NULL if there is none, or if on the way up DMA isn't mapped by the DMA
 * core, but in software for instance.
 */
struct pci_dev *p2pdma_resolve(struct device *dev)
{
	for (; dev; dev = dev->parent) {
		if (!dma_pci_p2pdma_supported(dev))
			return NULL;
		if (dev_is_pci(dev))
			return to_pci_dev(dev);
	}
	return NULL;
}

/**
 * p2pdma_check_limits() - Refuse addresses that the client can't send
 * @verdict: of the path; changed into a refusal
 * @dev: the device that maps
 * @client: the PCI function that does its DMA
 * @last_bus: highest bus address of the memory
 * @last_phys: highest CPU physical address of the memory
 *
 * Called by p2pdma_check_addresses(). Through an IOMMU @dev is given addresses
 * that fit.
 *
 * Context: Any.
 */
void p2pdma_check_limits(struct p2pdma_verdict *verdict, struct device *dev,
			 struct pci_dev *client, u64 last_bus, u64 last_phys)
{
	u64 limit = dma_get_mask(dev), last = last_bus;
	enum p2pdma_reason reason = P2PDMA_DMA_MASK;

	if (verdict->type == PCI_P2PDMA_MAP_NOT_SUPPORTED)
		return;
	if (verdict->type == PCI_P2PDMA_MAP_THRU_HOST_BRIDGE) {
		if (use_dma_iommu(dev))
			return;
		limit = min_not_zero(limit, dev->bus_dma_limit);
		last = phys_to_dma(dev, last_phys);
		if (last == DMA_MAPPING_ERROR) {
			limit = 0;
		} else if (is_swiotlb_force_bounce(dev)) {
			reason = P2PDMA_SWIOTLB;
			limit = 0;
		}
	}
	if (last > limit)
		*verdict = p2pdma_refuse(reason, client);
}

/* Against all of the provider's memory, if it has any */
static __always_inline void p2pdma_check_memory(struct p2pdma_verdict *verdict,
						struct pci_dev *provider,
						struct device *dev,
						struct pci_dev *client)
{
	struct pci_p2pdma *p2pdma;

	rcu_read_lock();
	p2pdma = rcu_dereference(provider->p2pdma);
	if (p2pdma)
		p2pdma_check_addresses(verdict, dev, client,
				       READ_ONCE(p2pdma->last_bus_addr),
				       READ_ONCE(p2pdma->last_phys_addr));
	rcu_read_unlock();
}

/**
 * p2pdma_judge() - Judge all that is known of a pair before it maps anything
 * @provider: the device whose BAR is addressed
 * @dev: the device that will map
 * @client: the PCI function that does its DMA
 *
 * Context: Any. The caller holds references on all.
 * Return: the verdict.
 */
struct p2pdma_verdict p2pdma_judge(struct pci_dev *provider, struct device *dev,
				   struct pci_dev *client)
{
	struct p2pdma_verdict verdict = p2pdma_verdict(provider, client);

	p2pdma_shadow_audit(provider);
	p2pdma_shadow_audit(client);
	if (!device_is_registered(&provider->dev))
		verdict = p2pdma_refuse(P2PDMA_REMOVED, provider);
	if (!device_is_registered(&client->dev))
		verdict = p2pdma_refuse(P2PDMA_REMOVED, client);
	p2pdma_check_sizes(&verdict, provider, client);
	p2pdma_check_memory(&verdict, provider, dev, client);
	trace_p2pdma_verdict(provider, client, &verdict);
	return verdict;
}

/*
 * Hops, or -EXDEV. Callers give no direction, so a write-only path counts as a
 * refusal. A device without a DMA mask leaves mapping to its PCI function. Of a
 * provider without p2pmem there are no pages, and callers map its BAR as such.
 */
static int p2pdma_pair_distance(struct pci_dev *provider, struct device *dev,
				struct pci_dev *client, bool verbose)
{
	struct device *mapper = dev->dma_mask ? dev : &client->dev;
	struct p2pdma_verdict verdict = p2pdma_judge(provider, mapper, client);

	if (!rcu_access_pointer(provider->p2pdma))
		p2pdma_check_resource(&verdict, provider, client);
	if (verdict.type != PCI_P2PDMA_MAP_NOT_SUPPORTED &&
	    verdict.reason != P2PDMA_WRITES_ONLY)
		return verdict.distance;
	if (verbose)
		p2pdma_log_refusal(provider, client, &verdict);
	return -EXDEV;
}

/* Lists of clients */

/**
 * struct p2pdma_client - an entry of a list
 * @node: in the list
 * @dev: the device that was added, with a reference
 * @pdev: @dev or its ancestor; with a reference, if it is the ancestor; NULL
 *	for a group
 * @members: of a group
 * @provider: with a reference, or NULL
 */
struct p2pdma_client {
	struct list_head node;
	struct device *dev;
	struct pci_dev *pdev;
	p2pdma_members_fn *members;
	struct pci_dev *provider;
};

/* Adds a distance to a sum; from a refusal on, there is none. */
static __always_inline int p2pdma_add(int sum, int dist)
{
	return dist < 0 || sum < 0 ? -EXDEV : sum + dist;
}

struct p2pdma_group_sum {
	struct pci_dev *provider;
	bool verbose;
	int nr, sum;
};

static void p2pdma_add_member(struct device *member, void *data)
{
	struct pci_dev *pdev = p2pdma_resolve(member);
	struct p2pdma_group_sum *all = data;
	int dist = -EXDEV;

	if (pdev)
		dist = p2pdma_pair_distance(all->provider, member, pdev,
					    all->verbose);
	all->nr++;
	all->sum = p2pdma_add(all->sum, dist);
}

/* Of a group without members nothing is known. */
static int p2pdma_group_distance(struct pci_dev *provider,
				 struct p2pdma_client *client, bool verbose)
{
	struct p2pdma_group_sum all = {
		.provider = provider,
		.verbose = verbose,
	};

	client->members(client->dev, p2pdma_add_member, &all);
	if (all.sum < 0 && verbose)
		pci_info_ratelimited(provider,
				     "not for all that is below %s\n",
				     dev_name(client->dev));
	return all.nr ? all.sum : -EXDEV;
}

static __always_inline int p2pdma_client_distance(struct pci_dev *provider,
						  struct p2pdma_client *client,
						  bool verbose)
{
	if (unlikely(client->members))
		return p2pdma_group_distance(provider, client, verbose);
	return p2pdma_pair_distance(provider, client->dev, client->pdev,
				    verbose);
}

static struct pci_dev *p2pdma_bound_provider(struct list_head *clients)
{
	struct p2pdma_client *first;

	first = list_first_entry_or_null(clients, struct p2pdma_client, node);
	return first ? first->provider : NULL;
}

static void p2pdma_client_destroy(struct p2pdma_client *client)
{
	list_del(&client->node);
	pci_dev_put(client->provider);
	if (client->pdev && client->dev != &client->pdev->dev)
		pci_dev_put(client->pdev);
	put_device(client->dev);
	kfree(client);
}

/**
 * pci_p2pdma_add_client() - Add a device to a list of clients
 * @head: the list; the caller serialises all calls on it
 * @dev: a registered device that will DMA to or from peer-to-peer memory
 *
 * The entry is for @dev, or for its nearest ancestor that is a PCI function,
 * and holds a reference on it. A device may be added several times. If the
 * list is bound to a provider, the new entry is bound too.
 *
 * Context: Process context; may sleep.
 * Return: 0; -ENODEV if @dev is NULL, has no PCI ancestor, or has its DMA done
 * in software, by DMA operations of its own (an RDMA device whose driver does
 * the same without any is not recognised: ib_dma_pci_p2p_dma_supported() tells
 * its users); -EXDEV if the list is bound to a provider that @dev can't
 * reach, which is logged; -ENOMEM. The list is unchanged after an error.
 */
int pci_p2pdma_add_client(struct list_head *head, struct device *dev)
{
	struct pci_dev *provider = p2pdma_bound_provider(head);
	struct pci_dev *pdev = p2pdma_resolve(dev);
	struct p2pdma_client *client;

	if (!pdev)
		return -ENODEV;
	if (provider && p2pdma_pair_distance(provider, dev, pdev, true) < 0)
		return -EXDEV;
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return -ENOMEM;
	client->dev = get_device(dev);
	client->pdev = pdev;
	if (dev != &pdev->dev)
		pci_dev_get(pdev);
	client->provider = pci_dev_get(provider);
	list_add_tail(&client->node, head);
	return 0;
}
EXPORT_SYMBOL_GPL(pci_p2pdma_add_client);

/**
 * pci_p2pdma_add_group() - Add a device whose DMA is done by changing others
 * @head: the list; the caller serialises all calls on it
 * @dev: what they make up: a disk that is an array of others, for instance
 * @members: calls a function for each of them; in any context but NMI, as long
 *	as the entry is in the list
 *
 * All that is asked of the list is asked of those that are members then. So the
 * list follows when members change, and says when it doesn't reach its provider
 * any more: pci_p2pdma_distance() fails then. The entry holds a reference on @dev.
 *
 * Context: Process context; may sleep.
 * Return: 0; -EXDEV if the list is bound to a provider that a member can't
 * reach, which is logged; -ENOMEM. The list is unchanged after an error.
 */
int pci_p2pdma_add_group(struct list_head *head, struct device *dev,
			 p2pdma_members_fn *members)
{
	struct pci_dev *provider = p2pdma_bound_provider(head);
	struct p2pdma_client *client;

	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return -ENOMEM;
	client->dev = get_device(dev);
	client->members = members;
	client->provider = pci_dev_get(provider);
	list_add_tail(&client->node, head);
	if (!provider || p2pdma_client_distance(provider, client, true) >= 0)
		return 0;
	p2pdma_client_destroy(client);
	return -EXDEV;
}
EXPORT_SYMBOL_GPL(pci_p2pdma_add_group);

/**
 * pci_p2pdma_remove_client() - Remove a device from a list of clients
 * @head: the list; the caller serialises all calls on it
 * @dev: a device that was added, as client or as group, or its PCI function
 *
 * Removes one entry, if there are several. Does nothing if there is none.
 * Without its last entry the list is not bound any more.
 *
 * Context: Process context; may sleep.
 */
void pci_p2pdma_remove_client(struct list_head *head, struct device *dev)
{
	struct p2pdma_client *client;

	/* A removed device has no ancestors any more: nothing is resolved. */
	list_for_each_entry(client, head, node) {
		if (client->dev == dev ||
		    (client->pdev && &client->pdev->dev == dev)) {
			p2pdma_client_destroy(client);
			return;
		}
	}
}
EXPORT_SYMBOL_GPL(pci_p2pdma_remove_client);

/**
 * pci_p2pdma_client_list_free() - Remove all clients from a list
 * @head: the list; the caller serialises all calls on it
 *
 * The list is empty then, not bound, and may be used again.
 *
 * Context: Process context; may sleep.
 */
void pci_p2pdma_client_list_free(struct list_head *head)
{
	struct p2pdma_client *client, *next;

	list_for_each_entry_safe(client, next, head, node)
		p2pdma_client_destroy(client);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_client_list_free);

/* Swaps the references of a list that is bound already. */
static void p2pdma_bind(struct list_head *clients, struct pci_dev *provider)
{
	struct p2pdma_client *client;

	list_for_each_entry(client, clients, node) {
		pci_dev_put(client->provider);
		client->provider = pci_dev_get(provider);
	}
}

/* Choosing a provider */

/**
 * struct p2pdma_clients - a list or an array of clients
 * @list: the list, or NULL
 * @devs: the array
 * @nr: length of @devs
 */
struct p2pdma_clients {
	struct list_head *list;
	struct device **devs;
	int nr;
};

static int p2pdma_sum(struct pci_dev *provider,
		      const struct p2pdma_clients *clients, bool verbose)
{
	struct p2pdma_client *client;
	int i, sum = 0;

	if (!provider || (clients->list ? list_empty(clients->list) :
					  clients->nr <= 0))
		return -EINVAL;
	for (i = 0; i < clients->nr && (sum >= 0 || verbose); i++) {
		struct device *dev = clients->devs[i];
		struct pci_dev *pdev = p2pdma_resolve(dev);

		if (!pdev)
			return -ENODEV;
		sum = p2pdma_add(sum, p2pdma_pair_distance(provider, dev, pdev,
							   verbose));
	}
	if (!clients->list)
		return sum;
	list_for_each_entry(client, clients->list, node) {
		sum = p2pdma_add(sum, p2pdma_client_distance(provider, client,
							     verbose));
		if (sum < 0 && !verbose)
			break;
	}
	return sum;
}

/* What p2pdma_sum() is at least, without judging; of groups nothing is asked. */
static int p2pdma_least_sum(struct pci_dev *provider,
			    const struct p2pdma_clients *clients)
{
	struct p2pdma_client *client;
	int i, sum = 0;

	for (i = 0; i < clients->nr; i++) {
		struct pci_dev *pdev = p2pdma_resolve(clients->devs[i]);

		if (pdev)
			sum += p2pdma_distance(provider, pdev);
	}
	if (!clients->list)
		return sum;
	list_for_each_entry(client, clients->list, node)
		if (client->pdev)
			sum += p2pdma_distance(provider, client->pdev);
	return sum;
}

/**
 * pci_p2pdma_distance() - Return how far a provider is from all clients
 * @provider: a device whose BAR is to be addressed; it needs no p2pmem, and
 *	without any the answer is for dma_map_resource()
 * @clients: list of clients; the caller serialises all calls on it
 *
 * The distance of a pair is the number of hops between them in the PCI tree:
 * 0 for the same function, 2 for functions of one device, 4 across one
 * switch.
 *
 * Context: Any but NMI.
 * Return: the sum of the distances; -EXDEV if a client can't reach @provider;
 * -EINVAL if the list is empty or @provider is NULL.
 */
int pci_p2pdma_distance(struct pci_dev *provider, struct list_head *clients)
{
	struct p2pdma_clients all = { .list = clients };

	return p2pdma_sum(provider, &all, false);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_distance);

/**
 * pci_p2pdma_assign_provider() - Bind a list of clients to a chosen provider
 * @provider: a device; with memory, if the caller means to allocate from it
 * @clients: list of clients; the caller serialises all calls on it
 *
 * Every entry takes a reference of its own on @provider, and drops the one on
 * the provider it was bound to before. Clients that can't reach @provider are
 * logged, with the reason.
 *
 * Context: Process context; may sleep.
 * Return: true if all clients reach @provider, else the list is unchanged.
 */
bool pci_p2pdma_assign_provider(struct pci_dev *provider,
				struct list_head *clients)
{
	struct p2pdma_clients all = { .list = clients };

	if (p2pdma_sum(provider, &all, true) < 0)
		return false;
	p2pdma_bind(clients, provider);
	return true;
}
EXPORT_SYMBOL_GPL(pci_p2pdma_assign_provider);

/*
 * The published provider with the smallest distance, with a reference, or
 * NULL. Among equals each is chosen with the same probability: the n-th one
 * met replaces the choice so far in one of n cases. If there is none, one
 * refusal is logged: an example tells as much as all of them.
 */
static struct pci_dev *p2pdma_find(const struct p2pdma_clients *clients)
{
	struct pci_dev *nearest = NULL, *refusing = NULL;
	unsigned int equals = 0, considered = 0;
	u32 random = get_random_u32();
	int nearest_dist = INT_MAX;
	struct pci_p2pdma *p2pdma;

	rcu_read_lock();
	list_for_each_entry_rcu(p2pdma, &p2pdma_providers, node) {
		int dist;

		if (!p2pdma_is_published(p2pdma))
			continue;
		considered++;
		/* A walk costs less than a verdict. */
		if (nearest &&
		    p2pdma_least_sum(p2pdma->pdev, clients) > nearest_dist)
			continue;
		dist = p2pdma_sum(p2pdma->pdev, clients, false);
		if (dist == -EXDEV)
			refusing = p2pdma->pdev;
		if (dist < 0 || dist > nearest_dist)
			continue;
		if (dist < nearest_dist)
			equals = 0;
		nearest_dist = dist;
		random = next_pseudo_random32(random);
		if (!reciprocal_scale(random, ++equals))
			nearest = p2pdma->pdev;
	}
	if (!nearest && refusing)
		p2pdma_sum(refusing, clients, true);
	/* A listed provider's device outlives this read-side section. */
	pci_dev_get(nearest);
	rcu_read_unlock();
	trace_p2pdma_find(nearest, nearest ? nearest_dist : -EXDEV, considered);
	return nearest;
}

/**
 * pci_p2pmem_find() - Find the nearest provider that all clients reach
 * @clients: list of clients; the caller serialises all calls on it
 *
 * Looks at published providers only. Among those at the same distance one is
 * chosen at random, so that the load spreads. Binds the list to it, as
 * pci_p2pdma_assign_provider() does.
 *
 * Context: Process context; may sleep.
 * Return: the provider, with a reference that the caller gives back with
 * pci_dev_put(); NULL if there is none or the list is empty, and the list is
 * unchanged then.
 */
struct pci_dev *pci_p2pmem_find(struct list_head *clients)
{
	struct p2pdma_clients all = { .list = clients };
	struct pci_dev *provider = p2pdma_find(&all);

	if (provider)
		p2pdma_bind(clients, provider);
	return provider;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_find);

/**
 * pci_p2pdma_distance_many() - Return how far a provider is from an array
 * @provider: as for pci_p2pdma_distance()
 * @clients: array of devices, as for pci_p2pdma_add_client()
 * @num_clients: their number
 * @verbose: log which clients can't reach the provider, and why
 *
 * Context: Any.
 * Return: as pci_p2pdma_distance(), also -ENODEV as pci_p2pdma_add_client().
 */
int pci_p2pdma_distance_many(struct pci_dev *provider, struct device **clients,
			     int num_clients, bool verbose)
{
	struct p2pdma_clients all = { .devs = clients, .nr = num_clients };

	return p2pdma_sum(provider, &all, verbose);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_distance_many);

/**
 * pci_p2pmem_find_many() - Find the nearest provider for an array of devices
 * @clients: array of devices, as for pci_p2pdma_add_client()
 * @num_clients: their number
 *
 * Context: Any but NMI.
 * Return: the provider, as pci_p2pmem_find(); NULL if there is none, or for
 * what pci_p2pdma_distance_many() has an error.
 */
struct pci_dev *pci_p2pmem_find_many(struct device **clients, int num_clients)
{
	struct p2pdma_clients all = { .devs = clients, .nr = num_clients };

	return p2pdma_find(&all);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_find_many);

/* Memory */

/**
 * pci_p2pmem_virt_to_bus() - Return the bus address of peer-to-peer memory
 * @pdev: the provider
 * @addr: an address in what pci_alloc_p2pmem() returned
 *
 * For the provider itself: what it sees at this address. Other devices are
 * given the address that dma_map_sg() returns for them.
 *
 * Context: Any.
 * Return: PCI bus address, 0 if @addr is not this provider's.
 */
pci_bus_addr_t pci_p2pmem_virt_to_bus(struct pci_dev *pdev, void *addr)
{
	struct pci_p2pdma *p2pdma;
	pci_bus_addr_t bus = 0;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	if (p2pdma)
		bus = p2pdma_pool_virt_to_bus(p2pdma, addr);
	rcu_read_unlock();
	return bus;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_virt_to_bus);

/* Attributes */

static int find_named_provider(const char *name, struct pci_dev **provider)
{
	struct device *dev;

	dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	if (!dev) {
		pr_err("no such PCI device: %.*s\n",
		       (int)strcspn(name, "\n"), name);
		return -ENODEV;
	}
	if (!pci_has_p2pmem(to_pci_dev(dev))) {
		dev_err(dev, "has no published peer-to-peer memory\n");
		put_device(dev);
		return -ENODEV;
	}
	*provider = to_pci_dev(dev);
	return 0;
}

/**
 * pci_p2pdma_enable_store() - Parse an attribute that selects a provider
 * @page: the value, with or without a newline: the address of a PCI device
 *	(domain:bus:device.function), or a boolean as kstrtobool() takes it
 * @p2p_dev: the provider named, with a reference for the caller, else NULL
 * @use_p2pdma: whether peer-to-peer memory is to be used; of any provider, if
 *	none was named
 *
 * Context: Process context; may sleep.
 * Return: 0; -ENODEV if there is no such device or it has published no
 * memory; -EINVAL if the value is neither an address nor a boolean. After an
 * error the results are not set.
 */
int pci_p2pdma_enable_store(const char *page, struct pci_dev **p2p_dev,
			    bool *use_p2pdma)
{
	struct pci_dev *provider = NULL;
	bool use = true;
	int error;

	/*
	 * kstrtobool() looks at the first character or two. An address starts
	 * with a digit, and so may a slip of the pen: digits stand alone.
	 */
	if (strchr(page, ':'))
		error = find_named_provider(page, &provider);
	else if (isdigit(page[0]) && strcspn(page, "\n") != 1)
		error = -EINVAL;
	else
		error = kstrtobool(page, &use);
	if (error)
		return error;

	*p2p_dev = provider;
	*use_p2pdma = use;
	return 0;
}
EXPORT_SYMBOL_GPL(pci_p2pdma_enable_store);

/**
 * pci_p2pdma_enable_show() - Print what pci_p2pdma_enable_store() parsed
 * @page: where to; a page
 * @p2p_dev: the provider that was named, or NULL
 * @use_p2pdma: whether peer-to-peer memory is to be used
 *
 * Context: Any.
 * Return: number of bytes printed.
 */
ssize_t pci_p2pdma_enable_show(char *page, struct pci_dev *p2p_dev,
			       bool use_p2pdma)
{
	if (use_p2pdma && p2p_dev)
		return sysfs_emit(page, "%s\n", pci_name(p2p_dev));
	return sysfs_emit(page, "%d\n", use_p2pdma);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_enable_show);
