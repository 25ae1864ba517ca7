/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs as children: readiness and death noticed, pinned, stopped whatever they think of it, gone when we are, and
 * their account compared with what they say of themselves. Most children are this program again. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/port.h"
#include "bench/process.h"
#include "server/clock.h"

#define SELF "/proc/self/exe"
/* Never reached unless something is wrong. */
#define LIMIT_MS 20000

static char directory[] = "/tmp/guichet-process-XXXXXX";
static struct arena *arena;
static struct fault fault;

/* Valid for the next three calls. */
static const char *
path_of(const char *name)
{
	static char paths[4][64];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", directory, name);
	return path;
}

static enum error
start(const char *const *argv, const cpu_set_t *cpus, struct process **out)
{
	const struct process_plan plan = { argv, path_of("output"), cpus, arena };
	return process_start(&plan, out, &fault);
}

static struct process *
start_shell(const char *script)
{
	struct process *process;
	assert_int_equal(start((const char *const[]){ "sh", "-c", script, NULL }, NULL, &process), ERROR_NONE);
	return process;
}

static struct process *
start_self(const char *role, const char *argument)
{
	struct process *process;
	assert_int_equal(start((const char *const[]){ SELF, role, argument, NULL }, NULL, &process), ERROR_NONE);
	return process;
}

static bool
fault_mentions(const char *text)
{
	return memmem(fault.value.data, fault.value.size, text, strlen(text)) != NULL;
}

/* ---- what children do ---- */

#define BURN_NS 60000000
#define TOUCHED_BYTES ((size_t)8 * 1024 * 1024)
#define NAPS 50

static uint64_t
spent_ns(clockid_t clock)
{
	struct timespec spent;
	clock_gettime(clock, &spent);
	return (uint64_t)spent.tv_sec * 1000000000 + (uint64_t)spent.tv_nsec;
}

static void *
burn(void *nothing)
{
	while (spent_ns(CLOCK_THREAD_CPUTIME_ID) < BURN_NS) {
	}
	return nothing;
}

/* Burns in a thread that ends and in this one, takes memory, sleeps; what all that has cost. */
static uint64_t
work(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, burn, NULL) != 0)
		abort();
	pthread_join(thread, NULL);
	burn(NULL);
	if (mmap(NULL, TOUCHED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) ==
	    MAP_FAILED)
		abort();
	for (int i = 0; i < NAPS; i++)
		usleep(100);
	return spent_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Writes a file whole and then gives it its name. */
static void
publish(const char *path, uint64_t number)
{
	char fresh[128];
	snprintf(fresh, sizeof fresh, "%s.new", path);
	FILE *file = fopen(fresh, "we");
	if (file == NULL || fprintf(file, "%llu\n", (unsigned long long)number) < 0 || fclose(file) != 0 ||
	    rename(fresh, path) != 0)
		abort();
}

/* Two processes work; the sum of their own clocks goes to the file. */
static void
be_a_family(const char *path)
{
	uint64_t mine, theirs;
	int fds[2];
	if (pipe(fds) != 0)
		abort();
	pid_t child = fork();
	mine = work();
	if (child == 0 && write(fds[1], &mine, sizeof mine) == sizeof mine)
		pause();
	if (read(fds[0], &theirs, sizeof theirs) != sizeof theirs)
		abort();
	publish(path, mine + theirs);
	pause();
}

/* Listens long before it serves. */
static void
be_a_listener(const char *port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int yes = 1;
	char byte;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	usleep(20000);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 5) != 0)
		abort();
	usleep(50000);
	int peer = accept(fd, NULL, NULL);
	if (recv(peer, &byte, 1, 0) != 0)
		abort();
	close(peer);
	pause();
}

/* Gives its file the name before all is written. */
static void
be_a_port_file_writer(const char *path)
{
	FILE *file = fopen(path, "we");
	if (file == NULL || fputs("47", file) < 0 || fflush(file) != 0)
		abort();
	usleep(20000);
	if (fputs("11\n", file) < 0 || fclose(file) != 0)
		abort();
	pause();
}

/* ---- starting ---- */

static void
output_goes_to_the_file(void **state)
{
	(void)state;
	char text[64] = { 0 };
	int fds[2], input = dup(STDIN_FILENO);
	/* What stands in our own input is not for it. */
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "ours\n", 5), 5);
	assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	struct process *process = start_shell("read line; echo \"to stdout $line\"; echo to stderr >&2");
	assert_int_equal(process_await_port(process, 1, LIMIT_MS, &fault), ERROR_unreachable);
	assert_int_equal(process_stop(process, LIMIT_MS).exit_code, 0);
	dup2(input, STDIN_FILENO);
	close(input);
	close(fds[0]);
	close(fds[1]);
	FILE *file = fopen(path_of("output"), "re");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof text - 1, file) > 0);
	fclose(file);
	assert_string_equal(text, "to stdout \nto stderr\n");
}

