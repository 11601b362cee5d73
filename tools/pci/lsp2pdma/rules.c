// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: the kernel's own rules, on the model
 *
 * There is no second set of rules: p2pdma_topology.c judges, p2pdma_shadow.c
 * reads the registers, quirks.c knows the functions whose registers mislead.
 * This file makes the pointers that they follow.
 */
#include "kernel.h"

#include "../../../drivers/pci/p2pdma_topology.c"
#include "../../../drivers/pci/p2pdma_shadow.c"
/* pci_dev_specific_acs_enabled() and its table, cut out of quirks.c */
#include "quirks.inc"

#include <stdlib.h>

#undef ARRAY_SIZE
#include "machine.h"

/**
 * struct rules - what the kernel would have made of the model
 * @dev: one for each function
 * @below: the bus below each function
 * @root: root buses, by domain and number
 * @host: their host bridges
 * @nr: number of root buses
 */
struct rules {
	struct pci_dev *dev;
	struct pci_bus *below;
	struct pci_bus *root;
	struct pci_host_bridge *host;
	int nr;
};

static bool rules_encrypted;

bool cc_platform_has(enum cc_attr attr)
{
	return rules_encrypted;
}

/* Config space. What isn't known reads as from a device that is gone. */

int pci_read_config_dword(struct pci_dev *dev, int pos, u32 *value)
{
	*value = ~0U;
	if (pos < 0 || pos + 4 > (int)dev->fn->known)
		return -EINVAL;
	*value = config_long(dev->fn, pos);
	return 0;
}

int pcie_capability_read_dword(struct pci_dev *dev, int pos, u32 *value)
{
	*value = 0;
	if (!dev->pcie_cap)
		return -EINVAL;
	/* Version 1 ends before the second set of registers. */
	if (pos >= PCI_EXP_DEVCAP2 && (dev->pcie_flags & PCI_EXP_FLAGS_VERS) < 2)
		return 0;
	return pci_read_config_dword(dev, dev->pcie_cap + pos, value);
}

int pcie_capability_read_word(struct pci_dev *dev, int pos, u16 *value)
{
	u32 both;
	int error = pcie_capability_read_dword(dev, pos & ~3, &both);

	*value = pos & 2 ? both >> 16 : both;
	return error;
}

/* The devices */

static void fill_dev(struct machine *m, int i)
{
	const struct function *f = &m->fn[i];
	struct pci_dev *dev = &m->rules->dev[i];

	dev->fn = f;
	dev->devfn = f->address.devfn;
	dev->vendor = f->vendor;
	dev->device = f->device;
	dev->class = f->class << 8;
	dev->untrusted = f->untrusted;
	dev->is_virtfn = f->physfn != NONE;
	dev->physfn = f->physfn == NONE ? NULL : &m->rules->dev[f->physfn];
	dev->pcie_cap = find_capability(f, PCI_CAP_ID_EXP);
	if (dev->pcie_cap)
		dev->pcie_flags = config_word(f, dev->pcie_cap + PCI_EXP_FLAGS);
	dev->cfg_size = f->known > 256 ? 4096 : 256;
	dev->acs_cap = find_extended(f, PCI_EXT_CAP_ID_ACS);
	/* What can't be seen may be on: translated requests are redirected. */
	dev->ats_enabled = ats_enabled(f) ||
			   (f->known < CONFIG_SIZE &&
			    (dev->pcie_cap || !is_readable(f)));
	dev->dev.dma_iommu = f->translated == NONE ? m->fact[FACT_IOMMU].value :
						     f->translated;
}

/* Functions are in the order of addresses, so that of one root bus follow each other. */
static struct pci_bus *root_bus_of(struct machine *m, int i)
{
	struct rules *r = m->rules;
	struct pci_bus *bus;

	if (i && m->fn[i - 1].parent == NONE &&
	    m->fn[i - 1].address.domain == m->fn[i].address.domain &&
	    m->fn[i - 1].address.bus == m->fn[i].address.bus)
		return r->dev[i - 1].bus;
	bus = &r->root[r->nr];
	bus->host = &r->host[r->nr++];
	return bus;
}

static u64 allowed_for(const struct machine *m, u32 id)
{
	u64 routes = 0;
	int i;

	for (i = 0; i < m->nr_allowed; i++)
		if (((u32)m->allowed[i].vendor << 16 | m->allowed[i].device) == id)
			routes |= m->allowed[i].writes_only ? P2PDMA_HOST_WRITE :
							      P2PDMA_HOST_ALL;
	return routes;
}

/*
 * Bridges may be missing from a file: an endpoint doesn't tell that its bus is a
 * root bus.
 */
static bool is_of_root_complex(const struct machine *m, const struct function *f)
{
	int type = pcie_type(f);

	return !m->of_lspci || f->class == PCI_CLASS_BRIDGE_HOST ||
	       type == PCI_EXP_TYPE_ROOT_PORT || type == PCI_EXP_TYPE_RC_END ||
	       type == PCI_EXP_TYPE_RC_EC;
}

static void add_to_host(struct machine *m, int i)
{
	const struct function *f = &m->fn[i];
	struct pci_dev *dev = &m->rules->dev[i];
	u64 host = dev->bus->host->p2pdma;

	if (f->conventional == NONE ? m->fact[FACT_CONVENTIONAL].value :
				      f->conventional)
		host |= P2PDMA_HOST_CONVENTIONAL;
	dev->bus->host->p2pdma =
		p2pdma_host_add(host, dev, allowed_for(m, p2pdma_id(dev)),
				m->fact[FACT_ZEN].value &&
				is_of_root_complex(m, f));
	/* A bridge whose registers aren't known may be a root port. */
	if (is_bridge(f) && !is_readable(f)) {
		dev->bus->host->p2pdma |= P2PDMA_HOST_PCIE;
		dev->bus->host->p2pdma &= ~P2PDMA_HOST_CONVENTIONAL;
	}
}

