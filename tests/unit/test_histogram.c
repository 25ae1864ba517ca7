/* SPDX-License-Identifier: Apache-2.0
 *
 * The histogram against the values themselves, sorted, with whole numbers for every rank; and its text against
 * tests/vectors/latency.hgrm, which HdrHistogram 2.2 (Java) wrote from the same values. */
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/histogram.h"
#include "tests/unit/file.h"

/* ---- the model: every value, with nothing rounded ---- */

#define VALUES_MAX ((size_t)20000)

struct model {
	uint64_t values[VALUES_MAX];
	size_t count, saturated;
};

struct fixture {
	struct histogram *histogram, *other;
	struct model model;
	struct buf *buf;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	if (f == NULL)
		return 1;
	f->histogram = histogram_create();
	f->other = histogram_create();
	f->buf = buf_create(HISTOGRAM_HGRM_MAX);
	*state = f;
	srandom(1);
	return f->histogram == NULL || f->other == NULL || f->buf == NULL;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	histogram_destroy(f->histogram);
	histogram_destroy(f->other);
	buf_destroy(f->buf);
	free(f);
	return 0;
}

static void
model_add(struct model *model, uint64_t value)
{
	assert_true(model->count < VALUES_MAX);
	model->saturated += value > HISTOGRAM_NS_MAX;
	model->values[model->count++] = value > HISTOGRAM_NS_MAX ? HISTOGRAM_NS_MAX : value;
}

static void
record(struct fixture *f, uint64_t value)
{
	model_add(&f->model, value);
	histogram_record(f->histogram, value);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* How wide the run of values is that are equivalent to this one: found by doubling, not by counting bits. */
static uint64_t
width_of(uint64_t value)
{
	uint64_t width = 1;
	while (value / width >= 2048)
		width *= 2;
	return width;
}

static uint64_t
lowest(uint64_t value)
{
	return value - value % width_of(value);
}

static uint64_t
highest(uint64_t value)
{
	return lowest(value) + width_of(value) - 1;
}

/* The histogram answers what the sorted values do, at percentiles of five decimals, ends and neighbours of ends too. */
static void
assert_percentiles(const struct fixture *f)
{
	static const uint64_t hundred_thousandths[] = { 1, 2, 999, 10000, 100000, 2500000, 3333333, 5000000, 7500000,
		9000000, 9900000, 9950000, 9990000, 9999000, 9999900, 9999990, 9999999, 10000000 };
	const struct model *model = &f->model;

	assert_int_equal(histogram_percentile_ns(f->histogram, 0), lowest(model->values[0]));
	for (size_t i = 0; i < sizeof hundred_thousandths / sizeof *hundred_thousandths; i++) {
		uint64_t part = hundred_thousandths[i];
		uint64_t rank = (part * model->count + 9999999) / 10000000;
		assert_int_equal(histogram_percentile_ns(f->histogram, (double)part / 100000),
		    highest(model->values[rank - 1]));
	}
}

static void
assert_agrees(struct fixture *f)
{
	struct model *model = &f->model;
	double mean = 0, variance = 0;

	qsort(model->values, model->count, sizeof *model->values, compare);
	for (size_t i = 0; i < model->count; i++)
		mean += (double)model->values[i] / (double)model->count;
	for (size_t i = 0; i < model->count; i++)
		variance += pow((double)model->values[i] - mean, 2) / (double)model->count;
	assert_int_equal(histogram_count(f->histogram), model->count);
	assert_int_equal(histogram_saturated(f->histogram), model->saturated);
	assert_int_equal(histogram_min_ns(f->histogram), lowest(model->values[0]));
	assert_int_equal(histogram_max_ns(f->histogram), highest(model->values[model->count - 1]));
	assert_percentiles(f);
	/* Half of one part in 1024 is as far as the middle of a slot is from any value in it. */
	assert_true(fabs(histogram_mean_ns(f->histogram) - mean) <= mean / 2048 + 1e-9);
	assert_true(fabs(histogram_deviation_ns(f->histogram) - sqrt(variance)) <=
		    (mean + sqrt(variance)) / 2048 + 1e-6 * mean);
}

/* ---- figures ---- */

static uint64_t
random_u64(void)
{
	return (uint64_t)random() << 62 ^ (uint64_t)random() << 31 ^ (uint64_t)random();
}

static void
random_values_of_every_size(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < VALUES_MAX; i++) {
		record(f, random_u64() >> (24 + random() % 40));
		if (i < 50 || i == 999)
			assert_agrees(f);
	}
	assert_agrees(f);
	assert_int_equal(histogram_saturated(f->histogram), 0);
}

static void
values_at_every_edge(void **state)
{
	struct fixture *f = *state;
	for (unsigned bit = 0; bit < 64; bit++)
		for (uint64_t multiple = 1; multiple <= 3; multiple += 2)
			for (uint64_t near = 0; near < 5; near++)
				record(f, (multiple << bit) + near - 2);
	assert_true(f->model.saturated > 100);
	assert_agrees(f);
}

