/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the library's own slices and buffers and what the public header shows of them. */
#ifndef GUICHET_BLOB_H
#define GUICHET_BLOB_H

#include <guichet/guichet.h>

#include "protocol/buf.h"

static inline struct slice
slice_of_public(struct guichet_bytes bytes)
{
	return (struct slice){ bytes.data, bytes.size };
}

static inline struct guichet_bytes
public_of_slice(struct slice s)
{
	return (struct guichet_bytes){ s.data, s.size };
}

/* Takes ownership of a buffer, also on failure. NULL when it is NULL or failed, or memory is short. */
must_check struct guichet_blob *blob_take(struct buf *buf);

#endif
