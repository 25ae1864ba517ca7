/* SPDX-License-Identifier: Apache-2.0
 *
 * Which answers have a line in the log, and which may be withheld. */
#include "tests/unit/unit.h"

#include <string.h>

#include "server/server_log.h"
#include "tests/unit/log_pipe.h"

#define MANY (10 * LOG_ANSWER_RATE)

static const uint8_t peer[ADDRESS_SIZE] = { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7 };

static void
name_of(const void *context, struct slice address, uint8_t *out)
{
	(void)context;
	memset(out, address.data[address.size - 1], LOG_NAME_SIZE);
}

static int
open_log(void **state)
{
	int result = log_pipe_open_still(state);

	if (result == 0)
		log_name_addresses(((struct log_pipe *)*state)->log, name_of, NULL);
	return result;
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
		correlation, 3, peer };

	assert_int_equal(lines_of(*state, &event, MANY), MANY);
	assert_string_equal(((struct log_pipe *)*state)->text,
	    "2026-11-22T15:40:29.123Z info answer op=file error=none correlation=ab00000000000001 ms=4\n");
}

static void
what_failed_here_always_has_its_line(void **state)
{
	static const uint8_t correlation[CORRELATION_SIZE] = { 0 };
	const struct dispatch_event event = { operation_find(OPERATION_receipt), ERROR_internal, ERROR_store_damaged,
		false, correlation, 3, peer };

	assert_int_equal(lines_of(*state, &event, MANY), MANY);
	assert_non_null(strstr(((struct log_pipe *)*state)->text, " error answer op=receipt error=internal cause="));
}

/* Refusals, also of what nobody knows, and what was only read, a filing sent again among it. */
static void
what_costs_nothing_is_limited(void **state)
{
	static const uint8_t correlation[CORRELATION_SIZE] = { 0 };
	const struct dispatch_event events[] = {
		{ NULL, ERROR_operation_unknown, ERROR_operation_unknown, false, correlation, 3, peer },
		{ operation_find(OPERATION_file), ERROR_NONE, ERROR_NONE, false, correlation, 3, peer },
		{ operation_find(OPERATION_file), ERROR_busy, ERROR_busy, false, correlation, 3, peer },
	};
	static const unsigned lines[] = { 2 * LOG_ANSWER_RATE, 2 * LOG_ANSWER_RATE, LOG_PEER_BURST };

	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
		assert_int_equal(lines_of(*state, &events[i], MANY), lines[i]);
	/* Neither kind takes from the other. A refusal that stored something, a failed attempt, is a refusal. */
	const struct dispatch_event attempt = { operation_find(OPERATION_enrol), ERROR_identification_refused,
		ERROR_identification_refused, true, correlation, 3, peer };
	assert_int_equal(lines_of(*state, &attempt, MANY), 0);
}

/* Whoever can cause lines for nothing can be found by them; who files is not followed about. */
static void
what_costs_nothing_says_whose_it_is(void **state)
{
	static const uint8_t correlation[CORRELATION_SIZE] = { 0 };
	static const enum error errors[] = { ERROR_NONE, ERROR_busy, ERROR_operation_unknown };

	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		const struct dispatch_event event = { operation_find(OPERATION_file), errors[i], errors[i], false,
			correlation, 3, peer };
		assert_int_equal(lines_of(*state, &event, 1), 1);
		assert_non_null(strstr(((struct log_pipe *)*state)->text, " address=0707070707070707\n"));
	}
	const struct dispatch_event stored = { operation_find(OPERATION_file), ERROR_NONE, ERROR_NONE, true,
		correlation, 3, peer };
	assert_int_equal(lines_of(*state, &stored, 1), 1);
	assert_null(strstr(((struct log_pipe *)*state)->text, "address"));
}

static void
own_work_is_silent(void **state)
{
	static const uint8_t correlation[CORRELATION_SIZE] = { 0 };
	static const struct operation own_work = { 0, "own_work", message_nothing, message_done, ROLE_NOBODY, true,
		true, "", "" };
	const struct dispatch_event event = { &own_work, ERROR_NONE, ERROR_NONE, true, correlation, 3, peer };

	assert_int_equal(lines_of(*state, &event, 3), 0);
}

static void
requests_decided_in_vain_have_a_line(void **state)
{
	struct log_pipe *p = *state;

	server_log_gave_up(p->log, 3);
	assert_non_null(strstr(log_pipe_read(p), " warn conflicts requests=3 times=64 answer="));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_stored_always_has_its_line, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(what_failed_here_always_has_its_line, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(what_costs_nothing_is_limited, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(what_costs_nothing_says_whose_it_is, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(own_work_is_silent, open_log, log_pipe_close),
		cmocka_unit_test_setup_teardown(requests_decided_in_vain_have_a_line, open_log, log_pipe_close),
	};
	return cmocka_run_group_tests_name("server_log", tests, NULL, NULL);
}
