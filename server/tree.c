/* SPDX-License-Identifier: Apache-2.0
 *
 * Two copies of the tree's right edge: the durable one, and the one that the batch under way will make. */
#include "server/tree.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"
#include "server/store/keys.h"
#include "server/store/records.h"

/* Memory for reading records back at start. */
#define OPEN_ARENA ((size_t)64 * 1024 * 1024)

/* Of one level, the tile that is not full. */
struct row {
	uint64_t index;
	unsigned width;
	struct hash hashes[TILE_WIDTH];
};

struct edge {
	struct merkle_frontier frontier;
	struct row rows[TREE_LEVELS];
};

struct tree {
	struct edge edges[2], *durable, *sealed;
	bool is_sealed;
	size_t checkpoint_size;
	uint8_t checkpoint[LIMIT_PROOF_SIZE];
};

struct slice
tree_tile_key(struct arena *arena, unsigned level, uint64_t index)
{
	uint8_t level_byte = (uint8_t)level;
	return KEY_MAKE(arena, KEY_tile, slice_of(&level_byte, 1), key_part_u64(arena, index));
}

/* Adds a hash to a level's tile; a tile that fills becomes a record and one hash of the level above. False when memory
 * is short. */
static bool
edge_add(struct edge *edge, struct store_batch *batch, const struct hash *hash, struct arena *arena)
{
	struct hash carried = *hash;

	for (unsigned level = 0; level < TREE_LEVELS; level++) {
		struct row *row = &edge->rows[level];
		row->hashes[row->width++] = carried;
		if (row->width < TILE_WIDTH)
			return true;
		struct slice key = tree_tile_key(arena, level, row->index);
		if (key.size == 0)
			return false;
		store_put(batch, (struct retention){ RETENTION_PERMANENT, 0 }, key,
		    slice_of(row->hashes, sizeof row->hashes));
		merkle_fold(row->hashes, TILE_WIDTH);
		carried = row->hashes[0];
		row->index++;
		row->width = 0;
	}
	return true;
}

/* Of each row only what it holds: most of them are short. */
static void
edge_copy(const struct edge *from, struct edge *to)
{
	to->frontier = from->frontier;
	for (unsigned level = 0; level < TREE_LEVELS; level++) {
		const struct row *row = &from->rows[level];
		to->rows[level].index = row->index;
		to->rows[level].width = row->width;
		memcpy(to->rows[level].hashes, row->hashes, row->width * sizeof row->hashes[0]);
	}
}

static struct slice
hashes_slice(const struct hash *hashes, size_t count)
{
	return slice_of(hashes, count * sizeof *hashes);
}

struct merkle_batch *
tree_seal(struct tree *tree, struct store_batch *batch, const struct hash *leaves,
    const struct blob_ref *archives, size_t count, uint64_t now, struct arena *arena)
{
	const struct merkle_frontier *before = &tree->durable->frontier;
	struct merkle_batch *merkle = merkle_batch_create(before, leaves, count, arena);

	check(!tree->is_sealed);
	if (merkle == NULL)
		return NULL;
	edge_copy(tree->durable, tree->sealed);
	tree->sealed->frontier = *merkle_batch_after(merkle);
	for (size_t i = 0; i < count; i++)
		if (!edge_add(tree->sealed, batch, &leaves[i], arena))
			return NULL;
	struct rec_log_batch record = {
		.size_before = before->size,
		.frontier = hashes_slice(before->hashes, before->count),
		.leaves = hashes_slice(leaves, count),
		.archives = slice_of(archives, count * sizeof *archives),
		.sealed_at = now,
	};
	struct slice key = KEY_MAKE(arena, KEY_log_batch, key_part_u64(arena, before->size));
	struct slice value = record_encode(record_log_batch(), &record, arena);
	if (key.size == 0 || value.size == 0)
		return NULL;
	store_put(batch, (struct retention){ RETENTION_PERMANENT, 0 }, key, value);
	tree->is_sealed = true;
	return merkle;
}

