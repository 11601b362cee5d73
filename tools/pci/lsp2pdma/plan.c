// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: plan, the smallest set of changes that lets clients reach a provider
 *
 * Each change is a text that --set takes, and is tried on the model: the rules
 * decide. All changes that could help are made at once. If that is enough, they
 * are undone one by one as long as it stays enough, in several orders; the
 * cheapest rest is the plan. So no change of it is superfluous.
 *
 * Redirection is turned off before a host bridge is allowed: no register tells
 * whether a host routes. Then writes only, which more hosts do.
 *
 *            common bridge      Upstream Forwarding of ports from here up
 *             /         \
 *     client side    provider   RR and EC of the client's side, CR of the
 *        :            side      provider's
 *     client            :
 *                    provider
 */
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "plan.h"

/* The model, changed and back */

static void save(struct plan *p)
{
	struct machine *m = p->m;
	int i, j;

	p->before = *m;
	p->saved = zeroed(m->nr, sizeof(*p->saved));
	for (i = 0; i < m->nr; i++) {
		const struct function *f = &m->fn[i];
		struct registers *r = &p->saved[i];
		unsigned int acs = find_extended(f, PCI_EXT_CAP_ID_ACS);
		unsigned int ats = find_extended(f, PCI_EXT_CAP_ID_ATS);
		unsigned int exp = find_capability(f, PCI_CAP_ID_EXP);

		r->pos[ACS_CONTROL] = acs ? acs + PCI_ACS_CTRL : 0;
		r->pos[CONTROL] = exp ? exp + PCI_EXP_DEVCTL : 0;
		r->pos[CONTROL2] = find_control2(f);
		r->pos[ATS_CONTROL] = ats ? ats + PCI_ATS_CTRL : 0;
		for (j = 0; j < NR_REGISTERS; j++)
			r->value[j] = config_word(f, r->pos[j]);
	}
}

void restore_machine(struct plan *p)
{
	struct machine *m = p->m;
	int i, j;

	for (i = 0; i < m->nr; i++) {
		const struct registers *r = &p->saved[i];

		for (j = 0; j < NR_REGISTERS; j++)
			if (r->pos[j])
				config_set(&m->fn[i], r->pos[j], 2, r->value[j]);
	}
	memcpy(m->allowed, p->before.allowed, sizeof(m->allowed));
	m->nr_allowed = p->before.nr_allowed;
	m->changed = p->before.changed;
	rules_forget(m);
}

/*
 * Boot parameters are for the seven older ACS controls, of functions that are
 * there at boot, which virtual ones are not.
 */
bool is_lasting(const struct plan *p, const struct change *c)
{
	if (c->kind == TAGS || c->kind == ENHANCED)
		return false;
	return c->at == NONE || p->m->fn[c->at].physfn == NONE;
}

void apply_lasting(struct plan *p)
{
	int i;

	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen && is_lasting(p, &p->change[i]))
			apply_change(p->m, p->change[i].set);
}

void apply_fleeting(struct plan *p)
{
	int i;

	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen && !is_lasting(p, &p->change[i]))
			apply_change(p->m, p->change[i].set);
}

void apply_chosen(struct plan *p)
{
	apply_lasting(p);
	apply_fleeting(p);
}

bool is_chosen(const struct plan *p, enum change_kind kind)
{
	int i;

	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen && p->change[i].kind == kind)
			return true;
	return false;
}

int count_chosen(const struct plan *p)
{
	int i, nr = 0;

	for (i = 0; i < p->nr; i++)
		nr += p->change[i].chosen;
	return nr;
}

static enum grade judge(struct plan *p, int client)
{
	struct pci_p2pdma_query q;

	rules_judge(p->m, p->provider, p->client[client], &q);
	return grade_of(&q);
}

int find_failing(struct plan *p)
{
	int i;

	for (i = 0; i < p->nr_clients; i++)
		if (judge(p, i) < p->need[i])
			return i;
	return NONE;
}

static bool is_enough(struct plan *p)
{
	int failing;

	apply_chosen(p);
	failing = find_failing(p);
	restore_machine(p);
	return failing == NONE;
}

/* What may be done */

