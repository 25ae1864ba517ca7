/* SPDX-License-Identifier: Apache-2.0
 *
 * The writes and syncs of the server's files. The store's own are counted, so that a test can make the nth of them
 * fail; a NULL disk counts nothing. Functions return false with errno set; any thread may call them. */
#ifndef GUICHET_STORE_DISK_H
#define GUICHET_STORE_DISK_H

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "protocol/arena.h"
#include "protocol/error.h"

struct disk {
	_Atomic uint64_t calls; /* made so far */
	uint64_t fail_at;       /* the call, from 1, that fails, and only it; 0: none */
	int fail_errno;
};

/* Counts a call that somebody else makes (LevelDB); false when it is the one to fail. */
must_check bool disk_count(struct disk *disk);
/* Writes all of it at `offset`. */
must_check bool disk_write_at(struct disk *disk, int fd, struct slice bytes, uint64_t offset);
/* The same of several parts, one behind the other; `parts` is used up. */
must_check bool disk_write_parts_at(struct disk *disk, int fd, struct iovec *parts, int count, uint64_t offset);
/* fdatasync; of a directory, fsync. */
must_check bool disk_sync(struct disk *disk, int fd);
must_check bool disk_sync_directory(struct disk *disk, int directory);

/* Whole files. `directory` may be AT_FDCWD; what is not written whole is removed again. */

/* Makes a file and syncs it; EEXIST, and left alone, when there is one of that name. Its name is durable once its
 * directory is synced. */
must_check bool disk_make_file(struct disk *disk, int directory, const char *name, mode_t mode, struct slice bytes);
/* Makes or replaces a file, whole or not at all for a reader and after a crash: it is written and synced beside, as
 * NAME.new, and then renamed, which is durable once its directory is synced. */
must_check bool disk_replace_file(struct disk *disk, int directory, const char *name, mode_t mode, struct slice bytes);
/* The same with mode 0600, and syncs the directory. */
must_check bool disk_write_file(struct disk *disk, int directory, const char *name, struct slice bytes);

/* Opens a regular file for reading and tells its size; -1 with errno: EFBIG when it has more than size_max bytes,
 * EINVAL when it is a directory, a device or a FIFO, whose other end is never waited for. `directory` may be
 * AT_FDCWD. */
must_check int disk_open_file(int directory, const char *name, size_t size_max, size_t *size);
/* Reads a file as disk_open_file opens it; *size bytes. */
must_check bool disk_read_file(int directory, const char *name, uint8_t *out, size_t size_max, size_t *size);
/* Reads exactly `size` bytes at `offset`; ENODATA when the file ends before. */
must_check bool disk_read_at(int fd, uint8_t *out, size_t size, uint64_t offset);
/* close, with errno left as it was. */
void disk_close(int fd);

/* What went wrong first, in words, for the last line of a log. */
struct disk_failure {
	char text[320];
};

/* Fills it unless it is filled; `code` 0: no words of the system's. */
void disk_failure_set(struct disk_failure *failure, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Its words as the cause of a read that failed; empty when the read's arena has no room for them. */
const char *disk_failure_cause(const struct disk_failure *failure, struct arena *arena);

/* What is not UTF-8, and control characters, become question marks: words of the system's or of LevelDB's may have what
 * stands in a damaged file. */
void disk_words_mask(char *words);

/* ERROR_disk_full for a full disk or quota, ERROR_file_unreadable for the rest. */
enum error disk_error(int code);
/* fault_set with a place made of `format` and the system's words for `code` (0: none) as value; texts in the arena. */
enum error disk_fault(struct fault *fault, struct arena *arena, enum error error, int code, const char *expected,
    const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
