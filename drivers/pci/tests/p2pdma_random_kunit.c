// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of the verdict on random hierarchies, against an oracle
 *
 * The oracle knows the tables that the hierarchies were made from, what was
 * set since, and nothing of struct pci_dev. It doesn't look for a common
 * bridge: it forwards a request from function to function until it arrives or
 * is lost, and then the completion back, as PCIe r6.0 says that each function
 * does (sec 6.12.1, sec 6.12.3).
 *
 * The seed is printed, and can be given: p2pdma_random_kunit.seed=N
 * A long run: p2pdma_random_kunit.pairs=1000000
 */

#include <kunit/test.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/prandom.h>
#include <linux/random.h>

#include "../p2pdma_topology.h"
#include "fake_pci.h"

#define TREES		2
#define MAX_NODES	72
#define MAX_VFS		3
#define MAX_FUNCTIONS	(MAX_NODES + MAX_VFS)
#define MAX_DEPTH	32
#define NR_ALL		(TREES * MAX_FUNCTIONS)

/* A round scans new trees; what can be set in them is set SETTINGS times. */
#define ROUNDS		6
#define MAX_ROUNDS	60
#define SETTINGS	3
#define MAX_WRONG	10

/* Such functions don't route to each other: pci_quirk_mf_endpoint_acs(). */
#define QUIRKED_ID	0x10c68086

static unsigned int seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "Seed of the random hierarchies, 0 for any");

static unsigned int pairs = 50000;
module_param(pairs, uint, 0444);
MODULE_PARM_DESC(pairs, "Number of pairs to compare at least");

/**
 * struct random_function - a function, beside its entry in the table
 * @depth: 1 on the root bus
 * @way: the functions from the root bus to here, by their depth
 * @acs: ACS control register
 * @unknown: PCIe, and the kernel couldn't read the ACS registers
 * @untrusted: pci_dev::untrusted
 * @translated: an IOMMU translates the addresses of its requests
 * @tags: sends requests with 10-Bit Tags
 * @mps: Max_Payload_Size, or 0 if it isn't PCIe
 * @pdev: what the PCI core has made of it
 */
struct random_function {
	int depth;
	s8 way[MAX_DEPTH + 1];
	u16 acs;
	bool unknown;
	bool untrusted;
	bool translated;
	bool tags;
	int mps;
	struct pci_dev *pdev;
};

/**
 * struct random_tree - a hierarchy
 * @node: the table, then such entries for VFs
 * @fn: functions
 * @nr_nodes: length of the table
 * @nr: number of functions
 * @pf: the function that has the VFs
 * @conventional: has functions on its root bus that a conventional bus may have
 * @host: pci_host_bridge::p2pdma
 * @fake: what the PCI core has made of it
 */
struct random_tree {
	struct fake_pci_node node[MAX_FUNCTIONS];
	struct random_function fn[MAX_FUNCTIONS];
	int nr_nodes;
	int nr;
	int pf;
	bool conventional;
	u64 host;
	struct fake_pci *fake;
};

/**
 * struct random_test - the state of a run
 * @rnd: state of the random numbers
 * @tree: the hierarchies of this round
 * @percent_uf: how many ACS control registers get Upstream Forwarding
 * @hops: distances from the provider
 * @pairs: compared so far
 * @reads: config reads while a verdict was asked for
 * @wrong: pairs on which engine and oracle differ
 * @seen: number of pairs by reason; sizes count beside the path's
 */
struct random_test {
	struct rnd_state rnd;
	struct random_tree tree[TREES];
	unsigned int percent_uf;
	int hops[NR_ALL];
	unsigned int pairs;
	unsigned int reads;
	unsigned int wrong;
	unsigned int seen[P2PDMA_REMOVED + 1];
};

/* Making trees */

static bool random_chance(struct random_test *t, unsigned int percent)
{
	return prandom_u32_state(&t->rnd) % 100 < percent;
}

static int random_pick(struct random_test *t, int nr)
{
	return prandom_u32_state(&t->rnd) % nr;
}

static bool random_is_link(const struct random_tree *tree, int parent)
{
	return parent != FAKE_PCI_ROOT_BUS &&
	       (tree->node[parent].type == FAKE_PCI_ROOT_PORT ||
		tree->node[parent].type == FAKE_PCI_DOWNSTREAM);
}

static bool random_is_conventional(const struct random_tree *tree, int parent)
{
	if (parent == FAKE_PCI_ROOT_BUS)
		return tree->conventional;
	return tree->node[parent].type == FAKE_PCI_PCI_BRIDGE ||
	       tree->node[parent].type == FAKE_PCI_PCIE_TO_PCI;
}

/*
 * The PCI core expects an upstream port to be function 0 of its device. On a
 * conventional bus, QEMU's NVMe drives have a PCIe capability all the same.
 */
