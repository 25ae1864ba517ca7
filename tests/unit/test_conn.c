/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections with real TLS over socket pairs and loopback. Clock and rounds are driven by the tests. */
#include "tests/unit/unit.h"

#include "tests/unit/conn_fixture.h"

static void
on_drained(void *context)
{
	((struct fixture *)context)->drained++;
}

static void
expect_nothing(const struct client *client)
{
	assert_int_equal(buf_size(client->in), 0);
}

/* ---- receiving ---- */

static void
the_session_learns_address_and_binding(void **state)
{
	struct fixture *f = *state;
	uint8_t binding[STREAM_BINDING_SIZE];
	start(f);
	struct client *client = ready_client(f);
	assert_memory_equal(f->dispatch.newest->peer.address, test_address, 16);
	assert_true(stream_binding(client->stream, binding));
	assert_memory_equal(f->dispatch.newest->peer.channel_binding, binding, sizeof binding);
}

static void
a_torn_frame_is_received_with_its_last_byte(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	struct buf *whole = client->out;
	request(client, OP_ECHO, 7, 40);
	client->out = buf_create(64);
	while (buf_size(whole) != 0) {
		assert_int_equal(f->dispatch.received, 0);
		now_ms += 10;
		buf_put_u8(client->out, buf_peek(whole).data[0]);
		buf_consume(whole, 1);
		for (int i = 0; i < 4; i++) {
			client_step(client);
			loop_round(f->loop, 0);
		}
	}
	uint64_t last_byte_ms = now_ms + WALL_AHEAD;
	later(f, 500);
	assert_int_equal(f->dispatch.received, 1);
	assert_int_equal(f->dispatch.received_ms, last_byte_ms);
	assert_int_equal(expect_answer(client, 7, ERROR_NONE), 40);
	assert_int_equal(conn_pool_buffered(f->pool), 0);
	buf_destroy(whole);
}

static void
many_frames_in_one_write_are_all_answered(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	/* More than one round may deliver, so the rest has to be gone on with although the socket stays silent. */
	for (uint32_t i = 0; i < 200; i++)
		request(client, OP_ECHO, i, i);
	request(client, OP_ECHO, 200, LIMIT_FRAME_BODY);
	request(client, OP_ECHO, 201, 0);
	pump(f);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(expect_answer(client, i, ERROR_NONE), i);
	assert_int_equal(expect_answer(client, 200, ERROR_NONE), LIMIT_FRAME_BODY);
	assert_int_equal(expect_answer(client, 201, ERROR_NONE), 0);
	expect_nothing(client);
}

static void
an_oversized_frame_is_refused_by_its_header(void **state)
{
	struct fixture *f = *state;
	uint8_t header[FRAME_HEADER_SIZE] = { 0 };
	start(f);
	struct client *client = ready_client(f);
	request(client, OP_HOLD, 1, 10);
	bytes_poke_u32(header, 12 + LIMIT_FRAME_BODY + 1);
	bytes_poke_u32(header + 12, 9);
	/* The length alone tells, but the answer is to bear the stream. */
	buf_put(client->out, slice_of(header, 4));
	pump(f);
	expect_nothing(client);
	buf_put(client->out, slice_of(header + 4, sizeof header - 4));
	pump(f);
	assert_int_equal(expect_answer(client, 9, ERROR_frame_too_large), 0);
	assert_string_equal(f->dispatch.refused_place, "frame.length");
	assert_string_equal(f->dispatch.refused_value, "1048589");
	/* What was received before is still answered, though the peer goes on sending what nobody reads. */
	assert_int_equal(client->end, STREAM_PROGRESS);
	for (int i = 0; i < 100; i++)
		request(client, OP_ECHO, 2, 10000);
	pump(f);
	assert_int_equal(f->dispatch.received, 1);
	release(f->dispatch.newest);
	pump(f);
	assert_int_equal(expect_answer(client, 1, ERROR_NONE), 0);
	assert_int_equal(client->end, STREAM_CLOSED);
	/* It lingers until the peer closes too, without session or TLS. */
	assert_int_equal(f->dispatch.sessions, 0);
	assert_int_equal(conn_pool_count(f->pool), 1);
	client_close(client);
	pump(f);
	assert_int_equal(conn_pool_count(f->pool), 0);
}

