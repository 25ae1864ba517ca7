/* SPDX-License-Identifier: Apache-2.0
 *
 * upload and part: documents that come before their filing, in parts, resumed and begun anew; the quota; and the
 * filing that takes them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/digest.h"
#include "server/services/part.h"
#include "server/services/quota.h"
#include "server/services/uploads.h"
#include "tests/unit/people.h"
#include "tests/unit/unit.h"

#define LARGE ((size_t)(LIMIT_PART_MIN * 2 + 1000))
#define UPLOAD_WANTED "the id of an upload that is open, with the token that opening it gave"

/* So many bytes of which none says the same. */
static struct slice
large(struct decision_fixture *fixture, size_t size)
{
	uint8_t *bytes = arena_alloc(fixture->arena, size);
	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251);
	return slice_of(bytes, size);
}

/* A return in the frame and one attachment that is not. */
static struct draft *
draft_with(struct decision_fixture *fixture, const struct person *person, struct slice attachment)
{
	struct draft *draft = draft_simple(fixture, person);
	draft_list(draft, "attachment/invoice", "application/pdf", attachment);
	return draft;
}

static struct effects *
open_upload(struct decision_fixture *fixture, struct draft *draft, const struct person *signer)
{
	const struct msg_upload_request request = draft_upload(fixture, draft, signer);
	struct effects *effects = decision_fixture_operate(fixture, OPERATION_upload, &request);
	const struct msg_upload_answer *answer = effects->answer;

	if (effects->refusal.error == ERROR_NONE && answer->has_token) {
		assert_int_equal(answer->token.size, sizeof draft->token);
		memcpy(draft->token, answer->token.data, sizeof draft->token);
	}
	return effects;
}

static struct effects *
send(struct decision_fixture *fixture, const struct draft *draft, size_t document, uint64_t offset,
    struct slice content)
{
	const struct msg_part_request request = {
		.id = slice_of(draft->id, DIGEST_SIZE),
		.digest = slice_of(draft->documents[document].digest, DIGEST_SIZE),
		.offset = offset,
		.content = content,
		.token = slice_of(draft->token, sizeof draft->token),
	};
	return decision_fixture_operate(fixture, OPERATION_part, &request);
}

static uint64_t
received(const struct effects *effects)
{
	assert_string_equal(error_name(effects->refusal.error), "none");
	return ((const struct msg_part_answer *)effects->answer)->received;
}

static struct slice
piece(struct slice whole, size_t from, size_t size)
{
	return slice_of(whole.data + from, size < whole.size - from ? size : whole.size - from);
}

static uint64_t
quota(struct decision_fixture *fixture, const struct person *person)
{
	struct rec_quota record = { .announced = 0 };
	(void)decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_quota,
	    key_part_keyed(&person->holder.person)), record_quota(),
	    &record);
	return record.announced;
}

