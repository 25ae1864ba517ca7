/* SPDX-License-Identifier: Apache-2.0
 *
 * file: what is accepted, what is refused and in which words, and that the same filing always gets the same receipt. */
#include <stdio.h>
#include <string.h>

#include "protocol/deflate.h"
#include "protocol/digest.h"
#include "protocol/receipt.h"
#include "protocol/time.h"
#include "tests/unit/people.h"
#include "tests/unit/unit.h"

static struct effects *
file(struct decision_fixture *fixture, struct draft *draft, const struct person *signer)
{
	const struct msg_file_request request = draft_sign(fixture, draft, signer);
	return decision_fixture_operate(fixture, OPERATION_file, &request);
}

/* ---- acceptance ---- */

static void
a_receipt_says_what_was_received(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_register(fixture, 3000000002, "H1");
	struct draft *draft = draft_begin(fixture, jeanne);
	struct receipt receipt;
	struct fault fault;

	draft_add(draft, "2042", MANIFEST_RETURN_MEDIA, SLICE_LITERAL(PEOPLE_RETURN));
	draft_add(draft, "attachment/invoice", "application/pdf", SLICE_LITERAL(PEOPLE_PDF));
	const struct msg_file_request request = draft_sign(fixture, draft, jeanne);
	const struct msg_receipt_answer *answer = people_file(fixture, &request);
	assert_int_equal(receipt_parse(answer->receipt, fixture->arena, &receipt, &fault), ERROR_NONE);
	assert_memory_equal(receipt.filing_id, draft->id, DIGEST_SIZE);
	assert_int_equal(receipt.received_at, FIXTURE_NOW);
	assert_int_equal(receipt.income_year, 2025);
	assert_true(slice_equal_text(receipt.mode, "online"));
	assert_int_equal(receipt.replaces.size, 0);
	assert_true(receipt.in_time);
	assert_int_equal(receipt.persons_count, 2);
	assert_true(slice_equal(receipt.persons[0].spi, jeanne->taxpayer.spi));
	assert_true(slice_equal(receipt.persons[1].spi, paul->taxpayer.spi));
	assert_int_equal(receipt.signers_count, 1);
	assert_true(slice_equal(receipt.signers[0].spi, jeanne->taxpayer.spi));
	assert_memory_equal(receipt.signers[0].serial, jeanne->serial, SERIAL_SIZE);
	assert_int_equal(receipt.documents_count, 2);
	assert_memory_equal(receipt.documents[1].digest, draft->documents[1].digest, DIGEST_SIZE);
	assert_true(answer->proof.size != 0);
	assert_false(answer->has_superseded_by);
}

static void
late_is_accepted_and_said(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct receipt receipt;
	struct fault fault;

	fixture->office->campaign.deadline_c = FIXTURE_NOW;
	const struct msg_file_request request = draft_sign(fixture, draft_simple(fixture, jeanne), jeanne);
	const struct msg_receipt_answer *answer = people_file(fixture, &request);
	assert_int_equal(receipt_parse(answer->receipt, fixture->arena, &receipt, &fault), ERROR_NONE);
	/* Paris is in zone C. */
	assert_false(receipt.in_time);
	assert_int_equal(receipt.last_in_time, FIXTURE_NOW - 1);
}

/* ---- the same again ---- */

static void
assert_same_answer(struct decision_fixture *fixture, const struct msg_file_request *request,
    const struct msg_receipt_answer *first)
{
	struct effects *effects = decision_fixture_operate(fixture, OPERATION_file, request);
	const struct msg_receipt_answer *again = effects->answer;

	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_null(effects->puts);
	assert_true(slice_equal(again->receipt, first->receipt));
	assert_true(slice_equal(again->proof, first->proof));
}

