// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: plan, the smallest set of changes that lets clients reach a provider
 *
 * Each change is a text that --set takes, and is tried on the model: what the
 * rules say then decides, not what should follow. All changes that could help
 * are made at once. If that is enough, they are undone one by one as long as
 * it stays enough, in several orders; the cheapest rest is the plan. So no
 * change of it is superfluous, and what is printed has been judged as it is
 * printed: single bits, and as a boot parameter.
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
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

#define ACS_CTRL	"ECAP_ACS+6.w"	/* as setpci has it */
#define ACS_UNKNOWN	0xffff

/* In the order in which they are done without: a host last, so first */
enum change_kind {
	HOST,
	PAYLOAD,
	FORWARD,
	REDIRECT,
};

static const char * const kind_names[] = {
	[HOST] = "host",
	[PAYLOAD] = "payload",
	[FORWARD] = "forward",
	[REDIRECT] = "redirect",
};

/**
 * struct change - what may be done
 * @kind: which of them
 * @at: the function, NONE for a host bridge and for payload sizes
 * @set: as --set takes it
 * @pairs: number of clients that it is for
 * @chosen: it is done
 */
struct change {
	enum change_kind kind;
	int at;
	char set[64];
	int pairs;
	bool chosen;
};

/* What a client gets */
enum grade { NOTHING, WRITES, ALL };

/* A function's registers that changes write to, at offset 0 if it hasn't them */
struct registers {
	unsigned int acs, acs_value;
	unsigned int devctl, devctl_value;
};

/**
 * struct plan - the search
 * @m: the machine
 * @before: it, as it was
 * @saved: registers as they were, by function
 * @provider: index
 * @client: indices
 * @need: what each client is to get
 * @nr_clients: their number
 * @change: what may be done
 * @nr: number of these
 */
struct plan {
	struct machine *m;
	struct machine before;
	struct registers *saved;
	int provider;
	int *client;
	enum grade *need;
	int nr_clients;
	struct change *change;
	int nr;
};

static void *allocate(size_t nr, size_t size)
{
	void *memory = calloc(nr + 1, size);

	if (!memory)
		errx(EXIT_OTHER, "out of memory");
	return memory;
}

static const char *address_of(const struct machine *m, int i)
{
	return address_text(&m->fn[i].address);
}

/* The model, changed and back */

static void save(struct plan *p)
{
	struct machine *m = p->m;
	int i;

	p->before = *m;
	p->saved = allocate(m->nr, sizeof(*p->saved));
	for (i = 0; i < m->nr; i++) {
		struct registers *r = &p->saved[i];
		unsigned int acs = find_extended(&m->fn[i], PCI_EXT_CAP_ID_ACS);
		unsigned int exp = find_capability(&m->fn[i], PCI_CAP_ID_EXP);

		r->acs = acs ? acs + PCI_ACS_CTRL : 0;
		r->acs_value = config_word(&m->fn[i], r->acs);
		r->devctl = exp ? exp + PCI_EXP_DEVCTL : 0;
		r->devctl_value = config_word(&m->fn[i], r->devctl);
	}
}

static void restore(struct plan *p)
{
	struct machine *m = p->m;
	int i;

	for (i = 0; i < m->nr; i++) {
		struct registers *r = &p->saved[i];

		if (r->acs)
			config_set(&m->fn[i], r->acs, 2, r->acs_value);
		if (r->devctl)
			config_set(&m->fn[i], r->devctl, 2, r->devctl_value);
	}
	memcpy(m->allowed, p->before.allowed, sizeof(m->allowed));
	m->nr_allowed = p->before.nr_allowed;
	m->changed = p->before.changed;
	rules_forget(m);
}

static void apply_chosen(struct plan *p)
{
	int i;

	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen)
			apply_change(p->m, p->change[i].set);
}

static enum grade grade_of(const struct pci_p2pdma_query *q)
{
	if (!is_reached(q))
		return NOTHING;
	return q->reason == PCI_P2PDMA_REASON_WRITES_ONLY ? WRITES : ALL;
}

