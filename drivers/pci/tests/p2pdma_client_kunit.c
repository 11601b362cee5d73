// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of lists of clients and of the search: p2pdma_client.c, and the
 * calls of p2pdma.c that take a list or an array
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/rwsem.h>

#include "../pci.h"
#include "../p2pdma.h"
#include "fake_pci.h"

#define DEV(slot)	PCI_DEVFN(slot, 0)

/*
 *   RP - UP -- DP0 - A          A, B, C: clients
 *           |- DP1 - B          P1, P2:  providers at the same distance
 *           |- DP2 - P1         FAR:     a provider two hops further
 *           |- DP3 - P2
 *           \- DP4 - UP2 - DP5 - FAR
 *   RP2 - C
 *   RP3 - P3                    P3: reached by C's neighbours only
 */
enum {
	RP, UP, DP0, DP1, DP2, DP3, DP4, UP2, DP5, A, B, P1, P2, FAR,
	RP2, C, RP3, P3, NR_NODES
};

static const struct fake_pci_node nodes[] = {
	[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1) },
	[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
	[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0), true },
	[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1), true },
	[DP2] = { UP, FAKE_PCI_DOWNSTREAM, DEV(2), true },
	[DP3] = { UP, FAKE_PCI_DOWNSTREAM, DEV(3), true },
	[DP4] = { UP, FAKE_PCI_DOWNSTREAM, DEV(4), true },
	[UP2] = { DP4, FAKE_PCI_UPSTREAM, DEV(0) },
	[DP5] = { UP2, FAKE_PCI_DOWNSTREAM, DEV(0), true },
	[A]   = { DP0, FAKE_PCI_ENDPOINT, DEV(0) },
	[B]   = { DP1, FAKE_PCI_ENDPOINT, DEV(0) },
	[P1]  = { DP2, FAKE_PCI_ENDPOINT, DEV(0) },
	[P2]  = { DP3, FAKE_PCI_ENDPOINT, DEV(0) },
	[FAR] = { DP5, FAKE_PCI_ENDPOINT, DEV(0) },
	[RP2] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(2) },
	[C]   = { RP2, FAKE_PCI_ENDPOINT, DEV(0) },
	[RP3] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(3) },
	[P3]  = { RP3, FAKE_PCI_ENDPOINT, DEV(0) },
};

struct client_test {
	struct fake_pci *fake;
	struct pci_dev *pdev[NR_NODES];
	int refs[NR_NODES];
	struct list_head clients;
};

static int client_test_init(struct kunit *test)
{
	struct client_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	INIT_LIST_HEAD(&t->clients);
	t->fake = fake_pci_setup(test, nodes, NR_NODES);
	for (i = 0; i < NR_NODES; i++) {
		t->pdev[i] = fake_pci_dev(t->fake, i);
		t->pdev[i]->dma_mask = DMA_BIT_MASK(64);
		t->refs[i] = fake_pci_refs(t->pdev[i]);
	}
	test->priv = t;
	return 0;
}

/* Whatever a test did: every reference is back. */
static void client_test_exit(struct kunit *test)
{
	struct client_test *t = test->priv;
	int i;

	if (!t)
		return;
	pci_p2pdma_client_list_free(&t->clients);
	for (i = 0; i < NR_NODES; i++)
		if (t->pdev[i])
			KUNIT_EXPECT_EQ_MSG(test, fake_pci_refs(t->pdev[i]),
					    t->refs[i],
					    "references on node %d", i);
}

static int taken(struct client_test *t, int node)
{
	return fake_pci_refs(t->pdev[node]) - t->refs[node];
}

static int add(struct client_test *t, int node)
{
	return pci_p2pdma_add_client(&t->clients, &t->pdev[node]->dev);
}

static void provide(struct kunit *test, int node, bool publish)
{
	struct client_test *t = test->priv;

	fake_pci_set_bar(t->pdev[node], 0, (u64)node * SZ_2M, SZ_2M);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->pdev[node], 0, 0, 0),
			0);
	pci_p2pmem_publish(t->pdev[node], publish);
}

