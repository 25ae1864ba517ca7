/* SPDX-License-Identifier: Apache-2.0
 *
 * What is counted where: warm-up apart, seconds by the moment of the answer, codes whole. */
#include "tests/unit/unit.h"

#include "bench/outcome.h"

#define SECOND UINT64_C(1000000000)

static void
answers_are_counted_in_their_part(void **state)
{
	struct outcome *outcome = outcome_create(false, SECOND, 2 * SECOND, SECOND);

	(void)state;
	outcome->started = 8;
	outcome_answered(outcome, SECOND - 5001, SECOND - 1, 0);           /* warm-up */
	outcome_answered(outcome, SECOND - 7000, SECOND, 0);               /* measured: under way in it */
	outcome_answered(outcome, 2 * SECOND - 9000, 2 * SECOND, 0);       /* measured */
	outcome_answered(outcome, 2 * SECOND - 99, 2 * SECOND + 1, 20);    /* measured, refused */
	outcome_answered(outcome, 3 * SECOND - 11000, 3 * SECOND, 0);      /* answered too late for the rate */
	outcome_answered(outcome, 3 * SECOND, 90 * SECOND, 20);            /* begun too late; beyond every row */
	outcome_lost(outcome, 2 * SECOND - 50000, 2 * SECOND);
	outcome_unanswered(outcome, 3 * SECOND - 60000, 3 * SECOND);
	outcome_close(outcome);
	assert_int_equal(outcome->accepted, 2);
	assert_int_equal(outcome->refused, 1);
	assert_int_equal(histogram_count(outcome->latency), 5);
	assert_in_range(histogram_max_ns(outcome->latency), 60000, 60100);
	assert_int_equal(outcome->bounds, 2);
	assert_int_equal(histogram_count(outcome->refusal), 1);
	assert_int_equal(histogram_max_ns(outcome->refusal), 100);
	assert_true(outcome_rate(outcome) == 1.0);
	assert_int_equal(outcome_count_of(outcome, 0), 4);
	assert_int_equal(outcome_count_of(outcome, 20), 2);
	assert_int_equal(outcome_count_of(outcome, 21), 0);
	assert_int_equal(outcome->answered, 6);
	assert_int_equal(outcome->lost, 1);
	assert_int_equal(outcome->unanswered, 1);
	assert_int_equal(outcome->seconds[0].accepted, 1);
	assert_int_equal(outcome->seconds[1].accepted, 1);
	assert_int_equal(outcome->seconds[2].accepted, 1);
	assert_int_equal(outcome->seconds[2].refused, 1);
	assert_int_equal(outcome->seconds[2].lost, 1);
	assert_in_range(outcome->seconds[1].p50_ns, 7000, 7010);
	assert_in_range(outcome->seconds[3].max_ns, 11000, 11020);
	assert_int_equal(outcome->seconds[outcome->seconds_count - 1].refused, 1);
	outcome_destroy(outcome);
}

/* In an open loop latency belongs to when a job was meant to begin, whatever became of it and whenever. */
static void
latency_belongs_to_the_intended_moment(void **state)
{
	struct outcome *outcome = outcome_create(true, SECOND, 2 * SECOND, 10 * SECOND);

	(void)state;
	outcome->due = 8;
	outcome->started = 6;
	outcome_answered(outcome, SECOND - 1, 2 * SECOND, 0);     /* meant in the warm-up */
	outcome_answered(outcome, SECOND, SECOND + 1000, 0);      /* measured */
	outcome_answered(outcome, 3 * SECOND - 1, 9 * SECOND, 0); /* measured: answered in the grace */
	outcome_answered(outcome, 2 * SECOND, 3 * SECOND, 20);    /* refused */
	outcome_lost(outcome, SECOND, 4 * SECOND);
	outcome_unanswered(outcome, 2 * SECOND, 13 * SECOND);
	outcome_unsent(outcome, 2 * SECOND, 3 * SECOND);
	outcome_unsent(outcome, SECOND / 2, 3 * SECOND); /* meant in the warm-up */
	outcome_close(outcome);
	assert_int_equal(histogram_count(outcome->latency), 5);
	assert_int_equal(outcome->bounds, 3);
	assert_in_range(histogram_max_ns(outcome->latency), 11 * SECOND, 11 * SECOND + SECOND / 50);
	assert_in_range(histogram_min_ns(outcome->latency), 990, 1000);
	assert_int_equal(histogram_count(outcome->refusal), 1);
	assert_int_equal(outcome->accepted, 2);
	assert_int_equal(outcome->unsent, 2);
	outcome_destroy(outcome);
}

static void
codes_beyond_the_last_place_are_still_counted(void **state)
{
	struct outcome *outcome = outcome_create(false, 0, SECOND, 0);
	uint64_t sum = 0;

	(void)state;
	for (uint32_t status = 1; status <= 2 * OUTCOME_CODES_MAX; status++)
		outcome_answered(outcome, 0, 1, status);
	assert_int_equal(outcome->codes_count, OUTCOME_CODES_MAX);
	for (size_t i = 0; i < outcome->codes_count; i++)
		sum += outcome->codes[i].count;
	assert_int_equal(sum, 2 * OUTCOME_CODES_MAX);
	outcome_destroy(outcome);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_counted_in_their_part),
		cmocka_unit_test(latency_belongs_to_the_intended_moment),
		cmocka_unit_test(codes_beyond_the_last_place_are_still_counted),
	};
	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
