/* SPDX-License-Identifier: Apache-2.0
 *
 * A listening TCP socket: accepts while its taker has room and leaves the rest in the kernel's backlog, where they
 * wait unharmed. Out of descriptors, it pauses on a timer and says so once; the one descriptor that it holds in
 * reserve is then free for the rest of the process, and accepting goes on only when it could be taken back. */
#ifndef GUICHET_LISTENER_H
#define GUICHET_LISTENER_H

#include "protocol/error.h"

struct listener;
struct log;
struct loop;

/* Who gets the connections. */
struct listener_taker {
	/* False: accept no more until listener_resume. */
	bool (*has_room)(void *context);
	/* Takes ownership of the non-blocking `fd`; address: the peer's, 16 bytes (IPv4 mapped, RFC 4291 2.5.5.2). */
	void (*take)(void *context, int fd, const uint8_t address[16]);
	void *context;
};

/* Listens on `address`: "192.0.2.1:8443" or "[2001:db8::1]:8443", numeric, port 0 for any free one; "[::]:8443" takes
 * IPv4 as well. ERROR_usage when it is no such text, ERROR_listen_failed, with the system's reason, when it cannot be
 * bound; the fault's texts are borrowed from `address` and constants. loop, log and what taker->context points to must
 * outlive it; *taker is copied. */
must_check enum error listener_create(struct loop *loop, struct log *log, const char *address,
    const struct listener_taker *taker, struct listener **out, struct fault *fault);
/* Stops listening: whoever waits in the backlog is told so by the kernel. NULL is allowed. */
void listener_destroy(struct listener *listener);

/* The port it listens on. */
uint16_t listener_port(const struct listener *listener);
/* Writes it, in decimal and with an end of line, into a file that is then whole: for whoever waits for that file. */
must_check enum error listener_write_port(const struct listener *listener, const char *path, struct fault *fault);
/* The taker has room again. May be called at any time, as often as it likes. */
void listener_resume(struct listener *listener);

#endif
