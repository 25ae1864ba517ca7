/* SPDX-License-Identifier: Apache-2.0
 *
 * Rates over a run: the integral against one that is summed up in small steps, its inverse against itself, and whatever
 * can be wrong with a file. */
#include "tests/unit/curve_fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/buf.h"

/* ---- rates, counts, moments ---- */

static void
a_steady_rate_is_the_same_all_along(void **state)
{
	const struct curve *curve = curve_of_ramp(*state, 250, 250, 10);
	assert_int_equal(curve_duration_ns(curve), 10 * SECOND);
	assert_near(curve_count(curve), 2500, 0);
	for (uint64_t second = 0; second < 10; second++) {
		assert_near(curve_rate_at(curve, second * SECOND), 250, 0);
		assert_near(curve_count_before(curve, second * SECOND), 250.0 * (double)second, 1e-9);
		assert_in_range(curve_moment_ns(curve, 250.0 * (double)second), second * SECOND - (second != 0),
		    second * SECOND);
	}
	assert_near(curve_rate_at(curve, 10 * SECOND), 0, 0);
	assert_near(curve_count_before(curve, UINT64_MAX), 2500, 0);
}

static void
a_ramp_is_a_parabola(void **state)
{
	/* Up, down, from 0, to 0: after t of T seconds a t + (b - a) t^2 / 2T. */
	static const double ends[][2] = { { 100, 900 }, { 900, 100 }, { 0, 500 }, { 500, 0 } };
	for (size_t i = 0; i < 4; i++) {
		double a = ends[i][0], b = ends[i][1];
		const struct curve *curve = curve_of_ramp(*state, a, b, 8);
		assert_near(curve_count(curve), (a + b) * 4, 0);
		for (double t = 0; t < 8; t += 0.25) {
			double count = a * t + (b - a) * t * t / 16;
			uint64_t at_ns = (uint64_t)(t * 1e9);
			assert_near(curve_rate_at(curve, at_ns), a + (b - a) * t / 8, 1e-9);
			assert_near(curve_count_before(curve, at_ns), count, 1e-9);
			assert_near((double)curve_moment_ns(curve, count), t * 1e9, 2);
		}
	}
}

/* Rises, falls, stands, is 0 at a moment and for a while, leaps within a nanosecond. */
#define ODD_CURVE \
	"0,10\n2,110\n3.5,110\n4,0\n5,90\n6,0\n8,0\n8.000000001,40\n9,40\n9.000000001,0\n10,0\n11,70\n12,0\n12.5,0"
#define ODD_COUNT 14

static const double odd_seconds[ODD_COUNT] = { 0, 2, 3.5, 4, 5, 6, 8, 8.000000001, 9, 9.000000001, 10, 11, 12, 12.5 };
static const double odd_rates[ODD_COUNT] = { 10, 110, 110, 0, 90, 0, 0, 40, 40, 0, 0, 70, 0, 0 };

static double
odd_rate(double second)
{
	size_t i = 0;
	while (odd_seconds[i + 1] < second)
		i++;
	double part = (second - odd_seconds[i]) / (odd_seconds[i + 1] - odd_seconds[i]);
	return odd_rates[i] * (1 - part) + odd_rates[i + 1] * part;
}

static void
the_integral_is_what_small_steps_sum_up_to(void **state)
{
	const struct curve *curve = curve_of_text(*state, ODD_CURVE);
	enum { STEPS = 12500, A_STEP_NS = 1000000 };
	double sum = 0;
	assert_int_equal(curve_duration_ns(curve), STEPS * (uint64_t)A_STEP_NS);
	for (uint64_t step = 0; step < STEPS; step++) {
		uint64_t at_ns = step * A_STEP_NS;
		assert_near(curve_rate_at(curve, at_ns + A_STEP_NS / 2), odd_rate(((double)step + 0.5) / 1000), 1e-6);
		assert_near(curve_count_before(curve, at_ns), sum, 1e-6);
		/* The middle of a step stands for the step: exact on a line, and no point is within one. */
		sum += odd_rate(((double)step + 0.5) / 1000) / 1000;
	}
	assert_near(curve_count(curve), sum, 1e-6);
}

