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
 *   FAIL_CALL=power:N    the power goes off at the Nth write or sync: every file loses what was written to it since its
 *                        last sync, or, N being odd, half of that, and the process is gone
 *   FAIL_COUNT=FILE      at an orderly end: how many of each there were */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

enum kind { KIND_WRITE, KIND_SYNC, KIND_MALLOC, KIND_POWER, KINDS };

static const char *const names[KINDS] = { "write", "sync", "malloc", "power" };
static _Atomic unsigned long calls[KINDS];
static unsigned long fail_at[KINDS];
static bool for_good;

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
	fclose(file);
}

static bool
fails(enum kind kind)
{
	unsigned long call = atomic_fetch_add(&calls[kind], 1) + 1;

	return fail_at[kind] != 0 && (call == fail_at[kind] || (for_good && call > fail_at[kind]));
}

/* ---- power ---- */

#define FILES_MAX 512

/* Files that were written to, each by a descriptor of our own. */
static struct {
	dev_t device;
	ino_t inode;
	int fd;
	off_t synced; /* bytes that are safe */
} files[FILES_MAX];
static size_t files_count;
static atomic_flag files_lock = ATOMIC_FLAG_INIT;

static void
power_off(unsigned long call)
{
	struct stat stat;

	for (size_t i = 0; i < files_count; i++) {
		if (fstat(files[i].fd, &stat) != 0 || stat.st_size <= files[i].synced)
			continue;
		off_t kept = call % 2 == 0 ? 0 : (stat.st_size - files[i].synced) / 2;
		(void)!ftruncate(files[i].fd, files[i].synced + kept);
	}
	(void)kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Before a write (what the file already holds is safe when it is new to us), or after a sync. */
static void
power_note(int fd, bool is_synced)
{
	struct stat stat;
	size_t i;

	if (fail_at[KIND_POWER] == 0 || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
		return;
	while (atomic_flag_test_and_set(&files_lock))
		;
	for (i = 0; i < files_count; i++)
		if (files[i].device == stat.st_dev && files[i].inode == stat.st_ino)
			break;
	if (i == files_count && i < FILES_MAX) {
		files[files_count++].fd = fcntl(fd, F_DUPFD_CLOEXEC, 900);
		files[i].device = stat.st_dev;
		files[i].inode = stat.st_ino;
		files[i].synced = stat.st_size;
	}
	if (is_synced && i < FILES_MAX)
		files[i].synced = stat.st_size;
	unsigned long call = atomic_fetch_add(&calls[KIND_POWER], 1) + 1;
	if (call == fail_at[KIND_POWER])
		power_off(call);
	atomic_flag_clear(&files_lock);
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
		power_note(fd, false);
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
		power_note(fd, false);
	if (!is_file(fd) || !fails(KIND_WRITE))
		return next(fd, bytes, size, offset);
	(void)next(fd, bytes, size / 2, offset);
	errno = ENOSPC;
	return -1;
}

EXPORTED int
fdatasync(int fd)
{
	static int (*next)(int);

	if (next == NULL)
		next_of("fdatasync", &next);
	if (fails(KIND_SYNC)) {
		errno = EIO;
		return -1;
	}
	int result = next(fd);
	if (result == 0)
		power_note(fd, true);
	return result;
}

EXPORTED int
fsync(int fd)
{
	static int (*next)(int);

	if (next == NULL)
		next_of("fsync", &next);
	if (fails(KIND_SYNC)) {
		errno = EIO;
		return -1;
	}
	int result = next(fd);
	if (result == 0)
		power_note(fd, true);
	return result;
}

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
