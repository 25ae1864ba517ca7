/* SPDX-License-Identifier: Apache-2.0
 *
 * A region of memory that lives as long as one request and has a maximum. What is allocated from it
 * is never freed singly; arena_reset or arena_destroy ends all of it. Not for use by two threads. */
#ifndef GUICHET_ARENA_H
#define GUICHET_ARENA_H

#include "protocol/bytes.h"

struct arena;

/* A new arena that will hand out at most size_max bytes in all; NULL when memory is short. */
must_check struct arena *arena_create(size_t size_max);
void arena_destroy(struct arena *arena);
/* Forgets everything allocated; keeps up to 32 KB of it for reuse, wiped. */
void arena_reset(struct arena *arena);

/* `size` zeroed bytes, aligned for any type, valid until reset; NULL over the maximum or out of memory. */
must_check void *arena_alloc(struct arena *arena, size_t size);
/* count * size zeroed bytes, the product checked. */
must_check void *arena_alloc_array(struct arena *arena, size_t count, size_t size);
/* A copy of `s` with a NUL behind it (not counted); false over the maximum. */
must_check bool arena_copy(struct arena *arena, struct slice s, struct slice *out);
/* How much has been handed out since the last reset. */
size_t arena_used(const struct arena *arena);

#endif
