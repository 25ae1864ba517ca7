/* SPDX-License-Identifier: Apache-2.0
 *
 * A process with all its descendants, and what the kernel accounts for them: nginx is a master and its workers, and
 * what it costs is what both cost. Reads /proc; what belongs to another user may be hidden there.
 *
 * Only who lives is counted: a child that has ended and was waited for takes its account with it. */
#ifndef GUICHET_FAMILY_H
#define GUICHET_FAMILY_H

#include <sys/types.h>

#include "protocol/bytes.h"

#define FAMILY_MAX 16

struct family {
	pid_t pids[FAMILY_MAX]; /* the elder first, parents before their children */
	size_t count;
};

/* Who descends from `elder` now. False when it is gone, when there are more than FAMILY_MAX (these many are in `out`
 * then), or on a kernel that does not list children (CONFIG_PROC_CHILDREN). */
must_check bool family_find(pid_t elder, struct family *out);

/* Sums over the family. */
struct account {
	/* Of all threads, also of those that have ended; exact to the nanosecond at the last tick or switch of a
	 * thread that is running right now. */
	uint64_t cpu_ns;
	/* How much of it in the kernel: in steps of 10 ms a process, and the kernel's estimate, since it looks at its
	 * ticks only. */
	uint64_t system_ns;
	/* Threads that live: times they slept, and times they were made to wait for another. */
	uint64_t voluntary_switches, involuntary_switches;
	/* Pages that two processes share, of a file or since a fork, count twice. */
	uint64_t resident_bytes;
	uint64_t anonymous_bytes; /* part of it: not of any file */
	size_t threads;
};

/* False when one of them is gone. */
must_check bool family_account(const struct family *family, struct account *out);

#endif
