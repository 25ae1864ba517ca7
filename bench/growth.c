/* SPDX-License-Identifier: Apache-2.0
 *
 * Waves: in each every holder files once, the text naming the receipt of the wave before. A job's number says both: of
 * a wave after another, the holders in their order. */
#include "bench/growth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/fault.h"
#include "bench/office.h"
#include "bench/path.h"
#include "client/trust.h"
#include "protocol/check.h"
#include "protocol/codec.h"
#include "protocol/digest.h"
#include "protocol/frame.h"
#include "protocol/message.h"
#include "protocol/note.h"
#include "protocol/receipt.h"
#include "protocol/signature.h"

#define CONNECTIONS 64
#define WINDOW 4
#define WAVE_MAX_NS ((uint64_t)3600 * 1000000000)
#define RETRY_NS ((uint64_t)100000000)
#define ARENA_SIZE ((size_t)1024 * 1024)
#define FRAME_MAX ((size_t)1024 * 1024)
/* A holder may file LIMIT_FILINGS_HOUR times in an hour: once before, and some room. */
#define WAVES_MEASURED_MAX ((size_t)LIMIT_FILINGS_HOUR - 3)

/* What a holder filed last: its receipt, once that is there, will name it. */
struct filed {
	char number[RECEIPT_NUMBER_SIZE]; /* in force */
	uint8_t id[DIGEST_SIZE];
};

struct waves {
	struct corpus *corpus;
	const struct guichet_trust *trust;
	size_t first, count; /* the holders: items of the corpus */
	struct filed *filed; /* of each holder */
	struct arena *arena;
	struct buf *manifest, *attributes, *signature, *frame; /* scratch */
	uint64_t receipts;
	bool has_failed; /* a receipt was not what it should be */
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
put_frame(struct waves *waves, const struct corpus_item *item, struct msg_file_request *request,
    uint8_t id[DIGEST_SIZE])
{
	const struct frame frame = { .op = OPERATION_file };
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
rectifying_frame(struct waves *waves, const struct corpus_item *item, struct filed *filed)
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
	put_manifest(waves, request.manifest, filed->number);
	put_frame(waves, item, &request, filed->id);
	return buf_peek(waves->frame);
}

/* For what was filed; and in the log, which is looked at for some. */
static bool
take_receipt(struct waves *waves, struct filed *filed, struct slice body)
{
	struct msg_receipt_answer answer;
	struct receipt receipt;
	struct checkpoint checkpoint;
	struct fault fault;
	uint64_t index;

	arena_reset(waves->arena);
	if (codec_decode(message_receipt_answer(), body, CODEC_ANSWER, waves->arena, &answer, &fault) != ERROR_NONE ||
	    receipt_parse(answer.receipt, waves->arena, &receipt, &fault) != ERROR_NONE ||
	    memcmp(receipt.filing_id, filed->id, DIGEST_SIZE) != 0)
		return false;
	memcpy(filed->number, receipt.number.data, RECEIPT_NUMBER_SIZE);
	return waves->receipts++ % RECEIPTS_SAMPLE_EVERY != 0 ||
	    tlog_proof_verify(answer.proof, answer.receipt, &waves->trust->verifier, &checkpoint, &index, &fault) ==
	    ERROR_NONE;
}

static bool
waves_next(void *context, const struct drive_job *job, struct caller *caller, const struct dialect_reply *reply,
    struct slice *request)
{
	struct waves *waves = context;
	size_t nth = (size_t)(job->number % waves->count);
	struct filed *filed = &waves->filed[nth];
	const struct corpus_item item = corpus_item(waves->corpus, waves->first + nth);

