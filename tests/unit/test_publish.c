/* SPDX-License-Identifier: Apache-2.0
 *
 * What is published: files with a size limit each and shared by who looks at them; the log's tiles, synced before the
 * checkpoint that covers them, never waited for on the loop, and tried again until they are there. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/office.h"
#include "tests/unit/press_fixture.h"

/* ---- the log ---- */

static void
tiles_are_durable_before_their_checkpoint(void **state)
{
	struct press *press = *state;
	static const char *const tiles[] = {
		"/public/tile/0/000", "/public/tile/0/001.p/44", "/public/tile/1/000.p/1",
	};
	static const char *const directories[] = {
		"/public", "/public/tile", "/public/tile/0", "/public/tile/1", "/public/tile/0/001.p",
		"/public/tile/1/000.p",
	};

	grow(press, 300);
	publisher_tick(press->publisher);
	worker_wait(press->worker);
	assert_int_equal(press->failed, 0);
	expect_checkpoint(press, 300);
	assert_int_equal(published(press, "tile/0/000"), 8192);
	assert_int_equal(published(press, "tile/0/001.p/44"), 44 * 32);
	size_t checkpoint = act_find(true, "/public/checkpoint");
	for (size_t i = 0; i < sizeof tiles / sizeof tiles[0]; i++) {
		char fresh[PATH_SIZE];
		snprintf(fresh, sizeof fresh, "%s.new", tiles[i]);
		assert_true(act_find(false, fresh) < act_find(true, tiles[i]));
		assert_true(act_find(true, tiles[i]) < checkpoint);
	}
	for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
		size_t synced = act_find(false, directories[i]);
		assert_true(synced < checkpoint);
		for (size_t j = 0; j < sizeof tiles / sizeof tiles[0]; j++)
			assert_true(synced > act_find(true, tiles[j]));
	}
	assert_true(act_find(false, "/public/checkpoint.new") < checkpoint);
}

static void
reads_are_not_waited_for(void **state)
{
	struct press *press = *state;

	grow(press, 300);
	memory_store_defer(press->fixture->store, true, false);
	publisher_tick(press->publisher);
	assert_true(memory_store_pending(press->fixture->store) > 0);
	publisher_tick(press->publisher); /* one step at a time */
	assert_int_equal(memory_store_pending(press->fixture->store), 1);
	assert_int_equal(memory_store_pump(press->fixture->store, 1), 1);
	worker_wait(press->worker);
	expect_checkpoint(press, 300);
	assert_int_equal(press->failed, 0);
}

static void
a_checkpoint_is_kept_until_it_is_written(void **state)
{
	struct press *press = *state;
	char path[PATH_SIZE];

	/* A file where a directory has to be. */
	snprintf(path, sizeof path, "%s/public/tile", press->fixture->directory);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0 && close(fd) == 0);
	grow(press, 3);
	publisher_tick(press->publisher);
	worker_wait(press->worker);
	assert_int_equal(press->failed, 1);
	assert_failure(press, PUBLISH_LOG, "write", "tile/0/000.p/3", ENOTDIR, ERROR_NONE);
	assert_int_equal(published(press, "checkpoint"), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(press->done[PUBLISH_LOG], 0);
	publisher_tick(press->publisher);
	worker_wait(press->worker);
	assert_int_equal(press->failed, 1);
	assert_int_equal(press->done[PUBLISH_LOG], 1);
	expect_checkpoint(press, 3);
	/* Then it is done with. */
	acts_count = 0;
	publisher_finish(press->publisher);
	assert_int_equal(acts_count, 0);
}

static void
nothing(void *argument)
{
	(void)argument;
}

static void
a_busy_worker_loses_no_checkpoint(void **state)
{
	struct press *press = *state;

	grow(press, 3);
	for (size_t i = 0; i < WORKER_JOBS_MAX; i++)
		assert_true(worker_submit(press->worker, nothing, nothing, NULL));
	publisher_tick(press->publisher);
	assert_int_equal(press->failed, 1);
	assert_failure(press, PUBLISH_LOG, "queue", "tile/0/000.p/3", EAGAIN, ERROR_NONE);
	worker_wait(press->worker);
	assert_int_equal(published(press, "checkpoint"), -1);
	publisher_tick(press->publisher);
	worker_wait(press->worker);
	expect_checkpoint(press, 3);
}

