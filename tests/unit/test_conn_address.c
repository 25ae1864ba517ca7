/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections of several network addresses: whatever one of them takes, another still gets in, is read, and
 * answered. The same when it is not one address but the networks of an IPv6 /48. */
#include "tests/unit/unit.h"

#include "tests/unit/conn_fixture.h"

enum { GREEDY = GREEDY_LAST, OTHER = 99 };

static struct client *
client_from(struct fixture *f, uint8_t last)
{
	struct client *client = client_over(f, connect_from(f, last));
	pump(f);
	return client;
}

static void
expect_served(struct fixture *f, struct client *client)
{
	assert_true(client->is_ready);
	request(client, OP_ECHO, 9, 100);
	pump(f);
	assert_int_equal(expect_answer(client, 9, ERROR_NONE), 100);
}

/* What the log says since the last call. */
static const char *
log_lines(struct fixture *f)
{
	static char text[65536];
	assert_int_equal(fcntl(f->log_pipe[0], F_SETFL, O_NONBLOCK), 0);
	ssize_t size = read(f->log_pipe[0], text, sizeof text - 1);
	text[size < 0 ? 0 : size] = '\0';
	return text;
}

static unsigned
count_of(const char *text, const char *word)
{
	unsigned count = 0;
	while ((text = strstr(text, word)) != NULL) {
		text += strlen(word);
		count++;
	}
	return count;
}

/* ---- handshakes ---- */