static void
a_document_comes_in_parts_and_is_filed(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct slice bytes = large(fixture, LARGE);
	struct draft *draft = draft_with(fixture, jeanne, bytes);
	struct effects *effects = open_upload(fixture, draft, jeanne);
	const struct msg_upload_answer *answer = effects->answer;
	char expected[32];

	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_memory_equal(answer->id.data, draft->id, DIGEST_SIZE);
	assert_int_equal(answer->documents_count, 1);
	assert_int_equal(answer->documents[0].received, 0);
	assert_int_equal(quota(fixture, jeanne), LARGE);
	assert_int_equal(received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN))), LIMIT_PART_MIN);
	/* A part that came before, one too far, one too short, one too long. */
	snprintf(expected, sizeof expected, "%d, or 0 to begin anew", LIMIT_PART_MIN);
	assert_refused(send(fixture, draft, 1, 1, bytes), ERROR_upload_offset, "part_request.offset", "1", expected);
	assert_refused(send(fixture, draft, 1, LIMIT_PART_MIN + 1, bytes), ERROR_upload_offset, "part_request.offset",
	    "65537", expected);
	assert_refused(send(fixture, draft, 1, LIMIT_PART_MIN, piece(bytes, 0, LIMIT_PART_MIN - 1)),
	    ERROR_field_invalid,
	    "part_request.content", "65535 bytes", "at least 65536 in every part but the last");
	assert_refused(send(fixture, draft, 1, LIMIT_PART_MIN, bytes), ERROR_document_corrupt, "part_request.content",
	    "*", "*");
	/* The upload opened again says where to go on; meanwhile the filing names how much is missing. */
	answer = open_upload(fixture, draft, jeanne)->answer;
	assert_int_equal(answer->documents[0].received, LIMIT_PART_MIN);
	struct msg_file_request file = draft_sign(fixture, draft, jeanne);
	assert_refused(decision_fixture_operate(fixture, OPERATION_file, &file), ERROR_documents_missing,
	    "attachment/invoice", "65536 bytes",
	    "132072 bytes");
	assert_int_equal(received(send(fixture, draft, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN))), LARGE);
	(void)people_file(fixture, &file);
	assert_int_equal(quota(fixture, jeanne), 0);
	/* Everything is there, nothing is open any more. */
	answer = open_upload(fixture, draft, jeanne)->answer;
	assert_int_equal(answer->documents[0].received, LARGE);
	assert_false(answer->has_token);
	assert_refused(send(fixture, draft, 1, 0, bytes), ERROR_upload_unknown, "part_request.id", "*", UPLOAD_WANTED);
	/* What was filed can be read back, from any offset. */
	char number[32];
	snprintf(number, sizeof number, "%s", people_number(fixture, people_file(fixture, &file)->receipt));
	struct msg_document_request wanted = {
		.reference = slice_of_text(number),
		.digest = slice_of(draft->documents[1].digest, DIGEST_SIZE),
		.has_offset = true,
	};
	fixture->holder = jeanne->holder;
	for (size_t at = 0, step; at < LARGE; at += step) {
		wanted.offset = at;
		const struct msg_document_answer *part = decision_fixture_operate(fixture, OPERATION_document,
		    &wanted)->answer;
		assert_int_equal(part->size, LARGE);
		assert_true(part->content.size != 0);
		assert_memory_equal(part->content.data, bytes.data + at, part->content.size);
		step = part->content.size > 40000 ? 40000 : part->content.size;
	}
}

static struct rec_upload_document
stored_document(struct decision_fixture *fixture, const struct draft *draft, size_t document)
{
	struct rec_upload_document record;
	struct slice digest = slice_of(draft->documents[document].digest, DIGEST_SIZE);
	assert_true(decision_fixture_get(fixture,
	    KEY_MAKE(fixture->arena, KEY_upload_document, slice_of(draft->id, DIGEST_SIZE), digest),
	    record_upload_document(), &record));
	return record;
}

/* What a blob holds once the store has opened it, as anyone could who has segments and keys. */
static struct slice
blob_of(struct decision_fixture *fixture, const struct rec_part *part)
{
	struct blob_ref ref;
	struct slice bytes;
	memcpy(&ref, part->blob.data, sizeof ref);
	assert_int_equal(store_blob_now(fixture->store, ref, fixture->arena, &bytes), ERROR_NONE);
	assert_int_equal(bytes.size, part->size + SEAL_OVERHEAD);
	return bytes;
}

/* Opens the nth part of a document as it is at LIMIT_PART_MIN a part; the error. */
static enum error
try_open(struct decision_fixture *fixture, const struct draft *draft, size_t document, struct slice key, size_t nth,
    struct slice sealed, struct slice *bytes)
{
	const struct part_place place = { key, slice_of(draft->documents[document].digest, DIGEST_SIZE),
		nth * LIMIT_PART_MIN };
	return part_open(&place, sealed, fixture->arena, bytes);
}

/* Each document of an upload has a key from its first part on, to itself and until it is begun anew; the filing takes
 * it over. */
