/* SPDX-License-Identifier: Apache-2.0
 *
 * Every rule: a filing that breaks it, the place where that is said, and one beside it that does not. The last test
 * proves that no rule of rules.def was left out. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/limits.h"
#include "protocol/rules.h"
#include "tests/unit/catalogue_file.h"

#define YEAR "\"income_year\":2025"
/* A good return with these boxes (and what follows them), and a good annex. */
#define RETURN(boxes) "{\"form\":\"2042\"," YEAR ",\"boxes\":{" boxes "}}"
#define ANNEX(form, boxes) "{\"form\":\"" form "\"," YEAR ",\"boxes\":{" boxes "}}"
/* A return with a donation box and a list of donations. */
#define GIFTS(boxes, gifts) "{\"form\":\"2042\"," YEAR ",\"boxes\":{" boxes "},\"donations\":[" gifts "]}"

struct filing {
	const char *types[4]; /* ended by NULL; "": none */
	const char *contents[4];
	const char *found;    /* "rule place, rule place" in the order found; "" for none */
};

static struct catalogue *catalogue;
static bool rule_seen[1000];

static int
load(void **state)
{
	(void)state;
	catalogue = catalogue_file_load();
	return 0;
}

static int
unload(void **state)
{
	(void)state;
	catalogue_destroy(catalogue);
	return 0;
}

static void
print_findings(const struct findings *findings, char *out, size_t size)
{
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < findings->count && used < size; i++) {
		const struct finding *f = &findings->items[i];
		rule_seen[f->rule->number] = true;
		assert_true(slice_is_utf8(f->place) && slice_is_utf8(f->value) && slice_is_utf8(f->expected));
		assert_true(f->document.size <= LIMIT_LABEL && f->place.size <= 256 && f->value.size <= 256);
		used += (size_t)snprintf(out + used, size - used, "%s%s%s%.*s%s%.*s", i == 0 ? "" : ", ", f->rule->name,
		    f->document.size == 0 ? "" : " ", (int)f->document.size, (const char *)f->document.data,
		    f->place.size == 0 ? "" : ":", (int)f->place.size, (const char *)f->place.data);
	}
}

static void
check_filing(const struct filing *filing)
{
	static const char *const names[4] = { "a.json", "b.json", "c.json", "d.json" };
	struct rules_document documents[4];
	struct rules_result result;
	char found[4096];
	size_t count = 0, size = 0, errors = 0;

	for (; count < 4 && filing->types[count] != NULL; count++) {
		documents[count].type = slice_of_text(filing->types[count]);
		documents[count].content = slice_of_text(filing->contents[count]);
		documents[count].name = slice_of_text(names[count]);
		size += documents[count].content.size;
	}
	struct arena *arena = arena_create(rules_arena_max(size, count));
	assert_int_equal(rules_check(catalogue, 2025, documents, count, arena, &result), ERROR_NONE);
	print_findings(&result.findings, found, sizeof found);
	if (strcmp(found, filing->found) != 0)
		fail_msg("%s\n  found    %s\n  expected %s", filing->contents[0], found, filing->found);
	for (size_t i = 0; i < result.findings.count; i++)
		errors += result.findings.items[i].rule->severity == SEVERITY_ERROR;
	assert_int_equal(result.findings.errors, errors);
	arena_destroy(arena);
}

/* A filing of one 2042. */
static void
check_return(const char *content, const char *found)
{
	struct filing filing = { { "2042" }, { content }, found };
	check_filing(&filing);
}

/* The first finding's expectation. */
static void
check_expectation(const char *content, const char *expected)
{
	const struct rules_document document = { .type = SLICE_LITERAL("2042"), .content = slice_of_text(content) };
	struct rules_result result;
	struct arena *arena = arena_create(rules_arena_max(document.content.size, 1));

	assert_int_equal(rules_check(catalogue, 2025, &document, 1, arena, &result), ERROR_NONE);
	assert_int_equal(result.findings.count, 1);
	assert_true(slice_equal_text(result.findings.items[0].expected, expected));
	arena_destroy(arena);
}

