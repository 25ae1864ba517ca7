/* SPDX-License-Identifier: Apache-2.0
 *
 * One function of work for each state, run until the state stays; then conn_settle, the only place that decides
 * what to wait for, until when, and whether the connection is to be freed. */
#include "server/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/conn_state.h"
#include "server/session.h"

/* Reads, of 4 KiB each, in one turn of a connection that lingers, where bytes are thrown away. */
#define SCRAPS_MAX 16
/* Answers up to this many bytes, a receipt or two, are sent in the round in which they are ready, even to a connection
 * that has had much; pages of documents wait for its turn. */
#define ANSWERS_SHORT ((size_t)16 * 1024)

static void conn_rest(struct conn *conn);
static void conn_converse(struct conn *conn);
static void conn_drain(struct conn *conn);
static void conn_linger(struct conn *conn);

static const struct {
	const char *name;
	void (*work)(struct conn *conn);
	enum deadline deadline; /* of the state itself */
} states[] = {
	[CONN_SILENT] = { "silent", conn_begin_handshake, DEADLINE_SILENT },
	[CONN_QUEUED] = { "queued", conn_rest, DEADLINE_NONE },
	[CONN_HANDSHAKE] = { "handshake", conn_handshake, DEADLINE_HANDSHAKE },
	[CONN_OPEN] = { "open", conn_converse, DEADLINE_IDLE },
	[CONN_DRAINING] = { "draining", conn_drain, DEADLINE_NONE },
	[CONN_LINGERING] = { "lingering", conn_linger, DEADLINE_LINGER },
	[CONN_CLOSED] = { "closed", NULL, DEADLINE_NONE },
};

/* ---- changes of state ---- */

void
conn_set_state(struct conn *conn, enum conn_state state)
{
	if (conn->state == CONN_HANDSHAKE)
		conn_end_handshake(conn);
	conn->state = state;
	conn->waits.since_ms = loop_steady_ms(conn->shared->loop);
	conn->read_waits = conn->write_waits = 0;
	conn->waits.frame_since_ms = conn->waits.write_since_ms = 0;
}

/* The reason is a constant text. */
static void
conn_log(const struct conn *conn, enum log_level level, const char *reason)
{
	log_peer_event(conn->shared->log, level, "connection_ended", log_uint("connection", conn->number),
	    log_field_text("state", states[conn->state].name), log_field_text("reason", reason),
	    log_address("address", conn->address));
}

void
conn_close(struct conn *conn, enum log_level level, const char *reason)
{
	conn_log(conn, level, reason);
	conn_set_state(conn, CONN_CLOSED);
}

void
conn_start_draining(struct conn *conn, enum log_level level, const char *reason)
{
	unsigned write_waits = conn->write_waits;
	uint64_t write_since_ms = conn->waits.write_since_ms;

	conn_log(conn, level, reason);
	conn_set_state(conn, CONN_DRAINING);
	conn->write_waits = write_waits;
	conn->waits.write_since_ms = write_since_ms;
	if (!conn->is_held)
		buf_reset(conn->in);
}

void
conn_refuse(struct conn *conn, const struct frame *frame, const struct fault *fault)
{
	log_peer_event(conn->shared->log, LOG_LEVEL_INFO, "frame_refused", log_uint("connection", conn->number),
	    log_error("error", fault->error), log_uint("op", frame->op), log_address("address", conn->address));
	session_refuse_frame(conn->session, frame, fault);
	conn_start_draining(conn, LOG_LEVEL_DEBUG, "frame refused");
}

void
conn_stream_failed(struct conn *conn, const struct stream_result *result)
{
	/* A peer that goes without a word is daily life. */
	enum log_level level = result->status == STREAM_FAILED ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
	conn_close(conn, level, result->reason != NULL ? result->reason : "closed by peer");
}

unsigned
conn_event_of(enum stream_status status)
{
	return status == STREAM_WANT_WRITE ? LOOP_WRITE : LOOP_READ;
}

uint64_t
conn_now_ms(const struct conn *conn)
{
	return loop_steady_now_ms(conn->shared->loop);
}

/* ---- sending ---- */

/* The reader took `size` bytes and left some. It has write_ms for each CONN_WRITE_MIN bytes: once it has taken so many,
 * the next window begins. */
static void
conn_watch_reader(struct conn *conn, size_t size)
{
	conn->window_sent += size;
	if (conn->waits.write_since_ms == 0 || conn->window_sent >= CONN_WRITE_MIN) {
		conn->waits.write_since_ms = loop_steady_ms(conn->shared->loop);
		conn->window_sent = 0;
	}
}

