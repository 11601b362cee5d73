// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: check, does the machine still reach what it did?
 *
 * What is to be is in a file: an earlier dump of this tool, or a list of pairs.
 * A function is found again by its path, so that it may have another bus number
 * now; virtual functions by their physical function and their number. Drivers,
 * and what memory they have published, aren't looked at: a script may ask this
 * before they are loaded.
 *
 * Another model of the same class is a spare that was put in, and does the work
 * of the old one if it reaches as much: that is told, and is no failure. What is
 * of another class can't do that work: the function that was there is gone.
 *
 * A list has a pair a line; '#' begins a comment:
 *   PROVIDER CLIENT [bus-address|through-host|through-host-writes-only|
 *		      not-supported|reached]
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "machine.h"

/* An answer that is asked for at least: reads and writes, by whatever way */
#define REACHED		"reached"

/**
 * struct wanted - a pair, and what is to be of it
 * @provider: index in the list of places
 * @client: likewise
 * @grade: what the client got, or is to get
 * @reached: more than that is as good
 */
struct wanted {
	int provider, client;
	enum grade grade;
	bool reached;
};

/**
 * struct place - a function of the file
 * @text: what it is called there
 * @now: index in the machine, NONE: it isn't here
 * @other: index of what is there, of another class; NONE
 * @asked: it is of a pair; other functions are only between these
 * @missed: a pair needs it
 * @model: what it was, vendor << 16 | device; 0: it isn't known, or as it was
 */
struct place {
	char *text;
	int now;
	int other;
	bool asked;
	bool missed;
	unsigned int model;
};

/**
 * struct check - what is compared
 * @m: the machine
 * @place: functions of the file
 * @nr_places: their number
 * @pair: what is wanted
 * @nr: number of pairs
 * @is_list: written by hand, so that nothing "was"
 */
struct check {
	struct machine *m;
	struct place *place;
	int nr_places;
	struct wanted *pair;
	int nr;
	bool is_list;
};

static void add_pair(struct check *c, struct wanted pair)
{
	c->pair = grow(c->pair, c->nr, sizeof(*c->pair));
	c->pair[c->nr++] = pair;
}

/* Functions by path */

struct key {
	char *text;
	int i;
};

