/* SPDX-License-Identifier: Apache-2.0
 *
 * Receipts to read, checkpoints to keep, signatures for other people's tools (A17, A19). */
#include "client/evidence.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "client/blob.h"
#include "client/problem.h"
#include "client/trust.h"
#include "protocol/digest.h"
#include "protocol/key.h"
#include "protocol/receipt.h"
#include "protocol/signature.h"

/* A receipt parsed or printed: several times its size at most. */
#define PRINT_SIZE_MAX ((size_t)16 * LIMIT_RECEIPT_SIZE)
/* Certificate, attributes, wrapping. */
#define EXPORT_SIZE_MAX ((size_t)4 * LIMIT_CERTIFICATE)

enum guichet_error
guichet_receipt_print(struct guichet_bytes receipt, struct guichet_blob **out, struct guichet_problem *problem)
{
	struct arena *arena = arena_create(PRINT_SIZE_MAX);
	struct buf *buf = buf_create(PRINT_SIZE_MAX);
	struct receipt parsed;
	struct fault fault = { 0 };
	enum error error = ERROR_out_of_memory;

	*out = NULL;
	if (arena != NULL && buf != NULL)
		error = receipt_parse(slice_of_public(receipt), arena, &parsed, &fault);
	if (error != ERROR_NONE) {
		problem_set_fault(problem, error, &fault);
		buf_destroy(buf);
	} else {
		receipt_print_french(buf, &parsed);
		*out = blob_take(buf);
	}
	arena_destroy(arena);
	if (error == ERROR_NONE && *out == NULL)
		return problem_set(problem, ERROR_out_of_memory, "receipt", SLICE_EMPTY, NULL);
	return (enum guichet_error)error;
}

enum guichet_error
guichet_checkpoint_verify(
    const struct guichet_trust *trust, struct guichet_bytes checkpoint, uint64_t *size, struct guichet_problem *problem)
{
	struct checkpoint verified;
	struct fault fault = { 0 };

	enum error error = checkpoint_verify(slice_of_public(checkpoint), &trust->verifier, &verified, &fault);
	if (error != ERROR_NONE)
		return problem_set_fault(problem, error, &fault);
	*size = verified.size;
	return GUICHET_ERROR_none;
}

/* ---- a signature for other tools ---- */

static enum error
public_key_of(struct slice certificate, struct key_public *out)
{
	const unsigned char *at = certificate.data;
	X509 *parsed = d2i_X509(NULL, &at, (long)certificate.size);
	EVP_PKEY *key = parsed != NULL ? X509_get0_pubkey(parsed) : NULL;
	enum error error = key != NULL ? key_public_of(key, out) : ERROR_key_refused;

	X509_free(parsed);
	ERR_clear_error();
	return error;
}

static enum error
check_signature(const struct msg_filing_answer *filing)
{
	struct key_verifier *verifier = key_verifier_create();
	struct buf *attributes = buf_create(LIMIT_CERTIFICATE);
	uint8_t digest[DIGEST_SIZE], certificate_digest[DIGEST_SIZE];
	struct key_public key;
	enum error error = ERROR_out_of_memory;

	if (verifier == NULL || attributes == NULL)
		goto done;
	error = public_key_of(filing->certificate, &key);
	if (error != ERROR_NONE)
		goto done;
	digest_bytes(filing->manifest, digest);
	digest_bytes(filing->certificate, certificate_digest);
	signature_attributes_put(attributes, filing->signing_time, digest, certificate_digest);
	error = buf_ok(attributes) ? key_verify(verifier, &key, buf_peek(attributes), filing->signature) :
				     ERROR_signing_time_invalid;
done:
	key_verifier_destroy(verifier);
	buf_destroy(attributes);
	return error;
}

enum guichet_error
evidence_check_signature(const struct msg_filing_answer *filing, struct guichet_problem *problem)
{
	enum error error = check_signature(filing);

	if (error == ERROR_NONE)
		return GUICHET_ERROR_none;
	return problem_set(problem, error, "signature", filing->number, "the signer's signature over the manifest");
}

enum guichet_error
guichet_signature_export(struct guichet_record record, struct guichet_blob **out, struct guichet_problem *problem)
{
	const struct msg_filing_answer *filing = record.values;
	uint8_t digest[DIGEST_SIZE];

	*out = NULL;
	if (record.shape != message_filing_answer() || filing == NULL)
		return problem_set(problem, ERROR_usage, "record", SLICE_EMPTY, "the answer of the operation filing");
	/* Nobody is to be handed one that does not hold. */
	enum guichet_error holds = evidence_check_signature(filing, problem);
	if (holds != GUICHET_ERROR_none)
		return holds;
	digest_bytes(filing->manifest, digest);
	const struct signature_signer signer = { filing->certificate, filing->signing_time, filing->signature };
	struct buf *buf = buf_create(EXPORT_SIZE_MAX);
	enum error error = buf != NULL ? signature_export(buf, digest, &signer, 1) : ERROR_out_of_memory;
	if (error != ERROR_NONE) {
		buf_destroy(buf);
		return problem_set(problem, error, "signature", SLICE_EMPTY, NULL);
	}
	*out = blob_take(buf);
	return *out != NULL ? GUICHET_ERROR_none :
			      problem_set(problem, ERROR_out_of_memory, "signature", SLICE_EMPTY, NULL);
}
