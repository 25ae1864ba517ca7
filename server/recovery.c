/* SPDX-License-Identifier: Apache-2.0
 *
 * From the newest batch's leaves to what they stand for; and what was published of a log that was longer. */
#include "server/recovery.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/merkle.h"
#include "protocol/receipt.h"
#include "server/settings.h"
#include "server/store/keys.h"
#include "server/store/records.h"
#include "server/tree.h"

/* Memory for one leaf: a filing's archive entry, twice over. */
#define LEAF_ARENA ((size_t)8 * 1024 * 1024)

static enum error
damaged(struct arena *arena, uint64_t index, const char *expected, struct fault *fault)
{
	char text[64];
	struct slice place = SLICE_EMPTY;

	snprintf(text, sizeof text, "leaf %" PRIu64, index);
	if (!arena_copy(arena, slice_of_text(text), &place))
		place = SLICE_LITERAL("a leaf");
	*fault = (struct fault){ ERROR_store_damaged, place, SLICE_EMPTY, slice_of_text(expected) };
	return ERROR_store_damaged;
}

static enum error
get_record(struct store *store, struct slice key, const struct record *record, struct arena *arena, void *out)
{
	struct slice value;
	bool found = false;
	enum error error = store_get_now(store, key, arena, &found, &value);

	if (error != ERROR_NONE)
		return error;
	return found ? record_decode(record, value, arena, out) : ERROR_store_damaged;
}

/* A receipt's number leads to a filing that has this leaf. */
static enum error
check_receipt(struct store *store, struct slice body, uint64_t index, struct arena *arena)
{
	struct receipt receipt;
	struct rec_filing_pointer pointer;
	struct rec_filing filing;
	struct fault ignored;
	enum error error;

	if (receipt_parse(body, arena, &receipt, &ignored) != ERROR_NONE)
		return ERROR_NONE; /* a leaf of another type */
	error =
	    get_record(store, KEY_MAKE(arena, KEY_number, receipt.number), record_filing_pointer(), arena, &pointer);
	if (error == ERROR_NONE)
		error = get_record(
		    store, KEY_MAKE(arena, KEY_filing, pointer.id, pointer.signer), record_filing(), arena, &filing);
	if (error == ERROR_NONE && filing.leaf != index)
		error = ERROR_store_damaged;
	return error;
}

static enum error
check_leaf(struct store *store, const struct rec_log_batch *batch, size_t nth, struct arena *arena)
{
	struct blob_ref ref;
	struct hash hash;
	struct slice entry, body;
	enum error error;

	memcpy(&ref, batch->archives.data + nth * sizeof ref, sizeof ref);
	error = store_blob_now(store, ref, arena, &entry);
	if (error == ERROR_NONE)
		error = record_decode_leaf(entry, arena, &body);
	if (error != ERROR_NONE)
		return error;
	merkle_hash_leaf(body, &hash);
	if (memcmp(&hash, batch->leaves.data + nth * sizeof hash, sizeof hash) != 0)
		return ERROR_store_damaged;
	return check_receipt(store, body, batch->size_before + nth, arena);
}

