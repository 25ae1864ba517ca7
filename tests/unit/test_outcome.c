/* SPDX-License-Identifier: Apache-2.0
 *
 * What is counted where: warm-up apart, seconds by the moment of the answer, codes whole. */
#include "tests/unit/unit.h"

#include "bench/outcome.h"

#define SECOND UINT64_C(1000000000)

static void
answers_are_counted_in_their_part(void **state)
{
	struct outcome *outcome = outcome_create(SECOND, 2 * SECOND, SECOND);

	(void)state;
	outcome_answered(outcome, SECOND - 1, 0, 5000);        /* warm-up */
	outcome_answered(outcome, SECOND, 0, 7000);            /* measured */
	outcome_answered(outcome, 2 * SECOND, 0, 9000);        /* measured */
	outcome_answered(outcome, 2 * SECOND + 1, 20, 100);    /* measured, refused */
	outcome_answered(outcome, 3 * SECOND, 0, 11000);       /* too late */
	outcome_answered(outcome, 90 * SECOND, 20, 11000);     /* beyond every row */
	outcome_lost(outcome, 2 * SECOND);
	outcome_close(outcome);
	assert_int_equal(outcome->accepted, 2);
	assert_int_equal(outcome->refused, 1);
	assert_int_equal(histogram_count(outcome->latency), 2);
	assert_int_equal(histogram_count(outcome->refusal), 1);
	assert_int_equal(histogram_max_ns(outcome->refusal), 100);
	assert_true(outcome_rate(outcome) == 1.0);
	assert_int_equal(outcome_count_of(outcome, 0), 4);
	assert_int_equal(outcome_count_of(outcome, 20), 2);
	assert_int_equal(outcome_count_of(outcome, 21), 0);
	assert_int_equal(outcome->lost, 1);
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

static void
codes_beyond_the_last_place_are_still_counted(void **state)
{
	struct outcome *outcome = outcome_create(0, SECOND, 0);
	uint64_t sum = 0;

	(void)state;
	for (uint32_t status = 1; status <= 2 * OUTCOME_CODES_MAX; status++)
		outcome_answered(outcome, 1, status, 1);
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
		cmocka_unit_test(codes_beyond_the_last_place_are_still_counted),
	};
	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
