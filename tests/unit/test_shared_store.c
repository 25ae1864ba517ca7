/* SPDX-License-Identifier: Apache-2.0
 *
 * Two processes over one store: each with its own commit, dispatch and tree, and nothing else between them. Whatever
 * one reads and the other writes, no count is lost, no return is accepted twice, and the log has no gap. */
#include <stdlib.h>
#include <string.h>

#include "protocol/codec.h"
#include "server/authority.h"
#include "server/dispatch.h"
#include "tests/unit/people.h"

#define REQUESTS_MAX 256
#define JOBS_MAX 64

static const struct memory_config shared = { .is_shared = true };

/* ---- a counter for a handler ---- */

/* First byte of part_request.digest. */
enum task {
	TASK_COUNT,
	TASK_LOG,   /* counts, and logs that it did: only of the process whose log it is */
	TASK_RANGE, /* counts, and reads all counters */
	TASK_NEED,  /* refuses unless there is such a counter; writes nothing */
};

static unsigned runs;

/* A leaf whose place goes into the counter's record. */
static void
count_logged(struct decision *decision, struct slice body, struct rec_quota *quota)
{
	struct rec_archive_entry entry = { .leaf = body };
	struct effect_leaf *leaf = effects_leaf(decision, body,
	    effects_archive(decision, RETENTION_FILING, record_archive_entry(), &entry, NULL));

	quota->has_given_up = leaf != NULL;
	if (leaf != NULL)
		leaf->index = &quota->given_up;
}

static enum outcome
decide_count(struct decision *decision, const void *wanted)
{
	static const uint8_t first = KEY_quota, past = KEY_quota + 1;
	const struct msg_part_request *part = wanted;
	struct msg_part_answer *answer = decision->effects->answer;
	struct slice key = KEY_MAKE(decision->arena, KEY_quota, slice_of(part->id.data, 16));
	struct rec_quota *quota = arena_alloc(decision->arena, sizeof *quota);
	const struct store_pair *pairs;
	uint8_t task = part->digest.data[0];
	size_t count;

	runs++;
	if (quota == NULL)
		return refuse(decision, ERROR_out_of_memory);
	enum view_state state = view_get(decision->view, key, record_quota(), quota);
	if (state == VIEW_AGAIN || (task == TASK_RANGE && view_range(decision->view, slice_of(&first, 1),
	    slice_of(&past, 1), false, 1000, &pairs, &count) == VIEW_AGAIN))
		return AGAIN;
	if (task == TASK_NEED)
		return state == VIEW_FOUND ? DECIDED : refuse(decision, ERROR_upload_unknown);
	answer->received = ++quota->announced;
	if (task == TASK_LOG)
		count_logged(decision, part->id, quota);
	effects_put(decision, key, record_quota(), quota);
	return DECIDED;
}

static const struct dispatch_handler handlers[] = {
	{ OPERATION_part, decide_count },
	{ OPERATION_file, decide_file },
	{ 0, NULL },
};

/* ---- the processes ---- */

struct answered {
	unsigned count;
	uint32_t status;
	uint64_t received;    /* of a part */
	struct slice receipt; /* of a filing */
	struct msg_refusal refusal;
};

struct process {
	struct dispatch_asker asker; /* first */
	struct decision_fixture *fixture;
	struct tree *tree;
	struct commit *commit;
	struct dispatch *dispatch;
	struct answered answered[REQUESTS_MAX]; /* by stream */
	unsigned settled;
	size_t gave_up;
};

static uint64_t
wall_ms(void *context)
{
	(void)context;
	return FIXTURE_NOW * 1000;
}

static void
answered(void *context, const struct dispatch_event *event)
{
	(void)context;
	assert_non_null(event->correlation);
}

static void
damaged(void *context, enum error error, const char *cause, const uint8_t *correlation)
{
	(void)context;
	(void)correlation;
	fail_msg("the store failed: %s: %s", error_name(error), cause);
}

static void
failed(void *context, enum error error)
{
	(void)context;
	assert_int_equal(error, ERROR_NONE);
}

