/* SPDX-License-Identifier: Apache-2.0
 *
 * The origin of an office: its name in all that is signed for it, for ever. It is a word of every manifest and the name
 * of the log's key, so it keeps the rules of both: of the names that C2SP signed-note allows for a key (no space, no
 * plus) those that a line of visible ASCII can carry. */
#ifndef GUICHET_ORIGIN_H
#define GUICHET_ORIGIN_H

#include "protocol/bytes.h"
#include "protocol/limits.h"

/* What is said where another was found. */
#define ORIGIN_EXPECTED "1 to 128 characters of visible ASCII, 0x21 to 0x7e, without \"+\""

/* 1 to LIMIT_ORIGIN bytes 0x21 to 0x7e, none of them "+". */
bool origin_valid(struct slice origin);

#endif
