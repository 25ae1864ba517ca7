/* SPDX-License-Identifier: Apache-2.0
 *
 * Open addressing over twice as many slots as keys are allowed, and a list of the slots in use so that clearing costs
 * no more than what was added. */
#include "server/keyset.h"

#include <stdlib.h>

#include "protocol/check.h"

#define SLOTS (2 * KEYSET_MAX)

struct keyset {
	size_t count;
	uint32_t used[KEYSET_MAX];
	struct slice slots[SLOTS];
};

struct keyset *
keyset_create(void)
{
	return calloc(1, sizeof(struct keyset));
}

void
keyset_destroy(struct keyset *keyset)
{
	free(keyset);
}

void
keyset_clear(struct keyset *keyset)
{
	for (size_t i = 0; i < keyset->count; i++)
		keyset->slots[keyset->used[i]] = SLICE_EMPTY;
	keyset->count = 0;
}

size_t
keyset_count(const struct keyset *keyset)
{
	return keyset->count;
}

/* The slot of the key, or the free one where it would stand. FNV-1a spreads well enough: keys are mostly digests. */
static size_t
keyset_slot(const struct keyset *keyset, struct slice key)
{
	uint64_t hash = 14695981039346656037U;

	for (size_t i = 0; i < key.size; i++)
		hash = (hash ^ key.data[i]) * 1099511628211U;
	size_t slot = (size_t)(hash ^ hash >> 32) % SLOTS;
	while (keyset->slots[slot].data != NULL && !slice_equal(keyset->slots[slot], key))
		slot = (slot + 1) % SLOTS;
	return slot;
}

void
keyset_add(struct keyset *keyset, struct slice key)
{
	size_t slot = keyset_slot(keyset, key);

	if (keyset->slots[slot].data != NULL)
		return;
	check(keyset->count < KEYSET_MAX);
	keyset->used[keyset->count++] = (uint32_t)slot;
	keyset->slots[slot] = key;
}

bool
keyset_has(const struct keyset *keyset, struct slice key)
{
	return keyset->count != 0 && keyset->slots[keyset_slot(keyset, key)].data != NULL;
}

bool
keyset_has_within(const struct keyset *keyset, struct slice from, struct slice end)
{
	for (size_t i = 0; i < keyset->count; i++) {
		struct slice key = keyset->slots[keyset->used[i]];
		if (slice_compare(from, key) <= 0 && slice_compare(key, end) < 0)
			return true;
	}
	return false;
}