static enum grade judge(struct plan *p, int client)
{
	struct pci_p2pdma_query q;

	rules_judge(p->m, p->provider, p->client[client], &q);
	return grade_of(&q);
}

/* The first client that doesn't get what it needs, NONE if all do */
static int find_failing(struct plan *p)
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
	restore(p);
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

	if (i == NONE || m->fn[i].physfn != NONE ||
	    !acs_words(&m->fn[i], &cap, &ctrl))
		return 0;
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

static int cost_of(const struct plan *p)
{
	static const int costs[] = {
		[HOST] = 1000000, [PAYLOAD] = 10000, [FORWARD] = 1, [REDIRECT] = 1,
	};
	int i, cost = 0;

	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen)
			cost += costs[p->change[i].kind];
	return cost;
}

/* With what is chosen it is enough: keep the cheapest part that still is. */
static void reduce(struct plan *p)
{
	static int (* const orders[])(const void *a, const void *b) = {
		by_kind, by_kind_forwarding_last, by_use,
	};
	size_t size = p->nr * sizeof(*p->change), i;
	struct change *all = allocate(p->nr, sizeof(*all));
	struct change *best = allocate(p->nr, sizeof(*best));
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
		p->need[i] = judge(p, i) == ALL ? ALL : WRITES;
	restore(p);
}

static bool find_plan(struct plan *p)
{
	int i;

	for (i = 0; i < p->nr_clients; i++)
		p->need[i] = ALL;
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

/* Text of the plan */

struct text {
	char *s;
	size_t size;
	FILE *to;
};

static FILE *begin_text(struct text *t)
{
	t->to = open_memstream(&t->s, &t->size);
	if (!t->to)
		errx(EXIT_OTHER, "out of memory");
	return t->to;
}

static char *end_text(struct text *t)
{
	if (fclose(t->to))
		errx(EXIT_OTHER, "out of memory");
	return t->s;
}

static bool is_chosen(const struct plan *p, enum change_kind kind)
{
	int i;

	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen && p->change[i].kind == kind)
			return true;
	return false;
}

/* The model is changed while this is asked. */
static bool is_written(const struct plan *p, int i)
{
	const struct registers *r = &p->saved[i];

	return r->acs && config_word(&p->m->fn[i], r->acs) != r->acs_value;
}

/*
 * Bits as they are now, so that what Linux has turned on stays on: what isn't
 * said is as firmware left it. Bits that are off, but for redirection, are
 * left to firmware.
 */
static void print_flags(const struct plan *p, int i, FILE *to)
{
	static const unsigned int said = PCI_ACS_CTRL_REQ_RED |
					 PCI_ACS_CTRL_CMPLT_RED |
					 PCI_ACS_CTRL_EGRESS;
	unsigned int cap, ctrl, bit;

	acs_words(&p->m->fn[i], &cap, &ctrl);
	for (bit = PCI_ACS_CTRL_TRANS; bit; bit >>= 1)
		fputc(!(cap & bit) ? 'x' : ctrl & bit ? '1' : said & bit ? '0' : 'x',
		      to);
	fputc('@', to);
}

static void print_paths(const struct plan *p, bool flags, FILE *to)
{
	const char *separator = "";
	char *path;
	int i;

	for (i = 0; i < p->m->nr; i++) {
		if (!is_written(p, i))
			continue;
		fputs(separator, to);
		if (flags)
			print_flags(p, i, to);
		path = path_text(p->m, i);
		fputs(path, to);
		free(path);
		separator = ";";
	}
}

static void print_hosts(const struct plan *p, FILE *to)
{
	const char *separator = "p2pdma_allow_host=";
	int i;

	for (i = 0; i < p->m->nr_allowed; i++) {
		const struct allowed *a = &p->m->allowed[i];

		fprintf(to, "%s%04x:%04x%s", separator, a->vendor, a->device,
			a->writes_only ? ":w" : "");
		separator = ";";
	}
}