static void references_are_exact(struct kunit *test)
{
	struct client_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, add(t, A), 0);
	KUNIT_EXPECT_EQ(test, add(t, A), 0);
	KUNIT_EXPECT_EQ(test, add(t, B), 0);
	KUNIT_EXPECT_EQ(test, taken(t, A), 2);
	KUNIT_EXPECT_EQ(test, taken(t, B), 1);

	/* Bound: one reference for each entry, old and new */
	KUNIT_EXPECT_TRUE(test, pci_p2pdma_assign_provider(t->pdev[P1],
							   &t->clients));
	KUNIT_EXPECT_EQ(test, taken(t, P1), 3);
	KUNIT_EXPECT_EQ(test, add(t, B), 0);
	KUNIT_EXPECT_EQ(test, taken(t, P1), 4);

	/* Bound anew: swapped */
	KUNIT_EXPECT_TRUE(test, pci_p2pdma_assign_provider(t->pdev[P2],
							   &t->clients));
	KUNIT_EXPECT_EQ(test, taken(t, P1), 0);
	KUNIT_EXPECT_EQ(test, taken(t, P2), 4);

	/* One entry a time */
	pci_p2pdma_remove_client(&t->clients, &t->pdev[A]->dev);
	KUNIT_EXPECT_EQ(test, taken(t, A), 1);
	KUNIT_EXPECT_EQ(test, taken(t, P2), 3);

	pci_p2pdma_client_list_free(&t->clients);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->clients));
	KUNIT_EXPECT_EQ(test, taken(t, A), 0);
	KUNIT_EXPECT_EQ(test, taken(t, B), 0);
	KUNIT_EXPECT_EQ(test, taken(t, P2), 0);

	/* The head is reusable. */
	KUNIT_EXPECT_EQ(test, add(t, C), 0);
	KUNIT_EXPECT_EQ(test, taken(t, C), 1);
}

static void bound_list_refuses(struct kunit *test)
{
	struct client_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, add(t, A), 0);
	KUNIT_EXPECT_TRUE(test, pci_p2pdma_assign_provider(t->pdev[P1],
							   &t->clients));
	KUNIT_EXPECT_EQ(test, add(t, C), -EXDEV);
	KUNIT_EXPECT_EQ(test, taken(t, C), 0);
	KUNIT_EXPECT_EQ(test, taken(t, P1), 1);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&t->clients));

	/* The last one unbinds. */
	pci_p2pdma_remove_client(&t->clients, &t->pdev[A]->dev);
	KUNIT_EXPECT_EQ(test, taken(t, P1), 0);
	KUNIT_EXPECT_EQ(test, add(t, C), 0);
}

static void assign_refuses(struct kunit *test)
{
	struct client_test *t = test->priv;

	KUNIT_EXPECT_FALSE(test, pci_p2pdma_assign_provider(t->pdev[P1],
							    &t->clients));
	KUNIT_EXPECT_EQ(test, add(t, A), 0);
	KUNIT_EXPECT_FALSE(test, pci_p2pdma_assign_provider(NULL,
							    &t->clients));
	KUNIT_EXPECT_FALSE(test, pci_p2pdma_assign_provider(t->pdev[P3],
							    &t->clients));
	/* A refusal leaves a bound list bound as it was. */
	KUNIT_EXPECT_TRUE(test, pci_p2pdma_assign_provider(t->pdev[P1],
							   &t->clients));
	KUNIT_EXPECT_FALSE(test, pci_p2pdma_assign_provider(t->pdev[P3],
							    &t->clients));
	KUNIT_EXPECT_EQ(test, taken(t, P1), 1);
	KUNIT_EXPECT_EQ(test, taken(t, P3), 0);
}

/* A group's members, as a test sets them; NULL for one that is no client */
static struct device *members[3];
static int nr_members;

static void call_members(struct device *group,
			 void (*fn)(struct device *member, void *data),
			 void *data)
{
	int i;

	for (i = 0; i < nr_members; i++)
		fn(members[i], data);
}

/*
 * The list follows when members change: a group of A and B, then of A, B and C,
 * then of A and something else, then of nothing.
 */
