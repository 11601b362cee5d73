// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: "explain", the answer for one pair, hop by hop
 *
 * The path is drawn from the tree, and the rules say which function decided.
 * What would change a refusal is in advice.c.
 */
#include <stdlib.h>

#include <pci/pci.h>

#include "explain.h"

static const struct {
	const char *name;
	const char *note;
} roles[] = {
	[BETWEEN]	= { "between", "" },
	[CLIENT_SIDE]	= { "client-side", "  <- its ReqRedir and EgressCtrl count" },
	[PROVIDER_SIDE]	= { "provider-side", "  <- its CmpltRedir counts" },
	[COMMON]	= { "common", "  <- common bridge" },
	[COMMON_TURN]	= {
		"common-turn",
		"  <- common bridge; redirected packets turn here, without UpstreamFwd"
	},
	[ITSELF]	= { "itself", "  <- the bridge itself" },
	[PASS]		= { "pass", "  <- redirected packets pass" },
	[TURN]		= {
		"turn", "  <- redirected packets turn here, without UpstreamFwd"
	},
	[ROOT_COMPLEX]	= { "root-complex", "" },
};

/* The path */

static void add_hop(struct answer *a, struct hop hop)
{
	a->hop = grow(a->hop, a->nr, sizeof(*a->hop));
	a->hop[a->nr++] = hop;
}

static bool is_redirected(const struct answer *a)
{
	switch (a->q.reason) {
	case PCI_P2PDMA_REASON_ACS_REQ_REDIR:
	case PCI_P2PDMA_REASON_ACS_CMPLT_REDIR:
	case PCI_P2PDMA_REASON_NO_UPSTREAM_FORWARDING:
		return true;
	case PCI_P2PDMA_REASON_WRITES_ONLY:
	case PCI_P2PDMA_REASON_MEM_ENCRYPT:
		return a->common != NONE;
	default:
		return false;
	}
}

/* The port that doesn't send on what is redirected */
static bool is_turn(const struct machine *m, const struct answer *a, int i)
{
	return a->q.reason == PCI_P2PDMA_REASON_NO_UPSTREAM_FORWARDING &&
	       same_address(&m->fn[i].address, &a->q.at);
}

static bool is_end(const struct answer *a, int i)
{
	return i == a->provider || i == a->client;
}

/*
 * Below the common bridge, on one side. ACS of the functions where the paths
 * part counts, unless one path ends there. Two functions of one device meet
 * in it, and don't use its link.
 */
static struct hop side_hop(const struct machine *m, const struct answer *a,
			   int i, enum role side)
{
	bool parts = a->common != NONE && m->fn[i].parent == a->common &&
		     !is_end(a, a->common);

	return (struct hop){
		.fn = i,
		.role = parts ? side : BETWEEN,
		.sends = side == CLIENT_SIDE || a->is_redirected,
		.takes = side == PROVIDER_SIDE || a->is_redirected,
		.has_link = !parts || a->is_redirected ||
			    !is_downstream_port(&m->fn[a->common]),
	};
}

static void add_root_complex(struct answer *a)
{
	add_hop(a, (struct hop){ .fn = NONE, .role = ROOT_COMPLEX });
}

/* What is redirected goes up from where the paths part, and down again. */
static void add_way_of_redirected(const struct machine *m, struct answer *a)
{
	int i = a->common;

	while (!is_turn(m, a, i)) {
		i = m->fn[i].parent;
		if (i == NONE) {
			add_root_complex(a);
			return;
		}
		add_hop(a, (struct hop){
			.fn = i, .role = is_turn(m, a, i) ? TURN : PASS,
			.sends = true, .takes = true, .has_link = true,
		});
	}
}

