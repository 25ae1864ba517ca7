/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that a caller owns: a buffer that is only read any more. */
#include "client/blob.h"

#include <stdlib.h>

struct guichet_blob {
	struct buf *buf;
};

struct guichet_blob *
blob_take(struct buf *buf)
{
	struct guichet_blob *blob = NULL;

	if (buf != NULL && buf_ok(buf))
		blob = malloc(sizeof *blob);
	if (blob == NULL) {
		buf_destroy(buf);
		return NULL;
	}
	blob->buf = buf;
	return blob;
}

struct guichet_bytes
guichet_blob_bytes(const struct guichet_blob *blob)
{
	return blob == NULL ? (struct guichet_bytes){ NULL, 0 } : public_of_slice(buf_peek(blob->buf));
}

void
guichet_blob_destroy(struct guichet_blob *blob)
{
	if (blob == NULL)
		return;
	buf_destroy(blob->buf);
	free(blob);
}

struct guichet_bytes
guichet_bytes_of_text(const char *text)
{
	return public_of_slice(slice_of_text(text));
}

const char *
guichet_version(void)
{
	return GUICHET_VERSION;
}
