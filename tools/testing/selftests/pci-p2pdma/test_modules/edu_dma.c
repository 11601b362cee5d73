// SPDX-License-Identifier: GPL-2.0
/*
 * The DMA engine of QEMU's "edu" device, docs/specs/edu in QEMU's sources
 *
 * It moves bytes between an address on the bus and a buffer of its own, which
 * nobody else sees. So what goes from one place to another goes through the
 * buffer, in pieces: of at most half its size, as QEMU 7.2 takes the last byte
 * of a whole one for out of bounds. Each takes QEMU 100 ms.
 */

#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>

#include "edu_dma.h"

#define EDU_IRQ_STATUS		0x24
#define EDU_IRQ_ACK		0x64
#define EDU_DMA_FROM		0x80
#define EDU_DMA_TO		0x88
#define EDU_DMA_COUNT		0x90
#define EDU_DMA_COMMAND		0x98
#define EDU_DMA_START		BIT(0)
#define EDU_DMA_TO_BUS		BIT(1)
#define EDU_DMA_IRQ		BIT(2)

#define EDU_BUFFER		0x40000		/* as its engine addresses it */
#define EDU_PIECE		2048

struct edu {
	struct list_head node;
	struct pci_dev *pdev;
	void __iomem *regs;
	struct mutex lock;		/* held while the engine is busy */
	struct completion done;
};

static LIST_HEAD(edus);
static DEFINE_MUTEX(edus_lock);		/* protects edus */

struct edu *edu_find(const char *address)
{
	struct edu *edu, *found = NULL;

	mutex_lock(&edus_lock);
	list_for_each_entry(edu, &edus, node)
		if (!strcmp(pci_name(edu->pdev), address))
			found = edu;
	mutex_unlock(&edus_lock);
	return found;
}

struct device *edu_device(struct edu *edu)
{
	return &edu->pdev->dev;
}

static void edu_move(struct edu *edu, u64 to, u64 from, size_t len, u64 command)
{
	lockdep_assert_held(&edu->lock);
	writeq(from, edu->regs + EDU_DMA_FROM);
	writeq(to, edu->regs + EDU_DMA_TO);
	writeq(len, edu->regs + EDU_DMA_COUNT);
	writeq(command | EDU_DMA_START | EDU_DMA_IRQ,
	       edu->regs + EDU_DMA_COMMAND);
	/* Whoever stopped waiting would free memory that is still written. */
	wait_for_completion(&edu->done);
}

/* A place in a mapped scatterlist */
struct cursor {
	struct scatterlist *sg;
	size_t done;			/* bytes of @sg */
};

static u64 cursor_address(const struct cursor *cursor)
{
	return sg_dma_address(cursor->sg) + cursor->done;
}

static size_t cursor_left(const struct cursor *cursor)
{
	return sg_dma_len(cursor->sg) - cursor->done;
}

static void cursor_advance(struct cursor *cursor, size_t len)
{
	cursor->done += len;
	if (cursor_left(cursor))
		return;
	cursor->sg = sg_next(cursor->sg);
	cursor->done = 0;
}

void edu_copy(struct edu *edu, struct scatterlist *to,
	      struct scatterlist *from, size_t len)
{
	struct cursor out = { .sg = to }, in = { .sg = from };
	size_t piece;

	mutex_lock(&edu->lock);
	for (; len; len -= piece) {
		piece = min_t(size_t, len, EDU_PIECE);
		piece = min3(piece, cursor_left(&out), cursor_left(&in));
		edu_move(edu, EDU_BUFFER, cursor_address(&in), piece, 0);
		edu_move(edu, cursor_address(&out), EDU_BUFFER, piece,
			 EDU_DMA_TO_BUS);
		cursor_advance(&in, piece);
		cursor_advance(&out, piece);
	}
	mutex_unlock(&edu->lock);
}

static irqreturn_t edu_interrupt(int irq, void *data)
{
	struct edu *edu = data;
	u32 status = readl(edu->regs + EDU_IRQ_STATUS);

	if (!status)
		return IRQ_NONE;
	writel(status, edu->regs + EDU_IRQ_ACK);
	complete(&edu->done);
	return IRQ_HANDLED;
}

static int edu_start(struct edu *edu)
{
	struct pci_dev *pdev = edu->pdev;
	int ret;

	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	ret = request_irq(pci_irq_vector(pdev, 0), edu_interrupt, 0,
			  pci_name(pdev), edu);
	if (ret)
		pci_free_irq_vectors(pdev);
	return ret;
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct edu *edu;
	int ret;

	edu = devm_kzalloc(&pdev->dev, sizeof(*edu), GFP_KERNEL);
	if (!edu)
		return -ENOMEM;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	edu->regs = pcim_iomap(pdev, 0, 0);
	if (!edu->regs)
		return -ENOMEM;

	edu->pdev = pdev;
	mutex_init(&edu->lock);
	init_completion(&edu->done);
	pci_set_master(pdev);
	pci_set_drvdata(pdev, edu);
	ret = edu_start(edu);
	if (ret)
		return ret;

	mutex_lock(&edus_lock);
	list_add(&edu->node, &edus);
	mutex_unlock(&edus_lock);
	return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	struct edu *edu = pci_get_drvdata(pdev);

	mutex_lock(&edus_lock);
	list_del(&edu->node);
	mutex_unlock(&edus_lock);
	free_irq(pci_irq_vector(pdev, 0), edu);
	pci_free_irq_vectors(pdev);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};

/* Not to be unbound by users: who found an edu keeps it. */
static struct pci_driver edu_driver = {
	.name = "edu",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
	.driver.suppress_bind_attrs = true,
};

int edu_init(void)
{
	return pci_register_driver(&edu_driver);
}

void edu_exit(void)
{
	pci_unregister_driver(&edu_driver);
}
