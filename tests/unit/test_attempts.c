/* SPDX-License-Identifier: Apache-2.0
 *
 * Failed attempts to be identified: when waiting begins, how it grows and ends, and that nobody can make others
 * wait. */
#include <stdio.h>
#include <string.h>

#include "server/services/attempts.h"
#include "tests/unit/people.h"
#include "tests/unit/unit.h"

static void
from_address(struct decision_fixture *fixture, unsigned last)
{
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0 };

	memcpy(fixture->address, mapped, sizeof mapped);
	fixture->address[14] = (uint8_t)(last >> 8);
	fixture->address[15] = (uint8_t)last;
}

static struct effects *
attempt(struct decision_fixture *fixture, const struct person *person, bool is_right)
{
	struct msg_enrol_request facts = people_facts(fixture, person);
	if (!is_right)
		facts.filer_number = SLICE_LITERAL("7654321");
	return decision_fixture_operate(fixture, OPERATION_enrol, &facts);
}

static void
assert_waits(const struct effects *effects, uint64_t seconds)
{
	assert_refused(effects, ERROR_attempts_exceeded, NULL, NULL, NULL);
	assert_int_equal(effects->retry_after_ms, seconds * 1000);
}

static void
waits_double_up_to_the_longest(void **state)
{
	static const uint64_t waits[] = { 0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600 };

	(void)state;
	for (uint64_t failures = 0; failures < sizeof waits / sizeof waits[0]; failures++)
		assert_int_equal(attempts_wait(failures, 3), waits[failures]);
	assert_int_equal(attempts_wait(UINT32_MAX, 3), ATTEMPTS_WAIT_MAX_S);
}

static void
a_pair_that_fails_waits_longer_each_time_and_is_forgotten(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");

	from_address(fixture, 1);
	for (unsigned i = 0; i < ATTEMPTS_FREE_PAIR; i++)
		assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	/* Not even right facts are compared, and waiting is no failure. */
	assert_waits(attempt(fixture, jeanne, true), 10);
	struct effects *effects = attempt(fixture, jeanne, false);
	assert_waits(effects, 10);
	assert_null(effects->puts);
	fixture->now += 9;
	assert_waits(attempt(fixture, jeanne, true), 1);
	fixture->now += 1;
	assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	assert_waits(attempt(fixture, jeanne, true), 20);
	/* A clock that was set back does not lengthen it. */
	fixture->now -= 7 * 86400;
	assert_waits(attempt(fixture, jeanne, true), 20);
	fixture->now += 7 * 86400;
	/* A quiet day forgets. */
	fixture->now += ATTEMPTS_FORGET_S;
	for (unsigned i = 0; i < ATTEMPTS_FREE_PAIR; i++)
		assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	fixture->now += 10;
	/* Success starts the pair afresh. */
	assert_int_equal(attempt(fixture, jeanne, true)->refusal.error, ERROR_NONE);
	assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
}

static void
nobody_locks_another_out(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");

	/* Each address is heard once, and from then on waits for what all of them did. */
	for (unsigned i = 0; i < ATTEMPTS_FREE_PERSON; i++) {
		from_address(fixture, i);
		assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	}
	assert_waits(attempt(fixture, jeanne, false), 10);
	from_address(fixture, 0);
	assert_waits(attempt(fixture, jeanne, false), 10);
	/* Others going on does not prolong the wait of one who failed once: it counts from that failure. */
	from_address(fixture, 1000);
	assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	for (unsigned i = 0; i < 20; i++) {
		fixture->now += ATTEMPTS_WAIT_MAX_S / 20;
		from_address(fixture, 2000 + i);
		assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	}
	from_address(fixture, 1000);
	struct person again = *jeanne;
	assert_int_equal(attempt(fixture, &again, true)->refusal.error, ERROR_NONE);
	/* And when so many have failed that the longest wait is due, a slip of one's own costs a minute. */
	for (unsigned i = 0; i < 20; i++) {
		from_address(fixture, 3000 + i);
		assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	}
	assert_waits(attempt(fixture, jeanne, true), ATTEMPTS_WAIT_SHARED_MAX_S);
	/* Nor does anything of it delay who comes from elsewhere with the right facts. */
	from_address(fixture, 5000);
	assert_int_equal(attempt(fixture, jeanne, true)->refusal.error, ERROR_NONE);
}

