/* SPDX-License-Identifier: Apache-2.0
 *
 * One network connection from its making to its end: addresses tried one after another, TLS, frames in and out. Knows
 * no message and never waits, except for the resolver of host names. Once down it stays down: make another. */
#ifndef GUICHET_LINK_H
#define GUICHET_LINK_H

#include <guichet/guichet.h>

#include "protocol/frame.h"

struct link;
struct tls_config;

enum link_state { LINK_CONNECTING, LINK_HANDSHAKE, LINK_OPEN, LINK_DOWN };

/* Begins to connect; NULL when memory is short. A name that does not resolve shows as LINK_DOWN. Borrows the
 * configuration, copies the texts. */
must_check struct link *link_create(const struct tls_config *tls, const char *host, const char *port);
/* Closes without waiting for anything. NULL is allowed. */
void link_destroy(struct link *link);

/* Moves what can be moved now. */
enum link_state link_step(struct link *link);
/* What to wait for before the next step: guichet_event bits; link_pending says that there is nothing to wait for. */
int link_fd(const struct link *link);
unsigned link_events(const struct link *link);
bool link_pending(const struct link *link);

/* Frames to be sent are appended here. */
struct buf *link_output(struct link *link);
/* The next frame received, also of a link that is down by now; its body is borrowed until link_consume of *size.
 * *size is 0 when there is none. An error means that nothing more can be read. */
must_check enum error link_peek(struct link *link, struct frame *frame, size_t *size);
void link_consume(struct link *link, size_t size);

/* The channel binding (RFC 9266) of an open link. */
must_check bool link_binding(struct link *link, uint8_t out[32]);

/* Why it is down: ERROR_unreachable or ERROR_tls_failed, and a constant text. */
enum error link_error(const struct link *link);
const char *link_reason(const struct link *link);

#endif
