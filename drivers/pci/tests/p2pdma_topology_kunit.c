// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the verdict: p2pdma_topology.c, p2pdma_host.c
 */

#include <kunit/test.h>
#include <linux/pci.h>

#include "../p2pdma.h"
#include "p2pdma_fabric.h"

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

static void expect_pair(struct kunit *test, struct fabric *fabric,
			const struct pair *pair)
{
	struct p2pdma_verdict verdict;

	p2pdma_verdict(fabric_dev(fabric, pair->provider),
		       fabric_dev(fabric, pair->client), &verdict);
	KUNIT_EXPECT_EQ_MSG(test, verdict.type, pair->type,
			    "provider %d client %d", pair->provider,
			    pair->client);
	KUNIT_EXPECT_EQ_MSG(test, verdict.reason, pair->reason,
			    "provider %d client %d", pair->provider,
			    pair->client);
	KUNIT_EXPECT_PTR_EQ_MSG(test, verdict.at, fabric_dev(fabric, pair->at),
				"provider %d client %d", pair->provider,
				pair->client);
	if (pair->type != REFUSED)
		KUNIT_EXPECT_EQ_MSG(test, verdict.distance, pair->dist,
				    "provider %d client %d", pair->provider,
				    pair->client);
}

static void expect_pairs(struct kunit *test, struct fabric *fabric,
			 const struct pair *pairs, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		expect_pair(test, fabric, &pairs[i]);
}

/* For rules that don't tell a provider from a client */
static void expect_both_ways(struct kunit *test, struct fabric *fabric,
			     const struct pair *pairs, size_t nr)
{
	size_t i;

	expect_pairs(test, fabric, pairs, nr);
	for (i = 0; i < nr; i++) {
		struct pair back = pairs[i];

		swap(back.provider, back.client);
		if (back.at == pairs[i].client)
			back.at = pairs[i].provider;
		expect_pair(test, fabric, &back);
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

static const struct fabric_node one_switch[] = {
	[RP]  = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
	[UP]  = { RP, FABRIC_UPSTREAM, DEV(0) },
	[DP0] = { UP, FABRIC_DOWNSTREAM, DEV(0), .has_acs = true },
	[DP1] = { UP, FABRIC_DOWNSTREAM, DEV(1), .has_acs = true },
	[A]   = { DP0, FABRIC_ENDPOINT, DEV(0) },
	[B]   = { DP1, FABRIC_ENDPOINT, DEV(0), .has_acs = true },
	[B1]  = { DP1, FABRIC_ENDPOINT, PCI_DEVFN(0, 1), .has_acs = true },
	[RP2] = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(2) },
	[C]   = { RP2, FABRIC_ENDPOINT, DEV(0) },
};

static void same_function(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, A, BUS_ADDR, 0, P2PDMA_SAME_FUNCTION, A },
	};
	struct fabric *f = fabric_setup(test, one_switch, NR_SWITCH);

	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
	/* Nothing is asked of the path: there is none. */
	fabric_dev(f, A)->untrusted = true;
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

static void across_one_switch(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, B, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP },
		{ A, B1, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP },
		{ B, B1, BUS_ADDR, 2, P2PDMA_MULTI_FUNCTION, DP1 },
	};
	struct fabric *f = fabric_setup(test, one_switch, NR_SWITCH);

	expect_both_ways(test, f, pairs, ARRAY_SIZE(pairs));
}

/* A port may have memory of its own, or a DMA engine. */
static void bridge_and_what_is_below(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ UP, A, BUS_ADDR, 2, P2PDMA_COMMON_BRIDGE, UP },
		{ DP0, A, BUS_ADDR, 1, P2PDMA_COMMON_BRIDGE, DP0 },
	};
	struct fabric *f = fabric_setup(test, one_switch, NR_SWITCH);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct pair back = pairs[i];

		expect_pair(test, f, &pairs[i]);
		swap(back.provider, back.client);
		expect_pair(test, f, &back);
	}
	/* On the way up nothing is redirected. */
	fabric_set_acs(f, DP0, PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC);
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

static void different_root_ports(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, C, REFUSED, 0, P2PDMA_NO_COMMON_BRIDGE, RP2 },
		{ C, A, REFUSED, 0, P2PDMA_NO_COMMON_BRIDGE, RP },
	};
	struct fabric *f = fabric_setup(test, one_switch, NR_SWITCH);

	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

