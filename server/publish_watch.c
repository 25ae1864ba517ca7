/* SPDX-License-Identifier: Apache-2.0
 *
 * For each kind of work, what was said of it last. */
#include "server/publish_watch.h"

#include "server/loop.h"
#include "server/store/disk.h"

/* As they stand in the log, and what becomes of it. */
static const struct {
	const char *name, *answer;
} works[] = {
	[PUBLISH_LOG] = { "log", "tried again every second; receipts are given all the same" },
	[PUBLISH_SINGLE] = { "file", "tried again every second; the file of before stays published" },
	[PUBLISH_MEND] = { "mend", "tried again every second" },
	[PUBLISH_SWEEP] = { "sweep", "what full tiles have made superfluous stays until the next start" },
};

static struct log_field
reason_of(const struct publish_failure *failure)
{
	return failure->code != 0 ? log_errno("reason", failure->code) : log_error("reason", failure->error);
}

void
publish_watch_failed(struct publish_watch *watch, const struct publish_failure *failure, uint64_t now_ms)
{
	struct publish_watched *watched = &watch->works[failure->work];
	bool is_first = watched->last.step == NULL,
	     is_same = !is_first && slice_equal_text(slice_of_text(failure->step), watched->last.step) &&
	    failure->code == watched->last.code && failure->error == watched->last.error;

	if (is_first)
		*watched = (struct publish_watched){ .began_ms = now_ms };
	watched->times++;
	if (is_same && now_ms - watched->said_ms < PUBLISH_WATCH_AGAIN_MS)
		return;
	watched->last = *failure;
	watched->last.file = NULL; /* borrowed for the call */
	watched->said_ms = now_ms;
	log_event(watch->log, LOG_LEVEL_ERROR, "publish_failed", log_field_text("work", works[failure->work].name),
	    log_setting("file", failure->file), log_field_text("step", failure->step), reason_of(failure),
	    log_uint("times", watched->times), log_uint("seconds", (now_ms - watched->began_ms) / 1000),
	    log_field_text("answer", works[failure->work].answer));
}

void
publish_watch_done(struct publish_watch *watch, enum publish_work work, uint64_t now_ms)
{
	struct publish_watched *watched = &watch->works[work];

	if (watched->last.step == NULL)
		return;
	log_event(watch->log, LOG_LEVEL_INFO, "publish_resumed", log_field_text("work", works[work].name),
	    log_uint("times", watched->times), log_uint("seconds", (now_ms - watched->began_ms) / 1000));
	watched->last.step = NULL;
}

enum error
publish_watch_error(const struct publish_watch *watch)
{
	static const enum publish_work published[] = { PUBLISH_LOG, PUBLISH_SINGLE, PUBLISH_MEND };

	for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
		const struct publish_failure *last = &watch->works[published[i]].last;
		if (last->step != NULL)
			return last->code != 0 ? disk_error(last->code) : last->error;
	}
	return ERROR_NONE;
}

/* ---- for the publisher ---- */

static void
watch_failed(void *context, const struct publish_failure *failure)
{
	struct publish_watch *watch = context;
	publish_watch_failed(watch, failure, loop_steady_ms(watch->loop));
}

static void
watch_done(void *context, enum publish_work work)
{
	struct publish_watch *watch = context;
	publish_watch_done(watch, work, loop_steady_ms(watch->loop));
}

static void
watch_mended(void *context, const char *name, size_t count)
{
	struct publish_watch *watch = context;
	log_event(watch->log, LOG_LEVEL_WARN, "publication_missing", log_setting("file", name),
	    log_uint("tiles", count), log_text("answer", "made anew from the log, with others if there are more"));
}

struct publisher_calls
publish_watch_calls(struct publish_watch *watch)
{
	return (struct publisher_calls){ watch_failed, watch_done, watch_mended, watch };
}
