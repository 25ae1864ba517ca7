/* SPDX-License-Identifier: Apache-2.0
 *
 * Taxpayers that nobody is, and what they send. */
#include "tests/unit/people.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "protocol/digest.h"
#include "protocol/receipt.h"
#include "protocol/signature.h"
#include "server/gate.h"
#include "tests/unit/unit.h"

#define KEYS_MAX 64

static EVP_PKEY *keys[KEYS_MAX];
static size_t keys_count;
static struct memory_config group_config;

static struct slice
kept(struct decision_fixture *fixture, struct slice bytes)
{
	struct slice copy;
	assert_true(arena_copy(fixture->arena, bytes, &copy));
	return copy;
}

static EVP_PKEY *
new_key(void)
{
	assert_true(keys_count < KEYS_MAX);
	EVP_PKEY *key = key_generate(KEY_P256);
	assert_non_null(key);
	return keys[keys_count++] = key;
}

void
people_end(void)
{
	while (keys_count > 0)
		EVP_PKEY_free(keys[--keys_count]);
}

struct slice
people_spi(struct decision_fixture *fixture, unsigned long first)
{
	char text[32];
	snprintf(text, sizeof text, "%010lu%03lu", first, first % 511);
	assert_true(spi_valid(slice_of_text(text)));
	return kept(fixture, slice_of_text(text));
}

struct slice
people_csr(struct decision_fixture *fixture, EVP_PKEY *key, const char *common_name)
{
	X509_REQ *request = X509_REQ_new();
	unsigned char bytes[LIMIT_CSR], *at = bytes;

	if (common_name != NULL)
		assert_int_equal(X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName,
		    V_ASN1_UTF8STRING,
		    (const unsigned char *)common_name, -1, -1, 0), 1);
	assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
	assert_true(X509_REQ_sign(request, key, EVP_sha256()) > 0);
	int size = i2d_X509_REQ(request, &at);
	assert_true(size > 0 && size <= LIMIT_CSR);
	X509_REQ_free(request);
	return kept(fixture, slice_of(bytes, (size_t)size));
}

struct person *
people_register(struct decision_fixture *fixture, unsigned long first, const char *household)
{
	struct person *person = arena_alloc(fixture->arena, sizeof *person);

	assert_non_null(person);
	person->taxpayer = (struct rec_taxpayer){
		.spi = people_spi(fixture, first),
		.birth_name = SLICE_LITERAL("LEFÈVRE"),
		.first_names = SLICE_LITERAL("Jeanne Zoé"),
		.filer_number = SLICE_LITERAL("1234567"),
		.reference_income = SLICE_LITERAL("23456"),
		.department = SLICE_LITERAL("75"),
		.household = kept(fixture, slice_of_text(household)),
	};
	person->key = new_key();
	person->csr = people_csr(fixture, person->key, NULL);
	person->holder.role = ROLE_NOBODY;
	decision_fixture_register(fixture, &person->taxpayer);
	return person;
}

struct msg_enrol_request
people_facts(struct decision_fixture *fixture, const struct person *person)
{
	return (struct msg_enrol_request){
		.spi = person->taxpayer.spi,
		.birth_name = person->taxpayer.birth_name,
		.filer_number = person->taxpayer.filer_number,
		.reference_income = person->taxpayer.reference_income,
		.email = SLICE_LITERAL(PEOPLE_EMAIL),
		.csr = person->csr,
		.contract = fixture->office->campaign.contract,
	};
}

static void
take_answer(struct decision_fixture *fixture, struct person *person, const struct effects *effects, enum role role)
{
	const struct msg_certificate_answer *answer = effects->answer;

	if (effects->refusal.error != ERROR_NONE)
		fail_msg("no certificate: %s", error_name(effects->refusal.error));
	memcpy(person->serial, answer->serial.data, SERIAL_SIZE);
	person->certificate = answer->certificate;
	person->holder.role = role;
	memcpy(person->holder.serial, person->serial, SERIAL_SIZE);
	if (person->taxpayer.spi.size == 0)
		return;
	char spi[14] = "";
	memcpy(spi, person->taxpayer.spi.data, 13);
	person->holder.has_person = true;
	person->holder.person = decision_fixture_keyed(fixture, "person", spi);
}

