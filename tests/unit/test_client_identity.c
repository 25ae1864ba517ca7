/* SPDX-License-Identifier: Apache-2.0
 *
 * An identity without a certificate yet: what it asks for, and how it waits. */
#include "tests/unit/unit.h"

#include <openssl/x509.h>
#include <string.h>

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

/* A certificate for the identity's key, with so many bytes in its name. */
static X509 *
certificate_make(struct guichet_identity *identity, uint8_t serial, size_t name_size)
{
	static unsigned char name[LIMIT_CERTIFICATE];
	struct buf *csr = buf_create(LIMIT_CSR);
	X509 *certificate = X509_new();
	EVP_PKEY *issuer = EVP_EC_gen("P-256");

	memset(name, 'n', sizeof name);
	assert_int_equal(identity_put_request(identity, csr), ERROR_NONE);
	const unsigned char *at = buf_peek(csr).data;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)buf_size(csr));
	assert_non_null(request);
	X509_set_pubkey(certificate, X509_REQ_get0_pubkey(request));
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 1000);
	assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_pkcs9_unstructuredName,
			     MBSTRING_ASC, name, (int)name_size, -1, 0), 1);
	assert_true(X509_sign(certificate, issuer, EVP_sha256()) > 0);
	X509_REQ_free(request);
	EVP_PKEY_free(issuer);
	buf_destroy(csr);
	return certificate;
}

/* Refused for its size, which shows when all else has been read: an identity is one certificate's or the other's, never
 * half of each. */
static void
test_certificate_that_is_refused_changes_nothing(void **state)
{
	struct guichet_identity *identity;

	(void)state;
	assert_int_equal(guichet_identity_generate("p256", &identity, NULL), GUICHET_ERROR_none);
	X509 *good = certificate_make(identity, 1, 10), *large = certificate_make(identity, 2, LIMIT_CERTIFICATE);
	assert_int_equal(identity_take_certificate(identity, large), ERROR_certificate_unknown);
	assert_int_equal(guichet_identity_certificate(identity).size, 0);
	assert_int_equal(identity_take_certificate(identity, good), ERROR_NONE);
	uint8_t digest[DIGEST_SIZE];
	memcpy(digest, identity_digest(identity), DIGEST_SIZE);
	size_t size = guichet_identity_certificate(identity).size;
	assert_int_equal(identity_take_certificate(identity, large), ERROR_certificate_unknown);
	assert_int_equal(guichet_identity_serial(identity).data[SERIAL_SIZE - 1], 1);
	assert_int_equal(guichet_identity_certificate(identity).size, size);
	assert_memory_equal(identity_digest(identity), digest, DIGEST_SIZE);
	X509_free(large);
	guichet_identity_destroy(identity);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_is_the_same_each_time),
		cmocka_unit_test(test_key_waits_in_its_file_for_its_certificate),
		cmocka_unit_test(test_key_without_its_own_request_is_refused),
		cmocka_unit_test(test_certificate_that_is_refused_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
