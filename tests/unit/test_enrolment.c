/* SPDX-License-Identifier: Apache-2.0
 *
 * enrol: facts to the character (A1), possession of the key (A2), the contract (A6), three years (A5), and that a
 * refusal never tells which fact was wrong. */
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "protocol/codec.h"
#include "protocol/digest.h"
#include "server/services/attempts.h"
#include "server/services/certificate.h"
#include "server/services/letters.h"
#include "tests/unit/people.h"
#include "tests/unit/unit.h"

static struct effects *
enrol(struct decision_fixture *fixture, const struct msg_enrol_request *facts)
{
	return decision_fixture_operate(fixture, OPERATION_enrol, facts);
}

/* Which kinds of record are written, in order: what somebody who watches the store would see. */
static void
written(const struct effects *effects, char out[32])
{
	size_t count = 0;
	for (const struct effect_put *put = effects->puts; put != NULL && count < 31; put = put->next)
		out[count++] = (char)put->key.data[0];
	out[count] = '\0';
}

static void
every_wrong_fact_is_the_same_refusal(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");
	const struct msg_enrol_request right = people_facts(fixture, jeanne);
	struct msg_enrol_request wrong[9];
	char expected[32] = "", found[32] = "";

	for (size_t i = 0; i < 9; i++)
		wrong[i] = right;
	wrong[0].spi = people_spi(fixture, 3999999999); /* nobody's */
	wrong[1].spi = SLICE_LITERAL("not a number");
	wrong[2].birth_name = SLICE_LITERAL("LEFEVRE");
	wrong[3].birth_name = SLICE_LITERAL("Lefèvre");
	wrong[4].birth_name = SLICE_LITERAL("LEFÈVRE ");
	wrong[5].filer_number = SLICE_LITERAL("01234567");
	wrong[6].reference_income = SLICE_LITERAL("23456.00");
	wrong[7].reference_income = SLICE_LITERAL("2345");
	wrong[8].spi = SLICE_LITERAL("3000000001");
	for (size_t i = 0; i < 9; i++) {
		struct effects *effects = enrol(fixture, &wrong[i]);
		assert_refused(effects, ERROR_identification_refused, NULL, NULL, NULL);
		assert_int_equal(count_reasons(effects), 0);
		assert_int_equal(effects->retry_after_ms, 0);
		written(effects, i == 0 ? expected : found);
		/* What cannot be a tax number is nobody's secret, and leaves nothing but a failure of its address
		 * and network. */
		if (i == 1 || i == 8)
			assert_string_equal(found, "cdcd");
		else if (i != 0)
			assert_string_equal(found, expected);
		/* Each begins where nobody has failed. */
		fixture->now += ATTEMPTS_FORGET_S + 1;
		effects = decision_fixture_run(fixture, decide_attempts_sweep, message_done(), NULL);
		assert_int_equal(effects->refusal.error, ERROR_NONE);
	}
	assert_string_equal(expected, "adbdcdcd");
	assert_int_equal(enrol(fixture, &right)->refusal.error, ERROR_NONE);
}

static void
contract_and_address_are_said_together(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");
	struct msg_enrol_request facts = people_facts(fixture, jeanne);
	static const char *const addresses[] = { "jeanne", "@example.fr", "jeanne@", "a@b@c", "jeanne @example.fr",
		"jeanne@example.fr\r\nBcc: x@y", "jeanne@exemple,fr", "<jeanne@example.fr>", "jeanne@example.fr\u00a0",
		"jeanne@\u200bexample.fr", "\u202ejeanne@example.fr", "a@b\xc2\x85" };
	struct effects *effects;
	char version[LIMIT_LABEL + 1] = "";

	memcpy(version, facts.contract.data, facts.contract.size);
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		facts.email = slice_of_text(addresses[i]);
		effects = enrol(fixture, &facts);
		assert_refused(effects, ERROR_email_invalid, "enrol_request.email", NULL,
		    "local@domain, without blanks or < > ( ) [ ] , ; : \\ \"");
		assert_null(effects->puts);
	}
	facts.contract = SLICE_EMPTY;
	effects = enrol(fixture, &facts);
	assert_refused(effects, ERROR_contract_not_accepted, "enrol_request.contract", NULL, version);
	assert_int_equal(count_reasons(effects), 2);
	assert_reason(effects, 1, ERROR_email_invalid, "enrol_request.email", NULL,
		    "local@domain, without blanks or < > ( ) [ ] , ; : \\ \"");
	facts.email = SLICE_LITERAL(PEOPLE_EMAIL);
	facts.contract = SLICE_LITERAL("an older one");
	effects = enrol(fixture, &facts);
	assert_refused(effects, ERROR_contract_not_accepted, "enrol_request.contract", "an older one", version);
}

