/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts on their way to a terminal. Whoever wrote them, an office above all, is not to steer it. */
#ifndef GUICHET_TERMINAL_H
#define GUICHET_TERMINAL_H

#include <stdio.h>

#include "protocol/bytes.h"

enum terminal_text {
	TERMINAL_LINE,  /* a line end in it is no line end here */
	TERMINAL_LINES, /* line feeds stay */
};

/* Writes a text. What a terminal obeys stands as JSON writes it, \u001b: control characters (C0, DEL, C1) and the marks
 * that turn the direction of writing (U+202A to U+202E, U+2066 to U+2069). So JSON stays the same JSON. Bytes that are
 * no UTF-8 stand as \xNN. */
void terminal_print(FILE *to, struct slice text, enum terminal_text kind);

#endif