static void
settled(void *context, struct slice checkpoint)
{
	(void)checkpoint;
	((struct process *)context)->settled++;
}

static void
gave_up(void *context, size_t count)
{
	((struct process *)context)->gave_up += count;
}

static void
take_answer(struct dispatch_asker *asker, const struct frame *frame)
{
	struct process *process = (struct process *)asker;
	struct answered *taken = &process->answered[frame->stream];
	struct arena *arena = process->fixture->arena;
	struct msg_part_answer part;
	struct msg_receipt_answer receipt;
	struct fault fault;
	struct slice body;

	assert_true(arena_copy(arena, frame->body, &body));
	taken->count++;
	taken->status = frame->status;
	if (frame->status != ERROR_NONE) {
		assert_int_equal(codec_decode(message_refusal(), body, CODEC_ANSWER, arena, &taken->refusal, &fault),
		    ERROR_NONE);
	} else if (frame->op == OPERATION_part) {
		assert_int_equal(codec_decode(message_part_answer(), body, CODEC_ANSWER, arena, &part, &fault),
		    ERROR_NONE);
		taken->received = part.received;
	} else {
		assert_int_equal(codec_decode(message_receipt_answer(), body, CODEC_ANSWER, arena, &receipt, &fault),
		    ERROR_NONE);
		taken->receipt = receipt.receipt;
	}
}

static struct process *
process_create(struct decision_fixture *fixture)
{
	struct process *process = calloc(1, sizeof *process);
	struct fault fault;

	assert_non_null(process);
	process->fixture = fixture;
	process->asker.answer = take_answer;
	process->asker.holder.role = ROLE_NOBODY;
	assert_int_equal(tree_open(fixture->store, &process->tree, &fault), ERROR_NONE);
	const struct commit_config commit = { .store = fixture->store, .tree = process->tree,
		.origin = SLICE_LITERAL(FIXTURE_ORIGIN), .log_key = authority_log_key(fixture->authority),
		.batch_max = 8, .failed = failed, .settled = settled, .gave_up = gave_up, .context = process };
	process->commit = commit_create(&commit);
	assert_non_null(process->commit);
	const struct dispatch_config dispatch = { .store = fixture->store, .commit = process->commit,
		.office = fixture->office, .handlers = handlers, .jobs_max = JOBS_MAX, .busy_after_ms = 400,
		.waiting_max = SIZE_MAX, .promised_max = UINT64_MAX, .retry_after_ms = 77, .wall_ms = wall_ms,
		.answered = answered, .crl_changed = NULL, .damaged = damaged, .context = process };
	process->dispatch = dispatch_create(&dispatch);
	assert_non_null(process->dispatch);
	return process;
}

static void
process_destroy(struct process *process)
{
	dispatch_destroy(process->dispatch);
	commit_destroy(process->commit);
	tree_close(process->tree);
	free(process);
}

/* Both, and their office. From here on reads and commits are late. */
struct office_of_two {
	struct decision_fixture *fixture;
	struct process *processes[2];
};

static struct office_of_two
processes_begin(struct decision_fixture *fixture, bool late_reads)
{
	struct office_of_two both = { fixture, { process_create(fixture), process_create(fixture) } };

	memory_store_defer(fixture->store, late_reads, true);
	runs = 0;
	return both;
}

static void
processes_end(struct office_of_two *both)
{
	for (int i = 0; i < 2; i++)
		process_destroy(both->processes[i]);
	decision_fixture_destroy(both->fixture);
}

static void
submit(struct process *process, uint32_t stream, enum operation_number op, const struct record *record,
    const void *request)
{
	struct buf *body = buf_create(LIMIT_FRAME_BODY);
	const struct arrival arrival = { .at_ms = FIXTURE_NOW * 1000 };

	assert_non_null(body);
	codec_encode(record, request, body);
	assert_true(buf_ok(body));
	const struct frame frame = { .op = (uint16_t)op, .stream = stream, .body = buf_peek(body) };
	dispatch_submit(process->dispatch, &process->asker, &frame, &arrival);
	buf_destroy(body);
}

