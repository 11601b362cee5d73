// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: long lines on a terminal
 *
 * What is printed between wrap_begin() and wrap_end() is cut at the terminal's
 * width, and goes on further to the right. Programs and files get whole lines.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

#define CONTINUED	4	/* columns of a second line, more than the first's */

/* stdout is a variable in glibc: for a while it is memory. */
static struct {
	FILE *out;
	char *text;
	size_t size;
} wrap;

/* Bytes of a character or of a code for colours, and the columns it takes */
static int next_character(const char *text, int *columns)
{
	int length = 1;

	*columns = *text != '\033';
	if (*text == '\033') {
		length = strcspn(text, "m");
		return text[length] ? length + 1 : length;
	}
	while ((text[length] & 0xc0) == 0x80)
		length++;
	return length;
}

/*
 * Where to cut a text that has @room columns: after the last comma, else
 * before a word. NULL: it fits, or is one long word.
 */
static const char *find_cut(const char *text, int room)
{
	const char *comma = NULL, *space = NULL, *s;
	int columns, column = 0;

	for (s = text; *s; s += next_character(s, &columns), column += columns) {
		if (column > room && (comma || space))
			return comma ? comma : space;
		if (*s != ' ' || s == text)
			continue;
		if (s[-1] == ',' && column <= room)
			comma = s;
		space = s;
	}
	if (column <= room)
		return NULL;
	return comma ? comma : space;
}

static void print_wrapped(const char *line, int width)
{
	int indent = strspn(line, " "), room;
	const char *cut;

	/* The deepest of trees leaves half of the width to words. */
	line += indent;
	if (indent > width / 2)
		indent = width / 2;
	room = width - indent;
	printf("%*s", indent, "");
	while ((cut = find_cut(line, room))) {
		int length = cut - line;

		while (length && line[length - 1] == ' ')
			length--;
		printf("%.*s\n%*s", length, line, indent + CONTINUED, "");
		line = cut + 1;
		room = width - indent - CONTINUED;
	}
	printf("%s\n", line);
}

void wrap_begin(void)
{
	if (!isatty(STDOUT_FILENO) && !getenv("COLUMNS"))
		return;
	wrap.out = stdout;
	stdout = open_memstream(&wrap.text, &wrap.size);
	if (!stdout)
		out_of_memory();
}

void wrap_end(void)
{
	char *line, *rest;

	if (!wrap.out)
		return;
	if (fclose(stdout))
		out_of_memory();
	stdout = wrap.out;
	wrap.out = NULL;
	rest = wrap.text;
	while ((line = strsep(&rest, "\n")))
		if (rest)
			print_wrapped(line, terminal_width());
	free(wrap.text);
}
