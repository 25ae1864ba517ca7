/* SPDX-License-Identifier: Apache-2.0
 *
 * Were the receipts of a run real? Each is verified as a taxpayer would, with the log's public key alone, and compared
 * with what the server gives when the same filing is sent again. */
#ifndef GUICHET_BENCH_RECEIPTS_H
#define GUICHET_BENCH_RECEIPTS_H

#include "bench/script.h"

struct guichet_trust;

struct receipts_report {
	uint64_t received; /* answers of the run */
	uint64_t verified; /* of them: for that filing, and a leaf of the log */
	uint64_t same;     /* of them: byte for byte what came when asked again */
};

/* Verifies the answers to `count` jobs from `first` on, on all cores; `again` is a script that was driven over the
 * same jobs afterwards. False when memory or threads are short. */
must_check bool receipts_check(const struct script *script, const struct script *again, const struct corpus *corpus,
    const struct guichet_trust *trust, size_t first, size_t count, struct receipts_report *report);

#endif
