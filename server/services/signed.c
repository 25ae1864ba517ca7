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

void
signed_begin(struct signed_filing *filing, struct slice text, struct slice serial, uint64_t signing_time,
    struct slice signature)
{
	filing->text = text;
	filing->serial = serial;
	filing->signing_time = signing_time;
	filing->signature = signature;
}

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
	enum error error = ERROR_out_of_memory;

	if (attributes == NULL)
		return error;
	signature_attributes_put(attributes, filing->signing_time, filing->id, filing->certificate.digest.data);
	if (buf_ok(attributes))
		error = decision_verify(decision, &filing->key, buf_peek(attributes), filing->signature);
	buf_destroy(attributes);
	return error;
}

static void
refuse_signing_time(struct decision *decision, const struct signed_filing *filing, struct slice expected)
{
	refuse_later(decision, ERROR_signing_time_invalid, "signing_time",
	    decision_utc(decision, filing->signing_time), expected);
}

enum outcome
signed_stage_signature(struct decision *decision, struct signed_filing *filing)
{
	/* What cannot stand in a signature is said before any work is done. */
	if (filing->signing_time > SIGNING_TIME_MAX) {
		struct slice latest = decision_utc(decision, SIGNING_TIME_MAX);
		refuse_signing_time(decision, filing,
		    decision_text(decision, "at most %.*s", (int)latest.size, (const char *)latest.data));
		return refuse_noted(decision);
	}
	switch (certificate_find(decision, filing->serial, &filing->certificate, &filing->key)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse_value(decision, ERROR_certificate_unknown, "serial", decision_hex(decision,
		    filing->serial),
		    SLICE_LITERAL("the serial number of a certificate issued here"));
	case VIEW_FOUND:
		break;
	}
	enum error error = signature_check(decision, filing);
	if (error == ERROR_signature_invalid)
		return refuse_value(decision, error, "signature", SLICE_EMPTY,
		    SLICE_LITERAL("a signature by this certificate's key over the signed attributes of this manifest"));
	if (error != ERROR_NONE)
		return refuse(decision, error);
	if (!filing->certificate.has_spi)
		return refuse_value(decision, ERROR_signer_not_entitled, "serial", decision_hex(decision,
		    filing->serial),
		    SLICE_LITERAL("a taxpayer's certificate"));
	filing->signer = decision_person(decision, filing->certificate.spi);
	return PROCEED;
}

static struct slice
taxpayer_key(struct decision *decision, const struct keyed *person)
{
	return KEY_MAKE(decision->arena, KEY_taxpayer, key_part_keyed(person));
}

enum outcome
signed_stage_earlier(struct decision *decision, struct signed_filing *filing)
{
	struct slice key = KEY_MAKE(decision->arena, KEY_filing, slice_of(filing->id, sizeof filing->id),
	    key_part_keyed(&filing->signer));
	enum view_state state = view_get(decision->view, key, record_filing(), &filing->earlier);

	filing->has_earlier = state == VIEW_FOUND;
	/* For the stages to come, in the same round trip. */
	filing->subject_keyed = decision_person(decision, filing->manifest.spi);
	view_want(decision->view, taxpayer_key(decision, &filing->subject_keyed));
	return state == VIEW_AGAIN ? AGAIN : PROCEED;
}

static void
check_signing_time(struct decision *decision, const struct signed_filing *filing)
{
	const struct rec_certificate *certificate = &filing->certificate;
	struct slice now = decision_utc(decision, decision->context->now),
		     from = decision_utc(decision, certificate->not_before),
		     to = decision_utc(decision, certificate->not_after);

	if (filing->signing_time < certificate->not_before || filing->signing_time > certificate->not_after)
		refuse_signing_time(decision, filing, decision_text(decision,
		    "from %.*s to %.*s, the certificate's validity",
		    (int)from.size, (const char *)from.data, (int)to.size, (const char *)to.data));
	else if (filing->signing_time > decision->context->now + SIGNING_TIME_AHEAD_S)
		refuse_signing_time(decision, filing, decision_text(decision,
		    "at most %d s after %.*s, the office's clock",
		    SIGNING_TIME_AHEAD_S, (int)now.size, (const char *)now.data));
}

/* Both reasons if need be, and no further: who signs with a certificate that does not count learns nothing of the
 * household's affairs. */
