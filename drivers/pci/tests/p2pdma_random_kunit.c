// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of the verdict on random hierarchies, against an oracle
 *
 * The oracle knows the tables that the hierarchies were made from, and nothing
 * of struct pci_dev. It doesn't look for a common bridge: it forwards a
 * request port by port, and then the completion back, as PCIe r6.0 says that
 * each port does (sec 6.12.3, sec 6.12.1.2, sec 6.2.8.1).
 *
 * The seed is printed, and can be given: p2pdma_random_kunit.seed=N
 */

#include <kunit/test.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/prandom.h>
#include <linux/random.h>

#include "../p2pdma.h"
#include "p2pdma_fabric.h"

#define TREES		2
#define MAX_NODES	72
#define MAX_DEPTH	32
#define ROUNDS		8
#define MAX_ROUNDS	40
#define NR_ALL		(TREES * MAX_NODES)

static unsigned int seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "Seed of the random hierarchies, 0 for any");

/**
 * struct random_tree - a hierarchy, as a table
 * @node: functions
 * @nr: their number
 * @depth: of each; 1 on the root bus
 * @unreadable: functions that don't answer
 * @untrusted: functions that aren't trusted
 * @conventional: is made so that nothing on the root bus is PCIe
 * @fabric: what the PCI core has made of it
 */
struct random_tree {
	struct fabric_node node[MAX_NODES];
	int nr;
	int depth[MAX_NODES];
	bool unreadable[MAX_NODES];
	bool untrusted[MAX_NODES];
	bool conventional;
	struct fabric *fabric;
};

struct random_test {
	struct rnd_state rnd;
	struct random_tree tree[TREES];
	int hops[NR_ALL];
	unsigned int pairs;
	unsigned int wrong;
	unsigned int seen[P2PDMA_REMOVED + 1];
};

/* Making trees */

static bool chance(struct random_test *t, unsigned int percent)
{
	return prandom_u32_state(&t->rnd) % 100 < percent;
}

static int pick(struct random_test *t, int nr)
{
	return prandom_u32_state(&t->rnd) % nr;
}

static bool is_conventional_bus(const struct random_tree *tree, int parent)
{
	if (parent == FABRIC_ROOT_BUS)
		return tree->conventional;
	return tree->node[parent].type == FABRIC_PCI_BRIDGE ||
	       tree->node[parent].type == FABRIC_PCIE_TO_PCI;
}

static bool is_link(const struct random_tree *tree, int parent)
{
	return parent != FABRIC_ROOT_BUS &&
	       (tree->node[parent].type == FABRIC_ROOT_PORT ||
		tree->node[parent].type == FABRIC_DOWNSTREAM);
}

/* The kernel expects an upstream port to be function 0 of its device. */
static enum fabric_type random_type(struct random_test *t,
				    const struct random_tree *tree, int parent,
				    int devfn)
{
	static const enum fabric_type at_root[] = {
		FABRIC_ROOT_PORT, FABRIC_ROOT_PORT, FABRIC_RC_ENDPOINT,
		FABRIC_PCI, FABRIC_PCI_BRIDGE,
	};
	static const enum fabric_type on_link[] = {
		FABRIC_ENDPOINT, FABRIC_ENDPOINT, FABRIC_UPSTREAM,
		FABRIC_UPSTREAM, FABRIC_PCIE_TO_PCI,
	};

	if (is_conventional_bus(tree, parent))
		return chance(t, 40) ? FABRIC_PCI_BRIDGE : FABRIC_PCI;
	if (parent == FABRIC_ROOT_BUS)
		return at_root[pick(t, ARRAY_SIZE(at_root))];
	if (is_link(tree, parent) && PCI_FUNC(devfn))
		return chance(t, 80) ? FABRIC_ENDPOINT : FABRIC_PCIE_TO_PCI;
	if (is_link(tree, parent))
		return on_link[pick(t, ARRAY_SIZE(on_link))];
	return FABRIC_DOWNSTREAM;
}

