/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending a signed filing (A10): in one message when it fits one frame; otherwise manifest and signature open an
 * upload, attachments follow part by part, and the filing itself comes last. A lost connection begins with opening the
 * upload again, which tells how much of each document has arrived. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "client/blob.h"
#include "client/connection.h"
#include "client/filesystem.h"
#include "client/filing.h"
#include "client/problem.h"
#include "protocol/deflate.h"

/* What a message costs beside manifest, signature and documents; for each document: digest, encoding, size, heads. */
#define MESSAGE_OVERHEAD ((size_t)1024)
#define DOCUMENT_OVERHEAD ((size_t)80)
/* An office that lost bytes it had acknowledged may ask for them again: after a crash, or when an upload was swept. So
 * often for each document; one that asks for ever keeps nothing. */
#define AGAIN_MAX 8

enum step { STEP_FILE_WHOLE, STEP_OPEN_UPLOAD, STEP_PART, STEP_FILE_REST };

struct sending {
	const struct guichet_filing *filing;
	enum step step;
	bool uploads;			    /* does not fit one frame: known after the first try */
	uint64_t received[LIMIT_DOCUMENTS]; /* bytes of each attachment that the server has */
	bool anew[LIMIT_DOCUMENTS];	    /* arrived wrong: goes from offset 0, whatever the server has of it */
	bool corrupt[LIMIT_DOCUMENTS];      /* arrived wrong once */
	unsigned again[LIMIT_DOCUMENTS];    /* how often acknowledged bytes of it were asked for again */
	size_t current;			    /* the document whose part is under way */
	uint8_t token[UPLOAD_TOKEN_SIZE];   /* of the upload, once it is open */
};

/* ---- documents into messages ---- */

/* A return document, compressed when that makes it smaller. */
static enum guichet_error
put_return(
    struct guichet_request *request, const struct guichet_filing *filing, size_t nth, struct msg_document_sent *to)
{
	struct slice content = filing->returns[nth];
	struct buf *compressed = buf_create(content.size);

	if (compressed == NULL)
		return problem_set(request->problem, ERROR_out_of_memory, "return", SLICE_EMPTY, NULL);
	/* A buffer of the document's own size fails when the result would be larger: then it travels as it is. */
	deflate_put(compressed, content);
	to->content = content;
	bool copied = true;
	if (buf_ok(compressed)) {
		copied = arena_copy(request->sending, buf_peek(compressed), &to->content);
		to->encoding = 1;
	}
	buf_destroy(compressed);
	return copied ? GUICHET_ERROR_none :
			problem_set(request->problem, ERROR_out_of_memory, "return", SLICE_EMPTY, NULL);
}

/* An attachment, as it is: what people attach is compressed already. */
static enum guichet_error
put_attachment(
    struct guichet_request *request, const struct guichet_filing *filing, size_t nth, struct msg_document_sent *to)
{
	size_t size = (size_t)filing->documents[nth].size;
	uint8_t *content = arena_alloc(request->sending, size);

	if (content == NULL)
		return problem_set(request->problem, ERROR_out_of_memory, filing->paths[nth], SLICE_EMPTY, NULL);
	to->content = slice_of(content, size);
	return filesystem_read_at(filing->paths[nth], 0, content, size, request->problem);
}

static enum guichet_error
put_document(
    struct guichet_request *request, const struct guichet_filing *filing, size_t nth, struct msg_document_sent *to)
{
	*to = (struct msg_document_sent){ .digest = slice_of(filing->documents[nth].digest, DIGEST_SIZE),
		.size = filing->documents[nth].size };
	return filing->returns[nth].data != NULL ? put_return(request, filing, nth, to) :
						   put_attachment(request, filing, nth, to);
}

/* The filing with its return documents, and with its attachments unless they are uploaded. */
static enum guichet_error
prepare_file(struct guichet_request *request, const struct guichet_filing *filing, bool with_attachments)
{
	enum guichet_error error = request_new_message(request, OPERATION_file);
	struct msg_file_request *message = request->message;

	if (error != GUICHET_ERROR_none)
		return error;
	message->manifest = filing->manifest;
	message->serial = slice_of(filing->serial, SERIAL_SIZE);
	message->signing_time = filing->signing_time;
	message->signature = filing->signature;
	message->documents =
	    arena_alloc_array(request->sending, filing->content.documents_count, sizeof *message->documents);
	if (message->documents == NULL)
		return problem_set(request->problem, ERROR_out_of_memory, "filing", SLICE_EMPTY, NULL);
	for (size_t i = 0; i < filing->content.documents_count && error == GUICHET_ERROR_none; i++)
		if (with_attachments || manifest_is_return(&filing->documents[i]))
			error = put_document(request, filing, i, &message->documents[message->documents_count++]);
	return error;
}

