// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: "graph", the tree and what reaches what in it, for Graphviz
 *
 * Pairs aren't drawn: there are too many. Devices that stand in the same
 * relation to all others, and to each other, are one group; groups are grouped
 * again until nothing is alike. What is left are a few relations between
 * groups. Colours repeat, and say nothing that a text doesn't.
 */
#include <stdlib.h>

#include <pci/pci.h>

#include "machine.h"

/* More than these, and a picture is no help */
#define MAX_RELATIONS	100
#define MAX_SPOKES	128
#define MAX_ROUNDS	16

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

/**
 * struct unit - a device or a group of units
 * @rep: a device of it: all others are related as this one is
 * @group: the unit that it is a member of, NONE
 * @among: how its members are related to each other
 * @members: their number, 0 for a device
 * @letter: of a group, from 0 on
 * @near: the least distance of two devices that are members
 * @far: the greatest one; 0: none was measured
 * @key: for each relation a hash that members of one such group share
 */
struct unit {
	int rep;
	int group;
	enum grade among;
	int members;
	int letter;
	unsigned int near;
	unsigned int far;
	uint64_t key[NR_GRADES];
};

struct cell {
	uint8_t grade;
	uint8_t hops;
};

#define NR_REASONS	32

/**
 * struct graph - what is drawn
 * @m: the machine
 * @device: functions between which relations are asked
 * @nr: their number
 * @cell: @nr rows, by provider, of @nr clients
 * @unit: devices in the order of @device, then groups
 * @nr_units: their number
 * @top: units that are members of nothing
 * @nr_top: their number
 * @unit_of: of each function its unit, NONE
 * @is_drawn: of each function
 * @child: first function drawn below each function
 * @sibling: the next one with the same parent
 * @refusals: of each function, how many pairs it decides against, by reason
 * @last: the function that decided against the last one, NONE
 */
struct graph {
	struct machine *m;
	int *device;
	int nr;
	struct cell *cell;
	struct unit *unit;
	int nr_units;
	int *top;
	int nr_top;
	int *unit_of;
	bool *is_drawn;
	int *child;
	int *sibling;
	unsigned int (*refusals)[NR_REASONS];
	int last;
};

/* Questions */

/* Pairs that are refused one after the other are often refused at one port. */
static void count_refusal(struct graph *g, const struct pci_p2pdma_query *q)
{
	unsigned int reason = q->reason;

	if (g->last == NONE ||
	    !same_address(&g->m->fn[g->last].address, &q->at))
		g->last = machine_find(g->m, &q->at);
	if (g->last == NONE)
		return;
	if (reason >= NR_REASONS)
		reason = NR_REASONS - 1;
	g->refusals[g->last][reason]++;
}

static void ask_pair(struct graph *g, int provider, int client)
{
	struct cell *cell = &g->cell[(size_t)provider * g->nr + client];
	struct pci_p2pdma_query q;

	if (provider == client)
		return;
	ask(g->m, g->device[provider], g->device[client], &q);
	cell->grade = grade_of(&q);
	cell->hops = q.distance < UINT8_MAX ? q.distance : UINT8_MAX;
	if (!is_reached(&q))
		count_refusal(g, &q);
}

static void ask_all(struct graph *g)
{
	int i, j;

	for (i = 0; i < g->nr; i++)
		for (j = 0; j < g->nr; j++)
			ask_pair(g, i, j);
}

/* Groups */

static struct cell cell_of(const struct graph *g, int provider, int client)
{
	return g->cell[(size_t)provider * g->nr + client];
}

/* Both directions */
static unsigned int both(const struct graph *g, int a, int b)
{
	return cell_of(g, a, b).grade * NR_GRADES + cell_of(g, b, a).grade;
}

static uint64_t mix(uint64_t device, unsigned int grades)
{
	uint64_t x = (device << 8 | grades) + 1;

	x *= 0x9e3779b97f4a7c15;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9;
	return x ^ x >> 32;
}

/*
 * The sum over all others. Two that are alike differ in it by what they are to
 * each other, which a term of their own makes up for.
 */
