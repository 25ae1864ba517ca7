/* SPDX-License-Identifier: Apache-2.0
 *
 * Dispatch where the disk has little room: what would be written is refused, all else is answered, and what was
 * promised to one is not promised to another. */
#include "tests/unit/dispatch_fixture.h"

static void
ask_to_revoke(struct process *process, uint32_t stream, const struct person *person)
{
	const struct msg_revoke_request request = { .serial = slice_of(person->serial, SERIAL_SIZE), .reason = 1 };
	struct buf *body = buf_create(1024);

	assert_non_null(body);
	codec_encode(message_revoke_request(), &request, body);
	const struct frame frame = { .op = OPERATION_revoke, .stream = stream, .body = buf_peek(body) };
	dispatch_submit(process->dispatch, &process->asked->asker, &frame, &process->arrival);
	buf_destroy(body);
	drain(process);
}

/* Of own work: there is more to do behind each step. */
static bool own_has_more;

/* Counts as decide_count does, a counter of its own. */
static enum outcome
count_own(struct decision *decision, char name)
{
	uint8_t id[DIGEST_SIZE] = { (uint8_t)name }, digest[DIGEST_SIZE] = { 0 };
	const struct msg_part_request request = { .id = slice_of(id, sizeof id),
		.digest = slice_of(digest, sizeof digest) };
	struct msg_part_answer ignored;
	void *answer = decision->effects->answer;

	decision->effects->answer = &ignored;
	enum outcome outcome = decide_count(decision, &request);
	decision->effects->answer = answer;
	decision->effects->has_more = own_has_more;
	return outcome;
}

static enum outcome
decide_own(struct decision *decision, const void *nothing)
{
	(void)nothing;
	return count_own(decision, 'o');
}

static enum outcome
decide_other_own(struct decision *decision, const void *nothing)
{
	(void)nothing;
	return count_own(decision, 'p');
}

static void
work(struct process *process)
{
	dispatch_work(process->dispatch, decide_own, process->arrival.at_ms);
}

/* Reads, refusals and repetitions are answered on a full disk; only what would be written is not, nothing of it is, and
 * with room it is. */
static void
what_writes_nothing_needs_no_room(void **state)
{
	struct process *process = process_create(&late);
	struct store *store = process->fixture->store;

	(void)state;
	ask(process, 1, (struct wish){ 'a', 'b', TASK_ONCE, 0 });
	drain(process);
	memory_store_set_space(store, 0, LITTLE_ROOM);
	ask(process, 2, (struct wish){ 'a', 'b', TASK_ONCE, 0 });
	ask(process, 3, (struct wish){ 'c', 'b', TASK_LOOK, 0 });
	ask(process, 4, (struct wish){ 'c', 'b', TASK_REFUSE, 0 });
	ask(process, 5, (struct wish){ 'c', 'b', TASK_ONCE, 0 });
	drain(process);
	assert_int_equal(process->asked->status[2], ERROR_NONE);
	assert_int_equal(process->asked->status[3], ERROR_NONE);
	assert_int_equal(process->asked->status[4], ERROR_upload_unknown);
	assert_int_equal(process->asked->status[5], ERROR_disk_full);
	assert_int_equal(counter(process, 'a'), 1);
	assert_int_equal(counter(process, 'c'), 0);
	memory_store_set_space(store, LITTLE_ROOM, LITTLE_ROOM);
	ask(process, 6, (struct wish){ 'c', 'b', TASK_ONCE, 0 });
	drain(process);
	assert_int_equal(process->asked->status[6], ERROR_NONE);
	assert_int_equal(counter(process, 'c'), 1);
	process_destroy(process);
}

/* Who sends the same twice at once is not refused the second time because the first took the last room. */
static void
a_repetition_waits_for_the_first_without_room(void **state)
{
	struct process *process = process_create(&late_commits);

	(void)state;
	memory_store_set_space(process->fixture->store, LITTLE_ROOM, LITTLE_ROOM);
	ask(process, 1, (struct wish){ 'a', 'b', TASK_ONCE, 0 });
	ask(process, 2, (struct wish){ 'a', 'b', TASK_ONCE, 0 });
	assert_int_equal(process->asked->count, 0);
	drain(process);
	assert_int_equal(process->asked->status[1], ERROR_NONE);
	assert_int_equal(process->asked->status[2], ERROR_NONE);
	assert_int_equal(counter(process, 'a'), 1);
	process_destroy(process);
}

/* Revocation and the office's own work go on in the reserve, and end where it ends. */
static void
what_cannot_wait_uses_the_reserve(void **state)
{
	struct process *process = process_create(NULL);
	struct store *store = process->fixture->store;
	const struct person *operator = people_issue(process->fixture, "operator");
	const struct person *thief = people_issue(process->fixture, "agent");

	(void)state;
	process->asked->asker.holder = operator->holder;
	memory_store_set_space(store, 0, 0);
	ask_to_revoke(process, 1, thief);
	assert_int_equal(process->asked->status[1], ERROR_disk_full);
	work(process);
	drain(process);
	assert_int_equal(counter(process, 'o'), 0);
	memory_store_set_space(store, 0, LITTLE_ROOM);
	ask(process, 2, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->status[2], ERROR_disk_full);
	ask_to_revoke(process, 3, thief);
	assert_int_equal(process->asked->answers[3], 1);
	assert_int_equal(process->asked->status[3], ERROR_NONE);
	work(process);
	drain(process);
	assert_int_equal(counter(process, 'o'), 1);
	people_end();
	process_destroy(process);
}

