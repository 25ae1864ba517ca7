/* SPDX-License-Identifier: Apache-2.0
 *
 * What test_conn.c, test_conn_address.c and test_conn_share.c stand on: a clock that the test sets, a session that
 * echoes, holds back or multiplies what it is sent, and clients with TLS that are stepped in turns with the loop.
 * Included by these files only. */
#ifndef GUICHET_CONN_FIXTURE_H
#define GUICHET_CONN_FIXTURE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/limits.h"
#include "server/conn_pool.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/session.h"
#include "server/share.h"
#include "tests/unit/answered.h"
#include "tests/unit/stream_pair.h"

static uint64_t now_ms;

static uint64_t
steady_clock(void)
{
	return now_ms;
}

/* Apart from the steady one, so that a mix-up shows. */
#define WALL_AHEAD 1700000000000u

static uint64_t
wall_clock(void)
{
	return now_ms + WALL_AHEAD;
}

static const struct loop_clock clock_of_test = { wall_clock, steady_clock };

/* ---- a session for the test ---- */

enum {
	OP_ECHO = 1, /* answered at once with its own body */
	OP_HOLD = 2, /* answered by release() */
	OP_LOAD = 3, /* answered at once with LOAD_SIZE bytes */
	OP_COSTLY = 4, /* answered at once, after a millisecond of work */
};

#define LOAD_SIZE ((size_t)256 * 1024)
#define HOLD_MAX 4
#define QUEUED_MAX ((size_t)1024 * 1024)
/* What buffers that hold little may take. */
#define HELD_SMALL ((size_t)64 * 1024)

struct dispatch {
	struct session *newest, *holding;
	unsigned sessions; /* alive */
	unsigned received, costly;
	uint64_t received_ms, read_ago_ms, waited_ms; /* of the last */
	enum error refused;
	char refused_place[64], refused_value[64]; /* of the last */
};

struct session {
	struct dispatch *dispatch;
	struct session_peer peer;
	struct buf *answers;
	uint32_t held[HOLD_MAX];
	size_t held_count;
};

struct session *
session_create(struct dispatch *dispatch, const struct session_peer *peer)
{
	struct session *session = calloc(1, sizeof *session);
	assert_non_null(session);
	session->dispatch = dispatch;
	session->peer = *peer;
	session->answers = buf_create(2 * QUEUED_MAX);
	dispatch->newest = session;
	dispatch->sessions++;
	return session;
}

void
session_destroy(struct session *session)
{
	session->dispatch->sessions--;
	if (session->dispatch->newest == session)
		session->dispatch->newest = NULL;
	buf_destroy(session->answers);
	free(session);
}

static void
session_answer(struct session *session, uint16_t op, uint32_t stream, enum error error, struct slice body)
{
	struct frame answer = { .op = op, .flags = FRAME_ANSWER, .status = error, .stream = stream, .body = body };
	frame_put(session->answers, &answer);
}

void
session_receive(struct session *session, const struct frame *frame, const struct arrival *arrival)
{
	static const uint8_t load[LOAD_SIZE];

	assert_true(session_wants_more(session));
	session->dispatch->received++;
	session->dispatch->received_ms = arrival->at_ms;
	session->dispatch->read_ago_ms = arrival->read_ago_ms;
	session->dispatch->waited_ms = arrival->waited_ms;
	if (frame->op == OP_COSTLY) {
		session->dispatch->costly++;
		now_ms++;
	}
	if (frame->op == OP_HOLD) {
		session->held[session->held_count++] = frame->stream;
		session->dispatch->holding = session;
		return;
	}
	session_answer(session, frame->op, frame->stream, ERROR_NONE,
	    frame->op == OP_LOAD ? slice_of(load, sizeof load) : frame->body);
}

void
session_refuse_frame(struct session *session, const struct frame *frame, const struct fault *fault)
{
	struct dispatch *dispatch = session->dispatch;

	assert_true(fault->place.size != 0 && fault->value.size != 0 && fault->expected.size != 0);
	dispatch->refused = fault->error;
	snprintf(dispatch->refused_place, sizeof dispatch->refused_place, "%.*s", (int)fault->place.size,
	    (const char *)fault->place.data);
	snprintf(dispatch->refused_value, sizeof dispatch->refused_value, "%.*s", (int)fault->value.size,
	    (const char *)fault->value.data);
	answered_note(NULL, fault->error);
	session_answer(session, frame->op, frame->stream, fault->error, SLICE_EMPTY);
}

struct buf *
session_answers(struct session *session)
{
	return session->answers;
}

size_t
session_unanswered(const struct session *session)
{
	return session->held_count;
}

bool
session_wants_more(const struct session *session)
{
	return session->held_count < HOLD_MAX && buf_size(session->answers) < QUEUED_MAX;
}

/* Answers the request held longest. */
static void
release(struct session *session)
{
	assert_true(session->held_count > 0);
	session_answer(session, OP_HOLD, session->held[0], ERROR_NONE, SLICE_EMPTY);
	memmove(session->held, session->held + 1, --session->held_count * sizeof session->held[0]);
	session->peer.answered(session->peer.context);
	session->peer.answered(session->peer.context);
}

/* ---- fixture ---- */

