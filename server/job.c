/* SPDX-License-Identifier: Apache-2.0
 *
 * A job's way: taken, equipped, decided as often as it takes, committed, answered. */
#include "server/job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/codec.h"
#include "server/address.h"
#include "server/answer.h"
#include "server/dispatch.h"
#include "server/gate.h"
#include "server/office.h"
#include "server/store/keyring.h"

/* Memory of one request: its body and what is decoded of it. */
#define REQUEST_ARENA ((size_t)4 * 1024 * 1024)
/* Memory of one run: the documents inflated, the parsed trees, what it reads, what it writes. */
#define JOB_ARENA ((size_t)32 * 1024 * 1024)
/* Jobs kept with their arenas for those who come: taking memory and giving it back costs as much as decoding. */
#define SPARES_MAX 64
/* Steps of the office's own work that follow each other, one a batch, before it waits for the next tick: five thousand
 * counters of failed attempts, of which 2,500 a second were made by 200 addresses. A step takes about a millisecond. */
#define OWN_STEPS_MAX 50

struct job {
	struct commit_entry entry;
	struct job *previous, *next;
	struct jobs *jobs;
	struct dispatch_asker *asker; /* NULL: gone */
	struct office *office;
	const struct operation *operation;
	decide handler;
	uint32_t stream;
	uint8_t correlation[CORRELATION_SIZE];
	uint64_t received_ms;
	struct arena *arena; /* the request, and what outlives a run */
	struct arena *run;   /* what one run reads and notes; emptied before the next */
	size_t memory; /* of both arenas, as counted in jobs->memory */
	uint64_t promised; /* room on the disk, as counted in jobs->room */
	bool is_waiting; /* for a batch that writes what it read */
	unsigned steps; /* of the office's own work, behind the first */
	struct view *view;
	struct commit_watch watch; /* while reads are pending */
	void *request;
	struct context context;
	struct effects effects;
	struct verified *verified;
};

static void job_run(struct job *job);
static void job_restart(struct job *job);

/* ---- all of them ---- */

bool
jobs_open(struct jobs *jobs, const struct dispatch_config *config)
{
	*jobs = (struct jobs){ .config = config, .answer = answer_create(config->retry_after_ms),
		.room = { .store = config->store, .promised_max = config->promised_max } };
	return jobs->answer != NULL;
}

static void
job_free(struct job *job)
{
	arena_destroy(job->run);
	arena_destroy(job->arena);
	free(job);
}

void
jobs_close(struct jobs *jobs)
{
	check(jobs->first == NULL);
	while (jobs->spares != NULL) {
		struct job *next = jobs->spares->next;
		job_free(jobs->spares);
		jobs->spares = next;
	}
	answer_destroy(jobs->answer);
}

void
jobs_forget(struct jobs *jobs, const struct dispatch_asker *asker)
{
	for (struct job *job = jobs->first; job != NULL; job = job->next)
		if (job->asker == asker)
			job->asker = NULL;
}

static bool
job_is_own(const struct job *job)
{
	return job->operation->number == 0;
}

bool
jobs_have_own(const struct jobs *jobs, decide handler)
{
	const struct job *job = jobs->own_count == 0 ? NULL : jobs->first;

	while (job != NULL && !(job_is_own(job) && job->handler == handler))
		job = job->next;
	return job != NULL;
}

/* Do too many requests from this address wait for each other already? The last of them waits for as many batches, and
 * each is looked at again after every one. */
static bool
jobs_crowded(const struct jobs *jobs, const struct job *newcomer)
{
	size_t waiting = 0;

	for (const struct job *job = jobs->first; job != NULL; job = job->next)
		waiting += job->is_waiting && address_is_same(job->context.address, newcomer->context.address);
	return newcomer->asker != NULL && waiting >= jobs->config->waiting_max;
}

/* ---- answers ---- */

static bool
effects_write(const struct effects *effects)
{
	return effects->puts != NULL || effects->blobs != NULL || effects->leaves != NULL;
}