/* The model is changed while this is made. */
static char *make_parameter(const struct plan *p, bool flags)
{
	bool acs = is_chosen(p, REDIRECT) || is_chosen(p, FORWARD);
	struct text t;
	FILE *to = begin_text(&t);
	const char *comma = "";

	fputs("pci=", to);
	if (is_chosen(p, PAYLOAD)) {
		fputs("pcie_bus_peer2peer", to);
		comma = ",";
	}
	if (acs) {
		fprintf(to, "%s%s=", comma,
			flags ? "config_acs" : "disable_acs_redir");
		print_paths(p, flags, to);
		comma = ",";
	}
	if (is_chosen(p, HOST)) {
		fputs(comma, to);
		print_hosts(p, to);
	}
	return end_text(&t);
}

/* The model as a boot with @parameter makes it */
static bool works(struct plan *p, const char *parameter)
{
	struct text t;
	int failing;

	fprintf(begin_text(&t), "kernel:%s", parameter);
	apply_change(p->m, end_text(&t));
	free(t.s);
	failing = find_failing(p);
	restore(p);
	return failing == NONE;
}

/* Lines for setpci; payload sizes can't be changed under drivers. */
static void print_setpci(const struct plan *p, const char *before,
			 const char *after, const char *separator)
{
	const char *between = "";
	int i;

	for (i = 0; i < p->m->nr; i++) {
		unsigned int was = p->saved[i].acs_value, is;

		if (!is_written(p, i))
			continue;
		is = config_word(&p->m->fn[i], p->saved[i].acs);
		printf("%s%ssetpci -s %s " ACS_CTRL "=%04x:%04x%s", between,
		       before, address_of(p->m, i), is & (was ^ is), was ^ is,
		       after);
		between = separator;
	}
}

/* IOMMU groups that become one */

struct merges {
	int *before, *after;
	int *first;		/* by group: a function that it had before, NONE */
	bool *merged;		/* by group */
	int nr_groups;		/* after */
	int nr_lost;		/* groups less than before */
};

static void find_merges(struct plan *p, struct merges *g)
{
	struct machine *m = p->m;
	int i, nr_before;

	g->before = allocate(m->nr, sizeof(*g->before));
	g->after = allocate(m->nr, sizeof(*g->after));
	nr_before = isolation_groups(m, g->before);
	apply_chosen(p);
	g->nr_groups = isolation_groups(m, g->after);
	restore(p);
	g->nr_lost = nr_before - g->nr_groups;
	g->first = allocate(g->nr_groups, sizeof(*g->first));
	g->merged = allocate(g->nr_groups, sizeof(*g->merged));
	for (i = 0; i < g->nr_groups; i++)
		g->first[i] = NONE;
	for (i = 0; i < m->nr; i++) {
		int group = g->after[i], *first = &g->first[group];

		if (*first == NONE)
			*first = i;
		else if (g->before[*first] != g->before[i])
			g->merged[group] = true;
	}
}

static void free_merges(struct merges *g)
{
	free(g->before);
	free(g->after);
	free(g->first);
	free(g->merged);
}

static void print_group_json(const struct machine *m, const struct merges *g,
			     int group)
{
	const char *comma = "";
	int i;

	putchar('[');
	for (i = 0; i < m->nr; i++) {
		if (g->after[i] != group)
			continue;
		printf("%s\"%s\"", comma, address_of(m, i));
		comma = ",";
	}
	putchar(']');
}

static void print_merges_json(const struct machine *m, const struct merges *g)
{
	const char *comma = "";
	int group;

	printf("\"merges\":[");
	for (group = 0; group < g->nr_groups; group++) {
		if (!g->merged[group])
			continue;
		fputs(comma, stdout);
		print_group_json(m, g, group);
		comma = ",";
	}
	putchar(']');
}

