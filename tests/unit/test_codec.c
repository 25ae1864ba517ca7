/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoder against what a peer may send, each refusal with its error, place and expectation; encoder and decoder
 * against each other. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/codec.h"
#include "protocol/message.h"

#define RECORD_TABLE "tests/unit/codec_sample.def"
#define RECORD_STRUCT(name) sample_##name
#include "protocol/record_structs.h"

#define RECORD_TABLE "tests/unit/codec_sample.def"
#define RECORD(name, about) static const struct record *record_##name(void);
#include "protocol/record_rows.h"

#define RECORD_TABLE "tests/unit/codec_sample.def"
#define RECORD_STRUCT(name) sample_##name
#define RECORD_FUNCTION(name) record_##name
#include "protocol/record_tables.h"

#define BYTES_MAX ((size_t)4096)

struct fixture {
	struct arena *arena;
	struct buf *buf;
	struct fault fault;
	struct sample_tree tree;
	uint8_t bytes[BYTES_MAX];
};

static int
set_up(void **state)
{
	static struct fixture f;
	memset(&f, 0, sizeof f);
	f.arena = arena_create(1 << 20);
	f.buf = buf_create(1 << 20);
	*state = &f;
	return f.arena == NULL || f.buf == NULL;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	arena_destroy(f->arena);
	buf_destroy(f->buf);
	return 0;
}

static enum error
decode(struct fixture *f, const char *hex, enum codec_unknown unknown)
{
	size_t size = strlen(hex) / 2;
	assert_true(size <= BYTES_MAX);
	assert_true(hex_decode(slice_of_text(hex), f->bytes, size));
	memset(&f->tree, 0xaa, sizeof f->tree);
	memset(&f->fault, 0, sizeof f->fault);
	return codec_decode(record_tree(), slice_of(f->bytes, size), unknown, f->arena, &f->tree, &f->fault);
}

/* yes, id and name: what is required, keys 1, 3 and 5. */
#define SMALLEST "a301f5034401020304056161"

static void
the_smallest_message_is_read(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(decode(f, SMALLEST, CODEC_REQUEST), ERROR_NONE);
	assert_true(f->tree.yes);
	assert_true(slice_equal_text(f->tree.id, "\x01\x02\x03\x04"));
	assert_true(slice_equal_text(f->tree.name, "a"));
	assert_false(f->tree.has_first || f->tree.has_maybe || f->tree.has_branches || f->tree.has_note);
	assert_null(f->tree.branches);
	assert_int_equal(f->tree.branches_count, 0);
}

static void
a_full_message_comes_back_the_same(void **state)
{
	struct fixture *f = *state;
	struct sample_leaf leaves[] = { { 0 }, { 23 }, { 100 } };
	struct sample_branch branches[] = { { leaves, 3, true, UINT64_MAX }, { NULL, 0, false, 0 } };
	struct sample_tree tree = { .has_first = true, .first = 10, .yes = true, .has_maybe = true, .maybe = false,
		.id = SLICE_LITERAL("\0\0\0\0"), .name = SLICE_LITERAL("été"), .has_branches = true,
		.branches = branches, .branches_count = 2, .has_note = true, .note = SLICE_LITERAL("") };
	codec_encode(record_tree(), &tree, f->buf);
	assert_true(buf_ok(f->buf));
	struct slice first = buf_peek(f->buf);
	char hex[512];
	assert_true(first.size < sizeof hex / 2);
	hex_encode(first, hex);
	assert_string_equal(hex,
	    "a7000a01f502f403440000000005"
	    "65c3a974c3a90782a20183a10100a10117a1011864"
	    "19012c1bffffffffffffffffa101800860");
	assert_int_equal(decode(f, hex, CODEC_STORED), ERROR_NONE);
	assert_true(f->tree.has_first && f->tree.first == 10 && f->tree.has_maybe && !f->tree.maybe);
	assert_true(f->tree.has_note && f->tree.note.size == 0);
	assert_int_equal(f->tree.branches_count, 2);
	assert_int_equal(f->tree.branches[0].leaves_count, 3);
	assert_int_equal(f->tree.branches[0].leaves[2].number, 100);
	assert_true(f->tree.branches[0].has_far && f->tree.branches[0].far == UINT64_MAX);
	assert_int_equal(f->tree.branches[1].leaves_count, 0);
	/* And once more through the encoder. */
	struct buf *again = buf_create(1000);
	codec_encode(record_tree(), &f->tree, again);
	assert_true(slice_equal(buf_peek(again), first));
	buf_destroy(again);
}

