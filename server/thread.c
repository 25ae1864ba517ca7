/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker and its place in the loop. */
#include "server/thread.h"

static void
thread_ready(struct loop_source *source, unsigned events)
{
	(void)events;
	worker_collect(loop_owner(source, struct thread, source)->worker);
}

bool
thread_start(struct thread *thread, const char *name, struct loop *loop)
{
	thread->worker = worker_create(name);
	if (thread->worker == NULL)
		return false;
	thread->source = (struct loop_source){ .fd = worker_fd(thread->worker), .ready = thread_ready };
	if (loop_add(loop, &thread->source, LOOP_READ))
		return true;
	worker_destroy(thread->worker);
	thread->worker = NULL;
	return false;
}

void
thread_wait(struct thread *thread)
{
	if (thread->worker != NULL)
		worker_wait(thread->worker);
}

void
thread_destroy(struct thread *thread, struct loop *loop)
{
	if (thread->worker != NULL)
		loop_remove(loop, &thread->source);
	worker_destroy(thread->worker);
}
