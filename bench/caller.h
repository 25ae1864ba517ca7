/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection of the generator: connects, shakes hands, sends requests and tells each reply with the ticket of its
 * request. Over the loop and the streams that the server and the library use; nothing in it waits. */
#ifndef GUICHET_BENCH_CALLER_H
#define GUICHET_BENCH_CALLER_H

#include "bench/dialect.h"
#include "server/loop.h"

struct caller;
struct tls_config;

/* Unanswered requests of one connection, at most: what Guichet allows (LIMIT_STREAMS). */
#define CALLER_WINDOW_MAX 128

struct caller_events {
	/* Shaken hands: requests may be sent. */
	void (*opened)(void *context, struct caller *caller);
	/* A reply; its bytes are borrowed for the call. */
	void (*replied)(void *context, struct caller *caller, uint64_t ticket, const struct dialect_reply *reply);
	/* It has ended, by the server or the network: `why` is a constant text. Requests unanswered are lost. The
	 * caller may be destroyed here, as in the calls above. */
	void (*ended)(void *context, struct caller *caller, const char *why);
	void *context;
};

struct caller_config {
	struct loop *loop;
	const struct tls_config *tls;
	const struct dialect *dialect;
	uint16_t port; /* on 127.0.0.1 */
	struct caller_events events;
	uint64_t *work; /* goes up whenever a caller has something to do; NULL: nobody asks */
	uint32_t source; /* IPv4 address to connect from, in host order; 0: 127.0.0.1. Each has its own ports. */
};

/* Begins to connect; the config's pointers outlive the caller. NULL with errno. */
must_check struct caller *caller_create(const struct caller_config *config, void *owner);
/* Says farewell if it can at once, and closes. */
void caller_destroy(struct caller *caller);

void *caller_owner(const struct caller *caller);
bool caller_is_open(const struct caller *caller);
/* The channel binding, for a log-in; false when the machine fails. */
must_check bool caller_binding(struct caller *caller, uint8_t out[32]);
/* Queues a request (fewer than CALLER_WINDOW_MAX are unanswered); the bytes are copied and leave at the end of the
 * loop's round. `number` tells the run's requests apart, for the dialects that ask. */
void caller_send(struct caller *caller, uint64_t ticket, uint64_t number, struct slice content);
/* Bytes sent and received so far, as they stand inside TLS. */
void caller_bytes(const struct caller *caller, uint64_t *sent, uint64_t *received);

#endif
