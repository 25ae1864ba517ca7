/* SPDX-License-Identifier: Apache-2.0
 *
 * hello, login and publication: what a connection begins with. */
#include <string.h>

#include "server/gate.h"
#include "server/publications.h"
#include "server/services/certificate.h"
#include "server/services/services.h"

HANDLER(hello)
{
	const struct context *context = decision->context;
	struct msg_hello_answer *answer = decision->effects->answer;

	(void)request;
	*answer = (struct msg_hello_answer){
		.server = SLICE_LITERAL(GUICHETD_VERSION),
		.origin = context->office->origin,
		.time = context->now,
		.frame_body_max = LIMIT_FRAME_BODY,
		.streams_max = LIMIT_STREAMS,
		.documents_max = LIMIT_DOCUMENTS,
		.attachments_max = LIMIT_ATTACHMENTS,
		.return_size_max = LIMIT_RETURN_SIZE,
		.attachment_size_max = LIMIT_ATTACHMENT_SIZE,
		.part_size_max = LIMIT_PART_SIZE,
		.upload_quota = LIMIT_UPLOAD_QUOTA,
		.has_filings_hour_max = true,
		.filings_hour_max = LIMIT_FILINGS_HOUR,
		.has_filings_day_max = true,
		.filings_day_max = LIMIT_FILINGS_DAY,
		.has_filed_quota = true,
		.filed_quota = LIMIT_FILED_QUOTA,
		.has_returns_total_max = true,
		.returns_total_max = LIMIT_RETURNS_TOTAL,
		.has_part_size_min = true,
		.part_size_min = LIMIT_PART_MIN,
		.has_manifest_size_max = true,
		.manifest_size_max = LIMIT_MANIFEST_SIZE,
	};
	return DECIDED;
}

/* An unknown serial, a wrong signature and a signature made for another connection are one refusal: what is told apart
 * would only help who has no key. A certificate that no longer counts is named as such, but only to its holder. */
HANDLER(login)
{
	const struct msg_login_request *login = request;
	const struct context *context = decision->context;
	struct msg_login_answer *answer = decision->effects->answer;
	struct rec_certificate certificate;
	struct key_public key;

	if (context->holder.role != ROLE_NOBODY)
		return refuse(decision, ERROR_already_logged_in);
	switch (certificate_find(decision, login->serial, &certificate, &key)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse(decision, ERROR_login_refused);
	case VIEW_FOUND:
		break;
	}
	struct buf *input = buf_create(256);
	if (input == NULL)
		return refuse(decision, ERROR_out_of_memory);
	login_input_put(input, context->channel_binding, login->serial);
	enum error error = decision_verify(decision, &key, buf_peek(input), login->signature);
	buf_destroy(input);
	if (error != ERROR_NONE)
		return refuse(decision, error == ERROR_signature_invalid ? ERROR_login_refused : error);
	error = certificate_status(&certificate, context->now);
	if (error != ERROR_NONE) {
		refuse_certificate(decision, &certificate, error);
		return refuse_noted(decision);
	}

	struct holder *holder = &decision->effects->holder;
	decision->effects->logs_in = true;
	holder->role = (enum role)certificate.role;
	memcpy(holder->serial, certificate.serial.data, sizeof holder->serial);
	holder->has_person = certificate.has_spi;
	if (certificate.has_spi)
		holder->person = decision_person(decision, certificate.spi);
	answer->kind = slice_of_text(role_name(holder->role));
	answer->names = certificate.names;
	answer->not_after = certificate.not_after;
	return DECIDED;
}

HANDLER(publication)
{
	const struct msg_publication_request *wanted = request;
	struct msg_publication_answer *answer = decision->effects->answer;
	struct slice content;

	if (!publications_find(decision->context->office->publications, wanted->name, &content))
		return refuse_value(decision, ERROR_not_found, "publication_request.name", wanted->name, SLICE_EMPTY);
	answer->size = content.size;
	content = slice_from(content, wanted->has_offset ? (size_t)wanted->offset : 0);
	if (content.size > LIMIT_PART_SIZE)
		content.size = LIMIT_PART_SIZE;
	/* A file may be replaced before the answer is sent. */
	return arena_copy(decision->arena, content, &answer->content) ? DECIDED : refuse(decision, ERROR_out_of_memory);
}
