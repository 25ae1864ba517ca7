/* SPDX-License-Identifier: Apache-2.0
 *
 * The receipt's body: its exact bytes, what reading refuses, and the page that a taxpayer keeps. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/receipt.h"

static struct receipt_person persons[] = {
	{ SLICE_LITERAL("3023217600053"), SLICE_LITERAL("LEFÈVRE"), SLICE_LITERAL("Zoé, Anne") },
	{ SLICE_LITERAL("1265435720171"), SLICE_LITERAL("O\"BRIEN"), SLICE_LITERAL("Éloïse") },
};
static struct receipt_signer signers[] = {
	{ SLICE_LITERAL("3023217600053"), { 0x12, 0x34, 0x56, 0x78 }, 1795362000 },
};
static struct receipt_document documents[] = {
	{ SLICE_LITERAL("2042"), SLICE_LITERAL("application/json"), 1103, { 0xaa, 0xbb } },
	{ SLICE_LITERAL("attachment/rib"), SLICE_LITERAL("application/pdf"), 20971520, { 0xcc } },
};
static struct receipt_pending pending[] = {
	{ SLICE_LITERAL("rib"), SLICE_LITERAL("Relevé d'identité bancaire (RIB)"), SLICE_LITERAL("post"),
	    SLICE_LITERAL("8TT") },
};

/* A receipt of every kind of member. */
static struct receipt
sample(void)
{
	return (struct receipt){
		.nonce = { 1, 2, 3 },
		.number = SLICE_LITERAL("K7QX-2M4T-9ZRB-4H8P"),
		.origin = SLICE_LITERAL("guichet.example/2026"),
		.campaign = SLICE_LITERAL("ir-2025"),
		.income_year = 2025,
		.received_at = 1795362029,
		.filing_id = { 0xf1, 0x1e },
		.replaces = SLICE_LITERAL("0000-0000-0000-0000"),
		.in_time = true,
		.last_in_time = 1780005599,
		.mode = SLICE_LITERAL("online"),
		.persons = persons, .persons_count = 2,
		.signers = signers, .signers_count = 1,
		.documents = documents, .documents_count = 2,
		.pending = pending, .pending_count = 1,
	};
}

#define BODY                                                                                                    \
	"{\"type\":\"guichet-receipt\",\"nonce\":\"01020300000000000000000000000000\","                         \
	"\"number\":\"K7QX-2M4T-9ZRB-4H8P\",\"origin\":\"guichet.example/2026\",\"campaign\":\"ir-2025\","      \
	"\"income_year\":2025,"                                                                                 \
	"\"received_at\":{\"paris\":\"2026-11-22T16:40:29+01:00\",\"utc\":\"2026-11-22T15:40:29Z\"},"           \
	"\"filing_id\":\"f11e000000000000000000000000000000000000000000000000000000000000\","                   \
	"\"replaces\":\"0000-0000-0000-0000\",\"in_time\":true,"                                                \
	"\"last_in_time\":{\"paris\":\"2026-05-28T23:59:59+02:00\",\"utc\":\"2026-05-28T21:59:59Z\"},"          \
	"\"mode\":\"online\",\"persons\":["                                                                     \
	"{\"spi\":\"3023217600053\",\"birth_name\":\"LEFÈVRE\",\"first_names\":\"Zoé, Anne\"},"               \
	"{\"spi\":\"1265435720171\",\"birth_name\":\"O\\\"BRIEN\",\"first_names\":\"Éloïse\"}],\"signers\":[" \
	"{\"spi\":\"3023217600053\",\"serial\":\"12345678000000000000000000000000\","                           \
	"\"signing_time\":{\"paris\":\"2026-11-22T16:40:00+01:00\",\"utc\":\"2026-11-22T15:40:00Z\"}}],"        \
	"\"documents\":[{\"type\":\"2042\",\"media_type\":\"application/json\",\"size\":1103,"                  \
	"\"digest\":\"aabb000000000000000000000000000000000000000000000000000000000000\"},"                     \
	"{\"type\":\"attachment/rib\",\"media_type\":\"application/pdf\",\"size\":20971520,"                    \
	"\"digest\":\"cc00000000000000000000000000000000000000000000000000000000000000\"}],"                    \
	"\"pending\":[{\"paper\":\"rib\",\"text\":\"Relevé d'identité bancaire (RIB)\",\"way\":\"post\","     \
	"\"box\":\"8TT\"}]}"

static void
test_body(void **state)
{
	(void)state;
	struct receipt r = sample();
	struct buf *buf = buf_create(LIMIT_RECEIPT_SIZE);

	receipt_put(buf, &r);
	assert_true(buf_ok(buf));
	if (!slice_equal_text(buf_peek(buf), BODY))
		fail_msg("%.*s", (int)buf_size(buf), buf_peek(buf).data);
	buf_destroy(buf);
}

