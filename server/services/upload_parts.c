/* SPDX-License-Identifier: Apache-2.0
 *
 * part: the bytes of an attachment, hashed as they come by a state that is kept with them. */
#include <string.h>

#include "protocol/digest.h"
#include "server/gate.h"
#include "server/services/certificate.h"
#include "server/services/part.h"
#include "server/services/quota.h"
#include "server/services/services.h"
#include "server/services/uploads.h"

/* Where the decision's randomness goes. */
#define RANDOM_KEY ((size_t)0)
#define RANDOM_NONCE SEAL_KEY_SIZE

/* The upload that a part belongs to. Whoever has not its token hears what is said of an upload that is not open, to the
 * letter: the ids of filings are no secret, and whether somebody is uploading is nobody's business. */
static enum outcome
part_find_upload(struct decision *decision, const struct msg_part_request *part, struct rec_upload *upload)
{
	struct keyed token;

	switch (view_get(decision->view, upload_record_key(decision, part->id), record_upload(), upload)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		break;
	case VIEW_FOUND:
		token = upload_token(decision, upload, part->id);
		if (slice_equal_secret(part->token, key_part_keyed(&token)))
			return PROCEED;
		break;
	}
	return refuse_value(decision, ERROR_upload_unknown, "part_request.id", decision_hex(decision, part->id),
	    SLICE_LITERAL("the id of an upload that is open, with the token that opening it gave"));
}

/* What can no longer be filed is not stored: the certificate that signed for the upload has to count still, and the
 * campaign to be open, since a return is received when all of it is here (A16, A17). */
static enum outcome
part_check_filable(struct decision *decision, const struct rec_upload *upload)
{
	struct rec_certificate certificate;
	struct key_public key;

	if (!signed_campaign_is_open(decision))
		refuse_later(decision, ERROR_campaign_closed, "part_request.id", decision_utc(decision,
		    decision->context->now), signed_campaign_span(decision));
	if (!upload->has_serial)
		return refuse_noted(decision);
	enum outcome outcome =
	    decision_need(decision, certificate_find(decision, upload->serial, &certificate, &key));
	if (outcome != PROCEED)
		return outcome;
	enum error error = certificate_status(&certificate, decision->context->now);
	if (error != ERROR_NONE)
		refuse_certificate(decision, &certificate, error);
	return refuse_noted(decision);
}

static enum outcome
part_find_document(struct decision *decision, const struct msg_part_request *part, struct slice key,
    struct rec_upload_document *stored)
{
	switch (view_get(decision->view, key, record_upload_document(), stored)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		break;
	case VIEW_FOUND:
		return PROCEED;
	}
	return refuse_value(decision, ERROR_document_not_listed, "part_request.digest",
	    decision_hex(decision, part->digest),
	    SLICE_LITERAL("an attachment of the manifest that opened this upload"));
}

/* Begins a document anew. What is given up cannot be read any more, since another key takes the place of its own, but
 * counts against the quota on top of what was announced: it stays on the disk, and nobody may fill that by beginning
 * anew for ever. */
static enum outcome
part_restart(struct decision *decision, const struct msg_part_request *part, struct rec_upload *upload,
    struct rec_upload_document *stored)
{
	uint8_t *state = arena_alloc(decision->arena, DIGEST_STATE_SIZE);

	if (state == NULL)
		return refuse(decision, ERROR_out_of_memory);
	const struct quota_share share = { upload->signer, upload->generation };
	enum outcome outcome = quota_add(decision, &share, stored->received);
	if (outcome != PROCEED)
		return outcome;
	upload->announced += stored->received;
	upload->has_given_up = true;
	upload->given_up += stored->received;
	effects_put(decision, upload_record_key(decision, part->id), record_upload(), upload);
	digest_state_start(state);
	stored->state = slice_of(state, DIGEST_STATE_SIZE);
	stored->received = 0;
	stored->parts_count = 0;
	return PROCEED;
}

/* A part goes on where the last one ended, or begins the document anew. */
static enum outcome
part_check(struct decision *decision, const struct msg_part_request *part, struct rec_upload *upload,
    struct rec_upload_document *stored)
{
	uint64_t rest;
	bool is_last;

