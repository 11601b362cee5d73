// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of mapping: p2pdma_map.c, through dma_map_sgtable()
 */

#include <kunit/test.h>
#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/memremap.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>

#include "../p2pdma.h"
#include "fake_pci.h"

#define DEV(slot)	PCI_DEVFN(slot, 0)
#define BUS_OFFSET	0x1000000000ULL

/*
 *   HB (known to route)
 *   RP - UP -- DP0 - A
 *           \- DP1 - B
 *   RP2 - C
 */
enum { HB, RP, UP, DP0, DP1, A, B, RP2, C, NR_NODES };

static const struct fake_pci_node unknown_host[] = {
	[HB]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_PCI, DEV(0) },
	[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1) },
	[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
	[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0), true },
	[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1), true },
	[A]   = { DP0, FAKE_PCI_ENDPOINT, DEV(0) },
	[B]   = { DP1, FAKE_PCI_ENDPOINT, DEV(0) },
	[RP2] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(2) },
	[C]   = { RP2, FAKE_PCI_ENDPOINT, DEV(0) },
};

struct map_test {
	struct fake_pci *fake;
	struct sg_table table;
	unsigned int nents;
};

/* @host_id: of the host bridge, 0 if it isn't known */
static void map_test_create(struct kunit *test, u32 host_id)
{
	struct map_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct fake_pci_node nodes[NR_NODES];
	struct pci_dev *a;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	memcpy(nodes, unknown_host, sizeof(nodes));
	nodes[HB].id = host_id;
	t->fake = fake_pci_setup_offset(test, nodes, NR_NODES, BUS_OFFSET);
	for (i = 0; i < NR_NODES; i++) {
		struct pci_dev *pdev = fake_pci_dev(t->fake, i);

		pdev->dma_mask = DMA_BIT_MASK(64);
		dma_set_max_seg_size(&pdev->dev, SZ_2M);
	}

	a = fake_pci_dev(t->fake, A);
	fake_pci_set_bar(a, 0, 0, SZ_2M);
	fake_pci_set_bar(a, 2, SZ_4M, SZ_2M);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(a, 0, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(a, 2, 0, 0), 0);
	/* Takes all of both ranges: two entries of different pagemaps */
	KUNIT_ASSERT_EQ(test, pci_p2pmem_alloc_sgl(a, &t->table.sgl, &t->nents,
						   SZ_4M), 0);
	KUNIT_EXPECT_EQ(test, t->nents, 2);
	t->table.nents = t->nents;
	t->table.orig_nents = t->nents;
	test->priv = t;
}

static void map_test_exit(struct kunit *test)
{
	struct map_test *t = test->priv;

	if (t)
		pci_p2pmem_free_sgl(fake_pci_dev(t->fake, A), t->table.sgl,
				    t->nents);
}

static bool can_map(struct map_test *t, struct device *dev)
{
	struct scatterlist *sg;
	bool all = true;
	int i;

	for_each_sgtable_sg(&t->table, sg, i)
		all &= pci_p2pdma_can_map(dev, sg_page(sg), DMA_TO_DEVICE,
					  i == 0);
	return all;
}

/* -EBADR: what pci_p2pdma_can_map() has said before isn't what came true */
static int map_by(struct map_test *t, struct device *dev)
{
	bool can = can_map(t, dev);
	int error = dma_map_sgtable(dev, &t->table, DMA_TO_DEVICE, 0);

	return can == !error ? error : -EBADR;
}

static int map(struct map_test *t, int node)
{
	return map_by(t, &fake_pci_dev(t->fake, node)->dev);
}

static void unmap(struct map_test *t, int node)
{
	dma_unmap_sgtable(&fake_pci_dev(t->fake, node)->dev, &t->table,
			  DMA_TO_DEVICE, 0);
}

static void expect_addresses(struct kunit *test, u64 offset, bool bus)
{
	struct map_test *t = test->priv;
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(&t->table, sg, i) {
		KUNIT_EXPECT_EQ(test, sg_dma_address(sg),
				sg_phys(sg) + offset);
		KUNIT_EXPECT_EQ(test, sg_dma_len(sg), SZ_2M);
		KUNIT_EXPECT_EQ(test, sg_dma_is_bus_address(sg), bus);
	}
}

