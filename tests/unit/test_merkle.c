/* SPDX-License-Identifier: Apache-2.0
 *
 * The Merkle tree against a reference that is RFC 6962 section 2.1 word for word (recursive, no tricks), for every
 * small tree, against the published vectors of Certificate Transparency, and against tampering. */
#include "tests/unit/unit.h"

#include <string.h>

#include "protocol/digest.h"
#include "protocol/merkle.h"

#define LEAVES 80
#define SIZES 70
#define BATCHES 40

struct tree {
	struct hash leaves[LEAVES];
	struct hash roots[LEAVES + 1]; /* by size, by the reference */
	unsigned reads;
	unsigned fail_at; /* which read fails, from 1; 0: none */
};

/* ---- the reference ---- */

static size_t
reference_split(size_t n)
{
	size_t k = 1;
	while (2 * k < n)
		k *= 2;
	return k;
}

/* MTH(D[n]) over leaf hashes. */
static struct hash
reference_root(const struct hash *leaves, size_t n)
{
	struct hash root;

	if (n == 0) {
		digest_bytes(SLICE_EMPTY, root.bytes);
		return root;
	}
	if (n == 1)
		return leaves[0];
	size_t k = reference_split(n);
	struct hash left = reference_root(leaves, k), right = reference_root(leaves + k, n - k);
	const struct slice pieces[] = { SLICE_LITERAL("\x01"), slice_of(left.bytes, DIGEST_SIZE),
		slice_of(right.bytes, DIGEST_SIZE) };
	digest_pieces(pieces, 3, root.bytes);
	return root;
}

/* PATH(m, D[n]) */
static void
reference_path(const struct hash *leaves, size_t m, size_t n, struct merkle_proof *out)
{
	if (n == 1) {
		out->count = 0;
		return;
	}
	size_t k = reference_split(n);
	if (m < k) {
		reference_path(leaves, m, k, out);
		out->hashes[out->count++] = reference_root(leaves + k, n - k);
	} else {
		reference_path(leaves + k, m - k, n - k, out);
		out->hashes[out->count++] = reference_root(leaves, k);
	}
}

/* SUBPROOF(m, D[n], b) */
static void
reference_subproof(const struct hash *leaves, size_t m, size_t n, bool known, struct merkle_proof *out)
{
	if (m == n) {
		out->count = 0;
		if (!known)
			out->hashes[out->count++] = reference_root(leaves, n);
		return;
	}
	size_t k = reference_split(n);
	if (m <= k) {
		reference_subproof(leaves, m, k, known, out);
		out->hashes[out->count++] = reference_root(leaves + k, n - k);
	} else {
		reference_subproof(leaves + k, m - k, n - k, false, out);
		out->hashes[out->count++] = reference_root(leaves, k);
	}
}

/* ---- helpers ---- */

/* A reader of full subtrees that counts, and fails when told to. */
static bool
read_node(void *context, unsigned level, uint64_t index, struct hash *out)
{
	struct tree *tree = context;

	assert_true(level < 7 && (index + 1) << level <= LEAVES);
	if (++tree->reads == tree->fail_at)
		return false;
	*out = reference_root(tree->leaves + (index << level), (size_t)1 << level);
	return true;
}

static struct tree *
tree_of(void **state)
{
	struct tree *tree = *state;
	tree->reads = tree->fail_at = 0;
	return tree;
}

static void
assert_same_proof(const struct merkle_proof *proof, const struct merkle_proof *expected)
{
	assert_int_equal(proof->count, expected->count);
	assert_memory_equal(proof->hashes, expected->hashes, expected->count * sizeof(struct hash));
}

/* The two verifications, every refusal being the one error. */
static bool
included(const struct hash *leaf, uint64_t index, uint64_t size, const struct merkle_proof *proof,
    const struct hash *root)
{
	enum error error = merkle_verify_inclusion(leaf, index, size, proof, root);
	assert_true(error == ERROR_NONE || error == ERROR_proof_invalid);
	return error == ERROR_NONE;
}

static bool
consistent(uint64_t size_old, const struct hash *old, uint64_t size_new, const struct hash *new,
    const struct merkle_proof *proof)
{
	enum error error = merkle_verify_consistency(size_old, old, size_new, new, proof);
	assert_true(error == ERROR_NONE || error == ERROR_proof_invalid);
	return error == ERROR_NONE;
}

