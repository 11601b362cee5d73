// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: what is known of a root complex
 *	PCIe r6.0, sec 1.3.1: to route from peer to peer is optional for it
 *
 * No register tells. It follows from the processor, from the identity of the
 * host bridge, from firmware, and from pci=p2pdma_allow_host=. All of that is
 * kept in one word of struct pci_host_bridge, which functions that are added
 * to the root bus add to. Nothing is taken back when they are removed: the
 * root complex is still the same.
 */

#include <linux/acpi.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/panic.h>
#include <linux/pci.h>
#include <linux/processor.h>
#include <linux/seq_buf.h>
#include <linux/string.h>

#include "pci.h"
#include "p2pdma_topology.h"

/**
 * struct p2pdma_allowed - a host bridge that the operator vouches for
 * @id: its identity
 * @routes: P2PDMA_HOST_*
 */
struct p2pdma_allowed {
	u32 id;
	u64 routes;
};

#define P2PDMA_MAX_ALLOWED	8
static struct p2pdma_allowed p2pdma_allowed[P2PDMA_MAX_ALLOWED] __ro_after_init;
static unsigned int p2pdma_nr_allowed __ro_after_init;

/*
 * AMD processors route from Zen (family 0x17) on. In a virtual machine packets
 * must also pass the host's IOMMU, and not every hypervisor maps the BARs of
 * other devices there.
 */
static bool p2pdma_cpu_routes(void)
{
#ifdef CONFIG_X86
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD &&
	       boot_cpu_data.x86 >= 0x17 &&
	       !boot_cpu_has(X86_FEATURE_HYPERVISOR);
#else
	return false;
#endif
}

/* What the operator vouches for of a host bridge: P2PDMA_HOST_* */
static u64 p2pdma_allows(u32 id)
{
	u64 routes = 0;
	int i;

	for (i = 0; i < p2pdma_nr_allowed; i++)
		if (p2pdma_allowed[i].id == id)
			routes |= p2pdma_allowed[i].routes;
	return routes;
}

/*
 * Conventional PCI is what firmware declares as such. Device tree doesn't
 * tell it from PCI Express reliably.
 */
static bool p2pdma_firmware_says_pci(struct pci_host_bridge *host)
{
#ifdef CONFIG_ACPI
	static const struct acpi_device_id pci[] = { { "PNP0A03" }, {} };
	static const struct acpi_device_id pcie[] = { { "PNP0A08" }, {} };
	struct acpi_device *adev = ACPI_COMPANION(&host->dev);

	return adev && !acpi_match_device_ids(adev, pci) &&
	       acpi_match_device_ids(adev, pcie);
#else
	return false;
#endif
}

static DEFINE_MUTEX(p2pdma_host_mutex);

static int p2pdma_host_notify(struct notifier_block *nb, unsigned long action,
			      void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	struct pci_host_bridge *host;
	u64 known;

	if (action != BUS_NOTIFY_ADD_DEVICE || !pci_is_root_bus(pdev->bus))
		return NOTIFY_DONE;
	host = to_pci_host_bridge(pdev->bus->bridge);
	mutex_lock(&p2pdma_host_mutex);
	known = host->p2pdma;
	if (p2pdma_firmware_says_pci(host))
		known |= P2PDMA_HOST_CONVENTIONAL;
	WRITE_ONCE(host->p2pdma,
		   p2pdma_host_add(known, pdev, p2pdma_allows(p2pdma_id(pdev)),
				   p2pdma_cpu_routes()));
	mutex_unlock(&p2pdma_host_mutex);
	return NOTIFY_OK;
}

static struct notifier_block p2pdma_host_nb = {
	.notifier_call = p2pdma_host_notify,
};

/* After the PCI bus type is registered, before the first bus is scanned. */
static int __init p2pdma_host_init(void)
{
	return bus_register_notifier(&pci_bus_type, &p2pdma_host_nb);
}
postcore_initcall_sync(p2pdma_host_init);

/* pci=p2pdma_allow_host=VVVV:DDDD[:w][;...] */

/* The parameter as given; init memory */
static const char *p2pdma_allow_param __ro_after_init;
static bool p2pdma_allow_repeated __initdata;

/*
 * Length of the next item, which @s is moved to; 0 at the end of the option, where
 * pci_setup() has put the end of the string.
 */
static size_t __init p2pdma_next_item(const char **s)
{
	*s += strspn(*s, ";");
	return strcspn(*s, ";");
}

