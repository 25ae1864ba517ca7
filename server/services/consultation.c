/* SPDX-License-Identifier: Apache-2.0
 *
 * filings, receipt, filing, document: one's own filings, for as long as they are kept (A17, A18, A19). */
#include <string.h>

#include "protocol/manifest.h"
#include "server/services/part.h"
#include "server/services/services.h"
#include "server/services/stored.h"

/* Rows in a page when the request names none. */
#define PAGE_DEFAULT ((size_t)50)

/* ---- filings ---- */

/* An index key is its prefix, the person, and then what the cursor is: reception time downwards, filing id, signer. */
#define SIGNER_SIZE sizeof(struct keyed)
#define CURSOR_SIZE ((size_t)(8 + DIGEST_SIZE + SIGNER_SIZE))
#define CURSOR_AT ((size_t)(1 + sizeof(struct keyed)))
#define ID_AT (CURSOR_AT + 8)
#define SIGNER_AT (ID_AT + DIGEST_SIZE)

static struct slice
row_key(struct decision *decision, const struct store_pair *pair)
{
	return stored_key(decision, slice_of(pair->key.data + ID_AT, DIGEST_SIZE),
	    slice_of(pair->key.data + SIGNER_AT, SIGNER_SIZE));
}

static enum view_state
row_fill(struct decision *decision, const struct store_pair *pair, struct msg_filing_row *row)
{
	struct rec_filing filing;
	enum view_state state = view_get(decision->view, row_key(decision, pair), record_filing(), &filing);

	if (state != VIEW_FOUND)
		return state;
	*row = (struct msg_filing_row){
		.number = filing.number,
		.id = filing.id,
		.campaign = filing.campaign,
		.received_at = filing.received_ms / 1000,
		.has_replaces = filing.has_replaces,
		.replaces = filing.replaces,
		.has_superseded_by = filing.has_superseded_by,
		.superseded_by = filing.superseded_by,
	};
	return VIEW_FOUND;
}

HANDLER(filings)
{
	const struct msg_filings_request *wanted = request;
	struct msg_filings_answer *answer = decision->effects->answer;
	struct slice person = key_part_keyed(&decision->context->holder.person);
	size_t limit = wanted->has_limit && wanted->limit != 0 ? (size_t)wanted->limit : PAGE_DEFAULT, count;
	uint8_t first[CURSOR_SIZE + 1] = { 0 }, past[CURSOR_SIZE + 1];
	size_t first_size = 0;
	const struct store_pair *pairs;

	memset(past, 0xff, sizeof past);
	if (wanted->has_cursor) {
		if (wanted->cursor.size != CURSOR_SIZE)
			return refuse_value(decision, ERROR_field_invalid, "filings_request.cursor",
			    decision_text(decision, "%zu bytes", wanted->cursor.size),
			    SLICE_LITERAL("the cursor of the page before"));
		/* The first key behind the cursor's. */
		memcpy(first, wanted->cursor.data, CURSOR_SIZE);
		first_size = CURSOR_SIZE + 1;
	}
	struct slice from = KEY_MAKE(decision->arena, KEY_person_filing, person, slice_of(first, first_size));
	struct slice end = KEY_MAKE(decision->arena, KEY_person_filing, person, slice_of(past, sizeof past));
	if (view_range(decision->view, from, end, false, limit + 1, &pairs, &count) == VIEW_AGAIN)
		return AGAIN;
	size_t rows = count > limit ? limit : count;
	answer->filings = arena_alloc_array(decision->arena, rows + 1, sizeof *answer->filings);
	if (answer->filings == NULL)
		return refuse(decision, ERROR_out_of_memory);
	for (size_t i = 0; i < rows; i++) {
		if (pairs[i].key.size != CURSOR_AT + CURSOR_SIZE)
			return refuse(decision, ERROR_store_damaged);
		view_want(decision->view, row_key(decision, &pairs[i]));
	}
	for (size_t i = 0; i < rows; i++) {
		enum outcome outcome = decision_need(decision, row_fill(decision, &pairs[i], &answer->filings[i]));
		if (outcome != PROCEED)
			return outcome;
	}
	answer->filings_count = rows;
	answer->has_cursor = count > limit;
	if (answer->has_cursor)
		answer->cursor = slice_from(pairs[limit - 1].key, CURSOR_AT);
	return DECIDED;
}

/* ---- one filing ---- */

HANDLER(receipt)
{
	const struct msg_reference_request *wanted = request;
	struct rec_filing filing;
	enum outcome outcome = stored_find(decision, wanted->reference, &filing);

	return outcome == PROCEED ? stored_receipt(decision, &filing) : outcome;
}

static enum outcome
certificate_of(struct decision *decision, struct slice serial, struct slice *der)
{
	struct rec_certificate record;
	struct rec_archive_certificate archive;
	struct slice key = KEY_MAKE(decision->arena, KEY_certificate, serial);
	enum outcome outcome = decision_need(decision, view_get(decision->view, key, record_certificate(), &record));

	if (outcome != PROCEED)
		return outcome;
	if (view_blob(decision->view, record.archive, record_archive_certificate(), &archive) != VIEW_FOUND)
		return AGAIN;
	*der = archive.certificate;
	return PROCEED;
}