static void
ask(struct process *process, uint32_t stream, char counter, enum task task)
{
	uint8_t id[DIGEST_SIZE] = { (uint8_t)counter }, digest[DIGEST_SIZE] = { (uint8_t)task };
	const struct msg_part_request request = {
		.id = slice_of(id, sizeof id),
		.digest = slice_of(digest, sizeof digest),
		.content = SLICE_LITERAL("x"),
		.token = slice_of(id, UPLOAD_TOKEN_SIZE),
	};

	submit(process, stream, OPERATION_part, message_part_request(), &request);
}

/* Everything comes to its end, in both. */
static void
drain(struct office_of_two *both)
{
	bool is_idle = false;

	for (unsigned turn = 0; !is_idle; turn++) {
		assert_true(turn < 100000);
		is_idle = true;
		for (int i = 0; i < 2; i++) {
			struct process *process = both->processes[i];
			commit_seal(process->commit);
			memory_store_pump(both->fixture->store, SIZE_MAX);
			is_idle &= dispatch_jobs(process->dispatch) == 0 && commit_is_idle(process->commit);
		}
	}
}

static struct rec_quota
counter_of(struct office_of_two *both, char name)
{
	uint8_t id[16] = { (uint8_t)name };
	struct rec_quota quota = { .announced = 0 };

	(void)decision_fixture_get(both->fixture,
	    KEY_MAKE(both->fixture->arena, KEY_quota, slice_of(id, sizeof id)), record_quota(), &quota);
	return quota;
}

/* What the store has of the log is what that process has, neither more nor less. */
static void
assert_log_is_whole(struct office_of_two *both, const struct process *process, uint64_t size)
{
	struct tree *again;
	struct fault fault;
	struct hash roots[2];

	assert_int_equal(tree_open(both->fixture->store, &again, &fault), ERROR_NONE);
	assert_int_equal(tree_size(process->tree), size);
	assert_int_equal(tree_size(again), size);
	merkle_frontier_root(tree_frontier(process->tree), &roots[0]);
	merkle_frontier_root(tree_frontier(again), &roots[1]);
	assert_memory_equal(&roots[0], &roots[1], sizeof roots[0]);
	tree_close(again);
}

/* ---- what they must not do ---- */

/* Both decide on what nobody has written yet; the later one is in conflict and decides again. */
static void
no_count_is_lost_between_two(void **state)
{
	struct office_of_two both = processes_begin(decision_fixture_create(&shared), false);
	struct process *one = both.processes[0], *other = both.processes[1];

	(void)state;
	ask(one, 1, 'a', TASK_COUNT);
	ask(other, 1, 'a', TASK_COUNT);
	ask(other, 2, 'b', TASK_COUNT); /* of the same batch, and so given up with it */
	ask(other, 3, 'a', TASK_COUNT); /* waits for the first of its own process */
	assert_int_equal(runs, 4);
	commit_seal(one->commit);
	commit_seal(other->commit);
	assert_int_equal(memory_store_pump(both.fixture->store, 2), 2);
	assert_int_equal(one->answered[1].received, 1);
	assert_int_equal(other->answered[1].count + other->answered[2].count + other->answered[3].count, 0);
	assert_int_equal(other->settled, 0);
	assert_int_equal(counter_of(&both, 'b').announced, 0);
	drain(&both);
	assert_int_equal(other->answered[1].received, 2);
	assert_int_equal(other->answered[2].received, 1);
	assert_int_equal(other->answered[3].received, 3);
	assert_int_equal(counter_of(&both, 'a').announced, 3);
	assert_int_equal(counter_of(&both, 'b').announced, 1);
	assert_int_equal(runs, 7);
	processes_end(&both);
}

