/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A made-up PCI hierarchy for tests
 *
 * A table says which functions there are; the PCI core scans them through
 * fake config space, as it would scan hardware. They get no driver.
 */
#ifndef _P2PDMA_FABRIC_H
#define _P2PDMA_FABRIC_H

#include <linux/pci.h>
#include <linux/sizes.h>

struct kunit;
struct fabric;

enum fabric_type {
	FABRIC_ENDPOINT,	/* PCIe */
	FABRIC_RC_ENDPOINT,
	FABRIC_ROOT_PORT,
	FABRIC_UPSTREAM,
	FABRIC_DOWNSTREAM,
	FABRIC_PCIE_TO_PCI,
	FABRIC_PCI,		/* conventional */
	FABRIC_PCI_BRIDGE,
};

/* Vendor and device number of a function that the table says nothing of: a
 * vendor that nobody has
 */
#define FABRIC_ID	0x0001fabc

/* Parent of a function on the root bus */
#define FABRIC_ROOT_BUS	(-1)

/**
 * struct fabric_node - one function
 * @parent: index of the bridge that it is behind, less than its own
 * @type: what it is
 * @devfn: device and function number
 * @has_acs: it has an ACS capability
 * @acs: ACS control register
 * @id: vendor and device number, 0 for a test device's
 * @has_sriov: it has an SR-IOV capability, without virtual functions
 * @acs_is_empty: its ACS capability implements nothing
 */
struct fabric_node {
	int parent;
	enum fabric_type type;
	u8 devfn;
	bool has_acs;
	u16 acs;
	u32 id;
	bool has_sriov;
	bool acs_is_empty;
};

/* Where the CPU sees the host bridges' memory window, and how much further
 * up its bus addresses are. There is nothing: pages may be made of it, but
 * not be touched.
 */
#define FABRIC_MEM_BASE		0x4000000000ULL
#define FABRIC_MEM_SIZE		0x4000000000ULL

static inline bool fabric_is_bridge(enum fabric_type type)
{
	return type != FABRIC_ENDPOINT && type != FABRIC_RC_ENDPOINT &&
	       type != FABRIC_PCI;
}

static inline bool fabric_is_pcie(enum fabric_type type)
{
	return type != FABRIC_PCI && type != FABRIC_PCI_BRIDGE;
}

struct fabric *fabric_create(const struct fabric_node *nodes, size_t nr_nodes,
			     u64 bus_offset, int first_domain);
void fabric_destroy(struct fabric *fabric);
struct pci_dev *fabric_dev(struct fabric *fabric, int node);
void fabric_set_acs(struct fabric *fabric, int node, u16 acs);
void fabric_set_acs_unseen(struct fabric *fabric, int node, u16 acs);
void fabric_set_unreadable(struct fabric *fabric, int node, bool unreadable);
void fabric_set_bar(struct pci_dev *pdev, int bar, u64 offset, u64 size);
void fabric_set_odd_bar(struct pci_dev *pdev, int bar, unsigned long flags,
			u64 size);

/* p2pdma_fabric_kunit.c: hierarchies that end with a test */
struct fabric *fabric_setup(struct kunit *test, const struct fabric_node *nodes,
			    size_t nr_nodes);
struct fabric *fabric_setup_offset(struct kunit *test,
				   const struct fabric_node *nodes,
				   size_t nr_nodes, u64 bus_offset);
struct fabric *fabric_setup_domain(struct kunit *test,
				   const struct fabric_node *nodes,
				   size_t nr_nodes, u64 bus_offset, int domain);
/* ... or before it does */
void fabric_drop(struct kunit *test, struct fabric *fabric);
int fabric_refs(struct pci_dev *pdev);

/* The part of a driver's bind and unbind that matters here: its devres */
void fabric_bind(struct kunit *test, struct pci_dev *pdev);
void fabric_unbind(struct pci_dev *pdev);

#endif /* _P2PDMA_FABRIC_H */
