/* SPDX-License-Identifier: Apache-2.0
 *
 * From accept to the end of the handshake. Who has not sent anything takes no memory for one and no place among those
 * under way. Those for whose address there is no place wait in order, unread; the addresses take turns. */
#include <string.h>

#include "protocol/limits.h"
#include "server/conn_state.h"
#include "server/session.h"

/* Begun for those who waited, in one round, so that those already here are served between them. */
#define BEGUN_MAX 32

/* ---- the line ---- */

static bool
account_has_room(const struct conn_shared *shared, const struct address_account *account)
{
	return give_way_has_room(account->handshakes, shared->handshakes, shared->limits.handshakes_max);
}

static bool
account_has_queued(const struct address_account *account)
{
	return account->standings[STANDING_QUEUED].first != NULL;
}

static void
line_append(struct conn_shared *shared, struct address_account *account)
{
	account->line_next = NULL;
	account->line = shared->line_end;
	*shared->line_end = account;
	shared->line_end = &account->line_next;
}

static void
line_remove(struct conn_shared *shared, struct address_account *account)
{
	*account->line = account->line_next;
	if (account->line_next != NULL)
		account->line_next->line = account->line;
	else
		shared->line_end = account->line;
	account->line = NULL;
}

/* The first in line whose turn may be given now; it then stands last. NULL: none. Past those that are at their limit
 * only, who have a handshake each, so there are few. */
static struct address_account *
line_next(struct conn_shared *shared)
{
	for (struct address_account *account = shared->line_first; account != NULL; account = account->line_next)
		if (account_has_room(shared, account)) {
			line_remove(shared, account);
			line_append(shared, account);
			return account;
		}
	return NULL;
}

void
conn_leave_line(struct conn_shared *shared, struct address_account *account)
{
	if (account->line != NULL && !account_has_queued(account))
		line_remove(shared, account);
}

/* ---- handshakes ---- */

static void
conn_take_place(struct conn *conn)
{
	conn->shared->handshakes++;
	conn->account->handshakes++;
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
	conn->account->handshakes--;
	if (shared->line_first != NULL)
		loop_later(shared->loop, &shared->line_task);
}

void
conn_run_line(struct loop_task *task)
{
	struct conn_shared *shared = loop_owner(task, struct conn_shared, line_task);
	struct address_account *account;
	int begun = 0;

	for (; begun < BEGUN_MAX && (account = line_next(shared)) != NULL; begun++) {
		struct conn *conn = account->standings[STANDING_QUEUED].first;
		conn_take_place(conn);
		conn_stand(conn);
		conn_leave_line(shared, account);
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
	if (account_has_room(conn->shared, conn->account) && !account_has_queued(conn->account)) {
		conn_take_place(conn);
		return;
	}
	conn_set_state(conn, CONN_QUEUED);
	conn->shared->is_crowded = conn->shared->handshakes >= conn->shared->limits.handshakes_max;
	if (conn->account->line == NULL)
		line_append(conn->shared, conn->account);
}

bool
conn_handshake_is_pressed(const struct conn *conn)
{
	return account_has_queued(conn->account) || (conn->shared->line_first != NULL && conn->shared->is_crowded);
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
