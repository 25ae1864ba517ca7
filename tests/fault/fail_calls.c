/* SPDX-License-Identifier: Apache-2.0
 *
 * A library to be loaded before all others (LD_PRELOAD) that makes calls of a program fail, LevelDB's own included,
 * which the program cannot count itself:
 *
 *   FAIL_CALL=write:N    the Nth write to a regular file fails, after half of its bytes; standard output and error are
 *                        left alone
 *   FAIL_CALL=sync:N     the Nth fsync or fdatasync
 *   FAIL_CALL=malloc:N   the Nth allocation gives nothing, or the first after it that is neither LevelDB's nor C++'s:
 *                        these do not check, or throw, and the process ends at once either way
 *   FAIL_CALL=KIND:N+    this one and every later one
 *   FAIL_CALL=power:N    the power goes off before the Nth write, sync or change of a name, and the process is gone:
 *                        every file loses what was written to it since its last sync, also where it was written over.
 *                        By N modulo 3 that is all of it, or a part: what is lost is drawn for each page, or for each
 *                        sector. Every directory loses the names made, changed or removed since its last sync: all, or
 *                        the last of them (power.h)
 *   FAIL_CALL=held:FILE  while FILE is there, the next sync of a segment waits, which FILE.held tells, and then fails
 *   FAIL_COUNT=FILE      at an orderly end: how many of each there were */
#include "tests/fault/power.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

enum kind { KIND_WRITE, KIND_SYNC, KIND_MALLOC, KINDS };

static const char *const names[KINDS] = { "write", "sync", "malloc" };
static _Atomic unsigned long calls[KINDS];
static unsigned long fail_at[KINDS];
static bool for_good;
static const char *held; /* FILE */

/* The C library's own, which need no look-up: dlsym allocates. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);

__attribute__((constructor)) static void
begin(void)
{
	const char *wish = getenv("FAIL_CALL");

	if (wish != NULL && strncmp(wish, "power:", 6) == 0)
		power_cut_at(strtoul(wish + 6, NULL, 10));
	if (wish != NULL && strncmp(wish, "held:", 5) == 0)
		held = wish + 5;
	for (int kind = 0; wish != NULL && kind < KINDS; kind++) {
		size_t size = strlen(names[kind]);
		if (strncmp(wish, names[kind], size) != 0 || wish[size] != ':')
			continue;
		fail_at[kind] = strtoul(wish + size + 1, NULL, 10);
		for_good = wish[strlen(wish) - 1] == '+';
	}
}

__attribute__((destructor)) static void
end(void)
{
	const char *path = getenv("FAIL_COUNT");
	FILE *file = path == NULL ? NULL : fopen(path, "w");

	if (file == NULL)
		return;
	for (int kind = 0; kind < KINDS; kind++)
		fprintf(file, "%s %lu\n", names[kind], calls[kind]);
	fprintf(file, "power %lu\n", power_calls());
	fclose(file);
}

static bool
fails(enum kind kind)
{
	unsigned long call = atomic_fetch_add(&calls[kind], 1) + 1;

	return fail_at[kind] != 0 && (call == fail_at[kind] || (for_good && call > fail_at[kind]));
}

/* ---- the calls ---- */

static bool
is_file(int fd)
{
	struct stat stat;

	return fd != STDOUT_FILENO && fd != STDERR_FILENO && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
}

/* The function behind ours; a pointer to a function fits a pointer to an object in POSIX. */
static void
next_of(const char *name, void *function)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof found);
}

EXPORTED ssize_t
write(int fd, const void *bytes, size_t size)
{
	static ssize_t (*next)(int, const void *, size_t);

	if (next == NULL)
		next_of("write", &next);
	if (is_file(fd))
		power_write(fd, -1, size);
	if (!is_file(fd) || !fails(KIND_WRITE))
		return next(fd, bytes, size);
	(void)next(fd, bytes, size / 2);
	errno = ENOSPC;
	return -1;
}

EXPORTED ssize_t
pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	static ssize_t (*next)(int, const void *, size_t, off_t);

	if (next == NULL)
		next_of("pwrite", &next);
	if (is_file(fd))
		power_write(fd, offset, size);
	if (!is_file(fd) || !fails(KIND_WRITE))
		return next(fd, bytes, size, offset);
	(void)next(fd, bytes, size / 2, offset);
	errno = ENOSPC;
	return -1;
}

EXPORTED ssize_t
pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	static ssize_t (*next)(int, const struct iovec *, int, off_t);
	size_t size = 0;

	if (next == NULL)
		next_of("pwritev", &next);
	for (int i = 0; i < count; i++)
		size += parts[i].iov_len;
	if (is_file(fd))
		power_write(fd, offset, size);
	if (!is_file(fd) || !fails(KIND_WRITE))
		return next(fd, parts, count, offset);
	for (size_t left = size / 2; left > 0; parts++) {
		size_t part = parts->iov_len < left ? parts->iov_len : left;
		(void)!syscall(SYS_pwrite64, fd, parts->iov_base, part, offset);
		offset += (off_t)part;
		left -= part;
	}
	errno = ENOSPC;
	return -1;
}

