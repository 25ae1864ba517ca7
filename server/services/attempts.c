/* SPDX-License-Identifier: Apache-2.0
 *
 * Four counters and the waits that follow from them. */
#include "server/services/attempts.h"

#include "protocol/manifest.h"
#include "server/address.h"

enum counter { PAIR, PERSON, ADDRESS, NETWORK };

static const uint64_t failures_free[] = {
	[PAIR] = ATTEMPTS_FREE_PAIR,
	[PERSON] = ATTEMPTS_FREE_PERSON,
	[ADDRESS] = ATTEMPTS_FREE_ADDRESS,
	[NETWORK] = ATTEMPTS_FREE_NETWORK,
};

uint64_t
attempts_wait(uint64_t failures, uint64_t free)
{
	uint64_t wait = ATTEMPTS_WAIT_FIRST_S;

	if (failures < free)
		return 0;
	for (uint64_t i = free; i < failures && wait < ATTEMPTS_WAIT_MAX_S; i++)
		wait *= 2;
	return wait < ATTEMPTS_WAIT_MAX_S ? wait : ATTEMPTS_WAIT_MAX_S;
}

uint64_t
attempts_pace(uint64_t failures, uint64_t free)
{
	if (failures < free)
		return 0;
	uint64_t pace = 1 + (failures - free) / ATTEMPTS_PACE_STEP;
	return pace < ATTEMPTS_PACE_MAX_S ? pace : ATTEMPTS_PACE_MAX_S;
}

/* What a counter asks of who failed: the pair's grows up to the longest, those that others fill as well do not. */
static uint64_t
counter_wait(enum counter counter, uint64_t failures)
{
	uint64_t wait = attempts_wait(failures, failures_free[counter]);

	return counter == PAIR || wait < ATTEMPTS_WAIT_SHARED_MAX_S ? wait : ATTEMPTS_WAIT_SHARED_MAX_S;
}

static enum outcome
refuse_for(struct decision *decision, uint64_t wait)
{
	enum outcome outcome = refuse(decision, ERROR_attempts_exceeded);
	decision->effects->retry_after_ms = wait * 1000;
	return outcome;
}

/* Sorts counters by when they are next looked at. */
static struct slice
expiry_key(struct decision *decision, uint64_t last_at, struct slice counter)
{
	return KEY_MAKE(decision->arena, KEY_attempts_expiry,
	    key_part_u64(decision->arena, last_at + ATTEMPTS_FORGET_S), counter);
}

static void
attempts_begin(struct decision *decision, struct slice spi, struct attempts *attempts)
{
	const uint8_t *from = decision->context->address;
	struct slice party = address_party(from), wider = address_network(from);
	struct keyed person = decision_person(decision, spi), address = decision_keyed(decision, "address", party);
	struct keyed network = decision_keyed(decision, "address", wider);

	*attempts = (struct attempts){
		.first = spi_valid(spi) ? PAIR : ADDRESS,
		.end = wider.size == 0 ? NETWORK : NETWORK + 1,
	};
	attempts->keys[PAIR] = KEY_MAKE(decision->arena, KEY_attempts_pair, key_part_keyed(&person),
	    key_part_keyed(&address));
	attempts->keys[PERSON] = KEY_MAKE(decision->arena, KEY_attempts_person, key_part_keyed(&person));
	attempts->keys[ADDRESS] = KEY_MAKE(decision->arena, KEY_attempts_address, key_part_keyed(&address));
	attempts->keys[NETWORK] = KEY_MAKE(decision->arena, KEY_attempts_address, key_part_keyed(&network));
	for (size_t i = attempts->first; i < attempts->end; i++)
		view_want(decision->view, attempts->keys[i]);
}

static uint64_t
later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

