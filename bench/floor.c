/* SPDX-License-Identifier: Apache-2.0
 *
 * One function a primitive, run over a sample that was taken apart beforehand. */
#include "bench/floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#include "bench/fault.h"
#include "bench/office.h"
#include "bench/path.h"
#include "bench/pin.h"
#include "bench/stage.h"
#include "bench/wire.h"
#include "client/trust.h"
#include "protocol/codec.h"
#include "protocol/deflate.h"
#include "protocol/digest.h"
#include "protocol/frame.h"
#include "protocol/message.h"
#include "protocol/signature.h"
#include "server/store/seal.h"

#define SAMPLE_MAX ((size_t)4000)
#define SAMPLE_ARENA ((size_t)512 * 1024 * 1024)
#define ROUNDS 5
/* The sample's filing, before anything is measured. */
#define FILING_CONNECTIONS 64
#define FILING_MAX_NS ((uint64_t)600 * 1000000000)
#define FILING_RETRY_NS ((uint64_t)100000000)
#define INFLATE_ARENA ((size_t)4 * 1024 * 1024)
#define SEALED_MAX ((size_t)2 * 1024 * 1024)

static const char *const part_names[FLOOR_PARTS] = {
	[FLOOR_VERIFY] = "verify",
	[FLOOR_TLS] = "tls",
	[FLOOR_INFLATE] = "inflate",
	[FLOOR_DIGEST] = "digest",
	[FLOOR_SEAL] = "seal",
	[FLOOR_SCAN] = "scan",
};

/* One filing taken apart. */
struct sample {
	struct key_public key;
	struct slice frame, manifest, signature, attributes, compressed, content, archived, answer;
};

struct floor {
	struct arena *arena;
	struct sample *samples;
	size_t count;
	struct key_verifier *verifier;
	struct inflater *inflater;
	struct arena *scratch;
	struct seal_key *seal;
	struct seal_random *random;
	uint8_t *sealed;
	struct wire *wire;
	bool has_failed; /* a primitive did not do what it should */
};

const char *
floor_part_name(enum floor_part part)
{
	return part_names[part];
}

static uint64_t
cpu_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* ---- the sample ---- */

static bool
sample_attributes(struct floor *floor, struct sample *sample, const struct corpus_item *item, uint64_t signing_time)
{
	struct buf *buf = buf_create(1024);
	bool is_good = buf != NULL;

	if (is_good) {
		signature_attributes_put(buf, signing_time, item->id, item->certificate_digest);
		is_good = buf_ok(buf) && arena_copy(floor->arena, buf_peek(buf), &sample->attributes);
	}
	buf_destroy(buf);
	return is_good;
}

/* What the office archives of it: receipt, text, signature, document. */
static bool
sample_archived(struct floor *floor, struct sample *sample, struct slice receipt)
{
	const struct slice parts[] = { receipt, sample->manifest, sample->signature, sample->compressed };
	size_t size = 0, at = 0;

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		size += parts[i].size;
	uint8_t *bytes = arena_alloc(floor->arena, size);
	if (bytes == NULL)
		return false;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; at += parts[i++].size)
		memcpy(bytes + at, parts[i].data, parts[i].size);
	sample->archived = slice_of(bytes, size);
	return true;
}

/* `body`: of the answer. */
static bool
sample_answered(struct floor *floor, struct sample *sample, struct slice body)
{
	const struct frame frame = { .op = OPERATION_file, .flags = FRAME_ANSWER, .body = body };
	struct msg_receipt_answer answer;
	struct fault fault;
	struct buf *buf = buf_create(2 * LIMIT_FRAME_BODY);
	bool is_good = buf != NULL &&
	    codec_decode(message_receipt_answer(), body, CODEC_ANSWER, floor->arena, &answer, &fault) == ERROR_NONE;

	if (is_good) {
		frame_put(buf, &frame);
		is_good = buf_ok(buf) && arena_copy(floor->arena, buf_peek(buf), &sample->answer) &&
		    sample_archived(floor, sample, answer.receipt);
	}
	buf_destroy(buf);
	return is_good;
}

static bool
sample_take(struct floor *floor, struct sample *sample, struct corpus *corpus, size_t nth, struct slice answer)
{
	const struct corpus_item item = corpus_item(corpus, nth);
	struct msg_file_request request;
	struct frame frame;
	struct fault fault;
	EVP_PKEY *key = corpus_key(corpus, item.key);
	size_t size;

	if (key == NULL || key_public_of(key, &sample->key) != ERROR_NONE ||
	    frame_peek(item.file, LIMIT_FRAME_BODY, &frame, &size) != ERROR_NONE || size == 0 ||
	    codec_decode(message_file_request(), frame.body, CODEC_REQUEST, floor->arena, &request, &fault) !=
		ERROR_NONE ||
	    request.documents_count != 1)
		return false;
	sample->frame = item.file;
	sample->manifest = request.manifest;
	sample->signature = request.signature;
	sample->compressed = request.documents[0].content;
	return inflater_run(floor->inflater, sample->compressed, (size_t)request.documents[0].size, floor->arena,
		   &sample->content) == ERROR_NONE &&
	    sample_attributes(floor, sample, &item, request.signing_time) &&
	    sample_answered(floor, sample, answer);
}

