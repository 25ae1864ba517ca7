/* SPDX-License-Identifier: Apache-2.0
 *
 * The documents of a filing: in its frame, or uploaded before. All that is wrong with any of them is noted. */
#include <string.h>

#include "protocol/digest.h"
#include "server/services/filing.h"
#include "server/services/uploads.h"

/* The n-th document of the manifest as the rules name it: its type, with "#2" for the second of that type. */
static struct slice
document_name(struct decision *decision, const struct manifest *manifest, size_t nth)
{
	struct slice type = manifest->documents[nth].type;
	size_t of_type = 1;

	for (size_t i = 0; i < nth; i++)
		of_type += slice_equal(manifest->documents[i].type, type);
	return of_type == 1 ? type : decision_text(decision, "%.*s#%zu", (int)type.size, (const char *)type.data,
	    of_type);
}

/* Notes what is wrong with the n-th document; the others are looked at all the same. */
static void
refuse_document(struct decision *decision, struct filing *filing, enum error error, size_t nth, struct slice value,
    struct slice expected)
{
	const struct manifest *manifest = &filing->signed_filing.manifest;
	const struct fault fault = { error, document_name(decision, manifest, nth), value, expected };

	if (manifest_is_return(&manifest->documents[nth]))
		filing->has_all_returns = false;
	refuse_later_with(decision, &fault);
}

static struct slice
bytes_text(struct decision *decision, uint64_t size)
{
	return decision_text(decision, "%llu bytes", (unsigned long long)size);
}

/* The bytes of a document that came with the filing, checked against the manifest. False when memory is short. */
static bool
take_inline(struct decision *decision, struct filing *filing, size_t nth, const struct msg_document_sent *sent)
{
	const struct manifest_document *document = &filing->signed_filing.manifest.documents[nth];
	struct rec_archive_document *taken = &filing->documents[nth];
	struct slice content = sent->content;
	enum error error = ERROR_NONE;
	uint8_t digest[DIGEST_SIZE];

	if (sent->encoding != 0 && !manifest_is_return(document)) {
		refuse_document(decision, filing, ERROR_inflate_failed, nth, SLICE_LITERAL("zlib"),
		    SLICE_LITERAL("an attachment as it is"));
		return true;
	}
	/* The manifest's size is bounded, so this bounds what is inflated. */
	if (sent->size != document->size) {
		refuse_document(decision, filing, ERROR_document_corrupt, nth, bytes_text(decision, sent->size),
		    bytes_text(decision, document->size));
		return true;
	}
	if (sent->encoding != 0)
		error = inflater_run(decision->context->office->inflater, sent->content, (size_t)sent->size,
		    decision->arena, &content);
	if (error == ERROR_out_of_memory)
		return false;
	if (error != ERROR_NONE) {
		refuse_document(decision, filing, ERROR_inflate_failed, nth, bytes_text(decision, sent->content.size),
		    decision_text(decision, "one zlib stream of exactly %llu bytes",
		    (unsigned long long)document->size));
		return true;
	}
	digest_bytes(content, digest);
	if (content.size != document->size)
		refuse_document(decision, filing, ERROR_document_corrupt, nth, bytes_text(decision, content.size),
		    bytes_text(decision, document->size));
	else if (memcmp(digest, document->digest, sizeof digest) != 0)
		refuse_document(decision, filing, ERROR_document_corrupt, nth, decision_hex(decision, slice_of(digest,
		    DIGEST_SIZE)),
		    decision_hex(decision, slice_of(document->digest, DIGEST_SIZE)));
	taken->encoding = sent->encoding;
	taken->has_content = true;
	taken->content = sent->content;
	if (manifest_is_return(document)) {
		filing->returns[filing->returns_count].type = document->type;
		filing->returns[filing->returns_count++].content = content;
	}
	return true;
}

const struct msg_document_sent *
filing_find_sent(const struct filing *filing, const uint8_t digest[DIGEST_SIZE])
{
	const struct msg_file_request *request = filing->request;

	for (size_t i = 0; request != NULL && i < request->documents_count; i++)
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

/* Nothing that was not signed for, and nothing twice. */
static void
check_sent(struct decision *decision, const struct filing *filing)
{
	const struct manifest *manifest = &filing->signed_filing.manifest;
	const struct msg_file_request *request = filing->request;

	for (size_t i = 0; i < request->documents_count; i++) {
		const struct slice digest = request->documents[i].digest;
		const struct fault fault = {
			.error = ERROR_document_not_listed,
			.place = decision_text(decision, "file_request.documents[%zu].digest", i),
			.value = decision_hex(decision, digest),
			.expected = SLICE_LITERAL("each document of the manifest at most once"),
		};
		if (!is_listed(manifest, digest) || filing_find_sent(filing, digest.data) != &request->documents[i])
			refuse_later_with(decision, &fault);
	}
}

/* A document that did not come with the filing was uploaded before, or is missing. */
static enum outcome
find_elsewhere(struct decision *decision, struct filing *filing, size_t nth)
{
	const struct manifest_document *document = &filing->signed_filing.manifest.documents[nth];
	uint64_t received;

	if (manifest_is_return(document)) {
		refuse_document(decision, filing, ERROR_documents_missing, nth, bytes_text(decision, 0),
		    decision_text(decision, "%llu bytes, in the filing itself", (unsigned long long)document->size));
		return PROCEED;
	}
	enum outcome outcome = upload_take(decision, &filing->signed_filing, document, &filing->documents[nth],
	    &received);
	if (outcome == PROCEED && received < document->size)
		refuse_document(decision, filing, ERROR_documents_missing, nth, bytes_text(decision, received),
		    bytes_text(decision, document->size));
	return outcome;
}

enum outcome
filing_stage_uploads(struct decision *decision, struct signed_filing *signed_filing)
{
	struct filing *filing = filing_of(signed_filing);
	const struct manifest *manifest = &signed_filing->manifest;

	check_sent(decision, filing);
	filing->has_all_returns = true;
	filing->documents = arena_alloc_array(decision->arena, manifest->documents_count, sizeof *filing->documents);
	filing->returns = arena_alloc_array(decision->arena, manifest->documents_count, sizeof *filing->returns);
	if (filing->documents == NULL || filing->returns == NULL)
		return refuse(decision, ERROR_out_of_memory);
	upload_want(decision, signed_filing);
	for (size_t i = 0; i < manifest->documents_count; i++) {
		const struct manifest_document *document = &manifest->documents[i];
		filing->documents[i].digest = slice_of(document->digest, DIGEST_SIZE);
		filing->documents[i].size = document->size;
		if (filing_find_sent(filing, document->digest) != NULL)
			continue;
		enum outcome outcome = find_elsewhere(decision, filing, i);
		if (outcome != PROCEED)
			return outcome;
	}
	return upload_close(decision, signed_filing, filing->documents);
}

enum outcome
filing_stage_documents(struct decision *decision, struct signed_filing *signed_filing)
{
	struct filing *filing = filing_of(signed_filing);
	const struct manifest *manifest = &signed_filing->manifest;

	for (size_t i = 0; i < manifest->documents_count; i++) {
		const struct msg_document_sent *sent = filing_find_sent(filing, manifest->documents[i].digest);
		if (sent != NULL && !take_inline(decision, filing, i, sent))
			return refuse(decision, ERROR_out_of_memory);
	}
	return PROCEED;
}
