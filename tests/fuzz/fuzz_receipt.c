/* SPDX-License-Identifier: Apache-2.0
 *
 * Receipt bodies, and the numbers and times in them. Properties: a body that is accepted means what is written of it,
 * and its page keeps its width and holds no byte that acts on a terminal; a number or a time has one canonical form. */
#include "protocol/check.h"
#include "protocol/receipt.h"
#include "tests/fuzz/fuzz.h"

/* JSON allows other spellings of a body; written anew it has one, which is read and written the same. */
static void
same_when_written(const struct receipt *receipt, struct arena *arena)
{
	struct buf *first = buf_create(LIMIT_RECEIPT_SIZE), *second = buf_create(LIMIT_RECEIPT_SIZE);
	struct receipt again;
	struct fault fault;

	check(first != NULL && second != NULL);
	receipt_put(first, receipt);
	/* Escaping anew may take more bytes than there is room for. */
	if (buf_ok(first)) {
		check(receipt_parse(buf_peek(first), arena, &again, &fault) == ERROR_NONE);
		receipt_put(second, &again);
		check(buf_ok(second) && slice_equal(buf_peek(first), buf_peek(second)));
	}
	buf_destroy(first);
	buf_destroy(second);
}

static void
page_keeps_its_form(const struct receipt *receipt)
{
	struct buf *buf = buf_create((size_t)8 << 20);
	size_t width = 0;

	check(buf != NULL);
	receipt_print_french(buf, receipt);
	check(buf_ok(buf));
	struct slice page = buf_peek(buf);
	check(slice_is_utf8(page));
	for (size_t i = 0; i < page.size; i++) {
		uint8_t c = page.data[i];
		width = c == '\n' ? 0 : width + ((c & 0xc0) != 0x80);
		check(width <= 78 && (c == '\n' || (c >= ' ' && c != 0x7f)));
	}
	buf_destroy(buf);
}

static void
number_is_canonical(struct slice typed)
{
	char number[RECEIPT_NUMBER_SIZE + 1];

	if (!receipt_number_parse(typed, number))
		return;
	check(receipt_number_valid(slice_of_text(number)));
}

static void
time_is_canonical(struct slice text)
{
	uint64_t time;
	struct buf *buf = buf_create(64);

	check(buf != NULL);
	if (time_parse_utc(text, &time)) {
		time_put_utc(buf, time);
		check(buf_ok(buf) && slice_equal(buf_peek(buf), text));
	}
	buf_destroy(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_create((size_t)8 << 20);
	struct slice text = slice_of(data, size);
	struct receipt receipt;
	struct fault fault;

	check(arena != NULL);
	if (receipt_parse(text, arena, &receipt, &fault) == ERROR_NONE) {
		same_when_written(&receipt, arena);
		page_keeps_its_form(&receipt);
	}
	number_is_canonical(text);
	time_is_canonical(text);
	arena_destroy(arena);
	return 0;
}
