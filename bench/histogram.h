/* SPDX-License-Identifier: Apache-2.0
 *
 * A histogram of latencies with a fixed relative error: HdrHistogram's log-linear counts (hdrhistogram.org), so that
 * whoever knows those figures and files knows these.
 *
 * Values are nanoseconds, as clock and schedule give them: nothing is rounded before it is counted, and the ten octaves
 * below a microsecond cost 80 KB and no time. Up to 2047 ns a value is kept exactly, above to one part in 1024 (three
 * significant digits); values that can no longer be told apart are equivalent. Percentiles and the maximum answer with
 * the highest equivalent value, the minimum with the lowest: nothing is made to look faster than it was at the slow
 * end. An empty histogram answers 0 to everything.
 *
 * A value past HISTOGRAM_NS_MAX is counted as HISTOGRAM_NS_MAX, and once more as saturated: it keeps its place at the
 * end of every percentile, and who reads them is told that the end is a lower bound.
 *
 * 248 KB each, all of it from the start. Not for use by two threads: one each, then merge. */
#ifndef GUICHET_HISTOGRAM_H
#define GUICHET_HISTOGRAM_H

#include "protocol/buf.h"

struct histogram;

/* 18 minutes: longer than anybody waits, and a run's deadline is shorter. */
#define HISTOGRAM_NS_MAX (((uint64_t)1 << 40) - 1)

/* NULL when memory is short. */
must_check struct histogram *histogram_create(void);
/* NULL is allowed. */
void histogram_destroy(struct histogram *histogram);
/* As created. */
void histogram_clear(struct histogram *histogram);

/* ---- counting; at most UINT64_MAX values in all (asserted) ---- */

/* A few nanoseconds, whatever the value. */
void histogram_record(struct histogram *histogram, uint64_t value_ns);
/* The same value `count` times. */
void histogram_record_many(struct histogram *histogram, uint64_t value_ns, uint64_t count);
/* As if what `from` holds had been recorded in `histogram` too. */
void histogram_merge(struct histogram *histogram, const struct histogram *from);

/* ---- figures; each but the first two reads all counts: tens of microseconds ---- */

uint64_t histogram_count(const struct histogram *histogram);
/* How many of these were past HISTOGRAM_NS_MAX. */
uint64_t histogram_saturated(const struct histogram *histogram);
/* The lowest value equivalent to the least one recorded. */
uint64_t histogram_min_ns(const struct histogram *histogram);
/* The highest value equivalent to the greatest one recorded. */
uint64_t histogram_max_ns(const struct histogram *histogram);
/* Mean and standard deviation (of all that was recorded, not estimated from a sample), each value taken as the middle
 * of those equivalent to it. */
double histogram_mean_ns(const struct histogram *histogram);
double histogram_deviation_ns(const struct histogram *histogram);
/* The highest value equivalent to the least one that `percentile` (0 to 100, asserted) percent of all values do not
 * exceed. At 0 the minimum, at 100 the maximum. */
uint64_t histogram_percentile_ns(const struct histogram *histogram, double percentile);

/* Appends the percentile distribution as HdrHistogram writes it to .hgrm files, in milliseconds, five steps for every
 * halving of the distance to 100 %. When values were saturated one more line of the footer says how many. Needs the C
 * locale's decimal point. */
void histogram_put_hgrm(const struct histogram *histogram, struct buf *buf);
/* It is never longer: 322 lines of 74 bytes when UINT64_MAX values are counted, and what stands around them. */
#define HISTOGRAM_HGRM_MAX ((size_t)32 * 1024)

#endif
