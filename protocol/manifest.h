/* SPDX-License-Identifier: Apache-2.0
 *
 * The signed text of a filing: canonical UTF-8, LF lines, fixed order, no options. Its SHA-256 is the filing's id.
 *
 *   guichet-filing 1
 *   origin guichet.example/2026
 *   campaign ir-2025
 *   subject spi 3023217600053                 (or: subject siren 732829320 tva)
 *   replaces none                             (or a receipt number)
 *   mode online                               (or offline)
 *   document 2042 application/json 1103 <SHA-256, 64 lower-case hexadecimal digits>
 *   document ...                              (one line each, at least one, at most LIMIT_DOCUMENTS)
 *
 * Same bytes for the same content: parse(format(m)) is m and format(parse(t)) is t. No two documents share a digest.
 * An attachment's type begins with "attachment/" and a word that says what it is.
 *
 * Words are parted by one space. Origin: see origin.h. Campaign, tax and types:
 * letters, digits and ._/- , at most LIMIT_LABEL. Return documents are application/json of at most LIMIT_RETURN_SIZE;
 * attachments have one of manifest_media_types and at most LIMIT_ATTACHMENT_SIZE. No document is empty; sizes are
 * decimal without leading zeros. A receipt number stands in its canonical form. */
#ifndef GUICHET_MANIFEST_H
#define GUICHET_MANIFEST_H

#include "protocol/arena.h"
#include "protocol/buf.h"
#include "protocol/error.h"
#include "protocol/limits.h"

/* First bytes of every attachment's type. */
#define MANIFEST_ATTACHMENT "attachment/"
/* Media type of return documents. */
#define MANIFEST_RETURN_MEDIA "application/json"

enum manifest_mode { MODE_ONLINE = 1, MODE_OFFLINE = 2 };

struct manifest_document {
	struct slice type;       /* form, or attachment type */
	struct slice media_type;
	uint64_t size;
	uint8_t digest[DIGEST_SIZE];
};

struct manifest {
	struct slice origin;
	struct slice campaign;
	struct slice spi;   /* 13 digits; empty for a company */
	struct slice siren; /* 9 digits; empty for a person */
	struct slice tax;   /* with siren: which tax */
	struct slice replaces; /* receipt number; empty for none */
	enum manifest_mode mode;
	struct manifest_document *documents;
	size_t documents_count;
};

/* Appends the text. Content that the text cannot carry (a space in a word, no document) fails `buf`. */
void manifest_put(struct buf *buf, const struct manifest *manifest);
/* Parses; slices are borrowed from `text`, documents from the arena. ERROR_manifest_malformed, or for an attachment
 * ERROR_media_type_refused, with the line in fault->place ("line 4"), what stood there (shortened, and nothing but
 * visible ASCII) and what was expected; ERROR_out_of_memory when the arena is full. Checks syntax, sizes against the
 * limits and the check digits of SPI, SIREN and receipt number; nothing that needs a record. */
must_check enum error manifest_parse(struct slice text, struct arena *arena, struct manifest *out, struct fault *fault);
/* True for a return document (form), false for an attachment. */
bool manifest_is_return(const struct manifest_document *document);

/* A tax number [numéro fiscal, SPI]: 13 digits, the first 0 to 3, the last three the first ten modulo 511, not all 0.
 * Pure arithmetic: says nothing of whether anyone has it. */
bool spi_valid(struct slice spi);
/* A company's number [SIREN]: 9 digits, the last one a check digit (Luhn), not all 0. */
bool siren_valid(struct slice siren);
/* Media types that attachments may have, ended by NULL. */
const char *const *manifest_media_types(void);

#endif
