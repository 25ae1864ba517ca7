/* SPDX-License-Identifier: Apache-2.0
 *
 * LevelDB, reduced to what the engine needs of it and set up so that it never hides damage: checksums on every read,
 * paranoid checks, synced writes. Bytes in, bytes out; it knows nothing of sealing. Reads and db_write may run on
 * different threads at the same time.
 *
 * Functions that fail note LevelDB's words in *failure: ERROR_store_damaged, ERROR_disk_full, ERROR_file_unreadable. */
#ifndef GUICHET_STORE_DB_H
#define GUICHET_STORE_DB_H

#include "server/store/disk.h"

struct db;
struct db_batch;

/* Opens, or makes, which must be asked for; PATH must exist. */
must_check enum error db_open(const char *path, bool create, struct db **out, struct disk_failure *failure);
/* NULL is allowed. */
void db_close(struct db *db);

/* *value.data is NULL when the key is absent; else db_free it. */
must_check enum error db_get(struct db *db, struct slice key, struct slice *value, struct disk_failure *failure);
void db_free(struct slice value);

/* Called for each pair, both borrowed; anything but ERROR_NONE ends the range and is its result. */
typedef enum error (*db_visit)(void *context, struct slice key, struct slice value);

/* Up to `limit` pairs from `key`, inclusive, to `end`, exclusive, or backward from the end. */
must_check enum error db_range(struct db *db, struct slice key, struct slice end, bool backward, size_t limit,
    db_visit visit, void *context, struct disk_failure *failure);

must_check struct db_batch *db_batch_create(void);
void db_batch_destroy(struct db_batch *batch);
void db_batch_clear(struct db_batch *batch);
void db_batch_put(struct db_batch *batch, struct slice key, struct slice value);
void db_batch_remove(struct db_batch *batch, struct slice key);
/* All of it, synced, or an error after which nothing more may be written. Blocks, sometimes long. */
must_check enum error db_write(struct db *db, struct db_batch *batch, struct disk_failure *failure);

/* Merges all tables. Blocks, long. */
void db_compact(struct db *db);

#endif
