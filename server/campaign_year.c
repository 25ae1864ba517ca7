/* SPDX-License-Identifier: Apache-2.0
 *
 * The year of each campaign, as its filings have kept it. */
#include "server/campaign_year.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/settings.h"
#include "server/store/keyring.h"
#include "server/store/keys.h"
#include "server/store/records.h"

/* Campaigns read at once: an office has one a year, and their records are small. */
#define CAMPAIGNS_AT_ONCE ((size_t)64)

static enum error
refuse_year(const struct campaign *campaign, uint64_t kept, struct arena *arena, struct fault *fault)
{
	char year[24], expected[160];

	snprintf(year, sizeof year, "%" PRIu64, campaign->income_year);
	snprintf(expected, sizeof expected, "%" PRIu64 ", of which returns were filed as %.*s; or another name", kept,
	    (int)campaign->name.size, (const char *)campaign->name.data);
	*fault = (struct fault){ ERROR_json_malformed, SLICE_LITERAL("income_year"), slice_of_text(year),
		slice_of_text(expected) };
	return settings_name_file(CAMPAIGN_FILE, arena, fault);
}

static enum error
refuse_name(const struct campaign *campaign, const struct rec_campaign_year *kept, struct arena *arena,
    struct fault *fault)
{
	const struct slice name = kept->has_name ? kept->name : SLICE_LITERAL("its first name");
	char expected[160];

	snprintf(expected, sizeof expected, "%.*s, as which returns of %" PRIu64 " were filed; or another income year",
	    (int)name.size, (const char *)name.data, campaign->income_year);
	*fault = (struct fault){ ERROR_json_malformed, SLICE_LITERAL("name"), campaign->name, slice_of_text(expected) };
	return settings_name_file(CAMPAIGN_FILE, arena, fault);
}

static enum error
fault_unreadable(enum error error, struct fault *fault)
{
	return fault_set(fault, error, "campaign_year", SLICE_EMPTY, "a record that can be read");
}

/* `own` is the key of the office's campaign. */
static enum error
check_pair(const struct store_pair *pair, struct slice own, struct office *office, struct arena *arena,
    struct fault *fault)
{
	const struct campaign *campaign = &office->campaign;
	struct rec_campaign_year record;
	enum error error = record_decode(record_campaign_year(), pair->value, arena, &record);

	if (error != ERROR_NONE)
		return fault_unreadable(error, fault);
	bool is_year = record.income_year == campaign->income_year, is_own = slice_equal(pair->key, own);
	if (is_own && !is_year)
		return refuse_year(campaign, record.income_year, arena, fault);
	if (is_year && !is_own)
		return refuse_name(campaign, &record, arena, fault);
	office->has_kept_year |= is_own;
	return ERROR_NONE;
}

enum error
campaign_year_check(struct store *store, struct office *office, struct arena *arena, struct fault *fault)
{
	static const uint8_t end = KEY_campaign_year + 1;
	struct slice from = KEY_MAKE(arena, KEY_campaign_year, SLICE_LITERAL(""));
	struct store_pair *pairs;
	struct keyed name;
	size_t count = CAMPAIGNS_AT_ONCE;

	keyring_hash(office->keyring, "campaign", office->campaign.name, name.bytes);
	struct slice own = KEY_MAKE(arena, KEY_campaign_year, key_part_keyed(&name));
	office->has_kept_year = false;
	while (count == CAMPAIGNS_AT_ONCE) {
		enum error error = store_range_now(
		    store, from, slice_of(&end, 1), false, CAMPAIGNS_AT_ONCE, arena, &pairs, &count);
		if (error != ERROR_NONE)
			return fault_unreadable(error, fault);
		for (size_t i = 0; i < count && error == ERROR_NONE; i++)
			error = check_pair(&pairs[i], own, office, arena, fault);
		if (error != ERROR_NONE)
			return error;
		/* The next key after the last one read. */
		if (count != 0)
			from = KEY_MAKE(arena, KEY_campaign_year, slice_from(pairs[count - 1].key, 1),
			    SLICE_LITERAL("\0"));
	}
	return ERROR_NONE;
}
