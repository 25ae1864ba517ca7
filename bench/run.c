/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands of guichet-bench, each between its options and the modules that do the work. */
#include <guichet/guichet.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/bench.h"
#include "bench/fault.h"
#include "bench/floor.h"
#include "bench/office.h"
#include "bench/path.h"
#include "bench/prepare.h"
#include "bench/record.h"
#include "bench/report.h"
#include "bench/scenario.h"
#include "bench/suite.h"

#define SECOND_NS ((uint64_t)1000000000)
/* Filings of a corpus when nothing else is said. */
#define COUNT_P256 100000
#define COUNT_RSA 60000
#define TAXPAYERS_MIN 1000
#define HGRM_FOLDER "hgrm"

/* Whole or not at all. */
static enum error
write_file(const struct bench *bench, const char *path, const struct buf *buf, struct fault *fault)
{
	struct slice text = buf_peek(buf);
	enum guichet_error error = GUICHET_ERROR_out_of_memory;

	errno = 0;
	if (buf_ok(buf))
		error = guichet_file_write(path, (struct guichet_bytes){ text.data, text.size }, NULL);
	if (error == GUICHET_ERROR_none) {
		/* The library writes for its user alone; this is to be shown. */
		(void)chmod(path, 0644);
		return ERROR_NONE;
	}
	fault_set(fault, (enum error)error, path, slice_of_text(errno == 0 ? "" : strerror(errno)),
	    "room to write it");
	return fault_keep(fault, bench->texts);
}

static enum error
plan_of(const struct bench *bench, const char *kind, struct prepare_plan *plan, struct fault *fault)
{
	const struct bench_options *options = &bench->options;

	*plan = (struct prepare_plan){
		.directory = options->directory,
		.programs = options->programs,
		.returns = options->returns,
		.algorithm = key_algorithm_find(slice_of_text(kind)),
		.count = options->count,
		.texts = bench->texts,
	};
	if (plan->algorithm == 0)
		return fault_set(fault, ERROR_usage, "--kind", slice_of_text(kind), "rsa3072 or p256");
	if (plan->count == 0)
		plan->count = plan->algorithm == KEY_P256 ? COUNT_P256 : COUNT_RSA;
	plan->taxpayers = options->taxpayers > plan->count ? options->taxpayers : plan->count;
	if (plan->taxpayers < TAXPAYERS_MIN)
		plan->taxpayers = TAXPAYERS_MIN;
	return ERROR_NONE;
}

enum error
bench_prepare(struct bench *bench, struct fault *fault)
{
	struct prepare_plan plan;
	enum error error = plan_of(bench, bench->options.kind, &plan, fault);

	return error == ERROR_NONE ? prepare_run(&plan, fault) : error;
}

/* The corpus of that kind, prepared if need be. */
static enum error
open_corpus(const struct bench *bench, const char *kind, struct corpus **out, struct fault *fault)
{
	struct prepare_plan plan;
	char path[PATH_SIZE];
	enum error error = plan_of(bench, kind, &plan, fault);

	if (error == ERROR_NONE)
		error = prepare_run(&plan, fault);
	path_make(path, "%s/%s/corpus", bench->options.directory, kind);
	if (error == ERROR_NONE)
		error = corpus_open(path, out, fault);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, bench->texts);
}

enum error
bench_floor(struct bench *bench, struct fault *fault)
{
	const struct bench_options *options = &bench->options;
	struct floor_result result;
	struct floor_plan plan = { options->directory, options->programs, options->kind, NULL, FLOOR_SAMPLE,
		bench->texts };
	enum error error = open_corpus(bench, options->kind, &plan.corpus, fault);

	if (error == ERROR_NONE)
		error = floor_measure(&plan, &result, fault);
	for (size_t part = 0; error == ERROR_NONE && part < FLOOR_PARTS; part++)
		printf("  %-10s %8.2f us\n", floor_part_name((enum floor_part)part), result.ns[part] / 1e3);
	if (error == ERROR_NONE)
		printf("  %-10s %8.2f us of CPU a filing, %s\n", "floor", result.total_ns / 1e3, options->kind);
	corpus_close(plan.corpus);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, bench->texts);
}

