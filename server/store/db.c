/* SPDX-License-Identifier: Apache-2.0
 *
 * The only file that speaks to LevelDB. */
#include "server/store/db.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/check.h"

/* Twice a file of the journal (JOURNAL_SIZE), so that the records of a whole one fit: then it is db_flush that has the
 * buffer written out, when the segments are synced. LevelDB does so by itself only for a batch larger than that. */
#define WRITE_BUFFER_SIZE ((size_t)(64 * 1024 * 1024))
#define TABLE_SIZE ((size_t)(8 * 1024 * 1024))
/* Every read checks the sum of a whole block, since blocks are mapped and not cached. A record is 200 bytes: read from
 * a block of 1 KiB it takes 1.9 us, from one of 4 KiB, LevelDB's default, 2.9 us. */
#define BLOCK_SIZE ((size_t)1024)
/* For tables beyond the first thousand, which LevelDB does not map. */
#define BLOCK_CACHE_SIZE ((size_t)(64 * 1024 * 1024))
#define BLOOM_BITS 10
/* A flush has failed when LevelDB has begun so many new logs and the one to be emptied is still there: it cannot remove
 * it. */
#define LOGS_KEPT_MAX 16

struct db {
	leveldb_t *db;
	int directory; /* LevelDB's; -1: could not be opened */
	leveldb_options_t *options;
	leveldb_cache_t *cache;
	leveldb_filterpolicy_t *filter;
	leveldb_readoptions_t *read;
	leveldb_writeoptions_t *write;
	leveldb_writebatch_t *batch; /* of db_write */
};

/* Frees LevelDB's words after noting them; what kind of error they mean. */
static enum error
failed(struct disk_failure *failure, const char *what, char *words)
{
	enum error error = ERROR_file_unreadable;

	disk_failure_set(failure, 0, "db: %s: %s", what, words);
	if (strstr(words, "Corruption") != NULL || strstr(words, "does not exist") != NULL)
		error = ERROR_store_damaged;
	else if (strstr(words, "No space left") != NULL || strstr(words, "quota") != NULL)
		error = ERROR_disk_full;
	leveldb_free(words);
	return error;
}

static void
options_set(struct db *db, bool create)
{
	leveldb_readoptions_set_verify_checksums(db->read, 1);
	leveldb_writeoptions_set_sync(db->write, 0);
	leveldb_options_set_create_if_missing(db->options, create);
	leveldb_options_set_error_if_exists(db->options, create);
	/* Without it one flipped byte silently loses records. */
	leveldb_options_set_paranoid_checks(db->options, 1);
	/* What is sealed does not compress. */
	leveldb_options_set_compression(db->options, leveldb_no_compression);
	leveldb_options_set_cache(db->options, db->cache);
	leveldb_options_set_filter_policy(db->options, db->filter);
	leveldb_options_set_write_buffer_size(db->options, WRITE_BUFFER_SIZE);
	leveldb_options_set_max_file_size(db->options, TABLE_SIZE);
	leveldb_options_set_block_size(db->options, BLOCK_SIZE);
}

/* ---- LevelDB's logs ---- */

/* A log's name is its number and this; other names LevelDB leaves alone. */
#define LOG_END ".log"
#define ASIDE_END ".log.aside"
#define LOG_NAME_SIZE 40

static void
log_name(uint64_t number, const char *end, char name[LOG_NAME_SIZE])
{
	snprintf(name, LOG_NAME_SIZE, "%06" PRIu64 "%s", number, end);
}

static bool
log_parse(const char *name, const char *end, uint64_t *number)
{
	size_t digits = strspn(name, "0123456789");

	*number = strtoull(name, NULL, 10);
	return digits > 0 && strcmp(name + digits, end) == 0;
}

/* Finds the newest whose name ends so, 0 when there is none. False with errno. */
static bool
logs_look(int directory, const char *end, uint64_t *newest)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint64_t number;
	int code = errno;

	*newest = 0;
	if (entries == NULL) {
		if (fd >= 0)
			close(fd);
		errno = code;
		return false;
	}
	while (errno = 0, (entry = readdir(entries)) != NULL)
		if (log_parse(entry->d_name, end, &number) && number > *newest)
			*newest = number;
	code = errno;
	closedir(entries);
	errno = code;
	return code == 0;
}

/* Renames every NNNNNN.log to NNNNNN.log.aside, the highest number first: interrupted, it leaves only logs with lower
 * numbers than those that are aside. So a log with a higher number than those was made by an open that failed later.
 * It is removed: all that such an open wrote came from the journal, which still has it. False with errno. */
static bool
logs_set_aside(int directory)
{
	char name[LOG_NAME_SIZE], aside[LOG_NAME_SIZE];
	uint64_t newest, newest_aside;

	if (!logs_look(directory, ASIDE_END, &newest_aside))
		return false;
	while (logs_look(directory, LOG_END, &newest)) {
		if (newest == 0)
			return true;
		log_name(newest, LOG_END, name);
		log_name(newest, ASIDE_END, aside);
		if (newest_aside != 0 && newest >= newest_aside ? unlinkat(directory, name, 0) != 0 :
								  renameat(directory, name, directory, aside) != 0)
			return false;
	}
	return false;
}

