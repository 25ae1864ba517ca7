/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread's affinity, taken and given back. */
#include "bench/pin.h"

#include <errno.h>
#include <string.h>

#include "protocol/check.h"

enum error
pin_take(size_t core, struct pin *pin, struct fault *fault)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(core, &cpus);
	if (sched_getaffinity(0, sizeof pin->before, &pin->before) != 0 ||
	    sched_setaffinity(0, sizeof cpus, &cpus) != 0)
		return fault_set(fault, ERROR_usage, "core", slice_of_text(strerror(errno)),
		    "a core each for server and generator");
	return ERROR_NONE;
}

void
pin_release(const struct pin *pin)
{
	check(sched_setaffinity(0, sizeof pin->before, &pin->before) == 0);
}
