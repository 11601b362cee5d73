// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma - which devices reach which peer-to-peer memory, how far, and why
 *
 * The kernel's own answers (/dev/pci_p2pdma), and what of the PCI tree made
 * it decide so. Nothing is decided here. What is shown comes from one model of
 * the machine, which is read from the kernel or from a dump of another one.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/pci-p2pdma.h>
#include <pci/pci.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))
#define DUMP_HEADER "lsp2pdma 2"
#define UNKNOWN (-1)

/* Exit statuses, for scripts */
enum {
	EXIT_REACHED = 0,
	EXIT_NOT_REACHED = 1,	/* explain: the client can't reach */
	EXIT_USAGE = 2,
	EXIT_NO_DEVICE = 3,	/* no such function, or it has vanished */
	EXIT_NO_PERMISSION = 4,
	EXIT_NO_SUPPORT = 5,	/* the kernel has no /dev/pci_p2pdma */
	EXIT_BAD_DUMP = 6,
	EXIT_FAILURE_OTHER = 7,
};

/**
 * struct function - a PCI function
 * @address: domain, bus, device and function
 * @parent: index of the bridge above it, or UNKNOWN on a root bus
 * @vendor: number
 * @device: number
 * @class: base and sub class
 * @readable: its capabilities were read, and the next three are right
 * @pcie_type: device/port type, UNKNOWN without a PCI Express capability
 * @acs_cap: ACS capability register, UNKNOWN without the capability
 * @acs_ctrl: ACS control register, UNKNOWN without the capability
 * @size: bytes of peer-to-peer memory
 * @published: drivers may find it
 */
struct function {
	struct pci_p2pdma_address address;
	int parent;
	unsigned int vendor;
	unsigned int device;
	unsigned int class;
	bool readable;
	int pcie_type;
	int acs_cap;
	int acs_ctrl;
	unsigned long long size;
	bool published;
};

static struct machine {
	struct function *fn;
	int nr;
	struct pci_p2pdma_query *pair;	/* of a dump */
	int nr_pairs;
	int fd;			/* /dev/pci_p2pdma, UNKNOWN with a dump */
} machine = { .fd = UNKNOWN };

static bool json;
static bool all;

static void *grow(void *array, int nr, size_t size)
{
	/* By doubling, whenever the number is a power of two */
	if (nr & (nr - 1))
		return array;
	array = realloc(array, (nr ? 2 * (size_t)nr : 1) * size);
	if (!array)
		errx(EXIT_FAILURE_OTHER, "out of memory");
	return array;
}

static const char *name_of(const struct pci_p2pdma_address *a)
{
	static char text[4][24];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof(text[turn]), "%04x:%02x:%02x.%u", a->domain,
		 a->bus, a->devfn >> 3, a->devfn & 7);
	return text[turn];
}

/* [domain:]bus:device.function, and nothing after it */
static bool parse_address(const char *text, struct pci_p2pdma_address *a)
{
	unsigned int domain = 0, bus, dev, func;
	int end = -1;

	if (sscanf(text, "%8x:%2x:%2x.%1x%n", &domain, &bus, &dev, &func,
		   &end) != 4 || end < 0 || text[end]) {
		end = -1;
		domain = 0;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &dev, &func,
			   &end) != 3 || end < 0 || text[end])
			return false;
	}
	if (bus > 255 || dev > 31 || func > 7)
		return false;
	*a = (struct pci_p2pdma_address){
		.domain = domain, .bus = bus, .devfn = dev << 3 | func
	};
	return true;
}

static bool same_address(const struct pci_p2pdma_address *a,
			 const struct pci_p2pdma_address *b)
{
	return a->domain == b->domain && a->bus == b->bus &&
	       a->devfn == b->devfn;
}

static int find_function(const struct pci_p2pdma_address *a)
{
	int i;

	for (i = 0; i < machine.nr; i++)
		if (same_address(&machine.fn[i].address, a))
			return i;
	return UNKNOWN;
}

static bool is_bridge(const struct function *f)
{
	return f->class == PCI_CLASS_BRIDGE_PCI;
}

/* The machine, from the kernel */

static FILE *open_attribute(const struct function *f, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s",
		 name_of(&f->address), name);
	return fopen(path, "r");
}

static unsigned long long read_number(const struct function *f,
				      const char *name)
{
	FILE *file = open_attribute(f, name);
	unsigned long long value = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%llu", &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

static int parent_of(const struct function *f)
{
	char path[PATH_MAX], real[PATH_MAX], *slash;
	struct pci_p2pdma_address a;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s",
		 name_of(&f->address));
	if (!realpath(path, real))
		return UNKNOWN;
	slash = strrchr(real, '/');
	*slash = '\0';
	slash = strrchr(real, '/');
	return slash && parse_address(slash + 1, &a) ? find_function(&a) :
						       UNKNOWN;
}

