/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection's conversation: who it speaks for, which requests are unanswered, and the answers ready to be sent.
 * Knows frames and messages, nothing of sockets or TLS. Below it stands dispatch, above it conn. */
#ifndef GUICHET_SESSION_H
#define GUICHET_SESSION_H

#include "protocol/buf.h"
#include "protocol/frame.h"
#include "server/arrival.h"

struct dispatch;
struct session;

/* What a session needs of its connection. */
struct session_peer {
	/* The peer's address, 16 bytes (IPv4 mapped): for counting failed attempts. */
	uint8_t address[16];
	/* The TLS exporter of this connection (RFC 9266), for log-in. */
	uint8_t channel_binding[32];
	/* Called when answers were put into session_answers outside of session_receive; may be called often. */
	void (*answered)(void *context);
	void *context;
};

must_check struct session *session_create(struct dispatch *dispatch, const struct session_peer *peer);
/* The connection is gone: unanswered requests run to their end, their answers are dropped. */
void session_destroy(struct session *session);

/* One whole request, its body borrowed for the call. Answers at once or later, in any order; every request gets exactly
 * one. */
void session_receive(struct session *session, const struct frame *frame, const struct arrival *arrival);
/* Answers a frame that is not received: one that cannot be read past, or for which there is no memory. The fault is
 * borrowed for the call. */
void session_refuse_frame(struct session *session, const struct frame *frame, const struct fault *fault);

/* Frames ready to be sent; whoever sends consumes from the front. */
struct buf *session_answers(struct session *session);
/* Requests not answered yet. */
size_t session_unanswered(const struct session *session);
/* False: do not read on for now (too many requests unanswered, or too many bytes of answers that are unread or still
 * to come). */
bool session_wants_more(const struct session *session);

#endif
