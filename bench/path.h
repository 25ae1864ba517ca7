/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths put together. */
#ifndef GUICHET_BENCH_PATH_H
#define GUICHET_BENCH_PATH_H

#include <stddef.h>

#include "protocol/bytes.h"

#define PATH_SIZE ((size_t)4096)

/* As snprintf. A path that does not fit ends the program: nobody has such a directory, and a cut one would be
 * another's. */
void path_make(char out[PATH_SIZE], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes a directory and all those above it; one that is there is no fault. False with errno. */
must_check bool path_make_directories(const char *path);

#endif
