/* SPDX-License-Identifier: Apache-2.0
 *
 * A campaign: for which year's income returns are taken, from when to when, the three deadlines by school-holiday
 * zone, which departments are in which (A12), and the contract [convention] that a taxpayer accepts (A6). A JSON file
 * that the office publishes. */
#ifndef GUICHET_CAMPAIGN_H
#define GUICHET_CAMPAIGN_H

#include "protocol/arena.h"
#include "protocol/error.h"

/* Whose school holidays a department has. */
enum zone { ZONE_A, ZONE_B, ZONE_C, ZONE_NONE };

struct campaign_department {
	struct slice code; /* "75", "2A", "971" */
	enum zone zone;
};

struct campaign {
	struct slice name; /* "ir-2025", as in manifests */
	uint64_t income_year;
	uint64_t opens_at, closes_at;                /* seconds since 1970; closed from closes_at on */
	uint64_t deadline_a, deadline_b, deadline_c; /* first second that is late, by zone (A12) */
	const struct campaign_department *departments; /* all that a household may be of, each once */
	size_t departments_count;
	struct slice contract;                       /* version of the contract [convention] (A6) */
	struct slice contract_text;                  /* French, paragraphs parted by an empty line */
	uint64_t certificate_years;                  /* how long a certificate is valid (A5) */
};

/* Parses a campaign; slices live in the arena. Days are days in Paris, the last one included. ERROR_json_malformed with
 * the member in fault->place, or ERROR_out_of_memory. */
must_check enum error campaign_parse(struct slice text, struct arena *arena, struct campaign *out, struct fault *fault);
/* Is it the code of a department, or of what stands for one in addresses overseas and abroad? */
bool campaign_has_department(const struct campaign *campaign, struct slice code);
/* The first second at which a return from that department is late (A12). For one without a zone, and for one that the
 * campaign does not know, the latest of the three: nobody is late by a deadline that no text sets them. */
uint64_t campaign_deadline(const struct campaign *campaign, struct slice code);

#endif
