/* SPDX-License-Identifier: Apache-2.0
 *
 * What the log says of publishing that fails: a line when it begins, with file, step and reason; again only when step
 * or reason change, or every ten minutes; and a line when it is over. So a disk that stays full for a night is some
 * fifty lines, not one a second. Each kind of work has its own. And what was missing and is there again. */
#ifndef GUICHET_PUBLISH_WATCH_H
#define GUICHET_PUBLISH_WATCH_H

#include "server/log.h"
#include "server/publish.h"

struct loop;

#define PUBLISH_WATCH_AGAIN_MS ((uint64_t)10 * 60 * 1000)

/* Zeroed but for the first two. */
struct publish_watch {
	struct log *log;
	const struct loop *loop; /* whose clock counts */
	struct publish_watched {
		struct publish_failure last; /* of it step, code and error; step NULL: all is well */
		uint64_t times;              /* failed since it began */
		uint64_t began_ms, said_ms;
	} works[PUBLISH_WORKS];
};

/* Why something is not published as it should be: the first of what failed last and has not been done since, sweeping
 * left aside. ERROR_NONE when all is. */
enum error publish_watch_error(const struct publish_watch *watch);
/* For publisher_create, with the watch as their context. */
struct publisher_calls publish_watch_calls(struct publish_watch *watch);
/* What they do; now_ms by a clock that never jumps. */
void publish_watch_failed(struct publish_watch *watch, const struct publish_failure *failure, uint64_t now_ms);
void publish_watch_done(struct publish_watch *watch, enum publish_work work, uint64_t now_ms);

#endif