	if (part->offset == 0 && stored->received != 0) {
		enum outcome outcome = part_restart(decision, part, upload, stored);
		if (outcome != PROCEED)
			return outcome;
	}
	if (part->offset != stored->received)
		return refuse_value(decision, ERROR_upload_offset, "part_request.offset",
		    decision_text(decision, "%llu", (unsigned long long)part->offset),
		    decision_text(decision, "%llu, or 0 to begin anew", (unsigned long long)stored->received));
	rest = stored->size - stored->received;
	if (part->content.size > rest)
		return refuse_value(decision, ERROR_document_corrupt, "part_request.content",
		    decision_text(decision, "%zu bytes", part->content.size),
		    decision_text(decision, "at most %llu bytes: all of the document that is not here",
		    (unsigned long long)rest));
	is_last = part->content.size == rest;
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
	char expected[2 * DIGEST_SIZE + 1];

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
	hex_encode(part->digest, expected);
	if (!slice_equal(slice_of(digest, sizeof digest), part->digest))
		return refuse_value(decision, ERROR_document_corrupt, "part_request.content",
		    decision_hex(decision, slice_of(digest, sizeof digest)),
		    decision_text(decision, "SHA-256 %s of the whole document; begin anew at offset 0", expected));
	return PROCEED;
}

/* Seals the bytes under the document's key, which its first part brings. */
static enum error
part_make_blob(struct decision *decision, const struct msg_part_request *part, struct rec_upload_document *stored,
    struct slice *bytes)
{
	const uint8_t *random = decision->context->random;

	if (part->offset == 0) {
		stored->has_key = true;
		stored->key = slice_of(random + RANDOM_KEY, SEAL_KEY_SIZE);
	}
	if (!stored->has_key)
		return ERROR_store_damaged;
	const struct part_place place = { stored->key, part->digest, part->offset };
	return part_seal(&place, random + RANDOM_NONCE, part->content, decision->arena, bytes);
}

static enum outcome
part_store(struct decision *decision, const struct msg_part_request *part, struct slice key,
    struct rec_upload_document *stored)
{
	struct msg_part_answer *answer = decision->effects->answer;
	struct rec_part *parts = arena_alloc_array(decision->arena, stored->parts_count + 1, sizeof *parts);
	struct slice bytes;

	if (parts == NULL)
		return refuse(decision, ERROR_out_of_memory);
	enum error error = part_make_blob(decision, part, stored, &bytes);
	if (error != ERROR_NONE)
		return refuse(decision, error);
	if (stored->parts_count != 0)
		memcpy(parts, stored->parts, stored->parts_count * sizeof *parts);
	stored->parts = parts;
	parts[stored->parts_count].size = part->content.size;
	/* Not RETENTION_DRAFT: see the header. */
	if (effects_blob(decision, RETENTION_FILING, bytes, &parts[stored->parts_count].blob) == NULL)
		return refuse(decision, ERROR_out_of_memory);
	stored->parts_count++;
	effects_put(decision, key, record_upload_document(), stored);
	answer->received = stored->received;
	return DECIDED;
}

HANDLER(part)
{
	const struct msg_part_request *part = request;
	struct slice key = upload_document_key(decision, part->id, part->digest);
	struct rec_upload *upload = arena_alloc(decision->arena, sizeof *upload);
	struct rec_upload_document *stored = arena_alloc(decision->arena, sizeof *stored);

	if (upload == NULL || stored == NULL)
		return refuse(decision, ERROR_out_of_memory);
	/* Nothing of the document is read for a stranger, who would otherwise wait for the parts under way and know. */
	enum outcome outcome = part_find_upload(decision, part, upload);
	if (outcome == PROCEED) {
		view_want(decision->view, key);
		outcome = part_check_filable(decision, upload);
	}
	if (outcome == PROCEED)
		outcome = part_find_document(decision, part, key, stored);
	if (outcome == PROCEED)
		outcome = part_check(decision, part, upload, stored);
	if (outcome == PROCEED)
		outcome = part_hash(decision, part, stored);
	return outcome == PROCEED ? part_store(decision, part, key, stored) : outcome;
}
