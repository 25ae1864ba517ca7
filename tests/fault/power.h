/* SPDX-License-Identifier: Apache-2.0
 *
 * What is lost when the power goes off: bytes that were written to a file since it was last synced, and the names that
 * were made, changed or removed in a directory since that was. A file that was synced is lost all the same when the
 * directory with its name was not: no standard promises more. Only LevelDB's tables keep their names with their sync,
 * as on ext4, XFS and Btrfs: it writes of them in its manifest before it syncs the directory.
 *
 * fail_calls.c tells of every call before it is made; any thread may. */
#ifndef GUICHET_TESTS_POWER_H
#define GUICHET_TESTS_POWER_H

#include <stdbool.h>
#include <sys/types.h>

/* The power goes off before the call of this number, from 1; 0: never, and nothing is noted. */
void power_cut_at(unsigned long call);
/* Calls told of. */
unsigned long power_calls(void);

/* Before a write of so many bytes; at the file's own place: -1. */
void power_write(int fd, off_t offset, size_t size);
/* Before a sync of a file or directory: what is being synced counts as safe from then on, as it may be. */
void power_sync(int fd);

enum power_kind { POWER_MAKE, POWER_MAKE_DIRECTORY, POWER_RENAME, POWER_REMOVE, POWER_REMOVE_DIRECTORY };

/* Before a change of names and after it, from the same thread. POWER_MAKE is told of every open that may make a file.
 * `to` is for POWER_RENAME, which is within one directory. */
void power_change_begin(enum power_kind kind, int at, const char *path, const char *to);
void power_change_end(bool is_done);

#endif
