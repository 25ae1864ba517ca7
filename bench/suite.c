/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of steps, each of which adds runs and figures. */
#include "bench/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/bare_disk.h"
#include "bench/growth.h"
#include "bench/office.h"
#include "bench/path.h"
#include "bench/peer.h"
#include "bench/scenario.h"
#include "protocol/check.h"
#include "protocol/limits.h"
#include "protocol/net/tls_config.h"

#define SECOND_NS ((uint64_t)1000000000)
#define WARMUP_NS SECOND_NS
/* Of one run, until the generator is not late. */
#define TRIES_MAX 3U
#define DISK_APPENDS ((size_t)2000)
/* Requests under way on each connection of a pipelining client. */
#define PIPELINE ((size_t)16)
/* More than are opened: nginx closes idle ones when fewer than a sixteenth are free. */
#define PEER_CONNECTIONS 25000
#define GROWTH_CONNECTIONS ((size_t)5000)

static const char *
name_of(const struct suite *suite, const char *what, enum results_kind kind)
{
	struct slice name;
	char text[128];
	int size = snprintf(text, sizeof text, "%s %s", what, results_kind_name(kind));

	return size > 0 && arena_copy(suite->arena, slice_of(text, (size_t)size), &name) ? (const char *)name.data :
											     what;
}

static uint64_t
measured_ns(const struct suite *suite)
{
	return (suite->options->seconds != 0 ? suite->options->seconds : 8) * SECOND_NS;
}

static double
p99_ms(const struct stage_result *run)
{
	return (double)histogram_percentile_ns(run->outcome->latency, 99) / 1e6;
}

/* ---- guichetd ---- */

static enum error
step_floor(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	const struct floor_plan plan = { suite->options->directory, suite->options->programs, results_kind_name(kind),
		suite->corpora[kind], FLOOR_SAMPLE };
	enum error error = floor_measure(&plan, &suite->results->floor[kind], fault);
	suite->results->has_floor[kind] = error == ERROR_NONE;
	printf("%-24s %7.1f us of CPU a filing\n", name_of(suite, "floor", kind),
	    suite->results->floor[kind].total_ns / 1e3);
	return error;
}

/* Says how a run went; NULL for one that is not valid: no figure is made of that. */
static struct stage_result *
valid(struct stage_result *run)
{
	stage_print(run);
	return run->why_invalid == NULL ? run : NULL;
}

static struct scenario_plan
plan_of(const struct suite *suite, const char *name, enum results_kind kind)
{
	return (struct scenario_plan){
		.scenario = scenario_find(name),
		.name = name_of(suite, name, kind),
		.directory = suite->options->directory,
		.programs = suite->options->programs,
		.kind = results_kind_name(kind),
		.corpus = suite->corpora[kind],
		.warmup_ns = WARMUP_NS,
		.duration_ns = measured_ns(suite),
		.arrivals = suite->options->is_even ? SCHEDULE_EVEN : SCHEDULE_POISSON,
	};
}

/* A run in which the generator was late says nothing about the server and is made anew; it stands in the results, as
 * invalid. */
static enum error
run_plan(struct suite *suite, const struct scenario_plan *plan, struct stage_result **out, struct fault *fault)
{
	*out = NULL;
	for (unsigned i = 0; i < TRIES_MAX; i++) {
		struct stage_result *run = results_run(suite->results);
		enum error error = scenario_run(plan, run, fault);
		if (error != ERROR_NONE)
			return error;
		*out = valid(run);
		if (!run->is_late)
			break;
	}
	return ERROR_NONE;
}

/* For how long there are filings at that rate. */
static uint64_t
longest_ns(const struct scenario_plan *plan, double rate)
{
	return (uint64_t)(0.95 * (double)corpus_count(plan->corpus) / rate * 1e9);
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
		if (plan.warmup_ns + plan.duration_ns > longest_ns(&plan, rate))
			plan.duration_ns = longest_ns(&plan, rate) - plan.warmup_ns;
		error = curve_make_ramp(rate, rate, plan.warmup_ns + plan.duration_ns, suite->arena, &plan.curve,
		    fault);
	}
	return error == ERROR_NONE ? run_plan(suite, &plan, out, fault) : error;
}

static enum error
step_resident(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct results *results = suite->results;
	struct stage_result *run;
	enum error error = run_scenario(suite, "resident", kind, &run, fault);

	if (run == NULL)
		return error;
	suite->highest[kind] = outcome_rate(run->outcome);
	results_figure(results, "resident", "rate", kind, suite->highest[kind]);
	results_figure(results, "resident", "p99_ms", kind, p99_ms(run));
	results_figure(results, "resident", "cpu_us", kind, stage_cpu_us(run));
	if (results->has_floor[kind])
		results_figure(results, "resident", "efficiency", kind,
		    results->floor[kind].total_ns / 1e3 / stage_cpu_us(run));
	return ERROR_NONE;
}