static void bus_address_with_offset(struct kunit *test)
{
	struct map_test *t;

	map_test_create(test, 0);
	t = test->priv;
	KUNIT_ASSERT_EQ(test, map(t, B), 0);
	expect_addresses(test, BUS_OFFSET, true);
	unmap(t, B);
}

/* Entries of one range: only the first one asks. */
static void several_of_one_range(struct kunit *test)
{
	struct sg_table table;
	struct scatterlist *sg;
	struct map_test *t;
	struct page *page;
	int i;

	map_test_create(test, 0);
	t = test->priv;
	page = sg_page(t->table.sgl);
	KUNIT_ASSERT_EQ(test, sg_alloc_table(&table, 4, GFP_KERNEL), 0);
	for_each_sgtable_sg(&table, sg, i)
		sg_set_page(sg, page + 2 * i, PAGE_SIZE, 0);
	KUNIT_EXPECT_EQ(test, dma_map_sgtable(&fake_pci_dev(t->fake, B)->dev,
					      &table, DMA_TO_DEVICE, 0), 0);
	for_each_sgtable_dma_sg(&table, sg, i)
		KUNIT_EXPECT_EQ(test, sg_dma_address(sg),
				page_to_phys(page + 2 * i) + BUS_OFFSET);
	dma_unmap_sgtable(&fake_pci_dev(t->fake, B)->dev, &table,
			  DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, dma_map_sgtable(&fake_pci_dev(t->fake, C)->dev,
					      &table, DMA_TO_DEVICE, 0),
			-EREMOTEIO);
	sg_free_table(&table);
}

/*
 * A scatterlist in several parts: pages of one range, one of host memory, pages
 * of the other range, and an entry that isn't to be mapped.
 */
static void runs(struct kunit *test)
{
	enum { HOST = 2 * SG_MAX_SINGLE_ALLOC - 1, NR = HOST + 150 };
	struct page *page[2], *host;
	struct scatterlist *sg;
	struct sg_table table;
	struct device *dev;
	struct map_test *t;
	int i;

	map_test_create(test, 0);
	t = test->priv;
	dev = &fake_pci_dev(t->fake, B)->dev;
	page[0] = sg_page(t->table.sgl);
	page[1] = sg_page(sg_next(t->table.sgl));
	host = virt_to_page(t);
	KUNIT_ASSERT_EQ(test, sg_alloc_table(&table, NR + 1, GFP_KERNEL), 0);
	for_each_sgtable_sg(&table, sg, i)
		sg_set_page(sg, i == HOST ? host : page[i > HOST] + i % 8, 512,
			    i % 4 * 512);
	KUNIT_EXPECT_EQ(test, dma_map_sg(dev, table.sgl, NR, DMA_TO_DEVICE), NR);
	for_each_sg(table.sgl, sg, NR, i) {
		KUNIT_EXPECT_EQ(test, sg_dma_address(sg),
				sg_phys(sg) + (i == HOST ? 0 : BUS_OFFSET));
		KUNIT_EXPECT_EQ(test, sg_dma_len(sg), 512);
		KUNIT_EXPECT_EQ(test, sg_dma_is_bus_address(sg), i != HOST);
	}
	KUNIT_EXPECT_EQ(test, sg_dma_len(sg), 0);
	dma_unmap_sg(dev, table.sgl, NR, DMA_TO_DEVICE);
	sg_free_table(&table);
}

static void refused(struct kunit *test)
{
	struct map_test *t;

	map_test_create(test, 0);
	t = test->priv;
	KUNIT_EXPECT_EQ(test, map(t, C), -EREMOTEIO);
	fake_pci_set_acs(t->fake, DP1, PCI_ACS_RR);
	KUNIT_EXPECT_EQ(test, map(t, B), -EREMOTEIO);
	fake_pci_set_acs(t->fake, DP1, 0);
	KUNIT_EXPECT_EQ(test, map(t, B), 0);
	unmap(t, B);
}

