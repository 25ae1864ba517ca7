/* SPDX-License-Identifier: Apache-2.0
 *
 * What the commands of `guichet` share: options parsed, the office's trust, the holder's identity, a connection, and
 * how to speak to a person or a program. A command is a row in main.c and a function in a file of its own. */
#ifndef GUICHET_CLI_H
#define GUICHET_CLI_H

#include <guichet/guichet.h>

#include "client/cli/options.h"
#include "client/cli/terminal.h"
#include "client/hold.h"
#include "protocol/buf.h"
#include "protocol/limits.h"

/* What a program can tell apart; in every --help. */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILED = 1,      /* this machine, a file, a proof that does not hold */
	EXIT_CODE_USAGE = 2,       /* the command line */
	EXIT_CODE_REFUSED = 3,     /* by the rules or by the office: something has to change */
	EXIT_CODE_UNREACHABLE = 4, /* the office cannot be reached or cannot answer now: the same again later */
};

struct command;

struct cli {
	const struct command *command;
	struct options options;
	struct guichet_problem *problem;
	struct guichet_trust *trust;
	struct guichet_identity *identity;
	struct guichet *guichet;
	struct guichet_filing *filing; /* what is filed, once it is in the making */
	bool is_json;
	bool progress_shown; /* a line on the terminal that has to be wiped */
};

typedef enum exit_code cli_run(struct cli *cli);

struct command {
	const char *name;
	cli_run *run;
	unsigned needs, takes; /* sets of options: 1 << enum option_number */
	unsigned ignores;      /* of no use here, but taken: so that all that call the office take the same words */
	size_t arguments_min, arguments_max;
	const char *arguments; /* as in the usage line */
	const char *summary;
	const char *about; /* paragraphs of --help */
};

cli_run cli_checkpoint, cli_convert, cli_enrol, cli_export_signature, cli_file, cli_filings, cli_receipt, cli_revoke,
    cli_show, cli_verify;

/* The value of an option; NULL when it was not given. */
const char *cli_value(const struct cli *cli, enum option_number option);
/* The largest .p12 file that is read. */
#define CLI_KEY_FILE_MAX ((size_t)64 * 1024)

/* Load the trust; open the identity, asking for the password; make the handle by which the office is called. What is
 * opened is closed at the end of the program. */
must_check enum guichet_error cli_load_trust(struct cli *cli);
must_check enum guichet_error cli_open_identity(struct cli *cli);
must_check enum guichet_error cli_connect(struct cli *cli);
/* All three, and the handle speaks for the identity: as every command does that asks for one's own. */
must_check enum guichet_error cli_log_in(struct cli *cli);

/* Around what keeps this machine computing for a second and cannot be asked how far it is: a line at the terminal. */
void cli_begin(struct cli *cli, const char *what);
/* The same for the nth of so many, from 1: "reading document 3 of 5". The line changes. */
void cli_begin_nth(struct cli *cli, const char *what, size_t nth, size_t count);
void cli_end(struct cli *cli);
/* Waits for a request with a line of progress once it takes over a second; its error stands in cli->problem. `what`
 * says what is going on. */
must_check enum guichet_error cli_wait(struct cli *cli, struct guichet_request *request, const char *what);

/* A filing as the office is asked for it: receipt number or filing id in its canonical form. */
struct cli_reference {
	char text[2 * DIGEST_SIZE + 1];
};

/* Reads what a person typed, a number in any spelling or an id; usage when it is neither. Needs nobody's answer: read
 * before a password is asked for or the office called. */
must_check enum guichet_error cli_read_reference(struct cli *cli, const char *typed, struct cli_reference *out);
/* What is asked of the office about it; *out is the caller's, also on failure. What does not agree with what was asked
 * for, or is not proven, is an error. */
/* The evidence of a filing, checked against its receipt and that against the log: every command that shows or writes
 * any of it. */
must_check enum guichet_error cli_ask_filing(struct cli *cli, const struct cli_reference *reference,
    struct guichet_request **out);
/* A receipt, checked. */
must_check enum guichet_error cli_ask_receipt(struct cli *cli, const struct cli_reference *reference,
    struct guichet_request **out);

/* The code for an error. */
enum exit_code cli_exit_code(enum guichet_error error);
/* Says what is in cli->problem (on stderr, or with --json on stdout) and gives its code. */
enum exit_code cli_fail(struct cli *cli);
/* The same for a problem of the command line itself, and for memory that is short. */
enum exit_code cli_fail_memory(struct cli *cli);
enum exit_code cli_fail_usage(struct cli *cli, const char *place, const char *value, const char *expected);
/* What the rules advise, on stderr. */
void cli_print_findings(const struct cli *cli);

/* Has a file for this command alone from now to hold_remove, which is the caller's; what killed processes left of
 * writing it goes. Usage when another guichet has it, saying what that is doing. `typed`: what was given for it. */
must_check enum guichet_error cli_hold(struct cli *cli, const char *path, const char *typed, const char *doing,
    struct hold *out);

/* A name beside another: `path` with its ending replaced, or appended when it has another ending. NULL: no memory. */
must_check char *cli_path_beside(const char *path, const char *ending, const char *replacement);

/* Nothing that is there is overwritten: usage, naming the path, in every command. A file that holds these very bytes
 * already may stay; whoever asks again is answered as before. */
must_check enum guichet_error cli_check_new(struct cli *cli, const char *path, struct guichet_bytes bytes);
/* The same where something is. */
must_check enum guichet_error cli_check_same(struct cli *cli, const char *path, struct guichet_bytes bytes);
/* The same for what cannot be there already: a path at which nothing is. */
must_check enum guichet_error cli_check_absent(struct cli *cli, const char *path);
/* Writes by that rule, over nothing that came meanwhile either. */
must_check enum guichet_error cli_write_new(struct cli *cli, const char *path, struct guichet_bytes bytes);
/* Is there nothing at that path, or a receipt of that filing? As far as is known before the receipt is. */
must_check enum guichet_error cli_check_receipt_path(struct cli *cli, const char *path,
    struct guichet_bytes filing_id);
/* Receipt and proof into two files by the same rule, the receipt last: whoever sees it finds the proof. */
must_check enum guichet_error cli_write_receipt(struct cli *cli, const char *path, struct guichet_bytes receipt,
    struct guichet_bytes proof);
/* Prints text on stdout, lines as they are: see terminal.h. */
void cli_print(struct guichet_bytes text);
/* What a command writes: a buffer that ends the program when memory is short. */
struct buf *cli_buf(void);
/* Exactly `size` bytes, at most a digest, from hexadecimal digits of either case. */
must_check bool cli_read_hex(const char *text, uint8_t *out, size_t size);
/* Appends a JSON string of what may hold a path of this machine, in whatever encoding. */
void cli_put_string(struct buf *buf, const char *text);
/* Appends a record as JSON; as the next one of an array unless it is the first. */
void cli_put_record(struct buf *buf, struct guichet_record record, bool is_first);
/* Did the office say so? Its answers have an id. */
bool cli_is_told(const struct guichet_problem *problem);
/* Appends what the rules found, a JSON array. */
void cli_put_findings(const struct cli *cli, struct buf *buf);
/* Prints and destroys it. */
void cli_print_buf(struct buf *buf);

#endif
