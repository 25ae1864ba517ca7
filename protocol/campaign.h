/* SPDX-License-Identifier: Apache-2.0
 *
 * A campaign: for which year's income returns are taken, from when to when, the three deadlines by school-holiday
 * zone (A12) and the contract [convention] that a taxpayer accepts (A6). A JSON file that the office publishes. */
#ifndef GUICHET_CAMPAIGN_H
#define GUICHET_CAMPAIGN_H

#include "protocol/arena.h"
#include "protocol/buf.h"
#include "protocol/error.h"
#include "protocol/time.h"

struct campaign {
	struct slice name; /* "ir-2025", as in manifests */
	uint64_t income_year;
	uint64_t opens_at, closes_at;                /* seconds since 1970; closed from closes_at on */
	uint64_t deadline_a, deadline_b, deadline_c; /* first second that is late, by zone (A12) */
	struct slice contract;                       /* version of the contract [convention] (A6) */
	struct slice contract_text;                  /* French, paragraphs parted by an empty line */
};

/* Parses a campaign; slices live in the arena. Days are days in Paris, the last one included. ERROR_json_malformed with
 * the member in fault->place, or ERROR_out_of_memory. Zone of a department: campaign_zone. */
must_check enum error campaign_parse(struct slice text, struct arena *arena, struct campaign *out, struct fault *fault);
/* Appends the default campaign for that year's income: open the whole of the next calendar year, all three deadlines on
 * its last day, the contract after the order of 13 October 2005. */
void campaign_write(struct buf *buf, uint64_t income_year);
/* 'A', 'B' or 'C' for a department code; 0 when unknown. Corsica with B, overseas with C (A12). */
char campaign_zone(struct slice department);

#endif
