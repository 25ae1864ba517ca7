/* SPDX-License-Identifier: Apache-2.0
 *
 * Each connection's place in the lists of its address, from which the one that gives way to a newcomer is taken. */
#include "server/conn_state.h"
#include "server/session.h"

static enum standing
conn_standing(const struct conn *conn)
{
	switch (conn->state) {
	case CONN_SILENT:
		return STANDING_SILENT;
	case CONN_QUEUED:
		return STANDING_QUEUED;
	case CONN_HANDSHAKE:
		return STANDING_HANDSHAKE;
	case CONN_OPEN:
	case CONN_DRAINING:
		if (session_unanswered(conn->session) != 0 || buf_size(session_answers(conn->session)) != 0)
			return STANDING_ASKING;
		if (buf_size(conn->in) != 0)
			return STANDING_SENDING;
		if (conn->state == CONN_OPEN)
			return conn->has_asked ? STANDING_IDLE : STANDING_NEW;
		break;
	default:
		break;
	}
	return STANDING_LEAVING;
}

void
conn_stand_nowhere(struct conn *conn)
{
	if (conn->standing_link == NULL)
		return;
	*conn->standing_link = conn->standing_next;
	if (conn->standing_next != NULL)
		conn->standing_next->standing_link = conn->standing_link;
	else
		conn->account->standings[conn->standing].end = conn->standing_link;
	conn->standing_link = NULL;
}

/* Whatever is settled has just had a sign of life, and goes to the end; but the queue is kept. */
void
conn_stand(struct conn *conn)
{
	enum standing standing = conn_standing(conn);
	struct conn_list *list = &conn->account->standings[standing];

	if (standing == STANDING_QUEUED && conn->standing == standing && conn->standing_link != NULL)
		return;
	conn_stand_nowhere(conn);
	if (list->first == NULL)
		list->end = &list->first;
	conn->standing = standing;
	conn->standing_since_ms = loop_steady_ms(conn->shared->loop);
	conn->standing_next = NULL;
	conn->standing_link = list->end;
	*list->end = conn;
	list->end = &conn->standing_next;
}

enum newcomer
conn_find_place(const struct conn *newcomer, struct conn **loser)
{
	const struct conn_shared *shared = newcomer->shared;
	const struct address_account *largest = address_book_largest(shared->book);
	struct give_way_holder holder = { largest->connections, largest == newcomer->account, { 0 } };
	enum standing standing = STANDING_COUNT;

	for (size_t i = 0; i < STANDING_COUNT; i++) {
		const struct conn *first = largest->standings[i].first;
		holder.stood_ms[i] =
		    first == NULL ? GIVE_WAY_NONE : loop_steady_ms(shared->loop) - first->standing_since_ms;
	}
	enum newcomer outcome = give_way_to_newcomer(&holder, shared->limits.connections_max, &standing);
	if (outcome == NEWCOMER_REPLACES)
		*loser = largest->standings[standing].first;
	return outcome;
}