struct refused {
	const char *hex;
	enum error error;
	const char *place, *value, *expected;
};

static void
each_refusal_names_field_value_and_expectation(void **state)
{
	static const struct refused samples[] = {
		{ "", ERROR_message_malformed, "tree", "", "a map" },
		{ "80", ERROR_message_malformed, "tree", "", "a map" },
		{ "bf01f5034401020304056161ff", ERROR_message_malformed, "tree", "", "a map" },
		{ SMALLEST "00", ERROR_message_malformed, "tree", "", "nothing behind the message" },
		/* keys: falling, repeated, not a number */
		{ "a303440102030401f5056161", ERROR_field_missing, "tree.yes", "", "true or false" },
		{ "a401f5034401020304034401020304056161", ERROR_message_malformed, "tree", "",
		    "unsigned integers as keys, each larger than the one before" },
		{ "a301f56103440102030405616100", ERROR_message_malformed, "tree", "",
		    "unsigned integers as keys, each larger than the one before" },
		/* required fields: first, middle, last */
		{ "a0", ERROR_field_missing, "tree.yes", "", "true or false" },
		{ "a201f5056161", ERROR_field_missing, "tree.id", "", "a byte string of 4 bytes" },
		{ "a201f5034401020304", ERROR_field_missing, "tree.name", "", "UTF-8 text of 1 to 5 bytes" },
		/* types */
		{ "a301f6034401020304056161", ERROR_message_malformed, "tree.yes", "", "true or false" },
		{ "a301f5036401020304056161", ERROR_message_malformed, "tree.id", "", "a byte string of 4 bytes" },
		{ "a301f50344010203040561ff", ERROR_message_malformed, "tree.name", "", "UTF-8 text of 1 to 5 bytes" },
		/* limits */
		{ "a4000b01f5034401020304056161", ERROR_field_invalid, "tree.first", "11", "a number from 0 to 10" },
		{ "a301f50343010203056161", ERROR_field_invalid, "tree.id", "3 bytes", "a byte string of 4 bytes" },
		{ "a301f503450102030405056161", ERROR_field_invalid, "tree.id", "5 bytes", "a byte string of 4 bytes" },
		{ "a301f503440102030405606161", ERROR_field_invalid, "tree.name", "0 bytes",
		    "UTF-8 text of 1 to 5 bytes" },
		{ "a301f503440102030405666161616161610000", ERROR_field_invalid, "tree.name", "6 bytes",
		    "UTF-8 text of 1 to 5 bytes" },
		{ "a401f50344010203040561610783a10180a10180a10180", ERROR_field_invalid, "tree.branches", "3 rows",
		    "a list of 0 to 2 rows" },
		{ "a401f50344010203040561610783", ERROR_message_malformed, "tree.branches", "",
		    "a list of 0 to 2 rows" },
		/* within rows */
		{ "a401f50344010203040561610782a10180a1018100", ERROR_message_malformed,
		    "tree.branches[1].leaves[0]", "", "a map" },
		{ "a401f50344010203040561610781a10182a1010aa1011865", ERROR_field_invalid,
		    "tree.branches[0].leaves[1].number", "101", "a number from 0 to 100" },
		{ "a401f50344010203040561610781a0", ERROR_field_missing, "tree.branches[0].leaves", "",
		    "a list of 0 to 3 rows" },
		/* unknown keys: odd, between, behind, in a row */
		{ "a401f503440102030405616109f5", ERROR_field_unknown, "tree", "key 9",
		    "a key of the message table, or an even one" },
		{ "a401f5034401020304056161190101f5", ERROR_field_unknown, "tree", "key 257",
		    "a key of the message table, or an even one" },
		{ "a401f50344010203040561610781a20180030a", ERROR_field_unknown, "tree.branches[0]", "key 3",
		    "a key of the message table, or an even one" },
		/* an unknown even key may be ignored, but not if it is malformed */
		{ "a401f50344010203040561610a1800", ERROR_message_malformed, "tree", "",
		    "well-formed deterministic CBOR in fields not known here too" },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		const struct refused *sample = &samples[i];
		enum error error = decode(f, sample->hex, CODEC_REQUEST);
		if (error != sample->error || f->fault.error != error ||
		    !slice_equal_text(f->fault.place, sample->place) ||
		    !slice_equal_text(f->fault.value, sample->value) ||
		    !slice_equal_text(f->fault.expected, sample->expected))
			fail_msg("%s: %s, place %.*s, value %.*s, expected %.*s", sample->hex, error_name(error),
			    (int)f->fault.place.size, (const char *)f->fault.place.data, (int)f->fault.value.size,
			    (const char *)f->fault.value.data, (int)f->fault.expected.size,
			    (const char *)f->fault.expected.data);
	}
}

