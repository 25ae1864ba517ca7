/* SPDX-License-Identifier: Apache-2.0
 *
 * Holders' keys. A key comes once a year, so what counts is import and verification together.
 *
 * RSA is verified by its definition (RFC 8017 8.2.2: encode what the signature has to open to, and compare all of it)
 * on OpenSSL's Montgomery arithmetic: no key object is made, and 16 squarings and one product are all the work that
 * exponent 65537 asks. Measured, import and verification together take no longer than EVP with the key at hand, three
 * quarters of what EVP_PKEY_fromdata and EVP_PKEY_verify take. Only public values meet here, so nothing has to be
 * constant-time.
 * P-256 goes through EVP; there the public point is replaced in one key object, which saves making one. */
#include "protocol/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/digest.h"
#include "protocol/limits.h"

#define RSA_SIZE ((size_t)384)
#define RSA_BITS 3072
#define POINT_SIZE ((size_t)65)
#define COORDINATE_SIZE 32
#define P256_GROUP "prime256v1"

struct key_verifier {
	EVP_PKEY *p256; /* its public point is replaced before each use */
	BN_CTX *numbers;
	BN_MONT_CTX *montgomery;
};

static const struct {
	enum key_algorithm algorithm;
	const char *name;
} algorithms[] = {
	{ KEY_RSA3072, "rsa3072" },
	{ KEY_P256, "p256" },
};

#define ALGORITHMS_COUNT (sizeof algorithms / sizeof algorithms[0])

const char *
key_algorithm_name(enum key_algorithm algorithm)
{
	for (size_t i = 0; i < ALGORITHMS_COUNT; i++)
		if (algorithms[i].algorithm == algorithm)
			return algorithms[i].name;
	return NULL;
}

enum key_algorithm
key_algorithm_find(struct slice name)
{
	for (size_t i = 0; i < ALGORITHMS_COUNT; i++)
		if (slice_equal_text(name, algorithms[i].name))
			return algorithms[i].algorithm;
	return 0;
}

bool
key_errors_tell_memory(void)
{
	unsigned long code;
	bool is_memory = false;

	while ((code = ERR_get_error()) != 0)
		is_memory |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
	return is_memory;
}

/* ---- public keys out of OpenSSL's ---- */

static enum error
public_of_rsa(EVP_PKEY *key, struct key_public *out)
{
	enum error error = ERROR_key_refused;
	BIGNUM *modulus = NULL, *exponent = NULL;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1)
		goto done;
	if (BN_num_bits(modulus) != RSA_BITS || !BN_is_odd(modulus) || !BN_is_word(exponent, RSA_F4))
		goto done;
	if (BN_bn2binpad(modulus, out->bytes, RSA_SIZE) != (int)RSA_SIZE)
		goto done;
	out->algorithm = KEY_RSA3072;
	out->size = RSA_SIZE;
	error = ERROR_NONE;
done:
	BN_free(modulus);
	BN_free(exponent);
	return error;
}

/* The coordinates are asked for, not the encoded point: that one may be compressed, as the request had it. */
static enum error
public_of_ec(EVP_PKEY *key, struct key_public *out)
{
	enum error error = ERROR_key_refused;
	BIGNUM *x = NULL, *y = NULL;
	char group[32];
	size_t size;

	if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) != 1 || strcmp(group, P256_GROUP) != 0)
		return ERROR_key_refused;
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1)
		goto done;
	out->bytes[0] = 0x04;
	if (BN_bn2binpad(x, out->bytes + 1, COORDINATE_SIZE) != COORDINATE_SIZE ||
	    BN_bn2binpad(y, out->bytes + 1 + COORDINATE_SIZE, COORDINATE_SIZE) != COORDINATE_SIZE)
		goto done;
	out->algorithm = KEY_P256;
	out->size = POINT_SIZE;
	error = ERROR_NONE;
done:
	BN_free(x);
	BN_free(y);
	return error;
}

enum error
key_public_of(EVP_PKEY *key, struct key_public *out)
{
	enum error error = ERROR_key_refused;

	memset(out, 0, sizeof *out);
	if (EVP_PKEY_is_a(key, "RSA") == 1)
		error = public_of_rsa(key, out);
	else if (EVP_PKEY_is_a(key, "EC") == 1)
		error = public_of_ec(key, out);
	if (key_errors_tell_memory() && error != ERROR_NONE)
		error = ERROR_out_of_memory;
	return error;
}

/* ---- verification ---- */

struct key_verifier *
key_verifier_create(void)
{
	struct key_verifier *verifier = OPENSSL_zalloc(sizeof *verifier);
	EVP_PKEY *pair = NULL;

	if (verifier == NULL)
		return NULL;
	verifier->numbers = BN_CTX_new();
	verifier->montgomery = BN_MONT_CTX_new();
	verifier->p256 = EVP_PKEY_new();
	pair = EVP_EC_gen(P256_GROUP);
	/* Only the curve is taken over from the pair, so that no private key stays behind. */
	if (verifier->numbers == NULL || verifier->montgomery == NULL || verifier->p256 == NULL || pair == NULL ||
	    EVP_PKEY_copy_parameters(verifier->p256, pair) != 1) {
		key_verifier_destroy(verifier);
		verifier = NULL;
	}
	EVP_PKEY_free(pair);
	return verifier;
}

void
key_verifier_destroy(struct key_verifier *verifier)
{
	if (verifier == NULL)
		return;
	BN_CTX_free(verifier->numbers);
	BN_MONT_CTX_free(verifier->montgomery);
	EVP_PKEY_free(verifier->p256);
	OPENSSL_free(verifier);
}

