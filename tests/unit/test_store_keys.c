/* SPDX-License-Identifier: Apache-2.0
 *
 * A store and the data keys it has used: lost, put back, another one in the place of one, destroyed on purpose. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/store_directory.h"

static const struct retention register_2026 = { RETENTION_REGISTER, 2026 };
static const struct retention filing_2026 = { RETENTION_FILING, 2026 };

static int
setup(void **state)
{
	*state = directory_create();
	return 0;
}

static int
teardown(void **state)
{
	directory_destroy(*state);
	return 0;
}

/* The open is refused with this data key's file as the place. */
static void
assert_key_refused(struct directory *directory, const char *name, const char *found)
{
	struct fault *fault = &directory->fault;
	char place[80];

	snprintf(place, sizeof place, "data/%s.key", name);
	assert_int_equal(directory_open(directory), ERROR_store_damaged);
	assert_true(slice_equal_text(fault->place, place));
	assert_true(slice_equal_text(fault->value, found));
}

static const char *
key_path(struct directory *directory, const char *name, const char *end)
{
	static char paths[2][160];
	static size_t turn;
	char *path = paths[turn++ % 2];

	snprintf(path, sizeof paths[0], "%s/data/%s%s", directory->keys, name, end);
	return path;
}

static void
key_rename(struct directory *directory, const char *name, const char *from, const char *to)
{
	assert_int_equal(rename(key_path(directory, name, from), key_path(directory, name, to)), 0);
}

static void
lost_key_is_not_made_anew(void **state)
{
	static const char *const names[] = { "register-2026", "filing-2026", "permanent-0" };
	struct directory *directory = *state;
	struct conformance *c = &directory->conformance;

	put_now(c->store, "a", "1");
	struct blob_ref ref = blob_now(c->store, text_slice("blob"));
	struct slice blob;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		directory_close(directory);
		key_rename(directory, names[i], ".key", ".kept");
		assert_key_refused(directory, names[i], "no such file");
		/* Nor was it made by the attempt; with the one that was there all is well. */
		assert_key_refused(directory, names[i], "no such file");
		key_rename(directory, names[i], ".kept", ".key");
		assert_int_equal(directory_open(directory), ERROR_NONE);
		assert_string_equal(get_now(c, "a"), "1");
		assert_int_equal(store_blob_now(c->store, ref, c->arena, &blob), ERROR_NONE);
		assert_true(slice_equal_text(blob, "blob"));
	}
}

static void
key_of_an_older_copy_is_refused(void **state)
{
	struct directory *directory = *state;
	struct keyring *keyring;
	struct arena *arena = arena_create(65536);
	struct key_files files;
	struct fault fault;
	uint8_t sealed[SEALED_OVERHEAD];

	/* What an office of before left in its place: a key of the name, by the same master key. */
	put_now(directory->conformance.store, "a", "1");
	directory_close(directory);
	key_rename(directory, "register-2026", ".key", ".kept");
	assert_int_equal(keyring_open(directory->keys, arena, &keyring, &fault), ERROR_NONE);
	assert_int_equal(keyring_seal(keyring, register_2026, SLICE_EMPTY, SLICE_EMPTY,
	    sealed), ERROR_NONE);
	assert_true(keyring_take_unsaved(keyring, &files) && key_files_write(&files, NULL));
	key_files_free(&files);
	keyring_close(keyring);
	arena_destroy(arena);
	assert_key_refused(directory, "register-2026", "another key of this name");
	key_rename(directory, "register-2026", ".kept", ".key");
	assert_int_equal(directory_open(directory), ERROR_NONE);
	assert_string_equal(get_now(&directory->conformance, "a"), "1");
}

/* A crash between the writing of a data key and the batch that notes it: the key is there and may be lost again, until
 * a batch has noted it. */
static void
key_that_no_batch_noted_is_noted_by_the_next(void **state)
{
	struct directory *directory = *state;
	struct conformance *c = &directory->conformance;

	put_now(c->store, "a", "1");
	directory_close(directory);
	/* The key's file is written, it and its directory are synced; then the journal is to be written. */
	directory->config.fail_at = 4;
	directory->config.fail_errno = EIO;
	assert_int_equal(directory_open(directory), ERROR_NONE);
	struct store_batch *batch = store_batch_create(c->store);
	store_put(batch, filing_2026, text_slice("b"), text_slice("2"));
	assert_int_not_equal(store_commit_now(batch), ERROR_NONE);
	directory->config.fail_at = 0;
	directory_close(directory);
	assert_int_equal(access(key_path(directory, "filing-2026", ".key"), F_OK), 0);
	assert_int_equal(directory_open(directory), ERROR_NONE);
	put_now(c->store, "c", "3");
	directory_close(directory);
	assert_int_equal(unlink(key_path(directory, "filing-2026", ".key")), 0);
	assert_key_refused(directory, "filing-2026", "no such file");
}

/* One that ended on purpose does not stop the start, and seals nothing any more. */
static void
destroyed_key_stops_nothing(void **state)
{
	struct directory *directory = *state;
	struct conformance *c = &directory->conformance;
	bool found;
	struct slice value;

	put_now(c->store, "a", "1");
	directory_close(directory);
	key_rename(directory, "register-2026", ".key", ".destroyed");
	assert_int_equal(directory_open(directory), ERROR_NONE);
	assert_int_equal(store_get_now(c->store, text_slice("a"), c->arena, &found, &value), ERROR_store_damaged);
	assert_non_null(strstr(store_read_failure(c->store), "data key is missing"));
	struct store_batch *batch = store_batch_create(c->store);
	store_put(batch, register_2026, text_slice("b"), text_slice("2"));
	assert_int_equal(store_commit_now(batch), ERROR_key_failed);
	directory_close(directory);
	assert_int_not_equal(access(key_path(directory, "register-2026", ".key"), F_OK), 0);
	assert_int_equal(directory_open(directory), ERROR_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lost_key_is_not_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(key_of_an_older_copy_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(key_that_no_batch_noted_is_noted_by_the_next, setup, teardown),
		cmocka_unit_test_setup_teardown(destroyed_key_stops_nothing, setup, teardown),
	};
	return cmocka_run_group_tests_name("store keys", tests, NULL, NULL);
}