static void
an_address_that_tries_many_persons_is_capped(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");
	struct person stranger = *jeanne;

	from_address(fixture, 1);
	for (unsigned i = 1; i < ATTEMPTS_FREE_ADDRESS; i++) {
		stranger.taxpayer.spi = people_spi(fixture, 1000000000 + i);
		assert_refused(attempt(fixture, &stranger, true), ERROR_identification_refused, NULL, NULL, NULL);
	}
	stranger.taxpayer.spi = people_spi(fixture, 2000000000);
	assert_waits(attempt(fixture, &stranger, true), 10);
	/* Over its limit it gets no guess for nothing by asking for yet another person, and asking is no failure. */
	stranger.taxpayer.spi = people_spi(fixture, 2000000001);
	for (unsigned i = 0; i < 3; i++) {
		struct effects *effects = attempt(fixture, &stranger, true);
		assert_waits(effects, 1);
		assert_null(effects->puts);
	}
	fixture->now += 1;
	assert_waits(attempt(fixture, &stranger, true), 20);
	assert_waits(attempt(fixture, &stranger, true), 20);
	/* Whoever shares the address and did nothing waits for that one comparison, and then is heard. */
	assert_waits(attempt(fixture, jeanne, true), 1);
	fixture->now += 1;
	assert_int_equal(attempt(fixture, jeanne, true)->refusal.error, ERROR_NONE);
	/* Another address is not concerned. (Jeanne's key is hers by now.) */
	from_address(fixture, 2);
	stranger = *people_register(fixture, 3000000002, "H2");
	stranger.taxpayer.spi = people_spi(fixture, 2000000001);
	assert_refused(attempt(fixture, &stranger, true), ERROR_identification_refused, NULL, NULL, NULL);
}

static void
an_address_over_its_limit_gets_few_guesses(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");
	struct person stranger = *jeanne;
	unsigned heard = 0;

	from_address(fixture, 1);
	for (unsigned i = 0; i < ATTEMPTS_FREE_ADDRESS; i++) {
		stranger.taxpayer.spi = people_spi(fixture, 1000000000 + i);
		assert_non_null(attempt(fixture, &stranger, true)->puts);
	}
	/* An hour of a new person each second. */
	for (unsigned i = 0; i < 3600; i++) {
		fixture->now++;
		stranger.taxpayer.spi = people_spi(fixture, 2000000000 + i);
		heard += attempt(fixture, &stranger, true)->puts != NULL;
	}
	assert_in_range(heard, 360, 600);
	/* Whoever shares it and slips waits a minute. */
	fixture->now += ATTEMPTS_PACE_MAX_S;
	stranger.taxpayer.spi = people_spi(fixture, 2000000000 + 3600);
	assert_waits(attempt(fixture, &stranger, true), ATTEMPTS_WAIT_SHARED_MAX_S);
	/* With the clock set back nobody waits until it has caught up. */
	fixture->now -= 7200;
	assert_int_equal(attempt(fixture, jeanne, true)->refusal.error, ERROR_NONE);
}

/* Records of the counters and of their places among those that expire. */
static size_t
counters(struct decision_fixture *fixture)
{
	static const char from[] = "a", end[] = "e";
	struct store_pair *pairs;
	size_t count;

	assert_int_equal(store_range_now(fixture->store, slice_of_text(from), slice_of_text(end), false, 1000,
	    fixture->arena, &pairs, &count), ERROR_NONE);
	return count;
}

/* One step; is there more? */
static bool
sweep(struct decision_fixture *fixture)
{
	const struct effects *effects = decision_fixture_run(fixture, decide_attempts_sweep, message_done(), NULL);
	assert_int_equal(effects->refusal.error, ERROR_NONE);
	return effects->has_more;
}