static void
moments_and_counts_are_inverse(void **state)
{
	const struct curve *curve = curve_of_text(*state, ODD_CURVE);
	uint64_t before_ns = 0;
	for (double count = 0; count < curve_count(curve); count += 0.01) {
		uint64_t at_ns = curve_moment_ns(curve, count);
		assert_true(at_ns >= before_ns && at_ns < curve_duration_ns(curve));
		/* A nanosecond has no more than a ten millionth of an arrival; nor is there one where the rate is 0. */
		assert_near(curve_count_before(curve, at_ns), count, 2e-7);
		assert_near(curve_count_before(curve, at_ns + 1), count, 2e-7);
		assert_false(at_ns > 6 * SECOND && at_ns < 8 * SECOND);
		before_ns = at_ns;
	}
	assert_true(before_ns > 11900000000);
}

/* Also when the last moment is so far from its piece's beginning that rounding makes it the end. */
static void
no_moment_is_after_the_end(void **state)
{
	static const double seconds[] = { 1e-9, 0.3, 1, 7, 3600, 86399.7, 86400 };
	static const double ends[][2] = { { 3, 3 }, { 0, 7 }, { 1e6, 0 }, { 0.3, 0.7 }, { 9, 0.1 } };
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < 5; j++) {
			const struct curve *curve = curve_of_ramp(*state, ends[j][0], ends[j][1], seconds[i]);
			uint64_t last_ns = curve_moment_ns(curve, nextafter(curve_count(curve), 0));
			assert_true(last_ns < curve_duration_ns(curve));
		}
}

static void
scales_are_factors(void **state)
{
	const struct curve *plain = curve_of_text(*state, ODD_CURVE), *scaled = NULL;
	struct fault fault;
	assert_int_equal(curve_read_text(slice_of_text(ODD_CURVE), (struct curve_scale){ 30, 4 }, *state, &scaled,
	    &fault), ERROR_NONE);
	assert_int_equal(curve_duration_ns(scaled), 4 * curve_duration_ns(plain));
	assert_near(curve_count(scaled), 120 * curve_count(plain), 1e-3);
	for (uint64_t at_ns = 1; at_ns < 12 * SECOND; at_ns += SECOND / 10) {
		assert_near(curve_rate_at(scaled, 4 * at_ns), 30 * curve_rate_at(plain, at_ns), 1e-4);
		assert_near(curve_count_before(scaled, 4 * at_ns), 120 * curve_count_before(plain, at_ns), 1e-3);
	}
}

static void
the_evening_rises_to_midnight(void **state)
{
	const struct curve *curve = NULL;
	struct fault fault;
	assert_int_equal(
	    curve_read("bench/last_evening.csv", (struct curve_scale){ 1000, 1 }, *state, &curve, &fault), ERROR_NONE);
	assert_int_equal(curve_duration_ns(curve), 45 * SECOND);
	assert_near(curve_count(curve), 21800, 1e-6);
	double dinner = curve_rate_at(curve, 10 * SECOND);
	for (uint64_t second = 0; second < 40; second++) {
		double rate = curve_rate_at(curve, second * SECOND);
		assert_true(rate >= dinner && rate <= 950);
		if (second >= 10)
			assert_true(curve_rate_at(curve, second * SECOND + SECOND / 2) >= rate);
	}
	/* Midnight is after 40 of them: those too late are fewer and fewer. */
	assert_near(curve_rate_at(curve, 40 * SECOND), 950, 1e-6);
	assert_near(curve_rate_at(curve, 45 * SECOND - 1), 150, 1e-3);
}

/* ---- files ---- */

static void
a_line_has_two_numbers_and_what_may_stand_around_them(void **state)
{
	static const char *const texts[] = { "0,1\n2,3\n", "0,1\n2,3", "# second,rate\n\n0,1\n#1,9\n   # more\n2,3\n\n",
		"0,1\r\n2,3\r\n", " 0 ,\t1 \n2.0,3.00\n", "-0,1\n002,03\n", "0,1\n2.00000000000000,3\n" };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const struct curve *curve = curve_of_text(*state, texts[i]);
		assert_int_equal(curve_duration_ns(curve), 2 * SECOND);
		assert_near(curve_count(curve), 4, 0);
		assert_near(curve_rate_at(curve, SECOND), 2, 0);
	}
	/* The nearest double, the nearest nanosecond. */
	const struct curve *curve = curve_of_text(*state, "0,0.3\n0.3,123456.789012345\n");
	assert_int_equal(curve_duration_ns(curve), 300000000);
	assert_true(curve_rate_at(curve, 0) == 0.3);
	assert_true(curve_count(curve) == (0.3 + 123456.789012345) / 2 * 0.3);
}

struct bad_file {
	const char *text;
	const char *place; /* how the fault's place ends */
	const char *value, *expected;
};

