/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON (RFC 8259) into a tree in an arena, and out of values into text. Reading refuses duplicate members, bad UTF-8,
 * depth, count and size beyond the limits given. Numbers are kept as their text: no value passes through binary
 * floating point. The parser underneath is yajl. */
#ifndef GUICHET_JSON_H
#define GUICHET_JSON_H

#include "protocol/arena.h"
#include "protocol/buf.h"
#include "protocol/error.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_type type;
	bool boolean;
	struct slice text;  /* of a string (decoded) or a number (as written) */
	struct slice name;  /* when a member of an object (decoded) */
	struct json *first; /* of an array or object, in the order of the text */
	struct json *next;  /* among its siblings */
	size_t count;       /* children */
};

struct json_limits {
	size_t size_max;   /* bytes of text */
	size_t values_max; /* values in all */
	unsigned depth_max;
};

/* Parses all of `text`, which is copied into the arena, so it may go. depth_max is at most 32. U+0000 is refused,
 * written or escaped; so are halves of surrogate pairs. On failure ERROR_json_malformed (or ERROR_out_of_memory) and
 * *fault: where reading stopped, "line 3, column 7 (byte 41)", what stands there and what could have, all texts with a
 * NUL behind them; or the path of a member that stands twice. */
must_check enum error json_parse(struct slice text, const struct json_limits *limits, struct arena *arena,
    const struct json **out, struct fault *fault);
/* Did json_parse refuse because a member stands twice in its object? Then place is its path ("boxes.1AJ") and value
 * says where the two stand, or is the name where that is not known. */
bool json_fault_is_twice(const struct fault *fault);
/* An arena of so many bytes holds any one text within the limits, whatever a peer puts into it. */
size_t json_arena_max(const struct json_limits *limits);

/* The member of that name; NULL when there is none or `object` is no object (or NULL). */
const struct json *json_find(const struct json *object, const char *name);
/* The member's text when it is a string, else an empty slice with data NULL. */
struct slice json_find_text(const struct json *object, const char *name);
/* The member as an unsigned integer written without sign, fraction or exponent, at most max. */
must_check bool json_find_uint(const struct json *object, const char *name, uint64_t max, uint64_t *out);
/* The first of `member` and those behind it whose name is none of these (ended by NULL); NULL: there is none. */
const struct json *json_find_other(const struct json *member, const char *const *names);
/* Does `object` (an object) have members of these names (ended by NULL) only? If not, *unknown is the first other. */
must_check bool json_has_only(const struct json *object, const char *const *names, struct slice *unknown);
/* What a fault says stands there: a text or a number as it is, else "true", "false", "null", "[...]" or "{...}"; empty
 * for NULL. */
struct slice json_show(const struct json *value);

/* Appends `text` quoted and escaped. What json_parse would not read back (not UTF-8, U+0000) fails `buf`. */
void json_put_string(struct buf *buf, struct slice text);
/* Appends "name": with its quotes, preceded by a comma unless the buffer ends in '{' or '['. The name is one of ours,
 * without anything to escape. */
void json_put_name(struct buf *buf, const char *name);

#endif