/* Beyond the first 64 bytes only root may read, and 0 is what others get. */
static void read_capabilities(struct pci_dev *dev, struct function *f)
{
	struct pci_cap *exp = pci_find_cap(dev, PCI_CAP_ID_EXP, PCI_CAP_NORMAL);
	struct pci_cap *acs = pci_find_cap(dev, PCI_EXT_CAP_ID_ACS,
					   PCI_CAP_EXTENDED);

	f->readable = geteuid() == 0;
	f->pcie_type = UNKNOWN;
	f->acs_cap = UNKNOWN;
	f->acs_ctrl = UNKNOWN;
	if (exp)
		f->pcie_type = (pci_read_word(dev, exp->addr + PCI_EXP_FLAGS) &
				PCI_EXP_FLAGS_TYPE) >> 4;
	if (!acs)
		return;
	f->acs_cap = pci_read_word(dev, acs->addr + PCI_ACS_CAP);
	f->acs_ctrl = pci_read_word(dev, acs->addr + PCI_ACS_CTRL);
}

static void add_live_function(struct pci_dev *dev)
{
	struct function *f;

	pci_fill_info(dev, PCI_FILL_IDENT | PCI_FILL_CLASS);
	machine.fn = grow(machine.fn, machine.nr, sizeof(*machine.fn));
	f = &machine.fn[machine.nr++];
	*f = (struct function){
		.address = {
			.domain = dev->domain,
			.bus = dev->bus,
			.devfn = dev->dev << 3 | dev->func,
		},
		.vendor = dev->vendor_id,
		.device = dev->device_id,
		.class = dev->device_class,
	};
	read_capabilities(dev, f);
	f->size = read_number(f, "p2pmem/size");
	f->published = read_number(f, "p2pmem/published");
}

static int by_address(const void *a, const void *b)
{
	const struct pci_p2pdma_address *x = &((struct function *)a)->address;
	const struct pci_p2pdma_address *y = &((struct function *)b)->address;

	if (x->domain != y->domain)
		return x->domain < y->domain ? -1 : 1;
	if (x->bus != y->bus)
		return x->bus < y->bus ? -1 : 1;
	return x->devfn - y->devfn;
}

static void read_machine(void)
{
	struct pci_access *access = pci_alloc();
	struct pci_dev *dev;
	int i;

	machine.fd = open("/dev/pci_p2pdma", O_RDONLY);
	if (machine.fd < 0)
		errx(errno == EACCES ? EXIT_NO_PERMISSION : EXIT_NO_SUPPORT,
		     "/dev/pci_p2pdma: %s%s", strerror(errno),
		     errno == EACCES ? "" :
		     "; is the kernel built with CONFIG_PCI_P2PDMA?");
	pci_init(access);
	pci_scan_bus(access);
	for (dev = access->devices; dev; dev = dev->next)
		add_live_function(dev);
	pci_cleanup(access);
	qsort(machine.fn, machine.nr, sizeof(*machine.fn), by_address);
	for (i = 0; i < machine.nr; i++)
		machine.fn[i].parent = parent_of(&machine.fn[i]);
}

/* The machine, from a dump */

/* Parents may come after their children: they are found when all are there. */
static struct dump_parent {
	struct pci_p2pdma_address address;
	bool is_root;
	int line;
} *dump_parent;

static void read_function_line(const char *line, int number)
{
	char address[32], parent[32];
	struct dump_parent p = { .line = number };
	struct function f = {};
	int readable, published;

	if (sscanf(line, "function %31s %31s %x:%x %x %d %d %d %d %llu %d",
		   address, parent, &f.vendor, &f.device, &f.class, &readable,
		   &f.pcie_type, &f.acs_cap, &f.acs_ctrl, &f.size,
		   &published) != 11 ||
	    !parse_address(address, &f.address))
		errx(EXIT_BAD_DUMP, "line %d of the dump is not a function",
		     number);
	f.readable = readable;
	f.published = published;
	p.is_root = !strcmp(parent, "-");
	if (!p.is_root && !parse_address(parent, &p.address))
		errx(EXIT_BAD_DUMP, "line %d of the dump: no parent %s", number,
		     parent);
	dump_parent = grow(dump_parent, machine.nr, sizeof(*dump_parent));
	dump_parent[machine.nr] = p;
	machine.fn = grow(machine.fn, machine.nr, sizeof(*machine.fn));
	machine.fn[machine.nr++] = f;
}

