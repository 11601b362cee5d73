// SPDX-License-Identifier: GPL-2.0
/*
 * Sample of PCI peer-to-peer DMA: a client
 *	Documentation/driver-api/pci/p2pdma.rst
 *
 * Drives QEMU's "edu" device: a DMA engine between the machine's memory and a
 * store of its own, as if it were a very small disk. Users find that in sysfs
 * as "store"; kernel code calls p2pdma_sample_transfer().
 *
 * What makes it a client is that it maps what it is given with the DMA API,
 * for the device that does the DMA, and uses nothing but the addresses that
 * come out. The same code serves host memory and peer-to-peer memory.
 */

#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/sysfs.h>

#include "p2pdma_sample.h"

#define EDU_IRQ_STATUS	0x24
#define EDU_IRQ_ACK	0x64
#define EDU_DMA_SOURCE	0x80
#define EDU_DMA_TARGET	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_COMMAND	0x98
#define   EDU_DMA_RUN		BIT(0)
#define   EDU_DMA_TO_PCI	BIT(1)
#define   EDU_DMA_IRQ		BIT(2)
/* The store, in the engine's addresses; the processor doesn't see it */
#define EDU_STORE	0x40000

/* What the device ignores of an address, it doesn't tell. */
static unsigned int dma_bits = 28;
module_param(dma_bits, uint, 0444);
MODULE_PARM_DESC(dma_bits, "bits of address that the device has, as QEMU's option dma_mask says (28)");

/**
 * struct edu - a device
 * @pdev: its PCI function
 * @regs: BAR 0
 * @lock: one transfer at a time
 * @done: the DMA is done
 */
struct edu {
	struct pci_dev *pdev;
	void __iomem *regs;
	struct mutex lock;		/* see above */
	struct completion done;
};

static irqreturn_t edu_irq(int irq, void *data)
{
	struct edu *edu = data;
	u32 status = readl(edu->regs + EDU_IRQ_STATUS);

	if (!status)
		return IRQ_NONE;
	writel(status, edu->regs + EDU_IRQ_ACK);
	complete(&edu->done);
	return IRQ_HANDLED;
}

/* One DMA between the store and the device that answers at @addr */
static int edu_dma(struct edu *edu, u32 store, dma_addr_t addr, u32 len,
		   enum dma_data_direction dir)
{
	bool from = dir == DMA_FROM_DEVICE;

	reinit_completion(&edu->done);
	writeq(from ? store : addr, edu->regs + EDU_DMA_SOURCE);
	writeq(from ? addr : store, edu->regs + EDU_DMA_TARGET);
	writeq(len, edu->regs + EDU_DMA_COUNT);
	writeq(EDU_DMA_RUN | EDU_DMA_IRQ | (from ? EDU_DMA_TO_PCI : 0),
	       edu->regs + EDU_DMA_COMMAND);
	if (wait_for_completion_timeout(&edu->done, 10 * HZ))
		return 0;

	/* The memory is about to be freed: nothing may be written there later. */
	pci_clear_master(edu->pdev);
	pci_err(edu->pdev, "DMA isn't done after 10 seconds\n");
	return -ETIMEDOUT;
}

static int edu_dma_mapped(struct edu *edu, u32 pos, struct sg_table *table,
			  enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i, error;

	/* The DMA addresses: there may be fewer of them than there are pages. */
	for_each_sgtable_dma_sg(table, sg, i) {
		error = edu_dma(edu, EDU_STORE + pos, sg_dma_address(sg),
				sg_dma_len(sg), dir);
		if (error)
			return error;
		pos += sg_dma_len(sg);
	}
	return 0;
}

static int edu_transfer(struct edu *edu, u32 pos, struct sg_table *table,
			enum dma_data_direction dir)
{
	int error;

	/* -EREMOTEIO: it is peer-to-peer memory that can't be reached. */
	error = dma_map_sgtable(&edu->pdev->dev, table, dir, 0);
	if (error)
		return error;
	mutex_lock(&edu->lock);
	error = edu_dma_mapped(edu, pos, table, dir);
	mutex_unlock(&edu->lock);
	dma_unmap_sgtable(&edu->pdev->dev, table, dir, 0);
	return error;
}

