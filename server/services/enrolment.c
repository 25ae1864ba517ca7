/* SPDX-License-Identifier: Apache-2.0
 *
 * enrol, issue, revoke: how certificates begin and end (A1, A2, A5, A6). */
#include <string.h>

#include "protocol/character.h"
#include "server/services/attempts.h"
#include "server/services/certificate.h"
#include "server/services/services.h"

/* ---- enrol ---- */

/* All facts match to the character (A1). Every one is compared, in a time that tells nothing, also against nobody. */
static bool
facts_match(const struct msg_enrol_request *facts, const struct rec_taxpayer *taxpayer, bool exists)
{
	bool match = exists;

	match &= slice_equal_secret(facts->spi, taxpayer->spi);
	match &= slice_equal_secret(facts->birth_name, taxpayer->birth_name);
	match &= slice_equal_secret(facts->filer_number, taxpayer->filer_number);
	match &= slice_equal_secret(facts->reference_income, taxpayer->reference_income);
	return match;
}

/* local@domain: one @ with something on both sides, and nothing that a list of recipients gives another meaning.
 * Whether it is somebody's only a letter can tell. */
static bool
email_is_plausible(struct slice email)
{
	static const char special[] = "<>()[],;:\\\"";
	size_t ats = 0, at = 0;

	for (size_t i = 0; i < email.size; i++) {
		if (memchr(special, email.data[i], sizeof special - 1) != NULL)
			return false;
		if (email.data[i] == '@') {
			ats++;
			at = i;
		}
	}
	return text_is_word(email) && ats == 1 && at > 0 && at + 1 < email.size;
}

/* Who may be heard, and then the request before any fact is compared: a request that is refused after them would tell
 * that they were right, and leave no trace. Nor are they compared when there is no room to count a failure: a full disk
 * would make guessing free. */
static enum outcome
identify(struct decision *decision, const struct msg_enrol_request *facts, struct certificate_plan *plan,
    struct rec_taxpayer *taxpayer)
{
	struct attempts *attempts = arena_alloc(decision->arena, sizeof *attempts);
	struct keyed person = decision_person(decision, facts->spi);

	if (attempts == NULL)
		return refuse(decision, ERROR_out_of_memory);
	enum outcome outcome = attempts_check(decision, facts->spi, attempts);
	if (outcome == PROCEED)
		outcome = certificate_check_request(decision, plan);
	if (outcome != PROCEED)
		return outcome;
	if (decision->context->room != ERROR_NONE)
		return refuse(decision, decision->context->room);
	*taxpayer = (struct rec_taxpayer){ .spi = SLICE_EMPTY };
	enum view_state state = view_get(decision->view, KEY_MAKE(decision->arena, KEY_taxpayer,
	    key_part_keyed(&person)),
	    record_taxpayer(), taxpayer);
	if (state == VIEW_AGAIN)
		return AGAIN;
	if (!facts_match(facts, taxpayer, state == VIEW_FOUND))
		return attempts_refuse(decision, attempts);
	attempts_succeed(decision, attempts);
	return PROCEED;
}

HANDLER(enrol)
{
	const struct msg_enrol_request *facts = request;
	const struct campaign *campaign = &decision->context->office->campaign;
	struct certificate_plan *plan = arena_alloc(decision->arena, sizeof *plan);
	struct rec_taxpayer taxpayer;

	if (plan == NULL)
		return refuse(decision, ERROR_out_of_memory);
	if (!slice_equal(facts->contract, campaign->contract))
		refuse_later(decision, ERROR_contract_not_accepted, "enrol_request.contract", facts->contract,
		    campaign->contract);
	if (!email_is_plausible(facts->email))
		refuse_later(decision, ERROR_email_invalid, "enrol_request.email", SLICE_EMPTY,
		    SLICE_LITERAL("local@domain, without blanks or < > ( ) [ ] , ; : \\ \""));
	plan->role = ROLE_TAXPAYER;
	plan->csr = facts->csr;
	plan->spi = facts->spi;
	enum outcome outcome = refuse_noted(decision);
	if (outcome == PROCEED)
		outcome = identify(decision, facts, plan, &taxpayer);
	if (outcome != PROCEED)
		return outcome;
	plan->common_name = decision_text(decision, "%.*s %.*s", (int)taxpayer.first_names.size,
	    (const char *)taxpayer.first_names.data, (int)taxpayer.birth_name.size,
	    (const char *)taxpayer.birth_name.data);
	plan->birth_name = taxpayer.birth_name;
	plan->first_names = taxpayer.first_names;
	plan->email = facts->email;
	plan->contract = campaign->contract;
	plan->contract_text = campaign->contract_text;
	struct msg_enrol_request sent = *facts;
	sent.has_deadline_ms = false;
	plan->message = certificate_message(decision, message_enrol_request(), &sent);
	return certificate_issue(decision, plan);
}

