/* SPDX-License-Identifier: Apache-2.0
 *
 * A server for the load harness's tests, in the same thread and over the same loop as its generator: TLS on a port that
 * the system chose, and for each request what the test says. Group set-up and tear-down are those of stream_pair.h. */
#ifndef GUICHET_FAKE_SERVER_H
#define GUICHET_FAKE_SERVER_H

#include "tests/unit/unit.h"

#include "protocol/frame.h"
#include "server/loop.h"

#define FAKE_CONNECTIONS_MAX 64

struct fake_server;

/* What becomes of a request. */
enum fake_verdict {
	FAKE_ANSWER, /* with the server's status and body */
	FAKE_SILENCE,
	FAKE_CUT, /* its connection */
	FAKE_DIE, /* all connections, and nobody listens any more */
};

struct fake_connection {
	struct loop_source source; /* fd -1: none */
	struct fake_server *server;
	struct stream *stream;
	bool is_open;
	struct buf *in, *out;
};

struct fake_server {
	struct loop *loop;
	struct loop_source listener; /* fd -1: nobody listens */
	uint16_t port;
	struct fake_connection connections[FAKE_CONNECTIONS_MAX];
	size_t accepted, requests;
	size_t cut_handshakes;      /* so many connections are cut before they are open */
	uint64_t stalled_until_ms;  /* of the steady clock: nothing is read or written before */
	enum fake_verdict (*decide)(struct fake_server *server, const struct frame *request);
	uint32_t status;
	struct slice body;
};

void fake_open(struct fake_server *server, enum fake_verdict (*decide)(struct fake_server *server,
    const struct frame *request));
void fake_close(struct fake_server *server);
/* Cuts the connection that was accepted as the nth, from 0. */
void fake_cut(struct fake_server *server, size_t nth);
/* From now on it does nothing for so long. */
void fake_stall(struct fake_server *server, uint64_t for_ms);

#endif
