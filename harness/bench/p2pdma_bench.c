// SPDX-License-Identifier: GPL-2.0
/*
 * What the calls cost, in instructions: for a machine whose time-stamp counter
 * counts them (QEMU with -icount shift=0)
 *
 * Built for the untouched base kernel as for ours. What only ours has is left
 * out there, and then a row has one figure.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/timex.h>

#include "p2pdma_fabric.h"

#define DEV(slot)	PCI_DEVFN(slot, 0)
#define RUNS		15
#define MANY		64

/*
 *   RP - UP -- DP0 - A
 *           |- DP1 - B
 *           |- DP2 - P       the provider
 *           \- DP3 - conventional bridge - 63 more providers
 */
enum { RP, UP, DP0, DP1, DP2, A, B, P, DP3, PCI, MORE };

static struct fabric_node nodes[MORE + MANY - 1] = {
	[RP]  = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
	[UP]  = { RP, FABRIC_UPSTREAM, DEV(0) },
	[DP0] = { UP, FABRIC_DOWNSTREAM, DEV(0), true },
	[DP1] = { UP, FABRIC_DOWNSTREAM, DEV(1), true },
	[DP2] = { UP, FABRIC_DOWNSTREAM, DEV(2), true },
	[A]   = { DP0, FABRIC_ENDPOINT, DEV(0) },
	[B]   = { DP1, FABRIC_ENDPOINT, DEV(0) },
	[P]   = { DP2, FABRIC_ENDPOINT, DEV(0) },
	[DP3] = { UP, FABRIC_DOWNSTREAM, DEV(3), true },
	[PCI] = { DP3, FABRIC_PCIE_TO_PCI, DEV(0) },
};

struct bench {
	struct fabric *fabric;
	struct pci_dev *provider;
	struct device *client[2];
	struct scatterlist sg;
	void *page;
#ifdef HAVE_CLIENT_LISTS
	struct list_head clients;
#endif
};

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

typedef void (*bench_call)(struct bench *b);

static noinline void nothing(struct bench *b)
{
	barrier();
}

/* Median of several runs; what prepares or undoes a run isn't counted. */
static u64 measure(struct bench *b, bench_call before, bench_call call,
		   bench_call after)
{
	u64 cost[RUNS];
	int i;

	for (i = 0; i < RUNS; i++) {
		unsigned long flags;
		u64 start;

		before(b);
		local_irq_save(flags);
		start = rdtsc_ordered();
		call(b);
		cost[i] = rdtsc_ordered() - start;
		local_irq_restore(flags);
		after(b);
	}
	sort(cost, RUNS, sizeof(*cost), compare, NULL);
	return cost[RUNS / 2];
}

/* Without what the measuring itself costs */
static void row_of(const char *what, struct bench *b, bench_call before,
		   bench_call call, bench_call after)
{
	pr_info("row %s = %llu\n", what,
		measure(b, before, call, after) -
		measure(b, nothing, nothing, nothing));
}

static void row(const char *what, bench_call call, struct bench *b)
{
	row_of(what, b, nothing, call, nothing);
}

static void find_many(struct bench *b)
{
	pci_dev_put(pci_p2pmem_find_many(b->client, 2));
}

static void distance_many(struct bench *b)
{
	pci_p2pdma_distance_many(b->provider, b->client, 1, false);
}

static void map_one(struct bench *b)
{
	dma_map_sg(b->client[0], &b->sg, 1, DMA_TO_DEVICE);
}

static void alloc_page_p2p(struct bench *b)
{
	b->page = pci_alloc_p2pmem(b->provider, PAGE_SIZE);
}

static void free_page_p2p(struct bench *b)
{
	pci_free_p2pmem(b->provider, b->page, PAGE_SIZE);
}

#ifdef HAVE_CLIENT_LISTS
static void find_list(struct bench *b)
{
	pci_dev_put(pci_p2pmem_find(&b->clients));
}

static void map_unasked(struct bench *b)
{
	struct pci_p2pdma_map_state state = {};

	pci_p2pdma_map_segment(&state, b->client[0], &b->sg);
}

static void map_asked(struct bench *b)
{
	struct pci_p2pdma_map_state state = {
		.pgmap = sg_page(&b->sg)->pgmap,
		.map = PCI_P2PDMA_MAP_BUS_ADDR,
	};

	pci_p2pdma_map_segment(&state, b->client[0], &b->sg);
}

static void distance_list(struct bench *b)
{
	pci_p2pdma_distance(b->provider, &b->clients);
}
#endif

static int provide(struct pci_dev *pdev, unsigned int nr)
{
	int error;

	fabric_set_bar(pdev, 0, (u64)nr * SZ_2M, SZ_2M);
	error = pci_p2pdma_add_resource(pdev, 0, 0, 0);
	if (!error)
		pci_p2pmem_publish(pdev, true);
	return error;
}

static void make_room_for_dma(struct pci_dev *pdev)
{
	pdev->dma_mask = DMA_BIT_MASK(64);
	dma_set_max_seg_size(&pdev->dev, SZ_2M);
}

