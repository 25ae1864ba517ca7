/* SPDX-License-Identifier: Apache-2.0
 *
 * The log computed anew from its batches: frontiers, leaves and what they stand for, tiles, and the root at the size of
 * each checkpoint that is at hand.
 *
 * What this proves of earlier checkpoints. The office signs one for each batch, and keeps none but the published one:
 * the checkpoint and the proof that go with a receipt are made of its batch's record, the same bytes every time
 * (proof.h). Every leaf of each such record is hashed anew from what is archived, and the tree that a batch says it was
 * built on has to be the one computed so far: so each tree that a receipt's proof leads to extends the one before it,
 * and the log of now extends them all. What the records cannot tell is that they are those of when the checkpoint was
 * signed: whoever can change all of them, from some batch on, makes another log that agrees with itself. That is found
 * only with what was given out before: the published checkpoint, and those that others have kept (--checkpoint). */
#include "server/admin/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/disk.h"
#include "server/store/store.h"

static struct slice
row_slice(const struct audit_row *row)
{
	return slice_of(row->hashes, row->width * sizeof row->hashes[0]);
}

/* ---- growing ---- */

/* A tile of a level is full: its record has to be the same. */
static void
tile_compare(struct audit *audit, unsigned level, const struct audit_row *row)
{
	struct slice value;
	struct slice key = tree_tile_key(audit->scratch, level, row->index);
	bool found = false;
	enum error error = store_get_now(audit->store, key, audit->scratch, &found, &value);

	if (error != ERROR_NONE || !found)
		audit_disagree_number(audit, level == 0 ? "tile of leaves" : "tile", row->index,
		    "a record of a full tile");
	else if (!slice_equal(value, row_slice(row)))
		audit_disagree_number(audit, level == 0 ? "tile of leaves" : "tile", row->index,
		    "the hashes computed from the leaves");
	else
		audit->counts[AUDIT_tiles]++;
}

static void
checkpoint_disagrees(struct audit *audit, const struct audit_checkpoint *met, const char *expected)
{
	char which[1024];

	if (met->path == NULL) {
		audit_disagree_number(audit, "published checkpoint", met->checkpoint.size, expected);
		return;
	}
	snprintf(which, sizeof which, "%" PRIu64 " in %s", met->checkpoint.size, met->path);
	disk_words_mask(which);
	audit_disagree(audit, "kept checkpoint", slice_of_text(which), expected);
}

/* Those of the size that the tree has now. */
static void
meet_checkpoints(struct audit *audit)
{
	struct audit_log *log = &audit->log;
	struct hash root;

	while (log->checkpoints_met < log->checkpoints_count) {
		const struct audit_checkpoint *met = &log->checkpoints[log->checkpoints_met];
		if (met->checkpoint.size != log->frontier.size)
			return;
		log->checkpoints_met++;
		merkle_frontier_root(&log->frontier, &root);
		if (memcmp(&root, &met->checkpoint.root, sizeof root) == 0)
			audit->counts[met->path == NULL ? AUDIT_published_checkpoints : AUDIT_kept_checkpoints]++;
		else
			checkpoint_disagrees(audit, met, "the root of the tree of this size");
	}
}

static void
log_append(struct audit *audit, const struct hash *leaf)
{
	struct audit_log *log = &audit->log;
	struct hash carried = *leaf;

	merkle_frontier_append(&log->frontier, leaf);
	for (unsigned level = 0; level < TREE_LEVELS; level++) {
		struct audit_row *row = &log->rows[level];
		row->hashes[row->width++] = carried;
		if (row->width < TILE_WIDTH)
			break;
		tile_compare(audit, level, row);
		merkle_fold(row->hashes, TILE_WIDTH);
		carried = row->hashes[0];
		row->index++;
		row->width = 0;
	}
	meet_checkpoints(audit);
}

/* ---- leaves ---- */

static bool
has_type(struct slice body, const char *begin)
{
	return slice_starts_with(body, slice_of_text(begin));
}

/* The body has the leaf's hash, and says of itself what it is. */
static void
leaf_check(struct audit *audit, uint64_t index, struct slice hash, struct slice ref)
{
	struct slice bytes, body;
	struct hash computed;

	if (!audit_blob(audit, ref, audit->scratch, &bytes)) {
		audit_disagree_number(audit, "leaf", index, "an archived blob that can be opened");
		return;
	}
	if (record_decode_leaf(bytes, audit->scratch, &body) != ERROR_NONE) {
		audit_disagree_number(audit, "leaf", index, "an archived blob of a known form");
		return;
	}
	merkle_hash_leaf(body, &computed);
	if (!slice_equal(hash, slice_of(&computed, sizeof computed))) {
		audit_disagree_number(audit, "leaf", index, "a body with the hash that was logged");
		return;
	}
	audit->counts[AUDIT_leaves]++;
	if (has_type(body, "{\"type\":\"guichet-receipt\","))
		audit_leaf_receipt(audit, index, body, ref);
	else if (has_type(body, "{\"type\":\"guichet-certificate\","))
		audit_leaf_certificate(audit, index, body, ref);
	else if (has_type(body, "{\"type\":\"guichet-revocation\","))
		audit_leaf_revocation(audit, index, body);
	else if (!has_type(body, "{\"type\":\"guichet-"))
		audit_disagree_number(audit, "leaf", index, "a body whose first member is its type");
}

