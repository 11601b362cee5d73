// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: the text of a plan
 *
 * Boot parameters, lines for setpci, IOMMU groups that merge, and JSON. Each
 * parameter has been tried on the model before it is printed.
 */
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "plan.h"

static const char * const kind_names[NR_KINDS] = {
	[HOST] = "host",
	[PAYLOAD] = "payload",
	[ATS] = "ats",
	[TAGS] = "tags",
	[ENHANCED] = "enhanced",
	[FORWARD] = "forward",
	[REDIRECT] = "redirect",
};

/* What is no register, and what drivers have read already */
static const char * const only_at_boot[NR_KINDS] = {
	[HOST] = "A host bridge can be allowed",
	[PAYLOAD] = "Payload sizes can be changed",
	[ATS] = "ATS can be turned off",
};

/**
 * struct parameters - for boot
 * @plain: without bits where that is possible; NULL: no change can be made so
 * @config_acs: ACS bit by bit, NULL if no ACS bits change
 */
struct parameters {
	char *plain;
	char *config_acs;
};

/* Parameters */

/* Bits that differ. Context: before restore_machine() */
static unsigned int written(const struct plan *p, int i, int which)
{
	const struct registers *r = &p->saved[i];

	if (!r->pos[which])
		return 0;
	return config_word(&p->m->fn[i], r->pos[which]) ^ r->value[which];
}

static bool changes_acs(const struct plan *p)
{
	int i;

	for (i = 0; i < p->m->nr; i++)
		if (written(p, i, ACS_CONTROL))
			return true;
	return false;
}

static bool has_lasting(const struct plan *p)
{
	int i;

	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen && is_lasting(p, &p->change[i]))
			return true;
	return false;
}

static bool has_fleeting(const struct plan *p)
{
	int i;

	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen && !is_lasting(p, &p->change[i]))
			return true;
	return false;
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
		if (!written(p, i, ACS_CONTROL))
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
	int i;

	fputs("p2pdma_allow_host=", to);
	for (i = 0; i < p->m->nr_allowed; i++)
		fprintf(to, "%s%s", i ? ";" : "", allowed_text(&p->m->allowed[i]));
}

static char *make_parameter(const struct plan *p, bool flags)
{
	const char *comma = "";
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		out_of_memory();
	fputs("pci=", to);
	if (is_chosen(p, PAYLOAD)) {
		fputs("pcie_bus_peer2peer", to);
		comma = ",";
	}
	if (is_chosen(p, ATS)) {
		fprintf(to, "%snoats", comma);
		comma = ",";
	}
	if (changes_acs(p)) {
		fprintf(to, "%s%s=", comma,
			flags ? "config_acs" : "disable_acs_redir");
		print_paths(p, flags, to);
		comma = ",";
	}
	if (is_chosen(p, HOST)) {
		fputs(comma, to);
		print_hosts(p, to);
	}
	if (fclose(to))
		out_of_memory();
	return text;
}

/* @parameter, or NULL if the model isn't as wanted after a boot with it */
static char *tried(struct plan *p, char *parameter)
{
	char *change;
	int failing;

	if (!parameter)
		return NULL;
	change = format_text("kernel:%s", parameter);
	apply_change(p->m, change);
	free(change);
	apply_fleeting(p);
	failing = find_failing(p);
	restore_machine(p);
	if (failing == NONE)
		return parameter;
	free(parameter);
	return NULL;
}

/* disable_acs_redir can't turn Upstream Forwarding on. */
static struct parameters make_parameters(struct plan *p)
{
	struct parameters made = { 0 };

	apply_lasting(p);
	if (changes_acs(p))
		made.config_acs = make_parameter(p, true);
	if (!is_chosen(p, FORWARD) && has_lasting(p))
		made.plain = make_parameter(p, false);
	restore_machine(p);
	made.config_acs = tried(p, made.config_acs);
	made.plain = tried(p, made.plain);
	if (!made.plain && made.config_acs)
		made.plain = copy_text(made.config_acs);
	return made;
}

/*
 * Lines for setpci. Payload sizes can't be changed under drivers, and the
 * kernel goes by what it knows of ATS, not by the register.
 */
