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
	ATS,
	TAGS,
	ENHANCED,
	FORWARD,
	REDIRECT,
	NR_KINDS,
};

/**
 * struct change - what may be done
 * @kind: which of them
 * @at: the function, NONE for what is the whole machine's
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

/* Registers that changes write to */
enum { ACS_CONTROL, CONTROL, CONTROL2, ATS_CONTROL, NR_REGISTERS };

/**
 * struct registers - those of a function
 * @pos: where, 0: it hasn't that one
 * @value: what they were
 */
struct registers {
	unsigned int pos[NR_REGISTERS];
	unsigned int value[NR_REGISTERS];
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
 * @refusal: PCI_P2PDMA_REASON_* of that
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
	unsigned int refusal;
};

/*
 * plan.c: the model as what is chosen makes it, and back. No boot parameter
 * makes a change that isn't lasting.
 */
void apply_chosen(struct plan *p);
void apply_lasting(struct plan *p);
void apply_fleeting(struct plan *p);
bool is_lasting(const struct plan *p, const struct change *c);
void restore_machine(struct plan *p);
/* The first client that doesn't get what it needs, NONE if all do */
int find_failing(struct plan *p);
bool is_chosen(const struct plan *p, enum change_kind kind);
int count_chosen(const struct plan *p);

/* plan_text.c */
void print_plan(struct plan *p);

#endif /* _LSP2PDMA_PLAN_H */
