/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads that nobody completed: forgotten once their time is over, one a step, and nothing else with them. */
#include "tests/unit/decision_fixture.h"

#include <string.h>

#include "protocol/digest.h"
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
	struct rec_upload_document document = { .size = 100, .state = slice_of(state, sizeof state) };
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
expired_uploads_go_one_a_step(void **state)
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
	assert_true(upload_is_there(fixture, 0x11, now + 1));
	sweep(fixture);
	assert_false(upload_is_there(fixture, 0x11, now + 1));
	sweep(fixture);
	assert_true(upload_is_there(fixture, 0xff, now + 1000));
	assert_true(decision_fixture_get(fixture, quota_key, record_quota(), &quota));
	assert_int_equal(quota.announced, 300);
	decision_fixture_destroy(fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expired_uploads_go_one_a_step),
	};
	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
