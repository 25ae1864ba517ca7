/* SPDX-License-Identifier: Apache-2.0
 *
 * Failed attempts to be identified (A1), counted per (person, address), per person and per address.
 *
 * A pair that failed often waits, longer each time: it cannot guess on. Failures of all addresses against one person make
 * every address that has itself failed against that person wait, but never one that has not: so nobody locks another
 * out. An address that failed against very many persons waits too. Whoever waits is not even compared, so the answer
 * tells nothing. A day without a failure forgets. */
#ifndef GUICHET_SERVICES_ATTEMPTS_H
#define GUICHET_SERVICES_ATTEMPTS_H

#include "server/decide.h"

/* Failures that are free, before waiting begins. */
#define ATTEMPTS_FREE_PAIR 5U
#define ATTEMPTS_FREE_PERSON 20U
#define ATTEMPTS_FREE_ADDRESS 200U
/* The first wait; each further failure doubles it, up to the longest. */
#define ATTEMPTS_WAIT_FIRST_S 10U
#define ATTEMPTS_WAIT_MAX_S 3600U
#define ATTEMPTS_FORGET_S 86400U

/* From when on another attempt is heard, given so many failures, the newest at last_at. Pure. */
uint64_t attempts_open_at(uint64_t failures, uint64_t last_at, uint64_t failures_free);

struct attempts {
	struct slice keys[3]; /* pair, person, address */
	struct rec_attempts counts[3];
};

/* Reads the counters and, when the asker has to wait, refuses with attempts_exceeded and how long. PROCEED otherwise. */
must_check enum outcome attempts_check(struct decision *decision, struct slice spi, struct attempts *attempts);
/* Effects of a failure: each counter rises. refuse() would drop them, so call it after refusing. */
void attempts_fail(struct decision *decision, struct attempts *attempts);
/* Effects of a success: the pair starts afresh. */
void attempts_succeed(struct decision *decision, struct attempts *attempts);

#endif
