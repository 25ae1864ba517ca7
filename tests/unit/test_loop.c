/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop's promises: order within a round, timers against a plain model, removal from inside callbacks, signals. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/loop.h"

static uint64_t now_ms;

static uint64_t
test_clock(void)
{
	return now_ms;
}

static const struct loop_clock clock_of_test = { test_clock, test_clock };

static struct loop *
loop_at(uint64_t ms)
{
	now_ms = ms;
	struct loop *loop = loop_create(&clock_of_test);
	assert_non_null(loop);
	return loop;
}

/* ---- timers ---- */

struct alarm {
	struct loop_timer timer;
	uint64_t expected_ms; /* 0: must not fire */
	unsigned fired;
};

static void
alarm_fire(struct loop_timer *timer)
{
	struct alarm *alarm = loop_owner(timer, struct alarm, timer);
	assert_int_equal(alarm->expected_ms, now_ms);
	alarm->fired++;
	alarm->expected_ms = 0;
}

static void
timers_fire_when_due_and_only_then(void **state)
{
	(void)state;
	enum { COUNT = 500 };
	struct loop *loop = loop_at(1000);
	struct alarm *alarms = calloc(COUNT, sizeof *alarms);
	unsigned fired = 0, expected = 0;

	srandom(1);
	for (int i = 0; i < COUNT; i++)
		alarms[i].timer.fire = alarm_fire;
	for (; now_ms < 2000; now_ms++) {
		loop_round(loop, 0);
		for (int i = 0; i < COUNT; i++)
			assert_true(alarms[i].expected_ms == 0 || alarms[i].expected_ms > now_ms);
		/* Set, put off, bring forward, stop: what the heap holds is what the model holds. */
		for (int i = 0; i < 20; i++) {
			struct alarm *alarm = &alarms[random() % COUNT];
			if (random() % 4 == 0) {
				loop_timer_stop(loop, &alarm->timer);
				alarm->expected_ms = 0;
			} else {
				alarm->expected_ms = now_ms + 1 + (uint64_t)(random() % 100);
				loop_timer_set(loop, &alarm->timer, alarm->expected_ms);
			}
		}
	}
	for (int i = 0; i < COUNT; i++) {
		fired += alarms[i].fired;
		expected += alarms[i].expected_ms != 0;
	}
	assert_true(fired > 1000);
	for (; now_ms < 2200; now_ms++)
		loop_round(loop, 0);
	for (int i = 0; i < COUNT; i++) {
		assert_false(alarms[i].timer.is_set);
		fired -= alarms[i].fired;
	}
	assert_int_equal(0u - fired, expected);
	loop_destroy(loop);
	free(alarms);
}

struct repeating {
	struct loop_timer timer;
	struct loop *loop;
	unsigned fired;
};

static void
repeating_fire(struct loop_timer *timer)
{
	struct repeating *repeating = loop_owner(timer, struct repeating, timer);
	repeating->fired++;
	loop_timer_set(repeating->loop, timer, 0);
}

static void
a_timer_set_to_the_past_fires_once_a_round(void **state)
{
	(void)state;
	struct loop *loop = loop_at(5000);
	struct repeating repeating = { .timer.fire = repeating_fire, .loop = loop };
	loop_timer_set(loop, &repeating.timer, 10);
	loop_round(loop, 0);
	assert_int_equal(repeating.fired, 0);
	now_ms++;
	loop_round(loop, 0);
	assert_int_equal(repeating.fired, 1);
	/* The clock jumps: still once. */
	now_ms += 1000000;
	loop_round(loop, 0);
	assert_int_equal(repeating.fired, 2);
	loop_timer_stop(loop, &repeating.timer);
	loop_destroy(loop);
}

static void
a_real_round_ends_when_the_timer_is_due(void **state)
{
	(void)state;
	struct loop *loop = loop_create(NULL);
	struct repeating repeating = { .timer.fire = repeating_fire, .loop = loop };
	uint64_t at_ms = loop_steady_ms(loop) + 3;
	loop_timer_set(loop, &repeating.timer, at_ms);
	while (repeating.fired == 0)
		loop_round(loop, -1);
	assert_true(loop_steady_ms(loop) >= at_ms);
	loop_timer_stop(loop, &repeating.timer);
	loop_destroy(loop);
}

/* ---- sources, hooks, tasks ---- */

/* What happened, as letters in order. */
struct story {
	struct loop *loop;
	char text[64];
};

static void
tell(struct story *story, char letter)
{
	size_t size = strlen(story->text);
	assert_true(size + 1 < sizeof story->text);
	story->text[size] = letter;
}

