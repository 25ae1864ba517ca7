/* SPDX-License-Identifier: Apache-2.0
 *
 * PKCS#10 requests as peers send them: what is believed of one, and every way of not being one. */
#include "tests/unit/unit.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "protocol/digest.h"
#include "server/authority.h"

/* A request as a client makes it; `type` is the ASN.1 type of the common name. */
static struct slice
make_request(EVP_PKEY *key, const EVP_MD *digest, int type, struct slice common_name, uint8_t out[LIMIT_CSR * 4])
{
	X509_REQ *request = X509_REQ_new();
	unsigned char *at = out;
	if (common_name.size != 0)
		assert_int_equal(X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName, type,
		    common_name.data, (int)common_name.size, -1, 0), 1);
	assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
	assert_true(X509_REQ_sign(request, key, digest) > 0);
	int size = i2d_X509_REQ(request, &at);
	assert_true(size > 0);
	X509_REQ_free(request);
	return slice_of(out, (size_t)size);
}

static struct slice
make_good_request(EVP_PKEY *key, uint8_t out[LIMIT_CSR * 4])
{
	return make_request(key, EVP_sha256(), V_ASN1_UTF8STRING, SLICE_LITERAL("Zoé Lefèvre"), out);
}

static void
good_requests_tell_key_and_name(void **state)
{
	(void)state;
	for (int algorithm = KEY_RSA3072; algorithm <= KEY_P256; algorithm++) {
		struct authority_request request;
		struct fault fault;
		struct key_public expected;
		uint8_t bytes[LIMIT_CSR * 4], digest[DIGEST_SIZE];
		EVP_PKEY *key = key_generate((enum key_algorithm)algorithm);
		struct slice der = make_good_request(key, bytes);
		assert_int_equal(authority_check_request(der, &request, &fault), ERROR_NONE);
		assert_int_equal(key_public_of(key, &expected), ERROR_NONE);
		assert_int_equal(request.key.algorithm, algorithm);
		assert_int_equal(request.key.size, expected.size);
		assert_memory_equal(request.key.bytes, expected.bytes, expected.size);
		assert_string_equal(request.common_name, "Zoé Lefèvre");
		digest_bytes(der, digest);
		assert_memory_equal(request.digest, digest, sizeof digest);
		EVP_PKEY_free(key);
	}
}

static void
requests_of_the_openssl_command_are_accepted(void **state)
{
	(void)state;
	struct authority_request request;
	struct fault fault;
	char bytes[LIMIT_CSR];
	FILE *pipe =
	    popen("openssl req -new -newkey rsa:3072 -nodes -keyout /dev/null -subj '/CN=Agent 7' -outform DER "
		  "-addext basicConstraints=critical,CA:TRUE 2>/dev/null",
		"r");
	assert_non_null(pipe);
	size_t size = fread(bytes, 1, sizeof bytes, pipe);
	assert_int_equal(pclose(pipe), 0);
	assert_int_equal(authority_check_request(slice_of(bytes, size), &request, &fault), ERROR_NONE);
	assert_string_equal(request.common_name, "Agent 7");
}

/* Whatever byte is changed, cut off or added, the request is refused: nothing stands outside its signature. */
static void
every_byte_is_covered_by_the_signature(void **state)
{
	(void)state;
	struct authority_request request;
	struct fault fault;
	uint8_t bytes[LIMIT_CSR * 4];
	EVP_PKEY *key = key_generate(KEY_P256);
	struct slice der = make_good_request(key, bytes);
	for (size_t i = 0; i < der.size; i++) {
		bytes[i] ^= 1;
		enum error error = authority_check_request(der, &request, &fault);
		assert_true(error == ERROR_request_invalid || error == ERROR_key_refused);
		bytes[i] ^= 1;
	}
	for (size_t size = 0; size < der.size; size++)
		assert_int_equal(
		    authority_check_request(slice_of(bytes, size), &request, &fault), ERROR_request_invalid);
	bytes[der.size] = 0;
	assert_int_equal(
	    authority_check_request(slice_of(bytes, der.size + 1), &request, &fault), ERROR_request_invalid);
	EVP_PKEY_free(key);
}