static void
a_malformed_frame_is_refused(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	buf_put(client->out, slice_of("\0\0\0\3", 4));
	pump(f);
	assert_int_equal(f->dispatch.refused, ERROR_frame_malformed);
	assert_string_equal(f->dispatch.refused_place, "frame.length");
	assert_string_equal(f->dispatch.refused_value, "3");
	expect_answer(client, 0, ERROR_frame_malformed);
	assert_int_equal(client->end, STREAM_CLOSED);
	later(f, f->limits.linger_ms);
	assert_int_equal(conn_pool_count(f->pool), 0);
}

/* ---- back-pressure ---- */

static void
nothing_is_read_while_the_session_wants_no_more(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	for (uint32_t i = 0; i < HOLD_MAX; i++)
		request(client, OP_HOLD, i, 0);
	pump(f);
	for (uint32_t i = 0; i < 40; i++)
		request(client, OP_ECHO, 100 + i, 100000);
	pump(f);
	assert_int_equal(f->dispatch.received, HOLD_MAX);
	/* The socket is full, the server holds nothing but the room for the next frame. */
	assert_true(buf_size(client->out) > 1000000);
	assert_true(conn_pool_buffered(f->pool) <= HELD_SMALL);
	release(f->dispatch.newest);
	pump(f);
	expect_answer(client, 0, ERROR_NONE);
	for (uint32_t i = 0; i < 40; i++)
		expect_answer(client, 100 + i, ERROR_NONE);
	assert_int_equal(buf_size(client->out), 0);
}

static void
a_frame_begun_is_read_to_its_end_and_keeps_its_time(void **state)
{
	struct fixture *f = *state;
	struct frame last = { .op = OP_HOLD, .stream = 99, .body = SLICE_LITERAL("0123456789") };
	struct buf *whole = buf_create(100);
	start(f);
	struct client *client = ready_client(f);
	frame_put(whole, &last);
	for (uint32_t i = 0; i < HOLD_MAX; i++)
		request(client, OP_HOLD, i, 0);
	buf_put(client->out, slice_of(buf_peek(whole).data, 20));
	pump(f);
	assert_int_equal(f->dispatch.received, HOLD_MAX);
	now_ms += 1000;
	uint64_t arrived_ms = now_ms + WALL_AHEAD;
	buf_put(client->out, slice_from(buf_peek(whole), 20));
	pump(f);
	assert_int_equal(f->dispatch.received, HOLD_MAX);
	assert_in_range(conn_pool_buffered(f->pool), buf_size(whole), HELD_SMALL);
	/* Neither deadline concerns a frame that has arrived. */
	later(f, f->limits.frame_ms + f->limits.idle_ms);
	release(f->dispatch.newest);
	pump(f);
	assert_int_equal(f->dispatch.received, HOLD_MAX + 1);
	assert_int_equal(f->dispatch.received_ms, arrived_ms);
	assert_int_equal(f->dispatch.read_ago_ms, now_ms - (arrived_ms - WALL_AHEAD));
	buf_destroy(whole);
}

static void
a_slow_reader_is_not_read_from_and_not_waited_for(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	client->is_reading = false;
	for (uint32_t i = 0; i < 100; i++)
		request(client, OP_LOAD, i, 0);
	pump(f);
	assert_true(f->dispatch.received < 20);
	assert_true(conn_pool_buffered(f->pool) <= 2 * QUEUED_MAX + HELD_SMALL);
	/* Whoever takes enough within each window is served for as long as it needs. */
	for (int i = 0; i < 5; i++) {
		now_ms += f->limits.write_ms - 1;
		struct stream_result result = stream_read(client->stream, client->in, 2 * CONN_WRITE_MIN);
		assert_int_equal(result.status, STREAM_PROGRESS);
		for (int k = 0; k < 8; k++) {
			(void)stream_read(client->stream, client->in, 2 * CONN_WRITE_MIN).size;
			loop_round(f->loop, 0);
		}
	}
	assert_int_equal(conn_pool_count(f->pool), 1);
	later(f, f->limits.write_ms - 1);
	assert_int_equal(conn_pool_count(f->pool), 1);
	later(f, 1);
	assert_int_equal(conn_pool_count(f->pool), 0);
	assert_int_equal(conn_pool_buffered(f->pool), 0);
}