static enum fake_pci_type random_type(struct random_test *t,
				      const struct random_tree *tree, int parent,
				      int devfn)
{
	static const enum fake_pci_type on_root_bus[] = {
		FAKE_PCI_ROOT_PORT, FAKE_PCI_ROOT_PORT, FAKE_PCI_ROOT_PORT,
		FAKE_PCI_RC_ENDPOINT, FAKE_PCI_PCI, FAKE_PCI_PCI_BRIDGE,
	};
	static const enum fake_pci_type on_conventional_bus[] = {
		FAKE_PCI_PCI_BRIDGE, FAKE_PCI_PCI_BRIDGE, FAKE_PCI_PCI, FAKE_PCI_PCI,
		FAKE_PCI_PCI, FAKE_PCI_ENDPOINT,
	};
	static const enum fake_pci_type on_link[] = {
		FAKE_PCI_ENDPOINT, FAKE_PCI_ENDPOINT, FAKE_PCI_UPSTREAM,
		FAKE_PCI_UPSTREAM, FAKE_PCI_UPSTREAM, FAKE_PCI_PCIE_TO_PCI,
	};

	if (random_is_conventional(tree, parent))
		return on_conventional_bus[random_pick(t, 6)];
	if (parent == FAKE_PCI_ROOT_BUS)
		return on_root_bus[random_pick(t, 6)];
	if (!random_is_link(tree, parent))
		return FAKE_PCI_DOWNSTREAM;
	if (PCI_FUNC(devfn))
		return random_chance(t, 90) ? FAKE_PCI_ENDPOINT :
					      FAKE_PCI_PCIE_TO_PCI;
	return on_link[random_pick(t, 6)];
}

/* A device without a function 0 isn't found. Returns -1 if it is full. */
static int random_devfn(struct random_test *t, const struct random_tree *tree,
			int parent)
{
	int slot = random_is_link(tree, parent) ? 0 : random_pick(t, 32);
	int i, function = 0;

	for (i = 0; i < tree->nr; i++)
		if (tree->node[i].parent == parent &&
		    PCI_SLOT(tree->node[i].devfn) == slot)
			function++;
	return function < 8 ? PCI_DEVFN(slot, function) : -1;
}

/* What is below a conventional bridge is all alike: little is put there. */
static bool random_leads_further(struct random_test *t,
				 const struct random_tree *tree, int i)
{
	return fake_pci_is_bridge(tree->node[i].type) &&
	       tree->fn[i].depth < MAX_DEPTH &&
	       (!random_is_conventional(tree, i) || random_chance(t, 30));
}

/* Below the newest bridge, so that trees become deep, or else below any */
static int random_parent(struct random_test *t, const struct random_tree *tree)
{
	int i, from = random_chance(t, 40) ? 0 : random_pick(t, MAX_NODES);

	if (random_chance(t, 5))
		return FAKE_PCI_ROOT_BUS;
	for (i = 0; i < tree->nr; i++) {
		int bridge = tree->nr - 1 - (from + i) % tree->nr;

		if (random_leads_further(t, tree, bridge))
			return bridge;
	}
	return FAKE_PCI_ROOT_BUS;
}

/*
 * Upstream forwarding is common, or nearly everywhere: then what is redirected
 * deep in a tree arrives.
 */
static u16 random_acs(struct random_test *t)
{
	u16 acs = prandom_u32_state(&t->rnd) &
		  (PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_DT);

	acs |= random_chance(t, 30) ? PCI_ACS_RR : 0;
	acs |= random_chance(t, 30) ? PCI_ACS_CR : 0;
	acs |= random_chance(t, 10) ? PCI_ACS_EC : 0;
	acs |= random_chance(t, t->percent_uf) ? PCI_ACS_UF : 0;
	acs |= random_chance(t, 20) ? BIT(7 + random_pick(t, 6)) : 0;
	return acs;
}

/* Bits that the ACS control register has */
static u16 random_acs_bits(const struct fake_pci_node *n)
{
	if (!n->has_acs)
		return 0;
	return (FAKE_PCI_ACS_CAP & ~n->acs_lacks) |
	       (n->acs_enhanced ? FAKE_PCI_ACS_ENHANCED : 0);
}