static void
requests_must_prove_possession(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");
	struct msg_enrol_request facts = people_facts(fixture, jeanne);
	uint8_t altered[LIMIT_CSR];

	memcpy(altered, facts.csr.data, facts.csr.size);
	altered[facts.csr.size - 1] ^= 1;
	facts.csr.data = altered;
	assert_refused(enrol(fixture, &facts), ERROR_request_invalid, "csr", NULL, "*");
	facts.csr = SLICE_LITERAL("no request");
	assert_refused(enrol(fixture, &facts), ERROR_request_invalid, "csr", NULL, "*");
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	facts.csr = people_csr(fixture, key, NULL);
	EVP_PKEY_free(key);
	assert_refused(enrol(fixture, &facts), ERROR_key_refused, "csr", NULL, "*");
}

/* Whatever is wrong with the request, it is said whether the facts are right or not: else a request that cannot be
 * granted would tell about the facts, with nothing counted and no mail sent. */
static void
a_bad_request_tells_nothing_of_the_facts(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *paul = people_enrol(fixture, 3000000002, "H2");
	struct msg_enrol_request facts = people_facts(fixture, people_register(fixture, 3000000001, "H1"));
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	const struct slice requests[] = { SLICE_LITERAL("no request"), people_csr(fixture, key, NULL), paul->csr,
		people_csr(fixture, paul->key, "Paul") };
	static const enum error errors[] = { ERROR_request_invalid, ERROR_key_refused, ERROR_key_in_use,
		ERROR_key_in_use };

	EVP_PKEY_free(key);
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		struct msg_enrol_request wrong = facts;
		facts.csr = wrong.csr = requests[i];
		wrong.filer_number = SLICE_LITERAL("7654321");
		assert_refused(enrol(fixture, &facts), errors[i], "csr", NULL, "*");
		struct effects *effects = enrol(fixture, &wrong);
		assert_refused(effects, errors[i], "csr", NULL, "*");
		assert_null(effects->puts);
	}
}

/* Where no failure could be counted, none is found out: right and wrong facts hear the same, also of who is enrolled
 * already. What is said before they are compared is said as ever. */
static void
without_room_no_fact_is_compared(void **state)
{
	struct decision_fixture *fixture = *state;
	struct msg_enrol_request facts = people_facts(fixture, people_register(fixture, 3000000001, "H1"));
	struct msg_enrol_request wrong = facts, bad = facts;

	assert_int_equal(enrol(fixture, &facts)->refusal.error, ERROR_NONE);
	wrong.filer_number = SLICE_LITERAL("7654321");
	bad.csr = SLICE_LITERAL("no request");
	static const enum error rooms[] = { ERROR_disk_full, ERROR_busy };
	for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
		fixture->room = rooms[i];
		const struct effects *right = enrol(fixture, &facts);
		assert_refused(right, rooms[i], NULL, NULL, NULL);
		assert_null(right->puts);
		assert_refused(enrol(fixture, &wrong), rooms[i], NULL, NULL, NULL);
		assert_refused(enrol(fixture, &bad), ERROR_request_invalid, "csr", NULL, "*");
	}
	fixture->room = ERROR_NONE;
	for (unsigned i = 0; i < ATTEMPTS_FREE_PAIR; i++)
		assert_refused(enrol(fixture, &wrong), ERROR_identification_refused, NULL, NULL, NULL);
	fixture->room = ERROR_disk_full;
	assert_refused(enrol(fixture, &wrong), ERROR_attempts_exceeded, NULL, NULL, NULL);
}

