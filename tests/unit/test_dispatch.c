/* SPDX-License-Identifier: Apache-2.0
 *
 * Dispatch over a store that answers when the test says so, with a counter for a handler: whatever comes between
 * reading and writing, every request counts once, and every request is answered once. */
#include "tests/unit/decision_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/codec.h"
#include "server/dispatch.h"
#include "server/room.h"
#include "tests/unit/answered.h"
#include "tests/unit/people.h"

#define REQUESTS_MAX 512
#define JOBS_MAX 64
/* Enough for one small request, and not for two. */
#define LITTLE_ROOM (ROOM_RECORDS * 3 / 2)

/* What the handler of the tests does besides counting: first byte of part_request.digest. */
enum task {
	TASK_CHAIN = 1,  /* reads its counter, then another one, named by the digest's second half */
	TASK_RANGE = 2,  /* counts how many counters there are instead, and writes that into its own */
	TASK_LOOK = 4,   /* writes nothing */
	TASK_REFUSE = 8, /* asks for a record that it then does not wait for, and refuses */
	TASK_FILL = 16,  /* fills the arena before it notes its effects */
	TASK_BLOB = 32,  /* reads a blob that is not there */
	TASK_YEAR = 64,  /* puts the campaign's year on record */
};

static unsigned runs;
static uint8_t missing_blob[24] = { 255, 255, 255, 255, 255, 255, 255, 255 };

static enum outcome
decide_count(struct decision *decision, const void *wanted)
{
	const struct msg_part_request *part = wanted;
	struct msg_part_answer *answer = decision->effects->answer;
	struct slice key = KEY_MAKE(decision->arena, KEY_quota, slice_of(part->id.data, 16)), other, bytes;
	struct rec_quota *quota = arena_alloc(decision->arena, sizeof *quota), ignored;
	static const uint8_t first = KEY_quota, past = KEY_quota + 1;
	const struct store_pair *pairs;
	size_t count;
	uint8_t task = part->digest.data[0];

	runs++;
	if (quota == NULL)
		return refuse(decision, ERROR_out_of_memory);
	other = KEY_MAKE(decision->arena, KEY_quota, slice_of(part->digest.data + 16, 16));
	if (task & TASK_REFUSE) {
		view_want(decision->view, other);
		return refuse_value(decision, ERROR_upload_unknown, "here", SLICE_LITERAL("this"),
		    SLICE_LITERAL("that"));
	}
	if ((task & TASK_BLOB) && view_blob_bytes(decision->view, slice_of(missing_blob, 24), &bytes) != VIEW_FOUND)
		return AGAIN;
	if (view_get(decision->view, key, record_quota(), quota) == VIEW_AGAIN)
		return AGAIN;
	if ((task & TASK_CHAIN) && view_get(decision->view, other, record_quota(), &ignored) == VIEW_AGAIN)
		return AGAIN;
	if (task & TASK_RANGE) {
		if (view_range(decision->view, slice_of(&first, 1), slice_of(&past, 1), false, 1000, &pairs, &count) ==
		    VIEW_AGAIN)
			return AGAIN;
		quota->announced = count;
	} else {
		quota->announced++;
	}
	answer->received = quota->announced;
	for (size_t size = 4096; (task & TASK_FILL) && size >= 16; size /= 2)
		while (arena_alloc(decision->arena, size) != NULL)
			continue;
	decision->effects->keeps_year = (task & TASK_YEAR) != 0;
	if (!(task & TASK_LOOK))
		effects_put(decision, key, record_quota(), quota);
	return DECIDED;
}

static const struct dispatch_handler handlers[] = {
	{ OPERATION_part, decide_count },
	{ OPERATION_revoke, decide_revoke },
	{ 0, NULL },
};

/* ---- the process around it ---- */

struct asked {
	struct dispatch_asker asker; /* first */
	unsigned answers[REQUESTS_MAX];  /* how often, by stream */
	uint32_t status[REQUESTS_MAX];
	uint64_t received[REQUESTS_MAX]; /* of an accepted part */
	struct msg_refusal refusal; /* the newest */
	struct arena *arena;
	unsigned count;
};

struct process {
	struct decision_fixture *fixture;
	struct dispatch *dispatch;
	struct asked *asked;
	struct arrival arrival;
	unsigned damaged_count, answered_count;
};

static uint64_t
wall_ms(void *context)
{
	return ((struct process *)context)->arrival.at_ms;
}

