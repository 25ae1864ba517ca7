/* SPDX-License-Identifier: Apache-2.0
 *
 * One ring of jobs and three counters that only rise: collected <= ran <= submitted. One thread runs the jobs in order,
 * so they are finished in order too and one ring serves both ways. */
#include "server/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "protocol/check.h"

struct job {
	worker_half run, done;
	void *argument;
};

struct worker {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t to_run;  /* submitted or stopping changed */
	pthread_cond_t to_collect; /* ran changed */
	int fd;
	/* Under the mutex. A slot of the ring is the thread's between submitted and ran, else the loop's. */
	struct job jobs[WORKER_JOBS_MAX];
	uint64_t submitted, ran;
	bool stopping;
	/* The loop's alone. */
	uint64_t collected;
	bool collecting;
};

/* Waits for a job; false when the worker stops. */
static bool
job_take(struct worker *worker, struct job *job)
{
	pthread_mutex_lock(&worker->mutex);
	while (worker->ran == worker->submitted && !worker->stopping)
		pthread_cond_wait(&worker->to_run, &worker->mutex);
	bool found = worker->ran != worker->submitted;
	if (found)
		*job = worker->jobs[worker->ran % WORKER_JOBS_MAX];
	pthread_mutex_unlock(&worker->mutex);
	return found;
}

/* Makes the loop collect. */
static void
worker_tell(const struct worker *worker)
{
	const uint64_t one = 1;

	/* The counter of an eventfd never fills up at one a job, so this neither blocks nor fails. */
	ssize_t written = write(worker->fd, &one, sizeof one);
	check(written == (ssize_t)sizeof one);
}

static void
job_report(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	worker->ran++;
	pthread_cond_signal(&worker->to_collect);
	pthread_mutex_unlock(&worker->mutex);
	worker_tell(worker);
}

static void *
worker_main(void *argument)
{
	struct worker *worker = argument;
	struct job job;

	while (job_take(worker, &job)) {
		job.run(job.argument);
		job_report(worker);
	}
	return NULL;
}

/* The thread is born with every signal blocked, so that signals reach the loop only. */
static int
worker_begin(struct worker *worker)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&worker->thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

struct worker *
worker_create(const char *name)
{
	struct worker *worker = calloc(1, sizeof *worker);
	if (worker == NULL)
		return NULL;
	worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->fd < 0) {
		free(worker);
		return NULL;
	}
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_cond_init(&worker->to_run, NULL);
	pthread_cond_init(&worker->to_collect, NULL);
	if (worker_begin(worker) != 0) {
		close(worker->fd);
		free(worker);
		return NULL;
	}
	pthread_setname_np(worker->thread, name);
	return worker;
}

void
worker_destroy(struct worker *worker)
{
	if (worker == NULL)
		return;
	check(worker->collected == worker->submitted);
	pthread_mutex_lock(&worker->mutex);
	worker->stopping = true;
	pthread_cond_signal(&worker->to_run);
	pthread_mutex_unlock(&worker->mutex);
	pthread_join(worker->thread, NULL);
	pthread_cond_destroy(&worker->to_collect);
	pthread_cond_destroy(&worker->to_run);
	pthread_mutex_destroy(&worker->mutex);
	close(worker->fd);
	free(worker);
}

bool
worker_submit(struct worker *worker, worker_half run, worker_half done, void *argument)
{
	/* Only this thread changes `submitted` and `collected`, so reading them here needs no lock. */
	if (worker->submitted - worker->collected == WORKER_JOBS_MAX)
		return false;
	pthread_mutex_lock(&worker->mutex);
	worker->jobs[worker->submitted % WORKER_JOBS_MAX] = (struct job){ run, done, argument };
	worker->submitted++;
	pthread_cond_signal(&worker->to_run);
	pthread_mutex_unlock(&worker->mutex);
	return true;
}

int
worker_fd(const struct worker *worker)
{
	return worker->fd;
}

void
worker_collect(struct worker *worker)
{
	uint64_t count;

	check(!worker->collecting);
	worker->collecting = true;
	/* Emptied before `ran` is read: a job that ends in between is either seen now or wakes the loop again. */
	ssize_t size = read(worker->fd, &count, sizeof count);
	check(size == (ssize_t)sizeof count || errno == EAGAIN || errno == EINTR);
	pthread_mutex_lock(&worker->mutex);
	uint64_t ran = worker->ran;
	pthread_mutex_unlock(&worker->mutex);
	for (size_t i = 0; i < WORKER_COLLECT_MAX && worker->collected != ran; i++) {
		struct job job = worker->jobs[worker->collected % WORKER_JOBS_MAX];
		worker->collected++;
		job.done(job.argument);
	}
	if (worker->collected != ran)
		worker_tell(worker);
	worker->collecting = false;
}

void
worker_wait(struct worker *worker)
{
	while (worker->collected != worker->submitted) {
		pthread_mutex_lock(&worker->mutex);
		while (worker->ran == worker->collected)
			pthread_cond_wait(&worker->to_collect, &worker->mutex);
		pthread_mutex_unlock(&worker->mutex);
		worker_collect(worker);
	}
}
