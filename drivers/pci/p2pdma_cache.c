// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: what is known of a pair of devices
 *
 * A walk of the PCI tree that reads ACS registers is too slow for the mapping
 * of every request. What it found is kept with the provider, for as long as
 * nothing happens that could change it.
 *
 * The law: a remembered answer equals that of a fresh walk. Whatever could
 * change the answer for any pair starts a new generation
 * (p2pdma_generation.c), and what is remembered of an older one is not used
 * any more. Such changes are rare, and a walk is cheap enough to be repeated
 * after each of them:
 *
 * - a function is added to the tree or removed from it (p2pdma_host.c);
 * - an ACS control register is written, by the kernel or by a user
 *   (access.c);
 * - a function is reset, which clears the register (pci.c).
 *
 * While a change goes on there is no valid generation, and every question is
 * answered by a walk. What depends on more than that (the client's DMA mask,
 * an IOMMU that is attached) is not remembered, but looked at each time; nor
 * is it remembered that a register couldn't be read.
 *
 * An answer is remembered with the generation that was valid before the walk
 * began. If the walk ran into a change, that generation is over already.
 */

#include <linux/pci.h>
#include <linux/slab.h>
#include <trace/events/pci_p2pdma.h>

#include "pci.h"
#include "p2pdma.h"

/* Also makes room: what the list has of older generations is of no use. */
static void add_route(struct pci_p2pdma *p2pdma, struct p2pdma_route *route)
{
	struct hlist_head *head = p2pdma_routes_of(p2pdma, route->client);
	struct p2pdma_route *old;
	struct hlist_node *next;
	unsigned long flags;

	spin_lock_irqsave(&p2pdma->routes_lock, flags);
	hlist_for_each_entry_safe(old, next, head, node) {
		if (old->client == route->client ||
		    old->generation != route->generation) {
			hlist_del_rcu(&old->node);
			kfree_rcu(old, rcu);
		}
	}
	hlist_add_head_rcu(&route->node, head);
	spin_unlock_irqrestore(&p2pdma->routes_lock, flags);
}

/* Without memory the answer is right too, and will be looked for again. */
static void remember(struct pci_p2pdma *p2pdma, struct pci_dev *client,
		     unsigned long generation,
		     const struct p2pdma_verdict *verdict)
{
	struct p2pdma_route *route;

	if (!generation || verdict->reason == P2PDMA_ACS_UNREADABLE)
		return;
	route = kmalloc(sizeof(*route), GFP_NOWAIT | __GFP_NOWARN);
	if (!route)
		return;
	route->client = client;
	route->generation = generation;
	route->verdict = *verdict;
	route->told = 0;
	add_route(p2pdma, route);
}

/*
 * A device that has dropped off its link answers nothing, and the hot-plug
 * code hasn't noticed yet: that isn't known without asking it.
 */
static void audit(struct pci_p2pdma *p2pdma, const struct p2pdma_route *route)
{
	const struct p2pdma_verdict *old = &route->verdict;
	struct p2pdma_verdict fresh;

	if (!IS_ENABLED(CONFIG_PCI_P2PDMA_AUDIT))
		return;
	p2pdma_judge_route(p2pdma->pdev, route->client, &fresh);
	if (fresh.reason == P2PDMA_ACS_UNREADABLE ||
	    (fresh.type == old->type && fresh.distance == old->distance &&
	     fresh.reason == old->reason && fresh.at == old->at))
		return;
	/* Was it right when it was found? Pairs with p2pdma_change_begin(). */
	smp_rmb();
	WARN(READ_ONCE(p2pdma_generation) == route->generation,
	     "P2PDMA: stale verdict: %s to %s: %s, now %s\n",
	     pci_name(route->client), pci_name(p2pdma->pdev),
	     p2pdma_reason_text(old->reason),
	     p2pdma_reason_text(fresh.reason));
}

/* Fills in the answer to a question, and remembers what it found. */
static void walk(struct pci_p2pdma *p2pdma, struct pci_dev *client,
		 struct p2pdma_verdict *verdict)
{
	/* Pairs with p2pdma_change_end(). */
	unsigned long generation = smp_load_acquire(&p2pdma_generation);

	p2pdma_judge_route(p2pdma->pdev, client, verdict);
	remember(p2pdma, client, generation, verdict);
}

