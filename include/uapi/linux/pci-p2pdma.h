/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * PCI peer-to-peer DMA: can one device reach the memory of another, and why?
 *
 * Asked of /dev/pci_p2pdma, by anybody.
 * See Documentation/driver-api/pci/p2pdma.rst.
 */
#ifndef _UAPI_LINUX_PCI_P2PDMA_H
#define _UAPI_LINUX_PCI_P2PDMA_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* A function. The domain may be larger than 0xffff. */
struct pci_p2pdma_address {
	__u32 domain;
	__u8 bus;
	__u8 devfn;		/* device << 3 | function */
	__u16 reserved;		/* 0 */
};

/* type: how the client addresses the provider */
#define PCI_P2PDMA_TYPE_NOT_SUPPORTED	0
#define PCI_P2PDMA_TYPE_BUS_ADDR	1	/* directly, by bus addresses */
#define PCI_P2PDMA_TYPE_THRU_HOST	2	/* as host memory */

/* reason: the rule that decided */
#define PCI_P2PDMA_REASON_SAME_FUNCTION		0
#define PCI_P2PDMA_REASON_COMMON_BRIDGE		1	/* at: the bridge */
#define PCI_P2PDMA_REASON_MULTI_FUNCTION	2	/* at: the port above */
#define PCI_P2PDMA_REASON_CONVENTIONAL		3
#define PCI_P2PDMA_REASON_UNTRUSTED		4	/* at: who isn't */
#define PCI_P2PDMA_REASON_NO_INTERNAL_ROUTE	5
#define PCI_P2PDMA_REASON_ACS_REQUEST		6	/* at: who redirects */
#define PCI_P2PDMA_REASON_ACS_COMPLETION	7	/* at: who redirects */
#define PCI_P2PDMA_REASON_ACS_UNREADABLE	8
#define PCI_P2PDMA_REASON_NO_COMMON_BRIDGE	9	/* at: who sends it there */
#define PCI_P2PDMA_REASON_DMA_MASK		10
#define PCI_P2PDMA_REASON_BOUNCED		11
#define PCI_P2PDMA_REASON_REMOVED		12

/* result: a set of bits. More may be added. */
#define PCI_P2PDMA_RESULT_CACHED	(1 << 0)	/* it was known already */
#define PCI_P2PDMA_RESULT_WRITES_ONLY	(1 << 1)	/* client to provider */
#define PCI_P2PDMA_RESULT_HAS_MEMORY	(1 << 2)	/* the provider has p2pmem */
#define PCI_P2PDMA_RESULT_PUBLISHED	(1 << 3)	/* and offers it */

/*
 * The pair is ordered: the client sends requests to the provider, which needs
 * no p2pmem. The last four are the answer.
 */
struct pci_p2pdma_query {
	struct pci_p2pdma_address provider;
	struct pci_p2pdma_address client;
	__u32 flags;		/* 0 */
	__u32 reserved;		/* 0 */
	__u32 type;
	__u32 distance;		/* hops; 0 if not supported */
	__u32 reason;
	__u32 result;
	struct pci_p2pdma_address at;	/* the device that decided */
};

/*
 * Errors: ENODEV, the provider isn't there; ENXIO, the client isn't there;
 * EINVAL, something that must be 0 is not; EFAULT.
 */
#define PCI_P2PDMA_IOC_QUERY	_IOWR(0xB8, 0x10, struct pci_p2pdma_query)

#endif /* _UAPI_LINUX_PCI_P2PDMA_H */
