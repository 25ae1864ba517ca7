/* SPDX-License-Identifier: Apache-2.0
 *
 * What is written of a suite: every figure by its name, runs that are valid only when they came to their end, seconds
 * without an answer as they are, and texts of the world that are no UTF-8. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "bench/report.h"
#include "bench/results.h"
#include "protocol/json.h"

#define SECOND UINT64_C(1000000000)

static const struct json_limits limits = { 1024 * 1024, 10000, 16 };

struct fixture {
	struct results *results;
	struct arena *arena;
	struct buf *buf;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->results = calloc(1, sizeof *f->results);
	f->arena = arena_create(json_arena_max(&limits));
	f->buf = buf_create(limits.size_max);
	*state = f;
	return f->results == NULL || f->arena == NULL || f->buf == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	results_free(f->results);
	free(f->results);
	arena_destroy(f->arena);
	buf_destroy(f->buf);
	free(f);
	return 0;
}

static const struct json *
written(struct fixture *f)
{
	const struct json *root = NULL;
	struct fault fault;

	buf_clear(f->buf);
	arena_reset(f->arena);
	results_put(f->buf, f->results);
	assert_true(buf_ok(f->buf));
	assert_int_equal(json_parse(buf_peek(f->buf), &limits, f->arena, &root, &fault), ERROR_NONE);
	return root;
}

static double
number_of(const struct json *object, const char *name)
{
	const struct json *member = json_find(object, name);
	char text[32] = "";

	assert_non_null(member);
	assert_int_equal(member->type, JSON_NUMBER);
	assert_true(member->text.size < sizeof text);
	memcpy(text, member->text.data, member->text.size);
	return strtod(text, NULL);
}

/* The names by which others compare runs. */
static const struct {
	const char *group, *name;
} contract[] = {
	{ "resident", "rate" }, { "resident", "efficiency" }, { "resident", "p99_ms" }, { "resident", "vs_redis" },
	{ "evening", "rate" }, { "evening", "vs_nginx" }, { "idle", "bytes_per_connection" }, { "idle", "vs_nginx" },
	{ "overload", "goodput_ratio" }, { "latency70", "p99_over_fsync" }, { "growth", "rate_ratio" },
	{ "growth", "rss_anon_mib" }, { "last-evening", "p99_ms" },
};

#define CONTRACT_COUNT (sizeof contract / sizeof contract[0])

static bool
is_growth(size_t nth)
{
	return strcmp(contract[nth].group, "growth") == 0;
}

static void
every_figure_stands_by_its_name(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < CONTRACT_COUNT; i++) {
		/* Growth is measured with one kind of keys, which is not the default. */
		if (!is_growth(i))
			results_figure(f->results, contract[i].group, contract[i].name, RESULTS_RSA3072,
			    (double)i + 1);
		results_figure(f->results, contract[i].group, contract[i].name, RESULTS_P256, (double)i + 101);
	}
	const struct json *root = written(f);
	for (size_t i = 0; i < CONTRACT_COUNT; i++) {
		const struct json *group = json_find(root, contract[i].group);
		double p256 = number_of(json_find(group, "p256"), contract[i].name);
		assert_true(p256 == (double)i + 101);
		assert_true(number_of(group, contract[i].name) == (is_growth(i) ? p256 : (double)i + 1));
	}
}

static void
one_kind_never_stands_for_the_default(void **state)
{
	struct fixture *f = *state;

	results_figure(f->results, "resident", "rate", RESULTS_P256, 7);
	const struct json *group = json_find(written(f), "resident");
	assert_null(json_find(group, "rate"));
	assert_true(number_of(json_find(group, "p256"), "rate") == 7);
}

/* A run with an accepted answer in its second second, and one that is lost in the fourth. */
static struct results_run *
add_run(struct fixture *f)
{
	struct results_run *run = results_run(f->results);

	run->stage = (struct stage_result){ .name = "a", .scenario = "resident", .kind = "p256",
		.server = "guichetd", .connections = 64, .window = 3 };
	run->stage.outcome = outcome_create(false, 0, 4 * SECOND, SECOND);
	assert_non_null(run->stage.outcome);
	run->stage.outcome->started = 2;
	outcome_answered(run->stage.outcome, SECOND + 1 - 5000000, SECOND + 1, 0);
	outcome_lost(run->stage.outcome, 3 * SECOND, 3 * SECOND + 1);
	outcome_close(run->stage.outcome);
	return run;
}

static const struct json *
first_run(const struct json *root)
{
	return json_find(root, "runs")->first;
}

static void
a_run_is_valid_when_it_has_ended(void **state)
{
	struct fixture *f = *state;
	struct results_run *run = add_run(f);

	const struct json *put = first_run(written(f));
	assert_false(json_find(put, "valid")->boolean);
	assert_true(slice_equal_text(json_find_text(put, "why"), "not finished"));
	results_finish(run);
	put = first_run(written(f));
	assert_true(json_find(put, "valid")->boolean);
	assert_true(slice_equal_text(json_find_text(put, "why"), ""));
	run->stage.why_invalid = "reason";
	run->is_repeated = true;
	put = first_run(written(f));
	assert_false(json_find(put, "valid")->boolean);
	assert_true(json_find(put, "repeated")->boolean);
	assert_true(slice_equal_text(json_find_text(put, "why"), "reason"));
}

