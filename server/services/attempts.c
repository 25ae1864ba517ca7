/* SPDX-License-Identifier: Apache-2.0
 *
 * Three counters and the waits that follow from them. */
#include "server/services/attempts.h"

enum counter { PAIR, PERSON, ADDRESS };

static const uint64_t failures_free[] = {
	[PAIR] = ATTEMPTS_FREE_PAIR,
	[PERSON] = ATTEMPTS_FREE_PERSON,
	[ADDRESS] = ATTEMPTS_FREE_ADDRESS,
};

uint64_t
attempts_open_at(uint64_t failures, uint64_t last_at, uint64_t free)
{
	uint64_t wait = ATTEMPTS_WAIT_FIRST_S;

	if (failures < free)
		return 0;
	for (uint64_t i = free; i < failures && wait < ATTEMPTS_WAIT_MAX_S; i++)
		wait *= 2;
	return last_at + (wait < ATTEMPTS_WAIT_MAX_S ? wait : ATTEMPTS_WAIT_MAX_S);
}

enum outcome
attempts_check(struct decision *decision, struct slice spi, struct attempts *attempts)
{
	const struct context *context = decision->context;
	struct keyed person = decision_person(decision, spi);
	struct keyed address = decision_keyed(decision, "address", slice_of(context->address, sizeof context->address));
	uint64_t open_at = 0;

	attempts->keys[PAIR] = KEY_MAKE(decision->arena, KEY_attempts_pair, key_part_keyed(&person), key_part_keyed(&address));
	attempts->keys[PERSON] = KEY_MAKE(decision->arena, KEY_attempts_person, key_part_keyed(&person));
	attempts->keys[ADDRESS] = KEY_MAKE(decision->arena, KEY_attempts_address, key_part_keyed(&address));
	for (int i = PAIR; i <= ADDRESS; i++)
		view_want(decision->view, attempts->keys[i]);
	for (int i = PAIR; i <= ADDRESS; i++) {
		struct rec_attempts *counts = &attempts->counts[i];
		*counts = (struct rec_attempts){ 0 };
		if (view_get(decision->view, attempts->keys[i], record_attempts(), counts) == VIEW_AGAIN)
			return AGAIN;
		if (counts->last_at + ATTEMPTS_FORGET_S <= context->now)
			counts->failures = 0;
		uint64_t waits_until = attempts_open_at(counts->failures, counts->last_at, failures_free[i]);
		/* What others did to this person is no reason to make a newcomer wait. */
		if (i == PERSON && attempts->counts[PAIR].failures == 0)
			waits_until = 0;
		if (waits_until > open_at)
			open_at = waits_until;
	}
	if (context->now >= open_at)
		return PROCEED;
	enum outcome outcome = refuse(decision, ERROR_attempts_exceeded);
	decision->effects->retry_after_ms = (open_at - context->now) * 1000;
	return outcome;
}

void
attempts_fail(struct decision *decision, struct attempts *attempts)
{
	for (int i = PAIR; i <= ADDRESS; i++) {
		if (attempts->counts[i].failures < UINT32_MAX)
			attempts->counts[i].failures++;
		attempts->counts[i].last_at = decision->context->now;
		effects_put(decision, attempts->keys[i], record_attempts(), &attempts->counts[i]);
	}
}

void
attempts_succeed(struct decision *decision, struct attempts *attempts)
{
	if (attempts->counts[PAIR].failures != 0)
		effects_remove(decision, attempts->keys[PAIR]);
}
