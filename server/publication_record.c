/* SPDX-License-Identifier: Apache-2.0
 *
 * One record a file, written when its digest is another one than before: one batch of them on its way at a time. */
#include "server/publication_record.h"

#include <stdlib.h>

#include "protocol/check.h"
#include "protocol/digest.h"
#include "server/settings.h"
#include "server/store/keyring.h"
#include "server/store/keys.h"
#include "server/store/records.h"

/* Keys and records of both files. */
#define ARENA_SIZE ((size_t)64 * 1024)

/* What the operator changes; the rest of what is published the office makes itself, and an audit compares it. */
static const char *const files[] = { CAMPAIGN_FILE, CATALOGUE_FILE };

#define FILES_COUNT (sizeof files / sizeof files[0])

struct publication_recorder {
	struct store *store;
	struct keyring *keyring;
	struct arena *arena; /* of the batch that is made */
	void (*failed)(void *context, enum error error);
	void *context;
	bool is_away;              /* a batch is on its way */
	struct publications *next; /* held: to be put on record behind it; NULL: none */
};

static struct slice
key_of(struct keyring *keyring, const char *file, struct arena *arena)
{
	struct keyed name;

	keyring_hash(keyring, "publication", slice_of_text(file), name.bytes);
	return KEY_MAKE(arena, KEY_publication, key_part_keyed(&name));
}

const char *
publication_record_file(struct keyring *keyring, struct slice key, struct arena *arena)
{
	for (size_t i = 0; i < FILES_COUNT; i++)
		if (slice_equal(key_of(keyring, files[i], arena), key))
			return files[i];
	return NULL;
}

/* ---- making a batch ---- */

static enum error
is_on_record(struct publication_recorder *recorder, struct slice key, struct slice digest, bool *is_same)
{
	struct rec_publication record;
	struct slice value;
	bool found = false;
	enum error error = store_get_now(recorder->store, key, recorder->arena, &found, &value);

	if (error == ERROR_NONE && found)
		error = record_decode(record_publication(), value, recorder->arena, &record);
	*is_same = error == ERROR_NONE && found && slice_equal(record.digest, digest);
	return error;
}

static enum error
batch_put(struct publication_recorder *recorder, const char *file, struct slice content, struct store_batch **batch)
{
	uint8_t digest[DIGEST_SIZE];
	const struct rec_publication record = { .digest = slice_of(digest, sizeof digest) };
	struct slice key = key_of(recorder->keyring, file, recorder->arena);
	bool is_same;

	digest_bytes(content, digest);
	enum error error = is_on_record(recorder, key, record.digest, &is_same);
	if (error != ERROR_NONE || is_same)
		return error;
	struct slice value = record_encode(record_publication(), &record, recorder->arena);
	if (*batch == NULL)
		*batch = store_batch_create(recorder->store);
	if (value.size == 0 || *batch == NULL)
		return ERROR_out_of_memory;
	store_put(*batch, (struct retention){ RETENTION_PERMANENT, 0 }, key, value);
	return ERROR_NONE;
}

/* *batch is NULL when all is on record. */
static enum error
batch_make(struct publication_recorder *recorder, const struct publications *publications, struct store_batch **batch)
{
	enum error error = ERROR_NONE;

	*batch = NULL;
	arena_reset(recorder->arena);
	for (size_t i = 0; i < FILES_COUNT && error == ERROR_NONE; i++) {
		struct slice content = SLICE_EMPTY;
		bool found = publications_find(publications, slice_of_text(files[i]), &content);
		check(found);
		error = batch_put(recorder, files[i], content, batch);
	}
	if (error != ERROR_NONE && *batch != NULL) {
		store_batch_destroy(*batch);
		*batch = NULL;
	}
	return error;
}

/* ---- life ---- */

struct publication_recorder *
publication_recorder_create(struct store *store, struct keyring *keyring,
    void (*failed)(void *context, enum error error), void *context)
{
	struct publication_recorder *recorder = malloc(sizeof *recorder);

	if (recorder == NULL)
		return NULL;
	*recorder = (struct publication_recorder){ .store = store, .keyring = keyring, .failed = failed,
		.context = context, .arena = arena_create(ARENA_SIZE) };
	if (recorder->arena != NULL)
		return recorder;
	free(recorder);
	return NULL;
}

void
publication_recorder_destroy(struct publication_recorder *recorder)
{
	if (recorder == NULL)
		return;
	check(!recorder->is_away);
	publications_release(recorder->next);
	arena_destroy(recorder->arena);
	free(recorder);
}

enum error
publication_recorder_settle(struct publication_recorder *recorder, const struct publications *publications,
    struct fault *fault)
{
	struct store_batch *batch;
	enum error error = batch_make(recorder, publications, &batch);

	if (error != ERROR_NONE)
		return fault_set(fault, error, "publication", SLICE_EMPTY, "a record that can be read");
	error = batch == NULL ? ERROR_NONE : store_commit_now(batch);
	return error == ERROR_NONE ? error : fault_set(fault, error, "publication", SLICE_EMPTY, "a durable record");
}

static void recorder_told(void *context, enum store_outcome outcome, enum error error);

static void
recorder_send(struct publication_recorder *recorder, const struct publications *publications)
{
	struct store_batch *batch;
	enum error error = batch_make(recorder, publications, &batch);

	if (error != ERROR_NONE) {
		recorder->failed(recorder->context, error);
	} else if (batch != NULL) {
		recorder->is_away = true;
		store_commit(batch, recorder_told, recorder);
	}
}

/* A batch that rests on nothing is never in conflict. */
static void
recorder_told(void *context, enum store_outcome outcome, enum error error)
{
	struct publication_recorder *recorder = context;
	struct publications *next = recorder->next;

	recorder->is_away = false;
	recorder->next = NULL;
	if (outcome != STORE_DURABLE)
		recorder->failed(recorder->context, error);
	else if (next != NULL)
		recorder_send(recorder, next);
	publications_release(next);
}

void
publication_recorder_take(struct publication_recorder *recorder, struct publications *publications)
{
	if (!recorder->is_away) {
		recorder_send(recorder, publications);
		return;
	}
	publications_release(recorder->next);
	recorder->next = publications_hold(publications);
}
