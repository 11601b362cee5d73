/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI peer-to-peer DMA: the verdict on an ordered pair of functions
 */
#ifndef _PCI_P2PDMA_TOPOLOGY_H
#define _PCI_P2PDMA_TOPOLOGY_H

#include <linux/dma-map-ops.h>
#include <linux/pci.h>
#include <uapi/linux/pci-p2pdma.h>

/**
 * enum p2pdma_reason - why a verdict is what it is
 *
 * One value for each rule that can decide; the numbers are ABI. PCIe sections
 * are of r6.0.
 *
 * @P2PDMA_SAME_FUNCTION: provider and client are one function
 * @P2PDMA_COMMON_BRIDGE: routed at the nearest common bridge
 * @P2PDMA_MULTI_FUNCTION: routed inside a multi-function device
 * @P2PDMA_CONVENTIONAL: routed by one conventional PCI hierarchy
 * @P2PDMA_UNTRUSTED: @at is behind an external-facing port
 * @P2PDMA_ACS_REQ_REDIR: @at redirects the client's requests upstream (sec
 *	6.12.3), or is a function that doesn't route to the others of its
 *	device (sec 6.12.1.2)
 * @P2PDMA_ACS_CMPLT_REDIR: @at redirects the provider's completions upstream,
 *	or is a function that doesn't route to the others of its device
 * @P2PDMA_ACS_EGRESS: @at has egress control without request redirection, and
 *	may block requests (sec 6.12.3)
 * @P2PDMA_ACS_ENHANCED: enhanced controls of @at may block or redirect
 *	requests to a bridge's own memory (sec 7.7.11.3)
 * @P2PDMA_ACS_UNKNOWN: the ACS registers of @at couldn't be read
 * @P2PDMA_NO_UPSTREAM_FORWARDING: what is redirected comes in at @at, where
 *	its destination is, and @at doesn't forward it upstream (sec 6.12.1.1)
 * @P2PDMA_ROOT_COMPLEX: the path crosses a root complex; @at is on the root
 *	bus
 * @P2PDMA_NO_HOST_BRIDGE: the path crosses a root complex that can't be
 *	identified: no host bridge function and no root port is on one of its
 *	root buses; @at is on the client's
 * @P2PDMA_WRITES_ONLY: the root complex routes posted requests only. The
 *	client can write to the provider, but not read from it. The type is
 *	that of mappings of DMA_FROM_DEVICE; nothing else is supported, and so
 *	not a list of clients either.
 * @P2PDMA_MEM_ENCRYPT: the path crosses a root complex whose memory encryption
 *	sets a bit in addresses
 * @P2PDMA_DMA_MASK: the provider's addresses don't fit @at's DMA mask
 * @P2PDMA_SWIOTLB: all DMA of @at is bounced through host memory
 * @P2PDMA_PAYLOAD_SIZE: Max_Payload_Size of @at differs from the other
 *	function's, or is less on the way (sec 2.2.2)
 * @P2PDMA_TAG_SIZE: the client uses 10-Bit Tags, which @at doesn't support
 *	(sec 2.2.6.2)
 * @P2PDMA_REMOVED: @at has been removed from the tree
 */
enum p2pdma_reason {
	P2PDMA_SAME_FUNCTION = PCI_P2PDMA_REASON_SAME_FUNCTION,
	P2PDMA_COMMON_BRIDGE = PCI_P2PDMA_REASON_COMMON_BRIDGE,
	P2PDMA_MULTI_FUNCTION = PCI_P2PDMA_REASON_MULTI_FUNCTION,
	P2PDMA_CONVENTIONAL = PCI_P2PDMA_REASON_CONVENTIONAL,
	P2PDMA_UNTRUSTED = PCI_P2PDMA_REASON_UNTRUSTED,
	P2PDMA_ACS_REQ_REDIR = PCI_P2PDMA_REASON_ACS_REQ_REDIR,
	P2PDMA_ACS_CMPLT_REDIR = PCI_P2PDMA_REASON_ACS_CMPLT_REDIR,
	P2PDMA_ACS_EGRESS = PCI_P2PDMA_REASON_ACS_EGRESS,
	P2PDMA_ACS_ENHANCED = PCI_P2PDMA_REASON_ACS_ENHANCED,
	P2PDMA_ACS_UNKNOWN = PCI_P2PDMA_REASON_ACS_UNKNOWN,
	P2PDMA_NO_UPSTREAM_FORWARDING = PCI_P2PDMA_REASON_NO_UPSTREAM_FORWARDING,
	P2PDMA_ROOT_COMPLEX = PCI_P2PDMA_REASON_ROOT_COMPLEX,
	P2PDMA_NO_HOST_BRIDGE = PCI_P2PDMA_REASON_NO_HOST_BRIDGE,
	P2PDMA_WRITES_ONLY = PCI_P2PDMA_REASON_WRITES_ONLY,
	P2PDMA_MEM_ENCRYPT = PCI_P2PDMA_REASON_MEM_ENCRYPT,
	P2PDMA_DMA_MASK = PCI_P2PDMA_REASON_DMA_MASK,
	P2PDMA_SWIOTLB = PCI_P2PDMA_REASON_SWIOTLB,
	P2PDMA_PAYLOAD_SIZE = PCI_P2PDMA_REASON_PAYLOAD_SIZE,
	P2PDMA_TAG_SIZE = PCI_P2PDMA_REASON_TAG_SIZE,
	P2PDMA_REMOVED = PCI_P2PDMA_REASON_REMOVED,
};

