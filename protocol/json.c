/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON through yajl's callbacks into a tree. The text is copied into the arena once; strings without escapes are
 * slices of that copy. One look at every byte before yajl refuses what yajl would let pass: bad UTF-8, vertical
 * tab and form feed as white space, halves of surrogate pairs, U+0000. */
#include "protocol/json.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "protocol/check.h"
#include "protocol/json_fault.h"

/* The deepest nesting that any caller may ask for. */
#define DEPTH_MAX 32
/* Longest path of a member in a fault; cut beyond. */
#define PATH_SIZE ((size_t)200)

static const char expected_once[] = "each member of an object once";

struct builder {
	struct arena *arena;
	const struct json_limits *limits;
	struct slice text; /* our copy */
	struct json *root;
	struct json *open[DEPTH_MAX];    /* containers that are not closed */
	struct json *last[DEPTH_MAX];    /* their latest child */
	bool is_sorted[DEPTH_MAX];       /* the names so far rise: none can be twice */
	unsigned depth;
	size_t values;
	struct slice name; /* of the member whose value comes next */
	enum error error;
	const char *expected; /* by a limit that is passed; NULL: none is */
	struct fault *fault;
	jmp_buf memory_short;
};

/* ---- memory for yajl ---- */

/* What yajl allocates is never freed before the arena is, so its realloc needs the old size. */
union allocation {
	size_t size;
	long double align;
};

/* yajl does not look whether an allocation succeeded, so a failing one must not return to it. All that yajl and we
 * hold is the arena's: leaving by longjmp loses nothing. */
static void *
yajl_take(void *context, size_t size)
{
	struct builder *b = context;
	union allocation *a = size > SIZE_MAX - sizeof *a ? NULL : arena_alloc(b->arena, sizeof *a + size);
	if (a == NULL)
		longjmp(b->memory_short, 1);
	a->size = size;
	return a + 1;
}

static void *
yajl_take_more(void *context, void *old, size_t size)
{
	void *new = yajl_take(context, size);
	if (old != NULL) {
		size_t old_size = ((union allocation *)old)[-1].size;
		memcpy(new, old, old_size < size ? old_size : size);
	}
	return new;
}

static void
yajl_leave(void *context, void *old)
{
	(void)context;
	(void)old;
}

/* ---- faults ---- */

static int
builder_stop(struct builder *b, enum error error, const char *expected)
{
	b->error = fault_set(b->fault, error, NULL, SLICE_EMPTY, expected);
	return 0;
}

/* More of something than may be; where, only the parser knows. */
static int
builder_stop_limit(struct builder *b, size_t limit, const char *what)
{
	char text[64];
	struct slice expected;

	snprintf(text, sizeof text, "at most %zu %s", limit, what);
	if (!arena_copy(b->arena, slice_of_text(text), &expected))
		return builder_stop(b, ERROR_out_of_memory, NULL);
	b->expected = (const char *)expected.data;
	return 0;
}

/* Appends what leads from container `at` to its latest child, which is open too: "name" or "[index]". */
static void
path_append(const struct builder *b, unsigned at, char *path, size_t *used)
{
	struct slice name = b->open[at + 1]->name;
	int size;

	if (b->open[at]->type == JSON_ARRAY)
		size = snprintf(path + *used, PATH_SIZE - *used, "[%zu]", b->open[at]->count - 1);
	else
		size = snprintf(path + *used, PATH_SIZE - *used, "%s%.*s", *used == 0 ? "" : ".",
		    (int)(name.size < PATH_SIZE ? name.size : PATH_SIZE), (const char *)name.data);
	*used += size < 0 ? 0 : (size_t)size;
	if (*used >= PATH_SIZE)
		*used = PATH_SIZE - 1;
}

/* A slice of our copy of the text, and not what yajl unescaped? */
static bool
builder_has(const struct builder *b, const void *data)
{
	uintptr_t from = (uintptr_t)b->text.data, at = (uintptr_t)data;

	return at >= from && at - from <= b->text.size;
}

/* The path, and where in the text the two stand; an escaped name is known by itself alone. */
static int
builder_stop_twice(struct builder *b, struct slice name, struct slice other)
{
	char path[PATH_SIZE];
	size_t used = 0;

	for (unsigned at = 0; at + 1 < b->depth; at++)
		path_append(b, at, path, &used);
	if (used != 0 && used < PATH_SIZE)
		path[used++] = '.';
	size_t size = name.size < PATH_SIZE - used ? name.size : PATH_SIZE - used;
	if (size != 0)
		memcpy(path + used, name.data, size);
	builder_stop(b, ERROR_json_malformed, expected_once);
	b->fault->value = name;
	/* Each with the quotation mark before it. */
	if (builder_has(b, name.data) && builder_has(b, other.data))
		b->error = json_fault_twice(b->fault, b->arena, b->text, (size_t)(name.data - b->text.data) - 1,
		    (size_t)(other.data - b->text.data) - 1, expected_once);
	size = slice_utf8_prefix(slice_of(path, used + size)); /* may have been cut */
	if (!arena_copy(b->arena, slice_of(path, size), &b->fault->place))
		return builder_stop(b, ERROR_out_of_memory, NULL);
	return 0;
}

