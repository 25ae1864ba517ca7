/* SPDX-License-Identifier: Apache-2.0
 *
 * What one signer may have on the office's disk besides filings. Two sums: what is announced by uploads that are open,
 * and what uploads that ended left behind without belonging to a filing: parts of one that was swept, of documents that
 * were begun anew, and of those that came with the filing after all. The latter lies in the segments for
 * as long as those do, so it stays on the account for as long as the campaign, and what one person can leave there has
 * an end. */
#ifndef GUICHET_SERVICES_QUOTA_H
#define GUICHET_SERVICES_QUOTA_H

#include "server/decide.h"

/* Both sums together, at most. */
#define QUOTA_WITH_GIVEN_UP ((uint64_t)2 * LIMIT_UPLOAD_QUOTA)

/* Effects: so many bytes more are announced. Refuses above LIMIT_UPLOAD_QUOTA, and above QUOTA_WITH_GIVEN_UP with what
 * was given up before. PROCEED, AGAIN or refused. */
must_check enum outcome quota_add(struct decision *decision, struct slice signer, uint64_t bytes);
/* Effects: an upload that announced so much has ended, and so much of it was given up. May be called for several
 * uploads of one signer in one decision. PROCEED or AGAIN. */
must_check enum outcome quota_release(struct decision *decision, struct slice signer, uint64_t announced,
    uint64_t given_up);

#endif
