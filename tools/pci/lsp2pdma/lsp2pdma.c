// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma - which PCI devices reach which, peer to peer, how far, and why
 *
 * The command line. machine.h has the way of the data.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

struct selection selection;

static const char usage[] =
	"usage: lsp2pdma [options] [command]\n"
	"\n"
	"commands:\n"
	"  matrix [DEVICE...]        which devices reach which (the default)\n"
	"  tree [DEVICE...]          the PCI tree, with what decides\n"
	"  explain PROVIDER CLIENT   how the client reaches the provider, or why not\n"
	"  plan PROVIDER CLIENT...   what to change, so that all of these reach it\n"
	"  check FILE                is still reached what FILE says: a dump, or pairs?\n"
	"  graph [DEVICE...]         for Graphviz: lsp2pdma graph | dot -Tsvg\n"
	"  dump                      all of this machine, to be shown elsewhere with -i\n"
	"DEVICE: [domain:]bus:device.function, a path of these, or a name (nvme0, ens1f0)\n"
	"\n"
	"which devices:\n"
	"  -a, --all                 all, not only drives, network and graphics cards\n"
	"  -c, --class CLASS         storage, network, display, accelerator, or hex digits\n"
	"  -v, --vendor VENDOR       4 hex digits, or a part of the name\n"
	"  -d, --driver DRIVER\n"
	"which machine:\n"
	"  -i, --input FILE          lspci -xxxx, lspci -vvvnn, or a dump; - is standard input\n"
	"  -A, --assume FACT=yes|no  zen, iommu, encrypted, conventional\n"
	"  -H, --allow-host HOSTS    as pci=p2pdma_allow_host=\n"
	"  -e, --external PORT       a port that leads out of the machine\n"
	"  -s, --set CHANGE          what if? (nothing is written to a device)\n"
	"  -R, --rules               judge by the rules even where the kernel answers\n"
	"output:\n"
	"  -j, --json                for programs\n"
	"  -h, --help                this text\n"
	"      --version\n"
	"\n"
	"Exit status: 0; 1 the answer is no; 2 usage; 3 no such device; 4 no permission;\n"
	"6 bad input; 7 other errors.\n";

/* What is to be done with the machine when it is there */
struct options {
	const char *input;
	char **assume, **external, **change;
	int nr_assume, nr_external, nr_change;
	const char *allow;
	bool rules;
};

enum { OPTION_VERSION = 256 };

static const struct option long_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "class", required_argument, NULL, 'c' },
	{ "vendor", required_argument, NULL, 'v' },
	{ "driver", required_argument, NULL, 'd' },
	{ "input", required_argument, NULL, 'i' },
	{ "assume", required_argument, NULL, 'A' },
	{ "allow-host", required_argument, NULL, 'H' },
	{ "external", required_argument, NULL, 'e' },
	{ "set", required_argument, NULL, 's' },
	{ "rules", no_argument, NULL, 'R' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ 0 }
};

static int bad_usage(void)
{
	fputs(usage, stderr);
	return EXIT_USAGE;
}

static void keep(char ***list, int *nr, char *text)
{
	*list = grow(*list, *nr, sizeof(**list));
	(*list)[(*nr)++] = text;
}

static bool is_selection(int option)
{
	switch (option) {
	case 'a':
		selection.all = true;
		return true;
	case 'c':
		selection.class = optarg;
		return true;
	case 'v':
		selection.vendor = optarg;
		return true;
	case 'd':
		selection.driver = optarg;
		return true;
	}
	return false;
}

static bool is_machine(struct options *o, int option)
{
	switch (option) {
	case 'i':
	case 'F':
	case 'r':
		o->input = optarg;
		return true;
	case 'A':
		keep(&o->assume, &o->nr_assume, optarg);
		return true;
	case 'H':
		o->allow = optarg;
		return true;
	case 'e':
		keep(&o->external, &o->nr_external, optarg);
		return true;
	case 's':
		keep(&o->change, &o->nr_change, optarg);
		return true;
	case 'R':
		o->rules = true;
		return true;
	}
	return false;
}