/* A device without a function 0 isn't found. Returns -1 if it is full. */
static int free_devfn(struct random_test *t, const struct random_tree *tree,
		      int parent)
{
	int slot = is_link(tree, parent) ? 0 : pick(t, 32);
	int i, function = 0;

	for (i = 0; i < tree->nr; i++)
		if (tree->node[i].parent == parent &&
		    PCI_SLOT(tree->node[i].devfn) == slot)
			function++;
	return function < 8 ? PCI_DEVFN(slot, function) : -1;
}

static bool leads_further(const struct random_tree *tree, int i)
{
	return fabric_is_bridge(tree->node[i].type) &&
	       tree->depth[i] < MAX_DEPTH;
}

/* Below the newest bridge, so that trees become deep, or else below any */
static int random_parent(struct random_test *t, const struct random_tree *tree)
{
	int i, from = chance(t, 40) ? tree->nr - 1 : pick(t, tree->nr + 1) - 1;

	for (i = from; i >= 0; i--)
		if (leads_further(tree, i) && chance(t, 90))
			return i;
	return FABRIC_ROOT_BUS;
}

static u16 random_acs(struct random_test *t)
{
	u16 acs = 0;

	if (chance(t, 40))
		return 0;
	acs |= chance(t, 25) ? PCI_ACS_RR : 0;
	acs |= chance(t, 30) ? PCI_ACS_CR : 0;
	acs |= chance(t, 25) ? PCI_ACS_EC : 0;
	return acs | (prandom_u32_state(&t->rnd) &
		      (PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_UF | PCI_ACS_DT));
}

/* Known for the same host bridge, for any, for writes; and not known */
static u32 random_id(struct random_test *t)
{
	static const u32 ids[] = {
		0x20208086, 0x2f008086, 0xff01fabc, 0xff02fabc, 0, 0,
	};

	return ids[pick(t, ARRAY_SIZE(ids))];
}

static void add_random_node(struct random_test *t, struct random_tree *tree)
{
	int parent = random_parent(t, tree);
	int devfn = free_devfn(t, tree, parent);
	struct fabric_node *n = &tree->node[tree->nr];

	if (devfn < 0)
		return;
	*n = (struct fabric_node){ parent, random_type(t, tree, parent, devfn),
				   devfn };
	if (fabric_is_pcie(n->type) && chance(t, 85)) {
		n->has_acs = true;
		n->acs = random_acs(t);
		if (n->type == FABRIC_ENDPOINT)
			n->acs_is_empty = chance(t, 5);
	}
	if (n->type == FABRIC_ENDPOINT)
		n->has_sriov = chance(t, 15);
	if (parent == FABRIC_ROOT_BUS)
		n->id = random_id(t);
	tree->depth[tree->nr] = parent == FABRIC_ROOT_BUS ? 1 :
				tree->depth[parent] + 1;
	tree->unreadable[tree->nr] = chance(t, 4);
	tree->untrusted[tree->nr] = chance(t, 3);
	tree->nr++;
}

static void make_tree(struct kunit *test, struct random_tree *tree)
{
	struct random_test *t = test->priv;
	int i, want = 8 + pick(t, MAX_NODES - 8 + 1);

	memset(tree, 0, sizeof(*tree));
	tree->conventional = chance(t, 20);
	while (tree->nr < want)
		add_random_node(t, tree);
	tree->fabric = fabric_setup(test, tree->node, tree->nr);
	for (i = 0; i < tree->nr; i++) {
		fabric_set_unreadable(tree->fabric, i, tree->unreadable[i]);
		fabric_dev(tree->fabric, i)->untrusted = tree->untrusted[i];
	}
}

/* The oracle */

/* What becomes of a packet */
enum fate { ARRIVES, AT_ROOT_COMPLEX, LOST };

static bool is_at_or_below(const struct random_tree *tree, int i, int above)
{
	for (; i != FABRIC_ROOT_BUS; i = tree->node[i].parent)
		if (i == above)
			return true;
	return false;
}

/* The function on the bus below @parent that claims a packet, or -1 */
static int claims(const struct random_tree *tree, int parent, int target)
{
	int i;

	for (i = 0; i < tree->nr; i++)
		if (tree->node[i].parent == parent &&
		    is_at_or_below(tree, target, i))
			return i;
	return -1;
}