static void add_common(const struct machine *m, struct answer *a)
{
	struct hop hop = { .fn = a->common, .role = COMMON };

	if (a->common == NONE) {
		add_root_complex(a);
		return;
	}
	if (is_end(a, a->common))
		hop.role = a->provider == a->client ? BETWEEN : ITSELF;
	else if (is_turn(m, a, a->common))
		hop.role = COMMON_TURN;
	hop.sends = a->is_redirected || a->common == a->client;
	hop.takes = a->is_redirected || a->common == a->provider;
	hop.has_link = a->is_redirected;
	add_hop(a, hop);
	if (a->is_redirected)
		add_way_of_redirected(m, a);
}

static void add_way_down(const struct machine *m, struct answer *a, int from)
{
	if (from == a->common)
		return;
	add_way_down(m, a, m->fn[from].parent);
	add_hop(a, side_hop(m, a, from, PROVIDER_SIDE));
}

static void find_hops(const struct machine *m, struct answer *a)
{
	int i;

	for (i = a->client; i != a->common; i = m->fn[i].parent)
		add_hop(a, side_hop(m, a, i, CLIENT_SIDE));
	add_common(m, a);
	add_way_down(m, a, a->provider);
}

/* The answer */

static bool are_same(const struct pci_p2pdma_query *a,
		     const struct pci_p2pdma_query *b)
{
	return a->type == b->type && a->reason == b->reason &&
	       (!is_reached(a) || a->distance == b->distance) &&
	       same_address(&a->at, &b->at);
}

bool is_path_readable(const struct machine *m, const struct answer *a)
{
	int i;

	for (i = 0; i < a->nr; i++)
		if (a->hop[i].fn != NONE && !is_readable(&m->fn[a->hop[i].fn]))
			return false;
	return true;
}

static void find_answer(struct machine *m, struct answer *a, char **names)
{
	*a = (struct answer){
		.provider = find_device(m, names[0]),
		.client = find_device(m, names[1]),
	};
	a->common = common_above(m, a->provider, a->client);
	a->source = ask(m, a->provider, a->client, &a->q);
	a->is_redirected = is_redirected(a);
	find_hops(m, a);
	if (a->source == FROM_RULES || is_known_to_kernel_only(&a->q) ||
	    !is_path_readable(m, a))
		return;
	a->has_registers = true;
	rules_judge(m, a->provider, a->client, &a->registers);
	a->differs = !are_same(&a->q, &a->registers);
}

/* What registers say besides */

/* A virtual function has no such bit of its own. */
static bool decodes_memory(const struct machine *m, const struct function *f)
{
	unsigned int pos;

	if (f->physfn == NONE)
		return config_word(f, PCI_COMMAND) & PCI_COMMAND_MEMORY;
	f = &m->fn[f->physfn];
	pos = find_extended(f, PCI_EXT_CAP_ID_SRIOV);
	return !pos || config_word(f, pos + PCI_IOV_CTRL) & PCI_IOV_CTRL_MSE;
}

static bool lacks_decode(const struct machine *m, const struct hop *hop)
{
	return hop->takes && m->fn[hop->fn].known &&
	       !decodes_memory(m, &m->fn[hop->fn]);
}

static bool lacks_master(const struct machine *m, const struct hop *hop)
{
	const struct function *f = &m->fn[hop->fn];

	return hop->sends && f->known &&
	       !(config_word(f, PCI_COMMAND) & PCI_COMMAND_MASTER);
}

/* In MB/s, of data and headers: with 8b/10b up to 5 GT/s, then 128b/130b */
static unsigned int bandwidth(const struct link *link)
{
	unsigned int raw = link->speed * link->width * 25 / 2;

	return link->speed <= 50 ? raw * 8 / 10 : raw * 128 / 130;
}

/* A virtual function's registers don't tell of its link. */
static bool link_of_hop(const struct machine *m, const struct hop *hop,
			struct link *link)
{
	const struct function *f;

	if (hop->fn == NONE || !hop->has_link)
		return false;
	f = &m->fn[hop->fn];
	if (f->physfn != NONE)
		f = &m->fn[f->physfn];
	return link_of(f, link);
}

