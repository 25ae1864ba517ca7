/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that take the next number until there is none. */
#include "bench/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define THREADS_MAX 64

struct crew {
	size_t count;
	bool (*work)(void *context, size_t nth);
	void *context;
	atomic_size_t next;
	atomic_bool has_failed;
};

static void *
crew_main(void *argument)
{
	struct crew *crew = argument;
	size_t nth;

	while (!atomic_load(&crew->has_failed) && (nth = atomic_fetch_add(&crew->next, 1)) < crew->count)
		if (!crew->work(crew->context, nth))
			atomic_store(&crew->has_failed, true);
	return NULL;
}

bool
parallel_for(size_t count, bool (*work)(void *context, size_t nth), void *context)
{
	struct crew crew = { .count = count, .work = work, .context = context };
	pthread_t threads[THREADS_MAX];
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t wanted = cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (size_t)cores, started = 0;

	while (started < wanted && pthread_create(&threads[started], NULL, crew_main, &crew) == 0)
		started++;
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return started != 0 && !atomic_load(&crew.has_failed);
}
