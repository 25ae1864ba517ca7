/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue and the campaign: the delivered data are whole, slips in an office's file are refused, days in Paris
 * begin when they do. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/default_campaign.h"
#include "protocol/default_catalogue.h"
#include "protocol/limits.h"
#include "tests/unit/catalogue_file.h"
#include "tests/unit/file.h"

static const struct catalogue_box *
box(const struct catalogue *catalogue, const char *code)
{
	return catalogue_find_box(catalogue, slice_of_text(code));
}

static void
delivered_catalogue_is_whole(void **state)
{
	(void)state;
	struct catalogue *c = catalogue_file_load();
	static const struct {
		const char *code;
		enum box_type type;
		enum donation_rule donation;
		bool is_event;
		const char *paper;
	} facts[] = {
		{ "1AJ", BOX_EUROS, DONATION_NONE, false, "" }, { "0AM", BOX_BOOLEAN, DONATION_NONE, false, "" },
		{ "0DA", BOX_YEAR, DONATION_NONE, false, "" }, { "0AX", BOX_DATE, DONATION_NONE, true, "" },
		{ "0AY", BOX_DATE, DONATION_NONE, true, "" }, { "0AZ", BOX_DATE, DONATION_NONE, true, "" },
		{ "7VO", BOX_INTEGER, DONATION_NONE, false, "" }, { "8TK", BOX_REAL, DONATION_NONE, false, "2047" },
		{ "7UD", BOX_EUROS, DONATION_NAMED, false, "" }, { "7UF", BOX_EUROS, DONATION_NAMED, false, "" },
		{ "7VA", BOX_EUROS, DONATION_NAMED, false, "" }, { "7VC", BOX_EUROS, DONATION_NAMED, false, "" },
		{ "7UH", BOX_EUROS, DONATION_CAMPAIGN, false, "" }, { "7AC", BOX_EUROS, DONATION_EXEMPT, false, "" },
		{ "4BA", BOX_EUROS, DONATION_NONE, false, "2044" }, { "7DB", BOX_EUROS, DONATION_NONE, false, "rib" },
	};
	assert_int_equal(catalogue_boxes_count(c), 1938);
	assert_true(catalogue_donation_free_max(c) == 3000);
	for (size_t i = 0; i < catalogue_boxes_count(c); i++) {
		const struct catalogue_box *b = catalogue_box_at(c, i);
		assert_ptr_equal(catalogue_find_box(c, b->code), b);
		assert_true(slice_is_utf8(b->label));
		assert_true(catalogue_allows(c, catalogue_find_form(c, SLICE_LITERAL("2042")), b));
	}
	for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
		const struct catalogue_box *b = box(c, facts[i].code);
		assert_non_null(b);
		assert_int_equal(b->type, facts[i].type);
		assert_int_equal(b->donation, facts[i].donation);
		assert_int_equal(b->is_family_event, facts[i].is_event);
		assert_true(slice_equal_text(b->paper == NULL ? SLICE_EMPTY : b->paper->code, facts[i].paper));
	}
	assert_true(slice_equal_text(box(c, "0AZ")->label, "Date de décès du Déclarant 2"));
	assert_true(box(c, "1AJ")->max == 999999999999);
	static const char *const none[] = { "", "1A", "1AJX", "AAA", "1aj", "1A-", "\xff\xff\xff", "ZZZ", "4ZZ" };
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		assert_null(box(c, none[i]));
	const struct catalogue_form *f2044 = catalogue_find_form(c, SLICE_LITERAL("2044"));
	assert_non_null(f2044);
	assert_false(f2044->is_main);
	assert_true(catalogue_allows(c, f2044, box(c, "4BA")));
	assert_false(catalogue_allows(c, f2044, box(c, "1AJ")));
	assert_null(catalogue_find_form(c, SLICE_LITERAL("2045")));
	catalogue_destroy(c);
}

static void
program_carries_the_delivered_catalogue(void **state)
{
	(void)state;
	size_t size;
	char *text = file_read(CATALOGUE_FILE, &size);
	assert_true(slice_equal(default_catalogue(), slice_of(text, size)));
	free(text);
}