/* The hop at it; NULL: no link is known */
static const struct hop *find_narrowest(const struct machine *m,
					const struct answer *a,
					struct link *narrowest)
{
	const struct hop *at = NULL;
	struct link link;
	int i;

	for (i = 0; i < a->nr; i++) {
		if (!link_of_hop(m, &a->hop[i], &link))
			continue;
		if (at && bandwidth(&link) >= bandwidth(narrowest))
			continue;
		at = &a->hop[i];
		*narrowest = link;
	}
	return at;
}

/* In words */

static void print_end(const struct machine *m, const char *role, int i)
{
	const struct function *f = &m->fn[i];

	printf("%-8s %s", role, address_text(&f->address));
	if (f->names)
		printf(" %s%s%s", colour("name"), f->names, colour("off"));
	printf(", %s", model_text(m, f));
	if (f->memory)
		printf(", provides %llu MiB%s", f->memory >> 20,
		       f->published ? ", published" : "");
	printf("\n");
}

static void print_verdict(const struct pci_p2pdma_query *q)
{
	printf("%s%s%s", colour(is_reached(q) ? "good" : "bad"),
	       is_reached(q) ? grade_text(grade_of(q)) : "not supported",
	       colour("off"));
	if (is_reached(q))
		printf(", %u hops", q->distance);
	printf(": %s, at %s\n", rules_reason(q->reason), address_text(&q->at));
}

static void print_source(const struct machine *m, const struct answer *a)
{
	switch (a->source) {
	case FROM_KERNEL:
		printf("source   the kernel");
		break;
	case FROM_DUMP:
		printf("source   the kernel, as %s recorded it", m->source);
		break;
	case FROM_RULES:
		printf("source   the kernel's rules, on the registers of %s%s\n",
		       m->source, m->changed ? ", with what the options say" : "");
		return;
	}
	if (!a->has_registers)
		printf("\n");
	else if (!a->differs)
		printf("; the registers say the same\n");
	else
		printf("\nthe registers say otherwise: ");
	if (a->differs)
		print_verdict(&a->registers);
}

/* Of devices only where they have it, or behave as if */
static bool shows_acs(struct machine *m, const struct hop *hop)
{
	const struct function *f = &m->fn[hop->fn];
	unsigned int cap, ctrl;

	return is_bridge(f) || acs_words(f, &cap, &ctrl) ||
	       ((hop->role == CLIENT_SIDE || hop->role == PROVIDER_SIDE) &&
		rules_acs(m, hop->fn));
}

static void print_hop(struct machine *m, const struct answer *a,
		      const struct hop *hop)
{
	const struct function *f = &m->fn[hop->fn];

	if (hop->fn == NONE) {
		printf("  root complex\n");
		return;
	}
	printf("  %s %s", address_text(&f->address), kind_text(f));
	if (shows_acs(m, hop)) {
		printf(", ");
		print_acs_words(m, hop->fn);
	}
	if (ats_enabled(f))
		printf(", ATS+");
	if (lacks_decode(m, hop))
		printf(", Mem-");
	if (lacks_master(m, hop))
		printf(", BusMaster-");
	if (a->q.reason == PCI_P2PDMA_REASON_PAYLOAD_SIZE && payload_size(f))
		printf(", MaxPayload %u bytes", payload_size(f));
	printf("%s\n", roles[hop->role].note);
}

static void print_off(const struct machine *m, const struct answer *a)
{
	const char *start = "off at present: ";
	int i;

	for (i = 0; i < a->nr; i++) {
		const struct hop *hop = &a->hop[i];

		if (hop->fn == NONE)
			continue;
		if (lacks_decode(m, hop)) {
			printf("%smemory decode of %s", start,
			       address_of(m, hop->fn));
			start = ", ";
		}
		if (lacks_master(m, hop)) {
			printf("%sbus mastering of %s", start,
			       address_of(m, hop->fn));
			start = ", ";
		}
	}
	if (*start == ',')
		printf("; requests fail there.\n(A driver turns both on when it binds.)\n");
}

