// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what is kept of registers: p2pdma_shadow.c, the places in the
 * PCI core that call it, and a VF's reference on its PF
 */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/random.h>

#include "../pci.h"
#include "../p2pdma_topology.h"
#include "fake_pci.h"

#define DEV(slot)	PCI_DEVFN(slot, 0)

/*
 *   RP - UP -- DP0 - P       the provider
 *           \- DP1 - C       its client
 */
enum { RP, UP, DP0, DP1, P, C, NR_NODES };

static const struct fake_pci_node nodes[] = {
	[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1), true, PCI_ACS_UF },
	[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
	[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0), true },
	[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1), true },
	[P]   = { DP0, FAKE_PCI_ENDPOINT, DEV(0) },
	[C]   = { DP1, FAKE_PCI_ENDPOINT, DEV(0) },
};

static enum p2pdma_reason reason(struct fake_pci *f)
{
	return p2pdma_verdict(fake_pci_dev(f, P), fake_pci_dev(f, C)).reason;
}

/* How the register, two bytes, may be written; and what may be beside it */
struct acs_write {
	const char *what;
	int where;	/* from the start of the capability */
	int size;
	u32 value;
	u16 ctrl;	/* afterwards */
};

static const struct acs_write acs_writes[] = {
	{ "word", PCI_ACS_CTRL, 2, PCI_ACS_RR, PCI_ACS_RR },
	{ "low byte", PCI_ACS_CTRL, 1, PCI_ACS_CR, PCI_ACS_CR },
	{ "high byte", PCI_ACS_CTRL + 1, 1, 0, PCI_ACS_EC },
	{ "dword", PCI_ACS_CAP, 4, PCI_ACS_UF << 16, PCI_ACS_UF },
	{ "before it", PCI_ACS_CAP, 2, PCI_ACS_RR, PCI_ACS_EC },
	{ "after it", PCI_ACS_EGRESS_CTL_V, 4, 0, PCI_ACS_EC },
};

static void acs_write_name(const struct acs_write *w, char *desc)
{
	strscpy(desc, w->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(acs_write, acs_writes, acs_write_name);

static void acs_written(struct kunit *test)
{
	const struct acs_write *w = test->param_value;
	struct fake_pci *f = fake_pci_setup(test, nodes, NR_NODES);
	struct pci_dev *port = fake_pci_dev(f, DP1);
	int where = port->acs_cap + w->where;

	fake_pci_set_acs(f, DP1, PCI_ACS_EC);
	KUNIT_EXPECT_EQ(test, port->acs_ctrl, PCI_ACS_EC);
	KUNIT_EXPECT_EQ(test, port->acs_capabilities, 0x7f);
	if (w->size == 1)
		pci_user_write_config_byte(port, where, w->value);
	else if (w->size == 2)
		pci_user_write_config_word(port, where, w->value);
	else
		pci_user_write_config_dword(port, where, w->value);
	KUNIT_EXPECT_EQ(test, port->acs_ctrl, w->ctrl);
}

/* The verdict follows each write, there and back. */
static void acs_followed(struct kunit *test)
{
	struct fake_pci *f = fake_pci_setup(test, nodes, NR_NODES);
	int i;

	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_COMMON_BRIDGE);
		fake_pci_set_acs(f, DP1, PCI_ACS_RR);
		KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_REQ_REDIR);
		fake_pci_set_acs(f, DP0, PCI_ACS_CR);
		fake_pci_set_acs(f, DP1, PCI_ACS_CR | PCI_ACS_SV);
		KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_CMPLT_REDIR);
		fake_pci_set_acs(f, DP0, PCI_ACS_RR);
	}
}

/* A write that the register doesn't take changes nothing. */
static void acs_read_only(struct kunit *test)
{
	struct fake_pci_node copy[NR_NODES];
	struct fake_pci *f;

	memcpy(copy, nodes, sizeof(copy));
	copy[DP1].acs_read_only = true;
	copy[DP1].acs = PCI_ACS_RR;
	f = fake_pci_setup(test, copy, NR_NODES);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_REQ_REDIR);
	fake_pci_set_acs(f, DP1, 0);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_REQ_REDIR);
}

/*
 * Ports that a quirk of the PCI core knows by their numbers. Of the first it
 * says that no control is in effect, of the second that all of them are.
 */
#define QUIRK_SAYS_NO	0x07001d17
#define QUIRK_SAYS_YES	0x07101d17

/* The client's port has these numbers. */
static struct fake_pci *setup_port(struct kunit *test, u32 id)
{
	struct fake_pci_node copy[NR_NODES];

