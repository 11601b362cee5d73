// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: mapping
 *
 * dma_map_sg() of the DMA core asks here what to do with a segment that is
 * peer-to-peer memory. The answer is kept in the caller's state for the
 * segments that follow and are of the same provider.
 */

#include <linux/dma-map-ops.h>
#include <linux/export.h>
#include <linux/memremap.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>

#include "p2pdma.h"

/* What nearly every mapping is; false is not an answer. */
static bool is_known_to_be_direct(struct pci_p2pdma *p2pdma,
				  struct pci_dev *client)
{
	struct p2pdma_route *route;
	bool direct;

	rcu_read_lock();
	route = p2pdma_find_route(p2pdma, client);
	direct = route && route->verdict.type == PCI_P2PDMA_MAP_BUS_ADDR &&
		 !IS_ENABLED(CONFIG_PCI_P2PDMA_AUDIT);
	rcu_read_unlock();
	return direct && p2pdma_bus_addresses_fit(p2pdma, client);
}

static __always_inline enum pci_p2pdma_map_type
map_alike(struct pci_p2pdma_map_state *state, struct scatterlist *sg)
{
	if (state->map != PCI_P2PDMA_MAP_BUS_ADDR)
		return state->map;

	/* sg_phys(), but never a call of it: this is done for each entry. */
	sg_dma_address(sg) = page_to_phys(sg_page(sg)) + sg->offset +
			     state->bus_off;
	sg_dma_len(sg) = sg->length;
	sg_dma_mark_bus_address(sg);
	return PCI_P2PDMA_MAP_BUS_ADDR;
}

/* The DMA core maps for @dev: that is what is asked of a PCI function's ops. */
static noinline enum pci_p2pdma_map_type
map_asked(struct pci_p2pdma_map_state *state, struct device *dev,
	  struct scatterlist *sg)
{
	struct p2pdma_range *range = p2pdma_to_range(sg_page(sg)->pgmap);
	struct pci_dev *client = dev_is_pci(dev) ? to_pci_dev(dev) :
						   p2pdma_resolve(dev);

	state->map = client ? p2pdma_cached_map_type(range->p2pdma, client,
						     state->dir) :
			      PCI_P2PDMA_MAP_NOT_SUPPORTED;
	return map_alike(state, sg);
}

/* The first one, or the first one of another range */
static noinline enum pci_p2pdma_map_type
map_first(struct pci_p2pdma_map_state *state, struct device *dev,
	  struct scatterlist *sg)
{
	struct dev_pagemap *pgmap = sg_page(sg)->pgmap;
	struct p2pdma_range *range = p2pdma_to_range(pgmap);

	state->bus_off = range->bus_offset;
	state->pgmap = pgmap;
	if (likely(dev_is_pci(dev) &&
		   is_known_to_be_direct(range->p2pdma, to_pci_dev(dev)))) {
		state->map = PCI_P2PDMA_MAP_BUS_ADDR;
		return map_alike(state, sg);
	}
	return map_asked(state, dev, sg);
}

/**
 * pci_p2pdma_map_segment - decide how one segment is mapped, and map it if
 *	its bus address is all that it takes
 * @state: zeroed but for the direction before the first segment of a
 *	scatterlist, kept for the rest
 * @dev: the device that will do the DMA
 * @sg: a segment for which is_pci_p2pdma_page(sg_page(sg)) is true
 *
 * The caller maps a segment that goes through the host bridge as it maps
 * host memory, and fails the whole mapping with -EREMOTEIO if the path is
 * not supported.
 *
 * Context: Any but NMI. Doesn't sleep, and takes no lock but for a pair's first
 * time. The segment's page is allocated, and so its provider stays.
 * Return: how @dev must address the segment; dma_address and dma_length are
 * set if that is PCI_P2PDMA_MAP_BUS_ADDR. Never PCI_P2PDMA_MAP_UNKNOWN.
 */
enum pci_p2pdma_map_type
pci_p2pdma_map_segment(struct pci_p2pdma_map_state *state, struct device *dev,
		       struct scatterlist *sg)
{
	if (likely(sg_page(sg)->pgmap == state->pgmap))
		return map_alike(state, sg);
	return map_first(state, dev, sg);
}
EXPORT_SYMBOL_GPL(pci_p2pdma_map_segment);