/* No more hops than functions: else it goes round in a circle. */
static void check_parents(void)
{
	int i, j, hops;

	for (i = 0; i < machine.nr; i++) {
		machine.fn[i].parent = dump_parent[i].is_root ? UNKNOWN :
				       find_function(&dump_parent[i].address);
		if (!dump_parent[i].is_root && machine.fn[i].parent == UNKNOWN)
			errx(EXIT_BAD_DUMP, "line %d of the dump: no parent %s",
			     dump_parent[i].line,
			     name_of(&dump_parent[i].address));
	}
	for (i = 0; i < machine.nr; i++) {
		for (j = i, hops = 0; j != UNKNOWN; j = machine.fn[j].parent)
			if (hops++ > machine.nr)
				errx(EXIT_BAD_DUMP,
				     "line %d of the dump: is its own parent",
				     dump_parent[i].line);
	}
}

static void read_pair_line(const char *line, int number)
{
	char provider[32], client[32], at[32];
	struct pci_p2pdma_query q = {};

	if (sscanf(line, "pair %31s %31s %u %u %u %u %31s", provider, client,
		   &q.type, &q.distance, &q.reason, &q.result, at) != 7 ||
	    !parse_address(provider, &q.provider) ||
	    !parse_address(client, &q.client) || !parse_address(at, &q.at) ||
	    find_function(&q.provider) == UNKNOWN ||
	    find_function(&q.client) == UNKNOWN)
		errx(EXIT_BAD_DUMP, "line %d of the dump is not a pair", number);
	machine.pair = grow(machine.pair, machine.nr_pairs,
			    sizeof(*machine.pair));
	machine.pair[machine.nr_pairs++] = q;
}

static void read_dump(const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
	bool complete = false;
	char line[256];
	int number = 0;

	if (!file)
		errx(EXIT_BAD_DUMP, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!number++) {
			if (strcmp(line, DUMP_HEADER))
				errx(EXIT_BAD_DUMP,
				     "%s: the first line is not \"%s\"", path,
				     DUMP_HEADER);
		} else if (!strncmp(line, "function ", 9)) {
			read_function_line(line, number);
		} else if (!strncmp(line, "pair ", 5)) {
			read_pair_line(line, number);
		} else if (!strcmp(line, "end")) {
			complete = true;
		} else {
			errx(EXIT_BAD_DUMP, "line %d of the dump is unknown",
			     number);
		}
	}
	if (!complete)
		errx(EXIT_BAD_DUMP, "%s: the dump is cut off", path);
	check_parents();
	if (file != stdin)
		fclose(file);
}

/* A pair's answer. false: the dump has none. */
static bool ask(const struct function *provider, const struct function *client,
		struct pci_p2pdma_query *q)
{
	int i;

	for (i = 0; machine.fd == UNKNOWN && i < machine.nr_pairs; i++) {
		*q = machine.pair[i];
		if (same_address(&q->provider, &provider->address) &&
		    same_address(&q->client, &client->address))
			return true;
	}
	if (machine.fd == UNKNOWN)
		return false;
	*q = (struct pci_p2pdma_query){
		.provider = provider->address, .client = client->address,
	};
	if (!ioctl(machine.fd, PCI_P2PDMA_IOC_QUERY, q))
		return true;
	if (errno == ENODEV || errno == ENXIO)
		errx(EXIT_NO_DEVICE, "%s has vanished",
		     name_of(errno == ENODEV ? &provider->address :
					       &client->address));
	errx(EXIT_NO_SUPPORT, "the kernel does not answer: %s",
	     strerror(errno));
}

/* In words */