static enum outcome
answer_documents(struct decision *decision, struct slice text, struct msg_filing_answer *answer)
{
	struct manifest manifest;
	struct fault fault;

	if (manifest_parse(text, decision->arena, &manifest, &fault) != ERROR_NONE)
		return refuse(decision, fault.error == ERROR_out_of_memory ? fault.error : ERROR_store_damaged);
	answer->documents = arena_alloc_array(decision->arena, manifest.documents_count, sizeof *answer->documents);
	if (answer->documents == NULL)
		return refuse(decision, ERROR_out_of_memory);
	answer->documents_count = manifest.documents_count;
	for (size_t i = 0; i < manifest.documents_count; i++)
		answer->documents[i] = (struct msg_document_row){
			.type = manifest.documents[i].type,
			.media_type = manifest.documents[i].media_type,
			.size = manifest.documents[i].size,
			.digest = slice_of(manifest.documents[i].digest, DIGEST_SIZE),
		};
	return PROCEED;
}

HANDLER(filing)
{
	const struct msg_reference_request *wanted = request;
	struct msg_filing_answer *answer = decision->effects->answer;
	struct rec_filing *filing = arena_alloc(decision->arena, sizeof *filing);
	struct rec_archive_filing archive;
	enum outcome outcome;

	if (filing == NULL)
		return refuse(decision, ERROR_out_of_memory);
	outcome = stored_find(decision, wanted->reference, filing);
	if (outcome == PROCEED)
		outcome = stored_archive(decision, filing, &archive);
	if (outcome == PROCEED)
		outcome = certificate_of(decision, archive.serial, &answer->certificate);
	if (outcome == PROCEED)
		outcome = answer_documents(decision, archive.manifest, answer);
	if (outcome != PROCEED)
		return outcome;
	answer->number = filing->number;
	answer->manifest = archive.manifest;
	answer->signing_time = archive.signing_time;
	answer->signature = archive.signature;
	answer->has_superseded_by = filing->has_superseded_by;
	answer->superseded_by = filing->superseded_by;
	return DECIDED;
}

/* ---- one document ---- */

/* The bytes from `offset` on out of a document that came with its filing. */
static enum outcome
answer_inline(struct decision *decision, const struct rec_archive_document *document, size_t offset,
    struct msg_document_answer *answer)
{
	struct slice content = document->content;

	if (document->encoding != 0 &&
	    inflater_run(decision->context->office->inflater, document->content, (size_t)document->size,
	    decision->arena, &content) != ERROR_NONE)
		return refuse(decision, ERROR_store_damaged);
	answer->content = slice_from(content, offset);
	if (answer->content.size > LIMIT_PART_SIZE)
		answer->content.size = LIMIT_PART_SIZE;
	return DECIDED;
}

/* The rest of the uploaded part in which `offset` lies. */
static enum outcome
answer_part(struct decision *decision, const struct rec_archive_document *document, size_t offset,
    struct msg_document_answer *answer)
{
	size_t begin = 0;

	for (size_t i = 0; i < document->parts_count; i++) {
		struct slice sealed, bytes;
		if (offset >= begin + document->parts[i].size) {
			begin += (size_t)document->parts[i].size;
			continue;
		}
		if (view_blob_bytes(decision->view, document->parts[i].blob, &sealed) != VIEW_FOUND)
			return AGAIN;
		const struct part_place place = { document->key, document->digest, begin };
		enum error error = part_open(&place, sealed, decision->arena, &bytes);
		if (error != ERROR_NONE)
			return refuse(decision, error);
		answer->content = slice_from(bytes, offset - begin);
		return DECIDED;
	}
	return DECIDED;
}

HANDLER(document)
{
	const struct msg_document_request *wanted = request;
	struct msg_document_answer *answer = decision->effects->answer;
	size_t offset = wanted->has_offset ? (size_t)wanted->offset : 0;
	struct rec_filing filing;
	struct rec_archive_filing archive;
	enum outcome outcome = stored_find(decision, wanted->reference, &filing);

	if (outcome == PROCEED)
		outcome = stored_archive(decision, &filing, &archive);
	if (outcome != PROCEED)
		return outcome;
	for (size_t i = 0; i < archive.documents_count; i++) {
		const struct rec_archive_document *document = &archive.documents[i];
		if (!slice_equal(document->digest, wanted->digest))
			continue;
		answer->size = document->size;
		answer->content = SLICE_LITERAL("");
		if (document->has_content)
			return answer_inline(decision, document, offset, answer);
		return answer_part(decision, document, offset, answer);
	}
	return refuse_value(decision, ERROR_not_found, "document_request.digest", decision_hex(decision,
	    wanted->digest),
	    SLICE_LITERAL("a document of this filing"));
}