static void
unknown_keys_follow_the_policy(void **state)
{
	struct fixture *f = *state;
	static const char even[] = "a401f50344010203040561610a8301a10203f4";
	static const char odd[] = "a401f50344010203040561610b8301a10203f4";
	assert_int_equal(decode(f, even, CODEC_REQUEST), ERROR_NONE);
	assert_true(slice_equal_text(f->tree.name, "a"));
	assert_int_equal(decode(f, even, CODEC_ANSWER), ERROR_NONE);
	assert_int_equal(decode(f, even, CODEC_STORED), ERROR_field_unknown);
	assert_int_equal(decode(f, odd, CODEC_REQUEST), ERROR_field_unknown);
	assert_int_equal(decode(f, odd, CODEC_ANSWER), ERROR_NONE);
	assert_int_equal(decode(f, odd, CODEC_STORED), ERROR_field_unknown);
	/* The largest key there is. */
	assert_int_equal(decode(f, "a401f50344010203040561611bfffffffffffffffe00", CODEC_REQUEST), ERROR_NONE);
	assert_int_equal(decode(f, "a401f50344010203040561611bffffffffffffffff00", CODEC_ANSWER), ERROR_NONE);
}

static void
nesting_is_bounded_in_unknown_fields(void **state)
{
	struct fixture *f = *state;
	char hex[128];
	for (int nested = 0; nested <= LIMIT_CBOR_DEPTH; nested++) {
		strcpy(hex, "a401f50344010203040561610a");
		for (int i = 0; i < nested; i++)
			strcat(hex, "81");
		strcat(hex, "00");
		/* The message's own map is one level. */
		assert_int_equal(decode(f, hex, CODEC_REQUEST),
		    nested < LIMIT_CBOR_DEPTH ? ERROR_NONE : ERROR_message_malformed);
	}
}

static void
every_cut_is_refused(void **state)
{
	struct fixture *f = *state;
	char hex[] = "a7000a01f502f40344000000000565c3a974c3a90782a20183a10100a10117a101186419012c1bffffffffffffffff"
	    "a101800860";
	assert_int_equal(decode(f, hex, CODEC_REQUEST), ERROR_NONE);
	for (size_t size = strlen(hex); size > 0;) {
		size -= 2;
		hex[size] = '\0';
		assert_int_not_equal(decode(f, hex, CODEC_REQUEST), ERROR_NONE);
	}
}

