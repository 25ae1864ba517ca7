/* SPDX-License-Identifier: Apache-2.0
 *
 * One key, a few parts: it is prepared for each anew, which is nothing beside the bytes. */
#include "server/services/part.h"

#include "protocol/check.h"
#include "protocol/limits.h"

static struct slice
offset_bytes(const struct part_place *place, uint8_t bytes[sizeof(uint64_t)])
{
	bytes_poke_u64(bytes, place->offset);
	return slice_of(bytes, sizeof(uint64_t));
}

enum error
part_seal(const struct part_place *place, const uint8_t nonce[SEAL_NONCE_SIZE], struct slice plain, struct arena *arena,
    struct slice *out)
{
	uint8_t offset[sizeof(uint64_t)];
	uint8_t *sealed = arena_alloc(arena, plain.size + SEAL_OVERHEAD);

	check(place->key.size == SEAL_KEY_SIZE && place->digest.size == DIGEST_SIZE);
	struct seal_key *key = sealed == NULL ? NULL : seal_key_create(place->key.data);
	if (key == NULL)
		return ERROR_out_of_memory;
	bool good = seal_put_drawn(key, nonce, place->digest, offset_bytes(place, offset), plain, sealed);
	seal_key_destroy(key);
	*out = slice_of(sealed, plain.size + SEAL_OVERHEAD);
	return good ? ERROR_NONE : ERROR_key_failed;
}

enum error
part_open(const struct part_place *place, struct slice sealed, struct arena *arena, struct slice *out)
{
	uint8_t offset[sizeof(uint64_t)];

	*out = SLICE_EMPTY;
	if (place->key.size != SEAL_KEY_SIZE || sealed.size <= SEAL_OVERHEAD)
		return ERROR_store_damaged;
	uint8_t *plain = arena_alloc(arena, sealed.size - SEAL_OVERHEAD);
	struct seal_key *key = plain == NULL ? NULL : seal_key_create(place->key.data);
	if (key == NULL)
		return ERROR_out_of_memory;
	bool good = seal_open(key, place->digest, offset_bytes(place, offset), sealed, plain);
	seal_key_destroy(key);
	if (!good)
		return ERROR_store_damaged;
	*out = slice_of(plain, sealed.size - SEAL_OVERHEAD);
	return ERROR_NONE;
}
