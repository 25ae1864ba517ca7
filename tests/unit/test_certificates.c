/* SPDX-License-Identifier: Apache-2.0
 *
 * issue and revoke: certificates of other kinds, and the end of any. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/people.h"
#include "tests/unit/unit.h"

static struct effects *
revoke(struct decision_fixture *fixture, const struct person *by, const uint8_t serial[SERIAL_SIZE], uint64_t reason)
{
	const struct msg_revoke_request request = { .serial = slice_of(serial, SERIAL_SIZE), .reason = reason };
	fixture->holder = by->holder;
	return decision_fixture_operate(fixture, OPERATION_revoke, &request);
}

static void
an_operator_issues_every_kind_but_taxpayers(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *operator = people_issue(fixture, "operator");
	static const char *const kinds[] = { "professional", "agent", "operator", "consumer", "courier" };

	fixture->holder = operator->holder;
	for (size_t i = 0; i < 5; i++) {
		EVP_PKEY *key = key_generate(KEY_P256);
		const struct msg_issue_request request = { .kind = slice_of_text(kinds[i]), .csr = people_csr(fixture,
		    key, "Cabinet Durand") };
		struct effects *effects = decision_fixture_operate(fixture, OPERATION_issue, &request);
		const struct msg_certificate_answer *answer = effects->answer, *again;
		struct rec_certificate record;
		assert_int_equal(effects->refusal.error, ERROR_NONE);
		assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_certificate, answer->serial),
		    record_certificate(),
		    &record));
		assert_int_equal(record.role, role_find(request.kind));
		assert_true(slice_equal_text(record.names, "Cabinet Durand"));
		assert_false(record.has_spi);
		again = decision_fixture_operate(fixture, OPERATION_issue, &request)->answer;
		assert_true(slice_equal(again->certificate, answer->certificate));
		/* The same key for another kind. */
		const struct msg_issue_request other = { .kind = slice_of_text(kinds[(i + 1) % 5]),
		    .csr = request.csr };
		assert_refused(decision_fixture_operate(fixture, OPERATION_issue, &other), ERROR_key_in_use, "csr",
		    NULL, "*");
		EVP_PKEY_free(key);
	}
	struct msg_issue_request wrong = { .kind = SLICE_LITERAL("taxpayer"), .csr = operator->csr };
	assert_refused(decision_fixture_operate(fixture, OPERATION_issue, &wrong), ERROR_field_invalid,
	    "issue_request.kind", "taxpayer",
	    "professional, agent, operator, consumer or courier");
	wrong.kind = SLICE_LITERAL("agent");
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	wrong.csr = people_csr(fixture, key, NULL);
	EVP_PKEY_free(key);
	assert_refused(decision_fixture_operate(fixture, OPERATION_issue, &wrong), ERROR_request_invalid,
	    "issue_request.csr", NULL,
	    "a common name");
}

static void
expect_answer(const struct effects *effects, uint64_t reason, bool was_revoked)
{
	const struct msg_revoke_answer *answer = effects->answer;

	assert_int_equal(answer->revoked_at, FIXTURE_NOW);
	assert_int_equal(answer->reason, reason);
	assert_int_equal(answer->was_revoked, was_revoked);
}

static void
holders_revoke_their_own_and_operators_any(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	struct person *operator = people_issue(fixture, "operator");
	static const uint8_t nobody_s[SERIAL_SIZE] = { 1 };
	struct rec_certificate record;
	struct rec_revocation line;

	/* A spouse's certificate and none at all are the same. */
	assert_refused(revoke(fixture, jeanne, paul->serial, 1), ERROR_certificate_not_own, "revoke_request.serial",
	    "*", "the serial number of a certificate of one's own");
	assert_refused(revoke(fixture, jeanne, nobody_s, 1), ERROR_certificate_not_own, "revoke_request.serial",
	    "01000000000000000000000000000000", "the serial number of a certificate of one's own");
	assert_refused(revoke(fixture, operator, nobody_s, 1), ERROR_certificate_unknown, "revoke_request.serial",
	    "01000000000000000000000000000000", "the serial number of a certificate issued here");
	struct effects *effects = revoke(fixture, jeanne, jeanne->serial, 1);
	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_true(effects->changes_crl);
	expect_answer(effects, 1, false);
	assert_non_null(effects->leaves);
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_certificate, slice_of(jeanne->serial,
	    SERIAL_SIZE)),
	    record_certificate(), &record));
	assert_int_equal(record.reason, 1);
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_revocation, slice_of(jeanne->serial,
	    SERIAL_SIZE)),
	    record_revocation(), &line));
	assert_true(line.has_not_after);
	assert_int_equal(line.not_after, record.not_after);
	/* It takes effect at once, on the same connection. */
	assert_refused(revoke(fixture, jeanne, jeanne->serial, 1), ERROR_certificate_revoked, "serial", "*", "*");
	/* The first revocation counts. */
	fixture->now += 60;
	effects = revoke(fixture, operator, jeanne->serial, 5);
	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_null(effects->puts);
	expect_answer(effects, 1, true);
	assert_int_equal(revoke(fixture, operator, paul->serial, 0)->refusal.error, ERROR_NONE);
}

static void
only_the_reasons_of_the_list_are_taken(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");

	static const char *const words[11] = { "unspecified", "key-compromise", NULL, "affiliation-changed",
		"superseded", "cessation" };
	char number[8];
	uint64_t found;

	for (uint64_t reason = 0; reason < sizeof words / sizeof words[0]; reason++) {
		snprintf(number, sizeof number, "%u", (unsigned)reason);
		if (words[reason] == NULL) {
			assert_null(revocation_reason_word(reason));
			assert_refused(revoke(fixture, jeanne, jeanne->serial, reason), ERROR_field_invalid,
			    "revoke_request.reason", number,
			    "0 unspecified, 1 key-compromise, 3 affiliation-changed, 4 superseded, 5 cessation");
		} else {
			assert_string_equal(revocation_reason_word(reason), words[reason]);
			assert_true(revocation_reason_find(slice_of_text(words[reason]), &found) && found == reason);
		}
	}
	assert_false(revocation_reason_find(SLICE_LITERAL("whim"), &found));
	assert_int_equal(revoke(fixture, jeanne, jeanne->serial, 5)->refusal.error, ERROR_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(an_operator_issues_every_kind_but_taxpayers),
		PEOPLE_TEST(holders_revoke_their_own_and_operators_any),
		PEOPLE_TEST(only_the_reasons_of_the_list_are_taken),
	};
	return RUN_OVER_BOTH("certificates", tests);
}
