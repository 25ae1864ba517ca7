/* SPDX-License-Identifier: Apache-2.0
 *
 * file: a signed return becomes a receipt (A8, A10, A11, A16, A17). Read from the table of stages downwards. */
#include <string.h>

#include "protocol/digest.h"
#include "protocol/receipt.h"
#include "server/services/certificate.h"
#include "server/services/services.h"
#include "server/services/signed.h"
#include "server/services/stored.h"
#include "server/services/uploads.h"

/* Where the decision's randomness goes. */
#define RANDOM_NONCE ((size_t)0)
#define RANDOM_NUMBER ((size_t)16)

struct filing {
	struct signed_filing signed_filing; /* first: the stages know it as this */
	const struct msg_file_request *request;
	struct keyed household, campaign;
	bool has_uploads;
	bool has_dossier;
	struct rec_dossier dossier;
	struct rec_filing replaced;
	struct rec_archive_document *documents; /* in the manifest's order */
	struct rules_document *returns;
	size_t returns_count;
	struct rules_result rules;
	char number[RECEIPT_NUMBER_SIZE + 1];
	struct rec_filing record;
};

static struct filing *
filing_of(struct signed_filing *filing)
{
	return (struct filing *)filing;
}

/* ---- stages ---- */

/* The same filing again: the same receipt, whatever has happened since. */
static enum outcome
stage_answer_earlier(struct decision *decision, struct signed_filing *signed_filing)
{
	if (!signed_filing->has_earlier)
		return PROCEED;
	return stored_receipt(decision, &signed_filing->earlier);
}

static struct slice
dossier_key(struct decision *decision, const struct filing *filing)
{
	return KEY_MAKE(decision->arena, KEY_dossier, key_part_keyed(&filing->household), key_part_keyed(&filing->campaign));
}

/* A11: what is filed again rectifies what is in force, and must say so; a first return made offline binds. */
static enum outcome
stage_dossier(struct decision *decision, struct signed_filing *signed_filing)
{
	struct filing *filing = filing_of(signed_filing);
	const struct manifest *manifest = &signed_filing->manifest;
	struct slice in_force;

	filing->household = decision_keyed(decision, "household", signed_filing->subject.household);
	filing->campaign = decision_keyed(decision, "campaign", manifest->campaign);
	switch (view_get(decision->view, dossier_key(decision, filing), record_dossier(), &filing->dossier)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		break;
	case VIEW_FOUND:
		filing->has_dossier = true;
		break;
	}
	in_force = filing->has_dossier ? filing->dossier.number : SLICE_EMPTY;
	if (!slice_equal(manifest->replaces, in_force))
		return refuse_value(decision, ERROR_replaces_mismatch, "line 5",
		    manifest->replaces.size == 0 ? SLICE_LITERAL("none") : manifest->replaces,
		    in_force.size == 0 ? SLICE_LITERAL("none") : in_force);
	if (!filing->has_dossier)
		return PROCEED;
	if (filing->dossier.first_mode == MODE_OFFLINE && manifest->mode != MODE_OFFLINE)
		return refuse_value(decision, ERROR_offline_binding, "line 6", SLICE_LITERAL("online"), SLICE_LITERAL("offline"));
	struct slice key = stored_key(decision, filing->dossier.id, filing->dossier.signer);
	switch (view_get(decision->view, key, record_filing(), &filing->replaced)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse(decision, ERROR_store_damaged);
	case VIEW_FOUND:
		break;
	}
	return PROCEED;
}

/* The n-th document of the manifest as words: "2042#1". */
static struct slice
document_name(struct decision *decision, const struct manifest_document *document, size_t nth)
{
	return decision_text(decision, "%.*s#%zu", (int)document->type.size, (const char *)document->type.data, nth + 1);
}

static enum outcome
refuse_document(struct decision *decision, enum error error, const struct manifest_document *document, size_t nth,
    struct slice value, struct slice expected)
{
	struct fault fault = {
		.error = error,
		.place = document_name(decision, document, nth),
		.value = value,
		.expected = expected,
	};
	return refuse_with(decision, &fault);
}

