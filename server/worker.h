/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread for what may block: disk writes, syncs, cold reads. Jobs run one at a time, in the order submitted; each has
 * a second half, which runs on the loop's thread. No job touches libcrypto,
 * but for the one in crl.c, through handles of its own. The thread takes no signal.
 *
 * All functions are called from the loop's thread; or, for a worker that the loop does not watch, by one thread at a
 * time, which then takes the loop's place here. What a job's argument points to belongs to the worker's thread from
 * submit until its `done` is called. */
#ifndef GUICHET_WORKER_H
#define GUICHET_WORKER_H

#include "protocol/bytes.h"

/* Jobs submitted and not collected yet. A commit is one job, a group of cold reads too; beyond this the loop is
 * being outrun and has to say `busy`. */
#define WORKER_JOBS_MAX ((size_t)256)
/* Second halves called in one go, before the loop looks at others again: opening what a cold read brought, half a
 * megabyte at most as a rule, costs half a millisecond. */
#define WORKER_COLLECT_MAX ((size_t)8)

struct worker;

typedef void (*worker_half)(void *argument);

/* Starts the thread; `name` (at most 15 bytes) shows in ps. NULL when a thread or an eventfd cannot be had. */
must_check struct worker *worker_create(const char *name);
/* Ends the thread. Every job must have been collected (asserted); NULL is allowed. */
void worker_destroy(struct worker *worker);

/* Queues run(argument) for the thread and, after it, done(argument) for the loop. False when WORKER_JOBS_MAX jobs wait:
 * then neither is called. */
must_check bool worker_submit(struct worker *worker, worker_half run, worker_half done, void *argument);

/* An eventfd, readable when a job can be collected; the worker keeps owning it. */
int worker_fd(const struct worker *worker);
/* Calls `done` of the jobs that have run, WORKER_COLLECT_MAX at most; the descriptor stays readable while there are
 * more. They may submit again. Not to be called from a `done`. */
void worker_collect(struct worker *worker);
/* Blocks until all jobs, also those submitted meanwhile by a `done`, have run and are collected: for tools and for an
 * orderly stop. Not to be called from a `done`. */
void worker_wait(struct worker *worker);

#endif