static void add_change(struct plan *p, enum change_kind kind, int at, const char *set)
{
	struct change *c;
	int i;

	for (i = 0; i < p->nr; i++) {
		if (strcmp(p->change[i].set, set))
			continue;
		p->change[i].pairs++;
		return;
	}
	p->change = grow(p->change, p->nr, sizeof(*p->change));
	c = &p->change[p->nr++];
	*c = (struct change){ .kind = kind, .at = at, .pairs = 1 };
	snprintf(c->set, sizeof(c->set), "%s", set);
}

static void add_acs(struct plan *p, enum change_kind kind, int at, const char *what)
{
	char set[64];

	snprintf(set, sizeof(set), "%s.acs%s", address_of(p->m, at), what);
	add_change(p, kind, at, set);
}

/* Bits of @bits that are on, and that the function can turn off */
static unsigned int can_clear(const struct machine *m, int i, unsigned int bits)
{
	unsigned int cap, ctrl;

	if (i == NONE || !acs_words(&m->fn[i], &cap, &ctrl))
		return 0;
	if (cap & ACS_ENHANCED_CAP)
		cap |= ACS_ENHANCED;
	return cap & ctrl & bits;
}

static void add_redirections(struct plan *p, int client, int provider)
{
	switch (can_clear(p->m, client, PCI_ACS_CTRL_REQ_RED | PCI_ACS_CTRL_EGRESS)) {
	case PCI_ACS_CTRL_REQ_RED:
		add_acs(p, REDIRECT, client, "-=RR");
		break;
	case PCI_ACS_CTRL_EGRESS:
		add_acs(p, REDIRECT, client, "-=EC");
		break;
	case PCI_ACS_CTRL_REQ_RED | PCI_ACS_CTRL_EGRESS:
		add_acs(p, REDIRECT, client, "-=RR,EC");
		break;
	}
	if (can_clear(p->m, provider, PCI_ACS_CTRL_CMPLT_RED))
		add_acs(p, REDIRECT, provider, "-=CR");
}

/* Enhanced controls on the way to the root bus, from the function on */
static void add_enhanced(struct plan *p, int i)
{
	for (; i != NONE; i = p->m->fn[i].parent)
		if (can_clear(p->m, i, ACS_ENHANCED))
			add_acs(p, ENHANCED, i, "-=EN");
}

/* Of a conventional client a bridge above makes the requests. */
static void add_tags(struct plan *p, int i)
{
	char set[64];

	for (; i != NONE; i = p->m->fn[i].parent) {
		unsigned int pos = find_control2(&p->m->fn[i]);

		if (!pos || !(config_word(&p->m->fn[i], pos) & TAGS_ENABLE))
			continue;
		snprintf(set, sizeof(set), "%s.10-bit-tags=off",
			 address_of(p->m, i));
		add_change(p, TAGS, i, set);
	}
}

static void add_forwarding(struct plan *p, int bridge)
{
	unsigned int cap, ctrl;

	for (; bridge != NONE; bridge = p->m->fn[bridge].parent)
		if (is_downstream_port(&p->m->fn[bridge]) &&
		    acs_words(&p->m->fn[bridge], &cap, &ctrl) &&
		    cap & ~ctrl & PCI_ACS_CTRL_FORWARD)
			add_acs(p, FORWARD, bridge, "+=UF");
}

static bool is_allowed(const struct machine *m, unsigned int host)
{
	int i;

	for (i = 0; i < m->nr_allowed; i++)
		if ((m->allowed[i].vendor << 16 | m->allowed[i].device) == host)
			return true;
	return false;
}

static void add_host(struct plan *p, int i)
{
	unsigned int host = rules_host(p->m, i);
	char set[64];

	if (!host || is_allowed(p->m, host))
		return;
	snprintf(set, sizeof(set), "host=%04x:%04x:w", host >> 16, host & 0xffff);
	add_change(p, HOST, NONE, set);
}

static void add_changes(struct plan *p, int client)
{
	struct machine *m = p->m;
	int provider = p->provider, common = common_above(m, provider, client);

	if (client == provider)
		return;
	add_change(p, PAYLOAD, NONE, "kernel:pci=pcie_bus_peer2peer");
	add_host(p, provider);
	add_host(p, client);
	add_enhanced(p, client);
	add_enhanced(p, provider);
	add_tags(p, client);
	if (ats_enabled(&m->fn[client]))
		add_change(p, ATS, NONE, "kernel:pci=noats");
	/* One above the other: neither redirection nor forwarding matters. */
	if (common == provider || common == client)
		return;
	add_redirections(p, side_below(m, client, common),
			 side_below(m, provider, common));
	add_forwarding(p, common);
}