static void
the_certificate_is_the_holder_s_for_three_years(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");
	const struct msg_enrol_request facts = people_facts(fixture, jeanne);
	struct effects *effects = enrol(fixture, &facts);
	const struct msg_certificate_answer *answer = effects->answer;
	struct rec_certificate record;
	uint8_t digest[DIGEST_SIZE];

	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_certificate, answer->serial),
	    record_certificate(), &record));
	assert_int_equal(record.not_before, FIXTURE_NOW);
	/* 2029-04-01 10:00:00 UTC, exclusive. */
	assert_int_equal(record.not_after, 1869732000 - 1);
	assert_int_equal(record.role, ROLE_TAXPAYER);
	assert_true(slice_equal(record.spi, jeanne->taxpayer.spi));
	assert_true(slice_equal_text(record.names, "Jeanne Zoé LEFÈVRE"));
	assert_true(slice_equal_text(record.email, PEOPLE_EMAIL));
	digest_bytes(answer->certificate, digest);
	assert_memory_equal(record.digest.data, digest, DIGEST_SIZE);
	assert_non_null(fixture->checkpoint[0] == '\0' ? NULL : fixture->checkpoint);
	const unsigned char *at = answer->certificate.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)answer->certificate.size);
	assert_non_null(certificate);
	X509_free(certificate);
}

static void
archive_of(struct decision_fixture *fixture, const struct effects *effects, struct rec_archive_certificate *archive)
{
	const struct msg_certificate_answer *answer = effects->answer;
	struct rec_certificate record;
	struct blob_ref ref;
	struct slice bytes;

	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_certificate, answer->serial),
	    record_certificate(), &record));
	memcpy(ref.bytes, record.archive.data, sizeof ref.bytes);
	assert_int_equal(store_blob_now(fixture->store, ref, fixture->arena, &bytes), ERROR_NONE);
	assert_int_equal(record_decode(record_archive_certificate(), bytes, fixture->arena, archive), ERROR_NONE);
}

static void
assert_leaf_has(const struct rec_archive_certificate *archive, const char *name, struct slice digest)
{
	char hex[2 * DIGEST_SIZE + 1], member[128];

	hex_encode(digest, hex);
	int size = snprintf(member, sizeof member, "\"%s\":\"%s\"", name, hex);
	assert_non_null(memmem(archive->leaf.data, archive->leaf.size, member, (size_t)size));
}

/* A6, A19: whatever becomes of the register and of campaign.json, what was transmitted and what was accepted is there,
 * and the log proves it without naming anybody. */
static void
what_was_transmitted_and_accepted_is_archived(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_register(fixture, 3000000001, "H1");
	struct msg_enrol_request facts = people_facts(fixture, jeanne), sent;
	struct rec_archive_certificate archive;
	struct rec_contract contract;
	struct fault fault;
	uint8_t digest[DIGEST_SIZE];

	facts.has_deadline_ms = true;
	facts.deadline_ms = 5000;
	struct effects *effects = enrol(fixture, &facts);
	archive_of(fixture, effects, &archive);
	assert_int_equal(codec_decode(message_enrol_request(), archive.message, CODEC_STORED, fixture->arena, &sent,
	    &fault), ERROR_NONE);
	assert_false(sent.has_deadline_ms);
	assert_true(slice_equal(sent.spi, facts.spi));
	assert_true(slice_equal(sent.birth_name, facts.birth_name));
	assert_true(slice_equal(sent.filer_number, facts.filer_number));
	assert_true(slice_equal(sent.reference_income, facts.reference_income));
	assert_true(slice_equal(sent.email, facts.email));
	assert_true(slice_equal(sent.csr, facts.csr));
	assert_true(slice_equal(sent.contract, facts.contract));
	digest_bytes(archive.message, digest);
	assert_leaf_has(&archive, "message_sha256", slice_of(digest, sizeof digest));

	digest_bytes(fixture->office->campaign.contract_text, digest);
	assert_true(archive.has_contract && slice_equal(archive.contract, slice_of(digest, sizeof digest)));
	assert_leaf_has(&archive, "contract_sha256", archive.contract);
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_contract, archive.contract),
	    record_contract(), &contract));
	assert_true(slice_equal(contract.text, fixture->office->campaign.contract_text));
	assert_true(slice_equal(contract.version, facts.contract));
	assert_int_equal(contract.accepted_at, FIXTURE_NOW);

	assert_null(memmem(archive.leaf.data, archive.leaf.size, jeanne->taxpayer.spi.data, 13));
	assert_null(memmem(archive.leaf.data, archive.leaf.size, "LEF", 3));
	assert_null(memmem(archive.leaf.data, archive.leaf.size, "23456", 5));
}

