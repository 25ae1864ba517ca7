/* SPDX-License-Identifier: Apache-2.0
 *
 * Group commit over the store in memory: answers wait for durability, read sets for whoever writes what they read, and
 * the first failure is the last thing that happens. */
#include "tests/unit/decision_fixture.h"

#include <stdio.h>
#include <string.h>

#include "protocol/note.h"
#include "server/authority.h"
#include "server/proof.h"

/* A request of the tests: one decision and what has become of it. */
struct request {
	struct commit_entry entry;
	struct effects effects;
	struct decision decision;
	struct rec_filing filing;
	struct slice body, proof;
	unsigned done_count, again_count;
	unsigned done_at; /* its turn among all that were done */
};

static unsigned turns;

static void
request_again(struct commit_entry *entry)
{
	((struct request *)entry)->again_count++;
}

static void
request_done(struct commit_entry *entry)
{
	struct request *request = (struct request *)entry;

	request->done_count++;
	request->done_at = ++turns;
}

static struct decision_fixture *
fixture_late(void)
{
	static const struct memory_config late = { .defer_commits = true };
	return decision_fixture_create(&late);
}

static struct slice
key_of(struct decision_fixture *fixture, const char *name)
{
	struct slice key = KEY_MAKE(fixture->arena, KEY_quota, slice_of_text(name));
	assert_true(key.size != 0);
	return key;
}

static struct request *
request_new(struct decision_fixture *fixture)
{
	struct request *request = arena_alloc(fixture->arena, sizeof *request);

	assert_non_null(request);
	request->entry = (struct commit_entry){ .effects = &request->effects, .arena = fixture->arena,
	    .now = fixture->now,
		.done = request_done, .again = request_again };
	request->decision = (struct decision){ .arena = fixture->arena, .effects = &request->effects };
	return request;
}

/* A request that writes a counter. */
static struct request *
request_put(struct decision_fixture *fixture, const char *name, uint64_t value)
{
	struct request *request = request_new(fixture);
	struct rec_quota *quota = arena_alloc(fixture->arena, sizeof *quota);

	assert_non_null(quota);
	quota->announced = value;
	effects_put(&request->decision, key_of(fixture, name), record_quota(), quota);
	return request;
}

/* A request with a leaf whose place is written into a record. */
static struct request *
request_leaf(struct decision_fixture *fixture, const char *text)
{
	struct request *request = request_new(fixture);
	struct rec_archive_entry entry = { .leaf = slice_of_text(text) };
	static const uint8_t id[DIGEST_SIZE], signer[16];

	request->body = entry.leaf;
	request->filing.id = slice_of(id, sizeof id);
	request->filing.number = entry.leaf;
	request->filing.signer = slice_of(signer, sizeof signer);
	request->filing.campaign = SLICE_LITERAL("ir-2025");
	struct effect_leaf *leaf = effects_leaf(&request->decision, entry.leaf,
	    effects_archive(&request->decision, RETENTION_FILING, record_archive_entry(), &entry,
	    &request->filing.archive));
	assert_non_null(leaf);
	leaf->index = &request->filing.leaf;
	leaf->batch = &request->filing.log_batch;
	leaf->proof = &request->proof;
	effects_put(&request->decision, KEY_MAKE(fixture->arena, KEY_filing, entry.leaf), record_filing(),
	    &request->filing);
	assert_false(request->effects.failed);
	return request;
}

static void
view_loaded(void *context)
{
	(*(unsigned *)context)++;
}

/* ---- durability ---- */

static void
answers_leave_only_when_durable(void **state)
{
	struct decision_fixture *fixture = fixture_late();
	struct request *first = request_put(fixture, "a", 1), *second = request_put(fixture, "b", 2);
	struct rec_quota quota;

	(void)state;
	assert_true(commit_is_idle(fixture->commit));
	commit_add(fixture->commit, &first->entry);
	commit_add(fixture->commit, &second->entry);
	assert_false(commit_is_idle(fixture->commit));
	commit_seal(fixture->commit);
	assert_int_equal(first->done_count + second->done_count, 0);
	assert_false(commit_is_idle(fixture->commit));
	assert_int_equal(memory_store_pump(fixture->store, 1), 1);
	assert_int_equal(first->done_count, 1);
	assert_int_equal(second->done_count, 1);
	assert_true(first->done_at < second->done_at);
	assert_true(commit_is_idle(fixture->commit));
	assert_int_equal(fixture->settled_count, 1);
	assert_string_equal(fixture->checkpoint, ""); /* nothing was logged */
	assert_true(decision_fixture_get(fixture, key_of(fixture, "b"), record_quota(), &quota));
	assert_int_equal(quota.announced, 2);
	decision_fixture_destroy(fixture);
}

