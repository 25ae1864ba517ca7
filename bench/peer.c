/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of peers: program, package, configuration. */
#include "bench/peer.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/fault.h"
#include "bench/port.h"
#include "protocol/buf.h"
#include "protocol/net/tls_config.h"

#define START_MS 10000
#define STOP_MS 5000
#define CONFIGURATION_MAX ((size_t)32 * 1024)
/* Of each kind of path; a name in the directory has few characters. */
#define NAME_MAX_SIZE 16
#define PATH_SIZE (PATH_MAX + NAME_MAX_SIZE)

/* What stands in a configuration, resolved: both programs read it from another directory than this one. */
struct place {
	char directory[PATH_MAX], certificate[PATH_MAX], key[PATH_MAX];
	uint16_t port;
};

/* A POST is not what empty_gif serves; its refusal, which costs no system call, leads to the answer. That is how a text
 * comes after the phases in which a body is read: `return` in the first location would come before them. */
static const char nginx_configuration[] =
    "daemon off;\n"
    "worker_processes 1;\n"
    "error_log stderr warn;\n"
    "pid nginx.pid;\n"
    "lock_file nginx.lock;\n"
    "events { worker_connections %zu; }\n"
    "http {\n"
    "  access_log off;\n"
    "  default_type text/plain;\n"
    "  server_tokens off;\n"
    "  client_body_temp_path body;\n"
    "  proxy_temp_path proxy;\n"
    "  fastcgi_temp_path fastcgi;\n"
    "  uwsgi_temp_path uwsgi;\n"
    "  scgi_temp_path scgi;\n"
    "  client_max_body_size %zu;\n"
    "  client_body_buffer_size %zu;\n"
    "  client_header_timeout 1d;\n"
    "  keepalive_timeout 1d;\n"
    "  keepalive_time 1d;\n"
    "  keepalive_requests 1000000000;\n"
    "  server {\n"
    "    listen 127.0.0.1:%u ssl backlog=4096;\n"
    "    ssl_certificate \"%s\";\n"
    "    ssl_certificate_key \"%s\";\n"
    "    ssl_protocols TLSv1.3;\n"
    "    ssl_conf_command Ciphersuites " TLS_CIPHERSUITES ";\n"
    "    ssl_ecdh_curve " TLS_GROUPS ";\n"
    "    ssl_session_cache off;\n"
    "    ssl_session_tickets off;\n"
    "    ssl_conf_command NumTickets 0;\n"
    "    ssl_buffer_size 8k;\n"
    "    location = /file { mirror /read; empty_gif; error_page 405 =200 @answer; }\n"
    "    location = /read { internal; return 204; }\n"
    "    location @answer { return 200 \"";

static const char nginx_configuration_end[] = "\"; }\n  }\n}\n";

static void
put_nginx(struct buf *buf, const struct place *place, const struct peer_plan *plan)
{
	buf_put_format(buf, nginx_configuration, plan->connections_max, plan->body_max, plan->body_max, place->port,
	    place->certificate, place->key);
	for (size_t i = 0; i < plan->answer_size; i++)
		buf_put_u8(buf, 'a');
	buf_put_text(buf, nginx_configuration_end);
}

static const char redis_configuration[] =
    "daemonize no\n"
    "logfile \"\"\n"
    "set-proc-title no\n"
    "dir \"%s\"\n"
    "bind 127.0.0.1\n"
    "port 0\n"
    "tls-port %u\n"
    "tls-cert-file \"%s\"\n"
    "tls-key-file \"%s\"\n"
    "tls-auth-clients no\n"
    "tls-protocols TLSv1.3\n"
    "tls-ciphersuites " TLS_CIPHERSUITES "\n"
    "tls-session-caching no\n"
    "tcp-backlog 4096\n"
    "timeout 0\n"
    "maxclients %zu\n"
    "databases 1\n"
    "save \"\"\n"
    "appendonly yes\n"
    "appendfsync always\n"
    "auto-aof-rewrite-percentage 0\n";

static void
put_redis(struct buf *buf, const struct place *place, const struct peer_plan *plan)
{
	buf_put_format(buf, redis_configuration, place->directory, place->port, place->certificate, place->key,
	    plan->connections_max);
}

/* Where Debian has them: an ordinary user's PATH does not lead to nginx. */
static const struct {
	const char *program, *package;
	void (*put_configuration)(struct buf *buf, const struct place *place, const struct peer_plan *plan);
} kinds[] = {
	[PEER_NGINX] = { "/usr/sbin/nginx", "the Debian package nginx", put_nginx },
	[PEER_REDIS] = { "/usr/bin/redis-server", "the Debian package redis-server", put_redis },
};