static void print_setpci(const struct plan *p, const char *before,
			 const char *after, const char *separator)
{
	static const char * const names[NR_REGISTERS] = {
		[ACS_CONTROL] = "ECAP_ACS+6.w", [CONTROL2] = "CAP_EXP+28.w",
	};
	const char *between = "";
	int i, j;

	for (i = 0; i < p->m->nr; i++) {
		for (j = 0; j < NR_REGISTERS; j++) {
			unsigned int bits = written(p, i, j);

			if (!names[j] || !bits)
				continue;
			printf("%s%ssetpci -s %s %s=%04x:%04x%s", between,
			       before, address_of(p->m, i), names[j],
			       ~p->saved[i].value[j] & bits, bits, after);
			between = separator;
		}
	}
}

/* IOMMU groups that become one */

struct merges {
	int *before, *after;
	int *first;		/* by group: a function that it had before, NONE */
	bool *merged;		/* by group */
	int nr_groups;		/* after */
	int nr_lost;		/* number of groups before, less that after */
};

static void find_merges(struct plan *p, struct merges *g)
{
	struct machine *m = p->m;
	int i, nr_before;

	g->before = zeroed(m->nr, sizeof(*g->before));
	g->after = zeroed(m->nr, sizeof(*g->after));
	nr_before = isolation_groups(m, g->before);
	apply_chosen(p);
	g->nr_groups = isolation_groups(m, g->after);
	restore_machine(p);
	g->nr_lost = nr_before - g->nr_groups;
	g->first = zeroed(g->nr_groups, sizeof(*g->first));
	g->merged = zeroed(g->nr_groups, sizeof(*g->merged));
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
	bool *seen = zeroed(m->nr, sizeof(*seen));
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

/* In JSON */

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
		print_json_text(address_of(p->m, c->at));
		printf(",\"set\":");
		print_json_text(c->set);
		putchar('}');
		comma = ",";
	}
	printf("],");
}

static void print_json(struct plan *p, const struct parameters *with)
{
	struct merges g;
	int i;

	printf("{\"provider\":\"%s\",\"clients\":[", address_of(p->m, p->provider));
	for (i = 0; i < p->nr_clients; i++)
		printf("%s\"%s\"", i ? "," : "", address_of(p->m, p->client[i]));
	printf("],\"possible\":%s,\"writes_only\":%s,",
	       p->possible ? "true" : "false", p->writes_only ? "true" : "false");
	print_changes_json(p);
	printf("\"setpci\":[");
	apply_chosen(p);
	print_setpci(p, "\"", "\"", ",");
	restore_machine(p);
	printf("],\"each_boot\":[");
	apply_fleeting(p);
	print_setpci(p, "\"", "\"", ",");
	restore_machine(p);
	printf("],\"parameter\":");
	print_json_text(with->plain);
	printf(",\"config_acs\":");
	print_json_text(with->config_acs);
	putchar(',');
	find_merges(p, &g);
	print_merges_json(p->m, &g);
	free_merges(&g);
	printf(",\"reason\":");
	print_json_text(p->reason);
	putchar(',');
	print_json_assumed(p->m);
	printf("}\n");
}

/* In words */

static void print_names(const struct plan *p)
{
	int i;

	for (i = 0; i < p->nr_clients; i++) {
		fputs(i ? ", " : "", stdout);
		print_function(p->m, p->client[i]);
	}
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
	case ATS:
		printf("no Address Translation Services (ATS) in all of the machine");
		break;
	case TAGS:
		print_function(p->m, c->at);
		printf(": 10-bit tags off");
		break;
	case ENHANCED:
		print_function(p->m, c->at);
		printf(": ACS enhanced controls off");
		break;
	case FORWARD:
		print_function(p->m, c->at);
		printf(": Upstream Forwarding on");
		break;
	case REDIRECT:
		print_function(p->m, c->at);
		printf(": ACS %s off", strchr(c->set, '=') + 1);
		break;
	case NR_KINDS:
		break;
	}
	putchar('\n');
}

