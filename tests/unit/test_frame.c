/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames torn at every byte, lengths that lie, headers that break the rules. */
#include "tests/unit/unit.h"

#include <string.h>

#include "protocol/frame.h"

#define BODY_MAX ((size_t)1000)

static const struct frame sample = {
	.op = 0x0200, .flags = FRAME_ANSWER, .status = 40, .stream = 0xfedcba98, .body = { (const uint8_t *)"body", 4 },
};

static void
assert_header_equal(const struct frame *a, const struct frame *b)
{
	assert_int_equal(a->op, b->op);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->stream, b->stream);
}

static void
bytes_are_those_of_the_contract(void **state)
{
	static const uint8_t expected[] = { 0, 0, 0, 16, 0x02, 0x00, 0, 1, 0, 0, 0, 40, 0xfe, 0xdc, 0xba, 0x98, 'b',
		'o', 'd', 'y' };
	(void)state;
	struct buf *buf = buf_create(100);
	frame_put(buf, &sample);
	assert_true(slice_equal(buf_peek(buf), slice_of(expected, sizeof expected)));
	buf_destroy(buf);
}

static void
every_torn_prefix_waits(void **state)
{
	(void)state;
	struct buf *buf = buf_create(1000);
	frame_put(buf, &sample);
	size_t whole = buf_size(buf);
	buf_put_text(buf, "what follows");
	for (size_t held = 0; held <= buf_size(buf); held++) {
		struct frame frame;
		size_t size = 77;
		struct slice bytes = slice_of(buf_peek(buf).data, held);
		assert_int_equal(frame_peek(bytes, BODY_MAX, &frame, &size), ERROR_NONE);
		assert_int_equal(size, held < whole ? 0 : whole);
		if (held >= FRAME_HEADER_SIZE)
			assert_header_equal(&frame, &sample);
		if (held >= whole)
			assert_true(slice_equal_text(frame.body, "body"));
		else
			assert_int_equal(frame.body.size, 0);
	}
	buf_destroy(buf);
}

static void
a_body_in_place_is_the_same_frame(void **state)
{
	(void)state;
	struct buf *direct = buf_create(1000), *in_place = buf_create(1000);
	frame_put(direct, &sample);
	frame_put(direct, &sample);
	frame_put(in_place, &sample);
	size_t at = frame_begin(in_place, &sample);
	buf_put_text(in_place, "body");
	frame_end(in_place, at);
	assert_true(slice_equal(buf_peek(direct), buf_peek(in_place)));
	buf_destroy(direct);
	buf_destroy(in_place);
}

static void
a_full_buffer_fails_and_does_not_abort(void **state)
{
	(void)state;
	for (size_t size = 0; size < FRAME_HEADER_SIZE + 4; size++) {
		struct buf *buf = buf_create(size);
		size_t at = frame_begin(buf, &sample);
		buf_put_text(buf, "body");
		frame_end(buf, at);
		assert_false(buf_ok(buf));
		buf_destroy(buf);
	}
}

/* The sample's header with one field overwritten. */
static enum error
peek_with(size_t at, struct slice bytes, struct frame *frame, size_t held)
{
	size_t size;
	struct buf *buf = buf_create(1000);
	frame_put(buf, &sample);
	buf_poke(buf, at, bytes);
	enum error error = frame_peek(slice_of(buf_peek(buf).data, held), BODY_MAX, frame, &size);
	assert_int_equal(size, 0);
	frame->body = SLICE_EMPTY;
	buf_destroy(buf);
	return error;
}

static void
lengths_are_judged_as_soon_as_known(void **state)
{
	struct frame frame;
	(void)state;
	assert_int_equal(peek_with(0, SLICE_LITERAL("\0\0\0\x0b"), &frame, 4), ERROR_frame_malformed);
	assert_int_equal(peek_with(0, SLICE_LITERAL("\0\0\0\0"), &frame, 4), ERROR_frame_malformed);
	assert_int_equal(peek_with(0, SLICE_LITERAL("\xff\xff\xff\xff"), &frame, 4), ERROR_frame_too_large);
	/* 12 + BODY_MAX is the last length allowed. */
	assert_int_equal(peek_with(0, SLICE_LITERAL("\0\0\x03\xf4"), &frame, 16), ERROR_NONE);
	assert_int_equal(peek_with(0, SLICE_LITERAL("\0\0\x03\xf5"), &frame, 16), ERROR_frame_too_large);
	/* The header is there all the same, for the refusal to name the stream. */
	assert_header_equal(&frame, &sample);
}