void
people_take_certificate(struct decision_fixture *fixture, struct person *person)
{
	const struct msg_enrol_request facts = people_facts(fixture, person);
	take_answer(fixture, person, decision_fixture_operate(fixture, OPERATION_enrol, &facts), ROLE_TAXPAYER);
}

struct person *
people_enrol(struct decision_fixture *fixture, unsigned long first, const char *household)
{
	struct person *person = people_register(fixture, first, household);
	people_take_certificate(fixture, person);
	return person;
}

void
people_enrol_anew(struct decision_fixture *fixture, struct person *person)
{
	person->key = new_key();
	person->csr = people_csr(fixture, person->key, NULL);
	people_take_certificate(fixture, person);
}

struct person *
people_issue(struct decision_fixture *fixture, const char *kind)
{
	struct person *person = arena_alloc(fixture->arena, sizeof *person);

	assert_non_null(person);
	person->key = new_key();
	person->csr = people_csr(fixture, person->key, "Cabinet Durand");
	const struct msg_issue_request request = { .kind = slice_of_text(kind), .csr = person->csr };
	take_answer(fixture, person, decision_fixture_run(fixture, decide_issue, message_certificate_answer(),
	    &request),
	    role_find(request.kind));
	return person;
}

/* ---- filings ---- */

struct draft *
draft_begin(struct decision_fixture *fixture, const struct person *subject)
{
	struct draft *draft = arena_alloc(fixture->arena, sizeof *draft);

	assert_non_null(draft);
	draft->manifest = (struct manifest){
		.origin = SLICE_LITERAL(FIXTURE_ORIGIN),
		.campaign = fixture->office->campaign.name,
		.spi = subject->taxpayer.spi,
		.mode = MODE_ONLINE,
		.documents = draft->documents,
	};
	draft->signing_time = fixture->now;
	return draft;
}

void
draft_list(struct draft *draft, const char *type, const char *media_type, struct slice bytes)
{
	struct manifest_document *document = &draft->documents[draft->manifest.documents_count++];

	document->type = slice_of_text(type);
	document->media_type = slice_of_text(media_type);
	document->size = bytes.size;
	digest_bytes(bytes, document->digest);
}

void
draft_add(struct draft *draft, const char *type, const char *media_type, struct slice bytes)
{
	draft_list(draft, type, media_type, bytes);
	draft->sent[draft->sent_count++] = (struct msg_document_sent){
		.digest = slice_of(draft->documents[draft->manifest.documents_count - 1].digest, DIGEST_SIZE),
		.size = bytes.size,
		.content = bytes,
	};
}

struct draft *
draft_simple(struct decision_fixture *fixture, const struct person *subject)
{
	struct draft *draft = draft_begin(fixture, subject);
	draft_add(draft, "2042", MANIFEST_RETURN_MEDIA, SLICE_LITERAL(PEOPLE_RETURN));
	return draft;
}

struct msg_file_request
draft_sign(struct decision_fixture *fixture, struct draft *draft, const struct person *signer)
{
	struct buf *text = buf_create(LIMIT_MANIFEST_SIZE), *attributes = buf_create(1024),
	    *signature = buf_create(1024);
	uint8_t certificate_digest[DIGEST_SIZE];

	manifest_put(text, &draft->manifest);
	assert_true(buf_ok(text));
	draft->text = kept(fixture, buf_peek(text));
	digest_bytes(draft->text, draft->id);
	digest_bytes(signer->certificate, certificate_digest);
	signature_attributes_put(attributes, draft->signing_time, draft->id, certificate_digest);
	assert_int_equal(key_sign(signer->key, buf_peek(attributes), signature), ERROR_NONE);
	const struct msg_file_request request = {
		.manifest = draft->text,
		.serial = kept(fixture, slice_of(signer->serial, SERIAL_SIZE)),
		.signing_time = draft->signing_time,
		.signature = kept(fixture, buf_peek(signature)),
		.documents = draft->sent,
		.documents_count = draft->sent_count,
	};
	buf_destroy(text);
	buf_destroy(attributes);
	buf_destroy(signature);
	return request;
}

