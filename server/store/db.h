/* SPDX-License-Identifier: Apache-2.0
 *
 * LevelDB, reduced to what the engine needs of it and set up so that it never hides damage: checksums on every read,
 * paranoid checks. Bytes in, bytes out; it knows nothing of sealing. Reads, db_write and db_flush may run on different
 * threads at the same time.
 *
 * Writes are not synced: the journal has them (journal.h) until db_flush. So after a crash LevelDB's own logs hold
 * nothing that the journal does not, perhaps with holes, and are not read at open. They are set aside, as
 * NNNNNN.log.aside, until it is known that the journal is the one that goes with them (db_forget_logs).
 *
 * LevelDB's thread is started by the first db_flush of the process, with the priority of the thread that calls it.
 *
 * Functions that fail note LevelDB's words in *failure: ERROR_store_damaged, ERROR_disk_full, ERROR_file_unreadable. */
#ifndef GUICHET_STORE_DB_H
#define GUICHET_STORE_DB_H

#include "protocol/buf.h"
#include "server/store/disk.h"

struct db;

/* Opens, or makes, which must be asked for; PATH must exist. */
must_check enum error db_open(const char *path, bool create, struct db **out, struct disk_failure *failure);
/* Removes the logs that this open, or one before it that came to nothing, has set aside; they do not come back. */
must_check enum error db_forget_logs(struct db *db, struct disk_failure *failure);
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

/* ---- the records of a batch, as bytes one behind the other ---- */

/* Appends one whose value of so many bytes is written to where this points, before anything else is appended; NULL when
 * memory is short. */
must_check uint8_t *db_records_put(struct buf *records, struct slice key, size_t value_size);
/* Appends the removal of one. */
void db_records_remove(struct buf *records, struct slice key);

/* All of them at once, or an error after which nothing more may be written; ERROR_store_damaged, too, when they are no
 * records. Not synced: db_flush does that. Blocks, sometimes long. One thread at a time. */
must_check enum error db_write(struct db *db, struct slice records, struct disk_failure *failure);
/* Everything written before becomes a table, synced, and LevelDB's log is empty. Blocks; while others write. */
must_check enum error db_flush(struct db *db, struct disk_failure *failure);

#endif
