/* SPDX-License-Identifier: Apache-2.0
 *
 * The load harness against a server that stalls, dies, cuts and refuses: each job is counted once, and what the server
 * made somebody wait for is in the latencies. */
#include "tests/unit/unit.h"

#include <string.h>

#include "bench/drive.h"
#include "tests/unit/fake_server.h"
#include "tests/unit/stream_pair.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define JOBS_MAX ((size_t)4096)

static struct fake_server server;
static struct fault fault;
static struct buf *request_frame;
static struct arena *arena;

/* ---- jobs of one request ---- */

static bool
next(void *context, const struct drive_job *job, struct caller *caller, const struct dialect_reply *reply,
    struct slice *request)
{
	(void)context;
	(void)job;
	(void)caller;
	*request = buf_peek(request_frame);
	return reply == NULL;
}

static const struct drive_script script = { next, NULL };

/* Guichet's, which also keeps the numbers that it is told. */
static uint8_t numbers[JOBS_MAX];

static void
put_and_count(struct buf *out, uint32_t stream, uint64_t number, struct slice content)
{
	assert_true(number < JOBS_MAX);
	numbers[number]++;
	dialect_guichet.put(out, stream, number, content);
}

static struct dialect dialect;

static struct drive_plan
plan(void)
{
	return (struct drive_plan){
		.loop = server.loop,
		.tls = pair_client_config,
		.dialect = &dialect,
		.port = server.port,
		.script = &script,
		.connections = 4,
		.window = 2,
		.jobs_max = JOBS_MAX,
		.duration_ns = 3600 * SECOND,
		.grace_ns = 3600 * SECOND,
	};
}

static struct outcome *
run(const struct drive_plan *this_plan)
{
	struct outcome *outcome;
	enum error error = drive_run(this_plan, &outcome, &fault);

	assert_int_equal(error, ERROR_NONE);
	return outcome;
}

/* ---- what the server does ---- */

static enum fake_verdict
answer(struct fake_server *fake, const struct frame *request)
{
	(void)fake;
	(void)request;
	return FAKE_ANSWER;
}

static enum fake_verdict
stall_at_50(struct fake_server *fake, const struct frame *request)
{
	(void)request;
	if (fake->requests == 50)
		fake_stall(fake, 150);
	return FAKE_ANSWER;
}

static enum fake_verdict
die_at_50(struct fake_server *fake, const struct frame *request)
{
	(void)request;
	return fake->requests == 50 ? FAKE_DIE : FAKE_ANSWER;
}

static enum fake_verdict
cut_every_fifth(struct fake_server *fake, const struct frame *request)
{
	(void)request;
	return fake->requests % 5 == 0 ? FAKE_CUT : FAKE_ANSWER;
}

static enum fake_verdict
cut_at_50(struct fake_server *fake, const struct frame *request)
{
	(void)request;
	return fake->requests == 50 ? FAKE_CUT : FAKE_ANSWER;
}

static enum fake_verdict
silent_from_50(struct fake_server *fake, const struct frame *request)
{
	(void)request;
	return fake->requests >= 50 ? FAKE_SILENCE : FAKE_ANSWER;
}

/* ---- closed loops ---- */

static void
every_job_is_sent_once_under_its_number(void **state)
{
	struct drive_plan this_plan;
	(void)state;
	fake_open(&server, answer);
	this_plan = plan();
	this_plan.jobs_first = 7;
	this_plan.jobs_max = 300;
	struct outcome *outcome = run(&this_plan);
	assert_int_equal(outcome->started, 300);
	assert_int_equal(outcome_count_of(outcome, 0), 300);
	for (size_t i = 0; i < JOBS_MAX; i++)
		assert_int_equal(numbers[i], i >= 7 && i < 307);
	assert_true(outcome->busy_ns > 0 && outcome->busy_ns <= outcome->duration_ns);
	outcome_destroy(outcome);
	fake_close(&server);
}

