/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of guichet-bench. */
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/caller.h"
#include "bench/curve.h"
#include "bench/fault.h"
#include "bench/scenario.h"
#include "bench/suite.h"

/* Of faults and results, and curves: each kind of keys reads one twice. */
#define TEXTS_MAX (5 * CURVE_ARENA_MAX)

struct command {
	const char *name, *about;
	enum error (*run)(struct bench *bench, struct fault *fault);
};

static const struct command commands[] = {
	{ "prepare", "makes holders, certificates and signed filings, once", bench_prepare },
	{ "floor", "what a filing's primitives alone cost on this machine", bench_floor },
	{ "all", "everything, the peers beside it; writes results.json", bench_all },
	{ "report", "makes results.html of results.json", bench_report },
	{ "run", "one scenario against guichetd", bench_run },
};

#define COMMANDS_COUNT (sizeof commands / sizeof commands[0])

enum word { DIRECTORY = 1, PROGRAMS, RETURNS, KIND, SCENARIO, COUNT, TAXPAYERS, SECONDS, CONNECTIONS, WINDOW, RATE,
	RATE_END, CURVE, ARRIVALS, HGRM, ONLY, HELP };

static const struct {
	struct option option;
	const char *about;
} rows[] = {
	{ { "dir", required_argument, NULL, DIRECTORY }, "DIR      corpora and results (build/bench)" },
	{ { "programs", required_argument, NULL, PROGRAMS }, "DIR      where guichetd is (beside this program)" },
	{ { "returns", required_argument, NULL, RETURNS }, "FILE     real returns, .irj (else generated)" },
	{ { "kind", required_argument, NULL, KIND }, "KIND     keys of holders: rsa3072 (default) or p256" },
	{ { "scenario", required_argument, NULL, SCENARIO }, "NAME     one of those below (resident)" },
	{ { "count", required_argument, NULL, COUNT }, "N        filings in the corpus, at most 10000000" },
	{ { "taxpayers", required_argument, NULL, TAXPAYERS }, "N        in the register, at most 100000000" },
	{ { "seconds", required_argument, NULL, SECONDS }, "N        length of the measured part, at most 86399" },
	{ { "connections", required_argument, NULL, CONNECTIONS }, "N        at most 20000" },
	{ { "window", required_argument, NULL, WINDOW }, "N        requests under way on each, at most 128" },
	{ { "rate", required_argument, NULL, RATE }, "N        arrivals a second: an open loop" },
	{ { "rate-end", required_argument, NULL, RATE_END }, "N        to which the rate goes in a straight line" },
	{ { "curve", required_argument, NULL, CURVE },
	    "FILE     of lines \"second,rate\": the arrivals of an open loop; --rate multiplies" },
	{ { "arrivals", required_argument, NULL, ARRIVALS }, "KIND     poisson (default) or even" },
	{ { "hgrm", required_argument, NULL, HGRM }, "FILE     gets the latencies' distribution (of run)" },
	{ { "only", required_argument, NULL, ONLY }, "STEPS    of all, with commas between them" },
	{ { "help", no_argument, NULL, HELP }, "" },
};

#define ROWS_COUNT (sizeof rows / sizeof rows[0])

static int
usage(FILE *out)
{
	size_t scenarios_count;
	const struct scenario *scenarios = scenario_table(&scenarios_count);

	fprintf(out, "usage: guichet-bench COMMAND [OPTION]...\n\n");
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].about);
	fprintf(out, "\n");
	for (size_t i = 0; i < ROWS_COUNT; i++)
		fprintf(out, "  --%-12s %s\n", rows[i].option.name, rows[i].about);
	fprintf(out, "\nscenarios:\n");
	for (size_t i = 0; i < scenarios_count; i++)
		fprintf(out, "  %-10s %s\n", scenarios[i].name, scenarios[i].about);
	fprintf(out, "\nsteps of all:");
	for (size_t i = 0; i < suite_steps_count(); i++)
		fprintf(out, "%s%s", i % 8 == 0 ? "\n  " : " ", suite_step_name(i));
	fprintf(out, "\n\nExit codes: 0 done, 1 failed or a run is invalid, 2 wrong usage.\n");
	return out == stdout ? 0 : 2;
}

/* From 1. */
static bool
take_number(const char *text, uint64_t most, unsigned long *out)
{
	uint64_t number;

	if (!decimal_decode(slice_of_text(text), most, &number) || number == 0)
		return false;
	*out = (unsigned long)number;
	return true;
}

