/* SPDX-License-Identifier: Apache-2.0
 *
 * What rules.c and donations.c share: one check under way. For nobody else. */
#ifndef GUICHET_RULES_CHECK_H
#define GUICHET_RULES_CHECK_H

#include "protocol/json.h"
#include "protocol/rules.h"

/* A donation box of a document. */
struct gift_box {
	const struct catalogue_box *box;
	uint64_t value;
	bool is_valid;         /* the value, and so far the amounts listed */
	uint64_t listed;       /* sum of the donations that name it */
	size_t listed_count;
	struct gift_box *next; /* in the document */
};

/* One document while it is checked. */
struct checked_document {
	struct slice label; /* "2042", "2044#2", or the name when it has no type */
	const struct catalogue_form *form; /* NULL: unknown */
	const struct json *donations; /* NULL: none */
	struct gift_box *gifts;
};

struct checker {
	const struct catalogue *catalogue;
	uint64_t income_year;
	struct arena *arena;
	struct rules_result *result;
	struct checked_document *documents;
	size_t count;
	uint64_t campaign_total;  /* euros in all boxes of campaign financing */
	size_t findings_allocated;
	struct paper_due *called; /* by paper: the first box that calls for it */
	struct slice *called_in;  /* by paper: that box's document */
	uint8_t *seen_in;         /* by box: document, from 1; only for filings of several documents */
	enum error error;         /* memory ran short: go on to the end, then say so */
};

/* Adds a finding; place and value are cut to what a message can carry. NULL expected: empty. */
void checker_add(struct checker *c, enum rule rule, struct slice document, struct slice place, struct slice value,
    const char *expected);
/* A text made in the arena; empty (and c->error set) when memory is short. */
struct slice checker_format(struct checker *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, NUL-terminated, for checker_add's `expected`. */
const char *checker_text(struct checker *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One finding for each member of `object` whose name is not among `names`, below `path` ("donations[2]"; or ""). */
void checker_members(struct checker *c, struct slice document, const struct json *object, const char *path,
    const char *const *names);

/* Checks the donations of all documents (A13), when all boxes are known. */
void donations_check(struct checker *c);

#endif
