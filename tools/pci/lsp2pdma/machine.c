// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: the functions of a machine, and where they are in its tree
 *
 * The tree follows from bus numbers, unless a source knows better. What comes
 * from a file may be damaged, so a tree is checked here before it is walked.
 */
#include <err.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pci/pci.h>

#include "machine.h"

noreturn void out_of_memory(void)
{
	errx(EXIT_OTHER, "out of memory");
}

void *zeroed(size_t nr, size_t size)
{
	void *memory = calloc(nr ? nr : 1, size);

	if (!memory)
		out_of_memory();
	return memory;
}

/* By doubling, whenever the number is a power of two */
void *grow(void *array, int nr, size_t size)
{
	if (nr & (nr - 1))
		return array;
	array = realloc(array, (nr ? 2 * (size_t)nr : 1) * size);
	if (!array)
		out_of_memory();
	return array;
}

char *copy_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		out_of_memory();
	return copy;
}

char *format_text(const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		out_of_memory();
	return text;
}

noreturn void bad_input(const struct machine *m, int line, const char *format,
			...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "lsp2pdma: %s: ", m->source);
	if (line)
		fprintf(stderr, "line %d: ", line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_BAD_INPUT);
}

void machine_init(struct machine *m, const char *source)
{
	*m = (struct machine){ .source = source, .fd = NONE };
}

void machine_free(struct machine *m)
{
	int i;

	rules_forget(m);
	for (i = 0; i < m->nr; i++) {
		free(m->fn[i].config);
		free(m->fn[i].driver);
		free(m->fn[i].title);
		free(m->fn[i].names);
	}
	free(m->fn);
	free(m->pair);
	if (m->fd != NONE)
		close(m->fd);
	machine_init(m, m->source);
}

/* The pointer is good until the next call. */
struct function *machine_add(struct machine *m, struct pci_p2pdma_address a)
{
	struct function *f;

	m->fn = grow(m->fn, m->nr, sizeof(*m->fn));
	f = &m->fn[m->nr++];
	*f = (struct function){
		.address = a, .parent = NONE, .physfn = NONE, .numa = NONE,
		.group = NONE, .translated = NONE, .conventional = NONE,
		.config = zeroed(1, CONFIG_SIZE),
	};
	return f;
}

/* Addresses */

int compare_addresses(const struct pci_p2pdma_address *a,
		      const struct pci_p2pdma_address *b)
{
	if (a->domain != b->domain)
		return a->domain < b->domain ? -1 : 1;
	if (a->bus != b->bus)
		return a->bus < b->bus ? -1 : 1;
	return (int)a->devfn - (int)b->devfn;
}

bool same_address(const struct pci_p2pdma_address *a,
		  const struct pci_p2pdma_address *b)
{
	return !compare_addresses(a, b);
}

bool same_device(const struct function *a, const struct function *b)
{
	return a->address.domain == b->address.domain &&
	       a->address.bus == b->address.bus &&
	       a->address.devfn >> 3 == b->address.devfn >> 3;
}

const char *address_text(const struct pci_p2pdma_address *a)
{
	static char text[8][24];
	static int turn;

	turn = (turn + 1) % 8;
	snprintf(text[turn], sizeof(text[turn]), "%04x:%02x:%02x.%u", a->domain,
		 a->bus, a->devfn >> 3, a->devfn & 7);
	return text[turn];
}

const char *address_of(const struct machine *m, int i)
{
	return i == NONE ? NULL : address_text(&m->fn[i].address);
}

/* 1 to @digits hexadecimal digits, and then @end */
static bool parse_part(const char **text, int digits, char end,
		       unsigned int *value)
{
	if (!parse_hex(text, digits, value) || **text != end)
		return false;
	if (end)
		(*text)++;
	return true;
}

/* "01.0", and then @end */
static bool parse_devfn(const char **text, char end, unsigned int *devfn)
{
	unsigned int dev, func;

	if (!parse_part(text, 2, '.', &dev) ||
	    !parse_part(text, 1, end, &func) || dev > 31 || func > 7)
		return false;
	*devfn = dev << 3 | func;
	return true;
}

bool parse_address(const char *text, struct pci_p2pdma_address *a)
{
	unsigned int domain, bus, devfn;
	const char *s = text;

	if (!parse_part(&s, 8, ':', &domain))
		return false;
	if (!strchr(s, ':')) {
		domain = 0;
		s = text;
	}
	if (!parse_part(&s, 2, ':', &bus) || !parse_devfn(&s, '\0', &devfn))
		return false;
	*a = (struct pci_p2pdma_address){
		.domain = domain, .bus = bus, .devfn = devfn
	};
	return true;
}

