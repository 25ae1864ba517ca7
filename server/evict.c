/* SPDX-License-Identifier: Apache-2.0
 *
 * Decisions. */
#include "server/evict.h"

bool
evict_has_room(size_t held, size_t total, size_t max)
{
	return total < max && held < max - total;
}

/* Of those whose standing is at most `last`. */
static bool
find_stood(const struct evict_stood *stood, enum standing last, uint64_t least_ms, enum standing *standing)
{
	for (enum standing each = 0; each <= last; each++)
		if (stood->ms[each] != EVICT_NONE && stood->ms[each] >= least_ms) {
			*standing = each;
			return true;
		}
	return false;
}

bool
evict_has_quiet(const struct evict_stood *stood, enum standing *standing)
{
	struct evict_stood peers = *stood;

	/* The office owes them a handshake, an answer. */
	peers.ms[STANDING_QUEUED] = peers.ms[STANDING_ASKING] = EVICT_NONE;
	return find_stood(&peers, STANDING_COUNT - 1, EVICT_QUIET_MS, standing);
}

enum newcomer
evict_for_newcomer(const struct evict_holder *holder, const struct evict_stood *all, size_t connections_max,
    enum standing *standing)
{
	bool holds_much = holder->connections > connections_max / EVICT_PART;
	enum standing last = holds_much ? STANDING_ASKING : STANDING_IDLE;

	if (holder->is_own ? evict_has_quiet(&holder->stood, standing) :
			     find_stood(&holder->stood, last, 0, standing))
		return NEWCOMER_REPLACES;
	/* Who has most does not take from others. */
	if (holder->is_own && holds_much)
		return NEWCOMER_REFUSED;
	return evict_has_quiet(all, standing) ? NEWCOMER_REPLACES_QUIET : NEWCOMER_WAITS;
}
