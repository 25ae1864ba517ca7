/* SPDX-License-Identifier: Apache-2.0
 *
 * epoll for descriptors, a pairing heap for timers, signalfd for signals. */
#include "server/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "protocol/check.h"
#include "server/clock.h"

/* Events taken from the kernel in one round. Enough to fill a batch, few enough that removing a source may search
 * them. */
#define EVENTS_MAX 256

struct task_queue {
	struct loop_task *first, **end;
};

struct group_queue {
	struct loop_group *first, **end;
	size_t count;
};

struct loop {
	struct loop_clock clock;
	uint64_t wall_ms, steady_ms, ready_since_ms;
	int epoll;
	bool stopping;
	bool ran_tasks; /* in the last round */
	uint64_t round;
	struct epoll_event events[EVENTS_MAX];
	int events_next, events_count; /* those not called yet in this round */
	struct loop_timer *timers;     /* root of the heap */
	struct loop_hook *hooks, **hooks_end;
	struct task_queue later;
	struct group_queue behind;
	struct loop_signals signals;
	struct loop_source signal_source; /* fd -1: none taken */
	sigset_t mask_before;
};

static const struct loop_clock machine_clock = { clock_wall_ms, clock_steady_ms };

static void
loop_read_clock(struct loop *loop)
{
	loop->wall_ms = loop->clock.wall_ms();
	loop->steady_ms = loop->clock.steady_ms();
}

struct loop *
loop_create(const struct loop_clock *clock)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (loop == NULL)
		return NULL;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return NULL;
	}
	loop->clock = clock == NULL ? machine_clock : *clock;
	loop->hooks_end = &loop->hooks;
	loop->later.end = &loop->later.first;
	loop->behind.end = &loop->behind.first;
	loop->signal_source.fd = -1;
	loop_read_clock(loop);
	return loop;
}

void
loop_destroy(struct loop *loop)
{
	if (loop == NULL)
		return;
	check(loop->timers == NULL && loop->later.first == NULL && loop->behind.first == NULL);
	if (loop->signal_source.fd >= 0) {
		close(loop->signal_source.fd);
		pthread_sigmask(SIG_SETMASK, &loop->mask_before, NULL);
	}
	close(loop->epoll);
	free(loop);
}

uint64_t
loop_wall_ms(const struct loop *loop)
{
	return loop->wall_ms;
}

uint64_t
loop_steady_ms(const struct loop *loop)
{
	return loop->steady_ms;
}

uint64_t
loop_ready_since_ms(const struct loop *loop)
{
	return loop->ready_since_ms;
}

uint64_t
loop_steady_now_ms(const struct loop *loop)
{
	return loop->clock.steady_ms();
}

/* ---- descriptors ---- */

static struct epoll_event
event_for(struct loop_source *source, unsigned wanted)
{
	struct epoll_event event = { .data.ptr = source };
	if (wanted & LOOP_READ)
		event.events |= EPOLLIN;
	if (wanted & LOOP_WRITE)
		event.events |= EPOLLOUT;
	return event;
}

bool
loop_add(struct loop *loop, struct loop_source *source, unsigned wanted)
{
	struct epoll_event event = event_for(source, wanted);
	source->wanted = wanted;
	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &event) == 0;
}

void
loop_want(struct loop *loop, struct loop_source *source, unsigned wanted)
{
	if (source->wanted == wanted)
		return;
	struct epoll_event event = event_for(source, wanted);
	source->wanted = wanted;
	check(epoll_ctl(loop->epoll, EPOLL_CTL_MOD, source->fd, &event) == 0);
}

void
loop_remove(struct loop *loop, struct loop_source *source)
{
	check(epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL) == 0);
	/* It may be gone by the time its event of this round comes up. */
	for (int i = loop->events_next; i < loop->events_count; i++)
		if (loop->events[i].data.ptr == source)
			loop->events[i].data.ptr = NULL;
}

static void
loop_call_sources(struct loop *loop)
{
	while (loop->events_next < loop->events_count) {
		struct epoll_event event = loop->events[loop->events_next++];
		struct loop_source *source = event.data.ptr;
		unsigned events = 0;
		if (source == NULL)
			continue;
		if (event.events & EPOLLIN)
			events |= LOOP_READ;
		if (event.events & EPOLLOUT)
			events |= LOOP_WRITE;
		if (event.events & (EPOLLERR | EPOLLHUP))
			events |= LOOP_ERROR;
		source->ready(source, events);
	}
}

/* ---- timers ---- */