/* For users */

static ssize_t edu_transfer_buffer(struct kobject *kobj, u32 pos, void *buf,
				   size_t len, enum dma_data_direction dir)
{
	struct edu *edu = dev_get_drvdata(kobj_to_dev(kobj));
	struct scatterlist sg;
	struct sg_table table = { .sgl = &sg, .nents = 1, .orig_nents = 1 };
	int error;

	sg_init_one(&sg, buf, len);
	error = edu_transfer(edu, pos, &table, dir);
	return error ?: len;
}

static ssize_t store_read(struct file *file, struct kobject *kobj,
			  struct bin_attribute *attr, char *buf, loff_t pos,
			  size_t len)
{
	return edu_transfer_buffer(kobj, pos, buf, len, DMA_FROM_DEVICE);
}

static ssize_t store_write(struct file *file, struct kobject *kobj,
			   struct bin_attribute *attr, char *buf, loff_t pos,
			   size_t len)
{
	return edu_transfer_buffer(kobj, pos, buf, len, DMA_TO_DEVICE);
}
static BIN_ATTR_ADMIN_RW(store, P2PDMA_SAMPLE_STORE);

static struct bin_attribute *edu_attrs[] = {
	&bin_attr_store,
	NULL,
};

static const struct attribute_group edu_group = {
	.bin_attrs = edu_attrs,
};

static const struct attribute_group *edu_groups[] = {
	&edu_group,
	NULL,
};

/* The driver */

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct edu *edu;
	int error;

	edu = devm_kzalloc(&pdev->dev, sizeof(*edu), GFP_KERNEL);
	if (!edu)
		return -ENOMEM;
	edu->pdev = pdev;
	mutex_init(&edu->lock);
	init_completion(&edu->done);

	error = pcim_enable_device(pdev);
	if (error)
		return error;
	error = pcim_iomap_regions(pdev, BIT(0), KBUILD_MODNAME);
	if (error)
		return error;
	edu->regs = pcim_iomap_table(pdev)[0];

	/*
	 * A provider whose bus addresses don't fit is refused, so this must be
	 * right, and come before anybody asks.
	 */
	error = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(dma_bits));
	if (error)
		return error;
	pci_set_master(pdev);

	error = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (error < 0)
		return error;
	error = devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0), edu_irq,
				 IRQF_SHARED, KBUILD_MODNAME, edu);
	if (error)
		return error;
	pci_set_drvdata(pdev, edu);
	return 0;
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = KBUILD_MODNAME,
	.id_table = edu_ids,
	.probe = edu_probe,
	.dev_groups = edu_groups,
};
module_pci_driver(edu_driver);

/* For the kernel */

/**
 * p2pdma_sample_transfer - transfer between a device's store and memory
 * @dev: any device
 * @table: memory of any kind; all of it, at most the size of the store
 * @dir: DMA_FROM_DEVICE or DMA_TO_DEVICE
 *
 * Context: Process context; sleeps.
 * Return: 0; -ENODEV if @dev is not a device of this driver; -EREMOTEIO if
 * @table is peer-to-peer memory that it can't reach; -ETIMEDOUT; other errnos
 * of dma_map_sgtable().
 */
int p2pdma_sample_transfer(struct device *dev, struct sg_table *table,
			   enum dma_data_direction dir)
{
	int error = -ENODEV;

	/* The driver isn't unbound meanwhile. */
	device_lock(dev);
	if (dev->driver == &edu_driver.driver)
		error = edu_transfer(dev_get_drvdata(dev), 0, table, dir);
	device_unlock(dev);
	return error;
}
EXPORT_SYMBOL_GPL(p2pdma_sample_transfer);

MODULE_DESCRIPTION("Sample of PCI peer-to-peer DMA: a client");
MODULE_LICENSE("GPL");
