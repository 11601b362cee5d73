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

/*
 * Vendor and device number of a function whose table entry has none. The
 * vendor isn't assigned, so no driver and no quirk matches.
 */
#define FABRIC_ID	0x0001fabc

/* Parent of a function on the root bus */
#define FABRIC_ROOT_BUS	(-1)

/* ACS: the capability register's bits, and the enhanced controls (r5.0 on) */
#define FABRIC_ACS_CAP		0x007f
#define FABRIC_ACS_ENHANCED	0x1f80

/**
 * struct fabric_node - one function
 * @parent: index of the bridge that it is behind, less than its own
 * @type: what it is
 * @devfn: device and function number
 * @has_acs: it has an ACS capability
 * @acs: ACS control register; bits that can't be set there read as 0
 * @id: vendor and device number, 0 for a test device's
 * @has_sriov: it has an SR-IOV capability
 * @acs_lacks: bits of FABRIC_ACS_CAP that its ACS capability register, and
 *	that of its VFs, doesn't have
 * @acs_enhanced: its ACS control register also has FABRIC_ACS_ENHANCED
 * @acs_read_only: its ACS control register ignores writes
 * @class: base class and subclass; 0 for a bridge's, or for no class
 * @no_ext: its extended config space reads as all ones
 * @no_tag10: as a completer it doesn't support 10-Bit Tags; nor do its VFs
 * @nr_vfs: VFs that it has, if @has_sriov. They are on the bus that it is on,
 *	at its own devfn plus 16, 24, ..., where the table must have nothing.
 * @vf_has_acs: its VFs have an ACS capability
 * @vf_acs: their ACS control register
 */
struct fabric_node {
	int parent;
	enum fabric_type type;
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
struct fabric *fabric_create_failing(const struct fabric_node *nodes,
				     size_t nr_nodes, u64 bus_offset,
				     int first_domain, unsigned int nth);
void fabric_destroy(struct fabric *fabric);
struct pci_dev *fabric_dev(struct fabric *fabric, int node);
unsigned int fabric_reads(struct fabric *fabric);
unsigned int fabric_scan_reads(struct fabric *fabric);

int fabric_enable_vfs(struct fabric *fabric, int node);
struct pci_dev *fabric_vf(struct fabric *fabric, int node, int i);

void fabric_set_acs(struct fabric *fabric, int node, u16 acs);
void fabric_set_vf_acs(struct fabric *fabric, int node, int i, u16 acs);
void fabric_set_acs_unseen(struct fabric *fabric, int node, u16 acs);
void fabric_set_unreadable(struct fabric *fabric, int node, bool unreadable);
void fabric_set_mps(struct fabric *fabric, int node, int mps);
void fabric_set_tags(struct fabric *fabric, int node, bool requester);

void fabric_set_bar(struct pci_dev *pdev, int bar, u64 offset, u64 size);
void fabric_set_odd_bar(struct pci_dev *pdev, int bar, unsigned long flags,
			u64 size);
bool fabric_set_translated(struct pci_dev *pdev, bool translated);

/* p2pdma_fabric_kunit.c: hierarchies that end with a test */
struct fabric *fabric_setup(struct kunit *test, const struct fabric_node *nodes,
			    size_t nr_nodes);
struct fabric *fabric_setup_offset(struct kunit *test,
				   const struct fabric_node *nodes,
				   size_t nr_nodes, u64 bus_offset);
struct fabric *fabric_setup_domain(struct kunit *test,
				   const struct fabric_node *nodes,
				   size_t nr_nodes, u64 bus_offset, int domain);
struct fabric *fabric_setup_failing(struct kunit *test,
				    const struct fabric_node *nodes,
				    size_t nr_nodes, unsigned int nth);
/* ... or before it does */
void fabric_drop(struct kunit *test, struct fabric *fabric);
int fabric_refs(struct pci_dev *pdev);

/* What is known of the root complex; see P2PDMA_HOST_ID and below. */
void fabric_set_host(struct fabric *fabric, u64 host);
u64 fabric_host(struct fabric *fabric);

/* The part of a driver's bind and unbind that matters here: its devres */
void fabric_bind(struct kunit *test, struct pci_dev *pdev);
void fabric_unbind(struct pci_dev *pdev);

#endif /* _P2PDMA_FABRIC_H */
