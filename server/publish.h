/* SPDX-License-Identifier: Apache-2.0
 *
 * What the office publishes in DIR/public, and the same files in memory for the publication operation: trust,
 * campaign, CRL, and the log as tlog-tiles with a checkpoint at most once a second. Files of the log are a cache:
 * whatever is missing is written again from the store. All disk work is done by a worker. */
#ifndef GUICHET_PUBLISH_H
#define GUICHET_PUBLISH_H

#include "protocol/arena.h"
#include "protocol/error.h"
#include "server/store/store.h"
#include "server/worker.h"

struct tree;

/* ---- files in memory ---- */

struct publications;

/* Reads every published file of DIR/public. Blocking: for start and reload. The fault's texts live in the arena. */
must_check enum error publications_load(
    const char *directory, struct arena *arena, struct publications **out, struct fault *fault);
void publications_destroy(struct publications *publications);
/* The file of that name; false when there is none. Borrowed until the next publications_set. */
must_check bool publications_find(const struct publications *publications, struct slice name, struct slice *content);
/* Replaces a file's content in memory; false when memory is short. */
must_check bool publications_set(struct publications *publications, const char *name, struct slice content);

/* ---- files on disk ---- */

struct publisher;

/* `failed` is told which file could not be written; the server goes on, since nothing was lost. */
must_check struct publisher *publisher_create(const char *directory, struct worker *worker, struct store *store,
    const struct tree *tree, void (*failed)(void *context, const char *name), void *context);
/* The worker must have nothing left of it. */
void publisher_destroy(struct publisher *publisher);
/* Writes a file of DIR/public, whole or not at all. */
void publisher_write(struct publisher *publisher, const char *name, struct slice content);
/* A newer signed checkpoint is at hand; kept until the next tick. */
void publisher_offer_checkpoint(struct publisher *publisher, struct slice text);
/* Once a second: writes the tiles that the offered checkpoint covers, then the checkpoint itself. */
void publisher_tick(struct publisher *publisher);
/* Writes all that was offered and waits for it: for an orderly stop. */
void publisher_finish(struct publisher *publisher);

#endif
