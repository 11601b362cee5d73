// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: --set, what would be if
 *	PCIe r6.0, sec 7.7.11 (ACS), sec 7.5.3.4 (Device Control), sec 10.5 (ATS)
 *
 * A change is written into the model's registers, so that the rules judge it as
 * they judge a machine. No device is written to. What hardware can't do is
 * refused: a bit that a capability lacks can't be set, nor cleared.
 *
 *   DEV.acs=HEX  DEV.acs-=RR,CR  DEV.acs+=UF	ACS Control
 *   DEV.ats=on|off  DEV.10-bit-tags=on|off
 *   DEV.bus-master=on|off  DEV.decode=on|off
 *   DEV.payload=BYTES				Max_Payload_Size
 *   DEV.untrusted=yes|no			as firmware would say
 *   host=VVVV:DDDD[:w]				the host routes
 *   FACT=yes|no				as --assume
 *   kernel:pci=OPTION[,OPTION...]		as a boot parameter
 */
#include <ctype.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

#define ACS_REDIRECTION		(PCI_ACS_CTRL_REQ_RED | PCI_ACS_CTRL_CMPLT_RED | \
				 PCI_ACS_CTRL_EGRESS)

static void not_understood(const char *text)
{
	errx(EXIT_USAGE, "'%s' is no change that is known", text);
}

static void not_possible(const struct function *f, const char *what)
{
	errx(EXIT_USAGE, "%s: that %s can't: %s", address_text(&f->address),
	     is_bridge(f) ? "port" : "function", what);
}

static const char *unless_readable(const struct function *f, const char *what)
{
	return f->known > 256 ? what : "its registers are not known";
}

static bool parse_choice(const char *text, const char *yes, const char *no)
{
	if (!strcmp(text, yes))
		return true;
	if (strcmp(text, no))
		errx(EXIT_USAGE, "'%s' is neither %s nor %s", text, yes, no);
	return false;
}

static unsigned long parse_number(const char *text, int base, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, base);

	if (!isxdigit((unsigned char)*text) || *end || value > most)
		errx(EXIT_USAGE, "'%s' is not a number up to %#lx", text, most);
	return value;
}

static void set_bit_of_word(struct function *f, unsigned int pos,
			    unsigned int bit, bool on)
{
	unsigned int word = config_word(f, pos);

	config_set(f, pos, 2, on ? word | bit : word & ~bit);
}

/* ACS */

/* Bits of Control that the function has */
static unsigned int acs_controls(const struct function *f)
{
	unsigned int cap, ctrl;

	if (!acs_words(f, &cap, &ctrl))
		not_possible(f, unless_readable(f, "it has no ACS capability"));
	return (cap & 0x7f) | (cap & ACS_ENHANCED_CAP ? ACS_ENHANCED : 0);
}

static void set_acs(struct function *f, unsigned int ctrl)
{
	config_set(f, find_extended(f, PCI_EXT_CAP_ID_ACS) + PCI_ACS_CTRL, 2, ctrl);
}

static unsigned int acs_control(const struct function *f)
{
	unsigned int cap, ctrl;

	acs_words(f, &cap, &ctrl);
	return ctrl;
}

static void check_acs_bits(const struct function *f, unsigned int bits)
{
	unsigned int lacking = bits & ~acs_controls(f);
	char text[64];
	int i;

	for (i = 0; i < NR_ACS_CONTROLS; i++) {
		if (!(lacking & 1U << i))
			continue;
		snprintf(text, sizeof(text), "its ACS capability lacks %s",
			 acs_names[i].letters);
		not_possible(f, text);
	}
	if (lacking & ACS_ENHANCED)
		not_possible(f, "its ACS capability lacks enhanced controls");
	if (lacking)
		not_possible(f, "its ACS capability lacks some of these bits");
}

static unsigned int parse_acs_name(const char *text, size_t length)
{
	int i;

	if (length != 2)
		return 0;
	for (i = 0; i < NR_ACS_CONTROLS; i++)
		if (!strncmp(text, acs_names[i].letters, length))
			return 1U << i;
	return strncmp(text, "EN", length) ? 0 : ACS_ENHANCED;
}

/* "RR,CR" */
static unsigned int parse_acs_names(const char *text)
{
	unsigned int bits = 0, bit;
	const char *s = text;
	size_t length;

	for (;; s += length + 1) {
		length = strcspn(s, ",");
		bit = parse_acs_name(s, length);
		if (!bit)
			errx(EXIT_USAGE,
			     "'%s': ACS bits are SV, TB, RR, CR, UF, EC, DT, EN",
			     text);
		bits |= bit;
		if (!s[length])
			return bits;
	}
}

