/* SPDX-License-Identifier: Apache-2.0
 *
 * Why reading a JSON text stopped, so that a person finds it: the place as "line 3, column 7 (byte 41)", what stands
 * there and what could have. For json.c alone. Each function fills *fault, its texts in the arena, and returns its
 * error: ERROR_json_malformed, or ERROR_out_of_memory. */
#ifndef GUICHET_JSON_FAULT_H
#define GUICHET_JSON_FAULT_H

#include "protocol/json.h"

/* How far the parser came. */
struct json_stop {
	size_t at;                    /* bytes taken: into the token that it refused, or to the end of it */
	bool wants_more;              /* it took everything, and the value is not complete */
	const struct json *container; /* the innermost that is open; NULL: none */
	bool has_root;
	const char *expected;         /* NULL: what the grammar allows there */
};

enum error json_fault_size(struct fault *fault, struct arena *arena, size_t size, size_t size_max);
/* The byte at `at` is no part of any JSON text; or one before it is not, where UTF-8 ends. */
enum error json_fault_byte(struct fault *fault, struct arena *arena, struct slice text, size_t at);
/* The backslash at `at` begins no escape; or a byte before it is none of UTF-8. */
enum error json_fault_escape(struct fault *fault, struct arena *arena, struct slice text, size_t at);
/* The token where the parser stopped. */
enum error json_fault_token(struct fault *fault, struct arena *arena, struct slice text, const struct json_stop *stop);
/* A member stands twice, with its names at these places. fault->place is left to the caller. */
enum error json_fault_twice(struct fault *fault, struct arena *arena, struct slice text, size_t one, size_t other,
    const char *expected);

#endif
