// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: can this client reach that provider, and how?
 *	PCIe r6.0, sec 6.12 (ACS), sec 6.2.8.1 (routing errors)
 *
 * One pure function over an ordered pair. It reads the PCI tree and the ACS
 * control registers of the two functions where the paths diverge, takes no
 * lock, doesn't sleep, remembers nothing and prints nothing.
 *
 * The law: where a rule can't be decided, the answer is no.
 *
 *            common bridge         Everything above the common bridge is out
 *             /         \          of the picture, and so is every port below
 *     client side    provider      the two sides: those only ever forward
 *        /            side         upstream what comes from below.
 *       :               :
 *     client         provider
 *
 * What the PCI Express specification says of the two functions on the common
 * bridge's secondary bus is the same whether they are switch ports or the
 * client and the provider themselves, as functions of one device: requests
 * are redirected upstream by the client's side, completions by the
 * provider's.
 */

#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/minmax.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/swiotlb.h>

#include "pci.h"
#include "p2pdma.h"

/**
 * struct p2pdma_path - where the paths from two functions up the tree meet
 * @common: the nearest bridge above (or at) both, NULL if there is none
 * @provider_side: the last function below @common, or on the root bus
 * @client_side: likewise
 * @hops: up from one and down to the other. Without a common bridge the root
 *	bus takes its place.
 */
struct p2pdma_path {
	struct pci_dev *common;
	struct pci_dev *provider_side;
	struct pci_dev *client_side;
	unsigned int hops;
};

static const char * const reason_text[] = {
	[P2PDMA_SAME_FUNCTION]	   = "same function",
	[P2PDMA_COMMON_BRIDGE]	   = "routed below a common bridge",
	[P2PDMA_MULTI_FUNCTION]	   = "routed inside a multi-function device",
	[P2PDMA_CONVENTIONAL]	   = "routed by a conventional PCI hierarchy",
	[P2PDMA_UNTRUSTED]	   = "device is not trusted",
	[P2PDMA_NO_INTERNAL_ROUTE] = "no route inside the device between its functions",
	[P2PDMA_ACS_REQUEST]	   = "ACS redirects requests upstream",
	[P2PDMA_ACS_COMPLETION]	   = "ACS redirects completions upstream",
	[P2PDMA_ACS_UNREADABLE]	   = "ACS control register can't be read",
	[P2PDMA_NO_COMMON_BRIDGE]  = "path crosses the root complex",
	[P2PDMA_WRITES_ONLY]	   = "root complex routes writes only",
	[P2PDMA_DMA_MASK]	   = "addresses don't fit the DMA mask",
	[P2PDMA_BOUNCED]	   = "DMA is bounced through host memory",
	[P2PDMA_REMOVED]	   = "device has been removed",
};

const char *p2pdma_reason_text(enum p2pdma_reason reason)
{
	return reason_text[reason];
}

static unsigned int bridges_above(struct pci_dev *pdev)
{
	unsigned int n = 0;

	while ((pdev = pci_upstream_bridge(pdev)))
		n++;
	return n;
}

/*
 * pci_upstream_bridge() takes a virtual function's bridge from its physical
 * function, since it may sit on a bus of its own that no bridge leads to.
 */
static struct p2pdma_path find_path(struct pci_dev *provider,
				    struct pci_dev *client)
{
	struct p2pdma_path path = {
		.provider_side = provider,
		.client_side = client,
	};
	unsigned int provider_depth = bridges_above(provider);
	unsigned int client_depth = bridges_above(client);
	struct pci_dev *p = provider, *c = client;

	/* One of them may be a bridge above the other. */
	for (; provider_depth > client_depth; provider_depth--, path.hops++) {
		path.provider_side = p;
		p = pci_upstream_bridge(p);
	}
	for (; client_depth > provider_depth; client_depth--, path.hops++) {
		path.client_side = c;
		c = pci_upstream_bridge(c);
	}
	while (p != c) {
		path.provider_side = p;
		path.client_side = c;
		p = pci_upstream_bridge(p);
		c = pci_upstream_bridge(c);
		path.hops += 2;
	}
	path.common = p;
	return path;
}

/* Whether or not the kernel has set SR-IOV up */
static bool is_sriov_function(struct pci_dev *pdev)
{
	return pdev->is_virtfn ||
	       pci_find_ext_capability(pdev, PCI_EXT_CAP_ID_SRIOV);
}

/*
 * Some functions without the capability behave as if they had it, with all
 * that it offers turned on: the PCI core's quirks tell.
 */
static u16 acs_ctrl_by_quirk(struct pci_dev *pdev)
{
	const u16 redirect = PCI_ACS_RR | PCI_ACS_CR;

	return pci_dev_specific_acs_enabled(pdev, redirect) > 0 ? redirect : 0;
}

/**
 * struct p2pdma_acs - what a function's ACS says
 * @has_cap: it has the capability
 * @cap: capability register
 * @ctrl: control register
 */
