// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: the question of a user
 *
 * /dev/pci_p2pdma answers for any two functions what drivers are answered, by
 * the same engine. It needs no privilege: it tells what a driver would log,
 * changes nothing, and keeps no state for its caller.
 */

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/rwsem.h>
#include <linux/uaccess.h>
#include <uapi/linux/pci-p2pdma.h>

#include "pci.h"
#include "p2pdma.h"

static const u8 type_numbers[] = {
	[PCI_P2PDMA_MAP_NOT_SUPPORTED]	   = PCI_P2PDMA_TYPE_NOT_SUPPORTED,
	[PCI_P2PDMA_MAP_BUS_ADDR]	   = PCI_P2PDMA_TYPE_BUS_ADDR,
	[PCI_P2PDMA_MAP_THRU_HOST_BRIDGE]  = PCI_P2PDMA_TYPE_THRU_HOST,
};

static const u8 reason_numbers[] = {
	[P2PDMA_SAME_FUNCTION]	   = PCI_P2PDMA_REASON_SAME_FUNCTION,
	[P2PDMA_COMMON_BRIDGE]	   = PCI_P2PDMA_REASON_COMMON_BRIDGE,
	[P2PDMA_MULTI_FUNCTION]	   = PCI_P2PDMA_REASON_MULTI_FUNCTION,
	[P2PDMA_CONVENTIONAL]	   = PCI_P2PDMA_REASON_CONVENTIONAL,
	[P2PDMA_UNTRUSTED]	   = PCI_P2PDMA_REASON_UNTRUSTED,
	[P2PDMA_NO_INTERNAL_ROUTE] = PCI_P2PDMA_REASON_NO_INTERNAL_ROUTE,
	[P2PDMA_ACS_REQUEST]	   = PCI_P2PDMA_REASON_ACS_REQUEST,
	[P2PDMA_ACS_COMPLETION]	   = PCI_P2PDMA_REASON_ACS_COMPLETION,
	[P2PDMA_ACS_UNREADABLE]	   = PCI_P2PDMA_REASON_ACS_UNREADABLE,
	[P2PDMA_NO_COMMON_BRIDGE]  = PCI_P2PDMA_REASON_NO_COMMON_BRIDGE,
	[P2PDMA_WRITES_ONLY]	   = PCI_P2PDMA_REASON_NO_COMMON_BRIDGE,
	[P2PDMA_DMA_MASK]	   = PCI_P2PDMA_REASON_DMA_MASK,
	[P2PDMA_BOUNCED]	   = PCI_P2PDMA_REASON_BOUNCED,
	[P2PDMA_REMOVED]	   = PCI_P2PDMA_REASON_REMOVED,
};

/* With a reference */
static struct pci_dev *find_function(const struct pci_p2pdma_address *address)
{
	if (address->domain > INT_MAX)
		return NULL;
	return pci_get_domain_bus_and_slot(address->domain, address->bus,
					   address->devfn);
}

static void fill_address(struct pci_p2pdma_address *address,
			 struct pci_dev *pdev)
{
	address->domain = pci_domain_nr(pdev->bus);
	address->bus = pdev->bus->number;
	address->devfn = pdev->devfn;
}

static void fill_verdict(struct pci_p2pdma_query *query,
			 const struct p2pdma_verdict *verdict)
{
	query->type = type_numbers[verdict->type];
	if (verdict->type != PCI_P2PDMA_MAP_NOT_SUPPORTED)
		query->distance = verdict->distance;
	query->reason = reason_numbers[verdict->reason];
	if (verdict->reason == P2PDMA_WRITES_ONLY)
		query->result |= PCI_P2PDMA_RESULT_WRITES_ONLY;
}

static u32 memory_bits(struct pci_dev *provider)
{
	u32 bits = 0;

	if (rcu_access_pointer(provider->p2pdma))
		bits |= PCI_P2PDMA_RESULT_HAS_MEMORY;
	if (pci_has_p2pmem(provider))
		bits |= PCI_P2PDMA_RESULT_PUBLISHED;
	return bits;
}

static void answer(struct pci_p2pdma_query *query, struct pci_dev *provider,
		   struct pci_dev *client)
{
	struct p2pdma_verdict verdict;

	query->result = memory_bits(provider);
	/* What is found by its address may be on its way out. */
	down_read(&pci_bus_sem);
	if (p2pdma_judge(provider, client, &verdict))
		query->result |= PCI_P2PDMA_RESULT_CACHED;
	fill_verdict(query, &verdict);
	/* Of what has been removed the host bridge may be gone, too. */
	if (verdict.reason == P2PDMA_REMOVED)
		query->at = verdict.at == client ? query->client :
						   query->provider;
	else
		fill_address(&query->at, verdict.at);
	up_read(&pci_bus_sem);
}

static int query_pair(struct pci_p2pdma_query *query)
{
	struct pci_dev *provider, *client;

	if (query->flags || query->reserved || query->provider.reserved ||
	    query->client.reserved)
		return -EINVAL;
	provider = find_function(&query->provider);
	if (!provider)
		return -ENODEV;
	client = find_function(&query->client);
	if (!client) {
		pci_dev_put(provider);
		return -ENXIO;
	}
	query->distance = 0;
	query->at = (struct pci_p2pdma_address){};
	answer(query, provider, client);
	pci_dev_put(client);
	pci_dev_put(provider);
	return 0;
}

static long p2pdma_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct pci_p2pdma_query query;
	int error;

	if (cmd != PCI_P2PDMA_IOC_QUERY)
		return -ENOTTY;
	if (copy_from_user(&query, user, sizeof(query)))
		return -EFAULT;
	error = query_pair(&query);
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
