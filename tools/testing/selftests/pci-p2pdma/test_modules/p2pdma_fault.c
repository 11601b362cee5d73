// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation fails once: the errno of each call, and nothing left over
 *
 * Binds to QEMU's ivshmem device, whose BAR 2 is memory. Before it is loaded,
 * failslab has to be told to fail GFP_KERNEL allocations too:
 *
 *   echo N > /sys/kernel/debug/failslab/ignore-gfp-wait
 *
 * Each call is made with the first, the second, ... of its allocations
 * failing, until one goes through with none. Results are TAP, in the log.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/sched.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#define BAR 2
/* More allocations than any of the calls makes */
#define ENDLESS 1000
/* Of a call that allocates nothing */
#define TRIES 3

static unsigned int tests;

static void result(bool ok, const char *what, int depth)
{
	pr_info("%sok %u %s, %d allocations failed\n", ok ? "" : "not ", ++tests,
		what, depth);
}

struct fault_test {
	struct pci_dev *pdev;
	struct list_head clients;
	struct scatterlist *sgl;
	unsigned int nents;
};

/**
 * struct fault_call - a call under test
 * @what: its name
 * @prepare: what must be there before; its allocations don't fail
 * @call: makes the call; an errno
 * @unchanged: is all as it was before? NULL: the call allocates nothing
 * @undo: undoes the call and the preparation
 */
struct fault_call {
	const char *what;
	void (*prepare)(struct fault_test *t);
	int (*call)(struct fault_test *t);
	bool (*unchanged)(struct fault_test *t);
	void (*undo)(struct fault_test *t);
};

/* What a failed call left to devres would be undone with the group. */
static void open_group(struct fault_test *t)
{
	devres_open_group(&t->pdev->dev, t, GFP_KERNEL | __GFP_NOFAIL);
}

static int add_resource(struct fault_test *t)
{
	return pci_p2pdma_add_resource(t->pdev, BAR, SZ_2M, 0);
}

/* Bytes that can be allocated: all of it, in pages */
static size_t free_bytes(struct fault_test *t)
{
	void *page, *last = NULL;
	size_t size = 0;

	/* Each page holds the address of the one before. */
	while ((page = pci_alloc_p2pmem(t->pdev, PAGE_SIZE))) {
		*(void **)page = last;
		last = page;
		size += PAGE_SIZE;
	}
	for (page = last; page; page = last) {
		last = *(void **)page;
		pci_free_p2pmem(t->pdev, page, PAGE_SIZE);
	}
	return size;
}

static bool has_no_pool(struct fault_test *t)
{
	return !rcu_access_pointer(t->pdev->p2pdma) && !free_bytes(t);
}

static void close_group(struct fault_test *t)
{
	devres_release_group(&t->pdev->dev, t);
}

static void open_with_one_range(struct fault_test *t)
{
	open_group(t);
	if (pci_p2pdma_add_resource(t->pdev, BAR, SZ_2M, 0))
		pr_err("can't add the first range\n");
}

static void open_with_two_ranges(struct fault_test *t)
{
	open_with_one_range(t);
	if (pci_p2pdma_add_resource(t->pdev, BAR, SZ_2M, SZ_2M))
		pr_err("can't add the second range\n");
	pci_p2pmem_publish(t->pdev, true);
}

static int add_further_resource(struct fault_test *t)
{
	return pci_p2pdma_add_resource(t->pdev, BAR, SZ_2M, SZ_2M);
}

static bool has_one_range(struct fault_test *t)
{
	return free_bytes(t) == SZ_2M;
}

static int add_client(struct fault_test *t)
{
	return pci_p2pdma_add_client(&t->clients, &t->pdev->dev);
}

static bool has_no_client(struct fault_test *t)
{
	return list_empty(&t->clients);
}

/* Also after an error: there is nothing to free then. */
static void free_clients(struct fault_test *t)
{
	pci_p2pdma_client_list_free(&t->clients);
	close_group(t);
}

