/* SPDX-License-Identifier: Apache-2.0
 *
 * One filing on its way to its receipt: what its stages hand on. Only for filing*.c, each of which has some of the
 * stages, and for uploads.c, which shares those that need no document. */
#ifndef GUICHET_SERVICES_FILING_H
#define GUICHET_SERVICES_FILING_H

#include "protocol/receipt_number.h"
#include "server/services/signed.h"

struct filing {
	struct signed_filing signed_filing; /* first: the stages know it as this */
	const struct msg_file_request *request; /* NULL for an upload */
	struct keyed campaign;
	bool has_dossier;
	struct rec_dossier dossier; /* as it was found, its account as this filing leaves it */
	bool is_countersigned;       /* what is in force is this very manifest, signed by another person */
	struct rec_filing *replaced; /* what this filing rectifies, once for each who signed it */
	size_t replaced_count;
	struct rec_archive_document *documents; /* in the manifest's order */
	struct rules_document *returns;
	size_t returns_count;
	bool has_all_returns;
	struct rules_result rules;
	char number[RECEIPT_NUMBER_SIZE + 1];
	struct rec_filing record;
};

static inline struct filing *
filing_of(struct signed_filing *filing)
{
	return (struct filing *)filing;
}

/* Key of what is in force for the household and campaign of the filing. */
struct slice filing_dossier_key(struct decision *decision, const struct filing *filing);

/* What is in force for this household and campaign, and how this filing stands to it: the first, a rectification, or
 * the same bytes signed by another person of the household, which leaves everything in force as it is (A11). Noted when
 * it may not take its place: that is in the manifest, so no gigabyte has to come first. */
must_check enum outcome filing_stage_dossier(struct decision *decision, struct signed_filing *filing);
/* Neither the signer nor the household has filed too often for now; otherwise refused, with when it goes on. */
must_check enum outcome filing_stage_rate(struct decision *decision, struct signed_filing *filing);
/* The documents are no more bytes than the household may still file in this campaign; noted otherwise. Nor are the
 * return documents more than one filing may have; refused otherwise, with everything noted. */
must_check enum outcome filing_stage_quota(struct decision *decision, struct signed_filing *filing);
/* The document of that digest as it came with the filing; NULL when it did not, and for an upload. */
const struct msg_document_sent *filing_find_sent(const struct filing *filing, const uint8_t digest[DIGEST_SIZE]);
/* Refuses with everything that was noted since the signer was known to be entitled, if anything was. */
must_check enum outcome filing_stage_refuse(struct decision *decision, struct signed_filing *filing);
/* All that is read before anything is inflated: what was uploaded, and that the upload ends with this filing. What is
 * missing, or was sent and not signed for, is noted. */
must_check enum outcome filing_stage_uploads(struct decision *decision, struct signed_filing *filing);
/* Every document that came is whole and as it was signed (A16); noted otherwise. */
must_check enum outcome filing_stage_documents(struct decision *decision, struct signed_filing *filing);
/* A receipt number that nobody has. */
must_check enum outcome filing_stage_number(struct decision *decision, struct signed_filing *filing);
/* The receipt (A17), the evidence (A19) and the indexes, as effects. */
must_check enum outcome filing_stage_accept(struct decision *decision, struct signed_filing *filing);

#endif
