/* SPDX-License-Identifier: Apache-2.0
 *
 * What test_dispatch.c and test_dispatch_room.c stand on: dispatch over a store that answers when the test says so,
 * with a counter for a handler. Included by these files only. */
#ifndef GUICHET_DISPATCH_FIXTURE_H
#define GUICHET_DISPATCH_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "protocol/codec.h"
#include "server/dispatch.h"
#include "server/room.h"
#include "tests/unit/answered.h"
#include "tests/unit/decision_fixture.h"
#include "tests/unit/people.h"

#define REQUESTS_MAX 512
#define JOBS_MAX 64
/* Enough for what one request writes, and not for two. */
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
	TASK_ONCE = 128, /* writes only what is not there yet, as who recognises a repetition */
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
	if (!(task & TASK_LOOK) && !((task & TASK_ONCE) && quota->announced > 1))
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
damaged(void *context, enum error error, const char *cause, const uint8_t *correlation)
{
	((struct process *)context)->damaged_count++;
	assert_int_not_equal(error, ERROR_NONE);
	assert_string_not_equal(cause, "");
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

#endif