struct actor {
	struct loop_source source;
	struct loop_timer timer;
	struct loop_hook hook;
	struct loop_task task;
	struct story *story;
	struct actor *victim; /* removed by `ready` */
	bool again;
};

static void
actor_ready(struct loop_source *source, unsigned events)
{
	struct actor *actor = loop_owner(source, struct actor, source);
	assert_true(events & LOOP_READ);
	tell(actor->story, 's');
	if (actor->victim != NULL) {
		loop_remove(actor->story->loop, &actor->victim->source);
		memset(&actor->victim->source, 0, sizeof actor->victim->source);
	}
	loop_later(actor->story->loop, &actor->task);
	loop_later(actor->story->loop, &actor->task);
}

static void
actor_fire(struct loop_timer *timer)
{
	tell(loop_owner(timer, struct actor, timer)->story, 't');
}

static void
actor_hook(struct loop_hook *hook)
{
	tell(loop_owner(hook, struct actor, hook)->story, 'h');
}

static void
actor_task(struct loop_task *task)
{
	struct actor *actor = loop_owner(task, struct actor, task);
	tell(actor->story, 'k');
	if (actor->again)
		loop_later(actor->story->loop, task);
	actor->again = false;
}

static struct actor
actor_of(struct story *story)
{
	struct actor actor = { .source.ready = actor_ready, .timer.fire = actor_fire, .hook.run = actor_hook,
		.task.run = actor_task, .story = story };
	actor.source.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(actor.source.fd >= 0);
	return actor;
}

static void
a_round_goes_sources_timers_hooks_tasks(void **state)
{
	(void)state;
	struct story story = { .loop = loop_at(1) };
	struct actor actor = actor_of(&story);
	actor.again = true;
	loop_hook(story.loop, &actor.hook);
	assert_true(loop_add(story.loop, &actor.source, LOOP_READ));
	loop_timer_set(story.loop, &actor.timer, 2);
	now_ms = 2;
	loop_round(story.loop, -1);
	assert_string_equal(story.text, "sthk");
	/* Nothing is ready any more, but a task was put off and one has run: neither round waits. */
	loop_want(story.loop, &actor.source, 0);
	loop_round(story.loop, -1);
	assert_string_equal(story.text, "sthkhk");
	loop_round(story.loop, -1);
	assert_string_equal(story.text, "sthkhkh");
	loop_remove(story.loop, &actor.source);
	close(actor.source.fd);
	loop_destroy(story.loop);
}

static void
a_source_removed_in_the_round_is_not_called(void **state)
{
	(void)state;
	struct story story = { .loop = loop_at(1) };
	struct actor one = actor_of(&story), two = actor_of(&story);
	int fds[2] = { one.source.fd, two.source.fd };
	one.victim = &two;
	two.victim = &one;
	assert_true(loop_add(story.loop, &one.source, LOOP_READ));
	assert_true(loop_add(story.loop, &two.source, LOOP_READ));
	/* Whichever comes first removes the other, whose memory could be gone by now. */
	loop_round(story.loop, 0);
	assert_string_equal(story.text, "sk");
	loop_remove(story.loop, one.source.ready != NULL ? &one.source : &two.source);
	close(fds[0]);
	close(fds[1]);
	loop_destroy(story.loop);
}

struct forgetting {
	struct loop_task task;
	struct loop *loop;
	struct loop_task *other;
	unsigned ran;
};

static void
forgetting_task(struct loop_task *task)
{
	struct forgetting *forgetting = loop_owner(task, struct forgetting, task);
	forgetting->ran++;
	loop_forget(forgetting->loop, forgetting->other);
}

static void
tasks_can_be_forgotten_from_tasks(void **state)
{
	(void)state;
	struct loop *loop = loop_at(1);
	struct forgetting tasks[3];
	for (int i = 0; i < 3; i++)
		tasks[i] = (struct forgetting){ { .run = forgetting_task }, loop, &tasks[(i + 2) % 3].task, 0 };
	for (int i = 0; i < 3; i++)
		loop_later(loop, &tasks[i].task);
	/* The first forgets the last, the second the first, which has run. */
	loop_round(loop, 0);
	assert_int_equal(tasks[0].ran, 1);
	assert_int_equal(tasks[1].ran, 1);
	assert_int_equal(tasks[2].ran, 0);
	/* The queue's end is right again after its last was forgotten. */
	loop_later(loop, &tasks[0].task);
	loop_later(loop, &tasks[1].task);
	loop_forget(loop, &tasks[1].task);
	loop_later(loop, &tasks[2].task);
	loop_round(loop, 0);
	assert_int_equal(tasks[0].ran, 2);
	assert_int_equal(tasks[1].ran, 1);
	assert_int_equal(tasks[2].ran, 0);
	loop_destroy(loop);
}

