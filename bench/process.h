/* SPDX-License-Identifier: Apache-2.0
 *
 * A program run as a child for as long as it is measured: started on given CPUs, awaited until it is ready, accounted
 * for, stopped. What it writes goes to a file. It never outlives this program: it gets SIGTERM when the thread that
 * started it ends, however that ends, so start it from one that stays (SIGTERM, so that nginx's master can end its
 * workers, which no other signal would reach).
 *
 * One thread. Waiting is done in steps of at most two milliseconds. */
#ifndef GUICHET_PROCESS_H
#define GUICHET_PROCESS_H

#include <sched.h>

#include "bench/family.h"
#include "protocol/arena.h"
#include "protocol/error.h"

struct process;

struct process_plan {
	const char *const *argv; /* ended by NULL; the first is a path or found in PATH */
	const char *output_path; /* what it writes to stdout and stderr goes there; made anew */
	const cpu_set_t *cpus; /* those it may run on; NULL: those of this thread */
	struct arena *arena; /* for texts of faults; outlives the process */
};

/* Starts it: no input, no descriptor of ours, default signals, and as many open files as this machine allows.
 * ERROR_file_unreadable when the program or its output cannot be opened, ERROR_usage when it may not run on those
 * CPUs; fault.value says why, or which. */
must_check enum error process_start(const struct process_plan *plan, struct process **out, struct fault *fault);

/* Both wait for at most limit_ms until it is ready to be connected to. ERROR_unreachable when it ends instead
 * (fault.value: how, and what it wrote last), ERROR_timed_out (fault.value: what it wrote last). It is still to be
 * stopped then. */

/* Until there is a file of this name with a port in decimal and a line end: guichetd's --port-file. The file must not
 * be there before the start. */
must_check enum error process_await_port_file(
    struct process *process, const char *path, unsigned limit_ms, uint16_t *port, struct fault *fault);
/* Until somebody serves at this port of 127.0.0.1, which must be held for this program (see port.h): not only listens,
 * as nginx does before it has a worker and redis before it has its data, but ends a connection on which nothing
 * comes. */
must_check enum error process_await_port(
    struct process *process, uint16_t port, unsigned limit_ms, struct fault *fault);

/* Its own id; ended or not, it is nobody else's until process_stop. */
pid_t process_id(const struct process *process);
/* Has it ended by itself? */
must_check bool process_has_ended(struct process *process);
/* What it and its descendants have had so far. ERROR_unreachable when it has ended, ERROR_file_unreadable when the
 * kernel does not tell. */
must_check enum error process_account(struct process *process, struct account *out, struct fault *fault);

/* How it ended. */
struct process_end {
	int exit_code; /* -1: by a signal */
	int signal; /* 0: by itself */
	bool was_killed; /* it or a child of it did not go when asked to */
};

/* SIGTERM; after limit_ms SIGKILL to all that is left of the family; waits for their end and frees. Children of one
 * that had ended before are not found. NULL is allowed: the end is all 0 then. */
struct process_end process_stop(struct process *process, unsigned limit_ms);

#endif