/*
 * Every bit alone and every pair of bits, at every place on the path. Only
 * the switch ports count: RR or EC at the client's, CR at the provider's.
 */
static void acs_at_every_place(struct kunit *test)
{
	static const struct fabric_node nodes[] = {
		[RP]  = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1), true },
		[UP]  = { RP, FABRIC_UPSTREAM, DEV(0), true },
		[DP0] = { UP, FABRIC_DOWNSTREAM, DEV(0), true },
		[DP1] = { UP, FABRIC_DOWNSTREAM, DEV(1), true },
		[A]   = { DP0, FABRIC_ENDPOINT, DEV(0), true },
		[B]   = { DP1, FABRIC_ENDPOINT, DEV(0), true },
	};
	struct fabric *f = fabric_setup(test, nodes, ARRAY_SIZE(nodes));
	int at, i, j;

	for (at = 0; at < ARRAY_SIZE(nodes); at++) {
		for (i = 0; i < 7; i++) {
			for (j = i; j < 7; j++) {
				u16 acs = BIT(i) | BIT(j);
				struct pair pair = {
					A, B, BUS_ADDR, 4,
					P2PDMA_COMMON_BRIDGE, UP
				};

				if (at == DP1 &&
				    (acs & (PCI_ACS_RR | PCI_ACS_EC)))
					pair = (struct pair){
						A, B, REFUSED, 0,
						P2PDMA_ACS_REQUEST, DP1 };
				if (at == DP0 && (acs & PCI_ACS_CR))
					pair = (struct pair){
						A, B, REFUSED, 0,
						P2PDMA_ACS_COMPLETION, DP0 };
				fabric_set_acs(f, at, acs);
				expect_pair(test, f, &pair);
			}
		}
		fabric_set_acs(f, at, 0);
	}
}

/* The same bits, on functions of one device */
static void acs_on_functions(struct kunit *test)
{
	static const struct pair open = {
		B, B1, BUS_ADDR, 2, P2PDMA_MULTI_FUNCTION, DP1
	};
	static const struct pair request = {
		B, B1, REFUSED, 0, P2PDMA_ACS_REQUEST, B1
	};
	static const struct pair completion = {
		B, B1, REFUSED, 0, P2PDMA_ACS_COMPLETION, B
	};
	struct fabric *f = fabric_setup(test, one_switch, NR_SWITCH);

	fabric_set_acs(f, B1, PCI_ACS_RR);
	expect_pair(test, f, &request);
	fabric_set_acs(f, B1, PCI_ACS_EC);
	expect_pair(test, f, &request);
	fabric_set_acs(f, B1, PCI_ACS_CR | PCI_ACS_SV | PCI_ACS_DT);
	expect_pair(test, f, &open);
	fabric_set_acs(f, B, PCI_ACS_CR);
	expect_pair(test, f, &completion);
	fabric_set_acs(f, B, PCI_ACS_RR | PCI_ACS_EC);
	expect_pair(test, f, &open);
	/* The port above them is not on the path. */
	fabric_set_acs(f, DP1, PCI_ACS_RR | PCI_ACS_CR);
	expect_pair(test, f, &open);
}

/*
 * Functions without the capability that isolate all the same, by the PCI
 * core's list: one of a multi-function endpoint there, with one that isn't.
 */
