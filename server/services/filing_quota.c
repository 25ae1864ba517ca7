/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be filed: by each signer so many filings in an hour and in a day, by a household as many as two persons,
 * and so many bytes in a campaign. Kept in the dossier, which every filing reads and writes anyway: the count is as
 * durable as the filings themselves, and of two that are decided side by side one waits for the other. A person signs
 * for the own household and for no other, so that an account in its dossier is the only one. */
#include "server/services/filing.h"

#include <string.h>

#include "protocol/check.h"

#define HOUR_S ((uint64_t)3600)
#define DAY_S ((uint64_t)86400)

/* A stretch of time that begins with a filing, and how many were accepted in it. */
struct window {
	uint64_t *begin, *count;
	uint64_t length, max;
	const char *whose, *name;
};

/* One that is over begins anew. A clock that was set back must not make anybody wait for longer than one window. */
static void
window_turn(const struct window *window, uint64_t now)
{
	if (*window->begin > now)
		*window->begin = now;
	if (*window->count != 0 && now - *window->begin < window->length)
		return;
	*window->begin = now;
	*window->count = 0;
}

static uint64_t
window_end(const struct window *window)
{
	return *window->begin + window->length;
}

static enum outcome
refuse_filings(struct decision *decision, const struct window *window)
{
	uint64_t end = window_end(window);
	struct slice from = decision_utc(decision, *window->begin), until = decision_utc(decision, end);
	enum outcome outcome = refuse_value(decision, ERROR_filings_exceeded, "line 4",
	    decision_text(decision, "filing %llu of this %s in the %s from %.*s on",
		(unsigned long long)*window->count + 1, window->whose, window->name, (int)from.size,
		(const char *)from.data),
	    decision_text(decision, "at most %llu, the next not before %.*s", (unsigned long long)window->max,
		(int)until.size, (const char *)until.data));

	decision->effects->retry_after_ms = (end - decision->context->now) * 1000;
	return outcome;
}

/* The signer's, begun when there is none; NULL when memory is short. Others stay for as long as they count; of more
 * than PERSONS_MAX, which a household can only have when persons came and went within a day, the eldest is
 * forgotten. */
static struct rec_signer_account *
signer_account(struct decision *decision, struct rec_dossier *dossier, struct slice signer)
{
	struct rec_signer_account *accounts = arena_alloc_array(decision->arena, PERSONS_MAX, sizeof *accounts);
	struct rec_signer_account own = { .signer = signer };
	size_t count = 0;

	if (accounts == NULL)
		return NULL;
	check(dossier->signers_count <= PERSONS_MAX);
	for (size_t i = 0; i < dossier->signers_count; i++) {
		const struct rec_signer_account *account = &dossier->signers[i];
		if (slice_equal(account->signer, signer))
			own = *account;
		else if (account->day + DAY_S > decision->context->now)
			accounts[count++] = *account;
	}
	if (count == PERSONS_MAX)
		memmove(accounts, accounts + 1, --count * sizeof *accounts);
	accounts[count] = own;
	dossier->has_signers = true;
	dossier->signers = accounts;
	dossier->signers_count = count + 1;
	return &accounts[count];
}

enum outcome
filing_stage_rate(struct decision *decision, struct signed_filing *signed_filing)
{
	struct rec_dossier *dossier = &filing_of(signed_filing)->dossier;
	struct rec_signer_account *own = signer_account(decision, dossier, key_part_keyed(&signed_filing->signer));
	const struct window *full = NULL;

	if (own == NULL)
		return refuse(decision, ERROR_out_of_memory);
	const struct window windows[] = {
		{ &own->hour, &own->hour_filings, HOUR_S, LIMIT_FILINGS_HOUR, "signer", "hour" },
		{ &own->day, &own->day_filings, DAY_S, LIMIT_FILINGS_DAY, "signer", "day" },
		{ &dossier->hour, &dossier->hour_filings, HOUR_S, LIMIT_FILING_SHARES * LIMIT_FILINGS_HOUR,
		    "household", "hour" },
		{ &dossier->day, &dossier->day_filings, DAY_S, LIMIT_FILING_SHARES * LIMIT_FILINGS_DAY,
		    "household", "day" },
	};

	/* Of several waits the longest is told. */
	for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		window_turn(&windows[i], decision->context->now);
		if (*windows[i].count >= windows[i].max && (full == NULL || window_end(&windows[i]) > window_end(full)))
			full = &windows[i];
	}
	if (full != NULL)
		return refuse_filings(decision, full);
	for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
		++*windows[i].count;
	dossier->has_hour = dossier->has_hour_filings = dossier->has_day = dossier->has_day_filings = true;
	return PROCEED;
}

/* ---- bytes ---- */

/* What the filing adds to the archive: each document as it came, compressed or not. Before its upload, the attachments
 * that are announced. */
static uint64_t
filing_bytes(const struct filing *filing)
{
	const struct manifest *manifest = &filing->signed_filing.manifest;
	uint64_t bytes = 0;

	for (size_t i = 0; i < manifest->documents_count; i++) {
		const struct manifest_document *document = &manifest->documents[i];
		const struct msg_document_sent *sent = filing_find_sent(filing, document->digest);
		if (sent != NULL)
			bytes += sent->content.size;
		else if (!manifest_is_return(document))
			bytes += document->size;
	}
	return bytes;
}

static uint64_t
returns_bytes(const struct manifest *manifest)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < manifest->documents_count; i++)
		bytes += manifest_is_return(&manifest->documents[i]) ? manifest->documents[i].size : 0;
	return bytes;
}

enum outcome
filing_stage_quota(struct decision *decision, struct signed_filing *signed_filing)
{
	struct filing *filing = filing_of(signed_filing);
	struct rec_dossier *dossier = &filing->dossier;
	uint64_t bytes = filing_bytes(filing), filed = dossier->has_filed ? dossier->filed : 0;
	uint64_t returns = returns_bytes(&signed_filing->manifest);

	dossier->has_filed = true;
	dossier->filed = filed + bytes;
	/* Nobody may be kept from correcting a return, whatever was attached to it before. */
	if (dossier->filed > LIMIT_FILED_QUOTA && bytes > LIMIT_RETURNS_TOTAL)
		refuse_later(decision, ERROR_documents_too_large, "documents",
		    decision_text(decision, "%llu bytes after %llu of earlier filings", (unsigned long long)bytes,
			(unsigned long long)filed),
		    decision_text(decision, "at most %llu of one household in a campaign; then %d in a filing",
			(unsigned long long)LIMIT_FILED_QUOTA, LIMIT_RETURNS_TOTAL));
	if (returns <= LIMIT_RETURNS_TOTAL)
		return PROCEED;
	/* Memory is meant for no more than that: none of them is looked at. */
	refuse_later(decision, ERROR_documents_too_large, "documents",
	    decision_text(decision, "%llu bytes of return documents", (unsigned long long)returns),
	    decision_text(decision, "at most %d", LIMIT_RETURNS_TOTAL));
	return refuse_noted(decision);
}
