/* SPDX-License-Identifier: Apache-2.0
 *
 * log_checkpoint, log_inclusion, log_consistency, log_tile: checked against a tree of the test's own, beyond the
 * first full tiles. */
#include <stdio.h>
#include <string.h>

#include "protocol/merkle.h"
#include "server/authority.h"
#include "tests/unit/people.h"
#include "tests/unit/unit.h"

/* More than two full tiles of the lowest level. */
#define LEAVES 600
/* One decision logs no more. */
#define LEAVES_AT_ONCE 3

/* What the log should be: its leaves, and its root at every size. */
struct expected {
	struct hash leaves[LEAVES], roots[LEAVES + 1];
	struct merkle_frontier frontier;
};

static struct expected expected;

/* A decision that logs as many leaves as its request says. */
static enum outcome
decide_leaves(struct decision *decision, const void *request)
{
	for (size_t i = 0; i < *(const size_t *)request; i++) {
		struct slice body = decision_text(decision, "leaf %zu", (size_t)expected.frontier.size + i);
		(void)effects_leaf(decision, body, effects_blob(decision, RETENTION_CERTIFICATE, body, NULL));
	}
	return DECIDED;
}

static void
append(struct decision_fixture *fixture, size_t count)
{
	(void)decision_fixture_run(fixture, decide_leaves, message_done(), &count);
	for (size_t i = 0; i < count; i++) {
		char body[32];
		size_t at = (size_t)expected.frontier.size;
		snprintf(body, sizeof body, "leaf %zu", at);
		merkle_hash_leaf(slice_of_text(body), &expected.leaves[at]);
		merkle_frontier_append(&expected.frontier, &expected.leaves[at]);
		merkle_frontier_root(&expected.frontier, &expected.roots[at + 1]);
	}
}

static void
begin(struct decision_fixture *fixture, size_t leaves)
{
	memset(&expected, 0, sizeof expected);
	merkle_frontier_root(&expected.frontier, &expected.roots[0]);
	for (size_t left = leaves; left > 0;) {
		size_t some = left < LEAVES_AT_ONCE ? left : LEAVES_AT_ONCE;
		append(fixture, some);
		left -= some;
	}
}

static void
take_proof(const struct effects *effects, struct merkle_proof *proof)
{
	struct slice hashes = ((const struct msg_hashes_answer *)effects->answer)->hashes;

	assert_string_equal(error_name(effects->refusal.error), "none");
	assert_int_equal(hashes.size % DIGEST_SIZE, 0);
	proof->count = hashes.size / DIGEST_SIZE;
	if (hashes.size != 0)
		memcpy(proof->hashes, hashes.data, hashes.size);
}

static void
checkpoints_are_of_the_durable_tree(void **state)
{
	struct decision_fixture *fixture = *state;
	const struct msg_nothing request = { .has_deadline_ms = false };
	struct checkpoint checkpoint;
	struct fault fault;

	begin(fixture, 0);
	for (size_t size = 0; size <= 6; size += LEAVES_AT_ONCE) {
		const struct msg_checkpoint_answer *answer =
		    decision_fixture_operate(fixture, OPERATION_log_checkpoint, &request)->answer;
		assert_int_equal(checkpoint_verify(answer->checkpoint, authority_log_verifier(fixture->authority),
		    &checkpoint, &fault),
		    ERROR_NONE);
		assert_int_equal(checkpoint.size, size);
		assert_memory_equal(&checkpoint.root, &expected.roots[size], DIGEST_SIZE);
		append(fixture, LEAVES_AT_ONCE);
	}
}

static void
every_leaf_is_proven_in_every_kind_of_tree(void **state)
{
	struct decision_fixture *fixture = *state;
	static const uint64_t sizes[] = { 1, 2, 3, 255, 256, 257, 511, 512, 513, LEAVES };

	begin(fixture, LEAVES);
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
		for (uint64_t index = 0; index < sizes[s]; index += 1 + sizes[s] / 11) {
			const struct msg_inclusion_request request = { .index = index, .size = sizes[s] };
			struct merkle_proof proof;
			take_proof(decision_fixture_operate(fixture, OPERATION_log_inclusion, &request), &proof);
			assert_int_equal(merkle_verify_inclusion(&expected.leaves[index], index, sizes[s], &proof,
			    &expected.roots[sizes[s]]), ERROR_NONE);
		}
}

