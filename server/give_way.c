/* SPDX-License-Identifier: Apache-2.0
 *
 * Two decisions. */
#include "server/give_way.h"

bool
give_way_has_room(size_t held, size_t total, size_t max)
{
	return total < max && held < max - total;
}

enum newcomer
give_way_to_newcomer(const struct give_way_holder *holder, size_t connections_max, enum standing *standing)
{
	bool holds_much = holder->connections > connections_max / GIVE_WAY_PART;
	enum standing last = holds_much && !holder->is_own ? STANDING_ASKING : STANDING_IDLE;
	uint64_t least_ms = holder->is_own ? GIVE_WAY_QUIET_MS : 0;

	for (enum standing each = 0; each <= last; each++)
		if (holder->stood_ms[each] != GIVE_WAY_NONE && holder->stood_ms[each] >= least_ms) {
			*standing = each;
			return NEWCOMER_REPLACES;
		}
	return holder->is_own && holds_much ? NEWCOMER_REFUSED : NEWCOMER_WAITS;
}
