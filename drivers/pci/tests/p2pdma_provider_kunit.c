// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what a provider's addresses, and its comings and goings, are
 * to a verdict, and of its being closed: p2pdma_provider.c, p2pdma_quiesce.c
 */

#include <kunit/test.h>
#include <linux/align.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/memremap.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/pm_runtime.h>
#include <linux/scatterlist.h>
#include <linux/workqueue.h>

#include "../pci.h"
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
	struct fake_pci *fake;
	struct pci_dev *provider;
	struct pci_dev *client;
};

static int provider_test_init(struct kunit *test)
{
	struct provider_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct fake_pci *fake;

	KUNIT_ASSERT_NOT_NULL(test, t);
	fake = fake_pci_setup(test, nodes, NR_NODES);
	t->fake = fake;
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

/*
 *   RP - PF, with two virtual functions
 */
static const struct fake_pci_node pf_nodes[] = {
	{ FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1) },
	{ 0, FAKE_PCI_ENDPOINT, DEV(0), .has_sriov = true, .nr_vfs = 2 },
};

/* By another module than its driver, which has let it sleep */
static void device_asleep(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct device *dev = &t->provider->dev;

	if (!IS_ENABLED(CONFIG_PM))
		kunit_skip(test, "no CONFIG_PM");
	pm_runtime_allow(dev);
	pm_runtime_suspend(dev);
	KUNIT_ASSERT_TRUE(test, pm_runtime_suspended(dev));
	bind(test, 0, SZ_2M);
	KUNIT_EXPECT_TRUE(test, pm_runtime_active(dev));
	pm_runtime_suspend(dev);
	KUNIT_EXPECT_TRUE(test, pm_runtime_active(dev));
	/* A range that is refused, and a second one */
	KUNIT_EXPECT_NE(test, pci_p2pdma_add_resource(t->provider, 0, 0, 0), 0);
	fake_pci_unbind(t->provider);
	pm_runtime_suspend(dev);
	KUNIT_EXPECT_TRUE(test, pm_runtime_suspended(dev));
	pm_runtime_forbid(dev);
}

struct p2pmem_user {
	struct pci_p2pmem_holder holder;
	struct delayed_work work;
	struct pci_dev *provider;
	void *addr;
	struct scatterlist *sgl;
	unsigned int nents;
	int told;
};

static void user_frees(struct work_struct *work)
{
	struct p2pmem_user *user = container_of(to_delayed_work(work),
						struct p2pmem_user, work);
	struct scatterlist *sgl = user->sgl;

	/* Before a wait for the memory ends: the test looks at this then. */
	user->sgl = NULL;
	if (user->addr)
		pci_free_p2pmem(user->provider, user->addr, PAGE_SIZE);
	pci_p2pmem_free_sgl(user->provider, sgl, user->nents);
}

static void user_is_told(struct pci_p2pmem_holder *holder)
{
	struct p2pmem_user *user = container_of(holder, struct p2pmem_user,
						holder);

	user->told++;
	if (user->addr || user->sgl)
		schedule_delayed_work(&user->work, HZ / 10);
}

static struct p2pmem_user *user_create(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pmem_user *user = kunit_kzalloc(test, sizeof(*user), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, user);
	INIT_DELAYED_WORK(&user->work, user_frees);
	user->holder.let_go = user_is_told;
	user->provider = t->provider;
	KUNIT_ASSERT_EQ(test, pci_p2pmem_add_holder(t->provider, &user->holder),
			0);
	return user;
}

static void expect_closed(struct kunit *test, bool closed)
{
	struct provider_test *t = test->priv;
	struct scatterlist *sgl;
	unsigned int nents;
	void *addr;

	KUNIT_EXPECT_EQ(test, pci_has_p2pmem(t->provider), !closed);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_alloc_sgl(t->provider, &sgl, &nents,
						   PAGE_SIZE),
			closed ? -ENODEV : 0);
	pci_p2pmem_free_sgl(t->provider, sgl, nents);
	addr = pci_alloc_p2pmem(t->provider, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, !addr, closed);
	if (addr)
		pci_free_p2pmem(t->provider, addr, PAGE_SIZE);
}

