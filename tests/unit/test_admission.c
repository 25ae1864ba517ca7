/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is heard in a crowd: filings longest, enrolments by their budget, over a clock that jumps. */
#include "tests/unit/unit.h"

#include "server/admission.h"

#define AFTER_MS 400U
#define NOW UINT64_C(1775037600000)

static bool
grants(struct admission *admission, enum operation_number number, uint64_t now_ms, uint64_t waited_ms)
{
	return admission_grants(admission, operation_find(number), now_ms, waited_ms);
}

static void
consultation_gives_way_before_filings(void **state)
{
	static const struct {
		enum operation_number number;
		uint64_t longest_ms;
	} rows[] = {
		{ OPERATION_file, AFTER_MS },
		{ OPERATION_upload, AFTER_MS },
		{ OPERATION_revoke, AFTER_MS },
		{ OPERATION_filings, AFTER_MS / ADMISSION_READ_PART },
		{ OPERATION_hello, AFTER_MS / ADMISSION_READ_PART },
	};
	struct admission admission = { .busy_after_ms = AFTER_MS, .enrolments_per_second = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_true(grants(&admission, rows[i].number, NOW, rows[i].longest_ms));
		assert_false(grants(&admission, rows[i].number, NOW, rows[i].longest_ms + 1));
	}
}

/* Of so many at once, while filings wait. */
static unsigned
enrolled(struct admission *admission, uint64_t now_ms, unsigned count)
{
	unsigned granted = 0;

	assert_true(grants(admission, OPERATION_file, now_ms, AFTER_MS / ADMISSION_CROWD_PART + 1));
	for (unsigned i = 0; i < count; i++)
		granted += grants(admission, OPERATION_enrol, now_ms, 0);
	return granted;
}

static void
enrolments_have_a_budget_of_their_own(void **state)
{
	struct admission admission = { .busy_after_ms = AFTER_MS, .enrolments_per_second = 50 };

	(void)state;
	assert_int_equal(enrolled(&admission, NOW, 200), 50);
	assert_int_equal(enrolled(&admission, NOW + 19, 200), 0);
	assert_int_equal(enrolled(&admission, NOW + 20, 200), 1);
	assert_int_equal(enrolled(&admission, NOW + 120, 200), 5);
	/* It does not grow beyond a second's. */
	assert_int_equal(enrolled(&admission, NOW + 3600 * 1000, 200), 50);
}

static void
enrolments_have_all_the_time_that_filings_leave(void **state)
{
	struct admission admission = { .busy_after_ms = AFTER_MS, .enrolments_per_second = 50 };

	(void)state;
	assert_int_equal(enrolled(&admission, NOW, 200), 50);
	/* Filings come, but none has to wait any more. */
	for (unsigned i = 0; i < 200; i++) {
		assert_true(grants(&admission, OPERATION_file, NOW + ADMISSION_CROWD_MS,
		    AFTER_MS / ADMISSION_CROWD_PART));
		assert_true(grants(&admission, OPERATION_enrol, NOW + ADMISSION_CROWD_MS, AFTER_MS));
	}
	assert_false(grants(&admission, OPERATION_enrol, NOW + ADMISSION_CROWD_MS, AFTER_MS + 1));
}

static void
a_clock_set_back_neither_fills_nor_empties_it(void **state)
{
	struct admission admission = { .busy_after_ms = AFTER_MS, .enrolments_per_second = 50 };

	(void)state;
	assert_int_equal(enrolled(&admission, NOW, 40), 40);
	assert_int_equal(enrolled(&admission, NOW - 86400000, 200), 10);
	assert_int_equal(enrolled(&admission, NOW - 86400000 + 1000, 200), 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consultation_gives_way_before_filings),
		cmocka_unit_test(enrolments_have_a_budget_of_their_own),
		cmocka_unit_test(enrolments_have_all_the_time_that_filings_leave),
		cmocka_unit_test(a_clock_set_back_neither_fills_nor_empties_it),
	};
	return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
