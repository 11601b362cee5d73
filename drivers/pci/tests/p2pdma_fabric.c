// SPDX-License-Identifier: GPL-2.0
/*
 * A made-up PCI hierarchy for tests: fake config space behind struct pci_ops
 */

#include <linux/bitfield.h>
#include <linux/device.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "p2pdma_fabric.h"

/* Config space: enough for a header, one capability and an extended one */
#define CFG_SIZE	512
#define CFG_PCIE_CAP	0x40
#define CFG_ACS_CAP	0x100
#define CFG_SRIOV_CAP	0x140

struct fabric_function {
	struct fabric_node node;
	bool unreadable;
	u8 cfg[CFG_SIZE] __aligned(4);
};

struct fabric {
	struct pci_bus *bus;
	struct pci_sysdata sysdata;
	struct resource busn;
	struct resource mem;
	struct xarray places;
	struct fabric_function fn[];
};

static void put16(struct fabric_function *fn, int where, u16 value)
{
	memcpy(fn->cfg + where, &value, sizeof(value));
}

static void put32(struct fabric_function *fn, int where, u32 value)
{
	memcpy(fn->cfg + where, &value, sizeof(value));
}

static int pcie_type(enum fabric_type type)
{
	switch (type) {
	case FABRIC_ENDPOINT:
		return PCI_EXP_TYPE_ENDPOINT;
	case FABRIC_RC_ENDPOINT:
		return PCI_EXP_TYPE_RC_END;
	case FABRIC_ROOT_PORT:
		return PCI_EXP_TYPE_ROOT_PORT;
	case FABRIC_UPSTREAM:
		return PCI_EXP_TYPE_UPSTREAM;
	case FABRIC_DOWNSTREAM:
		return PCI_EXP_TYPE_DOWNSTREAM;
	case FABRIC_PCIE_TO_PCI:
		return PCI_EXP_TYPE_PCI_BRIDGE;
	default:
		return -1;
	}
}

