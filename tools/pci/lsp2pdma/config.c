// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: what registers say
 *	PCIe r6.0, sec 7.5 (headers, capabilities), sec 7.7 (ACS), sec 9.3 (SR-IOV)
 *
 * All sources bring config space, so it is read in one place. Offsets come from
 * files: nothing is read beyond what is known, and no list is followed for ever.
 */
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

unsigned int config_byte(const struct function *f, unsigned int pos)
{
	return pos < f->known ? f->config[pos] : 0;
}

unsigned int config_word(const struct function *f, unsigned int pos)
{
	return config_byte(f, pos) | config_byte(f, pos + 1) << 8;
}

unsigned int config_long(const struct function *f, unsigned int pos)
{
	return config_word(f, pos) | config_word(f, pos + 2) << 16;
}

void config_set(struct function *f, unsigned int pos, int size, uint32_t value)
{
	for (; size > 0 && pos < CONFIG_SIZE; size--, pos++, value >>= 8)
		f->config[pos] = value;
}

void config_forget(struct function *f, unsigned int known)
{
	if (f->known > known)
		f->known = known;
	memset(f->config + f->known, 0, CONFIG_SIZE - f->known);
}

bool is_readable(const struct function *f)
{
	return f->known > 64;
}

/* Capabilities are on dwords from 0x40 to 0xfc: 48 at most. */
unsigned int find_capability(const struct function *f, unsigned int id)
{
	unsigned int pos, left = 48;

	if (!is_readable(f) || !(config_word(f, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	pos = config_byte(f, PCI_CAPABILITY_LIST) & ~3;
	for (; pos >= 0x40 && left; left--) {
		if (config_byte(f, pos) == id)
			return pos;
		pos = config_byte(f, pos + 1) & ~3;
	}
	return 0;
}

/* The shortest extended capability has 8 bytes. */
unsigned int find_extended(const struct function *f, unsigned int id)
{
	unsigned int pos = 256, left = (CONFIG_SIZE - 256) / 8;

	for (; pos >= 256 && pos < f->known && left; left--) {
		uint32_t header = config_long(f, pos);

		if (header == 0xffffffff || !header)
			return 0;
		if ((header & 0xffff) == id)
			return pos;
		pos = header >> 20 & ~3;
	}
	return 0;
}

int pcie_type(const struct function *f)
{
	unsigned int pos = find_capability(f, PCI_CAP_ID_EXP);

	return pos ? (int)(config_word(f, pos + PCI_EXP_FLAGS) &
			   PCI_EXP_FLAGS_TYPE) >> 4 : NONE;
}

bool is_downstream_port(const struct function *f)
{
	int type = pcie_type(f);

	return type == PCI_EXP_TYPE_ROOT_PORT || type == PCI_EXP_TYPE_DOWNSTREAM ||
	       type == PCI_EXP_TYPE_PCIE_BRIDGE;
}

bool acs_words(const struct function *f, unsigned int *cap, unsigned int *ctrl)
{
	unsigned int pos = find_extended(f, PCI_EXT_CAP_ID_ACS);

	*cap = pos ? config_word(f, pos + PCI_ACS_CAP) : 0;
	*ctrl = pos ? config_word(f, pos + PCI_ACS_CTRL) : 0;
	return pos;
}

const struct acs_name acs_names[NR_ACS_CONTROLS] = {
	{ "SV", "SrcValid" },
	{ "TB", "TransBlk" },
	{ "RR", "ReqRedir" },
	{ "CR", "CmpltRedir" },
	{ "UF", "UpstreamFwd" },
	{ "EC", "EgressCtrl" },
	{ "DT", "DirectTrans" },
};

bool ats_enabled(const struct function *f)
{
	unsigned int pos = find_extended(f, PCI_EXT_CAP_ID_ATS);

	return pos && config_word(f, pos + PCI_ATS_CTRL) & PCI_ATS_CTRL_ENABLE;
}

/* Version 1 of the capability ends before it. */
unsigned int find_control2(const struct function *f)
{
	unsigned int pos = find_capability(f, PCI_CAP_ID_EXP);

	if (!pos || (config_word(f, pos + PCI_EXP_FLAGS) & PCI_EXP_FLAGS_VERS) < 2)
		return 0;
	return pos + PCI_EXP_DEVCTL2;
}

unsigned int secondary_bus(const struct function *f)
{
	return config_byte(f, PCI_SECONDARY_BUS);
}

bool virtual_function(const struct function *f, unsigned int n,
		      struct pci_p2pdma_address *a)
{
	unsigned int pos = find_extended(f, PCI_EXT_CAP_ID_SRIOV), rid;

	if (!pos || !(config_word(f, pos + PCI_IOV_CTRL) & PCI_IOV_CTRL_VFE) ||
	    n >= config_word(f, pos + PCI_IOV_NUMVF))
		return false;
	rid = (f->address.bus << 8 | f->address.devfn) +
	      config_word(f, pos + PCI_IOV_OFFSET) +
	      n * config_word(f, pos + PCI_IOV_STRIDE);
	if (rid > 0xffff)
		return false;
	*a = (struct pci_p2pdma_address){
		.domain = f->address.domain, .bus = rid >> 8, .devfn = rid & 0xff
	};
	return true;
}

/* Link speeds by their numbers (sec 7.5.3.18), in units of 0.1 GT/s */
static unsigned int link_speed(unsigned int number)
{
	static const unsigned int speeds[] = { 0, 25, 50, 80, 160, 320, 640 };

	return number < ARRAY_SIZE(speeds) ? speeds[number] : 0;
}

bool link_of(const struct function *f, struct link *link)
{
	unsigned int pos = find_capability(f, PCI_CAP_ID_EXP), cap, status;
	int type = pcie_type(f);

	*link = (struct link){ 0 };
	if (!pos || type == PCI_EXP_TYPE_ROOT_INT_EP ||
	    type == PCI_EXP_TYPE_ROOT_EC)
		return false;
	cap = config_long(f, pos + PCI_EXP_LNKCAP);
	status = config_word(f, pos + PCI_EXP_LNKSTA);
	link->max_speed = link_speed(cap & PCI_EXP_LNKCAP_SPEED);
	link->max_width = (cap & PCI_EXP_LNKCAP_WIDTH) >> 4;
	link->width = (status & PCI_EXP_LNKSTA_WIDTH) >> 4;
	link->speed = link->width ? link_speed(status & PCI_EXP_LNKSTA_SPEED) : 0;
	return link->speed && link->width;
}

unsigned int payload_size(const struct function *f)
{
	unsigned int pos = find_capability(f, PCI_CAP_ID_EXP), size;

	if (!pos)
		return 0;
	size = (config_word(f, pos + PCI_EXP_DEVCTL) & PCI_EXP_DEVCTL_PAYLOAD) >> 5;
	return size < 6 ? 128 << size : 0;
}
