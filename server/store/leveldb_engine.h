/* SPDX-License-Identifier: Apache-2.0
 *
 * What leveldb.c, the engine at work, and leveldb_open.c, its start and its walks, share. Nobody else includes it.
 *
 * The engine's own records have keys that begin with a zero byte: one holds the number of the last batch and the end of
 * the segment written to, and one the length of each full segment. */
#ifndef GUICHET_STORE_LEVELDB_ENGINE_H
#define GUICHET_STORE_LEVELDB_ENGINE_H

#include "protocol/buf.h"
#include "server/store/blobs.h"
#include "server/store/db.h"
#include "server/store/leveldb.h"

/* Spare batches whose memory is kept. */
#define LEVELDB_SPARES_MAX 2
/* A lower bound of the last batch's number, written at an orderly close. */
#define LEVELDB_COMMITTED_NAME "committed"
/* Key and value of the engine's state: batch, segment, end. */
#define LEVELDB_STATE_KEY SLICE_LITERAL("\0c")
#define LEVELDB_STATE_SIZE ((size_t)(8 + 4 + 8))
/* A full segment's key is followed by its number, so that they lie in its order. */
#define LEVELDB_FULL_KEY SLICE_LITERAL("\0s")
#define LEVELDB_FULL_KEY_SIZE ((size_t)(2 + 4))

struct leveldb_batch {
	struct store_batch batch;
	struct db_batch *records;
	struct buf *bytes; /* sealed blobs, for the segment from `start` on */
	uint8_t *scratch;  /* a sealed value on its way into records */
	size_t scratch_size;
	enum error error;  /* sticks; the committer's verdict in the end */
	struct disk_failure failure;
	uint64_t number;
	uint32_t segment;
	uint64_t start;
	struct key_files keys;
	store_committed done;
	void *context;
};

struct leveldb_store {
	struct store store;
	struct disk disk;
	struct disk_failure failure;
	struct keyring *keyring;
	struct worker *committer, *reader;
	struct blobs blobs;
	int directory, lock, segments;
	struct db *db;
	uint64_t reserve, segment_size;

	/* The loop's. */
	uint64_t number; /* of the last batch committed */
	uint32_t segment;
	uint64_t end; /* of the segment, with every batch committed */
	size_t commits; /* on their way */
	bool space_asked;
	struct leveldb_batch *spares[LEVELDB_SPARES_MAX];

	/* The committer's. */
	struct segment_writer writer;
	enum error broken; /* the first error: after it nothing is written */

	_Atomic uint64_t space; /* bytes that the disk has free */
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
/* Everything that a batch needs before it is written and only the loop can add; then, on the committer's thread, the
 * write: keys, blobs, records. */
void leveldb_batch_finish(struct leveldb_store *leveldb, struct leveldb_batch *batch);
must_check enum error leveldb_batch_write(struct leveldb_store *leveldb, struct leveldb_batch *batch);
void leveldb_space_measure(struct leveldb_store *leveldb);
/* Blocks until nothing is on its way. */
void leveldb_wait(struct store *store);
/* Frees what there is of a store, opened whole or not. */
void leveldb_store_free(struct leveldb_store *leveldb);

#endif
