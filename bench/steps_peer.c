/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps that load other servers, and the disk. */
#include "bench/steps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/bare_disk.h"
#include "bench/fault.h"
#include "bench/office.h"
#include "bench/path.h"
#include "bench/peer.h"
#include "bench/scenario.h"
#include "protocol/limits.h"
#include "protocol/net/tls_config.h"

#define DISK_APPENDS ((size_t)2000)
/* Requests under way on each connection of a pipelining client. */
#define PIPELINE ((size_t)16)
/* More than are opened: nginx closes idle ones when fewer than a sixteenth are free. */
#define PEER_CONNECTIONS 25000

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
	enum error error = office_remove(paths->directory, suite->arena, fault);
	if (error == ERROR_NONE && mkdir(paths->directory, 0777) != 0)
		error = fault_set(fault, ERROR_file_unreadable, "peer", slice_of_text(strerror(errno)),
		    "a directory that can be made");
	return error == ERROR_NONE ? peer_start(kind, &plan, peer, fault) : error;
}

/* The same filings, in the peer's dialect. */
static enum error
drive_peer(struct suite *suite, const struct peer_run *wanted, enum results_kind kind, struct stage_server *server,
    struct stage_result *result, struct fault *fault)
{
	struct script *script = script_create(&script_file_over, suite->corpora[kind]);
	const struct stage_plan plan = {
		.name = steps_name(suite, wanted->name, kind),
		.scenario = wanted->name,
		.kind = results_kind_name(kind),
		.script = script,
		.connections = wanted->connections,
		.window = wanted->window,
		.is_fresh = wanted->is_fresh,
		.idlers = wanted->idlers,
		.jobs_max = UINT64_MAX,
		.warmup_ns = BENCH_WARMUP_NS,
		.duration_ns = steps_measured_ns(suite),
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

	struct results_run *run = results_run(suite->results);
	*out = NULL;
	if (error == ERROR_NONE)
		error = start_peer(suite, wanted->kind, &paths, &peer, fault);
	if (error == ERROR_NONE) {
		struct stage_server server = { wanted->kind == PEER_NGINX ? "nginx" : "redis", NULL, tls,
			wanted->dialect, peer.process, peer.port };
		error = drive_peer(suite, wanted, kind, &server, &run->stage, fault);
		(void)peer_stop(&peer);
	}
	if (error == ERROR_NONE)
		*out = steps_end(run);
	suite->has_invalid_run |= error == ERROR_NONE && *out == NULL;
	tls_config_destroy(tls);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, suite->arena);
}

static const struct peer_run nginx_keepalive = { PEER_NGINX, "nginx keepalive", &dialect_http, 64, 1, 0, false };
static const struct peer_run nginx_evening = { PEER_NGINX, "nginx evening", &dialect_http, 64, 1, 0, true };
static const struct peer_run nginx_idle = { PEER_NGINX, "nginx idle", &dialect_http, 64, 1, 20000, false };
static const struct peer_run redis_plain = { PEER_REDIS, "redis", &dialect_resp, 64, 1, 0, false };
static const struct peer_run redis_pipelined = { PEER_REDIS, "redis pipelined", &dialect_resp, 64, PIPELINE, 0, false };

enum error
steps_redis(struct suite *suite, enum results_kind kind, struct fault *fault)
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

enum error
steps_nginx(struct suite *suite, enum results_kind kind, struct fault *fault)
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

enum error
steps_nginx_idle(struct suite *suite, enum results_kind kind, struct fault *fault)
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

static void
take_disk(struct suite *suite, enum results_kind kind, const struct histogram *histogram, uint64_t total_ns,
    size_t size)
{
	const struct {
		const char *name;
		double value;
	} figures[] = {
		{ "appends", DISK_APPENDS },
		{ "append_bytes", (double)size },
		{ "appends_per_s", (double)DISK_APPENDS * 1e9 / (double)total_ns },
		{ "p50_ms", (double)histogram_percentile_ns(histogram, 50) / 1e6 },
		{ "p99_ms", (double)histogram_percentile_ns(histogram, 99) / 1e6 },
		{ "max_ms", (double)histogram_max_ns(histogram) / 1e6 },
	};
	double ours;

	printf("%-24s %9.0f/s  p50 %8.2f  p99 %8.2f  max %8.2f ms\n", steps_name(suite, "disk", kind), figures[2].value,
	    figures[3].value, figures[4].value, figures[5].value);
	for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
		results_figure(suite->results, "disk", figures[i].name, kind, figures[i].value);
	if (results_find(suite->results, "latency70", "p99_ms", kind, &ours))
		results_figure(suite->results, "latency70", "p99_over_fsync", kind, ours / figures[4].value);
}

enum error
steps_disk(struct suite *suite, enum results_kind kind, struct fault *fault)
{
	char path[PATH_SIZE];
	uint64_t *durations_ns = calloc(DISK_APPENDS, sizeof *durations_ns), total_ns;
	struct histogram *histogram = histogram_create();
	cpu_set_t cpus;
	const struct bare_disk_plan plan = { path, corpus_item(suite->corpora[kind], 0).file, DISK_APPENDS, &cpus };
	enum error error = ERROR_NONE;

	stage_server_cpus(&cpus);
	path_make(path, "%s/disk", suite->options->directory);
	if (durations_ns == NULL || histogram == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error == ERROR_NONE)
		error = bare_disk_run(&plan, durations_ns, &total_ns, fault);
	for (size_t i = 0; error == ERROR_NONE && i < DISK_APPENDS; i++)
		histogram_record(histogram, durations_ns[i]);
	if (error == ERROR_NONE)
		take_disk(suite, kind, histogram, total_ns, plan.bytes.size);
	histogram_destroy(histogram);
	free(durations_ns);
	return error;
}
