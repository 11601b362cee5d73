// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the verdict: p2pdma_topology.c, p2pdma_host.c
 */

#include <kunit/test.h>
#include <linux/pci.h>

#include "../p2pdma_topology.h"
#include "fake_pci.h"

#define DEV(slot)	PCI_DEVFN(slot, 0)

/**
 * struct pair - an expected verdict
 * @provider: node
 * @client: node
 * @type: how
 * @dist: hops; not looked at if @type is not supported
 * @reason: why
 * @at: node that decided
 */
struct pair {
	int provider;
	int client;
	enum pci_p2pdma_map_type type;
	int dist;
	enum p2pdma_reason reason;
	int at;
};

#define BUS_ADDR	PCI_P2PDMA_MAP_BUS_ADDR
#define THRU_HOST	PCI_P2PDMA_MAP_THRU_HOST_BRIDGE
#define REFUSED		PCI_P2PDMA_MAP_NOT_SUPPORTED

static void expect_pair(struct kunit *test, struct fake_pci *fake,
			const struct pair *pair)
{
	struct pci_dev *provider = fake_pci_dev(fake, pair->provider);
	struct pci_dev *client = fake_pci_dev(fake, pair->client);
	struct p2pdma_verdict verdict = p2pdma_verdict(provider, client);

	KUNIT_EXPECT_EQ_MSG(test, verdict.type, pair->type,
			    "client %s, memory of %s", pci_name(client),
			    pci_name(provider));
	KUNIT_EXPECT_EQ_MSG(test, verdict.reason, pair->reason,
			    "client %s, memory of %s", pci_name(client),
			    pci_name(provider));
	KUNIT_EXPECT_PTR_EQ_MSG(test, verdict.at, fake_pci_dev(fake, pair->at),
				"client %s, memory of %s, at %s",
				pci_name(client), pci_name(provider),
				verdict.at ? pci_name(verdict.at) : "-");
	if (pair->type != REFUSED)
		KUNIT_EXPECT_EQ_MSG(test, verdict.distance, pair->dist,
				    "client %s, memory of %s",
				    pci_name(client), pci_name(provider));
}

static void expect_pairs(struct kunit *test, struct fake_pci *fake,
			 const struct pair *pairs, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		expect_pair(test, fake, &pairs[i]);
}

/* For rules that don't tell a provider from a client */
static void expect_both_ways(struct kunit *test, struct fake_pci *fake,
			     const struct pair *pairs, size_t nr)
{
	size_t i;

	expect_pairs(test, fake, pairs, nr);
	for (i = 0; i < nr; i++) {
		struct pair back = pairs[i];

		swap(back.provider, back.client);
		if (back.at == pairs[i].client)
			back.at = pairs[i].provider;
		expect_pair(test, fake, &back);
	}
}

/*
 *          root bus
 *         /        \
 *       RP          RP2
 *        |           |
 *       UP           C
 *      /  \
 *    DP0  DP1
 *     |    |  \
 *    A     B   B1       B and B1 are functions of one device
 */
enum { RP, UP, DP0, DP1, A, B, B1, RP2, C, NR_SWITCH };

static const struct fake_pci_node one_switch[] = {
	[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1), true, PCI_ACS_UF },
	[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
	[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0), true, .acs_enhanced = true },
	[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1), true, PCI_ACS_UF },
	[A]   = { DP0, FAKE_PCI_ENDPOINT, DEV(0) },
	[B]   = { DP1, FAKE_PCI_ENDPOINT, DEV(0), .has_acs = true },
	[B1]  = { DP1, FAKE_PCI_ENDPOINT, PCI_DEVFN(0, 1), .has_acs = true },
	[RP2] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(2) },
	[C]   = { RP2, FAKE_PCI_ENDPOINT, DEV(0) },
};

static void same_function(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, A, BUS_ADDR, 0, P2PDMA_SAME_FUNCTION, A },
	};
	struct fake_pci *f = fake_pci_setup(test, one_switch, NR_SWITCH);

	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
	/* Nothing is asked of the path: there is none. */
	fake_pci_dev(f, A)->untrusted = true;
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

static void across_one_switch(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, B, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP },
		{ A, B1, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP },
		{ B, B1, BUS_ADDR, 2, P2PDMA_MULTI_FUNCTION, DP1 },
	};
	struct fake_pci *f = fake_pci_setup(test, one_switch, NR_SWITCH);

	expect_both_ways(test, f, pairs, ARRAY_SIZE(pairs));
}

/* A port may have memory of its own, or a DMA engine. */
static void bridge_and_what_is_below(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ UP, A, BUS_ADDR, 2, P2PDMA_COMMON_BRIDGE, UP },
		{ DP0, A, BUS_ADDR, 1, P2PDMA_COMMON_BRIDGE, DP0 },
	};
	static const struct pair enhanced[] = {
		{ UP, A, REFUSED, 0, P2PDMA_ACS_ENHANCED, DP0 },
		{ A, UP, REFUSED, 0, P2PDMA_ACS_ENHANCED, DP0 },
		{ DP0, A, REFUSED, 0, P2PDMA_ACS_ENHANCED, DP0 },
		{ DP1, A, REFUSED, 0, P2PDMA_ACS_ENHANCED, DP0 },
		{ A, DP1, BUS_ADDR, 3, P2PDMA_COMMON_BRIDGE, UP },
		{ B, A, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP },
	};
	struct fake_pci *f = fake_pci_setup(test, one_switch, NR_SWITCH);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct pair back = pairs[i];

		expect_pair(test, f, &pairs[i]);
		swap(back.provider, back.client);
		expect_pair(test, f, &back);
	}
	/* On the way up nothing is redirected, but by enhanced controls. */
	fake_pci_set_acs(f, DP0, PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC);
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
	for (i = 7; i < 13; i++) {
		fake_pci_set_acs(f, DP0, BIT(i));
		expect_pairs(test, f, enhanced, ARRAY_SIZE(enhanced));
	}
}

