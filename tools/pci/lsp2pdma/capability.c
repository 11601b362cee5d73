// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: capabilities by the names that lspci has for them
 */
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

/* All that lspci has names for: a capability of another name may be any. */
static const struct numbered normal_names[] = {
	{ "Null", PCI_CAP_ID_NULL },
	{ "Power Management version", PCI_CAP_ID_PM },
	{ "AGP3", PCI_CAP_ID_AGP3 },
	{ "AGP version", PCI_CAP_ID_AGP },
	{ "Vital Product Data", PCI_CAP_ID_VPD },
	{ "Slot ID:", PCI_CAP_ID_SLOTID },
	{ "MSI:", PCI_CAP_ID_MSI },
	{ "Message Signalled Interrupts:", PCI_CAP_ID_MSI },
	{ "CompactPCI hot-swap", PCI_CAP_ID_CHSWP },
	{ "PCI-X ", PCI_CAP_ID_PCIX },
	{ "HyperTransport:", PCI_CAP_ID_HT },
	{ "Vendor Specific Information:", PCI_CAP_ID_VNDR },
	{ "Debug port:", PCI_CAP_ID_DBG },
	{ "CompactPCI central resource control", PCI_CAP_ID_CCRC },
	{ "Hot-plug capable", PCI_CAP_ID_HOTPLUG },
	{ "Subsystem:", PCI_CAP_ID_SSVID },
	{ "Secure device", PCI_CAP_ID_SECURE },
	{ "Express ", PCI_CAP_ID_EXP },
	{ "MSI-X:", PCI_CAP_ID_MSIX },
	{ "SATA HBA", PCI_CAP_ID_SATA },
	{ "PCI Advanced Features", PCI_CAP_ID_AF },
	{ "Enhanced Allocation (EA):", PCI_CAP_ID_EA },
};

static const struct numbered extended_names[] = {
	{ "Null", 0 },
	{ "Advanced Error Reporting", 0x01 },
	{ "Virtual Channel", 0x02 },
	{ "Device Serial Number", 0x03 },
	{ "Power Budgeting", 0x04 },
	{ "Root Complex Link", 0x05 },
	{ "Root Complex Internal Link", 0x06 },
	{ "Root Complex Event Collector", 0x07 },
	{ "Multi-Function Virtual Channel", 0x08 },
	{ "Root Complex Register Block", 0x0a },
	{ "Root Bridge Control Block", 0x0a },
	{ "Vendor Specific Information:", 0x0b },
	{ "Configuration Access Correlation", 0x0c },
	{ "Access Control Services", PCI_EXT_CAP_ID_ACS },
	{ "Alternative Routing-ID Interpretation", 0x0e },
	{ "Address Translation Service", PCI_EXT_CAP_ID_ATS },
	{ "Single Root I/O Virtualization", PCI_EXT_CAP_ID_SRIOV },
	{ "Multi-Root I/O Virtualization", 0x11 },
	{ "Multicast", 0x12 },
	{ "Page Request Interface", 0x13 },
	{ "Physical Resizable BAR", 0x15 },
	{ "Resizable BAR", 0x15 },
	{ "Dynamic Power Allocation", 0x16 },
	{ "Transaction Processing Hints", 0x17 },
	{ "Latency Tolerance Reporting", 0x18 },
	{ "Secondary PCI Express", 0x19 },
	{ "Protocol Multiplexing", 0x1a },
	{ "Process Address Space ID", 0x1b },
	{ "LN Requester", 0x1c },
	{ "Downstream Port Containment", 0x1d },
	{ "L1 PM Substates", 0x1e },
	{ "Precision Time Measurement", 0x1f },
	{ "PCI Express over M_PHY", 0x20 },
	{ "FRS Queueing", 0x21 },
	{ "Readiness Time Reporting", 0x22 },
	{ "Designated Vendor-Specific:", 0x23 },
	{ "VF Resizable BAR", 0x24 },
	{ "Virtual Resizable BAR", 0x24 },
	{ "Data Link Feature", 0x25 },
	{ "Physical Layer 16.0 GT/s", 0x26 },
	{ "Lane Margining at the Receiver", 0x27 },
	{ "Hierarchy ID", 0x28 },
	{ "Native PCIe Enclosure Management", 0x29 },
	{ "Physical Layer 32.0 GT/s", 0x2a },
	{ "Alternate Protocol", 0x2b },
	{ "System Firmware Intermediary", 0x2c },
	{ "Shadow Functions", 0x2d },
	{ "Data Object Exchange", 0x2e },
	{ "Device 3", 0x2f },
	{ "Integrity & Data Encryption", 0x30 },
	{ "Physical Layer 64.0 GT/s", 0x31 },
};

int find_numbered(const char *text, const struct numbered *table, int nr)
{
	for (; nr; nr--, table++)
		if (!strncmp(text, table->text, strlen(table->text)))
			return table->number;
	return NONE;
}

/* "#19", "Capability ID 0x15", "Extended Capability ID 0x2f": lspci has no name. */
static int find_number(const char *text, bool extended)
{
	static const char * const before[] = {
		"Extended Capability ID 0x", "Capability ID 0x", "#",
	};
	unsigned int i, id;
	const char *s;

	for (i = 0; i < ARRAY_SIZE(before); i++) {
		if (strncmp(text, before[i], strlen(before[i])))
			continue;
		s = text + strlen(before[i]);
		if (parse_hex(&s, extended ? 4 : 2, &id) &&
		    (!*s || *s == ' '))
			return id;
	}
	return NONE;
}

int capability_by_name(const char *text, bool extended)
{
	int id = extended ?
		find_numbered(text, extended_names, ARRAY_SIZE(extended_names)) :
		find_numbered(text, normal_names, ARRAY_SIZE(normal_names));

	return id == NONE ? find_number(text, extended) : id;
}

static const struct numbered types[] = {
	{ "Endpoint", PCI_EXP_TYPE_ENDPOINT },
	{ "Legacy Endpoint", PCI_EXP_TYPE_LEG_END },
	{ "Root Port", PCI_EXP_TYPE_ROOT_PORT },
	{ "Upstream Port", PCI_EXP_TYPE_UPSTREAM },
	{ "Downstream Port", PCI_EXP_TYPE_DOWNSTREAM },
	{ "PCI-Express to PCI/PCI-X Bridge", PCI_EXP_TYPE_PCI_BRIDGE },
	{ "PCI/PCI-X to PCI-Express Bridge", PCI_EXP_TYPE_PCIE_BRIDGE },
	{ "Root Complex Integrated Endpoint", PCI_EXP_TYPE_ROOT_INT_EP },
	{ "Root Complex Event Collector", PCI_EXP_TYPE_ROOT_EC },
};

int port_type_by_name(const char *text)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		const char *end = text + strlen(types[i].text);

		if (strncmp(text, types[i].text, strlen(types[i].text)))
			continue;
		if (!*end || *end == ',' || !strncmp(end, " (Slot", 6))
			return types[i].number;
	}
	return NONE;
}
