/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet convert: the files around client/irj. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/clock.h"
#include "client/filesystem.h"
#include "client/irj.h"
#include "client/problem.h"
#include "client/trust.h"
#include "protocol/default_catalogue.h"
#include "protocol/limits.h"

#define INPUT_MAX ((size_t)64 * 1024 * 1024)
#define YEAR_MAX 9998

struct output {
	struct cli *cli;
	const char *directory;
	size_t count;
	bool failed; /* with the details in cli->problem */
};

static uint64_t
last_calendar_year(void)
{
	struct tm utc;
	time_t now = (time_t)clock_now();

	return gmtime_r(&now, &utc) == NULL ? 1970 : (uint64_t)(utc.tm_year + 1900 - 1);
}

static enum error
write_document(void *context, size_t number, struct slice document, struct fault *fault)
{
	struct output *output = context;
	const struct guichet_bytes bytes = { document.data, document.size };
	char path[4096];
	int size = snprintf(path, sizeof path, "%s/%04zu.json", output->directory, number);

	if (size < 0 || (size_t)size >= sizeof path)
		return fault_set(fault, ERROR_usage, "--out", SLICE_EMPTY, "a shorter path");
	/* Not worth a sync each: whoever loses them converts again. */
	enum guichet_error error = filesystem_write_new(path, document, output->cli->problem);
	if (error == GUICHET_ERROR_usage)
		error = cli_check_same(output->cli, path, bytes);
	if (error != GUICHET_ERROR_none) {
		output->failed = true;
		return fault_set(fault, (enum error)error, "--out", SLICE_EMPTY, NULL);
	}
	output->count = number;
	return ERROR_NONE;
}

static enum guichet_error
convert(struct cli *cli, const struct irj_options *options, const char *path, struct slice text,
    struct output *output)
{
	const struct irj_sink sink = { write_document, output };
	struct arena *arena = arena_create(IRJ_ARENA_SIZE);
	struct fault fault = { 0 };
	enum error error = arena == NULL ? ERROR_out_of_memory : irj_read(text, options, sink, arena, &fault);

	if (error != ERROR_NONE && !output->failed)
		problem_set_fault_in(cli->problem, error, path, &fault);
	arena_destroy(arena);
	return (enum guichet_error)error;
}

/* The office's catalogue when --trust names one, else the one delivered with this program, to be destroyed. */
static enum guichet_error
find_catalogue(struct cli *cli, struct catalogue **own, const struct catalogue **out)
{
	struct fault fault = { 0 };

	if (cli_value(cli, OPTION_TRUST) != NULL) {
		enum guichet_error error = cli_load_trust(cli);
		if (error == GUICHET_ERROR_none)
			error = trust_need(cli->trust, cli->trust->catalogue != NULL, "catalogue.json", cli->problem);
		if (error == GUICHET_ERROR_none)
			*out = cli->trust->catalogue;
		return error;
	}
	struct arena *texts = arena_create(4096);
	enum error error = texts == NULL ? fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
					   catalogue_parse(default_catalogue(), texts, own, &fault);
	enum guichet_error told =
	    error == ERROR_NONE ? GUICHET_ERROR_none : problem_set_fault(cli->problem, error, &fault);
	arena_destroy(texts);
	*out = *own;
	return told;
}

static enum guichet_error
run(struct cli *cli, uint64_t income_year, const char *path, struct output *output)
{
	struct irj_options options = { .income_year = income_year, .names_beneficiaries = true };
	struct catalogue *own = NULL;
	struct guichet_blob *text = NULL;
	enum guichet_error error = find_catalogue(cli, &own, &options.catalogue);

	if (error == GUICHET_ERROR_none)
		error = guichet_file_read(path, INPUT_MAX, &text, cli->problem);
	if (error == GUICHET_ERROR_none && mkdir(output->directory, 0777) != 0 && errno != EEXIST)
		error = problem_set(cli->problem, ERROR_file_unreadable, output->directory,
		    slice_of_text(strerror(errno)), "a directory that can be made");
	if (error == GUICHET_ERROR_none)
		error = convert(cli, &options, path, slice_of_public(guichet_blob_bytes(text)), output);
	guichet_blob_destroy(text);
	catalogue_destroy(own);
	return error;
}

enum exit_code
cli_convert(struct cli *cli)
{
	const char *year_text = cli_value(cli, OPTION_INCOME_YEAR), *format = cli->options.arguments[0];
	struct output output = { .cli = cli, .directory = cli_value(cli, OPTION_OUT) };
	uint64_t year = last_calendar_year();

	if (strcmp(format, "irj") != 0)
		return cli_fail_usage(cli, "format", format, "irj");
	if (year_text != NULL && (!decimal_decode(slice_of_text(year_text), YEAR_MAX, &year) || year < 1970))
		return cli_fail_usage(cli, "--income-year", year_text, "a year from 1970 on");
	cli_begin(cli, "writing return documents");
	enum guichet_error error = run(cli, year, cli->options.arguments[1], &output);
	cli_end(cli);
	if (error != GUICHET_ERROR_none)
		return cli_fail(cli);
	if (cli->is_json)
		printf("{\"documents\":%zu}\n", output.count);
	else
		printf("%zu return documents in %s\n", output.count, output.directory);
	return EXIT_CODE_OK;
}
