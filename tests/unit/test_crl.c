/* SPDX-License-Identifier: Apache-2.0
 *
 * The revocation list: complete over many pages, without what expired long ago, made off the loop and not too often. */
#include "tests/unit/unit.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "server/authority.h"
#include "server/crl.h"
#include "server/store/keys.h"
#include "server/store/records.h"
#include "tests/unit/decision_fixture.h"

#define NOW_MS (FIXTURE_NOW * 1000)
#define STEADY_MS ((uint64_t)5000) /* a machine that has just been started */
#define MANY 1700 /* several pages, the last one not full */

struct office_lists {
	struct decision_fixture *fixture;
	struct worker *worker;
	struct crl *crl;
	unsigned made, failed, foreign;
	struct content *pem;
};

static void
made(void *context, struct content *pem)
{
	struct office_lists *lists = context;

	lists->made += pem != NULL;
	lists->foreign += pem != NULL && crl_replaces_foreign(lists->crl);
	lists->failed += pem == NULL;
	content_release(lists->pem);
	lists->pem = pem == NULL ? NULL : content_hold(pem);
}

static int
setup(void **state)
{
	static struct office_lists lists;

	lists = (struct office_lists){ .fixture = decision_fixture_create(NULL), .worker = worker_create("scribe") };
	assert_non_null(lists.worker);
	lists.crl = crl_create(lists.fixture->authority, lists.fixture->store, lists.worker, made, &lists);
	assert_non_null(lists.crl);
	*state = &lists;
	return 0;
}

static int
teardown(void **state)
{
	struct office_lists *lists = *state;

	crl_destroy(lists->crl);
	worker_destroy(lists->worker);
	content_release(lists->pem);
	decision_fixture_destroy(lists->fixture);
	return 0;
}

/* So many seconds later, by both clocks. */
static void
tick(struct office_lists *lists, uint64_t after_s)
{
	crl_tick(lists->crl, NOW_MS + after_s * 1000, STEADY_MS + after_s * 1000);
}

static struct slice
revocation_key(struct office_lists *lists, uint32_t number)
{
	uint8_t serial[SERIAL_SIZE] = { 0x40 };

	bytes_poke_u32(serial + 12, number);
	return KEY_MAKE(lists->fixture->arena, KEY_revocation, slice_of(serial, sizeof serial));
}

/* Records [from, from + count) whose certificates expire then; 0: records of before there was an expiry in them. */
static void
put(struct office_lists *lists, uint32_t from, uint32_t count, uint64_t not_after)
{
	struct store_batch *batch = store_batch_create(lists->fixture->store);

	assert_non_null(batch);
	for (uint32_t i = from; i < from + count; i++) {
		const struct rec_revocation record = { .revoked_at = FIXTURE_NOW - 1000, .reason = 1,
			.has_not_after = not_after != 0, .not_after = not_after };
		struct slice key = revocation_key(lists, i);
		store_put(batch, (struct retention){ key_retention(key), 2026 }, key,
		    record_encode(record_revocation(), &record, lists->fixture->arena));
	}
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
}

static X509_CRL *
newest(struct office_lists *lists)
{
	assert_non_null(lists->pem);
	struct slice pem = content_bytes(lists->pem);
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
	X509_CRL *list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
	assert_non_null(list);
	BIO_free(bio);
	return list;
}

/* How many entries the newest list has; and that the one of `number` is, or is not, among them. */
static int
entries(struct office_lists *lists, uint32_t number, bool is_listed)
{
	X509_CRL *list = newest(lists);
	int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list)), found = 0;
	struct slice key = revocation_key(lists, number);
	for (int i = 0; i < count; i++) {
		const ASN1_INTEGER *serial =
		    X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(X509_CRL_get_REVOKED(list), i));
		found += serial->length == SERIAL_SIZE && memcmp(serial->data, key.data + 1, SERIAL_SIZE) == 0;
	}
	assert_int_equal(found, is_listed ? 1 : 0);
	X509_CRL_free(list);
	return count;
}

static void
every_page_is_listed(void **state)
{
	struct office_lists *lists = *state;

	put(lists, 0, MANY, FIXTURE_NOW + 1000);
	tick(lists, 0);
	/* The loop has read one page and no more, and nothing is signed on it. */
	assert_int_equal(lists->made, 0);
	worker_wait(lists->worker);
	assert_int_equal(lists->made, 1);
	assert_int_equal(entries(lists, MANY - 1, true), MANY);
}

/* The end of a page and the end of the records on the same record, and no record at all. */
static void
pages_may_end_with_the_records(void **state)
{
	struct office_lists *lists = *state;

	tick(lists, 0);
	crl_finish(lists->crl);
	assert_true(entries(lists, 0, false) <= 0);
	put(lists, 0, 1024, FIXTURE_NOW + 1000);
	crl_mark(lists->crl);
	tick(lists, CRL_PAUSE_S);
	crl_finish(lists->crl);
	assert_int_equal(entries(lists, 1023, true), 1024);
}

