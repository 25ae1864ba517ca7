/* SPDX-License-Identifier: Apache-2.0
 *
 * Dispatch over a store that answers when the test says so, with a counter for a handler: whatever comes between
 * reading and writing, every request counts once, and every request is answered once. */
#include "tests/unit/dispatch_fixture.h"

/* The office knows that the year is on record once the batch is durable, and not before: until then others put it there
 * as well. */
static void
a_year_is_kept_once_it_is_durable(void **state)
{
	struct process *process = process_create(&late_commits);
	const struct office *office = process->fixture->office;

	(void)state;
	ask(process, 1, (struct wish){ 'a', 'b', 0, 0 });
	drain(process);
	assert_false(office->has_kept_year);
	ask(process, 2, (struct wish){ 'a', 'b', TASK_YEAR, 0 });
	commit_seal(process->fixture->commit);
	assert_false(office->has_kept_year);
	drain(process);
	assert_true(office->has_kept_year);
	process_destroy(process);
}

/* ---- deciding again ---- */

static void
reads_that_come_late_run_it_again(void **state)
{
	struct process *process = process_create(&late_reads);

	(void)state;
	runs = 0;
	ask(process, 1, (struct wish){ 'a', 'b', TASK_CHAIN, 0 });
	for (unsigned run = 1; run <= 3; run++) {
		assert_int_equal(runs, run);
		assert_int_equal(process->asked->count, 0);
		memory_store_pump(process->fixture->store, 1);
	}
	drain(process);
	assert_int_equal(runs, 3);
	assert_int_equal(process->asked->received[1], 1);
	process_destroy(process);
}

/* It reads what a batch is about to write: once while that is open, once while it is on its way. */
static void
a_conflict_waits_and_decides_afresh(void **state)
{
	struct process *process = process_create(&late_commits);

	(void)state;
	runs = 0;
	ask(process, 1, (struct wish){ 'a', 'b', 0, 0 });
	ask(process, 2, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(runs, 2);
	commit_seal(process->fixture->commit);
	ask(process, 3, (struct wish){ 'a', 'b', 0, 0 });
	ask(process, 4, (struct wish){ 'c', 'a', TASK_CHAIN, 0 });
	ask(process, 5, (struct wish){ 'd', 'd', 0, 0 }); /* meets nobody */
	ask(process, 6, (struct wish){ 'a', 'b', TASK_LOOK, 0 }); /* sees what is durable, at once */
	assert_int_equal(process->asked->count, 1);
	assert_int_equal(process->asked->received[6], 1);
	drain(process);
	for (uint32_t stream = 1; stream <= 3; stream++) {
		assert_int_equal(process->asked->answers[stream], 1);
		assert_int_equal(process->asked->received[stream], stream);
	}
	assert_int_equal(process->asked->received[4], 1);
	assert_int_equal(process->asked->received[5], 1);
	assert_int_equal(counter(process, 'a'), 3);
	process_destroy(process);
}

/* Another request writes and is durable between the first read of one and its last. */
static void
a_batch_that_came_and_went_between_reads(void **state)
{
	struct process *process = process_create(&late);

	(void)state;
	ask(process, 1, (struct wish){ 'a', 'z', TASK_CHAIN, 0 });
	ask(process, 2, (struct wish){ 'b', 'z', TASK_RANGE, 0 });
	memory_store_pump(process->fixture->store, 2); /* 'a' and 'b' are absent; 'z' and the range are asked for */
	memory_store_defer(process->fixture->store, false, false);
	ask(process, 3, (struct wish){ 'a', 'z', 0, 0 });
	commit_seal(process->fixture->commit);
	ask(process, 4, (struct wish){ 'b', 'z', 0, 0 });
	commit_seal(process->fixture->commit);
	assert_int_equal(process->asked->count, 2);
	drain(process);
	/* The first two come after the others, whatever they had read before. */
	assert_int_equal(process->asked->received[1], 2);
	assert_int_equal(process->asked->received[2], 2);
	assert_int_equal(counter(process, 'a'), 2);
	process_destroy(process);
}

static uint32_t
draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525U + 1013904223U;
	return (*seed >> 8) % below;
}

