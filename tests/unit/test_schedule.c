/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrivals: even ones against the moments and integrals they must have, random ones against what is known of Poisson
 * processes. Seeds are fixed, so bounds of four or five standard deviations never fail by chance. */
#include "tests/unit/curve_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/schedule.h"

/* All moments of a schedule. */
struct moments {
	uint64_t *at_ns;
	size_t count;
};

/* In order, before the end, and nothing after the last: asserted of every schedule that a test asks for. */
static struct moments
moments_of(const struct curve *curve, enum schedule_kind kind, uint64_t seed)
{
	struct schedule *schedule = schedule_create(curve, kind, seed);
	size_t max = (size_t)curve_count(curve) * 2 + 100;
	struct moments moments = { calloc(max, sizeof *moments.at_ns), 0 };
	uint64_t last_ns = 0, at_ns = 77;

	assert_non_null(schedule);
	assert_non_null(moments.at_ns);
	while (schedule_next(schedule, &at_ns)) {
		assert_true(at_ns >= last_ns && at_ns < curve_duration_ns(curve));
		assert_true(moments.count < max);
		moments.at_ns[moments.count++] = last_ns = at_ns;
	}
	for (int again = 0; again < 100; again++)
		assert_false(schedule_next(schedule, &at_ns));
	assert_int_equal(at_ns, moments.count == 0 ? 77 : last_ns);
	schedule_destroy(schedule);
	return moments;
}

static size_t
count_between(const struct moments *moments, uint64_t from_ns, uint64_t to_ns)
{
	size_t count = 0;
	for (size_t i = 0; i < moments->count; i++)
		count += moments->at_ns[i] >= from_ns && moments->at_ns[i] < to_ns;
	return count;
}

/* ---- even ---- */

static void
a_fixed_rate_has_equal_gaps(void **state)
{
	static const double rates[] = { 0.5, 1, 7, 999.9, 1000, 30000 };
	for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
		struct moments moments = moments_of(curve_of_ramp(*state, rates[r], rates[r], 10), SCHEDULE_EVEN, 1);
		assert_int_equal(moments.count, (size_t)(rates[r] * 10 + 0.5));
		for (size_t n = 0; n < moments.count; n++)
			assert_near((double)moments.at_ns[n], ((double)n + 0.5) / rates[r] * 1e9, 1);
		free(moments.at_ns);
	}
}

/* Rates whose gap is no whole number of nanoseconds: after a day the last arrival is still where it belongs. */
static void
nothing_drifts_in_a_day(void **state)
{
	struct moments moments = moments_of(curve_of_ramp(*state, 3, 3, 86400), SCHEDULE_EVEN, 1);
	assert_int_equal(moments.count, 3 * 86400);
	for (size_t n = 0; n < moments.count; n += 1000)
		assert_near((double)moments.at_ns[n], ((double)n + 0.5) / 3 * 1e9, 1.1);
	free(moments.at_ns);
	moments = moments_of(curve_of_ramp(*state, 0, 6, 86400), SCHEDULE_EVEN, 1);
	assert_int_equal(moments.count, 3 * 86400);
	/* t = T sqrt(n / N) */
	for (size_t n = 0; n < moments.count; n += 1000)
		assert_near((double)moments.at_ns[n], 86400e9 * sqrt(((double)n + 0.5) / (3 * 86400)), 1.1);
	free(moments.at_ns);
}

static void
a_ramp_has_the_rate_of_the_moment(void **state)
{
	static const double ends[][2] = { { 100, 2000 }, { 2000, 100 }, { 0, 1500 }, { 1500, 0 } };
	for (size_t i = 0; i < 4; i++) {
		double a = ends[i][0], b = ends[i][1];
		struct moments moments = moments_of(curve_of_ramp(*state, a, b, 20), SCHEDULE_EVEN, 1);
		assert_int_equal(moments.count, (size_t)((a + b) * 10));
		/* Over one gap the rate is that of its middle. Not where it is so low that a gap is long. */
		for (size_t n = 1; n < moments.count; n++) {
			double gap_s = (double)(moments.at_ns[n] - moments.at_ns[n - 1]) / 1e9;
			double middle_s = (double)(moments.at_ns[n] + moments.at_ns[n - 1]) / 2e9;
			double rate = a + (b - a) * middle_s / 20;
			if (rate > 50)
				assert_near(1 / gap_s, rate, rate * rate * 4e-9);
		}
		free(moments.at_ns);
	}
}

/* Rises, falls, stands, is 0 for a while, leaps. */
#define ODD_CURVE \
	"0,500\n2,5000\n3.5,5000\n4,0\n5,4000\n6,0\n8,0\n8.000000001,3000\n9,3000\n9.000000001,0\n12,900\n13,0\n20,0"

