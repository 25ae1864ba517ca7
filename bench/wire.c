/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairs of streams as server and library make them. */
#include "bench/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/path.h"
#include "protocol/limits.h"
#include "protocol/net/stream.h"
#include "protocol/net/tls_config.h"

/* As many connections as the scenario of a vendor's gateway has. */
#define WIDTH ((size_t)64)
#define BUFFER_MAX ((size_t)4 * LIMIT_FRAME_BODY)
/* Steps of a handshake, and reads of one message, at most. */
#define STEPS_MAX 64

struct end {
	int fd;
	struct stream *stream;
	struct buf *in, *out;
};

struct wire {
	struct tls_config *server_config, *client_config;
	struct end servers[WIDTH], clients[WIDTH];
	struct slice answer;
};

static void
end_close(struct end *end)
{
	stream_destroy(end->stream);
	if (end->fd >= 0)
		close(end->fd);
	buf_destroy(end->in);
	buf_destroy(end->out);
}

void
wire_destroy(struct wire *wire)
{
	if (wire == NULL)
		return;
	for (size_t i = 0; i < WIDTH; i++) {
		end_close(&wire->servers[i]);
		end_close(&wire->clients[i]);
	}
	tls_config_destroy(wire->server_config);
	tls_config_destroy(wire->client_config);
	free(wire);
}

size_t
wire_width(const struct wire *wire)
{
	(void)wire;
	return WIDTH;
}

/* ---- making ---- */

static bool
sockets_make(int listener, const struct sockaddr_in *address, struct end *server, struct end *client)
{
	int on = 1;

	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 ||
	    connect(client->fd, (const struct sockaddr *)(const void *)address, sizeof *address) != 0)
		return false;
	server->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return server->fd >= 0 && fcntl(client->fd, F_SETFL, O_NONBLOCK) == 0 &&
	    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
	    setsockopt(server->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

static bool
ends_shake_hands(struct end *server, struct end *client)
{
	bool is_done[2] = { false, false };

	for (int i = 0; i < STEPS_MAX && !(is_done[0] && is_done[1]); i++) {
		if (!is_done[0])
			is_done[0] = stream_handshake(client->stream).status == STREAM_PROGRESS;
		if (!is_done[1])
			is_done[1] = stream_handshake(server->stream).status == STREAM_PROGRESS;
	}
	return is_done[0] && is_done[1];
}

static bool
pair_make(struct wire *wire, int listener, const struct sockaddr_in *address, size_t nth)
{
	struct end *server = &wire->servers[nth], *client = &wire->clients[nth];

	if (!sockets_make(listener, address, server, client))
		return false;
	server->stream = stream_create(wire->server_config, server->fd, NULL);
	client->stream = stream_create(wire->client_config, client->fd, "localhost");
	server->in = buf_create(BUFFER_MAX);
	server->out = buf_create(BUFFER_MAX);
	client->in = buf_create(BUFFER_MAX);
	client->out = buf_create(BUFFER_MAX);
	return server->stream != NULL && client->stream != NULL && server->in != NULL && server->out != NULL &&
	    client->in != NULL && client->out != NULL && ends_shake_hands(server, client);
}

static bool
pairs_make(struct wire *wire)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_good = listener >= 0 && bind(listener, (const struct sockaddr *)(const void *)&address, size) == 0 &&
	    listen(listener, (int)WIDTH) == 0 &&
	    getsockname(listener, (struct sockaddr *)(void *)&address, &size) == 0;

	for (size_t i = 0; i < WIDTH && is_good; i++)
		is_good = pair_make(wire, listener, &address, i);
	if (listener >= 0)
		close(listener);
	return is_good;
}

enum error
wire_create(const char *office, struct slice answer, struct wire **out, struct fault *fault)
{
	char certificate[PATH_SIZE], key[PATH_SIZE], trust[PATH_SIZE];
	struct wire *wire = calloc(1, sizeof *wire);

	if (wire == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	for (size_t i = 0; i < WIDTH; i++)
		wire->servers[i].fd = wire->clients[i].fd = -1;
	path_make(certificate, "%s/keys/tls-server.pem", office);
	path_make(key, "%s/keys/tls-server.key", office);
	path_make(trust, "%s/public/tls.pem", office);
	wire->answer = answer;
	enum error error = tls_config_create_server(certificate, key, &wire->server_config, fault);
	if (error == ERROR_NONE)
		error = tls_config_create_client(trust, &wire->client_config, fault);
	if (error == ERROR_NONE && !pairs_make(wire))
		error = fault_set(fault, ERROR_unreachable, "127.0.0.1", slice_of_text(strerror(errno)), "connections");
	if (error != ERROR_NONE)
		wire_destroy(wire);
	else
		*out = wire;
	return error;
}

/* ---- talking ---- */

static bool
send_all(struct end *end)
{
	for (int i = 0; i < STEPS_MAX && buf_size(end->out) != 0; i++)
		if (stream_write(end->stream, end->out).status != STREAM_PROGRESS)
			return false;
	return buf_size(end->out) == 0;
}

static bool
receive_some(struct end *end, size_t size)
{
	for (int i = 0; i < STEPS_MAX && buf_size(end->in) < size; i++)
		if (stream_read(end->stream, end->in, BUFFER_MAX).status != STREAM_PROGRESS)
			return false;
	return buf_size(end->in) >= size;
}

bool
wire_ask(struct wire *wire, size_t nth, struct slice request)
{
	buf_put(wire->clients[nth].out, request);
	return send_all(&wire->clients[nth]);
}

bool
wire_serve(struct wire *wire, size_t nth)
{
	struct end *server = &wire->servers[nth];

	if (!receive_some(server, 1))
		return false;
	buf_clear(server->in);
	buf_put(server->out, wire->answer);
	return send_all(server);
}

bool
wire_collect(struct wire *wire, size_t nth)
{
	struct end *client = &wire->clients[nth];

	if (!receive_some(client, wire->answer.size))
		return false;
	buf_clear(client->in);
	return true;
}