static void group_changes(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct device *group = &t->pdev[RP2]->dev;

	members[0] = &t->pdev[A]->dev;
	members[1] = &t->pdev[B]->dev;
	nr_members = 2;
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_group(&t->clients, group,
						   call_members), 0);
	KUNIT_EXPECT_EQ(test, taken(t, RP2), 1);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients), 8);
	KUNIT_EXPECT_TRUE(test, pci_p2pdma_assign_provider(t->pdev[P1],
							   &t->clients));
	KUNIT_EXPECT_EQ(test, taken(t, P1), 1);

	/* Beside it, a client of its own */
	KUNIT_EXPECT_EQ(test, add(t, B), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients), 12);
	KUNIT_EXPECT_EQ(test, add(t, C), -EXDEV);

	members[2] = &t->pdev[C]->dev;
	nr_members = 3;
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients),
			-EXDEV);
	KUNIT_EXPECT_FALSE(test, pci_p2pdma_assign_provider(t->pdev[P2],
							    &t->clients));
	/* A second group of them isn't taken by a list that is bound. */
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_group(&t->clients, group,
						   call_members), -EXDEV);
	KUNIT_EXPECT_EQ(test, taken(t, RP2), 1);
	KUNIT_EXPECT_EQ(test, taken(t, P1), 2);

	nr_members = 1;
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients), 8);
	members[1] = NULL;
	nr_members = 2;
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients),
			-EXDEV);
	nr_members = 0;
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients),
			-EXDEV);

	pci_p2pdma_remove_client(&t->clients, group);
	KUNIT_EXPECT_EQ(test, taken(t, RP2), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients), 4);
}

/* The search asks members, too. */
static void group_is_searched_for(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct pci_dev *provider;

	provide(test, P1, true);
	provide(test, FAR, true);
	members[0] = &t->pdev[A]->dev;
	members[1] = &t->pdev[B]->dev;
	nr_members = 2;
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_group(&t->clients,
						   &t->pdev[RP2]->dev,
						   call_members), 0);
	provider = pci_p2pmem_find(&t->clients);
	KUNIT_EXPECT_PTR_EQ(test, provider, t->pdev[P1]);
	pci_dev_put(provider);
	members[2] = &t->pdev[C]->dev;
	nr_members = 3;
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find(&t->clients));
}

static void removing_a_stranger(struct kunit *test)
{
	struct client_test *t = test->priv;

	pci_p2pdma_remove_client(&t->clients, &t->pdev[A]->dev);
	pci_p2pdma_client_list_free(&t->clients);
	KUNIT_EXPECT_EQ(test, add(t, A), 0);
	pci_p2pdma_remove_client(&t->clients, &t->pdev[B]->dev);
	pci_p2pdma_remove_client(&t->clients, NULL);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&t->clients));
	KUNIT_EXPECT_EQ(test, taken(t, A), 1);
}

/* A device that isn't PCI stands for its nearest PCI ancestor. */
static void children_of_a_function(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct device *disk, *orphan;

	disk = root_device_register("p2pdma-kunit-disk");
	orphan = root_device_register("p2pdma-kunit-orphan");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, disk);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, orphan);
	KUNIT_EXPECT_EQ(test, device_move(disk, &t->pdev[A]->dev,
					  DPM_ORDER_NONE), 0);

	t->refs[A] = fake_pci_refs(t->pdev[A]);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_client(&t->clients, disk), 0);
	KUNIT_EXPECT_EQ(test, taken(t, A), 1);
	pci_p2pdma_remove_client(&t->clients, disk);
	KUNIT_EXPECT_EQ(test, taken(t, A), 0);

	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_client(&t->clients, orphan),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_client(&t->clients, NULL),
			-ENODEV);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->clients));

	root_device_unregister(orphan);
	root_device_unregister(disk);
	t->refs[A] = fake_pci_refs(t->pdev[A]);
}

/*
 * Unplugged while it is in a list: it is refused from then on, and the entry
 * can be removed by the device that was added, which has no parent any more.
 */
