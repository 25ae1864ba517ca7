/* SPDX-License-Identifier: Apache-2.0
 *
 * When the arrivals of an open loop are meant to be: moments in nanoseconds since the run's start, each made from the
 * one before and none from how the server does. Latency is counted from these moments, so a server that stalls cannot
 * make the load wait for it, and its stall is in the figures.
 *
 * Arrivals stand on a curve: the moments of a process with one arrival a unit, each moved to where the curve's integral
 * reaches it. That is exact for whatever rate the curve has, ramps included. The same curve, kind and seed give the
 * same moments, on one machine and its libm. */
#ifndef GUICHET_SCHEDULE_H
#define GUICHET_SCHEDULE_H

#include "bench/curve.h"

struct schedule;

enum schedule_kind {
	/* The nth arrival, from 0, is where the integral reaches n + 1/2: in any stretch of time there are as many as
	 * its integral says, to within one. The seed means nothing. */
	SCHEDULE_EVEN,
	/* Exponential gaps on the integral: people who know nothing of each other. The number of arrivals is a chance
	 * too, about the integral give or take its square root. */
	SCHEDULE_POISSON,
};

/* `curve` outlives it. NULL when memory is short. Of many that run at a time each has a seed of its own. */
must_check struct schedule *schedule_create(const struct curve *curve, enum schedule_kind kind, uint64_t seed);
/* NULL is allowed. */
void schedule_destroy(struct schedule *schedule);

/* The next moment: before the run's end and never before the last one, but it may be the same. False, from then on,
 * when there are no more. */
must_check bool schedule_next(struct schedule *schedule, uint64_t *at_ns);

#endif
