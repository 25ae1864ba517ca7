/* SPDX-License-Identifier: Apache-2.0
 *
 * A job of the worker's for each content; the one that fails is kept, unless a newer one is. */
#include "server/publish_single.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/check.h"

/* The loop's until it is submitted, then the worker's until it is done. */
struct single_task {
	struct publish_singles *singles;
	struct publish_single single;
	struct publish_file file;
	struct publish_failure failure;
};

static void
unwritten_forget(struct publish_singles *singles)
{
	content_release(singles->unwritten.content);
	singles->unwritten.content = NULL;
}

static void
unwritten_keep(struct publish_singles *singles, const struct publish_single *single)
{
	if (singles->unwritten.content != NULL && singles->unwritten.number > single->number)
		return;
	unwritten_forget(singles);
	singles->unwritten = *single;
	(void)content_hold(single->content);
}

static void
single_failed(struct publish_singles *singles, const struct publish_single *single,
    const struct publish_failure *failure)
{
	singles->calls->failed(singles->calls->context, failure);
	unwritten_keep(singles, single);
}

static void
single_task_free(struct single_task *task)
{
	content_release(task->single.content);
	free(task);
}

static void
single_task_run(void *argument)
{
	struct single_task *task = argument;

	publish_write_files(task->singles->directory, &task->file, 1, false, &task->failure);
}

static void
single_task_done(void *argument)
{
	struct single_task *task = argument;
	struct publish_singles *singles = task->singles;

	singles->under_way--;
	if (task->failure.step != NULL) {
		single_failed(singles, &task->single, &task->failure);
	} else {
		if (singles->unwritten.number < task->single.number)
			unwritten_forget(singles);
		if (singles->calls->done != NULL)
			singles->calls->done(singles->calls->context, PUBLISH_SINGLE);
	}
	single_task_free(task);
}

static void
single_submit(struct publish_singles *singles, const struct publish_single *single)
{
	const struct publish_failure short_of_memory = { PUBLISH_SINGLE, "memory", single->name, ENOMEM, ERROR_NONE },
				     too_busy = { PUBLISH_SINGLE, "queue", single->name, EAGAIN, ERROR_NONE };
	struct single_task *task = calloc(1, sizeof *task);

	if (task == NULL) {
		single_failed(singles, single, &short_of_memory);
		return;
	}
	*task = (struct single_task){ .singles = singles, .single = *single, .failure = { .work = PUBLISH_SINGLE } };
	task->file.bytes = content_bytes(content_hold(single->content));
	int size = snprintf(task->file.name, sizeof task->file.name, "%s", single->name);
	check(size > 0 && size < (int)sizeof task->file.name);
	if (worker_submit(singles->worker, single_task_run, single_task_done, task)) {
		singles->under_way++;
		return;
	}
	single_failed(singles, single, &too_busy);
	single_task_free(task);
}

void
publish_single_write(struct publish_singles *singles, const char *name, struct content *content)
{
	single_submit(singles, &(struct publish_single){ name, content, ++singles->numbers });
}

/* Once none is on its way: what is written last is the newest. */
void
publish_single_tick(struct publish_singles *singles)
{
	struct publish_single single = singles->unwritten;

	if (single.content == NULL || singles->under_way != 0)
		return;
	singles->unwritten.content = NULL;
	single_submit(singles, &single);
	content_release(single.content);
}

void
publish_single_close(struct publish_singles *singles)
{
	check(singles->under_way == 0);
	unwritten_forget(singles);
}