static enum error
parse(const char *body, struct arena *arena, struct receipt *out, struct fault *fault)
{
	return receipt_parse(slice_of_text(body), arena, out, fault);
}

static void
test_round_trip(void **state)
{
	(void)state;
	struct arena *arena = arena_create(1 << 20);
	struct buf *buf = buf_create(LIMIT_RECEIPT_SIZE);
	struct receipt r;
	struct fault fault;

	assert_int_equal(parse(BODY, arena, &r, &fault), ERROR_NONE);
	assert_true(r.received_at == 1795362029 && r.last_in_time == 1780005599 && r.in_time);
	assert_int_equal(r.persons_count, 2);
	assert_true(slice_equal_text(r.persons[1].birth_name, "O\"BRIEN"));
	assert_int_equal(r.documents_count, 2);
	assert_int_equal(r.documents[1].size, 20971520);
	assert_memory_equal(r.signers[0].serial, signers[0].serial, SERIAL_SIZE);
	receipt_put(buf, &r);
	assert_true(buf_ok(buf) && slice_equal_text(buf_peek(buf), BODY));

	/* The members that may be absent. */
	r.replaces = r.pending[0].box = r.signers[0].spi = SLICE_EMPTY;
	r.last_in_time = 0;
	buf_clear(buf);
	receipt_put(buf, &r);
	struct receipt again;
	assert_int_equal(receipt_parse(buf_peek(buf), arena, &again, &fault), ERROR_NONE);
	assert_true(again.replaces.size == 0 && again.pending[0].box.size == 0 && again.signers[0].spi.size == 0);
	assert_true(again.last_in_time == 0);
	buf_destroy(buf);
	arena_destroy(arena);
}

static void
test_refusals(void **state)
{
	(void)state;
	static const struct { const char *from, *to, *place; } cases[] = {
		{ "\"type\":\"guichet-receipt\"", "\"type\":\"guichet-message\"", "type" },
		{ "\"type\":\"guichet-receipt\",\"nonce\":\"01020300000000000000000000000000\"",
		    "\"nonce\":\"01020300000000000000000000000000\",\"type\":\"guichet-receipt\"", "type" },
		{ "\"nonce\":\"01020300000000000000000000000000\",", "", "nonce" },
		{ "01020300", "0102030", "nonce" },
		{ "K7QX-2M4T-9ZRB-4H8P", "K7QX-2M4T-9ZRB-4H8Q", "number" },
		{ "K7QX-2M4T-9ZRB-4H8P", "K7QX 2M4T 9ZRB 4H8P", "number" },
		{ "2025,", "2025.0,", "income_year" },
		{ "2025,", "-2025,", "income_year" },
		{ "16:40:29+01:00", "16:40:28+01:00", "received_at" },
		{ "16:40:29+01:00", "17:40:29+02:00", "received_at" },
		{ "\"utc\":\"2026-11-22T15:40:29Z\"", "\"utc\":\"2026-11-22T15:40:29Z\",\"x\":1", "received_at" },
		{ "\"replaces\":\"0000-0000-0000-0000\"", "\"replaces\":\"\"", "replaces" },
		{ "\"replaces\":\"0000-0000-0000-0000\"", "\"replaces\":\"none\"", "replaces" },
		{ "\"in_time\":true", "\"in_time\":1", "in_time" },
		{ "\"online\"", "\"paper\"", "mode" },
		{ "\"persons\":[", "\"persons\":[[],", "spi" },
		{ "\"first_names\":\"Éloïse\"", "\"first_names\":null", "first_names" },
		{ "\"way\":\"post\"", "\"way\":\"pigeon\"", "way" },
		{ "\"box\":\"8TT\"", "\"box\":\"8TT\",\"more\":1", "" },
		{ "\"pending\":[", "\"extra\":0,\"pending\":[", "pending" },
		{ "\"signers\":[", "\"signers\":{},\"old\":[", "signers" },
	};
	struct arena *arena = arena_create(1 << 20);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[4096];
		struct receipt r;
		struct fault fault;
		const char *at = strstr(BODY, cases[i].from);
		assert_non_null(at);
		snprintf(text, sizeof text, "%.*s%s%s", (int)(at - BODY), BODY, cases[i].to,
		    at + strlen(cases[i].from));
		if (parse(text, arena, &r, &fault) != ERROR_json_malformed ||
		    !slice_equal_text(fault.place, cases[i].place))
			fail_msg("%s -> %s: place %.*s", cases[i].from, cases[i].to, (int)fault.place.size,
			    fault.place.data);
		arena_reset(arena);
	}
	arena_destroy(arena);
}

