/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lsp2pdma: a plan, between its search (plan.c) and its text (plan_text.c)
 */
#ifndef _LSP2PDMA_PLAN_H
#define _LSP2PDMA_PLAN_H

#include "machine.h"

/* In the order in which they are done without: a host last, so first */
enum change_kind {
	HOST,
	PAYLOAD,
	FORWARD,
	REDIRECT,
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

/* A function's registers that changes write to, at offset 0 if it hasn't them */
struct registers {
	unsigned int acs, acs_value;
	unsigned int devctl, devctl_value;
};

/**
 * struct plan - the search, and what it has found
 * @m: the machine
 * @before: it, as it was
 * @saved: registers as they were, by function
 * @provider: index
 * @client: indices
 * @need: what each client is to get
 * @nr_clients: their number
 * @change: what may be done
 * @nr: number of these
 * @possible: what is chosen of @change is enough
 * @writes_only: some clients can only write then
 * @reason: why it isn't possible, NULL if it is; malloc()ed
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
	bool possible;
	bool writes_only;
	char *reason;
};

/* plan.c: the model as what is chosen makes it, and back */
void apply_chosen(struct plan *p);
void restore_machine(struct plan *p);
/* The first client that doesn't get what it needs, NONE if all do */
int find_failing(struct plan *p);
bool is_chosen(const struct plan *p, enum change_kind kind);
int count_chosen(const struct plan *p);

/* plan_text.c */
void print_plan(struct plan *p);

#endif /* _LSP2PDMA_PLAN_H */
