/* SPDX-License-Identifier: Apache-2.0
 *
 * Two batches: the open one gathers, the other is on its way to the disk. */
#include "server/commit.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/time.h"
#include "server/keyset.h"
#include "server/proof.h"
#include "server/tree.h"

/* Memory of one sealed batch besides its decisions: hashes, proofs' subtrees, the encoded records one after another. */
#define BATCH_ARENA ((size_t)64 * 1024 * 1024)
/* Bytes to be archived in one batch, beyond which it takes no more: sealing them is work during which nobody else is
 * served, a millisecond or two. */
#define BATCH_BYTES_MAX ((size_t)4 * 1024 * 1024)
/* Bytes that waking the queue may bring into the open batch at once, for the same reason. */
#define WAKE_BYTES_MAX ((size_t)1024 * 1024)
/* A batch's leaves stand in one record, hash and place of each, beside the tree's frontier. */
#define BATCH_LEAVES_MAX ((size_t)4096)
#define LEAF_SIZE (sizeof(struct hash) + sizeof(struct blob_ref))
_Static_assert(BATCH_LEAVES_MAX * LEAF_SIZE + sizeof(struct merkle_frontier) + 64 <= STORE_VALUE_MAX,
    "the record of a full batch can be stored");

struct batch {
	struct commit_entry *entries, **tail;
	size_t entries_count;
	size_t bytes; /* to be archived */
	struct commit_entry *waiters, **waiters_tail;
	struct keyset *keys;
	struct arena *arena;
	struct merkle_batch *merkle; /* NULL: no leaves */
	size_t leaves_count;
};

struct commit {
	struct commit_config config;
	struct batch batches[2];
	struct batch *open, *away; /* away: NULL when none is on its way */
	/* Those for whom there was no room, in their order. */
	struct commit_entry *queue, **queue_tail;
	struct commit_watch *watches;
	uint64_t sealed_count, sealed_ms; /* batches sent off; the last one's time, of commit_pace */
	bool has_failed;
};

static void
batch_clear(struct batch *batch)
{
	batch->entries = NULL;
	batch->tail = &batch->entries;
	batch->entries_count = 0;
	batch->bytes = 0;
	batch->waiters = NULL;
	batch->waiters_tail = &batch->waiters;
	batch->merkle = NULL;
	batch->leaves_count = 0;
	keyset_clear(batch->keys);
	arena_reset(batch->arena);
}

struct commit *
commit_create(const struct commit_config *config)
{
	struct commit *commit = calloc(1, sizeof *commit);

	if (commit == NULL)
		return NULL;
	commit->config = *config;
	for (int i = 0; i < 2; i++) {
		struct batch *batch = &commit->batches[i];
		batch->keys = keyset_create();
		batch->arena = arena_create(BATCH_ARENA);
		if (batch->keys == NULL || batch->arena == NULL) {
			commit_destroy(commit);
			return NULL;
		}
		batch_clear(batch);
	}
	commit->open = &commit->batches[0];
	commit->queue_tail = &commit->queue;
	return commit;
}

void
commit_destroy(struct commit *commit)
{
	if (commit == NULL)
		return;
	for (int i = 0; i < 2; i++) {
		keyset_destroy(commit->batches[i].keys);
		arena_destroy(commit->batches[i].arena);
	}
	free(commit);
}

static bool
commit_has_key(const void *context, struct slice key)
{
	const struct commit *commit = context;
	return keyset_has(commit->open->keys, key) || (commit->away != NULL && keyset_has(commit->away->keys, key));
}

static bool
commit_has_key_within(const void *context, struct slice from, struct slice end)
{
	const struct commit *commit = context;
	return keyset_has_within(commit->open->keys, from, end) ||
	    (commit->away != NULL && keyset_has_within(commit->away->keys, from, end));
}

bool
commit_conflicts(const struct commit *commit, const struct view *view)
{
	const struct view_keys keys = { commit_has_key, commit_has_key_within, commit };
	return view_meets(view, &keys);
}

