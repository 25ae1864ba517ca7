/* SPDX-License-Identifier: Apache-2.0
 *
 * write, fdatasync, and a clock around both. */
#include "bench/bare_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool
append(int fd, struct slice bytes)
{
	while (bytes.size != 0) {
		ssize_t written = write(fd, bytes.data, bytes.size);
		if (written < 0 && errno != EINTR)
			return false;
		bytes = slice_from(bytes, written < 0 ? 0 : (size_t)written);
	}
	return fdatasync(fd) == 0;
}

static bool
append_all(int fd, const struct bare_disk_plan *plan, uint64_t *durations_ns, uint64_t *total_ns)
{
	uint64_t began_ns = now_ns(), before_ns = began_ns;

	for (size_t i = 0; i < plan->count; i++) {
		if (!append(fd, plan->bytes))
			return false;
		uint64_t after_ns = now_ns();
		durations_ns[i] = after_ns - before_ns;
		before_ns = after_ns;
	}
	*total_ns = before_ns - began_ns;
	return true;
}

static enum error
run_pinned(const struct bare_disk_plan *plan, uint64_t *durations_ns, uint64_t *total_ns, struct fault *fault)
{
	int fd = open(plan->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	bool is_good = fd >= 0 && append_all(fd, plan, durations_ns, total_ns);
	int error_number = errno;

	if (fd >= 0) {
		close(fd);
		unlink(plan->path);
	}
	return is_good ? ERROR_NONE :
	    fault_set(fault, ERROR_file_unreadable, "bare disk", slice_of_text(strerror(error_number)),
		"a new file that can be written and synced");
}

enum error
bare_disk_run(const struct bare_disk_plan *plan, uint64_t *durations_ns, uint64_t *total_ns, struct fault *fault)
{
	cpu_set_t before;

	if (plan->cpus == NULL)
		return run_pinned(plan, durations_ns, total_ns, fault);
	if (sched_getaffinity(0, sizeof before, &before) != 0 ||
	    sched_setaffinity(0, sizeof *plan->cpus, plan->cpus) != 0)
		return fault_set(
		    fault, ERROR_usage, "bare disk", slice_of_text(strerror(errno)), "CPUs of this machine");
	enum error error = run_pinned(plan, durations_ns, total_ns, fault);
	(void)sched_setaffinity(0, sizeof before, &before);
	return error;
}
