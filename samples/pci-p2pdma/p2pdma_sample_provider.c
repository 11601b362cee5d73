// SPDX-License-Identifier: GPL-2.0
/*
 * Sample of PCI peer-to-peer DMA: a provider
 *	Documentation/driver-api/pci/p2pdma.rst
 *
 * Offers BAR 2 of QEMU's ivshmem device, which is plain memory. There is no
 * remove function: all is undone with the driver's devres, which waits for the
 * users of the memory.
 */

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

#define MEMORY_BAR 2

static int provider_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int error;

	error = pcim_enable_device(pdev);
	if (error)
		return error;

	/* All of the BAR. Nobody else is told of it yet ... */
	error = pci_p2pdma_add_resource(pdev, MEMORY_BAR, 0, 0);
	if (error)
		return error;

	/* ... so here the memory could be made ready for use. */
	pci_p2pmem_publish(pdev, true);
	return 0;
}

static const struct pci_device_id provider_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110) },
	{}
};
MODULE_DEVICE_TABLE(pci, provider_ids);

static struct pci_driver provider_driver = {
	.name = KBUILD_MODNAME,
	.id_table = provider_ids,
	.probe = provider_probe,
};
module_pci_driver(provider_driver);

MODULE_DESCRIPTION("Sample of PCI peer-to-peer DMA: a provider");
MODULE_LICENSE("GPL");