static void
what_cannot_be_started_is_said(void **state)
{
	(void)state;
	struct process *process;
	cpu_set_t cpus;
	assert_int_equal(start((const char *const[]){ "guichet-no-such-program", NULL }, NULL, &process),
	    ERROR_file_unreadable);
	assert_null(process);
	assert_true(fault_mentions("No such file"));
	CPU_ZERO(&cpus);
	CPU_SET(CPU_SETSIZE - 1, &cpus);
	assert_int_equal(start((const char *const[]){ "true", NULL }, &cpus, &process), ERROR_usage);
	const struct process_plan plan = {
		(const char *const[]){ "true", NULL }, path_of("absent/output"), NULL, arena
	};
	assert_int_equal(process_start(&plan, &process, &fault), ERROR_file_unreadable);
	assert_true(fault_mentions("absent/output"));
	/* Nothing is left to be waited for. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
it_runs_on_the_given_cpus(void **state)
{
	(void)state;
	cpu_set_t ours, one, theirs;
	struct process *process;
	size_t last = 0;
	assert_int_equal(sched_getaffinity(0, sizeof ours, &ours), 0);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &ours))
			last = cpu;
	CPU_ZERO(&one);
	CPU_SET(last, &one);
	assert_int_equal(start((const char *const[]){ "sleep", "100", NULL }, &one, &process), ERROR_NONE);
	assert_int_equal(sched_getaffinity(process_id(process), sizeof theirs, &theirs), 0);
	assert_true(CPU_EQUAL(&one, &theirs));
	process_stop(process, LIMIT_MS);
}

static void
it_may_open_many_files_and_has_none_of_ours(void **state)
{
	(void)state;
	struct rlimit ours, few, theirs;
	char path[64], target[64];
	int open_ours = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &ours), 0);
	few = (struct rlimit){ 50, ours.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	struct process *process = start_shell("exec sleep 100");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &ours), 0);
	assert_int_equal(prlimit(process_id(process), RLIMIT_NOFILE, NULL, &theirs), 0);
	assert_int_equal(theirs.rlim_cur, theirs.rlim_max);
	assert_true(theirs.rlim_max >= ours.rlim_max);
	snprintf(path, sizeof path, "/proc/%d/fd/%d", process_id(process), open_ours);
	assert_int_equal(readlink(path, target, sizeof target), -1);
	process_stop(process, LIMIT_MS);
	close(open_ours);
}

/* ---- waiting ---- */

static void
port_file_is_awaited(void **state)
{
	(void)state;
	uint16_t port = 0;
	struct process *process = start_self("port-file", path_of("port"));
	assert_int_equal(process_await_port_file(process, path_of("port"), LIMIT_MS, &port, &fault), ERROR_NONE);
	assert_int_equal(port, 4711);
	assert_false(process_has_ended(process));
	process_stop(process, LIMIT_MS);
	unlink(path_of("port"));
}

static void
port_is_awaited(void **state)
{
	(void)state;
	char number[8];
	uint16_t port, other;
	int held = port_hold(&port);
	assert_true(held >= 0);
	snprintf(number, sizeof number, "%u", port);
	/* Held, it takes no connections and is given to nobody else. */
	assert_int_equal(port_connect(port), -1);
	uint64_t began_ms = clock_steady_ms();
	struct process *process = start_self("listen", number);
	assert_int_equal(process_await_port(process, port, LIMIT_MS, &fault), ERROR_NONE);
	assert_true(clock_steady_ms() - began_ms >= 60);
	int second = port_hold(&other);
	assert_true(second >= 0);
	assert_int_not_equal(other, port);
	close(second);
	close(held);
	int fd = port_connect(port);
	assert_true(fd >= 0);
	close(fd);
	process_stop(process, LIMIT_MS);
}

static void
death_is_noticed_with_its_last_words(void **state)
{
	(void)state;
	uint16_t port;
	struct account account;
	struct process *process = start_shell("yes 'a line of many' | head -n 1000; echo last words >&2; exit 3");
	uint64_t began_ms = clock_steady_ms();
	assert_int_equal(
	    process_await_port_file(process, path_of("port"), LIMIT_MS, &port, &fault), ERROR_unreachable);
	assert_true(clock_steady_ms() - began_ms < LIMIT_MS / 2);
	assert_true(slice_equal_text(fault.place, "sh"));
	assert_true(slice_starts_with(fault.value, slice_of_text("exit code 3: a line of many\n")));
	assert_true(fault_mentions("many\nlast words"));
	assert_true(process_has_ended(process));
	assert_int_equal(process_account(process, &account, &fault), ERROR_unreachable);
	assert_int_equal(process_stop(process, LIMIT_MS).exit_code, 3);
}

static void
death_by_a_signal_is_told_as_such(void **state)
{
	(void)state;
	struct process *process = start_shell("kill -9 $$");
	assert_int_equal(process_await_port(process, 1, LIMIT_MS, &fault), ERROR_unreachable);
	assert_true(fault_mentions("signal 9"));
	struct process_end end = process_stop(process, LIMIT_MS);
	assert_int_equal(end.exit_code, -1);
	assert_int_equal(end.signal, SIGKILL);
	assert_false(end.was_killed);
}

static void
waiting_has_an_end(void **state)
{
	(void)state;
	struct process *process = start_shell("echo not yet; exec sleep 100");
	uint64_t began_ms = clock_steady_ms();
	assert_int_equal(process_await_port(process, 1, 100, &fault), ERROR_timed_out);
	assert_true(clock_steady_ms() - began_ms >= 100);
	assert_true(slice_equal_text(fault.value, "not yet"));
	process_stop(process, LIMIT_MS);
}

/* ---- stopping ---- */

/* Signals that this program holds back, as a loop does, reach the child all the same. */
static void
it_ends_when_asked(void **state)
{
	(void)state;
	sigset_t held, before;
	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigprocmask(SIG_BLOCK, &held, &before);
	struct process *process = start_shell("exec sleep 100");
	sigprocmask(SIG_SETMASK, &before, NULL);
	struct process_end end = process_stop(process, LIMIT_MS);
	assert_int_equal(end.signal, SIGTERM);
	assert_false(end.was_killed);
	process = start_shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done");
	assert_int_equal(process_await_port(process, 1, 100, &fault), ERROR_timed_out);
	assert_int_equal(process_stop(process, LIMIT_MS).exit_code, 7);
	assert_int_equal(process_stop(NULL, 0).signal, 0);
}

/* A descriptor of the process that a child wrote the id of. */
static int
open_other(const char *path)
{
	char text[16];
	ssize_t got;
	int fd;
	for (uint64_t until_ms = clock_steady_ms() + LIMIT_MS; (fd = open(path, O_RDONLY)) < 0; usleep(1000))
		assert_true(clock_steady_ms() < until_ms);
	got = read(fd, text, sizeof text - 1);
	close(fd);
	unlink(path);
	assert_true(got > 0);
	text[got] = '\0';
	int pidfd = pidfd_open((pid_t)strtol(text, NULL, 10), 0);
	assert_true(pidfd >= 0);
	return pidfd;
}

static void
expect_ended(int pidfd)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	assert_int_equal(poll(&wait, 1, LIMIT_MS), 1);
	close(pidfd);
}

