/* SPDX-License-Identifier: Apache-2.0
 *
 * Points with the integral up to each. Between two of them the rate is a straight line, so the integral is a quadratic,
 * and the moment of the nth arrival the root of one. */
#include "bench/curve.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/check.h"

#define NS_PER_S 1e9
/* How much of a value a fault shows. */
#define VALUE_SHOWN ((size_t)64)

/* From a rate of 1 to the greatest. */
#define FACTOR_MAX CURVE_RATE_MAX

#define EXPECTED_RATE "a rate from 0 to 1000000 arrivals per second"

struct point {
	uint64_t at_ns;
	double rate;
	double count; /* expected before it */
};

struct curve {
	size_t points_count;
	struct point points[]; /* at least 2, times rising */
};

/* ---- making one ---- */

static const struct point *
last_point(const struct curve *curve)
{
	return &curve->points[curve->points_count - 1];
}

static enum error
out_of_memory(struct fault *fault)
{
	return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
}

/* NULL when the arena is full. */
static struct curve *
curve_begin(struct arena *arena, size_t points_max)
{
	return arena_alloc(arena, sizeof(struct curve) + points_max * sizeof(struct point));
}

static void
curve_add(struct curve *curve, uint64_t at_ns, double rate)
{
	struct point *point = &curve->points[curve->points_count++];

	*point = (struct point){ at_ns, rate, 0 };
	if (curve->points_count == 1)
		return;
	const struct point *before = point - 1;
	point->count = before->count + (before->rate + rate) / 2 * ((double)(at_ns - before->at_ns) / NS_PER_S);
}

static bool
rate_is_good(double rate)
{
	return rate >= 0 && rate <= CURVE_RATE_MAX;
}

static enum error
number_refuse(struct arena *arena, const char *place, double number, const char *expected, struct fault *fault)
{
	char text[VALUE_SHOWN];
	int size = snprintf(text, sizeof text, "%.15g", number);
	enum error error = fault_set(fault, ERROR_usage, place, SLICE_EMPTY, expected);

	if (!arena_copy(arena, slice_of(text, (size_t)size), &fault->value))
		return out_of_memory(fault);
	return error;
}

enum error
curve_make_ramp(double from, double to, uint64_t duration_ns, struct arena *arena, const struct curve **out,
    struct fault *fault)
{
	if (!rate_is_good(from))
		return number_refuse(arena, "rate", from, EXPECTED_RATE, fault);
	if (!rate_is_good(to))
		return number_refuse(arena, "rate", to, EXPECTED_RATE, fault);
	if (duration_ns == 0 || duration_ns > CURVE_DURATION_NS_MAX)
		return number_refuse(arena, "seconds", (double)duration_ns / NS_PER_S,
		    "more than 0 and at most 24 hours", fault);
	struct curve *curve = curve_begin(arena, 2);
	if (curve == NULL)
		return out_of_memory(fault);
	curve_add(curve, 0, from);
	curve_add(curve, duration_ns, to);
	if (curve_count(curve) <= 0)
		return number_refuse(arena, "rate", to, "a rate above 0 at one end", fault);
	*out = curve;
	return ERROR_NONE;
}

/* ---- a file ---- */

struct reader {
	const char *path;
	struct arena *arena;
	struct fault *fault;
	size_t line; /* from 1 */
};

static enum error
file_refuse(const struct reader *reader, const char *expected)
{
	return fault_set(reader->fault, ERROR_file_unreadable, reader->path, SLICE_EMPTY, expected);
}

/* A file that grows meanwhile is read as long as it was. */
static enum error
bytes_take(const struct reader *reader, int fd, struct slice *out)
{
	struct stat facts;

	if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || (uint64_t)facts.st_size > CURVE_FILE_MAX)
		return file_refuse(reader, "a regular file of at most 4 MiB");
	size_t size = (size_t)facts.st_size, at = 0;
	uint8_t *bytes = arena_alloc(reader->arena, size + 1);
	if (bytes == NULL)
		return out_of_memory(reader->fault);
	while (at < size) {
		ssize_t got = read(fd, bytes + at, size - at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return file_refuse(reader, "a file that can be read to its end");
		at += (size_t)got;
	}
	*out = slice_of(bytes, size);
	return ERROR_NONE;
}

