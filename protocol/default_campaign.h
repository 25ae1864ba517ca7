/* SPDX-License-Identifier: Apache-2.0
 *
 * The campaign that guichetd init writes. Part of the programs, not of libguichet. */
#ifndef GUICHET_DEFAULT_CAMPAIGN_H
#define GUICHET_DEFAULT_CAMPAIGN_H

#include <stdint.h>

#include "protocol/buf.h"

/* Appends the campaign for that year's income: open the whole of the next calendar year, all three deadlines on its
 * last day; the departments by zone (A12) and the contract (A6) as protocol/data/campaign.json has them. */
void default_campaign_put(struct buf *buf, uint64_t income_year);

#endif