/* One that is offered while another is written is not taken for that one. */
static void
the_newest_checkpoint_wins(void **state)
{
	struct press *press = *state;

	grow(press, 3);
	publisher_tick(press->publisher);
	grow(press, 2);
	publisher_tick(press->publisher);
	worker_wait(press->worker);
	expect_checkpoint(press, 3);
	publisher_finish(press->publisher);
	expect_checkpoint(press, 5);
}

/* Far behind it goes in steps that fit one job, and begins where the last checkpoint on disk ends. */
static void
a_long_log_goes_in_steps(void **state)
{
	struct press *press = *state;

	for (int i = 0; i < 14; i++)
		grow(press, 2500);
	grow(press, 1);
	publisher_tick(press->publisher);
	worker_wait(press->worker);
	assert_int_equal(published(press, "checkpoint"), -1);
	assert_int_equal(published(press, "tile/0/111"), 8192);
	acts_count = 0;
	publisher_finish(press->publisher);
	expect_checkpoint(press, 35001);
	assert_int_equal(published(press, "tile/0/135"), 8192);
	assert_int_equal(published(press, "tile/0/136.p/185"), 185 * 32);
	assert_int_equal(published(press, "tile/1/000.p/136"), 136 * 32);
	publisher_destroy(press->publisher);
	open_publisher(press);
	acts_count = 0;
	grow(press, 1);
	publisher_finish(press->publisher);
	expect_checkpoint(press, 35002);
	assert_true(acts_count < 20);
	assert_int_equal(press->failed, 0);
}

/* All widths that a checkpoint had stay while the tile is not full, and go when a durable checkpoint has the full one:
 * not with the step that writes it but with the next. */
static void
partial_tiles_end_with_the_full_one(void **state)
{
	struct press *press = *state;

	for (int i = 0; i < 5; i++) {
		grow(press, 50);
		tick(press);
	}
	assert_int_equal(count_files(press, "tile/0/000.p"), 5);
	grow(press, 50);
	tick(press);
	assert_int_equal(published(press, "tile/0/000"), 8192);
	assert_int_equal(count_files(press, "tile/0/000.p"), 5);
	/* The name of the checkpoint is synced before anything goes. */
	tick(press);
	assert_int_equal(count_files(press, "tile/0/000.p"), -1);
	(void)act_find(false, "/public");
	assert_int_equal(count_files(press, "tile/0/001.p"), 1);
	assert_int_equal(count_files(press, "tile/1/000.p"), 1);
	/* Nothing is left to do. */
	tick(press);
	assert_int_equal(acts_count, 0);
	for (int i = 0; i < 3; i++) {
		grow(press, 300);
		tick(press);
	}
	publisher_finish(press->publisher);
	tick(press);
	/* Of 1,200 leaves: four full ones, and what there is of the fifth. */
	assert_int_equal(count_files(press, "tile/0"), 5);
	assert_int_equal(count_files(press, "tile/0/004.p"), 1);
	assert_int_equal(press->failed, 0);
}

static void
put_file(struct press *press, const char *name)
{
	char path[PATH_SIZE];

	public_path(press, name, path);
	*strrchr(path, '/') = '\0';
	assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
	path[strlen(path)] = '/';
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0 && close(fd) == 0);
}

