/* SPDX-License-Identifier: Apache-2.0
 *
 * Published files that are written by themselves, whole or not at all, until they are there: the revocation list. Only
 * for publish.c. */
#ifndef GUICHET_PUBLISH_SINGLE_H
#define GUICHET_PUBLISH_SINGLE_H

#include "server/publish.h"

/* One content of the file. */
struct publish_single {
	const char *name;        /* a constant, the same for all */
	struct content *content; /* held; NULL: none */
	uint64_t number;         /* rising: the newest counts */
};

/* Zeroed but for the first three, which are borrowed. */
struct publish_singles {
	int directory;
	struct worker *worker;
	const struct publisher_calls *calls;
	struct publish_single unwritten; /* the newest that failed */
	uint64_t numbers;                /* given so far */
	size_t under_way;
};

/* As publisher_write. */
void publish_single_write(struct publish_singles *singles, const char *name, struct content *content);
/* Tries again what failed. */
void publish_single_tick(struct publish_singles *singles);
/* The worker has nothing left of it. */
void publish_single_close(struct publish_singles *singles);

#endif
