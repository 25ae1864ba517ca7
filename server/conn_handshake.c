/* SPDX-License-Identifier: Apache-2.0
 *
 * From accept to the end of the handshake. Who has not sent anything takes no memory for one and no place among those
 * under way. Those for whose address there is no place wait in order, unread; the addresses take turns. */
#include <string.h>

#include "protocol/limits.h"
#include "server/conn_state.h"
#include "server/session.h"

/* Handshakes begun in one round for connections that waited in line; the rest follow in the next rounds, so that those
 * already open are served in between (each costs 0.4 ms). */
#define BEGUN_MAX 32

/* ---- the line ---- */

/* `top`: the network of 48 bits, or the address, that has no account above it: its handshakes are what is compared. */
static bool
account_has_room(const struct conn_shared *shared, const struct address_account *top)
{
	return evict_has_room(top->handshakes, shared->handshakes, shared->limits.handshakes_max);
}

static bool
account_has_queued(const struct address_account *account)
{
	return account->standings[STANDING_QUEUED].first != NULL;
}

/* A connection of this account waits for a handshake: the account stands in line. One with a network above it stands in
 * that network's line, and the network in the common one, once for all of its addresses. */
static void
line_enter(struct conn_shared *shared, struct address_account *account)
{
	struct address_account *top = address_book_top(account);

	if (top != account && account->line.chain == NULL)
		chain_append(&top->waiting, &account->line);
	if (top->line.chain == NULL)
		chain_append(&shared->line, &top->line);
}

void
conn_leave_line(struct address_account *account)
{
	if (!account_has_queued(account) && account->waiting.first == NULL)
		chain_remove(&account->line);
	if (account->above != NULL && account->above->waiting.first == NULL)
		chain_remove(&account->above->line);
}

static struct address_account *
first_in_line(const struct chain *line)
{
	return chain_owner(line->first, struct address_account, line);
}

/* The first account in line that may have another handshake; it goes to the end of its line, and so does the network
 * above it. NULL: none. Those at their limit are passed over; while any handshake is left, each of them has some under
 * way, so they are fewer than handshakes_max. */
static struct address_account *
line_next(struct conn_shared *shared)
{
	struct address_account *top = first_in_line(&shared->line);

	/* Not to look through the whole line in vain. */
	if (shared->handshakes >= shared->limits.handshakes_max)
		return NULL;
	while (top != NULL && !account_has_room(shared, top))
		top = chain_owner(top->line.next, struct address_account, line);
	if (top == NULL)
		return NULL;
	chain_append(&shared->line, &top->line);
	struct address_account *account = first_in_line(&top->waiting);
	if (account == NULL)
		return top;
	chain_append(&top->waiting, &account->line);
	return account;
}

/* ---- handshakes ---- */

static void
conn_take_place(struct conn *conn)
{
	conn->shared->handshakes++;
	for (struct address_account *account = conn->account; account != NULL; account = account->above)
		account->handshakes++;
	conn_set_state(conn, CONN_HANDSHAKE);
	conn->stream = stream_create(conn->shared->tls, conn->source.fd, NULL);
	conn->in = buf_create(FRAME_HEADER_SIZE + LIMIT_FRAME_BODY);
	if (conn->stream == NULL || conn->in == NULL)
		conn_close(conn, LOG_LEVEL_ERROR, "no handshake for want of memory");
}

void
conn_end_handshake(struct conn *conn)
{
	struct conn_shared *shared = conn->shared;

	shared->handshakes--;
	for (struct address_account *account = conn->account; account != NULL; account = account->above)
		account->handshakes--;
	if (shared->line.first != NULL)
		loop_later(shared->loop, &shared->line_task);
}

void
conn_run_line(struct loop_task *task)
{
	struct conn_shared *shared = loop_owner(task, struct conn_shared, line_task);
	struct address_account *account;
	int begun = 0;

	for (; begun < BEGUN_MAX && (account = line_next(shared)) != NULL; begun++) {
		struct conn *conn =
		    chain_owner(account->standings[STANDING_QUEUED].first, struct conn, in_account);
		conn_take_place(conn);
		conn_stand(conn);
		conn_leave_line(account);
		conn_queue(conn);
	}
	if (begun == BEGUN_MAX)
		loop_later(shared->loop, task);
	shared->is_crowded = shared->handshakes >= shared->limits.handshakes_max;
}

void
conn_begin_handshake(struct conn *conn)
{
	if (conn->read_waits != 0)
		return;
	if (account_has_room(conn->shared, address_book_top(conn->account)) && !account_has_queued(conn->account)) {
		conn_take_place(conn);
		return;
	}
	conn_set_state(conn, CONN_QUEUED);
	conn->shared->is_crowded = conn->shared->handshakes >= conn->shared->limits.handshakes_max;
	line_enter(conn->shared, conn->account);
}

bool
conn_handshake_is_pressed(const struct conn *conn)
{
	return account_has_queued(conn->account) || address_book_top(conn->account)->waiting.first != NULL ||
	    (conn->shared->line.first != NULL && conn->shared->is_crowded);
}

void
conn_handshake(struct conn *conn)
{
	struct session_peer peer = { .answered = conn_answered, .context = conn };

	if (conn->read_waits != 0)
		return;
	struct stream_result result = stream_handshake(conn->stream);
	if (result.status == STREAM_WANT_READ || result.status == STREAM_WANT_WRITE) {
		conn->read_waits = conn_event_of(result.status);
		return;
	}
	if (result.status != STREAM_PROGRESS) {
		conn_stream_failed(conn, &result);
		return;
	}
	memcpy(peer.address, conn->address, sizeof peer.address);
	_Static_assert(sizeof peer.channel_binding == STREAM_BINDING_SIZE, "a session takes what a stream gives");
	if (stream_binding(conn->stream, peer.channel_binding))
		conn->session = session_create(conn->shared->dispatch, &peer);
	if (conn->session == NULL) {
		conn_close(conn, LOG_LEVEL_ERROR, "no session for want of memory");
		return;
	}
	conn_set_state(conn, CONN_OPEN);
}