static void different_root_ports(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, C, REFUSED, 0, P2PDMA_ROOT_COMPLEX, RP2 },
		{ C, A, REFUSED, 0, P2PDMA_ROOT_COMPLEX, RP },
	};
	struct fake_pci *f = fake_pci_setup(test, one_switch, NR_SWITCH);

	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

/*
 * Every bit alone and every pair of bits, at every place on the path. Only
 * the switch ports count: RR or EC at the client's, CR at the provider's. EC
 * without RR may block.
 */
static void acs_at_every_place(struct kunit *test)
{
	static const struct fake_pci_node nodes[] = {
		[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1), true,
			  PCI_ACS_UF },
		[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0), true },
		[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0), true },
		[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1), true },
		[A]   = { DP0, FAKE_PCI_ENDPOINT, DEV(0), true },
		[B]   = { DP1, FAKE_PCI_ENDPOINT, DEV(0), true },
	};
	struct fake_pci *f = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));
	int at, i, j;

	for (at = 0; at < ARRAY_SIZE(nodes); at++) {
		for (i = 0; i < 7; i++) {
			for (j = i; j < 7; j++) {
				u16 acs = BIT(i) | BIT(j);
				struct pair pair = {
					A, B, BUS_ADDR, 4,
					P2PDMA_COMMON_BRIDGE, UP
				};

				if (at == DP1 && (acs & PCI_ACS_EC))
					pair = (struct pair){
						A, B, REFUSED, 0,
						P2PDMA_ACS_EGRESS, DP1 };
				if (at == DP1 && (acs & PCI_ACS_RR))
					pair = (struct pair){
						A, B, REFUSED, 0,
						P2PDMA_ACS_REQ_REDIR, DP1 };
				if (at == DP0 && (acs & PCI_ACS_CR))
					pair = (struct pair){
						A, B, REFUSED, 0,
						P2PDMA_ACS_CMPLT_REDIR, DP0 };
				fake_pci_set_acs(f, at, acs);
				expect_pair(test, f, &pair);
			}
		}
		fake_pci_set_acs(f, at, nodes[at].acs);
	}
}

/* The same bits, on functions of one device */
static void acs_on_functions(struct kunit *test)
{
	static const struct pair open = {
		B, B1, BUS_ADDR, 2, P2PDMA_MULTI_FUNCTION, DP1
	};
	static const struct pair request = {
		B, B1, REFUSED, 0, P2PDMA_ACS_REQ_REDIR, B1
	};
	static const struct pair egress = {
		B, B1, REFUSED, 0, P2PDMA_ACS_EGRESS, B1
	};
	static const struct pair completion = {
		B, B1, REFUSED, 0, P2PDMA_ACS_CMPLT_REDIR, B
	};
	static const struct pair lost = {
		B, B1, REFUSED, 0, P2PDMA_NO_UPSTREAM_FORWARDING, DP1
	};
	struct fake_pci *f = fake_pci_setup(test, one_switch, NR_SWITCH);

	fake_pci_set_acs(f, B1, PCI_ACS_RR);
	expect_pair(test, f, &request);
	fake_pci_set_acs(f, B1, PCI_ACS_RR | PCI_ACS_EC);
	expect_pair(test, f, &request);
	fake_pci_set_acs(f, B1, PCI_ACS_EC);
	expect_pair(test, f, &egress);
	fake_pci_set_acs(f, B1, PCI_ACS_CR | PCI_ACS_SV | PCI_ACS_DT);
	expect_pair(test, f, &open);
	fake_pci_set_acs(f, B, PCI_ACS_CR);
	expect_pair(test, f, &completion);
	/* The port above them matters to what is redirected only. */
	fake_pci_set_acs(f, DP1, 0);
	expect_pair(test, f, &lost);
	fake_pci_set_acs(f, B, PCI_ACS_RR | PCI_ACS_EC);
	expect_pair(test, f, &open);
	fake_pci_set_acs(f, DP1, PCI_ACS_RR | PCI_ACS_CR);
	expect_pair(test, f, &open);
}

/*
 * PORT - F0, F1: functions that send up the link what is for each other, each
 * for a reason of its own (C15). F1 is an ordinary function.
 */
enum { PORT, F0, F1, NR_FUNCTIONS };

struct isolated_case {
	const char *name;
	struct fake_pci_node f0;
	bool open;
};

static const struct isolated_case isolated_cases[] = {
	{ "no ACS", { PORT, FAKE_PCI_ENDPOINT, DEV(0) }, .open = true },
	{ "quirk", { PORT, FAKE_PCI_ENDPOINT, DEV(0), .id = 0x10c68086 } },
	{ "quirk beside ACS", { PORT, FAKE_PCI_ENDPOINT, DEV(0), true,
				.id = 0x10c68086 } },
	{ "ACS without redirection", { PORT, FAKE_PCI_ENDPOINT, DEV(0), true,
				       .acs_lacks = 0x7f } },
	{ "ACS with it", { PORT, FAKE_PCI_ENDPOINT, DEV(0), true },
	  .open = true },
	{ "SR-IOV without ACS", { PORT, FAKE_PCI_ENDPOINT, DEV(0),
				  .has_sriov = true } },
	{ "SR-IOV with ACS", { PORT, FAKE_PCI_ENDPOINT, DEV(0), true,
			       .has_sriov = true }, .open = true },
};

