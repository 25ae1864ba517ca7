/* SPDX-License-Identifier: Apache-2.0
 *
 * The generator's three dialects: what they write, and replies that come torn at every place, or broken. */
#include "tests/unit/unit.h"

#include <string.h>

#include "bench/dialect.h"
#include "protocol/frame.h"

static struct buf *out;

static int
set_up(void **state)
{
	(void)state;
	out = buf_create(8192);
	return out == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_destroy(out);
	return 0;
}

/* Whole only when all of it is there; then what follows does not matter. */
static void
assert_reply(const struct dialect *dialect, struct slice text, uint32_t status, const char *body)
{
	struct dialect_reply reply;
	uint8_t more[4096];

	for (size_t size = 0; size < text.size; size++) {
		reply = (struct dialect_reply){ .size = 0 };
		assert_true(dialect->peek(slice_of(text.data, size), &reply));
		assert_int_equal(reply.size, 0);
	}
	memcpy(more, text.data, text.size);
	memset(more + text.size, 'x', 100);
	reply = (struct dialect_reply){ .size = 0 };
	assert_true(dialect->peek(slice_of(more, text.size + 100), &reply));
	assert_int_equal(reply.size, text.size);
	assert_int_equal(reply.status, status);
	assert_true(slice_equal_text(reply.body, body));
}

static void
assert_broken(const struct dialect *dialect, const char *text)
{
	struct dialect_reply reply = { .size = 0 };
	assert_false(dialect->peek(slice_of_text(text), &reply));
}

static void
guichet_frames_get_their_stream(void **state)
{
	(void)state;
	const struct frame request = { .op = 7, .body = SLICE_LITERAL("content") };
	struct buf *made = buf_create(100);
	struct frame frame;
	struct dialect_reply reply = { .size = 0 };
	size_t size;

	frame_put(made, &request);
	buf_put_text(out, "before");
	dialect_guichet.put(out, 99, 1, buf_peek(made));
	assert_true(buf_ok(out));
	assert_int_equal(frame_peek(slice_from(buf_peek(out), 6), 100, &frame, &size), ERROR_NONE);
	assert_int_equal(frame.stream, 99);
	assert_int_equal(frame.op, 7);
	assert_true(slice_equal_text(frame.body, "content"));
	buf_clear(made);
	frame_put(made, &(struct frame){ .op = 7, .flags = FRAME_ANSWER, .status = 20, .stream = 5,
	    .body = SLICE_LITERAL("no") });
	assert_reply(&dialect_guichet, buf_peek(made), 20, "no");
	assert_true(dialect_guichet.peek(buf_peek(made), &reply));
	assert_int_equal(reply.stream, 5);
	assert_broken(&dialect_guichet, "HTTP/1.1 400 Bad Request\r\n");
	buf_destroy(made);
}

static void
http_posts_and_reads_lengths(void **state)
{
	(void)state;
	dialect_http.put(out, 1, 2, SLICE_LITERAL("content"));
	assert_true(slice_equal_text(buf_peek(out),
	    "POST /file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\ncontent"));
	assert_reply(&dialect_http, SLICE_LITERAL("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 4\r\n\r\nbody"),
	    0, "body");
	assert_reply(&dialect_http, SLICE_LITERAL("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), 413, "");
	assert_broken(&dialect_http, "SSH-2.0-OpenSSH\r\n\r\n");
	assert_broken(&dialect_http, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n");
}

static void
resp_sets_under_a_key_each(void **state)
{
	(void)state;
	dialect_resp.put(out, 1, 0xabc, SLICE_LITERAL("\0\r\n"));
	assert_true(slice_equal(buf_peek(out),
	    SLICE_LITERAL("*3\r\n$3\r\nSET\r\n$16\r\n0000000000000abc\r\n$3\r\n\0\r\n\r\n")));
	assert_reply(&dialect_resp, SLICE_LITERAL("+OK\r\n"), 0, "+OK");
	assert_reply(&dialect_resp, SLICE_LITERAL("-ERR no\r\n"), 1, "-ERR no");
	assert_broken(&dialect_resp, ":1\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(guichet_frames_get_their_stream, set_up, tear_down),
		cmocka_unit_test_setup_teardown(http_posts_and_reads_lengths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(resp_sets_under_a_key_each, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("dialect", tests, NULL, NULL);
}
