/* SPDX-License-Identifier: Apache-2.0
 *
 * Failed attempts to be identified (A1), counted per (person, address), per person, per address and per network
 * (address.h): an IPv6 address by its network of 64 bits, since a subscriber has all of one, and besides by that of
 * 48, since a subscriber may have all of that one, with 65,536 of the former. The network has more failures free, for
 * it may be many subscribers' as well; beyond them it is an address like any other.
 *
 * Who failed has to wait before being heard again: longer with each failure of that pair beyond a few, up to an hour;
 * and as long as the failures of everybody against that person, or of that address or network against everybody, ask
 * for, up to a minute: what others did must not make an hour of one slip, and slows those who guess no less, whose own
 * count grows. These waits count from the pair's own last failure, so nobody can make others wait who did nothing:
 * from a network that behaves, a pair that has not failed is always heard, and its success is never delayed.
 *
 * An address or network over its limit is heard at a pace besides, whomever it asks for: one comparison that fails,
 * then none for a second, growing to ten. Otherwise each new person would give it one guess for nothing. That nobody
 * can lock another out, and that success is never delayed for a third party's failures, holds between networks: a
 * network, or an IPv4 address, is one party here, the only thing by which who guesses at many persons can be known at
 * all. Whoever shares it with such a one waits seconds, not hours, and what they wait for is a turn: refused askers
 * take none, successes neither.
 *
 * Whoever waits is not even compared, so the answer tells nothing. A day without a failure forgets: the counter counts
 * no more, and some time later the sweep removes it. What cannot be a tax number gets the same answers, and fails for
 * address and network alone: there is nobody to be guessed, and nothing is kept of what was sent. */
#ifndef GUICHET_SERVICES_ATTEMPTS_H
#define GUICHET_SERVICES_ATTEMPTS_H

#include "server/decide.h"

/* Failures that are free, before waiting begins. */
#define ATTEMPTS_FREE_PAIR 5U
#define ATTEMPTS_FREE_PERSON 20U
#define ATTEMPTS_FREE_ADDRESS 200U
#define ATTEMPTS_FREE_NETWORK 2000U
/* The first wait; each further failure doubles it, up to the longest. */
#define ATTEMPTS_WAIT_FIRST_S 10U
#define ATTEMPTS_WAIT_MAX_S 3600U
/* The longest for what others count to as well: failures against that person, failures of that address or network. */
#define ATTEMPTS_WAIT_SHARED_MAX_S 60U
#define ATTEMPTS_FORGET_S 86400U
/* The pace of an address over its limit begins at one second; so many further failures add another, up to the
 * longest. */
#define ATTEMPTS_PACE_STEP 20U
#define ATTEMPTS_PACE_MAX_S 10U

/* Seconds to wait after so many failures, of which so many are free. Pure. */
uint64_t attempts_wait(uint64_t failures, uint64_t failures_free);
/* Seconds between two failures of an address or network with so many, of which so many are free; 0 while it is below
 * its limit. Pure. */
uint64_t attempts_pace(uint64_t failures, uint64_t failures_free);

/* Counters that a step of the sweep looks at, at most: each is one or two writes of its decision. */
#define ATTEMPTS_SWEEP_MAX 100

#define ATTEMPTS_COUNTERS 4

struct attempts {
	size_t first, end; /* of the counters that count: without the first two for what is no tax number, without the
	                    * last for IPv4 */
	struct slice keys[ATTEMPTS_COUNTERS]; /* pair, person, address, network */
	struct rec_attempts counts[ATTEMPTS_COUNTERS];
	bool is_new[ATTEMPTS_COUNTERS]; /* not stored yet */
};

/* Reads the counters and, when the asker has to wait, refuses with attempts_exceeded and how long. PROCEED
 * otherwise. */
must_check enum outcome attempts_check(struct decision *decision, struct slice spi, struct attempts *attempts);
/* A failure: each counter rises. Refuses with identification_refused, or, when the address or network is over its
 * limit, with attempts_exceeded; never says what was wrong. */
must_check enum outcome attempts_refuse(struct decision *decision, struct attempts *attempts);
/* Effects of a success: the pair starts afresh. */
void attempts_succeed(struct decision *decision, struct attempts *attempts);

/* The office's own work (dispatch_work): removes counters that have been quiet for a day. */
enum outcome decide_attempts_sweep(struct decision *decision, const void *request);

#endif