static void isolated_case_name(const struct isolated_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(isolated, isolated_cases, isolated_case_name);

static void functions_that_isolate(struct kunit *test)
{
	static const struct pair open[] = {
		{ F0, F1, BUS_ADDR, 2, P2PDMA_MULTI_FUNCTION, PORT },
	};
	static const struct pair lost[] = {
		{ F0, F1, REFUSED, 0, P2PDMA_NO_UPSTREAM_FORWARDING, PORT },
	};
	static const struct pair unrouted[] = {
		{ F0, F1, REFUSED, 0, P2PDMA_ACS_CMPLT_REDIR, F0 },
		{ F1, F0, REFUSED, 0, P2PDMA_ACS_REQ_REDIR, F0 },
	};
	static const struct pair routed[] = {
		{ F0, F1, THRU_HOST, 2, P2PDMA_ACS_CMPLT_REDIR, F0 },
		{ F1, F0, THRU_HOST, 2, P2PDMA_ACS_REQ_REDIR, F0 },
	};
	const struct isolated_case *c = test->param_value;
	struct fake_pci_node nodes[] = {
		[PORT] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1), true },
		[F0]   = c->f0,
		[F1]   = { PORT, FAKE_PCI_ENDPOINT, PCI_DEVFN(0, 1) },
	};
	struct fake_pci *f = fake_pci_setup(test, nodes, NR_FUNCTIONS);

	if (c->open) {
		expect_both_ways(test, f, open, ARRAY_SIZE(open));
		return;
	}
	expect_both_ways(test, f, lost, ARRAY_SIZE(lost));
	fake_pci_set_acs(f, PORT, PCI_ACS_UF);
	expect_pairs(test, f, unrouted, ARRAY_SIZE(unrouted));
	fake_pci_set_host(f, P2PDMA_HOST_ALL);
	expect_pairs(test, f, routed, ARRAY_SIZE(routed));
}

/*
 * A port that has ACS, but can't control redirection, redirects. (C15: the
 * ports of Thunderbolt controllers)
 */
static void hardwired_ports(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, B, REFUSED, 0, P2PDMA_ACS_CMPLT_REDIR, DP0 },
		{ B, A, REFUSED, 0, P2PDMA_ACS_REQ_REDIR, DP0 },
		{ B, B1, BUS_ADDR, 2, P2PDMA_MULTI_FUNCTION, DP1 },
	};
	struct fake_pci_node nodes[NR_SWITCH];
	struct pci_dev *at[2];
	struct fake_pci *f;

	memcpy(nodes, one_switch, sizeof(nodes));
	nodes[DP0].acs_lacks = PCI_ACS_RR | PCI_ACS_CR;
	f = fake_pci_setup(test, nodes, NR_SWITCH);
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
	/* No parameter turns it off. */
	KUNIT_EXPECT_EQ(test, p2pdma_redirectors(fake_pci_dev(f, A),
						 fake_pci_dev(f, B), at), 0);
	fake_pci_set_acs(f, DP1, PCI_ACS_RR);
	KUNIT_EXPECT_EQ(test, p2pdma_redirectors(fake_pci_dev(f, A),
						 fake_pci_dev(f, B), at), 0);
}

/* Extended config space out of reach, as with pci=nommconf */
static void acs_out_of_reach(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, B, REFUSED, 0, P2PDMA_ACS_UNKNOWN, DP0 },
		{ B, A, REFUSED, 0, P2PDMA_ACS_UNKNOWN, DP0 },
		{ DP0, A, REFUSED, 0, P2PDMA_ACS_UNKNOWN, DP0 },
		{ B, B1, BUS_ADDR, 2, P2PDMA_MULTI_FUNCTION, DP1 },
		{ A, C, REFUSED, 0, P2PDMA_ROOT_COMPLEX, RP2 },
	};
	static const struct pair functions[] = {
		{ B, B1, REFUSED, 0, P2PDMA_ACS_UNKNOWN, B1 },
		{ B1, B, REFUSED, 0, P2PDMA_ACS_UNKNOWN, B1 },
		{ A, B1, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP },
	};
	struct fake_pci_node nodes[NR_SWITCH];

	memcpy(nodes, one_switch, sizeof(nodes));
	nodes[DP0].no_ext = true;
	nodes[RP2].id = 0x12348086;
	expect_pairs(test, fake_pci_setup(test, nodes, NR_SWITCH), pairs,
		     ARRAY_SIZE(pairs));
	nodes[DP0].no_ext = false;
	nodes[B1].no_ext = true;
	expect_pairs(test, fake_pci_setup(test, nodes, NR_SWITCH), functions,
		     ARRAY_SIZE(functions));
}

/*
 *   RP - UP -- DP0 - PF with two VFs
 *           \- DP1 - E
 * VFs reach what their PF reaches, and each other only with ACS of their own.
 */
