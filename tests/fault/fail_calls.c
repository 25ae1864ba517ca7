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
 *   FAIL_CALL=power:N    the power goes off before the Nth write or sync, and the process is gone: every file loses
 *                        what was written to it since its last sync, also where it was written over. By N modulo 3
 *                        that is all of it, or a part: what is lost is drawn for each page, or for each sector
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
#include <sys/uio.h>
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
#define PAGE 4096
#define SECTOR 512
#define BUCKETS 256

/* A page as it was when its file was last synced. */
struct page {
	struct page *next;
	off_t number;
	unsigned char before[PAGE];
};

/* Files that were written to, each by a descriptor of our own. */
static struct {
	dev_t device;
	ino_t inode;
	int fd;
	off_t synced; /* its size that is safe */
	struct page *pages[BUCKETS]; /* written to since */
} files[FILES_MAX];
static size_t files_count;
static atomic_flag files_lock = ATOMIC_FLAG_INIT;

static void next_of(const char *name, void *function);

/* Past our own functions, which count. */
static ssize_t
write_back(int fd, const void *bytes, size_t size, off_t offset)
{
	static ssize_t (*next)(int, const void *, size_t, off_t);

	if (next == NULL)
		next_of("pwrite", &next);
	return next(fd, bytes, size, offset);
}

static bool
draw(unsigned long long *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 20) % 2 != 0;
}

/* Gives back what was in the page, whole or in part; the end of what stays of the new. */
static off_t
page_lose(int fd, const struct page *page, off_t size, unsigned long call, unsigned long long *state)
{
	off_t kept = 0, at = page->number * PAGE;
	bool is_lost = call % 3 == 0 || draw(state);

	for (size_t i = 0; i < PAGE; i += SECTOR, at += SECTOR) {
		if (call % 3 == 2)
			is_lost = draw(state);
		if (is_lost && at < size)
			(void)!write_back(fd, page->before + i, SECTOR, at);
		else if (!is_lost)
			kept = at + SECTOR < size ? at + SECTOR : size;
	}
	return kept;
}

static void
power_off(unsigned long call)
{
	struct stat stat;
	unsigned long long state = call * 0x9e3779b97f4a7c15ull + 1;

	for (size_t i = 0; i < files_count; i++) {
		off_t size = files[i].synced;
		if (files[i].fd < 0 || fstat(files[i].fd, &stat) != 0)
			continue;
		for (size_t bucket = 0; bucket < BUCKETS; bucket++)
			for (struct page *page = files[i].pages[bucket]; page != NULL; page = page->next) {
				off_t kept = page_lose(files[i].fd, page, stat.st_size, call, &state);
				size = kept > size ? kept : size;
			}
		(void)!ftruncate(files[i].fd, size);
	}
	(void)kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* The file's place in the table; what it already holds is safe when it is new to us. */
static size_t
file_find(int fd, const struct stat *stat)
{
	char path[40];
	size_t i;

	for (i = 0; i < files_count; i++)
		if (files[i].device == stat->st_dev && files[i].inode == stat->st_ino)
			return i;
	if (i == FILES_MAX)
		return i;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int own = open(path, O_RDWR | O_CLOEXEC);
	files[i].fd = own < 0 ? -1 : fcntl(own, F_DUPFD_CLOEXEC, 900);
	if (own >= 0)
		close(own);
	files[i].device = stat->st_dev;
	files[i].inode = stat->st_ino;
	files[i].synced = stat->st_size;
	files_count++;
	return i;
}

static void
pages_keep(size_t file, off_t from, off_t to)
{
	for (off_t number = from / PAGE; number * PAGE < to; number++) {
		struct page **bucket = &files[file].pages[number % BUCKETS], *page = *bucket;
		while (page != NULL && page->number != number)
			page = page->next;
		if (page != NULL || (page = __libc_calloc(1, sizeof *page)) == NULL)
			continue;
		page->number = number;
		(void)!pread(files[file].fd, page->before, PAGE, number * PAGE);
		page->next = *bucket;
		*bucket = page;
	}
}

static void
pages_forget(size_t file)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (files[file].pages[i] != NULL) {
			struct page *page = files[file].pages[i];
			files[file].pages[i] = page->next;
			free(page);
		}
}

/* Before a write of so many bytes (at the file's own place: -1), or, with `is_sync`, before a sync: what is being
 * synced counts as safe from then on, as it may be. */
static void
power_note(int fd, off_t offset, size_t size, bool is_sync)
{
	struct stat stat;

	if (fail_at[KIND_POWER] == 0 || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
		return;
	while (atomic_flag_test_and_set(&files_lock))
		;
	size_t file = file_find(fd, &stat);
	unsigned long call = atomic_fetch_add(&calls[KIND_POWER], 1) + 1;
	if (call == fail_at[KIND_POWER])
		power_off(call);
	if (offset < 0)
		offset = (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? stat.st_size : lseek(fd, 0, SEEK_CUR);
	if (file < FILES_MAX && is_sync) {
		pages_forget(file);
		files[file].synced = stat.st_size;
	} else if (file < FILES_MAX && files[file].fd >= 0)
		pages_keep(file, offset, offset + (off_t)size);
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
		power_note(fd, -1, size, false);
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
		power_note(fd, offset, size, false);
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
		power_note(fd, offset, size, false);
	if (!is_file(fd) || !fails(KIND_WRITE))
		return next(fd, parts, count, offset);
	for (size_t left = size / 2; left > 0; parts++) {
		size_t part = parts->iov_len < left ? parts->iov_len : left;
		(void)!write_back(fd, parts->iov_base, part, offset);
		offset += (off_t)part;
		left -= part;
	}
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
	power_note(fd, 0, 0, true);
	return next(fd);
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
	power_note(fd, 0, 0, true);
	return next(fd);
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
