/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of blocks, the newest first; allocation moves a mark. Blocks of the usual size wait, wiped, for what comes
 * after a reset. */
#include "protocol/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)8192)
/* Blocks that an empty arena holds at most. */
#define SPARES_MAX 4

struct block {
	struct block *older;
	size_t size; /* of data */
	size_t used;
	alignas(max_align_t) uint8_t data[];
};

struct arena {
	struct block *newest;
	struct block *spares;
	size_t spares_count;
	size_t used;
	size_t size_max;
};

/* A block of at least that size, zeroed, the newest from now on; NULL when memory is short. */
static struct block *
block_take(struct arena *arena, size_t size)
{
	struct block *block = arena->spares;

	if (size <= BLOCK_SIZE && block != NULL) {
		arena->spares = block->older;
		arena->spares_count--;
	} else {
		size = size > BLOCK_SIZE ? size : BLOCK_SIZE;
		block = calloc(1, sizeof *block + size);
		if (block == NULL)
			return NULL;
		block->size = size;
	}
	block->older = arena->newest;
	arena->newest = block;
	return block;
}

/* Takes the newest block away; what it held may be private, so it is wiped. */
static void
block_leave(struct arena *arena)
{
	struct block *block = arena->newest;

	arena->newest = block->older;
	bytes_wipe(block->data, block->used);
	if (block->size != BLOCK_SIZE || arena->spares_count == SPARES_MAX) {
		free(block);
		return;
	}
	block->used = 0;
	block->older = arena->spares;
	arena->spares = block;
	arena->spares_count++;
}

struct arena *
arena_create(size_t size_max)
{
	struct arena *arena = calloc(1, sizeof *arena);
	if (arena == NULL)
		return NULL;
	arena->size_max = size_max;
	return arena;
}

void
arena_reset(struct arena *arena)
{
	while (arena->newest != NULL)
		block_leave(arena);
	arena->used = 0;
}

void
arena_destroy(struct arena *arena)
{
	if (arena == NULL)
		return;
	arena_reset(arena);
	while (arena->spares != NULL) {
		struct block *older = arena->spares->older;
		free(arena->spares);
		arena->spares = older;
	}
	free(arena);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct block *block = arena->newest;
	size_t rounded;

	if (size > arena->size_max - arena->used)
		return NULL;
	rounded = (size + align - 1) / align * align;
	if (rounded > arena->size_max - arena->used)
		return NULL;
	if (block == NULL || rounded > block->size - block->used) {
		block = block_take(arena, rounded);
		if (block == NULL)
			return NULL;
	}
	void *start = block->data + block->used;
	block->used += rounded;
	arena->used += rounded;
	return start;
}

void *
arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	return arena_alloc(arena, count * size);
}

bool
arena_copy(struct arena *arena, struct slice s, struct slice *out)
{
	if (s.size == SIZE_MAX)
		return false;
	uint8_t *copy = arena_alloc(arena, s.size + 1);
	if (copy == NULL)
		return false;
	if (s.size != 0)
		memcpy(copy, s.data, s.size);
	*out = slice_of(copy, s.size);
	return true;
}

size_t
arena_used(const struct arena *arena)
{
	return arena->used;
}
