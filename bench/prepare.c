/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and requests on all cores, certificates from the real server, signatures on all cores, then the file. */
#include "bench/prepare.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "bench/corpus.h"
#include "bench/drive.h"
#include "bench/fault.h"
#include "bench/keypool.h"
#include "bench/office.h"
#include "bench/parallel.h"
#include "bench/path.h"
#include "bench/people.h"
#include "bench/record.h"
#include "bench/returns.h"
#include "bench/script.h"
#include "client/blob.h"
#include "client/trust.h"
#include "protocol/campaign.h"
#include "protocol/codec.h"
#include "protocol/deflate.h"
#include "protocol/digest.h"
#include "protocol/frame.h"
#include "protocol/manifest.h"
#include "protocol/message.h"
#include "protocol/signature.h"

#define FRAME_MAX ((size_t)1024 * 1024)
/* Enrolments over the wire: connections and requests under way on each. */
#define ENROL_CONNECTIONS 64
#define ENROL_WINDOW 4
#define ENROL_MAX_NS ((uint64_t)3600 * 1000000000)
#define ENROL_RETRY_NS ((uint64_t)100000000)

/* One holder while the corpus is being made. */
struct holder {
	EVP_PKEY *key;
	uint8_t serial[SERIAL_SIZE], certificate_digest[DIGEST_SIZE], id[DIGEST_SIZE];
	struct buf *enrol, *file, *der; /* frames, private key */
};

struct preparation {
	const struct prepare_plan *plan;
	const struct guichet_trust *trust;
	struct keypool *pool;
	struct returns returns;
	struct holder *holders;
	uint64_t now;
};

static void
say(const char *what, size_t count)
{
	printf("  %zu %s\n", count, what);
	fflush(stdout);
}

/* ---- keys and requests ---- */

static bool
put_csr(EVP_PKEY *key, struct buf *out)
{
	X509_REQ *request = X509_REQ_new();
	unsigned char *der = NULL;
	int size = -1;

	if (request != NULL && X509_REQ_set_pubkey(request, key) == 1 &&
	    X509_REQ_sign(request, key, EVP_sha256()) > 0)
		size = i2d_X509_REQ(request, &der);
	if (size > 0)
		buf_put(out, slice_of(der, (size_t)size));
	OPENSSL_free(der);
	X509_REQ_free(request);
	return size > 0;
}

static bool
put_key(EVP_PKEY *key, struct buf *out)
{
	unsigned char *der = NULL;
	int size = i2d_PrivateKey(key, &der);

	if (size > 0)
		buf_put(out, slice_of(der, (size_t)size));
	OPENSSL_free(der);
	return size > 0 && buf_ok(out);
}

static bool
put_frame(struct buf *out, enum operation_number number, const void *message)
{
	const struct frame frame = { .op = (uint16_t)number };
	size_t at = frame_begin(out, &frame);

	codec_encode(operation_find(number)->request(), message, out);
	frame_end(out, at);
	return buf_ok(out);
}

static bool
holder_begin(void *context, size_t nth)
{
	struct preparation *preparation = context;
	struct holder *holder = &preparation->holders[nth];
	struct people_facts facts;
	struct buf *csr = buf_create(LIMIT_CSR);

	people_facts(nth, &facts);
	holder->key = keypool_key(preparation->pool, nth);
	holder->enrol = buf_create(FRAME_MAX);
	holder->file = buf_create(FRAME_MAX);
	holder->der = buf_create((size_t)8192);
	bool is_good = csr != NULL && holder->key != NULL && holder->enrol != NULL && holder->file != NULL &&
	    holder->der != NULL && put_csr(holder->key, csr) && put_key(holder->key, holder->der);
	if (is_good) {
		const struct msg_enrol_request request = {
			.spi = slice_of_text(facts.spi),
			.birth_name = slice_of_text(facts.birth_name),
			.filer_number = slice_of_text(facts.filer_number),
			.reference_income = slice_of_text(facts.reference_income),
			.email = slice_of_text(facts.email),
			.csr = buf_peek(csr),
			.contract = preparation->trust->campaign.contract,
		};
		is_good = put_frame(holder->enrol, OPERATION_enrol, &request);
	}
	buf_destroy(csr);
	return is_good;
}

/* ---- certificates ---- */

