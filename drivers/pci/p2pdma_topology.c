// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: can this client reach that provider, and how?
 *	PCIe r6.0, sec 6.12 (ACS), sec 6.2.8.1 (routing errors)
 *
 * One function over an ordered pair. It follows pointers up the PCI tree and
 * looks at words that p2pdma_shadow.c and p2pdma_host.c keep: it reads no
 * config space, takes no lock, allocates and prints nothing, and may be called
 * in any context. References on both functions keep all that it looks at.
 *
 * Where a rule can't be decided, the answer is no.
 *
 *            common bridge         The two sides are switch ports, or client
 *             /         \          and provider themselves as functions of
 *     client side    provider      one device; the specification says the
 *        /            side         same of both. ACS of the client's side
 *       :               :          redirects requests, that of the provider's
 *     client         provider      side completions. Ports below the sides
 *                                  only forward upstream. Ports above matter
 *                                  for what is redirected.
 */

#include <linux/bitfield.h>
#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/minmax.h>
#include <linux/pci.h>

#include "pci.h"
#include "p2pdma_topology.h"

/* Bits 12:7 of ACS Control, r5.0 on: they block or redirect (sec 7.7.11.3). */
#define P2PDMA_ACS_CTRL_ENHANCED	GENMASK(12, 7)

static const char * const p2pdma_reason_texts[] = {
	[P2PDMA_SAME_FUNCTION]	  = "same function",
	[P2PDMA_COMMON_BRIDGE]	  = "routed at a common bridge",
	[P2PDMA_MULTI_FUNCTION]	  = "routed inside a multi-function device",
	[P2PDMA_CONVENTIONAL]	  = "routed by a conventional PCI hierarchy",
	[P2PDMA_UNTRUSTED]	  = "device is not trusted",
	[P2PDMA_ACS_REQ_REDIR]	  = "requests are redirected upstream",
	[P2PDMA_ACS_CMPLT_REDIR]  = "completions are redirected upstream",
	[P2PDMA_ACS_EGRESS]	  = "ACS egress control may block requests",
	[P2PDMA_ACS_ENHANCED]	  = "ACS enhanced controls may block requests",
	[P2PDMA_ACS_UNKNOWN]	  = "ACS registers were not readable",
	[P2PDMA_NO_UPSTREAM_FORWARDING] = "redirected packets are not forwarded upstream",
	[P2PDMA_ROOT_COMPLEX]	  = "path crosses the root complex",
	[P2PDMA_NO_HOST_BRIDGE]	  = "path crosses a root complex without host bridge or root port",
	[P2PDMA_WRITES_ONLY]	  = "root complex routes writes only",
	[P2PDMA_MEM_ENCRYPT]	  = "host memory encryption changes addresses",
	[P2PDMA_DMA_MASK]	  = "addresses don't fit the DMA mask",
	[P2PDMA_SWIOTLB]	  = "DMA is bounced through host memory",
	[P2PDMA_PAYLOAD_SIZE]	  = "payload sizes differ",
	[P2PDMA_TAG_SIZE]	  = "10-bit tags are not supported",
	[P2PDMA_REMOVED]	  = "device has been removed",
};

const char *p2pdma_reason_text(enum p2pdma_reason reason)
{
	return p2pdma_reason_texts[reason];
}

/* Root complexes */

#define P2PDMA_ID(vendor, device)	((u32)(vendor) << 16 | (device))
#define P2PDMA_ANY_DEVICE		0xffff

/*
 * Host bridges and root ports whose root complex routes from peer to peer,
 * between its own root ports, or also to other host bridges in this table.
 * Numbers: facts of the lists of the same purpose in Linux 6.12, and where
 * marked, in Linux 7. Names: the PCI ID repository.
 */