static bool
take_rate(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return *text != '\0' && *end == '\0' && *out > 0 && *out <= CURVE_RATE_MAX;
}

static bool
take_option(struct bench_options *options, int which, const char *value)
{
	switch (which) {
	case DIRECTORY:
		options->directory = value;
		return true;
	case PROGRAMS:
		options->programs = value;
		return true;
	case RETURNS:
		options->returns = value;
		return true;
	case KIND:
		options->kind = value;
		return true;
	case SCENARIO:
		options->scenario = value;
		return true;
	case ONLY:
		options->only = value;
		return true;
	case COUNT:
		return take_number(value, BENCH_COUNT_MAX, &options->count);
	case TAXPAYERS:
		return take_number(value, BENCH_TAXPAYERS_MAX, &options->taxpayers);
	case SECONDS:
		return take_number(value, BENCH_SECONDS_MAX, &options->seconds);
	case CONNECTIONS:
		return take_number(value, BENCH_CONNECTIONS_MAX, &options->connections);
	case WINDOW:
		return take_number(value, CALLER_WINDOW_MAX, &options->window);
	case RATE:
		return take_rate(value, &options->rate);
	case RATE_END:
		return take_rate(value, &options->rate_end);
	case CURVE:
		options->curve = value;
		return true;
	case HGRM:
		options->hgrm = value;
		return true;
	case ARRIVALS:
		options->is_even = strcmp(value, "even") == 0;
		return options->is_even || strcmp(value, "poisson") == 0;
	default:
		return false;
	}
}

static int
fail(const struct fault *fault)
{
	fprintf(stderr, "guichet-bench: ");
	fault_print(stderr, fault);
	return fault->error == ERROR_usage ? 2 : 1;
}

/* The folder of this very program. */
static const char *
own_folder(void)
{
	static char path[4096];
	ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);

	return size <= 0 ? "." : dirname(path);
}

/* Thousands of connections need as many descriptors. */
static void
raise_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* The words with spaces between them; "" when there is no room. */
static const char *
command_line(int argc, char **argv, struct arena *texts)
{
	size_t size = 1, at = 0;

	for (int i = 0; i < argc; i++)
		size += strlen(argv[i]) + 1;
	char *line = arena_alloc(texts, size);
	for (int i = 0; line != NULL && i < argc; i++)
		at += (size_t)snprintf(line + at, size - at, "%s%s", i == 0 ? "" : " ", argv[i]);
	return line == NULL ? "" : line;
}

static int
run(const struct command *command, struct bench *bench, int argc, char **argv)
{
	struct fault fault;
	int code = 0;

	bench->texts = arena_create(TEXTS_MAX);
	enum error error = bench->texts == NULL ?
	    fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) : ERROR_NONE;
	raise_open_files();
	if (error == ERROR_NONE) {
		bench->command = command_line(argc, argv, bench->texts);
		error = command->run(bench, &fault);
	}
	if (error != ERROR_NONE) {
		code = fail(&fault);
	} else if (bench->has_invalid_run) {
		fprintf(stderr, "guichet-bench: a run is INVALID\n");
		code = 1;
	}
	arena_destroy(bench->texts);
	return code;
}

int
main(int argc, char **argv)
{
	struct bench bench = { .options = { .directory = "build/bench", .programs = own_folder(), .kind = "rsa3072",
		.scenario = "resident" } };
	struct option long_options[ROWS_COUNT + 1] = { { 0 } };
	int which;

	for (size_t i = 0; i < ROWS_COUNT; i++)
		long_options[i] = rows[i].option;
	if (argc >= 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	while (argc >= 2 && (which = getopt_long(argc - 1, argv + 1, "", long_options, NULL)) != -1)
		if (which == HELP)
			return usage(stdout);
		else if (!take_option(&bench.options, which, optarg)) {
			if (which != '?')
				fprintf(stderr, "guichet-bench: usage: --%s cannot be %s\n\n",
				    rows[which - DIRECTORY].option.name, optarg);
			return usage(stderr);
		}
	/* The command stands where getopt has a program's name; a word after the options is one too many. */
	for (size_t i = 0; argc >= 2 && optind == argc - 1 && i < COMMANDS_COUNT; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run(&commands[i], &bench, argc, argv);
	return usage(stderr);
}
