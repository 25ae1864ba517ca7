/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server tells its text log: of its requests, how much of it; of its start, reloads, what is published and the
 * store; and of its stop.
 *
 * What was accepted and stored has its line, always: it costs whoever asks more than the line, and the answer's
 * correlation id is what people ask about. So has what failed here. Refusals, and answers for which nothing was stored,
 * cost nothing: of each kind LOG_ANSWER_RATE lines a second are written and the others counted. Only these say of which
 * address they are: who files is not followed about. */
#ifndef GUICHET_SERVER_LOG_H
#define GUICHET_SERVER_LOG_H

#include "server/dispatch.h"
#include "server/leftover.h"
#include "server/log.h"
#include "server/recovery.h"

/* An answer, when it is given: `answer` when something was stored or the office failed, `read` when nothing was stored,
 * `refusal`, or `busy`. The office's own work, which nobody asked for, is for debugging only. */
void server_log_answer(struct log *log, const struct dispatch_event *event, uint64_t now_ms);
/* For log_name_addresses: 64 bits of a hash under the office's key, the same for as long as that key. `keyring`: a
 * struct keyring. */
void server_log_name(const void *keyring, struct slice address, uint8_t *out);
/* The start is done: `serving`. And what it cannot have: more connections than `most`. */
void server_log_serving(struct log *log, uint64_t port, const char *origin, uint64_t log_size);
void server_log_connections_limited(struct log *log, uint64_t most);
/* Clients will not accept the server's TLS certificate much longer. */
void server_log_tls_expires(struct log *log, uint64_t days_left);
/* Another one is shown from now on. */
void server_log_tls_renewed(struct log *log, uint64_t not_after);
/* Something stored could not be read, of the request of that correlation id. The cause is view_cause's. */
void server_log_unreadable(struct log *log, enum error error, const char *cause, const uint8_t *correlation);
/* Requests that are answered busy since each was decided COMMIT_CONFLICTS_MAX times in vain. */
void server_log_gave_up(struct log *log, size_t count);
/* The campaign that is in force from now on: `campaign` at the start, `reloaded` after a reload. `closes` is the first
 * second at which it is closed. */
void server_log_campaign(struct log *log, const struct campaign *campaign, bool is_reload);
/* A file that the operator publishes is not what it was when it was last put on record. */
void server_log_publication_changed(struct log *log, const char *file);
/* A published file that was gone, and is there again from its copy in DIR/keys (for authority_restore; NULL: DIR/public
 * itself; `log`: a struct log); and the list of revocations, which is made anew. */
void server_log_restored(void *log, const char *file);
void server_log_crl_missing(struct log *log);
/* At the start, what would tell that the store is an older copy and does not: DIR/committed, and the published
 * checkpoint of a log of that size. */
void server_log_committed_missing(struct log *log);
void server_log_checkpoint(struct log *log, enum recovery_checkpoint checkpoint, uint64_t log_size);
/* The list of revocations that was published is none of the office's, or damaged, and is replaced. */
void server_log_crl_damaged(struct log *log);
/* No list could be made. */
void server_log_crl_not_made(struct log *log);
/* What a killed server left of files it was writing is removed; nothing is said of none. */
void server_log_leftovers(struct log *log, struct leftovers leftovers);
/* The store's final error, and at the stop that a full disk left it unsettled. The cause is store_failure's, which
 * names files, records by their hashed keys, and what the system said. */
void server_log_storage_failed(struct log *log, enum error error, const char *cause);
void server_log_not_settled(struct log *log, enum error error, const char *cause);
/* The last line: what the server stopped for, or why something is left unpublished by an orderly stop. */
void server_log_stopped(struct log *log, enum error error, enum error unpublished);
/* What stands in the files that the operator writes, and what should. `answer`: what is done instead, a constant. */
void server_log_reload_refused(struct log *log, const struct fault *fault, const char *answer);

#endif
