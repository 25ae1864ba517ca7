/* SPDX-License-Identifier: Apache-2.0
 *
 * The Merkle tree of RFC 6962. Everything is said in full subtrees: the node (level, index) covers the 2^level leaves
 * from index << level on, and the frontier of a tree has one for each bit set in its size. */
#include "protocol/merkle.h"

#include <string.h>

#include "protocol/check.h"
#include "protocol/digest.h"

/* Levels of a tree whose size is a uint64_t; the highest full subtree is at level 63. */
#define LEVELS 64

struct merkle_batch {
	struct merkle_frontier before, after;
	/* nodes[l][i] is node (l, (before.size >> l) + i): every full subtree that holds a leaf of the batch. */
	struct hash *nodes[LEVELS];
	/* edges[l] is what stands right of the last full subtree of level l, where anything does. */
	struct hash edges[LEVELS];
};

void
merkle_hash_leaf(struct slice data, struct hash *out)
{
	struct slice pieces[] = { SLICE_LITERAL("\x00"), data };

	digest_pieces(pieces, 2, out->bytes);
}

void
merkle_hash_node(const struct hash *left, const struct hash *right, struct hash *out)
{
	uint8_t input[1 + 2 * DIGEST_SIZE];

	input[0] = 1;
	memcpy(input + 1, left->bytes, DIGEST_SIZE);
	memcpy(input + 1 + DIGEST_SIZE, right->bytes, DIGEST_SIZE);
	digest_bytes(slice_of(input, sizeof input), out->bytes);
}

static bool
hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

/* ---- frontier ---- */

void
merkle_fold(struct hash *hashes, size_t count)
{
	for (; count > 1; count /= 2)
		for (size_t i = 0; i < count / 2; i++)
			merkle_hash_node(&hashes[2 * i], &hashes[2 * i + 1], &hashes[i]);
}

void
merkle_frontier_append(struct merkle_frontier *frontier, const struct hash *leaf)
{
	struct hash carry = *leaf;

	check(frontier->size < UINT64_MAX);
	for (uint64_t rest = frontier->size; (rest & 1) != 0; rest >>= 1)
		merkle_hash_node(&frontier->hashes[--frontier->count], &carry, &carry);
	frontier->hashes[frontier->count++] = carry;
	frontier->size++;
}

void
merkle_frontier_root(const struct merkle_frontier *frontier, struct hash *root)
{
	size_t i = frontier->count;

	if (i == 0) {
		digest_bytes(SLICE_EMPTY, root->bytes);
		return;
	}
	*root = frontier->hashes[--i];
	while (i-- > 0)
		merkle_hash_node(&frontier->hashes[i], root, root);
}

/* The frontier's hash at `level`, whose bit is set in the size: as many stand before it as there are higher bits. */
static const struct hash *
frontier_at(const struct merkle_frontier *frontier, unsigned level)
{
	size_t place = 0;

	for (uint64_t higher = frontier->size >> level >> 1; higher != 0; higher &= higher - 1)
		place++;
	check(place < frontier->count);
	return &frontier->hashes[place];
}

/* ---- proofs from any source of nodes ---- */

static void
proof_add(struct merkle_proof *proof, const struct hash *hash)
{
	check(proof->count < MERKLE_PROOF_MAX);
	proof->hashes[proof->count++] = *hash;
}

/* Root of the `width` leaves from `start` on, start being aligned to the power of two that holds width: the full
 * subtrees of width's bits, folded from the right. */
static bool
range_root(uint64_t start, uint64_t width, merkle_read_node read, void *context, struct hash *root)
{
	uint64_t end = start + width;
	bool first = true;

	for (unsigned level = 0; level < LEVELS && width >> level != 0; level++) {
		struct hash node;
		if ((width >> level & 1) == 0)
			continue;
		end -= (uint64_t)1 << level;
		if (!read(context, level, end >> level, &node))
			return false;
		if (first)
			*root = node;
		else
			merkle_hash_node(&node, root, root);
		first = false;
	}
	return true;
}

/* The sibling at `level` on the way from the leaf at `index` to the root: *start and *width of its leaves, false when
 * the tree ends before it. */
