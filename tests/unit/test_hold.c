/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that one has at a time, and files that are written over nothing. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/blob.h"
#include "client/filesystem.h"

static char directory[] = "/tmp/guichet-hold-XXXXXX";
static char target[64], temporary[96], locked[96];

static int lock_error; /* with which every flock fails; 0: none does */
static int waits_told = -1; /* told by a byte when a flock has to wait */

static const struct guichet_bytes text = { (const uint8_t *)"text", 4 };

/* In place of the C library's. */
int
flock(int fd, int operation)
{
	if (lock_error != 0) {
		errno = lock_error;
		return -1;
	}
	if (waits_told >= 0 && (operation & LOCK_NB) == 0) {
		if (syscall(SYS_flock, fd, operation | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK || write(waits_told, "w", 1) != 1)
			return -1;
	}
	return (int)syscall(SYS_flock, fd, operation);
}

static bool
is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

static void
put(const char *path, const char *what)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(what, file);
	assert_int_equal(fclose(file), 0);
}

static void
assert_holds(const char *path, const char *what)
{
	struct guichet_blob *blob;

	assert_int_equal(guichet_file_read(path, 100, &blob, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_blob_bytes(blob).size, strlen(what));
	assert_memory_equal(guichet_blob_bytes(blob).data, what, strlen(what));
	guichet_blob_destroy(blob);
}

static size_t
files_in_directory(void)
{
	DIR *listing = opendir(directory);
	size_t count = 0;

	assert_non_null(listing);
	for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(listing);
	return count;
}

static int
set_up(void **state)
{
	(void)state;
	lock_error = 0;
	unlink(target);
	unlink(temporary);
	unlink(locked);
	return 0;
}

static void
one_has_it_at_a_time(void **state)
{
	(void)state;
	struct hold one, other;
	assert_int_equal(hold_take(target, HOLD_LOCK, false, &one), 0);
	assert_true(is_there(locked));
	assert_int_equal(hold_take(target, HOLD_LOCK, false, &other), EWOULDBLOCK);
	assert_int_equal(other.fd, -1);
	/* Whoever was refused lets go of nothing. */
	hold_remove(&other);
	assert_int_equal(hold_take(target, HOLD_LOCK, false, &other), EWOULDBLOCK);
	hold_remove(&one);
	assert_false(is_there(locked));
	assert_int_equal(hold_take(target, HOLD_LOCK, false, &other), 0);
	hold_remove(&other);
}

/* Its lock went with the process; the file itself is not written into: it may be open elsewhere. */
static void
what_was_left_is_made_anew(void **state)
{
	(void)state;
	struct hold hold;
	struct stat before, now;
	put(temporary, "left");
	int elsewhere = open(temporary, O_RDONLY);
	assert_int_equal(fstat(elsewhere, &before), 0);
	assert_int_equal(hold_take(target, HOLD_TEMPORARY, true, &hold), 0);
	assert_int_equal(fstat(hold.fd, &now), 0);
	assert_true(before.st_ino != now.st_ino);
	assert_int_equal(now.st_mode & 0777, 0600);
	assert_int_equal(now.st_size, 0);
	hold_remove(&hold);
	close(elsewhere);
}

static void
a_link_is_not_followed(void **state)
{
	(void)state;
	struct hold hold;
	put(target, "precious");
	assert_int_equal(symlink(target, temporary), 0);
	assert_int_equal(hold_take(target, HOLD_TEMPORARY, true, &hold), EEXIST);
	assert_int_equal(filesystem_clear(target, NULL), GUICHET_ERROR_none);
	assert_holds(target, "precious");
	assert_int_equal(guichet_file_write(target, text, NULL), GUICHET_ERROR_none);
	assert_holds(target, "text");
	/* The link is somebody's, and stays. */
	assert_true(is_there(temporary));
	assert_int_equal(files_in_directory(), 2);
}

/* What nobody but its owner can take away: root could, and becomes nobody for that. */
static void
what_another_user_left_is_in_nobodys_way(void **state)
{
	(void)state;
	int status;
	if (geteuid() != 0)
		skip();
	put(temporary, "root's");
	put(locked, "");
	assert_int_equal(chmod(temporary, 0600), 0);
	assert_int_equal(chmod(locked, 0600), 0);
	assert_int_equal(chmod(directory, 0777), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct hold hold = HOLD_NONE;
		bool good = setgid(65534) == 0 && setuid(65534) == 0 &&
		    filesystem_clear(target, NULL) == GUICHET_ERROR_none &&
		    guichet_file_write(target, text, NULL) == GUICHET_ERROR_none &&
		    filesystem_create(target, text, NULL) == GUICHET_ERROR_usage &&
		    /* Whether its owner is at work cannot be known. */
		    filesystem_lock(target, &hold, NULL) == GUICHET_ERROR_file_unreadable && hold.fd == -1;
		_exit(!good);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(chmod(directory, 0700), 0);
	assert_holds(target, "text");
	assert_holds(temporary, "root's");
	assert_int_equal(files_in_directory(), 3);
}

static void
where_files_cannot_be_locked_nobody_waits(void **state)
{
	(void)state;
	static const int errors[] = { ENOLCK, ENOSYS, EOPNOTSUPP };
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		struct hold hold, other;
		set_up(state);
		lock_error = errors[i];
		assert_int_equal(hold_take(target, HOLD_TEMPORARY, true, &hold), ENOLCK);
		assert_int_equal(files_in_directory(), 0);
		/* Two write at once, each under a name of its own. */
		assert_int_equal(hold_take_unique(target, HOLD_TEMPORARY, &hold), 0);
		assert_int_equal(hold_take_unique(target, HOLD_TEMPORARY, &other), 0);
		assert_int_equal(files_in_directory(), 2);
		hold_remove(&hold);
		hold_remove(&other);
		assert_int_equal(filesystem_lock(target, &hold, NULL), GUICHET_ERROR_none);
		assert_int_equal(filesystem_create(target, text, NULL), GUICHET_ERROR_none);
		assert_int_equal(filesystem_create(target, text, NULL), GUICHET_ERROR_usage);
		assert_int_equal(guichet_file_write(target, text, NULL), GUICHET_ERROR_none);
		hold_remove(&hold);
		assert_int_equal(files_in_directory(), 1);
		/* In use or left: neither is known, and it stays. */
		put(temporary, "another's");
		assert_int_equal(filesystem_clear(target, NULL), GUICHET_ERROR_none);
		assert_int_equal(guichet_file_write(target, text, NULL), GUICHET_ERROR_none);
		assert_holds(temporary, "another's");
		assert_holds(target, "text");
		assert_int_equal(files_in_directory(), 2);
	}
	lock_error = EIO;
	assert_int_equal(guichet_file_write(target, text, NULL), GUICHET_ERROR_file_unreadable);
}

static void
nothing_is_written_over_what_is_there(void **state)
{
	(void)state;
	assert_int_equal(filesystem_create(target, text, NULL), GUICHET_ERROR_none);
	assert_holds(target, "text");
	put(target, "precious");
	assert_int_equal(filesystem_create(target, text, NULL), GUICHET_ERROR_usage);
	assert_holds(target, "precious");
	assert_false(is_there(temporary));
	assert_int_equal(guichet_file_write(target, text, NULL), GUICHET_ERROR_none);
	assert_holds(target, "text");
	assert_false(is_there(temporary));
	assert_int_equal(filesystem_write_new(target, slice_of_public(text), NULL), GUICHET_ERROR_usage);
	assert_int_equal(filesystem_sync(target, NULL), GUICHET_ERROR_none);
	/* A link that leads nowhere is there too. */
	unlink(target);
	assert_int_equal(symlink("nowhere", target), 0);
	assert_int_equal(filesystem_create(target, text, NULL), GUICHET_ERROR_usage);
	assert_int_equal(filesystem_write_new(target, slice_of_public(text), NULL), GUICHET_ERROR_usage);
	assert_int_equal(filesystem_sync(target, NULL), GUICHET_ERROR_file_unreadable);
}

/* Who writes the same file waits for the other and then writes. This process hears by a pipe that the other has come to
 * its lock and could not have it; should it write without waiting, the pipe ends with it. */
static void
a_second_writer_waits(void **state)
{
	(void)state;
	struct hold hold;
	int told[2], status;
	char byte;
	assert_int_equal(hold_take(target, HOLD_TEMPORARY, true, &hold), 0);
	assert_int_equal(pipe(told), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		hold_close(&hold);
		waits_told = told[1];
		_exit(guichet_file_write(target, text, NULL) != GUICHET_ERROR_none);
	}
	close(told[1]);
	assert_int_equal(read(told[0], &byte, 1), 1);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	assert_int_equal(write(hold.fd, "mine", 4), 4);
	assert_false(is_there(target));
	assert_int_equal(rename(hold.path, target), 0);
	assert_holds(target, "mine");
	hold_close(&hold);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_holds(target, "text");
	close(told[0]);
}

static void
what_is_left_is_cleared_and_what_is_in_use_is_not(void **state)
{
	(void)state;
	struct hold hold;
	put(temporary, "left");
	assert_int_equal(filesystem_clear(target, NULL), GUICHET_ERROR_none);
	assert_false(is_there(temporary));
	assert_int_equal(hold_take(target, HOLD_TEMPORARY, false, &hold), 0);
	assert_int_equal(filesystem_clear(target, NULL), GUICHET_ERROR_none);
	assert_true(is_there(temporary));
	hold_remove(&hold);
	assert_int_equal(filesystem_clear("/nowhere/at all", NULL), GUICHET_ERROR_file_unreadable);
}

static void
a_lock_clears_what_was_left(void **state)
{
	(void)state;
	struct hold one, other;
	put(temporary, "left");
	put(locked, "");
	assert_int_equal(filesystem_lock(target, &one, NULL), GUICHET_ERROR_none);
	assert_false(is_there(temporary));
	assert_int_equal(filesystem_lock(target, &other, NULL), GUICHET_ERROR_usage);
	hold_remove(&other);
	hold_remove(&one);
	assert_int_equal(filesystem_lock("/nowhere/at all", &one, NULL), GUICHET_ERROR_file_unreadable);
	hold_remove(&one);
}

static int
make_directory(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(target, sizeof target, "%s/file", directory);
	snprintf(temporary, sizeof temporary, "%s" HOLD_TEMPORARY, target);
	snprintf(locked, sizeof locked, "%s" HOLD_LOCK, target);
	return 0;
}

static int
remove_directory(void **state)
{
	set_up(state);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_has_it_at_a_time, set_up),
		cmocka_unit_test_setup(what_was_left_is_made_anew, set_up),
		cmocka_unit_test_setup(a_link_is_not_followed, set_up),
		cmocka_unit_test_setup(what_another_user_left_is_in_nobodys_way, set_up),
		cmocka_unit_test_setup(where_files_cannot_be_locked_nobody_waits, set_up),
		cmocka_unit_test_setup(nothing_is_written_over_what_is_there, set_up),
		cmocka_unit_test_setup(a_second_writer_waits, set_up),
		cmocka_unit_test_setup(what_is_left_is_cleared_and_what_is_in_use_is_not, set_up),
		cmocka_unit_test_setup(a_lock_clears_what_was_left, set_up),
	};
	return cmocka_run_group_tests_name("hold", tests, make_directory, remove_directory);
}
