// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: mapping
 *
 * dma_map_sg() of the DMA core asks, in pci_p2pdma_map_segment(), what to do
 * with a segment that is peer-to-peer memory. The answer is kept in its state
 * for the segments that follow and have the same pagemap; what that takes is
 * inline, in linux/dma-map-ops.h, or for many, in p2pdma_map_run().
 */

#define dev_fmt(fmt) "P2PDMA: " fmt

#include <linux/dma-map-ops.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/range.h>
#include <linux/scatterlist.h>
#include <trace/events/pci_p2pdma.h>

#include "p2pdma.h"

/* For a reason that isn't the path's */
static noinline void p2pdma_cant_map(struct pci_p2pdma_map_state *state,
				     struct device *dev, const char *why)
{
	state->map = PCI_P2PDMA_MAP_NOT_SUPPORTED;
	dev_info_ratelimited(dev, "can't map peer-to-peer memory: %s\n", why);
}

static noinline void p2pdma_map_refused(struct pci_p2pdma_map_state *state,
					struct pci_dev *client,
					const struct p2pdma_verdict *verdict)
{
	struct p2pdma_range *range = p2pdma_to_range(state->pgmap);

	state->map = PCI_P2PDMA_MAP_NOT_SUPPORTED;
	trace_p2pdma_verdict(range->p2pdma->pdev, client, verdict);
	p2pdma_log_refusal(range->p2pdma->pdev, client, verdict);
}

/*
 * From the path's verdict. Compares with the range that is mapped, not with all of
 * the provider's. Return: false for a refusal, also in this direction only.
 */
static __always_inline bool
p2pdma_decide(struct pci_p2pdma_map_state *state, struct device *dev,
	      struct p2pdma_range *range, struct pci_dev *client,
	      struct p2pdma_verdict *verdict)
{
	u64 last = range->pgmap.range.end;

	state->bus_off = range->bus_offset;
	p2pdma_check_addresses(verdict, dev, client, last + state->bus_off,
			       last);
	state->map = verdict->type;
	if (likely(verdict->type == PCI_P2PDMA_MAP_BUS_ADDR))
		return true;
	return verdict->type != PCI_P2PDMA_MAP_NOT_SUPPORTED &&
	       (verdict->reason != P2PDMA_WRITES_ONLY ||
		state->dir == DMA_FROM_DEVICE);
}

static __always_inline struct p2pdma_verdict
p2pdma_path_verdict(struct p2pdma_range *range, struct pci_dev *client)
{
	p2pdma_shadow_audit(range->p2pdma->pdev);
	p2pdma_shadow_audit(client);
	return p2pdma_verdict(range->p2pdma->pdev, client);
}

static void p2pdma_map_range(struct pci_p2pdma_map_state *state,
			     struct device *dev, struct p2pdma_range *range,
			     struct pci_dev *client)
{
	struct p2pdma_verdict verdict = p2pdma_path_verdict(range, client);

	if (p2pdma_is_invalid(range->p2pdma))
		p2pdma_cant_map(state, dev, "its device has or had an error");
	else if (!p2pdma_decide(state, dev, range, client, &verdict))
		p2pdma_map_refused(state, client, &verdict);
}

/**
 * p2pdma_map_pgmap() - Decide how segments of another pagemap are mapped
 * @state: of the scatterlist
 * @dev: the device that will do the DMA
 * @pgmap: of peer-to-peer memory; of other drivers it is refused, since
 *	nothing is known of it
 *
 * Refusals are logged, rate-limited.
 *
 * Context: Any but NMI. A page of @pgmap is allocated, and so its provider
 * stays.
 */
void p2pdma_map_pgmap(struct pci_p2pdma_map_state *state, struct device *dev,
		      struct dev_pagemap *pgmap)
{
	struct p2pdma_range *range = p2pdma_to_range(pgmap);
	struct pci_dev *client = to_pci_dev(dev);

