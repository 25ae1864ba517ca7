/* SPDX-License-Identifier: Apache-2.0
 *
 * When the certificate revocation list is made anew (A5): after a revocation, at most once a minute, and in any case
 * well before its nextUpdate. */
#ifndef GUICHET_CRL_H
#define GUICHET_CRL_H

#include "protocol/bytes.h"
#include "server/store/store.h"

struct authority;
struct crl;

#define CRL_PAUSE_S 60U
#define CRL_LIFE_S (7U * 86400U)
#define CRL_RENEW_S 86400U

/* `made` is called with each new list (PEM, borrowed for the call). */
must_check struct crl *crl_create(
    struct authority *authority, struct store *store, void (*made)(void *context, struct slice pem), void *context);
/* No read may be under way. */
void crl_destroy(struct crl *crl);
/* A revocation is durable: the next list is due. */
void crl_mark(struct crl *crl);
/* Makes the list if it is due at `now_ms` (since 1970), which also becomes its number: lists made one after the other
 * by different processes have different ones. */
void crl_tick(struct crl *crl, uint64_t now_ms);
/* Before the end: makes the list at once if a revocation waits for it. True when there is nothing to wait for. */
must_check bool crl_settle(struct crl *crl, uint64_t now_ms);

#endif
