/* SPDX-License-Identifier: Apache-2.0
 *
 * One record for each signer. */
#include "server/services/quota.h"

/* Said with upload_quota: waiting alone changes nothing soon. */
#define QUOTA_RETRY_MS ((uint64_t)3600 * 1000)

/* The account as it is stored, or as this decision has left it so far. PROCEED or AGAIN. */
static enum outcome
quota_find(struct decision *decision, struct slice key, struct rec_quota *quota)
{
	struct keyed campaign = decision_keyed(decision, "campaign", decision->context->office->campaign.name);
	bool is_noted = false;

	for (const struct effect_put *put = decision->effects->puts; put != NULL; put = put->next)
		if (put->record == record_quota() && slice_equal(put->key, key)) {
			*quota = *(const struct rec_quota *)put->value;
			is_noted = true;
		}
	if (is_noted)
		return PROCEED;
	*quota = (struct rec_quota){ .announced = 0 };
	if (view_get(decision->view, key, record_quota(), quota) == VIEW_AGAIN)
		return AGAIN;
	if (!quota->has_campaign || !slice_equal(quota->campaign, key_part_keyed(&campaign))) {
		quota->given_up = 0;
		quota->has_campaign = quota->has_given_up = true;
		if (!arena_copy(decision->arena, key_part_keyed(&campaign), &quota->campaign))
			return refuse(decision, ERROR_out_of_memory);
	}
	return PROCEED;
}

static enum outcome
refuse_quota(struct decision *decision, uint64_t bytes, struct slice expected)
{
	enum outcome outcome = refuse_value(decision, ERROR_upload_quota, "documents",
	    decision_text(decision, "%llu bytes", (unsigned long long)bytes), expected);

	decision->effects->retry_after_ms = QUOTA_RETRY_MS;
	return outcome;
}

enum outcome
quota_add(struct decision *decision, struct slice signer, uint64_t bytes)
{
	struct rec_quota *quota = arena_alloc(decision->arena, sizeof *quota);
	struct slice key = KEY_MAKE(decision->arena, KEY_quota, signer);

	if (quota == NULL)
		return refuse(decision, ERROR_out_of_memory);
	enum outcome outcome = quota_find(decision, key, quota);
	if (outcome != PROCEED)
		return outcome;
	quota->announced += bytes;
	if (quota->announced > LIMIT_UPLOAD_QUOTA)
		return refuse_quota(decision, quota->announced,
		    decision_text(decision, "at most %llu bytes in uploads not completed: complete those first",
			(unsigned long long)LIMIT_UPLOAD_QUOTA));
	if (quota->announced + quota->given_up > QUOTA_WITH_GIVEN_UP)
		return refuse_quota(decision, quota->announced + quota->given_up,
		    decision_text(decision, "at most %llu bytes with those that were given up in this campaign",
			(unsigned long long)QUOTA_WITH_GIVEN_UP));
	effects_put(decision, key, record_quota(), quota);
	return PROCEED;
}

enum outcome
quota_release(struct decision *decision, struct slice signer, uint64_t announced, uint64_t given_up)
{
	struct rec_quota *quota = arena_alloc(decision->arena, sizeof *quota);
	struct slice key = KEY_MAKE(decision->arena, KEY_quota, signer);

	if (quota == NULL)
		return refuse(decision, ERROR_out_of_memory);
	enum outcome outcome = quota_find(decision, key, quota);
	if (outcome != PROCEED)
		return outcome;
	quota->announced -= quota->announced < announced ? quota->announced : announced;
	quota->given_up += given_up;
	effects_put(decision, key, record_quota(), quota);
	return PROCEED;
}
