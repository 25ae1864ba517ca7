/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate: every operation of the table with every role, and certificates that no longer count. */
#include <string.h>

#include "server/gate.h"
#include "tests/unit/people.h"
#include "tests/unit/unit.h"

static const char *const kinds[] = { "taxpayer", "professional", "agent", "operator", "consumer", "courier" };
#define KINDS (sizeof kinds / sizeof kinds[0])

static struct holder
holder_of_kind(struct decision_fixture *fixture, size_t kind)
{
	return kind == 0 ? people_enrol(fixture, 3000000001, "H1")->holder : people_issue(fixture, kinds[kind])->holder;
}

/* What the gate says, of the operation alone: its handler is replaced. */
static enum outcome
handler_that_accepts(struct decision *decision, const void *request)
{
	const struct operation *operation = request;

	switch (gate_check(decision, operation)) {
	case GATE_AGAIN:
		return AGAIN;
	case GATE_REFUSED:
	case GATE_OPEN:
		break;
	}
	return DECIDED;
}

static const struct fault *
gate_says(struct decision_fixture *fixture, const struct operation *operation)
{
	return &decision_fixture_decide(fixture, handler_that_accepts, message_done(), operation)->refusal;
}

static void
every_operation_is_for_the_roles_of_its_row(void **state)
{
	struct decision_fixture *fixture = *state;
	struct holder holders[KINDS];
	size_t count;
	const struct operation *table = operation_table(&count);

	for (size_t kind = 0; kind < KINDS; kind++)
		holders[kind] = holder_of_kind(fixture, kind);
	for (size_t i = 0; i < count; i++) {
		fixture->holder = (struct holder){ .role = ROLE_NOBODY };
		assert_int_equal(gate_says(fixture, &table[i])->error,
		    (table[i].roles & ROLE_NOBODY) != 0 ? ERROR_NONE : ERROR_login_required);
		for (size_t kind = 0; kind < KINDS; kind++) {
			fixture->holder = holders[kind];
			assert_int_equal(gate_says(fixture, &table[i])->error,
			    (table[i].roles & (unsigned)holders[kind].role) != 0 ? ERROR_NONE : ERROR_role_refused);
		}
	}
}

/* What is private is closed at once; what needs no log-in stays open. */
static void
a_certificate_counts_at_each_request(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	const struct operation *private = operation_find(OPERATION_filings), *public = operation_find(OPERATION_file);
	const struct msg_revoke_request revoke = { .serial = slice_of(jeanne->serial, SERIAL_SIZE) };

	fixture->holder = jeanne->holder;
	assert_int_equal(gate_says(fixture, private)->error, ERROR_NONE);
	fixture->now = FIXTURE_NOW - 1;
	assert_int_equal(gate_says(fixture, private)->error, ERROR_certificate_not_yet_valid);
	assert_int_equal(gate_says(fixture, public)->error, ERROR_NONE);
	fixture->now = 1869732000 - 1;
	assert_int_equal(gate_says(fixture, private)->error, ERROR_NONE);
	fixture->now = 1869732000;
	assert_int_equal(gate_says(fixture, private)->error, ERROR_certificate_expired);
	assert_int_equal(gate_says(fixture, public)->error, ERROR_NONE);
	fixture->now = FIXTURE_NOW;
	assert_int_equal(decision_fixture_operate(fixture, OPERATION_revoke, &revoke)->refusal.error, ERROR_NONE);
	assert_int_equal(gate_says(fixture, private)->error, ERROR_certificate_revoked);
	assert_true(slice_equal_text(gate_says(fixture, private)->place, "serial"));
	assert_int_equal(gate_says(fixture, public)->error, ERROR_NONE);
	/* Revoked says more than expired. */
	fixture->now = 1869732000;
	assert_int_equal(gate_says(fixture, private)->error, ERROR_certificate_revoked);
	fixture->holder.serial[0] ^= 1;
	assert_int_equal(gate_says(fixture, private)->error, ERROR_certificate_unknown);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(every_operation_is_for_the_roles_of_its_row),
		PEOPLE_TEST(a_certificate_counts_at_each_request),
	};
	return RUN_OVER_BOTH("gate", tests);
}
