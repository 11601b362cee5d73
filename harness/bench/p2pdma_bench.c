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
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/timex.h>

#include "fake_pci.h"

/* The verdict isn't exported. Its source stands alone, so it is compiled here. */
#ifdef HAVE_CLIENT_LISTS
#include "p2pdma_topology.c"
#endif

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

static struct fake_pci_node nodes[MORE + MANY - 1] = {
	[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1) },
	[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
	[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0), true },
	[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1), true },
	[DP2] = { UP, FAKE_PCI_DOWNSTREAM, DEV(2), true },
	[A]   = { DP0, FAKE_PCI_ENDPOINT, DEV(0) },
	[B]   = { DP1, FAKE_PCI_ENDPOINT, DEV(0) },
	[P]   = { DP2, FAKE_PCI_ENDPOINT, DEV(0) },
	[DP3] = { UP, FAKE_PCI_DOWNSTREAM, DEV(3), true },
	[PCI] = { DP3, FAKE_PCI_PCIE_TO_PCI, DEV(0) },
};

struct bench {
	struct fake_pci *fake;
	struct pci_dev *provider;
	struct device *client[2];
	struct scatterlist sg;
	struct sg_table table;
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

static void map_many(struct bench *b)
{
	dma_map_sg(b->client[0], b->table.sgl, b->table.orig_nents,
		   DMA_TO_DEVICE);
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

static void verdict(struct bench *b)
{
	struct p2pdma_verdict v = p2pdma_verdict(b->provider,
						 to_pci_dev(b->client[0]));

	barrier_data(&v);
}

static void can_map(struct bench *b)
{
	pci_p2pdma_can_map(b->client[0], sg_page(&b->sg), DMA_TO_DEVICE, false);
}

static void distance_list(struct bench *b)
{
	pci_p2pdma_distance(b->provider, &b->clients);
}
#endif

static int provide(struct pci_dev *pdev, unsigned int nr, u64 size)
{
	int error;

	fake_pci_set_bar(pdev, 0, nr * size, size);
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

static int bench_create(struct bench *b, size_t nr_nodes, u64 size)
{
	b->fake = fake_pci_create(nodes, nr_nodes, 0, 0x1000);
	if (!b->fake)
		return -ENOMEM;
	b->provider = fake_pci_dev(b->fake, P);
	b->client[0] = &fake_pci_dev(b->fake, A)->dev;
	b->client[1] = &fake_pci_dev(b->fake, B)->dev;
	make_room_for_dma(to_pci_dev(b->client[0]));
	make_room_for_dma(to_pci_dev(b->client[1]));
#ifdef HAVE_CLIENT_LISTS
	INIT_LIST_HEAD(&b->clients);
	pci_p2pdma_add_client(&b->clients, b->client[0]);
#endif
	return provide(b->provider, 0, size);
}

static void bench_destroy(struct bench *b)
{
#ifdef HAVE_CLIENT_LISTS
	pci_p2pdma_client_list_free(&b->clients);
#endif
	fake_pci_destroy(b->fake);
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
static struct fake_pci *add_strangers(unsigned int nr)
{
	struct fake_pci_node *n;
	struct fake_pci *fake;
	unsigned int i, bridge = 0;

	n = kvcalloc(nr, sizeof(*n), GFP_KERNEL);
	if (!n)
		return NULL;
	for (i = 0; i < nr; i++) {
		if (i % 250 == 0) {
			bridge = i;
			n[i] = (struct fake_pci_node){
				FAKE_PCI_ROOT_BUS, FAKE_PCI_PCI_BRIDGE,
				DEV(i / 250)
			};
			continue;
		}
		n[i] = (struct fake_pci_node){ bridge, FAKE_PCI_PCI,
					     i - bridge - 1 };
	}
	fake = fake_pci_create(n, nr, 0, 0x2000);
	kvfree(n);
	return fake;
}

static int bench_strangers(struct bench *b)
{
	static const unsigned int total[] = { 12, 108, 1000, 4096 };
	unsigned int i, present;
	struct fake_pci *strangers;
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
			fake_pci_destroy(strangers);
	}
	return 0;
}

#define ENTRIES 256

static int bench_map_many(struct bench *b)
{
	struct scatterlist *sg;
	void *memory;
	int i;

	memory = pci_alloc_p2pmem(b->provider, ENTRIES * PAGE_SIZE);
	if (!memory)
		return -ENOMEM;
	if (sg_alloc_table(&b->table, ENTRIES, GFP_KERNEL))
		return -ENOMEM;
	for_each_sgtable_sg(&b->table, sg, i)
		sg_set_page(sg, virt_to_page(memory + i * PAGE_SIZE), PAGE_SIZE,
			    0);
	row("dma_map_sg, 256 entries, known pair", map_many, b);
	sg_free_table(&b->table);
	pci_free_p2pmem(b->provider, memory, ENTRIES * PAGE_SIZE);
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
	row("verdict, one switch", verdict, b);
	row("can_map, one switch", can_map, b);
#endif
	pci_free_p2pmem(b->provider, b->page, PAGE_SIZE);
	row_of("alloc a page, empty pool", b, nothing, alloc_page_p2p,
	       free_page_p2p);
	row_of("free a page", b, alloc_page_p2p, free_page_p2p, nothing);
	return bench_map_many(b);
}

#ifdef HAVE_CLIENT_LISTS
#define DEPTH 8

/* Two endpoints, each so many functions below their common bridge */
static int bench_deep(void)
{
	struct fake_pci_node deep[2 + 2 * DEPTH] = {
		[0] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1) },
		[1] = { 0, FAKE_PCI_UPSTREAM, DEV(0) },
	};
	struct bench b = {};
	int side, i;

	for (side = 0; side < 2; side++) {
		for (i = 0; i < DEPTH; i++)
			deep[2 + side * DEPTH + i] = (struct fake_pci_node){
				i ? 1 + side * DEPTH + i : 1,
				i == DEPTH - 1 ? FAKE_PCI_ENDPOINT :
				i % 2 ? FAKE_PCI_UPSTREAM : FAKE_PCI_DOWNSTREAM,
				i ? DEV(0) : DEV(side), true,
			};
	}
	b.fake = fake_pci_create(deep, ARRAY_SIZE(deep), 0, 0x1000);
	if (!b.fake)
		return -ENOMEM;
	b.provider = fake_pci_dev(b.fake, 1 + DEPTH);
	b.client[0] = &fake_pci_dev(b.fake, 1 + 2 * DEPTH)->dev;
	row("verdict, depth 8", verdict, &b);
	fake_pci_destroy(b.fake);
	return 0;
}
#else
static int bench_deep(void)
{
	return 0;
}
#endif

static int bench_few(void)
{
	struct bench b;
	int error;

	error = bench_create(&b, DP3, SZ_2M);
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
		nodes[i] = (struct fake_pci_node){ PCI, FAKE_PCI_PCI,
						 PCI_DEVFN((i - MORE) / 8 + 1,
							   (i - MORE) % 8) };
	error = bench_create(&b, ARRAY_SIZE(nodes), SZ_2M);
	for (i = MORE; i < ARRAY_SIZE(nodes) && !error; i++)
		error = provide(fake_pci_dev(b.fake, i), 1 + i - MORE, SZ_2M);
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

/* Pools of several sizes and fills */

#define BATCH	16

static const char *const sizes[] = { "16 MiB", "1 GiB", "64 GiB" };
static const u64 bytes[] = { SZ_16M, SZ_1G, SZ_64G };
static const unsigned int permille[] = { 999, 950, 0 };
static const unsigned int lengths[] = { 1, 2, 16, 33, 512 };

static unsigned int alloc_runs(struct bench *b, void **run, unsigned int most,
			       unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < most; i++) {
		run[i] = pci_alloc_p2pmem(b->provider, nr * PAGE_SIZE);
		if (!run[i])
			break;
	}
	return i;
}

static void free_runs(struct bench *b, void **run, unsigned int got,
		      unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < got; i++)
		pci_free_p2pmem(b->provider, run[i], nr * PAGE_SIZE);
}

