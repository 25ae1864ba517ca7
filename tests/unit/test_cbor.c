/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict reader against the examples of RFC 8949 appendix A, against forms that are not deterministic, and
 * against libcbor: whatever ours accepts, libcbor reads as the same values. */
#include "tests/unit/unit.h"

/* libcbor has two names that are ours too; what is called here of it is its streaming decoder only. */
#define cbor_type libcbor_type
#define cbor_get_bool libcbor_get_bool
#include <cbor.h>
#undef cbor_type
#undef cbor_get_bool

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/cbor.h"
#include "protocol/limits.h"

#define SAMPLE_MAX ((size_t)512)

static struct slice
from_hex(const char *hex, uint8_t out[SAMPLE_MAX])
{
	size_t size = strlen(hex) / 2;
	assert_true(size <= SAMPLE_MAX);
	assert_true(hex_decode(slice_of_text(hex), out, size));
	return slice_of(out, size);
}

/* One item, all of the bytes, nested as deep as messages may be. */
static bool
accepts(struct slice bytes)
{
	struct cbor_reader reader = { bytes };
	return cbor_skip(&reader, LIMIT_CBOR_DEPTH) && reader.rest.size == 0;
}

/* ---- RFC 8949 appendix A ---- */

static void
unsigned_integers_of_the_rfc(void **state)
{
	static const struct {
		const char *hex;
		uint64_t value;
	} samples[] = {
		{ "00", 0 }, { "01", 1 }, { "0a", 10 }, { "17", 23 }, { "1818", 24 }, { "1819", 25 }, { "1864", 100 },
		{ "1903e8", 1000 }, { "1a000f4240", 1000000 }, { "1b000000e8d4a51000", 1000000000000 },
		{ "1bffffffffffffffff", UINT64_MAX },
		/* The edges between the forms, which the RFC's examples leave out. */
		{ "18ff", 255 }, { "190100", 256 }, { "19ffff", 65535 }, { "1a00010000", 65536 },
		{ "1affffffff", UINT32_MAX }, { "1b0000000100000000", (uint64_t)UINT32_MAX + 1 },
	};
	uint8_t bytes[SAMPLE_MAX];
	(void)state;
	struct buf *buf = buf_create(64);
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		struct slice sample = from_hex(samples[i].hex, bytes);
		struct cbor_reader reader = { sample };
		uint64_t value;
		assert_int_equal(cbor_peek_type(&reader), CBOR_UINT);
		assert_true(cbor_get_uint(&reader, &value));
		assert_true(value == samples[i].value);
		assert_int_equal(reader.rest.size, 0);
		cbor_put_uint(buf, value);
		assert_true(slice_equal(buf_peek(buf), sample));
		buf_clear(buf);
		/* Cut anywhere, it is no number. */
		for (size_t size = 0; size < sample.size; size++) {
			reader.rest = slice_of(sample.data, size);
			assert_false(cbor_get_uint(&reader, &value));
		}
	}
	buf_destroy(buf);
}

static void
strings_of_the_rfc(void **state)
{
	static const struct {
		const char *hex, *value;
		enum cbor_type type;
	} samples[] = {
		{ "40", "", CBOR_BYTES }, { "4401020304", "\x01\x02\x03\x04", CBOR_BYTES }, { "60", "", CBOR_TEXT },
		{ "6161", "a", CBOR_TEXT }, { "6449455446", "IETF", CBOR_TEXT }, { "62225c", "\"\\", CBOR_TEXT },
		{ "62c3bc", "\xc3\xbc", CBOR_TEXT }, { "63e6b0b4", "\xe6\xb0\xb4", CBOR_TEXT },
		{ "64f0908591", "\xf0\x90\x85\x91", CBOR_TEXT },
	};
	uint8_t bytes[SAMPLE_MAX];
	(void)state;
	struct buf *buf = buf_create(64);
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		struct slice sample = from_hex(samples[i].hex, bytes), value;
		struct cbor_reader reader = { sample };
		assert_int_equal(cbor_peek_type(&reader), samples[i].type);
		if (samples[i].type == CBOR_BYTES) {
			assert_true(cbor_get_bytes(&reader, &value));
			cbor_put_bytes(buf, value);
		} else {
			assert_true(cbor_get_text(&reader, &value));
			cbor_put_text(buf, value);
		}
		assert_true(slice_equal_text(value, samples[i].value));
		assert_int_equal(reader.rest.size, 0);
		assert_true(slice_equal(buf_peek(buf), sample));
		buf_clear(buf);
		for (size_t size = 0; size < sample.size; size++) {
			reader.rest = slice_of(sample.data, size);
			assert_false(samples[i].type == CBOR_BYTES ? cbor_get_bytes(&reader, &value) :
			                                             cbor_get_text(&reader, &value));
		}
	}
	buf_destroy(buf);
}

