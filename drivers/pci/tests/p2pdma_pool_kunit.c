// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of providers and their memory: p2pdma_pool.c, and the call of
 * p2pdma.c that adds a range
 *
 * The BARs are made up: there are pages for them, but nothing is behind.
 */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/genalloc.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>

#include "../p2pdma.h"
#include "fake_pci.h"

#define DEV(slot)	PCI_DEVFN(slot, 0)

/*   RP - A,  RP2 - B   */
enum { RP, A, RP2, B, NR_NODES };

static const struct fake_pci_node nodes[] = {
	[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1) },
	[A]   = { RP, FAKE_PCI_ENDPOINT, DEV(0) },
	[RP2] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(2) },
	[B]   = { RP2, FAKE_PCI_ENDPOINT, DEV(0) },
};

#define BUS_OFFSET	0x1000000000ULL

struct pool_test {
	struct fake_pci *fake;
	struct pci_dev *a;
	struct pci_dev *b;
	int refs;
};

static int pool_test_init(struct kunit *test)
{
	struct pool_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->fake = fake_pci_setup_offset(test, nodes, NR_NODES, BUS_OFFSET);
	t->a = fake_pci_dev(t->fake, A);
	t->b = fake_pci_dev(t->fake, B);
	fake_pci_set_bar(t->a, 0, 0, SZ_8M);
	fake_pci_set_bar(t->a, 2, SZ_16M, SZ_4M);
	fake_pci_set_bar(t->b, 0, SZ_32M, SZ_4M);
	t->refs = fake_pci_refs(t->a);
	test->priv = t;
	return 0;
}

static void pool_test_exit(struct kunit *test)
{
	struct pool_test *t = test->priv;

	if (t)
		KUNIT_EXPECT_EQ(test, fake_pci_refs(t->a), t->refs);
}

static size_t pool_size(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma = rcu_access_pointer(pdev->p2pdma);

	return p2pdma ? gen_pool_size(p2pdma->pool) : 0;
}

static struct gen_pool_chunk *pool_chunk(struct pci_dev *pdev)
{
	return list_first_entry(&rcu_access_pointer(pdev->p2pdma)->pool->chunks,
				struct gen_pool_chunk, next_chunk);
}

static size_t pool_avail(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma = rcu_access_pointer(pdev->p2pdma);

	return p2pdma ? gen_pool_avail(p2pdma->pool) : 0;
}

struct bad_range {
	const char *why;
	int bar;
	u64 offset;
	size_t size;
};

/* BAR 0 has 8 MiB, BAR 1 is an I/O BAR, BAR 3 isn't there, 4 is unassigned. */
static const struct bad_range bad_ranges[] = {
	{ "BAR -1", -1, 0, 0 },
	{ "BAR INT_MIN", INT_MIN, 0, 0 },
	{ "BAR 6, the ROM", 6, 0, 0 },
	{ "BAR INT_MAX", INT_MAX, 0, 0 },
	{ "I/O BAR", 1, 0, 0 },
	{ "absent BAR", 3, 0, 0 },
	{ "unassigned BAR", 4, 0, 0 },
	{ "offset at the end", 0, SZ_8M, 0 },
	{ "offset beyond the end", 0, SZ_16M, SZ_2M },
	{ "offset U64_MAX", 0, U64_MAX, 0 },
	{ "offset wraps with size", 0, U64_MAX - SZ_2M + 1, SZ_4M },
	{ "size beyond the end", 0, 0, SZ_16M },
	{ "size a page too large", 0, SZ_2M, SZ_4M + SZ_2M + PAGE_SIZE },
	{ "size SIZE_MAX", 0, 0, SIZE_MAX },
	{ "size wraps with offset", 0, SZ_2M, SIZE_MAX - SZ_2M + 1 },
	{ "1 MiB", 0, 0, SZ_1M },
	{ "a page", 0, 0, PAGE_SIZE },
	{ "size not page aligned", 0, 0, SZ_2M + 1 },
	{ "offset not page aligned", 0, 1, SZ_2M },
	{ "size not section aligned", 0, 0, SZ_2M + SZ_1M },
	{ "offset not section aligned", 0, SZ_1M, SZ_2M },
	{ "rest not section aligned", 0, SZ_1M, 0 },
};

