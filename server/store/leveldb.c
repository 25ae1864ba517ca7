/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine on the loop's thread: reads answered from LevelDB and segments, batches sealed and sent off. */
#include "server/store/leveldb_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/check.h"

/* A batch's memory is kept for the next one unless it grew beyond this. */
#define BATCH_KEEP_MAX ((size_t)(8 * 1024 * 1024))

_Static_assert(JOURNAL_TAG_SIZE == SEALED_OVERHEAD, "a tag is a seal of nothing");
_Static_assert(JOURNAL_BODY_MAX == STORE_BATCH_MAX, "a batch fits into an entry");

static struct leveldb_batch *
of_batch(struct store_batch *batch)
{
	return (struct leveldb_batch *)(void *)batch;
}

/* ---- reading records ---- */

/* Opens a value into the arena. */
static enum error
value_open(struct leveldb_store *leveldb, struct slice key, struct slice sealed, struct arena *arena,
    struct slice *value, struct disk_failure *failure)
{
	char hex[2 * STORE_KEY_MAX + 1] = "?";

	if (key.size <= STORE_KEY_MAX)
		hex_encode(key, hex);
	if (sealed.size < SEALED_OVERHEAD) {
		disk_failure_set(failure, 0, "db: record %s is too short to have been sealed", hex);
		return ERROR_store_damaged;
	}
	size_t size = sealed.size - SEALED_OVERHEAD;
	uint8_t *plain = arena_alloc(arena, size + 1);
	if (plain == NULL)
		return ERROR_out_of_memory;
	enum error error = keyring_unseal(leveldb->keyring, key, sealed, plain, NULL);
	*value = slice_of(plain, size);
	if (error == ERROR_NONE)
		return ERROR_NONE;
	disk_failure_set(failure, 0, "db: record %s: %s", hex,
	    error == ERROR_not_found ? "its data key is missing" : "it is not what was sealed");
	return ERROR_store_damaged;
}

void
leveldb_read_get(struct leveldb_store *leveldb, struct store_read *read)
{
	struct disk_failure failure = { .text = "" };
	struct slice sealed;

	read->error = db_get(leveldb->db, read->key, &sealed, &failure);
	if (read->error == ERROR_NONE && sealed.data != NULL) {
		read->error = value_open(leveldb, read->key, sealed, read->arena, &read->value, &failure);
		read->found = read->error == ERROR_NONE;
	}
	db_free(sealed);
	read->cause = read->error == ERROR_NONE ? "" : disk_failure_cause(&failure, read->arena);
}

struct range {
	struct leveldb_store *leveldb;
	struct store_read *read;
	size_t alloc;
	struct disk_failure failure;
};

/* One more pair at the end of the read's; the array doubles within the arena. */
static enum error
range_add(void *context, struct slice key, struct slice value)
{
	struct range *range = context;
	struct store_read *read = range->read;

	if (read->pairs_count == range->alloc) {
		size_t grown = range->alloc == 0 ? 16 : range->alloc * 2;
		struct store_pair *pairs = arena_alloc_array(read->arena, grown, sizeof *pairs);
		if (pairs == NULL)
			return ERROR_out_of_memory;
		if (read->pairs_count != 0)
			memcpy(pairs, read->pairs, read->pairs_count * sizeof *pairs);
		read->pairs = pairs;
		range->alloc = grown;
	}
	struct store_pair *pair = &read->pairs[read->pairs_count];
	if (!arena_copy(read->arena, key, &pair->key))
		return ERROR_out_of_memory;
	enum error error = value_open(
	    range->leveldb, key, value, read->arena, &pair->value, &range->failure);
	read->pairs_count += error == ERROR_NONE;
	return error;
}

void
leveldb_read_range(struct leveldb_store *leveldb, struct store_read *read)
{
	struct range range = { .leveldb = leveldb, .read = read };

	read->error = db_range(leveldb->db, read->key, read->end, read->backward, read->limit, range_add, &range,
	    &range.failure);
	read->cause = read->error == ERROR_NONE ? "" : disk_failure_cause(&range.failure, read->arena);
}

struct record_walk {
	struct leveldb_store *leveldb;
	leveldb_visit_record visit;
	void *context;
	uint8_t *plain;
	size_t size;
};