static void
every_tree_extends_the_earlier_ones(void **state)
{
	struct decision_fixture *fixture = *state;
	static const uint64_t sizes[] = { 1, 2, 3, 255, 256, 257, 512, 513, LEAVES };
	const size_t count = sizeof sizes / sizeof sizes[0];

	begin(fixture, LEAVES);
	for (size_t a = 0; a < count; a++)
		for (size_t b = a; b < count; b++) {
			const struct msg_consistency_request request = { .size_old = sizes[a], .size_new = sizes[b] };
			struct merkle_proof proof;
			take_proof(decision_fixture_operate(fixture, OPERATION_log_consistency, &request), &proof);
			assert_int_equal(merkle_verify_consistency(sizes[a], &expected.roots[sizes[a]], sizes[b],
			    &expected.roots[sizes[b]], &proof), ERROR_NONE);
		}
}

static void
tiles_are_full_or_as_wide_as_asked(void **state)
{
	struct decision_fixture *fixture = *state;
	struct msg_tile_request request = { .level = 0, .index = 0 };
	const struct msg_tile_answer *answer;

	begin(fixture, LEAVES);
	answer = decision_fixture_operate(fixture, OPERATION_log_tile, &request)->answer;
	assert_int_equal(answer->hashes.size, 256 * DIGEST_SIZE);
	assert_memory_equal(answer->hashes.data, expected.leaves, 256 * DIGEST_SIZE);
	request.index = 2;
	assert_refused(decision_fixture_operate(fixture, OPERATION_log_tile, &request), ERROR_not_found,
	    "tile_request.width", NULL, "1 to 88");
	request.has_width = true;
	request.width = 88;
	answer = decision_fixture_operate(fixture, OPERATION_log_tile, &request)->answer;
	assert_memory_equal(answer->hashes.data, &expected.leaves[512], 88 * DIGEST_SIZE);
	request.width = 0;
	assert_refused(decision_fixture_operate(fixture, OPERATION_log_tile, &request), ERROR_not_found,
	    "tile_request.width", NULL, "1 to 88");
	request.index = UINT64_MAX;
	assert_int_equal(decision_fixture_operate(fixture, OPERATION_log_tile, &request)->refusal.error,
	    ERROR_not_found);
	request = (struct msg_tile_request){ .level = 1, .index = 0, .has_width = true, .width = 2 };
	answer = decision_fixture_operate(fixture, OPERATION_log_tile, &request)->answer;
	assert_memory_equal(answer->hashes.data, &expected.roots[256], DIGEST_SIZE);
	request = (struct msg_tile_request){ .level = 7, .index = 0, .has_width = true, .width = 1 };
	assert_int_equal(decision_fixture_operate(fixture, OPERATION_log_tile, &request)->refusal.error,
	    ERROR_not_found);
}

static void
what_the_log_never_was_is_refused(void **state)
{
	struct decision_fixture *fixture = *state;
	struct msg_inclusion_request inclusion = { .index = 0, .size = 11 };
	struct msg_consistency_request consistency = { .size_old = 1, .size_new = UINT64_MAX };

	begin(fixture, 10);
	assert_refused(decision_fixture_operate(fixture, OPERATION_log_inclusion, &inclusion), ERROR_tree_size_unknown,
	    "inclusion_request.size", "11", "at most 10");
	inclusion = (struct msg_inclusion_request){ .index = 10, .size = 10 };
	assert_refused(decision_fixture_operate(fixture, OPERATION_log_inclusion, &inclusion), ERROR_field_invalid,
	    "inclusion_request.index", "10", "less than size, 10");
	assert_refused(decision_fixture_operate(fixture, OPERATION_log_consistency, &consistency),
	    ERROR_tree_size_unknown,
	    "consistency_request.size_new", "18446744073709551615", "at most 10");
	consistency = (struct msg_consistency_request){ .size_old = 0, .size_new = 10 };
	assert_refused(decision_fixture_operate(fixture, OPERATION_log_consistency, &consistency), ERROR_field_invalid,
	    "consistency_request.size_old", "0", "from 1 to size_new, 10");
	consistency.size_old = 11;
	assert_refused(decision_fixture_operate(fixture, OPERATION_log_consistency, &consistency), ERROR_field_invalid,
	    "consistency_request.size_old", "11", "from 1 to size_new, 10");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(checkpoints_are_of_the_durable_tree),
		PEOPLE_TEST(every_leaf_is_proven_in_every_kind_of_tree),
		PEOPLE_TEST(every_tree_extends_the_earlier_ones),
		PEOPLE_TEST(tiles_are_full_or_as_wide_as_asked),
		PEOPLE_TEST(what_the_log_never_was_is_refused),
	};
	return RUN_OVER_BOTH("log service", tests);
}
