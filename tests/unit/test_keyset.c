/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of keys that a batch writes: what was added is found, singly and in ranges, and nothing else. */
#include "tests/unit/unit.h"

#include "server/keyset.h"

static int
setup(void **state)
{
	*state = keyset_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	keyset_destroy(*state);
	return 0;
}

static struct slice
text(const char *words)
{
	return slice_of_text(words);
}

static void
what_was_added_is_there(void **state)
{
	struct keyset *keyset = *state;

	assert_false(keyset_has(keyset, text("a")));
	keyset_add(keyset, text("a"));
	keyset_add(keyset, text("ab"));
	keyset_add(keyset, text("a"));
	assert_int_equal(keyset_count(keyset), 2);
	assert_true(keyset_has(keyset, text("a")));
	assert_true(keyset_has(keyset, text("ab")));
	assert_false(keyset_has(keyset, text("b")));
	assert_false(keyset_has(keyset, text("abc")));
}

static void
ranges_hold_their_first_key_and_not_their_last(void **state)
{
	struct keyset *keyset = *state;

	assert_false(keyset_has_within(keyset, text("a"), text("z")));
	keyset_add(keyset, text("m"));
	assert_true(keyset_has_within(keyset, text("m"), text("n")));
	assert_true(keyset_has_within(keyset, text("a"), text("ma")));
	assert_false(keyset_has_within(keyset, text("a"), text("m")));
	assert_false(keyset_has_within(keyset, text("ma"), text("z")));
}

/* Slots are shared by chance and freed by clearing: neither hides a key nor leaves one behind. */
static void
full_and_cleared_and_full_again(void **state)
{
	static uint8_t keys[2][KEYSET_MAX][9];
	struct keyset *keyset = *state;

	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < KEYSET_MAX; i++) {
			keys[round][i][0] = (uint8_t)('A' + round);
			bytes_poke_u64(keys[round][i] + 1, i);
			keyset_add(keyset, slice_of(keys[round][i], 9));
		}
		assert_int_equal(keyset_count(keyset), KEYSET_MAX);
		for (size_t i = 0; i < KEYSET_MAX; i++) {
			assert_true(keyset_has(keyset, slice_of(keys[round][i], 9)));
			if (round == 1)
				assert_false(keyset_has(keyset, slice_of(keys[0][i], 9)));
		}
		keyset_clear(keyset);
		assert_int_equal(keyset_count(keyset), 0);
		assert_false(keyset_has(keyset, slice_of(keys[round][0], 9)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_added_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(ranges_hold_their_first_key_and_not_their_last, setup, teardown),
		cmocka_unit_test_setup_teardown(full_and_cleared_and_full_again, setup, teardown),
	};
	return cmocka_run_group_tests_name("keyset", tests, NULL, NULL);
}
