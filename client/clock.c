/* SPDX-License-Identifier: Apache-2.0
 *
 * The two clocks of the client. */
#include "client/clock.h"

#include <time.h>

#include "protocol/check.h"

uint64_t
clock_monotonic_ms(void)
{
	struct timespec now;

	check(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
clock_now(void)
{
	struct timespec now;

	check(clock_gettime(CLOCK_REALTIME, &now) == 0);
	return now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
}