#define LIMITS "\"limits\":{\"euros\":9,\"real\":9,\"boolean\":1,\"integer\":9,\"year\":9,\"date\":9}"
#define HEAD "{\"type\":\"guichet-catalogue\",\"donation_free_max\":3,\"exempt_bodies\":[\"union\"]," LIMITS ","
#define FORMS "\"forms\":[{\"code\":\"m\",\"title\":\"t\",\"main\":true,\"boxes\":[\"\"]}],"
#define PAPERS "\"papers\":[{\"code\":\"p\",\"title\":\"t\",\"way\":\"post\"}],"

static void
slips_in_a_catalogue_are_refused(void **state)
{
	(void)state;
	static const char good[] = HEAD FORMS PAPERS
	    "\"boxes\":[{\"code\":\"1AJ\",\"type\":\"euros\",\"max\":8,\"donation\":\"named\",\"paper\":\"p\"}]}";
	static const struct {
		const char *text, *place;
	} bad[] = {
		{ "[]", "type" },
		{ "{}", "type" },
		{ "{", "line 1, column 2 (byte 1)" },
		{ "{\"type\":\"guichet-campaign\"}", "type" },
		{ "{\"type\":\"guichet-catalogue\",\"boxs\":[]}", "catalogue" },
		{ "{\"type\":\"guichet-catalogue\"}", "donation_free_max" },
		{ "{\"type\":\"guichet-catalogue\",\"donation_free_max\":3}", "exempt_bodies" },
		{ "{\"type\":\"guichet-catalogue\",\"donation_free_max\":3,\"exempt_bodies\":[7]}", "exempt_bodies" },
		{ "{\"type\":\"guichet-catalogue\",\"donation_free_max\":3,\"exempt_bodies\":[\"\"]}",
		    "exempt_bodies" },
		{ "{\"type\":\"guichet-catalogue\",\"donation_free_max\":3,\"exempt_bodies\":[]}", "limits.euros" },
		{ HEAD "\"forms\":[]," PAPERS "\"boxes\":[]}", "forms" },
		{ HEAD "\"forms\":[7]," PAPERS "\"boxes\":[]}", "forms[0]" },
		{ HEAD "\"forms\":[{\"code\":\"m\",\"title\":\"t\",\"boxes\":[\"1234\"]}]," PAPERS "\"boxes\":[]}",
		    "forms[0].boxes, code m" },
		{ HEAD FORMS "\"papers\":[{\"code\":\"p\",\"title\":\"t\",\"way\":\"by air\"}],\"boxes\":[]}",
		    "papers[0].way, code p" },
		{ HEAD FORMS "\"papers\":[{\"code\":\"p\",\"title\":\"t\",\"way\":\"post\","
		    "\"form\":\"x\"}],\"boxes\":[]}", "papers[0].form, code p" },
		{ HEAD FORMS PAPERS "\"boxes\":[]}", "boxes" },
		{ HEAD FORMS PAPERS "\"boxes\":[7]}", "boxes[0]" },
		{ HEAD FORMS PAPERS "\"boxes\":[{\"code\":\"1aj\",\"type\":\"euros\"}]}", "boxes[0].code, code 1aj" },
		{ HEAD FORMS PAPERS "\"boxes\":[{\"code\":\"1AJ\",\"type\":\"euro\"}]}", "boxes[0].type, code 1AJ" },
		{ HEAD FORMS PAPERS "\"boxes\":[{\"code\":\"1AJ\",\"type\":\"euros\",\"max\":10}]}",
		    "boxes[0].max, code 1AJ" },
		{ HEAD FORMS PAPERS "\"boxes\":[{\"code\":\"1AJ\",\"type\":\"euros\",\"max\":-1}]}",
		    "boxes[0].max, code 1AJ" },
		{ HEAD FORMS PAPERS "\"boxes\":[{\"code\":\"1AJ\",\"type\":\"euros\",\"paper\":\"q\"}]}",
		    "boxes[0].paper, code 1AJ" },
		{ HEAD FORMS PAPERS "\"boxes\":[{\"code\":\"1AJ\",\"type\":\"date\",\"donation\":\"named\"}]}",
		    "boxes[0].donation, code 1AJ" },
		{ HEAD FORMS PAPERS "\"boxes\":[{\"code\":\"1AJ\",\"type\":\"euros\",\"event\":\"death\"}]}",
		    "boxes[0].event, code 1AJ" },
		{ HEAD FORMS PAPERS "\"boxes\":[{\"code\":\"1AJ\",\"type\":\"euros\",\"labl\":\"\"}]}",
		    "boxes[0], code 1AJ" },
		{ HEAD FORMS PAPERS "\"boxes\":[{\"code\":\"1AJ\",\"type\":\"euros\"},"
		    "{\"code\":\"1AJ\",\"type\":\"euros\"}]}", "boxes[1].code" },
	};
	struct catalogue *catalogue;
	struct fault fault;
	struct arena *texts = arena_create(65536);
	assert_non_null(texts);
	assert_int_equal(catalogue_parse(SLICE_LITERAL(good), texts, &catalogue, &fault), ERROR_NONE);
	assert_true(box(catalogue, "1AJ")->max == 8);
	catalogue_destroy(catalogue);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(catalogue_parse(slice_of_text(bad[i].text), texts, &catalogue, &fault),
		    ERROR_json_malformed);
		assert_null(catalogue);
		if (!slice_equal_text(fault.place, bad[i].place))
			fail_msg("%s: place %.*s", bad[i].text, (int)fault.place.size, (const char *)fault.place.data);
	}
	arena_destroy(texts);
}

