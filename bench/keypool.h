/* SPDX-License-Identifier: Apache-2.0
 *
 * Many key pairs in little time. A P-256 pair costs nothing to speak of. An RSA one costs half a second, nearly all of
 * it for two primes; so a few hundred primes are made, and each pair of them is a key: n primes give n (n - 1) / 2
 * distinct moduli, which the server cannot tell from any others. Keys that share a prime are no secret from each other;
 * these have none to keep. */
#ifndef GUICHET_BENCH_KEYPOOL_H
#define GUICHET_BENCH_KEYPOOL_H

#include "protocol/key.h"

struct keypool;

/* Enough for `count` distinct keys; computes on all cores. NULL when memory is short or OpenSSL fails. */
must_check struct keypool *keypool_create(enum key_algorithm algorithm, size_t count);
void keypool_destroy(struct keypool *pool);
/* The nth key, the caller's; may be called by several threads. NULL when it cannot be made. */
must_check EVP_PKEY *keypool_key(const struct keypool *pool, size_t nth);

#endif
