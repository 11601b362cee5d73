// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma matrix: which clients reach which providers
 *
 * Clients are rows, providers are columns. Columns have numbers, which a list
 * above explains, and are as narrow as the answers allow; what is wider than
 * the terminal is cut into blocks of columns. Each pair is asked about once,
 * when it is printed, so nothing is kept but the two lists.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define MAX_NAME	16	/* columns that a name may take in a row */
#define MIN_REST	16	/* less isn't worth saying */

/**
 * struct matrix - what is shown
 * @m: the machine
 * @clients: indices of the rows' functions
 * @nr_clients: their number
 * @providers: indices of the columns' functions
 * @nr_providers: their number
 * @column: of each function of the machine, from 1 on; 0: it is none
 * @without_memory: nothing has memory, and what could provide is shown
 * @width: of the terminal
 * @number: width of a column's number
 * @cell: width of a column with the space before it
 * @name: width of names in rows, 0: no function has one
 * @address: width of addresses
 * @numa: width of the node with the space before it, 0: none is known
 * @pairs: asked about, of two functions each
 * @reached: those with a path
 * @ruled: an answer came from the rules
 */
struct matrix {
	struct machine *m;
	int *clients;
	int nr_clients;
	int *providers;
	int nr_providers;
	int *column;
	bool without_memory;
	int width;
	int number;
	int cell;
	int name;
	int address;
	int numa;
	unsigned long pairs;
	unsigned long reached;
	bool ruled;
};

static int max(int a, int b)
{
	return a > b ? a : b;
}

static int digits(int n)
{
	return snprintf(NULL, 0, "%d", n);
}

/* Bytes of @text that take no more than @width columns of a terminal */
static int fitting(const char *text, int width)
{
	int i;

	for (i = 0; text[i]; i++)
		if ((text[i] & 0xc0) != 0x80 && width-- <= 0)
			break;
	return i;
}

/* Its first name in full, or "" if there is none */
static const char *first_name(const struct matrix *x, int i)
{
	return x->m->fn[i].names ? short_name(x->m, i) : "";
}

/* What is shown */

static void list_functions(struct matrix *x)
{
	struct machine *m = x->m;
	int i;

	x->without_memory = true;
	for (i = 0; i < m->nr; i++) {
		if (!is_selected(m, i))
			continue;
		x->clients = grow(x->clients, x->nr_clients, sizeof(int));
		x->clients[x->nr_clients++] = i;
		if (m->fn[i].memory)
			x->without_memory = false;
	}
	for (i = 0; i < x->nr_clients; i++) {
		int client = x->clients[i];

		if (!x->without_memory && !selection.all &&
		    !m->fn[client].memory)
			continue;
		x->providers = grow(x->providers, x->nr_providers, sizeof(int));
		x->providers[x->nr_providers++] = client;
		x->column[client] = x->nr_providers;
	}
}

/* All providers are clients, too: there are functions that are their own peer. */
static void measure_cells(struct matrix *x)
{
	x->number = digits(x->nr_providers);
	x->cell = 1 + max(strlen("self"), x->number);
}

static void measure_rows(struct matrix *x)
{
	int i;

	for (i = 0; i < x->nr_clients; i++) {
		const struct function *f = &x->m->fn[x->clients[i]];
		int name = strlen(first_name(x, x->clients[i]));
		int address = strlen(address_text(&f->address));

		x->name = max(x->name, name < MAX_NAME ? name : MAX_NAME);
		x->address = max(x->address, address);
		if (f->numa != NONE)
			x->numa = max(x->numa, strlen(" n") + digits(f->numa));
	}
}

/* Number, name, address and node, each with a space after it */
static int label_width(const struct matrix *x)
{
	return x->number + 1 + (x->name ? x->name + 1 : 0) + x->address + x->numa;
}

static bool ask_pair(struct matrix *x, int provider, int client,
		     struct pci_p2pdma_query *q, enum answer_source *source)
{
	*source = ask(x->m, provider, client, q);
	x->ruled |= *source == FROM_RULES;
	return is_reached(q);
}

/* JSON */

static void print_json(struct matrix *x)
{
	struct pci_p2pdma_query q;
	enum answer_source source;
	const char *comma = "";
	int i, j;

	printf("{\"pairs\":[");
	for (i = 0; i < x->nr_providers; i++) {
		for (j = 0; j < x->nr_clients; j++) {
			ask_pair(x, x->providers[i], x->clients[j], &q, &source);
			printf("%s\n{", comma);
			print_json_pair(&q, source);
			putchar('}');
			comma = ",";
		}
	}
	printf("\n],");
	if (x->ruled)
		print_json_assumed(x->m);
	else
		printf("\"assumed\":[]");
	printf("}\n");
}