/* What becomes of a request, of which `answer` has the op and the stream: for the log, and for who asked. */
static void
jobs_answer(struct jobs *jobs, struct dispatch_asker *asker, struct frame answer, const struct operation *operation,
    const uint8_t *correlation, const struct effects *effects, uint64_t received_ms)
{
	enum error error = answer_encode(jobs->answer, operation, correlation, effects, &answer.body);
	enum error cause = error != ERROR_NONE && effects->refusal.error == ERROR_NONE ? error : effects->refusal.error;
	const struct dispatch_event event = { operation, error, cause, effects_write(effects), correlation, received_ms,
		asker == NULL ? NULL : asker->address };

	answer.flags = FRAME_ANSWER;
	answer.status = (uint32_t)error;
	jobs->config->answered(jobs->config->context, &event);
	if (asker != NULL)
		asker->answer(asker, &answer);
}

static void
correlation_make(const struct office *office, uint8_t out[CORRELATION_SIZE])
{
	/* Only a name in the log: without randomness left it is still an answer. */
	if (!keyring_random(office->keyring, out, CORRELATION_SIZE))
		memset(out, 0, CORRELATION_SIZE);
}

void
jobs_refuse(struct jobs *jobs, const struct office *office, struct dispatch_asker *asker, const struct frame *request,
    uint64_t now_ms, const struct fault *fault)
{
	const struct frame answer = { .op = request->op, .stream = request->stream };
	const struct effects effects = { .refusal = *fault };
	uint8_t correlation[CORRELATION_SIZE];

	correlation_make(office, correlation);
	jobs_answer(jobs, asker, answer, operation_find(request->op), correlation, &effects, now_ms);
}

/* ---- taken, and given back ---- */

/* With empty arenas and nothing else; NULL when memory is short. */
static struct job *
job_take(struct jobs *jobs)
{
	struct job *job = jobs->spares;

	if (job != NULL) {
		jobs->spares = job->next;
		jobs->spares_count--;
		job->next = NULL;
		return job;
	}
	job = calloc(1, sizeof *job);
	if (job == NULL)
		return NULL;
	job->arena = arena_create(REQUEST_ARENA);
	job->run = arena_create(JOB_ARENA);
	if (job->arena != NULL && job->run != NULL)
		return job;
	job_free(job);
	return NULL;
}

struct job *
job_create(struct jobs *jobs, const struct job_plan *plan)
{
	struct job *job = job_take(jobs);

	if (job == NULL)
		return NULL;
	job->jobs = jobs;
	job->asker = plan->asker;
	job->office = office_hold(plan->office);
	job->operation = plan->operation;
	job->handler = plan->handler;
	job->stream = plan->stream;
	job->received_ms = plan->now_ms;
	job->context.now = plan->now_ms / 1000;
	job->context.now_ms = plan->now_ms;
	job->context.office = job->office;
	job->context.holder.role = ROLE_NOBODY;
	if (plan->asker != NULL) {
		job->context.holder = plan->asker->holder;
		memcpy(job->context.address, plan->asker->address, sizeof plan->asker->address);
		memcpy(job->context.channel_binding, plan->asker->channel_binding,
		    sizeof plan->asker->channel_binding);
	}
	job->next = jobs->first;
	if (job->next != NULL)
		job->next->previous = job;
	jobs->first = job;
	jobs->count++;
	jobs->own_count += job_is_own(job);
	return job;
}

static void
job_destroy(struct job *job)
{
	struct jobs *jobs = job->jobs;

	if (job->previous != NULL)
		job->previous->next = job->next;
	else
		jobs->first = job->next;
	if (job->next != NULL)
		job->next->previous = job->previous;
	jobs->count--;
	jobs->own_count -= job_is_own(job);
	jobs->memory -= job->memory;
	room_promise(&jobs->room, job->promised, 0);
	office_release(job->office);
	if (jobs->spares_count == SPARES_MAX) {
		job_free(job);
		return;
	}
	arena_reset(job->run);
	arena_reset(job->arena);
	*job = (struct job){ .next = jobs->spares, .arena = job->arena, .run = job->run };
	jobs->spares = job;
	jobs->spares_count++;
}

/* ---- answered ---- */

static void
job_answer(struct job *job)
{
	if (job->effects.refusal.error == ERROR_NONE && job->effects.logs_in && job->asker != NULL) {
		/* Another log-in on this connection may have been answered while this one was decided. */
		if (job->asker->holder.role != ROLE_NOBODY)
			job->effects = (struct effects){ .refusal = { .error = ERROR_already_logged_in } };
		else
			job->asker->holder = job->effects.holder;
	}
	const struct frame answer = { .op = (uint16_t)job->operation->number, .stream = job->stream };
	jobs_answer(job->jobs, job->asker, answer, job->operation, job->correlation, &job->effects, job->received_ms);
	job_destroy(job);
}