static void
answered(void *context, const struct dispatch_event *event)
{
	((struct process *)context)->answered_count++;
	assert_non_null(event->correlation);
	answered_note(NULL, event->error);
}

static void
crl_changed(void *context)
{
	(void)context;
}

static void
damaged(void *context, enum error error, const uint8_t *correlation)
{
	((struct process *)context)->damaged_count++;
	assert_int_not_equal(error, ERROR_NONE);
	assert_non_null(correlation);
}

static void
take_answer(struct dispatch_asker *asker, const struct frame *frame)
{
	struct asked *asked = (struct asked *)asker;
	struct fault fault;
	struct slice body;

	assert_true(frame->stream < REQUESTS_MAX);
	assert_int_equal(frame->flags, FRAME_ANSWER);
	assert_true(arena_copy(asked->arena, frame->body, &body));
	asked->count++;
	asked->answers[frame->stream]++;
	asked->status[frame->stream] = frame->status;
	if (frame->status == ERROR_NONE && frame->op == OPERATION_part) {
		struct msg_part_answer answer;
		assert_int_equal(codec_decode(message_part_answer(), body, CODEC_ANSWER, asked->arena, &answer, &fault),
		    ERROR_NONE);
		asked->received[frame->stream] = answer.received;
	} else if (frame->status != ERROR_NONE) {
		assert_int_equal(codec_decode(message_refusal(), body, CODEC_ANSWER, asked->arena, &asked->refusal,
		    &fault), ERROR_NONE);
	}
}

/* Requests of one address that may wait for each other; a test that makes it small puts it back. */
static size_t waiting_max = SIZE_MAX;
/* Room promised to all; likewise. */
static uint64_t promised_max = UINT64_MAX;

static struct process *
process_create(const struct memory_config *memory)
{
	struct process *process = calloc(1, sizeof *process);

	assert_non_null(process);
	process->fixture = decision_fixture_create(memory);
	process->arrival.at_ms = FIXTURE_NOW * 1000;
	const struct dispatch_config config = {
		.store = process->fixture->store,
		.commit = process->fixture->commit,
		.office = process->fixture->office,
		.handlers = handlers,
		.jobs_max = JOBS_MAX,
		.busy_after_ms = 400,
		.promised_max = promised_max,
		.waiting_max = waiting_max,
		.retry_after_ms = 77,
		.wall_ms = wall_ms,
		.answered = answered,
		.crl_changed = crl_changed,
		.damaged = damaged,
		.context = process,
	};
	process->dispatch = dispatch_create(&config);
	process->asked = calloc(1, sizeof *process->asked);
	assert_non_null(process->dispatch);
	assert_non_null(process->asked);
	process->asked->arena = process->fixture->arena;
	process->asked->asker.answer = take_answer;
	process->asked->asker.holder.role = ROLE_NOBODY;
	return process;
}

static void
process_destroy(struct process *process)
{
	dispatch_destroy(process->dispatch);
	decision_fixture_destroy(process->fixture);
	free(process->asked);
	free(process);
}

struct wish {
	char counter, other;
	uint8_t task;
	uint64_t deadline_ms; /* 0: none */
};

static void
ask(struct process *process, uint32_t stream, struct wish wish)
{
	uint8_t id[DIGEST_SIZE] = { (uint8_t)wish.counter }, digest[DIGEST_SIZE] = { wish.task };
	const struct msg_part_request request = {
		.has_deadline_ms = wish.deadline_ms != 0,
		.deadline_ms = wish.deadline_ms,
		.id = slice_of(id, sizeof id),
		.digest = slice_of(digest, sizeof digest),
		.content = SLICE_LITERAL("x"),
		.token = slice_of(id, UPLOAD_TOKEN_SIZE),
	};
	struct buf *body = buf_create(1024);

	digest[16] = (uint8_t)wish.other;
	assert_non_null(body);
	codec_encode(message_part_request(), &request, body);
	assert_true(buf_ok(body));
	const struct frame frame = { .op = OPERATION_part, .stream = stream, .body = buf_peek(body) };
	dispatch_submit(process->dispatch, &process->asked->asker, &frame, &process->arrival);
	buf_destroy(body); /* borrowed for the call only */
}

/* Everything comes to its end. */
static void
drain(struct process *process)
{
	for (unsigned turn = 0; dispatch_jobs(process->dispatch) != 0 ||
	    !commit_is_idle(process->fixture->commit); turn++) {
		assert_true(turn < 100000);
		commit_seal(process->fixture->commit);
		memory_store_pump(process->fixture->store, SIZE_MAX);
	}
}

