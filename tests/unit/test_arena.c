/* SPDX-License-Identifier: Apache-2.0
 *
 * The arena contract: aligned and zeroed memory, also what was used before; the maximum; copies. */
#include "tests/unit/unit.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "protocol/arena.h"

#define ARENA_MAX ((size_t)256 * 1024)

static int
setup(void **state)
{
	*state = arena_create(ARENA_MAX);
	return *state == NULL;
}

static int
teardown(void **state)
{
	arena_destroy(*state);
	return 0;
}

/* Zeroed and its own, filled at once so that whoever gets it again would see. */
static void
take(struct arena *arena, size_t size)
{
	uint8_t *memory = arena_alloc(arena, size);

	assert_non_null(memory);
	assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(memory[i], 0);
	memset(memory, 'x', size);
}

/* Sizes below, at and above that of a block, so many that some blocks are kept at a reset and some are not. */
static void
memory_is_zeroed_however_often_it_was_used(void **state)
{
	static const size_t sizes[] = { 1, 100, 8192, 5000, 5000, 8193, 5000, 20000, 5000, 5000, 17 };

	for (int round = 0; round < 4; round++) {
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
			take(*state, sizes[(i + (size_t)round) % (sizeof sizes / sizeof sizes[0])]);
		assert_true(arena_used(*state) >= 61503);
		arena_reset(*state);
		assert_int_equal(arena_used(*state), 0);
	}
}

static void
maximum_holds_before_and_after_a_reset(void **state)
{
	for (int round = 0; round < 3; round++) {
		take(*state, ARENA_MAX - 4096);
		take(*state, 4096);
		assert_null(arena_alloc(*state, 1));
		assert_int_equal(arena_used(*state), ARENA_MAX);
		arena_reset(*state);
	}
	assert_null(arena_alloc(*state, ARENA_MAX + 1));
	assert_null(arena_alloc(*state, SIZE_MAX));
	assert_null(arena_alloc_array(*state, SIZE_MAX / 2, 3));
	take(*state, 1);
}

static void
copies_end_with_a_nul(void **state)
{
	struct slice copy;

	for (int round = 0; round < 2; round++) {
		take(*state, 3);
		assert_true(arena_copy(*state, SLICE_LITERAL("text"), &copy));
		assert_string_equal((const char *)copy.data, "text");
		assert_int_equal(copy.size, 4);
		assert_true(arena_copy(*state, SLICE_EMPTY, &copy));
		assert_int_equal(copy.data[0], 0);
		arena_reset(*state);
	}
	assert_false(arena_copy(*state, slice_of("", SIZE_MAX), &copy));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_is_zeroed_however_often_it_was_used, setup, teardown),
		cmocka_unit_test_setup_teardown(maximum_holds_before_and_after_a_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(copies_end_with_a_nul, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