static void
a_document_has_a_key_until_it_is_begun_anew(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct slice bytes = large(fixture, LARGE), other = slice_of(bytes.data, LARGE - 1), opened;
	struct draft *draft = draft_with(fixture, jeanne, bytes);

	draft_list(draft, "attachment/rib", "application/pdf", other);
	(void)open_upload(fixture, draft, jeanne);
	assert_false(stored_document(fixture, draft, 1).has_key);
	(void)received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN)));
	(void)received(send(fixture, draft, 1, LIMIT_PART_MIN, piece(bytes, LIMIT_PART_MIN, LIMIT_PART_MIN)));
	assert_false(stored_document(fixture, draft, 2).has_key);
	(void)received(send(fixture, draft, 2, 0, other));
	struct rec_upload_document first = stored_document(fixture, draft, 1), second =
	    stored_document(fixture, draft, 2);
	assert_true(first.has_key && second.has_key);
	assert_memory_not_equal(first.key.data, second.key.data, SEAL_KEY_SIZE);
	struct slice sealed[2] = { blob_of(fixture, &first.parts[0]), blob_of(fixture, &first.parts[1]) };
	assert_memory_not_equal(sealed[0].data, sealed[1].data, SEAL_NONCE_SIZE);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(try_open(fixture, draft, 1, first.key, i, sealed[i], &opened), ERROR_NONE);
		assert_memory_equal(opened.data, bytes.data + i * LIMIT_PART_MIN, LIMIT_PART_MIN);
		assert_int_equal(try_open(fixture, draft, 1, first.key, 1 - i, sealed[i], &opened),
		    ERROR_store_damaged);
		assert_int_equal(try_open(fixture, draft, 1, second.key, i, sealed[i], &opened), ERROR_store_damaged);
	}

	/* The same bytes again: under another key, which opens nothing of what was given up. */
	(void)received(send(fixture, draft, 1, 0, bytes));
	struct rec_upload_document anew = stored_document(fixture, draft, 1);
	assert_memory_not_equal(anew.key.data, first.key.data, SEAL_KEY_SIZE);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(try_open(fixture, draft, 1, anew.key, i, sealed[i], &opened), ERROR_store_damaged);
	assert_int_equal(try_open(fixture, draft, 1, anew.key, 0, blob_of(fixture, &anew.parts[0]), &opened),
	    ERROR_NONE);

	const struct msg_file_request file = draft_sign(fixture, draft, jeanne);
	(void)people_file(fixture, &file);
	struct rec_filing filing;
	struct rec_archive_filing archive;
	struct blob_ref ref;
	assert_true(decision_fixture_get(fixture,
	    KEY_MAKE(fixture->arena, KEY_filing, slice_of(draft->id, DIGEST_SIZE),
		key_part_keyed(&jeanne->holder.person)),
	    record_filing(), &filing));
	memcpy(&ref, filing.archive.data, sizeof ref);
	assert_int_equal(store_blob_now(fixture->store, ref, fixture->arena, &opened), ERROR_NONE);
	assert_int_equal(record_decode(record_archive_filing(), opened, fixture->arena, &archive), ERROR_NONE);
	assert_false(archive.documents[0].has_key);
	assert_true(slice_equal(archive.documents[1].key, anew.key) &&
	    slice_equal(archive.documents[2].key, second.key));
}

/* A document in the making whose record lost its key is told, and not added to under none. */
static void
no_part_is_stored_without_a_key(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct slice bytes = large(fixture, LARGE);
	struct draft *draft = draft_with(fixture, jeanne, bytes);

	(void)open_upload(fixture, draft, jeanne);
	(void)received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN)));
	struct rec_upload_document record = stored_document(fixture, draft, 1);
	record.has_key = false;
	decision_fixture_put(fixture, KEY_MAKE(fixture->arena, KEY_upload_document, slice_of(draft->id, DIGEST_SIZE),
	    slice_of(draft->documents[1].digest, DIGEST_SIZE)), record_upload_document(), &record);
	const struct effects *effects = send(fixture, draft, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN));
	assert_refused(effects, ERROR_store_damaged, NULL, NULL, NULL);
	assert_int_equal(received(send(fixture, draft, 1, 0, bytes)), LARGE);
}

static void
a_wrong_digest_shows_at_the_last_part(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct slice bytes = large(fixture, LARGE);
	struct draft *draft = draft_with(fixture, jeanne, bytes);
	uint8_t altered[LIMIT_PART_MIN];

	(void)open_upload(fixture, draft, jeanne);
	memcpy(altered, bytes.data, sizeof altered);
	altered[7] ^= 1;
	assert_int_equal(received(send(fixture, draft, 1, 0, slice_of(altered, sizeof altered))), LIMIT_PART_MIN);
	struct effects *effects = send(fixture, draft, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN));
	assert_refused(effects, ERROR_document_corrupt, "part_request.content", "*", "*");
	assert_null(effects->puts);
	/* Anew, from the start; what was given up counts. */
	assert_int_equal(received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN))), LIMIT_PART_MIN);
	assert_int_equal(quota(fixture, jeanne), LARGE + LIMIT_PART_MIN);
	assert_int_equal(received(send(fixture, draft, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN))), LARGE);
	const struct msg_file_request file = draft_sign(fixture, draft, jeanne);
	(void)people_file(fixture, &file);
	assert_int_equal(quota(fixture, jeanne), 0);
}

