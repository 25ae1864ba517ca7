/* SPDX-License-Identifier: Apache-2.0
 *
 * Fills a struct by walking its descriptor, as the decoder does. */
#include "tests/docs/sample.h"

#include <string.h>

#include "protocol/check.h"

/* Long enough to need a length of two bytes in CBOR, short enough to be read. */
#define STRING_MAX ((uint64_t)32)
#define ROWS_MAX ((uint64_t)2)

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct slice
bytes_make(const struct field *field, uint64_t size, struct arena *arena)
{
	uint8_t *bytes = arena_alloc(arena, (size_t)size);
	check(bytes != NULL);
	for (uint64_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(16 * field->key + i);
	return slice_of(bytes, (size_t)size);
}

/* The field's name over and over; a longer text ends in a character of two bytes. */
static struct slice
text_make(const struct field *field, uint64_t size, struct arena *arena)
{
	static const char accent[] = "é";
	size_t name_size = strlen(field->name);
	uint8_t *text = arena_alloc(arena, (size_t)size);
	check(text != NULL);
	for (uint64_t i = 0; i < size; i++)
		text[i] = (uint8_t)field->name[i % name_size];
	if (size > 3)
		memcpy(text + size - 2, accent, 2);
	return slice_of(text, (size_t)size);
}

static void
list_make(const struct field *field, enum sample_extent extent, struct arena *arena, void *rows_at, size_t *count)
{
	const struct record *row = field->list_of();
	uint8_t *rows;

	*count = (size_t)least(field->max, ROWS_MAX);
	rows = arena_alloc_array(arena, *count, row->size);
	check(rows != NULL);
	/* One row of each extent, so that optional fields of rows are seen both ways. */
	for (size_t i = 0; i < *count; i++)
		memcpy(rows + i * row->size, sample_make(row, i == 0 ? extent : SAMPLE_MINIMAL, arena), row->size);
	memcpy(rows_at, &rows, sizeof rows);
}

static void
field_make(const struct field *field, enum sample_extent extent, struct arena *arena, uint8_t *out)
{
	void *value = out + field->offset;
	uint64_t size = extent == SAMPLE_MINIMAL ? field->min : least(field->max, STRING_MAX);

	if (size < field->min)
		size = field->min;
	switch (field->type) {
	case FIELD_UINT:
		*(uint64_t *)value = extent == SAMPLE_MINIMAL ? field->min : field->max;
		break;
	case FIELD_BOOL:
		*(bool *)value = extent == SAMPLE_FULL;
		break;
	case FIELD_BYTES:
		*(struct slice *)value = bytes_make(field, size, arena);
		break;
	case FIELD_TEXT:
		*(struct slice *)value = text_make(field, size, arena);
		break;
	case FIELD_LIST:
	default:
		if (extent == SAMPLE_FULL)
			list_make(field, extent, arena, value, (size_t *)(void *)(out + field->count_offset));
	}
}

void *
sample_make(const struct record *record, enum sample_extent extent, struct arena *arena)
{
	uint8_t *out = arena_alloc(arena, record->size);

	check(out != NULL);
	for (size_t i = 0; i < record->fields_count; i++) {
		const struct field *field = &record->fields[i];
		if (!field->required && extent == SAMPLE_MINIMAL)
			continue;
		if (!field->required)
			*(bool *)(out + field->has_offset) = true;
		field_make(field, extent, arena, out);
	}
	return out;
}
