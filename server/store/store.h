/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: ordered small records, and blobs, behind one table of operations. An engine may answer at once or
 * later (a network database); callers are written for later. All calls and all callbacks happen on the loop's thread.
 *
 * Keys are 1 to STORE_KEY_MAX bytes, never begin with a zero byte (the engine's own records do) and never hold
 * anything personal in clear (keys.h). Values and blobs are sealed by the engine: what goes in comes out, on disk it
 * is ciphertext under the data key of its retention class and year.
 *
 * Reads see what is committed, never a batch that is open or on its way. One batch is open at a time; several may be on
 * their way, and they become durable in the order committed. A commit is atomic and durable: once it is told to be
 * STORE_DURABLE, all of it survives any crash. STORE_FAILED is final, since a sync that failed once may report success
 * the next time without what was lost: the process must stop without answering; store_failure says why. A read that
 * fails is not: it says itself what is wrong, and others go on.
 *
 * An engine is exclusive, or several processes share what is stored. What one decision reads and another of the same
 * process writes, the process itself keeps apart (commit.h); what another process writes, only the engine can know.
 * So a batch says what it rests on (store_expect), and a shared engine refuses it, STORE_CONFLICT, when any of that has
 * changed since it was read: nothing of it is stored, and its decisions are to be run again. An exclusive engine, as
 * the one on LevelDB is by its lock, has nothing to compare and never refuses. */
#ifndef GUICHET_STORE_H
#define GUICHET_STORE_H

#include "protocol/arena.h"
#include "protocol/error.h"

#define STORE_KEY_MAX ((size_t)96)
/* Records are small; what can be large is a blob. */
#define STORE_VALUE_MAX ((size_t)(256 * 1024))
/* An attachment at its limit, with room for what is stored beside it. */
#define STORE_BLOB_MAX ((size_t)(32 * 1024 * 1024))
/* Blobs of one batch, with what sealing adds. Seal a batch long before: it is held in memory. */
#define STORE_BATCH_MAX ((size_t)(256 * 1024 * 1024))
/* The words for why a read failed, with the zero byte. */
#define STORE_CAUSE_SIZE ((size_t)320)
/* Batches committed and not done yet. */
#define STORE_COMMITS_MAX ((size_t)64)

/* How long a record lives, and so under which data key it is sealed. The numbers are stored.
 *
 * What belongs together must not end at different times: a year of RETENTION_FILING ends when the last filing that may
 * refer to it has had its ten years. A part of an upload is sealed under the year it arrived in, its filing under its
 * own, and an upload lives for fifteen days (UPLOAD_LIFE_S): what was archived in a year Y may belong to a filing of
 * January, Y + 1. So RETENTION_FILING of Y is kept until the end of Y + 11. */
enum retention_class {
	RETENTION_PERMANENT = 1,  /* the log's hashes, engine records, texts of the contract */
	RETENTION_REGISTER = 2,   /* taxpayers, households */
	RETENTION_CERTIFICATE = 3, /* certificates and the evidence of enrolment */
	RETENTION_FILING = 4,     /* filings, receipts, documents and parts of such: ten years after the last of them */
	RETENTION_ATTEMPT = 5,    /* counters of failed attempts */
	RETENTION_MAIL = 6,       /* outgoing mail */
	RETENTION_DRAFT = 7,      /* drafts; parts of uploads are RETENTION_FILING from the start: services/uploads.h */
	RETENTION_HOLD = 8,       /* what a dispute keeps beyond its class */
};
#define RETENTION_CLASS_MAX RETENTION_HOLD

struct retention {
	enum retention_class class;
	/* The year it counts from; 0 for RETENTION_PERMANENT; for RETENTION_DRAFT, whose keys live for days, the day of
	 * expiry in days since 1 January 1970. */
	uint16_t year;
};

/* Where a blob is; opaque, fixed in size, meant to be put into records. All zeros: no blob. */
struct blob_ref {
	uint8_t bytes[24];
};

struct store;

/* Engines embed this first. */
struct store_batch {
	struct store *store;
};

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

	/* ERROR_NONE; ERROR_store_damaged, ERROR_file_unreadable; ERROR_out_of_memory (the arena's maximum too);
	 * ERROR_busy: too many cold reads wait. */
	enum error error;
	const char *cause; /* of damage or an unreadable file: which, where, and what is wrong; else "" */
	bool found;       /* STORE_GET, STORE_BLOB (false for no blob) */
	struct slice value; /* STORE_GET, STORE_BLOB */
	struct store_pair *pairs; /* STORE_RANGE, in the order read */
	size_t pairs_count;

	const struct store_read *next; /* the reader's own, in a list for store_expect */
};