static void
job_refuse(struct job *job, enum error error)
{
	job->effects = (struct effects){ .refusal = { .error = error } };
	job_answer(job);
}

/* Other processes have written what it read, each time that it was decided. */
static void
job_busy(struct commit_entry *entry)
{
	job_refuse((struct job *)entry, ERROR_busy);
}

/* Its batch is durable. */
static void
job_settled(struct commit_entry *entry)
{
	struct job *job = (struct job *)entry;

	if (job->effects.changes_crl)
		job->jobs->config->crl_changed(job->jobs->config->context);
	/* Nobody else under this office needs to put it there again. */
	if (job->effects.keeps_year)
		job->office->has_kept_year = true;
	if (job->effects.has_more && !job->jobs->is_stopping && ++job->steps < OWN_STEPS_MAX)
		job_restart(job);
	else
		job_answer(job);
}

/* What it waited for is durable, or its own batch was in conflict with another process: decide afresh, unless one who
 * waited before it now writes what it read. So of a crowd that writes one record, one decides after each batch and not
 * all of them, which would cost the square of their number. */
static void
job_again(struct commit_entry *entry)
{
	struct job *job = (struct job *)entry;
	struct commit *commit = job->jobs->config->commit;

	if (commit_conflicts(commit, job->view)) {
		job->is_waiting = true;
		entry->done = job_again;
		commit_wait(commit, entry);
		return;
	}
	job->is_waiting = false;
	job_restart(job);
}

static void
job_loaded(void *context)
{
	struct job *job = context;

	commit_watch_stop(job->jobs->config->commit, &job->watch);
	if (job->watch.is_stale)
		job_restart(job);
	else
		job_run(job);
}

/* Decides afresh, with nothing read and nothing kept but what was verified: however often it waits, it holds no
 * more. */
static void
job_restart(struct job *job)
{
	arena_reset(job->run);
	job->view = view_create(job->jobs->config->store, job->run, job_loaded, job);
	if (job->view == NULL)
		job_refuse(job, ERROR_out_of_memory);
	else
		job_run(job);
}

static void
job_count_memory(struct job *job)
{
	job->jobs->memory -= job->memory;
	job->memory = arena_used(job->arena) + arena_used(job->run);
	job->jobs->memory += job->memory;
}

/* Room for what the decision writes. What it was promised before, when its batch was given up for a conflict, it still
 * has. */
static enum error
job_ask_room(const struct job *job, uint64_t wanted)
{
	return wanted <= job->promised ? ERROR_NONE :
	    room_ask(&job->jobs->room, job->operation, wanted - job->promised);
}

static enum error
job_take_room(struct job *job)
{
	uint64_t wanted = effects_write(&job->effects) ? ROOM_RECORDS : 0;

	for (const struct effect_blob *blob = job->effects.blobs; blob != NULL; blob = blob->next)
		wanted += blob->bytes.size;
	enum error error = job_ask_room(job, wanted);
	if (error != ERROR_NONE)
		return error;
	room_promise(&job->jobs->room, job->promised, wanted);
	job->promised = wanted;
	return ERROR_NONE;
}

/* Where other processes write, only a commit tells whether what was read still is so, even one that writes nothing. */
static bool
job_is_unsure(const struct job *job)
{
	return !store_is_exclusive(job->jobs->config->store) && view_reads(job->view) != NULL;
}

/* Into the open batch, if there is room for it on the disk. */
static void
job_commit(struct job *job)
{
	enum error error = job_take_room(job);

	if (error != ERROR_NONE) {
		job_refuse(job, error);
		return;
	}
	job->entry.done = job_settled;
	job->entry.again = job_again;
	job->entry.busy = job_busy;
	commit_add(job->jobs->config->commit, &job->entry);
}

static void
job_decided(struct job *job)
{
	struct commit *commit = job->jobs->config->commit;

	if (job->effects.failed) {
		job_refuse(job, ERROR_out_of_memory);
		return;
	}
	/* A refusal may rest on what is half there: a store can show a batch that is not settled yet, so that one
	 * read came before it and the next one after. Nothing final is said on such ground. */
	bool writes = effects_write(&job->effects), is_refused = job->effects.refusal.error != ERROR_NONE;
	bool has_conflict = (writes || is_refused) && commit_conflicts(commit, job->view);
	if (!writes && !has_conflict && !(is_refused && job_is_unsure(job))) {
		job_answer(job);
		return;
	}
	job->entry.view = job->view;
	job->entry.effects = &job->effects;
	job->entry.arena = job->run;
	job->entry.now = job->context.now;
	/* Whoever waits is promised nothing yet: what is written meanwhile may be this very request, sent twice. */
	if (!has_conflict && !commit_is_full(commit)) {
		job_commit(job);
	} else if (has_conflict && jobs_crowded(job->jobs, job)) {
		job_refuse(job, ERROR_busy);
	} else {
		job->is_waiting = true;
		job->entry.done = job_again;
		commit_wait(commit, &job->entry);
	}
}