/* Of numbers that nobody has nothing is left two days later. */
static void
quiet_counters_are_removed(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");
	struct person stranger = *jeanne;

	for (unsigned i = 0; i < 150; i++) {
		from_address(fixture, i);
		stranger.taxpayer.spi = people_spi(fixture, 1000000000 + i);
		assert_refused(attempt(fixture, &stranger, true), ERROR_identification_refused, NULL, NULL, NULL);
	}
	/* Pair, person and address, each with its place. */
	assert_int_equal(counters(fixture), 900);
	assert_false(sweep(fixture));
	assert_int_equal(counters(fixture), 900);
	/* One fails again before the day is over. */
	fixture->now += ATTEMPTS_FORGET_S - 10;
	assert_refused(attempt(fixture, &stranger, true), ERROR_identification_refused, NULL, NULL, NULL);
	assert_int_equal(counters(fixture), 900);
	fixture->now += 11;
	assert_true(sweep(fixture));
	assert_in_range(counters(fixture), 900 - 2 * ATTEMPTS_SWEEP_MAX, 900 - 1);
	while (sweep(fixture))
		;
	assert_int_equal(counters(fixture), 6);
	/* What is left counts: the pair's second failure and so on. */
	for (unsigned i = 2; i < ATTEMPTS_FREE_PAIR; i++)
		assert_refused(attempt(fixture, &stranger, true), ERROR_identification_refused, NULL, NULL, NULL);
	assert_waits(attempt(fixture, &stranger, true), 10);
	fixture->now += ATTEMPTS_FORGET_S + 1;
	sweep(fixture);
	assert_int_equal(counters(fixture), 0);
}

/* A success removes the pair's counter before its time; its place goes with the others. */
static void
a_success_leaves_nothing_for_ever(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");

	from_address(fixture, 1);
	assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	assert_int_equal(attempt(fixture, jeanne, true)->refusal.error, ERROR_NONE);
	fixture->now += 5;
	assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	assert_int_equal(counters(fixture), 7);
	for (unsigned i = 0; i < 3; i++) {
		fixture->now += ATTEMPTS_FORGET_S + 1;
		sweep(fixture);
	}
	assert_int_equal(counters(fixture), 0);
}

/* No counter without its place among those that expire, or it would stay for ever: whatever was tried, in whatever
 * order, by whatever clock. */
static void
assert_each_has_its_place(struct decision_fixture *fixture)
{
	struct store_pair *pairs, *places;
	size_t count, places_count;

	assert_int_equal(store_range_now(fixture->store, SLICE_LITERAL("a"), SLICE_LITERAL("d"), false, 1000,
	    fixture->arena, &pairs, &count), ERROR_NONE);
	assert_int_equal(store_range_now(fixture->store, SLICE_LITERAL("d"), SLICE_LITERAL("e"), false, 1000,
	    fixture->arena, &places, &places_count), ERROR_NONE);
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;
		while (at < places_count && !slice_equal(slice_from(places[at].key, 1 + 8), pairs[i].key))
			at++;
		assert_true(at < places_count);
	}
}

static void
every_counter_has_its_place(void **state)
{
	static const int64_t steps[] = { 0, 1, 11, 700, ATTEMPTS_FORGET_S - 1, ATTEMPTS_FORGET_S + 1,
		-(int64_t)ATTEMPTS_FORGET_S, -20 };
	struct decision_fixture *fixture = *state;
	struct person *people[] = { people_register(fixture, 3000000001, "H1"),
		people_register(fixture, 3000000002, "H2") };
	uint32_t random = 1;

	fixture->now += (uint64_t)1000 * ATTEMPTS_FORGET_S;
	for (unsigned turn = 0; turn < 200; turn++) {
		random = random * 1664525 + 1013904223;
		const unsigned choice = random >> 24;
		fixture->now += (uint64_t)steps[choice % 8];
		from_address(fixture, choice >> 3 & 1);
		if (choice >> 4 & 1)
			(void)attempt(fixture, people[choice >> 5 & 1], (choice >> 6) == 0);
		else
			sweep(fixture);
		assert_each_has_its_place(fixture);
	}
	for (unsigned i = 0; i < 20; i++) {
		fixture->now += ATTEMPTS_FORGET_S + 1;
		sweep(fixture);
	}
	assert_int_equal(counters(fixture), 0);
}

/* What is no tax number is refused in the same words, writes nothing of its own, and is counted for the address. */
static void
what_is_no_number_counts_for_its_address(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");
	struct person nobody = *jeanne;

	from_address(fixture, 1);
	for (unsigned i = 1; i < ATTEMPTS_FREE_ADDRESS; i++) {
		nobody.taxpayer.spi = i % 2 == 0 ? SLICE_LITERAL("3000000001") : SLICE_LITERAL("x");
		assert_refused(attempt(fixture, &nobody, true), ERROR_identification_refused, NULL, NULL, NULL);
	}
	assert_int_equal(counters(fixture), 2);
	assert_waits(attempt(fixture, &nobody, true), 10);
	/* Over its limit the address is heard at its pace. */
	assert_waits(attempt(fixture, &nobody, true), 1);
	assert_waits(attempt(fixture, jeanne, true), 1);
	assert_int_equal(counters(fixture), 2);
}

