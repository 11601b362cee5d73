// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: which root complexes route peer to peer
 *	PCIe r6.0, sec 1.3.1: it is optional for a root complex
 *
 * No register tells. What is known is a table of processors and of host
 * bridges, by the vendor and device number of the function 00.0 on the root
 * bus or, where there is none, of the first root port. An operator who knows
 * more says so with pci=p2pdma_allow_host=.
 *
 * Whoever maps DMA may not sleep, and so can't walk a root bus, whose list
 * of functions a semaphore protects. The facts of a root bus are therefore
 * kept in one word of its struct pci_host_bridge, and are written anew
 * whenever a function is added to the bus or removed from it.
 */

#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/panic.h>
#include <linux/pci.h>
#include <linux/processor.h>
#include <linux/seq_buf.h>
#include <linux/string.h>

#include "pci.h"
#include "p2pdma.h"

/* host->p2pdma_root: the identity in the low 32 bits, 0 if there is none */
#define ROOT_ID		GENMASK_ULL(31, 0)
#define ROOT_SCANNED	BIT_ULL(32)
#define ROOT_HAS_PCIE	BIT_ULL(33)

#define HOST_ID(vendor, device)	((u32)(vendor) << 16 | (device))

enum p2pdma_host_scope {
	SAME_HOST_BRIDGE,	/* routes between its own root ports */
	ANY_HOST_BRIDGE,	/* ... and to the other host bridges known so */
};

/**
 * struct p2pdma_host - a host bridge that is known to route
 * @id: its identity
 * @scope: to where
 * @routes: what
 */
struct p2pdma_host {
	u32 id;
	enum p2pdma_host_scope scope;
	enum p2pdma_host_routes routes;
};

/*
 * Numbers: taken as facts from the table of the same purpose in Linux 6.12.
 * Names: the PCI ID repository.
 */
static const struct p2pdma_host known_hosts[] = {
	/* Xeon E5 (Sandy Bridge): DMI2, as a host bridge and as a port */
	{ HOST_ID(PCI_VENDOR_ID_INTEL, 0x3c00), SAME_HOST_BRIDGE },
	{ HOST_ID(PCI_VENDOR_ID_INTEL, 0x3c01), SAME_HOST_BRIDGE },
	/* Xeon E5 v3, Xeon E7 v3 (Haswell): likewise */
	{ HOST_ID(PCI_VENDOR_ID_INTEL, 0x2f00), SAME_HOST_BRIDGE },
	{ HOST_ID(PCI_VENDOR_ID_INTEL, 0x2f01), SAME_HOST_BRIDGE },
	/* Xeon Scalable (Sky Lake-E): DMI3, then root ports A to D */
	{ HOST_ID(PCI_VENDOR_ID_INTEL, 0x2020), ANY_HOST_BRIDGE },
	{ HOST_ID(PCI_VENDOR_ID_INTEL, 0x2030), ANY_HOST_BRIDGE },
	{ HOST_ID(PCI_VENDOR_ID_INTEL, 0x2031), ANY_HOST_BRIDGE },
	{ HOST_ID(PCI_VENDOR_ID_INTEL, 0x2032), ANY_HOST_BRIDGE },
	{ HOST_ID(PCI_VENDOR_ID_INTEL, 0x2033), ANY_HOST_BRIDGE },
	/* Xeon Scalable (Ice Lake): Memory Map/VT-d */
	{ HOST_ID(PCI_VENDOR_ID_INTEL, 0x09a2), ANY_HOST_BRIDGE },
#ifdef CONFIG_PCI_P2PDMA_KUNIT_TEST
	/* Of a vendor that nobody has: for what no known one is like */
	{ HOST_ID(0xfabc, 0xff01), ANY_HOST_BRIDGE, P2PDMA_ROUTES_WRITES },
	{ HOST_ID(0xfabc, 0xff02), SAME_HOST_BRIDGE, P2PDMA_ROUTES_WRITES },
#endif
};

/* What the operator has allowed; an entry of known_hosts comes first. */
#define MAX_ALLOWED	8
static u32 allowed_hosts[MAX_ALLOWED] __ro_after_init;
static unsigned int nr_allowed __ro_after_init;