/* The elder of two heaps gets the other as its first child. */
static struct loop_timer *
timers_meld(struct loop_timer *a, struct loop_timer *b)
{
	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	if (b->key_ms < a->key_ms) {
		struct loop_timer *swap = a;
		a = b;
		b = swap;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child != NULL)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* One heap of a chain of siblings: melded in pairs from the left, then the pairs from the right. */
static struct loop_timer *
timers_meld_siblings(struct loop_timer *first)
{
	struct loop_timer *pairs = NULL, *root = NULL;

	while (first != NULL) {
		struct loop_timer *a = first, *b = a->next;
		first = b == NULL ? NULL : b->next;
		a->next = a->prev = NULL;
		if (b != NULL)
			b->next = b->prev = NULL;
		a = timers_meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs != NULL) {
		struct loop_timer *pair = pairs;
		pairs = pair->next;
		pair->next = NULL;
		root = timers_meld(root, pair);
	}
	return root;
}

static void
timers_insert(struct loop *loop, struct loop_timer *timer)
{
	timer->key_ms = timer->at_ms;
	timer->child = timer->next = timer->prev = NULL;
	loop->timers = timers_meld(loop->timers, timer);
}

static void
timers_remove(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer *children = timers_meld_siblings(timer->child);

	if (loop->timers == timer) {
		loop->timers = children;
		return;
	}
	if (timer->prev->child == timer)
		timer->prev->child = timer->next;
	else
		timer->prev->next = timer->next;
	if (timer->next != NULL)
		timer->next->prev = timer->prev;
	loop->timers = timers_meld(loop->timers, children);
}

void
loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at_ms)
{
	if (at_ms <= loop->steady_ms)
		at_ms = loop->steady_ms + 1;
	timer->at_ms = at_ms;
	/* Later than its place in the heap: it is moved when that place comes to the top. */
	if (timer->is_set && at_ms >= timer->key_ms)
		return;
	if (timer->is_set)
		timers_remove(loop, timer);
	timer->is_set = true;
	timers_insert(loop, timer);
}

void
loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->is_set)
		return;
	timer->is_set = false;
	timers_remove(loop, timer);
}

/* The timer that is due first, NULL when none is set. */
static struct loop_timer *
timers_first(struct loop *loop)
{
	struct loop_timer *timer = loop->timers;
	while (timer != NULL && timer->key_ms < timer->at_ms) {
		timers_remove(loop, timer);
		timers_insert(loop, timer);
		timer = loop->timers;
	}
	return timer;
}

static void
loop_fire_timers(struct loop *loop)
{
	struct loop_timer *timer;
	/* None is ever set to a time that has come, so this ends. */
	while ((timer = timers_first(loop)) != NULL && timer->at_ms <= loop->steady_ms) {
		loop_timer_stop(loop, timer);
		timer->fire(timer);
	}
}

/* ---- ends of rounds ---- */

void
loop_hook(struct loop *loop, struct loop_hook *hook)
{
	hook->next = NULL;
	*loop->hooks_end = hook;
	loop->hooks_end = &hook->next;
}

void
loop_later(struct loop *loop, struct loop_task *task)
{
	if (task->link != NULL)
		return;
	task->next = NULL;
	task->group = NULL;
	task->link = loop->later.end;
	*loop->later.end = task;
	loop->later.end = &task->next;
}

static void
group_append(struct loop *loop, struct loop_group *group)
{
	group->next = NULL;
	group->link = loop->behind.end;
	*loop->behind.end = group;
	loop->behind.end = &group->next;
	loop->behind.count++;
}

static void
group_remove(struct loop *loop, struct loop_group *group)
{
	*group->link = group->next;
	if (group->next != NULL)
		group->next->link = group->link;
	else
		loop->behind.end = group->link;
	loop->behind.count--;
}

void
loop_behind(struct loop *loop, struct loop_group *group, struct loop_task *task)
{
	if (task->link != NULL)
		return;
	if (group->first == NULL) {
		group->end = &group->first;
		group_append(loop, group);
	}
	task->next = NULL;
	task->group = group;
	task->link = group->end;
	*group->end = task;
	group->end = &task->next;
}

void
loop_forget(struct loop *loop, struct loop_task *task)
{
	struct loop_group *group = task->group;

	if (task->link == NULL)
		return;
	*task->link = task->next;
	if (task->next != NULL)
		task->next->link = task->link;
	else if (group != NULL)
		group->end = task->link;
	else if (loop->later.end == &task->next)
		loop->later.end = task->link;
	task->link = NULL;
	if (group != NULL && group->first == NULL)
		group_remove(loop, group);
}