/* The bytes of a document that came with the filing, checked against the manifest. */
static enum outcome
take_inline(struct decision *decision, struct filing *filing, size_t nth, const struct msg_document_sent *sent)
{
	const struct manifest_document *document = &filing->signed_filing.manifest.documents[nth];
	struct rec_archive_document *taken = &filing->documents[nth];
	struct slice content = sent->content;
	uint8_t digest[DIGEST_SIZE];

	if (sent->encoding != 0 && !manifest_is_return(document))
		return refuse_document(decision, ERROR_inflate_failed, document, nth, SLICE_LITERAL("zlib"),
		    SLICE_LITERAL("an attachment as it is"));
	if (sent->size != document->size)
		return refuse_document(decision, ERROR_document_corrupt, document, nth,
		    decision_text(decision, "%llu bytes", (unsigned long long)sent->size),
		    decision_text(decision, "%llu bytes", (unsigned long long)document->size));
	if (sent->encoding != 0 &&
	    inflater_run(decision->context->office->inflater, sent->content, (size_t)sent->size, decision->arena, &content) != ERROR_NONE)
		return refuse_document(decision, ERROR_inflate_failed, document, nth, SLICE_EMPTY, SLICE_EMPTY);
	digest_bytes(content, digest);
	if (content.size != document->size || memcmp(digest, document->digest, sizeof digest) != 0)
		return refuse_document(decision, ERROR_document_corrupt, document, nth, SLICE_EMPTY, SLICE_LITERAL("the size and SHA-256 of the manifest"));
	taken->encoding = sent->encoding;
	taken->has_content = true;
	taken->content = sent->content;
	if (manifest_is_return(document)) {
		filing->returns[filing->returns_count].type = document->type;
		filing->returns[filing->returns_count++].content = content;
	}
	return PROCEED;
}

static const struct msg_document_sent *
find_sent(const struct msg_file_request *request, const uint8_t digest[DIGEST_SIZE])
{
	for (size_t i = 0; i < request->documents_count; i++)
		if (slice_equal(request->documents[i].digest, slice_of(digest, DIGEST_SIZE)))
			return &request->documents[i];
	return NULL;
}

static bool
is_listed(const struct manifest *manifest, struct slice digest)
{
	for (size_t i = 0; i < manifest->documents_count; i++)
		if (slice_equal(slice_of(manifest->documents[i].digest, DIGEST_SIZE), digest))
			return true;
	return false;
}

/* Nothing that was not signed for, nothing twice, and no more returns than memory is meant for. */
static enum outcome
check_sent(struct decision *decision, const struct filing *filing)
{
	const struct manifest *manifest = &filing->signed_filing.manifest;
	const struct msg_file_request *request = filing->request;
	uint64_t returns_size = 0;

	for (size_t i = 0; i < request->documents_count; i++) {
		const struct slice digest = request->documents[i].digest;
		if (!is_listed(manifest, digest) || find_sent(request, digest.data) != &request->documents[i])
			return refuse_value(decision, ERROR_document_not_listed,
			    "file_request.documents", decision_text(decision, "document %zu", i + 1),
			    SLICE_LITERAL("each document of the manifest at most once"));
	}
	for (size_t i = 0; i < manifest->documents_count; i++)
		if (manifest_is_return(&manifest->documents[i]))
			returns_size += manifest->documents[i].size;
	if (returns_size > LIMIT_RETURNS_TOTAL)
		return refuse_value(decision, ERROR_manifest_malformed, "documents",
		    decision_text(decision, "%llu bytes of return documents", (unsigned long long)returns_size),
		    decision_text(decision, "at most %d", LIMIT_RETURNS_TOTAL));
	return PROCEED;
}

