/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of data keys, with the one last used of each class at hand. */
#include "server/store/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/digest.h"
#include "server/store/seal.h"

#define MASTER_NAME "store-master.key"
#define SEALED_VERSION 1
#define SEALED_HEADER_SIZE ((size_t)8)

/* A data key's file: magic with version, class, year, id; then the key sealed under the master key with all that as
 * associated data. */
#define FILE_MAGIC "GCHKEY1"
#define FILE_MAGIC_SIZE (sizeof FILE_MAGIC - 1)
#define FILE_HEADER_SIZE (FILE_MAGIC_SIZE + 1 + 2 + 4)
#define FILE_SIZE (FILE_HEADER_SIZE + SEAL_KEY_SIZE + SEAL_OVERHEAD)
#define FILE_NAME_MAX 40

struct data_key {
	struct data_key *next;
	struct retention retention;
	uint32_t id; /* random: tells a key made anew from the one lost before */
	struct seal_key *seal; /* NULL: destroyed on purpose, and not to be made anew */
	bool saved;
	bool is_met;
	uint8_t file[FILE_SIZE];
};

struct key_file {
	char name[FILE_NAME_MAX];
	uint8_t bytes[FILE_SIZE];
};

struct keyring {
	int directory; /* of the data keys; -1: they are never saved */
	struct seal_key *master;
	struct seal_random *random;
	struct digest_key *hashing;
	struct data_key *keys;
	struct data_key *recent[RETENTION_CLASS_MAX + 1];
	size_t unsaved;
};

static const char *const class_names[RETENTION_CLASS_MAX + 1] = {
	[RETENTION_PERMANENT] = "permanent",
	[RETENTION_REGISTER] = "register",
	[RETENTION_CERTIFICATE] = "certificate",
	[RETENTION_FILING] = "filing",
	[RETENTION_ATTEMPT] = "attempt",
	[RETENTION_MAIL] = "mail",
	[RETENTION_DRAFT] = "draft",
	[RETENTION_HOLD] = "hold",
};

#define KEY_END ".key"
#define DESTROYED_END ".destroyed"

static void
file_name(struct retention retention, const char *end, char name[FILE_NAME_MAX])
{
	snprintf(name, FILE_NAME_MAX, "%s-%u%s", class_names[retention.class], (unsigned)retention.year, end);
}

/* ---- data keys ---- */

static struct data_key *
key_find(const struct keyring *keyring, struct retention retention)
{
	struct data_key *key = keyring->recent[retention.class];

	if (key != NULL && key->retention.year == retention.year)
		return key;
	for (key = keyring->keys; key != NULL; key = key->next)
		if (key->retention.class == retention.class && key->retention.year == retention.year)
			return key;
	return NULL;
}

static void
key_free(struct data_key *key)
{
	seal_key_destroy(key->seal);
	free(key);
}

static void
key_add(struct keyring *keyring, struct data_key *key)
{
	key->next = keyring->keys;
	keyring->keys = key;
}

/* Fills key->file from the rest and its secret bytes. */
static bool
key_wrap(struct keyring *keyring, struct data_key *key, const uint8_t secret[SEAL_KEY_SIZE])
{
	uint8_t *at = key->file;

	memcpy(at, FILE_MAGIC, FILE_MAGIC_SIZE);
	at += FILE_MAGIC_SIZE;
	*at++ = (uint8_t)key->retention.class;
	bytes_poke_u16(at, key->retention.year);
	bytes_poke_u32(at + 2, key->id);
	return seal_put(keyring->master, keyring->random, slice_of(key->file, FILE_HEADER_SIZE), SLICE_EMPTY,
	    slice_of(secret, SEAL_KEY_SIZE), key->file + FILE_HEADER_SIZE);
}