/* What is said of a good catalogue with one text in it replaced. */
static void
assert_slip(struct slice good, const char *from, const char *to, const char *place, const char *value,
    const char *expected)
{
	struct arena *texts = arena_create(4096);
	struct catalogue *none;
	struct fault fault;
	struct buf *bad = buf_create(good.size + 64);
	const uint8_t *at = memmem(good.data, good.size, from, strlen(from));

	assert_non_null(at);
	buf_put(bad, slice_of(good.data, (size_t)(at - good.data)));
	buf_put_text(bad, to);
	buf_put(bad, slice_from(good, (size_t)(at - good.data) + strlen(from)));
	assert_true(buf_ok(bad));
	assert_int_equal(catalogue_parse(buf_peek(bad), texts, &none, &fault), ERROR_json_malformed);
	buf_destroy(bad);
	if (!slice_starts_with(fault.place, slice_of_text(place)) || !slice_equal_text(fault.value, value) ||
	    !slice_equal_text(fault.expected, expected))
		fail_msg("%.*s, %.*s, %.*s", (int)fault.place.size, (const char *)fault.place.data,
		    (int)fault.value.size, (const char *)fault.value.data, (int)fault.expected.size,
		    (const char *)fault.expected.data);
	arena_destroy(texts);
}

/* Every member of the catalogue with a value of another type, also those that may be absent. */
static void
a_wrong_type_is_refused_in_every_member(void **state)
{
	(void)state;
	static const char good[] = "{\"type\":\"guichet-catalogue\",\"version\":\"1\",\"donation_free_max\":3,"
	    "\"exempt_bodies\":[\"union\"]," LIMITS ",\"forms\":["
	    "{\"code\":\"m\",\"title\":\"t\",\"main\":true,\"boxes\":[\"\"]},"
	    "{\"code\":\"2044\",\"title\":\"u\",\"boxes\":[\"4\"]}],"
	    "\"papers\":[{\"code\":\"9\",\"title\":\"v\",\"way\":\"post\",\"form\":\"2044\"}],"
	    "\"boxes\":[{\"code\":\"1AJ\",\"type\":\"euros\",\"label\":\"l\",\"max\":8,"
	    "\"donation\":\"named\",\"paper\":\"9\"},"
	    "{\"code\":\"0AX\",\"type\":\"date\",\"event\":\"marriage\"}]}";
	static const struct {
		const char *from, *to, *place, *value, *expected;
	} slips[] = {
		{ "\"guichet-catalogue\"", "7", "type", "7", "\"guichet-catalogue\"" },
		{ "\"version\":\"1\"", "\"version\":1", "version", "1", "a text of 1 to 64 bytes" },
		{ "\"version\":\"1\"", "\"version\":null", "version", "null", "a text of 1 to 64 bytes" },
		{ "max\":3", "max\":\"3\"", "donation_free_max", "3", "whole euros" },
		{ "[\"union\"]", "{}", "exempt_bodies", "{...}", "a list of at most 16 words of 1 to 32 bytes" },
		{ "[\"union\"]", "[true]", "exempt_bodies", "true", "a list of at most 16 words of 1 to 32 bytes" },
		{ LIMITS, "\"limits\":7", "limits.euros", "", "a largest value for each type, a whole number" },
		{ "\"real\":9", "\"real\":false", "limits.real", "false",
		    "a largest value for each type, a whole number" },
		{ "\"date\":9", "\"date\":9,\"cents\":9", "limits", "cents", "known types only" },
		{ "\"code\":\"2044\"", "\"code\":2044", "forms[1].code", "2044", "a text of 1 to 56 bytes" },
		{ "\"title\":\"u\"", "\"title\":7", "forms[1].title, code 2044", "7", "a text of 0 to 256 bytes" },
		{ "\"main\":true", "\"main\":\"true\"", "forms[0].main, code m", "true", "true or false" },
		{ "[\"4\"]", "\"4\"", "forms[1].boxes, code 2044", "4",
		    "a list of at most 64 beginnings of box codes" },
		{ "[\"4\"]", "[4]", "forms[1].boxes, code 2044", "4", "beginnings of box codes" },
		{ "\"code\":\"9\"", "\"code\":9", "papers[0].code", "9", "a text of 1 to 64 bytes" },
		{ "\"title\":\"v\"", "\"title\":[]", "papers[0].title, code 9", "[...]",
		    "a text of 0 to 256 bytes" },
		{ "\"way\":\"post\"", "\"way\":{}", "papers[0].way, code 9", "{...}", "post or online" },
		{ "\"form\":\"2044\"", "\"form\":2044", "papers[0].form, code 9", "2044",
		    "a text of 0 to 64 bytes" },
		{ "{\"code\":\"1AJ\"", "{\"code\":1", "boxes[0].code", "1",
		    "a digit and two digits or capital letters" },
		{ "\"euros\",", "true,", "boxes[0].type, code 1AJ", "true",
		    "euros, real, boolean, integer, year or date" },
		{ "\"label\":\"l\"", "\"label\":7", "boxes[0].label, code 1AJ", "7", "a text of 0 to 256 bytes" },
		{ "\"max\":8", "\"max\":null", "boxes[0].max, code 1AJ", "null",
		    "a whole number of at most 9, the limit of the type" },
		{ "\"donation\":\"named\"", "\"donation\":true", "boxes[0].donation, code 1AJ", "true",
		    "named, exempt or campaign, for a box in euros" },
		{ "\"paper\":\"9\"", "\"paper\":9", "boxes[0].paper, code 1AJ", "9", "a paper of this catalogue" },
		{ "\"event\":\"marriage\"", "\"event\":[]", "boxes[1].event, code 0AX", "[...]",
		    "marriage, divorce or death, for a date" },
	};
	struct catalogue *catalogue;

	struct arena *texts = arena_create(65536);
	struct fault fault;
	assert_int_equal(catalogue_parse(SLICE_LITERAL(good), texts, &catalogue, &fault), ERROR_NONE);
	catalogue_destroy(catalogue);
	arena_destroy(texts);
	for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++)
		assert_slip(SLICE_LITERAL(good), slips[i].from, slips[i].to, slips[i].place, slips[i].value,
		    slips[i].expected);
}