/* While one batch is on its way the next one gathers, and goes when the loop says so again. */
static void
one_batch_at_a_time(void **state)
{
	struct decision_fixture *fixture = fixture_late();
	struct request *requests[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		char name[2] = { (char)('a' + i), '\0' };
		requests[i] = request_put(fixture, name, 1);
		commit_add(fixture->commit, &requests[i]->entry);
		commit_seal(fixture->commit);
		assert_int_equal(memory_store_pending(fixture->store), 1);
	}
	memory_store_pump(fixture->store, SIZE_MAX);
	assert_int_equal(requests[0]->done_count, 1);
	assert_int_equal(requests[1]->done_count, 0);
	commit_seal(fixture->commit);
	memory_store_pump(fixture->store, SIZE_MAX);
	assert_int_equal(requests[1]->done_count, 1);
	assert_int_equal(requests[2]->done_count, 1);
	assert_int_equal(fixture->settled_count, 2);
	decision_fixture_destroy(fixture);
}

/* A request that comes alone goes at once; those that come one after another gather, and a full batch goes too. */
static void
batches_keep_their_distance(void **state)
{
	struct decision_fixture *fixture = fixture_late();
	uint64_t first_ms = 1000, due_ms = first_ms + COMMIT_GAP_MS;

	(void)state;
	assert_int_equal(commit_pace(fixture->commit, first_ms), 0);
	commit_add(fixture->commit, &request_put(fixture, "a", 1)->entry);
	assert_int_equal(commit_pace(fixture->commit, first_ms), 0);
	assert_int_equal(memory_store_pump(fixture->store, SIZE_MAX), 1);
	assert_int_equal(commit_pace(fixture->commit, first_ms + 1), 0);
	commit_add(fixture->commit, &request_put(fixture, "b", 1)->entry);
	assert_int_equal(commit_pace(fixture->commit, first_ms + 1), due_ms);
	assert_int_equal(memory_store_pending(fixture->store), 0);
	assert_int_equal(commit_pace(fixture->commit, due_ms), 0);
	assert_int_equal(memory_store_pump(fixture->store, SIZE_MAX), 1);
	for (unsigned i = 0; !commit_is_full(fixture->commit); i++) {
		char name[16];
		snprintf(name, sizeof name, "full%u", i);
		commit_add(fixture->commit, &request_put(fixture, name, 1)->entry);
	}
	assert_int_equal(commit_pace(fixture->commit, due_ms + 1), 0);
	assert_int_equal(memory_store_pump(fixture->store, SIZE_MAX), 1);
	assert_int_equal(fixture->settled_count, 3);
	decision_fixture_destroy(fixture);
}

static void
no_answer_after_a_failed_commit(void **state)
{
	static const struct memory_config broken = { .defer_commits = true, .fail_commit_at = 2 };
	struct decision_fixture *fixture = decision_fixture_create(&broken);
	struct request *good = request_leaf(fixture, "good"), *lost = request_leaf(fixture, "lost"),
		       *later = request_put(fixture, "a", 1), *waiter = request_new(fixture);
	char checkpoint[sizeof fixture->checkpoint];

	(void)state;
	commit_add(fixture->commit, &good->entry);
	commit_seal(fixture->commit);
	memory_store_pump(fixture->store, SIZE_MAX);
	memcpy(checkpoint, fixture->checkpoint, sizeof checkpoint);
	commit_add(fixture->commit, &lost->entry);
	commit_wait(fixture->commit, &waiter->entry);
	commit_seal(fixture->commit);
	commit_add(fixture->commit, &later->entry);
	memory_store_pump(fixture->store, SIZE_MAX);
	assert_int_equal(fixture->failed_count, 1);
	assert_int_equal(fixture->failed, ERROR_file_unreadable);
	commit_seal(fixture->commit);
	memory_store_pump(fixture->store, SIZE_MAX);
	assert_int_equal(good->done_count, 1);
	assert_int_equal(lost->done_count + later->done_count + waiter->done_count, 0);
	assert_int_equal(fixture->failed_count, 1);
	assert_int_equal(fixture->settled_count, 1);
	/* Nothing was signed that is not durable. */
	assert_string_equal(fixture->checkpoint, checkpoint);
	assert_int_equal(tree_size(fixture->tree), 1);
	decision_fixture_destroy(fixture);
}

