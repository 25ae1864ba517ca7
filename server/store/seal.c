/* SPDX-License-Identifier: Apache-2.0
 *
 * Two cipher contexts a key, so that neither direction ever schedules it again. */
#include "server/store/seal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "protocol/check.h"

#define POOL_SIZE ((size_t)4096)
#define DRAW_MAX ((size_t)64)

/* One page of its own, which the kernel empties in a forked child: `left` is 0 there, and the pool is filled anew. */
struct pool {
	size_t left;
	uint8_t bytes[POOL_SIZE - sizeof(size_t)];
};

struct seal_random {
	struct pool *pool;
};

struct seal_key {
	EVP_CIPHER_CTX *in, *out;
};

struct seal_random *
seal_random_create(void)
{
	struct seal_random *random = calloc(1, sizeof *random);
	if (random == NULL)
		return NULL;
	void *page = mmap(NULL, POOL_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		free(random);
		return NULL;
	}
	if (madvise(page, POOL_SIZE, MADV_WIPEONFORK) != 0) {
		munmap(page, POOL_SIZE);
		free(random);
		return NULL;
	}
	random->pool = page;
	return random;
}

void
seal_random_destroy(struct seal_random *random)
{
	if (random == NULL)
		return;
	bytes_wipe(random->pool, POOL_SIZE);
	munmap(random->pool, POOL_SIZE);
	free(random);
}

bool
seal_random_draw(struct seal_random *random, uint8_t *out, size_t size)
{
	struct pool *pool = random->pool;

	check(size <= DRAW_MAX);
	if (pool->left < size) {
		if (RAND_bytes(pool->bytes, (int)sizeof pool->bytes) != 1)
			return false;
		pool->left = sizeof pool->bytes;
	}
	pool->left -= size;
	memcpy(out, pool->bytes + pool->left, size);
	memset(pool->bytes + pool->left, 0, size);
	return true;
}

struct seal_key *
seal_key_create(const uint8_t bytes[SEAL_KEY_SIZE])
{
	struct seal_key *key = calloc(1, sizeof *key);
	if (key == NULL)
		return NULL;
	key->in = EVP_CIPHER_CTX_new();
	key->out = EVP_CIPHER_CTX_new();
	if (key->in != NULL && key->out != NULL &&
	    EVP_EncryptInit_ex(key->in, EVP_aes_256_gcm(), NULL, bytes, NULL) == 1 &&
	    EVP_DecryptInit_ex(key->out, EVP_aes_256_gcm(), NULL, bytes, NULL) == 1)
		return key;
	seal_key_destroy(key);
	return NULL;
}

void
seal_key_destroy(struct seal_key *key)
{
	if (key == NULL)
		return;
	EVP_CIPHER_CTX_free(key->in);
	EVP_CIPHER_CTX_free(key->out);
	free(key);
}

bool
seal_put(struct seal_key *key, struct seal_random *random, struct slice associated, struct slice more,
    struct slice plain, uint8_t *out)
{
	uint8_t nonce[SEAL_NONCE_SIZE];

	return seal_random_draw(random, nonce, sizeof nonce) &&
	    seal_put_drawn(key, nonce, associated, more, plain, out);
}

bool
seal_put_drawn(struct seal_key *key, const uint8_t nonce[SEAL_NONCE_SIZE], struct slice associated, struct slice more,
    struct slice plain, uint8_t *out)
{
	uint8_t *cipher = out + SEAL_NONCE_SIZE;
	int size;

	check(associated.size <= INT_MAX && more.size <= INT_MAX && plain.size <= INT_MAX);
	memcpy(out, nonce, SEAL_NONCE_SIZE);
	return EVP_EncryptInit_ex(key->in, NULL, NULL, NULL, nonce) == 1 &&
	    EVP_EncryptUpdate(key->in, NULL, &size, associated.data, (int)associated.size) == 1 &&
	    (more.size == 0 || EVP_EncryptUpdate(key->in, NULL, &size, more.data, (int)more.size) == 1) &&
	    (plain.size == 0 || EVP_EncryptUpdate(key->in, cipher, &size, plain.data, (int)plain.size) == 1) &&
	    EVP_EncryptFinal_ex(key->in, cipher + plain.size, &size) == 1 &&
	    EVP_CIPHER_CTX_ctrl(key->in, EVP_CTRL_AEAD_GET_TAG, (int)SEAL_TAG_SIZE, cipher + plain.size) == 1;
}

bool
seal_open(struct seal_key *key, struct slice associated, struct slice more, struct slice sealed, uint8_t *out)
{
	uint8_t tag[SEAL_TAG_SIZE];
	int size;

	check(associated.size <= INT_MAX && more.size <= INT_MAX);
	if (sealed.size < SEAL_OVERHEAD || sealed.size > INT_MAX)
		return false;
	size_t plain_size = sealed.size - SEAL_OVERHEAD;
	const uint8_t *cipher = sealed.data + SEAL_NONCE_SIZE;
	memcpy(tag, cipher + plain_size, sizeof tag);
	if (EVP_DecryptInit_ex(key->out, NULL, NULL, NULL, sealed.data) == 1 &&
	    EVP_CIPHER_CTX_ctrl(key->out, EVP_CTRL_AEAD_SET_TAG, (int)sizeof tag, tag) == 1 &&
	    EVP_DecryptUpdate(key->out, NULL, &size, associated.data, (int)associated.size) == 1 &&
	    (more.size == 0 || EVP_DecryptUpdate(key->out, NULL, &size, more.data, (int)more.size) == 1) &&
	    (plain_size == 0 || EVP_DecryptUpdate(key->out, out, &size, cipher, (int)plain_size) == 1) &&
	    EVP_DecryptFinal_ex(key->out, tag, &size) == 1)
		return true;
	/* What was deciphered before the tag was found wrong is nobody's business. */
	bytes_wipe(out, plain_size);
	return false;
}