static int count_hosts(const struct plan *p)
{
	int i, nr = 0;

	for (i = 0; i < p->nr; i++)
		nr += p->change[i].kind == HOST;
	return nr;
}

/* The search */

static void choose_all(struct plan *p, bool hosts)
{
	int i;

	for (i = 0; i < p->nr; i++)
		p->change[i].chosen = hosts || p->change[i].kind != HOST;
}

/* Orders in which to do without: what to keep, if either would do, comes last. */
static int by_kind(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	return x->kind != y->kind ? (int)x->kind - (int)y->kind :
				    x->pairs - y->pairs;
}

static int by_kind_forwarding_last(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->kind < FORWARD || y->kind < FORWARD || x->kind == y->kind)
		return by_kind(a, b);
	return (int)y->kind - (int)x->kind;
}

static int by_use(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->kind < FORWARD || y->kind < FORWARD || x->pairs == y->pairs)
		return by_kind(a, b);
	return x->pairs - y->pairs;
}

static void do_without(struct plan *p)
{
	int i;

	for (i = 0; i < p->nr; i++) {
		if (!p->change[i].chosen)
			continue;
		p->change[i].chosen = false;
		p->change[i].chosen = !is_enough(p);
	}
}

/* Of two sets of the same size, that which a boot parameter can make */
static int cost_of(const struct plan *p)
{
	static const int costs[NR_KINDS] = {
		[HOST] = 100000000, [PAYLOAD] = 1000000, [ATS] = 1000000,
		[TAGS] = 1000, [ENHANCED] = 1000, [FORWARD] = 1000,
		[REDIRECT] = 1000,
	};
	int i, cost = 0;

	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen)
			cost += costs[p->change[i].kind] +
				!is_lasting(p, &p->change[i]);
	return cost;
}

/* With what is chosen it is enough: keep the cheapest part that still is. */
static void reduce(struct plan *p)
{
	static int (* const orders[])(const void *a, const void *b) = {
		by_kind, by_kind_forwarding_last, by_use,
	};
	size_t size = p->nr * sizeof(*p->change), i;
	struct change *all = zeroed(p->nr, sizeof(*all));
	struct change *best = zeroed(p->nr, sizeof(*best));
	int cost = 0;

	memcpy(all, p->change, size);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		memcpy(p->change, all, size);
		qsort(p->change, p->nr, sizeof(*p->change), orders[i]);
		do_without(p);
		if (i && cost_of(p) >= cost)
			continue;
		memcpy(best, p->change, size);
		cost = cost_of(p);
	}
	memcpy(p->change, best, size);
	free(all);
	free(best);
}

/* What all changes that aren't a host's bring is needed of the plan, too. */
static void need_what_is_possible(struct plan *p)
{
	int i;

	choose_all(p, false);
	apply_chosen(p);
	for (i = 0; i < p->nr_clients; i++)
		p->need[i] = judge(p, i) < GRADE_HOST ? GRADE_WRITES :
							     GRADE_HOST;
	restore_machine(p);
}

static bool find_plan(struct plan *p)
{
	int i;

	for (i = 0; i < p->nr_clients; i++)
		p->need[i] = GRADE_HOST;
	if (!p->nr)
		return is_enough(p);
	choose_all(p, false);
	if (!is_enough(p)) {
		need_what_is_possible(p);
		choose_all(p, p->m->nr_allowed + count_hosts(p) <= MAX_ALLOWED);
		if (!is_enough(p))
			return false;
	}
	reduce(p);
	return is_enough(p);
}

/* Why there is none */

static char *reason_at(const struct machine *m, const struct pci_p2pdma_query *q,
		       const char *by)
{
	const char *at = address_text(&q->at), *name = at;
	int i = machine_find(m, &q->at);
	bool is_named;

	if (i != NONE)
		name = short_name(m, i);
	is_named = strcmp(name, at);
	return format_text("%s%s, at %s%s%s%s, from %s", by,
			   rules_reason(q->reason), at, is_named ? " (" : "",
			   is_named ? name : "", is_named ? ")" : "",
			   address_text(&q->client));
}