static void bad_range_name(const struct bad_range *r, char *desc)
{
	strscpy(desc, r->why, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bad_range, bad_ranges, bad_range_name);

/* Refused as the first range, and as a further one; nothing is left of it. */
static void add_refuses(struct kunit *test)
{
	const struct bad_range *r = test->param_value;
	struct pool_test *t = test->priv;

	fake_pci_set_odd_bar(t->a, 1, IORESOURCE_IO, SZ_4M);
	fake_pci_set_odd_bar(t->a, 4, IORESOURCE_MEM | IORESOURCE_UNSET, SZ_4M);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->a, r->bar, r->size,
						      r->offset), -EINVAL);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(t->a->p2pdma));

	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 2, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->a, r->bar, r->size,
						      r->offset), -EINVAL);
	KUNIT_EXPECT_EQ(test, pool_size(t->a), SZ_4M);
}

static void add_refuses_overlap(struct kunit *test)
{
	struct pool_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 0, SZ_4M, SZ_2M),
			0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->a, 0, SZ_4M, SZ_2M),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, 0), -EEXIST);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->a, 0, SZ_4M, 0),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->a, 0, SZ_2M, SZ_4M),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, pool_size(t->a), SZ_4M);
	/* Up to each end there is room. */
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->a, 0, SZ_2M, 0), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, SZ_4M + SZ_2M),
			0);
	KUNIT_EXPECT_EQ(test, pool_size(t->a), SZ_8M);
}

static void several_ranges(struct kunit *test)
{
	struct pool_test *t = test->priv;
	void *addr[3];
	int i;

	fake_pci_bind(test, t->a);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 2, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, pool_size(t->a), SZ_8M + SZ_4M);

	/* A piece is in one range, and more than the first has is served. */
	for (i = 0; i < 3; i++)
		addr[i] = pci_alloc_p2pmem(t->a, SZ_4M);
	KUNIT_EXPECT_NOT_NULL(test, addr[0]);
	KUNIT_EXPECT_NOT_NULL(test, addr[1]);
	KUNIT_EXPECT_NOT_NULL(test, addr[2]);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), 0);
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->a, 1));
	for (i = 0; i < 3; i++)
		pci_free_p2pmem(t->a, addr[i], SZ_4M);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M + SZ_4M);

	fake_pci_unbind(t->a);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(t->a->p2pdma));
}

/* Unbound and bound again at the same address: it starts clean. */
static void bound_again(struct kunit *test)
{
	struct pool_test *t = test->priv;
	void *addr;
	int i;

	for (i = 0; i < 3; i++) {
		fake_pci_bind(test, t->a);
		KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, 0),
				0);
		KUNIT_EXPECT_FALSE(test, pci_has_p2pmem(t->a));
		pci_p2pmem_publish(t->a, true);
		KUNIT_EXPECT_TRUE(test, pci_has_p2pmem(t->a));
		KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M);
		addr = pci_alloc_p2pmem(t->a, SZ_8M);
		KUNIT_EXPECT_NOT_NULL(test, addr);
		pci_free_p2pmem(t->a, addr, SZ_8M);
		fake_pci_unbind(t->a);
		KUNIT_EXPECT_FALSE(test, pci_has_p2pmem(t->a));
		KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->a, 1));
	}
}

static void without_memory(struct kunit *test)
{
	struct pool_test *t = test->priv;
	struct scatterlist *sgl = (void *)1;
	unsigned int nents = 1;

	pci_p2pmem_publish(t->a, true);
	KUNIT_EXPECT_FALSE(test, pci_has_p2pmem(t->a));
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->a, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_virt_to_bus(t->a, test), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_alloc_sgl(t->a, &sgl, &nents, 1),
			-ENODEV);
	KUNIT_EXPECT_NULL(test, sgl);
	KUNIT_EXPECT_EQ(test, nents, 0);
}

