/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's tree in memory: its frontier, and of each level the tile that is not full yet. Full tiles are records of
 * the store, written in the batch that fills them; everything here can be rebuilt from records. One batch at a time
 * is under way: tree_seal computes it, tree_settle makes it the present once it is durable, tree_unseal drops it.
 *
 * A log is one process's own, and its records' keys do not say whose: a store has one log. Processes that share a store
 * and log each need a name of their log in these keys, and beside each place in a log that other records tell. */
#ifndef GUICHET_TREE_H
#define GUICHET_TREE_H

#include "protocol/arena.h"
#include "protocol/error.h"
#include "protocol/merkle.h"
#include "server/store/records.h"
#include "server/store/store.h"

#define TILE_WIDTH 256U
#define TREE_LEVELS 8U

struct tree;

/* Reads the last batch and what the tiles in progress need, and checks that they agree. Blocking reads: at start
 * only. */
must_check enum error tree_open(struct store *store, struct tree **out, struct fault *fault);
void tree_close(struct tree *tree);

/* The key of a full tile's record, in the arena; empty when that is full. */
struct slice tree_tile_key(struct arena *arena, unsigned level, uint64_t index);

/* The durable tree; what is borrowed of it is so until the next tree_settle. */
uint64_t tree_size(const struct tree *tree);
const struct merkle_frontier *tree_frontier(const struct tree *tree);
/* The newest `*width` hashes of the tile in progress at that level; NULL when it has none. */
const struct hash *tree_partial_tile(const struct tree *tree, unsigned level, uint64_t *index, unsigned *width);

/* The signed checkpoint of the durable tree, once it is kept: at start, and whenever a batch has settled. So it is
 * signed once, however often it is asked for. Borrowed until the next tree_settle. */
struct slice tree_checkpoint(const struct tree *tree);
/* `text` of at most LIMIT_PROOF_SIZE bytes is copied. */
void tree_keep_checkpoint(struct tree *tree, struct slice text);

/* Computes the tree after `leaves` are appended and puts the records that belong to it (the batch's own, and tiles
 * that it fills) into `batch`. `archives` holds 24 bytes a leaf. The result lives in the arena: it proves the
 * leaves. NULL when memory is short. No other batch may be under way. */
must_check struct merkle_batch *tree_seal(struct tree *tree, struct store_batch *batch, const struct hash *leaves,
    const struct blob_ref *archives, size_t count, uint64_t now, struct arena *arena);
/* The sealed batch is durable: it becomes the present tree. */
void tree_settle(struct tree *tree);
/* The sealed batch was refused by the store: it is as if never sealed, its leaves have no places. */
void tree_unseal(struct tree *tree);

/* The tree before a stored batch, from its record. ERROR_store_damaged when the record is not of one shape. */
must_check enum error log_batch_frontier(const struct rec_log_batch *batch, struct merkle_frontier *out);

#endif
