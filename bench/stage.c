/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens the idlers, drives the load, reads the accounts, and says whether the generator kept up. */
#include "bench/stage.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/idlers.h"

#define SECOND_NS ((uint64_t)1000000000)
#define GRACE_NS (10 * SECOND_NS)
/* The generator's own lateness, in the worst hundredth of arrivals, beyond which a run says more about it than about
 * the server. */
#define LAG_MAX_NS ((uint64_t)1000000)
/* Asking for every receipt again. */
#define AGAIN_CONNECTIONS 64
#define AGAIN_WINDOW 8
#define AGAIN_MAX_NS (3600 * SECOND_NS)
#define RETRY_NS (SECOND_NS / 10)
#define SEED 20051013

void
stage_server_cpus(cpu_set_t *cpus)
{
	CPU_ZERO(cpus);
	CPU_SET(STAGE_SERVER_CORE, cpus);
}

void
stage_pin_generator(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(STAGE_GENERATOR_CORE, &cpus);
	(void)sched_setaffinity(0, sizeof cpus, &cpus);
}

/* What the kernel says of the server as the measured part begins and ends. */
struct meter {
	struct process *process;
	struct account begin, end;
	bool has_failed;
};

static void
meter_read(void *context, bool is_end)
{
	struct meter *meter = context;
	struct fault fault;

	if (process_account(meter->process, is_end ? &meter->end : &meter->begin, &fault) != ERROR_NONE)
		meter->has_failed = true;
}

static void
take_accounts(struct stage_result *result, const struct meter *meter)
{
	result->cpu_ns = meter->end.cpu_ns - meter->begin.cpu_ns;
	result->system_ns = meter->end.system_ns - meter->begin.system_ns;
	result->resident_bytes = meter->end.resident_bytes;
	result->anonymous_bytes = meter->end.anonymous_bytes;
}

static struct drive_plan
drive_plan_of(const struct stage_server *server, const struct stage_plan *plan)
{
	return (struct drive_plan){
		.loop = server->loop,
		.tls = server->tls,
		.dialect = server->dialect,
		.port = server->port,
		.script = script_drive(plan->script),
		.connections = plan->connections,
		.is_fresh = plan->is_fresh,
		.window = plan->window,
		.jobs_first = plan->jobs_first,
		.jobs_max = plan->jobs_max,
		.warmup_ns = plan->warmup_ns,
		.duration_ns = plan->duration_ns,
		.grace_ns = GRACE_NS,
		/* In a closed loop whoever is told busy comes again, as clients do; an open one counts it. */
		.retry_status = plan->curve == NULL ? ERROR_busy : 0,
		.retry_ns = RETRY_NS,
	};
}

static const char *
why_invalid(const struct stage_result *result)
{
	const struct outcome *outcome = result->outcome;

	if (outcome->accepted == 0)
		return "nothing was accepted";
	if (result->is_late)
		return "the generator was behind its schedule";
	return NULL;
}

static enum error
stage_drive(const struct stage_server *server, const struct stage_plan *plan, struct stage_result *result,
    struct fault *fault)
{
	struct drive_plan drive = drive_plan_of(server, plan);
	struct meter meter = { .process = server->process };
	struct schedule *schedule = NULL;

	if (plan->curve != NULL) {
		schedule = schedule_create(plan->curve, plan->arrivals, SEED);
		if (schedule == NULL)
			return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
		result->offered = (curve_count(plan->curve) - curve_count_before(plan->curve, plan->warmup_ns)) * 1e9 /
		    (double)plan->duration_ns;
	}
	drive.schedule = schedule;
	drive.marked = meter_read;
	drive.context = &meter;
	enum error error = drive_run(&drive, &result->outcome, fault);
	schedule_destroy(schedule);
	if (error != ERROR_NONE)
		return error;
	if (meter.has_failed)
		return fault_set(fault, ERROR_unreachable, server->name, SLICE_EMPTY, "a server that lives on");
	take_accounts(result, &meter);
	result->is_late = result->is_open_loop && histogram_percentile_ns(result->outcome->lag, 99) > LAG_MAX_NS;
	result->why_invalid = why_invalid(result);
	return ERROR_NONE;
}

enum error
stage_run(const struct stage_server *server, const struct stage_plan *plan, struct stage_result *result,
    struct fault *fault)
{
	struct idlers *idlers = NULL;
	enum error error = ERROR_NONE;

	*result = (struct stage_result){ .name = plan->name, .scenario = plan->scenario, .kind = plan->kind,
		.server = server->name, .is_open_loop = plan->curve != NULL };
	stage_pin_generator();
	/* What was written before, copies of offices above all, is not this run's to write. */
	sync();
	if (plan->idlers != 0)
		error = idlers_open(server, plan->idlers, &idlers, &result->idle_bytes, fault);
	if (error == ERROR_NONE)
		error = stage_drive(server, plan, result, fault);
	idlers_close(idlers);
	return error;
}

enum error
stage_verify(const struct stage_server *server, struct corpus *corpus, const struct guichet_trust *trust,
    const struct stage_plan *played, struct stage_result *result, struct fault *fault)
{
	struct script *again = script_create(&script_file, corpus);
	const struct stage_plan plan = { .script = again, .connections = AGAIN_CONNECTIONS, .window = AGAIN_WINDOW,
		.jobs_first = played->jobs_first, .jobs_max = result->outcome->started, .duration_ns = AGAIN_MAX_NS };
	struct outcome *outcome = NULL;

	if (again == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	const struct drive_plan drive = drive_plan_of(server, &plan);
	enum error error = drive_run(&drive, &outcome, fault);
	if (error == ERROR_NONE && !receipts_check(played->script, again, corpus, trust, (size_t)played->jobs_first,
	    (size_t)result->outcome->started, &result->receipts))
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	result->has_receipts = error == ERROR_NONE;
	if (result->has_receipts && (result->receipts.verified != result->receipts.received ||
	    result->receipts.same != result->receipts.received))
		result->why_invalid = "a receipt was not genuine, or another when asked for again";
	outcome_destroy(outcome);
	script_destroy(again);
	return error;
}

void
stage_print(const struct stage_result *result)
{
	const struct histogram *latency = result->outcome->latency;

	printf("%-24s %9.0f/s  p50 %8.2f  p99 %8.2f  max %8.2f ms  cpu %7.1f us (%.0f%% system)%s%s\n", result->name,
	    outcome_rate(result->outcome), (double)histogram_percentile_ns(latency, 50) / 1e6,
	    (double)histogram_percentile_ns(latency, 99) / 1e6, (double)histogram_max_ns(latency) / 1e6,
	    stage_cpu_us(result),
	    result->cpu_ns == 0 ? 0 : 100.0 * (double)result->system_ns / (double)result->cpu_ns,
	    result->why_invalid == NULL ? "" : "  INVALID: ",
	    result->why_invalid == NULL ? "" : result->why_invalid);
	fflush(stdout);
}

void
stage_result_free(struct stage_result *result)
{
	outcome_destroy(result->outcome);
	result->outcome = NULL;
}

double
stage_cpu_us(const struct stage_result *result)
{
	return result->outcome->accepted == 0 ? 0 : (double)result->cpu_ns / 1e3 / (double)result->outcome->accepted;
}
