// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: files, as a machine
 *
 * Which kind a file is, and which function each line belongs to. Texts of lspci
 * with any of -n, -nn, -x to -xxxx, -v to -vvv, -D, -P and -PP are read, and
 * dumps of this tool. What titles say is read by title.c, what lines below them say
 * by hex.c, verbose.c, dump.c.
 *
 * Invariant: what isn't in the file, or may have been cut off, is unknown. lspci
 * ends a function's text by an empty line.
 *
 * libpci could read bytes, as lspci -F does, but takes a row that is missing or
 * cut off, two machines in a file, or another tool's file as if nothing were
 * wrong or without the number of the line, reads no standard input, and passes
 * over text: driver, node, and what lspci -vvv alone shows.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

#define MAX_LINE	4096

/**
 * struct bridge_bus - what a path says of a bridge in it
 * @bridge: its address
 * @secondary: bus of what is directly below it
 * @last: the highest bus seen below it
 * @line: of the path
 */
struct bridge_bus {
	struct pci_p2pdma_address bridge;
	unsigned int secondary, last;
	int line;
};

/**
 * struct reader - where in a file the reader is
 * @m: what is filled
 * @file: what is read
 * @number: of the line
 * @at: function that lines belong to, NONE between functions
 * @is_dump: it is a dump of this tool
 * @has_hex: bytes of the function were seen
 * @has_text: lines of lspci -v were seen
 * @cut_off: the last line has no end
 * @has_paths: titles are paths, as of lspci -P
 * @nr_unended: functions whose text has no end
 * @nr_unnumbered: functions without numbers of vendor and device
 * @bus: what paths say
 * @nr_buses: their number
 */
struct reader {
	struct machine *m;
	FILE *file;
	int number;
	int at;
	bool is_dump;
	bool has_hex, has_text;
	bool cut_off;
	bool has_paths;
	int nr_unended, nr_unnumbered;
	struct bridge_bus *bus;
	int nr_buses;
};

static struct function *current(struct reader *r)
{
	return r->at == NONE ? NULL : &r->m->fn[r->at];
}

/* Lines */

/*
 * Into @line, without its end; false at the end of the file. A line that isn't
 * ended is what is left of one.
 */
static bool next_line(struct reader *r, char line[MAX_LINE + 2])
{
	size_t length;

	if (!fgets(line, MAX_LINE + 2, r->file)) {
		if (ferror(r->file))
			bad_input(r->m, 0, "%s", strerror(errno));
		return false;
	}
	r->number++;
	length = strlen(line);
	if (length && line[length - 1] == '\n')
		line[--length] = '\0';
	else if (length > MAX_LINE)
		bad_input(r->m, r->number, "is longer than %d characters",
			  MAX_LINE);
	else if (!feof(r->file) || !length)
		bad_input(r->m, r->number, "a NUL byte: this is no text");
	else
		r->cut_off = true;
	if (length && line[length - 1] == '\r')
		line[length - 1] = '\0';
	return true;
}

/* Paths, which titles begin with */

static bool copy_part(char part[24], const char *s, size_t length)
{
	if (length >= 24)
		return false;
	memcpy(part, s, length);
	part[length] = '\0';
	return true;
}

/* "01.0", a device and function below a bridge */
static bool is_step(const char *part)
{
	return strlen(part) == 4 && isxdigit((unsigned char)part[0]) &&
	       isxdigit((unsigned char)part[1]) && part[2] == '.' &&
	       isdigit((unsigned char)part[3]);
}

/* As lspci writes it: "01:00.0" or "0000:01:00.0", the domain of up to 8 digits */
static bool is_address(const char *s, size_t length)
{
	struct pci_p2pdma_address a;
	char part[24];

	if (length != strlen("xx:xx.x") && length < strlen("xxxx:xx:xx.x"))
		return false;
	return copy_part(part, s, length) && parse_address(part, &a);
}

static bool is_path_part(const char *s, size_t length)
{
	char part[24];

	return copy_part(part, s, length) &&
	       (is_step(part) || is_address(s, length));
}

/* The length of what begins @line and is followed by a space: a path, or 0 */
static size_t path_length(const char *line)
{
	size_t length = strcspn(line, " /");

	if (!is_address(line, length))
		return 0;
	while (line[length] == '/') {
		size_t part = strcspn(line + length + 1, " /");

		if (!is_path_part(line + length + 1, part))
			return 0;
		length += 1 + part;
	}
	return line[length] == ' ' ? length : 0;
}

static const struct bridge_bus *find_bus(const struct reader *r,
					 const struct pci_p2pdma_address *bridge)
{
	int i;

	for (i = r->nr_buses - 1; i >= 0; i--)
		if (same_address(&r->bus[i].bridge, bridge))
			return &r->bus[i];
	return NULL;
}