static void function_init(struct fabric_function *fn,
			  const struct fabric_node *node)
{
	int type = pcie_type(node->type);

	fn->node = *node;
	put32(fn, PCI_VENDOR_ID, node->id ?: FABRIC_ID);
	put16(fn, PCI_CLASS_DEVICE, fabric_is_bridge(node->type) ?
	      PCI_CLASS_BRIDGE_PCI : PCI_CLASS_NOT_DEFINED);
	fn->cfg[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_MFD |
		(fabric_is_bridge(node->type) ? PCI_HEADER_TYPE_BRIDGE :
					 PCI_HEADER_TYPE_NORMAL);
	if (type < 0)
		return;
	put16(fn, PCI_STATUS, PCI_STATUS_CAP_LIST);
	fn->cfg[PCI_CAPABILITY_LIST] = CFG_PCIE_CAP;
	fn->cfg[CFG_PCIE_CAP] = PCI_CAP_ID_EXP;
	put16(fn, CFG_PCIE_CAP + PCI_EXP_FLAGS,
	      2 | FIELD_PREP(PCI_EXP_FLAGS_TYPE, type));
	/* The list starts where ACS would be; one with the number 0 is skipped. */
	put32(fn, CFG_ACS_CAP,
	      (node->has_acs ? PCI_EXT_CAP_ID_ACS | 1 << 16 : 0) |
	      (node->has_sriov ? CFG_SRIOV_CAP << 20 : 0));
	if (node->has_sriov)
		put32(fn, CFG_SRIOV_CAP, PCI_EXT_CAP_ID_SRIOV | 1 << 16);
	if (!node->has_acs)
		return;
	put16(fn, CFG_ACS_CAP + PCI_ACS_CAP, node->acs_is_empty ? 0 : 0x7f);
	put16(fn, CFG_ACS_CAP + PCI_ACS_CTRL, node->acs);
}

static struct fabric *bus_to_fabric(struct pci_bus *bus)
{
	return container_of(bus->sysdata, struct fabric, sysdata);
}

static unsigned long place(int parent, unsigned int devfn)
{
	return (parent + 1) << 8 | devfn;
}

/* By position, not by bus number: those are handed out during the scan. */
static struct fabric_function *find_function(struct pci_bus *bus,
					     unsigned int devfn)
{
	struct fabric *fabric = bus_to_fabric(bus);
	int parent = FABRIC_ROOT_BUS;

	if (bus->self)
		parent = find_function(bus->self->bus, bus->self->devfn) -
			 fabric->fn;
	return xa_load(&fabric->places, place(parent, devfn));
}

static int fabric_read(struct pci_bus *bus, unsigned int devfn, int where,
		       int size, u32 *value)
{
	struct fabric_function *fn = find_function(bus, devfn);

	if (!fn || fn->unreadable) {
		*value = ~0;
		return fn ? PCIBIOS_SUCCESSFUL : PCIBIOS_DEVICE_NOT_FOUND;
	}
	*value = 0;
	if (where + size <= CFG_SIZE)
		memcpy(value, fn->cfg + where, size);
	return PCIBIOS_SUCCESSFUL;
}

/* All else is read-only; BARs that stay 0 are not there. */
static bool is_writable(struct fabric_function *fn, int where)
{
	if (where >= PCI_PRIMARY_BUS && where < PCI_SEC_LATENCY_TIMER)
		return fabric_is_bridge(fn->node.type);
	if (where == PCI_COMMAND)
		return true;
	return where == CFG_ACS_CAP + PCI_ACS_CTRL && fn->node.has_acs;
}

static int fabric_write(struct pci_bus *bus, unsigned int devfn, int where,
			int size, u32 value)
{
	struct fabric_function *fn = find_function(bus, devfn);

	if (!fn)
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (is_writable(fn, where))
		memcpy(fn->cfg + where, &value, size);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops fabric_ops = {
	.read = fabric_read,
	.write = fabric_write,
};

static void set_resource(struct resource *res, unsigned long flags, u64 start,
			 u64 size)
{
	res->start = start;
	res->end = start + size - 1;
	res->flags = flags;
}

static void describe_windows(struct fabric *fabric, u64 bus_offset,
			     struct list_head *resources)
{
	set_resource(&fabric->busn, IORESOURCE_BUS, 0, 256);
	set_resource(&fabric->mem, IORESOURCE_MEM, FABRIC_MEM_BASE,
		     FABRIC_MEM_SIZE);
	pci_add_resource(resources, &fabric->busn);
	/* The offset is what is subtracted from CPU addresses. */
	pci_add_resource_offset(resources, &fabric->mem, 0 - bus_offset);
}

static struct fabric *fabric_alloc(const struct fabric_node *nodes,
				   size_t nr_nodes)
{
	struct fabric *fabric;
	int i;

	fabric = kvzalloc(struct_size(fabric, fn, nr_nodes), GFP_KERNEL);
	if (!fabric)
		return NULL;
	xa_init(&fabric->places);
	for (i = 0; i < nr_nodes; i++) {
		function_init(&fabric->fn[i], &nodes[i]);
		xa_store(&fabric->places,
			 place(nodes[i].parent, nodes[i].devfn),
			 &fabric->fn[i], GFP_KERNEL);
	}
	return fabric;
}

static void fabric_free(struct fabric *fabric)
{
	xa_destroy(&fabric->places);
	kvfree(fabric);
}

/**
 * fabric_create - a hierarchy behind a host bridge of its own
 * @nodes: the functions, parents first
 * @nr_nodes: their number
 * @bus_offset: bus address minus CPU address
 * @first_domain: the domain is this or one above
 *
 * Return: NULL if it can't be made. What the PCI core hasn't found of it,
 * fabric_dev() doesn't find.
 */
struct fabric *fabric_create(const struct fabric_node *nodes, size_t nr_nodes,
			     u64 bus_offset, int first_domain)
{
	struct fabric *fabric = fabric_alloc(nodes, nr_nodes);
	LIST_HEAD(resources);

	if (!fabric)
		return NULL;
	fabric->sysdata.domain = first_domain;
	while (pci_find_bus(fabric->sysdata.domain, 0))
		fabric->sysdata.domain++;
	fabric->sysdata.node = NUMA_NO_NODE;
	describe_windows(fabric, bus_offset, &resources);

	pci_lock_rescan_remove();
	fabric->bus = pci_scan_root_bus(NULL, 0, &fabric_ops, &fabric->sysdata,
					&resources);
	pci_unlock_rescan_remove();
	if (!fabric->bus) {
		pci_free_resource_list(&resources);
		fabric_free(fabric);
		return NULL;
	}
	return fabric;
}

void fabric_destroy(struct fabric *fabric)
{
	struct pci_host_bridge *host = to_pci_host_bridge(fabric->bus->bridge);

	pci_lock_rescan_remove();
	pci_stop_root_bus(fabric->bus);
	pci_remove_root_bus(fabric->bus);
	pci_unlock_rescan_remove();
	/* The reference that the scan has left to whoever asked for it */
	put_device(&host->dev);
	fabric_free(fabric);
}

/* The fabric keeps the device: the caller needs no reference. */
struct pci_dev *fabric_dev(struct fabric *fabric, int node)
{
	const struct fabric_node *n = &fabric->fn[node].node;
	struct pci_bus *bus = fabric->bus;
	struct pci_dev *pdev;

	if (n->parent != FABRIC_ROOT_BUS) {
		struct pci_dev *bridge = fabric_dev(fabric, n->parent);

		bus = bridge ? bridge->subordinate : NULL;
	}
	pdev = bus ? pci_get_slot(bus, n->devfn) : NULL;
	pci_dev_put(pdev);
	return pdev;
}

/* As a user does it, with setpci for instance */
void fabric_set_acs(struct fabric *fabric, int node, u16 acs)
{
	pci_user_write_config_word(fabric_dev(fabric, node),
				   CFG_ACS_CAP + PCI_ACS_CTRL, acs);
}

/* As nobody may: the kernel doesn't learn of it. */
void fabric_set_acs_unseen(struct fabric *fabric, int node, u16 acs)
{
	put16(&fabric->fn[node], CFG_ACS_CAP + PCI_ACS_CTRL, acs);
}

/* What reads of a device return that has dropped off its link */
void fabric_set_unreadable(struct fabric *fabric, int node, bool unreadable)
{
	fabric->fn[node].unreadable = unreadable;
}

void fabric_set_bar(struct pci_dev *pdev, int bar, u64 offset, u64 size)
{
	set_resource(&pdev->resource[bar], IORESOURCE_MEM,
		     FABRIC_MEM_BASE + offset, size);
}

/* A BAR that isn't memory, or has no address */
void fabric_set_odd_bar(struct pci_dev *pdev, int bar, unsigned long flags,
			u64 size)
{
	set_resource(&pdev->resource[bar], flags, 0, size);
}