/* Requests, reads, commits and turns of the loop in any order: no count is lost and none counts twice. */
static void
no_order_of_events_loses_a_count(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 40; round++) {
		static const uint8_t tasks[] = { 0, TASK_CHAIN, TASK_CHAIN, TASK_LOOK, TASK_REFUSE };
		struct process *process = process_create(&late);
		struct wish wishes[REQUESTS_MAX];
		bool seen[2][REQUESTS_MAX] = { { false } };
		uint32_t seed = round, asked = 0;
		uint64_t counts[2] = { 0 };
		while (asked < REQUESTS_MAX) {
			switch (draw(&seed, 4)) {
			case 0:
			case 1:
				wishes[asked] = (struct wish){ (char)('a' + draw(&seed, 2)),
				    (char)('a' + draw(&seed, 3)),
					tasks[draw(&seed, sizeof tasks)], 0 };
				if (dispatch_jobs(process->dispatch) == JOBS_MAX)
					break;
				ask(process, asked, wishes[asked]);
				asked++;
				break;
			case 2:
				commit_seal(process->fixture->commit);
				break;
			default:
				memory_store_pump(process->fixture->store, 1 + draw(&seed, 3));
			}
			if (dispatch_jobs(process->dispatch) == JOBS_MAX) {
				commit_seal(process->fixture->commit);
				memory_store_pump(process->fixture->store, 1 + draw(&seed, 8));
			}
		}
		drain(process);
		assert_int_equal(process->asked->count, REQUESTS_MAX);
		for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
			unsigned which = (unsigned)(wishes[i].counter - 'a');
			uint64_t received = process->asked->received[i];
			assert_int_equal(process->asked->answers[i], 1);
			assert_int_equal(process->asked->status[i],
			    (wishes[i].task & TASK_REFUSE) ? ERROR_upload_unknown : ERROR_NONE);
			if (wishes[i].task & (TASK_LOOK | TASK_REFUSE))
				continue;
			assert_true(received >= 1 && received < REQUESTS_MAX);
			assert_false(seen[which][received]);
			seen[which][received] = true;
			counts[which]++;
		}
		assert_int_equal(counter(process, 'a'), counts[0]);
		assert_int_equal(counter(process, 'b'), counts[1]);
		process_destroy(process);
	}
}

/* ---- ends ---- */

/* A refusal does not leave while its own reads are under way: they would come back to nobody. */
static void
a_refusal_waits_for_what_it_asked(void **state)
{
	struct process *process = process_create(&late_reads);

	(void)state;
	ask(process, 1, (struct wish){ 'a', 'b', TASK_REFUSE, 0 });
	assert_int_equal(process->asked->count, 0);
	memory_store_pump(process->fixture->store, SIZE_MAX);
	assert_int_equal(process->asked->status[1], ERROR_upload_unknown);
	assert_true(slice_equal_text(process->asked->refusal.place, "here"));
	assert_true(slice_equal_text(process->asked->refusal.value, "this"));
	assert_true(slice_equal_text(process->asked->refusal.expected, "that"));
	assert_false(process->asked->refusal.has_retry_after_ms);
	process_destroy(process);
}

static void
an_asker_that_is_gone_is_not_answered(void **state)
{
	struct process *process = process_create(&late);

	(void)state;
	ask(process, 1, (struct wish){ 'a', 'b', 0, 0 });          /* gone while it reads */
	dispatch_forget(process->dispatch, &process->asked->asker);
	memory_store_pump(process->fixture->store, SIZE_MAX);
	ask(process, 2, (struct wish){ 'a', 'b', 0, 0 });          /* gone while it waits for the first */
	memory_store_pump(process->fixture->store, SIZE_MAX);
	dispatch_forget(process->dispatch, &process->asked->asker);
	commit_seal(process->fixture->commit);
	dispatch_forget(process->dispatch, &process->asked->asker); /* the first on its way to the disk */
	drain(process);
	assert_int_equal(process->asked->count, 0);
	/* What was decided for it holds all the same. */
	assert_int_equal(counter(process, 'a'), 2);
	assert_int_equal(process->answered_count, 2);
	process_destroy(process);
}

