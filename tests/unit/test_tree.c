/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's tree: grown in batches of any size across the borders of tiles, opened again from its records, and refused
 * when these disagree. Judged against plain folding of all leaves. */
#include "tests/unit/unit.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/keys.h"
#include "server/store/memory.h"
#include "server/tree.h"

#define LEAVES_MAX ((size_t)70000)

struct fixture {
	struct store *store;
	struct tree *tree;
	struct arena *arena;
	struct hash *leaves;
	size_t count;
	struct fault fault;
};

static const struct retention permanent = { RETENTION_PERMANENT, 0 };

static int
setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ .arena = arena_create((size_t)256 * 1024 * 1024) };
	fixture.leaves = calloc(LEAVES_MAX, sizeof *fixture.leaves);
	assert_non_null(fixture.arena);
	assert_non_null(fixture.leaves);
	for (size_t i = 0; i < LEAVES_MAX; i++)
		merkle_hash_leaf(slice_of(&i, sizeof i), &fixture.leaves[i]);
	assert_int_equal(memory_store_open(NULL, &fixture.store), ERROR_NONE);
	assert_int_equal(tree_open(fixture.store, &fixture.tree, &fixture.fault), ERROR_NONE);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	tree_close(fixture->tree);
	store_close(fixture->store);
	arena_destroy(fixture->arena);
	free(fixture->leaves);
	return 0;
}

/* Seals, commits and settles the next `count` leaves. */
static void
grow(struct fixture *fixture, size_t count)
{
	struct store_batch *batch = store_batch_create(fixture->store);
	struct blob_ref *archives = calloc(count, sizeof *archives);
	struct arena *arena = arena_create((size_t)64 * 1024 * 1024);

	assert_non_null(archives);
	assert_non_null(arena);
	for (size_t i = 0; i < count; i++)
		bytes_poke_u64(archives[i].bytes, fixture->count + i + 1);
	struct merkle_batch *merkle =
	    tree_seal(fixture->tree, batch, fixture->leaves + fixture->count, archives, count, 1, arena);
	assert_non_null(merkle);
	/* Until it is durable the present tree is the one before. */
	assert_int_equal(tree_size(fixture->tree), fixture->count);
	assert_int_equal(merkle_batch_after(merkle)->size, fixture->count + count);
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	tree_settle(fixture->tree);
	fixture->count += count;
	free(archives);
	arena_destroy(arena);
}

static enum error
reopen(struct fixture *fixture)
{
	tree_close(fixture->tree);
	fixture->tree = NULL;
	return tree_open(fixture->store, &fixture->tree, &fixture->fault);
}

static void
expect_frontier(struct fixture *fixture)
{
	struct merkle_frontier plain = { .size = 0 };
	const struct merkle_frontier *frontier = tree_frontier(fixture->tree);

	for (size_t i = 0; i < fixture->count; i++)
		merkle_frontier_append(&plain, &fixture->leaves[i]);
	assert_int_equal(tree_size(fixture->tree), fixture->count);
	assert_int_equal(frontier->size, plain.size);
	assert_int_equal(frontier->count, plain.count);
	assert_memory_equal(frontier->hashes, plain.hashes, plain.count * sizeof plain.hashes[0]);
}

/* The hashes of a level, folded from all leaves. */
static struct hash *
level_hashes(struct fixture *fixture, unsigned level, size_t *count)
{
	size_t width = (size_t)1 << (8 * level);
	struct hash *hashes = calloc(fixture->count + 1, sizeof *hashes), *scratch = calloc(width, sizeof *scratch);

	assert_non_null(hashes);
	assert_non_null(scratch);
	*count = fixture->count / width;
	for (size_t i = 0; i < *count; i++) {
		memcpy(scratch, fixture->leaves + i * width, width * sizeof *scratch);
		merkle_fold(scratch, width);
		hashes[i] = scratch[0];
	}
	free(scratch);
	return hashes;
}

static struct slice
tile_key(struct fixture *fixture, unsigned level, uint64_t index)
{
	uint8_t byte = (uint8_t)level;
	return KEY_MAKE(fixture->arena, KEY_tile, slice_of(&byte, 1), key_part_u64(fixture->arena, index));
}