static void
print_run(const struct stage_result *result)
{
	const struct outcome *outcome = result->outcome;
	const struct receipts_report *receipts = &result->receipts;

	stage_print(result);
	printf("  accepted %" PRIu64 " refused %" PRIu64 " lost %" PRIu64 " unanswered %" PRIu64 " unsent %" PRIu64
	    " reconnects %" PRIu64 " retries %" PRIu64 "\n", outcome->accepted, outcome->refused, outcome->lost,
	    outcome->unanswered, outcome->unsent, outcome->reconnects, outcome->retries);
	printf("  latencies %" PRIu64 ", of them lower bounds %" PRIu64 "\n", histogram_count(outcome->latency),
	    outcome->bounds);
	printf("  bytes sent %" PRIu64 " received %" PRIu64 "\n", outcome->bytes_sent, outcome->bytes_received);
	if (result->is_open_loop)
		printf("  offered %.0f/s, generator late by %.3f ms (p99)\n", result->offered,
		    (double)histogram_percentile_ns(outcome->lag, 99) / 1e6);
	printf("  sampled %" PRIu64 " genuine %" PRIu64 "\n", receipts->sampled, receipts->genuine);
	if (result->has_receipts)
		printf("  after the run receipts %" PRIu64 " verified %" PRIu64 " same again %" PRIu64
		    "; fetched %" PRIu64 " same by name %" PRIu64 "\n", receipts->received, receipts->verified,
		    receipts->same, receipts->fetched, receipts->fetched_same);
	for (size_t i = 0; i < outcome->codes_count; i++)
		printf("  %-24s %" PRIu64 "\n", error_name((enum error)outcome->codes[i].status),
		    outcome->codes[i].count);
}

/* What the options say of arrivals; *out stays NULL when they say nothing: a closed loop. */
static enum error
make_curve(const struct bench_options *options, uint64_t duration_ns, struct arena *arena, const struct curve **out,
    struct fault *fault)
{
	const struct curve_scale scale = { options->rate != 0 ? options->rate : 1, 1 };

	if (options->curve != NULL)
		return curve_read(options->curve, scale, arena, out, fault);
	if (options->rate == 0)
		return options->rate_end == 0 ? ERROR_NONE :
		    fault_set(fault, ERROR_usage, "--rate-end", SLICE_EMPTY, "--rate beside it");
	return curve_make_ramp(options->rate, options->rate_end != 0 ? options->rate_end : options->rate, duration_ns,
	    arena, out, fault);
}

static enum error
write_hgrm(const struct bench *bench, const char *path, const struct stage_result *result, struct fault *fault)
{
	struct buf *buf = buf_create(HISTOGRAM_HGRM_MAX);

	if (buf == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	histogram_put_hgrm(result->outcome->latency, buf);
	enum error error = write_file(bench, path, buf, fault);
	buf_destroy(buf);
	return error;
}

static enum error
run_once(struct bench *bench, struct corpus *corpus, struct fault *fault)
{
	const struct bench_options *options = &bench->options;
	struct stage_result result = { .outcome = NULL };
	struct scenario_plan plan = {
		.scenario = scenario_find(options->scenario),
		.name = options->scenario,
		.directory = options->directory,
		.programs = options->programs,
		.kind = options->kind,
		.corpus = corpus,
		.connections = options->connections,
		.window = options->window,
		.warmup_ns = BENCH_WARMUP_NS,
		.duration_ns = (options->seconds != 0 ? options->seconds : BENCH_SECONDS) * SECOND_NS,
		.arrivals = options->is_even ? SCHEDULE_EVEN : SCHEDULE_POISSON,
		.texts = bench->texts,
	};
	enum error error = make_curve(options, plan.warmup_ns + plan.duration_ns, bench->texts, &plan.curve, fault);

	if (error == ERROR_NONE && options->curve != NULL) {
		/* The curve says how long it goes, its beginning is the warm-up. */
		if (curve_duration_ns(plan.curve) <= plan.warmup_ns)
			error = fault_set(fault, ERROR_usage, "--curve", slice_of_text(options->curve),
			    "more than a second");
		plan.duration_ns = curve_duration_ns(plan.curve) - plan.warmup_ns;
	}
	if (error == ERROR_NONE)
		error = scenario_run(&plan, &result, fault);
	if (error == ERROR_NONE) {
		print_run(&result);
		bench->has_invalid_run = result.why_invalid != NULL;
	}
	if (error == ERROR_NONE && options->hgrm != NULL)
		error = write_hgrm(bench, options->hgrm, &result, fault);
	stage_result_free(&result);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, bench->texts);
}

