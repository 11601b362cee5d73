// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: what no register tells
 *
 * The processor, the IOMMU, memory encryption and firmware decide, and config
 * space shows none of them. Options and dumps say so in words; what nothing
 * says is taken to be the careful value, and that is printed.
 */
#include <err.h>
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

#define VENDOR_AMD	0x1022

static const char * const facts[NR_FACTS] = {
	[FACT_ZEN] = "zen",
	[FACT_IOMMU] = "iommu",
	[FACT_ENCRYPTED] = "encrypted",
	[FACT_CONVENTIONAL] = "conventional",
};

const char *fact_name(int fact)
{
	return facts[fact];
}

/* An option overrides a file. */
static void store_fact(struct machine *m, int i, int value,
		       enum fact_source source)
{
	if (source == FACT_READ && m->fact[i].source == FACT_GIVEN)
		return;
	m->fact[i] = (struct fact){ .value = value, .source = source };
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && !strncmp(text, word, length);
}

static void set_one_fact(struct machine *m, const char *text, size_t length,
			 enum fact_source source)
{
	const char *value = memchr(text, '=', length);
	size_t name_length = value ? (size_t)(value - text) : length;
	size_t value_length = value ? length - name_length - 1 : 0;
	int i;

	for (i = 0; value && i < NR_FACTS; i++) {
		if (!is_word(text, name_length, facts[i]))
			continue;
		if (is_word(value + 1, value_length, "yes"))
			return store_fact(m, i, 1, source);
		if (is_word(value + 1, value_length, "no"))
			return store_fact(m, i, 0, source);
	}
	errx(EXIT_USAGE,
	     "\"%.*s\" is none of zen, iommu, encrypted, conventional with =yes or =no",
	     (int)length, text);
}

void set_fact(struct machine *m, const char *text, enum fact_source source)
{
	for (;;) {
		size_t length = strcspn(text, ",");

		set_one_fact(m, text, length, source);
		text += length;
		if (!*text++)
			return;
	}
}

/* VVVV:DDDD or VVVV:DDDD:w. No device has the vendor 0 or 0xffff. */
static bool parse_allowed(const char *s, size_t length, struct allowed *item)
{
	const char *end = s + length;

	*item = (struct allowed){ 0 };
	if (!parse_hex(&s, 4, &item->vendor) || *s++ != ':' ||
	    !parse_hex(&s, 4, &item->device) || !item->vendor ||
	    item->vendor == 0xffff)
		return false;
	item->writes_only = end - s == 2 && !strncmp(s, ":w", 2);
	return s == end || item->writes_only;
}

bool add_allowed(struct machine *m, const char *text, size_t length)
{
	struct allowed item;

	if (!parse_allowed(text, length, &item) || m->nr_allowed == MAX_ALLOWED)
		return false;
	m->allowed[m->nr_allowed++] = item;
	return true;
}

const char *allowed_text(const struct allowed *a)
{
	static char text[32];

	snprintf(text, sizeof(text), "%04x:%04x%s", a->vendor, a->device,
		 a->writes_only ? ":w" : "");
	return text;
}

/* As for the kernel's parameter, the last of two options counts. */
void set_allowed(struct machine *m, const char *text)
{
	size_t length;

	m->nr_allowed = 0;
	for (;; text += length + 1) {
		length = strcspn(text, ";");
		if (m->nr_allowed == MAX_ALLOWED)
			errx(EXIT_USAGE, "more than %d host bridges are allowed",
			     MAX_ALLOWED);
		if (!add_allowed(m, text, length))
			errx(EXIT_USAGE,
			     "\"%.*s\" is not VVVV:DDDD or VVVV:DDDD:w",
			     (int)length, text);
		if (!text[length])
			return;
	}
}

/*
 * The careful value of what isn't said: AMD processors that route may encrypt
 * memory, too.
 */
int fact_value(const struct machine *m, int fact)
{
	if (fact == FACT_ENCRYPTED && m->fact[fact].source == FACT_ASSUMED)
		return m->fact[FACT_ZEN].value;
	return m->fact[fact].value;
}

bool is_external_assumed(const struct machine *m)
{
	int i;

	for (i = 0; i < m->nr; i++)
		if (m->fn[i].external)
			return false;
	return m->of_lspci;
}

static bool is_of_amd(const struct machine *m)
{
	int i;

	for (i = 0; i < m->nr; i++)
		if (m->fn[i].class == PCI_CLASS_BRIDGE_HOST &&
		    m->fn[i].vendor == VENDOR_AMD)
			return true;
	return false;
}

static const char zen_hint[] =
	"(AMD's host bridges: --assume zen=yes, if the processor is of family 17h on)";

void print_assumed(const struct machine *m)
{
	const char *before = "assumed: ";
	int i;

	if (m->fd != NONE && !m->changed)
		return;
	for (i = 0; i < NR_FACTS; i++) {
		if (m->fact[i].source != FACT_ASSUMED)
			continue;
		printf("%s%s=%s", before, facts[i],
		       fact_value(m, i) ? "yes" : "no");
		before = ", ";
	}
	if (*before == ',')
		printf(" (see --assume)\n");
	if (m->fact[FACT_ZEN].source == FACT_ASSUMED && is_of_amd(m))
		puts(zen_hint);
	if (is_external_assumed(m))
		printf("assumed: no port leads out of the machine (see --external)\n");
	if (m->text)
		printf("assumed: off is what lspci's text hides: enhanced ACS, 10-bit tags\n");
}
