// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: what registers say, kept in struct pci_dev
 *	PCIe r6.0, sec 7.7.11 (ACS), sec 7.5.3 (PCI Express capability)
 *
 * Where a function sends packets for its peers, and how large they are, is
 * decided by registers that can't be read in every context, nor while the
 * function sleeps. The PCI core calls here wherever it, or a user, has written
 * to one of them, and what the register holds then is kept:
 *
 *   acs_capabilities	ACS Capability register
 *   acs_ctrl		ACS Control register, with what is hard-wired, and what
 *			quirks and the specification say of functions without
 *			the capability
 *   tlp_sizes		Max_Payload_Size and 10-Bit Tags
 *   depth		not of a register: the number of bridges above
 *
 * A reset that clears a register also clears the function's bus numbers or
 * BARs: nothing reaches it until pci_restore_state(), which calls here, too.
 * BARs of virtual functions are back earlier: their words may say for longer
 * that they redirect.
 */

#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "pci.h"
#include "p2pdma_topology.h"

/* Reading a register and storing it are one step: the last store is the newest. */
static DEFINE_SPINLOCK(p2pdma_shadow_lock);

/* PCIe functions without these registers support neither. */
#define DEVCTL2_TAG10_REQUESTER	0x1000
#define DEVCAP2_TAG10_COMPLETER	0x10000

static u16 p2pdma_read_sizes(struct pci_dev *dev)
{
	u16 ctrl, ctrl2, sizes;
	u32 cap2;

	if (pcie_capability_read_word(dev, PCI_EXP_DEVCTL, &ctrl) ||
	    pcie_capability_read_word(dev, PCI_EXP_DEVCTL2, &ctrl2) ||
	    pcie_capability_read_dword(dev, PCI_EXP_DEVCAP2, &cap2) ||
	    PCI_POSSIBLE_ERROR(ctrl) || PCI_POSSIBLE_ERROR(ctrl2) ||
	    PCI_POSSIBLE_ERROR(cap2))
		return 0;
	sizes = 1 + FIELD_GET(PCI_EXP_DEVCTL_PAYLOAD, ctrl);
	if (sizes >= P2PDMA_NO_TLPS)
		return 0;
	if (ctrl2 & DEVCTL2_TAG10_REQUESTER)
		sizes |= P2PDMA_TAG10_REQUESTER;
	if (cap2 & DEVCAP2_TAG10_COMPLETER)
		sizes |= P2PDMA_TAG10_COMPLETER;
	return sizes;
}

/**
 * p2pdma_shadow_sizes() - Keep a function's payload and tag sizes
 * @dev: PCIe function whose Device Control registers were written
 *
 * Context: Any but hard interrupts.
 */
void p2pdma_shadow_sizes(struct pci_dev *dev)
{
	unsigned long flags;

	spin_lock_irqsave(&p2pdma_shadow_lock, flags);
	WRITE_ONCE(dev->tlp_sizes, p2pdma_read_sizes(dev));
	spin_unlock_irqrestore(&p2pdma_shadow_lock, flags);
}

/*
 * Redirection and egress control that the PCI core's quirks vouch for; negative
 * if none applies. A quirk answers whether a function isolates. Upstream
 * Forwarding is not asked for: some say yes to it of ports that block.
 */
static int p2pdma_quirk_ctrl(struct pci_dev *dev)
{
	static const u16 controls[] = {
		PCI_ACS_RR, PCI_ACS_CR, PCI_ACS_EC,
	};
	int i, ret, ctrl = 0;

	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		ret = pci_dev_specific_acs_enabled(dev, controls[i]);
		if (ret < 0)
			return ret;
		if (ret)
			ctrl |= controls[i];
	}
	return ctrl;
}

/*
 * Controls in effect in the upper half, capabilities in the lower one.
 *
 * A quirk may answer "no" for a function that isn't on its list, or for a
 * control that it knows nothing of: what the register redirects or blocks
 * counts besides. (Where a quirk reads registers that are dwords, the low bits
 * of the capability are in the same place, and the word that is taken for the
 * control register is reserved.)
 *
 * What a quirk vouches for can't be turned off: no capability.
 */
