/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gives way when something is short: the address that holds most of it, never one that holds little. Otherwise
 * whoever takes all there is has shut the office for everybody. An address is one party here, for it is all that can be
 * known of a peer that has not spoken; one through which many come (a balancer, a company) may have all that nobody
 * else wants.
 *
 * Arithmetic on what is held. */
#ifndef GUICHET_GIVE_WAY_H
#define GUICHET_GIVE_WAY_H

#include "protocol/bytes.h"

/* May who holds so much of a thing of which there is `max`, `total` of it taken, take more? Everyone may hold as much
 * as is left over: alone half, n together an equal part of n + 1, so that something is left for whoever comes. Of
 * memory and of handshakes, which come back by themselves. */
must_check bool give_way_has_room(size_t held, size_t total, size_t max);

/* ---- connections, which peers keep ---- */

/* What a connection is about, those first that give way first. */
enum standing {
	STANDING_LEAVING,   /* all is said */
	STANDING_SILENT,    /* has not sent a byte */
	STANDING_NEW,       /* has not sent a request */
	STANDING_IDLE,      /* nothing under way */
	STANDING_QUEUED,    /* waits for its handshake to begin */
	STANDING_HANDSHAKE,
	STANDING_SENDING,   /* half a frame is here */
	STANDING_ASKING,    /* a request is unanswered, or an answer unread */
	STANDING_COUNT,
};

/* The address that has most connections, as a newcomer finds it who is one too many. */
struct give_way_holder {
	size_t connections;
	bool is_own; /* the newcomer is one of them */
	/* How long the connection has stood so that has done so longest, by standing; GIVE_WAY_NONE: there is none. */
	uint64_t stood_ms[STANDING_COUNT];
};

#define GIVE_WAY_NONE UINT64_MAX
/* Holding more than this part of all connections is holding much: such a one loses what is under way, too. */
#define GIVE_WAY_PART 64
/* To a newcomer of its own address a connection gives way that nothing happened on for so long. With less, a crowd that
 * comes from one address would throw out those whose first request is on its way, and nobody would get anywhere. */
#define GIVE_WAY_QUIET_MS 10000

enum newcomer {
	NEWCOMER_REPLACES, /* the connection that has stood longest in that standing gives way */
	NEWCOMER_WAITS,    /* a crowd of which nobody holds much: no more are taken until somebody goes */
	NEWCOMER_REFUSED,  /* its own address has most already, and nothing idle */
};

/* What becomes of a newcomer beyond connections_max; *standing is set for NEWCOMER_REPLACES. */
must_check enum newcomer give_way_to_newcomer(const struct give_way_holder *holder, size_t connections_max,
    enum standing *standing);

#endif
