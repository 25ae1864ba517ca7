/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker that the loop collects from: the second half of each job runs in a round of the loop. */
#ifndef GUICHET_THREAD_H
#define GUICHET_THREAD_H

#include "server/loop.h"
#include "server/worker.h"

/* Zeroed before it is started. There is a worker exactly when the loop watches its source. */
struct thread {
	struct worker *worker;
	struct loop_source source; /* the loop's */
};

/* The name is the system's for the thread. Starts once signals are taken (loop_take_signals). False when there is no
 * memory, thread or descriptor; nothing is left then. */
must_check bool thread_start(struct thread *thread, const char *name, struct loop *loop);
/* Blocks until all its jobs are done, both halves. */
void thread_wait(struct thread *thread);
/* Ends one without jobs under way; one that was not started too. */
void thread_destroy(struct thread *thread, struct loop *loop);

#endif
