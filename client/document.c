/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetching one document of a filing (A18), part after part, into memory. */
#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "client/connection.h"
#include "client/problem.h"
#include "protocol/digest.h"

struct download {
	char reference[2 * DIGEST_SIZE + 1];
	uint8_t digest[DIGEST_SIZE];
	struct buf *content;
};

static enum guichet_error
ask_for_part(struct guichet_request *request)
{
	const struct download *download = request->work;
	enum guichet_error error = request_new_message(request, OPERATION_document);
	struct msg_document_request *message = request->message;

	if (error != GUICHET_ERROR_none)
		return error;
	message->reference = slice_of_text(download->reference);
	message->digest = slice_of(download->digest, DIGEST_SIZE);
	message->has_offset = true;
	message->offset = buf_size(download->content);
	return GUICHET_ERROR_none;
}

static enum guichet_error
part_came(struct guichet_request *request, bool *more)
{
	const struct msg_document_answer *answer = request->answer;
	struct download *download = request->work;
	uint8_t digest[DIGEST_SIZE];

	buf_put(download->content, answer->content);
	request->progress = buf_size(download->content);
	request->progress_total = answer->size;
	request->attempts = 0;
	if (!buf_ok(download->content) || request->progress > answer->size ||
	    (answer->content.size == 0 && request->progress < answer->size))
		return problem_set(request->problem, ERROR_answer_malformed, "document", SLICE_EMPTY,
		    "as many bytes as were announced");
	*more = request->progress < answer->size;
	if (*more)
		return GUICHET_ERROR_none;
	digest_bytes(buf_peek(download->content), digest);
	if (memcmp(digest, download->digest, DIGEST_SIZE) == 0)
		return GUICHET_ERROR_none;
	return problem_set(request->problem, ERROR_document_corrupt, "document", SLICE_EMPTY, "the SHA-256 asked for");
}

static void
download_release(void *work)
{
	struct download *download = work;

	buf_destroy(download->content);
	free(download);
}

/* After a lost connection the next part is asked for as if nothing had happened: there is nothing to restart. */
static const struct request_kind document = {
	.prepare = ask_for_part, .answered = part_came, .release = download_release
};

enum guichet_error
guichet_document_create(struct guichet *guichet, const char *reference, struct guichet_bytes digest,
    struct guichet_request **out, struct guichet_problem *problem)
{
	struct download *download = calloc(1, sizeof *download);

	*out = NULL;
	if (download != NULL)
		download->content = buf_create(LIMIT_ATTACHMENT_SIZE);
	if (download == NULL || download->content == NULL) {
		free(download);
		return problem_set(problem, ERROR_out_of_memory, "document", SLICE_EMPTY, NULL);
	}
	if (strlen(reference) == 0 || strlen(reference) >= sizeof download->reference || digest.size != DIGEST_SIZE) {
		download_release(download);
		return problem_set(problem, ERROR_usage, "reference", slice_of_text(reference),
		    "a receipt number or 64 hexadecimal digits, and a SHA-256");
	}
	memcpy(download->reference, reference, strlen(reference) + 1);
	memcpy(download->digest, digest.data, DIGEST_SIZE);
	return request_create(guichet, OPERATION_document, &document, download, out, problem);
}

struct guichet_bytes
guichet_document_content(const struct guichet_request *request)
{
	const struct download *download = request->work;

	if (request->kind != &document || request->state != REQUEST_DONE || request->error != GUICHET_ERROR_none)
		return (struct guichet_bytes){ NULL, 0 };
	return public_of_slice(buf_peek(download->content));
}