static void
nobody_fills_the_disk_by_beginning_anew(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_with(fixture, jeanne, large(fixture, LARGE));
	struct rec_quota used = { .announced = LIMIT_UPLOAD_QUOTA - LIMIT_PART_MIN };
	struct slice bytes = large(fixture, LARGE);

	(void)open_upload(fixture, draft, jeanne);
	decision_fixture_put(fixture, KEY_MAKE(fixture->arena, KEY_quota, key_part_keyed(&jeanne->holder.person)),
	    record_quota(), &used);
	assert_int_equal(received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN))), LIMIT_PART_MIN);
	assert_int_equal(received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN))), LIMIT_PART_MIN);
	struct effects *effects = send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN));
	assert_refused(effects, ERROR_upload_quota, "documents", "*", "*");
	assert_null(effects->puts);
	assert_int_equal(received(send(fixture, draft, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN))), LARGE);
}

static struct rec_quota
account(struct decision_fixture *fixture, const struct person *person)
{
	struct rec_quota record = { .announced = 0 };
	assert_true(decision_fixture_get(fixture, KEY_MAKE(fixture->arena, KEY_quota,
	    key_part_keyed(&person->holder.person)), record_quota(), &record));
	return record;
}

static void
sweep(struct decision_fixture *fixture)
{
	fixture->now += UPLOAD_LIFE_S + 1;
	assert_int_equal(decision_fixture_run(fixture, decide_upload_sweep, message_done(), NULL)->refusal.error,
	    ERROR_NONE);
}

/* Neither sweeping nor filing forgets what lies in the segments for nothing, until the next campaign. */
static void
what_is_given_up_stays_on_the_account(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct slice bytes = large(fixture, LARGE);
	struct draft *draft = draft_with(fixture, jeanne, bytes);
	struct rec_quota used;

	fixture->office->campaign.closes_at = UINT64_MAX;
	(void)open_upload(fixture, draft, jeanne);
	(void)received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN)));
	(void)received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN)));
	(void)received(send(fixture, draft, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN)));
	const struct msg_file_request request = draft_sign(fixture, draft, jeanne);
	const char *number = people_number(fixture, people_file(fixture, &request)->receipt);
	assert_int_equal(account(fixture, jeanne).announced, 0);
	assert_int_equal(account(fixture, jeanne).given_up, LIMIT_PART_MIN);
	draft->manifest.replaces = slice_of_text(number);
	(void)open_upload(fixture, draft, jeanne);
	(void)received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN)));
	(void)received(send(fixture, draft, 1, 0, bytes));
	sweep(fixture);
	used = account(fixture, jeanne);
	assert_int_equal(used.announced, 0);
	assert_int_equal(used.given_up, 2 * LIMIT_PART_MIN + LARGE);
	/* To the last byte, and not beyond. */
	used.given_up = QUOTA_WITH_GIVEN_UP - LARGE - LIMIT_PART_MIN;
	decision_fixture_put(fixture, KEY_MAKE(fixture->arena, KEY_quota, key_part_keyed(&jeanne->holder.person)),
	    record_quota(), &used);
	assert_int_equal(open_upload(fixture, draft, jeanne)->refusal.error, ERROR_NONE);
	(void)received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN)));
	(void)received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN)));
	assert_refused(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN)), ERROR_upload_quota, "documents",
	    "*", "at most 4194304000 bytes with those in uploads that can no longer be filed, swept by "
	    "2026-05-01T10:00:01Z, and those that were given up in this campaign");
	sweep(fixture);
	assert_int_equal(account(fixture, jeanne).given_up, QUOTA_WITH_GIVEN_UP - LARGE + LIMIT_PART_MIN);
	assert_refused(open_upload(fixture, draft, jeanne), ERROR_upload_quota, "documents", "*", "*");
	fixture->office->campaign.name = SLICE_LITERAL("another");
	draft->manifest.campaign = fixture->office->campaign.name;
	draft->manifest.replaces = SLICE_EMPTY;
	assert_int_equal(open_upload(fixture, draft, jeanne)->refusal.error, ERROR_NONE);
	assert_int_equal(account(fixture, jeanne).given_up, 0);
}

