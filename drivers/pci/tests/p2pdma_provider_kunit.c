// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what a provider's addresses, and its comings and goings, are
 * to a verdict: p2pdma_provider.c
 */

#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

#include "../p2pdma.h"
#include "fake_pci.h"

#define DEV(slot)	PCI_DEVFN(slot, 0)

/*
 *   RP - UP -- DP0 - P       the provider
 *           \- DP1 - C       its client
 */
enum { RP, UP, DP0, DP1, P, C, NR_NODES };

static const struct fake_pci_node nodes[] = {
	[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1) },
	[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
	[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0) },
	[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1) },
	[P]   = { DP0, FAKE_PCI_ENDPOINT, DEV(0) },
	[C]   = { DP1, FAKE_PCI_ENDPOINT, DEV(0) },
};

struct provider_test {
	struct pci_dev *provider;
	struct pci_dev *client;
};

static int provider_test_init(struct kunit *test)
{
	struct provider_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct fake_pci *fake;

	KUNIT_ASSERT_NOT_NULL(test, t);
	fake = fake_pci_setup(test, nodes, NR_NODES);
	t->provider = fake_pci_dev(fake, P);
	t->client = fake_pci_dev(fake, C);
	t->client->dma_mask = DMA_BIT_MASK(64);
	test->priv = t;
	return 0;
}

/* As a driver does, of which the BAR has been given a place */
static void bind(struct kunit *test, u64 offset, u64 size)
{
	struct provider_test *t = test->priv;

	fake_pci_set_bar(t->provider, 0, offset, size);
	fake_pci_bind(test, t->provider);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->provider, 0, 0, 0), 0);
}

static bool reached(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pdma_verdict verdict;

	verdict = p2pdma_judge(t->provider, &t->client->dev, t->client);
	if (verdict.type == PCI_P2PDMA_MAP_BUS_ADDR)
		return true;
	KUNIT_EXPECT_EQ(test, verdict.reason, P2PDMA_DMA_MASK);
	KUNIT_EXPECT_PTR_EQ(test, verdict.at, t->client);
	return false;
}

static void bus_addresses_beyond_dma_mask(struct kunit *test)
{
	struct provider_test *t = test->priv;

	bind(test, 0, SZ_2M);
	KUNIT_EXPECT_TRUE(test, reached(test));
	t->client->dma_mask = FAKE_PCI_MEM_BASE + SZ_2M - 1;
	KUNIT_EXPECT_TRUE(test, reached(test));
	t->client->dma_mask = FAKE_PCI_MEM_BASE + SZ_2M - 2;
	KUNIT_EXPECT_FALSE(test, reached(test));
	t->client->dma_mask = DMA_BIT_MASK(32);
	KUNIT_EXPECT_FALSE(test, reached(test));
	fake_pci_unbind(t->provider);
}

/* Bound again, the provider starts clean. */
static void provider_rebound(struct kunit *test)
{
	struct provider_test *t = test->priv;

	bind(test, SZ_4M, SZ_2M);
	KUNIT_EXPECT_TRUE(test, reached(test));
	fake_pci_unbind(t->provider);
	KUNIT_EXPECT_TRUE(test, reached(test));

	bind(test, SZ_4M, SZ_2M);
	KUNIT_EXPECT_TRUE(test, reached(test));
	fake_pci_unbind(t->provider);
}

/*
 * A BAR is resized while its driver has let go of it, and has moved by that:
 * the path is the same, but the addresses don't fit the client any more.
 */
static void bar_resized(struct kunit *test)
{
	struct provider_test *t = test->priv;
	int i;

	t->client->dma_mask = FAKE_PCI_MEM_BASE + SZ_16M - 1;
	for (i = 0; i < 4; i++) {
		u64 size = i % 2 ? SZ_16M : SZ_4M;

		bind(test, size, size);
		KUNIT_EXPECT_EQ(test, reached(test), i % 2 == 0);
		fake_pci_unbind(t->provider);
	}
}

static struct kunit_case p2pdma_provider_cases[] = {
	KUNIT_CASE(bus_addresses_beyond_dma_mask),
	KUNIT_CASE(provider_rebound),
	KUNIT_CASE(bar_resized),
	{}
};

static struct kunit_suite p2pdma_provider_suite = {
	.name = "p2pdma_provider",
	.init = provider_test_init,
	.test_cases = p2pdma_provider_cases,
};

kunit_test_suite(p2pdma_provider_suite);