struct p2pdma_acs {
	bool has_cap;
	u16 cap;
	u16 ctrl;
};

/*
 * Returns false if the registers can't be read: not even the header of the
 * first extended capability, which says that there is no ACS.
 */
static bool read_acs(struct pci_dev *pdev, struct p2pdma_acs *acs)
{
	int where = pdev->acs_cap ? pdev->acs_cap + PCI_ACS_CAP :
				    PCI_CFG_SPACE_SIZE;
	u32 value;

	*acs = (struct p2pdma_acs){ .has_cap = pdev->acs_cap };
	if (!pdev->acs_cap && pdev->cfg_size <= PCI_CFG_SPACE_SIZE)
		return true;
	if (pci_read_config_dword(pdev, where, &value) ||
	    PCI_POSSIBLE_ERROR(value))
		return false;
	acs->ctrl = pdev->acs_cap ? value >> 16 : acs_ctrl_by_quirk(pdev);
	acs->cap = pdev->acs_cap ? value : 0;
	return true;
}

/*
 * PCIe r6.0, sec 6.12.1.2: functions of an SR-IOV capable device route to
 * each other inside the device only if they have ACS. (Others may do so
 * without.) Of those that have it, only such as implement redirection of
 * requests and of completions do: there is nothing to redirect else.
 */
static bool lacks_internal_route(const struct p2pdma_path *path,
				 const struct p2pdma_acs *client,
				 const struct p2pdma_acs *provider)
{
	if ((client->has_cap && !(client->cap & PCI_ACS_RR)) ||
	    (provider->has_cap && !(provider->cap & PCI_ACS_CR)))
		return true;
	if (client->has_cap && provider->has_cap)
		return false;
	return is_sriov_function(path->provider_side) ||
	       is_sriov_function(path->client_side);
}

static void refuse(struct p2pdma_verdict *verdict, enum p2pdma_reason reason,
		   struct pci_dev *at)
{
	verdict->type = PCI_P2PDMA_MAP_NOT_SUPPORTED;
	verdict->reason = reason;
	verdict->at = at;
}

static void route(struct p2pdma_verdict *verdict, enum p2pdma_reason reason,
		  struct pci_dev *at)
{
	verdict->type = PCI_P2PDMA_MAP_BUS_ADDR;
	verdict->reason = reason;
	verdict->at = at;
}

static void through_host(struct p2pdma_verdict *verdict,
			 enum p2pdma_reason reason, struct pci_dev *at,
			 struct pci_dev *provider, struct pci_dev *client)
{
	enum p2pdma_host_routes routes;

	routes = p2pdma_hosts_route(pci_find_host_bridge(provider->bus),
				    pci_find_host_bridge(client->bus));
	verdict->type = routes == P2PDMA_ROUTES_NOTHING ?
			PCI_P2PDMA_MAP_NOT_SUPPORTED :
			PCI_P2PDMA_MAP_THRU_HOST_BRIDGE;
	verdict->reason = routes == P2PDMA_ROUTES_WRITES ?
			  P2PDMA_WRITES_ONLY : reason;
	verdict->at = at;
}

/* No bridge is above both. */
static void judge_at_root(struct p2pdma_verdict *verdict,
			  const struct p2pdma_path *path,
			  struct pci_dev *provider, struct pci_dev *client)
{
	struct pci_host_bridge *host = pci_find_host_bridge(provider->bus);

	if (host == pci_find_host_bridge(client->bus) &&
	    p2pdma_host_is_conventional(host)) {
		route(verdict, P2PDMA_CONVENTIONAL, path->client_side);
		return;
	}
	through_host(verdict, P2PDMA_NO_COMMON_BRIDGE, path->client_side,
		     provider, client);
}

/* Both sides are on the secondary bus of the common bridge. */
static void judge_below_bridge(struct p2pdma_verdict *verdict,
			       const struct p2pdma_path *path,
			       struct pci_dev *provider,
			       struct pci_dev *client)
{
	/* A link leads to one device: the sides are functions of it. */
	bool one_device = pcie_downstream_port(path->common);
	struct p2pdma_acs client_acs, provider_acs;

	if (!read_acs(path->client_side, &client_acs)) {
		refuse(verdict, P2PDMA_ACS_UNREADABLE, path->client_side);
		return;
	}
	if (!read_acs(path->provider_side, &provider_acs)) {
		refuse(verdict, P2PDMA_ACS_UNREADABLE, path->provider_side);
		return;
	}
	if (one_device &&
	    lacks_internal_route(path, &client_acs, &provider_acs)) {
		refuse(verdict, P2PDMA_NO_INTERNAL_ROUTE, path->client_side);
		return;
	}
	if (client_acs.ctrl & (PCI_ACS_RR | PCI_ACS_EC)) {
		through_host(verdict, P2PDMA_ACS_REQUEST, path->client_side,
			     provider, client);
		return;
	}
	if (provider_acs.ctrl & PCI_ACS_CR) {
		through_host(verdict, P2PDMA_ACS_COMPLETION,
			     path->provider_side, provider, client);
		return;
	}
	route(verdict,
	      one_device ? P2PDMA_MULTI_FUNCTION : P2PDMA_COMMON_BRIDGE,
	      path->common);
}