static void
a_late_store_is_waited_for(void **state)
{
	struct office_lists *lists = *state;

	put(lists, 0, MANY, FIXTURE_NOW + 1000);
	memory_store_defer(lists->fixture->store, true, false);
	tick(lists, 0);
	tick(lists, CRL_RENEW_S); /* one at a time */
	worker_wait(lists->worker);
	assert_int_equal(lists->made, 0);
	crl_finish(lists->crl);
	assert_int_equal(lists->made, 1);
	assert_int_equal(entries(lists, 0, true), MANY);
}

static void
the_long_expired_are_not_listed(void **state)
{
	struct office_lists *lists = *state;

	put(lists, 0, 300, FIXTURE_NOW - CRL_KEEP_S - 1);
	put(lists, 300, 1, FIXTURE_NOW - CRL_KEEP_S);
	put(lists, 301, 1, FIXTURE_NOW + 1);
	put(lists, 302, 1, 0);
	tick(lists, 0);
	crl_finish(lists->crl);
	assert_int_equal(entries(lists, 0, false), 3);
	(void)entries(lists, 300, true);
	(void)entries(lists, 302, true);
	/* Every list that is made while an entry is kept has it, and one is made at least that often. */
	assert_true(CRL_KEEP_S >= 2 * CRL_RENEW_S);
	tick(lists, CRL_RENEW_S);
	crl_finish(lists->crl);
	assert_int_equal(entries(lists, 300, false), 2);
}

static void
lists_are_a_pause_apart(void **state)
{
	struct office_lists *lists = *state;
	static const struct {
		uint64_t after_s;
		bool is_marked;
		unsigned made;
	} rows[] = {
		{ 0, false, 1 },
		{ 1, true, 1 },
		{ CRL_PAUSE_S - 1, false, 1 },
		{ CRL_PAUSE_S, false, 2 },
		{ 2 * CRL_PAUSE_S, false, 2 },
		{ CRL_PAUSE_S + CRL_RENEW_S - 1, false, 2 },
		{ CRL_PAUSE_S + CRL_RENEW_S, false, 3 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].is_marked)
			crl_mark(lists->crl);
		tick(lists, rows[i].after_s);
		crl_finish(lists->crl);
		assert_int_equal(lists->made, rows[i].made);
	}
	/* The end waits for no pause, but for the list. */
	crl_mark(lists->crl);
	assert_false(crl_settle(lists->crl, NOW_MS + rows[6].after_s * 1000 + 1));
	crl_finish(lists->crl);
	assert_true(crl_settle(lists->crl, NOW_MS + rows[6].after_s * 1000 + 2));
	assert_int_equal(lists->made, 4);
}

/* The newest list's number; and that it is valid from `after_s` on, for as long as one is. */
static uint64_t
number_of_list(struct office_lists *lists, uint64_t after_s)
{
	X509_CRL *list = newest(lists);
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
	time_t from = (time_t)(FIXTURE_NOW + after_s);
	uint64_t value;

	assert_int_equal(ASN1_TIME_cmp_time_t(X509_CRL_get0_lastUpdate(list), from), 0);
	assert_int_equal(ASN1_TIME_cmp_time_t(X509_CRL_get0_nextUpdate(list), from + (time_t)CRL_LIFE_S), 0);
	assert_int_equal(ASN1_INTEGER_get_uint64(&value, number), 1);
	ASN1_INTEGER_free(number);
	X509_CRL_free(list);
	return value;
}

/* The wall clock goes where it will, the other one as time does. */
static void
lists_follow_a_clock_that_jumps(void **state)
{
	struct office_lists *lists = *state;
	static const uint64_t year_s = 365 * 86400;
	static const struct {
		uint64_t wall_s, steady_s;
		bool is_marked;
		unsigned made;
	} rows[] = {
		{ 2 * year_s, 0, false, 1 },
		/* Back: the list has not begun yet, and what is revoked does not wait for two years. */
		{ 10, 10, false, 1 },
		{ CRL_PAUSE_S, CRL_PAUSE_S, false, 2 },
		{ CRL_PAUSE_S + 1, CRL_PAUSE_S + 1, true, 2 },
		{ 2 * CRL_PAUSE_S, 2 * CRL_PAUSE_S, false, 3 },
		/* Forward: the list is too old or has ended, but a minute is a minute. */
		{ CRL_RENEW_S + 2 * CRL_PAUSE_S, 3 * CRL_PAUSE_S - 1, true, 3 },
		{ CRL_RENEW_S + 2 * CRL_PAUSE_S + 1, 3 * CRL_PAUSE_S, false, 4 },
		{ year_s, 4 * CRL_PAUSE_S, false, 5 },
		/* Back by less than a pause: nothing is due. */
		{ year_s + 1, 5 * CRL_PAUSE_S, false, 5 },
		{ year_s, 6 * CRL_PAUSE_S, false, 5 },
	};
	uint64_t last = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned before = lists->made;
		if (rows[i].is_marked)
			crl_mark(lists->crl);
		crl_tick(lists->crl, NOW_MS + rows[i].wall_s * 1000, STEADY_MS + rows[i].steady_s * 1000);
		crl_finish(lists->crl);
		assert_int_equal(lists->made, rows[i].made);
		if (lists->made == before)
			continue;
		uint64_t number = number_of_list(lists, rows[i].wall_s);
		assert_true(number > last);
		last = number;
	}
	/* A list ends long after the next one has begun, and that lets some fail. */
	assert_true(CRL_LIFE_S >= 2 * CRL_RENEW_S);
}