/* Full tiles stand in the store, the rest of each level in memory, and nothing beyond. */
static void
expect_tiles(struct fixture *fixture)
{
	for (unsigned level = 0; level < 4; level++) {
		size_t count, i;
		struct hash *hashes = level_hashes(fixture, level, &count);
		uint64_t index = UINT64_MAX;
		unsigned width = UINT_MAX;
		struct slice value;
		bool found;
		for (i = 0; i + TILE_WIDTH <= count; i += TILE_WIDTH) {
			assert_int_equal(store_get_now(fixture->store, tile_key(fixture, level, i / TILE_WIDTH),
			    fixture->arena,
			    &found, &value), ERROR_NONE);
			assert_true(found);
			assert_int_equal(value.size, TILE_WIDTH * sizeof(struct hash));
			assert_memory_equal(value.data, &hashes[i], value.size);
		}
		assert_int_equal(store_get_now(fixture->store, tile_key(fixture, level, i / TILE_WIDTH), fixture->arena,
		    &found,
		    &value), ERROR_NONE);
		assert_false(found);
		const struct hash *partial = tree_partial_tile(fixture->tree, level, &index, &width);
		assert_int_equal(index, i / TILE_WIDTH);
		assert_int_equal(width, count - i);
		if (width == 0)
			assert_null(partial);
		else
			assert_memory_equal(partial, &hashes[i], width * sizeof(struct hash));
		free(hashes);
	}
}

static void
expect_same_when_opened_again(struct fixture *fixture)
{
	expect_frontier(fixture);
	assert_int_equal(reopen(fixture), ERROR_NONE);
	expect_frontier(fixture);
}

/* ---- growth ---- */

static void
an_empty_tree(void **state)
{
	struct fixture *fixture = *state;

	expect_same_when_opened_again(fixture);
	expect_tiles(fixture);
	assert_null(tree_partial_tile(fixture->tree, TREE_LEVELS, &(uint64_t){ 0 }, &(unsigned){ 0 }));
}

/* One leaf a batch across the first border, opened again at each size near it. */
static void
leaf_by_leaf_across_a_border(void **state)
{
	struct fixture *fixture = *state;

	while (fixture->count < 2 * TILE_WIDTH + 3) {
		grow(fixture, 1);
		if ((fixture->count + 3) % TILE_WIDTH < 6 || fixture->count < 9) {
			expect_same_when_opened_again(fixture);
			expect_tiles(fixture);
		}
	}
}

/* Batches of all sizes, some larger than a tile, up to where the second level's first tile is full. */
static void
batches_of_any_size(void **state)
{
	struct fixture *fixture = *state;
	static const size_t borders[] = { 255, 1, 1, 255, 256, 257, 511, 513, 4096 };
	uint32_t seed = 7;

	for (size_t i = 0; i < sizeof borders / sizeof borders[0]; i++) {
		grow(fixture, borders[i]);
		expect_same_when_opened_again(fixture);
	}
	expect_tiles(fixture);
	while (fixture->count < LEAVES_MAX) {
		seed = seed * 1664525U + 1013904223U;
		size_t count = 1 + (seed >> 8) % 4096;
		/* Land on the border of the second level once, exactly. */
		if (fixture->count < 65536 && fixture->count + count > 65536)
			count = 65536 - fixture->count;
		if (fixture->count + count > LEAVES_MAX)
			count = LEAVES_MAX - fixture->count;
		grow(fixture, count);
		if (fixture->count == 65536 || seed % 4 == 0)
			expect_same_when_opened_again(fixture);
	}
	expect_same_when_opened_again(fixture);
	expect_tiles(fixture);
}