void
tree_settle(struct tree *tree)
{
	check(tree->is_sealed);
	struct edge *before = tree->durable;
	tree->durable = tree->sealed;
	tree->sealed = before;
	tree->is_sealed = false;
	tree->checkpoint_size = 0;
}

void
tree_unseal(struct tree *tree)
{
	check(tree->is_sealed);
	tree->is_sealed = false;
}

struct slice
tree_checkpoint(const struct tree *tree)
{
	return slice_of(tree->checkpoint, tree->checkpoint_size);
}

void
tree_keep_checkpoint(struct tree *tree, struct slice text)
{
	check(text.size <= sizeof tree->checkpoint);
	if (text.size != 0)
		memcpy(tree->checkpoint, text.data, text.size);
	tree->checkpoint_size = text.size;
}

uint64_t
tree_size(const struct tree *tree)
{
	return tree->durable->frontier.size;
}

const struct merkle_frontier *
tree_frontier(const struct tree *tree)
{
	return &tree->durable->frontier;
}

const struct hash *
tree_partial_tile(const struct tree *tree, unsigned level, uint64_t *index, unsigned *width)
{
	const struct row *row;

	if (level >= TREE_LEVELS)
		return NULL;
	row = &tree->durable->rows[level];
	*index = row->index;
	*width = row->width;
	return row->width == 0 ? NULL : row->hashes;
}

enum error
log_batch_frontier(const struct rec_log_batch *batch, struct merkle_frontier *out)
{
	size_t count = batch->frontier.size / sizeof(struct hash);

	if (batch->frontier.size % sizeof(struct hash) != 0 || batch->leaves.size % sizeof(struct hash) != 0 ||
	    batch->archives.size % sizeof(struct blob_ref) != 0 ||
	    batch->archives.size / sizeof(struct blob_ref) != batch->leaves.size / sizeof(struct hash) ||
	    count != (size_t)__builtin_popcountll(batch->size_before))
		return ERROR_store_damaged;
	*out = (struct merkle_frontier){ .size = batch->size_before, .count = count };
	if (count != 0)
		memcpy(out->hashes, batch->frontier.data, batch->frontier.size);
	return ERROR_NONE;
}

/* ---- start ---- */

/* Walks the batches backward from the end; fills the leaf row and, from the newest, the frontier. */
static enum error
edge_read_batches(struct edge *edge, struct store *store, struct arena *arena, struct fault *fault)
{
	static const uint8_t first = KEY_log_batch, past = KEY_log_batch + 1;
	struct slice end = slice_of(&past, 1);
	bool is_newest = true;
	uint64_t wanted = 0;

	for (;;) {
		struct store_pair *pairs;
		struct rec_log_batch batch;
		size_t count;
		enum error error = store_range_now(store, slice_of(&first, 1), end, true, 1, arena, &pairs, &count);
		if (error != ERROR_NONE)
			return error;
		if (count == 0)
			return is_newest || wanted == 0 ? ERROR_NONE
							: fault_set(fault, ERROR_store_damaged, "log batches",
							      SLICE_EMPTY, "no gap before the newest");
		struct merkle_frontier frontier;
		if (record_decode(record_log_batch(), pairs[0].value, arena, &batch) != ERROR_NONE ||
		    log_batch_frontier(&batch, &frontier) != ERROR_NONE)
			return fault_set(fault, ERROR_store_damaged, "log batch", SLICE_EMPTY, "a well-formed record");
		uint64_t size = batch.leaves.size / sizeof(struct hash), size_after = batch.size_before + size;
		if (is_newest) {
			for (uint64_t i = 0; i < size; i++) {
				struct hash leaf;
				memcpy(&leaf, batch.leaves.data + i * sizeof leaf, sizeof leaf);
				merkle_frontier_append(&frontier, &leaf);
			}
			edge->frontier = frontier;
			edge->rows[0].index = size_after / TILE_WIDTH;
			edge->rows[0].width = (unsigned)(size_after % TILE_WIDTH);
			wanted = size_after;
		}
		uint64_t row_start = edge->rows[0].index * TILE_WIDTH;
		if (size_after != wanted)
			return fault_set(
			    fault, ERROR_store_damaged, "log batches", SLICE_EMPTY, "batches without a gap");
		for (uint64_t i = batch.size_before < row_start ? row_start : batch.size_before; i < size_after; i++)
			memcpy(&edge->rows[0].hashes[i - row_start],
			    batch.leaves.data + (i - batch.size_before) * sizeof(struct hash), sizeof(struct hash));
		wanted = batch.size_before;
		if (wanted <= row_start)
			return ERROR_NONE;
		is_newest = false;
		end = pairs[0].key;
	}
}

