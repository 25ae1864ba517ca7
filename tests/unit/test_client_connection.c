/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's connection: what it sends again and what not, how often, and what its owner hears of it. */
#include "tests/unit/client_office.h"
#include "tests/unit/stream_pair.h"

#include <openssl/x509.h>
#include <string.h>

#include "client/connection.h"
#include "client/link.h"
#include "protocol/key.h"

#define CHECKPOINT "a checkpoint"

static struct guichet *
connect_to(struct office *office)
{
	struct guichet *guichet;
	assert_int_equal(guichet_create(&office->trust, office->address, &guichet, NULL), GUICHET_ERROR_none);
	return guichet;
}

static struct guichet_request *
ask(struct guichet *guichet, const char *operation)
{
	struct guichet_request *request;
	assert_int_equal(guichet_request_create(guichet, operation, &request, NULL), GUICHET_ERROR_none);
	return request;
}

static enum verdict
answer_checkpoint(struct office *office, const struct frame *request)
{
	struct msg_checkpoint_answer answer = { .checkpoint = SLICE_LITERAL(CHECKPOINT) };
	office_answer(office, request, &answer);
	return VERDICT_DONE;
}

static void
assert_checkpoint_came(struct guichet_request *request)
{
	assert_int_equal(guichet_request_error(request), GUICHET_ERROR_none);
	struct guichet_bytes bytes = guichet_record_bytes(guichet_request_answer(request), "checkpoint");
	assert_int_equal(bytes.size, strlen(CHECKPOINT));
	assert_memory_equal(bytes.data, CHECKPOINT, bytes.size);
}

static void
count_retry(void *context, const struct guichet_problem *problem, uint64_t wait_ms)
{
	(void)wait_ms;
	(void)problem;
	++*(unsigned *)context;
}

/* One request through a script; the client is allowed that many attempts. */
static void
run_one(office_script *script, unsigned attempts, enum guichet_error expected, struct office *office, unsigned *retries)
{
	office_open(office, script);
	struct guichet *guichet = connect_to(office);
	struct guichet_request *request = ask(guichet, "log_checkpoint");
	guichet_set_attempts(guichet, attempts);
	guichet_set_on_retry(guichet, count_retry, retries);
	office_run(office, request);
	assert_int_equal(guichet_request_error(request), expected);
	if (expected == GUICHET_ERROR_none)
		assert_checkpoint_came(request);
	else
		assert_int_equal(guichet_problem_error(guichet_request_problem(request)), expected);
	guichet_request_destroy(request);
	guichet_destroy(guichet);
	office_close(office);
}

static void
answer_comes_back_with_what_the_server_said_of_itself(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, answer_checkpoint);
	struct guichet *guichet = connect_to(&office);
	struct guichet_request *request = ask(guichet, "log_checkpoint");
	assert_int_equal(guichet_fd(guichet), -1);
	assert_int_equal(guichet_due_ms(guichet), -1);
	guichet_request_start(request);
	assert_int_equal(guichet_due_ms(guichet), 0);
	office_run(&office, request);
	assert_checkpoint_came(request);
	assert_int_equal(guichet_record_uint(guichet_hello(guichet), "streams_max"), LIMIT_STREAMS);
	assert_true(guichet_fd(guichet) >= 0);
	assert_int_equal(guichet_events(guichet), GUICHET_READ);
	assert_int_equal(guichet_due_ms(guichet), -1);
	guichet_request_destroy(request);
	guichet_destroy(guichet);
	office_close(&office);
}

static enum verdict
drop_first(struct office *office, const struct frame *request)
{
	return office->requests == 1 ? VERDICT_DROP : answer_checkpoint(office, request);
}

static void
lost_request_is_sent_again(void **state)
{
	(void)state;
	struct office office;
	unsigned retries = 0;
	run_one(drop_first, 3, GUICHET_ERROR_none, &office, &retries);
	assert_int_equal(office.connections, 2);
	assert_int_equal(office.requests, 2);
	assert_int_equal(retries, 1);
}

