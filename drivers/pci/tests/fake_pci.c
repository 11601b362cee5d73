// SPDX-License-Identifier: GPL-2.0
/*
 * A made-up PCI hierarchy for tests: fake config space behind struct pci_ops
 */

#include <linux/bitfield.h>
#include <linux/console.h>
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu-dma.h>
#include <linux/log2.h>
#include <linux/memremap.h>
#include <linux/pci.h>
#include <linux/pci-ecam.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "fake_pci.h"

/* Config space: enough for a header, one capability and two extended ones */
#define CFG_SIZE	512
#define CFG_PCIE_CAP	0x40
#define CFG_ACS_CAP	0x100
#define CFG_SRIOV_CAP	0x140

#define CFG_DEVCTL	(CFG_PCIE_CAP + PCI_EXP_DEVCTL)
#define CFG_DEVCTL2	(CFG_PCIE_CAP + PCI_EXP_DEVCTL2)
#define CFG_ACS_CTRL	(CFG_ACS_CAP + PCI_ACS_CTRL)

/* Device Capabilities 2 and Device Control 2: pci_regs.h doesn't name them. */
#define TAG10_COMPLETER	BIT(16)
#define TAG10_REQUESTER	BIT(12)

/* On a link all other functions are in slot 0. */
#define VF_OFFSET	16
#define VF_STRIDE	8
#define VF_DEVICE	0x0002

/**
 * struct fake_pci_function - a function and its config space
 * @node: the table's entry; a VF's is derived from that of its PF
 * @pf: the PF, if it is a VF
 * @first_vf: index of a PF's first VF
 * @unreadable: reads return all ones
 * @cfg: config space
 * @writable: bits of @cfg that can be written
 */
struct fake_pci_function {
	struct fake_pci_node node;
	const struct fake_pci_function *pf;
	int first_vf;
	bool unreadable;
	u8 cfg[CFG_SIZE] __aligned(4);
	u8 writable[CFG_SIZE];
};

/*
 * What struct pci_bus::sysdata points to is up to the architecture. x86 reads
 * the domain there. With generic domains struct pci_host_bridge has that; ACPI
 * code of arm64 and riscv reads the parent of a config window, and takes NULL.
 */
#ifdef CONFIG_PCI_DOMAINS_GENERIC
#define fake_pci_sysdata	pci_config_window
#else
#define fake_pci_sysdata	pci_sysdata
#endif

/**
 * struct fake_pci - a hierarchy behind a host bridge of its own
 * @bus: its root bus
 * @domain: its number
 * @sysdata: in it: what a bus leads to
 * @busn: its bus numbers
 * @mem: its memory window
 * @places: functions, by fake_pci_place()
 * @reads: config reads so far
 * @scan_reads: those of them that may fail during a scan
 * @failing_read: the one that does; the first is 1
 * @is_scanning: ACS stays as the table has it
 * @nr_nodes: length of the table
 * @fn: the table's functions, then their VFs
 */
struct fake_pci {
	struct pci_bus *bus;
	int domain;
	struct fake_pci_sysdata sysdata;
	struct resource busn;
	struct resource mem;
	struct xarray places;
	unsigned int reads;
	unsigned int scan_reads;
	unsigned int failing_read;
	bool is_scanning;
	int nr_nodes;
	struct fake_pci_function fn[];
};

static void fake_pci_put16(u8 *cfg, int where, u16 value)
{
	memcpy(cfg + where, &value, sizeof(value));
}

static void fake_pci_put32(u8 *cfg, int where, u32 value)
{
	memcpy(cfg + where, &value, sizeof(value));
}

static u16 fake_pci_get16(const u8 *cfg, int where)
{
	u16 value;

	memcpy(&value, cfg + where, sizeof(value));
	return value;
}

