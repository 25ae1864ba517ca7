/* SPDX-License-Identifier: Apache-2.0
 *
 * Kinds of Unicode characters, for texts that people type and others have to read. Pure. */
#ifndef GUICHET_CHARACTER_H
#define GUICHET_CHARACTER_H

#include "protocol/bytes.h"

/* The Unicode property White_Space. */
bool character_is_space(uint32_t character);
/* What moves, ends or turns a line instead of standing in it: C0, DEL, C1, separators of lines and paragraphs, and the
 * embeddings, overrides and isolates of Unicode's annex 9. */
bool character_is_control(uint32_t character);
/* Neither of both, nor one of those that show nothing: joiners, marks of direction, soft hyphen, fillers. */
bool character_is_seen(uint32_t character);

/* UTF-8 of characters that are all seen: one word. */
bool text_is_word(struct slice text);
/* UTF-8 without controls, of which something is seen: what a person can be called. */
bool text_is_name(struct slice text);

#endif