static enum verdict
drop_always(struct office *office, const struct frame *request)
{
	(void)office;
	(void)request;
	return VERDICT_DROP;
}

static void
losing_has_an_end(void **state)
{
	(void)state;
	struct office office;
	unsigned retries = 0;
	run_one(drop_always, 2, GUICHET_ERROR_unreachable, &office, &retries);
	assert_int_equal(office.connections, 2);
	assert_int_equal(retries, 1);
}

static enum verdict
busy_first(struct office *office, const struct frame *request)
{
	if (office->requests > 1)
		return answer_checkpoint(office, request);
	office_refuse(office, request, ERROR_busy, 20);
	return VERDICT_DONE;
}

static void
busy_is_waited_for_on_the_same_connection(void **state)
{
	(void)state;
	struct office office;
	unsigned retries = 0;
	run_one(busy_first, 3, GUICHET_ERROR_none, &office, &retries);
	assert_int_equal(office.connections, 1);
	assert_int_equal(office.requests, 2);
	assert_int_equal(retries, 1);
}

static enum verdict
busy_always(struct office *office, const struct frame *request)
{
	office_refuse(office, request, ERROR_busy, 1);
	return VERDICT_DONE;
}

static void
busy_for_ever_becomes_the_error(void **state)
{
	(void)state;
	struct office office;
	unsigned retries = 0;
	run_one(busy_always, 3, GUICHET_ERROR_busy, &office, &retries);
	assert_int_equal(office.requests, 3);
	assert_int_equal(retries, 2);
}

static enum verdict
stop_first(struct office *office, const struct frame *request)
{
	if (office->requests > 1)
		return answer_checkpoint(office, request);
	office_refuse(office, request, ERROR_server_stopping, 0);
	return VERDICT_DONE;
}

static void
stopping_server_is_left_for_a_new_connection(void **state)
{
	(void)state;
	struct office office;
	unsigned retries = 0;
	run_one(stop_first, 3, GUICHET_ERROR_none, &office, &retries);
	assert_int_equal(office.connections, 2);
}

static enum verdict
refuse(struct office *office, const struct frame *request)
{
	office_refuse(office, request, ERROR_role_refused, 0);
	return VERDICT_DONE;
}

static void
refusal_is_final_and_tells_everything(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, refuse);
	struct guichet *guichet = connect_to(&office);
	struct guichet_request *request = ask(guichet, "log_checkpoint");
	office_run(&office, request);
	const struct guichet_problem *problem = guichet_request_problem(request);
	assert_int_equal(guichet_request_error(request), GUICHET_ERROR_role_refused);
	assert_string_equal(guichet_problem_english(problem), "refused by the script");
	assert_string_equal(guichet_problem_french(problem), "refusé");
	assert_string_equal(guichet_problem_correlation(problem), "0102030405060708");
	assert_int_equal(guichet_problem_findings(problem), 1);
	assert_int_equal(guichet_record_uint(guichet_problem_finding(problem, 0), "rule"), 7);
	assert_int_equal(guichet_record_bytes(guichet_problem_finding(problem, 1), "text").size, 0);
	assert_null(guichet_request_answer(request).values);
	assert_int_equal(office.requests, 1);
	guichet_request_destroy(request);
	guichet_destroy(guichet);
	office_close(&office);
}

/* A request that the script keeps, to be answered later than the next one. */
static enum verdict
answer_backwards(struct office *office, const struct frame *request)
{
	struct frame *kept = office->context;
	if (office->requests == 1) {
		*kept = *request;
		return VERDICT_DONE;
	}
	answer_checkpoint(office, request);
	return answer_checkpoint(office, kept);
}

static void
note_done(void *context, struct guichet_request *request)
{
	struct guichet_request ***next = context;
	*(*next)++ = request;
}

