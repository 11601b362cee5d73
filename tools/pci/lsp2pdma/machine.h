/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lsp2pdma: the model of a machine
 *
 * Data flows one way: a source fills the model, --set changes it, the rules
 * judge it, and what is printed comes from there.
 *
 *   live.c            this machine: sysfs and libpci
 *   text.c            files: which kind, which function a line belongs to
 *   hex.c verbose.c dump.c   lines of lspci -xxxx, of lspci -vvv, of dumps
 *   title.c capability.c     titles of functions, names of capabilities
 *        |
 *   machine.c         functions, and where they are in the tree
 *   config.c facts.c  what registers say, and what none says
 *   change.c          --set
 *        |
 *   rules.c           the kernel's own source files, compiled for user space
 *   ask.c             the answer for a pair: the kernel's, a dump's, or the rules'
 *        |
 *   matrix.c tree.c check.c  commands; of two files each:
 *   explain.c advice.c  plan.c plan_text.c  groups.c graph.c
 *   isolation.c       IOMMU groups
 *   ids.c print.c wrap.c   names of devices; JSON, colours, words; long lines
 *        |
 *   lsp2pdma.c        the command line
 *
 * What a function is made of is its config space, as far as it is known. A text
 * of lspci is read back into registers, so that all sources are judged alike.
 */
#ifndef _LSP2PDMA_MACHINE_H
#define _LSP2PDMA_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdnoreturn.h>

#include <linux/pci-p2pdma.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof(*(a)))
#define NONE		(-1)
#define CONFIG_SIZE	4096
#define ACS_UNKNOWN	0xffff	/* ACS Control that isn't known */
#define ACS_ENHANCED	0x1f80	/* ACS Control, r5.0 on: bits 12:7 */
#define ACS_ENHANCED_CAP 0x0080	/* ACS Capability: it has them */
/* 10-Bit Tags: supported (Device Capabilities 2), enabled (Device Control 2) */
#define TAGS_COMPLETER	0x00010000
#define TAGS_REQUESTER	0x00020000
#define TAGS_ENABLE	0x1000

/* Exit statuses, for scripts */
enum {
	EXIT_YES = 0,
	EXIT_NO = 1,		/* explain, plan, check: the answer is no */
	EXIT_USAGE = 2,
	EXIT_NO_DEVICE = 3,	/* no such function, or it has vanished */
	EXIT_NO_PERMISSION = 4,
	EXIT_BAD_INPUT = 6,	/* a file is damaged, or of another kind */
	EXIT_OTHER = 7,
};

/**
 * struct function - a PCI function
 * @address: domain, bus, device and function
 * @parent: index of the bridge above it (of the physical function's bridge for
 *	a virtual one), NONE on a root bus
 * @physfn: index of a virtual function's physical function, NONE for others
 * @place: how its place in the tree is known
 * @above: address of the bridge above it, for PLACE_BELOW
 * @depth: number of bridges above it
 * @line: of the file that it is from, 0 if there is none
 * @vendor: number. Of a virtual function the register doesn't tell.
 * @device: number, likewise
 * @class: base class and sub-class
 * @config: CONFIG_SIZE bytes; those that aren't known are 0
 * @known: number of bytes known, from the first one on: 0, 64, 256 or 4096
 * @driver: name or NULL
 * @title: what the source calls it, or NULL: the model's name
 * @names: its names in user space ("nvme0", "mlx5_0 ens1f0"), or NULL
 * @numa: node, NONE if it isn't known
 * @group: IOMMU group, NONE if there is none or it isn't known
 * @translated: an IOMMU translates its DMA; NONE: as FACT_IOMMU says
 * @conventional: on a root bus that firmware declares as conventional PCI;
 *	NONE: as FACT_CONVENTIONAL says
 * @untrusted: below an external-facing port
 * @external: firmware says that what is below is outside of the machine
 * @memory: bytes of peer-to-peer memory
 * @published: drivers may find it
 */
struct function {
	struct pci_p2pdma_address address;
	int parent;
	int physfn;
	enum { PLACE_BY_BUS, PLACE_BELOW, PLACE_ROOT } place;
	struct pci_p2pdma_address above;
	int depth;
	int line;
	unsigned int vendor;
	unsigned int device;
	unsigned int class;
	unsigned char *config;
	unsigned int known;
	char *driver;
	char *title;
	char *names;
	int numa;
	int group;
	int translated;
	int conventional;
	bool untrusted;
	bool external;
	unsigned long long memory;
	bool published;
};