bool
loop_task_is_queued(const struct loop_task *task)
{
	return task->link != NULL;
}

static void
loop_run_later(struct loop *loop)
{
	/* The queue moves to a local head, so that what tasks queue waits for the next round. */
	struct loop_task *head = loop->later.first;
	loop->later.first = NULL;
	loop->later.end = &loop->later.first;
	loop->ran_tasks = head != NULL;
	if (head != NULL)
		head->link = &head;
	while (head != NULL) {
		struct loop_task *task = head;
		loop_forget(loop, task);
		task->run(task);
	}
}

/* The task whose turn it is among those that have not run in this round; NULL when all have. Its group has the next
 * turn after the others. */
static struct loop_task *
behind_next(struct loop *loop)
{
	for (size_t left = loop->behind.count; left > 0; left--) {
		struct loop_group *group = loop->behind.first;
		group_remove(loop, group);
		group_append(loop, group);
		if (group->first->round != loop->round)
			return group->first;
	}
	return NULL;
}

static void
loop_run_behind(struct loop *loop)
{
	uint64_t ends_ms = loop_steady_now_ms(loop) + LOOP_BEHIND_MS;
	struct loop_task *task;

	while ((task = behind_next(loop)) != NULL) {
		loop_forget(loop, task);
		task->round = loop->round;
		task->run(task);
		if (loop_steady_now_ms(loop) >= ends_ms)
			break;
	}
}

/* ---- rounds ---- */

static int
loop_wait_ms(struct loop *loop, int wait_max_ms)
{
	struct loop_timer *first = timers_first(loop);

	if (loop->ran_tasks || loop->later.first != NULL || loop->behind.first != NULL)
		return 0;
	if (first == NULL)
		return wait_max_ms;
	uint64_t wait_ms = first->at_ms > loop->steady_ms ? first->at_ms - loop->steady_ms : 0;
	uint64_t max = wait_max_ms < 0 ? INT32_MAX : (uint64_t)wait_max_ms;
	return (int)(wait_ms < max ? wait_ms : max);
}

void
loop_round(struct loop *loop, int wait_max_ms)
{
	uint64_t woke_ms = loop->steady_ms, asked_ms = loop_steady_now_ms(loop);
	int count = epoll_wait(loop->epoll, loop->events, EVENTS_MAX, loop_wait_ms(loop, wait_max_ms));
	check(count >= 0 || errno == EINTR);
	loop->events_next = 0;
	loop->events_count = count < 0 ? 0 : count;
	loop->round++;
	loop_read_clock(loop);
	/* Who had to be waited for has come just now. */
	loop->ready_since_ms = loop->steady_ms > asked_ms ? loop->steady_ms : woke_ms;
	loop_call_sources(loop);
	loop_fire_timers(loop);
	if (loop->behind.first != NULL)
		loop_run_behind(loop);
	for (struct loop_hook *hook = loop->hooks; hook != NULL; hook = hook->next)
		hook->run(hook);
	loop_run_later(loop);
}

void
loop_run(struct loop *loop)
{
	while (!loop->stopping)
		loop_round(loop, -1);
	loop->stopping = false;
}

void
loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

/* ---- signals ---- */

static void
loop_signal_ready(struct loop_source *source, unsigned events)
{
	struct loop *loop = loop_owner(source, struct loop, signal_source);
	struct signalfd_siginfo info;
	(void)events;

	while (read(source->fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGHUP)
			loop->signals.reload(loop->signals.context);
		else
			loop->signals.stop(loop->signals.context);
	}
}

bool
loop_take_signals(struct loop *loop, const struct loop_signals *signals)
{
	sigset_t set;

	check(loop->signal_source.fd < 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return false;
	loop->signals = *signals;
	loop->signal_source.fd = fd;
	loop->signal_source.ready = loop_signal_ready;
	if (!loop_add(loop, &loop->signal_source, LOOP_READ)) {
		close(fd);
		loop->signal_source.fd = -1;
		return false;
	}
	pthread_sigmask(SIG_BLOCK, &set, &loop->mask_before);
	signal(SIGPIPE, SIG_IGN);
	/* They ask for nothing here, and one sent by mistake must not cut off who is filing. */
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGALRM, SIG_IGN);
	/* A file beyond the process's limit is a failed write like any other, to be told and not to die of. */
	signal(SIGXFSZ, SIG_IGN);
	return true;
}