/* One record for each text, written by the first who accepts it and by nobody who is refused or asks again. */
static void
each_text_of_the_contract_is_kept_once(void **state)
{
	struct decision_fixture *fixture = *state;
	struct msg_enrol_request first = people_facts(fixture, people_register(fixture, 3000000001, "H1"));
	struct msg_enrol_request second = people_facts(fixture, people_register(fixture, 3000000002, "H2"));
	struct msg_enrol_request third = people_facts(fixture, people_register(fixture, 3000000003, "H3"));
	struct msg_enrol_request wrong = first;
	struct rec_archive_certificate archive;

	wrong.filer_number = SLICE_LITERAL("7654321");
	assert_int_equal(count_puts(enrol(fixture, &wrong), KEY_contract), 0);
	assert_int_equal(count_puts(enrol(fixture, &first), KEY_contract), 1);
	assert_int_equal(count_puts(enrol(fixture, &second), KEY_contract), 0);
	/* The same version with another text: both stay, and each certificate's leaf says which. */
	fixture->office->campaign.contract_text = SLICE_LITERAL("Autre texte");
	assert_null(enrol(fixture, &second)->puts);
	struct effects *effects = enrol(fixture, &third);
	assert_int_equal(count_puts(effects, KEY_contract), 1);
	archive_of(fixture, effects, &archive);
	uint8_t digest[DIGEST_SIZE];
	digest_bytes(SLICE_LITERAL("Autre texte"), digest);
	assert_leaf_has(&archive, "contract_sha256", slice_of(digest, sizeof digest));
}

/* Those whom an operator certifies accept no contract; what was asked for is kept all the same. */
static void
what_an_operator_asked_for_is_archived(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *spare = people_register(fixture, 3000000009, "H9");
	const struct msg_issue_request request = { .kind = SLICE_LITERAL("agent"),
		.csr = people_csr(fixture, spare->key, "Agent Martin") };
	struct msg_issue_request sent;
	struct rec_archive_certificate archive;
	struct fault fault;
	uint8_t digest[DIGEST_SIZE];

	struct effects *effects =
	    decision_fixture_run(fixture, decide_issue, message_certificate_answer(), &request);
	archive_of(fixture, effects, &archive);
	assert_int_equal(codec_decode(message_issue_request(), archive.message, CODEC_STORED, fixture->arena, &sent,
	    &fault), ERROR_NONE);
	assert_true(slice_equal(sent.kind, request.kind) && slice_equal(sent.csr, request.csr));
	digest_bytes(archive.message, digest);
	assert_leaf_has(&archive, "message_sha256", slice_of(digest, sizeof digest));
	assert_false(archive.has_contract);
	assert_int_equal(count_puts(effects, KEY_contract), 0);
	assert_null(memmem(archive.leaf.data, archive.leaf.size, "contract", 8));
}

/* A5: three years unless the campaign says otherwise. */
static void
a_certificate_lasts_as_long_as_the_contract_says(void **state)
{
	struct decision_fixture *fixture = *state;
	const struct msg_enrol_request facts = people_facts(fixture, people_register(fixture, 3000000001, "H1"));
	struct rec_certificate record;

	fixture->office->campaign.certificate_years = 1;
	struct effects *effects = enrol(fixture, &facts);
	const struct msg_certificate_answer *answer = effects->answer;
	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_certificate, answer->serial),
	    record_certificate(), &record));
	/* 2027-04-01 10:00:00 UTC, exclusive. */
	assert_int_equal(record.not_after, 1806573600 - 1);
}

static void
the_same_request_gets_the_same_certificate(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	const struct msg_enrol_request facts = people_facts(fixture, jeanne);
	struct effects *effects = enrol(fixture, &facts);
	const struct msg_certificate_answer *answer = effects->answer;

	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_memory_equal(answer->serial.data, jeanne->serial, SERIAL_SIZE);
	assert_true(slice_equal(answer->certificate, jeanne->certificate));
	assert_null(effects->puts);
	/* Once it has expired it helps nobody. */
	fixture->now += 4 * 366 * 86400;
	assert_refused(enrol(fixture, &facts), ERROR_key_in_use, "csr", NULL, "*");
}

