// SPDX-License-Identifier: GPL-2.0
/*
 * Peer-to-peer memory in requests to block devices that are made of others
 *
 * A bio with peer-to-peer memory has REQ_P2PDMA. A disk that is made of others
 * (md, device mapper, a multipath head) takes it if its members have
 * BLK_FEAT_PCI_P2PDMA. That says no more than that their drivers could use such
 * memory. So for each bio all members are asked whether they reach its memory,
 * before the first one gets a part of it: a mirror must not have the data on one
 * leg only, nor take a refusal for a broken drive.
 *
 * The driver of such a disk knows its members: p2pdma_members(). For a disk
 * without this operation, the PCI function above it maps the memory.
 *
 * No answer is kept. An answer is right until the machine is configured otherwise.
 */

#include <linux/bio.h>
#include <linux/blk-p2pdma.h>
#include <linux/blkdev.h>
#include <linux/export.h>
#include <linux/memremap.h>
#include <linux/pci-p2pdma.h>

/**
 * struct blk_p2pdma_question - what a disk is asked about memory
 * @page: the memory, or NULL for all such memory in @bio
 * @bio: a bio with REQ_P2PDMA
 * @dir: of the DMA
 * @verbose: log why not
 * @dev: the device that is asked just now
 */
struct blk_p2pdma_question {
	const struct page *page;
	struct bio *bio;
	enum dma_data_direction dir;
	bool verbose;
	struct device *dev;
};

/*
 * Whether @test is true of all peer-to-peer memory of a bio: asked of one page of
 * each pagemap. A bio may have memory of the host and of several providers.
 */
static bool bio_all_p2pdma(struct bio *bio,
			   bool (*test)(const struct page *page,
					const struct blk_p2pdma_question *q),
			   const struct blk_p2pdma_question *q)
{
	struct dev_pagemap *pgmap = NULL;
	struct bvec_iter iter;
	struct bio_vec bv;

	bio_for_each_bvec(bv, bio, iter) {
		if (!is_pci_p2pdma_page(bv.bv_page) ||
		    bv.bv_page->pgmap == pgmap)
			continue;
		pgmap = bv.bv_page->pgmap;
		if (!test(bv.bv_page, q))
			return false;
	}
	return true;
}

static bool page_can_p2pdma(const struct page *page,
			    const struct blk_p2pdma_question *q)
{
	return pci_p2pdma_can_map(q->dev, page, q->dir, q->verbose);
}

static bool page_is_intact(const struct page *page,
			   const struct blk_p2pdma_question *q)
{
	return pci_p2pmem_is_intact(page);
}

/* Recurses as deep as disks are stacked */
static bool disk_can_p2pdma(struct gendisk *disk, void *data)
{
	struct blk_p2pdma_question *q = data;

	if (!blk_queue_pci_p2pdma(disk->queue))
		return false;
	if (disk->fops->p2pdma_members) {
		struct blk_p2pdma_question quiet = *q;

		/* What one path refuses isn't logged if another one takes it. */
		quiet.verbose = false;
		if (q->verbose && disk->fops->p2pdma_members(disk,
							     disk_can_p2pdma,
							     &quiet))
			return true;
		return disk->fops->p2pdma_members(disk, disk_can_p2pdma, q);
	}
	q->dev = disk_to_dev(disk);
	if (q->bio)
		return bio_all_p2pdma(q->bio, page_can_p2pdma, q);
	return page_can_p2pdma(q->page, q);
}

/**
 * bdev_can_p2pdma() - Tell whether a block device takes a page
 * @bdev: a block device, also one that is made of others
 * @page: peer-to-peer memory
 * @dir: DMA_FROM_DEVICE to read into it
 *
 * Context: Process context. The caller keeps @page allocated and @bdev open.
 * Return: true if a request with it would not be refused.
 */
bool bdev_can_p2pdma(struct block_device *bdev,
		     const struct page *page, enum dma_data_direction dir)
{
	struct blk_p2pdma_question q = { .page = page, .dir = dir };

	return disk_can_p2pdma(bdev->bd_disk, &q);
}
EXPORT_SYMBOL_GPL(bdev_can_p2pdma);

static bool bio_can_p2pdma(struct gendisk *disk, struct bio *bio, bool verbose)
{
	struct blk_p2pdma_question q = {
		.bio = bio,
		.dir = op_is_write(bio_op(bio)) ? DMA_TO_DEVICE : DMA_FROM_DEVICE,
		.verbose = verbose,
	};

	return disk_can_p2pdma(disk, &q);
}

