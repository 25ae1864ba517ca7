/* SPDX-License-Identifier: Apache-2.0
 *
 * The one gate: may this connection send this operation now? Decided from the message table's roles and the
 * certificate's record as it is at this moment, so that a revocation takes effect on the next request. */
#ifndef GUICHET_GATE_H
#define GUICHET_GATE_H

#include "server/decide.h"

enum gate_result { GATE_OPEN, GATE_REFUSED, GATE_AGAIN };

/* GATE_REFUSED: the decision is already refused with login_required, role_refused or why the certificate no longer
 * counts. */
must_check enum gate_result gate_check(struct decision *decision, const struct operation *operation);

/* ERROR_NONE, or why a certificate does not count at `now`: not yet valid, expired, revoked. */
must_check enum error certificate_status(const struct rec_certificate *certificate, uint64_t now);

#endif
