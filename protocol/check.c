/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a process that found itself wrong. */
#include "protocol/check.h"

#include <stdio.h>
#include <stdlib.h>

void
check_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "guichet: internal check failed: %s (%s:%d)\n", condition, file, line);
	abort();
}