static void acs_by_quirk(struct kunit *test)
{
	enum { PORT, F0, F1, NR };
	static const struct fabric_node nodes[] = {
		[PORT] = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
		[F0]   = { PORT, FABRIC_ENDPOINT, DEV(0), .id = 0x10c68086 },
		[F1]   = { PORT, FABRIC_ENDPOINT, PCI_DEVFN(0, 1) },
	};
	static const struct pair pairs[] = {
		{ F0, F1, REFUSED, 0, P2PDMA_ACS_COMPLETION, F0 },
		{ F1, F0, REFUSED, 0, P2PDMA_ACS_REQUEST, F0 },
	};
	struct fabric *f = fabric_setup(test, nodes, NR);

	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

/* Functions with a capability that can't redirect don't route to each other. */
static void acs_without_redirection(struct kunit *test)
{
	enum { PORT, F0, F1, NR };
	static const struct fabric_node nodes[] = {
		[PORT] = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
		[F0]   = { PORT, FABRIC_ENDPOINT, DEV(0), .has_acs = true,
			   .acs_is_empty = true },
		[F1]   = { PORT, FABRIC_ENDPOINT, PCI_DEVFN(0, 1) },
	};
	static const struct pair pairs[] = {
		{ F0, F1, REFUSED, 0, P2PDMA_NO_INTERNAL_ROUTE, F1 },
		{ F1, F0, REFUSED, 0, P2PDMA_NO_INTERNAL_ROUTE, F0 },
	};
	struct fabric *f = fabric_setup(test, nodes, NR);

	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

/* What can't be read can't be told to have no capability. */
static void capabilities_unreadable(struct kunit *test)
{
	enum { PORT, F0, F1, NR };
	static const struct fabric_node nodes[] = {
		[PORT] = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
		[F0]   = { PORT, FABRIC_ENDPOINT, DEV(0), .has_sriov = true },
		[F1]   = { PORT, FABRIC_ENDPOINT, PCI_DEVFN(0, 1) },
	};
	static const struct pair pairs[] = {
		{ F0, F1, REFUSED, 0, P2PDMA_ACS_UNREADABLE, F0 },
		{ F1, F0, REFUSED, 0, P2PDMA_ACS_UNREADABLE, F0 },
	};
	struct fabric *f = fabric_setup(test, nodes, NR);

	fabric_set_unreadable(f, F0, true);
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

/*
 * RP - A, A1: functions of an SR-IOV device. Without ACS on both there is no
 * route inside; with it, they are functions like any others.
 */
static void sriov_without_acs(struct kunit *test)
{
	enum { PORT, F0, F1, NR };
	struct fabric_node nodes[] = {
		[PORT] = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
		[F0]   = { PORT, FABRIC_ENDPOINT, DEV(0), .has_sriov = true },
		[F1]   = { PORT, FABRIC_ENDPOINT, PCI_DEVFN(0, 1) },
	};
	static const struct pair none[] = {
		{ F0, F1, REFUSED, 0, P2PDMA_NO_INTERNAL_ROUTE, F1 },
		{ F1, F0, REFUSED, 0, P2PDMA_NO_INTERNAL_ROUTE, F0 },
	};
	static const struct pair inside[] = {
		{ F0, F1, BUS_ADDR, 2, P2PDMA_MULTI_FUNCTION, PORT },
	};
	int acs;

	for (acs = 0; acs < 4; acs++) {
		struct fabric *f;

		nodes[F0].has_acs = acs & 1;
		nodes[F1].has_acs = acs & 2;
		f = fabric_setup(test, nodes, NR);
		if (acs == 3)
			expect_both_ways(test, f, inside, ARRAY_SIZE(inside));
		else
			expect_pairs(test, f, none, ARRAY_SIZE(none));
	}
}

static void acs_unreadable(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, B, REFUSED, 0, P2PDMA_ACS_UNREADABLE, DP0 },
		{ B, A, REFUSED, 0, P2PDMA_ACS_UNREADABLE, DP0 },
	};
	struct fabric *f = fabric_setup(test, one_switch, NR_SWITCH);

	fabric_set_unreadable(f, DP0, true);
	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
	fabric_set_unreadable(f, DP0, false);
}

/* Set after the pair was asked: no answer is older than the register. */
static void acs_changed_at_run_time(struct kunit *test)
{
	static const struct pair open = {
		A, B, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP
	};
	static const struct pair redirected = {
		A, B, REFUSED, 0, P2PDMA_ACS_REQUEST, DP1
	};
	struct fabric *f = fabric_setup(test, one_switch, NR_SWITCH);
	struct pci_dev *port = fabric_dev(f, DP1);

	expect_pair(test, f, &open);
	pci_write_config_word(port, port->acs_cap + PCI_ACS_CTRL, PCI_ACS_RR);
	expect_pair(test, f, &redirected);
	pci_write_config_word(port, port->acs_cap + PCI_ACS_CTRL, 0);
	expect_pair(test, f, &open);
}

static void untrusted(struct kunit *test)
{
	static const struct pair pairs[] = {
		{ A, B, REFUSED, 0, P2PDMA_UNTRUSTED, B },
		{ B, A, REFUSED, 0, P2PDMA_UNTRUSTED, B },
	};
	struct fabric *f = fabric_setup(test, one_switch, NR_SWITCH);

	fabric_dev(f, B)->untrusted = true;
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
	static const struct fabric_node nodes[] = {
		[RP]  = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
		[UP]  = { RP, FABRIC_UPSTREAM, DEV(0) },
		[DP0] = { UP, FABRIC_DOWNSTREAM, DEV(0), true },
		[DP1] = { UP, FABRIC_DOWNSTREAM, DEV(1), true },
		[UP2] = { DP0, FABRIC_UPSTREAM, DEV(0) },
		[DP2] = { UP2, FABRIC_DOWNSTREAM, DEV(0), true },
		[DP3] = { UP2, FABRIC_DOWNSTREAM, DEV(1), true },
		[A]   = { DP2, FABRIC_ENDPOINT, DEV(0) },
		[B]   = { DP3, FABRIC_ENDPOINT, DEV(0) },
		[C2]  = { DP1, FABRIC_ENDPOINT, DEV(0) },
	};
	static const struct pair pairs[] = {
		{ A, B, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP2 },
		{ A, C2, BUS_ADDR, 6, P2PDMA_COMMON_BRIDGE, UP },
		{ B, C2, BUS_ADDR, 6, P2PDMA_COMMON_BRIDGE, UP },
	};
	static const struct pair redirected[] = {
		/* Below the common bridge, but not where the paths part */
		{ A, C2, BUS_ADDR, 6, P2PDMA_COMMON_BRIDGE, UP },
		{ A, B, REFUSED, 0, P2PDMA_ACS_COMPLETION, DP2 },
		{ B, A, REFUSED, 0, P2PDMA_ACS_REQUEST, DP2 },
	};
	struct fabric *f = fabric_setup(test, nodes, ARRAY_SIZE(nodes));

	expect_both_ways(test, f, pairs, ARRAY_SIZE(pairs));
	fabric_set_acs(f, DP2, PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC);
	expect_pairs(test, f, redirected, ARRAY_SIZE(redirected));
}

/*
 *   RP - UP -- DP0 - P2P (PCIe to PCI) - A, B
 *           \- DP1 - C2
 */
static void behind_pcie_to_pci_bridge(struct kunit *test)
{
	enum { RP, UP, DP0, DP1, P2P, A, B, C2 };
	static const struct fabric_node nodes[] = {
		[RP]  = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
		[UP]  = { RP, FABRIC_UPSTREAM, DEV(0) },
		[DP0] = { UP, FABRIC_DOWNSTREAM, DEV(0) },
		[DP1] = { UP, FABRIC_DOWNSTREAM, DEV(1) },
		[P2P] = { DP0, FABRIC_PCIE_TO_PCI, DEV(0) },
		[A]   = { P2P, FABRIC_PCI, DEV(1) },
		[B]   = { P2P, FABRIC_PCI, DEV(2) },
		[C2]  = { DP1, FABRIC_ENDPOINT, DEV(0) },
	};
	static const struct pair pairs[] = {
		{ A, B, BUS_ADDR, 2, P2PDMA_COMMON_BRIDGE, P2P },
		{ A, C2, BUS_ADDR, 5, P2PDMA_COMMON_BRIDGE, UP },
	};
	struct fabric *f = fabric_setup(test, nodes, ARRAY_SIZE(nodes));

	expect_both_ways(test, f, pairs, ARRAY_SIZE(pairs));
}

/*
 *   root bus - A, B, PB (PCI bridge) - C2, D
 */
static void conventional_hierarchy(struct kunit *test)
{
	enum { A, B, PB, C2, D };
	static const struct fabric_node nodes[] = {
		[A]  = { FABRIC_ROOT_BUS, FABRIC_PCI, DEV(1) },
		[B]  = { FABRIC_ROOT_BUS, FABRIC_PCI, DEV(2) },
		[PB] = { FABRIC_ROOT_BUS, FABRIC_PCI_BRIDGE, DEV(3) },
		[C2] = { PB, FABRIC_PCI, DEV(1) },
		[D]  = { PB, FABRIC_PCI, DEV(2) },
	};
	static const struct pair pairs[] = {
		{ A, B, BUS_ADDR, 2, P2PDMA_CONVENTIONAL, B },
		{ B, A, BUS_ADDR, 2, P2PDMA_CONVENTIONAL, A },
		{ A, C2, BUS_ADDR, 3, P2PDMA_CONVENTIONAL, PB },
		{ C2, A, BUS_ADDR, 3, P2PDMA_CONVENTIONAL, A },
		{ C2, D, BUS_ADDR, 2, P2PDMA_COMMON_BRIDGE, PB },
	};
	struct fabric *f = fabric_setup(test, nodes, ARRAY_SIZE(nodes));
	struct fabric *g = fabric_setup(test, nodes, ARRAY_SIZE(nodes));
	struct p2pdma_verdict verdict;

	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));

	/* Two of them don't make one. */
	p2pdma_verdict(fabric_dev(f, A), fabric_dev(g, A), &verdict);
	KUNIT_EXPECT_EQ(test, verdict.type, REFUSED);
	KUNIT_EXPECT_EQ(test, verdict.reason, P2PDMA_NO_COMMON_BRIDGE);
}

