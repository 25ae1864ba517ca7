/* SPDX-License-Identifier: Apache-2.0
 *
 * A job's number is its item in the corpus, but where a script is spread over it. */
#include "bench/script.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/codec.h"
#include "protocol/frame.h"
#include "protocol/message.h"

/* Answers are kept in blocks that never move. */
#define BLOCK_SIZE ((size_t)16 * 1024 * 1024)

struct block {
	struct block *next;
	size_t used;
	uint8_t bytes[];
};

struct script {
	const struct script_kind *kind;
	struct corpus *corpus;
	struct drive_script drive;
	struct buf *frame;
	struct block *blocks;
	struct slice *answers;
	void (*take)(void *context, uint64_t number, struct slice answer);
	void *context;
	uint64_t first, step; /* of a sample; step 1: all */
};

static bool
script_next(void *context, const struct drive_job *job, struct caller *caller, const struct dialect_reply *reply,
    struct slice *request)
{
	struct script *script = context;
	const struct drive_job of_item = { script->first + job->number * script->step, job->step };
	return script->kind->next(script, &of_item, caller, reply, request);
}

struct script *
script_create(const struct script_kind *kind, struct corpus *corpus)
{
	struct script *script = calloc(1, sizeof *script);

	if (script == NULL)
		return NULL;
	script->kind = kind;
	script->corpus = corpus;
	script->step = 1;
	script->drive = (struct drive_script){ script_next, script };
	script->frame = buf_create((size_t)64 * 1024);
	script->answers = calloc(corpus_count(corpus) + 1, sizeof *script->answers);
	if (script->frame != NULL && script->answers != NULL)
		return script;
	script_destroy(script);
	return NULL;
}

void
script_destroy(struct script *script)
{
	if (script == NULL)
		return;
	for (struct block *block = script->blocks; block != NULL;) {
		struct block *next = block->next;
		free(block);
		block = next;
	}
	free(script->answers);
	buf_destroy(script->frame);
	free(script);
}

void
script_on_answer(struct script *script, void (*take)(void *context, uint64_t number, struct slice answer),
    void *context)
{
	script->take = take;
	script->context = context;
}

void
script_spread(struct script *script, uint64_t first, uint64_t step)
{
	script->first = first;
	script->step = step;
}

const struct drive_script *
script_drive(const struct script *script)
{
	return &script->drive;
}

struct slice
script_answer(const struct script *script, uint64_t item)
{
	return script->answers[item];
}

static void
script_keep(struct script *script, uint64_t number, struct slice answer)
{
	struct block *block = script->blocks;

	check(answer.size <= BLOCK_SIZE);
	if (block == NULL || BLOCK_SIZE - block->used < answer.size) {
		block = malloc(sizeof *block + BLOCK_SIZE);
		check(block != NULL);
		*block = (struct block){ .next = script->blocks };
		script->blocks = block;
	}
	memcpy(block->bytes + block->used, answer.data, answer.size);
	script->answers[number] = slice_of(block->bytes + block->used, answer.size);
	block->used += answer.size;
	if (script->take != NULL)
		script->take(script->context, number, answer);
}

/* A whole frame of that operation in the script's buffer. */
static struct slice
script_frame(struct script *script, enum operation_number number, const void *message)
{
	const struct frame frame = { .op = (uint16_t)number };

	buf_clear(script->frame);
	size_t at = frame_begin(script->frame, &frame);
	codec_encode(operation_find(number)->request(), message, script->frame);
	frame_end(script->frame, at);
	check(buf_ok(script->frame));
	return buf_peek(script->frame);
}

/* ---- file, enrol, hello ---- */

static bool
file_next(struct script *script, const struct drive_job *job, struct caller *caller, const struct dialect_reply *reply,
    struct slice *request)
{
	(void)caller;
	if (reply != NULL) {
		script_keep(script, job->number, reply->body);
		return false;
	}
	*request = corpus_item(script->corpus, job->number).file;
	return true;
}

