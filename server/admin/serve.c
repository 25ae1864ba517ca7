/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd serve: the server in the foreground. */
#include <errno.h>
#include <stdlib.h>

#include "server/admin/admin.h"
#include "server/server.h"

static const char usage[] =
    "usage: guichetd serve DIR [--listen ADDRESS:PORT] [--port-file FILE]\n\n"
    "Serves until SIGTERM or SIGINT, then finishes what it accepted. SIGHUP reads campaign and catalogue anew.\n\n"
    "  --listen ADDRESS:PORT  numeric; port 0 takes any free one (default: as in DIR/guichet.json)\n"
    "  --port-file FILE       the port is written there once connections are taken\n";

int
admin_serve(int argc, char **argv)
{
	struct server_options server = { .fail_errno = ENOSPC };
	/* Not in the usage: for the tests of what happens when a disk fails. */
	const char *fail_at = NULL;
	const struct admin_option options[] = {
		{ "--listen", &server.listen, NULL },
		{ "--port-file", &server.port_file, NULL },
		{ "--test-fail-write", &fail_at, NULL },
		{ NULL, NULL, NULL },
	};
	struct fault fault = { .error = ERROR_NONE };
	int exit;

	if (!admin_options(argc, argv, usage, options, &server.directory, 1, &exit))
		return exit;
	if (fail_at != NULL && !decimal_decode(slice_of_text(fail_at), UINT32_MAX, &server.fail_at))
		return ADMIN_USAGE;
	struct arena *arena = arena_create((size_t)2 * LIMIT_JSON_FILE);
	enum error error = arena == NULL ? fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    server_run(&server, arena, &fault);
	exit = error == ERROR_NONE ? ADMIN_DONE : admin_report(&fault, false);
	arena_destroy(arena);
	return exit;
}