static void
document_rules(void **state)
{
	(void)state;
	check_return(RETURN("\"1AJ\":15000,\"0AM\":1,\"0DA\":1960,\"8TU\":\"12.50\",\"7VO\":3"), "");
	check_return("", "json_malformed 2042:line 1, column 1 (byte 0)");
	check_return(RETURN("\"1AJ\":15000,"), "json_malformed 2042:line 1, column 56 (byte 55)");
	check_return(RETURN("\"1AJ\":1,\"1AJ\":1"), "member_twice 2042:boxes.1AJ");
	check_return("[1]", "member_type 2042");
	check_return("{}", "member_missing 2042:form, member_missing 2042:income_year, member_missing 2042:boxes");
	check_return("{\"form\":2042,\"income_year\":\"2025\",\"boxes\":[]}",
	    "member_type 2042:form, member_type 2042:income_year, member_type 2042:boxes");
	check_return("{\"form\":\"2042\"," YEAR ",\"boxes\":{\"0AM\":1},\"note\":\"x\",\"donations\":null}",
	    "member_unknown 2042:note, member_type 2042:donations");
	check_return(RETURN(""), "return_empty 2042:boxes");
	check_return("{\"form\":\"2042\",\"income_year\":2024,\"boxes\":{\"0AM\":1}}",
	    "income_year_wrong 2042:income_year");
	check_return("{\"form\":\"2042\",\"income_year\":2025.0,\"boxes\":{\"0AM\":1}}",
	    "income_year_wrong 2042:income_year");
	check_return("{\"form\":\"2044\"," YEAR ",\"boxes\":{\"0AM\":1}}", "form_differs 2042:form");
}

static void
filing_rules(void **state)
{
	(void)state;
	static const struct filing filings[] = {
		{ { NULL }, { NULL }, "form_missing" },
		{ { "2044" }, { ANNEX("2044", "\"4BA\":1") }, "form_missing" },
		{ { "2042", "2044" }, { RETURN("\"0AM\":1"), ANNEX("2044", "\"4BA\":1") }, "" },
		{ { "2042", "9999" }, { RETURN("\"0AM\":1"), ANNEX("9999", "\"4BB\":0") }, "form_unknown 9999" },
		{ { "2042", "2042" }, { RETURN("\"0AM\":1"), RETURN("\"1AJ\":5") }, "form_twice 2042#2" },
		{ { "2042", "2044", "2044" }, { RETURN("\"0AM\":1"), ANNEX("2044", "\"4BA\":1"), ANNEX("2044",
		    "\"4BB\":1") },
		    "form_twice 2044#2" },
		{ { "2042", "2044" }, { RETURN("\"0AM\":1,\"4BA\":1"), ANNEX("2044", "\"4BA\":1") },
		"box_in_two_documents 2044:4BA" },
		{ { "2042", "2044" }, { RETURN("\"0AM\":1"), ANNEX("2044", "\"1AJ\":1") }, "box_not_on_form 2044:1AJ" },
		{ { "2042", "2042CPRO" }, { RETURN("\"0AM\":1"), ANNEX("2042CPRO", "\"5HC\":1,\"7UK\":2") },
		    "box_not_on_form 2042CPRO:7UK" },
	};
	for (size_t i = 0; i < sizeof filings / sizeof filings[0]; i++)
		check_filing(&filings[i]);
}

/* Before anything is signed a document may be there that does not tell its form: that is said under its name, and the
 * others are checked all the same. It may be the return itself. */
static void
document_without_type_has_its_name(void **state)
{
	(void)state;
	static const struct filing filings[] = {
		{ { "" }, { "{" }, "json_malformed a.json:line 1, column 2 (byte 1)" },
		{ { "" }, { "[]" }, "member_type a.json" },
		{ { "", "2044" }, { "{\"form\":\"\"," YEAR ",\"boxes\":{\"0AM\":1}}", ANNEX("2044", "\"1AJ\":1") },
		    "form_unknown a.json:form, box_not_on_form 2044:1AJ" },
		{ { "2042", "", "" },
		    { RETURN("\"0ZZ\":1"), "{\"form\":1," YEAR ",\"boxes\":{\"0AM\":1}}", "{\"a\":1,\"a\":1}" },
		    "box_unknown 2042:0ZZ, member_type b.json:form, member_twice c.json:a" },
	};
	for (size_t i = 0; i < sizeof filings / sizeof filings[0]; i++)
		check_filing(&filings[i]);
}

