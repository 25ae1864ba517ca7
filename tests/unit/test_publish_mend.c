/* SPDX-License-Identifier: Apache-2.0
 *
 * What was published before a start and is gone: made anew from the store, a bounded number of names and files at a
 * time, the newest first. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/keys.h"
#include "tests/unit/press_fixture.h"

/* The caller closes it. */
static int
open_public(const struct press *press)
{
	char path[PATH_SIZE];

	public_path(press, "", path);
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(directory >= 0);
	return directory;
}

static void
remove_file(struct press *press, const char *name)
{
	char path[PATH_SIZE];

	public_path(press, name, path);
	assert_int_equal(unlink(path), 0);
}

/* A log of 35,000 leaves is published, and the server starts again. */
static void
publish_and_start(struct press *press)
{
	for (int i = 0; i < 14; i++)
		grow(press, 2500);
	publisher_finish(press->publisher);
	expect_checkpoint(press, 35000);
	publisher_destroy(press->publisher);
	open_publisher(press);
	memset(press->done, 0, sizeof press->done);
}

static void
tiles_that_are_gone_or_cut_are_there_again_after_a_start(void **state)
{
	static const char *const gone[] = { "tile/0/000", "tile/0/135", "tile/0/136.p/184", "tile/1/000.p/136" };
	struct press *press = *state;
	char *before[4];
	char path[PATH_SIZE];
	size_t size;

	publish_and_start(press);
	for (size_t i = 0; i < 4; i++) {
		public_path(press, gone[i], path);
		before[i] = file_read(path, &size);
		remove_file(press, gone[i]);
	}
	set_size(press, "tile/0/077", 8191);
	/* Whoever does not ask for it has nothing looked at. */
	tick(press);
	assert_int_equal(published(press, "tile/0/000"), -1);
	publisher_mend(press->publisher);
	tick(press);
	assert_int_equal(press->mended, 5);
	for (size_t i = 0; i < 4; i++) {
		public_path(press, gone[i], path);
		char *after = file_read(path, &size);
		assert_int_equal(size, published(press, gone[i]));
		assert_memory_equal(after, before[i], size);
		free(after);
		free(before[i]);
	}
	assert_int_equal(published(press, "tile/0/077"), 8192);
	(void)act_find(false, "/public/tile/0");
	/* It is looked at once. */
	remove_file(press, "tile/0/000");
	tick(press);
	tick(press);
	assert_int_equal(published(press, "tile/0/000"), -1);
	assert_int_equal(press->failed, 0);
}

/* As many as a step has files go at once, and the whole log of a lost directory in the end. */
static void
a_lost_directory_of_tiles_is_made_anew_in_steps(void **state)
{
	struct press *press = *state;
	char command[2 * PATH_SIZE];

	publish_and_start(press);
	snprintf(command, sizeof command, "rm -r '%s/public/tile'", press->fixture->directory);
	assert_int_equal(system(command), 0);
	publisher_mend(press->publisher);
	tick(press);
	assert_int_equal(press->mended, 128);
	tick(press);
	assert_int_equal(press->mended, 138); /* 136 full ones and two in progress */
	assert_int_equal(count_files(press, "tile/0"), 137);
	tick(press);
	assert_int_equal(press->mended, 138);
	assert_int_equal(press->done[PUBLISH_MEND], 2);
}

/* The row of all tiles of a log: level by level, the newest first. */
static void
every_tile_of_a_log_has_its_place(void **state)
{
	static const struct publish_place expected[] = {
		{ 0, 257, 8 }, { 0, 256, 256 }, { 0, 255, 256 }, { 1, 1, 1 }, { 1, 0, 256 }, { 2, 0, 1 },
	};
	struct publish_walk walk = { .size = 257 * 256 + 8 };
	struct publish_place place;
	size_t count = 0, matched = 0;

	(void)state;
	while (publish_place_next(&walk, &place)) {
		count++;
		matched += matched < 6 && place.level == expected[matched].level &&
		    place.index == expected[matched].index && place.width == expected[matched].width;
	}
	assert_int_equal(count, 258 + 2 + 1);
	assert_int_equal(matched, 6);
	walk = (struct publish_walk){ .size = 0 };
	assert_false(publish_place_next(&walk, &place));
}

