/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet-tables: prints what documents and tests say about messages, errors and rules from the very tables the
 * programs are compiled from. The argument names the part; see `parts` at the end. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/codec.h"
#include "protocol/error.h"
#include "protocol/frame.h"
#include "protocol/message.h"
#include "protocol/rules.h"
#include "tests/docs/sample.h"

#define MESSAGE_MAX ((size_t)1 << 20)
/* Stream id in every sample frame. */
#define STREAM 1

static const struct record *(*const records[])(void) = {
#define RECORD_TABLE "protocol/messages.def"
#define RECORD(name, about) message_##name,
#define OPERATION(number, name, request, answer, roles, effect, article, about)
#include "protocol/record_rows.h"
};

#define RECORDS_COUNT (sizeof records / sizeof records[0])

/* ---- markdown ---- */

/* One cell's text; a bar would end the cell. */
static void
cell_print(const char *text)
{
	for (; *text != '\0'; text++)
		printf(*text == '|' ? "\\|" : "%c", *text);
}

static void
roles_print(unsigned roles)
{
	const char *separator = "";

	if (roles == ROLE_ANYONE) {
		printf("anyone");
		return;
	}
	if (roles == ROLE_HOLDER) {
		printf("any holder");
		return;
	}
	for (unsigned role = ROLE_NOBODY; role <= ROLE_COURIER; role <<= 1) {
		if ((roles & role) == 0)
			continue;
		printf("%s%s", separator, role == ROLE_NOBODY ? "not logged in" : role_name(role));
		separator = ", ";
	}
}

static void
operations_print(void)
{
	size_t count;
	const struct operation *table = operation_table(&count);

	printf("| number | operation | request | answer | who may send it | effect | requirement | meaning |\n"
	       "|---|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++) {
		const struct operation *op = &table[i];
		printf("| 0x%04x | `%s` | `%s` | `%s` | ", (unsigned)op->number, op->name, op->request()->name,
		    op->answer()->name);
		roles_print(op->roles);
		printf(" | %s | %s | ", op->is_vital ? "writes, vital" : op->writes ? "writes" : "reads", op->article);
		cell_print(op->about);
		printf(" |\n");
	}
}

static void
range_print(uint64_t min, uint64_t max, const char *unit)
{
	if (min == max)
		printf("%" PRIu64 " %s", max, unit);
	else
		printf("%" PRIu64 " to %" PRIu64 " %s", min, max, unit);
}

static void
limits_print(const struct field *field)
{
	switch (field->type) {
	case FIELD_UINT:
		printf("at most %" PRIu64, field->max);
		break;
	case FIELD_BYTES:
	case FIELD_TEXT:
		range_print(field->min, field->max, "bytes");
		break;
	case FIELD_LIST:
		range_print(field->min, field->max, "rows");
		break;
	case FIELD_BOOL:
	default:
		break;
	}
}

static void
type_print(const struct field *field)
{
	static const char *const names[] = {
		[FIELD_UINT] = "unsigned", [FIELD_BOOL] = "boolean", [FIELD_BYTES] = "bytes", [FIELD_TEXT] = "text",
	};
	if (field->type == FIELD_LIST)
		printf("list of `%s`", field->list_of()->name);
	else
		printf("%s", names[field->type]);
}

static void
messages_print(void)
{
	for (size_t i = 0; i < RECORDS_COUNT; i++) {
		const struct record *record = records[i]();
		printf("%s### `%s`\n\n%c%s%s\n\n", i == 0 ? "" : "\n", record->name, toupper(record->about[0]),
		    record->about + 1, strchr("?.", record->about[strlen(record->about) - 1]) == NULL ? "." : "");
		printf("| key | name | type | need | limits | meaning |\n|---|---|---|---|---|---|\n");
		for (size_t j = 0; j < record->fields_count; j++) {
			const struct field *field = &record->fields[j];
			printf("| %u | `%s` | ", field->key, field->name);
			type_print(field);
			printf(" | %s | ", field->required ? "required" : "optional");
			limits_print(field);
			printf(" | ");
			cell_print(field->about);
			printf(" |\n");
		}
	}
}

static void
errors_print(void)
{
	static const char *const words[] = {
		[RETRY_NEVER] = "no", [RETRY_LATER] = "later", [RETRY_NEW] = "new connection",
	};
	size_t count;
	const struct error_entry *table = error_table(&count);

	printf("| number | name | send again? | English | French |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++) {
		printf("| %u | `%s` | %s | ", (unsigned)table[i].number, table[i].name, words[table[i].retry]);
		cell_print(table[i].english);
		printf(" | ");
		cell_print(table[i].french);
		printf(" |\n");
	}
}

static void
rules_print(void)
{
	size_t count;
	const struct rule_entry *table = rule_table(&count);

	printf("| number | name | severity | requirement | English | French |\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++) {
		printf("| %u | `%s` | %s | %s | ", (unsigned)table[i].number, table[i].name,
		    table[i].severity == SEVERITY_ERROR ? "error" : "advice", table[i].article);
		cell_print(table[i].english);
		printf(" | ");
		cell_print(table[i].french);
		printf(" |\n");
	}
}