/* Every document of the manifest is here, whole and as it was signed (A16): in this request, or uploaded before. */
static enum outcome
stage_documents(struct decision *decision, struct signed_filing *signed_filing)
{
	struct filing *filing = filing_of(signed_filing);
	const struct manifest *manifest = &signed_filing->manifest;
	enum outcome outcome = check_sent(decision, filing);

	if (outcome != PROCEED)
		return outcome;
	filing->documents = arena_alloc_array(decision->arena, manifest->documents_count, sizeof *filing->documents);
	filing->returns = arena_alloc_array(decision->arena, manifest->documents_count, sizeof *filing->returns);
	if (filing->documents == NULL || filing->returns == NULL)
		return refuse(decision, ERROR_out_of_memory);
	for (size_t i = 0; i < manifest->documents_count; i++) {
		const struct manifest_document *document = &manifest->documents[i];
		const struct msg_document_sent *sent = find_sent(filing->request, document->digest);
		filing->documents[i].digest = slice_of(document->digest, DIGEST_SIZE);
		filing->documents[i].size = document->size;
		if (sent != NULL) {
			outcome = take_inline(decision, filing, i, sent);
		} else if (manifest_is_return(document)) {
			outcome = refuse_document(decision, ERROR_documents_missing, document, i, SLICE_EMPTY,
			    SLICE_LITERAL("return documents in the filing itself"));
		} else {
			filing->has_uploads = true;
			outcome = upload_take(decision, signed_filing, document, document_name(decision, document, i), &filing->documents[i]);
		}
		if (outcome != PROCEED)
			return outcome;
	}
	return PROCEED;
}

static void
copy_finding(const struct finding *finding, struct msg_finding *out)
{
	*out = (struct msg_finding){
		.severity = finding->rule->severity,
		.rule = finding->rule->number,
		.has_document = finding->document.size != 0,
		.document = finding->document,
		.has_place = finding->place.size != 0,
		.place = finding->place,
		.has_value = finding->value.data != NULL,
		.value = finding->value,
		.has_expected = finding->expected.size != 0,
		.expected = finding->expected,
		.text = slice_of_text(finding->rule->english),
		.text_fr = slice_of_text(finding->rule->french),
	};
}

/* The findings of one severity, for the wire. */
static bool
take_findings(struct decision *decision, const struct findings *findings, enum severity severity, struct msg_finding **items, size_t *count)
{
	*items = arena_alloc_array(decision->arena, findings->count == 0 ? 1 : findings->count, sizeof **items);
	if (*items == NULL)
		return false;
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].rule->severity == severity)
			copy_finding(&findings->items[i], &(*items)[(*count)++]);
	return true;
}

/* Every rule, every finding: a refusal lists them all (A16). */
static enum outcome
stage_rules(struct decision *decision, struct signed_filing *signed_filing)
{
	struct filing *filing = filing_of(signed_filing);
	const struct office *office = decision->context->office;
	struct msg_receipt_answer *answer = decision->effects->answer;
	const struct findings *findings = &filing->rules.findings;
	enum error error = rules_check(office->catalogue, office->campaign.income_year, filing->returns, filing->returns_count,
	    decision->arena, &filing->rules);

	if (error != ERROR_NONE)
		return refuse(decision, error);
	if (findings->errors == 0) {
		if (!take_findings(decision, findings, SEVERITY_ADVICE, &answer->advices, &answer->advices_count))
			return refuse(decision, ERROR_out_of_memory);
		answer->has_advices = answer->advices_count != 0;
		return PROCEED;
	}
	struct effects *effects = decision->effects;
	if (!take_findings(decision, findings, SEVERITY_ERROR, &effects->findings, &effects->findings_count))
		return refuse(decision, ERROR_out_of_memory);
	return refuse(decision, ERROR_document_refused);
}

static enum outcome
stage_uploads(struct decision *decision, struct signed_filing *signed_filing)
{
	return filing_of(signed_filing)->has_uploads ? upload_close(decision, signed_filing) : PROCEED;
}

/* A number that nobody has. Random enough that the loop ends at its first turn in the life of any country. */
static enum outcome
stage_number(struct decision *decision, struct signed_filing *signed_filing)
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

/* ---- acceptance ---- */