static void random_capabilities(struct random_test *t, struct fake_pci_node *n)
{
	if (!fake_pci_is_pcie(n->type))
		return;
	n->has_acs = random_chance(t, 90);
	n->acs = random_acs(t);
	n->acs_enhanced = random_chance(t, 25);
	n->acs_read_only = random_chance(t, 5);
	if (random_chance(t, 10))
		n->acs_lacks = prandom_u32_state(&t->rnd) & FAKE_PCI_ACS_CAP;
	else if (random_chance(t, 3))
		n->acs_lacks = FAKE_PCI_ACS_CAP;
	n->no_ext = random_chance(t, 3);
	n->no_tag10 = random_chance(t, 30);
	if (fake_pci_is_bridge(n->type))
		return;
	n->id = random_chance(t, 6) ? QUIRKED_ID : 0;
	n->has_sriov = n->type == FAKE_PCI_ENDPOINT && random_chance(t, 15);
}

/* Where function @i is; @parent has been placed before. */
static void random_place(struct random_tree *tree, int i)
{
	struct random_function *fn = &tree->fn[i];
	int parent = tree->node[i].parent;

	fn->way[0] = FAKE_PCI_ROOT_BUS;
	fn->depth = 1;
	if (parent != FAKE_PCI_ROOT_BUS) {
		memcpy(fn->way, tree->fn[parent].way, sizeof(fn->way));
		fn->depth = tree->fn[parent].depth + 1;
	}
	fn->way[fn->depth] = i;
}

static void random_add_node(struct random_test *t, struct random_tree *tree)
{
	int parent = random_parent(t, tree);
	int devfn = random_devfn(t, tree, parent);
	struct fake_pci_node *n = &tree->node[tree->nr];

	if (devfn < 0)
		return;
	n->parent = parent;
	n->type = random_type(t, tree, parent, devfn);
	n->devfn = devfn;
	random_capabilities(t, n);
	random_place(tree, tree->nr++);
}

/* An endpoint on a link; a tree without one has no VFs. */
static void random_choose_pf(struct random_test *t, struct random_tree *tree)
{
	int i, from = random_pick(t, tree->nr);

	for (i = 0; i < tree->nr; i++) {
		int pf = (from + i) % tree->nr;
		struct fake_pci_node *n = &tree->node[pf];

		if (n->type != FAKE_PCI_ENDPOINT || n->no_ext ||
		    !random_is_link(tree, n->parent))
			continue;
		n->has_sriov = true;
		n->nr_vfs = 2 + random_pick(t, MAX_VFS - 1);
		n->vf_has_acs = random_chance(t, 60);
		n->vf_acs = random_acs(t);
		tree->pf = pf;
		return;
	}
}

/* For the oracle, VFs are functions as others, on the bus of their PF. */
static void random_add_vfs(struct kunit *test, struct random_tree *tree)
{
	const struct fake_pci_node *pf = &tree->node[tree->pf];
	int i;

	if (!pf->nr_vfs)
		return;
	KUNIT_ASSERT_EQ(test, fake_pci_enable_vfs(tree->fake, tree->pf), 0);
	for (i = 0; i < pf->nr_vfs; i++) {
		tree->fn[tree->nr].pdev = fake_pci_vf(tree->fake, tree->pf, i);
		KUNIT_ASSERT_NOT_NULL(test, tree->fn[tree->nr].pdev);
		tree->node[tree->nr] = (struct fake_pci_node){
			.parent = pf->parent,
			.type = FAKE_PCI_ENDPOINT,
			.has_acs = pf->vf_has_acs,
			.acs = pf->vf_acs,
			.has_sriov = true,
			.acs_lacks = pf->acs_lacks,
			.no_tag10 = pf->no_tag10,
		};
		random_place(tree, tree->nr++);
	}
}

/* One PF in all trees together: enabling and disabling VFs takes a second. */
static void random_make_tree(struct kunit *test, struct random_tree *tree)
{
	struct random_test *t = test->priv;
	int i, want = 8 + random_pick(t, MAX_NODES - 8 + 1);

	memset(tree, 0, sizeof(*tree));
	tree->conventional = random_chance(t, 20);
	while (tree->nr < want)
		random_add_node(t, tree);
	tree->nr_nodes = tree->nr;
	if (IS_ENABLED(CONFIG_PCI_IOV) && tree == t->tree)
		random_choose_pf(t, tree);
	tree->fake = fake_pci_setup(test, tree->node, tree->nr);
	for (i = 0; i < tree->nr_nodes; i++)
		tree->fn[i].pdev = fake_pci_dev(tree->fake, i);
	random_add_vfs(test, tree);
	for (i = 0; i < tree->nr; i++) {
		tree->fn[i].acs = tree->node[i].acs &
				  random_acs_bits(&tree->node[i]);
		tree->fn[i].unknown = tree->node[i].no_ext;
	}
}

/* What a user, or the firmware, can set after the scan */

static bool random_is_vf(const struct random_tree *tree, int i)
{
	return i >= tree->nr_nodes;
}

