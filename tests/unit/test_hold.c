/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that one has at a time, and files that are written over nothing. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/blob.h"
#include "client/filesystem.h"

static char directory[] = "/tmp/guichet-hold-XXXXXX";
static char target[64], temporary[96], locked[96];

static const struct guichet_bytes text = { (const uint8_t *)"text", 4 };

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

static int
set_up(void **state)
{
	(void)state;
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
	assert_int_equal(hold_take(target, HOLD_TEMPORARY, true, &hold), ELOOP);
	assert_int_equal(guichet_file_write(target, text, NULL), GUICHET_ERROR_file_unreadable);
	assert_holds(target, "precious");
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
	/* A link that leads nowhere is there too. */
	unlink(target);
	assert_int_equal(symlink("nowhere", target), 0);
	assert_int_equal(filesystem_create(target, text, NULL), GUICHET_ERROR_usage);
}

/* Who writes the same file waits for the other and then writes: told by a pipe that it has begun, this process lets the
 * other wait, and sees that it did. */
static void
a_second_writer_waits(void **state)
{
	(void)state;
	struct hold hold;
	int begun[2], status;
	char byte;
	assert_int_equal(hold_take(target, HOLD_TEMPORARY, true, &hold), 0);
	assert_int_equal(pipe(begun), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		hold_close(&hold);
		_exit(write(begun[1], "b", 1) != 1 ||
		    guichet_file_write(target, text, NULL) != GUICHET_ERROR_none);
	}
	assert_int_equal(read(begun[0], &byte, 1), 1);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	assert_int_equal(write(hold.fd, "mine", 4), 4);
	assert_false(is_there(target));
	assert_int_equal(rename(hold.path, target), 0);
	assert_holds(target, "mine");
	hold_close(&hold);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_holds(target, "text");
	close(begun[0]);
	close(begun[1]);
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
		cmocka_unit_test_setup(nothing_is_written_over_what_is_there, set_up),
		cmocka_unit_test_setup(a_second_writer_waits, set_up),
		cmocka_unit_test_setup(what_is_left_is_cleared_and_what_is_in_use_is_not, set_up),
		cmocka_unit_test_setup(a_lock_clears_what_was_left, set_up),
	};
	return cmocka_run_group_tests_name("hold", tests, make_directory, remove_directory);
}
