// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: JSON, colours and words
 *
 * Pieces of output that several commands have in common. They go to stdout.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <pci/pci.h>

#include "machine.h"

#define DEFAULT_WIDTH	80
#define MIN_WIDTH	40	/* narrower ones count as unknown */
#define BUFFER_SIZE	65536

bool json;
static bool colours;

void print_init(bool wants_json)
{
	const char *term = getenv("TERM"), *none = getenv("NO_COLOR");

	json = wants_json;
	colours = !json && isatty(STDOUT_FILENO) && !(none && *none) && term &&
		  strcmp(term, "dumb");
	setvbuf(stdout, NULL, _IOFBF, BUFFER_SIZE);
}

int terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	char *end;
	long width;

	if (columns && *columns) {
		width = strtol(columns, &end, 10);
		if (!*end && width >= MIN_WIDTH && width <= SHRT_MAX)
			return width;
	}
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col >= MIN_WIDTH)
		return size.ws_col;
	return DEFAULT_WIDTH;
}

const char *colour(const char *name)
{
	static const struct {
		const char *name, *code;
	} codes[] = {
		{ "good", "\033[32m" },
		{ "bad", "\033[31m" },
		{ "name", "\033[1m" },
		{ "off", "\033[0m" },
	};
	size_t i;

	for (i = 0; colours && i < ARRAY_SIZE(codes); i++)
		if (!strcmp(codes[i].name, name))
			return codes[i].code;
	return "";
}

/* JSON */

/* Bytes of the character that @s begins with; 0 if it is not UTF-8 */
static int utf8_length(const unsigned char *s)
{
	static const unsigned int least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned int code;
	int length, i;

	if (*s < 0x80)
		return 1;
	if (*s < 0xc0 || *s >= 0xf8)
		return 0;
	length = *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
	code = *s & 0x7f >> length;
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || code >> 11 == 0xd800 >> 11)
		return 0;
	return length;
}

void print_json_text(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (!s) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	while (*s) {
		int length = utf8_length(s);

		if (!length)
			fputs("\\ufffd", stdout);
		else if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if (*s < 0x20 || *s == 0x7f)
			printf("\\u%04x", *s);
		else
			fwrite(s, 1, length, stdout);
		s += length ? length : 1;
	}
	putchar('"');
}

void print_json_pair(const struct pci_p2pdma_query *q, enum answer_source source)
{
	static const char * const sources[] = {
		[FROM_KERNEL] = "kernel",
		[FROM_DUMP] = "dump",
		[FROM_RULES] = "rules",
	};

	printf("\"provider\":\"%s\",\"client\":\"%s\",\"type\":\"%s\",\"distance\":",
	       address_text(&q->provider), address_text(&q->client),
	       grade_text(grade_of(q)));
	if (is_reached(q))
		printf("%u", q->distance);
	else
		printf("null");
	printf(",\"reason\":");
	print_json_text(rules_reason(q->reason));
	printf(",\"at\":\"%s\",\"source\":\"%s\"", address_text(&q->at),
	       sources[source]);
}

void print_json_assumed(const struct machine *m)
{
	const char *comma = "";
	int i;

	printf("\"assumed\":[");
	for (i = 0; i < NR_FACTS; i++) {
		if (m->fact[i].source != FACT_ASSUMED)
			continue;
		printf("%s\"%s\"", comma, fact_name(i));
		comma = ",";
	}
	if (is_external_assumed(m)) {
		printf("%s\"external\"", comma);
		comma = ",";
	}
	if (m->text)
		printf("%s\"text\"", comma);
	putchar(']');
}

/* Answers */

const char *grade_text(enum grade grade)
{
	static const char * const texts[NR_GRADES] = {
		[GRADE_NOTHING] = "not-supported",
		[GRADE_WRITES] = "through-host-writes-only",
		[GRADE_HOST] = "through-host",
		[GRADE_BUS] = "bus-address",
	};

	return texts[grade];
}

/* No more than four characters: a distance of a damaged dump can be any. */
const char *cell_text(const struct pci_p2pdma_query *q)
{
	static const char letters[NR_GRADES] = {
		[GRADE_WRITES] = 'W', [GRADE_HOST] = 'H', [GRADE_BUS] = 'B',
	};
	static char text[16];
	char letter = letters[grade_of(q)];

	if (!letter)
		return "-";
	if (q->reason == PCI_P2PDMA_REASON_SAME_FUNCTION)
		return "self";
	if (q->distance > 999)
		snprintf(text, sizeof(text), "%c>1k", letter);
	else
		snprintf(text, sizeof(text), "%c%u", letter, q->distance);
	return text;
}

/* Access Control Services and links */

/*
 * Hard-wired: in effect although the control bit is off. Translation Blocking
 * is about requests that no device of this kind sends.
 */
static void print_acs_control(unsigned int ctrl, unsigned int in_effect)
{
	int i;

	fputs("ACS", stdout);
	for (i = 0; i < NR_ACS_CONTROLS; i++) {
		if (1U << i == PCI_ACS_CTRL_BLOCK)
			continue;
		printf(" %s%s", acs_names[i].word,
		       ctrl & 1U << i ? "+" :
		       in_effect & 1U << i ? "+(hard-wired)" : "-");
	}
	if (ctrl & ACS_ENHANCED)
		fputs(" Enhanced+", stdout);
}

/* Functions without the capability can isolate all the same. */
static void print_acs_without(const struct function *f, unsigned int in_effect)
{
	bool sriov = f->physfn != NONE ||
		     find_extended(f, PCI_EXT_CAP_ID_SRIOV);
	int i;

	fputs("no ACS", stdout);
	if (!in_effect)
		return;
	printf(", by %s", sriov ? "SR-IOV" : "quirk");
	for (i = 0; i < NR_ACS_CONTROLS; i++)
		if (in_effect & 1U << i)
			printf(" %s+", acs_names[i].word);
}

void print_acs_words(struct machine *m, int i)
{
	const struct function *f = &m->fn[i];
	unsigned int cap, ctrl, in_effect = rules_acs(m, i);

	if (acs_words(f, &cap, &ctrl))
		print_acs_control(ctrl, in_effect == ACS_UNKNOWN ? 0 : in_effect);
	else if (in_effect != ACS_UNKNOWN)
		print_acs_without(f, in_effect);
	else if (!f->line && !is_readable(f) && geteuid())
		fputs("ACS unknown (only root can read it)", stdout);
	else
		fputs("ACS unknown", stdout);
}

void print_link(const struct link *link)
{
	printf("%u", link->speed / 10);
	if (link->speed % 10)
		printf(".%u", link->speed % 10);
	printf(" GT/s x%u", link->width);
}
