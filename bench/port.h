/* SPDX-License-Identifier: Apache-2.0
 *
 * A free port of 127.0.0.1 for a server that cannot choose one itself and tell. The port is bound here without taking
 * connections: so the kernel gives it to nobody else, as a listener's or as a connection's own, while a server that
 * sets SO_REUSEADDR, as all do, may still bind it and listen. Thus no two servers meet on one port, and who answers
 * there is the one it was meant for. */
#ifndef GUICHET_PORT_H
#define GUICHET_PORT_H

#include "protocol/bytes.h"

/* Holds a port; -1, with errno, when there is none. Close what it returns once the server listens. */
must_check int port_hold(uint16_t *port);
/* A connected socket, non-blocking and without delay (TCP_NODELAY); -1, with errno, when nobody listens. */
must_check int port_connect(uint16_t port);

#endif
