/* SPDX-License-Identifier: Apache-2.0
 *
 * Campaign and catalogue: the data that the rules are checked against. Both are JSON files that the office publishes;
 * each is parsed once, indexed, and then only read (so it may be shared by threads). */
#ifndef GUICHET_CATALOGUE_H
#define GUICHET_CATALOGUE_H

#include "protocol/error.h"
#include "protocol/arena.h"

/* ---- catalogue: forms, boxes, papers ---- */

enum box_type { BOX_EUROS, BOX_REAL, BOX_BOOLEAN, BOX_INTEGER, BOX_YEAR, BOX_DATE };

struct catalogue_form {
	struct slice code;  /* "2042" */
	struct slice title; /* French */
	bool is_main;       /* the return itself: exactly one in a filing */
};

/* A paper that a box calls for. */
struct catalogue_paper {
	struct slice code;  /* "rib" */
	struct slice title; /* French */
	struct slice way;   /* "post" or "online" */
	struct slice form;  /* the annex that satisfies it when filed along; may be empty */
};

enum donation_rule {
	DONATION_NONE,     /* the box is no donation */
	DONATION_NAMED,    /* every beneficiary must be named (A13) */
	DONATION_EXEMPT,   /* religious, charitable, union: no name asked (A13) */
	DONATION_CAMPAIGN, /* campaign financing of parties: no name up to donation_free_max euros in all (A13) */
};

struct catalogue_box {
	struct slice code;  /* "1AJ" */
	struct slice label; /* French, may be empty */
	enum box_type type;
	uint64_t max; /* largest value: whole euros, units, or a year; hundredths for BOX_REAL */
	enum donation_rule donation;
	const struct catalogue_paper *paper; /* NULL: none */
};

struct catalogue;

must_check enum error catalogue_parse(struct slice text, struct catalogue **out, struct fault *fault);
void catalogue_destroy(struct catalogue *catalogue);
/* NULL when unknown. Borrowed from the catalogue, as is all that follows. */
const struct catalogue_form *catalogue_find_form(const struct catalogue *catalogue, struct slice code);
const struct catalogue_box *catalogue_find_box(const struct catalogue *catalogue, struct slice code);
/* May a document of that form carry that box? */
bool catalogue_allows(const struct catalogue *catalogue, const struct catalogue_form *form, const struct catalogue_box *box);
uint64_t catalogue_donation_free_max(const struct catalogue *catalogue);
size_t catalogue_boxes_count(const struct catalogue *catalogue);

/* ---- campaign ---- */

struct campaign {
	struct slice name; /* "ir-2025", as in manifests */
	uint64_t income_year;
	uint64_t opens_at, closes_at;           /* seconds since 1970 */
	uint64_t deadline_a, deadline_b, deadline_c; /* first second that is late, by zone (A12) */
	struct slice contract;                  /* version of the contract [convention] (A6) */
	struct slice contract_text;             /* French */
};

/* Parses a campaign; slices live in the arena. Zone of a department: campaign_zone. */
must_check enum error campaign_parse(struct slice text, struct arena *arena, struct campaign *out, struct fault *fault);
/* 'A', 'B' or 'C' for a department code; 0 when unknown. Corsica with B, overseas with C (A12). */
char campaign_zone(struct slice department);

#endif
