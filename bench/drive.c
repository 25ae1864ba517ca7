/* SPDX-License-Identifier: Apache-2.0
 *
 * Places for connections, a pool of jobs under way, and a queue of arrivals that wait for a place. */
#include "bench/drive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/check.h"

/* Arrivals that wait for a connection, at most; those beyond wait in the schedule. */
#define QUEUE_MAX ((size_t)1 << 22)
/* How long the first connections may take. */
#define OPENING_NS ((uint64_t)60 * 1000000000)
/* How long a place rests whose connection was lost or refused: a server that is gone must not be asked without end. */
#define REST_NS ((uint64_t)100 * 1000000)
/* For so long no connection is had at all before the server is taken for dead. */
#define DEAD_NS ((uint64_t)1000000000)

struct place {
	struct drive *drive;
	struct caller *caller; /* NULL: none */
	size_t jobs;
	struct running *fresh; /* is_fresh: the job that its connection is for, NULL once that has begun to send */
	struct place *next;    /* of those idle, or resting */
	uint64_t rests_until_ns; /* of the machine's clock */
};

struct running {
	struct drive_job job;
	struct place *place; /* NULL: free */
	uint64_t begun_ns;   /* intended, or sent, or connected for */
	size_t next_free;
	uint64_t again_ns; /* when it begins again; 0: it does not wait for that */
	struct running *next_again;
};

struct drive {
	const struct drive_plan *plan;
	struct caller_config caller_config;
	struct outcome *outcome;
	struct place *places;
	struct place *idle; /* is_fresh: without a connection */
	struct place *resting, **resting_end; /* in the order of their times, since all rest equally long */
	struct running *running;
	size_t running_max, running_count, free_running;
	struct running *again, **again_end; /* likewise */
	size_t again_count;
	uint64_t *queue; /* intended moments, a ring */
	size_t queue_first, queue_count;
	size_t opened; /* connections with their handshake behind them */
	size_t round_robin;
	uint64_t base_ns, jobs_next, due_next_ns;
	uint64_t failing_since_ns; /* no connection was had since; 0: the last one was */
	uint64_t work;             /* of the callers */
	bool has_due, is_begun, is_marked, is_over, is_exhausted, is_dead;
};

static uint64_t
steady_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t
drive_ns(const struct drive *drive)
{
	return steady_ns() - drive->base_ns;
}

/* ---- jobs ---- */

static struct running *
running_take(struct drive *drive, struct place *place)
{
	struct running *running = &drive->running[drive->free_running];

	check(running->place == NULL && drive->running_count < drive->running_max);
	drive->free_running = running->next_free;
	drive->running_count++;
	running->place = place;
	place->jobs++;
	return running;
}

/* One that waits to begin again does not any more; seldom, so the list may be searched. */
static void
again_forget(struct drive *drive, struct running *running)
{
	struct running **link = &drive->again;

	while (*link != running)
		link = &(*link)->next_again;
	*link = running->next_again;
	if (*link == NULL)
		drive->again_end = link;
	drive->again_count--;
	running->again_ns = 0;
}

static void
running_free(struct drive *drive, struct running *running)
{
	if (running->again_ns != 0)
		again_forget(drive, running);
	running->place->jobs--;
	running->place = NULL;
	running->next_free = drive->free_running;
	drive->free_running = (size_t)(running - drive->running);
	drive->running_count--;
}

/* Sends the job's next request; false when there is none. */
static bool
job_step(struct drive *drive, struct running *running, const struct dialect_reply *reply)
{
	const struct drive_script *script = drive->plan->script;
	struct caller *caller = running->place->caller;
	struct slice request;

	if (!script->next(script->context, &running->job, caller, reply, &request))
		return false;
	caller_send(caller, (uint64_t)(running - drive->running), running->job.number, request);
	return true;
}

static bool
drive_may_begin(struct drive *drive)
{
	if (drive->jobs_next == drive->plan->jobs_first + drive->plan->jobs_max)
		drive->is_exhausted = true;
	return drive->is_begun && !drive->is_over && !drive->is_exhausted;
}

/* When the next job is meant to begin: at the first moment that waits, or now. False when none is to. */
static bool
job_is_due(struct drive *drive, uint64_t *begun_ns)
{
	if (!drive_may_begin(drive) || (drive->plan->schedule != NULL && drive->queue_count == 0))
		return false;
	if (drive->plan->schedule == NULL) {
		*begun_ns = drive_ns(drive);
		return true;
	}
	*begun_ns = drive->queue[drive->queue_first];
	drive->queue_first = (drive->queue_first + 1) % QUEUE_MAX;
	drive->queue_count--;
	return true;
}

