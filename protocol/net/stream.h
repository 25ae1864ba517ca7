/* SPDX-License-Identifier: Apache-2.0
 *
 * An encrypted connection (A15) with TLS out of sight. Non-blocking: each call does what it can now and says what it
 * waits for. The socket is the caller's, who also waits for it; level-triggered polling is enough. Not for use by two
 * threads.
 *
 * A stream may hold bytes that it took off the socket but has not handed out; the socket will not announce those.
 * `pending` in a result says so: then read again before waiting. */
#ifndef GUICHET_STREAM_H
#define GUICHET_STREAM_H

#include "protocol/buf.h"

struct stream;
struct tls_config;

enum stream_status {
	STREAM_PROGRESS,   /* handshake or farewell: done; read or write: `size` bytes moved */
	STREAM_WANT_READ,  /* nothing moved; call again when the socket is readable */
	STREAM_WANT_WRITE, /* nothing moved; call again when the socket is writable */
	STREAM_CLOSED,     /* the peer said that it sends no more (close_notify); it may still be written to */
	STREAM_CUT,        /* the connection ended without that: what was under way may be lost */
	STREAM_FAILED,     /* TLS or the socket failed; see reason */
};

struct stream_result {
	enum stream_status status;
	bool pending;       /* read again before waiting for the socket */
	bool drained;       /* of a read: it took all that the socket had */
	size_t size;        /* STREAM_PROGRESS of read and write */
	const char
	    *reason; /* STREAM_CUT, STREAM_FAILED: a constant text for the log, nothing of the peer's; else NULL */
};

#define STREAM_BINDING_SIZE ((size_t)32)

/* A stream over a connected socket. `host`: for a client the name or IP address that the server's certificate must
 * bear, for a server NULL. `config` must outlive the stream. NULL when memory is short or `host` is neither. */
must_check struct stream *stream_create(const struct tls_config *config, int fd, const char *host);
/* Frees without a word to the peer (stream_shutdown says it); the socket stays open. NULL is allowed. */
void stream_destroy(struct stream *stream);

/* Call until STREAM_PROGRESS before anything else. STREAM_FAILED also when the peer does not speak guichet/1
 * (if the configuration wants that). */
must_check struct stream_result stream_handshake(struct stream *stream);
/* Appends what is there to `to`: what one or a few reads of the socket gave, at most size_max bytes and at most the
 * buffer's space, which must not both be 0. An end that follows bytes is told by the next call. */
must_check struct stream_result stream_read(struct stream *stream, struct buf *to, size_t size_max);
/* Sends from the front of `from`, all if the socket takes it, and consumes what was sent. After STREAM_WANT_WRITE, or
 * fewer bytes than there were, the rest must stay at the front of `from`; appending behind it is allowed. */
must_check struct stream_result stream_write(struct stream *stream, struct buf *from);
/* Says that no more will be written (close_notify), after the last stream_write has sent all. Reading goes on. */
must_check struct stream_result stream_shutdown(struct stream *stream);
/* The channel binding, equal at both ends and on no other connection (RFC 9266, tls-exporter), once the handshake is
 * done; false when this machine fails. */
must_check bool stream_binding(struct stream *stream, uint8_t out[STREAM_BINDING_SIZE]);

#endif
