/* SPDX-License-Identifier: Apache-2.0
 *
 * What the office writes to DIR/public while it runs: the revocation list, and the log as tlog-tiles with a checkpoint
 * at most once a second. All disk work is done by a worker. The checkpoint on disk is the mark of how far the log is
 * published: it gets its name only when every tile that it covers, and the directories on the way to it, are synced, so
 * that no power cut leaves a checkpoint without its tiles. What could not be written is tried again with the next
 * tick.
 *
 * A tile that is not full yet is a file for each width that a checkpoint had, at most 255 of a level: whoever holds an
 * older checkpoint finds its own. Once it is full in the published checkpoint, and that is durable, they are removed,
 * as tlog-tiles allows: readers then take the full one.
 *
 * publisher_mend has the names looked at that the checkpoint of before the start covers: a tile that is gone, or has
 * not the size of its hashes, is written anew from the store, in each level the newest first, a thousand names a tick.
 * Other bytes of the same number, and what is lost while the server runs, only an audit finds. */
#ifndef GUICHET_PUBLISH_H
#define GUICHET_PUBLISH_H

#include "protocol/arena.h"
#include "protocol/error.h"
#include "server/publications.h"
#include "server/publish_disk.h"
#include "server/store/store.h"
#include "server/worker.h"

struct tree;

struct publisher;

struct publisher_calls {
	/* Something could not be done; the server goes on, since nothing was lost. Borrowed for the call. */
	void (*failed)(void *context, const struct publish_failure *failure);
	/* Work of this kind has been done: what could not be is over. Of sweeping never said. May be NULL. */
	void (*done)(void *context, enum publish_work work);
	/* So many tiles were missing and are there again, one of them by its name. May be NULL. */
	void (*mended)(void *context, const char *name, size_t count);
	void *context;
};

must_check struct publisher *publisher_create(const char *directory, struct worker *worker, struct store *store,
    const struct tree *tree, const struct publisher_calls *calls);
/* Worker and store must have nothing left of it (publisher_finish). */
void publisher_destroy(struct publisher *publisher);
/* Writes a file of DIR/public, whole or not at all; holds the content meanwhile. One that cannot be written is tried
 * again with each tick, until it is there or a newer one is. The name is a constant, the same for all. */
void publisher_write(struct publisher *publisher, const char *name, struct content *content);
/* A newer signed checkpoint is at hand; kept until it is written or a newer one comes. */
void publisher_offer_checkpoint(struct publisher *publisher, struct slice text);
/* From the next tick on, looks for what is missing of what was published before the start. */
void publisher_mend(struct publisher *publisher);
/* Once a second: writes the tiles that the offered checkpoint covers, then the checkpoint itself. Far behind, a tick
 * goes a step of some 28,000 leaves. And removes what full tiles have made superfluous, of at most 128 tiles: after a
 * start it looks at all of them once, so what a crash left does not stay. */
void publisher_tick(struct publisher *publisher);
/* Writes all that was offered and waits for it: for an orderly stop. A single file that failed is not tried again: the
 * next start makes it anew, and a tool tells it. NULL is allowed. */
void publisher_finish(struct publisher *publisher);

#endif