/* What the files in sysfs say, and a scatterlist of it */
static void many_pieces(struct kunit *test)
{
	const unsigned int half = SZ_64M / PAGE_SIZE, nr = 2 * half;
	struct pool_test *t = test->priv;
	struct pci_p2pdma *p2pdma;
	struct scatterlist *sgl;
	unsigned int i, nents;
	void *first;

	fake_pci_set_bar(t->b, 0, SZ_128M, SZ_128M);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->b, 0, 0, 0), 0);
	p2pdma = rcu_access_pointer(t->b->p2pdma);
	KUNIT_EXPECT_EQ(test, p2pdma_pool_pieces(p2pdma), 1);
	KUNIT_EXPECT_EQ(test, p2pdma_pool_largest(p2pdma), nr);
	for (i = 0; i < nr; i++)
		KUNIT_ASSERT_NOT_NULL(test, pci_alloc_p2pmem(t->b, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, p2pdma_pool_pieces(p2pdma), 0);
	KUNIT_EXPECT_EQ(test, p2pdma_pool_largest(p2pdma), 0);
	first = (void *)pool_chunk(t->b)->start_addr;
	for (i = 1; i < half; i += 2)
		pci_free_p2pmem(t->b, first + i * PAGE_SIZE, PAGE_SIZE);
	for (i = nr - 4; i < nr; i++)
		pci_free_p2pmem(t->b, first + i * PAGE_SIZE, PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, p2pdma_pool_pieces(p2pdma), half / 2 + 1);
	KUNIT_EXPECT_EQ(test, p2pdma_pool_largest(p2pdma), 4);
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->b, 5 * PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, pci_p2pmem_alloc_sgl(t->b, &sgl, &nents,
						   5 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, nents, 2);
	pci_p2pmem_free_sgl(t->b, sgl, nents);

	for (i = 0; i < half; i += 2)
		pci_free_p2pmem(t->b, first + i * PAGE_SIZE, PAGE_SIZE);
	for (i = half; i < nr - 4; i++)
		pci_free_p2pmem(t->b, first + i * PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pool_avail(t->b), SZ_128M);
	KUNIT_EXPECT_EQ(test, p2pdma_pool_pieces(p2pdma), 1);
}

static void allocate(struct kunit *test)
{
	struct pool_test *t = test->priv;
	void *page, *more;

	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, 0), 0);
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->a, 0));
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->a, SZ_8M + 1));
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->a, SIZE_MAX));
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->a, SIZE_MAX - PAGE_SIZE));

	/* Whole pages */
	page = pci_alloc_p2pmem(t->a, 1);
	more = pci_alloc_p2pmem(t->a, PAGE_SIZE + 1);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_NOT_NULL(test, more);
	KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(page));
	KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(more));
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M - 3 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, is_pci_p2pdma_page(virt_to_page(page)));
	KUNIT_EXPECT_EQ(test, page_count(virt_to_page(page)), 1);
	pci_free_p2pmem(t->a, page, 1);
	pci_free_p2pmem(t->a, more, PAGE_SIZE + 1);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M);
}

static void bus_addresses(struct kunit *test)
{
	struct pool_test *t = test->priv;
	void *addr;

	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->b, 0, 0, 0), 0);
	/* Across two blocks of the range nothing is found. */
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->a, SZ_4M + SZ_2M));
	addr = pci_alloc_p2pmem(t->a, SZ_4M);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_virt_to_bus(t->a, addr),
			FAKE_PCI_MEM_BASE + SZ_2M + BUS_OFFSET);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_virt_to_bus(t->a, addr + SZ_2M + 1),
			FAKE_PCI_MEM_BASE + SZ_2M + BUS_OFFSET + SZ_2M + 1);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_virt_to_bus(t->b, addr), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_virt_to_bus(t->a, NULL), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_virt_to_bus(t->a, test), 0);
	pci_free_p2pmem(t->a, addr, SZ_4M);
}

