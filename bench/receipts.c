/* SPDX-License-Identifier: Apache-2.0
 *
 * One answer at a time, on all cores. */
#include "bench/receipts.h"

#include <stdatomic.h>
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
is_genuine(const struct checking *checking, size_t nth, const struct msg_receipt_answer *answer, struct arena *arena)
{
	const struct corpus_item item = corpus_item(checking->corpus, nth);
	struct checkpoint checkpoint;
	struct receipt receipt;
	struct fault fault;
	uint64_t index;

	return receipt_parse(answer->receipt, arena, &receipt, &fault) == ERROR_NONE &&
	    memcmp(receipt.filing_id, item.id, DIGEST_SIZE) == 0 &&
	    tlog_proof_verify(answer->proof, answer->receipt, &checking->trust->verifier, &checkpoint, &index,
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
		if (is_genuine(checking, nth, &answer, arena))
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

	*report = (struct receipts_report){ atomic_load(&checking.received), atomic_load(&checking.verified),
		atomic_load(&checking.same) };
	return is_good;
}