#define CONFIGURATION_NAME "configuration"

const char *
peer_program(enum peer_kind kind)
{
	return kinds[kind].program;
}

/* ---- files ---- */

static enum error
resolve(const char *path, char out[PATH_MAX], struct fault *fault)
{
	if (realpath(path, out) == NULL)
		return fault_set(fault, ERROR_file_unreadable, "peer", slice_of_text(path), "a file or directory");
	if (strpbrk(out, "\"\\$\n") != NULL)
		return fault_set(fault, ERROR_usage, "peer", slice_of_text(path), "a path without \" \\ $");
	return ERROR_NONE;
}

static enum error
resolve_all(const struct peer_plan *plan, struct place *place, struct fault *fault)
{
	enum error error = resolve(plan->directory, place->directory, fault);

	if (error == ERROR_NONE)
		error = resolve(plan->certificate_path, place->certificate, fault);
	return error == ERROR_NONE ? resolve(plan->key_path, place->key, fault) : error;
}

static enum error
write_configuration(enum peer_kind kind, const struct place *place, const struct peer_plan *plan, struct fault *fault)
{
	char path[PATH_SIZE];
	struct buf *buf = buf_create(CONFIGURATION_MAX);

	if (buf == NULL)
		return fault_set(fault, ERROR_out_of_memory, "peer", SLICE_EMPTY, NULL);
	kinds[kind].put_configuration(buf, place, plan);
	bool is_good = buf_ok(buf);
	snprintf(path, sizeof path, "%s/" CONFIGURATION_NAME, place->directory);
	FILE *file = fopen(path, "we");
	struct slice text = buf_peek(buf);
	is_good = is_good && file != NULL && fwrite(text.data, 1, text.size, file) == text.size;
	if (file != NULL && fclose(file) != 0)
		is_good = false;
	buf_destroy(buf);
	return is_good ? ERROR_NONE :
	    fault_set(fault, ERROR_file_unreadable, "peer", slice_of_text(plan->directory),
		"a directory that can be written to");
}

/* ---- life ---- */

/* A program that does not get ready is stopped; its last words are in the arena. */
static enum error
run(enum peer_kind kind, const struct peer_plan *plan, const struct place *place, struct peer *out,
    struct fault *fault)
{
	char configuration[PATH_SIZE], output[PATH_SIZE];
	const char *const nginx[] = { kinds[PEER_NGINX].program, "-p", place->directory, "-c", configuration, "-e",
		"stderr", NULL };
	const char *const redis[] = { kinds[PEER_REDIS].program, configuration, NULL };
	const struct process_plan process = {
		.argv = kind == PEER_NGINX ? nginx : redis,
		.output_path = output,
		.cpus = plan->cpus,
		.arena = plan->arena,
	};

	snprintf(configuration, sizeof configuration, "%s/" CONFIGURATION_NAME, place->directory);
	snprintf(output, sizeof output, "%s/output", place->directory);
	enum error error = process_start(&process, &out->process, fault);
	if (error == ERROR_NONE)
		error = process_await_port(out->process, place->port, START_MS, fault);
	if (error != ERROR_NONE)
		(void)peer_stop(out);
	return error;
}

enum error
peer_start(enum peer_kind kind, const struct peer_plan *plan, struct peer *out, struct fault *fault)
{
	struct place place;
	enum error error;

	*out = (struct peer){ 0 };
	if (access(kinds[kind].program, X_OK) != 0)
		return fault_set(fault, ERROR_file_unreadable, "peer", slice_of_text(kinds[kind].program),
		    kinds[kind].package);
	if (plan->answer_size > PEER_ANSWER_MAX || plan->connections_max == 0)
		return fault_set(fault, ERROR_usage, "peer", SLICE_EMPTY, "at most 4000 bytes of answer, connections");
	if ((error = resolve_all(plan, &place, fault)) != ERROR_NONE)
		return fault_keep(fault, plan->arena);
	int held = port_hold(&place.port);
	if (held < 0)
		return fault_set(fault, ERROR_unreachable, "peer", slice_of_text(strerror(errno)), "a free port");
	error = write_configuration(kind, &place, plan, fault);
	if (error == ERROR_NONE)
		error = run(kind, plan, &place, out, fault);
	close(held);
	out->port = place.port;
	/* What stood in this frame is told longer than it lasts. */
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, plan->arena);
}

struct process_end
peer_stop(struct peer *peer)
{
	struct process_end end = process_stop(peer->process, STOP_MS);

	peer->process = NULL;
	return end;
}
