// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: lists of clients, and the search for a provider
 *
 * The list is the orchestrator's handle, and the orchestrator serialises the
 * calls on it. Every entry holds a reference of its own on its client and, if
 * the list is bound, on the provider. All entries name the same provider.
 *
 * A reference keeps a struct pci_dev, but not all that a walk up the tree
 * reads: a virtual function's physical function, and what the accessors of a
 * host bridge need, may go when the device has been removed. Removal passes
 * through pci_bus_sem after the device is unregistered and before those go.
 * So verdicts on a list are asked with pci_bus_sem held, about devices that
 * are registered.
 */

#define dev_fmt(fmt) "P2PDMA: " fmt

#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <trace/events/pci_p2pdma.h>

#include "pci.h"
#include "p2pdma.h"

/**
 * struct p2pdma_client - an entry of a list
 * @node: in the list
 * @dev: the device that was added, with a reference
 * @pdev: @dev or its ancestor; with a reference, if it is the ancestor
 * @provider: with a reference, or NULL
 */
struct p2pdma_client {
	struct list_head node;
	struct device *dev;
	struct pci_dev *pdev;
	struct pci_dev *provider;
};

/**
 * p2pdma_resolve - the PCI function that does a device's DMA
 * @dev: any registered device
 *
 * The one resolver: what it says here is what dma_map_sg() acts on.
 *
 * Return: @dev, or its nearest ancestor that is a PCI function; borrowed from
 * @dev. NULL if there is none, or if on the way up somebody else than the
 * DMA core maps (DMA done in software, for instance), who wouldn't know what
 * to do with a peer's memory.
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

static struct pci_dev *bound_provider(struct list_head *clients)
{
	struct p2pdma_client *first;

	first = list_first_entry_or_null(clients, struct p2pdma_client, node);
	return first ? first->provider : NULL;
}

/**
 * p2pdma_judge - the verdict on a pair of which both may have been removed
 * @provider: the device whose BAR is addressed
 * @client: the device that sends the requests
 * @verdict: the answer
 *
 * Context: Process context, with pci_bus_sem held.
 * Return: true if the answer was remembered.
 */
bool p2pdma_judge(struct pci_dev *provider, struct pci_dev *client,
		  struct p2pdma_verdict *verdict)
{
	lockdep_assert_held(&pci_bus_sem);
	if (device_is_registered(&provider->dev) &&
	    device_is_registered(&client->dev))
		return p2pdma_cached_verdict(provider, client, verdict);
	verdict->type = PCI_P2PDMA_MAP_NOT_SUPPORTED;
	verdict->reason = P2PDMA_REMOVED;
	verdict->at = device_is_registered(&client->dev) ? provider : client;
	return false;
}

/* Nobody says what will be done with memory: writing only is not enough. */
static bool is_refusal(const struct p2pdma_verdict *verdict)
{
	return verdict->type == PCI_P2PDMA_MAP_NOT_SUPPORTED ||
	       verdict->reason == P2PDMA_WRITES_ONLY;
}

static bool reaches(struct pci_dev *client, struct pci_dev *provider)
{
	struct p2pdma_verdict verdict;
	bool refused;

	down_read(&pci_bus_sem);
	p2pdma_judge(provider, client, &verdict);
	refused = is_refusal(&verdict);
	if (refused && p2pdma_first_refusal(provider, client))
		p2pdma_explain_refusal(provider, client, &verdict);
	up_read(&pci_bus_sem);
	return !refused;
}

static struct p2pdma_client *client_create(struct device *dev,
					   struct pci_dev *pdev,
					   struct pci_dev *provider)
{
	struct p2pdma_client *client;

	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return NULL;
	client->dev = get_device(dev);
	client->pdev = pdev;
	if (dev != &pdev->dev)
		pci_dev_get(pdev);
	client->provider = pci_dev_get(provider);
	return client;
}

static void client_destroy(struct p2pdma_client *client)
{
	list_del(&client->node);
	pci_dev_put(client->provider);
	if (client->dev != &client->pdev->dev)
		pci_dev_put(client->pdev);
	put_device(client->dev);
	kfree(client);
}

int p2pdma_client_add(struct list_head *clients, struct device *dev)
{
	struct pci_dev *provider = bound_provider(clients);
	struct pci_dev *pdev = p2pdma_resolve(dev);
	struct p2pdma_client *client;

	if (!pdev)
		return -ENODEV;
	if (provider && !reaches(pdev, provider))
		return -EXDEV;
	client = client_create(dev, pdev, provider);
	if (!client)
		return -ENOMEM;
	list_add_tail(&client->node, clients);
	return 0;
}