static void
answers_may_come_in_any_order(void **state)
{
	(void)state;
	struct office office;
	struct frame kept;
	struct guichet_request *done[2] = { NULL, NULL }, **next = done;
	office_open(&office, answer_backwards);
	office.context = &kept;
	struct guichet *guichet = connect_to(&office);
	struct guichet_request *first = ask(guichet, "log_checkpoint"), *second = ask(guichet, "log_checkpoint");
	guichet_request_set_on_done(first, note_done, &next);
	guichet_request_set_on_done(second, note_done, &next);
	guichet_request_start(first);
	office_run(&office, second);
	office_run(&office, first);
	assert_checkpoint_came(first);
	assert_checkpoint_came(second);
	assert_ptr_equal(next, done + 2); /* each told once */
	guichet_request_destroy(first);
	guichet_request_destroy(second);
	guichet_destroy(guichet);
	office_close(&office);
}

static void
answer_to_a_destroyed_request_is_dropped(void **state)
{
	(void)state;
	struct office office;
	struct frame kept;
	office_open(&office, answer_backwards);
	office.context = &kept;
	struct guichet *guichet = connect_to(&office);
	struct guichet_request *first = ask(guichet, "log_checkpoint");
	guichet_request_start(first);
	while (office.requests == 0) {
		guichet_step(guichet);
		office_step(&office);
	}
	guichet_request_destroy(first);
	struct guichet_request *second = ask(guichet, "log_checkpoint");
	office_run(&office, second);
	assert_checkpoint_came(second);
	assert_int_equal(office.connections, 1);
	guichet_request_destroy(second);
	guichet_destroy(guichet);
	office_close(&office);
}

/* The right answer, on a stream that nobody asked on. */
static enum verdict
answer_elsewhere(struct office *office, const struct frame *request)
{
	struct frame elsewhere = *request;

	elsewhere.stream += 100;
	return answer_checkpoint(office, &elsewhere);
}

static void
answer_to_nobodys_request_is_an_error(void **state)
{
	(void)state;
	struct office office;
	unsigned retries = 0;
	run_one(answer_elsewhere, 3, GUICHET_ERROR_answer_malformed, &office, &retries);
	assert_int_equal(retries, 0);
}

static enum verdict
answer_nonsense(struct office *office, const struct frame *request)
{
	struct msg_done answer = { .correlation = SLICE_EMPTY };
	struct frame frame = { .op = request->op,
		.flags = FRAME_ANSWER,
		.stream = request->stream,
		.body = SLICE_LITERAL("\xa1\x01\x02") };
	(void)answer;
	frame_put(office->output, &frame);
	return VERDICT_DONE;
}

static void
malformed_answer_is_an_error(void **state)
{
	(void)state;
	struct office office;
	unsigned retries = 0;
	run_one(answer_nonsense, 3, GUICHET_ERROR_answer_malformed, &office, &retries);
	assert_int_equal(retries, 0);
}

static void
another_origin_is_refused(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, answer_checkpoint);
	office.origin = "another.example/1";
	struct guichet *guichet = connect_to(&office);
	struct guichet_request *request = ask(guichet, "log_checkpoint");
	office_run(&office, request);
	assert_int_equal(guichet_request_error(request), GUICHET_ERROR_origin_mismatch);
	assert_int_equal(office.requests, 0);
	guichet_request_destroy(request);
	guichet_destroy(guichet);
	office_close(&office);
}

static void
untrusted_certificate_is_not_tried_again(void **state)
{
	(void)state;
	struct office office;
	struct fault fault;
	struct tls_config *trusted = pair_server_config;
	unsigned retries = 0;
	assert_int_equal(
	    tls_config_create_server(pair_path("stranger.pem"), pair_path("stranger.key"), &pair_server_config, &fault),
	    ERROR_NONE);
	run_one(answer_checkpoint, 3, GUICHET_ERROR_tls_failed, &office, &retries);
	assert_int_equal(office.connections, 1);
	assert_int_equal(retries, 0);
	tls_config_destroy(pair_server_config);
	pair_server_config = trusted;
}