/* ---- CDDL (RFC 8610) ---- */

static void
cddl_string_print(const char *type, const struct field *field)
{
	if (field->min == field->max)
		printf("%s .size %" PRIu64, type, field->max);
	else
		printf("%s .size (%" PRIu64 "..%" PRIu64 ")", type, field->min, field->max);
}

static void
cddl_type_print(const struct field *field)
{
	switch (field->type) {
	case FIELD_UINT:
		if (field->max == UINT64_MAX)
			printf("uint");
		else
			printf("0..%" PRIu64, field->max);
		break;
	case FIELD_BOOL:
		printf("bool");
		break;
	case FIELD_BYTES:
		cddl_string_print("bstr", field);
		break;
	case FIELD_TEXT:
		cddl_string_print("tstr", field);
		break;
	case FIELD_LIST:
	default:
		printf("[%" PRIu64 "*%" PRIu64 " %s]", field->min, field->max, field->list_of()->name);
	}
}

static void
cddl_print(void)
{
	size_t count;
	const struct operation *table = operation_table(&count);

	printf(
	    "; SPDX-License-Identifier: Apache-2.0\n;\n"
	    "; Bodies of Guichet's frames in CDDL (RFC 8610). Made from messages.def by `make tables`: do not edit.\n"
	    "; All are deterministic CBOR (RFC 8949 4.2.1). What CDDL cannot say: in requests an unknown odd\n"
	    "; key is refused. An answer whose frame has a status other than 0 carries `refusal`.\n;\n");
	for (size_t i = 0; i < count; i++)
		printf("; 0x%04x %s: %s -> %s\n", (unsigned)table[i].number, table[i].name, table[i].request()->name,
		    table[i].answer()->name);
	printf("\nbody =");
	/* Key 0 is the envelope's: rows of lists, which lack it, are no bodies. */
	for (size_t i = 0; i < RECORDS_COUNT; i++)
		if (records[i]()->fields[0].key == 0)
			printf("%s%s", i == 0 ? " " : "\n  / ", records[i]()->name);
	printf("\n\n; What a field that this version does not know may hold.\n"
	       "scalar = uint / bstr / tstr / bool\nitem = scalar / [* item] / { * scalar => item }\n");
	for (size_t i = 0; i < RECORDS_COUNT; i++) {
		const struct record *record = records[i]();
		printf("\n; %s\n%s = {\n", record->about, record->name);
		for (size_t j = 0; j < record->fields_count; j++) {
			const struct field *field = &record->fields[j];
			printf("  %s%u: ", field->required ? "" : "? ", field->key);
			cddl_type_print(field);
			printf(", ; %s: %s\n", field->name, field->about);
		}
		printf("  * uint => item\n}\n");
	}
}

/* ---- vectors (JSON) ---- */