#define NOT_NUMBERS "two decimal numbers: second,rate"
#define NOT_RISING "a second later than that of the line before, by a nanosecond at least when scaled"
#define NOT_A_RATE "a rate from 0 to 1000000 arrivals per second, when scaled"
#define NOT_A_CURVE "two or more lines second,rate with a rate above 0"

static const struct bad_file bad_files[] = {
	{ "0,1\none,2\n", " line 2", "one,2", NOT_NUMBERS },
	{ "# c\n\nsecond,rate\n", " line 3", "second,rate", NOT_NUMBERS },
	{ "0,1\n1\n", " line 2", "1", NOT_NUMBERS },
	{ "0,1\n1,\n", " line 2", "1,", NOT_NUMBERS },
	{ "0,1\n,1\n", " line 2", ",1", NOT_NUMBERS },
	{ "0,1\n1,2,3\n", " line 2", "1,2,3", NOT_NUMBERS },
	{ "0,1\n1;2\n", " line 2", "1;2", NOT_NUMBERS },
	{ "0,1\n1,2 # high\n", " line 2", "1,2 # high", NOT_NUMBERS },
	{ "0,1\n1,nan\n", " line 2", "1,nan", NOT_NUMBERS },
	{ "0,1\n1,inf\n", " line 2", "1,inf", NOT_NUMBERS },
	{ "0,1\n1,0x10\n", " line 2", "1,0x10", NOT_NUMBERS },
	{ "0,1\n1,1e3\n", " line 2", "1,1e3", NOT_NUMBERS },
	{ "0,1\n1,+2\n", " line 2", "1,+2", NOT_NUMBERS },
	{ "0,1\n1,--2\n", " line 2", "1,--2", NOT_NUMBERS },
	{ "0,1\n1,-\n", " line 2", "1,-", NOT_NUMBERS },
	{ "0,1\n1,.5\n", " line 2", "1,.5", NOT_NUMBERS },
	{ "0,1\n1,5.\n", " line 2", "1,5.", NOT_NUMBERS },
	{ "0,1\n1,1.2.3\n", " line 2", "1,1.2.3", NOT_NUMBERS },
	{ "0,1\n1,1 2\n", " line 2", "1,1 2", NOT_NUMBERS },
	{ "0,1\n1,0000000000000001\n", " line 2", "1,0000000000000001", NOT_NUMBERS },
	{ "1,1\n2,1\n", " line 1", "1,1", "0 as the first second: the start of the run" },
	{ "-1,1\n2,1\n", " line 1", "-1,1", "0 as the first second: the start of the run" },
	{ "0,1\n1,1\n1,2\n", " line 3", "1,2", NOT_RISING },
	{ "0,1\n2,1\n# back\n1.5,2\n", " line 4", "1.5,2", NOT_RISING },
	{ "0,1\n-1,2\n", " line 2", "-1,2", NOT_RISING },
	{ "0,1\n0.0000000001,2\n", " line 2", "0.0000000001,2", NOT_RISING },
	{ "0,1\n86400.1,1\n", " line 2", "86400.1,1", "at most 24 hours, when scaled" },
	{ "0,1\n999999999999999,1\n", " line 2", "999999999999999,1", "at most 24 hours, when scaled" },
	{ "0,1\n1,-0.5\n", " line 2", "1,-0.5", NOT_A_RATE },
	{ "0,1\n1,1000001\n", " line 2", "1,1000001", NOT_A_RATE },
	{ "0,1\n1,999999999999999\n", " line 2", "1,999999999999999", NOT_A_RATE },
	{ "", "", "", NOT_A_CURVE },
	{ "# nothing\n\n", "", "", NOT_A_CURVE },
	{ "0,1\n", "", "", NOT_A_CURVE },
	{ "0,0\n1,0\n2,0\n", "", "", NOT_A_CURVE },
};

static void
assert_fault(const struct fault *fault, enum error error, const char *place, const char *value, const char *expected)
{
	size_t size = strlen(place);
	assert_int_equal(fault->error, error);
	assert_true(fault->place.size >= size);
	assert_true(slice_equal_text(slice_from(fault->place, fault->place.size - size), place));
	assert_true(slice_equal_text(fault->value, value));
	assert_true(slice_equal_text(fault->expected, expected));
}

static void
every_fault_of_a_file_names_its_line(void **state)
{
	for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
		const struct bad_file *bad = &bad_files[i];
		const struct curve *curve = NULL;
		struct fault fault;
		assert_int_equal(curve_read_text(slice_of_text(bad->text), CURVE_AS_IT_IS, *state, &curve, &fault),
		    ERROR_file_unreadable);
		assert_null(curve);
		assert_true(slice_starts_with(fault.place, SLICE_LITERAL("/tmp/guichet-curve-")));
		assert_fault(&fault, ERROR_file_unreadable, bad->place, bad->value, bad->expected);
	}
}

