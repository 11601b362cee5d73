// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: lines of lspci -vv, read back into registers
 *	PCIe r6.0, sec 7.5 (headers, PCI Express), 7.7.11 (ACS), 9.3.3 (SR-IOV),
 *	10.5.1 (ATS)
 *
 * Invariant: what a text doesn't show isn't known. Registers beyond the header
 * count as known only if the text shows all that decides: each capability has a
 * name that is understood, lists begin where they must, and no line is missing
 * that lspci always prints. Otherwise 64 bytes are known. Details of other
 * capabilities are passed over.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

#define SPEED_16GT	4

/* Details that must have been seen; by capability */
enum {
	SEEN_DEVCAP = 1 << 0,
	SEEN_PAYLOAD = 1 << 1,
	SEEN_TAGS = 1 << 3,
	SEEN_ACSCAP = 1 << 4,
	SEEN_ACSCTL = 1 << 5,
	SEEN_ATSCTL = 1 << 6,
	SEEN_IOVCTL = 1 << 7,
	SEEN_VF_COUNT = 1 << 8,
	SEEN_VF_OFFSET = 1 << 9,
};

#define NEED_EXPRESS	(SEEN_DEVCAP | SEEN_PAYLOAD)
#define NEED_ACS	(SEEN_ACSCAP | SEEN_ACSCTL)
#define NEED_ATS	SEEN_ATSCTL
#define NEED_IOV	(SEEN_IOVCTL | SEEN_VF_COUNT | SEEN_VF_OFFSET)

enum section { OTHER, DEVCAP, DEVCTL, DEVCAP2, DEVCTL2 };

/*
 * Of the function that lines are read of now. A function can have bytes, too:
 * they come last, so registers wait here.
 */
static struct {
	unsigned char config[CONFIG_SIZE];
	bool header;		/* a register of the header was seen */
	bool damaged;		/* or denied: what is beyond the header is unknown */
	bool cap, no_cap;	/* "Status: Cap+", "Cap-" */
	unsigned int seen, needed;
	unsigned int id;	/* capability that details are of; bit 16: extended */
	unsigned int pos;	/* its offset, 0 before the first one */
	unsigned int express;	/* offset of PCI Express, 0 without */
	unsigned int nr_extended;
	enum section section;
	bool used[CONFIG_SIZE / 4];	/* dwords that a capability has */
} now;

#define EXTENDED	0x10000
#define NO_CAPABILITY	0xffff

static void set(unsigned int pos, int size, uint32_t value)
{
	for (; size > 0 && pos < CONFIG_SIZE; size--, pos++, value >>= 8)
		now.config[pos] = value;
}

static uint32_t get(unsigned int pos, int size)
{
	uint32_t value = 0;

	while (size-- > 0 && pos + size < CONFIG_SIZE)
		value = value << 8 | now.config[pos + size];
	return value;
}

/* What follows @prefix and white space, or NULL */
static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	if (strncmp(text, prefix, length))
		return NULL;
	return text + length + strspn(text + length, " \t");
}

/*
 * "Name+" or "Name-": 1 or 0, NONE if it isn't there. A flag is a word of its
 * own.
 */
static int flag(const char *text, const char *name)
{
	size_t length = strlen(name);
	const char *s = text;

	while ((s = strstr(s, name))) {
		bool begins = s == text || isspace((unsigned char)s[-1]);
		char sign = s[length];

		s += length;
		if (begins && (sign == '+' || sign == '-') &&
		    (!s[1] || s[1] == ',' || isspace((unsigned char)s[1])))
			return sign == '+';
	}
	return NONE;
}

/* A number after @name, all of @text being searched; false: none, or too large */
static bool number_after(const char *text, const char *name, int base,
			 unsigned long max, unsigned int *value)
{
	const char *s = strstr(text, name);
	unsigned long number;
	char *end;

	if (!s)
		return false;
	s += strlen(name);
	if (!isxdigit((unsigned char)*s))
		return false;
	number = strtoul(s, &end, base);
	if (end == s || number > max || (*end && !strchr(" \t,)", *end)))
		return false;
	*value = number;
	return true;
}

