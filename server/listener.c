/* SPDX-License-Identifier: Apache-2.0
 *
 * Address, socket, accept. */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/address.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/store/disk.h"

/* Connections taken in one round, so that those already here are served between them. */
#define ACCEPTS_MAX 32
/* The kernel cuts this to net.core.somaxconn. */
#define BACKLOG 65535
/* How long to wait for descriptors or memory to come free. */
#define PAUSE_MS 250

enum listener_state {
	LISTENER_ACCEPTING,
	LISTENER_WAITING_FOR_TAKER,
	LISTENER_WAITING_FOR_SYSTEM, /* timer set, reserve given up */
};

struct listener {
	struct loop_source source;
	struct loop_timer timer;
	struct loop *loop;
	struct log *log;
	struct listener_taker taker;
	enum listener_state state;
	int reserve; /* a descriptor held back; -1: given up */
	uint16_t port;
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* ---- addresses ---- */

static bool
port_parse(const char *text, in_port_t *out)
{
	uint64_t port;
	if (!decimal_decode(slice_of_text(text), UINT16_MAX, &port))
		return false;
	*out = htons((uint16_t)port);
	return true;
}

/* With its port. */
static bool
listen_parse(const char *text, union address *out)
{
	char host[INET6_ADDRSTRLEN];
	bool v6 = text[0] == '[';
	const char *begin = text + (v6 ? 1 : 0), *end = v6 ? strstr(text, "]:") : strchr(text, ':');

	if (end == NULL || (size_t)(end - begin) >= sizeof host)
		return false;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	memset(out, 0, sizeof *out);
	if (v6) {
		out->v6.sin6_family = AF_INET6;
		return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1 && port_parse(end + 2, &out->v6.sin6_port);
	}
	out->v4.sin_family = AF_INET;
	return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1 && port_parse(end + 1, &out->v4.sin_port);
}

static socklen_t
address_size(const union address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

static uint16_t
address_port(const union address *address)
{
	return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

static void
address_map(const union address *address, uint8_t out[ADDRESS_SIZE])
{
	if (address->any.sa_family == AF_INET6)
		memcpy(out, &address->v6.sin6_addr, ADDRESS_SIZE);
	else
		address_map_v4(&address->v4.sin_addr, out);
}

/* ---- accepting ---- */

static bool
reserve_take(struct listener *listener)
{
	if (listener->reserve < 0)
		listener->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return listener->reserve >= 0;
}

static void
listener_set_state(struct listener *listener, enum listener_state state)
{
	listener->state = state;
	loop_want(listener->loop, &listener->source, state == LISTENER_ACCEPTING ? LOOP_READ : 0);
}

/* The system is short of something: level-triggered, the socket would call again at once and for ever. */
static void
listener_wait_for_system(struct listener *listener, int reason)
{
	if (listener->reserve >= 0)
		close(listener->reserve);
	listener->reserve = -1;
	log_event(listener->log, LOG_LEVEL_ERROR, "accept_paused", log_errno("reason", reason),
	    log_uint("retry_every_ms", PAUSE_MS));
	listener_set_state(listener, LISTENER_WAITING_FOR_SYSTEM);
	loop_timer_set(listener->loop, &listener->timer, loop_steady_ms(listener->loop) + PAUSE_MS);
}

static void
listener_fire(struct loop_timer *timer)
{
	struct listener *listener = loop_owner(timer, struct listener, timer);

	if (!reserve_take(listener)) {
		loop_timer_set(listener->loop, timer, loop_steady_ms(listener->loop) + PAUSE_MS);
		return;
	}
	log_event(listener->log, LOG_LEVEL_INFO, "accept_resumed");
	listener_set_state(listener, LISTENER_ACCEPTING);
}

/* False when there is nothing more to accept for now. */
static bool
listener_accept(struct listener *listener)
{
	union address address;
	socklen_t size = sizeof address;
	uint8_t mapped[ADDRESS_SIZE];
	int fd = accept4(listener->source.fd, &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		address_map(&address, mapped);
		listener->taker.take(listener->taker.context, fd, mapped);
		return true;
	}
	switch (errno) {
	case EAGAIN:
		return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		listener_wait_for_system(listener, errno);
		return false;
	default:
		/* The peer gave up while it waited, or its network failed (accept(2), "Error handling"). */
		return true;
	}
}

static void
listener_ready(struct loop_source *source, unsigned events)
{
	struct listener *listener = loop_owner(source, struct listener, source);
	(void)events;

	for (int i = 0; i < ACCEPTS_MAX; i++) {
		if (!listener->taker.has_room(listener->taker.context)) {
			listener_set_state(listener, LISTENER_WAITING_FOR_TAKER);
			return;
		}
		if (!listener_accept(listener))
			return;
	}
}

void
listener_resume(struct listener *listener)
{
	if (listener->state == LISTENER_WAITING_FOR_TAKER)
		listener_set_state(listener, LISTENER_ACCEPTING);
}

/* ---- life ---- */

static bool
listener_bind(struct listener *listener, const union address *address)
{
	const int on = 1, off = 0;
	union address bound;
	socklen_t size = sizeof bound;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	listener->source.fd = fd;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
		return false;
	/* Not left to the machine's bindv6only. */
	if (address->any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
		return false;
	/* Inherited by what is accepted: answers are written many at a time and must not wait for acknowledgements. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
		return false;
	if (bind(fd, &address->any, address_size(address)) != 0 || listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, &bound.any, &size) != 0)
		return false;
	listener->port = address_port(&bound);
	return reserve_take(listener);
}

enum error
listener_create(struct loop *loop, struct log *log, const char *address, const struct listener_taker *taker,
    struct listener **out, struct fault *fault)
{
	union address parsed;

	if (!listen_parse(address, &parsed))
		return fault_set(fault, ERROR_usage, "listen", slice_of_text(address),
		    "numeric address:port or [address]:port");
	struct listener *listener = calloc(1, sizeof *listener);
	if (listener == NULL)
		return fault_set(fault, ERROR_out_of_memory, "listen", SLICE_EMPTY, NULL);
	listener->loop = loop;
	listener->log = log;
	listener->taker = *taker;
	listener->source.ready = listener_ready;
	listener->timer.fire = listener_fire;
	listener->reserve = -1;
	if (!listener_bind(listener, &parsed) || !loop_add(loop, &listener->source, LOOP_READ)) {
		enum error error = fault_set(fault, ERROR_listen_failed, address, slice_of_text(strerror(errno)),
		    "an address of this machine, with a port that is free and allowed, or port 0");
		if (listener->source.fd >= 0)
			close(listener->source.fd);
		if (listener->reserve >= 0)
			close(listener->reserve);
		free(listener);
		return error;
	}
	log_event(log, LOG_LEVEL_INFO, "listening", log_setting("address", address), log_uint("port", listener->port));
	*out = listener;
	return ERROR_NONE;
}

void
listener_destroy(struct listener *listener)
{
	if (listener == NULL)
		return;
	loop_timer_stop(listener->loop, &listener->timer);
	loop_remove(listener->loop, &listener->source);
	close(listener->source.fd);
	if (listener->reserve >= 0)
		close(listener->reserve);
	free(listener);
}

uint16_t
listener_port(const struct listener *listener)
{
	return listener->port;
}

enum error
listener_write_port(const struct listener *listener, const char *path, struct fault *fault)
{
	char text[16];

	snprintf(text, sizeof text, "%u\n", listener->port);
	if (disk_replace_file(NULL, AT_FDCWD, path, 0644, slice_of_text(text)))
		return ERROR_NONE;
	return fault_set(fault, ERROR_file_unreadable, path, slice_of_text(strerror(errno)),
	    "a file that can be written");
}
