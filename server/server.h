/* SPDX-License-Identifier: Apache-2.0
 *
 * The running server: everything that main puts together, and nothing else knows whole. */
#ifndef GUICHET_SERVER_H
#define GUICHET_SERVER_H

#include "protocol/arena.h"
#include "protocol/error.h"

struct server_options {
	const char *directory;
	const char *listen;    /* NULL: as in the settings */
	const char *port_file; /* NULL: none; otherwise the port is written there once connections are taken */
	/* For tests: the nth write or sync of the store fails, with this errno. */
	uint64_t fail_at;
	int fail_errno;
	uint64_t journal_size; /* for tests; 0: as large as it is */
};

/* Serves until SIGTERM or SIGINT, then finishes what it accepted. ERROR_NONE after an orderly stop; otherwise why it
 * could not begin or had to stop, with *fault (texts in `arena`). */
must_check enum error server_run(const struct server_options *options, struct arena *arena, struct fault *fault);

#endif