/* Functions aren't sorted yet. Bridges are often read just before. */
static struct function *find_function(const struct reader *r,
				      const struct pci_p2pdma_address *a)
{
	int i;

	for (i = r->m->nr - 1; i >= 0; i--)
		if (same_address(&r->m->fn[i].address, a))
			return &r->m->fn[i];
	return NULL;
}

/* The short form of a path tells no buses; the bridge's own lines came before. */
static unsigned int bus_below(struct reader *r,
			      const struct pci_p2pdma_address *bridge)
{
	const struct bridge_bus *known = find_bus(r, bridge);
	const struct function *f;

	if (known)
		return known->secondary;
	f = find_function(r, bridge);
	if (f && f->config[PCI_SECONDARY_BUS])
		return f->config[PCI_SECONDARY_BUS];
	bad_input(r->m, r->number,
		  "the bus below %s isn't known: wanted: lspci -PP, or -v and more",
		  address_text(bridge));
}

static void add_bus(struct reader *r, const struct pci_p2pdma_address *bridge,
		    unsigned int secondary)
{
	const struct bridge_bus *known = find_bus(r, bridge);

	if (known && known->secondary == secondary)
		return;
	r->bus = grow(r->bus, r->nr_buses, sizeof(*r->bus));
	r->bus[r->nr_buses++] = (struct bridge_bus){
		*bridge, secondary, secondary, r->number
	};
}

static struct pci_p2pdma_address parse_part(struct reader *r, const char *s,
					    size_t length)
{
	struct pci_p2pdma_address a;
	char part[24];

	if (!copy_part(part, s, length) || !parse_address(part, &a))
		bad_input(r->m, r->number, "\"%.*s\" is no address", (int)length,
			  s);
	return a;
}

/* One step down: "08:01.0" of -PP or "01.0" of -P, below @a */
static struct pci_p2pdma_address step_down(struct reader *r,
					   struct pci_p2pdma_address a,
					   const char *s, size_t length)
{
	struct pci_p2pdma_address below;
	char part[24];

	if (length == strlen("xx.x")) {
		snprintf(part, sizeof(part), "%02x:%.*s", bus_below(r, &a),
			 (int)length, s);
		below = parse_part(r, part, strlen(part));
	} else {
		below = parse_part(r, s, length);
	}
	if (below.bus <= a.bus)
		bad_input(r->m, r->number, "bus %02x is below bus %02x in this path",
			  below.bus, a.bus);
	below.domain = a.domain;
	add_bus(r, &a, below.bus);
	return below;
}

static struct pci_p2pdma_address parse_path(struct reader *r, const char *s,
					    size_t length)
{
	size_t part = strcspn(s, " /");
	struct pci_p2pdma_address a = parse_part(r, s, part);

	while (part < length) {
		size_t next = strcspn(s + part + 1, " /");

		r->has_paths = true;
		a = step_down(r, a, s + part + 1, next);
		part += 1 + next;
	}
	return a;
}

/* Functions */

/* Bytes say more than the title, but a virtual function has no numbers there. */
static void end_hex(struct reader *r, struct function *f)
{
	unsigned int vendor = f->config[0] | f->config[1] << 8;
	unsigned int class = f->config[10] | f->config[11] << 8;

	if (r->cut_off)
		f->known = f->known < 64 ? 0 : 64;
	else if (f->known == 128)
		f->known = 64;
	else if (f->known != 64 && f->known != 256 && f->known != CONFIG_SIZE)
		bad_input(r->m, r->number,
			  "truncated hex: %s has %u bytes, not 64, 256 or 4096",
			  address_text(&f->address), f->known);
	if (f->known && class != 0xffff)
		f->class = class;
	else
		f->known = 0;
	config_forget(f, f->known);
	if (!f->known || vendor == 0xffff)
		return;
	f->vendor = vendor;
	f->device = f->config[2] | f->config[3] << 8;
}

/*
 * Quirks go by the numbers: without them it can't be known what a function does
 * that its registers don't show.
 */
static void end_text(struct reader *r, struct function *f, bool ended)
{
	if (!ended)
		r->nr_unended++;
	if (!f->vendor)
		r->nr_unnumbered++;
	if (!ended || !f->vendor)
		config_forget(f, 64);
}

static void end_function(struct reader *r, bool ended)
{
	struct function *f = current(r);

	if (!f || r->is_dump)
		return;
	/* Bytes take precedence: f->known isn't 0 with them. */
	end_verbose(r->m, f);
	if (r->has_hex)
		end_hex(r, f);
	else if (r->has_text)
		end_text(r, f, ended);
	r->at = NONE;
}

