/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages as they were, and changes of names, kept until their sync; taken back in the end, the last first. */
#include "tests/fault/power.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic unsigned long calls;
static unsigned long cut_at;
static atomic_flag lock = ATOMIC_FLAG_INIT;

/* An allocation that is not counted. */
extern void *__libc_calloc(size_t count, size_t size);

void
power_cut_at(unsigned long call)
{
	cut_at = call;
}

unsigned long
power_calls(void)
{
	return calls;
}

static void
lock_take(void)
{
	while (atomic_flag_test_and_set(&lock))
		;
}

/* Out of the way of the program's own descriptors. */
static int
fd_keep(int fd)
{
	int kept = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 900);

	if (fd >= 0)
		close(fd);
	return kept;
}

/* These go past the functions of fail_calls.c, which would tell of them. */
static int
open_past(int at, const char *path, int flags, mode_t mode)
{
	return (int)syscall(SYS_openat, at, path, flags | O_CLOEXEC, mode);
}

static void
write_back(int fd, const void *bytes, size_t size, off_t offset)
{
	(void)!syscall(SYS_pwrite64, fd, bytes, size, offset);
}

static unsigned long
draw(unsigned long long *state, unsigned long below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (unsigned long)(*state >> 20) % below;
}

/* ---- bytes of files ---- */

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

/* Gives back what was in the page, whole or in part; the end of what stays of the new. */
static off_t
page_lose(int fd, const struct page *page, off_t size, unsigned long call, unsigned long long *state)
{
	off_t kept = 0, at = page->number * PAGE;
	bool is_lost = call % 3 == 0 || draw(state, 2) != 0;

	for (size_t i = 0; i < PAGE && at < size; i += SECTOR, at += SECTOR) {
		if (call % 3 == 2)
			is_lost = draw(state, 2) != 0;
		if (is_lost)
			write_back(fd, page->before + i, SECTOR, at);
		else
			kept = at + SECTOR < size ? at + SECTOR : size;
	}
	return kept;
}

