/* SPDX-License-Identifier: Apache-2.0
 *
 * A session over a store that is late: streams in use, answers out of the order of the requests, frames that are no
 * requests, and a log-in that counts from its answer on. */
#include <stdlib.h>
#include <string.h>

#include "protocol/codec.h"
#include "server/dispatch.h"
#include "server/session.h"
#include "tests/unit/answered.h"
#include "tests/unit/people.h"
#include "tests/unit/unit.h"

struct table {
	struct decision_fixture *fixture;
	struct dispatch *dispatch;
	struct session *session;
	unsigned answered;
};

static uint64_t
wall_ms(void *context)
{
	(void)context;
	return FIXTURE_NOW * 1000;
}

static void
event_answered(void *context, const struct dispatch_event *event)
{
	(void)context;
	answered_note(event->operation, event->error);
}

static void
nothing(void *context)
{
	(void)context;
}

static void
damaged(void *context, enum error error, const char *cause, const uint8_t *correlation)
{
	(void)context;
	(void)correlation;
	fail_msg("the store failed: %s: %s", error_name(error), cause);
}

static void
peer_answered(void *context)
{
	((struct table *)context)->answered++;
}

static struct table *
table_lay(struct decision_fixture *fixture)
{
	struct table *table = calloc(1, sizeof *table);
	const struct dispatch_config config = {
		.store = fixture->store,
		.commit = fixture->commit,
		.office = fixture->office,
		.handlers = services_table(),
		.jobs_max = 1000,
		.promised_max = UINT64_MAX,
		.waiting_max = 1000,
		.retry_after_ms = 100,
		.wall_ms = wall_ms,
		.answered = event_answered,
		.crl_changed = nothing,
		.damaged = damaged,
	};
	const struct session_peer peer = { .answered = peer_answered, .context = table };

	assert_non_null(table);
	table->fixture = fixture;
	table->dispatch = dispatch_create(&config);
	assert_non_null(table->dispatch);
	table->session = session_create(table->dispatch, &peer);
	assert_non_null(table->session);
	return table;
}

static void
table_clear(struct table *table)
{
	session_destroy(table->session);
	store_wait(table->fixture->store);
	dispatch_destroy(table->dispatch);
	free(table);
}

static const struct arrival arrival = { .at_ms = FIXTURE_NOW * 1000 };

static void
ask(struct table *table, enum operation_number operation, uint32_t stream, const void *request)
{
	struct buf *body = buf_create(LIMIT_FRAME_BODY);
	struct frame frame = { .op = (uint16_t)operation, .stream = stream };

	codec_encode(operation_find((unsigned)operation)->request(), request, body);
	assert_true(buf_ok(body));
	frame.body = buf_peek(body);
	session_receive(table->session, &frame, &arrival);
	buf_destroy(body);
}

/* The next answer must be for that stream; its status. */
static uint32_t
take(struct table *table, uint32_t stream)
{
	struct buf *answers = session_answers(table->session);
	struct frame frame;
	size_t size;

	assert_int_equal(frame_peek(buf_peek(answers), LIMIT_FRAME_BODY, &frame, &size), ERROR_NONE);
	assert_int_not_equal(size, 0);
	assert_int_equal(frame.flags, FRAME_ANSWER);
	assert_int_equal(frame.stream, stream);
	uint32_t status = frame.status;
	buf_consume(answers, size);
	return status;
}

/* The next answer must be this refusal, and say where, what and why. */
static void
take_refusal(struct table *table, uint32_t stream, enum error error, const char *place, const char *value,
    const char *expected)
{
	struct buf *answers = session_answers(table->session);
	struct msg_refusal refusal;
	struct fault fault;
	struct frame frame;
	size_t size;

	assert_int_equal(frame_peek(buf_peek(answers), LIMIT_FRAME_BODY, &frame, &size), ERROR_NONE);
	assert_int_equal(codec_decode(message_refusal(), frame.body, CODEC_ANSWER, table->fixture->arena, &refusal,
	    &fault), ERROR_NONE);
	assert_true(slice_equal_text(refusal.place, place));
	assert_true(slice_equal_text(refusal.value, value));
	assert_true(slice_equal_text(refusal.expected, expected));
	assert_int_equal(take(table, stream), error);
}