static void
what_is_announced_is_bounded(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne), *small;

	for (unsigned i = 0; i < LIMIT_ATTACHMENTS; i++) {
		draft_list(draft, "attachment/invoice", "application/pdf", slice_of(&i, sizeof i));
		draft->documents[i + 1].size = LIMIT_ATTACHMENT_SIZE;
	}
	struct effects *effects = open_upload(fixture, draft, jeanne);
	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_int_equal(count_puts(effects, KEY_upload_document), LIMIT_ATTACHMENTS);
	assert_int_equal(quota(fixture, jeanne), LIMIT_UPLOAD_QUOTA);
	small = draft_with(fixture, jeanne, SLICE_LITERAL("x"));
	effects = open_upload(fixture, small, jeanne);
	assert_refused(effects, ERROR_upload_quota, "documents", "2097217536 bytes",
	    "at most 2097152000 bytes in uploads not completed: complete those first; all are swept by "
	    "2026-04-16T10:00:00Z");
	assert_int_equal(effects->retry_after_ms, UPLOAD_LIFE_S * 1000);
	/* Opening the first again costs nothing. */
	effects = open_upload(fixture, draft, jeanne);
	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_null(effects->puts);
}

static void
without_attachments_nothing_is_opened(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);
	struct effects *effects = open_upload(fixture, draft, jeanne);

	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_int_equal(((struct msg_upload_answer *)effects->answer)->documents_count, 0);
	assert_false(((struct msg_upload_answer *)effects->answer)->has_token);
	assert_null(effects->puts);
	assert_refused(send(fixture, draft, 0, 0, SLICE_LITERAL(PEOPLE_RETURN)), ERROR_upload_unknown,
	    "part_request.id", "*", "*");
}

static void
parts_are_of_documents_signed_for(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_with(fixture, jeanne, large(fixture, LARGE));

	(void)draft_upload(fixture, draft, jeanne);
	assert_refused(send(fixture, draft, 1, 0, SLICE_LITERAL("x")), ERROR_upload_unknown, "part_request.id", "*",
	    "*");
	(void)open_upload(fixture, draft, jeanne);
	/* Return documents travel with the filing. */
	assert_refused(send(fixture, draft, 0, 0, SLICE_LITERAL(PEOPLE_RETURN)), ERROR_document_not_listed,
	    "part_request.digest", "*",
	    "an attachment of the manifest that opened this upload");
}

/* Everything that refuses a filing before its documents refuses its upload too: nothing is stored for a stranger. */
static void
uploads_are_for_who_may_file(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *stranger = people_enrol(fixture, 3000000003, "H2");
	struct draft *draft = draft_with(fixture, jeanne, large(fixture, LARGE));
	struct msg_upload_request request;

	assert_refused(open_upload(fixture, draft, stranger), ERROR_signer_not_entitled, "line 4", "*", "*");
	request = draft_upload(fixture, draft, jeanne);
	request.serial = slice_of(stranger->serial, SERIAL_SIZE);
	assert_refused(decision_fixture_operate(fixture, OPERATION_upload, &request), ERROR_signature_invalid,
	    "signature", NULL, "*");
	fixture->office->campaign.closes_at = FIXTURE_NOW;
	assert_refused(open_upload(fixture, draft, jeanne), ERROR_campaign_closed, "line 3", "*", "*");
}

/* What the manifest alone shows is said before the first byte is taken, and holds for an upload that is open too. */
static void
what_cannot_be_filed_is_not_uploaded(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *first = draft_with(fixture, jeanne, large(fixture, LARGE)), *binding, *second;

	assert_int_equal(open_upload(fixture, first, jeanne)->refusal.error, ERROR_NONE);
	binding = draft_simple(fixture, jeanne);
	binding->manifest.mode = MODE_OFFLINE;
	const struct msg_file_request request = draft_sign(fixture, binding, jeanne);
	const char *number = people_number(fixture, people_file(fixture, &request)->receipt);
	assert_refused(open_upload(fixture, first, jeanne), ERROR_replaces_mismatch, "line 5", "none", number);
	second = draft_with(fixture, jeanne, large(fixture, LARGE + 1));
	struct effects *effects = open_upload(fixture, second, jeanne);
	assert_refused(effects, ERROR_replaces_mismatch, "line 5", "none", number);
	assert_reason(effects, 1, ERROR_offline_binding, "line 6", "online", "offline");
	assert_int_equal(quota(fixture, jeanne), LARGE);
	second->manifest.replaces = slice_of_text(number);
	second->manifest.mode = MODE_OFFLINE;
	assert_int_equal(open_upload(fixture, second, jeanne)->refusal.error, ERROR_NONE);
	/* The first one can no longer be filed, and so does not stand in the way of this one. */
	assert_int_equal(quota(fixture, jeanne), LARGE + 1);
	assert_int_equal(account(fixture, jeanne).overtaken, LARGE);
}

