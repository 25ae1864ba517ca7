/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd serve: the server in the foreground. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "server/admin/admin.h"
#include "server/server.h"

static void
print_settings(FILE *to)
{
	fputs("\nSettings in DIR/guichet.json, read at the start (default; what is allowed):\n\n", to);
	settings_print_help(to);
}

static const struct admin_command command = {
	"serve", "DIR", 1,
	"Serves until SIGTERM or SIGINT, then finishes what it accepted. SIGHUP reads campaign and catalogue anew.",
	print_settings,
};

/* A SIGHUP that comes while the server starts waits until it serves, which is when the loop takes it. */
static void
hold_reload(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

int
admin_serve(int argc, char **argv)
{
	struct server_options server = { .fail_errno = ENOSPC };
	const char *fail_at = NULL, *journal_size = NULL;
	const struct admin_option options[] = {
		{ "--listen", "ADDRESS:PORT", "numeric; port 0 takes any free one (default: as in DIR/guichet.json)",
		    &server.listen, NULL, ADMIN_MAYBE },
		{ "--port-file", "FILE", "the port is written there once connections are taken", &server.port_file,
		    NULL, ADMIN_MAYBE },
		/* For tests of a disk that fails, which drive the server as it ships; nobody else is told of them: the
		 * Nth write to the disk fails, and the journal's files have N bytes, so that it turns often. */
		{ "--test-fail-write", "N", NULL, &fail_at, NULL, ADMIN_MAYBE },
		{ "--test-journal-size", "N", NULL, &journal_size, NULL, ADMIN_MAYBE },
		ADMIN_OPTIONS_END,
	};
	struct fault fault = { .error = ERROR_NONE };
	int exit;

	hold_reload();
	if (!admin_options(argc, argv, &command, options, &server.directory, &exit))
		return exit;
	if (fail_at != NULL && !decimal_decode(slice_of_text(fail_at), UINT32_MAX, &server.fail_at))
		return admin_refuse("--test-fail-write", fail_at, "a whole number", false);
	if (journal_size != NULL && !decimal_decode(slice_of_text(journal_size), UINT32_MAX, &server.journal_size))
		return admin_refuse("--test-journal-size", journal_size, "a whole number", false);
	struct arena *arena = arena_create((size_t)2 * LIMIT_JSON_FILE);
	enum error error = arena == NULL ? fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    server_run(&server, arena, &fault);
	exit = error == ERROR_NONE ? ADMIN_DONE : admin_report(&fault, false);
	arena_destroy(arena);
	return exit;
}