struct client {
	int fd;
	struct stream *stream;
	struct buf *out, *in;
	bool is_ready, is_reading;
	enum stream_status end; /* STREAM_CLOSED and the like once there was one */
};

struct fixture {
	struct loop *loop;
	struct log *log;
	int log_pipe[2];
	struct dispatch dispatch;
	struct conn_limits limits;
	struct conn_pool *pool;
	struct client clients[16];
	size_t clients_count;
	/* Whose connections come each from another /64 of one IPv6 /48 when true, and how many did. */
	bool is_network;
	uint8_t networks;
	unsigned rooms, drained;
};

static void
on_room(void *context)
{
	((struct fixture *)context)->rooms++;
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	assert_int_equal(pipe2(f->log_pipe, 0), 0);
	now_ms = 1000000;
	f->loop = loop_create(&clock_of_test);
	f->log = log_create(f->log_pipe[1], LOG_LEVEL_DEBUG, wall_clock);
	f->limits = conn_limits_default;
	f->limits.handshakes_max = 2;
	*state = f;
	return 0;
}

static void
start(struct fixture *f)
{
	f->pool = conn_pool_create(f->loop, f->log, pair_server_config, &f->dispatch, &f->limits);
	assert_non_null(f->pool);
	conn_pool_on_room(f->pool, on_room, f);
}

static void
client_close(struct client *client)
{
	stream_destroy(client->stream);
	buf_destroy(client->out);
	buf_destroy(client->in);
	if (client->fd >= 0)
		close(client->fd);
	*client = (struct client){ .fd = -1 };
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	conn_pool_destroy(f->pool);
	assert_int_equal(f->dispatch.sessions, 0);
	for (size_t i = 0; i < f->clients_count; i++)
		client_close(&f->clients[i]);
	loop_destroy(f->loop);
	log_destroy(f->log);
	close(f->log_pipe[0]);
	close(f->log_pipe[1]);
	free(f);
	return 0;
}

static const uint8_t test_address[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 7 };

/* Whoever is greedy is this one. */
#define GREEDY_LAST 66

/* Of another address by its last byte. */
static int
connect_from(struct fixture *f, uint8_t last)
{
	uint8_t address[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	int pair[2];

	if (f->is_network && last == GREEDY_LAST) {
		address[7] = f->networks++;
	} else {
		memcpy(address, test_address, sizeof address);
		address[15] = last;
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	conn_pool_take(f->pool, pair[1], address);
	return pair[0];
}

static struct client *
client_over(struct fixture *f, int fd)
{
	struct client *client = &f->clients[f->clients_count++];
	*client = (struct client){ .fd = fd, .is_reading = true };
	client->stream = stream_create(pair_client_config, fd, "localhost");
	client->out = buf_create(8 * 1024 * 1024);
	client->in = buf_create(64 * 1024 * 1024);
	assert_true(client->stream != NULL && client->out != NULL && client->in != NULL);
	return client;
}

/* A client that has not said anything yet. */
static struct client *
silent_client(struct fixture *f)
{
	return client_over(f, connect_from(f, test_address[15]));
}

static void
client_step(struct client *client)
{
	if (client->stream == NULL || client->end != STREAM_PROGRESS)
		return;
	if (!client->is_ready) {
		struct stream_result result = stream_handshake(client->stream);
		client->is_ready = result.status == STREAM_PROGRESS;
		if (!client->is_ready) {
			if (result.status != STREAM_WANT_READ && result.status != STREAM_WANT_WRITE)
				client->end = result.status;
			return;
		}
	}
	if (buf_size(client->out) != 0)
		(void)stream_write(client->stream, client->out).size;
	if (!client->is_reading)
		return;
	for (;;) {
		struct stream_result result = stream_read(client->stream, client->in, 1 << 20);
		if (result.status == STREAM_PROGRESS)
			continue;
		if (result.status != STREAM_WANT_READ && result.status != STREAM_WANT_WRITE)
			client->end = result.status;
		return;
	}
}

/* Rounds until nothing moves any more. */
static void
pump(struct fixture *f)
{
	for (int i = 0; i < 150; i++) {
		for (size_t k = 0; k < f->clients_count; k++)
			client_step(&f->clients[k]);
		loop_round(f->loop, 0);
	}
}

static inline struct client *
ready_client(struct fixture *f)
{
	struct client *client = silent_client(f);
	pump(f);
	assert_true(client->is_ready);
	return client;
}

static void
request(struct client *client, uint16_t op, uint32_t stream, size_t body_size)
{
	uint8_t *body = calloc(1, body_size + 1);
	struct frame frame = { .op = op, .stream = stream, .body = slice_of(body, body_size) };
	frame_put(client->out, &frame);
	free(body);
}

/* The next answer must be this one; returns the size of its body. */
static size_t
expect_answer(struct client *client, uint32_t stream, enum error error)
{
	struct frame frame;
	size_t size;
	assert_int_equal(frame_peek(buf_peek(client->in), 4 * 1024 * 1024, &frame, &size), ERROR_NONE);
	assert_int_not_equal(size, 0);
	assert_int_equal(frame.stream, stream);
	assert_int_equal(frame.status, error);
	size_t body_size = frame.body.size;
	buf_consume(client->in, size);
	return body_size;
}

static void
later(struct fixture *f, uint64_t ms)
{
	now_ms += ms;
	pump(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
