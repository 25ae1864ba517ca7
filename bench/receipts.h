/* SPDX-License-Identifier: Apache-2.0
 *
 * Were the receipts of a run real? Each is verified as a taxpayer would, with the log's public key alone, and compared
 * with what the server gives when the same filing is sent again; some also with what it gives when asked for them by
 * name. Of enrolments some certificates are verified as they come. */
#ifndef GUICHET_BENCH_RECEIPTS_H
#define GUICHET_BENCH_RECEIPTS_H

#include "bench/script.h"

struct guichet_trust;

/* One answer in so many is verified while the run goes on: a tenth of a millisecond of the generator's. */
#define RECEIPTS_SAMPLE_EVERY 128

struct receipts_report {
	uint64_t sampled;  /* answers verified as they came */
	uint64_t genuine;  /* of them: for that filing, and a leaf of the log; or for that key, by the authority */
	uint64_t received; /* answers of the run */
	uint64_t verified; /* of them: for that filing, and a leaf of the log */
	uint64_t same;     /* of them: byte for byte what came when the filing was sent again */
	uint64_t fetched;      /* receipts asked for by name, after a log-in */
	uint64_t fetched_same; /* of them: byte for byte what came when the filing was sent again */
};

/* Receipts that are asked for by name, at most. */
#define RECEIPTS_FETCHED_MAX ((uint64_t)256)

/* Items spread evenly over those of a run. */
struct receipts_sample {
	uint64_t first, step, count;
};

struct receipts_sample receipts_sample_of(uint64_t first, uint64_t count);

struct receipts_sampler;

/* Of receipts, or of certificates. Corpus and trust are borrowed. NULL when memory is short. */
must_check struct receipts_sampler *receipts_sampler_create(struct corpus *corpus, const struct guichet_trust *trust,
    bool is_of_certificates);
/* NULL is allowed. */
void receipts_sampler_destroy(struct receipts_sampler *sampler);
/* For script_on_answer; the context is the sampler. */
void receipts_sampler_take(void *context, uint64_t number, struct slice answer);
/* Fills the first two; false when one was not genuine. */
must_check bool receipts_sampler_report(const struct receipts_sampler *sampler, struct receipts_report *report);

/* Verifies the answers to `count` jobs from `first` on, on all cores; `again` is a script that was driven over the
 * same jobs afterwards. Fills the three of them. False when memory or threads are short. */
must_check bool receipts_check(const struct script *script, const struct script *again, const struct corpus *corpus,
    const struct guichet_trust *trust, size_t first, size_t count, struct receipts_report *report);

/* Compares what was asked for by name with `again`. Fills the last two. False when memory is short. */
must_check bool receipts_compare(const struct script *again, const struct script *fetched,
    const struct receipts_sample *sample, struct receipts_report *report);

#endif