static void begin_function(struct reader *r, char *line, size_t length)
{
	struct function *f;

	if (r->is_dump && r->at != NONE)
		bad_input(r->m, r->number, "an empty line is missing before this");
	end_function(r, false);
	f = machine_add(r->m, parse_path(r, line, length));
	f->line = r->number;
	read_title(r->m, f, line + length + 1, r->number, r->is_dump);
	r->at = r->m->nr - 1;
	r->has_hex = false;
	r->has_text = false;
}

/* What can't be read */

static bool is_tree(const char *line)
{
	const char *s = line + strspn(line, " |");

	return !strncmp(s, "-[", 2) || !strncmp(s, "+-", 2) ||
	       !strncmp(s, "\\-", 2);
}

static void refuse_line(const struct reader *r, const char *line)
{
	const char *what = NULL;

	if (is_tree(line))
		what = "lspci -t";
	else if (!strncmp(line, "Slot:", 5) || !strncmp(line, "Device:", 7))
		what = "lspci -vmm";
	if (what)
		bad_input(r->m, r->number,
			  "this is %s, which holds no registers; " WANTED,
			  what);
	if (!strncmp(line, "lsp2pdma ", 9))
		bad_input(r->m, r->number,
			  "a dump of another version: \"%s\" is wanted here",
			  DUMP_HEADER);
	bad_input(r->m, r->number, "this is no line of lspci; " WANTED);
}

/* Errors of lspci, which come in between */
static bool is_noise(const char *line)
{
	return !strncmp(line, "pcilib: ", 8) || !strncmp(line, "lspci: ", 7);
}

static void read_lspci_line(struct reader *r, char *line)
{
	size_t length = path_length(line);

	if (!*line) {
		end_function(r, true);
	} else if (length) {
		begin_function(r, line, length);
	} else if (read_hex_line(r->m, current(r), line, r->number)) {
		r->has_hex = true;
	} else if (is_noise(line) || (*line == '#' && !r->m->nr)) {
		return;
	} else if (r->at != NONE && (*line == '\t' || *line == ' ') &&
		   !is_tree(line)) {
		read_verbose_line(r->m, current(r), line, r->number);
		r->has_text = true;
	} else {
		refuse_line(r, line);
	}
}

/* An empty line ends a function, which read_dump_line() checks. */
static void read_own_line(struct reader *r, char *line)
{
	size_t length = path_length(line);

	if (length)
		return begin_function(r, line, length);
	if (read_hex_line(r->m, current(r), line, r->number))
		return;
	read_dump_line(r->m, current(r), line, r->number);
	if (!*line)
		r->at = NONE;
}

static void read_lines(struct reader *r)
{
	char line[MAX_LINE + 2];

	while (next_line(r, line)) {
		if (r->number == 1 && !strcmp(line, DUMP_HEADER))
			r->is_dump = true;
		else if (r->is_dump)
			read_own_line(r, line);
		else if (!r->cut_off)
			read_lspci_line(r, line);
	}
	end_function(r, false);
}

/* The machine as a whole */

static int by_secondary(const void *a, const void *b)
{
	const struct bridge_bus *x = a, *y = b;

	if (x->bridge.domain != y->bridge.domain)
		return x->bridge.domain < y->bridge.domain ? -1 : 1;
	return (int)y->secondary - (int)x->secondary;
}

/* From the highest bus on, so that what is below a bridge comes before it */
static void find_last_buses(struct reader *r)
{
	int i, j;

	if (r->nr_buses)
		qsort(r->bus, r->nr_buses, sizeof(*r->bus), by_secondary);
	for (i = 0; i < r->nr_buses; i++) {
		struct bridge_bus *b = &r->bus[i];

		for (j = i + 1; j < r->nr_buses &&
		     r->bus[j].bridge.domain == b->bridge.domain; j++)
			if (r->bus[j].secondary == b->bridge.bus &&
			    r->bus[j].last < b->last)
				r->bus[j].last = b->last;
	}
}

static void make_bridge(struct function *f, const struct bridge_bus *b)
{
	if (f->known < 64)
		f->known = 64;
	config_set(f, PCI_VENDOR_ID, 2, f->vendor);
	config_set(f, PCI_DEVICE_ID, 2, f->device);
	config_set(f, PCI_CLASS_DEVICE, 2, f->class);
	config_set(f, PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE);
	config_set(f, PCI_PRIMARY_BUS, 1, f->address.bus);
	config_set(f, PCI_SECONDARY_BUS, 1, b->secondary);
	config_set(f, PCI_SUBORDINATE_BUS, 1, b->last);
}

