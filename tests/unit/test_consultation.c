/* SPDX-License-Identifier: Apache-2.0
 *
 * filings, receipt, filing, document: one's own, page by page, for those whom a filing concerned when it was made, and
 * nothing of anybody else's. */
#include <stdio.h>
#include <string.h>

#include "protocol/receipt_number.h"
#include "tests/unit/people.h"
#include "tests/unit/unit.h"

static const struct msg_receipt_answer *
file_simple(struct decision_fixture *fixture, struct person *person, const char *replaces, struct draft **draft)
{
	*draft = draft_simple(fixture, person);
	if (replaces != NULL)
		(*draft)->manifest.replaces = slice_of_text(replaces);
	const struct msg_file_request request = draft_sign(fixture, *draft, person);
	return people_file(fixture, &request);
}

static struct slice
hex_id(struct decision_fixture *fixture, const struct draft *draft)
{
	char *text = arena_alloc(fixture->arena, 2 * DIGEST_SIZE + 1);
	hex_encode(slice_of(draft->id, DIGEST_SIZE), text);
	return slice_of(text, 2 * DIGEST_SIZE);
}

static struct effects *
refer(struct decision_fixture *fixture, enum operation_number operation, struct slice reference)
{
	const struct msg_reference_request request = { .reference = reference };
	return decision_fixture_operate(fixture, operation, &request);
}

static void
pages_go_from_the_newest_to_the_first(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *other = people_enrol(fixture, 3000000003, "H2");
	const char *numbers[7];
	struct draft *draft;
	struct msg_filings_request request = { .has_limit = true, .limit = 3 };
	size_t seen = 0, pages = 0;

	(void)file_simple(fixture, other, NULL, &draft);
	for (size_t i = 0; i < 7; i++) {
		numbers[i] = people_number(fixture, file_simple(fixture, jeanne, i == 0 ? NULL : numbers[i - 1],
		    &draft)->receipt);
		fixture->now += i % 3; /* some within one second */
	}
	fixture->holder = jeanne->holder;
	for (;;) {
		const struct msg_filings_answer *page = decision_fixture_operate(fixture, OPERATION_filings,
		    &request)->answer;
		pages++;
		for (size_t i = 0; i < page->filings_count; i++, seen++) {
			const struct msg_filing_row *row = &page->filings[i];
			size_t nth;
			for (nth = 0; nth < 7 && !slice_equal_text(row->number, numbers[nth]); nth++)
				;
			assert_true(nth < 7);
			assert_int_equal(row->has_replaces, nth != 0);
			assert_int_equal(row->has_superseded_by, nth != 6);
			if (nth != 6)
				assert_true(slice_equal_text(row->superseded_by, numbers[nth + 1]));
			if (i != 0)
				assert_true(row->received_at <= page->filings[i - 1].received_at);
		}
		if (!page->has_cursor)
			break;
		assert_int_equal(page->filings_count, 3);
		request.has_cursor = true;
		request.cursor = page->cursor;
	}
	assert_int_equal(seen, 7);
	assert_int_equal(pages, 3);
	request.cursor.size--;
	assert_refused(decision_fixture_operate(fixture, OPERATION_filings, &request), ERROR_field_invalid,
	    "filings_request.cursor", "55 bytes",
	    "the cursor of the page before");
}

static void
a_receipt_comes_again_byte_for_byte(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft;
	const struct msg_receipt_answer *first = file_simple(fixture, jeanne, NULL, &draft), *again;
	const char *number = people_number(fixture, first->receipt);
	char typed[64] = "";

	/* Leaves after it change nothing of its proof. */
	(void)people_enrol(fixture, 3000000003, "H2");
	fixture->holder = jeanne->holder;
	again = refer(fixture, OPERATION_receipt, slice_of_text(number))->answer;
	assert_true(slice_equal(again->receipt, first->receipt));
	assert_true(slice_equal(again->proof, first->proof));
	again = refer(fixture, OPERATION_receipt, hex_id(fixture, draft))->answer;
	assert_true(slice_equal(again->receipt, first->receipt));
	/* As a person types it, which is for the program in front of that person to read. */
	for (size_t i = 0, n = 0; number[i] != '\0'; i++)
		if (number[i] != '-')
			typed[n++] = (char)(number[i] >= 'A' ? number[i] + 32 : number[i]);
	assert_refused(refer(fixture, OPERATION_receipt, slice_of_text(typed)), ERROR_field_invalid, "reference", typed,
	    "a receipt number as it stands in the receipt, or 64 lower-case hexadecimal digits");
	assert_refused(refer(fixture, OPERATION_receipt, SLICE_LITERAL("nonsense")), ERROR_field_invalid, "reference",
	    "nonsense", "*");
}