/*
 * Mean of a few, one after the other: what they find isn't the same place. What
 * can't be served at all has a price, too.
 */
static void measure_runs(struct bench *b, const char *pool, unsigned int nr)
{
	unsigned int got, calls;
	unsigned long flags;
	u64 start, end;
	void *run[BATCH];

	got = alloc_runs(b, run, BATCH, nr);
	free_runs(b, run, got, nr);
	calls = got ?: 1;

	local_irq_save(flags);
	start = rdtsc_ordered();
	alloc_runs(b, run, calls, nr);
	end = rdtsc_ordered();
	pr_info("row alloc %u %s, %s%s = %llu\n", nr, nr > 1 ? "pages" : "page",
		pool, got ? "" : ", not served", (end - start) / calls);
	if (got) {
		start = rdtsc_ordered();
		free_runs(b, run, got, nr);
		end = rdtsc_ordered();
		pr_info("row free %u %s, %s = %llu\n", nr,
			nr > 1 ? "pages" : "page", pool, (end - start) / got);
	}
	local_irq_restore(flags);
}

static struct scatterlist *alloc_sgl(struct bench *b, unsigned int *nents,
				     u32 length)
{
	struct scatterlist *sgl;

#ifdef HAVE_CLIENT_LISTS
	if (pci_p2pmem_alloc_sgl(b->provider, &sgl, nents, length))
		sgl = NULL;
#else
	sgl = pci_p2pmem_alloc_sgl(b->provider, nents, length);
#endif
	return sgl;
}