static void
the_same_filing_always_gets_the_same_receipt(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne), *second = draft_begin(fixture, jeanne);
	const struct msg_file_request request = draft_sign(fixture, draft, jeanne);
	const struct msg_receipt_answer *first = people_file(fixture, &request);

	assert_same_answer(fixture, &request, first);
	/* On a connection that is logged in. */
	fixture->holder = jeanne->holder;
	assert_same_answer(fixture, &request, first);
	/* After rectification, by another signing time, and it says so. */
	second->manifest.replaces = slice_of_text(people_number(fixture, first->receipt));
	draft_add(second, "2042", MANIFEST_RETURN_MEDIA,
	    SLICE_LITERAL("{\"form\":\"2042\",\"income_year\":2025,\"boxes\":{\"1AJ\":2}}"));
	const struct msg_file_request rectifying = draft_sign(fixture, second, jeanne);
	const struct msg_receipt_answer *newer = people_file(fixture, &rectifying);
	assert_same_answer(fixture, &request, first);
	draft->signing_time++;
	const struct msg_file_request signed_later = draft_sign(fixture, draft, jeanne);
	assert_same_answer(fixture, &signed_later, first);
	const struct msg_receipt_answer *again = decision_fixture_operate(fixture, OPERATION_file, &request)->answer;
	assert_true(again->has_superseded_by);
	assert_true(slice_equal_text(again->superseded_by, people_number(fixture, newer->receipt)));
	/* After the campaign has closed and the certificate expired. */
	fixture->now = fixture->office->campaign.closes_at + 4 * 366 * 86400;
	assert_same_answer(fixture, &request, first);
}

static void
a_revoked_certificate_still_gets_its_receipt(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person before = *jeanne;
	struct draft *draft = draft_simple(fixture, jeanne);
	const struct msg_file_request request = draft_sign(fixture, draft, jeanne);
	const struct msg_receipt_answer *first = people_file(fixture, &request);
	struct person *spare = people_register(fixture, 3000000009, "H9");

	jeanne->key = spare->key;
	jeanne->csr = spare->csr;
	people_take_certificate(fixture, jeanne);
	fixture->holder = before.holder;
	assert_same_answer(fixture, &request, first);
	/* The new certificate is the same person's. */
	const struct msg_file_request renewed = draft_sign(fixture, draft, jeanne);
	assert_same_answer(fixture, &renewed, first);
	/* A filing that is new is refused. */
	struct draft *other = draft_simple(fixture, jeanne);
	other->manifest.mode = MODE_OFFLINE;
	assert_refused(file(fixture, other, &before), ERROR_certificate_revoked, "serial", "*", "*");
}

/* ---- spouses, strangers ---- */

static void
a_spouse_may_file_and_sees_it(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	const struct msg_file_request request = draft_sign(fixture, draft_simple(fixture, jeanne), paul);
	const struct msg_receipt_answer *answer = people_file(fixture, &request);
	struct receipt receipt;
	struct fault fault;

	assert_int_equal(receipt_parse(answer->receipt, fixture->arena, &receipt, &fault), ERROR_NONE);
	assert_true(slice_equal(receipt.signers[0].spi, paul->taxpayer.spi));
}

static void
both_may_sign_the_same_bytes(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	struct draft *draft = draft_simple(fixture, jeanne), *second;
	const struct msg_file_request hers = draft_sign(fixture, draft, jeanne);
	const struct msg_file_request his = draft_sign(fixture, draft, paul);
	const struct msg_receipt_answer *first = people_file(fixture, &hers), *other = people_file(fixture, &his);
	const char *number = people_number(fixture, first->receipt), *his_number = people_number(fixture,
	    other->receipt);

	/* Two receipts, neither rectifies the other, each remains. */
	assert_string_not_equal(number, his_number);
	assert_false(other->has_superseded_by);
	assert_same_answer(fixture, &hers, first);
	assert_same_answer(fixture, &his, other);
	/* The first stays in force. */
	second = draft_simple(fixture, paul);
	assert_refused(file(fixture, second, jeanne), ERROR_replaces_mismatch, "line 5", "none", number);
	/* Either number names what is in force; the rectification supersedes both. */
	second = draft_simple(fixture, jeanne);
	second->manifest.replaces = slice_of_text(his_number);
	const struct msg_file_request rectifying = draft_sign(fixture, second, paul);
	const char *newer = people_number(fixture, people_file(fixture, &rectifying)->receipt);
	const struct msg_receipt_answer *again = decision_fixture_operate(fixture, OPERATION_file, &hers)->answer;
	assert_true(slice_equal_text(again->superseded_by, newer));
	again = decision_fixture_operate(fixture, OPERATION_file, &his)->answer;
	assert_true(slice_equal_text(again->superseded_by, newer));
}

