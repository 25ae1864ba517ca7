/* SPDX-License-Identifier: Apache-2.0
 *
 * What counts as a word and as a name, among characters that look like nothing or like something else. */
#include "tests/unit/unit.h"

#include "protocol/character.h"

static void
characters_are_taken_whole(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		uint32_t character;
	} takings[] = {
		{ "a", 1, 'a' }, { "\xc3\xa9" "a", 2, 0xe9 }, { "\xe2\x82\xac", 3, 0x20ac },
		{ "\xf0\x9f\x93\x84", 4, 0x1f4c4 },
		{ "\xf4\x8f\xbf\xbf", 4, 0x10ffff }, { "", 0, 0 }, { "\xc3", 0, 0 }, { "\xe2\x82", 0, 0 },
		{ "\x80", 0, 0 }, { "\xc0\x80", 0, 0 }, { "\xe0\x80\x80", 0, 0 }, { "\xed\xa0\x80", 0, 0 },
		{ "\xf4\x90\x80\x80", 0, 0 }, { "\xff", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof takings / sizeof takings[0]; i++) {
		uint32_t character = 0;
		assert_int_equal(slice_take_character(slice_of_text(takings[i].text), &character), takings[i].size);
		assert_int_equal(character, takings[i].character);
	}
}

static const struct {
	const char *text;
	bool is_word, is_name;
} texts[] = {
	{ "", false, false },
	{ "a", true, true },
	{ "Été-2", true, true },
	{ "a b", false, true },
	{ " ", false, false },
	{ "\u00a0", false, false },
	{ "a\u00a0b", false, true },
	{ "\u200b", false, false },
	{ "\u200ba", false, true },
	{ "\ufeff\u00ad\u3164", false, false },
	{ "a\u2028", false, false },
	{ "a\xc2\x85", false, false },
	{ "\u202ea", false, false },
	{ "a\u2066", false, false },
	{ "a\x01", false, false },
	{ "a\x7f", false, false },
	{ "a\n", false, false },
	{ "a\xff", false, false },
	{ "\u0639\u0644\u064a", true, true },
};

static void
words_and_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		assert_int_equal(text_is_word(slice_of_text(texts[i].text)), texts[i].is_word);
		assert_int_equal(text_is_name(slice_of_text(texts[i].text)), texts[i].is_name);
	}
}

/* A character is at most one of these, and an ordinary letter is seen. */
static void
kinds_of_characters(void **state)
{
	(void)state;
	for (uint32_t character = 0; character <= 0x10ffff; character++)
		assert_false(character_is_seen(character) &&
		    (character_is_space(character) || character_is_control(character)));
	assert_true(character_is_space(0x3000) && !character_is_space(0x200b));
	assert_true(character_is_control(0x9f) && !character_is_control(0xa0));
	assert_true(character_is_seen(0x153) && !character_is_seen(0x2062));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_are_taken_whole),
		cmocka_unit_test(words_and_names),
		cmocka_unit_test(kinds_of_characters),
	};
	return cmocka_run_group_tests_name("character", tests, NULL, NULL);
}