/* As the kernel says them: p2pdma_reason_texts[] in drivers/pci/ */
static const char * const reasons[] = {
	[PCI_P2PDMA_REASON_SAME_FUNCTION]   = "same function",
	[PCI_P2PDMA_REASON_COMMON_BRIDGE]   = "routed at a common bridge",
	[PCI_P2PDMA_REASON_MULTI_FUNCTION]  = "routed inside a multi-function device",
	[PCI_P2PDMA_REASON_CONVENTIONAL]    = "routed by a conventional PCI hierarchy",
	[PCI_P2PDMA_REASON_UNTRUSTED]	    = "device is not trusted",
	[PCI_P2PDMA_REASON_ACS_REQ_REDIR]   = "requests are redirected upstream",
	[PCI_P2PDMA_REASON_ACS_CMPLT_REDIR] = "completions are redirected upstream",
	[PCI_P2PDMA_REASON_ACS_EGRESS]	    = "ACS egress control may block requests",
	[PCI_P2PDMA_REASON_ACS_ENHANCED]    = "ACS enhanced controls may block requests",
	[PCI_P2PDMA_REASON_ACS_UNKNOWN]	    = "ACS registers were not readable",
	[PCI_P2PDMA_REASON_NO_UPSTREAM_FORWARDING] =
		"redirected packets are not forwarded upstream",
	[PCI_P2PDMA_REASON_ROOT_COMPLEX]    = "path crosses the root complex",
	[PCI_P2PDMA_REASON_NO_HOST_BRIDGE]  =
		"path crosses a root complex without host bridge or root port",
	[PCI_P2PDMA_REASON_WRITES_ONLY]	    = "root complex routes writes only",
	[PCI_P2PDMA_REASON_MEM_ENCRYPT]	    = "host memory encryption changes addresses",
	[PCI_P2PDMA_REASON_DMA_MASK]	    = "addresses don't fit the DMA mask",
	[PCI_P2PDMA_REASON_SWIOTLB]	    = "DMA is bounced through host memory",
	[PCI_P2PDMA_REASON_PAYLOAD_SIZE]    = "payload sizes differ",
	[PCI_P2PDMA_REASON_TAG_SIZE]	    = "10-bit tags are not supported",
	[PCI_P2PDMA_REASON_REMOVED]	    = "device has been removed",
};

static const char *reason_text(const struct pci_p2pdma_query *q)
{
	return q->reason < ARRAY_SIZE(reasons) ? reasons[q->reason] :
						 "a reason that this tool is too old to know";
}

static const char *type_text(const struct pci_p2pdma_query *q)
{
	switch (q->type) {
	case PCI_P2PDMA_TYPE_BUS_ADDR:
		return "bus-address";
	case PCI_P2PDMA_TYPE_THRU_HOST:
		return q->reason == PCI_P2PDMA_REASON_WRITES_ONLY ?
		       "through-host-writes-only" : "through-host";
	default:
		return "not-supported";
	}
}

static const char *cell(const struct pci_p2pdma_query *q)
{
	static char text[16];

	if (q->type == PCI_P2PDMA_TYPE_NOT_SUPPORTED)
		return "-";
	if (q->reason == PCI_P2PDMA_REASON_SAME_FUNCTION)
		return "self";
	snprintf(text, sizeof(text), "%s%u",
		 q->type == PCI_P2PDMA_TYPE_BUS_ADDR ? "B" :
		 q->reason == PCI_P2PDMA_REASON_WRITES_ONLY ? "W" : "H",
		 q->distance);
	return text;
}

static const char *kind_of(const struct function *f)
{
	if (is_bridge(f))
		return "bridge";
	switch (f->class >> 8) {
	case PCI_BASE_CLASS_STORAGE:
		return "storage";
	case PCI_BASE_CLASS_NETWORK:
		return "network";
	case PCI_BASE_CLASS_DISPLAY:
		return "display";
	case PCI_BASE_CLASS_BRIDGE:
		return "host or other bridge";
	default:
		return "device";
	}
}

/* In JSON there is nothing to escape: numbers, addresses and fixed texts. */
static void print_json_pair(const struct pci_p2pdma_query *q)
{
	printf("{\"provider\":\"%s\",\"client\":\"%s\",\"type\":\"%s\",",
	       name_of(&q->provider), name_of(&q->client), type_text(q));
	if (q->type == PCI_P2PDMA_TYPE_NOT_SUPPORTED)
		printf("\"distance\":null,");
	else
		printf("\"distance\":%u,", q->distance);
	printf("\"reason\":\"%s\",\"at\":\"%s\"}", reason_text(q),
	       name_of(&q->at));
}

static void print_json_function(const struct function *f)
{
	printf("{\"address\":\"%s\",\"parent\":", name_of(&f->address));
	if (f->parent == UNKNOWN)
		printf("null");
	else
		printf("\"%s\"", name_of(&machine.fn[f->parent].address));
	printf(",\"vendor\":\"%04x\",\"device\":\"%04x\",\"class\":\"%04x\",",
	       f->vendor, f->device, f->class);
	if (f->acs_ctrl == UNKNOWN)
		printf("\"acs_control\":null,");
	else
		printf("\"acs_control\":%d,", f->acs_ctrl);
	printf("\"p2pmem\":%llu,\"published\":%s}", f->size,
	       f->published ? "true" : "false");
}

/* matrix */

static bool is_provider(const struct function *f)
{
	return f->size || (all && !is_bridge(f));
}

