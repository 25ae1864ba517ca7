/* SPDX-License-Identifier: Apache-2.0
 *
 * What an office answered, compared with what it was asked for and with what is proven. */
#include "client/answer.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "client/evidence.h"
#include "client/identity.h"
#include "client/problem.h"
#include "client/trust.h"
#include "protocol/digest.h"
#include "protocol/manifest.h"

/* One error for all that differs: place, what came, what is proven or was asked for. */
static enum guichet_error
differs(struct guichet_problem *problem, const char *place, struct slice came, struct slice expected)
{
	const struct fault fault = { ERROR_proof_invalid, slice_of_text(place), came, expected };

	return problem_set_fault(problem, ERROR_proof_invalid, &fault);
}

static enum guichet_error
compare_texts(struct guichet_problem *problem, const char *place, struct slice came, struct slice expected)
{
	return slice_equal(came, expected) ? GUICHET_ERROR_none : differs(problem, place, came, expected);
}

static enum guichet_error
compare_numbers(struct guichet_problem *problem, const char *place, uint64_t came, uint64_t expected)
{
	char texts[2][24];

	snprintf(texts[0], sizeof texts[0], "%" PRIu64, came);
	snprintf(texts[1], sizeof texts[1], "%" PRIu64, expected);
	return compare_texts(problem, place, slice_of_text(texts[0]), slice_of_text(texts[1]));
}

static enum guichet_error
compare_digests(struct guichet_problem *problem, const char *place, const uint8_t *came, const uint8_t *expected)
{
	char texts[2][2 * DIGEST_SIZE + 1];

	hex_encode(slice_of(came, DIGEST_SIZE), texts[0]);
	hex_encode(slice_of(expected, DIGEST_SIZE), texts[1]);
	return compare_texts(problem, place, slice_of_text(texts[0]), slice_of_text(texts[1]));
}

/* ---- the receipt ---- */

enum guichet_error
answer_check_proof(const struct guichet_trust *trust, const struct msg_receipt_answer *answer, struct arena *arena,
    struct receipt *out, struct guichet_problem *problem)
{
	struct checkpoint checkpoint;
	struct fault fault = { 0 };
	uint64_t index;
	enum error error =
	    tlog_proof_verify(answer->proof, answer->receipt, &trust->verifier, &checkpoint, &index, &fault);

	if (error == ERROR_NONE)
		error = receipt_parse(answer->receipt, arena, out, &fault);
	return error == ERROR_NONE ? GUICHET_ERROR_none : problem_set_fault(problem, error, &fault);
}

enum guichet_error
answer_check_receipt(const struct guichet_trust *trust, struct slice reference,
    const struct msg_receipt_answer *answer, struct arena *arena, struct receipt *out, struct guichet_problem *problem)
{
	char id[2 * DIGEST_SIZE + 1];
	enum guichet_error error = answer_check_proof(trust, answer, arena, out, problem);

	if (error == GUICHET_ERROR_none)
		error = compare_texts(problem, "receipt, origin", out->origin, slice_of_text(trust->verifier.name));
	if (error != GUICHET_ERROR_none)
		return error;
	if (receipt_number_valid(reference))
		return compare_texts(problem, "receipt, number", out->number, reference);
	hex_encode(slice_of(out->filing_id, DIGEST_SIZE), id);
	return compare_texts(problem, "receipt, filing id", slice_of_text(id), reference);
}

/* ---- the filing ---- */

/* One document of the manifest against what a list says of it. `list` and `nth` tell where. */
static enum guichet_error
compare_document(struct guichet_problem *problem, const char *list, size_t nth, const struct receipt_document *came,
    const struct manifest_document *expected)
{
	char place[64];
	enum guichet_error error;

	snprintf(place, sizeof place, "%s, document %zu", list, nth + 1);
	error = compare_texts(problem, place, came->type, expected->type);
	if (error == GUICHET_ERROR_none)
		error = compare_texts(problem, place, came->media_type, expected->media_type);
	if (error == GUICHET_ERROR_none)
		error = compare_numbers(problem, place, came->size, expected->size);
	if (error == GUICHET_ERROR_none)
		error = compare_digests(problem, place, came->digest, expected->digest);
	return error;
}