/* While nothing comes the generator only waits. */
static void
waiting_is_not_work(void **state)
{
	struct drive_plan this_plan;
	(void)state;
	fake_open(&server, silent_from_50);
	this_plan = plan();
	this_plan.duration_ns = 300 * MS;
	this_plan.grace_ns = 0;
	struct outcome *outcome = run(&this_plan);
	assert_int_equal(outcome->unanswered, 8);
	assert_int_equal(outcome->bounds, 8);
	assert_true(outcome->busy_ns < outcome->duration_ns);
	outcome_destroy(outcome);
	fake_close(&server);
}

static void
lost_jobs_are_counted_and_places_opened_again(void **state)
{
	struct drive_plan this_plan;
	(void)state;
	fake_open(&server, cut_every_fifth);
	this_plan = plan();
	this_plan.jobs_max = 60;
	struct outcome *outcome = run(&this_plan);
	assert_int_equal(outcome->answered + outcome->lost, 60);
	assert_true(outcome->lost >= 8);
	assert_true(outcome->reconnects >= 8);
	assert_int_equal(outcome->bounds, outcome->lost);
	outcome_destroy(outcome);
	fake_close(&server);
}

/* Jobs that wait to begin again are lost with their connection, and are not waited for when the run is over. */
static void
busy_jobs_wait_no_longer_than_the_run(void **state)
{
	struct drive_plan this_plan;
	(void)state;
	fake_open(&server, cut_at_50);
	server.status = ERROR_busy;
	this_plan = plan();
	this_plan.retry_status = ERROR_busy;
	this_plan.retry_ns = 5 * MS;
	this_plan.duration_ns = 500 * MS;
	struct outcome *outcome = run(&this_plan);
	/* Those that were sent once more at the very end are answered in the grace: busy, for good. */
	assert_int_equal(outcome->answered + outcome->unanswered, 8);
	assert_int_equal(outcome_count_of(outcome, 0), 0);
	assert_int_equal(outcome->lost, 2);
	assert_int_equal(outcome->started, 10);
	outcome_destroy(outcome);
	fake_close(&server);
}

/* ---- a connection for each job ---- */

static void
failed_handshakes_are_lost_and_the_loop_goes_on(void **state)
{
	struct drive_plan this_plan;
	(void)state;
	fake_open(&server, cut_every_fifth);
	server.cut_handshakes = 6;
	this_plan = plan();
	this_plan.is_fresh = true;
	this_plan.jobs_max = 40;
	struct outcome *outcome = run(&this_plan);
	assert_int_equal(outcome->started, 40);
	assert_int_equal(outcome->lost, 6 + (40 - 6) / 5);
	assert_int_equal(outcome->answered, 40 - outcome->lost);
	outcome_destroy(outcome);
	fake_close(&server);
}

static void
latency_begins_at_the_connect(void **state)
{
	struct drive_plan this_plan;
	(void)state;
	fake_open(&server, answer);
	fake_stall(&server, 100);
	this_plan = plan();
	this_plan.is_fresh = true;
	this_plan.jobs_max = 1;
	struct outcome *outcome = run(&this_plan);
	assert_int_equal(histogram_count(outcome->latency), 1);
	assert_true(histogram_max_ns(outcome->latency) >= 90 * MS);
	outcome_destroy(outcome);
	fake_close(&server);
}

/* ---- open loops ---- */

static struct outcome *
run_open(struct drive_plan this_plan,
    enum fake_verdict (*decide)(struct fake_server *fake, const struct frame *request))
{
	const struct curve *curve;
	fake_open(&server, decide);
	this_plan.loop = server.loop;
	this_plan.port = server.port;
	this_plan.duration_ns = 300 * MS;
	assert_int_equal(curve_make_ramp(1000, 1000, 300 * MS, arena, &curve, &fault), ERROR_NONE);
	this_plan.schedule = schedule_create(curve, SCHEDULE_EVEN, 1);
	assert_non_null(this_plan.schedule);
	struct outcome *outcome = run(&this_plan);
	schedule_destroy(this_plan.schedule);
	fake_close(&server);
	assert_int_equal(outcome->due, 300);
	assert_int_equal(histogram_count(outcome->lag), 300);
	assert_int_equal(outcome->due, outcome->answered + outcome->lost + outcome->unanswered + outcome->unsent);
	return outcome;
}

