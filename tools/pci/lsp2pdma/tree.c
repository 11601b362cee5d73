// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma tree: the PCI tree, with what decides
 *
 * A line for each function, in the order of a walk down the tree. A machine
 * can be as deep as its file says, so the walk is a loop over links between
 * functions and doesn't recurse.
 */
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

/**
 * struct tree - the order of a machine's functions
 * @m: the machine
 * @child: of each function the first one below it, NONE without
 * @sibling: of each function the next one below the same bridge, NONE: last
 * @root: the first function on a root bus, NONE: no functions
 * @order: indices, bridges before what is below them
 * @nr: their number
 * @shown: by index: it is selected, or leads to what is
 */
struct tree {
	struct machine *m;
	int *child;
	int *sibling;
	int root;
	int *order;
	int nr;
	bool *shown;
};

/* The order */

/* Backwards, so that lists have the order of the machine, by address. */
static void link_functions(struct tree *t)
{
	int i;

	t->root = NONE;
	for (i = 0; i < t->m->nr; i++)
		t->child[i] = NONE;
	for (i = t->m->nr - 1; i >= 0; i--) {
		int parent = t->m->fn[i].parent;
		int *first = parent == NONE ? &t->root : &t->child[parent];

		t->sibling[i] = *first;
		*first = i;
	}
}

static void walk(struct tree *t)
{
	int i = t->root;

	while (i != NONE) {
		t->order[t->nr++] = i;
		if (t->child[i] != NONE) {
			i = t->child[i];
			continue;
		}
		while (i != NONE && t->sibling[i] == NONE)
			i = t->m->fn[i].parent;
		if (i != NONE)
			i = t->sibling[i];
	}
}

/* A bridge that is an argument selects what is below it. */
static void choose(struct tree *t)
{
	const struct function *fn = t->m->fn;
	bool any = false;
	int n;

	for (n = 0; n < t->nr; n++) {
		int i = t->order[n], parent = fn[i].parent;

		t->shown[i] = is_selected(t->m, i) ||
			      (selection.nr_devices && parent != NONE &&
			       t->shown[parent]);
		any |= t->shown[i];
	}
	for (n = t->nr - 1; n >= 0; n--) {
		int i = t->order[n], parent = fn[i].parent;
		bool all = !any || (selection.all && !selection.nr_devices);

		t->shown[i] |= all;
		if (t->shown[i] && parent != NONE)
			t->shown[parent] = true;
	}
}

/* What a function is */

static const char *port_text(const struct function *f)
{
	if (!is_bridge(f))
		return kind_text(f);
	switch (pcie_type(f)) {
	case PCI_EXP_TYPE_ROOT_PORT:
		return "root port";
	case PCI_EXP_TYPE_UPSTREAM:
		return "upstream port";
	case PCI_EXP_TYPE_DOWNSTREAM:
		return "downstream port";
	case PCI_EXP_TYPE_PCI_BRIDGE:
		return "bridge to conventional PCI";
	default:
		return "bridge";
	}
}

static void print_tree_link(const struct function *f)
{
	struct link link;

	if (!link_of(f, &link) || !link.speed || !link.width)
		return;
	printf(", ");
	print_link(&link);
	if (link.speed >= link.max_speed && link.width >= link.max_width)
		return;
	if (link.max_speed)
		link.speed = link.max_speed;
	if (link.max_width)
		link.width = link.max_width;
	printf(" (of ");
	print_link(&link);
	printf(")");
}

static void print_place(const struct function *f)
{
	if (f->numa != NONE)
		printf(", node %d", f->numa);
	if (f->group != NONE)
		printf(", group %d", f->group);
	if (f->driver)
		printf(", driver %s", f->driver);
}

/* A known redirection is worth saying where there is no register for it, too. */
static bool has_acs(struct machine *m, int i)
{
	unsigned int cap, ctrl, in_effect;

	if (is_bridge(&m->fn[i]) || acs_words(&m->fn[i], &cap, &ctrl))
		return true;
	in_effect = rules_acs(m, i);
	return in_effect && in_effect != ACS_UNKNOWN;
}

/*
 * A text needn't have the lines of Command and Status: both are 0 then, which
 * they are in few functions.
 */
static bool is_command_known(const struct machine *m, const struct function *f)
{
	if (!f->known || (f->class >> 8 == PCI_BASE_CLASS_BRIDGE && !is_bridge(f)))
		return false;
	return !m->text || config_long(f, PCI_COMMAND);
}

/* Virtual functions have decode of their physical function's. */
static void print_what_is_off(const struct machine *m, const struct function *f)
{
	unsigned int command = config_word(f, PCI_COMMAND);

	if (!is_command_known(m, f))
		return;
	if (!(command & PCI_COMMAND_MEMORY) && f->physfn == NONE)
		printf(", decode off");
	if (!(command & PCI_COMMAND_MASTER))
		printf(", bus master off");
}

static void print_memory(const struct function *f)
{
	if (!f->memory)
		return;
	if (f->memory >> 20 << 20 == f->memory)
		printf(", provides %llu MiB", f->memory >> 20);
	else
		printf(", provides %llu KiB", f->memory >> 10);
	if (f->published)
		printf(", published");
}

