/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _EDU_DMA_H
#define _EDU_DMA_H

#include <linux/types.h>

struct device;
struct edu;
struct scatterlist;

/* The edu device at a PCI address, or NULL; it stays until edu_exit(). */
struct edu *edu_find(const char *address);

/* The device that its scatterlists are to be mapped for */
struct device *edu_device(struct edu *edu);

/* Moves @len bytes between mapped scatterlists that hold as many; sleeps. */
void edu_copy(struct edu *edu, struct scatterlist *to,
	      struct scatterlist *from, size_t len);

int edu_init(void);
void edu_exit(void);

#endif /* _EDU_DMA_H */
