/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed bytes, fixed-width big-endian numbers and hexadecimal: what every other file needs and
 * nothing else. A slice owns nothing; whoever hands one out says how long its bytes live. */
#ifndef GUICHET_BYTES_H
#define GUICHET_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every function whose result must not be dropped carries this. */
#define must_check __attribute__((warn_unused_result))

/* A borrowed run of bytes. data may be NULL only when size is 0. */
struct slice {
	const uint8_t *data;
	size_t size;
};

#define SLICE_EMPTY ((struct slice){ NULL, 0 })
/* The bytes of a string literal, without its NUL. */
#define SLICE_LITERAL(text) ((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 })

/* A slice of `size` bytes at `data`. */
static inline struct slice
slice_of(const void *data, size_t size)
{
	return (struct slice){ (const uint8_t *)data, size };
}

/* The bytes of a NUL-terminated string, without its NUL. */
struct slice slice_of_text(const char *text);
/* Same length and same bytes. Not for secrets: see slice_equal_secret. */
bool slice_equal(struct slice a, struct slice b);
/* Same, in a time that depends on the lengths only. */
bool slice_equal_secret(struct slice a, struct slice b);
bool slice_equal_text(struct slice a, const char *text);
/* Order by bytes, shorter first on a common prefix: <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);
bool slice_starts_with(struct slice whole, struct slice prefix);
/* The part from `from` (at most size) to the end. */
struct slice slice_from(struct slice s, size_t from);
/* One decimal digit or more, and nothing else? */
bool slice_is_digits(struct slice s);
/* The character that a text in UTF-8 begins with, and how many bytes it has; 0 when there is none. */
size_t slice_take_character(struct slice text, uint32_t *character);
/* Well-formed UTF-8 (RFC 3629: no overlong form, no surrogate, at most U+10FFFF)? */
bool slice_is_utf8(struct slice s);
/* The size of the longest beginning that is. */
size_t slice_utf8_prefix(struct slice s);
/* At most `max` bytes of a text in UTF-8, never half a character. */
struct slice slice_cut(struct slice text, size_t max);

/* Copies a text with its NUL, such as a path in whatever encoding; if it is no UTF-8, '?' stands for each of its bytes
 * that is not ASCII. */
void text_to_utf8(const char *text, char *out);

/* Zeros in place of what nobody is to find there; never left out, though nothing reads them. With the C library's
 * memset, at eight times the speed of OPENSSL_cleanse: whole requests are wiped. */
void bytes_wipe(void *bytes, size_t size);

uint16_t bytes_peek_u16(const uint8_t *p);
uint32_t bytes_peek_u32(const uint8_t *p);
uint64_t bytes_peek_u64(const uint8_t *p);
void bytes_poke_u16(uint8_t *p, uint16_t value);
void bytes_poke_u32(uint8_t *p, uint32_t value);
void bytes_poke_u64(uint8_t *p, uint64_t value);

/* Lower-case hexadecimal of `s` into `out`, which holds 2 * s.size + 1 characters; NUL-terminated. */
void hex_encode(struct slice s, char *out);
/* Exactly `size` bytes from 2 * size lower-case hexadecimal digits; false on any other input. */
must_check bool hex_decode(struct slice text, uint8_t *out, size_t size);

/* Decimal digits of `value` into `out`, with zeros in front if they are fewer than `width`, which is from 1 to
 * DECIMAL_SIZE_MAX; how many. At most DECIMAL_SIZE_MAX, no NUL. */
#define DECIMAL_SIZE_MAX ((size_t)20)
size_t decimal_encode(uint64_t value, size_t width, char *out);
/* Parses a canonical decimal number: digits only, no leading zero unless it is "0", at most `max`. */
must_check bool decimal_decode(struct slice text, uint64_t max, uint64_t *out);

#endif
