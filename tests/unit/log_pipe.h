/* SPDX-License-Identifier: Apache-2.0
 *
 * A log whose lines the test reads at the other end of a pipe. Reading does not block; that writing does not is the
 * log's own care. */
#ifndef GUICHET_TESTS_LOG_PIPE_H
#define GUICHET_TESTS_LOG_PIPE_H

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/log.h"

struct log_pipe {
	int ends[2];
	struct log *log;
	char text[LOG_LINE_MAX + 1]; /* what was read last */
};

/* For the set-up of a test, with its clock. */
static inline int
log_pipe_open(void **state, uint64_t (*wall_ms)(void))
{
	struct log_pipe *p = calloc(1, sizeof *p);

	if (p == NULL || pipe2(p->ends, O_CLOEXEC) != 0 || fcntl(p->ends[0], F_SETFL, O_NONBLOCK) != 0)
		return -1;
	p->log = log_create(p->ends[1], LOG_LEVEL_INFO, wall_ms);
	*state = p;
	return p->log == NULL ? -1 : 0;
}

/* 2026-11-22T15:40:29.123Z. */
static inline uint64_t
log_pipe_still_clock(void)
{
	return UINT64_C(1795362029123);
}

/* The same with a clock that stands. */
static inline int
log_pipe_open_still(void **state)
{
	return log_pipe_open(state, log_pipe_still_clock);
}

static inline int
log_pipe_close(void **state)
{
	struct log_pipe *p = *state;

	log_destroy(p->log);
	close(p->ends[0]);
	close(p->ends[1]);
	free(p);
	return 0;
}

/* What was written since the last call, at most one line's maximum; "" for nothing. */
static inline const char *
log_pipe_read(struct log_pipe *p)
{
	ssize_t size = read(p->ends[0], p->text, sizeof p->text - 1);

	p->text[size > 0 ? size : 0] = '\0';
	return p->text;
}

#endif