static void virtual_functions(struct kunit *test)
{
	enum { RP, UP, DP0, DP1, PF, E };
	struct fake_pci_node nodes[] = {
		[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1) },
		[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
		[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0), true },
		[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1), true },
		[PF]  = { DP0, FAKE_PCI_ENDPOINT, DEV(0), true,
			  .has_sriov = true, .nr_vfs = 2 },
		[E]   = { DP1, FAKE_PCI_ENDPOINT, DEV(0) },
	};
	int acs;

	if (!IS_ENABLED(CONFIG_PCI_IOV))
		kunit_skip(test, "no CONFIG_PCI_IOV");
	for (acs = 0; acs < 2; acs++) {
		struct pci_dev *pf, *e, *vf[2];
		struct p2pdma_verdict v;
		struct fake_pci *f;

		nodes[PF].vf_has_acs = acs;
		f = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));
		KUNIT_ASSERT_EQ(test, fake_pci_enable_vfs(f, PF), 0);
		pf = fake_pci_dev(f, PF);
		e = fake_pci_dev(f, E);
		vf[0] = fake_pci_vf(f, PF, 0);
		vf[1] = fake_pci_vf(f, PF, 1);
		KUNIT_ASSERT_NOT_NULL(test, vf[0]);
		KUNIT_ASSERT_NOT_NULL(test, vf[1]);
		v = p2pdma_verdict(e, vf[0]);
		KUNIT_EXPECT_EQ(test, v.type, BUS_ADDR);
		KUNIT_EXPECT_EQ(test, v.distance, 4);
		v = p2pdma_verdict(vf[0], vf[1]);
		KUNIT_EXPECT_EQ(test, v.type, acs ? BUS_ADDR : REFUSED);
		v = p2pdma_verdict(pf, vf[0]);
		KUNIT_EXPECT_EQ(test, v.type, acs ? BUS_ADDR : REFUSED);
		KUNIT_EXPECT_EQ(test, v.reason,
				acs ? P2PDMA_MULTI_FUNCTION :
				      P2PDMA_NO_UPSTREAM_FORWARDING);
	}
}

static void untrusted(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, B, REFUSED, 0, P2PDMA_UNTRUSTED, B },
		{ B, A, REFUSED, 0, P2PDMA_UNTRUSTED, B },
	};
	struct fake_pci *f = fake_pci_setup(test, one_switch, NR_SWITCH);

	fake_pci_dev(f, B)->untrusted = true;
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

/*
 *   RP - UP -- DP0 - UP2 -- DP2 - A
 *           |            \- DP3 - B
 *           \- DP1 - C2
 */
static void switch_behind_switch(struct kunit *test)
{
	enum { RP, UP, DP0, DP1, UP2, DP2, DP3, A, B, C2 };
	static const struct fake_pci_node nodes[] = {
		[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1), true,
			  PCI_ACS_UF },
		[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
		[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0), true, PCI_ACS_UF },
		[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1), true },
		[UP2] = { DP0, FAKE_PCI_UPSTREAM, DEV(0) },
		[DP2] = { UP2, FAKE_PCI_DOWNSTREAM, DEV(0), true },
		[DP3] = { UP2, FAKE_PCI_DOWNSTREAM, DEV(1), true },
		[A]   = { DP2, FAKE_PCI_ENDPOINT, DEV(0) },
		[B]   = { DP3, FAKE_PCI_ENDPOINT, DEV(0) },
		[C2]  = { DP1, FAKE_PCI_ENDPOINT, DEV(0) },
	};
	static const struct pair pairs[] = {
		{ A, B, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP2 },
		{ A, C2, BUS_ADDR, 6, P2PDMA_COMMON_BRIDGE, UP },
		{ B, C2, BUS_ADDR, 6, P2PDMA_COMMON_BRIDGE, UP },
	};
	static const struct pair redirected[] = {
		/* Below the common bridge, but not where the paths part */
		{ A, C2, BUS_ADDR, 6, P2PDMA_COMMON_BRIDGE, UP },
		{ A, B, REFUSED, 0, P2PDMA_ACS_CMPLT_REDIR, DP2 },
		{ B, A, REFUSED, 0, P2PDMA_ACS_REQ_REDIR, DP2 },
	};
	static const struct pair forwarded[] = {
		{ A, B, THRU_HOST, 4, P2PDMA_ACS_CMPLT_REDIR, DP2 },
		{ B, A, THRU_HOST, 4, P2PDMA_ACS_REQ_REDIR, DP2 },
	};
	static const struct pair lost_at_rp[] = {
		{ A, B, REFUSED, 0, P2PDMA_NO_UPSTREAM_FORWARDING, RP },
	};
	static const struct pair lost_at_dp0[] = {
		{ A, B, REFUSED, 0, P2PDMA_NO_UPSTREAM_FORWARDING, DP0 },
	};
	static const struct pair translated[] = {
		{ A, B, REFUSED, 0, P2PDMA_NO_UPSTREAM_FORWARDING, DP0 },
		{ B, A, THRU_HOST, 4, P2PDMA_ACS_REQ_REDIR, DP2 },
	};
	struct fake_pci *f = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));

	expect_both_ways(test, f, pairs, ARRAY_SIZE(pairs));
	fake_pci_set_acs(f, DP2, PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC);
	expect_pairs(test, f, redirected, ARRAY_SIZE(redirected));

	/*
	 * What comes up from UP2 meets its destination behind DP0, and then
	 * behind RP: both have to forward it.
	 */
	fake_pci_set_host(f, P2PDMA_HOST_ALL);
	expect_pairs(test, f, forwarded, ARRAY_SIZE(forwarded));
	fake_pci_set_acs(f, RP, 0);
	expect_both_ways(test, f, lost_at_rp, ARRAY_SIZE(lost_at_rp));
	fake_pci_set_acs(f, RP, PCI_ACS_UF);
	fake_pci_set_acs(f, DP0, PCI_ACS_RR | PCI_ACS_CR);
	expect_both_ways(test, f, lost_at_dp0, ARRAY_SIZE(lost_at_dp0));

	/* An IOMMU's addresses are claimed by no port; IDs are. */
	if (!fake_pci_set_translated(fake_pci_dev(f, A), true) ||
	    !fake_pci_set_translated(fake_pci_dev(f, B), true))
		return;
	expect_pairs(test, f, translated, ARRAY_SIZE(translated));
	/* What the client has translated itself has the real addresses. */
	fake_pci_dev(f, A)->ats_enabled = 1;
	expect_both_ways(test, f, lost_at_dp0, ARRAY_SIZE(lost_at_dp0));
	fake_pci_dev(f, A)->ats_enabled = 0;
}