/* A histogram of one value says by its minimum and its maximum where the value's slot begins and ends: from slot to
 * slot there is neither gap nor overlap. */
static void
slots_cover_everything_once(void **state)
{
	struct fixture *f = *state;
	size_t slots = 0;
	for (uint64_t value = 0; value <= HISTOGRAM_NS_MAX; slots++) {
		/* The whole array is cleared for each: one slot in 7 of the upper octaves is enough. */
		uint64_t step = slots < 5000 ? 1 : 7;
		histogram_clear(f->histogram);
		histogram_record(f->histogram, value);
		assert_int_equal(histogram_min_ns(f->histogram), value);
		assert_int_equal(histogram_max_ns(f->histogram), highest(value));
		value += step * width_of(value);
		value -= value % width_of(value);
	}
	assert_true(slots > 5000 + 3500);
}

static void
a_single_value_is_every_figure(void **state)
{
	struct fixture *f = *state;
	record(f, 1000);
	assert_agrees(f);
	assert_true(histogram_mean_ns(f->histogram) == 1000);
	assert_true(histogram_deviation_ns(f->histogram) == 0);
	assert_int_equal(histogram_percentile_ns(f->histogram, 1e-9), 1000);
}

static void
what_is_too_long_counts_and_is_told(void **state)
{
	struct fixture *f = *state;
	record(f, HISTOGRAM_NS_MAX);
	assert_int_equal(histogram_saturated(f->histogram), 0);
	record(f, HISTOGRAM_NS_MAX + 1);
	record(f, UINT64_MAX);
	record(f, 5);
	assert_int_equal(histogram_count(f->histogram), 4);
	assert_int_equal(histogram_saturated(f->histogram), 2);
	assert_int_equal(histogram_percentile_ns(f->histogram, 50), HISTOGRAM_NS_MAX);
	assert_int_equal(histogram_percentile_ns(f->histogram, 25), 5);
	assert_agrees(f);
}

static void
empty_is_zero(void **state)
{
	struct fixture *f = *state;
	for (int again = 0; again < 2; again++) {
		assert_int_equal(histogram_count(f->histogram), 0);
		assert_int_equal(histogram_saturated(f->histogram), 0);
		assert_int_equal(histogram_min_ns(f->histogram), 0);
		assert_int_equal(histogram_max_ns(f->histogram), 0);
		assert_int_equal(histogram_percentile_ns(f->histogram, 0), 0);
		assert_int_equal(histogram_percentile_ns(f->histogram, 100), 0);
		assert_true(histogram_mean_ns(f->histogram) == 0);
		assert_true(histogram_deviation_ns(f->histogram) == 0);
		/* And again after it held something. */
		histogram_record_many(f->histogram, UINT64_MAX, 17);
		histogram_clear(f->histogram);
	}
}

static void
recorded_many_is_recorded_often(void **state)
{
	struct fixture *f = *state;
	for (uint64_t i = 0; i < 100; i++) {
		uint64_t value = random_u64() >> 22;
		histogram_record_many(f->histogram, value, i);
		for (uint64_t times = 0; times < i; times++)
			model_add(&f->model, value);
	}
	assert_agrees(f);
}

static void
merged_is_recorded_in_one(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < 2000; i++) {
		uint64_t value = random_u64() >> (random() % 64);
		model_add(&f->model, value);
		histogram_record(i % 3 == 0 ? f->histogram : f->other, value);
	}
	uint64_t others = histogram_count(f->other);
	histogram_merge(f->histogram, f->other);
	assert_agrees(f);
	assert_true(f->model.saturated > 100);
	assert_int_equal(histogram_count(f->other), others);
}

/* With counts that doubles cannot tell apart, ranks stay within what was counted. */
static void
the_greatest_counts_have_percentiles(void **state)
{
	struct fixture *f = *state;
	histogram_record_many(f->histogram, 7, UINT64_MAX - 1);
	histogram_record(f->histogram, 9);
	assert_int_equal(histogram_count(f->histogram), UINT64_MAX);
	assert_int_equal(histogram_percentile_ns(f->histogram, 50), 7);
	assert_int_equal(histogram_percentile_ns(f->histogram, 100), 9);
	assert_int_equal(histogram_max_ns(f->histogram), 9);
}

/* ---- .hgrm ---- */

/* One line of the distribution; beyond is 0 for the last, which does not have that column. */
struct line {
	double value_ms, percentile, beyond;
	uint64_t count;
};

/* Copies the text, NUL-terminated; to be freed. */
static char *
text_of(const struct histogram *histogram, struct buf *buf)
{
	buf_clear(buf);
	histogram_put_hgrm(histogram, buf);
	assert_true(buf_ok(buf));
	char *text = calloc(1, buf_size(buf) + 1);
	assert_non_null(text);
	memcpy(text, buf_peek(buf).data, buf_size(buf));
	return text;
}

static char *
next_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');
	assert_non_null(end);
	*end = '\0';
	*text = end + 1;
	return line;
}