/* What could do DMA: the functions of host bridges and the like couldn't. */
static bool is_client(const struct function *f)
{
	return all ? !is_bridge(f) :
		     f->class >> 8 != PCI_BASE_CLASS_BRIDGE;
}

static void print_matrix_json(void)
{
	struct pci_p2pdma_query q;
	const char *comma = "";
	int i, j;

	printf("{\"pairs\":[");
	for (i = 0; i < machine.nr; i++) {
		for (j = 0; j < machine.nr; j++) {
			if (!is_provider(&machine.fn[i]) ||
			    !is_client(&machine.fn[j]) ||
			    !ask(&machine.fn[i], &machine.fn[j], &q))
				continue;
			printf("%s\n", comma);
			print_json_pair(&q);
			comma = ",";
		}
	}
	printf("\n]}\n");
}

static void print_matrix_row(const struct function *client)
{
	struct pci_p2pdma_query q;
	int i;

	printf("%-14s", name_of(&client->address));
	for (i = 0; i < machine.nr; i++)
		if (is_provider(&machine.fn[i]))
			printf(" %-13s", ask(&machine.fn[i], client, &q) ?
			       cell(&q) : "?");
	printf("  %s\n", kind_of(client));
}

static int command_matrix(void)
{
	int i, providers = 0;

	if (json) {
		print_matrix_json();
		return EXIT_REACHED;
	}
	for (i = 0; i < machine.nr; i++)
		providers += is_provider(&machine.fn[i]);
	if (!providers) {
		printf("No device has peer-to-peer memory. (With -a all devices are shown.)\n");
		return EXIT_REACHED;
	}
	printf("%-14s", "client");
	for (i = 0; i < machine.nr; i++)
		if (is_provider(&machine.fn[i]))
			printf(" %-13s", name_of(&machine.fn[i].address));
	printf("  <- provider\n");
	for (i = 0; i < machine.nr; i++)
		if (is_client(&machine.fn[i]))
			print_matrix_row(&machine.fn[i]);
	printf("\nBn: reached by bus addresses, n hops    Hn: through the host, n hops\n"
	       "Wn: through the host, writes only       self: the same function\n"
	       "-: not reached; \"lsp2pdma explain PROVIDER CLIENT\" says why\n");
	return EXIT_REACHED;
}

/* tree */

/* A redirection that the capability lacks is taken for one that is always on. */
static bool is_hard_wired(const struct function *f, int bit)
{
	const int redirections = PCI_ACS_CAP_REQ_RED | PCI_ACS_CAP_CMPLT_RED;

	return f->acs_cap != UNKNOWN && ~f->acs_cap & redirections & bit;
}

static void print_acs(const struct function *f)
{
	static const struct {
		int bit;
		const char *name;
	} bits[] = {
		{ PCI_ACS_CTRL_REQ_RED, "ReqRedir" },
		{ PCI_ACS_CTRL_CMPLT_RED, "CmpltRedir" },
		{ PCI_ACS_CTRL_EGRESS, "EgressCtrl" },
		{ PCI_ACS_CTRL_TRANS, "DirectTrans" },
		{ PCI_ACS_CTRL_FORWARD, "UpstreamFwd" },
	};
	size_t i;

	if (!f->readable) {
		printf(", ACS unknown (only root can read it)");
		return;
	}
	if (f->acs_ctrl == UNKNOWN) {
		printf(", no ACS");
		return;
	}
	printf(", ACS");
	for (i = 0; i < ARRAY_SIZE(bits); i++)
		printf(" %s%s", bits[i].name,
		       is_hard_wired(f, bits[i].bit) ? "+(hard-wired)" :
		       f->acs_ctrl & bits[i].bit ? "+" : "-");
}

static void print_memory(const struct function *f)
{
	if (f->size)
		printf(", provides %llu MiB%s", f->size >> 20,
		       f->published ? ", published" : "");
}

static void print_subtree(int parent, int depth)
{
	int i;

	for (i = 0; i < machine.nr; i++) {
		struct function *f = &machine.fn[i];

		if (f->parent != parent)
			continue;
		printf("%*s%s [%04x:%04x] %s", 2 * depth, "",
		       name_of(&f->address), f->vendor, f->device, kind_of(f));
		if (is_bridge(f) || f->acs_ctrl != UNKNOWN)
			print_acs(f);
		print_memory(f);
		printf("\n");
		if (is_bridge(f))
			print_subtree(i, depth + 1);
	}
}

