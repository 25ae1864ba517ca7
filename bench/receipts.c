/* SPDX-License-Identifier: Apache-2.0
 *
 * One answer at a time, on all cores. */
#include "bench/receipts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench/parallel.h"
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
check_one(void *context, size_t at)
{
	struct checking *checking = context;
	size_t nth = checking->first + at;
	struct slice first = script_answer(checking->script, nth), second = script_answer(checking->again, nth);
	struct msg_receipt_answer answer, again;
	struct arena *arena = first.size == 0 ? NULL : arena_create(ARENA_SIZE);

	if (first.size == 0)
		return true;
	if (arena == NULL)
		return false;
	atomic_fetch_add(&checking->received, 1);
	if (decode(first, arena, &answer)) {
		if (is_genuine(checking->corpus, checking->trust, nth, &answer, arena))
			atomic_fetch_add(&checking->verified, 1);
		if (second.size != 0 && decode(second, arena, &again) && slice_equal(answer.receipt, again.receipt) &&
		    slice_equal(answer.proof, again.proof))
			atomic_fetch_add(&checking->same, 1);
	}
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

/* ---- during the run ---- */

struct receipts_sampler {
	const struct corpus *corpus;
	const struct guichet_trust *trust;
	struct arena *arena;
	uint64_t seen, sampled, genuine;
};

struct receipts_sampler *
receipts_sampler_create(const struct corpus *corpus, const struct guichet_trust *trust)
{
	struct receipts_sampler *sampler = calloc(1, sizeof *sampler);

	if (sampler == NULL)
		return NULL;
	*sampler = (struct receipts_sampler){ corpus, trust, arena_create(ARENA_SIZE), 0, 0, 0 };
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

void
receipts_sampler_take(void *context, uint64_t number, struct slice body)
{
	struct receipts_sampler *sampler = context;
	struct msg_receipt_answer answer;

	if (sampler->seen++ % RECEIPTS_SAMPLE_EVERY != 0)
		return;
	arena_reset(sampler->arena);
	sampler->sampled++;
	if (decode(body, sampler->arena, &answer) &&
	    is_genuine(sampler->corpus, sampler->trust, (size_t)number, &answer, sampler->arena))
		sampler->genuine++;
}

void
receipts_sampler_report(const struct receipts_sampler *sampler, struct receipts_report *report)
{
	report->sampled = sampler->sampled;
	report->genuine = sampler->genuine;
}
