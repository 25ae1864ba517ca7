/* SPDX-License-Identifier: Apache-2.0
 *
 * Inflation to a size known beforehand: exact, or refused; one inflater serves again after any failure. */
#include "tests/unit/unit.h"

#include <string.h>

#include "protocol/deflate.h"

#define SIZE_MAX_HERE ((size_t)1 << 22)

struct fixture {
	struct inflater *inflater;
	struct arena *arena;
	struct buf *buf;
};

static int
set_up(void **state)
{
	static struct fixture f;
	f.inflater = inflater_create();
	f.arena = arena_create(SIZE_MAX_HERE);
	f.buf = buf_create(SIZE_MAX_HERE);
	*state = &f;
	return f.inflater == NULL || f.arena == NULL || f.buf == NULL;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	inflater_destroy(f->inflater);
	arena_destroy(f->arena);
	buf_destroy(f->buf);
	return 0;
}

/* A text that compresses as a return does. */
static struct slice
sample(void)
{
	static uint8_t text[5000];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)((uint8_t)"\"1AJ\":32000,"[i % 12] + i / 700 % 3);
	return slice_of(text, sizeof text);
}

static enum error
run(struct fixture *f, struct slice compressed, size_t size, struct slice *out)
{
	arena_reset(f->arena);
	return inflater_run(f->inflater, compressed, size, f->arena, out);
}

static void
what_was_compressed_comes_back(void **state)
{
	struct fixture *f = *state;
	struct slice out;
	for (size_t size = 0; size <= 5000; size += 250) {
		struct slice part = slice_of(sample().data, size);
		deflate_put(f->buf, part);
		assert_true(buf_ok(f->buf));
		assert_int_equal(run(f, buf_peek(f->buf), size, &out), ERROR_NONE);
		assert_true(slice_equal(out, part));
		buf_clear(f->buf);
	}
}

static void
another_size_is_refused(void **state)
{
	struct fixture *f = *state;
	struct slice out;
	deflate_put(f->buf, sample());
	for (size_t size = 0; size < 6000; size++)
		assert_int_equal(run(f, buf_peek(f->buf), size, &out),
		    size == 5000 ? ERROR_NONE : ERROR_inflate_failed);
}

static void
cut_longer_or_damaged_is_refused(void **state)
{
	struct fixture *f = *state;
	struct slice out;
	deflate_put(f->buf, sample());
	size_t whole = buf_size(f->buf);
	for (size_t size = 0; size < whole; size++)
		assert_int_equal(run(f, slice_of(buf_peek(f->buf).data, size), 5000, &out), ERROR_inflate_failed);
	for (size_t at = 0; at < whole; at++) {
		uint8_t flipped = buf_peek(f->buf).data[at] ^ 0x10, right = buf_peek(f->buf).data[at];
		buf_poke(f->buf, at, slice_of(&flipped, 1));
		/* Whatever zlib makes of it, a wrong text never passes its Adler-32. */
		if (run(f, buf_peek(f->buf), 5000, &out) == ERROR_NONE)
			assert_true(slice_equal(out, sample()));
		buf_poke(f->buf, at, slice_of(&right, 1));
	}
	assert_int_equal(run(f, buf_peek(f->buf), 5000, &out), ERROR_NONE);
	buf_put_u8(f->buf, 0);
	assert_int_equal(run(f, buf_peek(f->buf), 5000, &out), ERROR_inflate_failed);
}

static void
a_bomb_writes_no_more_than_asked(void **state)
{
	struct fixture *f = *state;
	static uint8_t zeros[1 << 21];
	struct slice out;
	deflate_put(f->buf, slice_of(zeros, sizeof zeros));
	assert_true(buf_size(f->buf) < 4096);
	for (size_t size = 1; size < sizeof zeros; size *= 2) {
		assert_int_equal(run(f, buf_peek(f->buf), size, &out), ERROR_inflate_failed);
		assert_true(arena_used(f->arena) <= size + 64);
	}
	assert_int_equal(run(f, buf_peek(f->buf), sizeof zeros, &out), ERROR_NONE);
}

static void
a_size_that_cannot_come_out_takes_no_memory(void **state)
{
	struct fixture *f = *state;
	struct slice out;
	deflate_put(f->buf, SLICE_LITERAL("short"));
	assert_int_equal(run(f, buf_peek(f->buf), 1 << 20, &out), ERROR_inflate_failed);
	assert_int_equal(arena_used(f->arena), 0);
	assert_int_equal(run(f, buf_peek(f->buf), SIZE_MAX, &out), ERROR_inflate_failed);
}

static void
a_full_arena_is_told(void **state)
{
	struct fixture *f = *state;
	struct slice out;
	struct arena *small = arena_create(4999);
	deflate_put(f->buf, sample());
	assert_int_equal(inflater_run(f->inflater, buf_peek(f->buf), 5000, small, &out), ERROR_out_of_memory);
	arena_destroy(small);
}

static void
other_formats_are_refused(void **state)
{
	struct fixture *f = *state;
	struct slice out;
	/* gzip and raw deflate of "a"; zlib with a preset dictionary. */
	static const uint8_t gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 4, 0, 0x43, 0xbe, 0xb7, 0xe8, 1, 0,
		0, 0 };
	static const uint8_t raw[] = { 0x4b, 4, 0 };
	static const uint8_t dictionary[] = { 0x78, 0xbb, 0, 0x62, 0, 0x62, 0x4b, 4, 0, 0, 0x62, 0, 0x62 };
	assert_int_equal(run(f, slice_of(gzip, sizeof gzip), 1, &out), ERROR_inflate_failed);
	assert_int_equal(run(f, slice_of(raw, sizeof raw), 1, &out), ERROR_inflate_failed);
	assert_int_equal(run(f, slice_of(dictionary, sizeof dictionary), 1, &out), ERROR_inflate_failed);
}

static void
a_buffer_too_small_fails(void **state)
{
	(void)state;
	struct buf *probe = buf_create(SIZE_MAX_HERE);
	deflate_put(probe, sample());
	for (size_t size = 0; size <= buf_size(probe) + 1; size++) {
		struct buf *buf = buf_create(size);
		deflate_put(buf, sample());
		assert_int_equal(buf_ok(buf), size >= buf_size(probe));
		buf_destroy(buf);
	}
	buf_destroy(probe);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_compressed_comes_back),
		TEST(another_size_is_refused),
		TEST(cut_longer_or_damaged_is_refused),
		TEST(a_bomb_writes_no_more_than_asked),
		TEST(a_size_that_cannot_come_out_takes_no_memory),
		TEST(a_full_arena_is_told),
		TEST(other_formats_are_refused),
		TEST(a_buffer_too_small_fails),
	};
	return cmocka_run_group_tests_name("deflate", tests, NULL, NULL);
}