static void
frontier_of(const struct tree *tree, size_t size, struct merkle_frontier *out)
{
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < size; i++)
		merkle_frontier_append(out, &tree->leaves[i]);
}

static struct hash
hash_of_hex(const char *hex)
{
	struct hash hash;
	assert_true(hex_decode(slice_of_text(hex), hash.bytes, DIGEST_SIZE));
	return hash;
}

static void
assert_hash_hex(const struct hash *hash, const char *hex)
{
	struct hash expected = hash_of_hex(hex);
	assert_memory_equal(hash->bytes, expected.bytes, DIGEST_SIZE);
}

/* ---- against the reference ---- */

static void
frontier_gives_the_root_of_every_size(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_frontier frontier = { .size = 0 };
	struct hash root;

	for (size_t size = 0; size <= LEAVES; size++) {
		merkle_frontier_root(&frontier, &root);
		assert_memory_equal(&root, &tree->roots[size], sizeof root);
		assert_int_equal(frontier.count, __builtin_popcountll(size));
		assert_int_equal(frontier.size, size);
		if (size < LEAVES)
			merkle_frontier_append(&frontier, &tree->leaves[size]);
	}
}

static void
frontier_is_the_full_subtrees(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_frontier frontier;

	frontier_of(tree, 64 + 8 + 1, &frontier);
	assert_memory_equal(&frontier.hashes[0], &tree->roots[64], sizeof(struct hash));
	struct hash middle = reference_root(tree->leaves + 64, 8);
	assert_memory_equal(&frontier.hashes[1], &middle, sizeof(struct hash));
	assert_memory_equal(&frontier.hashes[2], &tree->leaves[72], sizeof(struct hash));
}

/* The last leaf that a 64-bit size has room for: every bit set, the frontier full. */
static void
frontier_holds_the_largest_tree(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_frontier frontier = { .size = UINT64_MAX - 1, .count = 63 };

	memcpy(frontier.hashes, tree->leaves, 63 * sizeof(struct hash));
	merkle_frontier_append(&frontier, &tree->leaves[63]);
	assert_true(frontier.size == UINT64_MAX);
	assert_int_equal(frontier.count, 64);
	assert_memory_equal(frontier.hashes, tree->leaves, 64 * sizeof(struct hash));
}

static void
inclusion_proofs_of_every_leaf(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_proof proof, expected;

	for (size_t size = 1; size <= SIZES; size++)
		for (size_t index = 0; index < size; index++) {
			assert_true(merkle_prove_inclusion(index, size, read_node, tree, &proof));
			reference_path(tree->leaves, index, size, &expected);
			assert_same_proof(&proof, &expected);
			assert_true(included(&tree->leaves[index], index, size, &proof, &tree->roots[size]));
		}
}

static void
consistency_proofs_of_every_pair(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_proof proof, expected;

	for (size_t new = 1; new <= SIZES; new++)
		for (size_t old = 1; old <= new; old++) {
			assert_true(merkle_prove_consistency(old, new, read_node, tree, &proof));
			reference_subproof(tree->leaves, old, new, true, &expected);
			assert_same_proof(&proof, &expected);
			assert_true(consistent(old, &tree->roots[old], new, &tree->roots[new], &proof));
		}
}

static void
what_cannot_be_proved_is_refused(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_proof proof;

	assert_false(merkle_prove_inclusion(0, 0, read_node, tree, &proof));
	assert_false(merkle_prove_inclusion(7, 7, read_node, tree, &proof));
	assert_false(merkle_prove_inclusion(UINT64_MAX, 7, read_node, tree, &proof));
	assert_false(merkle_prove_consistency(0, 7, read_node, tree, &proof));
	assert_false(merkle_prove_consistency(8, 7, read_node, tree, &proof));
	assert_int_equal(tree->reads, 0);
}

