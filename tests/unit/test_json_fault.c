/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of a text that is no JSON: where, what stands there, what could have. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "protocol/json.h"

static const struct json_limits limits = { 64, 6, 3 };

struct refused {
	const char *text, *place, *value, *expected;
};

static void
assert_text(const char *text, const char *what, struct slice found, const char *wanted)
{
	if (!slice_equal_text(found, wanted))
		fail_msg("%s: %s \"%.*s\", not \"%s\"", text, what, (int)found.size, (const char *)found.data, wanted);
	if (found.size != 0)
		assert_int_equal(found.data[found.size], '\0');
}

static void
assert_refused(const struct refused *refused, size_t size)
{
	struct arena *arena = arena_create(json_arena_max(&limits));
	const struct json *root;
	struct fault fault;

	assert_int_equal(
	    json_parse(slice_of(refused->text, size), &limits, arena, &root, &fault), ERROR_json_malformed);
	assert_text(refused->text, "place", fault.place, refused->place);
	assert_text(refused->text, "value", fault.value, refused->value);
	assert_text(refused->text, "expected", fault.expected, refused->expected);
	arena_destroy(arena);
}

static void
assert_all_refused(const struct refused *refused, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_refused(&refused[i], strlen(refused[i].text));
}

#define ALL(list) list, sizeof list / sizeof list[0]
#define CUT_SHORT(line, column, byte) "line " #line ", column " #column " (byte " #byte ")", "the end of the text"

static void
what_breaks_off_is_said(void **state)
{
	(void)state;
	static const struct refused cases[] = {
		{ "", CUT_SHORT(1, 1, 0), "a JSON value" },
		{ " \n\n", CUT_SHORT(3, 1, 3), "a JSON value" },
		{ "tru", CUT_SHORT(1, 4, 3), "a JSON value" },
		{ "{", CUT_SHORT(1, 2, 1), "the name of a member, or }" },
		{ "{\"a", CUT_SHORT(1, 4, 3), "a quotation mark that ends the string" },
		{ "{\"a\\", CUT_SHORT(1, 5, 4), "a quotation mark that ends the string" },
		{ "{\"a\"\n", CUT_SHORT(2, 1, 5), "a colon behind the name of the member" },
		{ "{\"a\":", CUT_SHORT(1, 6, 5), "a JSON value" },
		{ "{\"a\":\"b\"", CUT_SHORT(1, 9, 8), "a comma, or }" },
		{ "{\"a\":1,", CUT_SHORT(1, 8, 7), "the name of a member" },
		{ "[", CUT_SHORT(1, 2, 1), "a JSON value, or ]" },
		{ "[[1", CUT_SHORT(1, 4, 3), "a comma, or ]" },
		{ "[1,", CUT_SHORT(1, 4, 3), "a JSON value" },
	};
	assert_all_refused(ALL(cases));
}

static void
token_that_is_out_of_place_is_named(void **state)
{
	(void)state;
	static const struct refused cases[] = {
		{ "[1,2,x]", "line 1, column 6 (byte 5)", "x", "a JSON value" },
		{ "{\"é\":1,\n \"ü\" 2}", "line 2, column 6 (byte 15)", "2", "a colon behind the name of the member" },
		{ "{\"a\":1,}", "line 1, column 8 (byte 7)", "}", "the name of a member" },
		{ "{\"a\":1 \"b\":2}", "line 1, column 8 (byte 7)", "\"b\"", "a comma, or }" },
		{ "{\"a\":\"b\" \"c\"}", "line 1, column 10 (byte 9)", "\"c\"", "a comma, or }" },
		{ "{a:1}", "line 1, column 2 (byte 1)", "a", "the name of a member, or }" },
		{ "{1:1}", "line 1, column 2 (byte 1)", "1", "the name of a member, or }" },
		{ "{'a':1}", "line 1, column 2 (byte 1)", "'a'", "the name of a member, or }" },
		{ "[1}", "line 1, column 3 (byte 2)", "}", "a comma, or ]" },
		{ "{\"a\":]", "line 1, column 6 (byte 5)", "]", "a JSON value" },
		{ "[1]\r\n[2]", "line 2, column 1 (byte 5)", "[", "the end of the text" },
		{ "[01]", "line 1, column 2 (byte 1)", "01", "a JSON value, or ]" },
		{ "[1.]", "line 1, column 2 (byte 1)", "1.", "a JSON value, or ]" },
		{ "[1,+1]", "line 1, column 4 (byte 3)", "+1", "a JSON value" },
		{ "[-]", "line 1, column 2 (byte 1)", "-", "a JSON value, or ]" },
		{ "[NaN]", "line 1, column 2 (byte 1)", "NaN", "a JSON value, or ]" },
		{ "[True, 1]", "line 1, column 2 (byte 1)", "True", "a JSON value, or ]" },
		{ "[1]// no", "line 1, column 4 (byte 3)", "//", "the end of the text" },
		{ "[/* no */]", "line 1, column 2 (byte 1)", "/*", "a JSON value, or ]" },
		{ "[eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeé]", "line 1, column 2 (byte 1)",
		    "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "a JSON value, or ]" },
		{ "\xef\xbb\xbf{}", "line 1, column 1 (byte 0)", "a byte order mark", "a JSON value" },
		{ "[\"a\nb\"]", "line 1, column 4 (byte 3)", "the end of the line",
		    "a quotation mark that ends the string" },
		{ "[\"a\tb\"]", "line 1, column 4 (byte 3)", "a tab", "a quotation mark that ends the string" },
	};
	assert_all_refused(ALL(cases));
}