/*
 *   RP - UP -- DP0 - P2P (PCIe to PCI) - A, B
 *           \- DP1 - C2
 */
static void behind_pcie_to_pci_bridge(struct kunit *test)
{
	enum { RP, UP, DP0, DP1, P2P, A, B, C2 };
	static const struct fake_pci_node nodes[] = {
		[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1) },
		[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
		[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0) },
		[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1) },
		[P2P] = { DP0, FAKE_PCI_PCIE_TO_PCI, DEV(0) },
		[A]   = { P2P, FAKE_PCI_PCI, DEV(1) },
		[B]   = { P2P, FAKE_PCI_PCI, DEV(2) },
		[C2]  = { DP1, FAKE_PCI_ENDPOINT, DEV(0) },
	};
	static const struct pair pairs[] = {
		{ A, B, BUS_ADDR, 2, P2PDMA_COMMON_BRIDGE, P2P },
		{ A, C2, BUS_ADDR, 5, P2PDMA_COMMON_BRIDGE, UP },
	};
	struct fake_pci *f = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));

	expect_both_ways(test, f, pairs, ARRAY_SIZE(pairs));
}

/*
 *   root bus - A, B, PB (PCI bridge) - C2, D
 *
 * Firmware says whether that is a conventional bus, and not what is on it.
 */
static void conventional_hierarchy(struct kunit *test)
{
	enum { A, B, PB, C2, D };
	static const struct fake_pci_node nodes[] = {
		[A]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_PCI, DEV(1) },
		[B]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_PCI, DEV(2) },
		[PB] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_PCI_BRIDGE, DEV(3) },
		[C2] = { PB, FAKE_PCI_PCI, DEV(1) },
		[D]  = { PB, FAKE_PCI_PCI, DEV(2) },
	};
	static const struct pair unknown[] = {
		{ A, B, REFUSED, 0, P2PDMA_NO_HOST_BRIDGE, B },
		{ C2, A, REFUSED, 0, P2PDMA_NO_HOST_BRIDGE, A },
		{ C2, D, BUS_ADDR, 2, P2PDMA_COMMON_BRIDGE, PB },
	};
	static const struct pair pairs[] = {
		{ A, B, BUS_ADDR, 2, P2PDMA_CONVENTIONAL, B },
		{ B, A, BUS_ADDR, 2, P2PDMA_CONVENTIONAL, A },
		{ A, C2, BUS_ADDR, 3, P2PDMA_CONVENTIONAL, PB },
		{ C2, A, BUS_ADDR, 3, P2PDMA_CONVENTIONAL, A },
		{ C2, D, BUS_ADDR, 2, P2PDMA_COMMON_BRIDGE, PB },
	};
	struct fake_pci *f = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));
	struct fake_pci *g = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));
	struct p2pdma_verdict verdict;

	expect_pairs(test, f, unknown, ARRAY_SIZE(unknown));
	fake_pci_set_host(f, P2PDMA_HOST_CONVENTIONAL);
	fake_pci_set_host(g, P2PDMA_HOST_CONVENTIONAL);
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));

	/* Two of them don't make one. */
	verdict = p2pdma_verdict(fake_pci_dev(f, A), fake_pci_dev(g, A));
	KUNIT_EXPECT_EQ(test, verdict.type, REFUSED);
	KUNIT_EXPECT_EQ(test, verdict.reason, P2PDMA_NO_HOST_BRIDGE);
}

/*
 * Conventional functions beside a root port are integrated endpoints, also
 * when the port has been removed (C2), and whatever firmware says.
 */
static void conventional_in_root_complex(struct kunit *test)
{
	enum { A, B, RP };
	static const struct fake_pci_node nodes[] = {
		[A]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_PCI, DEV(1) },
		[B]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_PCI, DEV(2) },
		[RP] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(3) },
	};
	static const struct pair pairs[] = {
		{ A, B, REFUSED, 0, P2PDMA_ROOT_COMPLEX, B },
		{ B, A, REFUSED, 0, P2PDMA_ROOT_COMPLEX, A },
	};
	struct fake_pci *f = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));

	KUNIT_EXPECT_TRUE(test, fake_pci_host(f) & P2PDMA_HOST_PCIE);
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
	pci_stop_and_remove_bus_device_locked(fake_pci_dev(f, RP));
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

struct host_case {
	const char *name;
	u32 id;			/* the device number is in the upper half */
	u16 class;
	u8 devfn;
	enum fake_pci_type type;
	enum pci_p2pdma_map_type same_host;
	enum pci_p2pdma_map_type other_host;
	bool unidentified;
};

#define HOST		PCI_CLASS_BRIDGE_HOST
#define PERIPHERAL	PCI_CLASS_SYSTEM_OTHER
#define ACCELERATOR(id) \
	{ "accelerator " #id, (id) << 16 | 0x8086, PERIPHERAL, DEV(0), \
	  FAKE_PCI_RC_ENDPOINT, THRU_HOST, THRU_HOST, true }
#define SAME(id, vendor) \
	{ #vendor ":" #id, (id) << 16 | (vendor), HOST, DEV(0), FAKE_PCI_PCI, \
	  THRU_HOST, REFUSED }