static void
the_evidence_is_all_that_was_signed(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);
	draft_add(draft, "attachment/invoice", "application/pdf", SLICE_LITERAL(PEOPLE_PDF));
	const struct msg_file_request request = draft_sign(fixture, draft, jeanne);
	const char *number = people_number(fixture, people_file(fixture, &request)->receipt);
	struct msg_document_request wanted = { .reference = slice_of_text(number) };

	fixture->holder = jeanne->holder;
	const struct msg_filing_answer *answer = refer(fixture, OPERATION_filing, slice_of_text(number))->answer;
	assert_true(slice_equal_text(answer->number, number));
	assert_true(slice_equal(answer->manifest, request.manifest));
	assert_true(slice_equal(answer->signature, request.signature));
	assert_int_equal(answer->signing_time, request.signing_time);
	assert_true(slice_equal(answer->certificate, jeanne->certificate));
	assert_int_equal(answer->documents_count, 2);
	assert_true(slice_equal_text(answer->documents[1].type, "attachment/invoice"));
	wanted.digest = slice_of(draft->documents[1].digest, DIGEST_SIZE);
	const struct msg_document_answer *document = decision_fixture_operate(fixture, OPERATION_document,
	    &wanted)->answer;
	assert_true(slice_equal_text(document->content, PEOPLE_PDF));
	wanted.has_offset = true;
	wanted.offset = document->size + 1;
	document = decision_fixture_operate(fixture, OPERATION_document, &wanted)->answer;
	assert_int_equal(document->content.size, 0);
	wanted.digest = SLICE_LITERAL("0123456789abcdef0123456789abcdef");
	assert_refused(decision_fixture_operate(fixture, OPERATION_document, &wanted), ERROR_not_found,
	    "document_request.digest", "*",
	    "a document of this filing");
}

/* The same words for a foreign filing, by number and by id, as for one that nobody ever made. */
static void
foreign_is_as_missing(void **state)
{
	static const enum operation_number operations[] = { OPERATION_receipt, OPERATION_filing };
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *stranger = people_enrol(fixture, 3000000003, "H2");
	struct draft *draft;
	const char *number = people_number(fixture, file_simple(fixture, jeanne, NULL, &draft)->receipt);
	struct slice foreign[2] = { slice_of_text(number), hex_id(fixture, draft) };
	const struct msg_document_request document = {
		.reference = foreign[0],
		.digest = slice_of(draft->documents[0].digest, DIGEST_SIZE),
	};
	char missing_number[RECEIPT_NUMBER_SIZE + 1], missing_id[65];

	receipt_number_make((const uint8_t *)"0123456789", missing_number);
	memset(missing_id, 'a', 64);
	missing_id[64] = '\0';
	fixture->holder = stranger->holder;
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < 2; k++) {
			char own[65] = "";
			memcpy(own, foreign[k].data, foreign[k].size);
			assert_refused(refer(fixture, operations[i], foreign[k]), ERROR_not_found, "reference", own,
			    "a filing that concerns this holder");
		}
		assert_refused(refer(fixture, operations[i], slice_of_text(missing_number)), ERROR_not_found,
		    "reference", missing_number,
		    "a filing that concerns this holder");
		assert_refused(refer(fixture, operations[i], slice_of_text(missing_id)), ERROR_not_found, "reference",
		    missing_id,
		    "a filing that concerns this holder");
	}
	assert_refused(decision_fixture_operate(fixture, OPERATION_document, &document), ERROR_not_found, "reference",
	    number,
	    "a filing that concerns this holder");
}

