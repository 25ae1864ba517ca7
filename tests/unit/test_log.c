/* SPDX-License-Identifier: Apache-2.0
 *
 * The text log: the form of a line, what cannot break it, and what happens when nobody reads it. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/unit/log_pipe.h"

/* 2026-11-22T15:40:29.123Z; a test that moves it puts it back. */
#define TEST_MS UINT64_C(1795362029123)
static uint64_t test_ms = TEST_MS;

static uint64_t
test_clock(void)
{
	return test_ms;
}

static int
open_log(void **state)
{
	return log_pipe_open(state, test_clock);
}

static void
a_line_has_time_level_event_and_fields(void **state)
{
	struct log_pipe *f = *state;
	const uint8_t id[CORRELATION_SIZE] = { 0xab, 0xcd, [7] = 0x01 };
	log_event(f->log, LOG_LEVEL_WARN, "filing_refused", log_uint("documents", 3), log_error("error", ERROR_busy),
	    log_errno("reason", ENOSPC), log_correlation("correlation", id), log_text("state", "open"));
	assert_string_equal(log_pipe_read(f), "2026-11-22T15:40:29.123Z warn filing_refused documents=3 error=busy "
	    "reason=ENOSPC correlation=abcd000000000001 state=open\n");
	log_event(f->log, LOG_LEVEL_INFO, "started");
	assert_string_equal(log_pipe_read(f), "2026-11-22T15:40:29.123Z info started\n");
}

static void
a_value_cannot_break_out_of_its_line(void **state)
{
	struct log_pipe *f = *state;
	log_event(f->log, LOG_LEVEL_INFO, "opened", log_setting("directory", "/srv/a b\n\"error\\"),
	    log_setting("empty", ""));
	assert_string_equal(log_pipe_read(f),
	    "2026-11-22T15:40:29.123Z info opened directory=\"/srv/a b\\x0a\\x22error\\x5c\" empty=\"\"\n");
}

static void
a_field_that_does_not_fit_is_left_out_whole(void **state)
{
	struct log_pipe *f = *state;
	char path[LOG_LINE_MAX];
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	log_event(f->log, LOG_LEVEL_INFO, "opened", log_uint("port", 1), log_setting("directory", path),
	    log_uint("late", 2));
	assert_string_equal(log_pipe_read(f), "2026-11-22T15:40:29.123Z info opened port=1 truncated=1\n");
	/* One that just fits is not cut. */
	path[LOG_LINE_MAX - strlen("2026-11-22T15:40:29.123Z info opened directory= truncated=1\n")] = '\0';
	log_event(f->log, LOG_LEVEL_INFO, "opened", log_setting("directory", path));
	assert_null(strstr(log_pipe_read(f), "truncated"));
}

static void
levels_are_kept(void **state)
{
	struct log_pipe *f = *state;
	enum log_level level;
	log_event(f->log, LOG_LEVEL_DEBUG, "silent");
	assert_true(log_level_parse(SLICE_LITERAL("debug"), &level));
	assert_false(log_level_parse(SLICE_LITERAL("Debug"), &level));
	log_set_level(f->log, level);
	log_event(f->log, LOG_LEVEL_DEBUG, "heard");
	assert_string_equal(log_pipe_read(f), "2026-11-22T15:40:29.123Z debug heard\n");
}

/* Logs a line; false when the pipe holds no more for it. */
static bool
tick_is_written(struct log_pipe *f)
{
	int before, after;

	assert_int_equal(ioctl(f->ends[0], FIONREAD, &before), 0);
	log_event(f->log, LOG_LEVEL_INFO, "tick");
	assert_int_equal(ioctl(f->ends[0], FIONREAD, &after), 0);
	return after > before;
}