static const struct {
	u32 id;
	u64 routes;
} p2pdma_known_hosts[] = {
	/* Xeon E5 (Sandy Bridge): DMI2, as a host bridge and as a port */
	{ P2PDMA_ID(PCI_VENDOR_ID_INTEL, 0x3c00), P2PDMA_HOST_SAME },
	{ P2PDMA_ID(PCI_VENDOR_ID_INTEL, 0x3c01), P2PDMA_HOST_SAME },
	/* Xeon E5 v3, Xeon E7 v3 (Haswell) */
	{ P2PDMA_ID(PCI_VENDOR_ID_INTEL, 0x2f00), P2PDMA_HOST_SAME },
	{ P2PDMA_ID(PCI_VENDOR_ID_INTEL, 0x2f01), P2PDMA_HOST_SAME },
	/* Xeon Scalable (Sky Lake-E): DMI3, then root ports A to D */
	{ P2PDMA_ID(PCI_VENDOR_ID_INTEL, 0x2020), P2PDMA_HOST_ALL },
	{ P2PDMA_ID(PCI_VENDOR_ID_INTEL, 0x2030), P2PDMA_HOST_ALL },
	{ P2PDMA_ID(PCI_VENDOR_ID_INTEL, 0x2031), P2PDMA_HOST_ALL },
	{ P2PDMA_ID(PCI_VENDOR_ID_INTEL, 0x2032), P2PDMA_HOST_ALL },
	{ P2PDMA_ID(PCI_VENDOR_ID_INTEL, 0x2033), P2PDMA_HOST_ALL },
	/* Xeon Scalable (Ice Lake): Memory Map/VT-d */
	{ P2PDMA_ID(PCI_VENDOR_ID_INTEL, 0x09a2), P2PDMA_HOST_ALL },
	/* Google SoCs (7) */
	{ P2PDMA_ID(0x1ae0, P2PDMA_ANY_DEVICE), P2PDMA_HOST_SAME },
	/* NVIDIA host bridges (7) */
	{ P2PDMA_ID(PCI_VENDOR_ID_NVIDIA, 0x2f95), P2PDMA_HOST_SAME },
	{ P2PDMA_ID(PCI_VENDOR_ID_NVIDIA, 0x2f96), P2PDMA_HOST_SAME },
	{ P2PDMA_ID(PCI_VENDOR_ID_NVIDIA, 0x2f97), P2PDMA_HOST_SAME },
	{ P2PDMA_ID(PCI_VENDOR_ID_NVIDIA, 0x2f98), P2PDMA_HOST_SAME },
	/* Zhaoxin host bridges (7) */
	{ P2PDMA_ID(PCI_VENDOR_ID_ZHAOXIN, 0x1003), P2PDMA_HOST_SAME },
	{ P2PDMA_ID(PCI_VENDOR_ID_ZHAOXIN, 0x1005), P2PDMA_HOST_SAME },
	{ P2PDMA_ID(PCI_VENDOR_ID_ZHAOXIN, 0x1006), P2PDMA_HOST_SAME },
	{ P2PDMA_ID(PCI_VENDOR_ID_ZHAOXIN, 0x1007), P2PDMA_HOST_SAME },
	{ P2PDMA_ID(PCI_VENDOR_ID_ZHAOXIN, 0x1008), P2PDMA_HOST_ALL },
};

/*
 * Accelerators (DSA, IAA, QAT) of Xeons whose root complex routes; they come
 * first on root buses that may have no host bridge function (7).
 */
static const u16 p2pdma_accelerators[] = {
	0x0b25, 0x0cfe, 0x11fb, 0x1212, 0x1216,
	0x4940, 0x4942, 0x4944, 0x4946, 0x4948,
};

/* P2PDMA_HOST_* of what a root complex routes; 0 if it is unknown */
static u64 p2pdma_known_host(u32 id)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(p2pdma_known_hosts); i++)
		if (p2pdma_known_hosts[i].id == id ||
		    p2pdma_known_hosts[i].id == (id | P2PDMA_ANY_DEVICE))
			return p2pdma_known_hosts[i].routes;
	return 0;
}

static bool p2pdma_is_accelerator(u32 id)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(p2pdma_accelerators); i++)
		if (id == P2PDMA_ID(PCI_VENDOR_ID_INTEL, p2pdma_accelerators[i]))
			return true;
	return false;
}

static bool p2pdma_is_root_port(struct pci_dev *pdev)
{
	return pci_pcie_type(pdev) == PCI_EXP_TYPE_ROOT_PORT;
}