static enum error
step_latency70(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "latency70", kind, &run, fault);

	if (run != NULL)
		results_figure(suite->results, "latency70", "p99_ms", kind, p99_ms(run));
	return error;
}

static enum error
step_overload(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "overload", kind, &run, fault);

	if (run == NULL)
		return error;
	results_figure(suite->results, "overload", "goodput_ratio", kind,
	    outcome_rate(run->outcome) / suite->highest[kind]);
	results_figure(suite->results, "overload", "p99_ms", kind, p99_ms(run));
	return ERROR_NONE;
}

/* A rate that goes up and down, as the file has it, up to nearly the highest; cut down in time to the filings there
 * are. */
static enum error
step_last_evening(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct scenario_plan plan = plan_of(suite, "last-evening", kind);
	struct curve_scale scale = { 1, 1 };
	struct stage_result *run;

	if (suite->options->curve == NULL)
		return ERROR_NONE;
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
	plan.duration_ns = curve_duration_ns(plan.curve) - plan.warmup_ns;
	error = run_plan(suite, &plan, &run, fault);
	if (run != NULL)
		results_figure(suite->results, "last-evening", "p99_ms", kind, p99_ms(run));
	return error;
}

static enum error
step_evening(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "evening", kind, &run, fault);

	if (run == NULL)
		return error;
	results_figure(suite->results, "evening", "rate", kind, outcome_rate(run->outcome));
	results_figure(suite->results, "evening", "cpu_us", kind, stage_cpu_us(run));
	results_figure(suite->results, "evening", "p99_ms", kind, p99_ms(run));
	return ERROR_NONE;
}

static enum error
step_enrol(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "enrol", kind, &run, fault);

	if (run != NULL)
		results_figure(suite->results, "enrol", "rate", kind, outcome_rate(run->outcome));
	return error;
}

static enum error
step_mixed(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "mixed", kind, &run, fault);

	if (run != NULL)
		results_figure(suite->results, "mixed", "rate", kind, outcome_rate(run->outcome));
	return error;
}

static enum error
step_idle(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_scenario(suite, "idle", kind, &run, fault);

	if (run != NULL)
		results_figure(suite->results, "idle", "bytes_per_connection", kind,
		    (double)run->idle_bytes / (double)run->idlers);
	return error;
}

/* ---- peers ---- */

struct peer_run {
	enum peer_kind kind;
	const char *name;
	const struct dialect *dialect;
	size_t connections, window, idlers;
	bool is_fresh;
};

/* Where a peer lives, and whose certificate it shows. */
struct peer_paths {
	char directory[PATH_SIZE], certificate[PATH_SIZE], key[PATH_SIZE], trust[PATH_SIZE];
};

static struct peer_paths
peer_paths_of(const struct suite *suite, enum results_kind kind)
{
	const char *directory = suite->options->directory, *name = results_kind_name(kind);
	struct peer_paths paths;

	path_make(paths.directory, "%s/peer", directory);
	path_make(paths.certificate, "%s/%s/office/keys/tls-server.pem", directory, name);
	path_make(paths.key, "%s/%s/office/keys/tls-server.key", directory, name);
	path_make(paths.trust, "%s/%s/office/public/tls.pem", directory, name);
	return paths;
}

static enum error
start_peer(struct suite *suite, enum peer_kind kind, const struct peer_paths *paths, struct peer *peer,
    struct fault *fault)
{
	const struct results *results = suite->results;
	cpu_set_t cpus;
	const struct peer_plan plan = {
		.directory = paths->directory,
		.certificate_path = paths->certificate,
		.key_path = paths->key,
		.cpus = &cpus,
		.connections_max = PEER_CONNECTIONS,
		.body_max = LIMIT_FRAME_BODY,
		.answer_size = results->has_floor[0] ? results->floor[0].answer_size : FLOOR_ANSWER,
		.arena = suite->arena,
	};

	stage_server_cpus(&cpus);
	enum error error = office_remove(paths->directory, fault);
	if (error == ERROR_NONE && mkdir(paths->directory, 0777) != 0)
		error = fault_set(fault, ERROR_file_unreadable, "peer", SLICE_EMPTY, "a directory that can be made");
	return error == ERROR_NONE ? peer_start(kind, &plan, peer, fault) : error;
}