static void
a_new_key_ends_the_old_certificate(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person before = *jeanne, *spare = people_register(fixture, 3000000009, "H9");
	struct msg_enrol_request facts;
	struct rec_certificate record;
	struct rec_revocation line;
	struct rec_mail mail = { .to = SLICE_EMPTY };

	fixture->now += 60;
	jeanne->csr = spare->csr;
	facts = people_facts(fixture, jeanne);
	facts.email = SLICE_LITERAL("other@example.fr");
	struct effects *effects = enrol(fixture, &facts);
	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_true(effects->changes_crl);
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_certificate, slice_of(before.serial,
	    SERIAL_SIZE)),
	    record_certificate(), &record));
	assert_true(record.has_revoked_at);
	assert_int_equal(record.revoked_at, fixture->now);
	assert_int_equal(record.reason, 4);
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_revocation, slice_of(before.serial,
	    SERIAL_SIZE)),
	    record_revocation(), &line));
	assert_int_equal(line.revoked_at, fixture->now);
	/* Two leaves: the revocation and the new certificate. The earlier address is told. */
	assert_non_null(effects->leaves->next);
	assert_null(effects->leaves->next->next);
	for (const struct effect_put *put = effects->puts; put != NULL; put = put->next)
		if (put->key.data[0] == KEY_mail)
			mail = *(const struct rec_mail *)put->value;
	assert_true(slice_equal_text(mail.to, PEOPLE_EMAIL));
	assert_null(memmem(mail.text.data, mail.text.size, "3000000001", 10));
	/* The old request does not bring the old certificate back. */
	facts = people_facts(fixture, &before);
	assert_refused(enrol(fixture, &facts), ERROR_key_in_use, "csr", NULL, "*");
}

static size_t
letters(struct decision_fixture *fixture)
{
	static const char from[] = "M", end[] = "N";
	struct store_pair *pairs;
	size_t count;

	assert_int_equal(store_range_now(fixture->store, slice_of_text(from), slice_of_text(end), false, 1000,
	    fixture->arena, &pairs, &count), ERROR_NONE);
	return count;
}

/* As a tick of the server does. */
static void
sweep(struct decision_fixture *fixture)
{
	for (const decide *step = services_sweeps(); *step != NULL; step++)
		assert_int_equal(decision_fixture_run(fixture, *step, message_done(), NULL)->refusal.error, ERROR_NONE);
}

/* The outbox forgets what nobody fetched, a step at a time, and nothing before its time. */
static void
letters_are_forgotten_in_the_end(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	const struct rec_mail old = { SLICE_LITERAL(PEOPLE_EMAIL), SLICE_LITERAL("s"), SLICE_LITERAL("t"),
		FIXTURE_NOW };

	for (uint64_t i = 0; i < LETTER_SWEEP_MAX; i++)
		decision_fixture_put(fixture, KEY_MAKE(fixture->arena, KEY_mail,
		    key_part_u64(fixture->arena, FIXTURE_NOW), key_part_u64(fixture->arena, i),
		    key_part_u64(fixture->arena, 0)), record_mail(), &old);
	people_enrol_anew(fixture, jeanne);
	fixture->now++;
	people_enrol_anew(fixture, jeanne);
	assert_int_equal(letters(fixture), LETTER_SWEEP_MAX + 2);
	fixture->now = FIXTURE_NOW + LETTER_LIFE_S;
	sweep(fixture);
	assert_int_equal(letters(fixture), LETTER_SWEEP_MAX + 2);
	fixture->now++;
	assert_true(decision_fixture_decide(fixture, decide_letter_sweep, message_done(), NULL)->has_more);
	sweep(fixture);
	assert_int_equal(letters(fixture), 2);
	sweep(fixture);
	assert_int_equal(letters(fixture), 1);
	fixture->now++;
	sweep(fixture);
	assert_int_equal(letters(fixture), 0);
	assert_false(decision_fixture_decide(fixture, decide_letter_sweep, message_done(), NULL)->has_more);
	/* By a clock that stands near 1970 nothing is too old. */
	people_enrol_anew(fixture, jeanne);
	fixture->now = 5;
	sweep(fixture);
	assert_int_equal(letters(fixture), 1);
}