/* By an error, a reset, and by both, which end in any order */
static void closed_and_open(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct pci_p2pmem_holder other = { .let_go = user_is_told };
	struct p2pmem_user *user;
	void *addr;

	/* Of a device that provides nothing, this says nothing. */
	p2pdma_error_begins(t->provider, NULL);
	p2pdma_error_stays(t->provider, NULL);
	p2pdma_error_detected(t->provider);
	p2pdma_error_resume(t->provider, NULL);
	p2pdma_reset_prepare(t->provider);
	p2pdma_reset_done(t->provider);
	pci_p2pmem_drain(t->provider);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_add_holder(t->provider, &other),
			-ENODEV);
	pci_p2pmem_remove_holder(&other);

	bind(test, 0, SZ_2M);
	pci_p2pmem_publish(t->provider, true);
	user = user_create(test);
	/* What a kernel caller has is its own, throughout. */
	addr = pci_alloc_p2pmem(t->provider, PAGE_SIZE);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	expect_closed(test, false);

	p2pdma_error_detected(t->provider);
	expect_closed(test, true);
	p2pdma_error_detected(t->provider);
	KUNIT_EXPECT_EQ(test, user->told, 1);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_add_holder(t->provider, &other),
			-ENODEV);
	p2pdma_error_resume(t->provider, NULL);
	expect_closed(test, false);

	p2pdma_reset_prepare(t->provider);
	KUNIT_EXPECT_EQ(test, user->told, 2);
	expect_closed(test, true);
	p2pdma_error_begins(t->provider, NULL);
	t->provider->error_state = pci_channel_io_frozen;
	p2pdma_error_detected(t->provider);
	p2pdma_reset_done(t->provider);
	expect_closed(test, true);
	t->provider->error_state = pci_channel_io_normal;
	p2pdma_error_resume(t->provider, NULL);
	expect_closed(test, false);
	KUNIT_EXPECT_EQ(test, user->told, 3);

	/* Recovery has failed, and a reset by hand helps, if it does. */
	p2pdma_error_begins(t->provider, NULL);
	p2pdma_error_detected(t->provider);
	t->provider->error_state = pci_channel_io_frozen;
	p2pdma_error_stays(t->provider, NULL);
	expect_closed(test, true);
	fake_pci_set_unreadable(t->fake, P, true);
	p2pdma_reset_prepare(t->provider);
	p2pdma_reset_done(t->provider);
	expect_closed(test, true);
	fake_pci_set_unreadable(t->fake, P, false);
	p2pdma_reset_prepare(t->provider);
	p2pdma_reset_done(t->provider);
	expect_closed(test, false);
	KUNIT_EXPECT_FALSE(test, pci_channel_offline(t->provider));
	KUNIT_EXPECT_EQ(test, user->told, 6);

	pci_p2pmem_remove_holder(&user->holder);
	p2pdma_reset_prepare(t->provider);
	p2pdma_reset_done(t->provider);
	KUNIT_EXPECT_EQ(test, user->told, 6);
	pci_free_p2pmem(t->provider, addr, PAGE_SIZE);
	fake_pci_unbind(t->provider);
}

/* Told when the driver is unbound, it frees; and may outlive the provider. */
static void holder_lets_go(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pmem_user *user;

	bind(test, 0, SZ_2M);
	user = user_create(test);
	user->addr = pci_alloc_p2pmem(t->provider, PAGE_SIZE);
	KUNIT_EXPECT_NOT_NULL(test, user->addr);
	fake_pci_unbind(t->provider);
	KUNIT_EXPECT_EQ(test, user->told, 1);
	flush_delayed_work(&user->work);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(t->provider->p2pdma));
	pci_p2pmem_remove_holder(&user->holder);
}

