/* SPDX-License-Identifier: Apache-2.0
 *
 * Receipt numbers and their check character. */
#include "protocol/receipt_number.h"

#include <string.h>

#define CHARACTERS 16
#define GROUP 4
#define BASE 32U

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Luhn mod N over all but the last: every second value counts double, the digits of the double added up in base 32. */
static unsigned
check_value(const uint8_t values[CHARACTERS - 1])
{
	unsigned sum = 0;

	for (size_t i = 0; i < CHARACTERS - 1; i++) {
		unsigned addend = values[i] * (i % 2 == 0 ? 2U : 1U);
		sum += addend / BASE + addend % BASE;
	}
	return (BASE - sum % BASE) % BASE;
}

static void
format(const uint8_t values[CHARACTERS], char out[RECEIPT_NUMBER_SIZE + 1])
{
	size_t at = 0;

	for (size_t i = 0; i < CHARACTERS; i++) {
		if (i != 0 && i % GROUP == 0)
			out[at++] = '-';
		out[at++] = alphabet[values[i]];
	}
	out[at] = '\0';
}

void
receipt_number_make(const uint8_t random[10], char out[RECEIPT_NUMBER_SIZE + 1])
{
	uint8_t values[CHARACTERS];

	for (size_t i = 0; i < CHARACTERS - 1; i++) {
		size_t bit = 5 * i;
		unsigned window = (unsigned)random[bit / 8] << 8 | (bit / 8 + 1 < 10 ? random[bit / 8 + 1] : 0);
		values[i] = (uint8_t)(window >> (11 - bit % 8) & (BASE - 1));
	}
	values[CHARACTERS - 1] = (uint8_t)check_value(values);
	format(values, out);
}

/* The value of a typed character; BASE when it has none. */
static unsigned
value_of(uint8_t c)
{
	if (c >= 'a' && c <= 'z')
		c = (uint8_t)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	const char *found = c == '\0' ? NULL : strchr(alphabet, c);
	return found == NULL ? BASE : (unsigned)(found - alphabet);
}

/* The values of as many characters as a number has, dashes and spaces passed over. */
static bool
read_values(struct slice typed, uint8_t values[CHARACTERS])
{
	size_t count = 0;

	for (size_t i = 0; i < typed.size; i++) {
		if (typed.data[i] == '-' || typed.data[i] == ' ')
			continue;
		unsigned value = value_of(typed.data[i]);
		if (value == BASE || count == CHARACTERS)
			return false;
		values[count++] = (uint8_t)value;
	}
	return count == CHARACTERS;
}

bool
receipt_number_parse(struct slice typed, char out[RECEIPT_NUMBER_SIZE + 1])
{
	uint8_t values[CHARACTERS];

	if (!read_values(typed, values) || values[CHARACTERS - 1] != check_value(values))
		return false;
	format(values, out);
	return true;
}

bool
receipt_number_has_form(struct slice typed)
{
	uint8_t values[CHARACTERS];

	return read_values(typed, values);
}

bool
receipt_number_valid(struct slice number)
{
	char canonical[RECEIPT_NUMBER_SIZE + 1];

	return number.size == RECEIPT_NUMBER_SIZE && receipt_number_parse(number, canonical) &&
	    slice_equal_text(number, canonical);
}
