/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections: between the socket and the session. A connection shakes hands, cuts what it reads into frames for
 * its session, sends the session's answers, and sees to it that a peer who is slow, silent or wrong costs little
 * and not for long. Knows frames, not messages.
 *
 *   silent -> queued -> handshake -> open -> draining -> lingering -> closed
 *
 * silent: accepted, and nothing came; costs a descriptor and little more. queued: waits for its handshake to begin.
 * draining: nothing more is read; what was received is answered. lingering: all is said, both TLS and session are
 * gone; only the peer's last bytes are thrown away, since closing on unread bytes would make the kernel throw our
 * last answers away. Every state in which we wait for the peer has a deadline.
 *
 * Fairness: a turn lasts a few milliseconds, and who has had much of late is served behind the others (share.h). All
 * that can be short is counted for each network address too, and the address that holds most does without: its
 * handshakes wait, its frames are refused as busy, its connections are evicted (evict.h).
 *
 * Back-pressure: nothing is read while the session wants no more, but a frame that has begun is read to its end
 * whatever happens, so that its time of reception is the time it arrived; it is held until the session wants it.
 *
 * All of it belongs to the loop's thread. */
#ifndef GUICHET_CONN_H
#define GUICHET_CONN_H

#include "server/address.h"
#include "server/chain.h"
#include "server/evict.h"
#include "server/loop.h"

struct address_account;
struct address_book;
struct conn;
struct dispatch;
struct log;
struct tls_config;

struct conn_limits {
	/* Connections at once, and one: beyond it a newcomer takes the place of somebody of the address that has most
	 * of them, or waits in the backlog. Leave descriptors for the store. */
	size_t connections_max;
	/* Handshakes at once: each costs 0.4 ms of the loop's thread, and those who are already here go first. One
	 * address may have half of them, or less when others have some (evict.h). */
	size_t handshakes_max;
	/* Bytes of memory for what is received and not delivered and for unsent answers, that one address may have;
	 * all together twice as much, and an address less when others have some (evict.h). Beyond it half a frame is
	 * refused as busy, and who has answers to collect is neither read from nor answered anything more; beyond half
	 * as much again every request is refused as busy. */
	size_t buffered_max;
	uint64_t handshake_ms; /* from accept to the first byte, and from when the handshake begins to its end */
	/* The latter while others of that address wait for one, or everybody does: whoever says nothing takes the place
	 * of somebody who waits. */
	uint64_t handshake_pressed_ms;
	uint64_t frame_ms;     /* from a frame's first byte to its last */
	uint64_t idle_ms;      /* without a frame, with nothing unanswered */
	uint64_t write_ms;     /* for a reader to take CONN_WRITE_MIN bytes, or all there is */
	uint64_t linger_ms;    /* for a peer to close after we did */
	uint64_t drain_ms;     /* from conn_pool_drain to when all connections are closed */
	uint64_t stop_frame_ms; /* during it, for a half frame without further bytes */
};

/* What a reader has to take within write_ms: 8 Kbit/s with the default. */
#define CONN_WRITE_MIN ((size_t)32 * 1024)

/* What all connections of a process have in common. conn_pool fills in the first part, conn_share_begin the second,
 * which is kept by conn. */
struct conn_shared {
	struct loop *loop;
	struct log *log;
	const struct tls_config *tls;
	struct dispatch *dispatch;
	struct conn_limits limits;
	bool is_stopping; /* requests not begun are not read any more */
	uint64_t stopping_since_ms; /* steady clock */
	/* Called when a connection's state changed or it is gone; must not destroy any. */
	void (*changed)(struct conn_shared *shared);

	struct conn *first;
	size_t count, handshakes;
	size_t buffered; /* bytes of memory for peers */
	struct address_book *book;
	struct chain standings[STANDING_COUNT]; /* all connections */
	/* Whose connections wait for handshakes, in the order of turns: accounts with none above. */
	struct chain line;
	struct loop_task line_task;
	bool is_crowded; /* when the line was last looked at, there was no handshake left for it */
	uint64_t next_number;
};

/* Before the first connection and after the last. False when memory or randomness is short. */
must_check bool conn_share_begin(struct conn_shared *shared);
void conn_share_end(struct conn_shared *shared);

/* A connection over the non-blocking `fd`, which it takes; address as in struct listener_taker. NULL when memory
 * is short: then `fd` stays the caller's. It lives on its own and frees itself at its end. */
must_check struct conn *conn_create(struct conn_shared *shared, int fd, const uint8_t address[ADDRESS_SIZE]);
/* What becomes of a newcomer, the latest one, when there are more than connections_max? When it takes somebody's place,
 * *loser is that one. */
must_check enum newcomer conn_find_place(const struct conn *newcomer, struct conn **loser);
/* The one that is evicted for any newcomer, if there is one (evict_has_quiet); NULL: none. */
struct conn *conn_find_quiet(const struct conn_shared *shared);
/* Ends it for others' sake. Not from inside a call of its session. `reason`: a constant text. */
void conn_evict(struct conn *conn, const char *reason);
/* Ends it without a word. Not from inside a call of its session. */
void conn_destroy(struct conn *conn);
/* After is_stopping was set: closes it unless it owes an answer, else when it owes none any more. May free it. */
void conn_stop(struct conn *conn);
/* The one after it in the list that begins with shared->first; NULL at the end. */
struct conn *conn_next(const struct conn *conn);

#endif