/* Text */

static void print_model(const struct matrix *x, int i, int room)
{
	const struct function *f = &x->m->fn[i];
	const char *kind = kind_text(f), *model = model_text(x->m, f);

	printf("  %s", kind);
	room -= strlen("  , ") + strlen(kind);
	if (room > 0)
		printf(", %.*s", fitting(model, room), model);
}

static void print_name_and_address(const struct matrix *x, int i)
{
	const char *name = first_name(x, i);
	int length = fitting(name, x->name);

	if (x->name)
		printf("%s%.*s%s%*s", colour("name"), length, name, colour("off"),
		       x->name - length + 1, "");
	printf("%-*s", x->address, address_of(x->m, i));
}

static void print_providers(const struct matrix *x)
{
	int room = x->width - label_width(x) + x->numa;
	int i;

	if (x->without_memory)
		printf("nothing has memory here; what could provide is shown\n");
	printf("providers, by column:\n");
	for (i = 0; i < x->nr_providers; i++) {
		printf("%*d ", x->number, i + 1);
		print_name_and_address(x, x->providers[i]);
		print_model(x, x->providers[i], room);
		printf("\n");
	}
}

static void print_label(const struct matrix *x, int client)
{
	const struct function *f = &x->m->fn[client];

	if (x->column[client])
		printf("%*d ", x->number, x->column[client]);
	else
		printf("%*s ", x->number, "");
	print_name_and_address(x, client);
	if (f->numa != NONE)
		printf(" n%-*d", x->numa - 2, f->numa);
	else
		printf("%*s", x->numa, "");
}

static void print_cell(struct matrix *x, int provider, int client)
{
	struct pci_p2pdma_query q;
	enum answer_source source;
	bool reached = ask_pair(x, provider, client, &q, &source);
	const char *hue = !reached ? "bad" :
			  q.type == PCI_P2PDMA_TYPE_BUS_ADDR ? "good" : "";

	printf("%s%*s%s", colour(hue), x->cell, cell_text(&q),
	       *hue ? colour("off") : "");
	if (provider == client)
		return;
	x->pairs++;
	x->reached += reached;
}

/* Columns from @first on, @nr of them */
static void print_block(struct matrix *x, int first, int nr)
{
	int rest = x->width - label_width(x) - nr * x->cell;
	int i, j;

	printf("\n%-*s", label_width(x), "client");
	for (j = first; j < first + nr; j++)
		printf("%s%*d%s", colour("name"), x->cell, j + 1, colour("off"));
	printf("%s\n", rest >= MIN_REST ? "  <- provider" : "");
	for (i = 0; i < x->nr_clients; i++) {
		int client = x->clients[i];

		print_label(x, client);
		for (j = first; j < first + nr; j++)
			print_cell(x, x->providers[j], client);
		/* The list above has what is also a provider. */
		if (!x->column[client] && nr == x->nr_providers &&
		    rest >= MIN_REST)
			print_model(x, client, rest);
		printf("\n");
	}
}

static void print_blocks(struct matrix *x)
{
	int columns = max(1, (x->width - label_width(x)) / x->cell);
	int first, nr;

	for (first = 0; first < x->nr_providers; first += nr) {
		nr = x->nr_providers - first;
		if (nr > columns)
			nr = columns;
		print_block(x, first, nr);
	}
}

static void print_text(struct matrix *x)
{
	print_providers(x);
	print_blocks(x);
	printf("\nBn: reached by bus addresses, n hops    Hn: through the host, n hops\n"
	       "Wn: through the host, writes only       self: the same function\n"
	       "-: not reached; \"lsp2pdma explain PROVIDER CLIENT\" says why\n");
	if (x->numa)
		printf("n0: NUMA node 0\n");
	printf("%lu pairs, %lu reached\n", x->pairs, x->reached);
	if (x->ruled)
		print_assumed(x->m);
}

static void print_none(void)
{
	const struct selection *s = &selection;
	bool filtered = s->class || s->vendor || s->driver || s->all;

	printf("no function is selected%s\n",
	       filtered ? "" : "; -a selects all");
}

int command_matrix(struct machine *m)
{
	struct matrix x = {
		.m = m, .width = terminal_width(),
		.column = zeroed(m->nr, sizeof(int)),
	};

	list_functions(&x);
	measure_cells(&x);
	measure_rows(&x);
	if (json)
		print_json(&x);
	else if (x.nr_clients)
		print_text(&x);
	else
		print_none();
	free(x.clients);
	free(x.providers);
	free(x.column);
	return EXIT_YES;
}
