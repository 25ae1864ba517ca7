/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts, room and the end; what a connection does stands in conn.c. */
#include "server/conn_pool.h"

#include <stdlib.h>
#include <unistd.h>

#include "protocol/check.h"
#include "server/address_book.h"
#include "server/log.h"
#include "server/loop.h"

struct conn_pool {
	struct conn_shared shared;
	bool was_full;
	bool is_full_told;        /* in the log */
	uint64_t evicted, refused;   /* since the log was last told */
	void (*room)(void *context);
	void *room_context;
	struct loop_timer drain_timer;
	struct loop_task drained_task;
	void (*drained)(void *context);
	void *drained_context;
};

/* frame_ms lets a line of 70 Kbit/s send the largest frame, 1 MiB. */
const struct conn_limits conn_limits_default = {
	.connections_max = 20000,
	.handshakes_max = 512,
	.buffered_max = (size_t)256 * 1024 * 1024,
	.handshake_ms = 20 * 1000,
	.handshake_pressed_ms = 1500,
	.frame_ms = 120 * 1000,
	.idle_ms = 300 * 1000,
	.write_ms = 30 * 1000,
	.linger_ms = 2 * 1000,
	.drain_ms = 20 * 1000,
	.stop_frame_ms = 2 * 1000,
};

/* connections_full is told once, and again only after a tick that found room with nobody evicted since the last. */
static void
pool_tell_full(struct conn_pool *pool)
{
	const struct conn_shared *shared = &pool->shared;
	const struct address_account *largest = address_book_largest(shared->book);

	if (pool->is_full_told)
		return;
	pool->is_full_told = true;
	log_event(shared->log, LOG_LEVEL_WARN, "connections_full",
	    log_uint("connections_max", shared->limits.connections_max),
	    log_uint("of_one_address", largest->connections), log_network("address", largest->address));
}

static void
pool_changed(struct conn_shared *shared)
{
	struct conn_pool *pool = loop_owner(shared, struct conn_pool, shared);

	if (shared->is_stopping) {
		if (shared->count == 0)
			loop_later(shared->loop, &pool->drained_task);
	} else if (pool->was_full && conn_pool_has_room(pool)) {
		pool->was_full = false;
		if (pool->room != NULL)
			pool->room(pool->room_context);
	}
}

static void
pool_end_all(struct conn_pool *pool)
{
	while (pool->shared.first != NULL)
		conn_destroy(pool->shared.first);
}

static void
pool_drain_fire(struct loop_timer *timer)
{
	struct conn_pool *pool = loop_owner(timer, struct conn_pool, drain_timer);

	log_event(pool->shared.log, LOG_LEVEL_WARN, "drain_cut_short", log_uint("connections", pool->shared.count));
	pool_end_all(pool);
	pool_changed(&pool->shared);
}

static void
pool_drained(struct loop_task *task)
{
	struct conn_pool *pool = loop_owner(task, struct conn_pool, drained_task);

	loop_timer_stop(pool->shared.loop, &pool->drain_timer);
	pool->drained(pool->drained_context);
}

static void
pool_evict(struct conn_pool *pool, struct conn *loser)
{
	pool->evicted++;
	conn_evict(loser, "evicted for a newcomer");
}

struct conn_pool *
conn_pool_create(struct loop *loop, struct log *log, const struct tls_config *tls, struct dispatch *dispatch,
    const struct conn_limits *limits)
{
	struct conn_pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL)
		return NULL;
	pool->shared = (struct conn_shared){ .loop = loop, .log = log, .tls = tls, .dispatch = dispatch,
		.limits = *limits, .changed = pool_changed };
	if (!conn_share_begin(&pool->shared)) {
		free(pool);
		return NULL;
	}
	pool->drain_timer.fire = pool_drain_fire;
	pool->drained_task.run = pool_drained;
	return pool;
}

/* After NEWCOMER_WAITS there is one connection beyond connections_max, and no other is accepted. By now one may have
 * been quiet for EVICT_QUIET_MS: it makes room. */
