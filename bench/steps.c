/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps that load guichetd, and what is put together of their runs. */
#include "bench/steps.h"

#include <stdio.h>
#include <string.h>

#include "bench/fault.h"
#include "bench/growth.h"
#include "bench/path.h"
#include "bench/scenario.h"

/* Of one run, until the generator is not late. */
#define TRIES_MAX 3U
#define SECOND_NS ((uint64_t)1000000000)
#define GROWTH_CONNECTIONS ((size_t)5000)

const char *
steps_name(const struct suite *suite, const char *what, enum results_kind kind)
{
	struct slice name;
	char text[128];
	int size = snprintf(text, sizeof text, "%s %s", what, results_kind_name(kind));

	return size > 0 && arena_copy(suite->arena, slice_of(text, (size_t)size), &name) ? (const char *)name.data :
											     what;
}

uint64_t
steps_measured_ns(const struct suite *suite)
{
	return (suite->options->seconds != 0 ? suite->options->seconds : BENCH_SECONDS) * SECOND_NS;
}

double
steps_p99_ms(const struct stage_result *run)
{
	return (double)histogram_percentile_ns(run->outcome->latency, 99) / 1e6;
}

struct stage_result *
steps_end(struct results_run *run)
{
	results_finish(run);
	stage_print(&run->stage);
	return results_why_invalid(run) == NULL ? &run->stage : NULL;
}

/* ---- guichetd ---- */

enum error
steps_floor(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	const struct floor_plan plan = { suite->options->directory, suite->options->programs, results_kind_name(kind),
		suite->corpora[kind], FLOOR_SAMPLE, suite->arena };
	enum error error = floor_measure(&plan, &suite->results->floor[kind], fault);
	suite->results->has_floor[kind] = error == ERROR_NONE;
	if (error != ERROR_NONE)
		return error;
	printf("%-24s %7.1f us of CPU a filing\n", steps_name(suite, "floor", kind),
	    suite->results->floor[kind].total_ns / 1e3);
	return ERROR_NONE;
}

static enum results_kind
kind_of(const char *name)
{
	return strcmp(name, results_kind_name(RESULTS_P256)) == 0 ? RESULTS_P256 : RESULTS_RSA3072;
}

static struct scenario_plan
plan_of(const struct suite *suite, const char *name, enum results_kind kind)
{
	return (struct scenario_plan){
		.scenario = scenario_find(name),
		.name = steps_name(suite, name, kind),
		.directory = suite->options->directory,
		.programs = suite->options->programs,
		.kind = results_kind_name(kind),
		.corpus = suite->corpora[kind],
		.warmup_ns = BENCH_WARMUP_NS,
		.duration_ns = steps_measured_ns(suite),
		.arrivals = suite->options->is_even ? SCHEDULE_EVEN : SCHEDULE_POISSON,
		.texts = suite->arena,
	};
}

/* A run in which the generator was late says nothing about the server and is made anew; it stands in the results, as
 * invalid. */
static enum error
run_plan(struct suite *suite, const struct scenario_plan *plan, struct stage_result **out, struct fault *fault)
{
	struct scenario_plan again = *plan;
	char what[64];

	*out = NULL;
	for (unsigned i = 1; i <= TRIES_MAX; i++) {
		struct results_run *run = results_run(suite->results);
		enum error error = scenario_run(&again, &run->stage, fault);
		if (error != ERROR_NONE)
			return error;
		*out = steps_end(run);
		if (!stage_is_only_late(&run->stage) || i == TRIES_MAX)
			break;
		run->is_repeated = true;
		snprintf(what, sizeof what, "%s, try %u", plan->scenario->name, i + 1);
		again.name = steps_name(suite, what, kind_of(plan->kind));
	}
	suite->has_invalid_run |= *out == NULL;
	return ERROR_NONE;
}

/* For how long there are filings at that rate. */
static uint64_t
longest_ns(const struct scenario_plan *plan, double rate)
{
	return (uint64_t)(0.95 * (double)corpus_count(plan->corpus) / rate * 1e9);
}

