/* SPDX-License-Identifier: Apache-2.0
 *
 * Measured runs against a server that lies, closes idle connections, loses a process, or is faster than the generator:
 * each says why it is not valid. The server's process is one that stands for it. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/stage.h"
#include "client/trust.h"
#include "protocol/codec.h"
#include "protocol/message.h"
#include "tests/unit/fake_server.h"
#include "tests/unit/stream_pair.h"

#define MS UINT64_C(1000000)
#define ITEMS ((size_t)40)
#define IDLERS ((size_t)8)
/* Until a process that was killed has been waited for: steps of a millisecond. */
#define GONE_STEPS_MAX 10000

static struct fake_server server;
static struct fault fault;
static struct arena *arena;
static struct corpus *corpus;
static struct script *script;
static struct process *process;
static struct guichet_trust trust;
static struct buf *receipt_body;
static char corpus_path[] = "/tmp/guichet-stage-XXXXXX";

/* ---- a corpus of requests that only this server takes ---- */

static void
write_corpus(void)
{
	static const uint8_t none[DIGEST_SIZE];
	const struct frame frame = { .op = OPERATION_file, .body = SLICE_LITERAL("a filing") };
	struct corpus_writer *writer;
	struct buf *file = buf_create(100);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	unsigned char *der = NULL;
	int size = i2d_PrivateKey(key, &der);

	frame_put(file, &frame);
	assert_true(size > 0 && buf_ok(file));
	assert_int_equal(corpus_writer_create(corpus_path, KEY_P256, &writer, &fault), ERROR_NONE);
	for (size_t i = 0; i < ITEMS; i++) {
		const struct corpus_item item = { none, none, none, 0, SLICE_EMPTY, buf_peek(file) };
		corpus_writer_item(writer, &item);
	}
	corpus_writer_key(writer, slice_of(der, (size_t)size));
	assert_int_equal(corpus_writer_end(writer, &fault), ERROR_NONE);
	assert_int_equal(corpus_open(corpus_path, &corpus, &fault), ERROR_NONE);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	buf_destroy(file);
}

/* ---- one run ---- */

static struct stage_server
stage_server(void)
{
	return (struct stage_server){ "fake", server.loop, pair_client_config, &dialect_guichet, process, server.port };
}

static struct stage_plan
plan(void)
{
	return (struct stage_plan){
		.name = "a run",
		.scenario = "resident",
		.kind = "p256",
		.script = script,
		.connections = 4,
		.window = 1,
		.jobs_max = ITEMS,
		.duration_ns = 1000 * MS,
	};
}

static void
play(const struct stage_plan *this_plan, struct stage_result *result)
{
	const struct stage_server this_server = stage_server();
	enum error error = stage_run(&this_server, this_plan, result, &fault);

	if (error == ERROR_usage)
		skip(); /* not a core each for server and generator */
	assert_int_equal(error, ERROR_NONE);
}

/* Valid, but for a generator that was kept busy by what else this machine does: few tests ask for that. */
static void
assert_valid(struct stage_result *result)
{
	if (result->generator_busy >= STAGE_BUSY)
		result->why_invalid = NULL;
	assert_null(result->why_invalid);
}

static enum fake_verdict
answer(struct fake_server *fake, const struct frame *request)
{
	(void)fake;
	(void)request;
	return FAKE_ANSWER;
}

/* ---- receipts ---- */

static const char *
why_after_verifying(enum fake_verdict (*decide)(struct fake_server *fake, const struct frame *request),
    struct slice body, struct stage_result *result)
{
	const struct stage_plan this_plan = plan();
	fake_open(&server, decide);
	server.body = body;
	const struct stage_server this_server = stage_server();
	play(&this_plan, result);
	assert_valid(result);
	assert_int_equal(outcome_count_of(result->outcome, 0), ITEMS);
	assert_int_equal(stage_verify(&this_server, corpus, &trust, &this_plan, result, &fault), ERROR_NONE);
	fake_close(&server);
	return result->why_invalid;
}

static void
acceptance_without_receipt_is_found(void **state)
{
	struct stage_result result;
	(void)state;
	assert_string_equal(why_after_verifying(answer, SLICE_EMPTY, &result), "receipts were fewer than acceptances");
	assert_int_equal(result.receipts.received, 0);
	stage_result_free(&result);
}

