/* SPDX-License-Identifier: Apache-2.0
 *
 * Records in one sorted array, blobs in another, pending work in a queue. */
#include "server/store/memory.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"

struct row {
	struct slice key, value; /* owned; a value whose data is NULL and removed is true takes its row away */
	bool removed;
};

struct rows {
	struct row *row;
	size_t count, alloc;
};

struct memory_batch {
	struct store_batch batch;
	struct rows rows;   /* in the order put */
	const struct store_read **expected; /* heads of lists */
	size_t expected_count, expected_alloc;
	size_t blobs_before; /* blobs when it was opened */
	bool failed;        /* memory was short */
};

/* A read or a commit that waits to be pumped. */
struct pending {
	struct pending *next;
	struct store_read *reads;
	size_t count;
	struct memory_batch *batch; /* NULL: reads */
	store_done done;           /* of reads */
	store_committed committed; /* of a commit */
	void *context;
};

struct memory_store {
	struct store store;
	struct memory_config config;
	struct rows records; /* sorted by key */
	struct rows blobs;   /* value only, at the number its ref says, from 1 */
	struct pending *first, **end;
	size_t pending;
	uint64_t commits;
	bool failed;
	uint64_t space_left[STORE_VITAL + 1];
};

static struct memory_store *
of_store(struct store *store)
{
	return (struct memory_store *)(void *)store;
}

static struct memory_batch *
of_batch(struct store_batch *batch)
{
	return (struct memory_batch *)(void *)batch;
}

/* ---- rows ---- */

static bool
slice_copy(struct slice s, struct slice *out)
{
	uint8_t *copy = malloc(s.size + 1);
	if (copy == NULL)
		return false;
	if (s.size != 0)
		memcpy(copy, s.data, s.size);
	*out = slice_of(copy, s.size);
	return true;
}

static void
slice_free(struct slice s)
{
	free((void *)(uintptr_t)s.data);
}

static void
row_free(struct row *row)
{
	slice_free(row->key);
	slice_free(row->value);
}

/* Makes room at `at`, an index up to count, and puts `row` there; takes what it owns. */
static bool
rows_insert(struct rows *rows, size_t at, struct row row)
{
	if (rows->count == rows->alloc) {
		size_t alloc = rows->alloc == 0 ? 64 : rows->alloc * 2;
		struct row *grown = realloc(rows->row, alloc * sizeof *grown);
		if (grown == NULL) {
			row_free(&row);
			return false;
		}
		rows->row = grown;
		rows->alloc = alloc;
	}
	memmove(rows->row + at + 1, rows->row + at, (rows->count - at) * sizeof *rows->row);
	rows->row[at] = row;
	rows->count++;
	return true;
}

static void
rows_truncate(struct rows *rows, size_t count)
{
	while (rows->count > count)
		row_free(&rows->row[--rows->count]);
}

static void
rows_free(struct rows *rows)
{
	rows_truncate(rows, 0);
	free(rows->row);
}

