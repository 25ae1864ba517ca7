/* SPDX-License-Identifier: Apache-2.0
 *
 * Holders' keys: what OpenSSL signs is accepted, and nothing else is: no other key, message, signature or curve. */
#include "tests/unit/unit.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <string.h>

#include "protocol/key.h"
#include "protocol/limits.h"

struct fixture {
	struct key_verifier *verifier;
	EVP_PKEY *keys[4]; /* two RSA-3072, two P-256 */
	struct key_public publics[4];
};

static const struct slice message = { (const uint8_t *)"what is signed", 14 };

static int
setup(void **state)
{
	static struct fixture f;

	f.verifier = key_verifier_create();
	assert_non_null(f.verifier);
	for (size_t i = 0; i < 4; i++) {
		f.keys[i] = key_generate(i < 2 ? KEY_RSA3072 : KEY_P256);
		assert_non_null(f.keys[i]);
		assert_int_equal(key_public_of(f.keys[i], &f.publics[i]), ERROR_NONE);
	}
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	key_verifier_destroy(f->verifier);
	for (size_t i = 0; i < 4; i++)
		EVP_PKEY_free(f->keys[i]);
	return 0;
}

/* A signature of at most 512 bytes, in *out. */
static size_t
sign(EVP_PKEY *key, struct slice text, uint8_t out[512])
{
	struct buf *buf = buf_create(512);

	assert_int_equal(key_sign(key, text, buf), ERROR_NONE);
	size_t size = buf_size(buf);
	memcpy(out, buf_peek(buf).data, size);
	buf_destroy(buf);
	return size;
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(key_algorithm_name(KEY_RSA3072), "rsa3072");
	assert_int_equal(key_algorithm_find(SLICE_LITERAL("p256")), KEY_P256);
	assert_int_equal(key_algorithm_find(SLICE_LITERAL("p25")), 0);
	assert_null(key_algorithm_name((enum key_algorithm)3));
}

/* Every key against every other's signature, in turn: a verifier that kept anything of the last key would show it. */
static void
test_only_own_key(void **state)
{
	struct fixture *f = *state;
	uint8_t signatures[4][512];
	size_t sizes[4];

	for (size_t i = 0; i < 4; i++)
		sizes[i] = sign(f->keys[i], message, signatures[i]);
	for (unsigned round = 0; round < 2; round++)
		for (size_t k = 0; k < 4; k++)
			for (size_t s = 0; s < 4; s++)
				assert_int_equal(key_verify(f->verifier, &f->publics[k], message,
				    slice_of(signatures[s], sizes[s])), k == s ? ERROR_NONE : ERROR_signature_invalid);
}

static void
test_altered(void **state)
{
	struct fixture *f = *state;
	uint8_t signature[512];

	for (size_t k = 0; k < 4; k += 2) {
		size_t size = sign(f->keys[k], message, signature);
		assert_int_equal(key_verify(f->verifier, &f->publics[k], SLICE_LITERAL("what is signeD"),
		    slice_of(signature, size)), ERROR_signature_invalid);
		for (size_t i = 0; i < size; i += k == 0 ? 37 : 1) {
			signature[i] ^= 0x01;
			assert_int_equal(key_verify(f->verifier, &f->publics[k], message, slice_of(signature, size)),
			    ERROR_signature_invalid);
			signature[i] ^= 0x01;
		}
		for (size_t cut = 0; cut < size; cut += 13)
			assert_int_equal(key_verify(f->verifier, &f->publics[k], message, slice_of(signature, cut)),
			    ERROR_signature_invalid);
		signature[size] = 0;
		assert_int_equal(key_verify(f->verifier, &f->publics[k], message, slice_of(signature, size + 1)),
		    ERROR_signature_invalid);
		assert_int_equal(key_verify(f->verifier, &f->publics[k], message, slice_of(signature, size)),
		    ERROR_NONE);
	}
}

/* A signature s and s + n open to the same: accepting both would give one signature two forms. */
static void
test_rsa_range(void **state)
{
	struct fixture *f = *state;
	uint8_t signature[512], text[2];
	BIGNUM *modulus = BN_bin2bn(f->publics[0].bytes, 384, NULL), *sum = BN_new();

	/* About one signature in three leaves the sum within 384 bytes; few, if the modulus is nearly 2^3072. */
	for (unsigned i = 0; i < 65536; i++) {
		bytes_poke_u16(text, (uint16_t)i);
		assert_int_equal(sign(f->keys[0], slice_of(text, sizeof text), signature), 384);
		assert_non_null(BN_bin2bn(signature, 384, sum));
		assert_int_equal(BN_add(sum, sum, modulus), 1);
		if (BN_num_bits(sum) <= 3072)
			break;
	}
	assert_int_equal(BN_bn2binpad(sum, signature, 384), 384);
	assert_int_equal(key_verify(f->verifier, &f->publics[0], slice_of(text, sizeof text),
	    slice_of(signature, 384)), ERROR_signature_invalid);
	BN_free(modulus);
	BN_free(sum);
}

/* Signs `encoded` (384 bytes, as it is) with the private RSA key. */
static void
sign_raw(EVP_PKEY *key, const uint8_t encoded[384], uint8_t out[384])
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	size_t size = 384;

	assert_int_equal(EVP_PKEY_sign_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_sign(context, out, &size, encoded, 384), 1);
	EVP_PKEY_CTX_free(context);
}