static int command_tree(void)
{
	int i;

	if (!json) {
		print_subtree(UNKNOWN, 0);
		return EXIT_REACHED;
	}
	printf("{\"functions\":[");
	for (i = 0; i < machine.nr; i++) {
		printf("%s\n", i ? "," : "");
		print_json_function(&machine.fn[i]);
	}
	printf("\n]}\n");
	return EXIT_REACHED;
}

/* explain */

static int depth_of(int i)
{
	int depth = 0;

	for (; i != UNKNOWN; i = machine.fn[i].parent)
		depth++;
	return depth;
}

/* The nearest function that is above, or at, both; UNKNOWN if none is */
static int common_of(int a, int b)
{
	int da = depth_of(a), db = depth_of(b);

	for (; da > db; da--)
		a = machine.fn[a].parent;
	for (; db > da; db--)
		b = machine.fn[b].parent;
	while (a != b) {
		a = machine.fn[a].parent;
		b = machine.fn[b].parent;
	}
	return a;
}

static void print_hop(int i, const char *role)
{
	const struct function *f = &machine.fn[i];

	printf("  %s %s", name_of(&f->address), kind_of(f));
	if (is_bridge(f) || f->acs_ctrl != UNKNOWN)
		print_acs(f);
	printf("%s\n", role);
}

static bool is_redirected(const struct pci_p2pdma_query *q)
{
	return q->reason == PCI_P2PDMA_REASON_ACS_REQ_REDIR ||
	       q->reason == PCI_P2PDMA_REASON_ACS_CMPLT_REDIR ||
	       q->reason == PCI_P2PDMA_REASON_NO_UPSTREAM_FORWARDING;
}

/* The port that doesn't send on what is redirected */
static bool is_turn(int i, const struct pci_p2pdma_query *q)
{
	return q->reason == PCI_P2PDMA_REASON_NO_UPSTREAM_FORWARDING &&
	       same_address(&machine.fn[i].address, &q->at);
}

/* ACS of the functions where the paths part counts. */
static const char *side_role(int i, int common, bool client)
{
	if (common == UNKNOWN || machine.fn[i].parent != common)
		return "";
	return client ? "  <- its ReqRedir and EgressCtrl count" :
			"  <- its CmpltRedir counts";
}

/* What is redirected goes up from where the paths part. */
static void print_way_of_redirected(int common, const struct pci_p2pdma_query *q)
{
	int i = common;

	while (!is_turn(i, q)) {
		i = machine.fn[i].parent;
		if (i == UNKNOWN) {
			printf("  root complex\n");
			return;
		}
		print_hop(i, is_turn(i, q) ?
			  "  <- redirected packets turn here, without UpstreamFwd" :
			  "  <- redirected packets pass");
	}
}

static void print_common(int common, const struct pci_p2pdma_query *q)
{
	if (common == UNKNOWN) {
		printf("  root complex\n");
		return;
	}
	print_hop(common, is_turn(common, q) ?
		  "  <- common bridge; redirected packets turn here, without UpstreamFwd" :
		  "  <- common bridge");
	if (is_redirected(q))
		print_way_of_redirected(common, q);
}

static void print_way_down(int from, int common)
{
	if (from == common)
		return;
	print_way_down(machine.fn[from].parent, common);
	print_hop(from, side_role(from, common, false));
}

static void print_path(int provider, int client,
		       const struct pci_p2pdma_query *q)
{
	int common = common_of(provider, client);
	int i;

	printf("path, from the client up and down to the provider:\n");
	for (i = client; i != common; i = machine.fn[i].parent)
		print_hop(i, side_role(i, common, true));
	print_common(common, q);
	print_way_down(provider, common);
}

/* What would change a refusal */

/* Down from the root bus: this stays right when bus numbers change. */
static void print_from_root(int i)
{
	const struct function *f = &machine.fn[i];

	if (f->parent == UNKNOWN) {
		printf("%s", name_of(&f->address));
		return;
	}
	print_from_root(f->parent);
	printf("/%02x.%u", f->address.devfn >> 3, f->address.devfn & 7);
}

/* The function of a path whose ACS counts; UNKNOWN if there is none */
static int side_of(int i, int common)
{
	while (i != UNKNOWN && machine.fn[i].parent != common)
		i = machine.fn[i].parent;
	return i;
}

/* What of @bits redirects, or blocks */
static int acs_in_effect(const struct function *f, int bits)
{
	int acs = f->acs_ctrl == UNKNOWN ? 0 : f->acs_ctrl;

	if (is_hard_wired(f, PCI_ACS_CAP_REQ_RED))
		acs |= PCI_ACS_CTRL_REQ_RED;
	if (is_hard_wired(f, PCI_ACS_CAP_CMPLT_RED))
		acs |= PCI_ACS_CTRL_CMPLT_RED;
	return acs & bits;
}