static void
nobody_there_is_unreachable(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, answer_checkpoint);
	struct guichet *guichet = connect_to(&office);
	office_close(&office);
	struct guichet_request *request = ask(guichet, "log_checkpoint");
	guichet_set_attempts(guichet, 1);
	assert_int_equal(guichet_request_wait(request), GUICHET_ERROR_unreachable);
	assert_string_equal(guichet_problem_value(guichet_request_problem(request)), "Connection refused");
	guichet_request_destroy(request);
	guichet_destroy(guichet);
}

static void
destroying_the_connection_ends_its_requests(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, answer_checkpoint);
	struct guichet *guichet = connect_to(&office);
	struct guichet_request *request = ask(guichet, "log_checkpoint");
	guichet_request_start(request);
	guichet_step(guichet);
	guichet_destroy(guichet);
	assert_true(guichet_request_is_done(request));
	assert_int_equal(guichet_request_error(request), GUICHET_ERROR_unreachable);
	guichet_request_destroy(request);
	office_close(&office);
}

/* ---- log-in ---- */

/* Verifies the signature as a server does: over the binding of its own end of this connection. */
static enum verdict
check_login(struct office *office, const struct frame *request)
{
	if (request->op != OPERATION_login)
		return answer_checkpoint(office, request);
	const struct guichet_identity *identity = office->context;
	struct guichet_bytes der = guichet_identity_certificate(identity);
	struct arena *arena = arena_create(10000);
	const struct msg_login_request *login = office_decode(request, arena);
	const unsigned char *at = der.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
	struct key_verifier *verifier = key_verifier_create();
	struct buf *input = buf_create(200);
	struct key_public key;
	uint8_t binding[32];
	assert_int_equal(key_public_of(X509_get0_pubkey(certificate), &key), ERROR_NONE);
	assert_true(stream_binding(office->stream, binding));
	login_input_put(input, binding, login->serial);
	assert_int_equal(key_verify(verifier, &key, buf_peek(input), login->signature), ERROR_NONE);
	struct msg_login_answer answer = {
		.kind = SLICE_LITERAL("taxpayer"), .names = SLICE_LITERAL("Zoé Garçon"), .not_after = 1
	};
	office_answer(office, request, &answer);
	buf_destroy(input);
	key_verifier_destroy(verifier);
	X509_free(certificate);
	arena_destroy(arena);
	return VERDICT_DONE;
}

static void
every_connection_logs_in_for_itself(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, check_login);
	struct guichet_identity *identity = office_identity(0x42);
	office.context = identity;
	struct guichet *guichet = connect_to(&office);
	guichet_login(guichet, identity);
	for (unsigned connection = 1; connection <= 2; connection++) {
		struct guichet_request *request = ask(guichet, "log_checkpoint");
		office_run(&office, request);
		assert_checkpoint_came(request);
		assert_int_equal(office.connections, connection);
		assert_int_equal(office.requests, 2 * connection); /* one log-in, one request */
		assert_int_equal(guichet_record_bytes(guichet_holder(guichet), "kind").size, strlen("taxpayer"));
		guichet_request_destroy(request);
		office_drop(&office);
	}
	guichet_destroy(guichet);
	guichet_identity_destroy(identity);
	office_close(&office);
}

static enum verdict
refuse_login(struct office *office, const struct frame *request)
{
	office_refuse(office, request, ERROR_certificate_revoked, 0);
	return VERDICT_DONE;
}

static void
refused_login_ends_what_waited_for_it(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, refuse_login);
	struct guichet_identity *identity = office_identity(0x42);
	struct guichet *guichet = connect_to(&office);
	struct guichet_request *request = ask(guichet, "filings");
	guichet_login(guichet, identity);
	office_run(&office, request);
	assert_int_equal(guichet_request_error(request), GUICHET_ERROR_certificate_revoked);
	assert_int_equal(office.requests, 1);
	guichet_request_destroy(request);
	guichet_destroy(guichet);
	guichet_identity_destroy(identity);
	office_close(&office);
}

