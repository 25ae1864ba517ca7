/* SPDX-License-Identifier: Apache-2.0
 *
 * Places for connections, a pool of jobs under way, and a queue of arrivals that wait for a place. */
#include "bench/drive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/check.h"

/* Arrivals that wait for a connection, at most; more end the run, since a generator that swaps measures nothing. */
#define QUEUE_MAX ((size_t)1 << 22)
/* How long the first connections may take. */
#define OPENING_NS ((uint64_t)60 * 1000000000)

struct place {
	struct drive *drive;
	struct caller *caller; /* NULL: none */
	size_t jobs;
	struct place *next_idle;
};

struct running {
	struct drive_job job;
	struct place *place; /* NULL: free */
	uint64_t begun_ns;   /* intended, or sent */
	size_t next_free;
};

/* Jobs that begin again, in the order of their times, since all wait equally long. */
struct again {
	size_t running;
	uint64_t number; /* of the job: its place may have gone to another */
	uint64_t due_ns;
};

struct drive {
	const struct drive_plan *plan;
	struct caller_config caller_config;
	struct outcome *outcome;
	struct place *places, *idle; /* idle: places without a connection, for fresh ones */
	struct running *running;
	size_t running_max, running_count, free_running;
	struct again *retries; /* a ring of running_max */
	size_t retries_first, retries_count;
	uint64_t *queue; /* intended moments, a ring */
	size_t queue_first, queue_count;
	size_t opened, round_robin;
	uint64_t base_ns, jobs_next, due_next_ns;
	bool has_due, is_begun, is_marked, is_over, is_exhausted;
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

static void
running_free(struct drive *drive, struct running *running)
{
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
	caller_send(caller, (uint64_t)(running - drive->running), request);
	return true;
}

static bool
drive_may_begin(struct drive *drive)
{
	if (drive->jobs_next == drive->plan->jobs_first + drive->plan->jobs_max)
		drive->is_exhausted = true;
	return drive->is_begun && !drive->is_over && !drive->is_exhausted;
}

static void
job_begin(struct drive *drive, struct place *place, uint64_t begun_ns)
{
	struct running *running = running_take(drive, place);

	running->job = (struct drive_job){ .number = drive->jobs_next++ };
	running->begun_ns = begun_ns;
	drive->outcome->started++;
	check(job_step(drive, running, NULL));
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

	caller_bytes(place->caller, &sent, &received);
	drive->outcome->bytes_sent += sent;
	drive->outcome->bytes_received += received;
	caller_destroy(place->caller);
	place->caller = NULL;
	if (!drive->plan->is_fresh)
		return;
	place->next_idle = drive->idle;
	drive->idle = place;
}

/* In a closed loop with fresh connections a place that is free is used at once. */
static void
places_renew(struct drive *drive)
{
	while (drive->plan->is_fresh && drive->idle != NULL && drive_may_begin(drive) &&
	    (drive->plan->schedule == NULL || drive->queue_count > drive->opened)) {
		struct place *place = drive->idle;
		if (!place_open(place))
			return;
		drive->idle = place->next_idle;
		drive->opened++; /* waits for its handshake; then takes an arrival */
	}
}

/* Begins one job on an open connection that has room; false when there is no room or no job. */
static bool
place_begin_one(struct place *place)
{
	struct drive *drive = place->drive;
	size_t window = drive->plan->is_fresh ? 1 : drive->plan->window;
	uint64_t begun_ns = drive_ns(drive);

	if (place->caller == NULL || !caller_is_open(place->caller) || place->jobs >= window || !drive_may_begin(drive))
		return false;
	if (drive->plan->schedule != NULL) {
		if (drive->queue_count == 0)
			return false;
		begun_ns = drive->queue[drive->queue_first];
		drive->queue_first = (drive->queue_first + 1) % QUEUE_MAX;
		drive->queue_count--;
	}
	job_begin(drive, place, begun_ns);
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

	if (drive->plan->is_fresh)
		drive->opened--;
	else
		drive->opened++;
	place_feed(place);
	if (drive->plan->is_fresh && place->jobs == 0) /* nothing is left to do */
		place_close(place);
}

static void
retry_later(struct drive *drive, struct running *running, uint64_t now_ns)
{
	size_t at = (drive->retries_first + drive->retries_count++) % drive->running_max;

	drive->retries[at] = (struct again){ (size_t)(running - drive->running), running->job.number,
		now_ns + drive->plan->retry_ns };
	drive->outcome->retries++;
}

static void
retries_begin(struct drive *drive)
{
	while (drive->retries_count != 0 && drive->retries[drive->retries_first].due_ns <= drive_ns(drive)) {
		const struct again again = drive->retries[drive->retries_first];
		struct running *running = &drive->running[again.running];
		drive->retries_first = (drive->retries_first + 1) % drive->running_max;
		drive->retries_count--;
		if (running->place == NULL || running->job.number != again.number)
			continue;
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
	outcome_answered(drive->outcome, now_ns, reply->status, now_ns - running->begun_ns);
	running_free(drive, running);
	if (!drive->plan->is_fresh) {
		place_feed(place);
		return;
	}
	place_close(place);
	places_renew(drive);
}

static void
on_ended(void *context, struct caller *caller, const char *why)
{
	struct drive *drive = context;
	struct place *place = caller_owner(caller);

	(void)why;
	if (!caller_is_open(caller) && drive->plan->is_fresh)
		drive->opened--;
	if (caller_is_open(caller) && !drive->plan->is_fresh)
		drive->opened--;
	for (size_t i = 0; i < drive->running_max && place->jobs != 0; i++)
		if (drive->running[i].place == place) {
			outcome_lost(drive->outcome, drive_ns(drive));
			running_free(drive, &drive->running[i]);
		}
	drive->outcome->reconnects++;
	place_close(place);
	if (!drive->is_over && !drive->plan->is_fresh)
		(void)place_open(place); /* without it the others go on */
}

/* ---- the run ---- */

/* Arrivals that are due join the queue; then whoever has room takes them. */
static void
drive_arrivals(struct drive *drive)
{
	uint64_t now_ns = drive_ns(drive);

	while (drive->has_due && drive->due_next_ns <= now_ns && drive->queue_count < QUEUE_MAX) {
		drive->queue[(drive->queue_first + drive->queue_count++) % QUEUE_MAX] = drive->due_next_ns;
		histogram_record(drive->outcome->lag, now_ns - drive->due_next_ns);
		drive->outcome->due++;
		drive->has_due = schedule_next(drive->plan->schedule, &drive->due_next_ns);
	}
	if (drive->plan->is_fresh) {
		places_renew(drive);
		return;
	}
	/* One at a time to each connection in turn, as a balancer would. */
	for (size_t tried = 0; drive->queue_count != 0 && tried < drive->plan->connections; tried++)
		if (place_begin_one(&drive->places[drive->round_robin++ % drive->plan->connections]))
			tried = 0;
}

static void
drive_mark(struct drive *drive, bool is_end)
{
	if (drive->plan->marked != NULL)
		drive->plan->marked(drive->plan->context, is_end);
}

static bool
drive_opens(struct drive *drive, struct fault *fault)
{
	uint64_t until_ns = steady_ns() + OPENING_NS;

	if (drive->plan->is_fresh) {
		for (size_t i = drive->plan->connections; i-- > 0;) {
			drive->places[i].next_idle = drive->idle;
			drive->idle = &drive->places[i];
		}
		return true;
	}
	for (size_t i = 0; i < drive->plan->connections; i++)
		if (!place_open(&drive->places[i])) {
			(void)fault_set(fault, ERROR_unreachable, "server", slice_of_text(strerror(errno)),
			    "a connection");
			return false;
		}
	while (drive->opened < drive->plan->connections && steady_ns() < until_ns && drive->outcome->reconnects < 100)
		loop_round(drive->plan->loop, 10);
	if (drive->opened == drive->plan->connections)
		return true;
	(void)fault_set(fault, ERROR_unreachable, "server", SLICE_EMPTY, "all connections open within a minute");
	return false;
}

static void
drive_begin(struct drive *drive)
{
	drive->outcome->reconnects = 0;
	drive->is_begun = true;
	drive->base_ns = steady_ns();
	if (drive->plan->schedule != NULL) {
		drive->has_due = schedule_next(drive->plan->schedule, &drive->due_next_ns);
		return;
	}
	for (size_t i = 0; i < drive->plan->connections && !drive->plan->is_fresh; i++)
		place_feed(&drive->places[i]);
	places_renew(drive);
}

/* The measured part is over, or there is nothing left to begin. */
static bool
drive_is_done(struct drive *drive, uint64_t now_ns)
{
	const struct drive_plan *plan = drive->plan;
	return now_ns >= plan->warmup_ns + plan->duration_ns || (drive->is_exhausted && drive->running_count == 0);
}

static void
drive_measure(struct drive *drive)
{
	const struct drive_plan *plan = drive->plan;
	uint64_t now_ns;

	drive_begin(drive);
	for (now_ns = 0; !drive_is_done(drive, now_ns); now_ns = drive_ns(drive)) {
		if (!drive->is_marked && now_ns >= plan->warmup_ns) {
			drive->is_marked = true;
			drive_mark(drive, false);
		}
		if (plan->schedule != NULL)
			drive_arrivals(drive);
		retries_begin(drive);
		loop_round(plan->loop, 0);
	}
	drive->is_over = true;
	if (drive->is_marked)
		drive_mark(drive, true);
	if (now_ns < plan->warmup_ns + plan->duration_ns)
		drive->outcome->duration_ns = now_ns > plan->warmup_ns ? now_ns - plan->warmup_ns : 0;
	drive->outcome->unsent = drive->queue_count;
	while (drive->running_count != 0 && drive_ns(drive) < now_ns + plan->grace_ns)
		loop_round(plan->loop, 1);
	drive->outcome->unanswered = drive->running_count;
	outcome_close(drive->outcome);
}

static bool
drive_allocate(struct drive *drive)
{
	const struct drive_plan *plan = drive->plan;

	check(plan->window >= 1 && plan->window <= CALLER_WINDOW_MAX);
	drive->running_max = plan->connections * (plan->is_fresh ? 1 : plan->window);
	drive->outcome = outcome_create(plan->warmup_ns, plan->duration_ns, plan->grace_ns);
	drive->places = calloc(plan->connections, sizeof *drive->places);
	drive->running = calloc(drive->running_max, sizeof *drive->running);
	drive->retries = calloc(drive->running_max, sizeof *drive->retries);
	drive->queue = plan->schedule == NULL ? NULL : calloc(QUEUE_MAX, sizeof *drive->queue);
	if (drive->outcome == NULL || drive->places == NULL || drive->running == NULL ||
	    drive->retries == NULL || (plan->schedule != NULL && drive->queue == NULL))
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

	drive.caller_config = (struct caller_config){ plan->loop, plan->tls, plan->dialect, plan->port,
		{ on_opened, on_replied, on_ended, &drive } };
	if (!drive_allocate(&drive))
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	else if (!drive_opens(&drive, fault))
		error = fault->error;
	else
		drive_measure(&drive);
	drive.is_over = true;
	for (size_t i = 0; drive.places != NULL && i < plan->connections; i++)
		if (drive.places[i].caller != NULL)
			place_close(&drive.places[i]);
	free(drive.places);
	free(drive.running);
	free(drive.retries);
	free(drive.queue);
	if (error != ERROR_NONE) {
		outcome_destroy(drive.outcome);
		return error;
	}
	*out = drive.outcome;
	return ERROR_NONE;
}
