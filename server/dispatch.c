/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes in: which requests become jobs, and what is said to the others. */
#include "server/dispatch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "protocol/check.h"
#include "server/admission.h"
#include "server/job.h"
#include "server/office.h"

/* Memory of all requests under way, beyond which the answer is busy: what a few hostile ones could hold together. */
#define JOBS_MEMORY_MAX ((size_t)1024 * 1024 * 1024)

struct dispatch {
	struct dispatch_config config;
	struct office *office;
	struct admission admission;
	struct jobs jobs;
};

/* ---- life ---- */

struct dispatch *
dispatch_create(const struct dispatch_config *config)
{
	struct dispatch *dispatch = calloc(1, sizeof *dispatch);

	if (dispatch == NULL)
		return NULL;
	dispatch->config = *config;
	if (!jobs_open(&dispatch->jobs, &dispatch->config)) {
		free(dispatch);
		return NULL;
	}
	dispatch->admission.busy_after_ms = config->busy_after_ms;
	dispatch->admission.enrolments_per_second = config->enrolments_per_second;
	dispatch->office = office_hold(config->office);
	return dispatch;
}

void
dispatch_destroy(struct dispatch *dispatch)
{
	if (dispatch == NULL)
		return;
	jobs_close(&dispatch->jobs);
	office_release(dispatch->office);
	free(dispatch);
}

void
dispatch_set_office(struct dispatch *dispatch, struct office *office)
{
	office_release(dispatch->office);
	dispatch->office = office_hold(office);
}

void
dispatch_stop(struct dispatch *dispatch)
{
	dispatch->jobs.is_stopping = true;
}

size_t
dispatch_jobs(const struct dispatch *dispatch)
{
	return dispatch->jobs.count;
}

/* ---- refused ---- */

void
dispatch_refuse(struct dispatch *dispatch, struct dispatch_asker *asker, const struct frame *request,
    const struct fault *fault)
{
	uint64_t now_ms = dispatch->config.wall_ms(dispatch->config.context);

	jobs_refuse(&dispatch->jobs, dispatch->office, asker, request, now_ms, fault);
}

/* ---- taken ---- */

static decide
dispatch_find_handler(const struct dispatch *dispatch, enum operation_number operation)
{
	const struct dispatch_handler *handler = dispatch->config.handlers;

	while (handler->decide != NULL && handler->operation != operation)
		handler++;
	check(handler->decide != NULL);
	return handler->decide;
}

/* Whoever waited too long, or enrols beyond the budget of a crowded server, is not begun. */
static enum error
refuse_waiting(const struct dispatch *dispatch, const struct operation *operation, uint64_t waited_ms,
    struct number_fault *fault)
{
	const struct admission *admission = &dispatch->admission;

	if (operation->number == OPERATION_enrol)
		return number_fault_set(fault, ERROR_busy, "waited_ms", waited_ms,
		    "one of the %" PRIu64 " enrolments of a second, or no others that wait",
		    admission->enrolments_per_second);
	return number_fault_set(fault, ERROR_busy, "waited_ms", waited_ms, "at most %" PRIu64,
	    admission->busy_after_ms / (operation->writes ? ADMISSION_WRITE_PART : ADMISSION_READ_PART));
}

/* ERROR_NONE when the server takes another request of this kind now. */
static enum error
dispatch_admit(struct dispatch *dispatch, const struct frame *frame, const struct operation *operation,
    const struct arrival *arrival, struct number_fault *fault)
{
	const struct jobs *jobs = &dispatch->jobs;

	if (operation == NULL)
		return number_fault_set(
		    fault, ERROR_operation_unknown, "frame.op", frame->op, "the number of an operation");
	if (dispatch->jobs.is_stopping)
		return fault_set(&fault->fault, ERROR_server_stopping, "server", SLICE_LITERAL("stopping"),
		    "one that takes requests: itself after its start, or another");
	if (!admission_grants(&dispatch->admission, operation, arrival->at_ms, arrival->waited_ms))
		return refuse_waiting(dispatch, operation, arrival->waited_ms, fault);
	/* Who only reads is heard a while longer, so that a crowd of writers does not hide the server. */
	size_t jobs_max = dispatch->config.jobs_max * (operation->writes ? 1 : 2);
	size_t requests = jobs->count - jobs->own_count;
	if (requests >= jobs_max)
		return number_fault_set(
		    fault, ERROR_busy, "requests under way", requests, "fewer than %zu", jobs_max);
	if (jobs->memory >= JOBS_MEMORY_MAX)
		return number_fault_set(fault, ERROR_busy, "bytes of requests under way", jobs->memory,
		    "fewer than %zu", JOBS_MEMORY_MAX);
	return ERROR_NONE;
}

void
dispatch_submit(struct dispatch *dispatch, struct dispatch_asker *asker, const struct frame *frame,
    const struct arrival *arrival)
{
	const struct operation *operation = operation_find(frame->op);
	struct number_fault fault;
	struct job *job = NULL;

	if (dispatch_admit(dispatch, frame, operation, arrival, &fault) == ERROR_NONE) {
		const struct job_plan plan = { dispatch->office, asker, operation,
			dispatch_find_handler(dispatch, operation->number), frame->stream, arrival->at_ms };
		job = job_create(&dispatch->jobs, &plan);
		if (job == NULL)
			(void)fault_set(&fault.fault, ERROR_busy, "memory", SLICE_LITERAL("none"),
			    "memory for another request");
	}
	if (job == NULL)
		jobs_refuse(&dispatch->jobs, dispatch->office, asker, frame, arrival->at_ms, &fault.fault);
	else
		job_begin(job, frame->body, arrival->read_ago_ms);
}

void
dispatch_work(struct dispatch *dispatch, decide handler, uint64_t now_ms)
{
	/* Vital: it goes on when nobody else may write. */
	static const struct operation own_work = { 0, "own_work", message_nothing, message_done, ROLE_NOBODY, true,
	    true, "", "" };
	const struct job_plan plan = { dispatch->office, NULL, &own_work, handler, 0, now_ms };

	/* Another of the kind would read the same, and wait for the first in conflict with it. */
	if (dispatch->jobs.is_stopping || jobs_have_own(&dispatch->jobs, handler))
		return;
	struct job *job = job_create(&dispatch->jobs, &plan);
	if (job != NULL)
		job_begin_own(job);
}

void
dispatch_forget(struct dispatch *dispatch, struct dispatch_asker *asker)
{
	jobs_forget(&dispatch->jobs, asker);
}
