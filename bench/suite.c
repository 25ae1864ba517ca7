/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of steps, each of which adds runs and figures. */
#include "bench/suite.h"

#include <stdio.h>
#include <string.h>

#include "bench/fault.h"
#include "bench/scenario.h"
#include "bench/steps.h"
#include "protocol/check.h"

static const struct step {
	const char *name;
	enum error (*run)(struct suite *suite, enum results_kind kind, struct fault *fault);
	bool for_default_only; /* keys do not matter */
} steps[] = {
	{ "floor", steps_floor, false },
	{ "resident", steps_resident, false },
	{ "redis", steps_redis, false },
	{ "latency70", steps_latency70, false },
	{ "disk", steps_disk, false },
	{ "overload", steps_overload, false },
	{ "last-evening", steps_last_evening, false },
	{ "evening", steps_evening, false },
	{ "nginx", steps_nginx, false },
	{ "enrol", steps_enrol, false },
	{ "mixed", steps_mixed, false },
	{ "idle", steps_idle, true },
	{ "peer-idle", steps_nginx_idle, true },
	{ "growth", steps_growth, true },
};

#define STEPS_COUNT (sizeof steps / sizeof steps[0])

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

const char *
suite_step_name(size_t nth)
{
	check(nth < STEPS_COUNT);
	return steps[nth].name;
}

size_t
suite_steps_count(void)
{
	return STEPS_COUNT;
}

static bool
is_step(const char *name, size_t size)
{
	for (size_t i = 0; i < STEPS_COUNT; i++)
		if (strlen(steps[i].name) == size && strncmp(steps[i].name, name, size) == 0)
			return true;
	return false;
}

enum error
suite_check(const char *only, struct fault *fault)
{
	for (const char *name = only; name != NULL;) {
		size_t size = strcspn(name, ",");
		if (!is_step(name, size))
			return fault_set(fault, ERROR_usage, "--only", slice_of(name, size),
			    "names that --help lists as steps of all");
		name = name[size] == '\0' ? NULL : name + size + 1;
	}
	return ERROR_NONE;
}

static bool
is_wanted(const struct suite *suite, const struct step *step, enum results_kind kind)
{
	return (!step->for_default_only || kind == 0) &&
	    (suite->options->only == NULL || is_listed(suite->options->only, step->name));
}

/* Says so when a step cannot be made: one that stands on the highest rate when that is not known, or on a curve. */
static bool
is_possible(struct suite *suite, const struct step *step, enum results_kind kind)
{
	const struct scenario *scenario = scenario_find(step->name);
	const char *why = NULL;

	if (step->run == steps_last_evening && suite->options->curve == NULL)
		why = "no --curve is given";
	else if (scenario != NULL && scenario->is_open && suite->highest[kind] <= 0)
		why = "no valid run of resident says what the highest rate is";
	if (why != NULL)
		printf("%-24s left out: %s\n", steps_name(suite, step->name, kind), why);
	return why == NULL;
}

static void
tell_failure(struct suite *suite, const struct step *step, enum results_kind kind, const struct fault *fault)
{
	printf("%-24s FAILED: ", steps_name(suite, step->name, kind));
	fault_print(stdout, fault);
	fflush(stdout);
	results_failure(suite->results, step->name, kind, fault);
}

static enum error
run_step(struct suite *suite, const struct step *step, enum results_kind kind, struct fault *fault)
{
	struct fault kept;
	enum error error = step->run(suite, kind, fault);

	if (error != ERROR_NONE) {
		(void)fault_keep(fault, suite->arena);
		tell_failure(suite, step, kind, fault);
	}
	enum error unkept = suite->keep == NULL ? ERROR_NONE : suite->keep(suite->context, &kept);
	if (unkept == ERROR_NONE)
		return error;
	(void)fault_keep(&kept, suite->arena);
	tell_failure(suite, step, kind, &kept);
	if (error == ERROR_NONE)
		*fault = kept;
	return error == ERROR_NONE ? unkept : error;
}

enum error
suite_run(struct suite *suite, struct fault *fault)
{
	enum error first = ERROR_NONE;

	for (int kind = 0; kind < RESULTS_KINDS; kind++)
		for (size_t i = 0; i < STEPS_COUNT; i++) {
			struct fault failed;
			if (!is_wanted(suite, &steps[i], (enum results_kind)kind) ||
			    !is_possible(suite, &steps[i], (enum results_kind)kind))
				continue;
			enum error error = run_step(suite, &steps[i], (enum results_kind)kind, &failed);
			if (error != ERROR_NONE && first == ERROR_NONE)
				*fault = failed;
			first = first == ERROR_NONE ? error : first;
		}
	return first;
}
