/* SPDX-License-Identifier: Apache-2.0
 *
 * Were the receipts of a run real? Each is verified as a taxpayer would, with the log's public key alone, and compared
 * with what the server gives when the same filing is sent again. */
#ifndef GUICHET_BENCH_RECEIPTS_H
#define GUICHET_BENCH_RECEIPTS_H

#include "bench/script.h"

struct guichet_trust;

/* One answer in so many is verified while the run goes on: a tenth of a millisecond of the generator's. */
#define RECEIPTS_SAMPLE_EVERY 128

struct receipts_report {
	uint64_t sampled;  /* answers verified as they came */
	uint64_t genuine;  /* of them: for that filing, and a leaf of the log */
	uint64_t received; /* answers of the run */
	uint64_t verified; /* of them: for that filing, and a leaf of the log */
	uint64_t same;     /* of them: byte for byte what came when asked again */
};

struct receipts_sampler;

/* Both are borrowed. NULL when memory is short. */
must_check struct receipts_sampler *receipts_sampler_create(const struct corpus *corpus,
    const struct guichet_trust *trust);
/* NULL is allowed. */
void receipts_sampler_destroy(struct receipts_sampler *sampler);
/* For script_on_answer; the context is the sampler. */
void receipts_sampler_take(void *context, uint64_t number, struct slice answer);
/* Fills the first two. */
void receipts_sampler_report(const struct receipts_sampler *sampler, struct receipts_report *report);

/* Verifies the answers to `count` jobs from `first` on, on all cores; `again` is a script that was driven over the
 * same jobs afterwards. Fills the last three. False when memory or threads are short. */
must_check bool receipts_check(const struct script *script, const struct script *again, const struct corpus *corpus,
    const struct guichet_trust *trust, size_t first, size_t count, struct receipts_report *report);

#endif