/*
 * A bridge and what is below it are of one host bridge: parents first. Buses
 * below are linked before the registers are judged, which looks upwards.
 */
static struct pci_bus *bus_of(struct machine *m, int i)
{
	struct rules *r = m->rules;
	int parent = m->fn[i].parent;

	if (parent == NONE)
		return r->dev[i].bus;
	r->below[parent].self = &r->dev[parent];
	return &r->below[parent];
}

static struct pci_host_bridge *find_host(struct machine *m, int i)
{
	while (m->fn[i].parent != NONE)
		i = m->fn[i].parent;
	return m->rules->dev[i].bus->host;
}

/* What the word says of a function whose registers couldn't be read */
static void shadow(struct machine *m, int i)
{
	struct pci_dev *dev = &m->rules->dev[i];

	p2pdma_shadow_init(dev);
	p2pdma_shadow_acs(dev);
	dev->depth = m->fn[i].depth;
	/* Their ACS registers are twice as long, and lspci's text shows half. */
	if (m->text && pci_quirk_intel_spt_pch_acs_match(dev))
		dev->acs_ctrl = P2PDMA_UNKNOWN;
	if (is_readable(&m->fn[i]))
		return;
	dev->acs_ctrl = P2PDMA_UNKNOWN;
	dev->tlp_sizes = 0;
}

static int *by_depth(const struct machine *m)
{
	int *order = zeroed(m->nr, sizeof(*order));
	int *start = zeroed(m->nr + 2, sizeof(*start));
	int i;

	for (i = 0; i < m->nr; i++)
		start[m->fn[i].depth + 1]++;
	for (i = 0; i < m->nr; i++)
		start[i + 1] += start[i];
	for (i = 0; i < m->nr; i++)
		order[start[m->fn[i].depth]++] = i;
	free(start);
	return order;
}

static void build(struct machine *m)
{
	struct rules *r = zeroed(1, sizeof(*r));
	int *order, i;

	m->rules = r;
	r->dev = zeroed(m->nr, sizeof(*r->dev));
	r->below = zeroed(m->nr, sizeof(*r->below));
	r->root = zeroed(m->nr, sizeof(*r->root));
	r->host = zeroed(m->nr, sizeof(*r->host));
	for (i = 0; i < m->nr; i++)
		fill_dev(m, i);
	for (i = 0; i < m->nr; i++) {
		if (m->fn[i].parent != NONE)
			continue;
		r->dev[i].bus = root_bus_of(m, i);
		if (m->fn[i].physfn == NONE)
			add_to_host(m, i);
	}
	for (i = 0; i < m->nr; i++) {
		r->dev[i].bus = bus_of(m, i);
		if (m->fn[i].parent != NONE)
			r->dev[i].bus->host = find_host(m, m->fn[i].parent);
	}
	order = by_depth(m);
	for (i = 0; i < m->nr; i++)
		shadow(m, order[i]);
	free(order);
}

static struct rules *rules_of(struct machine *m)
{
	if (!m->rules)
		build(m);
	rules_encrypted = fact_value(m, FACT_ENCRYPTED);
	return m->rules;
}

void rules_forget(struct machine *m)
{
	if (!m->rules)
		return;
	free(m->rules->dev);
	free(m->rules->below);
	free(m->rules->root);
	free(m->rules->host);
	free(m->rules);
	m->rules = NULL;
}

/* The questions */

void rules_judge(struct machine *m, int provider, int client,
		 struct pci_p2pdma_query *q)
{
	struct rules *r = rules_of(m);
	struct pci_dev *p = &r->dev[provider], *c = &r->dev[client];
	struct p2pdma_verdict verdict = p2pdma_verdict(p, c);

	p2pdma_check_sizes(&verdict, p, c);
	*q = (struct pci_p2pdma_query){
		.provider = m->fn[provider].address,
		.client = m->fn[client].address,
		.type = p2pdma_uapi_type(verdict.type),
		.distance = verdict.distance,
		.reason = verdict.reason,
		.at = verdict.at->fn->address,
	};
	if (m->fn[provider].memory)
		q->result |= PCI_P2PDMA_RESULT_HAS_MEMORY;
	if (m->fn[provider].published)
		q->result |= PCI_P2PDMA_RESULT_PUBLISHED;
}

int rules_redirectors(struct machine *m, int provider, int client, int at[2])
{
	struct rules *r = rules_of(m);
	struct pci_dev *dev[2];
	int nr = p2pdma_redirectors(&r->dev[provider], &r->dev[client], dev);
	int i;

	for (i = 0; i < nr; i++)
		at[i] = dev[i] - r->dev;
	return nr;
}

unsigned int rules_acs(struct machine *m, int i)
{
	return rules_of(m)->dev[i].acs_ctrl;
}

unsigned int rules_host(struct machine *m, int i)
{
	return rules_of(m)->dev[i].bus->host->p2pdma & P2PDMA_HOST_ID;
}

const char *rules_reason(unsigned int reason)
{
	return reason < ARRAY_SIZE(p2pdma_reason_texts) ?
	       p2pdma_reason_text(reason) :
	       "a reason that this tool is too old to know";
}