/*
 * How well a function on a root bus identifies the host bridge; 0: it doesn't.
 * From P2PDMA_RANK_KNOWN on its number is in the table, or allowed. Xeons have
 * a function at 00.0 that the table knows by its number, and that is not of the
 * host bridge class. An endpoint says nothing of its root complex, and an
 * operator can't allow one.
 */
#define P2PDMA_RANK_KNOWN	3

static unsigned int p2pdma_rank(struct pci_dev *pdev, bool in_table, bool known)
{
	if (pdev->class >> 8 == PCI_CLASS_BRIDGE_HOST)
		return known ? P2PDMA_RANK_KNOWN + 2 : 2;
	if (pdev->devfn == PCI_DEVFN(0, 0) && in_table &&
	    pdev->vendor == PCI_VENDOR_ID_INTEL &&
	    (!pci_is_pcie(pdev) || pci_pcie_type(pdev) == PCI_EXP_TYPE_RC_END))
		return P2PDMA_RANK_KNOWN + 1;
	if (p2pdma_is_root_port(pdev))
		return known ? P2PDMA_RANK_KNOWN : 1;
	return 0;
}

/**
 * p2pdma_host_add() - Add what a function on a root bus tells of it
 * @host: what is known of the root complex so far
 * @pdev: the function
 * @allowed: P2PDMA_HOST_* that the operator vouches for with its number
 * @cpu_routes: the processor is of a family that routes
 *
 * Context: Any.
 * Return: what is known now.
 */
u64 p2pdma_host_add(u64 host, struct pci_dev *pdev, u64 allowed,
		    bool cpu_routes)
{
	u32 id = p2pdma_id(pdev);
	u64 listed = p2pdma_known_host(id), routes = listed | allowed;
	unsigned int rank = p2pdma_rank(pdev, listed, routes);

	if (rank > FIELD_GET(P2PDMA_HOST_RANK, host)) {
		if (FIELD_GET(P2PDMA_HOST_RANK, host) >= P2PDMA_RANK_KNOWN)
			host &= ~P2PDMA_HOST_ALL;
		host &= ~(P2PDMA_HOST_RANK | P2PDMA_HOST_ID);
		host |= FIELD_PREP(P2PDMA_HOST_RANK, rank) | id | routes;
	}
	if (cpu_routes ||
	    (pdev->devfn == PCI_DEVFN(0, 0) && p2pdma_is_accelerator(id)))
		host |= P2PDMA_HOST_ALL;
	/* A root port contradicts what firmware says of the bus. */
	if (p2pdma_is_root_port(pdev))
		host |= P2PDMA_HOST_PCIE;
	if (host & P2PDMA_HOST_PCIE)
		host &= ~P2PDMA_HOST_CONVENTIONAL;
	return host;
}

/* The path */

/**
 * struct p2pdma_path - where the paths from two functions up the tree meet
 * @common: the nearest bridge above (or at) both, NULL if there is none
 * @provider_side: the last function below @common, or on the root bus
 * @client_side: the client's last function there
 */
struct p2pdma_path {
	struct pci_dev *common;
	struct pci_dev *provider_side;
	struct pci_dev *client_side;
};

/* Of a bridge, which is no VF; a root bus has no ->self. */
static __always_inline struct pci_dev *p2pdma_above(struct pci_dev *bridge)
{
	return bridge->bus->self;
}

/* Of any function, as pci_upstream_bridge() */
static __always_inline struct pci_dev *p2pdma_up(struct pci_dev *pdev)
{
	return p2pdma_above(pci_physfn(pdev));
}

static __always_inline struct p2pdma_path p2pdma_find_path(struct pci_dev *p,
							   struct pci_dev *c)
{
	struct pci_dev *provider_side = p, *client_side = c;

	while (p->depth > c->depth) {
		provider_side = p;
		p = p2pdma_up(p);
	}
	while (c->depth > p->depth) {
		client_side = c;
		c = p2pdma_up(c);
	}
	if (p != c) {
		provider_side = p;
		client_side = c;
		p = p2pdma_up(p);
		c = p2pdma_up(c);
	}
	/* From here on there are only bridges. */
	while (p != c) {
		provider_side = p;
		client_side = c;
		p = p2pdma_above(p);
		c = p2pdma_above(c);
	}
	return (struct p2pdma_path){ p, provider_side, client_side };
}

