/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a connection share: conn.c (states, sending, deadlines, life), conn_handshake.c (from accept to the
 * end of the handshake), conn_receive.c and conn_standing.c (its place among those of its address). Nobody else
 * includes it. */
#ifndef GUICHET_CONN_STATE_H
#define GUICHET_CONN_STATE_H

#include "protocol/frame.h"
#include "protocol/net/stream.h"
#include "server/address_book.h"
#include "server/conn.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/share.h"
#include "server/timeouts.h"

struct session;

enum conn_state {
	CONN_SILENT, /* accepted; nothing came yet */
	CONN_QUEUED, /* something came; its handshake begins when there is room for it */
	CONN_HANDSHAKE,
	CONN_OPEN,
	CONN_DRAINING,
	CONN_LINGERING,
	CONN_CLOSED,
};

struct conn {
	struct loop_source source;
	struct loop_timer timer;
	struct loop_task task;        /* a turn */
	struct loop_task answer_task; /* the sending of short answers */
	struct conn_shared *shared;
	struct conn *next, **link;
	struct address_account *account;
	struct chain_link in_account, in_all; /* the account's and shared->standings[standing] */
	struct stream *stream;   /* from the handshake until lingering */
	struct session *session; /* from open until lingering */
	struct buf *in;          /* from the handshake on. Received, not delivered: whole frames only while is_held */
	uint64_t number;         /* names it in the log */
	uint64_t received_ms;    /* wall clock of the wake-up that last read */
	struct waits waits;
	uint64_t unread_since_ms; /* steady clock: nothing older waits to be read and delivered */
	uint64_t drained_ms;      /* likewise: of the last read, which took all that was there if it waits for more */
	uint64_t turn_since_ms;   /* likewise: waits for its turn since then, when the task is queued */
	struct share share;
	size_t window_sent;      /* in that window */
	size_t counted;          /* in shared->buffered and the account's */
	uint64_t standing_since_ms; /* steady clock: since its last progress (evict.h) */
	size_t moved;               /* bytes received and sent since then */
	uint8_t address[ADDRESS_SIZE];
	enum conn_state state;
	enum standing standing;
	unsigned read_waits, write_waits; /* loop events without which reading, writing would get nowhere; 0: try */
	bool is_held;                     /* a whole frame waits for the session to want it */
	bool is_ended;                    /* the peer sends no more */
	bool has_asked;                   /* there was a whole frame */
	bool has_asked_since;             /* likewise, since its last progress */
	bool is_up_to_date;               /* all that came before the last turn's end was delivered in it */
};

/* ---- conn.c ---- */

void conn_set_state(struct conn *conn, enum conn_state state);
/* Another turn, at the end of this round or when it can be had. */
void conn_queue(struct conn *conn);
/* Nothing received is unanswered, nothing answered unsent. From open until lingering. */
bool conn_is_quiet(const struct conn *conn);
/* There are answers for the connection `context`. */
void conn_answered(void *context);
/* The reason is a constant text. */
void conn_close(struct conn *conn, enum log_level level, const char *reason);
/* Nothing more is read; whole frames in hand are still delivered. */
void conn_start_draining(struct conn *conn, enum log_level level, const char *reason);
/* Answers a frame that cannot be read on, and drains. */
void conn_refuse(struct conn *conn, const struct frame *frame, const struct fault *fault);
/* What a stream that can go no further means. */
void conn_stream_failed(struct conn *conn, const struct stream_result *result);
/* The loop's event that a stream waits for. */
unsigned conn_event_of(enum stream_status status);
/* The steady clock as it is, not as the round began. */
uint64_t conn_now_ms(const struct conn *conn);

/* ---- conn_handshake.c ---- */

/* The work of the states silent and handshake. */
void conn_begin_handshake(struct conn *conn);
void conn_handshake(struct conn *conn);
/* Its handshake is over, or will be none: somebody else's may begin. */
void conn_end_handshake(struct conn *conn);
/* Begins handshakes for those who wait, as many as there is room for (shared->line_task). */
void conn_run_line(struct loop_task *task);
/* One of its connections waits no more: is the account still to stand in line? */
void conn_leave_line(struct address_account *account);
/* Others of its address wait for such as this to end, or everybody does. */
bool conn_handshake_is_pressed(const struct conn *conn);

/* ---- conn_standing.c ---- */

/* Brings its place among those of its address up to date; the last such call before the end takes it out. */
void conn_stand(struct conn *conn);
void conn_stand_nowhere(struct conn *conn);

/* ---- conn_receive.c ---- */

/* Reads and delivers, as much as one turn allows. */
void conn_receive(struct conn *conn);
/* Gives the session the whole frames in hand, as many as it wants and the turn allows. */
void conn_deliver(struct conn *conn, struct share_turn *turn);
bool conn_may_read(struct conn *conn);
/* May the session be given another frame? */
bool conn_wants_more(struct conn *conn);
/* Memory is short, and this connection's address gives way. */
bool conn_is_short(const struct conn *conn);
/* Brings shared->buffered and the accounts' up to date; with conn_count_held to so many bytes. */
void conn_count_buffered(struct conn *conn);
void conn_count_held(struct conn *conn, size_t held);

#endif
