/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue read from JSON. Boxes are found through a table on the three characters of their code: rules_check
 * asks for every box of every return. */
#include "protocol/catalogue.h"

#include <stdlib.h>

#include "protocol/check.h"
#include "protocol/json.h"
#include "protocol/limits.h"

/* A digit and two of 36 characters. */
#define CODES_COUNT ((size_t)10 * 36 * 36)
/* Forms, papers: more than an office has, and the loops over them stay short. */
#define FORMS_MAX ((size_t)64)
#define TYPES_COUNT ((size_t)6)

struct catalogue {
	struct arena *arena;
	struct catalogue_form *forms;
	size_t forms_count;
	struct catalogue_paper *papers;
	size_t papers_count;
	struct catalogue_box *boxes;
	size_t boxes_count;
	uint64_t donation_free_max;
	uint64_t limits[TYPES_COUNT];     /* by enum box_type, for boxes without a max of their own */
	uint16_t by_code[CODES_COUNT];    /* index + 1; 0: no such box */
};

static const char *const type_names[TYPES_COUNT + 1] = { "euros", "real", "boolean", "integer", "year", "date", NULL };
static const char *const donation_names[] = { "none", "named", "exempt", "campaign", NULL };

/* ---- small steps ---- */

static enum error
refuse(struct fault *fault, const char *place, const char *expected)
{
	return fault_set(fault, ERROR_json_malformed, place, SLICE_EMPTY, expected);
}