/* The error is ERROR_NONE; look into each read. */
typedef void (*store_done)(void *context, enum error error);

enum store_progress { STORE_READY, STORE_PENDING };

/* Fills reads[0..count). STORE_READY: all filled on return, `done` is not called. STORE_PENDING: `done` will be, later.
 * The reads, their keys and arenas must stay where they are until then. */
must_check enum store_progress store_read(struct store *store, struct store_read *reads, size_t count, store_done done,
    void *context);

/* ---- writes ---- */

/* An empty batch, the only one open. NULL when memory is short. */
must_check struct store_batch *store_batch_create(struct store *store);
/* Key and value are copied (sealed) at once. A later put or remove of the same key in a batch wins. A failure sticks to
 * the batch and comes out of its commit. */
void store_put(struct store_batch *batch, struct retention retention, struct slice key, struct slice value);
void store_remove(struct store_batch *batch, struct slice key);
/* Gives the blob its place at once; the bytes are copied (sealed). */
must_check struct blob_ref store_blob(struct store_batch *batch, struct retention retention, struct slice bytes);
/* The batch rests on this read and those that follow it by `next`, all of them finished: on the values, the absences
 * and the ranges as they were read. (Blobs do not change; a read that failed showed nothing.) NULL: on nothing. Nothing
 * is copied: they must stay where they are until the commit is told. */
void store_expect(struct store_batch *batch, const struct store_read *reads);

enum store_outcome {
	STORE_DURABLE,
	STORE_CONFLICT, /* what the batch rests on has changed: it is as if never made, its blobs' places are void */
	STORE_FAILED,   /* final; the error says why */
};
typedef void (*store_committed)(void *context, enum store_outcome outcome, enum error error);

/* Makes the batch durable, batches in the order committed; takes the batch. `done` is called later from the loop, or,
 * by an engine without a disk, before commit returns. At most STORE_COMMITS_MAX may be on their way (asserted). */
void store_commit(struct store_batch *batch, store_committed done, void *context);
/* Gives up the open batch. Blob places it gave out are void. */
void store_batch_destroy(struct store_batch *batch);

/* ---- state ---- */

/* What a write is for. A reserve of the disk is kept from the ordinary ones, so that what is small and cannot wait
 * still goes through when they no longer do: a revocation, and sweeping, which forgets keys. (Neither makes room: what
 * segments hold stays.) The vital ones may use the reserve down to STORE_FLOOR. */
enum store_purpose { STORE_ORDINARY, STORE_VITAL };
/* Bytes that an engine needs itself to settle what it has taken, and to start: LevelDB writes out its buffer and merges
 * tables. Vital writes leave so much, or the whole reserve where that is smaller. */
#define STORE_FLOOR ((uint64_t)64 * 1024 * 1024)

/* Bytes that writes of that purpose may still take, as of the last commit or store_space_free. What has been decided
 * and is not committed yet is not taken off: room.h counts that. */
uint64_t store_space_left(struct store *store, enum store_purpose purpose);
/* Bytes that the disk has free, less those by which the engine's files have yet to grow; as of the last commit or the
 * last call. Each call has it measured anew for the next one: others fill and empty the disk too, so ask from time to
 * time, also when nothing is committed. */
