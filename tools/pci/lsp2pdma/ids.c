// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: names of devices, and which of them a command is about
 *
 * Names of models are those of the PCI ID database, which libpci reads. A
 * machine without it has numbers instead. The network isn't used.
 */
#include <err.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

#define NAME_SIZE	256
#define LOOKUP_FLAGS	(PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB)
#define CLASS_BRIDGE	0x06
#define CLASS_NVME	0x0108

/* Texts from files */

/* A file can't move the cursor, nor change what is on the terminal. */
static void blank_controls(char *text)
{
	unsigned char *s = (unsigned char *)text;

	for (; s && *s; s++) {
		/* U+0080 to U+009f, too */
		bool high = *s == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0;

		if (high)
			s[1] = '?';
		if (high || *s < ' ' || *s == 0x7f)
			*s = '?';
	}
}

/* libpci */

static noreturn void library_failed(char *format, ...)
{
	va_list args;

	va_start(args, format);
	verrx(EXIT_OTHER, format, args);
}

static void library_silent(char *format, ...)
{
}

/* By sysfs only: other ways to config space are for kernels of long ago. */
struct pci_access *library(void)
{
	static struct pci_access *access;

	if (access)
		return access;
	access = pci_alloc();
	access->error = library_failed;
	access->warning = library_silent;
	access->debug = library_silent;
	access->method = PCI_ACCESS_SYS_BUS_PCI;
	pci_init(access);
	return access;
}

/* The PCI ID database */

void ids_load(struct machine *m)
{
	int i;

	pci_load_name_list(library());
	for (i = 0; i < m->nr; i++) {
		blank_controls(m->fn[i].title);
		blank_controls(m->fn[i].names);
		blank_controls(m->fn[i].driver);
	}
}

/* Text of lspci without -n has no numbers; registers of virtual functions, ones. */
static bool has_numbers(const struct function *f)
{
	return f->vendor && f->vendor != 0xffff;
}

/* The vendor of a virtual function is its physical function's. */
static unsigned int vendor_of(const struct machine *m, const struct function *f)
{
	if (!has_numbers(f) && f->physfn != NONE)
		f = &m->fn[f->physfn];
	return has_numbers(f) ? f->vendor : 0;
}

/* NULL if there is no such vendor, or no database */
static const char *vendor_name(const struct machine *m,
			       const struct function *f)
{
	static char name[NAME_SIZE];
	unsigned int vendor = vendor_of(m, f);

	if (!vendor)
		return NULL;
	return pci_lookup_name(library(), name, sizeof(name),
			       PCI_LOOKUP_VENDOR | LOOKUP_FLAGS, vendor);
}

static const char *device_name(const struct function *f)
{
	static char name[NAME_SIZE];

	if (!has_numbers(f))
		return f->physfn == NONE ? NULL : "Virtual Function";
	return pci_lookup_name(library(), name, sizeof(name),
			       PCI_LOOKUP_DEVICE | LOOKUP_FLAGS, f->vendor,
			       f->device);
}

/* "Inc." and the like: not what the name of a vendor is known by */
static bool is_filler(const char *word, size_t length)
{
	static const char * const fillers[] = {
		"AG", "Co", "Company", "Corp", "Corporation", "Electronics",
		"GmbH", "Group", "Inc", "International", "LLC", "Limited", "Ltd",
		"Semiconductor", "Systems", "Technologies", "Technology", "and",
		"subsidiaries",
	};
	size_t i;

	while (length && strchr(".,", word[length - 1]))
		length--;
	for (i = 0; i < ARRAY_SIZE(fillers); i++)
		if (strlen(fillers[i]) == length &&
		    !strncasecmp(fillers[i], word, length))
			return true;
	return !length;
}

/* "Advanced Micro Devices, Inc. [AMD]" is AMD, "Red Hat, Inc." is Red Hat. */
static void shorten_vendor(char *name)
{
	char *open = strrchr(name, '['), *space;
	size_t length = strlen(name);

	if (open && length && name[length - 1] == ']' && open[1] != ']') {
		name[length - 1] = '\0';
		memmove(name, open + 1, strlen(open + 1) + 1);
		return;
	}
	for (;;) {
		space = strrchr(name, ' ');
		if (!space || !is_filler(space + 1, strlen(space + 1)))
			break;
		*space = '\0';
	}
	length = strlen(name);
	while (length > 1 && strchr(" ,", name[length - 1]))
		name[--length] = '\0';
}