static void
containers_and_booleans_of_the_rfc(void **state)
{
	static const char *const samples[] = {
		"f4", "f5", "80", "83010203", "8301820203820405",
		"98190102030405060708090a0b0c0d0e0f101112131415161718181819", "a0", "a201020304", "a26161016162820203",
		"826161a161626163", "a56161614161626142616361436164614461656145",
	};
	uint8_t bytes[SAMPLE_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		struct slice sample = from_hex(samples[i], bytes);
		assert_true(accepts(sample));
		for (size_t size = 0; size < sample.size; size++)
			assert_false(accepts(slice_of(sample.data, size)));
	}
}

static void
forms_the_messages_do_not_use_are_refused(void **state)
{
	static const char *const samples[] = {
		/* Negative integers, bignums, floats, null, undefined, simple values, tags, indefinite lengths: all
		 * the rest of appendix A. */
		"20", "29", "3863", "3903e7", "3bffffffffffffffff", "c249010000000000000000", "c349010000000000000000",
		"f90000", "f98000", "f93c00", "fb3ff199999999999a", "f93e00", "f97bff", "fa47c35000", "fa7f7fffff",
		"fb7e37e43c8800759c", "f90001", "f90400", "f9c400", "fbc010666666666666", "f97c00", "f97e00", "f9fc00",
		"fa7f800000", "fa7fc00000", "faff800000", "fb7ff0000000000000", "fb7ff8000000000000",
		"fbfff0000000000000", "f6", "f7", "f0", "f8ff", "c074323031332d30332d32315432303a30343a30305a",
		"c11a514b67b0", "c1fb41d452d9e20000000000", "d74401020304", "d818456449455446",
		"d82076687474703a2f2f7777772e6578616d706c652e636f6d", "5f42010243030405ff",
		"7f657374726561646d696e67ff", "9fff", "9f018202039f0405ffff", "9f01820203820405ff",
		"83018202039f0405ff", "83019f0203ff820405",
		"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
		"bf61610161629f0203ffff", "826161bf61626163ff", "bf6346756ef563416d7421ff",
		/* Not the shortest form. */
		"1800", "1817", "190000", "1900ff", "1a00000000", "1a0000ffff", "1b0000000000000000",
		"1b00000000ffffffff", "5800", "5900010a", "7800", "9800", "b800", "f814", "f815",
		/* Reserved additional information. */
		"1c", "1d", "1e", "1f", "5c", "7d", "9e", "bc", "fc",
		/* A lone break, a string longer than what is there, absurd counts. */
		"ff", "4201", "6261", "5bffffffffffffffff", "7bffffffffffffffff", "9bffffffffffffffff",
		"bbffffffffffffffff", "bb8000000000000000", "9a7fffffff00",
		/* Text that is not UTF-8: overlong, surrogate, beyond U+10FFFF, cut. */
		"62c080", "63eda080", "64f4908080", "61c3", "61ff",
		/* Map keys that repeat, fall, or are containers. */
		"a201020103", "a202020103", "a2616201616102", "a2616101616102", "a2190100000000", "a16161", "a18000",
		"a1a000", "a2f50000f5",
	};
	uint8_t bytes[SAMPLE_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
		if (accepts(from_hex(samples[i], bytes)))
			fail_msg("accepted: %s", samples[i]);
}

static void
keys_rise_in_bytewise_order(void **state)
{
	uint8_t bytes[SAMPLE_MAX];
	(void)state;
	/* The order of RFC 8949 4.2.1's own example, as far as the forms are used here: 10, 100, "z", "aa", false. */
	assert_true(accepts(from_hex("a50a00186400617a0062616100f400", bytes)));
	assert_false(accepts(from_hex("a262616100617a00", bytes)));
}

static void
depth_is_bounded(void **state)
{
	uint8_t bytes[LIMIT_CBOR_DEPTH + 1];
	(void)state;
	memset(bytes, 0x81, sizeof bytes);
	for (unsigned depth = 0; depth <= LIMIT_CBOR_DEPTH; depth++) {
		bytes[depth] = 0x00;
		struct cbor_reader exact = { slice_of(bytes, depth + 1) }, less = exact;
		assert_true(cbor_skip(&exact, depth));
		assert_int_equal(exact.rest.size, 0);
		if (depth > 0)
			assert_false(cbor_skip(&less, depth - 1));
		bytes[depth] = 0x81;
	}
	struct cbor_reader empty = { SLICE_LITERAL("\x80") };
	assert_false(cbor_skip(&empty, 0));
}

static void
counts_are_within_the_bytes_left(void **state)
{
	uint8_t bytes[SAMPLE_MAX];
	size_t count;
	(void)state;
	struct cbor_reader reader = { from_hex("83000000", bytes) };
	assert_true(cbor_get_array(&reader, &count));
	assert_int_equal(count, 3);
	reader.rest = from_hex("830000", bytes);
	assert_false(cbor_get_array(&reader, &count));
	reader.rest = from_hex("a200000100", bytes);
	assert_true(cbor_get_map(&reader, &count));
	assert_int_equal(count, 2);
	reader.rest = from_hex("a2000001", bytes);
	assert_false(cbor_get_map(&reader, &count));
	/* Twice this count is 0 in 64 bits. */
	reader.rest = from_hex("bb80000000000000000000", bytes);
	assert_false(cbor_get_map(&reader, &count));
}

/* ---- against libcbor ---- */

/* Both sides write what they read into one of these, in the same words. */
static struct buf *
log_of(void *context)
{
	return context;
}

static void
log_uint(void *context, uint64_t value)
{
	buf_put_format(log_of(context), "u%" PRIu64 " ", value);
}

static void
log_u8(void *context, uint8_t value)
{
	log_uint(context, value);
}

static void
log_u16(void *context, uint16_t value)
{
	log_uint(context, value);
}

static void
log_u32(void *context, uint32_t value)
{
	log_uint(context, value);
}

static void
log_string(void *context, cbor_data data, size_t size)
{
	buf_put_format(log_of(context), "s%zu:", size);
	buf_put(log_of(context), slice_of(data, size));
}

static void
log_array(void *context, size_t count)
{
	buf_put_format(log_of(context), "a%zu ", count);
}

static void
log_map(void *context, size_t count)
{
	buf_put_format(log_of(context), "m%zu ", count);
}

static void
log_bool(void *context, bool value)
{
	buf_put_text(log_of(context), value ? "t " : "f ");
}

static void
read_with_libcbor(struct slice bytes, struct buf *log)
{
	/* Events that are not set stay silent, so a form that ours should have refused shows as a difference. */
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	callbacks.uint8 = log_u8;
	callbacks.uint16 = log_u16;
	callbacks.uint32 = log_u32;
	callbacks.uint64 = log_uint;
	callbacks.byte_string = log_string;
	callbacks.string = log_string;
	callbacks.array_start = log_array;
	callbacks.map_start = log_map;
	callbacks.boolean = log_bool;
	while (bytes.size > 0) {
		struct cbor_decoder_result result = cbor_stream_decode(bytes.data, bytes.size, &callbacks, log);
		assert_int_equal(result.status, CBOR_DECODER_FINISHED);
		bytes = slice_from(bytes, result.read);
	}
}

static void
read_with_ours(struct slice bytes, struct buf *log)
{
	struct cbor_reader reader = { bytes };
	struct slice string;
	uint64_t number;
	size_t count;
	bool truth;

	while (reader.rest.size > 0) {
		switch (cbor_peek_type(&reader)) {
		case CBOR_UINT:
			assert_true(cbor_get_uint(&reader, &number));
			log_uint(log, number);
			break;
		case CBOR_BYTES:
			assert_true(cbor_get_bytes(&reader, &string));
			log_string(log, string.data, string.size);
			break;
		case CBOR_TEXT:
			assert_true(cbor_get_text(&reader, &string));
			log_string(log, string.data, string.size);
			break;
		case CBOR_ARRAY:
			assert_true(cbor_get_array(&reader, &count));
			log_array(log, count);
			break;
		case CBOR_MAP:
			assert_true(cbor_get_map(&reader, &count));
			log_map(log, count);
			break;
		case CBOR_BOOL:
			assert_true(cbor_get_bool(&reader, &truth));
			log_bool(log, truth);
			break;
		case CBOR_OTHER:
			fail_msg("a form that cbor_skip accepted is not readable");
		}
	}
}

/* A fixed sequence: xorshift64 of Marsaglia. */
static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Random items; mostly small heads, so that a fair part is well formed. */
static struct slice
make_sample(uint64_t *seed, uint8_t out[SAMPLE_MAX])
{
	static const uint8_t majors[] = { 0x00, 0x00, 0x00, 0x40, 0x60, 0x80, 0xa0, 0xe0 };
	size_t size = 1 + next_random(seed) % 48;
	for (size_t i = 0; i < size; i++) {
		uint64_t r = next_random(seed);
		unsigned info = r >> 8 & 7 ? r >> 16 & 3 : r >> 16 & 31;
		out[i] = (uint8_t)(majors[r % 8] | (majors[r % 8] == 0xe0 ? 20 + (r >> 32 & 1) : info));
		if ((r >> 40 & 63) == 0)
			out[i] = (uint8_t)(r >> 48);
	}
	return slice_of(out, size);
}

static void
what_ours_accepts_libcbor_reads_alike(void **state)
{
	uint64_t seed = 20251013;
	size_t accepted = 0, nested = 0;
	uint8_t bytes[SAMPLE_MAX];
	(void)state;
	struct buf *ours = buf_create(1 << 16), *theirs = buf_create(1 << 16);
	for (int i = 0; i < 200000; i++) {
		struct slice sample = make_sample(&seed, bytes);
		struct cbor_reader reader = { sample };
		if (!cbor_skip(&reader, LIMIT_CBOR_DEPTH))
			continue;
		sample.size -= reader.rest.size;
		accepted++;
		nested += sample.data[0] >= 0x80 && sample.size > 4;
		read_with_ours(sample, ours);
		read_with_libcbor(sample, theirs);
		assert_true(buf_ok(ours) && buf_ok(theirs));
		assert_true(slice_equal(buf_peek(ours), buf_peek(theirs)));
		buf_clear(ours);
		buf_clear(theirs);
	}
	/* The sample must not have become trivial. */
	assert_true(accepted > 20000 && nested > 1000);
	buf_destroy(ours);
	buf_destroy(theirs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_integers_of_the_rfc),
		cmocka_unit_test(strings_of_the_rfc),
		cmocka_unit_test(containers_and_booleans_of_the_rfc),
		cmocka_unit_test(forms_the_messages_do_not_use_are_refused),
		cmocka_unit_test(keys_rise_in_bytewise_order),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(counts_are_within_the_bytes_left),
		cmocka_unit_test(what_ours_accepts_libcbor_reads_alike),
	};
	return cmocka_run_group_tests_name("cbor", tests, NULL, NULL);
}