	memcpy(copy, nodes, sizeof(copy));
	copy[DP1].id = id;
	return fake_pci_setup(test, copy, NR_NODES);
}

/* A quirk's "no" hides no register that redirects or blocks. */
static void quirk_hides_nothing(struct kunit *test)
{
	struct fake_pci *f = setup_port(test, QUIRK_SAYS_NO);
	struct pci_dev *at[2], *port = fake_pci_dev(f, DP1);

	KUNIT_ASSERT_EQ(test, pci_dev_specific_acs_enabled(port, PCI_ACS_RR), 0);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_COMMON_BRIDGE);
	fake_pci_set_acs(f, DP1, PCI_ACS_RR);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_REQ_REDIR);
	/* It can be told not to. */
	KUNIT_EXPECT_EQ(test, p2pdma_redirectors(fake_pci_dev(f, P),
						 fake_pci_dev(f, C), at), 1);
	KUNIT_EXPECT_PTR_EQ(test, at[0], port);
	fake_pci_set_acs(f, DP1, PCI_ACS_EC);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_EGRESS);
	fake_pci_set_acs(f, DP1, 0);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_COMMON_BRIDGE);
}

/* A quirk's "yes" to redirection stays, whatever the register holds. */
static void quirk_redirects(struct kunit *test)
{
	struct fake_pci *f = setup_port(test, QUIRK_SAYS_YES);
	struct pci_dev *at[2], *port = fake_pci_dev(f, DP1);

	KUNIT_ASSERT_EQ(test, pci_dev_specific_acs_enabled(port, PCI_ACS_RR), 1);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_REQ_REDIR);
	fake_pci_set_acs(f, DP1, PCI_ACS_EC);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_REQ_REDIR);
	fake_pci_set_acs(f, DP1, 0);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_REQ_REDIR);
	KUNIT_EXPECT_EQ(test, p2pdma_redirectors(fake_pci_dev(f, P),
						 fake_pci_dev(f, C), at), 0);
	fake_pci_set_unreadable(f, DP1, true);
	fake_pci_set_acs(f, DP1, 0);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_REQ_REDIR);
	fake_pci_set_unreadable(f, DP1, false);
}

struct quirk_forwards {
	const char *what;
	u32 id;		/* of the root port */
	bool has_no_acs;
	u16 ctrl;
	bool passes;
};

static const struct quirk_forwards quirk_forwards[] = {
	{ "no quirk, off", 0, false, 0, false },
	{ "no quirk, on", 0, false, PCI_ACS_UF, true },
	{ "no, on", QUIRK_SAYS_NO, false, PCI_ACS_UF, true },
	{ "yes, off", QUIRK_SAYS_YES, false, 0, false },
	{ "yes, on", QUIRK_SAYS_YES, false, PCI_ACS_UF, true },
	{ "yes, without ACS", QUIRK_SAYS_YES, true, 0, false },
};

static void quirk_forwards_name(const struct quirk_forwards *q, char *desc)
{
	strscpy(desc, q->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(quirk_forwards, quirk_forwards, quirk_forwards_name);

/* Only a register lets packets pass. Quirks tell of isolation. */
static void quirk_forwards_upstream(struct kunit *test)
{
	const struct quirk_forwards *q = test->param_value;
	struct fake_pci_node copy[NR_NODES];
	struct fake_pci *f;

	memcpy(copy, nodes, sizeof(copy));
	copy[RP].id = q->id;
	copy[RP].has_acs = !q->has_no_acs;
	f = fake_pci_setup(test, copy, NR_NODES);
	if (!q->has_no_acs)
		fake_pci_set_acs(f, RP, q->ctrl);
	fake_pci_set_acs(f, DP1, PCI_ACS_RR);
	KUNIT_EXPECT_EQ(test, reason(f), q->passes ? P2PDMA_ACS_REQ_REDIR :
			P2PDMA_NO_UPSTREAM_FORWARDING);
}

/* Nor does a "no" stand for a list of capabilities that isn't readable. */
static void quirk_without_cap(struct kunit *test)
{
	struct fake_pci_node copy[NR_NODES];
	struct fake_pci *f;

	memcpy(copy, nodes, sizeof(copy));
	copy[DP1].id = QUIRK_SAYS_NO;
	copy[DP1].has_acs = false;
	f = fake_pci_setup(test, copy, NR_NODES);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_COMMON_BRIDGE);
	copy[DP1].no_ext = true;
	f = fake_pci_setup(test, copy, NR_NODES);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_UNKNOWN);
	copy[DP1].id = QUIRK_SAYS_YES;
	f = fake_pci_setup(test, copy, NR_NODES);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_REQ_REDIR);
}