static void
files_lose(unsigned long call, unsigned long long *state)
{
	struct stat stat;

	for (size_t i = 0; i < files_count; i++) {
		off_t size = files[i].synced;
		if (files[i].fd < 0 || fstat(files[i].fd, &stat) != 0)
			continue;
		for (size_t bucket = 0; bucket < BUCKETS; bucket++)
			for (struct page *page = files[i].pages[bucket]; page != NULL; page = page->next) {
				off_t kept = page_lose(files[i].fd, page, stat.st_size, call, state);
				size = kept > size ? kept : size;
			}
		(void)!ftruncate(files[i].fd, size);
	}
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
	files[i].fd = fd_keep(open_past(AT_FDCWD, path, O_RDWR, 0));
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

/* ---- names in directories ---- */

#define DIRECTORIES_MAX 256
#define CHANGES_MAX 2048

static struct {
	dev_t device;
	ino_t inode;
	int fd;
	size_t changes; /* not synced */
	size_t kept;    /* of these, when the power is off */
} directories[DIRECTORIES_MAX];
static size_t directories_count;

/* In their order, of all directories. */
static struct change {
	enum power_kind kind;
	size_t directory;
	size_t removed; /* POWER_REMOVE_DIRECTORY: that directory */
	char name[NAME_MAX + 1], to[NAME_MAX + 1];
	int before; /* what is removed, or stood where another came; -1: nothing */
} changes[CHANGES_MAX];
static size_t changes_count;

/* The one that is being made; its directory is DIRECTORIES_MAX when it need not be kept. */
static struct change pending;

/* The directory's place in the table, taking the descriptor; DIRECTORIES_MAX: none. */
static size_t
directory_find(int fd)
{
	struct stat stat;
	size_t i = 0;

	if (fd < 0 || fstat(fd, &stat) != 0)
		i = DIRECTORIES_MAX;
	while (i < directories_count && (directories[i].device != stat.st_dev || directories[i].inode != stat.st_ino))
		i++;
	if (i >= directories_count && i < DIRECTORIES_MAX) {
		directories[i].device = stat.st_dev;
		directories[i].inode = stat.st_ino;
		directories[i].fd = fd_keep(fd);
		directories_count++;
	} else if (fd >= 0) {
		close(fd);
	}
	return i;
}

/* The directory that a path is in; its last part goes to `name`. */
static size_t
parent_find(int at, const char *path, char name[NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/'), *last = slash == NULL ? path : slash + 1;
	char parent[PATH_MAX] = ".";

	if (slash != NULL)
		snprintf(parent, sizeof parent, "%.*s", (int)(slash - path) + 1, path);
	snprintf(name, NAME_MAX + 1, "%.*s", NAME_MAX, last);
	return directory_find(open_past(at, parent, O_PATH | O_DIRECTORY, 0));
}

static void
changes_forget(size_t directory)
{
	size_t left = 0;

	for (size_t i = 0; i < changes_count; i++)
		if (changes[i].directory != directory)
			changes[left++] = changes[i];
		else if (changes[i].before >= 0)
			close(changes[i].before);
	changes_count = left;
	directories[directory].changes = 0;
}

/* A file with the bytes of that one, which has lost its name. */
static void
file_restore(int directory, const char *name, int before)
{
	char bytes[65536];
	struct stat stat;
	ssize_t got;
	off_t at = 0;

	if (before < 0 || fstat(before, &stat) != 0)
		return;
	int fd = open_past(directory, name, O_WRONLY | O_CREAT | O_TRUNC, stat.st_mode & 07777);
	for (; fd >= 0 && (got = pread(before, bytes, sizeof bytes, at)) > 0; at += got)
		write_back(fd, bytes, (size_t)got, at);
	if (fd >= 0)
		close(fd);
}

static int
remove_one(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
	(void)stat;
	(void)kind;
	(void)where;
	return remove(path);
}

static void
change_undo(const struct change *change)
{
	int directory = directories[change->directory].fd;
	char path[NAME_MAX + 40];

	switch (change->kind) {
	case POWER_MAKE:
		(void)!syscall(SYS_unlinkat, directory, change->name, 0);
		break;
	case POWER_MAKE_DIRECTORY:
		snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, change->name);
		(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
		break;
	case POWER_RENAME:
		(void)!syscall(SYS_renameat2, directory, change->to, directory, change->name, 0);
		file_restore(directory, change->to, change->before);
		break;
	case POWER_REMOVE:
		file_restore(directory, change->name, change->before);
		break;
	case POWER_REMOVE_DIRECTORY:
		if (syscall(SYS_mkdirat, directory, change->name, 0755) == 0 && change->removed < DIRECTORIES_MAX)
			directories[change->removed].fd =
			    open_past(directory, change->name, O_PATH | O_DIRECTORY, 0);
		break;
	}
}

/* Of each directory all changes, or the last of them: within one a file system keeps their order. */
static void
names_lose(unsigned long call, unsigned long long *state)
{
	for (size_t i = 0; i < directories_count; i++)
		directories[i].kept = call % 3 == 0 ? 0 : draw(state, directories[i].changes + 1);
	for (size_t i = changes_count; i-- > 0;)
		if (directories[changes[i].directory].changes-- > directories[changes[i].directory].kept)
			change_undo(&changes[i]);
}

/* ---- the cut ---- */

/* Bytes first: a file that lost its name gets it back with what is left of them. */
static void
power_off(unsigned long call)
{
	unsigned long long state = call * 0x9e3779b97f4a7c15ull + 1;

	files_lose(call, &state);
	names_lose(call, &state);
	(void)kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void
count(void)
{
	unsigned long call = atomic_fetch_add(&calls, 1) + 1;

	if (call == cut_at)
		power_off(call);
}

void
power_write(int fd, off_t offset, size_t size)
{
	struct stat stat;

	if (cut_at == 0 || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
		return;
	lock_take();
	size_t file = file_find(fd, &stat);
	count();
	if (offset < 0)
		offset = (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? stat.st_size : lseek(fd, 0, SEEK_CUR);
	if (file < FILES_MAX && files[file].fd >= 0)
		pages_keep(file, offset, offset + (off_t)size);
	atomic_flag_clear(&lock);
}

/* Of a table of LevelDB's, the directory; of other files none. */
static size_t
table_directory(int fd)
{
	char link[40], path[PATH_MAX], name[NAME_MAX + 1];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t size = readlink(link, path, sizeof path - 1);
	if (size < 4 || memcmp(path + size - 4, ".ldb", 4) != 0)
		return DIRECTORIES_MAX;
	path[size] = '\0';
	return parent_find(AT_FDCWD, path, name);
}

void
power_sync(int fd)
{
	struct stat stat;

	if (cut_at == 0 || fstat(fd, &stat) != 0)
		return;
	lock_take();
	count();
	size_t file = S_ISREG(stat.st_mode) ? file_find(fd, &stat) : FILES_MAX;
	if (file < FILES_MAX) {
		pages_forget(file);
		files[file].synced = stat.st_size;
	}
	size_t directory = S_ISDIR(stat.st_mode) ? directory_find(dup(fd)) : table_directory(fd);
	if (directory < DIRECTORIES_MAX)
		changes_forget(directory);
	atomic_flag_clear(&lock);
}

void
power_change_begin(enum power_kind kind, int at, const char *path, const char *to)
{
	struct stat stat;

	if (cut_at == 0)
		return;
	lock_take();
	pending = (struct change){ .kind = kind, .directory = DIRECTORIES_MAX, .removed = DIRECTORIES_MAX,
		.before = -1 };
	bool is_there = fstatat(at, path, &stat, AT_SYMLINK_NOFOLLOW) == 0;
	/* It will fail, or changes no name. */
	if (is_there == (kind == POWER_MAKE || kind == POWER_MAKE_DIRECTORY))
		return;
	count();
	pending.directory = parent_find(at, path, pending.name);
	if (kind == POWER_REMOVE_DIRECTORY)
		pending.removed = directory_find(open_past(at, path, O_PATH | O_DIRECTORY, 0));
	if (to != NULL && parent_find(at, to, pending.to) != pending.directory)
		pending.directory = DIRECTORIES_MAX;
	if (kind == POWER_REMOVE || kind == POWER_RENAME)
		pending.before = fd_keep(open_past(at, to != NULL ? to : path, O_RDONLY | O_NONBLOCK, 0));
}

void
power_change_end(bool is_done)
{
	if (cut_at == 0)
		return;
	if (is_done && pending.directory < DIRECTORIES_MAX && changes_count < CHANGES_MAX) {
		changes[changes_count++] = pending;
		directories[pending.directory].changes++;
	} else if (pending.before >= 0) {
		close(pending.before);
	}
	atomic_flag_clear(&lock);
}