static void print_narrowest(const struct machine *m, const struct answer *a)
{
	struct link link, most;
	const struct hop *at = find_narrowest(m, a, &link);

	if (!at)
		return;
	printf("narrowest link: ");
	print_link(&link);
	printf(", %u.%02u GB/s, at %s", bandwidth(&link) / 1000,
	       bandwidth(&link) % 1000 / 10, address_of(m, at->fn));
	most = (struct link){ .speed = link.max_speed, .width = link.max_width };
	if (most.speed > link.speed || most.width > link.width) {
		printf(", which could do ");
		print_link(&most);
	}
	printf("\n");
}

static void print_advice(const struct machine *m, const struct answer *a,
			 const struct advice *advice)
{
	const char *quote = advice->is_quoted ? "\"" : "";

	printf("what would change it: %s", advice->condition);
	if (!advice->parameter) {
		printf("\n");
		return;
	}
	printf("boot with %s%s%s\n%s\n", quote, advice->parameter, quote,
	       advice->cost);
	printf("all that it takes, and what it costs: lsp2pdma plan %s %s\n",
	       address_of(m, a->provider), address_of(m, a->client));
}

static void print_answer(struct machine *m, const struct answer *a)
{
	int i;

	print_end(m, "provider", a->provider);
	print_end(m, "client", a->client);
	printf("verdict  ");
	print_verdict(&a->q);
	print_source(m, a);
	printf("path, from the client up and down to the provider:\n");
	for (i = 0; i < a->nr; i++)
		print_hop(m, a, &a->hop[i]);
	print_narrowest(m, a);
	print_off(m, a);
}

/* In JSON */

static const char *role_name(const struct answer *a, const struct hop *hop)
{
	if (hop->fn == NONE)
		return roles[ROOT_COMPLEX].name;
	if (hop->fn == a->client)
		return "client";
	if (hop->fn == a->provider)
		return "provider";
	return roles[hop->role].name;
}

static void print_json_path(const struct machine *m, const struct answer *a)
{
	int i;

	printf("\"path\":[");
	for (i = 0; i < a->nr; i++) {
		const struct hop *hop = &a->hop[i];

		printf("%s{\"address\":", i ? "," : "");
		print_json_text(address_of(m, hop->fn));
		printf(",\"role\":\"%s\"}", role_name(a, hop));
	}
	printf("]");
}

static void print_json_narrowest(const struct machine *m,
				 const struct answer *a)
{
	struct link link;

	if (!find_narrowest(m, a, &link)) {
		printf("\"narrowest\":null");
		return;
	}
	printf("\"narrowest\":{\"speed\":%u.%u,\"width\":%u}", link.speed / 10,
	       link.speed % 10, link.width);
}

static void print_json_answer(const struct machine *m, const struct answer *a,
			      const char *remedy)
{
	printf("{");
	print_json_pair(&a->q, a->source);
	printf(",");
	print_json_path(m, a);
	printf(",");
	print_json_narrowest(m, a);
	printf(",\"differs\":%s,", a->differs ? "true" : "false");
	print_json_assumed(m);
	printf(",\"remedy\":[");
	if (remedy)
		print_json_text(remedy);
	printf("]}\n");
}

int command_explain(struct machine *m, char **names)
{
	struct advice advice = { 0 };
	struct answer a;

	find_answer(m, &a, names);
	if (!is_reached(&a.q))
		advice = advise(m, &a);
	if (json) {
		print_json_answer(m, &a, advice.parameter);
	} else {
		wrap_begin();
		print_answer(m, &a);
		if (!is_reached(&a.q))
			print_advice(m, &a, &advice);
		if (a.source == FROM_RULES || a.has_registers)
			print_assumed(m);
		wrap_end();
	}
	free(advice.parameter);
	free(advice.condition);
	free(a.hop);
	return is_reached(&a.q) ? EXIT_YES : EXIT_NO;
}