static const struct host_case host_cases[] = {
	{ "unknown", 0x29c08086, HOST, DEV(0), FAKE_PCI_PCI, REFUSED, REFUSED },
	{ "Sandy Bridge-E", 0x3c008086, HOST, DEV(0), FAKE_PCI_PCI,
	  THRU_HOST, REFUSED },
	{ "Sky Lake-E at 00.0", 0x20208086, HOST, DEV(0), FAKE_PCI_PCI,
	  THRU_HOST, THRU_HOST },
	{ "Sky Lake-E root port", 0x20308086, 0, DEV(0), FAKE_PCI_ROOT_PORT,
	  THRU_HOST, THRU_HOST },
	{ "Ice Lake", 0x09a28086, PERIPHERAL, DEV(0), FAKE_PCI_RC_ENDPOINT,
	  THRU_HOST, THRU_HOST },
	{ "host bridge at another slot", 0x20208086, HOST, DEV(4), FAKE_PCI_PCI,
	  THRU_HOST, THRU_HOST },
	{ "known number at another slot", 0x09a28086, PERIPHERAL, DEV(4),
	  FAKE_PCI_RC_ENDPOINT, REFUSED, REFUSED, true },
	{ "known number of an endpoint", 0x20208086, 0, DEV(0),
	  FAKE_PCI_ENDPOINT, REFUSED, REFUSED, true },
	{ "an endpoint at 00.0", 0x12348086, PCI_CLASS_DISPLAY_VGA, DEV(0),
	  FAKE_PCI_RC_ENDPOINT, REFUSED, REFUSED, true },
	ACCELERATOR(0x0b25), ACCELERATOR(0x0cfe), ACCELERATOR(0x11fb),
	ACCELERATOR(0x1212), ACCELERATOR(0x1216), ACCELERATOR(0x4940),
	ACCELERATOR(0x4942), ACCELERATOR(0x4944), ACCELERATOR(0x4946),
	ACCELERATOR(0x4948),
	{ "accelerator at another slot", 0x0b258086, PERIPHERAL, DEV(4),
	  FAKE_PCI_RC_ENDPOINT, REFUSED, REFUSED, true },
	SAME(0x2f95, 0x10de), SAME(0x2f96, 0x10de), SAME(0x2f97, 0x10de),
	SAME(0x2f98, 0x10de), SAME(0x1003, 0x1d17), SAME(0x1005, 0x1d17),
	SAME(0x1006, 0x1d17), SAME(0x1007, 0x1d17), SAME(0x0042, 0x1ae0),
	{ "1d17:1008", 0x10081d17, HOST, DEV(0), FAKE_PCI_PCI,
	  THRU_HOST, THRU_HOST },
};

static void host_case_name(const struct host_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(host, host_cases, host_case_name);

/* Integrated endpoints, and nothing else that would name the host bridge */
static void host_bridges(struct kunit *test)
{
	enum { HB, A, B };
	const struct host_case *c = test->param_value;
	enum p2pdma_reason refusal = c->unidentified ? P2PDMA_NO_HOST_BRIDGE :
						       P2PDMA_ROOT_COMPLEX;
	struct fake_pci_node nodes[] = {
		[HB] = { FAKE_PCI_ROOT_BUS, c->type, c->devfn, .id = c->id,
			 .class = c->class },
		[A]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_RC_ENDPOINT, DEV(0x1c) },
		[B]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_RC_ENDPOINT, DEV(0x1d) },
	};
	struct fake_pci *f = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));
	struct fake_pci *g = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));
	struct p2pdma_verdict verdict;

	KUNIT_EXPECT_EQ(test, !(fake_pci_host(f) & P2PDMA_HOST_ID),
			c->unidentified);
	verdict = p2pdma_verdict(fake_pci_dev(f, A), fake_pci_dev(f, B));
	KUNIT_EXPECT_EQ(test, verdict.type, c->same_host);
	KUNIT_EXPECT_EQ(test, verdict.reason, c->same_host == REFUSED ?
			refusal : P2PDMA_ROOT_COMPLEX);
	if (c->same_host != REFUSED)
		KUNIT_EXPECT_EQ(test, verdict.distance, 2);
	verdict = p2pdma_verdict(fake_pci_dev(f, A), fake_pci_dev(g, B));
	KUNIT_EXPECT_EQ(test, verdict.type, c->other_host);
	/* Whatever goes: the root complex is the same. */
	pci_stop_and_remove_bus_device_locked(fake_pci_dev(f, HB));
	verdict = p2pdma_verdict(fake_pci_dev(f, A), fake_pci_dev(f, B));
	KUNIT_EXPECT_EQ(test, verdict.type, c->same_host);
}

/* An accelerator is first, and the host bridge is behind it. */
static void host_bridge_after_accelerator(struct kunit *test)
{
	enum { ACC, HB, A };
	static const struct fake_pci_node nodes[] = {
		[ACC] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_RC_ENDPOINT, DEV(0),
			  .id = 0x0b258086, .class = PERIPHERAL },
		[HB]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_PCI, DEV(3),
			  .id = 0x12348086, .class = HOST },
		[A]   = { FAKE_PCI_ROOT_BUS, FAKE_PCI_RC_ENDPOINT, DEV(4) },
	};
	struct fake_pci *f = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));

	KUNIT_EXPECT_EQ(test, fake_pci_host(f) & P2PDMA_HOST_ID, 0x80861234);
	KUNIT_EXPECT_EQ(test, p2pdma_verdict(fake_pci_dev(f, ACC),
					     fake_pci_dev(f, A)).type, THRU_HOST);
}