static struct line
line_parse(const char *text)
{
	struct line line = { .beyond = 0 };
	int read = sscanf(text, "%lf %lf %" SCNu64 " %lf", &line.value_ms, &line.percentile, &line.count, &line.beyond);
	assert_int_equal(read, line.percentile < 1 ? 4 : 3);
	return line;
}

/* Each line is what the histogram says when asked, and has just as many values below as it says. */
static void
assert_line(const struct fixture *f, const struct line *line, const struct line *before)
{
	uint64_t value = histogram_percentile_ns(f->histogram, line->percentile * 100), below = 0;

	for (size_t i = 0; i < f->model.count; i++)
		below += f->model.values[i] <= value;
	assert_int_equal(line->count, below);
	assert_true(fabs(line->value_ms - (double)value / 1e6) < 0.00051);
	assert_true(line->value_ms >= before->value_ms);
	assert_true(line->percentile > before->percentile);
	assert_true(line->count >= before->count);
	if (line->beyond > 0)
		assert_true(fabs(line->beyond * (1 - line->percentile) - 1) < 0.01);
}

static void
the_distribution_reads_back(void **state)
{
	struct fixture *f = *state;
	struct line before = { .percentile = -1 };
	size_t lines = 0;

	for (size_t i = 0; i < 10000; i++)
		record(f, random_u64() >> (24 + random() % 20));
	qsort(f->model.values, f->model.count, sizeof *f->model.values, compare);
	char *text = text_of(f->histogram, f->buf), *rest = text;
	assert_string_equal(next_line(&rest), "       Value     Percentile TotalCount 1/(1-Percentile)");
	assert_string_equal(next_line(&rest), "");
	while (*rest != '#') {
		struct line line = line_parse(next_line(&rest));
		assert_line(f, &line, &before);
		before = line;
		lines++;
	}
	assert_true(before.percentile == 1);
	assert_int_equal(before.count, f->model.count);
	/* Five for each halving down to one in 10000, and the last. */
	assert_in_range(lines, 5 * 12, 5 * 15 + 1);
	free(text);
}

/* The values that the vector was made of. */
static void
record_of_vector(struct histogram *histogram)
{
	for (uint64_t i = 1; i <= 3000; i++)
		histogram_record_many(histogram, i * i * i * 37 + i * 1000, 1 + i % 7);
}

static void
hdrhistogram_writes_the_same(void **state)
{
	struct fixture *f = *state;
	size_t size;
	char *expected = file_read("tests/vectors/latency.hgrm", &size);

	record_of_vector(f->histogram);
	char *text = text_of(f->histogram, f->buf);
	assert_string_equal(text, expected);
	free(expected);
	free(text);
}

static void
the_footer_tells_what_was_saturated(void **state)
{
	struct fixture *f = *state;
	histogram_record(f->histogram, 1000);
	char *text = text_of(f->histogram, f->buf);
	assert_null(strstr(text, "Saturated"));
	free(text);
	histogram_record_many(f->histogram, HISTOGRAM_NS_MAX + 1, 12);
	text = text_of(f->histogram, f->buf);
	assert_non_null(strstr(text, "\n#[Saturated =         12, counted as        1099511.628]\n"));
	free(text);
}

static void
an_empty_distribution_is_header_and_footer(void **state)
{
	struct fixture *f = *state;
	char *text = text_of(f->histogram, f->buf);
	assert_string_equal(text,
	    "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
	    "#[Mean    =        0.000, StdDeviation   =        0.000]\n"
	    "#[Max     =        0.000, Total count    =            0]\n"
	    "#[Buckets =           30, SubBuckets     =         2048]\n");
	free(text);
}

static void
the_longest_distribution_fits(void **state)
{
	struct fixture *f = *state;
	uint64_t left = UINT64_MAX, value = 1;
	/* Half of what is left each time, so that every step has values of its own. */
	for (; left > 1; value = value * 3 / 2 + 1) {
		histogram_record_many(f->histogram, value, left - left / 2);
		left /= 2;
	}
	histogram_record(f->histogram, UINT64_MAX);
	assert_int_equal(histogram_count(f->histogram), UINT64_MAX);
	free(text_of(f->histogram, f->buf));
	assert_true(buf_size(f->buf) > HISTOGRAM_HGRM_MAX / 2);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(random_values_of_every_size),
		TEST(values_at_every_edge),
		TEST(slots_cover_everything_once),
		TEST(a_single_value_is_every_figure),
		TEST(what_is_too_long_counts_and_is_told),
		TEST(empty_is_zero),
		TEST(recorded_many_is_recorded_often),
		TEST(merged_is_recorded_in_one),
		TEST(the_greatest_counts_have_percentiles),
		TEST(the_distribution_reads_back),
		TEST(hdrhistogram_writes_the_same),
		TEST(the_footer_tells_what_was_saturated),
		TEST(an_empty_distribution_is_header_and_footer),
		TEST(the_longest_distribution_fits),
	};
	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
