/* SPDX-License-Identifier: Apache-2.0
 *
 * A signed filing put away and taken up again: the body of the operation `upload`, and the documents supplied anew. */
#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "client/filesystem.h"
#include "client/filing.h"
#include "client/problem.h"
#include "client/trust.h"
#include "protocol/codec.h"
#include "protocol/digest.h"

/* Manifest, signature and their wrapping. */
#define SAVED_SIZE_MAX ((size_t)LIMIT_MANIFEST_SIZE + 2 * LIMIT_SIGNATURE)

struct msg_upload_request
filing_upload_message(const struct guichet_filing *filing)
{
	return (struct msg_upload_request){
		.manifest = filing->manifest,
		.serial = slice_of(filing->serial, SERIAL_SIZE),
		.signing_time = filing->signing_time,
		.signature = filing->signature,
	};
}

enum guichet_error
guichet_filing_save(const struct guichet_filing *filing, struct guichet_blob **out, struct guichet_problem *problem)
{
	*out = NULL;
	if (!filing->is_signed)
		return problem_set(problem, ERROR_usage, "filing", SLICE_LITERAL("not signed"), "a signed filing");
	const struct msg_upload_request message = filing_upload_message(filing);
	struct buf *buf = buf_create(SAVED_SIZE_MAX);
	if (buf != NULL)
		codec_encode(message_upload_request(), &message, buf);
	*out = blob_take(buf);
	return *out != NULL ? GUICHET_ERROR_none :
			      problem_set(problem, ERROR_out_of_memory, "filing", SLICE_EMPTY, NULL);
}

static enum error
read_manifest(struct guichet_filing *filing, struct fault *fault)
{
	enum error error = manifest_parse(filing->manifest, filing->arena, &filing->content, fault);

	if (error != ERROR_NONE)
		return error;
	if (filing->content.documents_count > LIMIT_DOCUMENTS)
		return fault_set(fault, ERROR_manifest_malformed, "documents", SLICE_EMPTY, NULL);
	memcpy(filing->documents, filing->content.documents,
	    filing->content.documents_count * sizeof filing->documents[0]);
	filing->content.documents = filing->documents;
	for (size_t i = 0; i < filing->content.documents_count; i++)
		if (!manifest_is_return(&filing->documents[i]))
			filing->attachments_count++;
	digest_bytes(filing->manifest, filing->id);
	return ERROR_NONE;
}

static enum error
load(struct guichet_filing *filing, struct slice saved, struct fault *fault)
{
	struct msg_upload_request message;
	struct slice copy;

	if (!arena_copy(filing->arena, saved, &copy))
		return fault_set(fault, ERROR_out_of_memory, "filing", SLICE_EMPTY, NULL);
	enum error error = codec_decode(message_upload_request(), copy, CODEC_STORED, filing->arena, &message, fault);
	if (error != ERROR_NONE)
		return error;
	filing->manifest = message.manifest;
	filing->signature = message.signature;
	filing->signing_time = message.signing_time;
	memcpy(filing->serial, message.serial.data, SERIAL_SIZE);
	filing->is_signed = true;
	return read_manifest(filing, fault);
}

enum guichet_error
guichet_filing_load(const struct guichet_trust *trust, struct guichet_bytes saved, struct guichet_filing **out,
    struct guichet_problem *problem)
{
	struct guichet_filing *filing = filing_create(trust);
	struct fault fault = { 0 };

	*out = NULL;
	if (filing == NULL)
		return problem_set(problem, ERROR_out_of_memory, "filing", SLICE_EMPTY, NULL);
	enum error error = load(filing, slice_of_public(saved), &fault);
	if (error != ERROR_NONE) {
		problem_set_fault(problem, error, &fault);
		guichet_filing_destroy(filing);
		return (enum guichet_error)error;
	}
	*out = filing;
	return GUICHET_ERROR_none;
}

static enum guichet_error
supply_return(struct guichet_filing *filing, size_t nth, const char *path, struct guichet_problem *problem)
{
	struct guichet_blob *blob;
	struct slice copy;
	enum guichet_error error = guichet_file_read(path, LIMIT_RETURN_SIZE, &blob, problem);

	if (error != GUICHET_ERROR_none)
		return error;
	if (arena_copy(filing->arena, slice_of_public(guichet_blob_bytes(blob)), &copy) &&
	    filing_keep_name(filing, nth, path)) {
		/* It may be supplied twice. */
		filing->returns_total += copy.size - filing->returns[nth].size;
		filing->returns[nth] = copy;
	} else {
		error = problem_set(problem, ERROR_out_of_memory, path, SLICE_EMPTY, NULL);
	}
	guichet_blob_destroy(blob);
	return error;
}

enum guichet_error
guichet_filing_supply(struct guichet_filing *filing, const char *path, struct guichet_problem *problem)
{
	uint8_t digest[DIGEST_SIZE];
	struct slice copy;
	uint64_t size;
	size_t nth;

	enum guichet_error error = filesystem_digest(path, LIMIT_ATTACHMENT_SIZE, &size, digest, problem);
	if (error != GUICHET_ERROR_none)
		return error;
	nth = filing_find_document(filing, digest);
	if (nth == filing->content.documents_count)
		return problem_set(problem, ERROR_document_not_listed, path, SLICE_LITERAL("another SHA-256"),
		    "a document that the signed text lists, unchanged");
	if (manifest_is_return(&filing->documents[nth]))
		return supply_return(filing, nth, path, problem);
	if (!arena_copy(filing->arena, slice_of_text(path), &copy))
		return problem_set(problem, ERROR_out_of_memory, path, SLICE_EMPTY, NULL);
	filing->paths[nth] = (const char *)copy.data;
	return GUICHET_ERROR_none;
}

bool
guichet_filing_equal(const struct guichet_filing *one, const struct guichet_filing *other)
{
	struct buf *a = buf_create(LIMIT_MANIFEST_SIZE), *b = buf_create(LIMIT_MANIFEST_SIZE);
	bool equal = false;

	if (a != NULL && b != NULL) {
		manifest_put(a, &one->content);
		manifest_put(b, &other->content);
		equal = buf_ok(a) && buf_ok(b) && slice_equal(buf_peek(a), buf_peek(b));
	}
	buf_destroy(a);
	buf_destroy(b);
	return equal;
}

enum guichet_error
filing_need_complete(const struct guichet_filing *filing, struct guichet_problem *problem)
{
	if (!filing->is_signed)
		return problem_set(problem, ERROR_usage, "filing", SLICE_LITERAL("not signed"), "a signed filing");
	for (size_t i = 0; i < filing->content.documents_count; i++)
		if (filing->returns[i].data == NULL && filing->paths[i] == NULL)
			return problem_set(problem, ERROR_documents_missing, "filing", filing->documents[i].type,
			    "every document that the signed text lists");
	return GUICHET_ERROR_none;
}

struct guichet_bytes
guichet_filing_manifest(const struct guichet_filing *filing)
{
	return public_of_slice(filing->is_signed ? filing->manifest : SLICE_EMPTY);
}

struct guichet_bytes
guichet_filing_id(const struct guichet_filing *filing)
{
	return public_of_slice(filing->is_signed ? slice_of(filing->id, DIGEST_SIZE) : SLICE_EMPTY);
}

struct guichet_bytes
guichet_filing_serial(const struct guichet_filing *filing)
{
	return public_of_slice(filing->is_signed ? slice_of(filing->serial, SERIAL_SIZE) : SLICE_EMPTY);
}
