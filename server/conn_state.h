/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a connection share: conn.c (states, sending, deadlines, life) and conn_receive.c. Nobody else
 * includes it. */
#ifndef GUICHET_CONN_STATE_H
#define GUICHET_CONN_STATE_H

#include "protocol/frame.h"
#include "protocol/net/stream.h"
#include "server/conn.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/patience.h"
#include "server/share.h"

struct session;

enum conn_state { CONN_HANDSHAKE, CONN_OPEN, CONN_DRAINING, CONN_LINGERING, CONN_CLOSED };

struct conn {
	struct loop_source source;
	struct loop_timer timer;
	struct loop_task task;        /* a turn */
	struct loop_task answer_task; /* the sending of short answers */
	struct conn_shared *shared;
	struct conn *next, **link;
	struct stream *stream;   /* NULL from lingering on */
	struct session *session; /* from open until lingering */
	struct buf *in;          /* received, not delivered: whole frames only while is_held */
	uint64_t number;         /* names it in the log */
	uint64_t received_ms;    /* wall clock of the wake-up that last read */
	struct waits waits;
	uint64_t unread_since_ms; /* steady clock: nothing older waits to be read and delivered */
	struct share share;
	size_t window_sent;      /* in that window */
	size_t counted;          /* in shared->buffered */
	uint8_t address[16];
	enum conn_state state;
	unsigned read_waits, write_waits; /* loop events without which reading, writing would get nowhere; 0: try */
	bool is_held;                     /* a whole frame waits for the session to want it */
	bool is_ended;                    /* the peer sends no more */
	bool is_up_to_date;               /* all that came before the last turn's end was delivered in it */
};

/* ---- conn.c ---- */

/* The reason is a constant text. */
void conn_close(struct conn *conn, enum log_level level, const char *reason);
/* Nothing more is read; whole frames in hand are still delivered. */
void conn_start_draining(struct conn *conn, enum log_level level, const char *reason);
/* Answers a frame that cannot be read on, and drains. */
void conn_refuse(struct conn *conn, const struct frame *frame, enum error error);
/* What a stream that can go no further means. */
void conn_stream_failed(struct conn *conn, const struct stream_result *result);
/* The loop's event that a stream waits for. */
unsigned conn_event_of(enum stream_status status);
/* The steady clock as it is, not as the round began. */
uint64_t conn_now_ms(const struct conn *conn);

/* ---- conn_receive.c ---- */

/* Reads and delivers, as much as one turn allows. */
void conn_receive(struct conn *conn);
/* Gives the session the whole frames in hand, as many as it wants and the turn allows. */
void conn_deliver(struct conn *conn, struct share_turn *turn);
bool conn_may_read(struct conn *conn);
/* May the session be given another frame? */
bool conn_wants_more(struct conn *conn);
/* Memory is short over all connections. */
bool conn_is_short(const struct conn_shared *shared);
/* Brings shared->buffered up to date. */
void conn_count_buffered(struct conn *conn);

#endif
