// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what is remembered of a pair, and until when: p2pdma_cache.c
 * and the hooks that tell it of changes
 */

#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/pci.h>

#include "../pci.h"
#include "../p2pdma.h"
#include "p2pdma_fabric.h"

#define DEV(slot)	PCI_DEVFN(slot, 0)

/*
 *   RP - UP -- DP0 - P       the provider
 *           |- DP1 - C       its client
 *           \- DP2 - D       has nothing to do with it
 */
enum { RP, UP, DP0, DP1, DP2, P, C, D, NR_NODES };

static const struct fabric_node nodes[] = {
	[RP]  = { FABRIC_ROOT_BUS, FABRIC_ROOT_PORT, DEV(1) },
	[UP]  = { RP, FABRIC_UPSTREAM, DEV(0) },
	[DP0] = { UP, FABRIC_DOWNSTREAM, DEV(0), true },
	[DP1] = { UP, FABRIC_DOWNSTREAM, DEV(1), true },
	[DP2] = { UP, FABRIC_DOWNSTREAM, DEV(2), true },
	[P]   = { DP0, FABRIC_ENDPOINT, DEV(0) },
	[C]   = { DP1, FABRIC_ENDPOINT, DEV(0) },
	[D]   = { DP2, FABRIC_ENDPOINT, DEV(0) },
};

/**
 * struct cache_test - what a test needs
 * @fabric: the hierarchy
 * @provider: has an address, and room to remember in, but no memory
 * @client: its client
 * @p2pdma: what makes @provider a provider
 */
struct cache_test {
	struct fabric *fabric;
	struct pci_dev *provider;
	struct pci_dev *client;
	struct pci_p2pdma p2pdma;
};

static void cache_test_exit(struct kunit *test)
{
	struct cache_test *t = test->priv;

	if (!t)
		return;
	RCU_INIT_POINTER(t->p2pdma.pdev->p2pdma, NULL);
	p2pdma_cache_drop(&t->p2pdma);
}

static int cache_test_init(struct kunit *test)
{
	struct cache_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->fabric = fabric_setup(test, nodes, NR_NODES);
	for (i = 0; i < NR_NODES; i++)
		fabric_dev(t->fabric, i)->dma_mask = DMA_BIT_MASK(64);
	t->provider = fabric_dev(t->fabric, P);
	t->client = fabric_dev(t->fabric, C);
	t->p2pdma.pdev = t->provider;
	t->p2pdma.last_bus_addr = FABRIC_MEM_BASE + SZ_2M - 1;
	t->p2pdma.last_phys_addr = t->p2pdma.last_bus_addr;
	p2pdma_cache_init(&t->p2pdma);
	rcu_assign_pointer(t->provider->p2pdma, &t->p2pdma);
	test->priv = t;
	return 0;
}

/* The answer is that of a fresh walk. Was it known? */
static bool ask(struct kunit *test, struct pci_dev *client)
{
	struct cache_test *t = test->priv;
	struct p2pdma_verdict verdict, fresh;
	bool known;

	known = p2pdma_cached_verdict(t->provider, client, &verdict);
	p2pdma_verdict(t->provider, client, &fresh);
	KUNIT_EXPECT_EQ(test, verdict.type, fresh.type);
	KUNIT_EXPECT_EQ(test, verdict.reason, fresh.reason);
	KUNIT_EXPECT_PTR_EQ(test, verdict.at, fresh.at);
	if (fresh.type != PCI_P2PDMA_MAP_NOT_SUPPORTED)
		KUNIT_EXPECT_EQ(test, verdict.distance, fresh.distance);
	return known;
}

static bool reached(struct kunit *test)
{
	struct cache_test *t = test->priv;
	struct p2pdma_verdict verdict;

	p2pdma_cached_verdict(t->provider, t->client, &verdict);
	return verdict.type == PCI_P2PDMA_MAP_BUS_ADDR;
}

static void remembered(struct kunit *test)
{
	struct cache_test *t = test->priv;
	int i;

	for (i = 0; i < NR_NODES; i++)
		KUNIT_EXPECT_FALSE(test, ask(test, fabric_dev(t->fabric, i)));
	for (i = 0; i < NR_NODES; i++)
		KUNIT_EXPECT_TRUE(test, ask(test, fabric_dev(t->fabric, i)));
}

