/* SPDX-License-Identifier: Apache-2.0
 *
 * Test directories: made with mkdtemp, walked with nftw. */
#include "tests/unit/store_directory.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/file.h"

#define FILES_MAX 256

struct directory *
directory_find(const char *path)
{
	struct directory *directory = calloc(1, sizeof *directory);

	assert_non_null(directory);
	conformance_start(&directory->conformance);
	snprintf(directory->path, sizeof directory->path, "%s", path);
	snprintf(directory->keys, sizeof directory->keys, "%s/keys", path);
	return directory;
}

struct directory *
directory_create(void)
{
	char path[] = "/tmp/guichet-store-XXXXXX";

	assert_non_null(mkdtemp(path));
	struct directory *directory = directory_find(path);
	assert_int_equal(mkdir(directory->keys, 0700), 0);
	assert_int_equal(keyring_create(directory->keys, directory->conformance.arena, &directory->fault), ERROR_NONE);
	directory->config.create = true;
	assert_int_equal(directory_open(directory), ERROR_NONE);
	directory->config.create = false;
	return directory;
}

static void
workers_end(struct directory *directory)
{
	worker_destroy(directory->committer);
	worker_destroy(directory->reader);
	directory->committer = directory->reader = NULL;
	keyring_close(directory->keyring);
	directory->keyring = NULL;
}

enum error
directory_open(struct directory *directory)
{
	struct arena *arena = directory->conformance.arena;
	enum error error = keyring_open(directory->keys, arena, &directory->keyring, &directory->fault);

	if (error != ERROR_NONE)
		return error;
	directory->committer = worker_create("committer");
	directory->reader = worker_create("reader");
	assert_non_null(directory->committer);
	assert_non_null(directory->reader);
	directory->config.directory = directory->path;
	directory->config.keyring = directory->keyring;
	directory->config.arena = arena;
	error = leveldb_store_open(&directory->config, directory->committer, directory->reader,
	    &directory->conformance.store, &directory->fault);
	if (error != ERROR_NONE) {
		assert_int_equal(directory->fault.error, error);
		workers_end(directory);
	}
	return error;
}

void
directory_close(struct directory *directory)
{
	if (directory->conformance.store == NULL)
		return;
	store_wait(directory->conformance.store);
	directory->settled = store_settle(directory->conformance.store);
	store_close(directory->conformance.store);
	directory->conformance.store = NULL;
	workers_end(directory);
}

void
directory_destroy(struct directory *directory)
{
	directory_close(directory);
	directory_remove(directory->path);
	arena_destroy(directory->conformance.arena);
	free(directory);
}

/* nftw has no context to pass. */
static struct {
	struct arena *arena;
	const char **paths;
	size_t count;
} found;

static int
find_one(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
	struct slice copy;

	(void)stat;
	(void)where;
	if (kind != FTW_F)
		return 0;
	assert_true(found.count + 1 < FILES_MAX);
	assert_true(arena_copy(found.arena, slice_of_text(path), &copy));
	found.paths[found.count++] = (const char *)copy.data;
	return 0;
}

static int
path_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **
directory_files(struct directory *directory)
{
	found.arena = directory->conformance.arena;
	found.paths = arena_alloc_array(found.arena, FILES_MAX, sizeof *found.paths);
	found.count = 0;
	assert_non_null(found.paths);
	assert_int_equal(nftw(directory->path, find_one, 16, FTW_PHYS), 0);
	qsort(found.paths, found.count, sizeof *found.paths, path_compare);
	return found.paths;
}
