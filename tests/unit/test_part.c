/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of uploads as they stand in their blobs: what was sealed for one place opens there and nowhere else. */
#include "server/services/part.h"

#include <string.h>

#include "protocol/limits.h"
#include "tests/unit/unit.h"

static const uint8_t keys[2][SEAL_KEY_SIZE] = { "one document's key", "another document's key" };
static const uint8_t digests[2][DIGEST_SIZE] = { "one document", "another document" };
static const uint8_t nonces[2][SEAL_NONCE_SIZE] = { "drawn once", "drawn twice" };

static struct part_place
place_of(size_t key, size_t digest, uint64_t offset)
{
	return (struct part_place){ slice_of(keys[key], SEAL_KEY_SIZE), slice_of(digests[digest], DIGEST_SIZE),
		offset };
}

static struct slice
seal(struct arena *arena, const struct part_place *place, size_t nonce, struct slice plain)
{
	struct slice sealed;
	assert_int_equal(part_seal(place, nonces[nonce], plain, arena, &sealed), ERROR_NONE);
	assert_int_equal(sealed.size, plain.size + SEAL_OVERHEAD);
	return sealed;
}

static void
assert_closed(struct arena *arena, const struct part_place *place, struct slice sealed)
{
	struct slice bytes;
	assert_int_equal(part_open(place, sealed, arena, &bytes), ERROR_store_damaged);
	assert_int_equal(bytes.size, 0);
}

static void
a_part_opens_where_it_belongs(void **state)
{
	struct arena *arena = arena_create((size_t)16 * 1024 * 1024);
	static uint8_t plain[LIMIT_PART_SIZE];
	static const size_t sizes[] = { 1, 15, 16, 1000, LIMIT_PART_MIN, LIMIT_PART_SIZE };

	(void)state;
	for (size_t i = 0; i < sizeof plain; i++)
		plain[i] = (uint8_t)(i * 7 + i / 251);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		const struct part_place place = place_of(0, 0, i << 33);
		struct slice sealed = seal(arena, &place, 0, slice_of(plain, sizes[i])), bytes;
		assert_int_equal(part_open(&place, sealed, arena, &bytes), ERROR_NONE);
		assert_int_equal(bytes.size, sizes[i]);
		assert_memory_equal(bytes.data, plain, sizes[i]);
	}
	arena_destroy(arena);
}

/* The decision may run several times: each time the same comes of it, and of another request something else. */
static void
the_same_request_seals_the_same(void **state)
{
	struct arena *arena = arena_create((size_t)1024 * 1024);
	const struct slice plain = SLICE_LITERAL("the same bytes, at the same place");
	const struct part_place place = place_of(0, 0, 0), begun_anew = place_of(1, 0, 0);
	struct slice sealed = seal(arena, &place, 0, plain);

	(void)state;
	assert_true(slice_equal(seal(arena, &place, 0, plain), sealed));
	struct slice others[] = { seal(arena, &place, 1, plain), seal(arena, &begun_anew, 0, plain) };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_memory_not_equal(others[i].data + SEAL_NONCE_SIZE, sealed.data + SEAL_NONCE_SIZE, plain.size);
	arena_destroy(arena);
}

static void
nowhere_else(void **state)
{
	struct arena *arena = arena_create((size_t)1024 * 1024);
	const struct part_place place = place_of(0, 0, 65536);
	const struct part_place others[] = { place_of(1, 0, 65536), place_of(0, 1, 65536), place_of(0, 0, 0),
		place_of(0, 0, 65537), place_of(0, 0, 65536 + (UINT64_C(1) << 32)), { .offset = 65536 } };
	struct slice sealed = seal(arena, &place, 0, SLICE_LITERAL("forty bytes of somebody's bank statement"));

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_closed(arena, &others[i], sealed);
	for (size_t i = 0; i < sealed.size; i++) {
		struct slice changed;
		assert_true(arena_copy(arena, sealed, &changed));
		((uint8_t *)(uintptr_t)changed.data)[i] ^= (uint8_t)(1 << i % 8);
		assert_closed(arena, &place, changed);
		assert_closed(arena, &place, slice_of(sealed.data, i));
	}
	arena_destroy(arena);
}

static void
short_memory_is_told(void **state)
{
	struct arena *arena = arena_create(100), *small = arena_create(32);
	const struct part_place place = place_of(0, 0, 0);
	struct slice sealed = seal(arena, &place, 0, SLICE_LITERAL("forty bytes of somebody's bank statement")), bytes;

	(void)state;
	assert_int_equal(part_open(&place, sealed, small, &bytes), ERROR_out_of_memory);
	assert_int_equal(part_seal(&place, nonces[0], sealed, small, &bytes), ERROR_out_of_memory);
	arena_destroy(small);
	arena_destroy(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_opens_where_it_belongs),
		cmocka_unit_test(the_same_request_seals_the_same),
		cmocka_unit_test(nowhere_else),
		cmocka_unit_test(short_memory_is_told),
	};
	return cmocka_run_group_tests_name("part", tests, NULL, NULL);
}