/* ---- what is logged ---- */

static void
prove(struct decision_fixture *fixture, const struct request *request, uint64_t index, uint64_t batch, uint64_t size)
{
	const struct note_verifier *verifier = authority_log_verifier(fixture->authority);
	struct rec_archive_entry archived;
	struct rec_filing stored;
	struct rec_log_batch record;
	struct checkpoint checkpoint;
	struct blob_ref ref;
	struct fault fault;
	struct slice blob, again;
	uint64_t proven;

	assert_int_equal(tlog_proof_verify(request->proof, request->body, verifier, &checkpoint, &proven, &fault),
	    ERROR_NONE);
	assert_int_equal(proven, index);
	assert_int_equal(checkpoint.size, size);
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_filing, request->body), record_filing(),
	    &stored));
	assert_int_equal(stored.leaf, index);
	assert_int_equal(stored.log_batch, batch);
	assert_int_equal(stored.archive.size, sizeof ref);
	memcpy(&ref, stored.archive.data, sizeof ref);
	assert_int_equal(store_blob_now(fixture->store, ref, fixture->arena, &blob), ERROR_NONE);
	assert_int_equal(record_decode(record_archive_entry(), blob, fixture->arena, &archived), ERROR_NONE);
	assert_true(slice_equal(archived.leaf, request->body));
	/* The proof made again from the batch's record is the same text, byte for byte. */
	struct slice key = KEY_MAKE(fixture->arena, KEY_log_batch, key_part_u64(fixture->arena, batch));
	assert_true(decision_fixture_get(fixture, key, record_log_batch(), &record));
	assert_int_equal(proof_from_record(&record, index, SLICE_LITERAL(FIXTURE_ORIGIN),
	    authority_log_key(fixture->authority),
	    fixture->arena, &again), ERROR_NONE);
	assert_true(slice_equal(again, request->proof));
	assert_true(slice_equal(slice_of(record.archives.data + (index - batch) * sizeof ref, sizeof ref),
	    stored.archive));
}

static void
every_leaf_gets_its_index_and_its_proof(void **state)
{
	struct decision_fixture *fixture = fixture_late();
	const char *texts[] = { "one", "two", "three", "four", "five", "six" };
	static const uint64_t sizes[] = { 1, 3, 3, 6, 6, 6 };
	struct request *requests[6];
	uint64_t before = 0;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		requests[i] = request_leaf(fixture, texts[i]);
		commit_add(fixture->commit, &requests[i]->entry);
		if (i + 1 < sizes[i])
			continue;
		commit_seal(fixture->commit);
		memory_store_pump(fixture->store, SIZE_MAX);
		for (uint64_t nth = before; nth < sizes[i]; nth++)
			prove(fixture, requests[nth], nth, before, sizes[i]);
		/* The checkpoint told is the one that the proof ends with. */
		assert_non_null(strstr((const char *)requests[i]->proof.data, fixture->checkpoint));
		before = sizes[i];
	}
	decision_fixture_destroy(fixture);
}

/* ---- read sets ---- */

