/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop: descriptors, timers, signals and work put off to the end of a round. Knows nothing of TLS or of
 * messages. One thread; nothing that it calls may block.
 *
 * A round: wait, read the clock once, call the sources that are ready, the timers that are due, then for a few
 * milliseconds the tasks that stand behind (work for those who have had much of late), then the hooks (batches are
 * sealed there, once a round), then the tasks (answers are written there, many at a time). After a round that ran
 * tasks the next one does not wait, since they may have made work for a hook.
 *
 * Sources, timers, hooks and tasks are embedded in their owner, who outlives their registration; the loop never
 * allocates after loop_create, so nothing here can fail for want of memory but the kernel's own loop_add. Any of them
 * may be removed, and its owner freed, from inside any callback. */
#ifndef GUICHET_LOOP_H
#define GUICHET_LOOP_H

#include "protocol/bytes.h"

struct loop;

/* The struct that embeds `member` at `pointer`: how a callback finds its owner. */
#define loop_owner(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* What the loop's clock reads: milliseconds since 1970, and milliseconds that never jump. */
struct loop_clock {
	uint64_t (*wall_ms)(void);
	uint64_t (*steady_ms)(void);
};

/* NULL when the kernel or memory is short; errno says why. `clock` NULL: the machine's. */
must_check struct loop *loop_create(const struct loop_clock *clock);
/* Everything must have been removed. NULL is allowed. */
void loop_destroy(struct loop *loop);

/* Rounds until loop_stop, which ends the run after the round it is called in. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* One round that waits at most wait_max_ms (-1: until something happens). */
void loop_round(struct loop *loop, int wait_max_ms);

/* The clock as it was when this round woke up. */
uint64_t loop_wall_ms(const struct loop *loop);
uint64_t loop_steady_ms(const struct loop *loop);
/* What is ready in this round and was not in the one before has become so since then (steady clock). */
uint64_t loop_ready_since_ms(const struct loop *loop);
/* The steady clock as it is: for the time that work takes. */
uint64_t loop_steady_now_ms(const struct loop *loop);

/* ---- descriptors ---- */

enum loop_event {
	LOOP_READ = 1 << 0,
	LOOP_WRITE = 1 << 1,
	/* Error or hang-up: told even when not asked for, so whoever gets it must read the error or remove the
	 * source. */
	LOOP_ERROR = 1 << 2,
};

/* Level-triggered: called in every round in which something that is wanted holds. */
struct loop_source {
	int fd;
	void (*ready)(struct loop_source *source, unsigned events);
	unsigned wanted; /* the loop's */
};

/* Watches source->fd, which the owner opened and will close after loop_remove. False, with errno, when the kernel
 * refuses. */
must_check bool loop_add(struct loop *loop, struct loop_source *source, unsigned wanted);
/* Changes what is wanted; costs nothing when it stays the same. */
void loop_want(struct loop *loop, struct loop_source *source, unsigned wanted);
void loop_remove(struct loop *loop, struct loop_source *source);

/* ---- timers ---- */

/* Zeroed but for `fire` before first use. Fires once. Moving it to a later time, the common case of a deadline that
 * is put off at every sign of life, costs no search. */
struct loop_timer {
	void (*fire)(struct loop_timer *timer);
	uint64_t at_ms;                        /* the loop's, as all below */
	uint64_t key_ms;                       /* its place in the heap, not after at_ms */
	struct loop_timer *child, *next, *prev; /* prev: elder sibling, or the parent of a first child */
	bool is_set;
};

/* Fires at `at_ms` of the steady clock, at the earliest in the next millisecond. Replaces an earlier setting. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at_ms);
/* May be called on a timer that is not set. */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* ---- ends of rounds ---- */

/* Runs at the end of every round, in the order of loop_hook. */
struct loop_hook {
	void (*run)(struct loop_hook *hook);
	struct loop_hook *next; /* the loop's */
};

/* For the loop's whole life. */
void loop_hook(struct loop *loop, struct loop_hook *hook);

/* Runs once, at the end of this round; put off from inside a task, at the end of the next. Zeroed but for `run`. */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next, **link; /* the loop's; link is NULL when not queued */
	struct loop_group *group;       /* likewise: NULL when not behind */
	uint64_t round;                 /* likewise: in which it last ran from behind */
};

/* Tasks that stand behind on one party's account. Zeroed before first use; outlives the queueing of its tasks. */
struct loop_group {
	struct loop_task *first, **end; /* the loop's, as all here; first is NULL when not queued */
	struct loop_group *next, **link;
};

/* Queues a task; does nothing when it is queued already. */
void loop_later(struct loop *loop, struct loop_task *task);
/* The same behind everything else that is ready: of these tasks a round runs as many as LOOP_BEHIND_MS allow, at least
 * one, none twice. The groups take turns, so that who queues many waits for them alone; within one they run in the
 * order queued. */
void loop_behind(struct loop *loop, struct loop_group *group, struct loop_task *task);
#define LOOP_BEHIND_MS 8
/* May be called on a task that is not queued. */
void loop_forget(struct loop *loop, struct loop_task *task);
bool loop_task_is_queued(const struct loop_task *task);

/* ---- signals ---- */

struct loop_signals {
	void (*stop)(void *context);   /* SIGTERM, SIGINT */
	void (*reload)(void *context); /* SIGHUP */
	void *context;
};

/* Takes the signals above as events from now on, and ignores SIGUSR1, SIGUSR2 and SIGALRM, which mean nothing, and
 * SIGPIPE: a peer that is gone is the error of a write.
 * Call once, before any thread is started, since threads inherit the mask. `signals` is copied. False, with errno. */
must_check bool loop_take_signals(struct loop *loop, const struct loop_signals *signals);

#endif