/* The same filings, in the peer's dialect. */
static enum error
drive_peer(struct suite *suite, const struct peer_run *wanted, enum results_kind kind, struct stage_server *server,
    struct stage_result *result, struct fault *fault)
{
	struct script *script = script_create(&script_file_over, suite->corpora[kind]);
	const struct stage_plan plan = {
		.name = name_of(suite, wanted->name, kind),
		.scenario = wanted->name,
		.kind = results_kind_name(kind),
		.script = script,
		.connections = wanted->connections,
		.window = wanted->window,
		.is_fresh = wanted->is_fresh,
		.idlers = wanted->idlers,
		.jobs_max = UINT64_MAX,
		.warmup_ns = WARMUP_NS,
		.duration_ns = measured_ns(suite),
	};
	enum error error = ERROR_NONE;

	server->loop = loop_create(NULL);
	if (script == NULL || server->loop == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error == ERROR_NONE)
		error = stage_run(server, &plan, result, fault);
	if (server->loop != NULL)
		loop_destroy(server->loop);
	script_destroy(script);
	return error;
}

static enum error
run_peer(struct suite *suite, const struct peer_run *wanted, enum results_kind kind, struct stage_result **out,
    struct fault *fault)
{
	const struct peer_paths paths = peer_paths_of(suite, kind);
	struct tls_config *tls = NULL;
	struct peer peer = { .process = NULL };
	enum error error = tls_config_create_client_without_alpn(paths.trust, &tls, fault);

	struct stage_result *run = results_run(suite->results);
	*out = NULL;
	if (error == ERROR_NONE)
		error = start_peer(suite, wanted->kind, &paths, &peer, fault);
	if (error == ERROR_NONE) {
		struct stage_server server = { wanted->kind == PEER_NGINX ? "nginx" : "redis", NULL, tls,
			wanted->dialect, peer.process, peer.port };
		error = drive_peer(suite, wanted, kind, &server, run, fault);
		(void)peer_stop(&peer);
	}
	if (error == ERROR_NONE)
		*out = valid(run);
	tls_config_destroy(tls);
	return error;
}

static const struct peer_run nginx_keepalive = { PEER_NGINX, "nginx keepalive", &dialect_http, 64, 1, 0, false };
static const struct peer_run nginx_evening = { PEER_NGINX, "nginx evening", &dialect_http, 64, 1, 0, true };
static const struct peer_run nginx_idle = { PEER_NGINX, "nginx idle", &dialect_http, 64, 1, 20000, false };
static const struct peer_run redis_plain = { PEER_REDIS, "redis", &dialect_resp, 64, 1, 0, false };
static const struct peer_run redis_pipelined = { PEER_REDIS, "redis pipelined", &dialect_resp, 64, PIPELINE, 0, false };

static enum error
step_redis(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	enum error error = run_peer(suite, &redis_plain, kind, &run, fault);

	if (run == NULL)
		return error;
	results_figure(suite->results, "redis", "rate", kind, outcome_rate(run->outcome));
	results_figure(suite->results, "redis", "cpu_us", kind, stage_cpu_us(run));
	if (suite->highest[kind] != 0)
		results_figure(suite->results, "resident", "vs_redis", kind,
		    suite->highest[kind] / outcome_rate(run->outcome));
	error = run_peer(suite, &redis_pipelined, kind, &run, fault);
	if (run != NULL)
		results_figure(suite->results, "redis", "pipelined_rate", kind, outcome_rate(run->outcome));
	return error;
}

static enum error
step_nginx(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct results *results = suite->results;
	struct stage_result *run;
	double ours = 0;
	enum error error = run_peer(suite, &nginx_keepalive, kind, &run, fault);

	if (run != NULL)
		results_figure(results, "nginx", "keepalive_rate", kind, outcome_rate(run->outcome));
	if (error == ERROR_NONE)
		error = run_peer(suite, &nginx_evening, kind, &run, fault);
	if (run == NULL)
		return error;
	results_figure(results, "nginx", "evening_cpu_us", kind, stage_cpu_us(run));
	if (results_find(results, "evening", "cpu_us", kind, &ours))
		results_figure(results, "evening", "vs_nginx", kind, stage_cpu_us(run) / ours);
	return ERROR_NONE;
}

static enum error
step_nginx_idle(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	struct stage_result *run;
	double ours = 0;
	enum error error = run_peer(suite, &nginx_idle, kind, &run, fault);

	if (run == NULL)
		return error;
	double theirs = (double)run->idle_bytes / (double)run->idlers;
	results_figure(suite->results, "nginx", "idle_bytes_per_connection", kind, theirs);
	if (results_find(suite->results, "idle", "bytes_per_connection", kind, &ours))
		results_figure(suite->results, "idle", "vs_nginx", kind, ours / theirs);
	return ERROR_NONE;
}

/* ---- the disk alone ---- */

