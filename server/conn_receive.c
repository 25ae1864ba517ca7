/* SPDX-License-Identifier: Apache-2.0
 *
 * From the stream to whole frames for the session, a turn at a time, with the account of how long they lay. */
#include "protocol/limits.h"
#include "server/conn_state.h"
#include "server/session.h"

/* Of all the memory there is, as limits.buffered_max has it. */
static size_t
memory_max(const struct conn_shared *shared)
{
	return 2 * shared->limits.buffered_max;
}

void
conn_count_held(struct conn *conn, size_t held)
{
	conn->shared->buffered += held - conn->counted;
	for (struct address_account *account = conn->account; account != NULL; account = account->above)
		account->buffered += held - conn->counted;
	conn->counted = held;
}

void
conn_count_buffered(struct conn *conn)
{
	size_t held = conn->in == NULL ? 0 : buf_allocated(conn->in);
	if (conn->session != NULL)
		held += buf_allocated(session_answers(conn->session));
	conn_count_held(conn, held);
}

/* Of its address, or of the network that is in. */
static size_t
conn_address_holds(const struct conn *conn)
{
	return address_book_top(conn->account)->buffered;
}

bool
conn_is_short(const struct conn *conn)
{
	const struct conn_shared *shared = conn->shared;

	return !evict_has_room(conn_address_holds(conn), shared->buffered, memory_max(shared));
}

/* Does its address hold at least three times as much memory as nobody holds? (conn_is_short begins at once as much.) By
 * itself an address gets here at one and a half times limits.buffered_max. */
static bool
conn_is_very_short(const struct conn *conn)
{
	const struct conn_shared *shared = conn->shared;

	return !evict_has_room(conn_address_holds(conn) / 3, shared->buffered, memory_max(shared));
}

/* What is said to it then: how much its own address has, which is all that is its business. */
static void
conn_fault_short(const struct conn *conn, struct number_fault *fault)
{
	(void)number_fault_set(fault, ERROR_busy, "bytes held by this address", conn_address_holds(conn),
	    "fewer, while the memory for frames and answers is short");
}

/* While conn_is_short, a connection with unsent answers is given no further frame: it first has to take those, which
 * frees the memory it asks for. */
bool
conn_wants_more(struct conn *conn)
{
	if (conn_is_short(conn) && buf_size(session_answers(conn->session)) != 0)
		return false;
	return session_wants_more(conn->session);
}

/* How long the frames in hand may have lain here or in the socket. */
static uint64_t
conn_waited_ms(const struct conn *conn)
{
	return conn_now_ms(conn) - conn->unread_since_ms;
}

/* All that the peer sent before then_ms was delivered; or it lies undelivered only because the peer does not take its
 * answers, which is no delay of ours. */
static void
conn_is_up_to_date(struct conn *conn, uint64_t then_ms)
{
	conn->is_up_to_date = true;
	conn->unread_since_ms = then_ms;
}

/* A whole frame goes to the session. While conn_is_short only connections without unsent answers get here; while
 * conn_is_very_short these too are told busy, whatever they ask for: many of them together, with an answer of up to a
 * frame each, would take the memory that is left, and busy takes a few hundred bytes. */
static void
conn_hand_over(struct conn *conn, const struct frame *frame)
{
	const struct arrival arrival = {
		.at_ms = conn->received_ms,
		.read_ago_ms = conn_now_ms(conn) - conn->waits.heard_ms,
		.waited_ms = conn_waited_ms(conn),
	};

	conn->has_asked = conn->has_asked_since = true;
	if (conn_is_very_short(conn)) {
		struct number_fault fault;
		conn_fault_short(conn, &fault);
		session_refuse_frame(conn->session, frame, &fault.fault);
	} else {
		session_receive(conn->session, frame, &arrival);
	}
}

bool
conn_may_read(struct conn *conn)
{
	if (conn->state != CONN_OPEN || conn->is_held)
		return false;
	/* A frame that has begun is read to its end even when the session wants no more: its time of reception is when
	 * it arrived. */
	return buf_size(conn->in) != 0 || (!conn->shared->is_stopping && conn_wants_more(conn));
}