static int count_parts(const struct machine *m, const struct merges *g, int group)
{
	bool *seen = allocate(m->nr, sizeof(*seen));
	int i, nr = 0;

	for (i = 0; i < m->nr; i++) {
		if (g->after[i] != group || seen[g->before[i]])
			continue;
		seen[g->before[i]] = true;
		nr++;
	}
	free(seen);
	return nr;
}

static void print_function(const struct machine *m, int i)
{
	const char *name = short_name(m, i);

	printf("%s", address_of(m, i));
	if (strcmp(name, address_of(m, i)))
		printf(" (%s)", name);
}

static void print_merges(const struct machine *m, const struct merges *g)
{
	int group, i;

	if (g->nr_lost <= 0) {
		printf("\nNo IOMMU groups merge.\n");
		return;
	}
	printf("\nWhat isolation is lost where an IOMMU is in use:\n");
	for (group = 0; group < g->nr_groups; group++) {
		if (!g->merged[group])
			continue;
		printf("  %d IOMMU groups become one, of these functions:\n",
		       count_parts(m, g, group));
		for (i = 0; i < m->nr; i++)
			if (g->after[i] == group)
				printf("    %s  %s %s\n", address_of(m, i),
				       kind_text(&m->fn[i]), short_name(m, i));
	}
}

/* Output of a plan */

/**
 * struct found - a plan, or why there is none
 * @possible: there is a plan
 * @writes_only: some clients can only write
 * @parameter: for boot, NULL without
 * @config_acs: likewise, bit by bit; NULL if no ACS bits change
 * @reason: why there is no plan, NULL if there is
 */
struct found {
	bool possible;
	bool writes_only;
	char *parameter;
	char *config_acs;
	char *reason;
};

static int count_chosen(const struct plan *p)
{
	int i, nr = 0;

	for (i = 0; i < p->nr; i++)
		nr += p->change[i].chosen;
	return nr;
}

/* A port that must forward isn't told so by disable_acs_redir. */
static void make_parameters(struct plan *p, struct found *f)
{
	bool acs = is_chosen(p, REDIRECT) || is_chosen(p, FORWARD);

	apply_chosen(p);
	if (acs)
		f->config_acs = make_parameter(p, true);
	if (!is_chosen(p, FORWARD) && count_chosen(p))
		f->parameter = make_parameter(p, false);
	restore(p);
	if (f->config_acs && !works(p, f->config_acs)) {
		free(f->config_acs);
		f->config_acs = NULL;
	}
	if (f->parameter && !works(p, f->parameter)) {
		free(f->parameter);
		f->parameter = NULL;
	}
	if (!f->parameter && f->config_acs)
		f->parameter = copy_text(f->config_acs);
}

static void print_names(const struct plan *p, const char *separator)
{
	int i;

	for (i = 0; i < p->nr_clients; i++) {
		fputs(i ? separator : "", stdout);
		print_function(p->m, p->client[i]);
	}
}

static void print_changes_json(const struct plan *p)
{
	const char *comma = "";
	int i;

	printf("\"changes\":[");
	for (i = 0; i < p->nr; i++) {
		const struct change *c = &p->change[i];

		if (!c->chosen)
			continue;
		printf("%s{\"kind\":\"%s\",\"at\":", comma, kind_names[c->kind]);
		print_json_text(c->at == NONE ? NULL : address_of(p->m, c->at));
		printf(",\"set\":");
		print_json_text(c->set);
		putchar('}');
		comma = ",";
	}
	printf("],");
}

static void print_found_json(struct plan *p, const struct found *f)
{
	struct merges g;
	int i;

	printf("{\"provider\":\"%s\",\"clients\":[", address_of(p->m, p->provider));
	for (i = 0; i < p->nr_clients; i++)
		printf("%s\"%s\"", i ? "," : "", address_of(p->m, p->client[i]));
	printf("],\"possible\":%s,\"writes_only\":%s,",
	       f->possible ? "true" : "false", f->writes_only ? "true" : "false");
	print_changes_json(p);
	printf("\"setpci\":[");
	apply_chosen(p);
	print_setpci(p, "\"", "\"", ",");
	restore(p);
	printf("],\"parameter\":");
	print_json_text(f->parameter);
	printf(",\"config_acs\":");
	print_json_text(f->config_acs);
	putchar(',');
	find_merges(p, &g);
	print_merges_json(p->m, &g);
	free_merges(&g);
	printf(",\"reason\":");
	print_json_text(f->reason);
	putchar(',');
	print_json_assumed(p->m);
	printf("}\n");
}