static void
even_arrivals_follow_the_integral_to_within_one(void **state)
{
	const struct curve *curve = curve_of_text(*state, ODD_CURVE);
	struct moments moments = moments_of(curve, SCHEDULE_EVEN, 1);
	assert_near((double)moments.count, curve_count(curve), 0.5);
	for (size_t n = 0; n < moments.count; n++) {
		assert_near(curve_count_before(curve, moments.at_ns[n]), (double)n + 0.5, 2e-5);
		assert_near(curve_count_before(curve, moments.at_ns[n] + 1), (double)n + 0.5, 2e-5);
	}
	assert_int_equal(count_between(&moments, 6 * SECOND, 8 * SECOND), 0);
	assert_int_equal(count_between(&moments, 8 * SECOND, 9 * SECOND + 1), 3000);
	assert_int_equal(count_between(&moments, 13 * SECOND, 20 * SECOND), 0);
	free(moments.at_ns);
}

static void
the_seed_of_even_arrivals_means_nothing(void **state)
{
	const struct curve *curve = curve_of_text(*state, ODD_CURVE);
	struct moments one = moments_of(curve, SCHEDULE_EVEN, 1), two = moments_of(curve, SCHEDULE_EVEN, 2);
	assert_int_equal(one.count, two.count);
	assert_memory_equal(one.at_ns, two.at_ns, one.count * sizeof *one.at_ns);
	free(one.at_ns);
	free(two.at_ns);
}

static void
less_than_half_an_arrival_is_none(void **state)
{
	struct moments moments = moments_of(curve_of_ramp(*state, 0.499, 0.499, 1), SCHEDULE_EVEN, 1);
	assert_int_equal(moments.count, 0);
	free(moments.at_ns);
	moments = moments_of(curve_of_ramp(*state, 0.501, 0.501, 1), SCHEDULE_EVEN, 1);
	assert_int_equal(moments.count, 1);
	free(moments.at_ns);
}

/* ---- Poisson ---- */

/* The generator's published outputs for the seed 1234567; so slow a rate that a gap shows the last bits of one. */
static void
gaps_are_logarithms_of_splitmix64(void **state)
{
	static const uint64_t outputs[] = { 6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
		4593380528125082431U, 16408922859458223821U };
	struct moments moments = moments_of(curve_of_ramp(*state, 0.001, 0.001, 86400), SCHEDULE_POISSON, 1234567);
	double reached = 0;
	for (size_t i = 0; i < 5; i++) {
		reached -= log((double)outputs[i] / 0x1p64);
		assert_near((double)moments.at_ns[i], reached / 0.001 * 1e9, 2);
	}
	free(moments.at_ns);
}

#define MANY 1000000

/* Mean 1 with deviation 1 / sqrt(n); variance 1 with deviation sqrt(8 / n); neighbours that know nothing of each other:
 * correlation 0 with deviation 1 / sqrt(n). */