/* A data key from its file's bytes; NULL when they are not what this master key wrapped. */
static struct data_key *
key_unwrap(struct keyring *keyring, struct slice file)
{
	uint8_t secret[SEAL_KEY_SIZE];
	struct data_key *key = NULL;

	if (file.size != FILE_SIZE || memcmp(file.data, FILE_MAGIC, FILE_MAGIC_SIZE) != 0 ||
	    !seal_open(keyring->master, slice_of(file.data, FILE_HEADER_SIZE), SLICE_EMPTY,
	    slice_from(file, FILE_HEADER_SIZE), secret))
		return NULL;
	const uint8_t *at = file.data + FILE_MAGIC_SIZE;
	if (at[0] >= RETENTION_PERMANENT && at[0] <= RETENTION_CLASS_MAX)
		key = calloc(1, sizeof *key);
	if (key != NULL) {
		key->retention = (struct retention){ (enum retention_class)at[0], bytes_peek_u16(at + 1) };
		key->id = bytes_peek_u32(at + 3);
		key->saved = true;
		memcpy(key->file, file.data, FILE_SIZE);
		key->seal = seal_key_create(secret);
		if (key->seal == NULL) {
			key_free(key);
			key = NULL;
		}
	}
	bytes_wipe(secret, sizeof secret);
	return key;
}

/* A new data key, not saved yet; NULL when memory is short or libcrypto fails. */
static struct data_key *
key_make(struct keyring *keyring, struct retention retention)
{
	uint8_t secret[SEAL_KEY_SIZE], id[4];
	struct data_key *key = calloc(1, sizeof *key);

	if (key == NULL)
		return NULL;
	bool good = RAND_priv_bytes(secret, (int)sizeof secret) == 1 && RAND_bytes(id, (int)sizeof id) == 1;
	if (good) {
		key->retention = retention;
		key->id = bytes_peek_u32(id);
		key->seal = seal_key_create(secret);
		good = key->seal != NULL && key_wrap(keyring, key, secret);
	}
	bytes_wipe(secret, sizeof secret);
	if (!good) {
		key_free(key);
		return NULL;
	}
	key->saved = keyring->directory < 0;
	keyring->unsaved += key->saved ? 0 : 1;
	key_add(keyring, key);
	return key;
}

static struct data_key *
key_use(struct keyring *keyring, struct retention retention)
{
	struct data_key *key = key_find(keyring, retention);

	if (key == NULL)
		key = key_make(keyring, retention);
	if (key != NULL)
		keyring->recent[retention.class] = key;
	return key;
}

/* ---- life cycle ---- */

/* HMAC-SHA-256(master, purpose): the master key itself is used for nothing else. */
static bool
derive(const uint8_t master[SEAL_KEY_SIZE], const char *purpose, uint8_t out[32])
{
	size_t size;

	return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, master, SEAL_KEY_SIZE, (const unsigned char *)purpose,
	    strlen(purpose), out, 32, &size) != NULL && size == 32;
}

/* A keyring without data keys; takes the directory's fd on success only. */
static struct keyring *
keyring_of(const uint8_t master[SEAL_KEY_SIZE], int directory)
{
	uint8_t wrapping[32], hashing[32];
	struct keyring *keyring = calloc(1, sizeof *keyring);

	if (keyring == NULL)
		return NULL;
	keyring->directory = -1;
	if (derive(master, "guichet store: wrapping data keys", wrapping) &&
	    derive(master, "guichet store: keyed hashes", hashing)) {
		keyring->master = seal_key_create(wrapping);
		keyring->hashing = digest_key_create(slice_of(hashing, sizeof hashing));
		keyring->random = seal_random_create();
	}
	bytes_wipe(wrapping, sizeof wrapping);
	bytes_wipe(hashing, sizeof hashing);
	if (keyring->master == NULL || keyring->hashing == NULL || keyring->random == NULL) {
		keyring_close(keyring);
		return NULL;
	}
	keyring->directory = directory;
	return keyring;
}