/* The frontier stored with a batch is the tree before it. */
static void
a_batch_remembers_the_tree_before_it(void **state)
{
	struct fixture *fixture = *state;
	struct rec_log_batch batch;
	struct merkle_frontier before, plain = { .size = 0 };
	struct slice value;
	bool found;

	grow(fixture, 300);
	grow(fixture, 7);
	struct slice key = KEY_MAKE(fixture->arena, KEY_log_batch, key_part_u64(fixture->arena, 300));
	assert_int_equal(store_get_now(fixture->store, key, fixture->arena, &found, &value), ERROR_NONE);
	assert_true(found);
	assert_int_equal(record_decode(record_log_batch(), value, fixture->arena, &batch), ERROR_NONE);
	assert_int_equal(log_batch_frontier(&batch, &before), ERROR_NONE);
	for (size_t i = 0; i < 300; i++)
		merkle_frontier_append(&plain, &fixture->leaves[i]);
	assert_int_equal(before.size, 300);
	assert_int_equal(before.count, plain.count);
	assert_memory_equal(before.hashes, plain.hashes, plain.count * sizeof plain.hashes[0]);
	assert_int_equal(batch.leaves.size, 7 * sizeof(struct hash));
	assert_memory_equal(batch.leaves.data, fixture->leaves + 300, batch.leaves.size);
	/* Shapes that no batch has. */
	batch.archives.size--;
	assert_int_equal(log_batch_frontier(&batch, &before), ERROR_store_damaged);
	batch.archives.size -= sizeof(struct blob_ref) - 1;
	assert_int_equal(log_batch_frontier(&batch, &before), ERROR_store_damaged);
	batch.archives.size += sizeof(struct blob_ref);
	assert_int_equal(log_batch_frontier(&batch, &before), ERROR_NONE);
	batch.size_before++;
	assert_int_equal(log_batch_frontier(&batch, &before), ERROR_store_damaged);
}

/* ---- damage ---- */

enum damage { REMOVED, FLIPPED, CUT };

static void
damage(struct fixture *fixture, struct slice key, enum damage kind, size_t at)
{
	struct store_batch *batch;
	struct slice value;
	bool found;

	assert_int_equal(store_get_now(fixture->store, key, fixture->arena, &found, &value), ERROR_NONE);
	assert_true(found && at < value.size);
	uint8_t *bytes = malloc(value.size);
	assert_non_null(bytes);
	memcpy(bytes, value.data, value.size);
	bytes[at] ^= 1;
	batch = store_batch_create(fixture->store);
	if (kind == REMOVED)
		store_remove(batch, key);
	else
		store_put(batch, permanent, key, slice_of(bytes, kind == CUT ? at : value.size));
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	free(bytes);
}

static struct slice
batch_key(struct fixture *fixture, uint64_t size_before)
{
	return KEY_MAKE(fixture->arena, KEY_log_batch, key_part_u64(fixture->arena, size_before));
}

/* What the open depends on: batches since the last full tile, and every tile whose root stands in a row. */
static void
damage_is_found_at_open(void **state)
{
	struct fixture *fixture = *state;
	struct {
		struct slice key;
		enum damage kind;
		size_t at;
	} damages[] = {
		{ batch_key(fixture, 600), REMOVED, 0 },   /* in the middle */
		{ batch_key(fixture, 600), FLIPPED, 600 }, /* a leaf of it */
		{ batch_key(fixture, 600), CUT, 600 },
		{ batch_key(fixture, 700), FLIPPED, 100 }, /* the frontier of the newest */
		{ batch_key(fixture, 700), CUT, 30 },
		{ tile_key(fixture, 0, 0), REMOVED, 0 },
		{ tile_key(fixture, 0, 1), FLIPPED, 8191 },
		{ tile_key(fixture, 0, 1), CUT, 8160 },
	};

	grow(fixture, 300);
	grow(fixture, 300);
	grow(fixture, 100);
	grow(fixture, 50);
	for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
		struct slice value;
		bool found;
		assert_int_equal(store_get_now(fixture->store, damages[i].key, fixture->arena, &found, &value),
		    ERROR_NONE);
		damage(fixture, damages[i].key, damages[i].kind, damages[i].at);
		if (reopen(fixture) != ERROR_store_damaged)
			fail_msg("damage %zu is not found", i);
		assert_int_equal(fixture->fault.error, ERROR_store_damaged);
		assert_true(fixture->fault.place.size != 0);
		struct store_batch *batch = store_batch_create(fixture->store);
		store_put(batch, permanent, damages[i].key, value);
		assert_int_equal(store_commit_now(batch), ERROR_NONE);
		assert_int_equal(reopen(fixture), ERROR_NONE);
	}
	expect_frontier(fixture);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_tree),
		TEST(leaf_by_leaf_across_a_border),
		TEST(batches_of_any_size),
		TEST(a_batch_remembers_the_tree_before_it),
		TEST(damage_is_found_at_open),
	};
	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
