/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors: what a table of records says about one record, for the encoder, decoder and printer to walk. */
#ifndef GUICHET_RECORD_H
#define GUICHET_RECORD_H

#include "protocol/bytes.h"

struct record;

enum field_type { FIELD_UINT, FIELD_BOOL, FIELD_BYTES, FIELD_TEXT, FIELD_LIST };

struct field {
	unsigned key; /* CBOR map key, rising within a record */
	enum field_type type;
	const char *name;
	const char *about;
	bool required;
	bool is_private;       /* a number that a fault does not tell */
	uint64_t min, max;     /* value of a UINT, bytes of BYTES and TEXT, rows of a LIST */
	size_t offset;         /* in the struct: value, slice or pointer */
	size_t has_offset;     /* the bool of an optional field */
	size_t count_offset;   /* the count of a list */
	const struct record *(*list_of)(void);
};

struct record {
	const char *name;
	const char *about;
	size_t size; /* of the struct */
	const struct field *fields;
	size_t fields_count;
};

#endif