/* False with errno when that cannot be known. */
static bool
log_is_there(int directory, uint64_t number, bool *is_there)
{
	char name[LOG_NAME_SIZE];

	log_name(number, LOG_END, name);
	*is_there = faccessat(directory, name, F_OK, 0) == 0;
	return *is_there || errno == ENOENT;
}

static enum error
logs_failed(struct disk_failure *failure)
{
	int code = errno;

	disk_failure_set(failure, code, "db: its logs");
	return disk_error(code);
}

/* ---- life cycle ---- */

enum error
db_open(const char *path, bool create, struct db **out, struct disk_failure *failure)
{
	char *words = NULL;
	struct db *db = calloc(1, sizeof *db);

	if (db == NULL)
		return ERROR_out_of_memory;
	db->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* LevelDB must not read its logs: they were not synced, so any part may be missing, and the journal has all
	 * that is in them. When there is no such directory, or something in it where a new store is to be made,
	 * LevelDB's own words are better than ours. */
	if (db->directory < 0 ? errno != ENOENT && errno != ENOTDIR :
	    !create && !logs_set_aside(db->directory)) {
		enum error error = logs_failed(failure);
		db_close(db);
		return error;
	}
	db->cache = leveldb_cache_create_lru(BLOCK_CACHE_SIZE);
	db->filter = leveldb_filterpolicy_create_bloom(BLOOM_BITS);
	db->read = leveldb_readoptions_create();
	db->write = leveldb_writeoptions_create();
	db->options = leveldb_options_create();
	db->batch = leveldb_writebatch_create();
	options_set(db, create);
	db->db = leveldb_open(db->options, path, &words);
	if (words != NULL) {
		db_close(db);
		return failed(failure, "open", words);
	}
	*out = db;
	return ERROR_NONE;
}

/* The lowest number last: as long as one is aside, logs_set_aside can tell which logs have a higher one. */
enum error
db_forget_logs(struct db *db, struct disk_failure *failure)
{
	char name[LOG_NAME_SIZE];
	uint64_t newest;
	bool is_changed = false;

	while (logs_look(db->directory, ASIDE_END, &newest)) {
		if (newest == 0 && (!is_changed || disk_sync_directory(NULL, db->directory)))
			return ERROR_NONE;
		log_name(newest, ASIDE_END, name);
		if (newest == 0 || unlinkat(db->directory, name, 0) != 0)
			break;
		is_changed = true;
	}
	return logs_failed(failure);
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	if (db->db != NULL)
		leveldb_close(db->db);
	/* Options are made all together. */
	if (db->options != NULL) {
		leveldb_options_destroy(db->options);
		leveldb_cache_destroy(db->cache);
		leveldb_filterpolicy_destroy(db->filter);
		leveldb_readoptions_destroy(db->read);
		leveldb_writeoptions_destroy(db->write);
		leveldb_writebatch_destroy(db->batch);
	}
	if (db->directory >= 0)
		close(db->directory);
	free(db);
}

enum error
db_get(struct db *db, struct slice key, struct slice *value, struct disk_failure *failure)
{
	char *words = NULL;
	size_t size = 0;
	char *found = leveldb_get(db->db, db->read, (const char *)key.data, key.size, &size, &words);

	*value = slice_of(found, found == NULL ? 0 : size);
	return words == NULL ? ERROR_NONE : failed(failure, "get", words);
}

void
db_free(struct slice value)
{
	leveldb_free((void *)(uintptr_t)value.data);
}

/* ---- ranges ---- */

static struct slice
iterator_key(const leveldb_iterator_t *iterator)
{
	size_t size;
	const char *key = leveldb_iter_key(iterator, &size);
	return slice_of(key, size);
}

static struct slice
iterator_value(const leveldb_iterator_t *iterator)
{
	size_t size;
	const char *value = leveldb_iter_value(iterator, &size);
	return slice_of(value, size);
}

static void
iterator_seek(leveldb_iterator_t *iterator, struct slice key, struct slice end, bool backward)
{
	struct slice to = backward ? end : key;

	leveldb_iter_seek(iterator, (const char *)to.data, to.size);
	if (!backward)
		return;
	/* The end is not wanted, and may lie behind everything. */
	if (leveldb_iter_valid(iterator))
		leveldb_iter_prev(iterator);
	else
		leveldb_iter_seek_to_last(iterator);
}

static bool
iterator_within(const leveldb_iterator_t *iterator, struct slice key, struct slice end)
{
	if (!leveldb_iter_valid(iterator))
		return false;
	struct slice at = iterator_key(iterator);
	return slice_compare(at, key) >= 0 && slice_compare(at, end) < 0;
}

enum error
db_range(struct db *db, struct slice key, struct slice end, bool backward, size_t limit, db_visit visit, void *context,
    struct disk_failure *failure)
{
	leveldb_iterator_t *iterator = leveldb_create_iterator(db->db, db->read);
	char *words = NULL;
	enum error error = ERROR_NONE;

