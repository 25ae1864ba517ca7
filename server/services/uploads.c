/* SPDX-License-Identifier: Apache-2.0
 *
 * upload and part: large documents before their filing. The signature comes first, so only who may file can make the office
 * store anything; parts are hashed as they come, by a state that is kept with them. */
#include "server/services/uploads.h"

#include <string.h>

#include "protocol/digest.h"
#include "server/services/services.h"

static struct slice
upload_key(struct decision *decision, struct slice id)
{
	return KEY_MAKE(decision->arena, KEY_upload, id);
}

static struct slice
document_key(struct decision *decision, struct slice id, struct slice digest)
{
	return KEY_MAKE(decision->arena, KEY_upload_document, id, digest);
}

static struct slice
quota_key(struct decision *decision, struct slice signer)
{
	return KEY_MAKE(decision->arena, KEY_quota, signer);
}

/* ---- upload ---- */

static enum outcome
answer_states(struct decision *decision, const struct signed_filing *filing)
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
		struct rec_upload_document stored;
		struct msg_upload_state *state;
		if (manifest_is_return(document))
			continue;
		state = &answer->documents[answer->documents_count++];
		state->digest = slice_of(document->digest, DIGEST_SIZE);
		if (filing->has_earlier) {
			state->received = document->size;
			continue;
		}
		switch (view_get(decision->view, document_key(decision, id, state->digest), record_upload_document(), &stored)) {
		case VIEW_AGAIN:
			return AGAIN;
		case VIEW_ABSENT:
			break;
		case VIEW_FOUND:
			state->received = stored.received;
			break;
		}
	}
	return DECIDED;
}

static uint64_t
attachments_size(const struct manifest *manifest)
{
	uint64_t size = 0;
	for (size_t i = 0; i < manifest->documents_count; i++)
		if (!manifest_is_return(&manifest->documents[i]))
			size += manifest->documents[i].size;
	return size;
}

static enum outcome
stage_answer_earlier(struct decision *decision, struct signed_filing *filing)
{
	return filing->has_earlier ? answer_states(decision, filing) : PROCEED;
}

static enum outcome
stage_answer_open(struct decision *decision, struct signed_filing *filing)
{
	struct rec_upload upload;

	switch (view_get(decision->view, upload_key(decision, slice_of(filing->id, sizeof filing->id)), record_upload(), &upload)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return PROCEED;
	case VIEW_FOUND:
		break;
	}
	return answer_states(decision, filing);
}

/* What the signer has announced so far and with this upload. */
static enum outcome
stage_quota(struct decision *decision, struct signed_filing *filing)
{
	struct rec_quota *quota = arena_alloc(decision->arena, sizeof *quota);
	struct slice key = quota_key(decision, key_part_keyed(&filing->signer));

	if (quota == NULL)
		return refuse(decision, ERROR_out_of_memory);
	if (view_get(decision->view, key, record_quota(), quota) == VIEW_AGAIN)
		return AGAIN;
	quota->announced += attachments_size(&filing->manifest);
	if (quota->announced > LIMIT_UPLOAD_QUOTA)
		return refuse_value(decision, ERROR_upload_quota, NULL,
		    decision_text(decision, "%llu bytes", (unsigned long long)quota->announced),
		    decision_text(decision, "at most %llu bytes in uploads not completed", (unsigned long long)LIMIT_UPLOAD_QUOTA));
	effects_put(decision, key, record_quota(), quota);
	return PROCEED;
}

static enum outcome
stage_open(struct decision *decision, struct signed_filing *filing)
{
	struct rec_upload *upload = arena_alloc(decision->arena, sizeof *upload);
	struct slice id = slice_of(filing->id, sizeof filing->id);

	if (upload == NULL || answer_states(decision, filing) != DECIDED || decision->effects->refusal.error != ERROR_NONE)
		return refuse(decision, ERROR_out_of_memory);
	upload->signer = key_part_keyed(&filing->signer);
	upload->opened_at = decision->context->now;
	upload->announced = attachments_size(&filing->manifest);
	effects_put(decision, upload_key(decision, id), record_upload(), upload);
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
		effects_put(decision, document_key(decision, id, slice_of(document->digest, DIGEST_SIZE)), record_upload_document(), stored);
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
		stage_answer_open,
		stage_quota,
		stage_open,
		NULL,
	};
	const struct msg_upload_request *upload = request;
	struct signed_filing *filing = arena_alloc(decision->arena, sizeof *filing);

	if (filing == NULL)
		return refuse(decision, ERROR_out_of_memory);
	filing->text = upload->manifest;
	filing->serial = upload->serial;
	filing->signature = upload->signature;
	filing->signing_time = upload->signing_time;
	return signed_run(decision, filing, stages);
}

/* ---- part ---- */

/* A part goes on where the last one ended, or begins the document anew. */
static enum outcome
part_check(struct decision *decision, const struct msg_part_request *part, struct rec_upload_document *stored)
{
	bool is_last;

	if (part->offset == 0 && stored->received != 0) {
		uint8_t *state = arena_alloc(decision->arena, DIGEST_STATE_SIZE);
		if (state == NULL)
			return refuse(decision, ERROR_out_of_memory);
		digest_state_start(state);
		stored->state = slice_of(state, DIGEST_STATE_SIZE);
		stored->received = 0;
		stored->parts_count = 0;
	}
	if (part->offset != stored->received)
		return refuse_value(decision, ERROR_upload_offset, "part_request.offset",
		    decision_text(decision, "%llu", (unsigned long long)part->offset),
		    decision_text(decision, "%llu, or 0 to begin anew", (unsigned long long)stored->received));
	if (part->content.size > stored->size - stored->received)
		return refuse_value(decision, ERROR_document_corrupt, "part_request.content",
		    decision_text(decision, "%zu bytes", part->content.size),
		    decision_text(decision, "at most %llu", (unsigned long long)(stored->size - stored->received)));
	is_last = part->content.size == stored->size - stored->received;
	if (!is_last && part->content.size < LIMIT_PART_MIN)
		return refuse_value(decision, ERROR_field_invalid, "part_request.content",
		    decision_text(decision, "%zu bytes", part->content.size),
		    decision_text(decision, "at least %d in every part but the last", LIMIT_PART_MIN));
	return PROCEED;
}