enum outcome
attempts_check(struct decision *decision, struct slice spi, struct attempts *attempts)
{
	uint64_t now = decision->context->now, wait = 0, paced_until = 0;

	attempts_begin(decision, spi, attempts);
	for (size_t i = attempts->first; i < attempts->end; i++) {
		struct rec_attempts *counts = &attempts->counts[i];
		enum view_state state = view_get(decision->view, attempts->keys[i], record_attempts(), counts);
		if (state == VIEW_AGAIN)
			return AGAIN;
		attempts->is_new[i] = state == VIEW_ABSENT;
		/* A clock that was set back must not make anybody wait for longer than the longest, and for the pace of
		 * an address, which those have to keep who failed at nothing, it does not make anybody wait. */
		bool is_ahead = counts->last_at > now;
		if (is_ahead)
			counts->last_at = now;
		if (counts->last_at + ATTEMPTS_FORGET_S <= now)
			counts->failures = 0;
		wait = later_of(wait, counter_wait((enum counter)i, counts->failures));
		if (i >= ADDRESS && !is_ahead)
			paced_until = later_of(
			    paced_until, counts->last_at + attempts_pace(counts->failures, failures_free[i]));
	}
	/* A pair that has not failed has no last failure, or one of long ago: it is open. */
	uint64_t open_at = later_of(attempts->counts[PAIR].last_at + wait, paced_until);
	if (now >= open_at)
		return PROCEED;
	return refuse_for(decision, open_at - now);
}

enum outcome
attempts_refuse(struct decision *decision, struct attempts *attempts)
{
	uint64_t wait = 0;

	for (size_t i = attempts->first; i < attempts->end; i++) {
		struct rec_attempts *counts = &attempts->counts[i];
		if (counts->failures < UINT32_MAX)
			counts->failures++;
		counts->last_at = decision->context->now;
		if (i >= ADDRESS)
			wait = later_of(wait, counter_wait((enum counter)i, counts->failures));
	}
	enum outcome outcome = wait == 0 ? refuse(decision, ERROR_identification_refused) : refuse_for(decision, wait);
	/* After refusing, which drops what was noted before. */
	for (size_t i = attempts->first; i < attempts->end; i++) {
		const struct rec_attempts *counts = &attempts->counts[i];
		effects_put(decision, attempts->keys[i], record_attempts(), counts);
		/* One that is stored already has its place among those that expire: the sweep moves it on. */
		if (attempts->is_new[i])
			effects_put(decision, expiry_key(decision, counts->last_at, attempts->keys[i]),
			    record_attempts(), counts);
	}
	return outcome;
}

void
attempts_succeed(struct decision *decision, struct attempts *attempts)
{
	if (attempts->counts[PAIR].failures != 0)
		effects_remove(decision, attempts->keys[PAIR]);
}

/* ---- sweeping ---- */

/* Effects: a counter whose time has come is gone, unless it counted since: then it comes again a day after that. One
 * that a success removed only leaves its place. */
static enum outcome
counter_sweep(struct decision *decision, struct slice expiry)
{
	struct rec_attempts *counts = arena_alloc(decision->arena, sizeof *counts);
	struct slice counter = slice_from(expiry, 1 + sizeof(uint64_t));

	if (counts == NULL)
		return refuse(decision, ERROR_out_of_memory);
	enum view_state state = view_get(decision->view, counter, record_attempts(), counts);
	if (state == VIEW_AGAIN)
		return AGAIN;
	effects_remove(decision, expiry);
	if (state == VIEW_ABSENT)
		return PROCEED;
	if (counts->last_at + ATTEMPTS_FORGET_S < decision->context->now)
		effects_remove(decision, counter);
	else
		effects_put(decision, expiry_key(decision, counts->last_at, counter), record_attempts(), counts);
	return PROCEED;
}

enum outcome
decide_attempts_sweep(struct decision *decision, const void *request)
{
	struct slice from = KEY_MAKE(decision->arena, KEY_attempts_expiry, SLICE_LITERAL(""));
	struct slice end =
	    KEY_MAKE(decision->arena, KEY_attempts_expiry, key_part_u64(decision->arena, decision->context->now));
	const struct store_pair *pairs;
	size_t count;

	(void)request;
	if (view_range(decision->view, from, end, false, ATTEMPTS_SWEEP_MAX, &pairs, &count) == VIEW_AGAIN)
		return AGAIN;
	for (size_t i = 0; i < count; i++)
		view_want(decision->view, slice_from(pairs[i].key, 1 + sizeof(uint64_t)));
	for (size_t i = 0; i < count; i++) {
		enum outcome outcome = counter_sweep(decision, pairs[i].key);
		if (outcome != PROCEED)
			return outcome;
	}
	decision->effects->has_more = count == ATTEMPTS_SWEEP_MAX;
	return DECIDED;
}