/* ---- fields and addresses ---- */

static void
fields_keep_to_the_message_table(void **state)
{
	(void)state;
	struct office office;
	struct guichet_request *request;
	office_open(&office, answer_checkpoint);
	struct guichet *guichet = connect_to(&office);
	assert_int_equal(guichet_request_create(guichet, "login", &request, NULL), GUICHET_ERROR_usage);
	assert_int_equal(guichet_request_create(guichet, "nothing", &request, NULL), GUICHET_ERROR_usage);
	request = ask(guichet, "revoke");
	const uint8_t serial[SERIAL_SIZE + 1] = { 1 };
	assert_int_equal(
	    guichet_request_set_bytes(request, "serial", (struct guichet_bytes){ serial, SERIAL_SIZE + 1 }),
	    GUICHET_ERROR_usage);
	assert_int_equal(guichet_request_set_bytes(request, "serial", (struct guichet_bytes){ serial, SERIAL_SIZE }),
	    GUICHET_ERROR_none);
	assert_int_equal(guichet_request_set_uint(request, "serial", 1), GUICHET_ERROR_usage);
	assert_int_equal(guichet_request_set_uint(request, "reason", 11), GUICHET_ERROR_usage);
	assert_int_equal(guichet_request_set_uint(request, "reason", 1), GUICHET_ERROR_none);
	guichet_request_destroy(request);
	/* A required field that was not set never leaves the machine. */
	request = ask(guichet, "receipt");
	office_run(&office, request);
	assert_int_equal(guichet_request_error(request), GUICHET_ERROR_usage);
	assert_int_equal(office.requests, 0);
	assert_int_equal(
	    guichet_request_set_bytes(request, "reference", guichet_bytes_of_text("x")), GUICHET_ERROR_usage);
	guichet_request_destroy(request);
	guichet_destroy(guichet);
	office_close(&office);
}

/* A client that kept to these would wait for ever, or send what no office takes. */
static void
limits_under_which_nothing_can_be_asked_are_an_error(void **state)
{
	(void)state;
	static const struct {
		size_t offset;
		uint64_t value;
		const char *place, *told, *expected;
	} cases[] = {
		{ offsetof(struct office, streams_max), 0, "hello_answer.streams_max", "0", "at least 1" },
		{ offsetof(struct office, documents_max), 0, "hello_answer.documents_max", "0", "at least 1" },
		{ offsetof(struct office, return_size_max), 0, "hello_answer.return_size_max", "0", "at least 1" },
		{ offsetof(struct office, frame_body_max), 4095, "hello_answer.frame_body_max", "4095",
		    "at least 4096" },
		{ offsetof(struct office, part_size_max), 65535, "hello_answer.part_size_max", "65535",
		    "at least 65536" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct office office;
		office_open(&office, answer_checkpoint);
		*(uint64_t *)(void *)((char *)&office + cases[i].offset) = cases[i].value;
		struct guichet *guichet = connect_to(&office);
		struct guichet_request *request = ask(guichet, "log_checkpoint");
		office_run(&office, request);
		const struct guichet_problem *problem = guichet_request_problem(request);
		assert_int_equal(guichet_request_error(request), GUICHET_ERROR_answer_malformed);
		assert_string_equal(guichet_problem_place(problem), cases[i].place);
		assert_string_equal(guichet_problem_value(problem), cases[i].told);
		assert_string_equal(guichet_problem_expected(problem), cases[i].expected);
		assert_int_equal(office.connections, 1);
		assert_int_equal(office.requests, 0);
		guichet_request_destroy(request);
		guichet_destroy(guichet);
		office_close(&office);
	}
}

/* Steps until that phase; the office is told nothing in between that it could wait for. */
static void
step_to(struct office *office, struct guichet *guichet, enum phase phase)
{
	while (guichet->phase != phase) {
		guichet_step(guichet);
		office_step(office);
	}
}

/* Memory that is short when a frame is appended: half of it may be in the output, so that nothing can follow. */
static void
frame_that_finds_no_memory_ends_the_connection_at_once(void **state)
{
	(void)state;
	static const struct {
		enum phase phase;
		const char *operation; /* that comes next in it */
	} cases[] = { { PHASE_CONNECTING, "hello" }, { PHASE_READY, "log_checkpoint" } };
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct office office;
		office_open(&office, answer_checkpoint);
		struct guichet *guichet = connect_to(&office);
		struct guichet_request *first = ask(guichet, "log_checkpoint"), *request = first;
		guichet_request_start(first);
		if (cases[i].phase == PHASE_READY) {
			office_run(&office, first);
			request = ask(guichet, "log_checkpoint");
			guichet_request_start(request);
		} else {
			step_to(&office, guichet, PHASE_CONNECTING);
		}
		assert_int_equal(guichet->phase, cases[i].phase);
		buf_fail(link_output(guichet->link));
		office_run(&office, request);
		assert_int_equal(guichet_request_error(request), GUICHET_ERROR_out_of_memory);
		assert_string_equal(guichet_problem_value(guichet_request_problem(request)), cases[i].operation);
		assert_null(guichet->link);
		/* And with memory again the handle serves as before. */
		struct guichet_request *next = ask(guichet, "log_checkpoint");
		office_run(&office, next);
		assert_checkpoint_came(next);
		guichet_request_destroy(next);
		guichet_request_destroy(request);
		if (request != first)
			guichet_request_destroy(first);
		guichet_destroy(guichet);
		office_close(&office);
	}
}