static enum error
step_disk(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	char path[PATH_SIZE];
	uint64_t *durations_ns = calloc(DISK_APPENDS, sizeof *durations_ns), total_ns;
	struct histogram *histogram = histogram_create();
	cpu_set_t cpus;
	const struct bare_disk_plan plan = { path, corpus_item(suite->corpora[kind], 0).file, DISK_APPENDS, &cpus };
	double p99 = 0, ours;
	enum error error = ERROR_NONE;

	stage_server_cpus(&cpus);
	path_make(path, "%s/disk", suite->options->directory);
	if (durations_ns == NULL || histogram == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error == ERROR_NONE)
		error = bare_disk_run(&plan, durations_ns, &total_ns, fault);
	for (size_t i = 0; error == ERROR_NONE && i < DISK_APPENDS; i++)
		histogram_record(histogram, durations_ns[i]);
	if (error == ERROR_NONE) {
		p99 = (double)histogram_percentile_ns(histogram, 99) / 1e6;
		printf("%-24s %9.0f/s  p50 %8.2f  p99 %8.2f  max %8.2f ms\n", name_of(suite, "disk", kind),
		    (double)DISK_APPENDS * 1e9 / (double)total_ns,
		    (double)histogram_percentile_ns(histogram, 50) / 1e6, p99,
		    (double)histogram_max_ns(histogram) / 1e6);
		results_figure(suite->results, "disk", "p99_ms", kind, p99);
		if (results_find(suite->results, "latency70", "p99_ms", kind, &ours))
			results_figure(suite->results, "latency70", "p99_over_fsync", kind, ours / p99);
	}
	histogram_destroy(histogram);
	free(durations_ns);
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
		.warmup_ns = WARMUP_NS,
		.duration_ns = measured_ns(suite),
	};

	struct stage_result *run = results_run(suite->results);
	enum error error = scenario_run(&plan, run, fault);
	/* Its figures are those of growth: resident's must not be doubted for what happens here. */
	run->scenario = "growth";
	*out = error == ERROR_NONE ? valid(run) : NULL;
	return error;
}

static enum error
run_growth(struct suite *suite, const char *directory, const char *name, size_t first, size_t count,
    struct stage_result **out, struct fault *fault)
{
	const struct growth_run run = { name, directory, suite->options->programs, first, count, WARMUP_NS,
		measured_ns(suite) };
	struct stage_result *result = results_run(suite->results);
	enum error error = growth_measure(&run, result, fault);

	*out = error == ERROR_NONE ? valid(result) : NULL;
	return error;
}

/* The same work in an office with a thousand taxpayers, and in one with millions. */
static enum error
step_growth(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	const struct prepare_plan grown = { .directory = suite->options->directory,
		.programs = suite->options->programs, .returns = suite->options->returns };
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
	return error;
}

/* ---- all of it ---- */

static const struct step {
	const char *name;
	enum error (*run)(struct suite *suite, enum results_kind kind, struct fault *fault);
	bool for_default_only; /* keys do not matter */
} steps[] = {
	{ "floor", step_floor, false },
	{ "resident", step_resident, false },
	{ "redis", step_redis, false },
	{ "latency70", step_latency70, false },
	{ "disk", step_disk, false },
	{ "overload", step_overload, false },
	{ "last-evening", step_last_evening, false },
	{ "evening", step_evening, false },
	{ "nginx", step_nginx, false },
	{ "enrol", step_enrol, false },
	{ "mixed", step_mixed, false },
	{ "idle", step_idle, true },
	{ "peer-idle", step_nginx_idle, true },
	{ "growth", step_growth, true },
};

/* Is the name among those of a list with commas? */
static bool
is_listed(const char *list, const char *name)
{
	size_t size = strlen(name);

	for (const char *at = strstr(list, name); at != NULL; at = strstr(at + 1, name))
		if ((at == list || at[-1] == ',') && (at[size] == '\0' || at[size] == ','))
			return true;
	return false;
}

/* What stands on the highest rate when that is not known, is not run. */
static bool
is_wanted(const struct suite *suite, const struct step *step, enum results_kind kind)
{
	const struct scenario *scenario = scenario_find(step->name);

	if (step->for_default_only && kind != 0)
		return false;
	if (suite->options->only != NULL && !is_listed(suite->options->only, step->name))
		return false;
	return scenario == NULL || !scenario->is_open || suite->highest[kind] != 0;
}

enum error
suite_run(struct suite *suite, struct fault *fault)
{
	enum error first = ERROR_NONE;

	for (int kind = 0; kind < RESULTS_KINDS; kind++)
		for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
			struct fault failed;
			if (!is_wanted(suite, &steps[i], (enum results_kind)kind))
				continue;
			enum error error = steps[i].run(suite, (enum results_kind)kind, &failed);
			if (error == ERROR_NONE)
				continue;
			printf("%-24s FAILED: %s\n", name_of(suite, steps[i].name, (enum results_kind)kind),
			    error_name(error));
			if (first == ERROR_NONE)
				*fault = failed;
			first = first == ERROR_NONE ? error : first;
		}
	return first;
}
