/* SPDX-License-Identifier: Apache-2.0
 *
 * What test_publish.c and test_publish_mend.c stand on: an office with a publisher, a log that grows, and a note of
 * what the disk was asked for. Included by these files only. */
#ifndef GUICHET_TESTS_PRESS_FIXTURE_H
#define GUICHET_TESTS_PRESS_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/publish.h"
#include "server/settings.h"
#include "tests/unit/decision_fixture.h"
#include "tests/unit/file.h"

/* ---- what the disk was asked for: the test's own fsync, fdatasync and renameat note it ---- */

static struct act {
	char name[PATH_SIZE];
	bool is_rename; /* to that name, else a sync of it */
} acts[2048];
static size_t acts_count;

static inline void
act_note(bool is_rename, const char *name)
{
	assert_true(acts_count < sizeof acts / sizeof acts[0]);
	struct act *act = &acts[acts_count++];
	act->is_rename = is_rename;
	snprintf(act->name, sizeof act->name, "%s", name);
}

static inline void
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
static inline size_t
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
	unsigned failed, done[PUBLISH_WORKS];
	struct publish_failure failure; /* the last, with a copy of its file's name */
	char failed_file[PUBLISH_NAME_MAX];
	size_t mended;
	size_t leaves;
};

static inline void
failed(void *context, const struct publish_failure *failure)
{
	struct press *press = context;

	press->failed++;
	press->failure = *failure;
	snprintf(press->failed_file, sizeof press->failed_file, "%s", failure->file);
}

static inline void
done(void *context, enum publish_work work)
{
	((struct press *)context)->done[work]++;
}

static inline void
mended(void *context, const char *name, size_t count)
{
	(void)name;
	((struct press *)context)->mended += count;
}

/* The last failure was this one. */
static inline void
assert_failure(const struct press *press, enum publish_work work, const char *step, const char *file, int code,
    enum error error)
{
	assert_int_equal(press->failure.work, work);
	assert_string_equal(press->failure.step, step);
	assert_string_equal(press->failed_file, file);
	assert_int_equal(press->failure.code, code);
	assert_int_equal(press->failure.error, error);
}

static inline void
open_publisher(struct press *press)
{
	const struct publisher_calls calls = { failed, done, mended, press };

	press->publisher = publisher_create(
	    press->fixture->directory, press->worker, press->fixture->store, press->fixture->tree, &calls);
	assert_non_null(press->publisher);
}

static inline int
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

static inline int
teardown(void **state)
{
	struct press *press = *state;

	publisher_destroy(press->publisher);
	worker_destroy(press->worker);
	decision_fixture_destroy(press->fixture);
	return 0;
}

/* The log grows, and its new checkpoint (here only a text of its shape) is offered. */
static inline void
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

/* The path of a file of DIR/public. */
static inline void
public_path(const struct press *press, const char *name, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/public/%s", press->fixture->directory, name);
}

/* Gives it this many bytes, without any on disk when it grows. */
static inline void
set_size(const struct press *press, const char *name, off_t size)
{
	char path[PATH_SIZE];

	public_path(press, name, path);
	assert_int_equal(truncate(path, size), 0);
}

/* Size of a file of DIR/public; -1 when there is none. */
static inline long
published(struct press *press, const char *name)
{
	char path[PATH_SIZE];
	struct stat status;

	public_path(press, name, path);
	return stat(path, &status) == 0 ? (long)status.st_size : -1;
}

/* That the published checkpoint is of this size. */
static inline void
expect_checkpoint(struct press *press, size_t size)
{
	char path[PATH_SIZE], expected[128];
	size_t text_size;

	public_path(press, "checkpoint", path);
	snprintf(expected, sizeof expected, "guichet.example/2026\n%zu\nhash\n", size);
	char *text = file_read(path, &text_size);
	assert_string_equal(text, expected);
	free(text);
}

/* How many files a directory of DIR/public has; -1 when it is not there. */
static inline int
count_files(struct press *press, const char *name)
{
	char path[PATH_SIZE];
	const struct dirent *entry;
	int count = 0;

	public_path(press, name, path);
	DIR *directory = opendir(path);
	if (directory == NULL)
		return -1;
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

static inline void
tick(struct press *press)
{
	acts_count = 0;
	publisher_tick(press->publisher);
	worker_wait(press->worker);
}

#endif