static uint64_t
counter(struct process *process, char name)
{
	uint8_t id[16] = { (uint8_t)name };
	struct rec_quota quota = { .announced = 0 };

	(void)decision_fixture_get(process->fixture,
	    KEY_MAKE(process->fixture->arena, KEY_quota, slice_of(id, sizeof id)),
	    record_quota(), &quota);
	return quota.announced;
}

static const struct memory_config late_reads = { .defer_reads = true };
static const struct memory_config late_commits = { .defer_commits = true };
static const struct memory_config late = { .defer_reads = true, .defer_commits = true };

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
	assert_int_equal(process->asked->refusal.retry_after_ms, 77);
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
	assert_true(process->asked->refusal.has_retry_after_ms);
	assert_int_equal(process->asked->refusal.retry_after_ms, 77);
	drain(process);
	memory_store_set_space(process->fixture->store, 0, LITTLE_ROOM);
	ask(process, ++stream, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->status[stream], ERROR_disk_full);
	memory_store_set_space(process->fixture->store, LITTLE_ROOM, LITTLE_ROOM);
	dispatch_submit(process->dispatch, &process->asked->asker, &unknown, &process->arrival);
	assert_int_equal(process->asked->status[400], ERROR_operation_unknown);
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
	drain(process);
	assert_int_equal(process->asked->status[stream], ERROR_NONE);
	assert_int_equal(counter(process, 'a'), JOBS_MAX + 1);
	process_destroy(process);
}

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

static enum outcome
decide_nothing(struct decision *decision, const void *request)
{
	(void)decision;
	(void)request;
	runs++;
	return DECIDED;
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
	runs = 0;
	dispatch_work(process->dispatch, decide_nothing, process->arrival.at_ms);
	assert_int_equal(runs, 0);
	memory_store_set_space(store, 0, LITTLE_ROOM);
	ask(process, 2, (struct wish){ 'a', 'b', 0, 0 });
	assert_int_equal(process->asked->status[2], ERROR_disk_full);
	ask_to_revoke(process, 3, thief);
	assert_int_equal(process->asked->answers[3], 1);
	assert_int_equal(process->asked->status[3], ERROR_NONE);
	dispatch_work(process->dispatch, decide_nothing, process->arrival.at_ms);
	assert_int_equal(runs, 1);
	people_end();
	process_destroy(process);
}

/* What was admitted has its room until it is written: others are told that the disk is full, though nothing has been
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
	runs = 0;
	dispatch_work(process->dispatch, decide_nothing, process->arrival.at_ms);
	assert_int_equal(runs, 0);
	memory_store_set_space(store, LITTLE_ROOM, 2 * LITTLE_ROOM);
	dispatch_work(process->dispatch, decide_nothing, process->arrival.at_ms);
	assert_int_equal(runs, 1);
	drain(process);
	assert_int_equal(process->asked->status[1], ERROR_NONE);
	ask(process, 3, (struct wish){ 'c', 'd', 0, 0 });
	drain(process);
	assert_int_equal(process->asked->status[3], ERROR_NONE);
	memory_store_set_space(store, UINT64_MAX, UINT64_MAX);
	for (uint32_t stream = 4; stream < 10; stream++)
		ask(process, stream, (struct wish){ (char)('a' + stream), 'z', 0, 0 });
	assert_int_equal(process->asked->status[9], ERROR_busy);
	runs = 0;
	dispatch_work(process->dispatch, decide_nothing, process->arrival.at_ms);
	assert_int_equal(runs, 1);
	drain(process);
	assert_int_equal(process->asked->status[4], ERROR_NONE);
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
	process->asked->asker.address[0] = 1;
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
		cmocka_unit_test(what_cannot_wait_uses_the_reserve),
		cmocka_unit_test(room_is_promised_once),
		cmocka_unit_test(promises_fit_the_reserve),
		cmocka_unit_test(short_of_memory_is_busy_and_nothing_is_written),
		cmocka_unit_test(damage_stops_nobody_else),
		cmocka_unit_test(refusals_wait_for_what_they_rest_on),
		cmocka_unit_test(a_crowd_of_one_address_is_busy),
		cmocka_unit_test(a_crowd_decides_one_after_the_other),
		cmocka_unit_test(no_answer_leaves_after_a_failed_commit),
	};
	return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