static void
conn_send(struct conn *conn)
{
	struct buf *answers = session_answers(conn->session);

	if (!buf_ok(answers)) {
		conn_close(conn, LOG_LEVEL_ERROR, "an answer was lost for want of memory");
		return;
	}
	if (buf_size(answers) == 0 || conn->write_waits != 0)
		return;
	struct stream_result result = stream_write(conn->stream, answers);
	switch (result.status) {
	case STREAM_PROGRESS:
	case STREAM_WANT_READ:
	case STREAM_WANT_WRITE:
		break;
	default:
		conn_stream_failed(conn, &result);
		return;
	}
	conn->moved += result.size;
	if (result.size != 0)
		conn->waits.since_ms = loop_steady_ms(conn->shared->loop);
	buf_shrink(answers);
	if (buf_size(answers) == 0) {
		conn->waits.write_since_ms = 0;
		return;
	}
	conn->write_waits = result.status == STREAM_WANT_READ ? LOOP_READ : LOOP_WRITE;
	conn_watch_reader(conn, result.size);
}

/* ---- turns ---- */

/* Has the connection, or its address or network, had more than its part of the loop's time (share.h)? */
static bool
conn_had_much(const struct conn *conn)
{
	uint64_t now_ms = loop_steady_ms(conn->shared->loop);

	return share_had_much(&conn->share, now_ms) ||
	    address_book_had_much(conn->shared->book, conn->account, now_ms) != NULL;
}

/* The queue of turns that it stands in when it had much: its network's, when that is what had much, so that many
 * addresses of one network wait behind each other; else its address's. */
static struct loop_group *
conn_group(const struct conn *conn)
{
	struct address_account *account =
	    address_book_had_much(conn->shared->book, conn->account, loop_steady_ms(conn->shared->loop));

	return account != NULL ? &account->behind : &conn->account->behind;
}

void
conn_queue(struct conn *conn)
{
	if (!loop_task_is_queued(&conn->task))
		conn->turn_since_ms = loop_steady_ms(conn->shared->loop);
	if (conn_had_much(conn))
		loop_behind(conn->shared->loop, conn_group(conn), &conn->task);
	else
		loop_later(conn->shared->loop, &conn->task);
}

/* Answers are ready. Up to ANSWERS_SHORT bytes leave in this round, however much time the connection has had: the work
 * is done, and holding them back would save nothing. More waits for its turn if it has had much. */
void
conn_answered(void *context)
{
	struct conn *conn = context;

	if (conn_had_much(conn) && buf_size(session_answers(conn->session)) > ANSWERS_SHORT)
		conn_queue(conn);
	else
		loop_later(conn->shared->loop, &conn->answer_task);
}

/* ---- work by state ---- */

/* There is nothing to do. */
static void
conn_rest(struct conn *conn)
{
	(void)conn;
}

bool
conn_is_quiet(const struct conn *conn)
{
	return buf_size(conn->in) == 0 && session_unanswered(conn->session) == 0 &&
	    buf_size(session_answers(conn->session)) == 0;
}

static void
conn_converse(struct conn *conn)
{
	conn_receive(conn);
	if (conn->state == CONN_OPEN)
		conn_send(conn);
	if (conn->state == CONN_OPEN && conn->shared->is_stopping && conn_is_quiet(conn))
		conn_start_draining(conn, LOG_LEVEL_DEBUG, "server stops");
}

static void
conn_drain(struct conn *conn)
{
	struct share_turn turn = share_turn_begin(conn_now_ms(conn));

	conn_deliver(conn, &turn);
	conn_send(conn);
	if (conn->state != CONN_DRAINING || !conn_is_quiet(conn) || conn->write_waits != 0)
		return;
	struct stream_result result = stream_shutdown(conn->stream);
	if (result.status == STREAM_WANT_READ || result.status == STREAM_WANT_WRITE) {
		conn->write_waits = conn_event_of(result.status);
		conn_watch_reader(conn, 0);
		return;
	}
	if (result.status != STREAM_PROGRESS || conn->is_ended || shutdown(conn->source.fd, SHUT_WR) != 0) {
		conn_set_state(conn, CONN_CLOSED);
		return;
	}
	/* Session and TLS are freed now: a peer that does not close holds only a descriptor, for linger_ms at most. */
	session_destroy(conn->session);
	conn->session = NULL;
	stream_destroy(conn->stream);
	conn->stream = NULL;
	conn_set_state(conn, CONN_LINGERING);
}