/**
 * struct fact - something of a machine that no register tells
 * @value: 1: yes, 0: no
 * @source: where that is from; FACT_ASSUMED: it isn't known, and 0 is careful
 */
struct fact {
	int value;
	enum fact_source { FACT_ASSUMED, FACT_GIVEN, FACT_READ } source;
};

/* In the order of the names that options and dumps have for them: facts.c */
enum {
	FACT_ZEN,		/* AMD processor, family 0x17 or later */
	FACT_IOMMU,		/* an IOMMU translates the DMA of drivers */
	FACT_ENCRYPTED,		/* host memory encryption sets a bit in addresses */
	FACT_CONVENTIONAL,	/* firmware declares root buses as conventional PCI */
	NR_FACTS,
};

struct allowed {
	unsigned int vendor, device;
	bool writes_only;
};

#define MAX_ALLOWED 8

/**
 * struct machine - a machine
 * @source: for messages: a file's name, or "this machine"
 * @fn: functions, in the order of their addresses
 * @nr: their number
 * @fact: what registers don't tell
 * @allowed: host bridges of pci=p2pdma_allow_host=
 * @nr_allowed: their number
 * @fd: /dev/pci_p2pdma, NONE without
 * @pair: answers that a dump holds, in the order of provider and client
 * @nr_pairs: their number
 * @changed: --set has changed it: recorded and the kernel's answers are void
 * @of_lspci: read from a file of lspci
 * @text: read from a text of lspci -v, which doesn't show all registers
 * @rules: private to rules.c
 */
struct machine {
	const char *source;
	struct function *fn;
	int nr;
	struct fact fact[NR_FACTS];
	struct allowed allowed[MAX_ALLOWED];
	int nr_allowed;
	int fd;
	struct pci_p2pdma_query *pair;
	int nr_pairs;
	bool changed;
	bool of_lspci;
	bool text;
	struct rules *rules;
};

/* machine.c */
void machine_init(struct machine *m, const char *source);
void machine_free(struct machine *m);
struct function *machine_add(struct machine *m, struct pci_p2pdma_address a);
/*
 * To be called when all functions are there: sorts them, finds parents and
 * physical functions (unless a source has set parents by machine_set_parent()),
 * and exits with EXIT_BAD_INPUT, naming the line, where that can't be: two
 * functions with one address, a loop of bridges, buses that no bridge leads to.
 */
void machine_finish(struct machine *m);
int machine_find(const struct machine *m, const struct pci_p2pdma_address *a);
bool is_bridge(const struct function *f);
bool same_address(const struct pci_p2pdma_address *a,
		  const struct pci_p2pdma_address *b);
int compare_addresses(const struct pci_p2pdma_address *a,
		      const struct pci_p2pdma_address *b);
bool same_device(const struct function *a, const struct function *b);
/* In one of several buffers that are used in turn */
const char *address_text(const struct pci_p2pdma_address *a);
/* Address of a function by its index, NULL for NONE */
const char *address_of(const struct machine *m, int i);
/* [domain:]bus:device.function and nothing after it */
bool parse_address(const char *text, struct pci_p2pdma_address *a);
/* An address or a path, whether there is such a function or not */
bool is_path(const char *text);
/* 0000:00:01.0/00.0/02.0 and nothing after it; index or NONE */
int find_path(const struct machine *m, const char *text);
/* The path of a function, as find_path() and boot parameters take it; malloc()ed */
char *path_text(const struct machine *m, int i);
/* Nearest bridge above, or at, both; NONE without */
int common_above(const struct machine *m, int a, int b);
/* The last function on the way up from @i that is below @common (NONE: on the root bus) */
int side_below(const struct machine *m, int i, int common);
/* Memory that can't be had ends the program. */
noreturn void out_of_memory(void);
void *zeroed(size_t nr, size_t size);
/* Room for one more element than @nr */
void *grow(void *array, int nr, size_t size);
char *copy_text(const char *text);
char *format_text(const char *format, ...);
/* "FILE: line N: ...", and EXIT_BAD_INPUT */
noreturn void bad_input(const struct machine *m, int line, const char *format,
			...);

