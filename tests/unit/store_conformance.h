/* SPDX-License-Identifier: Apache-2.0
 *
 * What every engine of the store has to do, as tests that an engine's own test program runs over a store it opened. */
#ifndef GUICHET_STORE_CONFORMANCE_H
#define GUICHET_STORE_CONFORMANCE_H

#include "server/store/store.h"
#include "tests/unit/unit.h"

/* What the tests find in *state. */
struct conformance {
	struct store *store; /* empty when the test begins */
	struct arena *arena;
};

/* An arena, and its end; the engine's setup adds the store. */
void conformance_start(struct conformance *conformance);
void conformance_end(struct conformance *conformance);

/* ---- shorthand for engines' own tests; all of them assert that the store does its part ---- */

struct slice text_slice(const char *text);
/* Commits one record, of RETENTION_REGISTER, 2026. */
void put_now(struct store *store, const char *key, const char *value);
/* Commits one blob, of RETENTION_FILING, 2026. */
struct blob_ref blob_now(struct store *store, struct slice bytes);
/* NULL when absent. */
const char *get_now(struct conformance *conformance, const char *key);

/* Reads and commits on their way are completed by store_wait, so the same tests serve early and late engines. */
void conformance_get_and_absent(void **state);
void conformance_range(void **state);
void conformance_later_wins(void **state);
void conformance_batch_is_atomic_and_may_be_given_up(void **state);
void conformance_blobs(void **state);
void conformance_commits_keep_their_order(void **state);
void conformance_reads_in_a_group(void **state);
void conformance_arena_maximum(void **state);
void conformance_rests_on_what_was_read(void **state);
void conformance_conflict_stores_nothing(void **state);

#define CONFORMANCE_TESTS(setup, teardown) \
	cmocka_unit_test_setup_teardown(conformance_get_and_absent, setup, teardown), \
	cmocka_unit_test_setup_teardown(conformance_range, setup, teardown), \
	cmocka_unit_test_setup_teardown(conformance_later_wins, setup, teardown), \
	cmocka_unit_test_setup_teardown(conformance_batch_is_atomic_and_may_be_given_up, setup, teardown), \
	cmocka_unit_test_setup_teardown(conformance_blobs, setup, teardown), \
	cmocka_unit_test_setup_teardown(conformance_commits_keep_their_order, setup, teardown), \
	cmocka_unit_test_setup_teardown(conformance_reads_in_a_group, setup, teardown), \
	cmocka_unit_test_setup_teardown(conformance_arena_maximum, setup, teardown), \
	cmocka_unit_test_setup_teardown(conformance_rests_on_what_was_read, setup, teardown), \
	cmocka_unit_test_setup_teardown(conformance_conflict_stores_nothing, setup, teardown)

#endif