/* Of a device without memory there is nowhere to remember anything. */
static void not_without_memory(struct kunit *test)
{
	struct cache_test *t = test->priv;

	t->provider = fabric_dev(t->fabric, D);
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
}

/* How the register, two bytes, may be written; and what may be beside it */
struct acs_write {
	const char *what;
	bool by_user;
	int where;	/* from the start of the capability */
	int size;
	bool hit;
};

static const struct acs_write acs_writes[] = {
	{ "user, word", true, PCI_ACS_CTRL, 2, true },
	{ "user, low byte", true, PCI_ACS_CTRL, 1, true },
	{ "user, high byte", true, PCI_ACS_CTRL + 1, 1, true },
	{ "user, dword", true, PCI_ACS_CAP, 4, true },
	{ "kernel, word", false, PCI_ACS_CTRL, 2, true },
	{ "kernel, low byte", false, PCI_ACS_CTRL, 1, true },
	{ "kernel, high byte", false, PCI_ACS_CTRL + 1, 1, true },
	{ "kernel, dword", false, PCI_ACS_CAP, 4, true },
	{ "user, before it", true, PCI_ACS_CAP, 2, false },
	{ "user, after it", true, PCI_ACS_EGRESS_CTL_V, 4, false },
	{ "kernel, before it", false, PCI_ACS_CAP + 1, 1, false },
	{ "kernel, after it", false, PCI_ACS_EGRESS_CTL_V, 1, false },
};

static void acs_write_name(const struct acs_write *w, char *desc)
{
	strscpy(desc, w->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(acs_write, acs_writes, acs_write_name);

static void write_config(struct pci_dev *pdev, const struct acs_write *w)
{
	int where = pdev->acs_cap + w->where;

	if (w->by_user && w->size == 1)
		pci_user_write_config_byte(pdev, where, 0);
	else if (w->by_user && w->size == 2)
		pci_user_write_config_word(pdev, where, 0);
	else if (w->by_user)
		pci_user_write_config_dword(pdev, where, 0);
	else if (w->size == 1)
		pci_write_config_byte(pdev, where, 0);
	else if (w->size == 2)
		pci_write_config_word(pdev, where, 0);
	else
		pci_write_config_dword(pdev, where, 0);
}

static void acs_written(struct kunit *test)
{
	const struct acs_write *w = test->param_value;
	struct cache_test *t = test->priv;

	ask(test, t->client);
	/* Whoever's it is: which paths it is on isn't looked for. */
	write_config(fabric_dev(t->fabric, DP2), w);
	KUNIT_EXPECT_EQ(test, ask(test, t->client), !w->hit);
	KUNIT_EXPECT_TRUE(test, ask(test, t->client));
	/* Of a function without the capability nothing is written there. */
	write_config(fabric_dev(t->fabric, UP), w);
	KUNIT_EXPECT_TRUE(test, ask(test, t->client));
}

/* The answer follows each write, there and back. */
static void acs_followed(struct kunit *test)
{
	struct cache_test *t = test->priv;
	int i;

	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, reached(test));
		fabric_set_acs(t->fabric, DP1, PCI_ACS_RR);
		KUNIT_EXPECT_FALSE(test, reached(test));
		fabric_set_acs(t->fabric, DP0, PCI_ACS_CR);
		fabric_set_acs(t->fabric, DP1, PCI_ACS_CR | PCI_ACS_SV);
		KUNIT_EXPECT_FALSE(test, reached(test));
		fabric_set_acs(t->fabric, DP0, PCI_ACS_RR);
		KUNIT_EXPECT_TRUE(test, reached(test));
	}
}