/* The roots of the full tiles below a level's tile in progress. */
static enum error
edge_read_tiles(struct edge *edge, struct store *store, struct arena *arena, struct fault *fault)
{
	uint64_t nodes = edge->frontier.size;

	for (unsigned level = 1; level < TREE_LEVELS; level++) {
		struct row *row = &edge->rows[level];
		nodes /= TILE_WIDTH;
		row->index = nodes / TILE_WIDTH;
		row->width = (unsigned)(nodes % TILE_WIDTH);
		for (unsigned i = 0; i < row->width; i++) {
			struct hash tile[TILE_WIDTH];
			struct slice value;
			bool found;
			struct slice key = tree_tile_key(arena, level - 1, row->index * TILE_WIDTH + i);
			enum error error = store_get_now(store, key, arena, &found, &value);
			if (error != ERROR_NONE)
				return error;
			if (!found || value.size != sizeof tile)
				return fault_set(fault, ERROR_store_damaged, "log tile", SLICE_EMPTY, "a full tile");
			memcpy(tile, value.data, sizeof tile);
			merkle_fold(tile, TILE_WIDTH);
			row->hashes[i] = tile[0];
		}
	}
	return ERROR_NONE;
}

/* The frontier as the rows have it: each row's width in binary, largest subtree first, from the top level down. */
static void
edge_fold_rows(const struct edge *edge, struct merkle_frontier *out)
{
	*out = (struct merkle_frontier){ .size = edge->frontier.size };
	for (unsigned level = TREE_LEVELS; level-- > 0;) {
		const struct row *row = &edge->rows[level];
		unsigned at = 0;
		for (unsigned part = TILE_WIDTH / 2; part > 0; part /= 2) {
			struct hash hashes[TILE_WIDTH / 2];
			if ((row->width & part) == 0)
				continue;
			memcpy(hashes, &row->hashes[at], part * sizeof hashes[0]);
			merkle_fold(hashes, part);
			out->hashes[out->count++] = hashes[0];
			at += part;
		}
	}
}

enum error
tree_open(struct store *store, struct tree **out, struct fault *fault)
{
	struct arena *arena = arena_create(OPEN_ARENA);
	struct tree *tree = calloc(1, sizeof *tree);
	struct merkle_frontier folded;
	enum error error = ERROR_out_of_memory;

	if (arena == NULL || tree == NULL)
		goto failed;
	tree->durable = &tree->edges[0];
	tree->sealed = &tree->edges[1];
	(void)fault_set(fault, ERROR_store_damaged, "log", SLICE_EMPTY, "readable records");
	error = edge_read_batches(tree->durable, store, arena, fault);
	if (error == ERROR_NONE)
		error = edge_read_tiles(tree->durable, store, arena, fault);
	if (error != ERROR_NONE) {
		if (fault->value.size == 0)
			fault->value = slice_of_text(store_read_failure(store));
		goto failed;
	}
	edge_fold_rows(tree->durable, &folded);
	if (folded.count != tree->durable->frontier.count ||
	    !slice_equal(hashes_slice(folded.hashes, folded.count),
		hashes_slice(tree->durable->frontier.hashes, folded.count))) {
		error =
		    fault_set(fault, ERROR_store_damaged, "log tiles", SLICE_EMPTY, "the frontier of the newest batch");
		goto failed;
	}
	arena_destroy(arena);
	*out = tree;
	return ERROR_NONE;

failed:
	arena_destroy(arena);
	free(tree);
	return error;
}

void
tree_close(struct tree *tree)
{
	free(tree);
}