/* What reading would refuse is not written. */
static void
test_put_refuses(void **state)
{
	(void)state;
	struct buf *buf = buf_create(2 * LIMIT_RECEIPT_SIZE);
	static char big[LIMIT_RECEIPT_SIZE];

	memset(big, 'x', sizeof big);
	for (unsigned kind = 0; kind <= 6; kind++) {
		struct receipt r = sample();
		switch (kind) {
		case 1: r.number = SLICE_LITERAL("K7QX2M4T9ZRB4H8P"); break;
		case 2: r.replaces = SLICE_LITERAL("none"); break;
		case 3: r.mode = SLICE_EMPTY; break;
		case 4: r.received_at = TIME_MAX + 1; break;
		case 5: r.campaign = SLICE_LITERAL("\xff"); break;
		case 6: r.campaign = slice_of(big, sizeof big); break;
		}
		buf_clear(buf);
		receipt_put(buf, &r);
		assert_int_equal(buf_ok(buf), kind == 0);
	}
	buf_destroy(buf);
}

/* No line of `page` is wider than 78 characters, has a byte that acts on a terminal, or a space at its end. */
static void
expect_printable(struct slice page)
{
	size_t width = 0;

	assert_true(slice_is_utf8(page));
	for (size_t i = 0; i < page.size; i++) {
		uint8_t c = page.data[i];
		if (c == '\n') {
			assert_true(width <= 78);
			assert_true(i == 0 || page.data[i - 1] != ' ');
			width = 0;
		} else {
			assert_true(c >= ' ' && c != 0x7f);
			width += (c & 0xc0) != 0x80;
		}
	}
	assert_true(page.size > 0 && page.data[page.size - 1] == '\n');
}

static bool
contains(struct slice page, const char *text)
{
	return memmem(page.data, page.size, text, strlen(text)) != NULL;
}

static void
test_page(void **state)
{
	(void)state;
	static const char *const texts[] = { "ACCUSÉ DE RÉCEPTION", "RECTIFICATIVE", "K7QX-2M4T-9ZRB-4H8P",
		"dimanche 22 novembre 2026 à 16 h 40 min 29 s\n", "(heure de Paris)", "LEFÈVRE Zoé, Anne",
		"30 23 217 600 053", "déposée dans les délais", "jeudi 28 mai 2026 à 23 h 59 min 59 s",
		"Formulaire n° 2042, application/json, 1 103 octets", "Pièce jointe « rib »",
		"SHA-256 aabb000000000000000000000000000000000000000000000000000000000000",
		"Relevé d'identité bancaire (RIB) (case 8TT), par voie postale", "12345678000000000000000000000000",
		"f11e000000000000000000000000000000000000000000000000000000000000",
		"vaut récépissé de dépôt" };
	struct buf *buf = buf_create(1 << 20);
	struct receipt r = sample();

	receipt_print_french(buf, &r);
	assert_true(buf_ok(buf));
	expect_printable(buf_peek(buf));
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (!contains(buf_peek(buf), texts[i]))
			fail_msg("not there: %s\n%.*s", texts[i], (int)buf_size(buf), buf_peek(buf).data);

	r.in_time = false;
	r.replaces = SLICE_EMPTY;
	r.mode = SLICE_LITERAL("offline");
	r.pending_count = 0;
	r.received_at = 1798758000; /* the year begins in Paris */
	buf_clear(buf);
	receipt_print_french(buf, &r);
	assert_true(contains(buf_peek(buf), "HORS DÉLAI"));
	assert_true(contains(buf_peek(buf), "vendredi 1er janvier 2027 à 0 h 00 min 00 s"));
	assert_true(contains(buf_peek(buf), "hors connexion"));
	assert_true(contains(buf_peek(buf), "Documents restant à adresser\n  Aucun.\n"));
	assert_false(contains(buf_peek(buf), "RECTIFICATIVE"));
	assert_false(contains(buf_peek(buf), "Rectifie"));
	buf_destroy(buf);
}

/* Long names, words without a space, control characters: the page keeps its form. */
static void
test_page_hostile(void **state)
{
	(void)state;
	static char word[400];
	struct buf *buf = buf_create(1 << 20);
	struct receipt r = sample();
	/* With a control character of two bytes, at the length of a tax number. */
	struct receipt_person person = { SLICE_LITERAL("1\xc2\x9b" "2J7890123"),
		SLICE_LITERAL("a\x1b[2Jb\xc2\x9b" "c\x01\n\x7f"), SLICE_EMPTY };

	for (size_t i = 0; i + 1 < sizeof word; i += 2)
		memcpy(word + i, "é", 2);
	person.first_names = slice_of(word, sizeof word);
	r.persons = &person;
	r.persons_count = 1;
	r.pending = (struct receipt_pending[]){ { .text = slice_of(word, sizeof word) } };
	receipt_print_french(buf, &r);
	assert_true(buf_ok(buf));
	expect_printable(buf_peek(buf));
	assert_true(contains(buf_peek(buf), "a?[2Jb?c???"));
	assert_true(contains(buf_peek(buf), "1?2J7890123"));
	buf_destroy(buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_put_refuses),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_page_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
