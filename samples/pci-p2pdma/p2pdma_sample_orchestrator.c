// SPDX-License-Identifier: GPL-2.0
/*
 * Sample of PCI peer-to-peer DMA: an orchestrator
 *	Documentation/driver-api/pci/p2pdma.rst
 *
 * Copies from one client's store to another's, through the memory of whichever
 * provider both of them reach. The clients are named when it is loaded:
 *
 *   insmod p2pdma_sample_orchestrator.ko from=0000:04:00.0 to=0000:05:00.0
 *   echo 2048 > /sys/kernel/debug/p2pdma_sample_orchestrator/copy
 *
 * The law: peer-to-peer memory makes it faster, and is never needed. There may
 * be no provider, or none in reach; its memory may be used up; its driver may
 * be unbound, or ACS be turned on, from one copy to the next. What went wrong
 * does not matter: host memory does it too.
 *
 * Memory is held for one copy only. So the provider's driver can be unbound at
 * any time: it waits for the end of the copy.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>

#include "p2pdma_sample.h"

static char *from;
module_param(from, charp, 0444);
MODULE_PARM_DESC(from, "PCI address of the client to copy from");

static char *to;
module_param(to, charp, 0444);
MODULE_PARM_DESC(to, "PCI address of the client to copy to");

static struct device *source, *target;	/* each with a reference */
static struct dentry *dir;

static DEFINE_MUTEX(lock);	/* serialises calls on clients; and provider */
static LIST_HEAD(clients);
static struct pci_dev *provider;	/* with a reference; NULL if unknown */

/* The buffer: a provider's memory, or without one the host's */

static int buffer_alloc(struct sg_table *buffer, u32 size)
{
	int error = 0;

	if (provider)
		error = pci_p2pmem_alloc_sgl(provider, &buffer->sgl,
					     &buffer->nents, size);
	else
		buffer->sgl = sgl_alloc(size, GFP_KERNEL, &buffer->nents);
	buffer->orig_nents = buffer->nents;
	return buffer->sgl ? 0 : error ?: -ENOMEM;
}

static void buffer_free(struct sg_table *buffer)
{
	if (provider)
		pci_p2pmem_free_sgl(provider, buffer->sgl, buffer->orig_nents);
	else
		sgl_free(buffer->sgl);
}

/* Copying */

static int copy_through_buffer(u32 size)
{
	struct sg_table buffer;
	int error;

	error = buffer_alloc(&buffer, size);
	if (error)
		return error;
	/*
	 * "From" the device: it writes to the buffer. Its data is there when
	 * this engine says so; see "Order" in the documentation for others.
	 */
	error = p2pdma_sample_transfer(source, &buffer, DMA_FROM_DEVICE);
	if (!error)
		error = p2pdma_sample_transfer(target, &buffer, DMA_TO_DEVICE);
	buffer_free(&buffer);
	return error;
}

static void forget_provider(void)
{
	pci_dev_put(provider);
	provider = NULL;
}

/* Returns false if it takes host memory. */
static bool copy_peer_to_peer(u32 size)
{
	int error;

	/* Not for each copy: the answer is good until something goes wrong. */
	if (!provider)
		provider = pci_p2pmem_find(&clients);
	if (!provider)
		return false;
	error = copy_through_buffer(size);
	if (!error) {
		pr_info("%u bytes through memory of %s\n", size,
			pci_name(provider));
		return true;
	}
	pr_info("not through memory of %s: error %d\n", pci_name(provider),
		error);
	forget_provider();
	return false;
}

static int copy_through_host(u32 size)
{
	int error = copy_through_buffer(size);

	if (!error)
		pr_info("%u bytes through host memory\n", size);
	return error;
}

static int copy_set(void *data, u64 size)
{
	int error = 0;

	if (!size || size > P2PDMA_SAMPLE_STORE)
		return -EINVAL;
	mutex_lock(&lock);
	if (!copy_peer_to_peer(size))
		error = copy_through_host(size);
	mutex_unlock(&lock);
	return error;
}
DEFINE_DEBUGFS_ATTRIBUTE(copy_fops, NULL, copy_set, "%llu\n");

/* The clients */

static struct device *client_get(const char *name)
{
	struct device *dev;

	dev = name ? bus_find_device_by_name(&pci_bus_type, NULL, name) : NULL;
	if (!dev)
		pr_err("there is no PCI device \"%s\"\n", name ?: "");
	return dev;
}

static void clients_put(void)
{
	forget_provider();
	pci_p2pdma_client_list_free(&clients);
	put_device(target);
	put_device(source);
}

static int clients_get(void)
{
	int error = -ENODEV;

	source = client_get(from);
	target = client_get(to);
	if (source && target)
		error = pci_p2pdma_add_client(&clients, source);
	if (!error)
		error = pci_p2pdma_add_client(&clients, target);
	if (error)
		clients_put();
	return error;
}

static int __init orchestrator_init(void)
{
	int error = clients_get();

	if (error)
		return error;
	dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file_unsafe("copy", 0200, dir, NULL, &copy_fops);
	return 0;
}

static void __exit orchestrator_exit(void)
{
	/* Waits for a copy that goes on. */
	debugfs_remove(dir);
	clients_put();
}

module_init(orchestrator_init);
module_exit(orchestrator_exit);

MODULE_DESCRIPTION("Sample of PCI peer-to-peer DMA: an orchestrator");
MODULE_LICENSE("GPL");