static void
nobody_reading_costs_lines_but_never_blocks(void **state)
{
	struct log_pipe *f = *state;
	unsigned sent = 0, dropped = 0;
	/* The pipe fills; a blocking write would hang this test. */
	while (dropped < 5) {
		dropped += !tick_is_written(f);
		assert_true(++sent < 1000000);
	}
	while (read(f->ends[0], f->text, sizeof f->text - 1) == (ssize_t)sizeof f->text - 1)
		continue;
	log_event(f->log, LOG_LEVEL_INFO, "tock");
	assert_string_equal(log_pipe_read(f), "2026-11-22T15:40:29.123Z warn log_lines_dropped lines=5\n"
	    "2026-11-22T15:40:29.123Z info tock\n");
	log_event(f->log, LOG_LEVEL_INFO, "tock");
	assert_string_equal(log_pipe_read(f), "2026-11-22T15:40:29.123Z info tock\n");
}

/* ---- what peers cause ---- */

/* How many of `count` lines of an event go out at once. */
static unsigned
lines_out(struct log_pipe *f, unsigned count, enum log_level level)
{
	unsigned out = 0;

	for (unsigned i = 0; i < count; i++) {
		log_peer_event(f->log, level, "frame_refused", log_uint("connection", i));
		out += strstr(log_pipe_read(f), "frame_refused") != NULL;
	}
	return out;
}

static void
a_peer_cannot_fill_the_log(void **state)
{
	struct log_pipe *f = *state;

	assert_int_equal(lines_out(f, LOG_PEER_BURST + 7, LOG_LEVEL_INFO), LOG_PEER_BURST);
	/* Another event has a measure of its own; what is not for this log takes none. */
	log_peer_event(f->log, LOG_LEVEL_INFO, "connection_ended");
	assert_non_null(strstr(log_pipe_read(f), "connection_ended"));
	log_settle(f->log);
	assert_string_equal(log_pipe_read(f),
	    "2026-11-22T15:40:29.123Z warn log_lines_withheld event=frame_refused lines=7\n");
	assert_int_equal(lines_out(f, 3, LOG_LEVEL_DEBUG), 0);
	/* Nothing was withheld since. */
	log_settle(f->log);
	log_event(f->log, LOG_LEVEL_INFO, "end");
	assert_string_equal(log_pipe_read(f), "2026-11-22T15:40:29.123Z info end\n");
}

static void
its_lines_come_back_at_the_rate(void **state)
{
	struct log_pipe *f = *state;

	assert_int_equal(lines_out(f, 100, LOG_LEVEL_INFO), LOG_PEER_BURST);
	test_ms += 1000;
	assert_int_equal(lines_out(f, 100, LOG_LEVEL_INFO), LOG_PEER_RATE);
	/* A clock that jumps gives no more than a burst, and takes nothing for long. */
	test_ms += 3600000;
	assert_int_equal(lines_out(f, 100, LOG_LEVEL_INFO), LOG_PEER_BURST);
	test_ms -= 7200000;
	assert_int_equal(lines_out(f, 100, LOG_LEVEL_INFO), 0);
	test_ms += 1000;
	assert_int_equal(lines_out(f, 100, LOG_LEVEL_INFO), LOG_PEER_RATE);
	test_ms = TEST_MS;
}

/* How many bytes there are, and the last one: enough to be told apart. */
static void
name_of(const void *context, struct slice address, uint8_t *out)
{
	memset(out, *(const uint8_t *)context, LOG_NAME_SIZE);
	out[6] = (uint8_t)address.size;
	out[7] = address.data[address.size - 1];
}