/* A PF that is reset turns its VFs off. */
static void reset_of_pf(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct fake_pci *fake = fake_pci_setup(test, pf_nodes,
					       ARRAY_SIZE(pf_nodes));
	struct pci_dev *pf = fake_pci_dev(fake, 1);

	if (!IS_ENABLED(CONFIG_PCI_IOV))
		kunit_skip(test, "no CONFIG_PCI_IOV");
	KUNIT_ASSERT_EQ(test, fake_pci_enable_vfs(fake, 1), 0);
	t->provider = fake_pci_vf(fake, 1, 1);
	bind(test, 0, SZ_2M);
	pci_p2pmem_publish(t->provider, true);
	p2pdma_reset_prepare(fake_pci_vf(fake, 1, 0));
	expect_closed(test, false);
	p2pdma_reset_done(fake_pci_vf(fake, 1, 0));
	p2pdma_reset_prepare(pf);
	expect_closed(test, true);
	p2pdma_reset_done(pf);
	expect_closed(test, false);
	/* It is told of a reset of their bus by itself. */
	p2pdma_tree_reset_prepare(pf);
	expect_closed(test, t->provider->bus != pf->bus);
	p2pdma_tree_reset_done(pf);
	expect_closed(test, false);
	fake_pci_unbind(t->provider);
}

/* A page of a user mapping, and what the core does meanwhile */
struct p2pmem_wait {
	struct work_struct work;
	struct completion done;
	struct pci_dev *provider;
	struct pci_p2pdma *p2pdma;
	struct page *page;
	void (*begin)(struct pci_dev *pdev);
};

static void wait_work(struct work_struct *work)
{
	struct p2pmem_wait *wait = container_of(work, struct p2pmem_wait, work);

	wait->begin(wait->provider);
	complete(&wait->done);
}

static struct p2pmem_wait *wait_create(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pmem_wait *wait = kunit_kzalloc(test, sizeof(*wait), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, wait);
	bind(test, 0, SZ_2M);
	pci_p2pmem_publish(t->provider, true);
	INIT_WORK(&wait->work, wait_work);
	init_completion(&wait->done);
	wait->provider = t->provider;
	wait->p2pdma = rcu_dereference_protected(t->provider->p2pdma, true);
	wait->page = p2pdma_pool_alloc_pages(wait->p2pdma, 1);
	KUNIT_EXPECT_NOT_NULL(test, wait->page);
	return wait;
}

static void wait_begin(struct p2pmem_wait *wait,
		       void (*begin)(struct pci_dev *pdev))
{
	wait->begin = begin;
	reinit_completion(&wait->done);
	queue_work(system_unbound_wq, &wait->work);
}

static bool wait_ends(struct p2pmem_wait *wait, unsigned long timeout)
{
	return wait_for_completion_timeout(&wait->done, timeout);
}

/* The user page is freed, and with that each wait ends. */
static void wait_free(struct p2pmem_wait *wait)
{
	p2pdma_pool_free_pages(wait->p2pdma, wait->page);
	wait->page = NULL;
	flush_work(&wait->work);
}

/* What unbind waits for may be I/O that only the driver's remove() ends. */
static void unbind_after_failed_recovery(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pmem_wait *wait = wait_create(test);

	p2pdma_error_detected(t->provider);
	wait_begin(wait, p2pdma_unbind);
	KUNIT_EXPECT_TRUE(test, wait_ends(wait, 10 * HZ));
	wait_free(wait);
	fake_pci_unbind(t->provider);
}

/* Recovery is about to want the locks that the reset's caller has. */
static void error_while_reset_waits(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pmem_wait *wait = wait_create(test);

	wait_begin(wait, p2pdma_reset_prepare);
	KUNIT_EXPECT_FALSE(test, wait_ends(wait, HZ / 5));
	p2pdma_error_begins(t->provider, NULL);
	KUNIT_EXPECT_TRUE(test, wait_ends(wait, 10 * HZ));
	p2pdma_reset_done(t->provider);
	expect_closed(test, true);
	p2pdma_error_detected(t->provider);
	wait_free(wait);
	p2pdma_error_resume(t->provider, NULL);
	expect_closed(test, false);
	fake_pci_unbind(t->provider);
}

