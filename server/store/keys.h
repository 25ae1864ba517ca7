/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of the store: the prefixes of keys.def, and how each key is put together. Personal words enter only as keyed
 * hashes (struct keyed), 16 bytes of an HMAC that nobody without the office's secret can compute. */
#ifndef GUICHET_KEYS_H
#define GUICHET_KEYS_H

#include "protocol/arena.h"
#include "protocol/limits.h"
#include "server/store/store.h"

enum key_prefix {
#define KEY(prefix, name, class, parts) KEY_##name = (prefix),
#include "server/store/keys.def"
#undef KEY
};

/* A keyed hash standing for a person, an address, a household or a campaign. */
struct keyed {
	uint8_t bytes[16];
};

/* Prefix and parts one after another, in the arena. Empty when the arena is full (reads then fail as such). */
must_check struct slice key_make(struct arena *arena, enum key_prefix prefix, const struct slice *parts, size_t count);
#define KEY_MAKE(arena, prefix, ...)                                                                               \
	key_make((arena), (prefix), (const struct slice[]){ __VA_ARGS__ },                                          \
	    sizeof((const struct slice[]){ __VA_ARGS__ }) / sizeof(struct slice))

/* Eight bytes big-endian, and their complement, which sorts downwards; in the arena. */
must_check struct slice key_part_u64(struct arena *arena, uint64_t value);
must_check struct slice key_part_down(struct arena *arena, uint64_t value);
static inline struct slice
key_part_keyed(const struct keyed *keyed)
{
	return slice_of(keyed->bytes, sizeof keyed->bytes);
}

/* The retention class of what stands behind a key; checked to be in the table. */
enum retention_class key_retention(struct slice key);

#endif
