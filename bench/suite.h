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
	struct arena *arena; /* texts, curves; outlives the results */
	struct corpus *corpora[RESULTS_KINDS];
	double highest[RESULTS_KINDS]; /* rate of resident, for what is offered in an open loop */
	bool has_invalid_run; /* one that is invalid, and none that stands for it */
	/* After each step, with what there is by then. */
	enum error (*keep)(void *context, struct fault *fault);
	void *context;
};

/* The steps' names, `count` of them. */
const char *suite_step_name(size_t nth);
size_t suite_steps_count(void);
/* Does that list of steps with commas (NULL: all) name only such as there are? ERROR_usage. */
must_check enum error suite_check(const char *only, struct fault *fault);

/* Runs all of it, or the steps that options->only names. A step that fails is told and the others go on; the first
 * failure is returned; its texts are constants or in the arena. */
must_check enum error suite_run(struct suite *suite, struct fault *fault);

#endif
