/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves for tests, of two points or of a file that is gone once read. */
#ifndef GUICHET_CURVE_FIXTURE_H
#define GUICHET_CURVE_FIXTURE_H

#include "tests/unit/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/curve.h"

#define SECOND ((uint64_t)1000000000)
#define CURVE_AS_IT_IS ((struct curve_scale){ 1, 1 })

static inline void
assert_near(double value, double expected, double tolerance)
{
	if (!(fabs(value - expected) <= tolerance))
		fail_msg("%.12g is not within %g of %.12g", value, tolerance, expected);
}

static inline int
curve_set_up(void **state)
{
	*state = arena_create(CURVE_ARENA_MAX);
	return *state == NULL;
}

static inline int
curve_tear_down(void **state)
{
	arena_destroy(*state);
	return 0;
}

static inline const struct curve *
curve_of_ramp(struct arena *arena, double from, double to, double seconds)
{
	const struct curve *curve = NULL;
	struct fault fault;
	assert_int_equal(curve_make_ramp(from, to, (uint64_t)(seconds * 1e9), arena, &curve, &fault), ERROR_NONE);
	return curve;
}

/* What curve_read says of a file with this text. A fault borrows the path: good until the next call. */
static inline enum error
curve_read_text(struct slice text, struct curve_scale scale, struct arena *arena, const struct curve **out,
    struct fault *fault)
{
	static char path[64];
	strcpy(path, "/tmp/guichet-curve-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.data, text.size), text.size);
	close(fd);
	enum error error = curve_read(path, scale, arena, out, fault);
	unlink(path);
	return error;
}

static inline const struct curve *
curve_of_text(struct arena *arena, const char *text)
{
	const struct curve *curve = NULL;
	struct fault fault;
	assert_int_equal(curve_read_text(slice_of_text(text), CURVE_AS_IT_IS, arena, &curve, &fault), ERROR_NONE);
	return curve;
}

#endif
