/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of a load against one server.
 *
 * Open loop: jobs begin at the moments of a schedule, whatever the server does, and latency counts from the intended
 * moment; a job for which there is no connection waits and is counted, never dropped. Closed loop: each connection has
 * a window of jobs under way and begins the next when one is done; it finds the highest rate and nothing else. A job
 * with a connection of its own begins when that begins to connect, and is lost when it cannot.
 *
 * The generator's thread spins: it has a core of its own. */
#ifndef GUICHET_BENCH_DRIVE_H
#define GUICHET_BENCH_DRIVE_H

#include "bench/caller.h"
#include "bench/outcome.h"
#include "bench/schedule.h"
#include "protocol/error.h"

/* One thing that a client wants, in one or more requests over one connection. */
struct drive_job {
	uint64_t number; /* among the run's jobs */
	unsigned step;   /* requests answered so far */
};

/* What a job sends. */
struct drive_script {
	/* The job's next request, borrowed until the next call; false: it is done. `reply` is what the request before
	 * got, NULL for the first one; its status is 0, since anything else ends the job. */
	bool (*next)(void *context, const struct drive_job *job, struct caller *caller,
	    const struct dialect_reply *reply, struct slice *request);
	void *context;
};

struct drive_plan {
	struct loop *loop;
	const struct tls_config *tls;
	const struct dialect *dialect;
	uint16_t port;
	const struct drive_script *script;
	size_t connections; /* open all along; or, when is_fresh, at once */
	bool is_fresh;      /* every job has a connection of its own */
	size_t window;      /* jobs under way on one connection, at most CALLER_WINDOW_MAX */
	struct schedule *schedule; /* NULL: closed loop */
	uint64_t jobs_first, jobs_max; /* numbers of the jobs; the run ends when they are used up */
	uint64_t warmup_ns, duration_ns;
	uint64_t grace_ns; /* for what is unanswered at the end */
	/* A job answered with this status begins again after retry_ns, its time counted on; 0: none does. */
	uint32_t retry_status;
	uint64_t retry_ns;
	/* The measured part begins, ends (may be NULL). */
	void (*marked)(void *context, bool is_end);
	void *context;
};

/* Runs it. *out is the caller's, also when the run was cut short because jobs were used up (its duration_ns is then
 * what was measured). ERROR_unreachable when not all connections can be had at the start, or when none could be had for
 * a second since; ERROR_out_of_memory. */
must_check enum error drive_run(const struct drive_plan *plan, struct outcome **out, struct fault *fault);

#endif
