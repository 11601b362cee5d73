// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: the exported API
 *	Documentation/driver-api/pci/p2pdma.rst
 *
 * Everything that drivers call is here, with its contract; what does the work
 * is named in p2pdma.h, with the locks. Where a verdict comes from, and so
 * which rule of the PCI Express specification decided, is said in
 * p2pdma_topology.c.
 */

#define pr_fmt(fmt) "P2PDMA: " fmt

#include <linux/ctype.h>
#include <linux/export.h>
#include <linux/kstrtox.h>
#include <linux/pci-p2pdma.h>
#include <linux/rcupdate.h>
#include <linux/scatterlist.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "p2pdma.h"

/* Providers */

/**
 * pci_p2pdma_add_resource - make a range of a BAR peer-to-peer memory
 * @pdev: the provider; bound to the caller, who is in probe, reset or the like
 * @bar: number of the BAR, from 0
 * @size: bytes; 0 for the rest of the BAR
 * @offset: bytes from the start of the BAR
 *
 * Gives the range ZONE_DEVICE pages and adds it to the device's pool; a
 * device may have several ranges, in one BAR or in several. The range must
 * fit the memory hotplug code: memremap_compat_align() bytes (2 MiB on x86)
 * are its unit, for its CPU address as for its size. The memory is for the
 * device's own driver until pci_p2pmem_publish(). All ranges are added before
 * that: one with higher addresses may be too high for a client's DMA mask, and
 * then nothing of the device is mapped for that client any more.
 *
 * It is undone when the driver is unbound. The driver's devres teardown then
 * waits for all users of the memory.
 *
 * Context: Process context; sleeps.
 * Return: 0; -EINVAL if there is no such BAR, if it isn't an assigned memory
 * BAR, or if the range is outside of it or doesn't fit the hotplug code (the
 * log says which); -EEXIST if it overlaps a range added before; -ENOMEM. After
 * an error everything is as it was before.
 */
int pci_p2pdma_add_resource(struct pci_dev *pdev, int bar, size_t size,
			    u64 offset)
{
	return p2pdma_add_range(pdev, bar, size, offset);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_add_resource);

/**
 * pci_p2pmem_publish - offer a provider's memory to orchestrators, or stop
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

/**
 * pci_has_p2pmem - has this device published memory?
 * @pdev: a device
 *
 * Context: Any.
 * Return: true if it has, and isn't about to lose it.
 */
bool pci_has_p2pmem(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma;
	bool offered;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	offered = p2pdma && p2pdma_is_offered(p2pdma);
	rcu_read_unlock();
	return offered;
}
EXPORT_SYMBOL_GPL(pci_has_p2pmem);

/* Lists of clients */

/**
 * pci_p2pdma_add_client - add a device to a list of clients
 * @head: the list; the caller serialises all calls on it
 * @dev: a registered device that will DMA to or from peer-to-peer memory
 *
 * The entry is for @dev, or for its nearest ancestor that is a PCI function,
 * and holds a reference on it. A device may be added several times. If the
 * list is bound to a provider, the new entry is bound too.
 *
 * Context: Process context; may sleep. Takes pci_bus_sem: not from a driver's
 * struct pci_error_handlers, which the PCI core calls with it held.
 * Return: 0; -ENODEV if @dev is NULL, has no PCI ancestor, or has its DMA done
 * in software, by DMA operations of its own (an RDMA device whose driver does
 * the same without any is not recognised: ib_dma_pci_p2p_dma_supported() tells
 * its users); -EXDEV if the list is bound to a provider that @dev can't
 * reach; -ENOMEM. The list is unchanged after an error.
 */
int pci_p2pdma_add_client(struct list_head *head, struct device *dev)
{
	return p2pdma_client_add(head, dev);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_add_client);

/**
 * pci_p2pdma_remove_client - remove a device from a list of clients
 * @head: the list; the caller serialises all calls on it
 * @dev: a device that was added
 *
 * Removes one entry, if there are several. Does nothing if there is none.
 * Without its last entry the list is not bound any more.
 *
 * Context: Process context; may sleep.
 */
void pci_p2pdma_remove_client(struct list_head *head, struct device *dev)
{
	p2pdma_client_remove(head, dev);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_remove_client);

/**
 * pci_p2pdma_client_list_free - remove all clients from a list
 * @head: the list; the caller serialises all calls on it
 *
 * The list is empty then, not bound, and may be used again.
 *
 * Context: Process context; may sleep.
 */
void pci_p2pdma_client_list_free(struct list_head *head)
{
	p2pdma_client_free_all(head);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_client_list_free);

/* Choosing a provider */

/**
 * pci_p2pdma_distance - how far is a provider from all clients?
 * @provider: a device whose BAR is to be addressed; it needs no p2pmem
 * @clients: list of clients; the caller serialises all calls on it
 *
 * The distance of a pair is the number of hops between them in the PCI tree:
 * 0 for the same function, 2 for functions of one device, 4 across one
 * switch.
 *
 * Context: Process context; may sleep. Takes pci_bus_sem: not from a driver's
 * struct pci_error_handlers, which the PCI core calls with it held.
 * Return: the sum of the distances; -EXDEV if a client can't reach @provider;
 * -EINVAL if the list is empty or @provider is NULL.
 */
int pci_p2pdma_distance(struct pci_dev *provider, struct list_head *clients)
{
	if (!provider)
		return -EINVAL;
	return p2pdma_clients_distance(provider, clients);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_distance);