static void
headers_keep_the_rules(void **state)
{
	struct frame frame;
	(void)state;
	assert_int_equal(peek_with(6, SLICE_LITERAL("\0\x03"), &frame, 16), ERROR_frame_malformed);
	assert_int_equal(peek_with(6, SLICE_LITERAL("\x80\x01"), &frame, 16), ERROR_frame_malformed);
	/* A status in a request. */
	assert_int_equal(peek_with(6, SLICE_LITERAL("\0\0"), &frame, 16), ERROR_frame_malformed);
	assert_int_equal(frame.stream, sample.stream);
	assert_int_equal(peek_with(6, SLICE_LITERAL("\0\0\0\0\0\0"), &frame, 16), ERROR_NONE);
}

/* The sample as a request with one field of its header overwritten, as the office looks at it. */
static void
assert_request_refused(size_t at, struct slice bytes, enum error error, const char *place, const char *value,
    const char *expected)
{
	struct frame frame = sample;
	struct number_fault fault;
	size_t size;
	struct buf *buf = buf_create(1000);

	frame.flags = 0;
	frame.status = 0;
	frame_put(buf, &frame);
	assert_int_equal(frame_peek_request(buf_peek(buf), BODY_MAX, &frame, &size, &fault), ERROR_NONE);
	assert_int_equal(size, buf_size(buf));
	buf_poke(buf, at, bytes);
	assert_int_equal(frame_peek_request(buf_peek(buf), BODY_MAX, &frame, &size, &fault), error);
	assert_int_equal(size, 0);
	assert_int_equal(frame.body.size, 0);
	assert_int_equal(fault.fault.error, error);
	assert_true(slice_equal_text(fault.fault.place, place));
	assert_true(slice_equal_text(fault.fault.value, value));
	assert_true(slice_equal_text(fault.fault.expected, expected));
	buf_destroy(buf);
}

static void
what_is_no_request_is_told_by_field_number_and_rule(void **state)
{
	static const enum error malformed = ERROR_frame_malformed, large = ERROR_frame_too_large;
	static const char lengths[] = "12 to 1012: 12 and a body of at most 1000", none[] = "0 in a request";

	(void)state;
	assert_request_refused(0, SLICE_LITERAL("\0\0\0\x0b"), malformed, "frame.length", "11", lengths);
	assert_request_refused(0, SLICE_LITERAL("\0\0\x03\xf5"), large, "frame.length", "1013", lengths);
	assert_request_refused(0, SLICE_LITERAL("\xff\xff\xff\xff"), large, "frame.length", "4294967295", lengths);
	assert_request_refused(6, SLICE_LITERAL("\x80\x02"), malformed, "frame.flags", "32770", none);
	/* An answer is well formed, and still nothing that anybody may send to the office. */
	assert_request_refused(6, SLICE_LITERAL("\0\x01"), malformed, "frame.flags", "1", none);
	assert_request_refused(8, SLICE_LITERAL("\0\0\0\x28"), malformed, "frame.status", "40", none);
}

static void
a_number_faults_texts_fit_or_are_cut(void **state)
{
	struct number_fault fault;

	(void)state;
	assert_int_equal(number_fault_set(&fault, ERROR_busy, "place", UINT64_MAX, "%0300d", 1), ERROR_busy);
	assert_true(slice_equal_text(fault.fault.value, "18446744073709551615"));
	assert_int_equal(fault.fault.expected.size, sizeof fault.expected - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_those_of_the_contract),
		cmocka_unit_test(every_torn_prefix_waits),
		cmocka_unit_test(a_body_in_place_is_the_same_frame),
		cmocka_unit_test(a_full_buffer_fails_and_does_not_abort),
		cmocka_unit_test(lengths_are_judged_as_soon_as_known),
		cmocka_unit_test(headers_keep_the_rules),
		cmocka_unit_test(what_is_no_request_is_told_by_field_number_and_rule),
		cmocka_unit_test(a_number_faults_texts_fit_or_are_cut),
	};
	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
