/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoder and decoder. Fields stand in rising order of key in the descriptor and on the wire, so the decoder walks
 * both side by side and never searches. The texts of a fault are made only once something is wrong. */
#include "protocol/codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/cbor.h"
#include "protocol/limits.h"

/* "a_long_record.a_long_list[127].a_long_field", or a limit in words. */
#define TEXT_SIZE ((size_t)160)

/* What stays the same while one message is decoded. */
struct decoder {
	struct cbor_reader reader;
	enum codec_unknown unknown;
	struct arena *arena;
	struct fault *fault;
};

static enum error record_decode(struct decoder *d, const struct record *record, unsigned depth, void *out);

static void *
at_offset(void *base, size_t offset)
{
	return (uint8_t *)base + offset;
}

static const void *
at_offset_const(const void *base, size_t offset)
{
	return (const uint8_t *)base + offset;
}

/* ---- faults ---- */

/* A copy of `text` that lives as long as the message; empty when the arena is full: the error's number still says
 * what is wrong. */
static struct slice
arena_text(struct arena *arena, const char *text)
{
	struct slice copy;
	return arena_copy(arena, slice_of_text(text), &copy) ? copy : SLICE_EMPTY;
}

/* The place is built from the inside out: a fault is set with the field's name, and each record and row that it
 * passes on its way up puts its own before it. */
static void
place_prefix(struct decoder *d, const char *prefix)
{
	char text[TEXT_SIZE];
	struct slice place = d->fault->place;
	snprintf(text, sizeof text, "%s%s%.*s", prefix, place.size == 0 ? "" : ".", (int)place.size,
	    place.size == 0 ? "" : (const char *)place.data);
	d->fault->place = arena_text(d->arena, text);
}

static enum error
fault_malformed(struct decoder *d, const char *place, const char *expected)
{
	return fault_set(d->fault, ERROR_message_malformed, place, SLICE_EMPTY, expected);
}

/* The limits of a field in words. */
static const char *
limits_text(const struct field *field, char text[TEXT_SIZE])
{
	static const char *const things[] = {
		[FIELD_UINT] = "a number", [FIELD_BOOL] = "true or false", [FIELD_BYTES] = "a byte string",
		[FIELD_TEXT] = "UTF-8 text", [FIELD_LIST] = "a list",
	};
	const char *thing = things[field->type];

	if (field->type == FIELD_BOOL)
		return thing;
	if (field->type == FIELD_UINT)
		snprintf(text, TEXT_SIZE, "%s from %" PRIu64 " to %" PRIu64, thing, field->min, field->max);
	else if (field->min == field->max)
		snprintf(text, TEXT_SIZE, "%s of %" PRIu64 " bytes", thing, field->max);
	else
		snprintf(text, TEXT_SIZE, "%s of %" PRIu64 " to %" PRIu64 " %s", thing, field->min, field->max,
		    field->type == FIELD_LIST ? "rows" : "bytes");
	return text;
}

/* The value is a number, or the size of a string, or the rows of a list: never a string's content. */
static enum error
fault_field(struct decoder *d, const struct field *field, uint64_t found)
{
	char text[TEXT_SIZE];
	const char *unit = field->type == FIELD_UINT ? "" : field->type == FIELD_LIST ? " rows" : " bytes";

	fault_set(d->fault, ERROR_field_invalid, field->name, SLICE_EMPTY, NULL);
	d->fault->expected = arena_text(d->arena, limits_text(field, text));
	if (field->type != FIELD_UINT || !field->is_private) {
		snprintf(text, sizeof text, "%" PRIu64 "%s", found, unit);
		d->fault->value = arena_text(d->arena, text);
	}
	return ERROR_field_invalid;
}

/* A key that the table lacks. */
static enum error
fault_unknown(struct decoder *d, uint64_t key)
{
	char text[TEXT_SIZE];

	snprintf(text, sizeof text, "key %" PRIu64, key);
	return fault_set(d->fault, ERROR_field_unknown, NULL, arena_text(d->arena, text),
	    d->unknown == CODEC_REQUEST ? "a key of the message table, or an even one" : "a key of the table");
}

