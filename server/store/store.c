/* SPDX-License-Identifier: Apache-2.0
 *
 * The door to every engine: asserts what the contract asks of callers, so that no engine has to, and waits for those
 * who want to wait. */
#include "server/store/store.h"

#include <stdio.h>

#include "protocol/check.h"

static void
check_key(struct slice key)
{
	check(key.size >= 1 && key.size <= STORE_KEY_MAX && key.data[0] != 0);
}

static void
check_retention(struct retention retention)
{
	check(retention.class >= RETENTION_PERMANENT && retention.class <= RETENTION_CLASS_MAX);
	check((retention.class == RETENTION_PERMANENT) == (retention.year == 0));
}

enum store_progress
store_read(struct store *store, struct store_read *reads, size_t count, store_done done, void *context)
{
	for (size_t i = 0; i < count; i++) {
		check(reads[i].arena != NULL);
		if (reads[i].kind != STORE_BLOB)
			check_key(reads[i].key);
		if (reads[i].kind == STORE_RANGE) {
			check_key(reads[i].end);
			check(reads[i].limit >= 1);
		}
		reads[i].error = ERROR_NONE;
		reads[i].cause = "";
		reads[i].found = false;
		reads[i].value = SLICE_EMPTY;
		reads[i].pairs = NULL;
		reads[i].pairs_count = 0;
	}
	return store->operations->read(store, reads, count, done, context);
}

struct store_batch *
store_batch_create(struct store *store)
{
	check(store->open == NULL);
	store->open = store->operations->batch_create(store);
	return store->open;
}

void
store_put(struct store_batch *batch, struct retention retention, struct slice key, struct slice value)
{
	check(batch == batch->store->open);
	check_key(key);
	check_retention(retention);
	check(value.size <= STORE_VALUE_MAX);
	batch->store->operations->put(batch, retention, key, value);
}

void
store_remove(struct store_batch *batch, struct slice key)
{
	check(batch == batch->store->open);
	check_key(key);
	batch->store->operations->remove(batch, key);
}

struct blob_ref
store_blob(struct store_batch *batch, struct retention retention, struct slice bytes)
{
	check(batch == batch->store->open);
	check_retention(retention);
	check(bytes.size <= STORE_BLOB_MAX);
	return batch->store->operations->blob(batch, retention, bytes);
}

void
store_expect(struct store_batch *batch, const struct store_read *reads)
{
	const struct store *store = batch->store;

	check(batch == store->open);
	if (reads != NULL && store->operations->expect != NULL)
		store->operations->expect(batch, reads);
}

void
store_commit(struct store_batch *batch, store_committed done, void *context)
{
	struct store *store = batch->store;

	check(batch == store->open);
	/* Closed before the engine is called: `done` may be called within, and may open the next. */
	store->open = NULL;
	store->operations->commit(batch, done, context);
}

void
store_batch_destroy(struct store_batch *batch)
{
	struct store *store = batch->store;

	check(batch == store->open);
	store->open = NULL;
	store->operations->batch_destroy(batch);
}

uint64_t
store_space_left(struct store *store, enum store_purpose purpose)
{
	return store->operations->space_left(store, purpose);
}

uint64_t
store_space_free(struct store *store)
{
	return store->operations->space_free(store);
}

bool
store_is_exclusive(const struct store *store)
{
	return store->is_exclusive;
}

const char *
store_failure(const struct store *store)
{
	return store->operations->failure(store);
}

const char *
store_read_failure(const struct store *store)
{
	return store->read_failure;
}

enum error
store_error(struct store *store)
{
	return store->operations->error(store);
}

void
store_wait(struct store *store)
{
	store->operations->wait(store);
}

enum error
store_settle(struct store *store)
{
	check(store->open == NULL);
	return store->operations->settle(store);
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	check(store->open == NULL);
	store->operations->close(store);
}

/* What a waiting caller is told. */
struct answer {
	bool done;
	enum error error;
};

static void
answer_take(void *context, enum error error)
{
	struct answer *answer = context;

	answer->done = true;
	answer->error = error;
}

static enum error
read_now(struct store *store, struct store_read *read)
{
	struct answer answer = { false, ERROR_NONE };

	if (store_read(store, read, 1, answer_take, &answer) == STORE_PENDING) {
		store_wait(store);
		check(answer.done);
	}
	if (read->error != ERROR_NONE)
		snprintf(store->read_failure, sizeof store->read_failure, "%s", read->cause);
	return read->error;
}

enum error
store_get_now(struct store *store, struct slice key, struct arena *arena, bool *found, struct slice *value)
{
	struct store_read read = { .kind = STORE_GET, .arena = arena, .key = key };
	enum error error = key.size == 0 ? ERROR_out_of_memory : read_now(store, &read);

	*found = read.found;
	*value = read.value;
	return error;
}

enum error
store_range_now(struct store *store, struct slice key, struct slice end, bool backward, size_t limit,
    struct arena *arena, struct store_pair **pairs, size_t *count)
{
	struct store_read read = {
		.kind = STORE_RANGE, .arena = arena, .key = key, .end = end, .backward = backward, .limit = limit,
	};
	enum error error = key.size == 0 || end.size == 0 ? ERROR_out_of_memory : read_now(store, &read);

	*pairs = read.pairs;
	*count = read.pairs_count;
	return error;
}

enum error
store_blob_now(struct store *store, struct blob_ref ref, struct arena *arena, struct slice *value)
{
	struct store_read read = { .kind = STORE_BLOB, .arena = arena, .ref = ref };
	enum error error = read_now(store, &read);

	*value = read.value;
	return error == ERROR_NONE && !read.found ? ERROR_not_found : error;
}

static void
commit_take(void *context, enum store_outcome outcome, enum error error)
{
	check(outcome != STORE_CONFLICT);
	answer_take(context, error);
}

enum error
store_commit_now(struct store_batch *batch)
{
	struct store *store = batch->store;
	struct answer answer = { false, ERROR_NONE };

	store_commit(batch, commit_take, &answer);
	if (!answer.done)
		store_wait(store);
	check(answer.done);
	return answer.error;
}
