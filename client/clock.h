/* SPDX-License-Identifier: Apache-2.0
 *
 * The two clocks of the client. */
#ifndef GUICHET_CLIENT_CLOCK_H
#define GUICHET_CLIENT_CLOCK_H

#include <stdint.h>

/* Milliseconds from some point in the past; never goes back. For timeouts. */
uint64_t clock_monotonic_ms(void);
/* Seconds since 1970, as this machine believes. For signing times. */
uint64_t clock_now(void);

#endif
