// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: its own dumps
 *
 * All that the model of a machine has, and what its kernel answered:
 *
 *	lsp2pdma 3
 *	text					registers are from lspci -v
 *	fact zen=yes read
 *	allow 8086:29c0:w
 *						an empty line
 *	0000:00:00.0 host bridge [0600]: Intel Corporation ... [8086:29c0]
 *		known=256			tab NAME=VALUE, as needed
 *	00: 86 80 c0 29 ...			up to the last line that isn't 0
 *						an empty line
 *	pair PROVIDER CLIENT type distance reason result AT
 *	end
 *
 * Functions are in the order of their addresses. lspci -F takes all this for a
 * dump of lspci -xxxx. The reader is strict: each line is understood, or the
 * dump is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* A function that is named before it is read; @fn: index of the one that names it */
struct reference {
	int fn;
	int line;
	bool is_physfn;
	struct pci_p2pdma_address to;
};

static struct {
	int known;		/* of the function that lines are of, NONE before */
	int bytes;		/* that are in the file, the others are 0 */
	struct reference *reference;
	int nr_references;
	int *pair_line;
	bool ended;
} dump = { .known = NONE, .bytes = NONE };

/* Reading */

static unsigned long long parse_number(struct machine *m, int line,
				       const char *text, unsigned long long max)
{
	unsigned long long value = 0;
	const char *s;

	for (s = text; *s >= '0' && *s <= '9'; s++) {
		if (value > (max - (*s - '0')) / 10)
			break;
		value = value * 10 + (*s - '0');
	}
	if (s == text || *s)
		bad_input(m, line, "\"%s\" is no number up to %llu", text, max);
	return value;
}

static void add_reference(struct machine *m, int line, const char *text,
			  bool is_physfn)
{
	struct reference r = {
		.fn = m->nr - 1, .line = line, .is_physfn = is_physfn
	};

	if (!parse_address(text, &r.to))
		bad_input(m, line, "\"%s\" is no address", text);
	dump.reference = grow(dump.reference, dump.nr_references,
			      sizeof(*dump.reference));
	dump.reference[dump.nr_references++] = r;
}

static void set_known(struct machine *m, struct function *f, int line,
		      const char *text)
{
	unsigned int known = parse_number(m, line, text, CONFIG_SIZE);

	if (known != 0 && known != 64 && known != 256 && known != CONFIG_SIZE)
		bad_input(m, line, "known is none of 0, 64, 256, 4096");
	if (f->known || dump.known != NONE)
		bad_input(m, line, "known isn't the first thing said");
	dump.known = known;
}