/* Which of its many items is meant, and what stands there. */
static void
a_slip_is_found_by_what_is_said_of_it(void **state)
{
	(void)state;
	struct catalogue *c = catalogue_file_load();
	struct slice text = default_catalogue();
	const uint8_t *at = memmem(text.data, text.size, "\"code\":\"1AJ\"", 12);
	char place[64], expected[64];
	size_t line = 1;

	snprintf(place, sizeof place, "boxes[%zu].code", box(c, "1AK")->index);
	snprintf(expected, sizeof expected, "a code that boxes[%zu] does not have already", box(c, "1AJ")->index);
	assert_slip(text, "\"code\":\"1AK\"", "\"code\":\"1AJ\"", place, "1AJ", expected);
	snprintf(place, sizeof place, "boxes[%zu].max, code 1AJ", box(c, "1AJ")->index);
	assert_slip(text, "\"code\":\"1AJ\",", "\"code\":\"1AJ\",\"max\":\"nine\",", place, "nine",
	    "a whole number of at most 999999999999, the limit of the type");
	assert_non_null(at);
	for (const uint8_t *byte = text.data; byte < at; byte++)
		line += *byte == '\n';
	snprintf(place, sizeof place, "line %zu, column ", line);
	assert_slip(text, "\"code\":\"1AJ\",", "\"code\":\"1AJ\" ", place, "\"type\"", "a comma, or }");
	catalogue_destroy(c);
}