static void
json_text_print(struct slice text)
{
	putchar('"');
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void
hex_print(struct slice bytes)
{
	for (size_t i = 0; i < bytes.size; i++)
		printf("%02x", bytes.data[i]);
}

static void fields_print(const struct record *record, const uint8_t *value);

static void
json_value_print(const struct field *field, const uint8_t *value)
{
	const void *at = value + field->offset;
	const uint8_t *rows;

	switch (field->type) {
	case FIELD_UINT:
		printf("\"uint\":%" PRIu64, *(const uint64_t *)at);
		break;
	case FIELD_BOOL:
		printf("\"bool\":%s", *(const bool *)at ? "true" : "false");
		break;
	case FIELD_BYTES:
		printf("\"bytes\":\"");
		hex_print(*(const struct slice *)at);
		putchar('"');
		break;
	case FIELD_TEXT:
		printf("\"text\":");
		json_text_print(*(const struct slice *)at);
		break;
	case FIELD_LIST:
	default:
		memcpy(&rows, at, sizeof rows);
		printf("\"list\":[");
		for (size_t i = 0; i < *(const size_t *)(const void *)(value + field->count_offset); i++) {
			if (i > 0)
				putchar(',');
			fields_print(field->list_of(), rows + i * field->list_of()->size);
		}
		putchar(']');
	}
}

static void
fields_print(const struct record *record, const uint8_t *value)
{
	const char *separator = "";

	putchar('[');
	for (size_t i = 0; i < record->fields_count; i++) {
		const struct field *field = &record->fields[i];
		if (!field->required && !*(const bool *)(value + field->has_offset))
			continue;
		printf("%s{\"key\":%u,\"name\":\"%s\",", separator, field->key, field->name);
		json_value_print(field, value);
		putchar('}');
		separator = ",";
	}
	putchar(']');
}

/* A whole frame around a sample of the record. */
static void
frame_make(struct buf *buf, struct frame frame, const struct record *record, enum sample_extent extent)
{
	struct arena *arena = arena_create(MESSAGE_MAX);

	check(arena != NULL);
	size_t at = frame_begin(buf, &frame);
	codec_encode(record, sample_make(record, extent, arena), buf);
	frame_end(buf, at);
	check(buf_ok(buf));
	arena_destroy(arena);
}

static void
vector_print(const struct record *record, enum sample_extent extent, struct arena *arena, struct buf *buf)
{
	const uint8_t *value = sample_make(record, extent, arena);

	codec_encode(record, value, buf);
	check(buf_ok(buf));
	printf("{\"record\":\"%s\",\"sample\":\"%s\",\n \"fields\":", record->name,
	    extent == SAMPLE_FULL ? "full" : "minimal");
	fields_print(record, value);
	printf(",\n \"cbor\":\"");
	hex_print(buf_peek(buf));
	printf("\"}");
	buf_clear(buf);
	arena_reset(arena);
}

static void
vectors_print(void)
{
	size_t count;
	const struct operation *table = operation_table(&count);
	struct arena *arena = arena_create(MESSAGE_MAX);
	struct buf *buf = buf_create(MESSAGE_MAX);

	check(arena != NULL && buf != NULL);
	printf("{\"about\":\"Every record with its required fields only and in full, then a whole request frame "
	       "of every operation, in hexadecimal. Generated by make tables.\",\n\"messages\":[\n");
	for (size_t i = 0; i < RECORDS_COUNT; i++) {
		vector_print(records[i](), SAMPLE_MINIMAL, arena, buf);
		printf(",\n");
		vector_print(records[i](), SAMPLE_FULL, arena, buf);
		printf(i + 1 < RECORDS_COUNT ? ",\n" : "\n],\n");
	}
	printf("\"requests\":[\n");
	for (size_t i = 0; i < count; i++) {
		const struct operation *op = &table[i];
		frame_make(buf, (struct frame){ .op = (uint16_t)op->number, .stream = STREAM }, op->request(),
		    SAMPLE_FULL);
		printf("{\"operation\":\"%s\",\"number\":%u,\"stream\":%u,\"frame\":\"", op->name, (unsigned)op->number,
		    (unsigned)STREAM);
		hex_print(buf_peek(buf));
		printf(i + 1 < count ? "\"},\n" : "\"}\n]}\n");
		buf_clear(buf);
	}
	buf_destroy(buf);
	arena_destroy(arena);
}

/* ---- fuzz seeds ---- */

static bool
seed_write(const char *directory, const char *name, const char *kind, struct buf *buf)
{
	char path[4096];
	int size = snprintf(path, sizeof path, "%s/%s-%s", directory, name, kind);
	FILE *file = size > 0 && (size_t)size < sizeof path ? fopen(path, "wb") : NULL;

	if (file == NULL) {
		fprintf(stderr, "guichet-tables: %s/%s-%s: %s\n", directory, name, kind, strerror(errno));
		return false;
	}
	struct slice bytes = buf_peek(buf);
	bool written = fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
	buf_clear(buf);
	return fclose(file) == 0 && written;
}

/* The request and the answer of every operation, and one refusal, each a file. */
static bool
seeds_write(const char *directory)
{
	size_t count;
	const struct operation *table = operation_table(&count);
	struct buf *buf = buf_create(MESSAGE_MAX);
	bool written = true;

	check(buf != NULL);
	for (size_t i = 0; i < count && written; i++) {
		struct frame frame = { .op = (uint16_t)table[i].number, .stream = STREAM };
		frame_make(buf, frame, table[i].request(), SAMPLE_FULL);
		written = seed_write(directory, table[i].name, "request", buf);
		frame.flags = FRAME_ANSWER;
		frame_make(buf, frame, table[i].answer(), SAMPLE_FULL);
		written = written && seed_write(directory, table[i].name, "answer", buf);
	}
	frame_make(buf, (struct frame){ .flags = FRAME_ANSWER, .status = ERROR_busy, .stream = STREAM },
	    message_refusal(), SAMPLE_FULL);
	written = written && seed_write(directory, "any", "refusal", buf);
	buf_destroy(buf);
	return written;
}

/* ---- arguments ---- */

static const struct {
	const char *name;
	void (*print)(void);
} parts[] = {
	{ "operations", operations_print },
	{ "messages", messages_print },
	{ "errors", errors_print },
	{ "rules", rules_print },
	{ "cddl", cddl_print },
	{ "vectors", vectors_print },
};

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "seeds") == 0)
		return seeds_write(argv[2]) ? EXIT_SUCCESS : EXIT_FAILURE;
	for (size_t i = 0; argc == 2 && i < sizeof parts / sizeof parts[0]; i++) {
		if (strcmp(argv[1], parts[i].name) == 0) {
			parts[i].print();
			return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
		}
	}
	fprintf(stderr, "usage: guichet-tables seeds DIR | PART, where PART is one of:");
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		fprintf(stderr, " %s", parts[i].name);
	fprintf(stderr, "\n");
	return EXIT_FAILURE;
}