static void set_text(struct machine *m, int line, char **text, const char *value)
{
	const char *s;

	if (*text)
		bad_input(m, line, "is said twice");
	for (s = value; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			bad_input(m, line, "a control character");
	*text = copy_text(value);
}

/* "name=value" below a title */
static void read_property(struct machine *m, struct function *f, char *text,
			  int line)
{
	char *value = strchr(text, '=');

	if (!value)
		bad_input(m, line, "\"%s\" isn't NAME=VALUE", text);
	*value++ = '\0';
	if (!strcmp(text, "known"))
		set_known(m, f, line, value);
	else if (!strcmp(text, "bytes"))
		dump.bytes = parse_number(m, line, value, CONFIG_SIZE);
	else if (!strcmp(text, "driver"))
		set_text(m, line, &f->driver, value);
	else if (!strcmp(text, "names"))
		set_text(m, line, &f->names, value);
	else if (!strcmp(text, "numa"))
		f->numa = parse_number(m, line, value, 0x7fffffff);
	else if (!strcmp(text, "group"))
		f->group = parse_number(m, line, value, 0x7fffffff);
	else if (!strcmp(text, "translated"))
		f->translated = parse_number(m, line, value, 1);
	else if (!strcmp(text, "conventional"))
		f->conventional = parse_number(m, line, value, 1);
	else if (!strcmp(text, "untrusted"))
		f->untrusted = parse_number(m, line, value, 1);
	else if (!strcmp(text, "external"))
		f->external = parse_number(m, line, value, 1);
	else if (!strcmp(text, "memory"))
		f->memory = parse_number(m, line, value, ~0ull);
	else if (!strcmp(text, "published"))
		f->published = parse_number(m, line, value, 1);
	else if (!strcmp(text, "parent"))
		add_reference(m, line, value, false);
	else if (!strcmp(text, "physfn"))
		add_reference(m, line, value, true);
	else
		bad_input(m, line, "\"%s\" is nothing that a function has", text);
}

static void end_dumped(struct machine *m, struct function *f, int line)
{
	if (dump.known == NONE)
		bad_input(m, f->line, "it isn't said how much is known");
	if (f->known > (unsigned int)dump.known)
		bad_input(m, line, "more bytes than are known");
	if ((int)f->known != dump.bytes)
		bad_input(m, line, "%d bytes should be there, and %u are",
			  dump.bytes == NONE ? 0 : dump.bytes, f->known);
	if (m->nr > 1 && compare_addresses(&f[-1].address, &f->address) >= 0)
		bad_input(m, f->line, "functions are out of order, or twice there");
	f->known = dump.known;
	dump.known = NONE;
	dump.bytes = NONE;
}

static void read_fact(struct machine *m, char *text, int line)
{
	char *source = strchr(text, ' ');
	char wanted[32];
	int i;

	if (source)
		*source++ = '\0';
	for (i = 0; source && i < NR_FACTS; i++) {
		snprintf(wanted, sizeof(wanted), "%s=yes", fact_name(i));
		if (strcmp(text, wanted))
			snprintf(wanted, sizeof(wanted), "%s=no", fact_name(i));
		if (strcmp(text, wanted))
			continue;
		if (strcmp(source, "read") && strcmp(source, "given"))
			break;
		return set_fact(m, text, FACT_READ);
	}
	bad_input(m, line, "this is no fact");
}

/* "8086:29c0" or "8086:29c0:w" */
static void read_allowed(struct machine *m, const char *text, int line)
{
	if (!add_allowed(m, text, strlen(text)) ||
	    strcmp(text, allowed_text(&m->allowed[m->nr_allowed - 1])))
		bad_input(m, line, "this is no host bridge, or one too many");
}

static struct pci_p2pdma_address pair_address(struct machine *m, char **text,
					      int line)
{
	struct pci_p2pdma_address a;
	char *part = strsep(text, " ");

	if (!part || !parse_address(part, &a))
		bad_input(m, line, "this is no pair: an address is missing");
	return a;
}

static unsigned int pair_number(struct machine *m, char **text, int line,
				unsigned int max)
{
	char *part = strsep(text, " ");

	if (!part)
		bad_input(m, line, "this is no pair: a number is missing");
	return parse_number(m, line, part, max);
}

static void read_pair(struct machine *m, char *text, int line)
{
	struct pci_p2pdma_query q = { .flags = 0 };

	q.provider = pair_address(m, &text, line);
	q.client = pair_address(m, &text, line);
	q.type = pair_number(m, &text, line, PCI_P2PDMA_TYPE_THRU_HOST);
	q.distance = pair_number(m, &text, line, 1024);
	q.reason = pair_number(m, &text, line, 0xffff);
	q.result = pair_number(m, &text, line, 0xffff);
	q.at = pair_address(m, &text, line);
	if (text)
		bad_input(m, line, "something follows the pair");
	dump.pair_line = grow(dump.pair_line, m->nr_pairs,
			      sizeof(*dump.pair_line));
	dump.pair_line[m->nr_pairs] = line;
	m->pair = grow(m->pair, m->nr_pairs, sizeof(*m->pair));
	m->pair[m->nr_pairs++] = q;
}

static void read_outer_line(struct machine *m, char *text, int line)
{
	if (!strcmp(text, "end"))
		dump.ended = true;
	else if (!strcmp(text, "lspci"))
		m->of_lspci = true;
	else if (!strcmp(text, "text"))
		m->text = true;
	else if (!strncmp(text, "fact ", 5))
		read_fact(m, text + 5, line);
	else if (!strncmp(text, "allow ", 6))
		read_allowed(m, text + 6, line);
	else if (!strncmp(text, "pair ", 5))
		read_pair(m, text + 5, line);
	else
		bad_input(m, line, "this is no line of a dump");
}

void read_dump_line(struct machine *m, struct function *f, const char *line,
		    int number)
{
	char *text = copy_text(line);

	if (dump.ended)
		bad_input(m, number, "something follows the end");
	if (!f && *line)
		read_outer_line(m, text, number);
	else if (f && !*line)
		end_dumped(m, f, number);
	else if (f && *line == '\t')
		read_property(m, f, text + 1, number);
	else if (f)
		bad_input(m, number, "this is nothing that a function has");
	free(text);
}

/* The end */

static void resolve(struct machine *m, const struct reference *r)
{
	int to = machine_find(m, &r->to);

	if (to == NONE || to == r->fn)
		bad_input(m, r->line, "there is no other function %s",
			  address_text(&r->to));
	if (r->is_physfn) {
		m->fn[r->fn].physfn = to;
		return;
	}
	m->fn[r->fn].place = PLACE_BELOW;
	m->fn[r->fn].above = r->to;
}

static void check_pairs(struct machine *m)
{
	int i;

	for (i = 0; i < m->nr_pairs; i++) {
		const struct pci_p2pdma_query *q = &m->pair[i];

		if (machine_find(m, &q->provider) == NONE ||
		    machine_find(m, &q->client) == NONE ||
		    machine_find(m, &q->at) == NONE)
			bad_input(m, dump.pair_line[i],
				  "a function of this pair isn't in the dump");
		if (i && by_pair(q - 1, q) >= 0)
			bad_input(m, dump.pair_line[i],
				  "pairs are out of order, or twice there");
	}
}

/* Addresses are in order by now, so functions can be found. */
void check_dump_end(struct machine *m, int number)
{
	int i;

	if (!dump.ended)
		bad_input(m, number, "the dump is cut off: \"end\" is missing");
	for (i = 0; i < dump.nr_references; i++)
		resolve(m, &dump.reference[i]);
	check_pairs(m);
	free(dump.reference);
	free(dump.pair_line);
	memset(&dump, 0, sizeof(dump));
	dump.known = NONE;
	dump.bytes = NONE;
}

/* Writing */

static void print_facts(const struct machine *m)
{
	int i;

	if (m->of_lspci)
		printf("lspci\n");
	if (m->text)
		printf("text\n");
	for (i = 0; i < NR_FACTS; i++)
		if (m->fact[i].source != FACT_ASSUMED)
			printf("fact %s=%s %s\n", fact_name(i),
			       m->fact[i].value ? "yes" : "no",
			       m->fact[i].source == FACT_READ ? "read" : "given");
	for (i = 0; i < m->nr_allowed; i++)
		printf("allow %s\n", allowed_text(&m->allowed[i]));
}

static void print_text(const char *name, const char *text)
{
	if (text)
		printf("\t%s=%s\n", name, text);
}

static void print_number(const char *name, int value)
{
	if (value != NONE)
		printf("\t%s=%d\n", name, value);
}

static void print_flag(const char *name, bool flag)
{
	if (flag)
		printf("\t%s=1\n", name);
}

/* Buses tell most parents. */
static void print_above(const struct machine *m, const struct function *f)
{
	if (f->parent != NONE &&
	    secondary_bus(&m->fn[f->parent]) != f->address.bus)
		printf("\tparent=%s\n", address_of(m, f->parent));
	if (f->physfn != NONE)
		printf("\tphysfn=%s\n", address_of(m, f->physfn));
}

/* Up to the last that isn't 0, in rows; at least the header, which lspci -F wants */
static unsigned int bytes_printed(const struct function *f)
{
	unsigned int end = f->known;

	while (end > 64 && !f->config[end - 1])
		end--;
	return (end + 15) & ~15U;
}

static void print_properties(const struct machine *m, const struct function *f)
{
	printf("\tknown=%u\n\tbytes=%u\n", f->known, bytes_printed(f));
	print_text("driver", f->driver);
	print_text("names", f->names);
	print_number("numa", f->numa);
	print_number("group", f->group);
	print_number("translated", f->translated);
	print_number("conventional", f->conventional);
	print_flag("untrusted", f->untrusted);
	print_flag("external", f->external);
	if (f->memory)
		printf("\tmemory=%llu\n", f->memory);
	print_flag("published", f->published);
	print_above(m, f);
}

static void print_bytes(const struct function *f)
{
	static const char digits[] = "0123456789abcdef";
	unsigned int end = bytes_printed(f), pos, i;

	for (pos = 0; pos < end; pos += 16) {
		char line[3 * 16 + 1];

		for (i = 0; i < 16; i++) {
			line[3 * i] = ' ';
			line[3 * i + 1] = digits[f->config[pos + i] >> 4];
			line[3 * i + 2] = digits[f->config[pos + i] & 15];
		}
		line[3 * 16] = '\0';
		printf("%02x:%s\n", pos, line);
	}
}

static void print_function(const struct machine *m, const struct function *f)
{
	printf("%s %s [%04x]: %s [%04x:%04x]\n", address_text(&f->address),
	       kind_text(f), f->class, f->title ? f->title : "Device", f->vendor,
	       f->device);
	print_properties(m, f);
	print_bytes(f);
	printf("\n");
}

static void print_pair(struct machine *m, int provider, int client)
{
	struct pci_p2pdma_query q;

	if (ask(m, provider, client, &q) == FROM_RULES)
		return;
	printf("pair %s %s %u %u %u %u %s\n", address_text(&q.provider),
	       address_text(&q.client), q.type, q.distance, q.reason, q.result,
	       address_text(&q.at));
}

/*
 * Answers for what can have peers by default, since their number grows with the
 * square: a server has hundreds of functions that are no peers.
 */
static void print_pairs(struct machine *m)
{
	int i, j;

	if (m->changed || (m->fd == NONE && !m->nr_pairs))
		return;
	for (i = 0; i < m->nr; i++) {
		if (!is_selected(m, i) ||
		    (is_bridge(&m->fn[i]) && !m->fn[i].memory))
			continue;
		for (j = 0; j < m->nr; j++)
			if (is_selected(m, j) && !is_bridge(&m->fn[j]))
				print_pair(m, i, j);
	}
}

int command_dump(struct machine *m)
{
	int i;

	printf("%s\n", DUMP_HEADER);
	print_facts(m);
	printf("\n");
	for (i = 0; i < m->nr; i++)
		print_function(m, &m->fn[i]);
	print_pairs(m);
	printf("end\n");
	return EXIT_YES;
}
