/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts on their way to a terminal. */
#include "client/cli/terminal.h"

/* The character that a text begins with and how many bytes it has; 0 bytes when they are no UTF-8. */
static size_t
take_character(struct slice text, uint32_t *character)
{
	uint8_t first = text.data[0];
	size_t size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

	if (size > text.size || !slice_is_utf8(slice_of(text.data, size)))
		return 0;
	*character = size == 1 ? first : first & (0x7fU >> size);
	for (size_t i = 1; i < size; i++)
		*character = *character << 6 | (text.data[i] & 0x3fU);
	return size;
}

static bool
is_obeyed(uint32_t character, enum terminal_text kind)
{
	if (character == '\n')
		return kind != TERMINAL_LINES;
	return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
	    (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

void
terminal_print(FILE *to, struct slice text, enum terminal_text kind)
{
	while (text.size != 0) {
		uint32_t character = 0;
		size_t size = take_character(text, &character);
		if (size == 0)
			fprintf(to, "\\x%02x", text.data[0]);
		else if (is_obeyed(character, kind))
			fprintf(to, "\\u%04x", (unsigned)character);
		else
			fwrite(text.data, 1, size, to);
		text = slice_from(text, size != 0 ? size : 1);
	}
}