static void
lists_take_no_memory_beyond_the_arena(void **state)
{
	struct fixture *f = *state;
	struct arena *small = arena_create(48);
	assert_int_equal(decode(f, "a401f50344010203040561610782a10180a10180", CODEC_REQUEST), ERROR_NONE);
	assert_int_equal(codec_decode(record_tree(), slice_of(f->bytes, 20), CODEC_REQUEST, small, &f->tree, &f->fault),
	    ERROR_out_of_memory);
	arena_destroy(small);
}

static void
encoder_keeps_the_tables_limits(void **state)
{
	struct fixture *f = *state;
	struct sample_branch branches[3] = { { 0 } };
	const struct sample_tree good = { .id = SLICE_LITERAL("1234"), .name = SLICE_LITERAL("n"),
		.branches = branches };
	struct sample_tree bad[6];
	for (size_t i = 0; i < 6; i++)
		bad[i] = good;
	bad[0].id = SLICE_LITERAL("123");
	bad[1].name = SLICE_LITERAL("");
	bad[2].name = SLICE_LITERAL("\xff");
	bad[3].has_first = true, bad[3].first = 11;
	bad[4].has_branches = true, bad[4].branches_count = 3;
	bad[5].has_note = true, bad[5].note = slice_of(f->bytes, 41);
	codec_encode(record_tree(), &good, f->buf);
	assert_true(buf_ok(f->buf));
	for (size_t i = 0; i < 6; i++) {
		buf_clear(f->buf);
		codec_encode(record_tree(), &bad[i], f->buf);
		assert_false(buf_ok(f->buf));
	}
}

/* What the codec relies on in every descriptor of every message. */
static void
descriptor_is_sound(const struct record *record, bool is_row)
{
	assert_true(record->fields_count > 0);
	for (size_t i = 0; i < record->fields_count; i++) {
		const struct field *field = &record->fields[i];
		if (i > 0 && field[-1].key >= field->key)
			fail_msg("%s.%s: keys do not rise", record->name, field->name);
		assert_true(field->min <= field->max);
		assert_true(is_row || i > 0 || field->key == 0);
		/* Names fit in the text of a place. */
		assert_true(strlen(record->name) + strlen(field->name) < 64);
		if (field->type == FIELD_LIST) {
			assert_true(field->max > 0 && field->max <= 1000);
			descriptor_is_sound(field->list_of(), true);
		}
	}
}

static void
every_operation_has_sound_descriptors(void **state)
{
	size_t count;
	(void)state;
	const struct operation *operations = operation_table(&count);
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || operations[i - 1].number < operations[i].number);
		assert_ptr_equal(operation_find(operations[i].number), &operations[i]);
		descriptor_is_sound(operations[i].request(), false);
		descriptor_is_sound(operations[i].answer(), false);
		assert_string_equal(operations[i].request()->fields[0].name, "deadline_ms");
		assert_string_equal(operations[i].answer()->fields[0].name, "correlation");
	}
	descriptor_is_sound(message_refusal(), false);
	assert_null(operation_find(0));
	assert_null(operation_find(0xffff));
}

static void
roles_have_names(void **state)
{
	(void)state;
	for (unsigned role = ROLE_TAXPAYER; role <= ROLE_COURIER; role <<= 1)
		assert_int_equal(role_find(slice_of_text(role_name(role))), role);
	assert_int_equal(role_find(SLICE_LITERAL("king")), 0);
	assert_null(role_name(ROLE_HOLDER));
	assert_null(role_name(ROLE_NOBODY));
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_smallest_message_is_read),
		TEST(a_full_message_comes_back_the_same),
		TEST(each_refusal_names_field_value_and_expectation),
		TEST(unknown_keys_follow_the_policy),
		TEST(nesting_is_bounded_in_unknown_fields),
		TEST(every_cut_is_refused),
		TEST(lists_take_no_memory_beyond_the_arena),
		TEST(encoder_keeps_the_tables_limits),
		TEST(every_operation_has_sound_descriptors),
		TEST(roles_have_names),
	};
	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
