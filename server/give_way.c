/* SPDX-License-Identifier: Apache-2.0
 *
 * Decisions. */
#include "server/give_way.h"

bool
give_way_has_room(size_t held, size_t total, size_t max)
{
	return total < max && held < max - total;
}

/* Of those whose standing is at most `last`. */
static bool
find_stood(const struct give_way_stood *stood, enum standing last, uint64_t least_ms, enum standing *standing)
{
	for (enum standing each = 0; each <= last; each++)
		if (stood->ms[each] != GIVE_WAY_NONE && stood->ms[each] >= least_ms) {
			*standing = each;
			return true;
		}
	return false;
}

bool
give_way_has_quiet(const struct give_way_stood *stood, enum standing *standing)
{
	struct give_way_stood peers = *stood;

	/* The office owes them a handshake, an answer. */
	peers.ms[STANDING_QUEUED] = peers.ms[STANDING_ASKING] = GIVE_WAY_NONE;
	return find_stood(&peers, STANDING_COUNT - 1, GIVE_WAY_QUIET_MS, standing);
}

enum newcomer
give_way_to_newcomer(const struct give_way_holder *holder, const struct give_way_stood *all, size_t connections_max,
    enum standing *standing)
{
	bool holds_much = holder->connections > connections_max / GIVE_WAY_PART;
	enum standing last = holds_much ? STANDING_ASKING : STANDING_IDLE;

	if (holder->is_own ? give_way_has_quiet(&holder->stood, standing) :
			     find_stood(&holder->stood, last, 0, standing))
		return NEWCOMER_REPLACES;
	/* Who has most does not take from others. */
	if (holder->is_own && holds_much)
		return NEWCOMER_REFUSED;
	return give_way_has_quiet(all, standing) ? NEWCOMER_REPLACES_QUIET : NEWCOMER_WAITS;
}