/* "Intel Corporation Device": lspci had no name of the model either */
static bool is_nameless(const char *title)
{
	static const char end[] = " Device";
	size_t length = strlen(title);

	return length >= strlen(end) &&
	       !strcmp(title + length - strlen(end), end);
}

const char *model_text(const struct machine *m, const struct function *f)
{
	static char text[2 * NAME_SIZE + 16];
	const char *vendor = vendor_name(m, f), *device = device_name(f);
	char maker[NAME_SIZE];

	if (f->title && !has_numbers(f))
		return f->title;
	if (f->title && !device && !(vendor && is_nameless(f->title)))
		return f->title;
	if (!vendor) {
		snprintf(text, sizeof(text), "[%04x:%04x]", f->vendor, f->device);
		return text;
	}
	snprintf(maker, sizeof(maker), "%s", vendor);
	shorten_vendor(maker);
	if (!device)
		snprintf(text, sizeof(text), "%s [%04x]", maker, f->device);
	else if (!strncasecmp(device, maker, strlen(maker)))
		snprintf(text, sizeof(text), "%s", device);
	else
		snprintf(text, sizeof(text), "%s %s", maker, device);
	return text;
}

const char *kind_text(const struct function *f)
{
	if (is_bridge(f))
		return "bridge";
	if (f->class == PCI_CLASS_BRIDGE_HOST)
		return "host bridge";
	if (f->class == CLASS_NVME)
		return "drive";
	switch (f->class >> 8) {
	case PCI_BASE_CLASS_STORAGE:
		return "storage";
	case PCI_BASE_CLASS_NETWORK:
		return "NIC";
	case PCI_BASE_CLASS_DISPLAY:
		return "GPU";
	case 0x12:
		return "accelerator";
	default:
		return "device";
	}
}

/* Names */

/* The first word of @names, and its length; NULL at the end */
static const char *next_name(const char *names, size_t *length)
{
	if (!names)
		return NULL;
	names += strspn(names, " ");
	*length = strcspn(names, " ");
	return *length ? names : NULL;
}

const char *short_name(const struct machine *m, int i)
{
	static char text[4][64];
	static int turn;
	const char *name;
	size_t length;

	name = next_name(m->fn[i].names, &length);
	if (!name)
		return address_of(m, i);
	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof(text[turn]), "%.*s", (int)length, name);
	return text[turn];
}

bool has_name(const struct function *f, const char *name)
{
	size_t length, wanted = strlen(name);
	const char *next = f->names;

	while ((next = next_name(next, &length))) {
		if (length == wanted && !strncmp(next, name, length))
			return true;
		next += length;
	}
	return false;
}

static int find_name(const struct machine *m, const char *text)
{
	int i, found = NONE;

	for (i = 0; i < m->nr; i++) {
		if (!has_name(&m->fn[i], text))
			continue;
		if (found != NONE)
			errx(EXIT_NO_DEVICE,
			     "%s is ambiguous: %s and %s have that name", text,
			     address_of(m, found), address_of(m, i));
		found = i;
	}
	return found;
}

/* Names of devices can look like "eb0.1", and are searched for first. */
static bool is_like_address(const char *text)
{
	if (strpbrk(text, ":/"))
		return true;
	return strchr(text, '.') && !text[strspn(text, "0123456789abcdefABCDEF.")];
}

int find_device(const struct machine *m, const char *text)
{
	struct pci_p2pdma_address a;
	int found;

	if (parse_address(text, &a))
		found = machine_find(m, &a);
	else if (strchr(text, '/'))
		found = find_path(m, text);
	else
		found = find_name(m, text);
	if (found != NONE)
		return found;
	if (parse_address(text, &a))
		errx(EXIT_NO_DEVICE, "there is no function %s in %s",
		     address_text(&a), m->source);
	if (!*text || (is_like_address(text) && !is_path(text)))
		errx(EXIT_USAGE,
		     "\"%s\" is not an address ([domain:]bus:device.function), a path or a name",
		     text);
	errx(EXIT_NO_DEVICE, "there is no device %s in %s", text, m->source);
}