static void ask_member(struct device *dev,
		       void (*fn)(struct device *member, void *data),
		       void *data)
{
	fn(dev, data);
}

static int add_group(struct fault_test *t)
{
	return pci_p2pdma_add_group(&t->clients, &t->pdev->dev, ask_member);
}

static int distance_many(struct fault_test *t)
{
	struct device *devs[] = { &t->pdev->dev, &t->pdev->dev };

	return pci_p2pdma_distance_many(t->pdev, devs, 2, false);
}

static int find_many(struct fault_test *t)
{
	struct device *devs[] = { &t->pdev->dev, &t->pdev->dev };
	struct pci_dev *found = pci_p2pmem_find_many(devs, 2);

	pci_dev_put(found);
	return found ? 0 : -ENOMEM;
}

/* Two ranges: two entries */
static int alloc_sgl(struct fault_test *t)
{
	return pci_p2pmem_alloc_sgl(t->pdev, &t->sgl, &t->nents, SZ_4M);
}

static int alloc_entry(struct fault_test *t)
{
	return pci_p2pmem_alloc_sgl(t->pdev, &t->sgl, &t->nents, SZ_2M);
}

static bool is_all_free(struct fault_test *t)
{
	return free_bytes(t) == SZ_4M && !t->sgl && !t->nents;
}

static void free_sgl(struct fault_test *t)
{
	pci_p2pmem_free_sgl(t->pdev, t->sgl, t->nents);
	t->sgl = NULL;
	t->nents = 0;
	close_group(t);
}

static void open_with_a_client(struct fault_test *t)
{
	open_with_two_ranges(t);
	if (pci_p2pdma_add_client(&t->clients, &t->pdev->dev))
		pr_err("can't add the client\n");
}

static int distance(struct fault_test *t)
{
	return pci_p2pdma_distance(t->pdev, &t->clients);
}

static int find(struct fault_test *t)
{
	struct pci_dev *found = pci_p2pmem_find(&t->clients);

	pci_dev_put(found);
	return found == t->pdev ? 0 : -ENODEV;
}

static int assign_provider(struct fault_test *t)
{
	return pci_p2pdma_assign_provider(t->pdev, &t->clients) ? 0 : -ENODEV;
}

static void open_with_memory(struct fault_test *t)
{
	open_with_two_ranges(t);
	if (pci_p2pmem_alloc_sgl(t->pdev, &t->sgl, &t->nents, PAGE_SIZE))
		pr_err("can't allocate a page\n");
}

static int map_sg(struct fault_test *t)
{
	if (!dma_map_sg(&t->pdev->dev, t->sgl, t->nents, DMA_TO_DEVICE))
		return -EIO;
	dma_unmap_sg(&t->pdev->dev, t->sgl, t->nents, DMA_TO_DEVICE);
	return 0;
}

/* Under device_lock, as the driver is being probed */
static int remove_further_resource(struct fault_test *t)
{
	pci_p2pdma_remove_resource(t->pdev, BAR, SZ_2M);
	return has_one_range(t) ? 0 : -EBUSY;
}

static void let_go(struct pci_p2pmem_holder *holder)
{
}

static int add_holder(struct fault_test *t)
{
	struct pci_p2pmem_holder holder = { .let_go = let_go };
	int error = pci_p2pmem_add_holder(t->pdev, &holder);

	pci_p2pmem_remove_holder(&holder);
	return error;
}

static int drain(struct fault_test *t)
{
	pci_p2pmem_drain(t->pdev);
	return free_bytes(t) ? -EBUSY : 0;
}

