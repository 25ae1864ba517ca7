/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules: each document as JSON, its boxes against the catalogue, then the filing as a whole. Donations are in
 * donations.c. */
#include "protocol/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/limits.h"
#include "protocol/rules_check.h"
#include "protocol/time.h"

/* Nobody whose birth matters to a return was born earlier. */
#define YEAR_MIN 1880
/* Values of a return besides its boxes: donations with all their members, and the members of the return. A peer that
 * sends more keeps us from other work for nothing. */
#define VALUES_BESIDES_BOXES ((size_t)LIMIT_DONATIONS * 8 + 64)
/* What a message carries of a place or value, see messages.def. */
#define TEXT_MAX ((size_t)256)

static const struct rule_entry table[] = {
#define RULE(number, name, severity, article, english, french)                                                     \
	{ RULE_##name, severity, #name, article, english, french },
#include "protocol/rules.def"
#undef RULE
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

const struct rule_entry *
rule_table(size_t *count)
{
	*count = TABLE_COUNT;
	return table;
}

const struct rule_entry *
rule_find(unsigned number)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if ((unsigned)table[i].number == number)
			return &table[i];
	return NULL;
}

/* ---- findings ---- */

static bool
findings_grow(struct checker *c)
{
	struct findings *f = &c->result->findings;
	size_t allocated = c->findings_allocated == 0 ? 8 : c->findings_allocated * 2;
	struct finding *items;

	if (f->count < c->findings_allocated)
		return true;
	items = arena_alloc_array(c->arena, allocated, sizeof *items);
	if (items == NULL) {
		c->error = ERROR_out_of_memory;
		return false;
	}
	if (f->count != 0)
		memcpy(items, f->items, f->count * sizeof *items);
	f->items = items;
	c->findings_allocated = allocated;
	return true;
}

void
checker_add(struct checker *c, enum rule rule, struct slice document, struct slice place, struct slice value,
    const char *expected)
{
	struct findings *f = &c->result->findings;
	const struct rule_entry *entry = rule_find(rule);

	check(entry != NULL);
	f->errors += entry->severity == SEVERITY_ERROR;
	if (f->count == LIMIT_FINDINGS || !findings_grow(c))
		return;
	if (f->count == LIMIT_FINDINGS - 1) {
		f->items[f->count++] = (struct finding){ .rule = rule_find(RULE_findings_more) };
		return;
	}
	f->items[f->count++] = (struct finding){
		.rule = entry, .document = document, .place = slice_cut(place, TEXT_MAX),
		.value = slice_cut(value, TEXT_MAX),
		.expected = expected == NULL ? SLICE_EMPTY : slice_of_text(expected),
	};
}

static struct slice
format_list(struct checker *c, const char *format, va_list list)
{
	char text[TEXT_MAX + 1];
	struct slice out = SLICE_EMPTY;
	int size = vsnprintf(text, sizeof text, format, list);

	check(size >= 0);
	if (!arena_copy(c->arena, slice_cut(slice_of(text, strlen(text)), TEXT_MAX), &out))
		c->error = ERROR_out_of_memory;
	return out;
}

struct slice
checker_format(struct checker *c, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	struct slice out = format_list(c, format, list);
	va_end(list);
	return out;
}

const char *
checker_text(struct checker *c, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	struct slice out = format_list(c, format, list);
	va_end(list);
	return out.data == NULL ? "" : (const char *)out.data; /* arena_copy puts a NUL behind */
}

void
checker_members(struct checker *c, struct slice document, const struct json *object, const char *path,
    const char *const *names)
{
	for (const struct json *member = json_find_other(object->first, names); member != NULL;
	    member = json_find_other(member->next, names)) {
		struct slice name = slice_cut(member->name, 128);
		checker_add(c, RULE_member_unknown, document,
		    checker_format(c, "%s%s%.*s", path, *path == '\0' ? "" : ".", (int)name.size,
		        (const char *)name.data), SLICE_EMPTY, NULL);
	}
}

/* ---- one value ---- */

struct value_found {
	uint64_t value;
	unsigned day, month, year; /* of a date */
	enum rule rule;            /* broken; RULE_NONE: the value is good */
	const char *expected;
};

static struct value_found
value_broken(enum rule rule, const char *expected)
{
	return (struct value_found){ .rule = rule, .expected = expected };
}

/* A whole number of at least `min` and at most `max`, written without sign, fraction or exponent. */
static struct value_found
value_whole(struct checker *c, const struct json *json, uint64_t min, uint64_t max)
{
	struct value_found found = { .rule = RULE_NONE };
	if (json->type != JSON_NUMBER || !slice_is_digits(json->text))
		return value_broken(RULE_box_type, "a whole number without sign, fraction or exponent");
	if (!decimal_decode(json->text, UINT64_MAX, &found.value) || found.value < min || found.value > max)
		return value_broken(RULE_box_range,
		    checker_text(c, "%llu to %llu", (unsigned long long)min, (unsigned long long)max));
	return found;
}

/* Hundredths of a decimal string, "1234.5" or "1234.50"; false when it is none. Too large a number is UINT64_MAX. */
static bool
text_hundredths(struct slice text, uint64_t *out)
{
	size_t point = 0;
	uint64_t whole, part = 0;

	while (point < text.size && text.data[point] != '.')
		point++;
	size_t decimals = text.size - point;
	struct slice before = slice_of(text.data, point);
	if (decimals < 2 || decimals > 3 || !slice_is_digits(before) || !slice_is_digits(slice_from(text, point + 1)))
		return false;
	if (before.size > 1 && before.data[0] == '0')
		return false;
	for (size_t i = point + 1; i < text.size; i++)
		part = part * 10 + (text.data[i] - '0');
	if (decimals == 2)
		part *= 10;
	if (!decimal_decode(before, UINT64_MAX / 100 - 1, &whole)) {
		*out = UINT64_MAX;
		return true;
	}
	*out = whole * 100 + part;
	return true;
}

static struct value_found
value_real(struct checker *c, const struct json *json, uint64_t max)
{
	struct value_found found = { .rule = RULE_NONE };
	if (json->type == JSON_NUMBER) {
		found = value_whole(c, json, 0, max / 100);
		found.value *= 100;
		if (found.rule == RULE_box_type)
			found.expected = "a whole number, or a string with one or two decimals, \"1234.50\"";
		return found;
	}
	if (json->type != JSON_STRING || !text_hundredths(json->text, &found.value))
		return value_broken(RULE_box_type, "a whole number, or a string with one or two decimals, \"1234.50\"");
	if (found.value > max)
		return value_broken(RULE_box_range,
		    checker_text(c, "at most %llu.%02u", (unsigned long long)(max / 100), (unsigned)(max % 100)));
	return found;
}

static struct value_found
value_date(struct checker *c, const struct json *json)
{
	struct value_found found = { .rule = RULE_NONE };
	if (json->type != JSON_STRING || json->text.size != 8 || !slice_is_digits(json->text))
		return value_broken(RULE_box_type, "a string of eight digits, day, month and year: \"31122025\"");
	const uint8_t *d = json->text.data;
	found.day = (d[0] - '0') * 10U + (d[1] - '0');
	found.month = (d[2] - '0') * 10U + (d[3] - '0');
	found.year = (d[4] - '0') * 1000U + (d[5] - '0') * 100U + (d[6] - '0') * 10U + (d[7] - '0');
	if (!time_date_exists(found.year, found.month, found.day))
		return value_broken(RULE_date_impossible, "a day, month and year of the calendar: \"31122025\"");
	/* The spouse may have died, or the couple parted, between the income year and the filing. */
	if (found.year < YEAR_MIN || found.year > c->income_year + 1)
		return value_broken(RULE_box_range, checker_text(c, "a day of the years %d to %llu", YEAR_MIN,
		    (unsigned long long)c->income_year + 1));
	found.value = found.year;
	return found;
}

static struct value_found
value_check(struct checker *c, const struct catalogue_box *box, const struct json *json)
{
	switch (box->type) {
	case BOX_REAL:
		return value_real(c, json, box->max);
	case BOX_DATE:
		return value_date(c, json);
	case BOX_YEAR:
		return value_whole(c, json, YEAR_MIN, box->max < c->income_year ? box->max : c->income_year);
	case BOX_EUROS:
	case BOX_BOOLEAN:
	case BOX_INTEGER:
		break;
	}
	return value_whole(c, json, 0, box->max);
}

/* ---- boxes ---- */

static void
gift_add(struct checker *c, struct checked_document *document, const struct catalogue_box *box,
    const struct value_found *found)
{
	struct gift_box *gift = arena_alloc(c->arena, sizeof *gift);
	if (gift == NULL) {
		c->error = ERROR_out_of_memory;
		return;
	}
	*gift = (struct gift_box){ .box = box, .value = found->value, .is_valid = found->rule == RULE_NONE,
		.next = document->gifts };
	document->gifts = gift;
	if (box->donation == DONATION_CAMPAIGN && gift->is_valid)
		c->campaign_total += found->value;
}

/* Notes the paper that a filled box calls for, the first box only. */
static void
paper_call(struct checker *c, const struct checked_document *document, const struct catalogue_box *box)
{
	if (c->called[box->paper->index].paper != NULL)
		return;
	c->called[box->paper->index] = (struct paper_due){ box->paper, box->code };
	c->called_in[box->paper->index] = document->label;
}

static void
box_check(struct checker *c, struct checked_document *document, const struct json *json)
{
	const struct catalogue_box *box = catalogue_find_box(c->catalogue, json->name);
	struct value_found found;

	if (box == NULL) {
		checker_add(c, RULE_box_unknown, document->label, json->name, json_show(json), NULL);
		return;
	}
	if (document->form != NULL && !catalogue_allows(c->catalogue, document->form, box))
		checker_add(c, RULE_box_not_on_form, document->label, box->code, json_show(json), NULL);
	if (c->seen_in != NULL) {
		uint8_t number = (uint8_t)(document - c->documents + 1);
		if (c->seen_in[box->index] == 0)
			c->seen_in[box->index] = number;
		else if (c->seen_in[box->index] != number)
			checker_add(c, RULE_box_in_two_documents, document->label, box->code, json_show(json),
			    "in one document only");
	}
	found = value_check(c, box, json);
	if (found.rule != RULE_NONE)
		checker_add(c, found.rule, document->label, box->code, json_show(json), found.expected);
	else if (box->is_family_event && found.year == c->income_year)
		checker_add(c, RULE_family_change, document->label, box->code, json->text,
		    checker_text(c, "no such day in %llu", (unsigned long long)c->income_year));
	if (box->donation != DONATION_NONE)
		gift_add(c, document, box, &found);
	if (box->paper != NULL && found.rule == RULE_NONE && found.value != 0)
		paper_call(c, document, box);
}

/* ---- one document ---- */

/* The member when it is there and of that type; otherwise a finding and NULL. */
static const struct json *
member_check(struct checker *c, const struct checked_document *document, const struct json *root, const char *name,
    enum json_type type, const char *expected)
{
	const struct json *member = json_find(root, name);
	if (member == NULL)
		checker_add(c, RULE_member_missing, document->label, slice_of_text(name), SLICE_EMPTY, expected);
	else if (member->type != type)
		checker_add(c, RULE_member_type, document->label, slice_of_text(name), json_show(member), expected);
	else
		return member;
	return NULL;
}

static void
root_check(struct checker *c, struct checked_document *document, struct slice type, const struct json *root)
{
	static const char *const members[] = { "form", "income_year", "boxes", "donations", NULL };
	const struct json *form, *year, *boxes;
	uint64_t value;

	checker_members(c, document->label, root, "", members);
	form = member_check(c, document, root, "form", JSON_STRING, "a form's code, \"2042\"");
	if (form != NULL && type.size == 0)
		checker_add(c, RULE_form_unknown, document->label, SLICE_LITERAL("form"), form->text,
		    "a form of the catalogue");
	else if (form != NULL && !slice_equal(form->text, type))
		checker_add(c, RULE_form_differs, document->label, SLICE_LITERAL("form"), form->text,
		    checker_text(c, "%.*s", (int)slice_cut(type, LIMIT_LABEL).size, (const char *)type.data));
	year = member_check(c, document, root, "income_year", JSON_NUMBER, "a year");
	if (year != NULL && (!decimal_decode(year->text, UINT64_MAX, &value) || value != c->income_year))
		checker_add(c, RULE_income_year_wrong, document->label, SLICE_LITERAL("income_year"), year->text,
		    checker_text(c, "%llu", (unsigned long long)c->income_year));
	boxes = member_check(c, document, root, "boxes", JSON_OBJECT, "an object of boxes");
	if (boxes != NULL && boxes->count == 0)
		checker_add(c, RULE_return_empty, document->label, SLICE_LITERAL("boxes"), SLICE_EMPTY, "one box");
	for (const struct json *box = boxes == NULL ? NULL : boxes->first; box != NULL; box = box->next)
		box_check(c, document, box);
	if (json_find(root, "donations") != NULL)
		document->donations = member_check(c, document, root, "donations", JSON_ARRAY, "a list of donations");
}

static void
document_check(struct checker *c, struct checked_document *document, const struct rules_document *in)
{
	const struct json_limits limits = { LIMIT_RETURN_SIZE,
		catalogue_boxes_count(c->catalogue) + VALUES_BESIDES_BOXES, LIMIT_JSON_DEPTH };
	const struct json *root;
	struct fault fault;
	enum error error;

	document->form = catalogue_find_form(c->catalogue, in->type);
	if (document->form == NULL && in->type.size != 0)
		checker_add(c, RULE_form_unknown, document->label, SLICE_EMPTY, in->type, "a form of the catalogue");
	error = json_parse(in->content, &limits, c->arena, &root, &fault);
	if (error == ERROR_out_of_memory) {
		c->error = error;
		return;
	}
	if (error != ERROR_NONE) {
		bool is_twice = json_fault_is_twice(&fault);
		checker_add(c, is_twice ? RULE_member_twice : RULE_json_malformed, document->label, fault.place,
		    fault.value, (const char *)fault.expected.data);
		return;
	}
	if (root->type != JSON_OBJECT)
		checker_add(c, RULE_member_type, document->label, SLICE_EMPTY, json_show(root), "an object");
	else
		root_check(c, document, in->type, root);
}

/* ---- the filing ---- */

/* Labels a document: a form's second one is "2044#2", which is wrong already. */
static void
document_label(struct checker *c, const struct rules_document *in, size_t i)
{
	size_t nth = 1;

	c->documents[i].label = slice_cut(in[i].type, LIMIT_LABEL);
	if (in[i].type.size == 0) {
		c->documents[i].label = in[i].name;
		return;
	}
	for (size_t before = 0; before < i; before++)
		nth += slice_equal(in[before].type, in[i].type);
	if (nth == 1)
		return;
	struct slice type = slice_cut(in[i].type, LIMIT_LABEL - 8);
	c->documents[i].label = checker_format(c, "%.*s#%zu", (int)type.size, (const char *)type.data, nth);
	checker_add(c, RULE_form_twice, c->documents[i].label, SLICE_EMPTY, SLICE_EMPTY, "each form once");
}

static void
forms_check(struct checker *c, const struct rules_document *in)
{
	bool may_have_main = false; /* a document without type may be it */

	for (size_t i = 0; i < c->count; i++) {
		const struct catalogue_form *form = catalogue_find_form(c->catalogue, in[i].type);
		may_have_main = may_have_main || in[i].type.size == 0 || (form != NULL && form->is_main);
		document_label(c, in, i);
	}
	if (!may_have_main)
		checker_add(c, RULE_form_missing, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, "the main form");
}

static bool
form_is_filed(const struct checker *c, struct slice form)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->documents[i].form != NULL && slice_equal(c->documents[i].form->code, form))
			return true;
	return false;
}