/* AMD processors route peer to peer from Zen (family 0x17) on. */
static bool cpu_routes(void)
{
#ifdef CONFIG_X86
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD &&
	       boot_cpu_data.x86 >= 0x17;
#else
	return false;
#endif
}

/**
 * p2pdma_host_id - identity of a host bridge
 * @host: host bridge
 *
 * Context: Any.
 * Return: vendor in the high 16 bits, device in the low ones; 0 if unknown.
 */
u32 p2pdma_host_id(struct pci_host_bridge *host)
{
	return READ_ONCE(host->p2pdma_root) & ROOT_ID;
}

static enum p2pdma_host_routes host_routes(struct pci_host_bridge *host,
					   enum p2pdma_host_scope scope)
{
	u32 id = p2pdma_host_id(host);
	int i;

	for (i = 0; i < ARRAY_SIZE(known_hosts); i++)
		if (known_hosts[i].id == id && known_hosts[i].scope >= scope)
			return known_hosts[i].routes ?: P2PDMA_ROUTES_ALL;
	for (i = 0; i < nr_allowed; i++)
		if (allowed_hosts[i] == id)
			return P2PDMA_ROUTES_ALL;
	return P2PDMA_ROUTES_NOTHING;
}

/**
 * p2pdma_hosts_route - what do these host bridges forward from peer to peer?
 * @a: host bridge of one device
 * @b: host bridge of the other; may be the same
 *
 * Context: Any.
 * Return: what both are known to.
 */
enum p2pdma_host_routes p2pdma_hosts_route(struct pci_host_bridge *a,
					   struct pci_host_bridge *b)
{
	if (cpu_routes())
		return P2PDMA_ROUTES_ALL;
	if (a == b)
		return host_routes(a, SAME_HOST_BRIDGE);
	return min(host_routes(a, ANY_HOST_BRIDGE),
		   host_routes(b, ANY_HOST_BRIDGE));
}

/**
 * p2pdma_host_is_conventional - is all below this host bridge conventional PCI?
 * @host: host bridge
 *
 * Context: Any.
 * Return: true if there are functions on the root bus and none is PCIe: such
 * a hierarchy routes between its devices by itself, without a root complex.
 */
bool p2pdma_host_is_conventional(struct pci_host_bridge *host)
{
	u64 root = READ_ONCE(host->p2pdma_root);

	return (root & ROOT_SCANNED) && !(root & ROOT_HAS_PCIE);
}

static u64 root_facts(struct pci_bus *bus, struct pci_dev *leaving)
{
	u64 root = ROOT_SCANNED;
	struct pci_dev *pdev;

	lockdep_assert_held(&pci_bus_sem);
	list_for_each_entry(pdev, &bus->devices, bus_list) {
		u32 id = HOST_ID(pdev->vendor, pdev->device);

		if (pdev == leaving)
			continue;
		if (pci_is_pcie(pdev))
			root |= ROOT_HAS_PCIE;
		if (pdev->devfn == PCI_DEVFN(0, 0))
			root = (root & ~ROOT_ID) | id;
		else if (pci_pcie_type(pdev) == PCI_EXP_TYPE_ROOT_PORT &&
			 !(root & ROOT_ID))
			root |= id;
	}
	return root;
}

static DEFINE_MUTEX(p2pdma_root_mutex);

static void update_root(struct pci_bus *bus, struct pci_dev *leaving)
{
	struct pci_host_bridge *host = pci_find_host_bridge(bus);

	mutex_lock(&p2pdma_root_mutex);
	down_read(&pci_bus_sem);
	WRITE_ONCE(host->p2pdma_root, root_facts(bus, leaving));
	up_read(&pci_bus_sem);
	mutex_unlock(&p2pdma_root_mutex);
}

/* Nothing that is remembered outlives what it is about. */
static int p2pdma_bus_notify(struct notifier_block *nb, unsigned long action,
			     void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);

	if (action != BUS_NOTIFY_ADD_DEVICE &&
	    action != BUS_NOTIFY_REMOVED_DEVICE)
		return NOTIFY_DONE;
	p2pdma_change_begin();
	if (pci_is_root_bus(pdev->bus))
		update_root(pdev->bus, action == BUS_NOTIFY_REMOVED_DEVICE ?
				       pdev : NULL);
	p2pdma_change_end();
	return NOTIFY_OK;
}