static void
the_stubborn_are_killed_with_their_children(void **state)
{
	(void)state;
	char script[256];
	/* Both ignore SIGTERM. */
	snprintf(script, sizeof script, "trap '' TERM; sleep 100 & echo $! > %s.new; mv %s.new %s; wait", path_of("id"),
	    path_of("id"), path_of("id"));
	struct process *process = start_shell(script);
	int child = open_other(path_of("id"));
	struct process_end end = process_stop(process, 50);
	assert_true(end.was_killed);
	assert_int_equal(end.signal, SIGKILL);
	expect_ended(child);
}

/* Our own end, however it comes, is theirs. */
static void
it_does_not_outlive_us(void **state)
{
	(void)state;
	char script[256];
	snprintf(script, sizeof script, "echo $$ > %s.new; mv %s.new %s; exec sleep 100", path_of("id"), path_of("id"),
	    path_of("id"));
	pid_t us = fork();
	if (us == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)start_shell(script);
		pause();
	}
	int child = open_other(path_of("id"));
	kill(us, SIGKILL);
	assert_int_equal(waitpid(us, NULL, 0), us);
	expect_ended(child);
}

/* ---- accounts ---- */

/* Waits for the number that children publish. */
static uint64_t
await_number(const char *path)
{
	char text[32] = { 0 };
	int fd;
	for (uint64_t until_ms = clock_steady_ms() + LIMIT_MS; (fd = open(path, O_RDONLY)) < 0; usleep(1000))
		assert_true(clock_steady_ms() < until_ms);
	assert_true(read(fd, text, sizeof text - 1) > 0);
	close(fd);
	unlink(path);
	return strtoull(text, NULL, 10);
}