/* The papers called for that are not filed along, each with its advice. */
static void
papers_check(struct checker *c)
{
	struct rules_result *result = c->result;
	size_t count = catalogue_papers_count(c->catalogue);

	result->papers = c->called; /* packed in place: what is due never moves behind what was called */
	for (size_t i = 0; i < count; i++) {
		struct paper_due due = c->called[i];
		if (due.paper == NULL || (due.paper->form.size != 0 && form_is_filed(c, due.paper->form)))
			continue;
		bool by_post = slice_equal_text(due.paper->way, "post");
		checker_add(c, by_post ? RULE_paper_due : RULE_annex_due, c->called_in[i], due.box, SLICE_EMPTY,
		    checker_text(c, "%.*s", (int)due.paper->title.size, (const char *)due.paper->title.data));
		result->papers[result->papers_count++] = due;
	}
}

static bool
checker_allocate(struct checker *c)
{
	size_t papers = catalogue_papers_count(c->catalogue);

	c->documents = arena_alloc_array(c->arena, c->count, sizeof *c->documents);
	c->called = arena_alloc_array(c->arena, papers, sizeof *c->called);
	c->called_in = arena_alloc_array(c->arena, papers, sizeof *c->called_in);
	if (c->count > 1) {
		c->seen_in = arena_alloc(c->arena, catalogue_boxes_count(c->catalogue));
		if (c->seen_in == NULL)
			return false;
	}
	return c->documents != NULL && c->called != NULL && c->called_in != NULL;
}