/* The first function on the way from @i up whose registers aren't there */
static int find_unreadable(const struct machine *m, int i)
{
	for (; i != NONE; i = m->fn[i].parent)
		if (!is_readable(&m->fn[i]))
			return i;
	return NONE;
}

static char *unreadable(const struct plan *p)
{
	int at = find_unreadable(p->m, p->provider), i;

	for (i = 0; at == NONE && i < p->nr_clients; i++)
		at = find_unreadable(p->m, p->client[i]);
	if (at == NONE)
		return NULL;
	return format_text("the registers of %s could not be read (root can)",
			   address_of(p->m, at));
}

static char *why_not(struct plan *p)
{
	struct pci_p2pdma_query q;
	int failing;

	choose_all(p, p->m->nr_allowed + count_hosts(p) <= MAX_ALLOWED);
	apply_chosen(p);
	failing = find_failing(p);
	rules_judge(p->m, p->provider, p->client[failing == NONE ? 0 : failing],
		    &q);
	restore_machine(p);
	p->refusal = q.reason;
	return reason_at(p->m, &q, "");
}

/*
 * What the kernel, a dump or the rules say now; NULL: all reach. @final: no
 * change of the tree helps.
 */
static char *refusal_now(struct plan *p, bool *final)
{
	struct pci_p2pdma_query q;
	enum answer_source source;
	char *reason = NULL;
	int i;

	*final = false;
	for (i = 0; i < p->nr_clients && !*final; i++) {
		source = ask(p->m, p->provider, p->client[i], &q);
		if (grade_of(&q) >= GRADE_HOST)
			continue;
		*final = !is_reached(&q) && is_known_to_kernel_only(&q);
		if (reason && !*final)
			continue;
		p->refusal = q.reason;
		free(reason);
		reason = reason_at(p->m, &q,
				   source == FROM_KERNEL ? "the kernel says: " : "");
	}
	return reason;
}

static void clear_choice(struct plan *p)
{
	int i;

	for (i = 0; i < p->nr; i++)
		p->change[i].chosen = false;
}

static bool is_writing_only(struct plan *p)
{
	bool found = false;
	int i;

	apply_chosen(p);
	for (i = 0; i < p->nr_clients; i++)
		found |= judge(p, i) == GRADE_WRITES;
	restore_machine(p);
	return found;
}

/* Registers say yes, and the kernel no: it goes by what it has read at boot. */
static bool is_disputed(struct plan *p)
{
	struct pci_p2pdma_query q;
	int i;

	for (i = 0; i < p->nr_clients; i++) {
		ask(p->m, p->provider, p->client[i], &q);
		if (!is_reached(&q))
			return true;
	}
	return false;
}

static void search(struct plan *p)
{
	bool final;
	char *now = refusal_now(p, &final);
	int i;

	if (!now) {
		p->possible = true;
		return;
	}
	if (final) {
		p->reason = now;
		return;
	}
	for (i = 0; i < p->nr_clients; i++)
		add_changes(p, p->client[i]);
	p->possible = find_plan(p);
	if (p->possible && !count_chosen(p) && is_disputed(p)) {
		p->possible = false;
		p->reason = now;
		return;
	}
	free(now);
	if (p->possible) {
		p->writes_only = is_writing_only(p);
		return;
	}
	p->reason = unreadable(p);
	if (!p->reason)
		p->reason = why_not(p);
	clear_choice(p);
}

int command_plan(struct machine *m, int argc, char **argv)
{
	struct plan p = { .m = m };
	int i;

	p.provider = find_device(m, argv[0]);
	p.nr_clients = argc - 1;
	p.client = zeroed(p.nr_clients, sizeof(*p.client));
	p.need = zeroed(p.nr_clients, sizeof(*p.need));
	for (i = 0; i < p.nr_clients; i++)
		p.client[i] = find_device(m, argv[i + 1]);
	save(&p);
	search(&p);
	print_plan(&p);
	free(p.client);
	free(p.need);
	free(p.saved);
	free(p.change);
	free(p.reason);
	return p.possible ? EXIT_YES : EXIT_NO;
}
