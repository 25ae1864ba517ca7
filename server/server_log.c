/* SPDX-License-Identifier: Apache-2.0
 *
 * A function for each line, with its words and its level. */
#include "server/server_log.h"

#include <stdio.h>
#include <string.h>

#include "protocol/time.h"
#include "server/authority.h"
#include "server/commit.h"
#include "server/office.h"
#include "server/settings.h"
#include "server/store/keyring.h"
#include "server/store/leveldb.h"

void
server_log_name(const void *keyring, struct slice address, uint8_t *out)
{
	uint8_t hash[KEYRING_HASH_SIZE];

	keyring_hash(keyring, "log_address", address, hash);
	memcpy(out, hash, LOG_NAME_SIZE);
}

void
server_log_answer(struct log *log, const struct dispatch_event *event, uint64_t now_ms)
{
	const struct operation *operation = event->operation;
	const struct log_field op = log_field_text("op", operation == NULL ? "unknown" : operation->name),
			       error = log_error("error", event->error),
			       cause = event->cause == event->error ? (struct log_field){ 0 } :
								      log_error("cause", event->cause),
			       correlation = log_correlation("correlation", event->correlation),
			       address = log_address("address", event->address),
			       ms = log_uint("ms", now_ms > event->received_ms ? now_ms - event->received_ms : 0);

	if (operation != NULL && operation->number == 0)
		log_event(log, LOG_LEVEL_DEBUG, "own_work", error, cause, correlation, ms);
	else if (event->error == ERROR_busy)
		/* In a crowd one line for each would be work that those who wait pay for. */
		log_peer_event(log, LOG_LEVEL_INFO, "busy", op, cause, correlation, address);
	else if (event->error == ERROR_internal)
		log_event(log, LOG_LEVEL_ERROR, "answer", op, error, cause, correlation, ms);
	else if (event->error != ERROR_NONE)
		log_answer_event(log, LOG_LEVEL_INFO, "refusal", op, error, cause, correlation, ms, address);
	else if (event->has_stored)
		log_event(log, LOG_LEVEL_INFO, "answer", op, error, correlation, ms);
	else
		log_answer_event(log, LOG_LEVEL_INFO, "read", op, error, correlation, ms, address);
}

void
server_log_serving(struct log *log, uint64_t port, const char *origin, uint64_t log_size)
{
	log_event(log, LOG_LEVEL_INFO, "serving", log_uint("port", port), log_setting("origin", origin),
	    log_uint("log_size", log_size));
}

void
server_log_connections_limited(struct log *log, uint64_t most)
{
	log_event(log, LOG_LEVEL_WARN, "connections_limited", log_uint("connections_max", most),
	    log_text("reason", "the limit of open files"));
}

void
server_log_tls_expires(struct log *log, uint64_t days_left)
{
	log_event(log, LOG_LEVEL_WARN, "tls_certificate_expires", log_uint("days_left", days_left));
}

/* In UTC; empty beyond what a time can be. */
static const char *
time_text(uint64_t time, char text[TIME_UTC_SIZE + 1])
{
	memset(text, 0, TIME_UTC_SIZE + 1);
	if (time <= TIME_MAX)
		time_format_utc(time, text);
	return text;
}

void
server_log_tls_renewed(struct log *log, uint64_t not_after)
{
	char text[TIME_UTC_SIZE + 1];

	log_event(log, LOG_LEVEL_INFO, "tls_renewed", log_setting("not_after", time_text(not_after, text)));
}

void
server_log_unreadable(struct log *log, enum error error, const char *cause, const uint8_t *correlation)
{
	log_event(log, LOG_LEVEL_ERROR, "unreadable", log_error("error", error),
	    log_correlation("correlation", correlation), log_setting("cause", cause),
	    log_text("advice", "stop the server and run guichetd audit"));
}

void
server_log_gave_up(struct log *log, size_t count)
{
	log_event(log, LOG_LEVEL_WARN, "conflicts", log_uint("requests", count),
	    log_uint("times", COMMIT_CONFLICTS_MAX), log_text("answer", "busy: others write what they read"));
}

void
server_log_campaign(struct log *log, const struct campaign *campaign, bool is_reload)
{
	char name[LIMIT_LABEL + 1], opening[TIME_UTC_SIZE + 1], closing[TIME_UTC_SIZE + 1];

	snprintf(name, sizeof name, "%.*s", (int)campaign->name.size, (const char *)campaign->name.data);
	const struct log_field named = log_setting("campaign", name),
			       year = log_uint("income_year", campaign->income_year),
			       opens = log_setting("opens", time_text(campaign->opens_at, opening)),
			       closes = log_setting("closes", time_text(campaign->closes_at, closing));
	if (is_reload)
		log_event(log, LOG_LEVEL_INFO, "reloaded", named, year, opens, closes);
	else
		log_event(log, LOG_LEVEL_INFO, "campaign", named, year, opens, closes);
}