enum error
keyring_create(const char *directory, struct arena *arena, struct fault *fault)
{
	uint8_t master[SEAL_KEY_SIZE];
	enum error error = ERROR_NONE;
	int keys = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (keys < 0)
		return disk_fault(fault, arena, ERROR_file_unreadable, errno, "a directory", "%s", directory);
	if (faccessat(keys, MASTER_NAME, F_OK, 0) == 0)
		error = disk_fault(fault, arena, ERROR_file_unreadable, EEXIST, "no master key yet", "%s/%s", directory,
		    MASTER_NAME);
	else if (RAND_priv_bytes(master, (int)sizeof master) != 1)
		error = fault_set(fault, ERROR_key_failed, "random generator", SLICE_EMPTY, NULL);
	else if ((mkdirat(keys, KEYRING_DATA_DIRECTORY, 0700) != 0 && errno != EEXIST) ||
	    !disk_write_file(NULL, keys, MASTER_NAME, slice_of(master, sizeof master)))
		error = disk_fault(fault, arena, disk_error(errno), errno, NULL, "%s/%s", directory, MASTER_NAME);
	bytes_wipe(master, sizeof master);
	close(keys);
	return error;
}

static enum error
master_read(const char *directory, int keys, uint8_t master[SEAL_KEY_SIZE], struct arena *arena, struct fault *fault)
{
	struct stat stat;
	size_t size;

	if (fstatat(keys, MASTER_NAME, &stat, 0) != 0 ||
	    !disk_read_file(keys, MASTER_NAME, master, SEAL_KEY_SIZE, &size))
		return disk_fault(fault, arena, ERROR_file_unreadable, errno, "32 bytes", "%s/" MASTER_NAME, directory);
	if (size != SEAL_KEY_SIZE)
		return disk_fault(fault, arena, ERROR_file_unreadable, 0, "32 bytes", "%s/" MASTER_NAME, directory);
	if ((stat.st_mode & 077) != 0)
		return disk_fault(fault, arena, ERROR_file_unreadable, EPERM, "mode 0600", "%s/" MASTER_NAME,
		    directory);
	return ERROR_NONE;
}

/* Reads one data key, which has to be what its name says. */
static enum error
data_read(struct keyring *keyring, const char *name, struct arena *arena, struct fault *fault)
{
	uint8_t bytes[FILE_SIZE];
	char expected[FILE_NAME_MAX];
	size_t size = 0;

	if (!disk_read_file(keyring->directory, name, bytes, sizeof bytes, &size) && errno != EFBIG)
		return disk_fault(fault, arena, ERROR_file_unreadable, errno, NULL, KEYRING_DATA_DIRECTORY "/%s", name);
	struct data_key *key = key_unwrap(keyring, slice_of(bytes, size));
	if (key != NULL) {
		key_add(keyring, key);
		file_name(key->retention, KEY_END, expected);
		if (strcmp(expected, name) == 0)
			return ERROR_NONE;
	}
	return disk_fault(fault, arena, ERROR_store_damaged, 0, "a data key wrapped by this master key",
	    KEYRING_DATA_DIRECTORY "/%s", name);
}