static void
conn_linger(struct conn *conn)
{
	uint8_t scrap[4096];

	for (int i = 0; i < SCRAPS_MAX; i++) {
		ssize_t size = recv(conn->source.fd, scrap, sizeof scrap, 0);
		if (size > 0)
			continue;
		if (size == 0 || (errno != EAGAIN && errno != EINTR))
			conn_set_state(conn, CONN_CLOSED);
		break;
	}
	conn->read_waits = LOOP_READ;
}

/* ---- deadlines ---- */

/* The deadline that comes first; none while the peer waits for us. */
static struct due
conn_due(const struct conn *conn)
{
	enum deadline deadline = states[conn->state].deadline;

	if (deadline == DEADLINE_IDLE && !conn_is_quiet(conn))
		deadline = DEADLINE_NONE;
	if (deadline == DEADLINE_HANDSHAKE && conn_handshake_is_pressed(conn))
		deadline = DEADLINE_HANDSHAKE_PRESSED;
	return timeouts_due(conn->shared, &conn->waits, deadline);
}

/* ---- after the work ---- */

void
conn_destroy(struct conn *conn)
{
	struct conn_shared *shared = conn->shared;

	if (conn->state == CONN_HANDSHAKE)
		conn_end_handshake(conn);
	loop_remove(shared->loop, &conn->source);
	loop_timer_stop(shared->loop, &conn->timer);
	if (conn->session != NULL)
		session_destroy(conn->session);
	loop_forget(shared->loop, &conn->task);
	loop_forget(shared->loop, &conn->answer_task);
	stream_destroy(conn->stream);
	buf_destroy(conn->in);
	close(conn->source.fd);
	*conn->link = conn->next;
	if (conn->next != NULL)
		conn->next->link = conn->link;
	conn_count_held(conn, 0);
	shared->count--;
	conn_stand_nowhere(conn);
	conn_leave_line(conn->account);
	address_book_leave(shared->book, conn->account, loop_steady_ms(shared->loop));
	free(conn);
}

/* An idle connection keeps no buffers. */
static void
conn_give_back(struct conn *conn)
{
	buf_reset(conn->in);
	buf_reset(session_answers(conn->session));
}

static void
conn_wait(struct conn *conn)
{
	struct loop *loop = conn->shared->loop;
	bool may_read = conn->state == CONN_SILENT || conn->state == CONN_HANDSHAKE || conn->state == CONN_LINGERING ||
	    conn_may_read(conn);
	struct due due = conn_due(conn);

	loop_want(loop, &conn->source, (may_read ? conn->read_waits : 0) | conn->write_waits);
	if ((may_read && conn->read_waits == 0) || (conn->is_held && conn_wants_more(conn)))
		conn_queue(conn);
	/* With nothing due, a timer that is still set is left: that it fires in vain now and then costs less than to
	 * stop it and set it again with every request. */
	if (due.deadline != DEADLINE_NONE)
		loop_timer_set(loop, &conn->timer, timeouts_look_at_ms(conn->shared, &due, loop_steady_ms(loop)));
}

static void
conn_settle(struct conn *conn)
{
	struct conn_shared *shared = conn->shared;

	if (conn->state == CONN_CLOSED) {
		conn_destroy(conn);
	} else {
		if (conn->session != NULL && conn_is_quiet(conn))
			conn_give_back(conn);
		else if (conn->in != NULL && conn_is_short(conn))
			buf_shrink(conn->in);
		conn_count_buffered(conn);
		conn_stand(conn);
		conn_wait(conn);
	}
	shared->changed(shared);
}

static void
conn_work(struct conn *conn)
{
	uint64_t began_ms = conn_now_ms(conn);
	enum conn_state state;

	do {
		state = conn->state;
		if (state != CONN_CLOSED)
			states[state].work(conn);
	} while (conn->state != state);
	uint64_t ended_ms = conn_now_ms(conn);
	share_count(&conn->share, began_ms, ended_ms);
	address_book_count_turn(conn->shared->book, conn->account, began_ms, ended_ms);
	conn_settle(conn);
}

/* ---- what the loop calls ---- */

