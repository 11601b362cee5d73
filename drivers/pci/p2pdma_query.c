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
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "p2pdma.h"

/*
 * Functions by address: pci_get_domain_bus_and_slot() walks over all devices,
 * and a machine of N functions has N * N pairs to ask for.
 *
 * Invariant: an entry is a function that the walk would find, too. It is made
 * after the function is in the bus type's list, and erased before the function
 * leaves it; meanwhile neither a domain nor a bus changes its number. Entries
 * may be missing (no memory, or a key that doesn't fit): then the walk decides.
 */
static DEFINE_XARRAY(p2pdma_query_index);

/* 32 bits have no room for domains from 0x10000 on: false */
static bool p2pdma_query_key(unsigned long domain, u8 bus, u8 devfn,
			     unsigned long *key)
{
	*key = domain << 16 | PCI_DEVID(bus, devfn);
	return domain <= ULONG_MAX >> 16;
}

/*
 * Another function may have taken the address of one that is removed: erase
 * only the function's own entry.
 */
static int p2pdma_query_notify(struct notifier_block *nb, unsigned long action,
			       void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	unsigned long key;

	if (action != BUS_NOTIFY_ADD_DEVICE && action != BUS_NOTIFY_DEL_DEVICE)
		return NOTIFY_DONE;
	if (!p2pdma_query_key(pci_domain_nr(pdev->bus), pdev->bus->number,
			      pdev->devfn, &key))
		return NOTIFY_DONE;
	if (action == BUS_NOTIFY_ADD_DEVICE)
		xa_store(&p2pdma_query_index, key, pdev, GFP_KERNEL);
	else
		xa_cmpxchg(&p2pdma_query_index, key, pdev, NULL, GFP_KERNEL);
	return NOTIFY_OK;
}

static struct notifier_block p2pdma_query_nb = {
	.notifier_call = p2pdma_query_notify,
};

/* After the PCI bus type is registered, before the first bus is scanned. */
static int __init p2pdma_query_init(void)
{
	return bus_register_notifier(&pci_bus_type, &p2pdma_query_nb);
}
postcore_initcall_sync(p2pdma_query_init);

/*
 * The PCI core holds a reference while it calls device_del(), which erases the
 * entry: as long as one is found under the lock, its function has a reference.
 *
 * Return: the function, with a reference, or NULL.
 */
static struct pci_dev *p2pdma_query_find(const struct pci_p2pdma_address *where)
{
	struct pci_dev *pdev = NULL;
	unsigned long key;

	if (where->domain > INT_MAX)
		return NULL;
	if (p2pdma_query_key(where->domain, where->bus, where->devfn, &key)) {
		xa_lock(&p2pdma_query_index);
		pdev = pci_dev_get(xa_load(&p2pdma_query_index, key));
		xa_unlock(&p2pdma_query_index);
	}
	return pdev ?: pci_get_domain_bus_and_slot(where->domain, where->bus,
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

	query->type = p2pdma_uapi_type(verdict.type);
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