static void client_unplugged(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct pci_dev *pdev = pci_dev_get(t->pdev[A]);
	struct device *disk = root_device_register("p2pdma-kunit-disk");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, disk);
	get_device(disk);
	KUNIT_EXPECT_EQ(test, device_move(disk, &pdev->dev, DPM_ORDER_NONE), 0);
	provide(test, P1, true);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_client(&t->clients, disk), 0);
	KUNIT_EXPECT_TRUE(test, pci_p2pdma_assign_provider(t->pdev[P1],
							   &t->clients));

	root_device_unregister(disk);
	pci_stop_and_remove_bus_device_locked(pdev);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients),
			-EXDEV);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find(&t->clients));
	KUNIT_EXPECT_EQ(test, add(t, A), -EXDEV);
	KUNIT_EXPECT_EQ(test, taken(t, P1), 1);
	pci_p2pdma_remove_client(&t->clients, disk);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->clients));
	KUNIT_EXPECT_EQ(test, taken(t, P1), 0);

	/* All that is left are the references taken here. */
	KUNIT_EXPECT_EQ(test, kref_read(&disk->kobj.kref), 1);
	KUNIT_EXPECT_EQ(test, fake_pci_refs(pdev), 1);
	put_device(disk);
	pci_dev_put(pdev);
	t->pdev[A] = NULL;
	t->refs[DP0] = fake_pci_refs(t->pdev[DP0]);
}

/* The provider is unplugged: it is not found, and not reached, any more. */
static void provider_unplugged(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct pci_dev *pdev = pci_dev_get(t->pdev[P1]);
	struct pci_dev *found;

	KUNIT_EXPECT_EQ(test, add(t, A), 0);
	fake_pci_bind(test, pdev);
	provide(test, P1, true);
	found = pci_p2pmem_find(&t->clients);
	KUNIT_EXPECT_PTR_EQ(test, found, pdev);
	pci_dev_put(found);

	fake_pci_unbind(pdev);
	pci_stop_and_remove_bus_device_locked(pdev);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find(&t->clients));
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(pdev, &t->clients), -EXDEV);
	KUNIT_EXPECT_FALSE(test, pci_p2pdma_assign_provider(pdev,
							    &t->clients));
	pci_p2pdma_client_list_free(&t->clients);
	KUNIT_EXPECT_EQ(test, fake_pci_refs(pdev), 1);
	pci_dev_put(pdev);
	t->pdev[P1] = NULL;
	t->refs[DP2] = fake_pci_refs(t->pdev[DP2]);
}

/* Where the architecture has them; the second is the older name. */
#if defined(CONFIG_ARCH_HAS_DMA_OPS) || defined(CONFIG_DMA_OPS)
#define HAS_DMA_OPS

/* The device has DMA operations of its own, which don't know p2pmem. */
static void dma_done_in_software(struct kunit *test)
{
	struct client_test *t = test->priv;

	set_dma_ops(&t->pdev[A]->dev, &dma_dummy_ops);
	KUNIT_EXPECT_EQ(test, add(t, A), -ENODEV);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->clients));
	set_dma_ops(&t->pdev[A]->dev, NULL);
	KUNIT_EXPECT_EQ(test, add(t, A), 0);
}
#endif

static void distances(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct device *devs[] = { &t->pdev[A]->dev, &t->pdev[B]->dev };
	struct device *split[] = { &t->pdev[A]->dev, &t->pdev[C]->dev };
	struct device *none[] = { NULL };

	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, add(t, A), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(NULL, &t->clients), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[A], &t->clients), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients),
			4);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[FAR], &t->clients),
			6);
	KUNIT_EXPECT_EQ(test, add(t, B), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients),
			8);
	KUNIT_EXPECT_EQ(test, add(t, C), 0);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance(t->pdev[P1], &t->clients),
			-EXDEV);

	/* The same of arrays */
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(t->pdev[P1], devs, 2,
						       false), 8);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(t->pdev[P1], split, 2,
						       true), -EXDEV);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(t->pdev[P1], none, 1,
						       false), -ENODEV);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(t->pdev[P1], devs, 0,
						       false), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(t->pdev[P1], devs, -1,
						       false), -EINVAL);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_distance_many(NULL, devs, 2, false),
			-EINVAL);
}

