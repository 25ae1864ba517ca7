/* SPDX-License-Identifier: Apache-2.0
 *
 * A socket, a stream and a list of tickets. Guichet's streams are the places in that list; dialects without streams are
 * answered in order, so their list is a ring. */
#include "bench/caller.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/limits.h"
#include "protocol/net/stream.h"

/* Read in one go. */
#define READ_STEP ((size_t)64 * 1024)
/* Replies not read yet, and requests not sent yet, of one connection: a window full of the largest. */
#define QUEUE_MAX ((size_t)CALLER_WINDOW_MAX * 2 * LIMIT_FRAME_BODY)

enum caller_state { CALLER_CONNECTING, CALLER_HANDSHAKE, CALLER_OPEN };

struct caller {
	struct loop_source source;
	struct loop_task task; /* sends what was queued in a round */
	const struct caller_config *config;
	void *owner;
	enum caller_state state;
	struct stream *stream;
	struct buf *out, *in;
	uint64_t tickets[CALLER_WINDOW_MAX];
	uint8_t free[CALLER_WINDOW_MAX]; /* places without a ticket, for a dialect with streams */
	size_t unanswered;
	size_t first; /* of the ring, for one without */
	uint64_t sent, received;
	unsigned waits; /* loop events without which nothing can be sent */
	bool *is_gone;  /* set when it is destroyed inside one of its own events */
};

static void caller_ready(struct loop_source *source, unsigned events);
static void caller_run(struct loop_task *task);

/* ---- life ---- */

static const struct sockaddr *
ipv4(struct sockaddr_in *out, uint32_t address, uint16_t port)
{
	*out = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(address) };
	return (const struct sockaddr *)(const void *)out;
}

