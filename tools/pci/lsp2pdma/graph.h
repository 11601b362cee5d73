/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lsp2pdma: a graph, between its groups (groups.c) and its text (graph.c)
 */
#ifndef _LSP2PDMA_GRAPH_H
#define _LSP2PDMA_GRAPH_H

#include "machine.h"

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

/* groups.c */
void ask_all(struct graph *g);
void form_groups(struct graph *g);
struct cell cell_of(const struct graph *g, int provider, int client);

#endif /* _LSP2PDMA_GRAPH_H */
