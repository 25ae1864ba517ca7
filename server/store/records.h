/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored records as structs (struct rec_NAME) with their descriptors (record_NAME()), made from records.def, and the
 * two functions that turn them into values and back. */
#ifndef GUICHET_RECORDS_H
#define GUICHET_RECORDS_H

#include "protocol/arena.h"
#include "protocol/error.h"
#include "protocol/key.h"
#include "protocol/limits.h"
#include "protocol/record.h"

/* Persons of a household, at most: rows of the lists in records that name them, so that what is read has no more. */
#define PERSONS_MAX ((size_t)16)

/* The message that a certificate was asked for with: a PKCS#10 request, and short texts beside it. */
#define EVIDENCE_MESSAGE_MAX ((size_t)LIMIT_CSR + 1024)

#define RECORD_TABLE "server/store/records.def"
#define RECORD_STRUCT(name) rec_##name
#include "protocol/record_structs.h"

#define RECORD_TABLE "server/store/records.def"
#define RECORD(name, about) const struct record *record_##name(void);
#define OPERATION(number, name, request, answer, roles, effect, article, about)
#include "protocol/record_rows.h"

/* The value to be stored, in the arena; an empty slice when memory is short, or for a record outside the limits
 * of its table, which is our own mistake: nothing is stored then, and the commit fails. */
must_check struct slice record_encode(const struct record *record, const void *value, struct arena *arena);
/* A stored value into its struct (slices borrowed from `stored`). ERROR_store_damaged when it is not one. */
must_check enum error record_decode(const struct record *record, struct slice stored, struct arena *arena, void *out);

/* The key of a certificate's record. */
struct key_public record_certificate_key(const struct rec_certificate *certificate);

/* The leaf's data out of any archive blob (archive_entry), whatever else it holds. */
must_check enum error record_decode_leaf(struct slice stored, struct arena *arena, struct slice *leaf);

#endif