static void
strangers_are_told_nothing(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *stranger = people_enrol(fixture, 3000000003, "H2");
	struct person *nobody = arena_alloc(fixture->arena, sizeof *nobody);
	const struct msg_file_request request = draft_sign(fixture, draft_simple(fixture, jeanne), jeanne);

	(void)people_file(fixture, &request);
	nobody->taxpayer.spi = people_spi(fixture, 3000000004);
	struct effects *foreign = file(fixture, draft_simple(fixture, jeanne), stranger);
	struct effects *missing = file(fixture, draft_simple(fixture, nobody), stranger);
	static const char expected[] = "the tax number of the signer or of a person taxed jointly with the signer";
	char spi[14] = "", other[14] = "";
	memcpy(spi, jeanne->taxpayer.spi.data, 13);
	memcpy(other, nobody->taxpayer.spi.data, 13);
	assert_refused(foreign, ERROR_signer_not_entitled, "line 4", spi, expected);
	assert_refused(missing, ERROR_signer_not_entitled, "line 4", other, expected);
	assert_int_equal(count_reasons(foreign), count_reasons(missing));
	/* Nor does an agent's certificate file for itself. */
	assert_refused(file(fixture, draft_simple(fixture, jeanne), people_issue(fixture, "agent")),
	    ERROR_signer_not_entitled,
	    "serial", "*", "a taxpayer's certificate");
}

/* Two decisions made before either is committed: the second conflicts and is decided again. */
static void
two_spouses_never_file_two_initial_returns(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	struct draft *his_draft = draft_simple(fixture, paul);
	const struct msg_file_request hers = draft_sign(fixture, draft_simple(fixture, jeanne), jeanne);
	const struct msg_file_request his = draft_sign(fixture, his_draft, paul);
	struct effects *early = decision_fixture_decide(fixture, decide_file, message_receipt_answer(), &his);

	assert_int_equal(early->refusal.error, ERROR_NONE);
	/* Both would write the household's dossier, which both have read: commit makes one of them wait. */
	struct effects *first = decision_fixture_decide(fixture, decide_file, message_receipt_answer(), &hers);
	const struct effect_put *a, *b;
	bool meets = false;
	for (a = early->puts; a != NULL; a = a->next)
		for (b = first->puts; b != NULL; b = b->next)
			meets |= a->key.data[0] == KEY_dossier && slice_equal(a->key, b->key);
	assert_true(meets);
	const char *number = people_number(fixture, people_file(fixture, &hers)->receipt);
	assert_refused(decision_fixture_operate(fixture, OPERATION_file, &his), ERROR_replaces_mismatch, "line 5",
	    "none", number);
}

/* ---- refusals before the household is looked at ---- */

static void
signatures_are_refused_by_name(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	struct msg_file_request request = draft_sign(fixture, draft_simple(fixture, jeanne), jeanne);
	struct msg_file_request wrong = request;
	static const char by_key[] =
	    "a signature by this certificate's key over the signed attributes of this manifest";

	wrong.serial = slice_of(paul->serial, SERIAL_SIZE);
	assert_refused(decision_fixture_operate(fixture, OPERATION_file, &wrong), ERROR_signature_invalid,
	    "signature", "", by_key);
	wrong.serial = SLICE_LITERAL("0123456789abcdef");
	assert_refused(decision_fixture_operate(fixture, OPERATION_file, &wrong), ERROR_certificate_unknown, "serial",
	    "30313233343536373839616263646566", "the serial number of a certificate issued here");
	wrong = request;
	wrong.signing_time++;
	assert_refused(decision_fixture_operate(fixture, OPERATION_file, &wrong), ERROR_signature_invalid,
	    "signature", "", by_key);
	wrong.signature.size--;
	assert_refused(decision_fixture_operate(fixture, OPERATION_file, &wrong), ERROR_signature_invalid,
	    "signature", "", by_key);
	wrong = request;
	wrong.signing_time = UINT32_MAX;
	assert_refused(decision_fixture_operate(fixture, OPERATION_file, &wrong), ERROR_signing_time_invalid,
	    "signing_time", "2106-02-07T06:28:15Z",
	    "at most 2049-12-31T23:59:59Z");
}

