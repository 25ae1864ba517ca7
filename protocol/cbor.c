/* SPDX-License-Identifier: Apache-2.0
 *
 * Heads of RFC 8949 section 3, read strictly: one function decides what is well formed, all gets use it. */
#include "protocol/cbor.h"

#include "protocol/check.h"
#include "protocol/limits.h"

enum major {
	MAJOR_UINT = 0,
	MAJOR_BYTES = 2,
	MAJOR_TEXT = 3,
	MAJOR_ARRAY = 4,
	MAJOR_MAP = 5,
	MAJOR_SIMPLE = 7,
};

enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21 };

/* Initial byte, then 0 to 8 bytes of argument. */
#define HEAD_MAX 9

/* Takes one head. False when it is cut, not the shortest form, or of indefinite length (additional information 31;
 * 28 to 30 are reserved). */
static bool
head_get(struct cbor_reader *reader, enum major *major, uint64_t *argument)
{
	const uint8_t *p = reader->rest.data;
	size_t left = reader->rest.size, size;

	if (left == 0)
		return false;
	unsigned info = p[0] & 0x1fU;
	*major = p[0] >> 5;
	if (info < 24) {
		*argument = info;
		size = 1;
	} else if (info == 24 && left >= 2) {
		*argument = p[1];
		/* A simple value below 32 may not use this form either: false and true have the short one. */
		if (p[1] < 24)
			return false;
		size = 2;
	} else if (info == 25 && left >= 3) {
		*argument = bytes_peek_u16(p + 1);
		if (*argument <= UINT8_MAX)
			return false;
		size = 3;
	} else if (info == 26 && left >= 5) {
		*argument = bytes_peek_u32(p + 1);
		if (*argument <= UINT16_MAX)
			return false;
		size = 5;
	} else if (info == 27 && left >= 9) {
		*argument = bytes_peek_u64(p + 1);
		if (*argument <= UINT32_MAX)
			return false;
		size = 9;
	} else {
		return false;
	}
	reader->rest = slice_of(p + size, left - size);
	return true;
}

enum cbor_type
cbor_peek_type(const struct cbor_reader *reader)
{
	if (reader->rest.size == 0)
		return CBOR_OTHER;
	unsigned first = reader->rest.data[0];
	switch (first >> 5) {
	case MAJOR_UINT:
		return CBOR_UINT;
	case MAJOR_BYTES:
		return CBOR_BYTES;
	case MAJOR_TEXT:
		return CBOR_TEXT;
	case MAJOR_ARRAY:
		return CBOR_ARRAY;
	case MAJOR_MAP:
		return CBOR_MAP;
	case MAJOR_SIMPLE:
		first &= 0x1fU;
		return first == SIMPLE_FALSE || first == SIMPLE_TRUE ? CBOR_BOOL : CBOR_OTHER;
	default:
		return CBOR_OTHER;
	}
}

bool
cbor_get_uint(struct cbor_reader *reader, uint64_t *value)
{
	enum major major;
	return head_get(reader, &major, value) && major == MAJOR_UINT;
}

bool
cbor_get_bool(struct cbor_reader *reader, bool *value)
{
	enum major major;
	uint64_t simple;

	if (!head_get(reader, &major, &simple) || major != MAJOR_SIMPLE)
		return false;
	if (simple != SIMPLE_FALSE && simple != SIMPLE_TRUE)
		return false;
	*value = simple == SIMPLE_TRUE;
	return true;
}

/* The bytes behind the head of a string. */
static bool
string_take(struct cbor_reader *reader, uint64_t size, struct slice *value)
{
	if (size > reader->rest.size)
		return false;
	*value = slice_of(reader->rest.data, (size_t)size);
	reader->rest = slice_of(reader->rest.data + size, reader->rest.size - (size_t)size);
	return true;
}

bool
cbor_get_bytes(struct cbor_reader *reader, struct slice *value)
{
	enum major major;
	uint64_t size;
	return head_get(reader, &major, &size) && major == MAJOR_BYTES && string_take(reader, size, value);
}

bool
cbor_get_text(struct cbor_reader *reader, struct slice *value)
{
	enum major major;
	uint64_t size;
	return head_get(reader, &major, &size) && major == MAJOR_TEXT && string_take(reader, size, value) &&
	    slice_is_utf8(*value);
}

/* A count of containers' entries; each takes at least `entry_size` bytes, so an absurd count is refused here and never
 * becomes a loop bound or an allocation. */
static bool
count_get(struct cbor_reader *reader, enum major wanted, size_t entry_size, size_t *count)
{
	enum major major;
	uint64_t entries;

	if (!head_get(reader, &major, &entries) || major != wanted || entries > reader->rest.size / entry_size)
		return false;
	*count = (size_t)entries;
	return true;
}