static void
box_rules(void **state)
{
	(void)state;
	check_return(RETURN("\"0ZZ\":1,\"4BA \":1,\"1aj\":1"),
	    "box_unknown 2042:0ZZ, box_unknown 2042:4BA , box_unknown 2042:1aj");
	/* Euros, units: whole numbers from 0 on, no other way of writing them. */
	check_return(RETURN("\"1AJ\":0,\"1BJ\":999999999999"), "");
	static const char *const not_whole[] = { "-1", "1.0", "1e3", "-0", "\"1\"", "true", "null", "[1]", "{}" };
	for (size_t i = 0; i < sizeof not_whole / sizeof not_whole[0]; i++) {
		char text[200];
		snprintf(text, sizeof text, "{\"form\":\"2042\"," YEAR ",\"boxes\":{\"1AJ\":%s}}", not_whole[i]);
		check_return(text, "box_type 2042:1AJ");
	}
	check_return(RETURN("\"1AJ\":1000000000000,\"1BJ\":99999999999999999999999"),
	    "box_range 2042:1AJ, box_range 2042:1BJ");
	check_return(RETURN("\"0AM\":1,\"0AF\":0"), "");
	check_return(RETURN("\"0AM\":2,\"0AF\":true"), "box_range 2042:0AM, box_type 2042:0AF");
	/* Years of birth: plausible, and none after the income year. */
	check_return(RETURN("\"0DA\":1900,\"0F0\":2025"), "");
	check_return(RETURN("\"0DA\":1879,\"0F0\":2026,\"0F1\":\"2000\""),
	    "box_range 2042:0DA, box_range 2042:0F0, box_type 2042:0F1");
	/* REEL: whole, or a string with one or two decimals. */
	check_return(RETURN("\"8TU\":7,\"7UK\":\"0.5\",\"7UL\":\"1234.50\","
	    "\"7UP\":\"999999999999.99\",\"7UQ\":999999999999"), "");
	static const char *const not_real[] = { "1.5", "\"1\"", "\"1.\"", "\".5\"", "\"1.505\"", "\"01.5\"",
	    "\"-1.5\"", "\"1,5\"",
		"\"1.5 \"", "\"1.+5\"", "\"\"", "\".\"" };
	for (size_t i = 0; i < sizeof not_real / sizeof not_real[0]; i++) {
		char text[200];
		snprintf(text, sizeof text, "{\"form\":\"2042\"," YEAR ",\"boxes\":{\"8TU\":%s}}", not_real[i]);
		check_return(text, "box_type 2042:8TU");
	}
	check_return(RETURN("\"8TU\":1000000000000,\"7UK\":\"1000000000000.00\",\"7UL\":\"99999999999999999999.9\""),
	    "box_range 2042:8TU, box_range 2042:7UK, box_range 2042:7UL");
}

static void
dates_and_family_events(void **state)
{
	(void)state;
	check_return(RETURN("\"0AX\":\"29022024\",\"0AY\":\"31121999\",\"0AZ\":\"01062026\""), "");
	check_return(RETURN("\"0AX\":\"29022025\",\"0AY\":\"10969576\",\"0AZ\":\"00012020\""),
	    "date_impossible 2042:0AX, date_impossible 2042:0AY, date_impossible 2042:0AZ");
	check_return(RETURN("\"0AX\":10062020,\"0AY\":\"1062020\",\"0AZ\":\"10-06-20\""),
	    "box_type 2042:0AX, box_type 2042:0AY, box_type 2042:0AZ");
	check_return(RETURN("\"0AX\":\"01011700\",\"0AY\":\"01012027\""), "box_range 2042:0AX, box_range 2042:0AY");
	/* A8: marriage, divorce, death during the income year. The days around it are free. */
	check_return(RETURN("\"0AX\":\"01012025\""), "family_change 2042:0AX");
	check_return(RETURN("\"0AY\":\"31122025\""), "family_change 2042:0AY");
	check_return(RETURN("\"0AZ\":\"10062025\""), "family_change 2042:0AZ");
	check_return(RETURN("\"0AX\":\"31122024\",\"0AZ\":\"01012026\""), "");
}