static struct running *
job_begin(struct drive *drive, struct place *place, uint64_t begun_ns)
{
	struct running *running = running_take(drive, place);

	running->job = (struct drive_job){ .number = drive->jobs_next++ };
	running->begun_ns = begun_ns;
	drive->outcome->started++;
	return running;
}

/* ---- places ---- */

static bool
place_open(struct place *place)
{
	place->caller = caller_create(&place->drive->caller_config, place);
	return place->caller != NULL;
}

static void
place_close(struct place *place)
{
	struct drive *drive = place->drive;
	uint64_t sent, received;

	if (caller_is_open(place->caller))
		drive->opened--;
	caller_bytes(place->caller, &sent, &received);
	drive->outcome->bytes_sent += sent;
	drive->outcome->bytes_received += received;
	caller_destroy(place->caller);
	place->caller = NULL;
}

static void
place_idle(struct place *place)
{
	place->next = place->drive->idle;
	place->drive->idle = place;
}

/* Its connection was lost or never came about, and with it all that was under way on it. */
static void
place_failed(struct place *place)
{
	struct drive *drive = place->drive;
	uint64_t now_ns = steady_ns();

	for (size_t i = 0; i < drive->running_max && place->jobs != 0; i++)
		if (drive->running[i].place == place) {
			outcome_lost(drive->outcome, drive->running[i].begun_ns, now_ns - drive->base_ns);
			running_free(drive, &drive->running[i]);
		}
	drive->outcome->reconnects++;
	place->rests_until_ns = now_ns + REST_NS;
	place->next = NULL;
	*drive->resting_end = place;
	drive->resting_end = &place->next;
	if (drive->failing_since_ns == 0)
		drive->failing_since_ns = now_ns;
	else if (drive->opened == 0 && now_ns - drive->failing_since_ns >= DEAD_NS)
		drive->is_dead = true;
}

/* Connections of their own for the jobs that are due: their time begins here. */
static void
places_renew(struct drive *drive)
{
	uint64_t begun_ns;

	while (drive->idle != NULL && job_is_due(drive, &begun_ns)) {
		struct place *place = drive->idle;
		drive->idle = place->next;
		place->fresh = job_begin(drive, place, begun_ns);
		if (!place_open(place))
			place_failed(place);
	}
}

/* Those that have rested try again. */
static void
places_wake(struct drive *drive)
{
	while (drive->resting != NULL && drive->resting->rests_until_ns <= steady_ns()) {
		struct place *place = drive->resting;
		drive->resting = place->next;
		if (drive->resting == NULL)
			drive->resting_end = &drive->resting;
		if (drive->plan->is_fresh)
			place_idle(place);
		else if (!place_open(place))
			place_failed(place);
	}
}

/* Begins one job on an open connection that has room; false when there is no room or no job. */
static bool
place_begin_one(struct place *place)
{
	struct drive *drive = place->drive;
	uint64_t begun_ns;

	if (place->caller == NULL || !caller_is_open(place->caller) || place->jobs >= drive->plan->window ||
	    !job_is_due(drive, &begun_ns))
		return false;
	check(job_step(drive, job_begin(drive, place, begun_ns), NULL));
	return true;
}

/* As many as the window has room for. */
static void
place_feed(struct place *place)
{
	while (place_begin_one(place))
		;
}

static void
on_opened(void *context, struct caller *caller)
{
	struct drive *drive = context;
	struct place *place = caller_owner(caller);

	drive->opened++;
	drive->failing_since_ns = 0;
	if (drive->plan->is_fresh)
		check(job_step(drive, place->fresh, NULL));
	else
		place_feed(place);
}

static void
retry_later(struct drive *drive, struct running *running, uint64_t now_ns)
{
	running->again_ns = now_ns + drive->plan->retry_ns;
	running->next_again = NULL;
	*drive->again_end = running;
	drive->again_end = &running->next_again;
	drive->again_count++;
	drive->outcome->retries++;
}

static void
retries_begin(struct drive *drive)
{
	while (drive->again != NULL && drive->again->again_ns <= drive_ns(drive)) {
		struct running *running = drive->again;
		again_forget(drive, running);
		running->job.step = 0;
		check(job_step(drive, running, NULL));
	}
}