static void
false_receipt_is_found(void **state)
{
	struct stage_result result;
	(void)state;
	assert_non_null(strstr(why_after_verifying(answer, buf_peek(receipt_body), &result), "not genuine"));
	assert_int_equal(result.receipts.received, ITEMS);
	assert_int_equal(result.receipts.verified, 0);
	assert_int_equal(result.receipts.same, ITEMS);
	assert_int_equal(result.receipts.fetched, ITEMS);
	assert_int_equal(result.receipts.fetched_same, ITEMS);
	stage_result_free(&result);
}

/* It forgets some when it is asked for them by name. */
static enum fake_verdict
forget_some(struct fake_server *fake, const struct frame *request)
{
	fake->status = request->op == OPERATION_receipt && fake->requests % 2 == 0 ? ERROR_not_found : 0;
	return FAKE_ANSWER;
}

static void
receipt_that_cannot_be_had_again_is_counted(void **state)
{
	struct stage_result result;
	(void)state;
	assert_non_null(why_after_verifying(forget_some, buf_peek(receipt_body), &result));
	assert_int_equal(result.receipts.same, ITEMS);
	assert_int_equal(result.receipts.fetched, ITEMS);
	assert_true(result.receipts.fetched_same < ITEMS);
	stage_result_free(&result);
}

static void
sampled_answer_is_looked_at(void **state)
{
	struct receipts_report report = { .sampled = 9 };
	(void)state;
	for (int is_of_certificates = 0; is_of_certificates < 2; is_of_certificates++) {
		struct receipts_sampler *sampler = receipts_sampler_create(corpus, &trust, is_of_certificates);
		assert_non_null(sampler);
		assert_true(receipts_sampler_report(sampler, &report));
		assert_int_equal(report.sampled, 0);
		receipts_sampler_take(sampler, 0, buf_peek(receipt_body));
		assert_false(receipts_sampler_report(sampler, &report));
		assert_int_equal(report.sampled, 1);
		assert_int_equal(report.genuine, 0);
		receipts_sampler_destroy(sampler);
	}
}

/* ---- whose figures they are ---- */

static bool
work_next(struct script *own, const struct drive_job *job, struct caller *caller, const struct dialect_reply *reply,
    struct slice *request)
{
	struct timespec began, now;
	clock_gettime(CLOCK_MONOTONIC, &began);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - began.tv_sec) * 1000000000 + now.tv_nsec - began.tv_nsec < 5000000);
	return script_file.next(own, job, caller, reply, request);
}

/* A generator that works all the time has measured itself. */
static void
busy_generator_is_told(void **state)
{
	static const struct script_kind work = { "work", work_next };
	struct stage_plan this_plan = plan();
	struct stage_result result;
	struct script *own = script_create(&work, corpus);
	(void)state;
	fake_open(&server, answer);
	this_plan.script = own;
	play(&this_plan, &result);
	assert_true(result.generator_busy >= STAGE_BUSY);
	assert_true(result.server_busy < STAGE_BUSY);
	assert_non_null(strstr(result.why_invalid, "the generator was the limit"));
	stage_result_free(&result);
	script_destroy(own);
	fake_close(&server);
}

/* Arrivals that the generator has no time for: made anew the run may be valid, but not with such receipts. */
static void
late_generator_is_told_apart_from_false_receipts(void **state)
{
	static const struct script_kind work = { "work", work_next };
	struct stage_plan this_plan = plan();
	struct stage_result result;
	struct script *own = script_create(&work, corpus);
	(void)state;
	fake_open(&server, answer);
	server.body = buf_peek(receipt_body);
	const struct stage_server this_server = stage_server();
	this_plan.script = own;
	this_plan.arrivals = SCHEDULE_EVEN;
	this_plan.duration_ns = 190 * MS;
	assert_int_equal(curve_make_ramp(200, 200, this_plan.duration_ns, arena, &this_plan.curve, &fault), ERROR_NONE);
	play(&this_plan, &result);
	assert_true(result.is_late);
	assert_true(stage_is_only_late(&result));
	assert_int_equal(stage_verify(&this_server, corpus, &trust, &this_plan, &result, &fault), ERROR_NONE);
	assert_false(stage_is_only_late(&result));
	assert_non_null(strstr(result.why_invalid, "not genuine"));
	stage_result_free(&result);
	script_destroy(own);
	fake_close(&server);
}

static enum fake_verdict
cut_an_idler(struct fake_server *fake, const struct frame *request)
{
	(void)request;
	if (fake->requests == 3)
		fake_cut(fake, 0);
	return FAKE_ANSWER;
}

