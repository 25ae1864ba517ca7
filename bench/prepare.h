/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes what a load is made of, once, on all cores, and keeps it:
 *
 *   DIR/ALGORITHM/office-new   an office with a register, nobody enrolled
 *   DIR/ALGORITHM/office       the same after everybody of the corpus has enrolled, over the wire, like anybody
 *   DIR/ALGORITHM/corpus       see corpus.h
 *   DIR/ALGORITHM/corpus.record  see record.h
 *
 * Runs load copies of the two offices. */
#ifndef GUICHET_BENCH_PREPARE_H
#define GUICHET_BENCH_PREPARE_H

#include "protocol/error.h"
#include "protocol/key.h"

struct prepare_plan {
	const char *directory; /* made if need be */
	const char *programs;  /* where guichetd is */
	const char *returns;   /* .irj file; NULL: generated returns */
	enum key_algorithm algorithm;
	size_t count;     /* filings, each by a holder of its own */
	size_t taxpayers; /* in the register, at least count */
	struct arena *texts; /* of faults */
};

/* Is what is there what this plan would make? */
bool prepare_is_fitting(const struct prepare_plan *plan);
/* Says on standard output what it does, and why what is there does not do. What fits the plan is left. */
must_check enum error prepare_run(const struct prepare_plan *plan, struct fault *fault);

#endif