/* Asks for a certificate for a new key, and keeps its serial number in the person. */
static struct effects *
enrol_anew(struct decision_fixture *fixture, struct person *person)
{
	EVP_PKEY *key = key_generate(KEY_P256);
	person->csr = people_csr(fixture, key, NULL);
	const struct msg_enrol_request facts = people_facts(fixture, person);
	EVP_PKEY_free(key);
	return enrol(fixture, &facts);
}

static void
certificates_replaced_too_often_have_to_last(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	uint64_t wait_s = ATTEMPTS_WAIT_FIRST_S;
	struct effects *effects;

	for (unsigned i = 0; i < CERTIFICATE_REPLACED_FREE; i++)
		assert_int_equal(enrol_anew(fixture, jeanne)->refusal.error, ERROR_NONE);
	struct slice last = jeanne->csr;
	for (; wait_s < 100; wait_s *= 2) {
		effects = enrol_anew(fixture, jeanne);
		assert_refused(effects, ERROR_attempts_exceeded, "csr", NULL, "*");
		assert_int_equal(effects->retry_after_ms, wait_s * 1000);
		assert_null(effects->puts);
		/* The one that there is can be had again. */
		jeanne->csr = last;
		const struct msg_enrol_request facts = people_facts(fixture, jeanne);
		assert_int_equal(enrol(fixture, &facts)->refusal.error, ERROR_NONE);
		fixture->now += wait_s;
		assert_int_equal(enrol_anew(fixture, jeanne)->refusal.error, ERROR_NONE);
		last = jeanne->csr;
	}
	/* Nobody else waits, and a clock that was set back does not make it longer. */
	assert_int_equal(enrol_anew(fixture, paul)->refusal.error, ERROR_NONE);
	fixture->now -= 86400;
	assert_int_equal(enrol_anew(fixture, jeanne)->retry_after_ms, wait_s * 1000);
	/* One that lasted a day starts it afresh. */
	fixture->now += 2 * 86400;
	for (unsigned i = 0; i < CERTIFICATE_REPLACED_FREE; i++)
		assert_int_equal(enrol_anew(fixture, jeanne)->refusal.error, ERROR_NONE);
	assert_refused(enrol_anew(fixture, jeanne), ERROR_attempts_exceeded, "csr", NULL, "*");
}

static void
keys_have_one_holder(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_register(fixture, 3000000002, "H1");
	struct msg_enrol_request facts = people_facts(fixture, paul);
	struct person *operator = people_issue(fixture, "operator");

	/* The very request, and another one for the same key. */
	facts.csr = jeanne->csr;
	assert_refused(enrol(fixture, &facts), ERROR_key_in_use, "csr", NULL, "a request for a key of its own");
	facts.csr = people_csr(fixture, jeanne->key, "Paul");
	assert_refused(enrol(fixture, &facts), ERROR_key_in_use, "csr", NULL, "a request for a key of its own");
	facts.csr = operator->csr;
	assert_refused(enrol(fixture, &facts), ERROR_key_in_use, "csr", NULL, "a request for a key of its own");
	facts.csr = paul->csr;
	assert_int_equal(enrol(fixture, &facts)->refusal.error, ERROR_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(every_wrong_fact_is_the_same_refusal),
		PEOPLE_TEST(contract_and_address_are_said_together),
		PEOPLE_TEST(requests_must_prove_possession),
		PEOPLE_TEST(a_bad_request_tells_nothing_of_the_facts),
		PEOPLE_TEST(without_room_no_fact_is_compared),
		PEOPLE_TEST(the_certificate_is_the_holder_s_for_three_years),
		PEOPLE_TEST(what_was_transmitted_and_accepted_is_archived),
		PEOPLE_TEST(each_text_of_the_contract_is_kept_once),
		PEOPLE_TEST(what_an_operator_asked_for_is_archived),
		PEOPLE_TEST(a_certificate_lasts_as_long_as_the_contract_says),
		PEOPLE_TEST(the_same_request_gets_the_same_certificate),
		PEOPLE_TEST(a_new_key_ends_the_old_certificate),
		PEOPLE_TEST(letters_are_forgotten_in_the_end),
		PEOPLE_TEST(certificates_replaced_too_often_have_to_last),
		PEOPLE_TEST(keys_have_one_holder),
	};
	return RUN_OVER_BOTH("enrolment", tests);
}