/**
 * disk_can_p2pdma_bio() - Tell whether a disk takes the memory of a bio
 * @disk: the disk; need not be the one that @bio was submitted to
 * @bio: with REQ_P2PDMA
 *
 * For a driver that chooses a disk for each bio.
 *
 * Context: Process context.
 * Return: true if @disk would not refuse it for its memory.
 */
bool disk_can_p2pdma_bio(struct gendisk *disk, struct bio *bio)
{
	return bio_can_p2pdma(disk, bio, false);
}
EXPORT_SYMBOL_GPL(disk_can_p2pdma_bio);

/**
 * bio_end_p2pdma_refused() - End a bio, since its memory isn't reached
 * @bio: with REQ_P2PDMA, as it was submitted to a disk that is made of others
 *
 * Logs, rate-limited, which devices don't reach it, and why. Members are asked
 * once more for that: if one path of several doesn't, it is logged only if none
 * of the others does.
 *
 * Context: Process context.
 */
void bio_end_p2pdma_refused(struct bio *bio)
{
	struct gendisk *disk = bio->bi_bdev->bd_disk;

	bio_can_p2pdma(disk, bio, true);
	pr_info_ratelimited("%s: request with peer-to-peer memory refused\n",
			    disk->disk_name);
	bio->bi_status = BLK_STS_TARGET;
	bio_endio(bio);
}
EXPORT_SYMBOL_GPL(bio_end_p2pdma_refused);

/**
 * bio_refuse_p2pdma() - End a bio if its peer-to-peer memory isn't reached
 * @bio: with REQ_P2PDMA, as it was submitted to a disk that is made of others
 *
 * Called by the disk's driver, before any of the others has got a part of @bio,
 * and while none is added.
 *
 * Context: Process context.
 * Return: true if @bio has ended, with BLK_STS_TARGET (-EREMOTEIO).
 */
bool bio_refuse_p2pdma(struct bio *bio)
{
	if (disk_can_p2pdma_bio(bio->bi_bdev->bd_disk, bio))
		return false;
	bio_end_p2pdma_refused(bio);
	return true;
}
EXPORT_SYMBOL_GPL(bio_refuse_p2pdma);

/**
 * bio_p2pdma_is_intact() - Tell whether the memory of a bio can be copied from
 * @bio: with REQ_P2PDMA
 *
 * Asked after the processor has read from it: a device that has failed, or was
 * turned off, doesn't answer with what was written.
 *
 * Context: Process context.
 * Return: true if all that was read is what the memory holds.
 */
bool bio_p2pdma_is_intact(struct bio *bio)
{
	return bio_all_p2pdma(bio, page_is_intact, NULL);
}
EXPORT_SYMBOL_GPL(bio_p2pdma_is_intact);

struct blk_p2pdma_members {
	void (*fn)(struct device *member, void *data);
	void *data;
};

/* A disk whose driver doesn't know such memory is passed as NULL. */
static bool disk_is_member(struct gendisk *disk, void *data)
{
	struct blk_p2pdma_members *all = data;

	if (!blk_queue_pci_p2pdma(disk->queue))
		all->fn(NULL, all->data);
	else if (disk->fops->p2pdma_members)
		disk->fops->p2pdma_members(disk, disk_is_member, all);
	else
		all->fn(disk_to_dev(disk), all->data);
	return true;
}

static void bdev_members(struct device *group,
			 void (*fn)(struct device *member, void *data),
			 void *data)
{
	struct blk_p2pdma_members all = { .fn = fn, .data = data };

	disk_is_member(dev_to_disk(group), &all);
}

/**
 * bdev_add_p2pdma_clients() - Add what does a block device's DMA to a list
 * @bdev: a block device, also one that is made of others
 * @clients: list of clients; the caller serialises all calls on it
 *
 * One entry for all PCI functions below @bdev, those of all paths included. It
 * follows when members come and go, see pci_p2pdma_add_group(), and is removed
 * by pci_p2pdma_remove_client() of the disk's device.
 *
 * Context: Process context; may sleep. @bdev stays open while it is in the list.
 * Return: 0; -EXDEV if the list is bound to a provider that isn't reached from
 * all of them, which is logged; -ENOMEM.
 */
int bdev_add_p2pdma_clients(struct block_device *bdev,
			    struct list_head *clients)
{
	return pci_p2pdma_add_group(clients, disk_to_dev(bdev->bd_disk),
				    bdev_members);
}
EXPORT_SYMBOL_GPL(bdev_add_p2pdma_clients);
