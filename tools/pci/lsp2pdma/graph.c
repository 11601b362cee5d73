// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: "graph", the tree and what reaches what in it, for Graphviz
 *
 * Pairs aren't drawn: there are too many. groups.c makes a few relations of
 * them. Colours repeat, and say nothing that a text doesn't.
 */
#include <stdlib.h>

#include <pci/pci.h>

#include "graph.h"

/* More than these, and a picture is no help */
#define MAX_RELATIONS	100
#define MAX_SPOKES	128

/* Of the members of a group */
static const char * const among[] = {
	[GRADE_BUS]	= "reach each other by bus addresses",
	[GRADE_HOST]	= "reach each other through the host",
	[GRADE_WRITES]	= "can write to each other through the host, but not read",
	[GRADE_NOTHING]	= "don't reach each other",
};

/* Between groups */
static const char * const across[] = {
	[GRADE_BUS]	= "by bus addresses",
	[GRADE_HOST]	= "through host",
	[GRADE_WRITES]	= "through host, writes only",
	[GRADE_NOTHING]	= "",
};

/* Pale, below black text, and different to the colour-blind, too */
static const char * const fills[] = {
	"#77aadd", "#eedd88", "#44bb99", "#99ddff", "#bbcc33", "#aaaa00",
};

/* What is drawn */

static bool decides(const struct graph *g, int i)
{
	int reason;

	for (reason = 0; reason < NR_REASONS; reason++)
		if (g->refusals[i][reason])
			return true;
	return false;
}

static void choose_devices(struct graph *g)
{
	int i;

	for (i = 0; i < g->m->nr; i++) {
		g->unit_of[i] = NONE;
		if (is_bridge(&g->m->fn[i]) || !is_selected(g->m, i))
			continue;
		g->device = grow(g->device, g->nr, sizeof(*g->device));
		g->device[g->nr] = i;
		g->unit_of[i] = g->nr++;
	}
}

static void choose_drawn(struct graph *g)
{
	int i, above;

	for (i = 0; i < g->m->nr; i++) {
		if (g->unit_of[i] == NONE && !decides(g, i))
			continue;
		for (above = i; above != NONE && !g->is_drawn[above];
		     above = g->m->fn[above].parent)
			g->is_drawn[above] = true;
	}
	for (i = g->m->nr - 1; i >= 0; i--) {
		int parent = g->m->fn[i].parent;

		if (!g->is_drawn[i] || parent == NONE)
			continue;
		g->sibling[i] = g->child[parent];
		g->child[parent] = i;
	}
}

/* Texts. A backslash and a quote mean something in DOT, and an ampersand, too. */

static void print_escaped(const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if (*text == '&')
			printf("&amp;");
		else
			putchar(*text >= ' ' && *text < 0x7f ? *text : '?');
	}
}

/* A, B, ... Z, AA, AB, ... */
static void print_letter(int letter)
{
	if (letter >= 26)
		print_letter(letter / 26 - 1);
	putchar('A' + letter % 26);
}

static const char *fill_of(const struct unit *group)
{
	if (group->among == GRADE_NOTHING)
		return "#dddddd";
	return fills[group->letter % ARRAY_SIZE(fills)];
}

static void print_refusals(const struct graph *g, int i)
{
	unsigned int reason;

	for (reason = 0; reason < NR_REASONS; reason++) {
		if (!g->refusals[i][reason])
			continue;
		printf("\\nrefuses %u pair%s:\\n", g->refusals[i][reason],
		       g->refusals[i][reason] > 1 ? "s" : "");
		print_escaped(rules_reason(reason));
	}
}

static void print_memory(const struct function *f)
{
	if (f->memory)
		printf("\\nprovides %llu MiB%s", f->memory >> 20,
		       f->published ? ", published" : "");
}

/* Red for ports that decide; devices keep the colour of their group. */
static void print_style(const struct graph *g, int i)
{
	int group = NONE;

	if (g->unit_of[i] != NONE)
		group = g->unit[g->unit_of[i]].group;
	if (group != NONE)
		printf(", fillcolor=\"%s\"", fill_of(&g->unit[group]));
	if (!decides(g, i))
		return;
	printf(", color=\"#cc3311\", penwidth=4");
	if (group == NONE)
		printf(", fillcolor=\"#cc3311\", fontcolor=white");
}

static void print_device_text(const struct graph *g, int i)
{
	const struct function *f = &g->m->fn[i];
	int group = g->unit_of[i] == NONE ? NONE :
		    g->unit[g->unit_of[i]].group;

	if (f->names) {
		print_escaped(f->names);
		printf("\\n");
	}
	print_escaped(model_text(g->m, f));
	printf("\\n%s", address_text(&f->address));
	print_memory(f);
	if (group == NONE)
		return;
	printf("\\ngroup ");
	print_letter(g->unit[group].letter);
}

