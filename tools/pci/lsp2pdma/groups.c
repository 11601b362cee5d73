// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: devices of "graph" that are alike
 *
 * Devices that stand in the same relation to all others, and to each other, are
 * one group; groups are grouped again until nothing is alike. What is left are a
 * few relations between groups.
 */
#include <stdlib.h>

#include "graph.h"

#define MAX_ROUNDS	16

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

void ask_all(struct graph *g)
{
	int i, j;

	for (i = 0; i < g->nr; i++)
		for (j = 0; j < g->nr; j++)
			ask_pair(g, i, j);
}

/* Groups */

struct cell cell_of(const struct graph *g, int provider, int client)
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

void form_groups(struct graph *g)
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
