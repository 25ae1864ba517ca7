/* SPDX-License-Identifier: Apache-2.0
 *
 * The view: found, absent or again, each key read once, and everything read remembered. */
#include "tests/unit/unit.h"

#include <string.h>

#include "server/store/keys.h"
#include "server/store/memory.h"
#include "server/view.h"

#define ARENA_MAX ((size_t)1024 * 1024)

struct fixture {
	struct store *store;
	struct arena *arena;
	struct view *view;
	unsigned loaded;
};

static void
loaded(void *context)
{
	((struct fixture *)context)->loaded++;
}

static struct slice
key_of(const char *name)
{
	return slice_of_text(name);
}

static void
put(struct fixture *fixture, const char *name, uint64_t number)
{
	const struct rec_quota quota = { .announced = number };
	struct store_batch *batch = store_batch_create(fixture->store);

	assert_non_null(batch);
	store_put(batch, (struct retention){ RETENTION_FILING, 2026 }, key_of(name),
	    record_encode(record_quota(), &quota, fixture->arena));
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
}

/* The next run of the decision. */
static struct view *
new_view(struct fixture *fixture)
{
	struct view *view = view_create(fixture->store, fixture->arena, loaded, fixture);

	assert_non_null(view);
	return view;
}

static int
setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ .arena = arena_create(ARENA_MAX) };
	assert_non_null(fixture.arena);
	assert_int_equal(memory_store_open(NULL, &fixture.store), ERROR_NONE);
	fixture.view = new_view(&fixture);
	put(&fixture, "Qa", 1);
	put(&fixture, "Qc", 3);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	store_wait(fixture->store);
	store_close(fixture->store);
	arena_destroy(fixture->arena);
	return 0;
}

static void
found_and_absent_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct rec_quota quota;
	const struct store_pair *pairs;
	size_t count;

	assert_int_equal(view_get(fixture->view, key_of("Qa"), record_quota(), &quota), VIEW_FOUND);
	assert_int_equal(quota.announced, 1);
	assert_int_equal(view_get(fixture->view, key_of("Qb"), record_quota(), &quota), VIEW_ABSENT);
	assert_int_equal(view_range(fixture->view, key_of("Qa"), key_of("Qc"), false, 9, &pairs, &count), VIEW_FOUND);
	assert_int_equal(count, 1);
	assert_int_equal(view_range(fixture->view, key_of("Q"), key_of("R"), true, 1, &pairs, &count), VIEW_FOUND);
	assert_int_equal(count, 1);
	assert_true(slice_equal(pairs[0].key, key_of("Qc")));
	assert_int_equal(view_error(fixture->view), ERROR_NONE);
	assert_int_equal(fixture->loaded, 0);
}

/* What was read stays as it was read for as long as the view: a decision sees one state. */
static void
what_was_read_stays(void **state)
{
	struct fixture *fixture = *state;
	struct rec_quota quota;

	assert_int_equal(view_get(fixture->view, key_of("Qa"), record_quota(), &quota), VIEW_FOUND);
	assert_int_equal(view_get(fixture->view, key_of("Qb"), record_quota(), &quota), VIEW_ABSENT);
	put(fixture, "Qa", 10);
	put(fixture, "Qb", 20);
	assert_int_equal(view_get(fixture->view, key_of("Qa"), record_quota(), &quota), VIEW_FOUND);
	assert_int_equal(quota.announced, 1);
	assert_int_equal(view_get(fixture->view, key_of("Qb"), record_quota(), &quota), VIEW_ABSENT);
	fixture->view = new_view(fixture);
	assert_int_equal(view_get(fixture->view, key_of("Qa"), record_quota(), &quota), VIEW_FOUND);
	assert_int_equal(quota.announced, 10);
	assert_int_equal(view_get(fixture->view, key_of("Qb"), record_quota(), &quota), VIEW_FOUND);
}

static void
again_until_all_is_loaded(void **state)
{
	struct fixture *fixture = *state;
	struct rec_quota quota;
	uint8_t name[2] = { 'Q', 'a' };

	memory_store_defer(fixture->store, true, false);
	view_want(fixture->view, slice_of(name, 2));
	name[1] = 'b'; /* the key was copied */
	assert_int_equal(view_get(fixture->view, slice_of(name, 2), record_quota(), &quota), VIEW_AGAIN);
	assert_int_equal(view_get(fixture->view, key_of("Qa"), record_quota(), &quota), VIEW_AGAIN);
	assert_int_equal(memory_store_pending(fixture->store), 2);
	assert_true(view_is_loading(fixture->view));
	memory_store_pump(fixture->store, 1);
	assert_int_equal(fixture->loaded, 0);
	memory_store_pump(fixture->store, 1);
	assert_int_equal(fixture->loaded, 1);
	assert_false(view_is_loading(fixture->view));
	assert_int_equal(view_get(fixture->view, key_of("Qa"), record_quota(), &quota), VIEW_FOUND);
	assert_int_equal(view_get(fixture->view, key_of("Qb"), record_quota(), &quota), VIEW_ABSENT);
}