/* P-256, but with its parameters spelt out instead of named. */
static EVP_PKEY *
explicit_p256(void)
{
	EVP_PKEY *key = key_generate(KEY_P256);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"), 1);
	return key;
}

static void
other_keys_and_digests_are_refused(void **state)
{
	(void)state;
	struct authority_request request;
	struct fault fault;
	uint8_t bytes[LIMIT_CSR * 4];
	const struct {
		EVP_PKEY *key;
		const EVP_MD *digest;
		enum error error;
	} rows[] = {
		{ EVP_RSA_gen(2048), EVP_sha256(), ERROR_key_refused },
		{ EVP_EC_gen("P-384"), EVP_sha256(), ERROR_key_refused },
		{ EVP_EC_gen("secp256k1"), EVP_sha256(), ERROR_key_refused },
		{ EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, ERROR_key_refused },
		{ explicit_p256(), EVP_sha256(), ERROR_key_refused },
		{ EVP_EC_gen("P-256"), EVP_sha1(), ERROR_request_invalid },
		{ EVP_EC_gen("P-256"), EVP_sha384(), ERROR_request_invalid },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice der =
		    make_request(rows[i].key, rows[i].digest, V_ASN1_UTF8STRING, SLICE_LITERAL("x"), bytes);
		assert_int_equal(authority_check_request(der, &request, &fault), rows[i].error);
		EVP_PKEY_free(rows[i].key);
	}
}

static void
common_names_are_taken_only_when_clean(void **state)
{
	(void)state;
	static char long_name[300];
	memset(long_name, 'x', sizeof long_name);
	const struct {
		int type;
		struct slice text;
		const char *taken;
	} rows[] = {
		{ V_ASN1_UTF8STRING, SLICE_EMPTY, "" },
		{ V_ASN1_UTF8STRING, SLICE_LITERAL("Œuvre"), "Œuvre" },
		{ V_ASN1_BMPSTRING, SLICE_LITERAL("\0Z\0o\0\xe9"), "Zoé" },
		{ V_ASN1_UTF8STRING, SLICE_LITERAL("a\0b"), "" },
		{ V_ASN1_UTF8STRING, SLICE_LITERAL("a\nb"), "" },
		{ V_ASN1_UTF8STRING, SLICE_LITERAL("a\xc2\x85" "b"), "" },
		{ V_ASN1_UTF8STRING, slice_of(long_name, sizeof long_name), "" },
	};
	uint8_t bytes[LIMIT_CSR * 4];
	EVP_PKEY *key = key_generate(KEY_P256);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct authority_request request;
		struct fault fault;
		struct slice der = make_request(key, EVP_sha256(), rows[i].type, rows[i].text, bytes);
		assert_int_equal(authority_check_request(der, &request, &fault), ERROR_NONE);
		assert_string_equal(request.common_name, rows[i].taken);
	}
	/* Over the limit, though it is a request. */
	static char huge[LIMIT_CSR];
	memset(huge, 'x', sizeof huge);
	struct authority_request request;
	struct fault fault;
	struct slice der = make_request(key, EVP_sha256(), V_ASN1_UTF8STRING, slice_of(huge, sizeof huge), bytes);
	assert_int_equal(authority_check_request(der, &request, &fault), ERROR_request_invalid);
	EVP_PKEY_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_requests_tell_key_and_name),
		cmocka_unit_test(requests_of_the_openssl_command_are_accepted),
		cmocka_unit_test(every_byte_is_covered_by_the_signature),
		cmocka_unit_test(other_keys_and_digests_are_refused),
		cmocka_unit_test(common_names_are_taken_only_when_clean),
	};
	return cmocka_run_group_tests_name("authority_request", tests, NULL, NULL);
}