static void
on_replied(void *context, struct caller *caller, uint64_t ticket, const struct dialect_reply *reply)
{
	struct drive *drive = context;
	struct running *running = &drive->running[ticket];
	struct place *place = caller_owner(caller);

	running->job.step++;
	if (reply->status == 0 && job_step(drive, running, reply))
		return;
	uint64_t now_ns = drive_ns(drive);
	if (reply->status != 0 && reply->status == drive->plan->retry_status && !drive->is_over) {
		retry_later(drive, running, now_ns);
		return;
	}
	outcome_answered(drive->outcome, running->begun_ns, now_ns, reply->status);
	running_free(drive, running);
	if (!drive->plan->is_fresh) {
		place_feed(place);
		return;
	}
	place_close(place);
	place_idle(place);
	places_renew(drive);
}

static void
on_ended(void *context, struct caller *caller, const char *why)
{
	struct drive *drive = context;
	struct place *place = caller_owner(caller);

	(void)why;
	place_close(place);
	place_failed(place);
	if (drive->plan->is_fresh)
		places_renew(drive);
}

/* ---- the run ---- */

/* Arrivals that were due by `until_ns` join the queue. */
static void
queue_fill(struct drive *drive, uint64_t until_ns, uint64_t now_ns)
{
	while (drive->has_due && drive->due_next_ns <= until_ns && drive->queue_count < QUEUE_MAX) {
		drive->queue[(drive->queue_first + drive->queue_count++) % QUEUE_MAX] = drive->due_next_ns;
		histogram_record(drive->outcome->lag, now_ns > drive->due_next_ns ? now_ns - drive->due_next_ns : 0);
		drive->outcome->due++;
		drive->has_due = schedule_next(drive->plan->schedule, &drive->due_next_ns);
	}
}

/* Whoever has room takes what waits: one at a time to each connection in turn, as a balancer would. */
static void
queue_serve(struct drive *drive)
{
	if (drive->plan->is_fresh) {
		places_renew(drive);
		return;
	}
	for (size_t tried = 0; drive->queue_count != 0 && tried < drive->plan->connections; tried++)
		if (place_begin_one(&drive->places[drive->round_robin++ % drive->plan->connections]))
			tried = 0;
}

/* All that was due before the end is sent, or waits in the queue or the schedule: that was never sent. */
static void
queue_end(struct drive *drive, uint64_t now_ns)
{
	const struct drive_plan *plan = drive->plan;
	const uint64_t end_ns = plan->warmup_ns + plan->duration_ns;

	queue_fill(drive, end_ns, now_ns);
	if (plan->schedule != NULL)
		queue_serve(drive);
	drive->is_over = true;
	for (; drive->queue_count != 0; queue_fill(drive, end_ns, now_ns))
		for (; drive->queue_count != 0; drive->queue_count--) {
			outcome_unsent(drive->outcome, drive->queue[drive->queue_first], now_ns);
			drive->queue_first = (drive->queue_first + 1) % QUEUE_MAX;
		}
}

static void
drive_mark(struct drive *drive, bool is_end)
{
	if (drive->plan->marked != NULL)
		drive->plan->marked(drive->plan->context, is_end);
}

static enum error
drive_died(struct fault *fault)
{
	return fault_set(fault, ERROR_unreachable, "server", SLICE_EMPTY, "a server that can be connected to");
}

static enum error
drive_opens(struct drive *drive, struct fault *fault)
{
	uint64_t until_ns = steady_ns() + OPENING_NS;

	for (size_t i = drive->plan->connections; i-- > 0 && drive->plan->is_fresh;)
		place_idle(&drive->places[i]);
	if (drive->plan->is_fresh)
		return ERROR_NONE;
	for (size_t i = 0; i < drive->plan->connections; i++)
		if (!place_open(&drive->places[i]))
			return fault_set(fault, ERROR_unreachable, "server", slice_of_text(strerror(errno)),
			    "a connection");
	while (drive->opened < drive->plan->connections && steady_ns() < until_ns && !drive->is_dead) {
		loop_round(drive->plan->loop, 10);
		places_wake(drive);
	}
	if (drive->is_dead)
		return drive_died(fault);
	return drive->opened == drive->plan->connections ? ERROR_NONE :
	    fault_set(fault, ERROR_unreachable, "server", SLICE_EMPTY, "all connections open within a minute");
}

static void
drive_begin(struct drive *drive)
{
	drive->outcome->reconnects = 0;
	drive->is_begun = true;
	drive->base_ns = steady_ns();
	if (drive->plan->schedule != NULL)
		drive->has_due = schedule_next(drive->plan->schedule, &drive->due_next_ns);
	else
		for (size_t i = 0; i < drive->plan->connections && !drive->plan->is_fresh; i++)
			place_feed(&drive->places[i]);
}

