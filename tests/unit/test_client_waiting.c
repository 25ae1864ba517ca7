/* SPDX-License-Identifier: Apache-2.0
 *
 * The client at an office that is busy: it waits as long as PROTOCOL.md says, and on the connection that it has. */
#include "tests/unit/client_office.h"
#include "tests/unit/stream_pair.h"

#include <limits.h>

#include "client/backoff.h"
#include "client/clock.h"

/* ---- how long ---- */

static void
assert_wait(uint64_t named_ms, unsigned before, uint64_t least_ms)
{
	uint64_t smallest = UINT64_MAX, largest = 0;

	for (int i = 0; i < 1000; i++) {
		uint64_t wait_ms = backoff_ms(named_ms, before);
		smallest = wait_ms < smallest ? wait_ms : smallest;
		largest = wait_ms > largest ? wait_ms : largest;
	}
	assert_in_range(smallest, least_ms, least_ms + least_ms / 4);
	assert_in_range(largest, least_ms + least_ms * 3 / 4, 2 * least_ms);
}

static void
waits_are_what_was_named_and_up_to_as_much_again(void **state)
{
	(void)state;
	assert_wait(1000, 0, 1000);
	assert_wait(1000, 1, 2000);
	assert_wait(1000, 3, 8000);
	assert_wait(100, 100, 3200);
	assert_wait(50000, 4, 60000);
	assert_wait(1000, UINT_MAX, 32000);
	assert_wait(86400000, 7, 86400000);
	assert_wait(UINT64_MAX, 64, 86400000);
}

/* ---- what is waited for ---- */

/* The waits that its owner was told of. */
struct waits {
	enum error error; /* why */
	uint64_t ms[8];
	unsigned count;
};

static void
note_wait(void *context, const struct guichet_problem *problem, uint64_t wait_ms)
{
	struct waits *waits = context;

	assert_int_equal(guichet_problem_error(problem), waits->error);
	assert_true(waits->count < sizeof waits->ms / sizeof waits->ms[0]);
	waits->ms[waits->count++] = wait_ms;
}

/* A client with one request, at an office that refuses so many hellos. */
struct visit {
	struct office office;
	struct waits waits;
	struct guichet *guichet;
	struct guichet_request *request;
};

static void
visit_open(struct visit *visit, office_script *script, unsigned busy_hellos, uint64_t busy_ms)
{
	*visit = (struct visit){ .waits.error = ERROR_busy };
	office_open(&visit->office, script);
	visit->office.busy_hellos = busy_hellos;
	visit->office.busy_ms = busy_ms;
	assert_int_equal(
	    guichet_create(&visit->office.trust, visit->office.address, &visit->guichet, NULL), GUICHET_ERROR_none);
	assert_int_equal(
	    guichet_request_create(visit->guichet, "log_checkpoint", &visit->request, NULL), GUICHET_ERROR_none);
	guichet_set_on_retry(visit->guichet, note_wait, &visit->waits);
}

static void
visit_close(struct visit *visit)
{
	guichet_request_destroy(visit->request);
	guichet_destroy(visit->guichet);
	office_close(&visit->office);
}

/* Until the office has been busy once. */
static void
visit_until_busy(struct visit *visit)
{
	guichet_request_start(visit->request);
	while (visit->waits.count == 0) {
		guichet_step(visit->guichet);
		office_step(&visit->office);
	}
}

static enum verdict
answer_all(struct office *office, const struct frame *request)
{
	struct msg_checkpoint_answer checkpoint = { .checkpoint = SLICE_LITERAL("a checkpoint") };
	struct msg_login_answer login = {
		.kind = SLICE_LITERAL("taxpayer"), .names = SLICE_LITERAL("Zoé Garçon"), .not_after = 1
	};

	office_answer(office, request, request->op == OPERATION_login ? (void *)&login : (void *)&checkpoint);
	return VERDICT_DONE;
}

static void
busy_hello_is_waited_for_on_the_same_connection(void **state)
{
	(void)state;
	struct visit visit;
	visit_open(&visit, answer_all, 2, 300);
	uint64_t began_ms = clock_monotonic_ms();
	office_run(&visit.office, visit.request);
	assert_int_equal(guichet_request_error(visit.request), GUICHET_ERROR_none);
	assert_int_equal(visit.office.connections, 1);
	assert_int_equal(visit.waits.count, 2);
	assert_in_range(visit.waits.ms[0], 300, 600);
	assert_in_range(visit.waits.ms[1], 600, 1200);
	assert_true(clock_monotonic_ms() - began_ms >= visit.waits.ms[0] + visit.waits.ms[1]);
	visit_close(&visit);
}