enum outcome
signed_stage_certificate(struct decision *decision, struct signed_filing *filing)
{
	const struct rec_certificate *certificate = &filing->certificate;
	uint64_t now = decision->context->now;
	enum error error = certificate_status(certificate, now);

	if (error != ERROR_NONE)
		refuse_certificate(decision, certificate, error);
	check_signing_time(decision, filing);
	return refuse_noted(decision);
}

struct slice
signed_campaign_span(struct decision *decision)
{
	const struct campaign *campaign = &decision->context->office->campaign;
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

bool
signed_campaign_is_open(const struct decision *decision)
{
	const struct campaign *campaign = &decision->context->office->campaign;
	uint64_t now = decision->context->now;

	return now >= campaign->opens_at && now < campaign->closes_at;
}

enum outcome
signed_stage_campaign(struct decision *decision, struct signed_filing *filing)
{
	const struct campaign *campaign = &decision->context->office->campaign;

	if (!slice_equal(filing->manifest.campaign, campaign->name))
		refuse_later(decision, ERROR_campaign_unknown, "line 3", filing->manifest.campaign, campaign->name);
	else if (!signed_campaign_is_open(decision))
		refuse_later(decision, ERROR_campaign_closed, "line 3", filing->manifest.campaign,
		    signed_campaign_span(decision));
	return PROCEED;
}

static enum view_state
taxpayer_find(struct decision *decision, const struct keyed *person, struct rec_taxpayer *out)
{
	return view_get(decision->view, taxpayer_key(decision, person), record_taxpayer(), out);
}

/* The same words for a number that nobody has, for somebody else's and for a company: whether a number exists is
 * nobody's business. */
static enum outcome
refuse_stranger(struct decision *decision, const struct signed_filing *filing)
{
	const struct manifest *manifest = &filing->manifest;

	refuse_later(decision, ERROR_signer_not_entitled, "line 4",
	    manifest->spi.size != 0 ? manifest->spi : manifest->siren,
	    SLICE_LITERAL("the tax number of the signer or of a person taxed jointly with the signer"));
	return refuse_noted(decision);
}

/* Everybody taxed together with the subject today. */
static enum outcome
household_find(struct decision *decision, struct signed_filing *filing)
{
	struct rec_household members;
	struct keyed keyed[PERSONS_MAX];

	filing->household = decision_keyed(decision, "household", filing->subject.household);
	struct slice key = KEY_MAKE(decision->arena, KEY_household, key_part_keyed(&filing->household));
	switch (view_get(decision->view, key, record_household(), &members)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse_stranger(decision, filing);
	case VIEW_FOUND:
		break;
	}
	size_t count = members.members_count < PERSONS_MAX ? members.members_count : PERSONS_MAX;
	for (size_t i = 0; i < count; i++) {
		keyed[i] = decision_person(decision, members.members[i].spi);
		view_want(decision->view, taxpayer_key(decision, &keyed[i]));
	}
	for (size_t i = 0; i < count; i++)
		switch (taxpayer_find(decision, &keyed[i], &filing->persons[filing->persons_count])) {
		case VIEW_AGAIN:
			return AGAIN;
		case VIEW_ABSENT:
			break;
		case VIEW_FOUND:
			filing->persons_keyed[filing->persons_count++] = keyed[i];
			break;
		}
	return PROCEED;
}

static bool
family_changed(const struct signed_filing *filing, uint64_t income_year)
{
	for (size_t i = 0; i < filing->persons_count; i++)
		if (filing->persons[i].has_family_change_year && filing->persons[i].family_change_year == income_year)
			return true;
	return false;
}

enum outcome
signed_stage_entitled(struct decision *decision, struct signed_filing *filing)
{
	uint64_t income_year = decision->context->office->campaign.income_year;
	bool is_entitled = false;

	switch (taxpayer_find(decision, &filing->subject_keyed, &filing->subject)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse_stranger(decision, filing);
	case VIEW_FOUND:
		break;
	}
	enum outcome outcome = household_find(decision, filing);
	if (outcome != PROCEED)
		return outcome;
	for (size_t i = 0; i < filing->persons_count; i++)
		is_entitled |= slice_equal(filing->persons[i].spi, filing->certificate.spi);
	if (!is_entitled)
		return refuse_stranger(decision, filing);
	if (family_changed(filing, income_year))
		refuse_later(decision, ERROR_family_change, "line 4", filing->manifest.spi,
		    decision_text(decision,
		    "a household whose situation did not change in %llu; file this return on paper",
			(unsigned long long)income_year));
	return refuse_noted(decision);
}