static enum error
memory_short(struct fault *fault)
{
	return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
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

/* Copies a text member of 0 to `max` bytes; an absent one is empty. */
static bool
text_copy(struct catalogue *c, const struct json *object, const char *name, size_t max, struct slice *out)
{
	struct slice text = json_find_text(object, name);
	return text.size <= max && arena_copy(c->arena, text, out);
}

static const struct json *
array_find(const struct json *root, const char *name, size_t count_max)
{
	const struct json *array = json_find(root, name);
	return array != NULL && array->type == JSON_ARRAY && array->count <= count_max ? array : NULL;
}

/* ---- forms ---- */

static enum error
form_parse(struct catalogue *c, const struct json *json, struct catalogue_form *form, struct fault *fault)
{
	static const char *const members[] = { "code", "title", "main", "boxes", NULL };
	const struct json *boxes = array_find(json, "boxes", FORMS_MAX), *main = json_find(json, "main");
	struct slice unknown, *prefixes;

	if (json->type != JSON_OBJECT || !json_has_only(json, members, &unknown) || boxes == NULL)
		return refuse(fault, "forms", "objects of code, title, main and boxes");
	if (!text_copy(c, json, "code", LIMIT_LABEL - 8, &form->code) || form->code.size == 0 ||
	    !text_copy(c, json, "title", 256, &form->title))
		return refuse(fault, "forms", "a code and a title");
	form->is_main = main != NULL && main->type == JSON_BOOL && main->boolean;
	prefixes = arena_alloc_array(c->arena, boxes->count, sizeof *prefixes);
	if (prefixes == NULL)
		return memory_short(fault);
	for (const struct json *box = boxes->first; box != NULL; box = box->next) {
		if (box->type != JSON_STRING || box->text.size > 3)
			return refuse(fault, "forms.boxes", "beginnings of box codes");
		if (!arena_copy(c->arena, box->text, &prefixes[form->boxes_count++]))
			return memory_short(fault);
	}
	form->boxes = prefixes;
	return ERROR_NONE;
}

static enum error
forms_parse(struct catalogue *c, const struct json *root, struct fault *fault)
{
	const struct json *forms = array_find(root, "forms", FORMS_MAX);
	size_t mains = 0;

	if (forms == NULL)
		return refuse(fault, "forms", "a list of at most 64");
	c->forms = arena_alloc_array(c->arena, forms->count, sizeof *c->forms);
	if (c->forms == NULL)
		return memory_short(fault);
	for (const struct json *form = forms->first; form != NULL; form = form->next) {
		struct catalogue_form *next = &c->forms[c->forms_count];
		enum error error = form_parse(c, form, next, fault);
		if (error != ERROR_NONE)
			return error;
		if (catalogue_find_form(c, next->code) != NULL)
			return refuse(fault, "forms", "every code once");
		mains += next->is_main;
		c->forms_count++;
	}
	return mains == 1 ? ERROR_NONE : refuse(fault, "forms", "one main form");
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
papers_parse(struct catalogue *c, const struct json *root, struct fault *fault)
{
	static const char *const members[] = { "code", "title", "way", "form", NULL };
	static const char *const ways[] = { "post", "online", NULL };
	const struct json *papers = array_find(root, "papers", FORMS_MAX);
	struct slice unknown;

	if (papers == NULL)
		return refuse(fault, "papers", "a list of at most 64");
	c->papers = arena_alloc_array(c->arena, papers->count, sizeof *c->papers);
	if (c->papers == NULL)
		return memory_short(fault);
	for (const struct json *json = papers->first; json != NULL; json = json->next) {
		struct catalogue_paper *paper = &c->papers[c->papers_count];
		if (json->type != JSON_OBJECT || !json_has_only(json, members, &unknown))
			return refuse(fault, "papers", "objects of code, title, way and form");
		if (!text_copy(c, json, "code", LIMIT_LABEL, &paper->code) || paper->code.size == 0 ||
		    !text_copy(c, json, "title", 256, &paper->title) || !text_copy(c, json, "way", 16, &paper->way) ||
		    !text_copy(c, json, "form", LIMIT_LABEL, &paper->form))
			return refuse(fault, "papers", "a code, a title and a way");
		if (ways[name_index(paper->way, ways)] == NULL)
			return refuse(fault, "papers.way", "post or online");
		if (paper->form.size != 0 && catalogue_find_form(c, paper->form) == NULL)
			return refuse(fault, "papers.form", "a form of this catalogue");
		if (paper_find(c, paper->code) != NULL)
			return refuse(fault, "papers", "every code once");
		paper->index = c->papers_count++;
	}
	return ERROR_NONE;
}

/* ---- boxes ---- */

static enum error
limits_parse(struct catalogue *c, const struct json *root, struct fault *fault)
{
	const struct json *limits = json_find(root, "limits");
	for (size_t i = 0; i < TYPES_COUNT; i++)
		if (!json_find_uint(limits, type_names[i], UINT64_MAX / 4096, &c->limits[i]))
			return refuse(fault, "limits", "a largest value for each type");
	return ERROR_NONE;
}

static enum error
box_parse(struct catalogue *c, const struct json *json, struct catalogue_box *box, struct fault *fault)
{
	static const char *const members[] = { "code", "type", "label", "max", "donation", "event", "paper", NULL };
	static const char *const events[] = { "marriage", "divorce", "death", NULL };
	const struct json *donation = json_find(json, "donation"), *paper = json_find(json, "paper");
	const struct json *event = json_find(json, "event");
	struct slice unknown;
	size_t type;

	if (json->type != JSON_OBJECT || !json_has_only(json, members, &unknown))
		return refuse(fault, "boxes", "objects of code, type, label, max, donation, event and paper");
	if (code_index(json_find_text(json, "code")) == CODES_COUNT)
		return refuse(fault, "boxes.code", "a digit and two digits or capital letters");
	if (!text_copy(c, json, "code", 3, &box->code) || !text_copy(c, json, "label", 256, &box->label))
		return refuse(fault, "boxes.label", "at most 256 bytes");
	type = name_index(json_find_text(json, "type"), type_names);
	if (type == TYPES_COUNT)
		return refuse(fault, "boxes.type", "euros, real, boolean, integer, year or date");
	box->type = (enum box_type)type;
	box->max = c->limits[type];
	if (json_find(json, "max") != NULL && !json_find_uint(json, "max", c->limits[type], &box->max))
		return refuse(fault, "boxes.max", "at most the limit of the type");
	if (donation != NULL) {
		size_t rule = name_index(donation->text, donation_names);
		if (donation_names[rule] == NULL || box->type != BOX_EUROS)
			return refuse(fault, "boxes.donation", "named, exempt or campaign, for a box in euros");
		box->donation = (enum donation_rule)rule;
	}
	if (event != NULL) {
		if (events[name_index(event->text, events)] == NULL || box->type != BOX_DATE)
			return refuse(fault, "boxes.event", "marriage, divorce or death, for a date");
		box->is_family_event = true;
	}
	if (paper != NULL) {
		box->paper = paper_find(c, paper->text);
		if (box->paper == NULL)
			return refuse(fault, "boxes.paper", "a paper of this catalogue");
	}
	return ERROR_NONE;
}

static enum error
boxes_parse(struct catalogue *c, const struct json *root, struct fault *fault)
{
	const struct json *boxes = array_find(root, "boxes", CODES_COUNT);

	if (boxes == NULL || boxes->count == 0)
		return refuse(fault, "boxes", "a list of boxes");
	c->boxes = arena_alloc_array(c->arena, boxes->count, sizeof *c->boxes);
	if (c->boxes == NULL)
		return memory_short(fault);
	for (const struct json *json = boxes->first; json != NULL; json = json->next) {
		struct catalogue_box *box = &c->boxes[c->boxes_count];
		enum error error = box_parse(c, json, box, fault);
		if (error != ERROR_NONE)
			return error;
		size_t at = code_index(box->code);
		if (c->by_code[at] != 0)
			return refuse(fault, "boxes.code", "every code once");
		box->index = c->boxes_count++;
		c->by_code[at] = (uint16_t)c->boxes_count;
	}
	return ERROR_NONE;
}

/* ---- the whole ---- */

static enum error
root_parse(struct catalogue *c, const struct json *root, struct fault *fault)
{
	static const char *const members[] = { "type", "version", "donation_free_max", "limits", "forms", "papers",
		"boxes", NULL };
	struct slice unknown;
	enum error error;

	if (!slice_equal_text(json_find_text(root, "type"), "guichet-catalogue"))
		return refuse(fault, "type", "\"guichet-catalogue\"");
	if (!json_has_only(root, members, &unknown))
		return refuse(fault, "catalogue", "known members only");
	if (!json_find_uint(root, "donation_free_max", UINT32_MAX, &c->donation_free_max))
		return refuse(fault, "donation_free_max", "whole euros");
	error = limits_parse(c, root, fault);
	if (error == ERROR_NONE)
		error = forms_parse(c, root, fault);
	if (error == ERROR_NONE)
		error = papers_parse(c, root, fault);
	return error == ERROR_NONE ? boxes_parse(c, root, fault) : error;
}

enum error
catalogue_parse(struct slice text, struct catalogue **out, struct fault *fault)
{
	const struct json_limits limits = { LIMIT_JSON_FILE, 10 * CODES_COUNT, 4 };
	struct arena *arena = arena_create(json_arena_max(&limits));
	struct catalogue *c = calloc(1, sizeof *c);
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
		/* The place lives in an arena that goes now. */
		fault_set(fault, error, "catalogue", SLICE_EMPTY, "JSON without repeated members");
		goto out;
	}
	error = root_parse(c, root, fault);
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
	(void)catalogue;
	for (size_t i = 0; i < form->boxes_count; i++)
		if (slice_starts_with(box->code, form->boxes[i]))
			return true;
	return false;
}

uint64_t
catalogue_donation_free_max(const struct catalogue *catalogue)
{
	return catalogue->donation_free_max;
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