/* One run of gate and handler over what is loaded. */
static enum outcome
job_decide(struct job *job)
{
	struct decision decision = { &job->context, job->view, job->run, &job->effects, &job->verified, job->arena };

	job->context.room = job_ask_room(job, ROOM_RECORDS);
	job->effects = (struct effects){ .answer = arena_alloc(job->run, job->operation->answer()->size) };
	if (job->effects.answer == NULL)
		return refuse(&decision, ERROR_out_of_memory);
	switch (gate_check(&decision, job->operation)) {
	case GATE_AGAIN:
		return AGAIN;
	case GATE_REFUSED:
		return DECIDED;
	case GATE_OPEN:
		break;
	}
	return job->handler(&decision, job->request);
}

static void
job_run(struct job *job)
{
	const struct dispatch_config *config = job->jobs->config;

	enum outcome outcome = job_decide(job);
	job_count_memory(job);
	enum error error = view_error(job->view);
	/* Whatever the outcome: reads that are under way must not come back to a job that is no more. */
	if (view_is_loading(job->view)) {
		commit_watch_start(config->commit, &job->watch, job->view);
		return;
	}
	if (error == ERROR_store_damaged || error == ERROR_file_unreadable) {
		/* One record or blob that cannot be read is told and found by the audit; it is no reason to close the
		 * counter for everybody else. Nothing was decided on it. */
		config->damaged(config->context, error, view_cause(job->view), job->correlation);
		job_refuse(job, error);
	} else if (outcome == AGAIN) {
		check(error != ERROR_NONE);
		job_refuse(job, error);
	} else {
		job_decided(job);
	}
}

/* ---- begun ---- */

/* Its view and its randomness. */
static enum error
job_equip(struct job *job, struct fault *fault)
{
	correlation_make(job->office, job->correlation);
	job->view = view_create(job->jobs->config->store, job->run, job_loaded, job);
	if (job->view == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (!keyring_random(job->office->keyring, job->context.random, sizeof job->context.random))
		return fault_set(fault, ERROR_internal, NULL, SLICE_EMPTY, NULL);
	return ERROR_NONE;
}

/* Copies the body aside, decodes it, and gathers what the decision may know. */
static enum error
job_prepare(struct job *job, struct slice body, uint64_t read_ago_ms, struct number_fault *number_fault)
{
	const struct record *record = job->operation->request();
	struct fault *fault = &number_fault->fault;
	struct slice copy;

	if (job_equip(job, fault) != ERROR_NONE)
		return fault->error;
	job->request = arena_alloc(job->arena, record->size);
	if (job->request == NULL || !arena_copy(job->arena, body, &copy))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	enum error error = codec_decode(record, copy, CODEC_REQUEST, job->arena, job->request, fault);
	if (error != ERROR_NONE)
		return error;
	/* The envelope is the first field of every request. The only look at the deadline: from here on work is begun,
	 * and is finished however long it has to wait for the disk. */
	const struct msg_nothing *envelope = job->request;
	if (envelope->has_deadline_ms && read_ago_ms > envelope->deadline_ms)
		return number_fault_set(number_fault, ERROR_deadline_passed, "deadline_ms", envelope->deadline_ms,
		    "at least the %" PRIu64 " that passed before work began", read_ago_ms);
	return ERROR_NONE;
}

void
job_begin(struct job *job, struct slice body, uint64_t read_ago_ms)
{
	struct number_fault fault;

	if (job_prepare(job, body, read_ago_ms, &fault) != ERROR_NONE) {
		job->effects = (struct effects){ .refusal = fault.fault };
		job_answer(job);
		return;
	}
	job_run(job);
}

void
job_begin_own(struct job *job)
{
	struct fault fault;

	if (job_equip(job, &fault) != ERROR_NONE)
		job_destroy(job);
	else
		job_run(job);
}