/*
 * Function @f has a packet from itself or from below, and function @next on
 * the same bus claims it. ACS with one of the bits @redirect sends it on
 * upstream, and then nothing but the root complex sends it back down.
 */
static enum fate pass_on(const struct random_tree *tree, int f, int next,
			 u16 redirect)
{
	const struct fabric_node *from = &tree->node[f], *to = &tree->node[next];

	if (is_conventional_bus(tree, from->parent))
		return ARRIVES;
	/* Nobody knows what it does, nor whether it has the capability. */
	if (tree->unreadable[f])
		return LOST;
	/* Functions of one device, which is the end of a link */
	if (is_link(tree, from->parent) &&
	    (from->has_sriov || to->has_sriov) &&
	    !(from->has_acs && to->has_acs))
		return LOST;
	/* What can't redirect between functions doesn't route between them. */
	if (is_link(tree, from->parent) && from->has_acs && from->acs_is_empty)
		return LOST;
	if (!from->has_acs)
		return ARRIVES;
	return from->acs & redirect ? AT_ROOT_COMPLEX : ARRIVES;
}

/* @target is -1 if it is in another tree. */
static enum fate forward(const struct random_tree *tree, int source, int target,
			 u16 redirect)
{
	int f, next;

	if (target >= 0 && is_at_or_below(tree, target, source))
		return ARRIVES;
	for (f = source; tree->node[f].parent != FABRIC_ROOT_BUS;
	     f = tree->node[f].parent) {
		if (tree->node[f].parent == target)
			return ARRIVES;
		next = claims(tree, tree->node[f].parent, target);
		if (next >= 0)
			return pass_on(tree, f, next, redirect);
	}
	return AT_ROOT_COMPLEX;
}

/* Of the function 00.0, else of the root port that is scanned first */
static u32 identity(const struct random_tree *tree)
{
	int i, first = 256;
	u32 id = 0;

	for (i = 0; i < tree->nr; i++) {
		const struct fabric_node *n = &tree->node[i];

		if (n->parent != FABRIC_ROOT_BUS)
			continue;
		if (!n->devfn)
			return n->id;
		if (n->type == FABRIC_ROOT_PORT && n->devfn < first) {
			first = n->devfn;
			id = n->id;
		}
	}
	return id;
}

/* What it routes, to itself or to others: nothing, writes, all */
static int routes(const struct random_tree *tree, bool to_others)
{
	switch (identity(tree)) {
	case 0x20208086:
		return 2;
	case 0x2f008086:
		return to_others ? 0 : 2;
	case 0xff01fabc:
		return 1;
	case 0xff02fabc:
		return to_others ? 0 : 1;
	default:
		return 0;
	}
}

/* Also one that only happens to be so */
static bool is_conventional_tree(const struct random_tree *tree)
{
	int i;

	for (i = 0; i < tree->nr; i++)
		if (tree->node[i].parent == FABRIC_ROOT_BUS &&
		    fabric_is_pcie(tree->node[i].type))
			return false;
	return true;
}

static bool is_below_root_only(const struct random_tree *tree, int a, int b)
{
	return forward(tree, a, b, 0) == AT_ROOT_COMPLEX;
}

/* Map type, and whether it is for writes only */
static int oracle(const struct random_tree *pt, int provider,
		  const struct random_tree *ct, int client, bool *writes_only)
{
	bool same_tree = pt == ct;
	enum fate request, completion;
	int routed;

	*writes_only = false;
	if (same_tree && provider == client)
		return PCI_P2PDMA_MAP_BUS_ADDR;
	if (pt->untrusted[provider] || ct->untrusted[client])
		return PCI_P2PDMA_MAP_NOT_SUPPORTED;
	request = forward(ct, client, same_tree ? provider : -1,
			  PCI_ACS_RR | PCI_ACS_EC);
	completion = forward(pt, provider, same_tree ? client : -1, PCI_ACS_CR);
	if (request == LOST || completion == LOST)
		return PCI_P2PDMA_MAP_NOT_SUPPORTED;
	if (request == ARRIVES && completion == ARRIVES)
		return PCI_P2PDMA_MAP_BUS_ADDR;
	if (same_tree && is_conventional_tree(pt) &&
	    is_below_root_only(pt, provider, client))
		return PCI_P2PDMA_MAP_BUS_ADDR;
	routed = min(routes(pt, !same_tree), routes(ct, !same_tree));
	*writes_only = routed == 1;
	return routed ? PCI_P2PDMA_MAP_THRU_HOST_BRIDGE :
			PCI_P2PDMA_MAP_NOT_SUPPORTED;
}

