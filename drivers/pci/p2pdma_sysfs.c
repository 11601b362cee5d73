// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: p2pmem/ of a provider in sysfs
 *	Documentation/ABI/testing/sysfs-bus-pci
 *
 * Read-only values; what is for mmap() is in p2pdma_mmap.c. Removing the files
 * waits for their readers and for mmap() calls in progress.
 */

#include <linux/genalloc.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/sysfs.h>

#include "p2pdma.h"

/* A device whose provider is just coming has nothing of anything yet. */
static ssize_t show(struct device *dev, char *buf,
		    u64 (*value)(struct pci_p2pdma *p2pdma))
{
	struct pci_p2pdma *p2pdma = p2pdma_of_file(to_pci_dev(dev));

	return sysfs_emit(buf, "%llu\n", p2pdma ? value(p2pdma) : 0);
}

static u64 size(struct pci_p2pdma *p2pdma)
{
	return gen_pool_size(p2pdma->pool);
}

static ssize_t size_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return show(dev, buf, size);
}
static DEVICE_ATTR_RO(size);

static u64 available(struct pci_p2pdma *p2pdma)
{
	return p2pdma_pool_available(p2pdma);
}

static ssize_t available_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	return show(dev, buf, available);
}
static DEVICE_ATTR_RO(available);

static u64 available_largest(struct pci_p2pdma *p2pdma)
{
	return (u64)p2pdma_pool_largest(p2pdma) << PAGE_SHIFT;
}

static ssize_t available_largest_show(struct device *dev,
				      struct device_attribute *attr, char *buf)
{
	return show(dev, buf, available_largest);
}
static DEVICE_ATTR_RO(available_largest);

static u64 available_pieces(struct pci_p2pdma *p2pdma)
{
	return p2pdma_pool_pieces(p2pdma);
}

static ssize_t available_pieces_show(struct device *dev,
				     struct device_attribute *attr, char *buf)
{
	return show(dev, buf, available_pieces);
}
static DEVICE_ATTR_RO(available_pieces);

static u64 published(struct pci_p2pdma *p2pdma)
{
	return pci_has_p2pmem(p2pdma->pdev);
}

static ssize_t published_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	return show(dev, buf, published);
}
static DEVICE_ATTR_RO(published);

static struct attribute *p2pmem_attrs[] = {
	&dev_attr_size.attr,
	&dev_attr_available.attr,
	&dev_attr_available_largest.attr,
	&dev_attr_available_pieces.attr,
	&dev_attr_published.attr,
	NULL,
};

static const struct attribute_group p2pmem_group = {
	.name = "p2pmem",
	.attrs = p2pmem_attrs,
	.bin_attrs = p2pdma_mmap_attrs,
};

int p2pdma_sysfs_create(struct pci_dev *pdev)
{
	return sysfs_create_group(&pdev->dev.kobj, &p2pmem_group);
}

void p2pdma_sysfs_remove(struct pci_dev *pdev)
{
	sysfs_remove_group(&pdev->dev.kobj, &p2pmem_group);
}
