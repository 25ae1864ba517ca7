/* SPDX-License-Identifier: Apache-2.0
 *
 * Verifying a receipt with nothing but the log's public key (A17, A19): each check is a line of text and a verdict, so
 * that whoever reads them knows what was checked and what was not. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "client/filesystem.h"
#include "client/problem.h"
#include "client/trust.h"
#include "protocol/receipt.h"

/* Receipt and proof, their parsed forms, and the lines. */
#define VERIFICATION_SIZE_MAX ((size_t)1024 * 1024)
/* Documents of a filing, and a dozen checks of the receipt itself. */
#define CHECKS_MAX (4 * LIMIT_DOCUMENTS)
#define CHECK_TEXT_MAX ((size_t)1024)

struct verified {
	const char *text;
	bool passed;
};

struct guichet_verification {
	const struct guichet_trust *trust;
	struct arena *arena;
	struct verified checks[CHECKS_MAX];
	size_t count;
	bool failed; /* some check, also one that found no room in the list */
	struct buf *line;
	struct receipt receipt;
	bool has_receipt, has_checkpoint;
	bool is_compared[LIMIT_DOCUMENTS]; /* of the receipt's documents: a file was that one */
	struct checkpoint checkpoint;
};

/* Ends the line begun in verification->line as a check. */
static void
conclude(struct guichet_verification *verification, bool passed)
{
	struct slice text;

	buf_put_u8(verification->line, 0);
	bool kept = verification->count < CHECKS_MAX && buf_ok(verification->line) &&
	    arena_copy(verification->arena, buf_peek(verification->line), &text);
	if (kept)
		verification->checks[verification->count++] = (struct verified){ (const char *)text.data, passed };
	verification->failed = verification->failed || !passed || !kept;
	buf_clear(verification->line);
}

/* What failed, with place, value and expectation as far as they are known. */
static void
conclude_failed(
    struct guichet_verification *verification, const char *what, enum error error, const struct fault *fault)
{
	const struct error_entry *entry = error_find((unsigned)error);

	buf_put_format(verification->line, "%s: %s", what, entry != NULL ? entry->english : "");
	if (fault->place.size != 0) {
		buf_put_text(verification->line, ": ");
		buf_put(verification->line, fault->place);
	}
	if (fault->value.size != 0 && slice_is_utf8(fault->value)) {
		buf_put_text(verification->line, " is ");
		buf_put(verification->line, fault->value);
	}
	if (fault->expected.size != 0) {
		buf_put_text(verification->line, ", expected ");
		buf_put(verification->line, fault->expected);
	}
	conclude(verification, false);
}

/* ---- the receipt itself ---- */

static void
check_form(struct guichet_verification *verification, struct slice body)
{
	struct receipt *receipt = &verification->receipt;
	char canonical[RECEIPT_NUMBER_SIZE + 1];
	struct fault fault = { 0 };

	enum error error = receipt_parse(body, verification->arena, receipt, &fault);
	verification->has_receipt = error == ERROR_NONE;
	if (error != ERROR_NONE) {
		conclude_failed(verification, "receipt", error, &fault);
		return;
	}
	buf_put_format(verification->line, "receipt: a %s, received ", RECEIPT_TYPE);
	time_put_paris(verification->line, receipt->received_at);
	conclude(verification, true);
	buf_put_format(verification->line, "number: %.*s, its check character is right", (int)receipt->number.size,
	    (const char *)receipt->number.data);
	conclude(verification,
	    receipt_number_parse(receipt->number, canonical) && slice_equal_text(receipt->number, canonical));
	buf_put_format(verification->line, "office: %.*s, that of the log key", (int)receipt->origin.size,
	    (const char *)receipt->origin.data);
	conclude(verification, slice_equal_text(receipt->origin, verification->trust->verifier.name));
}