/* What was decided has its room until it is written: others are told that the disk is full, though nothing has been
 * written yet. Room that is there but promised beyond the bound is only waited for. */
static void
room_is_promised_once(void **state)
{
	(void)state;
	promised_max = 3 * LITTLE_ROOM;
	struct process *process = process_create(&late_commits);
	promised_max = UINT64_MAX;
	struct store *store = process->fixture->store;

	memory_store_set_space(store, LITTLE_ROOM, LITTLE_ROOM);
	ask(process, 1, (struct wish){ 'a', 'b', 0, 0 });
	ask(process, 2, (struct wish){ 'c', 'd', 0, 0 });
	assert_int_equal(process->asked->answers[1], 0);
	assert_int_equal(process->asked->status[2], ERROR_disk_full);
	work(process);
	assert_int_equal(dispatch_jobs(process->dispatch), 1);
	memory_store_set_space(store, LITTLE_ROOM, 2 * LITTLE_ROOM);
	work(process);
	assert_int_equal(dispatch_jobs(process->dispatch), 2);
	drain(process);
	assert_int_equal(counter(process, 'o'), 1);
	assert_int_equal(process->asked->status[1], ERROR_NONE);
	ask(process, 3, (struct wish){ 'c', 'd', 0, 0 });
	drain(process);
	assert_int_equal(process->asked->status[3], ERROR_NONE);
	memory_store_set_space(store, UINT64_MAX, UINT64_MAX);
	for (uint32_t stream = 4; stream < 10; stream++)
		ask(process, stream, (struct wish){ (char)('a' + stream), 'z', 0, 0 });
	assert_int_equal(process->asked->status[9], ERROR_busy);
	work(process);
	drain(process);
	assert_int_equal(process->asked->status[4], ERROR_NONE);
	assert_int_equal(counter(process, 'o'), 2);
	process_destroy(process);
}

/* A reserve bounds what is promised, and the smallest still lets some batches through. */
static void
promises_fit_the_reserve(void **state)
{
	(void)state;
	assert_true(room_promised_max(256 << 20) + STORE_FLOOR <= 256 << 20);
	assert_int_equal(room_promised_max(ROOM_RESERVE_MIN), ROOM_PROMISED_MIN);
	assert_int_equal(room_promised_max(ROOM_RESERVE_MIN + 1), ROOM_PROMISED_MIN + 1);
}

/* Step after step, each in its batch, but not for ever, and not when the server stops. */
static void
own_work_goes_on_while_there_is_more(void **state)
{
	struct process *process = process_create(&late);

	(void)state;
	work(process);
	drain(process);
	assert_int_equal(counter(process, 'o'), 1);
	own_has_more = true;
	work(process);
	drain(process);
	assert_int_equal(counter(process, 'o'), 51);
	work(process);
	dispatch_stop(process->dispatch);
	drain(process);
	assert_int_equal(counter(process, 'o'), 52);
	own_has_more = false;
	process_destroy(process);
}

/* A tick comes while the batch of the last one's step is not written yet: there is one of a kind, however slow the
 * disk, and it takes no client's place. */
static void
own_work_does_not_pile_up(void **state)
{
	struct process *process = process_create(&late);

	(void)state;
	own_has_more = true;
	for (int tick = 0; tick < 3 * JOBS_MAX; tick++)
		work(process);
	assert_int_equal(dispatch_jobs(process->dispatch), 1);
	dispatch_work(process->dispatch, decide_other_own, process->arrival.at_ms);
	assert_int_equal(dispatch_jobs(process->dispatch), 2);
	for (uint32_t stream = 1; stream <= JOBS_MAX; stream++)
		ask(process, stream, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->count, 0);
	ask(process, JOBS_MAX + 1, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->status[JOBS_MAX + 1], ERROR_busy);
	drain(process);
	assert_int_equal(counter(process, 'a'), JOBS_MAX);
	assert_int_equal(counter(process, 'o'), 50);
	assert_int_equal(counter(process, 'p'), 50);
	/* The next tick begins anew. */
	own_has_more = false;
	work(process);
	drain(process);
	assert_int_equal(counter(process, 'o'), 51);
	process_destroy(process);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_writes_nothing_needs_no_room),
		cmocka_unit_test(own_work_goes_on_while_there_is_more),
		cmocka_unit_test(own_work_does_not_pile_up),
		cmocka_unit_test(a_repetition_waits_for_the_first_without_room),
		cmocka_unit_test(what_cannot_wait_uses_the_reserve),
		cmocka_unit_test(room_is_promised_once),
		cmocka_unit_test(promises_fit_the_reserve),
	};
	return cmocka_run_group_tests_name("dispatch_room", tests, NULL, NULL);
}
