/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line, by one table. */
#include "client/cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/revocation_reason.h"

static const struct option {
	const char *name; /* with its dashes, as in what is said of it */
	const char *value; /* what stands for it in the usage; NULL: it takes none */
	const char *help;
} table[OPTION_COUNT] = {
	[OPTION_SERVER] = { "--server", "H:P", "address of the office, host:port" },
	[OPTION_TRUST] = { "--trust", "DIR", "what the office publishes (its DIR/public)" },
	[OPTION_AS] = { "--as", "FILE.p12", "key and certificate of the holder" },
	[OPTION_PASSWORD_FILE] = { "--password-file", "F",
	    "its first line is the password of the .p12 file; else it is asked for" },
	[OPTION_KEY] = { "--key", "rsa3072|p256",
	    "kind of key pair (rsa3072: slow to make, the quickest for the office to verify)" },
	[OPTION_SPI] = { "--spi", "NUMBER", "tax number [numéro fiscal], 13 digits" },
	[OPTION_BIRTH_NAME] = { "--birth-name", "NAME", "birth name [nom de naissance], to the character" },
	[OPTION_FILER_NUMBER] = { "--filer-number", "NUMBER", "yearly filer number [numéro de télédéclarant]" },
	[OPTION_REFERENCE_INCOME] = { "--reference-income", "EUROS", "reference income [revenu fiscal de référence]" },
	[OPTION_EMAIL] = { "--email", "ADDRESS", "where the office can reach you" },
	[OPTION_ACCEPT_CONTRACT] = { "--accept-contract", NULL,
	    "you accept the contract [convention]; without it, it is shown" },
	[OPTION_ATTACH] = { "--attach", "FILE",
	    "a paper to send along: pdf, jpg, png, tif, txt, csv; may be repeated" },
	[OPTION_CHECK] = { "--check", NULL, "only check the documents against the rules; nothing is sent" },
	[OPTION_REPLACES] = { "--replaces", "NUMBER", "receipt number of the filing that this one rectifies" },
	[OPTION_OFFLINE] = { "--offline", NULL,
	    "prepared offline and then signed; its rectifications have to be offline too" },
	[OPTION_OUT] = { "--out", "PATH", "where to write; what is there and holds something else is not overwritten" },
	[OPTION_CHECKPOINT] = { "--checkpoint", "OLD",
	    "a checkpoint kept earlier: check that the log still extends it" },
	[OPTION_INCOME_YEAR] = { "--income-year", "Y",
	    "income year of the documents (default: the last calendar year)" },
	[OPTION_SERIAL] = { "--serial", "HEX",
	    "serial number of the certificate, of either case (default: one's own)" },
	[OPTION_REASON] = { "--reason", "R", REVOCATION_REASON_WORDS },
	[OPTION_JSON] = { "--json", NULL, "answer with JSON, for programs; errors too" },
	[OPTION_HELP] = { "--help", NULL, "this text" },
};

static bool
fault(struct options_fault *fault, const char *place, const char *expected)
{
	fault->place = place;
	fault->expected = expected;
	return false;
}

/* The option named by `word` up to its '=', if any; OPTION_COUNT when there is none. */
static enum option_number
find_option(const char *word)
{
	size_t size = strcspn(word, "=");
	enum option_number option = 0;

	while (option < OPTION_COUNT && (strlen(table[option].name) != size || strncmp(table[option].name, word,
	    size) != 0))
		option++;
	return option;
}

/* Takes the option at argv[*at] and its value; *at moves past what was taken. */
static bool
take_option(int count, char **argv, int *at, unsigned allowed, struct options *out, struct options_fault *why)
{
	const char *word = argv[*at], *equals = strchr(word, '=');
	enum option_number option = find_option(word);

	if (option == OPTION_COUNT || (allowed & OPTION_BIT(option)) == 0)
		return fault(why, word, "an option of this command, see --help");
	if (out->values[option] != NULL && option != OPTION_ATTACH)
		return fault(why, word, "each option once");
	const char *value = "";
	if (table[option].value == NULL && equals != NULL)
		return fault(why, word, "no value for this option");
	if (table[option].value != NULL && equals != NULL)
		value = equals + 1;
	else if (table[option].value != NULL && *at + 1 < count && strncmp(argv[*at + 1], "--", 2) != 0)
		value = argv[++*at];
	else if (table[option].value != NULL)
		return fault(why, word, "a value behind this option (one that begins with -- as --name=value)");
	if (table[option].value != NULL && value[0] == '\0')
		return fault(why, word, "a value that is not empty");
	out->values[option] = value;
	if (option == OPTION_ATTACH)
		out->attachments[out->attachments_count++] = value;
	++*at;
	return true;
}

bool
options_parse(int count, char **argv, unsigned allowed, struct options *out, struct options_fault *why)
{
	bool only_arguments = false;

	*out = (struct options){ 0 };
	out->attachments = calloc((size_t)count + 1, sizeof *out->attachments);
	out->arguments = calloc((size_t)count + 1, sizeof *out->arguments);
	if (out->attachments == NULL || out->arguments == NULL)
		return fault(why, "command line", "memory for it");
	for (int at = 1; at < count;) {
		const char *word = argv[at];
		if (word[0] == '\0')
			return fault(why, "arguments", "no empty word");
		if (only_arguments || word[0] != '-' || word[1] == '\0') {
			out->arguments[out->arguments_count++] = word;
			at++;
		} else if (strcmp(word, "--") == 0) {
			only_arguments = true;
			at++;
		} else if (word[1] != '-') {
			return fault(why, word, "options of the form --name");
		} else if (!take_option(count, argv, &at, allowed, out, why)) {
			return false;
		}
	}
	return true;
}

void
options_release(struct options *options)
{
	free(options->attachments);
	free(options->arguments);
	*options = (struct options){ 0 };
}

enum option_number
options_find_missing(const struct options *options, unsigned needed)
{
	enum option_number option = 0;

	while (option < OPTION_COUNT && ((needed & OPTION_BIT(option)) == 0 || options->values[option] != NULL))
		option++;
	return option;
}

const char *
options_name(enum option_number option)
{
	return table[option].name;
}

const char *
options_value(enum option_number option)
{
	return table[option].value;
}

void
options_print_help(FILE *to, unsigned set)
{
	for (enum option_number option = 0; option < OPTION_COUNT; option++) {
		char words[64];
		if ((set & OPTION_BIT(option)) == 0)
			continue;
		snprintf(words, sizeof words, "%s%s%s", table[option].name, table[option].value != NULL ? " " : "",
		    table[option].value != NULL ? table[option].value : "");
		fprintf(to, "  %-26s %s\n", words, table[option].help);
	}
}