static enum error
too_few(const struct scenario_plan *plan, struct suite *suite, struct fault *fault)
{
	char text[32];

	snprintf(text, sizeof text, "%zu", corpus_count(plan->corpus));
	fault_set(fault, ERROR_usage, "--count", slice_of_text(text),
	    "filings for more than the warm-up at the rate that is offered");
	return fault_keep(fault, suite->arena);
}

/* Runs a scenario; in an open loop at its part of the highest rate. */
static enum error
run_scenario(struct suite *suite, const char *name, enum results_kind kind, struct stage_result **out,
    struct fault *fault)
{
	struct scenario_plan plan = plan_of(suite, name, kind);
	double rate = plan.scenario->load * suite->highest[kind];
	enum error error = ERROR_NONE;

	*out = NULL;
	if (plan.scenario->is_open) {
		if (longest_ns(&plan, rate) <= plan.warmup_ns)
			return too_few(&plan, suite, fault);
		if (plan.warmup_ns + plan.duration_ns > longest_ns(&plan, rate))
			plan.duration_ns = longest_ns(&plan, rate) - plan.warmup_ns;
		error = curve_make_ramp(rate, rate, plan.warmup_ns + plan.duration_ns, suite->arena, &plan.curve,
		    fault);
	}
	return error == ERROR_NONE ? run_plan(suite, &plan, out, fault) : error;
}

enum error
steps_resident(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct results *results = suite->results;
	struct stage_result *run;
	enum error error = run_scenario(suite, "resident", kind, &run, fault);

	if (run == NULL)
		return error;
	suite->highest[kind] = outcome_rate(run->outcome);
	results_figure(results, "resident", "rate", kind, suite->highest[kind]);
	results_figure(results, "resident", "p99_ms", kind, steps_p99_ms(run));
	results_figure(results, "resident", "cpu_us", kind, stage_cpu_us(run));
	if (results->has_floor[kind])
		results_figure(results, "resident", "efficiency", kind,
		    results->floor[kind].total_ns / 1e3 / stage_cpu_us(run));
	return ERROR_NONE;
}

enum error
steps_latency70(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "latency70", kind, &run, fault);

	if (run != NULL)
		results_figure(suite->results, "latency70", "p99_ms", kind, steps_p99_ms(run));
	return error;
}

enum error
steps_overload(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "overload", kind, &run, fault);

	if (run == NULL)
		return error;
	results_figure(suite->results, "overload", "goodput_ratio", kind,
	    outcome_rate(run->outcome) / suite->highest[kind]);
	results_figure(suite->results, "overload", "p99_ms", kind, steps_p99_ms(run));
	return ERROR_NONE;
}

/* A rate that goes up and down, as the file has it, up to nearly the highest; cut down in time to the filings there
 * are. */
enum error
steps_last_evening(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct scenario_plan plan = plan_of(suite, "last-evening", kind);
	struct curve_scale scale = { 1, 1 };
	struct stage_result *run;

	enum error error = curve_read(suite->options->curve, scale, suite->arena, &plan.curve, fault);
	if (error != ERROR_NONE)
		return error;
	scale.rate = suite->highest[kind];
	scale.time = (double)longest_ns(&plan, scale.rate) / 1e9 / curve_count(plan.curve);
	if (scale.time > 1)
		scale.time = 1;
	error = curve_read(suite->options->curve, scale, suite->arena, &plan.curve, fault);
	if (error != ERROR_NONE)
		return error;
	if (curve_duration_ns(plan.curve) <= plan.warmup_ns)
		return too_few(&plan, suite, fault);
	plan.duration_ns = curve_duration_ns(plan.curve) - plan.warmup_ns;
	if (scale.time < 1)
		printf("%-24s the curve's time times %.3g: there are not filings for all of it\n",
		    steps_name(suite, "last-evening", kind), scale.time);
	results_figure(suite->results, "last-evening", "time_factor", kind, scale.time);
	error = run_plan(suite, &plan, &run, fault);
	if (run != NULL)
		results_figure(suite->results, "last-evening", "p99_ms", kind, steps_p99_ms(run));
	return error;
}

enum error
steps_evening(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "evening", kind, &run, fault);

	if (run == NULL)
		return error;
	results_figure(suite->results, "evening", "rate", kind, outcome_rate(run->outcome));
	results_figure(suite->results, "evening", "cpu_us", kind, stage_cpu_us(run));
	results_figure(suite->results, "evening", "p99_ms", kind, steps_p99_ms(run));
	return ERROR_NONE;
}

