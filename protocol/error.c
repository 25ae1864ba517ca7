/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of errors, made from errors.def. */
#include "protocol/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "protocol/arena.h"

static const struct error_entry table[] = {
#define ERROR(number, name, retry, english, french) { ERROR_##name, retry, #name, english, french },
#include "protocol/errors.def"
#undef ERROR
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

const struct error_entry *
error_table(size_t *count)
{
	*count = TABLE_COUNT;
	return table;
}

const struct error_entry *
error_find(unsigned number)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if ((unsigned)table[i].number == number)
			return &table[i];
	return NULL;
}

const char *
error_name(enum error number)
{
	const struct error_entry *entry = error_find((unsigned)number);
	if (entry != NULL)
		return entry->name;
	return number == ERROR_NONE ? "none" : "unknown";
}

enum error
fault_set(struct fault *fault, enum error error, const char *place, struct slice value, const char *expected)
{
	fault->error = error;
	fault->place = place == NULL ? SLICE_EMPTY : slice_of_text(place);
	fault->value = value;
	fault->expected = expected == NULL ? SLICE_EMPTY : slice_of_text(expected);
	return error;
}

enum error
number_fault_set(
    struct number_fault *fault, enum error error, const char *place, uint64_t value, const char *expected, ...)
{
	va_list list;

	va_start(list, expected);
	vsnprintf(fault->expected, sizeof fault->expected, expected, list);
	va_end(list);
	size_t size = decimal_encode(value, 1, fault->value);
	return fault_set(&fault->fault, error, place, slice_of(fault->value, size), fault->expected);
}

enum error
fault_keep(struct fault *fault, struct arena *arena)
{
	if (!arena_copy(arena, fault->place, &fault->place) || !arena_copy(arena, fault->value, &fault->value) ||
	    !arena_copy(arena, fault->expected, &fault->expected))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	return fault->error;
}
