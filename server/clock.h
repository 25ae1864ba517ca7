/* SPDX-License-Identifier: Apache-2.0
 *
 * The one place that reads clocks. */
#ifndef GUICHET_CLOCK_H
#define GUICHET_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970-01-01T00:00:00Z. */
uint64_t clock_wall_ms(void);
/* Milliseconds of a clock that never jumps, for timeouts. */
uint64_t clock_steady_ms(void);

#endif
