/* SPDX-License-Identifier: Apache-2.0
 *
 * Holders' keys: RSA-3072 with exponent 65537 (PKCS#1 v1.5 over SHA-256) and P-256 (ECDSA over SHA-256, DER
 * signature). The one place where a key is made, imported, verified with or signed with. */
#ifndef GUICHET_KEY_H
#define GUICHET_KEY_H

#include <openssl/evp.h>

#include "protocol/buf.h"
#include "protocol/error.h"

/* The numbers are stored. */
enum key_algorithm { KEY_RSA3072 = 1, KEY_P256 = 2 };

/* A public key as it stands in records: the modulus (RSA-3072, 384 bytes) or the uncompressed point (P-256, 65). */
#define KEY_PUBLIC_MAX ((size_t)384)
struct key_public {
	enum key_algorithm algorithm;
	size_t size;
	uint8_t bytes[KEY_PUBLIC_MAX];
};

/* "rsa3072" or "p256"; NULL for another number. */
const char *key_algorithm_name(enum key_algorithm algorithm);
/* 0 when there is none of that name. */
enum key_algorithm key_algorithm_find(struct slice name);

/* Takes a public key out of an EVP_PKEY (borrowed). ERROR_key_refused when it is of no accepted kind. */
must_check enum error key_public_of(EVP_PKEY *key, struct key_public *out);

/* Verifies with keys as they stand in records; owns what can be fetched or made once (digests, the P-256 template),
 * and nothing of any key. Not for use by two threads. */
struct key_verifier;
must_check struct key_verifier *key_verifier_create(void);
void key_verifier_destroy(struct key_verifier *verifier);
/* ERROR_NONE when `signature` holds over `message`; ERROR_signature_invalid when not (also for a malformed signature or
 * a key whose bytes are no key); ERROR_out_of_memory or ERROR_key_failed when this machine failed. Importing is the
 * fastest way measured. */
must_check enum error key_verify(struct key_verifier *verifier, const struct key_public *key, struct slice message,
    struct slice signature);

/* Empties OpenSSL's error queue. True when something in it says that memory was short: then what failed says nothing
 * about the key or the signature. */
bool key_errors_tell_memory(void);

/* A new key pair, the caller's; NULL when that fails. An RSA one takes half a second. */
must_check EVP_PKEY *key_generate(enum key_algorithm algorithm);
/* Appends the signature over `message`. */
must_check enum error key_sign(EVP_PKEY *key, struct slice message, struct buf *out);

/* The input of a log-in: "guichet/1 log-in", NUL, the TLS exporter's 32 bytes, the certificate's serial number
 * (SERIAL_SIZE bytes, leading zeros included). Cannot begin like any signed text nor like DER (design: channel
 * binding of RFC 9266, label EXPORTER-Channel-Binding). */
void login_input_put(struct buf *buf, const uint8_t exporter[32], struct slice serial);

#endif