static void
byte_that_is_no_text_is_shown_in_hexadecimal(void **state)
{
	(void)state;
	static const char escape[] = "an escape of JSON, neither U+0000 nor half a surrogate pair";
	const struct refused cases[] = {
		{ "[1,\v2]", "line 1, column 4 (byte 3)", "byte 0x0b", "no control character" },
		{ "[\"\x01\"]", "line 1, column 3 (byte 2)", "byte 0x01", "no control character" },
		{ "[\"caf\xe9\"]", "line 1, column 6 (byte 5)", "byte 0xe9", "UTF-8" },
		{ "[\"\xe9\",\"\x01\"]", "line 1, column 3 (byte 2)", "byte 0xe9", "UTF-8" },
		{ "[\"\xe9\",\"\\x\"]", "line 1, column 3 (byte 2)", "byte 0xe9", "UTF-8" },
		{ "[\"\xc3", "line 1, column 3 (byte 2)", "byte 0xc3", "UTF-8" },
		{ "[\"\\x41\"]", "line 1, column 3 (byte 2)", "\\x", escape },
		{ "[\"\\u12g4\"]", "line 1, column 3 (byte 2)", "\\u12g4", escape },
		{ "[\"\\u0000\"]", "line 1, column 3 (byte 2)", "\\u0000", escape },
		{ "[\"a\\ud83d\"]", "line 1, column 4 (byte 3)", "\\ud83d", escape },
		{ "[\"\\é\"]", "line 1, column 3 (byte 2)", "\\", escape },
		{ "[\"\\ud\xe9\"]", "line 1, column 3 (byte 2)", "\\ud", escape },
	};
	assert_all_refused(ALL(cases));
	static const struct refused wide = { "\xff\xfe{\0}", "line 1, column 1 (byte 0)", "byte 0xff", "UTF-8" };
	assert_refused(&wide, 5);
}

static void
limit_is_named_where_it_is_passed(void **state)
{
	(void)state;
	static const struct refused cases[] = {
		{ "[1,2,3,4,5,6]", "line 1, column 12 (byte 11)", "6", "at most 6 values" },
		{ "[[[\n[]]]]", "line 2, column 1 (byte 4)", "[", "at most 3 levels of nesting" },
		{ "\"                                                               \"", "", "65 bytes",
		    "at most 64 bytes" },
	};
	assert_all_refused(ALL(cases));
}

static void
both_places_of_a_member_are_said(void **state)
{
	(void)state;
	static const char once[] = "each member of an object once";
	const struct refused cases[] = {
		{ "{\"a\":1,\n\"a\":1}", "a", "line 1, column 2 (byte 1) and line 2, column 1 (byte 8)", once },
		{ "{\"b\":{\"é\":1,\"a\":2,\"é\":3}}", "b.é",
		    "line 1, column 7 (byte 6) and line 1, column 19 (byte 19)", once },
		{ "{\"a\":1,\"\\u0061\":1}", "a", "a", once },
		{ "{\"\":1,\"\":1}", "", "line 1, column 2 (byte 1) and line 1, column 7 (byte 6)", once },
	};
	assert_all_refused(ALL(cases));
}

/* A long path is cut, but not in the middle of a character. */
static void
cut_path_is_text(void **state)
{
	(void)state;
	static const struct json_limits wide = { 2000, 10, 3 };
	struct arena *arena = arena_create(json_arena_max(&wide));
	const struct json *root;
	struct fault fault;
	char name[402] = "a", text[1000];

	assert_non_null(arena);
	for (size_t i = 0; i < 200; i++)
		memcpy(name + 1 + 2 * i, "é", 2);
	snprintf(text, sizeof text, "{\"%s\":1,\"%s\":2}", name, name);
	assert_int_equal(json_parse(slice_of_text(text), &wide, arena, &root, &fault), ERROR_json_malformed);
	assert_true(json_fault_is_twice(&fault) && fault.place.size > 100 && slice_is_utf8(fault.place));
	arena_destroy(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_breaks_off_is_said),
		cmocka_unit_test(token_that_is_out_of_place_is_named),
		cmocka_unit_test(byte_that_is_no_text_is_shown_in_hexadecimal),
		cmocka_unit_test(limit_is_named_where_it_is_passed),
		cmocka_unit_test(both_places_of_a_member_are_said),
		cmocka_unit_test(cut_path_is_text),
	};
	return cmocka_run_group_tests_name("json fault", tests, NULL, NULL);
}