/* The log has grown before the look came to it: the partial tile of before need not be there once the full one is. */
static void
a_full_tile_stands_for_its_partial_ones(void **state)
{
	struct press *press = *state;
	struct publish_walk walk = { .size = 200 }, again = walk;
	struct publish_place missing[2];
	int directory = open_public(press);

	assert_int_equal(publish_look(directory, &walk, 9, missing, 2), 1);
	assert_int_equal(missing[0].width, 200);
	grow(press, 300);
	tick(press);
	assert_int_equal(publish_look(directory, &again, 9, missing, 2), 0);
	assert_int_equal(publish_look(directory, &again, 9, missing, 2), 0);
	close(directory);
}

/* It goes on where it ended, whether names or missing ones were as many as it may. */
static void
a_look_is_bounded_and_goes_on(void **state)
{
	struct press *press = *state;
	struct publish_walk walk = { .size = 2560 };
	struct publish_place missing[10];
	int directory = open_public(press);

	assert_int_equal(publish_look(directory, &walk, 4, missing, 10), 4);
	assert_int_equal(missing[0].index, 9);
	assert_int_equal(publish_look(directory, &walk, 10, missing, 3), 3);
	assert_int_equal(missing[0].index, 5);
	assert_int_equal(publish_look(directory, &walk, 10, missing, 10), 4); /* and one of level 1 */
	assert_int_equal(missing[3].level, 1);
	assert_int_equal(publish_look(directory, &walk, 10, missing, 10), 0);
	close(directory);
}

static void
what_cannot_be_mended_is_tried_again(void **state)
{
	struct press *press = *state;
	char path[PATH_SIZE];

	publish_and_start(press);
	remove_file(press, "tile/0/005");
	snprintf(path, sizeof path, "%s/public/tile/0/005.new", press->fixture->directory);
	assert_int_equal(mkdir(path, 0755), 0);
	publisher_mend(press->publisher);
	tick(press);
	assert_failure(press, PUBLISH_MEND, "write", "tile/0/005", EEXIST, ERROR_NONE);
	assert_int_equal(press->done[PUBLISH_MEND], 0);
	assert_int_equal(rmdir(path), 0);
	tick(press);
	assert_int_equal(press->mended, 1);
	assert_int_equal(press->done[PUBLISH_MEND], 1);
	assert_int_equal(published(press, "tile/0/005"), 8192);
}

/* What a look finds is read, then written, before the end: also from a store that takes its time. */
static void
what_is_missing_is_there_before_the_end(void **state)
{
	struct press *press = *state;

	publish_and_start(press);
	remove_file(press, "tile/0/005");
	memory_store_defer(press->fixture->store, true, false);
	publisher_mend(press->publisher);
	publisher_finish(press->publisher);
	assert_int_equal(memory_store_pending(press->fixture->store), 0);
	assert_int_equal(press->mended, 1);
	assert_int_equal(published(press, "tile/0/005"), 8192);
}

static void
a_tile_that_the_store_lacks_is_told_as_its_damage(void **state)
{
	struct press *press = *state;
	const uint8_t level = 0;
	struct slice key = KEY_MAKE(press->fixture->arena, KEY_tile, slice_of(&level, 1),
	    key_part_u64(press->fixture->arena, 7));

	publish_and_start(press);
	remove_file(press, "tile/0/007");
	struct store_batch *batch = store_batch_create(press->fixture->store);
	assert_non_null(batch);
	store_remove(batch, key);
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	publisher_mend(press->publisher);
	tick(press);
	assert_failure(press, PUBLISH_MEND, "read", "tile/0/007", 0, ERROR_store_damaged);
}

int
main(void)
{
#define PRESS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		PRESS_TEST(tiles_that_are_gone_or_cut_are_there_again_after_a_start),
		PRESS_TEST(a_lost_directory_of_tiles_is_made_anew_in_steps),
		PRESS_TEST(every_tile_of_a_log_has_its_place),
		PRESS_TEST(a_full_tile_stands_for_its_partial_ones),
		PRESS_TEST(a_look_is_bounded_and_goes_on),
		PRESS_TEST(what_cannot_be_mended_is_tried_again),
		PRESS_TEST(what_is_missing_is_there_before_the_end),
		PRESS_TEST(a_tile_that_the_store_lacks_is_told_as_its_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