/* 1 to 4 hexadecimal digits */
static bool __init p2pdma_parse_number(const char **s, u32 *number)
{
	int digit, i;

	*number = 0;
	for (i = 0; i < 4 && (digit = hex_to_bin(**s)) >= 0; i++, (*s)++)
		*number = *number << 4 | digit;
	return i;
}

/* All of the item, or nothing. No device has the vendor 0 or 0xffff. */
static struct p2pdma_allowed __init p2pdma_parse_item(const char *s, size_t len)
{
	const struct p2pdma_allowed nothing = {};
	const char *end = s + len;
	u32 vendor, device;

	if (!p2pdma_parse_number(&s, &vendor) || *s++ != ':' ||
	    !p2pdma_parse_number(&s, &device) || !vendor || vendor == 0xffff)
		return nothing;
	if (s == end)
		return (struct p2pdma_allowed){
			vendor << 16 | device, P2PDMA_HOST_ALL
		};
	if (end - s == 2 && !strncmp(s, ":w", 2))
		return (struct p2pdma_allowed){
			vendor << 16 | device, P2PDMA_HOST_WRITE
		};
	return nothing;
}

/**
 * p2pdma_allow_hosts() - Parse pci=p2pdma_allow_host=
 * @s: the value; what it points to stays while the kernel initialises
 *
 * If the option is given twice, the last one counts, as for its siblings.
 *
 * Context: Early.
 */
void __init p2pdma_allow_hosts(const char *s)
{
	size_t len;

	p2pdma_allow_repeated = p2pdma_allow_param;
	p2pdma_allow_param = s;
	p2pdma_nr_allowed = 0;
	for (; (len = p2pdma_next_item(&s)); s += len) {
		struct p2pdma_allowed item = p2pdma_parse_item(s, len);

		if (item.id && p2pdma_nr_allowed < P2PDMA_MAX_ALLOWED)
			p2pdma_allowed[p2pdma_nr_allowed++] = item;
	}
}

static bool __init p2pdma_is_present(u32 id)
{
	struct pci_bus *bus = NULL;

	while ((bus = pci_find_next_bus(bus)))
		if ((pci_find_host_bridge(bus)->p2pdma & P2PDMA_HOST_ID) == id)
			return true;
	return false;
}

static const char * __init p2pdma_why_ignored(u32 id, int nr)
{
	if (!id)
		return "is not VVVV:DDDD or VVVV:DDDD:w";
	if (nr > P2PDMA_MAX_ALLOWED)
		return "is one too many";
	if (!p2pdma_is_present(id))
		return "is no host bridge here (yet)";
	return NULL;
}

/* In one message: what it has no room for is counted, each item cut at this. */
#define P2PDMA_MESSAGE		800
#define P2PDMA_ITEM		64

static void __init p2pdma_report_ignored(const char *s)
{
	DECLARE_SEQ_BUF(text, P2PDMA_MESSAGE + 2 * P2PDMA_ITEM);
	int nr = 0, more = 0;
	size_t len;

	for (; (len = p2pdma_next_item(&s)); s += len) {
		u32 id = p2pdma_parse_item(s, len).id;
		const char *why = p2pdma_why_ignored(id, id ? ++nr : nr);

		if (!why)
			continue;
		if (seq_buf_used(&text) > P2PDMA_MESSAGE)
			more++;
		else
			seq_buf_printf(&text, "%s%.*s %s",
				       seq_buf_used(&text) ? ", " : "",
				       min_t(int, len, P2PDMA_ITEM), s, why);
	}
	if (more)
		seq_buf_printf(&text, ", and %d more", more);
	if (seq_buf_used(&text))
		pr_warn("PCI: p2pdma_allow_host: %s\n", seq_buf_str(&text));
}

/* Warn about every allowed host, and about items that were ignored. */
static int __init p2pdma_allow_report(void)
{
	int i;

	if (!p2pdma_allow_param)
		return 0;
	if (p2pdma_allow_repeated)
		pr_warn("PCI: p2pdma_allow_host: given more than once: only the last one counts\n");
	p2pdma_report_ignored(p2pdma_allow_param);
	for (i = 0; i < p2pdma_nr_allowed; i++)
		pr_warn("PCI: p2pdma_allow_host: host bridge %04x:%04x is taken to route %s from peer to peer; if it does not, data is lost\n",
			p2pdma_allowed[i].id >> 16,
			p2pdma_allowed[i].id & 0xffff,
			p2pdma_allowed[i].routes == P2PDMA_HOST_ALL ?
			"reads and writes" : "writes");
	if (p2pdma_nr_allowed)
		add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	return 0;
}
late_initcall(p2pdma_allow_report);
