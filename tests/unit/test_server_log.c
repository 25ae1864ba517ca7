/* SPDX-License-Identifier: Apache-2.0
 *
 * Which answers have a line in the log, and which may be withheld. */
#include "tests/unit/unit.h"

#include <string.h>

#include "server/server_log.h"
#include "tests/unit/log_pipe.h"

#define MANY (10 * LOG_ANSWER_RATE)

static uint64_t
test_clock(void)
{
	return UINT64_C(1795362029123);
}

static int
open_log(void **state)
{
	return log_pipe_open(state, test_clock);
}

/* Answers `count` requests alike; how many lines that gave. The last answer's is then in `p`. */
static unsigned
lines_of(struct log_pipe *p, const struct dispatch_event *event, unsigned count)
{
	unsigned lines = 0;

	for (unsigned i = 0; i < count; i++) {
		server_log_answer(p->log, event, 7);
		lines += log_pipe_read(p)[0] != '\0';
	}
	return lines;
}

static void
what_was_stored_always_has_its_line(void **state)
{
	static const uint8_t correlation[CORRELATION_SIZE] = { 0xab, [7] = 1 };
	const struct dispatch_event event = { operation_find(OPERATION_file), ERROR_NONE, ERROR_NONE, true,
		correlation, 3 };

	assert_int_equal(lines_of(*state, &event, MANY), MANY);
	assert_string_equal(((struct log_pipe *)*state)->text,
	    "2026-11-22T15:40:29.123Z info answer op=file error=none correlation=ab00000000000001 ms=4\n");
}

static void
what_failed_here_always_has_its_line(void **state)
{
	static const uint8_t correlation[CORRELATION_SIZE] = { 0 };
	const struct dispatch_event event = { operation_find(OPERATION_receipt), ERROR_internal, ERROR_store_damaged,
		false, correlation, 3 };

	assert_int_equal(lines_of(*state, &event, MANY), MANY);
	assert_non_null(strstr(((struct log_pipe *)*state)->text, " error answer op=receipt error=internal cause="));
}

/* Refusals, also of what nobody knows, and what was only read, a filing sent again among it. */
static void
what_costs_nothing_is_limited(void **state)
{
	static const uint8_t correlation[CORRELATION_SIZE] = { 0 };
	const struct dispatch_event events[] = {
		{ NULL, ERROR_operation_unknown, ERROR_operation_unknown, false, correlation, 3 },
		{ operation_find(OPERATION_file), ERROR_NONE, ERROR_NONE, false, correlation, 3 },
		{ operation_find(OPERATION_file), ERROR_busy, ERROR_busy, false, correlation, 3 },
	};
	static const unsigned lines[] = { 2 * LOG_ANSWER_RATE, 2 * LOG_ANSWER_RATE, LOG_PEER_BURST };

	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
		assert_int_equal(lines_of(*state, &events[i], MANY), lines[i]);
	/* Neither kind takes from the other. A refusal that stored something, a failed attempt, is a refusal. */
	const struct dispatch_event attempt = { operation_find(OPERATION_enrol), ERROR_identification_refused,
		ERROR_identification_refused, true, correlation, 3 };
	assert_int_equal(lines_of(*state, &attempt, MANY), 0);
}

static void
own_work_is_silent(void **state)
{
	static const uint8_t correlation[CORRELATION_SIZE] = { 0 };
	static const struct operation own_work = { 0, "own_work", message_nothing, message_done, ROLE_NOBODY, true,
		true, "", "" };
	const struct dispatch_event event = { &own_work, ERROR_NONE, ERROR_NONE, true, correlation, 3 };

	assert_int_equal(lines_of(*state, &event, 3), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_stored_always_has_its_line, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(what_failed_here_always_has_its_line, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(what_costs_nothing_is_limited, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(own_work_is_silent, open_log, log_pipe_close),
	};
	return cmocka_run_group_tests_name("server_log", tests, NULL, NULL);
}