static enum guichet_error
prepare_upload(struct guichet_request *request, const struct guichet_filing *filing)
{
	enum guichet_error error = request_new_message(request, OPERATION_upload);

	if (error == GUICHET_ERROR_none)
		*(struct msg_upload_request *)request->message = filing_upload_message(filing);
	return error;
}

static enum guichet_error
prepare_part(struct guichet_request *request, const struct sending *sending)
{
	const struct guichet_filing *filing = sending->filing;
	const struct manifest_document *document = &filing->documents[sending->current];
	uint64_t offset = sending->received[sending->current], left = document->size - offset;
	uint64_t part_max = connection_hello(request->guichet)->part_size_max;

	if (part_max > LIMIT_PART_SIZE)
		part_max = LIMIT_PART_SIZE;
	size_t size = (size_t)(left < part_max ? left : part_max);
	enum guichet_error error = request_new_message(request, OPERATION_part);
	struct msg_part_request *message = request->message;
	uint8_t *content = error == GUICHET_ERROR_none ? arena_alloc(request->sending, size) : NULL;
	if (content == NULL)
		return problem_set(request->problem, ERROR_out_of_memory, "part", SLICE_EMPTY, NULL);
	message->id = slice_of(filing->id, DIGEST_SIZE);
	message->digest = slice_of(document->digest, DIGEST_SIZE);
	message->offset = offset;
	message->content = slice_of(content, size);
	message->token = slice_of(sending->token, UPLOAD_TOKEN_SIZE);
	return filesystem_read_at(filing->paths[sending->current], offset, content, size, request->problem);
}

/* ---- what fits ---- */

static uint64_t
attachments_total(const struct guichet_filing *filing)
{
	uint64_t total = 0;

	for (size_t i = 0; i < filing->content.documents_count; i++)
		if (!manifest_is_return(&filing->documents[i]))
			total += filing->documents[i].size + DOCUMENT_OVERHEAD;
	return total;
}

/* Attachments count as they are, returns as they were compressed for a message without attachments. */
static bool
fits_one_frame(const struct guichet_request *request, const struct guichet_filing *filing)
{
	const struct msg_file_request *message = request->message;
	uint64_t total = MESSAGE_OVERHEAD + filing->manifest.size + attachments_total(filing);

	for (size_t i = 0; i < message->documents_count; i++)
		total += message->documents[i].content.size + DOCUMENT_OVERHEAD;
	return total <= connection_hello(request->guichet)->frame_body_max;
}

/* ---- what the office takes ---- */

/* Of return documents, or of attachments; 0 when there is none. */
static uint64_t
size_largest(const struct guichet_filing *filing, bool of_returns)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < filing->content.documents_count; i++)
		if (manifest_is_return(&filing->documents[i]) == of_returns && filing->documents[i].size > largest)
			largest = filing->documents[i].size;
	return largest;
}

/* A limit that an older office does not tell is none that a client can keep to: what it refuses, it says. */
static uint64_t
told_or_any(bool is_told, uint64_t limit)
{
	return is_told ? limit : UINT64_MAX;
}

