/* SPDX-License-Identifier: Apache-2.0
 *
 * The log as a whole, over tests/vectors/log.json: everything in it is made again here, and its receipt's proof is
 * bent in every way that must not pass. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/json.h"
#include "protocol/note.h"
#include "tests/unit/file.h"

#define LEAVES_MAX 64

struct vectors {
	struct arena *arena;
	struct buf *scratch;
	const struct json *json;
	EVP_PKEY *key;
	struct note_verifier verifier;
	struct slice origin, checkpoint, receipt_body, receipt_proof;
	size_t count;
	struct slice leaves[LEAVES_MAX];
	struct hash hashes[LEAVES_MAX], roots[LEAVES_MAX + 1];
};

/* ---- reading the vectors ---- */

static uint64_t
number_of(const struct json *object, const char *name)
{
	uint64_t number;
	assert_true(json_find_uint(object, name, UINT64_MAX, &number));
	return number;
}

static struct slice
text_of(const struct json *object, const char *name)
{
	struct slice text = json_find_text(object, name);
	assert_non_null(text.data);
	return text;
}

static struct hash
hash_of(const struct json *hex)
{
	struct hash hash;
	assert_true(hex_decode(hex->text, hash.bytes, sizeof hash.bytes));
	return hash;
}

static void
proof_of(const struct json *row, struct merkle_proof *out)
{
	out->count = 0;
	for (const struct json *hash = json_find(row, "hashes")->first; hash != NULL; hash = hash->next)
		out->hashes[out->count++] = hash_of(hash);
}

static void
assert_same_proof(const struct merkle_proof *proof, const struct merkle_proof *expected)
{
	assert_int_equal(proof->count, expected->count);
	assert_memory_equal(proof->hashes, expected->hashes, expected->count * sizeof(struct hash));
}

static void
assert_same_text(const struct buf *buf, struct slice expected)
{
	assert_true(buf_ok(buf));
	assert_true(slice_equal(buf_peek(buf), expected));
}

/* Full subtrees from the leaf hashes of the vectors. */
static bool
read_node(void *context, unsigned level, uint64_t index, struct hash *out)
{
	struct vectors *v = context;
	struct merkle_frontier frontier = { .size = 0 };

	assert_true(((index + 1) << level) <= v->count);
	for (uint64_t leaf = index << level; leaf < (index + 1) << level; leaf++)
		merkle_frontier_append(&frontier, &v->hashes[leaf]);
	merkle_frontier_root(&frontier, out);
	return true;
}

/* ---- making them again ---- */

static void
leaves_and_roots(void **state)
{
	struct vectors *v = *state;
	struct merkle_frontier frontier = { .size = 0 };
	struct hash hash;

	for (size_t i = 0; i <= v->count; i++) {
		merkle_frontier_root(&frontier, &hash);
		assert_memory_equal(&hash, &v->roots[i], sizeof hash);
		if (i == v->count)
			break;
		merkle_hash_leaf(v->leaves[i], &hash);
		assert_memory_equal(&hash, &v->hashes[i], sizeof hash);
		merkle_frontier_append(&frontier, &hash);
	}
}

static void
inclusion_and_consistency(void **state)
{
	struct vectors *v = *state;
	struct merkle_proof proof, expected;

	for (const struct json *row = json_find(v->json, "inclusion")->first; row != NULL; row = row->next) {
		uint64_t index = number_of(row, "index"), size = number_of(row, "size");
		proof_of(row, &expected);
		assert_true(merkle_prove_inclusion(index, size, read_node, v, &proof));
		assert_same_proof(&proof, &expected);
		assert_int_equal(
		    merkle_verify_inclusion(&v->hashes[index], index, size, &proof, &v->roots[size]), ERROR_NONE);
	}
	for (const struct json *row = json_find(v->json, "consistency")->first; row != NULL; row = row->next) {
		uint64_t old = number_of(row, "size_old"), new = number_of(row, "size_new");
		proof_of(row, &expected);
		assert_true(merkle_prove_consistency(old, new, read_node, v, &proof));
		assert_same_proof(&proof, &expected);
		assert_int_equal(
		    merkle_verify_consistency(old, &v->roots[old], new, &v->roots[new], &proof), ERROR_NONE);
	}
}

