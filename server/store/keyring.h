/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of what is stored. One master key (KEYS/store-master.key, 32 random bytes, mode 0600) wraps one data key for
 * each retention class and year (KEYS/data/CLASS-YEAR.key): without a data key all that it sealed is lost. From the
 * master key also comes the secret of keyed hashes, by which what is personal enters a record's key.
 *
 * A data key is made when something is to be sealed under it first; it must be on disk before that is, so the engine
 * takes the unsaved ones along with each commit. The store notes in the same commit which key that was: one that is
 * missing later, or another of its name from an older copy, is not made anew but stops the start. A key destroyed on
 * purpose does not: one of drafts, or one in whose place there is a file CLASS-YEAR.destroyed (when that may be:
 * store.h, enum retention_class). For one thread, but for key_files_write. */
#ifndef GUICHET_STORE_KEYRING_H
#define GUICHET_STORE_KEYRING_H

#include "server/store/disk.h"
#include "server/store/store.h"

/* In KEYS. */
#define KEYRING_DATA_DIRECTORY "data"

struct keyring;

/* ---- life cycle; `directory` is KEYS; texts of faults in `arena` ---- */

/* Makes the master key and the directory of data keys; KEYS must exist. Refuses when there is a master key:
 * ERROR_file_unreadable. */
must_check enum error keyring_create(const char *directory, struct arena *arena, struct fault *fault);
/* Reads all keys. ERROR_file_unreadable: missing, or open to others; ERROR_store_damaged: a data key is not what this
 * master key wrapped. */
must_check enum error keyring_open(const char *directory, struct arena *arena, struct keyring **out,
    struct fault *fault);
/* A keyring of random keys that nobody saves, for tests. NULL when memory is short. */
must_check struct keyring *keyring_open_volatile(void);
/* Wipes and frees; NULL is allowed. */
void keyring_close(struct keyring *keyring);

/* ---- keyed hashes ---- */

#define KEYRING_HASH_SIZE ((size_t)16)

/* HMAC-SHA-256 over `label`, a zero byte and `bytes`, cut to 16 bytes. The label names what is hashed ("spi"), so that
 * equal bytes of different kinds never meet. */
void keyring_hash(const struct keyring *keyring, const char *label, struct slice bytes, uint8_t out[KEYRING_HASH_SIZE]);

/* ---- sealing: version, class, year, key id; nonce; ciphertext; tag ---- */

#define SEALED_OVERHEAD ((size_t)(8 + 12 + 16))

/* Writes plain.size + SEALED_OVERHEAD bytes. `associated` must be given again to open. ERROR_out_of_memory;
 * ERROR_key_failed, also when the data key was destroyed. */
must_check enum error keyring_seal(struct keyring *keyring, struct retention retention, struct slice associated,
    struct slice plain, uint8_t *out);
/* Writes sealed.size - SEALED_OVERHEAD bytes. ERROR_store_damaged: changed, cut, or not sealed with this `associated`.
 * ERROR_not_found: its data key is not there; *retention (may be NULL) says which. */
must_check enum error keyring_unseal(struct keyring *keyring, struct slice associated, struct slice sealed,
    uint8_t *out, struct retention *retention);

/* At most 64 random bytes, drawn in bulk; false when the generator fails. */
must_check bool keyring_random(struct keyring *keyring, uint8_t *out, size_t size);

/* ---- data keys not on disk yet ---- */

struct key_file;

struct key_files {
	struct key_file *file;
	size_t count;
	int directory;
};

/* Moves those made since the last call into *out; the caller writes them, or stops the process. False when memory is
 * short. */
must_check bool keyring_take_unsaved(struct keyring *keyring, struct key_files *out);
/* Writes and syncs them; on any thread. False with errno. */
must_check bool key_files_write(const struct key_files *files, struct disk *disk);
void key_files_free(struct key_files *files);

/* ---- the data keys that a store has used ---- */

/* Class (1 byte) and year (2), which name the key, and its id (4): what a store notes of it. */
#define KEY_IDENTITY_SIZE ((size_t)7)
#define KEY_IDENTITY_NAME_SIZE ((size_t)3)

void key_files_identity(const struct key_files *files, size_t nth, uint8_t out[KEY_IDENTITY_SIZE]);
/* The store has records under this key. ERROR_store_damaged names its file (text in `arena`) when it is missing and was
 * not destroyed, or when the one of this name is another. ERROR_out_of_memory. */
must_check enum error keyring_meet(struct keyring *keyring, const uint8_t identity[KEY_IDENTITY_SIZE],
    struct arena *arena, struct fault *fault);
/* The key of this class and year has to be there: ERROR_store_damaged as above. */
must_check enum error keyring_require(const struct keyring *keyring, struct retention retention, struct arena *arena,
    struct fault *fault);
/* To be called when keyring_meet was, for every key that the store notes. The other keys on disk are noted nowhere: a
 * crash came between their file and the commit, or the store is older than such notes. keyring_take_unsaved hands them
 * out again, so that they are noted before they are used. */
void keyring_meet_rest(struct keyring *keyring);

#endif