static int by_text(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* Which one of its physical function's, in the order of addresses */
static void number_virtual(const struct machine *m, int *number)
{
	int *count = zeroed(m->nr, sizeof(*count)), i;

	for (i = 0; i < m->nr; i++)
		if (m->fn[i].physfn != NONE)
			number[i] = ++count[m->fn[i].physfn];
	free(count);
}

/* Virtual functions are on buses of their own, so their paths say nothing. */
static struct key *make_keys(const struct machine *m)
{
	struct key *keys = zeroed(m->nr, sizeof(*keys));
	int *number = zeroed(m->nr, sizeof(*number)), i;

	number_virtual(m, number);
	for (i = 0; i < m->nr; i++) {
		int physfn = m->fn[i].physfn;
		char *path = path_text(m, physfn == NONE ? i : physfn);

		keys[i].i = i;
		keys[i].text = format_text("%s+%d", path, number[i]);
		free(path);
	}
	free(number);
	return keys;
}

static void free_keys(struct key *keys, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		free(keys[i].text);
	free(keys);
}

/*
 * A function with the same address is taken for the same one if it is of the
 * same model, and nothing else of the file is there by its path.
 */
static void find_by_address(struct check *c, const struct machine *old,
			    const bool *taken, int i)
{
	int now = machine_find(c->m, &old->fn[i].address);

	if (now != NONE && !taken[now] &&
	    c->m->fn[now].vendor == old->fn[i].vendor &&
	    c->m->fn[now].device == old->fn[i].device)
		c->place[i].now = now;
}

static unsigned int model_of(const struct function *f)
{
	if (!f->vendor || f->vendor == 0xffff)
		return 0;
	return f->vendor << 16 | f->device;
}

static void compare_models(const struct check *c, struct place *place,
			   const struct function *old)
{
	const struct function *now;

	place->other = NONE;
	if (place->now == NONE)
		return;
	now = &c->m->fn[place->now];
	if (old->class >> 8 == now->class >> 8) {
		if (model_of(now) && model_of(now) != model_of(old))
			place->model = model_of(old);
	} else if (old->class >> 8 != PCI_CLASS_OTHERS &&
		   now->class >> 8 != PCI_CLASS_OTHERS) {
		place->other = place->now;
		place->now = NONE;
	}
}

static void find_places(struct check *c, const struct machine *old)
{
	struct key *old_keys = make_keys(old), *keys = make_keys(c->m), *found;
	bool *taken = zeroed(c->m->nr, sizeof(*taken));
	int i;

	c->nr_places = old->nr;
	c->place = zeroed(old->nr, sizeof(*c->place));
	qsort(keys, c->m->nr, sizeof(*keys), by_text);
	for (i = 0; i < old->nr; i++) {
		found = bsearch(&old_keys[i], keys, c->m->nr, sizeof(*keys),
				by_text);
		c->place[i].text = copy_text(address_of(old, i));
		c->place[i].now = found ? found->i : NONE;
		if (found)
			taken[found->i] = true;
	}
	for (i = 0; i < old->nr; i++) {
		if (c->place[i].now == NONE)
			find_by_address(c, old, taken, i);
		compare_models(c, &c->place[i], &old->fn[i]);
	}
	free_keys(old_keys, old->nr);
	free_keys(keys, c->m->nr);
	free(taken);
}

/* A dump */

static void take_recorded(struct check *c, const struct machine *old)
{
	int i;

	for (i = 0; i < old->nr_pairs; i++) {
		const struct pci_p2pdma_query *q = &old->pair[i];
		struct wanted pair = {
			.provider = machine_find(old, &q->provider),
			.client = machine_find(old, &q->client),
			.grade = grade_of(q),
		};

		if (pair.provider != NONE && pair.client != NONE)
			add_pair(c, pair);
	}
}

/* A dump without answers: those of the rules, for the functions that count */
static void take_judged(struct check *c, struct machine *old)
{
	struct pci_p2pdma_query q;
	int provider, client;

	for (provider = 0; provider < old->nr; provider++) {
		if (!is_selected(old, provider))
			continue;
		for (client = 0; client < old->nr; client++) {
			if (client == provider || !is_selected(old, client))
				continue;
			rules_judge(old, provider, client, &q);
			add_pair(c, (struct wanted){
				.provider = provider, .client = client,
				.grade = grade_of(&q),
			});
		}
	}
}

static void read_dump(struct check *c, const char *path, const char *name)
{
	struct machine old;

	machine_init(&old, name);
	read_file(&old, path);
	find_places(c, &old);
	if (old.nr_pairs)
		take_recorded(c, &old);
	else
		take_judged(c, &old);
	machine_free(&old);
}

/* A list */

static bool is_address_like(const char *text)
{
	return strpbrk(text, ":/");
}

static int find_now(const struct machine *m, const char *text)
{
	int i;

	if (is_address_like(text))
		return find_path(m, text);
	for (i = 0; i < m->nr; i++)
		if (has_name(&m->fn[i], text))
			return i;
	return NONE;
}

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* Words of the list are looked up once: sorted first, and then found in that. */
static int find_place(struct check *c, char *text)
{
	struct place key = { .text = text }, *found;

	found = bsearch(&key, c->place, c->nr_places, sizeof(key), by_place);
	return found - c->place;
}

struct line {
	char *provider, *client, *wanted;
	int number;
};

static void parse_wanted(const struct machine *list, const struct line *line,
			 struct wanted *pair)
{
	enum grade grade;

	if (!line->wanted || !strcmp(line->wanted, REACHED)) {
		pair->reached = true;
		pair->grade = GRADE_HOST;
		return;
	}
	for (grade = 0; grade < NR_GRADES; grade++)
		if (!strcmp(line->wanted, grade_text(grade)))
			break;
	if (grade == NR_GRADES)
		bad_input(list, line->number, "\"%s\" is no answer that a pair can have",
			  line->wanted);
	pair->grade = grade;
}

static void check_word(const struct machine *list, int number, const char *text)
{
	if (is_address_like(text) && !is_path(text))
		bad_input(list, number, "\"%s\" is neither an address nor a path",
			  text);
}

/* Return: there is a pair in it. */
static bool parse_line(const struct machine *list, char *text,
		       struct line *line)
{
	static const char blank[] = " \t\r\n";
	char *state = NULL, *rest;

	text[strcspn(text, "#")] = '\0';
	line->provider = strtok_r(text, blank, &state);
	if (!line->provider)
		return false;
	line->client = strtok_r(NULL, blank, &state);
	line->wanted = line->client ? strtok_r(NULL, blank, &state) : NULL;
	rest = line->wanted ? strtok_r(NULL, blank, &state) : NULL;
	if (!line->client || rest)
		bad_input(list, line->number,
			  "no pair (PROVIDER CLIENT [ANSWER]), and no dump's first line (%s)",
			  DUMP_HEADER);
	check_word(list, line->number, line->provider);
	check_word(list, line->number, line->client);
	line->provider = copy_text(line->provider);
	line->client = copy_text(line->client);
	return true;
}

static struct line *read_lines(struct check *c, const struct machine *list,
			       FILE *file, int *nr)
{
	struct line *lines = NULL, line = { 0 };
	struct wanted pair = { 0 };
	char *text = NULL;
	size_t size = 0;
	ssize_t length;

	*nr = 0;
	while ((length = getline(&text, &size, file)) >= 0) {
		line.number++;
		if (strlen(text) != (size_t)length)
			bad_input(list, line.number, "there is a byte 0 in it");
		if (!parse_line(list, text, &line))
			continue;
		parse_wanted(list, &line, &pair);
		add_pair(c, pair);
		lines = grow(lines, *nr, sizeof(*lines));
		lines[(*nr)++] = line;
	}
	free(text);
	return lines;
}

static void collect_places(struct check *c, const struct line *lines, int nr)
{
	int i, unique = 0;

	c->place = zeroed(2 * (size_t)nr, sizeof(*c->place));
	for (i = 0; i < nr; i++) {
		c->place[2 * i].text = lines[i].provider;
		c->place[2 * i + 1].text = lines[i].client;
	}
	qsort(c->place, 2 * (size_t)nr, sizeof(*c->place), by_place);
	for (i = 0; i < 2 * nr; i++)
		if (!i || strcmp(c->place[i].text, c->place[unique - 1].text))
			c->place[unique++].text = copy_text(c->place[i].text);
	c->nr_places = unique;
	for (i = 0; i < unique; i++) {
		c->place[i].now = find_now(c->m, c->place[i].text);
		c->place[i].other = NONE;
	}
}

static void read_list(struct check *c, const char *name, FILE *file)
{
	struct machine list;
	struct line *lines;
	int nr, i;

	machine_init(&list, name);
	c->is_list = true;
	lines = read_lines(c, &list, file, &nr);
	collect_places(c, lines, nr);
	for (i = 0; i < nr; i++) {
		c->pair[i].provider = find_place(c, lines[i].provider);
		c->pair[i].client = find_place(c, lines[i].client);
	}
	for (i = 0; i < nr; i++) {
		free(lines[i].provider);
		free(lines[i].client);
	}
	free(lines);
}

/* The file */

static FILE *copy_of_input(void)
{
	FILE *copy = tmpfile();
	char buffer[4096];
	size_t size;

	if (!copy)
		err(EXIT_OTHER, "no temporary file");
	while ((size = fread(buffer, 1, sizeof(buffer), stdin)))
		if (fwrite(buffer, 1, size, copy) != size)
			err(EXIT_OTHER, "the temporary file");
	if (ferror(stdin) || fflush(copy))
		err(EXIT_OTHER, "standard input");
	rewind(copy);
	return copy;
}

static bool is_dump(FILE *file)
{
	size_t length = strlen(DUMP_HEADER);
	char start[sizeof(DUMP_HEADER)];
	bool found;

	found = fread(start, 1, length, file) == length &&
		!memcmp(start, DUMP_HEADER, length);
	rewind(file);
	return found;
}

static void read_wanted(struct check *c, const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	const char *name = is_stdin ? "standard input" : path;
	FILE *file = is_stdin ? copy_of_input() : fopen(path, "r");
	char copy[32];

	if (!file)
		err(errno == EACCES ? EXIT_NO_PERMISSION : EXIT_BAD_INPUT, "%s",
		    path);
	if (!is_dump(file)) {
		read_list(c, name, file);
	} else if (is_stdin) {
		snprintf(copy, sizeof(copy), "/proc/self/fd/%d", fileno(file));
		read_dump(c, copy, name);
	} else {
		read_dump(c, path, name);
	}
	if (ferror(file))
		err(EXIT_BAD_INPUT, "%s", name);
	fclose(file);
}

/* The differences */

enum difference { SAME, LOST, CHANGED, GAINED, GONE, NR_DIFFERENCES };

static const char * const difference_names[] = {
	[LOST] = "lost",
	[CHANGED] = "changed",
	[GAINED] = "gained",
};

static enum difference compare(const struct wanted *w, enum grade now)
{
	if (now == w->grade || (w->reached && now > w->grade))
		return SAME;
	if (now > w->grade)
		return GAINED;
	return now == GRADE_NOTHING || (w->reached && now < GRADE_HOST) ?
	       LOST : CHANGED;
}

static const char *wanted_text(const struct wanted *w)
{
	return w->reached ? REACHED : grade_text(w->grade);
}

static void print_difference(const struct check *c, const struct wanted *w,
			     enum difference what,
			     const struct pci_p2pdma_query *q)
{
	enum grade now = grade_of(q);

	printf("%s: %s %s: %s %s, is %s", difference_names[what],
	       address_text(&q->provider), address_text(&q->client),
	       c->is_list ? "wanted" : "was", wanted_text(w),
	       now == GRADE_NOTHING ? "not supported" : grade_text(now));
	if (what != GAINED)
		printf(": %s, at %s", rules_reason(q->reason),
		       address_text(&q->at));
	putchar('\n');
}

static void print_difference_json(const struct wanted *w, enum difference what,
				  const struct pci_p2pdma_query *q, bool first)
{
	printf("%s{\"difference\":\"%s\",\"provider\":\"%s\",\"client\":\"%s\",",
	       first ? "" : ",", difference_names[what],
	       address_text(&q->provider), address_text(&q->client));
	printf("\"wanted\":\"%s\",\"is\":\"%s\",\"reason\":", wanted_text(w),
	       grade_text(grade_of(q)));
	print_json_text(rules_reason(q->reason));
	printf(",\"at\":\"%s\"}", address_text(&q->at));
}

/* A function that no client was to reach, and that reached none, isn't missed. */
static enum difference compare_pair(struct check *c, const struct wanted *w,
				    struct pci_p2pdma_query *q)
{
	struct place *provider = &c->place[w->provider];
	struct place *client = &c->place[w->client];

	provider->asked = true;
	client->asked = true;
	if (provider->now != NONE && client->now != NONE) {
		ask(c->m, provider->now, client->now, q);
		return compare(w, grade_of(q));
	}
	if (w->grade == GRADE_NOTHING)
		return SAME;
	provider->missed |= provider->now == NONE;
	client->missed |= client->now == NONE;
	return GONE;
}

static void compare_all(struct check *c, int count[NR_DIFFERENCES])
{
	struct pci_p2pdma_query q;
	bool first = true;
	int i;

	for (i = 0; i < c->nr; i++) {
		enum difference what = compare_pair(c, &c->pair[i], &q);

		count[what]++;
		if (what == SAME || what == GONE ||
		    (what == GAINED && !selection.all))
			continue;
		if (json)
			print_difference_json(&c->pair[i], what, &q, first);
		else
			print_difference(c, &c->pair[i], what, &q);
		first = false;
	}
}

static void print_gone(const struct check *c)
{
	const char *comma = "";
	int i;

	for (i = 0; i < c->nr_places; i++) {
		if (!c->place[i].missed)
			continue;
		if (json) {
			fputs(comma, stdout);
			print_json_text(c->place[i].text);
		} else {
			printf("gone: %s is not here", c->place[i].text);
			if (c->place[i].other != NONE)
				printf(", but a %s in its place",
				       kind_text(&c->m->fn[c->place[i].other]));
			putchar('\n');
		}
		comma = ",";
	}
}

static void print_replaced(const struct check *c)
{
	const char *comma = "";
	int i;

	for (i = 0; i < c->nr_places; i++) {
		const struct place *place = &c->place[i];
		const struct function *now;

		if (!place->model || !place->asked)
			continue;
		now = &c->m->fn[place->now];
		if (json)
			printf("%s{\"address\":\"%s\",\"was\":\"%04x:%04x\",\"is\":\"%04x:%04x\"}",
			       comma, address_text(&now->address),
			       place->model >> 16, place->model & 0xffff,
			       now->vendor, now->device);
		else
			printf("replaced: %s was %04x:%04x, is %04x:%04x\n",
			       address_text(&now->address), place->model >> 16,
			       place->model & 0xffff, now->vendor, now->device);
		comma = ",";
	}
}

static void print_count(const struct check *c, const int count[NR_DIFFERENCES])
{
	int as_before = count[SAME] + count[GAINED];

	if (as_before == c->nr)
		printf("%d pair%s %s\n", c->nr, c->nr == 1 ? "" : "s",
		       c->is_list ? "as wanted" : "as before");
	else
		printf("%d of %d pairs %s\n", as_before, c->nr,
		       c->is_list ? "as wanted" : "as before");
}

static void report(struct check *c, int count[NR_DIFFERENCES])
{
	if (!json) {
		compare_all(c, count);
		print_gone(c);
		print_replaced(c);
		print_count(c, count);
		print_assumed(c->m);
		return;
	}
	printf("{\"differences\":[");
	compare_all(c, count);
	printf("],\"gone\":[");
	print_gone(c);
	printf("],\"replaced\":[");
	print_replaced(c);
	printf("],\"pairs\":%d,\"as_before\":%d,\"lost\":%d,\"changed\":%d,",
	       c->nr, count[SAME] + count[GAINED], count[LOST] + count[GONE],
	       count[CHANGED]);
	printf("\"gained\":%d,", count[GAINED]);
	print_json_assumed(c->m);
	printf("}\n");
}

int command_check(struct machine *m, const char *path)
{
	struct check c = { .m = m };
	int count[NR_DIFFERENCES] = { 0 }, i;

	read_wanted(&c, path);
	/* A dump that was cut off to nothing must not pass for ever. */
	if (!c.nr)
		errx(EXIT_BAD_INPUT, "%s: there is no pair to check in it", path);
	report(&c, count);
	for (i = 0; i < c.nr_places; i++)
		free(c.place[i].text);
	free(c.place);
	free(c.pair);
	return count[LOST] || count[CHANGED] || count[GONE] ? EXIT_NO : EXIT_YES;
}
