/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a frame, decoded as what its header says it is. The input is a frame whose length is not looked at, so
 * that the fuzzer need not keep it right. Properties: what was decoded is encoded to the same bytes when no unknown
 * field was passed over, and to a fixed point otherwise; a refusal names its error and place. */
#include "protocol/check.h"
#include "protocol/codec.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "tests/fuzz/fuzz.h"

#define MEMORY_MAX ((size_t)8 << 20)

static const struct record *
record_of(unsigned op, bool answer, bool refused)
{
	const struct operation *operation = operation_find(op);

	if (answer && refused)
		return message_refusal();
	if (operation == NULL)
		return NULL;
	return answer ? operation->answer() : operation->request();
}

/* Decodes into a fresh struct; NULL when refused. */
static void *
decode(const struct record *record, struct slice body, enum codec_unknown unknown, struct arena *arena)
{
	struct fault fault = { 0 };
	void *value = arena_alloc(arena, record->size);

	check(value != NULL);
	enum error error = codec_decode(record, body, unknown, arena, value, &fault);
	if (error == ERROR_NONE)
		return value;
	check(fault.error == error && slice_starts_with(fault.place, slice_of_text(record->name)));
	check(slice_is_utf8(fault.place) && slice_is_utf8(fault.value) && slice_is_utf8(fault.expected));
	return NULL;
}

static void
run(const struct record *record, struct slice body, enum codec_unknown unknown, struct arena *arena, struct buf *buf)
{
	const void *value = decode(record, body, unknown, arena);

	if (value == NULL)
		return;
	codec_encode(record, value, buf);
	check(buf_ok(buf) && buf_size(buf) <= body.size);
	/* Only the strictest policy says that nothing unknown was there. */
	bool all_known = decode(record, body, CODEC_STORED, arena) != NULL;
	check(all_known == slice_equal(buf_peek(buf), body));
	check(decode(record, buf_peek(buf), CODEC_STORED, arena) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < FRAME_HEADER_SIZE)
		return 0;
	bool answer = (data[7] & FRAME_ANSWER) != 0;
	const struct record *record = record_of(bytes_peek_u16(data + 4), answer, bytes_peek_u32(data + 8) != 0);
	if (record == NULL)
		return 0;
	struct arena *arena = arena_create(MEMORY_MAX);
	struct buf *buf = buf_create(MEMORY_MAX);
	check(arena != NULL && buf != NULL);
	run(record, slice_of(data + FRAME_HEADER_SIZE, size - FRAME_HEADER_SIZE),
	    answer ? CODEC_ANSWER : CODEC_REQUEST, arena, buf);
	buf_destroy(buf);
	arena_destroy(arena);
	return 0;
}