static void print_function(const struct graph *g, int i)
{
	const struct function *f = &g->m->fn[i];

	printf("\tf%d [label=\"", i);
	if (is_bridge(f))
		printf("%s", address_text(&f->address));
	else
		print_device_text(g, i);
	print_refusals(g, i);
	printf("\"");
	print_style(g, i);
	printf("];\n");
}

/* The tree */

static bool is_switch(const struct function *f)
{
	return pcie_type(f) == PCI_EXP_TYPE_UPSTREAM;
}

/* Of the link above a function. Inside of a switch there is none. */
static bool link_above(const struct graph *g, int i, struct link *link)
{
	const struct function *f = &g->m->fn[i];
	const struct function *parent = &g->m->fn[f->parent];

	if (is_switch(parent))
		return false;
	if (f->physfn != NONE)
		f = &g->m->fn[f->physfn];
	return (link_of(f, link) && link->speed) ||
	       (is_downstream_port(parent) && link_of(parent, link) &&
		link->speed);
}

static void print_tree_edge(const struct graph *g, int i)
{
	struct link link;

	printf("\tf%d -> f%d", g->m->fn[i].parent, i);
	if (link_above(g, i, &link)) {
		printf(" [label=\"");
		print_link(&link);
		printf("\"]");
	}
	printf(";\n");
}

static void print_switch(const struct graph *g, int i)
{
	int port;

	printf("\tsubgraph cluster_f%d {\n\tlabel=\"switch\\n", i);
	print_escaped(model_text(g->m, &g->m->fn[i]));
	printf("\";\n");
	print_function(g, i);
	for (port = g->child[i]; port != NONE; port = g->sibling[port])
		if (is_bridge(&g->m->fn[port]))
			print_function(g, port);
	printf("\t}\n");
}

static bool is_in_switch(const struct graph *g, int i)
{
	int parent = g->m->fn[i].parent;

	return is_bridge(&g->m->fn[i]) && parent != NONE &&
	       is_switch(&g->m->fn[parent]);
}

/* DOT allows the same node more than once. */
static void print_root_edge(const struct graph *g, int i)
{
	const struct function *f = &g->m->fn[i];
	const struct pci_p2pdma_address *a = &f->address;

	if (f->physfn != NONE)
		a = &g->m->fn[f->physfn].address;
	printf("\troot_%x_%x [label=\"root complex\\nbus %04x:%02x\"];\n",
	       a->domain, a->bus, a->domain, a->bus);
	printf("\troot_%x_%x -> f%d;\n", a->domain, a->bus, i);
}

static void print_tree(const struct graph *g)
{
	int i;

	for (i = 0; i < g->m->nr; i++) {
		if (!g->is_drawn[i])
			continue;
		if (is_switch(&g->m->fn[i]))
			print_switch(g, i);
		else if (!is_in_switch(g, i))
			print_function(g, i);
	}
	for (i = 0; i < g->m->nr; i++) {
		if (!g->is_drawn[i])
			continue;
		if (g->m->fn[i].parent == NONE)
			print_root_edge(g, i);
		else
			print_tree_edge(g, i);
	}
}

/* Relations */

static void print_unit_node(const struct graph *g, int unit)
{
	if (g->unit[unit].members)
		printf("g%d", g->unit[unit].letter);
	else
		printf("f%d", g->device[unit]);
}

static void print_unit_name(const struct graph *g, int unit)
{
	if (!g->unit[unit].members) {
		print_escaped(short_name(g->m, g->device[unit]));
		return;
	}
	printf("group ");
	print_letter(g->unit[unit].letter);
}

static void print_hops(const struct unit *group)
{
	if (!group->far)
		return;
	if (group->near == group->far)
		printf(", %u hops", group->far);
	else
		printf(", %u to %u hops", group->near, group->far);
}

/* A group of devices counts them; one of groups names some of its members. */
static void print_members(const struct graph *g, int group)
{
	int i, shown = 0, groups = 0;

	for (i = g->nr; i < g->nr_units; i++)
		groups += g->unit[i].group == group;
	if (!groups) {
		printf("these %d devices", g->unit[group].members);
		return;
	}
	for (i = 0; i < g->nr_units && shown < 8; i++) {
		if (g->unit[i].group != group)
			continue;
		printf("%s", shown++ ? ", " : "");
		print_unit_name(g, i);
	}
	if (shown < g->unit[group].members)
		printf(" and %d more", g->unit[group].members - shown);
}