static enum error
data_read_all(struct keyring *keyring, struct arena *arena, struct fault *fault)
{
	enum error error = ERROR_NONE;
	/* fdopendir takes its fd. */
	int fd = openat(keyring->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (entries == NULL) {
		if (fd >= 0)
			close(fd);
		return disk_fault(fault, arena, ERROR_file_unreadable, errno, NULL, KEYRING_DATA_DIRECTORY);
	}
	while (error == ERROR_NONE && (entry = readdir(entries)) != NULL) {
		size_t size = strlen(entry->d_name);
		if (size > 4 && strcmp(entry->d_name + size - 4, KEY_END) == 0)
			error = data_read(keyring, entry->d_name, arena, fault);
	}
	closedir(entries);
	return error;
}

enum error
keyring_open(const char *directory, struct arena *arena, struct keyring **out, struct fault *fault)
{
	uint8_t master[SEAL_KEY_SIZE];
	struct keyring *keyring = NULL;
	int data = -1;
	int keys = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (keys < 0)
		return disk_fault(fault, arena, ERROR_file_unreadable, errno, "a directory", "%s", directory);
	enum error error = master_read(directory, keys, master, arena, fault);
	if (error == ERROR_NONE) {
		data = openat(keys, KEYRING_DATA_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (data < 0)
			error = disk_fault(fault, arena, ERROR_file_unreadable, errno, "a directory",
			    "%s/" KEYRING_DATA_DIRECTORY, directory);
	}
	if (error == ERROR_NONE) {
		keyring = keyring_of(master, data);
		error = keyring == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) : ERROR_NONE;
	}
	bytes_wipe(master, sizeof master);
	close(keys);
	if (keyring == NULL && data >= 0)
		close(data);
	if (error == ERROR_NONE)
		error = data_read_all(keyring, arena, fault);
	if (error != ERROR_NONE) {
		keyring_close(keyring);
		return error;
	}
	*out = keyring;
	return ERROR_NONE;
}

struct keyring *
keyring_open_volatile(void)
{
	uint8_t master[SEAL_KEY_SIZE];

	if (RAND_priv_bytes(master, (int)sizeof master) != 1)
		return NULL;
	struct keyring *keyring = keyring_of(master, -1);
	bytes_wipe(master, sizeof master);
	return keyring;
}

void
keyring_close(struct keyring *keyring)
{
	if (keyring == NULL)
		return;
	while (keyring->keys != NULL) {
		struct data_key *next = keyring->keys->next;
		key_free(keyring->keys);
		keyring->keys = next;
	}
	seal_key_destroy(keyring->master);
	seal_random_destroy(keyring->random);
	digest_key_destroy(keyring->hashing);
	if (keyring->directory >= 0)
		close(keyring->directory);
	free(keyring);
}

/* ---- keyed hashes ---- */

void
keyring_hash(const struct keyring *keyring, const char *label, struct slice bytes, uint8_t out[KEYRING_HASH_SIZE])
{
	const struct slice pieces[] = { slice_of(label, strlen(label) + 1), bytes };
	uint8_t full[DIGEST_SIZE];

	digest_keyed(keyring->hashing, pieces, 2, full);
	memcpy(out, full, KEYRING_HASH_SIZE);
}

/* ---- sealing ---- */

enum error
keyring_seal(struct keyring *keyring, struct retention retention, struct slice associated, struct slice plain,
    uint8_t *out)
{
	struct data_key *key = key_use(keyring, retention);

	if (key == NULL || key->seal == NULL)
		return ERROR_key_failed;
	out[0] = SEALED_VERSION;
	out[1] = (uint8_t)retention.class;
	bytes_poke_u16(out + 2, retention.year);
	bytes_poke_u32(out + 4, key->id);
	return seal_put(key->seal, keyring->random, slice_of(out, SEALED_HEADER_SIZE), associated, plain,
	    out + SEALED_HEADER_SIZE) ? ERROR_NONE : ERROR_key_failed;
}

enum error
keyring_unseal(struct keyring *keyring, struct slice associated, struct slice sealed, uint8_t *out,
    struct retention *retention)
{
	if (sealed.size < SEALED_OVERHEAD || sealed.data[0] != SEALED_VERSION ||
	    sealed.data[1] < RETENTION_PERMANENT || sealed.data[1] > RETENTION_CLASS_MAX)
		return ERROR_store_damaged;
	struct retention named = { (enum retention_class)sealed.data[1], bytes_peek_u16(sealed.data + 2) };
	if (retention != NULL)
		*retention = named;
	struct data_key *key = key_find(keyring, named);
	if (key == NULL || key->seal == NULL || key->id != bytes_peek_u32(sealed.data + 4))
		return ERROR_not_found;
	return seal_open(key->seal, slice_of(sealed.data, SEALED_HEADER_SIZE), associated,
	    slice_from(sealed, SEALED_HEADER_SIZE), out) ? ERROR_NONE : ERROR_store_damaged;
}

bool
keyring_random(struct keyring *keyring, uint8_t *out, size_t size)
{
	return seal_random_draw(keyring->random, out, size);
}

/* ---- data keys not on disk yet ---- */

bool
keyring_take_unsaved(struct keyring *keyring, struct key_files *out)
{
	*out = (struct key_files){ NULL, 0, keyring->directory };
	if (keyring->unsaved == 0)
		return true;
	out->file = calloc(keyring->unsaved, sizeof *out->file);
	if (out->file == NULL)
		return false;
	for (struct data_key *key = keyring->keys; key != NULL; key = key->next) {
		if (key->saved)
			continue;
		struct key_file *file = &out->file[out->count++];
		file_name(key->retention, KEY_END, file->name);
		memcpy(file->bytes, key->file, FILE_SIZE);
		key->saved = key->is_met = true;
	}
	check(out->count == keyring->unsaved);
	keyring->unsaved = 0;
	return true;
}

bool
key_files_write(const struct key_files *files, struct disk *disk)
{
	for (size_t i = 0; i < files->count; i++)
		if (!disk_write_file(disk, files->directory, files->file[i].name,
		    slice_of(files->file[i].bytes, FILE_SIZE)))
			return false;
	return true;
}

void
key_files_free(struct key_files *files)
{
	free(files->file);
	files->file = NULL;
}

/* ---- the data keys that a store has used ---- */

void
key_files_identity(const struct key_files *files, size_t nth, uint8_t out[KEY_IDENTITY_SIZE])
{
	check(nth < files->count);
	memcpy(out, files->file[nth].bytes + FILE_MAGIC_SIZE, KEY_IDENTITY_SIZE);
}

/* Drafts' keys live for days and end by being removed; others end with a word that says so. */
static bool
is_destroyed(const struct keyring *keyring, struct retention retention)
{
	char name[FILE_NAME_MAX];

	file_name(retention, DESTROYED_END, name);
	return retention.class == RETENTION_DRAFT || faccessat(keyring->directory, name, F_OK, 0) == 0;
}

/* Stands in the place of a key that is gone, so that none is made of its name. */
static enum error
key_bury(struct keyring *keyring, struct retention retention, uint32_t id, struct fault *fault)
{
	struct data_key *key = calloc(1, sizeof *key);

	if (key == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	*key = (struct data_key){ .retention = retention, .id = id, .saved = true, .is_met = true };
	key_add(keyring, key);
	return ERROR_NONE;
}

static enum error
key_refuse(struct retention retention, struct slice found, struct arena *arena, struct fault *fault)
{
	char name[FILE_NAME_MAX];

	file_name(retention, KEY_END, name);
	disk_fault(fault, arena, ERROR_store_damaged, 0,
	    "the data key that records were sealed with: put it back from a copy of the keys",
	    KEYRING_DATA_DIRECTORY "/%s", name);
	fault->value = found;
	return ERROR_store_damaged;
}

enum error
keyring_meet(struct keyring *keyring, const uint8_t identity[KEY_IDENTITY_SIZE], struct arena *arena,
    struct fault *fault)
{
	const struct retention retention = { (enum retention_class)identity[0], bytes_peek_u16(identity + 1) };
	const uint32_t id = bytes_peek_u32(identity + 3);

	if (retention.class < RETENTION_PERMANENT || retention.class > RETENTION_CLASS_MAX)
		return disk_fault(fault, arena, ERROR_store_damaged, 0, "a class of records", "a data key");
	struct data_key *key = key_find(keyring, retention);
	if (key != NULL && key->id == id) {
		key->is_met = true;
		return ERROR_NONE;
	}
	if (key == NULL && is_destroyed(keyring, retention))
		return key_bury(keyring, retention, id, fault);
	return key_refuse(retention,
	    key == NULL ? SLICE_LITERAL("no such file") : SLICE_LITERAL("another key of this name"), arena, fault);
}

enum error
keyring_require(const struct keyring *keyring, struct retention retention, struct arena *arena, struct fault *fault)
{
	return key_find(keyring, retention) != NULL ? ERROR_NONE :
	    key_refuse(retention, SLICE_LITERAL("no such file"), arena, fault);
}

void
keyring_meet_rest(struct keyring *keyring)
{
	for (struct data_key *key = keyring->keys; key != NULL; key = key->next)
		if (key->saved && !key->is_met && keyring->directory >= 0) {
			key->saved = false;
			keyring->unsaved++;
		}
}