static u32 p2pdma_read_acs(struct pci_dev *dev)
{
	int quirk = p2pdma_quirk_ctrl(dev);
	u16 cap, ctrl;
	u32 acs;

	if (pci_read_config_dword(dev, dev->acs_cap + PCI_ACS_CAP, &acs) ||
	    PCI_POSSIBLE_ERROR(acs))
		return (u32)(quirk > 0 ? quirk : P2PDMA_UNKNOWN) << 16;
	cap = acs;
	ctrl = p2pdma_acs_in_effect(cap, acs >> 16);
	if (quirk > 0) {
		ctrl |= quirk;
		cap &= ~quirk;
	}
	return (u32)ctrl << 16 | cap;
}

/**
 * p2pdma_shadow_acs() - Keep a function's ACS registers
 * @dev: function whose ACS Control register was written
 *
 * Context: Any but hard interrupts.
 */
void p2pdma_shadow_acs(struct pci_dev *dev)
{
	unsigned long flags;
	u32 acs;

	if (!dev->acs_cap)
		return;
	spin_lock_irqsave(&p2pdma_shadow_lock, flags);
	acs = p2pdma_read_acs(dev);
	WRITE_ONCE(dev->acs_ctrl, acs >> 16);
	WRITE_ONCE(dev->acs_capabilities, acs);
	spin_unlock_irqrestore(&p2pdma_shadow_lock, flags);
}

/*
 * Known to be on a conventional bus, where there is no ACS: below a bridge that
 * leads from PCI Express to PCI, or below a host bridge of such a bus.
 */
static bool p2pdma_is_on_pci(struct pci_dev *dev)
{
	struct pci_dev *bridge = pci_upstream_bridge(dev);

	while (bridge && !pci_is_pcie(bridge)) {
		dev = bridge;
		bridge = pci_upstream_bridge(dev);
	}
	if (bridge)
		return pci_pcie_type(bridge) == PCI_EXP_TYPE_PCI_BRIDGE;
	return READ_ONCE(p2pdma_host_of(dev)->p2pdma) & P2PDMA_HOST_CONVENTIONAL;
}

/*
 * A function has no ACS capability if the list of extended capabilities was
 * read to its end without one. SR-IOV functions without ACS don't route to
 * each other (PCIe r6.0, sec 6.12.1.2): as if they redirected.
 */
static u16 p2pdma_ctrl_without_cap(struct pci_dev *dev)
{
	int pos = PCI_CFG_SPACE_SIZE, ttl = PCI_CFG_SPACE_EXP_SIZE / 8;
	bool sriov = dev->is_virtfn;
	u32 header;

	if (dev->cfg_size <= PCI_CFG_SPACE_SIZE)
		return P2PDMA_UNKNOWN;
	for (; pos >= PCI_CFG_SPACE_SIZE && ttl; ttl--) {
		pci_read_config_dword(dev, pos, &header);
		if (PCI_POSSIBLE_ERROR(header) ||
		    PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_ACS)
			return P2PDMA_UNKNOWN;
		if (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_SRIOV)
			sriov = true;
		pos = PCI_EXT_CAP_NEXT(header);
	}
	if (!ttl)
		return P2PDMA_UNKNOWN;
	return sriov ? PCI_ACS_RR | PCI_ACS_CR : 0;
}

/*
 * A function on a PCIe link is PCIe, and one below a bridge that isn't is not:
 * else one of the capabilities wasn't readable.
 */
static bool p2pdma_contradicts(struct pci_dev *dev)
{
	struct pci_dev *bridge = pci_upstream_bridge(dev);

	if (!bridge)
		return false;
	if (pci_is_pcie(dev))
		return !pci_is_pcie(bridge);
	return pcie_downstream_port(bridge) ||
	       pci_pcie_type(bridge) == PCI_EXP_TYPE_UPSTREAM;
}

/* A quirk that vouches for nothing doesn't make up for what wasn't readable. */
static u16 p2pdma_initial_ctrl(struct pci_dev *dev)
{
	int quirk;

	if (p2pdma_is_on_pci(dev))
		return 0;
	if (p2pdma_contradicts(dev))
		return P2PDMA_UNKNOWN;
	if (!pci_is_pcie(dev))
		return 0;
	quirk = p2pdma_quirk_ctrl(dev);
	return quirk > 0 ? quirk : p2pdma_ctrl_without_cap(dev);
}

/**
 * p2pdma_shadow_init() - Keep what a new function's registers say
 * @dev: function whose dev->acs_cap is set, and ACS enabled
 *
 * Context: Process context.
 */