static int bench_create(struct bench *b, size_t nr_nodes)
{
	b->fabric = fabric_create(nodes, nr_nodes, 0, 0x1000);
	if (!b->fabric)
		return -ENOMEM;
	b->provider = fabric_dev(b->fabric, P);
	b->client[0] = &fabric_dev(b->fabric, A)->dev;
	b->client[1] = &fabric_dev(b->fabric, B)->dev;
	make_room_for_dma(to_pci_dev(b->client[0]));
	make_room_for_dma(to_pci_dev(b->client[1]));
#ifdef HAVE_CLIENT_LISTS
	INIT_LIST_HEAD(&b->clients);
	pci_p2pdma_add_client(&b->clients, b->client[0]);
#endif
	return provide(b->provider, 0);
}

static void bench_destroy(struct bench *b)
{
#ifdef HAVE_CLIENT_LISTS
	pci_p2pdma_client_list_free(&b->clients);
#endif
	fabric_destroy(b->fabric);
}

static unsigned int count_functions(void)
{
	struct pci_dev *pdev = NULL;
	unsigned int nr = 0;

	for_each_pci_dev(pdev)
		nr++;
	return nr;
}

/* Functions that have nothing to do with it: conventional ones, 255 a bus */
static struct fabric *add_strangers(unsigned int nr)
{
	struct fabric_node *n;
	struct fabric *fabric;
	unsigned int i, bridge = 0;

	n = kvcalloc(nr, sizeof(*n), GFP_KERNEL);
	if (!n)
		return NULL;
	for (i = 0; i < nr; i++) {
		if (i % 250 == 0) {
			bridge = i;
			n[i] = (struct fabric_node){
				FABRIC_ROOT_BUS, FABRIC_PCI_BRIDGE,
				DEV(i / 250)
			};
			continue;
		}
		n[i] = (struct fabric_node){ bridge, FABRIC_PCI,
					     i - bridge - 1 };
	}
	fabric = fabric_create(n, nr, 0, 0x2000);
	kvfree(n);
	return fabric;
}

static int bench_strangers(struct bench *b)
{
	static const unsigned int total[] = { 12, 108, 1000, 4096 };
	unsigned int i, present;
	struct fabric *strangers;
	char text[64];

	for (i = 0; i < ARRAY_SIZE(total); i++) {
		strangers = NULL;
		present = count_functions();
		if (present < total[i]) {
			strangers = add_strangers(total[i] - present);
			if (!strangers)
				return -ENOMEM;
		}
		present = count_functions();
		if (present != total[i]) {
			pr_err("%u functions instead of %u\n", present,
			       total[i]);
			return -EINVAL;
		}
		snprintf(text, sizeof(text), "find_many, %4u functions",
			 present);
		row(text, find_many, b);
#ifdef HAVE_CLIENT_LISTS
		pci_p2pdma_add_client(&b->clients, b->client[1]);
		snprintf(text, sizeof(text), "find, %4u functions", present);
		row(text, find_list, b);
		pci_p2pdma_remove_client(&b->clients, b->client[1]);
#endif
		if (strangers)
			fabric_destroy(strangers);
	}
	return 0;
}

static int bench_pairs(struct bench *b)
{
	row("distance_many, one switch", distance_many, b);
#ifdef HAVE_CLIENT_LISTS
	row("distance, one switch", distance_list, b);
#endif
	b->page = pci_alloc_p2pmem(b->provider, PAGE_SIZE);
	if (!b->page)
		return -ENOMEM;
	sg_init_one(&b->sg, b->page, PAGE_SIZE);
	row("dma_map_sg, one entry, known pair", map_one, b);
#ifdef HAVE_CLIENT_LISTS
	pr_info("row map type of a known pair = %llu\n",
		measure(b, nothing, map_unasked, nothing) -
		measure(b, nothing, map_asked, nothing));
#endif
	pci_free_p2pmem(b->provider, b->page, PAGE_SIZE);
	row_of("alloc a page, empty pool", b, nothing, alloc_page_p2p,
	       free_page_p2p);
	row_of("free a page", b, alloc_page_p2p, free_page_p2p, nothing);
	return 0;
}

static int bench_few(void)
{
	struct bench b;
	int error;

	error = bench_create(&b, DP3);
	if (!error)
		error = bench_strangers(&b);
	if (!error)
		error = bench_pairs(&b);
	bench_destroy(&b);
	return error;
}

static int bench_many(void)
{
	struct bench b;
	int i, error;

	for (i = MORE; i < ARRAY_SIZE(nodes); i++)
		nodes[i] = (struct fabric_node){ PCI, FABRIC_PCI,
						 PCI_DEVFN((i - MORE) / 8 + 1,
							   (i - MORE) % 8) };
	error = bench_create(&b, ARRAY_SIZE(nodes));
	for (i = MORE; i < ARRAY_SIZE(nodes) && !error; i++)
		error = provide(fabric_dev(b.fabric, i), 1 + i - MORE);
	if (!error) {
		row("find_many, 64 providers", find_many, &b);
#ifdef HAVE_CLIENT_LISTS
		pci_p2pdma_add_client(&b.clients, b.client[1]);
		row("find, 64 providers", find_list, &b);
#endif
	}
	bench_destroy(&b);
	return error;
}

static int __init bench_init(void)
{
	int error;

	error = bench_few();
	if (!error)
		error = bench_many();
	if (error)
		pr_err("failed: %d\n", error);
	else
		pr_info("done\n");
	return error;
}

static void __exit bench_exit(void)
{
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("Instruction counts of PCI peer-to-peer DMA");
MODULE_LICENSE("GPL");
