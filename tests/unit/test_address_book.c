/* SPDX-License-Identifier: Apache-2.0
 *
 * Accounts of addresses: which addresses are one, who has most connections, and for how long time is owed. */
#include "tests/unit/unit.h"

#include <string.h>

#include "server/address_book.h"

#define CONNECTIONS_MAX 1000
#define NOW_MS 1000000u
/* A turn that is much. */
#define MUCH_MS (2 * SHARE_BURST_MS)

struct address {
	uint8_t bytes[ADDRESS_SIZE];
};

static struct address
v4(uint32_t number)
{
	struct address address = { { [10] = 0xff, [11] = 0xff } };
	bytes_poke_u32(address.bytes + 12, number);
	return address;
}

static struct address
v6(uint64_t network, uint64_t host)
{
	struct address address;
	bytes_poke_u64(address.bytes, network);
	bytes_poke_u64(address.bytes + 8, host);
	return address;
}

static int
set_up(void **state)
{
	*state = address_book_create(CONNECTIONS_MAX);
	assert_non_null(*state);
	return 0;
}

static int
tear_down(void **state)
{
	address_book_destroy(*state);
	return 0;
}

static struct address_account *
enter(struct address_book *book, struct address address)
{
	struct address_account *account = address_book_enter(book, address.bytes, NOW_MS);
	assert_non_null(account);
	return account;
}

static void
leave(struct address_book *book, struct address_account *account, unsigned times)
{
	while (times-- > 0)
		address_book_leave(book, account, NOW_MS);
}

static void
a_party_is_an_address_or_a_network(void **state)
{
	struct address_book *book = *state;
	/* The last bytes of one are the first of the other's network. */
	const struct address all[] = { v4(1), v4(2), v6(1, 0), v6(2, 0), v6(0, 0xffff00000001) };
	struct address_account *accounts[5];

	for (size_t i = 0; i < 5; i++)
		accounts[i] = enter(book, all[i]);
	/* ::ffff:0.0.0.1 is v4(1): a mapped address is an IPv4 one. */
	assert_ptr_equal(accounts[0], accounts[4]);
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(accounts[i], accounts[k]);
	assert_ptr_equal(enter(book, v6(1, 77)), accounts[2]);
	/* Both networks are in one. */
	assert_null(accounts[0]->above);
	assert_non_null(accounts[2]->above);
	assert_ptr_equal(accounts[2]->above, accounts[3]->above);
	assert_int_equal(accounts[2]->above->connections, 3);
	assert_int_equal(address_book_count(book), 5);
	leave(book, accounts[0], 2);
	leave(book, accounts[2], 2);
	leave(book, accounts[1], 1);
	leave(book, accounts[3], 1);
	assert_int_equal(address_book_count(book), 0);
}

static void
the_largest_is_known_at_any_time(void **state)
{
	struct address_book *book = *state;
	enum { COUNT = 50 };
	struct address_account *accounts[COUNT];
	uint32_t seed = 7;

	assert_null(address_book_largest(book));
	for (size_t i = 0; i < COUNT; i++)
		accounts[i] = enter(book, v4((uint32_t)i));
	for (int step = 0; step < 5000; step++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t i = (seed >> 8) % COUNT;
		if ((seed >> 24) % 2 == 0 && accounts[i]->connections < CONNECTIONS_MAX)
			assert_ptr_equal(enter(book, v4(i)), accounts[i]);
		else if (accounts[i]->connections > 1)
			leave(book, accounts[i], 1);
		size_t most = 0;
		for (size_t k = 0; k < COUNT; k++)
			most = accounts[k]->connections > most ? accounts[k]->connections : most;
		assert_int_equal(address_book_largest(book)->connections, most);
	}
	for (size_t i = 0; i < COUNT; i++)
		leave(book, accounts[i], (unsigned)accounts[i]->connections);
	assert_null(address_book_largest(book));
	assert_int_equal(address_book_count(book), 0);
}

/* The network of 48 bits against others; in it, who has most, to the factor of two, and by turns among equals. */
static void
a_network_of_networks_is_one_holder(void **state)
{
	struct address_book *book = *state;
	const uint64_t site = (uint64_t)0x20010db80007 << 16;
	struct address_account *below[6], *other = enter(book, v6((site + (1 << 16)), 1));

	for (unsigned i = 0; i < 2; i++)
		(void)enter(book, v4(7));
	for (unsigned i = 0; i < 6; i++)
		below[i] = enter(book, v6(site + i, 1));
	struct address_account *above = below[0]->above;
	assert_int_equal(above->connections, 6);
	assert_ptr_equal(address_book_largest(book), above);
	assert_ptr_equal(address_book_top(below[5]), above);
	assert_ptr_not_equal(address_book_top(other), above);
	for (unsigned i = 0; i < 12; i++) {
		assert_ptr_equal(address_book_largest_below(above), below[i % 6]);
		address_book_pass_over(below[i % 6]);
	}
	for (unsigned i = 0; i < 3; i++)
		(void)enter(book, v6(site + 4, i));
	assert_ptr_equal(address_book_largest_below(above), below[4]);
	leave(book, below[4], 4);
	assert_ptr_equal(address_book_largest_below(above), below[0]);
	for (unsigned i = 0; i < 6; i++)
		if (i != 4)
			leave(book, below[i], 1);
	assert_int_equal(address_book_largest(book)->connections, 2);
	assert_ptr_equal(address_book_largest_below(address_book_largest(book)), address_book_largest(book));
	leave(book, address_book_largest(book), 2);
	leave(book, other, 1);
	assert_int_equal(address_book_count(book), 0);
}

