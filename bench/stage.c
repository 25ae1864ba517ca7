/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens the idlers, drives the load, reads the accounts, and says whether the generator kept up. */
#include "bench/stage.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/idlers.h"
#include "bench/pin.h"

#define SECOND_NS ((uint64_t)1000000000)
#define GRACE_NS (10 * SECOND_NS)
/* The generator's own lateness, in the worst hundredth of arrivals, beyond which a run says more about it than about
 * the server. */
#define LAG_MAX_NS ((uint64_t)1000000)
/* Asking for every receipt again. */
#define AGAIN_CONNECTIONS 64
#define AGAIN_WINDOW 8
#define AGAIN_MAX_NS (600 * SECOND_NS)
#define RETRY_NS (SECOND_NS / 10)
#define SEED 20051013

static const char late[] = "the generator was behind its schedule";

void
stage_server_cpus(cpu_set_t *cpus)
{
	CPU_ZERO(cpus);
	CPU_SET(STAGE_SERVER_CORE, cpus);
}

/* What the kernel says of the server as the measured part begins and ends. */
struct meter {
	struct process *process;
	struct family families[2];
	struct account accounts[2];
	bool has_failed;
};

static void
meter_read(void *context, bool is_end)
{
	struct meter *meter = context;
	struct family *family = &meter->families[is_end];

	if (process_has_ended(meter->process) || !family_find(process_id(meter->process), family) ||
	    !family_account(family, &meter->accounts[is_end]))
		meter->has_failed = true;
}

/* One that has ended took its account with it; one that came had none before. */
static bool
meter_is_of_one_family(const struct meter *meter)
{
	const struct family *begin = &meter->families[0], *end = &meter->families[1];
	return begin->count == end->count && memcmp(begin->pids, end->pids, begin->count * sizeof begin->pids[0]) == 0;
}

static double
part_of(uint64_t part_ns, uint64_t whole_ns)
{
	return whole_ns == 0 ? 0 : part_ns >= whole_ns ? 1 : (double)part_ns / (double)whole_ns;
}

static void
take_accounts(struct stage_result *result, const struct meter *meter)
{
	const struct account *begin = &meter->accounts[0], *end = &meter->accounts[1];

	result->resident_bytes = end->resident_bytes;
	result->anonymous_bytes = end->anonymous_bytes;
	result->generator_busy = part_of(result->outcome->busy_ns, result->outcome->duration_ns);
	if (!meter_is_of_one_family(meter)) {
		result->why_invalid = "the server's processes were not the same all along";
		return;
	}
	result->cpu_ns = end->cpu_ns - begin->cpu_ns;
	result->system_ns = end->system_ns - begin->system_ns;
	result->server_busy = part_of(result->cpu_ns, result->outcome->duration_ns);
}

