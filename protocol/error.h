/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: one enum and one table, both made from errors.def. A function that can fail returns
 * enum error; ERROR_NONE is 0. What went wrong in detail (place, value, expectation) travels beside it. */
#ifndef GUICHET_ERROR_H
#define GUICHET_ERROR_H

#include "protocol/bytes.h"

enum error {
	ERROR_NONE = 0,
#define ERROR(number, name, retry, english, french) ERROR_##name = (number),
#include "protocol/errors.def"
#undef ERROR
};

enum retry { RETRY_NEVER, RETRY_LATER, RETRY_NEW };

struct error_entry {
	enum error number;
	enum retry retry;
	const char *name;
	const char *english;
	const char *french;
};

/* All errors in order of number; *count of them. */
const struct error_entry *error_table(size_t *count);
/* The entry of `number`, which may come from a peer; NULL when the table has none. */
const struct error_entry *error_find(unsigned number);
/* The name as in the table, "none" for ERROR_NONE, "unknown" for others. Never NULL. */
const char *error_name(enum error number);

/* Where and why, for a message that names value and expectation. All texts are borrowed from the arena or
 * from constants; empty slices when there is nothing to say. */
struct fault {
	enum error error;
	struct slice place;    /* field, line, box, document */
	struct slice value;    /* what was there; never a secret, never a whole document */
	struct slice expected; /* what should have been there */
};

/* Fills *fault and returns its error, so that a check reads `return fault_set(...)`. NULL texts are empty. */
enum error fault_set(
    struct fault *fault, enum error error, const char *place, struct slice value, const char *expected);

/* A fault whose value is a number, with the room for its texts: they last as long as it does, at its place. */
struct number_fault {
	struct fault fault;
	char value[24];
	char expected[104];
};

/* As fault_set; `expected` is a format of numbers and constants, whose text is cut short where it does not fit. */
enum error number_fault_set(struct number_fault *fault, enum error error, const char *place, uint64_t value,
    const char *expected, ...) __attribute__((format(printf, 5, 6)));

struct arena;
/* Copies the fault's texts into the arena, for when what they are borrowed from ends. Returns the fault's error, or
 * ERROR_out_of_memory. */
enum error fault_keep(struct fault *fault, struct arena *arena);

#endif