/* Conventional functions beside a root port are integrated endpoints. */
static void conventional_in_root_complex(struct kunit *test)
{
	enum { A, B, RP };
	static const struct fabric_node nodes[] = {
		[A]  = { FABRIC_ROOT_BUS, FABRIC_PCI, DEV(1) },
		[B]  = { FABRIC_ROOT_BUS, FABRIC_PCI, DEV(2) },
		[RP] = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(3) },
	};
	static const struct pair pairs[] = {
		{ A, B, REFUSED, 0, P2PDMA_NO_COMMON_BRIDGE, B },
		{ B, A, REFUSED, 0, P2PDMA_NO_COMMON_BRIDGE, A },
	};
	static const struct pair after[] = {
		{ A, B, BUS_ADDR, 2, P2PDMA_CONVENTIONAL, B },
	};
	struct fabric *f = fabric_setup(test, nodes, ARRAY_SIZE(nodes));

	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
	/* The facts of a root bus follow what is on it. */
	pci_stop_and_remove_bus_device_locked(fabric_dev(f, RP));
	expect_pairs(test, f, after, ARRAY_SIZE(after));
}

struct host_case {
	const char *name;
	u32 id;
	bool at_00_0;
	enum pci_p2pdma_map_type same_host;
	enum pci_p2pdma_map_type other_host;
};