static void change_acs(struct function *f, const char *value)
{
	unsigned int ctrl = parse_number(value, 16, 0xffff);

	check_acs_bits(f, ctrl);
	set_acs(f, ctrl);
}

static void clear_acs(struct function *f, const char *value)
{
	unsigned int bits = parse_acs_names(value);

	/* What is off already is off, but redirection may be hard-wired. */
	check_acs_bits(f, bits & (acs_control(f) | PCI_ACS_CTRL_REQ_RED |
				  PCI_ACS_CTRL_CMPLT_RED));
	set_acs(f, acs_control(f) & ~bits);
}

static void add_acs(struct function *f, const char *value)
{
	unsigned int bits = parse_acs_names(value);

	if (bits & ACS_ENHANCED)
		errx(EXIT_USAGE,
		     "EN are numbers of several bits: .acs=HEX sets them");
	check_acs_bits(f, bits);
	set_acs(f, acs_control(f) | bits);
}

/* Other registers */

static void change_ats(struct function *f, const char *value)
{
	unsigned int pos = find_extended(f, PCI_EXT_CAP_ID_ATS);
	bool on = parse_choice(value, "on", "off");

	if (!pos)
		not_possible(f, unless_readable(f, "it has no ATS capability"));
	set_bit_of_word(f, pos + PCI_ATS_CTRL, PCI_ATS_CTRL_ENABLE, on);
}

static void change_tags(struct function *f, const char *value)
{
	unsigned int pos = find_control2(f);
	bool on = parse_choice(value, "on", "off");

	if (f->physfn != NONE)
		not_possible(f, "10-bit tags of virtual functions are never on");
	if (!pos)
		not_possible(f, is_readable(f) ?
				"it has no Device Control 2 register" :
				"its registers are not known");
	if (on && !(config_long(f, pos - PCI_EXP_DEVCTL2 + PCI_EXP_DEVCAP2) &
		    TAGS_REQUESTER))
		not_possible(f, "it doesn't support 10-bit tags");
	set_bit_of_word(f, pos, TAGS_ENABLE, on);
}