/* Settings that are lost with the power, or in a reset, are lost unseen. */
static void settings_lost(struct kunit *test)
{
	struct cache_test *t = test->priv;

	fabric_set_acs(t->fabric, DP1, PCI_ACS_RR);
	KUNIT_EXPECT_FALSE(test, reached(test));
	pci_save_state(fabric_dev(t->fabric, DP1));
	fabric_set_acs_unseen(t->fabric, DP1, 0);
	pci_restore_state(fabric_dev(t->fabric, DP1));
	KUNIT_EXPECT_TRUE(test, reached(test));

	fabric_set_acs(t->fabric, DP1, PCI_ACS_RR);
	KUNIT_EXPECT_FALSE(test, reached(test));
	fabric_set_acs_unseen(t->fabric, DP1, 0);
	pci_bridge_secondary_bus_reset(fabric_dev(t->fabric, RP));
	KUNIT_EXPECT_TRUE(test, reached(test));
}

static void function_removed(struct kunit *test)
{
	struct cache_test *t = test->priv;

	ask(test, t->client);
	pci_stop_and_remove_bus_device_locked(fabric_dev(t->fabric, D));
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
	KUNIT_EXPECT_TRUE(test, ask(test, t->client));

	/* And added, by a scan */
	pci_lock_rescan_remove();
	pci_scan_child_bus(fabric_dev(t->fabric, DP2)->subordinate);
	pci_unlock_rescan_remove();
	KUNIT_EXPECT_NOT_NULL(test, fabric_dev(t->fabric, D));
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
}

/* Another device at the same address, maybe at the same place in memory */
static void client_replaced(struct kunit *test)
{
	struct cache_test *t = test->priv;
	int i;

	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_FALSE(test, ask(test, t->client));
		pci_stop_and_remove_bus_device_locked(t->client);
		fabric_set_acs(t->fabric, DP1, i % 2 ? 0 : PCI_ACS_RR);
		pci_lock_rescan_remove();
		pci_scan_child_bus(fabric_dev(t->fabric, DP1)->subordinate);
		pci_unlock_rescan_remove();
		t->client = fabric_dev(t->fabric, C);
		KUNIT_ASSERT_NOT_NULL(test, t->client);
		t->client->dma_mask = DMA_BIT_MASK(64);
		KUNIT_EXPECT_EQ(test, reached(test), i % 2);
		t->client->dma_mask = DMA_BIT_MASK(32);
		KUNIT_EXPECT_FALSE(test, reached(test));
		fabric_set_acs(t->fabric, DP1, 0);
		t->client->dma_mask = DMA_BIT_MASK(64);
	}
}

/*
 * The same bus, device and function in domains that differ in their upper
 * halves only: VMD's start at 0x10000.
 */
static void domains_apart(struct kunit *test)
{
	struct cache_test *t = test->priv;
	int domain = pci_domain_nr(t->provider->bus) + 0x10000;
	struct pci_dev *other;
	struct fabric *vmd;

	vmd = fabric_setup_domain(test, nodes, NR_NODES, 0, domain);
	other = fabric_dev(vmd, C);
	KUNIT_EXPECT_EQ(test, pci_domain_nr(other->bus), domain);
	KUNIT_EXPECT_EQ(test, pci_dev_id(other), pci_dev_id(t->client));
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
	KUNIT_EXPECT_FALSE(test, ask(test, other));
	KUNIT_EXPECT_TRUE(test, ask(test, t->client));
	KUNIT_EXPECT_TRUE(test, ask(test, other));
	KUNIT_EXPECT_TRUE(test, reached(test));
	t->client = other;
	KUNIT_EXPECT_FALSE(test, reached(test));
}

/* What couldn't be read once is asked for again. */
static void unreadable_not_remembered(struct kunit *test)
{
	struct cache_test *t = test->priv;

	fabric_set_unreadable(t->fabric, DP0, true);
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
	KUNIT_EXPECT_FALSE(test, reached(test));
	fabric_set_unreadable(t->fabric, DP0, false);
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
	KUNIT_EXPECT_TRUE(test, reached(test));
}

/* The DMA mask is the driver's to set, and to change. */
static void dma_mask_not_remembered(struct kunit *test)
{
	struct cache_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, reached(test));
	t->client->dma_mask = DMA_BIT_MASK(32);
	KUNIT_EXPECT_TRUE(test, ask(test, t->client));
	KUNIT_EXPECT_FALSE(test, reached(test));
	t->client->dma_mask = DMA_BIT_MASK(64);
	KUNIT_EXPECT_TRUE(test, reached(test));
}