/* Device Control of a virtual function is its physical function's. */
static unsigned int payload_of(const struct machine *m, const struct function *f)
{
	return payload_size(f->physfn == NONE ? f : &m->fn[f->physfn]);
}

static void print_function(struct machine *m, int i)
{
	const struct function *f = &m->fn[i];

	printf("%*s%s%s", 2 * f->depth, "", colour("name"),
	       address_text(&f->address));
	if (f->names)
		printf(" %s", f->names);
	printf("%s %s, %s", colour("off"), model_text(m, f), port_text(f));
	if (f->physfn != NONE)
		printf(", virtual function of %s", address_of(m, f->physfn));
	print_tree_link(f);
	print_place(f);
	if (has_acs(m, i)) {
		printf(", ");
		print_acs_words(m, i);
	}
	if (ats_enabled(f))
		printf(", ATS");
	print_memory(f);
	print_what_is_off(m, f);
	if (payload_of(m, f))
		printf(", payload %u", payload_of(m, f));
	printf("\n");
}

static void print_text(const struct tree *t)
{
	int n;

	wrap_begin();
	for (n = 0; n < t->nr; n++)
		if (t->shown[t->order[n]])
			print_function(t->m, t->order[n]);
	wrap_end();
	print_assumed(t->m);
}

/* JSON */

static void print_json_names(const char *names)
{
	const char *comma = "";
	char *copy, *name, *state;

	printf(",\"names\":[");
	copy = copy_text(names ? names : "");
	for (name = strtok_r(copy, " ", &state); name;
	     name = strtok_r(NULL, " ", &state)) {
		fputs(comma, stdout);
		print_json_text(name);
		comma = ",";
	}
	free(copy);
	putchar(']');
}

/* @key is null where it isn't known */
static void print_json_number(const char *key, bool is_known,
			      unsigned int number)
{
	if (is_known)
		printf(",\"%s\":%u", key, number);
	else
		printf(",\"%s\":null", key);
}

static void print_json_identity(const struct machine *m,
				const struct function *f)
{
	printf("{\"address\":\"%s\",\"parent\":", address_text(&f->address));
	print_json_text(address_of(m, f->parent));
	printf(",\"vendor\":\"%04x\",\"device\":\"%04x\",\"class\":\"%04x\"",
	       f->vendor, f->device, f->class);
	printf(",\"kind\":\"%s\",\"model\":", kind_text(f));
	print_json_text(model_text(m, f));
	print_json_names(f->names);
	printf(",\"driver\":");
	print_json_text(f->driver);
	print_json_number("numa", f->numa != NONE, f->numa);
	print_json_number("group", f->group != NONE, f->group);
	printf(",\"known\":%u", f->known);
}

/* ATS is beyond the first 256 bytes, which conventional functions don't have. */
static bool is_ats_known(const struct function *f)
{
	if (!is_readable(f))
		return false;
	return f->known == CONFIG_SIZE || pcie_type(f) == NONE;
}

static void print_json_registers(struct machine *m, int i)
{
	const struct function *f = &m->fn[i];
	unsigned int cap, ctrl, in_effect = rules_acs(m, i);
	bool has = acs_words(f, &cap, &ctrl);
	struct link link = { 0 };

	print_json_number("acs_capability", has, has ? cap : 0);
	print_json_number("acs_control", has, has ? ctrl : 0);
	print_json_number("acs_in_effect", in_effect != ACS_UNKNOWN, in_effect);
	printf(",\"ats\":%s", !is_ats_known(f) ? "null" :
	       ats_enabled(f) ? "true" : "false");
	if (link_of(f, &link) && link.speed)
		printf(",\"link_speed\":%u.%u", link.speed / 10,
		       link.speed % 10);
	else
		printf(",\"link_speed\":null");
	print_json_number("link_width", link.width, link.width);
	print_json_number("payload", payload_of(m, f), payload_of(m, f));
}

static void print_json(const struct tree *t)
{
	const char *comma = "";
	int n;

	printf("{\"functions\":[");
	for (n = 0; n < t->nr; n++) {
		const struct function *f = &t->m->fn[t->order[n]];

		if (!t->shown[t->order[n]])
			continue;
		printf("%s\n", comma);
		print_json_identity(t->m, f);
		print_json_registers(t->m, t->order[n]);
		printf(",\"p2pmem\":%llu,\"published\":%s}", f->memory,
		       f->published ? "true" : "false");
		comma = ",";
	}
	printf("\n],\"source\":");
	print_json_text(t->m->source);
	putchar(',');
	print_json_assumed(t->m);
	printf("}\n");
}

int command_tree(struct machine *m)
{
	struct tree t = { .m = m };

	t.child = zeroed(m->nr, sizeof(*t.child));
	t.sibling = zeroed(m->nr, sizeof(*t.sibling));
	t.order = zeroed(m->nr, sizeof(*t.order));
	t.shown = zeroed(m->nr, sizeof(*t.shown));
	link_functions(&t);
	walk(&t);
	choose(&t);
	if (json)
		print_json(&t);
	else
		print_text(&t);
	free(t.child);
	free(t.sibling);
	free(t.order);
	free(t.shown);
	return EXIT_YES;
}
