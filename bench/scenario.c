/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of scenarios and the one way to run them. */
#include "bench/scenario.h"

#include <stdio.h>
#include <string.h>

#include "bench/office.h"
#include "bench/path.h"
#include "client/trust.h"

/* More than are opened: the server would make room by closing idle ones. */
#define CONNECTIONS_MAX ((size_t)25000)
/* The same number of connections and, in a closed loop, of filings under way. */
#define GATEWAY .connections = 64, .window = 1
/* Open loops: a window that never holds back what is due. */
#define GATEWAY_OPEN .connections = 64, .window = CALLER_WINDOW_MAX, .is_open = true

static const struct scenario scenarios[] = {
	{ .name = "resident", .about = "a vendor's gateway: resident connections, filings signed by their holders",
	    .script = &script_file, .office = "office", GATEWAY, .has_receipts = true },
	{ .name = "evening", .about = "one new connection for each filing", .script = &script_file,
	    .office = "office", GATEWAY, .is_fresh = true, .has_receipts = true },
	{ .name = "enrol", .about = "a storm of enrolments, one new connection for each", .script = &script_enrol,
	    .office = "office-new", GATEWAY, .is_fresh = true },
	{ .name = "mixed", .about = "log-in, list of filings, a filing, its receipt again, on a new connection",
	    .script = &script_mixed, .office = "office", GATEWAY, .is_fresh = true, .has_receipts = true },
	{ .name = "idle", .about = "many connections that say nothing, beside a light load", .script = &script_file,
	    .office = "office", .connections = 64, .window = 1, .has_receipts = true, .idlers = 20000,
	    .is_open = true, .load = 0.1 },
	{ .name = "latency70", .about = "resident connections at 70 % of the highest rate", .script = &script_file,
	    .office = "office", GATEWAY_OPEN, .has_receipts = true, .load = 0.7 },
	{ .name = "overload", .about = "resident connections at 150 % of the highest rate", .script = &script_file,
	    .office = "office", GATEWAY_OPEN, .has_receipts = true, .load = 1.5 },
	{ .name = "last-evening", .about = "a rate that goes with a curve, up to nearly the highest",
	    .script = &script_file, .office = "office", GATEWAY_OPEN, .has_receipts = true, .load = 1 },
};

const struct scenario *
scenario_table(size_t *count)
{
	*count = sizeof scenarios / sizeof scenarios[0];
	return scenarios;
}

const struct scenario *
scenario_find(const char *name)
{
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}

static enum error
scenario_play(const struct scenario_plan *plan, const struct stage_server *server, const struct guichet_trust *trust,
    struct stage_result *result, struct fault *fault)
{
	const struct scenario *scenario = plan->scenario;
	struct script *script = script_create(scenario->script, plan->corpus);
	const struct stage_plan stage = {
		.name = plan->name,
		.scenario = scenario->name,
		.kind = plan->kind,
		.script = script,
		.connections = plan->connections != 0 ? plan->connections : scenario->connections,
		.window = plan->window != 0 ? plan->window : scenario->window,
		.is_fresh = scenario->is_fresh,
		.idlers = plan->idlers != 0 ? plan->idlers : scenario->idlers,
		.curve = plan->curve,
		.arrivals = plan->arrivals,
		.jobs_first = plan->jobs_first,
		.jobs_max = corpus_count(plan->corpus) - plan->jobs_first,
		.warmup_ns = plan->warmup_ns,
		.duration_ns = plan->duration_ns,
	};
	struct receipts_sampler *sampler = receipts_sampler_create(plan->corpus, trust, !scenario->has_receipts);
	enum error error = ERROR_NONE;

	if (script == NULL || sampler == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error == ERROR_NONE)
		script_on_answer(script, receipts_sampler_take, sampler);
	if (error == ERROR_NONE)
		error = stage_run(server, &stage, result, fault);
	if (error == ERROR_NONE && scenario->has_receipts)
		error = stage_verify(server, plan->corpus, trust, &stage, result, fault);
	if (error == ERROR_NONE && !receipts_sampler_report(sampler, &result->receipts))
		result->why_invalid = "an answer that was looked at as it came was not genuine";
	receipts_sampler_destroy(sampler);
	script_destroy(script);
	return error;
}

enum error
scenario_run(const struct scenario_plan *plan, struct stage_result *result, struct fault *fault)
{
	char template[PATH_SIZE], directory[PATH_SIZE];
	const struct office_plan office_plan = { plan->programs, directory, STAGE_SERVER_CORE, plan->texts };
	struct office *office = NULL;
	struct guichet_trust *trust = NULL;

	path_make(template, "%s/%s/%s", plan->directory, plan->kind, plan->scenario->office);
	path_make(directory, "%s/office-run", plan->directory);
	*result = (struct stage_result){ .name = plan->name };
	enum error error = office_remove(directory, plan->texts, fault);
	if (error == ERROR_NONE)
		error = office_copy(template, directory, plan->texts, fault);
	if (error == ERROR_NONE && plan->scenario->idlers != 0)
		error = office_allow_connections(directory, CONNECTIONS_MAX, plan->texts, fault);
	if (error == ERROR_NONE)
		error = office_trust(directory, &trust, plan->texts, fault);
	if (error == ERROR_NONE)
		error = office_start(&office_plan, &office, fault);
	if (error == ERROR_NONE) {
		const struct stage_server server = { "guichetd", office_loop(office), trust->tls, &dialect_guichet,
			office_process(office), office_port(office) };
		error = scenario_play(plan, &server, trust, result, fault);
	}
	error = office_stop(office, error, fault);
	guichet_trust_destroy(trust);
	return error;
}