/* The item is not well formed, or of another type than the field. */
static enum error
fault_type(struct decoder *d, const struct field *field)
{
	char text[TEXT_SIZE];

	fault_set(d->fault, ERROR_message_malformed, field->name, SLICE_EMPTY, NULL);
	d->fault->expected = arena_text(d->arena, limits_text(field, text));
	return ERROR_message_malformed;
}

/* ---- decoder ---- */

/* All rows of a list, in the arena. The count is within the table's limit and the bytes left before memory is taken. */
static enum error
list_decode(struct decoder *d, const struct field *field, unsigned depth, void *out)
{
	const struct record *row = field->list_of();
	size_t count;

	if (!cbor_get_array(&d->reader, &count))
		return fault_type(d, field);
	if (count > field->max)
		return fault_field(d, field, count);
	if (depth == 0)
		return fault_malformed(d, field->name, "fewer lists within lists");
	if (count == 0)
		return ERROR_NONE;
	uint8_t *rows = arena_alloc_array(d->arena, count, row->size);
	if (rows == NULL)
		return fault_set(d->fault, ERROR_out_of_memory, field->name, SLICE_EMPTY, NULL);
	for (size_t i = 0; i < count; i++) {
		enum error error = record_decode(d, row, depth - 1, rows + i * row->size);
		if (error != ERROR_NONE) {
			char text[TEXT_SIZE];
			snprintf(text, sizeof text, "%s[%zu]", field->name, i);
			place_prefix(d, text);
			return error;
		}
	}
	memcpy(at_offset(out, field->offset), &rows, sizeof rows);
	*(size_t *)at_offset(out, field->count_offset) = count;
	return ERROR_NONE;
}

static enum error
field_decode(struct decoder *d, const struct field *field, unsigned depth, void *out)
{
	void *value = at_offset(out, field->offset);
	uint64_t measure;

	switch (field->type) {
	case FIELD_UINT:
		if (!cbor_get_uint(&d->reader, value))
			return fault_type(d, field);
		measure = *(uint64_t *)value;
		break;
	case FIELD_BOOL:
		return cbor_get_bool(&d->reader, value) ? ERROR_NONE : fault_type(d, field);
	case FIELD_BYTES:
		if (!cbor_get_bytes(&d->reader, value))
			return fault_type(d, field);
		measure = ((struct slice *)value)->size;
		break;
	case FIELD_TEXT:
		if (!cbor_get_text(&d->reader, value))
			return fault_type(d, field);
		measure = ((struct slice *)value)->size;
		break;
	case FIELD_LIST:
	default:
		return list_decode(d, field, depth, out);
	}
	return measure < field->min || measure > field->max ? fault_field(d, field, measure) : ERROR_NONE;
}

/* Whether the policy lets an unknown key pass; if so its value is checked and passed over. */
static enum error
unknown_decode(struct decoder *d, uint64_t key, unsigned depth)
{
	if (d->unknown == CODEC_STORED || (d->unknown == CODEC_REQUEST && key % 2 == 1))
		return fault_unknown(d, key);
	if (!cbor_skip(&d->reader, depth))
		return fault_malformed(d, NULL, "well-formed deterministic CBOR in fields not known here too");
	return ERROR_NONE;
}

/* The fields from `next` on whose key is below `key` are not in the message: none of them may be required. */
static enum error
fields_pass(struct decoder *d, const struct record *record, size_t *next, uint64_t key)
{
	while (*next < record->fields_count && record->fields[*next].key < key) {
		const struct field *field = &record->fields[(*next)++];
		if (field->required) {
			char text[TEXT_SIZE];
			fault_set(d->fault, ERROR_field_missing, field->name, SLICE_EMPTY, NULL);
			d->fault->expected = arena_text(d->arena, limits_text(field, text));
			return ERROR_field_missing;
		}
	}
	return ERROR_NONE;
}