static void
a_second_without_an_accepted_answer_has_no_latency(void **state)
{
	struct fixture *f = *state;

	(void)add_run(f);
	const struct json *seconds = json_find(first_run(written(f)), "seconds");
	/* To the last in which anything was, be it a loss. */
	assert_int_equal(seconds->count, 4);
	assert_int_equal(json_find(seconds->first, "p50_ms")->type, JSON_NULL);
	assert_true(number_of(seconds->first->next, "p50_ms") > 4.9);
	const struct json *last = seconds->first->next->next->next;
	assert_true(number_of(last, "lost") == 1);
	assert_int_equal(json_find(last, "max_ms")->type, JSON_NULL);
}

static void
a_run_says_what_limited_it(void **state)
{
	struct fixture *f = *state;
	struct stage_result *run = &add_run(f)->stage;

	run->generator_busy = 0.25;
	run->server_busy = 0.75;
	run->idlers_planned = 20000;
	run->idlers = 18000;
	run->idle_bytes = 36000000;
	run->idle_bytes_end = 54000000;
	const struct json *put = first_run(written(f));
	assert_true(number_of(put, "generator_busy") == 0.25);
	assert_true(number_of(put, "server_busy") == 0.75);
	assert_true(number_of(put, "idlers_planned") == 20000);
	assert_true(number_of(put, "idlers") == 18000);
	assert_true(number_of(put, "idle_bytes") == 36000000);
	assert_true(number_of(put, "idle_bytes_end") == 54000000);
	assert_true(number_of(put, "answered") == 1);
	assert_true(number_of(put, "latencies") == 2);
	assert_true(number_of(put, "bounds") == 1);
}

/* Digit for digit: with another seed the arrivals are others. */
static void
a_seed_is_written_whole(void **state)
{
	struct fixture *f = *state;
	struct stage_result *run = &add_run(f)->stage;

	run->seed = 20051013;
	assert_int_equal(json_find(first_run(written(f)), "seed")->type, JSON_NULL);
	run->is_open_loop = true;
	run->arrivals = SCHEDULE_POISSON;
	assert_true(number_of(first_run(written(f)), "seed") == 20051013);
	run->arrivals = SCHEDULE_EVEN;
	assert_int_equal(json_find(first_run(written(f)), "seed")->type, JSON_NULL);
}

static void
receipts_are_those_that_were_asked_for(void **state)
{
	struct fixture *f = *state;
	struct stage_result *run = &add_run(f)->stage;

	assert_int_equal(json_find(first_run(written(f)), "receipts")->type, JSON_NULL);
	run->receipts = (struct receipts_report){ .sampled = 3, .genuine = 2, .received = 5, .verified = 4, .same = 1,
		.fetched = 7, .fetched_same = 6 };
	const struct json *put = json_find(first_run(written(f)), "receipts");
	assert_true(number_of(put, "genuine") == 2);
	assert_int_equal(json_find(put, "fetched")->type, JSON_NULL);
	run->has_receipts = true;
	put = json_find(first_run(written(f)), "receipts");
	assert_true(number_of(put, "received") == 5);
	assert_true(number_of(put, "fetched") == 7);
	assert_true(number_of(put, "fetched_same") == 6);
}

static void
a_floor_says_how_large_its_answers_were(void **state)
{
	struct fixture *f = *state;

	f->results->has_floor[RESULTS_P256] = true;
	f->results->floor[RESULTS_P256] = (struct floor_result){ .total_ns = 5000, .answer_size = 2100 };
	const struct json *floor = json_find(written(f), "floor");
	assert_null(json_find(floor, "rsa3072"));
	assert_true(number_of(json_find(floor, "p256"), "total_us") == 5);
	assert_true(number_of(json_find(floor, "p256"), "answer_bytes") == 2100);
}

static void
a_run_without_an_outcome_is_none(void **state)
{
	struct fixture *f = *state;

	(void)results_run(f->results);
	assert_int_equal(json_find(written(f), "runs")->count, 0);
}

static void
what_failed_is_written_whatever_its_bytes(void **state)
{
	struct fixture *f = *state;
	struct fault fault;

	fault_set(&fault, ERROR_file_unreadable, "pl\xe9" "ce", SLICE_LITERAL("caf\xc3\xa9"), "a\tb");
	results_failure(f->results, "redis", RESULTS_P256, &fault);
	f->results->command = "\xff";
	const struct json *root = written(f), *failure = json_find(root, "failures")->first;
	assert_true(slice_equal_text(json_find_text(failure, "step"), "redis"));
	assert_true(slice_equal_text(json_find_text(failure, "kind"), "p256"));
	assert_true(slice_equal_text(json_find_text(failure, "error"), "file_unreadable"));
	assert_true(slice_equal_text(json_find_text(failure, "place"), "pl?ce"));
	assert_true(slice_equal_text(json_find_text(failure, "value"), "caf\xc3\xa9"));
	assert_true(slice_equal_text(json_find_text(failure, "expected"), "a\tb"));
	assert_true(slice_equal_text(json_find_text(root, "command"), "?"));
	assert_false(json_find(root, "complete")->boolean);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_figure_stands_by_its_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_kind_never_stands_for_the_default, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_run_is_valid_when_it_has_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_second_without_an_accepted_answer_has_no_latency, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_run_says_what_limited_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_seed_is_written_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(receipts_are_those_that_were_asked_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_floor_says_how_large_its_answers_were, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_run_without_an_outcome_is_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_failed_is_written_whatever_its_bytes, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