/* id as config space has it: the device number in the upper half */
static const struct host_case host_cases[] = {
	{ "unknown", 0x29c08086, true, REFUSED, REFUSED },
	{ "Sandy Bridge-E", 0x3c008086, true, THRU_HOST, REFUSED },
	{ "Sky Lake-E at 00.0", 0x20208086, true, THRU_HOST, THRU_HOST },
	{ "Sky Lake-E root port", 0x20308086, false, THRU_HOST, THRU_HOST },
	{ "Ice Lake", 0x09a28086, true, THRU_HOST, THRU_HOST },
	{ "known number at another slot", 0x09a28086, false, REFUSED, REFUSED },
};

static void host_case_name(const struct host_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(host, host_cases, host_case_name);

static void through_known_host_bridges(struct kunit *test)
{
	enum { HB, RP, RP2, A, B };
	const struct host_case *c = test->param_value;
	bool is_port = c->id == 0x20308086;
	struct fabric_node nodes[] = {
		[HB]  = { FABRIC_ROOT_BUS, FABRIC_PCI,
			  c->at_00_0 ? DEV(0) : DEV(4), .id = c->id },
		[RP]  = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
		[RP2] = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(2) },
		[A]   = { RP, FABRIC_ENDPOINT, DEV(0) },
		[B]   = { RP2, FABRIC_ENDPOINT, DEV(0) },
	};
	struct p2pdma_verdict verdict;
	struct fabric *f, *g;

	if (is_port) {
		nodes[HB].id = 0;
		nodes[RP].id = c->id;
	}
	f = fabric_setup(test, nodes, ARRAY_SIZE(nodes));
	g = fabric_setup(test, nodes, ARRAY_SIZE(nodes));

	p2pdma_verdict(fabric_dev(f, A), fabric_dev(f, B), &verdict);
	KUNIT_EXPECT_EQ(test, verdict.type, c->same_host);
	KUNIT_EXPECT_EQ(test, verdict.reason, P2PDMA_NO_COMMON_BRIDGE);
	if (c->same_host != REFUSED)
		KUNIT_EXPECT_EQ(test, verdict.distance, 4);

	p2pdma_verdict(fabric_dev(f, A), fabric_dev(g, B), &verdict);
	KUNIT_EXPECT_EQ(test, verdict.type, c->other_host);
}

