/* SPDX-License-Identifier: Apache-2.0
 *
 * What the engine's parts share: leveldb.c, reads and batches on the loop's thread; leveldb_commit.c, their way to the
 * disk on the committer's and the flusher's; leveldb_open.c, the start and the walks. Nobody else includes it.
 *
 * The engine's own records have keys that begin with a zero byte: one holds the number of the last batch and the end of
 * the segment written to, one the length of each full segment, and one which data key each class and year has. */
#ifndef GUICHET_STORE_LEVELDB_ENGINE_H
#define GUICHET_STORE_LEVELDB_ENGINE_H

#include "protocol/buf.h"
#include "server/store/blobs.h"
#include "server/store/db.h"
#include "server/store/journal.h"
#include "server/store/leveldb.h"

/* Of the engine's own records. */
#define LEVELDB_RETENTION ((struct retention){ RETENTION_PERMANENT, 0 })
/* Spare batches whose memory is kept. */
#define LEVELDB_SPARES_MAX 2
/* Key and value of the engine's state: batch, segment, end. */
#define LEVELDB_STATE_KEY SLICE_LITERAL("\0c")
#define LEVELDB_STATE_SIZE ((size_t)(8 + 4 + 8))
/* A full segment's key is followed by its number, so that they lie in its order. */
#define LEVELDB_FULL_KEY SLICE_LITERAL("\0s")
#define LEVELDB_FULL_KEY_SIZE ((size_t)(2 + 4))
/* A data key's is followed by what names it (keyring.h); the value is the rest of its identity. */
#define LEVELDB_NOTED_KEY SLICE_LITERAL("\0k")
#define LEVELDB_NOTED_PAST SLICE_LITERAL("\0l")
#define LEVELDB_NOTED_KEY_SIZE ((size_t)2 + KEY_IDENTITY_NAME_SIZE)

struct leveldb_batch {
	struct store_batch batch;
	struct buf *records; /* as db.h has them, the values sealed */
	/* Sealed blobs, for the segment from `start` on. Once finished, also the rest of what the journal's tag covers:
	 * records and header. */
	struct buf *bytes;
	struct journal_entry entry; /* once finished; of `bytes` */
	uint8_t header[JOURNAL_HEADER_SIZE], tag[JOURNAL_TAG_SIZE];
	enum error error;  /* sticks; the committer's verdict in the end */
	struct disk_failure failure;
	uint64_t number;
	uint32_t segment;
	uint64_t start;
	struct key_files keys;
	store_committed done;
	void *context;
};

/* Syncs segments and LevelDB for all that one file of the journal holds, while the other file is filled; on a thread of
 * lower priority than all others (LEVELDB_NICER). */
struct leveldb_flush {
	struct worker *worker;
	struct segment_files files;
	uint64_t number; /* of the last batch that it makes durable; 0: not known yet */
	enum error error; /* these two are the flusher's while it runs, and nobody's to change once it has failed */
	struct disk_failure failure;
	_Atomic bool has_failed;
	void (*flushing)(void *context);
	void *flushing_context;
};

struct leveldb_store {
	struct store store;
	struct disk disk;
	struct disk_failure failure;
	struct keyring *keyring;
	struct worker *committer, *reader;
	struct blobs blobs;
	int directory, lock, segments;
	struct journal journal;
	struct journal_run replay; /* what the open found in it */
	struct leveldb_flush flush;
	struct db *db;
	uint64_t reserve, segment_size;

	/* The loop's. */
	uint64_t number; /* of the last batch given to the committer, which may not be durable yet */
	uint32_t segment;
	uint64_t end; /* of the segment, when all of these are */
	uint64_t marked; /* all batches up to this number are durable without the journal, which says so */
	size_t commits; /* on their way */
	bool space_asked;
	struct leveldb_batch *spares[LEVELDB_SPARES_MAX];

	/* The committer's, with the journal. */
	struct segment_writer writer;
	enum error broken; /* the first error: after it nothing is written */
	uint64_t applied; /* the number of the last batch in segments and LevelDB; 0: none since the open */

	bool lacked_committed;

	_Atomic uint64_t space; /* bytes that the disk has free, beside what the journal has yet to grow by */
};

static inline struct leveldb_store *
leveldb_of_store(struct store *store)
{
	return (struct leveldb_store *)(void *)store;
}

extern const struct store_operations leveldb_operations;

/* The key of a full segment's record. */
void leveldb_full_key(uint32_t segment, uint8_t key[LEVELDB_FULL_KEY_SIZE]);
/* Answer one read each, as store_read does; any key. */
void leveldb_read_get(struct leveldb_store *leveldb, struct store_read *read);
void leveldb_read_range(struct leveldb_store *leveldb, struct store_read *read);
/* An empty batch, and its end. */
must_check struct leveldb_batch *leveldb_batch_take(struct leveldb_store *leveldb);
void leveldb_batch_put_away(struct leveldb_store *leveldb, struct leveldb_batch *batch);
/* Everything that a batch needs before it is written and only the loop can add. */
void leveldb_batch_finish(struct leveldb_store *leveldb, struct leveldb_batch *batch);
/* The tag over what it covers, and whether it is that (a journal_check; the context is the store). */
must_check enum error leveldb_tag_put(struct leveldb_store *leveldb, struct slice covered,
    uint8_t tag[JOURNAL_TAG_SIZE]);
must_check bool leveldb_tag_check(void *context, struct slice covered, const uint8_t tag[JOURNAL_TAG_SIZE]);

/* ---- on the committer's thread, or while it has nothing to do ---- */

/* Writes keys and journal, and applies the entry. */
must_check enum error leveldb_batch_write(struct leveldb_store *leveldb, struct leveldb_batch *batch);
/* Blobs to their segment, records to LevelDB, nothing synced. */
must_check enum error leveldb_apply(struct leveldb_store *leveldb, const struct journal_entry *entry, bool with_records,
    struct disk_failure *failure);
/* Starts the flusher's thread and lets it open LevelDB, whose own thread then takes after it. */
must_check enum error leveldb_flusher_start(struct leveldb_store *leveldb, const char *path, bool create);
/* Waits until what was applied before is durable without the journal. */
must_check enum error leveldb_flush_now(struct leveldb_store *leveldb, struct disk_failure *failure);
/* Says in the journal that everything up to leveldb->number is. */
must_check enum error leveldb_mark(struct leveldb_store *leveldb, struct disk_failure *failure);
/* Notes in DIR/committed that there were so many batches, durable without the journal. */
must_check enum error leveldb_committed_note(struct leveldb_store *leveldb, uint64_t number,
    struct disk_failure *failure);
void leveldb_space_measure(struct leveldb_store *leveldb);

/* Blocks until nothing is on its way. */
void leveldb_wait(struct store *store);
/* Frees what there is of a store, opened whole or not. */
void leveldb_store_free(struct leveldb_store *leveldb);

#endif
