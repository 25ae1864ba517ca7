/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs run to their end: guichetd's subcommands, cp, rm, and others asked for their version. */
#ifndef GUICHET_BENCH_TOOL_H
#define GUICHET_BENCH_TOOL_H

#include "protocol/arena.h"
#include "protocol/error.h"

/* What it writes goes to the file `output`. ERROR_file_unreadable when it cannot be started or does not end with 0; the
 * fault names the program and, in fault.value, why, or what it said last; its texts are in `texts`. */
must_check enum error tool_run(const char *const *argv, const char *output, struct arena *texts, struct fault *fault);
/* The first line that the program writes, in `texts`; "" when it cannot be run. `output` is made and removed. */
const char *tool_first_line(const char *const *argv, const char *output, struct arena *texts);

#endif
