/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI peer-to-peer DMA: verdicts, the search for providers, and mappings
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pci_p2pdma

#if !defined(_TRACE_PCI_P2PDMA_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_PCI_P2PDMA_H

#include <linux/dma-map-ops.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <uapi/linux/pci-p2pdma.h>

/* domain:bus:device.function, and room for a domain of 32 bits */
#define P2PDMA_TRACE_NAME	20

TRACE_DEFINE_ENUM(PCI_P2PDMA_MAP_NOT_SUPPORTED);
TRACE_DEFINE_ENUM(PCI_P2PDMA_MAP_BUS_ADDR);
TRACE_DEFINE_ENUM(PCI_P2PDMA_MAP_THRU_HOST_BRIDGE);

#define show_p2pdma_type(type)						\
	__print_symbolic(type,						\
		{ PCI_P2PDMA_MAP_NOT_SUPPORTED, "not-supported" },	\
		{ PCI_P2PDMA_MAP_BUS_ADDR, "bus-address" },		\
		{ PCI_P2PDMA_MAP_THRU_HOST_BRIDGE, "through-host" })

#define show_p2pdma_reason(reason)					\
	__print_symbolic(reason,					\
		{ PCI_P2PDMA_REASON_SAME_FUNCTION, "same-function" },	\
		{ PCI_P2PDMA_REASON_COMMON_BRIDGE, "common-bridge" },	\
		{ PCI_P2PDMA_REASON_MULTI_FUNCTION, "multi-function" },	\
		{ PCI_P2PDMA_REASON_CONVENTIONAL, "conventional" },	\
		{ PCI_P2PDMA_REASON_UNTRUSTED, "untrusted" },		\
		{ PCI_P2PDMA_REASON_ACS_REQ_REDIR, "acs-req-redir" },	\
		{ PCI_P2PDMA_REASON_ACS_CMPLT_REDIR, "acs-cmplt-redir" }, \
		{ PCI_P2PDMA_REASON_ACS_EGRESS, "acs-egress" },		\
		{ PCI_P2PDMA_REASON_ACS_ENHANCED, "acs-enhanced" },	\
		{ PCI_P2PDMA_REASON_ACS_UNKNOWN, "acs-unknown" },	\
		{ PCI_P2PDMA_REASON_NO_UPSTREAM_FORWARDING,		\
		  "no-upstream-forwarding" },				\
		{ PCI_P2PDMA_REASON_ROOT_COMPLEX, "root-complex" },	\
		{ PCI_P2PDMA_REASON_NO_HOST_BRIDGE, "no-host-bridge" },	\
		{ PCI_P2PDMA_REASON_WRITES_ONLY, "writes-only" },	\
		{ PCI_P2PDMA_REASON_MEM_ENCRYPT, "mem-encrypt" },	\
		{ PCI_P2PDMA_REASON_DMA_MASK, "dma-mask" },		\
		{ PCI_P2PDMA_REASON_SWIOTLB, "swiotlb" },		\
		{ PCI_P2PDMA_REASON_PAYLOAD_SIZE, "payload-size" },	\
		{ PCI_P2PDMA_REASON_TAG_SIZE, "tag-size" },		\
		{ PCI_P2PDMA_REASON_REMOVED, "removed" })

struct p2pdma_verdict;

/* Judged for a list, an array or a query; of mappings only refusals */
TRACE_EVENT(p2pdma_verdict,
	TP_PROTO(struct pci_dev *provider, struct pci_dev *client,
		 const struct p2pdma_verdict *verdict),
	TP_ARGS(provider, client, verdict),
	TP_STRUCT__entry(
		__array(char, provider, P2PDMA_TRACE_NAME)
		__array(char, client, P2PDMA_TRACE_NAME)
		__array(char, at, P2PDMA_TRACE_NAME)
		__field(unsigned int, type)
		__field(unsigned int, distance)
		__field(unsigned int, reason)
	),
	TP_fast_assign(
		strscpy(__entry->provider, pci_name(provider),
			P2PDMA_TRACE_NAME);
		strscpy(__entry->client, pci_name(client), P2PDMA_TRACE_NAME);
		strscpy(__entry->at, pci_name(verdict->at), P2PDMA_TRACE_NAME);
		__entry->type = verdict->type;
		__entry->distance = verdict->distance;
		__entry->reason = verdict->reason;
	),
	TP_printk("provider=%s client=%s type=%s distance=%u reason=%s at=%s",
		  __entry->provider, __entry->client,
		  show_p2pdma_type(__entry->type), __entry->distance,
		  show_p2pdma_reason(__entry->reason), __entry->at)
);

/* A provider was looked for, and found or not. */
TRACE_EVENT(p2pdma_find,
	TP_PROTO(struct pci_dev *provider, int distance,
		 unsigned int considered),
	TP_ARGS(provider, distance, considered),
	TP_STRUCT__entry(
		__array(char, provider, P2PDMA_TRACE_NAME)
		__field(int, distance)
		__field(unsigned int, considered)
	),
	TP_fast_assign(
		strscpy(__entry->provider,
			provider ? pci_name(provider) : "none",
			P2PDMA_TRACE_NAME);
		__entry->distance = distance;
		__entry->considered = considered;
	),
	TP_printk("provider=%s distance=%d considered=%u", __entry->provider,
		  __entry->distance, __entry->considered)
);

/* Bytes of a segment; a refusal counts it and all after it. */
TRACE_EVENT(p2pdma_map,
	TP_PROTO(struct pci_dev *provider, struct device *client,
		 unsigned int type, u64 bytes),
	TP_ARGS(provider, client, type, bytes),
	TP_STRUCT__entry(
		__array(char, provider, P2PDMA_TRACE_NAME)
		__array(char, client, P2PDMA_TRACE_NAME)
		__field(unsigned int, type)
		__field(u64, bytes)
	),
	TP_fast_assign(
		strscpy(__entry->provider,
			provider ? pci_name(provider) : "unknown",
			P2PDMA_TRACE_NAME);
		strscpy(__entry->client, dev_name(client), P2PDMA_TRACE_NAME);
		__entry->type = type;
		__entry->bytes = bytes;
	),
	TP_printk("provider=%s client=%s type=%s bytes=%llu",
		  __entry->provider, __entry->client,
		  show_p2pdma_type(__entry->type), __entry->bytes)
);

#endif /* _TRACE_PCI_P2PDMA_H */

#include <trace/define_trace.h>