static void
addresses_are_host_and_port(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "host", "host:", ":1", "host:x", "host:1x", "host:0", "host:65536",
		"::1:1", "[::1]1", "[::1", "[]:1" };
	static const char *const good[] = { "host:1", "127.0.0.1:65535", "[::1]:443" };
	struct guichet_trust trust = { .tls = pair_client_config, .directory = "test" };
	struct guichet *guichet;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(guichet_create(&trust, bad[i], &guichet, NULL), GUICHET_ERROR_usage);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(guichet_create(&trust, good[i], &guichet, NULL), GUICHET_ERROR_none);
		guichet_destroy(guichet);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_comes_back_with_what_the_server_said_of_itself),
		cmocka_unit_test(lost_request_is_sent_again),
		cmocka_unit_test(losing_has_an_end),
		cmocka_unit_test(busy_is_waited_for_on_the_same_connection),
		cmocka_unit_test(busy_for_ever_becomes_the_error),
		cmocka_unit_test(stopping_server_is_left_for_a_new_connection),
		cmocka_unit_test(refusal_is_final_and_tells_everything),
		cmocka_unit_test(answers_may_come_in_any_order),
		cmocka_unit_test(answer_to_a_destroyed_request_is_dropped),
		cmocka_unit_test(answer_to_nobodys_request_is_an_error),
		cmocka_unit_test(malformed_answer_is_an_error),
		cmocka_unit_test(another_origin_is_refused),
		cmocka_unit_test(untrusted_certificate_is_not_tried_again),
		cmocka_unit_test(nobody_there_is_unreachable),
		cmocka_unit_test(destroying_the_connection_ends_its_requests),
		cmocka_unit_test(every_connection_logs_in_for_itself),
		cmocka_unit_test(refused_login_ends_what_waited_for_it),
		cmocka_unit_test(fields_keep_to_the_message_table),
		cmocka_unit_test(limits_under_which_nothing_can_be_asked_are_an_error),
		cmocka_unit_test(frame_that_finds_no_memory_ends_the_connection_at_once),
		cmocka_unit_test(addresses_are_host_and_port),
	};
	return cmocka_run_group_tests_name("client connection", tests, pair_set_up, pair_tear_down);
}
