/* SPDX-License-Identifier: Apache-2.0
 *
 * One allocation, a front and an end mark; compacted before it grows. */
#include "protocol/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"

#define ALLOC_MIN ((size_t)1024)
/* Not worth giving back. */
#define ALLOC_KEEP ((size_t)64 * 1024)

struct buf {
	uint8_t *data;
	size_t front, end, alloc;
	size_t size_max;
	size_t reserved; /* what the last buf_reserve promised */
	bool failed;
	bool is_public;
};

struct buf *
buf_create(size_t size_max)
{
	struct buf *buf = calloc(1, sizeof *buf);
	if (buf == NULL)
		return NULL;
	buf->size_max = size_max;
	return buf;
}

static void
buf_wipe(struct buf *buf)
{
	if (buf->data != NULL && !buf->is_public)
		bytes_wipe(buf->data, buf->end);
}

void
buf_set_public(struct buf *buf)
{
	buf->is_public = true;
}

void
buf_clear(struct buf *buf)
{
	buf_wipe(buf);
	buf->front = buf->end = buf->reserved = 0;
	buf->failed = false;
}

void
buf_reset(struct buf *buf)
{
	buf_clear(buf);
	free(buf->data);
	buf->data = NULL;
	buf->alloc = 0;
}

void
buf_destroy(struct buf *buf)
{
	if (buf == NULL)
		return;
	buf_reset(buf);
	free(buf);
}

bool
buf_ok(const struct buf *buf)
{
	return !buf->failed;
}

void
buf_fail(struct buf *buf)
{
	buf->failed = true;
}

size_t
buf_size(const struct buf *buf)
{
	return buf->end - buf->front;
}

size_t
buf_space(const struct buf *buf)
{
	return buf->size_max - buf_size(buf);
}

struct slice
buf_peek(const struct buf *buf)
{
	if (buf->data == NULL)
		return SLICE_EMPTY;
	return slice_of(buf->data + buf->front, buf_size(buf));
}

/* Another allocation, holding the present bytes at its start; the old one is wiped, not left to the heap. */
static bool
buf_move(struct buf *buf, size_t alloc)
{
	size_t size = buf_size(buf);
	uint8_t *data = malloc(alloc);

	if (data == NULL)
		return false;
	if (size != 0)
		memcpy(data, buf->data + buf->front, size);
	buf_wipe(buf);
	free(buf->data);
	check(alloc <= buf->size_max);
	buf->data = data;
	buf->alloc = alloc;
	buf->front = 0;
	buf->end = size;
	return true;
}

/* `alloc`, doubled until `needed` fit, but no more than there ever can be. */
static size_t
alloc_for(const struct buf *buf, size_t alloc, size_t needed)
{
	while (alloc < needed)
		alloc *= 2;
	return alloc < buf->size_max ? alloc : buf->size_max;
}

static bool
buf_grow(struct buf *buf, size_t needed)
{
	return buf_move(buf, alloc_for(buf, buf->alloc < ALLOC_MIN ? ALLOC_MIN : buf->alloc, needed));
}

size_t
buf_allocated(const struct buf *buf)
{
	return buf->alloc;
}

/* At a quarter, so that what is moved was paid for by what was consumed. */
void
buf_shrink(struct buf *buf)
{
	size_t size = buf_size(buf);

	if (buf->alloc <= ALLOC_KEEP || size > buf->alloc / 4)
		return;
	buf->reserved = 0;
	if (size != 0) {
		/* Short of memory it stays as it is. */
		(void)buf_move(buf, alloc_for(buf, ALLOC_MIN, size));
		return;
	}
	buf_wipe(buf);
	free(buf->data);
	buf->data = NULL;
	buf->front = buf->end = buf->alloc = 0;
}

/* Makes room for `size` bytes behind those held; false when they are too many, or memory is short. */
static bool
buf_make_room(struct buf *buf, size_t size)
{
	size_t held = buf_size(buf);

	if (size > buf_space(buf))
		return false;
	/* Moving down pays only when at least half of the room is free: otherwise a long queue would be moved again
	 * and again. */
	if (buf->data == NULL || held + size > buf->alloc / 2)
		return buf_grow(buf, held + size);
	if (held != 0)
		memmove(buf->data, buf->data + buf->front, held);
	buf->front = 0;
	buf->end = held;
	return true;
}

uint8_t *
buf_reserve(struct buf *buf, size_t size)
{
	if (buf->failed)
		return NULL;
	/* What fits behind the end is within the maximum: no more than that is ever allocated. */
	if ((buf->data == NULL || size > buf->alloc - buf->end) && !buf_make_room(buf, size)) {
		buf->failed = true;
		return NULL;
	}
	buf->reserved = size;
	return buf->data + buf->end;
}

void
buf_commit(struct buf *buf, size_t size)
{
	check(size <= buf->reserved);
	buf->end += size;
	buf->reserved = 0;
}

void
buf_put(struct buf *buf, struct slice s)
{
	uint8_t *to = buf_reserve(buf, s.size);
	if (to == NULL)
		return;
	if (s.size != 0)
		memcpy(to, s.data, s.size);
	buf_commit(buf, s.size);
}

void
buf_put_text(struct buf *buf, const char *text)
{
	buf_put(buf, slice_of_text(text));
}

void
buf_put_format(struct buf *buf, const char *format, ...)
{
	va_list list, again;
	va_start(list, format);
	va_copy(again, list);
	int size = vsnprintf(NULL, 0, format, list);
	va_end(list);
	/* vsnprintf writes a NUL too, which is reserved but not kept. */
	uint8_t *to = size < 0 ? NULL : buf_reserve(buf, (size_t)size + 1);
	if (to != NULL) {
		vsnprintf((char *)to, (size_t)size + 1, format, again);
		buf_commit(buf, (size_t)size);
	} else {
		buf->failed = true;
	}
	va_end(again);
}

void
buf_put_hex(struct buf *buf, struct slice s)
{
	char text[2 * 64 + 1];

	while (s.size != 0) {
		struct slice part = slice_of(s.data, s.size < 64 ? s.size : 64);
		hex_encode(part, text);
		buf_put(buf, slice_of(text, 2 * part.size));
		s = slice_from(s, part.size);
	}
}

void
buf_put_decimal(struct buf *buf, uint64_t value)
{
	char digits[DECIMAL_SIZE_MAX];

	buf_put(buf, slice_of(digits, decimal_encode(value, 1, digits)));
}

void
buf_put_u8(struct buf *buf, uint8_t value)
{
	buf_put(buf, slice_of(&value, 1));
}

void
buf_put_u64(struct buf *buf, uint64_t value)
{
	uint8_t bytes[8];
	bytes_poke_u64(bytes, value);
	buf_put(buf, slice_of(bytes, sizeof bytes));
}

void
buf_poke(struct buf *buf, size_t at, struct slice s)
{
	if (buf->failed)
		return;
	check(at <= buf_size(buf) && s.size <= buf_size(buf) - at);
	memcpy(buf->data + buf->front + at, s.data, s.size);
}

void
buf_consume(struct buf *buf, size_t size)
{
	check(size <= buf_size(buf));
	buf->front += size;
	if (buf->front == buf->end && buf->end != 0) {
		buf_wipe(buf);
		buf->front = buf->end = 0;
	}
}
