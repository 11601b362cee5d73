/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _P2PDMA_SAMPLE_H
#define _P2PDMA_SAMPLE_H

#include <linux/dma-direction.h>
#include <linux/sizes.h>

struct device;
struct sg_table;

/* Bytes of a client's own store. It has more, but no one DMA may cover it. */
#define P2PDMA_SAMPLE_STORE SZ_2K

int p2pdma_sample_transfer(struct device *dev, struct sg_table *table,
			   enum dma_data_direction dir);

#endif /* _P2PDMA_SAMPLE_H */