int machine_find(const struct machine *m, const struct pci_p2pdma_address *a)
{
	int low = 0, high = m->nr;

	while (low < high) {
		int middle = (low + high) / 2;
		int order = compare_addresses(&m->fn[middle].address, a);

		if (!order)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NONE;
}

/* The tree */

bool is_bridge(const struct function *f)
{
	return f->class == PCI_CLASS_BRIDGE_PCI ||
	       f->class == PCI_CLASS_BRIDGE_CARDBUS ||
	       (config_byte(f, PCI_HEADER_TYPE) & 0x7f) == PCI_HEADER_TYPE_BRIDGE;
}

static int by_address(const void *a, const void *b)
{
	const struct function *x = a, *y = b;
	int order = compare_addresses(&x->address, &y->address);

	return order ? order : x->line - y->line;
}

static void check_twins(const struct machine *m)
{
	int i;

	for (i = 1; i < m->nr; i++)
		if (same_address(&m->fn[i - 1].address, &m->fn[i].address))
			bad_input(m, m->fn[i].line,
				  "%s is also in line %d: are two machines in one file?",
				  address_text(&m->fn[i].address),
				  m->fn[i - 1].line);
}

/*
 * The bridge of each bus of one domain. An inner bridge has fewer buses; of two
 * with the same number the tree can't be told.
 */
static void claim_buses(const struct machine *m, int i, int claims[256])
{
	const struct function *f = &m->fn[i];
	unsigned int first = secondary_bus(f), bus;
	unsigned int last = config_byte(f, PCI_SUBORDINATE_BUS);

	if (!first)
		return;
	if (f->place != PLACE_BY_BUS && (first > last || first <= f->address.bus))
		return;
	if (first > last || first <= f->address.bus)
		bad_input(m, f->line, "%s: a bridge on bus %02x can't lead to buses %02x to %02x",
			  address_text(&f->address), f->address.bus, first, last);
	for (bus = first; bus <= last; bus++) {
		int *claim = &claims[bus];

		if (*claim != NONE && secondary_bus(&m->fn[*claim]) == first)
			bad_input(m, f->line, "bus %02x is below both %s and %s",
				  first, address_text(&m->fn[*claim].address),
				  address_text(&f->address));
		if (*claim == NONE || secondary_bus(&m->fn[*claim]) < first)
			*claim = i;
	}
}

/* Functions of one domain, which is where bus numbers mean something */
static void find_parents(struct machine *m, int from, int to)
{
	int claims[256], i;

	for (i = 0; i < 256; i++)
		claims[i] = NONE;
	for (i = from; i < to; i++)
		if (is_bridge(&m->fn[i]))
			claim_buses(m, i, claims);
	for (i = from; i < to; i++)
		if (m->fn[i].place == PLACE_BY_BUS)
			m->fn[i].parent = claims[m->fn[i].address.bus];
}

/* Where the source tells it */
static void find_above(struct machine *m, int i)
{
	struct function *f = &m->fn[i];

	if (f->place != PLACE_BELOW)
		return;
	f->parent = machine_find(m, &f->above);
	if (f->parent == NONE)
		bad_input(m, f->line, "%s is below %s, which isn't there",
			  address_text(&f->address), address_text(&f->above));
}

/*
 * Virtual functions may be on buses that no bridge has as its secondary one;
 * they are where their physical function is.
 */
static void find_virtual(struct machine *m, int i)
{
	struct pci_p2pdma_address a;
	unsigned int n;

	for (n = 0; virtual_function(&m->fn[i], n, &a); n++) {
		int vf = machine_find(m, &a);

		if (vf == NONE || vf == i)
			continue;
		m->fn[vf].physfn = i;
	}
}

/* Neither a bridge nor a virtual function has or is a virtual function. */
static void place_virtual(const struct machine *m, int i)
{
	struct function *f = &m->fn[i];
	const struct function *physfn;

	if (f->physfn == NONE)
		return;
	physfn = &m->fn[f->physfn];
	if (is_bridge(f) || is_bridge(physfn) || physfn->physfn != NONE)
		bad_input(m, f->line, "%s can't be a virtual function of %s",
			  address_text(&f->address),
			  address_text(&physfn->address));
	f->parent = physfn->parent;
}

/* Bus numbers grow downwards, so what a source says is all that can go wrong. */
static int find_depth(const struct machine *m, int i)
{
	int depth = 0, at;

	for (at = m->fn[i].parent; at != NONE; at = m->fn[at].parent)
		if (++depth > m->nr)
			bad_input(m, m->fn[i].line, "%s is below itself: a loop of bridges",
				  address_text(&m->fn[i].address));
	return depth;
}

/* Ports of a switch are below its upstream port, and that is below a port. */
static void check_root(const struct machine *m, int i)
{
	int type = pcie_type(&m->fn[i]);

	if (type == PCI_EXP_TYPE_UPSTREAM || type == PCI_EXP_TYPE_DOWNSTREAM)
		bad_input(m, m->fn[i].line,
			  "%s is a port of a switch that nothing leads to",
			  address_text(&m->fn[i].address));
}

/*
 * A bus in the range of a bridge but of no bridge's secondary number is one
 * whose bridge is missing from the file. Its functions can't be placed.
 */
static void check_place(const struct machine *m, int i)
{
	const struct function *f = &m->fn[i], *bridge;

	if (f->physfn != NONE || f->place == PLACE_ROOT)
		return;
	if (f->parent == NONE) {
		check_root(m, i);
		return;
	}
	bridge = &m->fn[f->parent];
	if (f->place == PLACE_BELOW && !is_bridge(bridge) && bridge->known)
		bad_input(m, f->line, "%s is below %s, which is no bridge",
			  address_text(&f->address),
			  address_text(&bridge->address));
	if (f->place == PLACE_BY_BUS && secondary_bus(bridge) != f->address.bus)
		bad_input(m, f->line, "no bridge leads to bus %02x of %s",
			  f->address.bus, address_text(&f->address));
}

void machine_finish(struct machine *m)
{
	int from, to, i;

	if (!m->nr)
		bad_input(m, 0, "there is no PCI function in it");
	qsort(m->fn, m->nr, sizeof(*m->fn), by_address);
	check_twins(m);
	for (from = 0; from < m->nr; from = to) {
		for (to = from; to < m->nr &&
		     m->fn[to].address.domain == m->fn[from].address.domain; to++)
			;
		find_parents(m, from, to);
	}
	for (i = 0; i < m->nr; i++)
		find_above(m, i);
	for (i = 0; i < m->nr; i++)
		find_virtual(m, i);
	for (i = 0; i < m->nr; i++)
		place_virtual(m, i);
	for (i = 0; i < m->nr; i++) {
		check_place(m, i);
		m->fn[i].depth = find_depth(m, i);
	}
}

int common_above(const struct machine *m, int a, int b)
{
	while (a != b) {
		if (a == NONE || b == NONE)
			return NONE;
		if (m->fn[a].depth >= m->fn[b].depth) {
			int next = m->fn[a].parent;

			if (m->fn[a].depth == m->fn[b].depth)
				b = m->fn[b].parent;
			a = next;
		} else {
			b = m->fn[b].parent;
		}
	}
	return a;
}

int side_below(const struct machine *m, int i, int common)
{
	while (i != NONE && m->fn[i].parent != common)
		i = m->fn[i].parent;
	return i;
}

/* Paths: bus numbers change when a card is added, devices and functions don't. */

static int find_below(const struct machine *m, int parent, unsigned int devfn)
{
	int i;

	for (i = 0; i < m->nr; i++)
		if (m->fn[i].parent == parent && m->fn[i].address.devfn == devfn &&
		    m->fn[i].physfn == NONE)
			return i;
	return NONE;
}

/* The address that a path begins with; @steps: what follows its '/', or NULL */
static bool begin_path(const char *text, struct pci_p2pdma_address *a,
		       const char **steps)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	char *first = format_text("%.*s", (int)length, text);
	bool valid = parse_address(first, a);

	free(first);
	*steps = slash ? slash + 1 : NULL;
	return valid;
}