static void
what_is_scaled_out_of_bounds_is_refused(void **state)
{
	const struct slice text = SLICE_LITERAL("0,1\n10,2\n");
	const struct curve *curve;
	struct fault fault;
	assert_int_equal(curve_read_text(text, (struct curve_scale){ 500001, 1 }, *state, &curve, &fault),
	    ERROR_file_unreadable);
	assert_fault(&fault, ERROR_file_unreadable, " line 2", "10,2", NOT_A_RATE);
	assert_int_equal(curve_read_text(text, (struct curve_scale){ 1, 8641 }, *state, &curve, &fault),
	    ERROR_file_unreadable);
	assert_fault(&fault, ERROR_file_unreadable, " line 2", "10,2", "at most 24 hours, when scaled");
	assert_int_equal(curve_read_text(text, (struct curve_scale){ 1, 1e-11 }, *state, &curve, &fault),
	    ERROR_file_unreadable);
	assert_fault(&fault, ERROR_file_unreadable, " line 2", "10,2", NOT_RISING);
	static const double factors[] = { 0, -1, 1000001, NAN, INFINITY };
	static const char *const shown[] = { "0", "-1", "1000001", "nan", "inf" };
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(curve_read_text(text, (struct curve_scale){ factors[i], 1 }, *state, &curve, &fault),
		    ERROR_usage);
		assert_fault(&fault, ERROR_usage, "rate factor", shown[i], "a factor above 0, at most 1000000");
		assert_int_equal(curve_read_text(text, (struct curve_scale){ 1, factors[i] }, *state, &curve, &fault),
		    ERROR_usage);
		assert_fault(&fault, ERROR_usage, "time factor", shown[i], "a factor above 0, at most 1000000");
	}
}

static void
bytes_that_are_no_text_are_refused(void **state)
{
	const struct curve *curve;
	struct fault fault;
	assert_int_equal(curve_read_text(SLICE_LITERAL("0,1\n1,2\0\n"), CURVE_AS_IT_IS, *state, &curve, &fault),
	    ERROR_file_unreadable);
	assert_int_equal(fault.value.size, 4);
	/* Of a line without end a little is shown. */
	static char line[100000];
	memset(line, '7', sizeof line);
	assert_int_equal(curve_read_text(slice_of(line, sizeof line), CURVE_AS_IT_IS, *state, &curve, &fault),
	    ERROR_file_unreadable);
	assert_int_equal(fault.value.size, 64);
}

static enum error
read_lines(struct arena *arena, size_t count, const struct curve **curve, struct fault *fault)
{
	struct buf *buf = buf_create(CURVE_FILE_MAX);
	for (size_t i = 0; i < count; i++)
		buf_put_format(buf, "%g,1\n", (double)i / 2);
	assert_true(buf_ok(buf));
	enum error error = curve_read_text(buf_peek(buf), CURVE_AS_IT_IS, arena, curve, fault);
	buf_destroy(buf);
	return error;
}

static void
too_many_lines_are_refused(void **state)
{
	const struct curve *curve;
	struct fault fault;
	assert_int_equal(read_lines(*state, CURVE_POINTS_MAX, &curve, &fault), ERROR_NONE);
	assert_near(curve_count(curve), (double)(CURVE_POINTS_MAX - 1) / 2, 1e-6);
	arena_reset(*state);
	assert_int_equal(read_lines(*state, CURVE_POINTS_MAX + 1, &curve, &fault), ERROR_file_unreadable);
	assert_fault(&fault, ERROR_file_unreadable, " line 86402", "43200.5,1", "at most 86401 lines second,rate");
}

static void
assert_unreadable(struct arena *arena, const char *path, const char *expected)
{
	const struct curve *curve;
	struct fault fault;
	assert_int_equal(curve_read(path, CURVE_AS_IT_IS, arena, &curve, &fault), ERROR_file_unreadable);
	assert_fault(&fault, ERROR_file_unreadable, path, "", expected);
}