/* Whether a request that was queued before is mapped now */
static bool can_map(struct p2pmem_wait *wait, struct pci_dev *client)
{
	return pci_p2pdma_can_map(&client->dev, wait->page, DMA_TO_DEVICE, true);
}

static bool is_closed_within(struct p2pmem_wait *wait, unsigned long timeout)
{
	unsigned long end = jiffies + timeout;

	while (READ_ONCE(wait->p2pdma->closed) && time_before(jiffies, end))
		msleep(20);
	return READ_ONCE(wait->p2pdma->closed);
}

/* What the memory held before the error is lost. */
static void page_outlives_error(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pmem_wait *wait = wait_create(test);

	KUNIT_EXPECT_TRUE(test, can_map(wait, t->client));
	p2pdma_error_begins(t->provider, NULL);
	KUNIT_EXPECT_FALSE(test, can_map(wait, t->client));
	p2pdma_error_detected(t->provider);
	p2pdma_error_resume(t->provider, NULL);
	KUNIT_EXPECT_TRUE(test, is_closed_within(wait, HZ / 5));
	KUNIT_EXPECT_FALSE(test, can_map(wait, t->client));

	/* Once more, and a reset ends in between. */
	p2pdma_error_begins(t->provider, NULL);
	p2pdma_reset_prepare(t->provider);
	p2pdma_error_detected(t->provider);
	p2pdma_reset_done(t->provider);
	p2pdma_error_resume(t->provider, NULL);
	KUNIT_EXPECT_TRUE(test, is_closed_within(wait, HZ / 5));
	expect_closed(test, true);
	wait_free(wait);
	KUNIT_EXPECT_FALSE(test, is_closed_within(wait, 10 * HZ));
	expect_closed(test, false);

	wait->page = p2pdma_pool_alloc_pages(wait->p2pdma, 1);
	KUNIT_EXPECT_TRUE(test, can_map(wait, t->client));
	t->provider->error_state = pci_channel_io_frozen;
	KUNIT_EXPECT_FALSE(test, can_map(wait, t->client));
	t->provider->error_state = pci_channel_io_normal;
	wait_free(wait);
	fake_pci_unbind(t->provider);
}

static void gone_while_unbind_waits(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pmem_wait *wait = wait_create(test);

	wait_begin(wait, p2pdma_unbind);
	KUNIT_EXPECT_FALSE(test, wait_ends(wait, HZ / 5));
	pci_dev_set_disconnected(t->provider, NULL);
	KUNIT_EXPECT_TRUE(test, wait_ends(wait, 10 * HZ));
	wait_free(wait);
	fake_pci_unbind(t->provider);
}

/* A bridge that is reset forwards nothing, to whatever is below it. */
static void reset_from_above(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pmem_wait *wait = wait_create(test);
	struct pci_dev *port = pci_upstream_bridge(t->provider);
	struct pci_dev *other = pci_upstream_bridge(t->client);

	p2pdma_reset_prepare(other);
	expect_closed(test, false);
	p2pdma_reset_done(other);
	p2pdma_tree_reset_prepare(port);
	expect_closed(test, false);
	p2pdma_tree_reset_done(port);

	wait->provider = pci_upstream_bridge(pci_upstream_bridge(port));
	wait_begin(wait, p2pdma_reset_prepare);
	KUNIT_EXPECT_FALSE(test, wait_ends(wait, HZ / 5));
	wait_free(wait);
	expect_closed(test, true);
	/* While that goes on, the one below is reset, too. */
	p2pdma_reset_prepare(port);
	p2pdma_reset_prepare(t->provider);
	p2pdma_reset_done(t->provider);
	p2pdma_reset_done(wait->provider);
	expect_closed(test, true);
	p2pdma_reset_done(port);
	expect_closed(test, false);
	fake_pci_unbind(t->provider);
}

