/* SPDX-License-Identifier: Apache-2.0
 *
 * Waves: in each every holder files once, the text naming the receipt of the wave before. */
#include "bench/growth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/office.h"
#include "bench/path.h"
#include "client/trust.h"
#include "protocol/check.h"
#include "protocol/codec.h"
#include "protocol/digest.h"
#include "protocol/frame.h"
#include "protocol/message.h"
#include "protocol/receipt.h"
#include "protocol/signature.h"

#define CONNECTIONS 64
#define WINDOW 4
#define WAVE_MAX_NS ((uint64_t)3600 * 1000000000)
#define RETRY_NS ((uint64_t)100000000)
#define ARENA_SIZE ((size_t)1024 * 1024)
#define FRAME_MAX ((size_t)1024 * 1024)

struct waves {
	struct corpus *corpus;
	char (*numbers)[RECEIPT_NUMBER_SIZE]; /* in force, of each holder */
	size_t wave;
	struct arena *arena;
	struct buf *manifest, *attributes, *signature, *frame; /* scratch */
	bool has_failed;
};

/* ---- one filing ---- */

/* The text of the holder's first filing, rectifying what is in force. */
static void
put_manifest(struct waves *waves, struct slice first, const char number[RECEIPT_NUMBER_SIZE])
{
	static const char none[] = "replaces none\n";
	const uint8_t *at = memmem(first.data, first.size, none, sizeof none - 1);

	check(at != NULL);
	size_t before = (size_t)(at - first.data);
	buf_put(waves->manifest, slice_of(first.data, before));
	buf_put_format(waves->manifest, "replaces %.*s\n", (int)RECEIPT_NUMBER_SIZE, number);
	buf_put(waves->manifest, slice_from(first, before + sizeof none - 1));
}

/* Signs the text anew and puts the frame together. */
static void
put_frame(struct waves *waves, const struct corpus_item *item, struct msg_file_request *request)
{
	const struct frame frame = { .op = OPERATION_file };
	uint8_t id[DIGEST_SIZE];
	EVP_PKEY *key = corpus_key(waves->corpus, item->key);

	digest_bytes(buf_peek(waves->manifest), id);
	signature_attributes_put(waves->attributes, request->signing_time, id, item->certificate_digest);
	check(key != NULL && key_sign(key, buf_peek(waves->attributes), waves->signature) == ERROR_NONE);
	request->manifest = buf_peek(waves->manifest);
	request->signature = buf_peek(waves->signature);
	size_t at = frame_begin(waves->frame, &frame);
	codec_encode(message_file_request(), request, waves->frame);
	frame_end(waves->frame, at);
	check(buf_ok(waves->frame));
}

static struct slice
rectifying_frame(struct waves *waves, const struct corpus_item *item, const char number[RECEIPT_NUMBER_SIZE])
{
	struct msg_file_request request;
	struct frame frame;
	struct fault fault;
	size_t size;

	arena_reset(waves->arena);
	buf_clear(waves->manifest);
	buf_clear(waves->attributes);
	buf_clear(waves->signature);
	buf_clear(waves->frame);
	check(frame_peek(item->file, LIMIT_FRAME_BODY, &frame, &size) == ERROR_NONE && size != 0);
	check(codec_decode(message_file_request(), frame.body, CODEC_REQUEST, waves->arena, &request, &fault) ==
	    ERROR_NONE);
	put_manifest(waves, request.manifest, number);
	put_frame(waves, item, &request);
	return buf_peek(waves->frame);
}

static void
take_number(struct waves *waves, uint64_t holder, struct slice body)
{
	struct msg_receipt_answer answer;
	struct receipt receipt;
	struct fault fault;

	arena_reset(waves->arena);
	if (codec_decode(message_receipt_answer(), body, CODEC_ANSWER, waves->arena, &answer, &fault) != ERROR_NONE ||
	    receipt_parse(answer.receipt, waves->arena, &receipt, &fault) != ERROR_NONE)
		waves->has_failed = true;
	else
		memcpy(waves->numbers[holder], receipt.number.data, RECEIPT_NUMBER_SIZE);
}

static bool
waves_next(void *context, const struct drive_job *job, struct caller *caller, const struct dialect_reply *reply,
    struct slice *request)
{
	struct waves *waves = context;
	const struct corpus_item item = corpus_item(waves->corpus, job->number);

	(void)caller;
	if (reply != NULL) {
		take_number(waves, job->number, reply->body);
		return false;
	}
	*request = waves->wave == 0 ? item.file : rectifying_frame(waves, &item, waves->numbers[job->number]);
	return true;
}

/* ---- all waves ---- */

