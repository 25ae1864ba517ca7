/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream of frames, as a connection reads it. Properties: a frame never reaches beyond the bytes there are, what
 * was read and is written again gives the same bytes, an answer does not change when the bytes come torn, and whoever
 * is asked finds the same wrong, besides what is no request, and says what. */
#include "protocol/check.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "tests/fuzz/fuzz.h"

static void
same_when_written(struct slice bytes, const struct frame *frame)
{
	struct buf *buf = buf_create(bytes.size);

	check(buf != NULL);
	frame_put(buf, frame);
	check(buf_ok(buf) && slice_equal(buf_peek(buf), bytes));
	buf_clear(buf);
	size_t at = frame_begin(buf, frame);
	buf_put(buf, frame->body);
	frame_end(buf, at);
	check(buf_ok(buf) && slice_equal(buf_peek(buf), bytes));
	buf_destroy(buf);
}

/* With fewer bytes the answer is "more", or the error that all of them give. */
static void
same_when_torn(struct slice bytes, enum error whole_error, size_t whole_size)
{
	size_t end = whole_size != 0 ? whole_size : bytes.size;
	if (end > 64)
		end = 64;
	for (size_t held = 0; held < end; held++) {
		struct frame frame;
		size_t size;
		enum error error = frame_peek(slice_of(bytes.data, held), LIMIT_FRAME_BODY, &frame, &size);
		check(size == 0);
		check(error == ERROR_NONE || error == whole_error);
	}
}

static void
same_when_asked(struct slice bytes, enum error peeked, const struct frame *frame)
{
	struct number_fault fault;
	struct frame request;
	size_t size;
	enum error error = frame_peek_request(bytes, LIMIT_FRAME_BODY, &request, &size, &fault);

	check(error == (peeked == ERROR_NONE && frame->flags != 0 ? ERROR_frame_malformed : peeked));
	check(error == ERROR_NONE || (size == 0 && request.body.size == 0 && fault.fault.error == error &&
	    fault.fault.place.size != 0 && fault.fault.value.size != 0 && fault.fault.expected.size != 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size);

	for (;;) {
		struct frame frame;
		size_t taken;
		enum error error = frame_peek(rest, LIMIT_FRAME_BODY, &frame, &taken);
		check(taken <= rest.size);
		check(error == ERROR_NONE || (taken == 0 && frame.body.size == 0));
		same_when_torn(rest, error, taken);
		same_when_asked(rest, error, &frame);
		if (error != ERROR_NONE || taken == 0)
			return 0;
		check(taken == FRAME_HEADER_SIZE + frame.body.size);
		same_when_written(slice_of(rest.data, taken), &frame);
		rest = slice_from(rest, taken);
	}
}