/* The classic forgeries by lax padding checks: short padding with garbage behind, other block type, other info. */
static void
test_rsa_padding(void **state)
{
	struct fixture *f = *state;
	static const uint8_t info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
		0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	uint8_t encoded[384], signature[384], digest[32];
	size_t size;

	assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, message.data, message.size, digest, &size), 1);
	for (unsigned kind = 0; kind < 4; kind++) {
		size_t padding = kind == 1 ? 8 : 384 - 3 - sizeof info - 32;
		memset(encoded, 0, sizeof encoded);
		encoded[1] = kind == 2 ? 2 : 1;
		memset(encoded + 2, 0xff, padding);
		memcpy(encoded + 3 + padding, info, sizeof info);
		memcpy(encoded + 3 + padding + sizeof info, digest, 32);
		if (kind == 3)
			encoded[3 + padding] = 0x31;
		sign_raw(f->keys[0], encoded, signature);
		assert_int_equal(key_verify(f->verifier, &f->publics[0], message, slice_of(signature, 384)),
		    kind == 0 ? ERROR_NONE : ERROR_signature_invalid);
	}
}

/* Bytes in a record that are no key are refused, and leave the verifier as good as before. */
static void
test_bad_records(void **state)
{
	struct fixture *f = *state;
	uint8_t signature[512];
	struct key_public bad;
	size_t size = sign(f->keys[2], message, signature);

	bad = f->publics[2];
	bad.bytes[64] ^= 1; /* off the curve */
	assert_int_equal(key_verify(f->verifier, &bad, message, slice_of(signature, size)), ERROR_signature_invalid);
	bad = f->publics[2];
	bad.bytes[0] = 0x06 | (bad.bytes[64] & 1); /* hybrid form */
	assert_int_equal(key_verify(f->verifier, &bad, message, slice_of(signature, size)), ERROR_signature_invalid);
	bad = f->publics[2];
	bad.bytes[0] = 0x02, bad.size = 33; /* compressed */
	assert_int_equal(key_verify(f->verifier, &bad, message, slice_of(signature, size)), ERROR_signature_invalid);
	bad = f->publics[2];
	bad.algorithm = (enum key_algorithm)7;
	assert_int_equal(key_verify(f->verifier, &bad, message, slice_of(signature, size)), ERROR_signature_invalid);
	assert_int_equal(key_verify(f->verifier, &f->publics[2], message, slice_of(signature, size)), ERROR_NONE);

	size = sign(f->keys[0], message, signature);
	bad = f->publics[0];
	bad.bytes[383] &= 0xfe; /* even */
	assert_int_equal(key_verify(f->verifier, &bad, message, slice_of(signature, size)), ERROR_signature_invalid);
	bad = f->publics[0];
	bad.bytes[0] &= 0x7f; /* 3071 bits */
	assert_int_equal(key_verify(f->verifier, &bad, message, slice_of(signature, size)), ERROR_signature_invalid);
	bad = f->publics[0];
	bad.size = 383;
	assert_int_equal(key_verify(f->verifier, &bad, message, slice_of(signature, size)), ERROR_signature_invalid);
	assert_int_equal(key_verify(f->verifier, &f->publics[0], message, slice_of(signature, size)), ERROR_NONE);
}

static EVP_PKEY *
rsa_with_exponent_3(void)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *three = BN_new();
	EVP_PKEY *key = NULL;

	assert_int_equal(BN_set_word(three, 3), 1);
	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 3072), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, three), 1);
	assert_int_equal(EVP_PKEY_keygen(context, &key), 1);
	BN_free(three);
	EVP_PKEY_CTX_free(context);
	return key;
}

static void
test_other_kinds_refused(void **state)
{
	(void)state;
	EVP_PKEY *others[] = { EVP_RSA_gen(2048), EVP_EC_gen("P-384"), EVP_EC_gen("secp256k1"),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), rsa_with_exponent_3() };
	struct key_public public;

	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_non_null(others[i]);
		assert_int_equal(key_public_of(others[i], &public), ERROR_key_refused);
		EVP_PKEY_free(others[i]);
	}
}

/* A request may carry its point compressed; the record never does. */
static void
test_compressed_point(void **state)
{
	struct fixture *f = *state;
	struct key_public public;
	EVP_PKEY *key = EVP_PKEY_dup(f->keys[2]);

	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"),
	    1);
	assert_int_equal(key_public_of(key, &public), ERROR_NONE);
	assert_memory_equal(&public, &f->publics[2], sizeof public);
	EVP_PKEY_free(key);
}

static void
test_login_input(void **state)
{
	(void)state;
	struct buf *buf = buf_create(128);
	uint8_t exporter[32], serial[SERIAL_SIZE];

	memset(exporter, 0xe5, sizeof exporter);
	memset(serial, 0x5e, sizeof serial);
	login_input_put(buf, exporter, slice_of(serial, sizeof serial));
	struct slice input = buf_peek(buf);
	assert_int_equal(input.size, 17 + 32 + SERIAL_SIZE);
	assert_memory_equal(input.data, "guichet/1 log-in\0\xe5", 18);
	assert_memory_equal(input.data + 17 + 31, "\xe5\x5e", 2);
	buf_destroy(buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_only_own_key),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_rsa_range),
		cmocka_unit_test(test_rsa_padding),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_other_kinds_refused),
		cmocka_unit_test(test_compressed_point),
		cmocka_unit_test(test_login_input),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