/* ---- the primitives ---- */

static void
run_verify(struct floor *floor)
{
	for (size_t i = 0; i < floor->count; i++) {
		const struct sample *sample = &floor->samples[i];
		if (key_verify(floor->verifier, &sample->key, sample->attributes, sample->signature) != ERROR_NONE)
			floor->has_failed = true;
	}
}

static void
run_inflate(struct floor *floor)
{
	struct slice content;

	for (size_t i = 0; i < floor->count; i++) {
		const struct sample *sample = &floor->samples[i];
		if (inflater_run(floor->inflater, sample->compressed, sample->content.size, floor->scratch, &content) !=
		    ERROR_NONE)
			floor->has_failed = true;
		arena_reset(floor->scratch);
	}
}

static void
run_digest(struct floor *floor)
{
	uint8_t digest[DIGEST_SIZE];

	for (size_t i = 0; i < floor->count; i++) {
		digest_bytes(floor->samples[i].manifest, digest);
		digest_bytes(floor->samples[i].content, digest);
	}
}

static void
run_seal(struct floor *floor)
{
	for (size_t i = 0; i < floor->count; i++)
		if (!seal_put(floor->seal, floor->random, floor->samples[i].manifest, SLICE_EMPTY,
			floor->samples[i].archived, floor->sealed))
			floor->has_failed = true;
}

static void
run_scan(struct floor *floor)
{
	static const yajl_callbacks nothing = { .yajl_null = NULL };

	for (size_t i = 0; i < floor->count; i++) {
		const struct slice content = floor->samples[i].content;
		yajl_handle handle = yajl_alloc(&nothing, NULL, NULL);
		if (handle == NULL || yajl_parse(handle, content.data, content.size) != yajl_status_ok ||
		    yajl_complete_parse(handle) != yajl_status_ok)
			floor->has_failed = true;
		if (handle != NULL)
			yajl_free(handle);
	}
}

/* ---- measuring ---- */

static void
keep_least(struct floor_result *out, enum floor_part part, double ns)
{
	if (out->ns[part] == 0 || ns < out->ns[part])
		out->ns[part] = ns;
}

static void
measure_round(struct floor *floor, struct floor_result *out)
{
	static void (*const runs[FLOOR_PARTS])(struct floor *floor) = {
		[FLOOR_VERIFY] = run_verify,
		[FLOOR_INFLATE] = run_inflate,
		[FLOOR_DIGEST] = run_digest,
		[FLOOR_SEAL] = run_seal,
		[FLOOR_SCAN] = run_scan,
	};

	for (size_t part = 0; part < FLOOR_PARTS; part++) {
		if (runs[part] == NULL)
			continue;
		uint64_t began_ns = cpu_ns();
		runs[part](floor);
		keep_least(out, (enum floor_part)part, (double)(cpu_ns() - began_ns) / (double)floor->count);
	}
}

/* Over the wire: the requests arrive, many at a time as they do at a busy server, and as many answers leave. */
static void
measure_wire(struct floor *floor, struct floor_result *out)
{
	uint64_t spent_ns = 0;
	size_t done = 0, width = wire_width(floor->wire);

	for (; done + width <= floor->count; done += width) {
		for (size_t i = 0; i < width; i++)
			floor->has_failed |= !wire_ask(floor->wire, i, floor->samples[done + i].frame);
		uint64_t began_ns = cpu_ns();
		for (size_t i = 0; i < width; i++)
			floor->has_failed |= !wire_serve(floor->wire, i);
		spent_ns += cpu_ns() - began_ns;
		for (size_t i = 0; i < width; i++)
			floor->has_failed |= !wire_collect(floor->wire, i);
	}
	if (done != 0)
		keep_least(out, FLOOR_TLS, (double)spent_ns / (double)done);
}

static bool
floor_begin(struct floor *floor, const struct floor_plan *plan, const struct script *answers)
{
	static const uint8_t key[SEAL_KEY_SIZE];

	floor->arena = arena_create(SAMPLE_ARENA);
	floor->scratch = arena_create(INFLATE_ARENA);
	floor->verifier = key_verifier_create();
	floor->inflater = inflater_create();
	floor->seal = seal_key_create(key);
	floor->random = seal_random_create();
	floor->sealed = malloc(SEALED_MAX);
	if (floor->arena == NULL || floor->scratch == NULL || floor->verifier == NULL || floor->inflater == NULL ||
	    floor->seal == NULL || floor->random == NULL || floor->sealed == NULL)
		return false;
	floor->samples = arena_alloc_array(floor->arena, floor->count, sizeof *floor->samples);
	for (size_t i = 0; floor->samples != NULL && i < floor->count; i++)
		if (!sample_take(floor, &floor->samples[i], plan->corpus, i, script_answer(answers, i)))
			return false;
	return floor->samples != NULL && floor->count != 0;
}

