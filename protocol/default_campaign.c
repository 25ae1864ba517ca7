/* SPDX-License-Identifier: Apache-2.0
 *
 * The members that change with the year, then those of the data file, whose bytes the Makefile makes into numbers. */
#include "protocol/default_campaign.h"

#include "protocol/check.h"

void
default_campaign_put(struct buf *buf, uint64_t income_year)
{
	static const uint8_t bytes[] = {
#include "protocol/data/campaign.json.inc"
	};
	const struct slice members = slice_of(bytes, sizeof bytes), opening = SLICE_LITERAL("{\n");
	unsigned long year = (unsigned long)income_year, next = year + 1;

	check(slice_starts_with(members, opening));
	buf_put(buf, opening);
	buf_put_text(buf, "\"type\": \"guichet-campaign\",\n");
	buf_put_format(buf, "\"name\": \"ir-%lu\",\n\"income_year\": %lu,\n", year, year);
	buf_put_format(buf, "\"opens\": \"%04lu-01-01\",\n\"closes\": \"%04lu-12-31\",\n", next, next);
	buf_put_format(buf,
	    "\"deadlines\": {\"A\": \"%04lu-12-31\", \"B\": \"%04lu-12-31\", \"C\": \"%04lu-12-31\"},\n", next, next,
	    next);
	buf_put(buf, slice_from(members, opening.size));
}
