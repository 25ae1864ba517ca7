/* SPDX-License-Identifier: Apache-2.0
 *
 * An array of counts. The first 2048 slots are a nanosecond wide each; then every octave has 1024 slots, twice as wide
 * as those of the octave before. Everything but the two totals is computed from the counts when somebody asks. */
#include "bench/histogram.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"

/* 2048 values of a kind tell three significant digits apart: the least power of 2 that is twice 1000. */
#define EXACT_BITS 11
#define EXACT ((uint64_t)1 << EXACT_BITS)
/* Slots in an octave: half of what is told apart, since the lower half belongs to the octaves before. */
#define OCTAVE_BITS (EXACT_BITS - 1)
#define OCTAVE ((size_t)1 << OCTAVE_BITS)
/* What HdrHistogram calls buckets: as many widths of a slot. 2^40 is 2^11 doubled 29 times. */
#define WIDTHS ((size_t)30)
#define SLOTS ((WIDTHS + 1) * OCTAVE)

#define NS_PER_MS 1e6

struct histogram {
	uint64_t count, saturated;
	uint64_t counts[SLOTS];
};

struct histogram *
histogram_create(void)
{
	return calloc(1, sizeof(struct histogram));
}

void
histogram_destroy(struct histogram *histogram)
{
	free(histogram);
}

void
histogram_clear(struct histogram *histogram)
{
	memset(histogram, 0, sizeof *histogram);
}

/* ---- slots ---- */

static size_t
slot_of(uint64_t value_ns)
{
	unsigned doublings = 63 - OCTAVE_BITS - (unsigned)__builtin_clzll(value_ns | (EXACT - 1));

	return ((size_t)doublings << OCTAVE_BITS) + (size_t)(value_ns >> doublings);
}

static unsigned
slot_doublings(size_t slot)
{
	return slot < OCTAVE ? 0 : (unsigned)(slot >> OCTAVE_BITS) - 1;
}

static uint64_t
slot_lowest(size_t slot)
{
	unsigned doublings = slot_doublings(slot);

	return (uint64_t)(slot - ((size_t)doublings << OCTAVE_BITS)) << doublings;
}

static uint64_t
slot_width(size_t slot)
{
	return (uint64_t)1 << slot_doublings(slot);
}

static uint64_t
slot_highest(size_t slot)
{
	return slot_lowest(slot) + slot_width(slot) - 1;
}

static double
slot_middle(size_t slot)
{
	return (double)(slot_lowest(slot) + slot_width(slot) / 2);
}

/* ---- counting ---- */

void
histogram_record(struct histogram *histogram, uint64_t value_ns)
{
	histogram_record_many(histogram, value_ns, 1);
}

void
histogram_record_many(struct histogram *histogram, uint64_t value_ns, uint64_t count)
{
	check(count <= UINT64_MAX - histogram->count);
	if (value_ns > HISTOGRAM_NS_MAX) {
		value_ns = HISTOGRAM_NS_MAX;
		histogram->saturated += count;
	}
	histogram->counts[slot_of(value_ns)] += count;
	histogram->count += count;
}

void
histogram_merge(struct histogram *histogram, const struct histogram *from)
{
	check(from->count <= UINT64_MAX - histogram->count);
	for (size_t slot = 0; slot < SLOTS; slot++)
		histogram->counts[slot] += from->counts[slot];
	histogram->count += from->count;
	histogram->saturated += from->saturated;
}

/* ---- figures ---- */

uint64_t
histogram_count(const struct histogram *histogram)
{
	return histogram->count;
}

uint64_t
histogram_saturated(const struct histogram *histogram)
{
	return histogram->saturated;
}

/* Where the value of that rank is, the least value having rank 1. */
static size_t
slot_at_rank(const struct histogram *histogram, uint64_t rank)
{
	size_t slot = 0;

	check(rank >= 1 && rank <= histogram->count);
	for (uint64_t so_far = 0; (so_far += histogram->counts[slot]) < rank;)
		slot++;
	return slot;
}

uint64_t
histogram_min_ns(const struct histogram *histogram)
{
	return histogram->count == 0 ? 0 : slot_lowest(slot_at_rank(histogram, 1));
}

