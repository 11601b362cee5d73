// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: this machine, from sysfs and libpci
 *
 * Beyond the first 64 bytes only root may read config space: what isn't read is
 * unknown. Facts that no register tells are from files that any user may read.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pci/pci.h>

#include "machine.h"

#define DEVICES "/sys/bus/pci/devices"

/* The first line of a file; false: there is none */
static bool read_line(char *line, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	FILE *file;
	bool found;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	file = fopen(path, "r");
	if (!file)
		return false;
	found = fgets(line, size, file);
	fclose(file);
	if (found)
		line[strcspn(line, "\n")] = '\0';
	return found;
}

static unsigned long long read_number(const struct function *f,
				      const char *attribute)
{
	char line[64];

	if (!read_line(line, sizeof(line), DEVICES "/%s/%s",
		       address_text(&f->address), attribute))
		return 0;
	return strtoull(line, NULL, 0);
}

/* The last part of what a link leads to, or NULL; malloc()ed */
static char *link_target(const struct function *f, const char *attribute)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t length;
	char *slash;

	snprintf(path, sizeof(path), DEVICES "/%s/%s",
		 address_text(&f->address), attribute);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return NULL;
	target[length] = '\0';
	slash = strrchr(target, '/');
	return copy_text(slash ? slash + 1 : target);
}

/* Names that the functions' drivers have given them */

static void add_name(struct function *f, const char *name)
{
	char *names = format_text("%s%s%s", f->names ? f->names : "",
				  f->names ? " " : "", name);

	free(f->names);
	f->names = names;
}

static int by_text(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static int is_device(const struct dirent *entry)
{
	/* Of a graphics card the device, not its outputs: card0-DP-1 */
	return entry->d_name[0] != '.' && !strchr(entry->d_name, '-');
}

static void read_names(struct function *f)
{
	static const char * const classes[] = {
		"nvme", "infiniband", "net", "drm", "accel", "scsi_host",
	};
	struct dirent **entry;
	char path[PATH_MAX];
	size_t i;
	int nr, j;

	for (i = 0; i < ARRAY_SIZE(classes); i++) {
		snprintf(path, sizeof(path), DEVICES "/%s/%s",
			 address_text(&f->address), classes[i]);
		nr = scandir(path, &entry, is_device, by_text);
		for (j = 0; j < nr; j++) {
			add_name(f, entry[j]->d_name);
			free(entry[j]);
		}
		if (nr >= 0)
			free(entry);
	}
}

/* Functions */

/*
 * The directory above in sysfs. Bus numbers would tell the same, but can't be
 * read while a bridge is being reset.
 */
static void read_place(struct function *f)
{
	char path[PATH_MAX], real[PATH_MAX], *slash;

	snprintf(path, sizeof(path), DEVICES "/%s", address_text(&f->address));
	if (!realpath(path, real))
		return;
	slash = strrchr(real, '/');
	*slash = '\0';
	slash = strrchr(real, '/');
	f->place = slash && parse_address(slash + 1, &f->above) ? PLACE_BELOW :
								  PLACE_ROOT;
}

/* Conventional is what ACPI calls PNP0A03 and not PNP0A08 among other names. */
static int is_conventional(const struct function *f)
{
	char path[PATH_MAX], real[PATH_MAX], line[256];

	snprintf(path, sizeof(path), DEVICES "/%s", address_text(&f->address));
	return realpath(path, real) &&
	       read_line(line, sizeof(line), "%s/../firmware_node/modalias",
			 real) &&
	       strstr(line, "PNP0A03") && !strstr(line, "PNP0A08");
}

/* DMA is translated where the group's default domain does it. */
static void read_group(struct function *f)
{
	char line[32], *group = link_target(f, "iommu_group");

	f->translated = 0;
	if (!group)
		return;
	f->group = atoi(group);
	if (read_line(line, sizeof(line), "/sys/kernel/iommu_groups/%s/type",
		      group))
		f->translated = !strncmp(line, "DMA", 3);
	free(group);
}

/* 64 bytes without privilege, and nothing while the function is gone */
static void read_config(struct function *f)
{
	static const int sizes[] = { CONFIG_SIZE, 256, 64 };
	struct pci_dev *dev = pci_get_dev(library(), f->address.domain,
					  f->address.bus, f->address.devfn >> 3,
					  f->address.devfn & 7);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes) && !f->known; i++)
		if (pci_read_block(dev, 0, f->config, sizes[i]))
			f->known = sizes[i];
	pci_free_dev(dev);
	if (f->known > 64 && config_long(f, PCI_VENDOR_ID) == 0xffffffff &&
	    config_long(f, PCI_COMMAND) == 0xffffffff)
		f->known = 0;
	config_forget(f, f->known);
}

