/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing and its keys: a published vector, what must not open, keys that survive, keys that are gone. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/store/keyring.h"
#include "server/store/seal.h"

static const struct retention filing_2026 = { RETENTION_FILING, 2026 };
static const struct retention filing_2027 = { RETENTION_FILING, 2027 };

struct fixture {
	char path[64];
	struct arena *arena;
	struct keyring *keyring;
	struct fault fault;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->arena = arena_create(65536);
	strcpy(f->path, "/tmp/guichet-keys-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	assert_int_equal(keyring_create(f->path, f->arena, &f->fault), ERROR_NONE);
	assert_int_equal(keyring_open(f->path, f->arena, &f->keyring, &f->fault), ERROR_NONE);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[100];

	keyring_close(f->keyring);
	snprintf(command, sizeof command, "rm -r %s", f->path);
	assert_int_equal(system(command), 0);
	arena_destroy(f->arena);
	free(f);
	return 0;
}

static enum error
reopen(struct fixture *f)
{
	keyring_close(f->keyring);
	f->keyring = NULL;
	return keyring_open(f->path, f->arena, &f->keyring, &f->fault);
}

static const char *
path_of(struct fixture *f, const char *name)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%s", f->path, name);
	return path;
}

static void
flip(const char *path, long at)
{
	FILE *file = fopen(path, "r+b");

	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	int byte = fgetc(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_int_not_equal(fputc(byte ^ 1, file), EOF);
	assert_int_equal(fclose(file), 0);
}

/* ---- sealing ---- */

/* "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega, test case 16: nonce, ciphertext and tag in a row,
 * as we keep them. */
static void
published_vector_opens(void **state)
{
	static const char sealed_hex[] = "cafebabefacedbaddecaf888"
	    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	    "76fc6ece0f4e1768cddf8853bb2d551b";
	static const char key_hex[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
	static const char plain_hex[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
	uint8_t key[32], sealed[88], plain[60], associated[20], out[60], again[88];

	(void)state;
	assert_true(hex_decode(SLICE_LITERAL(key_hex), key, 32));
	assert_true(hex_decode(SLICE_LITERAL("feedfacedeadbeeffeedfacedeadbeefabaddad2"), associated, 20));
	assert_true(hex_decode(SLICE_LITERAL(sealed_hex), sealed, sizeof sealed));
	assert_true(hex_decode(SLICE_LITERAL(plain_hex), plain, sizeof plain));
	struct seal_key *seal = seal_key_create(key);
	assert_non_null(seal);
	/* What is associated may come in two parts, cut anywhere. */
	for (size_t cut = 1; cut <= 20; cut += 7) {
		assert_true(seal_open(seal, slice_of(associated, cut), slice_of(associated + cut, 20 - cut),
		    slice_of(sealed, sizeof sealed), out));
		assert_memory_equal(out, plain, sizeof plain);
		/* And sealed under the same nonce they are the same. */
		assert_true(seal_put_drawn(seal, sealed, slice_of(associated, cut),
		    slice_of(associated + cut, 20 - cut), slice_of(plain, sizeof plain), again));
		assert_memory_equal(again, sealed, sizeof sealed);
	}
	seal_key_destroy(seal);
}

static void
nothing_changed_opens(void **state)
{
	struct fixture *f = *state;
	uint8_t sealed[100 + SEALED_OVERHEAD], again[100 + SEALED_OVERHEAD], plain[100], out[100];
	const struct slice key = SLICE_LITERAL("the record's key"), other = SLICE_LITERAL("another's key");
	const struct slice whole = slice_of(sealed, sizeof sealed);

	memset(plain, 'p', sizeof plain);
	assert_int_equal(keyring_seal(f->keyring, filing_2026, key, slice_of(plain, 100), sealed), ERROR_NONE);
	assert_int_equal(keyring_seal(f->keyring, filing_2026, key, slice_of(plain, 100), again), ERROR_NONE);
	assert_memory_not_equal(sealed + 8, again + 8, 12);
	assert_memory_not_equal(sealed + 20, again + 20, 100);
	assert_int_equal(keyring_unseal(f->keyring, key, whole, out, NULL), ERROR_NONE);
	assert_memory_equal(out, plain, 100);

	assert_int_equal(keyring_unseal(f->keyring, other, whole, out, NULL), ERROR_store_damaged);
	for (size_t i = 0; i < sizeof sealed; i++) {
		sealed[i] ^= 4;
		memset(out, 'p', sizeof out);
		/* Class, year and key id lead to another key, or to none. */
		enum error error = keyring_unseal(f->keyring, key, whole, out, NULL);
		assert_true(error == ERROR_store_damaged || (i >= 1 && i < 8 && error == ERROR_not_found));
		if (i >= 8)
			assert_int_equal(out[50], 0);
		sealed[i] ^= 4;
	}
	for (size_t size = 0; size < sizeof sealed; size++)
		assert_int_equal(keyring_unseal(f->keyring, key, slice_of(sealed, size), out, NULL),
		    ERROR_store_damaged);
}

static void
forked_child_draws_its_own(void **state)
{
	struct seal_random *random = seal_random_create();
	uint8_t mine[16], theirs[16];
	int fds[2];

	(void)state;
	assert_non_null(random);
	assert_true(seal_random_draw(random, mine, sizeof mine));
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (!seal_random_draw(random, mine, sizeof mine))
			_exit(1);
		_exit(write(fds[1], mine, sizeof mine) == sizeof mine ? 0 : 1);
	}
	assert_true(seal_random_draw(random, mine, sizeof mine));
	assert_int_equal(read(fds[0], theirs, sizeof theirs), sizeof theirs);
	assert_memory_not_equal(mine, theirs, sizeof mine);
	waitpid(child, NULL, 0);
	close(fds[0]);
	close(fds[1]);
	seal_random_destroy(random);
}

/* ---- keys ---- */

/* Makes the key of filing_2026 by its use, unless there is one, and saves it. */
static void
save_key(struct fixture *f)
{
	uint8_t sealed[SEALED_OVERHEAD];
	struct key_files files;

	assert_int_equal(keyring_seal(f->keyring, filing_2026, SLICE_EMPTY, SLICE_EMPTY, sealed), ERROR_NONE);
	assert_true(keyring_take_unsaved(f->keyring, &files));
	assert_true(key_files_write(&files, NULL));
	key_files_free(&files);
}

static void
keys_survive_when_saved(void **state)
{
	struct fixture *f = *state;
	uint8_t sealed[2][3 + SEALED_OVERHEAD], out[3];
	const struct slice first = slice_of(sealed[0], sizeof sealed[0]);
	const struct slice second = slice_of(sealed[1], sizeof sealed[1]);
	const struct slice one = SLICE_LITERAL("one"), two = SLICE_LITERAL("two");
	struct key_files files;
	struct retention retention;

	save_key(f);
	assert_int_equal(keyring_seal(f->keyring, filing_2026, SLICE_EMPTY, one, sealed[0]), ERROR_NONE);
	/* This one is made by its use, and saved by whoever commits. */
	assert_int_equal(keyring_seal(f->keyring, filing_2027, SLICE_EMPTY, two, sealed[1]), ERROR_NONE);
	assert_true(keyring_take_unsaved(f->keyring, &files));
	assert_int_equal(files.count, 1);
	assert_true(key_files_write(&files, NULL));
	key_files_free(&files);
	assert_true(keyring_take_unsaved(f->keyring, &files));
	assert_int_equal(files.count, 0);

	assert_int_equal(reopen(f), ERROR_NONE);
	assert_int_equal(keyring_unseal(f->keyring, SLICE_EMPTY, first, out, NULL), ERROR_NONE);
	assert_memory_equal(out, "one", 3);
	assert_int_equal(keyring_unseal(f->keyring, SLICE_EMPTY, second, out, &retention), ERROR_NONE);
	assert_memory_equal(out, "two", 3);
	assert_int_equal(retention.year, 2027);
}

static void
key_made_anew_is_another(void **state)
{
	struct fixture *f = *state;
	uint8_t sealed[3 + SEALED_OVERHEAD], out[3];
	struct retention retention;

	save_key(f);
	assert_int_equal(keyring_seal(f->keyring, filing_2026, SLICE_EMPTY, SLICE_LITERAL("one"), sealed), ERROR_NONE);
	assert_int_equal(unlink(path_of(f, "data/filing-2026.key")), 0);
	assert_int_equal(reopen(f), ERROR_NONE);
	assert_int_equal(keyring_unseal(f->keyring, SLICE_EMPTY, slice_of(sealed, sizeof sealed), out, &retention),
	    ERROR_not_found);
	/* Nor does a new one of the same name open what the old one sealed. */
	save_key(f);
	assert_int_equal(keyring_unseal(f->keyring, SLICE_EMPTY, slice_of(sealed, sizeof sealed), out, &retention),
	    ERROR_not_found);
	assert_int_equal(retention.class, RETENTION_FILING);
	assert_int_equal(retention.year, 2026);
}

static void
changed_key_files_are_named(void **state)
{
	struct fixture *f = *state;
	char other[128];

	save_key(f);
	for (long at = 0; at < 74; at += 5) {
		flip(path_of(f, "data/filing-2026.key"), at);
		assert_int_equal(reopen(f), ERROR_store_damaged);
		assert_true(slice_equal_text(f->fault.place, "data/filing-2026.key"));
		flip(path_of(f, "data/filing-2026.key"), at);
	}
	snprintf(other, sizeof other, "%s/data/filing-2025.key", f->path);
	assert_int_equal(rename(path_of(f, "data/filing-2026.key"), other), 0);
	assert_int_equal(reopen(f), ERROR_store_damaged);
	assert_int_equal(rename(other, path_of(f, "data/filing-2026.key")), 0);
	assert_int_equal(reopen(f), ERROR_NONE);
	/* Another master key opens none of it. */
	flip(path_of(f, "store-master.key"), 3);
	assert_int_equal(reopen(f), ERROR_store_damaged);
}

static void
master_key_is_guarded(void **state)
{
	struct fixture *f = *state;
	struct stat stat_of;
	const char *path = path_of(f, "store-master.key");

	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 0777, 0600);
	assert_int_equal(stat_of.st_size, 32);
	assert_int_equal(keyring_create(f->path, f->arena, &f->fault), ERROR_file_unreadable);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(reopen(f), ERROR_file_unreadable);
	assert_true(slice_equal_text(f->fault.expected, "mode 0600"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 31), 0);
	assert_int_equal(reopen(f), ERROR_file_unreadable);
}

/* ---- keyed hashes ---- */

static void
hashes_depend_on_all_and_last(void **state)
{
	struct fixture *f = *state;
	uint8_t a[16], b[16];

	keyring_hash(f->keyring, "spi", SLICE_LITERAL("1234567890123"), a);
	keyring_hash(f->keyring, "spi", SLICE_LITERAL("1234567890124"), b);
	assert_memory_not_equal(a, b, 16);
	keyring_hash(f->keyring, "siren", SLICE_LITERAL("1234567890123"), b);
	assert_memory_not_equal(a, b, 16);
	assert_int_equal(reopen(f), ERROR_NONE);
	keyring_hash(f->keyring, "spi", SLICE_LITERAL("1234567890123"), b);
	assert_memory_equal(a, b, 16);
	struct keyring *other = keyring_open_volatile();
	assert_non_null(other);
	keyring_hash(other, "spi", SLICE_LITERAL("1234567890123"), b);
	assert_memory_not_equal(a, b, 16);
	keyring_close(other);
}

/* What stands in every key on disk: computed with Python's hmac module from a master key of the bytes 1 to 32. */
static void
hashes_stay_what_they_are(void **state)
{
	struct fixture *f = *state;
	uint8_t master[32], expected[16], hash[16];
	FILE *file = fopen(path_of(f, "store-master.key"), "wb");

	for (size_t i = 0; i < sizeof master; i++)
		master[i] = (uint8_t)(i + 1);
	assert_non_null(file);
	assert_int_equal(fwrite(master, 1, sizeof master, file), sizeof master);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(reopen(f), ERROR_NONE);
	keyring_hash(f->keyring, "spi", SLICE_LITERAL("1234567890123"), hash);
	assert_true(hex_decode(SLICE_LITERAL("c2683cf23d30cb2dab9ab57b1cd8bd4e"), expected, sizeof expected));
	assert_memory_equal(hash, expected, sizeof expected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vector_opens),
		cmocka_unit_test_setup_teardown(nothing_changed_opens, setup, teardown),
		cmocka_unit_test(forked_child_draws_its_own),
		cmocka_unit_test_setup_teardown(keys_survive_when_saved, setup, teardown),
		cmocka_unit_test_setup_teardown(key_made_anew_is_another, setup, teardown),
		cmocka_unit_test_setup_teardown(changed_key_files_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(master_key_is_guarded, setup, teardown),
		cmocka_unit_test_setup_teardown(hashes_depend_on_all_and_last, setup, teardown),
		cmocka_unit_test_setup_teardown(hashes_stay_what_they_are, setup, teardown),
	};
	return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