/*
 * Both sides, if both redirect: to mend one of them would not be enough. The
 * parameter is quoted, since ";" ends a command of a boot loader's.
 */
static void print_acs_remedy(int provider, int client)
{
	int common = common_of(provider, client);
	int side[] = { side_of(client, common), side_of(provider, common) };
	int bits[] = {
		PCI_ACS_CTRL_REQ_RED | PCI_ACS_CTRL_EGRESS,
		PCI_ACS_CTRL_CMPLT_RED,
	};
	int at[2], nr = 0, i;

	if (common == UNKNOWN) {
		printf("what would change it: not ACS alone; the path crosses the root complex\n");
		return;
	}
	for (i = 0; i < 2; i++) {
		const struct function *f = &machine.fn[side[i]];
		int acs;

		if (side[i] == UNKNOWN)
			continue;
		if (!f->readable) {
			printf("what would change it: only root can read ACS, and is told\n");
			return;
		}
		acs = acs_in_effect(f, bits[i]);
		if (acs & ~f->acs_cap) {
			nr = 0;
			break;
		}
		if (acs)
			at[nr++] = side[i];
	}
	if (!nr) {
		printf("what would change it: no parameter turns this off\n");
		return;
	}
	printf("what would change it: boot with \"pci=disable_acs_redir=");
	for (i = 0; i < nr; i++) {
		printf("%s", i ? ";" : "");
		print_from_root(at[i]);
	}
	printf("\"\n(that takes isolation away: an IOMMU then can't separate the devices below)\n");
}

static bool is_root_port(const struct function *f)
{
	return f->readable ? f->pcie_type == PCI_EXP_TYPE_ROOT_PORT :
			     is_bridge(f);
}

/*
 * What the kernel takes for the identity of the host bridge: a function of
 * that class on the root bus, else a root port. An endpoint says nothing of
 * its root complex.
 */
static const struct function *host_of(int i)
{
	const struct function *root, *port = NULL;
	int j;

	while (machine.fn[i].parent != UNKNOWN)
		i = machine.fn[i].parent;
	root = &machine.fn[i];
	for (j = 0; j < machine.nr; j++) {
		const struct function *f = &machine.fn[j];

		if (f->parent != UNKNOWN ||
		    f->address.domain != root->address.domain ||
		    f->address.bus != root->address.bus)
			continue;
		if (f->class == PCI_CLASS_BRIDGE_HOST)
			return f;
		if (!port && is_root_port(f))
			port = f;
	}
	return port;
}

static void print_no_host(void)
{
	printf("what would change it: nothing; there is no host bridge and no root port on the\n"
	       "root bus, by which its root complex could be told from others\n");
}

static void print_host_remedy(int provider, int client)
{
	const struct function *a = host_of(provider), *b = host_of(client);
	const char *quote = "";

	if (!a || !b) {
		print_no_host();
		return;
	}
	if (a->vendor != b->vendor || a->device != b->device)
		quote = "\"";
	printf("what would change it: if you know that the root complex routes writes from peer\n"
	       "to peer, boot with %spci=p2pdma_allow_host=%04x:%04x:w", quote,
	       a->vendor, a->device);
	if (*quote)
		printf(";%04x:%04x:w", b->vendor, b->device);
	printf("%s\n"
	       "(without \":w\": reads, too). Where it doesn't, data is lost without an error:\n"
	       "Documentation/driver-api/pci/p2pdma.rst says what to know first\n",
	       quote);
}

static void print_remedy(int provider, int client,
			 const struct pci_p2pdma_query *q)
{
	switch (q->reason) {
	case PCI_P2PDMA_REASON_ACS_REQ_REDIR:
	case PCI_P2PDMA_REASON_ACS_CMPLT_REDIR:
	case PCI_P2PDMA_REASON_ACS_EGRESS:
	case PCI_P2PDMA_REASON_NO_UPSTREAM_FORWARDING:
		print_acs_remedy(provider, client);
		break;
	case PCI_P2PDMA_REASON_ROOT_COMPLEX:
		print_host_remedy(provider, client);
		break;
	case PCI_P2PDMA_REASON_NO_HOST_BRIDGE:
		print_no_host();
		break;
	}
}