void
commit_add(struct commit *commit, struct commit_entry *entry)
{
	struct batch *batch = commit->open;

	entry->next = NULL;
	*batch->tail = entry;
	batch->tail = &entry->next;
	batch->entries_count++;
	size_t puts = 0, leaves = 0;
	for (struct effect_put *put = entry->effects->puts; put != NULL; put = put->next, puts++)
		keyset_add(batch->keys, put->key);
	for (struct effect_leaf *leaf = entry->effects->leaves; leaf != NULL; leaf = leaf->next)
		leaves++;
	check(puts <= COMMIT_PUTS_MAX && leaves <= COMMIT_LEAVES_MAX);
	batch->leaves_count += leaves;
	for (struct effect_blob *blob = entry->effects->blobs; blob != NULL; blob = blob->next)
		batch->bytes += blob->bytes.size;
}

void
commit_wait(struct commit *commit, struct commit_entry *waiter)
{
	struct batch *batch = commit->open->entries != NULL || commit->away == NULL ? commit->open : commit->away;

	waiter->next = NULL;
	if (commit_is_full(commit)) {
		*commit->queue_tail = waiter;
		commit->queue_tail = &waiter->next;
		return;
	}
	*batch->waiters_tail = waiter;
	batch->waiters_tail = &waiter->next;
}

static bool
batch_has_key(const void *context, struct slice key)
{
	return keyset_has(((const struct batch *)context)->keys, key);
}

static bool
batch_has_key_within(const void *context, struct slice from, struct slice end)
{
	return keyset_has_within(((const struct batch *)context)->keys, from, end);
}

void
commit_watch_start(struct commit *commit, struct commit_watch *watch, const struct view *view)
{
	*watch = (struct commit_watch){ .next = commit->watches, .view = view };
	if (watch->next != NULL)
		watch->next->previous = watch;
	commit->watches = watch;
}

void
commit_watch_stop(struct commit *commit, struct commit_watch *watch)
{
	if (watch->previous != NULL)
		watch->previous->next = watch->next;
	else
		commit->watches = watch->next;
	if (watch->next != NULL)
		watch->next->previous = watch->previous;
}

/* A batch is durable: who read what it wrote, read it too early. */
static void
commit_tell_watches(struct commit *commit, const struct batch *batch)
{
	const struct view_keys keys = { batch_has_key, batch_has_key_within, batch };

	for (struct commit_watch *watch = commit->watches; watch != NULL; watch = watch->next)
		watch->is_stale |= view_meets(watch->view, &keys);
}

/* The year is that of its reception, in UTC. What refers to each other may stand under two years, as parts of an upload
 * and their filing around New Year; when a class of a year ends (store.h) leaves room for that. */
static struct retention
retention_of(enum retention_class class, uint64_t now)
{
	return (struct retention){ class, class == RETENTION_PERMANENT ? 0 : (uint16_t)time_civil_utc(now).year };
}

static void
seal_reads(struct store_batch *store_batch, const struct batch *batch)
{
	for (const struct commit_entry *entry = batch->entries; entry != NULL; entry = entry->next)
		if (entry->view != NULL)
			store_expect(store_batch, view_reads(entry->view));
}

static void
seal_blobs(struct store_batch *store_batch, struct batch *batch)
{
	for (struct commit_entry *entry = batch->entries; entry != NULL; entry = entry->next)
		for (struct effect_blob *blob = entry->effects->blobs; blob != NULL; blob = blob->next)
			blob->ref = store_blob(store_batch,
			    retention_of(blob->class, entry->now), blob->bytes);
}

/* Gives the leaves their indices and appends them to the tree. */
static bool
seal_leaves(struct commit *commit, struct store_batch *store_batch, struct batch *batch)
{
	struct commit_entry *entry;
	struct effect_leaf *leaf;
	uint64_t size_before = tree_size(commit->config.tree);
	size_t count = batch->leaves_count, i = 0;

	if (count == 0)
		return true;
	struct hash *hashes = arena_alloc_array(batch->arena, count, sizeof *hashes);
	struct blob_ref *archives = arena_alloc_array(batch->arena, count, sizeof *archives);
	if (hashes == NULL || archives == NULL)
		return false;
	for (entry = batch->entries; entry != NULL; entry = entry->next)
		for (leaf = entry->effects->leaves; leaf != NULL; leaf = leaf->next, i++) {
			merkle_hash_leaf(leaf->body, &hashes[i]);
			archives[i] = leaf->archive->ref;
			if (leaf->index != NULL)
				*leaf->index = size_before + i;
			if (leaf->batch != NULL)
				*leaf->batch = size_before;
		}
	batch->merkle = tree_seal(commit->config.tree, store_batch, hashes, archives, count,
	    batch->entries->now, batch->arena);
	return batch->merkle != NULL;
}

