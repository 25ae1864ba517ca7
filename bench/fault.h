/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults that outlive what failed. fault_set borrows its texts; whoever has one in memory that ends with it keeps it
 * first. */
#ifndef GUICHET_BENCH_FAULT_H
#define GUICHET_BENCH_FAULT_H

#include <stdio.h>

#include "protocol/arena.h"
#include "protocol/error.h"

/* How much of a text is kept; of a longer one the beginning. */
#define FAULT_TEXT_MAX ((size_t)8192)

/* Copies the fault's texts into the arena; those for which it has no room become empty. Returns fault->error. */
enum error fault_keep(struct fault *fault, struct arena *texts);
/* Name, text, place, value and expectation, in a line. */
void fault_print(FILE *out, const struct fault *fault);

#endif
