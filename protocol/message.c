/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors and the table of operations, made from messages.def. */
#include "protocol/message.h"

#define RECORD_TABLE "protocol/messages.def"
#define RECORD_STRUCT(name) msg_##name
#define RECORD_FUNCTION(name) message_##name
#include "protocol/record_tables.h"

enum effect { READS, WRITES, VITAL };

static const struct operation table[] = {
#define RECORD_TABLE "protocol/messages.def"
#define RECORD(name, about)
#define OPERATION(number, name, request, answer, roles, effect, article, about)                                    \
	{ OPERATION_##name, #name, message_##request, message_##answer, roles, (effect) != READS,                  \
		(effect) == VITAL, article, about },
#include "protocol/record_rows.h"
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

static const struct {
	enum role role;
	const char *name;
} roles[] = {
	{ ROLE_TAXPAYER, "taxpayer" },
	{ ROLE_PROFESSIONAL, "professional" },
	{ ROLE_AGENT, "agent" },
	{ ROLE_OPERATOR, "operator" },
	{ ROLE_CONSUMER, "consumer" },
	{ ROLE_COURIER, "courier" },
};

#define ROLES_COUNT (sizeof roles / sizeof roles[0])

const char *
role_name(enum role role)
{
	for (size_t i = 0; i < ROLES_COUNT; i++)
		if (roles[i].role == role)
			return roles[i].name;
	return NULL;
}

enum role
role_find(struct slice name)
{
	for (size_t i = 0; i < ROLES_COUNT; i++)
		if (slice_equal_text(name, roles[i].name))
			return roles[i].role;
	return 0;
}

const struct operation *
operation_table(size_t *count)
{
	*count = TABLE_COUNT;
	return table;
}

const struct operation *
operation_find(unsigned number)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if ((unsigned)table[i].number == number)
			return &table[i];
	return NULL;
}
