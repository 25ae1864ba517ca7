/* SPDX-License-Identifier: Apache-2.0
 *
 * One network connection over POSIX sockets. */
#include "client/link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/limits.h"
#include "protocol/net/stream.h"

/* Taken off the stream in one step. */
#define READ_STEP ((size_t)256 * 1024)
/* A frame, and what one step may read behind its end. */
#define INPUT_MAX (LIMIT_FRAME_BODY + FRAME_HEADER_SIZE + READ_STEP)
/* Frames that wait for a slow server. */
#define OUTPUT_MAX ((size_t)4 * (LIMIT_FRAME_BODY + FRAME_HEADER_SIZE))

struct link {
	const struct tls_config *tls;
	char *host;
	struct addrinfo *addresses, *address; /* all, and the one being tried */
	int fd;
	struct stream *stream;
	struct buf *input, *output;
	enum link_state state;
	unsigned events;
	bool pending;
	enum error error;
	const char *reason;
};

static void
link_close(struct link *link)
{
	stream_destroy(link->stream);
	link->stream = NULL;
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->events = 0;
	link->pending = false;
}

static void
link_fail(struct link *link, enum error error, const char *reason)
{
	link_close(link);
	link->state = LINK_DOWN;
	link->error = error;
	link->reason = reason;
}

/* ---- connecting ---- */

static bool
socket_prepare(int fd)
{
	int flags = fcntl(fd, F_GETFL), on = 1;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return false;
	/* Requests are written whole: waiting to fill a segment would only delay them. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return true;
}

/* Tries addresses from link->address on, until one is under way or none is left. */
static void
connect_begin(struct link *link)
{
	for (; link->address != NULL; link->address = link->address->ai_next) {
		const struct addrinfo *address = link->address;
		link->fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
		if (link->fd >= 0 && socket_prepare(link->fd) &&
		    (connect(link->fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS)) {
			link->state = LINK_CONNECTING;
			link->events = GUICHET_WRITE;
			return;
		}
		link->reason = strerror(errno);
		link_close(link);
	}
	link_fail(link, ERROR_unreachable, link->reason);
}

static void
connect_step(struct link *link)
{
	struct pollfd poll_fd = { .fd = link->fd, .events = POLLOUT };
	int error = 0;
	socklen_t size = sizeof error;

	if (poll(&poll_fd, 1, 0) <= 0)
		return;
	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	if (error != 0) {
		link->reason = strerror(error);
		link_close(link);
		link->address = link->address->ai_next;
		connect_begin(link);
		return;
	}
	link->stream = stream_create(link->tls, link->fd, link->host);
	if (link->stream == NULL)
		link_fail(link, ERROR_tls_failed, "no TLS for this host name");
	else
		link->state = LINK_HANDSHAKE;
}

struct link *
link_create(const struct tls_config *tls, const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC };
	struct link *link = calloc(1, sizeof *link);

	if (link == NULL)
		return NULL;
	link->tls = tls;
	link->fd = -1;
	link->reason = "no address";
	link->host = strdup(host);
	link->input = buf_create(INPUT_MAX);
	link->output = buf_create(OUTPUT_MAX);
	if (link->host == NULL || link->input == NULL || link->output == NULL) {
		link_destroy(link);
		return NULL;
	}
	int failed = getaddrinfo(host, port, &hints, &link->addresses);
	if (failed != 0) {
		link->addresses = NULL;
		link_fail(link, ERROR_unreachable, gai_strerror(failed));
		return link;
	}
	link->address = link->addresses;
	connect_begin(link);
	return link;
}

void
link_destroy(struct link *link)
{
	if (link == NULL)
		return;
	if (link->state == LINK_OPEN && buf_size(link->output) == 0) {
		struct stream_result farewell = stream_shutdown(link->stream);
		(void)farewell; /* a courtesy; nothing depends on it */
	}
	link_close(link);
	if (link->addresses != NULL)
		freeaddrinfo(link->addresses);
	buf_destroy(link->input);
	buf_destroy(link->output);
	free(link->host);
	free(link);
}

/* ---- bytes ---- */

/* True when the stream goes on; notes what it waits for. */
static bool
stream_goes_on(struct link *link, const struct stream_result *result)
{
	switch (result->status) {
	case STREAM_PROGRESS:
		return true;
	case STREAM_WANT_READ:
		link->events |= GUICHET_READ;
		return true;
	case STREAM_WANT_WRITE:
		link->events |= GUICHET_WRITE;
		return true;
	case STREAM_CLOSED:
		link_fail(link, ERROR_unreachable, "the server closed the connection");
		return false;
	case STREAM_CUT:
		link_fail(link, ERROR_unreachable, result->reason);
		return false;
	case STREAM_FAILED:
		link_fail(link, ERROR_tls_failed, result->reason);
		return false;
	}
	return false;
}

static void
handshake_step(struct link *link)
{
	link->events = 0;
	struct stream_result result = stream_handshake(link->stream);
	if (!stream_goes_on(link, &result) || result.status != STREAM_PROGRESS)
		return;
	link->state = LINK_OPEN;
	link->events = GUICHET_READ;
	link->pending = result.pending;
}

/* Writing first: what a server that is closing has already answered can still be read after a write has failed. */
static void
open_step(struct link *link)
{
	struct stream_result written = { .status = STREAM_PROGRESS };

	link->events = GUICHET_READ;
	link->pending = false;
	if (buf_size(link->output) != 0)
		written = stream_write(link->stream, link->output);
	if (buf_space(link->input) != 0) {
		struct stream_result result = stream_read(link->stream, link->input, READ_STEP);
		link->pending = result.pending || result.status == STREAM_PROGRESS;
		if (!stream_goes_on(link, &result))
			return;
	}
	if (written.status == STREAM_CUT || written.status == STREAM_FAILED)
		(void)stream_goes_on(link, &written);
}

enum link_state
link_step(struct link *link)
{
	if (link->state == LINK_CONNECTING)
		connect_step(link);
	if (link->state == LINK_HANDSHAKE)
		handshake_step(link);
	else if (link->state == LINK_OPEN)
		open_step(link);
	return link->state;
}

int
link_fd(const struct link *link)
{
	return link->fd;
}

unsigned
link_events(const struct link *link)
{
	/* What was put into the output since the last step counts too. */
	bool unsent = link->state == LINK_OPEN && buf_size(link->output) != 0;

	return link->events | (unsent ? GUICHET_WRITE : 0U);
}

bool
link_pending(const struct link *link)
{
	return link->pending;
}

struct buf *
link_output(struct link *link)
{
	return link->output;
}

enum error
link_peek(struct link *link, struct frame *frame, size_t *size)
{
	return frame_peek(buf_peek(link->input), LIMIT_FRAME_BODY, frame, size);
}

void
link_consume(struct link *link, size_t size)
{
	buf_consume(link->input, size);
}

bool
link_binding(struct link *link, uint8_t out[32])
{
	_Static_assert(STREAM_BINDING_SIZE == 32, "the log-in input takes 32 bytes");
	return link->state == LINK_OPEN && stream_binding(link->stream, out);
}

enum error
link_error(const struct link *link)
{
	return link->error;
}

const char *
link_reason(const struct link *link)
{
	return link->reason;
}