static void print_change(const struct plan *p, const struct change *c)
{
	printf("  ");
	switch (c->kind) {
	case HOST:
		printf("allow what is written through the host bridge %.9s",
		       c->set + strlen("host="));
		break;
	case PAYLOAD:
		printf("payloads of 128 bytes in all of the machine");
		break;
	case FORWARD:
		print_function(p->m, c->at);
		printf(": Upstream Forwarding on");
		break;
	case REDIRECT:
		print_function(p->m, c->at);
		printf(": ACS %s off", strchr(c->set, '=') + 1);
		break;
	}
	putchar('\n');
}

static void print_boot(const struct found *f)
{
	if (!f->parameter)
		return;
	printf("\nFor good, a boot parameter, quoted since GRUB ends a command at ';':\n");
	printf("  \"%s\"\n", f->parameter);
	printf("in /etc/default/grub, beside what is there, and then update-grub:\n");
	printf("  GRUB_CMDLINE_LINUX='\"%s\"'\n", f->parameter);
	if (!f->config_acs || !strcmp(f->config_acs, f->parameter))
		return;
	printf("or, from Linux 6.11 on, with Source Validation and Upstream Forwarding kept:\n");
	printf("  GRUB_CMDLINE_LINUX='\"%s\"'\n", f->config_acs);
}

static void print_now(struct plan *p)
{
	if (is_chosen(p, REDIRECT) || is_chosen(p, FORWARD)) {
		printf("\nFor now, as root, until a reset or the next boot:\n");
		apply_chosen(p);
		print_setpci(p, "  ", "\n", "");
		restore(p);
	}
	if (is_chosen(p, HOST) || is_chosen(p, PAYLOAD))
		printf("\n%s only at boot.\n", is_chosen(p, PAYLOAD) ?
		       "Payload sizes can be changed" : "A host bridge can be allowed");
}

static void print_warnings(const struct plan *p, const struct found *f)
{
	if (is_chosen(p, HOST))
		printf("\nNo register tells whether that host bridge routes. If not,\n%s\n",
		       "data is lost without an error: ask its vendor, and test.");
	if (f->writes_only)
		printf("\nSome clients can write to the provider, but not read from it. If\n%s\n",
		       "the host bridge routes reads, too, allow it without \":w\".");
}

static void print_try(const struct plan *p)
{
	int i;

	printf("\nTo see what would be:\n  lsp2pdma");
	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen)
			printf(" -s %s", p->change[i].set);
	printf(" explain %s %s\n", address_of(p->m, p->provider),
	       address_of(p->m, p->client[0]));
}

static void print_plan(struct plan *p, const struct found *f)
{
	struct merges g;
	int i, nr = count_chosen(p);

	printf("%d change%s so that ", nr, nr == 1 ? "" : "s");
	print_names(p, ", ");
	printf(" reach%s ", p->nr_clients == 1 ? "es" : "");
	print_function(p->m, p->provider);
	printf(":\n");
	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen)
			print_change(p, &p->change[i]);
	print_now(p);
	print_boot(f);
	print_warnings(p, f);
	find_merges(p, &g);
	print_merges(p->m, &g);
	free_merges(&g);
	if (is_chosen(p, REDIRECT))
		printf("What is below these ports reaches its peers past an IOMMU, %s.\n",
		       "whatever groups say");
	print_try(p);
}

