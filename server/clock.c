/* SPDX-License-Identifier: Apache-2.0
 *
 * CLOCK_REALTIME and CLOCK_MONOTONIC in milliseconds. */
#include "server/clock.h"

#include <time.h>

static uint64_t
clock_ms(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
clock_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

uint64_t
clock_steady_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}