struct costly {
	struct loop_task task;
	struct story *story;
	struct loop_group *group;
	char letter;
	bool again;
};

static void
costly_run(struct loop_task *task)
{
	struct costly *costly = loop_owner(task, struct costly, task);
	tell(costly->story, costly->letter);
	now_ms += LOOP_BEHIND_MS / 2;
	if (costly->again)
		loop_behind(costly->story->loop, costly->group, task);
}

static void
what_stands_behind_has_so_much_of_a_round(void **state)
{
	(void)state;
	struct story story = { .loop = loop_at(1) };
	struct actor actor = actor_of(&story);
	struct loop_group group = { 0 };
	struct costly tasks[4];

	loop_hook(story.loop, &actor.hook);
	loop_later(story.loop, &actor.task);
	for (size_t i = 0; i < 4; i++) {
		tasks[i] = (struct costly){ { .run = costly_run }, &story, &group, (char)('a' + i), false };
		loop_behind(story.loop, &group, &tasks[i].task);
	}
	loop_forget(story.loop, &tasks[3].task);
	loop_round(story.loop, -1);
	assert_string_equal(story.text, "abhk");
	/* The third did not get its turn: the loop does not wait. */
	loop_round(story.loop, -1);
	assert_string_equal(story.text, "abhkch");
	/* Whoever goes on gets one turn a round, also when there is time left. */
	tasks[0].again = true;
	loop_behind(story.loop, &group, &tasks[0].task);
	loop_round(story.loop, -1);
	assert_string_equal(story.text, "abhkchah");
	loop_forget(story.loop, &tasks[0].task);
	close(actor.source.fd);
	loop_destroy(story.loop);
}

/* Who has many tasks waits for them alone. */
static void
those_behind_take_turns_by_group(void **state)
{
	(void)state;
	struct story story = { .loop = loop_at(1) };
	struct loop_group groups[3] = { { 0 } };
	struct costly tasks[6];

	for (size_t i = 0; i < 6; i++) {
		struct loop_group *group = &groups[i < 4 ? 0 : i - 3];
		tasks[i] = (struct costly){ { .run = costly_run }, &story, group, (char)('a' + i), false };
		loop_behind(story.loop, group, &tasks[i].task);
		loop_behind(story.loop, group, &tasks[i].task);
	}
	assert_true(loop_task_is_queued(&tasks[1].task));
	loop_forget(story.loop, &tasks[1].task);
	assert_false(loop_task_is_queued(&tasks[1].task));
	tasks[4].again = true;
	for (int i = 0; i < 3; i++)
		loop_round(story.loop, -1);
	assert_string_equal(story.text, "aefced");
	loop_round(story.loop, -1);
	assert_string_equal(story.text, "aefcede");
	loop_forget(story.loop, &tasks[4].task);
	loop_destroy(story.loop);
}

/* ---- signals ---- */

struct received {
	struct loop *loop;
	unsigned stops, reloads;
};

static void
received_stop(void *context)
{
	struct received *received = context;
	received->stops++;
	loop_stop(received->loop);
}

static void
received_reload(void *context)
{
	((struct received *)context)->reloads++;
}

static void
signals_are_events(void **state)
{
	(void)state;
	struct received received = { .loop = loop_at(1) };
	struct loop_signals signals = { received_stop, received_reload, &received };
	assert_true(loop_take_signals(received.loop, &signals));
	kill(getpid(), SIGHUP);
	loop_round(received.loop, 0);
	assert_int_equal(received.reloads, 1);
	assert_int_equal(received.stops, 0);
	static const int others[] = { SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		kill(getpid(), others[i]);
	loop_round(received.loop, 0);
	assert_int_equal(received.stops, 0);
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGINT);
	loop_run(received.loop);
	assert_int_equal(received.stops, 2);
	loop_destroy(received.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_when_due_and_only_then),
		cmocka_unit_test(a_timer_set_to_the_past_fires_once_a_round),
		cmocka_unit_test(a_real_round_ends_when_the_timer_is_due),
		cmocka_unit_test(a_round_goes_sources_timers_hooks_tasks),
		cmocka_unit_test(a_source_removed_in_the_round_is_not_called),
		cmocka_unit_test(tasks_can_be_forgotten_from_tasks),
		cmocka_unit_test(what_stands_behind_has_so_much_of_a_round),
		cmocka_unit_test(those_behind_take_turns_by_group),
		cmocka_unit_test(signals_are_events),
	};
	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