/* Header */

struct bit {
	const char *name;
	unsigned int mask;
};

static const struct bit command_bits[] = {
	{ "I/O", PCI_COMMAND_IO },
	{ "Mem", PCI_COMMAND_MEMORY },
	{ "BusMaster", PCI_COMMAND_MASTER },
	{ "SpecCycle", PCI_COMMAND_SPECIAL },
	{ "MemWINV", PCI_COMMAND_INVALIDATE },
	{ "VGASnoop", PCI_COMMAND_VGA_PALETTE },
	{ "ParErr", PCI_COMMAND_PARITY },
	{ "Stepping", PCI_COMMAND_WAIT },
	{ "SERR", PCI_COMMAND_SERR },
	{ "FastB2B", PCI_COMMAND_FAST_BACK },
	{ "DisINTx", PCI_COMMAND_DISABLE_INTx },
};

static unsigned int read_bits(const char *text, const struct bit *bit, int nr)
{
	unsigned int value = 0;

	for (; nr; nr--, bit++)
		if (flag(text, bit->name) == 1)
			value |= bit->mask;
	return value;
}

/* lspci -v has no such bits but bus mastering; "[disabled]" is of memory. */
static void read_flags(const char *text)
{
	unsigned int command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;

	if (strstr(text, "bus master"))
		command |= PCI_COMMAND_MASTER;
	set(PCI_COMMAND, 2, command);
	now.header = true;
}

