// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: titles of functions, after the address: class, names and numbers
 *
 *   PCI bridge [0604]: Vendor Model [8086:1234] (rev 03)	lspci -nn
 *   PCI bridge: Vendor Model (rev 03)				lspci
 *   0604: 8086:1234 (rev 03)					lspci -n
 */
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

#define CLASS_UNKNOWN	(PCI_CLASS_OTHERS << 8)

/* Bridges must be recognised without numbers; the others are for choosing. */
static const struct {
	const char *name;
	unsigned int class;
} classes[] = {
	{ "Host bridge", PCI_CLASS_BRIDGE_HOST },
	{ "ISA bridge", PCI_CLASS_BRIDGE_ISA },
	{ "PCI bridge", PCI_CLASS_BRIDGE_PCI },
	{ "CardBus bridge", PCI_CLASS_BRIDGE_CARDBUS },
	{ "Semi-transparent PCI-to-PCI bridge", 0x0609 },
	{ "Bridge", PCI_CLASS_BRIDGE_OTHER },
	{ "SCSI storage controller", PCI_CLASS_STORAGE_SCSI },
	{ "IDE interface", PCI_CLASS_STORAGE_IDE },
	{ "RAID bus controller", PCI_CLASS_STORAGE_RAID },
	{ "SATA controller", PCI_CLASS_STORAGE_SATA },
	{ "Serial Attached SCSI controller", PCI_CLASS_STORAGE_SAS },
	{ "Non-Volatile memory controller", 0x0108 },
	{ "Mass storage controller", PCI_CLASS_STORAGE_OTHER },
	{ "Ethernet controller", PCI_CLASS_NETWORK_ETHERNET },
	{ "Infiniband controller", 0x0207 },
	{ "InfiniBand controller", 0x0207 },
	{ "Fabric controller", 0x0208 },
	{ "Network controller", PCI_CLASS_NETWORK_OTHER },
	{ "VGA compatible controller", PCI_CLASS_DISPLAY_VGA },
	{ "3D controller", PCI_CLASS_DISPLAY_3D },
	{ "Display controller", PCI_CLASS_DISPLAY_OTHER },
	{ "Processing accelerators", 0x1200 },
	{ "Co-processor", PCI_CLASS_PROCESSOR_CO },
	{ "Audio device", 0x0403 },
	{ "USB controller", PCI_CLASS_SERIAL_USB },
	{ "USB Controller", PCI_CLASS_SERIAL_USB },
	{ "SMBus", PCI_CLASS_SERIAL_SMBUS },
	{ "IOMMU", 0x0806 },
	{ "System peripheral", PCI_CLASS_SYSTEM_OTHER },
};

static unsigned int class_by_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(classes); i++)
		if (!strcmp(name, classes[i].name))
			return classes[i].class;
	return CLASS_UNKNOWN;
}

/* Four hexadecimal digits, and then @end */
static bool parse_four(const char *text, const char *end, unsigned int *value)
{
	const char *s = text;
	unsigned int number;

	parse_hex(&s, 4, &number);
	if (s != text + 4 || strncmp(s, end, strlen(end)))
		return false;
	*value = number;
	return true;
}

/* "[0604]: " of -nn; where the name before it ends */
static char *find_class_number(char *text, unsigned int *class)
{
	char *s = text;

	while ((s = strstr(s, " ["))) {
		if (parse_four(s + 2, "]: ", class))
			return s;
		s += 2;
	}
	return NULL;
}

/* What follows the class */
static char *parse_class(struct function *f, char *text)
{
	char *s = text;

	if (!strncmp(s, "Class ", 6))
		s += 6;
	if (parse_four(s, ": ", &f->class))
		return s + 6;
	s = find_class_number(text, &f->class);
	if (s)
		return s + strlen(" [0604]: ");
	s = strstr(text, ": ");
	if (!s)
		return NULL;
	*s = '\0';
	f->class = class_by_name(text);
	return s + 2;
}

static void cut_last(char *text, const char *what)
{
	char *last = NULL, *s = text;

	while ((s = strstr(s, what)))
		last = s++;
	if (last)
		*last = '\0';
}

static bool parse_numbers(struct function *f, const char *s, const char *end)
{
	return parse_four(s, ":", &f->vendor) &&
	       parse_four(s + 5, end, &f->device);
}

/*
 * "[8086:1234]" at the end, or "8086:1234", "Device 8086:1234" and no name;
 * false: no numbers
 */
static bool parse_model(struct function *f, char *text)
{
	size_t length = strlen(text);
	char *s = text;

	if (length >= 12 && parse_numbers(f, text + length - 10, "]") &&
	    !strncmp(text + length - 12, " [", 2)) {
		text[length - 12] = '\0';
		if (strcmp(text, "Device"))
			f->title = copy_text(text);
		return true;
	}
	if (!strncmp(s, "Device ", 7))
		s += 7;
	if (strlen(s) == 9 && parse_numbers(f, s, ""))
		return true;
	f->vendor = 0;
	f->device = 0;
	f->title = copy_text(text);
	return false;
}

void read_title(struct machine *m, struct function *f, char *text, int number,
		bool is_dump)
{
	if (*text == '"')
		bad_input(m, number,
			  "this is lspci -m, which holds no registers; " WANTED);
	text = parse_class(f, text);
	if (!text)
		bad_input(m, number, "this is no title of lspci: the class is missing");
	if (!is_dump) {
		cut_last(text, " (prog-if ");
		cut_last(text, " (rev ");
	}
	if (!parse_model(f, text) && is_dump)
		bad_input(m, number, "the title has no numbers");
}
