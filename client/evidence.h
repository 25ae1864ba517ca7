/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence, inside the library. */
#ifndef GUICHET_EVIDENCE_H
#define GUICHET_EVIDENCE_H

#include <guichet/guichet.h>

#include "protocol/bytes.h"
#include "protocol/message.h"

/* Does the signature over the manifest hold, under the certificate that came with it? ERROR_signature_invalid and the
 * like; says nothing of whose certificate it is. */
must_check enum guichet_error evidence_check_signature(const struct msg_filing_answer *filing,
    struct guichet_problem *problem);

#endif
