/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker: order, both halves on their threads, the bound, submitting from a `done`. Run it under SAN=thread too. */
#include "tests/unit/unit.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "server/worker.h"

struct trace {
	struct worker *worker;
	pthread_t loop;
	pthread_mutex_t *gate; /* held by the test while jobs shall wait */
	size_t ran, done;
	size_t ran_at[2 * WORKER_JOBS_MAX], done_at[2 * WORKER_JOBS_MAX];
	bool run_on_loop, done_off_loop, signals_blocked;
	size_t again; /* jobs that `done` shall submit */
	sem_t *each_ran; /* posted by each job, when there is one */
};

struct step {
	struct trace *trace;
	size_t number;
};

static void
step_run(void *argument)
{
	struct step *step = argument;
	struct trace *trace = step->trace;
	sigset_t blocked;

	if (trace->gate != NULL) {
		pthread_mutex_lock(trace->gate);
		pthread_mutex_unlock(trace->gate);
	}
	if (pthread_equal(pthread_self(), trace->loop))
		trace->run_on_loop = true;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	trace->signals_blocked = sigismember(&blocked, SIGTERM) == 1;
	trace->ran_at[trace->ran++] = step->number;
	if (trace->each_ran != NULL)
		sem_post(trace->each_ran);
}

static void
step_done(void *argument)
{
	struct step *step = argument;
	struct trace *trace = step->trace;

	if (!pthread_equal(pthread_self(), trace->loop))
		trace->done_off_loop = true;
	trace->done_at[trace->done++] = step->number;
	if (trace->again > 0) {
		trace->again--;
		assert_true(worker_submit(trace->worker, step_run, step_done, step));
	}
}

static void
jobs_run_in_order_and_end_on_the_loop(void **state)
{
	(void)state;
	static struct trace trace;
	static struct step steps[WORKER_JOBS_MAX];

	trace = (struct trace){ .worker = worker_create("test"), .loop = pthread_self() };
	assert_non_null(trace.worker);
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < WORKER_JOBS_MAX / 2; i++) {
			steps[i] = (struct step){ &trace, i };
			assert_true(worker_submit(trace.worker, step_run, step_done, &steps[i]));
		}
		worker_wait(trace.worker);
	}
	assert_int_equal(trace.done, 3 * WORKER_JOBS_MAX / 2);
	for (size_t i = 0; i < trace.done; i++) {
		assert_int_equal(trace.ran_at[i], i % (WORKER_JOBS_MAX / 2));
		assert_int_equal(trace.done_at[i], i % (WORKER_JOBS_MAX / 2));
	}
	assert_false(trace.run_on_loop);
	assert_false(trace.done_off_loop);
	assert_true(trace.signals_blocked);
	worker_destroy(trace.worker);
}

static void
queue_has_an_end(void **state)
{
	(void)state;
	static struct trace trace;
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct step step = { &trace, 0 };

	trace = (struct trace){ .worker = worker_create("test"), .loop = pthread_self(), .gate = &gate };
	pthread_mutex_lock(&gate);
	for (size_t i = 0; i < WORKER_JOBS_MAX; i++)
		assert_true(worker_submit(trace.worker, step_run, step_done, &step));
	assert_false(worker_submit(trace.worker, step_run, step_done, &step));
	pthread_mutex_unlock(&gate);
	worker_wait(trace.worker);
	assert_int_equal(trace.done, WORKER_JOBS_MAX);
	assert_true(worker_submit(trace.worker, step_run, step_done, &step));
	worker_wait(trace.worker);
	worker_destroy(trace.worker);
}

static void
loop_is_woken_and_done_may_submit(void **state)
{
	(void)state;
	static struct trace trace;
	struct step step = { &trace, 7 };

	trace = (struct trace){ .worker = worker_create("test"), .loop = pthread_self(), .again = 5 };
	assert_true(worker_submit(trace.worker, step_run, step_done, &step));
	while (trace.done < 6) {
		struct pollfd poll_fd = { .fd = worker_fd(trace.worker), .events = POLLIN };
		assert_int_equal(poll(&poll_fd, 1, 10000), 1);
		worker_collect(trace.worker);
	}
	worker_wait(trace.worker);
	assert_int_equal(trace.ran, 6);
	worker_destroy(trace.worker);
}

static void
few_are_collected_in_one_go(void **state)
{
	(void)state;
	static struct trace trace;
	struct step step = { &trace, 1 };
	sem_t each_ran;

	sem_init(&each_ran, 0, 0);
	trace = (struct trace){ .worker = worker_create("test"), .loop = pthread_self(), .each_ran = &each_ran };
	for (size_t i = 0; i < 3 * WORKER_COLLECT_MAX; i++)
		assert_true(worker_submit(trace.worker, step_run, step_done, &step));
	for (size_t i = 0; i < 3 * WORKER_COLLECT_MAX; i++)
		assert_int_equal(sem_wait(&each_ran), 0);
	worker_collect(trace.worker);
	assert_int_equal(trace.done, WORKER_COLLECT_MAX);
	/* The others are not forgotten, although no job ends any more. */
	while (trace.done < 3 * WORKER_COLLECT_MAX) {
		struct pollfd poll_fd = { .fd = worker_fd(trace.worker), .events = POLLIN };
		assert_int_equal(poll(&poll_fd, 1, 10000), 1);
		worker_collect(trace.worker);
	}
	worker_destroy(trace.worker);
	sem_destroy(&each_ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_run_in_order_and_end_on_the_loop),
		cmocka_unit_test(queue_has_an_end),
		cmocka_unit_test(loop_is_woken_and_done_may_submit),
		cmocka_unit_test(few_are_collected_in_one_go),
	};
	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