/* O_NONBLOCK: to open a pipe that nobody writes to must not take for ever. */
static enum error
file_read(const struct reader *reader, struct slice *out)
{
	int fd = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return file_refuse(reader, "a file that can be opened");
	enum error error = bytes_take(reader, fd, out);
	close(fd);
	return error;
}

static enum error
line_refuse(const struct reader *reader, struct slice line, const char *expected)
{
	size_t size_max = strlen(reader->path) + sizeof " line 18446744073709551615";
	char *place = arena_alloc(reader->arena, size_max);
	struct slice value;

	line.size = line.size < VALUE_SHOWN ? line.size : VALUE_SHOWN;
	if (place == NULL || !arena_copy(reader->arena, line, &value))
		return out_of_memory(reader->fault);
	snprintf(place, size_max, "%s line %zu", reader->path, reader->line);
	return fault_set(reader->fault, ERROR_file_unreadable, place, value, expected);
}

/* Cuts off what stands before the first `end`, or all there is; false when there is nothing left. */
static bool
part_next(struct slice *text, uint8_t end, struct slice *part)
{
	if (text->size == 0)
		return false;
	const uint8_t *at = memchr(text->data, end, text->size);
	*part = slice_of(text->data, at == NULL ? text->size : (size_t)(at - text->data));
	*text = slice_from(*text, at == NULL ? text->size : part->size + 1);
	return true;
}

static bool
is_space(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct slice
trim(struct slice text)
{
	while (text.size != 0 && is_space(text.data[0]))
		text = slice_from(text, 1);
	while (text.size != 0 && is_space(text.data[text.size - 1]))
		text.size--;
	return text;
}

/* "-12.5": at most 15 digits, so that they and the power of 10 are whole numbers that a double holds, and the quotient
 * is the double nearest to what is written. strtod knows too much: hexadecimal, "inf", and the locale. */
static bool
decimal_parse(struct slice text, double *out)
{
	bool is_negative = slice_starts_with(text, SLICE_LITERAL("-")), has_point = false;
	double digits = 0, divisor = 1;
	size_t digits_count = 0;

	for (size_t i = is_negative ? 1 : 0; i < text.size; i++) {
		uint8_t byte = text.data[i];
		if (byte == '.' && !has_point && digits_count != 0 && i + 1 < text.size) {
			has_point = true;
			continue;
		}
		if (byte < '0' || byte > '9' || ++digits_count > 15)
			return false;
		digits = digits * 10 + (byte - '0');
		divisor *= has_point ? 10 : 1;
	}
	*out = (is_negative ? -digits : digits) / divisor;
	return digits_count != 0;
}

static bool
line_parse(struct slice line, double *second, double *rate)
{
	struct slice text;

	return part_next(&line, ',', &text) && decimal_parse(trim(text), second) && decimal_parse(trim(line), rate);
}

/* NULL, or what was expected instead. */
static const char *
line_take(struct curve *curve, struct slice line, struct curve_scale scale)
{
	double second, rate;

	if (curve->points_count == CURVE_POINTS_MAX)
		return "at most 86401 lines second,rate";
	if (!line_parse(line, &second, &rate))
		return "two decimal numbers: second,rate";
	double at_ns = rint(second * scale.time * NS_PER_S);
	if (curve->points_count == 0 && at_ns != 0)
		return "0 as the first second: the start of the run";
	if (curve->points_count != 0 && at_ns <= (double)last_point(curve)->at_ns)
		return "a second later than that of the line before, by a nanosecond at least when scaled";
	if (at_ns > (double)CURVE_DURATION_NS_MAX)
		return "at most 24 hours, when scaled";
	if (!rate_is_good(rate * scale.rate))
		return EXPECTED_RATE ", when scaled";
	curve_add(curve, (uint64_t)at_ns, rate * scale.rate);
	return NULL;
}

static enum error
lines_take(struct reader *reader, struct slice text, struct curve_scale scale, struct curve *curve)
{
	struct slice line;

	while (part_next(&text, '\n', &line)) {
		reader->line++;
		line = trim(line);
		if (line.size == 0 || line.data[0] == '#')
			continue;
		const char *expected = line_take(curve, line, scale);
		if (expected != NULL)
			return line_refuse(reader, line, expected);
	}
	/* One point alone has an integral of 0 too. */
	if (curve->points_count == 0 || curve_count(curve) <= 0)
		return file_refuse(reader, "two or more lines second,rate with a rate above 0");
	return ERROR_NONE;
}

/* No more points than lines. */
static size_t
points_max_of(struct slice text)
{
	size_t count = 1;

	for (size_t i = 0; i < text.size && count < CURVE_POINTS_MAX; i++)
		count += text.data[i] == '\n';
	return count;
}

static bool
factor_is_good(double factor)
{
	return factor > 0 && factor <= FACTOR_MAX;
}

enum error
curve_read(const char *path, struct curve_scale scale, struct arena *arena, const struct curve **out,
    struct fault *fault)
{
	struct reader reader = { path, arena, fault, 0 };
	struct slice text;

	if (!factor_is_good(scale.rate))
		return number_refuse(arena, "rate factor", scale.rate, "a factor above 0, at most 1000000", fault);
	if (!factor_is_good(scale.time))
		return number_refuse(arena, "time factor", scale.time, "a factor above 0, at most 1000000", fault);
	enum error error = file_read(&reader, &text);
	if (error != ERROR_NONE)
		return error;
	struct curve *curve = curve_begin(arena, points_max_of(text));
	if (curve == NULL)
		return out_of_memory(fault);
	error = lines_take(&reader, text, scale, curve);
	*out = error == ERROR_NONE ? curve : NULL;
	return error;
}

/* ---- asking ---- */

uint64_t
curve_duration_ns(const struct curve *curve)
{
	return last_point(curve)->at_ns;
}

double
curve_count(const struct curve *curve)
{
	return last_point(curve)->count;
}

/* The point that a piece begins with: the last, the end aside, that is not after a moment and has not more than a count
 * before it. */
static const struct point *
piece_find(const struct curve *curve, uint64_t at_ns, double count)
{
	size_t low = 0, high = curve->points_count - 1;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (curve->points[middle].at_ns <= at_ns && curve->points[middle].count <= count)
			low = middle;
		else
			high = middle;
	}
	return &curve->points[low];
}