static void
default_campaign_is_open_all_its_year(void **state)
{
	(void)state;
	struct arena *arena = arena_create(1 << 20);
	struct buf *buf = buf_create(1 << 16);
	struct campaign campaign;
	struct fault fault;
	default_campaign_put(buf, 2025);
	assert_true(buf_ok(buf));
	assert_int_equal(campaign_parse(buf_peek(buf), arena, &campaign, &fault), ERROR_NONE);
	assert_true(slice_equal_text(campaign.name, "ir-2025"));
	assert_true(campaign.income_year == 2025);
	assert_true(campaign.opens_at == 1767222000);  /* 2025-12-31T23:00:00Z */
	assert_true(campaign.closes_at == 1798758000); /* 2026-12-31T23:00:00Z */
	assert_true(campaign.deadline_a == campaign.closes_at && campaign.deadline_b == campaign.closes_at &&
	    campaign.deadline_c == campaign.closes_at);
	assert_true(campaign.certificate_years == 3);
	assert_true(campaign.contract.size != 0);
	assert_true(campaign.contract_text.size > 2000 && slice_is_utf8(campaign.contract_text));
	buf_destroy(buf);
	arena_destroy(arena);
}

#define CONTRACT "\"contract\":{\"version\":\"1\",\"certificate_years\":3,\"text\":[\"a\",\"b\"]}"
#define DEPARTMENTS \
	"\"departments\":{\"A\":[\"01\"],\"B\":[\"2A\"],\"C\":[\"75\",\"971\"],\"none\":[\"99\"]}"
#define DEADLINES "\"deadlines\":{\"A\":\"2026-05-19\",\"B\":\"2026-05-26\",\"C\":\"2026-12-31\"}"

/* The same campaign with one paragraph of so many bytes. */
static void
contract_is_read_up_to(struct arena *arena, const char *good, size_t size, enum error expected)
{
	static const char paragraphs[] = "[\"a\",\"b\"]";
	const char *at = strstr(good, paragraphs);
	struct buf *buf = buf_create(2 * LIMIT_CONTRACT_TEXT);
	struct campaign campaign;
	struct fault fault;

	assert_non_null(at);
	assert_non_null(buf);
	buf_put(buf, slice_of(good, (size_t)(at - good)));
	buf_put_text(buf, "[\"");
	for (size_t i = 0; i < size; i++)
		buf_put_u8(buf, 'a');
	buf_put_text(buf, "\"]");
	buf_put_text(buf, at + strlen(paragraphs));
	assert_true(buf_ok(buf));
	assert_int_equal(campaign_parse(buf_peek(buf), arena, &campaign, &fault), expected);
	if (expected != ERROR_NONE)
		assert_true(slice_equal_text(fault.place, "contract.text"));
	buf_destroy(buf);
}

