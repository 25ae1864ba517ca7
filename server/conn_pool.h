/* SPDX-License-Identifier: Apache-2.0
 *
 * All connections of a process: how many there may be, and the orderly stop. Gives a listener its taker. For the
 * loop's thread only. */
#ifndef GUICHET_CONN_POOL_H
#define GUICHET_CONN_POOL_H

#include "server/conn.h"

struct conn_pool;

extern const struct conn_limits conn_limits_default;

/* What is passed must outlive it; *limits is copied. NULL when memory is short. */
must_check struct conn_pool *conn_pool_create(struct loop *loop, struct log *log, const struct tls_config *tls,
    struct dispatch *dispatch, const struct conn_limits *limits);
/* Ends every connection without a word, and calls nobody. NULL is allowed. */
void conn_pool_destroy(struct conn_pool *pool);

/* The two functions of a struct listener_taker, whose context is the pool. A newcomer who is one too many takes the
 * place of somebody whose address holds most (evict.h), if need be. */
bool conn_pool_has_room(void *pool);
void conn_pool_take(void *pool, int fd, const uint8_t address[16]);
/* `room` is called when conn_pool_has_room would say true again after it said false: for listener_resume. */
void conn_pool_on_room(struct conn_pool *pool, void (*room)(void *context), void *context);

/* Once a second: tells the log how many had to go. That connections_max is reached it is told at once, and again when
 * there was room for a whole second in between. */
void conn_pool_tick(struct conn_pool *pool);

/* Orderly stop, once: takes no more connections, closes those that owe nothing, lets the others finish what they
 * received (the session refuses what is new), and ends the rest after drain_ms. `done` is called from the loop when
 * none is left. */
void conn_pool_drain(struct conn_pool *pool, void (*done)(void *context), void *context);

size_t conn_pool_count(const struct conn_pool *pool);
size_t conn_pool_handshakes(const struct conn_pool *pool);
/* Bytes held for peers: twice buffered_max, about, at most. */
size_t conn_pool_buffered(const struct conn_pool *pool);

#endif
