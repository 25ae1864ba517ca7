/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads that nobody completed: forgotten once their time is over, some at a step, and nothing else with them; and
 * what they leave behind stays on the account of who sent it. */
#include "tests/unit/people.h"

#include <string.h>

#include "protocol/digest.h"
#include "server/services/part.h"
#include "server/services/uploads.h"

static struct slice
filled(struct decision_fixture *fixture, uint8_t byte, size_t size)
{
	uint8_t *bytes = arena_alloc(fixture->arena, size);
	assert_non_null(bytes);
	memset(bytes, byte, size);
	return slice_of(bytes, size);
}

static struct slice
upload_key(struct decision_fixture *fixture, uint8_t id)
{
	return KEY_MAKE(fixture->arena, KEY_upload, filled(fixture, id, DIGEST_SIZE));
}

static struct slice
document_key(struct decision_fixture *fixture, uint8_t id, uint8_t digest)
{
	return KEY_MAKE(fixture->arena, KEY_upload_document, filled(fixture, id, DIGEST_SIZE),
	    filled(fixture, digest, DIGEST_SIZE));
}

static struct slice
expiry_key(struct decision_fixture *fixture, uint8_t id, uint64_t opened_at)
{
	return KEY_MAKE(fixture->arena, KEY_upload_expiry, key_part_u64(fixture->arena, opened_at + UPLOAD_LIFE_S),
	    filled(fixture, id, DIGEST_SIZE));
}

/* An upload of two documents, as it is opened. */
static void
upload_put(struct decision_fixture *fixture, uint8_t id, uint64_t opened_at, uint64_t announced)
{
	struct rec_upload upload = { .signer = filled(fixture, 7, 16), .opened_at = opened_at, .announced = announced };
	uint8_t state[DIGEST_STATE_SIZE];

	digest_state_start(state);
	struct rec_upload_document document = { .size = 100, .received = 40, .state = slice_of(state, sizeof state) };
	decision_fixture_put(fixture, upload_key(fixture, id), record_upload(), &upload);
	decision_fixture_put(fixture, expiry_key(fixture, id, opened_at), record_upload(), &upload);
	decision_fixture_put(fixture, document_key(fixture, id, 1), record_upload_document(), &document);
	decision_fixture_put(fixture, document_key(fixture, id, 0xff), record_upload_document(), &document);
}

static bool
upload_is_there(struct decision_fixture *fixture, uint8_t id, uint64_t opened_at)
{
	struct rec_upload upload;
	struct rec_upload_document document;
	int there = decision_fixture_get(fixture, upload_key(fixture, id), record_upload(), &upload);

	there += decision_fixture_get(fixture, expiry_key(fixture, id, opened_at), record_upload(), &upload);
	there += decision_fixture_get(fixture, document_key(fixture, id, 1), record_upload_document(), &document);
	there += decision_fixture_get(fixture, document_key(fixture, id, 0xff), record_upload_document(), &document);
	assert_true(there == 0 || there == 4);
	return there == 4;
}

static void
sweep(struct decision_fixture *fixture)
{
	const struct effects *effects = decision_fixture_run(fixture, decide_upload_sweep, message_done(), NULL);
	assert_int_equal(effects->refusal.error, ERROR_NONE);
}

static void
expired_uploads_go_and_others_stay(void **state)
{
	(void)state;
	struct decision_fixture *fixture = decision_fixture_create(NULL);
	struct rec_quota quota = { .announced = 600 };
	struct slice quota_key = KEY_MAKE(fixture->arena, KEY_quota, filled(fixture, 7, 16));
	uint64_t now = FIXTURE_NOW;

	decision_fixture_put(fixture, quota_key, record_quota(), &quota);
	upload_put(fixture, 0x10, now, 100);
	upload_put(fixture, 0x11, now + 1, 200);
	upload_put(fixture, 0xff, now + 1000, 300);

	fixture->now = now + UPLOAD_LIFE_S;
	sweep(fixture);
	assert_true(upload_is_there(fixture, 0x10, now)); /* its last second */

	fixture->now = now + UPLOAD_LIFE_S + 2;
	sweep(fixture);
	assert_false(upload_is_there(fixture, 0x10, now));
	assert_false(upload_is_there(fixture, 0x11, now + 1));
	assert_true(upload_is_there(fixture, 0xff, now + 1000));
	assert_true(decision_fixture_get(fixture, quota_key, record_quota(), &quota));
	/* Both were of one signer. */
	assert_int_equal(quota.announced, 300);
	assert_int_equal(quota.given_up, 2 * (40 + 40));
	decision_fixture_destroy(fixture);
}

static unsigned
uploads_left(struct decision_fixture *fixture, unsigned count)
{
	struct rec_upload upload;
	unsigned left = 0;

	for (unsigned id = 1; id <= count; id++)
		left += decision_fixture_get(fixture, upload_key(fixture, (uint8_t)id), record_upload(), &upload);
	return left;
}

