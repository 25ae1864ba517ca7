/* SPDX-License-Identifier: Apache-2.0
 *
 * Sample values of any record, made from its descriptor alone: the same at every run, within every limit. What they
 * say is nonsense; they show how it is encoded. */
#ifndef GUICHET_TESTS_SAMPLE_H
#define GUICHET_TESTS_SAMPLE_H

#include "protocol/arena.h"
#include "protocol/record.h"

enum sample_extent {
	SAMPLE_MINIMAL, /* required fields only, each as short or small as allowed */
	SAMPLE_FULL,    /* every field; the largest numbers, strings of at most 32 bytes, lists of two rows */
};

/* A struct of record->size bytes in the arena; ends the process when that is too small. */
void *sample_make(const struct record *record, enum sample_extent extent, struct arena *arena);

#endif