static void
the_account_is_what_the_family_says_of_itself(void **state)
{
	(void)state;
	struct account account;
	struct family family;
	struct process *process = start_self("family", path_of("spent"));
	uint64_t own_ns = await_number(path_of("spent"));
	assert_int_equal(process_account(process, &account, &fault), ERROR_NONE);
	print_message("by their own clocks %.3f ms, by the kernel's account %.3f ms (%.0f in the kernel)\n",
	    (double)own_ns / 1e6, (double)account.cpu_ns / 1e6, (double)account.system_ns / 1e6);
	assert_true(own_ns >= (uint64_t)4 * BURN_NS);
	assert_true(account.cpu_ns >= own_ns);
	assert_true(account.cpu_ns < own_ns + 10000000);
	assert_true(account.system_ns < account.cpu_ns);
	assert_true(account.anonymous_bytes >= 2 * TOUCHED_BYTES);
	assert_true(account.anonymous_bytes < 3 * TOUCHED_BYTES);
	assert_true(account.resident_bytes > account.anonymous_bytes);
	/* Whole pages, so the unit is right. */
	assert_int_equal((account.resident_bytes | account.anonymous_bytes) % 4096, 0);
	assert_true(account.voluntary_switches >= (uint64_t)2 * NAPS);
	assert_true(account.voluntary_switches < (uint64_t)4 * NAPS);
	assert_int_equal(account.threads, 2);
	assert_true(family_find(process_id(process), &family));
	assert_int_equal(family.count, 2);
	assert_int_equal(family.pids[0], process_id(process));
	/* The child is not asked to go, since only its parent is. */
	struct process_end end = process_stop(process, 50);
	assert_true(end.was_killed);
	assert_int_equal(end.signal, SIGTERM);
	assert_false(family_find(family.pids[0], &family));
}

/* More than there is room for is an error, not a part of the truth. */
static void
large_families_are_not_accounted_for(void **state)
{
	(void)state;
	struct account account;
	struct process *process =
	    start_shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do sleep 1 & done; wait");
	assert_int_equal(process_await_port(process, 1, 100, &fault), ERROR_timed_out);
	assert_int_equal(process_account(process, &account, &fault), ERROR_file_unreadable);
	assert_true(process_stop(process, 10).was_killed);
}

/* Of our own process it is the clock that every program has. */
static void
system_time_is_told_apart(void **state)
{
	(void)state;
	struct account before, after;
	struct family family;
	char bytes[4096];
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_true(family_find(getpid(), &family));
	assert_true(family_account(&family, &before));
	for (uint64_t began_ns = spent_ns(CLOCK_PROCESS_CPUTIME_ID);
	     spent_ns(CLOCK_PROCESS_CPUTIME_ID) < began_ns + 200000000;)
		assert_int_equal(pread(zero, bytes, sizeof bytes, 0), sizeof bytes);
	assert_true(family_account(&family, &after));
	uint64_t cpu_ns = after.cpu_ns - before.cpu_ns, system_ns = after.system_ns - before.system_ns;
	assert_true(cpu_ns >= 200000000 && cpu_ns < 220000000);
	assert_true(system_ns > 40000000 && system_ns <= cpu_ns + 20000000);
	close(zero);
}

static int
set_up(void **state)
{
	(void)state;
	arena = arena_create((size_t)256 * 1024);
	return arena == NULL || mkdtemp(directory) == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_destroy(arena);
	unlink(path_of("output"));
	return rmdir(directory);
}

static const struct {
	const char *name;
	void (*run)(const char *argument);
} roles[] = {
	{ "family", be_a_family },
	{ "listen", be_a_listener },
	{ "port-file", be_a_port_file_writer },
};

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_goes_to_the_file),
		cmocka_unit_test(what_cannot_be_started_is_said),
		cmocka_unit_test(it_runs_on_the_given_cpus),
		cmocka_unit_test(it_may_open_many_files_and_has_none_of_ours),
		cmocka_unit_test(port_file_is_awaited),
		cmocka_unit_test(port_is_awaited),
		cmocka_unit_test(death_is_noticed_with_its_last_words),
		cmocka_unit_test(death_by_a_signal_is_told_as_such),
		cmocka_unit_test(waiting_has_an_end),
		cmocka_unit_test(it_ends_when_asked),
		cmocka_unit_test(the_stubborn_are_killed_with_their_children),
		cmocka_unit_test(it_does_not_outlive_us),
		cmocka_unit_test(the_account_is_what_the_family_says_of_itself),
		cmocka_unit_test(large_families_are_not_accounted_for),
		cmocka_unit_test(system_time_is_told_apart),
	};
	for (size_t i = 0; argc == 3 && i < sizeof roles / sizeof roles[0]; i++)
		if (strcmp(argv[1], roles[i].name) == 0) {
			roles[i].run(argv[2]);
			return EXIT_FAILURE;
		}
	return cmocka_run_group_tests_name("process", tests, set_up, tear_down);
}