static void
what_a_batch_writes_is_in_conflict_until_durable(void **state)
{
	struct decision_fixture *fixture = fixture_late();
	struct request *request = request_put(fixture, "mm", 1), *after = request_put(fixture, "zz", 1);
	unsigned loaded = 0;
	struct view *one = view_create(fixture->store, fixture->arena, view_loaded, &loaded);
	struct view *range = view_create(fixture->store, fixture->arena, view_loaded, &loaded);
	struct view *other = view_create(fixture->store, fixture->arena, view_loaded, &loaded);
	struct rec_quota quota;
	const struct store_pair *pairs;
	size_t count;

	(void)state;
	assert_int_equal(view_get(one, key_of(fixture, "mm"), record_quota(), &quota), VIEW_ABSENT);
	assert_int_equal(view_range(range, key_of(fixture, "m"), key_of(fixture, "n"), false, 1, &pairs, &count),
	    VIEW_FOUND);
	assert_int_equal(count, 0);
	assert_int_equal(view_get(other, key_of(fixture, "m"), record_quota(), &quota), VIEW_ABSENT);
	assert_int_equal(view_range(other, key_of(fixture, "n"), key_of(fixture, "o"), false, 1, &pairs, &count),
	    VIEW_FOUND);
	for (int stage = 0; stage < 4; stage++) {
		bool expected = stage == 1 || stage == 2;
		if (stage == 1)
			commit_add(fixture->commit, &request->entry); /* open */
		if (stage == 2) {
			commit_seal(fixture->commit); /* on its way, and another open */
			commit_add(fixture->commit, &after->entry);
		}
		if (stage == 3)
			memory_store_pump(fixture->store, SIZE_MAX);
		assert_int_equal(commit_conflicts(fixture->commit, one), expected);
		assert_int_equal(commit_conflicts(fixture->commit, range), expected);
		assert_false(commit_conflicts(fixture->commit, other));
	}
	commit_seal(fixture->commit);
	memory_store_pump(fixture->store, SIZE_MAX);
	decision_fixture_destroy(fixture);
}

/* Who waits is called once what is open and on its way now is durable; with neither at the next turn of the loop. */
static void
waiters_are_called_once_and_in_time(void **state)
{
	struct decision_fixture *fixture = fixture_late();
	struct request *away = request_put(fixture, "a", 1), *open = request_put(fixture, "b", 1);
	struct request *early = request_new(fixture), *late = request_new(fixture), *idle = request_new(fixture);

	(void)state;
	commit_wait(fixture->commit, &idle->entry);
	assert_false(commit_is_idle(fixture->commit));
	commit_seal(fixture->commit);
	assert_int_equal(idle->done_count, 1);
	commit_add(fixture->commit, &away->entry);
	commit_seal(fixture->commit);
	commit_wait(fixture->commit, &early->entry);
	commit_add(fixture->commit, &open->entry);
	commit_wait(fixture->commit, &late->entry);
	memory_store_pump(fixture->store, SIZE_MAX);
	assert_int_equal(early->done_count, 1);
	assert_true(early->done_at > away->done_at);
	assert_int_equal(late->done_count, 0);
	commit_seal(fixture->commit);
	memory_store_pump(fixture->store, SIZE_MAX);
	assert_int_equal(late->done_count, 1);
	assert_int_equal(early->done_count + idle->done_count, 2);
	decision_fixture_destroy(fixture);
}

/* A decision still reading learns of a batch that came and went meanwhile. */
static void
watchers_learn_of_batches_that_came_and_went(void **state)
{
	struct decision_fixture *fixture = fixture_late();
	struct commit_watch watches[3];
	const char *names[] = { "a", "b", "a" };
	unsigned loaded = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct view *view = view_create(fixture->store, fixture->arena, view_loaded, &loaded);
		struct rec_quota quota;
		assert_int_equal(view_get(view, key_of(fixture, names[i]), record_quota(), &quota), VIEW_ABSENT);
		commit_watch_start(fixture->commit, &watches[i], view);
	}
	commit_watch_stop(fixture->commit, &watches[1]);
	commit_watch_stop(fixture->commit, &watches[2]);
	commit_watch_start(fixture->commit, &watches[1], watches[1].view);
	commit_add(fixture->commit, &request_put(fixture, "a", 1)->entry);
	commit_seal(fixture->commit);
	assert_false(watches[0].is_stale);
	memory_store_pump(fixture->store, SIZE_MAX);
	assert_true(watches[0].is_stale);
	assert_false(watches[1].is_stale);
	assert_false(watches[2].is_stale);
	commit_watch_stop(fixture->commit, &watches[0]);
	commit_watch_stop(fixture->commit, &watches[1]);
	decision_fixture_destroy(fixture);
}

