/* SPDX-License-Identifier: Apache-2.0
 *
 * How many arrivals a second there are to be at each moment of a run: a rate that goes straight from point to point,
 * from the run's start to its end, and is 0 after that. Its integral is the number of arrivals to be expected, exact
 * within each piece, so nothing drifts over a long run.
 *
 * Times are nanoseconds since the run's start, rates are arrivals per second. A curve never changes once made: threads
 * may share it. It lives in the arena it was made in, as do the texts of faults; only a file's path in one is the
 * caller's own. */
#ifndef GUICHET_CURVE_H
#define GUICHET_CURVE_H

#include "protocol/arena.h"
#include "protocol/error.h"

struct curve;

/* More than one machine can send, so that a slip of the keyboard is seen before the run. */
#define CURVE_RATE_MAX 1e6
#define CURVE_DURATION_NS_MAX ((uint64_t)24 * 3600 * 1000000000)
/* A day with a point a second, both ends included; a line of 48 bytes for each. */
#define CURVE_POINTS_MAX ((size_t)86401)
#define CURVE_FILE_MAX ((size_t)4 * 1024 * 1024)
/* An arena of this size holds any file and its curve. */
#define CURVE_ARENA_MAX ((size_t)8 * 1024 * 1024)

/* ---- making one ---- */

/* From one rate straight to another; a steady rate when both are the same. ERROR_usage when a rate, or both at once, or
 * the duration is not what can be run. */
must_check enum error curve_make_ramp(double from, double to, uint64_t duration_ns, struct arena *arena,
    const struct curve **out, struct fault *fault);

/* What a file's numbers are multiplied by: both positive. */
struct curve_scale {
	double rate, time;
};

/* Reads a file of lines "second,rate": decimal numbers, the first second 0 and each later than the one before; the run
 * ends with the last. Empty lines and those that begin with # are skipped. ERROR_file_unreadable names the file or the
 * line, ERROR_usage the scale. Blocking. */
must_check enum error curve_read(const char *path, struct curve_scale scale, struct arena *arena,
    const struct curve **out, struct fault *fault);

/* ---- asking ---- */

uint64_t curve_duration_ns(const struct curve *curve);
/* Arrivals per second at this moment; 0 from the run's end. */
double curve_rate_at(const struct curve *curve, uint64_t at_ns);
/* How many arrivals are expected before this moment, and in all: the integral. */
double curve_count_before(const struct curve *curve, uint64_t at_ns);
double curve_count(const struct curve *curve);
/* The moment, before the run's end, at which so many arrivals are expected to have been: the inverse of
 * curve_count_before. `count` is at least 0 and less than curve_count (asserted). */
uint64_t curve_moment_ns(const struct curve *curve, double count);

#endif
