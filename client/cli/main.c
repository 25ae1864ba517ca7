/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet, the command line tool of a taxpayer: one table is dispatcher and help. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

#define BIT(option) OPTION_BIT(OPTION_##option)
/* What every command that asks the office for one's own needs and takes. */
#define ONLINE (BIT(SERVER) | BIT(TRUST) | BIT(AS))
#define ALWAYS (BIT(JSON) | BIT(HELP))

static const struct command commands[] = {
	{ "enrol", cli_enrol,
	    BIT(SERVER) | BIT(TRUST) | BIT(SPI) | BIT(BIRTH_NAME) | BIT(FILER_NUMBER) | BIT(REFERENCE_INCOME) |
	    BIT(EMAIL) | BIT(OUT),
	    BIT(KEY) | BIT(ACCEPT_CONTRACT) | BIT(PASSWORD_FILE),
	    BIT(AS),
	    0, 0, "", "get a certificate",
	    "Makes a key pair on this machine, has it certified by the office and writes\n"
	    "both into the file named by --out (PKCS#12), under a password of your choice.\n"
	    "A certificate that you have already is revoked by that. Before the office is\n"
	    "asked, the key is kept under that password in a file with .new at the end of its\n"
	    "name, until the certificate is there: the same command again, whatever happened\n"
	    "meanwhile, takes that key up, whatever --key says, and gets the one certificate.\n"
	    "Once --out is there the command is refused: what is there is not overwritten.\n"
	    "Two at once into one file: one is refused before the office is asked." },
	{ "file", cli_file,
	    BIT(TRUST),
	    BIT(SERVER) | BIT(AS) | BIT(PASSWORD_FILE) | BIT(ATTACH) | BIT(CHECK) | BIT(REPLACES) | BIT(OFFLINE) |
	    BIT(OUT),
	    0,
	    1, SIZE_MAX, "RETURN.json [ANNEX.json]...", "sign and file a return",
	    "Checks the documents, signs them, sends them, and writes the receipt\n"
	    "(receipt.json, or what --out names) and its proof (receipt.tlog-proof beside\n"
	    "it). Before anything is sent, what was signed is kept as receipt.filing beside\n"
	    "them until the receipt is there: the same command again, whatever happened,\n"
	    "sends the identical filing and gets the one receipt; the rules, which may have\n"
	    "changed since, are not asked again. It is signed anew only when the office\n"
	    "refused the time at which it was signed: put this machine's clock right, and run\n"
	    "the same command. Another filing under the same name takes the place of one\n"
	    "that was kept so; of two that file under one name at once, one is refused before\n"
	    "anything is sent. --server and --as are needed unless --check is given." },
	{ "filings", cli_filings,
	    ONLINE,
	    BIT(PASSWORD_FILE),
	    0,
	    0, 0, "", "list one's own filings",
	    "Newest first." },
	{ "receipt", cli_receipt,
	    ONLINE,
	    BIT(PASSWORD_FILE) | BIT(OUT),
	    0,
	    1, 1, "NUMBER-or-ID", "fetch and print a receipt",
	    "Prints the receipt in French, once it is verified to be the one asked for and in\n"
	    "the office's log. With --out FILE.json also writes it, and its proof beside it\n"
	    "(FILE.tlog-proof). Fetched again it is the same file, byte for byte, and may go\n"
	    "to the same place." },
	{ "show", cli_show,
	    ONLINE,
	    BIT(PASSWORD_FILE) | BIT(OUT),
	    0,
	    1, 1, "NUMBER-or-ID", "show what was filed",
	    "Prints what was signed, once it is verified: against the receipt in the office's\n"
	    "log, and by the signer's signature. With --out DIR also fetches the documents\n"
	    "into that directory, each checked by its SHA-256." },
	{ "verify", cli_verify,
	    BIT(TRUST),
	    BIT(CHECKPOINT) | BIT(SERVER),
	    BIT(AS) | BIT(PASSWORD_FILE),
	    1, SIZE_MAX, "receipt.json [DOCUMENT]...", "verify a receipt, offline",
	    "Needs nothing but the office's log.vkey in --trust, the receipt, and the proof\n"
	    "beside it (receipt.tlog-proof). Says every check that was made; all hold, or\n"
	    "the exit code is 1; and which documents of the receipt were not given, and so\n"
	    "not compared. With --checkpoint it also checks that the log of that\n"
	    "checkpoint and the log of the receipt are one: by the tiles published in\n"
	    "--trust or, when it is named, by asking --server." },
	{ "convert", cli_convert,
	    BIT(OUT),
	    BIT(INCOME_YEAR) | BIT(TRUST),
	    0,
	    2, 2, "irj FILE", "make return documents out of a file of returns",
	    "Writes one JSON file for each return of an .irj file into the directory named\n"
	    "by --out: 0001.json and so on. Donations that need a beneficiary get a\n"
	    "generated one, marked as such. The boxes are those of the catalogue in\n"
	    "--trust, or of the one delivered with this program." },
	{ "export-signature", cli_export_signature,
	    ONLINE | BIT(OUT),
	    BIT(PASSWORD_FILE),
	    0,
	    1, 1, "NUMBER-or-ID", "write a filing's signature for other tools",
	    "Writes the signature (CMS, DER) to --out FILE.p7s and the signed text to\n"
	    "FILE.manifest beside it, once both are verified as by show. Other tools verify\n"
	    "them by\n"
	    "  openssl cms -verify -inform DER -in FILE.p7s -content FILE.manifest -binary\\\n"
	    "      -CAfile DIR/ca.pem -purpose any" },
	{ "revoke", cli_revoke,
	    ONLINE,
	    BIT(PASSWORD_FILE) | BIT(SERIAL) | BIT(REASON),
	    0,
	    0, 0, "", "revoke a certificate",
	    "One's own; an operator may name any by --serial. It cannot be undone. Of one that\n"
	    "was revoked already it says since when and why, and changes nothing." },
	{ "checkpoint", cli_checkpoint,
	    BIT(SERVER) | BIT(TRUST),
	    BIT(OUT),
	    BIT(AS) | BIT(PASSWORD_FILE),
	    0, 0, "", "print the log's newest checkpoint",
	    "Keep it: verify --checkpoint shows later that nothing in the log was altered\n"
	    "or dropped since." },
};