static void
pool_look_again(struct conn_pool *pool)
{
	struct conn_shared *shared = &pool->shared;
	struct conn *quiet = shared->count > shared->limits.connections_max ? conn_find_quiet(shared) : NULL;

	if (quiet != NULL)
		pool_evict(pool, quiet);
	pool_changed(shared);
}

static void
pool_tell_evicted(struct conn_pool *pool)
{
	if (pool->evicted != 0 || pool->refused != 0)
		log_event(pool->shared.log, LOG_LEVEL_WARN, "connections_evicted", log_uint("evicted", pool->evicted),
		    log_uint("refused", pool->refused));
	else if (pool->shared.count < pool->shared.limits.connections_max)
		pool->is_full_told = false;
	pool->evicted = pool->refused = 0;
}

void
conn_pool_tick(struct conn_pool *pool)
{
	pool_look_again(pool);
	pool_tell_evicted(pool);
}

void
conn_pool_destroy(struct conn_pool *pool)
{
	if (pool == NULL)
		return;
	pool_end_all(pool);
	/* There is room now, but for nobody any more: whom pool->room would tell may be gone. */
	pool_tell_evicted(pool);
	loop_timer_stop(pool->shared.loop, &pool->drain_timer);
	loop_forget(pool->shared.loop, &pool->drained_task);
	conn_share_end(&pool->shared);
	free(pool);
}

bool
conn_pool_has_room(void *context)
{
	struct conn_pool *pool = context;
	const struct conn_shared *shared = &pool->shared;
	size_t max = shared->limits.connections_max;
	bool somebody_goes = shared->count == max &&
	    (address_book_largest(shared->book)->connections > 1 || conn_find_quiet(shared) != NULL);
	bool has_room = !shared->is_stopping && (shared->count < max || somebody_goes);

	if (!has_room)
		pool->was_full = true;
	if (!has_room && !shared->is_stopping)
		pool_tell_full(pool);
	return has_room;
}

/* The newcomer is the one beyond connections_max: somebody else is evicted for it, or it is refused, or it stays and no
 * other is accepted for now. */
static void
pool_make_room(struct conn_pool *pool, struct conn *newcomer)
{
	struct conn *loser = NULL;

	pool_tell_full(pool);
	switch (conn_find_place(newcomer, &loser)) {
	case NEWCOMER_REPLACES:
	case NEWCOMER_REPLACES_QUIET:
		pool_evict(pool, loser);
		break;
	case NEWCOMER_REFUSED:
		pool->refused++;
		conn_evict(newcomer, "its address has most connections");
		break;
	case NEWCOMER_WAITS:
		break;
	}
}

void
conn_pool_take(void *context, int fd, const uint8_t address[16])
{
	struct conn_pool *pool = context;
	struct conn *conn = conn_create(&pool->shared, fd, address);

	if (conn == NULL) {
		log_event(pool->shared.log, LOG_LEVEL_ERROR, "connection_not_taken",
		    log_error("error", ERROR_out_of_memory));
		close(fd);
		return;
	}
	if (pool->shared.count > pool->shared.limits.connections_max)
		pool_make_room(pool, conn);
}

void
conn_pool_on_room(struct conn_pool *pool, void (*room)(void *context), void *context)
{
	pool->room = room;
	pool->room_context = context;
}

void
conn_pool_drain(struct conn_pool *pool, void (*done)(void *context), void *context)
{
	struct conn_shared *shared = &pool->shared;

	check(!shared->is_stopping);
	shared->is_stopping = true;
	shared->stopping_since_ms = loop_steady_ms(shared->loop);
	pool->drained = done;
	pool->drained_context = context;
	loop_timer_set(shared->loop, &pool->drain_timer, loop_steady_ms(shared->loop) + shared->limits.drain_ms);
	for (struct conn *conn = shared->first, *next; conn != NULL; conn = next) {
		next = conn_next(conn);
		conn_stop(conn);
	}
	pool_changed(shared);
}

size_t
conn_pool_count(const struct conn_pool *pool)
{
	return pool->shared.count;
}

size_t
conn_pool_handshakes(const struct conn_pool *pool)
{
	return pool->shared.handshakes;
}

size_t
conn_pool_buffered(const struct conn_pool *pool)
{
	return pool->shared.buffered;
}
