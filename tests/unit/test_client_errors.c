/* SPDX-License-Identifier: Apache-2.0
 *
 * The public errors are the wire's: same numbers, names, texts and retries. A new row in errors.def without its public
 * number does not compile here. */
#include "tests/unit/unit.h"

#include <string.h>

#include <guichet/guichet.h>

#include "client/problem.h"

static void
public_numbers_are_those_of_the_table(void **state)
{
	(void)state;
#define ERROR(number, name, retry, english, french) assert_int_equal(GUICHET_ERROR_##name, number);
#include "protocol/errors.def"
#undef ERROR
}

static void
public_texts_are_those_of_the_table(void **state)
{
	(void)state;
	size_t count;
	const struct error_entry *table = error_table(&count);
	for (size_t i = 0; i < count; i++) {
		enum guichet_error error = (enum guichet_error)table[i].number;
		assert_string_equal(guichet_error_name(error), table[i].name);
		assert_string_equal(guichet_error_english(error), table[i].english);
		assert_string_equal(guichet_error_french(error), table[i].french);
		assert_int_equal(guichet_error_retry(error) == GUICHET_RETRY_later, table[i].retry == RETRY_LATER);
		assert_int_equal(guichet_error_retry(error) == GUICHET_RETRY_new, table[i].retry == RETRY_NEW);
	}
	assert_string_equal(guichet_error_english((enum guichet_error)12345), "");
	assert_int_equal(guichet_error_retry((enum guichet_error)12345), GUICHET_RETRY_never);
}

/* A newer server may refuse with what this library has never heard of. */
static void
unknown_status_is_a_refusal_with_the_servers_words(void **state)
{
	(void)state;
	struct guichet_problem *problem = guichet_problem_create();
	struct msg_refusal refusal = { .correlation = SLICE_LITERAL("12345678"),
		.text = SLICE_LITERAL("new"),
		.text_fr = SLICE_LITERAL("nouveau") };
	assert_int_equal(problem_set_refusal(problem, 777, &refusal), 777);
	assert_string_equal(guichet_problem_english(problem), "new");
	assert_int_equal(problem_set_refusal(problem, UINT32_MAX, &refusal), GUICHET_ERROR_largest);
	assert_int_equal(guichet_problem_error(problem), GUICHET_ERROR_largest);
	guichet_problem_destroy(problem);
}

static void
problem_forgets_the_one_before(void **state)
{
	(void)state;
	struct guichet_problem *problem = guichet_problem_create();
	struct msg_finding finding = { .severity = 1, .rule = 3, .text = SLICE_LITERAL("a") };
	struct msg_refusal refusal = {
		.correlation = SLICE_LITERAL("12345678"), .findings = &finding, .findings_count = 1, .retry_after_ms = 5
	};
	problem_set_refusal(problem, ERROR_busy, &refusal);
	assert_int_equal(guichet_problem_findings(problem), 1);
	assert_int_equal(problem_set(problem, ERROR_usage, "here", SLICE_LITERAL("this"), "that"), GUICHET_ERROR_usage);
	assert_int_equal(guichet_problem_findings(problem), 0);
	assert_int_equal(guichet_problem_retry_after_ms(problem), 0);
	assert_string_equal(guichet_problem_correlation(problem), "");
	assert_string_equal(guichet_problem_place(problem), "here");
	assert_string_equal(guichet_problem_value(problem), "this");
	assert_string_equal(guichet_problem_expected(problem), "that");
	assert_int_equal(problem_set(NULL, ERROR_usage, "", SLICE_EMPTY, ""), GUICHET_ERROR_usage);
	guichet_problem_destroy(problem);
}

static void
every_reason_is_kept(void **state)
{
	(void)state;
	struct guichet_problem *problem = guichet_problem_create(), *copy = guichet_problem_create();
	struct msg_reason reasons[] = {
		{ .error = ERROR_replaces_mismatch, .text = SLICE_LITERAL("one"), .text_fr = SLICE_LITERAL("un") },
		{ .error = ERROR_offline_binding, .has_place = true, .place = SLICE_LITERAL("line 6"),
		    .text = SLICE_LITERAL("two"), .text_fr = SLICE_LITERAL("deux") },
	};
	struct msg_refusal refusal = {
		.correlation = SLICE_LITERAL("12345678"), .reasons = reasons, .reasons_count = 2
	};
	problem_set_refusal(problem, ERROR_replaces_mismatch, &refusal);
	memset(reasons, 0, sizeof reasons);
	problem_copy(copy, problem);
	problem_clear(problem);
	assert_int_equal(guichet_problem_reasons(problem), 0);
	assert_int_equal(guichet_problem_reasons(copy), 2);
	struct guichet_record second = guichet_problem_reason(copy, 1);
	assert_int_equal(guichet_record_uint(second, "error"), GUICHET_ERROR_offline_binding);
	assert_memory_equal(guichet_record_bytes(second, "place").data, "line 6", strlen("line 6"));
	assert_memory_equal(guichet_record_bytes(second, "text_fr").data, "deux", strlen("deux"));
	assert_null(guichet_problem_reason(copy, 2).values);
	guichet_problem_destroy(problem);
	guichet_problem_destroy(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_numbers_are_those_of_the_table),
		cmocka_unit_test(public_texts_are_those_of_the_table),
		cmocka_unit_test(unknown_status_is_a_refusal_with_the_servers_words),
		cmocka_unit_test(problem_forgets_the_one_before),
		cmocka_unit_test(every_reason_is_kept),
	};
	return cmocka_run_group_tests_name("client errors", tests, NULL, NULL);
}
