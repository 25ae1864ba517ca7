/* SPDX-License-Identifier: Apache-2.0
 *
 * One buffer, made once, in which every answer is encoded. */
#include "server/answer.h"

#include <stdlib.h>

#include "protocol/check.h"
#include "protocol/codec.h"

/* The largest answer: a page of a document, or a receipt with all its advices. */
#define ANSWER_MAX ((size_t)2 * 1024 * 1024)

struct answer {
	struct buf *bytes;
	uint64_t retry_after_ms;
	struct msg_reason reasons[LIMIT_REASONS];
};

struct answer *
answer_create(uint64_t retry_after_ms)
{
	struct answer *answer = calloc(1, sizeof *answer);

	if (answer == NULL)
		return NULL;
	answer->retry_after_ms = retry_after_ms;
	/* All of it at once: an answer to what is already durable must not fail for want of memory. */
	answer->bytes = buf_create(ANSWER_MAX);
	if (answer->bytes == NULL || buf_reserve(answer->bytes, ANSWER_MAX) == NULL) {
		answer_destroy(answer);
		return NULL;
	}
	return answer;
}

void
answer_destroy(struct answer *answer)
{
	if (answer == NULL)
		return;
	buf_destroy(answer->bytes);
	free(answer);
}

/* What an error inside this process is on the wire. */
static enum error
answer_error(enum error error)
{
	if (error == ERROR_out_of_memory)
		return ERROR_busy;
	return error >= 900 ? ERROR_internal : error;
}

/* A peer's bytes are quoted only when they are text. */
static bool
quotable(struct slice text)
{
	return text.data != NULL && slice_is_utf8(text);
}

/* The reasons of a refusal that has several, for the wire; how many. One alone is the refusal itself. */
static size_t
fill_reasons(struct answer *answer, const struct effects *effects)
{
	const struct effect_reason *reason = effects->reasons;
	size_t count = 0;

	if (effects->refusal.error == ERROR_NONE || reason == NULL || reason->next == NULL)
		return 0;
	for (; reason != NULL && count < LIMIT_REASONS; reason = reason->next) {
		const struct fault *fault = &reason->fault;
		const struct error_entry *entry = error_find(answer_error(fault->error));
		check(entry != NULL);
		answer->reasons[count++] = (struct msg_reason){
			.error = (uint64_t)entry->number,
			.has_place = quotable(fault->place),
			.place = slice_cut(fault->place, 256),
			.has_value = quotable(fault->value),
			.value = slice_cut(fault->value, 256),
			.has_expected = quotable(fault->expected),
			.expected = slice_cut(fault->expected, 1024),
			.text = slice_of_text(entry->english),
			.text_fr = slice_of_text(entry->french),
		};
	}
	return count;
}

/* The wait that is named, which ends no later than it may. */
static uint64_t
retry_after_ms(const struct answer *answer, const struct effects *effects)
{
	uint64_t wait_ms = effects->retry_after_ms != 0 ? effects->retry_after_ms : answer->retry_after_ms;

	return wait_ms < LIMIT_RETRY_AFTER_MS ? wait_ms : LIMIT_RETRY_AFTER_MS;
}

static void
put_refusal(struct answer *answer, const uint8_t *correlation, const struct effects *effects)
{
	const struct fault *fault = &effects->refusal;
	const struct error_entry *entry = error_find(answer_error(fault->error));

	check(entry != NULL);
	struct msg_refusal refusal = {
		.correlation = slice_of(correlation, CORRELATION_SIZE),
		.text = slice_of_text(entry->english),
		.text_fr = slice_of_text(entry->french),
		.has_place = quotable(fault->place),
		.place = slice_cut(fault->place, 256),
		.has_value = quotable(fault->value),
		.value = slice_cut(fault->value, 256),
		.has_expected = quotable(fault->expected),
		.expected = slice_cut(fault->expected, 1024),
		.has_retry_after_ms = entry->retry == RETRY_LATER,
		.retry_after_ms = retry_after_ms(answer, effects),
		.has_findings = effects->findings_count != 0,
		.findings = effects->findings,
		.findings_count = effects->findings_count,
		.reasons = answer->reasons,
		.reasons_count = fill_reasons(answer, effects),
	};
	refusal.has_reasons = refusal.reasons_count != 0;
	codec_encode(message_refusal(), &refusal, answer->bytes);
}

enum error
answer_encode(struct answer *answer, const struct operation *operation, const uint8_t correlation[CORRELATION_SIZE],
    const struct effects *effects, struct slice *body)
{
	const struct effects unsayable = { .refusal = { .error = ERROR_internal } };
	enum error error = answer_error(effects->refusal.error);

	buf_clear(answer->bytes);
	if (error == ERROR_NONE) {
		/* The envelope is the first field of every answer. */
		*(struct slice *)effects->answer = slice_of(correlation, CORRELATION_SIZE);
		codec_encode(operation->answer(), effects->answer, answer->bytes);
	} else {
		put_refusal(answer, correlation, effects);
	}
	if (!buf_ok(answer->bytes)) {
		error = ERROR_internal;
		buf_clear(answer->bytes);
		put_refusal(answer, correlation, &unsayable);
		check(buf_ok(answer->bytes));
	}
	*body = buf_peek(answer->bytes);
	return error;
}