/* What the office has announced to refuse is not sent to it. */
static enum guichet_error
check_announced(struct guichet_request *request, const struct guichet_filing *filing)
{
	const struct msg_hello_answer *hello = connection_hello(request->guichet);
	const struct {
		uint64_t found, max;
		const char *of;
	} limits[] = {
		{ filing->content.documents_count, hello->documents_max, "documents" },
		{ filing->attachments_count, hello->attachments_max, "attachments" },
		{ size_largest(filing, true), hello->return_size_max, "bytes in one return document" },
		{ filing->returns_total, told_or_any(hello->has_returns_total_max, hello->returns_total_max),
		    "bytes in all return documents" },
		{ size_largest(filing, false), hello->attachment_size_max, "bytes in one attachment" },
		{ filing->manifest.size, told_or_any(hello->has_manifest_size_max, hello->manifest_size_max),
		    "bytes in the manifest" },
	};
	char value[80], expected[80];

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		if (limits[i].found <= limits[i].max)
			continue;
		snprintf(value, sizeof value, "%llu %s", (unsigned long long)limits[i].found, limits[i].of);
		snprintf(expected, sizeof expected, "at most %llu at this office", (unsigned long long)limits[i].max);
		return problem_set(request->problem, ERROR_documents_too_large, "documents", slice_of_text(value),
		    expected);
	}
	return GUICHET_ERROR_none;
}

static enum guichet_error
prepare_first(struct guichet_request *request, struct sending *sending)
{
	enum guichet_error error = check_announced(request, sending->filing);

	if (error == GUICHET_ERROR_none)
		error = prepare_file(request, sending->filing, false);
	if (error != GUICHET_ERROR_none || sending->filing->attachments_count == 0)
		return error;
	if (fits_one_frame(request, sending->filing))
		return prepare_file(request, sending->filing, true);
	sending->uploads = true;
	sending->step = STEP_OPEN_UPLOAD;
	return prepare_upload(request, sending->filing);
}

static enum guichet_error
sending_prepare(struct guichet_request *request)
{
	struct sending *sending = request->work;

	switch (sending->step) {
	case STEP_FILE_WHOLE:
		return prepare_first(request, sending);
	case STEP_OPEN_UPLOAD:
		return prepare_upload(request, sending->filing);
	case STEP_PART:
		return prepare_part(request, sending);
	case STEP_FILE_REST:
		break;
	}
	return prepare_file(request, sending->filing, false);
}

/* ---- answers ---- */

/* The next attachment that is not wholly there, or the filing itself. */
static void
choose_next(struct guichet_request *request, struct sending *sending)
{
	const struct guichet_filing *filing = sending->filing;
	size_t next = filing->content.documents_count;

	request->progress = request->progress_total = 0;
	for (size_t i = filing->content.documents_count; i-- > 0;) {
		if (manifest_is_return(&filing->documents[i]))
			continue;
		request->progress += sending->received[i];
		request->progress_total += filing->documents[i].size;
		if (sending->received[i] < filing->documents[i].size)
			next = i;
	}
	sending->current = next;
	sending->step = next < filing->content.documents_count ? STEP_PART : STEP_FILE_REST;
}

static enum guichet_error
strange(struct guichet_request *request, const char *place, const char *expected)
{
	return problem_set(request->problem, ERROR_answer_malformed, place, SLICE_EMPTY, expected);
}

/* Counts the documents of which the office has less than it had acknowledged before. */
static enum guichet_error
count_again(struct guichet_request *request, struct sending *sending, const uint64_t before[LIMIT_DOCUMENTS])
{
	char value[96], expected[64];

	for (size_t i = 0; i < sending->filing->content.documents_count; i++) {
		if (sending->received[i] >= before[i] || ++sending->again[i] <= AGAIN_MAX)
			continue;
		snprintf(value, sizeof value, "%" PRIu64 " bytes, after %" PRIu64 " had been stored",
		    sending->received[i], before[i]);
		snprintf(expected, sizeof expected, "what was stored; it was sent again %d times", AGAIN_MAX);
		return problem_set(request->problem, ERROR_answer_malformed, sending->filing->paths[i],
		    slice_of_text(value), expected);
	}
	return GUICHET_ERROR_none;
}

static enum guichet_error
upload_opened(struct guichet_request *request, struct sending *sending)
{
	const struct msg_upload_answer *answer = request->answer;
	const struct guichet_filing *filing = sending->filing;
	uint64_t before[LIMIT_DOCUMENTS];

	if (!slice_equal(answer->id, slice_of(filing->id, DIGEST_SIZE)))
		return strange(request, "upload_answer.id", "the id of this filing");
	memcpy(before, sending->received, sizeof before);
	memset(sending->received, 0, sizeof sending->received);
	for (size_t i = 0; i < answer->documents_count; i++) {
		const struct msg_upload_state *state = &answer->documents[i];
		size_t nth = filing_find_document(filing, state->digest.data);
		if (nth == filing->content.documents_count || state->received > filing->documents[nth].size)
			return strange(request, "upload_answer.documents",
			    "documents of this filing, at most as long as they are");
		sending->received[nth] = sending->anew[nth] ? 0 : state->received;
	}
	enum guichet_error error = count_again(request, sending, before);
	if (error != GUICHET_ERROR_none)
		return error;
	choose_next(request, sending);
	if (sending->step == STEP_PART && !answer->has_token)
		return strange(request, "upload_answer.token", "a token, as long as something is left to send");
	if (answer->has_token)
		memcpy(sending->token, answer->token.data, UPLOAD_TOKEN_SIZE);
	return GUICHET_ERROR_none;
}