/*
 * Lost with the power or in a reset, and back by pci_restore_state(): as a scan
 * sets it, which turns redirection on where an IOMMU may be.
 */
static void acs_lost_and_restored(struct kunit *test)
{
	struct fake_pci *f = fake_pci_setup(test, nodes, NR_NODES);
	struct pci_dev *port = fake_pci_dev(f, DP1);
	u16 ctrl;

	fake_pci_set_acs(f, DP1, PCI_ACS_EC);
	pci_save_state(port);
	fake_pci_set_acs_unseen(f, DP1, 0);
	pci_restore_state(port);
	pci_read_config_word(port, port->acs_cap + PCI_ACS_CTRL, &ctrl);
	KUNIT_EXPECT_EQ(test, ctrl & PCI_ACS_EC, 0);
	KUNIT_EXPECT_EQ(test, port->acs_ctrl, ctrl);
	KUNIT_EXPECT_EQ(test, reason(f), ctrl & PCI_ACS_RR ?
			P2PDMA_ACS_REQ_REDIR : P2PDMA_COMMON_BRIDGE);
}

/* A function that sleeps (C26) needs no answer to be judged. */
static void asleep(struct kunit *test)
{
	struct fake_pci *f = fake_pci_setup(test, nodes, NR_NODES);
	int i;

	fake_pci_set_acs(f, DP1, PCI_ACS_RR);
	for (i = 0; i < NR_NODES; i++)
		fake_pci_set_unreadable(f, i, true);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_REQ_REDIR);
	for (i = 0; i < NR_NODES; i++)
		fake_pci_set_unreadable(f, i, false);
}

/* What couldn't be read back is unknown until it can. */
static void unreadable_when_written(struct kunit *test)
{
	struct fake_pci *f = fake_pci_setup(test, nodes, NR_NODES);

	fake_pci_set_unreadable(f, DP0, true);
	fake_pci_set_acs(f, DP0, PCI_ACS_RR);
	KUNIT_EXPECT_EQ(test, fake_pci_dev(f, DP0)->acs_ctrl, P2PDMA_UNKNOWN);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_ACS_UNKNOWN);
	fake_pci_set_unreadable(f, DP0, false);
	fake_pci_set_acs(f, DP0, PCI_ACS_RR);
	KUNIT_EXPECT_EQ(test, reason(f), P2PDMA_COMMON_BRIDGE);
}

/* A verdict of any kind reads no config space. */
static void no_config_reads(struct kunit *test)
{
	struct fake_pci *f = fake_pci_setup(test, nodes, NR_NODES);
	unsigned int reads;
	int i, j, acs;

	for (acs = 0; acs < 0x80; acs++) {
		fake_pci_set_acs(f, DP0, acs);
		fake_pci_set_acs(f, DP1, acs);
		reads = fake_pci_reads(f);
		for (i = 0; i < NR_NODES; i++) {
			for (j = 0; j < NR_NODES; j++) {
				struct pci_dev *p = fake_pci_dev(f, i);
				struct pci_dev *c = fake_pci_dev(f, j);
				struct p2pdma_verdict v = p2pdma_verdict(p, c);

				p2pdma_check_sizes(&v, p, c);
			}
		}
		KUNIT_EXPECT_EQ(test, fake_pci_reads(f), reads);
	}
}