/* A register that can't be read back when it is written is unknown. */
static void random_set_acs(struct random_test *t, struct random_tree *tree,
			   int i)
{
	const struct fake_pci_node *n = &tree->node[i];
	struct random_function *fn = &tree->fn[i];
	u16 acs = random_acs(t);

	if (!n->has_acs || n->no_ext || random_chance(t, 30))
		return;
	if (random_is_vf(tree, i)) {
		fake_pci_set_vf_acs(tree->fake, tree->pf, i - tree->nr_nodes,
				    acs);
	} else {
		fn->unknown = random_chance(t, 3);
		fake_pci_set_unreadable(tree->fake, i, fn->unknown);
		fake_pci_set_acs(tree->fake, i, acs);
		fake_pci_set_unreadable(tree->fake, i, false);
	}
	if (!n->acs_read_only)
		fn->acs = acs & random_acs_bits(n);
}

static void random_set_sizes(struct random_test *t, struct random_tree *tree,
			     int i, int usual)
{
	struct random_function *fn = &tree->fn[i];

	if (random_is_vf(tree, i)) {
		fn->mps = tree->fn[tree->pf].mps;
		return;
	}
	if (!fake_pci_is_pcie(tree->node[i].type))
		return;
	fn->mps = random_chance(t, 90) ? usual : SZ_128 << random_pick(t, 3);
	fn->tags = random_chance(t, 25);
	fake_pci_set_mps(tree->fake, i, fn->mps);
	fake_pci_set_tags(tree->fake, i, fn->tags);
}

/* Firmware needn't call conventional what is, nor the other way round. */
static void random_set_host(struct random_test *t, struct random_tree *tree)
{
	static const u64 routes[] = {
		0, 0, P2PDMA_HOST_SAME, P2PDMA_HOST_SAME_WRITE,
		P2PDMA_HOST_WRITE, P2PDMA_HOST_SAME | P2PDMA_HOST_ANY,
		P2PDMA_HOST_SAME | P2PDMA_HOST_ANY,
		P2PDMA_HOST_SAME | P2PDMA_HOST_ANY_WRITE,
	};

	tree->host = routes[random_pick(t, ARRAY_SIZE(routes))];
	if (random_chance(t, 70))
		tree->host |= FAKE_PCI_ID;
	if (random_chance(t, tree->conventional ? 80 : 5))
		tree->host |= P2PDMA_HOST_CONVENTIONAL;
	fake_pci_set_host(tree->fake, tree->host);
}

static void random_set_all(struct random_test *t, struct random_tree *tree)
{
	int i, usual_mps = SZ_128 << random_pick(t, 3);

	t->percent_uf = random_chance(t, 50) ? 50 : 98;
	random_set_host(t, tree);
	for (i = 0; i < tree->nr; i++) {
		struct random_function *fn = &tree->fn[i];

		random_set_acs(t, tree, i);
		random_set_sizes(t, tree, i, usual_mps);
		fn->untrusted = random_chance(t, 3);
		fn->pdev->untrusted = fn->untrusted;
		fn->translated = fake_pci_set_translated(fn->pdev,
							 random_chance(t, 50));
	}
}

/* The oracle */

/**
 * struct oracle_answer - what the verdict may be
 * @type: its type
 * @reasons: a bit for each reason that it may give. A refusal may have
 *	several causes; the rules don't say which of them is named.
 */
struct oracle_answer {
	enum pci_p2pdma_map_type type;
	u32 reasons;
};

/* What becomes of a packet */
enum oracle_fate { ARRIVES, REDIRECTED, AT_ROOT_BUS, LOST };

static struct oracle_answer oracle_accepts(enum pci_p2pdma_map_type type,
					   enum p2pdma_reason reason)
{
	return (struct oracle_answer){ type, BIT(reason) };
}

static struct oracle_answer oracle_refuses(u32 reasons)
{
	return (struct oracle_answer){ PCI_P2PDMA_MAP_NOT_SUPPORTED, reasons };
}

/* @i is @above, or below it. */
static bool oracle_is_below(const struct random_tree *tree, int i, int above)
{
	int depth = tree->fn[above].depth;

	return tree->fn[i].depth >= depth && tree->fn[i].way[depth] == above;
}

/* The function on the bus below @bridge that claims a packet, or -1 */
static int oracle_claims(const struct random_tree *tree, int bridge, int target)
{
	int depth = tree->fn[bridge].depth;

	if (target < 0 || target == bridge ||
	    !oracle_is_below(tree, target, bridge))
		return -1;
	return tree->fn[target].way[depth + 1];
}

/* All functions on a conventional root bus hear what one of them sends. */
static bool oracle_is_conventional(const struct random_tree *tree)
{
	return tree->host & P2PDMA_HOST_CONVENTIONAL;
}

