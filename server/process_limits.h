/* SPDX-License-Identifier: Apache-2.0
 *
 * What the system lets the process have. */
#ifndef GUICHET_PROCESS_LIMITS_H
#define GUICHET_PROCESS_LIMITS_H

#include <stdint.h>

/* Takes as many descriptors as the system grants, and no core file, which would hold keys and returns. Returns how many
 * of so many connections the descriptors are enough for. */
uint64_t process_limits_take(uint64_t connections_max);

#endif