/* Paths tell bus numbers that weren't printed. */
static void set_buses(struct reader *r)
{
	int i;

	find_last_buses(r);
	for (i = 0; i < r->nr_buses; i++) {
		const struct bridge_bus *b = &r->bus[i];
		struct function *f = find_function(r, &b->bridge);

		if (!f)
			bad_input(r->m, b->line,
				  "the bridge %s of this path is missing",
				  address_text(&b->bridge));
		if (!f->config[PCI_HEADER_TYPE])
			make_bridge(f, b);
		/* Virtual functions may be on further buses of the bridge. */
		if (f->config[PCI_SECONDARY_BUS] > b->secondary ||
		    f->config[PCI_SUBORDINATE_BUS] < b->secondary)
			bad_input(r->m, b->line,
				  "the path has bus %02x below %s, which has bus %02x",
				  b->secondary, address_text(&b->bridge),
				  f->config[PCI_SECONDARY_BUS]);
	}
}

static void check_bridges(const struct reader *r)
{
	int i;

	for (i = 0; i < r->m->nr && !r->has_paths; i++) {
		const struct function *f = &r->m->fn[i];

		if ((f->class == PCI_CLASS_BRIDGE_PCI ||
		     f->class == PCI_CLASS_BRIDGE_CARDBUS) &&
		    !f->config[PCI_HEADER_TYPE])
			bad_input(r->m, f->line,
				  "bridge without bus numbers: was this lspci -v at least?");
	}
}

/* A text has no such bit, which IOMMU groups go by: neighbours tell it. */
static void mark_multi_functions(struct machine *m)
{
	int i;

	for (i = 1; i < m->nr; i++) {
		struct function *f = &m->fn[i - 1], *g = &m->fn[i];

		if (!same_device(f, g) || f->physfn != NONE || g->physfn != NONE)
			continue;
		if (f->known)
			f->config[PCI_HEADER_TYPE] |= 0x80;
		if (g->known)
			g->config[PCI_HEADER_TYPE] |= 0x80;
	}
}

/* It may have virtual functions that its registers don't tell of. */
static bool may_be_physical(const struct function *g)
{
	return g->known < CONFIG_SIZE && !is_bridge(g) &&
	       (!is_readable(g) || pcie_type(g) != NONE);
}

static bool may_be_virtual(const struct machine *m, const struct function *f)
{
	const struct function *g;

	for (g = m->fn; g < m->fn + m->nr; g++)
		if (g != f && (!g->vendor || g->vendor == f->vendor) &&
		    g->address.domain == f->address.domain &&
		    may_be_physical(g))
			return true;
	return false;
}

/* On a link there is a function 0, unless it was left out of the file. */
static bool lacks_first(const struct machine *m, const struct function *f)
{
	struct pci_p2pdma_address a = f->address;

	a.devfn = 0;
	return f->parent != NONE && is_downstream_port(&m->fn[f->parent]) &&
	       machine_find(m, &a) == NONE;
}

/*
 * What a virtual function sends is not routed inside its device. If its
 * physical function isn't known, it looks like any other: it has no numbers in
 * its registers, and never decodes memory by its own bit.
 */
static void forget_virtual(struct machine *m)
{
	int i;

	for (i = 0; i < m->nr; i++) {
		struct function *f = &m->fn[i];

		if (!is_readable(f) || f->physfn != NONE || is_bridge(f))
			continue;
		if (config_word(f, PCI_VENDOR_ID) == 0xffff ||
		    (m->text && pcie_type(f) == PCI_EXP_TYPE_ENDPOINT &&
		     !(config_word(f, PCI_COMMAND) & PCI_COMMAND_MEMORY) &&
		     (may_be_virtual(m, f) || lacks_first(m, f))))
			config_forget(f, 64);
	}
}

static void warn_reader(const struct reader *r)
{
	if (r->nr_unended)
		warnx("%s: no empty line ends %d functions: their registers count as unknown",
		      r->m->source, r->nr_unended);
	else if (r->cut_off)
		warnx("%s: line %d is cut off: registers of its function count as unknown",
		      r->m->source, r->number);
	if (r->nr_unnumbered)
		warnx("%s: %d functions without numbers (-nn): their registers count as unknown",
		      r->m->source, r->nr_unnumbered);
}

static void finish_lspci(struct reader *r)
{
	if (!r->m->nr)
		bad_input(r->m, r->number, "there is no function of lspci in it");
	r->m->of_lspci = true;
	set_buses(r);
	check_bridges(r);
	machine_finish(r->m);
	if (r->m->text)
		mark_multi_functions(r->m);
	forget_virtual(r->m);
	warn_reader(r);
}

void read_file(struct machine *m, const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	struct reader r = { .m = m, .at = NONE };

	m->source = is_stdin ? "standard input" : path;
	r.file = is_stdin ? stdin : fopen(path, "r");
	if (!r.file)
		err(errno == EACCES ? EXIT_NO_PERMISSION : EXIT_BAD_INPUT, "%s",
		    path);
	read_lines(&r);
	if (r.is_dump) {
		check_dump_end(m, r.number);
		machine_finish(m);
	} else {
		finish_lspci(&r);
	}
	free(r.bus);
	if (!is_stdin)
		fclose(r.file);
}
