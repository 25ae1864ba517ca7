/* SPDX-License-Identifier: Apache-2.0
 *
 * A filing that nothing is wrong with becomes a receipt, evidence and records. */
#include <string.h>

#include "protocol/receipt.h"
#include "server/services/filing.h"
#include "server/services/stored.h"

/* Where the decision's randomness goes. */
#define RANDOM_NONCE ((size_t)0)
#define RANDOM_NUMBER ((size_t)16)

/* Random enough that the loop ends at its first turn in the life of any country. */
enum outcome
filing_stage_number(struct decision *decision, struct signed_filing *signed_filing)
{
	struct filing *filing = filing_of(signed_filing);

	for (size_t at = RANDOM_NUMBER; at + 10 <= sizeof decision->context->random; at += 10) {
		struct slice taken;
		receipt_number_make(decision->context->random + at, filing->number);
		switch (view_get_value(decision->view,
		    KEY_MAKE(decision->arena, KEY_number, slice_of(filing->number, RECEIPT_NUMBER_SIZE)), &taken)) {
		case VIEW_AGAIN:
			return AGAIN;
		case VIEW_ABSENT:
			return PROCEED;
		case VIEW_FOUND:
			break;
		}
	}
	return refuse(decision, ERROR_internal);
}

static bool
receipt_lists(struct decision *decision, const struct filing *filing, struct receipt *receipt)
{
	const struct signed_filing *signed_filing = &filing->signed_filing;
	const struct manifest *manifest = &signed_filing->manifest;
	struct arena *arena = decision->arena;

	receipt->persons = arena_alloc_array(arena, signed_filing->persons_count, sizeof *receipt->persons);
	receipt->signers = arena_alloc_array(arena, 1, sizeof *receipt->signers);
	receipt->documents = arena_alloc_array(arena, manifest->documents_count, sizeof *receipt->documents);
	receipt->pending = arena_alloc_array(arena, filing->rules.papers_count + 1, sizeof *receipt->pending);
	if (receipt->persons == NULL || receipt->signers == NULL || receipt->documents == NULL ||
	    receipt->pending == NULL)
		return false;
	for (size_t i = 0; i < signed_filing->persons_count; i++)
		receipt->persons[receipt->persons_count++] = (struct receipt_person){
			.spi = signed_filing->persons[i].spi,
			.birth_name = signed_filing->persons[i].birth_name,
			.first_names = signed_filing->persons[i].first_names,
		};
	receipt->signers_count = 1;
	receipt->signers[0].spi = signed_filing->certificate.spi;
	receipt->signers[0].signing_time = signed_filing->signing_time;
	memcpy(receipt->signers[0].serial, signed_filing->serial.data, SERIAL_SIZE);
	for (size_t i = 0; i < manifest->documents_count; i++) {
		struct receipt_document *document = &receipt->documents[receipt->documents_count++];
		document->type = manifest->documents[i].type;
		document->media_type = manifest->documents[i].media_type;
		document->size = manifest->documents[i].size;
		memcpy(document->digest, manifest->documents[i].digest, DIGEST_SIZE);
	}
	for (size_t i = 0; i < filing->rules.papers_count; i++) {
		const struct paper_due *due = &filing->rules.papers[i];
		receipt->pending[receipt->pending_count++] = (struct receipt_pending){
			.paper = due->paper->code,
			.text = due->paper->title,
			.way = due->paper->way,
			.box = due->box,
		};
	}
	return true;
}

/* The receipt's body (A17), in the arena; empty when that is full. */
static struct slice
receipt_body(struct decision *decision, const struct filing *filing)
{
	const struct signed_filing *signed_filing = &filing->signed_filing;
	const struct campaign *campaign = &decision->context->office->campaign;
	uint64_t deadline = campaign_deadline(campaign, signed_filing->subject.department);
	struct slice body = SLICE_EMPTY;
	struct receipt receipt = {
		.number = slice_of(filing->number, RECEIPT_NUMBER_SIZE),
		.origin = decision->context->office->origin,
		.campaign = signed_filing->manifest.campaign,
		.income_year = campaign->income_year,
		.received_at = decision->context->now,
		.replaces = signed_filing->manifest.replaces,
		.in_time = decision->context->now < deadline,
		.last_in_time = deadline - 1,
		.mode = signed_filing->manifest.mode == MODE_OFFLINE ? SLICE_LITERAL("offline") :
								       SLICE_LITERAL("online"),
	};
	struct buf *buf = buf_create(LIMIT_RECEIPT_SIZE);

	memcpy(receipt.nonce, decision->context->random + RANDOM_NONCE, sizeof receipt.nonce);
	memcpy(receipt.filing_id, signed_filing->id, sizeof receipt.filing_id);
	if (buf != NULL && receipt_lists(decision, filing, &receipt)) {
		receipt_put(buf, &receipt);
		if (!buf_ok(buf) || !arena_copy(decision->arena, buf_peek(buf), &body))
			body = SLICE_EMPTY;
	}
	buf_destroy(buf);
	return body;
}