const struct script_kind script_file = { "file", file_next };

static bool
file_over_next(struct script *script, const struct drive_job *job, struct caller *caller,
    const struct dialect_reply *reply, struct slice *request)
{
	(void)caller;
	*request = corpus_item(script->corpus, job->number % corpus_count(script->corpus)).file;
	return reply == NULL;
}

const struct script_kind script_file_over = { "file, over and over", file_over_next };

static bool
enrol_next(struct script *script, const struct drive_job *job, struct caller *caller,
    const struct dialect_reply *reply, struct slice *request)
{
	(void)caller;
	if (reply != NULL) {
		script_keep(script, job->number, reply->body);
		return false;
	}
	*request = corpus_item(script->corpus, job->number).enrol;
	return true;
}

const struct script_kind script_enrol = { "enrol", enrol_next };

static bool
hello_next(struct script *script, const struct drive_job *job, struct caller *caller,
    const struct dialect_reply *reply, struct slice *request)
{
	const struct msg_hello_request hello = { .client = SLICE_LITERAL("guichet-bench") };

	(void)job;
	(void)caller;
	*request = reply == NULL ? script_frame(script, OPERATION_hello, &hello) : SLICE_EMPTY;
	return reply == NULL;
}

const struct script_kind script_hello = { "hello", hello_next };

/* ---- mixed, receipt ---- */

static struct slice
login_frame(struct script *script, const struct corpus_item *item, struct caller *caller)
{
	uint8_t binding[32];
	struct buf *input = buf_create(256), *signature = buf_create(LIMIT_SIGNATURE);
	struct msg_login_request login = { .serial = slice_of(item->serial, SERIAL_SIZE) };
	EVP_PKEY *key = corpus_key(script->corpus, item->key);

	check(input != NULL && signature != NULL && key != NULL && caller_binding(caller, binding));
	login_input_put(input, binding, login.serial);
	check(key_sign(key, buf_peek(input), signature) == ERROR_NONE);
	login.signature = buf_peek(signature);
	struct slice frame = script_frame(script, OPERATION_login, &login);
	buf_destroy(input);
	buf_destroy(signature);
	return frame;
}

static struct slice
receipt_frame(struct script *script, const struct corpus_item *item)
{
	char id[2 * DIGEST_SIZE + 1];
	struct msg_reference_request request = { .reference = slice_of(id, 2 * DIGEST_SIZE) };

	hex_encode(slice_of(item->id, DIGEST_SIZE), id);
	return script_frame(script, OPERATION_receipt, &request);
}

static bool
mixed_next(struct script *script, const struct drive_job *job, struct caller *caller,
    const struct dialect_reply *reply, struct slice *request)
{
	const struct corpus_item item = corpus_item(script->corpus, job->number);
	const struct msg_filings_request filings = { .has_limit = false };

	switch (job->step) {
	case 0:
		*request = login_frame(script, &item, caller);
		return true;
	case 1:
		*request = script_frame(script, OPERATION_filings, &filings);
		return true;
	case 2:
		*request = item.file;
		return true;
	case 3:
		script_keep(script, job->number, reply->body);
		*request = receipt_frame(script, &item);
		return true;
	default:
		return false;
	}
}

const struct script_kind script_mixed = { "mixed", mixed_next };

static bool
receipt_next(struct script *script, const struct drive_job *job, struct caller *caller,
    const struct dialect_reply *reply, struct slice *request)
{
	const struct corpus_item item = corpus_item(script->corpus, job->number);

	switch (job->step) {
	case 0:
		*request = login_frame(script, &item, caller);
		return true;
	case 1:
		*request = receipt_frame(script, &item);
		return true;
	default:
		script_keep(script, job->number, reply->body);
		return false;
	}
}

const struct script_kind script_receipt = { "receipt", receipt_next };