/* Another process wrote what one decision of a batch had read: nothing of the batch is stored, signed or told, its
 * decisions are asked for again and may come in any order, and those who waited for it are called. */
static void
a_batch_in_conflict_is_as_if_never_sealed(void **state)
{
	static const struct memory_config shared = { .defer_commits = true, .is_shared = true };
	struct decision_fixture *fixture = decision_fixture_create(&shared);
	struct request *first = request_leaf(fixture, "first"), *reader = request_leaf(fixture, "reader");
	struct request *waiter = request_new(fixture), *next = request_leaf(fixture, "next");
	struct request *requests[] = { next, reader, first };
	const struct rec_quota foreign = { .announced = 1 };
	struct rec_quota quota;
	struct rec_filing filing;
	unsigned loaded = 0;

	(void)state;
	struct view *view = view_create(fixture->store, fixture->arena, view_loaded, &loaded);
	assert_int_equal(view_get(view, key_of(fixture, "a"), record_quota(), &quota), VIEW_ABSENT);
	reader->entry.view = view;
	commit_add(fixture->commit, &first->entry);
	commit_add(fixture->commit, &reader->entry);
	commit_wait(fixture->commit, &waiter->entry);
	decision_fixture_put(fixture, key_of(fixture, "a"), record_quota(), &foreign);
	commit_seal(fixture->commit);
	commit_add(fixture->commit, &next->entry);
	memory_store_pump(fixture->store, SIZE_MAX);
	assert_int_equal(first->again_count + reader->again_count, 2);
	assert_int_equal(waiter->done_count, 1);
	assert_int_equal(first->done_count + reader->done_count + fixture->settled_count + fixture->failed_count, 0);
	assert_string_equal(fixture->checkpoint, "");
	assert_int_equal(tree_size(fixture->tree), 0);
	assert_false(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_filing, first->body), record_filing(),
	    &filing));
	/* What it wrote is nobody's any more. */
	struct view *late = view_create(fixture->store, fixture->arena, view_loaded, &loaded);
	assert_int_equal(view_get(late, KEY_MAKE(fixture->arena, KEY_filing, first->body), record_filing(), &filing),
	    VIEW_ABSENT);
	assert_false(commit_conflicts(fixture->commit, late));

	reader->entry.view = view_create(fixture->store, fixture->arena, view_loaded, &loaded);
	commit_add(fixture->commit, &reader->entry);
	commit_add(fixture->commit, &first->entry);
	commit_seal(fixture->commit);
	memory_store_pump(fixture->store, SIZE_MAX);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(requests[i]->done_count, 1);
		prove(fixture, requests[i], i, 0, 3);
	}
	decision_fixture_destroy(fixture);
}

/* ---- bounds ---- */

static void
fill(struct decision_fixture *fixture, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[16];
		snprintf(name, sizeof name, "n%zu", i);
		assert_false(commit_is_full(fixture->commit));
		commit_add(fixture->commit, &request_put(fixture, name, i)->entry);
	}
}

static void
a_full_batch_takes_no_more(void **state)
{
	struct decision_fixture *fixture = fixture_late();

	(void)state;
	fill(fixture, 64);
	assert_true(commit_is_full(fixture->commit));
	commit_seal(fixture->commit);
	assert_false(commit_is_full(fixture->commit));
	memory_store_pump(fixture->store, SIZE_MAX);
	/* Bytes to be archived count as well. */
	struct request *large = request_new(fixture);
	size_t size = (size_t)1500 * 1024;
	uint8_t *bytes = arena_alloc(fixture->arena, size);
	assert_non_null(bytes);
	for (int i = 0; i < 3; i++) {
		assert_false(commit_is_full(fixture->commit));
		large = request_new(fixture);
		assert_non_null(effects_blob(&large->decision, RETENTION_FILING, slice_of(bytes, size), NULL));
		commit_add(fixture->commit, &large->entry);
	}
	assert_true(commit_is_full(fixture->commit));
	commit_seal(fixture->commit);
	memory_store_pump(fixture->store, SIZE_MAX);
	assert_int_equal(large->done_count, 1);
	decision_fixture_destroy(fixture);
}

/* One that was sent away from a full batch and comes back when it is called. */
struct comer {
	struct commit_entry entry; /* waiting */
	struct commit *commit;
	struct request *request;
	unsigned called;
};

