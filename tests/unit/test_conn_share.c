/* SPDX-License-Identifier: Apache-2.0
 *
 * How connections share the loop: turns by time, who had much behind who had little, and how long a request waited. */
#include "tests/unit/unit.h"

#include "tests/unit/conn_fixture.h"

enum { GREEDY = 7, GREEDY_FRAMES = 40 };

/* Rounds until everyone has had more than their share. */
static void
make_greedy(struct fixture *f, struct client *greedy[GREEDY])
{
	for (size_t i = 0; i < GREEDY; i++)
		greedy[i] = ready_client(f);
	for (size_t i = 0; i < GREEDY; i++) {
		for (uint32_t stream = 0; stream < GREEDY_FRAMES; stream++)
			request(greedy[i], OP_COSTLY, stream, 100);
		client_step(greedy[i]);
	}
	while (f->dispatch.costly < 2 * GREEDY * SHARE_BURST_MS)
		loop_round(f->loop, 0);
}

static void
who_had_much_is_served_behind_who_had_little(void **state)
{
	struct fixture *f = *state;
	struct client *greedy[GREEDY], *modest;

	start(f);
	modest = ready_client(f);
	make_greedy(f, greedy);
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t began_ms = now_ms;
		request(modest, OP_ECHO, i, i);
		client_step(modest);
		loop_round(f->loop, 0);
		client_step(modest);
		assert_int_equal(expect_answer(modest, i, ERROR_NONE), i);
		/* The others get on too, but together they have so much of a round, and the last turn. */
		assert_in_range(now_ms - began_ms, LOOP_BEHIND_MS, LOOP_BEHIND_MS + 2);
	}
	for (int i = 0; i < GREEDY; i++)
		pump(f);
	for (size_t i = 0; i < GREEDY; i++)
		for (uint32_t stream = 0; stream < GREEDY_FRAMES; stream++)
			assert_int_equal(expect_answer(greedy[i], stream, ERROR_NONE), 100);
}

/* Whatever a peer has had, what was decided for it leaves at once. */
static void
short_answers_do_not_stand_behind(void **state)
{
	struct fixture *f = *state;
	struct client *greedy[GREEDY], *waiting;

	start(f);
	waiting = ready_client(f);
	request(waiting, OP_HOLD, 77, 10);
	for (uint32_t stream = 0; stream < 2 * SHARE_BURST_MS; stream++)
		request(waiting, OP_COSTLY, stream, 100);
	pump(f);
	struct session *session = f->dispatch.holding;
	buf_reset(waiting->in);
	make_greedy(f, greedy);
	release(session);
	loop_round(f->loop, 0);
	client_step(waiting);
	assert_int_equal(expect_answer(waiting, 77, ERROR_NONE), 0);
}

static void
how_long_a_request_waited_is_told(void **state)
{
	struct fixture *f = *state;
	struct client *client;

	start(f);
	/* The first request may come with the last bytes of the handshake. */
	client = silent_client(f);
	request(client, OP_ECHO, 1, 10);
	pump(f);
	assert_int_equal(expect_answer(client, 1, ERROR_NONE), 10);
	assert_int_equal(f->dispatch.waited_ms, 0);
	later(f, 60000);
	request(client, OP_ECHO, 1, 10);
	client_step(client);
	/* It came after the last round woke up, however long the connection was silent. */
	now_ms += 40;
	loop_round(f->loop, 0);
	assert_int_equal(f->dispatch.waited_ms, 40);
	/* Others were served in the same round before it. */
	for (uint32_t stream = 0; stream < GREEDY_FRAMES; stream++)
		request(client, OP_COSTLY, stream, 100);
	client_step(client);
	uint64_t began_ms = now_ms;
	while (f->dispatch.costly < GREEDY_FRAMES)
		loop_round(f->loop, 0);
	assert_in_range(f->dispatch.waited_ms, GREEDY_FRAMES - 3, now_ms - began_ms);
	later(f, 5);
	request(client, OP_ECHO, 2, 10);
	pump(f);
	assert_int_equal(f->dispatch.waited_ms, 0);
}

static void
a_turn_ends_by_time_and_a_share_makes_up_for_it(void **state)
{
	struct fixture *f = *state;
	struct client *greedy;

	start(f);
	greedy = ready_client(f);
	for (uint32_t stream = 0; stream < GREEDY_FRAMES; stream++)
		request(greedy, OP_COSTLY, stream, 100);
	client_step(greedy);
	loop_round(f->loop, 0);
	/* One turn for the socket, one for what was left. */
	assert_in_range(f->dispatch.costly, 1, 4);
	pump(f);
	assert_int_equal(f->dispatch.costly, GREEDY_FRAMES);
	buf_reset(greedy->in);
	now_ms += 2 * GREEDY_FRAMES * SHARE_PARTS;
	for (uint32_t stream = 0; stream < SHARE_BURST_MS; stream++)
		request(greedy, OP_COSTLY, stream, 100);
	uint64_t began_ms = now_ms;
	client_step(greedy);
	loop_round(f->loop, 0);
	assert_int_equal(now_ms - began_ms, SHARE_BURST_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_had_much_is_served_behind_who_had_little),
		TEST(short_answers_do_not_stand_behind),
		TEST(how_long_a_request_waited_is_told),
		TEST(a_turn_ends_by_time_and_a_share_makes_up_for_it),
	};
	return cmocka_run_group_tests_name("conn_share", tests, pair_set_up, pair_tear_down);
}