/* A stall is in the latencies of all that were meant to be sent meanwhile. */
static void
stall_is_in_the_latencies(void **state)
{
	(void)state;
	struct outcome *outcome = run_open(plan(), stall_at_50);
	/* What came at the very end may be unsent on a machine that was busy then. */
	assert_int_equal(outcome->answered + outcome->unsent, 300);
	assert_true(outcome->answered >= 200);
	assert_int_equal(histogram_count(outcome->latency), 300);
	assert_true(histogram_max_ns(outcome->latency) >= 140 * MS);
	/* Of 150 arrivals in 150 ms a hundred waited for 50 ms and more: a third of all. */
	assert_true(histogram_percentile_ns(outcome->latency, 70) >= 40 * MS);
	outcome_destroy(outcome);
}

static void
silence_is_in_the_latencies(void **state)
{
	struct drive_plan this_plan = plan();
	(void)state;
	this_plan.grace_ns = 200 * MS;
	struct outcome *outcome = run_open(this_plan, silent_from_50);
	assert_int_equal(outcome->answered, 49);
	assert_int_equal(outcome->unanswered, 8);
	assert_int_equal(outcome->unsent, 300 - 49 - 8);
	assert_int_equal(histogram_count(outcome->latency), 300);
	assert_int_equal(outcome->bounds, 300 - 49);
	/* The 8 that were sent were waited for to the end of the grace. */
	assert_true(histogram_max_ns(outcome->latency) >= 280 * MS);
	outcome_destroy(outcome);
}

static void
arrivals_without_jobs_are_unsent(void **state)
{
	struct drive_plan this_plan = plan();
	(void)state;
	this_plan.jobs_max = 100;
	struct outcome *outcome = run_open(this_plan, answer);
	assert_int_equal(outcome->answered, 100);
	assert_int_equal(outcome->unsent, 200);
	outcome_destroy(outcome);
}

/* ---- a server that is gone ---- */

static void
dead_server_ends_the_run(void **state)
{
	struct outcome *outcome;
	(void)state;
	for (int is_fresh = 0; is_fresh < 2; is_fresh++) {
		fake_open(&server, die_at_50);
		struct drive_plan this_plan = plan();
		this_plan.is_fresh = is_fresh;
		assert_int_equal(drive_run(&this_plan, &outcome, &fault), ERROR_unreachable);
		fake_close(&server);
	}
}

static int
set_up(void **state)
{
	const struct frame frame = { .op = 7, .body = SLICE_LITERAL("a request") };

	(void)state;
	memset(numbers, 0, sizeof numbers);
	arena = arena_create((size_t)1024 * 1024);
	request_frame = buf_create(100);
	frame_put(request_frame, &frame);
	dialect = dialect_guichet;
	dialect.put = put_and_count;
	return arena == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_destroy(request_frame);
	arena_destroy(arena);
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_job_is_sent_once_under_its_number),
		TEST(waiting_is_not_work),
		TEST(lost_jobs_are_counted_and_places_opened_again),
		TEST(busy_jobs_wait_no_longer_than_the_run),
		TEST(failed_handshakes_are_lost_and_the_loop_goes_on),
		TEST(latency_begins_at_the_connect),
		TEST(stall_is_in_the_latencies),
		TEST(silence_is_in_the_latencies),
		TEST(arrivals_without_jobs_are_unsent),
		TEST(dead_server_ends_the_run),
	};
	return cmocka_run_group_tests_name("drive", tests, pair_set_up, pair_tear_down);
}
