/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine of one machine: records in LevelDB (DIR/db), blobs in segments (DIR/segments), everything sealed with the
 * keyring. A commit is one job of the committer: all of it is written to the journal (DIR/journal) and synced, once;
 * then blobs go to the segment and records to LevelDB, with the segment's new length, and neither is synced. The
 * flusher, a third thread, syncs both for all that one of the journal's two files holds, while the other is filled;
 * only when the other is full before that is done has the committer to wait. Reads of records are answered at once; a
 * blob too if it is in memory, else the reader fetches it.
 *
 * DIR and DIR/lock are locked while the store is open: the engine is exclusive and compares nothing at a commit. At
 * open, what the journal holds is done again, as far as it goes: a batch that is not whole at its end was not
 * acknowledged. Then everything has to agree, or it stops the open: no batch missing in between, no file, no data key
 * that was used, no segment shorter or longer than its records say.
 *
 * The flusher and LevelDB's own thread are nicer than the rest by LEVELDB_NICER. Block signals before opening. */
#ifndef GUICHET_STORE_LEVELDB_H
#define GUICHET_STORE_LEVELDB_H

#include "server/store/keyring.h"
#include "server/store/store.h"
#include "server/worker.h"

/* Answers come first where processors are few; not further than this, since the committer waits for the flusher when
 * the journal turns. */
#define LEVELDB_NICER 10

/* In DIR: a lower bound of the last batch's number, by which a start finds that db, journal and segments are an older
 * copy. Written at the start, at an orderly close, and in between by the flusher whenever what a file of the journal
 * held is durable elsewhere, so that no commit waits for it. What it cannot tell: an older copy that lacks no more than
 * the journal's last two files held when the server was killed, and one of DIR as a whole, with this file. Then what is
 * published tells (recovery.h), where that is not older too; and else nobody here. */
#define LEVELDB_COMMITTED_FILE "committed"

struct leveldb_config {
	const char *directory;   /* DIR */
	struct keyring *keyring; /* borrowed while the store is open */
	struct arena *arena;     /* where the texts of a fault at open go */
	bool create;             /* a new store is made, else it has to be there */
	uint64_t reserve;        /* bytes of the disk that ordinary writes leave free: store_space_left */
	/* For tests. */
	uint64_t segment_size; /* 0: SEGMENT_SIZE_MAX */
	uint64_t journal_size; /* 0: JOURNAL_SIZE */
	uint64_t fail_at;      /* the nth write or sync of the commits fails, once; 0: none */
	int fail_errno;
	bool cold;               /* every blob is read by the reader's thread, also what is in memory */
	void (*flushing)(void *context); /* called by the flusher before each flush, unless NULL */
	void *flushing_context;
};

/* Opens; the workers are borrowed while the store is open and may serve others too. ERROR_directory_locked,
 * ERROR_store_damaged, ERROR_disk_full, ERROR_file_unreadable, ERROR_out_of_memory, ERROR_key_failed; *fault says
 * where. */
must_check enum error leveldb_store_open(const struct leveldb_config *config, struct worker *committer,
    struct worker *reader, struct store **out, struct fault *fault);

/* Was LEVELDB_COMMITTED_FILE gone at the open, of a store that was there? It is written anew. */
must_check bool leveldb_store_lacked_committed(struct store *store);

/* ---- reading everything, for the audit; what ends a walk is told in words in *failure ---- */

/* One record; value is valid during the call. error is ERROR_NONE, ERROR_not_found (its data key is not there),
 * ERROR_store_damaged or ERROR_out_of_memory (value is empty then). */
typedef void (*leveldb_visit_record)(void *context, struct slice key, struct slice value, enum error error);

/* Visits all records but the engine's own, in the order of their keys, one at a time in memory; a record that cannot be
 * opened does not end it. ERROR_store_damaged, ERROR_file_unreadable when the walk itself cannot go on. Blocks. The
 * visitor may read from the store. */
must_check enum error leveldb_store_walk_records(
    struct store *store, leveldb_visit_record visit, void *context, struct disk_failure *failure);

/* Reads every block of LevelDB's tables, as a start may have to: also the engine's own records, and older values of a
 * key that has a newer one. ERROR_store_damaged, ERROR_file_unreadable. Blocks. */
must_check enum error leveldb_store_check_tables(struct store *store, struct disk_failure *failure);

/* Where the next entry is read; all zeros: at the beginning. */
struct leveldb_cursor {
	uint32_t segment;
	uint64_t offset;
};

/* One entry. bytes is valid during the call; error is ERROR_NONE, ERROR_not_found (its data key is not there) or
 * ERROR_store_damaged (bytes is empty then). */
typedef void (*leveldb_visit)(void *context, struct blob_ref ref, struct retention retention, struct slice bytes,
    enum error error);

/* Visits up to `count` committed entries from the cursor on, in the order they were written; *end when none is left.
 * Holds one entry at a time. ERROR_store_damaged, ERROR_file_unreadable when the walk itself cannot go on. Blocks. */
must_check enum error leveldb_store_walk(struct store *store, struct leveldb_cursor *cursor, size_t count,
    leveldb_visit visit, void *context, bool *end, struct disk_failure *failure);

#endif
