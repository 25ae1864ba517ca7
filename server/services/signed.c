/* SPDX-License-Identifier: Apache-2.0
 *
 * From a signed text to a person entitled to file it. */
#include "server/services/signed.h"

#include <string.h>

#include "protocol/digest.h"
#include "protocol/receipt.h"
#include "protocol/signature.h"
#include "server/gate.h"
#include "server/services/certificate.h"

enum outcome
signed_run(struct decision *decision, struct signed_filing *filing, const signed_stage *stages)
{
	for (; *stages != NULL; stages++) {
		enum outcome outcome = (*stages)(decision, filing);
		if (outcome != PROCEED)
			return outcome;
	}
	return PROCEED;
}

enum outcome
signed_stage_manifest(struct decision *decision, struct signed_filing *filing)
{
	struct slice origin = decision->context->office->origin;
	struct fault fault;

	if (manifest_parse(filing->text, decision->arena, &filing->manifest, &fault) != ERROR_NONE)
		return refuse_with(decision, &fault);
	if (!slice_equal(filing->manifest.origin, origin))
		return refuse_value(decision, ERROR_origin_mismatch, "line 2", filing->manifest.origin, origin);
	digest_bytes(filing->text, filing->id);
	return PROCEED;
}

static enum error
signature_check(struct decision *decision, struct signed_filing *filing)
{
	struct buf *attributes = buf_create(1024);
	enum error error = ERROR_signing_time_invalid;

	if (attributes == NULL)
		return ERROR_out_of_memory;
	signature_attributes_put(attributes, filing->signing_time, filing->id, filing->certificate.digest.data);
	if (buf_ok(attributes))
		error = decision_verify(decision, &filing->key, buf_peek(attributes), filing->signature);
	buf_destroy(attributes);
	return error;
}

enum outcome
signed_stage_signature(struct decision *decision, struct signed_filing *filing)
{
	switch (certificate_find(decision, filing->serial, &filing->certificate, &filing->key)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse(decision, ERROR_certificate_unknown);
	case VIEW_FOUND:
		break;
	}
	enum error error = signature_check(decision, filing);
	if (error != ERROR_NONE)
		return refuse(decision, error);
	if (!filing->certificate.has_spi)
		return refuse(decision, ERROR_signer_not_entitled);
	filing->signer = decision_person(decision, filing->certificate.spi);
	return PROCEED;
}

enum outcome
signed_stage_earlier(struct decision *decision, struct signed_filing *filing)
{
	struct slice key = KEY_MAKE(decision->arena, KEY_filing, slice_of(filing->id, sizeof filing->id),
	    key_part_keyed(&filing->signer));
	enum view_state state = view_get(decision->view, key, record_filing(), &filing->earlier);

	filing->has_earlier = state == VIEW_FOUND;
	return state == VIEW_AGAIN ? AGAIN : PROCEED;
}

enum outcome
signed_stage_certificate(struct decision *decision, struct signed_filing *filing)
{
	uint64_t now = decision->context->now;
	enum error error = certificate_status(&filing->certificate, now);

	if (error != ERROR_NONE)
		return refuse(decision, error);
	if (filing->signing_time < filing->certificate.not_before || filing->signing_time > filing->certificate.not_after)
		return refuse_value(decision, ERROR_signing_time_invalid, "signing_time",
		    decision_text(decision, "%llu", (unsigned long long)filing->signing_time),
		    decision_text(decision, "from %llu to %llu, the certificate's validity",
			(unsigned long long)filing->certificate.not_before, (unsigned long long)filing->certificate.not_after));
	if (filing->signing_time > now + SIGNING_TIME_AHEAD_S)
		return refuse_value(decision, ERROR_signing_time_invalid, "signing_time",
		    decision_text(decision, "%llu", (unsigned long long)filing->signing_time),
		    decision_text(decision, "at most %d s after %llu, the office's clock", SIGNING_TIME_AHEAD_S, (unsigned long long)now));
	return PROCEED;
}

/* "from 2026-01-01T00:00:00+01:00 until before ...", in the arena. */
static struct slice
campaign_span(struct decision *decision, const struct campaign *campaign)
{
	struct buf *text = buf_create(128);
	struct slice span = SLICE_EMPTY;

	if (text == NULL)
		return span;
	buf_put_text(text, "from ");
	time_put_paris(text, campaign->opens_at);
	buf_put_text(text, " until before ");
	time_put_paris(text, campaign->closes_at);
	if (!buf_ok(text) || !arena_copy(decision->arena, buf_peek(text), &span))
		span = SLICE_EMPTY;
	buf_destroy(text);
	return span;
}

enum outcome
signed_stage_campaign(struct decision *decision, struct signed_filing *filing)
{
	const struct campaign *campaign = &decision->context->office->campaign;
	uint64_t now = decision->context->now;

	if (!slice_equal(filing->manifest.campaign, campaign->name))
		return refuse_value(decision, ERROR_campaign_unknown, "line 3", filing->manifest.campaign, campaign->name);
	if (now < campaign->opens_at || now >= campaign->closes_at)
		return refuse_value(decision, ERROR_campaign_closed, "line 3", filing->manifest.campaign,
		    campaign_span(decision, campaign));
	return PROCEED;
}

static enum view_state
taxpayer_find(struct decision *decision, struct slice spi, struct rec_taxpayer *out)
{
	struct keyed person = decision_person(decision, spi);
	struct slice key = KEY_MAKE(decision->arena, KEY_taxpayer, key_part_keyed(&person));
	return view_get(decision->view, key, record_taxpayer(), out);
}

/* Everybody taxed together with the subject today. */
static enum outcome
household_find(struct decision *decision, struct signed_filing *filing)
{
	struct keyed household = decision_keyed(decision, "household", filing->subject.household);
	struct slice key = KEY_MAKE(decision->arena, KEY_household, key_part_keyed(&household));
	struct rec_household members;

	switch (view_get(decision->view, key, record_household(), &members)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse(decision, ERROR_signer_not_entitled);
	case VIEW_FOUND:
		break;
	}
	for (size_t i = 0; i < members.members_count && i < PERSONS_MAX; i++) {
		struct rec_taxpayer *person = &filing->persons[filing->persons_count];
		switch (taxpayer_find(decision, members.members[i].spi, person)) {
		case VIEW_AGAIN:
			return AGAIN;
		case VIEW_ABSENT:
			break;
		case VIEW_FOUND:
			filing->persons_count++;
			break;
		}
	}
	return PROCEED;
}

enum outcome
signed_stage_entitled(struct decision *decision, struct signed_filing *filing)
{
	bool is_entitled = false;

	switch (taxpayer_find(decision, filing->manifest.spi, &filing->subject)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		/* The same answer as for somebody else's subject: whether a number exists is nobody's business. */
		return refuse(decision, ERROR_signer_not_entitled);
	case VIEW_FOUND:
		break;
	}
	enum outcome outcome = household_find(decision, filing);
	if (outcome != PROCEED)
		return outcome;
	for (size_t i = 0; i < filing->persons_count; i++)
		is_entitled |= slice_equal(filing->persons[i].spi, filing->certificate.spi);
	if (!is_entitled)
		return refuse(decision, ERROR_signer_not_entitled);
	for (size_t i = 0; i < filing->persons_count; i++)
		if (filing->persons[i].has_family_change_year &&
		    filing->persons[i].family_change_year == decision->context->office->campaign.income_year)
			return refuse(decision, ERROR_family_change);
	return PROCEED;
}