static void
a_node_not_at_hand_fails_the_proof(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_proof proof;
	unsigned reads;

	assert_true(merkle_prove_inclusion(40, 55, read_node, tree, &proof));
	reads = tree->reads;
	for (unsigned nth = 1; nth <= reads; nth++) {
		tree->reads = 0, tree->fail_at = nth;
		assert_false(merkle_prove_inclusion(40, 55, read_node, tree, &proof));
	}
	tree->reads = tree->fail_at = 0;
	assert_true(merkle_prove_consistency(21, 55, read_node, tree, &proof));
	reads = tree->reads;
	for (unsigned nth = 1; nth <= reads; nth++) {
		tree->reads = 0, tree->fail_at = nth;
		assert_false(merkle_prove_consistency(21, 55, read_node, tree, &proof));
	}
}

/* ---- the largest trees ---- */

/* Any hash will do where only the shape counts. */
static bool
read_anything(void *context, unsigned level, uint64_t index, struct hash *out)
{
	(void)context;
	memset(out, 0, sizeof *out);
	bytes_poke_u64(out->bytes, index);
	out->bytes[8] = (uint8_t)level;
	return true;
}

/* Proofs in the largest tree, their root being what the first proof leads to: no shift or sum runs over. */
static void
proofs_reach_the_end_of_64_bits(void **state)
{
	(void)state;
	static const uint64_t sizes[] = { UINT64_MAX, UINT64_MAX - 1, (uint64_t)1 << 63, ((uint64_t)1 << 63) + 1 };
	struct merkle_proof proof;
	struct hash leaf, root;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint64_t size = sizes[i], last = size - 1;
		assert_true(merkle_prove_inclusion(last, size, read_anything, NULL, &proof));
		assert_true(read_anything(NULL, 0, last, &leaf));
		root = leaf;
		/* The last leaf has all its siblings on its left. */
		for (size_t n = 0; n < proof.count; n++)
			merkle_hash_node(&proof.hashes[n], &root, &root);
		assert_true(included(&leaf, last, size, &proof, &root));
		assert_true(merkle_prove_inclusion(0, size, read_anything, NULL, &proof));
		assert_true(proof.count >= 63);
		assert_true(merkle_prove_consistency(last, size, read_anything, NULL, &proof));
		assert_true(merkle_prove_consistency(1, size, read_anything, NULL, &proof));
		assert_true(proof.count >= 63);
	}
}

/* ---- batches ---- */

static void
batches_prove_like_the_whole_tree(void **state)
{
	struct tree *tree = tree_of(state);
	struct arena *arena = arena_create(1 << 20);
	struct merkle_frontier frontier, after;
	struct merkle_proof proof, expected;

	for (size_t before = 0; before <= BATCHES; before++)
		for (size_t count = 0; count <= BATCHES && before + count <= LEAVES; count++) {
			size_t size = before + count;
			frontier_of(tree, before, &frontier);
			frontier_of(tree, size, &after);
			struct merkle_batch *batch =
			    merkle_batch_create(&frontier, tree->leaves + before, count, arena);
			assert_non_null(batch);
			const struct merkle_frontier *made = merkle_batch_after(batch);
			assert_int_equal(made->size, size);
			assert_int_equal(made->count, after.count);
			assert_memory_equal(made->hashes, after.hashes, after.count * sizeof(struct hash));
			for (size_t nth = 0; nth < count; nth++) {
				merkle_batch_prove(batch, nth, &proof);
				reference_path(tree->leaves, before + nth, size, &expected);
				assert_same_proof(&proof, &expected);
			}
			arena_reset(arena);
		}
	arena_destroy(arena);
}

/* A frontier such as a store hands out: what lies behind its count is not looked at. */
static void
batch_on_a_large_tree(void **state)
{
	struct tree *tree = tree_of(state);
	struct arena *arena = arena_create(1 << 20);
	struct merkle_frontier frontier = { .size = 40000000, .count = 0 };
	struct merkle_proof proof;
	struct hash root;

	memset(frontier.hashes, 0xee, sizeof frontier.hashes);
	for (uint64_t rest = frontier.size; rest != 0; rest &= rest - 1)
		frontier.hashes[frontier.count] = tree->leaves[frontier.count], frontier.count++;
	struct merkle_batch *batch = merkle_batch_create(&frontier, tree->leaves, LEAVES, arena);
	merkle_frontier_root(merkle_batch_after(batch), &root);
	for (size_t nth = 0; nth < LEAVES; nth++) {
		merkle_batch_prove(batch, nth, &proof);
		assert_true(included(&tree->leaves[nth], frontier.size + nth, frontier.size + LEAVES, &proof, &root));
	}
	arena_destroy(arena);
}