enum error
rules_check(const struct catalogue *catalogue, uint64_t income_year, const struct rules_document *documents,
    size_t count, struct arena *arena, struct rules_result *result)
{
	struct checker c = { .catalogue = catalogue, .income_year = income_year, .arena = arena, .result = result,
		.count = count, .error = ERROR_NONE };

	check(count <= LIMIT_DOCUMENTS);
	*result = (struct rules_result){ .papers = NULL };
	if (!checker_allocate(&c))
		return ERROR_out_of_memory;
	forms_check(&c, documents);
	for (size_t i = 0; i < count && c.error == ERROR_NONE; i++)
		document_check(&c, &c.documents[i], &documents[i]);
	donations_check(&c);
	papers_check(&c);
	return c.error;
}

size_t
rules_arena_max(size_t content_size, size_t documents_count)
{
	/* Each document may have yajl's buffers to itself; its values take two bytes of text each at least, and what a
	 * donation box adds is less than its text eight times over. Findings double from 8, four short texts each. */
	const struct json_limits all = { content_size, content_size / 2 + documents_count, LIMIT_JSON_DEPTH };
	const struct json_limits none = { 0, 0, LIMIT_JSON_DEPTH };
	size_t each = json_arena_max(&none) + sizeof(struct checked_document) + 256;
	size_t findings = 2 * LIMIT_FINDINGS * sizeof(struct finding) + 4 * LIMIT_FINDINGS * (TEXT_MAX + 32);
	return json_arena_max(&all) + 8 * content_size + documents_count * each + findings + (size_t)64 * 1024;
}
