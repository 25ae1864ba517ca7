/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 over the one stateless interface that OpenSSL has. The functions are marked deprecated since 3.0 in favour
 * of EVP, but EVP keeps either a fetched algorithm (a global) or fetches at every call, which costs more than hashing
 * a tree node; and an EVP context cannot be put away. Only this file knows of them. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "protocol/digest.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"

/* Places in a saved state: words, count of bytes so far, unfinished block padded with zeros. */
#define STATE_COUNT ((size_t)32)
#define STATE_BLOCK ((size_t)40)
/* SHA-256 counts bits in 64 bits. */
#define COUNT_MAX (UINT64_MAX / 8)

_Static_assert(STATE_BLOCK + SHA256_CBLOCK == DIGEST_STATE_SIZE, "a saved state holds one block");
_Static_assert(DIGEST_SIZE == SHA256_DIGEST_LENGTH, "digests are SHA-256");

/* The two hashes of HMAC when they have taken in the key, which is all that they ever need of it. */
struct digest_key {
	SHA256_CTX inner, outer;
};

static void
context_add(SHA256_CTX *context, struct slice bytes)
{
	if (bytes.size != 0)
		check(SHA256_Update(context, bytes.data, bytes.size) == 1);
}

/* Ends the context. */
static void
context_finish(SHA256_CTX *context, const struct slice *pieces, size_t count, uint8_t out[DIGEST_SIZE])
{
	for (size_t i = 0; i < count; i++)
		context_add(context, pieces[i]);
	check(SHA256_Final(out, context) == 1);
}

void
digest_pieces(const struct slice *pieces, size_t count, uint8_t out[DIGEST_SIZE])
{
	SHA256_CTX context;

	check(SHA256_Init(&context) == 1);
	context_finish(&context, pieces, count, out);
}

void
digest_bytes(struct slice bytes, uint8_t out[DIGEST_SIZE])
{
	digest_pieces(&bytes, 1, out);
}

/* ---- keyed ---- */

/* A hash that begins with the key, padded with zeros to a block and each byte of it changed by `pad` (RFC 2104, 2). */
static void
key_begin(SHA256_CTX *context, struct slice key, uint8_t pad)
{
	uint8_t block[SHA256_CBLOCK];

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (i < key.size ? key.data[i] : 0) ^ pad;
	check(SHA256_Init(context) == 1);
	context_add(context, slice_of(block, sizeof block));
	bytes_wipe(block, sizeof block);
}

struct digest_key *
digest_key_create(struct slice bytes)
{
	struct digest_key *key = calloc(1, sizeof *key);

	check(bytes.size <= SHA256_CBLOCK);
	if (key == NULL)
		return NULL;
	key_begin(&key->inner, bytes, 0x36);
	key_begin(&key->outer, bytes, 0x5c);
	return key;
}

void
digest_key_destroy(struct digest_key *key)
{
	if (key == NULL)
		return;
	bytes_wipe(key, sizeof *key);
	free(key);
}

void
digest_keyed(const struct digest_key *key, const struct slice *pieces, size_t count, uint8_t out[DIGEST_SIZE])
{
	SHA256_CTX inner = key->inner, outer = key->outer;
	const struct slice middle = slice_of(out, DIGEST_SIZE);

	context_finish(&inner, pieces, count, out);
	context_finish(&outer, &middle, 1, out);
}

/* ---- in steps ---- */

static void
state_save(const SHA256_CTX *context, uint64_t count, uint8_t state[DIGEST_STATE_SIZE])
{
	memset(state, 0, DIGEST_STATE_SIZE);
	for (size_t i = 0; i < 8; i++)
		bytes_poke_u32(state + 4 * i, (uint32_t)context->h[i]);
	bytes_poke_u64(state + STATE_COUNT, count);
	memcpy(state + STATE_BLOCK, context->data, context->num);
}

/* False for what state_save cannot have written: a count too high, something behind the unfinished block, or other
 * words than the initial ones before the first block is full. */
static bool
state_load(const uint8_t state[DIGEST_STATE_SIZE], SHA256_CTX *context, uint64_t *count)
{
	uint32_t changed = 0;

	*count = bytes_peek_u64(state + STATE_COUNT);
	if (*count > COUNT_MAX)
		return false;
	context->num = (unsigned)(*count % SHA256_CBLOCK);
	for (size_t i = context->num; i < SHA256_CBLOCK; i++)
		if (state[STATE_BLOCK + i] != 0)
			return false;
	for (size_t i = 0; i < 8; i++) {
		uint32_t word = bytes_peek_u32(state + 4 * i);
		changed |= word ^ (uint32_t)context->h[i];
		context->h[i] = word;
	}
	if (*count < SHA256_CBLOCK && changed != 0)
		return false;
	context->Nl = (SHA_LONG)(*count << 3);
	context->Nh = (SHA_LONG)(*count >> 29);
	memcpy(context->data, state + STATE_BLOCK, context->num);
	return true;
}

void
digest_state_start(uint8_t state[DIGEST_STATE_SIZE])
{
	SHA256_CTX context;

	check(SHA256_Init(&context) == 1);
	state_save(&context, 0, state);
}

bool
digest_state_add(uint8_t state[DIGEST_STATE_SIZE], struct slice bytes)
{
	SHA256_CTX context;
	uint64_t count;
	bool good;

	check(SHA256_Init(&context) == 1);
	good = state_load(state, &context, &count) && bytes.size <= COUNT_MAX - count;
	if (good) {
		context_add(&context, bytes);
		state_save(&context, count + bytes.size, state);
	}
	bytes_wipe(&context, sizeof context);
	return good;
}

bool
digest_state_finish(const uint8_t state[DIGEST_STATE_SIZE], uint8_t out[DIGEST_SIZE])
{
	SHA256_CTX context;
	uint64_t count;

	check(SHA256_Init(&context) == 1);
	if (!state_load(state, &context, &count))
		return false;
	check(SHA256_Final(out, &context) == 1);
	return true;
}
