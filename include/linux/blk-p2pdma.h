/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Peer-to-peer memory in requests to block devices that are made of others
 *
 * See block/blk-p2pdma.c.
 */
#ifndef _LINUX_BLK_P2PDMA_H
#define _LINUX_BLK_P2PDMA_H

#include <linux/blk_types.h>
#include <linux/dma-direction.h>

struct gendisk;
struct list_head;
struct page;

#ifdef CONFIG_PCI_P2PDMA

bool bdev_can_p2pdma(struct block_device *bdev,
		     const struct page *page, enum dma_data_direction dir);
int bdev_add_p2pdma_clients(struct block_device *bdev,
			    struct list_head *clients);
bool disk_can_p2pdma_bio(struct gendisk *disk, struct bio *bio);
void bio_end_p2pdma_refused(struct bio *bio);
bool __bio_refuse_p2pdma(struct bio *bio);

#else /* CONFIG_PCI_P2PDMA */

static inline bool
bdev_can_p2pdma(struct block_device *bdev,
		const struct page *page, enum dma_data_direction dir)
{
	return false;
}

static inline int bdev_add_p2pdma_clients(struct block_device *bdev,
					  struct list_head *clients)
{
	return -EOPNOTSUPP;
}

static inline bool disk_can_p2pdma_bio(struct gendisk *disk, struct bio *bio)
{
	return false;
}

static inline void bio_end_p2pdma_refused(struct bio *bio)
{
}

static inline bool __bio_refuse_p2pdma(struct bio *bio)
{
	return false;
}

#endif /* CONFIG_PCI_P2PDMA */

/**
 * bio_refuse_p2pdma() - End a bio whose peer-to-peer memory isn't reached
 * @bio: as it was submitted to a disk that is made of others
 *
 * Called by the disk's driver, before any of the others has got a part of it, and
 * while none is added.
 *
 * Context: Process context.
 * Return: true if @bio has ended, with BLK_STS_TARGET (-EREMOTEIO).
 */
static inline bool bio_refuse_p2pdma(struct bio *bio)
{
	return unlikely(bio->bi_opf & REQ_P2PDMA) && __bio_refuse_p2pdma(bio);
}

#endif /* _LINUX_BLK_P2PDMA_H */
