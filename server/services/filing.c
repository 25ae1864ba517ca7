/* SPDX-License-Identifier: Apache-2.0
 *
 * file: a signed return becomes a receipt (A8, A10, A11, A16, A17). Read from the table of stages, at the end. */
#include "server/services/filing.h"
#include "server/services/services.h"
#include "server/services/stored.h"

struct slice
filing_dossier_key(struct decision *decision, const struct filing *filing)
{
	return KEY_MAKE(decision->arena, KEY_dossier, key_part_keyed(&filing->signed_filing.household),
	    key_part_keyed(&filing->campaign));
}

/* The same filing again: the same receipt, whatever has happened since. */
static enum outcome
stage_answer_earlier(struct decision *decision, struct signed_filing *signed_filing)
{
	if (!signed_filing->has_earlier)
		return PROCEED;
	return stored_receipt(decision, &signed_filing->earlier);
}

/* Does the manifest name what is in force? Each who signed that has a receipt number of his own for it: any will do. */
static enum view_state
names_in_force(struct decision *decision, const struct filing *filing, struct slice replaces)
{
	struct rec_filing_pointer pointer;

	if (slice_equal(replaces, filing->has_dossier ? filing->dossier.number : SLICE_EMPTY))
		return VIEW_FOUND;
	if (!filing->has_dossier || replaces.size == 0)
		return VIEW_ABSENT;
	enum view_state state = view_get(decision->view, KEY_MAKE(decision->arena, KEY_number, replaces),
	    record_filing_pointer(), &pointer);
	return state == VIEW_FOUND && !slice_equal(pointer.id, filing->dossier.id) ? VIEW_ABSENT : state;
}

/* A11: what is filed again rectifies what is in force, and must say so; a first return made offline binds. */
static enum outcome
check_rectification(struct decision *decision, const struct filing *filing)
{
	const struct manifest *manifest = &filing->signed_filing.manifest;
	const struct slice none = SLICE_LITERAL("none");

	switch (names_in_force(decision, filing, manifest->replaces)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		refuse_later(decision, ERROR_replaces_mismatch, "line 5",
		    manifest->replaces.size == 0 ? none : manifest->replaces,
		    filing->has_dossier ? filing->dossier.number : none);
		break;
	case VIEW_FOUND:
		break;
	}
	if (filing->has_dossier && filing->dossier.first_mode == MODE_OFFLINE && manifest->mode != MODE_OFFLINE)
		refuse_later(decision, ERROR_offline_binding, "line 6", SLICE_LITERAL("online"),
		    SLICE_LITERAL("offline"));
	return PROCEED;
}

enum outcome
filing_stage_dossier(struct decision *decision, struct signed_filing *signed_filing)
{
	struct filing *filing = filing_of(signed_filing);

	filing->campaign = decision_keyed(decision, "campaign", signed_filing->manifest.campaign);
	enum view_state state = view_get(decision->view, filing_dossier_key(decision, filing), record_dossier(),
	    &filing->dossier);
	if (state == VIEW_AGAIN)
		return AGAIN;
	filing->has_dossier = state == VIEW_FOUND;
	if (!filing->has_dossier)
		return check_rectification(decision, filing);
	enum outcome outcome = decision_need(decision,
	    stored_signers(decision, filing->dossier.id, &filing->replaced, &filing->replaced_count));
	if (outcome != PROCEED)
		return outcome;
	if (slice_equal(filing->dossier.id, slice_of(signed_filing->id,
	    DIGEST_SIZE)) && filing->replaced_count < STORED_SIGNERS_MAX) {
		filing->is_countersigned = true;
		filing->replaced_count = 0;
		return PROCEED;
	}
	return check_rectification(decision, filing);
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

/* Appends the findings of one severity, for the wire. */
static void
take_findings(const struct findings *findings, enum severity severity, struct msg_finding *items, size_t *count)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].rule->severity == severity)
			copy_finding(&findings->items[i], &items[(*count)++]);
}

/* Every rule, every finding: a refusal lists them all (A16), advices behind the errors. A return that is not here
 * cannot be judged, nor can the others without it. */
static enum outcome
stage_rules(struct decision *decision, struct signed_filing *signed_filing)
{
	struct filing *filing = filing_of(signed_filing);
	const struct office *office = decision->context->office;
	struct msg_receipt_answer *answer = decision->effects->answer;
	struct effects *effects = decision->effects;
	const struct findings *findings = &filing->rules.findings;

	if (!filing->has_all_returns)
		return PROCEED;
	enum error error = rules_check(office->catalogue, office->campaign.income_year, filing->returns,
	    filing->returns_count,
	    decision->arena, &filing->rules);
	if (error != ERROR_NONE)
		return refuse(decision, error);
	struct msg_finding *items = arena_alloc_array(decision->arena, findings->count + 1, sizeof *items);
	if (items == NULL)
		return refuse(decision, ERROR_out_of_memory);
	if (findings->errors == 0) {
		answer->advices = items;
		take_findings(findings, SEVERITY_ADVICE, items, &answer->advices_count);
		answer->has_advices = answer->advices_count != 0;
		return PROCEED;
	}
	effects->findings = items;
	take_findings(findings, SEVERITY_ERROR, items, &effects->findings_count);
	take_findings(findings, SEVERITY_ADVICE, items, &effects->findings_count);
	refuse_later(decision, ERROR_document_refused, "documents",
	    decision_text(decision, "%zu findings that refuse", findings->errors), SLICE_LITERAL("none"));
	return PROCEED;
}

enum outcome
filing_stage_refuse(struct decision *decision, struct signed_filing *signed_filing)
{
	(void)signed_filing;
	return refuse_noted(decision);
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
		filing_stage_dossier,
		filing_stage_rate,
		filing_stage_quota,
		filing_stage_number,
		filing_stage_uploads,
		filing_stage_documents,
		stage_rules,
		filing_stage_refuse,
		filing_stage_accept,
		NULL,
	};
	const struct msg_file_request *file = request;
	struct filing *filing = arena_alloc(decision->arena, sizeof *filing);

	if (filing == NULL)
		return refuse(decision, ERROR_out_of_memory);
	filing->request = file;
	signed_begin(&filing->signed_filing, file->manifest, file->serial, file->signing_time, file->signature);
	return signed_run(decision, &filing->signed_filing, stages);
}
