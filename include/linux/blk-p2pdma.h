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
bool bio_refuse_p2pdma(struct bio *bio);
bool bio_p2pdma_is_intact(struct bio *bio);

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

static inline bool bio_refuse_p2pdma(struct bio *bio)
{
	return false;
}

static inline bool bio_p2pdma_is_intact(struct bio *bio)
{
	return true;
}

#endif /* CONFIG_PCI_P2PDMA */

/**
 * bio_is_p2pdma_refused() - Tell whether a bio was refused for its memory
 * @bio: a bio that has ended
 *
 * For drivers that count errors of a member: this is none. Drives also end bios
 * with this status that are beyond their end, and some that they can't do now.
 *
 * Context: Any context.
 * Return: true if @bio has peer-to-peer memory, and ended as if it weren't reached.
 */
static inline bool bio_is_p2pdma_refused(struct bio *bio)
{
	return bio->bi_status == BLK_STS_TARGET && (bio->bi_opf & REQ_P2PDMA);
}

#endif /* _LINUX_BLK_P2PDMA_H */
