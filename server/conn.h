/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections: between the socket and the session. A connection shakes hands, cuts what it reads into frames for
 * its session, sends the session's answers, and sees to it that a peer who is slow, silent or wrong costs little
 * and not for long. Knows frames, not messages.
 *
 *   handshake -> open -> draining -> lingering -> closed
 *
 * draining: nothing more is read; what was received is answered. lingering: all is said, both TLS and session are
 * gone; only the peer's last bytes are thrown away, since closing on unread bytes would make the kernel throw our
 * last answers away. Every state but "open, waiting for our own answer" has a deadline.
 *
 * Fairness: a turn lasts a few milliseconds, and who has had much of late is served behind the others (share.h).
 *
 * Back-pressure: nothing is read while the session wants no more, but a frame that has begun is read to its end
 * whatever happens, so that its time of reception is the time it arrived; it is held until the session wants it.
 *
 * All of it belongs to the loop's thread. */
#ifndef GUICHET_CONN_H
#define GUICHET_CONN_H

#include "protocol/bytes.h"

struct conn;
struct dispatch;
struct log;
struct loop;
struct tls_config;

struct conn_limits {
	/* Connections at once; beyond it peers wait in the backlog. Leave descriptors for the store. */
	size_t connections_max;
	/* Handshakes at once: each costs 0.4 ms of the loop's thread, and those who are already here go first. */
	size_t handshakes_max;
	/* Bytes of memory for what is received and not delivered and for unsent answers, over all connections. Beyond
	 * it half a frame is refused as busy, and who has answers to collect is neither read from nor answered
	 * anything more; beyond twice as much every request is refused as busy. */
	size_t buffered_max;
	uint64_t handshake_ms; /* from accept to the handshake's end */
	/* The same while more than half of handshakes_max are under way: whoever says nothing takes the place of
	 * somebody who waits in the backlog. */
	uint64_t handshake_pressed_ms;
	uint64_t frame_ms;     /* from a frame's first byte to its last */
	uint64_t idle_ms;      /* without a frame, with nothing unanswered */
	uint64_t write_ms;     /* for a reader to take CONN_WRITE_MIN bytes, or all there is */
	uint64_t linger_ms;    /* for a peer to close after we did */
	uint64_t drain_ms;     /* from conn_pool_drain to the end of patience */
	uint64_t stop_frame_ms; /* during it, for a half frame without further bytes */
};

/* What a reader has to take within write_ms: 8 Kbit/s with the default. */
#define CONN_WRITE_MIN ((size_t)32 * 1024)

/* What all connections of a process have in common. conn_pool fills in the first part; the second is kept by conn. */
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
	size_t buffered; /* as limited by buffered_max */
	uint64_t next_number;
};

/* A connection over the non-blocking `fd`, which it takes; address as in struct listener_taker. False when memory
 * is short: then `fd` stays the caller's. It lives on its own and frees itself at its end. */
must_check bool conn_create(struct conn_shared *shared, int fd, const uint8_t address[16]);
/* Ends it without a word. Not from inside a call of its session. */
void conn_destroy(struct conn *conn);
/* After is_stopping was set: closes it unless it owes an answer, else when it owes none any more. May free it. */
void conn_stop(struct conn *conn);
/* The one after it in the list that begins with shared->first; NULL at the end. */
struct conn *conn_next(const struct conn *conn);

#endif