enum error
bench_run(struct bench *bench, struct fault *fault)
{
	const struct bench_options *options = &bench->options;
	struct corpus *corpus = NULL;

	if (scenario_find(options->scenario) == NULL)
		return fault_set(fault, ERROR_usage, "--scenario", slice_of_text(options->scenario),
		    "one of those that --help names");
	enum error error = open_corpus(bench, options->kind, &corpus, fault);

	if (error == ERROR_NONE)
		error = run_once(bench, corpus, fault);
	corpus_close(corpus);
	return error;
}

/* ---- all ---- */

enum error
bench_report(struct bench *bench, struct fault *fault)
{
	enum error error = report_write(bench->options.directory, fault);

	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, bench->texts);
}

/* What is kept while a suite goes on. */
struct keeper {
	struct bench *bench;
	struct results *results;
	size_t hgrms; /* runs whose distributions are written */
};

static enum error
write_results(const struct keeper *keeper, struct fault *fault)
{
	char path[PATH_SIZE];
	struct buf *buf = buf_create(REPORT_RESULTS_MAX);

	if (buf == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	results_put(buf, keeper->results);
	path_make(path, "%s/%s", keeper->bench->options.directory, REPORT_RESULTS_FILE);
	enum error error = write_file(keeper->bench, path, buf, fault);
	buf_destroy(buf);
	return error;
}

/* DIR/hgrm/RUN.hgrm for every run that has none yet. */
static enum error
write_hgrms(struct keeper *keeper, struct fault *fault)
{
	char path[PATH_SIZE];
	enum error error = ERROR_NONE;

	for (; error == ERROR_NONE && keeper->hgrms < keeper->results->runs_count; keeper->hgrms++) {
		const struct stage_result *run = &keeper->results->runs[keeper->hgrms].stage;
		if (run->outcome == NULL)
			continue;
		path_make(path, "%s/" HGRM_FOLDER "/%s.hgrm", keeper->bench->options.directory, run->name);
		error = write_hgrm(keeper->bench, path, run, fault);
	}
	return error;
}

static enum error
keep_step(void *context, struct fault *fault)
{
	struct keeper *keeper = context;
	enum error error = write_results(keeper, fault);

	return error == ERROR_NONE ? write_hgrms(keeper, fault) : error;
}

/* What an earlier suite left must not be taken for this one's. */
static enum error
remove_earlier(const struct bench *bench, struct fault *fault)
{
	char page[PATH_SIZE], hgrm[PATH_SIZE];
	const char *directory = bench->options.directory;

	path_make(page, "%s/%s", directory, REPORT_PAGE_FILE);
	path_make(hgrm, "%s/" HGRM_FOLDER, directory);
	if (remove(page) != 0 && errno != ENOENT)
		return fault_set(fault, ERROR_file_unreadable, REPORT_PAGE_FILE, slice_of_text(strerror(errno)),
		    "a file that can be removed");
	enum error error = office_remove(hgrm, bench->texts, fault);
	if (error == ERROR_NONE && mkdir(hgrm, 0777) != 0)
		error = fault_set(fault, ERROR_file_unreadable, HGRM_FOLDER, slice_of_text(strerror(errno)),
		    "a directory that can be made");
	return error;
}

/* The copies that runs were made on: gigabytes, and nobody's. */
static enum error
remove_copies(const struct bench *bench, struct fault *fault)
{
	static const char *const names[] = { "office-run", "peer", "growth/office-run" };
	char path[PATH_SIZE];
	enum error error = ERROR_NONE;

	for (size_t i = 0; error == ERROR_NONE && i < sizeof names / sizeof names[0]; i++) {
		path_make(path, "%s/%s", bench->options.directory, names[i]);
		error = office_remove(path, bench->texts, fault);
	}
	return error;
}

/* Writes what there is before the first step, after each, and at the end. */
static enum error
run_suite(struct suite *suite, struct keeper *keeper, struct fault *fault)
{
	const struct bench *bench = keeper->bench;
	struct fault last_fault;
	enum error error = remove_earlier(bench, fault);

	if (error == ERROR_NONE)
		error = write_results(keeper, fault);
	if (error != ERROR_NONE)
		return error;
	error = suite_run(suite, fault);
	results_print(keeper->results);
	keeper->results->is_complete = true;
	keeper->bench->has_invalid_run = suite->has_invalid_run;
	enum error last = write_results(keeper, &last_fault);
	if (last == ERROR_NONE)
		last = report_write(bench->options.directory, &last_fault);
	if (last == ERROR_NONE)
		last = remove_copies(bench, &last_fault);
	if (error == ERROR_NONE && last != ERROR_NONE) {
		*fault = last_fault;
		error = fault_keep(fault, bench->texts);
	}
	return error;
}

static enum error
take_corpora(const struct bench *bench, struct suite *suite, struct fault *fault)
{
	char record[RECORD_SIZE_MAX], taxpayers[32], returns[RECORD_DIGEST_SIZE];
	enum error error = ERROR_NONE;

	for (int kind = 0; error == ERROR_NONE && kind < RESULTS_KINDS; kind++) {
		struct results_corpus *corpus = &suite->results->corpora[kind];
		struct prepare_plan plan;
		struct slice texts[2];
		const char *name = results_kind_name((enum results_kind)kind);
		if ((error = open_corpus(bench, name, &suite->corpora[kind], fault)) != ERROR_NONE ||
		    (error = plan_of(bench, name, &plan, fault)) != ERROR_NONE)
			break;
		record_read(&plan, record);
		record_value(record, "taxpayers", taxpayers, sizeof taxpayers);
		record_value(record, "returns", returns, sizeof returns);
		if (!arena_copy(bench->texts, slice_of_text(taxpayers), &texts[0]) ||
		    !arena_copy(bench->texts, slice_of_text(returns), &texts[1]))
			return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
		*corpus = (struct results_corpus){ corpus_count(suite->corpora[kind]), (const char *)texts[0].data,
			(const char *)texts[1].data };
	}
	return error;
}

enum error
bench_all(struct bench *bench, struct fault *fault)
{
	const struct bench_options *options = &bench->options;
	enum error error = suite_check(options->only, fault);

	if (error != ERROR_NONE)
		return error;
	struct results *results = calloc(1, sizeof *results);
	if (results == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	struct keeper keeper = { .bench = bench, .results = results };
	struct suite suite = { .options = options, .results = results, .arena = bench->texts, .keep = keep_step,
		.context = &keeper };
	error = take_corpora(bench, &suite, fault);
	results->command = bench->command;
	if (error == ERROR_NONE) {
		machine_look(&results->machine, options->directory, options->programs, bench->texts);
		error = run_suite(&suite, &keeper, fault);
	}
	for (int kind = 0; kind < RESULTS_KINDS; kind++)
		corpus_close(suite.corpora[kind]);
	results_free(results);
	free(results);
	return error;
}