/* From one function to all others, along the edges; root buses are one. */
static void measure_hops(struct random_test *t, int tree, int source)
{
	bool moved = true;
	int i, j, root = 1000;

	for (i = 0; i < NR_ALL; i++)
		t->hops[i] = 1000;
	t->hops[tree * MAX_NODES + source] = 0;
	while (moved) {
		moved = false;
		for (i = 0; i < TREES; i++) {
			for (j = 0; j < t->tree[i].nr; j++) {
				int *hops = &t->hops[i * MAX_NODES];
				int parent = t->tree[i].node[j].parent;
				int *up = parent == FABRIC_ROOT_BUS ?
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

static void compare(struct kunit *test, int pt, int provider, int ct,
		    int client)
{
	struct random_test *t = test->priv;
	struct p2pdma_verdict verdict;
	bool writes, writes_only;
	int hops = t->hops[ct * MAX_NODES + client];
	int expected;

	expected = oracle(&t->tree[pt], provider, &t->tree[ct], client,
			  &writes_only);
	p2pdma_judge_route(fabric_dev(t->tree[pt].fabric, provider),
			   fabric_dev(t->tree[ct].fabric, client), &verdict);
	t->pairs++;
	t->seen[verdict.reason]++;
	writes = verdict.reason == P2PDMA_WRITES_ONLY;
	if (verdict.type == expected && writes == writes_only &&
	    (expected == PCI_P2PDMA_MAP_NOT_SUPPORTED ||
	     verdict.distance == hops))
		return;
	t->wrong++;
	KUNIT_FAIL(test, "%d.%d from %d.%d: type %d, oracle %d; distance %u, oracle %d; %s",
		   pt, provider, ct, client, verdict.type, expected,
		   verdict.distance, hops, p2pdma_reason_text(verdict.reason));
}

static void compare_all(struct kunit *test)
{
	struct random_test *t = test->priv;
	int pt, provider, ct, client;

	for (pt = 0; pt < TREES; pt++) {
		for (provider = 0; provider < t->tree[pt].nr; provider++) {
			measure_hops(t, pt, provider);
			for (ct = 0; ct < TREES; ct++)
				for (client = 0; client < t->tree[ct].nr;
				     client++)
					if (t->wrong < 10)
						compare(test, pt, provider, ct,
							client);
			cond_resched();
		}
	}
}

/* Every rule that there is for a path has had something to decide. */
static bool all_rules_seen(const struct random_test *t)
{
	int i;

	for (i = 0; i <= P2PDMA_WRITES_ONLY; i++)
		if (!t->seen[i])
			return false;
	return true;
}

static void against_oracle(struct kunit *test)
{
	struct random_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	u32 start = seed ?: get_random_u32();
	int round, i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	prandom_seed_state(&t->rnd, start);
	for (round = 0; round < MAX_ROUNDS; round++) {
		if (round >= ROUNDS && all_rules_seen(t))
			break;
		for (i = 0; i < TREES; i++)
			make_tree(test, &t->tree[i]);
		compare_all(test);
		for (i = 0; i < TREES; i++)
			fabric_drop(test, t->tree[i].fabric);
	}
	kunit_info(test, "%u pairs, seed %u\n", t->pairs, start);
	for (i = 0; i < ARRAY_SIZE(t->seen); i++)
		if (t->seen[i])
			kunit_info(test, "%7u %s\n", t->seen[i],
				   p2pdma_reason_text(i));
	KUNIT_EXPECT_GE(test, t->pairs, 20000);
	KUNIT_EXPECT_TRUE(test, all_rules_seen(t));
	KUNIT_EXPECT_EQ(test, t->wrong, 0);
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