static void find_nearest(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct device *devs[] = { &t->pdev[A]->dev, &t->pdev[B]->dev };
	struct pci_dev *found;

	KUNIT_EXPECT_NULL(test, pci_p2pmem_find(&t->clients));
	KUNIT_EXPECT_EQ(test, add(t, A), 0);
	KUNIT_EXPECT_EQ(test, add(t, B), 0);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find(&t->clients));

	provide(test, P3, true);	/* out of reach */
	provide(test, P1, false);	/* not offered */
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find(&t->clients));

	provide(test, FAR, true);
	found = pci_p2pmem_find(&t->clients);
	KUNIT_EXPECT_PTR_EQ(test, found, t->pdev[FAR]);
	KUNIT_EXPECT_EQ(test, taken(t, FAR), 3);
	pci_dev_put(found);

	pci_p2pmem_publish(t->pdev[P1], true);
	found = pci_p2pmem_find(&t->clients);
	KUNIT_EXPECT_PTR_EQ(test, found, t->pdev[P1]);
	KUNIT_EXPECT_EQ(test, taken(t, P1), 3);
	KUNIT_EXPECT_EQ(test, taken(t, FAR), 0);
	pci_dev_put(found);

	found = pci_p2pmem_find_many(devs, 2);
	KUNIT_EXPECT_PTR_EQ(test, found, t->pdev[P1]);
	pci_dev_put(found);
	KUNIT_EXPECT_EQ(test, taken(t, P1), 2);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find_many(devs, 0));

	/* The nearest one is met last. */
	pci_p2pmem_publish(t->pdev[P1], false);
	provide(test, P2, true);
	found = pci_p2pmem_find_many(devs, 2);
	KUNIT_EXPECT_PTR_EQ(test, found, t->pdev[P2]);
	pci_dev_put(found);

	/* None left: the list stays bound as it was. */
	pci_p2pmem_publish(t->pdev[P2], false);
	pci_p2pmem_publish(t->pdev[FAR], false);
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find(&t->clients));
	KUNIT_EXPECT_EQ(test, taken(t, P1), 2);
}

/*
 * Of two equals each is chosen in half of the cases. Fewer than 64 of 256
 * happens once in 10^16 runs.
 */
static void find_spreads(struct kunit *test)
{
	struct client_test *t = test->priv;
	int i, first = 0;

	provide(test, P1, true);
	provide(test, P2, true);
	KUNIT_EXPECT_EQ(test, add(t, A), 0);
	for (i = 0; i < 256; i++) {
		struct pci_dev *found = pci_p2pmem_find(&t->clients);

		KUNIT_ASSERT_TRUE(test,
				  found == t->pdev[P1] || found == t->pdev[P2]);
		first += found == t->pdev[P1];
		pci_dev_put(found);
	}
	kunit_info(test, "first of two equals: %d of 256\n", first);
	KUNIT_EXPECT_GE(test, first, 64);
	KUNIT_EXPECT_LE(test, first, 256 - 64);
}

/* The search follows a provider that goes away. */
static void provider_unbound(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct pci_dev *found;

	fake_pci_bind(test, t->pdev[P1]);
	provide(test, P1, true);
	KUNIT_EXPECT_EQ(test, add(t, A), 0);
	found = pci_p2pmem_find(&t->clients);
	KUNIT_EXPECT_PTR_EQ(test, found, t->pdev[P1]);
	pci_dev_put(found);

	fake_pci_unbind(t->pdev[P1]);
	KUNIT_EXPECT_FALSE(test, pci_has_p2pmem(t->pdev[P1]));
	KUNIT_EXPECT_NULL(test, pci_p2pmem_find(&t->clients));
	/* Its references stay until the list lets go. */
	KUNIT_EXPECT_EQ(test, taken(t, P1), 1);
}

struct finder {
	struct client_test *t;
	struct completion done;
	bool stop;
	unsigned int found, none, wrong;
};

/* Each with a list of its own */
static int finder_run(void *data)
{
	struct finder *f = data;
	struct client_test *t = f->t;
	LIST_HEAD(clients);

	if (pci_p2pdma_add_client(&clients, &t->pdev[A]->dev))
		f->wrong++;
	while (!READ_ONCE(f->stop)) {
		struct pci_dev *found = pci_p2pmem_find(&clients);

		if (!found)
			f->none++;
		else if (found == t->pdev[P1] || found == t->pdev[P2])
			f->found++;
		else
			f->wrong++;
		pci_dev_put(found);
		/* The thread that binds the providers needs a processor, too. */
		usleep_range(10, 20);
	}
	pci_p2pdma_client_list_free(&clients);
	complete(&f->done);
	return 0;
}