/* Left by a crash, or by a server that did not remove them. */
static void
what_was_left_is_found_after_a_start(void **state)
{
	struct press *press = *state;

	for (int i = 0; i < 14; i++)
		grow(press, 2500);
	for (int step = 0; step < 4; step++)
		tick(press);
	expect_checkpoint(press, 35000);
	put_file(press, "tile/0/000.p/7");
	put_file(press, "tile/0/000.p/8.new");
	put_file(press, "tile/0/130.p/255");
	put_file(press, "tile/0/136.p/1");
	put_file(press, "tile/0/131.p/9");
	/* Without the full one they stay. */
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "%s/public/tile/0/131", press->fixture->directory);
	assert_int_equal(unlink(path), 0);
	publisher_destroy(press->publisher);
	open_publisher(press);
	tick(press);
	assert_int_equal(count_files(press, "tile/0/000.p"), -1);
	assert_int_equal(count_files(press, "tile/0/130.p"), 1); /* 128 tiles a tick */
	tick(press);
	assert_int_equal(count_files(press, "tile/0/130.p"), -1);
	assert_int_equal(count_files(press, "tile/0/131.p"), 1);
	assert_true(count_files(press, "tile/0/136.p") >= 1); /* not full yet */
	assert_int_equal(press->failed, 0);
}

static void
what_cannot_be_removed_is_told_once(void **state)
{
	struct press *press = *state;

	grow(press, 300);
	tick(press);
	put_file(press, "tile/0/000.p/.hidden");
	tick(press);
	assert_int_equal(press->failed, 1);
	assert_failure(press, PUBLISH_SWEEP, "remove", "tile/0/000.p", ENOTEMPTY, ERROR_NONE);
	tick(press);
	assert_int_equal(press->failed, 1);
	/* What others of the kind do well does not end it. */
	grow(press, 300);
	tick(press);
	tick(press);
	assert_int_equal(count_files(press, "tile/0/001.p"), -1);
	assert_int_equal(press->done[PUBLISH_SWEEP], 0);
}

/* ---- files ---- */

static void
each_file_has_its_own_size_limit(void **state)
{
	struct press *press = *state;
	struct publications *publications;
	struct arena *arena = arena_create(65536);
	struct slice bytes;
	struct fault fault;

	set_size(press, "crl.pem", 20 * 1024 * 1024);
	assert_int_equal(publications_load(press->fixture->directory, NULL, arena, &publications, &fault), ERROR_NONE);
	assert_true(publications_find(publications, SLICE_LITERAL("crl.pem"), &bytes));
	assert_int_equal(bytes.size, 20 * 1024 * 1024);
	publications_release(publications);
	static const struct {
		const char *name;
		off_t size;
	} rows[] = { { "crl.pem", 256 * 1024 * 1024 + 1 }, { "catalogue.json", LIMIT_JSON_FILE + 1 },
		{ "ca.pem", 1024 * 1024 + 1 } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		set_size(press, rows[i].name, rows[i].size);
		/* What an earlier call left there is not the reason. */
		errno = ENOENT;
		assert_int_equal(publications_load(press->fixture->directory, NULL, arena, &publications, &fault),
		    ERROR_file_unreadable);
		assert_true(slice_equal_text(fault.value, strerror(EFBIG)));
		assert_non_null(strstr((const char *)fault.place.data, rows[i].name));
		set_size(press, rows[i].name, 1);
	}
	arena_destroy(arena);
}

/* A request that began before a reload still looks at what it held; the list in memory is newer than the file. */
static void
snapshots_keep_their_publications(void **state)
{
	struct press *press = *state;
	struct decision_fixture *fixture = press->fixture;
	struct content *list = content_create(SLICE_LITERAL("a newer list"));
	struct office *before = office_hold(fixture->office), *after;
	struct office instruments = *before;
	struct publications *publications;
	struct slice bytes, size_before;
	struct fault fault;

	assert_non_null(list);
	publications_set(fixture->publications, "crl.pem", list);
	content_release(list);
	set_size(press, "log.vkey", 1);
	assert_int_equal(publications_load(fixture->directory, fixture->publications, fixture->arena, &publications,
	    &fault), ERROR_NONE);
	instruments.publications = publications;
	assert_int_equal(office_load(fixture->directory, &instruments, fixture->arena, &after, &fault), ERROR_NONE);
	publications_release(fixture->publications);
	office_release(fixture->office);
	fixture->publications = publications;
	fixture->office = after;

	assert_true(publications_find(before->publications, SLICE_LITERAL("log.vkey"), &size_before));
	assert_true(size_before.size > 1);
	assert_true(publications_find(after->publications, SLICE_LITERAL("log.vkey"), &bytes));
	assert_int_equal(bytes.size, 1);
	assert_true(publications_find(after->publications, SLICE_LITERAL("crl.pem"), &bytes));
	assert_true(slice_equal_text(bytes, "a newer list"));
	office_release(before);
}

