/* SPDX-License-Identifier: Apache-2.0
 *
 * getrlimit and setrlimit. */
#include "server/process_limits.h"

#include <sys/resource.h>

/* Descriptors that the process needs besides its connections: the store's files, the threads', the listener's. */
#define DESCRIPTORS_OWN ((rlim_t)1200)

uint64_t
process_limits_take(uint64_t connections_max)
{
	const struct rlimit no_core = { 0, 0 };
	struct rlimit files;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return connections_max;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
		return connections_max;
	rlim_t most = files.rlim_cur > 2 * DESCRIPTORS_OWN ? files.rlim_cur - DESCRIPTORS_OWN : files.rlim_cur / 2;
	return connections_max > most ? most : connections_max;
}
