/* SPDX-License-Identifier: Apache-2.0
 *
 * upload: large documents before their filing. The signature comes first, so only who may file can make the office
 * store anything. And what becomes of an upload: it is taken by its filing, or swept. */
#include "server/services/uploads.h"

#include <string.h>

#include "protocol/digest.h"
#include "server/commit.h"
#include "server/services/filing.h"
#include "server/services/quota.h"
#include "server/services/services.h"

/* What forgetting one upload writes: its documents, itself, its time of expiry, the account. */
#define FORGET_PUTS_MAX ((size_t)LIMIT_ATTACHMENTS + 3)
_Static_assert(2 * FORGET_PUTS_MAX <= COMMIT_PUTS_MAX, "a step of the sweep forgets two uploads at least");

_Static_assert(UPLOAD_TOKEN_SIZE == sizeof(struct keyed), "a token is a keyed hash");

struct slice
upload_record_key(struct decision *decision, struct slice id)
{
	return KEY_MAKE(decision->arena, KEY_upload, id);
}

struct slice
upload_document_key(struct decision *decision, struct slice id, struct slice digest)
{
	return KEY_MAKE(decision->arena, KEY_upload_document, id, digest);
}

/* Sorts uploads by when they are swept, if they are not completed before. */
static struct slice
expiry_key(struct decision *decision, const struct rec_upload *upload, struct slice id)
{
	return KEY_MAKE(decision->arena, KEY_upload_expiry,
	    key_part_u64(decision->arena, upload->opened_at + UPLOAD_LIFE_S), id);
}

struct keyed
upload_token(const struct decision *decision, const struct rec_upload *upload, struct slice id)
{
	uint8_t word[DIGEST_SIZE + sizeof(struct keyed) + sizeof(uint64_t)];
	uint8_t *signer = word + DIGEST_SIZE, *opened_at = signer + sizeof(struct keyed);

	memcpy(word, id.data, DIGEST_SIZE);
	memcpy(signer, upload->signer.data, sizeof(struct keyed));
	bytes_poke_u64(opened_at, upload->opened_at);
	return decision_keyed(decision, "upload", slice_of(word, sizeof word));
}

/* ---- upload ---- */

static size_t
attachments_count(const struct manifest *manifest)
{
	size_t count = 0;
	for (size_t i = 0; i < manifest->documents_count; i++)
		count += !manifest_is_return(&manifest->documents[i]);
	return count;
}

void
upload_want(struct decision *decision, const struct signed_filing *filing)
{
	const struct manifest *manifest = &filing->manifest;
	struct slice id = slice_of(filing->id, sizeof filing->id);

	if (attachments_count(manifest) == 0)
		return;
	view_want(decision->view, upload_record_key(decision, id));
	for (size_t i = 0; i < manifest->documents_count; i++)
		if (!manifest_is_return(&manifest->documents[i]))
			view_want(decision->view, upload_document_key(decision, id,
			    slice_of(manifest->documents[i].digest, DIGEST_SIZE)));
}

/* What is stored of each attachment: nothing of an upload that is being opened, everything once the filing was
 * accepted. */
enum upload_phase { UPLOAD_NEW, UPLOAD_OPEN, UPLOAD_ACCEPTED };

static enum outcome
answer_states(struct decision *decision, const struct signed_filing *filing, enum upload_phase phase)
{
	struct msg_upload_answer *answer = decision->effects->answer;
	const struct manifest *manifest = &filing->manifest;
	struct slice id = slice_of(filing->id, sizeof filing->id);

	answer->id = id;
	answer->documents = arena_alloc_array(decision->arena, manifest->documents_count, sizeof *answer->documents);
	if (answer->documents == NULL)
		return refuse(decision, ERROR_out_of_memory);
	for (size_t i = 0; i < manifest->documents_count; i++) {
		const struct manifest_document *document = &manifest->documents[i];
		struct rec_upload_document stored = { .received = 0 };
		if (manifest_is_return(document))
			continue;
		struct msg_upload_state *state = &answer->documents[answer->documents_count++];
		state->digest = slice_of(document->digest, DIGEST_SIZE);
		if (phase == UPLOAD_OPEN &&
		    view_get(decision->view, upload_document_key(decision, id, state->digest), record_upload_document(),
		    &stored) == VIEW_AGAIN)
			return AGAIN;
		state->received = phase == UPLOAD_ACCEPTED ? document->size : stored.received;
	}
	return PROCEED;
}

