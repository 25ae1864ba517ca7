/* SPDX-License-Identifier: Apache-2.0
 *
 * A campaign keeps its year, and a year its campaign: under a name returns were filed for the income of one year, and a
 * slip in campaign.json must not put those of another beside them; nor must it open the same year under a second name,
 * where who has filed would be taken for one who has not. Both stand in a record from the first filing on, so they are
 * kept over starts as well as reloads; until then the office may correct them. */
#ifndef GUICHET_CAMPAIGN_YEAR_H
#define GUICHET_CAMPAIGN_YEAR_H

#include "server/office.h"
#include "server/store/store.h"

/* Has the office's campaign the year that was kept, and the year no other name; or is none kept yet? Sets
 * office->has_kept_year. ERROR_json_malformed with *fault naming both (texts in `arena`), or that the records cannot be
 * read. Blocking: for start and reload, which block for the office's files too. */
must_check enum error campaign_year_check(struct store *store, struct office *office, struct arena *arena,
    struct fault *fault);

#endif
