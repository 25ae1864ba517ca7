/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue read from JSON. Boxes are found through a table on the three characters of their code: rules_check
 * asks for every box of every return. */
#include "protocol/catalogue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/check.h"
#include "protocol/json.h"
#include "protocol/limits.h"

/* A digit and two of 36 characters. */
#define CODES_COUNT ((size_t)10 * 36 * 36)
/* Forms, papers: more than an office has, and the loops over them stay short. */
#define FORMS_MAX ((size_t)64)
/* Kinds of bodies that need no name, and bytes of one: a refusal tells all of them. */
#define BODIES_MAX ((size_t)16)
#define BODY_MAX ((size_t)32)
#define TYPES_COUNT ((size_t)6)
/* Of a value of any type: more than any euros, and far from where sums overflow. */
#define LIMIT_MAX (UINT64_MAX / 4096)
/* Longest text of the file that a fault repeats; cut beyond. */
#define SHOWN_MAX ((size_t)40)

struct catalogue {
	struct arena *arena;
	struct catalogue_form *forms;
	size_t forms_count;
	struct catalogue_paper *papers;
	size_t papers_count;
	struct catalogue_box *boxes;
	size_t boxes_count;
	uint64_t donation_free_max;
	struct slice *exempt_bodies;
	size_t exempt_bodies_count;
	uint64_t limits[TYPES_COUNT];     /* by enum box_type, for boxes without a max of their own */
	uint16_t by_code[CODES_COUNT];    /* index + 1; 0: no such box */
};

static const char *const type_names[TYPES_COUNT + 1] = { "euros", "real", "boolean", "integer", "year", "date", NULL };
static const char *const donation_names[] = { "none", "named", "exempt", "campaign", NULL };

/* ---- small steps ---- */

/* A catalogue while it is read: where the reading is, for what is said of a fault there. */
struct reader {
	struct catalogue *c;
	struct fault *fault;
	struct arena *texts; /* of the fault */
	const char *list;    /* the list whose items are being read */
	size_t index;        /* of the item, from 0 */
	struct slice code;   /* of the item; empty while it is not known */
};

static enum error
memory_short(struct fault *fault)
{
	return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
}

static enum error
refuse(struct reader *reader, const char *place, struct slice found, const char *expected)
{
	*reader->fault = (struct fault){ ERROR_json_malformed, slice_of_text(place), slice_cut(found, SHOWN_MAX),
		slice_of_text(expected) };
	return fault_keep(reader->fault, reader->texts);
}

/* Of the item that is being read: "boxes[12].max, code 1AJ". `member` NULL: the item itself. */
static enum error
refuse_item(struct reader *reader, const char *member, struct slice found, const char *expected)
{
	char place[128];
	const struct slice code = slice_cut(reader->code, SHOWN_MAX);

	snprintf(place, sizeof place, "%s[%zu]%s%s%s%.*s", reader->list, reader->index, member != NULL ? "." : "",
	    member != NULL ? member : "", code.size != 0 ? ", code " : "", (int)code.size, (const char *)code.data);
	return refuse(reader, place, found, expected);
}

/* An item whose code has a namesake before it. */
static enum error
refuse_twice(struct reader *reader, size_t other)
{
	char expected[64];
	struct slice code = reader->code;

	snprintf(expected, sizeof expected, "a code that %s[%zu] does not have already", reader->list, other);
	reader->code = SLICE_EMPTY;
	return refuse_item(reader, "code", code, expected);
}

static void
item_begin(struct reader *reader, size_t index, const struct json *item)
{
	reader->index = index;
	reader->code = json_find_text(item, "code");
}

/* What stands in a member. */
static struct slice
found_in(const struct json *object, const char *name)
{
	return json_show(json_find(object, name));
}

static int
code_character(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : -1;
}

/* Where in by_code; CODES_COUNT when it cannot be the code of a box. */
static size_t
code_index(struct slice code)
{
	if (code.size != 3)
		return CODES_COUNT;
	int first = code_character(code.data[0]), second = code_character(code.data[1]);
	int third = code_character(code.data[2]);
	if (first < 0 || first > 9 || second < 0 || third < 0)
		return CODES_COUNT;
	return (size_t)(first * 36 * 36 + second * 36 + third);
}