static bool
sibling_range(uint64_t index, uint64_t size, unsigned level, uint64_t *start, uint64_t *width)
{
	uint64_t whole = (uint64_t)1 << level;

	*start = (index >> level ^ 1) << level;
	if (*start >= size)
		return false;
	*width = whole < size - *start ? whole : size - *start;
	return true;
}

bool
merkle_prove_inclusion(uint64_t index, uint64_t size, merkle_read_node read, void *context, struct merkle_proof *proof)
{
	proof->count = 0;
	if (index >= size)
		return false;
	for (unsigned level = 0; level < LEVELS && (size - 1) >> level != 0; level++) {
		uint64_t start, width;
		struct hash hash;
		if (!sibling_range(index, size, level, &start, &width))
			continue;
		if (!range_root(start, width, read, context, &hash))
			return false;
		proof_add(proof, &hash);
	}
	return true;
}

/* The largest power of two below n, for n >= 2: where RFC 6962 splits n leaves. */
static uint64_t
split_point(uint64_t n)
{
	uint64_t k = 1;

	while (k < n - k)
		k <<= 1;
	return k;
}

/* RFC 6962 2.1.2, SUBPROOF as a walk down: from the whole new tree into the half where the old one ends, noting the
 * other half each time, until what is left is the old tree's last full part. */
bool
merkle_prove_consistency(uint64_t size_old, uint64_t size_new, merkle_read_node read, void *context,
    struct merkle_proof *proof)
{
	uint64_t start = 0, width = size_new;
	struct merkle_proof down = { .count = 0 };
	struct hash hash;

	proof->count = 0;
	if (size_old == 0 || size_old > size_new)
		return false;
	while (start + width != size_old) {
		uint64_t left = split_point(width);
		bool ends_left = size_old - start <= left;
		bool found = ends_left ? range_root(start + left, width - left, read, context, &hash)
		                       : range_root(start, left, read, context, &hash);
		if (!found)
			return false;
		proof_add(&down, &hash);
		if (!ends_left)
			start += left;
		width = ends_left ? left : width - left;
	}
	/* A part that begins at 0 is the old tree itself, whose root the verifier has. */
	if (start != 0) {
		if (!range_root(start, width, read, context, &hash))
			return false;
		proof_add(proof, &hash);
	}
	while (down.count > 0)
		proof_add(proof, &down.hashes[--down.count]);
	return true;
}

/* ---- batches ---- */

/* Node (level, index), which must be full after the batch and either hold one of its leaves or stand in the old
 * frontier just left of them. */
static const struct hash *
batch_node(const struct merkle_batch *batch, unsigned level, uint64_t index)
{
	uint64_t first = batch->before.size >> level;

	if (index >= first)
		return &batch->nodes[level][index - first];
	check(index + 1 == first && (first & 1) != 0);
	return frontier_at(&batch->before, level);
}

static bool
batch_build(struct merkle_batch *batch, const struct hash *leaves, size_t count, struct arena *arena)
{
	uint64_t size_old = batch->before.size, size = size_old + count;

	for (unsigned level = 0; level < LEVELS; level++) {
		uint64_t first = size_old >> level, end = size >> level;
		if (end == first)
			break;
		batch->nodes[level] = arena_alloc_array(arena, (size_t)(end - first), sizeof(struct hash));
		if (batch->nodes[level] == NULL)
			return false;
		if (level == 0) {
			memcpy(batch->nodes[0], leaves, count * sizeof *leaves);
			continue;
		}
		for (uint64_t i = first; i < end; i++)
			merkle_hash_node(batch_node(batch, level - 1, 2 * i), batch_node(batch, level - 1, 2 * i + 1),
			    &batch->nodes[level][i - first]);
	}
	return true;
}

/* The frontier after the batch and, beside each level, the root of what stands right of its last full subtree. */
static void
batch_finish(struct merkle_batch *batch, uint64_t size)
{
	struct hash bottom_up[MERKLE_FRONTIER_MAX], edge;
	size_t count = 0;

	memset(&edge, 0, sizeof edge);
	for (unsigned level = 0; level < LEVELS; level++) {
		batch->edges[level] = edge;
		if ((size >> level & 1) == 0)
			continue;
		const struct hash *node = batch_node(batch, level, (size >> level) - 1);
		if (count == 0)
			edge = *node;
		else
			merkle_hash_node(node, &edge, &edge);
		bottom_up[count++] = *node;
	}
	batch->after.size = size;
	batch->after.count = count;
	for (size_t i = 0; i < count; i++)
		batch->after.hashes[i] = bottom_up[count - 1 - i];
}