static void
no_altered_manifest_is_accepted(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct msg_file_request request = draft_sign(fixture, draft_simple(fixture, jeanne), jeanne);
	uint8_t text[LIMIT_MANIFEST_SIZE];

	for (size_t at = 0; at < request.manifest.size; at++) {
		struct msg_file_request altered = request;
		memcpy(text, request.manifest.data, request.manifest.size);
		text[at] ^= 1;
		altered.manifest = slice_of(text, request.manifest.size);
		struct effects *effects = decision_fixture_operate(fixture, OPERATION_file, &altered);
		enum error error = effects->refusal.error;
		assert_true(error == ERROR_manifest_malformed || error == ERROR_origin_mismatch ||
		    error == ERROR_signature_invalid || error == ERROR_media_type_refused);
		assert_null(effects->puts);
	}
	(void)people_file(fixture, &request);
}

static void
certificates_count_at_signing_and_at_filing(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);
	char expected[128], value[TIME_UTC_SIZE + 1] = "", now[TIME_UTC_SIZE + 1] = "";

	draft->signing_time = FIXTURE_NOW - 1;
	time_format_utc(FIXTURE_NOW - 1, value);
	assert_refused(file(fixture, draft, jeanne), ERROR_signing_time_invalid, "signing_time", value, "*");
	draft->signing_time = FIXTURE_NOW + SIGNING_TIME_AHEAD_S + 1;
	time_format_utc(draft->signing_time, value);
	time_format_utc(FIXTURE_NOW, now);
	snprintf(expected, sizeof expected, "at most 300 s after %s, the office's clock", now);
	assert_refused(file(fixture, draft, jeanne), ERROR_signing_time_invalid, "signing_time", value, expected);
	/* Expired, and signed after that: both are said. */
	fixture->now = FIXTURE_NOW + 4 * 366 * 86400;
	draft->signing_time = fixture->now;
	struct effects *effects = file(fixture, draft, jeanne);
	assert_refused(effects, ERROR_certificate_expired, "serial", "*", "*");
	assert_int_equal(count_reasons(effects), 2);
	assert_reason(effects, 1, ERROR_signing_time_invalid, "signing_time", "*", "*");
	fixture->now = FIXTURE_NOW - 1;
	draft->signing_time = FIXTURE_NOW;
	assert_refused(file(fixture, draft, jeanne), ERROR_certificate_not_yet_valid, "serial", "*", "*");
	fixture->now = FIXTURE_NOW;
	draft->signing_time = FIXTURE_NOW + SIGNING_TIME_AHEAD_S;
	const struct msg_file_request request = draft_sign(fixture, draft, jeanne);
	(void)people_file(fixture, &request);
}

static void
origin_and_campaign_are_the_office_s(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);

	draft->manifest.origin = SLICE_LITERAL("elsewhere.example/2026");
	assert_refused(file(fixture, draft, jeanne), ERROR_origin_mismatch, "line 2", "elsewhere.example/2026",
	    FIXTURE_ORIGIN);
	draft = draft_simple(fixture, jeanne);
	draft->manifest.campaign = SLICE_LITERAL("ir-2024");
	assert_refused(file(fixture, draft, jeanne), ERROR_campaign_unknown, "line 3", "ir-2024", "ir-2025");
	draft = draft_simple(fixture, jeanne);
	fixture->office->campaign.opens_at = FIXTURE_NOW + 1;
	assert_refused(file(fixture, draft, jeanne), ERROR_campaign_closed, "line 3", "ir-2025", "*");
	fixture->office->campaign.opens_at = 0;
	fixture->office->campaign.closes_at = FIXTURE_NOW;
	assert_refused(file(fixture, draft, jeanne), ERROR_campaign_closed, "line 3", "ir-2025",
	    "from 1970-01-01T01:00:00+01:00 until before 2026-04-01T12:00:00+02:00");
	fixture->office->campaign.closes_at = FIXTURE_NOW + 1;
	const struct msg_file_request request = draft_sign(fixture, draft, jeanne);
	(void)people_file(fixture, &request);
}

static void
media_types_are_those_of_the_list(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);
	struct msg_file_request request;

	draft_add(draft, "attachment/invoice", "application/pdf", SLICE_LITERAL(PEOPLE_PDF));
	request = draft_sign(fixture, draft, jeanne);
	/* The same length, another type. */
	uint8_t *text = arena_alloc(fixture->arena, request.manifest.size);
	memcpy(text, request.manifest.data, request.manifest.size);
	memcpy(memmem(text, request.manifest.size, "application/pdf", 15), "application/exe", 15);
	request.manifest.data = text;
	assert_refused(decision_fixture_operate(fixture, OPERATION_file, &request), ERROR_media_type_refused,
	    "line 8", "application/exe", "*");
}