static bool oracle_is_pci_bus(const struct random_tree *tree, int parent)
{
	return parent != FAKE_PCI_ROOT_BUS &&
	       (tree->node[parent].type == FAKE_PCI_PCI_BRIDGE ||
		tree->node[parent].type == FAKE_PCI_PCIE_TO_PCI);
}

/*
 * A conventional bus below a bridge from PCIe to PCI is one for certain. Below
 * other bridges, firmware has said nothing when the trees are scanned: then a
 * function there that is PCIe is a contradiction.
 */
static bool oracle_is_surely_pci(const struct random_tree *tree, int parent)
{
	while (parent != FAKE_PCI_ROOT_BUS &&
	       tree->node[parent].type == FAKE_PCI_PCI_BRIDGE)
		parent = tree->node[parent].parent;
	return parent != FAKE_PCI_ROOT_BUS &&
	       tree->node[parent].type == FAKE_PCI_PCIE_TO_PCI;
}

/*
 * Function @f has a packet from itself or from below, and another function on
 * the same bus claims it. @redirect is the ACS control for such packets. Where
 * the ACS capability lacks it, redirection is hard-wired. Egress control
 * without redirection may block requests; it doesn't concern completions.
 */
static enum oracle_fate oracle_turn(const struct random_tree *tree, int f,
				    u16 redirect, u32 *causes)
{
	const struct fake_pci_node *n = &tree->node[f];
	u16 acs = tree->fn[f].acs;

	if (!fake_pci_is_pcie(n->type) || oracle_is_surely_pci(tree, n->parent))
		return ARRIVES;
	if (oracle_is_pci_bus(tree, n->parent)) {
		*causes |= BIT(P2PDMA_ACS_UNKNOWN);
		return LOST;
	}
	if (n->id == QUIRKED_ID)
		return REDIRECTED;
	if (tree->fn[f].unknown) {
		*causes |= BIT(P2PDMA_ACS_UNKNOWN);
		return LOST;
	}
	if (!n->has_acs)
		return n->has_sriov ? REDIRECTED : ARRIVES;
	if (acs & redirect || n->acs_lacks & redirect)
		return REDIRECTED;
	if (redirect == PCI_ACS_RR && acs & PCI_ACS_EC) {
		*causes |= BIT(P2PDMA_ACS_EGRESS);
		return LOST;
	}
	return ARRIVES;
}

/*
 * A packet comes to port @f from below and goes up to the root bus, although
 * its destination is below. Where a link leads there, its port sends the packet
 * on if it forwards upstream, or if an IOMMU has yet to translate the address.
 */
static enum oracle_fate oracle_climb(const struct random_tree *tree, int f,
				     bool translated, u32 *causes)
{
	enum oracle_fate fate = REDIRECTED;

	for (; f != FAKE_PCI_ROOT_BUS; f = tree->node[f].parent) {
		const struct random_function *fn = &tree->fn[f];

		if (translated || tree->node[f].type == FAKE_PCI_UPSTREAM)
			continue;
		if (random_is_link(tree, f) && !fn->unknown &&
		    fn->acs & PCI_ACS_UF)
			continue;
		*causes |= BIT(P2PDMA_NO_UPSTREAM_FORWARDING);
		if (fn->unknown)
			*causes |= BIT(P2PDMA_ACS_UNKNOWN);
		fate = LOST;
	}
	return fate;
}

/* A port may keep requests from memory of the ports beside it (sec 7.7.11.3). */
static bool oracle_shields(const struct random_tree *ct, int port,
			   const struct random_tree *pt, int provider)
{
	return ct->fn[port].acs & FAKE_PCI_ACS_ENHANCED &&
	       !ct->fn[port].unknown && random_is_link(pt, provider);
}

/* Neither function is below the other. @target is -1 in another tree. */
static enum oracle_fate oracle_forward(const struct random_tree *tree,
				       int source, int target, u16 redirect,
				       u32 *causes, u32 *redirections)
{
	bool is_request = redirect == PCI_ACS_RR;
	bool translated = is_request && tree->fn[source].translated;
	int f, parent;

	for (f = source; ; f = parent) {
		enum oracle_fate fate;

		parent = tree->node[f].parent;
		if (parent == FAKE_PCI_ROOT_BUS)
			return AT_ROOT_BUS;
		if (oracle_claims(tree, parent, target) < 0)
			continue;
		if (is_request && oracle_claims(tree, parent, target) == target &&
		    oracle_shields(tree, f, tree, target)) {
			*causes |= BIT(P2PDMA_ACS_ENHANCED);
			return LOST;
		}
		fate = oracle_turn(tree, f, redirect, causes);
		if (fate != REDIRECTED)
			return fate;
		*redirections |= is_request ? BIT(P2PDMA_ACS_REQ_REDIR) :
					      BIT(P2PDMA_ACS_CMPLT_REDIR);
		return oracle_climb(tree, parent, translated, causes);
	}
}