/* While something changes, and it may be two things, nothing is known. */
static void during_changes(struct kunit *test)
{
	struct cache_test *t = test->priv;

	ask(test, t->client);
	p2pdma_change_begin();
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
	p2pdma_change_begin();
	p2pdma_change_end();
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
	p2pdma_change_end();
	KUNIT_EXPECT_FALSE(test, ask(test, t->client));
	KUNIT_EXPECT_TRUE(test, ask(test, t->client));
}

static void refusal_told_once(struct kunit *test)
{
	struct cache_test *t = test->priv;

	fabric_set_acs(t->fabric, DP1, PCI_ACS_RR);
	ask(test, t->client);
	KUNIT_EXPECT_TRUE(test, p2pdma_first_refusal(t->provider, t->client));
	KUNIT_EXPECT_FALSE(test, p2pdma_first_refusal(t->provider, t->client));
	/* Something has changed: it may be for another reason now. */
	fabric_set_acs(t->fabric, DP1, PCI_ACS_EC);
	ask(test, t->client);
	KUNIT_EXPECT_TRUE(test, p2pdma_first_refusal(t->provider, t->client));
}

static int toggle_thread(void *data)
{
	struct fabric *fabric = data;
	int i;

	for (i = 0; i < 2000; i++)
		fabric_set_acs(fabric, DP1, i % 2 ? 0 : PCI_ACS_RR);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/*
 * Asked all the time while somebody writes: what is remembered in between is
 * audited in the debug kernel, and at the end it is right.
 */
static void asked_while_written(struct kunit *test)
{
	struct cache_test *t = test->priv;
	struct task_struct *thread;
	int i, known = 0;

	thread = kthread_run(toggle_thread, t->fabric, "p2pdma-toggle");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	for (i = 0; i < 20000; i++) {
		struct p2pdma_verdict verdict;

		known += p2pdma_cached_verdict(t->provider, t->client,
					       &verdict);
		cond_resched();
	}
	kthread_stop(thread);
	kunit_info(test, "known: %d of %d\n", known, i);
	ask(test, t->client);
	KUNIT_EXPECT_TRUE(test, ask(test, t->client));
	KUNIT_EXPECT_TRUE(test, reached(test));
}

#ifdef CONFIG_PCI_P2PDMA_AUDIT
/* The audit sees what the engine was not told of. */
static void audit_sees(struct kunit *test)
{
	struct cache_test *t = test->priv;
	struct p2pdma_verdict verdict;

	p2pdma_cached_verdict(t->provider, t->client, &verdict);
	fabric_set_acs_unseen(t->fabric, DP1, PCI_ACS_RR);
	pr_info("expected warning begins: P2PDMA: stale verdict\n");
	p2pdma_cached_verdict(t->provider, t->client, &verdict);
	pr_info("expected warning ends\n");
}
#endif

static struct kunit_case p2pdma_cache_cases[] = {
	KUNIT_CASE(remembered),
	KUNIT_CASE(not_without_memory),
	KUNIT_CASE_PARAM(acs_written, acs_write_gen_params),
	KUNIT_CASE(acs_followed),
	KUNIT_CASE(settings_lost),
	KUNIT_CASE(function_removed),
	KUNIT_CASE(client_replaced),
	KUNIT_CASE(domains_apart),
	KUNIT_CASE(unreadable_not_remembered),
	KUNIT_CASE(dma_mask_not_remembered),
	KUNIT_CASE(during_changes),
	KUNIT_CASE(refusal_told_once),
	KUNIT_CASE(asked_while_written),
#ifdef CONFIG_PCI_P2PDMA_AUDIT
	KUNIT_CASE(audit_sees),
#endif
	{}
};

static struct kunit_suite p2pdma_cache_suite = {
	.name = "p2pdma_cache",
	.init = cache_test_init,
	.exit = cache_test_exit,
	.test_cases = p2pdma_cache_cases,
};

kunit_test_suite(p2pdma_cache_suite);