/* config.c: offsets of capabilities are 0 without; registers of what isn't known are 0 */
unsigned int config_byte(const struct function *f, unsigned int pos);
unsigned int config_word(const struct function *f, unsigned int pos);
unsigned int config_long(const struct function *f, unsigned int pos);
void config_set(struct function *f, unsigned int pos, int size, uint32_t value);
/* What is beyond the first @known bytes isn't known any more */
void config_forget(struct function *f, unsigned int known);
unsigned int find_capability(const struct function *f, unsigned int id);
unsigned int find_extended(const struct function *f, unsigned int id);
/* Device/port type of the PCI Express capability, NONE without */
int pcie_type(const struct function *f);
bool is_downstream_port(const struct function *f);	/* root ports, too */
/* Registers beyond the header were readable */
bool is_readable(const struct function *f);
/* ACS Capability and Control; false: no such capability, or unknown */
bool acs_words(const struct function *f, unsigned int *cap, unsigned int *ctrl);
/* The other ACS controls, by their bits: as --set and as lspci have them */
#define NR_ACS_CONTROLS	7
struct acs_name {
	const char *letters;	/* "RR" */
	const char *word;	/* "ReqRedir" */
};

extern const struct acs_name acs_names[NR_ACS_CONTROLS];
bool ats_enabled(const struct function *f);
/* Offset of Device Control 2; 0 without */
unsigned int find_control2(const struct function *f);
unsigned int secondary_bus(const struct function *f);
/* Address of virtual function @n of @f; false: there is none */
bool virtual_function(const struct function *f, unsigned int n,
		      struct pci_p2pdma_address *a);

struct link {
	unsigned int speed;	/* in units of 0.1 GT/s, 0 unknown or no link */
	unsigned int width;
	unsigned int max_speed, max_width;
};

bool link_of(const struct function *f, struct link *link);
/* Max_Payload_Size in bytes, 0 unknown */
unsigned int payload_size(const struct function *f);

/* Sources. They exit with a message where they can't. */
void read_live(struct machine *m);			/* live.c */
void read_file(struct machine *m, const char *path);	/* text.c; "-": standard input */
#define WANTED	"wanted: lspci -xxxx or lspci -vvvnn"
/* title.c: what follows the address; @text is cut to pieces */
void read_title(struct machine *m, struct function *f, char *text, int number,
		bool is_dump);
/* hex.c */
/* 1 to @digits hexadecimal digits; @text: what follows */
bool parse_hex(const char **text, int digits, unsigned int *value);
/* true: the line was one of bytes */
bool read_hex_line(struct machine *m, struct function *f, const char *line,
		   int number);
/* capability.c: by lspci's names; NONE: it may be any */
int capability_by_name(const char *text, bool extended);
int port_type_by_name(const char *text);	/* "Root Port (Slot+), MSI 00" */
struct numbered {
	const char *text;
	unsigned int number;
};

/* The number of what @text begins with, NONE */
int find_numbered(const char *text, const struct numbered *table, int nr);
/* verbose.c: a line below a function's title; state is kept between calls */
void read_verbose_line(struct machine *m, struct function *f, const char *line,
		       int number);
void end_verbose(struct machine *m, struct function *f);
/* dump.c: lines that only dumps of this tool have */
#define DUMP_HEADER	"lsp2pdma 3"
void read_dump_line(struct machine *m, struct function *f, const char *line,
		    int number);
void check_dump_end(struct machine *m, int number);
int command_dump(struct machine *m);

/* facts.c: "zen=yes" of --assume and dumps. Exits with @status if it can't be. */
void set_fact(struct machine *m, const char *text, enum fact_source source);
void set_allowed(struct machine *m, const char *text);
/* One host bridge; false: it isn't valid, or the table is full */
bool add_allowed(struct machine *m, const char *text, size_t length);
const char *allowed_text(const struct allowed *a);	/* "8086:29c0:w" */
const char *fact_name(int fact);
int fact_value(const struct machine *m, int fact);
/* Nothing says which ports lead out of the machine: none is taken to */
bool is_external_assumed(const struct machine *m);
/* What was assumed for want of a word, in a sentence; "" if nothing */
void print_assumed(const struct machine *m);

