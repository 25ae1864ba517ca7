/* SPDX-License-Identifier: Apache-2.0
 *
 * The one gate: may this connection send this operation now? Decided from the message table's roles and the
 * certificate's record as it is at this moment, so that a revocation takes effect on the next request.
 * What anyone may send without a log-in passes whoever the connection speaks for. */
#ifndef GUICHET_GATE_H
#define GUICHET_GATE_H

#include "server/decide.h"

enum gate_result { GATE_OPEN, GATE_REFUSED, GATE_AGAIN };

/* GATE_REFUSED: the decision is already refused with login_required, role_refused or why the certificate no longer
 * counts. */
must_check enum gate_result gate_check(struct decision *decision, const struct operation *operation);

/* ERROR_NONE, or why a certificate does not count at `now`: not yet valid, expired, revoked. */
must_check enum error certificate_status(const struct rec_certificate *certificate, uint64_t now);
/* Notes (refuse_later) that it does not count, since when or until when. Only for who holds its key. */
void refuse_certificate(struct decision *decision, const struct rec_certificate *certificate, enum error error);

#endif