	(void)caller;
	if (reply != NULL) {
		waves->has_failed |= !take_receipt(waves, filed, reply->body);
		return false;
	}
	if (job->number < waves->count)
		memcpy(filed->id, item.id, DIGEST_SIZE);
	*request = job->number < waves->count ? item.file : rectifying_frame(waves, &item, filed);
	return true;
}

/* ---- all waves ---- */

static enum error
run_wave(struct waves *waves, size_t wave, struct office *office, struct fault *fault)
{
	const struct drive_script script = { waves_next, waves };
	const struct drive_plan plan = {
		.loop = office_loop(office),
		.tls = waves->trust->tls,
		.dialect = &dialect_guichet,
		.port = office_port(office),
		.script = &script,
		.connections = CONNECTIONS,
		.window = WINDOW,
		.jobs_first = wave * waves->count,
		.jobs_max = waves->count,
		.duration_ns = WAVE_MAX_NS,
		.grace_ns = WAVE_MAX_NS,
		.retry_status = ERROR_busy,
		.retry_ns = RETRY_NS,
	};
	struct outcome *outcome = NULL;
	enum error error = drive_run(&plan, &outcome, fault);

	if (error == ERROR_NONE && (waves->has_failed || outcome_count_of(outcome, 0) != waves->count)) {
		for (size_t i = 0; i < outcome->codes_count; i++)
			printf("  %llu answered %s\n", (unsigned long long)outcome->codes[i].count,
			    error_name((enum error)outcome->codes[i].status));
		error = fault_set(fault, ERROR_answer_malformed, "growth", SLICE_EMPTY, "a receipt for every filing");
	}
	outcome_destroy(outcome);
	return error;
}

/* Serves the office in that directory to `play`. */
static enum error
with_office(struct waves *waves, const struct office_plan *plan,
    enum error (*play)(struct waves *waves, struct office *office, void *context, struct fault *fault), void *context,
    struct fault *fault)
{
	struct office *office = NULL;
	struct guichet_trust *trust = NULL;
	enum error error = office_trust(plan->directory, &trust, plan->texts, fault);

	waves->trust = trust;
	if (error == ERROR_NONE)
		error = office_start(plan, &office, fault);
	if (error == ERROR_NONE)
		error = play(waves, office, context, fault);
	error = office_stop(office, error, fault);
	guichet_trust_destroy(trust);
	return error;
}

static enum error
waves_create(struct waves *waves, const char *corpus, struct fault *fault)
{
	enum error error = corpus_open(corpus, &waves->corpus, fault);

	if (error != ERROR_NONE)
		return error;
	check(waves->first + waves->count <= corpus_count(waves->corpus));
	waves->filed = calloc(waves->count, sizeof *waves->filed);
	waves->arena = arena_create(ARENA_SIZE);
	waves->manifest = buf_create(LIMIT_MANIFEST_SIZE);
	waves->attributes = buf_create(1024);
	waves->signature = buf_create(LIMIT_SIGNATURE);
	waves->frame = buf_create(FRAME_MAX);
	if (waves->filed != NULL && waves->arena != NULL && waves->manifest != NULL && waves->attributes != NULL &&
	    waves->signature != NULL && waves->frame != NULL)
		return ERROR_NONE;
	return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
}

static void
waves_destroy(struct waves *waves)
{
	free(waves->filed);
	arena_destroy(waves->arena);
	buf_destroy(waves->manifest);
	buf_destroy(waves->attributes);
	buf_destroy(waves->signature);
	buf_destroy(waves->frame);
	corpus_close(waves->corpus);
}

/* ---- the filled office ---- */

static enum error
play_fill(struct waves *waves, struct office *office, void *context, struct fault *fault)
{
	enum error error = ERROR_NONE;

	(void)context;
	for (size_t wave = 0; error == ERROR_NONE && wave < GROWTH_TIMES; wave++) {
		printf("  %zu filings stored\n", wave * waves->count);
		fflush(stdout);
		error = run_wave(waves, wave, office, fault);
	}
	return error;
}

static enum error
fill(const char *directory, const struct prepare_plan *prepared, struct fault *fault)
{
	char office[PATH_SIZE], corpus[PATH_SIZE];
	const struct office_plan plan = { prepared->programs, office, -1, prepared->texts };
	struct waves waves = { .count = GROWTH_HOLDERS };

	path_make(office, "%s/p256/office", directory);
	path_make(corpus, "%s/p256/corpus", directory);
	enum error error = waves_create(&waves, corpus, fault);
	if (error == ERROR_NONE)
		error = with_office(&waves, &plan, play_fill, NULL, fault);
	waves_destroy(&waves);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, prepared->texts);
}