/* By how much the rate changes in a second. */
static double
slope_of(const struct point *from)
{
	return (from[1].rate - from->rate) / ((double)(from[1].at_ns - from->at_ns) / NS_PER_S);
}

double
curve_rate_at(const struct curve *curve, uint64_t at_ns)
{
	if (at_ns >= curve_duration_ns(curve))
		return 0;
	const struct point *from = piece_find(curve, at_ns, INFINITY);
	return from->rate + slope_of(from) * ((double)(at_ns - from->at_ns) / NS_PER_S);
}

double
curve_count_before(const struct curve *curve, uint64_t at_ns)
{
	if (at_ns >= curve_duration_ns(curve))
		return curve_count(curve);
	const struct point *from = piece_find(curve, at_ns, INFINITY);
	double seconds = (double)(at_ns - from->at_ns) / NS_PER_S;
	return from->count + seconds * (from->rate + slope_of(from) * seconds / 2);
}

uint64_t
curve_moment_ns(const struct curve *curve, double count)
{
	check(count >= 0 && count < curve_count(curve));
	/* Not a piece without arrivals: the next would begin with the same count. */
	const struct point *from = piece_find(curve, UINT64_MAX, count);
	double more = count - from->count;
	if (more <= 0)
		return from->at_ns;
	/* The root written so that it neither divides by a slope of 0 nor subtracts what is nearly equal. Where the
	 * rate ends at 0 rounding may take the square a little below 0. */
	double square = from->rate * from->rate + 2 * slope_of(from) * more;
	double seconds = 2 * more / (from->rate + sqrt(fmax(square, 0)));
	uint64_t at_ns = from->at_ns + (uint64_t)(seconds * NS_PER_S);
	return at_ns < from[1].at_ns ? at_ns : from[1].at_ns - 1;
}
