/* SPDX-License-Identifier: Apache-2.0
 *
 * What the disk alone costs: the same bytes appended to a file again and again, each time synced (fdatasync), by a loop
 * that does nothing else. A server that syncs each filing before it answers, in a file that grows as here (so that each
 * sync writes the file's new size too), cannot be faster; one that puts many filings behind one sync can. */
#ifndef GUICHET_BARE_DISK_H
#define GUICHET_BARE_DISK_H

#include <sched.h>

#include "protocol/error.h"

struct bare_disk_plan {
	const char *path; /* of a new file on the file system in question; removed at the end */
	struct slice bytes; /* appended at a time */
	size_t count;
	const cpu_set_t *cpus; /* this thread's for as long as it runs; NULL: those it has */
};

/* Times of each append with its sync into durations_ns, `count` of them, and of all together. ERROR_file_unreadable
 * when the file cannot be made, written or synced (fault.value: why), ERROR_usage when this thread may not run on those
 * CPUs; the file is gone then too. */
must_check enum error bare_disk_run(
    const struct bare_disk_plan *plan, uint64_t *durations_ns, uint64_t *total_ns, struct fault *fault);

#endif
