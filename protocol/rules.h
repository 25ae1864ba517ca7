/* SPDX-License-Identifier: Apache-2.0
 *
 * Every check of a filing's content, run by client (offline) and server alike. A rule is a row in rules.def and one
 * place in rules.c or donations.c that finds it. All findings are reported, not only the first. */
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
	struct slice document; /* "2042", "2044#2" for the second document; its name when it has no type */
	struct slice place;    /* box code or path; may be empty */
	struct slice value, expected; /* may be empty */
};

/* Findings in the order found, at most LIMIT_FINDINGS; all texts live in the arena. */
struct findings {
	struct finding *items;
	size_t count;
	size_t errors; /* how many refuse the filing, those not listed included */
};

/* A paper still to be sent, found on the way. */
struct paper_due {
	const struct catalogue_paper *paper;
	struct slice box;
};

/* One return document as it came. */
struct rules_document {
	struct slice type; /* form, as in the manifest; empty before there is one, when the document names none */
	struct slice content;
	struct slice name; /* what findings call a document without type */
};

struct rules_result {
	struct findings findings;
	struct paper_due *papers;
	size_t papers_count;
};

/* An arena of so many bytes is enough for any documents of so many bytes together. */
size_t rules_arena_max(size_t content_size, size_t documents_count);

/* Checks the return documents of one filing (at most LIMIT_DOCUMENTS; attachments are not among them) against catalogue
 * and income year. ERROR_NONE: look at result->findings.errors; otherwise memory is short. Pure; never fails on any
 * content. What it found lives in the arena, or is borrowed from the catalogue and the documents' types and names. */
must_check enum error rules_check(const struct catalogue *catalogue, uint64_t income_year,
    const struct rules_document *documents, size_t count, struct arena *arena, struct rules_result *result);

#endif
