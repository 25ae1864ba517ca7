/* SPDX-License-Identifier: Apache-2.0
 *
 * The receipt [accusé de réception] (A17): a JSON body, built once, stored, logged as a leaf and returned byte for
 * byte ever after. Its first member is the type, its second a random nonce. */
#ifndef GUICHET_RECEIPT_H
#define GUICHET_RECEIPT_H

#include "protocol/arena.h"
#include "protocol/buf.h"
#include "protocol/error.h"
#include "protocol/limits.h"

/* ---- receipt numbers ---- */

/* Four groups of four from Crockford's base 32 alphabet, "K7QX-2M4T-9ZRB-4H8W": 75 random bits and a last character
 * that checks the others (Luhn mod 32). */
#define RECEIPT_NUMBER_SIZE ((size_t)19)
/* Writes the number for 10 random bytes, NUL-terminated. */
void receipt_number_make(const uint8_t random[10], char out[RECEIPT_NUMBER_SIZE + 1]);
/* Reads what a person typed: any case, with or without dashes or spaces, O as 0, I and L as 1. Writes the canonical
 * form; false when it is no number or its check character is wrong. */
must_check bool receipt_number_parse(struct slice typed, char out[RECEIPT_NUMBER_SIZE + 1]);

/* ---- body ---- */

#define RECEIPT_TYPE "guichet-receipt"

struct receipt_person {
	struct slice spi;
	struct slice birth_name;
	struct slice first_names;
};

struct receipt_signer {
	struct slice spi;
	uint8_t serial[SERIAL_SIZE];
	uint64_t signing_time;
};

struct receipt_document {
	struct slice type;
	struct slice media_type;
	uint64_t size;
	uint8_t digest[DIGEST_SIZE];
};

/* A paper still to be sent (A14, A17). */
struct receipt_pending {
	struct slice paper; /* code in the catalogue, "rib" */
	struct slice text;  /* French, from the catalogue */
	struct slice way;   /* "post" or "online" */
	struct slice box;   /* the box that calls for it; may be empty */
};

struct receipt {
	uint8_t nonce[16];
	struct slice number;
	struct slice origin, campaign;
	uint64_t income_year;
	uint64_t received_at; /* seconds since 1970 */
	uint8_t filing_id[DIGEST_SIZE];
	struct slice replaces; /* number; empty: none */
	bool in_time;
	struct slice deadline; /* ISO 8601 with offset; empty: none known */
	struct slice mode;     /* "online", "offline" */
	struct receipt_person *persons;
	size_t persons_count;
	struct receipt_signer *signers;
	size_t signers_count;
	struct receipt_document *documents;
	size_t documents_count;
	struct receipt_pending *pending;
	size_t pending_count;
};

/* Appends the body: compact JSON, members in a fixed order, UTF-8, "type" and "nonce" first, times both as Paris civil time
 * with offset and as UTC. */
void receipt_put(struct buf *buf, const struct receipt *receipt);
/* Parses a body: type first, nonce second, every member present and of its type, none unknown. Slices live in the arena. */
must_check enum error receipt_parse(struct slice body, struct arena *arena, struct receipt *out, struct fault *fault);
/* Appends the receipt as a taxpayer reads it, in French, lines of at most 78 columns. */
void receipt_print_french(struct buf *buf, const struct receipt *receipt);

/* ---- times ---- */

/* Appends "2026-11-22T15:40:29Z". */
void time_put_utc(struct buf *buf, uint64_t time);
/* Appends Paris civil time, "2026-11-22T16:40:29+01:00", by the rule in force since 1996 (summer time from the last Sunday
 * of March to the last of October, 01:00 UTC): pure, needs no zone files. */
void time_put_paris(struct buf *buf, uint64_t time);
/* Parses what time_put_utc writes. */
must_check bool time_parse_utc(struct slice text, uint64_t *out);

#endif