/* As large as one may be. */
static struct draft *
draft_largest(struct decision_fixture *fixture, const struct person *person, unsigned variant)
{
	struct draft *draft = draft_simple(fixture, person);

	for (unsigned i = 0; i < LIMIT_ATTACHMENTS; i++) {
		unsigned content = variant * 1000 + i;
		draft_list(draft, "attachment/invoice", "application/pdf", slice_of(&content, sizeof content));
		draft->documents[i + 1].size = LIMIT_ATTACHMENT_SIZE;
	}
	return draft;
}

/* Replaced before it was complete, an upload waits to be swept, and its signer need not wait for that; but what one can
 * leave behind so is bounded too. */
static void
what_can_no_longer_be_filed_keeps_nobody_from_filing(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *first = draft_largest(fixture, jeanne, 1), *second = draft_largest(fixture, jeanne, 2);
	struct draft *third = draft_with(fixture, jeanne, SLICE_LITERAL("x")), *small = draft_simple(fixture, jeanne);

	fixture->office->campaign.closes_at = UINT64_MAX;
	assert_int_equal(open_upload(fixture, first, jeanne)->refusal.error, ERROR_NONE);
	assert_refused(open_upload(fixture, third, jeanne), ERROR_upload_quota, "documents", "*", "*");
	const struct msg_file_request one = draft_sign(fixture, small, jeanne);
	second->manifest.replaces = slice_of_text(people_number(fixture, people_file(fixture, &one)->receipt));
	fixture->now += 60;
	assert_int_equal(open_upload(fixture, second, jeanne)->refusal.error, ERROR_NONE);
	assert_int_equal(account(fixture, jeanne).announced, LIMIT_UPLOAD_QUOTA);
	assert_int_equal(account(fixture, jeanne).overtaken, LIMIT_UPLOAD_QUOTA);
	small->manifest.replaces = second->manifest.replaces;
	const struct msg_file_request two = draft_sign(fixture, small, jeanne);
	third->manifest.replaces = slice_of_text(people_number(fixture, people_file(fixture, &two)->receipt));
	struct effects *effects = open_upload(fixture, third, jeanne);
	assert_refused(effects, ERROR_upload_quota, "documents", "4194369536 bytes", "*");
	assert_int_equal(effects->retry_after_ms, UPLOAD_LIFE_S * 1000);
	/* Each gives back what it counted, where it counted. */
	sweep(fixture);
	assert_int_equal(account(fixture, jeanne).announced, 0);
	assert_int_equal(account(fixture, jeanne).overtaken, 0);
	assert_int_equal(open_upload(fixture, third, jeanne)->refusal.error, ERROR_NONE);
	assert_int_equal(account(fixture, jeanne).announced, LIMIT_PART_MIN);
}

static void
revoke(struct decision_fixture *fixture, const struct person *person)
{
	struct rec_certificate certificate;
	struct slice key = KEY_MAKE(fixture->arena, KEY_certificate, slice_of(person->serial, SERIAL_SIZE));

	assert_true(decision_fixture_get(fixture, key, record_certificate(), &certificate));
	certificate.has_revoked_at = certificate.has_reason = true;
	certificate.revoked_at = fixture->now;
	decision_fixture_put(fixture, key, record_certificate(), &certificate);
}

/* A return is received when all of it is here: no part of one that could not be filed then is stored. */
static void
a_part_counts_while_its_filing_could(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	struct slice bytes = large(fixture, LARGE);
	struct draft *draft = draft_with(fixture, jeanne, bytes);
	uint64_t closes_at = fixture->office->campaign.closes_at;

	(void)open_upload(fixture, draft, jeanne);
	(void)received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN)));
	fixture->office->campaign.closes_at = fixture->now;
	struct effects *effects = send(fixture, draft, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN));
	assert_refused(effects, ERROR_campaign_closed, "part_request.id", "*", "*");
	assert_null(effects->blobs);
	fixture->office->campaign.closes_at = closes_at;
	revoke(fixture, jeanne);
	effects = send(fixture, draft, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN));
	assert_refused(effects, ERROR_certificate_revoked, "serial", "*", "*");
	assert_null(effects->blobs);
	/* Whoever has one that counts goes on. */
	assert_int_equal(open_upload(fixture, draft, paul)->refusal.error, ERROR_NONE);
	assert_int_equal(received(send(fixture, draft, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN))), LARGE);
}

