/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents that did not fit into the filing's frame: sent before it in parts, taken when it is filed. */
#ifndef GUICHET_SERVICES_UPLOADS_H
#define GUICHET_SERVICES_UPLOADS_H

#include "server/services/signed.h"

/* Takes an uploaded document into the filing's archive entry. PROCEED; or refuses with documents_missing, naming how much is
 * here of how much; or AGAIN. `name` is what the refusal calls it. */
must_check enum outcome upload_take(struct decision *decision, const struct signed_filing *filing,
    const struct manifest_document *document, struct slice name, struct rec_archive_document *out);
/* Effects: the upload of a filing that is about to be accepted is over; its parts now belong to the filing. PROCEED or AGAIN. */
must_check enum outcome upload_close(struct decision *decision, const struct signed_filing *filing);

#endif
