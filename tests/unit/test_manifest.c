/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifest: one form only, round trips, and refusals that name line, word and expectation. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/manifest.h"

#define DIGEST_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DIGEST_B "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD "guichet-filing 1\norigin guichet.example/2026\ncampaign ir-2025\nsubject spi 3023217600053\n" \
	"replaces none\nmode online\n"
#define RETURN "document 2042 application/json 1103 " DIGEST_A "\n"
#define ATTACHMENT "document attachment/rib application/pdf 20971520 " DIGEST_B "\n"
#define GOOD HEAD RETURN ATTACHMENT

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_create(1 << 20);
	return arena == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_destroy(arena);
	return 0;
}

static enum error
parse(const char *text, struct manifest *out, struct fault *fault)
{
	return manifest_parse(slice_of_text(text), arena, out, fault);
}

/* Parses `text`, writes it again, and expects the same bytes. */
static void
expect_round_trip(const char *text)
{
	struct manifest manifest;
	struct fault fault;
	struct buf *buf = buf_create(LIMIT_MANIFEST_SIZE);

	assert_int_equal(parse(text, &manifest, &fault), ERROR_NONE);
	manifest_put(buf, &manifest);
	assert_true(buf_ok(buf));
	assert_true(slice_equal_text(buf_peek(buf), text));
	buf_destroy(buf);
}

static void
test_fields(void **state)
{
	(void)state;
	struct manifest m;
	struct fault fault;

	assert_int_equal(parse(GOOD, &m, &fault), ERROR_NONE);
	assert_true(slice_equal_text(m.origin, "guichet.example/2026"));
	assert_true(slice_equal_text(m.campaign, "ir-2025"));
	assert_true(slice_equal_text(m.spi, "3023217600053"));
	assert_int_equal(m.siren.size + m.tax.size + m.replaces.size, 0);
	assert_int_equal(m.mode, MODE_ONLINE);
	assert_int_equal(m.documents_count, 2);
	assert_true(manifest_is_return(&m.documents[0]));
	assert_int_equal(m.documents[0].size, 1103);
	assert_memory_equal(m.documents[0].digest, "\x00\x11\x22\x33", 4);
	assert_false(manifest_is_return(&m.documents[1]));
	assert_true(slice_equal_text(m.documents[1].media_type, "application/pdf"));
}

static void
test_round_trips(void **state)
{
	(void)state;
	expect_round_trip(GOOD);
	expect_round_trip("guichet-filing 1\norigin a\ncampaign tva-2026/10\nsubject siren 732829320 tva\n"
	    "replaces 0000-0000-0000-0000\nmode offline\ndocument 3310-CA3 application/json 1 " DIGEST_A "\n");
}