static void set_keys(struct graph *g, struct unit *u)
{
	uint64_t sum = 0;
	enum grade grade;
	int i, other;

	for (i = 0; i < g->nr_top; i++) {
		other = g->unit[g->top[i]].rep;
		if (other != u->rep)
			sum += mix(other, both(g, u->rep, other));
	}
	for (grade = 0; grade < NR_GRADES; grade++)
		u->key[grade] = sum + mix(u->rep, grade * NR_GRADES + grade);
}

static bool are_alike(const struct graph *g, int a, int b, enum grade grade)
{
	int i, other;

	if (both(g, a, b) != grade * NR_GRADES + grade)
		return false;
	for (i = 0; i < g->nr_top; i++) {
		other = g->unit[g->top[i]].rep;
		if (other != a && other != b &&
		    both(g, a, other) != both(g, b, other))
			return false;
	}
	return true;
}

/*
 * Of the first @nr units that stand for themselves and for others of this
 * round: that which @u is like, by the best grade that it is for. Members of a
 * group are all alike, so one of them is compared.
 */
static int find_alike(const struct graph *g, const int *first, int nr,
		      const struct unit *u, enum grade *grade)
{
	int i, n;

	for (i = 0; i < nr; i++) {
		const struct unit *f = &g->unit[first[i]];

		for (n = NR_GRADES - 1; n >= 0; n--) {
			*grade = n;
			if (f->key[n] == u->key[n] &&
			    are_alike(g, f->rep, u->rep, n))
				return i;
		}
	}
	return NONE;
}

static int add_group(struct graph *g, int member, enum grade grade)
{
	struct unit *group;

	g->unit = grow(g->unit, g->nr_units, sizeof(*g->unit));
	group = &g->unit[g->nr_units];
	*group = (struct unit){
		.rep = g->unit[member].rep, .group = NONE, .among = grade,
		.members = 1, .letter = g->nr_units - g->nr,
	};
	g->unit[member].group = g->nr_units;
	return g->nr_units++;
}

static void join(struct graph *g, int first, int unit, enum grade grade)
{
	int group = g->unit[first].group;

	if (group == NONE)
		group = add_group(g, first, grade);
	g->unit[unit].group = group;
	g->unit[group].members++;
}

/* A round. false: no two are alike any more. */
static bool merge(struct graph *g)
{
	int *first = zeroed(g->nr_top, sizeof(*first));
	int i, alike, nr = 0, before = g->nr_top;
	enum grade grade;

	for (i = 0; i < g->nr_top; i++)
		set_keys(g, &g->unit[g->top[i]]);
	for (i = 0; i < g->nr_top; i++) {
		alike = find_alike(g, first, nr, &g->unit[g->top[i]],
				   &grade);
		if (alike == NONE)
			first[nr++] = g->top[i];
		else
			join(g, first[alike], g->top[i], grade);
	}
	for (i = 0; i < nr; i++)
		g->top[i] = g->unit[first[i]].group == NONE ?
			    first[i] : g->unit[first[i]].group;
	g->nr_top = nr;
	free(first);
	return nr < before;
}

static void measure_pair(struct graph *g, int a, int b)
{
	struct cell cell = cell_of(g, a, b);
	struct unit *group;

	if (a == b || cell.grade == GRADE_NOTHING ||
	    g->unit[a].group == NONE || g->unit[a].group != g->unit[b].group)
		return;
	group = &g->unit[g->unit[a].group];
	if (!group->far || cell.hops < group->near)
		group->near = cell.hops;
	if (cell.hops > group->far)
		group->far = cell.hops;
}

static void form_groups(struct graph *g)
{
	int i, j, rounds = 0;

	g->top = zeroed(g->nr, sizeof(*g->top));
	for (i = 0; i < g->nr; i++) {
		g->unit = grow(g->unit, i, sizeof(*g->unit));
		g->unit[i] = (struct unit){ .rep = i, .group = NONE };
		g->top[i] = i;
	}
	g->nr_units = g->nr;
	g->nr_top = g->nr;
	while (rounds++ < MAX_ROUNDS && merge(g))
		;
	for (i = 0; i < g->nr; i++)
		for (j = 0; j < g->nr; j++)
			measure_pair(g, i, j);
}

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
