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
struct office *office_hold(struct office *office);
void office_release(struct office *office);

#endif
