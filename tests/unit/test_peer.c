/* SPDX-License-Identifier: Apache-2.0
 *
 * The servers compared with, each asked for what it will be measured at, over TLS: a body read whole before it is
 * answered, a record on disk before it is confirmed. Each test is skipped where its server is not installed. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/peer.h"
#include "bench/port.h"
#include "tests/unit/file.h"
#include "tests/unit/stream_pair.h"

#define WAIT_MS 10000
#define BODY_MAX ((size_t)128 * 1024)
#define BODY_SIZE ((size_t)5000)
#define ANSWER_SIZE ((size_t)1800)
#define MESSAGE_MAX ((size_t)512 * 1024)

static char directory[32];
static struct arena *arena;
static struct tls_config *tls;
static struct fault fault;
static struct peer peer;

static struct peer_plan
plan(void)
{
	return (struct peer_plan){
		.directory = directory,
		.certificate_path = pair_path("office.pem"),
		.key_path = pair_path("office.key"),
		.connections_max = 100,
		.body_max = BODY_MAX,
		.answer_size = ANSWER_SIZE,
		.arena = arena,
	};
}

/* Starts the peer of this test, or skips it. */
static void
start(enum peer_kind kind)
{
	const struct peer_plan this_plan = plan();
	enum error error = peer_start(kind, &this_plan, &peer, &fault);
	if (error == ERROR_file_unreadable && slice_starts_with(fault.expected, slice_of_text("the Debian package"))) {
		print_message("not installed: %.*s\n", (int)fault.expected.size, (const char *)fault.expected.data);
		skip();
	}
	if (error != ERROR_NONE)
		fail_msg("%s: %.*s", error_name(error), (int)fault.value.size, (const char *)fault.value.data);
}

/* Stops it in good order; nobody of its family is left. */
static void
stop(void)
{
	struct family family;
	int pidfds[FAMILY_MAX];
	assert_true(family_find(process_id(peer.process), &family));
	for (size_t i = 0; i < family.count; i++)
		pidfds[i] = pidfd_open(family.pids[i], 0);
	struct process_end end = peer_stop(&peer);
	assert_int_equal(end.exit_code, 0);
	assert_false(end.was_killed);
	for (size_t i = 0; i < family.count; i++) {
		struct pollfd gone = { .fd = pidfds[i], .events = POLLIN };
		assert_int_equal(poll(&gone, 1, 0), 1);
		close(pidfds[i]);
	}
	assert_int_equal(port_connect(peer.port), -1);
}

/* ---- a connection to it ---- */

struct connection {
	int fd;
	struct stream *stream;
	struct buf *in, *out;
};

/* Waits for what a stream waits for; false when nothing comes for timeout_ms. */
static bool
await(int fd, struct stream_result result, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = result.status == STREAM_WANT_WRITE ? POLLOUT : POLLIN };
	assert_true(pair_waits(result));
	return poll(&wait, 1, timeout_ms) == 1;
}

static struct connection
connection_open(void)
{
	struct connection connection = { .fd = port_connect(peer.port) };
	struct stream_result result;
	assert_true(connection.fd >= 0);
	connection.stream = stream_create(tls, connection.fd, "127.0.0.1");
	connection.in = buf_create(MESSAGE_MAX);
	connection.out = buf_create(MESSAGE_MAX);
	assert_non_null(connection.stream);
	while ((result = stream_handshake(connection.stream)).status != STREAM_PROGRESS)
		assert_true(await(connection.fd, result, WAIT_MS));
	return connection;
}

static void
connection_close(struct connection *connection)
{
	stream_destroy(connection->stream);
	buf_destroy(connection->in);
	buf_destroy(connection->out);
	close(connection->fd);
}

static void
connection_send(struct connection *connection)
{
	while (buf_size(connection->out) != 0) {
		struct stream_result result = stream_write(connection->stream, connection->out);
		if (result.status != STREAM_PROGRESS)
			assert_true(await(connection->fd, result, WAIT_MS));
	}
}

/* Reads until there are `size` bytes or nothing comes for timeout_ms. */
static bool
connection_receive(struct connection *connection, size_t size, int timeout_ms)
{
	while (buf_size(connection->in) < size) {
		struct stream_result result =
		    stream_read(connection->stream, connection->in, size - buf_size(connection->in));
		if (result.status != STREAM_PROGRESS && !await(connection->fd, result, timeout_ms))
			return false;
	}
	return true;
}