	iterator_seek(iterator, key, end, backward);
	while (error == ERROR_NONE && limit-- > 0 && iterator_within(iterator, key, end)) {
		error = visit(context, iterator_key(iterator), iterator_value(iterator));
		if (backward)
			leveldb_iter_prev(iterator);
		else
			leveldb_iter_next(iterator);
	}
	/* A damaged block ends or skips the iteration; only this tells. */
	leveldb_iter_get_error(iterator, &words);
	if (words != NULL)
		error = failed(failure, "range", words);
	leveldb_iter_destroy(iterator);
	return error;
}

/* ---- writes ---- */

/* A record of a batch: the sizes of key and value, key, value. */
#define RECORD_HEADER_SIZE ((size_t)(1 + 4))
/* In the place of a value's size: the key is removed. */
#define RECORD_REMOVED UINT32_MAX

static uint8_t *
record_append(struct buf *records, struct slice key, uint32_t size, size_t value_size)
{
	const size_t before = RECORD_HEADER_SIZE + key.size;
	uint8_t *at = buf_reserve(records, before + value_size);

	if (at == NULL)
		return NULL;
	at[0] = (uint8_t)key.size;
	bytes_poke_u32(at + 1, size);
	memcpy(at + RECORD_HEADER_SIZE, key.data, key.size);
	buf_commit(records, before + value_size);
	return at + before;
}

uint8_t *
db_records_put(struct buf *records, struct slice key, size_t value_size)
{
	check(key.size <= UINT8_MAX && value_size < RECORD_REMOVED);
	return record_append(records, key, (uint32_t)value_size, value_size);
}

void
db_records_remove(struct buf *records, struct slice key)
{
	check(key.size <= UINT8_MAX);
	(void)record_append(records, key, RECORD_REMOVED, 0);
}

/* Fills db->batch; false when these are no records. */
static bool
records_take(struct db *db, struct slice records)
{
	leveldb_writebatch_clear(db->batch);
	while (records.size >= RECORD_HEADER_SIZE) {
		size_t key_size = records.data[0], value_size = bytes_peek_u32(records.data + 1);
		bool is_removed = value_size == RECORD_REMOVED;
		records = slice_from(records, RECORD_HEADER_SIZE);
		if (is_removed)
			value_size = 0;
		if (records.size < key_size || records.size - key_size < value_size)
			return false;
		const char *key = (const char *)records.data;
		if (is_removed)
			leveldb_writebatch_delete(db->batch, key, key_size);
		else
			leveldb_writebatch_put(db->batch, key, key_size, key + key_size, value_size);
		records = slice_from(records, key_size + value_size);
	}
	return records.size == 0;
}

enum error
db_write(struct db *db, struct slice records, struct disk_failure *failure)
{
	char *words = NULL;

	if (!records_take(db, records)) {
		disk_failure_set(failure, 0, "db: the records of a batch are none");
		return ERROR_store_damaged;
	}
	leveldb_write(db->db, db->write, db->batch, &words);
	return words == NULL ? ERROR_NONE : failed(failure, "write", words);
}

/* Asks LevelDB to write its buffer out, and waits until it has. It may not do so: the asking is an empty write, which
 * is lost when LevelDB joins it to a waiting write of another thread. So db_flush looks and asks again. */
static enum error
flush_ask(struct db *db, struct disk_failure *failure)
{
	char *words = NULL;
	char past[UINT8_MAX + 1];
	leveldb_writebatch_t *nothing = leveldb_writebatch_create();

	/* LevelDB writes its buffer out before it merges what lies between two keys. Beyond every key nothing does. */
	memset(past, 0xff, sizeof past);
	leveldb_compact_range(db->db, past, sizeof past, past, sizeof past);
	/* It returns nothing, but a failure sticks and comes out of the next write. */
	leveldb_write(db->db, db->write, nothing, &words);
	leveldb_writebatch_destroy(nothing);
	return words == NULL ? ERROR_NONE : failed(failure, "flush", words);
}

/* Done when the log that was the newest at the beginning is gone: LevelDB removes a log once all of it is in tables
 * that the synced manifest names, and nothing else tells. What was written before is in that log, in older ones or in
 * tables. */
enum error
db_flush(struct db *db, struct disk_failure *failure)
{
	uint64_t log, newest, newest_before;
	unsigned begun = 0;
	bool is_there;

	if (!logs_look(db->directory, LOG_END, &log))
		return logs_failed(failure);
	for (newest = log; begun < LOGS_KEPT_MAX; begun += newest != newest_before) {
		newest_before = newest;
		enum error error = flush_ask(db, failure);
		if (error != ERROR_NONE)
			return error;
		if (!log_is_there(db->directory, log, &is_there) ||
		    !logs_look(db->directory, LOG_END, &newest))
			return logs_failed(failure);
		if (!is_there)
			return ERROR_NONE;
	}
	disk_failure_set(failure, 0, "db: %06" PRIu64 ".log stays although others were begun", log);
	return ERROR_file_unreadable;
}