/* What was signed lists the documents; the receipt and the rows of the answer say the same of each, in its order. */
static enum guichet_error
check_documents(const struct receipt *receipt, const struct msg_filing_answer *filing, const struct manifest *manifest,
    struct guichet_problem *problem)
{
	enum guichet_error error =
	    compare_numbers(problem, "filing, documents", filing->documents_count, manifest->documents_count);

	if (error == GUICHET_ERROR_none)
		error = compare_numbers(
		    problem, "receipt, documents", receipt->documents_count, manifest->documents_count);
	for (size_t i = 0; i < manifest->documents_count && error == GUICHET_ERROR_none; i++) {
		const struct msg_document_row *row = &filing->documents[i];
		struct receipt_document listed = { .type = row->type, .media_type = row->media_type,
			.size = row->size };
		memcpy(listed.digest, row->digest.data, DIGEST_SIZE);
		error = compare_document(problem, "filing", i, &listed, &manifest->documents[i]);
		if (error == GUICHET_ERROR_none)
			error = compare_document(
			    problem, "receipt", i, &receipt->documents[i], &manifest->documents[i]);
	}
	return error;
}

static enum guichet_error
check_manifest(const struct receipt *receipt, const struct msg_filing_answer *filing, struct arena *arena,
    struct guichet_problem *problem)
{
	uint8_t digest[DIGEST_SIZE];
	struct manifest manifest;
	struct fault fault = { 0 };

	digest_bytes(filing->manifest, digest);
	enum guichet_error error =
	    compare_digests(problem, "filing, SHA-256 of the manifest", digest, receipt->filing_id);
	if (error != GUICHET_ERROR_none)
		return error;
	if (manifest_parse(filing->manifest, arena, &manifest, &fault) != ERROR_NONE)
		return problem_set_fault_in(problem, ERROR_proof_invalid, "filing, manifest", &fault);
	return check_documents(receipt, filing, &manifest, problem);
}

/* Is the certificate one that the receipt names as the signer's, with that signing time? */
static enum guichet_error
compare_signer(const struct receipt *receipt, const struct msg_filing_answer *filing, X509 *certificate,
    struct guichet_problem *problem)
{
	uint8_t serial[SERIAL_SIZE];
	char serial_text[2 * SERIAL_SIZE + 1];

	if (!identity_read_serial(certificate, serial))
		return differs(problem, "filing, certificate", SLICE_LITERAL("a serial number that is none"),
		    SLICE_LITERAL("a certificate of this office"));
	for (size_t i = 0; i < receipt->signers_count; i++)
		if (memcmp(receipt->signers[i].serial, serial, SERIAL_SIZE) == 0)
			return compare_numbers(problem, "filing, signing time", filing->signing_time,
			    receipt->signers[i].signing_time);
	hex_encode(slice_of(serial, SERIAL_SIZE), serial_text);
	return differs(problem, "filing, certificate", slice_of_text(serial_text),
	    SLICE_LITERAL("the serial number of a signer in the receipt"));
}

static enum guichet_error
check_signer(const struct guichet_trust *trust, const struct receipt *receipt, const struct msg_filing_answer *filing,
    struct guichet_problem *problem)
{
	const unsigned char *at = filing->certificate.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)filing->certificate.size);

	ERR_clear_error();
	if (certificate == NULL || at != filing->certificate.data + filing->certificate.size) {
		X509_free(certificate);
		return problem_set(problem, ERROR_proof_invalid, "filing, certificate", SLICE_EMPTY,
		    "a certificate, DER");
	}
	enum guichet_error error = trust_check_certificate(trust, certificate, problem);
	if (error == GUICHET_ERROR_none)
		error = compare_signer(receipt, filing, certificate, problem);
	X509_free(certificate);
	return error;
}

enum guichet_error
answer_check_filing(const struct guichet_trust *trust, const struct receipt *receipt,
    const struct msg_filing_answer *filing, struct arena *arena, struct guichet_problem *problem)
{
	enum guichet_error error = compare_texts(problem, "filing, number", filing->number, receipt->number);

	if (error == GUICHET_ERROR_none)
		error = check_manifest(receipt, filing, arena, problem);
	if (error == GUICHET_ERROR_none)
		error = check_signer(trust, receipt, filing, problem);
	return error == GUICHET_ERROR_none ? evidence_check_signature(filing, problem) : error;
}
