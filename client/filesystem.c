/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole files, in and out. */
#include "client/filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/blob.h"
#include "client/hold.h"
#include "client/problem.h"
#include "protocol/digest.h"

#define READ_STEP ((size_t)64 * 1024)

enum guichet_error
filesystem_fail(struct guichet_problem *problem, const char *path, const char *expected)
{
	return problem_set(problem, ERROR_file_unreadable, path, slice_of_text(strerror(errno)), expected);
}

/* Reads until `size` bytes are there or the file ends; -1 on an error. */
static ssize_t
read_fully(int fd, uint8_t *at, size_t size)
{
	size_t total = 0;

	while (total < size) {
		ssize_t got = read(fd, at + total, size - total);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		total += (size_t)got;
	}
	return (ssize_t)total;
}

enum guichet_error
filesystem_open(const char *path, int *fd, struct guichet_problem *problem)
{
	struct stat status;

	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return filesystem_fail(problem, path, "a file that can be read");
	if (fstat(*fd, &status) == 0 && S_ISDIR(status.st_mode)) {
		close(*fd);
		errno = EISDIR;
		return filesystem_fail(problem, path, "a file, not a directory");
	}
	return GUICHET_ERROR_none;
}

enum guichet_error
filesystem_read_start(const char *path, uint8_t *at, size_t size, size_t *got, struct guichet_problem *problem)
{
	int fd;
	enum guichet_error error = filesystem_open(path, &fd, problem);

	if (error != GUICHET_ERROR_none)
		return error;
	ssize_t result = read_fully(fd, at, size);
	if (result < 0)
		error = filesystem_fail(problem, path, "a file that can be read");
	close(fd);
	*got = result < 0 ? 0 : (size_t)result;
	return error;
}

enum guichet_error
guichet_file_read(const char *path, size_t size_max, struct guichet_blob **out, struct guichet_problem *problem)
{
	enum guichet_error error;
	ssize_t got = 0;
	int fd;

	*out = NULL;
	error = filesystem_open(path, &fd, problem);
	if (error != GUICHET_ERROR_none)
		return error;
	/* One byte more than allowed, so that a longer file shows itself. */
	struct buf *buf = buf_create(size_max + 1);
	while (buf != NULL && buf_space(buf) != 0) {
		size_t step = buf_space(buf) < READ_STEP ? buf_space(buf) : READ_STEP;
		uint8_t *at = buf_reserve(buf, step);
		got = at != NULL ? read_fully(fd, at, step) : 0;
		if (got <= 0)
			break;
		buf_commit(buf, (size_t)got);
	}
	if (got < 0)
		error = filesystem_fail(problem, path, "a file that can be read");
	else if (buf != NULL && buf_size(buf) > size_max) {
		char expected[64];
		snprintf(expected, sizeof expected, "at most %zu bytes", size_max);
		error = problem_set(problem, ERROR_file_unreadable, path, SLICE_LITERAL("a longer file"), expected);
	}
	close(fd);
	if (error == GUICHET_ERROR_none) {
		*out = blob_take(buf);
		return *out != NULL ? error : problem_set(problem, ERROR_out_of_memory, path, SLICE_EMPTY, NULL);
	}
	buf_destroy(buf);
	return error;
}

static bool
write_fully(int fd, struct slice bytes)
{
	while (bytes.size != 0) {
		ssize_t put = write(fd, bytes.data, bytes.size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		bytes = slice_from(bytes, (size_t)put);
	}
	return true;
}

/* For a name that must be nobody's. */
static enum guichet_error
fail_to_make(struct guichet_problem *problem, const char *path, const char *expected)
{
	return errno == EEXIST ?
	    problem_set(problem, ERROR_usage, path, slice_of_text(strerror(errno)), "no such file") :
	    filesystem_fail(problem, path, expected);
}

enum guichet_error
filesystem_write_new(const char *path, struct slice bytes, struct guichet_problem *problem)
{
	enum guichet_error error = GUICHET_ERROR_none;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0)
		return fail_to_make(problem, path, "a directory that can be written");
	bool written = write_fully(fd, bytes);
	if (!written)
		error = filesystem_fail(problem, path, "a disk with room for it");
	if (close(fd) != 0 && written)
		error = filesystem_fail(problem, path, "a disk with room for it");
	if (error != GUICHET_ERROR_none)
		unlink(path);
	return error;
}

/* The name of a rename is durable only once the directory is. */
static bool
sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t size = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
	char *directory = malloc(size + 1);

	if (directory == NULL)
		return false;
	memcpy(directory, slash == NULL ? "." : path, size);
	directory[size] = '\0';
	int fd = open(directory, O_RDONLY | O_CLOEXEC);
	free(directory);
	if (fd < 0)
		return false;
	/* Some file systems cannot sync a directory and say so with EINVAL: nothing more can be done there. */
	bool synced = fsync(fd) == 0 || errno == EINVAL;
	close(fd);
	return synced;
}

enum guichet_error
filesystem_sync(const char *path, struct guichet_problem *problem)
{
	int fd;
	enum guichet_error error = filesystem_open(path, &fd, problem);

	if (error != GUICHET_ERROR_none)
		return error;
	if (fsync(fd) != 0 || !sync_directory_of(path))
		error = filesystem_fail(problem, path, "a file that can be synced");
	close(fd);
	return error;
}

static enum guichet_error
fail_to_hold(struct guichet_problem *problem, const char *path, int why)
{
	errno = why;
	return why == ENOMEM ? problem_set(problem, ERROR_out_of_memory, path, SLICE_EMPTY, NULL) :
			       filesystem_fail(problem, path, "a directory that can be written");
}

