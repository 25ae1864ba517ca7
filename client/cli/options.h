/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: one table of options, shared by all commands, is parser and help. */
#ifndef GUICHET_OPTIONS_H
#define GUICHET_OPTIONS_H

#include <stdio.h>

#include "protocol/bytes.h"

enum option_number {
	OPTION_SERVER,
	OPTION_TRUST,
	OPTION_AS,
	OPTION_PASSWORD_FILE,
	OPTION_KEY,
	OPTION_SPI,
	OPTION_BIRTH_NAME,
	OPTION_FILER_NUMBER,
	OPTION_REFERENCE_INCOME,
	OPTION_EMAIL,
	OPTION_ACCEPT_CONTRACT,
	OPTION_ATTACH,
	OPTION_CHECK,
	OPTION_REPLACES,
	OPTION_OFFLINE,
	OPTION_OUT,
	OPTION_CHECKPOINT,
	OPTION_INCOME_YEAR,
	OPTION_SERIAL,
	OPTION_REASON,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_COUNT,
};

/* A set of options has the bit of each. */
#define OPTION_BIT(option) (1U << (option))

/* Texts are borrowed from the command line. */
struct options {
	const char *values[OPTION_COUNT]; /* NULL: not given; "" for those without a value */
	const char **attachments;         /* every --attach, in order */
	size_t attachments_count;
	const char **arguments;           /* what is no option, in order */
	size_t arguments_count;
};

/* What is wrong with a command line. */
struct options_fault {
	const char *place;    /* the word of the command line */
	const char *expected; /* constant */
};

/* Parses argv[1..count) with the options of `allowed`: "--name value", "--name=value", "--" before arguments that
 * begin with a dash. False with the fault otherwise, or when memory is short. */
must_check bool options_parse(int count, char **argv, unsigned allowed, struct options *out,
    struct options_fault *fault);
void options_release(struct options *options);
/* The first option of `needed` that is not there; OPTION_COUNT when none is missing. */
enum option_number options_find_missing(const struct options *options, unsigned needed);
/* "--server", and "H:P" or NULL for an option without a value. */
const char *options_name(enum option_number option);
const char *options_value(enum option_number option);
/* One line of help for each option of the set. */
void options_print_help(FILE *to, unsigned set);

#endif
