/* SPDX-License-Identifier: Apache-2.0
 *
 * A guichetd under load: a directory of its own, made or copied, and the real program serving it as a process. The
 * texts of faults are in the arena `texts`. */
#ifndef GUICHET_BENCH_OFFICE_H
#define GUICHET_BENCH_OFFICE_H

#include "bench/process.h"
#include "protocol/error.h"

struct guichet_trust;
struct loop;
struct office;

/* guichetd init and import taxpayers. ERROR_file_unreadable names the program that failed and its last words. */
must_check enum error office_make(const char *programs, const char *directory, const char *registry,
    struct arena *texts, struct fault *fault);
/* A copy of the whole directory; the office must not be served. */
must_check enum error office_copy(const char *from, const char *to, struct arena *texts, struct fault *fault);
/* Removes the directory and all in it, if it is there. */
must_check enum error office_remove(const char *directory, struct arena *texts, struct fault *fault);
/* Gives the office, which must not be served, room for so many connections (connections_max). */
must_check enum error office_allow_connections(const char *directory, size_t count, struct arena *texts,
    struct fault *fault);
/* What it publishes; the caller's. */
must_check enum error office_trust(const char *directory, struct guichet_trust **out, struct arena *texts,
    struct fault *fault);

struct office_plan {
	const char *programs, *directory;
	int core; /* where it runs, with all its threads; -1: anywhere */
	struct arena *texts;
};

/* Returns when it listens. ERROR_file_unreadable, ERROR_unreachable, ERROR_timed_out: fault.value is what it said
 * last. */
must_check enum error office_start(const struct office_plan *plan, struct office **out, struct fault *fault);
/* Stops it in good order and frees it. Returns `error`, of what was done with it; when that is ERROR_NONE and the
 * server did not end well, ERROR_unreachable. NULL is allowed. */
enum error office_stop(struct office *office, enum error error, struct fault *fault);

uint16_t office_port(const struct office *office);
struct process *office_process(const struct office *office);
/* A loop for whoever loads it; owned by the office. */
struct loop *office_loop(const struct office *office);

#endif
