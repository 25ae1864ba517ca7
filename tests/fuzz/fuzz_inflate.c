/* SPDX-License-Identifier: Apache-2.0
 *
 * A compressed document as a peer sends it: four bytes of the size it claims (big-endian), then the stream.
 * Properties: the result has that size or there is none; no more memory is taken than for it; what came out goes
 * through compression and back. */
#include "protocol/check.h"
#include "protocol/deflate.h"
#include "protocol/limits.h"
#include "tests/fuzz/fuzz.h"

/* What the arena may add for alignment. */
#define ROUNDING ((size_t)64)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice out, again;

	if (size < 4)
		return 0;
	size_t claimed = bytes_peek_u32(data) % (LIMIT_RETURN_SIZE + 1);
	struct inflater *inflater = inflater_create();
	struct arena *arena = arena_create(2 * (LIMIT_RETURN_SIZE + ROUNDING));
	struct buf *buf = buf_create(2 * LIMIT_RETURN_SIZE);
	check(inflater != NULL && arena != NULL && buf != NULL);
	enum error error = inflater_run(inflater, slice_of(data + 4, size - 4), claimed, arena, &out);
	check(error == ERROR_NONE || error == ERROR_inflate_failed);
	check(arena_used(arena) <= claimed + ROUNDING);
	if (error == ERROR_NONE) {
		check(out.size == claimed);
		deflate_put(buf, out);
		check(buf_ok(buf));
		error = inflater_run(inflater, buf_peek(buf), claimed, arena, &again);
		check(error == ERROR_NONE && slice_equal(out, again));
	}
	inflater_destroy(inflater);
	arena_destroy(arena);
	buf_destroy(buf);
	return 0;
}