static void
donation_rules(void **state)
{
	(void)state;
	/* A13: every beneficiary named, adding up to the box. */
	check_return(GIFTS("\"7UF\":500", "{\"box\":\"7UF\",\"amount\":300,\"beneficiary\":\"A\"},"
	    "{\"box\":\"7UF\",\"amount\":200,"
	    "\"beneficiary\":{\"name\":\"B\",\"siren\":\"732829320\",\"address\":\"1 rue X\"}}"), "");
	check_return(RETURN("\"7UF\":0"), "");
	check_return(RETURN("\"7UF\":500"), "donation_unnamed 2042:7UF");
	check_return(RETURN("\"7VA\":1,\"7UD\":1"), "donation_unnamed 2042:7UD, donation_unnamed 2042:7VA");
	check_return(GIFTS("\"7UF\":500", "{\"box\":\"7UF\",\"amount\":500}"),
	    "donation_unnamed 2042:donations[0].beneficiary");
	check_return(GIFTS("\"7UF\":500", "{\"box\":\"7UF\",\"amount\":499,\"beneficiary\":\"A\"}"),
	    "donation_sum 2042:7UF");
	check_return(GIFTS("\"7UF\":500", "{\"box\":\"7UF\",\"amount\":501,\"beneficiary\":\"A\"}"),
	    "donation_sum 2042:7UF");
	check_return(GIFTS("\"7UF\":0", "{\"box\":\"7UF\",\"amount\":1,\"beneficiary\":\"A\"}"),
	    "donation_sum 2042:7UF");
	/* Exempt bodies: by what the body is ... */
	check_return(GIFTS("\"7UF\":500", "{\"box\":\"7UF\",\"amount\":500,\"body\":\"religious\"}"), "");
	check_return(GIFTS("\"7UF\":500", "{\"box\":\"7UF\",\"amount\":300,\"body\":\"charitable\"},"
	    "{\"box\":\"7UF\",\"amount\":200}"), "donation_unnamed 2042:donations[1].beneficiary");
	check_return(GIFTS("\"7UF\":500", "{\"box\":\"7UF\",\"amount\":500,\"body\":\"chess club\"}"),
	    "body_unknown 2042:donations[0].body, donation_unnamed 2042:donations[0].beneficiary");
	check_expectation(GIFTS("\"7UF\":500", "{\"box\":\"7UF\",\"amount\":500,\"body\":7,\"beneficiary\":\"A\"}"),
	    "one of religious, charitable, union");
	/* ... or by the box: union dues. */
	check_return(RETURN("\"7AC\":500"), "");
	check_return(GIFTS("\"7AC\":500", "{\"box\":\"7AC\",\"amount\":20}"), "");
	check_return(GIFTS("\"7AC\":500", "{\"box\":\"7AC\",\"amount\":501}"), "donation_sum 2042:7AC");
	/* Campaign financing: no name up to 3,000 euros. */
	check_return(RETURN("\"7UH\":3000"), "");
	check_return(GIFTS("\"7UH\":3000", "{\"box\":\"7UH\",\"amount\":3000}"), "");
	check_return(RETURN("\"7UH\":3001"), "donation_unnamed 2042:7UH");
	check_return(GIFTS("\"7UH\":3001", "{\"box\":\"7UH\",\"amount\":3001,\"beneficiary\":\"P\"}"), "");
	check_return(GIFTS("\"7UH\":3001", "{\"box\":\"7UH\",\"amount\":3001,\"body\":\"union\"}"),
	    "donation_unnamed 2042:donations[0].beneficiary");
	/* Donations of no box, in no shape. */
	check_return(GIFTS("\"1AJ\":5",
	    "{\"box\":\"1AJ\",\"amount\":5,\"beneficiary\":\"A\"},{\"box\":\"7UF\",\"amount\":5,"
	    "\"beneficiary\":\"A\"}"), "donation_box 2042:donations[0].box, donation_box 2042:donations[1].box");
	check_return(GIFTS("\"7AC\":5", "7,{},{\"box\":1,\"amount\":1}"), "member_type 2042:donations[0], "
	    "member_missing 2042:donations[1].box, "
	    "donation_amount 2042:donations[1].amount, member_type 2042:donations[2].box");
	check_return(GIFTS("\"7UF\":5", "{\"box\":\"7UF\",\"amount\":0,\"beneficiary\":\"A\",\"date\":1}"),
	    "member_unknown 2042:donations[0].date, donation_amount 2042:donations[0].amount");
	static const char *const amounts[] = { "-5", "5.0", "\"5\"", "18446744073709551615" };
	for (size_t i = 0; i < sizeof amounts / sizeof amounts[0]; i++) {
		char text[300];
		snprintf(text, sizeof text, GIFTS("\"7UF\":5",
		    "{\"box\":\"7UF\",\"amount\":%s,\"beneficiary\":\"A\"}"), amounts[i]);
		check_return(text, "donation_amount 2042:donations[0].amount");
	}
	static const char *const names[] = { "\"\"", "\"  \"", "7", "\"a\\nb\"", "[]",
		"\"\\u00a0\\u200b\"", "\"\\u202e\"",
		"\"a\\u202eb\"", "\"\\u0085a\"" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char text[300];
		snprintf(text, sizeof text, GIFTS("\"7UF\":5", "{\"box\":\"7UF\",\"amount\":5,\"beneficiary\":%s}"),
		    names[i]);
		check_return(text, "beneficiary_invalid 2042:donations[0].beneficiary");
	}
	check_return(GIFTS("\"7UF\":5",
	    "{\"box\":\"7UF\",\"amount\":5,\"beneficiary\":{\"nom\":\"A\",\"siren\":\"12345678x\",\"address\":1}}"),
	    "member_unknown 2042:donations[0].beneficiary.nom, beneficiary_invalid 2042:donations[0].beneficiary.name, "
	    "beneficiary_invalid 2042:donations[0].beneficiary.siren, "
	    "beneficiary_invalid 2042:donations[0].beneficiary.address");
	static const char *const sirens[] = { "\"732829321\"", "732829320", "\"000000000\"", "\"73282932\"" };
	for (size_t i = 0; i < sizeof sirens / sizeof sirens[0]; i++) {
		char text[300];
		snprintf(text, sizeof text, GIFTS("\"7UF\":5",
		    "{\"box\":\"7UF\",\"amount\":5,\"beneficiary\":{\"name\":\"A\",\"siren\":%s}}"), sirens[i]);
		check_return(text, "beneficiary_invalid 2042:donations[0].beneficiary.siren");
	}
	/* A value that is refused already is not reported a second time as a sum. */
	check_return(GIFTS("\"7UF\":-5", "{\"box\":\"7UF\",\"amount\":5,\"beneficiary\":\"A\"}"), "box_type 2042:7UF");
}