/* What an upload counts against the quota: the bytes announced, and no attachment for less than a part, since each is a
 * record too. */
static uint64_t
attachments_size(const struct manifest *manifest)
{
	uint64_t size = 0;
	for (size_t i = 0; i < manifest->documents_count; i++) {
		const struct manifest_document *document = &manifest->documents[i];
		if (!manifest_is_return(document))
			size += document->size < LIMIT_PART_MIN ? LIMIT_PART_MIN : document->size;
	}
	return size;
}

/* Tells the token to who has signed. False when memory is short. */
static bool
answer_token(struct decision *decision, const struct rec_upload *upload)
{
	struct msg_upload_answer *answer = decision->effects->answer;
	struct keyed token = upload_token(decision, upload, answer->id);

	answer->has_token = arena_copy(decision->arena, key_part_keyed(&token), &answer->token);
	return answer->has_token;
}

static enum outcome
answer_only(struct decision *decision, const struct signed_filing *filing, enum upload_phase phase)
{
	enum outcome outcome = answer_states(decision, filing, phase);
	return outcome == PROCEED ? DECIDED : outcome;
}

static enum outcome
stage_answer_earlier(struct decision *decision, struct signed_filing *filing)
{
	return filing->has_earlier ? answer_only(decision, filing, UPLOAD_ACCEPTED) : PROCEED;
}

/* An upload that is open is answered with how far it is; where there is nothing to upload, nothing is opened. */
static enum outcome
stage_answer_open(struct decision *decision, struct signed_filing *filing)
{
	struct slice id = slice_of(filing->id, sizeof filing->id);
	struct rec_upload *upload = arena_alloc(decision->arena, sizeof *upload);

	if (upload == NULL)
		return refuse(decision, ERROR_out_of_memory);
	if (attachments_count(&filing->manifest) == 0)
		return answer_only(decision, filing, UPLOAD_NEW);
	upload_want(decision, filing);
	switch (view_get(decision->view, upload_record_key(decision, id), record_upload(), upload)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return PROCEED;
	case VIEW_FOUND:
		break;
	}
	enum outcome outcome = answer_states(decision, filing, UPLOAD_OPEN);
	if (outcome != PROCEED)
		return outcome;
	/* Who has a new certificate goes on under that one. */
	if (!upload->has_serial || !slice_equal(upload->serial, filing->serial)) {
		upload->has_serial = true;
		upload->serial = filing->serial;
		effects_put(decision, upload_record_key(decision, id), record_upload(), upload);
	}
	return answer_token(decision, upload) ? DECIDED : refuse(decision, ERROR_out_of_memory);
}

/* Counts the upload against the quota, and notes of when it is. */
static enum outcome
upload_begin(struct decision *decision, struct signed_filing *filing, struct rec_upload *upload)
{
	const struct rec_dossier *dossier = &filing_of(filing)->dossier;
	struct quota_share share = { .signer = key_part_keyed(&filing->signer) };

	upload->signer = share.signer;
	upload->opened_at = decision->context->now;
	upload->announced = attachments_size(&filing->manifest);
	upload->has_serial = upload->has_generation = true;
	upload->serial = filing->serial;
	enum outcome outcome = quota_open(decision, &share, filing_of(filing)->has_dossier ? dossier->id : SLICE_EMPTY,
	    upload->announced);
	upload->generation = share.generation;
	return outcome;
}