/* The script reads its frames out of a corpus; so the enrolments are one for a while. */
static enum error
write_corpus(const struct preparation *preparation, const char *path, struct fault *fault)
{
	struct corpus_writer *writer = NULL;
	enum error error = corpus_writer_create(path, preparation->plan->algorithm, &writer, fault);

	if (error != ERROR_NONE)
		return error;
	for (size_t i = 0; i < preparation->plan->count; i++) {
		const struct holder *holder = &preparation->holders[i];
		const struct corpus_item item = { holder->serial, holder->id, holder->certificate_digest, i,
			buf_peek(holder->enrol), buf_peek(holder->file) };
		corpus_writer_item(writer, &item);
	}
	for (size_t i = 0; i < preparation->plan->count; i++)
		corpus_writer_key(writer, buf_peek(preparation->holders[i].der));
	return corpus_writer_end(writer, fault);
}

static bool
take_certificate(struct holder *holder, struct slice body)
{
	struct msg_certificate_answer answer;
	struct arena *arena = arena_create((size_t)64 * 1024);
	struct fault fault;
	bool is_good = arena != NULL && body.size != 0 &&
	    codec_decode(message_certificate_answer(), body, CODEC_ANSWER, arena, &answer, &fault) == ERROR_NONE;

	if (is_good) {
		memcpy(holder->serial, answer.serial.data, SERIAL_SIZE);
		digest_bytes(answer.certificate, holder->certificate_digest);
	}
	arena_destroy(arena);
	return is_good;
}

static enum error
enrol_all(struct preparation *preparation, struct office *office, struct corpus *corpus, struct fault *fault)
{
	struct script *script = script_create(&script_enrol, corpus);
	struct outcome *outcome = NULL;
	enum error error = script == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) : ERROR_NONE;

	if (error == ERROR_NONE) {
		const struct drive_plan plan = {
			.loop = office_loop(office),
			.tls = preparation->trust->tls,
			.dialect = &dialect_guichet,
			.port = office_port(office),
			.script = script_drive(script),
			.connections = ENROL_CONNECTIONS,
			.window = ENROL_WINDOW,
			.jobs_max = preparation->plan->count,
			.duration_ns = ENROL_MAX_NS,
			.grace_ns = ENROL_MAX_NS,
			.retry_status = ERROR_busy,
			.retry_ns = ENROL_RETRY_NS,
		};
		error = drive_run(&plan, &outcome, fault);
	}
	for (size_t i = 0; error == ERROR_NONE && i < preparation->plan->count; i++)
		if (!take_certificate(&preparation->holders[i], script_answer(script, i)))
			error = fault_set(fault, ERROR_answer_malformed, "enrol", SLICE_EMPTY,
			    "a certificate for everybody in the corpus");
	outcome_destroy(outcome);
	script_destroy(script);
	return error;
}

/* ---- signatures ---- */

static bool
sign(const struct preparation *preparation, struct holder *holder, struct slice manifest, struct buf *signature)
{
	struct buf *attributes = buf_create(1024);
	bool is_good = attributes != NULL;

	digest_bytes(manifest, holder->id);
	if (is_good) {
		signature_attributes_put(attributes, preparation->now, holder->id, holder->certificate_digest);
		is_good = buf_ok(attributes) && key_sign(holder->key, buf_peek(attributes), signature) == ERROR_NONE;
	}
	buf_destroy(attributes);
	return is_good;
}

static bool
put_filing(const struct preparation *preparation, struct holder *holder, struct slice spi, struct slice content,
    struct buf *manifest, struct buf *signature, struct buf *compressed)
{
	struct manifest_document listed = { .type = SLICE_LITERAL("2042"),
		.media_type = SLICE_LITERAL(MANIFEST_RETURN_MEDIA), .size = content.size };
	const struct manifest text = { .origin = slice_of_public(guichet_trust_origin(preparation->trust)),
		.campaign = preparation->trust->campaign.name, .spi = spi, .mode = MODE_ONLINE,
		.documents = &listed, .documents_count = 1 };

	digest_bytes(content, listed.digest);
	manifest_put(manifest, &text);
	deflate_put(compressed, content);
	if (!buf_ok(manifest) || !buf_ok(compressed) || !sign(preparation, holder, buf_peek(manifest), signature))
		return false;
	struct msg_document_sent sent = { .digest = slice_of(listed.digest, DIGEST_SIZE), .encoding = 1,
		.size = content.size, .content = buf_peek(compressed) };
	const struct msg_file_request request = { .manifest = buf_peek(manifest),
		.serial = slice_of(holder->serial, SERIAL_SIZE), .signing_time = preparation->now,
		.signature = buf_peek(signature), .documents = &sent, .documents_count = 1 };
	return put_frame(holder->file, OPERATION_file, &request);
}

