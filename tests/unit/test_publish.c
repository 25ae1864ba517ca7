/* SPDX-License-Identifier: Apache-2.0
 *
 * What is published: files with a size limit each and shared by who looks at them; the log's tiles, synced before the
 * checkpoint that covers them, never waited for on the loop, and tried again until they are there. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/office.h"
#include "server/publish.h"
#include "server/settings.h"
#include "tests/unit/decision_fixture.h"
#include "tests/unit/file.h"

/* ---- what the disk was asked for: the test's own fsync, fdatasync and renameat note it ---- */

static struct act {
	char name[PATH_SIZE];
	bool is_rename; /* to that name, else a sync of it */
} acts[256];
static size_t acts_count;

static void
act_note(bool is_rename, const char *name)
{
	assert_true(acts_count < sizeof acts / sizeof acts[0]);
	struct act *act = &acts[acts_count++];
	act->is_rename = is_rename;
	snprintf(act->name, sizeof act->name, "%s", name);
}

static void
act_note_sync(int fd)
{
	char link[64], path[PATH_SIZE];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t size = readlink(link, path, sizeof path - 1);
	assert_true(size > 0);
	path[size] = '\0';
	const char *within = strstr(path, "/public");
	act_note(false, within == NULL ? path : within);
}

int
fsync(int fd)
{
	act_note_sync(fd);
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	act_note_sync(fd);
	return (int)syscall(SYS_fdatasync, fd);
}

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	char name[PATH_SIZE];

	snprintf(name, sizeof name, "/public/%.1000s", to);
	act_note(true, name);
	return (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
}

/* The number of the first such act; fails when there is none. */
static size_t
act_find(bool is_rename, const char *name)
{
	for (size_t i = 0; i < acts_count; i++)
		if (acts[i].is_rename == is_rename && strcmp(acts[i].name, name) == 0)
			return i;
	fail_msg("no %s of %s", is_rename ? "rename" : "sync", name);
	return 0;
}

/* ---- an office with a publisher ---- */

struct press {
	struct decision_fixture *fixture;
	struct worker *worker;
	struct publisher *publisher;
	unsigned failed;
	size_t leaves;
};

static void
failed(void *context, const char *name)
{
	(void)name;
	((struct press *)context)->failed++;
}

static void
open_publisher(struct press *press)
{
	press->publisher = publisher_create(press->fixture->directory, press->worker, press->fixture->store,
	    press->fixture->tree, failed, press);
	assert_non_null(press->publisher);
}

static int
setup(void **state)
{
	static struct press press;

	press = (struct press){ .fixture = decision_fixture_create(NULL), .worker = worker_create("scribe") };
	assert_non_null(press.worker);
	open_publisher(&press);
	acts_count = 0;
	*state = &press;
	return 0;
}

static int
teardown(void **state)
{
	struct press *press = *state;

	publisher_destroy(press->publisher);
	worker_destroy(press->worker);
	decision_fixture_destroy(press->fixture);
	return 0;
}

/* The log grows, and its new checkpoint (here only a text of its shape) is offered. */
static void
grow(struct press *press, size_t count)
{
	struct store_batch *batch = store_batch_create(press->fixture->store);
	struct hash *leaves = calloc(count, sizeof *leaves);
	struct blob_ref *archives = calloc(count, sizeof *archives);
	char text[128];

	assert_non_null(batch);
	assert_true(leaves != NULL && archives != NULL);
	for (size_t i = 0; i < count; i++) {
		size_t number = press->leaves + i;
		merkle_hash_leaf(slice_of(&number, sizeof number), &leaves[i]);
		bytes_poke_u64(archives[i].bytes, number + 1);
	}
	assert_non_null(
	    tree_seal(press->fixture->tree, batch, leaves, archives, count, FIXTURE_NOW, press->fixture->arena));
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	tree_settle(press->fixture->tree);
	press->leaves += count;
	snprintf(text, sizeof text, "guichet.example/2026\n%zu\nhash\n", press->leaves);
	publisher_offer_checkpoint(press->publisher, slice_of_text(text));
	free(leaves);
	free(archives);
}

/* Size of a file of DIR/public; -1 when there is none. */
static long
published(struct press *press, const char *name)
{
	char path[PATH_SIZE];
	struct stat status;

	snprintf(path, sizeof path, "%s/public/%s", press->fixture->directory, name);
	return stat(path, &status) == 0 ? (long)status.st_size : -1;
}

/* That the published checkpoint is of this size. */
static void
expect_checkpoint(struct press *press, size_t size)
{
	char path[PATH_SIZE], expected[128];
	size_t text_size;

	snprintf(path, sizeof path, "%s/public/checkpoint", press->fixture->directory);
	snprintf(expected, sizeof expected, "guichet.example/2026\n%zu\nhash\n", size);
	char *text = file_read(path, &text_size);
	assert_string_equal(text, expected);
	free(text);
}

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
	assert_int_equal(published(press, "checkpoint"), -1);
	assert_int_equal(unlink(path), 0);
	publisher_tick(press->publisher);
	worker_wait(press->worker);
	assert_int_equal(press->failed, 1);
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

/* How many files a directory of DIR/public has; -1 when it is not there. */
static int
count_files(struct press *press, const char *name)
{
	char path[PATH_SIZE];
	const struct dirent *entry;
	int count = 0;

	snprintf(path, sizeof path, "%s/public/%s", press->fixture->directory, name);
	DIR *directory = opendir(path);
	if (directory == NULL)
		return -1;
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

static void
tick(struct press *press)
{
	acts_count = 0;
	publisher_tick(press->publisher);
	worker_wait(press->worker);
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

	snprintf(path, sizeof path, "%s/public/%s", press->fixture->directory, name);
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
	tick(press);
	assert_int_equal(press->failed, 1);
}

/* ---- files ---- */

/* A file of DIR/public of this many bytes, without any on disk. */
static void
make_long(struct press *press, const char *name, off_t size)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof path, "%s/public/%s", press->fixture->directory, name);
	assert_int_equal(truncate(path, size), 0);
}

static void
each_file_has_its_own_size_limit(void **state)
{
	struct press *press = *state;
	struct publications *publications;
	struct arena *arena = arena_create(65536);
	struct slice bytes;
	struct fault fault;

	make_long(press, "crl.pem", 20 * 1024 * 1024);
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
		make_long(press, rows[i].name, rows[i].size);
		/* What an earlier call left there is not the reason. */
		errno = ENOENT;
		assert_int_equal(publications_load(press->fixture->directory, NULL, arena, &publications, &fault),
		    ERROR_file_unreadable);
		assert_true(slice_equal_text(fault.value, strerror(EFBIG)));
		assert_non_null(strstr((const char *)fault.place.data, rows[i].name));
		make_long(press, rows[i].name, 1);
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
	make_long(press, "log.vkey", 1);
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