/* `in` holds nothing but half a frame. It is kept until the rest comes; refused as busy once its header is here while
 * conn_is_short; thrown away in draining, where nothing more is read. */
static void
conn_keep_half(struct conn *conn, const struct frame *frame)
{
	if (conn->state == CONN_DRAINING) {
		buf_reset(conn->in);
		return;
	}
	if (conn->waits.frame_since_ms == 0)
		conn->waits.frame_since_ms = loop_steady_ms(conn->shared->loop);
	if (conn_is_short(conn) && buf_size(conn->in) >= FRAME_HEADER_SIZE) {
		struct number_fault fault;
		conn_fault_short(conn, &fault);
		conn_refuse(conn, frame, &fault.fault);
	}
}

void
conn_deliver(struct conn *conn, struct share_turn *turn)
{
	conn->is_held = false;
	while (buf_size(conn->in) != 0) {
		struct frame frame = { 0 };
		size_t size = 0;
		struct number_fault fault;
		enum error error =
		    frame_peek_request(buf_peek(conn->in), LIMIT_FRAME_BODY, &frame, &size, &fault);
		/* Told by the length alone; but a refusal should name the stream, which comes with the header. */
		if (error == ERROR_frame_too_large && buf_size(conn->in) < FRAME_HEADER_SIZE)
			error = ERROR_NONE;
		if (error != ERROR_NONE) {
			conn_refuse(conn, &frame, &fault.fault);
			return;
		}
		if (size == 0) {
			conn_keep_half(conn, &frame);
			return;
		}
		conn->waits.frame_since_ms = 0;
		if (share_turn_is_over(turn, conn_now_ms(conn)) || !conn_wants_more(conn)) {
			conn->is_held = true;
			return;
		}
		turn->frames--;
		conn->waits.since_ms = loop_steady_ms(conn->shared->loop);
		conn_hand_over(conn, &frame);
		buf_consume(conn->in, size);
		conn_count_buffered(conn);
	}
}

/* One read; false when there is nothing more to read for now. */
static bool
conn_read(struct conn *conn, struct share_turn *turn)
{
	struct stream_result result = stream_read(conn->stream, conn->in, turn->bytes);

	switch (result.status) {
	case STREAM_PROGRESS:
		turn->bytes -= result.size;
		conn->moved += result.size;
		conn->received_ms = loop_wall_ms(conn->shared->loop);
		conn->waits.heard_ms = loop_steady_ms(conn->shared->loop);
		conn->read_waits = result.pending || !result.drained ? 0 : LOOP_READ;
		conn->drained_ms = loop_steady_ms(conn->shared->loop);
		return true;
	case STREAM_WANT_READ:
	case STREAM_WANT_WRITE:
		conn->read_waits = conn_event_of(result.status);
		conn->drained_ms = loop_steady_ms(conn->shared->loop);
		return false;
	case STREAM_CLOSED:
		conn->is_ended = true;
		conn_start_draining(conn, LOG_LEVEL_DEBUG, "ended by peer");
		return false;
	default:
		conn_stream_failed(conn, &result);
		return false;
	}
}

void
conn_receive(struct conn *conn)
{
	struct share_turn turn = share_turn_begin(conn_now_ms(conn));

	conn_deliver(conn, &turn);
	while (turn.bytes != 0 && conn_may_read(conn) && conn->read_waits == 0 && conn_read(conn, &turn))
		conn_deliver(conn, &turn);
	/* Up to when all was delivered: now, if the peer itself is waited for; else the last read that found nothing
	 * more, since something may have come after it. */
	if (conn->is_held && !conn_wants_more(conn))
		conn_is_up_to_date(conn, conn_now_ms(conn));
	else if (!conn->is_held && conn->read_waits != 0)
		conn_is_up_to_date(conn, conn->drained_ms);
}
