/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd: one table of subcommands is dispatcher and help. */
#include <stdio.h>
#include <string.h>

#include "guichet/guichet.h"
#include "server/admin/admin.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} commands[] = {
	{ "init", admin_init, "make an office: authority, keys, settings, campaign and form catalogue" },
	{ "import", admin_import, "read the register of taxpayers" },
	{ "serve", admin_serve, "take connections until SIGTERM" },
	{ "issue", admin_issue, "issue the first certificates of other roles (server stopped)" },
	{ "revoke", admin_revoke, "revoke a certificate (server stopped)" },
	{ "renew-tls", admin_renew_tls, "make a new TLS key and certificate" },
	{ "audit", admin_audit, "re-read everything and prove that it agrees (server stopped)" },
	{ "address", admin_address, "say what stands for a network address in the log" },
};

#define COMMANDS_COUNT (sizeof commands / sizeof commands[0])

static void
print_help(FILE *to)
{
	fputs("usage: guichetd COMMAND DIR [OPTION]...\n\nThe counter where a country's tax returns are handed in.\n\n",
	    to);
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].about);
	fputs(
	    "\n\"guichetd COMMAND --help\" tells more. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused.\n"
	    "guichetd " GUICHET_VERSION "; \"guichetd --version\" says only that.\n",
	    to);
}

int
main(int argc, char **argv)
{
	if (argc >= 2)
		for (size_t i = 0; i < COMMANDS_COUNT; i++)
			if (strcmp(argv[1], commands[i].name) == 0)
				return commands[i].run(argc - 1, argv + 1);
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		print_help(stdout);
		return ADMIN_DONE;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("guichetd " GUICHET_VERSION);
		return ADMIN_DONE;
	}
	print_help(stderr);
	if (argc >= 2)
		fprintf(stderr, "\nguichetd: unknown command: %s\n", argv[1]);
	return ADMIN_USAGE;
}
