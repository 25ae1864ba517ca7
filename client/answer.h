/* SPDX-License-Identifier: Apache-2.0
 *
 * Is what came back what was asked for? An office is believed as far as its log, its authority and the signer's own
 * signature prove what it says; the error names what differs. */
#ifndef GUICHET_ANSWER_H
#define GUICHET_ANSWER_H

#include <guichet/guichet.h>

#include "protocol/arena.h"
#include "protocol/message.h"
#include "protocol/receipt.h"

/* Does the proof show the receipt as a leaf of the office's log? The parsed receipt lives in the arena.
 * ERROR_proof_invalid, ERROR_json_malformed. */
must_check enum guichet_error answer_check_proof(const struct guichet_trust *trust,
    const struct msg_receipt_answer *answer, struct arena *arena, struct receipt *out, struct guichet_problem *problem);
/* The same, and is it this office's receipt of that reference: a number in its canonical form, or a filing id in
 * hexadecimal? ERROR_proof_invalid. */
must_check enum guichet_error answer_check_receipt(const struct guichet_trust *trust, struct slice reference,
    const struct msg_receipt_answer *answer, struct arena *arena, struct receipt *out, struct guichet_problem *problem);
/* Is this the filing of that receipt, which was checked: its number, its manifest, the documents listed, the signature
 * over the manifest, the signer's certificate? ERROR_proof_invalid, ERROR_signature_invalid; ERROR_file_unreadable
 * when the trust has no ca.pem. */
must_check enum guichet_error answer_check_filing(const struct guichet_trust *trust, const struct receipt *receipt,
    const struct msg_filing_answer *filing, struct arena *arena, struct guichet_problem *problem);

#endif
