/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of what a person types for what goes over the wire, against the table of messages: no operation and no field
 * is left without a word, and no word stands for a field that there is not. */
#include "tests/unit/unit.h"

#include <string.h>

#include "protocol/message.h"

/* Rows of one kind at a time: the others are nothing. */
static const struct {
	const char *command;
	enum operation_number operation;
} sent[] = {
#define SENDS(command, operation) { command, OPERATION_##operation },
#define UNSENT(operation, why)
#define FIELD(record, field, word)
#define LINE(number, word)
#include "client/cli/typed.def"
};

static const struct {
	enum operation_number operation;
	const char *why;
} unsent[] = {
#define SENDS(command, operation)
#define UNSENT(operation, why) { OPERATION_##operation, why },
#define FIELD(record, field, word)
#define LINE(number, word)
#include "client/cli/typed.def"
};

static const struct {
	const struct record *(*record)(void);
	const char *field, *word;
} fields[] = {
#define SENDS(command, operation)
#define UNSENT(operation, why)
#define FIELD(record, field, word) { message_##record, #field, word },
#define LINE(number, word)
#define OPTION(name) #name
#define EITHER(name, other) #name
#define ARGUMENT(name) name
#define DOCUMENT "document"
#define MADE(text) text
#include "client/cli/typed.def"
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static size_t
sent_count(enum operation_number operation)
{
	size_t count = 0;

	for (size_t i = 0; i < COUNT(sent); i++)
		count += sent[i].operation == operation;
	return count;
}

static size_t
unsent_count(enum operation_number operation)
{
	size_t count = 0;

	for (size_t i = 0; i < COUNT(unsent); i++)
		count += unsent[i].operation == operation && unsent[i].why[0] != '\0';
	return count;
}

static size_t
words_count(const struct record *record, const char *field)
{
	size_t count = 0;

	for (size_t i = 0; i < COUNT(fields); i++)
		count += fields[i].record() == record && strcmp(fields[i].field, field) == 0;
	return count;
}

static void
every_operation_is_sent_by_a_command_or_said_not_to_be(void **state)
{
	size_t count;
	const struct operation *operations = operation_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		if ((sent_count(operations[i].number) != 0) + unsent_count(operations[i].number) != 1)
			fail_msg("%s: SENDS or UNSENT", operations[i].name);
}

static void
every_field_of_what_is_sent_has_one_word(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sent); i++) {
		const struct record *request = operation_find(sent[i].operation)->request();
		for (size_t j = 0; j < request->fields_count; j++) {
			const char *name = request->fields[j].name;
			size_t count = words_count(request, name);
			if (request != message_nothing())
				count += words_count(message_nothing(), name);
			if (count != 1)
				fail_msg("%s: %s.%s has %zu words", sent[i].command, request->name, name, count);
		}
	}
}

static bool
is_sent(const struct record *record)
{
	for (size_t i = 0; i < COUNT(sent); i++)
		if (operation_find(sent[i].operation)->request() == record)
			return true;
	return false;
}

static bool
has_field(const struct record *record, const char *name)
{
	for (size_t i = 0; i < record->fields_count; i++)
		if (strcmp(record->fields[i].name, name) == 0)
			return true;
	return false;
}

static void
every_word_is_of_a_field_that_is_sent(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++) {
		const struct record *record = fields[i].record();
		if (!has_field(record, fields[i].field) || !is_sent(record) || fields[i].word[0] == '\0')
			fail_msg("%s.%s", record->name, fields[i].field);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_is_sent_by_a_command_or_said_not_to_be),
		cmocka_unit_test(every_field_of_what_is_sent_has_one_word),
		cmocka_unit_test(every_word_is_of_a_field_that_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