/*
 * By the device that was added, or by its PCI function. What is removed is
 * often gone from the tree already, so nothing is resolved again.
 */
void p2pdma_client_remove(struct list_head *clients, struct device *dev)
{
	struct p2pdma_client *client;

	list_for_each_entry(client, clients, node) {
		if (client->dev == dev || &client->pdev->dev == dev) {
			client_destroy(client);
			return;
		}
	}
}

void p2pdma_client_free_all(struct list_head *clients)
{
	struct p2pdma_client *client, *next;

	list_for_each_entry_safe(client, next, clients, node)
		client_destroy(client);
}

static int sum_distances(struct pci_dev *provider, struct list_head *clients)
{
	struct p2pdma_verdict verdict;
	struct p2pdma_client *client;
	int dist = 0;

	if (list_empty(clients))
		return -EINVAL;
	list_for_each_entry(client, clients, node) {
		p2pdma_judge(provider, client->pdev, &verdict);
		if (is_refusal(&verdict))
			return -EXDEV;
		dist += verdict.distance;
	}
	return dist;
}

/**
 * p2pdma_clients_distance - sum of the distances of all clients
 * @provider: provider
 * @clients: list of clients
 *
 * Return: hops, -EXDEV if a client can't reach @provider, -EINVAL if there is
 * no client.
 */
int p2pdma_clients_distance(struct pci_dev *provider,
			    struct list_head *clients)
{
	int dist;

	down_read(&pci_bus_sem);
	dist = sum_distances(provider, clients);
	up_read(&pci_bus_sem);
	return dist;
}

/* Also of a list that was bound before: its references are swapped. */
void p2pdma_clients_bind(struct list_head *clients, struct pci_dev *provider)
{
	struct p2pdma_client *client;

	list_for_each_entry(client, clients, node) {
		pci_dev_put(client->provider);
		client->provider = pci_dev_get(provider);
	}
}

/* Tell the log why clients can't reach a provider, if it isn't known yet. */
void p2pdma_clients_explain(struct pci_dev *provider,
			    struct list_head *clients)
{
	struct p2pdma_verdict verdict;
	struct p2pdma_client *client;

	down_read(&pci_bus_sem);
	list_for_each_entry(client, clients, node) {
		p2pdma_judge(provider, client->pdev, &verdict);
		if (is_refusal(&verdict) &&
		    p2pdma_first_refusal(provider, client->pdev))
			p2pdma_explain_refusal(provider, client->pdev,
					       &verdict);
	}
	up_read(&pci_bus_sem);
}

/**
 * p2pdma_find_nearest - the offered provider with the smallest distance
 * @clients: list of clients
 *
 * Among equals each is chosen with the same probability: the n-th one met
 * replaces the choice so far in one of n cases.
 *
 * Return: a provider with a reference for the caller, or NULL.
 */
struct pci_dev *p2pdma_find_nearest(struct list_head *clients)
{
	struct pci_dev *nearest = NULL, *refusing = NULL;
	struct pci_p2pdma *p2pdma;
	unsigned int equals = 0, considered = 0;
	int nearest_dist = INT_MAX;

	down_read(&pci_bus_sem);
	rcu_read_lock();
	list_for_each_entry_rcu(p2pdma, &p2pdma_providers, node) {
		int dist;

		if (!p2pdma_is_offered(p2pdma))
			continue;
		considered++;
		dist = sum_distances(p2pdma->pdev, clients);
		if (dist == -EXDEV && !refusing)
			refusing = p2pdma->pdev;
		if (dist < 0 || dist > nearest_dist)
			continue;
		if (dist < nearest_dist)
			equals = 0;
		nearest_dist = dist;
		if (!get_random_u32_below(++equals))
			nearest = p2pdma->pdev;
	}
	/* A listed provider's device outlives this read-side section. */
	pci_dev_get(nearest);
	pci_dev_get(refusing);
	rcu_read_unlock();
	up_read(&pci_bus_sem);

	trace_p2pdma_find(nearest, nearest ? nearest_dist : -EXDEV, considered);
	/* One example tells as much as the whole list of them. */
	if (!nearest && refusing)
		p2pdma_clients_explain(refusing, clients);
	pci_dev_put(refusing);
	return nearest;
}