static void
check_proof(struct guichet_verification *verification, struct slice body, struct slice proof_text)
{
	const struct note_verifier *verifier = &verification->trust->verifier;
	struct merkle_proof proof;
	struct slice checkpoint_text;
	struct fault fault = { 0 };
	struct hash leaf;
	uint64_t index = 0;

	enum error error = tlog_proof_parse(proof_text, &index, &proof, &checkpoint_text, &fault);
	if (error != ERROR_NONE) {
		conclude_failed(verification, "proof", error, &fault);
		return;
	}
	error = checkpoint_verify(checkpoint_text, verifier, &verification->checkpoint, &fault);
	verification->has_checkpoint = error == ERROR_NONE;
	if (error != ERROR_NONE) {
		conclude_failed(verification, "checkpoint", error, &fault);
		return;
	}
	buf_put_format(verification->line, "checkpoint: signed by %s, a log of %" PRIu64 " entries", verifier->name,
	    verification->checkpoint.size);
	conclude(verification, true);
	merkle_hash_leaf(body, &leaf);
	error = merkle_verify_inclusion(
	    &leaf, index, verification->checkpoint.size, &proof, &verification->checkpoint.root);
	buf_put_format(verification->line,
	    error == ERROR_NONE ? "inclusion: the receipt is entry %" PRIu64 " of that log" :
				  "inclusion: these bytes are not entry %" PRIu64
				  " of that log; the receipt or its proof was changed",
	    index);
	conclude(verification, error == ERROR_NONE);
}

enum guichet_error
guichet_verification_create(const struct guichet_trust *trust, struct guichet_bytes receipt, struct guichet_bytes proof,
    struct guichet_verification **out, struct guichet_problem *problem)
{
	struct guichet_verification *verification = calloc(1, sizeof *verification);
	struct slice receipt_copy = SLICE_EMPTY, proof_copy = SLICE_EMPTY;

	*out = NULL;
	if (verification != NULL) {
		verification->trust = trust;
		verification->arena = arena_create(VERIFICATION_SIZE_MAX);
		verification->line = buf_create(CHECK_TEXT_MAX);
	}
	if (verification == NULL || verification->arena == NULL || verification->line == NULL ||
	    !arena_copy(verification->arena, slice_of_public(receipt), &receipt_copy) ||
	    !arena_copy(verification->arena, slice_of_public(proof), &proof_copy)) {
		guichet_verification_destroy(verification);
		return problem_set(
		    problem, ERROR_out_of_memory, "receipt", SLICE_EMPTY, "a receipt and a proof of at most 64 KB");
	}
	check_form(verification, receipt_copy);
	check_proof(verification, receipt_copy, proof_copy);
	*out = verification;
	return GUICHET_ERROR_none;
}

void
guichet_verification_destroy(struct guichet_verification *verification)
{
	if (verification == NULL)
		return;
	arena_destroy(verification->arena);
	buf_destroy(verification->line);
	free(verification);
}

/* ---- documents ---- */

enum guichet_error
guichet_verification_add_document(
    struct guichet_verification *verification, const char *path, struct guichet_problem *problem)
{
	uint8_t digest[DIGEST_SIZE];
	uint64_t size;
	const struct receipt_document *found = NULL;

	enum guichet_error error = filesystem_digest(path, LIMIT_ATTACHMENT_SIZE, &size, digest, problem);
	if (error != GUICHET_ERROR_none)
		return error;
	if (verification->has_receipt)
		for (size_t i = 0; i < verification->receipt.documents_count && found == NULL; i++)
			if (memcmp(verification->receipt.documents[i].digest, digest, DIGEST_SIZE) == 0 &&
			    verification->receipt.documents[i].size == size)
				found = &verification->receipt.documents[i];
	if (found != NULL)
		buf_put_format(verification->line, "document: %.700s is the %.*s that was received, %" PRIu64 " bytes",
		    path, (int)found->type.size, (const char *)found->type.data, size);
	else
		buf_put_format(verification->line, "document: %.700s is none of those received", path);
	if (found != NULL)
		verification->is_compared[found - verification->receipt.documents] = true;
	conclude(verification, found != NULL);
	return GUICHET_ERROR_none;
}