/* What ACS redirects may still arrive, if the root complex routes it. */
static void redirected_through_known_host_bridge(struct kunit *test)
{
	enum { HB, RP, UP, DP0, DP1, A, B };
	static const struct fabric_node nodes[] = {
		[HB]  = { FABRIC_ROOT_BUS, FABRIC_PCI, DEV(0),
			  .id = 0x09a28086 },
		[RP]  = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
		[UP]  = { RP, FABRIC_UPSTREAM, DEV(0) },
		[DP0] = { UP, FABRIC_DOWNSTREAM, DEV(0), true, PCI_ACS_CR },
		[DP1] = { UP, FABRIC_DOWNSTREAM, DEV(1), true },
		[A]   = { DP0, FABRIC_ENDPOINT, DEV(0) },
		[B]   = { DP1, FABRIC_ENDPOINT, DEV(0) },
	};
	static const struct pair pairs[] = {
		{ A, B, THRU_HOST, 4, P2PDMA_ACS_COMPLETION, DP0 },
		{ B, A, BUS_ADDR, 4, P2PDMA_COMMON_BRIDGE, UP },
	};
	struct fabric *f = fabric_setup(test, nodes, ARRAY_SIZE(nodes));

	expect_pairs(test, f, pairs, ARRAY_SIZE(pairs));
}

/* Thirty-two bridges deep, and still one common bridge */
static void deep_tree(struct kunit *test)
{
	enum { DEPTH = 32 };
	struct fabric_node nodes[DEPTH + 2] = {
		[0] = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
	};
	struct p2pdma_verdict verdict;
	struct fabric *f;
	int i;

	for (i = 1; i < DEPTH; i++)
		nodes[i] = (struct fabric_node){
			i - 1, i % 2 ? FABRIC_UPSTREAM : FABRIC_DOWNSTREAM,
			DEV(0), .has_acs = true,
			.acs = PCI_ACS_RR | PCI_ACS_CR,
		};
	/* Behind the last upstream port: conventional, so no ACS of its own */
	nodes[DEPTH] = (struct fabric_node){ DEPTH - 1, FABRIC_DOWNSTREAM,
					     DEV(0) };
	nodes[DEPTH + 1] = (struct fabric_node){ DEPTH - 1, FABRIC_DOWNSTREAM,
						 DEV(1) };
	f = fabric_setup(test, nodes, ARRAY_SIZE(nodes));
	p2pdma_verdict(fabric_dev(f, DEPTH), fabric_dev(f, DEPTH + 1),
		       &verdict);
	KUNIT_EXPECT_EQ(test, verdict.type, BUS_ADDR);
	KUNIT_EXPECT_EQ(test, verdict.distance, 2);
	p2pdma_verdict(fabric_dev(f, 0), fabric_dev(f, DEPTH), &verdict);
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
	KUNIT_CASE(acs_by_quirk),
	KUNIT_CASE(acs_without_redirection),
	KUNIT_CASE(capabilities_unreadable),
	KUNIT_CASE(sriov_without_acs),
	KUNIT_CASE(acs_unreadable),
	KUNIT_CASE(acs_changed_at_run_time),
	KUNIT_CASE(untrusted),
	KUNIT_CASE(switch_behind_switch),
	KUNIT_CASE(behind_pcie_to_pci_bridge),
	KUNIT_CASE(conventional_hierarchy),
	KUNIT_CASE(conventional_in_root_complex),
	KUNIT_CASE_PARAM(through_known_host_bridges, host_gen_params),
	KUNIT_CASE(redirected_through_known_host_bridge),
	KUNIT_CASE(deep_tree),
	{}
};

static struct kunit_suite p2pdma_topology_suite = {
	.name = "p2pdma_topology",
	.test_cases = p2pdma_topology_cases,
};

kunit_test_suite(p2pdma_topology_suite);