/* What counts is the memory taken, and a queue that has shrunk gives it back. */
static void
memory_of_answers_is_counted_and_given_back(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	client->is_reading = false;
	for (uint32_t i = 0; i < 6; i++)
		request(client, OP_LOAD, i, 0);
	pump(f);
	struct buf *answers = session_answers(f->dispatch.newest);
	assert_true(buf_allocated(answers) >= QUEUED_MAX);
	assert_true(conn_pool_buffered(f->pool) >= buf_allocated(answers));
	size_t least = SIZE_MAX;
	for (int i = 0; i < 2000 && buf_size(answers) > 0; i++) {
		(void)stream_read(client->stream, client->in, 16384).size;
		loop_round(f->loop, 0);
		if (buf_size(answers) == 0)
			break;
		assert_true(buf_allocated(answers) <= HELD_SMALL || buf_allocated(answers) <= 8 * buf_size(answers));
		least = buf_size(answers) < least ? buf_size(answers) : least;
	}
	assert_true(least < QUEUED_MAX / 8);
}

/* With memory short, who has not collected gets nothing more; with none left, nobody gets anything large. */
static void
answers_are_few_when_memory_is_short(void **state)
{
	struct fixture *f = *state;
	struct client *clients[5];
	unsigned busy = 0;

	f->limits.buffered_max = 400000;
	start(f);
	for (int i = 0; i < 5; i++) {
		clients[i] = ready_client(f);
		clients[i]->is_reading = false;
		for (uint32_t k = 0; k < 40; k++)
			request(clients[i], OP_LOAD, k, 0);
		pump(f);
		assert_true(conn_pool_buffered(f->pool) <= 2 * f->limits.buffered_max + 2 * (LOAD_SIZE + HELD_SMALL));
	}
	for (int i = 0; i < 5; i++)
		clients[i]->is_reading = true;
	pump(f);
	pump(f);
	for (int i = 0; i < 5; i++)
		for (uint32_t k = 0; k < 40; k++) {
			struct frame frame;
			size_t size;
			assert_int_equal(frame_peek(buf_peek(clients[i]->in), LIMIT_FRAME_BODY, &frame, &size),
			    ERROR_NONE);
			busy += frame.status == ERROR_busy;
			(void)expect_answer(clients[i], k, frame.status);
		}
	assert_true(busy < 5 * 40);
	assert_int_equal(conn_pool_buffered(f->pool), 0);
}

static void
a_reader_who_comes_back_gets_everything(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	client->is_reading = false;
	for (uint32_t i = 0; i < 30; i++)
		request(client, OP_LOAD, i, 0);
	pump(f);
	assert_true(f->dispatch.received < 20);
	client->is_reading = true;
	pump(f);
	pump(f);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(expect_answer(client, i, ERROR_NONE), LOAD_SIZE);
	assert_int_equal(conn_pool_buffered(f->pool), 0);
}

static void
half_frames_are_refused_when_memory_is_short(void **state)
{
	struct fixture *f = *state;
	f->limits.buffered_max = 300000;
	start(f);
	struct client *clients[5];
	unsigned refused = 0;
	for (int i = 0; i < 5; i++) {
		clients[i] = ready_client(f);
		struct frame half = { .op = OP_ECHO, .stream = 3, .body = SLICE_EMPTY };
		frame_put(clients[i]->out, &half);
		uint8_t length[4];
		bytes_poke_u32(length, 500000);
		buf_poke(clients[i]->out, 0, slice_of(length, 4));
		for (int k = 0; k < 10000; k++)
			buf_put_text(clients[i]->out, "0123456789");
	}
	pump(f);
	for (int i = 0; i < 5; i++)
		if (buf_size(clients[i]->in) != 0) {
			expect_answer(clients[i], 3, ERROR_busy);
			refused++;
		}
	assert_true(refused >= 1 && refused <= 3);
	assert_true(conn_pool_buffered(f->pool) <= 400000);
	/* A small request is served all the same. */
	struct client *small = ready_client(f);
	request(small, OP_ECHO, 5, 100);
	pump(f);
	expect_answer(small, 5, ERROR_NONE);
}

