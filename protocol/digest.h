/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4): at once; under a key (HMAC, RFC 2104); and in steps whose state can be put away and taken up
 * again, so that an upload is hashed part by part across reconnects and restarts without being read again. */
#ifndef GUICHET_DIGEST_H
#define GUICHET_DIGEST_H

#include "protocol/bytes.h"
#include "protocol/limits.h"

/* Size of a saved state: eight words, the count of bytes, and up to 63 bytes of an unfinished block. */
#define DIGEST_STATE_SIZE ((size_t)(32 + 8 + 64))

/* The digest of all pieces one after another. */
void digest_pieces(const struct slice *pieces, size_t count, uint8_t out[DIGEST_SIZE]);
void digest_bytes(struct slice bytes, uint8_t out[DIGEST_SIZE]);

/* A secret key of HMAC-SHA-256, at most 64 bytes (asserted), made ready once for many digests. NULL when memory is
 * short. */
struct digest_key;
must_check struct digest_key *digest_key_create(struct slice bytes);
/* Wipes it. NULL is allowed. */
void digest_key_destroy(struct digest_key *key);
/* The HMAC of all pieces one after another; `out` may not overlap them. */
void digest_keyed(const struct digest_key *key, const struct slice *pieces, size_t count, uint8_t out[DIGEST_SIZE]);

/* A state before any byte. */
void digest_state_start(uint8_t state[DIGEST_STATE_SIZE]);
/* Adds bytes to a state; false when the state was never made by these functions. */
must_check bool digest_state_add(uint8_t state[DIGEST_STATE_SIZE], struct slice bytes);
must_check bool digest_state_finish(const uint8_t state[DIGEST_STATE_SIZE], uint8_t out[DIGEST_SIZE]);

#endif
