/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts: well-formed UTF-8 wherever it stands, and decimal numbers as the C library writes them. */
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/bytes.h"

/* Long enough that eights of ASCII come before, between and after. */
#define TEXT_SIZE ((size_t)40)

/* An "a" everywhere but at `at`, where `bytes` stand. */
static size_t
prefix_with(const char *bytes, size_t at)
{
	char text[TEXT_SIZE];

	memset(text, 'a', sizeof text);
	memcpy(text + at, bytes, strlen(bytes));
	return slice_utf8_prefix(slice_of(text, sizeof text));
}

/* The bounds of RFC 3629, section 4. */
static void
sequences_are_known_at_every_place(void **state)
{
	static const char *const good[] = { "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xc3\xa9\xe2\x82\xac" };
	static const char *const bad[] = { "\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xef\xbf",
		"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		for (size_t at = 0; at + strlen(good[i]) <= TEXT_SIZE; at++)
			assert_int_equal(prefix_with(good[i], at), TEXT_SIZE);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		for (size_t at = 0; at + strlen(bad[i]) <= TEXT_SIZE; at++)
			assert_int_equal(prefix_with(bad[i], at), at);
}

static void
cut_sequences_are_left_out(void **state)
{
	static const char text[] = "Beno\xc3\xaet paie 100 \xe2\x82\xac de plus \xf0\x9f\x8c\xb3";
	size_t whole = 0;

	(void)state;
	for (size_t size = 0; size < sizeof text; size++) {
		if (((uint8_t)text[size] & 0xc0) != 0x80)
			whole = size;
		assert_int_equal(slice_utf8_prefix(slice_of(text, size)), whole);
		assert_int_equal(slice_is_utf8(slice_of(text, size)), whole == size);
	}
}

static void
decimals_are_those_of_printf(void **state)
{
	char found[DECIMAL_SIZE_MAX], expected[32];

	(void)state;
	for (uint64_t power = 1, last = 0; power > last; last = power, power *= 10)
		for (uint64_t value = power - 1; value <= power + 1; value++)
			for (int width = 1; width <= (int)DECIMAL_SIZE_MAX; width += 3) {
				int size = snprintf(expected, sizeof expected, "%0*" PRIu64, width, value);
				assert_int_equal(decimal_encode(value, (size_t)width, found), size);
				assert_memory_equal(found, expected, (size_t)size);
			}
	assert_int_equal(decimal_encode(UINT64_MAX, 1, found), DECIMAL_SIZE_MAX);
	assert_memory_equal(found, "18446744073709551615", DECIMAL_SIZE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_are_known_at_every_place),
		cmocka_unit_test(cut_sequences_are_left_out),
		cmocka_unit_test(decimals_are_those_of_printf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
