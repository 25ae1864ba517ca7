/* SPDX-License-Identifier: Apache-2.0
 *
 * A sum of gaps on the integral; curve_moment_ns makes it a time. The randomness is splitmix64 (Steele, Lea and Flood,
 * "Fast splittable pseudorandom number generators", 2014): one word of state, any seed is good, and seeds that are
 * neighbours have nothing to do with each other. */
#include "bench/schedule.h"

#include <math.h>
#include <stdlib.h>

struct schedule {
	const struct curve *curve;
	enum schedule_kind kind;
	uint64_t random;  /* the generator's state */
	double reached;   /* of the integral, by the last arrival */
	uint64_t last_ns; /* the last arrival */
};

struct schedule *
schedule_create(const struct curve *curve, enum schedule_kind kind, uint64_t seed)
{
	struct schedule *schedule = malloc(sizeof *schedule);

	if (schedule == NULL)
		return NULL;
	*schedule = (struct schedule){ curve, kind, seed, kind == SCHEDULE_EVEN ? -0.5 : 0, 0 };
	return schedule;
}

void
schedule_destroy(struct schedule *schedule)
{
	free(schedule);
}

static uint64_t
random_next(uint64_t *state)
{
	uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

/* Exponential with mean 1: minus the logarithm of one of the 2^53 numbers evenly spaced in (0, 1]. */
static double
random_gap(uint64_t *state)
{
	return -log(ldexp((double)((random_next(state) >> 11) + 1), -53));
}

bool
schedule_next(struct schedule *schedule, uint64_t *at_ns)
{
	schedule->reached += schedule->kind == SCHEDULE_EVEN ? 1 : random_gap(&schedule->random);
	if (schedule->reached >= curve_count(schedule->curve))
		return false;
	/* Two that are closer than rounding is exact could come out in the wrong order. */
	uint64_t moment_ns = curve_moment_ns(schedule->curve, schedule->reached);
	if (moment_ns > schedule->last_ns)
		schedule->last_ns = moment_ns;
	*at_ns = schedule->last_ns;
	return true;
}
