/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes in: which requests become jobs, and what is said to the others. */
#include "server/dispatch.h"

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
	bool is_stopping;
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
	dispatch->is_stopping = true;
}

size_t
dispatch_jobs(const struct dispatch *dispatch)
{
	return dispatch->jobs.count;
}

/* ---- refused ---- */

void
dispatch_refuse(struct dispatch *dispatch, struct dispatch_asker *asker, const struct frame *request, enum error error)
{
	const struct fault fault = { .error = error };
	uint64_t now_ms = dispatch->config.wall_ms(dispatch->config.context);

	jobs_refuse(&dispatch->jobs, dispatch->office, asker, request, now_ms, &fault);
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

/* ERROR_NONE when the server takes another request of this kind now. */
static enum error
dispatch_admit(struct dispatch *dispatch, const struct operation *operation, const struct arrival *arrival)
{
	if (operation == NULL)
		return ERROR_operation_unknown;
	if (dispatch->is_stopping)
		return ERROR_server_stopping;
	if (!admission_grants(&dispatch->admission, operation, arrival->at_ms, arrival->waited_ms))
		return ERROR_busy;
	/* Who only reads is heard a while longer, so that a crowd of writers does not hide the server. */
	size_t jobs_max = dispatch->config.jobs_max * (operation->writes ? 1 : 2);
	if (dispatch->jobs.count >= jobs_max || dispatch->jobs.memory >= JOBS_MEMORY_MAX)
		return ERROR_busy;
	return ERROR_NONE;
}

void
dispatch_submit(struct dispatch *dispatch, struct dispatch_asker *asker, const struct frame *frame,
    const struct arrival *arrival)
{
	const struct operation *operation = operation_find(frame->op);
	struct fault fault = { .error = dispatch_admit(dispatch, operation, arrival) };
	struct job *job = NULL;

	if (fault.error == ERROR_NONE) {
		const struct job_plan plan = { dispatch->office, asker, operation,
			dispatch_find_handler(dispatch, operation->number), frame->stream, arrival->at_ms };
		job = job_create(&dispatch->jobs, &plan);
		if (job == NULL)
			fault.error = ERROR_busy;
	}
	if (job == NULL)
		jobs_refuse(&dispatch->jobs, dispatch->office, asker, frame, arrival->at_ms, &fault);
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
	struct job *job = dispatch->is_stopping ? NULL : job_create(&dispatch->jobs, &plan);

	if (job != NULL)
		job_begin_own(job);
}

void
dispatch_forget(struct dispatch *dispatch, struct dispatch_asker *asker)
{
	jobs_forget(&dispatch->jobs, asker);
}