/* The deadline of the household's zone (A12); for a department of no zone the latest, in the taxpayer's favour. */
static uint64_t
deadline_of(const struct campaign *campaign, struct slice department)
{
	uint64_t latest = campaign->deadline_a;

	switch (campaign_zone(department)) {
	case 'A':
		return campaign->deadline_a;
	case 'B':
		return campaign->deadline_b;
	case 'C':
		return campaign->deadline_c;
	default:
		latest = campaign->deadline_b > latest ? campaign->deadline_b : latest;
		return campaign->deadline_c > latest ? campaign->deadline_c : latest;
	}
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
	if (receipt->persons == NULL || receipt->signers == NULL || receipt->documents == NULL || receipt->pending == NULL)
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
	uint64_t deadline = deadline_of(campaign, signed_filing->subject.department);
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
		.mode = signed_filing->manifest.mode == MODE_OFFLINE ? SLICE_LITERAL("offline") : SLICE_LITERAL("online"),
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

static void
put_indexes(struct decision *decision, struct filing *filing)
{
	const struct signed_filing *signed_filing = &filing->signed_filing;
	struct rec_filing *record = &filing->record;
	struct rec_filing_pointer *pointer = arena_alloc(decision->arena, sizeof *pointer);
	struct rec_dossier *dossier = arena_alloc(decision->arena, sizeof *dossier);

	if (pointer != NULL)
		*pointer = (struct rec_filing_pointer){ record->id, record->signer };
	if (dossier != NULL)
		*dossier = (struct rec_dossier){ record->number, record->id, record->signer,
			filing->has_dossier ? filing->dossier.first_mode : signed_filing->manifest.mode };
	effects_put(decision, KEY_MAKE(decision->arena, KEY_number, record->number), record_filing_pointer(), pointer);
	effects_put(decision, dossier_key(decision, filing), record_dossier(), dossier);
	for (size_t i = 0; i < record->persons_count; i++)
		effects_put(decision, KEY_MAKE(decision->arena, KEY_person_filing, record->persons[i].person,
		    key_part_down(decision->arena, record->received_at), record->id), record_filing_pointer(), pointer);
	if (filing->has_dossier) {
		filing->replaced.has_superseded_by = true;
		filing->replaced.superseded_by = record->number;
		effects_put(decision, stored_key(decision, filing->replaced.id, filing->replaced.signer), record_filing(), &filing->replaced);
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
	for (size_t i = 0; i < signed_filing->persons_count; i++) {
		struct keyed person = decision_person(decision, signed_filing->persons[i].spi);
		if (!arena_copy(decision->arena, key_part_keyed(&person), &record->persons[record->persons_count++].person))
			return false;
	}
	return true;
}

static enum outcome
stage_accept(struct decision *decision, struct signed_filing *signed_filing)
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

	if (receipt.size == 0 || !filing_persons(decision, filing))
		return refuse(decision, ERROR_out_of_memory);
	record->id = slice_of(signed_filing->id, sizeof signed_filing->id);
	record->number = slice_of(filing->number, RECEIPT_NUMBER_SIZE);
	record->signer = key_part_keyed(&signed_filing->signer);
	record->campaign = signed_filing->manifest.campaign;
	record->received_at = decision->context->now;
	record->has_replaces = filing->has_dossier;
	record->replaces = signed_filing->manifest.replaces;
	struct effect_blob *blob = effects_archive(decision, RETENTION_FILING, record_archive_filing(), &archive, &record->archive);
	struct effect_leaf *leaf = effects_leaf(decision, receipt, blob);
	if (leaf == NULL)
		return refuse(decision, ERROR_out_of_memory);
	leaf->index = &record->leaf;
	leaf->batch = &record->log_batch;
	leaf->proof = &answer->proof;
	effects_put(decision, stored_key(decision, record->id, record->signer), record_filing(), record);
	put_indexes(decision, filing);
	answer->receipt = receipt;
	return DECIDED;
}

HANDLER(file)
{
	static const signed_stage stages[] = {
		signed_stage_manifest,
		signed_stage_signature,
		signed_stage_earlier,
		stage_answer_earlier,
		signed_stage_certificate,
		signed_stage_campaign,
		signed_stage_entitled,
		stage_dossier,
		stage_documents,
		stage_rules,
		stage_uploads,
		stage_number,
		stage_accept,
		NULL,
	};
	const struct msg_file_request *file = request;
	struct filing *filing = arena_alloc(decision->arena, sizeof *filing);

	if (filing == NULL)
		return refuse(decision, ERROR_out_of_memory);
	filing->request = file;
	filing->signed_filing.text = file->manifest;
	filing->signed_filing.serial = file->serial;
	filing->signed_filing.signature = file->signature;
	filing->signed_filing.signing_time = file->signing_time;
	return signed_run(decision, &filing->signed_filing, stages);
}
