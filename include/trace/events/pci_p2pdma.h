/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI peer-to-peer DMA: verdicts, and the search for providers
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pci_p2pdma

#if !defined(_TRACE_PCI_P2PDMA_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_PCI_P2PDMA_H

#include <linux/pci.h>
#include <linux/tracepoint.h>

/*
 * A pair was judged. Of those that map memory only refusals are traced: the
 * rest is too often.
 */
TRACE_EVENT(p2pdma_verdict,
	TP_PROTO(struct pci_dev *provider, struct pci_dev *client,
		 unsigned int distance, const char *type, const char *reason,
		 struct pci_dev *at, bool cached),
	TP_ARGS(provider, client, distance, type, reason, at, cached),
	TP_STRUCT__entry(
		__string(provider, pci_name(provider))
		__string(client, pci_name(client))
		__string(type, type)
		__string(reason, reason)
		__string(at, pci_name(at))
		__field(unsigned int, distance)
		__field(bool, cached)
	),
	TP_fast_assign(
		__assign_str(provider);
		__assign_str(client);
		__assign_str(type);
		__assign_str(reason);
		__assign_str(at);
		__entry->distance = distance;
		__entry->cached = cached;
	),
	TP_printk("provider=%s client=%s type=%s distance=%u reason=\"%s\" at=%s cached=%d",
		  __get_str(provider), __get_str(client), __get_str(type),
		  __entry->distance, __get_str(reason), __get_str(at),
		  __entry->cached)
);

/* A provider was looked for, and found or not. */
TRACE_EVENT(p2pdma_find,
	TP_PROTO(struct pci_dev *provider, int distance,
		 unsigned int considered),
	TP_ARGS(provider, distance, considered),
	TP_STRUCT__entry(
		__string(provider, provider ? pci_name(provider) : "none")
		__field(int, distance)
		__field(unsigned int, considered)
	),
	TP_fast_assign(
		__assign_str(provider);
		__entry->distance = distance;
		__entry->considered = considered;
	),
	TP_printk("provider=%s distance=%d considered=%u",
		  __get_str(provider), __entry->distance,
		  __entry->considered)
);

#endif /* _TRACE_PCI_P2PDMA_H */

#include <trace/define_trace.h>