static struct drive_plan
drive_plan_of(const struct stage_server *server, const struct stage_plan *plan)
{
	return (struct drive_plan){
		.loop = server->loop,
		.tls = server->tls,
		.dialect = server->dialect,
		.port = server->port,
		.script = plan->drive != NULL ? plan->drive : script_drive(plan->script),
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
why_invalid(const struct stage_result *result, const struct stage_plan *plan)
{
	const struct outcome *outcome = result->outcome;

	if (outcome->accepted == 0)
		return "nothing was accepted";
	if (result->is_late)
		return late;
	if (!result->is_open_loop && result->generator_busy >= STAGE_BUSY && result->server_busy < STAGE_BUSY)
		return "the generator was the limit: it was busy all the time, the server was not";
	if (result->is_open_loop && outcome->due > plan->jobs_max)
		return "there were more arrivals than filings";
	return NULL;
}

/* Chance may make arrivals some more than are expected: why_invalid sees to that. */
static enum error
make_schedule(const struct stage_plan *plan, struct schedule **out, struct fault *fault)
{
	if (plan->curve == NULL)
		return ERROR_NONE;
	if (curve_count(plan->curve) > (double)plan->jobs_max)
		return fault_set(fault, ERROR_usage, "arrivals", SLICE_EMPTY,
		    "no more than there are filings: a lower --rate, or a larger --count");
	*out = schedule_create(plan->curve, plan->arrivals, SEED);
	return *out == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) : ERROR_NONE;
}

static enum error
stage_drive(const struct stage_server *server, const struct stage_plan *plan, struct stage_result *result,
    struct fault *fault)
{
	struct drive_plan drive = drive_plan_of(server, plan);
	struct meter meter = { .process = server->process };
	struct schedule *schedule = NULL;
	enum error error = make_schedule(plan, &schedule, fault);

	if (plan->curve != NULL)
		result->offered = (curve_count(plan->curve) - curve_count_before(plan->curve, plan->warmup_ns)) * 1e9 /
		    (double)plan->duration_ns;
	drive.schedule = schedule;
	drive.marked = meter_read;
	drive.context = &meter;
	if (error == ERROR_NONE)
		error = drive_run(&drive, &result->outcome, fault);
	schedule_destroy(schedule);
	if (error != ERROR_NONE)
		return error;
	if (meter.has_failed)
		return fault_set(fault, ERROR_unreachable, server->name, SLICE_EMPTY, "a server that lives on");
	take_accounts(result, &meter);
	result->is_late = result->is_open_loop && histogram_percentile_ns(result->outcome->lag, 99) > LAG_MAX_NS;
	if (result->why_invalid == NULL)
		result->why_invalid = why_invalid(result, plan);
	return ERROR_NONE;
}

/* With the idlers there all along. */
static enum error
stage_play(const struct stage_server *server, const struct stage_plan *plan, struct stage_result *result,
    struct fault *fault)
{
	struct idlers *idlers = NULL;
	enum error error = ERROR_NONE;

	if (plan->idlers != 0)
		error = idlers_open(server, plan->idlers, plan->connections, &idlers, fault);
	if (error == ERROR_NONE)
		error = stage_drive(server, plan, result, fault);
	if (error == ERROR_NONE && idlers != NULL) {
		result->idlers = idlers_count(idlers);
		result->idle_bytes = idlers_bytes(idlers);
		result->idle_bytes_end = idlers_bytes_of(idlers, result->resident_bytes);
		if (idlers_open_count(idlers) != result->idlers)
			result->why_invalid = "the server closed idle connections";
	}
	idlers_close(idlers);
	return error;
}

enum error
stage_run(const struct stage_server *server, const struct stage_plan *plan, struct stage_result *result,
    struct fault *fault)
{
	struct pin pin;

	*result = (struct stage_result){ .name = plan->name, .scenario = plan->scenario, .kind = plan->kind,
		.server = server->name, .connections = plan->connections, .window = plan->window,
		.idlers_planned = plan->idlers, .arrivals = plan->arrivals, .seed = SEED,
		.is_open_loop = plan->curve != NULL };
	enum error error = pin_take(STAGE_GENERATOR_CORE, &pin, fault);
	if (error != ERROR_NONE)
		return error;
	/* What was written before, copies of offices above all, is not this run's to write. */
	sync();
	error = stage_play(server, plan, result, fault);
	pin_release(&pin);
	return error;
}

/* ---- receipts ---- */

/* Drives a script over jobs of the run once more. */
static enum error
ask_again(const struct stage_server *server, const struct stage_plan *plan, struct fault *fault)
{
	const struct drive_plan drive = drive_plan_of(server, plan);
	struct outcome *outcome = NULL;
	struct pin pin;
	enum error error = pin_take(STAGE_GENERATOR_CORE, &pin, fault);

	if (error != ERROR_NONE)
		return error;
	error = drive_run(&drive, &outcome, fault);
	outcome_destroy(outcome);
	pin_release(&pin);
	return error;
}

static const char *
why_receipts_invalid(const struct stage_result *result)
{
	const struct receipts_report *receipts = &result->receipts;

	if (receipts->received != outcome_count_of(result->outcome, 0))
		return "receipts were fewer than acceptances";
	if (receipts->verified != receipts->received || receipts->same != receipts->received)
		return "a receipt was not genuine, or another when its filing came again";
	if (receipts->fetched_same != receipts->fetched)
		return "a receipt was another when asked for by name";
	return NULL;
}

enum error
stage_verify(const struct stage_server *server, struct corpus *corpus, const struct guichet_trust *trust,
    const struct stage_plan *played, struct stage_result *result, struct fault *fault)
{
	const uint64_t count = result->outcome->started;
	const struct receipts_sample sample = receipts_sample_of(played->jobs_first, count);
	struct script *again = script_create(&script_file, corpus), *fetched = script_create(&script_receipt, corpus);
	const struct stage_plan resend = { .script = again, .connections = AGAIN_CONNECTIONS, .window = AGAIN_WINDOW,
		.jobs_first = played->jobs_first, .jobs_max = count, .duration_ns = AGAIN_MAX_NS };
	const struct stage_plan fetch = { .script = fetched, .connections = AGAIN_CONNECTIONS, .window = 1,
		.is_fresh = true, .jobs_max = sample.count, .duration_ns = AGAIN_MAX_NS };
	enum error error = ERROR_NONE;

	if (again == NULL || fetched == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error == ERROR_NONE)
		error = ask_again(server, &resend, fault);
	if (error == ERROR_NONE) {
		script_spread(fetched, sample.first, sample.step);
		error = ask_again(server, &fetch, fault);
	}
	if (error == ERROR_NONE && !receipts_check(played->script, again, corpus, trust, (size_t)played->jobs_first,
	    (size_t)count, &result->receipts))
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error == ERROR_NONE && !receipts_compare(again, fetched, &sample, &result->receipts))
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	result->has_receipts = error == ERROR_NONE;
	/* Told before all else: it is the graver matter. */
	const char *why = result->has_receipts ? why_receipts_invalid(result) : NULL;
	if (why != NULL)
		result->why_invalid = why;
	script_destroy(again);
	script_destroy(fetched);
	return error;
}