/* Published, unpublished and unbound, while others are looking */
static void found_while_published(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct finder *f = kunit_kcalloc(test, 3, sizeof(*f), GFP_KERNEL);
	unsigned int i, round;

	KUNIT_ASSERT_NOT_NULL(test, f);
	for (i = 0; i < 3; i++) {
		struct task_struct *task;

		f[i].t = t;
		init_completion(&f[i].done);
		task = kthread_run(finder_run, &f[i], "finder%u", i);
		KUNIT_EXPECT_FALSE(test, IS_ERR(task));
		if (IS_ERR(task))
			complete(&f[i].done);
	}
	fake_pci_bind(test, t->pdev[P2]);
	provide(test, P2, false);
	for (round = 0; round < 50; round++) {
		fake_pci_bind(test, t->pdev[P1]);
		provide(test, P1, true);
		for (i = 0; i < 20; i++) {
			pci_p2pmem_publish(t->pdev[P1], i & 1);
			pci_p2pmem_publish(t->pdev[P2], i & 2);
			usleep_range(20, 40);
		}
		fake_pci_unbind(t->pdev[P1]);
	}
	for (i = 0; i < 3; i++) {
		WRITE_ONCE(f[i].stop, true);
		wait_for_completion(&f[i].done);
		KUNIT_EXPECT_EQ(test, f[i].wrong, 0);
		KUNIT_EXPECT_GT(test, f[i].found, 10);
		KUNIT_EXPECT_GT(test, f[i].none, 10);
	}
}

/* Three parties: each takes what the next one waits for, if lists take locks. */
struct parties {
	struct client_test *t;
	struct completion walking;
	struct completion asked;
	struct completion walked;
	struct completion removed;
	int distance;
};

/* As error recovery walks: device_lock under pci_bus_sem */
static int lock_a(struct pci_dev *pdev, void *data)
{
	struct parties *p = data;

	if (pdev != p->t->pdev[A])
		return 0;
	complete(&p->walking);
	device_lock(&pdev->dev);
	device_unlock(&pdev->dev);
	return 0;
}

static int walk_run(void *data)
{
	struct parties *p = data;

	pci_walk_bus(p->t->pdev[A]->bus, lock_a, p);
	complete(&p->walked);
	return 0;
}

/* As hot plug does: waits for pci_bus_sem, and then no reader gets it */
static int remove_run(void *data)
{
	struct parties *p = data;

	pci_stop_and_remove_bus_device_locked(p->t->pdev[C]);
	complete(&p->removed);
	return 0;
}

static int ask_run(void *data)
{
	struct parties *p = data;
	struct device *dev = &p->t->pdev[A]->dev;

	p->distance = pci_p2pdma_distance_many(p->t->pdev[P1], &dev, 1, true);
	complete_all(&p->asked);
	return 0;
}

static void run_party(struct kunit *test, int (*run)(void *data),
		      struct parties *p)
{
	struct task_struct *task = kthread_run(run, p, "p2pdma-party");

	KUNIT_EXPECT_FALSE(test, IS_ERR(task));
}

/* Until the party that removes a function waits for the one that walks */
static bool is_contended(void)
{
	int i;

	for (i = 0; i < 1000 && !rwsem_is_contended(&pci_bus_sem); i++)
		msleep(20);
	return i < 1000;
}

/*
 * A probe function holds device_lock and asks, while error recovery walks the
 * bus and a function is removed. The one that asks takes no lock that the
 * others hold.
 */