static enum guichet_error
part_stored(struct guichet_request *request, struct sending *sending)
{
	const struct msg_part_answer *answer = request->answer;
	const struct msg_part_request *part = request->message;

	if (answer->received != part->offset + part->content.size)
		return strange(request, "part_answer.received", "the end of the part that was sent");
	sending->received[sending->current] = answer->received;
	sending->anew[sending->current] = false;
	request->attempts = 0; /* it goes on: what failed before is past */
	choose_next(request, sending);
	return GUICHET_ERROR_none;
}

/* A receipt is only worth having when it is for this filing and its proof holds. */
static enum guichet_error
receipt_came(struct guichet_request *request, const struct sending *sending)
{
	struct receipt receipt;
	enum guichet_error error = answer_check_proof(connection_trust(request->guichet), request->answer,
	    request->receiving, &receipt, request->problem);

	if (error != GUICHET_ERROR_none)
		return error;
	if (memcmp(receipt.filing_id, sending->filing->id, DIGEST_SIZE) == 0)
		return GUICHET_ERROR_none;
	return problem_set(
	    request->problem, ERROR_proof_invalid, "receipt", receipt.number, "the receipt of this filing");
}

static enum guichet_error
sending_answered(struct guichet_request *request, bool *more)
{
	struct sending *sending = request->work;

	*more = sending->step == STEP_OPEN_UPLOAD || sending->step == STEP_PART;
	if (sending->step == STEP_OPEN_UPLOAD)
		return upload_opened(request, sending);
	if (sending->step == STEP_PART)
		return part_stored(request, sending);
	return receipt_came(request, sending);
}

static void
sending_restart(struct guichet_request *request)
{
	struct sending *sending = request->work;

	sending->step = sending->uploads ? STEP_OPEN_UPLOAD : STEP_FILE_WHOLE;
}

/* The server keeps what it has but for the last part, and which bytes of it are wrong is not known: all of them are
 * sent again, once. A second time it is the file that has changed. */
static bool
begins_anew(struct sending *sending)
{
	if (sending->corrupt[sending->current])
		return false;
	sending->corrupt[sending->current] = sending->anew[sending->current] = true;
	return true;
}

/* A part that was stored though its answer was lost, or an upload that was swept meanwhile: open it again and see. */
static bool
sending_recovers(struct guichet_request *request, enum guichet_error error)
{
	struct sending *sending = request->work;

	if (!sending->uploads)
		return false;
	if (error == GUICHET_ERROR_document_corrupt && sending->step == STEP_PART)
		return begins_anew(sending);
	return error == GUICHET_ERROR_upload_offset || error == GUICHET_ERROR_upload_unknown ||
	    (error == GUICHET_ERROR_documents_missing && sending->step == STEP_FILE_REST);
}

static const struct request_kind file = {
	.restart = sending_restart,
	.prepare = sending_prepare,
	.answered = sending_answered,
	.recovers = sending_recovers,
	.release = free,
};

enum guichet_error
guichet_file_create(struct guichet *guichet, const struct guichet_filing *filing, struct guichet_request **out,
    struct guichet_problem *problem)
{
	enum guichet_error error = filing_need_complete(filing, problem);

	*out = NULL;
	if (error != GUICHET_ERROR_none)
		return error;
	struct sending *sending = calloc(1, sizeof *sending);
	if (sending == NULL)
		return problem_set(problem, ERROR_out_of_memory, "filing", SLICE_EMPTY, NULL);
	sending->filing = filing;
	return request_create(guichet, OPERATION_file, &file, sending, out, problem);
}
