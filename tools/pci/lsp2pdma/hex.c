// SPDX-License-Identifier: GPL-2.0
/*
 * lsp2pdma: lines of bytes, as lspci -x, -xxx and -xxxx print config space
 *
 * 16 bytes a line, from 00 on, each line after the one before. While lines
 * come, function::known counts them; whether their number makes sense is judged
 * at the function's end, by text.c and dump.c.
 */
#include <string.h>

#include "machine.h"

#define BYTES	16

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return NONE;
}

bool parse_hex(const char **text, int digits, unsigned int *value)
{
	int i, digit;

	*value = 0;
	for (i = 0; i < digits; i++, (*text)++) {
		digit = hex_digit(**text);
		if (digit == NONE)
			break;
		*value = *value << 4 | digit;
	}
	return i;
}

/* "00: " to "ff0: ". What follows the colon of an address is a digit. */
static const char *parse_offset(const char *line, unsigned int *offset)
{
	const char *s = line;

	parse_hex(&s, 3, offset);
	if (s - line < 2 || *s != ':' || (s[1] && s[1] != ' '))
		return NULL;
	return s + 1;
}

static bool parse_bytes(const char *s, unsigned char bytes[BYTES])
{
	int i;

	for (i = 0; i < BYTES; i++, s += 3) {
		if (s[0] != ' ' || hex_digit(s[1]) == NONE ||
		    hex_digit(s[2]) == NONE)
			return false;
		bytes[i] = hex_digit(s[1]) << 4 | hex_digit(s[2]);
	}
	return !s[strspn(s, " ")];
}

bool read_hex_line(struct machine *m, struct function *f, const char *line,
		   int number)
{
	unsigned char bytes[BYTES];
	unsigned int offset;
	const char *s = parse_offset(line, &offset);

	if (!s)
		return false;
	if (!f)
		bad_input(m, number, "bytes that belong to no function");
	if (offset != f->known)
		bad_input(m, number, "truncated hex: offset %02x where %02x is next",
			  offset, f->known);
	if (!parse_bytes(s, bytes))
		bad_input(m, number, "truncated hex: these aren't %d bytes", BYTES);
	memcpy(f->config + offset, bytes, BYTES);
	f->known += BYTES;
	return true;
}
