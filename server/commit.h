/* SPDX-License-Identifier: Apache-2.0
 *
 * Group commit: decisions with effects gather in the open batch; sealed at the end of a wake-up of the loop while none
 * is on its way and the last is not too near, it becomes one durable store commit and one signed checkpoint, and only
 * then do its answers leave.
 *
 * The order within a batch. Sealing gives blobs their places and leaves their indices, and encodes all records, the
 * leaves' hashes among them. The store makes all of that durable at once: the engine on LevelDB by one write to its
 * journal and one sync (leveldb.h); segments and LevelDB itself get it behind that, unsynced, and are synced by the
 * flusher later, before the journal's space is used again. Then the loop signs the checkpoint and the proofs with it,
 * tells the new checkpoint for publication, and sends the answers. So nothing is signed that a crash could take back,
 * and what a crash takes was promised to nobody; tiles and published files can be made again.
 *
 * No decision rests on what one before it, in its batch or in the one on its way, is about to change: it has to wait
 * (commit_conflicts). What other processes write to a store that is shared, the store compares when it commits, with
 * all that the batch's decisions read: a batch in conflict is given up whole, with its places in the log, before
 * anything of it was answered or signed, and its decisions are run again; one that was in conflict COMMIT_CONFLICTS_MAX
 * times is not any more, so that no request is decided for ever.
 *
 * Any failed commit is final: `failed` is called once, no answer leaves any more, and the process must stop. */
#ifndef GUICHET_COMMIT_H
#define GUICHET_COMMIT_H

#include <openssl/evp.h>

#include "server/decide.h"

/* Leaves of one decision: the receipt or certificate it makes, and what that ends. */
#define COMMIT_LEAVES_MAX ((size_t)4)
/* Records that one decision writes or removes: what keeps a batch within KEYSET_MAX. */
#define COMMIT_PUTS_MAX ((size_t)256)

/* A decision that was in so many batches given up for a conflict is told `busy`. When two processes write the same few
 * records in every batch, one of them gets through each time, and hardly any decision of the other meets fifty. */
#define COMMIT_CONFLICTS_MAX 64U
/* Between the beginnings of two batches. */
#define COMMIT_GAP_MS 2U

struct commit;
struct tree;

struct commit_config {
	struct store *store;
	struct tree *tree;
	struct slice origin; /* of the checkpoint; outlives commit */
	EVP_PKEY *log_key;   /* Ed25519, not owned */
	size_t batch_max;    /* decisions in one batch */
	void (*failed)(void *context, enum error error);
	/* A batch is durable and its checkpoint signed (text borrowed for the call; empty when the batch had no
	 * leaves). */
	void (*settled)(void *context, struct slice checkpoint);
	/* So many decisions of one batch were given up, each after COMMIT_CONFLICTS_MAX conflicts. May be NULL where
	 * the store is exclusive. */
	void (*gave_up)(void *context, size_t count);
	void *context;
};

/* One decided request in a batch. The owner embeds it and keeps view, effects and their arena until `done`, `again` or
 * `busy`. */
struct commit_entry {
	struct commit_entry *next;
	const struct view *view; /* what it read, nothing loading; NULL: nothing */
	struct effects *effects; /* may be none: then only what it read is made sure of */
	struct arena *arena; /* proofs are put here */
	uint64_t now;
	/* Durable: answer. Not called when the commit failed. */
	void (*done)(struct commit_entry *entry);
	/* Another process has written what was read: decide again. What sealing put into the effects is void. Unused,
	 * and may be NULL, where the store is exclusive. */
	void (*again)(struct commit_entry *entry);
	/* The same, but too often: answer busy. Nothing of it is stored. NULL where `again` may be. */
	void (*busy)(struct commit_entry *entry);
	unsigned conflicts; /* counted here; 0 at a request's first decision */
};

must_check struct commit *commit_create(const struct commit_config *config);
void commit_destroy(struct commit *commit);

/* Would a decision that read this have to wait, since the open batch or the one on its way writes what it read? */
bool commit_conflicts(const struct commit *commit, const struct view *view);
/* The open batch takes no more: wait, and be called when another has room. */
bool commit_is_full(const struct commit *commit);
/* Takes a decision whose read set does not conflict. */
void commit_add(struct commit *commit, struct commit_entry *entry);
/* Calls `waiter->done` once the batches of now are durable, for a decision that conflicts, or once there is room, for
 * one that came when the open batch was full: to be run again. */
void commit_wait(struct commit *commit, struct commit_entry *waiter);
/* A decision whose reads come in over several wake-ups: a batch that wrote what was read first may become durable
 * meanwhile, and then meets neither batch any more. The owner embeds this and watches while reads are pending. */
struct commit_watch {
	struct commit_watch *previous, *next;
	const struct view *view;
	bool is_stale; /* what was read is no longer so: forget it, run again */
};
void commit_watch_start(struct commit *commit, struct commit_watch *watch, const struct view *view);
void commit_watch_stop(struct commit *commit, struct commit_watch *watch);
/* Seals the open batch and sends it off, unless one is on its way or there is nothing, and calls some of those who wait
 * for room. */
void commit_seal(struct commit *commit);
/* The loop's hook: the same, but not within COMMIT_GAP_MS of the batch before unless the open one is full. A batch
 * costs a sync, a signature and the threads' wake-ups whatever is in it, and small ones would take a busy server's
 * processor before it has reached its highest rate; a request that comes alone does not wait. now_ms: of a clock that
 * is not set back. Returns when to call again although nothing has happened; 0: never. */
uint64_t commit_pace(struct commit *commit, uint64_t now_ms);
/* Nothing open, nothing on its way, nobody waiting. */
bool commit_is_idle(const struct commit *commit);

#endif