/* Up from one and down to the other; without @common by way of the root bus */
static __always_inline unsigned int p2pdma_hops(struct pci_dev *provider,
						struct pci_dev *client,
						struct pci_dev *common)
{
	int top = common ? common->depth : -1;

	return provider->depth + client->depth - 2 * top;
}

/**
 * p2pdma_distance() - Count the hops between two functions in the PCI tree
 * @provider: a function
 * @client: another one, or the same
 *
 * Context: Any. The caller holds references on both.
 * Return: the distance that p2pdma_verdict() has, unless it refuses.
 */
unsigned int p2pdma_distance(struct pci_dev *provider, struct pci_dev *client)
{
	struct p2pdma_path path = p2pdma_find_path(provider, client);

	return p2pdma_hops(provider, client, path.common);
}

static __always_inline u16 p2pdma_acs(struct pci_dev *pdev)
{
	return READ_ONCE(pdev->acs_ctrl);
}

/*
 * The rules. What is rare is out of line: then a packet that turns at the common
 * bridge costs a walk, and no saving of registers.
 */

static struct p2pdma_verdict p2pdma_direct(unsigned int hops,
					   enum p2pdma_reason reason,
					   struct pci_dev *at)
{
	return (struct p2pdma_verdict){
		PCI_P2PDMA_MAP_BUS_ADDR, hops, reason, at
	};
}

/* At the bridge above both, which no ACS control keeps the packets from */
static __always_inline struct p2pdma_verdict p2pdma_turns(struct pci_dev *at,
							  unsigned int hops)
{
	return p2pdma_direct(hops, pcie_downstream_port(at) ?
			     P2PDMA_MULTI_FUNCTION : P2PDMA_COMMON_BRIDGE, at);
}

/*
 * From below one host bridge to below another one, or the same. Optional for a
 * root complex (sec 1.3.1): only where it is known to route.
 */
static struct p2pdma_verdict
p2pdma_through_host(unsigned int hops, struct pci_host_bridge *from,
		    struct pci_host_bridge *to, enum p2pdma_reason reason,
		    struct pci_dev *at)
{
	u64 host_a = READ_ONCE(from->p2pdma), host_b = READ_ONCE(to->p2pdma);
	u64 routes = host_a & host_b &
		     (from == to ? P2PDMA_HOST_SAME : P2PDMA_HOST_ANY);

	if (!(routes & P2PDMA_HOST_WRITE)) {
		if (reason == P2PDMA_ROOT_COMPLEX &&
		    (!(host_a & P2PDMA_HOST_ID) || !(host_b & P2PDMA_HOST_ID)))
			reason = P2PDMA_NO_HOST_BRIDGE;
		return p2pdma_refuse(reason, at);
	}
	if (cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT))
		return p2pdma_refuse(P2PDMA_MEM_ENCRYPT, at);
	if (!(routes & P2PDMA_HOST_READ))
		reason = P2PDMA_WRITES_ONLY;
	return (struct p2pdma_verdict){
		PCI_P2PDMA_MAP_THRU_HOST_BRIDGE, hops, reason, at
	};
}

/*
 * The target is memory of a port beside the client's port, which has enhanced
 * controls for requests to it: of all downstream ports of its switch.
 */
static bool p2pdma_blocks_port(u16 client_acs, struct pci_dev *provider,
			       struct pci_dev *provider_side)
{
	return client_acs & P2PDMA_ACS_CTRL_ENHANCED &&
	       client_acs != P2PDMA_UNKNOWN && provider == provider_side &&
	       pcie_downstream_port(provider);
}

/*
 * No bridge is above both: the paths part on root buses. A PCIe function on a
 * conventional root bus isn't there: a hypervisor passes it through, and what
 * is really between it and others can't be known.
 */
static noinline struct p2pdma_verdict
p2pdma_at_root(struct pci_dev *provider, struct pci_dev *provider_side,
	       struct pci_dev *side, unsigned int hops)
{
	struct pci_host_bridge *host = p2pdma_host_of(provider_side);
	struct pci_host_bridge *client_host = p2pdma_host_of(side);
	u16 acs = p2pdma_acs(side);

