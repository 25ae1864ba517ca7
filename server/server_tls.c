/* SPDX-License-Identifier: Apache-2.0
 *
 * One configuration for as long as the server runs; a reload changes what it shows. */
#include "server/server_tls.h"

#include <unistd.h>

#include "protocol/net/tls_config.h"
#include "server/authority.h"
#include "server/log.h"
#include "server/server_log.h"
#include "server/settings.h"

#define DAY_S 86400
#define WARNING_DAYS 30
/* Certificates, as texts, and what is wrong with them. */
#define RELOAD_ARENA ((size_t)64 * 1024)

/* A reload must not keep the loop: it does not wait for a renewal under way. */
#define RELOAD_TRIES 1

static enum error
tls_read(const struct server_tls *tls, uint64_t now, unsigned tries, struct arena *arena, struct tls_config **config,
    uint64_t *not_after, struct fault *fault)
{
	char keys[PATH_SIZE], public[PATH_SIZE];

	settings_path(keys, sizeof keys, tls->directory, KEYS_DIRECTORY);
	settings_path(public, sizeof public, tls->directory, PUBLIC_DIRECTORY);
	int lock = authority_tls_lock(keys, tries, fault);
	if (lock < 0)
		return fault->error;
	enum error error = authority_check_tls(keys, public, now, arena, not_after, fault);
	if (error == ERROR_NONE)
		error = tls_config_create_server(authority_tls_certificate_path(tls->authority),
		    authority_tls_key_path(tls->authority), config, fault);
	close(lock);
	return error;
}

enum error
server_tls_open(struct server_tls *tls, uint64_t now, struct arena *arena, struct fault *fault)
{
	return tls_read(tls, now, AUTHORITY_TLS_TRIES, arena, &tls->config, &tls->not_after, fault);
}

void
server_tls_reload(struct server_tls *tls, uint64_t now)
{
	struct arena *arena = arena_create(RELOAD_ARENA);
	struct tls_config *newer = NULL;
	uint64_t not_after = 0;
	struct fault fault = { .error = ERROR_out_of_memory };

	if (arena == NULL || tls_read(tls, now, RELOAD_TRIES, arena, &newer, &not_after, &fault) != ERROR_NONE) {
		server_log_reload_refused(tls->log, &fault, "the TLS certificate of before is shown");
	} else if (tls_config_shows_same(tls->config, newer)) {
		tls_config_destroy(newer);
	} else {
		tls_config_renew(tls->config, newer);
		tls->not_after = not_after;
		tls->today = 0;
		server_log_tls_renewed(tls->log, not_after);
	}
	arena_destroy(arena);
}

void
server_tls_tick(struct server_tls *tls, uint64_t now)
{
	uint64_t today = now / DAY_S, days_left = tls->not_after > now ? (tls->not_after - now) / DAY_S : 0;

	if (tls->today == today)
		return;
	tls->today = today;
	if (days_left < WARNING_DAYS)
		server_log_tls_expires(tls->log, days_left);
}

void
server_tls_close(struct server_tls *tls)
{
	tls_config_destroy(tls->config);
	tls->config = NULL;
}
