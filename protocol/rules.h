/* SPDX-License-Identifier: Apache-2.0
 *
 * Every check of a filing's content, run by client (offline) and server alike. A rule is a row in rules.def and one
 * function in rules.c. All findings are reported, not only the first. */
#ifndef GUICHET_RULES_H
#define GUICHET_RULES_H

#include "protocol/catalogue.h"

enum rule {
	RULE_NONE = 0,
#define RULE(number, name, severity, article, english, french) RULE_##name = (number),
#include "protocol/rules.def"
#undef RULE
};

enum severity { SEVERITY_ERROR = 1, SEVERITY_ADVICE = 2 };

struct rule_entry {
	enum rule number;
	enum severity severity;
	const char *name;
	const char *article; /* requirement, or "" */
	const char *english;
	const char *french;
};

const struct rule_entry *rule_table(size_t *count);
const struct rule_entry *rule_find(unsigned number); /* NULL when unknown */

struct finding {
	const struct rule_entry *rule;
	struct slice document; /* "2042", "2044#2" for the second document */
	struct slice place;    /* box code or path; may be empty */
	struct slice value, expected; /* may be empty */
};

/* Findings in the order found, at most LIMIT_FINDINGS; all texts live in the arena. */
struct findings {
	struct finding *items;
	size_t count;
	size_t errors; /* how many of them refuse the filing */
};

/* A paper still to be sent, found on the way. */
struct paper_due {
	const struct catalogue_paper *paper;
	struct slice box;
};

/* One return document as it came. */
struct rules_document {
	struct slice type; /* form, as in the manifest */
	struct slice content;
};

struct rules_result {
	struct findings findings;
	struct paper_due *papers;
	size_t papers_count;
};

/* Checks the return documents of one filing against catalogue and income year. ERROR_NONE: look at result->findings.errors;
 * otherwise memory is short. Pure; never fails on any content. */
must_check enum error rules_check(const struct catalogue *catalogue, uint64_t income_year, const struct rules_document *documents,
    size_t count, struct arena *arena, struct rules_result *result);

#endif