static void read_status(const char *text)
{
	now.cap = flag(text, "Cap") == 1;
	now.no_cap = flag(text, "Cap") == 0;
	if (now.cap)
		set(PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
}

static void read_buses(struct machine *m, const char *text, int number)
{
	unsigned int primary, secondary, subordinate;

	if (!number_after(text, "primary=", 16, 255, &primary) ||
	    !number_after(text, "secondary=", 16, 255, &secondary) ||
	    !number_after(text, "subordinate=", 16, 255, &subordinate) ||
	    secondary > subordinate || (!secondary && subordinate))
		bad_input(m, number, "these aren't bus numbers of a bridge");
	set(PCI_PRIMARY_BUS, 1, primary);
	set(PCI_SECONDARY_BUS, 1, secondary);
	set(PCI_SUBORDINATE_BUS, 1, subordinate);
	set(PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE);
	now.header = true;
}

/* Lists of capabilities */

/* No two capabilities have the same registers. */
static bool claim(unsigned int pos, unsigned int size)
{
	unsigned int end = pos < 256 ? 256 : CONFIG_SIZE, i;

	if (pos + size > end)
		return false;
	for (i = pos / 4; i < (pos + size) / 4; i++) {
		if (now.used[i])
			return false;
		now.used[i] = true;
	}
	return true;
}

/* "Express (v2) Root Port (Slot+), MSI 00"; lspci -v leaves the version out */
static void begin_express(const char *text, unsigned int pos)
{
	unsigned int version = 0, size;
	const char *s = strchr(text, ')');
	int type;

	if (!number_after(text, "Express (v", 10, 15, &version) || !s || s[1] != ' ') {
		now.damaged = true;
		return;
	}
	type = port_type_by_name(s + 2);
	size = version > 1 ? PCI_EXP_LNKCTL2 : PCI_EXP_LNKSTA + 2;
	if (type == NONE || now.express || !claim(pos + 4, size - 4)) {
		now.damaged = true;
		return;
	}
	set(pos + PCI_EXP_FLAGS, 2, version | type << 4 |
	    (strstr(text, "(Slot+)") ? PCI_EXP_FLAGS_SLOT : 0));
	now.express = pos;
	now.needed |= NEED_EXPRESS;
}

static void begin_normal(const char *text, unsigned int pos)
{
	int id = capability_by_name(text, false);

	if (id == NONE || pos < 0x40 || pos & 3 || now.nr_extended ||
	    !claim(pos, 4)) {
		now.damaged = true;
		return;
	}
	set(now.pos ? now.pos + 1 : PCI_CAPABILITY_LIST, 1, pos);
	set(pos, 1, id);
	now.pos = pos;
	now.id = id;
	if (id == PCI_CAP_ID_EXP)
		begin_express(text, pos);
}

static unsigned int needed_of(int id)
{
	switch (id) {
	case PCI_EXT_CAP_ID_ACS:
		return NEED_ACS;
	case PCI_EXT_CAP_ID_ATS:
		return NEED_ATS;
	case PCI_EXT_CAP_ID_SRIOV:
		return NEED_IOV;
	default:
		return 0;
	}
}

static unsigned int size_of(int id)
{
	switch (id) {
	case PCI_EXT_CAP_ID_ACS:
	case PCI_EXT_CAP_ID_ATS:
		return 8;
	case PCI_EXT_CAP_ID_SRIOV:
		return PCI_IOV_BAR_BASE;
	default:
		return 4;
	}
}

/* The list begins at 0x100. Two of one kind would share their details. */
static void begin_extended(const char *text, unsigned int pos,
			   unsigned int version)
{
	int id = capability_by_name(text, true);
	unsigned int needed = id == NONE ? 0 : needed_of(id);
	bool is_first = !now.nr_extended;

	if (id == NONE || pos & 3 || (is_first ? pos > 256 : pos == 256) ||
	    needed & now.needed || !claim(pos, size_of(id))) {
		now.damaged = true;
		return;
	}
	if (!is_first)
		set(now.pos + 2, 2, (get(now.pos + 2, 2) & 0xf) | pos << 4);
	set(pos, 4, id | version << 16);
	now.pos = pos;
	now.id = EXTENDED | id;
	now.nr_extended++;
	now.needed |= needed;
}

/* "70" or "100 v1", and then "] "; what follows, or NULL */
static const char *parse_place(const char *text, unsigned int *pos,
			       unsigned int *version)
{
	char *end;

	if (!isxdigit((unsigned char)*text))
		return NULL;
	*pos = strtoul(text, &end, 16);
	*version = 0;
	if (end - text > 3)
		return NULL;
	if (*pos >= 256 && !strncmp(end, " v", 2) &&
	    isdigit((unsigned char)end[2]))
		*version = strtoul(end + 2, &end, 10) & 0xf;
	return strncmp(end, "] ", 2) ? NULL : end + 2;
}

/* "[70] Express ...", "[100 v1] Advanced ...", "<access denied>" */
static void read_capability(const char *text)
{
	unsigned int pos, version;
	const char *name = NULL;

	now.section = OTHER;
	now.id = NO_CAPABILITY;
	if (*text == '[')
		name = parse_place(text + 1, &pos, &version);
	if (!name)
		now.damaged = true;
	else if (pos < 256)
		begin_normal(name, pos);
	else
		begin_extended(name, pos, version);
}

/* PCI Express */

/* 128, 256 ... 4096 bytes; NONE: it isn't said */
static int payload_code(const char *text)
{
	unsigned int size, code;

	if (!number_after(text, "MaxPayload ", 10, 4096, &size))
		return NONE;
	for (code = 0; code < 6; code++)
		if (size == 128u << code)
			return code;
	now.damaged = true;
	return NONE;
}

static unsigned int speed_code(const char *text)
{
	static const char * const speeds[] = {
		"2.5GT/s", "5GT/s", "8GT/s", "16GT/s", "32GT/s", "64GT/s",
	};
	const char *s = strstr(text, "Speed ");
	unsigned int i;

	for (i = 0; s && i < ARRAY_SIZE(speeds); i++)
		if (after(s + strlen("Speed "), speeds[i]))
			return i + 1;
	return 0;
}

/* Speed and width have the same bits in Link Capabilities and Link Status. */
static void read_link(const char *text, unsigned int pos, int size)
{
	unsigned int width = 0;

	number_after(text, "Width x", 10, 32, &width);
	set(pos, size, width << 4 | speed_code(text));
}

static bool is_version_2(void)
{
	return (get(now.express + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_VERS) > 1;
}

static const struct bit tag_bits[] = {
	{ "10BitTagComp", TAGS_COMPLETER },
	{ "10BitTagReq", TAGS_REQUESTER },
};

/* A register's first line has its name, the next ones only flags. */
static void read_section(const char *text)
{
	unsigned int pos = now.express;
	int payload = payload_code(text);

	if (now.section == DEVCAP && payload != NONE) {
		set(pos + PCI_EXP_DEVCAP, 1, payload);
		now.seen |= SEEN_DEVCAP;
	} else if (now.section == DEVCTL && payload != NONE) {
		set(pos + PCI_EXP_DEVCTL, 1, payload << 5);
		now.seen |= SEEN_PAYLOAD;
	} else if (now.section == DEVCAP2 && flag(text, "10BitTagComp") != NONE) {
		set(pos + PCI_EXP_DEVCAP2, 4,
		    read_bits(text, tag_bits, ARRAY_SIZE(tag_bits)));
	} else if (now.section == DEVCTL2 && flag(text, "10BitTagReq") != NONE) {
		set(pos + PCI_EXP_DEVCTL2, 2,
		    flag(text, "10BitTagReq") ? TAGS_ENABLE : 0);
		now.seen |= SEEN_TAGS;
	}
}

static enum section section_of(const char *text)
{
	if (after(text, "DevCap:"))
		return DEVCAP;
	if (after(text, "DevCtl:"))
		return DEVCTL;
	if (after(text, "DevCap2:"))
		return is_version_2() ? DEVCAP2 : OTHER;
	if (after(text, "DevCtl2:"))
		return is_version_2() ? DEVCTL2 : OTHER;
	return OTHER;
}

/* A line that begins with "Name:"; AtomicOpsCtl is among others' flags. */
static bool begins_register(const char *text)
{
	size_t length = strcspn(text, ": \t");

	return length && text[length] == ':' && !after(text, "AtomicOps");
}

static void read_express(const char *text)
{
	if (begins_register(text))
		now.section = section_of(text);
	read_section(text);
	if (after(text, "LnkCap:"))
		read_link(text, now.express + PCI_EXP_LNKCAP, 4);
	else if (after(text, "LnkSta:"))
		read_link(text, now.express + PCI_EXP_LNKSTA, 2);
}

/* Extended capabilities */

/* All seven. What a later lspci may show of enhanced controls must be off. */
static void read_acs_word(const char *text, unsigned int pos, unsigned int seen)
{
	unsigned int word = 0, on = 0;
	const char *s;
	int i;

	for (s = text; *s; s++)
		on += *s == '+';
	for (i = 0; i < NR_ACS_CONTROLS; i++) {
		int value = flag(text, acs_names[i].word);

		if (value == NONE)
			now.damaged = true;
		else if (value)
			word |= 1U << i;
	}
	on -= __builtin_popcount(word);
	if ((seen == SEEN_ACSCTL && on) || now.seen & seen)
		now.damaged = true;
	set(pos, 2, word);
	now.seen |= seen;
}

static void read_acs(const char *text)
{
	const char *s;

	s = after(text, "ACSCap:");
	if (s)
		read_acs_word(s, now.pos + PCI_ACS_CAP, SEEN_ACSCAP);
	s = after(text, "ACSCtl:");
	if (s)
		read_acs_word(s, now.pos + PCI_ACS_CTRL, SEEN_ACSCTL);
}

static void read_ats(const char *text)
{
	const char *s = after(text, "ATSCtl:");

	if (!s)
		return;
	if (flag(s, "Enable") == NONE)
		now.damaged = true;
	set(now.pos + PCI_ATS_CTRL, 2,
	    flag(s, "Enable") == 1 ? PCI_ATS_CTRL_ENABLE : 0);
	now.seen |= SEEN_ATSCTL;
}

static void read_vf_count(const char *text)
{
	unsigned int total, nr;

	if (!number_after(text, "Total VFs: ", 10, 0xffff, &total) ||
	    !number_after(text, "Number of VFs: ", 10, 0xffff, &nr) ||
	    nr > total) {
		now.damaged = true;
		return;
	}
	set(now.pos + PCI_IOV_INITIALVF, 2, total);
	set(now.pos + PCI_IOV_TOTALVF, 2, total);
	set(now.pos + PCI_IOV_NUMVF, 2, nr);
	now.seen |= SEEN_VF_COUNT;
}

static void read_vf_offset(const char *text)
{
	unsigned int offset, stride, device;

	if (!number_after(text, "VF offset: ", 10, 0xffff, &offset) ||
	    !number_after(text, "stride: ", 10, 0xffff, &stride) ||
	    !number_after(text, "Device ID: ", 16, 0xffff, &device)) {
		now.damaged = true;
		return;
	}
	set(now.pos + PCI_IOV_OFFSET, 2, offset);
	set(now.pos + PCI_IOV_STRIDE, 2, stride);
	set(now.pos + PCI_IOV_DID, 2, device);
	now.seen |= SEEN_VF_OFFSET;
}

static void read_iov(const char *text)
{
	const char *s = after(text, "IOVCtl:");

	if (s) {
		if (flag(s, "Enable") == NONE)
			now.damaged = true;
		set(now.pos + PCI_IOV_CTRL, 2,
		    flag(s, "Enable") == 1 ? PCI_IOV_CTRL_VFE : 0);
		now.seen |= SEEN_IOVCTL;
	} else if (strstr(text, "Total VFs:")) {
		read_vf_count(text);
	} else if (strstr(text, "VF offset:")) {
		read_vf_offset(text);
	}
}

/* Their capability's own line is missing: a list with a gap */
static bool is_stray(const char *text)
{
	static const struct numbered owned[] = {
		{ "DevCap:", PCI_CAP_ID_EXP },
		{ "DevCtl:", PCI_CAP_ID_EXP },
		{ "LnkCap:", PCI_CAP_ID_EXP },
		{ "LnkSta:", PCI_CAP_ID_EXP },
		{ "ACSCap:", EXTENDED | PCI_EXT_CAP_ID_ACS },
		{ "ACSCtl:", EXTENDED | PCI_EXT_CAP_ID_ACS },
		{ "ATSCap:", EXTENDED | PCI_EXT_CAP_ID_ATS },
		{ "ATSCtl:", EXTENDED | PCI_EXT_CAP_ID_ATS },
		{ "IOVCap:", EXTENDED | PCI_EXT_CAP_ID_SRIOV },
		{ "IOVCtl:", EXTENDED | PCI_EXT_CAP_ID_SRIOV },
	};
	int id = find_numbered(text, owned, ARRAY_SIZE(owned));

	return id != NONE && (unsigned int)id != now.id;
}

static void read_detail(const char *text)
{
	if (is_stray(text))
		now.damaged = true;
	if (now.damaged || !now.pos)
		return;
	if (now.id == PCI_CAP_ID_EXP)
		read_express(text);
	else if (now.id == (EXTENDED | PCI_EXT_CAP_ID_ACS))
		read_acs(text);
	else if (now.id == (EXTENDED | PCI_EXT_CAP_ID_ATS))
		read_ats(text);
	else if (now.id == (EXTENDED | PCI_EXT_CAP_ID_SRIOV))
		read_iov(text);
}

/* What is no register */

static void set_number(int *value, const char *text, const char *name)
{
	unsigned int number;

	if (number_after(text, name, 10, 0x7fffffff, &number))
		*value = number;
}

static void set_driver(struct function *f, const char *text)
{
	size_t length = strcspn(text, " \t");
	size_t i;

	free(f->driver);
	f->driver = copy_text(text);
	f->driver[length] = '\0';
	for (i = 0; i < length; i++)
		if (!isprint((unsigned char)f->driver[i]))
			f->driver[i] = '?';
}

static bool read_fact(struct function *f, const char *text)
{
	const char *s = after(text, "Kernel driver in use:");

	if (s && *s)
		set_driver(f, s);
	else if (after(text, "NUMA node:"))
		set_number(&f->numa, text, "NUMA node: ");
	else if (after(text, "IOMMU group:"))
		set_number(&f->group, text, "IOMMU group: ");
	else
		return s;
	return true;
}

static void read_control(const char *text)
{
	set(PCI_COMMAND, 2,
	    read_bits(text, command_bits, ARRAY_SIZE(command_bits)));
	now.header = true;
}

/* Above the first capability */
static void read_top_line(struct machine *m, struct function *f,
			  const char *text, int number)
{
	if (read_fact(f, text))
		return;
	if (after(text, "Control:")) {
		read_control(after(text, "Control:"));
	} else if (after(text, "Flags:")) {
		read_flags(text);
		set_number(&f->numa, text, "NUMA node ");
		set_number(&f->group, text, "IOMMU group ");
	} else if (after(text, "Status:")) {
		read_status(after(text, "Status:"));
	} else if (after(text, "Bus:")) {
		read_buses(m, text, number);
	} else if (after(text, "Memory at ") && strstr(text, "[disabled]")) {
		now.config[PCI_COMMAND] &= ~PCI_COMMAND_MEMORY;
	} else if (!strncmp(text, "!!!", 3)) {
		now.damaged = true;
	} else {
		read_detail(text);
	}
}

/*
 * Lines of the function itself are indented once, details of capabilities more.
 * Mail and web pages change tabs into spaces, so it is the words that count,
 * and before the first capability only.
 */
void read_verbose_line(struct machine *m, struct function *f, const char *line,
		       int number)
{
	const char *text = line + strspn(line, " \t"), *s;

	if (!f)
		bad_input(m, number, "text that belongs to no function");
	s = after(text, "Capabilities:");
	if (s)
		read_capability(s);
	else if (now.pos && !read_fact(f, text))
		read_detail(text);
	else if (!now.pos)
		read_top_line(m, f, text, number);
}

/*
 * An lspci that is older than 10-bit tags doesn't show them. They came with
 * 16 GT/s; ports of switches and roots send no requests of their own.
 */
static bool are_tags_known(void)
{
	unsigned int speed = get(now.express + PCI_EXP_LNKCAP, 1) &
			     PCI_EXP_LNKCAP_SPEED;

	switch ((get(now.express + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_TYPE) >> 4) {
	case PCI_EXP_TYPE_ROOT_PORT:
	case PCI_EXP_TYPE_UPSTREAM:
	case PCI_EXP_TYPE_DOWNSTREAM:
		return true;
	}
	return now.seen & SEEN_TAGS || !is_version_2() ||
	       (speed && speed < SPEED_16GT);
}

static bool is_complete(void)
{
	if (now.damaged || now.needed & ~now.seen)
		return false;
	if (now.no_cap)
		return !now.pos;
	if (!now.cap || !now.pos || !now.config[PCI_CAPABILITY_LIST])
		return false;
	return now.express ? are_tags_known() : !now.nr_extended;
}

/* Registers that bytes gave already stay as they are. */
void end_verbose(struct machine *m, struct function *f)
{
	if (!f->known && now.header) {
		now.config[PCI_CLASS_DEVICE] = f->class;
		now.config[PCI_CLASS_DEVICE + 1] = f->class >> 8;
		set(PCI_VENDOR_ID, 2, f->vendor);
		set(PCI_DEVICE_ID, 2, f->device);
		f->known = 64;
		if (is_complete())
			f->known = now.nr_extended ? CONFIG_SIZE : 256;
		memcpy(f->config, now.config, f->known);
		m->text = true;
	}
	memset(&now, 0, sizeof(now));
}