/* ---- ends ---- */

static void
a_peer_that_sends_no_more_gets_its_answers(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	/* One more than the session takes at once: the last is in hand when the end comes. Then half a frame. */
	for (uint32_t i = 0; i <= HOLD_MAX; i++)
		request(client, OP_HOLD, i, 0);
	buf_put(client->out, slice_of("\0\0\0\144", 4));
	client_step(client);
	assert_int_equal(stream_shutdown(client->stream).status, STREAM_PROGRESS);
	pump(f);
	assert_int_equal(f->dispatch.received, HOLD_MAX);
	for (uint32_t i = 0; i <= HOLD_MAX; i++) {
		assert_int_equal(client->end, STREAM_PROGRESS);
		release(f->dispatch.newest);
		pump(f);
		expect_answer(client, i, ERROR_NONE);
	}
	assert_int_equal(client->end, STREAM_CLOSED);
	assert_int_equal(conn_pool_count(f->pool), 0);
}

static void
a_peer_that_vanishes_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	for (uint32_t i = 0; i < HOLD_MAX; i++)
		request(client, OP_HOLD, i, 0);
	pump(f);
	client_close(client);
	pump(f);
	assert_int_equal(conn_pool_count(f->pool), 0);
	assert_int_equal(f->dispatch.sessions, 0);
}

static void
idle_connections_are_closed_with_a_word(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	later(f, f->limits.idle_ms - 1);
	request(client, OP_HOLD, 1, 0);
	pump(f);
	/* Waiting for our answer is not idling. */
	later(f, 10 * f->limits.idle_ms);
	release(f->dispatch.newest);
	pump(f);
	expect_answer(client, 1, ERROR_NONE);
	later(f, f->limits.idle_ms - 1);
	assert_int_equal(client->end, STREAM_PROGRESS);
	later(f, 1);
	assert_int_equal(client->end, STREAM_CLOSED);
	later(f, f->limits.linger_ms);
	assert_int_equal(conn_pool_count(f->pool), 0);
}

static void
dripping_does_not_put_off_a_frames_deadline(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	struct buf *whole = client->out;
	request(client, OP_ECHO, 1, 1000);
	client->out = buf_create(1000);
	for (int i = 0; i < 12; i++) {
		assert_int_equal(client->end, STREAM_PROGRESS);
		buf_put_u8(client->out, buf_peek(whole).data[i]);
		pump(f);
		now_ms += f->limits.frame_ms / 12 + (i == 11);
	}
	pump(f);
	assert_int_equal(client->end, STREAM_CLOSED);
	assert_int_equal(f->dispatch.received, 0);
	buf_destroy(whole);
}

static void
garbage_instead_of_tls_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	int pair[2];
	start(f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	conn_pool_take(f->pool, pair[1], test_address);
	assert_int_equal(write(pair[0], "GET / HTTP/1.0\r\n\r\n", 18), 18);
	pump(f);
	assert_int_equal(conn_pool_count(f->pool), 0);
	close(pair[0]);
}

/* ---- stop ---- */