/* Under a name of its own until it is whole and on the disk: the fixed one, by which one waits for another, where that
 * can be had. */
static enum guichet_error
write_beside(const char *path, struct guichet_bytes bytes, struct hold *out, struct guichet_problem *problem)
{
	int why = hold_take(path, HOLD_TEMPORARY, true, out);

	if (why == EEXIST || why == ENOLCK)
		why = hold_take_unique(path, HOLD_TEMPORARY, out);
	if (why != 0)
		return fail_to_hold(problem, path, why);
	if (write_fully(out->fd, slice_of_public(bytes)) && fsync(out->fd) == 0)
		return GUICHET_ERROR_none;
	enum guichet_error error = filesystem_fail(problem, path, "a file that can be written");
	hold_remove(out);
	return error;
}

/* What was written has its own name now, or errno says why not. */
static enum guichet_error
end_write(const char *path, struct hold *written, bool is_named, struct guichet_problem *problem)
{
	if (!is_named) {
		enum guichet_error error = fail_to_make(problem, path, "a file that can be written");
		hold_remove(written);
		return error;
	}
	hold_close(written);
	if (!sync_directory_of(path))
		return filesystem_fail(problem, path, "a directory that can be synced");
	return GUICHET_ERROR_none;
}

enum guichet_error
guichet_file_write(const char *path, struct guichet_bytes bytes, struct guichet_problem *problem)
{
	struct hold written;
	enum guichet_error error = write_beside(path, bytes, &written, problem);

	if (error != GUICHET_ERROR_none)
		return error;
	return end_write(path, &written, rename(written.path, path) == 0, problem);
}

/* Gives what is named `from` that name, if nothing has it; false with errno, EEXIST when something has. */
static bool
name_new(const char *from, const char *path)
{
	if (link(from, path) == 0) {
		unlink(from);
		return true;
	}
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
		return false;
	/* There are disks that know one name for a file only: then an empty file has it first. */
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	close(fd);
	if (rename(from, path) == 0)
		return true;
	int why = errno;
	unlink(path);
	errno = why;
	return false;
}

enum guichet_error
filesystem_create(const char *path, struct guichet_bytes bytes, struct guichet_problem *problem)
{
	struct hold written;
	enum guichet_error error = write_beside(path, bytes, &written, problem);

	if (error != GUICHET_ERROR_none)
		return error;
	return end_write(path, &written, name_new(written.path, path), problem);
}

enum guichet_error
filesystem_lock(const char *path, struct hold *out, struct guichet_problem *problem)
{
	int why = hold_take(path, HOLD_LOCK, false, out);
	char name[512];

	if (why == EWOULDBLOCK)
		return problem_set(problem, ERROR_usage, path, SLICE_LITERAL("in use"), "a file that nobody works on");
	if (why == EEXIST) {
		snprintf(name, sizeof name, "%s" HOLD_LOCK, path);
		return problem_set(problem, ERROR_file_unreadable, path, slice_of_text(name),
		    "no such file: another user's guichet may be at work there; once none is, remove it");
	}
	return why == 0 || why == ENOLCK ? filesystem_clear(path, problem) : fail_to_hold(problem, path, why);
}

enum guichet_error
filesystem_clear(const char *path, struct guichet_problem *problem)
{
	struct hold left;
	int why = hold_take(path, HOLD_TEMPORARY, false, &left);

	if (why != 0 && why != EWOULDBLOCK && why != EEXIST && why != ENOLCK)
		return fail_to_hold(problem, path, why);
	hold_remove(&left);
	return GUICHET_ERROR_none;
}

enum guichet_error
filesystem_digest(
    const char *path, uint64_t size_max, uint64_t *size, uint8_t digest[DIGEST_SIZE], struct guichet_problem *problem)
{
	uint8_t state[DIGEST_STATE_SIZE];
	enum guichet_error error;
	ssize_t got = 0;
	int fd;

	error = filesystem_open(path, &fd, problem);
	if (error != GUICHET_ERROR_none)
		return error;
	uint8_t *step = malloc(READ_STEP);
	digest_state_start(state);
	for (*size = 0; step != NULL && *size <= size_max; *size += (uint64_t)got) {
		got = read_fully(fd, step, READ_STEP);
		if (got <= 0 || !digest_state_add(state, slice_of(step, (size_t)got)))
			break;
	}
	if (got < 0)
		error = filesystem_fail(problem, path, "a file that can be read");
	else if (step == NULL || !digest_state_finish(state, digest))
		error = problem_set(problem, ERROR_out_of_memory, path, SLICE_EMPTY, NULL);
	else if (*size > size_max) {
		char expected[64];
		snprintf(expected, sizeof expected, "at most %llu bytes", (unsigned long long)size_max);
		error = problem_set(problem, ERROR_usage, path, SLICE_LITERAL("a longer file"), expected);
	}
	free(step);
	close(fd);
	return error;
}

enum guichet_error
filesystem_read_at(const char *path, uint64_t offset, uint8_t *at, size_t size, struct guichet_problem *problem)
{
	enum guichet_error error;
	int fd;

	error = filesystem_open(path, &fd, problem);
	if (error != GUICHET_ERROR_none)
		return error;
	ssize_t got = lseek(fd, (off_t)offset, SEEK_SET) < 0 ? -1 : read_fully(fd, at, size);
	if (got < 0)
		error = filesystem_fail(problem, path, "a file that can be read");
	else if ((size_t)got < size)
		error = problem_set(problem, ERROR_document_corrupt, path, SLICE_LITERAL("a shorter file"),
		    "the file that was signed, unchanged");
	close(fd);
	return error;
}
