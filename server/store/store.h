/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: ordered small records, and blobs, behind one table of operations. An engine may answer at once or
 * later (a network database); callers are written for later. All calls and all callbacks happen on the loop's thread.
 *
 * Keys are at most STORE_KEY_MAX bytes and never hold anything personal in clear (keys.h). Values and blobs are sealed
 * by the engine: what goes in comes out, on disk it is ciphertext under the data key of its retention class and year.
 *
 * A commit is atomic and durable: when `done` is called with ERROR_NONE, all of it survives any crash. Any other
 * error is final (design section 6): the process must stop without answering. */
#ifndef GUICHET_STORE_H
#define GUICHET_STORE_H

#include "protocol/arena.h"
#include "protocol/error.h"

#define STORE_KEY_MAX ((size_t)96)

/* How long a record lives, and so under which data key it is sealed. The numbers are stored. */
enum retention_class {
	RETENTION_PERMANENT = 1,  /* the log's hashes, engine records */
	RETENTION_REGISTER = 2,   /* taxpayers, households */
	RETENTION_CERTIFICATE = 3, /* certificates and the evidence of enrolment */
	RETENTION_FILING = 4,     /* filings, receipts, documents: ten years */
	RETENTION_ATTEMPT = 5,    /* counters of failed attempts */
	RETENTION_MAIL = 6,       /* outgoing mail */
};

struct retention {
	enum retention_class class;
	uint16_t year; /* the year it counts from; 0 for RETENTION_PERMANENT */
};

/* Where a blob is; opaque, fixed in size, meant to be put into records. All zeros: no blob. */
struct blob_ref {
	uint8_t bytes[24];
};

struct store;
struct store_batch;

/* ---- reads ---- */

enum store_read_kind { STORE_GET, STORE_RANGE, STORE_BLOB };

struct store_pair {
	struct slice key, value;
};

/* One read. The caller fills the upper part, the engine the lower; results live in `arena`. */
struct store_read {
	enum store_read_kind kind;
	struct arena *arena;
	struct slice key; /* STORE_GET: the key. STORE_RANGE: first key, inclusive */
	struct slice end; /* STORE_RANGE: first key no longer wanted */
	bool backward;    /* STORE_RANGE: from the end towards the first key */
	size_t limit;     /* STORE_RANGE: pairs wanted, at least 1 */
	struct blob_ref ref; /* STORE_BLOB */

	enum error error; /* ERROR_NONE, ERROR_store_damaged (final), ERROR_out_of_memory */
	bool found;       /* STORE_GET, STORE_BLOB */
	struct slice value; /* STORE_GET, STORE_BLOB */
	struct store_pair *pairs; /* STORE_RANGE */
	size_t pairs_count;
};

typedef void (*store_done)(void *context, enum error error);

enum store_progress { STORE_READY, STORE_PENDING };

/* ---- the table of operations: what an engine is ---- */

struct store_operations {
	const char *name;
	/* Fills reads[0..count). STORE_READY: all filled on return, `done` is not called. STORE_PENDING: `done` will be. The reads
	 * must stay where they are until then. */
	enum store_progress (*read)(struct store *store, struct store_read *reads, size_t count, store_done done, void *context);
	/* An empty batch; several may be open or on their way. NULL when memory is short. */
	struct store_batch *(*batch_create)(struct store *store);
	/* Key and value are copied (sealed) at once. A later put or delete of the same key in a batch wins. */
	void (*put)(struct store_batch *batch, struct retention retention, struct slice key, struct slice value);
	void (*remove)(struct store_batch *batch, struct slice key);
	/* Gives the blob its place at once; the bytes are copied (sealed). */
	struct blob_ref (*blob)(struct store_batch *batch, struct retention retention, struct slice bytes);
	/* Makes the batch durable, batches in the order committed; takes the batch. `done` is called later from the loop, or, by an
	 * engine without a disk, before commit returns. */
	void (*commit)(struct store_batch *batch, store_done done, void *context);
	/* Gives up a batch that was not committed. Blob places it gave out are void; only the newest batch may be given up. */
	void (*batch_destroy)(struct store_batch *batch);
	/* Room for how many more bytes before the reserve is touched. */
	uint64_t (*space_left)(struct store *store);
	/* Closes; every commit must be done. */
	void (*close)(struct store *store);
};

/* Engines embed this first. */
struct store {
	const struct store_operations *operations;
};

/* ---- convenience for offline tools and tests: commit and wait; reads that must be ready ---- */

/* Only on engines whose read is always ready (LevelDB, memory). Found: *value in the arena. */
must_check enum error store_get_now(struct store *store, struct slice key, struct arena *arena, bool *found, struct slice *value);
must_check enum error store_range_now(struct store *store, struct slice key, struct slice end, bool backward, size_t limit, struct arena *arena,
    struct store_pair **pairs, size_t *count);
must_check enum error store_blob_now(struct store *store, struct blob_ref ref, struct arena *arena, struct slice *value);

#endif