static void judge_path(struct p2pdma_verdict *verdict, struct pci_dev *provider,
		       struct pci_dev *client)
{
	struct p2pdma_path path = find_path(provider, client);

	verdict->distance = path.hops;
	if (!path.common)
		judge_at_root(verdict, &path, provider, client);
	else if (path.common == provider || path.common == client)
		/* A bridge and a function below it: nothing is peer to peer. */
		route(verdict, P2PDMA_COMMON_BRIDGE, path.common);
	else
		judge_below_bridge(verdict, &path, provider, client);
}

/* Through an IOMMU the client is given addresses that fit. */
static bool is_translated(struct pci_dev *pdev)
{
	return use_dma_iommu(&pdev->dev);
}

/*
 * The addresses that the client would be given: bus addresses, or what
 * dma-direct makes of CPU addresses
 */
static bool addresses_fit(enum pci_p2pdma_map_type type,
			  struct pci_p2pdma *p2pdma, struct pci_dev *client)
{
	u64 limit = min_not_zero(dma_get_mask(&client->dev),
				 client->dev.bus_dma_limit);

	if (type == PCI_P2PDMA_MAP_BUS_ADDR)
		return p2pdma_bus_addresses_fit(p2pdma, client);
	return READ_ONCE(p2pdma->last_phys_addr) <= limit;
}

/**
 * p2pdma_judge_addresses - the path is good: can the client make use of it?
 * @p2pdma: the provider's memory; of a device without any only the path can
 *	be judged
 * @client: the device that sends the requests
 * @verdict: that of the path, and then of the pair
 *
 * Context: Any. @p2pdma stays meanwhile.
 */
void p2pdma_judge_addresses(struct pci_p2pdma *p2pdma, struct pci_dev *client,
			    struct p2pdma_verdict *verdict)
{
	if (!p2pdma || verdict->reason == P2PDMA_SAME_FUNCTION ||
	    verdict->type == PCI_P2PDMA_MAP_NOT_SUPPORTED)
		return;
	if (verdict->type == PCI_P2PDMA_MAP_THRU_HOST_BRIDGE) {
		if (is_translated(client))
			return;
		if (is_swiotlb_force_bounce(&client->dev)) {
			refuse(verdict, P2PDMA_BOUNCED, client);
			return;
		}
	}
	if (!addresses_fit(verdict->type, p2pdma, client))
		refuse(verdict, P2PDMA_DMA_MASK, client);
}

/**
 * p2pdma_judge_route - judge the path of an ordered pair
 * @provider: the device whose BAR is addressed; it needs no p2pmem
 * @client: the device that sends the requests
 * @verdict: the answer
 *
 * Context: Any. Neither device is removed meanwhile: the caller holds
 * pci_bus_sem, or both are in use by their drivers.
 */
void p2pdma_judge_route(struct pci_dev *provider, struct pci_dev *client,
			struct p2pdma_verdict *verdict)
{
	verdict->distance = 0;
	if (provider == client) {
		route(verdict, P2PDMA_SAME_FUNCTION, provider);
		return;
	}
	if (provider->untrusted || client->untrusted) {
		refuse(verdict, P2PDMA_UNTRUSTED,
		       provider->untrusted ? provider : client);
		return;
	}
	judge_path(verdict, provider, client);
}

/* Both, without anything remembered. Context: as for p2pdma_judge_route(). */
void p2pdma_verdict(struct pci_dev *provider, struct pci_dev *client,
		    struct p2pdma_verdict *verdict)
{
	p2pdma_judge_route(provider, client, verdict);
	rcu_read_lock();
	p2pdma_judge_addresses(rcu_dereference(provider->p2pdma), client,
			       verdict);
	rcu_read_unlock();
}

/**
 * p2pdma_redirectors - whose ACS redirects what a pair sends to each other?
 * @provider: the device whose BAR is addressed
 * @client: the device that sends the requests
 * @at: where they go: the client's side first
 *
 * Context: as for p2pdma_judge_route().
 * Return: their number.
 */
int p2pdma_redirectors(struct pci_dev *provider, struct pci_dev *client,
		       struct pci_dev *at[2])
{
	struct p2pdma_path path = find_path(provider, client);
	struct p2pdma_acs acs;
	int nr = 0;

	if (read_acs(path.client_side, &acs) &&
	    (acs.ctrl & (PCI_ACS_RR | PCI_ACS_EC)))
		at[nr++] = path.client_side;
	if (read_acs(path.provider_side, &acs) && (acs.ctrl & PCI_ACS_CR))
		at[nr++] = path.provider_side;
	return nr;
}
