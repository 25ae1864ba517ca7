/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys put together from a few primes are keys: distinct, of the right size, and what one signs the server's verifier
 * accepts. */
#include "tests/unit/unit.h"

#include <string.h>

#include "bench/keypool.h"

enum { COUNT = 6 };

static void
assert_signs(struct key_verifier *verifier, EVP_PKEY *key, struct key_public *public)
{
	struct buf *signature = buf_create(1024);
	const struct slice message = SLICE_LITERAL("what is signed");

	assert_int_equal(key_public_of(key, public), ERROR_NONE);
	assert_int_equal(key_sign(key, message, signature), ERROR_NONE);
	assert_int_equal(key_verify(verifier, public, message, buf_peek(signature)), ERROR_NONE);
	buf_destroy(signature);
}

static void
keys_of_a_pool_are_distinct_and_sign(void **state)
{
	static const enum key_algorithm algorithms[] = { KEY_RSA3072, KEY_P256 };
	struct key_verifier *verifier = key_verifier_create();

	(void)state;
	for (size_t a = 0; a < 2; a++) {
		struct keypool *pool = keypool_create(algorithms[a], COUNT);
		struct key_public keys[COUNT];
		assert_non_null(pool);
		for (size_t i = 0; i < COUNT; i++) {
			EVP_PKEY *key = keypool_key(pool, i);
			assert_non_null(key);
			assert_signs(verifier, key, &keys[i]);
			assert_int_equal(keys[i].algorithm, algorithms[a]);
			for (size_t k = 0; k < i; k++)
				assert_memory_not_equal(keys[i].bytes, keys[k].bytes, keys[i].size);
			EVP_PKEY_free(key);
		}
		keypool_destroy(pool);
	}
	key_verifier_destroy(verifier);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keys_of_a_pool_are_distinct_and_sign) };
	return cmocka_run_group_tests_name("keypool", tests, NULL, NULL);
}
