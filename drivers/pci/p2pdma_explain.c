// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: why can't these two talk, and what would change it?
 *
 * For people. Nothing is decided here.
 */

#define dev_fmt(fmt) "P2PDMA: " fmt

#include <linux/pci.h>
#include <linux/seq_buf.h>

#include "pci.h"
#include "p2pdma.h"

#define CREATE_TRACE_POINTS
#include <trace/events/pci_p2pdma.h>

static const char * const type_text[] = {
	[PCI_P2PDMA_MAP_NOT_SUPPORTED]	  = "not-supported",
	[PCI_P2PDMA_MAP_BUS_ADDR]	  = "bus-address",
	[PCI_P2PDMA_MAP_THRU_HOST_BRIDGE] = "through-host",
};

/* Tell whoever traces of a verdict. */
void p2pdma_trace_verdict(struct pci_dev *provider, struct pci_dev *client,
			  const struct p2pdma_verdict *verdict, bool cached)
{
	trace_p2pdma_verdict(provider, client,
			     verdict->type == PCI_P2PDMA_MAP_NOT_SUPPORTED ?
			     0 : verdict->distance, type_text[verdict->type],
			     p2pdma_reason_text(verdict->reason), verdict->at,
			     cached);
}

/*
 * ACS redirection is turned off by pci=disable_acs_redir=, at both sides if
 * both redirect. It knows functions with a capability only.
 */
static void print_acs_remedy(struct seq_buf *s, struct pci_dev *provider,
			     struct pci_dev *client)
{
	struct pci_dev *at[2];
	int i, nr = p2pdma_redirectors(provider, client, at);

	for (i = 0; i < nr; i++)
		if (!at[i]->acs_cap)
			return;
	for (i = 0; i < nr; i++)
		seq_buf_printf(s, "%s%s", i ? ";" : "pci=disable_acs_redir=",
			       pci_name(at[i]));
}

static void print_host_remedy(struct seq_buf *s, struct pci_dev *provider,
			      struct pci_dev *client)
{
	u32 a = p2pdma_host_id(pci_find_host_bridge(provider->bus));
	u32 b = p2pdma_host_id(pci_find_host_bridge(client->bus));

	if (!a || !b)
		return;
	seq_buf_printf(s, "pci=p2pdma_allow_host=%04x:%04x", a >> 16,
		       a & 0xffff);
	if (b != a)
		seq_buf_printf(s, ";%04x:%04x", b >> 16, b & 0xffff);
}

/* The parameter that would change a refusal; nothing, if there is none */
static void print_remedy(struct seq_buf *s, struct pci_dev *provider,
			 struct pci_dev *client, enum p2pdma_reason reason)
{
	switch (reason) {
	case P2PDMA_ACS_REQUEST:
	case P2PDMA_ACS_COMPLETION:
		print_acs_remedy(s, provider, client);
		break;
	case P2PDMA_NO_COMMON_BRIDGE:
		print_host_remedy(s, provider, client);
		break;
	default:
		break;
	}
}

/**
 * p2pdma_explain_refusal - tell the log why a client can't reach a provider
 * @provider: the device whose BAR is addressed
 * @client: the device that sends the requests
 * @verdict: the refusal
 *
 * Context: Any. As for p2pdma_judge_route().
 */
void p2pdma_explain_refusal(struct pci_dev *provider, struct pci_dev *client,
			    const struct p2pdma_verdict *verdict)
{
	DECLARE_SEQ_BUF(remedy, 96);

	if (verdict->reason != P2PDMA_REMOVED)
		print_remedy(&remedy, provider, client, verdict->reason);
	pci_info_ratelimited(client, "can't reach memory of %s: %s (at %s)%s%s\n",
			     pci_name(provider),
			     p2pdma_reason_text(verdict->reason),
			     pci_name(verdict->at),
			     seq_buf_used(&remedy) ?
			     "; would be allowed by " : "",
			     seq_buf_str(&remedy));
}
