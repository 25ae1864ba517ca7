/* SPDX-License-Identifier: Apache-2.0
 *
 * Waits that double, with chance in them. */
#include "client/backoff.h"

#include <openssl/rand.h>

#include "client/problem.h"
#include "protocol/limits.h"

/* Before a new connection, at first. */
#define CONNECT_MS 200
/* After a refusal that names no time. */
#define REFUSED_MS 1000
/* A wait is doubled with each in vain, so many times at most, and not beyond a minute unless the office named more. */
#define DOUBLINGS_MAX 5
#define DOUBLED_MAX_MS 60000

/* Of 0 up to that, so that clients that were turned away together do not come back together. */
static uint64_t
random_part(uint64_t of_ms)
{
	uint16_t random = UINT16_MAX / 2;

	(void)RAND_bytes((unsigned char *)&random, sizeof random); /* the half is as good a part when there is none */
	return of_ms * random / UINT16_MAX;
}

uint64_t
backoff_ms(uint64_t named_ms, unsigned before)
{
	uint64_t least_ms = named_ms < LIMIT_RETRY_AFTER_MS ? named_ms : LIMIT_RETRY_AFTER_MS;
	uint64_t wait_ms = least_ms << (before < DOUBLINGS_MAX ? before : DOUBLINGS_MAX);

	if (wait_ms > DOUBLED_MAX_MS)
		wait_ms = least_ms > DOUBLED_MAX_MS ? least_ms : DOUBLED_MAX_MS;
	return wait_ms + random_part(wait_ms);
}

uint64_t
backoff_connect_ms(unsigned before)
{
	return backoff_ms(CONNECT_MS, before);
}

uint64_t
backoff_refusal_ms(const struct guichet_problem *problem, unsigned before)
{
	uint64_t named_ms = guichet_problem_retry_after_ms(problem);

	return backoff_ms(named_ms != 0 ? named_ms : REFUSED_MS, before);
}