static void free_sgl(struct bench *b, struct scatterlist *sgl,
		     unsigned int nents)
{
#ifdef HAVE_CLIENT_LISTS
	pci_p2pmem_free_sgl(b->provider, sgl, nents);
#else
	pci_p2pmem_free_sgl(b->provider, sgl);
#endif
}

/*
 * Interrupts stay on, since these calls may sleep. Without what the measuring
 * itself costs
 */
static void measure_sgl(struct bench *b, const char *pool, u32 length)
{
	u64 allocs[RUNS], frees[RUNS], start, empty;
	unsigned int nents = 0;
	struct scatterlist *sgl;
	int i;

	for (i = 0; i < RUNS; i++) {
		start = rdtsc_ordered();
		empty = rdtsc_ordered() - start;
		start = rdtsc_ordered();
		sgl = alloc_sgl(b, &nents, length);
		allocs[i] = rdtsc_ordered() - start - empty;
		start = rdtsc_ordered();
		if (sgl)
			free_sgl(b, sgl, nents);
		frees[i] = rdtsc_ordered() - start - empty;
	}
	sort(allocs, RUNS, sizeof(u64), compare, NULL);
	sort(frees, RUNS, sizeof(u64), compare, NULL);
	pr_info("row alloc_sgl %u KiB, %s = %llu\n", length / 1024, pool,
		allocs[RUNS / 2]);
	pr_info("row free_sgl %u KiB, %s = %llu\n", length / 1024, pool,
		frees[RUNS / 2]);
}

static void measure_pool(struct bench *b, const char *size, const char *shape)
{
	char pool[64];
	int i;

	snprintf(pool, sizeof(pool), "%s, %s", size, shape);
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		measure_runs(b, pool, lengths[i]);
	measure_sgl(b, pool, SZ_4K);
	measure_sgl(b, pool, SZ_128K);
	measure_sgl(b, pool, SZ_1M);
}

static int bench_filled(struct bench *b, int which)
{
	u64 nr_pages = bytes[which] >> PAGE_SHIFT;
	char shape[32];
	int i;

	for (i = 0; i < ARRAY_SIZE(permille); i++) {
		u64 used = nr_pages * permille[i] / 1000;
		void *filler = NULL;

		if (used) {
			filler = pci_alloc_p2pmem(b->provider,
						  used << PAGE_SHIFT);
			if (!filler)
				return -ENOMEM;
		}
		snprintf(shape, sizeof(shape), "%u.%u %%", permille[i] / 10,
			 permille[i] % 10);
		measure_pool(b, sizes[which], shape);
		if (filler)
			pci_free_p2pmem(b->provider, filler,
					used << PAGE_SHIFT);
	}
	return 0;
}

static void *take_all(struct bench *b, u64 nr_pages)
{
	void *lowest = NULL, *page;
	u64 i;

	for (i = 0; i < nr_pages; i++) {
		page = pci_alloc_p2pmem(b->provider, PAGE_SIZE);
		if (!page)
			return NULL;
		if (!lowest || page < lowest)
			lowest = page;
		if (i % 1024 == 0)
			cond_resched();
	}
	return lowest;
}

static void free_every_other(struct bench *b, void *page, u64 nr_pages)
{
	u64 i;

	for (i = 0; i < nr_pages; i += 2, page += 2 * PAGE_SIZE) {
		pci_free_p2pmem(b->provider, page, PAGE_SIZE);
		if (i % 1024 == 0)
			cond_resched();
	}
}

