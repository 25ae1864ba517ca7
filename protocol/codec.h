/* SPDX-License-Identifier: Apache-2.0
 *
 * One encoder and one decoder for every record: they walk its descriptor (record.h). */
#ifndef GUICHET_CODEC_H
#define GUICHET_CODEC_H

#include "protocol/arena.h"
#include "protocol/buf.h"
#include "protocol/error.h"
#include "protocol/record.h"

enum codec_unknown {
	CODEC_REQUEST, /* an unknown odd key is refused, an unknown even one ignored */
	CODEC_ANSWER,  /* every unknown key is ignored */
	CODEC_STORED,  /* every unknown key is refused: nobody else writes these */
};

/* Decodes `bytes`, all of it, into `out` (zeroed first; record->size bytes, lists in the arena, slices borrowed
 * from `bytes`). Every limit of the table is checked. Errors: message_malformed (not deterministic CBOR of this
 * shape), field_unknown, field_missing, field_invalid, out_of_memory. On failure *fault names the field as
 * "record.field", in a row "record.list[n].field" with n from 0; the number, or the size of the string, that was
 * found, never its content; and what was expected. Its texts live in the arena. */
must_check enum error codec_decode(const struct record *record, struct slice bytes, enum codec_unknown unknown,
    struct arena *arena, void *out, struct fault *fault);

/* Appends the deterministic encoding. A value outside the table's limits is our own mistake and fails `buf`. */
void codec_encode(const struct record *record, const void *value, struct buf *buf);

#endif