static void
batch_without_room_is_null(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_frontier frontier;
	size_t failed = 0;

	frontier_of(tree, 21, &frontier);
	for (size_t room = 0; room < 16384; room += 64) {
		struct arena *arena = arena_create(room);
		if (merkle_batch_create(&frontier, tree->leaves + 21, 40, arena) == NULL)
			failed++;
		else
			assert_true(room > 79 * sizeof(struct hash));
		arena_destroy(arena);
	}
	assert_true(failed > 0 && failed < 16384 / 64);
}

/* ---- tampering ---- */

static void
altered_inclusion_fails(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_proof proof;

	for (size_t size = 1; size <= 20; size++)
		for (size_t index = 0; index < size; index++) {
			struct hash leaf = tree->leaves[index], root = tree->roots[size];
			assert_true(merkle_prove_inclusion(index, size, read_node, tree, &proof));
			for (size_t other = 0; other <= size + 1; other++)
				if (other != index)
					assert_false(included(&leaf, other, size, &proof, &root));
			for (size_t byte = 0; byte < DIGEST_SIZE; byte++) {
				leaf.bytes[byte] ^= 1;
				assert_false(included(&leaf, index, size, &proof, &root));
				leaf.bytes[byte] ^= 1;
				root.bytes[byte] ^= 0x80;
				assert_false(included(&leaf, index, size, &proof, &root));
				root.bytes[byte] ^= 0x80;
				for (size_t n = 0; n < proof.count; n++) {
					proof.hashes[n].bytes[byte] ^= 0x10;
					assert_false(included(&leaf, index, size, &proof, &root));
					proof.hashes[n].bytes[byte] ^= 0x10;
				}
			}
			proof.hashes[proof.count++] = root;
			assert_false(included(&leaf, index, size, &proof, &root));
			proof.count--;
			if (proof.count > 0) {
				proof.count--;
				assert_false(included(&leaf, index, size, &proof, &root));
			}
		}
}

static void
altered_consistency_fails(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_proof proof;

	for (size_t new = 1; new <= 20; new++)
		for (size_t old = 1; old <= new; old++) {
			struct hash before = tree->roots[old], after = tree->roots[new];
			assert_true(merkle_prove_consistency(old, new, read_node, tree, &proof));
			for (size_t byte = 0; byte < DIGEST_SIZE; byte++) {
				before.bytes[byte] ^= 1;
				assert_false(consistent(old, &before, new, &after, &proof));
				before.bytes[byte] ^= 1;
				after.bytes[byte] ^= 0x80;
				assert_false(consistent(old, &before, new, &after, &proof));
				after.bytes[byte] ^= 0x80;
				for (size_t n = 0; n < proof.count; n++) {
					proof.hashes[n].bytes[byte] ^= 0x10;
					assert_false(consistent(old, &before, new, &after, &proof));
					proof.hashes[n].bytes[byte] ^= 0x10;
				}
			}
			proof.hashes[proof.count++] = after;
			assert_false(consistent(old, &before, new, &after, &proof));
			proof.count--;
			if (proof.count > 0) {
				proof.count--;
				assert_false(consistent(old, &before, new, &after, &proof));
				proof.count++;
			}
			/* The old root stands for its own size only. */
			for (size_t other = 1; other <= new; other++)
				if (other != old)
					assert_false(consistent(other, &before, new, &after, &proof));
		}
}

static void
senseless_sizes_fail(void **state)
{
	struct tree *tree = tree_of(state);
	struct merkle_proof proof = { .count = 0 };
	const struct hash *one = &tree->roots[1], *two = &tree->roots[2];

	assert_false(included(one, 0, 0, &proof, one));
	assert_false(consistent(0, one, 0, one, &proof));
	assert_false(consistent(0, &tree->roots[0], 2, two, &proof));
	assert_false(consistent(2, two, 1, one, &proof));
	assert_false(consistent(1, one, 2, two, &proof));
	assert_false(consistent(1, one, 1, two, &proof));
	proof.count = MERKLE_PROOF_MAX + 1;
	assert_false(included(one, 0, UINT64_MAX, &proof, one));
	assert_false(consistent(1, one, UINT64_MAX, one, &proof));
}

