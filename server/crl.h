/* SPDX-License-Identifier: Apache-2.0
 *
 * When the certificate revocation list is made anew (A5): after a revocation, at most once a minute, in any case well
 * before its nextUpdate, and when the clock was set back before its thisUpdate.
 *
 * At 300,000 entries a list takes half a second. So the loop only reads pages of records; a worker's jobs, one a page,
 * decode them and in the end build and sign the list. That is the one use of libcrypto off the loop's thread, and it is
 * through an authority of the list's own (a second set of handles for the same keys), so that no object of OpenSSL is
 * ever shared by two threads.
 *
 * Measured by tests/integration/measure_crl.py on two busy cores, with 100,000 and 300,000 entries: crl.pem of 5.7 and
 * 17.1 MB at most 0.2 and 0.6 s after the tick; a client that asked hello without a pause waited no longer than beside
 * an empty office; RssAnon 21 and 59 MiB at most, 16 and 28 MiB afterwards; the server starts in 0.03 s. Steps of the
 * loop, by a clock around them: a page 0.15 ms, seldom 1 ms and more; the end, which frees the list of before, up to
 * 3 ms. */
#ifndef GUICHET_CRL_H
#define GUICHET_CRL_H

#include "server/publications.h"
#include "server/store/store.h"
#include "server/worker.h"

struct authority;
struct crl;

#define CRL_PAUSE_S 60U
#define CRL_LIFE_S (7U * 86400U)
#define CRL_RENEW_S 86400U
/* How long beyond its certificate's validity an entry stays: longer than lists are apart, so that it appears on one
 * issued beyond it (RFC 5280 3.3). Later lists are without it: nothing else has to be swept. */
#define CRL_KEEP_S CRL_LIFE_S

/* `made` is called with each new list (PEM, borrowed for the call), or with NULL when none could be made, which is then
 * tried again a pause later. Nobody else may use `authority` while a list is under way. */
must_check struct crl *crl_create(struct authority *authority, struct store *store, struct worker *worker,
    void (*made)(void *context, struct content *pem), void *context);
/* The list that another process published last (PEM, borrowed until the first one is made): its number was given out,
 * and those of the next ones are larger whatever the clock says (RFC 5280 5.2.3). Before the first list. One that this
 * authority did not sign counts for nothing. */
void crl_follow(struct crl *crl, struct slice pem);
/* Within `made`: the list to be followed, which this one replaces, was none of this authority's. */
must_check bool crl_replaces_foreign(const struct crl *crl);
/* No list may be under way (asserted). */
void crl_destroy(struct crl *crl);
/* A revocation is durable: the next list is due. */
void crl_mark(struct crl *crl);
/* Begins the list if it is due at `now_ms` (since 1970), the pause measured by a clock that never jumps. now_ms also
 * becomes its number, or the number after the last when that is larger: the clock was ahead once, or stands back. */
void crl_tick(struct crl *crl, uint64_t now_ms, uint64_t steady_ms);
/* Before the end: begins the list at once if a revocation waits for it. True when there is nothing to wait for. */
must_check bool crl_settle(struct crl *crl, uint64_t now_ms);
/* Blocks until no list is under way: for tools and the end. */
void crl_finish(struct crl *crl);

#endif