/* The index of the member's text among the names; how many names there are when it is none of them. */
static size_t
name_index(struct slice text, const char *const *names)
{
	size_t i = 0;
	while (names[i] != NULL && !slice_equal_text(text, names[i]))
		i++;
	return i;
}

/* Copies a text member of 0 to `max` bytes; an absent one is empty, one of another type is none. */
static bool
text_copy(struct catalogue *c, const struct json *object, const char *name, size_t max, struct slice *out)
{
	const struct json *member = json_find(object, name);
	struct slice text = json_find_text(object, name);

	return (member == NULL || member->type == JSON_STRING) && text.size <= max && arena_copy(c->arena, text, out);
}

static const struct json *
array_find(const struct json *root, const char *name, size_t count_max)
{
	const struct json *array = json_find(root, name);
	return array != NULL && array->type == JSON_ARRAY && array->count <= count_max ? array : NULL;
}

/* An item is an object of known members only. */
static enum error
item_check(struct reader *reader, const struct json *json, const char *const *members, const char *expected)
{
	struct slice unknown = json_show(json);

	if (json->type == JSON_OBJECT && json_has_only(json, members, &unknown))
		return ERROR_NONE;
	return refuse_item(reader, NULL, unknown, expected);
}

/* Copies a text of the item, of so many bytes. */
static enum error
item_text(struct reader *reader, const struct json *json, const char *name, size_t min, size_t max, struct slice *out)
{
	char expected[48];

	if (text_copy(reader->c, json, name, max, out) && out->size >= min)
		return ERROR_NONE;
	snprintf(expected, sizeof expected, "a text of %zu to %zu bytes", min, max);
	return refuse_item(reader, name, found_in(json, name), expected);
}

/* ---- forms ---- */

static enum error
form_boxes_parse(struct reader *reader, const struct json *json, struct catalogue_form *form)
{
	const struct json *boxes = array_find(json, "boxes", FORMS_MAX);

	if (boxes == NULL)
		return refuse_item(reader, "boxes", found_in(json, "boxes"),
		    "a list of at most 64 beginnings of box codes");
	struct slice *prefixes = arena_alloc_array(reader->c->arena, boxes->count, sizeof *prefixes);
	if (prefixes == NULL)
		return memory_short(reader->fault);
	for (const struct json *box = boxes->first; box != NULL; box = box->next) {
		if (box->type != JSON_STRING || box->text.size > 3)
			return refuse_item(reader, "boxes", json_show(box), "beginnings of box codes");
		if (!arena_copy(reader->c->arena, box->text, &prefixes[form->boxes_count++]))
			return memory_short(reader->fault);
	}
	form->boxes = prefixes;
	return ERROR_NONE;
}

static enum error
form_parse(struct reader *reader, const struct json *json, struct catalogue_form *form)
{
	static const char *const members[] = { "code", "title", "main", "boxes", NULL };
	const struct json *main = json_find(json, "main");
	enum error error = item_check(reader, json, members, "an object of code, title, main and boxes");

	if (error == ERROR_NONE)
		error = item_text(reader, json, "code", 1, LIMIT_LABEL - 8, &form->code);
	if (error == ERROR_NONE)
		error = item_text(reader, json, "title", 0, 256, &form->title);
	if (error != ERROR_NONE)
		return error;
	if (main != NULL && main->type != JSON_BOOL)
		return refuse_item(reader, "main", json_show(main), "true or false");
	form->is_main = main != NULL && main->boolean;
	return form_boxes_parse(reader, json, form);
}

static enum error
forms_parse(struct reader *reader, const struct json *root)
{
	struct catalogue *c = reader->c;
	const struct json *forms = array_find(root, "forms", FORMS_MAX);
	size_t mains = 0;

	if (forms == NULL)
		return refuse(reader, "forms", found_in(root, "forms"), "a list of at most 64");
	c->forms = arena_alloc_array(c->arena, forms->count, sizeof *c->forms);
	if (c->forms == NULL)
		return memory_short(reader->fault);
	reader->list = "forms";
	for (const struct json *form = forms->first; form != NULL; form = form->next) {
		struct catalogue_form *next = &c->forms[c->forms_count];
		item_begin(reader, c->forms_count, form);
		enum error error = form_parse(reader, form, next);
		if (error != ERROR_NONE)
			return error;
		const struct catalogue_form *other = catalogue_find_form(c, next->code);
		if (other != NULL)
			return refuse_twice(reader, (size_t)(other - c->forms));
		mains += next->is_main;
		c->forms_count++;
	}
	return mains == 1 ? ERROR_NONE : refuse(reader, "forms", SLICE_EMPTY, "one main form");
}