/* A8: the change of either spouse's situation in the income year bars both, and only that year. */
static void
a_changed_family_files_on_paper(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	char spi[14] = "", key_spi[14] = "";
	struct keyed person;

	memcpy(spi, jeanne->taxpayer.spi.data, 13);
	memcpy(key_spi, paul->taxpayer.spi.data, 13);
	person = decision_fixture_keyed(fixture, "person", key_spi);
	struct slice key = KEY_MAKE(fixture->arena, KEY_taxpayer, key_part_keyed(&person));
	paul->taxpayer.has_family_change_year = true;
	paul->taxpayer.family_change_year = 2025;
	decision_fixture_put(fixture, key, record_taxpayer(), &paul->taxpayer);
	assert_refused(file(fixture, draft_simple(fixture, jeanne), jeanne), ERROR_family_change, "line 4", spi,
	    "a household whose situation did not change in 2025; file this return on paper");
	/* Another campaign's name as well: both reasons. */
	struct draft *draft = draft_simple(fixture, jeanne);
	draft->manifest.campaign = SLICE_LITERAL("ir-2024");
	struct effects *effects = file(fixture, draft, jeanne);
	assert_refused(effects, ERROR_campaign_unknown, "line 3", "ir-2024", "ir-2025");
	assert_int_equal(count_reasons(effects), 2);
	assert_reason(effects, 1, ERROR_family_change, "line 4", spi, "*");
	paul->taxpayer.family_change_year = 2026;
	decision_fixture_put(fixture, key, record_taxpayer(), &paul->taxpayer);
	const struct msg_file_request request = draft_sign(fixture, draft_simple(fixture, jeanne), jeanne);
	(void)people_file(fixture, &request);
}

/* ---- rectification ---- */

/* A11: a chain of three, each naming the one before; anything else is refused with the number in force. */
static void
rectifications_name_what_is_in_force(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);
	const char *numbers[3];

	draft->manifest.mode = MODE_OFFLINE;
	for (size_t i = 0; i < 3; i++) {
		draft->manifest.replaces = i == 0 ? SLICE_EMPTY : slice_of_text(numbers[i - 1]);
		const struct msg_file_request request = draft_sign(fixture, draft, jeanne);
		numbers[i] = people_number(fixture, people_file(fixture, &request)->receipt);
	}
	struct draft *other = draft_simple(fixture, jeanne);
	assert_refused(file(fixture, other, jeanne), ERROR_replaces_mismatch, "line 5", "none", numbers[2]);
	other->manifest.replaces = slice_of_text(numbers[1]);
	struct effects *effects = file(fixture, other, jeanne);
	/* Offline binds through the whole chain: said in the same refusal. */
	assert_refused(effects, ERROR_replaces_mismatch, "line 5", numbers[1], numbers[2]);
	assert_int_equal(count_reasons(effects), 2);
	assert_reason(effects, 1, ERROR_offline_binding, "line 6", "online", "offline");
	other->manifest.replaces = slice_of_text(numbers[2]);
	assert_refused(file(fixture, other, jeanne), ERROR_offline_binding, "line 6", "online", "offline");
}

static void
a_first_return_replaces_nothing(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);
	const struct msg_file_request request = draft_sign(fixture, draft_simple(fixture, people_enrol(fixture,
	    3000000003, "H2")),
	    people_enrol(fixture, 3000000004, "H2"));
	const char *foreign = people_number(fixture, people_file(fixture, &request)->receipt);

	draft->manifest.replaces = slice_of_text(foreign);
	assert_refused(file(fixture, draft, jeanne), ERROR_replaces_mismatch, "line 5", foreign, "none");
}

/* ---- documents ---- */