/* Another process made a list while the clock was ahead: the next one's number is larger all the same, and so are those
 * that follow. One that the office did not sign, or that somebody changed, counts for nothing. */
static void
a_list_of_before_is_followed(void **state)
{
	struct office_lists *lists = *state;
	const uint64_t ahead = NOW_MS + (uint64_t)1000 * 86400 * 3650;
	struct buf *before = buf_create(65536);
	const struct authority_revoked revoked = { { 0x41 }, FIXTURE_NOW, 1 };

	for (size_t count = 0; count < 2; count++) {
		uint64_t number = ahead + 10 * count, read = 0;
		buf_clear(before);
		assert_int_equal(authority_crl(lists->fixture->authority, &revoked, count, FIXTURE_NOW, FIXTURE_NOW + 9,
		    number, before), ERROR_NONE);
		assert_true(authority_crl_number(lists->fixture->authority, buf_peek(before), &read));
		assert_int_equal(read, number);
		crl_follow(lists->crl, buf_peek(before));
		tick(lists, count * CRL_RENEW_S);
		crl_finish(lists->crl);
		assert_int_equal(number_of_list(lists, count * CRL_RENEW_S), number + 1);
	}
	tick(lists, 2 * CRL_RENEW_S);
	crl_finish(lists->crl);
	assert_int_equal(number_of_list(lists, 2 * CRL_RENEW_S), ahead + 12);
	assert_int_equal(lists->foreign, 0);
	buf_destroy(before);
}

static void
a_list_that_is_not_the_offices_has_no_number(void **state)
{
	struct office_lists *lists = *state;
	struct authority *authority = lists->fixture->authority;
	struct buf *pem = buf_create(65536);
	uint8_t changed[65536];
	uint64_t number;

	assert_int_equal(authority_crl(authority, NULL, 0, FIXTURE_NOW, FIXTURE_NOW + 9, 7, pem), ERROR_NONE);
	const struct slice whole = buf_peek(pem);
	for (size_t at = 0; at < whole.size; at++) {
		memcpy(changed, whole.data, whole.size);
		changed[at] ^= 1;
		/* A line's end or the bits that base64 leaves over say nothing. */
		assert_true(!authority_crl_number(authority, slice_of(changed, whole.size), &number) || number == 7);
	}
	for (size_t size = 0; size + 1 < whole.size; size++)
		assert_false(authority_crl_number(authority, slice_of(whole.data, size), &number));
	memset(changed, 'x', sizeof changed);
	crl_follow(lists->crl, slice_of(changed, sizeof changed));
	tick(lists, 0);
	crl_finish(lists->crl);
	assert_int_equal(number_of_list(lists, 0), NOW_MS);
	assert_int_equal(lists->foreign, 1);
	/* Of the next one nothing is to be said. */
	tick(lists, CRL_RENEW_S);
	crl_finish(lists->crl);
	assert_int_equal(lists->made, 2);
	assert_int_equal(lists->foreign, 1);
	buf_destroy(pem);
}

static void
what_cannot_be_made_is_told_and_tried_again(void **state)
{
	struct office_lists *lists = *state;
	struct store *store = lists->fixture->store;
	struct store_batch *batch = store_batch_create(store);
	struct slice key = revocation_key(lists, 7);

	store_put(batch, (struct retention){ key_retention(key), 2026 }, key, SLICE_LITERAL("no record"));
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	tick(lists, 0);
	crl_finish(lists->crl);
	assert_int_equal(lists->made, 0);
	assert_int_equal(lists->failed, 1);
	batch = store_batch_create(store);
	store_remove(batch, key);
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	tick(lists, 1);
	assert_int_equal(lists->failed + lists->made, 1);
	tick(lists, CRL_PAUSE_S);
	crl_finish(lists->crl);
	assert_int_equal(lists->made, 1);
}

int
main(void)
{
#define LIST_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		LIST_TEST(every_page_is_listed),
		LIST_TEST(pages_may_end_with_the_records),
		LIST_TEST(a_late_store_is_waited_for),
		LIST_TEST(the_long_expired_are_not_listed),
		LIST_TEST(lists_are_a_pause_apart),
		LIST_TEST(lists_follow_a_clock_that_jumps),
		LIST_TEST(a_list_of_before_is_followed),
		LIST_TEST(a_list_that_is_not_the_offices_has_no_number),
		LIST_TEST(what_cannot_be_made_is_told_and_tried_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
