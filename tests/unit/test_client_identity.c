/* SPDX-License-Identifier: Apache-2.0
 *
 * An identity without a certificate yet: what it asks for. */
#include "tests/unit/unit.h"

#include "client/identity.h"
#include "protocol/limits.h"

/* The office gives the same request the same certificate, and any other for a known key a refusal. An ECDSA signature
 * made anew would be another request. */
static void
test_request_is_the_same_each_time(void **state)
{
	struct guichet_identity *identity;
	struct buf *first = buf_create(LIMIT_CSR), *again = buf_create(LIMIT_CSR);

	(void)state;
	assert_int_equal(guichet_identity_generate("p256", &identity, NULL), GUICHET_ERROR_none);
	assert_int_equal(identity_put_request(identity, first), ERROR_NONE);
	assert_int_equal(identity_put_request(identity, again), ERROR_NONE);
	assert_true(buf_size(first) > 100);
	assert_true(slice_equal(buf_peek(first), buf_peek(again)));
	guichet_identity_destroy(identity);
	buf_destroy(first);
	buf_destroy(again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_is_the_same_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