static void
what_is_no_regular_file_is_refused(void **state)
{
	char path[] = "/tmp/guichet-curve-XXXXXX";
	assert_unreadable(*state, "/nowhere/evening.csv", "a file that can be opened");
	assert_unreadable(*state, "/dev/zero", "a regular file of at most 4 MiB");
	assert_unreadable(*state, "/tmp", "a regular file of at most 4 MiB");
	/* A file as long as may be is read, and found to have a line of bytes of 0; with one byte more it is not. */
	int fd = mkstemp(path);
	assert_int_equal(ftruncate(fd, (off_t)CURVE_FILE_MAX + 1), 0);
	assert_unreadable(*state, path, "a regular file of at most 4 MiB");
	assert_int_equal(ftruncate(fd, (off_t)CURVE_FILE_MAX), 0);
	const struct curve *curve;
	struct fault fault;
	assert_int_equal(curve_read(path, CURVE_AS_IT_IS, *state, &curve, &fault), ERROR_file_unreadable);
	assert_true(slice_equal_text(fault.expected, NOT_NUMBERS));
	close(fd);
	unlink(path);
	/* A pipe that nobody writes to keeps nobody waiting. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_unreadable(*state, path, "a regular file of at most 4 MiB");
	unlink(path);
}

/* ---- two points ---- */

static void
a_ramp_that_cannot_be_run_is_refused(void **state)
{
	static const struct {
		double from, to;
		uint64_t duration_ns;
		const char *place, *value, *expected;
	} bad[] = {
		{ -1, 5, SECOND, "rate", "-1", "a rate from 0 to 1000000 arrivals per second" },
		{ 5, -0.25, SECOND, "rate", "-0.25", "a rate from 0 to 1000000 arrivals per second" },
		{ 5, 1000000.5, SECOND, "rate", "1000000.5", "a rate from 0 to 1000000 arrivals per second" },
		{ NAN, 5, SECOND, "rate", "nan", "a rate from 0 to 1000000 arrivals per second" },
		{ 5, INFINITY, SECOND, "rate", "inf", "a rate from 0 to 1000000 arrivals per second" },
		{ 0, 0, SECOND, "rate", "0", "a rate above 0 at one end" },
		{ 5, 5, 0, "seconds", "0", "more than 0 and at most 24 hours" },
		{ 5, 5, 86400 * SECOND + 1, "seconds", "86400.000000001", "more than 0 and at most 24 hours" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const struct curve *curve;
		struct fault fault;
		assert_int_equal(
		    curve_make_ramp(bad[i].from, bad[i].to, bad[i].duration_ns, *state, &curve, &fault), ERROR_usage);
		assert_fault(&fault, ERROR_usage, bad[i].place, bad[i].value, bad[i].expected);
	}
	assert_near(curve_count(curve_of_ramp(*state, CURVE_RATE_MAX, CURVE_RATE_MAX, 86400)), 8.64e10, 0);
	assert_near(curve_count(curve_of_ramp(*state, 1e6, 0, 1e-9)), 5e-4, 0);
}

static void
a_short_arena_is_told(void **state)
{
	static const char *const texts[] = { "0,1\n1,2\n3,4\n", "0,1\n1,2\nx\n" };
	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (size_t size = 0, done = 0; !done; size += 8) {
			struct arena *arena = arena_create(size);
			const struct curve *curve;
			struct fault fault = { .error = ERROR_NONE };
			enum error error =
			    curve_read_text(slice_of_text(texts[i]), CURVE_AS_IT_IS, arena, &curve, &fault);
			done = error == (i == 0 ? ERROR_NONE : ERROR_file_unreadable);
			assert_true(done || error == ERROR_out_of_memory);
			assert_int_equal(fault.error, error);
			assert_true(size < 1000);
			arena_destroy(arena);
		}
	struct arena *arena = arena_create(8);
	const struct curve *curve;
	struct fault fault;
	assert_int_equal(curve_make_ramp(1, 2, SECOND, arena, &curve, &fault), ERROR_out_of_memory);
	arena_destroy(arena);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, curve_set_up, curve_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_steady_rate_is_the_same_all_along),
		TEST(a_ramp_is_a_parabola),
		TEST(the_integral_is_what_small_steps_sum_up_to),
		TEST(moments_and_counts_are_inverse),
		TEST(no_moment_is_after_the_end),
		TEST(scales_are_factors),
		TEST(the_evening_rises_to_midnight),
		TEST(a_line_has_two_numbers_and_what_may_stand_around_them),
		TEST(every_fault_of_a_file_names_its_line),
		TEST(what_is_scaled_out_of_bounds_is_refused),
		TEST(bytes_that_are_no_text_are_refused),
		TEST(too_many_lines_are_refused),
		TEST(what_is_no_regular_file_is_refused),
		TEST(a_ramp_that_cannot_be_run_is_refused),
		TEST(a_short_arena_is_told),
	};
	return cmocka_run_group_tests_name("curve", tests, NULL, NULL);
}