static int fake_pci_pcie_type(enum fake_pci_type type)
{
	switch (type) {
	case FAKE_PCI_ENDPOINT:
		return PCI_EXP_TYPE_ENDPOINT;
	case FAKE_PCI_RC_ENDPOINT:
		return PCI_EXP_TYPE_RC_END;
	case FAKE_PCI_ROOT_PORT:
		return PCI_EXP_TYPE_ROOT_PORT;
	case FAKE_PCI_UPSTREAM:
		return PCI_EXP_TYPE_UPSTREAM;
	case FAKE_PCI_DOWNSTREAM:
		return PCI_EXP_TYPE_DOWNSTREAM;
	case FAKE_PCI_PCIE_TO_PCI:
		return PCI_EXP_TYPE_PCI_BRIDGE;
	default:
		return -1;
	}
}

/* BARs stay 0 when they are written: they are not there. */
static void fake_pci_init_header(struct fake_pci_function *fn)
{
	const struct fake_pci_node *node = &fn->node;
	bool is_bridge = fake_pci_is_bridge(node->type);

	fake_pci_put32(fn->cfg, PCI_VENDOR_ID, node->id ?: FAKE_PCI_ID);
	fake_pci_put16(fn->cfg, PCI_CLASS_DEVICE, node->class ?:
		       is_bridge ? PCI_CLASS_BRIDGE_PCI : PCI_CLASS_NOT_DEFINED);
	fn->cfg[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_MFD |
		(is_bridge ? PCI_HEADER_TYPE_BRIDGE : PCI_HEADER_TYPE_NORMAL);
	fake_pci_put16(fn->writable, PCI_COMMAND, 0xffff);
	if (is_bridge)
		fake_pci_put32(fn->writable, PCI_PRIMARY_BUS, 0x00ffffff);
}

/*
 * At the scan the PCI core gives RC endpoints the largest Max_Payload_Size
 * that they support, and all others that of the bridge above. So RC endpoints
 * support the smallest one only: after the scan all functions have that.
 */
static void fake_pci_init_pcie(struct fake_pci_function *fn)
{
	const struct fake_pci_node *node = &fn->node;
	int mps = node->type == FAKE_PCI_RC_ENDPOINT ? SZ_128 : SZ_4K;

	fake_pci_put16(fn->cfg, PCI_STATUS, PCI_STATUS_CAP_LIST);
	fn->cfg[PCI_CAPABILITY_LIST] = CFG_PCIE_CAP;
	fn->cfg[CFG_PCIE_CAP] = PCI_CAP_ID_EXP;
	fake_pci_put16(fn->cfg, CFG_PCIE_CAP + PCI_EXP_FLAGS,
		       2 | FIELD_PREP(PCI_EXP_FLAGS_TYPE,
				      fake_pci_pcie_type(node->type)));
	fake_pci_put32(fn->cfg, CFG_PCIE_CAP + PCI_EXP_DEVCAP,
		       FIELD_PREP(PCI_EXP_DEVCAP_PAYLOAD, ilog2(mps / SZ_128)));
	fake_pci_put32(fn->cfg, CFG_PCIE_CAP + PCI_EXP_DEVCAP2,
		       node->no_tag10 ? 0 : TAG10_COMPLETER);
	/* What a PF has there is reserved in a VF. */
	if (fn->pf)
		return;
	fake_pci_put16(fn->writable, CFG_DEVCTL, 0xffff);
	fake_pci_put16(fn->writable, CFG_DEVCTL2, 0xffff);
}

static void fake_pci_init_acs(struct fake_pci_function *fn)
{
	const struct fake_pci_node *node = &fn->node;
	u16 has = FAKE_PCI_ACS_CAP & ~node->acs_lacks;

	/* Bit 7 is ACS Enhanced Capability here, and a control there. */
	fake_pci_put16(fn->cfg, CFG_ACS_CAP + PCI_ACS_CAP,
		       has | (node->acs_enhanced ? BIT(7) : 0));
	has |= node->acs_enhanced ? FAKE_PCI_ACS_ENHANCED : 0;
	fake_pci_put16(fn->cfg, CFG_ACS_CTRL, node->acs & has);
	if (!node->acs_read_only)
		fake_pci_put16(fn->writable, CFG_ACS_CTRL, has);
}

/* What sriov_init() and sriov_enable() ask for. VFs have no BARs. */
static void fake_pci_init_sriov(struct fake_pci_function *fn)
{
	u8 *cap = fn->cfg + CFG_SRIOV_CAP, *writable = fn->writable;

	fake_pci_put32(cap, 0, PCI_EXT_CAP_ID_SRIOV | 1 << 16);
	if (!fn->node.nr_vfs)
		return;
	fake_pci_put16(cap, PCI_SRIOV_INITIAL_VF, fn->node.nr_vfs);
	fake_pci_put16(cap, PCI_SRIOV_TOTAL_VF, fn->node.nr_vfs);
	cap[PCI_SRIOV_FUNC_LINK] = fn->node.devfn;
	fake_pci_put16(cap, PCI_SRIOV_VF_OFFSET, VF_OFFSET);
	fake_pci_put16(cap, PCI_SRIOV_VF_STRIDE, VF_STRIDE);
	fake_pci_put16(cap, PCI_SRIOV_VF_DID, VF_DEVICE);
	fake_pci_put32(cap, PCI_SRIOV_SUP_PGSIZE, PAGE_SIZE / SZ_4K);
	fake_pci_put32(cap, PCI_SRIOV_SYS_PGSIZE, 1);
	fake_pci_put16(writable, CFG_SRIOV_CAP + PCI_SRIOV_CTRL, 0xffff);
	fake_pci_put16(writable, CFG_SRIOV_CAP + PCI_SRIOV_NUM_VF, 0xffff);
	fake_pci_put32(writable, CFG_SRIOV_CAP + PCI_SRIOV_SYS_PGSIZE, ~0);
}

static void fake_pci_init_function(struct fake_pci_function *fn)
{
	const struct fake_pci_node *node = &fn->node;

	fake_pci_init_header(fn);
	if (!fake_pci_is_pcie(node->type))
		return;
	fake_pci_init_pcie(fn);
	if (node->has_acs)
		fake_pci_init_acs(fn);
	if (node->has_sriov)
		fake_pci_init_sriov(fn);
	/* The list starts where ACS would be; the number 0 is skipped. */
	fake_pci_put32(fn->cfg, CFG_ACS_CAP,
		       (node->has_acs ? PCI_EXT_CAP_ID_ACS | 1 << 16 : 0) |
		       (node->has_sriov ? CFG_SRIOV_CAP << 20 : 0));
}

static struct fake_pci *bus_to_fabric(struct pci_bus *bus)
{
	return container_of(bus->sysdata, struct fake_pci, sysdata);
}

static unsigned long fake_pci_place(int parent, unsigned int devfn)
{
	return (parent + 1) << 8 | devfn;
}

static bool fake_pci_vfs_enabled(const struct fake_pci_function *pf)
{
	return fake_pci_get16(pf->cfg, CFG_SRIOV_CAP + PCI_SRIOV_CTRL) &
	       PCI_SRIOV_CTRL_VFE;
}

/* By position, not by bus number: those are handed out during the scan. */
static struct fake_pci_function *fake_pci_find(struct pci_bus *bus,
					       unsigned int devfn)
{
	struct fake_pci *fake = bus_to_fabric(bus);
	struct fake_pci_function *fn;
	int parent = FAKE_PCI_ROOT_BUS;

	if (bus->self)
		parent = fake_pci_find(bus->self->bus, bus->self->devfn) -
			 fake->fn;
	fn = xa_load(&fake->places, fake_pci_place(parent, devfn));
	return fn && fn->pf && !fake_pci_vfs_enabled(fn->pf) ? NULL : fn;
}

/*
 * The PCI core loses the memory of a function's name if it can't read the
 * header, which kmemleak is right to report: there only reads of capabilities
 * fail.
 */
static bool fake_pci_fails(struct fake_pci *fake, int where)
{
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) && where != PCI_STATUS &&
	    where < PCI_CAPABILITY_LIST)
		return false;
	return ++fake->scan_reads == fake->failing_read;
}