/* A fresh network of its 65,536 owes what the one above it does. */
static void
a_network_of_networks_owes_its_time(void **state)
{
	struct address_book *book = *state;
	struct address_account *other = enter(book, v4(1)), *greedy = NULL;

	address_book_count_turn(book, other, NOW_MS, NOW_MS);
	for (uint64_t i = 0; i < 2 * SHARE_BURST_MS; i++) {
		greedy = enter(book, v6(i, 1));
		address_book_count_turn(book, greedy, NOW_MS - 1, NOW_MS);
		leave(book, greedy, 1);
	}
	greedy = enter(book, v6(9999, 1));
	assert_ptr_equal(address_book_had_much(book, greedy, NOW_MS), greedy->above);
	assert_null(address_book_had_much(book, other, NOW_MS));
	leave(book, greedy, 1);
	address_book_leave(book, other, NOW_MS + 4 * SHARE_BURST_MS * SHARE_PARTS);
	assert_int_equal(address_book_count(book), 0);
}

static void
who_owes_time_is_known_when_coming_again(void **state)
{
	struct address_book *book = *state;
	struct address_account *other = enter(book, v4(1)), *greedy = enter(book, v4(2));

	address_book_count_turn(book, other, NOW_MS, NOW_MS);
	address_book_count_turn(book, greedy, NOW_MS - MUCH_MS, NOW_MS);
	assert_non_null(address_book_had_much(book, greedy, NOW_MS));
	assert_null(address_book_had_much(book, other, NOW_MS));
	leave(book, greedy, 1);
	assert_int_equal(address_book_count(book), 2);
	greedy = enter(book, v4(2));
	assert_non_null(address_book_had_much(book, greedy, NOW_MS));
	leave(book, greedy, 1);
	/* Once it owes nothing, it is forgotten as soon as anybody comes or goes. */
	address_book_leave(book, other, NOW_MS + MUCH_MS * SHARE_PARTS);
	assert_int_equal(address_book_count(book), 0);
}

static void
debt_ends_in_seconds(void **state)
{
	struct address_book *book = *state;
	struct address_account *other = enter(book, v4(1)), *greedy = enter(book, v4(2));
	uint64_t ended_ms = NOW_MS + 3600000;

	address_book_count_turn(book, greedy, NOW_MS, ended_ms);
	address_book_count_turn(book, other, ended_ms, ended_ms);
	assert_non_null(address_book_had_much(book, greedy, ended_ms));
	assert_true(share_owes(&greedy->share, ended_ms + SHARE_OWES_MAX_MS - 1));
	assert_false(share_owes(&greedy->share, ended_ms + SHARE_OWES_MAX_MS));
	leave(book, other, 1);
	leave(book, greedy, 1);
}

static void
nobody_is_behind_while_nobody_else_wants_the_loop(void **state)
{
	struct address_book *book = *state;
	struct address_account *other = enter(book, v4(1)), *greedy = enter(book, v4(2));
	uint64_t now_ms = NOW_MS;

	address_book_count_turn(book, greedy, now_ms, now_ms + MUCH_MS);
	assert_null(address_book_had_much(book, greedy, now_ms + MUCH_MS));
	address_book_count_turn(book, other, now_ms, now_ms);
	for (unsigned i = 0; i < ADDRESS_BOOK_RECENT_MS; i += MUCH_MS) {
		assert_non_null(address_book_had_much(book, greedy, now_ms));
		address_book_count_turn(book, greedy, now_ms, now_ms + MUCH_MS);
		now_ms += MUCH_MS;
	}
	assert_null(address_book_had_much(book, greedy, NOW_MS + ADDRESS_BOOK_RECENT_MS));
	/* The other wants it still when it is gone: it may come again. */
	address_book_count_turn(book, other, now_ms, now_ms);
	leave(book, other, 1);
	assert_non_null(address_book_had_much(book, greedy, now_ms));
	leave(book, greedy, 1);
}

static void
so_many_are_kept_and_no_more(void **state)
{
	struct address_book *book = *state;

	for (uint32_t i = 0; i < 2 * ADDRESS_BOOK_KEPT_MAX; i++) {
		struct address_account *account = enter(book, v4(i));
		address_book_count_turn(book, account, NOW_MS - MUCH_MS, NOW_MS);
		leave(book, account, 1);
		assert_true(address_book_count(book) <= ADDRESS_BOOK_KEPT_MAX);
	}
	/* The latest. */
	struct address_account *account = enter(book, v4(2 * ADDRESS_BOOK_KEPT_MAX - 1));
	assert_true(share_owes(&account->share, NOW_MS));
	leave(book, account, 1);
	account = enter(book, v4(0));
	assert_false(share_owes(&account->share, NOW_MS));
	leave(book, account, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_party_is_an_address_or_a_network),
		TEST(the_largest_is_known_at_any_time),
		TEST(a_network_of_networks_is_one_holder),
		TEST(a_network_of_networks_owes_its_time),
		TEST(who_owes_time_is_known_when_coming_again),
		TEST(debt_ends_in_seconds),
		TEST(nobody_is_behind_while_nobody_else_wants_the_loop),
		TEST(so_many_are_kept_and_no_more),
	};
	return cmocka_run_group_tests_name("address_book", tests, NULL, NULL);
}