static void
verifier_key_and_checkpoint(void **state)
{
	struct vectors *v = *state;
	struct checkpoint checkpoint = { .size = v->count, .root = v->roots[v->count] };

	buf_clear(v->scratch);
	memcpy(checkpoint.origin, v->origin.data, v->origin.size);
	note_verifier_put(v->scratch, checkpoint.origin, v->verifier.public_key);
	assert_same_text(v->scratch, text_of(v->json, "verifier_key"));
	buf_clear(v->scratch);
	assert_int_equal(checkpoint_sign(v->scratch, &checkpoint, v->key), ERROR_NONE);
	assert_same_text(v->scratch, v->checkpoint);
}

/* The receipt's proof comes out the same whichever way the tree grew to the checkpoint's size: in one batch or many,
 * and again later from the nodes alone, as a retry makes it. */
static void
receipt_proof_is_always_the_same(void **state)
{
	struct vectors *v = *state;
	uint64_t index = number_of(json_find(v->json, "receipt"), "index");
	struct merkle_frontier before = { .size = 0 };
	struct merkle_proof proof;

	for (size_t first = 0; first <= index; first++) {
		struct merkle_batch *batch =
		    merkle_batch_create(&before, v->hashes + first, v->count - first, v->arena);
		merkle_batch_prove(batch, (size_t)index - first, &proof);
		buf_clear(v->scratch);
		tlog_proof_put(v->scratch, index, &proof, v->checkpoint);
		assert_same_text(v->scratch, v->receipt_proof);
		merkle_frontier_append(&before, &v->hashes[first]);
	}
	assert_true(merkle_prove_inclusion(index, v->count, read_node, v, &proof));
	buf_clear(v->scratch);
	tlog_proof_put(v->scratch, index, &proof, v->checkpoint);
	assert_same_text(v->scratch, v->receipt_proof);
}

static void
paths_of_tiles(void **state)
{
	struct vectors *v = *state;

	for (const struct json *row = json_find(v->json, "tiles")->first; row != NULL; row = row->next) {
		buf_clear(v->scratch);
		tile_path_put(v->scratch, (unsigned)number_of(row, "level"), number_of(row, "index"),
		    (unsigned)number_of(row, "width"));
		assert_same_text(v->scratch, text_of(row, "path"));
	}
}

/* ---- the receipt's proof, whole and altered ---- */

/* Verifies a copy of exactly the text, so that a sanitizer sees a read past its end. */
static bool
holds(struct vectors *v, struct slice text, struct slice body)
{
	struct fault fault = { .error = ERROR_NONE };
	uint8_t *copy = malloc(text.size + 1);
	struct checkpoint checkpoint;
	uint64_t index;
	enum error error;

	if (text.size != 0)
		memcpy(copy + 1, text.data, text.size);
	error = tlog_proof_verify(slice_of(copy + 1, text.size), body, &v->verifier, &checkpoint, &index, &fault);
	free(copy);
	assert_int_equal(error, fault.error);
	assert_true(error == ERROR_NONE || error == ERROR_proof_invalid);
	return error == ERROR_NONE;
}

static void
receipt_holds_and_no_other_body_does(void **state)
{
	struct vectors *v = *state;
	struct checkpoint checkpoint;
	struct fault fault;
	uint64_t index;

	enum error error =
	    tlog_proof_verify(v->receipt_proof, v->receipt_body, &v->verifier, &checkpoint, &index, &fault);
	assert_int_equal(error, ERROR_NONE);
	assert_int_equal(index, number_of(json_find(v->json, "receipt"), "index"));
	assert_int_equal(checkpoint.size, v->count);
	for (size_t i = 0; i < v->count; i++)
		assert_int_equal(holds(v, v->receipt_proof, v->leaves[i]), i == index);
	assert_false(holds(v, v->receipt_proof, SLICE_EMPTY));
	assert_false(holds(v, v->receipt_proof, slice_from(v->receipt_body, 1)));
}

