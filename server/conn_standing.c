/* SPDX-License-Identifier: Apache-2.0
 *
 * Each connection's place among those of its address and among all, from which the one that is evicted for a newcomer
 * is taken. */
#include "server/conn_state.h"
#include "server/session.h"

static enum standing
conn_standing(const struct conn *conn)
{
	switch (conn->state) {
	case CONN_SILENT:
		return STANDING_SILENT;
	case CONN_QUEUED:
		return STANDING_QUEUED;
	case CONN_HANDSHAKE:
		return STANDING_HANDSHAKE;
	case CONN_OPEN:
	case CONN_DRAINING:
		if (session_unanswered(conn->session) != 0)
			return STANDING_ASKING;
		if (buf_size(session_answers(conn->session)) != 0)
			return STANDING_READING;
		if (buf_size(conn->in) != 0)
			return STANDING_SENDING;
		if (conn->state == CONN_OPEN)
			return conn->has_asked ? STANDING_IDLE : STANDING_NEW;
		break;
	default:
		break;
	}
	return STANDING_LEAVING;
}

void
conn_stand_nowhere(struct conn *conn)
{
	chain_remove(&conn->in_account);
	chain_remove(&conn->in_all);
}

/* Has the connection made progress since it took its place in its standing, so that it goes to the end of the line?
 * New and idle: a whole request came. Sending and reading: EVICT_PROGRESS bytes (8 KiB) of plain text went over,
 * either way. Asking: always, since it is the office that owes the answer. In every other standing never. That it had
 * a turn of the loop does not count: a single byte of a TLS record that is never completed gives it one, and so does a
 * timer. */
static bool
conn_got_on(const struct conn *conn)
{
	switch (conn->standing) {
	case STANDING_NEW:
	case STANDING_IDLE:
		return conn->has_asked_since;
	case STANDING_SENDING:
	case STANDING_READING:
		return conn->moved >= EVICT_PROGRESS;
	case STANDING_ASKING:
		return true;
	default:
		return false;
	}
}

void
conn_stand(struct conn *conn)
{
	enum standing standing = conn_standing(conn);

	if (conn->in_all.chain != NULL && conn->standing == standing && !conn_got_on(conn))
		return;
	conn->standing = standing;
	conn->standing_since_ms = loop_steady_ms(conn->shared->loop);
	conn->moved = 0;
	conn->has_asked_since = false;
	chain_append(&conn->account->standings[standing], &conn->in_account);
	chain_append(&conn->shared->standings[standing], &conn->in_all);
}

/* ---- who is evicted ---- */

static uint64_t
conn_stood_ms(const struct conn *conn, uint64_t now_ms)
{
	return conn == NULL ? EVICT_NONE : now_ms - conn->standing_since_ms;
}

static struct conn *
first_of_account(const struct address_account *account, size_t standing)
{
	return chain_owner(account->standings[standing].first, struct conn, in_account);
}

static struct conn *
first_of_all(const struct conn_shared *shared, size_t standing)
{
	return chain_owner(shared->standings[standing].first, struct conn, in_all);
}

static struct evict_stood
stood_of_all(const struct conn_shared *shared)
{
	struct evict_stood stood;

	for (size_t i = 0; i < STANDING_COUNT; i++)
		stood.ms[i] = conn_stood_ms(first_of_all(shared, i), loop_steady_ms(shared->loop));
	return stood;
}

struct conn *
conn_find_quiet(const struct conn_shared *shared)
{
	struct evict_stood stood = stood_of_all(shared);
	enum standing standing;

	return evict_has_quiet(&stood, &standing) ? first_of_all(shared, standing) : NULL;
}

/* Accounts that are looked at below one network for a connection that can go without harm (evict_has_quiet), of
 * those that hold as much as the largest; with none found, the last one looked at loses one. Bounds the time that one
 * newcomer costs. */
#define LOOKS_MAX 8

static struct evict_stood
stood_of_account(const struct conn_shared *shared, const struct address_account *account)
{
	struct evict_stood stood;

	for (size_t i = 0; i < STANDING_COUNT; i++)
		stood.ms[i] = conn_stood_ms(first_of_account(account, i), loop_steady_ms(shared->loop));
	return stood;
}

static const struct address_account *
find_largest(const struct conn_shared *shared, struct address_account *top)
{
	struct address_account *account = address_book_largest_below(top);

	for (int looks = 1; account != top && looks < LOOKS_MAX; looks++) {
		struct evict_stood stood = stood_of_account(shared, account);
		enum standing standing;
		if (evict_has_quiet(&stood, &standing))
			break;
		address_book_pass_over(account);
		account = address_book_largest_below(top);
	}
	return account;
}

/* Does the newcomer's own address hold most? Its network does (top), and in it either the newcomer's own address, or
 * none that has more than connections_max / EVICT_PART by itself: then the network counts as one holder. */
static bool
holder_is_own(const struct conn *newcomer, const struct address_account *top, const struct address_account *largest)
{
	size_t much = newcomer->shared->limits.connections_max / EVICT_PART;

	if (address_book_top(newcomer->account) != top)
		return false;
	return newcomer->account == largest || largest->connections <= much;
}

enum newcomer
conn_find_place(const struct conn *newcomer, struct conn **loser)
{
	const struct conn_shared *shared = newcomer->shared;
	struct address_account *top = address_book_largest(shared->book);
	const struct address_account *largest = find_largest(shared, top);
	struct evict_holder holder = { top->connections, holder_is_own(newcomer, top, largest),
		stood_of_account(shared, largest) };
	struct evict_stood all = stood_of_all(shared);
	enum standing standing = STANDING_COUNT;

	enum newcomer outcome = evict_for_newcomer(&holder, &all, shared->limits.connections_max, &standing);
	if (outcome == NEWCOMER_REPLACES)
		*loser = first_of_account(largest, standing);
	else if (outcome == NEWCOMER_REPLACES_QUIET)
		*loser = first_of_all(shared, standing);
	return outcome;
}