/* Opens one value into memory that is kept for the next, and goes on whatever comes of it. */
static enum error
record_visit(void *context, struct slice key, struct slice sealed)
{
	struct record_walk *walk = context;
	enum error error = sealed.size < SEALED_OVERHEAD ? ERROR_store_damaged : ERROR_NONE;
	size_t size = error == ERROR_NONE ? sealed.size - SEALED_OVERHEAD : 0;

	if (walk->size <= size) {
		free(walk->plain);
		walk->size = 2 * size + 1;
		walk->plain = malloc(walk->size);
	}
	if (walk->plain == NULL) {
		walk->size = 0;
		error = ERROR_out_of_memory;
	}
	if (error == ERROR_NONE)
		error = keyring_unseal(walk->leveldb->keyring, key, sealed, walk->plain, NULL);
	walk->visit(walk->context, key, error == ERROR_NONE ? slice_of(walk->plain, size) : SLICE_EMPTY, error);
	return ERROR_NONE;
}

enum error
leveldb_store_walk_records(
    struct store *store, leveldb_visit_record visit, void *context, struct disk_failure *failure)
{
	struct record_walk walk = { .leveldb = leveldb_of_store(store), .visit = visit, .context = context };
	static const uint8_t first = 1;
	uint8_t past[STORE_KEY_MAX + 1];

	leveldb_wait(store);
	memset(past, 0xff, sizeof past);
	enum error error = db_range(walk.leveldb->db, slice_of(&first, 1), slice_of(past, sizeof past), false, SIZE_MAX,
	    record_visit, &walk, failure);
	free(walk.plain);
	return error;
}

static enum store_progress
leveldb_read(struct store *store, struct store_read *reads, size_t count, store_done done, void *context)
{
	struct leveldb_store *leveldb = leveldb_of_store(store);

	for (size_t i = 0; i < count; i++) {
		if (reads[i].kind == STORE_GET)
			leveldb_read_get(leveldb, &reads[i]);
		else if (reads[i].kind == STORE_RANGE)
			leveldb_read_range(leveldb, &reads[i]);
	}
	return blobs_read(&leveldb->blobs, reads, count, done, context);
}

/* ---- building a batch ---- */

static void
batch_free(struct leveldb_batch *batch)
{
	if (batch == NULL)
		return;
	buf_destroy(batch->records);
	buf_destroy(batch->bytes);
	free(batch);
}

static void
buf_empty(struct buf *buf)
{
	if (buf_allocated(buf) > BATCH_KEEP_MAX)
		buf_reset(buf);
	else
		buf_clear(buf);
}

/* Empties it and keeps it for the next, or frees it. */
void
leveldb_batch_put_away(struct leveldb_store *leveldb, struct leveldb_batch *batch)
{
	key_files_free(&batch->keys);
	buf_empty(batch->bytes);
	buf_empty(batch->records);
	for (size_t i = 0; i < LEVELDB_SPARES_MAX; i++)
		if (leveldb->spares[i] == NULL) {
			leveldb->spares[i] = batch;
			return;
		}
	batch_free(batch);
}

struct leveldb_batch *
leveldb_batch_take(struct leveldb_store *leveldb)
{
	for (size_t i = 0; i < LEVELDB_SPARES_MAX; i++)
		if (leveldb->spares[i] != NULL) {
			struct leveldb_batch *spare = leveldb->spares[i];
			leveldb->spares[i] = NULL;
			return spare;
		}
	struct leveldb_batch *batch = calloc(1, sizeof *batch);
	if (batch == NULL)
		return NULL;
	batch->records = buf_create(STORE_BATCH_MAX);
	batch->bytes = buf_create(STORE_BATCH_MAX);
	if (batch->records != NULL && batch->bytes != NULL) {
		/* What they hold is sealed. */
		buf_set_public(batch->records);
		buf_set_public(batch->bytes);
		return batch;
	}
	batch_free(batch);
	return NULL;
}

static void
batch_fail(struct leveldb_batch *batch, enum error error, const char *what)
{
	if (batch->error == ERROR_NONE)
		batch->error = error;
	disk_failure_set(&batch->failure, 0, "building a batch: %s: %s", what, error_name(error));
}

static void
batch_put(struct leveldb_store *leveldb, struct leveldb_batch *batch, struct retention retention, struct slice key,
    struct slice value)
{
	uint8_t *sealed = db_records_put(batch->records, key, value.size + SEALED_OVERHEAD);
	enum error error = sealed == NULL ? ERROR_out_of_memory :
	    keyring_seal(leveldb->keyring, retention, key, value, sealed);

