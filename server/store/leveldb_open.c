/* SPDX-License-Identifier: Apache-2.0
 *
 * How the engine starts: lock, journal, LevelDB without its logs, the journal replayed, everything compared, the logs
 * forgotten. And how the whole archive is read. */
#include "server/store/leveldb_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "protocol/check.h"

static enum error
locked(const struct leveldb_config *config, struct fault *fault)
{
	return disk_fault(fault, config->arena, ERROR_directory_locked, 0, "no other process in it", "%s",
	    config->directory);
}

static enum error
directories_open(struct leveldb_store *leveldb, const struct leveldb_config *config, struct fault *fault)
{
	static const char *const parts[] = { "segments", "db", "journal" };
	const char *path = config->directory;

	leveldb->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (leveldb->directory < 0)
		return disk_fault(fault, config->arena, ERROR_file_unreadable, errno, "a directory", "%s", path);
	/* Two locks, DIR and DIR/lock. The file can be removed under the process that holds it; then a second process
	 * would get as far as setting LevelDB's logs aside before LevelDB's own lock stops it. A file system that
	 * cannot lock directories leaves only the file. */
	if (flock(leveldb->directory, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return locked(config, fault);
	leveldb->lock = openat(leveldb->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (leveldb->lock < 0)
		return disk_fault(fault, config->arena, disk_error(errno), errno, NULL, "%s/lock", path);
	if (flock(leveldb->lock, LOCK_EX | LOCK_NB) != 0)
		return locked(config, fault);
	for (size_t i = 0; config->create && i < sizeof parts / sizeof parts[0]; i++)
		if (mkdirat(leveldb->directory, parts[i], 0700) != 0 && errno != EEXIST)
			return disk_fault(fault, config->arena, disk_error(errno), errno, "a new store", "%s", path);
	leveldb->segments = openat(leveldb->directory, "segments", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (leveldb->segments < 0)
		return disk_fault(fault, config->arena, ERROR_store_damaged, errno, "a directory", "%s/segments", path);
	leveldb->journal.directory = openat(leveldb->directory, "journal", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (leveldb->journal.directory < 0)
		return disk_fault(fault, config->arena, ERROR_store_damaged, errno, "a directory", "%s/journal", path);
	return ERROR_NONE;
}

/* The words of a failure during the open become its fault. A full disk is told with how much room there is and how much
 * it takes to start: what the journal holds goes to segments and LevelDB first. */
static enum error
open_failed(struct leveldb_store *leveldb, const struct leveldb_config *config, enum error error, struct fault *fault)
{
	char text[64];
	struct slice value = SLICE_EMPTY;

	disk_fault(fault, config->arena, error, 0, NULL, "%s", leveldb->failure.text);
	if (error != ERROR_disk_full)
		return error;
	leveldb_space_measure(leveldb);
	snprintf(text, sizeof text, "%llu bytes free", (unsigned long long)atomic_load(&leveldb->space));
	if (arena_copy(config->arena, slice_of_text(text), &value))
		fault->value = value;
	snprintf(text, sizeof text, "at least %llu bytes free",
	    (unsigned long long)(STORE_FLOOR + leveldb->replay.size));
	if (arena_copy(config->arena, slice_of_text(text), &value))
		fault->expected = value;
	return error;
}

/* The first record of a new store, so that an empty LevelDB is never mistaken for one; then the journal, which needs
 * the data key that the record has made. */
static enum error
state_create(struct leveldb_store *leveldb, const struct leveldb_config *config, struct fault *fault)
{
	unsigned at = 0;
	struct leveldb_batch *batch = leveldb_batch_take(leveldb);

	if (batch == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	batch->segment = 1;
	leveldb_batch_finish(leveldb, batch);
	enum error error = batch->error;
	if (error == ERROR_NONE && !key_files_write(&batch->keys, NULL)) {
		error = disk_error(errno);
		disk_failure_set(&leveldb->failure, errno, "writing a data key");
	}
	if (error == ERROR_NONE)
		error = leveldb_apply(leveldb, &batch->entry, true, &leveldb->failure);
	if (error == ERROR_NONE)
		error = leveldb_flush_now(leveldb, &leveldb->failure);
	leveldb_batch_put_away(leveldb, batch);
	if (error == ERROR_NONE && !journal_create(&leveldb->journal, &at)) {
		error = disk_error(errno);
		disk_failure_set(&leveldb->failure, errno, "journal/%u", at);
	}
	return error == ERROR_NONE ? ERROR_NONE : open_failed(leveldb, config, error, fault);
}

/* Without the engine's own records there is no open. */
static enum error
read_failed(struct leveldb_store *leveldb, const struct store_read *read)
{
	disk_failure_set(&leveldb->failure, 0, "%s", read->cause);
	return read->error;
}

/* Reads the number of the last batch, and the end of the segment written to. */
static enum error
state_get(struct leveldb_store *leveldb, struct arena *arena)
{
	struct store_read state = { .arena = arena, .key = LEVELDB_STATE_KEY };

	leveldb_read_get(leveldb, &state);
	if (state.error != ERROR_NONE)
		return read_failed(leveldb, &state);
	if (!state.found || state.value.size != LEVELDB_STATE_SIZE) {
		disk_failure_set(&leveldb->failure, 0, "db: the engine's own record is missing");
		return ERROR_store_damaged;
	}
	leveldb->number = bytes_peek_u64(state.value.data);
	leveldb->segment = bytes_peek_u32(state.value.data + 8);
	leveldb->end = bytes_peek_u64(state.value.data + 12);
	return ERROR_NONE;
}

/* ---- the journal's replay ---- */

static enum error
journal_read(struct leveldb_store *leveldb, const struct leveldb_config *config, struct fault *fault)
{
	unsigned at = 0;

	if (!journal_open(&leveldb->journal, &at))
		return disk_fault(fault, config->arena, errno == ENOENT ? ERROR_store_damaged : ERROR_file_unreadable,
		    errno, "the file", "journal/%u", at);
	return journal_find(&leveldb->journal, &leveldb->replay, config->arena, fault);
}

struct replay {
	struct leveldb_store *leveldb;
	const struct leveldb_config *config;
	struct fault *fault;
};

/* Writes an entry's blobs to their place, again or for the first time; the segment must be at least as long as that,
 * since what lies before was synced. Records go to LevelDB only if the entry's number is above that of the last batch
 * it has: it takes what is written last for the newest, so an older value would replace a newer one. */
static enum error
replay_entry(void *context, const struct journal_entry *entry)
{
	struct replay *replay = context;
	struct leveldb_store *leveldb = replay->leveldb;
	char name[SEGMENT_NAME_SIZE];
	uint64_t size = 0;

	segment_name(entry->segment, name);
	if (entry->blobs.size != 0 && entry->start != 0 &&
	    (!segment_size(leveldb->segments, entry->segment, &size) || size < entry->start))
		return disk_fault(replay->fault, replay->config->arena, ERROR_store_damaged, 0,
		    "at least the length from which the journal goes on", "segments/%s", name);
	enum error error = leveldb_apply(leveldb, entry, entry->number > leveldb->number, &leveldb->failure);
	return error == ERROR_NONE ? ERROR_NONE : open_failed(leveldb, replay->config, error, replay->fault);
}

static enum error
journal_apply(struct leveldb_store *leveldb, const struct leveldb_config *config, struct arena *arena,
    struct fault *fault)
{
	const struct journal_run *run = &leveldb->replay;
	struct replay replay = { leveldb, config, fault };
	enum error error = state_get(leveldb, arena);

	if (error != ERROR_NONE)
		return open_failed(leveldb, config, error, fault);
	if (run->first > leveldb->number + 1 || run->last < leveldb->number)
		return disk_fault(fault, config->arena, ERROR_store_damaged, 0,
		    "every batch that db has not, and none of those only that it has",
		    "journal: batches from %llu to %llu, db up to %llu", (unsigned long long)run->first,
		    (unsigned long long)run->last, (unsigned long long)leveldb->number);
	if (run->first > run->last)
		return ERROR_NONE;
	error = journal_replay(&leveldb->journal, run, replay_entry, &replay, config->arena, fault);
	if (error != ERROR_NONE)
		return error;
	error = leveldb_flush_now(leveldb, &leveldb->failure);
	return error == ERROR_NONE ? ERROR_NONE : open_failed(leveldb, config, error, fault);
}

/* ---- what must agree ---- */

/* Reads the state, and what is known of segments into *lengths, in `arena`. */
static enum error
state_read(struct leveldb_store *leveldb, struct arena *arena, struct segment_length **lengths, size_t *count)
{
	uint8_t last[LEVELDB_FULL_KEY_SIZE];
	enum error error = state_get(leveldb, arena);

	if (error != ERROR_NONE)
		return error;
	leveldb_full_key(leveldb->segment, last);
	struct store_read full = { .arena = arena, .key = LEVELDB_FULL_KEY,
		.end = slice_of(last, sizeof last), .limit = SIZE_MAX };
	leveldb_read_range(leveldb, &full);
	if (full.error != ERROR_NONE)
		return read_failed(leveldb, &full);
	*count = full.pairs_count + 1;
	*lengths = arena_alloc_array(arena, *count, sizeof **lengths);
	if (*lengths == NULL)
		return ERROR_out_of_memory;
	for (size_t i = 0; i < full.pairs_count; i++) {
		struct store_pair *pair = &full.pairs[i];
		if (pair->key.size != LEVELDB_FULL_KEY_SIZE || pair->value.size != 8)
			return ERROR_store_damaged;
		(*lengths)[i] = (struct segment_length){ bytes_peek_u32(pair->key.data + LEVELDB_FULL_KEY.size),
			bytes_peek_u64(pair->value.data) };
	}
	(*lengths)[full.pairs_count] = (struct segment_length){ leveldb->segment, leveldb->end };
	return ERROR_NONE;
}

/* Every data key that records were sealed with has to be there, and be the same one. A new one under the same name
 * would open none of them, and what it sealed would be lost once the old one is put back. */
static enum error
keys_check(struct leveldb_store *leveldb, const struct leveldb_config *config, struct arena *arena, struct fault *fault)
{
	uint8_t identity[KEY_IDENTITY_SIZE];
	struct store_read noted = { .arena = arena, .key = LEVELDB_NOTED_KEY, .end = LEVELDB_NOTED_PAST,
		.limit = SIZE_MAX };

	leveldb_read_range(leveldb, &noted);
	if (noted.error != ERROR_NONE)
		return open_failed(leveldb, config, read_failed(leveldb, &noted), fault);
	for (size_t i = 0; i < noted.pairs_count; i++) {
		const struct store_pair *pair = &noted.pairs[i];
		if (pair->key.size != LEVELDB_NOTED_KEY_SIZE ||
		    pair->value.size != KEY_IDENTITY_SIZE - KEY_IDENTITY_NAME_SIZE)
			return disk_fault(fault, config->arena, ERROR_store_damaged, 0, "a data key's record", "db");
		memcpy(identity, pair->key.data + LEVELDB_NOTED_KEY.size, KEY_IDENTITY_NAME_SIZE);
		memcpy(identity + KEY_IDENTITY_NAME_SIZE, pair->value.data, pair->value.size);
		enum error error = keyring_meet(leveldb->keyring, identity, config->arena, fault);
		if (error != ERROR_NONE)
			return error;
	}
	keyring_meet_rest(leveldb->keyring);
	return ERROR_NONE;
}

/* The number noted last is a lower bound. */
static enum error
committed_check(struct leveldb_store *leveldb, const struct leveldb_config *config, struct fault *fault)
{
	uint8_t text[24];
	uint64_t number;
	size_t size;

	bool is_read = disk_read_file(leveldb->directory, LEVELDB_COMMITTED_FILE, text, sizeof text, &size);
	leveldb->lacked_committed = !is_read && errno == ENOENT;
	if (!is_read)
		return leveldb->lacked_committed ? ERROR_NONE :
		    disk_fault(fault, config->arena, ERROR_file_unreadable, errno, NULL, LEVELDB_COMMITTED_FILE);
	if (!decimal_decode(slice_of(text, size), UINT64_MAX, &number))
		return disk_fault(fault, config->arena, ERROR_store_damaged, 0, "a decimal number",
		    LEVELDB_COMMITTED_FILE);
	if (leveldb->number < number)
		return disk_fault(fault, config->arena, ERROR_store_damaged, 0,
		    "every batch that was there before: an older copy must not be served as the present",
		    "db: the last batch is %llu, and " LEVELDB_COMMITTED_FILE " notes %llu",
		    (unsigned long long)leveldb->number, (unsigned long long)number);
	return ERROR_NONE;
}

static enum error
state_recover(struct leveldb_store *leveldb, const struct leveldb_config *config, struct fault *fault)
{
	struct segment_length *lengths = NULL;
	size_t count = 0;
	struct arena *arena = arena_create(16 * 1024 * 1024);

	if (arena == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	enum error error = journal_apply(leveldb, config, arena, fault);
	if (error == ERROR_NONE) {
		error = state_read(leveldb, arena, &lengths, &count);
		if (error != ERROR_NONE)
			open_failed(leveldb, config, error, fault);
	}
	if (error == ERROR_NONE)
		error = keys_check(leveldb, config, arena, fault);
	if (error == ERROR_NONE)
		error = committed_check(leveldb, config, fault);
	if (error == ERROR_NONE)
		error = segments_check(leveldb->segments, lengths, count, config->arena, fault);
	arena_destroy(arena);
	if (error != ERROR_NONE)
		return error;
	/* Not before: LevelDB's logs may have what a journal that is not theirs lacks. */
	error = db_forget_logs(leveldb->db, &leveldb->failure);
	return error == ERROR_NONE ? ERROR_NONE : open_failed(leveldb, config, error, fault);
}

/* Everything that has to agree, and then the journal begins anew. */
static enum error
parts_open(struct leveldb_store *leveldb, const struct leveldb_config *config, struct fault *fault)
{
	char path[4096];
	enum error error = directories_open(leveldb, config, fault);

	leveldb->writer.directory = leveldb->blobs.directory = leveldb->segments;
	/* Without the engine's own key nothing could be told from damage: not even which keys there were. */
	if (error == ERROR_NONE && !config->create)
		error = keyring_require(config->keyring, LEVELDB_RETENTION, config->arena, fault);
	if (error == ERROR_NONE && !config->create)
		error = journal_read(leveldb, config, fault);
	if (error != ERROR_NONE)
		return error;
	snprintf(path, sizeof path, "%s/db", config->directory);
	error = leveldb_flusher_start(leveldb, path, config->create);
	if (error != ERROR_NONE)
		return open_failed(leveldb, config, error, fault);
	if (config->create) {
		keyring_meet_rest(leveldb->keyring);
		error = state_create(leveldb, config, fault);
	}
	if (error == ERROR_NONE && !config->create)
		error = state_recover(leveldb, config, fault);
	leveldb->marked = leveldb->number;
	/* After an orderly close nothing need be written; not even with a full disk. */
	bool is_noted = leveldb->replay.is_marked && !leveldb->lacked_committed;
	if (error != ERROR_NONE || is_noted)
		return error;
	if (!leveldb->replay.is_marked)
		error = leveldb_mark(leveldb, &leveldb->failure);
	/* A bound that cannot be noted is no reason not to serve: the stop notes it, and says when it cannot. */
	struct disk_failure ignored = { .text = "" };
	if (error == ERROR_NONE && !config->create)
		(void)!leveldb_committed_note(leveldb, leveldb->number, &ignored);
	return error == ERROR_NONE ? ERROR_NONE : open_failed(leveldb, config, error, fault);
}

enum error
leveldb_store_open(const struct leveldb_config *config, struct worker *committer, struct worker *reader,
    struct store **out, struct fault *fault)
{
	struct leveldb_store *leveldb = calloc(1, sizeof *leveldb);

	if (leveldb == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	leveldb->store.operations = &leveldb_operations;
	leveldb->store.is_exclusive = true; /* DIR/lock */
	leveldb->keyring = config->keyring;
	leveldb->committer = committer;
	leveldb->reader = reader;
	leveldb->reserve = config->reserve;
	leveldb->segment_size = config->segment_size == 0 ? SEGMENT_SIZE_MAX : config->segment_size;
	leveldb->journal = (struct journal){ .directory = -1, .is_whole = leveldb_tag_check, .context = leveldb,
		.size_max = config->journal_size == 0 ? JOURNAL_SIZE : config->journal_size };
	leveldb->directory = leveldb->lock = leveldb->segments = leveldb->writer.fd = -1;
	leveldb->blobs = (struct blobs){ .keyring = config->keyring, .reader = reader,
		.cold = config->cold };
	leveldb->flush.flushing = config->flushing;
	leveldb->flush.flushing_context = config->flushing_context;
	enum error error = parts_open(leveldb, config, fault);
	if (error != ERROR_NONE) {
		leveldb_store_free(leveldb);
		return error;
	}
	/* Counted from here: the nth call of the commits. */
	leveldb->disk.fail_errno = config->fail_errno;
	leveldb->disk.fail_at = config->fail_at == 0 ? 0 : atomic_load(&leveldb->disk.calls) + config->fail_at;
	leveldb_space_measure(leveldb);
	*out = &leveldb->store;
	return ERROR_NONE;
}

/* ---- the walks ---- */

static enum error
record_pass(void *context, struct slice key, struct slice value)
{
	(void)context;
	(void)key;
	(void)value;
	return ERROR_NONE;
}

enum error
leveldb_store_check_tables(struct store *store, struct disk_failure *failure)
{
	struct leveldb_store *leveldb = leveldb_of_store(store);
	uint8_t past[STORE_KEY_MAX + 1];

	leveldb_wait(store);
	memset(past, 0xff, sizeof past);
	return db_range(leveldb->db, slice_of("", 0), slice_of(past, sizeof past), false, SIZE_MAX, record_pass, NULL,
	    failure);
}

/* The end of a segment as far as it is committed; 0 when there is none of this number. */
static uint64_t
segment_end(struct leveldb_store *leveldb, uint32_t segment)
{
	uint64_t size;

	if (segment == leveldb->segment)
		return leveldb->end;
	return segment_size(leveldb->segments, segment, &size) ? size : 0;
}

enum error
leveldb_store_walk(struct store *store, struct leveldb_cursor *cursor, size_t count, leveldb_visit visit, void *context,
    bool *end, struct disk_failure *failure)
{
	struct leveldb_store *leveldb = leveldb_of_store(store);
	struct segment_place place;
	struct retention retention;
	enum error error, opened;
	uint8_t *plain;

	/* What is committed but on its way is not on disk yet. */
	leveldb_wait(store);
	if (cursor->segment == 0)
		cursor->segment = 1;
	for (size_t i = 0; i < count; i++) {
		while (cursor->offset >= segment_end(leveldb, cursor->segment) && cursor->segment < leveldb->segment) {
			cursor->segment++;
			cursor->offset = 0;
		}
		*end = cursor->offset >= segment_end(leveldb, cursor->segment);
		if (*end)
			return ERROR_NONE;
		error = blobs_visit(&leveldb->blobs, cursor->segment, cursor->offset, &place, &retention, &plain,
		    &opened, failure);
		if (error != ERROR_NONE)
			return error;
		visit(context, segment_place_put(&place), retention,
		    plain == NULL ? SLICE_EMPTY : slice_of(plain, place.size - SEALED_OVERHEAD), opened);
		free(plain);
		cursor->offset += SEGMENT_HEADER_SIZE + place.size;
	}
	*end = false;
	return ERROR_NONE;
}