static void read_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = getopt_long(argc, argv, "ac:v:d:i:F:r:A:H:e:s:Rjh",
				     long_options, NULL)) != -1) {
		if (optarg && !*optarg)
			errx(EXIT_USAGE, "the value of an option is empty");
		if (is_selection(option) || is_machine(o, option))
			continue;
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_YES);
		case OPTION_VERSION:
			printf("lsp2pdma %s\n", LSP2PDMA_VERSION);
			exit(EXIT_YES);
		default:
			exit(bad_usage());
		}
	}
}

/* What is below a port that leads out is outside; so are those ports further down. */
static void mark_external(struct machine *m, const char *text)
{
	int port = find_device(m, text), i, at;

	if (!is_bridge(&m->fn[port]))
		errx(EXIT_USAGE, "%s is no port", text);
	m->fn[port].external = true;
	for (i = 0; i < m->nr; i++)
		for (at = m->fn[i].parent; at != NONE; at = m->fn[at].parent)
			if (at == port)
				m->fn[i].untrusted = true;
	m->changed = true;
}

static void read_machine(struct machine *m, const struct options *o)
{
	int i;

	machine_init(m, o->input ? o->input : "this machine");
	if (o->input)
		read_file(m, o->input);
	else
		read_live(m);
	for (i = 0; i < o->nr_assume; i++)
		set_fact(m, o->assume[i], FACT_GIVEN);
	if (o->allow)
		set_allowed(m, o->allow);
	/* The kernel's answers don't take these options into account. */
	m->changed = o->rules || o->allow || o->nr_assume;
	ids_load(m);
	for (i = 0; i < o->nr_external; i++)
		mark_external(m, o->external[i]);
	for (i = 0; i < o->nr_change; i++)
		apply_change(m, o->change[i]);
}

static int run(struct machine *m, int argc, char **argv)
{
	const char *command = argc ? argv[0] : "matrix";

	if (!strcmp(command, "explain"))
		return argc == 3 ? command_explain(m, argv + 1) : bad_usage();
	if (!strcmp(command, "plan"))
		return argc >= 3 ? command_plan(m, argc - 1, argv + 1) :
				   bad_usage();
	if (!strcmp(command, "check"))
		return argc == 2 ? command_check(m, argv[1]) : bad_usage();
	if (!strcmp(command, "dump"))
		return argc == 1 ? command_dump(m) : bad_usage();
	if (argc > 1) {
		selection.device = argv + 1;
		selection.nr_devices = argc - 1;
	}
	if (!strcmp(command, "matrix"))
		return command_matrix(m);
	if (!strcmp(command, "tree"))
		return command_tree(m);
	if (!strcmp(command, "graph"))
		return command_graph(m);
	return bad_usage();
}

/* Before a machine is read, which may take a moment, or not be permitted */
static bool is_command(const char *text)
{
	static const char * const commands[] = {
		"matrix", "tree", "explain", "plan", "check", "graph", "dump",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(text, commands[i]))
			return true;
	return false;
}

/* What would have no effect isn't what was meant. */
static void check_words(int argc, char **argv)
{
	const struct selection *s = &selection;
	bool filtered = s->class || s->vendor || s->driver;
	int i;

	for (i = 0; i < argc; i++)
		if (!*argv[i])
			errx(EXIT_USAGE, "an argument is empty");
	if (!argc)
		return;
	if ((filtered || s->all) &&
	    (!strcmp(argv[0], "explain") || !strcmp(argv[0], "plan")))
		errx(EXIT_USAGE, "-a, -c, -v and -d mean nothing to %s", argv[0]);
	if (filtered && !strcmp(argv[0], "dump"))
		errx(EXIT_USAGE, "-c, -v and -d mean nothing to dump: it has all functions");
	if (filtered && argc > 1 && strcmp(argv[0], "check"))
		errx(EXIT_USAGE, "-c, -v and -d choose devices, which are named already");
}

int main(int argc, char **argv)
{
	static struct options options;
	struct machine machine;
	int status;

	read_options(argc, argv, &options);
	argc -= optind;
	argv += optind;
	if (argc && !is_command(argv[0]))
		return bad_usage();
	check_words(argc, argv);
	print_init(json);
	read_machine(&machine, &options);
	status = run(&machine, argc, argv);
	if (fflush(stdout) || ferror(stdout))
		err(EXIT_OTHER, "can't write");
	machine_free(&machine);
	return status;
}
