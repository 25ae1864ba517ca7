/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults of JSON texts. The parser tells how many bytes it took; what stood there is found by cutting the text into
 * tokens once more, which costs nothing as long as there is no fault. */
#include "protocol/json_fault.h"

#include <stdio.h>
#include <string.h>

/* Longest token that is repeated; cut beyond. */
#define SHOWN_MAX ((size_t)40)
/* "line 3, column 7 (byte 41)" with the longest numbers. */
#define PLACE_SIZE ((size_t)96)

/* ---- places ---- */

static void
place_print(char place[PLACE_SIZE], struct slice text, size_t at)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < at; i++) {
		column += (text.data[i] & 0xc0) != 0x80;
		if (text.data[i] == '\n') {
			line++;
			column = 1;
		}
	}
	snprintf(place, PLACE_SIZE, "line %zu, column %zu (byte %zu)", line, column, at);
}

static enum error
fault_at(struct fault *fault, struct arena *arena, struct slice text, size_t at, struct slice found,
    const char *expected)
{
	char place[PLACE_SIZE];
	enum error error = fault_set(fault, ERROR_json_malformed, NULL, SLICE_EMPTY, expected);

	place_print(place, text, at);
	if (!arena_copy(arena, slice_of_text(place), &fault->place) || !arena_copy(arena, found, &fault->value))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	return error;
}

/* What stands at `at`: at most SHOWN_MAX of so many bytes, as far as they are UTF-8. */
static struct slice
shown(struct slice text, size_t at, size_t size)
{
	struct slice found = slice_from(text, at);

	if (found.size > size)
		found.size = size;
	if (found.size > SHOWN_MAX)
		found.size = SHOWN_MAX;
	found.size = slice_utf8_prefix(found);
	return found;
}

/* ---- bytes ---- */

enum error
json_fault_size(struct fault *fault, struct arena *arena, size_t size, size_t size_max)
{
	char found[32], allowed[48];
	enum error error = fault_set(fault, ERROR_json_malformed, NULL, SLICE_EMPTY, NULL);

	snprintf(found, sizeof found, "%zu bytes", size);
	snprintf(allowed, sizeof allowed, "at most %zu bytes", size_max);
	if (!arena_copy(arena, slice_of_text(found), &fault->value) ||
	    !arena_copy(arena, slice_of_text(allowed), &fault->expected))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	return error;
}

enum error
json_fault_byte(struct fault *fault, struct arena *arena, struct slice text, size_t at)
{
	char found[sizeof "byte 0xff"];

	at = slice_utf8_prefix(slice_of(text.data, at));
	snprintf(found, sizeof found, "byte 0x%02x", text.data[at]);
	return fault_at(fault, arena, text, at, slice_of_text(found),
	    text.data[at] < 0x20 ? "no control character" : "UTF-8");
}

enum error
json_fault_escape(struct fault *fault, struct arena *arena, struct slice text, size_t at)
{
	bool has_digits = at + 1 < text.size && text.data[at + 1] == 'u';

	if (slice_utf8_prefix(slice_of(text.data, at)) < at)
		return json_fault_byte(fault, arena, text, at);
	return fault_at(fault, arena, text, at, shown(text, at, has_digits ? 6 : 2),
	    "an escape of JSON, neither U+0000 nor half a surrogate pair");
}

/* ---- tokens ---- */

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_punctuation(uint8_t c)
{
	return c != '\0' && strchr("{}[]:,", c) != NULL;
}

/* Behind the string that begins at `at`; where it breaks off, when it does. */
static size_t
string_end(struct slice text, size_t at, bool *is_closed)
{
	for (at++; at < text.size && text.data[at] != '"' && text.data[at] >= ' '; at++)
		if (text.data[at] == '\\')
			at++;
	*is_closed = at < text.size && text.data[at] == '"';
	return *is_closed ? at + 1 : at < text.size ? at : text.size;
}

/* The token at or behind `at`: a string, punctuation, or anything else up to the next of these or a space. Empty at
 * the end. */
static struct slice
token_next(struct slice text, size_t at, bool *is_closed)
{
	size_t end;

	*is_closed = true;
	while (at < text.size && is_space(text.data[at]))
		at++;
	if (at < text.size && text.data[at] == '"')
		return slice_of(text.data + at, string_end(text, at, is_closed) - at);
	for (end = at; end < text.size && !is_space(text.data[end]) && text.data[end] != '"'; end++)
		if (is_punctuation(text.data[end])) {
			end += end == at;
			break;
		}
	return slice_of(text.data + at, end - at);
}

/* What may follow the two tokens before. */
static const char *
expected_behind(struct slice last, struct slice before, const struct json_stop *stop)
{
	if (stop->container == NULL || last.size == 0)
		return stop->has_root ? "the end of the text" : "a JSON value";
	bool in_object = stop->container->type == JSON_OBJECT;
	switch (last.data[0]) {
	case '{':
		return "the name of a member, or }";
	case '[':
		return "a JSON value, or ]";
	case ':':
		return "a JSON value";
	case ',':
		return in_object ? "the name of a member" : "a JSON value";
	case '"':
		if (in_object && !slice_equal_text(before, ":"))
			return "a colon behind the name of the member";
		break;
	default:
		break;
	}
	return in_object ? "a comma, or }" : "a comma, or ]";
}

static struct slice
token_shown(struct slice text, size_t at, struct slice token)
{
	if (slice_starts_with(token, SLICE_LITERAL("\xef\xbb\xbf")))
		return SLICE_LITERAL("a byte order mark");
	if (at == text.size)
		return SLICE_LITERAL("the end of the text");
	if (text.data[at] == '\n' || text.data[at] == '\r')
		return SLICE_LITERAL("the end of the line");
	return text.data[at] == '\t' ? SLICE_LITERAL("a tab") : shown(text, at, token.size);
}

enum error
json_fault_token(struct fault *fault, struct arena *arena, struct slice text, const struct json_stop *stop)
{
	struct slice before = SLICE_EMPTY, last = SLICE_EMPTY, token;
	const char *expected = stop->expected;
	bool is_closed;
	size_t at = 0, end = 0;

	for (;;) {
		token = token_next(text, end, &is_closed);
		at = token.size == 0 ? text.size : (size_t)(token.data - text.data);
		end = at + token.size;
		if (token.size == 0 || !is_closed || (end >= stop->at && !stop->wants_more))
			break;
		before = last;
		last = token;
	}
	if (!is_closed) {
		at = end;
		expected = "a quotation mark that ends the string";
	} else if (expected == NULL) {
		expected = expected_behind(last, before, stop);
	}
	return fault_at(fault, arena, text, at, token_shown(text, at, token), expected);
}

enum error
json_fault_twice(struct fault *fault, struct arena *arena, struct slice text, size_t one, size_t other,
    const char *expected)
{
	char first[PLACE_SIZE], second[PLACE_SIZE], both[2 * PLACE_SIZE + 16];
	enum error error = fault_set(fault, ERROR_json_malformed, NULL, SLICE_EMPTY, expected);

	place_print(first, text, one < other ? one : other);
	place_print(second, text, one < other ? other : one);
	snprintf(both, sizeof both, "%s and %s", first, second);
	if (!arena_copy(arena, slice_of_text(both), &fault->value))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	return error;
}