static enum error
run_wave(struct waves *waves, struct office *office, const struct guichet_trust *trust, struct fault *fault)
{
	const struct drive_script script = { waves_next, waves };
	const struct drive_plan plan = {
		.loop = office_loop(office),
		.tls = trust->tls,
		.dialect = &dialect_guichet,
		.port = office_port(office),
		.script = &script,
		.connections = CONNECTIONS,
		.window = WINDOW,
		.jobs_max = GROWTH_HOLDERS,
		.duration_ns = WAVE_MAX_NS,
		.grace_ns = WAVE_MAX_NS,
		.retry_status = ERROR_busy,
		.retry_ns = RETRY_NS,
	};
	struct outcome *outcome = NULL;
	enum error error = drive_run(&plan, &outcome, fault);

	if (error == ERROR_NONE && (waves->has_failed || outcome_count_of(outcome, 0) != GROWTH_HOLDERS)) {
		for (size_t i = 0; i < outcome->codes_count; i++)
			printf("  %llu answered %s\n", (unsigned long long)outcome->codes[i].count,
			    error_name((enum error)outcome->codes[i].status));
		error = fault_set(fault, ERROR_answer_malformed, "growth", SLICE_EMPTY, "a receipt for every filing");
	}
	outcome_destroy(outcome);
	return error;
}

static enum error
run_waves(struct waves *waves, const struct office_plan *plan, struct fault *fault)
{
	struct office *office = NULL;
	struct guichet_trust *trust = NULL;
	enum error error = office_trust(plan->directory, &trust, fault);

	if (error == ERROR_NONE)
		error = office_start(plan, &office, fault);
	for (waves->wave = 0; error == ERROR_NONE && waves->wave < GROWTH_TIMES; waves->wave++) {
		printf("  %zu filings stored\n", waves->wave * GROWTH_HOLDERS);
		fflush(stdout);
		error = run_wave(waves, office, trust, fault);
	}
	if (!office_stop(office) && error == ERROR_NONE)
		error = fault_set(fault, ERROR_unreachable, "guichetd", SLICE_EMPTY,
		    "a server that ends in good order");
	guichet_trust_destroy(trust);
	return error;
}

static bool
waves_create(struct waves *waves)
{
	waves->numbers = calloc(GROWTH_HOLDERS, sizeof *waves->numbers);
	waves->arena = arena_create(ARENA_SIZE);
	waves->manifest = buf_create(LIMIT_MANIFEST_SIZE);
	waves->attributes = buf_create(1024);
	waves->signature = buf_create(LIMIT_SIGNATURE);
	waves->frame = buf_create(FRAME_MAX);
	return waves->numbers != NULL && waves->arena != NULL && waves->manifest != NULL && waves->attributes != NULL &&
	    waves->signature != NULL && waves->frame != NULL;
}

static void
waves_destroy(struct waves *waves)
{
	free(waves->numbers);
	arena_destroy(waves->arena);
	buf_destroy(waves->manifest);
	buf_destroy(waves->attributes);
	buf_destroy(waves->signature);
	buf_destroy(waves->frame);
	corpus_close(waves->corpus);
}

static enum error
fill(const char *directory, const char *programs, struct fault *fault)
{
	char office[PATH_SIZE], corpus[PATH_SIZE];
	const struct office_plan plan = { programs, office, -1 };
	struct waves waves = { .wave = 0 };

	path_make(office, "%s/p256/office", directory);
	path_make(corpus, "%s/p256/corpus", directory);
	enum error error = corpus_open(corpus, &waves.corpus, fault);
	if (error == ERROR_NONE && !waves_create(&waves))
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error == ERROR_NONE)
		error = run_waves(&waves, &plan, fault);
	waves_destroy(&waves);
	return error;
}

enum error
growth_prepare(const struct prepare_plan *plan, struct fault *fault)
{
	char directory[PATH_SIZE], filled[PATH_SIZE];
	const struct prepare_plan larger = { directory, plan->programs, plan->returns, KEY_P256,
		GROWTH_HOLDERS + GROWTH_LEFT, GROWTH_TAXPAYERS };
	struct stat status;

	path_make(directory, "%s/growth", plan->directory);
	path_make(filled, "%s/filled", directory);
	if (stat(filled, &status) == 0)
		return ERROR_NONE;
	enum error error = prepare_run(&larger, fault);
	if (error == ERROR_NONE)
		error = fill(directory, plan->programs, fault);
	if (error != ERROR_NONE)
		return error;
	FILE *file = fopen(filled, "w");
	if (file == NULL || fclose(file) != 0)
		return fault_set(fault, ERROR_file_unreadable, "filled", slice_of_text(strerror(errno)),
		    "a file that can be made");
	return ERROR_NONE;
}