/* EMSA-PKCS1-v1_5 (RFC 8017 9.2) of a digest: 00 01 FF .. FF 00, DigestInfo for SHA-256, the digest. */
static void
rsa_encode(const uint8_t digest[DIGEST_SIZE], uint8_t out[RSA_SIZE])
{
	static const uint8_t info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
		0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	const size_t padding = RSA_SIZE - 3 - sizeof info - DIGEST_SIZE;

	out[0] = 0x00;
	out[1] = 0x01;
	memset(out + 2, 0xff, padding);
	out[2 + padding] = 0x00;
	memcpy(out + 3 + padding, info, sizeof info);
	memcpy(out + 3 + padding + sizeof info, digest, DIGEST_SIZE);
}

/* opened = signature ^ 65537 mod modulus, both given as numbers, signature < modulus. */
static bool
rsa_open(const struct key_verifier *v, const BIGNUM *modulus, const BIGNUM *signature, BIGNUM *opened)
{
	if (BN_MONT_CTX_set(v->montgomery, modulus, v->numbers) != 1 ||
	    BN_to_montgomery(opened, signature, v->montgomery, v->numbers) != 1)
		return false;
	for (int i = 0; i < 16; i++)
		if (BN_mod_mul_montgomery(opened, opened, opened, v->montgomery, v->numbers) != 1)
			return false;
	/* A product with one factor in Montgomery form is in ordinary form. */
	return BN_mod_mul_montgomery(opened, opened, signature, v->montgomery, v->numbers) == 1;
}

static enum error
rsa_verify(const struct key_verifier *v, const struct key_public *key, const uint8_t digest[DIGEST_SIZE],
    struct slice signature)
{
	enum error error = ERROR_key_failed;
	uint8_t encoded[RSA_SIZE];

	/* 3072 bits exactly, odd: what the arithmetic stands on. */
	if (key->size != RSA_SIZE || (key->bytes[0] & 0x80) == 0 || (key->bytes[RSA_SIZE - 1] & 1) == 0 ||
	    signature.size != RSA_SIZE || memcmp(signature.data, key->bytes, RSA_SIZE) >= 0)
		return ERROR_signature_invalid;
	rsa_encode(digest, encoded);
	BN_CTX_start(v->numbers);
	BIGNUM *modulus = BN_CTX_get(v->numbers), *number = BN_CTX_get(v->numbers), *opened = BN_CTX_get(v->numbers),
	       *expected = BN_CTX_get(v->numbers);
	/* All of the encoding is compared: of one length, bytes and numbers are equal together. */
	if (expected != NULL && BN_bin2bn(key->bytes, RSA_SIZE, modulus) != NULL &&
	    BN_bin2bn(signature.data, RSA_SIZE, number) != NULL && BN_bin2bn(encoded, RSA_SIZE, expected) != NULL &&
	    rsa_open(v, modulus, number, opened))
		error = BN_cmp(opened, expected) == 0 ? ERROR_NONE : ERROR_signature_invalid;
	BN_CTX_end(v->numbers);
	return error;
}

static enum error
p256_verify(const struct key_verifier *v, const struct key_public *key, const uint8_t digest[DIGEST_SIZE],
    struct slice signature)
{
	enum error error = ERROR_key_failed;

	if (key->size != POINT_SIZE || key->bytes[0] != 0x04)
		return ERROR_signature_invalid;
	/* Refuses a point that is not on the curve; the next call replaces whatever this one left. */
	if (EVP_PKEY_set1_encoded_public_key(v->p256, key->bytes, POINT_SIZE) != 1)
		return ERROR_signature_invalid;
	/* The context is made anew: one kept from before might hold the key that was there before. */
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, v->p256, NULL);
	if (context != NULL && EVP_PKEY_verify_init(context) == 1)
		error = EVP_PKEY_verify(context, signature.data, signature.size, digest, DIGEST_SIZE) == 1 ?
		    ERROR_NONE : ERROR_signature_invalid;
	EVP_PKEY_CTX_free(context);
	return error;
}

enum error
key_verify(struct key_verifier *verifier, const struct key_public *key, struct slice message, struct slice signature)
{
	enum error error = ERROR_signature_invalid;
	uint8_t digest[DIGEST_SIZE];

	digest_bytes(message, digest);
	if (key->algorithm == KEY_RSA3072)
		error = rsa_verify(verifier, key, digest, signature);
	else if (key->algorithm == KEY_P256)
		error = p256_verify(verifier, key, digest, signature);
	/* A refusal must not stand in the error queue that the TLS layer reads later. */
	if (error != ERROR_NONE && key_errors_tell_memory())
		error = ERROR_out_of_memory;
	return error;
}

/* ---- key pairs ---- */

EVP_PKEY *
key_generate(enum key_algorithm algorithm)
{
	switch (algorithm) {
	case KEY_RSA3072:
		return EVP_RSA_gen((size_t)RSA_BITS);
	case KEY_P256:
		return EVP_EC_gen(P256_GROUP);
	}
	return NULL;
}

enum error
key_sign(EVP_PKEY *key, struct slice message, struct buf *out)
{
	enum error error = ERROR_key_failed;
	uint8_t signature[LIMIT_SIGNATURE];
	size_t size = sizeof signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (context == NULL)
		return ERROR_out_of_memory;
	if (EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestSign(context, signature, &size, message.data, message.size) == 1) {
		buf_put(out, slice_of(signature, size));
		error = buf_ok(out) ? ERROR_NONE : ERROR_out_of_memory;
	}
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return error;
}

/* ---- log-in ---- */

void
login_input_put(struct buf *buf, const uint8_t exporter[32], struct slice serial)
{
	static const char label[] = "guichet/1 log-in";

	check(serial.size == SERIAL_SIZE);
	buf_put(buf, slice_of(label, sizeof label)); /* with its NUL */
	buf_put(buf, slice_of(exporter, 32));
	buf_put(buf, serial);
}