/* Memory for one I/O is waited for, what else a kernel caller has isn't. */
static void reset_with_io_of_kernel(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pmem_user *user;
	void *addr;

	bind(test, 0, SZ_2M);
	pci_p2pmem_publish(t->provider, true);
	addr = pci_alloc_p2pmem(t->provider, PAGE_SIZE);
	user = user_create(test);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_alloc_sgl(t->provider, &user->sgl,
						   &user->nents, SZ_1M), 0);
	p2pdma_reset_prepare(t->provider);
	KUNIT_EXPECT_EQ(test, user->told, 1);
	KUNIT_EXPECT_NULL(test, user->sgl);
	flush_delayed_work(&user->work);
	p2pdma_reset_done(t->provider);
	expect_closed(test, false);
	pci_free_p2pmem(t->provider, addr, PAGE_SIZE);

	/* What fails isn't waited for. */
	KUNIT_EXPECT_EQ(test, pci_p2pmem_alloc_sgl(t->provider, &user->sgl,
						   &user->nents, SZ_4M),
			-ENOMEM);
	p2pdma_reset_prepare(t->provider);
	p2pdma_reset_done(t->provider);
	pci_p2pmem_remove_holder(&user->holder);
	fake_pci_unbind(t->provider);
}

static void take_back(struct pci_dev *pdev, int bar, u64 offset)
{
	device_lock(&pdev->dev);
	pci_p2pdma_remove_resource(pdev, bar, offset);
	device_unlock(&pdev->dev);
}

/* What users hold of one range keeps that one, and not the other. */
static void range_removed(struct kunit *test)
{
	struct provider_test *t = test->priv;
	struct p2pmem_user *user;
	void *first, *second;

	bind(test, 0, SZ_2M);
	first = pci_alloc_p2pmem(t->provider, SZ_2M);
	KUNIT_ASSERT_NOT_NULL(test, first);
	fake_pci_set_bar(t->provider, 2, SZ_16M, SZ_2M);
	KUNIT_ASSERT_EQ(test, pci_p2pdma_add_resource(t->provider, 2, 0, 0), 0);
	t->client->dma_mask = FAKE_PCI_MEM_BASE + SZ_4M - 1;
	KUNIT_EXPECT_FALSE(test, reached(test));

	user = user_create(test);
	second = pci_alloc_p2pmem(t->provider, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_virt_to_bus(t->provider, second) -
			FAKE_PCI_MEM_BASE, SZ_16M);
	user->addr = second;
	take_back(t->provider, 2, 0);
	KUNIT_EXPECT_EQ(test, user->told, 1);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&user->work));
	KUNIT_EXPECT_TRUE(test, reached(test));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_virt_to_bus(t->provider, second), 0);
	KUNIT_EXPECT_NULL(test, pci_alloc_p2pmem(t->provider, PAGE_SIZE));
	pci_free_p2pmem(t->provider, first, SZ_2M);
	first = pci_alloc_p2pmem(t->provider, SZ_2M);
	KUNIT_EXPECT_NOT_NULL(test, first);
	pci_free_p2pmem(t->provider, first, SZ_2M);
	pci_p2pmem_remove_holder(&user->holder);

	/* What isn't there, or not there any more */
	take_back(t->provider, 2, 0);
	take_back(t->provider, 0, SZ_1M);
	take_back(t->provider, -1, 0);
	take_back(t->provider, PCI_STD_NUM_BARS, 0);
	take_back(t->client, 0, 0);
	KUNIT_EXPECT_NOT_NULL(test, rcu_access_pointer(t->provider->p2pdma));

	/* The provider ends with its last range, and may begin again. */
	take_back(t->provider, 0, 0);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(t->provider->p2pdma));
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->provider, 2, 0, 0), 0);
	fake_pci_unbind(t->provider);
	take_back(t->provider, 2, 0);
}