static void
streams_are_in_use_until_they_are_answered(void **state)
{
	struct decision_fixture *fixture = *state;
	struct table *table = table_lay(fixture);
	const struct msg_publication_request publication = { .name = SLICE_LITERAL("campaign.json") };
	const struct msg_login_request login = { .serial = SLICE_LITERAL("0123456789abcdef"),
	    .signature = SLICE_LITERAL("x") };

	memory_store_defer(fixture->store, true, true);
	ask(table, OPERATION_login, 7, &login);
	assert_int_equal(session_unanswered(table->session), 1);
	/* Another request on it leaves the first as it is; one on another stream overtakes it. */
	ask(table, OPERATION_publication, 7, &publication);
	take_refusal(table, 7, ERROR_stream_in_use, "frame.stream", "7",
	    "the stream of no request that waits for its answer");
	assert_int_equal(session_unanswered(table->session), 1);
	ask(table, OPERATION_publication, 8, &publication);
	assert_int_equal(take(table, 8), ERROR_NONE);
	store_wait(fixture->store);
	assert_int_equal(take(table, 7), ERROR_login_refused);
	assert_int_equal(session_unanswered(table->session), 0);
	ask(table, OPERATION_publication, 7, &publication);
	assert_int_equal(take(table, 7), ERROR_NONE);
	assert_true(table->answered >= 4);
	table_clear(table);
}

static void
only_requests_are_received(void **state)
{
	struct table *table = table_lay(*state);
	struct frame frame = { .op = OPERATION_hello, .flags = FRAME_ANSWER, .stream = 3 };

	session_receive(table->session, &frame, &arrival);
	take_refusal(table, 3, ERROR_frame_malformed, "frame.flags", "1", "0 in a request");
	frame = (struct frame){ .op = OPERATION_hello, .status = 1, .stream = 4 };
	session_receive(table->session, &frame, &arrival);
	take_refusal(table, 4, ERROR_frame_malformed, "frame.status", "1", "0 in a request");
	frame = (struct frame){ .op = 0xffff, .stream = 5, .body = SLICE_LITERAL("\xa0") };
	session_receive(table->session, &frame, &arrival);
	take_refusal(table, 5, ERROR_operation_unknown, "frame.op", "65535", "the number of an operation");
	assert_int_equal(session_unanswered(table->session), 0);
	table_clear(table);
}

static void
streams_have_an_end(void **state)
{
	struct decision_fixture *fixture = *state;
	struct table *table = table_lay(fixture);
	const struct msg_login_request login = { .serial = SLICE_LITERAL("0123456789abcdef"),
	    .signature = SLICE_LITERAL("x") };

	memory_store_defer(fixture->store, true, true);
	for (uint32_t stream = 0; stream < LIMIT_STREAMS; stream++)
		ask(table, OPERATION_login, stream, &login);
	ask(table, OPERATION_login, LIMIT_STREAMS, &login);
	take_refusal(table, LIMIT_STREAMS, ERROR_busy, "requests unanswered", "128", "fewer than 128 of a connection");
	store_wait(fixture->store);
	assert_int_equal(session_unanswered(table->session), 0);
	table_clear(table);
}