enum error
growth_prepare(const struct prepare_plan *plan, struct fault *fault)
{
	char directory[PATH_SIZE], small_directory[PATH_SIZE], filled[PATH_SIZE];
	const struct prepare_plan larger = { directory, plan->programs, plan->returns, KEY_P256,
		GROWTH_HOLDERS + GROWTH_LEFT, GROWTH_TAXPAYERS, plan->texts };
	const struct prepare_plan small = { small_directory, plan->programs, plan->returns, KEY_P256, GROWTH_SMALL,
		GROWTH_SMALL, plan->texts };
	struct stat status;

	path_make(directory, "%s/growth", plan->directory);
	path_make(small_directory, "%s/small", plan->directory);
	path_make(filled, "%s/filled", directory);
	enum error error = prepare_run(&small, fault);
	if (error != ERROR_NONE)
		return error;
	/* Of another corpus than this would be, what is filled is no use. */
	if (stat(filled, &status) == 0 && prepare_is_fitting(&larger))
		return ERROR_NONE;
	(void)remove(filled);
	error = prepare_run(&larger, fault);
	if (error == ERROR_NONE)
		error = fill(directory, plan, fault);
	if (error != ERROR_NONE)
		return error;
	FILE *file = fopen(filled, "w");
	if (file == NULL || fclose(file) != 0)
		return fault_set(fault, ERROR_file_unreadable, "filled", slice_of_text(strerror(errno)),
		    "a file that can be made");
	return ERROR_NONE;
}

/* ---- measuring ---- */

struct measurement {
	const struct growth_run *run;
	struct stage_result *result;
};

/* The first wave is not measured: both offices are to do the same. */
static enum error
play_measured(struct waves *waves, struct office *office, void *context, struct fault *fault)
{
	const struct measurement *measurement = context;
	const struct growth_run *run = measurement->run;
	struct stage_result *result = measurement->result;
	const struct drive_script script = { waves_next, waves };
	const struct stage_server server = { "guichetd", office_loop(office), waves->trust->tls, &dialect_guichet,
		office_process(office), office_port(office) };
	const struct stage_plan stage = {
		.name = run->name,
		.scenario = "growth",
		.kind = key_algorithm_name(KEY_P256),
		.drive = &script,
		.connections = CONNECTIONS,
		.window = 1,
		.jobs_first = waves->count,
		.jobs_max = waves->count * WAVES_MEASURED_MAX,
		.warmup_ns = run->warmup_ns,
		.duration_ns = run->duration_ns,
	};
	enum error error = run_wave(waves, 0, office, fault);

	/* A key is loaded at its first use, which is not to be in the measurement. */
	for (size_t i = 0; error == ERROR_NONE && i < waves->count; i++)
		check(corpus_key(waves->corpus, corpus_item(waves->corpus, waves->first + i).key) != NULL);
	if (error == ERROR_NONE)
		error = stage_run(&server, &stage, result, fault);
	if (error == ERROR_NONE && waves->has_failed)
		result->why_invalid = "a receipt was not genuine";
	return error;
}

enum error
growth_measure(const struct growth_run *run, struct stage_result *result, struct fault *fault)
{
	char template[PATH_SIZE], office[PATH_SIZE], corpus[PATH_SIZE];
	const struct office_plan plan = { run->programs, office, STAGE_SERVER_CORE, run->texts };
	struct waves waves = { .first = run->first, .count = run->count };
	struct measurement measurement = { run, result };

	*result = (struct stage_result){ .name = run->name };
	path_make(template, "%s/p256/office", run->directory);
	path_make(corpus, "%s/p256/corpus", run->directory);
	path_make(office, "%s/office-run", run->directory);
	enum error error = waves_create(&waves, corpus, fault);
	if (error == ERROR_NONE)
		error = office_remove(office, run->texts, fault);
	if (error == ERROR_NONE)
		error = office_copy(template, office, run->texts, fault);
	if (error == ERROR_NONE)
		error = with_office(&waves, &plan, play_measured, &measurement, fault);
	waves_destroy(&waves);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, run->texts);
}