static void
every_altered_bit_of_a_proof_fails(void **state)
{
	struct vectors *v = *state;
	struct slice whole = v->receipt_proof;
	uint8_t altered[1024];

	assert_true(whole.size <= sizeof altered);
	memcpy(altered, whole.data, whole.size);
	for (size_t i = 0; i < whole.size; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			altered[i] ^= (uint8_t)(1U << bit);
			assert_false(holds(v, slice_of(altered, whole.size), v->receipt_body));
			altered[i] = whole.data[i];
		}
	for (size_t size = 0; size < whole.size; size++)
		assert_false(holds(v, slice_of(altered, size), v->receipt_body));
}

#define FIRST_LINE "c2sp.org/tlog-proof@v1\n"

static void
proof_heads_have_one_spelling(void **state)
{
	struct vectors *v = *state;
	static const struct {
		bool good;
		const char *head; /* in place of the first line and the index */
	} rows[] = {
		{ true, FIRST_LINE "index 7\n" },
		{ true, FIRST_LINE "extra AA==\nindex 7\n" },
		{ false, FIRST_LINE "extra \nindex 7\n" },
		{ false, FIRST_LINE "extra AB==\nindex 7\n" },
		{ false, FIRST_LINE "extra AA\nindex 7\n" },
		{ false, FIRST_LINE "extra AA==\nextra AA==\nindex 7\n" },
		{ false, FIRST_LINE "index 7\nextra AA==\n" },
		{ false, FIRST_LINE "index 07\n" },
		{ false, FIRST_LINE "index  7\n" },
		{ false, FIRST_LINE "index -7\n" },
		{ false, FIRST_LINE "index 7 \n" },
		{ false, FIRST_LINE "index 18446744073709551623\n" }, /* 2^64 + 7 */
		{ false, FIRST_LINE "index\n" },
		{ false, FIRST_LINE },
		{ false, "c2sp.org/tlog-proof@v2\nindex 7\n" },
		{ false, "c2sp.org/tlog-proof@v1\r\nindex 7\r\n" },
		{ false, "index 7\n" },
	};
	struct slice tail = slice_from(v->receipt_proof, strlen(rows[0].head));

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_clear(v->scratch);
		buf_put_text(v->scratch, rows[i].head);
		buf_put(v->scratch, tail);
		assert_int_equal(holds(v, buf_peek(v->scratch), v->receipt_body), rows[i].good);
	}
}

/* One hash more than the way has is refused by the walk, one more than any way can have by the parser. */
static void
too_many_hashes_are_refused(void **state)
{
	struct vectors *v = *state;
	struct merkle_proof proof;
	struct slice rest;
	struct fault fault;
	uint64_t index;

	assert_int_equal(tlog_proof_parse(v->receipt_proof, &index, &proof, &rest, &fault), ERROR_NONE);
	proof.hashes[proof.count++] = v->roots[1];
	buf_clear(v->scratch);
	tlog_proof_put(v->scratch, index, &proof, v->checkpoint);
	assert_false(holds(v, buf_peek(v->scratch), v->receipt_body));
	buf_clear(v->scratch);
	buf_put_text(v->scratch, FIRST_LINE "index 7\n");
	for (size_t i = 0; i <= MERKLE_PROOF_MAX; i++)
		buf_put_text(v->scratch, "M4qnVr4Nad1F63k8BwaNBnFCteLZDDayKPBwaHDnm90=\n");
	buf_put_text(v->scratch, "\nx");
	assert_int_equal(tlog_proof_parse(buf_peek(v->scratch), &index, &proof, &rest, &fault), ERROR_proof_invalid);
	assert_int_equal(proof.count, MERKLE_PROOF_MAX);
}

