// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: what would change a refusal
 *
 * Said where one boot parameter does it. Sets of changes, and what setpci does,
 * are what "plan" is for.
 */
#include <stdlib.h>

#include "explain.h"

static struct advice advise_nothing(const char *why)
{
	return (struct advice){ .condition = copy_text(why) };
}

static const char no_host[] =
	"nothing; there is no host bridge and no root port on the\n"
	"root bus, by which its root complex could be told from others";

static const char host_cost[] =
	"(without \":w\": reads, too). Where it doesn't, data is lost without an error:\n"
	"Documentation/driver-api/pci/p2pdma.rst says what to know first";

static const char no_change[] =
	"nothing in the registers, which let it pass; a write of what\n"
	"they hold (setpci) makes the kernel read them again";

static const char acs_cost[] =
	"(that takes isolation away: an IOMMU then can't separate the devices below)";

static const char payload_cost[] =
	"(all devices then send 128 bytes in a packet at most, which costs throughput)";

static struct advice advise_host(struct machine *m, const struct answer *a)
{
	unsigned int x = rules_host(m, a->provider);
	unsigned int y = rules_host(m, a->client);
	struct advice advice = {
		.is_quoted = x != y,
		.cost = host_cost,
	};

	if (!x || !y)
		return advise_nothing(no_host);
	advice.condition = copy_text("if you know that the root complex routes writes from peer\n"
				     "to peer, ");
	if (x == y)
		advice.parameter = format_text("pci=p2pdma_allow_host=%04x:%04x:w",
					       x >> 16, x & 0xffff);
	else
		advice.parameter = format_text("pci=p2pdma_allow_host=%04x:%04x:w;%04x:%04x:w",
					       x >> 16, x & 0xffff, y >> 16,
					       y & 0xffff);
	return advice;
}

static struct advice advise_reading(const struct machine *m)
{
	if (!m->fn->line)
		return advise_nothing("only root can read ACS, and is told");
	return (struct advice){
		.condition = format_text("%s doesn't hold the ACS registers; made as root\n"
				    "it would", m->source),
	};
}

/* Sets of changes, and what setpci does until the next boot */
static struct advice advise_plan(const struct machine *m,
				 const struct answer *a)
{
	return (struct advice){
		.condition = format_text("not one boot parameter alone; what may:\n"
					 "lsp2pdma plan %s %s",
					 address_of(m, a->provider),
					 address_of(m, a->client)),
	};
}

/*
 * Both sides, if both redirect: a change of one of them would not be enough.
 * What no parameter turns off may be let through by the host.
 */
static struct advice advise_acs(struct machine *m, const struct answer *a)
{
	int at[2], nr;
	char *first, *second;
	struct advice advice = { .is_quoted = true, .cost = acs_cost };

	if (a->common == NONE)
		return advise_nothing("not ACS alone; the path crosses the root complex");
	if (!is_path_readable(m, a))
		return advise_reading(m);
	nr = rules_redirectors(m, a->provider, a->client, at);
	if (!nr && !a->differs &&
	    (a->q.reason == PCI_P2PDMA_REASON_ACS_REQ_REDIR ||
	     a->q.reason == PCI_P2PDMA_REASON_ACS_CMPLT_REDIR))
		return advise_host(m, a);
	if (!nr)
		return advise_plan(m, a);
	first = path_text(m, at[0]);
	second = nr > 1 ? path_text(m, at[1]) : copy_text("");
	advice.condition = copy_text("");
	advice.parameter = format_text("pci=disable_acs_redir=%s%s%s", first,
				       nr > 1 ? ";" : "", second);
	free(first);
	free(second);
	return advice;
}

static struct advice advise_unknown(const struct machine *m,
				    const struct answer *a)
{
	if (!is_path_readable(m, a))
		return advise_reading(m);
	return advise_nothing("nothing, before the extended config space there can be read");
}

/* What couldn't be read differs from everything. */
static struct advice advise_payload(const struct machine *m,
				    const struct answer *a)
{
	if (!is_path_readable(m, a))
		return advise_reading(m);
	return (struct advice){
		.parameter = copy_text("pci=pcie_bus_peer2peer"),
		.condition = copy_text(""),
		.cost = payload_cost,
	};
}

/* What neither a boot parameter nor setpci is for */
const char *outside_text(unsigned int reason)
{
	switch (reason) {
	case PCI_P2PDMA_REASON_UNTRUSTED:
		return "nothing; firmware says that it is outside of the machine";
	case PCI_P2PDMA_REASON_MEM_ENCRYPT:
		return "devices below one switch, or a host without memory\n"
		       "encryption (mem_encrypt=off), which gives its protection up. If there is none,\n"
		       "say so: --assume encrypted=no";
	case PCI_P2PDMA_REASON_DMA_MASK:
		return "a provider's BAR at addresses that the client can reach;\n"
		       "setup of the firmware may place it (\"above 4G decoding\")";
	case PCI_P2PDMA_REASON_SWIOTLB:
		return "without swiotlb=force, or in a machine that needn't bounce";
	case PCI_P2PDMA_REASON_REMOVED:
		return "nothing; ask again";
	default:
		return NULL;
	}
}

struct advice advise(struct machine *m, const struct answer *a)
{
	if (a->differs && is_reached(&a->registers))
		return advise_nothing(no_change);
	switch (a->q.reason) {
	case PCI_P2PDMA_REASON_ACS_REQ_REDIR:
	case PCI_P2PDMA_REASON_ACS_CMPLT_REDIR:
	case PCI_P2PDMA_REASON_ACS_EGRESS:
	case PCI_P2PDMA_REASON_NO_UPSTREAM_FORWARDING:
		return advise_acs(m, a);
	case PCI_P2PDMA_REASON_ACS_UNKNOWN:
		return advise_unknown(m, a);
	case PCI_P2PDMA_REASON_ROOT_COMPLEX:
	case PCI_P2PDMA_REASON_NO_HOST_BRIDGE:
		return advise_host(m, a);
	case PCI_P2PDMA_REASON_PAYLOAD_SIZE:
		return advise_payload(m, a);
	case PCI_P2PDMA_REASON_ACS_ENHANCED:
	case PCI_P2PDMA_REASON_TAG_SIZE:
		return advise_plan(m, a);
	}
	if (outside_text(a->q.reason))
		return advise_nothing(outside_text(a->q.reason));
	return advise_nothing("not known to this tool");
}
