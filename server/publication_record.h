/* SPDX-License-Identifier: Apache-2.0
 *
 * Campaign and catalogue as the office took them last, on record by their digests: at init, at every start and at every
 * reload. A byte that changes in the published file afterwards is found by an audit; what the operator changes is found
 * too until the server has taken it, and never after: of that the log has a line (`changed`). */
#ifndef GUICHET_PUBLICATION_RECORD_H
#define GUICHET_PUBLICATION_RECORD_H

#include "server/publications.h"
#include "server/store/store.h"

struct keyring;
struct publication_recorder;

struct publication_recorder_calls {
	/* What a recorder writes while the server runs has not become durable, or a record cannot be read, with the
	 * cause in words; final, as the store's errors are. For `settle` alone it may be NULL. */
	void (*failed)(void *context, enum error error, const char *cause);
	/* A file is not what is on record, and is put there as it is now. May be NULL. */
	void (*changed)(void *context, const char *file);
	void *context;
};

/* store, keyring and what context points to are borrowed. NULL when memory is short. */
must_check struct publication_recorder *publication_recorder_create(
    struct store *store, struct keyring *keyring, const struct publication_recorder_calls *calls);
/* Nothing may be on its way (asserted). NULL is allowed. */
void publication_recorder_destroy(struct publication_recorder *recorder);

/* Puts those files on record unless they are, and waits until that is durable: for init and start. Nothing may be on
 * its way (asserted). The fault's texts are constants. */
must_check enum error publication_recorder_settle(
    struct publication_recorder *recorder, struct publications *publications, struct fault *fault);
/* The same without waiting, for a reload: they are held until it is their turn. Of several the last one counts. */
void publication_recorder_take(struct publication_recorder *recorder, struct publications *publications);

/* The file that the record behind a key is of; NULL when it is none's. A constant. */
const char *publication_record_file(struct keyring *keyring, struct slice key, struct arena *arena);
/* The key of the record of the nth file, in the arena (empty when that is full), and the file: NULL behind the last. */
struct slice publication_record_key(struct keyring *keyring, size_t nth, struct arena *arena, const char **file);

#endif
