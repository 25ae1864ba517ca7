/* SPDX-License-Identifier: Apache-2.0
 *
 * flock, which is of an open file and not of a process: threads exclude one another too, and reading the same file
 * elsewhere in the program does not let go of it. */
#include "client/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is this still the file of that name? Whoever has it may have renamed or removed it meanwhile. */
static bool
has_name(int fd, const char *path)
{
	struct stat own, named;

	return fstat(fd, &own) == 0 && lstat(path, &named) == 0 && own.st_dev == named.st_dev &&
	    own.st_ino == named.st_ino;
}

/* False with errno, which is ENOLCK whatever a file system says that has no locks. */
static bool
lock(int fd, bool waits)
{
	while (flock(fd, waits ? LOCK_EX : LOCK_EX | LOCK_NB) != 0) {
		if (errno == EINTR)
			continue;
		if (errno == ENOSYS || errno == EOPNOTSUPP)
			errno = ENOLCK;
		return false;
	}
	return true;
}

static void
close_keeping_errno(int fd)
{
	int kept = errno;

	close(fd);
	errno = kept;
}

/* Is this why something cannot be opened or removed that is another user's, a link, a directory or a socket? */
static bool
is_of_others(int why)
{
	return why == EACCES || why == EPERM || why == ELOOP || why == EISDIR || why == ENXIO;
}

/* Of a file that is there: waits for whoever has it, and takes it away when nobody does. False with errno. */
static bool
remove_left(const char *path, bool waits)
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool good = fd < 0 ? errno == ENOENT : lock(fd, waits) && (!has_name(fd, path) || unlink(path) == 0);

	if (!good && is_of_others(errno))
		errno = EEXIST;
	if (fd >= 0)
		close_keeping_errno(fd);
	return good;
}

/* The file, made and locked. -1: errno 0 when it has to be tried again. */
static int
make(const char *path, bool waits)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0) {
		if (errno == EEXIST && remove_left(path, waits))
			errno = 0;
		return -1;
	}
	/* Between the two somebody may have taken it for one that was left. */
	if (lock(fd, waits)) {
		if (has_name(fd, path))
			return fd;
		errno = 0;
	} else if (errno != EWOULDBLOCK) {
		int why = errno;
		unlink(path);
		errno = why;
	}
	close_keeping_errno(fd);
	return -1;
}

/* The three in one, the caller's; NULL when memory is short. */
static char *
join(const char *path, const char *ending, const char *rest)
{
	size_t size = strlen(path) + strlen(ending) + strlen(rest) + 1;
	char *name = malloc(size);

	if (name != NULL)
		snprintf(name, size, "%s%s%s", path, ending, rest);
	return name;
}

/* What was made, or errno says why not, under that name, which is taken. 0, or errno. */
static int
finish(int fd, char *name, struct hold *out)
{
	int why = errno;

	if (fd >= 0) {
		*out = (struct hold){ name, fd };
		return 0;
	}
	free(name);
	return why;
}

int
hold_take(const char *path, const char *ending, bool waits, struct hold *out)
{
	char *name = join(path, ending, "");
	int fd;

	*out = HOLD_NONE;
	if (name == NULL)
		return ENOMEM;
	do
		fd = make(name, waits);
	while (fd < 0 && errno == 0);
	return finish(fd, name, out);
}

int
hold_take_unique(const char *path, const char *ending, struct hold *out)
{
	char *name = join(path, ending, "-XXXXXX");

	*out = HOLD_NONE;
	if (name == NULL)
		return ENOMEM;
	int fd = mkstemp(name);
	if (fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
		unlink(name);
		close_keeping_errno(fd);
		fd = -1;
	}
	return finish(fd, name, out);
}

void
hold_close(struct hold *hold)
{
	if (hold->fd >= 0)
		close(hold->fd);
	free(hold->path);
	*hold = HOLD_NONE;
}

void
hold_remove(struct hold *hold)
{
	if (hold->fd >= 0)
		unlink(hold->path);
	hold_close(hold);
}
