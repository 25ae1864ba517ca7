/* SPDX-License-Identifier: Apache-2.0
 *
 * Open addressing over twice as many slots as keys are allowed. A slot is the number of a key in a list, two bytes:
 * most questions are answered by one free slot, and all slots together stay in the processor's cache. Clearing costs no
 * more than what was added. */
#include "server/keyset.h"

#include <stdlib.h>

#include "protocol/check.h"

#define SLOTS (2 * KEYSET_MAX)
_Static_assert(KEYSET_MAX <= UINT16_MAX, "a slot holds the number of any key");

struct entry {
	struct slice key;
	size_t slot;
};

struct keyset {
	size_t count;
	struct entry entries[KEYSET_MAX];
	uint16_t slots[SLOTS]; /* number of the entry, from 1; 0: free */
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
		keyset->slots[keyset->entries[i].slot] = 0;
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
	while (keyset->slots[slot] != 0 && !slice_equal(keyset->entries[keyset->slots[slot] - 1].key, key))
		slot = (slot + 1) % SLOTS;
	return slot;
}

void
keyset_add(struct keyset *keyset, struct slice key)
{
	size_t slot = keyset_slot(keyset, key);

	if (keyset->slots[slot] != 0)
		return;
	check(keyset->count < KEYSET_MAX);
	keyset->entries[keyset->count++] = (struct entry){ key, slot };
	keyset->slots[slot] = (uint16_t)keyset->count;
}

bool
keyset_has(const struct keyset *keyset, struct slice key)
{
	return keyset->count != 0 && keyset->slots[keyset_slot(keyset, key)] != 0;
}

bool
keyset_has_within(const struct keyset *keyset, struct slice from, struct slice end)
{
	for (size_t i = 0; i < keyset->count; i++) {
		struct slice key = keyset->entries[i].key;
		if (slice_compare(from, key) <= 0 && slice_compare(key, end) < 0)
			return true;
	}
	return false;
}