static enum outcome
stage_open(struct decision *decision, struct signed_filing *filing)
{
	struct rec_upload *upload = arena_alloc(decision->arena, sizeof *upload);
	struct slice id = slice_of(filing->id, sizeof filing->id);

	if (upload == NULL)
		return refuse(decision, ERROR_out_of_memory);
	enum outcome outcome = upload_begin(decision, filing, upload);
	if (outcome == PROCEED)
		outcome = answer_states(decision, filing, UPLOAD_NEW);
	if (outcome != PROCEED)
		return outcome;
	if (!answer_token(decision, upload))
		return refuse(decision, ERROR_out_of_memory);
	effects_put(decision, upload_record_key(decision, id), record_upload(), upload);
	effects_put(decision, expiry_key(decision, upload, id), record_upload(), upload);
	for (size_t i = 0; i < filing->manifest.documents_count; i++) {
		const struct manifest_document *document = &filing->manifest.documents[i];
		struct rec_upload_document *stored = arena_alloc(decision->arena, sizeof *stored);
		uint8_t *state = arena_alloc(decision->arena, DIGEST_STATE_SIZE);
		if (stored == NULL || state == NULL)
			return refuse(decision, ERROR_out_of_memory);
		if (manifest_is_return(document))
			continue;
		digest_state_start(state);
		stored->size = document->size;
		stored->state = slice_of(state, DIGEST_STATE_SIZE);
		effects_put(decision, upload_document_key(decision, id, slice_of(document->digest, DIGEST_SIZE)),
		    record_upload_document(), stored);
	}
	return DECIDED;
}

HANDLER(upload)
{
	static const signed_stage stages[] = {
		signed_stage_manifest,
		signed_stage_signature,
		signed_stage_earlier,
		stage_answer_earlier,
		signed_stage_certificate,
		signed_stage_campaign,
		signed_stage_entitled,
		filing_stage_dossier,
		filing_stage_quota,
		filing_stage_refuse,
		stage_answer_open,
		stage_open,
		NULL,
	};
	const struct msg_upload_request *upload = request;
	struct filing *filing = arena_alloc(decision->arena, sizeof *filing);

	if (filing == NULL)
		return refuse(decision, ERROR_out_of_memory);
	signed_begin(&filing->signed_filing, upload->manifest, upload->serial, upload->signing_time, upload->signature);
	return signed_run(decision, &filing->signed_filing, stages);
}

/* ---- for the filing ---- */

enum outcome
upload_take(struct decision *decision, const struct signed_filing *filing, const struct manifest_document *document,
    struct rec_archive_document *out, uint64_t *received)
{
	struct rec_upload_document stored = { .received = 0 };
	struct slice id = slice_of(filing->id, sizeof filing->id);
	struct slice key = upload_document_key(decision, id, slice_of(document->digest, DIGEST_SIZE));

	if (view_get(decision->view, key, record_upload_document(), &stored) == VIEW_AGAIN)
		return AGAIN;
	*received = stored.received;
	if (stored.received < document->size)
		return PROCEED;
	out->has_parts = true;
	out->parts = stored.parts;
	out->parts_count = stored.parts_count;
	out->has_key = stored.has_key;
	out->key = stored.key;
	return PROCEED;
}

/* Effects: the upload, its place among those that expire and its share of the quota are gone, but for what it leaves
 * behind: documents begun anew, and `unfiled` bytes besides. Its documents are the caller's to remove. The quota is
 * that of who opened it, who may be the other spouse of who files. */
static enum outcome
upload_end(struct decision *decision, const struct rec_upload *upload, struct slice id, uint64_t unfiled)
{
	uint64_t given_up = (upload->has_given_up ? upload->given_up : 0) + unfiled;
	const struct quota_share share = { upload->signer, upload->generation };
	enum outcome outcome = quota_release(decision, &share, upload->announced, given_up);

	if (outcome != PROCEED)
		return outcome;
	effects_remove(decision, upload_record_key(decision, id));
	effects_remove(decision, expiry_key(decision, upload, id));
	return PROCEED;
}

/* Effects: the attachments of an upload are its own no more; *unfiled is how many bytes were uploaded of those that
 * the filing did not take from there. */
static enum outcome
documents_close(struct decision *decision, const struct signed_filing *filing,
    const struct rec_archive_document *taken, uint64_t *unfiled)
{
	const struct manifest *manifest = &filing->manifest;
	struct slice id = slice_of(filing->id, sizeof filing->id);

	*unfiled = 0;
	for (size_t i = 0; i < manifest->documents_count; i++) {
		struct rec_upload_document stored = { .received = 0 };
		if (manifest_is_return(&manifest->documents[i]))
			continue;
		struct slice digest = slice_of(manifest->documents[i].digest, DIGEST_SIZE);
		struct slice key = upload_document_key(decision, id, digest);
		if (!taken[i].has_parts) {
			if (view_get(decision->view, key, record_upload_document(), &stored) == VIEW_AGAIN)
				return AGAIN;
			*unfiled += stored.received;
		}
		effects_remove(decision, key);
	}
	return PROCEED;
}