/* ---- records ---- */

/* Goes on from the tree that the batch says was before it; false when that cannot be. */
static bool
frontier_check(struct audit *audit, const struct rec_log_batch *batch)
{
	struct audit_log *log = &audit->log;
	struct merkle_frontier before;

	if (log_batch_frontier(batch, &before) != ERROR_NONE) {
		audit_disagree_record(audit, "one frontier hash for each bit of the size, one blob for each leaf");
		return false;
	}
	if (before.size == log->frontier.size) {
		if (memcmp(before.hashes, log->frontier.hashes, before.count * sizeof before.hashes[0]) != 0)
			audit_disagree_number(audit, "log batch", before.size, "the frontier of the tree before it");
		return true;
	}
	audit_disagree_number(audit, "log batch", before.size, "a batch that begins where the one before it ends");
	log->is_broken = true;
	log->frontier = before;
	return true;
}

void
audit_log_batch(struct audit *audit, struct slice value)
{
	struct rec_log_batch batch;

	if (record_decode(record_log_batch(), value, audit->arena, &batch) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		audit->log.is_broken = true;
		return;
	}
	struct slice key = KEY_MAKE(audit->arena, KEY_log_batch, key_part_u64(audit->arena, batch.size_before));
	if (!slice_equal(key, audit->key))
		audit_disagree_record(audit, "the size before it as its key");
	if (!frontier_check(audit, &batch)) {
		audit->log.is_broken = true;
		return;
	}
	audit->counts[AUDIT_log_batches]++;
	for (size_t i = 0; i < batch.leaves.size / sizeof(struct hash); i++) {
		struct slice hash = slice_of(batch.leaves.data + i * sizeof(struct hash), sizeof(struct hash));
		struct slice ref = slice_of(batch.archives.data + i * sizeof(struct blob_ref), sizeof(struct blob_ref));
		struct hash leaf;
		arena_reset(audit->scratch);
		leaf_check(audit, batch.size_before + i, hash, ref);
		memcpy(&leaf, hash.data, sizeof leaf);
		if (audit->log.is_broken)
			merkle_frontier_append(&audit->log.frontier, &leaf);
		else
			log_append(audit, &leaf);
	}
}

/* Keys of tiles sort behind those of batches, so that the whole log has been read: only that there are no more tiles
 * than it filled is left to check. Their hashes were compared when they filled (tile_compare). */
void
audit_tile(struct audit *audit, struct slice value)
{
	uint64_t index = audit->key.size == 10 ? bytes_peek_u64(audit->key.data + 2) : UINT64_MAX;
	unsigned level = audit->key.size == 10 ? audit->key.data[1] : TREE_LEVELS;

	if (value.size != TILE_WIDTH * sizeof(struct hash))
		audit_disagree_record(audit, "the hashes of a full tile");
	else if (!audit->log.is_broken && (level >= TREE_LEVELS || index >= audit->log.rows[level].index))
		audit_disagree_record(audit, "a tile that the log has filled");
}

/* ---- checkpoints ---- */

static int
compare_sizes(const void *a, const void *b)
{
	uint64_t left = ((const struct audit_checkpoint *)a)->checkpoint.size;
	uint64_t right = ((const struct audit_checkpoint *)b)->checkpoint.size;

	return (left > right) - (left < right);
}

/* Adds one when it is signed with the log's key; `path` as in struct audit_checkpoint. */
static void
checkpoint_add(struct audit *audit, struct slice text, const char *path)
{
	static const char expected[] = "a checkpoint signed with the log's key";
	struct audit_log *log = &audit->log;
	struct audit_checkpoint *added = &log->checkpoints[log->checkpoints_count];
	struct fault fault;
	char which[1024];

	added->path = path;
	if (audit->has_log_verifier &&
	    checkpoint_verify(text, &audit->log_verifier, &added->checkpoint, &fault) == ERROR_NONE) {
		log->checkpoints_count++;
		return;
	}
	snprintf(which, sizeof which, "%s", path == NULL ? "" : path);
	disk_words_mask(which);
	audit_disagree(
	    audit, path == NULL ? "published checkpoint" : "kept checkpoint", slice_of_text(which), expected);
}

void
audit_log_start(struct audit *audit)
{
	struct audit_log *log = &audit->log;
	struct slice text;

	arena_reset(audit->arena);
	/* Without the log's key, which has been told, the published one is nobody's. */
	if (audit->has_log_verifier && audit_published_file(audit, "checkpoint", LIMIT_PROOF_SIZE, &text))
		checkpoint_add(audit, text, NULL);
	for (size_t i = 0; audit->kept_paths[i] != NULL; i++)
		checkpoint_add(audit, audit->kept[i], audit->kept_paths[i]);
	qsort(log->checkpoints, log->checkpoints_count, sizeof log->checkpoints[0], compare_sizes);
	meet_checkpoints(audit);
}

void
audit_log_end(struct audit *audit)
{
	const struct audit_log *log = &audit->log;

	for (size_t i = log->checkpoints_met; i < log->checkpoints_count; i++)
		checkpoint_disagrees(audit, &log->checkpoints[i], log->is_broken ?
		    "batches without a gap, so that it can be judged" : "a log of at least this size");
}