static void print_group(const struct graph *g, int group)
{
	const struct unit *u = &g->unit[group];

	printf("\tg%d [shape=note, fillcolor=\"%s\", label=\"group ", u->letter,
	       fill_of(u));
	print_letter(u->letter);
	printf(":\\n");
	print_members(g, group);
	printf("\\n%s", among[u->among]);
	print_hops(u);
	printf("\"];\n");
}

static const char too_many[] =
	"\tmore [shape=note, label=\"more than can be drawn:\\nsee lsp2pdma matrix\"];\n";

/* From members to the text of their group: from all, unless they are many */
static void print_spokes(const struct graph *g)
{
	bool *has_spoke = zeroed(g->nr_units, sizeof(*has_spoke));
	int i, group;

	for (i = 0; i < g->nr_units; i++) {
		group = g->unit[i].group;
		if (group == NONE ||
		    (has_spoke[group] && g->unit[group].members > MAX_SPOKES))
			continue;
		has_spoke[group] = true;
		printf("\t");
		print_unit_node(g, i);
		printf(" -> g%d [dir=none, style=dashed];\n",
		       g->unit[group].letter);
	}
	free(has_spoke);
}

/*
 * A node with the text, and on both sides of it an edge: edges within a rank
 * that have labels are more than dot can lay out. Arrows point to providers.
 */
static void print_relation(const struct graph *g, int client, int provider,
			   enum grade grade, bool is_mutual, int number)
{
	printf("\tr%d [shape=plaintext, label=\"", number);
	print_unit_name(g, client);
	printf(is_mutual ? " and " : " reaches\\n");
	print_unit_name(g, provider);
	printf("%s\\n%s\"];\n\t", is_mutual ? "\\nreach each other" : "",
	       across[grade]);
	print_unit_node(g, client);
	printf(" -> r%d [dir=%s];\n\t", number, is_mutual ? "back" : "none");
	print_unit_node(g, provider);
	printf(" -> r%d [dir=back];\n", number);
}

/* Number of relations printed so far, of which there are @nr before */
static int print_relations_of(const struct graph *g, int a, int b, int nr)
{
	enum grade to_a, to_b;

	to_a = cell_of(g, g->unit[a].rep, g->unit[b].rep).grade;
	to_b = cell_of(g, g->unit[b].rep, g->unit[a].rep).grade;
	if (to_b != GRADE_NOTHING)
		print_relation(g, a, b, to_b, to_a == to_b, nr++);
	if (to_a != GRADE_NOTHING && to_a != to_b)
		print_relation(g, b, a, to_a, false, nr++);
	return nr;
}

static void print_relations(const struct graph *g)
{
	int i, j, nr = 0;

	for (i = g->nr; i < g->nr_units; i++)
		print_group(g, i);
	print_spokes(g);
	for (i = 0; i < g->nr_top && nr < MAX_RELATIONS; i++)
		for (j = i + 1; j < g->nr_top && nr < MAX_RELATIONS; j++)
			nr = print_relations_of(g, g->top[i], g->top[j], nr);
	if (nr >= MAX_RELATIONS)
		fputs(too_many, stdout);
}

static void init_graph(struct graph *g, struct machine *m)
{
	int i;

	*g = (struct graph){ .m = m, .last = NONE };
	g->unit_of = zeroed(m->nr, sizeof(*g->unit_of));
	g->is_drawn = zeroed(m->nr, sizeof(*g->is_drawn));
	g->child = zeroed(m->nr, sizeof(*g->child));
	g->sibling = zeroed(m->nr, sizeof(*g->sibling));
	g->refusals = zeroed(m->nr, sizeof(*g->refusals));
	for (i = 0; i < m->nr; i++) {
		g->child[i] = NONE;
		g->sibling[i] = NONE;
	}
	choose_devices(g);
	g->cell = zeroed((size_t)g->nr * g->nr, sizeof(*g->cell));
}

static void free_graph(struct graph *g)
{
	free(g->device);
	free(g->cell);
	free(g->unit);
	free(g->top);
	free(g->unit_of);
	free(g->is_drawn);
	free(g->child);
	free(g->sibling);
	free(g->refusals);
}

int command_graph(struct machine *m)
{
	struct graph g;

	init_graph(&g, m);
	ask_all(&g);
	form_groups(&g);
	choose_drawn(&g);
	printf("digraph lsp2pdma {\n\trankdir=LR;\n"
	       "\tgraph [fontname=\"sans-serif\"];\n"
	       "\tnode [shape=box, style=filled, fillcolor=white, fontname=\"sans-serif\"];\n"
	       "\tedge [fontname=\"sans-serif\", fontsize=10];\n");
	if (!g.nr)
		printf("\tnothing [label=\"no device is selected\"];\n");
	print_tree(&g);
	print_relations(&g);
	printf("}\n");
	free_graph(&g);
	return EXIT_YES;
}
