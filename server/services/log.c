/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's public operations: checkpoint, inclusion, consistency, tiles. Hashes come from full tiles in the store
 * and from the tiles in progress in memory; nothing of what was logged can be learnt from them. */
#include <string.h>

#include "server/services/services.h"
#include "server/tree.h"

HANDLER(log_checkpoint)
{
	struct msg_checkpoint_answer *answer = decision->effects->answer;

	(void)request;
	/* The next batch replaces it: take a copy. */
	if (!arena_copy(decision->arena, tree_checkpoint(decision->context->office->tree), &answer->checkpoint))
		return refuse(decision, ERROR_out_of_memory);
	return DECIDED;
}

/* A tile's hashes, from memory or the store. *width: how many it has now. VIEW_ABSENT: the log has not come so far. */
static enum view_state
tile_find(struct decision *decision, unsigned level, uint64_t index, const uint8_t **hashes, unsigned *width)
{
	uint64_t partial_index = 0;
	unsigned partial_width = 0;
	const struct hash *partial =
	    tree_partial_tile(decision->context->office->tree, level, &partial_index, &partial_width);
	uint8_t level_byte = (uint8_t)level;
	struct slice value;

	if (index >= partial_index) {
		if (index > partial_index || partial == NULL)
			return VIEW_ABSENT;
		*hashes = partial->bytes;
		*width = partial_width;
		return VIEW_FOUND;
	}
	struct slice key =
	    KEY_MAKE(decision->arena, KEY_tile, slice_of(&level_byte, 1), key_part_u64(decision->arena, index));
	enum view_state state = view_get_value(decision->view, key, &value);
	if (state == VIEW_FOUND && value.size == TILE_WIDTH * sizeof(struct hash)) {
		*hashes = value.data;
		*width = TILE_WIDTH;
	}
	return state;
}

struct node_reader {
	struct decision *decision;
	bool again;
};

/* A merkle_read_node: a node stands in a tile directly when its level is a multiple of 8, otherwise it is folded
 * from one. */
static bool
node_read(void *context, unsigned level, uint64_t index, struct hash *out)
{
	struct node_reader *reader = context;
	unsigned within = level % 8, count = 1U << within, width = 0;
	uint64_t first = index << within;
	struct hash hashes[TILE_WIDTH / 2];
	const uint8_t *tile = NULL;

	switch (tile_find(reader->decision, level / 8, first / TILE_WIDTH, &tile, &width)) {
	case VIEW_AGAIN:
		reader->again = true;
		return false;
	case VIEW_ABSENT:
		return false;
	case VIEW_FOUND:
		break;
	}
	size_t at = (size_t)(first % TILE_WIDTH);
	if (tile == NULL || at + count > width)
		return false;
	memcpy(hashes, tile + at * sizeof(struct hash), count * sizeof(struct hash));
	merkle_fold(hashes, count);
	*out = hashes[0];
	return true;
}

static enum outcome
answer_proof(struct decision *decision, const struct node_reader *reader, bool proven, const struct merkle_proof *proof)
{
	struct msg_hashes_answer *answer = decision->effects->answer;

	if (reader->again)
		return AGAIN;
	if (!proven)
		return refuse(decision, ERROR_internal);
	if (!arena_copy(
		decision->arena, slice_of(proof->hashes, proof->count * sizeof proof->hashes[0]), &answer->hashes))
		return refuse(decision, ERROR_out_of_memory);
	return DECIDED;
}

static enum outcome
refuse_size(struct decision *decision, const char *place, uint64_t size)
{
	return refuse_value(decision, ERROR_tree_size_unknown, place,
	    decision_text(decision, "%llu", (unsigned long long)size),
	    decision_text(decision, "at most %llu", (unsigned long long)tree_size(decision->context->office->tree)));
}

static enum outcome
refuse_bound(struct decision *decision, const char *place, uint64_t value, const char *expected, uint64_t bound)
{
	return refuse_value(decision, ERROR_field_invalid, place,
	    decision_text(decision, "%llu", (unsigned long long)value),
	    decision_text(decision, "%s, %llu", expected, (unsigned long long)bound));
}

HANDLER(log_inclusion)
{
	const struct msg_inclusion_request *wanted = request;
	struct node_reader reader = { decision, false };
	struct merkle_proof proof = { 0 };

	if (wanted->size > tree_size(decision->context->office->tree))
		return refuse_size(decision, "inclusion_request.size", wanted->size);
	if (wanted->index >= wanted->size)
		return refuse_bound(decision, "inclusion_request.index", wanted->index, "less than size", wanted->size);
	bool proven = merkle_prove_inclusion(wanted->index, wanted->size, node_read, &reader, &proof);
	return answer_proof(decision, &reader, proven, &proof);
}

HANDLER(log_consistency)
{
	const struct msg_consistency_request *wanted = request;
	struct node_reader reader = { decision, false };
	struct merkle_proof proof = { 0 };

	if (wanted->size_new > tree_size(decision->context->office->tree))
		return refuse_size(decision, "consistency_request.size_new", wanted->size_new);
	if (wanted->size_old == 0 || wanted->size_old > wanted->size_new)
		return refuse_bound(decision, "consistency_request.size_old", wanted->size_old, "from 1 to size_new",
		    wanted->size_new);
	bool proven = merkle_prove_consistency(wanted->size_old, wanted->size_new, node_read, &reader, &proof);
	return answer_proof(decision, &reader, proven, &proof);
}

HANDLER(log_tile)
{
	const struct msg_tile_request *wanted = request;
	struct msg_tile_answer *answer = decision->effects->answer;
	unsigned width = 0, asked = wanted->has_width ? (unsigned)wanted->width : TILE_WIDTH;
	const uint8_t *hashes = NULL;

	switch (tile_find(decision, (unsigned)wanted->level, wanted->index, &hashes, &width)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse(decision, ERROR_not_found);
	case VIEW_FOUND:
		break;
	}
	if (hashes == NULL)
		return refuse(decision, ERROR_internal);
	if (asked == 0 || asked > width)
		return refuse_value(decision, ERROR_not_found, "tile_request.width", SLICE_EMPTY,
		    decision_text(decision, "1 to %u", width));
	/* A tile in progress moves on under a waiting answer: take a copy. */
	if (!arena_copy(decision->arena, slice_of(hashes, asked * sizeof(struct hash)), &answer->hashes))
		return refuse(decision, ERROR_out_of_memory);
	return DECIDED;
}
