/* SPDX-License-Identifier: Apache-2.0
 *
 * Receipt numbers: every slip of one character is found, and of two exchanged neighbours all but one pair. */
#include "tests/unit/unit.h"

#include <string.h>

#include "protocol/receipt_number.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* A number from bytes that begin with `seed` and go on in no pattern that matters. */
static void
make(unsigned seed, char out[RECEIPT_NUMBER_SIZE + 1])
{
	uint8_t random[10];

	for (unsigned i = 0; i < sizeof random; i++)
		random[i] = (uint8_t)((seed + 1) * 2654435761U >> (i % 4 * 8)) ^ (uint8_t)(37 * i * (seed | 1));
	receipt_number_make(random, out);
}

/* Worked out by hand from the rule as PROTOCOL.md tells it. */
static void
test_known(void **state)
{
	(void)state;
	char out[RECEIPT_NUMBER_SIZE + 1];
	static const uint8_t zeros[10], ones[10] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };
	static const uint8_t first[10] = { 0x08 }, last[10] = { [9] = 0x20 }, unused[10] = { [9] = 0x1f };

	receipt_number_make(zeros, out);
	assert_string_equal(out, "0000-0000-0000-0000");
	receipt_number_make(ones, out); /* each Z counts 31, doubled or not: 15 * 31 + 15 is 0 modulo 32 */
	assert_string_equal(out, "ZZZZ-ZZZZ-ZZZZ-ZZZF");
	receipt_number_make(first, out); /* 1 counts 2 */
	assert_string_equal(out, "1000-0000-0000-000Y");
	receipt_number_make(last, out);
	assert_string_equal(out, "0000-0000-0000-001Y");
	receipt_number_make(unused, out);
	assert_string_equal(out, "0000-0000-0000-0000");
}

static void
test_typed_forms(void **state)
{
	(void)state;
	char out[RECEIPT_NUMBER_SIZE + 1];
	static const char *const good[] = { "1000-0000-0000-000Y", "1000 0000 0000 000y", "i0000000o000000y",
		" L-ooo0000000000 0Y-" };
	static const char *const bad[] = { "", "1000-0000-0000-000", "1000-0000-0000-000Y0", "1000-0000-0000-000U",
		"1000_0000_0000_000Y", "1000-0000-0000-000Z", "1000-0000-0000-000\xc3\x9f" };

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(receipt_number_parse(slice_of_text(good[i]), out));
		assert_string_equal(out, "1000-0000-0000-000Y");
		assert_int_equal(receipt_number_valid(slice_of_text(good[i])), i == 0);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(receipt_number_parse(slice_of_text(bad[i]), out));
		assert_int_equal(
		    receipt_number_has_form(slice_of_text(bad[i])), strcmp(bad[i], "1000-0000-0000-000Z") == 0);
	}
	assert_true(receipt_number_has_form(slice_of_text(good[3])));
	assert_false(receipt_number_parse(slice_of("1000-0000-0000-00\0Y", 19), out));
}

static void
test_one_character_wrong(void **state)
{
	(void)state;
	char number[RECEIPT_NUMBER_SIZE + 1], out[RECEIPT_NUMBER_SIZE + 1];

	for (unsigned seed = 0; seed < 40; seed++) {
		make(seed, number);
		assert_true(receipt_number_valid(slice_of_text(number)));
		for (size_t at = 0; at < RECEIPT_NUMBER_SIZE; at++) {
			char right = number[at];
			if (right == '-')
				continue;
			for (size_t c = 0; c < 32; c++) {
				number[at] = alphabet[c];
				bool accepted = receipt_number_parse(slice_of_text(number), out);
				assert_int_equal(accepted, alphabet[c] == right);
			}
			number[at] = right;
		}
	}
}

static void
test_neighbours_exchanged(void **state)
{
	(void)state;
	char number[RECEIPT_NUMBER_SIZE + 1], out[RECEIPT_NUMBER_SIZE + 1];
	unsigned exchanged = 0;

	for (unsigned seed = 0; seed < 400; seed++) {
		make(seed, number);
		for (size_t at = 0; at + 1 < RECEIPT_NUMBER_SIZE; at++) {
			size_t next = number[at + 1] == '-' ? at + 2 : at + 1;
			char a = number[at], b = number[next];
			if (a == '-' || a == b)
				continue;
			number[at] = b, number[next] = a;
			bool blind = (a == '0' && b == 'Z') || (a == 'Z' && b == '0');
			assert_int_equal(receipt_number_parse(slice_of_text(number), out), blind);
			number[at] = a, number[next] = b;
			exchanged++;
		}
	}
	assert_true(exchanged > 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_typed_forms),
		cmocka_unit_test(test_one_character_wrong),
		cmocka_unit_test(test_neighbours_exchanged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