static void
campaigns_are_read_strictly(void **state)
{
	(void)state;
	static const char good[] = "{\"type\":\"guichet-campaign\",\"name\":\"ir-2025\","
	    "\"income_year\":2025,\"opens\":\"2026-04-09\","
	    "\"closes\":\"2026-12-31\"," DEADLINES "," DEPARTMENTS "," CONTRACT "}";
	static const struct {
		const char *from, *to, *place;
		const char *value; /* NULL: not looked at */
	} slips[] = {
		{ "guichet-campaign", "guichet-campagne", "type", "guichet-campagne" },
		{ "\"name\"", "\"nom\"", "campaign", NULL }, { "ir-2025", "ir 2025", "name", NULL },
		{ "\"income_year\":2025", "\"income_year\":\"2025\"", "income_year", "2025" },
		{ "\"income_year\":2025", "\"income_year\":[2025]", "income_year", "[...]" },
		{ "\"income_year\":2025", "\"income_year\":1969", "income_year", "1969" },
		{ "\"guichet-campaign\"", "7", "type", "7" }, { "\"ir-2025\"", "2025", "name", "2025" },
		{ "\"2026-04-09\"", "20260409", "opens", "20260409" },
		{ "\"B\":\"2026-05-26\"", "\"B\":null", "B", "null" },
		{ "\"version\":\"1\"", "\"version\":1", "contract.version", "1" },
		{ "_years\":3", "_years\":\"3\"", "contract.certificate_years", "3" },
		{ "[\"a\",\"b\"]", "{}", "contract.text", "{...}" },
		{ "[\"a\",\"b\"]", "[\"a\",true]", "contract.text", "true" },
		{ "[\"99\"]", "[false]", "departments", "false" },
		{ DEPARTMENTS, "\"departments\":[1]", "departments", "[...]" },
		{ "2026-04-09", "2026-4-9", "opens", NULL }, { "2026-04-09", "2026-02-30", "opens", NULL },
		{ "\"closes\":\"2026", "\"closes\":\"2025", "closes", NULL },
		{ "\"A\":\"2026-05-19", "\"A\":\"2026-04-08", "deadlines.A", NULL },
		{ "\"B\":\"2026-05-26", "\"B\":\"2027-01-01", "deadlines.B", NULL },
		{ "\"closes\":\"2026-12-31", "\"closes\":\"2026-12-30", "deadlines.C", NULL },
		{ "2026-05-26", "26-05-2026", "B", NULL },
		{ "\"version\":\"1\"", "\"version\":\"\"", "contract.version", NULL },
		{ "[\"a\",\"b\"]", "\"ab\"", "contract.text", NULL },
		{ "[\"a\",\"b\"]", "[\"a\",1]", "contract.text", NULL },
		{ "\"text\"", "\"texte\"", "contract", NULL }, { "\"C\":\"2026", "\"D\":\"2026", "C", NULL },
		{ "\"C\":\"2026-12-31\"", "\"C\":\"2026-12-31\",\"D\":\"2026-12-31\"", "deadlines", NULL },
		{ "_years\":3", "_years\":0", "contract.certificate_years", NULL },
		{ "_years\":3", "_years\":11", "contract.certificate_years", NULL },
		{ "\"certificate_years\":3,", "", "contract.certificate_years", NULL },
		{ DEPARTMENTS ",", "", "departments", NULL }, { ",\"none\":[\"99\"]", "", "departments", NULL },
		{ "\"none\"", "\"D\"", "departments", NULL }, { "[\"99\"]", "\"99\"", "departments", NULL },
		{ "[\"99\"]", "[99]", "departments", NULL }, { "[\"99\"]", "[\"01\"]", "departments", NULL },
		{ "[\"99\"]", "[\"2a\"]", "departments", NULL }, { "[\"99\"]", "[\"9\"]", "departments", NULL },
		{ "[\"99\"]", "[\"9999\"]", "departments", NULL },
	};
	struct campaign campaign;
	struct fault fault;
	struct arena *arena = arena_create(1 << 20);
	assert_int_equal(campaign_parse(SLICE_LITERAL(good), arena, &campaign, &fault), ERROR_NONE);
	assert_true(slice_equal_text(campaign.contract_text, "a\n\nb"));
	contract_is_read_up_to(arena, good, LIMIT_CONTRACT_TEXT - 2, ERROR_NONE);
	contract_is_read_up_to(arena, good, LIMIT_CONTRACT_TEXT - 1, ERROR_json_malformed);
	assert_true(campaign.deadline_a == 1779228000); /* the 19th is in time to its end: 2026-05-19T22:00:00Z */
	assert_true(campaign.deadline_c == 1798758000); /* the day after New Year's Eve */
	for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
		char text[1000];
		const char *at = strstr(good, slips[i].from);
		assert_non_null(at);
		snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, slips[i].to,
		    at + strlen(slips[i].from));
		assert_int_equal(campaign_parse(slice_of_text(text), arena, &campaign, &fault), ERROR_json_malformed);
		assert_true(slice_equal_text(fault.place, slips[i].place));
		assert_true(slips[i].value == NULL || slice_equal_text(fault.value, slips[i].value));
	}
	arena_destroy(arena);
}

