/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps this thread on one core while it measures, and only then: what it starts meanwhile, threads and processes,
 * would stay there too. */
#ifndef GUICHET_BENCH_PIN_H
#define GUICHET_BENCH_PIN_H

#include <sched.h>

#include "protocol/error.h"

struct pin {
	cpu_set_t before; /* where the thread might run */
};

/* ERROR_usage when this machine does not let the thread run there. */
must_check enum error pin_take(size_t core, struct pin *pin, struct fault *fault);
/* Where it might run before. */
void pin_release(const struct pin *pin);

#endif