static uint8_t
pattern(size_t at)
{
	return (uint8_t)(at * 131 + (at >> 11));
}

/* Any bytes, also those that end lines and texts. */
static void
put_pattern(struct buf *buf, size_t size)
{
	for (size_t i = 0; i < size; i++)
		buf_put_u8(buf, pattern(i));
}

/* ---- nginx ---- */

static void
put_head(struct buf *buf, size_t body_size)
{
	buf_put_format(buf, "POST /file HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", body_size);
}

/* The head of an answer without its empty line, consumed; NUL-terminated. */
static const char *
receive_head(struct connection *connection)
{
	static char head[1024];
	const char *end = NULL;
	struct slice held = SLICE_EMPTY;
	while (end == NULL) {
		assert_true(connection_receive(connection, held.size + 1, WAIT_MS));
		held = buf_peek(connection->in);
		end = memmem(held.data, held.size, "\r\n\r\n", 4);
	}
	size_t size = (size_t)(end - (const char *)held.data);
	assert_true(size < sizeof head);
	memcpy(head, held.data, size);
	head[size] = '\0';
	buf_consume(connection->in, size + 4);
	return head;
}

/* The answer to a filing, and nothing behind it. */
static void
expect_answer(struct connection *connection)
{
	char length[32];
	const char *head = receive_head(connection);
	snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", ANSWER_SIZE);
	assert_true(strncmp(head, "HTTP/1.1 200 ", 13) == 0);
	assert_non_null(strstr(head, length));
	assert_non_null(strstr(head, "\r\nConnection: keep-alive"));
	assert_true(connection_receive(connection, ANSWER_SIZE, WAIT_MS));
	for (size_t i = 0; i < ANSWER_SIZE; i++)
		assert_int_equal(buf_peek(connection->in).data[i], 'a');
	buf_consume(connection->in, ANSWER_SIZE);
	assert_int_equal(buf_size(connection->in), 0);
}

static void
nginx_answers_many_times_on_one_connection(void **state)
{
	(void)state;
	start(PEER_NGINX);
	struct connection connection = connection_open();
	for (int i = 0; i < 2000; i++) {
		put_head(connection.out, BODY_SIZE);
		put_pattern(connection.out, BODY_SIZE);
		connection_send(&connection);
		expect_answer(&connection);
	}
	connection_close(&connection);
	stop();
}

/* Else what is measured would not be the receiving of a filing. */
static void
nginx_answers_when_it_has_the_last_byte(void **state)
{
	(void)state;
	start(PEER_NGINX);
	struct connection connection = connection_open();
	const size_t sizes[] = { BODY_SIZE, BODY_MAX };
	for (size_t i = 0; i < 2; i++) {
		put_head(connection.out, sizes[i]);
		put_pattern(connection.out, sizes[i] - 1);
		connection_send(&connection);
		assert_false(connection_receive(&connection, 1, 200));
		put_pattern(connection.out, 1);
		connection_send(&connection);
		expect_answer(&connection);
	}
	connection_close(&connection);
	stop();
}

/* It warns of a body that memory had no room for; and there is none that is larger. */
static void
nginx_keeps_bodies_in_memory(void **state)
{
	(void)state;
	char path[96];
	start(PEER_NGINX);
	struct connection connection = connection_open();
	put_head(connection.out, BODY_MAX);
	put_pattern(connection.out, BODY_MAX);
	connection_send(&connection);
	expect_answer(&connection);
	put_head(connection.out, BODY_MAX + 1);
	connection_send(&connection);
	assert_non_null(strstr(receive_head(&connection), " 413 "));
	connection_close(&connection);
	stop();
	snprintf(path, sizeof path, "%s/output", directory);
	FILE *output = fopen(path, "re");
	assert_non_null(output);
	char text[1024];
	while (fgets(text, sizeof text, output) != NULL)
		assert_null(strstr(text, "temporary file"));
	fclose(output);
}

static void
nginx_is_a_master_and_one_worker(void **state)
{
	(void)state;
	struct account idle, busy;
	start(PEER_NGINX);
	struct connection connection = connection_open();
	assert_int_equal(process_account(peer.process, &idle, &fault), ERROR_NONE);
	for (int i = 0; i < 500; i++) {
		put_head(connection.out, BODY_SIZE);
		put_pattern(connection.out, BODY_SIZE);
		connection_send(&connection);
		expect_answer(&connection);
	}
	assert_int_equal(process_account(peer.process, &busy, &fault), ERROR_NONE);
	print_message("nginx: %.1f us of CPU a request\n", (double)(busy.cpu_ns - idle.cpu_ns) / 500e3);
	assert_int_equal(busy.threads, 2);
	/* The worker's, which is not the process that was started. */
	assert_true(busy.cpu_ns > idle.cpu_ns + 500 * 5000);
	connection_close(&connection);
	stop();
}