static void
closed_idle_connection_is_found(void **state)
{
	struct stage_plan this_plan = plan();
	struct stage_result result;
	(void)state;
	this_plan.idlers = IDLERS;
	fake_open(&server, answer);
	play(&this_plan, &result);
	assert_valid(&result);
	assert_int_equal(result.idlers, IDLERS);
	stage_result_free(&result);
	fake_close(&server);
	fake_open(&server, cut_an_idler);
	play(&this_plan, &result);
	assert_string_equal(result.why_invalid, "the server closed idle connections");
	stage_result_free(&result);
	fake_close(&server);
}

static enum fake_verdict
lose_a_child(struct fake_server *fake, const struct frame *request)
{
	const struct timespec step = { .tv_nsec = (long)MS };
	struct family family;
	(void)request;
	if (fake->requests != 3)
		return FAKE_ANSWER;
	assert_true(family_find(process_id(process), &family));
	size_t before = family.count;
	assert_true(before > 1);
	assert_int_equal(kill(family.pids[before - 1], SIGKILL), 0);
	for (int i = 0; i < GONE_STEPS_MAX && family.count == before; i++) {
		nanosleep(&step, NULL);
		assert_true(family_find(process_id(process), &family));
	}
	return FAKE_ANSWER;
}

static void
changed_processes_are_found(void **state)
{
	const struct stage_plan this_plan = plan();
	struct stage_result result;
	(void)state;
	fake_open(&server, lose_a_child);
	play(&this_plan, &result);
	assert_non_null(strstr(result.why_invalid, "processes"));
	assert_int_equal(result.cpu_ns, 0);
	stage_result_free(&result);
	fake_close(&server);
}

static void
more_arrivals_than_filings_are_refused(void **state)
{
	struct stage_plan this_plan = plan();
	struct stage_result result;
	(void)state;
	fake_open(&server, answer);
	const struct stage_server this_server = stage_server();
	assert_int_equal(curve_make_ramp(ITEMS + 1, ITEMS + 1, 1000 * MS, arena, &this_plan.curve, &fault), ERROR_NONE);
	assert_int_equal(stage_run(&this_server, &this_plan, &result, &fault), ERROR_usage);
	assert_null(result.outcome);
	fake_close(&server);
}

/* ---- a process for each test ---- */

static int
set_up(void **state)
{
	/* One that stays, and has two children. */
	static const char *const stand_in[] = { "sh", "-c", "sleep 1000 & sleep 1000 & wait; wait", NULL };
	const struct process_plan process_plan = { .argv = stand_in, .output_path = "/dev/null", .arena = arena };
	const struct timespec step = { .tv_nsec = (long)MS };
	struct family family = { .count = 0 };

	(void)state;
	script = script_create(&script_file, corpus);
	if (script == NULL || process_start(&process_plan, &process, &fault) != ERROR_NONE)
		return -1;
	for (int i = 0; i < GONE_STEPS_MAX && family.count != 3; i++) {
		nanosleep(&step, NULL);
		(void)!family_find(process_id(process), &family);
	}
	return family.count != 3;
}

static int
tear_down(void **state)
{
	(void)state;
	script_destroy(script);
	/* Its children are not asked to end, only it is. */
	(void)process_stop(process, 1);
	return 0;
}

static int
group_set_up(void **state)
{
	const struct msg_receipt_answer false_receipt = {
		.correlation = SLICE_LITERAL("12345678"),
		.receipt = SLICE_LITERAL("no receipt"),
		.proof = SLICE_LITERAL("no proof"),
	};
	int fd = mkstemp(corpus_path);

	if (fd >= 0)
		close(fd);
	arena = arena_create((size_t)1024 * 1024);
	receipt_body = buf_create(1000);
	codec_encode(message_receipt_answer(), &false_receipt, receipt_body);
	write_corpus();
	return fd < 0 || arena == NULL || !buf_ok(receipt_body) ? -1 : pair_set_up(state);
}

static int
group_tear_down(void **state)
{
	corpus_close(corpus);
	arena_destroy(arena);
	buf_destroy(receipt_body);
	return unlink(corpus_path) != 0 ? -1 : pair_tear_down(state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(acceptance_without_receipt_is_found),
		TEST(false_receipt_is_found),
		TEST(receipt_that_cannot_be_had_again_is_counted),
		TEST(sampled_answer_is_looked_at),
		TEST(busy_generator_is_told),
		TEST(late_generator_is_told_apart_from_false_receipts),
		TEST(closed_idle_connection_is_found),
		TEST(changed_processes_are_found),
		TEST(more_arrivals_than_filings_are_refused),
	};
	return cmocka_run_group_tests_name("stage", tests, group_set_up, group_tear_down);
}