/* The places in the log that a batch in conflict had are given to those who come first then. */
static void
places_in_the_log_are_given_anew(void **state)
{
	struct office_of_two both = processes_begin(decision_fixture_create(&shared), false);
	struct process *one = both.processes[0], *other = both.processes[1];

	(void)state;
	ask(other, 1, 'b', TASK_COUNT);
	commit_seal(other->commit);
	ask(one, 1, 'a', TASK_LOG);
	ask(one, 2, 'b', TASK_LOG);
	commit_seal(one->commit);
	ask(one, 3, 'c', TASK_LOG); /* the next batch, before the two of the first come back to it */
	memory_store_pump(both.fixture->store, SIZE_MAX);
	assert_int_equal(one->settled, 0);
	assert_log_is_whole(&both, one, 0);
	drain(&both);
	assert_int_equal(one->answered[1].received, 1);
	assert_int_equal(one->answered[2].received, 2);
	assert_int_equal(counter_of(&both, 'c').given_up, 0);
	assert_int_equal(counter_of(&both, 'a').given_up, 1);
	assert_int_equal(counter_of(&both, 'b').given_up, 2);
	assert_log_is_whole(&both, one, 3);
	processes_end(&both);
}

/* A refusal is as final as a receipt: it must not rest on what is no longer so. */
static void
a_refusal_rests_on_what_is_so(void **state)
{
	struct office_of_two both = processes_begin(decision_fixture_create(&shared), false);
	struct process *one = both.processes[0], *other = both.processes[1];

	(void)state;
	ask(one, 1, 'a', TASK_COUNT);
	commit_seal(one->commit);
	ask(other, 1, 'a', TASK_NEED);
	ask(other, 2, 'z', TASK_NEED);
	assert_int_equal(other->answered[1].count, 0);
	drain(&both);
	assert_int_equal(other->answered[1].count, 1);
	assert_int_equal(other->answered[1].status, ERROR_NONE);
	assert_int_equal(other->answered[2].status, ERROR_upload_unknown);
	assert_int_equal(counter_of(&both, 'z').announced, 0);
	processes_end(&both);
}

/* Somebody else writes the same record at every turn: after so many decisions in vain the answer is busy, for what went
 * with it too, and nothing is kept of either. What comes later is decided as ever. */
static void
conflicts_have_an_end(void **state)
{
	struct office_of_two both = processes_begin(decision_fixture_create(&shared), false);
	struct process *one = both.processes[0], *other = both.processes[1];
	uint32_t turn = 0;

	(void)state;
	ask(other, 1, 'a', TASK_LOG);
	ask(other, 2, 'b', TASK_COUNT);
	for (; other->answered[1].count == 0; turn++) {
		assert_true(turn < COMMIT_CONFLICTS_MAX);
		ask(one, 1, 'a', TASK_COUNT);
		commit_seal(one->commit);
		commit_seal(other->commit);
		assert_int_equal(memory_store_pump(both.fixture->store, 2), 2);
	}
	assert_int_equal(turn, COMMIT_CONFLICTS_MAX);
	assert_int_equal(other->answered[1].status, ERROR_busy);
	assert_int_equal(other->answered[2].status, ERROR_busy);
	assert_int_equal(other->gave_up, 2);
	assert_true(commit_is_idle(other->commit));
	ask(other, 3, 'b', TASK_COUNT);
	ask(other, 4, 'a', TASK_LOG);
	drain(&both);
	assert_int_equal(other->answered[3].received, 1);
	assert_int_equal(other->answered[4].received, turn + 1);
	assert_int_equal(counter_of(&both, 'b').announced, 1);
	assert_int_equal(other->gave_up, 2);
	assert_log_is_whole(&both, other, 1);
	processes_end(&both);
}

static uint32_t
draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525U + 1013904223U;
	return (*seed >> 8) % below;
}

/* One event: a request, a turn of one's loop, or the store's work. */
static void
event_draw(struct office_of_two *both, uint32_t *seed, char wished[2][REQUESTS_MAX], uint32_t asked[2])
{
	unsigned which = draw(seed, 2);
	struct process *process = both->processes[which];

	switch (draw(seed, 4)) {
	case 0:
	case 1:
		if (asked[which] == REQUESTS_MAX || dispatch_jobs(process->dispatch) == JOBS_MAX)
			break;
		char counter = wished[which][asked[which]] = (char)('a' + draw(seed, 3));
		enum task task = draw(seed, 4) == 0 ? TASK_RANGE : which == 0 ? TASK_LOG : TASK_COUNT;
		ask(process, asked[which]++, counter, task);
		break;
	case 2:
		commit_seal(process->commit);
		break;
	default:
		memory_store_pump(both->fixture->store, 1 + draw(seed, 4));
	}
}