	state->pgmap = pgmap;
	if (!range) {
		p2pdma_cant_map(state, dev, "its driver made its pages itself");
		return;
	}
	if (!dev_is_pci(dev)) {
		client = p2pdma_resolve(dev);
		if (!client) {
			p2pdma_cant_map(state, dev, "not a PCI function's DMA");
			return;
		}
	}
	p2pdma_map_range(state, dev, range, client);
}

/**
 * p2pdma_map_run() - Map segments that follow one and have its pagemap
 * @state: of the scatterlist; PCI_P2PDMA_MAP_BUS_ADDR was decided
 * @dev: the device that will do the DMA
 * @sg: the segment that it was decided for
 * @nr: of segments after it in the scatterlist
 *
 * Stops at the first segment that is something else. I/O of many pages of one
 * provider is the common case, and here a page costs half of what a look at each
 * costs.
 *
 * Context: Any but NMI. Pages of the segments are allocated.
 * Return: the last segment that is mapped; @state has the number of those that
 * were mapped here.
 */
struct scatterlist *p2pdma_map_run(struct pci_p2pdma_map_state *state,
				   struct device *dev, struct scatterlist *sg,
				   unsigned int nr)
{
	struct scatterlist *next;
	unsigned int i;

	for (i = 0; i < nr; i++, sg = next) {
		next = sg_is_chain(sg + 1) ? sg_next(sg) : sg + 1;
		if (!is_zone_device_page(sg_page(next)) ||
		    sg_page(next)->pgmap != state->pgmap)
			break;
		if (trace_p2pdma_map_enabled())
			p2pdma_trace_map(state, dev, next);
		p2pdma_map_bus_address(state, next);
	}
	state->run = i;
	return sg;
}

/**
 * pci_p2pdma_can_map() - Tell whether dma_map_sg() would take a page
 * @dev: the device that would do the DMA, or one that has its DMA done by an
 *	ancestor, as a disk has
 * @page: peer-to-peer memory
 * @dir: of the DMA
 * @verbose: log why not, rate-limited
 *
 * For drivers that choose between devices, or give one request to several. The
 * answer holds until the machine is configured otherwise, or the memory's device
 * has an error.
 *
 * Context: Any but NMI. The caller keeps @page allocated.
 * Return: true if it would.
 */
bool pci_p2pdma_can_map(struct device *dev,
			const struct page *page, enum dma_data_direction dir,
			bool verbose)
{
	struct p2pdma_range *range = p2pdma_to_range(page->pgmap);
	struct pci_p2pdma_map_state state = { .dir = dir };
	struct pci_dev *client = p2pdma_resolve(dev);

	if (client && !dev->dma_mask)
		dev = &client->dev;
	if (!verbose && (!range || !client))
		return false;
	if (!verbose) {
		struct p2pdma_verdict verdict =
			p2pdma_path_verdict(range, client);

		return !p2pdma_is_invalid(range->p2pdma) &&
		       p2pdma_decide(&state, dev, range, client, &verdict);
	}
	p2pdma_map_pgmap(&state, dev, page->pgmap);
	return state.map != PCI_P2PDMA_MAP_NOT_SUPPORTED;
}
EXPORT_SYMBOL_GPL(pci_p2pdma_can_map);

/**
 * p2pdma_trace_map() - Trace how many bytes are mapped, or refused
 * @state: decided
 * @dev: the device that will do the DMA
 * @sg: a segment; a refusal counts it and all after it
 *
 * Context: Any but NMI.
 */
void p2pdma_trace_map(struct pci_p2pdma_map_state *state, struct device *dev,
		      struct scatterlist *sg)
{
	struct p2pdma_range *range = p2pdma_to_range(state->pgmap);
	u64 bytes = sg->length;

	if (state->map == PCI_P2PDMA_MAP_NOT_SUPPORTED)
		while ((sg = sg_next(sg)))
			bytes += sg->length;
	trace_p2pdma_map(range ? range->p2pdma->pdev : NULL, dev, state->map,
			 bytes);
}
