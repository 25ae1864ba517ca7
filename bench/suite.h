/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything in one run: for each kind of key the floor, the scenarios, and the peers with the same payload on the same
 * cores; then the figures that compare them. */
#ifndef GUICHET_BENCH_SUITE_H
#define GUICHET_BENCH_SUITE_H

#include "bench/bench.h"
#include "bench/results.h"

struct suite {
	const struct bench_options *options;
	struct results *results;
	struct arena *arena; /* texts, curves */
	struct corpus *corpora[RESULTS_KINDS];
	double highest[RESULTS_KINDS]; /* rate of resident, for what is offered in an open loop */
};

/* Runs all of it, or the steps that options->only names. A step that fails is told and the others go on; the first
 * failure is returned. */
must_check enum error suite_run(struct suite *suite, struct fault *fault);

#endif