enum error
steps_enrol(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "enrol", kind, &run, fault);

	if (run != NULL)
		results_figure(suite->results, "enrol", "rate", kind, outcome_rate(run->outcome));
	return error;
}

enum error
steps_mixed(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "mixed", kind, &run, fault);

	if (run != NULL)
		results_figure(suite->results, "mixed", "rate", kind, outcome_rate(run->outcome));
	return error;
}

enum error
steps_idle(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "idle", kind, &run, fault);

	if (run != NULL)
		results_figure(suite->results, "idle", "bytes_per_connection", kind,
		    (double)run->idle_bytes / (double)run->idlers);
	return error;
}

/* ---- late in an office's life ---- */

static enum error
run_grown(struct suite *suite, const char *directory, const char *name, struct corpus *corpus, uint64_t jobs_first,
    size_t connections, struct stage_result **out, struct fault *fault)
{
	const struct scenario_plan plan = {
		.scenario = scenario_find("resident"),
		.name = name,
		.directory = directory,
		.programs = suite->options->programs,
		.kind = results_kind_name(RESULTS_P256),
		.corpus = corpus,
		.connections = connections,
		.jobs_first = jobs_first,
		.warmup_ns = BENCH_WARMUP_NS,
		.duration_ns = steps_measured_ns(suite),
		.texts = suite->arena,
	};

	struct results_run *run = results_run(suite->results);
	enum error error = scenario_run(&plan, &run->stage, fault);
	/* Its figures are those of growth: resident's must not be doubted for what happens here. */
	run->stage.scenario = "growth";
	*out = error == ERROR_NONE ? steps_end(run) : NULL;
	suite->has_invalid_run |= error == ERROR_NONE && *out == NULL;
	return error;
}

static enum error
run_growth(struct suite *suite, const char *directory, const char *name, size_t first, size_t count,
    struct stage_result **out, struct fault *fault)
{
	const struct growth_run plan = { name, directory, suite->options->programs, first, count, BENCH_WARMUP_NS,
		steps_measured_ns(suite), suite->arena };
	struct results_run *run = results_run(suite->results);
	enum error error = growth_measure(&plan, &run->stage, fault);

	*out = error == ERROR_NONE ? steps_end(run) : NULL;
	suite->has_invalid_run |= error == ERROR_NONE && *out == NULL;
	return error;
}

/* The same work in an office with a thousand taxpayers, and in one with millions. */
enum error
steps_growth(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	const struct prepare_plan grown = { .directory = suite->options->directory,
		.programs = suite->options->programs, .returns = suite->options->returns, .texts = suite->arena };
	char directory[PATH_SIZE], small_directory[PATH_SIZE], path[PATH_SIZE];
	struct corpus *corpus = NULL;
	struct stage_result *small = NULL, *large = NULL, *wide = NULL;
	enum error error = growth_prepare(&grown, fault);

	path_make(directory, "%s/growth", suite->options->directory);
	path_make(small_directory, "%s/small", suite->options->directory);
	path_make(path, "%s/p256/corpus", directory);
	if (error == ERROR_NONE)
		error = corpus_open(path, &corpus, fault);
	if (error == ERROR_NONE)
		error = run_growth(suite, small_directory, "small", 0, GROWTH_SMALL, &small, fault);
	if (error == ERROR_NONE)
		error = run_growth(suite, directory, "grown", GROWTH_HOLDERS, GROWTH_LEFT, &large, fault);
	if (error == ERROR_NONE)
		error = run_grown(suite, directory, "grown, 5,000 connections", corpus, GROWTH_HOLDERS,
		    GROWTH_CONNECTIONS, &wide, fault);
	if (small != NULL && large != NULL)
		results_figure(suite->results, "growth", "rate_ratio", RESULTS_P256,
		    outcome_rate(large->outcome) / outcome_rate(small->outcome));
	if (wide != NULL)
		results_figure(suite->results, "growth", "rss_anon_mib", RESULTS_P256,
		    (double)wide->anonymous_bytes / (1024 * 1024));
	(void)kind;
	corpus_close(corpus);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, suite->arena);
}
