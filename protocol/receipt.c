/* SPDX-License-Identifier: Apache-2.0
 *
 * The receipt's body. One table of members for each object, in their order; writing and reading both walk it, so that
 * what is written is what is read and nothing else is. */
#include "protocol/receipt.h"

#include <stddef.h>
#include <string.h>

#include "protocol/json.h"

/* ---- the shape ---- */

enum kind {
	KIND_TYPE,         /* the constant RECEIPT_TYPE; no field */
	KIND_HEX,          /* bytes in lower-case hexadecimal */
	KIND_TEXT,         /* struct slice */
	KIND_TEXT_OR_NULL, /* struct slice; null when empty */
	KIND_UINT,         /* uint64_t */
	KIND_BOOL,
	KIND_TIME,         /* uint64_t; an object of the time in Paris and in UTC */
	KIND_TIME_OR_NULL, /* null when 0 */
	KIND_LIST,         /* pointer and count */
};

struct member {
	const char *name;
	enum kind kind;
	size_t offset; /* of the field in its struct */
	size_t size;   /* KIND_HEX: bytes */
	size_t count_offset;
	const struct shape *items; /* KIND_LIST */
};

struct shape {
	const struct member *members;
	size_t count;
	size_t size; /* of the struct */
};

#define FIELD(record, field, of_kind)                                                                          \
	{ .name = #field, .kind = KIND_##of_kind, .offset = offsetof(struct record, field) }
#define HEX(record, field)                                                                                     \
	{ .name = #field, .kind = KIND_HEX, .offset = offsetof(struct record, field),                              \
	    .size = sizeof((struct record *)NULL)->field }
#define LIST(field, of_items)                                                                                  \
	{ .name = #field, .kind = KIND_LIST, .offset = offsetof(struct receipt, field),                            \
	    .count_offset = offsetof(struct receipt, field##_count), .items = &of_items }
#define SHAPE(of_members, record) { of_members, sizeof of_members / sizeof of_members[0], sizeof(struct record) }

static const struct member person_members[] = {
	FIELD(receipt_person, spi, TEXT),
	FIELD(receipt_person, birth_name, TEXT),
	FIELD(receipt_person, first_names, TEXT),
};
static const struct member signer_members[] = {
	FIELD(receipt_signer, spi, TEXT_OR_NULL),
	HEX(receipt_signer, serial),
	FIELD(receipt_signer, signing_time, TIME),
};
static const struct member document_members[] = {
	FIELD(receipt_document, type, TEXT),
	FIELD(receipt_document, media_type, TEXT),
	FIELD(receipt_document, size, UINT),
	HEX(receipt_document, digest),
};
static const struct member pending_members[] = {
	FIELD(receipt_pending, paper, TEXT),
	FIELD(receipt_pending, text, TEXT),
	FIELD(receipt_pending, way, TEXT),
	FIELD(receipt_pending, box, TEXT_OR_NULL),
};
static const struct shape person_shape = SHAPE(person_members, receipt_person);
static const struct shape signer_shape = SHAPE(signer_members, receipt_signer);
static const struct shape document_shape = SHAPE(document_members, receipt_document);
static const struct shape pending_shape = SHAPE(pending_members, receipt_pending);
static const struct member receipt_members[] = {
	{ .name = "type", .kind = KIND_TYPE },
	HEX(receipt, nonce),
	FIELD(receipt, number, TEXT),
	FIELD(receipt, origin, TEXT),
	FIELD(receipt, campaign, TEXT),
	FIELD(receipt, income_year, UINT),
	FIELD(receipt, received_at, TIME),
	HEX(receipt, filing_id),
	FIELD(receipt, replaces, TEXT_OR_NULL),
	FIELD(receipt, in_time, BOOL),
	FIELD(receipt, last_in_time, TIME_OR_NULL),
	FIELD(receipt, mode, TEXT),
	LIST(persons, person_shape),
	LIST(signers, signer_shape),
	LIST(documents, document_shape),
	LIST(pending, pending_shape),
};
static const struct shape receipt_shape = SHAPE(receipt_members, receipt);

/* Values of a body: as many documents and papers as the size lets in. */
static const struct json_limits limits = { LIMIT_RECEIPT_SIZE, 8192, 4 };

/* The member whose text is not one of those allowed; NULL when there is none. */
static const char *
wrong_text(const struct receipt *receipt)
{
	if (!receipt_number_valid(receipt->number))
		return "number";
	if (receipt->replaces.size != 0 && !receipt_number_valid(receipt->replaces))
		return "replaces";
	if (!slice_equal_text(receipt->mode, "online") && !slice_equal_text(receipt->mode, "offline"))
		return "mode";
	for (size_t i = 0; i < receipt->pending_count; i++)
		if (!slice_equal_text(receipt->pending[i].way, "post") &&
		    !slice_equal_text(receipt->pending[i].way, "online"))
			return "way";
	return NULL;
}

/* ---- writing ---- */

static void
put_time(struct buf *buf, uint64_t time)
{
	buf_put_text(buf, "{\"paris\":\"");
	time_put_paris(buf, time);
	buf_put_text(buf, "\",\"utc\":\"");
	time_put_utc(buf, time);
	buf_put_text(buf, "\"}");
}

static void put_object(struct buf *buf, const struct shape *shape, const void *record);

static void
put_list(struct buf *buf, const struct member *member, const uint8_t *record)
{
	const uint8_t *items;
	size_t count;

	memcpy(&items, record + member->offset, sizeof items);
	memcpy(&count, record + member->count_offset, sizeof count);
	buf_put_text(buf, "[");
	for (size_t i = 0; i < count; i++) {
		if (i != 0)
			buf_put_text(buf, ",");
		put_object(buf, member->items, items + i * member->items->size);
	}
	buf_put_text(buf, "]");
}

static void
put_value(struct buf *buf, const struct member *member, const uint8_t *record)
{
	const void *field = record + member->offset;
	const struct slice *text = field;
	const uint64_t *number = field;

	if ((member->kind == KIND_TEXT_OR_NULL && text->size == 0) ||
	    (member->kind == KIND_TIME_OR_NULL && *number == 0)) {
		buf_put_text(buf, "null");
		return;
	}
	switch (member->kind) {
	case KIND_TYPE:
		buf_put_text(buf, "\"" RECEIPT_TYPE "\"");
		break;
	case KIND_HEX:
		buf_put_u8(buf, '"');
		buf_put_hex(buf, slice_of(field, member->size));
		buf_put_u8(buf, '"');
		break;
	case KIND_TEXT:
	case KIND_TEXT_OR_NULL:
		json_put_string(buf, *text);
		break;
	case KIND_UINT:
		buf_put_decimal(buf, *number);
		break;
	case KIND_BOOL:
		buf_put_text(buf, *(const bool *)field ? "true" : "false");
		break;
	case KIND_TIME:
	case KIND_TIME_OR_NULL:
		put_time(buf, *number);
		break;
	case KIND_LIST:
		put_list(buf, member, record);
		break;
	}
}

static void
put_object(struct buf *buf, const struct shape *shape, const void *record)
{
	buf_put_text(buf, "{");
	for (size_t i = 0; i < shape->count; i++) {
		json_put_name(buf, shape->members[i].name);
		put_value(buf, &shape->members[i], record);
	}
	buf_put_text(buf, "}");
}

void
receipt_put(struct buf *buf, const struct receipt *receipt)
{
	size_t before = buf_size(buf);

	if (wrong_text(receipt) != NULL)
		buf_fail(buf);
	put_object(buf, &receipt_shape, receipt);
	if (buf_size(buf) - before > LIMIT_RECEIPT_SIZE)
		buf_fail(buf);
}

/* ---- reading ---- */

/* A longer value is not repeated in a fault. */
#define VALUE_SHOWN_MAX 64

static enum error
refuse(struct fault *fault, const struct member *member, const struct json *found, const char *expected)
{
	struct slice value = found == NULL || found->text.size > VALUE_SHOWN_MAX ? SLICE_EMPTY : found->text;

	return fault_set(fault, ERROR_json_malformed, member->name, value, expected);
}

/* {"paris":...,"utc":...}, which must name the same second. */
static bool
parse_time(const struct json *json, uint64_t *out)
{
	struct slice paris = json_find_text(json, "paris"), utc = json_find_text(json, "utc");

	if (json->type != JSON_OBJECT || json->count != 2 || !slice_equal_text(json->first->name, "paris") ||
	    !time_parse_utc(utc, out))
		return false;
	return time_equal_paris(paris, *out);
}

static enum error parse_object(const struct json *json, const struct shape *shape, struct arena *arena, void *record,
    struct fault *fault);

static enum error
parse_list(const struct json *json, const struct member *member, struct arena *arena, uint8_t *record,
    struct fault *fault)
{
	uint8_t *items = arena_alloc_array(arena, json->count, member->items->size);
	size_t i = 0;

	if (items == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	for (const struct json *item = json->first; item != NULL; item = item->next, i++) {
		enum error error = parse_object(item, member->items, arena, items + i * member->items->size, fault);
		if (error != ERROR_NONE)
			return error;
	}
	memcpy(record + member->offset, &items, sizeof items);
	memcpy(record + member->count_offset, &json->count, sizeof json->count);
	return ERROR_NONE;
}

/* Takes a value that is no list; false when it is not of its kind. */
static bool
parse_value(const struct json *json, const struct member *member, uint8_t *record)
{
	void *field = record + member->offset;

	switch (member->kind) {
	case KIND_TYPE:
		return json->type == JSON_STRING && slice_equal_text(json->text, RECEIPT_TYPE);
	case KIND_HEX:
		return json->type == JSON_STRING && hex_decode(json->text, field, member->size);
	case KIND_TEXT_OR_NULL:
		if (json->type == JSON_NULL)
			return true;
		*(struct slice *)field = json->text;
		return json->type == JSON_STRING && json->text.size != 0;
	case KIND_TEXT:
		*(struct slice *)field = json->text;
		return json->type == JSON_STRING;
	case KIND_UINT:
		return json->type == JSON_NUMBER && decimal_decode(json->text, UINT64_MAX, field);
	case KIND_BOOL:
		*(bool *)field = json->boolean;
		return json->type == JSON_BOOL;
	case KIND_TIME_OR_NULL:
		return json->type == JSON_NULL || (parse_time(json, field) && *(uint64_t *)field != 0);
	case KIND_TIME:
		return parse_time(json, field);
	case KIND_LIST:
		break;
	}
	return false;
}

static enum error
parse_object(const struct json *json, const struct shape *shape, struct arena *arena, void *record,
    struct fault *fault)
{
	static const char *const expectations[] = {
		[KIND_TYPE] = "\"" RECEIPT_TYPE "\"",
		[KIND_HEX] = "lower-case hexadecimal digits of the member's size",
		[KIND_TEXT] = "a string",
		[KIND_TEXT_OR_NULL] = "a string that is not empty, or null",
		[KIND_UINT] = "an unsigned integer",
		[KIND_BOOL] = "true or false",
		[KIND_TIME] = "an object of the same time in paris and in utc",
		[KIND_TIME_OR_NULL] = "an object of the same time in paris and in utc, or null",
		[KIND_LIST] = "an array of objects",
	};
	const struct json *value = json->first;

	if (json->type != JSON_OBJECT)
		return refuse(fault, &shape->members[0], json, "an object with this member first");
	for (size_t i = 0; i < shape->count; i++, value = value->next) {
		const struct member *member = &shape->members[i];
		enum error error = ERROR_NONE;
		if (value == NULL || !slice_equal_text(value->name, member->name))
			return refuse(fault, member, NULL, "this member in its place");
		if (member->kind == KIND_LIST && value->type == JSON_ARRAY)
			error = parse_list(value, member, arena, record, fault);
		else if (!parse_value(value, member, record))
			error = refuse(fault, member, value, expectations[member->kind]);
		if (error != ERROR_NONE)
			return error;
	}
	if (value == NULL)
		return ERROR_NONE;
	return fault_set(fault, ERROR_json_malformed, NULL, value->name, "no further member");
}

enum error
receipt_parse(struct slice body, struct arena *arena, struct receipt *out, struct fault *fault)
{
	const struct json *json;
	enum error error = json_parse(body, &limits, arena, &json, fault);

	memset(out, 0, sizeof *out);
	if (error == ERROR_NONE)
		error = parse_object(json, &receipt_shape, arena, out, fault);
	if (error != ERROR_NONE)
		return error;
	const char *wrong = wrong_text(out);
	if (wrong != NULL)
		return fault_set(fault, ERROR_json_malformed, wrong, SLICE_EMPTY, "a value of its own syntax");
	return ERROR_NONE;
}
