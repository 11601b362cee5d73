/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * PCI peer-to-peer DMA: can one device reach the memory of another, and why?
 *
 * Asked of /dev/pci_p2pdma, by any user.
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

/* type: how the client addresses the provider; see also REASON_WRITES_ONLY */
#define PCI_P2PDMA_TYPE_NOT_SUPPORTED	0
#define PCI_P2PDMA_TYPE_BUS_ADDR	1	/* directly, by bus addresses */
#define PCI_P2PDMA_TYPE_THRU_HOST	2	/* as host memory */

/* reason: the rule that decided. More may be added. */
#define PCI_P2PDMA_REASON_SAME_FUNCTION		0
#define PCI_P2PDMA_REASON_COMMON_BRIDGE		1	/* at: the bridge */
#define PCI_P2PDMA_REASON_MULTI_FUNCTION	2	/* at: the port above */
#define PCI_P2PDMA_REASON_CONVENTIONAL		3	/* at: on the root bus */
#define PCI_P2PDMA_REASON_UNTRUSTED		4	/* at: the untrusted device */
#define PCI_P2PDMA_REASON_ACS_REQ_REDIR		5	/* at: redirects */
#define PCI_P2PDMA_REASON_ACS_CMPLT_REDIR	6	/* at: redirects */
#define PCI_P2PDMA_REASON_ACS_EGRESS		7	/* at: may block */
#define PCI_P2PDMA_REASON_ACS_ENHANCED		8	/* at: may block or redirect */
#define PCI_P2PDMA_REASON_ACS_UNKNOWN		9	/* at: wasn't readable */
#define PCI_P2PDMA_REASON_NO_UPSTREAM_FORWARDING 10	/* at: the port */
#define PCI_P2PDMA_REASON_ROOT_COMPLEX		11	/* at: on the root bus */
#define PCI_P2PDMA_REASON_NO_HOST_BRIDGE	12	/* at: on the root bus */
#define PCI_P2PDMA_REASON_WRITES_ONLY		13	/* no reads: lists refuse */
#define PCI_P2PDMA_REASON_MEM_ENCRYPT		14
#define PCI_P2PDMA_REASON_DMA_MASK		15	/* at: the client */
#define PCI_P2PDMA_REASON_SWIOTLB		16	/* at: the client */
#define PCI_P2PDMA_REASON_PAYLOAD_SIZE		17	/* at: the smaller one */
#define PCI_P2PDMA_REASON_TAG_SIZE		18	/* at: the provider */
#define PCI_P2PDMA_REASON_REMOVED		19	/* at: the removed device */

/* result: a set of bits. More may be added. */
#define PCI_P2PDMA_RESULT_HAS_MEMORY	(1 << 0)	/* the provider has p2pmem */
#define PCI_P2PDMA_RESULT_PUBLISHED	(1 << 1)	/* and has published it */

/*
 * The pair is ordered: the client sends requests to the provider, which needs
 * no p2pmem. The last four are the answer.
 *
 * The structure can grow. A longer one is taken if all that this kernel
 * doesn't know of it is 0, and that stays 0; one that is shorter than this is
 * refused.
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
 * EINVAL, the structure is too short, or something that must be 0 is not;
 * E2BIG, it is longer than the kernel knows and not 0 there; EFAULT.
 */
#define PCI_P2PDMA_IOC_QUERY	_IOWR(0xB8, 0x10, struct pci_p2pdma_query)

#endif /* _UAPI_LINUX_PCI_P2PDMA_H */
