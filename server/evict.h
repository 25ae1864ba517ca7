/* SPDX-License-Identifier: Apache-2.0
 *
 * Who has to do without when something is short, and whose connections are evicted: the address that holds most of it,
 * and of those that hold little only what its peer does nothing with. Otherwise whoever takes all there is, from one
 * place or from many, has shut the office for everybody. An address is one party here, for it is all that can be known
 * of a peer that has not spoken; one through which many come (a balancer, a company) may have all that nobody else
 * wants.
 *
 * Arithmetic on what is held. */
#ifndef GUICHET_EVICT_H
#define GUICHET_EVICT_H

#include "protocol/bytes.h"

/* May who holds so much of a thing of which there is `max`, `total` of it taken, take more? Everyone may hold as much
 * as is left over: alone half, n together an equal part of n + 1, so that something is left for whoever comes. Of
 * memory and of handshakes, which come back by themselves. */
must_check bool evict_has_room(size_t held, size_t total, size_t max);

/* ---- connections, which peers keep ---- */

/* What a connection is about, those first that are evicted first. */
enum standing {
	STANDING_LEAVING,   /* all is said */
	STANDING_SILENT,    /* has not sent a byte */
	STANDING_NEW,       /* has not sent a request */
	STANDING_IDLE,      /* nothing under way */
	STANDING_QUEUED,    /* waits for its handshake to begin */
	STANDING_HANDSHAKE,
	STANDING_SENDING,   /* half a frame is here */
	STANDING_READING,   /* an answer is unread */
	STANDING_ASKING,    /* a request is unanswered */
	STANDING_COUNT,
};

/* How long the connection has stood so that has done so longest, by standing; EVICT_NONE: there is none. Counted
 * from the last request; while the peer is to send or to take bytes of one, from the last EVICT_PROGRESS of them, so
 * that a slow line goes on for as long as it gets on, and a byte now and then keeps nothing. */
struct evict_stood {
	uint64_t ms[STANDING_COUNT];
};

/* The address that has most connections, as a newcomer finds it who is one too many. */
struct evict_holder {
	size_t connections;
	bool is_own; /* the newcomer is one of them */
	struct evict_stood stood;
};

#define EVICT_NONE UINT64_MAX
/* Within EVICT_QUIET_MS a line of 7 Kbit/s. */
#define EVICT_PROGRESS ((size_t)8 * 1024)
/* Holding more than this part of all connections is holding much: such a one loses what is under way, too. */
#define EVICT_PART 64
/* A connection that has stood for so long is evicted for any newcomer, whoever holds it, unless it is the office that
 * owes the next step. With less, a crowd would throw out those whose first request is on its way, and nobody would get
 * anywhere. */
#define EVICT_QUIET_MS 10000

enum newcomer {
	NEWCOMER_REPLACES, /* the holder's connection is evicted that has stood longest in that standing */
	NEWCOMER_REPLACES_QUIET, /* likewise, of all connections */
	NEWCOMER_WAITS,   /* a crowd of which nobody holds much and everybody does something: no more for now */
	NEWCOMER_REFUSED, /* its own address has most already, and nothing quiet */
};

/* What becomes of a newcomer beyond connections_max; `all`: of all connections. *standing is set when it replaces
 * one. */
must_check enum newcomer evict_for_newcomer(const struct evict_holder *holder, const struct evict_stood *all,
    size_t connections_max, enum standing *standing);
/* Is one among them that has stood for EVICT_QUIET_MS and waits for its peer? *standing: the first such. */
must_check bool evict_has_quiet(const struct evict_stood *stood, enum standing *standing);

#endif