/* Whose they are stands in the lines, and of those withheld whose most are, by a name that only the operator knows. */
static void
an_address_has_a_name(void **state)
{
	struct log_pipe *f = *state;
	const uint8_t context = 0xee;
	uint8_t v4[ADDRESS_SIZE] = { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7 };
	uint8_t v6[ADDRESS_SIZE] = { 0x20, 0x01, 0x0d, 0xb8, [5] = 5, [7] = 7, [15] = 1 };

	log_peer_event(f->log, LOG_LEVEL_INFO, "busy", log_address("address", v4));
	assert_string_equal(log_pipe_read(f), "2026-11-22T15:40:29.123Z info busy\n");
	log_name_addresses(f->log, name_of, &context);
	log_peer_event(f->log, LOG_LEVEL_INFO, "busy", log_address("address", v4), log_address("other", NULL));
	assert_string_equal(log_pipe_read(f), "2026-11-22T15:40:29.123Z info busy address=eeeeeeeeeeee1007\n");
	log_event(f->log, LOG_LEVEL_INFO, "busy", log_address("address", v6), log_network("network", v6));
	assert_string_equal(log_pipe_read(f), "2026-11-22T15:40:29.123Z info busy "
	    "address=eeeeeeeeeeee0605/eeeeeeeeeeee0807 network=eeeeeeeeeeee0605\n");
	for (unsigned i = 0; i < LOG_PEER_BURST - 2; i++) {
		log_peer_event(f->log, LOG_LEVEL_INFO, "busy");
		log_pipe_read(f);
	}
	/* Of 300 withheld a network of the same 48 bits has 200; the others have one each. */
	for (unsigned i = 0; i < 300; i++) {
		uint8_t *address = i % 3 == 0 ? v4 : v6;
		bytes_poke_u16(address + (i % 3 == 0 ? 14 : 6), (uint16_t)i);
		log_peer_event(f->log, LOG_LEVEL_INFO, "busy", log_address("address", address));
	}
	log_settle(f->log);
	const char *at = strstr(log_pipe_read(f), "event=busy lines=300 most_of=eeeeeeeeeeee0605 at_least=");
	assert_non_null(at);
	assert_in_range(strtoul(strrchr(at, '=') + 1, NULL, 10), 200 - 300 / 9, 200);
	/* And counts anew. */
	log_peer_event(f->log, LOG_LEVEL_INFO, "busy", log_address("address", v4));
	log_settle(f->log);
	assert_non_null(strstr(log_pipe_read(f), "lines=1 most_of=eeeeeeeeeeee1029 at_least=1\n"));
}

/* Answers have a measure of their own, and it is a larger one. */
static void
answers_are_limited_too(void **state)
{
	struct log_pipe *f = *state;
	unsigned out = 0;

	for (unsigned i = 0; i < 3 * LOG_ANSWER_RATE; i++) {
		log_answer_event(f->log, LOG_LEVEL_INFO, "refusal", log_uint("n", i));
		out += strstr(log_pipe_read(f), "refusal") != NULL;
	}
	assert_int_equal(out, 2 * LOG_ANSWER_RATE);
	log_settle(f->log);
	assert_string_equal(log_pipe_read(f),
	    "2026-11-22T15:40:29.123Z warn log_lines_withheld event=refusal lines=200\n");
}

static void
debugging_withholds_nothing(void **state)
{
	struct log_pipe *f = *state;

	log_set_level(f->log, LOG_LEVEL_DEBUG);
	assert_int_equal(lines_out(f, 2 * LOG_PEER_BURST, LOG_LEVEL_INFO), 2 * LOG_PEER_BURST);
}

static void
errors_are_always_written(void **state)
{
	struct log_pipe *f = *state;
	assert_int_equal(lines_out(f, 100, LOG_LEVEL_ERROR), 100);
}

static void
what_was_withheld_is_not_forgotten_while_nobody_reads(void **state)
{
	struct log_pipe *f = *state;

	assert_int_equal(lines_out(f, LOG_PEER_BURST + 7, LOG_LEVEL_INFO), LOG_PEER_BURST);
	while (tick_is_written(f))
		continue;
	log_settle(f->log);
	while (read(f->ends[0], f->text, sizeof f->text - 1) == (ssize_t)sizeof f->text - 1)
		continue;
	log_settle(f->log);
	assert_non_null(strstr(log_pipe_read(f), "log_lines_withheld event=frame_refused lines=7\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_has_time_level_event_and_fields, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(a_value_cannot_break_out_of_its_line, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(a_field_that_does_not_fit_is_left_out_whole, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(levels_are_kept, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(nobody_reading_costs_lines_but_never_blocks, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(a_peer_cannot_fill_the_log, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(an_address_has_a_name, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(its_lines_come_back_at_the_rate, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(answers_are_limited_too, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(debugging_withholds_nothing, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(errors_are_always_written, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(what_was_withheld_is_not_forgotten_while_nobody_reads, open_log,
		    log_pipe_close),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
