/* SPDX-License-Identifier: Apache-2.0
 *
 * Records by the names of their fields: the public view of what the codec decodes, made from the same descriptors. */
#include "protocol/record.h"

#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "client/record.h"
#include "protocol/check.h"
#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/limits.h"

/* A row of hexadecimal is twice its bytes; a whole answer is at most a frame. */
#define JSON_SIZE_MAX ((size_t)8 * LIMIT_FRAME_BODY)

const struct field *
record_find_field(const struct record *record, const char *name)
{
	for (size_t i = 0; i < record->fields_count; i++)
		if (strcmp(record->fields[i].name, name) == 0)
			return &record->fields[i];
	return NULL;
}

struct guichet_record
record_view(const struct record *record, const void *values)
{
	return (struct guichet_record){ record, values };
}

static const void *
value_at(struct guichet_record record, size_t offset)
{
	return (const char *)record.values + offset;
}

static bool
field_present(struct guichet_record record, const struct field *field)
{
	return field->required || *(const bool *)value_at(record, field->has_offset);
}

/* The field when it is there and of one of the two types. */
static const struct field *
find_value(struct guichet_record record, const char *name, enum field_type type, enum field_type other)
{
	if (record.shape == NULL || record.values == NULL)
		return NULL;
	const struct field *field = record_find_field(record.shape, name);
	if (field == NULL || (field->type != type && field->type != other) || !field_present(record, field))
		return NULL;
	return field;
}

bool
guichet_record_has(struct guichet_record record, const char *name)
{
	if (record.shape == NULL || record.values == NULL)
		return false;
	const struct field *field = record_find_field(record.shape, name);
	return field != NULL && field_present(record, field);
}

static uint64_t
field_uint(struct guichet_record record, const struct field *field)
{
	if (field->type == FIELD_BOOL)
		return *(const bool *)value_at(record, field->offset);
	return *(const uint64_t *)value_at(record, field->offset);
}

uint64_t
guichet_record_uint(struct guichet_record record, const char *name)
{
	const struct field *field = find_value(record, name, FIELD_UINT, FIELD_BOOL);

	return field != NULL ? field_uint(record, field) : 0;
}

struct guichet_bytes
guichet_record_bytes(struct guichet_record record, const char *name)
{
	const struct field *field = find_value(record, name, FIELD_BYTES, FIELD_TEXT);

	if (field == NULL)
		return (struct guichet_bytes){ NULL, 0 };
	return public_of_slice(*(const struct slice *)value_at(record, field->offset));
}

size_t
guichet_record_count(struct guichet_record record, const char *name)
{
	const struct field *field = find_value(record, name, FIELD_LIST, FIELD_LIST);

	return field != NULL ? *(const size_t *)value_at(record, field->count_offset) : 0;
}

static struct guichet_record
field_row(struct guichet_record record, const struct field *field, size_t index)
{
	const struct record *rows = field->list_of();
	/* Lists are pointers to one struct or another; all of them have the same representation here (codec.c
	 * relies on it). */
	const char *first = *(const char *const *)value_at(record, field->offset);

	return record_view(rows, first + index * rows->size);
}

struct guichet_record
guichet_record_row(struct guichet_record record, const char *name, size_t index)
{
	const struct field *field = find_value(record, name, FIELD_LIST, FIELD_LIST);

	if (field == NULL || index >= *(const size_t *)value_at(record, field->count_offset))
		return (struct guichet_record){ NULL, NULL };
	return field_row(record, field, index);
}

/* ---- JSON ---- */

static void put_record(struct buf *buf, struct guichet_record record, unsigned depth);

static void
put_list(struct buf *buf, struct guichet_record record, const struct field *field, unsigned depth)
{
	size_t count = *(const size_t *)value_at(record, field->count_offset);

	buf_put_text(buf, "[");
	for (size_t i = 0; i < count; i++) {
		if (i != 0)
			buf_put_text(buf, ",");
		put_record(buf, field_row(record, field, i), depth + 1);
	}
	buf_put_text(buf, "]");
}

static void
put_value(struct buf *buf, struct guichet_record record, const struct field *field, unsigned depth)
{
	switch (field->type) {
	case FIELD_UINT:
		buf_put_format(buf, "%llu", (unsigned long long)field_uint(record, field));
		break;
	case FIELD_BOOL:
		buf_put_text(buf, field_uint(record, field) != 0 ? "true" : "false");
		break;
	case FIELD_BYTES:
		buf_put_u8(buf, '"');
		buf_put_hex(buf, *(const struct slice *)value_at(record, field->offset));
		buf_put_u8(buf, '"');
		break;
	case FIELD_TEXT:
		json_put_string(buf, *(const struct slice *)value_at(record, field->offset));
		break;
	case FIELD_LIST:
		put_list(buf, record, field, depth);
		break;
	}
}

static void
put_record(struct buf *buf, struct guichet_record record, unsigned depth)
{
	const struct record *shape = record.shape;

	/* Tables nest records two deep. */
	check(depth < LIMIT_CBOR_DEPTH);
	buf_put_text(buf, "{");
	for (size_t i = 0; i < shape->fields_count; i++) {
		if (!field_present(record, &shape->fields[i]))
			continue;
		json_put_name(buf, shape->fields[i].name);
		put_value(buf, record, &shape->fields[i], depth);
	}
	buf_put_text(buf, "}");
}

enum guichet_error
guichet_record_json(struct guichet_record record, struct guichet_blob **out)
{
	struct buf *buf = buf_create(JSON_SIZE_MAX);

	if (buf != NULL && record.shape != NULL && record.values != NULL)
		put_record(buf, record, 0);
	else if (buf != NULL)
		buf_put_text(buf, "{}");
	*out = blob_take(buf);
	return *out != NULL ? GUICHET_ERROR_none : GUICHET_ERROR_out_of_memory;
}
