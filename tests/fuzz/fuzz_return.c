/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: return documents, one or several parted by a byte 0xff, as the rules get them. Beyond not crashing: the
 * promised arena is enough, findings keep their bounds and are the same again, and what JSON is read is what would be
 * read if it were written out. The office's files are read with the same bytes. */
#include "protocol/check.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "protocol/rules.h"
#include "protocol/default_catalogue.h"
#include "tests/fuzz/fuzz.h"

#define DOCUMENTS_MAX 5

static const char *const types[DOCUMENTS_MAX] = { "2042", "2044", "2042C", "2042", "" };
static const struct json_limits limits = { LIMIT_RETURN_SIZE, LIMIT_JSON_VALUES, LIMIT_JSON_DEPTH };

static void
json_put(struct buf *buf, const struct json *json)
{
	if (json->type == JSON_STRING)
		json_put_string(buf, json->text);
	else if (json->type == JSON_NUMBER)
		buf_put(buf, json->text);
	else if (json->type == JSON_BOOL)
		buf_put_text(buf, json->boolean ? "true" : "false");
	else if (json->type == JSON_NULL)
		buf_put_text(buf, "null");
	else
		buf_put_u8(buf, json->type == JSON_ARRAY ? '[' : '{');
	for (const struct json *child = json->first; child != NULL; child = child->next) {
		if (child != json->first)
			buf_put_u8(buf, ',');
		if (json->type == JSON_OBJECT) {
			json_put_string(buf, child->name);
			buf_put_u8(buf, ':');
		}
		json_put(buf, child);
	}
	if (json->type == JSON_ARRAY || json->type == JSON_OBJECT)
		buf_put_u8(buf, json->type == JSON_ARRAY ? ']' : '}');
}

static void
json_holds_its_text(struct slice text)
{
	struct arena *arena = arena_create(json_arena_max(&limits));
	/* A control character takes six times its byte. */
	struct buf *first = buf_create(6 * LIMIT_RETURN_SIZE), *second = buf_create(6 * LIMIT_RETURN_SIZE);
	const struct json_limits wide = { 6 * LIMIT_RETURN_SIZE, LIMIT_JSON_VALUES, LIMIT_JSON_DEPTH };
	const struct json *json;
	struct fault fault;

	check(arena != NULL && first != NULL && second != NULL);
	enum error error = json_parse(text, &limits, arena, &json, &fault);
	check(error == ERROR_NONE || error == ERROR_json_malformed);
	if (error == ERROR_NONE) {
		json_put(first, json);
		check(buf_ok(first));
		struct arena *again = arena_create(json_arena_max(&wide));
		check(again != NULL && json_parse(buf_peek(first), &wide, again, &json, &fault) == ERROR_NONE);
		json_put(second, json);
		check(buf_ok(second) && slice_equal(buf_peek(first), buf_peek(second)));
		arena_destroy(again);
	}
	buf_destroy(first);
	buf_destroy(second);
	arena_destroy(arena);
}

static void
findings_are_bounded(const struct findings *findings)
{
	check(findings->count <= LIMIT_FINDINGS);
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->items[i];
		check(f->document.size <= LIMIT_LABEL && f->place.size <= 256 && f->value.size <= 256);
		check(f->expected.size <= 1024);
		check(slice_is_utf8(f->place) && slice_is_utf8(f->value) && slice_is_utf8(f->expected));
	}
}

static void
rules_are_sound(const struct catalogue *catalogue, const struct rules_document *documents, size_t count, size_t size)
{
	struct arena *one = arena_create(rules_arena_max(size, count)), *two = arena_create(rules_arena_max(size,
	    count));
	struct rules_result first, second;

	check(one != NULL && two != NULL);
	check(rules_check(catalogue, 2025, documents, count, one, &first) == ERROR_NONE);
	check(rules_check(catalogue, 2025, documents, count, two, &second) == ERROR_NONE);
	findings_are_bounded(&first.findings);
	check(first.findings.count == second.findings.count && first.findings.errors == second.findings.errors);
	check(first.papers_count == second.papers_count && first.papers_count <= catalogue_papers_count(catalogue));
	arena_destroy(one);
	arena_destroy(two);
}

static void
office_files_are_read(struct slice text)
{
	struct arena *arena = arena_create(1 << 24);
	struct catalogue *catalogue;
	struct campaign campaign;
	struct fault fault;

	check(arena != NULL);
	if (catalogue_parse(text, arena, &catalogue, &fault) == ERROR_NONE)
		catalogue_destroy(catalogue);
	if (campaign_parse(text, arena, &campaign, &fault) == ERROR_NONE)
		check(campaign.opens_at < campaign.closes_at && campaign.name.size != 0);
	arena_destroy(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct catalogue *catalogue; /* parsed once for all runs */
	struct rules_document documents[DOCUMENTS_MAX];
	struct fault fault;
	size_t count = 0, from = 0;

	if (size > LIMIT_RETURN_SIZE)
		return 0;
	if (catalogue == NULL) {
		struct arena *texts = arena_create(4096);
		check(texts != NULL && catalogue_parse(default_catalogue(), texts, &catalogue, &fault) == ERROR_NONE);
		arena_destroy(texts);
	}
	json_holds_its_text(slice_of(data, size));
	for (size_t at = 0; at <= size && count < DOCUMENTS_MAX; at++) {
		if (at < size && data[at] != 0xff)
			continue;
		documents[count] = (struct rules_document){
			.type = slice_of_text(types[count]),
			.content = slice_of(data + from, at - from),
			.name = SLICE_LITERAL("return.json"),
		};
		count++;
		from = at + 1;
	}
	rules_are_sound(catalogue, documents, count, size);
	office_files_are_read(slice_of(data, size));
	return 0;
}