/* Memory of a bridge, or its DMA: only the enhanced controls concern that. */
static struct oracle_answer oracle_up_and_down(const struct random_tree *tree,
					       int bridge, int below)
{
	u32 causes = 0;
	int f = below;

	do {
		f = tree->node[f].parent;
		if (tree->fn[f].unknown)
			causes |= BIT(P2PDMA_ACS_UNKNOWN);
		else if (tree->fn[f].acs & FAKE_PCI_ACS_ENHANCED)
			causes |= BIT(P2PDMA_ACS_ENHANCED);
	} while (f != bridge);
	if (causes)
		return oracle_refuses(causes);
	return oracle_accepts(PCI_P2PDMA_MAP_BUS_ADDR, P2PDMA_COMMON_BRIDGE);
}

/*
 * Packets that aren't lost for @causes come to the root complex for @reasons.
 * If it isn't known to route them, that is a refusal for @otherwise.
 */
static struct oracle_answer oracle_through_host(const struct random_tree *pt,
						const struct random_tree *ct,
						u32 causes, u32 reasons,
						u32 otherwise)
{
	u64 write = pt == ct ? P2PDMA_HOST_SAME_WRITE : P2PDMA_HOST_ANY_WRITE;
	u64 read = pt == ct ? P2PDMA_HOST_SAME_READ : P2PDMA_HOST_ANY_READ;
	u64 routes = pt->host & ct->host;

	if (!(routes & write))
		causes |= otherwise;
	if (causes)
		return oracle_refuses(causes);
	if (!(routes & read))
		reasons = BIT(P2PDMA_WRITES_ONLY);
	return (struct oracle_answer){
		PCI_P2PDMA_MAP_THRU_HOST_BRIDGE, reasons
	};
}

/*
 * No bridge is above both: a root bus that isn't a bus, or two of them. A PCIe
 * function on a conventional bus is passed through: it isn't really there.
 */
static struct oracle_answer oracle_across_root(const struct random_tree *pt,
					       int provider,
					       const struct random_tree *ct,
					       int client)
{
	u32 causes = 0, otherwise = BIT(P2PDMA_ROOT_COMPLEX);

	if (pt == ct && oracle_is_conventional(ct) &&
	    !fake_pci_is_pcie(ct->node[ct->fn[client].way[1]].type) &&
	    !fake_pci_is_pcie(pt->node[pt->fn[provider].way[1]].type))
		return oracle_accepts(PCI_P2PDMA_MAP_BUS_ADDR,
				      P2PDMA_CONVENTIONAL);
	/* Redirected or not, it comes to the root complex if it isn't lost. */
	oracle_turn(ct, ct->fn[client].way[1], PCI_ACS_RR, &causes);
	if (pt->fn[provider].depth == 1 &&
	    oracle_shields(ct, ct->fn[client].way[1], pt, provider))
		causes |= BIT(P2PDMA_ACS_ENHANCED);
	if (!(pt->host & P2PDMA_HOST_ID) || !(ct->host & P2PDMA_HOST_ID))
		otherwise = BIT(P2PDMA_NO_HOST_BRIDGE);
	return oracle_through_host(pt, ct, causes, BIT(P2PDMA_ROOT_COMPLEX),
				   otherwise);
}

/* Nothing was redirected. On a link, two functions of one device meet. */
static struct oracle_answer oracle_arrived(const struct random_tree *tree,
					   int provider, int client)
{
	const s8 *a = tree->fn[provider].way, *b = tree->fn[client].way;
	enum p2pdma_reason reason = P2PDMA_COMMON_BRIDGE;
	int depth = 0;

	while (a[depth + 1] == b[depth + 1])
		depth++;
	if (random_is_link(tree, a[depth]))
		reason = P2PDMA_MULTI_FUNCTION;
	return oracle_accepts(PCI_P2PDMA_MAP_BUS_ADDR, reason);
}

static struct oracle_answer oracle(const struct random_tree *pt, int provider,
				   const struct random_tree *ct, int client)
{
	bool same_tree = pt == ct;
	u32 causes = 0, redirections = 0;
	enum oracle_fate request, completion;

	if (same_tree && provider == client)
		return oracle_accepts(PCI_P2PDMA_MAP_BUS_ADDR,
				      P2PDMA_SAME_FUNCTION);
	if (pt->fn[provider].untrusted || ct->fn[client].untrusted)
		return oracle_refuses(BIT(P2PDMA_UNTRUSTED));
	if (same_tree && oracle_is_below(pt, provider, client))
		return oracle_up_and_down(pt, client, provider);
	if (same_tree && oracle_is_below(pt, client, provider))
		return oracle_up_and_down(pt, provider, client);
	request = oracle_forward(ct, client, same_tree ? provider : -1,
				 PCI_ACS_RR, &causes, &redirections);
	completion = oracle_forward(pt, provider, same_tree ? client : -1,
				    PCI_ACS_CR, &causes, &redirections);
	if (request == AT_ROOT_BUS)
		return oracle_across_root(pt, provider, ct, client);
	if (request == ARRIVES && completion == ARRIVES)
		return oracle_arrived(pt, provider, client);
	return oracle_through_host(pt, ct, causes, redirections, redirections);
}

