/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory engine: the conformance suite, at once and late, and what only this engine does. */
#include "server/store/memory.h"
#include "tests/unit/store_conformance.h"

#include <stdlib.h>

static int
setup_with(void **state, const struct memory_config *config)
{
	struct conformance *conformance = calloc(1, sizeof *conformance);
	assert_non_null(conformance);
	conformance_start(conformance);
	assert_int_equal(memory_store_open(config, &conformance->store), ERROR_NONE);
	*state = conformance;
	return 0;
}

static int
setup(void **state)
{
	return setup_with(state, NULL);
}

static int
setup_late(void **state)
{
	const struct memory_config config = { .defer_reads = true, .defer_commits = true };
	return setup_with(state, &config);
}

static int
setup_shared(void **state)
{
	const struct memory_config config = { .is_shared = true };
	return setup_with(state, &config);
}

static int
setup_shared_late(void **state)
{
	const struct memory_config config = { .defer_reads = true, .defer_commits = true, .is_shared = true };
	return setup_with(state, &config);
}

static int
teardown(void **state)
{
	conformance_end(*state);
	free(*state);
	return 0;
}

static void
take_error(void *context, enum error error)
{
	*(enum error *)context = error;
}

static void
take_commit(void *context, enum store_outcome outcome, enum error error)
{
	assert_int_equal(outcome, STORE_DURABLE);
	take_error(context, error);
}

static void
late_work_happens_when_pumped(void **state)
{
	struct conformance *c = *state;
	enum error committed = ERROR_usage, answered = ERROR_usage;
	struct store_read read = { .kind = STORE_GET, .arena = c->arena, .key = text_slice("a") };

	struct store_batch *batch = store_batch_create(c->store);
	store_put(batch, (struct retention){ RETENTION_REGISTER, 2026 }, text_slice("a"), text_slice("1"));
	assert_int_equal(store_read(c->store, &read, 1, take_error, &answered), STORE_PENDING);
	store_commit(batch, take_commit, &committed);
	assert_int_equal(memory_store_pending(c->store), 2);
	assert_int_equal(answered, ERROR_usage);

	assert_int_equal(memory_store_pump(c->store, 1), 1);
	assert_int_equal(answered, ERROR_NONE);
	assert_false(read.found);
	assert_int_equal(committed, ERROR_usage);
	assert_int_equal(memory_store_pump(c->store, 9), 1);
	assert_int_equal(committed, ERROR_NONE);
	memory_store_defer(c->store, false, false);
	assert_string_equal(get_now(c, "a"), "1");
}

static void
nth_commit_fails_whole_and_for_good(void **state)
{
	struct conformance c;
	const struct memory_config config = { .fail_commit_at = 2 };

	(void)state;
	conformance_start(&c);
	assert_int_equal(memory_store_open(&config, &c.store), ERROR_NONE);
	put_now(c.store, "a", "1");
	for (int i = 0; i < 2; i++) {
		struct store_batch *batch = store_batch_create(c.store);
		store_put(batch, (struct retention){ RETENTION_REGISTER, 2026 }, text_slice("a"), text_slice("2"));
		assert_int_not_equal(store_commit_now(batch), ERROR_NONE);
		assert_string_equal(get_now(&c, "a"), "1");
		assert_string_not_equal(store_failure(c.store), "");
	}
	conformance_end(&c);
}

static void
space_is_what_the_test_says(void **state)
{
	struct conformance *c = *state;

	assert_true(store_space_left(c->store, STORE_ORDINARY) > UINT32_MAX);
	memory_store_set_space(c->store, 5, 7);
	assert_int_equal(store_space_left(c->store, STORE_ORDINARY), 5);
	assert_int_equal(store_space_left(c->store, STORE_VITAL), 7);
	assert_int_equal(store_space_free(c->store), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CONFORMANCE_TESTS(setup, teardown),
		CONFORMANCE_TESTS(setup_late, teardown),
		CONFORMANCE_TESTS(setup_shared, teardown),
		CONFORMANCE_TESTS(setup_shared_late, teardown),
		cmocka_unit_test_setup_teardown(late_work_happens_when_pumped, setup_late, teardown),
		cmocka_unit_test(nth_commit_fails_whole_and_for_good),
		cmocka_unit_test_setup_teardown(space_is_what_the_test_says, setup, teardown),
	};
	return cmocka_run_group_tests_name("store memory", tests, NULL, NULL);
}
