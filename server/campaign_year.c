/* SPDX-License-Identifier: Apache-2.0
 *
 * The year of a campaign, as its filings have kept it. */
#include "server/campaign_year.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/settings.h"
#include "server/store/keyring.h"
#include "server/store/keys.h"
#include "server/store/records.h"

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

enum error
campaign_year_check(struct store *store, struct office *office, struct arena *arena, struct fault *fault)
{
	const struct campaign *campaign = &office->campaign;
	struct rec_campaign_year record;
	struct keyed name;
	struct slice value;
	bool found;

	keyring_hash(office->keyring, "campaign", campaign->name, name.bytes);
	struct slice key = KEY_MAKE(arena, KEY_campaign_year, key_part_keyed(&name));
	enum error error = store_get_now(store, key, arena, &found, &value);
	if (error == ERROR_NONE && found)
		error = record_decode(record_campaign_year(), value, arena, &record);
	if (error != ERROR_NONE)
		return fault_set(fault, error, "campaign_year", SLICE_EMPTY, "a record that can be read");
	if (found && record.income_year != campaign->income_year)
		return refuse_year(campaign, record.income_year, arena, fault);
	office->has_kept_year = found;
	return ERROR_NONE;
}
