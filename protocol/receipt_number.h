/* SPDX-License-Identifier: Apache-2.0
 *
 * Receipt numbers [numéro d'accusé de réception] (A17): four groups of four from Crockford's base 32 alphabet (no I, L,
 * O, U), "K7QX-2M4T-9ZRB-4H8W". 75 random bits and a last character that checks the others (Luhn mod 32): one wrong
 * character is always found, two neighbours exchanged always but for 0 and Z. */
#ifndef GUICHET_RECEIPT_NUMBER_H
#define GUICHET_RECEIPT_NUMBER_H

#include "protocol/bytes.h"

#define RECEIPT_NUMBER_SIZE ((size_t)19)

/* Writes the number for 10 random bytes (their first 75 bits), NUL-terminated. */
void receipt_number_make(const uint8_t random[10], char out[RECEIPT_NUMBER_SIZE + 1]);
/* Reads what a person typed: any case, with or without dashes or spaces, O as 0, I and L as 1. Writes the canonical
 * form; false when it is no number or its check character is wrong. */
must_check bool receipt_number_parse(struct slice typed, char out[RECEIPT_NUMBER_SIZE + 1]);
/* Has it the form of one, though its check character may be wrong: sixteen characters of those? */
bool receipt_number_has_form(struct slice typed);
/* What to say of a text that is none, by whether it has the form. */
#define RECEIPT_NUMBER_MISTYPED                                                                                        \
	"the receipt number to the character: its last character checks the others, and says that one is mistyped"
#define RECEIPT_NUMBER_FORM "a receipt number, four groups of four letters and digits as on the receipt"
/* Is this the canonical form of a number? */
bool receipt_number_valid(struct slice number);

#endif
