/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts on their way to a terminal. */
#include "client/cli/terminal.h"

#include "protocol/character.h"

static bool
is_obeyed(uint32_t character, enum terminal_text kind)
{
	if (character == '\n')
		return kind != TERMINAL_LINES;
	return character_is_control(character);
}

void
terminal_print(FILE *to, struct slice text, enum terminal_text kind)
{
	while (text.size != 0) {
		uint32_t character = 0;
		size_t size = slice_take_character(text, &character);
		if (size == 0)
			fprintf(to, "\\x%02x", text.data[0]);
		else if (is_obeyed(character, kind))
			fprintf(to, "\\u%04x", (unsigned)character);
		else
			fwrite(text.data, 1, size, to);
		text = slice_from(text, size != 0 ? size : 1);
	}
}
