/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of blocks, the newest first; allocation moves a mark. */
#include "protocol/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)8192)

struct block {
	struct block *older;
	size_t size; /* of data */
	size_t used;
	alignas(max_align_t) uint8_t data[];
};

struct arena {
	struct block *newest;
	size_t used;
	size_t size_max;
};

static struct block *
block_create(size_t size, struct block *older)
{
	struct block *block = calloc(1, sizeof *block + size);
	if (block == NULL)
		return NULL;
	block->older = older;
	block->size = size;
	return block;
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

/* Frees every block above the oldest; what they held may be private, so it is wiped. */
static void
arena_shrink(struct arena *arena)
{
	while (arena->newest != NULL && arena->newest->older != NULL) {
		struct block *older = arena->newest->older;
		bytes_wipe(arena->newest->data, arena->newest->used);
		free(arena->newest);
		arena->newest = older;
	}
}

void
arena_reset(struct arena *arena)
{
	arena_shrink(arena);
	if (arena->newest != NULL) {
		bytes_wipe(arena->newest->data, arena->newest->used);
		arena->newest->used = 0;
	}
	arena->used = 0;
}

void
arena_destroy(struct arena *arena)
{
	if (arena == NULL)
		return;
	arena_reset(arena);
	free(arena->newest);
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
		block = block_create(rounded > BLOCK_SIZE ? rounded : BLOCK_SIZE, block);
		if (block == NULL)
			return NULL;
		arena->newest = block;
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