static void
every_document_that_is_missing_is_listed(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_begin(fixture, jeanne);
	struct effects *effects;

	draft_list(draft, "2042", MANIFEST_RETURN_MEDIA, SLICE_LITERAL(PEOPLE_RETURN));
	draft_list(draft, "attachment/invoice", "application/pdf", SLICE_LITERAL(PEOPLE_PDF));
	draft_list(draft, "attachment/invoice", "application/pdf", SLICE_LITERAL(PEOPLE_PDF " 2"));
	effects = file(fixture, draft, jeanne);
	assert_refused(effects, ERROR_documents_missing, "2042", "0 bytes", "64 bytes, in the filing itself");
	assert_int_equal(count_reasons(effects), 3);
	assert_reason(effects, 1, ERROR_documents_missing, "attachment/invoice", "0 bytes", "19 bytes");
	assert_reason(effects, 2, ERROR_documents_missing, "attachment/invoice#2", "0 bytes", "21 bytes");
	assert_null(effects->puts);
	assert_int_equal(effects->findings_count, 0);
}

static void
altered_and_unlisted_documents_are_refused(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_begin(fixture, jeanne);
	struct effects *effects;
	uint8_t altered[] = PEOPLE_RETURN;

	draft_add(draft, "2042", MANIFEST_RETURN_MEDIA, SLICE_LITERAL(PEOPLE_RETURN));
	draft_add(draft, "attachment/invoice", "application/pdf", SLICE_LITERAL(PEOPLE_PDF));
	/* Twice, and one that nobody signed for. */
	draft->sent[2] = draft->sent[0];
	draft->sent[3] = draft->sent[1];
	draft->sent[3].digest = SLICE_LITERAL("0123456789abcdef0123456789abcdef");
	draft->sent_count = 4;
	effects = file(fixture, draft, jeanne);
	assert_refused(effects, ERROR_document_not_listed, "file_request.documents[2].digest", "*",
	    "each document of the manifest at most once");
	assert_int_equal(count_reasons(effects), 2);
	assert_reason(effects, 1, ERROR_document_not_listed, "file_request.documents[3].digest",
	    "3031323334353637383961626364656630313233343536373839616263646566", "*");
	/* A byte changed, a byte less, another size said. */
	draft->sent_count = 2;
	altered[10] ^= 1;
	draft->sent[0].content = slice_of(altered, sizeof altered - 1);
	draft->sent[1].content.size--;
	effects = file(fixture, draft, jeanne);
	assert_refused(effects, ERROR_document_corrupt, "2042", "*", "*");
	assert_int_equal(effects->refusal.expected.size, 2 * DIGEST_SIZE);
	assert_int_equal(count_reasons(effects), 2);
	assert_reason(effects, 1, ERROR_document_corrupt, "attachment/invoice", "18 bytes", "19 bytes");
	draft->sent[0].content = SLICE_LITERAL(PEOPLE_RETURN);
	draft->sent[1].content = SLICE_LITERAL(PEOPLE_PDF);
	draft->sent[0].size = 65;
	effects = file(fixture, draft, jeanne);
	assert_refused(effects, ERROR_document_corrupt, "2042", "65 bytes", "64 bytes");
	draft->sent[0].size = 64;
	assert_int_equal(file(fixture, draft, jeanne)->refusal.error, ERROR_NONE);
}

static void
compressed_returns_are_inflated_to_their_size_only(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);
	struct buf *compressed = buf_create(4096), *bomb = buf_create(64 * 1024);
	static uint8_t zeros[1024 * 1024];

	deflate_put(bomb, slice_of(zeros, sizeof zeros));
	draft->sent[0].encoding = 1;
	draft->sent[0].content = buf_peek(bomb);
	assert_refused(file(fixture, draft, jeanne), ERROR_inflate_failed, "2042", "*",
	    "one zlib stream of exactly 64 bytes");
	draft->sent[0].content = SLICE_LITERAL(PEOPLE_RETURN);
	assert_refused(file(fixture, draft, jeanne), ERROR_inflate_failed, "2042", "64 bytes",
	    "one zlib stream of exactly 64 bytes");
	/* An attachment goes as it is. */
	struct draft *with_zlib = draft_simple(fixture, jeanne);
	draft_add(with_zlib, "attachment/invoice", "application/pdf", SLICE_LITERAL(PEOPLE_PDF));
	with_zlib->sent[1].encoding = 1;
	assert_refused(file(fixture, with_zlib, jeanne), ERROR_inflate_failed, "attachment/invoice", "zlib",
	    "an attachment as it is");
	deflate_put(compressed, SLICE_LITERAL(PEOPLE_RETURN));
	draft->sent[0].content = buf_peek(compressed);
	assert_int_equal(file(fixture, draft, jeanne)->refusal.error, ERROR_NONE);
	buf_destroy(compressed);
	buf_destroy(bomb);
}