static void
conn_ready(struct loop_source *source, unsigned events)
{
	struct conn *conn = loop_owner(source, struct conn, source);

	/* All was delivered when its last turn ended, so what makes it ready now came later, at the earliest at
	 * loop_ready_since_ms. */
	if (conn->is_up_to_date && loop_ready_since_ms(conn->shared->loop) > conn->unread_since_ms)
		conn->unread_since_ms = loop_ready_since_ms(conn->shared->loop);
	conn->is_up_to_date = false;
	/* A read or write that is still to come meets the error and tells it better. With none to come, the peer went
	 * away while its request is worked on. */
	if ((events & LOOP_ERROR) && source->wanted == 0 && !loop_task_is_queued(&conn->task))
		conn_close(conn, LOG_LEVEL_INFO, "connection lost");
	if (events & (conn->read_waits | LOOP_ERROR))
		conn->read_waits = 0;
	if (events & (conn->write_waits | LOOP_ERROR))
		conn->write_waits = 0;
	if (conn->state == CONN_CLOSED || !conn_had_much(conn)) {
		conn_work(conn);
		return;
	}
	conn_queue(conn);
	/* No more events until its turn: level-triggered, thousands of connections that wait for theirs would be
	 * reported in every round. */
	loop_want(conn->shared->loop, source, 0);
}

static void
conn_run_answers(struct loop_task *task)
{
	struct conn *conn = loop_owner(task, struct conn, answer_task);

	if (conn->state != CONN_OPEN || conn->shared->is_stopping) {
		conn_work(conn);
		return;
	}
	conn_send(conn);
	conn_settle(conn);
}

static void
conn_run(struct loop_task *task)
{
	struct conn *conn = loop_owner(task, struct conn, task);

	/* handshake_ms is the peer's time: what the connection waited for this turn does not count. */
	if (conn->state == CONN_HANDSHAKE)
		conn->waits.since_ms += loop_steady_ms(conn->shared->loop) - conn->turn_since_ms;
	conn_work(conn);
}

static void
conn_fire(struct loop_timer *timer)
{
	struct conn *conn = loop_owner(timer, struct conn, timer);
	struct due due = conn_due(conn);

	/* Its turn is coming, and conn_wait then sets the timer anew. */
	if (loop_task_is_queued(&conn->task))
		return;
	/* What was due when the timer was set may have been met, or put off, since. */
	if (due.deadline != DEADLINE_NONE && due.at_ms <= loop_steady_ms(conn->shared->loop)) {
		const char *reason = timeouts_reason(due.deadline);
		if (timeouts_is_final(due.deadline))
			conn_close(conn, LOG_LEVEL_INFO, reason);
		else
			conn_start_draining(conn, LOG_LEVEL_INFO, reason);
	}
	conn_work(conn);
}

/* ---- life ---- */

bool
conn_share_begin(struct conn_shared *shared)
{
	shared->line_task.run = conn_run_line;
	shared->book = address_book_create(shared->limits.connections_max);
	return shared->book != NULL;
}

void
conn_share_end(struct conn_shared *shared)
{
	loop_forget(shared->loop, &shared->line_task);
	address_book_destroy(shared->book);
}

struct conn *
conn_create(struct conn_shared *shared, int fd, const uint8_t address[ADDRESS_SIZE])
{
	uint64_t now_ms = loop_steady_ms(shared->loop);
	struct conn *conn = calloc(1, sizeof *conn);
	if (conn == NULL)
		return NULL;
	conn->shared = shared;
	conn->number = shared->next_number++;
	memcpy(conn->address, address, sizeof conn->address);
	conn->waits.since_ms = conn->unread_since_ms = now_ms;
	conn->is_up_to_date = true;
	conn->source = (struct loop_source){ .fd = fd, .ready = conn_ready };
	conn->timer.fire = conn_fire;
	conn->task.run = conn_run;
	conn->answer_task.run = conn_run_answers;
	conn->read_waits = LOOP_READ;
	conn->account = address_book_enter(shared->book, address, now_ms);
	if (conn->account == NULL || !loop_add(shared->loop, &conn->source, LOOP_READ)) {
		if (conn->account != NULL)
			address_book_leave(shared->book, conn->account, now_ms);
		free(conn);
		return NULL;
	}
	conn->next = shared->first;
	conn->link = &shared->first;
	if (conn->next != NULL)
		conn->next->link = &conn->next;
	shared->first = conn;
	shared->count++;
	conn_stand(conn);
	conn_wait(conn);
	return conn;
}

struct conn *
conn_next(const struct conn *conn)
{
	return conn->next;
}

void
conn_stop(struct conn *conn)
{
	if (conn->state <= CONN_HANDSHAKE)
		conn_close(conn, LOG_LEVEL_DEBUG, "server stops");
	conn_work(conn);
}

void
conn_evict(struct conn *conn, const char *reason)
{
	/* close_notify, if the socket takes it at once: nobody waits for that. */
	if (conn->state == CONN_OPEN && conn_is_quiet(conn))
		(void)stream_shutdown(conn->stream).status;
	conn_close(conn, LOG_LEVEL_INFO, reason);
	conn_settle(conn);
}