uint64_t store_space_free(struct store *store);
/* Does nobody else write here while it is open? Then no commit is ever told STORE_CONFLICT. */
bool store_is_exclusive(const struct store *store);
/* What the first final error was, of a commit or of what is done behind them: file, call and the system's words.
 * Borrowed from the store; empty before. */
const char *store_failure(const struct store *store);
/* An engine may still have work with what it told to be durable (syncing what the journal holds elsewhere), and fail at
 * it while there is no commit to tell of it: ask from time to time. ERROR_NONE, or the error, which is final;
 * store_failure has the words. */
must_check enum error store_error(struct store *store);
/* Blocks until every read and commit on its way is done, their callbacks called. For tools and an orderly stop. */
void store_wait(struct store *store);
/* The end of all writing, before an orderly close: blocks until everything is put away, so that the next open has
 * nothing to do again. ERROR_NONE, or the final error, of before or of now; of a full disk, when every commit was told
 * to be durable, it says only that the next open has to do it. No batch may be open, nothing on its way (asserted). */
must_check enum error store_settle(struct store *store);
/* Closes; no batch may be open, nothing on its way (asserted). What was not settled is durable nevertheless. NULL is
 * allowed. */
void store_close(struct store *store);

/* ---- convenience for offline tools, tests, and the server's start: wait for the answer (other callbacks may run
 * meanwhile). Once the server serves, only a reload waits, for one small record (campaign_year.h): it reads the
 * office's files from the disk as well, and must know before it goes on whether they may take the place of the
 * others ---- */

/* The cause of the last of these reads that failed (struct store_read). Borrowed from the store; empty before. */
const char *store_read_failure(const struct store *store);
/* Found: *value in the arena. An empty key is one that could not be made: ERROR_out_of_memory. */
must_check enum error store_get_now(struct store *store, struct slice key, struct arena *arena, bool *found,
    struct slice *value);
must_check enum error store_range_now(struct store *store, struct slice key, struct slice end, bool backward,
    size_t limit, struct arena *arena, struct store_pair **pairs, size_t *count);
/* ERROR_not_found for no blob. */
must_check enum error store_blob_now(struct store *store, struct blob_ref ref, struct arena *arena,
    struct slice *value);
/* For a batch that rests on nothing, which cannot be in conflict (asserted). */
must_check enum error store_commit_now(struct store_batch *batch);

/* ---- the table of operations: what an engine is; called only by the functions above, which keep the contract ---- */

struct store_operations {
	const char *name;
	enum store_progress (*read)(struct store *store, struct store_read *reads, size_t count, store_done done,
	    void *context);
	struct store_batch *(*batch_create)(struct store *store);
	void (*put)(struct store_batch *batch, struct retention retention, struct slice key, struct slice value);
	void (*remove)(struct store_batch *batch, struct slice key);
	struct blob_ref (*blob)(struct store_batch *batch, struct retention retention, struct slice bytes);
	void (*expect)(struct store_batch *batch, const struct store_read *reads); /* NULL: an exclusive engine's */
	void (*commit)(struct store_batch *batch, store_committed done, void *context);
	void (*batch_destroy)(struct store_batch *batch);
	uint64_t (*space_left)(struct store *store, enum store_purpose purpose);
	uint64_t (*space_free)(struct store *store);
	const char *(*failure)(const struct store *store);
	enum error (*error)(struct store *store);
	void (*wait)(struct store *store);
	enum error (*settle)(struct store *store);
	void (*close)(struct store *store);
};

/* Engines embed this first, zeroed but for the table and what it is. */
struct store {
	const struct store_operations *operations;
	bool is_exclusive;
	/* Kept by store.c. */
	struct store_batch *open;
	char read_failure[STORE_CAUSE_SIZE];
};

#endif