/* Fails unless both are refused in the same words. */
static void
assert_same_refusal(const struct effects *a, const struct effects *b)
{
	assert_string_equal(error_name(a->refusal.error), error_name(b->refusal.error));
	assert_true(slice_equal(a->refusal.place, b->refusal.place));
	assert_true(slice_equal(a->refusal.value, b->refusal.value));
	assert_true(slice_equal(a->refusal.expected, b->refusal.expected));
	assert_int_equal(a->retry_after_ms, b->retry_after_ms);
	assert_null(a->puts);
	assert_null(a->blobs);
}

/* Whoever has seen the manifest knows id and digests. Without the token nothing can be begun anew or sent, and what is
 * said is what was said before the upload was there. */
static void
a_part_without_the_token_is_of_no_upload(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct slice bytes = large(fixture, LARGE);
	struct draft *draft = draft_with(fixture, jeanne, bytes), *other = draft_with(fixture, jeanne, bytes);

	other->manifest.mode = MODE_OFFLINE;
	(void)draft_upload(fixture, draft, jeanne);
	const struct effects *absent = send(fixture, draft, 1, 0, bytes);
	assert_refused(absent, ERROR_upload_unknown, "part_request.id", "*", UPLOAD_WANTED);
	(void)open_upload(fixture, other, jeanne);
	(void)open_upload(fixture, draft, jeanne);
	assert_int_equal(received(send(fixture, draft, 1, 0, piece(bytes, 0, LIMIT_PART_MIN))), LIMIT_PART_MIN);

	struct draft stranger = *draft;
	for (size_t i = 0; i < UPLOAD_TOKEN_SIZE; i++) {
		stranger.token[i] ^= (uint8_t)(1 << i % 8);
		assert_same_refusal(send(fixture, &stranger, 1, 0, bytes), absent);
		stranger.token[i] = draft->token[i];
	}
	memset(stranger.token, 0, sizeof stranger.token);
	assert_same_refusal(send(fixture, &stranger, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN)), absent);
	assert_same_refusal(send(fixture, &stranger, 0, 0, SLICE_LITERAL(PEOPLE_RETURN)), absent);
	memcpy(stranger.token, other->token, sizeof stranger.token);
	assert_same_refusal(send(fixture, &stranger, 1, 0, bytes), absent);

	assert_int_equal(quota(fixture, jeanne), 2 * LARGE);
	assert_int_equal(received(send(fixture, draft, 1, LIMIT_PART_MIN, slice_from(bytes, LIMIT_PART_MIN))), LARGE);
}

/* Whoever signs is told the same one for as long as the upload is open; opened anew, it has another. */
static void
the_token_is_of_this_upload(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	struct slice bytes = large(fixture, LARGE);
	struct draft *draft = draft_with(fixture, jeanne, bytes), first;

	assert_non_null(open_upload(fixture, draft, jeanne)->puts);
	first = *draft;
	fixture->now += 3600;
	assert_null(open_upload(fixture, draft, jeanne)->puts);
	assert_memory_equal(draft->token, first.token, sizeof first.token);
	assert_int_equal(count_puts(open_upload(fixture, draft, paul), KEY_upload_document), 0);
	assert_memory_equal(draft->token, first.token, sizeof first.token);

	fixture->now += UPLOAD_LIFE_S;
	(void)decision_fixture_run(fixture, decide_upload_sweep, message_done(), NULL);
	assert_refused(send(fixture, &first, 1, 0, bytes), ERROR_upload_unknown, "part_request.id", "*", UPLOAD_WANTED);
	assert_non_null(open_upload(fixture, draft, jeanne)->puts);
	assert_memory_not_equal(draft->token, first.token, sizeof first.token);
	assert_refused(send(fixture, &first, 1, 0, bytes), ERROR_upload_unknown, "part_request.id", "*", UPLOAD_WANTED);
	assert_int_equal(received(send(fixture, draft, 1, 0, bytes)), LARGE);

	/* Filed, and opened anew by the other spouse in the same second. */
	const struct msg_file_request file = draft_sign(fixture, draft, jeanne);
	(void)people_file(fixture, &file);
	first = *draft;
	assert_non_null(open_upload(fixture, draft, paul)->puts);
	assert_memory_not_equal(draft->token, first.token, sizeof first.token);
}

/* One spouse uploads, the other files: the quota is given back to who opened it. */
static void
a_spouse_may_complete_it(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct person *paul = people_enrol(fixture, 3000000002, "H1");
	struct slice bytes = large(fixture, LARGE);
	struct draft *draft = draft_with(fixture, jeanne, bytes);

	(void)open_upload(fixture, draft, jeanne);
	(void)received(send(fixture, draft, 1, 0, bytes));
	const struct msg_file_request file = draft_sign(fixture, draft, paul);
	(void)people_file(fixture, &file);
	assert_int_equal(quota(fixture, jeanne), 0);
	assert_int_equal(quota(fixture, paul), 0);
}