static void
papers_are_reminded_of(void **state)
{
	(void)state;
	check_return(RETURN("\"4BA\":5,\"4BB\":6,\"7DB\":1"), "paper_due 2042:7DB, annex_due 2042:4BA");
	check_return(RETURN("\"4BA\":0,\"7DB\":0,\"8UU\":0"), "");
	struct filing along = { { "2042", "2044" }, { RETURN("\"4BA\":5"), ANNEX("2044", "\"4BB\":1") }, "" };
	check_filing(&along);
	/* What the receipt is made from. */
	struct rules_document document = { .type = SLICE_LITERAL("2042"),
	    .content = SLICE_LITERAL(RETURN("\"4BC\":5,\"8UU\":1,\"7GA\":2")) };
	struct arena *arena = arena_create(1 << 20);
	struct rules_result result;
	assert_int_equal(rules_check(catalogue, 2025, &document, 1, arena, &result), ERROR_NONE);
	assert_int_equal(result.findings.errors, 0);
	assert_int_equal(result.papers_count, 3);
	assert_true(slice_equal_text(result.papers[0].paper->code, "rib") && slice_equal_text(result.papers[0].box,
	    "7GA"));
	assert_true(slice_equal_text(result.papers[0].paper->way, "post"));
	assert_true(slice_equal_text(result.papers[1].paper->code, "2044") && slice_equal_text(result.papers[1].box,
	    "4BC"));
	assert_true(slice_equal_text(result.papers[2].paper->code, "3916") && slice_equal_text(result.papers[2].box,
	    "8UU"));
	arena_destroy(arena);
}

/* Bytes of a text, `unit` repeated. */
static size_t
repeat(char *out, const char *unit, size_t times)
{
	size_t used = 0;
	for (size_t i = 0; i < times; i++)
		used += (size_t)sprintf(out + used, "%s%s", i == 0 ? "" : ",", unit);
	return used;
}