static void
a_single_file_is_written_whole(void **state)
{
	struct press *press = *state;
	struct content *content = content_create(SLICE_LITERAL("twelve bytes"));

	assert_non_null(content);
	publisher_write(press->publisher, "crl.pem", content);
	content_release(content);
	worker_wait(press->worker);
	assert_int_equal(published(press, "crl.pem"), 12);
	assert_true(act_find(false, "/public/crl.pem.new") < act_find(true, "/public/crl.pem"));
	assert_int_equal(press->done[PUBLISH_SINGLE], 1);
	/* Then it is done with. */
	tick(press);
	assert_int_equal(acts_count, 0);
}

static void
write_single(struct press *press, const char *text)
{
	struct content *content = content_create(slice_of_text(text));

	assert_non_null(content);
	publisher_write(press->publisher, "crl.pem", content);
	content_release(content);
}

/* The newest that failed, and never one behind a newer one. */
static void
a_single_file_is_tried_again_until_it_is_there(void **state)
{
	struct press *press = *state;
	char path[PATH_SIZE];

	snprintf(path, sizeof path, "%s/public/crl.pem.new", press->fixture->directory);
	assert_int_equal(mkdir(path, 0755), 0);
	write_single(press, "one");
	write_single(press, "second");
	worker_wait(press->worker);
	assert_failure(press, PUBLISH_SINGLE, "write", "crl.pem", EEXIST, ERROR_NONE);
	assert_int_equal(press->failed, 2);
	tick(press);
	assert_int_equal(press->failed, 3);
	assert_int_equal(rmdir(path), 0);
	tick(press);
	assert_int_equal(published(press, "crl.pem"), 6);
	assert_int_equal(press->done[PUBLISH_SINGLE], 1);
	assert_int_equal(mkdir(path, 0755), 0);
	write_single(press, "a third");
	worker_wait(press->worker);
	assert_int_equal(rmdir(path), 0);
	write_single(press, "the fourth");
	worker_wait(press->worker);
	tick(press);
	assert_int_equal(acts_count, 0);
	assert_int_equal(published(press, "crl.pem"), 10);
	/* One that finds no place in the queue is not lost either. */
	for (size_t i = 0; i < WORKER_JOBS_MAX; i++)
		assert_true(worker_submit(press->worker, nothing, nothing, NULL));
	write_single(press, "fifth");
	assert_failure(press, PUBLISH_SINGLE, "queue", "crl.pem", EAGAIN, ERROR_NONE);
	worker_wait(press->worker);
	publisher_finish(press->publisher);
	assert_int_equal(published(press, "crl.pem"), 10);
	tick(press);
	assert_int_equal(published(press, "crl.pem"), 5);
}

int
main(void)
{
#define PRESS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		PRESS_TEST(tiles_are_durable_before_their_checkpoint),
		PRESS_TEST(reads_are_not_waited_for),
		PRESS_TEST(a_checkpoint_is_kept_until_it_is_written),
		PRESS_TEST(a_busy_worker_loses_no_checkpoint),
		PRESS_TEST(the_newest_checkpoint_wins),
		PRESS_TEST(a_long_log_goes_in_steps),
		PRESS_TEST(partial_tiles_end_with_the_full_one),
		PRESS_TEST(what_was_left_is_found_after_a_start),
		PRESS_TEST(what_cannot_be_removed_is_told_once),
		PRESS_TEST(each_file_has_its_own_size_limit),
		PRESS_TEST(snapshots_keep_their_publications),
		PRESS_TEST(a_single_file_is_written_whole),
		PRESS_TEST(a_single_file_is_tried_again_until_it_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