static void
no_order_of_events_loses_a_count(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 20; round++) {
		struct office_of_two both =
		    processes_begin(decision_fixture_create(&shared), round % 2 != 0);
		bool seen[3][2 * REQUESTS_MAX + 1] = { { false } };
		char wished[2][REQUESTS_MAX];
		uint32_t seed = round, asked[2] = { 0, 0 };
		uint64_t counts[3] = { 0 };
		for (unsigned event = 0; event < 1500; event++)
			event_draw(&both, &seed, wished, asked);
		drain(&both);
		for (unsigned which = 0; which < 2; which++)
			for (uint32_t i = 0; i < asked[which]; i++) {
				const struct answered *taken = &both.processes[which]->answered[i];
				size_t counter = (size_t)(wished[which][i] - 'a');
				assert_int_equal(taken->count, 1);
				assert_int_equal(taken->status, ERROR_NONE);
				assert_in_range(taken->received, 1, 2 * REQUESTS_MAX);
				assert_false(seen[counter][taken->received]);
				seen[counter][taken->received] = true;
				counts[counter]++;
			}
		/* Decided again, some of them, and counted once. */
		assert_true(runs > asked[0] + asked[1]);
		for (char name = 'a'; name <= 'c'; name++)
			assert_int_equal(counter_of(&both, name).announced, counts[name - 'a']);
		assert_log_is_whole(&both, both.processes[0], tree_size(both.processes[0]->tree));
		processes_end(&both);
	}
}

/* ---- returns ---- */

static void
file(struct process *process, uint32_t stream, const struct msg_file_request *request)
{
	submit(process, stream, OPERATION_file, message_file_request(), request);
}

/* Two spouses, each at another process, before either return is durable: one is the initial one, the other is told
 * which. The same return sent to both has one receipt. */
static void
two_spouses_never_file_two_initial_returns(void **state)
{
	struct decision_fixture *fixture = decision_fixture_create(&shared);
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	const struct msg_file_request hers = draft_sign(fixture, draft_simple(fixture, jeanne), jeanne);
	const struct msg_file_request his = draft_sign(fixture, draft_simple(fixture, paul), paul);
	struct office_of_two both = processes_begin(fixture, true);
	struct process *one = both.processes[0], *other = both.processes[1];
	uint64_t size = tree_size(one->tree);

	(void)state;
	file(one, 1, &hers);
	file(other, 1, &his);
	file(other, 2, &hers);
	/* All are decided before anything is on its way. */
	while (memory_store_pump(fixture->store, SIZE_MAX) != 0)
		;
	assert_false(commit_is_idle(one->commit));
	assert_false(commit_is_idle(other->commit));
	commit_seal(one->commit);
	commit_seal(other->commit);
	drain(&both);
	assert_int_equal(one->answered[1].status, ERROR_NONE);
	assert_int_equal(other->answered[1].status, ERROR_replaces_mismatch);
	assert_true(slice_equal_text(other->answered[1].refusal.expected,
	    people_number(fixture, one->answered[1].receipt)));
	assert_int_equal(other->answered[2].status, ERROR_NONE);
	assert_true(slice_equal(other->answered[2].receipt, one->answered[1].receipt));
	assert_int_equal(tree_size(other->tree), size);
	assert_log_is_whole(&both, one, size + 1);
	people_end();
	processes_end(&both);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_count_is_lost_between_two),
		cmocka_unit_test(places_in_the_log_are_given_anew),
		cmocka_unit_test(a_refusal_rests_on_what_is_so),
		cmocka_unit_test(conflicts_have_an_end),
		cmocka_unit_test(no_order_of_events_loses_a_count),
		cmocka_unit_test(two_spouses_never_file_two_initial_returns),
	};
	return cmocka_run_group_tests_name("shared store", tests, NULL, NULL);
}