/* rules.c: the verdict of the kernel's source on this model */
void rules_judge(struct machine *m, int provider, int client,
		 struct pci_p2pdma_query *q);
/* Something of the model has changed: judge it anew from registers */
void rules_forget(struct machine *m);
/* Functions of the pair whose redirection can be turned off; number */
int rules_redirectors(struct machine *m, int provider, int client, int at[2]);
/* The word the rules go by: ACS in effect with quirks, 0xffff unknown */
unsigned int rules_acs(struct machine *m, int i);
/* Identity of the host bridge above @i, vendor << 16 | device; 0: none */
unsigned int rules_host(struct machine *m, int i);
const char *rules_reason(unsigned int reason);

/* ask.c */
enum answer_source { FROM_KERNEL, FROM_DUMP, FROM_RULES };
enum answer_source ask(struct machine *m, int provider, int client,
		       struct pci_p2pdma_query *q);
/* The order of recorded answers, for qsort() */
int by_pair(const void *a, const void *b);
/* The reason isn't one of the path: registers don't tell */
bool is_known_to_kernel_only(const struct pci_p2pdma_query *q);

/* What a client gets, from bad to good */
enum grade {
	GRADE_NOTHING,
	GRADE_WRITES,
	GRADE_HOST,
	GRADE_BUS,
	NR_GRADES,
};

enum grade grade_of(const struct pci_p2pdma_query *q);
static inline bool is_reached(const struct pci_p2pdma_query *q)
{
	return q->type != PCI_P2PDMA_TYPE_NOT_SUPPORTED;
}

/* change.c: "ADDRESS.acs=HEX", "ADDRESS.acs-=RR,CR" and so on */
void apply_change(struct machine *m, const char *text);

/* isolation.c: IOMMU groups as the PCI core forms them from ACS; the number of
 * the group of each function, and of groups
 */
int isolation_groups(struct machine *m, int *group);

/* ids.c */
struct pci_access *library(void);	/* libpci */
void ids_load(struct machine *m);
/* "Samsung NVMe SSD ..."; in a buffer until the next call */
const char *model_text(const struct machine *m, const struct function *f);
/* "bridge", "drive", "NIC", "GPU", "host bridge", "device" */
const char *kind_text(const struct function *f);
/* @name is one of its names */
bool has_name(const struct function *f, const char *name);
/* Its first name, or its address */
const char *short_name(const struct machine *m, int i);
/* An address, a path or a name; exits with EXIT_NO_DEVICE or EXIT_USAGE */
int find_device(const struct machine *m, const char *text);

/* select: --class, --vendor, --driver, addresses; drives, NICs and GPUs by default */
struct selection {
	const char *class, *vendor, *driver;
	char **device;
	int nr_devices;
	bool all;
};

extern struct selection selection;
bool is_selected(const struct machine *m, int i);

/* print.c */
extern bool json;
void print_init(bool wants_json);
int terminal_width(void);
/* wrap.c: on a terminal, lines printed between these are cut at its width */
void wrap_begin(void);
void wrap_end(void);
const char *colour(const char *name);	/* "" unless on a terminal: "good" "bad" "name" "off" */
void print_json_text(const char *text);	/* quoted and escaped */
const char *grade_text(enum grade grade);	/* "bus-address" ... "not-supported" */
const char *cell_text(const struct pci_p2pdma_query *q);	/* B4 H6 W6 self - */
/* Members of an object, without its braces */
void print_json_pair(const struct pci_p2pdma_query *q, enum answer_source source);
void print_json_assumed(const struct machine *m);
void print_acs_words(struct machine *m, int i);	/* "ACS SrcValid+ ReqRedir- ..." */
void print_link(const struct link *link);		/* "16 GT/s x16" */

/* The commands return exit statuses. */
int command_matrix(struct machine *m);
/* What would change a refusal, if nothing in the PCI tree does; or NULL */
const char *outside_text(unsigned int reason);
int command_tree(struct machine *m);
int command_explain(struct machine *m, char **names);
int command_graph(struct machine *m);
int command_plan(struct machine *m, int argc, char **argv);
int command_check(struct machine *m, const char *path);

#endif /* _LSP2PDMA_MACHINE_H */
