/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is evicted, decided on numbers alone. */
#include "tests/unit/unit.h"

#include "server/evict.h"

/* Everyone takes as long as they may; -> what is left. */
static size_t
taken_by(size_t count, size_t max, size_t held[])
{
	size_t total = 0;
	bool is_more = true;

	while (is_more) {
		is_more = false;
		for (size_t i = 0; i < count; i++)
			if (evict_has_room(held[i], total, max)) {
				held[i]++;
				total++;
				is_more = true;
			}
	}
	return max - total;
}

static void
something_is_left_for_whoever_comes(void **state)
{
	(void)state;
	for (size_t count = 1; count <= 8; count++) {
		size_t held[8] = { 0 };
		size_t left = taken_by(count, 512, held);
		assert_in_range(left, 512 / (count + 1) - 1, 512 / (count + 1) + 1);
		for (size_t i = 0; i < count; i++)
			assert_in_range(held[i], left, left + 1);
		assert_true(evict_has_room(0, 512 - left, 512));
	}
	assert_false(evict_has_room(0, 512, 512));
	assert_false(evict_has_room(0, 600, 512));
	assert_true(evict_has_room(0, 0, 1));
	assert_false(evict_has_room(SIZE_MAX, 0, 512));
}

static const struct evict_stood *
nobody(void)
{
	static struct evict_stood stood;

	for (size_t i = 0; i < STANDING_COUNT; i++)
		stood.ms[i] = EVICT_NONE;
	return &stood;
}

/* One connection that has stood so for so long. */
static struct evict_stood
one(enum standing standing, uint64_t ms)
{
	struct evict_stood stood = *nobody();

	stood.ms[standing] = ms;
	return stood;
}

/* It is the peer that something is waited for from. */
static bool
waits_for_peer(int standing)
{
	return standing != STANDING_QUEUED && standing != STANDING_ASKING;
}

static void
those_with_least_under_way_are_evicted_first(void **state)
{
	enum standing standing;

	(void)state;
	struct evict_holder holder = { 100, false, *nobody() };
	for (int last = STANDING_ASKING; last >= STANDING_LEAVING; last--) {
		holder.stood.ms[last] = 0;
		assert_int_equal(evict_for_newcomer(&holder, nobody(), 100, &standing), NEWCOMER_REPLACES);
		assert_int_equal(standing, last);
	}
}

static void
who_holds_little_loses_nothing_that_is_under_way(void **state)
{
	enum standing standing;

	(void)state;
	for (int each = STANDING_QUEUED; each <= STANDING_ASKING; each++) {
		struct evict_stood stood = one(each, EVICT_QUIET_MS - 1);
		struct evict_holder holder = { 1000 / EVICT_PART, false, stood };
		for (int is_own = 0; is_own < 2; is_own++) {
			holder.is_own = is_own;
			assert_int_equal(evict_for_newcomer(&holder, &stood, 1000, &standing), NEWCOMER_WAITS);
		}
		/* Who holds much does, to others. */
		holder.connections++;
		assert_int_equal(evict_for_newcomer(&holder, &stood, 1000, &standing), NEWCOMER_REFUSED);
		holder.is_own = false;
		assert_int_equal(evict_for_newcomer(&holder, &stood, 1000, &standing), NEWCOMER_REPLACES);
	}
}

/* However little those hold who keep them. */
static void
what_nothing_happens_on_gives_way_whoever_holds_it(void **state)
{
	enum standing standing;

	(void)state;
	for (int each = STANDING_LEAVING; each <= STANDING_ASKING; each++) {
		const struct evict_holder holder = { 1, false, *nobody() };
		struct evict_stood all = one(each, EVICT_QUIET_MS - 1);
		assert_int_equal(evict_for_newcomer(&holder, &all, 1000, &standing), NEWCOMER_WAITS);
		all.ms[each]++;
		assert_int_equal(evict_has_quiet(&all, &standing), waits_for_peer(each));
		/* What the office owes is waited for. */
		if (!waits_for_peer(each)) {
			all.ms[each] = EVICT_NONE - 1;
			assert_int_equal(evict_for_newcomer(&holder, &all, 1000, &standing), NEWCOMER_WAITS);
			continue;
		}
		assert_int_equal(evict_for_newcomer(&holder, &all, 1000, &standing), NEWCOMER_REPLACES_QUIET);
		assert_int_equal(standing, each);
		/* Who has most does not take them from others. */
		const struct evict_holder own = { 100, true, *nobody() };
		assert_int_equal(evict_for_newcomer(&own, &all, 1000, &standing), NEWCOMER_REFUSED);
	}
	assert_false(evict_has_quiet(nobody(), &standing));
}

static void
an_address_replaces_its_own_only_after_a_while(void **state)
{
	enum standing standing;

	(void)state;
	for (int each = STANDING_LEAVING; each <= STANDING_ASKING; each++) {
		struct evict_holder holder = { 100, true, one(each, EVICT_QUIET_MS - 1) };
		assert_int_equal(evict_for_newcomer(&holder, nobody(), 100, &standing), NEWCOMER_REFUSED);
		holder.stood.ms[each]++;
		enum newcomer expected = waits_for_peer(each) ? NEWCOMER_REPLACES : NEWCOMER_REFUSED;
		assert_int_equal(evict_for_newcomer(&holder, nobody(), 100, &standing), expected);
		if (waits_for_peer(each))
			assert_int_equal(standing, each);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(something_is_left_for_whoever_comes),
		cmocka_unit_test(those_with_least_under_way_are_evicted_first),
		cmocka_unit_test(who_holds_little_loses_nothing_that_is_under_way),
		cmocka_unit_test(what_nothing_happens_on_gives_way_whoever_holds_it),
		cmocka_unit_test(an_address_replaces_its_own_only_after_a_while),
	};
	return cmocka_run_group_tests_name("evict", tests, NULL, NULL);
}
