/* SPDX-License-Identifier: Apache-2.0
 *
 * flock, which is of an open file and not of a process: threads exclude one another too, and reading the same file
 * elsewhere in the program does not let go of it. */
#include "client/hold.h"

#include <errno.h>
#include <fcntl.h>
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

static bool
lock(int fd, bool waits)
{
	while (flock(fd, waits ? LOCK_EX : LOCK_EX | LOCK_NB) != 0)
		if (errno != EINTR)
			return false;
	return true;
}

static void
close_keeping_errno(int fd)
{
	int kept = errno;

	close(fd);
	errno = kept;
}

/* Of a file that is there: waits for whoever has it, and takes it away when nobody does. False with errno. */
static bool
remove_left(const char *path, bool waits)
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT;
	bool good = lock(fd, waits) && (!has_name(fd, path) || unlink(path) == 0);
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

int
hold_take(const char *path, const char *ending, bool waits, struct hold *out)
{
	size_t size = strlen(path), ending_size = strlen(ending) + 1;
	char *name = malloc(size + ending_size);

	*out = HOLD_NONE;
	if (name == NULL)
		return ENOMEM;
	memcpy(name, path, size);
	memcpy(name + size, ending, ending_size);
	do
		out->fd = make(name, waits);
	while (out->fd < 0 && errno == 0);
	if (out->fd >= 0) {
		out->path = name;
		return 0;
	}
	int why = errno;
	free(name);
	return why;
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