void
server_log_storage_failed(struct log *log, enum error error, const char *cause)
{
	log_event(log, LOG_LEVEL_ERROR, "storage_failed", log_error("error", error), log_setting("cause", cause),
	    log_text("answer", "stopping; what was answered is durable, and nothing else is answered"));
}

void
server_log_not_settled(struct log *log, enum error error, const char *cause)
{
	log_event(log, LOG_LEVEL_WARN, "not_settled", log_error("error", error), log_setting("cause", cause),
	    log_text("answer", "what was answered is durable; the next start, which needs room, settles it"));
}

void
server_log_stopped(struct log *log, enum error error, enum error unpublished)
{
	if (error == ERROR_NONE && unpublished != ERROR_NONE)
		log_event(log, LOG_LEVEL_WARN, "stopped", log_error("error", unpublished),
		    log_text("answer", "all is durable, and not all is published: the next start does that"));
	else
		log_event(log, LOG_LEVEL_INFO, "stopped", log_error("error", error));
}

void
server_log_publication_changed(struct log *log, const char *file)
{
	log_event(log, LOG_LEVEL_INFO, "publication_changed", log_setting("file", file),
	    log_text("answer", "on record as it is now, which an audit compares it with"));
}

void
server_log_restored(void *log, const char *file)
{
	if (file == NULL)
		log_event(log, LOG_LEVEL_WARN, "publication_missing", log_text("file", PUBLIC_DIRECTORY),
		    log_text("answer",
			"the directory was made; what the office can make or has a copy of is put back"));
	else
		log_event(log, LOG_LEVEL_WARN, "publication_missing", log_setting("file", file),
		    log_text("answer", "it was put back from its copy among the keys"));
}

void
server_log_committed_missing(struct log *log)
{
	log_event(log, LOG_LEVEL_WARN, "committed_missing", log_text("file", LEVELDB_COMMITTED_FILE),
	    log_text("answer", "noted anew; of an older copy of the store only what is published would tell"));
}

#define UNPROVED "it proves no length of the log: of an older copy of the store only tiles and committed would tell"

void
server_log_checkpoint(struct log *log, enum recovery_checkpoint checkpoint, uint64_t log_size)
{
	const struct log_field file = log_field_text("file", "checkpoint");

	if (checkpoint == RECOVERY_CHECKPOINT_DAMAGED)
		log_event(log, LOG_LEVEL_WARN, "publication_damaged", file,
		    log_text("answer", "published anew; " UNPROVED));
	/* An office that has no leaf yet has published none. */
	else if (checkpoint == RECOVERY_CHECKPOINT_NONE && log_size != 0)
		log_event(log, LOG_LEVEL_WARN, "publication_missing", file,
		    log_text("answer", "published anew; " UNPROVED));
}

void
server_log_crl_missing(struct log *log)
{
	log_event(log, LOG_LEVEL_WARN, "publication_missing", log_setting("file", AUTHORITY_CRL_FILE),
	    log_text("answer", "it is made anew at once"));
}

void
server_log_crl_damaged(struct log *log)
{
	log_event(log, LOG_LEVEL_WARN, "publication_damaged", log_setting("file", AUTHORITY_CRL_FILE),
	    log_text("answer", "it was made anew; its number follows the clock alone"));
}

void
server_log_crl_not_made(struct log *log)
{
	log_event(log, LOG_LEVEL_ERROR, "crl_not_made",
	    log_text("answer", "the list of before stays published; tried again in a minute"));
}

void
server_log_leftovers(struct log *log, struct leftovers leftovers)
{
	if (leftovers.removed != 0)
		log_event(log, LOG_LEVEL_INFO, "leftovers_removed", log_uint("files", leftovers.removed));
	if (leftovers.reason != 0)
		log_event(log, LOG_LEVEL_WARN, "leftovers_stay", log_uint("files", leftovers.stuck),
		    log_errno("reason", leftovers.reason),
		    log_text("answer", "files that a killed server was writing; they do no harm"));
}

void
server_log_reload_refused(struct log *log, const struct fault *fault, const char *answer)
{
	const struct slice slices[] = { fault->place, fault->value, fault->expected };
	char texts[3][256];

	for (size_t i = 0; i < 3; i++)
		snprintf(texts[i], sizeof texts[i], "%.*s", (int)slices[i].size, (const char *)slices[i].data);
	log_event(log, LOG_LEVEL_ERROR, "reload_refused", log_error("error", fault->error),
	    log_setting("place", texts[0]), log_setting("found", texts[1]), log_setting("expected", texts[2]),
	    log_setting("answer", answer));
}
