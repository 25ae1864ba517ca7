/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops around calls that may do less than asked, and the counter that lets them fail. */
#include "server/store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
disk_count(struct disk *disk)
{
	if (disk == NULL)
		return true;
	uint64_t call = atomic_fetch_add_explicit(&disk->calls, 1, memory_order_relaxed) + 1;
	if (disk->fail_at == 0 || call != disk->fail_at)
		return true;
	errno = disk->fail_errno;
	return false;
}

bool
disk_write_at(struct disk *disk, int fd, struct slice bytes, uint64_t offset)
{
	if (!disk_count(disk))
		return false;
	while (bytes.size > 0) {
		ssize_t written = pwrite(fd, bytes.data, bytes.size, (off_t)offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes = slice_from(bytes, (size_t)written);
		offset += (uint64_t)written;
	}
	return true;
}

bool
disk_write_parts_at(struct disk *disk, int fd, struct iovec *parts, int count, uint64_t offset)
{
	if (!disk_count(disk))
		return false;
	while (count > 0) {
		ssize_t written = pwritev(fd, parts, count, (off_t)offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		offset += (uint64_t)written;
		while (count > 0 && (size_t)written >= parts->iov_len) {
			written -= (ssize_t)parts->iov_len;
			parts++;
			count--;
		}
		if (count > 0) {
			parts->iov_base = (uint8_t *)parts->iov_base + written;
			parts->iov_len -= (size_t)written;
		}
	}
	return true;
}

bool
disk_sync(struct disk *disk, int fd)
{
	return disk_count(disk) && fdatasync(fd) == 0;
}

bool
disk_sync_directory(struct disk *disk, int directory)
{
	return disk_count(disk) && fsync(directory) == 0;
}

void
disk_close(int fd)
{
	int code = errno;
	close(fd);
	errno = code;
}

bool
disk_make_file(struct disk *disk, int directory, const char *name, mode_t mode, struct slice bytes)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0)
		return false;
	bool is_made = disk_write_at(disk, fd, bytes, 0) && disk_sync(disk, fd);
	int code = errno;
	if (close(fd) != 0 && is_made) {
		code = errno;
		is_made = false;
	}
	if (!is_made)
		(void)unlinkat(directory, name, 0);
	errno = code;
	return is_made;
}

bool
disk_replace_file(struct disk *disk, int directory, const char *name, mode_t mode, struct slice bytes)
{
	char fresh[PATH_MAX];

	if (snprintf(fresh, sizeof fresh, "%s.new", name) >= (int)sizeof fresh) {
		errno = ENAMETOOLONG;
		return false;
	}
	/* One that a crash left: it may be open to others. */
	(void)unlinkat(directory, fresh, 0);
	if (!disk_make_file(disk, directory, fresh, mode, bytes))
		return false;
	if (renameat(directory, fresh, directory, name) == 0)
		return true;
	int code = errno;
	(void)unlinkat(directory, fresh, 0);
	errno = code;
	return false;
}

bool
disk_write_file(struct disk *disk, int directory, const char *name, struct slice bytes)
{
	return disk_replace_file(disk, directory, name, 0600, bytes) && disk_sync_directory(disk, directory);
}

bool
disk_read_at(int fd, uint8_t *out, size_t size, uint64_t offset)
{
	while (size > 0) {
		ssize_t got = pread(fd, out, size, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = ENODATA;
		if (got <= 0)
			return false;
		out += got;
		size -= (size_t)got;
		offset += (uint64_t)got;
	}
	return true;
}

int
disk_open_file(int directory, const char *name, size_t size_max, size_t *size)
{
	struct stat stat;
	int fd, code = 0;

	do
		fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return -1;
	if (fstat(fd, &stat) != 0)
		code = errno;
	else if (!S_ISREG(stat.st_mode))
		code = EINVAL;
	else if (stat.st_size < 0 || (uint64_t)stat.st_size > size_max)
		code = EFBIG;
	if (code != 0) {
		close(fd);
		errno = code;
		return -1;
	}
	*size = (size_t)stat.st_size;
	return fd;
}

bool
disk_read_file(int directory, const char *name, uint8_t *out, size_t size_max, size_t *size)
{
	int fd = disk_open_file(directory, name, size_max, size);
	if (fd < 0)
		return false;
	bool good = disk_read_at(fd, out, *size, 0);
	disk_close(fd);
	return good;
}

void
disk_words_mask(char *words)
{
	bool is_utf8 = slice_is_utf8(slice_of_text(words));

	for (char *at = words; *at != '\0'; at++) {
		const unsigned char byte = (unsigned char)*at;
		if (byte < ' ' || byte == 0x7f || (byte >= 0x80 && !is_utf8))
			*at = '?';
	}
}

void
disk_failure_set(struct disk_failure *failure, int code, const char *format, ...)
{
	va_list list;

	if (failure->text[0] != '\0')
		return;
	va_start(list, format);
	vsnprintf(failure->text, sizeof failure->text, format, list);
	va_end(list);
	size_t size = strlen(failure->text);
	const char *words = code == 0 ? NULL : strerrordesc_np(code);
	if (words != NULL)
		snprintf(failure->text + size, sizeof failure->text - size, ": %s", words);
	disk_words_mask(failure->text);
}

const char *
disk_failure_cause(const struct disk_failure *failure, struct arena *arena)
{
	struct slice copy;

	/* With its end. */
	if (!arena_copy(arena, slice_of(failure->text, strlen(failure->text) + 1), &copy))
		return "";
	return (const char *)copy.data;
}

enum error
disk_error(int code)
{
	return code == ENOSPC || code == EDQUOT ? ERROR_disk_full : ERROR_file_unreadable;
}

enum error
disk_fault(struct fault *fault, struct arena *arena, enum error error, int code, const char *expected,
    const char *format, ...)
{
	char text[512];
	struct slice copy = SLICE_EMPTY;
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	disk_words_mask(text);
	/* Without memory the error still stands, only without its place. */
	if (arena != NULL && !arena_copy(arena, slice_of_text(text), &copy))
		copy = SLICE_EMPTY;
	const char *words = code == 0 ? NULL : strerrordesc_np(code);
	fault_set(fault, error, NULL, words == NULL ? SLICE_EMPTY : slice_of_text(words), expected);
	fault->place = copy;
	return error;
}