/* ---- redis ---- */

static void
put_set(struct buf *buf, const char *key, size_t size)
{
	buf_put_format(buf, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(key), key, size);
	put_pattern(buf, size);
	buf_put_text(buf, "\r\n");
}

static void
expect_text(struct connection *connection, const char *text)
{
	assert_true(connection_receive(connection, strlen(text), WAIT_MS));
	assert_true(slice_equal_text(buf_peek(connection->in), text));
	buf_consume(connection->in, strlen(text));
}

/* Is this value somewhere in the files of redis? */
static bool
is_on_disk(const char *key)
{
	char path[96];
	struct buf *wanted = buf_create(MESSAGE_MAX);
	uint8_t *held = malloc(MESSAGE_MAX);
	put_set(wanted, key, BODY_SIZE);
	snprintf(path, sizeof path, "%s/appendonlydir/appendonly.aof.1.incr.aof", directory);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	size_t size = fread(held, 1, MESSAGE_MAX, file);
	fclose(file);
	bool is_there = memmem(held, size, buf_peek(wanted).data, buf_size(wanted)) != NULL;
	free(held);
	buf_destroy(wanted);
	return is_there;
}

static void
redis_confirms_what_is_on_disk(void **state)
{
	(void)state;
	static const char key[] = "receipt of a filing";
	struct buf *wanted = buf_create(MESSAGE_MAX);
	start(PEER_REDIS);
	struct connection connection = connection_open();
	assert_false(is_on_disk(key));
	put_set(connection.out, key, BODY_SIZE);
	connection_send(&connection);
	expect_text(&connection, "+OK\r\n");
	assert_true(is_on_disk(key));
	buf_put_format(connection.out, "GET \"%s\"\r\n", key);
	connection_send(&connection);
	expect_text(&connection, "$5000\r\n");
	put_pattern(wanted, BODY_SIZE);
	assert_true(connection_receive(&connection, BODY_SIZE + 2, WAIT_MS));
	assert_memory_equal(buf_peek(connection.in).data, buf_peek(wanted).data, BODY_SIZE);
	buf_destroy(wanted);
	connection_close(&connection);
	stop();
}

/* What it was asked for, by its own account. */
static void
redis_syncs_always(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{ "appendfsync", "always" },
		{ "appendonly", "yes" },
		{ "save", "" },
		{ "auto-aof-rewrite-percentage", "0" },
		{ "maxclients", "100" },
	};
	char expected[128];
	start(PEER_REDIS);
	struct connection connection = connection_open();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_put_format(connection.out, "CONFIG GET %s\r\n", rows[i][0]);
		connection_send(&connection);
		snprintf(expected, sizeof expected, "*2\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(rows[i][0]),
		    rows[i][0], strlen(rows[i][1]), rows[i][1]);
		expect_text(&connection, expected);
	}
	connection_close(&connection);
	stop();
}

/* ---- both ---- */

/* Every file that a process has open lies in the directory; devices and the kernel's own (redis reads its size in
 * /proc) are none. */
static void
expect_files_within(pid_t pid)
{
	char path[64], link[512], target[512];
	const struct dirent *entry;
	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	DIR *fds = opendir(path);
	assert_non_null(fds);
	while ((entry = readdir(fds)) != NULL) {
		snprintf(link, sizeof link, "%s/%s", path, entry->d_name);
		ssize_t size = readlink(link, target, sizeof target - 1);
		if (size <= 0)
			continue;
		target[size] = '\0';
		if (target[0] == '/' && strncmp(target, "/dev/", 5) != 0 && strncmp(target, "/proc/", 6) != 0 &&
		    strncmp(target, directory, strlen(directory)) != 0)
			fail_msg("%s", target);
	}
	closedir(fds);
}

