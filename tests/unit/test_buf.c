/* SPDX-License-Identifier: Apache-2.0
 *
 * The buffer contract: order of bytes, the maximum, failure that sticks, nothing left behind. */
#include "tests/unit/unit.h"

#include <string.h>

#include "protocol/buf.h"

static void
bytes_come_out_in_order(void **state)
{
	(void)state;
	struct buf *buf = buf_create(100000);
	uint8_t next_in = 0, next_out = 0;
	/* Uneven puts and consumes move the front through every branch of growing and compacting. */
	for (int round = 0; round < 2000; round++) {
		for (int i = 0; i < 37 + round % 11; i++)
			buf_put_u8(buf, next_in++);
		size_t take = buf_size(buf) * (size_t)(round % 7) / 7;
		struct slice held = buf_peek(buf);
		for (size_t i = 0; i < take; i++)
			assert_int_equal(held.data[i], next_out++);
		buf_consume(buf, take);
	}
	assert_true(buf_ok(buf));
	buf_destroy(buf);
}

static void
maximum_is_kept_and_failure_sticks(void **state)
{
	(void)state;
	struct buf *buf = buf_create(10);
	buf_put_text(buf, "12345678");
	buf_put_text(buf, "901");
	assert_false(buf_ok(buf));
	buf_put_text(buf, "9");
	assert_int_equal(buf_size(buf), 8);
	buf_clear(buf);
	buf_put_text(buf, "1234567890");
	assert_true(buf_ok(buf));
	assert_int_equal(buf_space(buf), 0);
	buf_destroy(buf);
}

static void
numbers_are_big_endian(void **state)
{
	(void)state;
	struct buf *buf = buf_create(64);
	buf_put_u8(buf, 0x01);
	buf_put_u64(buf, 0x0203040506070809);
	struct slice held = buf_peek(buf);
	assert_int_equal(held.size, 9);
	for (size_t i = 0; i < held.size; i++)
		assert_int_equal(held.data[i], i + 1);
	buf_poke(buf, 0, SLICE_LITERAL("xy"));
	assert_int_equal(buf_peek(buf).data[1], 'y');
	buf_destroy(buf);
}

static void
memory_is_given_back_when_little_is_held(void **state)
{
	(void)state;
	struct buf *buf = buf_create(3 * 1024 * 1024);
	uint8_t *at = buf_reserve(buf, 2000000);
	assert_non_null(at);
	for (size_t i = 0; i < 2000000; i++)
		at[i] = (uint8_t)(i % 251);
	buf_commit(buf, 2000000);
	assert_in_range(buf_allocated(buf), 2000000, 2 * 2000000);
	buf_consume(buf, 1000000);
	buf_shrink(buf);
	assert_in_range(buf_allocated(buf), 2000000, 2 * 2000000);
	buf_consume(buf, 900000);
	buf_shrink(buf);
	assert_in_range(buf_allocated(buf), 100000, 2 * 100000);
	assert_int_equal(buf_size(buf), 100000);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(buf_peek(buf).data[i], (1900000 + i) % 251);
	buf_consume(buf, 100000);
	buf_shrink(buf);
	assert_int_equal(buf_allocated(buf), 0);
	buf_put_text(buf, "again");
	assert_true(slice_equal_text(buf_peek(buf), "again"));
	/* What is small is kept: it will be needed again. */
	size_t small = buf_allocated(buf);
	buf_consume(buf, 5);
	buf_shrink(buf);
	assert_int_equal(buf_allocated(buf), small);
	buf_destroy(buf);
}

static void
hexadecimal_is_put_whatever_its_length(void **state)
{
	(void)state;
	uint8_t bytes[200];
	char text[2 * sizeof bytes + 1];
	struct buf *buf = buf_create(2 * sizeof bytes);

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 37);
	for (size_t size = 0; size <= sizeof bytes; size++) {
		buf_clear(buf);
		buf_put_hex(buf, slice_of(bytes, size));
		hex_encode(slice_of(bytes, size), text);
		assert_true(buf_ok(buf) && slice_equal_text(buf_peek(buf), text));
	}
	buf_destroy(buf);
}

/* Seen through the memory that it keeps. */
static void
what_was_held_is_wiped(void **state)
{
	(void)state;
	static const uint8_t zeros[1000];
	struct buf *buf = buf_create(sizeof zeros);

	for (int public = 0; public < 2; public++) {
		uint8_t *memory = buf_reserve(buf, sizeof zeros);
		assert_non_null(memory);
		memset(memory, 'x', sizeof zeros);
		buf_commit(buf, sizeof zeros);
		if (public)
			buf_set_public(buf);
		buf_clear(buf);
		assert_ptr_equal(buf_reserve(buf, sizeof zeros), memory);
		assert_int_equal(memcmp(memory, zeros, sizeof zeros) == 0, !public);
	}
	buf_destroy(buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_in_order),
		cmocka_unit_test(maximum_is_kept_and_failure_sticks),
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(memory_is_given_back_when_little_is_held),
		cmocka_unit_test(hexadecimal_is_put_whatever_its_length),
		cmocka_unit_test(what_was_held_is_wiped),
	};
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
