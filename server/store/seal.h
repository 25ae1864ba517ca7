/* SPDX-License-Identifier: Apache-2.0
 *
 * AES-256-GCM (NIST SP 800-38D) with the key schedule kept between messages, and the random bytes that its nonces need,
 * drawn in bulk. Nonces are random, 96 bits: a key may seal 2^32 messages (8.3 there), which is why every retention
 * class and year has its own. For one thread. */
#ifndef GUICHET_STORE_SEAL_H
#define GUICHET_STORE_SEAL_H

#include "protocol/bytes.h"

#define SEAL_KEY_SIZE ((size_t)32)
#define SEAL_NONCE_SIZE ((size_t)12)
#define SEAL_TAG_SIZE ((size_t)16)
/* What sealing adds: the nonce before, the tag behind. */
#define SEAL_OVERHEAD (SEAL_NONCE_SIZE + SEAL_TAG_SIZE)

/* ---- random bytes ---- */

struct seal_random;

must_check struct seal_random *seal_random_create(void);
void seal_random_destroy(struct seal_random *random);
/* At most 64 bytes from the system's generator; false when it fails. A forked child never sees bytes of its parent. */
must_check bool seal_random_draw(struct seal_random *random, uint8_t *out, size_t size);

/* ---- one key ---- */

struct seal_key;

/* Prepares both directions; NULL when memory is short. The bytes may be wiped afterwards. */
must_check struct seal_key *seal_key_create(const uint8_t key[SEAL_KEY_SIZE]);
/* Wipes and frees; NULL is allowed. */
void seal_key_destroy(struct seal_key *key);

/* Writes nonce, ciphertext and tag: plain.size + SEAL_OVERHEAD bytes. What is associated, two parts one after the
 * other, is authenticated but not written. False only when libcrypto or the generator fails. */
must_check bool seal_put(struct seal_key *key, struct seal_random *random, struct slice associated, struct slice more,
    struct slice plain, uint8_t *out);
/* The same with a nonce that the caller has drawn at random, never for other bytes under this key: for decisions, which
 * draw nothing themselves. */
must_check bool seal_put_drawn(struct seal_key *key, const uint8_t nonce[SEAL_NONCE_SIZE], struct slice associated,
    struct slice more, struct slice plain, uint8_t *out);
/* The reverse: sealed.size - SEAL_OVERHEAD bytes into `out`. False when anything was changed; then `out` is wiped. */
must_check bool seal_open(struct seal_key *key, struct slice associated, struct slice more, struct slice sealed,
    uint8_t *out);

#endif
