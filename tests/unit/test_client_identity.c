/* SPDX-License-Identifier: Apache-2.0
 *
 * An identity without a certificate yet: what it asks for, and how it waits. */
#include "tests/unit/unit.h"

#include "client/identity.h"
#include "protocol/limits.h"

/* The office gives the same request the same certificate, and any other for a known key a refusal. An ECDSA signature
 * made anew would be another request. */
static void
test_request_is_the_same_each_time(void **state)
{
	struct guichet_identity *identity;
	struct buf *first = buf_create(LIMIT_CSR), *again = buf_create(LIMIT_CSR);

	(void)state;
	assert_int_equal(guichet_identity_generate("p256", &identity, NULL), GUICHET_ERROR_none);
	assert_int_equal(identity_put_request(identity, first), ERROR_NONE);
	assert_int_equal(identity_put_request(identity, again), ERROR_NONE);
	assert_true(buf_size(first) > 100);
	assert_true(slice_equal(buf_peek(first), buf_peek(again)));
	guichet_identity_destroy(identity);
	buf_destroy(first);
	buf_destroy(again);
}

static struct guichet_blob *
save(const struct guichet_identity *identity)
{
	struct guichet_blob *file;

	assert_int_equal(guichet_identity_save(identity, "pâsse", &file, NULL), GUICHET_ERROR_none);
	return file;
}

/* What a crash between asking and being answered leaves: enough to ask the same again. */
static void
test_key_waits_in_its_file_for_its_certificate(void **state)
{
	struct guichet_identity *identity, *opened;
	struct buf *first = buf_create(LIMIT_CSR), *again = buf_create(LIMIT_CSR);

	(void)state;
	assert_int_equal(guichet_identity_generate("p256", &identity, NULL), GUICHET_ERROR_none);
	struct guichet_blob *file = save(identity);
	struct guichet_bytes bytes = guichet_blob_bytes(file);
	assert_int_equal(guichet_identity_open(bytes, "passe", &opened, NULL), GUICHET_ERROR_password_wrong);
	assert_int_equal(guichet_identity_open(bytes, "pâsse", &opened, NULL), GUICHET_ERROR_none);
	assert_false(identity_has_certificate(opened));
	assert_int_equal(guichet_identity_serial(opened).size, 0);
	assert_int_equal(identity_put_request(identity, first), ERROR_NONE);
	assert_int_equal(identity_put_request(opened, again), ERROR_NONE);
	assert_true(slice_equal(buf_peek(first), buf_peek(again)));
	guichet_blob_destroy(file);
	guichet_identity_destroy(identity);
	guichet_identity_destroy(opened);
	buf_destroy(first);
	buf_destroy(again);
}

static void
assert_refused(struct slice file)
{
	struct guichet_identity *opened;
	struct guichet_bytes bytes = { file.data, file.size };

	assert_int_equal(guichet_identity_open(bytes, "pâsse", &opened, NULL), GUICHET_ERROR_key_refused);
	assert_null(opened);
}

static void
test_key_without_its_own_request_is_refused(void **state)
{
	struct guichet_identity *identities[2];
	struct buf *requests[2] = { buf_create(LIMIT_CSR), buf_create(LIMIT_CSR) }, *file = buf_create(10000);

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(guichet_identity_generate("p256", &identities[i], NULL), GUICHET_ERROR_none);
		assert_int_equal(identity_put_request(identities[i], requests[i]), ERROR_NONE);
	}
	struct guichet_blob *blob = save(identities[0]);
	struct slice whole = slice_of(guichet_blob_bytes(blob).data, guichet_blob_bytes(blob).size);
	struct slice key = slice_of(whole.data, whole.size - buf_size(requests[0]));
	assert_refused(key);
	assert_refused(slice_of(whole.data, whole.size - 1));
	buf_put(file, key);
	buf_put(file, buf_peek(requests[1]));
	assert_refused(buf_peek(file));
	buf_clear(file);
	buf_put(file, whole);
	buf_put_text(file, "more");
	assert_refused(buf_peek(file));
	guichet_blob_destroy(blob);
	buf_destroy(file);
	for (int i = 0; i < 2; i++) {
		guichet_identity_destroy(identities[i]);
		buf_destroy(requests[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_is_the_same_each_time),
		cmocka_unit_test(test_key_waits_in_its_file_for_its_certificate),
		cmocka_unit_test(test_key_without_its_own_request_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