/* Sizes as the PCI core sets them, a driver, and a user */
static void sizes_followed(struct kunit *test)
{
	struct fake_pci *f = fake_pci_setup(test, nodes, NR_NODES);
	struct pci_dev *c = fake_pci_dev(f, C);
	u16 ctrl2 = 0;

	KUNIT_EXPECT_EQ(test, pcie_set_mps(c, 512), 0);
	KUNIT_EXPECT_EQ(test, c->tlp_sizes & P2PDMA_PAYLOAD, 3);
	fake_pci_set_mps(f, C, 128);
	KUNIT_EXPECT_EQ(test, c->tlp_sizes & P2PDMA_PAYLOAD, 1);
	KUNIT_EXPECT_TRUE(test, c->tlp_sizes & P2PDMA_TAG10_COMPLETER);
	KUNIT_EXPECT_FALSE(test, c->tlp_sizes & P2PDMA_TAG10_REQUESTER);
	fake_pci_set_tags(f, C, true);
	KUNIT_EXPECT_TRUE(test, c->tlp_sizes & P2PDMA_TAG10_REQUESTER);
	pci_read_config_word(c, c->pcie_cap + PCI_EXP_DEVCTL2, &ctrl2);
	KUNIT_EXPECT_TRUE(test, ctrl2 & BIT(12));

	/* Restored, with what else a driver has saved */
	pcie_set_mps(c, 512);
	pci_save_state(c);
	pcie_set_mps(c, 128);
	pci_restore_state(c);
	KUNIT_EXPECT_EQ(test, c->tlp_sizes & P2PDMA_PAYLOAD, 3);

	/* Some drivers have their device send smaller packets. */
	pcie_capability_clear_word(c, PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_PAYLOAD);
	KUNIT_EXPECT_EQ(test, c->tlp_sizes & P2PDMA_PAYLOAD, 1);
	pcie_capability_clear_word(c, PCI_EXP_DEVCTL2, BIT(12));
	KUNIT_EXPECT_FALSE(test, c->tlp_sizes & P2PDMA_TAG10_REQUESTER);
}

/*
 * One read of a scan returns all ones, the n-th for each n. What it would
 * have told may be missing, but it isn't made up: paths that redirect into an
 * unknown root complex, across a switch and inside a device, stay refused.
 */
static void scanned_with_an_error(struct kunit *test)
{
	enum { RP, UP, DP0, DP1, P, C, RP2, F0, F1, NR };
	static const struct fake_pci_node redirecting[] = {
		[RP]  = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(1), true,
			  PCI_ACS_UF },
		[UP]  = { RP, FAKE_PCI_UPSTREAM, DEV(0) },
		[DP0] = { UP, FAKE_PCI_DOWNSTREAM, DEV(0), true, PCI_ACS_CR },
		[DP1] = { UP, FAKE_PCI_DOWNSTREAM, DEV(1), true, PCI_ACS_RR },
		[P]   = { DP0, FAKE_PCI_ENDPOINT, DEV(0) },
		[C]   = { DP1, FAKE_PCI_ENDPOINT, DEV(0) },
		[RP2] = { FAKE_PCI_ROOT_BUS, FAKE_PCI_ROOT_PORT, DEV(2) },
		[F0]  = { RP2, FAKE_PCI_ENDPOINT, DEV(0), true,
			  PCI_ACS_RR | PCI_ACS_CR },
		[F1]  = { RP2, FAKE_PCI_ENDPOINT, PCI_DEVFN(0, 1),
			  .has_sriov = true },
	};
	static const int pairs[][2] = {
		{ P, C }, { C, P }, { F0, F1 }, { F1, F0 }, { P, F0 },
	};
	/* A scan takes half a second with a sanitizer: there only some reads. */
	unsigned int step = IS_ENABLED(CONFIG_KASAN) ||
			    IS_ENABLED(CONFIG_KCSAN) ? 16 : 1;
	unsigned int nth, whole = 0, asked = 0;
	int i;

	for (nth = 1 + get_random_u32() % step; ; nth += step) {
		struct fake_pci *f = fake_pci_setup_failing(test, redirecting, NR,
							    nth);
		bool over = nth > fake_pci_scan_reads(f);

		for (i = 0; i < ARRAY_SIZE(pairs); i++) {
			struct pci_dev *p = fake_pci_dev(f, pairs[i][0]);
			struct pci_dev *c = fake_pci_dev(f, pairs[i][1]);
			struct p2pdma_verdict v;

			if (!p || !c || (i == 1 && !over))
				continue;
			v = p2pdma_verdict(p, c);
			asked++;
			if (i == 1)
				whole = v.type == PCI_P2PDMA_MAP_BUS_ADDR;
			else
				KUNIT_EXPECT_EQ_MSG(test, v.type,
						    PCI_P2PDMA_MAP_NOT_SUPPORTED,
						    "read %u, %s to %s: %s",
						    nth, pci_name(c),
						    pci_name(p),
						    p2pdma_reason_text(v.reason));
		}
		fake_pci_drop(test, f);
		cond_resched();
		if (over)
			break;
	}
	kunit_info(test, "%u reads, %u pairs asked\n", nth, asked);
	KUNIT_EXPECT_GT(test, nth, 100);
	/* Without an error the other direction is open. */
	KUNIT_EXPECT_TRUE(test, whole);
}

