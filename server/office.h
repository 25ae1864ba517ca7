/* SPDX-License-Identifier: Apache-2.0
 *
 * The office as decisions know it: who it is, what campaign is on, and the instruments it verifies and signs with. A
 * snapshot: a reload makes a new one, and requests under way keep the one they began with. */
#ifndef GUICHET_OFFICE_H
#define GUICHET_OFFICE_H

#include "protocol/campaign.h"
#include "protocol/catalogue.h"
#include "protocol/deflate.h"
#include "protocol/key.h"

#define GUICHETD_VERSION "guichetd 0.1"

struct authority;
struct keyring;
struct publications;
struct tree;

struct office {
	/* what a snapshot owns */
	struct arena *arena;
	struct campaign campaign;
	struct catalogue *catalogue;
	struct publications *publications; /* held: shared with other snapshots and the process */
	unsigned references;
	bool has_kept_year; /* the campaign's year is on record (campaign_year.h); else filings put it there */

	/* what it borrows from the process, which outlives it */
	struct slice origin;
	struct authority *authority;
	struct keyring *keyring;
	struct key_verifier *verifier;
	struct inflater *inflater;
	const struct tree *tree;
};

/* Reads campaign and catalogue from DIR/public into a new snapshot with one reference; `instruments` gives the
 * borrowed part, and the publications, which the snapshot holds too. Blocking: for start and reload only.
 * On failure *fault (texts in `arena`) says which file and why,
 * and nothing is made. */
must_check enum error office_load(const char *directory, const struct office *instruments, struct arena *arena,
    struct office **out, struct fault *fault);
/* Reads everything in DIR/public anew, into a snapshot that takes the place of `office`, with the same borrowed part.
 * As office_load; and refused too when it cannot follow it. */
must_check enum error office_reload(const char *directory, const struct office *office, struct arena *arena,
    struct office **out, struct fault *fault);
/* May `next` take the place of `office` while the server runs? What was filed stands under the campaign's name, so that
 * it cannot become another year's by a slip of the pen: ERROR_json_malformed. And log.vkey, with the origin in it, is
 * what receipts are signed with until the next start: ERROR_store_damaged. The fault's texts live in the arena. */
must_check enum error office_check_next(
    const struct office *office, const struct office *next, struct arena *arena, struct fault *fault);
struct office *office_hold(struct office *office);
void office_release(struct office *office);

#endif