	if (error != ERROR_NONE)
		batch_fail(batch, error, "put");
}

void
leveldb_full_key(uint32_t segment, uint8_t key[LEVELDB_FULL_KEY_SIZE])
{
	memcpy(key, LEVELDB_FULL_KEY.data, LEVELDB_FULL_KEY.size);
	bytes_poke_u32(key + LEVELDB_FULL_KEY.size, segment);
}

static void
full_put(struct leveldb_store *leveldb, struct leveldb_batch *batch, uint32_t segment, uint64_t length)
{
	uint8_t key[LEVELDB_FULL_KEY_SIZE], value[8];

	leveldb_full_key(segment, key);
	bytes_poke_u64(value, length);
	batch_put(leveldb, batch, LEVELDB_RETENTION, slice_of(key, sizeof key), slice_of(value, sizeof value));
}

static void
state_put(struct leveldb_store *leveldb, struct leveldb_batch *batch)
{
	uint8_t value[LEVELDB_STATE_SIZE];

	bytes_poke_u64(value, batch->number);
	bytes_poke_u32(value + 8, batch->segment);
	bytes_poke_u64(value + 12, batch->start + buf_size(batch->bytes));
	batch_put(leveldb, batch, LEVELDB_RETENTION, LEVELDB_STATE_KEY, slice_of(value, sizeof value));
}

/* Which data keys the batch is the first to use: with its records or not at all. */
static void
keys_put(struct leveldb_store *leveldb, struct leveldb_batch *batch)
{
	uint8_t identity[KEY_IDENTITY_SIZE], key[LEVELDB_NOTED_KEY_SIZE];

	for (size_t i = 0; i < batch->keys.count; i++) {
		key_files_identity(&batch->keys, i, identity);
		memcpy(key, LEVELDB_NOTED_KEY.data, LEVELDB_NOTED_KEY.size);
		memcpy(key + LEVELDB_NOTED_KEY.size, identity, KEY_IDENTITY_NAME_SIZE);
		batch_put(leveldb, batch, LEVELDB_RETENTION, slice_of(key, sizeof key),
		    slice_of(identity + KEY_IDENTITY_NAME_SIZE, KEY_IDENTITY_SIZE - KEY_IDENTITY_NAME_SIZE));
	}
}

static struct store_batch *
leveldb_batch_create(struct store *store)
{
	struct leveldb_store *leveldb = leveldb_of_store(store);
	struct leveldb_batch *batch = leveldb_batch_take(leveldb);

	if (batch == NULL)
		return NULL;
	batch->batch.store = store;
	batch->error = ERROR_NONE;
	batch->failure.text[0] = '\0';
	batch->number = leveldb->number + 1;
	batch->segment = leveldb->segment;
	batch->start = leveldb->end;
	/* One batch lies in one segment, so that it costs one write. */
	if (batch->start >= leveldb->segment_size) {
		full_put(leveldb, batch, batch->segment, batch->start);
		batch->segment++;
		batch->start = 0;
	}
	return &batch->batch;
}

static void
leveldb_put_record(struct store_batch *handle, struct retention retention, struct slice key, struct slice value)
{
	batch_put(leveldb_of_store(handle->store), of_batch(handle), retention, key, value);
}

static void
leveldb_remove_record(struct store_batch *handle, struct slice key)
{
	db_records_remove(of_batch(handle)->records, key);
}

static struct blob_ref
leveldb_blob(struct store_batch *handle, struct retention retention, struct slice bytes)
{
	struct leveldb_store *leveldb = leveldb_of_store(handle->store);
	struct leveldb_batch *batch = of_batch(handle);
	struct blob_ref ref = { { 0 } };

	if (!blobs_put(&leveldb->blobs, retention, bytes, batch->number, batch->segment, batch->start, batch->bytes,
	    &ref))
		batch_fail(batch, ERROR_out_of_memory, "blob");
	return ref;
}

static void
leveldb_batch_destroy(struct store_batch *handle)
{
	/* Its places were counted from the store's end, which has not moved. */
	leveldb_batch_put_away(leveldb_of_store(handle->store), of_batch(handle));
}

/* ---- committing ---- */