/* As many as a decision may write, and never more. */
static void
a_step_takes_several_uploads(void **state)
{
	(void)state;
	struct decision_fixture *fixture = decision_fixture_create(NULL);
	struct rec_upload_document document = { .size = 100, .state = filled(fixture, 0, DIGEST_STATE_SIZE) };

	for (unsigned id = 1; id <= UPLOAD_SWEEP_MAX + 5; id++)
		upload_put(fixture, (uint8_t)id, FIXTURE_NOW, 100);
	fixture->now += UPLOAD_LIFE_S + 1;
	sweep(fixture);
	assert_int_equal(uploads_left(fixture, UPLOAD_SWEEP_MAX + 5), 5);
	sweep(fixture);
	assert_int_equal(uploads_left(fixture, UPLOAD_SWEEP_MAX + 5), 0);
	for (unsigned id = 1; id <= 5; id++) {
		upload_put(fixture, (uint8_t)id, FIXTURE_NOW, 100);
		for (unsigned digest = 2; digest < LIMIT_ATTACHMENTS; digest++)
			decision_fixture_put(fixture, document_key(fixture, (uint8_t)id, (uint8_t)digest),
			    record_upload_document(), &document);
	}
	sweep(fixture);
	assert_int_equal(uploads_left(fixture, 5), 3);
	sweep(fixture);
	assert_int_equal(uploads_left(fixture, 5), 1);
	decision_fixture_destroy(fixture);
}

/* ---- what stays on the disk ---- */

#define KEYS_MAX ((size_t)8)

/* Somebody with the whole office, its keys included, who looks for one document. */
struct thief {
	struct decision_fixture *fixture;
	struct slice digest;
	struct slice keys[KEYS_MAX]; /* of every upload there is */
	size_t keys_count;
	size_t blobs, opened;
};

static void
thief_takes_key(void *context, struct slice key, struct slice value, enum error error)
{
	struct thief *thief = context;
	struct rec_upload_document document;

	assert_int_equal(error, ERROR_NONE);
	if (key.data[0] != KEY_upload_document)
		return;
	assert_int_equal(record_decode(record_upload_document(), value, thief->fixture->arena, &document), ERROR_NONE);
	if (!document.has_key)
		return;
	assert_true(thief->keys_count < KEYS_MAX);
	assert_true(arena_copy(thief->fixture->arena, document.key, &thief->keys[thief->keys_count++]));
}

static void
thief_tries_blob(void *context, struct blob_ref ref, struct retention retention, struct slice bytes, enum error error)
{
	struct thief *thief = context;
	struct slice out;

	(void)ref;
	(void)retention;
	assert_int_equal(error, ERROR_NONE);
	thief->blobs++;
	/* What is in the document, and nowhere else. */
	for (size_t i = 0; i + 16 <= bytes.size; i++)
		assert_memory_not_equal(bytes.data + i, "a bank statement", 16);
	for (size_t i = 0; i < 2 * thief->keys_count; i++) {
		const struct part_place place = { thief->keys[i / 2], thief->digest, i % 2 * LIMIT_PART_MIN };
		thief->opened += part_open(&place, bytes, thief->fixture->arena, &out) == ERROR_NONE;
	}
}

/* How many parts of the document can be read, of how many blobs. */
static struct thief
steal(struct decision_fixture *fixture, const struct draft *draft)
{
	struct thief thief = { .fixture = fixture, .digest = slice_of(draft->documents[1].digest, DIGEST_SIZE) };
	struct leveldb_cursor cursor = { 0 };
	struct disk_failure failure = { .text = "" };
	bool end = false;

	assert_int_equal(leveldb_store_walk_records(fixture->store, thief_takes_key, &thief, &failure), ERROR_NONE);
	while (!end)
		assert_int_equal(leveldb_store_walk(fixture->store, &cursor, 100, thief_tries_blob, &thief, &end,
		    &failure), ERROR_NONE);
	return thief;
}

static void
send(struct decision_fixture *fixture, const struct draft *draft, struct slice token, uint64_t offset,
    struct slice content)
{
	const struct msg_part_request request = {
		.id = slice_of(draft->id, DIGEST_SIZE),
		.digest = slice_of(draft->documents[1].digest, DIGEST_SIZE),
		.offset = offset,
		.content = content,
		.token = token,
	};
	assert_int_equal(decision_fixture_operate(fixture, OPERATION_part, &request)->refusal.error, ERROR_NONE);
}

/* Begun anew, or never completed: the bytes keep their place in the segments, and even with all keys nobody reads
 * them. */
static void
what_was_given_up_cannot_be_read(void **state)
{
	(void)state;
	struct decision_fixture *fixture = decision_fixture_create_on_disk();
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);
	static uint8_t bytes[3 * LIMIT_PART_MIN] = "a bank statement, and not another bank statement";
	struct slice part = slice_of(bytes, LIMIT_PART_MIN);

	draft_list(draft, "attachment/statement", "application/pdf", slice_of(bytes, sizeof bytes));
	const struct msg_upload_request request = draft_upload(fixture, draft, jeanne);
	const struct msg_upload_answer *opened =
	    decision_fixture_operate(fixture, OPERATION_upload, &request)->answer;
	size_t blobs = steal(fixture, draft).blobs;
	send(fixture, draft, opened->token, 0, part);
	send(fixture, draft, opened->token, LIMIT_PART_MIN, part);
	struct thief thief = steal(fixture, draft);
	assert_int_equal(thief.blobs, blobs + 2);
	assert_int_equal(thief.opened, 2);

	send(fixture, draft, opened->token, 0, part);
	thief = steal(fixture, draft);
	assert_int_equal(thief.blobs, blobs + 3);
	assert_int_equal(thief.opened, 1);

	fixture->now += UPLOAD_LIFE_S + 1;
	sweep(fixture);
	thief = steal(fixture, draft);
	assert_int_equal(thief.blobs, blobs + 3);
	assert_int_equal(thief.keys_count, 0);
	assert_int_equal(thief.opened, 0);
	decision_fixture_destroy(fixture);
	people_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expired_uploads_go_and_others_stay),
		cmocka_unit_test(a_step_takes_several_uploads),
		cmocka_unit_test(what_was_given_up_cannot_be_read),
	};
	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