/* A VF that is held keeps its PF, and with it the way up. */
static void vf_keeps_pf(struct kunit *test)
{
	struct fake_pci_node copy[NR_NODES];
	struct pci_dev *pf, *vf;
	struct fake_pci *f;
	int refs;

	if (!IS_ENABLED(CONFIG_PCI_IOV))
		kunit_skip(test, "no CONFIG_PCI_IOV");
	memcpy(copy, nodes, sizeof(copy));
	copy[C].has_sriov = true;
	copy[C].nr_vfs = 1;
	f = fake_pci_setup(test, copy, NR_NODES);
	pf = pci_dev_get(fake_pci_dev(f, C));
	refs = fake_pci_refs(pf);
	KUNIT_ASSERT_EQ(test, fake_pci_enable_vfs(f, C), 0);
	vf = pci_dev_get(fake_pci_vf(f, C, 0));
	KUNIT_ASSERT_NOT_NULL(test, vf);
	pci_disable_sriov(pf);
	KUNIT_EXPECT_EQ(test, fake_pci_refs(pf), refs + 1);
	pci_stop_and_remove_bus_device_locked(pf);
	KUNIT_EXPECT_EQ(test, fake_pci_refs(pf), 2);
	pci_dev_put(pf);
	KUNIT_EXPECT_EQ(test, p2pdma_verdict(fake_pci_dev(f, P), vf).distance, 4);
	pci_dev_put(vf);
}

static int toggle_thread(void *data)
{
	struct fake_pci *f = data;
	int i;

	for (i = 0; i < 2000; i++)
		fake_pci_set_acs(f, DP1, i % 2 ? 0 : PCI_ACS_RR);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* Two writers at once: the last value is the one that is kept. */
static void written_by_two(struct kunit *test)
{
	struct fake_pci *f = fake_pci_setup(test, nodes, NR_NODES);
	struct task_struct *thread;
	int i, other = 0;
	u16 ctrl;

	thread = kthread_run(toggle_thread, f, "p2pdma-toggle");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	for (i = 0; i < 2000; i++) {
		enum p2pdma_reason why;

		fake_pci_set_acs(f, DP1, i % 2 ? PCI_ACS_UF : PCI_ACS_CR);
		why = reason(f);
		other += why != P2PDMA_COMMON_BRIDGE &&
			 why != P2PDMA_ACS_REQ_REDIR;
		cond_resched();
	}
	kthread_stop(thread);
	pci_read_config_word(fake_pci_dev(f, DP1),
			     fake_pci_dev(f, DP1)->acs_cap + PCI_ACS_CTRL, &ctrl);
	KUNIT_EXPECT_EQ(test, fake_pci_dev(f, DP1)->acs_ctrl, ctrl);
	KUNIT_EXPECT_EQ(test, other, 0);
}

#ifdef CONFIG_PCI_P2PDMA_AUDIT
/* The audit sees a write that the PCI core didn't, if it lasts. */
static void audit_sees(struct kunit *test)
{
	struct fake_pci *f = fake_pci_setup(test, nodes, NR_NODES);

	pr_info("expected warning begins: P2PDMA: .*: registers changed unseen\n");
	fake_pci_set_acs_unseen(f, DP1, PCI_ACS_RR);
	p2pdma_shadow_audit(fake_pci_dev(f, C));
	msleep(4000);
	pr_info("expected warning ends\n");
	fake_pci_set_acs(f, DP1, 0);
}
#endif

static struct kunit_case p2pdma_shadow_cases[] = {
	KUNIT_CASE_PARAM(acs_written, acs_write_gen_params),
	KUNIT_CASE(acs_followed),
	KUNIT_CASE(acs_read_only),
	KUNIT_CASE(quirk_hides_nothing),
	KUNIT_CASE(quirk_redirects),
	KUNIT_CASE_PARAM(quirk_forwards_upstream, quirk_forwards_gen_params),
	KUNIT_CASE(quirk_without_cap),
	KUNIT_CASE(acs_lost_and_restored),
	KUNIT_CASE(asleep),
	KUNIT_CASE(unreadable_when_written),
	KUNIT_CASE(no_config_reads),
	KUNIT_CASE(sizes_followed),
	KUNIT_CASE_SLOW(scanned_with_an_error),
	KUNIT_CASE(vf_keeps_pf),
	KUNIT_CASE_SLOW(written_by_two),
#ifdef CONFIG_PCI_P2PDMA_AUDIT
	KUNIT_CASE_SLOW(audit_sees),
#endif
	{}
};

static struct kunit_suite p2pdma_shadow_suite = {
	.name = "p2pdma_shadow",
	.test_cases = p2pdma_shadow_cases,
};

kunit_test_suite(p2pdma_shadow_suite);