static void set_payload(struct function *f, unsigned int code)
{
	unsigned int pos = find_capability(f, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
	unsigned int word = config_word(f, pos) & ~PCI_EXP_DEVCTL_PAYLOAD;

	config_set(f, pos, 2, word | code << 5);
}

static void change_payload(struct function *f, const char *value)
{
	unsigned long bytes = parse_number(value, 10, 4096);
	unsigned int pos = find_capability(f, PCI_CAP_ID_EXP), code;

	for (code = 0; code < 6 && 128UL << code != bytes; code++)
		;
	if (code == 6)
		errx(EXIT_USAGE, "'%s': payload sizes are 128, 256, 512 ... 4096",
		     value);
	if (!pos)
		not_possible(f, is_readable(f) ? "it is not PCI Express" :
						 "its registers are not known");
	if (code > (config_long(f, pos + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_PAYLOAD))
		not_possible(f, "it doesn't support payloads as large");
	set_payload(f, code);
}

static void change_command(struct function *f, unsigned int bit,
			   const char *value)
{
	bool on = parse_choice(value, "on", "off");

	if (f->known < 64)
		not_possible(f, "its registers are not known");
	set_bit_of_word(f, PCI_COMMAND, bit, on);
}

static void change_bus_master(struct function *f, const char *value)
{
	change_command(f, PCI_COMMAND_MASTER, value);
}

static void change_decode(struct function *f, const char *value)
{
	change_command(f, PCI_COMMAND_MEMORY, value);
}

static void change_untrusted(struct function *f, const char *value)
{
	f->untrusted = parse_choice(value, "yes", "no");
}

static const struct property {
	const char *name;
	void (*change)(struct function *f, const char *value);
} properties[] = {
	{ "acs", change_acs },
	{ "acs-", clear_acs },
	{ "acs+", add_acs },
	{ "ats", change_ats },
	{ "10-bit-tags", change_tags },
	{ "payload", change_payload },
	{ "untrusted", change_untrusted },
	{ "bus-master", change_bus_master },
	{ "decode", change_decode },
};

/* Virtual functions have the payload size of their physical function. */
static struct function *owner(struct machine *m, int i,
			      const struct property *property)
{
	if (property->change == change_payload && m->fn[i].physfn != NONE)
		i = m->fn[i].physfn;
	return &m->fn[i];
}

/* @text: "DEV.PROPERTY=VALUE"; @dot and @value point into it */
static void change_function(struct machine *m, char *text, char *dot,
			    char *value)
{
	size_t i;

	*dot = '\0';
	value[-1] = '\0';
	for (i = 0; i < ARRAY_SIZE(properties); i++)
		if (!strcmp(dot + 1, properties[i].name))
			break;
	if (i == ARRAY_SIZE(properties) || !*text)
		errx(EXIT_USAGE, "'%s.%s=%s' is no change that is known", text,
		     dot + 1, value);
	properties[i].change(owner(m, find_device(m, text), &properties[i]), value);
}

/* Boot parameters */

struct pci_ids {
	unsigned int vendor, device, subvendor, subdevice;
};

/* "pci:VVVV:DDDD[:SSSS:SSSS]"; 0 stands for any */
static bool parse_ids(const char *text, struct pci_ids *ids)
{
	int end = 0, nr;

	*ids = (struct pci_ids){ 0 };
	nr = sscanf(text, "pci:%4x:%4x%n:%4x:%4x%n", &ids->vendor, &ids->device,
		    &end, &ids->subvendor, &ids->subdevice, &end);
	return (nr == 2 || nr == 4) && !text[end];
}

/* Where numbers of the subsystem are, 0: a bridge without */
static unsigned int find_subsystem(const struct function *f)
{
	unsigned int pos;

	if (!is_bridge(f))
		return PCI_SUBSYSTEM_VENDOR_ID;
	pos = find_capability(f, PCI_CAP_ID_SSVID);
	return pos ? pos + 4 : 0;
}

static bool has_ids(const struct function *f, const struct pci_ids *ids)
{
	unsigned int pos = find_subsystem(f);
	unsigned int subvendor = pos ? config_word(f, pos) : 0;
	unsigned int subdevice = pos ? config_word(f, pos + 2) : 0;

	return (!ids->vendor || ids->vendor == f->vendor) &&
	       (!ids->device || ids->device == f->device) &&
	       (!ids->subvendor || ids->subvendor == subvendor) &&
	       (!ids->subdevice || ids->subdevice == subdevice);
}

/* The bits of @mask become those of @flags, as far as the function has them. */
static void configure_acs(struct function *f, unsigned int mask,
			  unsigned int flags)
{
	unsigned int has = acs_controls(f) & mask;

	if (!has)
		not_possible(f, "its ACS capability lacks all of these bits");
	set_acs(f, (acs_control(f) & ~has) | (flags & has));
}

/*
 * A part of the list. As in the kernel, numbers may stand for many functions,
 * and those without ACS are left as they are.
 */
static void configure_matching(struct machine *m, const char *text,
			       unsigned int mask, unsigned int flags)
{
	unsigned int cap, ctrl;
	bool found = false;
	struct pci_ids ids;
	int i;

	if (strncmp(text, "pci:", 4)) {
		i = find_path(m, text);
		if (i == NONE)
			errx(EXIT_NO_DEVICE, "no function is at '%s'", text);
		configure_acs(&m->fn[i], mask, flags);
		return;
	}
	if (!parse_ids(text, &ids))
		errx(EXIT_USAGE, "'%s' is not pci:VENDOR:DEVICE", text);
	for (i = 0; i < m->nr; i++) {
		if (!has_ids(&m->fn[i], &ids) || !acs_words(&m->fn[i], &cap, &ctrl))
			continue;
		configure_acs(&m->fn[i], mask, flags);
		found = true;
	}
	if (!found)
		errx(EXIT_NO_DEVICE, "no function with ACS is '%s'", text);
}

static void disable_part(struct machine *m, char *part)
{
	configure_matching(m, part, ACS_REDIRECTION, 0);
}

/* "x0100x1@PATH": Source Validation is the last of the flags. */
static void config_part(struct machine *m, char *part)
{
	unsigned int mask = 0, flags = 0, bit = 1;
	char *at = strchr(part, '@'), *s;

	if (!at || at == part || at - part > NR_ACS_CONTROLS)
		errx(EXIT_USAGE, "'%s' is not FLAGS@PATH, with 7 flags at most",
		     part);
	for (s = at - 1; s >= part; s--, bit <<= 1) {
		if (!strchr("01xX", *s))
			errx(EXIT_USAGE, "'%s': a flag is 0, 1 or x", part);
		mask |= strchr("01", *s) ? bit : 0;
		flags |= *s == '1' ? bit : 0;
	}
	if (!mask)
		errx(EXIT_USAGE, "'%s' changes no bit", part);
	configure_matching(m, at + 1, mask, flags);
}

static void check_parts(const char *list, const char *separator)
{
	const char *s;

	for (s = list;; s++) {
		size_t length = strcspn(s, separator);

		if (!length)
			errx(EXIT_USAGE, "'%s': nothing is before or after a '%s'",
			     list, separator);
		s += length;
		if (!*s)
			return;
	}
}

static void apply_to_parts(struct machine *m, char *list,
			   const char *separator,
			   void (*apply)(struct machine *m, char *part))
{
	char *part;

	check_parts(list, separator);
	while ((part = strsep(&list, separator)))
		apply(m, part);
}

static void disable_acs_redir(struct machine *m, char *value)
{
	apply_to_parts(m, value, ";", disable_part);
}

static void config_acs(struct machine *m, char *value)
{
	apply_to_parts(m, value, ";", config_part);
}

static void allow_hosts(struct machine *m, char *value)
{
	set_allowed(m, value);
}

static void bus_peer2peer(struct machine *m, char *value)
{
	int i;

	for (i = 0; i < m->nr; i++)
		if (find_capability(&m->fn[i], PCI_CAP_ID_EXP))
			set_payload(&m->fn[i], 0);
}

static void no_ats(struct machine *m, char *value)
{
	int i;

	for (i = 0; i < m->nr; i++)
		if (ats_enabled(&m->fn[i]))
			change_ats(&m->fn[i], "off");
}

static const struct option_of_pci {
	const char *name;	/* ends in '=' if a value follows */
	void (*apply)(struct machine *m, char *value);
} options_of_pci[] = {
	{ "disable_acs_redir=", disable_acs_redir },
	{ "config_acs=", config_acs },
	{ "p2pdma_allow_host=", allow_hosts },
	{ "pcie_bus_peer2peer", bus_peer2peer },
	{ "noats", no_ats },
};

static void pci_option(struct machine *m, char *text)
{
	size_t i, length;

	for (i = 0; i < ARRAY_SIZE(options_of_pci); i++) {
		const char *name = options_of_pci[i].name;

		length = strlen(name);
		if (strncmp(text, name, length))
			continue;
		if ((name[length - 1] == '=') != !text[length]) {
			options_of_pci[i].apply(m, text + length);
			return;
		}
	}
	errx(EXIT_USAGE, "'pci=%s' is no parameter that can be tried", text);
}

static void kernel_parameter(struct machine *m, char *text)
{
	if (strncmp(text, "pci=", 4) || !text[4])
		errx(EXIT_USAGE, "'%s' is no parameter that can be tried", text);
	apply_to_parts(m, text + 4, ",", pci_option);
}

/* Unlike the boot parameter, which replaces all, this one adds to them. */
static void add_host(struct machine *m, const char *value)
{
	struct allowed old[MAX_ALLOWED], added[MAX_ALLOWED];
	int nr_old = m->nr_allowed, nr;

	memcpy(old, m->allowed, sizeof(old));
	set_allowed(m, value);
	nr = m->nr_allowed;
	if (nr_old + nr > MAX_ALLOWED)
		errx(EXIT_USAGE, "more than %d host bridges are allowed",
		     MAX_ALLOWED);
	memcpy(added, m->allowed, sizeof(added));
	memcpy(m->allowed, old, sizeof(old));
	memcpy(m->allowed + nr_old, added, nr * sizeof(*added));
	m->nr_allowed = nr_old + nr;
}

/* @text is a copy, and cut to pieces. */
static void apply(struct machine *m, char *text)
{
	char *value = strchr(text, '='), *dot;

	if (!value || !value[1])
		not_understood(text);
	if (!strncmp(text, "kernel:", 7)) {
		kernel_parameter(m, text + 7);
		return;
	}
	if (!strncmp(text, "host=", 5)) {
		add_host(m, text + 5);
		return;
	}
	*value = '\0';
	dot = strrchr(text, '.');
	*value++ = '=';
	if (dot)
		change_function(m, text, dot, value);
	else
		set_fact(m, text, FACT_GIVEN);
}

void apply_change(struct machine *m, const char *text)
{
	char *copy = copy_text(text);
	size_t i;

	for (i = 0; copy[i]; i++)
		if (isspace((unsigned char)copy[i]))
			errx(EXIT_USAGE, "'%s': a change has no spaces in it", text);
	apply(m, copy);
	free(copy);
	m->changed = true;
	rules_forget(m);
}