/* The newest refusal says where, what and why. */
static void
assert_told(const struct process *process, const char *place, const char *value, const char *expected)
{
	assert_true(slice_equal_text(process->asked->refusal.place, place));
	assert_true(slice_equal_text(process->asked->refusal.value, value));
	assert_true(slice_equal_text(process->asked->refusal.expected, expected));
}

static void
who_waited_too_long_is_told_busy_at_once(void **state)
{
	struct process *process = process_create(NULL);

	(void)state;
	process->arrival.waited_ms = 400;
	ask(process, 1, (struct wish){ 'a', 'b', 0, 0 });
	process->arrival.waited_ms = 401;
	ask(process, 2, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->status[2], ERROR_busy);
	assert_told(process, "waited_ms", "401", "at most 400");
	assert_int_equal(process->asked->refusal.retry_after_ms, 77);
	const struct frame enrolment = { .op = OPERATION_enrol, .stream = 3 };
	dispatch_submit(process->dispatch, &process->asked->asker, &enrolment, &process->arrival);
	assert_int_equal(process->asked->status[3], ERROR_busy);
	assert_told(process, "waited_ms", "401", "one of the 0 enrolments of a second, or no others that wait");
	drain(process);
	assert_int_equal(process->asked->status[1], ERROR_NONE);
	assert_int_equal(counter(process, 'a'), 1);
	process_destroy(process);
}

/* By the steady clock, and only before it begins: neither a step of the wall clock nor a slow disk ends what is under
 * way. */
static void
work_past_its_deadline_is_not_begun(void **state)
{
	struct process *process = process_create(&late);

	(void)state;
	runs = 0;
	process->arrival.read_ago_ms = 1001;
	ask(process, 1, (struct wish){ 'a', 'b', 0, 1000 });
	assert_int_equal(process->asked->status[1], ERROR_deadline_passed);
	assert_told(process, "deadline_ms", "1000", "at least the 1001 that passed before work began");
	assert_int_equal(runs, 0);
	ask(process, 2, (struct wish){ 'a', 'b', 0, 1001 });
	ask(process, 3, (struct wish){ 'a', 'b', 0, 1001 }); /* waits for the other's batch, and decides anew */
	process->arrival.at_ms += 60 * 1000;
	memory_store_pump(process->fixture->store, SIZE_MAX);
	commit_seal(process->fixture->commit);
	process->arrival.at_ms += 1000000;
	drain(process);
	assert_int_equal(process->asked->status[2], ERROR_NONE);
	assert_int_equal(process->asked->status[3], ERROR_NONE);
	assert_int_equal(counter(process, 'a'), 2);
	process_destroy(process);
}