/* ---- published vectors ---- */

/* The reference tree that Certificate Transparency's implementations share: leaves, and roots by size. */
static const char *const ct_leaves[] = { "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
	"606162636465666768696a6b6c6d6e6f" };
static const char *const ct_roots[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

/* With consistency, first is the old size; else it is the leaf's index. */
static const struct {
	bool consistency;
	uint64_t first, size;
	const char *hashes[3];
} ct_proofs[] = {
	{ false, 0, 1, { NULL } },
	{ false, 0, 8,
	    { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
	        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
	{ false, 5, 8,
	    { "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
	        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
	        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
	{ false, 2, 3, { "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" } },
	{ false, 1, 5,
	    { "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
	{ true, 1, 1, { NULL } },
	{ true, 1, 8,
	    { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
	        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
	{ true, 6, 8,
	    { "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
	        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
	        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
	{ true, 2, 5,
	    { "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
};

static void
published_tree_holds(void **state)
{
	struct tree ct = *tree_of(state);
	struct merkle_frontier frontier = { .size = 0 };
	struct merkle_proof proof;
	struct hash root;
	uint8_t leaf[16];

	for (size_t i = 0; i <= 8; i++) {
		merkle_frontier_root(&frontier, &root);
		assert_hash_hex(&root, ct_roots[i]);
		if (i == 8)
			break;
		size_t size = strlen(ct_leaves[i]) / 2;
		assert_true(hex_decode(slice_of_text(ct_leaves[i]), leaf, size));
		merkle_hash_leaf(slice_of(leaf, size), &ct.leaves[i]);
		merkle_frontier_append(&frontier, &ct.leaves[i]);
	}
	for (size_t i = 0; i < sizeof ct_proofs / sizeof ct_proofs[0]; i++) {
		uint64_t first = ct_proofs[i].first, size = ct_proofs[i].size;
		size_t count = 0;
		assert_true(ct_proofs[i].consistency ? merkle_prove_consistency(first, size, read_node, &ct, &proof)
		                                     : merkle_prove_inclusion(first, size, read_node, &ct, &proof));
		for (; count < 3 && ct_proofs[i].hashes[count] != NULL; count++)
			assert_hash_hex(&proof.hashes[count], ct_proofs[i].hashes[count]);
		assert_int_equal(proof.count, count);
		root = hash_of_hex(ct_roots[size]);
		struct hash old = hash_of_hex(ct_roots[first]);
		assert_true(ct_proofs[i].consistency ? consistent(first, &old, size, &root, &proof)
		                                     : included(&ct.leaves[first], first, size, &proof, &root));
	}
}

/* ---- */

static int
tree_setup(void **state)
{
	static struct tree tree;

	for (size_t i = 0; i < LEAVES; i++) {
		uint8_t data = (uint8_t)i;
		merkle_hash_leaf(slice_of(&data, 1), &tree.leaves[i]);
	}
	for (size_t size = 0; size <= LEAVES; size++)
		tree.roots[size] = reference_root(tree.leaves, size);
	*state = &tree;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frontier_gives_the_root_of_every_size),
		cmocka_unit_test(frontier_is_the_full_subtrees),
		cmocka_unit_test(frontier_holds_the_largest_tree),
		cmocka_unit_test(inclusion_proofs_of_every_leaf),
		cmocka_unit_test(consistency_proofs_of_every_pair),
		cmocka_unit_test(what_cannot_be_proved_is_refused),
		cmocka_unit_test(a_node_not_at_hand_fails_the_proof),
		cmocka_unit_test(proofs_reach_the_end_of_64_bits),
		cmocka_unit_test(batches_prove_like_the_whole_tree),
		cmocka_unit_test(batch_on_a_large_tree),
		cmocka_unit_test(batch_without_room_is_null),
		cmocka_unit_test(altered_inclusion_fails),
		cmocka_unit_test(altered_consistency_fails),
		cmocka_unit_test(senseless_sizes_fail),
		cmocka_unit_test(published_tree_holds),
	};
	return cmocka_run_group_tests(tests, tree_setup, NULL);
}