static void
proofs_over_the_limit_are_refused(void **state)
{
	struct vectors *v = *state;

	buf_clear(v->scratch);
	buf_put_text(v->scratch, FIRST_LINE "extra ");
	while (buf_size(v->scratch) < LIMIT_PROOF_SIZE)
		buf_put_text(v->scratch, "AAAA");
	buf_put_text(v->scratch, "\n");
	buf_put(v->scratch, slice_from(v->receipt_proof, strlen(FIRST_LINE)));
	assert_false(holds(v, buf_peek(v->scratch), v->receipt_body));
}

static void
proof_without_room_fails_the_buffer(void **state)
{
	struct vectors *v = *state;
	struct merkle_proof proof;
	struct slice rest;
	struct fault fault;
	uint64_t index;

	assert_int_equal(tlog_proof_parse(v->receipt_proof, &index, &proof, &rest, &fault), ERROR_NONE);
	for (size_t room = 0; room <= v->receipt_proof.size; room++) {
		struct buf *buf = buf_create(room);
		tlog_proof_put(buf, index, &proof, rest);
		assert_int_equal(buf_ok(buf), room == v->receipt_proof.size);
		buf_destroy(buf);
	}
}

/* ---- */

static void
vectors_take_tree(struct vectors *v)
{
	size_t count = 0;

	for (const struct json *leaf = json_find(v->json, "leaves")->first; leaf != NULL; leaf = leaf->next)
		v->leaves[v->count++] = leaf->text;
	assert_true(v->count > 0 && v->count < LEAVES_MAX);
	for (const struct json *hash = json_find(v->json, "leaf_hashes")->first; hash != NULL; hash = hash->next)
		v->hashes[count++] = hash_of(hash);
	assert_int_equal(count, v->count);
	count = 0;
	for (const struct json *root = json_find(v->json, "roots")->first; root != NULL; root = root->next)
		v->roots[count++] = hash_of(root);
	assert_int_equal(count, v->count + 1);
}

static int
vectors_setup(void **state)
{
	static struct vectors v;
	const struct json_limits limits = { .size_max = 1 << 16, .values_max = 4000, .depth_max = 8 };
	struct fault fault;
	uint8_t seed[32];
	char *text;
	size_t size;

	v.arena = arena_create(1 << 22);
	v.scratch = buf_create(4 * LIMIT_PROOF_SIZE);
	text = file_read("tests/vectors/log.json", &size);
	assert_int_equal(json_parse(slice_of(text, size), &limits, v.arena, &v.json, &fault), ERROR_NONE);
	free(text);
	vectors_take_tree(&v);
	v.origin = text_of(v.json, "origin");
	v.checkpoint = text_of(v.json, "checkpoint");
	v.receipt_body = text_of(json_find(v.json, "receipt"), "body");
	v.receipt_proof = text_of(json_find(v.json, "receipt"), "proof");
	assert_true(hex_decode(text_of(v.json, "seed"), seed, sizeof seed));
	v.key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
	assert_non_null(v.key);
	assert_int_equal(note_verifier_parse(text_of(v.json, "verifier_key"), &v.verifier, &fault), ERROR_NONE);
	*state = &v;
	return 0;
}

static int
vectors_teardown(void **state)
{
	struct vectors *v = *state;

	arena_destroy(v->arena);
	buf_destroy(v->scratch);
	EVP_PKEY_free(v->key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_and_roots),
		cmocka_unit_test(inclusion_and_consistency),
		cmocka_unit_test(verifier_key_and_checkpoint),
		cmocka_unit_test(receipt_proof_is_always_the_same),
		cmocka_unit_test(paths_of_tiles),
		cmocka_unit_test(receipt_holds_and_no_other_body_does),
		cmocka_unit_test(every_altered_bit_of_a_proof_fails),
		cmocka_unit_test(proof_heads_have_one_spelling),
		cmocka_unit_test(too_many_hashes_are_refused),
		cmocka_unit_test(proofs_over_the_limit_are_refused),
		cmocka_unit_test(proof_without_room_fails_the_buffer),
	};
	return cmocka_run_group_tests(tests, vectors_setup, vectors_teardown);
}