/* Adds the bytes to the document's digest, which must be the one signed once they are all here. */
static enum outcome
part_hash(struct decision *decision, const struct msg_part_request *part, struct rec_upload_document *stored)
{
	uint8_t *state = arena_alloc(decision->arena, DIGEST_STATE_SIZE), digest[DIGEST_SIZE];

	if (state == NULL)
		return refuse(decision, ERROR_out_of_memory);
	memcpy(state, stored->state.data, DIGEST_STATE_SIZE);
	if (!digest_state_add(state, part->content))
		return refuse(decision, ERROR_store_damaged);
	stored->state = slice_of(state, DIGEST_STATE_SIZE);
	stored->received += part->content.size;
	if (stored->received < stored->size)
		return PROCEED;
	if (!digest_state_finish(state, digest))
		return refuse(decision, ERROR_store_damaged);
	if (!slice_equal(slice_of(digest, sizeof digest), part->digest))
		return refuse_value(decision, ERROR_document_corrupt, "part_request.content", SLICE_EMPTY,
		    SLICE_LITERAL("bytes whose SHA-256 is the one signed; begin anew at offset 0"));
	return PROCEED;
}

static enum outcome
part_store(struct decision *decision, const struct msg_part_request *part, struct slice key, struct rec_upload_document *stored)
{
	struct msg_part_answer *answer = decision->effects->answer;
	struct rec_part *parts = arena_alloc_array(decision->arena, stored->parts_count + 1, sizeof *parts);

	if (parts == NULL)
		return refuse(decision, ERROR_out_of_memory);
	if (stored->parts_count != 0)
		memcpy(parts, stored->parts, stored->parts_count * sizeof *parts);
	stored->parts = parts;
	parts[stored->parts_count].size = part->content.size;
	if (effects_blob(decision, RETENTION_FILING, part->content, &parts[stored->parts_count].blob) == NULL)
		return refuse(decision, ERROR_out_of_memory);
	stored->parts_count++;
	effects_put(decision, key, record_upload_document(), stored);
	answer->received = stored->received;
	return DECIDED;
}

HANDLER(part)
{
	const struct msg_part_request *part = request;
	struct slice key = document_key(decision, part->id, part->digest);
	struct rec_upload_document *stored = arena_alloc(decision->arena, sizeof *stored);

	if (stored == NULL)
		return refuse(decision, ERROR_out_of_memory);
	switch (view_get(decision->view, key, record_upload_document(), stored)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse(decision, ERROR_upload_unknown);
	case VIEW_FOUND:
		break;
	}
	enum outcome outcome = part_check(decision, part, stored);
	if (outcome == PROCEED)
		outcome = part_hash(decision, part, stored);
	return outcome == PROCEED ? part_store(decision, part, key, stored) : outcome;
}

/* ---- for the filing ---- */

enum outcome
upload_take(struct decision *decision, const struct signed_filing *filing, const struct manifest_document *document,
    struct slice name, struct rec_archive_document *out)
{
	struct rec_upload_document stored = { .received = 0 };
	struct slice id = slice_of(filing->id, sizeof filing->id);
	enum view_state state = view_get(decision->view, document_key(decision, id, slice_of(document->digest, DIGEST_SIZE)),
	    record_upload_document(), &stored);

	if (state == VIEW_AGAIN)
		return AGAIN;
	if (state == VIEW_ABSENT || stored.received < document->size) {
		struct fault fault = {
			.error = ERROR_documents_missing,
			.place = name,
			.value = decision_text(decision, "%llu bytes", (unsigned long long)stored.received),
			.expected = decision_text(decision, "%llu bytes", (unsigned long long)document->size),
		};
		return refuse_with(decision, &fault);
	}
	out->has_parts = true;
	out->parts = stored.parts;
	out->parts_count = stored.parts_count;
	return PROCEED;
}

enum outcome
upload_close(struct decision *decision, const struct signed_filing *filing)
{
	struct slice id = slice_of(filing->id, sizeof filing->id);
	struct rec_quota *quota = arena_alloc(decision->arena, sizeof *quota);
	struct rec_upload upload = { .announced = 0 };
	enum view_state opened = view_get(decision->view, upload_key(decision, id), record_upload(), &upload);

	if (quota == NULL)
		return refuse(decision, ERROR_out_of_memory);
	if (opened == VIEW_AGAIN)
		return AGAIN;
	/* The quota is that of who opened it, who may be the other spouse. */
	if (opened == VIEW_FOUND) {
		struct slice key = quota_key(decision, upload.signer);
		if (view_get(decision->view, key, record_quota(), quota) == VIEW_AGAIN)
			return AGAIN;
		quota->announced -= quota->announced < upload.announced ? quota->announced : upload.announced;
		effects_put(decision, key, record_quota(), quota);
	}
	effects_remove(decision, upload_key(decision, id));
	for (size_t i = 0; i < filing->manifest.documents_count; i++)
		if (!manifest_is_return(&filing->manifest.documents[i]))
			effects_remove(decision, document_key(decision, id, slice_of(filing->manifest.documents[i].digest, DIGEST_SIZE)));
	return PROCEED;
}