/* One map. `depth` counts how many more arrays and maps may be nested within it. */
static enum error
record_decode(struct decoder *d, const struct record *record, unsigned depth, void *out)
{
	size_t count, next = 0;
	uint64_t key, key_last = 0;
	enum error error;

	if (depth == 0)
		return fault_malformed(d, NULL, "fewer lists within lists");
	if (!cbor_get_map(&d->reader, &count))
		return fault_malformed(d, NULL, "a map");
	for (size_t i = 0; i < count; i++) {
		if (!cbor_get_uint(&d->reader, &key) || (i > 0 && key <= key_last))
			return fault_malformed(d, NULL, "unsigned integers as keys, each larger than the one before");
		key_last = key;
		if ((error = fields_pass(d, record, &next, key)) != ERROR_NONE)
			return error;
		if (next < record->fields_count && record->fields[next].key == key) {
			const struct field *field = &record->fields[next++];
			if ((error = field_decode(d, field, depth - 1, out)) != ERROR_NONE)
				return error;
			if (!field->required)
				*(bool *)at_offset(out, field->has_offset) = true;
		} else if ((error = unknown_decode(d, key, depth - 1)) != ERROR_NONE) {
			return error;
		}
	}
	return fields_pass(d, record, &next, UINT64_MAX);
}

enum error
codec_decode(const struct record *record, struct slice bytes, enum codec_unknown unknown, struct arena *arena,
    void *out, struct fault *fault)
{
	struct decoder d = { .reader = { bytes }, .unknown = unknown, .arena = arena, .fault = fault };

	memset(out, 0, record->size);
	enum error error = record_decode(&d, record, LIMIT_CBOR_DEPTH, out);
	if (error == ERROR_NONE && d.reader.rest.size != 0)
		error = fault_malformed(&d, NULL, "nothing behind the message");
	if (error != ERROR_NONE)
		place_prefix(&d, record->name);
	return error;
}

/* ---- encoder ---- */

static bool
field_present(const struct field *field, const void *value)
{
	return field->required || *(const bool *)at_offset_const(value, field->has_offset);
}

/* Number, bytes or rows: what the table limits. */
static uint64_t
field_measure(const struct field *field, const void *value)
{
	const void *at = at_offset_const(value, field->offset);

	switch (field->type) {
	case FIELD_UINT:
		return *(const uint64_t *)at;
	case FIELD_BYTES:
	case FIELD_TEXT:
		return ((const struct slice *)at)->size;
	case FIELD_LIST:
		return *(const size_t *)at_offset_const(value, field->count_offset);
	case FIELD_BOOL:
	default:
		return 0;
	}
}

static const uint8_t *
list_rows(const struct field *field, const void *value)
{
	const uint8_t *rows;
	memcpy(&rows, at_offset_const(value, field->offset), sizeof rows);
	return rows;
}

static void
field_encode(const struct field *field, const void *value, struct buf *buf)
{
	const void *at = at_offset_const(value, field->offset);
	uint64_t measure = field_measure(field, value);

	if (measure < field->min || measure > field->max) {
		buf_fail(buf);
		return;
	}
	cbor_put_uint(buf, field->key);
	switch (field->type) {
	case FIELD_UINT:
		cbor_put_uint(buf, measure);
		break;
	case FIELD_BOOL:
		cbor_put_bool(buf, *(const bool *)at);
		break;
	case FIELD_BYTES:
		cbor_put_bytes(buf, *(const struct slice *)at);
		break;
	case FIELD_TEXT:
		if (!slice_is_utf8(*(const struct slice *)at))
			buf_fail(buf);
		cbor_put_text(buf, *(const struct slice *)at);
		break;
	case FIELD_LIST:
	default:
		cbor_put_array(buf, (size_t)measure);
		for (size_t i = 0; i < measure; i++)
			codec_encode(field->list_of(), list_rows(field, value) + i * field->list_of()->size, buf);
	}
}

void
codec_encode(const struct record *record, const void *value, struct buf *buf)
{
	size_t count = 0;

	for (size_t i = 0; i < record->fields_count; i++)
		count += field_present(&record->fields[i], value);
	cbor_put_map(buf, count);
	for (size_t i = 0; i < record->fields_count; i++)
		if (field_present(&record->fields[i], value))
			field_encode(&record->fields[i], value, buf);
}
