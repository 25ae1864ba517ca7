/* SPDX-License-Identifier: Apache-2.0
 *
 * A queue of bytes with a maximum: appended at the end, consumed from the front. Grammar: put appends,
 * consume drops from the front, peek looks.
 *
 * Appending past the maximum, or when memory is short, marks the buffer failed: it stays as it was, later
 * puts do nothing, and buf_ok says so. So a run of puts is checked once, at its end. A slice from
 * buf_peek is valid until the next put, reserve, consume or reset. Not for use by two threads. */
#ifndef GUICHET_BUF_H
#define GUICHET_BUF_H

#include "protocol/bytes.h"

struct buf;

/* An empty buffer that will hold at most size_max bytes; NULL when memory is short. Holds no memory of its
 * own until the first put. */
must_check struct buf *buf_create(size_t size_max);
/* Wipes and frees. NULL is allowed. */
void buf_destroy(struct buf *buf);
/* Wipes, empties, forgets a failure and gives the memory back. */
void buf_reset(struct buf *buf);
/* Wipes, empties, forgets a failure; keeps the memory. */
void buf_clear(struct buf *buf);
/* Gives memory back when much less is held than is allocated; what is held stays, slices of it end. */
void buf_shrink(struct buf *buf);
/* What it holds is no secret (ciphertext, for instance): it is not wiped from now on. */
void buf_set_public(struct buf *buf);

/* False once a put did not fit. */
must_check bool buf_ok(const struct buf *buf);
/* Marks the buffer failed: for an encoder that finds its value cannot be encoded. */
void buf_fail(struct buf *buf);
size_t buf_size(const struct buf *buf);
/* Bytes of memory it takes, used or not. */
size_t buf_allocated(const struct buf *buf);
/* How many more bytes fit. */
size_t buf_space(const struct buf *buf);
/* All bytes held, from the front. */
struct slice buf_peek(const struct buf *buf);

void buf_put(struct buf *buf, struct slice s);
void buf_put_text(struct buf *buf, const char *text);
void buf_put_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Lower-case hexadecimal, two digits a byte. */
void buf_put_hex(struct buf *buf, struct slice s);
/* A number in decimal digits. */
void buf_put_decimal(struct buf *buf, uint64_t value);
void buf_put_u8(struct buf *buf, uint8_t value);
void buf_put_u64(struct buf *buf, uint64_t value);
/* Overwrites `s.size` bytes at `at`, which must exist (asserted). */
void buf_poke(struct buf *buf, size_t at, struct slice s);

/* Room for `size` more bytes to be written in place; NULL (and failed) when they do not fit. Follow with
 * buf_commit of how many were written, at most `size`. */
must_check uint8_t *buf_reserve(struct buf *buf, size_t size);
void buf_commit(struct buf *buf, size_t size);

/* Drops `size` bytes from the front; there must be as many (asserted). */
void buf_consume(struct buf *buf, size_t size);

#endif
