/* SPDX-License-Identifier: Apache-2.0
 *
 * One record a file, written when its digest is another one than before: one set of them on its way at a time. */
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
	struct publication_recorder_calls calls;
	struct publications *current; /* held: what is put on record now; NULL: nothing, and nothing is on its way */
	struct publications *next;    /* held: to be put on record behind it; NULL: none */
	struct store_read reads[FILES_COUNT];
	bool is_settling;
	enum error error; /* of the last that was put on record, what was missed, and why (struct store_read) */
	const char *expected, *cause;
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

struct slice
publication_record_key(struct keyring *keyring, size_t nth, struct arena *arena, const char **file)
{
	*file = nth < FILES_COUNT ? files[nth] : NULL;
	return *file == NULL ? SLICE_EMPTY : key_of(keyring, *file, arena);
}

/* ---- making a batch ---- */

/* Is that digest the one that was read? One that is not was the file's before. */
static enum error
is_on_record(struct publication_recorder *recorder, size_t nth, struct slice digest, bool *is_same)
{
	const struct store_read *read = &recorder->reads[nth];
	struct rec_publication record;
	enum error error = read->error;

	recorder->cause = read->cause;
	if (error == ERROR_NONE && read->found)
		error = record_decode(record_publication(), read->value, recorder->arena, &record);
	if (error == ERROR_store_damaged && read->error == ERROR_NONE)
		recorder->cause = "the record of a published file is not of its kind";
	*is_same = error == ERROR_NONE && read->found && slice_equal(record.digest, digest);
	if (error == ERROR_NONE && read->found && !*is_same && recorder->calls.changed != NULL)
		recorder->calls.changed(recorder->calls.context, files[nth]);
	return error;
}

static enum error
batch_put(struct publication_recorder *recorder, size_t nth, struct slice content, struct store_batch **batch)
{
	uint8_t digest[DIGEST_SIZE];
	const struct rec_publication record = { .digest = slice_of(digest, sizeof digest) };
	bool is_same;

	digest_bytes(content, digest);
	enum error error = is_on_record(recorder, nth, record.digest, &is_same);
	if (error != ERROR_NONE || is_same)
		return error;
	struct slice value = record_encode(record_publication(), &record, recorder->arena);
	if (*batch == NULL)
		*batch = store_batch_create(recorder->store);
	if (value.size == 0 || *batch == NULL)
		return ERROR_out_of_memory;
	store_put(*batch, (struct retention){ RETENTION_PERMANENT, 0 }, recorder->reads[nth].key, value);
	return ERROR_NONE;
}

/* Of what was read. *batch is NULL when all is on record. */
static enum error
batch_make(struct publication_recorder *recorder, struct store_batch **batch)
{
	enum error error = ERROR_NONE;

	*batch = NULL;
	for (size_t i = 0; i < FILES_COUNT && error == ERROR_NONE; i++) {
		struct slice content = SLICE_EMPTY;
		bool found = publications_find(recorder->current, slice_of_text(files[i]), &content);
		check(found);
		error = batch_put(recorder, i, content, batch);
	}
	if (error != ERROR_NONE && *batch != NULL) {
		store_batch_destroy(*batch);
		*batch = NULL;
	}
	return error;
}

/* ---- from reading to durable ---- */

static void recorder_read(struct publication_recorder *recorder, struct publications *publications);

static void
recorder_end(struct publication_recorder *recorder, enum error error, const char *expected)
{
	struct publications *next = recorder->next;

	publications_release(recorder->current);
	recorder->current = recorder->next = NULL;
	recorder->error = error;
	recorder->expected = expected;
	if (error != ERROR_NONE && !recorder->is_settling)
		recorder->calls.failed(recorder->calls.context, error, recorder->cause);
	else if (error == ERROR_NONE && next != NULL)
		recorder_read(recorder, next);
	publications_release(next);
}

/* A batch that rests on nothing is never in conflict. */
static void
recorder_told(void *context, enum store_outcome outcome, enum error error)
{
	struct publication_recorder *recorder = context;

	recorder->cause = store_failure(recorder->store);
	recorder_end(recorder, outcome == STORE_DURABLE ? ERROR_NONE : error, "a durable record");
}

static void
recorder_loaded(void *context, enum error ignored)
{
	struct publication_recorder *recorder = context;
	struct store_batch *batch;
	enum error error = batch_make(recorder, &batch);

	(void)ignored;
	if (batch != NULL)
		store_commit(batch, recorder_told, recorder);
	else
		recorder_end(recorder, error, "a record that can be read");
}

static void
recorder_read(struct publication_recorder *recorder, struct publications *publications)
{
	recorder->current = publications_hold(publications);
	recorder->cause = "";
	arena_reset(recorder->arena);
	for (size_t i = 0; i < FILES_COUNT; i++) {
		recorder->reads[i] = (struct store_read){ .kind = STORE_GET, .arena = recorder->arena,
			.key = key_of(recorder->keyring, files[i], recorder->arena) };
		if (recorder->reads[i].key.size == 0) {
			recorder_end(recorder, ERROR_out_of_memory, "memory for a key");
			return;
		}
	}
	if (store_read(recorder->store, recorder->reads, FILES_COUNT, recorder_loaded, recorder) == STORE_READY)
		recorder_loaded(recorder, ERROR_NONE);
}

/* ---- life ---- */

struct publication_recorder *
publication_recorder_create(
    struct store *store, struct keyring *keyring, const struct publication_recorder_calls *calls)
{
	struct publication_recorder *recorder = malloc(sizeof *recorder);

	if (recorder == NULL)
		return NULL;
	*recorder = (struct publication_recorder){ .store = store, .keyring = keyring, .calls = *calls,
		.arena = arena_create(ARENA_SIZE) };
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
	check(recorder->current == NULL);
	arena_destroy(recorder->arena);
	free(recorder);
}

enum error
publication_recorder_settle(
    struct publication_recorder *recorder, struct publications *publications, struct fault *fault)
{
	check(recorder->current == NULL);
	recorder->is_settling = true;
	recorder_read(recorder, publications);
	if (recorder->current != NULL)
		store_wait(recorder->store);
	check(recorder->current == NULL);
	recorder->is_settling = false;
	return recorder->error == ERROR_NONE ? ERROR_NONE :
	    fault_set(fault, recorder->error, "publication", SLICE_EMPTY, recorder->expected);
}

void
publication_recorder_take(struct publication_recorder *recorder, struct publications *publications)
{
	if (recorder->current == NULL) {
		recorder_read(recorder, publications);
		return;
	}
	publications_release(recorder->next);
	recorder->next = publications_hold(publications);
}