bool
json_fault_is_twice(const struct fault *fault)
{
	return fault->expected.data == (const uint8_t *)expected_once;
}

/* ---- the tree ---- */

/* A slice of our copy where yajl points into it, else a copy of what yajl unescaped into its own memory. */
static bool
builder_keep(struct builder *b, const unsigned char *data, size_t size, struct slice *out)
{
	if (builder_has(b, data)) {
		*out = slice_of(data, size);
		return true;
	}
	return arena_copy(b->arena, slice_of(data, size), out);
}

static struct json *
builder_add(struct builder *b, enum json_type type)
{
	struct json *value;

	if (b->values++ == b->limits->values_max) {
		builder_stop_limit(b, b->limits->values_max, "values");
		return NULL;
	}
	value = arena_alloc(b->arena, sizeof *value);
	if (value == NULL) {
		builder_stop(b, ERROR_out_of_memory, NULL);
		return NULL;
	}
	value->type = type;
	if (b->depth == 0) {
		b->root = value;
		return value;
	}
	struct json *parent = b->open[b->depth - 1], *last = b->last[b->depth - 1];
	if (parent->type == JSON_OBJECT) {
		value->name = b->name;
		if (last != NULL && slice_compare(last->name, value->name) >= 0)
			b->is_sorted[b->depth - 1] = false;
	}
	if (last == NULL)
		parent->first = value;
	else
		last->next = value;
	b->last[b->depth - 1] = value;
	parent->count++;
	return value;
}

static int
builder_open(struct builder *b, enum json_type type)
{
	struct json *value = builder_add(b, type);
	if (value == NULL)
		return 0;
	if (b->depth == b->limits->depth_max)
		return builder_stop_limit(b, b->limits->depth_max, "levels of nesting");
	b->open[b->depth] = value;
	b->last[b->depth] = NULL;
	b->is_sorted[b->depth] = true;
	b->depth++;
	return 1;
}

static int
on_null(void *context)
{
	return builder_add(context, JSON_NULL) != NULL;
}

static int
on_boolean(void *context, int truth)
{
	struct json *value = builder_add(context, JSON_BOOL);
	if (value == NULL)
		return 0;
	value->boolean = truth != 0;
	return 1;
}

static int
builder_add_text(struct builder *b, enum json_type type, const unsigned char *data, size_t size)
{
	struct json *value = builder_add(b, type);
	if (value == NULL)
		return 0;
	if (!builder_keep(b, data, size, &value->text))
		return builder_stop(b, ERROR_out_of_memory, NULL);
	return 1;
}

static int
on_number(void *context, const char *data, size_t size)
{
	return builder_add_text(context, JSON_NUMBER, (const unsigned char *)data, size);
}

static int
on_string(void *context, const unsigned char *data, size_t size)
{
	return builder_add_text(context, JSON_STRING, data, size);
}

static int
on_name(void *context, const unsigned char *data, size_t size)
{
	struct builder *b = context;
	if (!builder_keep(b, data, size, &b->name))
		return builder_stop(b, ERROR_out_of_memory, NULL);
	return 1;
}

static int
on_object(void *context)
{
	return builder_open(context, JSON_OBJECT);
}

static int
on_array(void *context)
{
	return builder_open(context, JSON_ARRAY);
}

static int
on_array_end(void *context)
{
	((struct builder *)context)->depth--;
	return 1;
}

/* ---- duplicate members ---- */

/* A member with the first eight bytes of its name, which settle nearly every comparison. */
struct named {
	uint64_t head;
	const struct json *member;
};

static struct named
named_of(const struct json *member)
{
	uint8_t head[8] = { 0 };
	size_t size = member->name.size < sizeof head ? member->name.size : sizeof head;

	if (size != 0)
		memcpy(head, member->name.data, size);
	return (struct named){ bytes_peek_u64(head), member };
}

static bool
named_is_below(const struct named *a, const struct named *b)
{
	if (a->head != b->head)
		return a->head < b->head;
	return slice_compare(a->member->name, b->member->name) < 0;
}

static void
heap_sink(struct named *heap, size_t count, size_t at)
{
	struct named moved = heap[at];
	for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
		if (child + 1 < count && named_is_below(&heap[child], &heap[child + 1]))
			child++;
		if (!named_is_below(&moved, &heap[child]))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
}