/* An operator can allow a host bridge, and neither endpoint nor accelerator. */
static void allowed_identity(struct kunit *test)
{
	enum { ACC, HB, RP, NR };
	static const struct fake_pci_node nodes[] = {
		[ACC] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_RC_ENDPOINT, DEV(0),
			  .id = 0x0b258086, .class = PERIPHERAL },
		[HB]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_PCI, DEV(3),
			  .id = 0x12348086, .class = HOST },
		[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(4) },
	};
	struct fake_pci *f = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));
	struct pci_dev *dev = fake_pci_dev(f, ACC);
	u64 host[NR];
	int i;

	for (i = 0; i < NR; i++)
		host[i] = p2pdma_host_add(0, fake_pci_dev(f, i),
					  P2PDMA_HOST_WRITE, false);
	/* The accelerator says by itself what it says without the operator. */
	KUNIT_EXPECT_EQ(test, host[ACC], p2pdma_host_add(0, dev, 0, false));
	KUNIT_EXPECT_EQ(test, host[ACC] & P2PDMA_HOST_ID, 0);
	KUNIT_EXPECT_EQ(test, host[HB] & P2PDMA_HOST_ALL, P2PDMA_HOST_WRITE);
	KUNIT_EXPECT_EQ(test, host[HB] & P2PDMA_HOST_ID, 0x80861234);
	KUNIT_EXPECT_EQ(test, host[RP] & P2PDMA_HOST_ALL, P2PDMA_HOST_WRITE);
	/* As a display controller at 00.0 */
	dev->device = 0x5678;
	KUNIT_EXPECT_EQ(test, p2pdma_host_add(0, dev, P2PDMA_HOST_ALL, false), 0);
}

/* Writes are routed and reads are not, in the same or in other host bridges. */
static void writes_only(struct kunit *test)
{
	static const struct pair pair = {
		A, C, THRU_HOST, 6, P2PDMA_WRITES_ONLY, RP2
	};
	struct fake_pci *f = fake_pci_setup(test, one_switch, NR_SWITCH);
	struct fake_pci *g = fake_pci_setup(test, one_switch, NR_SWITCH);

	fake_pci_set_host(f, P2PDMA_HOST_WRITE);
	fake_pci_set_host(g, P2PDMA_HOST_ALL);
	expect_pair(test, f, &pair);
	KUNIT_EXPECT_EQ(test, p2pdma_verdict(fake_pci_dev(f, A),
					     fake_pci_dev(g, C)).reason,
			P2PDMA_WRITES_ONLY);
	fake_pci_set_host(f, P2PDMA_HOST_SAME_WRITE);
	KUNIT_EXPECT_EQ(test, p2pdma_verdict(fake_pci_dev(f, A),
					     fake_pci_dev(g, C)).type, REFUSED);
}

/* Egress control of a root port, without redirection, may block. */
static void egress_control_at_root(struct kunit *test)
{
	static const struct pair blocked = {
		C, A, REFUSED, 0, P2PDMA_ACS_EGRESS, RP
	};
	static const struct pair routed = {
		C, A, THRU_HOST, 6, P2PDMA_ROOT_COMPLEX, RP
	};
	struct fake_pci *f = fake_pci_setup(test, one_switch, NR_SWITCH);

	fake_pci_set_host(f, P2PDMA_HOST_ALL);
	expect_pair(test, f, &routed);
	fake_pci_set_acs(f, RP, PCI_ACS_EC);
	expect_pair(test, f, &blocked);
	fake_pci_set_acs(f, RP, PCI_ACS_EC | PCI_ACS_RR);
	expect_pair(test, f, &routed);
}

static void expect_sizes(struct kunit *test, struct fake_pci *f, int provider,
			 int client, enum p2pdma_reason reason, int at)
{
	struct pci_dev *p = fake_pci_dev(f, provider), *c = fake_pci_dev(f, client);
	struct p2pdma_verdict verdict = p2pdma_verdict(p, c);
	bool refused = reason == P2PDMA_PAYLOAD_SIZE ||
		       reason == P2PDMA_TAG_SIZE;

	p2pdma_check_sizes(&verdict, p, c);
	KUNIT_EXPECT_EQ(test, verdict.type, refused ? REFUSED : BUS_ADDR);
	KUNIT_EXPECT_EQ(test, verdict.reason, reason);
	KUNIT_EXPECT_PTR_EQ(test, verdict.at, fake_pci_dev(f, at));
}

/* Max_Payload_Size: equal at both ends, and nowhere less in between */
static void payload_sizes(struct kunit *test)
{
	struct fake_pci *f = fake_pci_setup(test, one_switch, NR_SWITCH);
	int i;

	for (i = 0; i < NR_SWITCH; i++)
		fake_pci_set_mps(f, i, 256);
	expect_sizes(test, f, A, B, P2PDMA_COMMON_BRIDGE, UP);
	fake_pci_set_mps(f, A, 512);
	expect_sizes(test, f, A, B, P2PDMA_PAYLOAD_SIZE, B);
	expect_sizes(test, f, B, A, P2PDMA_PAYLOAD_SIZE, B);
	fake_pci_set_mps(f, B, 512);
	expect_sizes(test, f, A, B, P2PDMA_PAYLOAD_SIZE, DP1);
	fake_pci_set_mps(f, DP1, 512);
	expect_sizes(test, f, A, B, P2PDMA_PAYLOAD_SIZE, DP0);
	fake_pci_set_mps(f, DP0, 4096);
	/* What is not on the way doesn't count. */
	expect_sizes(test, f, A, B, P2PDMA_COMMON_BRIDGE, UP);
	expect_sizes(test, f, A, A, P2PDMA_SAME_FUNCTION, A);
	expect_sizes(test, f, B, B1, P2PDMA_PAYLOAD_SIZE, B1);
}