/* ---- papers ---- */

static const struct catalogue_paper *
paper_find(const struct catalogue *c, struct slice code)
{
	for (size_t i = 0; i < c->papers_count; i++)
		if (slice_equal(c->papers[i].code, code))
			return &c->papers[i];
	return NULL;
}

static enum error
paper_parse(struct reader *reader, const struct json *json, struct catalogue_paper *paper)
{
	static const char *const members[] = { "code", "title", "way", "form", NULL };
	static const char *const ways[] = { "post", "online", NULL };
	enum error error = item_check(reader, json, members, "an object of code, title, way and form");

	if (error == ERROR_NONE)
		error = item_text(reader, json, "code", 1, LIMIT_LABEL, &paper->code);
	if (error == ERROR_NONE)
		error = item_text(reader, json, "title", 0, 256, &paper->title);
	if (error == ERROR_NONE)
		error = item_text(reader, json, "form", 0, LIMIT_LABEL, &paper->form);
	if (error != ERROR_NONE)
		return error;
	if (!text_copy(reader->c, json, "way", 16, &paper->way) || ways[name_index(paper->way, ways)] == NULL)
		return refuse_item(reader, "way", found_in(json, "way"), "post or online");
	if (paper->form.size != 0 && catalogue_find_form(reader->c, paper->form) == NULL)
		return refuse_item(reader, "form", paper->form, "a form of this catalogue");
	return ERROR_NONE;
}

static enum error
papers_parse(struct reader *reader, const struct json *root)
{
	struct catalogue *c = reader->c;
	const struct json *papers = array_find(root, "papers", FORMS_MAX);

	if (papers == NULL)
		return refuse(reader, "papers", found_in(root, "papers"), "a list of at most 64");
	c->papers = arena_alloc_array(c->arena, papers->count, sizeof *c->papers);
	if (c->papers == NULL)
		return memory_short(reader->fault);
	reader->list = "papers";
	for (const struct json *json = papers->first; json != NULL; json = json->next) {
		struct catalogue_paper *paper = &c->papers[c->papers_count];
		item_begin(reader, c->papers_count, json);
		enum error error = paper_parse(reader, json, paper);
		if (error != ERROR_NONE)
			return error;
		const struct catalogue_paper *other = paper_find(c, paper->code);
		if (other != NULL)
			return refuse_twice(reader, other->index);
		paper->index = c->papers_count++;
	}
	return ERROR_NONE;
}

/* ---- donations ---- */

static enum error
exempt_bodies_parse(struct reader *reader, const struct json *root)
{
	static const char expected[] = "a list of at most 16 words of 1 to 32 bytes";
	struct catalogue *c = reader->c;
	const struct json *bodies = array_find(root, "exempt_bodies", BODIES_MAX);

	if (bodies == NULL)
		return refuse(reader, "exempt_bodies", found_in(root, "exempt_bodies"), expected);
	c->exempt_bodies = arena_alloc_array(c->arena, bodies->count, sizeof *c->exempt_bodies);
	if (c->exempt_bodies == NULL)
		return memory_short(reader->fault);
	for (const struct json *body = bodies->first; body != NULL; body = body->next) {
		if (body->type != JSON_STRING || body->text.size == 0 || body->text.size > BODY_MAX)
			return refuse(reader, "exempt_bodies", json_show(body), expected);
		if (!arena_copy(c->arena, body->text, &c->exempt_bodies[c->exempt_bodies_count++]))
			return memory_short(reader->fault);
	}
	return ERROR_NONE;
}

/* ---- boxes ---- */

static enum error
limits_parse(struct reader *reader, const struct json *root)
{
	const struct json *limits = json_find(root, "limits");
	struct slice unknown;
	char place[32];

	for (size_t i = 0; i < TYPES_COUNT; i++)
		if (!json_find_uint(limits, type_names[i], LIMIT_MAX, &reader->c->limits[i])) {
			snprintf(place, sizeof place, "limits.%s", type_names[i]);
			return refuse(reader, place, found_in(limits, type_names[i]),
			    "a largest value for each type, a whole number");
		}
	return json_has_only(limits, type_names, &unknown) ? ERROR_NONE :
		refuse(reader, "limits", unknown, "known types only");
}