/* Starts a peer whose files are all in the directory: those it has open, and these, which it makes at the start. */
static void
files_lie_within(enum peer_kind kind, const char *const *names)
{
	struct family family;
	char path[96];
	start(kind);
	for (; *names != NULL; names++) {
		snprintf(path, sizeof path, "%s/%s", directory, *names);
		assert_int_equal(access(path, F_OK), 0);
	}
	struct connection connection = connection_open();
	assert_true(family_find(process_id(peer.process), &family));
	for (size_t i = 0; i < family.count; i++)
		expect_files_within(family.pids[i]);
	connection_close(&connection);
	stop();
}

static void
nginx_stays_in_its_directory(void **state)
{
	(void)state;
	files_lie_within(PEER_NGINX,
	    (const char *const[]){ "output", "nginx.pid", "body", "proxy", "fastcgi", "uwsgi", "scgi", NULL });
}

static void
redis_stays_in_its_directory(void **state)
{
	(void)state;
	files_lie_within(PEER_REDIS, (const char *const[]){ "output", "appendonlydir", NULL });
}

/* Our own end is nginx's too, and its worker's, which is not our child. */
static void
nginx_does_not_outlive_us(void **state)
{
	(void)state;
	struct family family;
	int fds[2], pidfds[FAMILY_MAX];
	start(PEER_NGINX);
	stop();
	assert_int_equal(pipe(fds), 0);
	pid_t us = fork();
	if (us == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		start(PEER_NGINX);
		if (family_find(process_id(peer.process), &family) &&
		    write(fds[1], &family, sizeof family) == sizeof family)
			pause();
		_exit(1);
	}
	assert_int_equal(read(fds[0], &family, sizeof family), sizeof family);
	assert_int_equal(family.count, 2);
	for (size_t i = 0; i < family.count; i++)
		pidfds[i] = pidfd_open(family.pids[i], 0);
	kill(us, SIGKILL);
	assert_int_equal(waitpid(us, NULL, 0), us);
	for (size_t i = 0; i < family.count; i++) {
		struct pollfd gone = { .fd = pidfds[i], .events = POLLIN };
		assert_int_equal(poll(&gone, 1, WAIT_MS), 1);
		close(pidfds[i]);
	}
	close(fds[0]);
	close(fds[1]);
}

/* A peer that cannot start says why and is gone. */
static void
unusable_plans_are_refused(void **state)
{
	(void)state;
	start(PEER_NGINX);
	stop();
	struct peer_plan bad = plan();
	bad.key_path = pair_path("stranger.key");
	assert_int_equal(peer_start(PEER_NGINX, &bad, &peer, &fault), ERROR_unreachable);
	assert_non_null(memmem(fault.value.data, fault.value.size, "key values mismatch", 19));
	assert_null(peer.process);
	bad.key_path = pair_path("absent.key");
	assert_int_equal(peer_start(PEER_NGINX, &bad, &peer, &fault), ERROR_file_unreadable);
	assert_true(slice_equal_text(fault.value, pair_path("absent.key")));
	bad = plan();
	bad.directory = "/tmp/absent";
	assert_int_equal(peer_start(PEER_NGINX, &bad, &peer, &fault), ERROR_file_unreadable);
	bad = plan();
	bad.answer_size = PEER_ANSWER_MAX + 1;
	assert_int_equal(peer_start(PEER_NGINX, &bad, &peer, &fault), ERROR_usage);
	bad.answer_size = PEER_ANSWER_MAX;
	assert_int_equal(peer_start(PEER_NGINX, &bad, &peer, &fault), ERROR_NONE);
	stop();
}

/* ---- a directory for each test ---- */

static int
set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/guichet-peer-XXXXXX");
	arena = arena_create((size_t)256 * 1024);
	return arena == NULL || mkdtemp(directory) == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)peer_stop(&peer);
	arena_destroy(arena);
	directory_remove(directory);
	return 0;
}

static int
group_set_up(void **state)
{
	if (pair_set_up(state) != 0)
		return -1;
	return tls_config_create_client_without_alpn(pair_path("office.pem"), &tls, &fault) != ERROR_NONE;
}

static int
group_tear_down(void **state)
{
	tls_config_destroy(tls);
	return pair_tear_down(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nginx_answers_many_times_on_one_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nginx_answers_when_it_has_the_last_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nginx_keeps_bodies_in_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nginx_is_a_master_and_one_worker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nginx_stays_in_its_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(redis_confirms_what_is_on_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(redis_syncs_always, set_up, tear_down),
		cmocka_unit_test_setup_teardown(redis_stays_in_its_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nginx_does_not_outlive_us, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unusable_plans_are_refused, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("peer", tests, group_set_up, group_tear_down);
}
