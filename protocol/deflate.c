/* SPDX-License-Identifier: Apache-2.0
 *
 * zlib behind two calls. Whatever the compressed bytes claim, no more is written than the size asked for. */
#include "protocol/deflate.h"

#include <limits.h>
#include <stdlib.h>

/* Asks zlib.h for a next_in that points to const. */
#define ZLIB_CONST
#include <zlib.h>

#define LEVEL 6
/* No deflate stream grows more than this many times (258 bytes from 2 bits, RFC 1951 3.2.5), so a size that cannot
 * come out is refused before memory is taken for it. */
#define EXPANSION_MAX 1032

struct inflater {
	z_stream stream;
};

struct inflater *
inflater_create(void)
{
	struct inflater *inflater = calloc(1, sizeof *inflater);
	if (inflater == NULL)
		return NULL;
	if (inflateInit(&inflater->stream) != Z_OK) {
		free(inflater);
		return NULL;
	}
	return inflater;
}

void
inflater_destroy(struct inflater *inflater)
{
	if (inflater == NULL)
		return;
	(void)inflateEnd(&inflater->stream);
	free(inflater);
}

static void
input_set(z_stream *stream, struct slice bytes)
{
	stream->next_in = bytes.data;
	stream->avail_in = (uInt)bytes.size;
}

enum error
inflater_run(struct inflater *inflater, struct slice compressed, size_t size, struct arena *arena, struct slice *out)
{
	z_stream *stream = &inflater->stream;

	if (compressed.size > UINT_MAX || size > UINT_MAX || size / EXPANSION_MAX > compressed.size)
		return ERROR_inflate_failed;
	uint8_t *to = arena_alloc(arena, size);
	if (to == NULL)
		return ERROR_out_of_memory;
	if (inflateReset(stream) != Z_OK)
		return ERROR_inflate_failed;
	input_set(stream, compressed);
	stream->next_out = to;
	stream->avail_out = (uInt)size;
	int result = inflate(stream, Z_FINISH);
	bool exact = result == Z_STREAM_END && stream->avail_in == 0 && stream->avail_out == 0;
	/* The stream lives on; it must not keep pointers into a request that ends. */
	input_set(stream, SLICE_EMPTY);
	stream->next_out = NULL;
	stream->avail_out = 0;
	if (result == Z_MEM_ERROR)
		return ERROR_out_of_memory;
	if (!exact)
		return ERROR_inflate_failed;
	*out = slice_of(to, size);
	return ERROR_NONE;
}

void
deflate_put(struct buf *buf, struct slice bytes)
{
	z_stream stream = { 0 };

	if (bytes.size > UINT_MAX / 2 || deflateInit(&stream, LEVEL) != Z_OK) {
		buf_fail(buf);
		return;
	}
	size_t bound = deflateBound(&stream, (uLong)bytes.size), space = buf_space(buf);
	if (bound > space)
		bound = space;
	uint8_t *to = buf_reserve(buf, bound);
	if (to != NULL) {
		input_set(&stream, bytes);
		stream.next_out = to;
		stream.avail_out = (uInt)bound;
		if (deflate(&stream, Z_FINISH) == Z_STREAM_END)
			buf_commit(buf, bound - stream.avail_out);
		else
			buf_fail(buf);
	}
	(void)deflateEnd(&stream);
}