/* Opened, and then everything sent in the frame after all. */
static void
an_upload_ends_with_its_filing_however_the_documents_came(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);

	draft_add(draft, "attachment/invoice", "application/pdf", SLICE_LITERAL(PEOPLE_PDF));
	(void)open_upload(fixture, draft, jeanne);
	assert_int_equal(quota(fixture, jeanne), LIMIT_PART_MIN);
	const struct msg_file_request file = draft_sign(fixture, draft, jeanne);
	(void)people_file(fixture, &file);
	assert_int_equal(quota(fixture, jeanne), 0);
	assert_refused(send(fixture, draft, 1, 0, SLICE_LITERAL(PEOPLE_PDF)), ERROR_upload_unknown, "part_request.id",
	    "*", "*");
}

/* Uploaded wholly or in part, and then sent along all the same: those parts belong to nothing, and that is counted. */
static void
what_came_twice_is_given_up_once(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);
	struct slice whole = large(fixture, LIMIT_PART_MIN), begun = large(fixture, LARGE);

	draft_add(draft, "attachment/rib", "application/pdf", whole);
	draft_add(draft, "attachment/invoice", "application/pdf", begun);
	draft_list(draft, "attachment/plan", "application/pdf", slice_of(begun.data, LARGE - 1));
	(void)open_upload(fixture, draft, jeanne);
	(void)received(send(fixture, draft, 1, 0, whole));
	(void)received(send(fixture, draft, 2, 0, piece(begun, 0, LIMIT_PART_MIN)));
	(void)received(send(fixture, draft, 3, 0, slice_of(begun.data, LARGE - 1)));
	const struct msg_file_request file = draft_sign(fixture, draft, jeanne);
	(void)people_file(fixture, &file);
	assert_int_equal(account(fixture, jeanne).announced, 0);
	assert_int_equal(account(fixture, jeanne).given_up, 2 * LIMIT_PART_MIN);
}

/* The most that one decision writes stays within what a batch allows an entry. */
static void
the_largest_filing_fits_a_batch(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct draft *draft = draft_simple(fixture, jeanne);

	for (unsigned long i = 2; i <= 16; i++)
		(void)people_register(fixture, 3000000000 + i, "H1");
	for (unsigned i = 0; i < LIMIT_ATTACHMENTS; i++) {
		struct slice bytes = large(fixture, 100 + i);
		draft_list(draft, "attachment/invoice", "application/pdf", bytes);
	}
	(void)open_upload(fixture, draft, jeanne);
	for (unsigned i = 0; i < LIMIT_ATTACHMENTS; i++)
		assert_int_equal(received(send(fixture, draft, i + 1, 0, large(fixture, 100 + i))), 100 + i);
	const struct msg_file_request file = draft_sign(fixture, draft, jeanne);
	(void)people_file(fixture, &file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(a_document_comes_in_parts_and_is_filed),
		PEOPLE_TEST(a_document_has_a_key_until_it_is_begun_anew),
		PEOPLE_TEST(no_part_is_stored_without_a_key),
		PEOPLE_TEST(a_wrong_digest_shows_at_the_last_part),
		PEOPLE_TEST(nobody_fills_the_disk_by_beginning_anew),
		PEOPLE_TEST(what_is_given_up_stays_on_the_account),
		PEOPLE_TEST(what_is_announced_is_bounded),
		PEOPLE_TEST(without_attachments_nothing_is_opened),
		PEOPLE_TEST(parts_are_of_documents_signed_for),
		PEOPLE_TEST(uploads_are_for_who_may_file),
		PEOPLE_TEST(what_cannot_be_filed_is_not_uploaded),
		PEOPLE_TEST(what_can_no_longer_be_filed_keeps_nobody_from_filing),
		PEOPLE_TEST(a_part_counts_while_its_filing_could),
		PEOPLE_TEST(a_part_without_the_token_is_of_no_upload),
		PEOPLE_TEST(the_token_is_of_this_upload),
		PEOPLE_TEST(a_spouse_may_complete_it),
		PEOPLE_TEST(an_upload_ends_with_its_filing_however_the_documents_came),
		PEOPLE_TEST(what_came_twice_is_given_up_once),
		PEOPLE_TEST(the_largest_filing_fits_a_batch),
	};
	return RUN_OVER_BOTH("uploads", tests);
}