static void
assert_gaps(const double *gaps, size_t count)
{
	double n = (double)count, mean = 0, variance = 0, together = 0;

	for (size_t i = 0; i < count; i++)
		mean += gaps[i] / n;
	for (size_t i = 0; i < count; i++)
		variance += (gaps[i] - mean) * (gaps[i] - mean) / n;
	for (size_t i = 1; i < count; i++)
		together += (gaps[i] - mean) * (gaps[i - 1] - mean) / n;
	assert_near(mean, 1, 4 / sqrt(n));
	assert_near(variance, 1, 4 * sqrt(8 / n));
	assert_near(together / variance, 0, 4 / sqrt(n));
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* Kolmogorov and Smirnov: the greatest distance between the distribution that was drawn and the one that was meant is
 * beyond 1.95 / sqrt(n) once in a thousand seeds. Sorts. */
static void
assert_exponential(double *gaps, size_t count)
{
	double distance = 0;

	qsort(gaps, count, sizeof *gaps, compare);
	for (size_t i = 0; i < count; i++)
		distance = fmax(distance, fabs(1 - exp(-gaps[i]) - ((double)i + 0.5) / (double)count));
	assert_true(distance < 1.95 / sqrt((double)count));
}

static void
poisson_gaps_are_exponential(void **state)
{
	/* Slow enough that a nanosecond is nothing to a gap. */
	const struct curve *curve = curve_of_ramp(*state, 100, 100, MANY / 100);
	double *gaps = calloc(2 * MANY, sizeof *gaps);
	for (uint64_t seed = 0; seed < 3; seed++) {
		struct moments moments = moments_of(curve, SCHEDULE_POISSON, seed);
		assert_near((double)moments.count, MANY, 4 * sqrt(MANY));
		for (size_t i = 0; i < moments.count; i++)
			gaps[i] = (double)(moments.at_ns[i] - (i == 0 ? 0 : moments.at_ns[i - 1])) * 100 / 1e9;
		assert_gaps(gaps, moments.count);
		assert_exponential(gaps, moments.count);
		free(moments.at_ns);
	}
	free(gaps);
}

/* The counts of stretches of equal expectation vary as Poisson counts do: variance by mean is 1, with deviation
 * sqrt(2 / stretches); and their sum is not made even either. */
static void
poisson_counts_vary_as_they_should(void **state)
{
	enum { STRETCHES = 10000, EACH = 20 };
	const struct curve *curve = curve_of_ramp(*state, EACH, EACH, STRETCHES);
	struct moments moments = moments_of(curve, SCHEDULE_POISSON, 42);
	unsigned counts[STRETCHES] = { 0 };
	double variance = 0;
	for (size_t i = 0; i < moments.count; i++)
		counts[moments.at_ns[i] / SECOND]++;
	for (size_t i = 0; i < STRETCHES; i++)
		variance += pow(counts[i] - (double)EACH, 2) / STRETCHES;
	assert_near(variance / EACH, 1, 4 * sqrt(2.0 / STRETCHES));
	free(moments.at_ns);
}

/* On any curve: put through the integral, the moments are those of a steady process again. */
static void
a_curve_stretches_a_steady_process(void **state)
{
	const struct curve *curves[] = { curve_of_text(*state, ODD_CURVE), curve_of_ramp(*state, 0, 4000, 10),
		curve_of_ramp(*state, 4000, 0, 10) };
	for (size_t c = 0; c < 3; c++) {
		struct moments moments = moments_of(curves[c], SCHEDULE_POISSON, 20 + c);
		double *gaps = calloc(moments.count, sizeof *gaps), before = 0;
		assert_near((double)moments.count, curve_count(curves[c]), 4 * sqrt(curve_count(curves[c])));
		for (size_t i = 0; i < moments.count; i++) {
			double count = curve_count_before(curves[c], moments.at_ns[i]);
			gaps[i] = count - before;
			before = count;
		}
		assert_gaps(gaps, moments.count);
		assert_exponential(gaps, moments.count);
		free(gaps);
		free(moments.at_ns);
	}
}

static void
poisson_counts_are_those_of_the_curve(void **state)
{
	const struct curve *curve = curve_of_text(*state, ODD_CURVE);
	struct moments moments = moments_of(curve, SCHEDULE_POISSON, 3);
	for (uint64_t from_ns = 0; from_ns < curve_duration_ns(curve); from_ns += SECOND / 4) {
		uint64_t to_ns = from_ns + SECOND / 4;
		double expected = curve_count_before(curve, to_ns) - curve_count_before(curve, from_ns);
		assert_near((double)count_between(&moments, from_ns, to_ns), expected, 4.5 * sqrt(expected) + 1e-9);
	}
	free(moments.at_ns);
}

static void
the_same_seed_gives_the_same_moments(void **state)
{
	const struct curve *curve = curve_of_text(*state, ODD_CURVE);
	struct moments one = moments_of(curve, SCHEDULE_POISSON, 9), same = moments_of(curve, SCHEDULE_POISSON, 9);
	assert_int_equal(one.count, same.count);
	assert_memory_equal(one.at_ns, same.at_ns, one.count * sizeof *one.at_ns);
	/* Not those of its neighbour, neither in place nor moved along. */
	struct moments other = moments_of(curve, SCHEDULE_POISSON, 10);
	size_t common = 0;
	for (size_t i = 0, j = 0; i < one.count && j < other.count;) {
		common += one.at_ns[i] == other.at_ns[j];
		if (one.at_ns[i] < other.at_ns[j])
			i++;
		else
			j++;
	}
	assert_true(common < 5);
	free(one.at_ns);
	free(same.at_ns);
	free(other.at_ns);
}

/* At the highest rate gaps are often below a nanosecond's rounding; order and bounds are asserted where the moments are
 * made. */
static void
the_highest_rate_stays_in_order(void **state)
{
	const struct curve *curve = curve_of_ramp(*state, 0, CURVE_RATE_MAX, 1);
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct moments moments = moments_of(curve, SCHEDULE_POISSON, seed);
		assert_near((double)moments.count, 500000, 4 * sqrt(500000));
		free(moments.at_ns);
	}
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, curve_set_up, curve_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_fixed_rate_has_equal_gaps),
		TEST(nothing_drifts_in_a_day),
		TEST(a_ramp_has_the_rate_of_the_moment),
		TEST(even_arrivals_follow_the_integral_to_within_one),
		TEST(the_seed_of_even_arrivals_means_nothing),
		TEST(less_than_half_an_arrival_is_none),
		TEST(gaps_are_logarithms_of_splitmix64),
		TEST(poisson_gaps_are_exponential),
		TEST(poisson_counts_vary_as_they_should),
		TEST(a_curve_stretches_a_steady_process),
		TEST(poisson_counts_are_those_of_the_curve),
		TEST(the_same_seed_gives_the_same_moments),
		TEST(the_highest_rate_stays_in_order),
	};
	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