bool
cbor_get_array(struct cbor_reader *reader, size_t *count)
{
	return count_get(reader, MAJOR_ARRAY, 1, count);
}

bool
cbor_get_map(struct cbor_reader *reader, size_t *count)
{
	return count_get(reader, MAJOR_MAP, 2, count);
}

/* An array or map that cbor_skip has entered. */
struct level {
	size_t left; /* items to come: 2 for each entry of a map, so a key is next when it is even */
	bool is_map;
	struct slice key; /* the last one, as encoded; empty before the first */
};

/* Takes a scalar whole; of an array or map only the head, and opens *inner. */
static bool
item_enter(struct cbor_reader *reader, struct level *inner, bool *opened)
{
	struct slice string;
	uint64_t number;
	bool truth;

	*opened = false;
	switch (cbor_peek_type(reader)) {
	case CBOR_UINT:
		return cbor_get_uint(reader, &number);
	case CBOR_BOOL:
		return cbor_get_bool(reader, &truth);
	case CBOR_BYTES:
		return cbor_get_bytes(reader, &string);
	case CBOR_TEXT:
		return cbor_get_text(reader, &string);
	case CBOR_ARRAY:
		*opened = true;
		*inner = (struct level){ .is_map = false };
		return cbor_get_array(reader, &inner->left);
	case CBOR_MAP:
		*opened = true;
		*inner = (struct level){ .is_map = true };
		if (!cbor_get_map(reader, &inner->left))
			return false;
		inner->left *= 2; /* at most the bytes left: cannot wrap */
		return true;
	case CBOR_OTHER:
	default:
		return false;
	}
}

/* A map's next key, as encoded: a scalar, and behind the last one in bytewise order (RFC 8949 4.2.1). */
static bool
key_follows(struct level *map, struct slice key)
{
	bool follows = map->key.size == 0 || slice_compare(map->key, key) < 0;
	map->key = key;
	return follows;
}

bool
cbor_skip(struct cbor_reader *reader, unsigned depth_max)
{
	struct level levels[LIMIT_CBOR_DEPTH];
	unsigned depth = 0;

	check(depth_max <= LIMIT_CBOR_DEPTH);
	do {
		struct level *outer = depth == 0 ? NULL : &levels[depth - 1], inner;
		struct slice start = reader->rest;
		bool is_key = outer != NULL && outer->is_map && outer->left % 2 == 0, opened;

		if (!item_enter(reader, &inner, &opened))
			return false;
		if (is_key && (opened || !key_follows(outer, slice_of(start.data, start.size - reader->rest.size))))
			return false;
		if (outer != NULL)
			outer->left--;
		if (opened) {
			if (depth == depth_max)
				return false;
			levels[depth++] = inner;
		}
		while (depth > 0 && levels[depth - 1].left == 0)
			depth--;
	} while (depth > 0);
	return true;
}

static void
head_put(struct buf *buf, enum major major, uint64_t argument)
{
	uint8_t head[HEAD_MAX];
	uint8_t type = (uint8_t)(major << 5);
	size_t size;

	if (argument < 24) {
		head[0] = (uint8_t)(type | argument);
		size = 1;
	} else if (argument <= UINT8_MAX) {
		head[0] = type | 24;
		head[1] = (uint8_t)argument;
		size = 2;
	} else if (argument <= UINT16_MAX) {
		head[0] = type | 25;
		bytes_poke_u16(head + 1, (uint16_t)argument);
		size = 3;
	} else if (argument <= UINT32_MAX) {
		head[0] = type | 26;
		bytes_poke_u32(head + 1, (uint32_t)argument);
		size = 5;
	} else {
		head[0] = type | 27;
		bytes_poke_u64(head + 1, argument);
		size = 9;
	}
	buf_put(buf, slice_of(head, size));
}

void
cbor_put_uint(struct buf *buf, uint64_t value)
{
	head_put(buf, MAJOR_UINT, value);
}

void
cbor_put_bool(struct buf *buf, bool value)
{
	head_put(buf, MAJOR_SIMPLE, value ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void
cbor_put_bytes(struct buf *buf, struct slice value)
{
	head_put(buf, MAJOR_BYTES, value.size);
	buf_put(buf, value);
}

void
cbor_put_text(struct buf *buf, struct slice value)
{
	head_put(buf, MAJOR_TEXT, value.size);
	buf_put(buf, value);
}

void
cbor_put_array(struct buf *buf, size_t count)
{
	head_put(buf, MAJOR_ARRAY, count);
}

void
cbor_put_map(struct buf *buf, size_t count)
{
	head_put(buf, MAJOR_MAP, count);
}