/* Replaces the first `from` in GOOD by `to`, and expects a refusal at that line with that value (NULL: any). */
static void
expect_refusal(const char *from, const char *to, enum error error, const char *place, const char *value)
{
	char text[4096];
	const char *at = strstr(GOOD, from);
	struct manifest m;
	struct fault fault;

	assert_non_null(at);
	snprintf(text, sizeof text, "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
	if (parse(text, &m, &fault) != error)
		fail_msg("accepted or other error: %s", text);
	assert_int_equal(fault.error, error);
	if (!slice_equal_text(fault.place, place) || (value != NULL && !slice_equal_text(fault.value, value)))
		fail_msg("place \"%.*s\", value \"%.*s\" for %s", (int)fault.place.size, fault.place.data,
		    (int)fault.value.size, fault.value.data, text);
	assert_true(fault.expected.size > 0);
}

static void
test_refusals(void **state)
{
	(void)state;
	static const struct { const char *from, *to, *place, *value; } cases[] = {
		{ "guichet-filing 1", "guichet-filing 2", "line 1", "guichet-filing 2" },
		{ "guichet-filing 1", "guichet-lot 1", "line 1", "guichet-lot 1" },
		{ "guichet-filing 1\n", "guichet-filing 1\r\n", "line 1", "guichet-filing 1?" },
		{ "origin guichet.example/2026\n", "", "line 2", "campaign ir-2025" },
		{ "origin guichet", "origin  guichet", "line 2", "origin  guichet.example/2026" },
		{ "origin guichet", "Origin guichet", "line 2", "Origin guichet.example/2026" },
		{ "guichet.example/2026", "gui+chet", "line 2", "gui+chet" },
		{ "guichet.example/2026", "caf\xc3\xa9", "line 2", "caf??" },
		{ "guichet.example/2026", "", "line 2", "" },
		{ "ir-2025", "ir 2025", "line 3", "campaign ir 2025" },
		{ "ir-2025", "ir-2025 ", "line 3", "campaign ir-2025 " },
		{ "ir-2025", "ir:2025", "line 3", "ir:2025" },
		{ "ir-2025", "0123456789012345678901234567890123456789012345678901234567890123x", "line 3",
		    "0123456789012345678901234567890123456789012345678901234567890123..." },
		{ "3023217600053", "3023217600054", "line 4", "3023217600054" },
		{ "3023217600053", "4023217600053", "line 4", "4023217600053" },
		{ "3023217600053", "0000000000000", "line 4", "0000000000000" },
		{ "3023217600053", "302321760005", "line 4", "302321760005" },
		{ "spi 3023217600053", "siren 732829321 tva", "line 4", "732829321" },
		{ "spi 3023217600053", "siren 732829320", "line 4", "siren" },
		{ "spi 3023217600053", "siren 732829320 t:a", "line 4", "t:a" },
		{ "spi 3023217600053", "siret 732829320 tva", "line 4", "siret" },
		{ "replaces none", "replaces 0000-0000-0000-0001", "line 5", "0000-0000-0000-0001" },
		{ "replaces none", "replaces OOOO-0000-0000-0000", "line 5", "OOOO-0000-0000-0000" },
		{ "replaces none", "replaces 0000000000000000", "line 5", "0000000000000000" },
		{ "mode online", "mode Online", "line 6", "Online" },
		{ "document 2042", "document 20*42", "line 7", "20*42" },
		{ "document 2042", "Document 2042", "line 7", NULL },
		{ "application/json", "application/pdf", "line 7", "application/pdf" },
		{ "1103", "01103", "line 7", "01103" },
		{ "1103", "0", "line 7", "0" },
		{ "1103", "524289", "line 7", "524289" },
		{ "1103", "+1103", "line 7", "+1103" },
		{ "1103", "18446744073709552719", "line 7", "18446744073709552719" },
		{ "00112233", "0011223", "line 7", NULL },
		{ "ddeeff\n", "ddeefF\n", "line 7", NULL },
		{ "ddeeff\n", "ddeeff \n", "line 7", NULL },
		{ "attachment/rib", "attachment/", "line 8", "attachment/" },
		{ "20971520", "20971521", "line 8", "20971521" },
		{ "document attachment/rib", "\ndocument attachment/rib", "line 8", "" },
		{ DIGEST_B, DIGEST_A, "line 8", "attachment/rib" },
		{ DIGEST_B "\n", DIGEST_B, "line 8", NULL },
		{ DIGEST_B "\n", DIGEST_B "\n\n", "line 9", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		expect_refusal(cases[i].from, cases[i].to, ERROR_manifest_malformed, cases[i].place, cases[i].value);
	expect_refusal("application/pdf", "application/zip", ERROR_media_type_refused, "line 8", "application/zip");
	expect_refusal("application/pdf", "application/json", ERROR_media_type_refused, "line 8", "application/json");
}

/* Every shorter text is refused: a manifest cut anywhere but behind a document is none. */
static void
test_every_cut(void **state)
{
	(void)state;
	struct manifest m;
	struct fault fault;

	for (size_t size = 0; size < strlen(GOOD); size++) {
		enum error error = manifest_parse(slice_of(GOOD, size), arena, &m, &fault);
		assert_int_equal(error, size == strlen(HEAD RETURN) ? ERROR_NONE : ERROR_manifest_malformed);
		arena_reset(arena);
	}
}

/* A manifest of `returns` return documents and `attachments` attachments, all different. */
static enum error
parse_many(unsigned returns, unsigned attachments, struct fault *fault)
{
	struct buf *buf = buf_create(LIMIT_MANIFEST_SIZE);
	struct manifest m;

	buf_put_text(buf, HEAD);
	for (unsigned i = 0; i < returns; i++)
		buf_put_format(buf, "document 2042 application/json 1 %064x\n", i);
	for (unsigned i = 0; i < attachments; i++)
		buf_put_format(buf, "document attachment/x image/png 1 %064x\n", 1000 + i);
	assert_true(buf_ok(buf));
	enum error error = manifest_parse(buf_peek(buf), arena, &m, fault);
	if (error == ERROR_NONE)
		assert_int_equal(m.documents_count, returns + attachments);
	buf_destroy(buf);
	return error;
}

static void
test_counts(void **state)
{
	(void)state;
	struct fault fault;

	assert_int_equal(parse_many(28, 100, &fault), ERROR_NONE);
	assert_int_equal(parse_many(29, 100, &fault), ERROR_manifest_malformed);
	assert_true(slice_equal_text(fault.place, "line 135"));
	assert_true(slice_equal_text(fault.expected, "at most 128 documents"));
	assert_int_equal(parse_many(1, 101, &fault), ERROR_manifest_malformed);
	assert_true(slice_equal_text(fault.place, "line 108"));
	assert_true(slice_equal_text(fault.expected, "at most 100 attachments"));
}

/* The longest words and the most documents fit into the limit that the message table sets. */
static void
test_longest_fits(void **state)
{
	(void)state;
	struct buf *buf = buf_create(LIMIT_MANIFEST_SIZE + 1);
	struct manifest m;
	struct fault fault;

	buf_put_format(buf, "guichet-filing 1\norigin %0128d\ncampaign %064d\nsubject siren 732829320 %064d\n"
	    "replaces 0000-0000-0000-0000\nmode offline\n", 1, 2, 3);
	for (unsigned i = 0; i < LIMIT_DOCUMENTS; i++)
		if (i < LIMIT_ATTACHMENTS)
			buf_put_format(buf, "document attachment/%053u application/pdf 20971520 %064x\n", i, i);
		else
			buf_put_format(buf, "document %064u application/json 131072 %064x\n", i, i);
	assert_true(buf_ok(buf));
	assert_int_equal(manifest_parse(buf_peek(buf), arena, &m, &fault), ERROR_NONE);
	assert_int_equal(m.documents_count, LIMIT_DOCUMENTS);
	while (buf_size(buf) <= LIMIT_MANIFEST_SIZE)
		buf_put_u8(buf, '\n');
	assert_int_equal(manifest_parse(buf_peek(buf), arena, &m, &fault), ERROR_manifest_malformed);
	assert_true(slice_equal_text(fault.place, "manifest"));
	buf_destroy(buf);
}

/* What the text cannot carry, is not written. */
static void
test_put_refuses(void **state)
{
	(void)state;
	struct manifest good, m;
	struct manifest_document documents[2];
	struct fault fault;
	struct buf *buf = buf_create(LIMIT_MANIFEST_SIZE);

	assert_int_equal(parse(GOOD, &good, &fault), ERROR_NONE);
	for (unsigned kind = 0; kind <= 13; kind++) {
		m = good;
		m.documents = documents;
		memcpy(documents, good.documents, sizeof documents);
		switch (kind) {
		case 1: m.origin = SLICE_LITERAL("with space"); break;
		case 2: m.campaign = SLICE_EMPTY; break;
		case 3: m.spi = SLICE_LITERAL("3023217600054"); break;
		case 4: m.siren = SLICE_LITERAL("732829320"), m.tax = SLICE_LITERAL("tva"); break;
		case 5: m.replaces = SLICE_LITERAL("0000 0000 0000 0000"); break;
		case 6: m.mode = 0; break;
		case 7: m.documents_count = 0; break;
		case 8: documents[0].type = SLICE_LITERAL("20\n42"); break;
		case 9: documents[0].media_type = SLICE_LITERAL("image/png"); break;
		case 10: documents[1].size = 0; break;
		case 11: documents[0].size = LIMIT_RETURN_SIZE + 1; break;
		case 12: documents[1] = documents[0]; break;
		case 13: m.spi = SLICE_EMPTY; break;
		}
		buf_clear(buf);
		manifest_put(buf, &m);
		if (buf_ok(buf) != (kind == 0))
			fail_msg("case %u", kind);
	}
	buf_destroy(buf);
}

static void
test_short_of_memory(void **state)
{
	(void)state;
	struct arena *small = arena_create(64);
	struct manifest m;
	struct fault fault;

	assert_int_equal(manifest_parse(slice_of_text(GOOD), small, &m, &fault), ERROR_out_of_memory);
	arena_destroy(small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_longest_fits),
		cmocka_unit_test(test_put_refuses),
		cmocka_unit_test(test_short_of_memory),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
