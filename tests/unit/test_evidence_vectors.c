/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifest, signature and receipt against tests/vectors, which were made from the formats' description by other code
 * and by the stock openssl (evidence.py). */
#include "tests/unit/unit.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/json.h"
#include "protocol/key.h"
#include "protocol/manifest.h"
#include "protocol/receipt.h"
#include "protocol/signature.h"
#include "tests/unit/file.h"

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_create(8 << 20);
	return arena == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_destroy(arena);
	return 0;
}

static const struct json *
load(const char *path)
{
	const struct json_limits limits = { 1 << 20, 10000, 8 };
	const struct json *json;
	struct fault fault;
	size_t size;
	char *text = file_read(path, &size);

	assert_int_equal(json_parse(slice_of(text, size), &limits, arena, &json, &fault), ERROR_NONE);
	free(text);
	return json;
}

/* First item of a list that must have some. */
static const struct json *
list(const struct json *json, const char *name)
{
	const struct json *found = json_find(json, name);

	assert_non_null(found);
	assert_non_null(found->first);
	return found->first;
}

/* The bytes of a member in hexadecimal. */
static struct slice
bytes(const struct json *json, const char *name)
{
	struct slice text = json_find_text(json, name);
	uint8_t *out = arena_alloc(arena, text.size / 2);

	assert_non_null(out);
	assert_true(text.size > 0 && hex_decode(text, out, text.size / 2));
	return slice_of(out, text.size / 2);
}

static uint64_t
number(const struct json *json, const char *name)
{
	uint64_t out;

	assert_true(json_find_uint(json, name, UINT64_MAX, &out));
	return out;
}

/* buf holds exactly `expected`; it is emptied. */
static void
expect(struct buf *buf, struct slice expected)
{
	assert_true(buf_ok(buf));
	assert_int_equal(buf_size(buf), expected.size);
	assert_memory_equal(buf_peek(buf).data, expected.data, expected.size);
	buf_clear(buf);
}

static void
test_manifests(void **state)
{
	(void)state;
	const struct json *vectors = load("tests/vectors/manifest.json");
	struct buf *buf = buf_create(LIMIT_MANIFEST_SIZE);
	struct manifest manifest;
	struct fault fault;

	for (const struct json *v = list(vectors, "accepted"); v != NULL; v = v->next) {
		struct slice text = json_find_text(v, "text");
		uint8_t digest[DIGEST_SIZE];
		assert_int_equal(manifest_parse(text, arena, &manifest, &fault), ERROR_NONE);
		manifest_put(buf, &manifest);
		expect(buf, text);
		digest_bytes(text, digest);
		assert_memory_equal(digest, bytes(v, "sha256").data, DIGEST_SIZE);
	}
	for (const struct json *v = list(vectors, "refused"); v != NULL; v = v->next) {
		struct slice why = json_find_text(v, "why");
		char place[32];
		if (manifest_parse(json_find_text(v, "text"), arena, &manifest, &fault) == ERROR_NONE)
			fail_msg("accepted: %.*s", (int)why.size, why.data);
		snprintf(place, sizeof place, "line %u", (unsigned)number(v, "line"));
		assert_true(slice_equal_text(fault.place, place));
	}
	buf_destroy(buf);
}

/* The key of the certificate is the one in the vectors, and verifies the signature over the attributes. */
static void
check_signer(const struct json *v, uint64_t time, struct slice text_digest, struct key_verifier *verifier,
    struct buf *buf)
{
	struct slice certificate = bytes(v, "certificate"), pem = json_find_text(v, "private_key");
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	uint8_t certificate_digest[DIGEST_SIZE];
	struct key_public public;

