/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole files, and directories. What cannot be read, written or removed ends the test. */
#ifndef GUICHET_TESTS_FILE_H
#define GUICHET_TESTS_FILE_H

#include "protocol/bytes.h"

/* The bytes, malloc'ed, with a NUL behind them that is not counted. */
void *file_read(const char *path, size_t *size);
/* Makes the file or replaces what is in it. */
void file_write(const char *path, struct slice bytes);
/* The directory with all that is in it. */
void directory_remove(const char *path);

#endif
