/* SPDX-License-Identifier: Apache-2.0
 *
 * Two ends of a TLS connection over a socket pair, in one thread, with certificates made for the test: "office", which
 * the client trusts, and "stranger". */
#ifndef GUICHET_STREAM_PAIR_H
#define GUICHET_STREAM_PAIR_H

#include "tests/unit/unit.h"

#include "protocol/net/stream.h"
#include "protocol/net/tls_config.h"

struct pair {
	int fds[2]; /* server's, client's */
	struct stream *server, *client;
};


/* Made by pair_set_up; a test may replace one for a while. */
extern struct tls_config *pair_server_config, *pair_client_config;

int pair_set_up(void **state);
int pair_tear_down(void **state);
/* A file of the test's directory: NAME.pem, NAME.key. Valid for the next three calls. */
const char *pair_path(const char *name);

/* Non-blocking ends. */
void pair_sockets(int fds[2]);
/* Streams before their handshake; the client expects `host`. */
struct pair pair_open(const char *host);
/* Steps both handshakes until neither waits for the other any more. */
void pair_handshake(struct pair *pair, struct stream_result *server, struct stream_result *client);
/* Streams after a handshake that succeeded. */
struct pair pair_establish(void);
void pair_close(struct pair *pair);

bool pair_waits(struct stream_result result);
/* Sends all of a short text at once. */
void pair_send_text(struct stream *stream, const char *text);
/* One read gives exactly this text. */
void pair_expect_text(struct stream *stream, const char *text);
/* What a read says that finds no bytes. */
struct stream_result pair_read_nothing(struct stream *stream);

#endif