static void asked_while_recovering(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct parties p = { .t = t };

	init_completion(&p.walking);
	init_completion(&p.asked);
	init_completion(&p.walked);
	init_completion(&p.removed);
	pci_dev_get(t->pdev[C]);
	device_lock(&t->pdev[A]->dev);
	run_party(test, walk_run, &p);
	wait_for_completion(&p.walking);
	run_party(test, remove_run, &p);
	KUNIT_EXPECT_TRUE(test, is_contended());
	run_party(test, ask_run, &p);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&p.asked, 20 * HZ),
			0);
	device_unlock(&t->pdev[A]->dev);
	wait_for_completion(&p.walked);
	wait_for_completion(&p.removed);
	wait_for_completion(&p.asked);
	KUNIT_EXPECT_EQ(test, p.distance, 4);
	KUNIT_EXPECT_EQ(test, fake_pci_refs(t->pdev[C]), 1);
	pci_dev_put(t->pdev[C]);
	t->pdev[C] = NULL;
	t->refs[RP2] = fake_pci_refs(t->pdev[RP2]);
}

struct enable_case {
	const char *page;
	int error;
	bool use;
};

static const struct enable_case enable_cases[] = {
	{ "0", 0, false }, { "1\n", 0, true }, { "y\n", 0, true },
	{ "no\n", 0, false }, { "on\n", 0, true }, { "off\n", 0, false },
	{ "", -EINVAL }, { "\n", -EINVAL }, { "10\n", -EINVAL },
	{ "0000\n", -EINVAL }, { "maybe\n", -EINVAL },
	{ "0000:ff:1f.7\n", -ENODEV }, { ":", -ENODEV },
};

static void attribute_text(struct kunit *test)
{
	struct client_test *t = test->priv;
	struct pci_dev *provider;
	char *page = (char *)get_zeroed_page(GFP_KERNEL);
	int i, error;
	bool use;

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (i = 0; i < ARRAY_SIZE(enable_cases); i++) {
		const struct enable_case *c = &enable_cases[i];

		provider = ERR_PTR(-1);
		error = pci_p2pdma_enable_store(c->page, &provider, &use);
		KUNIT_EXPECT_EQ_MSG(test, error, c->error, "\"%s\"", c->page);
		if (c->error) {
			KUNIT_EXPECT_PTR_EQ(test, provider, ERR_PTR(-1));
			continue;
		}
		KUNIT_EXPECT_EQ(test, use, c->use);
		KUNIT_EXPECT_NULL(test, provider);
	}

	KUNIT_EXPECT_EQ(test, pci_p2pdma_enable_show(page, NULL, false), 2);
	KUNIT_EXPECT_STREQ(test, page, "0\n");
	pci_p2pdma_enable_show(page, NULL, true);
	KUNIT_EXPECT_STREQ(test, page, "1\n");
	pci_p2pdma_enable_show(page, t->pdev[P1], false);
	KUNIT_EXPECT_STREQ(test, page, "0\n");

	/* What is shown for a device is what can be stored for it. */
	pci_p2pdma_enable_show(page, t->pdev[P1], true);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_enable_store(page, &provider, &use),
			-ENODEV);
	provide(test, P1, true);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_enable_store(page, &provider, &use),
			0);
	KUNIT_EXPECT_PTR_EQ(test, provider, t->pdev[P1]);
	KUNIT_EXPECT_TRUE(test, use);
	pci_dev_put(provider);
	free_page((unsigned long)page);
}

static struct kunit_case p2pdma_client_cases[] = {
	KUNIT_CASE(references_are_exact),
	KUNIT_CASE(bound_list_refuses),
	KUNIT_CASE(assign_refuses),
	KUNIT_CASE(group_changes),
	KUNIT_CASE(group_is_searched_for),
	KUNIT_CASE(removing_a_stranger),
	KUNIT_CASE(children_of_a_function),
	KUNIT_CASE(client_unplugged),
	KUNIT_CASE(provider_unplugged),
#ifdef HAS_DMA_OPS
	KUNIT_CASE(dma_done_in_software),
#endif
	KUNIT_CASE(distances),
	KUNIT_CASE(find_nearest),
	KUNIT_CASE(find_spreads),
	KUNIT_CASE(provider_unbound),
	KUNIT_CASE(found_while_published),
	KUNIT_CASE(asked_while_recovering),
	KUNIT_CASE(attribute_text),
	{}
};

static struct kunit_suite p2pdma_client_suite = {
	.name = "p2pdma_client",
	.init = client_test_init,
	.exit = client_test_exit,
	.test_cases = p2pdma_client_cases,
};

kunit_test_suite(p2pdma_client_suite);