/* The log shows one warning, and no more, between the two lines. */
static void wrong_free(struct kunit *test)
{
	struct pool_test *t = test->priv;
	void *addr;

	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->b, 0, 0, 0), 0);
	addr = pci_alloc_p2pmem(t->a, 2 * PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, addr);

	pr_info("expected warning begins: P2PDMA: .* are not allocated\n");
	pci_free_p2pmem(t->b, addr, 2 * PAGE_SIZE);
	pci_free_p2pmem(t->a, addr, PAGE_SIZE);
	pci_free_p2pmem(t->a, addr, 3 * PAGE_SIZE);
	pci_free_p2pmem(t->a, addr, 0);
	pci_free_p2pmem(t->a, addr, SIZE_MAX);
	pci_free_p2pmem(t->a, addr + PAGE_SIZE, PAGE_SIZE);
	pci_free_p2pmem(t->a, addr + 1, 2 * PAGE_SIZE);
	pci_free_p2pmem(t->a, addr + SZ_4M, PAGE_SIZE);
	pci_free_p2pmem(t->a, test, PAGE_SIZE);
	pci_free_p2pmem(t->a, NULL, PAGE_SIZE);
	pci_free_p2pmem(fake_pci_dev(t->fake, RP), addr, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M - 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pool_avail(t->b), SZ_4M);

	pci_free_p2pmem(t->a, addr, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M);
	/* A second time */
	pci_free_p2pmem(t->a, addr, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M);
	pr_info("expected warning ends\n");
}

static void scatterlists(struct kunit *test)
{
	struct pool_test *t = test->priv;
	unsigned int nents;
	struct scatterlist *sgl;

	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_alloc_sgl(t->a, &sgl, &nents, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_alloc_sgl(t->a, &sgl, &nents,
						   SZ_8M + 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_alloc_sgl(t->a, &sgl, &nents,
						   U32_MAX), -ENOMEM);
	KUNIT_EXPECT_NULL(test, sgl);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M);

	KUNIT_ASSERT_EQ(test, pci_p2pmem_alloc_sgl(t->a, &sgl, &nents,
						   SZ_1M + 1), 0);
	KUNIT_EXPECT_EQ(test, nents, 1);
	KUNIT_EXPECT_EQ(test, sgl->length, SZ_1M + 1);
	KUNIT_EXPECT_TRUE(test, sg_is_last(sgl));
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M - SZ_1M - PAGE_SIZE);
	pci_p2pmem_free_sgl(t->a, sgl, nents);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M);
	pci_p2pmem_free_sgl(t->a, NULL, 0);
	pci_p2pmem_free_sgl(t->a, NULL, 1);
}

/*
 * Every other page is taken but for one run of 16: what is left is found, the
 * run first, down to the last page.
 */
static void scatterlist_from_fragments(struct kunit *test)
{
	enum { PAGES = SZ_8M / PAGE_SIZE, RUN = 16, RUN_AT = PAGES / 4 };
	struct pool_test *t = test->priv;
	void **page = kunit_kcalloc(test, PAGES, sizeof(*page), GFP_KERNEL);
	unsigned int nents, i, free = 0;
	struct scatterlist *sgl, *sg;
	u64 total = 0;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, 0), 0);
	for (i = 0; i < PAGES; i++)
		page[i] = pci_alloc_p2pmem(t->a, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), 0);
	for (i = 0; i < PAGES; i++) {
		if (i % 2 && (i < RUN_AT || i >= RUN_AT + RUN))
			continue;
		pci_free_p2pmem(t->a, page[i], PAGE_SIZE);
		page[i] = NULL;
		free++;
	}

	KUNIT_ASSERT_EQ(test, pci_p2pmem_alloc_sgl(t->a, &sgl, &nents,
						   free * PAGE_SIZE - 1), 0);
	KUNIT_EXPECT_EQ(test, nents, free - RUN + 1);
	KUNIT_EXPECT_EQ(test, sgl->length, RUN * PAGE_SIZE);
	for_each_sg(sgl, sg, nents, i)
		total += sg->length;
	KUNIT_EXPECT_EQ(test, total, free * PAGE_SIZE - 1);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), 0);
	pci_p2pmem_free_sgl(t->a, sgl, nents);

	KUNIT_EXPECT_EQ(test, pci_p2pmem_alloc_sgl(t->a, &sgl, &nents,
						   free * PAGE_SIZE + 1),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), free * PAGE_SIZE);
	for (i = 0; i < PAGES; i++)
		if (page[i])
			pci_free_p2pmem(t->a, page[i], PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M);
}

/*
 * The last reference of a page is dropped by a caller that had none: what a
 * kernel caller has allocated stays its own, be it the first page of it, a
 * further one, or one that is free; and a page that is mapped stays so.
 */
