/* SPDX-License-Identifier: Apache-2.0
 *
 * Slices, big-endian numbers, hexadecimal and decimal text. */
#include "protocol/bytes.h"

#include <openssl/crypto.h>
#include <string.h>

struct slice
slice_of_text(const char *text)
{
	return slice_of(text, strlen(text));
}

bool
slice_equal(struct slice a, struct slice b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool
slice_equal_secret(struct slice a, struct slice b)
{
	return a.size == b.size && (a.size == 0 || CRYPTO_memcmp(a.data, b.data, a.size) == 0);
}

bool
slice_equal_text(struct slice a, const char *text)
{
	return slice_equal(a, slice_of_text(text));
}

int
slice_compare(struct slice a, struct slice b)
{
	size_t common = a.size < b.size ? a.size : b.size;
	int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
	if (order != 0)
		return order;
	return a.size < b.size ? -1 : a.size > b.size;
}

bool
slice_starts_with(struct slice whole, struct slice prefix)
{
	return whole.size >= prefix.size && slice_equal(slice_of(whole.data, prefix.size), prefix);
}

struct slice
slice_from(struct slice s, size_t from)
{
	if (from >= s.size)
		return SLICE_EMPTY;
	return slice_of(s.data + from, s.size - from);
}

size_t
slice_take_character(struct slice text, uint32_t *character)
{
	const uint8_t *p = text.data;
	size_t size;
	uint32_t code, smallest;

	if (text.size == 0)
		return 0;
	if (p[0] < 0x80) {
		*character = p[0];
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	if (p[0] < 0xe0)
		size = 2, code = p[0] & 0x1fU, smallest = 0x80;
	else if (p[0] < 0xf0)
		size = 3, code = p[0] & 0x0fU, smallest = 0x800;
	else
		size = 4, code = p[0] & 0x07U, smallest = 0x10000;
	if (text.size < size)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fU);
	}
	if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*character = code;
	return size;
}

/* Are the eight bytes at p ASCII? */
static bool
is_ascii(const uint8_t *p)
{
	uint64_t eight;

	memcpy(&eight, p, sizeof eight);
	return (eight & 0x8080808080808080U) == 0;
}

size_t
slice_utf8_prefix(struct slice s)
{
	size_t at = 0, step = 1;
	uint32_t ignored;

	while (at < s.size && step != 0) {
		step = s.size - at >= 8 && is_ascii(s.data + at) ? 8 :
								   slice_take_character(slice_from(s, at), &ignored);
		at += step;
	}
	return at;
}

bool
slice_is_digits(struct slice s)
{
	for (size_t i = 0; i < s.size; i++)
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
	return s.size != 0;
}

bool
slice_is_utf8(struct slice s)
{
	return slice_utf8_prefix(s) == s.size;
}

struct slice
slice_cut(struct slice text, size_t max)
{
	if (text.size <= max)
		return text;
	while (max > 0 && (text.data[max] & 0xc0) == 0x80)
		max--;
	return slice_of(text.data, max);
}

void
text_to_utf8(const char *text, char *out)
{
	bool is_utf8 = slice_is_utf8(slice_of_text(text));

	for (; *text != '\0'; text++)
		*out++ = is_utf8 || (uint8_t)*text < 0x80 ? *text : '?';
	*out = '\0';
}

void
bytes_wipe(void *bytes, size_t size)
{
	static void *(*const volatile set)(void *, int, size_t) = memset;

	if (size != 0)
		set(bytes, 0, size);
}

uint16_t
bytes_peek_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t
bytes_peek_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t
bytes_peek_u64(const uint8_t *p)
{
	return (uint64_t)bytes_peek_u32(p) << 32 | bytes_peek_u32(p + 4);
}

void
bytes_poke_u16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

void
bytes_poke_u32(uint8_t *p, uint32_t value)
{
	bytes_poke_u16(p, (uint16_t)(value >> 16));
	bytes_poke_u16(p + 2, (uint16_t)value);
}

void
bytes_poke_u64(uint8_t *p, uint64_t value)
{
	bytes_poke_u32(p, (uint32_t)(value >> 32));
	bytes_poke_u32(p + 4, (uint32_t)value);
}

void
hex_encode(struct slice s, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < s.size; i++) {
		out[2 * i] = digits[s.data[i] >> 4];
		out[2 * i + 1] = digits[s.data[i] & 0x0f];
	}
	out[2 * s.size] = '\0';
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool
hex_decode(struct slice text, uint8_t *out, size_t size)
{
	if (text.size != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

size_t
decimal_encode(uint64_t value, size_t width, char *out)
{
	size_t size = 1;

	for (uint64_t rest = value / 10; rest != 0; rest /= 10)
		size++;
	size = size < width ? width : size;
	for (size_t i = size; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
	return size;
}

bool
decimal_decode(struct slice text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (text.size == 0 || (text.size > 1 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.size; i++) {
		unsigned digit = (unsigned)text.data[i] - '0';
		if (digit > 9 || digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (value > max)
		return false;
	*out = value;
	return true;
}
