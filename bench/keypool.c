/* SPDX-License-Identifier: Apache-2.0
 *
 * Primes, and RSA keys put together from two of them (RFC 8017 3.2). */
#include "bench/keypool.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#include "bench/parallel.h"

#define PRIME_BITS 1536
#define EXPONENT 65537

struct keypool {
	enum key_algorithm algorithm;
	size_t primes_count;
	BIGNUM **primes; /* fit for EXPONENT; NULL for P-256 */
};

/* A prime p with gcd(p - 1, EXPONENT) = 1, its two upper bits set, so that the product of two has 3,072. */
static bool
prime_make(void *context, size_t nth)
{
	struct keypool *pool = context;
	BIGNUM *prime = BN_new();

	pool->primes[nth] = prime;
	if (prime == NULL)
		return false;
	do {
		if (BN_generate_prime_ex(prime, PRIME_BITS, 0, NULL, NULL, NULL) != 1)
			return false;
	} while (BN_mod_word(prime, EXPONENT) == 1);
	return true;
}

struct keypool *
keypool_create(enum key_algorithm algorithm, size_t count)
{
	struct keypool *pool = calloc(1, sizeof *pool);

	if (pool == NULL)
		return NULL;
	pool->algorithm = algorithm;
	if (algorithm != KEY_RSA3072)
		return pool;
	pool->primes_count = 2;
	while (pool->primes_count * (pool->primes_count - 1) / 2 < count)
		pool->primes_count++;
	pool->primes = calloc(pool->primes_count, sizeof(BIGNUM *));
	if (pool->primes != NULL && parallel_for(pool->primes_count, prime_make, pool))
		return pool;
	keypool_destroy(pool);
	return NULL;
}

void
keypool_destroy(struct keypool *pool)
{
	if (pool == NULL)
		return;
	for (size_t i = 0; pool->primes != NULL && i < pool->primes_count; i++)
		BN_free(pool->primes[i]);
	free(pool->primes);
	free(pool);
}

/* The numbers of an RSA key, in the order of rsa_names. */
enum rsa_number { RSA_N, RSA_E, RSA_D, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_QINV, RSA_NUMBERS };

static const char *const rsa_names[RSA_NUMBERS] = {
	OSSL_PKEY_PARAM_RSA_N,
	OSSL_PKEY_PARAM_RSA_E,
	OSSL_PKEY_PARAM_RSA_D,
	OSSL_PKEY_PARAM_RSA_FACTOR1,
	OSSL_PKEY_PARAM_RSA_FACTOR2,
	OSSL_PKEY_PARAM_RSA_EXPONENT1,
	OSSL_PKEY_PARAM_RSA_EXPONENT2,
	OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

static bool
rsa_compute(BIGNUM *number[RSA_NUMBERS], const BIGNUM *p, const BIGNUM *q, BN_CTX *scratch)
{
	BIGNUM *p1 = BN_CTX_get(scratch), *q1 = BN_CTX_get(scratch), *phi = BN_CTX_get(scratch);

	return phi != NULL && BN_copy(number[RSA_P], p) != NULL && BN_copy(number[RSA_Q], q) != NULL &&
	    BN_mul(number[RSA_N], p, q, scratch) == 1 && BN_set_word(number[RSA_E], EXPONENT) == 1 &&
	    BN_sub(p1, p, BN_value_one()) == 1 && BN_sub(q1, q, BN_value_one()) == 1 &&
	    BN_mul(phi, p1, q1, scratch) == 1 &&
	    BN_mod_inverse(number[RSA_D], number[RSA_E], phi, scratch) != NULL &&
	    BN_mod(number[RSA_DP], number[RSA_D], p1, scratch) == 1 &&
	    BN_mod(number[RSA_DQ], number[RSA_D], q1, scratch) == 1 &&
	    BN_mod_inverse(number[RSA_QINV], q, p, scratch) != NULL;
}

static EVP_PKEY *
rsa_build(BIGNUM *const number[RSA_NUMBERS])
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	bool is_good = context != NULL && builder != NULL;

	for (size_t i = 0; i < RSA_NUMBERS && is_good; i++)
		is_good = OSSL_PARAM_BLD_push_BN(builder, rsa_names[i], number[i]) == 1;
	OSSL_PARAM *parameters = is_good ? OSSL_PARAM_BLD_to_param(builder) : NULL;
	if (parameters == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) != 1)
		key = NULL;
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *
rsa_of_primes(const BIGNUM *p, const BIGNUM *q)
{
	BN_CTX *scratch = BN_CTX_new();
	BIGNUM *number[RSA_NUMBERS] = { NULL };
	EVP_PKEY *key = NULL;
	bool is_good = scratch != NULL;

	if (is_good)
		BN_CTX_start(scratch);
	for (size_t i = 0; i < RSA_NUMBERS && is_good; i++)
		is_good = (number[i] = BN_new()) != NULL;
	if (is_good && rsa_compute(number, p, q, scratch))
		key = rsa_build(number);
	for (size_t i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(number[i]);
	if (scratch != NULL)
		BN_CTX_end(scratch);
	BN_CTX_free(scratch);
	return key;
}

EVP_PKEY *
keypool_key(const struct keypool *pool, size_t nth)
{
	size_t first = 1;

	if (pool->algorithm != KEY_RSA3072)
		return key_generate(pool->algorithm);
	/* The pairs (0,1), (0,2), (1,2), (0,3), ...: prime `first` with each before it. */
	for (; nth >= first; nth -= first, first++)
		;
	return rsa_of_primes(pool->primes[first], pool->primes[nth]);
}
