/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person is told of a fault. */
#ifndef GUICHET_BENCH_FAULT_H
#define GUICHET_BENCH_FAULT_H

#include <stdio.h>

#include "protocol/error.h"

/* Name, text, place, value and expectation, in a line. */
void fault_print(FILE *out, const struct fault *fault);

#endif