static int fake_pci_read(struct pci_bus *bus, unsigned int devfn, int where,
			 int size, u32 *value)
{
	struct fake_pci_function *fn = fake_pci_find(bus, devfn);
	struct fake_pci *fake = bus_to_fabric(bus);

	*value = ~0;
	if (!fn)
		return PCIBIOS_DEVICE_NOT_FOUND;
	fake->reads++;
	if (fn->unreadable || fake_pci_fails(fake, where) ||
	    (fn->node.no_ext && where >= PCI_CFG_SPACE_SIZE))
		return PCIBIOS_SUCCESSFUL;
	*value = 0;
	if (where + size <= CFG_SIZE)
		memcpy(value, fn->cfg + where, size);
	return PCIBIOS_SUCCESSFUL;
}

/*
 * If an IOMMU driver, or of_iommu_configure() of a machine without one, has
 * called pci_request_acs(), each scan turns ACS redirection on. What is tested
 * must not depend on that.
 */
static bool fake_pci_ignores(const struct fake_pci *fake, int where)
{
	return fake->is_scanning && where == CFG_ACS_CTRL;
}

static int fake_pci_write(struct pci_bus *bus, unsigned int devfn, int where,
			  int size, u32 value)
{
	struct fake_pci_function *fn = fake_pci_find(bus, devfn);
	int i;

	if (!fn)
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (fake_pci_ignores(bus_to_fabric(bus), where) ||
	    (fn->node.no_ext && where >= PCI_CFG_SPACE_SIZE))
		return PCIBIOS_SUCCESSFUL;
	for (i = where; i < where + size && i < CFG_SIZE; i++, value >>= 8) {
		fn->cfg[i] &= ~fn->writable[i];
		fn->cfg[i] |= value & fn->writable[i];
	}
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops fake_pci_ops = {
	.read = fake_pci_read,
	.write = fake_pci_write,
};

static void fake_pci_set_resource(struct resource *res, unsigned long flags,
				  u64 start, u64 size)
{
	res->start = start;
	res->end = start + size - 1;
	res->flags = flags;
}

static void fake_pci_describe_windows(struct fake_pci *fake, u64 bus_offset,
				      struct list_head *resources)
{
	fake_pci_set_resource(&fake->busn, IORESOURCE_BUS, 0, 256);
	fake_pci_set_resource(&fake->mem, IORESOURCE_MEM, FAKE_PCI_MEM_BASE,
			      FAKE_PCI_MEM_SIZE);
	pci_add_resource(resources, &fake->busn);
	/* The offset is what is subtracted from CPU addresses. */
	pci_add_resource_offset(resources, &fake->mem, 0 - bus_offset);
}

static void fake_pci_add_function(struct fake_pci *fake,
				  struct fake_pci_function *fn)
{
	fake_pci_init_function(fn);
	xa_store(&fake->places, fake_pci_place(fn->node.parent, fn->node.devfn),
		 fn, GFP_KERNEL);
}

static void fake_pci_add_vf(struct fake_pci *fake, struct fake_pci_function *pf,
			    int i)
{
	struct fake_pci_function *vf = &fake->fn[pf->first_vf + i];

	vf->pf = pf;
	vf->node = (struct fake_pci_node){
		.parent = pf->node.parent,
		.type = pf->node.type,
		.devfn = pf->node.devfn + VF_OFFSET + i * VF_STRIDE,
		.has_acs = pf->node.vf_has_acs,
		.acs = pf->node.vf_acs,
		.acs_lacks = pf->node.acs_lacks,
		.class = pf->node.class,
		.no_tag10 = pf->node.no_tag10,
	};
	fake_pci_add_function(fake, vf);
}

static void fake_pci_add_node(struct fake_pci *fake, int i,
			      const struct fake_pci_node *node, int first_vf)
{
	struct fake_pci_function *fn = &fake->fn[i];
	int vf;

	fn->node = *node;
	fn->first_vf = first_vf;
	fake_pci_add_function(fake, fn);
	for (vf = 0; vf < node->nr_vfs; vf++)
		fake_pci_add_vf(fake, fn, vf);
}

static struct fake_pci *fake_pci_alloc(const struct fake_pci_node *nodes,
				       size_t nr_nodes)
{
	size_t i, nr = nr_nodes;
	struct fake_pci *fake;

	for (i = 0; i < nr_nodes; i++)
		nr += nodes[i].nr_vfs;
	fake = kvzalloc(struct_size(fake, fn, nr), GFP_KERNEL);
	if (!fake)
		return NULL;
	xa_init(&fake->places);
	fake->nr_nodes = nr_nodes;
	nr = nr_nodes;
	for (i = 0; i < nr_nodes; i++) {
		fake_pci_add_node(fake, i, &nodes[i], nr);
		nr += nodes[i].nr_vfs;
	}
	return fake;
}

static void fake_pci_free(struct fake_pci *fake)
{
	xa_destroy(&fake->places);
	kvfree(fake);
}

/*
 * Scans are logged as those of real devices are, thousands of lines: only
 * warnings go to the console, and results stay in sight. The line printed here
 * ends the record before it, which KUnit leaves open, and which would be held
 * back with the rest.
 */
static int fake_pci_be_quiet(const struct fake_pci *fake, const char *what)
{
	int level = console_loglevel;

	pr_info("%s: domain %x, %d functions\n", what, fake->domain, fake->nr_nodes);
	console_lock();
	console_unlock();
	console_loglevel = min(level, LOGLEVEL_NOTICE);
	return level;
}

static void fake_pci_may_speak(int level)
{
	console_lock();
	console_unlock();
	console_loglevel = level;
}

#ifdef CONFIG_PCI_DOMAINS_GENERIC
static void fake_pci_set_domain(struct fake_pci *fake,
				struct pci_host_bridge *host)
{
	host->domain_nr = fake->domain;
}
#else
static void fake_pci_set_domain(struct fake_pci *fake,
				struct pci_host_bridge *host)
{
	fake->sysdata.domain = fake->domain;
	fake->sysdata.node = NUMA_NO_NODE;
}
#endif

/* Frees @resources, now or with the host bridge. */
static struct pci_bus *fake_pci_scan(struct fake_pci *fake,
				     struct list_head *resources)
{
	struct pci_host_bridge *host = pci_alloc_host_bridge(0);

	if (!host) {
		pci_free_resource_list(resources);
		return NULL;
	}
	list_splice_init(resources, &host->windows);
	host->sysdata = &fake->sysdata;
	host->ops = &fake_pci_ops;
	fake_pci_set_domain(fake, host);
	if (!pci_scan_root_bus_bridge(host))
		return host->bus;
	pci_free_host_bridge(host);
	return NULL;
}

/**
 * fake_pci_create_failing() - Make a hierarchy, and let a read of its scan fail
 * @nodes: the functions, parents first
 * @nr_nodes: their number
 * @bus_offset: bus address minus CPU address
 * @first_domain: the domain is this or one above
 * @nth: the config read that returns all ones; 1 is the first, 0 is none.
 *	Reads after the scan work. There must be no VFs: the PCI core reserves
 *	buses for as many as it reads, and recurses when it has no more buses.
 *
 * Return: NULL if it can't be made. What the PCI core hasn't found of it,
 * fake_pci_dev() doesn't find.
 */
struct fake_pci *fake_pci_create_failing(const struct fake_pci_node *nodes,
					 size_t nr_nodes, u64 bus_offset,
					 int first_domain, unsigned int nth)
{
	struct fake_pci *fake = fake_pci_alloc(nodes, nr_nodes);
	LIST_HEAD(resources);
	int level;

	if (!fake)
		return NULL;
	fake->domain = first_domain;
	while (pci_find_bus(fake->domain, 0))
		fake->domain++;
	fake->failing_read = nth;
	fake_pci_describe_windows(fake, bus_offset, &resources);

	fake->is_scanning = true;
	level = fake_pci_be_quiet(fake, "scan");
	pci_lock_rescan_remove();
	fake->bus = fake_pci_scan(fake, &resources);
	pci_unlock_rescan_remove();
	fake_pci_may_speak(level);
	fake->is_scanning = false;
	fake->failing_read = 0;
	if (!fake->bus) {
		fake_pci_free(fake);
		return NULL;
	}
	return fake;
}

struct fake_pci *fake_pci_create(const struct fake_pci_node *nodes,
				 size_t nr_nodes, u64 bus_offset,
				 int first_domain)
{
	return fake_pci_create_failing(nodes, nr_nodes, bus_offset, first_domain,
				       0);
}

/* The PCI core doesn't release a PF whose VFs are enabled. */
static void fake_pci_disable_vfs(struct fake_pci *fake)
{
	int i;

	for (i = 0; i < fake->nr_nodes; i++) {
		struct pci_dev *pdev = NULL;

		if (fake->fn[i].node.nr_vfs)
			pdev = fake_pci_dev(fake, i);
		if (pdev)
			pci_disable_sriov(pdev);
	}
}

void fake_pci_destroy(struct fake_pci *fake)
{
	struct pci_host_bridge *host = to_pci_host_bridge(fake->bus->bridge);
	int level = fake_pci_be_quiet(fake, "removal");

	fake_pci_disable_vfs(fake);
	pci_lock_rescan_remove();
	pci_stop_root_bus(fake->bus);
	pci_remove_root_bus(fake->bus);
	pci_unlock_rescan_remove();
	fake_pci_may_speak(level);
	/* The reference that the scan has left to its caller */
	put_device(&host->dev);
	fake_pci_free(fake);
}

/* The fake keeps the device: the caller needs no reference. */
static struct pci_dev *fake_pci_borrow(struct pci_bus *bus, unsigned int devfn)
{
	struct pci_dev *pdev = bus ? pci_get_slot(bus, devfn) : NULL;

	pci_dev_put(pdev);
	return pdev;
}

struct pci_dev *fake_pci_dev(struct fake_pci *fake, int node)
{
	const struct fake_pci_node *n = &fake->fn[node].node;
	struct pci_bus *bus = fake->bus;

	if (n->parent != FAKE_PCI_ROOT_BUS) {
		struct pci_dev *bridge = fake_pci_dev(fake, n->parent);

		bus = bridge ? bridge->subordinate : NULL;
	}
	return fake_pci_borrow(bus, n->devfn);
}

/* Of all functions, also of those that aren't there */
/* Reads that fake_pci_create_failing() could have let fail */
unsigned int fake_pci_scan_reads(struct fake_pci *fake)
{
	return fake->scan_reads;
}

unsigned int fake_pci_reads(struct fake_pci *fake)
{
	return fake->reads;
}

/**
 * fake_pci_enable_vfs() - Enable all VFs of a PF
 * @fake: the hierarchy; they end with it
 * @node: the PF
 *
 * Return: 0, or an error of pci_enable_sriov(), which sleeps for 100 ms.
 */
int fake_pci_enable_vfs(struct fake_pci *fake, int node)
{
	int error;

	fake->is_scanning = true;
	error = pci_enable_sriov(fake_pci_dev(fake, node),
				 fake->fn[node].node.nr_vfs);
	fake->is_scanning = false;
	return error;
}

struct pci_dev *fake_pci_vf(struct fake_pci *fake, int node, int i)
{
	const struct fake_pci_function *pf = &fake->fn[node];

	return fake_pci_borrow(fake_pci_dev(fake, node)->bus,
			       fake->fn[pf->first_vf + i].node.devfn);
}

/* A user's write, as setpci does it */
void fake_pci_set_acs(struct fake_pci *fake, int node, u16 acs)
{
	pci_user_write_config_word(fake_pci_dev(fake, node), CFG_ACS_CTRL, acs);
}

void fake_pci_set_vf_acs(struct fake_pci *fake, int node, int i, u16 acs)
{
	pci_user_write_config_word(fake_pci_vf(fake, node, i), CFG_ACS_CTRL,
				   acs);
}

/* The register changes, and the kernel doesn't learn of it. */
void fake_pci_set_acs_unseen(struct fake_pci *fake, int node, u16 acs)
{
	fake_pci_put16(fake->fn[node].cfg, CFG_ACS_CTRL, acs);
}

/* Reads of a device that has dropped off its link return all ones. */
void fake_pci_set_unreadable(struct fake_pci *fake, int node, bool unreadable)
{
	fake->fn[node].unreadable = unreadable;
}

/* A user's write of Max_Payload_Size: a power of two from 128 to 4096 bytes */
void fake_pci_set_mps(struct fake_pci *fake, int node, int mps)
{
	u16 ctl = fake_pci_get16(fake->fn[node].cfg, CFG_DEVCTL);

	ctl &= ~PCI_EXP_DEVCTL_PAYLOAD;
	ctl |= FIELD_PREP(PCI_EXP_DEVCTL_PAYLOAD, ilog2(mps / SZ_128));
	pci_user_write_config_word(fake_pci_dev(fake, node), CFG_DEVCTL, ctl);
}

/* A user's write of 10-Bit Tag Requester Enable */
void fake_pci_set_tags(struct fake_pci *fake, int node, bool requester)
{
	pci_user_write_config_word(fake_pci_dev(fake, node), CFG_DEVCTL2,
				   requester ? TAG10_REQUESTER : 0);
}

/* Memory that is decoded */
void fake_pci_set_bar(struct pci_dev *pdev, int bar, u64 offset, u64 size)
{
	struct fake_pci_function *fn = fake_pci_find(pdev->bus, pdev->devfn);

	fake_pci_set_resource(&pdev->resource[bar], IORESOURCE_MEM,
			      FAKE_PCI_MEM_BASE + offset, size);
	fake_pci_put16(fn->cfg, PCI_COMMAND, PCI_COMMAND_MEMORY);
	fake_pci_put32(fn->cfg, PCI_BASE_ADDRESS_0 + 4 * bar,
		       lower_32_bits(pci_bus_address(pdev, bar)));
}

/* A BAR that isn't memory, or has no address */
void fake_pci_set_odd_bar(struct pci_dev *pdev, int bar, unsigned long flags,
			  u64 size)
{
	fake_pci_set_resource(&pdev->resource[bar], flags, 0, size);
}

/**
 * fake_pci_foreign_pages() - Make pages of the type of p2pmem, as other drivers do
 * @pgmap: zeroed; for memunmap_pages()
 *
 * Return: their address, or an error pointer. Physically they are 2 MiB at
 * FAKE_PCI_MEM_BASE + SZ_1G.
 */
void *fake_pci_foreign_pages(struct dev_pagemap *pgmap)
{
	static const struct dev_pagemap_ops ops = {};

	pgmap->type = MEMORY_DEVICE_PCI_P2PDMA;
	pgmap->ops = &ops;
	pgmap->nr_range = 1;
	pgmap->range.start = FAKE_PCI_MEM_BASE + SZ_1G;
	pgmap->range.end = pgmap->range.start + SZ_2M - 1;
	return memremap_pages(pgmap, NUMA_NO_NODE);
}

/**
 * fake_pci_set_translated() - Let a device look as if an IOMMU translated its DMA
 * @pdev: the device. It must not map anything then: there is no IOMMU.
 * @translated: whether it shall
 *
 * Return: whether it does now. Without CONFIG_IOMMU_DMA it never does.
 */
bool fake_pci_set_translated(struct pci_dev *pdev, bool translated)
{
#ifdef DMA_F_PCI_P2PDMA_SUPPORTED
	/* Kernels whose dma-iommu.c still has a struct dma_map_ops */
	static const struct dma_map_ops iommu_ops = {
		.flags = DMA_F_PCI_P2PDMA_SUPPORTED,
	};

	set_dma_ops(&pdev->dev, translated ? &iommu_ops : NULL);
#elif defined(CONFIG_IOMMU_DMA)
	pdev->dev.dma_iommu = translated;
#endif
	return use_dma_iommu(&pdev->dev);
}