	if (host == client_host &&
	    READ_ONCE(host->p2pdma) & P2PDMA_HOST_CONVENTIONAL &&
	    !pci_is_pcie(side) && !pci_is_pcie(provider_side))
		return p2pdma_direct(hops, P2PDMA_CONVENTIONAL, side);
	if (acs == P2PDMA_UNKNOWN)
		return p2pdma_refuse(P2PDMA_ACS_UNKNOWN, side);
	if (p2pdma_blocks_port(acs, provider, provider_side))
		return p2pdma_refuse(P2PDMA_ACS_ENHANCED, side);
	if ((acs & (PCI_ACS_RR | PCI_ACS_EC)) == PCI_ACS_EC)
		return p2pdma_refuse(P2PDMA_ACS_EGRESS, side);
	return p2pdma_through_host(hops, client_host, host, P2PDMA_ROOT_COMPLEX,
				   side);
}

/*
 * One of the two is above the other, so the target or the source is the
 * bridge itself. What untranslated requests pass on their way to it is decided
 * by the enhanced controls only.
 */
static noinline struct p2pdma_verdict
p2pdma_to_bridge(struct pci_dev *lower, struct pci_dev *bridge,
		 unsigned int hops)
{
	u16 acs;

	do {
		lower = p2pdma_up(lower);
		acs = p2pdma_acs(lower);
		if (acs == P2PDMA_UNKNOWN)
			return p2pdma_refuse(P2PDMA_ACS_UNKNOWN, lower);
		if (acs & P2PDMA_ACS_CTRL_ENHANCED)
			return p2pdma_refuse(P2PDMA_ACS_ENHANCED, lower);
	} while (lower != bridge);
	return p2pdma_direct(hops, P2PDMA_COMMON_BRIDGE, bridge);
}

/*
 * A redirected packet goes up. Where it comes in at a downstream port its
 * destination is behind that same port, and only Upstream Forwarding sends it
 * on (sec 6.12.1.1); what its capability lacks isn't taken for granted here. A
 * conventional bridge never does.
 *
 * Return: the first port that doesn't, NULL if none.
 */
static struct pci_dev *p2pdma_find_turn(struct pci_dev *bridge)
{
	for (; bridge; bridge = p2pdma_above(bridge)) {
		u16 acs = p2pdma_acs(bridge);

		if (pci_is_pcie(bridge) &&
		    pci_pcie_type(bridge) == PCI_EXP_TYPE_UPSTREAM)
			continue;
		if (acs == P2PDMA_UNKNOWN || !(acs & PCI_ACS_UF))
			return bridge;
	}
	return NULL;
}

/*
 * ACS on one side, read once, may redirect or block. Requests that an IOMMU
 * translates carry other addresses, which no port on the way up claims; those
 * that the client has translated itself (ATS) don't, and completions are
 * routed by ID.
 */
static noinline struct p2pdma_verdict
p2pdma_controlled(struct pci_dev *provider, struct pci_dev *client,
		  u16 client_acs, u16 provider_acs)
{
	struct p2pdma_path path = p2pdma_find_path(provider, client);
	bool requests = client_acs & PCI_ACS_RR;
	bool completions = provider_acs & PCI_ACS_CR;
	unsigned int hops = p2pdma_hops(provider, client, path.common);
	struct pci_host_bridge *host;
	struct pci_dev *turn = NULL;

	if (p2pdma_blocks_port(client_acs, provider, path.provider_side))
		return p2pdma_refuse(P2PDMA_ACS_ENHANCED, path.client_side);
	if (!(client_acs & (PCI_ACS_RR | PCI_ACS_EC)) && !completions)
		return p2pdma_turns(path.common, hops);
	if (client_acs == P2PDMA_UNKNOWN)
		return p2pdma_refuse(P2PDMA_ACS_UNKNOWN, path.client_side);
	if (provider_acs == P2PDMA_UNKNOWN)
		return p2pdma_refuse(P2PDMA_ACS_UNKNOWN, path.provider_side);
	if (!requests && client_acs & PCI_ACS_EC)
		return p2pdma_refuse(P2PDMA_ACS_EGRESS, path.client_side);
	if (completions || client->ats_enabled || !use_dma_iommu(&client->dev))
		turn = p2pdma_find_turn(path.common);
	if (turn)
		return p2pdma_refuse(p2pdma_acs(turn) == P2PDMA_UNKNOWN ?
				     P2PDMA_ACS_UNKNOWN :
				     P2PDMA_NO_UPSTREAM_FORWARDING, turn);
	host = p2pdma_host_of(path.common);
	return p2pdma_through_host(hops, host, host,
				   requests ? P2PDMA_ACS_REQ_REDIR :
					      P2PDMA_ACS_CMPLT_REDIR,
				   requests ? path.client_side :
					      path.provider_side);
}

