/* SPDX-License-Identifier: Apache-2.0
 *
 * The Merkle tree of RFC 6962 section 2.1 as pure functions: leaf hash SHA-256(0x00 || data), node hash
 * SHA-256(0x01 || left || right). Trees are given by what little of them is needed: the frontier (right edge). */
#ifndef GUICHET_MERKLE_H
#define GUICHET_MERKLE_H

#include "protocol/arena.h"
#include "protocol/error.h"
#include "protocol/limits.h"

struct hash {
	uint8_t bytes[DIGEST_SIZE];
};

/* The roots of the full subtrees that make up a tree, largest (leftmost) first: one for each bit set in size. */
#define MERKLE_FRONTIER_MAX 64
struct merkle_frontier {
	uint64_t size;
	size_t count;
	struct hash hashes[MERKLE_FRONTIER_MAX];
};

/* Longest proof: one hash a level on each side. */
#define MERKLE_PROOF_MAX 128
struct merkle_proof {
	size_t count;
	struct hash hashes[MERKLE_PROOF_MAX];
};

void merkle_hash_leaf(struct slice data, struct hash *out);
void merkle_hash_node(const struct hash *left, const struct hash *right, struct hash *out);
/* The root of the full subtree over `count` hashes, a power of two: hashes[0] becomes it, the others are
 * overwritten. */
void merkle_fold(struct hash *hashes, size_t count);

/* Appends one leaf. O(log size) worst, O(1) on average. */
void merkle_frontier_append(struct merkle_frontier *frontier, const struct hash *leaf);
/* Root of the tree; of the empty tree SHA-256(""). */
void merkle_frontier_root(const struct merkle_frontier *frontier, struct hash *root);

/* A batch of leaves appended to a tree of which only the frontier is known: gives every new leaf's inclusion
 * proof in the tree after the batch. Built once in O(count), each proof then O(log size), no other reads. */
struct merkle_batch;
/* Arrays borrowed only during the call; the result lives in the arena. NULL when the arena is full. */
must_check struct merkle_batch *merkle_batch_create(const struct merkle_frontier *before, const struct hash *leaves,
    size_t count, struct arena *arena);
/* The tree after the batch. */
const struct merkle_frontier *merkle_batch_after(const struct merkle_batch *batch);
/* Proof of the batch's nth leaf (index before->size + nth) in the tree after the batch. nth < count (checked). */
void merkle_batch_prove(const struct merkle_batch *batch, size_t nth, struct merkle_proof *proof);

/* Any proof, from a reader of node hashes. False when the reader is, and for what has no proof: a leaf beyond the
 * size, an old size of 0 or beyond the new one. `read` gives the hash of the full subtree of 2^level leaves whose first
 * leaf is index << level; false when it is not at hand. */
typedef bool (*merkle_read_node)(void *context, unsigned level, uint64_t index, struct hash *out);
must_check bool merkle_prove_inclusion(uint64_t index, uint64_t size, merkle_read_node read, void *context,
    struct merkle_proof *proof);
must_check bool merkle_prove_consistency(uint64_t size_old, uint64_t size_new, merkle_read_node read, void *context,
    struct merkle_proof *proof);

/* ERROR_NONE when the proof shows the leaf at index in the tree of that size and root (RFC 9162 2.1.3.2);
 * ERROR_proof_invalid otherwise. Any count and any hashes are safe to pass. Size and root must come from one signed
 * checkpoint: a root does not bind its size, and near a larger size the same hashes can lead to the same root. */
must_check enum error merkle_verify_inclusion(const struct hash *leaf, uint64_t index, uint64_t size,
    const struct merkle_proof *proof, const struct hash *root);
/* The same for consistency (RFC 9162 2.1.4.2), 1 <= size_old <= size_new. */
must_check enum error merkle_verify_consistency(uint64_t size_old, const struct hash *root_old, uint64_t size_new,
    const struct hash *root_new, const struct merkle_proof *proof);

#endif