void
stage_print(const struct stage_result *result)
{
	const struct histogram *latency = result->outcome->latency;

	printf("%-24s %9.0f/s  p50 %8.2f  p99 %8.2f  max %8.2f ms  cpu %7.1f us (%.0f%% system)  "
	    "busy: generator %.0f%%, server %.0f%%%s%s\n", result->name,
	    outcome_rate(result->outcome), (double)histogram_percentile_ns(latency, 50) / 1e6,
	    (double)histogram_percentile_ns(latency, 99) / 1e6, (double)histogram_max_ns(latency) / 1e6,
	    stage_cpu_us(result),
	    result->cpu_ns == 0 ? 0 : 100.0 * (double)result->system_ns / (double)result->cpu_ns,
	    100 * result->generator_busy, 100 * result->server_busy,
	    result->why_invalid == NULL ? "" : "  INVALID: ",
	    result->why_invalid == NULL ? "" : result->why_invalid);
	if (result->idlers != 0)
		printf("  %zu idle connections, %.0f bytes each, %.0f at the end\n", result->idlers,
		    (double)result->idle_bytes / (double)result->idlers,
		    (double)result->idle_bytes_end / (double)result->idlers);
	fflush(stdout);
}

void
stage_result_free(struct stage_result *result)
{
	outcome_destroy(result->outcome);
	result->outcome = NULL;
}

bool
stage_is_only_late(const struct stage_result *result)
{
	return result->why_invalid == late;
}

double
stage_cpu_us(const struct stage_result *result)
{
	return result->outcome->accepted == 0 ? 0 : (double)result->cpu_ns / 1e3 / (double)result->outcome->accepted;
}
