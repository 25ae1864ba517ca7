/* SPDX-License-Identifier: Apache-2.0
 *
 * The account is one time: it moves ahead with every turn, and the clock follows. */
#include "server/share.h"

/* What one connection may have before the others get their turn. A frame costs little as a rule, but a few KB that
 * inflate to the limit cost a millisecond: hence the time. */
#define TURN_BYTES ((size_t)64 * 1024)
#define TURN_FRAMES 32
#define TURN_MS 2

struct share_turn
share_turn_begin(uint64_t now_ms)
{
	return (struct share_turn){ TURN_BYTES, TURN_FRAMES, now_ms + TURN_MS };
}

bool
share_turn_is_over(const struct share_turn *turn, uint64_t now_ms)
{
	return turn->frames == 0 || now_ms >= turn->ends_ms;
}

void
share_count(struct share *share, uint64_t began_ms, uint64_t now_ms)
{
	if (now_ms == began_ms)
		return;
	if (share->owes_until_ms < began_ms)
		share->owes_until_ms = began_ms;
	share->owes_until_ms += (now_ms - began_ms) * SHARE_PARTS;
	if (share->owes_until_ms > now_ms + SHARE_OWES_MAX_MS)
		share->owes_until_ms = now_ms + SHARE_OWES_MAX_MS;
}

bool
share_had_much(const struct share *share, uint64_t now_ms)
{
	return share->owes_until_ms > now_ms + (uint64_t)SHARE_BURST_MS * SHARE_PARTS;
}

bool
share_owes(const struct share *share, uint64_t now_ms)
{
	return share->owes_until_ms > now_ms;
}
