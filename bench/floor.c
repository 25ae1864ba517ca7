/* SPDX-License-Identifier: Apache-2.0
 *
 * One function a primitive, run over a sample that was taken apart beforehand. */
#include "bench/floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#include "bench/pin.h"
#include "bench/stage.h"
#include "bench/wire.h"
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
	struct slice frame, manifest, signature, attributes, compressed, content, archived;
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

/* What the office archives of it: text, signature, document, and a receipt, here as long as the answer. */
static bool
sample_archived(struct floor *floor, struct sample *sample, size_t answer_size)
{
	size_t size = sample->manifest.size + sample->signature.size + sample->compressed.size + answer_size;

	sample->archived = slice_of(arena_alloc(floor->arena, size), size);
	return sample->archived.data != NULL;
}

static bool
sample_take(struct floor *floor, struct sample *sample, struct corpus *corpus, size_t nth, size_t answer_size)
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
	    sample_archived(floor, sample, answer_size);
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
floor_begin(struct floor *floor, struct corpus *corpus, size_t count, size_t answer_size)
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
	floor->count = corpus_count(corpus) < count ? corpus_count(corpus) : count;
	if (floor->count > SAMPLE_MAX)
		floor->count = SAMPLE_MAX;
	floor->samples = arena_alloc_array(floor->arena, floor->count, sizeof *floor->samples);
	for (size_t i = 0; floor->samples != NULL && i < floor->count; i++)
		if (!sample_take(floor, &floor->samples[i], corpus, i, answer_size))
			return false;
	return floor->samples != NULL;
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

enum error
floor_measure(struct corpus *corpus, const char *office, size_t count, size_t answer_size, struct floor_result *out,
    struct fault *fault)
{
	struct floor floor = { .count = 0 };
	struct pin pin;
	enum error error = pin_take(STAGE_SERVER_CORE, &pin, fault);

	*out = (struct floor_result){ .total_ns = 0 };
	if (error != ERROR_NONE)
		return error;
	if (!floor_begin(&floor, corpus, count, answer_size))
		error = fault_set(fault, ERROR_usage, "corpus", SLICE_EMPTY,
		    "filings of one return document, and memory");
	if (error == ERROR_NONE)
		error = wire_create(office, answer_size, &floor.wire, fault);
	for (int round = 0; error == ERROR_NONE && round < ROUNDS; round++) {
		measure_round(&floor, out);
		measure_wire(&floor, out);
	}
	if (error == ERROR_NONE && floor.has_failed)
		error = fault_set(fault, ERROR_signature_invalid, "floor", SLICE_EMPTY,
		    "primitives that do their work");
	for (size_t part = 0; part < FLOOR_PARTS; part++)
		out->total_ns += out->ns[part];
	floor_end(&floor);
	pin_release(&pin);
	return error;
}