static bool
holder_sign(void *context, size_t nth)
{
	struct preparation *preparation = context;
	struct people_facts facts;
	struct buf *manifest = buf_create(LIMIT_MANIFEST_SIZE), *signature = buf_create(LIMIT_SIGNATURE);
	struct buf *compressed = buf_create(FRAME_MAX);

	people_facts(nth, &facts);
	bool is_good = manifest != NULL && signature != NULL && compressed != NULL &&
	    put_filing(preparation, &preparation->holders[nth], slice_of_text(facts.spi),
		preparation->returns.items[nth % preparation->returns.count], manifest, signature, compressed);
	buf_destroy(manifest);
	buf_destroy(signature);
	buf_destroy(compressed);
	return is_good;
}

/* ---- all of it ---- */

static void
path_of(const struct prepare_plan *plan, const char *name, char out[PATH_SIZE])
{
	path_make(out, "%s/%s/%s", plan->directory, key_algorithm_name(plan->algorithm), name);
}

/* An office with the register in it. */
static enum error
make_office(const struct prepare_plan *plan, struct fault *fault)
{
	char directory[PATH_SIZE], office[PATH_SIZE], registry[PATH_SIZE];
	enum error error;

	path_make(directory, "%s/%s", plan->directory, key_algorithm_name(plan->algorithm));
	path_of(plan, "office-new", office);
	path_of(plan, "register.csv", registry);
	if (!path_make_directories(directory))
		return fault_set(fault, ERROR_file_unreadable, plan->directory, slice_of_text(strerror(errno)),
		    "a directory that can be made");
	say("taxpayers in the register", plan->taxpayers);
	error = people_write_register(registry, plan->taxpayers, fault);
	if (error == ERROR_NONE)
		error = office_make(plan->programs, office, registry, plan->texts, fault);
	(void)remove(registry);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, plan->texts);
}

static enum error
make_corpus(struct preparation *preparation, const char *path, struct fault *fault)
{
	const struct prepare_plan *plan = preparation->plan;
	char directory[PATH_SIZE], enrolments_path[PATH_SIZE];
	struct office_plan office_plan = { .programs = plan->programs, .directory = directory, .core = -1,
		.texts = plan->texts };
	struct office *office = NULL;
	struct corpus *enrolments = NULL;
	enum error error;

	path_of(plan, "office", directory);
	path_of(plan, "enrolments", enrolments_path);
	say("key pairs and requests", plan->count);
	if (!parallel_for(plan->count, holder_begin, preparation))
		return fault_set(fault, ERROR_key_failed, "keys", SLICE_EMPTY,
		    "a key pair for everybody in the corpus");
	error = write_corpus(preparation, enrolments_path, fault);
	if (error == ERROR_NONE)
		error = corpus_open(enrolments_path, &enrolments, fault);
	if (error == ERROR_NONE)
		error = office_start(&office_plan, &office, fault);
	if (error == ERROR_NONE) {
		say("enrolments", plan->count);
		error = enrol_all(preparation, office, enrolments, fault);
	}
	error = office_stop(office, error, fault);
	corpus_close(enrolments);
	(void)remove(enrolments_path);
	if (error != ERROR_NONE)
		return fault_keep(fault, plan->texts);
	say("signed filings", plan->count);
	preparation->now = (uint64_t)time(NULL);
	if (!parallel_for(plan->count, holder_sign, preparation))
		return fault_set(fault, ERROR_key_failed, "filings", SLICE_EMPTY, "a signature for every filing");
	return write_corpus(preparation, path, fault);
}

static void
preparation_free(struct preparation *preparation)
{
	for (size_t i = 0; preparation->holders != NULL && i < preparation->plan->count; i++) {
		EVP_PKEY_free(preparation->holders[i].key);
		buf_destroy(preparation->holders[i].enrol);
		buf_destroy(preparation->holders[i].file);
		buf_destroy(preparation->holders[i].der);
	}
	free(preparation->holders);
	returns_free(&preparation->returns);
	keypool_destroy(preparation->pool);
}

