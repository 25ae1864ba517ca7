/* SPDX-License-Identifier: Apache-2.0
 *
 * A server for the load harness's tests. */
#include "tests/unit/fake_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/limits.h"
#include "server/clock.h"
#include "tests/unit/stream_pair.h"

#define BUFFER_MAX ((size_t)4 * LIMIT_FRAME_BODY)

static void
connection_cut(struct fake_connection *connection)
{
	if (connection->source.fd < 0)
		return;
	loop_remove(connection->server->loop, &connection->source);
	stream_destroy(connection->stream);
	close(connection->source.fd);
	buf_destroy(connection->in);
	buf_destroy(connection->out);
	connection->source.fd = -1;
}

static void
server_die(struct fake_server *server)
{
	for (size_t i = 0; i < FAKE_CONNECTIONS_MAX; i++)
		connection_cut(&server->connections[i]);
	if (server->listener.fd < 0)
		return;
	loop_remove(server->loop, &server->listener);
	close(server->listener.fd);
	server->listener.fd = -1;
}

/* False when the connection is gone. */
static bool
obey(struct fake_connection *connection, enum fake_verdict verdict, const struct frame *request)
{
	struct fake_server *server = connection->server;
	const struct frame answer = { .op = request->op, .flags = FRAME_ANSWER, .status = server->status,
		.stream = request->stream, .body = server->body };

	if (verdict == FAKE_CUT)
		connection_cut(connection);
	else if (verdict == FAKE_DIE)
		server_die(server);
	else if (verdict == FAKE_ANSWER)
		frame_put(connection->out, &answer);
	return verdict == FAKE_ANSWER || verdict == FAKE_SILENCE;
}

static bool
take_requests(struct fake_connection *connection)
{
	struct frame frame;
	size_t size;

	while (frame_peek(buf_peek(connection->in), LIMIT_FRAME_BODY, &frame, &size) == ERROR_NONE && size != 0) {
		connection->server->requests++;
		if (!obey(connection, connection->server->decide(connection->server, &frame), &frame))
			return false;
		buf_consume(connection->in, size);
	}
	return true;
}

static void
connection_move(struct fake_connection *connection)
{
	struct stream_result result = { .status = STREAM_PROGRESS };

	while (result.status == STREAM_PROGRESS) {
		result = stream_read(connection->stream, connection->in, LIMIT_FRAME_BODY);
		if (!take_requests(connection))
			return;
	}
	if (!pair_waits(result) ||
	    (buf_size(connection->out) != 0 && stream_write(connection->stream, connection->out).status == STREAM_CUT))
		connection_cut(connection);
	else
		loop_want(connection->server->loop, &connection->source,
		    buf_size(connection->out) == 0 ? LOOP_READ : LOOP_READ | LOOP_WRITE);
}

static void
connection_ready(struct loop_source *source, unsigned events)
{
	struct fake_connection *connection = loop_owner(source, struct fake_connection, source);

	(void)events;
	if (clock_steady_ms() < connection->server->stalled_until_ms)
		return;
	if (!connection->is_open) {
		struct stream_result result = stream_handshake(connection->stream);
		connection->is_open = result.status == STREAM_PROGRESS;
		if (!connection->is_open && !pair_waits(result))
			connection_cut(connection);
	}
	if (connection->source.fd >= 0 && connection->is_open)
		connection_move(connection);
}

static void
listener_ready(struct loop_source *source, unsigned events)
{
	struct fake_server *server = loop_owner(source, struct fake_server, listener);
	size_t at = 0;

	(void)events;
	if (clock_steady_ms() < server->stalled_until_ms)
		return;
	while (at < FAKE_CONNECTIONS_MAX && server->connections[at].source.fd >= 0)
		at++;
	assert_true(at < FAKE_CONNECTIONS_MAX);
	int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (server->accepted++ < server->cut_handshakes) {
		close(fd);
		return;
	}
	struct fake_connection *connection = &server->connections[at];
	*connection = (struct fake_connection){ .source = { .fd = fd, .ready = connection_ready }, .server = server,
		.stream = stream_create(pair_server_config, fd, NULL), .in = buf_create(BUFFER_MAX),
		.out = buf_create(BUFFER_MAX) };
	assert_non_null(connection->stream);
	assert_true(loop_add(server->loop, &connection->source, LOOP_READ));
}

void
fake_open(struct fake_server *server, enum fake_verdict (*decide)(struct fake_server *server,
    const struct frame *request))
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;

	*server = (struct fake_server){ .loop = loop_create(NULL), .decide = decide,
		.listener = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		    .ready = listener_ready } };
	for (size_t i = 0; i < FAKE_CONNECTIONS_MAX; i++)
		server->connections[i].source.fd = -1;
	assert_non_null(server->loop);
	assert_int_equal(bind(server->listener.fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(server->listener.fd, FAKE_CONNECTIONS_MAX), 0);
	assert_int_equal(getsockname(server->listener.fd, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
	assert_true(loop_add(server->loop, &server->listener, LOOP_READ));
}

void
fake_close(struct fake_server *server)
{
	server_die(server);
	loop_destroy(server->loop);
}

void
fake_cut(struct fake_server *server, size_t nth)
{
	connection_cut(&server->connections[nth]);
}

void
fake_stall(struct fake_server *server, uint64_t for_ms)
{
	server->stalled_until_ms = clock_steady_ms() + for_ms;
}