/* The measured part is over, or there is nothing left to begin. */
static bool
drive_is_done(struct drive *drive, uint64_t now_ns)
{
	const struct drive_plan *plan = drive->plan;
	return now_ns >= plan->warmup_ns + plan->duration_ns || (drive->is_exhausted && drive->running_count == 0) ||
	    drive->is_dead;
}

/* One turn: what is due, what is ready. Time in which no caller had anything to do was spent in waiting. */
static uint64_t
drive_turn(struct drive *drive, uint64_t now_ns)
{
	const struct drive_plan *plan = drive->plan;
	uint64_t work = drive->work;

	if (!drive->is_marked && now_ns >= plan->warmup_ns) {
		drive->is_marked = true;
		drive_mark(drive, false);
	}
	places_wake(drive);
	if (plan->schedule != NULL)
		queue_fill(drive, now_ns, now_ns);
	queue_serve(drive);
	retries_begin(drive);
	loop_round(plan->loop, 0);
	uint64_t after_ns = drive_ns(drive);
	if (drive->is_marked && drive->work != work)
		drive->outcome->busy_ns += after_ns - now_ns;
	return after_ns;
}

/* What is under way may still be answered; what waits to begin again will not be sent any more. */
static void
drive_grace(struct drive *drive, uint64_t end_ns)
{
	while (drive->running_count > drive->again_count && drive_ns(drive) < end_ns + drive->plan->grace_ns)
		loop_round(drive->plan->loop, 1);
	for (size_t i = 0; i < drive->running_max; i++)
		if (drive->running[i].place != NULL)
			outcome_unanswered(drive->outcome, drive->running[i].begun_ns, drive_ns(drive));
}

static void
drive_measure(struct drive *drive)
{
	const struct drive_plan *plan = drive->plan;
	uint64_t now_ns = 0;

	drive_begin(drive);
	while (!drive_is_done(drive, now_ns))
		now_ns = drive_turn(drive, now_ns);
	if (drive->is_dead)
		return;
	if (drive->is_marked)
		drive_mark(drive, true);
	if (now_ns < plan->warmup_ns + plan->duration_ns)
		drive->outcome->duration_ns = now_ns > plan->warmup_ns ? now_ns - plan->warmup_ns : 0;
	queue_end(drive, now_ns);
	drive_grace(drive, now_ns);
	outcome_close(drive->outcome);
}

static bool
drive_allocate(struct drive *drive)
{
	const struct drive_plan *plan = drive->plan;

	check(plan->window >= 1 && plan->window <= CALLER_WINDOW_MAX);
	drive->running_max = plan->connections * (plan->is_fresh ? 1 : plan->window);
	drive->outcome = outcome_create(plan->schedule != NULL, plan->warmup_ns, plan->duration_ns, plan->grace_ns);
	drive->places = calloc(plan->connections, sizeof *drive->places);
	drive->running = calloc(drive->running_max, sizeof *drive->running);
	drive->queue = plan->schedule == NULL ? NULL : calloc(QUEUE_MAX, sizeof *drive->queue);
	if (drive->outcome == NULL || drive->places == NULL || drive->running == NULL ||
	    (plan->schedule != NULL && drive->queue == NULL))
		return false;
	for (size_t i = 0; i < plan->connections; i++)
		drive->places[i].drive = drive;
	for (size_t i = 0; i < drive->running_max; i++)
		drive->running[i].next_free = i + 1;
	return true;
}

enum error
drive_run(const struct drive_plan *plan, struct outcome **out, struct fault *fault)
{
	struct drive drive = { .plan = plan, .jobs_next = plan->jobs_first };
	enum error error = ERROR_NONE;

	drive.resting_end = &drive.resting;
	drive.again_end = &drive.again;
	drive.caller_config = (struct caller_config){ plan->loop, plan->tls, plan->dialect, plan->port,
		{ on_opened, on_replied, on_ended, &drive }, &drive.work, 0 };
	if (!drive_allocate(&drive))
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error == ERROR_NONE)
		error = drive_opens(&drive, fault);
	if (error == ERROR_NONE)
		drive_measure(&drive);
	if (error == ERROR_NONE && drive.is_dead)
		error = drive_died(fault);
	drive.is_over = true;
	for (size_t i = 0; drive.places != NULL && i < plan->connections; i++)
		if (drive.places[i].caller != NULL)
			place_close(&drive.places[i]);
	free(drive.places);
	free(drive.running);
	free(drive.queue);
	if (error != ERROR_NONE) {
		outcome_destroy(drive.outcome);
		return error;
	}
	*out = drive.outcome;
	return ERROR_NONE;
}