static bool
has(const void *context, struct slice key)
{
	return slice_equal_text(key, context);
}

static bool
has_within(const void *context, struct slice from, struct slice end)
{
	struct slice key = slice_of_text(context);
	return slice_compare(from, key) <= 0 && slice_compare(key, end) < 0;
}

static bool
meets(const struct fixture *fixture, const char *key)
{
	return view_meets(fixture->view, &(struct view_keys){ has, has_within, key });
}

/* Absent keys, ranges and what is only wanted yet are read too. */
static void
the_read_set_is_all_that_was_asked(void **state)
{
	struct fixture *fixture = *state;
	struct rec_quota quota;
	const struct store_pair *pairs;
	size_t count;

	assert_false(meets(fixture, "Qa"));
	assert_int_equal(view_get(fixture->view, key_of("Qa"), record_quota(), &quota), VIEW_FOUND);
	assert_int_equal(view_get(fixture->view, key_of("Qb"), record_quota(), &quota), VIEW_ABSENT);
	assert_int_equal(view_range(fixture->view, key_of("Ta"), key_of("Tm"), false, 1, &pairs, &count), VIEW_FOUND);
	memory_store_defer(fixture->store, true, false);
	view_want(fixture->view, key_of("Qw"));
	assert_true(meets(fixture, "Qa"));
	assert_true(meets(fixture, "Qb"));
	assert_true(meets(fixture, "Ta"));
	assert_true(meets(fixture, "Tlz"));
	assert_true(meets(fixture, "Qw"));
	assert_false(meets(fixture, "Qc"));
	assert_false(meets(fixture, "Tm"));
	store_wait(fixture->store);
	fixture->view = new_view(fixture);
	assert_false(meets(fixture, "Qa"));
}

/* ---- failures ---- */

static void
damage_is_again_with_an_error(void **state)
{
	struct fixture *fixture = *state;
	struct rec_certificate certificate;
	struct rec_quota quota;
	struct slice bytes;
	const uint8_t nowhere[24] = { 1 }, none[24] = { 0 };

	/* a record of another kind */
	assert_int_equal(view_get(fixture->view, key_of("Qa"), record_certificate(), &certificate), VIEW_AGAIN);
	assert_int_equal(view_error(fixture->view), ERROR_store_damaged);
	assert_non_null(strstr(view_cause(fixture->view), "not a record of the kind certificate"));
	/* from now on nothing is answered, so that no decision is made on half of it */
	assert_int_equal(view_get(fixture->view, key_of("Qa"), record_quota(), &quota), VIEW_AGAIN);
	fixture->view = new_view(fixture);
	assert_int_equal(view_error(fixture->view), ERROR_NONE);
	assert_string_equal(view_cause(fixture->view), "");
	assert_int_equal(view_blob_bytes(fixture->view, slice_of(nowhere, 24), &bytes), VIEW_AGAIN);
	assert_int_equal(view_error(fixture->view), ERROR_store_damaged);
	assert_string_not_equal(view_cause(fixture->view), "");
	fixture->view = new_view(fixture);
	/* a record that refers to no blob where there has to be one */
	assert_int_equal(view_blob_bytes(fixture->view, slice_of(none, 24), &bytes), VIEW_AGAIN);
	assert_int_equal(view_error(fixture->view), ERROR_store_damaged);
}

static void
a_full_arena_is_an_error_and_no_crash(void **state)
{
	struct fixture *fixture = *state;
	struct rec_quota quota;
	const struct store_pair *pairs;
	size_t count;
	struct view *ranges = new_view(fixture), *later = new_view(fixture);

	while (arena_alloc(fixture->arena, 1) != NULL)
		continue;
	struct slice key = KEY_MAKE(fixture->arena, KEY_quota, SLICE_LITERAL("a"));
	assert_int_equal(key.size, 0);
	assert_int_equal(view_get(fixture->view, key, record_quota(), &quota), VIEW_AGAIN);
	assert_int_equal(view_error(fixture->view), ERROR_out_of_memory);
	assert_int_equal(view_range(ranges, key_of("Qa"), key, false, 1, &pairs, &count), VIEW_AGAIN);
	assert_int_equal(view_error(ranges), ERROR_out_of_memory);
	assert_int_equal(view_get(later, key_of("Qa"), record_quota(), &quota), VIEW_AGAIN);
	assert_int_equal(view_error(later), ERROR_out_of_memory);
	assert_false(view_is_loading(later));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(found_and_absent_at_once),
		TEST(what_was_read_stays),
		TEST(again_until_all_is_loaded),
		TEST(the_read_set_is_all_that_was_asked),
		TEST(damage_is_again_with_an_error),
		TEST(a_full_arena_is_an_error_and_no_crash),
	};
	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