	assert_non_null(key);
	assert_int_equal(key_public_of(key, &public), ERROR_NONE);
	assert_int_equal(public.algorithm, key_algorithm_find(json_find_text(v, "algorithm")));
	assert_true(slice_equal(slice_of(public.bytes, public.size), bytes(v, "public_key")));
	digest_bytes(certificate, certificate_digest);
	signature_attributes_put(buf, time, text_digest.data, certificate_digest);
	assert_int_equal(key_verify(verifier, &public, buf_peek(buf), bytes(v, "signature")), ERROR_NONE);
	expect(buf, bytes(v, "attributes"));
	if (public.algorithm == KEY_RSA3072) {
		assert_int_equal(key_sign(key, bytes(v, "attributes"), buf), ERROR_NONE);
		expect(buf, bytes(v, "signature"));
	}
	EVP_PKEY_free(key);
	BIO_free(bio);
}

static void
test_signatures(void **state)
{
	(void)state;
	const struct json *vectors = load("tests/vectors/signature.json"), *login = json_find(vectors, "login");
	uint64_t time = number(vectors, "signing_time");
	struct slice text_digest = bytes(vectors, "text_sha256");
	struct key_verifier *verifier = key_verifier_create();
	struct buf *buf = buf_create(1 << 16);
	struct signature_signer signers[2], chosen[2];
	size_t count = 0;

	for (const struct json *v = list(vectors, "signers"); v != NULL; v = v->next) {
		check_signer(v, time, text_digest, verifier, buf);
		assert_true(count < 2);
		signers[count++] = (struct signature_signer){ bytes(v, "certificate"), time, bytes(v, "signature") };
	}
	for (const struct json *v = list(vectors, "exports"); v != NULL; v = v->next) {
		count = 0;
		for (const struct json *i = list(v, "signers"); i != NULL; i = i->next)
			chosen[count++] = signers[i->text.data[0] - '0'];
		assert_int_equal(signature_export(buf, text_digest.data, chosen, count), ERROR_NONE);
		expect(buf, bytes(v, "p7s"));
	}
	login_input_put(buf, bytes(login, "exporter").data, bytes(login, "serial"));
	expect(buf, bytes(login, "input"));
	key_verifier_destroy(verifier);
	buf_destroy(buf);
}

static void
test_numbers_and_times(void **state)
{
	(void)state;
	const struct json *vectors = load("tests/vectors/receipt.json");
	struct buf *buf = buf_create(256);
	char out[RECEIPT_NUMBER_SIZE + 1];

	for (const struct json *v = list(vectors, "numbers"); v != NULL; v = v->next) {
		receipt_number_make(bytes(v, "random").data, out);
		assert_true(slice_equal_text(json_find_text(v, "number"), out));
	}
	for (const struct json *v = list(vectors, "typed"); v != NULL; v = v->next) {
		assert_true(receipt_number_parse(json_find_text(v, "typed"), out));
		assert_true(slice_equal_text(json_find_text(v, "number"), out));
	}
	for (const struct json *v = list(vectors, "mistyped"); v != NULL; v = v->next)
		assert_false(receipt_number_parse(v->text, out));
	for (const struct json *v = list(vectors, "times"); v != NULL; v = v->next) {
		time_put_utc(buf, number(v, "time"));
		expect(buf, json_find_text(v, "utc"));
		time_put_paris(buf, number(v, "time"));
		expect(buf, json_find_text(v, "paris"));
	}
	buf_destroy(buf);
}

static void
test_bodies(void **state)
{
	(void)state;
	const struct json *vectors = load("tests/vectors/receipt.json");
	struct buf *buf = buf_create(LIMIT_RECEIPT_SIZE);
	struct receipt receipt;
	struct fault fault;

	for (const struct json *v = list(vectors, "bodies"); v != NULL; v = v->next) {
		assert_int_equal(receipt_parse(v->text, arena, &receipt, &fault), ERROR_NONE);
		receipt_put(buf, &receipt);
		expect(buf, v->text);
	}
	for (const struct json *v = list(vectors, "refused"); v != NULL; v = v->next)
		if (receipt_parse(v->text, arena, &receipt, &fault) != ERROR_json_malformed)
			fail_msg("accepted: %.*s", (int)v->text.size, v->text.data);
	buf_destroy(buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_numbers_and_times),
		cmocka_unit_test(test_bodies),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
