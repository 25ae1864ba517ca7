/* SPDX-License-Identifier: Apache-2.0
 *
 * One answer at a time, on all cores. */
#include "bench/receipts.h"

#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench/parallel.h"
#include "client/problem.h"
#include "client/trust.h"
#include "protocol/codec.h"
#include "protocol/message.h"
#include "protocol/note.h"
#include "protocol/receipt.h"

#define ARENA_SIZE ((size_t)1024 * 1024)

struct checking {
	const struct script *script, *again;
	const struct corpus *corpus;
	const struct guichet_trust *trust;
	size_t first;
	atomic_ullong received, verified, same;
};

static bool
decode(struct slice body, struct arena *arena, struct msg_receipt_answer *out)
{
	struct fault fault;
	return codec_decode(message_receipt_answer(), body, CODEC_ANSWER, arena, out, &fault) == ERROR_NONE;
}

/* For this filing, and in the log. */
static bool
is_genuine(const struct corpus *corpus, const struct guichet_trust *trust, size_t nth,
    const struct msg_receipt_answer *answer, struct arena *arena)
{
	const struct corpus_item item = corpus_item(corpus, nth);
	struct checkpoint checkpoint;
	struct receipt receipt;
	struct fault fault;
	uint64_t index;

	return receipt_parse(answer->receipt, arena, &receipt, &fault) == ERROR_NONE &&
	    memcmp(receipt.filing_id, item.id, DIGEST_SIZE) == 0 &&
	    tlog_proof_verify(answer->proof, answer->receipt, &trust->verifier, &checkpoint, &index,
		&fault) == ERROR_NONE;
}

static bool
is_same(struct slice first, struct slice second, struct arena *arena)
{
	struct msg_receipt_answer one, other;

	return first.size != 0 && second.size != 0 && decode(first, arena, &one) && decode(second, arena, &other) &&
	    slice_equal(one.receipt, other.receipt) && slice_equal(one.proof, other.proof);
}

static bool
check_one(void *context, size_t at)
{
	struct checking *checking = context;
	size_t nth = checking->first + at;
	struct slice first = script_answer(checking->script, nth), second = script_answer(checking->again, nth);
	struct msg_receipt_answer answer;
	struct arena *arena = first.size == 0 ? NULL : arena_create(ARENA_SIZE);

	if (first.size == 0)
		return true;
	if (arena == NULL)
		return false;
	atomic_fetch_add(&checking->received, 1);
	if (decode(first, arena, &answer) && is_genuine(checking->corpus, checking->trust, nth, &answer, arena))
		atomic_fetch_add(&checking->verified, 1);
	if (is_same(first, second, arena))
		atomic_fetch_add(&checking->same, 1);
	arena_destroy(arena);
	return true;
}

bool
receipts_check(const struct script *script, const struct script *again, const struct corpus *corpus,
    const struct guichet_trust *trust, size_t first, size_t count, struct receipts_report *report)
{
	struct checking checking = { .script = script, .again = again, .corpus = corpus, .trust = trust,
		.first = first };
	bool is_good = parallel_for(count, check_one, &checking);

	report->received = atomic_load(&checking.received);
	report->verified = atomic_load(&checking.verified);
	report->same = atomic_load(&checking.same);
	return is_good;
}

/* ---- by name ---- */

struct receipts_sample
receipts_sample_of(uint64_t first, uint64_t count)
{
	uint64_t step = count <= RECEIPTS_FETCHED_MAX ? 1 : count / RECEIPTS_FETCHED_MAX;
	return (struct receipts_sample){ first, step, count < RECEIPTS_FETCHED_MAX ? count : RECEIPTS_FETCHED_MAX };
}

bool
receipts_compare(const struct script *again, const struct script *fetched, const struct receipts_sample *sample,
    struct receipts_report *report)
{
	struct arena *arena = arena_create(ARENA_SIZE);

	if (arena == NULL)
		return false;
	report->fetched = sample->count;
	for (uint64_t i = 0; i < sample->count; i++) {
		uint64_t item = sample->first + i * sample->step;
		report->fetched_same += is_same(script_answer(again, item), script_answer(fetched, item), arena);
		arena_reset(arena);
	}
	arena_destroy(arena);
	return true;
}

/* ---- during the run ---- */

struct receipts_sampler {
	struct corpus *corpus;
	const struct guichet_trust *trust;
	bool is_of_certificates;
	struct arena *arena;
	uint64_t seen, sampled, genuine;
};

struct receipts_sampler *
receipts_sampler_create(struct corpus *corpus, const struct guichet_trust *trust, bool is_of_certificates)
{
	struct receipts_sampler *sampler = calloc(1, sizeof *sampler);

	if (sampler == NULL)
		return NULL;
	*sampler = (struct receipts_sampler){ corpus, trust, is_of_certificates, arena_create(ARENA_SIZE), 0, 0, 0 };
	if (sampler->arena != NULL)
		return sampler;
	free(sampler);
	return NULL;
}

void
receipts_sampler_destroy(struct receipts_sampler *sampler)
{
	if (sampler != NULL)
		arena_destroy(sampler->arena);
	free(sampler);
}

static bool
has_serial(const X509 *certificate, struct slice serial)
{
	uint8_t bytes[SERIAL_SIZE];
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	bool is_its = number != NULL && BN_bn2binpad(number, bytes, sizeof bytes) == sizeof bytes &&
	    slice_equal(serial, slice_of(bytes, sizeof bytes));

	BN_free(number);
	return is_its;
}

/* Of the serial that the answer says, for the key that asked, by the office's authority. */
static bool
certificate_is_genuine(struct receipts_sampler *sampler, uint64_t number, struct slice body)
{
	const struct corpus_item item = corpus_item(sampler->corpus, (size_t)number);
	struct msg_certificate_answer answer;
	struct fault fault;

	if (codec_decode(message_certificate_answer(), body, CODEC_ANSWER, sampler->arena, &answer, &fault) !=
	    ERROR_NONE)
		return false;
	const unsigned char *at = answer.certificate.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)answer.certificate.size);
	const EVP_PKEY *key = corpus_key(sampler->corpus, item.key);
	struct guichet_problem *problem = guichet_problem_create();
	bool is_genuine = certificate != NULL && key != NULL && problem != NULL &&
	    at == answer.certificate.data + answer.certificate.size && has_serial(certificate, answer.serial) &&
	    EVP_PKEY_eq(X509_get0_pubkey(certificate), key) == 1 &&
	    trust_check_certificate(sampler->trust, certificate, problem) == GUICHET_ERROR_none;
	guichet_problem_destroy(problem);
	X509_free(certificate);
	return is_genuine;
}

static bool
receipt_is_genuine(struct receipts_sampler *sampler, uint64_t number, struct slice body)
{
	struct msg_receipt_answer answer;

	return decode(body, sampler->arena, &answer) &&
	    is_genuine(sampler->corpus, sampler->trust, (size_t)number, &answer, sampler->arena);
}

void
receipts_sampler_take(void *context, uint64_t number, struct slice body)
{
	struct receipts_sampler *sampler = context;

	if (sampler->seen++ % RECEIPTS_SAMPLE_EVERY != 0)
		return;
	arena_reset(sampler->arena);
	sampler->sampled++;
	sampler->genuine += sampler->is_of_certificates ? certificate_is_genuine(sampler, number, body) :
							  receipt_is_genuine(sampler, number, body);
}

bool
receipts_sampler_report(const struct receipts_sampler *sampler, struct receipts_report *report)
{
	report->sampled = sampler->sampled;
	report->genuine = sampler->genuine;
	return sampler->genuine == sampler->sampled;
}
