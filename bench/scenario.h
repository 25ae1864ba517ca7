/* SPDX-License-Identifier: Apache-2.0
 *
 * The scenarios: what clients do, over how many connections, to a guichetd that has a fresh copy of a prepared office.
 * Their names are a contract with whoever compares runs. */
#ifndef GUICHET_BENCH_SCENARIO_H
#define GUICHET_BENCH_SCENARIO_H

#include "bench/stage.h"

struct scenario {
	const char *name, *about;
	const struct script_kind *script;
	const char *office;         /* which of the two prepared */
	size_t connections, window; /* closed loop: jobs under way together are their product */
	bool is_fresh;              /* a connection for each job */
	bool has_receipts;          /* answers are receipts, to be verified */
	size_t idlers;
	bool is_open; /* an open loop, whose rate is found from the highest, that of resident */
	double load;  /* as a part of it */
};

/* All of them; *count of them. */
const struct scenario *scenario_table(size_t *count);
/* NULL when there is none of that name. */
const struct scenario *scenario_find(const char *name);

struct scenario_plan {
	const struct scenario *scenario;
	const char *name;      /* of the run */
	const char *directory; /* of all that was prepared */
	const char *programs;
	const char *kind; /* of holders' keys */
	struct corpus *corpus;
	size_t connections, window, idlers; /* 0: the scenario's */
	uint64_t jobs_first;                /* items before it have filed already */
	const struct curve *curve; /* arrivals, warm-up included; NULL: closed loop */
	enum schedule_kind arrivals;
	uint64_t warmup_ns, duration_ns;
	struct arena *texts; /* of faults */
};

must_check enum error scenario_run(const struct scenario_plan *plan, struct stage_result *result, struct fault *fault);

#endif