static void
hello_that_is_busy_for_ever_becomes_the_error(void **state)
{
	(void)state;
	struct visit visit;
	visit_open(&visit, answer_all, UINT_MAX, 10);
	guichet_set_attempts(visit.guichet, 3);
	office_run(&visit.office, visit.request);
	assert_int_equal(guichet_request_error(visit.request), GUICHET_ERROR_busy);
	assert_int_equal(visit.office.connections, 1);
	assert_int_equal(visit.waits.count, 2);
	assert_int_equal(visit.office.busy_hellos, UINT_MAX - 3);
	assert_int_equal(guichet_due_ms(visit.guichet), -1); /* nobody waits for another hello */
	visit_close(&visit);
}

/* A server may cut who does not say hello in time: what it asked to wait for holds on the next connection too. */
static void
the_wait_outlives_its_connection(void **state)
{
	(void)state;
	struct visit visit;
	visit_open(&visit, answer_all, 1, 1000);
	visit_until_busy(&visit);
	uint64_t began_ms = clock_monotonic_ms();
	guichet_set_on_retry(visit.guichet, NULL, NULL);
	office_drop(&visit.office);
	office_run(&visit.office, visit.request);
	assert_int_equal(guichet_request_error(visit.request), GUICHET_ERROR_none);
	assert_int_equal(visit.office.connections, 2);
	assert_true(clock_monotonic_ms() - began_ms >= 900);
	visit_close(&visit);
}

static void
a_second_is_waited_when_no_time_is_named(void **state)
{
	(void)state;
	struct visit visit;
	visit_open(&visit, answer_all, 1, 0);
	visit_until_busy(&visit);
	assert_in_range(visit.waits.ms[0], 1000, 2000);
	assert_in_range(guichet_due_ms(visit.guichet), 900, 2000);
	visit_close(&visit);
}

static enum verdict
busy_first(struct office *office, const struct frame *request)
{
	if (office->requests > 1)
		return answer_all(office, request);
	office_refuse(office, request, ERROR_busy, 20);
	return VERDICT_DONE;
}

/* Of the log-in when there is one, else of the request. */
static void
busy_is_waited_for_as_long_as_named(void **state)
{
	(void)state;
	struct guichet_identity *identity = office_identity(0x42);
	for (unsigned logs_in = 0; logs_in < 2; logs_in++) {
		struct visit visit;
		visit_open(&visit, busy_first, 0, 0);
		guichet_login(visit.guichet, logs_in != 0 ? identity : NULL);
		office_run(&visit.office, visit.request);
		assert_int_equal(guichet_request_error(visit.request), GUICHET_ERROR_none);
		assert_int_equal(visit.office.connections, 1);
		assert_int_equal(visit.office.requests, 2 + logs_in);
		assert_int_equal(visit.waits.count, 1);
		assert_in_range(visit.waits.ms[0], 20, 40);
		visit_close(&visit);
	}
	guichet_identity_destroy(identity);
}

static const struct passing {
	enum error error;
	uint64_t named_ms;
	bool is_waited_for;
} passings[] = {
	{ ERROR_busy, 20, true },
	{ ERROR_disk_full, 20, true },
	{ ERROR_internal, 20, true },
	{ ERROR_filings_exceeded, 20, true },
	{ ERROR_busy, 5001, false },
	{ ERROR_attempts_exceeded, 20, false },
	{ ERROR_upload_quota, LIMIT_RETRY_AFTER_MS, false },
	{ ERROR_role_refused, 20, false },
};
static const struct passing *passing;

static enum verdict
passing_first(struct office *office, const struct frame *request)
{
	if (office->requests > 1)
		return answer_all(office, request);
	office_refuse(office, request, passing->error, passing->named_ms);
	return VERDICT_DONE;
}

/* By the table of errors, unless it is long: then the error comes at once, with the time that was named. */
static void
what_passes_soon_is_waited_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof passings / sizeof passings[0]; i++) {
		struct visit visit;
		passing = &passings[i];
		visit_open(&visit, passing_first, 0, 0);
		visit.waits.error = passing->error;
		office_run(&visit.office, visit.request);
		assert_int_equal(guichet_request_error(visit.request), passing->is_waited_for ? 0 : passing->error);
		assert_int_equal(visit.waits.count, passing->is_waited_for ? 1 : 0);
		visit_close(&visit);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_are_what_was_named_and_up_to_as_much_again),
		cmocka_unit_test(busy_hello_is_waited_for_on_the_same_connection),
		cmocka_unit_test(hello_that_is_busy_for_ever_becomes_the_error),
		cmocka_unit_test(the_wait_outlives_its_connection),
		cmocka_unit_test(a_second_is_waited_when_no_time_is_named),
		cmocka_unit_test(busy_is_waited_for_as_long_as_named),
		cmocka_unit_test(what_passes_soon_is_waited_for),
	};
	return cmocka_run_group_tests_name("client waiting", tests, pair_set_up, pair_tear_down);
}
