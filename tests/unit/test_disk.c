/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole files: made, replaced, or as before and without a trace, whichever call fails. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/store/disk.h"

struct place {
	char path[32];
	int fd;
};

static int
setup(void **state)
{
	static struct place place;

	strcpy(place.path, "/tmp/guichet-disk-XXXXXX");
	assert_non_null(mkdtemp(place.path));
	place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place.fd >= 0);
	umask(022);
	*state = &place;
	return 0;
}

static int
teardown(void **state)
{
	struct place *place = *state;

	(void)unlinkat(place->fd, "file", 0);
	close(place->fd);
	assert_int_equal(rmdir(place->path), 0);
	return 0;
}

static void
assert_file(const struct place *place, const char *content, mode_t mode)
{
	uint8_t bytes[64];
	size_t size;
	struct stat stat;

	assert_true(disk_read_file(place->fd, "file", bytes, sizeof bytes, &size));
	assert_true(slice_equal_text(slice_of(bytes, size), content));
	assert_int_equal(fstatat(place->fd, "file", &stat, 0), 0);
	assert_int_equal(stat.st_mode & 07777, mode);
	/* The one beside it is gone. */
	assert_int_equal(faccessat(place->fd, "file.new", F_OK, 0), -1);
}

static void
a_file_is_made_once(void **state)
{
	const struct place *place = *state;

	assert_true(disk_make_file(NULL, place->fd, "file", 0644, SLICE_LITERAL("first")));
	assert_file(place, "first", 0644);
	assert_false(disk_make_file(NULL, place->fd, "file", 0600, SLICE_LITERAL("second")));
	assert_int_equal(errno, EEXIST);
	assert_file(place, "first", 0644);
}

static void
a_file_is_replaced_whole(void **state)
{
	const struct place *place = *state;

	assert_true(disk_replace_file(NULL, place->fd, "file", 0644, SLICE_LITERAL("a first one")));
	assert_file(place, "a first one", 0644);
	/* What a crash left beside it is in nobody's way, and nobody else reads in it. */
	assert_true(disk_make_file(NULL, place->fd, "file.new", 0644, SLICE_LITERAL("half of something longer")));
	assert_true(disk_write_file(NULL, place->fd, "file", SLICE_LITERAL("second")));
	assert_file(place, "second", 0600);
	assert_true(disk_replace_file(NULL, place->fd, "file", 0644, SLICE_EMPTY));
	assert_file(place, "", 0644);
}

/* Write, sync, and the directory's sync: before the last one the old file is still there, whole. */
static void
whichever_call_fails_a_file_is_whole(void **state)
{
	const struct place *place = *state;

	for (uint64_t nth = 1; nth <= 3; nth++) {
		struct disk disk = { .fail_at = nth, .fail_errno = ENOSPC };
		assert_true(disk_write_file(NULL, place->fd, "file", SLICE_LITERAL("old")));
		errno = 0;
		assert_false(disk_write_file(&disk, place->fd, "file", SLICE_LITERAL("new one")));
		assert_int_equal(errno, ENOSPC);
		assert_file(place, nth < 3 ? "old" : "new one", 0600);
		assert_int_equal(unlinkat(place->fd, "file", 0), 0);
		if (nth == 3)
			break;
		disk = (struct disk){ .fail_at = nth, .fail_errno = EIO };
		assert_false(disk_make_file(&disk, place->fd, "file", 0600, SLICE_LITERAL("new one")));
		assert_int_equal(errno, EIO);
		assert_int_equal(faccessat(place->fd, "file", F_OK, 0), -1);
	}
}

static void
a_name_that_cannot_be_is_told(void **state)
{
	const struct place *place = *state;
	char name[PATH_MAX];

	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_false(disk_replace_file(NULL, place->fd, name, 0600, SLICE_EMPTY));
	assert_int_equal(errno, ENAMETOOLONG);
	assert_false(disk_replace_file(NULL, place->fd, "none/file", 0600, SLICE_EMPTY));
	assert_int_equal(errno, ENOENT);
	/* A directory of that name stays, and nothing beside it. */
	assert_int_equal(mkdirat(place->fd, "file", 0700), 0);
	assert_false(disk_replace_file(NULL, place->fd, "file", 0600, SLICE_EMPTY));
	assert_int_equal(errno, EISDIR);
	assert_int_equal(faccessat(place->fd, "file.new", F_OK, 0), -1);
	assert_int_equal(unlinkat(place->fd, "file", AT_REMOVEDIR), 0);
}

/* LevelDB quotes what stands in a file, which may be anything. */
static void
words_can_always_be_printed(void **state)
{
	struct arena *arena = arena_create(4096);
	struct disk_failure failure = { "" };
	struct fault fault;

	(void)state;
	disk_failure_set(&failure, 0, "db: %s", "no\xff\x01 such\n\x7f file");
	assert_string_equal(failure.text, "db: no?? such?? file");
	disk_fault(&fault, arena, ERROR_store_damaged, 0, NULL, "db: %s", "00001\xb5.ldb");
	assert_true(slice_equal_text(fault.place, "db: 00001?.ldb"));
	/* A path in UTF-8 stays as it is; one that is cut within a letter is none. */
	disk_fault(&fault, arena, ERROR_store_damaged, 0, NULL, "%s", "/srv/d\xc3\xa9p\xc3\xb4t");
	assert_true(slice_equal_text(fault.place, "/srv/d\xc3\xa9p\xc3\xb4t"));
	disk_fault(&fault, arena, ERROR_store_damaged, 0, NULL, "%s", "/srv/d\xc3");
	assert_true(slice_equal_text(fault.place, "/srv/d?"));
	arena_destroy(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_is_replaced_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(whichever_call_fails_a_file_is_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_that_cannot_be_is_told, setup, teardown),
		cmocka_unit_test(words_can_always_be_printed),
	};
	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