static void put_too_often(struct kunit *test)
{
	struct pool_test *t = test->priv;
	struct page *page;
	void *addr;
	int i;

	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, 0), 0);
	addr = pci_alloc_p2pmem(t->a, 2 * PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	page = virt_to_page(addr);

	pr_info("expected warning begins: P2PDMA: .* that nobody has mapped\n");
	for (i = 0; i < 3; i++) {
		put_page(page + i);
		KUNIT_EXPECT_EQ(test, page_count(page + i), 1);
	}
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M - 2 * PAGE_SIZE);
	pci_free_p2pmem(t->a, addr, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M);

	page = p2pdma_pool_alloc_pages(rcu_access_pointer(t->a->p2pdma), 1);
	KUNIT_ASSERT_NOT_NULL(test, page);
	atomic_inc(&page->_mapcount);
	put_page(page);
	pr_info("expected warning ends\n");
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M - PAGE_SIZE);
	atomic_dec(&page->_mapcount);
	put_page(page);
	KUNIT_EXPECT_EQ(test, pool_avail(t->a), SZ_8M);
}

#ifdef CONFIG_MEMORY_FAILURE
static void poison(struct kunit *test, struct page *page)
{
	KUNIT_EXPECT_EQ(test, p2pdma_pgmap_ops.memory_failure(page->pgmap,
							      page_to_pfn(page),
							      1, 0), 0);
}

/* Frees pages that are chained as the pool's are. */
static unsigned long free_chain(struct pci_dev *pdev, struct page *page)
{
	unsigned long nr = 0;

	for (; page; nr++) {
		struct page *next = p2pdma_next_page(page);

		pci_free_p2pmem(pdev, page_to_virt(page), PAGE_SIZE);
		page = next;
	}
	return nr;
}

/* Poisoned while it is free, or allocated: not handed out again */
static void poisoned_pages(struct kunit *test)
{
	struct pool_test *t = test->priv;
	struct page *run, *chain = NULL;
	struct pci_p2pdma *p2pdma;
	void *addr;

	fake_pci_bind(test, t->b);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->b, 0, 0, 0), 0);
	addr = pci_alloc_p2pmem(t->b, SZ_2M);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	run = virt_to_page(addr);
	poison(test, &run[3]);
	/* The other half of the memory is free. */
	poison(test, IS_ALIGNED((unsigned long)addr, SZ_4M) ?
	       &run[SZ_2M >> PAGE_SHIFT] : &run[-1]);
	pci_free_p2pmem(t->b, addr, SZ_2M);

	/* Counted once, however often it is reported */
	poison(test, &run[3]);
	p2pdma = rcu_access_pointer(t->b->p2pdma);
	KUNIT_EXPECT_EQ(test, p2pdma_pool_available(p2pdma),
			SZ_4M - 2 * PAGE_SIZE);

	/* There is no whole one any more. */
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->b, SZ_2M));
	addr = pci_alloc_p2pmem(t->b, SZ_1M);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	pci_free_p2pmem(t->b, addr, SZ_1M);
	while ((addr = pci_alloc_p2pmem(t->b, PAGE_SIZE))) {
		struct page *page = virt_to_page(addr);

		KUNIT_EXPECT_FALSE(test, PageHWPoison(page));
		set_page_private(page, (unsigned long)chain);
		chain = page;
	}
	KUNIT_EXPECT_EQ(test, p2pdma_pool_available(p2pdma), 0);
	KUNIT_EXPECT_EQ(test, free_chain(t->b, chain),
			(SZ_4M >> PAGE_SHIFT) - 2);
	KUNIT_EXPECT_EQ(test, p2pdma_pool_available(p2pdma),
			SZ_4M - 2 * PAGE_SIZE);
	fake_pci_unbind(t->b);
}
#endif

static int unbind_thread(void *data)
{
	fake_pci_unbind(data);
	return 0;
}