/* Two spouses file, part, and a new partner comes: each filing stays with those of its day. */
static void
entitled_are_those_of_its_day(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	struct person *luc = people_enrol(fixture, 3000000003, "H2");
	struct draft *draft;
	const char *number = people_number(fixture, file_simple(fixture, jeanne, NULL, &draft)->receipt);
	struct keyed household = decision_fixture_keyed(fixture, "household", "H1");
	struct rec_member members[] = { { jeanne->taxpayer.spi }, { luc->taxpayer.spi } };
	const struct rec_household now = { .members = members, .members_count = 2 };
	const struct msg_filings_request page = { .has_limit = false };
	const struct msg_filings_answer *answer;

	decision_fixture_put(fixture, KEY_MAKE(fixture->arena, KEY_household, key_part_keyed(&household)),
	    record_household(), &now);
	fixture->holder = paul->holder;
	assert_int_equal(refer(fixture, OPERATION_receipt, slice_of_text(number))->refusal.error, ERROR_NONE);
	assert_int_equal(refer(fixture, OPERATION_receipt, hex_id(fixture, draft))->refusal.error, ERROR_NONE);
	answer = decision_fixture_operate(fixture, OPERATION_filings, &page)->answer;
	assert_int_equal(answer->filings_count, 1);
	fixture->holder = luc->holder;
	assert_int_equal(refer(fixture, OPERATION_receipt, slice_of_text(number))->refusal.error, ERROR_not_found);
	answer = decision_fixture_operate(fixture, OPERATION_filings, &page)->answer;
	assert_int_equal(answer->filings_count, 0);
}

/* Both signed the same bytes: two rows, and by id each gets the receipt that is his. */
static void
each_signer_finds_his_own(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);
	const struct msg_file_request hers = draft_sign(fixture, draft, jeanne), his = draft_sign(fixture, draft, paul);
	const struct msg_receipt_answer *first = people_file(fixture, &hers), *second = people_file(fixture, &his),
	    *found;
	const struct msg_filings_request page = { .has_limit = false };

	fixture->holder = jeanne->holder;
	found = refer(fixture, OPERATION_receipt, hex_id(fixture, draft))->answer;
	assert_true(slice_equal(found->receipt, first->receipt));
	fixture->holder = paul->holder;
	found = refer(fixture, OPERATION_receipt, hex_id(fixture, draft))->answer;
	assert_true(slice_equal(found->receipt, second->receipt));
	const struct msg_filings_answer *rows = decision_fixture_operate(fixture, OPERATION_filings, &page)->answer;
	assert_int_equal(rows->filings_count, 2);
}

static void
lose(struct decision_fixture *fixture, struct slice key)
{
	struct store_batch *batch = store_batch_create(fixture->store);

	assert_non_null(batch);
	store_remove(batch, key);
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
}

/* A record that another one refers to is never just absent. */
static void
what_is_lost_is_damage_and_not_absent(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	struct draft *draft;
	const char *number = people_number(fixture, file_simple(fixture, paul, NULL, &draft)->receipt);
	const struct msg_filings_request page = { .has_limit = false };
	struct keyed person = decision_fixture_keyed(fixture, "person", (const char *)paul->taxpayer.spi.data);
	struct slice key = KEY_MAKE(fixture->arena, KEY_filing, slice_of(draft->id, DIGEST_SIZE),
	    key_part_keyed(&person));
	struct rec_filing filing;

	fixture->holder = jeanne->holder;
	assert_int_equal(refer(fixture, OPERATION_filing, slice_of_text(number))->refusal.error, ERROR_NONE);
	lose(fixture, KEY_MAKE(fixture->arena, KEY_certificate, slice_of(paul->serial, SERIAL_SIZE)));
	assert_int_equal(refer(fixture, OPERATION_filing, slice_of_text(number))->refusal.error, ERROR_store_damaged);
	assert_true(decision_fixture_get(fixture, key, record_filing(), &filing));
	lose(fixture, KEY_MAKE(fixture->arena, KEY_log_batch, key_part_u64(fixture->arena, filing.log_batch)));
	assert_int_equal(refer(fixture, OPERATION_receipt, slice_of_text(number))->refusal.error, ERROR_store_damaged);
	lose(fixture, key);
	assert_int_equal(
	    decision_fixture_operate(fixture, OPERATION_filings, &page)->refusal.error, ERROR_store_damaged);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(pages_go_from_the_newest_to_the_first),
		PEOPLE_TEST(a_receipt_comes_again_byte_for_byte),
		PEOPLE_TEST(the_evidence_is_all_that_was_signed),
		PEOPLE_TEST(foreign_is_as_missing),
		PEOPLE_TEST(entitled_are_those_of_its_day),
		PEOPLE_TEST(each_signer_finds_his_own),
		PEOPLE_TEST(what_is_lost_is_damage_and_not_absent),
	};
	return RUN_OVER_BOTH("consultation", tests);
}
