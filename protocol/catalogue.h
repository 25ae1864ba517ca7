/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue: forms, boxes, papers, the data that the rules are checked against. A JSON file that the office
 * publishes, parsed once, indexed, and then only read (so it may be shared by threads). The campaign, its companion,
 * comes along with this header. */
#ifndef GUICHET_CATALOGUE_H
#define GUICHET_CATALOGUE_H

#include "protocol/campaign.h"

enum box_type { BOX_EUROS, BOX_REAL, BOX_BOOLEAN, BOX_INTEGER, BOX_YEAR, BOX_DATE };

struct catalogue_form {
	struct slice code;         /* "2042" */
	struct slice title;        /* French */
	bool is_main;              /* the return itself: exactly one in a filing */
	const struct slice *boxes; /* what the codes of its boxes begin with; "" is every box */
	size_t boxes_count;
};

/* A paper that a box calls for. */
struct catalogue_paper {
	struct slice code;  /* "rib" */
	struct slice title; /* French */
	struct slice way;   /* "post" or "online" */
	struct slice form;  /* the annex that satisfies it when filed along; may be empty */
	size_t index;       /* among all papers, from 0 */
};

enum donation_rule {
	DONATION_NONE,     /* the box is no donation */
	DONATION_NAMED,    /* every beneficiary must be named (A13) */
	DONATION_EXEMPT,   /* all that is given there is to bodies that need no name (A13) */
	DONATION_CAMPAIGN, /* campaign financing of parties: no name up to donation_free_max euros in all (A13) */
};

struct catalogue_box {
	struct slice code;  /* "1AJ" */
	struct slice label; /* French, may be empty */
	enum box_type type;
	uint64_t max; /* largest value: whole euros, units, or a year; hundredths for BOX_REAL */
	uint64_t forms; /* that may carry it: see catalogue_allows */
	enum donation_rule donation;
	bool is_family_event; /* the date of a marriage, civil partnership, divorce or death (A8) */
	const struct catalogue_paper *paper; /* NULL: none */
	size_t index;         /* among all boxes, from 0 */
};

struct catalogue;

/* Reads a catalogue; what it holds is its own, `text` may go. ERROR_json_malformed with the place in *fault, where
 * json_parse stopped or "boxes[12].max, code 1AJ" with items counted from 0; or ERROR_out_of_memory. Unknown members
 * are refused: a slip of the pen in an office's file must not pass for a rule. The fault's texts live in the arena
 * `texts`, a kilobyte at most; nothing else does. */
must_check enum error catalogue_parse(struct slice text, struct arena *texts, struct catalogue **out,
    struct fault *fault);
void catalogue_destroy(struct catalogue *catalogue);
/* NULL when unknown. Borrowed from the catalogue, as is all that follows. */
const struct catalogue_form *catalogue_find_form(const struct catalogue *catalogue, struct slice code);
const struct catalogue_box *catalogue_find_box(const struct catalogue *catalogue, struct slice code);
/* May a document of that form carry that box? */
bool catalogue_allows(const struct catalogue *catalogue, const struct catalogue_form *form,
    const struct catalogue_box *box);
uint64_t catalogue_donation_free_max(const struct catalogue *catalogue);
/* The kinds of bodies that need no name, whatever the box (A13): "religious", "charitable", "union". */
const struct slice *catalogue_exempt_bodies(const struct catalogue *catalogue, size_t *count);
size_t catalogue_boxes_count(const struct catalogue *catalogue);
/* The box of that index, which must exist (asserted). */
const struct catalogue_box *catalogue_box_at(const struct catalogue *catalogue, size_t index);
size_t catalogue_papers_count(const struct catalogue *catalogue);

#endif