static void
refused_at_the_door(void **state)
{
	struct process *process = process_create(&late);
	const struct frame unknown = { .op = 0x7fff, .stream = 400 };
	const struct frame malformed = { .op = OPERATION_part, .stream = 401, .body = SLICE_LITERAL("\xff") };
	const struct frame empty = { .op = OPERATION_part, .stream = 402, .body = SLICE_LITERAL("\xa0") };
	/* Serial, reason and a key that the table lacks. */
	const struct frame foreign = { .op = OPERATION_revoke, .stream = 403,
		.body = SLICE_LITERAL("\xa3\x01\x50" "0123456789abcdef" "\x03\x00\x05\x00") };
	uint32_t stream;

	(void)state;
	for (stream = 0; stream < JOBS_MAX; stream++)
		ask(process, stream, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->count, 0);
	ask(process, stream, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->status[stream], ERROR_busy);
	assert_told(process, "requests under way", "64", "fewer than 64");
	assert_true(process->asked->refusal.has_retry_after_ms);
	assert_int_equal(process->asked->refusal.retry_after_ms, 77);
	drain(process);
	dispatch_submit(process->dispatch, &process->asked->asker, &unknown, &process->arrival);
	assert_int_equal(process->asked->status[400], ERROR_operation_unknown);
	assert_told(process, "frame.op", "32767", "the number of an operation");
	dispatch_submit(process->dispatch, &process->asked->asker, &malformed, &process->arrival);
	assert_int_equal(process->asked->status[401], ERROR_message_malformed);
	dispatch_submit(process->dispatch, &process->asked->asker, &empty, &process->arrival);
	assert_int_equal(process->asked->status[402], ERROR_field_missing);
	dispatch_submit(process->dispatch, &process->asked->asker, &foreign, &process->arrival);
	assert_int_equal(process->asked->status[403], ERROR_field_unknown);
	/* What is under way when the server stops still ends well. */
	ask(process, ++stream, (struct wish){ 'a', 'b', 0, 0 });
	dispatch_stop(process->dispatch);
	ask(process, stream + 1, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->status[stream + 1], ERROR_server_stopping);
	assert_told(process, "server", "stopping", "one that takes requests: itself after its start, or another");
	drain(process);
	assert_int_equal(process->asked->status[stream], ERROR_NONE);
	assert_int_equal(counter(process, 'a'), JOBS_MAX + 1);
	process_destroy(process);
}

static void
short_of_memory_is_busy_and_nothing_is_written(void **state)
{
	struct process *process = process_create(NULL);

	(void)state;
	ask(process, 1, (struct wish){ 'a', 'b', TASK_FILL, 0 });
	drain(process);
	assert_int_equal(process->asked->status[1], ERROR_busy);
	assert_int_equal(counter(process, 'a'), 0);
	assert_int_equal(process->damaged_count, 0);
	process_destroy(process);
}

/* A record found damaged while deciding is told to the log and refused without a word about it; others go on. */
static void
damage_stops_nobody_else(void **state)
{
	struct process *process = process_create(&late_reads);

	(void)state;
	ask(process, 1, (struct wish){ 'a', 'b', TASK_BLOB, 0 });
	memory_store_pump(process->fixture->store, SIZE_MAX);
	assert_int_equal(process->damaged_count, 1);
	assert_int_equal(process->asked->status[1], ERROR_internal);
	ask(process, 2, (struct wish){ 'a', 'b', 0, 0 });
	drain(process);
	assert_int_equal(process->asked->status[2], ERROR_NONE);
	process_destroy(process);
}

/* What a batch under way writes may be half to be seen: a refusal that rests on it is decided again afterwards. */
static void
refusals_wait_for_what_they_rest_on(void **state)
{
	struct process *process = process_create(&late_commits);

	(void)state;
	ask(process, 1, (struct wish){ 'a', 'b', 0, 0 });
	commit_seal(process->fixture->commit);
	ask(process, 2, (struct wish){ 'x', 'a', TASK_REFUSE, 0 });
	ask(process, 3, (struct wish){ 'x', 'e', TASK_REFUSE, 0 });
	assert_int_equal(process->asked->answers[2], 0);
	assert_int_equal(process->asked->answers[3], 1);
	drain(process);
	assert_int_equal(process->asked->answers[2], 1);
	assert_int_not_equal(process->asked->status[2], ERROR_NONE);
	process_destroy(process);
}

/* A crowd of one address that write the same record: the first few wait, the rest come later; another address is
 * heard. */