/**
 * p2pdma_verdict() - Judge the path of an ordered pair
 * @provider: the device whose BAR is addressed; it needs no p2pmem
 * @client: the device that sends the requests
 *
 * Context: Any. The caller holds references on both.
 * Return: the verdict, of the path only: addresses and sizes are questions of
 * their own.
 */
__flatten struct p2pdma_verdict p2pdma_verdict(struct pci_dev *provider,
					       struct pci_dev *client)
{
	u16 client_acs, provider_acs;
	struct p2pdma_path path;
	unsigned int hops;

	if (provider == client)
		return p2pdma_direct(0, P2PDMA_SAME_FUNCTION, provider);
	if (provider->untrusted)
		return p2pdma_refuse(P2PDMA_UNTRUSTED, provider);
	if (client->untrusted)
		return p2pdma_refuse(P2PDMA_UNTRUSTED, client);
	path = p2pdma_find_path(provider, client);
	hops = p2pdma_hops(provider, client, path.common);
	if (!path.common)
		return p2pdma_at_root(provider, path.provider_side,
				      path.client_side, hops);
	if (path.common == provider)
		return p2pdma_to_bridge(client, provider, hops);
	if (path.common == client)
		return p2pdma_to_bridge(provider, client, hops);
	/*
	 * Both sides are on the secondary bus of the common bridge. Unknown
	 * words have all bits set. On a conventional bus there is no ACS: all
	 * functions on it hear each other.
	 */
	client_acs = p2pdma_acs(path.client_side);
	provider_acs = p2pdma_acs(path.provider_side);
	if (client_acs & (PCI_ACS_RR | PCI_ACS_EC | P2PDMA_ACS_CTRL_ENHANCED) ||
	    provider_acs & PCI_ACS_CR)
		return p2pdma_controlled(provider, client, client_acs,
					 provider_acs);
	return p2pdma_turns(path.common, hops);
}

/**
 * p2pdma_check_resource() - Judge a pair whose client has no pages to map
 * @verdict: of the path
 * @provider: the device whose BAR is addressed
 * @client: the device that sends the requests
 *
 * dma_map_resource() never gives bus addresses. What an IOMMU translates goes up
 * to the root complex, also where there is a shorter way.
 *
 * Context: Any.
 */
void p2pdma_check_resource(struct p2pdma_verdict *verdict,
			   struct pci_dev *provider, struct pci_dev *client)
{
	struct pci_dev *top = client;

	if (verdict->type != PCI_P2PDMA_MAP_BUS_ADDR ||
	    !use_dma_iommu(&client->dev))
		return;
	while (p2pdma_up(top))
		top = p2pdma_up(top);
	*verdict = p2pdma_through_host(verdict->distance, p2pdma_host_of(top),
				       p2pdma_host_of(provider),
				       P2PDMA_ROOT_COMPLEX, top);
}

/* Sizes */

/* Device Control of a virtual function is its physical function's. */
static __always_inline u16 p2pdma_sizes(struct pci_dev *pdev)
{
	return READ_ONCE(pci_physfn(pdev)->tlp_sizes);
}

/*
 * The function that makes and takes packets: of conventional PCI it is a bridge
 * above. NULL if there is none before the common bridge @end.
 */
static __always_inline struct pci_dev *p2pdma_tlp_end(struct pci_dev *pdev,
						      struct pci_dev *end)
{
	while (pdev && (p2pdma_sizes(pdev) & P2PDMA_PAYLOAD) == P2PDMA_NO_TLPS) {
		struct pci_dev *bridge = p2pdma_up(pdev);

		pdev = pdev == end || bridge == end ? NULL : bridge;
	}
	return pdev;
}