static bool
seal_puts(struct store_batch *store_batch, struct batch *batch)
{
	for (struct commit_entry *entry = batch->entries; entry != NULL; entry = entry->next)
		for (struct effect_put *put = entry->effects->puts; put != NULL; put = put->next) {
			if (put->record == NULL) {
				store_remove(store_batch, put->key);
				continue;
			}
			struct slice value = record_encode(put->record, put->value, batch->arena);
			if (value.size == 0)
				return false;
			store_put(store_batch, retention_of(key_retention(put->key), entry->now), put->key, value);
		}
	return true;
}

static void
commit_fail(struct commit *commit, enum error error)
{
	if (commit->has_failed)
		return;
	commit->has_failed = true;
	commit->config.failed(commit->config.context, error);
}

/* Signs the tree head and writes each awaited proof. */
static bool
settle_proofs(struct commit *commit, struct batch *batch, struct buf *checkpoint)
{
	const struct merkle_frontier *frontier = tree_frontier(commit->config.tree);
	uint64_t size_before = frontier->size - batch->leaves_count;
	struct buf *text = buf_create(LIMIT_PROOF_SIZE);
	size_t nth = 0;
	bool is_good = false;

	if (text == NULL ||
	    proof_checkpoint_put(checkpoint, commit->config.origin, frontier, commit->config.log_key) != ERROR_NONE)
		goto done;
	for (struct commit_entry *entry = batch->entries; entry != NULL; entry = entry->next)
		for (struct effect_leaf *leaf = entry->effects->leaves; leaf != NULL; leaf = leaf->next, nth++) {
			if (leaf->proof == NULL)
				continue;
			buf_clear(text);
			proof_put(text, batch->merkle, size_before, nth, buf_peek(checkpoint));
			if (!buf_ok(text) || !arena_copy(entry->arena, buf_peek(text), leaf->proof))
				goto done;
		}
	is_good = true;
done:
	buf_destroy(text);
	return is_good;
}

/* Calls everybody; each may add to the open batch, or wait anew. */
static void
entries_done(struct commit_entry *entry)
{
	while (entry != NULL) {
		struct commit_entry *next = entry->next;
		entry->done(entry);
		entry = next;
	}
}

/* Each decides again, or has done so too often; how many of these there are. */
static size_t
entries_again(struct commit_entry *entry)
{
	struct commit_entry *next;
	size_t busy = 0;

	for (; entry != NULL; entry = next) {
		next = entry->next;
		check(entry->again != NULL);
		if (++entry->conflicts < COMMIT_CONFLICTS_MAX) {
			entry->again(entry);
			continue;
		}
		check(entry->busy != NULL);
		busy++;
		entry->busy(entry);
	}
	return busy;
}

/* The batch is given up: its decisions run again, then those who waited for it. */
static void
commit_conflicted(struct commit *commit)
{
	struct batch *batch = commit->away;
	struct commit_entry *entries = batch->entries, *waiters = batch->waiters;

	if (batch->merkle != NULL)
		tree_unseal(commit->config.tree);
	batch_clear(batch);
	commit->away = NULL;
	size_t busy = entries_again(entries);
	if (busy != 0)
		commit->config.gave_up(commit->config.context, busy);
	entries_done(waiters);
}