/*
 * A bridge on the way up from @f takes no packets of that size. The way ends at
 * the root bus, or before a bridge that @other is, or that leads there.
 */
static bool oracle_is_narrow(const struct random_tree *tree, int f, int other,
			     int mps)
{
	for (f = tree->node[f].parent; f != FAKE_PCI_ROOT_BUS;
	     f = tree->node[f].parent) {
		if (other >= 0 && oracle_is_below(tree, other, f))
			break;
		if (tree->fn[f].mps && tree->fn[f].mps < mps)
			return true;
	}
	return false;
}

/*
 * What makes and takes the packets of a function: of a conventional one the
 * nearest bridge above that is PCIe; -1 if there is none, or if what is meant
 * for @other has turned before it gets there.
 */
static int oracle_end(const struct random_tree *tree, int i, int other)
{
	int start = i;

	for (; i != FAKE_PCI_ROOT_BUS; i = tree->node[i].parent) {
		if (i != start && other >= 0 && oracle_is_below(tree, other, i))
			return -1;
		if (fake_pci_is_pcie(tree->node[i].type))
			return i;
	}
	return -1;
}

/* Sizes are a question of their own. Refusals stay what they are. */
static struct oracle_answer oracle_sizes(const struct random_tree *pt,
					 int provider,
					 const struct random_tree *ct,
					 int client,
					 struct oracle_answer answer)
{
	bool direct = answer.type == PCI_P2PDMA_MAP_BUS_ADDR;
	int p = oracle_end(pt, provider, direct ? client : -1);
	int c = oracle_end(ct, client, direct ? provider : -1);
	int p_mps = p < 0 ? 0 : pt->fn[p].mps;
	int c_mps = c < 0 ? 0 : ct->fn[c].mps;
	int mps = max(p_mps, c_mps);
	u32 causes = 0;

	if (answer.type == PCI_P2PDMA_MAP_NOT_SUPPORTED || (pt == ct && p == c))
		return answer;
	if (p_mps && c_mps && p_mps != c_mps)
		causes |= BIT(P2PDMA_PAYLOAD_SIZE);
	if (oracle_is_narrow(pt, provider, direct ? client : -1, mps) ||
	    oracle_is_narrow(ct, client, direct ? provider : -1, mps))
		causes |= BIT(P2PDMA_PAYLOAD_SIZE);
	if (p >= 0 && c >= 0 && ct->fn[c].tags && pt->node[p].no_tag10)
		causes |= BIT(P2PDMA_TAG_SIZE);
	return causes ? oracle_refuses(causes) : answer;
}

/* From one function to all others, along the edges; root buses are one. */
static void random_measure_hops(struct random_test *t, int tree, int source)
{
	bool moved = true;
	int i, j, root = 1000;

	for (i = 0; i < NR_ALL; i++)
		t->hops[i] = 1000;
	t->hops[tree * MAX_FUNCTIONS + source] = 0;
	while (moved) {
		moved = false;
		for (i = 0; i < TREES; i++) {
			for (j = 0; j < t->tree[i].nr; j++) {
				int *hops = &t->hops[i * MAX_FUNCTIONS];
				int parent = t->tree[i].node[j].parent;
				int *up = parent == FAKE_PCI_ROOT_BUS ?
					  &root : &hops[parent];

				if (*up > hops[j] + 1) {
					*up = hops[j] + 1;
					moved = true;
				}
				if (hops[j] > *up + 1) {
					hops[j] = *up + 1;
					moved = true;
				}
			}
		}
	}
}

/* Both together */

static unsigned int random_reads(const struct random_test *t)
{
	unsigned int reads = 0;
	int i;

	for (i = 0; i < TREES; i++)
		reads += fake_pci_reads(t->tree[i].fake);
	return reads;
}

static bool random_agree(const struct p2pdma_verdict *verdict,
			 const struct oracle_answer *answer, int hops)
{
	return verdict->type == answer->type &&
	       answer->reasons & BIT(verdict->reason) &&
	       (answer->type == PCI_P2PDMA_MAP_NOT_SUPPORTED ||
		verdict->distance == hops);
}

