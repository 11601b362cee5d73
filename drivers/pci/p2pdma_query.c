// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: the question of a user
 *
 * /dev/pci_p2pdma returns the verdict that a driver would get on any two
 * functions. Any user may ask: an answer tells no more than IOMMU groups do.
 * It reads no config space, wakes no device, changes nothing, and nothing is
 * remembered of it.
 */

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/uaccess.h>

#include "p2pdma.h"

/* With a reference */
static struct pci_dev *p2pdma_query_find(const struct pci_p2pdma_address *where)
{
	if (where->domain > INT_MAX)
		return NULL;
	return pci_get_domain_bus_and_slot(where->domain, where->bus,
					   where->devfn);
}

static u32 p2pdma_query_memory(struct pci_dev *provider)
{
	u32 bits = 0;

	if (rcu_access_pointer(provider->p2pdma))
		bits |= PCI_P2PDMA_RESULT_HAS_MEMORY;
	if (pci_has_p2pmem(provider))
		bits |= PCI_P2PDMA_RESULT_PUBLISHED;
	return bits;
}

static u32 p2pdma_query_type(enum pci_p2pdma_map_type type)
{
	switch (type) {
	case PCI_P2PDMA_MAP_BUS_ADDR:
		return PCI_P2PDMA_TYPE_BUS_ADDR;
	case PCI_P2PDMA_MAP_THRU_HOST_BRIDGE:
		return PCI_P2PDMA_TYPE_THRU_HOST;
	default:
		return PCI_P2PDMA_TYPE_NOT_SUPPORTED;
	}
}

/*
 * The device that decided is on the way of one of the two, and so in its
 * domain. What tells a domain may be gone when a root bus has been removed.
 */
static void p2pdma_query_at(struct pci_p2pdma_query *query,
			    struct pci_dev *provider, struct pci_dev *at)
{
	query->at = p2pdma_host_of(at) == p2pdma_host_of(provider) ?
		    query->provider : query->client;
	query->at.bus = at->bus->number;
	query->at.devfn = at->devfn;
}

static void p2pdma_query_pair(struct pci_p2pdma_query *query,
			      struct pci_dev *provider, struct pci_dev *client)
{
	struct p2pdma_verdict verdict = p2pdma_judge(provider, &client->dev,
						     client);

	query->type = p2pdma_query_type(verdict.type);
	query->distance = verdict.distance;
	query->reason = verdict.reason;
	query->result = p2pdma_query_memory(provider);
	p2pdma_query_at(query, provider, verdict.at);
}

static int p2pdma_query(struct pci_p2pdma_query *query)
{
	struct pci_dev *provider, *client;

	if (query->flags || query->reserved || query->provider.reserved ||
	    query->client.reserved)
		return -EINVAL;
	provider = p2pdma_query_find(&query->provider);
	if (!provider)
		return -ENODEV;
	client = p2pdma_query_find(&query->client);
	if (!client) {
		pci_dev_put(provider);
		return -ENXIO;
	}
	p2pdma_query_pair(query, provider, client);
	pci_dev_put(client);
	pci_dev_put(provider);
	return 0;
}

/* The size in the number is that of the caller's structure. */
static bool p2pdma_is_query(unsigned int cmd)
{
	const unsigned int size = _IOC_SIZEMASK << _IOC_SIZESHIFT;

	return (cmd & ~size) == (PCI_P2PDMA_IOC_QUERY & ~size);
}

static long p2pdma_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct pci_p2pdma_query query;
	size_t size = _IOC_SIZE(cmd);
	int error;

	if (!p2pdma_is_query(cmd))
		return -ENOTTY;
	if (size < sizeof(query))
		return -EINVAL;
	error = copy_struct_from_user(&query, sizeof(query), user, size);
	if (error)
		return error;
	error = p2pdma_query(&query);
	if (error)
		return error;
	return copy_to_user(user, &query, sizeof(query)) ? -EFAULT : 0;
}

static const struct file_operations p2pdma_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = p2pdma_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice p2pdma_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pci_p2pdma",
	.fops = &p2pdma_fops,
	.mode = 0444,
};

builtin_misc_device(p2pdma_misc);
