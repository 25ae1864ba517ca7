/* SPDX-License-Identifier: Apache-2.0
 *
 * What one signer may have on the office's disk besides filings. Three sums: what is announced by uploads that are open
 * and may still be filed; what is announced by those that were overtaken, since another filing, or another campaign, is
 * in force than when they were opened; and what uploads that ended left behind without belonging to a filing: parts of
 * one that was swept, of documents that were begun anew, and of those that came with the filing after all. The last
 * lies in the segments for as long as those do, so it stays on the account for as long as the campaign, and what one
 * person can leave there has an end.
 *
 * Uploads of one generation would all replace the same filing. An upload that nobody can complete any more must not
 * keep its signer from another: when the next one is opened over another filing the generation is raised, and what was
 * announced before counts as overtaken until it is swept. */
#ifndef GUICHET_SERVICES_QUOTA_H
#define GUICHET_SERVICES_QUOTA_H

#include "server/decide.h"

/* All sums together, at most. */
#define QUOTA_WITH_GIVEN_UP ((uint64_t)2 * LIMIT_UPLOAD_QUOTA)

/* Whose account, and which uploads of it. */
struct quota_share {
	struct slice signer;
	uint64_t generation;
};

/* Effects: an upload announces so many bytes. `in_force` is the filing id it would replace, empty for none; sets the
 * share's generation. Refuses above LIMIT_UPLOAD_QUOTA, and above QUOTA_WITH_GIVEN_UP with what was overtaken and given
 * up before. PROCEED, AGAIN or refused. */
must_check enum outcome quota_open(struct decision *decision, struct quota_share *share, struct slice in_force,
    uint64_t bytes);
/* Effects: so many bytes more are announced by an upload that is open. Refuses as quota_open. */
must_check enum outcome quota_add(struct decision *decision, const struct quota_share *share, uint64_t bytes);
/* Effects: an upload that announced so much has ended, and so much of it was given up. May be called for several
 * uploads of one signer in one decision. PROCEED or AGAIN. */
must_check enum outcome quota_release(struct decision *decision, const struct quota_share *share, uint64_t announced,
    uint64_t given_up);

#endif
