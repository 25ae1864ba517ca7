/* SPDX-License-Identifier: Apache-2.0
 *
 * A loop over numbers on all cores, for preparing what is measured later. */
#ifndef GUICHET_BENCH_PARALLEL_H
#define GUICHET_BENCH_PARALLEL_H

#include "protocol/bytes.h"

/* Calls work(context, nth) for every nth below count, in any order, on as many threads as there are cores; returns when
 * all are done. False when one of them returned false (the others may be left out) or no thread could be had. */
must_check bool parallel_for(size_t count, bool (*work)(void *context, size_t nth), void *context);

#endif