/* A12, as delivered: every department of metropolitan France, Corsica with B, overseas with C; where the order gives no
 * zone the latest deadline holds, whichever that is. */
static void
departments_have_deadlines(void **state)
{
	(void)state;
	enum { A = 10, B = 20, C = 30 };
	static const struct {
		const char *code;
		uint64_t deadline;
	} known[] = {
		{ "01", A }, { "69", A }, { "13", B }, { "2A", B }, { "2B", B }, { "75", C }, { "95", C }, { "971", C },
		{ "972", C }, { "973", C }, { "974", C }, { "976", C }, { "975", C }, { "978", C }, { "987", C },
		{ "988", C }, { "99", C },
	};
	static const char *const unknown[] = { "20", "00", "96", "970", "979", "", "1", "2a", "9:", "75 " };
	struct arena *arena = arena_create(1 << 20);
	struct buf *buf = buf_create(1 << 16);
	struct campaign campaign;
	struct fault fault;
	unsigned count = 0;

	default_campaign_put(buf, 2025);
	assert_int_equal(campaign_parse(buf_peek(buf), arena, &campaign, &fault), ERROR_NONE);
	campaign.deadline_a = A;
	campaign.deadline_b = B;
	campaign.deadline_c = C;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		assert_true(campaign_has_department(&campaign, slice_of_text(known[i].code)));
		assert_int_equal(campaign_deadline(&campaign, slice_of_text(known[i].code)), known[i].deadline);
	}
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		assert_false(campaign_has_department(&campaign, slice_of_text(unknown[i])));
		assert_int_equal(campaign_deadline(&campaign, slice_of_text(unknown[i])), C);
	}
	for (unsigned n = 1; n <= 95; n++) {
		char code[8];
		snprintf(code, sizeof code, "%02u", n);
		count += campaign_has_department(&campaign, slice_of_text(code));
	}
	assert_int_equal(count, 94);
	campaign.deadline_b = 40;
	assert_int_equal(campaign_deadline(&campaign, SLICE_LITERAL("987")), 40);
	campaign.deadline_a = 50;
	assert_int_equal(campaign_deadline(&campaign, SLICE_LITERAL("99")), 50);
	assert_int_equal(campaign_deadline(&campaign, SLICE_LITERAL("974")), C);
	buf_destroy(buf);
	arena_destroy(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delivered_catalogue_is_whole),
		cmocka_unit_test(program_carries_the_delivered_catalogue),
		cmocka_unit_test(slips_in_a_catalogue_are_refused),
		cmocka_unit_test(a_wrong_type_is_refused_in_every_member),
		cmocka_unit_test(a_slip_is_found_by_what_is_said_of_it),
		cmocka_unit_test(default_campaign_is_open_all_its_year),
		cmocka_unit_test(campaigns_are_read_strictly),
		cmocka_unit_test(departments_have_deadlines),
	};
	return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