/* Under rcu_read_lock(), or with an allocation held. Was it known? */
static bool route_verdict(struct pci_p2pdma *p2pdma, struct pci_dev *client,
			  struct p2pdma_verdict *verdict)
{
	struct p2pdma_route *route = p2pdma_find_route(p2pdma, client);

	if (!route) {
		walk(p2pdma, client, verdict);
		return false;
	}
	audit(p2pdma, route);
	*verdict = route->verdict;
	return true;
}

/**
 * p2pdma_cached_verdict - judge an ordered pair, from memory if possible
 * @provider: the device whose BAR is addressed. Of one without p2pmem nothing
 *	is remembered.
 * @client: the device that sends the requests
 * @verdict: the answer
 *
 * Context: Any. As for p2pdma_verdict().
 * Return: true if it was remembered, false if it took a walk.
 */
bool p2pdma_cached_verdict(struct pci_dev *provider, struct pci_dev *client,
			   struct p2pdma_verdict *verdict)
{
	struct pci_p2pdma *p2pdma;
	bool known = false;

	rcu_read_lock();
	p2pdma = rcu_dereference(provider->p2pdma);
	if (p2pdma)
		known = route_verdict(p2pdma, client, verdict);
	else
		p2pdma_judge_route(provider, client, verdict);
	p2pdma_judge_addresses(p2pdma, client, verdict);
	rcu_read_unlock();
	if (trace_p2pdma_verdict_enabled())
		p2pdma_trace_verdict(provider, client, verdict, known);
	return known;
}

/**
 * p2pdma_cached_map_type - how a client must address memory that it maps
 * @p2pdma: the provider; an allocation of its memory is held
 * @client: the device that sends the requests
 * @dir: what it will do with the memory
 *
 * Context: Any. Doesn't sleep, and takes no lock if the answer is remembered.
 * Return: map type, never PCI_P2PDMA_MAP_UNKNOWN.
 */
enum pci_p2pdma_map_type p2pdma_cached_map_type(struct pci_p2pdma *p2pdma,
						struct pci_dev *client,
						enum dma_data_direction dir)
{
	struct p2pdma_verdict verdict;
	bool known;

	rcu_read_lock();
	known = route_verdict(p2pdma, client, &verdict);
	rcu_read_unlock();
	p2pdma_judge_addresses(p2pdma, client, &verdict);
	if (verdict.reason == P2PDMA_WRITES_ONLY && dir != DMA_FROM_DEVICE)
		verdict.type = PCI_P2PDMA_MAP_NOT_SUPPORTED;
	if (verdict.type == PCI_P2PDMA_MAP_NOT_SUPPORTED &&
	    trace_p2pdma_verdict_enabled())
		p2pdma_trace_verdict(p2pdma->pdev, client, &verdict, known);
	return verdict.type;
}

/**
 * p2pdma_first_refusal - is this the first time that a client is refused?
 * @provider: a device
 * @client: a client that can't reach it
 *
 * Context: Any.
 * Return: true once, until something changes; true always, if nothing can be
 * remembered.
 */
bool p2pdma_first_refusal(struct pci_dev *provider, struct pci_dev *client)
{
	struct p2pdma_route *route = NULL;
	struct pci_p2pdma *p2pdma;
	bool first;

	rcu_read_lock();
	p2pdma = rcu_dereference(provider->p2pdma);
	if (p2pdma)
		route = p2pdma_find_route(p2pdma, client);
	first = !route || !test_and_set_bit(0, &route->told);
	rcu_read_unlock();
	return first;
}

void p2pdma_cache_init(struct pci_p2pdma *p2pdma)
{
	int i;

	spin_lock_init(&p2pdma->routes_lock);
	for (i = 0; i < ARRAY_SIZE(p2pdma->routes); i++)
		INIT_HLIST_HEAD(&p2pdma->routes[i]);
}

/* Nobody asks any more. */
void p2pdma_cache_drop(struct pci_p2pdma *p2pdma)
{
	struct p2pdma_route *route;
	struct hlist_node *next;
	int i;

	for (i = 0; i < ARRAY_SIZE(p2pdma->routes); i++)
		hlist_for_each_entry_safe(route, next, &p2pdma->routes[i], node)
			kfree(route);
}
