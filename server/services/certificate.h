/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates as services meet them: found by serial number, issued and revoked as effects. */
#ifndef GUICHET_SERVICES_CERTIFICATE_H
#define GUICHET_SERVICES_CERTIFICATE_H

#include "server/authority.h"
#include "server/decide.h"

/* Certificates that a person may replace one after the other; then each has to last a while, longer each time, as in
 * attempts.h, until one has lasted a day. Every one stays in the log, in the list of revocations for three years, and
 * sends a mail: without an end to it one person could fill them for everybody. */
#define CERTIFICATE_REPLACED_FREE 5U

/* The record and its public key. A key that its record cannot hold is damage of the store, not absence. */
must_check enum view_state certificate_find(struct decision *decision, struct slice serial, struct rec_certificate *out,
    struct key_public *key);

/* What is known of a holder when a certificate is to be issued. Texts are borrowed from the arena. */
struct certificate_plan {
	enum role role;
	struct slice csr;     /* in `message` too */
	struct slice message; /* enrol_request or issue_request as it was sent, for the archive: certificate_message */
	struct authority_request request; /* the same, checked: certificate_check_request */
	struct slice common_name, birth_name, first_names;
	struct slice spi;      /* taxpayers only; empty otherwise */
	struct slice email;    /* may be empty */
	struct slice contract, contract_text; /* version and text of what was accepted; taxpayers only */
};

/* Checks plan->csr, which costs a signature, and that its key is nobody else's: all that can be wrong with a request
 * whoever it is for. plan->role and plan->spi are of who says to be asking. PROCEED, AGAIN, or refused. */
must_check enum outcome certificate_check_request(struct decision *decision, struct certificate_plan *plan);
/* For plan->message: the encoding of a request (without deadline_ms, which is not part of what was asked) in the arena.
 * What was transmitted is archived whole, since the register changes with the next import, and its SHA-256 stands in
 * the leaf, so that the log proves it (A6, A19). Empty when memory is short: certificate_issue then refuses. */
must_check struct slice certificate_message(
    struct decision *decision, const struct record *record, const void *request);

/* Answers a checked request with a certificate: the same for the same request, a new one otherwise; a person's
 * earlier certificate of that role is then revoked and the earlier address told, so that who did not ask for the new
 * one learns of it. Refuses with attempts_exceeded when too many were replaced. The answer is a certificate_answer. */
must_check enum outcome certificate_issue(struct decision *decision, const struct certificate_plan *plan);

/* Effects: the record says revoked, the CRL gets a line, the log a leaf. `certificate` lives in the arena and is
 * changed. The reason is an enum revocation_reason. */
void certificate_revoke(struct decision *decision, struct rec_certificate *certificate, uint64_t reason);

#endif