/* The members that a box may have or not. */
static enum error
box_options_parse(struct reader *reader, const struct json *json, struct catalogue_box *box)
{
	static const char *const events[] = { "marriage", "divorce", "death", NULL };
	const struct json *donation = json_find(json, "donation"), *paper = json_find(json, "paper");
	const struct json *event = json_find(json, "event");

	if (donation != NULL) {
		size_t rule = name_index(json_find_text(json, "donation"), donation_names);
		if (donation_names[rule] == NULL || box->type != BOX_EUROS)
			return refuse_item(reader, "donation", json_show(donation),
			    "named, exempt or campaign, for a box in euros");
		box->donation = (enum donation_rule)rule;
	}
	if (event != NULL) {
		if (events[name_index(json_find_text(json, "event"), events)] == NULL || box->type != BOX_DATE)
			return refuse_item(reader, "event", json_show(event), "marriage, divorce or death, for a date");
		box->is_family_event = true;
	}
	if (paper != NULL) {
		box->paper = paper_find(reader->c, json_find_text(json, "paper"));
		if (box->paper == NULL)
			return refuse_item(reader, "paper", json_show(paper), "a paper of this catalogue");
	}
	return ERROR_NONE;
}

/* A bit for each of the forms that may carry a box of that code. */
static uint64_t
forms_of(const struct catalogue *c, struct slice code)
{
	uint64_t forms = 0;

	_Static_assert(FORMS_MAX <= 64, "a form is a bit of a uint64_t");
	for (size_t i = 0; i < c->forms_count; i++)
		for (size_t j = 0; j < c->forms[i].boxes_count; j++)
			if (slice_starts_with(code, c->forms[i].boxes[j]))
				forms |= (uint64_t)1 << i;
	return forms;
}

static enum error
box_parse(struct reader *reader, const struct json *json, struct catalogue_box *box)
{
	static const char *const members[] = { "code", "type", "label", "max", "donation", "event", "paper", NULL };
	struct catalogue *c = reader->c;
	char expected[80];
	enum error error = item_check(reader, json, members,
	    "an object of code, type, label, max, donation, event and paper");

	if (error != ERROR_NONE)
		return error;
	if (code_index(reader->code) == CODES_COUNT)
		return refuse_item(reader, "code", found_in(json, "code"), "a digit and two digits or capital letters");
	if (!text_copy(c, json, "code", 3, &box->code))
		return memory_short(reader->fault);
	box->forms = forms_of(c, box->code);
	error = item_text(reader, json, "label", 0, 256, &box->label);
	if (error != ERROR_NONE)
		return error;
	size_t type = name_index(json_find_text(json, "type"), type_names);
	if (type == TYPES_COUNT)
		return refuse_item(reader, "type", found_in(json, "type"),
		    "euros, real, boolean, integer, year or date");
	box->type = (enum box_type)type;
	box->max = c->limits[type];
	if (json_find(json, "max") != NULL && !json_find_uint(json, "max", c->limits[type], &box->max)) {
		snprintf(expected, sizeof expected, "a whole number of at most %" PRIu64 ", the limit of the type",
		    c->limits[type]);
		return refuse_item(reader, "max", found_in(json, "max"), expected);
	}
	return box_options_parse(reader, json, box);
}

static enum error
boxes_parse(struct reader *reader, const struct json *root)
{
	struct catalogue *c = reader->c;
	const struct json *boxes = array_find(root, "boxes", CODES_COUNT);

	if (boxes == NULL || boxes->count == 0)
		return refuse(reader, "boxes", found_in(root, "boxes"), "a list of boxes");
	c->boxes = arena_alloc_array(c->arena, boxes->count, sizeof *c->boxes);
	if (c->boxes == NULL)
		return memory_short(reader->fault);
	reader->list = "boxes";
	for (const struct json *json = boxes->first; json != NULL; json = json->next) {
		struct catalogue_box *box = &c->boxes[c->boxes_count];
		item_begin(reader, c->boxes_count, json);
		enum error error = box_parse(reader, json, box);
		if (error != ERROR_NONE)
			return error;
		size_t at = code_index(box->code);
		if (c->by_code[at] != 0)
			return refuse_twice(reader, (size_t)c->by_code[at] - 1);
		box->index = c->boxes_count++;
		c->by_code[at] = (uint16_t)c->boxes_count;
	}
	return ERROR_NONE;
}