static void
a_log_in_counts_from_its_answer_on(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct buf *input = buf_create(256), *signature = buf_create(1024);
	struct msg_login_request login = { .serial = slice_of(jeanne->serial, SERIAL_SIZE) };
	const struct msg_filings_request filings = { .has_limit = false };
	struct table *table = table_lay(fixture);

	login_input_put(input, (const uint8_t[32]){ 0 }, login.serial);
	assert_int_equal(key_sign(jeanne->key, buf_peek(input), signature), ERROR_NONE);
	login.signature = buf_peek(signature);
	memory_store_defer(fixture->store, true, true);
	ask(table, OPERATION_login, 1, &login);
	ask(table, OPERATION_filings, 2, &filings);
	assert_int_equal(take(table, 2), ERROR_login_required);
	store_wait(fixture->store);
	assert_int_equal(take(table, 1), ERROR_NONE);
	ask(table, OPERATION_filings, 2, &filings);
	store_wait(fixture->store);
	assert_int_equal(take(table, 2), ERROR_NONE);
	/* A page of a document may be as long as all that may wait to be sent: none is begun beside it. */
	const struct msg_document_request page = { .reference = SLICE_LITERAL("unknown"),
	    .digest = slice_of((const uint8_t[32]){ 2 }, 32) };
	assert_true(session_wants_more(table->session));
	ask(table, OPERATION_document, 4, &page);
	assert_int_equal(session_unanswered(table->session), 1);
	assert_false(session_wants_more(table->session));
	store_wait(fixture->store);
	assert_int_not_equal(take(table, 4), ERROR_NONE);
	assert_true(session_wants_more(table->session));
	/* One that has gone is not answered, and nothing is left of it. */
	ask(table, OPERATION_filings, 3, &filings);
	buf_destroy(input);
	buf_destroy(signature);
	table_clear(table);
}

/* As many reasons as a filing can have go over the wire, each with what was found and what was expected. */
static void
every_reason_of_a_refusal_is_sent(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_begin(fixture, jeanne);
	struct table *table = table_lay(fixture);
	struct msg_refusal refusal;
	struct fault fault;
	struct frame frame;
	size_t size;

	for (unsigned i = 0; i < LIMIT_DOCUMENTS; i++)
		draft_list(draft, i < LIMIT_ATTACHMENTS ? "attachment/invoice" : "2042",
		    i < LIMIT_ATTACHMENTS ? "application/pdf" : MANIFEST_RETURN_MEDIA, slice_of(&i, sizeof i));
	const struct msg_file_request request = draft_sign(fixture, draft, jeanne);
	ask(table, OPERATION_file, 1, &request);
	struct slice answer = buf_peek(session_answers(table->session));
	assert_int_equal(frame_peek(answer, LIMIT_FRAME_BODY, &frame, &size), ERROR_NONE);
	assert_int_equal(frame.status, ERROR_documents_missing);
	assert_int_equal(codec_decode(message_refusal(), frame.body, CODEC_ANSWER, fixture->arena, &refusal, &fault),
	    ERROR_NONE);
	assert_int_equal(refusal.reasons_count, LIMIT_DOCUMENTS);
	for (size_t i = 0; i < LIMIT_DOCUMENTS; i++) {
		assert_int_equal(refusal.reasons[i].error, ERROR_documents_missing);
		assert_true(slice_equal_text(refusal.reasons[i].value, "0 bytes"));
		assert_true(refusal.reasons[i].has_expected && refusal.reasons[i].text_fr.size != 0);
	}
	assert_true(slice_equal_text(refusal.reasons[1].place, "attachment/invoice#2"));
	assert_true(slice_equal(refusal.place, refusal.reasons[0].place));
	/* A refusal for one reason has no list. */
	struct msg_file_request stranger = request;
	stranger.serial = SLICE_LITERAL("0123456789abcdef");
	buf_consume(session_answers(table->session), size);
	ask(table, OPERATION_file, 1, &stranger);
	answer = buf_peek(session_answers(table->session));
	assert_int_equal(frame_peek(answer, LIMIT_FRAME_BODY, &frame, &size), ERROR_NONE);
	assert_int_equal(codec_decode(message_refusal(), frame.body, CODEC_ANSWER, fixture->arena, &refusal, &fault),
	    ERROR_NONE);
	assert_false(refusal.has_reasons);
	table_clear(table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(streams_are_in_use_until_they_are_answered),
		PEOPLE_TEST(only_requests_are_received),
		PEOPLE_TEST(streams_have_an_end),
		PEOPLE_TEST(a_log_in_counts_from_its_answer_on),
		PEOPLE_TEST(every_reason_of_a_refusal_is_sent),
	};
	return cmocka_run_group_tests_name("session", tests, people_group_at_once, NULL);
}