/* Through the host the CPU's address is right, and the mask counts. */
static void through_host(struct kunit *test)
{
	struct map_test *t;
	struct pci_dev *c;

	map_test_create(test, 0x09a28086);
	t = test->priv;
	c = fake_pci_dev(t->fake, C);
	KUNIT_ASSERT_EQ(test, map(t, C), 0);
	expect_addresses(test, 0, false);
	unmap(t, C);
	c->dma_mask = DMA_BIT_MASK(32);
	KUNIT_EXPECT_EQ(test, map(t, C), -EREMOTEIO);
}

/*
 * A host bridge that routes posted requests only: C may write to the memory
 * of A. A list isn't told what its clients will do, and refuses.
 */
static void writes_only(struct kunit *test)
{
	struct map_test *t;
	struct device *dev;
	LIST_HEAD(clients);

	map_test_create(test, 0);
	t = test->priv;
	fake_pci_set_host(t->fake, P2PDMA_HOST_WRITE);
	dev = &fake_pci_dev(t->fake, C)->dev;
	KUNIT_EXPECT_EQ(test, map(t, C), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, dma_map_sgtable(dev, &t->table,
					      DMA_BIDIRECTIONAL, 0),
			-EREMOTEIO);
	KUNIT_EXPECT_FALSE(test, can_map(t, dev));
	KUNIT_EXPECT_TRUE(test, pci_p2pdma_can_map(dev, sg_page(t->table.sgl),
						   DMA_FROM_DEVICE, false));
	KUNIT_ASSERT_EQ(test, dma_map_sgtable(dev, &t->table, DMA_FROM_DEVICE,
					      0), 0);
	expect_addresses(test, 0, false);
	dma_unmap_sgtable(dev, &t->table, DMA_FROM_DEVICE, 0);

	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_client(&clients, dev), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(fake_pci_dev(t->fake, A),
						  &clients), -EXDEV);
	pci_p2pdma_client_list_free(&clients);
}

static void beyond_dma_mask(struct kunit *test)
{
	struct map_test *t;

	map_test_create(test, 0);
	t = test->priv;
	/* The CPU's address would fit: it is the bus address that counts. */
	fake_pci_dev(t->fake, B)->dma_mask = FAKE_PCI_MEM_BASE + SZ_8M;
	KUNIT_EXPECT_EQ(test, map(t, B), -EREMOTEIO);
}

/* Each range is compared by itself: one added above it cuts nothing off. */
static void mask_of_the_range(struct kunit *test)
{
	struct pci_dev *a, *b;
	struct map_test *t;
	struct sg_table high;

	map_test_create(test, 0);
	t = test->priv;
	a = fake_pci_dev(t->fake, A);
	b = fake_pci_dev(t->fake, B);
	b->dma_mask = FAKE_PCI_MEM_BASE + BUS_OFFSET + SZ_8M - 1;
	KUNIT_EXPECT_EQ(test, map(t, B), 0);
	unmap(t, B);
	fake_pci_set_bar(a, 4, SZ_16M, SZ_2M);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(a, 4, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, map(t, B), 0);
	unmap(t, B);

	/* The whole of the first two is taken: this is of the third one. */
	KUNIT_ASSERT_EQ(test, pci_p2pmem_alloc_sgl(a, &high.sgl, &high.nents,
						   PAGE_SIZE), 0);
	high.orig_nents = high.nents;
	KUNIT_EXPECT_EQ(test, dma_map_sgtable(&b->dev, &high, DMA_TO_DEVICE, 0),
			-EREMOTEIO);
	pci_p2pmem_free_sgl(a, high.sgl, high.orig_nents);
}