/* ---- the whole ---- */

static bool
version_valid(struct slice version)
{
	return version.size != 0 && version.size <= LIMIT_LABEL;
}

static enum error
root_parse(struct reader *reader, const struct json *root)
{
	static const char *const members[] = { "type", "version", "donation_free_max", "exempt_bodies", "limits",
		"forms", "papers", "boxes", NULL };
	struct slice unknown;
	enum error error;

	if (!slice_equal_text(json_find_text(root, "type"), "guichet-catalogue"))
		return refuse(reader, "type", found_in(root, "type"), "\"guichet-catalogue\"");
	if (!json_has_only(root, members, &unknown))
		return refuse(reader, "catalogue", unknown, "known members only");
	if (json_find(root, "version") != NULL && !version_valid(json_find_text(root, "version")))
		return refuse(reader, "version", found_in(root, "version"), "a text of 1 to 64 bytes");
	if (!json_find_uint(root, "donation_free_max", UINT32_MAX, &reader->c->donation_free_max))
		return refuse(reader, "donation_free_max", found_in(root, "donation_free_max"), "whole euros");
	error = exempt_bodies_parse(reader, root);
	if (error == ERROR_NONE)
		error = limits_parse(reader, root);
	if (error == ERROR_NONE)
		error = forms_parse(reader, root);
	if (error == ERROR_NONE)
		error = papers_parse(reader, root);
	return error == ERROR_NONE ? boxes_parse(reader, root) : error;
}

enum error
catalogue_parse(struct slice text, struct arena *texts, struct catalogue **out, struct fault *fault)
{
	const struct json_limits limits = { LIMIT_JSON_FILE, 10 * CODES_COUNT, 4 };
	struct arena *arena = arena_create(json_arena_max(&limits));
	struct catalogue *c = calloc(1, sizeof *c);
	struct reader reader = { .c = c, .fault = fault, .texts = texts };
	const struct json *root;
	enum error error;

	*out = NULL;
	if (c != NULL)
		c->arena = arena_create(LIMIT_JSON_FILE);
	if (arena == NULL || c == NULL || c->arena == NULL) {
		error = memory_short(fault);
		goto out;
	}
	error = json_parse(text, &limits, arena, &root, fault);
	if (error != ERROR_NONE) {
		/* Its texts live in an arena that goes now. */
		error = fault_keep(fault, texts);
		goto out;
	}
	error = root_parse(&reader, root);
	if (error == ERROR_NONE) {
		*out = c;
		c = NULL;
	}
out:
	arena_destroy(arena);
	catalogue_destroy(c);
	return error;
}

void
catalogue_destroy(struct catalogue *catalogue)
{
	if (catalogue == NULL)
		return;
	arena_destroy(catalogue->arena);
	free(catalogue);
}

/* ---- asking ---- */

const struct catalogue_form *
catalogue_find_form(const struct catalogue *catalogue, struct slice code)
{
	for (size_t i = 0; i < catalogue->forms_count; i++)
		if (slice_equal(catalogue->forms[i].code, code))
			return &catalogue->forms[i];
	return NULL;
}

const struct catalogue_box *
catalogue_find_box(const struct catalogue *catalogue, struct slice code)
{
	size_t at = code_index(code);
	if (at == CODES_COUNT || catalogue->by_code[at] == 0)
		return NULL;
	return &catalogue->boxes[catalogue->by_code[at] - 1];
}

bool
catalogue_allows(const struct catalogue *catalogue, const struct catalogue_form *form, const struct catalogue_box *box)
{
	return (box->forms >> (form - catalogue->forms) & 1) != 0;
}

uint64_t
catalogue_donation_free_max(const struct catalogue *catalogue)
{
	return catalogue->donation_free_max;
}

const struct slice *
catalogue_exempt_bodies(const struct catalogue *catalogue, size_t *count)
{
	*count = catalogue->exempt_bodies_count;
	return catalogue->exempt_bodies;
}

size_t
catalogue_boxes_count(const struct catalogue *catalogue)
{
	return catalogue->boxes_count;
}

const struct catalogue_box *
catalogue_box_at(const struct catalogue *catalogue, size_t index)
{
	check(index < catalogue->boxes_count);
	return &catalogue->boxes[index];
}

size_t
catalogue_papers_count(const struct catalogue *catalogue)
{
	return catalogue->papers_count;
}