static void
commit_run(void *argument)
{
	struct leveldb_batch *batch = argument;
	struct leveldb_store *leveldb = leveldb_of_store(batch->batch.store);

	if (leveldb->broken == ERROR_NONE)
		leveldb->broken = batch->error != ERROR_NONE ? batch->error : leveldb_batch_write(leveldb, batch);
	batch->error = leveldb->broken;
	leveldb_space_measure(leveldb);
}

static void
commit_done(void *argument)
{
	struct leveldb_batch *batch = argument;
	struct leveldb_store *leveldb = leveldb_of_store(batch->batch.store);
	store_committed done = batch->done;
	void *context = batch->context;
	enum error error = batch->error;

	if (batch->failure.text[0] != '\0')
		disk_failure_set(&leveldb->failure, 0, "%s", batch->failure.text);
	leveldb->commits--;
	leveldb_batch_put_away(leveldb, batch);
	done(context, error == ERROR_NONE ? STORE_DURABLE : STORE_FAILED, error);
}

enum error
leveldb_tag_put(struct leveldb_store *leveldb, struct slice covered, uint8_t tag[JOURNAL_TAG_SIZE])
{
	/* A seal of nothing: all of it is what it is bound to. */
	return keyring_seal(leveldb->keyring, LEVELDB_RETENTION, covered, SLICE_EMPTY, tag);
}

bool
leveldb_tag_check(void *context, struct slice covered, const uint8_t tag[JOURNAL_TAG_SIZE])
{
	struct leveldb_store *leveldb = context;
	uint8_t nothing;

	return keyring_unseal(leveldb->keyring, covered, slice_of(tag, JOURNAL_TAG_SIZE), &nothing, NULL) == ERROR_NONE;
}

/* Blobs, records and header become one piece of memory, and that an entry of the journal. */
static enum error
entry_make(struct leveldb_store *leveldb, struct leveldb_batch *batch)
{
	size_t blobs = buf_size(batch->bytes), records = buf_size(batch->records);
	const struct journal_entry sizes = { batch->number, batch->segment, batch->start, slice_of(NULL, blobs),
		slice_of(NULL, records) };

	if (!buf_ok(batch->records) || blobs + records > JOURNAL_BODY_MAX)
		return ERROR_out_of_memory;
	journal_header_put(&sizes, batch->header);
	buf_put(batch->bytes, buf_peek(batch->records));
	buf_put(batch->bytes, slice_of(batch->header, sizeof batch->header));
	if (!buf_ok(batch->bytes))
		return ERROR_out_of_memory;
	const uint8_t *bytes = buf_peek(batch->bytes).data;
	batch->entry = sizes;
	batch->entry.blobs.data = bytes;
	batch->entry.records.data = bytes + blobs;
	return leveldb_tag_put(leveldb, buf_peek(batch->bytes), batch->tag);
}

void
leveldb_batch_finish(struct leveldb_store *leveldb, struct leveldb_batch *batch)
{
	uint64_t end = batch->start + buf_size(batch->bytes);

	state_put(leveldb, batch);
	if (!keyring_take_unsaved(leveldb->keyring, &batch->keys))
		batch_fail(batch, ERROR_out_of_memory, "commit");
	keys_put(leveldb, batch);
	enum error error = entry_make(leveldb, batch);
	if (error != ERROR_NONE)
		batch_fail(batch, error, "commit");
	leveldb->number = batch->number;
	leveldb->segment = batch->segment;
	leveldb->end = end;
}

static void
leveldb_commit(struct store_batch *handle, store_committed done, void *context)
{
	struct leveldb_store *leveldb = leveldb_of_store(handle->store);
	struct leveldb_batch *batch = of_batch(handle);

	check(leveldb->commits < STORE_COMMITS_MAX);
	leveldb_batch_finish(leveldb, batch);
	batch->done = done;
	batch->context = context;
	leveldb->commits++;
	/* STORE_COMMITS_MAX is well below what a worker takes. */
	bool submitted = worker_submit(leveldb->committer, commit_run, commit_done, batch);
	check(submitted);
}

/* ---- state ---- */

static void
space_run(void *argument)
{
	leveldb_space_measure(argument);
}

static void
space_done(void *argument)
{
	struct leveldb_store *leveldb = argument;
	leveldb->space_asked = false;
}