/* Pages that another driver made are refused, and not taken for ours. */
static void foreign_pagemap(struct kunit *test)
{
	struct dev_pagemap pgmap = {};
	struct scatterlist sg;
	struct sg_table table = { .sgl = &sg, .nents = 1, .orig_nents = 1 };
	struct map_test *t;
	void *addr;

	map_test_create(test, 0x09a28086);
	t = test->priv;
	addr = fake_pci_foreign_pages(&pgmap);
	KUNIT_ASSERT_FALSE(test, IS_ERR(addr));
	sg_init_table(&sg, 1);
	sg_set_page(&sg, virt_to_page(addr), PAGE_SIZE, 0);
	KUNIT_EXPECT_EQ(test, dma_map_sgtable(&fake_pci_dev(t->fake, B)->dev,
					      &table, DMA_FROM_DEVICE, 0),
			-EREMOTEIO);
	memunmap_pages(&pgmap);
}

/*
 * A provider without pages is mapped by dma_map_resource(), and an IOMMU's
 * addresses lead through the host.
 */
static void resource_behind_an_iommu(struct kunit *test)
{
	struct pci_dev *provider;
	struct device *client;
	struct map_test *t;

	map_test_create(test, 0);
	t = test->priv;
	provider = fake_pci_dev(t->fake, DP0);
	client = &fake_pci_dev(t->fake, B)->dev;
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(provider, &client, 1,
						       false), 3);
	if (!fake_pci_set_translated(to_pci_dev(client), true))
		kunit_skip(test, "no IOMMU can be made up here");
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(provider, &client, 1,
						       false), -EXDEV);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(fake_pci_dev(t->fake, A),
						       &client, 1, false), 4);
	fake_pci_set_host(t->fake, P2PDMA_HOST_WRITE);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(provider, &client, 1,
						       false), -EXDEV);
	fake_pci_set_host(t->fake, P2PDMA_HOST_ALL);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(provider, &client, 1,
						       false), 3);
	fake_pci_set_translated(to_pci_dev(client), false);
}

/* Addresses that the device's bus doesn't have: list and mapping refuse. */
static void outside_of_dma_ranges(struct kunit *test)
{
	static const struct bus_dma_region below[] = { { 0, 0, SZ_4G }, {} };
	struct map_test *t;
	struct device *c;

	map_test_create(test, 0x09a28086);
	t = test->priv;
	c = &fake_pci_dev(t->fake, C)->dev;
	KUNIT_ASSERT_EQ(test, map(t, C), 0);
	unmap(t, C);
	c->dma_range_map = below;
	KUNIT_EXPECT_EQ(test, map(t, C), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(fake_pci_dev(t->fake, A),
						       &c, 1, false), -EXDEV);
	c->dma_range_map = NULL;
}

/* Sizes are a question of lists: a list is stricter, never the other way. */
static void sizes_refuse_lists(struct kunit *test)
{
	struct map_test *t;
	LIST_HEAD(clients);

	map_test_create(test, 0);
	t = test->priv;
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_client(&clients,
						    &fake_pci_dev(t->fake, B)->dev),
			0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(fake_pci_dev(t->fake, A),
						  &clients), 4);
	fake_pci_set_mps(t->fake, B, 512);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(fake_pci_dev(t->fake, A),
						  &clients), -EXDEV);
	KUNIT_EXPECT_EQ(test, map(t, B), 0);
	unmap(t, B);
	pci_p2pdma_client_list_free(&clients);
}

/* Neither a list nor a mapping reads config space. */
static void no_config_reads(struct kunit *test)
{
	struct map_test *t;
	unsigned int reads;
	LIST_HEAD(clients);

	map_test_create(test, 0);
	t = test->priv;
	reads = fake_pci_reads(t->fake);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_client(&clients,
						    &fake_pci_dev(t->fake, B)->dev),
			0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(fake_pci_dev(t->fake, A),
						  &clients), 4);
	KUNIT_EXPECT_EQ(test, map(t, B), 0);
	unmap(t, B);
	KUNIT_EXPECT_EQ(test, map(t, C), -EREMOTEIO);
	pci_p2pdma_client_list_free(&clients);
	if (!IS_ENABLED(CONFIG_PCI_P2PDMA_AUDIT))
		KUNIT_EXPECT_EQ(test, fake_pci_reads(t->fake), reads);
}