static const struct fault_call calls[] = {
	{ "pci_p2pdma_add_resource, first", open_group, add_resource,
	  has_no_pool, close_group },
	{ "pci_p2pdma_add_resource, further", open_with_one_range,
	  add_further_resource, has_one_range, close_group },
	{ "pci_p2pdma_add_client", open_with_two_ranges, add_client,
	  has_no_client, free_clients },
	{ "pci_p2pdma_add_group", open_with_two_ranges, add_group,
	  has_no_client, free_clients },
	{ "pci_p2pdma_remove_resource", open_with_two_ranges,
	  remove_further_resource, NULL, close_group },
	{ "pci_p2pmem_add_holder", open_with_two_ranges, add_holder, NULL,
	  close_group },
	{ "pci_p2pmem_drain", open_with_two_ranges, drain, NULL, close_group },
	{ "pci_p2pdma_distance_many", open_with_two_ranges, distance_many,
	  NULL, close_group },
	{ "pci_p2pmem_find_many", open_with_two_ranges, find_many,
	  NULL, close_group },
	{ "pci_p2pmem_alloc_sgl, one entry", open_with_two_ranges, alloc_entry,
	  is_all_free, free_sgl },
	{ "pci_p2pmem_alloc_sgl, two entries", open_with_two_ranges, alloc_sgl,
	  is_all_free, free_sgl },
	{ "pci_p2pdma_distance", open_with_a_client, distance, NULL,
	  free_clients },
	{ "pci_p2pmem_find", open_with_a_client, find, NULL, free_clients },
	{ "pci_p2pdma_assign_provider", open_with_a_client, assign_provider,
	  NULL, free_clients },
	{ "dma_map_sg", open_with_memory, map_sg, NULL, free_sgl },
};

/* With the n-th allocation failing, if the call makes so many; its errno */
static int fail_one(struct fault_test *t, const struct fault_call *c, int n,
		    bool *reached, bool *unchanged)
{
	int error;

	c->prepare(t);
	current->fail_nth = n;
	error = c->call(t);
	*reached = !current->fail_nth;
	current->fail_nth = 0;
	*unchanged = !error || !c->unchanged || c->unchanged(t);
	c->undo(t);
	return error;
}

/* With the n-th allocation failing, for n = 1, 2, ... until there is none */
static void fail_nth(struct fault_test *t, const struct fault_call *c)
{
	bool reached, unchanged;
	int n, error;

	for (n = 1; n < ENDLESS; n++) {
		error = fail_one(t, c, n, &reached, &unchanged);
		if (!reached) {
			result(!error && n > 1, c->what, n - 1);
			return;
		}
		if (!unchanged || (error && error != -ENOMEM)) {
			pr_info("# allocation %d failed: error %d, %s\n", n,
				error, unchanged ? "unchanged" : "changed");
			break;
		}
	}
	result(false, c->what, n);
}

/*
 * KASAN notes where memory is freed, and allocates when it has no room for a
 * stack that it hasn't seen. That is once; what a call itself allocates, it
 * would allocate in each try.
 */
static void fail_any(struct fault_test *t, const struct fault_call *c)
{
	bool reached = true, unchanged;
	int try, error = 0;

	for (try = 0; try < TRIES && reached && !error; try++)
		error = fail_one(t, c, 1, &reached, &unchanged);
	if (error)
		pr_info("# error %d\n", error);
	result(!reached && !error, c->what, try - !reached);
}

static int fault_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct fault_test t = { .pdev = pdev };
	int i;

	INIT_LIST_HEAD(&t.clients);
	pr_info("TAP version 13\n");
	pr_info("1..%zu\n", ARRAY_SIZE(calls));
	/* Memory hotplug without memory warns, once. */
	pr_info("expected warning begins: WARNING: .* add_pages\n");
	fail_nth(&t, &calls[0]);
	pr_info("expected warning ends\n");
	for (i = 1; i < ARRAY_SIZE(calls); i++) {
		if (calls[i].unchanged)
			fail_nth(&t, &calls[i]);
		else
			fail_any(&t, &calls[i]);
	}
	return 0;
}

static const struct pci_device_id fault_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110) },
	{}
};

static struct pci_driver fault_driver = {
	.name = KBUILD_MODNAME,
	.id_table = fault_ids,
	.probe = fault_probe,
};
module_pci_driver(fault_driver);

MODULE_DESCRIPTION("Fault injection test of PCI peer-to-peer DMA");
MODULE_LICENSE("GPL");