static int command_explain(const char *names[2])
{
	struct pci_p2pdma_address a;
	struct pci_p2pdma_query q;
	int fn[2], i;

	for (i = 0; i < 2; i++) {
		if (!parse_address(names[i], &a))
			errx(EXIT_USAGE,
			     "\"%s\" is not an address ([domain:]bus:device.function)",
			     names[i]);
		fn[i] = find_function(&a);
		if (fn[i] == UNKNOWN)
			errx(EXIT_NO_DEVICE, "there is no function %s",
			     name_of(&a));
	}
	if (!ask(&machine.fn[fn[0]], &machine.fn[fn[1]], &q))
		errx(EXIT_NO_DEVICE, "the dump has no answer for this pair");
	if (json) {
		print_json_pair(&q);
		printf("\n");
		return q.type == PCI_P2PDMA_TYPE_NOT_SUPPORTED;
	}

	printf("provider %s", name_of(&q.provider));
	print_memory(&machine.fn[fn[0]]);
	printf("\nclient   %s\n", name_of(&q.client));
	if (q.type == PCI_P2PDMA_TYPE_NOT_SUPPORTED)
		printf("verdict  not supported: %s, at %s\n", reason_text(&q),
		       name_of(&q.at));
	else
		printf("verdict  %s, %u hops: %s, at %s\n", type_text(&q),
		       q.distance, reason_text(&q), name_of(&q.at));
	print_path(fn[0], fn[1], &q);
	if (q.type != PCI_P2PDMA_TYPE_NOT_SUPPORTED)
		return EXIT_REACHED;
	print_remedy(fn[0], fn[1], &q);
	return EXIT_NOT_REACHED;
}

/* dump */

static void dump_function(const struct function *f)
{
	printf("function %s %s %04x:%04x %04x %d %d %d %d %llu %d\n",
	       name_of(&f->address), f->parent == UNKNOWN ? "-" :
	       name_of(&machine.fn[f->parent].address), f->vendor, f->device,
	       f->class, f->readable, f->pcie_type, f->acs_cap, f->acs_ctrl,
	       f->size, f->published);
}

static int command_dump(void)
{
	struct pci_p2pdma_query q;
	int i, j;

	printf("%s\n", DUMP_HEADER);
	for (i = 0; i < machine.nr; i++)
		dump_function(&machine.fn[i]);
	for (i = 0; i < machine.nr; i++)
		for (j = 0; j < machine.nr; j++)
			if ((is_provider(&machine.fn[i]) ||
			     !is_bridge(&machine.fn[i])) &&
			    !is_bridge(&machine.fn[j]) &&
			    ask(&machine.fn[i], &machine.fn[j], &q))
				printf("pair %s %s %u %u %u %u %s\n",
				       name_of(&q.provider), name_of(&q.client),
				       q.type, q.distance, q.reason, q.result,
				       name_of(&q.at));
	printf("end\n");
	return EXIT_REACHED;
}

static const char usage[] =
	"usage: lsp2pdma [-aj] [-r DUMP] [matrix | tree | explain PROVIDER CLIENT | dump]\n"
	"\n"
	"  matrix            which devices reach which peer-to-peer memory (the default)\n"
	"  tree              the PCI tree, with what decides\n"
	"  explain P C       how client C reaches provider P, hop by hop, or why not\n"
	"  dump              all of it, to be shown elsewhere with -r\n"
	"\n"
	"  -a, --all         also devices without peer-to-peer memory\n"
	"  -j, --json        for programs\n"
	"  -r, --replay DUMP a dump of another machine; - is standard input\n"
	"  -h, --help        this text\n"
	"\n"
	"Exit status: 0; 1 explain: not reached; 2 usage; 3 no such device;\n"
	"4 no permission; 5 no support by the kernel; 6 bad dump; 7 other errors.\n";

static int bad_usage(void)
{
	fputs(usage, stderr);
	return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
	const char *command = argc ? argv[0] : "matrix";

	if (!strcmp(command, "explain") && argc == 3)
		return command_explain((const char *[]){ argv[1], argv[2] });
	if (argc > 1)
		return bad_usage();
	if (!strcmp(command, "matrix"))
		return command_matrix();
	if (!strcmp(command, "tree"))
		return command_tree();
	if (!strcmp(command, "dump"))
		return command_dump();
	return bad_usage();
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ "replay", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const char *dump = NULL;
	int option, status;

	while ((option = getopt_long(argc, argv, "ajr:h", options, NULL)) != -1) {
		switch (option) {
		case 'a':
			all = true;
			break;
		case 'j':
			json = true;
			break;
		case 'r':
			dump = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return bad_usage();
		}
	}
	if (dump)
		read_dump(dump);
	else
		read_machine();
	status = run(argc - optind, argv + optind);
	if (fflush(stdout) || ferror(stdout))
		errx(EXIT_FAILURE_OTHER, "can't write: %s", strerror(errno));
	return status;
}