static void
a_pace_grows_up_to_the_slowest(void **state)
{
	(void)state;
	assert_int_equal(attempts_pace(0, ATTEMPTS_FREE_ADDRESS), 0);
	assert_int_equal(attempts_pace(ATTEMPTS_FREE_ADDRESS - 1, ATTEMPTS_FREE_ADDRESS), 0);
	assert_int_equal(attempts_pace(ATTEMPTS_FREE_ADDRESS, ATTEMPTS_FREE_ADDRESS), 1);
	assert_int_equal(attempts_pace(ATTEMPTS_FREE_ADDRESS + ATTEMPTS_PACE_STEP, ATTEMPTS_FREE_ADDRESS), 2);
	assert_int_equal(attempts_pace(UINT32_MAX, ATTEMPTS_FREE_ADDRESS), ATTEMPTS_PACE_MAX_S);
}

static void
a_subscriber_s_network_is_one_address(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");

	memcpy(fixture->address, "\x20\x01\x0d\xb8\0\0\0\1", 8);
	for (unsigned i = 0; i < ATTEMPTS_FREE_PAIR; i++) {
		fixture->address[15] = (uint8_t)i;
		assert_refused(attempt(fixture, jeanne, false), ERROR_identification_refused, NULL, NULL, NULL);
	}
	fixture->address[9] = 77;
	assert_waits(attempt(fixture, jeanne, true), 10);
	fixture->address[7] = 2;
	assert_int_equal(attempt(fixture, jeanne, true)->refusal.error, ERROR_NONE);
}

static void
from_network(struct decision_fixture *fixture, uint8_t network, unsigned party)
{
	memcpy(fixture->address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	fixture->address[5] = network;
	fixture->address[6] = (uint8_t)(party >> 8);
	fixture->address[7] = (uint8_t)party;
}

/* A subscriber who has 65,536 parties has no more guesses for that than an address over its limit. */
static void
a_network_over_its_limit_is_heard_at_a_pace(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");
	struct person stranger = *jeanne;

	for (unsigned i = 1; i < ATTEMPTS_FREE_NETWORK; i++) {
		from_network(fixture, 1, i);
		stranger.taxpayer.spi = people_spi(fixture, 1000000000 + i);
		assert_refused(attempt(fixture, &stranger, true), ERROR_identification_refused, NULL, NULL, NULL);
	}
	from_network(fixture, 1, 3000);
	stranger.taxpayer.spi = people_spi(fixture, 2000000000);
	assert_waits(attempt(fixture, &stranger, true), 10);
	from_network(fixture, 1, 3001);
	struct effects *effects = attempt(fixture, &stranger, true);
	assert_waits(effects, 1);
	assert_null(effects->puts);
	/* So are its neighbours: who did nothing waits for a turn. */
	from_network(fixture, 1, 3002);
	assert_waits(attempt(fixture, jeanne, true), 1);
	fixture->now += 1;
	assert_int_equal(attempt(fixture, jeanne, true)->refusal.error, ERROR_NONE);
	/* (Jeanne's key is hers by now.) */
	stranger = *people_register(fixture, 3000000002, "H2");
	stranger.taxpayer.spi = people_spi(fixture, 2000000001);
	from_network(fixture, 1, 3003);
	assert_waits(attempt(fixture, &stranger, true), 20);
	/* Another network is not concerned. */
	from_network(fixture, 2, 3003);
	assert_refused(attempt(fixture, &stranger, true), ERROR_identification_refused, NULL, NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_the_longest),
		PEOPLE_TEST(a_pair_that_fails_waits_longer_each_time_and_is_forgotten),
		PEOPLE_TEST(nobody_locks_another_out),
		PEOPLE_TEST(an_address_that_tries_many_persons_is_capped),
		PEOPLE_TEST(an_address_over_its_limit_gets_few_guesses),
		PEOPLE_TEST(quiet_counters_are_removed),
		PEOPLE_TEST(a_success_leaves_nothing_for_ever),
		PEOPLE_TEST(every_counter_has_its_place),
		PEOPLE_TEST(what_is_no_number_counts_for_its_address),
		cmocka_unit_test(a_pace_grows_up_to_the_slowest),
		PEOPLE_TEST(a_subscriber_s_network_is_one_address),
		PEOPLE_TEST(a_network_over_its_limit_is_heard_at_a_pace),
	};
	return RUN_OVER_BOTH("attempts", tests);
}
