/* SPDX-License-Identifier: Apache-2.0
 *
 * From a batch to the texts that leave with a receipt. */
#include "server/proof.h"

#include <string.h>

#include "protocol/check.h"
#include "protocol/note.h"
#include "server/tree.h"

enum error
proof_checkpoint_put(struct buf *buf, struct slice origin, const struct merkle_frontier *frontier, EVP_PKEY *log_key)
{
	struct checkpoint checkpoint = { .size = frontier->size };

	check(origin.size < sizeof checkpoint.origin);
	memcpy(checkpoint.origin, origin.data, origin.size);
	merkle_frontier_root(frontier, &checkpoint.root);
	return checkpoint_sign(buf, &checkpoint, log_key);
}

void
proof_put(struct buf *buf, const struct merkle_batch *batch, uint64_t size_before, size_t nth, struct slice checkpoint)
{
	struct merkle_proof proof;

	merkle_batch_prove(batch, nth, &proof);
	tlog_proof_put(buf, size_before + nth, &proof, checkpoint);
}

enum error
proof_from_record(const struct rec_log_batch *record, uint64_t index, struct slice origin, EVP_PKEY *log_key,
    struct arena *arena, struct slice *out)
{
	size_t count = record->leaves.size / sizeof(struct hash);
	struct merkle_frontier before;
	struct buf *checkpoint = buf_create(LIMIT_PROOF_SIZE), *text = buf_create(LIMIT_PROOF_SIZE);
	enum error error = ERROR_out_of_memory;

	if (checkpoint == NULL || text == NULL)
		goto done;
	error = log_batch_frontier(record, &before);
	if (error != ERROR_NONE)
		goto done;
	if (index < before.size || index - before.size >= count) {
		error = ERROR_store_damaged;
		goto done;
	}
	error = ERROR_out_of_memory;
	struct hash *leaves = arena_alloc_array(arena, count, sizeof *leaves);
	if (leaves == NULL)
		goto done;
	memcpy(leaves, record->leaves.data, count * sizeof *leaves);
	struct merkle_batch *batch = merkle_batch_create(&before, leaves, count, arena);
	if (batch == NULL || proof_checkpoint_put(checkpoint, origin, merkle_batch_after(batch), log_key) != ERROR_NONE)
		goto done;
	proof_put(text, batch, before.size, (size_t)(index - before.size), buf_peek(checkpoint));
	if (buf_ok(text) && arena_copy(arena, buf_peek(text), out))
		error = ERROR_NONE;
done:
	buf_destroy(checkpoint);
	buf_destroy(text);
	return error;
}
