/* SPDX-License-Identifier: Apache-2.0
 *
 * Deterministic CBOR (RFC 8949 4.2.1), only the forms the messages use: unsigned integers, byte and text strings,
 * arrays, maps, true and false. A reader accepts the shortest form only, definite lengths only, well-formed UTF-8
 * only, and no length beyond the bytes that are left; anything else makes the get fail.
 *
 * Why not libcbor's cbor_stream_decode: it takes longer forms, indefinite lengths, text that is not UTF-8 and counts
 * beyond the bytes left, so that a wrapper would have to read every head again to refuse them, and the whole of the
 * strictness would still be ours. Measured with libcbor 0.8 on one core, both built with -O2, in turns, median of 21
 * rounds of 200,000, in nanoseconds a message, by filing message:
 *
 *                                       libcbor, checking    the same behind    items here,      cbor_skip,
 *                                       nothing              all our checks     each checked     all checks
 *     file_request, P-256, 582 bytes    190                  320                140              201
 *     file_request, RSA, 905 bytes      190                  322                142              204
 *     receipt_answer, P-256, 1149       71                   113                56               75
 *
 * Either is a thousandth of what a filing costs: the reason is one place that decides what is well formed, and one
 * library less in what vendors link. tests/unit/test_cbor.c has libcbor as its oracle: `make build/tests/test_cbor &&
 * build/tests/test_cbor` shows that whatever is accepted here, libcbor reads as the same values. */
#ifndef GUICHET_CBOR_H
#define GUICHET_CBOR_H

#include "protocol/buf.h"

/* A cursor over borrowed bytes. Set rest to the whole, then get item after item; a failed get leaves it unspecified. */
struct cbor_reader {
	struct slice rest;
};

enum cbor_type { CBOR_UINT, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_BOOL, CBOR_OTHER };

/* Type of the next item; CBOR_OTHER at the end or for a form not used here. */
enum cbor_type cbor_peek_type(const struct cbor_reader *reader);

must_check bool cbor_get_uint(struct cbor_reader *reader, uint64_t *value);
must_check bool cbor_get_bool(struct cbor_reader *reader, bool *value);
/* Borrowed from the reader's bytes. */
must_check bool cbor_get_bytes(struct cbor_reader *reader, struct slice *value);
must_check bool cbor_get_text(struct cbor_reader *reader, struct slice *value);
/* Heads: the items (2 per map entry) follow. Never more than the bytes left could hold. */
must_check bool cbor_get_array(struct cbor_reader *reader, size_t *count);
must_check bool cbor_get_map(struct cbor_reader *reader, size_t *count);
/* Passes over one whole item, nested at most depth_max deep; checks it as strictly, map keys in order
 * included. Iterative or depth-bounded, never recursion that a peer chooses. */
must_check bool cbor_skip(struct cbor_reader *reader, unsigned depth_max);

void cbor_put_uint(struct buf *buf, uint64_t value);
void cbor_put_bool(struct buf *buf, bool value);
void cbor_put_bytes(struct buf *buf, struct slice value);
void cbor_put_text(struct buf *buf, struct slice value);
void cbor_put_array(struct buf *buf, size_t count);
void cbor_put_map(struct buf *buf, size_t count);

#endif
