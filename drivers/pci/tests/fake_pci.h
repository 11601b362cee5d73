/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A made-up PCI hierarchy for tests
 *
 * A table says which functions there are; the PCI core scans them through
 * fake config space, as it would scan hardware. They get no driver.
 */
#ifndef _FAKE_PCI_H
#define _FAKE_PCI_H

#include <linux/memremap.h>
#include <linux/pci.h>
#include <linux/sizes.h>

struct kunit;
struct fake_pci;

enum fake_pci_type {
	FAKE_PCI_ENDPOINT,	/* PCIe */
	FAKE_PCI_RC_ENDPOINT,
	FAKE_PCI_ROOT_PORT,
	FAKE_PCI_UPSTREAM,
	FAKE_PCI_DOWNSTREAM,
	FAKE_PCI_PCIE_TO_PCI,
	FAKE_PCI_PCI,		/* conventional */
	FAKE_PCI_PCI_BRIDGE,
};

/*
 * Vendor and device number of a function whose table entry has none. The
 * vendor isn't assigned, so no driver and no quirk matches.
 */
#define FAKE_PCI_ID	0x0001fabc

/* Parent of a function on the root bus */
#define FAKE_PCI_ROOT_BUS	(-1)

/* ACS: the capability register's bits, and the enhanced controls (r5.0 on) */
#define FAKE_PCI_ACS_CAP	0x007f
#define FAKE_PCI_ACS_ENHANCED	0x1f80

/**
 * struct fake_pci_node - one function
 * @parent: index of the bridge that it is behind, less than its own
 * @type: what it is
 * @devfn: device and function number
 * @has_acs: it has an ACS capability
 * @acs: ACS control register; bits that can't be set there read as 0
 * @id: vendor and device number, 0 for a test device's
 * @has_sriov: it has an SR-IOV capability
 * @acs_lacks: bits of FAKE_PCI_ACS_CAP that its ACS capability register, and
 *	that of its VFs, doesn't have
 * @acs_enhanced: its ACS control register also has FAKE_PCI_ACS_ENHANCED
 * @acs_read_only: its ACS control register ignores writes
 * @class: base class and subclass; 0 for a bridge's, or for no class
 * @no_ext: its extended config space reads as all ones
 * @no_tag10: as a completer it doesn't support 10-Bit Tags; nor do its VFs
 * @nr_vfs: VFs that it has, if @has_sriov. They are on the bus that it is on,
 *	at its own devfn plus 16, 24, ..., where the table must have nothing.
 * @vf_has_acs: its VFs have an ACS capability
 * @vf_acs: their ACS control register
 */
struct fake_pci_node {
	int parent;
	enum fake_pci_type type;
	u8 devfn;
	bool has_acs;
	u16 acs;
	u32 id;
	bool has_sriov;
	u16 acs_lacks;
	bool acs_enhanced;
	bool acs_read_only;
	u16 class;
	bool no_ext;
	bool no_tag10;
	u8 nr_vfs;
	bool vf_has_acs;
	u16 vf_acs;
};

/* Where the CPU sees the host bridges' memory window, and how much further
 * up its bus addresses are. There is nothing: pages may be made of it, but
 * not be touched.
 */
#define FAKE_PCI_MEM_BASE		0x4000000000ULL
#define FAKE_PCI_MEM_SIZE		0x4000000000ULL

static inline bool fake_pci_is_bridge(enum fake_pci_type type)
{
	return type != FAKE_PCI_ENDPOINT && type != FAKE_PCI_RC_ENDPOINT &&
	       type != FAKE_PCI_PCI;
}

static inline bool fake_pci_is_pcie(enum fake_pci_type type)
{
	return type != FAKE_PCI_PCI && type != FAKE_PCI_PCI_BRIDGE;
}

struct fake_pci *fake_pci_create(const struct fake_pci_node *nodes,
				 size_t nr_nodes, u64 bus_offset,
				 int first_domain);
struct fake_pci *fake_pci_create_failing(const struct fake_pci_node *nodes,
					 size_t nr_nodes, u64 bus_offset,
					 int first_domain, unsigned int nth);
void fake_pci_destroy(struct fake_pci *fake);
struct pci_dev *fake_pci_dev(struct fake_pci *fake, int node);
unsigned int fake_pci_reads(struct fake_pci *fake);
unsigned int fake_pci_scan_reads(struct fake_pci *fake);

int fake_pci_enable_vfs(struct fake_pci *fake, int node);
struct pci_dev *fake_pci_vf(struct fake_pci *fake, int node, int i);

void fake_pci_set_acs(struct fake_pci *fake, int node, u16 acs);
void fake_pci_set_vf_acs(struct fake_pci *fake, int node, int i, u16 acs);
void fake_pci_set_acs_unseen(struct fake_pci *fake, int node, u16 acs);
void fake_pci_set_unreadable(struct fake_pci *fake, int node, bool unreadable);
void fake_pci_set_mps(struct fake_pci *fake, int node, int mps);
void fake_pci_set_tags(struct fake_pci *fake, int node, bool requester);

void fake_pci_set_bar(struct pci_dev *pdev, int bar, u64 offset, u64 size);
void fake_pci_set_odd_bar(struct pci_dev *pdev, int bar, unsigned long flags,
			  u64 size);
void *fake_pci_foreign_pages(struct dev_pagemap *pgmap);
bool fake_pci_set_translated(struct pci_dev *pdev, bool translated);

/* fake_pci_kunit.c: hierarchies that end with a test */
struct fake_pci *fake_pci_setup(struct kunit *test,
				const struct fake_pci_node *nodes,
				size_t nr_nodes);
struct fake_pci *fake_pci_setup_offset(struct kunit *test,
				       const struct fake_pci_node *nodes,
				       size_t nr_nodes, u64 bus_offset);
struct fake_pci *fake_pci_setup_domain(struct kunit *test,
				       const struct fake_pci_node *nodes,
				       size_t nr_nodes, u64 bus_offset, int domain);
struct fake_pci *fake_pci_setup_failing(struct kunit *test,
					const struct fake_pci_node *nodes,
					size_t nr_nodes, unsigned int nth);
/* ... or before it does */
void fake_pci_drop(struct kunit *test, struct fake_pci *fake);
int fake_pci_refs(struct pci_dev *pdev);

/* What is known of the root complex; see P2PDMA_HOST_ID and below. */
void fake_pci_set_host(struct fake_pci *fake, u64 host);
u64 fake_pci_host(struct fake_pci *fake);

/* The part of a driver's bind and unbind that matters here: its devres */
void fake_pci_bind(struct kunit *test, struct pci_dev *pdev);
void fake_pci_unbind(struct pci_dev *pdev);

#endif /* _FAKE_PCI_H */
