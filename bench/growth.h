/* SPDX-License-Identifier: Apache-2.0
 *
 * An office as it stands late in its life: millions in the register, a million filings stored. Made once, over the wire
 * by the real server, so that every record is what it would be: some of the corpus's holders file, and rectify, and
 * rectify again; the others are left for the measurement. Beside it one with a thousand in the register, all of whom
 * are in its corpus.
 *
 * Both are measured at the same work, for as long as is wished: holders who have filed once rectify, in turn, what they
 * filed before, each filing signed as it is sent.
 *
 *   DIR/growth/p256/...   as prepare.h has it, with a larger register
 *   DIR/growth/filled     there once all filings are stored
 *   DIR/small/p256/...    as prepare.h has it, with a small one */
#ifndef GUICHET_BENCH_GROWTH_H
#define GUICHET_BENCH_GROWTH_H

#include "bench/prepare.h"
#include "bench/stage.h"

/* Holders who file over and over, how often, and those left. */
#define GROWTH_HOLDERS ((size_t)100000)
#define GROWTH_TIMES ((size_t)10)
#define GROWTH_LEFT ((size_t)20000)
#define GROWTH_TAXPAYERS ((size_t)5000000)
/* In the small office's register. */
#define GROWTH_SMALL ((size_t)1000)

/* Makes both, unless they are there; `plan` as for the corpora, its directory the one that gets "growth", "small". */
must_check enum error growth_prepare(const struct prepare_plan *plan, struct fault *fault);

struct growth_run {
	const char *name;      /* of the run */
	const char *directory; /* DIR/growth or DIR/small */
	const char *programs;
	size_t first, count; /* the holders: items of the corpus that have not filed */
	uint64_t warmup_ns, duration_ns;
	struct arena *texts; /* of faults */
};

/* Over a fresh copy of the office. Valid only if every receipt was for its filing and those looked at were in the log;
 * else as stage_run. */
must_check enum error growth_measure(const struct growth_run *run, struct stage_result *result, struct fault *fault);

#endif
