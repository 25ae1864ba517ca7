/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands of guichet-bench, each between its options and the modules that do the work. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/bench.h"
#include "bench/floor.h"
#include "bench/path.h"
#include "bench/prepare.h"
#include "bench/report.h"
#include "bench/scenario.h"
#include "bench/suite.h"

#define SECOND_NS ((uint64_t)1000000000)
/* Filings of a corpus when nothing else is said. */
#define COUNT_P256 100000
#define COUNT_RSA 60000
#define TAXPAYERS_MIN 1000
#define WARMUP_NS SECOND_NS
#define SECONDS 8
#define SUITE_ARENA ((size_t)16 * 1024 * 1024)
#define HGRM_MAX ((size_t)4 * 1024 * 1024)

static enum error
write_file(const char *path, const struct buf *buf, struct fault *fault)
{
	FILE *file = fopen(path, "wb");
	struct slice text = buf_peek(buf);
	bool is_good = buf_ok(buf) && file != NULL && fwrite(text.data, 1, text.size, file) == text.size;

	if (file != NULL)
		is_good = fclose(file) == 0 && is_good;
	return is_good ? ERROR_NONE : fault_set(fault, ERROR_file_unreadable, path, slice_of_text(strerror(errno)),
	    "room to write it");
}

static enum error
plan_of(const struct bench_options *options, const char *kind, struct prepare_plan *plan, struct fault *fault)
{
	*plan = (struct prepare_plan){
		.directory = options->directory,
		.programs = options->programs,
		.returns = options->returns,
		.algorithm = key_algorithm_find(slice_of_text(kind)),
		.count = options->count,
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
bench_prepare(const struct bench_options *options, struct fault *fault)
{
	struct prepare_plan plan;
	enum error error = plan_of(options, options->kind, &plan, fault);

	return error == ERROR_NONE ? prepare_run(&plan, fault) : error;
}

/* The corpus of that kind, prepared if need be. */
static enum error
open_corpus(const struct bench_options *options, const char *kind, struct corpus **out, struct fault *fault)
{
	struct prepare_plan plan;
	char path[PATH_SIZE];
	enum error error = plan_of(options, kind, &plan, fault);

	if (error == ERROR_NONE)
		error = prepare_run(&plan, fault);
	path_make(path, "%s/%s/corpus", options->directory, kind);
	return error == ERROR_NONE ? corpus_open(path, out, fault) : error;
}

enum error
bench_floor(const struct bench_options *options, struct fault *fault)
{
	struct floor_result result;
	struct floor_plan plan = { options->directory, options->programs, options->kind, NULL, FLOOR_SAMPLE };
	enum error error = open_corpus(options, options->kind, &plan.corpus, fault);

	if (error == ERROR_NONE)
		error = floor_measure(&plan, &result, fault);
	for (size_t part = 0; error == ERROR_NONE && part < FLOOR_PARTS; part++)
		printf("  %-10s %8.2f us\n", floor_part_name((enum floor_part)part), result.ns[part] / 1e3);
	if (error == ERROR_NONE)
		printf("  %-10s %8.2f us of CPU a filing, %s\n", "floor", result.total_ns / 1e3, options->kind);
	corpus_close(plan.corpus);
	return error;
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
write_hgrm(const char *path, const struct stage_result *result, struct fault *fault)
{
	struct buf *buf = buf_create(HGRM_MAX);

	if (buf == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	histogram_put_hgrm(result->outcome->latency, buf);
	enum error error = write_file(path, buf, fault);
	buf_destroy(buf);
	return error;
}

static enum error
run_once(const struct bench_options *options, struct corpus *corpus, struct arena *arena, struct fault *fault)
{
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
		.warmup_ns = WARMUP_NS,
		.duration_ns = (options->seconds != 0 ? options->seconds : SECONDS) * SECOND_NS,
		.arrivals = options->is_even ? SCHEDULE_EVEN : SCHEDULE_POISSON,
	};
	enum error error = make_curve(options, plan.warmup_ns + plan.duration_ns, arena, &plan.curve, fault);

	if (error == ERROR_NONE && options->curve != NULL) {
		/* The curve says how long it goes, its beginning is the warm-up. */
		if (curve_duration_ns(plan.curve) <= plan.warmup_ns)
			error = fault_set(fault, ERROR_usage, "--curve", slice_of_text(options->curve),
			    "more than a second");
		plan.duration_ns = curve_duration_ns(plan.curve) - plan.warmup_ns;
	}
	if (error == ERROR_NONE)
		error = scenario_run(&plan, &result, fault);
	if (error == ERROR_NONE)
		print_run(&result);
	if (error == ERROR_NONE && options->hgrm != NULL)
		error = write_hgrm(options->hgrm, &result, fault);
	stage_result_free(&result);
	return error;
}

enum error
bench_run(const struct bench_options *options, struct fault *fault)
{
	struct corpus *corpus = NULL;

	if (scenario_find(options->scenario) == NULL)
		return fault_set(fault, ERROR_usage, "--scenario", slice_of_text(options->scenario),
		    "one of those that --help names");
	struct arena *arena = arena_create(SUITE_ARENA);
	enum error error = arena == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
					   open_corpus(options, options->kind, &corpus, fault);

	if (error == ERROR_NONE)
		error = run_once(options, corpus, arena, fault);
	corpus_close(corpus);
	arena_destroy(arena);
	return error;
}

/* ---- all ---- */

enum error
bench_report(const struct bench_options *options, struct fault *fault)
{
	return report_write(options->directory, fault);
}

static enum error
write_results(const struct bench_options *options, const struct results *results, struct fault *fault)
{
	char path[PATH_SIZE];
	struct buf *buf = buf_create(REPORT_RESULTS_MAX);

	if (buf == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	results_put(buf, results);
	path_make(path, "%s/%s", options->directory, REPORT_RESULTS_FILE);
	enum error error = write_file(path, buf, fault);
	buf_destroy(buf);
	return error;
}

/* DIR/hgrm/RUN.hgrm for every run. */
static enum error
write_hgrms(const struct bench_options *options, const struct results *results, struct fault *fault)
{
	char path[PATH_SIZE];
	enum error error = ERROR_NONE;

	path_make(path, "%s/hgrm", options->directory);
	if (mkdir(path, 0777) != 0 && errno != EEXIST)
		return fault_set(fault, ERROR_file_unreadable, "hgrm", slice_of_text(strerror(errno)),
		    "a directory that can be made");
	for (size_t i = 0; error == ERROR_NONE && i < results->runs_count; i++) {
		const struct stage_result *run = &results->runs[i];
		if (run->outcome == NULL)
			continue;
		path_make(path, "%s/hgrm/%s.hgrm", options->directory, run->name);
		error = write_hgrm(path, run, fault);
	}
	return error;
}

enum error
bench_all(const struct bench_options *options, struct fault *fault)
{
	struct results *results = calloc(1, sizeof *results);
	struct suite suite = { .options = options, .results = results, .arena = arena_create(SUITE_ARENA) };
	struct fault write_fault;
	enum error error = ERROR_NONE;

	if (results == NULL || suite.arena == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	for (int kind = 0; error == ERROR_NONE && kind < RESULTS_KINDS; kind++)
		error = open_corpus(options, results_kind_name((enum results_kind)kind), &suite.corpora[kind], fault);
	if (error == ERROR_NONE) {
		error = suite_run(&suite, fault);
		results_print(results);
		enum error written = write_results(options, results, &write_fault);
		if (written == ERROR_NONE)
			written = write_hgrms(options, results, &write_fault);
		if (written == ERROR_NONE)
			written = report_write(options->directory, &write_fault);
		if (error == ERROR_NONE && written != ERROR_NONE) {
			*fault = write_fault;
			error = written;
		}
	}
	for (int kind = 0; kind < RESULTS_KINDS; kind++)
		corpus_close(suite.corpora[kind]);
	if (results != NULL)
		results_free(results);
	free(results);
	arena_destroy(suite.arena);
	return error;
}