static void print_boot(const struct parameters *with)
{
	if (!with->plain)
		return;
	printf("\nFor good, a boot parameter, quoted since GRUB ends a command at ';':\n");
	printf("  \"%s\"\n", with->plain);
	printf("in /etc/default/grub, beside what is there, and then update-grub:\n");
	printf("  GRUB_CMDLINE_LINUX='\"%s\"'\n", with->plain);
	if (!with->config_acs || !strcmp(with->config_acs, with->plain))
		return;
	printf("or, from Linux 6.11 on, with Source Validation and Upstream Forwarding kept:\n");
	printf("  GRUB_CMDLINE_LINUX='\"%s\"'\n", with->config_acs);
}

static void print_now(struct plan *p)
{
	const char *start = "\n";
	int kind;

	if (is_chosen(p, REDIRECT) || is_chosen(p, FORWARD) ||
	    has_fleeting(p)) {
		printf("\nFor now, as root, until a reset or the next boot:\n");
		apply_chosen(p);
		print_setpci(p, "  ", "\n", "");
		restore_machine(p);
	}
	if (is_chosen(p, TAGS))
		printf("(10-bit tags: while no driver is bound there, with nothing in flight.)\n");
	for (kind = 0; kind < NR_KINDS; kind++) {
		if (!only_at_boot[kind] || !is_chosen(p, kind))
			continue;
		printf("%s%s only at boot.\n", start, only_at_boot[kind]);
		start = "";
	}
}

static bool changes_virtual(const struct plan *p)
{
	int i;

	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen && p->change[i].at != NONE &&
		    p->m->fn[p->change[i].at].physfn != NONE)
			return true;
	return false;
}

static void print_each_boot(struct plan *p)
{
	if (!has_fleeting(p))
		return;
	printf("\nAt each boot%s, since no parameter does it:\n",
	       changes_virtual(p) ? ", and when virtual functions are made" : "");
	apply_fleeting(p);
	print_setpci(p, "  ", "\n", "");
	restore_machine(p);
}

static void print_writes_only(const struct plan *p)
{
	printf("\n%s can write to the provider, but not read from it. If\n%s\n",
	       p->nr_clients == 1 ? "The client" : "Some clients",
	       "the host bridge routes reads, too, allow it without \":w\".");
}

static void print_warnings(const struct plan *p)
{
	if (is_chosen(p, HOST))
		printf("\nNo register tells whether that host bridge routes. If not,\n%s\n",
		       "data is lost without an error: ask its vendor, and test.");
	if (p->writes_only)
		print_writes_only(p);
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

/* "NAMES reach PROVIDER" */
static void print_aim(const struct plan *p)
{
	print_names(p);
	printf(" reach%s ", p->nr_clients == 1 ? "es" : "");
	print_function(p->m, p->provider);
}

static void print_changes(struct plan *p, const struct parameters *with)
{
	struct merges g;
	int i, nr = count_chosen(p);

	printf("%d change%s so that ", nr, nr == 1 ? "" : "s");
	print_aim(p);
	printf(":\n");
	for (i = 0; i < p->nr; i++)
		if (p->change[i].chosen)
			print_change(p, &p->change[i]);
	print_now(p);
	print_boot(with);
	print_each_boot(p);
	print_warnings(p);
	find_merges(p, &g);
	print_merges(p->m, &g);
	free_merges(&g);
	if (is_chosen(p, REDIRECT))
		printf("What isn't redirected any more goes past an IOMMU, %s.\n",
		       "whatever groups say");
	print_try(p);
}

static void print_words(struct plan *p, const struct parameters *with)
{
	if (!p->possible) {
		printf("nothing helps: %s\n", p->reason);
		if (outside_text(p->refusal))
			printf("what would change it: %s\n",
			       outside_text(p->refusal));
	} else if (!count_chosen(p)) {
		printf("nothing to do: ");
		print_aim(p);
		putchar('\n');
		if (p->writes_only)
			print_writes_only(p);
	} else {
		print_changes(p, with);
	}
	print_assumed(p->m);
}

void print_plan(struct plan *p)
{
	struct parameters with = make_parameters(p);

	if (json)
		print_json(p, &with);
	else
		print_words(p, &with);
	free(with.plain);
	free(with.config_acs);
}