static void random_compare(struct kunit *test, int pt, int provider, int ct,
			   int client)
{
	struct random_test *t = test->priv;
	struct random_tree *ptree = &t->tree[pt], *ctree = &t->tree[ct];
	struct pci_dev *p = ptree->fn[provider].pdev;
	struct pci_dev *c = ctree->fn[client].pdev;
	int hops = t->hops[ct * MAX_FUNCTIONS + client];
	unsigned int reads = random_reads(t);
	struct p2pdma_verdict verdict = p2pdma_verdict(p, c);
	struct oracle_answer answer = oracle(ptree, provider, ctree, client);
	const char *question = "path";

	t->reads += random_reads(t) - reads;
	t->pairs++;
	t->seen[verdict.reason]++;
	if (random_agree(&verdict, &answer, hops)) {
		question = "sizes";
		answer = oracle_sizes(ptree, provider, ctree, client, answer);
		p2pdma_check_sizes(&verdict, p, c);
		t->seen[P2PDMA_PAYLOAD_SIZE] +=
			verdict.reason == P2PDMA_PAYLOAD_SIZE;
		t->seen[P2PDMA_TAG_SIZE] += verdict.reason == P2PDMA_TAG_SIZE;
		if (random_agree(&verdict, &answer, hops))
			return;
	}
	if (t->wrong++ >= MAX_WRONG)
		return;
	/* The oracle's answer is in brackets; its reasons are bits. */
	KUNIT_FAIL(test,
		   "%s, %d.%d from %d.%d: %d (%d), %u (%d) hops, %s (%#x)",
		   question, pt, provider, ct, client, verdict.type,
		   answer.type, verdict.distance, hops,
		   p2pdma_reason_text(verdict.reason), answer.reasons);
}

/* Pairs in different trees are alike: few of them are enough. */
static void random_compare_all(struct kunit *test)
{
	struct random_test *t = test->priv;
	int pt, provider, ct, client;

	for (pt = 0; pt < TREES; pt++) {
		for (provider = 0; provider < t->tree[pt].nr; provider++) {
			random_measure_hops(t, pt, provider);
			for (ct = 0; ct < TREES; ct++)
				for (client = 0; client < t->tree[ct].nr;
				     client++)
					if (ct == pt || random_chance(t, 10))
						random_compare(test, pt,
							       provider, ct,
							       client);
			if (t->wrong >= MAX_WRONG)
				return;
			cond_resched();
		}
	}
}

/* Every rule that there is for a path has had something to decide. */
static bool random_all_seen(const struct random_test *t)
{
	int i;

	for (i = 0; i <= P2PDMA_WRITES_ONLY; i++)
		if (!t->seen[i])
			return false;
	return t->seen[P2PDMA_PAYLOAD_SIZE] && t->seen[P2PDMA_TAG_SIZE];
}

static void random_round(struct kunit *test)
{
	struct random_test *t = test->priv;
	int i, j;

	for (i = 0; i < TREES; i++)
		random_make_tree(test, &t->tree[i]);
	for (i = 0; i < SETTINGS; i++) {
		for (j = 0; j < TREES; j++)
			random_set_all(t, &t->tree[j]);
		random_compare_all(test);
	}
	for (i = 0; i < TREES; i++)
		fake_pci_drop(test, t->tree[i].fake);
}

static bool random_has_enough(const struct random_test *t, int rounds)
{
	if (t->wrong >= MAX_WRONG)
		return true;
	return rounds >= ROUNDS && t->pairs >= pairs &&
	       (rounds >= MAX_ROUNDS || random_all_seen(t));
}

static void against_oracle(struct kunit *test)
{
	struct random_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	u32 start = seed ?: get_random_u32();
	int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	prandom_seed_state(&t->rnd, start);
	t->percent_uf = 50;
	for (i = 0; !random_has_enough(t, i); i++)
		random_round(test);
	kunit_info(test, "%u pairs, seed %u\n", t->pairs, start);
	for (i = 0; i < ARRAY_SIZE(t->seen); i++)
		if (t->seen[i])
			kunit_info(test, "%7u %s\n", t->seen[i],
				   p2pdma_reason_text(i));
	KUNIT_EXPECT_GE(test, t->pairs, pairs);
	KUNIT_EXPECT_TRUE(test, random_all_seen(t));
	KUNIT_EXPECT_EQ(test, t->wrong, 0);
	/* The verdict reads no config space. */
	KUNIT_EXPECT_EQ(test, t->reads, 0);
}

static struct kunit_case p2pdma_random_cases[] = {
	KUNIT_CASE_SLOW(against_oracle),
	{}
};

static struct kunit_suite p2pdma_random_suite = {
	.name = "p2pdma_random",
	.test_cases = p2pdma_random_cases,
};

kunit_test_suite(p2pdma_random_suite);