static struct notifier_block p2pdma_bus_nb = {
	.notifier_call = p2pdma_bus_notify,
};

/* After the PCI bus type is registered, before the first bus is scanned. */
static int __init p2pdma_host_init(void)
{
	return bus_register_notifier(&pci_bus_type, &p2pdma_bus_nb);
}
postcore_initcall_sync(p2pdma_host_init);

/* pci=p2pdma_allow_host=VVVV:DDDD[;VVVV:DDDD...] */

/* What was given, to be reported when all is scanned; then it is gone */
static const char *allow_param __ro_after_init;

/* Length of the next item, and where it is; 0 at the end of the option */
static size_t __init next_item(const char **s)
{
	*s += strspn(*s, ";");
	return strcspn(*s, ";,");
}

/* 1 to 4 hexadecimal digits, and of what follows them the first character */
static bool __init parse_number(const char **s, char end, u32 *number)
{
	int digit, i;

	*number = 0;
	for (i = 0; i < 4 && (digit = hex_to_bin(**s)) >= 0; i++, (*s)++)
		*number = *number << 4 | digit;
	return i && (end ? *(*s)++ == end : true);
}

/* All of the item, or nothing. No device has the vendor 0 or 0xffff. */
static u32 __init parse_item(const char *s, size_t len)
{
	const char *end = s + len;
	u32 vendor, device;

	if (!parse_number(&s, ':', &vendor) || !parse_number(&s, 0, &device) ||
	    s != end || !vendor || vendor == 0xffff)
		return 0;
	return HOST_ID(vendor, device);
}

/**
 * p2pdma_allow_hosts - parse pci=p2pdma_allow_host=
 * @s: the value; what it points to stays while the kernel initialises
 *
 * If the option is given twice, the last one counts, as for its siblings.
 *
 * Context: Early.
 */
void __init p2pdma_allow_hosts(const char *s)
{
	size_t len;

	allow_param = s;
	nr_allowed = 0;
	for (; (len = next_item(&s)); s += len) {
		u32 id = parse_item(s, len);

		if (id && nr_allowed < MAX_ALLOWED)
			allowed_hosts[nr_allowed++] = id;
	}
}

static bool __init is_allowed(u32 id)
{
	int i;

	for (i = 0; i < nr_allowed; i++)
		if (allowed_hosts[i] == id)
			return true;
	return false;
}

static bool __init host_is_present(u32 id)
{
	struct pci_bus *bus = NULL;

	while ((bus = pci_find_next_bus(bus)))
		if (p2pdma_host_id(pci_find_host_bridge(bus)) == id)
			return true;
	return false;
}

static const char * __init why_ignored(u32 id)
{
	if (!id)
		return "is not VVVV:DDDD";
	if (!is_allowed(id))
		return "is one too many";
	if (!host_is_present(id))
		return "is not here (yet)";
	return NULL;
}

/* What is allowed is a risk; what is not as the operator thinks, is told. */
static int __init p2pdma_allow_report(void)
{
	DECLARE_SEQ_BUF(ignored, 256);
	const char *s = allow_param, *why;
	size_t len;
	int i;

	if (!s)
		return 0;
	for (; (len = next_item(&s)); s += len) {
		why = why_ignored(parse_item(s, len));
		if (why)
			seq_buf_printf(&ignored, "%s%.*s %s",
				       seq_buf_used(&ignored) ? ", " : "",
				       (int)len, s, why);
	}
	if (seq_buf_used(&ignored))
		pr_warn("PCI: p2pdma_allow_host: %s\n",
			seq_buf_str(&ignored));
	for (i = 0; i < nr_allowed; i++)
		pr_warn("PCI: p2pdma_allow_host: host bridge %04x:%04x is taken to route peer to peer; if it does not, data is lost\n",
			allowed_hosts[i] >> 16, allowed_hosts[i] & 0xffff);
	if (nr_allowed)
		add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	return 0;
}
late_initcall(p2pdma_allow_report);