void p2pdma_shadow_init(struct pci_dev *dev)
{
	struct pci_dev *bridge = pci_upstream_bridge(dev);

	dev->depth = bridge ? bridge->depth + 1 : 0;
	if (pci_is_pcie(dev))
		p2pdma_shadow_sizes(dev);
	else
		dev->tlp_sizes = P2PDMA_NO_TLPS;
	if (!dev->acs_cap)
		dev->acs_ctrl = p2pdma_initial_ctrl(dev);
}

static bool p2pdma_is_hit(int pos, int size, int first, int end)
{
	return pos < end && pos + size > first;
}

/**
 * p2pdma_shadow_write() - Read back registers that a user wrote to
 * @dev: function
 * @pos: offset in its config space
 * @size: number of bytes
 *
 * Context: Any but hard interrupts.
 */
void p2pdma_shadow_write(struct pci_dev *dev, int pos, int size)
{
	/* The registers of a port with a quirk may be twice as long. */
	int acs = dev->acs_cap + PCI_ACS_CAP, exp = dev->pcie_cap;

	if (dev->acs_cap && p2pdma_is_hit(pos, size, acs, acs + 8))
		p2pdma_shadow_acs(dev);
	if (exp && p2pdma_is_hit(pos, size, exp + PCI_EXP_DEVCTL,
				 exp + PCI_EXP_DEVCTL2 + 2))
		p2pdma_shadow_sizes(dev);
}

#ifdef CONFIG_PCI_P2PDMA_AUDIT

/*
 * A register may be ahead of what is kept of it: it was just written, or the
 * function was reset and will be restored. A difference that lasts is a bug.
 */
#define P2PDMA_AUDIT_TRIES	100
#define P2PDMA_AUDIT_MS		10

static struct pci_dev *p2pdma_suspect;

static bool p2pdma_differs(u16 shadow, u16 reg, u16 unknown)
{
	return shadow != unknown && reg != unknown && shadow != reg;
}

/* The quirk for IDT's switches turns Source Validation off for a moment. */
static bool p2pdma_is_stale(struct pci_dev *dev)
{
	u32 acs;

	if (!pci_is_pcie(dev) || dev->block_cfg_access ||
	    pci_channel_offline(dev) || dev->current_state == PCI_D3cold)
		return false;
	if (dev->acs_cap) {
		acs = p2pdma_read_acs(dev);
		if (p2pdma_differs(READ_ONCE(dev->acs_ctrl) | PCI_ACS_SV,
				   acs >> 16 | PCI_ACS_SV, P2PDMA_UNKNOWN) ||
		    p2pdma_differs(READ_ONCE(dev->acs_capabilities), acs, 0))
			return true;
	}
	return p2pdma_differs(READ_ONCE(dev->tlp_sizes), p2pdma_read_sizes(dev),
			      0);
}

static void p2pdma_audit_work(struct work_struct *work)
{
	struct pci_dev *dev = p2pdma_suspect;
	int i = 0;

	while (device_is_registered(&dev->dev) && p2pdma_is_stale(dev)) {
		if (++i == P2PDMA_AUDIT_TRIES) {
			WARN(1, "P2PDMA: %s: registers changed unseen: ACS %#x, now %#x; sizes %#x, now %#x\n",
			     pci_name(dev), dev->acs_ctrl,
			     dev->acs_cap ? p2pdma_read_acs(dev) >> 16 : 0,
			     dev->tlp_sizes, p2pdma_read_sizes(dev));
			break;
		}
		msleep(P2PDMA_AUDIT_MS);
	}
	WRITE_ONCE(p2pdma_suspect, NULL);
	pci_dev_put(dev);
}

static DECLARE_WORK(p2pdma_audit, p2pdma_audit_work);

/**
 * p2pdma_shadow_audit() - Compare what is kept with the registers
 * @dev: function; the bridges above it are looked at, too
 *
 * Context: Any.
 */
void p2pdma_shadow_audit(struct pci_dev *dev)
{
	for (; dev; dev = pci_upstream_bridge(dev)) {
		if (!device_is_registered(&dev->dev) || !p2pdma_is_stale(dev) ||
		    cmpxchg(&p2pdma_suspect, NULL, dev))
			continue;
		pci_dev_get(dev);
		schedule_work(&p2pdma_audit);
	}
}
#endif /* CONFIG_PCI_P2PDMA_AUDIT */
