/* SPDX-License-Identifier: Apache-2.0
 *
 * hello, login and publication: what a connection begins with. */
#include <string.h>

#include "server/authority.h"
#include "tests/unit/people.h"
#include "tests/unit/unit.h"

static struct msg_login_request
login_of(struct decision_fixture *fixture, const struct person *person)
{
	struct buf *input = buf_create(256), *signature = buf_create(1024);
	struct msg_login_request request = { .serial = slice_of(person->serial, SERIAL_SIZE) };

	login_input_put(input, fixture->channel_binding, request.serial);
	assert_int_equal(key_sign(person->key, buf_peek(input), signature), ERROR_NONE);
	assert_true(arena_copy(fixture->arena, buf_peek(signature), &request.signature));
	buf_destroy(input);
	buf_destroy(signature);
	return request;
}

static struct effects *
login(struct decision_fixture *fixture, const struct msg_login_request *request)
{
	return decision_fixture_operate(fixture, OPERATION_login, request);
}

static void
a_connection_speaks_for_its_holder(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	const struct msg_login_request request = login_of(fixture, jeanne);
	struct effects *effects = login(fixture, &request);
	const struct msg_login_answer *answer = effects->answer;

	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_true(effects->logs_in);
	assert_int_equal(effects->holder.role, ROLE_TAXPAYER);
	assert_memory_equal(effects->holder.serial, jeanne->serial, SERIAL_SIZE);
	assert_true(effects->holder.has_person);
	assert_memory_equal(effects->holder.person.bytes, jeanne->holder.person.bytes, 16);
	assert_true(slice_equal_text(answer->kind, "taxpayer"));
	assert_true(slice_equal_text(answer->names, "Jeanne Zoé LEFÈVRE"));
	assert_null(effects->puts);
	/* One identity per connection. */
	fixture->holder = effects->holder;
	assert_refused(login(fixture, &request), ERROR_already_logged_in, NULL, NULL, NULL);
}

static void
what_does_not_verify_is_one_refusal(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	const struct msg_login_request right = login_of(fixture, jeanne);
	struct msg_login_request wrong = right;

	wrong.serial = SLICE_LITERAL("0123456789abcdef");
	assert_refused(login(fixture, &wrong), ERROR_login_refused, NULL, NULL, NULL);
	wrong.serial = slice_of(paul->serial, SERIAL_SIZE);
	assert_refused(login(fixture, &wrong), ERROR_login_refused, NULL, NULL, NULL);
	wrong = right;
	wrong.signature.size--;
	assert_refused(login(fixture, &wrong), ERROR_login_refused, NULL, NULL, NULL);
	/* Relayed to another connection. */
	fixture->channel_binding[31] ^= 1;
	assert_refused(login(fixture, &right), ERROR_login_refused, NULL, NULL, NULL);
	fixture->channel_binding[31] ^= 1;
	assert_int_equal(login(fixture, &right)->refusal.error, ERROR_NONE);
	/* A signature over a filing is none over a log-in. */
	const struct msg_file_request file = draft_sign(fixture, draft_simple(fixture, jeanne), jeanne);
	wrong = right;
	wrong.signature = file.signature;
	assert_refused(login(fixture, &wrong), ERROR_login_refused, NULL, NULL, NULL);
}

static void
certificates_that_do_not_count_are_named_to_their_holder_only(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	const struct msg_login_request request = login_of(fixture, jeanne);
	struct msg_login_request wrong = request;
	const struct msg_revoke_request revoke = { .serial = request.serial };

	fixture->now = FIXTURE_NOW - 1;
	assert_refused(login(fixture, &request), ERROR_certificate_not_yet_valid, "serial", "*", "*");
	fixture->now = FIXTURE_NOW + 4 * 366 * 86400;
	assert_refused(login(fixture, &request), ERROR_certificate_expired, "serial", "*", "*");
	fixture->now = FIXTURE_NOW + 60;
	fixture->holder = jeanne->holder;
	assert_int_equal(decision_fixture_operate(fixture, OPERATION_revoke, &revoke)->refusal.error, ERROR_NONE);
	fixture->holder = (struct holder){ .role = ROLE_NOBODY };
	assert_refused(login(fixture, &request), ERROR_certificate_revoked, "serial", "*",
	    "a certificate in force; this one is revoked since 2026-04-01T10:01:00Z");
	wrong.signature.size--;
	assert_refused(login(fixture, &wrong), ERROR_login_refused, NULL, NULL, NULL);
}

static void
hello_tells_the_limits(void **state)
{
	struct decision_fixture *fixture = *state;
	const struct msg_hello_request request = { .client = SLICE_LITERAL("test 1") };
	const struct msg_hello_answer *answer = decision_fixture_operate(fixture, OPERATION_hello, &request)->answer;

	assert_true(slice_equal_text(answer->origin, FIXTURE_ORIGIN));
	assert_int_equal(answer->time, FIXTURE_NOW);
	assert_int_equal(answer->frame_body_max, LIMIT_FRAME_BODY);
	assert_int_equal(answer->part_size_max, LIMIT_PART_SIZE);
	assert_int_equal(answer->upload_quota, LIMIT_UPLOAD_QUOTA);
	assert_int_equal(answer->filings_hour_max, LIMIT_FILINGS_HOUR);
	assert_int_equal(answer->filings_day_max, LIMIT_FILINGS_DAY);
	assert_int_equal(answer->filed_quota, LIMIT_FILED_QUOTA);
	assert_int_equal(answer->returns_total_max, LIMIT_RETURNS_TOTAL);
	assert_int_equal(answer->part_size_min, LIMIT_PART_MIN);
	assert_int_equal(answer->manifest_size_max, LIMIT_MANIFEST_SIZE);
	assert_true(answer->has_filings_hour_max && answer->has_filings_day_max && answer->has_filed_quota);
	assert_true(answer->has_returns_total_max && answer->has_part_size_min && answer->has_manifest_size_max);
}

static void
publications_come_in_parts(void **state)
{
	struct decision_fixture *fixture = *state;
	struct msg_publication_request request = { .name = SLICE_LITERAL("campaign.json") };
	const struct msg_publication_answer *whole = decision_fixture_operate(fixture, OPERATION_publication,
	    &request)->answer, *rest;

	assert_int_equal(whole->size, whole->content.size);
	request.has_offset = true;
	request.offset = 10;
	rest = decision_fixture_operate(fixture, OPERATION_publication, &request)->answer;
	assert_true(slice_equal(rest->content, slice_from(whole->content, 10)));
	assert_int_equal(rest->size, whole->size);
	request.offset = whole->size + 1;
	rest = decision_fixture_operate(fixture, OPERATION_publication, &request)->answer;
	assert_int_equal(rest->content.size, 0);
	request.name = SLICE_LITERAL("../keys/root.pem");
	assert_refused(decision_fixture_operate(fixture, OPERATION_publication, &request), ERROR_not_found,
	    "publication_request.name",
	    "../keys/root.pem", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(a_connection_speaks_for_its_holder),
		PEOPLE_TEST(what_does_not_verify_is_one_refusal),
		PEOPLE_TEST(certificates_that_do_not_count_are_named_to_their_holder_only),
		PEOPLE_TEST(hello_tells_the_limits),
		PEOPLE_TEST(publications_come_in_parts),
	};
	return RUN_OVER_BOTH("log-in", tests);
}
