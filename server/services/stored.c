/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading accepted filings back. */
#include "server/services/stored.h"

#include <string.h>

#include "protocol/receipt.h"
#include "server/authority.h"
#include "server/proof.h"

struct slice
stored_key(struct decision *decision, struct slice id, struct slice signer)
{
	return KEY_MAKE(decision->arena, KEY_filing, id, signer);
}

static bool
filing_concerns(const struct rec_filing *filing, const struct holder *holder)
{
	for (size_t i = 0; i < filing->persons_count && holder->has_person; i++)
		if (slice_equal(filing->persons[i].person, key_part_keyed(&holder->person)))
			return true;
	return false;
}

static enum view_state
find_by_number(struct decision *decision, struct slice number, struct rec_filing *out)
{
	struct rec_filing_pointer pointer;
	struct slice key = KEY_MAKE(decision->arena, KEY_number, number);
	enum view_state state = view_get(decision->view, key, record_filing_pointer(), &pointer);

	if (state != VIEW_FOUND)
		return state;
	return view_get(decision->view, stored_key(decision, pointer.id, pointer.signer), record_filing(), out);
}

enum view_state
stored_signers(struct decision *decision, struct slice id, struct rec_filing **filings, size_t *count)
{
	static const uint8_t first[16], last[17] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	    255, 255, 255, 255 };
	struct slice from = stored_key(decision, id, slice_of(first, sizeof first));
	struct slice end = stored_key(decision, id, slice_of(last, sizeof last));
	const struct store_pair *pairs;
	enum view_state state = view_range(decision->view, from, end, false, STORED_SIGNERS_MAX, &pairs, count);

	if (state != VIEW_FOUND || *count == 0)
		return state == VIEW_AGAIN ? state : VIEW_ABSENT;
	*filings = arena_alloc_array(decision->arena, *count, sizeof **filings);
	if (*filings == NULL) {
		decision->effects->failed = true;
		return VIEW_ABSENT;
	}
	for (size_t i = 0; i < *count; i++)
		view_want(decision->view, pairs[i].key);
	for (size_t i = 0; i < *count; i++) {
		state = view_get(decision->view, pairs[i].key, record_filing(), &(*filings)[i]);
		if (state != VIEW_FOUND)
			return state;
	}
	return VIEW_FOUND;
}

/* Of the filings with this id, the one that concerns the holder: the holder's own first. */
static enum view_state
find_by_id(struct decision *decision, const uint8_t id[DIGEST_SIZE], struct rec_filing *out)
{
	const struct holder *holder = &decision->context->holder;
	const struct rec_filing *chosen = NULL;
	struct rec_filing *filings;
	size_t count;
	enum view_state state = stored_signers(decision, slice_of(id, DIGEST_SIZE), &filings, &count);

	if (state != VIEW_FOUND)
		return state;
	for (size_t i = 0; i < count; i++)
		if (filing_concerns(&filings[i], holder) &&
		    (chosen == NULL || slice_equal(filings[i].signer, key_part_keyed(&holder->person))))
			chosen = &filings[i];
	if (chosen == NULL)
		return VIEW_ABSENT;
	*out = *chosen;
	return VIEW_FOUND;
}

enum outcome
stored_find(struct decision *decision, struct slice reference, struct rec_filing *out)
{
	uint8_t id[DIGEST_SIZE];
	enum view_state state = VIEW_ABSENT;

	/* As it stands in the receipt: whatever a person typed, the program that sends it has read. */
	if (receipt_number_valid(reference))
		state = find_by_number(decision, reference, out);
	else if (hex_decode(reference, id, sizeof id))
		state = find_by_id(decision, id, out);
	else
		return refuse_value(decision, ERROR_field_invalid, "reference", reference,
		    SLICE_LITERAL("a receipt number as it stands in the receipt, or 64 lower-case hexadecimal digits"));
	if (state == VIEW_AGAIN)
		return AGAIN;
	if (state == VIEW_ABSENT || !filing_concerns(out, &decision->context->holder))
		return refuse_value(decision, ERROR_not_found, "reference", reference,
		    SLICE_LITERAL("a filing that concerns this holder"));
	return PROCEED;
}

enum outcome
stored_archive(struct decision *decision, const struct rec_filing *filing, struct rec_archive_filing *out)
{
	return view_blob(decision->view, filing->archive, record_archive_filing(), out) == VIEW_FOUND ? PROCEED : AGAIN;
}

enum outcome
stored_receipt(struct decision *decision, const struct rec_filing *filing)
{
	const struct office *office = decision->context->office;
	struct msg_receipt_answer *answer = decision->effects->answer;
	struct rec_archive_filing archive;
	struct rec_log_batch batch;
	struct slice key = KEY_MAKE(decision->arena, KEY_log_batch, key_part_u64(decision->arena, filing->log_batch));

	view_want(decision->view, key);
	enum outcome outcome = stored_archive(decision, filing, &archive);
	if (outcome != PROCEED)
		return outcome;
	outcome = decision_need(decision, view_get(decision->view, key, record_log_batch(), &batch));
	if (outcome != PROCEED)
		return outcome;
	enum error error = proof_from_record(&batch, filing->leaf, office->origin, authority_log_key(office->authority),
	    decision->arena, &answer->proof);
	if (error != ERROR_NONE)
		return refuse(decision, error);
	answer->receipt = archive.leaf;
	answer->has_superseded_by = filing->has_superseded_by;
	answer->superseded_by = filing->superseded_by;
	return DECIDED;
}
