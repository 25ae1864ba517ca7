/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: each is one request, or one piece of the office's own work, with its arena, its view and its place in a batch;
 * from its body to its answer. What comes in from connections, and what of that becomes a job, is dispatch.c's, the
 * only one to use this. */
#ifndef GUICHET_JOB_H
#define GUICHET_JOB_H

#include "protocol/frame.h"
#include "server/decide.h"
#include "server/room.h"

struct dispatch_asker;
struct dispatch_config;

/* All that are under way and what they share. Others look at the counts and the memory only. */
struct jobs {
	const struct dispatch_config *config;
	struct answer *answer;
	struct room room;
	struct job *first;
	size_t count;
	size_t own_count; /* of them, the office's own work */
	size_t memory; /* bytes that all of them hold */
	struct job *spares; /* nobody's; only their arenas mean anything */
	size_t spares_count;
	bool is_stopping; /* nothing is begun any more, and no own work goes on by itself */
};

/* The config is borrowed until the end. False when memory is short, with nothing left to close. */
must_check bool jobs_open(struct jobs *jobs, const struct dispatch_config *config);
/* No job may be under way (asserted). */
void jobs_close(struct jobs *jobs);
/* The asker is gone: its jobs run to their end and are not answered. */
void jobs_forget(struct jobs *jobs, const struct dispatch_asker *asker);
/* Is a piece of the office's own work with this handler under way? */
must_check bool jobs_have_own(const struct jobs *jobs, decide handler);
/* Answers a request that becomes no job. */
void jobs_refuse(struct jobs *jobs, const struct office *office, struct dispatch_asker *asker,
    const struct frame *request, uint64_t now_ms, const struct fault *fault);

/* What a job is made of. */
struct job_plan {
	struct office *office;        /* a reference is taken: later ones are not seen */
	struct dispatch_asker *asker; /* borrowed until jobs_forget; NULL: nobody's */
	const struct operation *operation; /* number 0: the office's own work */
	decide handler;
	uint32_t stream;
	uint64_t now_ms; /* since 1970: the time of all that is decided */
};

/* NULL when memory is short. Once it is begun the job is nobody's: it ends by itself. */
must_check struct job *job_create(struct jobs *jobs, const struct job_plan *plan);
/* Decodes the body, which is copied, and goes as far as it can without waiting. read_ago_ms: as arrival.h, for the
 * asker's deadline. */
void job_begin(struct job *job, struct slice body, uint64_t read_ago_ms);
/* The same of nobody's work, which has no body and no request; without memory it just ends. */
void job_begin_own(struct job *job);

#endif