/* Sorts a list of the members by name; a heap, because its worst order of names, which a peer would choose, costs
 * what any other does. Twins are then neighbours. Only names that do not rise already come here. */
static int
on_object_end(void *context)
{
	struct builder *b = context;
	const struct json *object = b->open[b->depth - 1];
	struct named *heap;
	size_t count = object->count, i = 0;

	if (b->is_sorted[b->depth - 1]) {
		b->depth--;
		return 1;
	}
	heap = arena_alloc_array(b->arena, count, sizeof *heap);
	if (heap == NULL)
		return builder_stop(b, ERROR_out_of_memory, NULL);
	for (const struct json *member = object->first; member != NULL; member = member->next)
		heap[i++] = named_of(member);
	for (i = count / 2; i-- > 0;)
		heap_sink(heap, count, i);
	for (i = count; i-- > 1;) {
		struct named largest = heap[0];
		heap[0] = heap[i];
		heap[i] = largest;
		heap_sink(heap, i, 0);
	}
	for (i = 1; i < count; i++)
		if (heap[i - 1].head == heap[i].head &&
		    slice_equal(heap[i - 1].member->name, heap[i].member->name))
			return builder_stop_twice(b, heap[i - 1].member->name, heap[i].member->name);
	b->depth--;
	return 1;
}

/* ---- the bytes, before yajl sees them ---- */

/* The 16 bits of the \uXXXX at `at`, which points to the backslash; -1 when it is none. */
static long
escape_unit(struct slice text, size_t at)
{
	long unit = 0;

	if (text.size - at < 6 || text.data[at] != '\\' || text.data[at + 1] != 'u')
		return -1;
	for (size_t i = at + 2; i < at + 6; i++) {
		uint8_t c = text.data[i], lower = c | 0x20;
		if (c >= '0' && c <= '9')
			unit = unit * 16 + (c - '0');
		else if (lower >= 'a' && lower <= 'f')
			unit = unit * 16 + (lower - 'a' + 10);
		else
			return -1;
	}
	return unit;
}

/* The escape at `at`: how many bytes it takes, 0 when it is none or stands for no character we accept. A text that
 * ends there is left to yajl. */
