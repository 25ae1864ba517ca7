/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of the wire, as words of the command line. */
#include "client/cli/typed.h"

#include <string.h>

#include "client/cli/cli.h"
#include "client/filing.h"
#include "protocol/message.h"

enum kind { KIND_OPTION, KIND_ARGUMENT, KIND_DOCUMENT, KIND_MADE };

struct word {
	enum kind kind;
	enum option_number option, other;
	const char *text;
};

static const struct row {
	const char *record, *field; /* of a line of the manifest: "line" and its number */
	struct word word;
} rows[] = {
#define SENDS(command, operation)
#define UNSENT(operation, why)
#define FIELD(record, field, word) { #record, #field, word },
#define LINE(number, word) { "line", #number, word },
#define OPTION(name) { KIND_OPTION, OPTION_##name, OPTION_##name, NULL }
#define EITHER(name, other) { KIND_OPTION, OPTION_##name, OPTION_##other, NULL }
#define ARGUMENT(name) { KIND_ARGUMENT, OPTION_COUNT, OPTION_COUNT, name }
#define DOCUMENT { KIND_DOCUMENT, OPTION_COUNT, OPTION_COUNT, NULL }
#define MADE(text) { KIND_MADE, OPTION_COUNT, OPTION_COUNT, text }
#include "client/cli/typed.def"
};

static const struct sent {
	const char *command;
	enum operation_number operation;
} sent[] = {
#define SENDS(command, operation) { command, OPERATION_##operation },
#define UNSENT(operation, why)
#define FIELD(record, field, word)
#define LINE(number, word)
#include "client/cli/typed.def"
};

#define FIRST_DOCUMENT_LINE 7

static const struct row *
find_row(struct slice record, struct slice field)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (slice_equal_text(record, rows[i].record) && slice_equal_text(field, rows[i].field))
			return &rows[i];
	return NULL;
}

/* What a decision calls by its field alone is of the request that the command sends. */
static const struct row *
find_row_of_command(const char *command, struct slice field)
{
	const struct row *row = NULL;

	for (size_t i = 0; i < sizeof sent / sizeof sent[0] && row == NULL; i++)
		if (strcmp(sent[i].command, command) == 0)
			row = find_row(slice_of_text(operation_find(sent[i].operation)->request()->name), field);
	return row;
}

/* ---- documents ---- */

/* Takes a number off the front of *rest; false when there is none, or one that is no count of documents. */
static bool
take_number(struct slice *rest, uint64_t *number)
{
	size_t size = 0;

	while (size < rest->size && rest->data[size] >= '0' && rest->data[size] <= '9')
		size++;
	if (!decimal_decode(slice_of(rest->data, size), LIMIT_DOCUMENTS + FIRST_DOCUMENT_LINE, number))
		return false;
	*rest = slice_from(*rest, size);
	return true;
}

/* "2042", or "2044#2" for the second of that type. */
static const char *
find_labelled(const struct guichet_filing *filing, struct slice label)
{
	const uint8_t *mark = label.size != 0 ? memchr(label.data, '#', label.size) : NULL;
	struct slice type = mark != NULL ? slice_of(label.data, (size_t)(mark - label.data)) : label;
	struct slice rest = mark != NULL ? slice_from(label, type.size + 1) : SLICE_EMPTY;
	uint64_t nth = 1;

	if (type.size == 0 || (mark != NULL && (!take_number(&rest, &nth) || rest.size != 0)))
		return NULL;
	for (size_t i = 0; i < filing->content.documents_count; i++)
		if (slice_equal(filing->documents[i].type, type) && --nth == 0)
			return filing_document_path(filing, i);
	return NULL;
}

static const char *
document_of_line(const struct guichet_filing *filing, struct slice rest)
{
	uint64_t line;

	if (!take_number(&rest, &line) || rest.size != 0 || line < FIRST_DOCUMENT_LINE)
		return NULL;
	return filing_document_path(filing, (size_t)line - FIRST_DOCUMENT_LINE);
}

/* Behind `documents`: "[2].content" of the third that was sent, which is the third of the filing, since returns come
 * before attachments; all of them where there is nothing. */
static const char *
document_of_row(const struct guichet_filing *filing, struct slice rest)
{
	uint64_t nth = 0;

	if (filing == NULL)
		return NULL;
	if (rest.size != 0 && rest.data[0] == '[') {
		rest = slice_from(rest, 1);
		return take_number(&rest, &nth) ? filing_document_path(filing, (size_t)nth) : NULL;
	}
	return filing->content.documents_count == 1 ? filing_document_path(filing, 0) : NULL;
}

/* ---- words ---- */

static const char *
word_text(const struct cli *cli, const struct word *word, struct slice rest, bool *is_typed)
{
	const char *path;

	*is_typed = word->kind != KIND_MADE;
	switch (word->kind) {
	case KIND_OPTION:
		return options_name(cli_value(cli, word->option) != NULL ? word->option : word->other);
	case KIND_ARGUMENT:
	case KIND_MADE:
		return word->text;
	case KIND_DOCUMENT:
		break;
	}
	path = document_of_row(cli->filing, rest);
	*is_typed = path != NULL;
	return path != NULL ? path : "the documents of the filing";
}

/* The end of a name: what separates it from the next, or from the number of a row. */
static size_t
name_size(struct slice place)
{
	size_t size = 0;

	while (size < place.size && place.data[size] != '.' && place.data[size] != '[')
		size++;
	return size;
}

static bool
is_sent(const char *command, struct slice record)
{
	for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++)
		if (strcmp(sent[i].command, command) == 0 &&
		    slice_equal_text(record, operation_find(sent[i].operation)->request()->name))
			return true;
	return false;
}

/* "record.field", "record.list[n].field", or "field". */
static const char *
find_field(const struct cli *cli, struct slice place, bool is_told, bool *is_typed)
{
	size_t size = name_size(place);
	struct slice record = slice_of(place.data, size), field = record, rest = slice_from(place, size);
	const struct row *row = NULL;

	if (is_sent(cli->command->name, record) && rest.size != 0 && rest.data[0] == '.') {
		place = slice_from(rest, 1);
		size = name_size(place);
		field = slice_of(place.data, size);
		rest = slice_from(place, size);
		row = find_row(record, field);
		if (row == NULL)
			row = find_row(SLICE_LITERAL("nothing"), field);
	} else if (is_told) {
		row = find_row_of_command(cli->command->name, field);
	}
	return row != NULL ? word_text(cli, &row->word, rest, is_typed) : NULL;
}

const char *
typed_find(const struct cli *cli, struct slice place, bool is_told, bool *is_typed)
{
	const struct slice line = SLICE_LITERAL("line ");
	const char *path = NULL;

	*is_typed = false;
	if (cli->command == NULL || place.size == 0)
		return NULL;
	if (cli->filing == NULL)
		return find_field(cli, place, is_told, is_typed);
	if (slice_starts_with(place, line)) {
		struct slice number = slice_from(place, line.size);
		const struct row *row = find_row(SLICE_LITERAL("line"), number);
		if (row != NULL)
			return word_text(cli, &row->word, SLICE_EMPTY, is_typed);
		path = document_of_line(cli->filing, number);
	} else {
		path = find_labelled(cli->filing, place);
	}
	*is_typed = path != NULL;
	return path != NULL ? path : find_field(cli, place, is_told, is_typed);
}
