/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine without a disk, for tests: the same contract, nothing sealed, nothing kept after close. It can answer
 * late, when the test says so, and fail at the nth commit, so that a test drives every path a slow or broken disk
 * would. It compares what every batch rests on with what is there: shared, it refuses the batch when they differ;
 * exclusive, it asserts that they do not, and so that the process keeps its own decisions apart. */
#ifndef GUICHET_STORE_MEMORY_H
#define GUICHET_STORE_MEMORY_H

#include "server/store/store.h"

struct memory_config {
	bool defer_reads;   /* reads are STORE_PENDING and evaluated when pumped */
	bool defer_commits; /* commits take effect when pumped */
	bool is_shared;     /* several in the test stand for processes that share it */
	/* The nth commit (from 1) and all after it fail, applying nothing; 0: none. */
	uint64_t fail_commit_at;
};

/* An empty store; NULL config: answers at once, never fails. */
must_check enum error memory_store_open(const struct memory_config *config, struct store **out);

/* Completes up to `count` pending reads and commits, oldest first; says how many. Those that a `done` adds meanwhile
 * wait for the next pump. */
size_t memory_store_pump(struct store *store, size_t count);
/* How many wait. */
size_t memory_store_pending(const struct store *store);
/* From now on reads and commits are late, or at once again. */
void memory_store_defer(struct store *store, bool reads, bool commits);
/* What store_space_left says from now on, and store_space_free: what is left for the vital. Before, there is no end of
 * it. */
void memory_store_set_space(struct store *store, uint64_t ordinary, uint64_t vital);

#endif
