/* SPDX-License-Identifier: Apache-2.0
 *
 * The only file that speaks to LevelDB. */
#include "server/store/db.h"

#include <leveldb/c.h>
#include <stdlib.h>
#include <string.h>

/* Larger write buffers mean fewer, larger merges, and a longer replay of the log at start. */
#define WRITE_BUFFER_SIZE ((size_t)(16 * 1024 * 1024))
#define TABLE_SIZE ((size_t)(8 * 1024 * 1024))
#define BLOCK_CACHE_SIZE ((size_t)(64 * 1024 * 1024))
#define BLOOM_BITS 10

struct db {
	leveldb_t *db;
	leveldb_options_t *options;
	leveldb_cache_t *cache;
	leveldb_filterpolicy_t *filter;
	leveldb_readoptions_t *read;
	leveldb_writeoptions_t *write;
};

/* LevelDB's own type under our name: a db_batch is never looked into. */
static leveldb_writebatch_t *
of_batch(struct db_batch *batch)
{
	return (leveldb_writebatch_t *)(void *)batch;
}

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
	leveldb_writeoptions_set_sync(db->write, 1);
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
}

enum error
db_open(const char *path, bool create, struct db **out, struct disk_failure *failure)
{
	char *words = NULL;
	struct db *db = calloc(1, sizeof *db);

	if (db == NULL)
		return ERROR_out_of_memory;
	db->cache = leveldb_cache_create_lru(BLOCK_CACHE_SIZE);
	db->filter = leveldb_filterpolicy_create_bloom(BLOOM_BITS);
	db->read = leveldb_readoptions_create();
	db->write = leveldb_writeoptions_create();
	db->options = leveldb_options_create();
	options_set(db, create);
	db->db = leveldb_open(db->options, path, &words);
	if (words != NULL) {
		db_close(db);
		return failed(failure, "open", words);
	}
	*out = db;
	return ERROR_NONE;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	if (db->db != NULL)
		leveldb_close(db->db);
	leveldb_options_destroy(db->options);
	leveldb_cache_destroy(db->cache);
	leveldb_filterpolicy_destroy(db->filter);
	leveldb_readoptions_destroy(db->read);
	leveldb_writeoptions_destroy(db->write);
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

struct db_batch *
db_batch_create(void)
{
	return (struct db_batch *)(void *)leveldb_writebatch_create();
}

void
db_batch_destroy(struct db_batch *batch)
{
	if (batch != NULL)
		leveldb_writebatch_destroy(of_batch(batch));
}

void
db_batch_clear(struct db_batch *batch)
{
	leveldb_writebatch_clear(of_batch(batch));
}

void
db_batch_put(struct db_batch *batch, struct slice key, struct slice value)
{
	leveldb_writebatch_put(of_batch(batch), (const char *)key.data, key.size, (const char *)value.data, value.size);
}

void
db_batch_remove(struct db_batch *batch, struct slice key)
{
	leveldb_writebatch_delete(of_batch(batch), (const char *)key.data, key.size);
}

enum error
db_write(struct db *db, struct db_batch *batch, struct disk_failure *failure)
{
	char *words = NULL;

	leveldb_write(db->db, db->write, of_batch(batch), &words);
	return words == NULL ? ERROR_NONE : failed(failure, "write", words);
}

void
db_compact(struct db *db)
{
	leveldb_compact_range(db->db, NULL, 0, NULL, 0);
}