static void
comer_called(struct commit_entry *entry)
{
	struct comer *comer = (struct comer *)entry;

	comer->called++;
	assert_false(commit_is_full(comer->commit));
	commit_add(comer->commit, &comer->request->entry);
}

/* Whoever finds the batch full is called once, in turn, when there is room, and not with every batch in vain. */
static void
who_finds_no_room_is_called_once(void **state)
{
	struct decision_fixture *fixture = fixture_late();
	enum { COUNT = 200 };
	struct comer *comers = arena_alloc_array(fixture->arena, COUNT, sizeof *comers);

	(void)state;
	assert_non_null(comers);
	fill(fixture, 64);
	for (unsigned i = 0; i < COUNT; i++) {
		char name[16];
		snprintf(name, sizeof name, "c%u", i);
		comers[i] = (struct comer){ .entry = { .done = comer_called }, .commit = fixture->commit,
			.request = request_put(fixture, name, i) };
		commit_wait(fixture->commit, &comers[i].entry);
	}
	for (int round = 0; !commit_is_idle(fixture->commit); round++) {
		assert_true(round < 10);
		commit_seal(fixture->commit);
		/* The next batch fills while this one is on its way. */
		assert_int_equal(comers[0].called, 1);
		memory_store_pump(fixture->store, SIZE_MAX);
	}
	assert_int_equal(fixture->settled_count, 1 + (COUNT + 63) / 64);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(comers[i].called, 1);
		assert_int_equal(comers[i].request->done_count, 1);
		assert_true(i == 0 || comers[i].request->done_at > comers[i - 1].request->done_at);
	}
	decision_fixture_destroy(fixture);
}

static void
leaves_settled(void *context, struct slice checkpoint)
{
	assert_true(checkpoint.size != 0);
	(*(unsigned *)context)++;
}

/* As many leaves as a batch takes still make a record that the store takes. */
static void
a_batch_full_of_leaves_is_stored(void **state)
{
	struct decision_fixture *fixture = fixture_late();
	const struct commit_config config = {
		.store = fixture->store,
		.tree = fixture->tree,
		.origin = SLICE_LITERAL(FIXTURE_ORIGIN),
		.log_key = authority_log_key(fixture->authority),
		.batch_max = 65536,
		.failed = NULL, /* not to be called */
		.settled = leaves_settled,
		.context = &turns,
	};
	struct commit *commit = commit_create(&config);
	size_t count = 0;
	struct request *last = NULL;

	(void)state;
	assert_non_null(commit);
	for (; !commit_is_full(commit); count += COMMIT_LEAVES_MAX) {
		last = request_new(fixture);
		struct effect_blob *blob = effects_blob(&last->decision, RETENTION_FILING, SLICE_LITERAL("x"), NULL);
		for (size_t i = 0; i < COMMIT_LEAVES_MAX; i++)
			assert_non_null(effects_leaf(&last->decision, SLICE_LITERAL("x"), blob));
		last->effects.leaves->proof = &last->proof;
		commit_add(commit, &last->entry);
	}
	assert_true(count >= 1024);
	commit_seal(commit);
	memory_store_pump(fixture->store, SIZE_MAX);
	assert_int_equal(last->done_count, 1);
	assert_int_equal(tree_size(fixture->tree), count);
	commit_destroy(commit);
	decision_fixture_destroy(fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_leave_only_when_durable),
		cmocka_unit_test(one_batch_at_a_time),
		cmocka_unit_test(batches_keep_their_distance),
		cmocka_unit_test(no_answer_after_a_failed_commit),
		cmocka_unit_test(every_leaf_gets_its_index_and_its_proof),
		cmocka_unit_test(what_a_batch_writes_is_in_conflict_until_durable),
		cmocka_unit_test(waiters_are_called_once_and_in_time),
		cmocka_unit_test(watchers_learn_of_batches_that_came_and_went),
		cmocka_unit_test(a_batch_in_conflict_is_as_if_never_sealed),
		cmocka_unit_test(a_full_batch_takes_no_more),
		cmocka_unit_test(who_finds_no_room_is_called_once),
		cmocka_unit_test(a_batch_full_of_leaves_is_stored),
	};
	return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
