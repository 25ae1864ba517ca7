/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON: what is read, what is refused and where, and that no order of names makes it slow. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/json.h"
#include "protocol/limits.h"

static const struct json_limits limits = { 512 * 1024, 40000, 8 };

struct parsed {
	struct arena *arena;
	const struct json *root;
	struct fault fault;
};

static struct parsed
parse_limited(struct slice text, const struct json_limits *l)
{
	struct parsed p = { .arena = arena_create(json_arena_max(l)) };
	assert_non_null(p.arena);
	enum error error = json_parse(text, l, p.arena, &p.root, &p.fault);
	assert_int_equal(error, p.root == NULL ? ERROR_json_malformed : ERROR_NONE);
	if (error != ERROR_NONE)
		assert_int_equal(p.fault.error, error);
	return p;
}

static struct parsed
parse(const char *text)
{
	return parse_limited(slice_of_text(text), &limits);
}

static void
assert_refused(const char *text)
{
	struct parsed p = parse(text);
	if (p.root != NULL)
		fail_msg("accepted: %s", text);
	arena_destroy(p.arena);
}

static void
assert_fault(const char *text, const char *place, bool twice)
{
	struct parsed p = parse(text);
	assert_null(p.root);
	if (!slice_equal_text(p.fault.place, place))
		fail_msg("%s: place %.*s, not %s", text, (int)p.fault.place.size, (const char *)p.fault.place.data,
		    place);
	assert_int_equal(json_fault_is_twice(&p.fault), twice);
	arena_destroy(p.arena);
}

static void
every_kind_of_value_is_read(void **state)
{
	(void)state;
	struct parsed p = parse(" {\"a\":[1,-2.50e+3,true,false,null,\"x\"],"
	    "\"b\":{\"c\":{}},\"n\":18446744073709551615} ");
	assert_non_null(p.root);
	const struct json *a = json_find(p.root, "a"), *v = a->first;
	assert_int_equal(p.root->count, 3);
	assert_int_equal(a->count, 6);
	assert_true(slice_equal_text(v->text, "1"));
	v = v->next;
	assert_int_equal(v->type, JSON_NUMBER);
	assert_true(slice_equal_text(v->text, "-2.50e+3"));
	v = v->next;
	assert_true(v->type == JSON_BOOL && v->boolean);
	v = v->next;
	assert_true(v->type == JSON_BOOL && !v->boolean);
	v = v->next;
	assert_int_equal(v->type, JSON_NULL);
	v = v->next;
	assert_true(v->type == JSON_STRING && slice_equal_text(v->text, "x"));
	assert_null(v->next);
	assert_int_equal(json_find(json_find(p.root, "b"), "c")->type, JSON_OBJECT);
	uint64_t n = 0;
	assert_true(json_find_uint(p.root, "n", UINT64_MAX, &n));
	assert_true(n == UINT64_MAX);
	assert_false(json_find_uint(p.root, "n", UINT64_MAX - 1, &n));
	assert_false(json_find_uint(p.root, "a", UINT64_MAX, &n));
	assert_null(json_find(a, "a"));
	assert_null(json_find(NULL, "a"));
	assert_null(json_find_text(p.root, "n").data);
	arena_destroy(p.arena);
}

static void
tree_outlives_the_text(void **state)
{
	(void)state;
	char text[] = "{\"name\":\"plain\",\"escaped\":\"\\u00e9\\n\\ud83d\\ude00\"}";
	struct parsed p = parse(text);
	assert_non_null(p.root);
	memset(text, 'x', sizeof text - 1);
	assert_true(slice_equal_text(json_find_text(p.root, "name"), "plain"));
	assert_true(slice_equal_text(json_find_text(p.root, "escaped"), "\xc3\xa9\n\xf0\x9f\x98\x80"));
	arena_destroy(p.arena);
}