static void
returns_together_are_bounded(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_begin(fixture, jeanne);

	for (size_t i = 0; i < 3; i++) {
		uint8_t n = (uint8_t)i;
		draft_list(draft, "2042", MANIFEST_RETURN_MEDIA, slice_of(&n, 1));
		draft->documents[i].size = LIMIT_RETURN_SIZE;
	}
	assert_refused(file(fixture, draft, jeanne), ERROR_documents_too_large, "documents",
	    "393216 bytes of return documents",
	    "at most 262144");
}

/* ---- rules ---- */

static void
all_that_is_wrong_is_said_at_once(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_begin(fixture, jeanne);
	struct effects *effects;

	draft_add(draft, "2042", MANIFEST_RETURN_MEDIA,
	    SLICE_LITERAL("{\"form\":\"2042\",\"income_year\":2025,\"boxes\":{\"9Z001\":1,\"1AJ\":-1}}"));
	draft_list(draft, "attachment/invoice", "application/pdf", SLICE_LITERAL(PEOPLE_PDF));
	effects = file(fixture, draft, jeanne);
	assert_refused(effects, ERROR_documents_missing, "attachment/invoice", "0 bytes", "19 bytes");
	assert_int_equal(count_reasons(effects), 2);
	assert_reason(effects, 1, ERROR_document_refused, "documents", "2 findings that refuse", "none");
	assert_int_equal(effects->findings_count, 2);
	assert_int_equal(effects->findings[0].rule, RULE_box_unknown);
	assert_int_equal(effects->findings[1].rule, RULE_box_type);
	assert_null(effects->puts);
}

static void
advices_come_with_the_receipt_and_behind_errors(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_begin(fixture, jeanne);
	struct buf *text = buf_create(64 * 1024);
	struct effects *effects;

	/* More findings than are listed: the last says so. */
	buf_put_text(text, "{\"form\":\"2042\",\"income_year\":2025,\"boxes\":{\"0AM\":1");
	for (unsigned i = 0; i < LIMIT_FINDINGS + 10; i++)
		buf_put_format(text, ",\"9Z%03u\":1", i);
	buf_put_text(text, "}}");
	draft_add(draft, "2042", MANIFEST_RETURN_MEDIA, buf_peek(text));
	effects = file(fixture, draft, jeanne);
	assert_refused(effects, ERROR_document_refused, "documents", "*", "none");
	assert_int_equal(effects->findings_count, LIMIT_FINDINGS);
	assert_int_equal(effects->findings[0].severity, SEVERITY_ERROR);
	assert_int_equal(effects->findings[LIMIT_FINDINGS - 1].rule, RULE_findings_more);
	buf_destroy(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(a_receipt_says_what_was_received),
		PEOPLE_TEST(late_is_accepted_and_said),
		PEOPLE_TEST(the_same_filing_always_gets_the_same_receipt),
		PEOPLE_TEST(a_revoked_certificate_still_gets_its_receipt),
		PEOPLE_TEST(a_spouse_may_file_and_sees_it),
		PEOPLE_TEST(both_may_sign_the_same_bytes),
		PEOPLE_TEST(strangers_are_told_nothing),
		PEOPLE_TEST(two_spouses_never_file_two_initial_returns),
		PEOPLE_TEST(signatures_are_refused_by_name),
		PEOPLE_TEST(no_altered_manifest_is_accepted),
		PEOPLE_TEST(certificates_count_at_signing_and_at_filing),
		PEOPLE_TEST(origin_and_campaign_are_the_office_s),
		PEOPLE_TEST(media_types_are_those_of_the_list),
		PEOPLE_TEST(a_changed_family_files_on_paper),
		PEOPLE_TEST(rectifications_name_what_is_in_force),
		PEOPLE_TEST(a_first_return_replaces_nothing),
		PEOPLE_TEST(every_document_that_is_missing_is_listed),
		PEOPLE_TEST(altered_and_unlisted_documents_are_refused),
		PEOPLE_TEST(compressed_returns_are_inflated_to_their_size_only),
		PEOPLE_TEST(returns_together_are_bounded),
		PEOPLE_TEST(all_that_is_wrong_is_said_at_once),
		PEOPLE_TEST(advices_come_with_the_receipt_and_behind_errors),
	};
	return RUN_OVER_BOTH("filing", tests);
}