bool
guichet_verification_next_left(const struct guichet_verification *verification, size_t *index,
    struct guichet_bytes *type, uint64_t *size)
{
	size_t count = verification->has_receipt ? verification->receipt.documents_count : 0;

	for (; *index < count; ++*index)
		if (!verification->is_compared[*index]) {
			const struct receipt_document *document = &verification->receipt.documents[(*index)++];
			*type = public_of_slice(document->type);
			*size = document->size;
			return true;
		}
	return false;
}

/* ---- an earlier or later checkpoint ---- */

bool
guichet_verification_sizes(const struct guichet_verification *verification, struct guichet_bytes checkpoint,
    uint64_t *size_old, uint64_t *size_new)
{
	struct checkpoint kept;
	struct fault fault = { 0 };

	if (!verification->has_checkpoint ||
	    checkpoint_verify(slice_of_public(checkpoint), &verification->trust->verifier, &kept, &fault) != ERROR_NONE)
		return false;
	*size_old = kept.size < verification->checkpoint.size ? kept.size : verification->checkpoint.size;
	*size_new = kept.size < verification->checkpoint.size ? verification->checkpoint.size : kept.size;
	/* The empty log is the beginning of every log. */
	if (*size_old == 0)
		*size_old = *size_new;
	return true;
}

static bool
read_hashes(struct slice bytes, struct merkle_proof *proof)
{
	if (bytes.size % DIGEST_SIZE != 0 || bytes.size / DIGEST_SIZE > MERKLE_PROOF_MAX)
		return false;
	proof->count = bytes.size / DIGEST_SIZE;
	if (bytes.size != 0)
		memcpy(proof->hashes, bytes.data, bytes.size);
	return true;
}

static enum error
compare_logs(const struct checkpoint *a, const struct checkpoint *b, struct slice hashes)
{
	const struct checkpoint *old = a->size < b->size ? a : b, *new = a->size < b->size ? b : a;
	struct merkle_proof proof;

	if (old->size == 0)
		return ERROR_NONE;
	if (!read_hashes(hashes, &proof))
		return ERROR_proof_invalid;
	return merkle_verify_consistency(old->size, &old->root, new->size, &new->root, &proof);
}

void
guichet_verification_add_checkpoint(
    struct guichet_verification *verification, struct guichet_bytes checkpoint, struct guichet_bytes hashes)
{
	struct checkpoint kept;
	struct fault fault = { 0 };

	enum error error =
	    checkpoint_verify(slice_of_public(checkpoint), &verification->trust->verifier, &kept, &fault);
	if (error != ERROR_NONE) {
		conclude_failed(verification, "earlier checkpoint", error, &fault);
		return;
	}
	if (!verification->has_checkpoint)
		return; /* the proof has failed, and said so */
	error = compare_logs(&kept, &verification->checkpoint, slice_of_public(hashes));
	buf_put_format(verification->line, "consistency: %sone log of %" PRIu64 " and then %" PRIu64 " entries",
	    error == ERROR_NONE ? "" : "not shown that it is ",
	    kept.size < verification->checkpoint.size ? kept.size : verification->checkpoint.size,
	    kept.size < verification->checkpoint.size ? verification->checkpoint.size : kept.size);
	conclude(verification, error == ERROR_NONE);
}

/* ---- what came of it ---- */

bool
guichet_verification_holds(const struct guichet_verification *verification)
{
	return !verification->failed;
}

size_t
guichet_verification_count(const struct guichet_verification *verification)
{
	return verification->count;
}

const char *
guichet_verification_text(const struct guichet_verification *verification, size_t index)
{
	return index < verification->count ? verification->checks[index].text : "";
}

bool
guichet_verification_passed(const struct guichet_verification *verification, size_t index)
{
	return index < verification->count && verification->checks[index].passed;
}