static int
socket_connect(const struct caller_config *config)
{
	struct sockaddr_in address;
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	/* The port is chosen when the peer's is known: one may be used with several. */
	bool is_bound = config->source == 0 ||
	    (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0 &&
		bind(fd, ipv4(&address, config->source, 0), sizeof address) == 0);
	if (is_bound && (connect(fd, ipv4(&address, INADDR_LOOPBACK, config->port), sizeof address) == 0 ||
	    errno == EINPROGRESS))
		return fd;
	int reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

static void
count_work(const struct caller_config *config)
{
	if (config->work != NULL)
		++*config->work;
}

struct caller *
caller_create(const struct caller_config *config, void *owner)
{
	struct caller *caller = calloc(1, sizeof *caller);

	if (caller == NULL)
		return NULL;
	count_work(config);
	caller->config = config;
	caller->owner = owner;
	for (size_t i = 0; i < CALLER_WINDOW_MAX; i++)
		caller->free[i] = (uint8_t)(CALLER_WINDOW_MAX - 1 - i);
	caller->source = (struct loop_source){ .fd = socket_connect(config), .ready = caller_ready };
	caller->task.run = caller_run;
	caller->out = buf_create(QUEUE_MAX);
	caller->in = buf_create(QUEUE_MAX);
	if (caller->source.fd >= 0 && caller->out != NULL && caller->in != NULL &&
	    loop_add(config->loop, &caller->source, LOOP_WRITE)) {
		/* Nothing in it is anybody's: wiping would only cost time. */
		buf_set_public(caller->out);
		buf_set_public(caller->in);
		return caller;
	}
	int reason = errno;
	if (caller->source.fd >= 0)
		close(caller->source.fd);
	buf_destroy(caller->out);
	buf_destroy(caller->in);
	free(caller);
	errno = reason;
	return NULL;
}

void
caller_destroy(struct caller *caller)
{
	if (caller == NULL)
		return;
	if (caller->state == CALLER_OPEN && buf_size(caller->out) == 0)
		(void)stream_shutdown(caller->stream).status;
	if (caller->is_gone != NULL)
		*caller->is_gone = true;
	loop_remove(caller->config->loop, &caller->source);
	loop_forget(caller->config->loop, &caller->task);
	stream_destroy(caller->stream);
	close(caller->source.fd);
	buf_destroy(caller->out);
	buf_destroy(caller->in);
	free(caller);
}

void *
caller_owner(const struct caller *caller)
{
	return caller->owner;
}

bool
caller_is_open(const struct caller *caller)
{
	return caller->state == CALLER_OPEN;
}

bool
caller_binding(struct caller *caller, uint8_t out[32])
{
	return stream_binding(caller->stream, out);
}

void
caller_bytes(const struct caller *caller, uint64_t *sent, uint64_t *received)
{
	*sent = caller->sent;
	*received = caller->received;
}

/* ---- tickets ---- */

static uint32_t
ticket_put(struct caller *caller, uint64_t ticket)
{
	check(caller->unanswered < CALLER_WINDOW_MAX);
	size_t at = caller->config->dialect->has_streams ?
	    caller->free[CALLER_WINDOW_MAX - 1 - caller->unanswered] :
	    (caller->first + caller->unanswered) % CALLER_WINDOW_MAX;
	caller->tickets[at] = ticket;
	caller->unanswered++;
	return (uint32_t)at;
}

/* False when the reply is to nothing that was asked. */
static bool
ticket_take(struct caller *caller, uint32_t stream, uint64_t *ticket)
{
	if (caller->unanswered == 0)
		return false;
	if (!caller->config->dialect->has_streams) {
		stream = (uint32_t)caller->first;
		caller->first = (caller->first + 1) % CALLER_WINDOW_MAX;
	} else if (stream >= CALLER_WINDOW_MAX) {
		return false;
	}
	caller->unanswered--;
	if (caller->config->dialect->has_streams)
		caller->free[CALLER_WINDOW_MAX - 1 - caller->unanswered] = (uint8_t)stream;
	*ticket = caller->tickets[stream];
	return true;
}

/* ---- what happens on the socket ---- */

static void
caller_end(struct caller *caller, const char *why)
{
	caller->config->events.ended(caller->config->events.context, caller, why);
}

/* False when the caller is gone or has ended. */
static bool
caller_deliver(struct caller *caller)
{
	const struct caller_events *events = &caller->config->events;
	bool is_gone = false;

	while (buf_size(caller->in) != 0) {
		struct dialect_reply reply = { .size = 0 };
		uint64_t ticket;
		if (!caller->config->dialect->peek(buf_peek(caller->in), &reply)) {
			caller_end(caller, "not the protocol expected");
			return false;
		}
		if (reply.size == 0)
			return true;
		if (!ticket_take(caller, reply.stream, &ticket)) {
			caller_end(caller, "a reply to nothing that was asked");
			return false;
		}
		caller->is_gone = &is_gone;
		events->replied(events->context, caller, ticket, &reply);
		if (is_gone)
			return false;
		caller->is_gone = NULL;
		buf_consume(caller->in, reply.size);
	}
	return true;
}

static bool
caller_read(struct caller *caller)
{
	for (;;) {
		struct stream_result result = stream_read(caller->stream, caller->in, READ_STEP);
		if (result.status == STREAM_WANT_READ || result.status == STREAM_WANT_WRITE)
			return true;
		if (result.status != STREAM_PROGRESS) {
			caller_end(caller, result.reason != NULL ? result.reason : "closed by the server");
			return false;
		}
		caller->received += result.size;
		if (!caller_deliver(caller))
			return false;
		if (!result.pending)
			return true;
	}
}

static bool
caller_write(struct caller *caller)
{
	while (buf_size(caller->out) != 0) {
		struct stream_result result = stream_write(caller->stream, caller->out);
		if (result.status == STREAM_PROGRESS) {
			caller->sent += result.size;
			continue;
		}
		if (result.status == STREAM_WANT_READ || result.status == STREAM_WANT_WRITE)
			break;
		caller_end(caller, result.reason != NULL ? result.reason : "closed by the server");
		return false;
	}
	loop_want(caller->config->loop, &caller->source, LOOP_READ | (buf_size(caller->out) != 0 ? LOOP_WRITE : 0u));
	return true;
}

static bool
caller_shake(struct caller *caller)
{
	const struct caller_events *events = &caller->config->events;
	struct stream_result result = stream_handshake(caller->stream);
	bool is_gone = false;

	switch (result.status) {
	case STREAM_WANT_READ:
	case STREAM_WANT_WRITE:
		loop_want(caller->config->loop, &caller->source, result.status == STREAM_WANT_READ ? LOOP_READ :
												      LOOP_WRITE);
		return false;
	case STREAM_PROGRESS:
		break;
	default:
		caller_end(caller, result.reason != NULL ? result.reason : "no handshake");
		return false;
	}
	caller->state = CALLER_OPEN;
	caller->is_gone = &is_gone;
	events->opened(events->context, caller);
	if (!is_gone)
		caller->is_gone = NULL;
	return !is_gone;
}

static bool
caller_connected(struct caller *caller)
{
	int error = 0;
	socklen_t size = sizeof error;

	if (getsockopt(caller->source.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
		caller_end(caller, "cannot be reached");
		return false;
	}
	caller->stream = stream_create(caller->config->tls, caller->source.fd, "localhost");
	if (caller->stream == NULL) {
		caller_end(caller, "out of memory");
		return false;
	}
	caller->state = CALLER_HANDSHAKE;
	return true;
}

static void
caller_ready(struct loop_source *source, unsigned events)
{
	struct caller *caller = loop_owner(source, struct caller, source);

	(void)events;
	count_work(caller->config);
	if (caller->state == CALLER_CONNECTING && !caller_connected(caller))
		return;
	if (caller->state == CALLER_HANDSHAKE && !caller_shake(caller))
		return;
	if (caller_read(caller))
		(void)caller_write(caller);
}

static void
caller_run(struct loop_task *task)
{
	struct caller *caller = loop_owner(task, struct caller, task);

	count_work(caller->config);
	if (caller->state == CALLER_OPEN)
		(void)caller_write(caller);
}

void
caller_send(struct caller *caller, uint64_t ticket, uint64_t number, struct slice content)
{
	caller->config->dialect->put(caller->out, ticket_put(caller, ticket), number, content);
	check(buf_ok(caller->out));
	loop_later(caller->config->loop, &caller->task);
}