/* Selection */

static const struct {
	const char *name;
	unsigned int class;
	int shift;		/* 8: the base class is enough */
} classes[] = {
	{ "storage", PCI_BASE_CLASS_STORAGE, 8 },
	{ "drive", CLASS_NVME, 0 },
	{ "nvme", CLASS_NVME, 0 },
	{ "network", PCI_BASE_CLASS_NETWORK, 8 },
	{ "nic", PCI_BASE_CLASS_NETWORK, 8 },
	{ "infiniband", 0x0207, 0 },
	{ "display", PCI_BASE_CLASS_DISPLAY, 8 },
	{ "gpu", PCI_BASE_CLASS_DISPLAY, 8 },
	{ "multimedia", PCI_BASE_CLASS_MULTIMEDIA, 8 },
	{ "memory", PCI_BASE_CLASS_MEMORY, 8 },
	{ "bridge", CLASS_BRIDGE, 8 },
	{ "communication", PCI_BASE_CLASS_COMMUNICATION, 8 },
	{ "system", PCI_BASE_CLASS_SYSTEM, 8 },
	{ "serial", PCI_BASE_CLASS_SERIAL, 8 },
	{ "accelerator", 0x12, 8 },
	{ "processing", 0x12, 8 },
};

static bool is_hex(const char *text, size_t length)
{
	return strlen(text) == length &&
	       strspn(text, "0123456789abcdefABCDEF") == length;
}

static bool matches_class(const struct function *f, const char *text)
{
	size_t i;

	if (is_hex(text, 4))
		return f->class == strtoul(text, NULL, 16);
	if (is_hex(text, 2))
		return f->class >> 8 == strtoul(text, NULL, 16);
	for (i = 0; i < ARRAY_SIZE(classes); i++)
		if (!strcasecmp(classes[i].name, text))
			return f->class >> classes[i].shift == classes[i].class;
	errx(EXIT_USAGE,
	     "there is no class \"%s\": try storage, network, display or 4 hex digits",
	     text);
}

/* Without the database, the title of a file has the vendor's name in it. */
static bool matches_vendor(const struct machine *m, const struct function *f,
			   const char *text)
{
	const char *name;

	if (is_hex(text, 4))
		return vendor_of(m, f) == strtoul(text, NULL, 16);
	name = vendor_name(m, f);
	if (!name)
		name = f->title;
	return name && strcasestr(name, text);
}

static bool is_default(const struct function *f)
{
	switch (f->class >> 8) {
	case PCI_BASE_CLASS_STORAGE:
	case PCI_BASE_CLASS_NETWORK:
	case PCI_BASE_CLASS_DISPLAY:
	case 0x12:
		return true;
	default:
		return f->memory;
	}
}

/*
 * Bridges are between devices, and seldom what a question is about: a filter
 * has to name their class or driver.
 */
static bool is_wanted(const struct machine *m, const struct function *f)
{
	const struct selection *s = &selection;

	if (s->class && !matches_class(f, s->class))
		return false;
	if (s->vendor && !matches_vendor(m, f, s->vendor))
		return false;
	if (s->driver && (!f->driver || strcmp(f->driver, s->driver)))
		return false;
	if (s->class || s->driver || s->all)
		return true;
	if (s->vendor)
		return f->class >> 8 != CLASS_BRIDGE;
	return is_default(f);
}

/* Names are looked for once, not for each function. */
static bool *resolve_selection(const struct machine *m)
{
	bool *chosen = zeroed(m->nr, sizeof(*chosen));
	int i;

	if (selection.nr_devices)
		for (i = 0; i < selection.nr_devices; i++)
			chosen[find_device(m, selection.device[i])] = true;
	else
		for (i = 0; i < m->nr; i++)
			chosen[i] = is_wanted(m, &m->fn[i]);
	return chosen;
}

bool is_selected(const struct machine *m, int i)
{
	static const struct machine *resolved;
	static const struct function *fn;
	static bool *chosen;

	if (resolved != m || fn != m->fn) {
		free(chosen);
		chosen = resolve_selection(m);
		resolved = m;
		fn = m->fn;
	}
	return chosen[i];
}