/* Unbind waits for what is allocated; nothing new is. */
static void unbind_waits(struct kunit *test)
{
	struct pool_test *t = test->priv;
	struct task_struct *thread;
	void *addr;
	int i;

	fake_pci_bind(test, t->a);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 0, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->a, 2, 0, 0), 0);
	pci_p2pmem_publish(t->a, true);
	addr = pci_alloc_p2pmem(t->a, PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, addr);

	thread = kthread_create(unbind_thread, t->a, "p2pdma-unbind");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	get_task_struct(thread);
	wake_up_process(thread);
	for (i = 0; i < 500 && pci_has_p2pmem(t->a); i++)
		msleep(20);
	KUNIT_EXPECT_FALSE(test, pci_has_p2pmem(t->a));
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->a, PAGE_SIZE));
	msleep(100);
	KUNIT_EXPECT_NOT_NULL(test, rcu_access_pointer(t->a->p2pdma));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_virt_to_bus(t->a, addr),
			FAKE_PCI_MEM_BASE + SZ_16M + BUS_OFFSET);

	pci_free_p2pmem(t->a, addr, PAGE_SIZE);
	kthread_stop(thread);
	put_task_struct(thread);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(t->a->p2pdma));
}

/* Allocations fail before a driver's remove function is called. */
static struct pool_driver_seen {
	void *before;
	void *in_remove;
	bool offered;
	int sgl_error;
} seen;

static int pool_driver_probe(struct pci_dev *pdev,
			     const struct pci_device_id *id)
{
	int error = pci_p2pdma_add_resource(pdev, 0, 0, 0);

	if (error)
		return error;
	pci_p2pmem_publish(pdev, true);
	seen.before = pci_alloc_p2pmem(pdev, PAGE_SIZE);
	return 0;
}

static void pool_driver_remove(struct pci_dev *pdev)
{
	struct scatterlist *sgl;
	unsigned int nents;

	seen.in_remove = pci_alloc_p2pmem(pdev, PAGE_SIZE);
	seen.offered = pci_has_p2pmem(pdev);
	seen.sgl_error = pci_p2pmem_alloc_sgl(pdev, &sgl, &nents, PAGE_SIZE);
	if (seen.before)
		pci_free_p2pmem(pdev, seen.before, PAGE_SIZE);
}

static const struct pci_device_id pool_driver_ids[] = {
	{ PCI_DEVICE(FAKE_PCI_ID & 0xffff, FAKE_PCI_ID >> 16) },
	{}
};

static struct pci_driver pool_driver = {
	.name = "p2pdma-kunit-pool",
	.id_table = pool_driver_ids,
	.probe = pool_driver_probe,
	.remove = pool_driver_remove,
};

static void driver_removed(struct kunit *test)
{
	struct pool_test *t = test->priv;

	seen = (struct pool_driver_seen){};
	KUNIT_ASSERT_EQ(test, pci_register_driver(&pool_driver), 0);
	KUNIT_EXPECT_EQ(test, device_driver_attach(&pool_driver.driver,
						   &t->a->dev), 0);
	KUNIT_EXPECT_NOT_NULL(test, seen.before);
	KUNIT_EXPECT_TRUE(test, pci_has_p2pmem(t->a));

	/* It unbinds the device. */
	pci_unregister_driver(&pool_driver);
	KUNIT_EXPECT_NULL(test, seen.in_remove);
	KUNIT_EXPECT_FALSE(test, seen.offered);
	KUNIT_EXPECT_EQ(test, seen.sgl_error, -ENODEV);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(t->a->p2pdma));
}

static struct kunit_case p2pdma_pool_cases[] = {
	KUNIT_CASE_PARAM(add_refuses, bad_range_gen_params),
	KUNIT_CASE(add_refuses_overlap),
	KUNIT_CASE(several_ranges),
	KUNIT_CASE(bound_again),
	KUNIT_CASE(without_memory),
	KUNIT_CASE(allocate),
	KUNIT_CASE(many_pieces),
	KUNIT_CASE(bus_addresses),
	KUNIT_CASE(wrong_free),
	KUNIT_CASE(scatterlists),
	KUNIT_CASE(scatterlist_from_fragments),
	KUNIT_CASE(put_too_often),
#ifdef CONFIG_MEMORY_FAILURE
	KUNIT_CASE(poisoned_pages),
#endif
	KUNIT_CASE(unbind_waits),
	KUNIT_CASE(driver_removed),
	{}
};

static struct kunit_suite p2pdma_pool_suite = {
	.name = "p2pdma_pool",
	.init = pool_test_init,
	.exit = pool_test_exit,
	.test_cases = p2pdma_pool_cases,
};

kunit_test_suite(p2pdma_pool_suite);