static void expect_aligned(struct kunit *test, u64 at, u64 size, u64 offset,
			   u64 wanted_size, u64 wanted_offset)
{
	struct provider_test *t = test->priv;

	fake_pci_set_bar(t->provider, 0, at, SZ_16M);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_align_range(t->provider, 0, &size,
						     &offset),
			wanted_size > 0);
	if (!wanted_size)
		return;
	KUNIT_EXPECT_EQ(test, size, wanted_size);
	KUNIT_EXPECT_EQ(test, offset, wanted_offset);
	fake_pci_bind(test, t->provider);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->provider, 0, size,
						      offset), 0);
	fake_pci_unbind(t->provider);
}

/* Buffers of controllers are of any size, at any place. */
static void aligned_part(struct kunit *test)
{
	expect_aligned(test, 0, SZ_16M, 0, SZ_16M, 0);
	expect_aligned(test, 0, SZ_2M, SZ_2M, SZ_2M, SZ_2M);
	expect_aligned(test, 0, SZ_1M, 0, 0, 0);
	expect_aligned(test, 0, SZ_2M, SZ_1M, 0, 0);
	expect_aligned(test, 0, SZ_2M + SZ_1M, SZ_1M, SZ_2M, SZ_2M);
	expect_aligned(test, 0, SZ_4M - 1, SZ_1M, SZ_2M, SZ_2M);
	expect_aligned(test, SZ_1M, SZ_4M, 0, SZ_2M, SZ_1M);
	expect_aligned(test, SZ_1M, SZ_4M, SZ_1M, SZ_4M, SZ_1M);
	expect_aligned(test, 0, 0, 0, 0, 0);
}

static void expect_refused(struct kunit *test, u64 at, u64 size, int error)
{
	struct provider_test *t = test->priv;

	fake_pci_set_bar(t->provider, 0, at - FAKE_PCI_MEM_BASE, size);
	KUNIT_EXPECT_EQ(test, pci_p2pdma_add_resource(t->provider, 0, 0, 0),
			error);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(t->provider->p2pdma));
}

/* What the memory hotplug code would warn of */
static void place_is_taken(struct kunit *test)
{
	struct dev_pagemap pgmap = {};
	void *addr = fake_pci_foreign_pages(&pgmap);
	u64 ram = virt_to_phys(test->priv);

	KUNIT_ASSERT_FALSE(test, IS_ERR(addr));
	expect_refused(test, FAKE_PCI_MEM_BASE + SZ_1G, SZ_2M, -EBUSY);
	/* In the midst of it */
	expect_refused(test, FAKE_PCI_MEM_BASE + SZ_1G - SZ_2M, SZ_8M, -EBUSY);
	memunmap_pages(&pgmap);
	expect_refused(test, ALIGN_DOWN(ram, SZ_2M), SZ_2M, -EBUSY);
	expect_refused(test, BIT_ULL(MAX_PHYSMEM_BITS), SZ_2M, -E2BIG);
}

static struct kunit_case p2pdma_provider_cases[] = {
	KUNIT_CASE(bus_addresses_beyond_dma_mask),
	KUNIT_CASE(provider_rebound),
	KUNIT_CASE(bar_resized),
	KUNIT_CASE(device_asleep),
	KUNIT_CASE(closed_and_open),
	KUNIT_CASE(holder_lets_go),
	KUNIT_CASE(unbind_after_failed_recovery),
	KUNIT_CASE(error_while_reset_waits),
	KUNIT_CASE(page_outlives_error),
	KUNIT_CASE(gone_while_unbind_waits),
	KUNIT_CASE(reset_with_io_of_kernel),
	KUNIT_CASE(reset_from_above),
	KUNIT_CASE(reset_of_pf),
	KUNIT_CASE(range_removed),
	KUNIT_CASE(aligned_part),
	KUNIT_CASE(place_is_taken),
	{}
};

static struct kunit_suite p2pdma_provider_suite = {
	.name = "p2pdma_provider",
	.init = provider_test_init,
	.test_cases = p2pdma_provider_cases,
};

kunit_test_suite(p2pdma_provider_suite);
