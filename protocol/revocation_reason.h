/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a certificate is revoked: THE list of reasons, those of RFC 5280 5.3.1 that can be true of a holder's certificate
 * and are final. The command lines take a reason by its word, messages, log and list of revocations have its number. */
#ifndef GUICHET_REVOCATION_REASON_H
#define GUICHET_REVOCATION_REASON_H

#include "protocol/bytes.h"

/* FIRST and then NEXT, each (number, name, word): two, so that a text made of all can part them. */
#define REVOCATION_REASONS(FIRST, NEXT)                                                                                \
	FIRST(0, unspecified, "unspecified")                                                                           \
	NEXT(1, key_compromise, "key-compromise")                                                                      \
	NEXT(3, affiliation_changed, "affiliation-changed")                                                            \
	NEXT(4, superseded, "superseded")                                                                              \
	NEXT(5, cessation, "cessation")

enum revocation_reason {
#define REVOCATION_REASON(number, name, word) REVOCATION_REASON_##name = (number),
	REVOCATION_REASONS(REVOCATION_REASON, REVOCATION_REASON)
#undef REVOCATION_REASON
};

/* "unspecified, key-compromise, ..." and "0 unspecified, 1 key-compromise, ...": string literals. */
#define REVOCATION_REASON_WORDS REVOCATION_REASONS(REVOCATION_FIRST_WORD, REVOCATION_NEXT_WORD)
#define REVOCATION_REASON_NUMBERS REVOCATION_REASONS(REVOCATION_FIRST_NUMBER, REVOCATION_NEXT_NUMBER)
#define REVOCATION_FIRST_WORD(number, name, word) word
#define REVOCATION_NEXT_WORD(number, name, word) ", " word
#define REVOCATION_FIRST_NUMBER(number, name, word) #number " " word
#define REVOCATION_NEXT_NUMBER(number, name, word) ", " #number " " word

/* The word for a number, which may come from a peer or a record; NULL when the list has none. A constant. */
const char *revocation_reason_word(uint64_t number);
/* The number of a word; false when there is none such. */
must_check bool revocation_reason_find(struct slice word, uint64_t *number);

#endif
