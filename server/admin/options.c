/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of a subcommand: its options and words, --help, and what is said of a wrong one. */
#include "server/admin/admin.h"

#include <string.h>

#include "server/settings.h"

static void
print_usage(FILE *to, const struct admin_command *command, const struct admin_option *options)
{
	fprintf(to, "usage: guichetd %s %s", command->name, command->words);
	for (const struct admin_option *option = options; option->name != NULL; option++) {
		if (option->help == NULL)
			continue;
		fprintf(to, option->times == ADMIN_ONCE ? " %s%s%s%s" : " [%s%s%s]%s", option->name,
		    option->word != NULL ? " " : "", option->word != NULL ? option->word : "",
		    option->times == ADMIN_SEVERAL ? "..." : "");
	}
	fputc('\n', to);
}

static void
print_option(FILE *to, const char *name, const char *word, const char *help)
{
	char words[64];

	snprintf(words, sizeof words, "%s%s%s", name, word != NULL ? " " : "", word != NULL ? word : "");
	fprintf(to, "  %-24s %s\n", words, help);
}

static void
print_help(FILE *to, const struct admin_command *command, const struct admin_option *options)
{
	print_usage(to, command, options);
	fprintf(to, "\n%s\n\n", command->about);
	for (const struct admin_option *option = options; option->name != NULL; option++)
		if (option->help != NULL)
			print_option(to, option->name, option->word, option->help);
	print_option(to, "--help", NULL, "this text");
	if (command->print_more != NULL)
		command->print_more(to);
	fputs("\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 refused.\n", to);
}

/* A command line, as it is taken apart. */
struct line {
	const struct admin_command *command;
	const struct admin_option *options;
	bool as_json; /* a program is to be answered in JSON also when its command line is wrong */
	uint64_t seen; /* options that were there, a bit for each row */
	int exit; /* once it is over */
};

static bool
wants_json(int argc, char **argv, const struct admin_option *options)
{
	bool is_known = false, is_there = false;

	for (const struct admin_option *option = options; option->name != NULL; option++)
		is_known |= strcmp(option->name, "--json") == 0;
	for (int i = 1; i < argc; i++)
		is_there |= strcmp(argv[i], "--json") == 0;
	return is_known && is_there;
}

/* `what` and the place in a sentence for a person, with the usage behind it; for a program the place, the word that was
 * found there (empty: none) and what was expected. */
static bool
usage_error(struct line *line, const char *what, const char *place, const char *found, const char *expected)
{
	if (line->as_json) {
		line->exit = admin_refuse(place, found, expected, true);
		return false;
	}
	fprintf(stderr, "guichetd: %s: %s\n", what, found[0] != '\0' ? found : place);
	print_usage(stderr, line->command, line->options);
	fprintf(stderr, "guichetd %s --help tells more.\n", line->command->name);
	line->exit = ADMIN_USAGE;
	return false;
}

/* A command's words, as the usage shows them, from the nth on. */
static const char *
words_from(const struct admin_command *command, size_t nth)
{
	const char *words = command->words;

	for (size_t i = 0; i < nth; i++)
		words = strchr(words, ' ') + 1;
	return words;
}

/* Names to a person those behind the `count` that are there. */
static bool
words_missing(struct line *line, size_t count)
{
	if (line->as_json)
		return usage_error(line, "", "words", "", line->command->words);
	return usage_error(line, "words are missing", words_from(line->command, count), "", "");
}

size_t
admin_values_count(const char *const *values)
{
	size_t count = 0;

	while (values[count] != NULL)
		count++;
	return count;
}

/* The option's value, behind those before it where there may be several. */
static bool
take_value(struct line *line, const struct admin_option *option, const char *value)
{
	size_t count = option->times == ADMIN_SEVERAL ? admin_values_count(option->value) : 0;

	if (count == ADMIN_VALUES_MAX)
		return usage_error(line, "the option is there too often", option->name, "", ADMIN_VALUES_TEXT);
	option->value[count] = value;
	return true;
}

/* The option at argv[*at] and its value; *at moves to the last word taken. */
static bool
take_option(struct line *line, int argc, char **argv, int *at)
{
	const struct admin_option *option = line->options;

	if (strcmp(argv[*at], "--help") == 0) {
		print_help(stdout, line->command, line->options);
		line->exit = ADMIN_DONE;
		return false;
	}
	while (option->name != NULL && strcmp(argv[*at], option->name) != 0)
		option++;
	if (option->name == NULL)
		return usage_error(line, "unknown option", "options", argv[*at],
		    "an option of this command, see --help");
	uint64_t bit = (uint64_t)1 << (option - line->options);
	if ((line->seen & bit) != 0 && option->times != ADMIN_SEVERAL)
		return usage_error(line, "each option once", option->name, "", "each option once");
	line->seen |= bit;
	if (option->word == NULL) {
		*option->is_given = true;
		return true;
	}
	if (*at + 1 == argc)
		return usage_error(line, "the option needs a value", argv[*at], "", option->word);
	return take_value(line, option, argv[++*at]);
}

/* Every path that a command makes begins with one of its words. */
static bool
take_word(struct line *line, const char *word, size_t *count, const char **words)
{
	char found[80];
	size_t size = strlen(word), nth = (*count)++;
	const char *name = words_from(line->command, nth);

	words[nth] = word;
	if (size <= DIRECTORY_MAX)
		return true;
	snprintf(found, sizeof found, "%.40s... (%zu bytes)", word, size);
	const struct fault fault = { ERROR_usage, slice_of(name, strcspn(name, " ")), slice_of_text(found),
		SLICE_LITERAL("at most " DIRECTORY_MAX_TEXT " bytes") };
	line->exit = admin_report(&fault, line->as_json);
	return false;
}

bool
admin_options(int argc, char **argv, const struct admin_command *command, const struct admin_option *options,
    const char **words, int *exit)
{
	struct line line = { .command = command, .options = options, .as_json = wants_json(argc, argv, options),
		.exit = ADMIN_DONE };
	size_t count = 0;
	bool good = true;

	for (int i = 1; i < argc && good; i++) {
		if (strncmp(argv[i], "--", 2) == 0)
			good = take_option(&line, argc, argv, &i);
		else if (count == command->words_count)
			good = usage_error(&line, "one word too many", "words", argv[i], command->words);
		else
			good = take_word(&line, argv[i], &count, words);
	}
	if (good && count != command->words_count)
		good = words_missing(&line, count);
	for (const struct admin_option *option = options; good && option->name != NULL; option++)
		if (option->times == ADMIN_ONCE && *option->value == NULL)
			good = usage_error(&line, "an option is missing", option->name, "", option->word);
	*exit = line.exit;
	return good;
}