/* ---- issue ---- */

HANDLER(issue)
{
	const struct msg_issue_request *wanted = request;
	struct certificate_plan *plan = arena_alloc(decision->arena, sizeof *plan);

	if (plan == NULL)
		return refuse(decision, ERROR_out_of_memory);
	plan->role = role_find(wanted->kind);
	if ((plan->role & ROLE_ISSUED) == 0)
		return refuse_value(decision, ERROR_field_invalid, "issue_request.kind", wanted->kind,
		    SLICE_LITERAL(ROLE_ISSUED_WORDS));
	plan->csr = wanted->csr;
	enum outcome outcome = certificate_check_request(decision, plan);
	if (outcome != PROCEED)
		return outcome;
	if (plan->request.common_name[0] == '\0')
		return refuse_value(decision, ERROR_request_invalid, "issue_request.csr", SLICE_EMPTY,
		    SLICE_LITERAL("a common name"));
	plan->common_name = decision_text(decision, "%s", plan->request.common_name);
	struct msg_issue_request sent = *wanted;
	sent.has_deadline_ms = false;
	plan->message = certificate_message(decision, message_issue_request(), &sent);
	return certificate_issue(decision, plan);
}

/* ---- revoke ---- */

/* An operator may know what there is; to everybody else a foreign one and a missing one are the same. */
static enum outcome
refuse_serial(struct decision *decision, struct slice serial)
{
	bool is_operator = decision->context->holder.role == ROLE_OPERATOR;

	return refuse_value(decision, is_operator ? ERROR_certificate_unknown : ERROR_certificate_not_own,
	    "revoke_request.serial", decision_hex(decision, serial),
	    is_operator ? SLICE_LITERAL("the serial number of a certificate issued here") :
			  SLICE_LITERAL("the serial number of a certificate of one's own"));
}

/* One's own, or any for an operator. A second revocation changes nothing, whatever its reason, and says so: whoever
 * lost the first answer is not to be told that it failed. */
HANDLER(revoke)
{
	const struct msg_revoke_request *wanted = request;
	const struct holder *holder = &decision->context->holder;
	struct msg_revoke_answer *answer = decision->effects->answer;
	struct rec_certificate *certificate = arena_alloc(decision->arena, sizeof *certificate);
	struct key_public key;
	bool is_own;

	if (certificate == NULL)
		return refuse(decision, ERROR_out_of_memory);
	if (revocation_reason_word(wanted->reason) == NULL)
		return refuse_value(decision, ERROR_field_invalid, "revoke_request.reason",
		    decision_text(decision, "%llu", (unsigned long long)wanted->reason),
		    SLICE_LITERAL(REVOCATION_REASON_NUMBERS));
	switch (certificate_find(decision, wanted->serial, certificate, &key)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse_serial(decision, wanted->serial);
	case VIEW_FOUND:
		break;
	}
	is_own = slice_equal(certificate->serial, slice_of(holder->serial, SERIAL_SIZE));
	if (certificate->has_spi && holder->has_person) {
		struct keyed person = decision_person(decision, certificate->spi);
		is_own |= slice_equal(key_part_keyed(&person), key_part_keyed(&holder->person));
	}
	if (!is_own && holder->role != ROLE_OPERATOR)
		return refuse_serial(decision, wanted->serial);
	answer->has_reason = answer->has_was_revoked = true;
	answer->was_revoked = certificate->has_revoked_at;
	if (!certificate->has_revoked_at)
		certificate_revoke(decision, certificate, wanted->reason);
	answer->revoked_at = certificate->revoked_at;
	answer->reason = certificate->reason;
	return DECIDED;
}