static void
floor_end(struct floor *floor)
{
	wire_destroy(floor->wire);
	free(floor->sealed);
	seal_random_destroy(floor->random);
	seal_key_destroy(floor->seal);
	inflater_destroy(floor->inflater);
	key_verifier_destroy(floor->verifier);
	arena_destroy(floor->scratch);
	arena_destroy(floor->arena);
}

/* ---- what a real server makes of the sample ---- */

static enum error
drive_sample(const struct floor *floor, struct office *office, const struct guichet_trust *trust,
    const struct script *script, struct fault *fault)
{
	const struct drive_plan plan = {
		.loop = office_loop(office),
		.tls = trust->tls,
		.dialect = &dialect_guichet,
		.port = office_port(office),
		.script = script_drive(script),
		.connections = FILING_CONNECTIONS,
		.window = 1,
		.jobs_max = floor->count,
		.duration_ns = FILING_MAX_NS,
		.retry_status = ERROR_busy,
		.retry_ns = FILING_RETRY_NS,
	};
	struct outcome *outcome = NULL;
	enum error error = drive_run(&plan, &outcome, fault);

	if (error == ERROR_NONE && outcome_count_of(outcome, 0) != floor->count)
		error = fault_set(fault, ERROR_answer_malformed, "floor", SLICE_EMPTY, "a receipt for every filing");
	outcome_destroy(outcome);
	return error;
}

static enum error
file_sample(const struct floor *floor, const struct floor_plan *plan, const struct script *script, struct fault *fault)
{
	char template[PATH_SIZE], directory[PATH_SIZE];
	const struct office_plan office_plan = { plan->programs, directory, -1, plan->texts };
	struct office *office = NULL;
	struct guichet_trust *trust = NULL;

	path_make(template, "%s/%s/office", plan->directory, plan->kind);
	path_make(directory, "%s/office-run", plan->directory);
	enum error error = office_remove(directory, plan->texts, fault);
	if (error == ERROR_NONE)
		error = office_copy(template, directory, plan->texts, fault);
	if (error == ERROR_NONE)
		error = office_trust(directory, &trust, plan->texts, fault);
	if (error == ERROR_NONE)
		error = office_start(&office_plan, &office, fault);
	if (error == ERROR_NONE)
		error = drive_sample(floor, office, trust, script, fault);
	error = office_stop(office, error, fault);
	guichet_trust_destroy(trust);
	return error;
}

/* ---- all of it ---- */

static enum error
measure_pinned(struct floor *floor, const char *office, struct floor_result *out, struct fault *fault)
{
	struct pin pin;
	enum error error = pin_take(STAGE_SERVER_CORE, &pin, fault);

	if (error != ERROR_NONE)
		return error;
	/* The log was longest, and so the proof, for the last of them. */
	const struct slice answer = floor->samples[floor->count - 1].answer;
	out->answer_size = answer.size;
	error = wire_create(office, answer, &floor->wire, fault);
	for (int round = 0; error == ERROR_NONE && round < ROUNDS; round++) {
		measure_round(floor, out);
		measure_wire(floor, out);
	}
	pin_release(&pin);
	if (error == ERROR_NONE && floor->has_failed)
		error = fault_set(fault, ERROR_signature_invalid, "floor", SLICE_EMPTY,
		    "primitives that do their work");
	for (size_t part = 0; part < FLOOR_PARTS; part++)
		out->total_ns += out->ns[part];
	return error;
}

static size_t
least(size_t one, size_t other)
{
	return one < other ? one : other;
}

enum error
floor_measure(const struct floor_plan *plan, struct floor_result *out, struct fault *fault)
{
	char office[PATH_SIZE];
	struct floor floor = { .count = least(least(corpus_count(plan->corpus), plan->count), SAMPLE_MAX) };
	struct script *answers = script_create(&script_file, plan->corpus);

	*out = (struct floor_result){ .total_ns = 0 };
	path_make(office, "%s/%s/office", plan->directory, plan->kind);
	enum error error = answers == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
					     file_sample(&floor, plan, answers, fault);
	if (error == ERROR_NONE && !floor_begin(&floor, plan, answers))
		error = fault_set(fault, ERROR_usage, "corpus", SLICE_EMPTY,
		    "filings of one return document, and memory");
	if (error == ERROR_NONE)
		error = measure_pinned(&floor, office, out, fault);
	floor_end(&floor);
	script_destroy(answers);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, plan->texts);
}
