/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands of guichetd, one file each, and what they share: options, faults in words, an office opened
 * offline. */
#ifndef GUICHET_ADMIN_H
#define GUICHET_ADMIN_H

#include <stdio.h>

#include "protocol/arena.h"
#include "protocol/error.h"
#include "server/decide.h"
#include "server/settings.h"
#include "server/store/store.h"

enum admin_exit { ADMIN_DONE = 0, ADMIN_FAILED = 1, ADMIN_USAGE = 2, ADMIN_REFUSED = 3 };

int admin_init(int argc, char **argv);
int admin_import(int argc, char **argv);
int admin_serve(int argc, char **argv);
int admin_issue(int argc, char **argv);
int admin_revoke(int argc, char **argv);
int admin_renew_tls(int argc, char **argv);
int admin_audit(int argc, char **argv);
int admin_address(int argc, char **argv);

/* ---- options ---- */

/* How often an option may stand there; also false and true. */
enum admin_times { ADMIN_MAYBE = 0, ADMIN_ONCE = 1, ADMIN_SEVERAL };

/* Values of an option that may be there several times. */
#define ADMIN_VALUES_MAX 32
#define ADMIN_VALUES_TEXT "at most 32 of them"

/* One option, parsed and told in --help. With a value, `value` is set to it, borrowed from argv; with several it is an
 * array of ADMIN_VALUES_MAX + 1, all NULL, filled from the beginning. Without one, `is_given` is set. At most 64. */
struct admin_option {
	const char *name; /* "--origin" */
	const char *word; /* what stands for its value, "ORIGIN"; NULL: it has none */
	const char *help; /* one line; NULL: --help does not tell of it */
	const char **value;
	bool *is_given;
	enum admin_times times; /* more is refused */
};

#define ADMIN_JSON(flag) { "--json", NULL, "the result as JSON, for programs; errors too", NULL, (flag), ADMIN_MAYBE }
#define ADMIN_OPTIONS_END { NULL, NULL, NULL, NULL, NULL, ADMIN_MAYBE }

struct admin_command {
	const char *name;
	const char *words; /* as in the usage line: "DIR SERIAL" */
	size_t words_count;
	const char *about; /* paragraphs of --help */
	void (*print_more)(FILE *to); /* what --help ends with; may be NULL */
};

/* Takes options (ended by ADMIN_OPTIONS_END) and exactly the command's words out of argv. Prints usage and returns
 * false on --help (*exit ADMIN_DONE) and on anything wrong (ADMIN_USAGE, after saying what; as JSON where that is asked
 * for by a command that has the option). A word has at most DIRECTORY_MAX bytes, so that paths under it fit. */
must_check bool admin_options(int argc, char **argv, const struct admin_command *command,
    const struct admin_option *options, const char **words, int *exit);
/* How many values an option that may be there several times has. */
size_t admin_values_count(const char *const *values);
/* Wrong usage of a value: says which, what was there and what was expected; the exit code. */
int admin_refuse(const char *place, const char *value, const char *expected, bool as_json);

/* Says what went wrong, where, and what was expected, on stderr or as JSON on stdout; returns the exit code for it. */
int admin_report(const struct fault *fault, bool as_json);

/* The word of the command line for what a decision names by a field of its request. */
struct admin_typed {
	const char *place; /* "revoke_request.serial"; NULL ends a list */
	const char *word;  /* "SERIAL" */
};

/* The same with that word for the place; programs are told both, the word as option. */
int admin_report_typed(const struct fault *fault, const struct admin_typed *typed, bool as_json);

/* One member of what is said to programs. */
struct admin_fact {
	const char *name;
	const char *text; /* NULL: the number; one of the next two, by its address: true or false */
	uint64_t number;
};

extern const char admin_true[], admin_false[];

/* Writes one line of JSON: an object of these facts, ended by a NULL name. For a result on stdout the first is its
 * type, "guichet-init". */
void admin_say(FILE *to, const struct admin_fact *facts);

/* This year (UTC): what the retention of an import counts from. */
uint16_t admin_year(void);

/* store_settle with the store's words for an error, copied into `arena`. */
must_check enum error admin_settle(struct store *store, struct arena *arena, struct fault *fault);

/* ---- an office opened while no server runs ---- */

struct admin_office;

/* Opens keys, store and log; refuses with ERROR_directory_locked while a server holds DIR. That DIR/committed was gone
 * (leveldb.h) is said on stderr. */
must_check enum error admin_office_open(
    const char *directory, struct arena *arena, struct admin_office **out, struct fault *fault);
/* After all that was written to it: a disk that fails at what is left to do is told, its words in `arena`. */
must_check enum error admin_office_settle(struct admin_office *office, struct arena *arena, struct fault *fault);
void admin_office_close(struct admin_office *office);
struct store *admin_office_store(struct admin_office *office);
struct keyring *admin_office_keyring(struct admin_office *office);
const struct office *admin_office_facts(struct admin_office *office);

/* Runs a handler as the server would, for a holder of that role and no connection; commits its effects; waits. The
 * answer struct is in `arena`. A refusal comes back as its error with *fault. */
must_check enum error admin_office_run(struct admin_office *office, decide handler, const struct record *answer_record,
    const void *request, enum role role, struct arena *arena, void **answer, struct fault *fault);
/* Writes crl.pem anew. */
must_check enum error admin_office_publish_crl(struct admin_office *office, struct fault *fault);

#endif