uint64_t
histogram_max_ns(const struct histogram *histogram)
{
	return histogram->count == 0 ? 0 : slot_highest(slot_at_rank(histogram, histogram->count));
}

double
histogram_mean_ns(const struct histogram *histogram)
{
	double sum = 0;

	if (histogram->count == 0)
		return 0;
	for (size_t slot = 0; slot < SLOTS; slot++)
		sum += (double)histogram->counts[slot] * slot_middle(slot);
	return sum / (double)histogram->count;
}

double
histogram_deviation_ns(const struct histogram *histogram)
{
	double mean = histogram_mean_ns(histogram), sum = 0;

	if (histogram->count == 0)
		return 0;
	for (size_t slot = 0; slot < SLOTS; slot++) {
		double deviation = slot_middle(slot) - mean;
		sum += (double)histogram->counts[slot] * deviation * deviation;
	}
	return sqrt(sum / (double)histogram->count);
}

/* How many values are `percentile` percent of all, rounded up. 99.9 is a little more than 99.9 as a double, and of 1000
 * values 999 are meant, not 1000: hence the next smaller double. */
static uint64_t
rank_of(double percentile, uint64_t count)
{
	double rank = ceil(nextafter(percentile, 0) * (double)count / 100);

	if (rank < 1)
		return 1;
	return percentile < 100 && rank < (double)count ? (uint64_t)rank : count;
}

uint64_t
histogram_percentile_ns(const struct histogram *histogram, double percentile)
{
	check(percentile >= 0 && percentile <= 100);
	if (percentile <= 0 || histogram->count == 0)
		return histogram_min_ns(histogram);
	return slot_highest(slot_at_rank(histogram, rank_of(percentile, histogram->count)));
}

/* ---- .hgrm ---- */

/* Which part of all values lies beyond a step: 1, .9, .8, .7, .6, then half of these, and so on. */
static double
step_beyond(unsigned step)
{
	return ldexp((10 - step % 5) / 10.0, -(int)(step / 5));
}

static void
put_step(struct buf *buf, size_t slot, uint64_t so_far, unsigned step)
{
	buf_put_format(buf, "%12.3f %14.12f %10" PRIu64 " %14.2f\n", (double)slot_highest(slot) / NS_PER_MS,
	    1 - step_beyond(step), so_far, 1 / step_beyond(step));
}

/* Every step that the values up to a slot reach, the slot of the last value one step only; then the end itself. */
static void
put_steps(struct buf *buf, const struct histogram *histogram)
{
	uint64_t so_far = 0;
	unsigned step = 0;

	for (size_t slot = 0; so_far < histogram->count; slot++) {
		if (histogram->counts[slot] == 0)
			continue;
		so_far += histogram->counts[slot];
		double beyond = (double)(histogram->count - so_far) / (double)histogram->count;
		if (so_far == histogram->count)
			put_step(buf, slot, so_far, step);
		else
			for (; step_beyond(step) >= beyond; step++)
				put_step(buf, slot, so_far, step);
	}
	if (histogram->count != 0)
		buf_put_format(buf, "%12.3f %14.12f %10" PRIu64 "\n",
		    (double)histogram_max_ns(histogram) / NS_PER_MS, 1.0, histogram->count);
}

void
histogram_put_hgrm(const struct histogram *histogram, struct buf *buf)
{
	buf_put_format(buf, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
	put_steps(buf, histogram);
	buf_put_format(buf, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
	    histogram_mean_ns(histogram) / NS_PER_MS, histogram_deviation_ns(histogram) / NS_PER_MS);
	buf_put_format(buf, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
	    (double)histogram_max_ns(histogram) / NS_PER_MS, histogram->count);
	buf_put_format(buf, "#[Buckets = %12zu, SubBuckets     = %12" PRIu64 "]\n", WIDTHS, EXACT);
	if (histogram->saturated != 0)
		buf_put_format(buf, "#[Saturated = %10" PRIu64 ", counted as       %12.3f]\n", histogram->saturated,
		    (double)HISTOGRAM_NS_MAX / NS_PER_MS);
}