#define COMMANDS_COUNT (sizeof commands / sizeof commands[0])

static void
print_option(FILE *to, enum option_number option, bool needed)
{
	const char *value = options_value(option);

	fprintf(to, needed ? " %s%s%s" : " [%s%s%s]", options_name(option), value != NULL ? " " : "",
	    value != NULL ? value : "");
}

static void
print_usage(FILE *to, const struct command *command)
{
	fprintf(to, "usage: guichet %s", command->name);
	for (enum option_number option = 0; option < OPTION_COUNT; option++)
		if (command->needs & OPTION_BIT(option))
			print_option(to, option, true);
	for (enum option_number option = 0; option < OPTION_COUNT; option++)
		if (command->takes & OPTION_BIT(option))
			print_option(to, option, false);
	fprintf(to, "%s%s\n", command->arguments[0] != '\0' ? " " : "", command->arguments);
}

static void
print_ignored(const struct command *command)
{
	if (command->ignores == 0)
		return;
	printf("\nOf no use here, and taken so that all that call the office take the same options:\n\n");
	options_print_help(stdout, command->ignores);
}

static enum exit_code
print_help(const struct command *command)
{
	print_usage(stdout, command);
	printf("\n%s\n\n", command->about);
	options_print_help(stdout, command->needs | command->takes | ALWAYS);
	print_ignored(command);
	printf("\nWith --json an error has its place as the protocol calls it, and as option what was\n"
	       "typed for it: an option, an argument of the usage above, or a file.\n"
	       "\nExit codes: 0 done; 1 failed here (a file, a password, a proof that does not hold);\n"
	       "2 usage; 3 refused by the rules or the office; 4 the office cannot be reached or\n"
	       "is busy: run the same again later.\n");
	return EXIT_CODE_OK;
}

static void
print_commands(FILE *to)
{
	fprintf(to, "usage: guichet COMMAND ...\n\n");
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		fprintf(to, "  %-18s %s\n", commands[i].name, commands[i].summary);
	fprintf(to, "\nguichet COMMAND --help says more; guichet --version, which one this is (%s).\n",
	    guichet_version());
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Looked for before anything else: a program is to be answered in JSON also when its command line is wrong. */
static bool
wants_json(int count, char **argv)
{
	for (int i = 1; i < count && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

/* Options as the command has them, then the command itself. */
static enum exit_code
run(struct cli *cli, int count, char **argv)
{
	const struct command *command = cli->command;
	struct options_fault fault = { "", "" };

	bool parsed = options_parse(
	    count, argv, command->needs | command->takes | command->ignores | ALWAYS, &cli->options, &fault);
	if (cli_value(cli, OPTION_HELP) != NULL)
		return print_help(command);
	if (!parsed) {
		print_usage(stderr, command);
		return cli_fail_usage(cli, fault.place, "", fault.expected);
	}
	enum option_number missing = options_find_missing(&cli->options, command->needs);
	if (missing != OPTION_COUNT) {
		print_usage(stderr, command);
		return cli_fail_usage(cli, options_name(missing), "missing", "this option");
	}
	if (cli->options.arguments_count < command->arguments_min) {
		print_usage(stderr, command);
		return cli_fail_usage(cli, command->arguments, "missing", "this argument");
	}
	if (cli->options.arguments_count > command->arguments_max) {
		print_usage(stderr, command);
		return cli_fail_usage(cli, "arguments", cli->options.arguments[command->arguments_max],
		    command->arguments_max == 0 ? "none" : command->arguments);
	}
	return command->run(cli);
}

/* A standard channel that is closed would be given to the next file or connection, and what is said would go into it.
 * For reading only: who cannot say anything is to notice. */
static void
hold_channels(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int
main(int argc, char **argv)
{
	struct cli cli = { 0 };
	enum exit_code code;

	hold_channels();
	if (argc < 2) {
		print_commands(stderr);
		return EXIT_CODE_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_commands(stdout);
		return EXIT_CODE_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("guichet %s\n", guichet_version());
		return EXIT_CODE_OK;
	}
	cli.problem = guichet_problem_create();
	if (cli.problem == NULL)
		return EXIT_CODE_FAILED;
	cli.is_json = wants_json(argc, argv);
	cli.command = find_command(argv[1]);
	if (cli.command != NULL) {
		code = run(&cli, argc - 1, argv + 1);
	} else {
		print_commands(stderr);
		code = cli_fail_usage(&cli, "command", argv[1], "one of those listed");
	}
	guichet_destroy(cli.guichet);
	guichet_filing_destroy(cli.filing);
	guichet_identity_destroy(cli.identity);
	guichet_trust_destroy(cli.trust);
	guichet_problem_destroy(cli.problem);
	options_release(&cli.options);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "guichet: standard output cannot be written\n");
		return EXIT_CODE_FAILED;
	}
	return code;
}