/* The next step of a path, and what follows that */
static bool next_step(const char **steps, unsigned int *devfn)
{
	bool is_last = !strchr(*steps, '/');

	if (!parse_devfn(steps, is_last ? '\0' : '/', devfn))
		return false;
	if (is_last)
		*steps = NULL;
	return true;
}

bool is_path(const char *text)
{
	struct pci_p2pdma_address a;
	unsigned int devfn;
	const char *steps;

	if (!begin_path(text, &a, &steps))
		return false;
	while (steps)
		if (!next_step(&steps, &devfn))
			return false;
	return true;
}

int find_path(const struct machine *m, const char *text)
{
	struct pci_p2pdma_address a;
	unsigned int devfn;
	const char *steps;
	int at;

	if (!begin_path(text, &a, &steps))
		return NONE;
	at = machine_find(m, &a);
	while (steps && at != NONE) {
		if (!next_step(&steps, &devfn))
			return NONE;
		at = find_below(m, at, devfn);
	}
	return at;
}

char *path_text(const struct machine *m, int i)
{
	const struct function *f = &m->fn[i];
	size_t size = 24 + 5 * ((size_t)f->depth + 1);
	char *text = malloc(size), *end = text + size - 1;

	if (!text)
		out_of_memory();
	*end = '\0';
	for (; f->parent != NONE; f = &m->fn[f->parent]) {
		char part[8];

		snprintf(part, sizeof(part), "/%02x.%u", f->address.devfn >> 3,
			 f->address.devfn & 7);
		end -= strlen(part);
		memcpy(end, part, strlen(part));
	}
	end -= strlen(address_text(&f->address));
	memcpy(end, address_text(&f->address), strlen(address_text(&f->address)));
	memmove(text, end, strlen(end) + 1);
	return text;
}
