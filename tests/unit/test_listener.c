/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener: addresses, the port read back, a taker without room, a process without descriptors. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/listener.h"
#include "server/log.h"
#include "server/loop.h"

static uint64_t now_ms = 1000;

static uint64_t
test_clock(void)
{
	return now_ms;
}

static const struct loop_clock clock_of_test = { test_clock, test_clock };

struct fixture {
	struct loop *loop;
	struct log *log;
	int log_pipe[2];
	struct listener *listener;
	unsigned room; /* how many more are taken */
	unsigned taken;
	int fds[64];
	uint8_t address[16]; /* of the last taken */
};

static bool
has_room(void *context)
{
	return ((struct fixture *)context)->room > 0;
}

static void
take(void *context, int fd, const uint8_t address[16])
{
	struct fixture *f = context;
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	f->room--;
	f->fds[f->taken++] = fd;
	memcpy(f->address, address, 16);
}

static enum error
listen_on(struct fixture *f, const char *address)
{
	struct listener_taker taker = { has_room, take, f };
	struct fault fault;
	return listener_create(f->loop, f->log, address, &taker, &f->listener, &fault);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	if (f == NULL || pipe2(f->log_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	f->loop = loop_create(&clock_of_test);
	f->log = log_create(f->log_pipe[1], LOG_LEVEL_INFO, test_clock);
	f->room = 64;
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	listener_destroy(f->listener);
	for (unsigned i = 0; i < f->taken; i++)
		close(f->fds[i]);
	loop_destroy(f->loop);
	log_destroy(f->log);
	close(f->log_pipe[0]);
	close(f->log_pipe[1]);
	free(f);
	return 0;
}

static int
client_of(const struct fixture *f)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(listener_port(f->listener)) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static bool
log_has(struct fixture *f, const char *text)
{
	char held[4096];
	ssize_t size = read(f->log_pipe[0], held, sizeof held - 1);
	held[size > 0 ? size : 0] = '\0';
	return strstr(held, text) != NULL;
}

static void
only_numeric_addresses_are_understood(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = { "", "8443", ":8443", "localhost:8443", "127.0.0.1", "127.0.0.1:",
		"127.0.0.1:65536", "127.0.0.1:08", "127.0.0.1:80 ", "127.0.0.1:-1", "::1:80", "[::1]", "[::1]80",
		"[::1]:", "[127.0.0.1]:80", "[]:80", "1.2.3:80", "[::1:80",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80" };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(listen_on(f, wrong[i]), ERROR_usage);
	/* A documentation address (RFC 5737) is none of this machine's. */
	assert_int_equal(listen_on(f, "192.0.2.1:0"), ERROR_listen_failed);
	assert_null(f->listener);
}

static void
an_address_that_is_taken_is_told(void **state)
{
	struct fixture *f = *state;
	struct listener_taker taker = { has_room, take, f };
	struct listener *second;
	struct fault fault;
	char address[32];

	assert_int_equal(listen_on(f, "127.0.0.1:0"), ERROR_NONE);
	snprintf(address, sizeof address, "127.0.0.1:%u", listener_port(f->listener));
	assert_int_equal(
	    listener_create(f->loop, f->log, address, &taker, &second, &fault), ERROR_listen_failed);
	assert_true(slice_equal_text(fault.place, address));
	assert_true(slice_equal_text(fault.value, "Address already in use"));
	assert_true(slice_equal_text(
	    fault.expected, "an address of this machine, with a port that is free and allowed, or port 0"));
}

static void
peers_are_taken_with_their_address(void **state)
{
	struct fixture *f = *state;
	static const uint8_t loopback[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	assert_int_equal(listen_on(f, "127.0.0.1:0"), ERROR_NONE);
	assert_int_not_equal(listener_port(f->listener), 0);
	assert_true(log_has(f, "listening address=127.0.0.1:0 port="));
	int client = client_of(f);
	loop_round(f->loop, 0);
	assert_int_equal(f->taken, 1);
	assert_memory_equal(f->address, loopback, 16);
	close(client);
}

static void
ipv6_takes_ipv4_as_well(void **state)
{
	struct fixture *f = *state;
	static const uint8_t loopback[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	if (listen_on(f, "[::]:0") != ERROR_NONE)
		skip(); /* a machine without IPv6 */
	int client = client_of(f);
	loop_round(f->loop, 0);
	assert_int_equal(f->taken, 1);
	assert_memory_equal(f->address, loopback, 16);
	close(client);
}

static void
without_room_the_backlog_waits(void **state)
{
	struct fixture *f = *state;
	int clients[4];
	f->room = 1;
	assert_int_equal(listen_on(f, "127.0.0.1:0"), ERROR_NONE);
	for (int i = 0; i < 4; i++)
		clients[i] = client_of(f);
	loop_round(f->loop, 0);
	loop_round(f->loop, 0);
	assert_int_equal(f->taken, 1);
	f->room = 2;
	loop_round(f->loop, 0);
	assert_int_equal(f->taken, 1);
	listener_resume(f->listener);
	loop_round(f->loop, 0);
	assert_int_equal(f->taken, 3);
	f->room = 2;
	listener_resume(f->listener);
	loop_round(f->loop, 0);
	assert_int_equal(f->taken, 4);
	for (int i = 0; i < 4; i++)
		close(clients[i]);
}

/* Runs in a child, whose descriptors it uses up: the number of the first expectation that fails, 0 for none. */
static int
without_descriptors(struct fixture *f)
{
	int held[256], count = 0, clients[2] = { client_of(f), client_of(f) };
	struct rlimit limit = { 64, 64 };

	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	while ((held[count] = dup(0)) >= 0)
		count++;
	if (errno != EMFILE)
		return 2;
	loop_round(f->loop, 0);
	if (f->taken != 0 || !log_has(f, "error accept_paused reason=EMFILE"))
		return 3;
	/* The reserve is free for others now, and nothing spins: rounds without a client's event, nothing logged
	 * again. */
	if ((held[count] = dup(0)) < 0)
		return 4;
	loop_round(f->loop, 0);
	now_ms += 300;
	loop_round(f->loop, 0);
	loop_round(f->loop, 0);
	if (f->taken != 0 || log_has(f, "accept"))
		return 5;
	/* One descriptor comes back: it goes to the reserve and accepting fails again, without loss. */
	close(held[count--]);
	now_ms += 300;
	loop_round(f->loop, 0);
	loop_round(f->loop, 0);
	if (f->taken != 0 || !log_has(f, "info accept_resumed"))
		return 6;
	for (int i = 0; i < 2; i++)
		close(held[count--]);
	now_ms += 300;
	loop_round(f->loop, 0);
	loop_round(f->loop, 0);
	close(clients[0]);
	return f->taken == 2 ? 0 : 7;
}

static void
without_descriptors_it_pauses_and_goes_on(void **state)
{
	struct fixture *f = *state;
	int status;
	assert_int_equal(listen_on(f, "127.0.0.1:0"), ERROR_NONE);
	assert_true(log_has(f, "listening"));
	pid_t child = fork();
	if (child == 0)
		_exit(without_descriptors(f));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_numeric_addresses_are_understood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_address_that_is_taken_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(peers_are_taken_with_their_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ipv6_takes_ipv4_as_well, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_room_the_backlog_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_descriptors_it_pauses_and_goes_on, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