enum error
recovery_check(struct store *store, struct arena *arena, struct fault *fault)
{
	static const uint8_t first = KEY_log_batch, past = KEY_log_batch + 1;
	struct store_pair *pairs;
	struct rec_log_batch batch;
	size_t count;
	enum error error =
	    store_range_now(store, slice_of(&first, 1), slice_of(&past, 1), true, 1, arena, &pairs, &count);

	(void)fault_set(fault, error, "log", slice_of_text(store_read_failure(store)), "readable records");
	if (error != ERROR_NONE || count == 0)
		return error;
	error = record_decode(record_log_batch(), pairs[0].value, arena, &batch);
	if (error != ERROR_NONE)
		return fault_set(fault, error, "log batch", SLICE_EMPTY, "a well-formed record");
	struct arena *leaf_arena = arena_create(LEAF_ARENA);
	if (leaf_arena == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	for (size_t i = 0; i < batch.leaves.size / sizeof(struct hash) && error == ERROR_NONE; i++) {
		arena_reset(leaf_arena);
		error = check_leaf(store, &batch, i, leaf_arena);
		if (error != ERROR_NONE)
			error = damaged(arena, batch.size_before + i, "archive, log and records that agree", fault);
	}
	arena_destroy(leaf_arena);
	return error;
}

/* ---- what was published ---- */

static struct slice
size_text(struct arena *arena, const char *before, uint64_t size, const char *after)
{
	char text[128];
	struct slice copy;

	snprintf(text, sizeof text, "%s%" PRIu64 "%s", before, size, after);
	return arena_copy(arena, slice_of_text(text), &copy) ? copy : SLICE_EMPTY;
}

static enum error
is_older(const char *place, struct slice value, const struct tree *tree, struct arena *arena, struct fault *fault)
{
	struct slice copy = SLICE_EMPTY;

	(void)!arena_copy(arena, slice_of_text(place), &copy);
	*fault = (struct fault){
		.error = ERROR_store_damaged,
		.place = copy,
		.value = value,
		.expected = size_text(arena, "the log in the store, of ", tree_size(tree),
		    " leaves: an older copy must not be served as the present"),
	};
	return fault->error;
}

/* What is not there says nothing; what cannot be looked at may say that the store is older. */
static enum error
is_hidden(const char *path, struct arena *arena, struct fault *fault)
{
	int reason = errno;
	struct slice copy = SLICE_EMPTY;

	if (reason == ENOENT)
		return ERROR_NONE;
	(void)!arena_copy(arena, slice_of_text(path), &copy);
	*fault = (struct fault){ ERROR_file_unreadable, copy, slice_of_text(strerror(reason)),
		SLICE_LITERAL("a file or directory that can be read: it may tell of a longer log") };
	return fault->error;
}

/* None, or none of ours: it is published anew. */
static enum error
check_checkpoint(const char *directory, const struct tree *tree, const struct note_verifier *verifier,
    enum recovery_checkpoint *found, struct arena *arena, struct fault *fault)
{
	static const char place[] = PUBLIC_DIRECTORY "/checkpoint";
	char path[PATH_SIZE];
	struct slice text;
	struct checkpoint checkpoint;
	struct fault ignored;
	struct hash root;

	settings_path(path, sizeof path, directory, place);
	*found = RECOVERY_CHECKPOINT_NONE;
	if (access(path, R_OK) != 0)
		return is_hidden(path, arena, fault);
	*found = RECOVERY_CHECKPOINT_DAMAGED;
	if (settings_read_file(path, LIMIT_PROOF_SIZE, arena, &text, &ignored) != ERROR_NONE ||
	    checkpoint_verify(text, verifier, &checkpoint, &ignored) != ERROR_NONE)
		return ERROR_NONE;
	*found = RECOVERY_CHECKPOINT_OURS;
	merkle_frontier_root(tree_frontier(tree), &root);
	if (checkpoint.size < tree_size(tree) ||
	    (checkpoint.size == tree_size(tree) && memcmp(&checkpoint.root, &root, sizeof root) == 0))
		return ERROR_NONE;
	return is_older(place, size_text(arena, "a signed log of ", checkpoint.size, " leaves"), tree, arena, fault);
}

/* The widest of the partial tiles in a directory; 0 when it has none. */
static enum error
widest_partial(const char *path, uint64_t *widest, struct arena *arena, struct fault *fault)
{
	const struct dirent *entry;
	DIR *partials = opendir(path);
	uint64_t width;

	*widest = 0;
	if (partials == NULL)
		return is_hidden(path, arena, fault);
	errno = 0;
	while ((entry = readdir(partials)) != NULL)
		if (decimal_decode(slice_of_text(entry->d_name), TILE_WIDTH - 1, &width) && width > *widest)
			*widest = width;
	enum error error = errno == 0 ? ERROR_NONE : is_hidden(path, arena, fault);
	closedir(partials);
	return error;
}

/* Of a longer log the tile that the next leaf goes into was published, full or with that leaf: one place to look at,
 * however long the log is. */
static enum error
check_tiles(const char *directory, const struct tree *tree, struct arena *arena, struct fault *fault)
{
	uint64_t index = tree_size(tree) / TILE_WIDTH;
	char path[PATH_SIZE], place[128];
	struct buf *name = buf_create(sizeof place - sizeof TILE_PARTIALS);
	enum error error = ERROR_NONE;

	if (name == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	buf_put_text(name, PUBLIC_DIRECTORY "/");
	tile_path_put(name, 0, index, TILE_WIDTH);
	buf_put(name, slice_of("", 1));
	check(buf_ok(name));
	snprintf(place, sizeof place, "%s", (const char *)buf_peek(name).data);
	settings_path(path, sizeof path, directory, place);
	uint64_t width = TILE_WIDTH;
	if (access(path, F_OK) != 0) {
		error = is_hidden(path, arena, fault);
		snprintf(place, sizeof place, "%s" TILE_PARTIALS, (const char *)buf_peek(name).data);
		settings_path(path, sizeof path, directory, place);
		if (error == ERROR_NONE)
			error = widest_partial(path, &width, arena, fault);
	}
	if (error == ERROR_NONE && width > tree_size(tree) % TILE_WIDTH)
		error = is_older(place, size_text(arena, "a tile of a log of at least ", index * TILE_WIDTH + width,
		    " leaves"), tree, arena, fault);
	buf_destroy(name);
	return error;
}

enum error
recovery_check_published(const char *directory, const char *origin, const struct tree *tree,
    const struct note_verifier *verifier, enum recovery_checkpoint *found, struct arena *arena, struct fault *fault)
{
	enum recovery_checkpoint checkpoint;

	if (strcmp(origin, verifier->name) != 0) {
		*fault = (struct fault){ ERROR_json_malformed, SLICE_LITERAL(SETTINGS_FILE ", origin"),
			slice_of_text(origin), slice_of_text(verifier->name) };
		return fault->error;
	}
	enum error error = check_checkpoint(directory, tree, verifier, &checkpoint, arena, fault);
	if (error == ERROR_NONE)
		error = check_tiles(directory, tree, arena, fault);
	if (found != NULL)
		*found = checkpoint;
	return error;
}