/* The first bridge above @pdev, before @end, that takes less; NULL if none */
static __always_inline struct pci_dev *p2pdma_narrow(struct pci_dev *pdev,
						     struct pci_dev *end,
						     u16 payload)
{
	if (!pdev || pdev == end)
		return NULL;
	for (pdev = p2pdma_up(pdev); pdev != end; pdev = p2pdma_above(pdev))
		if ((READ_ONCE(pdev->tlp_sizes) & P2PDMA_PAYLOAD) < payload)
			return pdev;
	return NULL;
}

/**
 * p2pdma_check_sizes() - Refuse a path that kills packets by their size
 * @verdict: of the path; changed into a refusal
 * @provider: the device whose BAR is addressed
 * @client: the device that sends the requests
 *
 * A packet that is larger than its receiver's Max_Payload_Size is malformed
 * (sec 2.2.2), and so are tags that a completer doesn't support (sec 2.2.6.2).
 * 10-Bit Tags of virtual functions are never enabled by this kernel.
 *
 * Context: Any.
 */
void p2pdma_check_sizes(struct p2pdma_verdict *verdict,
			struct pci_dev *provider, struct pci_dev *client)
{
	struct pci_dev *end = NULL, *small, *p, *c;
	u16 p_sizes, c_sizes, payload;

	if (verdict->type == PCI_P2PDMA_MAP_NOT_SUPPORTED || provider == client)
		return;
	if (verdict->reason == P2PDMA_COMMON_BRIDGE ||
	    verdict->reason == P2PDMA_MULTI_FUNCTION)
		end = verdict->at;
	p = p2pdma_tlp_end(provider, end);
	c = p2pdma_tlp_end(client, end);
	p_sizes = p ? p2pdma_sizes(p) : P2PDMA_NO_TLPS;
	c_sizes = c ? p2pdma_sizes(c) : P2PDMA_NO_TLPS;
	/* 0 if one of them is unknown */
	payload = min(p_sizes & P2PDMA_PAYLOAD, c_sizes & P2PDMA_PAYLOAD);
	if (!payload || (p && c && (p_sizes ^ c_sizes) & P2PDMA_PAYLOAD)) {
		small = (p_sizes & P2PDMA_PAYLOAD) == payload ? p : c;
	} else {
		small = p2pdma_narrow(c, end, payload);
		if (!small)
			small = p2pdma_narrow(p, end, payload);
	}
	if (small)
		*verdict = p2pdma_refuse(P2PDMA_PAYLOAD_SIZE, small);
	else if (c_sizes & P2PDMA_TAG10_REQUESTER && p && !c->is_virtfn &&
		 !(p_sizes & P2PDMA_TAG10_COMPLETER))
		*verdict = p2pdma_refuse(P2PDMA_TAG_SIZE, provider);
}

/* Remedies */

/**
 * p2pdma_redirectors() - Find the functions to be told not to redirect
 * @provider: the device whose BAR is addressed
 * @client: the device that sends the requests
 * @at: set to the functions, the client's side first
 *
 * Context: Any. The caller holds references on both.
 * Return: their number; 0 if pci=disable_acs_redir= can't help: a function
 * redirects that has no control of it, or no bridge is above both.
 */
int p2pdma_redirectors(struct pci_dev *provider, struct pci_dev *client,
		       struct pci_dev *at[2])
{
	static const u16 bits[] = { PCI_ACS_RR | PCI_ACS_EC, PCI_ACS_CR };
	struct p2pdma_path path = p2pdma_find_path(provider, client);
	struct pci_dev *side[] = { path.client_side, path.provider_side };
	int i, nr = 0;

	if (!path.common)
		return 0;
	for (i = 0; i < ARRAY_SIZE(side); i++) {
		u16 acs = p2pdma_acs(side[i]) & bits[i];

		if (!acs)
			continue;
		if (!side[i]->acs_cap || side[i]->is_virtfn ||
		    acs & ~READ_ONCE(side[i]->acs_capabilities))
			return 0;
		at[nr++] = side[i];
	}
	return nr;
}