static void print_found(struct plan *p, const struct found *f)
{
	if (json) {
		print_found_json(p, f);
		return;
	}
	if (!f->possible) {
		printf("nothing helps: %s\n", f->reason);
	} else if (!count_chosen(p)) {
		printf("nothing to do: ");
		print_names(p, ", ");
		printf(" reach%s ", p->nr_clients == 1 ? "es" : "");
		print_function(p->m, p->provider);
		printf("%s\n", f->writes_only ? ", some of them to write only" : "");
	} else {
		print_plan(p, f);
	}
	print_assumed(p->m, stdout);
}

/* Why there is none */

static char *reason_at(const struct machine *m, const struct pci_p2pdma_query *q,
		       const char *by)
{
	int at = machine_find(m, &q->at);
	struct text t;
	FILE *to = begin_text(&t);

	fprintf(to, "%s%s, at %s", by, rules_reason(q->reason),
		address_text(&q->at));
	if (at != NONE && strcmp(short_name(m, at), address_of(m, at)))
		fprintf(to, " (%s)", short_name(m, at));
	fprintf(to, ", from %s", address_text(&q->client));
	return end_text(&t);
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
	struct text t;

	for (i = 0; at == NONE && i < p->nr_clients; i++)
		at = find_unreadable(p->m, p->client[i]);
	if (at == NONE)
		return NULL;
	fprintf(begin_text(&t), "the registers of %s could not be read (root can)",
		address_of(p->m, at));
	return end_text(&t);
}

/* A refusal that isn't one of the path: no change of the tree helps. */
static bool is_of_functions(const struct pci_p2pdma_query *q)
{
	return q->reason == PCI_P2PDMA_REASON_DMA_MASK ||
	       q->reason == PCI_P2PDMA_REASON_SWIOTLB ||
	       q->reason == PCI_P2PDMA_REASON_REMOVED;
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
	restore(p);
	return reason_at(p->m, &q, "");
}

/* What the kernel or a dump says now; NULL: all reach */
static char *refusal_now(struct plan *p, bool *final)
{
	struct pci_p2pdma_query q;
	enum answer_source source;
	char *reason = NULL;
	int i;

	*final = false;
	for (i = 0; i < p->nr_clients && !*final; i++) {
		source = ask(p->m, p->provider, p->client[i], &q);
		if (grade_of(&q) == ALL)
			continue;
		*final = !is_reached(&q) && is_of_functions(&q);
		if (reason && !*final)
			continue;
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
		found |= judge(p, i) == WRITES;
	restore(p);
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

static void search(struct plan *p, struct found *f)
{
	bool final;
	char *now = refusal_now(p, &final);
	int i;

	if (!now) {
		f->possible = true;
		return;
	}
	if (final) {
		f->reason = now;
		return;
	}
	for (i = 0; i < p->nr_clients; i++)
		add_changes(p, p->client[i]);
	f->possible = find_plan(p);
	if (f->possible && !count_chosen(p) && is_disputed(p)) {
		f->possible = false;
		f->reason = now;
		now = NULL;
	} else if (!f->possible) {
		f->reason = unreadable(p);
		if (!f->reason)
			f->reason = why_not(p);
	}
	free(now);
	if (!f->possible) {
		clear_choice(p);
		return;
	}
	f->writes_only = is_writing_only(p);
	make_parameters(p, f);
}

int command_plan(struct machine *m, int argc, char **argv)
{
	struct plan p = { .m = m };
	struct found f = { 0 };
	int i;

	if (argc < 2)
		errx(EXIT_USAGE, "plan needs a provider and at least one client");
	p.provider = find_device(m, argv[0]);
	p.nr_clients = argc - 1;
	p.client = allocate(p.nr_clients, sizeof(*p.client));
	p.need = allocate(p.nr_clients, sizeof(*p.need));
	for (i = 0; i < p.nr_clients; i++)
		p.client[i] = find_device(m, argv[i + 1]);
	save(&p);
	search(&p, &f);
	print_found(&p, &f);
	free(p.client);
	free(p.need);
	free(p.saved);
	free(p.change);
	free(f.parameter);
	free(f.config_acs);
	free(f.reason);
	return f.possible ? EXIT_YES : EXIT_NO;
}