/* The index of the first row whose key is not below `key`. */
static size_t
rows_seek(const struct rows *rows, struct slice key)
{
	size_t low = 0, high = rows->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (slice_compare(rows->row[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
rows_has(const struct rows *rows, size_t at, struct slice key)
{
	return at < rows->count && slice_equal(rows->row[at].key, key);
}

/* Applies one row of a batch, taking what it owns. */
static bool
records_apply(struct rows *records, struct row row)
{
	size_t at = rows_seek(records, row.key);
	bool there = rows_has(records, at, row.key);

	if (!row.removed && !there)
		return rows_insert(records, at, row);
	if (!row.removed) {
		slice_free(records->row[at].value);
		records->row[at].value = row.value;
		slice_free(row.key);
		return true;
	}
	if (there) {
		row_free(&records->row[at]);
		records->count--;
		memmove(records->row + at, records->row + at + 1, (records->count - at) * sizeof *records->row);
	}
	row_free(&row);
	return true;
}

/* ---- reads ---- */

static void
answer_value(struct store_read *read, struct slice value)
{
	if (arena_copy(read->arena, value, &read->value))
		read->found = true;
	else
		read->error = ERROR_out_of_memory;
}

static void
read_get(struct memory_store *memory, struct store_read *read)
{
	size_t at = rows_seek(&memory->records, read->key);

	if (rows_has(&memory->records, at, read->key))
		answer_value(read, memory->records.row[at].value);
}

static void
read_blob(struct memory_store *memory, struct store_read *read)
{
	uint64_t number = bytes_peek_u64(read->ref.bytes);

	if (number == 0)
		return;
	if (number <= memory->blobs.count) {
		answer_value(read, memory->blobs.row[number - 1].value);
		return;
	}
	read->error = ERROR_store_damaged;
	read->cause = "memory: no blob is at this place";
}

/* How many rows a range has for its read, and between which they lie. */
static size_t
rows_within(const struct rows *rows, const struct store_read *read, size_t *from, size_t *to)
{
	*from = rows_seek(rows, read->key);
	*to = rows_seek(rows, read->end);
	size_t count = *to > *from ? *to - *from : 0;
	return count < read->limit ? count : read->limit;
}

static void
read_range(struct memory_store *memory, struct store_read *read)
{
	size_t from, to, count = rows_within(&memory->records, read, &from, &to);

	read->pairs = arena_alloc_array(read->arena, count, sizeof *read->pairs);
	if (read->pairs == NULL) {
		read->error = ERROR_out_of_memory;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct row *row = &memory->records.row[read->backward ? to - 1 - i : from + i];
		if (!arena_copy(read->arena, row->key, &read->pairs[i].key) ||
		    !arena_copy(read->arena, row->value, &read->pairs[i].value)) {
			read->error = ERROR_out_of_memory;
			return;
		}
		read->pairs_count = i + 1;
	}
}

static void
reads_evaluate(struct memory_store *memory, struct store_read *reads, size_t count)
{
	static void (*const kinds[])(struct memory_store *, struct store_read *) = {
		[STORE_GET] = read_get, [STORE_RANGE] = read_range, [STORE_BLOB] = read_blob,
	};

	for (size_t i = 0; i < count; i++)
		kinds[reads[i].kind](memory, &reads[i]);
}

/* ---- comparing ---- */

static bool
range_holds(const struct memory_store *memory, const struct store_read *read)
{
	size_t from, to;

	if (rows_within(&memory->records, read, &from, &to) != read->pairs_count)
		return false;
	for (size_t i = 0; i < read->pairs_count; i++) {
		const struct row *row = &memory->records.row[read->backward ? to - 1 - i : from + i];
		if (!slice_equal(row->key, read->pairs[i].key) || !slice_equal(row->value, read->pairs[i].value))
			return false;
	}
	return true;
}

static bool
read_holds(const struct memory_store *memory, const struct store_read *read)
{
	if (read->kind == STORE_BLOB || read->error != ERROR_NONE)
		return true;
	if (read->kind == STORE_RANGE)
		return range_holds(memory, read);
	size_t at = rows_seek(&memory->records, read->key);
	bool found = rows_has(&memory->records, at, read->key);
	return found == read->found && (!found || slice_equal(memory->records.row[at].value, read->value));
}

/* ---- pending work ---- */

static void
pending_put(struct memory_store *memory, struct pending work)
{
	struct pending *pending = malloc(sizeof *pending);
	check(pending != NULL);
	*pending = work;
	*memory->end = pending;
	memory->end = &pending->next;
	memory->pending++;
}

static void batch_free(struct memory_batch *batch);

/* Would all that the batch rests on be read again as it was? */
static bool
batch_holds(const struct memory_store *memory, const struct memory_batch *batch)
{
	for (size_t i = 0; i < batch->expected_count; i++)
		for (const struct store_read *read = batch->expected[i]; read != NULL; read = read->next)
			if (!read_holds(memory, read))
				return false;
	return true;
}

static void
rows_apply(struct memory_store *memory, struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		struct row row = rows->row[i];
		rows->row[i] = (struct row){ .removed = true };
		check(records_apply(&memory->records, row));
	}
}

/* Applies a batch whole or not at all, frees it, and tells. The blobs of one that is refused stay where nobody refers
 * to them. */
static void
batch_complete(struct memory_store *memory, struct pending *pending)
{
	struct memory_batch *batch = pending->batch;
	enum error error = ERROR_NONE;

	if (++memory->commits == memory->config.fail_commit_at)
		memory->failed = true;
	if (memory->failed)
		error = ERROR_file_unreadable;
	else if (batch->failed)
		error = ERROR_out_of_memory;
	bool holds = error != ERROR_NONE || batch_holds(memory, batch);
	check(holds || !memory->store.is_exclusive);
	if (error == ERROR_NONE && holds)
		rows_apply(memory, &batch->rows);
	batch_free(batch);
	pending->committed(pending->context,
	    error != ERROR_NONE ? STORE_FAILED : holds ? STORE_DURABLE : STORE_CONFLICT, error);
}

static void
pending_complete(struct memory_store *memory, struct pending *pending)
{
	if (pending->batch != NULL) {
		batch_complete(memory, pending);
		return;
	}
	reads_evaluate(memory, pending->reads, pending->count);
	pending->done(pending->context, ERROR_NONE);
}

size_t
memory_store_pump(struct store *store, size_t count)
{
	struct memory_store *memory = of_store(store);

	if (count > memory->pending)
		count = memory->pending;
	for (size_t i = 0; i < count; i++) {
		struct pending *pending = memory->first;
		memory->first = pending->next;
		if (memory->first == NULL)
			memory->end = &memory->first;
		memory->pending--;
		pending_complete(memory, pending);
		free(pending);
	}
	return count;
}

size_t
memory_store_pending(const struct store *store)
{
	return ((const struct memory_store *)(const void *)store)->pending;
}

void
memory_store_defer(struct store *store, bool reads, bool commits)
{
	of_store(store)->config.defer_reads = reads;
	of_store(store)->config.defer_commits = commits;
}

void
memory_store_set_space(struct store *store, uint64_t ordinary, uint64_t vital)
{
	of_store(store)->space_left[STORE_ORDINARY] = ordinary;
	of_store(store)->space_left[STORE_VITAL] = vital;
}

/* ---- the operations ---- */

static enum store_progress
memory_read(struct store *store, struct store_read *reads, size_t count, store_done done, void *context)
{
	struct memory_store *memory = of_store(store);

	if (!memory->config.defer_reads) {
		reads_evaluate(memory, reads, count);
		return STORE_READY;
	}
	pending_put(memory, (struct pending){ .reads = reads, .count = count, .done = done, .context = context });
	return STORE_PENDING;
}

static struct store_batch *
memory_batch_create(struct store *store)
{
	struct memory_batch *batch = calloc(1, sizeof *batch);
	if (batch == NULL)
		return NULL;
	batch->batch.store = store;
	batch->blobs_before = of_store(store)->blobs.count;
	return &batch->batch;
}

static void
batch_free(struct memory_batch *batch)
{
	rows_free(&batch->rows);
	free(batch->expected);
	free(batch);
}

static void
memory_put(struct store_batch *handle, struct retention retention, struct slice key, struct slice value)
{
	struct memory_batch *batch = of_batch(handle);
	struct row row = { .removed = false };

	(void)retention;
	if (!slice_copy(key, &row.key) || !slice_copy(value, &row.value)) {
		row_free(&row);
		batch->failed = true;
	} else if (!rows_insert(&batch->rows, batch->rows.count, row)) {
		batch->failed = true;
	}
}

static void
memory_remove(struct store_batch *handle, struct slice key)
{
	struct memory_batch *batch = of_batch(handle);
	struct row row = { .removed = true };

	if (!slice_copy(key, &row.key) || !rows_insert(&batch->rows, batch->rows.count, row))
		batch->failed = true;
}

static struct blob_ref
memory_blob(struct store_batch *handle, struct retention retention, struct slice bytes)
{
	struct memory_batch *batch = of_batch(handle);
	struct memory_store *memory = of_store(handle->store);
	struct blob_ref ref = { { 0 } };
	struct row row = { .removed = false };

	(void)retention;
	if (!slice_copy(bytes, &row.value) || !rows_insert(&memory->blobs, memory->blobs.count, row))
		batch->failed = true;
	else
		bytes_poke_u64(ref.bytes, memory->blobs.count);
	return ref;
}

static void
memory_expect(struct store_batch *handle, const struct store_read *reads)
{
	struct memory_batch *batch = of_batch(handle);

	if (batch->expected_count == batch->expected_alloc) {
		size_t alloc = batch->expected_alloc == 0 ? 64 : batch->expected_alloc * 2;
		const struct store_read **grown = realloc(batch->expected, alloc * sizeof *grown);
		if (grown == NULL) {
			batch->failed = true;
			return;
		}
		batch->expected = grown;
		batch->expected_alloc = alloc;
	}
	batch->expected[batch->expected_count++] = reads;
}

static void
memory_commit(struct store_batch *handle, store_committed done, void *context)
{
	struct memory_store *memory = of_store(handle->store);
	struct pending work = { .batch = of_batch(handle), .committed = done, .context = context };

	if (memory->config.defer_commits)
		pending_put(memory, work);
	else
		pending_complete(memory, &work);
}

static void
memory_batch_destroy(struct store_batch *handle)
{
	struct memory_batch *batch = of_batch(handle);

	rows_truncate(&of_store(handle->store)->blobs, batch->blobs_before);
	batch_free(batch);
}

static uint64_t
memory_space_left(struct store *store, enum store_purpose purpose)
{
	return of_store(store)->space_left[purpose];
}

static uint64_t
memory_space_free(struct store *store)
{
	return memory_space_left(store, STORE_VITAL);
}

static const char *
memory_failure(const struct store *store)
{
	return ((const struct memory_store *)(const void *)store)->failed ? "memory: the commit was told to fail" : "";
}

static enum error
memory_error(struct store *store)
{
	return of_store(store)->failed ? ERROR_file_unreadable : ERROR_NONE;
}

static void
memory_wait(struct store *store)
{
	while (memory_store_pump(store, SIZE_MAX) != 0)
		;
}

/* Nothing is put away. */
static enum error
memory_settle(struct store *store)
{
	check(of_store(store)->pending == 0);
	return memory_error(store);
}

static void
memory_close(struct store *store)
{
	struct memory_store *memory = of_store(store);

	check(memory->pending == 0);
	rows_free(&memory->records);
	rows_free(&memory->blobs);
	free(memory);
}

static const struct store_operations operations = {
	.name = "memory",
	.read = memory_read,
	.batch_create = memory_batch_create,
	.put = memory_put,
	.remove = memory_remove,
	.blob = memory_blob,
	.expect = memory_expect,
	.commit = memory_commit,
	.batch_destroy = memory_batch_destroy,
	.space_left = memory_space_left,
	.space_free = memory_space_free,
	.failure = memory_failure,
	.error = memory_error,
	.wait = memory_wait,
	.settle = memory_settle,
	.close = memory_close,
};

enum error
memory_store_open(const struct memory_config *config, struct store **out)
{
	struct memory_store *memory = calloc(1, sizeof *memory);
	if (memory == NULL)
		return ERROR_out_of_memory;
	memory->store.operations = &operations;
	memory->end = &memory->first;
	if (config != NULL)
		memory->config = *config;
	memory->store.is_exclusive = !memory->config.is_shared;
	memory_store_set_space(&memory->store, UINT64_MAX, UINT64_MAX);
	*out = &memory->store;
	return ERROR_NONE;
}