static void
findings_are_bounded(void **state)
{
	(void)state;
	char *text = malloc(1 << 16);
	assert_non_null(text);
	size_t used = (size_t)sprintf(text, "{\"form\":\"2042\"," YEAR ",\"boxes\":{");
	for (int i = 0; i < 300; i++)
		used += (size_t)sprintf(text + used, "%s\"Z%d\":1", i == 0 ? "" : ",", i);
	used += (size_t)sprintf(text + used, "}}");
	struct rules_document document = { .type = SLICE_LITERAL("2042"), .content = slice_of(text, used) };
	struct arena *arena = arena_create(rules_arena_max(used, 1));
	struct rules_result result;
	assert_int_equal(rules_check(catalogue, 2025, &document, 1, arena, &result), ERROR_NONE);
	assert_int_equal(result.findings.count, LIMIT_FINDINGS);
	assert_int_equal(result.findings.items[LIMIT_FINDINGS - 1].rule->number, RULE_findings_more);
	assert_int_equal(result.findings.errors, 300);
	rule_seen[RULE_findings_more] = true;
	arena_destroy(arena);

	/* More values than every box and donation could be: refused before anything is made of them. */
	used = (size_t)sprintf(text, "[");
	used += repeat(text + used, "1", 1938 + 256 * 8 + 64);
	sprintf(text + used, "]");
	check_return(text, "json_malformed 2042:line 1, column 8100 (byte 8099)");

	used = (size_t)sprintf(text, "{\"form\":\"2042\"," YEAR ",\"boxes\":{\"7AC\":999},\"donations\":[");
	used += repeat(text + used, "{\"box\":\"7AC\",\"amount\":1}", LIMIT_DONATIONS);
	sprintf(text + used, "]}");
	check_return(text, "");
	used += (size_t)sprintf(text + used, ",{\"box\":\"7AC\",\"amount\":1}]}");
	check_return(text, "donations_too_many 2042:donations");
	free(text);
}

static void
long_texts_are_cut_between_characters(void **state)
{
	(void)state;
	char *text = malloc(1 << 16);
	assert_non_null(text);
	size_t used = (size_t)sprintf(text, "{\"form\":\"2042\"," YEAR ",\"boxes\":{\"0AM\":\"x");
	for (int i = 0; i < 300; i++)
		used += (size_t)sprintf(text + used, "é");
	used += (size_t)sprintf(text + used, "\"},\"x");
	for (int i = 0; i < 300; i++)
		used += (size_t)sprintf(text + used, "é");
	sprintf(text + used, "\":1}");
	/* The lengths and the UTF-8 are asserted where findings are printed. */
	struct rules_document document = { .type = SLICE_LITERAL("2042"), .content = slice_of_text(text) };
	struct arena *arena = arena_create(1 << 20);
	struct rules_result result;
	char found[4096];
	assert_int_equal(rules_check(catalogue, 2025, &document, 1, arena, &result), ERROR_NONE);
	print_findings(&result.findings, found, sizeof found);
	assert_int_equal(result.findings.count, 2);
	assert_int_equal(result.findings.items[1].value.size, 255);
	arena_destroy(arena);
	free(text);
}

static void
short_memory_is_said(void **state)
{
	(void)state;
	static const char first[] = GIFTS("\"7UF\":5,\"0ZZ\":1,\"4BA\":6", "{\"box\":\"7UF\",\"amount\":6}");
	struct rules_document documents[2] = {
		{ .type = SLICE_LITERAL("2042"), .content = SLICE_LITERAL(first) },
		{ .type = SLICE_LITERAL("2042"), .content = SLICE_LITERAL(RETURN("\"7UF\":5")) },
	};
	struct rules_result result;
	bool fitted = false;
	for (size_t size = 0; size < 32768; size += 64) {
		struct arena *arena = arena_create(size);
		enum error error = rules_check(catalogue, 2025, documents, 2, arena, &result);
		assert_true(error == ERROR_NONE || error == ERROR_out_of_memory);
		assert_false(fitted && error != ERROR_NONE);
		fitted = error == ERROR_NONE;
		arena_destroy(arena);
	}
	assert_true(fitted);
}

static void
every_rule_has_been_broken(void **state)
{
	(void)state;
	size_t count;
	const struct rule_entry *table = rule_table(&count);
	for (size_t i = 0; i < count; i++) {
		if (!rule_seen[table[i].number])
			fail_msg("no test breaks rule %d, %s", (int)table[i].number, table[i].name);
		assert_ptr_equal(rule_find((unsigned)table[i].number), &table[i]);
		assert_true(i == 0 || table[i - 1].number < table[i].number);
		assert_true(slice_is_utf8(slice_of_text(table[i].french)) && strlen(table[i].french) <= 1024);
	}
	assert_null(rule_find(0));
	assert_null(rule_find(65535));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_rules),
		cmocka_unit_test(filing_rules),
		cmocka_unit_test(document_without_type_has_its_name),
		cmocka_unit_test(box_rules),
		cmocka_unit_test(dates_and_family_events),
		cmocka_unit_test(donation_rules),
		cmocka_unit_test(papers_are_reminded_of),
		cmocka_unit_test(findings_are_bounded),
		cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(short_memory_is_said),
		cmocka_unit_test(every_rule_has_been_broken),
	};
	return cmocka_run_group_tests_name("rules", tests, load, unload);
}