static void
stopping_finishes_what_was_received(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *idle = ready_client(f), *waiting = ready_client(f), *sending = ready_client(f);
	struct frame frame = { .op = OP_ECHO, .stream = 5, .body = SLICE_LITERAL("0123456789") };
	struct buf *whole = buf_create(100);
	silent_client(f);
	request(waiting, OP_HOLD, 1, 0);
	frame_put(whole, &frame);
	buf_put(sending->out, slice_of(buf_peek(whole).data, 20));
	for (int i = 0; i < 10; i++) {
		client_step(waiting);
		client_step(sending);
		loop_round(f->loop, 0);
	}
	conn_pool_drain(f->pool, on_drained, f);
	assert_false(conn_pool_has_room(f->pool));
	pump(f);
	assert_int_equal(idle->end, STREAM_CLOSED);
	assert_int_equal(waiting->end, STREAM_PROGRESS);
	assert_int_equal(sending->end, STREAM_PROGRESS);
	buf_put(sending->out, slice_from(buf_peek(whole), 20));
	pump(f);
	expect_answer(sending, 5, ERROR_NONE);
	assert_int_equal(sending->end, STREAM_CLOSED);
	client_close(idle);
	client_close(sending);
	pump(f);
	assert_int_equal(conn_pool_count(f->pool), 1);
	assert_int_equal(f->drained, 0);
	buf_destroy(whole);
	/* Only the one that waits is left, until its time is over. */
	assert_int_equal(f->dispatch.sessions, 1);
	later(f, f->limits.drain_ms - 1);
	assert_int_equal(f->drained, 0);
	later(f, 1);
	assert_int_equal(f->drained, 1);
	assert_int_equal(waiting->end, STREAM_CUT);
}

/* Half a frame that nobody finishes does not keep the office open; one that comes in slowly may still be finished. */
static void
stopping_does_not_wait_for_half_a_frame(void **state)
{
	struct fixture *f = *state;
	struct frame frame = { .op = OP_ECHO, .stream = 5, .body = SLICE_LITERAL("0123456789") };
	struct buf *whole = buf_create(100);

	start(f);
	struct client *silent = ready_client(f), *slow = ready_client(f);
	frame_put(whole, &frame);
	buf_put(silent->out, slice_of(buf_peek(whole).data, 20));
	buf_put(slow->out, slice_of(buf_peek(whole).data, 20));
	pump(f);
	later(f, 10000);
	conn_pool_drain(f->pool, on_drained, f);
	for (int i = 0; i < 3; i++) {
		later(f, f->limits.stop_frame_ms - 1);
		assert_int_equal(silent->end, i == 0 ? STREAM_PROGRESS : STREAM_CLOSED);
		buf_put_u8(slow->out, buf_peek(whole).data[20 + i]);
		pump(f);
	}
	assert_int_equal(slow->end, STREAM_PROGRESS);
	buf_put(slow->out, slice_from(buf_peek(whole), 23));
	pump(f);
	assert_int_equal(expect_answer(slow, 5, ERROR_NONE), 10);
	assert_int_equal(slow->end, STREAM_CLOSED);
	client_close(silent);
	client_close(slow);
	pump(f);
	assert_int_equal(f->drained, 1);
	buf_destroy(whole);
}

static void
stopping_ends_when_the_last_answer_is_out(void **state)
{
	struct fixture *f = *state;
	start(f);
	struct client *client = ready_client(f);
	request(client, OP_HOLD, 1, 0);
	pump(f);
	conn_pool_drain(f->pool, on_drained, f);
	request(client, OP_ECHO, 2, 0);
	later(f, 1000);
	assert_int_equal(f->drained, 0);
	release(f->dispatch.newest);
	pump(f);
	expect_answer(client, 1, ERROR_NONE);
	assert_int_equal(client->end, STREAM_CLOSED);
	client_close(client);
	pump(f);
	assert_int_equal(f->drained, 1);
	later(f, f->limits.drain_ms);
	assert_int_equal(f->drained, 1);
}

static void
stopping_without_connections_is_done_at_once(void **state)
{
	struct fixture *f = *state;
	start(f);
	conn_pool_drain(f->pool, on_drained, f);
	assert_int_equal(f->drained, 0);
	loop_round(f->loop, 0);
	assert_int_equal(f->drained, 1);
}

/* ---- with a listener ---- */