static void expect_agreement(struct kunit *test, int node)
{
	struct map_test *t = test->priv;
	struct device *dev = &fake_pci_dev(t->fake, node)->dev;
	LIST_HEAD(clients);
	bool accepted;

	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_client(&clients, dev), 0);
	accepted = pci_p2pdma_assign_provider(fake_pci_dev(t->fake, A),
					      &clients);
	pci_p2pdma_client_list_free(&clients);
	KUNIT_EXPECT_EQ(test, map(t, node), accepted ? 0 : -EREMOTEIO);
	if (accepted)
		unmap(t, node);
}

/* What a list of clients says of a device, dma_map_sg() does. */
static void agrees_with_list(struct kunit *test)
{
	static const u16 acs[] = {
		0, PCI_ACS_RR, PCI_ACS_CR, PCI_ACS_EC, PCI_ACS_RR | PCI_ACS_EC,
	};
	struct map_test *t;
	int i, j, node;

	map_test_create(test, 0);
	t = test->priv;
	for (i = 0; i < ARRAY_SIZE(acs); i++) {
		for (j = 0; j < ARRAY_SIZE(acs); j++) {
			fake_pci_set_acs(t->fake, DP0, acs[i]);
			fake_pci_set_acs(t->fake, DP1, acs[j]);
			for (node = RP; node < NR_NODES; node++)
				expect_agreement(test, node);
		}
	}
}

/* A device that isn't PCI has its DMA done by its nearest PCI ancestor. */
static void child_of_a_function(struct kunit *test)
{
	struct device_dma_parameters parms = { .max_segment_size = SZ_2M };
	u64 mask = DMA_BIT_MASK(64);
	struct device *child;
	struct map_test *t;
	LIST_HEAD(clients);

	map_test_create(test, 0);
	t = test->priv;
	child = root_device_register("p2pdma-kunit-child");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, child);
	child->dma_mask = &mask;
	child->dma_parms = &parms;
	KUNIT_EXPECT_EQ(test, map_by(t, child), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, device_move(child, &fake_pci_dev(t->fake, C)->dev,
					  DPM_ORDER_NONE), 0);
	KUNIT_EXPECT_EQ(test, map_by(t, child), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, device_move(child, &fake_pci_dev(t->fake, B)->dev,
					  DPM_ORDER_NONE), 0);
	KUNIT_EXPECT_EQ(test, map_by(t, child), 0);
	expect_addresses(test, BUS_OFFSET, true);
	dma_unmap_sgtable(child, &t->table, DMA_TO_DEVICE, 0);

	/* Its own mask counts, for lists as for mappings. */
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_client(&clients, child), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(fake_pci_dev(t->fake, A),
						  &clients), 4);
	mask = DMA_BIT_MASK(32);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(fake_pci_dev(t->fake, A),
						  &clients), -EXDEV);
	KUNIT_EXPECT_EQ(test, map_by(t, child), -EREMOTEIO);
	pci_p2pdma_client_list_free(&clients);
	root_device_unregister(child);
}

static struct kunit_case p2pdma_map_cases[] = {
	KUNIT_CASE(bus_address_with_offset),
	KUNIT_CASE(several_of_one_range),
	KUNIT_CASE(runs),
	KUNIT_CASE(refused),
	KUNIT_CASE(through_host),
	KUNIT_CASE(writes_only),
	KUNIT_CASE(beyond_dma_mask),
	KUNIT_CASE(mask_of_the_range),
	KUNIT_CASE(foreign_pagemap),
	KUNIT_CASE(resource_behind_an_iommu),
	KUNIT_CASE(outside_of_dma_ranges),
	KUNIT_CASE(sizes_refuse_lists),
	KUNIT_CASE(no_config_reads),
	KUNIT_CASE(agrees_with_list),
	KUNIT_CASE(child_of_a_function),
	{}
};

static struct kunit_suite p2pdma_map_suite = {
	.name = "p2pdma_map",
	.exit = map_test_exit,
	.test_cases = p2pdma_map_cases,
};

kunit_test_suite(p2pdma_map_suite);