struct msg_upload_request
draft_upload(struct decision_fixture *fixture, struct draft *draft, const struct person *signer)
{
	const struct msg_file_request file = draft_sign(fixture, draft, signer);
	return (struct msg_upload_request){
		.manifest = file.manifest,
		.serial = file.serial,
		.signing_time = file.signing_time,
		.signature = file.signature,
	};
}

/* ---- asking ---- */

const struct msg_receipt_answer *
people_file(struct decision_fixture *fixture, const struct msg_file_request *request)
{
	struct effects *effects = decision_fixture_operate(fixture, OPERATION_file, request);

	if (effects->refusal.error != ERROR_NONE)
		fail_msg("refused: %s at %.*s: %.*s", error_name(effects->refusal.error),
		    (int)effects->refusal.place.size,
		    (const char *)effects->refusal.place.data, (int)effects->refusal.value.size,
		    (const char *)effects->refusal.value.data);
	return effects->answer;
}

const char *
people_number(struct decision_fixture *fixture, struct slice body)
{
	struct receipt receipt;
	struct fault fault;

	assert_int_equal(receipt_parse(body, fixture->arena, &receipt, &fault), ERROR_NONE);
	return (const char *)kept(fixture, receipt.number).data;
}

static void
assert_part(const char *part, struct slice found, const char *expected)
{
	if (expected != NULL && strcmp(expected, "*") == 0)
		assert_true(found.size != 0);
	else if (!slice_equal_text(found, expected == NULL ? "" : expected))
		fail_msg("%s is \"%.*s\", not \"%s\"", part, (int)found.size, (const char *)found.data,
		    expected == NULL ? "" : expected);
}

static void
assert_fault(const struct fault *fault, enum error error, const char *place, const char *value, const char *expected)
{
	assert_string_equal(error_name(fault->error), error_name(error));
	assert_part("place", fault->place, place);
	assert_part("value", fault->value, value);
	assert_part("expected", fault->expected, expected);
}

void
assert_refused(const struct effects *effects, enum error error, const char *place, const char *value,
    const char *expected)
{
	assert_fault(&effects->refusal, error, place, value, expected);
	assert_null(effects->blobs);
	assert_null(effects->leaves);
	assert_false(effects->logs_in || effects->changes_crl);
}

void
assert_reason(const struct effects *effects, size_t nth, enum error error, const char *place, const char *value,
    const char *expected)
{
	const struct effect_reason *reason = effects->reasons;

	while (reason != NULL && nth-- > 0)
		reason = reason->next;
	assert_non_null(reason);
	assert_fault(&reason->fault, error, place, value, expected);
}

size_t
count_reasons(const struct effects *effects)
{
	size_t count = 0;
	for (const struct effect_reason *reason = effects->reasons; reason != NULL; reason = reason->next)
		count++;
	return count;
}

size_t
count_puts(const struct effects *effects, enum key_prefix prefix)
{
	size_t count = 0;
	for (const struct effect_put *put = effects->puts; put != NULL; put = put->next)
		count += put->key.data[0] == (uint8_t)prefix;
	return count;
}

/* ---- groups ---- */

int
people_group_at_once(void **state)
{
	(void)state;
	group_config = (struct memory_config){ 0 };
	return 0;
}

int
people_group_late(void **state)
{
	(void)state;
	group_config = (struct memory_config){ .defer_reads = true, .defer_commits = true };
	return 0;
}

int
people_setup(void **state)
{
	*state = decision_fixture_create(&group_config);
	return 0;
}

int
people_teardown(void **state)
{
	decision_fixture_destroy(*state);
	people_end();
	return 0;
}
