/* SPDX-License-Identifier: Apache-2.0
 *
 * A campaign keeps its year: under its name returns were filed for the income of one, and a slip in campaign.json must
 * not put those of another beside them. The year stands in a record from the first filing on, so it is kept over starts
 * as well as reloads; until then the office may correct it. */
#ifndef GUICHET_CAMPAIGN_YEAR_H
#define GUICHET_CAMPAIGN_YEAR_H

#include "server/office.h"
#include "server/store/store.h"

/* Has the office's campaign the year that was kept, or none yet? Sets office->has_kept_year. ERROR_json_malformed with
 * *fault naming both (texts in `arena`), or that the record cannot be read. Blocking: for start and reload, which
 * block for the office's files too. */
must_check enum error campaign_year_check(struct store *store, struct office *office, struct arena *arena,
    struct fault *fault);

#endif
