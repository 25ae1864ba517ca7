/* SPDX-License-Identifier: Apache-2.0
 *
 * fork, exec and a descriptor of the process (pidfd), which wakes a poll when it ends. */
#include "bench/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/port.h"
#include "protocol/check.h"
#include "server/clock.h"

#define STEP_MS 2
/* What is told of the output of one that did not get ready. */
#define LAST_WORDS_SIZE 512
/* Asked for where we may raise the limit: tens of thousands of idle connections. */
#define FILES_WANTED 65536

struct process {
	pid_t pid;
	int pidfd, output;
	const char *name;
	struct arena *arena;
	bool has_ended;
};

/* ---- in the child, between fork and exec: nothing here allocates ---- */

/* What the child says when it cannot become the program. */
struct refusal {
	enum error error;
	int error_number;
};

static void
reset_signals(void)
{
	sigset_t none;

	/* Ignored signals and the mask would be inherited; handlers are not. */
	for (int number = 1; number < SIGRTMIN; number++)
		if (number != SIGKILL && number != SIGSTOP)
			(void)signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
raise_files_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	const struct rlimit wanted = { FILES_WANTED, FILES_WANTED };
	if (limit.rlim_max < FILES_WANTED && setrlimit(RLIMIT_NOFILE, &wanted) == 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static _Noreturn void
refuse(int report, enum error error)
{
	const struct refusal refusal = { error, errno };

	/* Whole or not at all: a pipe takes this many bytes at once. */
	if (write(report, &refusal, sizeof refusal) != sizeof refusal)
		_exit(126);
	_exit(127);
}

static _Noreturn void
become(const struct process_plan *plan, char *const *argv, pid_t parent, int output, int report)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	reset_signals();
	raise_files_limit();
	/* Who started it may have ended before this took effect. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
		_exit(126);
	if (plan->cpus != NULL && sched_setaffinity(0, sizeof *plan->cpus, plan->cpus) != 0)
		refuse(report, ERROR_usage);
	if (dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
		refuse(report, ERROR_file_unreadable);
	execvp(argv[0], argv);
	refuse(report, ERROR_file_unreadable);
}

/* ---- starting ---- */

/* The words as execvp wants them, which are not const. */
static char **
copy_words(struct arena *arena, const char *const *argv)
{
	size_t count = 0;

	while (argv[count] != NULL)
		count++;
	char **words = arena_alloc_array(arena, count + 1, sizeof *words);
	for (size_t i = 0; words != NULL && i < count; i++) {
		words[i] = arena_alloc(arena, strlen(argv[i]) + 1);
		if (words[i] == NULL)
			return NULL;
		memcpy(words[i], argv[i], strlen(argv[i]));
	}
	return words;
}

static enum error
no_memory(struct fault *fault)
{
	return fault_set(fault, ERROR_out_of_memory, "process", SLICE_EMPTY, NULL);
}

static struct process *
process_create(const struct process_plan *plan, char *const *argv)
{
	struct process *process = calloc(1, sizeof *process);

	if (process == NULL)
		return NULL;
	process->name = argv[0];
	process->arena = plan->arena;
	process->pidfd = -1;
	process->output = open(plan->output_path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	return process;
}

static void
process_destroy(struct process *process)
{
	if (process->output >= 0)
		close(process->output);
	if (process->pidfd >= 0)
		close(process->pidfd);
	free(process);
}

/* Forks; whether the child became the program is what `report` will tell. */
static bool
process_fork(struct process *process, const struct process_plan *plan, char *const *argv, int *report)
{
	pid_t parent = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	process->pid = fork();
	if (process->pid == 0)
		become(plan, argv, parent, process->output, fds[1]);
	close(fds[1]);
	*report = fds[0];
	if (process->pid < 0) {
		close(fds[0]);
		return false;
	}
	process->pidfd = pidfd_open(process->pid, 0);
	return true;
}

/* Waits until the child is the program; the pipe is closed by its becoming it. */
static enum error
process_await_exec(const struct process *process, int report, struct fault *fault)
{
	struct refusal refusal;
	ssize_t got;

	do {
		got = read(report, &refusal, sizeof refusal);
	} while (got < 0 && errno == EINTR);
	close(report);
	if (got == sizeof refusal)
		return fault_set(fault, refusal.error, process->name, slice_of_text(strerror(refusal.error_number)),
		    refusal.error == ERROR_usage ? "CPUs of this machine" : "a program that can be run");
	return ERROR_NONE;
}

enum error
process_start(const struct process_plan *plan, struct process **out, struct fault *fault)
{
	char **argv = copy_words(plan->arena, plan->argv);
	struct process *process = argv == NULL ? NULL : process_create(plan, argv);
	int report;

	*out = NULL;
	if (process == NULL)
		return no_memory(fault);
	if (process->output < 0) {
		process_destroy(process);
		return fault_set(fault, ERROR_file_unreadable, argv[0], slice_of_text(plan->output_path),
		    "a file to which its output can go");
	}
	if (!process_fork(process, plan, argv, &report)) {
		process_destroy(process);
		return no_memory(fault);
	}
	enum error error = process_await_exec(process, report, fault);
	if (error == ERROR_NONE && process->pidfd < 0)
		error = no_memory(fault);
	if (error != ERROR_NONE) {
		kill(process->pid, SIGKILL);
		waitpid(process->pid, NULL, 0);
		process_destroy(process);
		return error;
	}
	*out = process;
	return ERROR_NONE;
}

pid_t
process_id(const struct process *process)
{
	return process->pid;
}

/* ---- waiting ---- */

/* Has what `pidfd` stands for ended, or does it within timeout_ms? */
static bool
pidfd_await(int pidfd, int timeout_ms)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	int count;

	do {
		count = poll(&wait, 1, timeout_ms);
	} while (count < 0 && errno == EINTR);
	return count == 1;
}

bool
process_has_ended(struct process *process)
{
	if (!process->has_ended)
		process->has_ended = pidfd_await(process->pidfd, 0);
	return process->has_ended;
}

/* The last lines it wrote, after `text`; in the arena, empty when that is full. */
static struct slice
last_words(const struct process *process, const char *text)
{
	char words[LAST_WORDS_SIZE];
	char all[LAST_WORDS_SIZE + 64];
	struct slice copy;
	off_t size = lseek(process->output, 0, SEEK_END);
	off_t from = size > (off_t)sizeof words ? size - (off_t)sizeof words : 0;
	ssize_t got = pread(process->output, words, sizeof words, from);

	if (got < 0)
		got = 0;
	while (got > 0 && words[got - 1] == '\n')
		got--;
	const char *first = words;
	const char *line_end = from > 0 ? memchr(words, '\n', (size_t)got) : NULL;
	if (line_end != NULL)
		first = line_end + 1;
	int count = snprintf(all, sizeof all, "%s%.*s", text, (int)(words + got - first), first);
	return arena_copy(process->arena, slice_of(all, (size_t)count), &copy) ? copy : SLICE_EMPTY;
}

static enum error
say_ended(struct process *process, const char *expected, struct fault *fault)
{
	siginfo_t end = { 0 };
	char text[48];

	/* Left to be waited for, so that the id stays its own. */
	(void)waitid(P_PIDFD, (id_t)process->pidfd, &end, WEXITED | WNOHANG | WNOWAIT);
	snprintf(text, sizeof text, end.si_code == CLD_EXITED ? "exit code %d: " : "signal %d: ", end.si_status);
	return fault_set(fault, ERROR_unreachable, process->name, last_words(process, text), expected);
}

/* Asks again and again whether it is ready, and looks whether it still lives. */
static enum error
process_await(struct process *process, bool (*is_ready)(void *context), void *context, unsigned limit_ms,
    struct fault *fault)
{
	static const char expected[] = "a server that gets ready";
	uint64_t until_ms = clock_steady_ms() + limit_ms;

	/* Ended first: nobody is to be found ready in its place. */
	while (!process_has_ended(process)) {
		if (is_ready(context))
			return ERROR_NONE;
		if (clock_steady_ms() >= until_ms)
			return fault_set(fault, ERROR_timed_out, process->name, last_words(process, ""), expected);
		process->has_ended = pidfd_await(process->pidfd, STEP_MS);
	}
	return say_ended(process, expected, fault);
}

struct port_file {
	const char *path;
	uint16_t *port;
};

static bool
port_file_is_there(void *context)
{
	const struct port_file *port_file = context;
	char text[8];
	uint64_t port;
	int fd = open(port_file->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t got = read(fd, text, sizeof text);
	close(fd);
	if (got < 2 || text[got - 1] != '\n' || !decimal_decode(slice_of(text, (size_t)got - 1), UINT16_MAX, &port))
		return false;
	*port_file->port = (uint16_t)port;
	return true;
}

enum error
process_await_port_file(struct process *process, const char *path, unsigned limit_ms, uint16_t *port,
    struct fault *fault)
{
	struct port_file port_file = { path, port };

	return process_await(process, port_file_is_there, &port_file, limit_ms, fault);
}

/* A connection that says only that it has nothing to say. */
struct knock {
	uint16_t port;
	int fd; /* -1: not connected yet */
};

/* The kernel takes connections as soon as somebody listens; that they are served shows when one is ended. */
static bool
knock_is_answered(void *context)
{
	struct knock *knock = context;

	if (knock->fd < 0) {
		knock->fd = port_connect(knock->port);
		if (knock->fd >= 0)
			(void)shutdown(knock->fd, SHUT_WR);
	}
	struct pollfd answer = { .fd = knock->fd, .events = POLLIN };
	return poll(&answer, 1, 0) == 1;
}

enum error
process_await_port(struct process *process, uint16_t port, unsigned limit_ms, struct fault *fault)
{
	struct knock knock = { port, -1 };
	enum error error = process_await(process, knock_is_answered, &knock, limit_ms, fault);

	if (knock.fd >= 0)
		close(knock.fd);
	return error;
}

enum error
process_account(struct process *process, struct account *out, struct fault *fault)
{
	struct family family;

	if (process_has_ended(process))
		return say_ended(process, "a server that goes on running", fault);
	if (!family_find(process->pid, &family) || !family_account(&family, out))
		return fault_set(fault, ERROR_file_unreadable, process->name, slice_of_text("/proc"),
		    "what the kernel accounts for it and its children");
	return ERROR_NONE;
}

/* ---- stopping ---- */

/* Descriptors of the children, which stand for them even when their ids have become others'. */
static size_t
children_open(const struct process *process, int pidfds[FAMILY_MAX])
{
	struct family family;
	size_t count = 0;

	/* When not all are found, as many as are. */
	(void)!family_find(process->pid, &family);
	for (size_t i = 1; i < family.count; i++) {
		pidfds[count] = pidfd_open(family.pids[i], 0);
		count += pidfds[count] >= 0;
	}
	return count;
}

/* Waits until `until_ms`, then kills; true when that was needed. */
static bool
pidfd_end(int pidfd, uint64_t until_ms)
{
	uint64_t now_ms = clock_steady_ms();

	if (pidfd_await(pidfd, now_ms < until_ms ? (int)(until_ms - now_ms) : 0))
		return false;
	(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	(void)pidfd_await(pidfd, -1);
	return true;
}

/* Waits for the end that has come, which frees its id for others. */
static int
process_reap(const struct process *process)
{
	int status;

	while (waitpid(process->pid, &status, 0) < 0)
		check(errno == EINTR);
	return status;
}

struct process_end
process_stop(struct process *process, unsigned limit_ms)
{
	struct process_end end = { 0 };
	int children[FAMILY_MAX];
	uint64_t until_ms = clock_steady_ms() + limit_ms;

	if (process == NULL)
		return end;
	size_t count = children_open(process, children);
	(void)pidfd_send_signal(process->pidfd, SIGTERM, NULL, 0);
	end.was_killed = pidfd_end(process->pidfd, until_ms);
	for (size_t i = 0; i < count; i++) {
		end.was_killed |= pidfd_end(children[i], until_ms);
		close(children[i]);
	}
	int status = process_reap(process);
	end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	process_destroy(process);
	return end;
}
