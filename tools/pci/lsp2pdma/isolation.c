// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: IOMMU groups
 *	PCIe r6.0, sec 6.12; PCI Express to PCI/PCI-X Bridge r1.0, sec 2.3
 *
 * Functions are of one group if an IOMMU can't tell them apart, or if they can
 * reach each other without passing it. Linux forms groups at boot, by these
 * facts, and doesn't form them anew. This says what groups a boot with the
 * model's registers would bring; it doesn't know drivers of IOMMUs that make
 * groups of their own, nor functions that take each other's IDs by a quirk.
 *
 *      root port A (isolates)     root port B (doesn't)
 *          |                          |
 *      drive: a group             drive: one group with port B, and with the
 *                                 functions of B's device that don't either
 */
#include <stdlib.h>

#include <pci/pci.h>

#include "machine.h"

#define ACS_REDIRECTION	(PCI_ACS_CTRL_REQ_RED | PCI_ACS_CTRL_CMPLT_RED)
/* As far as rules_acs() tells of quirks */
#define ACS_OF_QUIRKS	(ACS_REDIRECTION | PCI_ACS_CTRL_FORWARD)
#define ACS_ISOLATES	(ACS_OF_QUIRKS | PCI_ACS_CTRL_VALID)

/* Sets of functions: each has a member's index, its own if it leads a set. */

static int leader(int *set, int i)
{
	while (set[i] != i) {
		set[i] = set[set[i]];
		i = set[i];
	}
	return i;
}

static void unite(int *set, int a, int b)
{
	a = leader(set, a);
	b = leader(set, b);
	if (a < b)
		set[b] = a;
	else
		set[a] = b;
}

/* A control that the capability lacks counts as on: there is nothing to control. */
static bool registers_isolate(const struct function *f)
{
	unsigned int cap, ctrl;

	if (!acs_words(f, &cap, &ctrl))
		return false;
	return !(ACS_ISOLATES & cap & ~ctrl);
}

/*
 * A word that differs from the registers is that of a quirk, or that of SR-IOV
 * functions, which has no UF.
 */
static bool quirk_decides(struct machine *m, int i, bool *isolates)
{
	unsigned int cap, ctrl, word = rules_acs(m, i);
	bool has_acs = acs_words(&m->fn[i], &cap, &ctrl);

	if (word == ACS_UNKNOWN)
		return false;
	if (has_acs && word == (ctrl | (~cap & ACS_REDIRECTION)))
		return false;
	*isolates = (word & ACS_OF_QUIRKS) == ACS_OF_QUIRKS;
	return has_acs || *isolates;
}

static bool has_siblings(const struct machine *m, int i)
{
	const struct function *f = &m->fn[i];

	if (f->physfn != NONE)
		return false;
	return f->address.devfn & 7 || config_byte(f, PCI_HEADER_TYPE) & 0x80;
}

static bool is_isolated(struct machine *m, int i)
{
	bool isolates;

	if (quirk_decides(m, i, &isolates))
		return isolates;
	switch (pcie_type(&m->fn[i])) {
	case PCI_EXP_TYPE_ROOT_PORT:
	case PCI_EXP_TYPE_DOWNSTREAM:
		return registers_isolate(&m->fn[i]);
	case PCI_EXP_TYPE_ENDPOINT:
	case PCI_EXP_TYPE_LEG_END:
	case PCI_EXP_TYPE_ROOT_INT_EP:
	case PCI_EXP_TYPE_UPSTREAM:
		return !has_siblings(m, i) || registers_isolate(&m->fn[i]);
	default:	/* on a conventional bus, or a bridge to one */
		return false;
	}
}

/* The bridge sends requests of what is below it with its own requester ID. */
static bool takes_over_requests(const struct function *bridge)
{
	switch (pcie_type(bridge)) {
	case NONE:
	case PCI_EXP_TYPE_PCI_BRIDGE:
	case PCI_EXP_TYPE_PCIE_BRIDGE:
		return true;
	default:
		return false;
	}
}

/**
 * struct ways - what is between functions and the root bus
 * @isolated: the function is
 * @way_isolated: it is, and so are all bridges above it
 * @seen_as: the topmost function whose requester ID the IOMMU may see
 */
struct ways {
	bool *isolated;
	bool *way_isolated;
	int *seen_as;
};

static bool way_is_isolated(const struct machine *m, const struct ways *w, int i)
{
	for (; i != NONE; i = m->fn[i].parent)
		if (!w->isolated[i])
			return false;
	return true;
}

static void unite_aliases(const struct machine *m, struct ways *w, int *set, int i)
{
	int above;

	w->seen_as[i] = i;
	for (above = m->fn[i].parent; above != NONE; above = m->fn[above].parent) {
		if (!takes_over_requests(&m->fn[above]))
			continue;
		unite(set, i, above);
		w->seen_as[i] = above;
	}
}

/*
 * Up to where all the way is isolated. Return: the last one that belongs to
 * the same group.
 */
static int unite_upwards(const struct machine *m, const struct ways *w, int *set,
			 int i)
{
	int last = w->seen_as[i], above;

	for (above = m->fn[last].parent; above != NONE && !w->way_isolated[above];
	     above = m->fn[above].parent) {
		unite(set, i, above);
		last = above;
	}
	return last;
}

/* Functions of a device that don't isolate reach each other inside of it. */
static void unite_siblings(const struct machine *m, const struct ways *w,
			   int *set, int i)
{
	int other;

	if (w->isolated[i] || !has_siblings(m, i))
		return;
	/* In the order of addresses they are neighbours. */
	for (other = i; other > 0; other--)
		if (!same_device(&m->fn[i], &m->fn[other - 1]))
			break;
	for (; other < m->nr && same_device(&m->fn[i], &m->fn[other]); other++)
		if (!w->isolated[other])
			unite(set, i, other);
}

static int number_sets(int *set, int *group, int nr)
{
	int i, groups = 0;

	for (i = 0; i < nr; i++) {
		int first = leader(set, i);

		group[i] = first == i ? groups++ : group[first];
	}
	return groups;
}

int isolation_groups(struct machine *m, int *group)
{
	struct ways w = {
		.isolated = zeroed(m->nr, sizeof(bool)),
		.way_isolated = zeroed(m->nr, sizeof(bool)),
		.seen_as = zeroed(m->nr, sizeof(int)),
	};
	int *set = zeroed(m->nr, sizeof(int)), i, groups;

	for (i = 0; i < m->nr; i++) {
		set[i] = i;
		w.isolated[i] = is_isolated(m, i);
	}
	for (i = 0; i < m->nr; i++)
		w.way_isolated[i] = way_is_isolated(m, &w, i);
	for (i = 0; i < m->nr; i++) {
		unite_aliases(m, &w, set, i);
		if (unite_upwards(m, &w, set, i) == i)
			unite_siblings(m, &w, set, i);
	}
	groups = number_sets(set, group, m->nr);
	free(set);
	free(w.isolated);
	free(w.way_isolated);
	free(w.seen_as);
	return groups;
}
