// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: the answer for a pair
 *
 * The kernel's own, where it has /dev/pci_p2pdma; else one that a dump has
 * recorded; else that of the rules.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "machine.h"

static void ask_kernel(struct machine *m, int provider, int client,
		       struct pci_p2pdma_query *q)
{
	*q = (struct pci_p2pdma_query){
		.provider = m->fn[provider].address,
		.client = m->fn[client].address,
	};
	if (!ioctl(m->fd, PCI_P2PDMA_IOC_QUERY, q))
		return;
	if (errno == ENODEV || errno == ENXIO)
		errx(EXIT_NO_DEVICE, "%s has vanished",
		     address_text(errno == ENODEV ? &q->provider : &q->client));
	err(EXIT_OTHER, "/dev/pci_p2pdma doesn't answer");
}

int by_pair(const void *a, const void *b)
{
	const struct pci_p2pdma_query *x = a, *y = b;
	int order = compare_addresses(&x->provider, &y->provider);

	return order ? order : compare_addresses(&x->client, &y->client);
}

static const struct pci_p2pdma_query *recorded(struct machine *m, int provider,
					       int client)
{
	struct pci_p2pdma_query key = {
		.provider = m->fn[provider].address,
		.client = m->fn[client].address,
	};

	if (!m->nr_pairs)
		return NULL;
	return bsearch(&key, m->pair, m->nr_pairs, sizeof(key), by_pair);
}

bool is_known_to_kernel_only(const struct pci_p2pdma_query *q)
{
	return q->reason == PCI_P2PDMA_REASON_DMA_MASK ||
	       q->reason == PCI_P2PDMA_REASON_SWIOTLB ||
	       q->reason == PCI_P2PDMA_REASON_REMOVED;
}

enum grade grade_of(const struct pci_p2pdma_query *q)
{
	switch (q->type) {
	case PCI_P2PDMA_TYPE_BUS_ADDR:
		return GRADE_BUS;
	case PCI_P2PDMA_TYPE_THRU_HOST:
		return q->reason == PCI_P2PDMA_REASON_WRITES_ONLY ? GRADE_WRITES :
								    GRADE_HOST;
	default:
		return GRADE_NOTHING;
	}
}

enum answer_source ask(struct machine *m, int provider, int client,
		       struct pci_p2pdma_query *q)
{
	const struct pci_p2pdma_query *known;

	if (!m->changed && m->fd != NONE) {
		ask_kernel(m, provider, client, q);
		return FROM_KERNEL;
	}
	known = m->changed ? NULL : recorded(m, provider, client);
	if (known) {
		*q = *known;
		return FROM_DUMP;
	}
	rules_judge(m, provider, client, q);
	return FROM_RULES;
}