/* The flusher alone syncs segments. */
static bool
is_of_segment(int fd)
{
	char link[32], path[PATH_MAX];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t size = readlink(link, path, sizeof path - 1);
	if (size < 0)
		return false;
	path[size] = '\0';
	return strstr(path, "/segments/") != NULL;
}

static bool
is_held(int fd)
{
	char path[PATH_MAX];

	if (held == NULL || access(held, F_OK) != 0 || !is_of_segment(fd))
		return false;
	snprintf(path, sizeof path, "%s.held", held);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	while (access(held, F_OK) == 0)
		usleep(1000);
	return true;
}

EXPORTED int
fdatasync(int fd)
{
	static int (*next)(int);

	if (next == NULL)
		next_of("fdatasync", &next);
	if (fails(KIND_SYNC) || is_held(fd)) {
		errno = EIO;
		return -1;
	}
	power_sync(fd);
	return next(fd);
}

EXPORTED int
fsync(int fd)
{
	static int (*next)(int);

	if (next == NULL)
		next_of("fsync", &next);
	if (fails(KIND_SYNC) || is_held(fd)) {
		errno = EIO;
		return -1;
	}
	power_sync(fd);
	return next(fd);
}

/* ---- names ---- */

/* The mode that follows the flags, if one does. */
#define MODE_GET(flags, mode)                                                                                          \
	do {                                                                                                           \
		va_list list;                                                                                          \
		va_start(list, flags);                                                                                 \
		(mode) = ((flags) & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;                            \
		va_end(list);                                                                                          \
	} while (0)

static int
open_told(int at, const char *path, int flags, mode_t mode)
{
	static int (*next)(int, const char *, int, ...);

	if (next == NULL)
		next_of("openat", &next);
	if ((flags & O_CREAT) == 0)
		return next(at, path, flags, mode);
	power_change_begin(POWER_MAKE, at, path, NULL);
	int fd = next(at, path, flags, mode);
	int code = errno;
	power_change_end(fd >= 0);
	errno = code;
	return fd;
}

EXPORTED int
open(const char *path, int flags, ...)
{
	mode_t mode;

	MODE_GET(flags, mode);
	return open_told(AT_FDCWD, path, flags, mode);
}

EXPORTED int
open64(const char *path, int flags, ...)
{
	mode_t mode;

	MODE_GET(flags, mode);
	return open_told(AT_FDCWD, path, flags, mode);
}

EXPORTED int
openat(int at, const char *path, int flags, ...)
{
	mode_t mode;

	MODE_GET(flags, mode);
	return open_told(at, path, flags, mode);
}

EXPORTED int
openat64(int at, const char *path, int flags, ...)
{
	mode_t mode;

	MODE_GET(flags, mode);
	return open_told(at, path, flags, mode);
}

static int
told(int result)
{
	int code = errno;

	power_change_end(result == 0);
	errno = code;
	return result;
}

EXPORTED int
renameat(int at, const char *from, int at_to, const char *to)
{
	static int (*next)(int, const char *, int, const char *);

	if (next == NULL)
		next_of("renameat", &next);
	if (at != at_to)
		return next(at, from, at_to, to);
	power_change_begin(POWER_RENAME, at, from, to);
	return told(next(at, from, at, to));
}

EXPORTED int
rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

EXPORTED int
unlinkat(int at, const char *path, int flags)
{
	static int (*next)(int, const char *, int);

	if (next == NULL)
		next_of("unlinkat", &next);
	power_change_begin((flags & AT_REMOVEDIR) != 0 ? POWER_REMOVE_DIRECTORY : POWER_REMOVE, at, path, NULL);
	return told(next(at, path, flags));
}

EXPORTED int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

EXPORTED int
rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORTED int
mkdirat(int at, const char *path, mode_t mode)
{
	static int (*next)(int, const char *, mode_t);

	if (next == NULL)
		next_of("mkdirat", &next);
	power_change_begin(POWER_MAKE_DIRECTORY, at, path, NULL);
	return told(next(at, path, mode));
}

EXPORTED int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

/* ---- memory ---- */

/* Whose allocation? dladdr allocates nothing. */
static bool
is_from_cxx(const void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) != 0 && info.dli_fname != NULL &&
	    (strstr(info.dli_fname, "libleveldb") != NULL || strstr(info.dli_fname, "libstdc++") != NULL);
}

static bool
allocation_fails(const void *caller)
{
	if (!fails(KIND_MALLOC))
		return false;
	if (is_from_cxx(caller)) {
		fail_at[KIND_MALLOC]++;
		return false;
	}
	errno = ENOMEM;
	return true;
}

EXPORTED void *
malloc(size_t size)
{
	return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

EXPORTED void *
calloc(size_t count, size_t size)
{
	return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

EXPORTED void *
realloc(void *memory, size_t size)
{
	return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}
