/* SPDX-License-Identifier: Apache-2.0
 *
 * The TLS certificate that the server shows: judged at the start and at every reload as clients will judge it, and
 * followed until they will no longer accept it. */
#ifndef GUICHET_SERVER_TLS_H
#define GUICHET_SERVER_TLS_H

#include "protocol/error.h"

struct arena;
struct authority;
struct log;
struct tls_config;

struct server_tls {
	const char *directory; /* DIR; this and the next two are borrowed until the end */
	const struct authority *authority;
	struct log *log;
	struct tls_config *config; /* NULL before it is opened */
	uint64_t not_after; /* the last second at which clients accept it */
	uint64_t today; /* days since 1970, as last seen by a tick */
};

/* With the first three set and all else 0. Errors and the fault's texts, in the arena, as authority_check_tls and
 * tls_config_create_server. `now`: seconds since 1970, here and below. */
must_check enum error server_tls_open(struct server_tls *tls, uint64_t now, struct arena *arena, struct fault *fault);
/* What renew-tls made is shown to new connections from now on, and those that are open keep what they have; the log has
 * `tls_renewed`. What does not serve changes nothing, and the log has `reload_refused`. */
void server_tls_reload(struct server_tls *tls, uint64_t now);
/* Once a day, from a month before clients will no longer accept it, the log has `tls_certificate_expires`. */
void server_tls_tick(struct server_tls *tls, uint64_t now);
/* Every stream made from the configuration must be gone. */
void server_tls_close(struct server_tls *tls);

#endif
