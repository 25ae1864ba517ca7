/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking for a password without showing it. The terminal is put back before anything else can happen to the process:
 * signals that would end or stop it are held back while the echo is off, looked for, and let through once it is on. */
#include "client/cli/password.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "client/filesystem.h"
#include "client/problem.h"

/* How soon a signal is noticed. */
#define LOOK_FOR_SIGNALS_MS 100

static const int held_back[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

static enum guichet_error
refuse(struct guichet_problem *problem, const char *value, const char *expected)
{
	return problem_set(problem, ERROR_usage, "password", slice_of_text(value), expected);
}

/* Makes a text of the first line of `size` bytes; refuses what is no password. As many bytes as fit without a line's
 * end are a line that goes on: cut, it would be another password. */
static enum guichet_error
take_line(char text[PASSWORD_SIZE_MAX], size_t size, struct guichet_problem *problem)
{
	size_t end = 0;

	_Static_assert(PASSWORD_SIZE_MAX == 1024, "as is said of a longer line");
	while (end < size && text[end] != '\r' && text[end] != '\n')
		end++;
	if (end == PASSWORD_SIZE_MAX)
		return refuse(problem, "a longer line", "at most 1023 bytes");
	text[end] = '\0';
	if (end == 0)
		return refuse(problem, "empty", "a password of at least one character, in the first line");
	if (strlen(text) != end)
		return refuse(problem, "a NUL", "a line of text");
	return GUICHET_ERROR_none;
}

static enum guichet_error
read_file(const char *path, char out[PASSWORD_SIZE_MAX], struct guichet_problem *problem)
{
	size_t size;
	enum guichet_error error = filesystem_read_start(path, (uint8_t *)out, PASSWORD_SIZE_MAX, &size, problem);

	if (error != GUICHET_ERROR_none)
		return error;
	error = take_line(out, size, problem);
	if (error != GUICHET_ERROR_none)
		problem_set_place(problem, path);
	return error;
}

static bool
signal_is_pending(void)
{
	sigset_t pending;

	if (sigpending(&pending) != 0)
		return false;
	for (size_t i = 0; i < sizeof held_back / sizeof held_back[0]; i++)
		if (sigismember(&pending, held_back[i]) == 1)
			return true;
	return false;
}

static void
say(int terminal, const char *text)
{
	(void)!write(terminal, text, strlen(text));
}

/* One line, or as much of it as fits; how many bytes; 0 when a signal came first, -1 on an error or the end. */
static ssize_t
read_line(int terminal, char out[PASSWORD_SIZE_MAX])
{
	struct pollfd poll_fd = { .fd = terminal, .events = POLLIN };

	while (!signal_is_pending())
		if (poll(&poll_fd, 1, LOOK_FOR_SIGNALS_MS) > 0) {
			ssize_t got = read(terminal, out, PASSWORD_SIZE_MAX);
			return got > 0 ? got : -1;
		}
	return 0;
}

/* Asks once with the echo off; again after a signal that did not end the process (a stop, and then a continue). */
static enum guichet_error
ask(int terminal, const char *prompt, char out[PASSWORD_SIZE_MAX], struct guichet_problem *problem)
{
	struct termios shown, hidden;
	sigset_t hold, before;
	ssize_t got;

	sigemptyset(&hold);
	for (size_t i = 0; i < sizeof held_back / sizeof held_back[0]; i++)
		sigaddset(&hold, held_back[i]);
	do {
		if (tcgetattr(terminal, &shown) != 0)
			return refuse(problem, "no terminal", "--password-file F");
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
		sigprocmask(SIG_BLOCK, &hold, &before);
		/* The prompt comes last: whoever answers it at once must not be flushed. */
		got = -1;
		if (tcsetattr(terminal, TCSAFLUSH, &hidden) == 0) {
			say(terminal, prompt);
			got = read_line(terminal, out);
		}
		/* What is left of a line that is too long is not for whoever reads next. */
		tcsetattr(terminal, TCSAFLUSH, &shown);
		say(terminal, "\n");
		sigprocmask(SIG_SETMASK, &before, NULL);
	} while (got == 0);
	return got > 0 ? take_line(out, (size_t)got, problem) :
			 refuse(problem, "no answer", "a password at the terminal, or --password-file F");
}

static enum guichet_error
ask_twice(int terminal, char out[PASSWORD_SIZE_MAX], struct guichet_problem *problem)
{
	char again[PASSWORD_SIZE_MAX] = "";
	enum guichet_error error = ask(terminal, "The same password again: ", again, problem);

	if (error == GUICHET_ERROR_none && strcmp(again, out) != 0)
		error = refuse(problem, "not the same", "the same password twice");
	OPENSSL_cleanse(again, sizeof again);
	return error;
}

enum guichet_error
password_get(
    const char *path, const char *prompt, bool is_chosen, char out[PASSWORD_SIZE_MAX], struct guichet_problem *problem)
{
	if (path != NULL)
		return read_file(path, out, problem);
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0)
		return refuse(problem, "no terminal to ask at", "--password-file F");
	enum guichet_error error = ask(terminal, prompt, out, problem);
	if (error == GUICHET_ERROR_none && is_chosen)
		error = ask_twice(terminal, out, problem);
	close(terminal);
	return error;
}