/* The batch is durable: sign, then answer. */
static void
commit_settled(struct commit *commit)
{
	struct batch *batch = commit->away;
	struct buf *checkpoint = NULL;

	if (batch->merkle != NULL) {
		tree_settle(commit->config.tree);
		checkpoint = buf_create(LIMIT_PROOF_SIZE);
		if (checkpoint == NULL || !settle_proofs(commit, batch, checkpoint)) {
			buf_destroy(checkpoint);
			commit_fail(commit, ERROR_out_of_memory);
			return;
		}
		tree_keep_checkpoint(commit->config.tree, buf_peek(checkpoint));
	}
	struct commit_entry *entries = batch->entries, *waiters = batch->waiters;
	commit_tell_watches(commit, batch);
	batch_clear(batch);
	commit->away = NULL;
	commit->config.settled(commit->config.context, checkpoint == NULL ? SLICE_EMPTY : buf_peek(checkpoint));
	buf_destroy(checkpoint);
	entries_done(entries);
	entries_done(waiters);
}

static void
commit_told(void *context, enum store_outcome outcome, enum error error)
{
	struct commit *commit = context;

	switch (outcome) {
	case STORE_DURABLE:
		commit_settled(commit);
		break;
	case STORE_CONFLICT:
		commit_conflicted(commit);
		break;
	case STORE_FAILED:
		commit_fail(commit, error);
		break;
	}
}

/* The open batch becomes one store commit. */
static void
batch_seal(struct commit *commit)
{
	struct batch *batch = commit->open;
	struct store_batch *store_batch = store_batch_create(commit->config.store);
	if (store_batch == NULL) {
		commit_fail(commit, ERROR_out_of_memory);
		return;
	}
	seal_reads(store_batch, batch);
	seal_blobs(store_batch, batch);
	if (!seal_leaves(commit, store_batch, batch) || !seal_puts(store_batch, batch)) {
		store_batch_destroy(store_batch);
		commit_fail(commit, ERROR_out_of_memory);
		return;
	}
	commit->sealed_count++;
	commit->away = batch;
	commit->open = batch == &commit->batches[0] ? &commit->batches[1] : &commit->batches[0];
	store_commit(store_batch, commit_told, commit);
}

/* Waiters of an empty batch wait for nothing. */
static void
batch_release(struct batch *batch)
{
	struct commit_entry *waiters = batch->waiters;

	batch_clear(batch);
	entries_done(waiters);
}

/* Those in the queue decide again, as many as the open batch has room for: all of them would only be sent back, and
 * again with every batch. */
static void
commit_wake_queue(struct commit *commit)
{
	size_t bytes = commit->open->bytes;

	while (commit->queue != NULL && !commit_is_full(commit) && commit->open->bytes - bytes < WAKE_BYTES_MAX) {
		struct commit_entry *entry = commit->queue;
		commit->queue = entry->next;
		if (commit->queue == NULL)
			commit->queue_tail = &commit->queue;
		entry->done(entry);
	}
}

void
commit_seal(struct commit *commit)
{
	bool is_again = true;

	/* Again when nothing is on its way that would bring the loop back here for those who are left. */
	while (is_again && !commit->has_failed) {
		if (commit->away == NULL && commit->open->entries == NULL)
			batch_release(commit->open);
		else if (commit->away == NULL)
			batch_seal(commit);
		is_again = commit->queue != NULL;
		commit_wake_queue(commit);
		is_again = is_again && commit->away == NULL;
	}
}

uint64_t
commit_pace(struct commit *commit, uint64_t now_ms)
{
	uint64_t count = commit->sealed_count, due_ms = commit->sealed_ms + COMMIT_GAP_MS;

	if (count != 0 && now_ms < due_ms && !commit_is_full(commit))
		return commit_is_idle(commit) ? 0 : due_ms;
	commit_seal(commit);
	if (commit->sealed_count != count)
		commit->sealed_ms = now_ms;
	return 0;
}

bool
commit_is_idle(const struct commit *commit)
{
	return commit->away == NULL && commit->open->entries == NULL && commit->open->waiters == NULL &&
	    commit->queue == NULL;
}

bool
commit_is_full(const struct commit *commit)
{
	const struct batch *open = commit->open;

	return open->entries_count >= commit->config.batch_max || open->bytes >= BATCH_BYTES_MAX ||
	    open->leaves_count + COMMIT_LEAVES_MAX > BATCH_LEAVES_MAX ||
	    keyset_count(open->keys) + COMMIT_PUTS_MAX > KEYSET_MAX;
}