/**
 * struct p2pdma_verdict - how a client reaches a provider
 * @type: how the client must address it, or PCI_P2PDMA_MAP_NOT_SUPPORTED
 * @distance: hops between them in the PCI tree, valid unless not supported
 * @reason: the rule that decided
 * @at: the device that decided. Borrowed: valid as long as the references on
 *	provider and client that the verdict was asked with.
 */
struct p2pdma_verdict {
	enum pci_p2pdma_map_type type;
	unsigned int distance;
	enum p2pdma_reason reason;
	struct pci_dev *at;
};

static inline struct p2pdma_verdict p2pdma_refuse(enum p2pdma_reason reason,
						  struct pci_dev *at)
{
	return (struct p2pdma_verdict){
		PCI_P2PDMA_MAP_NOT_SUPPORTED, 0, reason, at
	};
}

/* pci_dev::acs_ctrl: all ones, which no such register holds */
#define P2PDMA_UNKNOWN		0xffff

/*
 * pci_dev::tlp_sizes: Max_Payload_Size as Device Control has it, plus 1, or 0
 * if it is unknown; and tags
 */
#define P2PDMA_PAYLOAD		0x0007
#define P2PDMA_NO_TLPS		0x0007	/* not PCI Express */
#define P2PDMA_TAG10_REQUESTER	0x0008	/* uses 10-Bit Tags */
#define P2PDMA_TAG10_COMPLETER	0x0010	/* supports them */

/*
 * pci_host_bridge::p2pdma, what is known of a root complex: the identity of
 * the host bridge (vendor, device; 0 if there is none), and what it routes
 * from peer to peer, below itself and to other host bridges.
 */
#define P2PDMA_HOST_ID			GENMASK_ULL(31, 0)
#define P2PDMA_HOST_SAME_WRITE		BIT_ULL(32)
#define P2PDMA_HOST_SAME_READ		BIT_ULL(33)
#define P2PDMA_HOST_ANY_WRITE		BIT_ULL(34)
#define P2PDMA_HOST_ANY_READ		BIT_ULL(35)
#define P2PDMA_HOST_CONVENTIONAL	BIT_ULL(36)

#define P2PDMA_HOST_PCIE		BIT_ULL(37)	/* has had a root port */
#define P2PDMA_HOST_RANK		GENMASK_ULL(63, 60)

#define P2PDMA_HOST_SAME	(P2PDMA_HOST_SAME_WRITE | P2PDMA_HOST_SAME_READ)
#define P2PDMA_HOST_ANY		(P2PDMA_HOST_ANY_WRITE | P2PDMA_HOST_ANY_READ)
#define P2PDMA_HOST_WRITE	(P2PDMA_HOST_SAME_WRITE | P2PDMA_HOST_ANY_WRITE)
#define P2PDMA_HOST_READ	(P2PDMA_HOST_SAME_READ | P2PDMA_HOST_ANY_READ)
#define P2PDMA_HOST_ALL		(P2PDMA_HOST_WRITE | P2PDMA_HOST_READ)

#ifdef CONFIG_PCI_P2PDMA_AUDIT
void p2pdma_shadow_audit(struct pci_dev *dev);
#else
static inline void p2pdma_shadow_audit(struct pci_dev *dev) { }
#endif

static inline u32 p2pdma_id(struct pci_dev *pdev)
{
	return (u32)pdev->vendor << 16 | pdev->device;
}

/*
 * A virtual function may be on a bus without a bridge, which holds no reference
 * on what is above it.
 */
static inline struct pci_host_bridge *p2pdma_host_of(struct pci_dev *pdev)
{
	return pci_find_host_bridge(pci_physfn(pdev)->bus);
}

/*
 * ACS controls in effect: a redirection that a port or function with ACS can't
 * control is hard-wired on, as the PCI core takes it (pci_acs_enabled()).
 */
static inline u16 p2pdma_acs_in_effect(u16 capabilities, u16 ctrl)
{
	return ctrl | (~capabilities & (PCI_ACS_RR | PCI_ACS_CR));
}

unsigned int p2pdma_distance(struct pci_dev *provider, struct pci_dev *client);
struct p2pdma_verdict p2pdma_verdict(struct pci_dev *provider,
				     struct pci_dev *client);
void p2pdma_check_resource(struct p2pdma_verdict *verdict,
			   struct pci_dev *provider, struct pci_dev *client);
void p2pdma_check_sizes(struct p2pdma_verdict *verdict,
			struct pci_dev *provider, struct pci_dev *client);
int p2pdma_redirectors(struct pci_dev *provider, struct pci_dev *client,
		       struct pci_dev *at[2]);
u64 p2pdma_host_add(u64 host, struct pci_dev *pdev, u64 allowed,
		    bool cpu_routes);
const char *p2pdma_reason_text(enum p2pdma_reason reason);

/* The type's number in the uAPI */
static inline u32 p2pdma_uapi_type(enum pci_p2pdma_map_type type)
{
	switch (type) {
	case PCI_P2PDMA_MAP_BUS_ADDR:
		return PCI_P2PDMA_TYPE_BUS_ADDR;
	case PCI_P2PDMA_MAP_THRU_HOST_BRIDGE:
		return PCI_P2PDMA_TYPE_THRU_HOST;
	default:
		return PCI_P2PDMA_TYPE_NOT_SUPPORTED;
	}
}

#endif /* _PCI_P2PDMA_TOPOLOGY_H */
