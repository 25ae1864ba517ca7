/* SPDX-License-Identifier: Apache-2.0
 *
 * zlib (RFC 1950) to and from a size that is known beforehand. One stream is kept and reset, since making
 * one costs more than inflating a return. Not for use by two threads. */
#ifndef GUICHET_DEFLATE_H
#define GUICHET_DEFLATE_H

#include "protocol/arena.h"
#include "protocol/buf.h"
#include "protocol/error.h"

struct inflater;

must_check struct inflater *inflater_create(void);
void inflater_destroy(struct inflater *inflater);
/* Inflates exactly `size` bytes into the arena. ERROR_inflate_failed when the input is damaged, ends early, has
 * bytes left over, or would give more or fewer than `size`; never writes more than `size`. */
must_check enum error inflater_run(struct inflater *inflater, struct slice compressed, size_t size, struct arena *arena,
    struct slice *out);

/* Appends `bytes` compressed at level 6. */
void deflate_put(struct buf *buf, struct slice bytes);

#endif