static void read_facts(struct function *f)
{
	char line[32];

	f->vendor = read_number(f, "vendor");
	f->device = read_number(f, "device");
	f->class = read_number(f, "class") >> 8;
	f->driver = link_target(f, "driver");
	if (read_line(line, sizeof(line), DEVICES "/%s/numa_node",
		      address_text(&f->address)) && atoi(line) >= 0)
		f->numa = atoi(line);
	if (read_line(line, sizeof(line), DEVICES "/%s/removable",
		      address_text(&f->address)))
		f->untrusted = !strcmp(line, "removable");
	read_place(f);
	if (f->place == PLACE_ROOT)
		f->conventional = is_conventional(f);
	read_group(f);
	f->memory = read_number(f, "p2pmem/size");
	f->published = read_number(f, "p2pmem/published");
	read_names(f);
}

static void read_functions(struct machine *m)
{
	DIR *dir = opendir(DEVICES);
	struct pci_p2pdma_address a;
	struct dirent *entry;

	if (!dir)
		err(errno == EACCES ? EXIT_NO_PERMISSION : EXIT_OTHER, DEVICES);
	while ((entry = readdir(dir)))
		if (parse_address(entry->d_name, &a)) {
			struct function *f = machine_add(m, a);

			read_facts(f);
			read_config(f);
		}
	closedir(dir);
}

/* Facts of the machine */

static void set_read(struct machine *m, int fact, bool value)
{
	m->fact[fact] = (struct fact){ value, FACT_READ };
}

/*
 * AMD processors route from family 0x17 on, but in a virtual machine that says
 * nothing. With "sme" among its flags memory may be encrypted: the parameter
 * decides, or the kernel's configuration.
 */
static void read_processor(struct machine *m)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	bool amd = false, guest = false, may_encrypt = false;
	char *line = NULL;
	size_t size = 0;
	int family = 0;

	while (file && getline(&line, &size, file) > 1) {
		if (!strncmp(line, "vendor_id", 9)) {
			amd = strstr(line, "AuthenticAMD");
		} else if (!strncmp(line, "cpu family", 10)) {
			family = atoi(line + strcspn(line, ":") + 1);
		} else if (!strncmp(line, "flags", 5)) {
			guest = strstr(line, " hypervisor ");
			may_encrypt = strstr(line, " sme ");
		}
	}
	free(line);
	if (file)
		fclose(file);
	set_read(m, FACT_ZEN, amd && family >= 0x17 && !guest);
	if (!may_encrypt)
		set_read(m, FACT_ENCRYPTED, false);
}

/* As the kernel takes pci=p2pdma_allow_host=: what is wrong is left out. */
static void read_hosts(struct machine *m, const char *value)
{
	size_t length;

	m->nr_allowed = 0;
	for (; *value && *value != ','; value += length) {
		value += *value == ';';
		length = strcspn(value, ";,");
		add_allowed(m, value, length);
	}
}

static void read_parameters(struct machine *m)
{
	static const char option[] = "p2pdma_allow_host=";
	char line[4096], *word, *rest = line;

	if (!read_line(line, sizeof(line), "/proc/cmdline"))
		return;
	while ((word = strsep(&rest, " "))) {
		if (!strncmp(word, "mem_encrypt=", 12))
			set_read(m, FACT_ENCRYPTED, strcmp(word + 12, "off"));
		word += *word == '"';
		word[strcspn(word, "\"")] = '\0';
		if (!strncmp(word, "pci=", 4) && strstr(word, option))
			read_hosts(m, strstr(word, option) + strlen(option));
	}
}

void read_live(struct machine *m)
{
	read_processor(m);
	set_read(m, FACT_IOMMU, false);
	set_read(m, FACT_CONVENTIONAL, false);
	read_functions(m);
	if (!m->nr)
		errx(EXIT_OTHER, "this machine has no PCI function");
	machine_finish(m);
	read_parameters(m);
	m->fd = open("/dev/pci_p2pdma", O_RDONLY);
	if (m->fd < 0) {
		m->fd = NONE;
		if (errno == EACCES)
			warnx("/dev/pci_p2pdma: no permission; the rules answer");
	}
}
