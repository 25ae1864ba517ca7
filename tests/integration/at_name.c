/* SPDX-License-Identifier: Apache-2.0
 *
 * A library to be loaded before all others (LD_PRELOAD): what happens when a file gets its name, by a link or a rename.
 *
 *   AT_NAME=before:ENDING     the process is killed before a name with that ending is given
 *   AT_NAME=after:ENDING      right after that
 *   AT_NAME=taken:ENDING      something else, "precious", has just got the name
 *   AT_NAME=unlinked:ENDING   a file can have one name only, as on a disk without links
 *   AT_NAME=unlocked:         no file can be locked, as on NFS without a lock daemon */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static bool
is_wished(const char *what, const char *name)
{
	const char *wish = getenv("AT_NAME");
	size_t size = strlen(what);

	if (wish == NULL || strncmp(wish, what, size) != 0 || wish[size] != ':')
		return false;
	const char *ending = wish + size + 1;
	return strlen(name) >= strlen(ending) && strcmp(name + strlen(name) - strlen(ending), ending) == 0;
}

static void
take(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || write(fd, "precious", 8) != 8 || close(fd) != 0)
		abort();
}

/* The function behind ours; a pointer to a function fits a pointer to an object in POSIX. */
static void
next_of(const char *name, void *function)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof found);
}

static int
give(const char *call, const char *from, const char *to)
{
	int (*next)(const char *, const char *);

	next_of(call, &next);
	if (is_wished("before", to))
		raise(SIGKILL);
	if (is_wished("taken", to))
		take(to);
	int result = next(from, to);
	if (is_wished("after", to))
		raise(SIGKILL);
	return result;
}

int
link(const char *from, const char *to)
{
	if (is_wished("unlinked", to)) {
		errno = EPERM;
		return -1;
	}
	return give("link", from, to);
}

int
rename(const char *from, const char *to)
{
	return give("rename", from, to);
}

int
flock(int fd, int operation)
{
	int (*next)(int, int);

	if (is_wished("unlocked", "")) {
		errno = ENOLCK;
		return -1;
	}
	next_of("flock", &next);
	return next(fd, operation);
}