static void tag_sizes(struct kunit *test)
{
	struct fake_pci_node nodes[NR_SWITCH];
	struct fake_pci *f;

	memcpy(nodes, one_switch, sizeof(nodes));
	nodes[A].no_tag10 = true;
	f = fake_pci_setup(test, nodes, NR_SWITCH);
	expect_sizes(test, f, A, B, P2PDMA_COMMON_BRIDGE, UP);
	fake_pci_set_tags(f, B, true);
	expect_sizes(test, f, A, B, P2PDMA_TAG_SIZE, A);
	expect_sizes(test, f, B, A, P2PDMA_COMMON_BRIDGE, UP);
	expect_sizes(test, f, B1, B, P2PDMA_MULTI_FUNCTION, DP1);
	fake_pci_set_tags(f, B, false);
	expect_sizes(test, f, A, B, P2PDMA_COMMON_BRIDGE, UP);
}

/* What ACS redirects may still arrive, if the root complex routes it. */
static void redirected_through_known_host_bridge(struct kunit *test)
{
	enum { HB, RP, UP, DP0, DP1, A, B };
	static const struct fake_pci_node nodes[] = {
		[HB]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_PCI, DEV(0),
			  .id = 0x09a28086 },
		[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1), true,
			  PCI_ACS_UF },
		[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
		[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0), true, PCI_ACS_CR },
		[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1), true },
		[A]   = { DP0, FAKE_PCI_ENDPOINT, DEV(0) },
		[B]   = { DP1, FAKE_PCI_ENDPOINT, DEV(0) },
	};
	static const struct pair pairs[] = {
		{ A, B, THRU_HOST, 4, P2PDMA_ACS_CMPLT_REDIR, DP0 },
		{ B, A, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP },
	};
	struct fake_pci *f = fake_pci_setup(test, nodes, ARRAY_SIZE(nodes));

	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

/* Thirty-two bridges deep, and still one common bridge */
static void deep_tree(struct kunit *test)
{
	enum { DEPTH = 32 };
	struct fake_pci_node *nodes = kunit_kcalloc(test, DEPTH + 2,
						    sizeof(*nodes), GFP_KERNEL);
	struct p2pdma_verdict verdict;
	struct fake_pci *f;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, nodes);
	nodes[0] = (struct fake_pci_node){ FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT,
					 DEV(1) };
	for (i = 1; i < DEPTH; i++)
		nodes[i] = (struct fake_pci_node){
			i - 1, i % 2 ? FAKE_PCI_UPSTREAM : FAKE_PCI_DOWNSTREAM,
			DEV(0), .has_acs = true,
			.acs = PCI_ACS_RR | PCI_ACS_CR,
		};
	/* Behind the last upstream port: conventional, so no ACS of its own */
	nodes[DEPTH] = (struct fake_pci_node){ DEPTH - 1, FAKE_PCI_DOWNSTREAM,
					     DEV(0) };
	nodes[DEPTH + 1] = (struct fake_pci_node){ DEPTH - 1, FAKE_PCI_DOWNSTREAM,
						 DEV(1) };
	f = fake_pci_setup(test, nodes, DEPTH + 2);
	verdict = p2pdma_verdict(fake_pci_dev(f, DEPTH),
				 fake_pci_dev(f, DEPTH + 1));
	KUNIT_EXPECT_EQ(test, verdict.type, BUS_ADDR);
	KUNIT_EXPECT_EQ(test, verdict.distance, 2);
	verdict = p2pdma_verdict(fake_pci_dev(f, 0), fake_pci_dev(f, DEPTH));
	KUNIT_EXPECT_EQ(test, verdict.type, BUS_ADDR);
	KUNIT_EXPECT_EQ(test, verdict.distance, DEPTH);
}

static struct kunit_case p2pdma_topology_cases[] = {
	KUNIT_CASE(same_function),
	KUNIT_CASE(across_one_switch),
	KUNIT_CASE(bridge_and_what_is_below),
	KUNIT_CASE(different_root_ports),
	KUNIT_CASE(acs_at_every_place),
	KUNIT_CASE(acs_on_functions),
	KUNIT_CASE_PARAM(functions_that_isolate, isolated_gen_params),
	KUNIT_CASE(hardwired_ports),
	KUNIT_CASE(acs_out_of_reach),
	KUNIT_CASE(virtual_functions),
	KUNIT_CASE(untrusted),
	KUNIT_CASE(switch_behind_switch),
	KUNIT_CASE(behind_pcie_to_pci_bridge),
	KUNIT_CASE(conventional_hierarchy),
	KUNIT_CASE(conventional_in_root_complex),
	KUNIT_CASE_PARAM(host_bridges, host_gen_params),
	KUNIT_CASE(host_bridge_after_accelerator),
	KUNIT_CASE(allowed_identity),
	KUNIT_CASE(writes_only),
	KUNIT_CASE(egress_control_at_root),
	KUNIT_CASE(redirected_through_known_host_bridge),
	KUNIT_CASE(payload_sizes),
	KUNIT_CASE(tag_sizes),
	KUNIT_CASE(deep_tree),
	{}
};

static struct kunit_suite p2pdma_topology_suite = {
	.name = "p2pdma_topology",
	.test_cases = p2pdma_topology_cases,
};

kunit_test_suite(p2pdma_topology_suite);