static size_t
escape_size(struct slice text, size_t at)
{
	long unit, low;

	if (text.size - at < 2)
		return 1;
	if (text.data[at + 1] != 'u')
		return memchr("\"\\/bfnrt", text.data[at + 1], 8) != NULL ? 2 : 0;
	unit = escape_unit(text, at);
	if (unit < 0)
		return 0;
	if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		return 0;
	if (unit < 0xd800 || unit > 0xdbff)
		return 6;
	low = escape_unit(text, at + 6 <= text.size ? at + 6 : at);
	return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

static enum error
text_scan(struct slice text, struct arena *arena, struct fault *fault)
{
	uint8_t bits = 0; /* that any byte has set */

	for (size_t at = 0; at < text.size;) {
		uint8_t c = text.data[at];
		bits |= c;
		if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
			return json_fault_byte(fault, arena, text, at);
		if (c != '\\') {
			at++;
			continue;
		}
		size_t size = escape_size(text, at);
		if (size == 0)
			return json_fault_escape(fault, arena, text, at);
		at += size;
	}
	if (bits < 0x80)
		return ERROR_NONE;
	size_t good = slice_utf8_prefix(text);
	return good < text.size ? json_fault_byte(fault, arena, text, good) : ERROR_NONE;
}

/* ---- parsing ---- */

static enum error
builder_fault(const struct builder *b, size_t at, bool wants_more)
{
	const struct json_stop stop = {
		.at = at + (at < b->text.size && b->text.data[at] == '/'), /* a comment is refused before it is taken */
		.wants_more = wants_more,
		.container = b->depth != 0 ? b->open[b->depth - 1] : NULL,
		.has_root = b->root != NULL,
		.expected = b->expected,
	};

	return json_fault_token(b->fault, b->arena, b->text, &stop);
}

static enum error
builder_run(struct builder *b)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null, .yajl_boolean = on_boolean, .yajl_number = on_number, .yajl_string = on_string,
		.yajl_start_map = on_object, .yajl_map_key = on_name, .yajl_end_map = on_object_end,
		.yajl_start_array = on_array, .yajl_end_array = on_array_end,
	};
	yajl_alloc_funcs memory = { yajl_take, yajl_take_more, yajl_leave, b };
	yajl_handle handle;
	yajl_status status;

	if (setjmp(b->memory_short) != 0)
		return fault_set(b->fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	handle = yajl_alloc(&callbacks, &memory, b);
	if (handle == NULL)
		return fault_set(b->fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	(void)yajl_config(handle, yajl_dont_validate_strings, 1); /* text_scan did, and better */
	status = yajl_parse(handle, b->text.data, b->text.size);
	size_t at = yajl_get_bytes_consumed(handle);
	bool wants_more = status == yajl_status_ok;
	if (wants_more)
		status = yajl_complete_parse(handle);
	if (b->error != ERROR_NONE || status == yajl_status_ok)
		return b->error;
	return builder_fault(b, at, wants_more);
}

enum error
json_parse(struct slice text, const struct json_limits *limits, struct arena *arena, const struct json **out,
    struct fault *fault)
{
	struct builder b = { .arena = arena, .limits = limits, .fault = fault };
	enum error error;

	check(limits->depth_max <= DEPTH_MAX);
	*out = NULL;
	if (text.size > limits->size_max)
		return json_fault_size(fault, arena, text.size, limits->size_max);
	error = text_scan(text, arena, fault);
	if (error != ERROR_NONE)
		return error;
	if (!arena_copy(arena, text, &b.text))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	error = builder_run(&b);
	if (error == ERROR_NONE)
		*out = b.root;
	return error;
}

size_t
json_arena_max(const struct json_limits *limits)
{
	/* The copy, unescaped strings, and both of yajl's buffers, which double from 2 KB and leave old ones. */
	size_t texts = 2 * limits->size_max + 2 * (4 * limits->size_max + 8192);
	/* Each value: node, place in its parent's heap, and the rounding of a name and a text. */
	size_t values = limits->values_max * (sizeof(struct json) + sizeof(struct named) + 2 * 32);
	return texts + values + 4096;
}

/* ---- looking ---- */

const struct json *
json_find(const struct json *object, const char *name)
{
	struct slice wanted = slice_of_text(name);
	if (object == NULL || object->type != JSON_OBJECT)
		return NULL;
	for (const struct json *member = object->first; member != NULL; member = member->next)
		if (slice_equal(member->name, wanted))
			return member;
	return NULL;
}

struct slice
json_find_text(const struct json *object, const char *name)
{
	const struct json *member = json_find(object, name);
	return member != NULL && member->type == JSON_STRING ? member->text : SLICE_EMPTY;
}

bool
json_find_uint(const struct json *object, const char *name, uint64_t max, uint64_t *out)
{
	const struct json *member = json_find(object, name);
	return member != NULL && member->type == JSON_NUMBER && decimal_decode(member->text, max, out);
}

const struct json *
json_find_other(const struct json *member, const char *const *names)
{
	for (; member != NULL; member = member->next) {
		size_t i = 0;
		while (names[i] != NULL && !slice_equal_text(member->name, names[i]))
			i++;
		if (names[i] == NULL)
			break;
	}
	return member;
}

bool
json_has_only(const struct json *object, const char *const *names, struct slice *unknown)
{
	const struct json *other = json_find_other(object->first, names);

	if (other != NULL)
		*unknown = other->name;
	return other == NULL;
}

struct slice
json_show(const struct json *value)
{
	static const char *const words[] = { [JSON_NULL] = "null", [JSON_ARRAY] = "[...]", [JSON_OBJECT] = "{...}" };

	if (value == NULL)
		return SLICE_EMPTY;
	if (value->type == JSON_NUMBER || value->type == JSON_STRING)
		return value->text;
	return slice_of_text(value->type != JSON_BOOL ? words[value->type] : value->boolean ? "true" : "false");
}

/* ---- writing ---- */

void
json_put_string(struct buf *buf, struct slice text)
{
	size_t from = 0;

	if (!slice_is_utf8(text)) {
		buf_fail(buf);
		return;
	}
	buf_put_u8(buf, '"');
	for (size_t at = 0; at < text.size; at++) {
		uint8_t c = text.data[at];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_put(buf, slice_of(text.data + from, at - from));
		from = at + 1;
		if (c == 0) /* what json_parse would refuse to read */
			buf_fail(buf);
		else if (c < 0x20)
			buf_put_format(buf, "\\u%04x", c);
		else
			buf_put(buf, slice_of((const uint8_t[]){ '\\', c }, 2));
	}
	buf_put(buf, slice_from(text, from));
	buf_put_u8(buf, '"');
}

void
json_put_name(struct buf *buf, const char *name)
{
	struct slice held = buf_peek(buf);
	uint8_t last = held.size == 0 ? '{' : held.data[held.size - 1];
	size_t comma = last != '{' && last != '[', size = strlen(name);
	uint8_t *to = buf_reserve(buf, comma + size + 3);

	if (to == NULL)
		return;
	to[0] = ',';
	to[comma] = '"';
	memcpy(to + comma + 1, name, size);
	to[comma + 1 + size] = '"';
	to[comma + 2 + size] = ':';
	buf_commit(buf, comma + size + 3);
}