static uint64_t
leveldb_space_left(struct store *store, enum store_purpose purpose)
{
	struct leveldb_store *leveldb = leveldb_of_store(store);
	uint64_t space = atomic_load_explicit(&leveldb->space, memory_order_relaxed), kept = leveldb->reserve;

	if (purpose == STORE_VITAL && kept > STORE_FLOOR)
		kept = STORE_FLOOR;
	return space > kept ? space - kept : 0;
}

static uint64_t
leveldb_space_free(struct store *store)
{
	struct leveldb_store *leveldb = leveldb_of_store(store);

	/* Where the commits measure: asking the file system may wait for the disk. */
	if (!leveldb->space_asked)
		leveldb->space_asked = worker_submit(leveldb->committer, space_run, space_done, leveldb);
	return atomic_load_explicit(&leveldb->space, memory_order_relaxed);
}

static const char *
leveldb_failure(const struct store *store)
{
	return ((const struct leveldb_store *)(const void *)store)->failure.text;
}

void
leveldb_wait(struct store *store)
{
	struct leveldb_store *leveldb = leveldb_of_store(store);

	while (leveldb->commits != 0 || leveldb->blobs.reading_count != 0 || leveldb->space_asked) {
		worker_wait(leveldb->committer);
		worker_wait(leveldb->reader);
	}
}

static void
fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
leveldb_store_free(struct leveldb_store *leveldb)
{
	for (size_t i = 0; i < LEVELDB_SPARES_MAX; i++)
		batch_free(leveldb->spares[i]);
	worker_destroy(leveldb->flush.worker);
	segment_writer_close(&leveldb->writer);
	blobs_close(&leveldb->blobs);
	db_close(leveldb->db);
	journal_close(&leveldb->journal);
	fd_close(leveldb->journal.directory);
	fd_close(leveldb->segments);
	fd_close(leveldb->lock);
	fd_close(leveldb->directory);
	free(leveldb);
}

/* The flusher's error and words stay as they are once it has failed: it is not started again. */
static enum error
leveldb_error(struct store *store)
{
	struct leveldb_store *leveldb = leveldb_of_store(store);

	if (!atomic_load_explicit(&leveldb->flush.has_failed, memory_order_acquire))
		return ERROR_NONE;
	disk_failure_set(&leveldb->failure, 0, "%s", leveldb->flush.failure.text);
	return leveldb->flush.error;
}

/* Nothing is on its way, and the flusher has nothing to do. */
static void
quiet_wait(struct leveldb_store *leveldb)
{
	while (leveldb->space_asked)
		worker_wait(leveldb->committer);
	check(leveldb->commits == 0 && leveldb->blobs.reading_count == 0);
	worker_wait(leveldb->flush.worker);
}

static enum error
leveldb_settle(struct store *store)
{
	struct leveldb_store *leveldb = leveldb_of_store(store);

	quiet_wait(leveldb);
	enum error error = leveldb->broken;
	if (error == ERROR_NONE)
		error = leveldb_error(store);
	if (error == ERROR_NONE && leveldb->number != leveldb->marked) {
		error = leveldb_flush_now(leveldb, &leveldb->failure);
		if (error == ERROR_NONE)
			error = leveldb_mark(leveldb, &leveldb->failure);
	}
	if (error == ERROR_NONE)
		error = leveldb_committed_note(leveldb, leveldb->number, &leveldb->failure);
	/* It stays so: what failed once is not tried again. */
	leveldb->broken = error;
	return error;
}

bool
leveldb_store_lacked_committed(struct store *store)
{
	return leveldb_of_store(store)->lacked_committed;
}

static void
leveldb_close_store(struct store *store)
{
	struct leveldb_store *leveldb = leveldb_of_store(store);

	quiet_wait(leveldb);
	leveldb_store_free(leveldb);
}

const struct store_operations leveldb_operations = {
	.name = "leveldb",
	.read = leveldb_read,
	.batch_create = leveldb_batch_create,
	.put = leveldb_put_record,
	.remove = leveldb_remove_record,
	.blob = leveldb_blob,
	.expect = NULL,
	.commit = leveldb_commit,
	.batch_destroy = leveldb_batch_destroy,
	.space_left = leveldb_space_left,
	.space_free = leveldb_space_free,
	.failure = leveldb_failure,
	.error = leveldb_error,
	.wait = leveldb_wait,
	.settle = leveldb_settle,
	.close = leveldb_close_store,
};