/**
 * pci_p2pdma_assign_provider - bind a list of clients to a chosen provider
 * @provider: a device; with memory, if the caller means to allocate from it
 * @clients: list of clients; the caller serialises all calls on it
 *
 * Every entry takes a reference of its own on @provider, and drops the one on
 * the provider it was bound to before. A client that can't reach @provider is
 * named in the log, with the reason.
 *
 * Context: Process context; may sleep. Takes pci_bus_sem: not from a driver's
 * struct pci_error_handlers, which the PCI core calls with it held.
 * Return: true if all clients reach @provider, else the list is unchanged.
 */
bool pci_p2pdma_assign_provider(struct pci_dev *provider,
				struct list_head *clients)
{
	int dist = pci_p2pdma_distance(provider, clients);

	if (dist == -EXDEV)
		p2pdma_clients_explain(provider, clients);
	if (dist < 0)
		return false;
	p2pdma_clients_bind(clients, provider);
	return true;
}
EXPORT_SYMBOL_GPL(pci_p2pdma_assign_provider);

/**
 * pci_p2pmem_find - find the nearest provider that all clients reach
 * @clients: list of clients; the caller serialises all calls on it
 *
 * Looks at published providers only. Among those at the same distance one is
 * chosen at random, so that the load spreads. Binds the list to it, as
 * pci_p2pdma_assign_provider() does.
 *
 * Context: Process context; may sleep. Takes pci_bus_sem: not from a driver's
 * struct pci_error_handlers, which the PCI core calls with it held.
 * Return: the provider, with a reference that the caller gives back with
 * pci_dev_put(); NULL if there is none or the list is empty, and the list is
 * unchanged then.
 */
struct pci_dev *pci_p2pmem_find(struct list_head *clients)
{
	struct pci_dev *provider = p2pdma_find_nearest(clients);

	if (provider)
		p2pdma_clients_bind(clients, provider);
	return provider;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_find);

/* All of an array, or none */
static int list_from_array(struct list_head *clients, struct device **devs,
			   int nr)
{
	int i, error;

	if (nr <= 0)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		error = p2pdma_client_add(clients, devs[i]);
		if (error) {
			p2pdma_client_free_all(clients);
			return error;
		}
	}
	return 0;
}

/**
 * pci_p2pdma_distance_many - how far is a provider from an array of devices?
 * @provider: as for pci_p2pdma_distance()
 * @clients: array of devices, as for pci_p2pdma_add_client()
 * @num_clients: their number
 * @verbose: tell the log which clients can't reach the provider, and why; of a
 *	provider with memory once, until something changes
 *
 * Context: Process context; may sleep. Takes pci_bus_sem: not from a driver's
 * struct pci_error_handlers, which the PCI core calls with it held.
 * Return: as pci_p2pdma_distance(), also -ENODEV and -ENOMEM as
 * pci_p2pdma_add_client().
 */
int pci_p2pdma_distance_many(struct pci_dev *provider, struct device **clients,
			     int num_clients, bool verbose)
{
	LIST_HEAD(list);
	int dist;

	dist = list_from_array(&list, clients, num_clients);
	if (dist)
		return dist;
	dist = pci_p2pdma_distance(provider, &list);
	if (dist == -EXDEV && verbose)
		p2pdma_clients_explain(provider, &list);
	p2pdma_client_free_all(&list);
	return dist;
}
EXPORT_SYMBOL_GPL(pci_p2pdma_distance_many);

/**
 * pci_p2pmem_find_many - find the nearest provider for an array of devices
 * @clients: array of devices, as for pci_p2pdma_add_client()
 * @num_clients: their number
 *
 * Context: Process context; may sleep. Takes pci_bus_sem: not from a driver's
 * struct pci_error_handlers, which the PCI core calls with it held.
 * Return: as pci_p2pmem_find().
 */
struct pci_dev *pci_p2pmem_find_many(struct device **clients, int num_clients)
{
	struct pci_dev *provider;
	LIST_HEAD(list);

	if (list_from_array(&list, clients, num_clients))
		return NULL;
	provider = p2pdma_find_nearest(&list);
	p2pdma_client_free_all(&list);
	return provider;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_find_many);

/* Memory */

/**
 * pci_p2pmem_virt_to_bus - bus address of peer-to-peer memory
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

/**
 * pci_p2pmem_alloc_sgl - allocate peer-to-peer memory as a scatterlist
 * @pdev: the provider
 * @sgl: where the scatterlist goes
 * @nents: where the number of its entries goes
 * @length: bytes
 *
 * One entry if there is a free piece of this size, else several: the longest
 * first. Where a pool has very many pieces, only some are looked at, and a
 * piece of more than 2 MiB (512 pages) may go unseen.
 *
 * Context: Process context; may sleep.
 * Return: 0; -EINVAL if @length is 0; -ENODEV if the device has no
 * peer-to-peer memory or is about to lose it; -ENOMEM if there isn't enough.
 * After an error @sgl is NULL and @nents is 0.
 */
int pci_p2pmem_alloc_sgl(struct pci_dev *pdev, struct scatterlist **sgl,
			 unsigned int *nents, u32 length)
{
	*sgl = NULL;
	*nents = 0;
	if (!length)
		return -EINVAL;
	return p2pdma_pool_alloc_sgl(pdev, sgl, nents, length);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_alloc_sgl);

/**
 * pci_p2pmem_free_sgl - free what pci_p2pmem_alloc_sgl() returned
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
	unsigned int i;

	if (!sgl)
		return;
	for_each_sgtable_sg(&table, sg, i)
		pci_free_p2pmem(pdev, sg_virt(sg), sg->length);
	sg_free_table(&table);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_free_sgl);

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
 * pci_p2pdma_enable_store - parse what was written to an attribute that
 *	selects a provider
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
 * pci_p2pdma_enable_show - print what pci_p2pdma_enable_store() parsed
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