/* The beginning of a ClientHello. */
static void
begin_handshake(int fd)
{
	assert_int_equal(write(fd, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 11);
}

static void
silence_takes_no_handshake(void **state)
{
	struct fixture *f = *state;
	int silent[6];

	start(f);
	for (int i = 0; i < 6; i++)
		silent[i] = connect_from(f, GREEDY);
	pump(f);
	assert_int_equal(conn_pool_handshakes(f->pool), 0);
	expect_served(f, client_from(f, GREEDY));
	later(f, f->limits.handshake_ms - 1);
	assert_int_equal(conn_pool_count(f->pool), 7);
	later(f, 1);
	assert_int_equal(conn_pool_count(f->pool), 1);
	for (int i = 0; i < 6; i++)
		close(silent[i]);
}

static void
one_address_leaves_handshakes_to_others(void **state)
{
	struct fixture *f = *state;
	int begun[5];

	f->limits.handshakes_max = 4;
	start(f);
	for (int i = 0; i < 5; i++) {
		begun[i] = connect_from(f, GREEDY);
		begin_handshake(begun[i]);
	}
	pump(f);
	assert_int_equal(conn_pool_handshakes(f->pool), 2);
	expect_served(f, client_from(f, OTHER));
	/* While others of its address wait, those that do not go on have less time; a place goes to who came first. */
	struct client *last = client_from(f, GREEDY);
	for (int left = 5; left > 1; left -= 2) {
		later(f, f->limits.handshake_pressed_ms - 1);
		assert_int_equal(conn_pool_count(f->pool), 2 + left);
		assert_int_equal(conn_pool_handshakes(f->pool), 2);
		assert_false(last->is_ready);
		later(f, 1);
		assert_int_equal(conn_pool_count(f->pool), left);
	}
	expect_served(f, last);
	/* And then no more hurry. */
	later(f, f->limits.handshake_ms - 1);
	assert_int_equal(conn_pool_handshakes(f->pool), 1);
	later(f, 1);
	assert_int_equal(conn_pool_handshakes(f->pool), 0);
	for (int i = 0; i < 5; i++)
		close(begun[i]);
}

static void
the_last_handshakes_go_round_by_address(void **state)
{
	struct fixture *f = *state;
	int begun[6];

	start(f);
	/* One for the first, one for the second; the others wait. */
	for (uint8_t i = 0; i < 6; i++) {
		begun[i] = connect_from(f, i % 5 == 0 ? GREEDY : i);
		begin_handshake(begun[i]);
		pump(f);
	}
	assert_int_equal(conn_pool_handshakes(f->pool), 2);
	struct client *other = client_from(f, OTHER);
	for (int i = 0; i < 2; i++) {
		assert_false(other->is_ready);
		later(f, f->limits.handshake_pressed_ms);
		assert_int_equal(conn_pool_handshakes(f->pool), 2);
	}
	/* Those in between had theirs, and the first address none before it again. */
	assert_false(other->is_ready);
	later(f, f->limits.handshake_pressed_ms);
	expect_served(f, other);
	for (int i = 0; i < 6; i++)
		close(begun[i]);
}

static void
a_crowd_from_one_address_gets_in(void **state)
{
	struct fixture *f = *state;
	struct client *crowd[12];

	start(f);
	for (int i = 0; i < 12; i++)
		crowd[i] = client_over(f, connect_from(f, GREEDY));
	pump(f);
	pump(f);
	for (int i = 0; i < 12; i++)
		expect_served(f, crowd[i]);
	assert_null(strstr(log_lines(f), "connection_ended"));
}

static void
who_waits_for_a_handshake_may_go(void **state)
{
	struct fixture *f = *state;
	int begun[3];

	start(f);
	for (int i = 0; i < 3; i++) {
		begun[i] = connect_from(f, GREEDY);
		begin_handshake(begun[i]);
	}
	pump(f);
	assert_int_equal(conn_pool_handshakes(f->pool), 1);
	for (int i = 0; i < 3; i++)
		close(begun[i]);
	pump(f);
	assert_int_equal(conn_pool_count(f->pool), 0);
	expect_served(f, client_from(f, GREEDY));
}

/* ---- connections ---- */

/* So much more of a frame that is never whole. */
static void
send_more(struct client *client, size_t size)
{
	uint8_t *body = calloc(1, size);

	assert_non_null(body);
	buf_put(client->out, slice_of(body, size));
	free(body);
}

/* So much of its body. */
static void
send_half(struct client *client, size_t size)
{
	struct frame half = { .op = OP_ECHO, .stream = 3, .body = SLICE_EMPTY };
	uint8_t length[4];

	frame_put(client->out, &half);
	bytes_poke_u32(length, LIMIT_FRAME_BODY);
	buf_poke(client->out, 0, slice_of(length, 4));
	send_more(client, size);
}

static void
a_newcomer_takes_the_place_of_the_idlest_of_the_largest(void **state)
{
	struct fixture *f = *state;
	struct client *greedy[3];

	f->limits.connections_max = 5;
	start(f);
	struct client *modest = client_from(f, OTHER);
	for (int i = 0; i < 3; i++) {
		greedy[i] = client_from(f, GREEDY);
		expect_served(f, greedy[i]);
		later(f, 1);
	}
	/* The eldest, but not idle. */
	request(greedy[0], OP_HOLD, 1, 0);
	int silent = connect_from(f, GREEDY);
	pump(f);
	log_lines(f);
	assert_true(conn_pool_has_room(f->pool));
	expect_served(f, client_from(f, OTHER + 1));
	assert_int_equal(conn_pool_count(f->pool), 5);
	/* Who had not said anything went first. */
	assert_int_equal(greedy[1]->end, STREAM_PROGRESS);
	assert_true(conn_pool_has_room(f->pool));
	expect_served(f, client_from(f, OTHER + 2));
	/* With a word. */
	assert_int_equal(greedy[1]->end, STREAM_CLOSED);
	assert_int_equal(greedy[2]->end, STREAM_PROGRESS);
	const char *lines = log_lines(f);
	assert_int_equal(count_of(lines, "connections_full connections_max=5 of_one_address=4\n"), 1);
	assert_int_equal(count_of(lines, "connections_full"), 1);
	conn_pool_tick(f->pool);
	assert_int_equal(count_of(log_lines(f), "connections_evicted evicted=2 refused=0\n"), 1);
	conn_pool_tick(f->pool);
	assert_int_equal(count_of(log_lines(f), "connections_evicted"), 0);
	expect_served(f, modest);
	release(f->dispatch.holding);
	pump(f);
	expect_answer(greedy[0], 1, ERROR_NONE);
	close(silent);
}

static void
who_holds_much_loses_even_what_is_under_way(void **state)
{
	struct fixture *f = *state;
	struct client *greedy[2];

	f->limits.connections_max = 2;
	start(f);
	for (int i = 0; i < 2; i++) {
		greedy[i] = client_from(f, GREEDY);
		request(greedy[i], OP_HOLD, 1, 0);
		pump(f);
	}
	expect_served(f, client_from(f, OTHER));
	assert_int_equal(greedy[0]->end, STREAM_CUT);
	assert_int_equal(greedy[1]->end, STREAM_PROGRESS);
	/* Now nobody has more than one: a newcomer waits in the backlog, until somebody goes. */
	assert_false(conn_pool_has_room(f->pool));
	assert_int_equal(f->rooms, 0);
	client_close(greedy[1]);
	pump(f);
	assert_int_equal(f->rooms, 1);
	assert_true(conn_pool_has_room(f->pool));
}

static void
a_full_address_replaces_its_own_after_a_while(void **state)
{
	struct fixture *f = *state;

	f->limits.connections_max = 2;
	start(f);
	struct client *first = client_from(f, GREEDY), *second = client_from(f, GREEDY);
	assert_true(conn_pool_has_room(f->pool));
	struct client *third = client_from(f, GREEDY);
	assert_int_equal(third->end, STREAM_CUT);
	assert_int_equal(conn_pool_count(f->pool), 2);
	conn_pool_tick(f->pool);
	assert_int_equal(count_of(log_lines(f), "connections_evicted evicted=0 refused=1\n"), 1);
	later(f, EVICT_QUIET_MS - 1);
	expect_served(f, second);
	later(f, 1);
	expect_served(f, client_from(f, GREEDY));
	assert_int_equal(first->end, STREAM_CLOSED);
	assert_int_equal(second->end, STREAM_PROGRESS);
	assert_int_equal(conn_pool_count(f->pool), 2);
}

/* As when the disk fails: the listener, whom room would be told to, is gone by then. */
static void
a_full_pool_that_is_destroyed_tells_of_no_room(void **state)
{
	struct fixture *f = *state;

	f->limits.connections_max = 2;
	start(f);
	(void)client_from(f, GREEDY);
	(void)client_from(f, OTHER);
	assert_false(conn_pool_has_room(f->pool));
	conn_pool_destroy(f->pool);
	f->pool = NULL;
	assert_int_equal(f->rooms, 0);
}

enum { CROWD = 64 };

/* Of a full office in which nobody has more than one connection: who waits for bytes that do not come, to be sent or to
 * be taken, goes; a slow line gets on. */
static void
who_gets_nowhere_gives_way_and_who_is_slow_does_not(void **state)
{
	struct fixture *f = *state;
	int crowd[CROWD];

	f->limits.connections_max = CROWD;
	start(f);
	struct client *drips = client_from(f, 1), *slow = client_from(f, 2), *deaf = client_from(f, 3);
	struct client *owed = client_from(f, 4);
	deaf->is_reading = false;
	for (uint32_t i = 0; i < 4; i++)
		request(deaf, OP_LOAD, i, 0);
	request(owed, OP_HOLD, 5, 0);
	send_half(drips, 1000);
	send_half(slow, 1000);
	pump(f);
	for (int i = 0; i < 5; i++) {
		later(f, EVICT_QUIET_MS / 5);
		send_more(drips, 1);
		send_more(slow, EVICT_PROGRESS / 2);
		pump(f);
	}
	for (uint8_t i = 0; i < CROWD - 4; i++)
		crowd[i] = connect_from(f, (uint8_t)(100 + i));
	pump(f);
	assert_int_equal(conn_pool_count(f->pool), CROWD);
	for (uint8_t i = 0; i < 2; i++) {
		assert_true(conn_pool_has_room(f->pool));
		expect_served(f, client_from(f, (uint8_t)(5 + i)));
		assert_int_equal(conn_pool_count(f->pool), CROWD);
	}
	assert_int_equal(drips->end, STREAM_CUT);
	assert_int_equal(slow->end, STREAM_PROGRESS);
	assert_int_equal(owed->end, STREAM_PROGRESS);
	/* Nobody else, for now; when there is, whoever waits in the backlog is told. */
	assert_false(conn_pool_has_room(f->pool));
	crowd[CROWD - 4] = connect_from(f, 250);
	assert_int_equal(conn_pool_count(f->pool), CROWD + 1);
	conn_pool_tick(f->pool);
	assert_int_equal(f->rooms, 0);
	later(f, EVICT_QUIET_MS);
	send_more(slow, EVICT_PROGRESS);
	pump(f);
	conn_pool_tick(f->pool);
	assert_int_equal(conn_pool_count(f->pool), CROWD);
	assert_int_equal(f->rooms, 1);
	assert_int_equal(slow->end, STREAM_PROGRESS);
	release(f->dispatch.holding);
	pump(f);
	expect_answer(owed, 5, ERROR_NONE);
	for (int i = 0; i <= CROWD - 4; i++)
		close(crowd[i]);
}

/* The beginning of a TLS record, and bytes of it now and then: what a peer sends at no cost to itself. */
static void
a_record_that_is_never_whole_keeps_no_place(void **state)
{
	struct fixture *f = *state;
	int crowd[CROWD - 3];

	f->limits.connections_max = CROWD;
	start(f);
	struct client *fresh = client_from(f, 1), *idle = client_from(f, 2), *asks = client_from(f, 3);
	expect_served(f, idle);
	expect_served(f, asks);
	assert_int_equal(write(fresh->fd, "\x17\x03\x03\x40\x00", 5), 5);
	assert_int_equal(write(idle->fd, "\x17\x03\x03\x40\x00", 5), 5);
	for (int i = 0; i < 5; i++) {
		later(f, EVICT_QUIET_MS / 5);
		assert_int_equal(write(fresh->fd, "x", 1), 1);
		assert_int_equal(write(idle->fd, "x", 1), 1);
		expect_served(f, asks);
	}
	for (uint8_t i = 0; i < CROWD - 3; i++)
		crowd[i] = connect_from(f, (uint8_t)(100 + i));
	expect_served(f, client_from(f, 4));
	assert_int_not_equal(fresh->end, STREAM_PROGRESS);
	expect_served(f, client_from(f, 5));
	assert_int_not_equal(idle->end, STREAM_PROGRESS);
	assert_int_equal(asks->end, STREAM_PROGRESS);
	assert_int_equal(conn_pool_count(f->pool), CROWD);
	for (int i = 0; i < CROWD - 3; i++)
		close(crowd[i]);
}

/* Each of its networks has one connection, with half a frame. */
static void
a_network_of_networks_gives_way(void **state)
{
	struct fixture *f = *state;
	struct client *greedy[4];

	f->limits.connections_max = 5;
	start(f);
	struct client *modest = client_from(f, OTHER);
	for (int i = 0; i < 4; i++) {
		greedy[i] = client_from(f, GREEDY);
		send_half(greedy[i], 100);
		pump(f);
	}
	expect_served(f, client_from(f, OTHER + 1));
	expect_served(f, modest);
	unsigned cut = 0;
	for (int i = 0; i < 4; i++)
		cut += greedy[i]->end == STREAM_CUT;
	assert_int_equal(cut, 1);
	/* One more of them does not take from those outside, while the others get on. */
	struct client *more = client_from(f, GREEDY);
	assert_int_equal(more->end, STREAM_CUT);
	expect_served(f, modest);
}

/* One that holds much by itself is evicted for its neighbours in the network at once. */
static void
a_neighbour_in_the_network_gets_in(void **state)
{
	struct fixture *f = *state;
	struct client *greedy[4];

	f->limits.connections_max = 4;
	start(f);
	for (int i = 0; i < 4; i++) {
		f->networks = 0;
		greedy[i] = client_from(f, GREEDY);
		send_half(greedy[i], 100);
		pump(f);
	}
	expect_served(f, client_from(f, GREEDY));
	assert_int_equal(greedy[0]->end, STREAM_CUT);
}

/* ---- memory ---- */

static void
frames_of_others_are_read_when_one_address_holds_much(void **state)
{
	struct fixture *f = *state;
	struct client *greedy[6];
	unsigned refused = 0;

	f->limits.buffered_max = 600000;
	start(f);
	for (int i = 0; i < 6; i++) {
		greedy[i] = client_from(f, GREEDY);
		send_half(greedy[i], 200000);
		pump(f);
		if (buf_size(greedy[i]->in) != 0) {
			expect_answer(greedy[i], 3, ERROR_busy);
			refused++;
		}
	}
	assert_in_range(refused, 2, 4);
	/* In two reads, and as large as the others'. */
	struct client *other = client_from(f, OTHER);
	struct buf *whole = buf_create(300000);
	struct frame frame = { .op = OP_ECHO, .stream = 5, .body = slice_of(buf_peek(greedy[0]->in).data, 0) };
	uint8_t *body = calloc(1, 200000);
	frame.body = slice_of(body, 200000);
	frame_put(whole, &frame);
	buf_put(other->out, slice_of(buf_peek(whole).data, 150000));
	pump(f);
	assert_int_equal(f->dispatch.received, 0);
	buf_put(other->out, slice_from(buf_peek(whole), 150000));
	pump(f);
	assert_int_equal(expect_answer(other, 5, ERROR_NONE), 200000);
	free(body);
	buf_destroy(whole);
}

static void
others_are_answered_when_one_address_does_not_read(void **state)
{
	struct fixture *f = *state;
	unsigned busy = 0;

	f->limits.buffered_max = 600000;
	start(f);
	struct client *greedy[8], *other = client_from(f, OTHER);
	for (int i = 0; i < 8; i++) {
		greedy[i] = client_from(f, GREEDY);
		greedy[i]->is_reading = false;
		for (uint32_t k = 0; k < 40; k++)
			request(greedy[i], OP_LOAD, k, 0);
		pump(f);
		busy += f->dispatch.refused == ERROR_busy;
	}
	assert_true(busy > 0);
	request(other, OP_LOAD, 1, 0);
	pump(f);
	assert_int_equal(expect_answer(other, 1, ERROR_NONE), LOAD_SIZE);
}

/* ---- time ---- */

static void
a_fresh_connection_owes_what_its_address_does(void **state)
{
	struct fixture *f = *state;
	struct client *modest, *greedy[6];

	start(f);
	modest = client_from(f, OTHER);
	/* Each asks for something costly once, and is gone. */
	for (unsigned i = 0; i < 2 * SHARE_BURST_MS; i++) {
		struct client *once = client_from(f, GREEDY);
		request(once, OP_COSTLY, 1, 100);
		pump(f);
		client_close(once);
		pump(f);
		f->clients_count--;
	}
	for (int i = 0; i < 6; i++)
		greedy[i] = client_from(f, GREEDY);
	for (int i = 0; i < 6; i++) {
		for (uint32_t k = 0; k < 4; k++)
			request(greedy[i], OP_COSTLY, k, 100);
		client_step(greedy[i]);
	}
	request(modest, OP_ECHO, 1, 10);
	client_step(modest);
	uint64_t began_ms = now_ms;
	loop_round(f->loop, 0);
	client_step(modest);
	assert_int_equal(expect_answer(modest, 1, ERROR_NONE), 10);
	/* All of them could have had a turn. */
	assert_in_range(now_ms - began_ms, LOOP_BEHIND_MS, LOOP_BEHIND_MS + 2);
	pump(f);
	for (int i = 0; i < 6; i++)
		for (uint32_t k = 0; k < 4; k++)
			expect_answer(greedy[i], k, ERROR_NONE);
}

static int
set_up_network(void **state)
{
	if (set_up(state) != 0)
		return -1;
	((struct fixture *)*state)->is_network = true;
	return 0;
}

#define TEST_NETWORK(name)                                                                                         \
	{                                                                                                          \
		#name " (network)", name, set_up_network, tear_down, NULL                                          \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(silence_takes_no_handshake),
		TEST(one_address_leaves_handshakes_to_others),
		TEST_NETWORK(one_address_leaves_handshakes_to_others),
		TEST(the_last_handshakes_go_round_by_address),
		TEST_NETWORK(the_last_handshakes_go_round_by_address),
		TEST(a_crowd_from_one_address_gets_in),
		TEST_NETWORK(a_crowd_from_one_address_gets_in),
		TEST(who_waits_for_a_handshake_may_go),
		TEST_NETWORK(who_waits_for_a_handshake_may_go),
		TEST(a_newcomer_takes_the_place_of_the_idlest_of_the_largest),
		TEST(who_holds_much_loses_even_what_is_under_way),
		TEST(a_full_address_replaces_its_own_after_a_while),
		TEST(a_full_pool_that_is_destroyed_tells_of_no_room),
		TEST(who_gets_nowhere_gives_way_and_who_is_slow_does_not),
		TEST(a_record_that_is_never_whole_keeps_no_place),
		TEST_NETWORK(a_network_of_networks_gives_way),
		TEST_NETWORK(a_neighbour_in_the_network_gets_in),
		TEST(frames_of_others_are_read_when_one_address_holds_much),
		TEST_NETWORK(frames_of_others_are_read_when_one_address_holds_much),
		TEST(others_are_answered_when_one_address_does_not_read),
		TEST_NETWORK(others_are_answered_when_one_address_does_not_read),
		TEST(a_fresh_connection_owes_what_its_address_does),
		TEST_NETWORK(a_fresh_connection_owes_what_its_address_does),
	};
	return cmocka_run_group_tests_name("conn_address", tests, pair_set_up, pair_tear_down);
}