enum outcome
upload_close(struct decision *decision, const struct signed_filing *filing, const struct rec_archive_document *taken)
{
	const struct manifest *manifest = &filing->manifest;
	struct slice id = slice_of(filing->id, sizeof filing->id);
	struct rec_upload upload;
	uint64_t unfiled;

	if (attachments_count(manifest) == 0)
		return PROCEED;
	switch (view_get(decision->view, upload_record_key(decision, id), record_upload(), &upload)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return PROCEED;
	case VIEW_FOUND:
		break;
	}
	enum outcome outcome = documents_close(decision, filing, taken, &unfiled);
	return outcome == PROCEED ? upload_end(decision, &upload, id, unfiled) : outcome;
}

/* ---- sweeping ---- */

/* Effects: every document of an upload is forgotten, and with it the key that its bytes in the archive are sealed
 * under; *received is how many those are. */
static enum outcome
documents_forget(struct decision *decision, struct slice id, uint64_t *received)
{
	static const uint8_t past[DIGEST_SIZE + 1] = { [0 ... DIGEST_SIZE] = 0xff };
	struct rec_upload_document stored;
	const struct store_pair *pairs;
	size_t count;

	*received = 0;
	if (view_range(decision->view, upload_document_key(decision, id, SLICE_LITERAL("")),
		upload_document_key(decision, id, slice_of(past, sizeof past)), false, LIMIT_ATTACHMENTS, &pairs,
		&count) == VIEW_AGAIN)
		return AGAIN;
	for (size_t i = 0; i < count; i++) {
		enum error error = record_decode(record_upload_document(), pairs[i].value, decision->arena, &stored);
		if (error == ERROR_out_of_memory)
			return refuse(decision, error);
		/* One that makes no sense must not stand in the way of all others for ever. */
		*received += error == ERROR_NONE ? stored.received : 0;
		effects_remove(decision, pairs[i].key);
	}
	return PROCEED;
}

/* Effects: one upload is forgotten. `key` is that of its expiry. */
static enum outcome
upload_forget(struct decision *decision, struct slice key)
{
	struct slice id = slice_from(key, 1 + sizeof(uint64_t));
	struct rec_upload upload;
	uint64_t received;

	/* As it stands now: beginning a document anew has changed what it counts for. */
	switch (view_get(decision->view, upload_record_key(decision, id), record_upload(), &upload)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		effects_remove(decision, key);
		return PROCEED;
	case VIEW_FOUND:
		break;
	}
	enum outcome outcome = documents_forget(decision, id, &received);
	return outcome == PROCEED ? upload_end(decision, &upload, id, received) : outcome;
}

static size_t
puts_count(const struct effects *effects)
{
	size_t count = 0;
	for (const struct effect_put *put = effects->puts; put != NULL; put = put->next)
		count++;
	return count;
}

enum outcome
decide_upload_sweep(struct decision *decision, const void *request)
{
	struct slice from = KEY_MAKE(decision->arena, KEY_upload_expiry, SLICE_LITERAL(""));
	struct slice end =
	    KEY_MAKE(decision->arena, KEY_upload_expiry, key_part_u64(decision->arena, decision->context->now));
	const struct store_pair *pairs;
	size_t count;

	(void)request;
	if (view_range(decision->view, from, end, false, UPLOAD_SWEEP_MAX, &pairs, &count) == VIEW_AGAIN)
		return AGAIN;
	for (size_t i = 0; i < count; i++) {
		if (puts_count(decision->effects) + FORGET_PUTS_MAX > COMMIT_PUTS_MAX) {
			count = UPLOAD_SWEEP_MAX;
			break;
		}
		enum outcome outcome = upload_forget(decision, pairs[i].key);
		if (outcome != PROCEED)
			return outcome;
	}
	decision->effects->has_more = count == UPLOAD_SWEEP_MAX;
	return DECIDED;
}