static enum error
prepare_holders(struct preparation *preparation, const char *path, struct fault *fault)
{
	const struct prepare_plan *plan = preparation->plan;
	enum error error = returns_load(plan->returns, preparation->trust->catalogue,
	    preparation->trust->campaign.income_year, &preparation->returns, fault);

	if (error != ERROR_NONE)
		return error;
	preparation->holders = calloc(plan->count, sizeof *preparation->holders);
	preparation->pool = keypool_create(plan->algorithm, plan->count);
	if (preparation->holders == NULL || preparation->pool == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	else
		error = make_corpus(preparation, path, fault);
	preparation_free(preparation);
	return error;
}

/* The first line in which the records differ; false when none does. */
static bool
find_difference(const char *there, const char *wanted, char line_there[RECORD_SIZE_MAX],
    char line_wanted[RECORD_SIZE_MAX])
{
	while (strcmp(there, wanted) != 0) {
		size_t size = strcspn(there, "\n"), wanted_size = strcspn(wanted, "\n");
		if (size != wanted_size || strncmp(there, wanted, size) != 0 || there[size] == '\0') {
			snprintf(line_there, RECORD_SIZE_MAX, "%.*s", (int)size, there);
			snprintf(line_wanted, RECORD_SIZE_MAX, "%.*s", (int)wanted_size, wanted);
			return true;
		}
		there += size + 1;
		wanted += size + 1;
	}
	return false;
}

/* Is what is there what that record says? Says why not, when there is something. */
static bool
is_prepared(const struct prepare_plan *plan, const char *record, bool is_told)
{
	char path[PATH_SIZE], there[RECORD_SIZE_MAX], line_there[RECORD_SIZE_MAX], line_wanted[RECORD_SIZE_MAX];
	struct corpus *corpus = NULL;
	struct stat status;
	struct fault fault;

	path_of(plan, "corpus", path);
	if (stat(path, &status) != 0)
		return false;
	record_read(plan, there);
	bool is_same = !find_difference(there, record, line_there, line_wanted);
	bool is_whole = corpus_open(path, &corpus, &fault) == ERROR_NONE && corpus_count(corpus) == plan->count;
	corpus_close(corpus);
	if (is_told && !is_same)
		printf("  the corpus there is of \"%s\", wanted is \"%s\": it is made anew\n", line_there, line_wanted);
	else if (is_told && !is_whole)
		printf("  the corpus there is not whole: it is made anew\n");
	return is_same && is_whole;
}

bool
prepare_is_fitting(const struct prepare_plan *plan)
{
	char record[RECORD_SIZE_MAX];
	struct fault fault;

	return record_make(plan, record, &fault) == ERROR_NONE && is_prepared(plan, record, false);
}

/* Everything, from nothing. */
static enum error
prepare_anew(const struct prepare_plan *plan, struct fault *fault)
{
	struct preparation preparation = { .plan = plan };
	struct guichet_trust *trust = NULL;
	char fresh[PATH_SIZE], office[PATH_SIZE], corpus[PATH_SIZE], record_path[PATH_SIZE], record[RECORD_SIZE_MAX];

	path_of(plan, "office-new", fresh);
	path_of(plan, "office", office);
	path_of(plan, "corpus", corpus);
	path_of(plan, RECORD_FILE, record_path);
	(void)remove(record_path);
	(void)remove(corpus);
	enum error error = office_remove(fresh, plan->texts, fault);
	if (error == ERROR_NONE)
		error = office_remove(office, plan->texts, fault);
	if (error == ERROR_NONE)
		error = make_office(plan, fault);
	if (error == ERROR_NONE)
		error = office_copy(fresh, office, plan->texts, fault);
	if (error == ERROR_NONE)
		error = office_trust(office, &trust, plan->texts, fault);
	preparation.trust = trust;
	if (error == ERROR_NONE)
		error = prepare_holders(&preparation, corpus, fault);
	/* Now that the office is there. */
	if (error == ERROR_NONE)
		error = record_make(plan, record, fault);
	if (error == ERROR_NONE)
		error = record_write(plan, record, fault);
	guichet_trust_destroy(trust);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, plan->texts);
}

enum error
prepare_run(const struct prepare_plan *plan, struct fault *fault)
{
	char record[RECORD_SIZE_MAX];
	enum error error = record_make(plan, record, fault);

	if (error != ERROR_NONE || is_prepared(plan, record, true))
		return error;
	return prepare_anew(plan, fault);
}