static void
a_crowd_of_one_address_is_busy(void **state)
{
	(void)state;
	waiting_max = 3;
	struct process *process = process_create(&late_commits);
	waiting_max = SIZE_MAX;

	for (uint32_t stream = 0; stream < 10; stream++)
		ask(process, stream, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->count, 6);
	for (uint32_t stream = 4; stream < 10; stream++)
		assert_int_equal(process->asked->status[stream], ERROR_busy);
	/* Others of its network are the same address, and those of the next one are not. */
	process->asked->asker.address[5] = 0;
	process->asked->asker.address[7] ^= 1;
	process->asked->asker.address[15] ^= 1;
	ask(process, 11, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->status[11], ERROR_busy);
	process->asked->asker.address[5] = 1;
	ask(process, 10, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->answers[10], 0);
	drain(process);
	assert_int_equal(process->asked->status[10], ERROR_NONE);
	assert_int_equal(counter(process, 'a'), 5);
	process_destroy(process);
}

/* After each batch one of a crowd decides, not all of them: twice each, and in the order they came. */
static void
a_crowd_decides_one_after_the_other(void **state)
{
	enum { CROWD = 40 };
	struct process *process = process_create(&late_commits);

	(void)state;
	runs = 0;
	for (uint32_t stream = 0; stream < CROWD; stream++)
		ask(process, stream, (struct wish){ 'a', 'b', 0, 0 });
	ask(process, CROWD, (struct wish){ 'c', 'a', TASK_CHAIN, 0 });
	drain(process);
	for (uint32_t stream = 0; stream < CROWD; stream++)
		assert_int_equal(process->asked->received[stream], stream + 1);
	/* Whoever only reads what they write comes after them, and is not forgotten. */
	assert_int_equal(process->asked->received[CROWD], 1);
	assert_int_equal(runs, 2 * (CROWD + 1) - 1);
	process_destroy(process);
}

/* After a failed commit the jobs are never answered; they end with the process, which here is the test's. */
static struct process *ended;

static void
no_answer_leaves_after_a_failed_commit(void **state)
{
	static const struct memory_config broken = { .defer_commits = true, .fail_commit_at = 2 };

	(void)state;
	ended = process_create(&broken);
	ask(ended, 1, (struct wish){ 'a', 'b', 0, 0 });
	drain(ended);
	ask(ended, 2, (struct wish){ 'a', 'b', 0, 0 });
	ask(ended, 3, (struct wish){ 'a', 'b', 0, 0 });
	ask(ended, 4, (struct wish){ 'd', 'd', 0, 0 });
	for (int turn = 0; turn < 4; turn++) {
		commit_seal(ended->fixture->commit);
		memory_store_pump(ended->fixture->store, SIZE_MAX);
	}
	assert_int_equal(ended->asked->count, 1);
	assert_int_equal(ended->fixture->failed_count, 1);
	assert_int_equal(counter(ended, 'a'), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_year_is_kept_once_it_is_durable),
		cmocka_unit_test(reads_that_come_late_run_it_again),
		cmocka_unit_test(a_conflict_waits_and_decides_afresh),
		cmocka_unit_test(a_batch_that_came_and_went_between_reads),
		cmocka_unit_test(no_order_of_events_loses_a_count),
		cmocka_unit_test(a_refusal_waits_for_what_it_asked),
		cmocka_unit_test(an_asker_that_is_gone_is_not_answered),
		cmocka_unit_test(who_waited_too_long_is_told_busy_at_once),
		cmocka_unit_test(work_past_its_deadline_is_not_begun),
		cmocka_unit_test(refused_at_the_door),
		cmocka_unit_test(short_of_memory_is_busy_and_nothing_is_written),
		cmocka_unit_test(damage_stops_nobody_else),
		cmocka_unit_test(refusals_wait_for_what_they_rest_on),
		cmocka_unit_test(a_crowd_of_one_address_is_busy),
		cmocka_unit_test(a_crowd_decides_one_after_the_other),
		cmocka_unit_test(no_answer_leaves_after_a_failed_commit),
	};
	return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
