/* SPDX-License-Identifier: Apache-2.0
 *
 * The office of the tests, tried on two decisions: one that only answers and one that is refused and still writes. */
#include "tests/unit/decision_fixture.h"

#include "server/services/services.h"

static void
decisions_run(const struct memory_config *config)
{
	struct decision_fixture *fixture = decision_fixture_create(config);
	const struct msg_hello_request hello = { .client = SLICE_LITERAL("test") };
	const struct msg_revoke_request revoke = { .serial = SLICE_LITERAL("0123456789abcdef") };
	struct effects *effects = decision_fixture_operate(fixture, OPERATION_hello, &hello);
	const struct rec_taxpayer taxpayer = {
		.spi = SLICE_LITERAL("3023217600053"),
		.birth_name = SLICE_LITERAL("MARTIN"),
		.first_names = SLICE_LITERAL("JEANNE"),
		.filer_number = SLICE_LITERAL("1"),
		.reference_income = SLICE_LITERAL("2"),
		.department = SLICE_LITERAL("75"),
		.household = SLICE_LITERAL("H1"),
	};
	struct rec_taxpayer found;

	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_true(slice_equal_text(((struct msg_hello_answer *)effects->answer)->origin, FIXTURE_ORIGIN));
	effects = decision_fixture_operate(fixture, OPERATION_revoke, &revoke);
	assert_int_equal(effects->refusal.error, ERROR_login_required);
	effects = decision_fixture_run(fixture, decide_revoke, message_revoke_answer(), &revoke);
	assert_int_equal(effects->refusal.error, ERROR_certificate_not_own);
	decision_fixture_register(fixture, &taxpayer);
	struct keyed person = decision_fixture_keyed(fixture, "person", "3023217600053");
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_taxpayer, key_part_keyed(&person)),
	    record_taxpayer(), &found));
	assert_true(slice_equal_text(found.household, "H1"));
	decision_fixture_destroy(fixture);
}

static void
decisions_run_and_become_durable(void **state)
{
	(void)state;
	decisions_run(NULL);
}

static void
decisions_run_over_a_late_store(void **state)
{
	static const struct memory_config late = { .defer_reads = true, .defer_commits = true };

	(void)state;
	decisions_run(&late);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions_run_and_become_durable),
		cmocka_unit_test(decisions_run_over_a_late_store),
	};
	return cmocka_run_group_tests_name("decision fixture", tests, NULL, NULL);
}