static void
only_strict_json_is_accepted(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", " ", "{", "}", "[1", "[1,]", "{\"a\":1,}", "{a:1}", "{'a':1}", "{\"a\" 1}", "[1]x", "[1] [2]",
		"[1]// c",
		"/* c */[1]", "[01]", "[+1]", "[.5]", "[1.]", "[1e]", "[-]", "[0x10]", "[NaN]", "[Infinity]", "[tru]",
		"\xef\xbb\xbf[1]", "[\"\t\"]", "[\"\n\"]", "[\"\x01\"]", "[\v1]", "[\f1]", "[\"\\x41\"]",
		"[\"\\u12\"]", "[\"\\u12g4\"]",
		"[\"\\u0000\"]", "{\"\\u0000\":1}", "[\"\\ud800\"]", "[\"\\udc00\"]", "[\"\\ud800\\u0041\"]",
		"[\"\\ud800x\"]",
		"[\"\\ud800\\ud800\"]", "[\"\\ude00\\ud83d\"]", "[\"\xc0\x80\"]", "[\"\xed\xa0\x80\"]", "[\"\xff\"]",
		"[\"\xc3\"]",
		"[\"abc",
		"[\"abc\\", "[\"abc\\\"]", "\"", "-", "1 2", "[\"\\ud83d\\ude0\"]", "{\"a\":}", "{\"a\"}", "[,]",
		"[1 2]", "{]", "[}",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_refused(bad[i]);
	static const char with_nul[] = "[1,\0 2]";
	struct parsed p = parse_limited(slice_of(with_nul, sizeof with_nul - 1), &limits);
	assert_null(p.root);
	arena_destroy(p.arena);
	static const char *const good[] = { "12", "\"x\"", "null", "[]", "{}",
		"\r\n\t[ 1 , 2 ]\n", "[\"\\/\\b\\f\\r\\t\\\"\\\\\"]", "[-0]",
		"[\"\\\\u0000\"]", "[\"\x7f\"]" };
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		p = parse(good[i]);
		if (p.root == NULL)
			fail_msg("refused: %s", good[i]);
		arena_destroy(p.arena);
	}
}

static void
members_stand_once(void **state)
{
	(void)state;
	assert_fault("{\"a\":1,\"a\":1}", "a", true);
	assert_fault("{\"boxes\":{\"1AJ\":1,\"1AK\":2,\"1AJ\":3}}", "boxes.1AJ", true);
	assert_fault("{\"boxes\":{\"1AJ\":1,\"\\u0031AJ\":3}}", "boxes.1AJ", true);
	assert_fault("{\"donations\":[{},{\"box\":1,\"amount\":2,\"box\":1}]}", "donations[1].box", true);
	assert_fault("[1,2,x]", "line 1, column 6 (byte 5)", false);
	struct parsed p = parse("{\"c\":1,\"b\":{\"c\":1,\"b\":1,\"a\":1},\"a\":[{\"c\":1},{\"c\":1}]}");
	assert_non_null(p.root);
	arena_destroy(p.arena);
}

/* An object of `count` members, each a number behind `name`, in a scrambled order; `twin` repeats that member at the
 * end (no one: count). */
static char *
scrambled(const char *name, size_t count, size_t twin, size_t *size)
{
	char *text = malloc((count + 2) * (strlen(name) + 16));
	assert_non_null(text);
	size_t used = (size_t)sprintf(text, "{");
	for (size_t i = 0; i < count; i++)
		used += (size_t)sprintf(text + used, "%s\"%s%zu\":1", i == 0 ? "" : ",", name, i * 7919 % count);
	if (twin < count)
		used += (size_t)sprintf(text + used, ",\"%s%zu\":1", name, twin);
	used += (size_t)sprintf(text + used, "}");
	*size = used;
	return text;
}

static void
twin_is_found(const char *name)
{
	for (size_t count = 2; count < 40; count++)
		for (size_t twin = 0; twin <= count; twin++) {
			size_t size;
			char *text = scrambled(name, count, twin, &size);
			struct parsed p = parse_limited(slice_of(text, size), &limits);
			assert_int_equal(p.root == NULL, twin < count);
			arena_destroy(p.arena);
			free(text);
		}
}

/* Names that differ early, at the edge of their first eight bytes, and far behind it. */
static void
one_twin_among_many_is_found(void **state)
{
	(void)state;
	twin_is_found("");
	twin_is_found("k");
	twin_is_found("seven..");
	twin_is_found("a name of many bytes ");
	size_t size;
	char *text = scrambled("k", 30000, 17, &size);
	struct parsed p = parse_limited(slice_of(text, size), &limits);
	assert_null(p.root);
	assert_true(json_fault_is_twice(&p.fault));
	assert_true(slice_equal_text(p.fault.place, "k17"));
	arena_destroy(p.arena);
	free(text);
}

static void
limits_hold(void **state)
{
	(void)state;
	const struct json_limits small = { 40, 4, 2 };
	static const struct {
		const char *text;
		bool fits;
	} cases[] = {
		{ "[1,2,3]", true }, { "[1,2,3,4]", false }, { "[[1]]", true }, { "[[[1]]]", false }, { "{\"a\":{}}",
		    true },
		{ "{\"a\":{\"b\":[]}}", false }, { "\"6789012345678901234567890123456789012\"", true },
		{ "\"678901234567890123456789012345678901234\"", false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct parsed p = parse_limited(slice_of_text(cases[i].text), &small);
		assert_int_equal(p.root != NULL, cases[i].fits);
		arena_destroy(p.arena);
	}
}

/* Whatever the size of the arena, short memory is said, never a crash: yajl itself does not look. */
static void
short_memory_is_said(void **state)
{
	(void)state;
	static const char text[] = "{\"z\":\"\\n long enough to be unescaped into a buffer\","
	    "\"b\":[1,2,{\"c\":3}],\"a\":0}";
	bool fitted = false;
	for (size_t size = 0; size < 8192; size += 16) {
		struct arena *arena = arena_create(size);
		const struct json *root;
		struct fault fault;
		enum error error = json_parse(SLICE_LITERAL(text), &limits, arena, &root, &fault);
		assert_int_equal(error, root != NULL ? ERROR_NONE : ERROR_out_of_memory);
		assert_false(fitted && root == NULL);
		fitted = root != NULL;
		arena_destroy(arena);
	}
	assert_true(fitted);
}

static void
unfinished_text_fits_the_promised_arena(void **state)
{
	(void)state;
	char *text = malloc(limits.size_max);
	assert_non_null(text);
	memset(text, 'a', limits.size_max);
	text[0] = '"';
	text[1] = '\\';
	text[2] = 'n';
	struct parsed p = parse_limited(slice_of(text, limits.size_max), &limits);
	assert_null(p.root);
	arena_destroy(p.arena);
	text[limits.size_max - 1] = '"';
	p = parse_limited(slice_of(text, limits.size_max), &limits);
	assert_non_null(p.root);
	arena_destroy(p.arena);
	/* As many values as may be. */
	for (size_t i = 0; i < 40000; i++)
		memcpy(text + 2 * i, ",0", 2);
	text[0] = '[';
	text[2 * 39999] = ']';
	p = parse_limited(slice_of(text, 2 * 39999 + 1), &limits);
	assert_non_null(p.root);
	arena_destroy(p.arena);
	free(text);
}

static void
what_is_written_can_be_read(void **state)
{
	(void)state;
	static const char odd[] = "a\"b\\c\n\x01 é/\x7f";
	struct buf *buf = buf_create(1000);
	buf_put_u8(buf, '{');
	json_put_name(buf, "one");
	json_put_string(buf, SLICE_LITERAL(odd));
	json_put_name(buf, "two");
	buf_put_u8(buf, '[');
	json_put_string(buf, SLICE_EMPTY);
	buf_put_text(buf, "]}");
	assert_true(buf_ok(buf));
	struct parsed p = parse_limited(buf_peek(buf), &limits);
	assert_non_null(p.root);
	assert_true(slice_equal(json_find_text(p.root, "one"), SLICE_LITERAL(odd)));
	assert_int_equal(json_find(p.root, "two")->first->text.size, 0);
	arena_destroy(p.arena);
	buf_clear(buf);
	json_put_string(buf, SLICE_LITERAL("\xff"));
	assert_false(buf_ok(buf));
	buf_clear(buf);
	json_put_string(buf, SLICE_LITERAL("a\0b"));
	assert_false(buf_ok(buf));
	buf_destroy(buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value_is_read),
		cmocka_unit_test(tree_outlives_the_text),
		cmocka_unit_test(only_strict_json_is_accepted),
		cmocka_unit_test(members_stand_once),
		cmocka_unit_test(one_twin_among_many_is_found),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(short_memory_is_said),
		cmocka_unit_test(unfinished_text_fits_the_promised_arena),
		cmocka_unit_test(what_is_written_can_be_read),
	};
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
