/* SPDX-License-Identifier: Apache-2.0
 *
 * One record for each signer. */
#include "server/services/quota.h"

#include "server/services/uploads.h"

/* Another filing is in force: what is open cannot be filed. */
static void
quota_overtake(struct rec_quota *quota, struct slice in_force)
{
	quota->has_in_force = quota->has_generation = quota->has_overtaken = true;
	quota->in_force = in_force;
	quota->generation++;
	quota->overtaken += quota->announced;
	quota->announced = 0;
}

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
		if (quota->has_campaign)
			quota_overtake(quota, SLICE_EMPTY);
		quota->given_up = 0;
		quota->has_campaign = quota->has_given_up = true;
		if (!arena_copy(decision->arena, key_part_keyed(&campaign), &quota->campaign))
			return refuse(decision, ERROR_out_of_memory);
	}
	return PROCEED;
}

/* When every upload that is open now has been swept, whatever comes of it. */
static uint64_t
swept_at(const struct decision *decision, const struct rec_quota *quota)
{
	return (quota->has_opened_at ? quota->opened_at : decision->context->now) + UPLOAD_LIFE_S;
}

/* `until`: when waiting alone will have made room. */
static enum outcome
refuse_quota(struct decision *decision, uint64_t bytes, struct slice expected, uint64_t until)
{
	uint64_t now = decision->context->now;
	enum outcome outcome = refuse_value(decision, ERROR_upload_quota, "documents",
	    decision_text(decision, "%llu bytes", (unsigned long long)bytes), expected);

	decision->effects->retry_after_ms = until > now ? (until - now) * 1000 : 1000;
	return outcome;
}

static enum outcome
quota_check(struct decision *decision, const struct rec_quota *quota)
{
	uint64_t all = quota->announced + quota->overtaken + quota->given_up, swept = swept_at(decision, quota);
	struct slice when = decision_utc(decision, swept);

	if (quota->announced > LIMIT_UPLOAD_QUOTA)
		return refuse_quota(decision, quota->announced,
		    decision_text(decision,
			"at most %llu bytes in uploads not completed: complete those first; all are swept by %.*s",
			(unsigned long long)LIMIT_UPLOAD_QUOTA, (int)when.size, (const char *)when.data), swept);
	if (all <= QUOTA_WITH_GIVEN_UP)
		return PROCEED;
	/* What was given up stays until the campaign is over, also when all that is open is swept. */
	uint64_t closes_at = decision->context->office->campaign.closes_at;
	return refuse_quota(decision, all,
	    decision_text(decision, "at most %llu bytes with those in uploads that can no longer be filed, swept by "
		"%.*s, and those that were given up in this campaign", (unsigned long long)QUOTA_WITH_GIVEN_UP,
		(int)when.size, (const char *)when.data), quota->overtaken != 0 ? swept : closes_at);
}

/* The sum that an upload of that generation counts in. */
static uint64_t *
quota_sum(struct rec_quota *quota, const struct quota_share *share)
{
	if (share->generation == quota->generation)
		return &quota->announced;
	quota->has_overtaken = true;
	return &quota->overtaken;
}

/* The account, to be changed. NULL, with *outcome, when it is not there yet or memory is short. */
static struct rec_quota *
quota_begin(struct decision *decision, struct slice key, enum outcome *outcome)
{
	struct rec_quota *quota = arena_alloc(decision->arena, sizeof *quota);

	*outcome = quota == NULL ? refuse(decision, ERROR_out_of_memory) : quota_find(decision, key, quota);
	return *outcome == PROCEED ? quota : NULL;
}

enum outcome
quota_open(struct decision *decision, struct quota_share *share, struct slice in_force, uint64_t bytes)
{
	struct slice key = KEY_MAKE(decision->arena, KEY_quota, share->signer);
	enum outcome outcome;
	struct rec_quota *quota = quota_begin(decision, key, &outcome);

	if (quota == NULL)
		return outcome;
	/* An account of before there were generations says of none that it is overtaken. */
	if (quota->has_in_force && !slice_equal(quota->in_force, in_force))
		quota_overtake(quota, in_force);
	quota->has_in_force = true;
	quota->in_force = in_force;
	quota->announced += bytes;
	share->generation = quota->generation;
	outcome = quota_check(decision, quota);
	if (outcome != PROCEED)
		return outcome;
	quota->has_opened_at = true;
	quota->opened_at = decision->context->now;
	effects_put(decision, key, record_quota(), quota);
	return PROCEED;
}

enum outcome
quota_add(struct decision *decision, const struct quota_share *share, uint64_t bytes)
{
	struct slice key = KEY_MAKE(decision->arena, KEY_quota, share->signer);
	enum outcome outcome;
	struct rec_quota *quota = quota_begin(decision, key, &outcome);

	if (quota == NULL)
		return outcome;
	*quota_sum(quota, share) += bytes;
	outcome = quota_check(decision, quota);
	if (outcome == PROCEED)
		effects_put(decision, key, record_quota(), quota);
	return outcome;
}

enum outcome
quota_release(struct decision *decision, const struct quota_share *share, uint64_t announced, uint64_t given_up)
{
	struct slice key = KEY_MAKE(decision->arena, KEY_quota, share->signer);
	enum outcome outcome;
	struct rec_quota *quota = quota_begin(decision, key, &outcome);

	if (quota == NULL)
		return outcome;
	uint64_t *sum = quota_sum(quota, share);
	*sum -= *sum < announced ? *sum : announced;
	quota->given_up += given_up;
	effects_put(decision, key, record_quota(), quota);
	return PROCEED;
}