static int bench_every_other(struct bench *b, int which)
{
	u64 nr_pages = bytes[which] >> PAGE_SHIFT;
	void *first;

#ifndef HAVE_CLIENT_LISTS
	/* Each page is looked for from the beginning: that would take days. */
	if (bytes[which] > SZ_1G)
		return 0;
#endif
	first = take_all(b, nr_pages);
	if (!first)
		return -ENOMEM;
	free_every_other(b, first, nr_pages);
	measure_pool(b, sizes[which], "every other page");
	free_every_other(b, first + PAGE_SIZE, nr_pages);
	return 0;
}

static int bench_pools(void)
{
	int i, error = 0;

	for (i = 0; i < ARRAY_SIZE(bytes) && !error; i++) {
		struct bench b;

		error = bench_create(&b, DP3, bytes[i]);
		if (!error)
			error = bench_filled(&b, i);
		if (!error)
			error = bench_every_other(&b, i);
		bench_destroy(&b);
	}
	return error;
}

/* Several processors at once: not counted, but timed */

#define PAIRS	200000
#define ROUNDS	9

struct rival {
	struct bench *b;
	unsigned int nr_held;
	void *held[1024];
};

static atomic_t waiting, running;

static int contend(void *data)
{
	struct rival *r = data;
	struct pci_dev *provider = r->b->provider;
	void *page;
	int i;

	for (i = 0; i < r->nr_held; i++)
		r->held[i] = pci_alloc_p2pmem(provider, PAGE_SIZE);
	atomic_dec(&waiting);
	while (atomic_read(&waiting))
		cpu_relax();
	for (i = 0; i < PAIRS; i++) {
		page = pci_alloc_p2pmem(provider, PAGE_SIZE);
		pci_free_p2pmem(provider, page, PAGE_SIZE);
	}
	for (i = 0; i < r->nr_held; i++)
		pci_free_p2pmem(provider, r->held[i], PAGE_SIZE);
	atomic_dec(&running);
	return 0;
}

/* Nanoseconds for a pair of calls, each processor making its own */
static u64 contend_on(struct rival *r, unsigned int nr)
{
	unsigned int cpu = 0;
	u64 start;

	atomic_set(&waiting, nr);
	atomic_set(&running, nr);
	start = ktime_get_ns();
	for (; cpu < nr; cpu++)
		kthread_run_on_cpu(contend, &r[cpu], cpu, "contend/%u");
	while (atomic_read(&running))
		schedule_timeout_uninterruptible(1);
	return (ktime_get_ns() - start) / PAIRS;
}

static int by_value(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Of many rounds, in turns: each by itself is what else the machine does. */
static void bench_rivals(struct rival *r, unsigned int nr, unsigned int nr_held)
{
	u64 alone[ROUNDS], together[ROUNDS];
	char held[32] = "";
	int i;

	for (i = 0; i < nr; i++)
		r[i].nr_held = nr_held;
	for (i = 0; i < ROUNDS; i++) {
		alone[i] = contend_on(r, 1);
		together[i] = contend_on(r, nr);
	}
	sort(alone, ROUNDS, sizeof(u64), by_value, NULL);
	sort(together, ROUNDS, sizeof(u64), by_value, NULL);
	if (nr_held)
		snprintf(held, sizeof(held), ", each with %u", nr_held);
	pr_info("row 1 processor, ns for alloc and free%s = %llu\n", held,
		alone[ROUNDS / 2]);
	pr_info("row %u processors, ns for alloc and free%s = %llu\n", nr, held,
		together[ROUNDS / 2]);
	pr_info("row %u processors by 1, %%%s = %llu\n", nr, held,
		together[ROUNDS / 2] * 100 / alone[ROUNDS / 2]);
}

static int bench_contention(void)
{
	unsigned int i, nr = num_online_cpus();
	struct rival *r;
	struct bench b;
	int error;

	r = kvcalloc(nr, sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	error = bench_create(&b, DP3, SZ_256M);
	for (i = 0; i < nr; i++)
		r[i].b = &b;
	if (!error) {
		bench_rivals(r, nr, 0);
		bench_rivals(r, nr, ARRAY_SIZE(r->held));
	}
	bench_destroy(&b);
	kvfree(r);
	return error;
}

static int __init bench_init(void)
{
	int error;

	if (num_online_cpus() > 1) {
		error = bench_contention();
	} else {
		error = bench_few();
		if (!error)
			error = bench_deep();
		if (!error)
			error = bench_many();
		if (!error)
			error = bench_pools();
	}
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