/* The campaign's first filing binds its name to its year, and the year to the name. Whoever else files before that is
 * seen puts the same words there, unread: nobody has to wait for the first. */
static void
put_year(struct decision *decision, const struct filing *filing)
{
	const struct office *office = decision->context->office;
	struct rec_campaign_year *year = arena_alloc(decision->arena, sizeof *year);

	if (office->has_kept_year || filing->has_dossier)
		return;
	if (year != NULL)
		*year = (struct rec_campaign_year){ .income_year = office->campaign.income_year,
			.has_name = true, .name = office->campaign.name };
	decision->effects->keeps_year = true;
	effects_put(decision, KEY_MAKE(decision->arena, KEY_campaign_year, key_part_keyed(&filing->campaign)),
	    record_campaign_year(), year);
}

static void
put_records(struct decision *decision, struct filing *filing)
{
	const struct signed_filing *signed_filing = &filing->signed_filing;
	struct rec_filing *record = &filing->record;
	struct rec_filing_pointer *pointer = arena_alloc(decision->arena, sizeof *pointer);
	struct rec_dossier *dossier = &filing->dossier;

	effects_put(decision, stored_key(decision, record->id, record->signer), record_filing(), record);
	if (pointer != NULL)
		*pointer = (struct rec_filing_pointer){ record->id, record->signer };
	if (!filing->is_countersigned) {
		dossier->number = record->number;
		dossier->id = record->id;
		dossier->signer = record->signer;
	}
	if (!filing->has_dossier)
		dossier->first_mode = signed_filing->manifest.mode;
	effects_put(decision, KEY_MAKE(decision->arena, KEY_number, record->number), record_filing_pointer(), pointer);
	effects_put(decision, filing_dossier_key(decision, filing), record_dossier(), dossier);
	for (size_t i = 0; i < record->persons_count; i++)
		effects_put(decision, KEY_MAKE(decision->arena, KEY_person_filing, record->persons[i].person,
		    key_part_down(decision->arena, record->received_ms), record->id, record->signer),
		    record_filing_pointer(), pointer);
	for (size_t i = 0; i < filing->replaced_count; i++) {
		struct rec_filing *replaced = &filing->replaced[i];
		replaced->has_superseded_by = true;
		replaced->superseded_by = record->number;
		effects_put(decision, stored_key(decision, replaced->id, replaced->signer), record_filing(), replaced);
	}
}

/* Who may see this filing for as long as it is kept: those it concerns today. */
static bool
filing_persons(struct decision *decision, struct filing *filing)
{
	const struct signed_filing *signed_filing = &filing->signed_filing;
	struct rec_filing *record = &filing->record;

	record->persons = arena_alloc_array(decision->arena, signed_filing->persons_count, sizeof *record->persons);
	if (record->persons == NULL)
		return false;
	for (size_t i = 0; i < signed_filing->persons_count; i++)
		record->persons[record->persons_count++].person = key_part_keyed(&signed_filing->persons_keyed[i]);
	return true;
}

enum outcome
filing_stage_accept(struct decision *decision, struct signed_filing *signed_filing)
{
	struct filing *filing = filing_of(signed_filing);
	struct msg_receipt_answer *answer = decision->effects->answer;
	struct rec_filing *record = &filing->record;
	struct slice receipt = receipt_body(decision, filing);
	struct rec_archive_filing archive = {
		.leaf = receipt,
		.manifest = signed_filing->text,
		.serial = signed_filing->serial,
		.signing_time = signed_filing->signing_time,
		.signature = signed_filing->signature,
		.documents = filing->documents,
		.documents_count = signed_filing->manifest.documents_count,
	};

	if (receipt.size == 0)
		return refuse(decision, ERROR_internal);
	if (!filing_persons(decision, filing))
		return refuse(decision, ERROR_out_of_memory);
	record->id = slice_of(signed_filing->id, sizeof signed_filing->id);
	record->number = slice_of(filing->number, RECEIPT_NUMBER_SIZE);
	record->signer = key_part_keyed(&signed_filing->signer);
	record->campaign = signed_filing->manifest.campaign;
	record->received_ms = decision->context->now_ms;
	record->has_replaces = signed_filing->manifest.replaces.size != 0;
	record->replaces = signed_filing->manifest.replaces;
	struct effect_blob *blob = effects_archive(decision, RETENTION_FILING, record_archive_filing(), &archive,
	    &record->archive);
	struct effect_leaf *leaf = effects_leaf(decision, receipt, blob);
	if (leaf == NULL)
		return refuse(decision, ERROR_out_of_memory);
	leaf->index = &record->leaf;
	leaf->batch = &record->log_batch;
	leaf->proof = &answer->proof;
	put_records(decision, filing);
	put_year(decision, filing);
	answer->receipt = receipt;
	return DECIDED;
}
