/* SPDX-License-Identifier: Apache-2.0
 *
 * Key prefixes and their assembly. */
#include "server/store/keys.h"

#include <string.h>

#include "protocol/check.h"

static const struct {
	enum key_prefix prefix;
	enum retention_class class;
} table[] = {
#define KEY(prefix, name, class, parts) { KEY_##name, class },
#include "server/store/keys.def"
#undef KEY
};

struct slice
key_make(struct arena *arena, enum key_prefix prefix, const struct slice *parts, size_t count)
{
	uint8_t bytes[STORE_KEY_MAX];
	size_t size = 0;
	struct slice key;

	bytes[size++] = (uint8_t)prefix;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].data == NULL)
			return SLICE_EMPTY;
		check(parts[i].size <= sizeof bytes - size);
		memcpy(bytes + size, parts[i].data, parts[i].size);
		size += parts[i].size;
	}
	return arena_copy(arena, slice_of(bytes, size), &key) ? key : SLICE_EMPTY;
}

struct slice
key_part_u64(struct arena *arena, uint64_t value)
{
	uint8_t *bytes = arena_alloc(arena, 8);
	if (bytes == NULL)
		return SLICE_EMPTY;
	bytes_poke_u64(bytes, value);
	return slice_of(bytes, 8);
}

struct slice
key_part_down(struct arena *arena, uint64_t value)
{
	return key_part_u64(arena, UINT64_MAX - value);
}

enum retention_class
key_retention(struct slice key)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (key.size != 0 && key.data[0] == (uint8_t)table[i].prefix)
			return table[i].class;
	check(!"every key has a prefix of the table");
	return RETENTION_PERMANENT;
}
