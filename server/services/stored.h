/* SPDX-License-Identifier: Apache-2.0
 *
 * Filings that were accepted: found again, and answered as they were the first time. */
#ifndef GUICHET_SERVICES_STORED_H
#define GUICHET_SERVICES_STORED_H

#include "server/decide.h"

/* How many persons of a household may sign one and the same manifest, as both spouses may, each with a receipt of their
 * own. Bounds what one rectification writes. */
#define STORED_SIGNERS_MAX ((size_t)4)

/* PROCEED with the filing that `reference` (receipt number as typed, or id in hexadecimal) names and that concerned the
 * logged-in person when it was made. A foreign one and a missing one are the same refusal. */
must_check enum outcome stored_find(struct decision *decision, struct slice reference, struct rec_filing *out);
/* The archived evidence. PROCEED or AGAIN. */
must_check enum outcome stored_archive(struct decision *decision, const struct rec_filing *filing,
    struct rec_archive_filing *out);
/* The stored receipt and its proof, byte for byte, into the answer. */
must_check enum outcome stored_receipt(struct decision *decision, const struct rec_filing *filing);
/* The accepted filings of one manifest, one for each who signed it, at most STORED_SIGNERS_MAX: *filings in the
 * arena. */
must_check enum view_state stored_signers(struct decision *decision, struct slice id, struct rec_filing **filings,
    size_t *count);
/* Key of a filing's record, from any record that points at it. */
must_check struct slice stored_key(struct decision *decision, struct slice id, struct slice signer);

#endif