struct merkle_batch *
merkle_batch_create(const struct merkle_frontier *before, const struct hash *leaves, size_t count, struct arena *arena)
{
	struct merkle_batch *batch = arena_alloc(arena, sizeof *batch);

	check(count <= UINT64_MAX - before->size);
	if (batch == NULL)
		return NULL;
	batch->before = *before;
	if (!batch_build(batch, leaves, count, arena))
		return NULL;
	batch_finish(batch, before->size + count);
	return batch;
}

const struct merkle_frontier *
merkle_batch_after(const struct merkle_batch *batch)
{
	return &batch->after;
}

void
merkle_batch_prove(const struct merkle_batch *batch, size_t nth, struct merkle_proof *proof)
{
	uint64_t size = batch->after.size, index = batch->before.size + nth;

	check(nth < size - batch->before.size);
	proof->count = 0;
	for (unsigned level = 0; level < LEVELS && (size - 1) >> level != 0; level++) {
		uint64_t start, width;
		if (!sibling_range(index, size, level, &start, &width))
			continue;
		bool full = width == (uint64_t)1 << level;
		proof_add(proof, full ? batch_node(batch, level, start >> level) : &batch->edges[level]);
	}
}

/* ---- verification ---- */

/* One step up the right edge of the tree: from a node without right sibling to the next that has one on its left. */
static void
climb(uint64_t *node, uint64_t *last)
{
	while ((*node & 1) == 0 && *node != 0) {
		*node >>= 1;
		*last >>= 1;
	}
}

enum error
merkle_verify_inclusion(const struct hash *leaf, uint64_t index, uint64_t size, const struct merkle_proof *proof,
    const struct hash *root)
{
	uint64_t node = index, last = size - 1;
	struct hash hash = *leaf;

	if (index >= size || proof->count > MERKLE_PROOF_MAX)
		return ERROR_proof_invalid;
	for (size_t i = 0; i < proof->count; i++) {
		if (last == 0)
			return ERROR_proof_invalid;
		if ((node & 1) != 0 || node == last) {
			merkle_hash_node(&proof->hashes[i], &hash, &hash);
			climb(&node, &last);
		} else {
			merkle_hash_node(&hash, &proof->hashes[i], &hash);
		}
		node >>= 1;
		last >>= 1;
	}
	return last == 0 && hash_equal(&hash, root) ? ERROR_NONE : ERROR_proof_invalid;
}

enum error
merkle_verify_consistency(uint64_t size_old, const struct hash *root_old, uint64_t size_new,
    const struct hash *root_new, const struct merkle_proof *proof)
{
	uint64_t node = size_old - 1, last = size_new - 1;
	bool power_of_two = (size_old & (size_old - 1)) == 0;
	struct hash old, new;
	size_t i = 0;

	if (size_old == 0 || size_old > size_new || proof->count > MERKLE_PROOF_MAX)
		return ERROR_proof_invalid;
	if (size_old == size_new)
		return proof->count == 0 && hash_equal(root_old, root_new) ? ERROR_NONE : ERROR_proof_invalid;
	if (proof->count == 0)
		return ERROR_proof_invalid;
	for (; (node & 1) != 0; node >>= 1)
		last >>= 1;
	/* The walk starts at the old tree's last full subtree: the whole tree when its size is a power of two. */
	old = new = power_of_two ? *root_old : proof->hashes[i++];
	for (; i < proof->count; i++) {
		if (last == 0)
			return ERROR_proof_invalid;
		if ((node & 1) != 0 || node == last) {
			merkle_hash_node(&proof->hashes[i], &old, &old);
			merkle_hash_node(&proof->hashes[i], &new, &new);
			climb(&node, &last);
		} else {
			merkle_hash_node(&new, &proof->hashes[i], &new);
		}
		node >>= 1;
		last >>= 1;
	}
	if (last != 0 || !hash_equal(&old, root_old) || !hash_equal(&new, root_new))
		return ERROR_proof_invalid;
	return ERROR_NONE;
}
