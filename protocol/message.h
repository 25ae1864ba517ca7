/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages as structs (struct msg_NAME), their descriptors (message_NAME()) and the table of operations,
 * all made from messages.def. */
#ifndef GUICHET_MESSAGE_H
#define GUICHET_MESSAGE_H

#include "protocol/limits.h"
#include "protocol/record.h"
#include "protocol/revocation_reason.h"
#include "protocol/time.h"

/* Kinds of certificate that an operator has issued, by their words. */
#define ROLE_ISSUED_WORDS "professional, agent, operator, consumer or courier"

#define RECORD_TABLE "protocol/messages.def"
#define RECORD_STRUCT(name) msg_##name
#include "protocol/record_structs.h"

/* Kinds of certificate; a set of them says who may send an operation. The numbers are stored. */
enum role {
	ROLE_NOBODY = 1 << 0, /* not logged in */
	ROLE_TAXPAYER = 1 << 1,
	ROLE_PROFESSIONAL = 1 << 2,
	ROLE_AGENT = 1 << 3,
	ROLE_OPERATOR = 1 << 4,
	ROLE_CONSUMER = 1 << 5,
	ROLE_COURIER = 1 << 6,

	ROLE_ISSUED = ROLE_PROFESSIONAL | ROLE_AGENT | ROLE_OPERATOR | ROLE_CONSUMER | ROLE_COURIER,
	ROLE_HOLDER = ROLE_TAXPAYER | ROLE_ISSUED,
	ROLE_ANYONE = ROLE_NOBODY | ROLE_HOLDER,
};

/* The word for a single role as in --kind and the log; NULL for none or several. */
const char *role_name(enum role role);
/* The role of that word, 0 when there is none. */
enum role role_find(struct slice name);

enum operation_number {
#define RECORD_TABLE "protocol/messages.def"
#define RECORD(name, about)
#define OPERATION(number, name, request, answer, roles, effect, article, about) OPERATION_##name = (number),
#include "protocol/record_rows.h"
};

struct operation {
	enum operation_number number;
	const char *name;
	const struct record *(*request)(void);
	const struct record *(*answer)(void);
	unsigned roles; /* set of enum role */
	bool writes;
	bool is_vital; /* writes also when the server's storage is at its reserve */
	const char *article; /* requirement, or "" */
	const char *about;
};

/* All operations in order of number; *count of them. */
const struct operation *operation_table(size_t *count);
/* The operation of that number, which may come from a peer; NULL when there is none. */
const struct operation *operation_find(unsigned number);

#define RECORD_TABLE "protocol/messages.def"
#define RECORD(name, about) const struct record *message_##name(void);
#define OPERATION(number, name, request, answer, roles, effect, article, about)
#include "protocol/record_rows.h"

#endif