static void
loopback_works_as_socket_pairs_do(void **state)
{
	struct fixture *f = *state;
	struct listener *listener;
	struct fault fault;
	start(f);
	struct listener_taker taker = { conn_pool_has_room, conn_pool_take, f->pool };
	assert_int_equal(listener_create(f->loop, f->log, "127.0.0.1:0", &taker, &listener, &fault), ERROR_NONE);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(listener_port(listener)) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
		assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
		client_over(f, fd);
	}
	pump(f);
	struct client *client = &f->clients[0], *rude = &f->clients[1];
	request(client, OP_ECHO, 1, LIMIT_FRAME_BODY);
	for (uint32_t i = 0; i < HOLD_MAX; i++)
		request(rude, OP_HOLD, i, 0);
	pump(f);
	pump(f);
	assert_int_equal(expect_answer(client, 1, ERROR_NONE), LIMIT_FRAME_BODY);
	/* A reset while nothing is waited for on that socket: noticed, and no event for ever after. */
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	setsockopt(rude->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	client_close(rude);
	pump(f);
	assert_int_equal(conn_pool_count(f->pool), 1);
	stream_destroy(client->stream);
	client->stream = NULL;
	close(client->fd);
	client->fd = -1;
	pump(f);
	assert_int_equal(conn_pool_count(f->pool), 0);
	listener_destroy(listener);
}

/* ---- what an idle connection keeps ---- */

static size_t
allocated(void)
{
	return mallinfo2().uordblks;
}

static void
an_idle_connection_keeps_little(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 64, KEPT_MAX = 512 };
	int others[COUNT];
	start(f);
	if (allocated() == 0)
		skip(); /* a sanitizer's allocator does not tell */
	size_t before = allocated();
	for (int i = 0; i < COUNT; i++)
		others[i] = connect_from(f, test_address[15]);
	size_t kept = (allocated() - before) / COUNT;
	print_message("bytes of a connection that has not sent anything: %zu\n", kept);
	assert_true(kept <= KEPT_MAX);
	for (int i = 0; i < COUNT; i++)
		close(others[i]);
	conn_pool_destroy(f->pool);
	/* After a large request and answer it keeps no more than before. */
	start(f);
	struct client *client = ready_client(f);
	request(client, OP_ECHO, 1, 1000);
	pump(f);
	buf_reset(client->in);
	buf_reset(client->out);
	before = allocated();
	request(client, OP_ECHO, 2, 500000);
	pump(f);
	assert_int_equal(expect_answer(client, 2, ERROR_NONE), 500000);
	buf_reset(client->in);
	buf_reset(client->out);
	assert_true(allocated() < before + KEPT_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_session_learns_address_and_binding),
		TEST(a_torn_frame_is_received_with_its_last_byte),
		TEST(many_frames_in_one_write_are_all_answered),
		TEST(an_oversized_frame_is_refused_by_its_header),
		TEST(a_malformed_frame_is_refused),
		TEST(nothing_is_read_while_the_session_wants_no_more),
		TEST(a_frame_begun_is_read_to_its_end_and_keeps_its_time),
		TEST(a_slow_reader_is_not_read_from_and_not_waited_for),
		TEST(memory_of_answers_is_counted_and_given_back),
		TEST(answers_are_few_when_memory_is_short),
		TEST(a_reader_who_comes_back_gets_everything),
		TEST(half_frames_are_refused_when_memory_is_short),
		TEST(a_peer_that_sends_no_more_gets_its_answers),
		TEST(a_peer_that_vanishes_leaves_nothing),
		TEST(idle_connections_are_closed_with_a_word),
		TEST(dripping_does_not_put_off_a_frames_deadline),
		TEST(garbage_instead_of_tls_ends_the_connection),
		TEST(stopping_finishes_what_was_received),
		TEST(stopping_does_not_wait_for_half_a_frame),
		TEST(stopping_ends_when_the_last_answer_is_out),
		TEST(stopping_without_connections_is_done_at_once),
		TEST(loopback_works_as_socket_pairs_do),
		TEST(an_idle_connection_keeps_little),
	};
	return cmocka_run_group_tests_name("conn", tests, pair_set_up, pair_tear_down);
}
