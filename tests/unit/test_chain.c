/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains: order, moves, both ends. */
#include "tests/unit/unit.h"

#include "server/chain.h"

struct thing {
	int number;
	struct chain_link link;
};

/* The numbers, as digits. */
static int
read_chain(const struct chain *chain)
{
	int digits = 0;
	const struct chain_link *last = NULL;

	for (struct chain_link *link = chain->first; link != NULL; last = link, link = link->next) {
		assert_ptr_equal(link->chain, chain);
		assert_ptr_equal(link->prev, last);
		digits = digits * 10 + chain_owner(link, struct thing, link)->number;
	}
	assert_ptr_equal(chain->last, last);
	return digits;
}

static void
what_is_appended_stands_last_and_nowhere_else(void **state)
{
	struct chain one = { NULL, NULL }, other = { NULL, NULL };
	struct thing things[5] = { { .number = 0 } };

	(void)state;
	for (int i = 1; i < 5; i++) {
		things[i].number = i;
		chain_append(&one, &things[i].link);
	}
	assert_int_equal(read_chain(&one), 1234);
	chain_append(&one, &things[1].link);
	assert_int_equal(read_chain(&one), 2341);
	chain_append(&one, &things[1].link);
	assert_int_equal(read_chain(&one), 2341);
	chain_append(&other, &things[3].link);
	chain_append(&other, &things[2].link);
	assert_int_equal(read_chain(&one), 41);
	assert_int_equal(read_chain(&other), 32);
	chain_remove(&things[0].link);
	for (int i = 1; i < 5; i++) {
		chain_remove(&things[i].link);
		assert_null(things[i].link.chain);
	}
	assert_int_equal(read_chain(&one) + read_chain(&other), 0);
	assert_null(chain_owner(one.first, struct thing, link));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_appended_stands_last_and_nowhere_else),
	};
	return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
