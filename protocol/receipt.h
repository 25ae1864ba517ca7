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
#include "protocol/receipt_number.h"
#include "protocol/time.h"

#define RECEIPT_TYPE "guichet-receipt"

struct receipt_person {
	struct slice spi;
	struct slice birth_name;
	struct slice first_names;
};

struct receipt_signer {
	struct slice spi; /* of the holder; empty when the certificate has none */
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
	uint64_t last_in_time; /* last second in which it would have been in time (A12); 0: none known */
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

/* Appends the body: compact JSON, members in the order of the struct, UTF-8, "type" and "nonce" first, times both as
 * Paris civil time with offset and as UTC. Fails `buf` on what receipt_parse would refuse. */
void receipt_put(struct buf *buf, const struct receipt *receipt);
/* Parses a body: type first, nonce second, every member present, in order and of its type, none unknown. Slices live in
 * the arena. ERROR_json_malformed with the member's name in fault->place. */
must_check enum error receipt_parse(struct slice body, struct arena *arena, struct receipt *out, struct fault *fault);
/* Appends the receipt as a taxpayer reads it, in French, lines of at most 78 columns (receipt_print.c). */
void receipt_print_french(struct buf *buf, const struct receipt *receipt);

#endif
