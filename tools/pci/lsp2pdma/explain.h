/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lsp2pdma: an answer, between its text (explain.c) and what would change it
 * (advice.c)
 */
#ifndef _LSP2PDMA_EXPLAIN_H
#define _LSP2PDMA_EXPLAIN_H

#include "machine.h"

/* Where a function is on the path */
enum role {
	BETWEEN, CLIENT_SIDE, PROVIDER_SIDE, COMMON, COMMON_TURN, ITSELF, PASS,
	TURN, ROOT_COMPLEX,
};

/**
 * struct hop - a function of the path
 * @fn: index, NONE for the root complex
 * @role: what it is there
 * @sends: requests go up through it, or from it, which takes bus mastering
 * @takes: requests go down through it, or to it, which takes memory decode
 * @has_link: packets cross the link that its registers tell of
 */
struct hop {
	int fn;
	enum role role;
	bool sends;
	bool takes;
	bool has_link;
};

/**
 * struct answer - all that is known of a pair
 * @provider: index
 * @client: index
 * @common: nearest bridge above, or at, both, or NONE
 * @q: the verdict
 * @source: where that is from
 * @registers: the verdict of the rules
 * @has_registers: @registers can be compared with @q
 * @differs: and says something else
 * @is_redirected: packets go up from @common
 * @hop: the path, from the client on
 * @nr: their number
 */
struct answer {
	int provider;
	int client;
	int common;
	struct pci_p2pdma_query q;
	enum answer_source source;
	struct pci_p2pdma_query registers;
	bool has_registers;
	bool differs;
	bool is_redirected;
	struct hop *hop;
	int nr;
};

/**
 * struct advice - what would change a refusal
 * @parameter: boot parameter, unquoted, or NULL
 * @condition: what has to be the case, before it; or why nothing helps
 * @is_quoted: ";" is in it, or could be, which ends a boot loader's command
 * @cost: what to know first, after it
 */
struct advice {
	char *parameter;
	char *condition;
	bool is_quoted;
	const char *cost;
};

/* explain.c: registers of all of the path are there */
bool is_path_readable(const struct machine *m, const struct answer *a);

/* advice.c: of a refusal */
struct advice advise(struct machine *m, const struct answer *a);

#endif /* _LSP2PDMA_EXPLAIN_H */
