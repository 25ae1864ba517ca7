/* SPDX-License-Identifier: Apache-2.0
 *
 * Files, as far as the library touches them. All errors name the path. */
#ifndef GUICHET_FILESYSTEM_H
#define GUICHET_FILESYSTEM_H

#include <guichet/guichet.h>

#include "client/hold.h"
#include "protocol/bytes.h"
#include "protocol/limits.h"

/* file_unreadable with errno's text as the value. */
enum guichet_error filesystem_fail(struct guichet_problem *problem, const char *path, const char *expected);
/* Opens for reading; a directory is refused. */
must_check enum guichet_error filesystem_open(const char *path, int *fd, struct guichet_problem *problem);
/* The first bytes of a file, at most `size`; *got: how many there are. */
must_check enum guichet_error filesystem_read_start(const char *path, uint8_t *at, size_t size, size_t *got,
    struct guichet_problem *problem);
/* Writes a file where none is, ERROR_usage where something is, without waiting for the disk: for what is easily made
 * again. What cannot be written whole is taken away again. */
must_check enum guichet_error filesystem_write_new(const char *path, struct slice bytes,
    struct guichet_problem *problem);
/* As guichet_file_write does, but never over anything: ERROR_usage when that name is taken, by whom and whenever it
 * was. */
must_check enum guichet_error filesystem_create(const char *path, struct guichet_bytes bytes,
    struct guichet_problem *problem);
/* Waits until a file that is there, and its name, are on the disk. */
must_check enum guichet_error filesystem_sync(const char *path, struct guichet_problem *problem);
/* Takes away what a process that was killed left of writing that file; not what another user's did, nor what no lock
 * tells from what is in use. */
must_check enum guichet_error filesystem_clear(const char *path, struct guichet_problem *problem);
/* Has a file for this process alone until hold_remove, which is the caller's, also on failure; what killed processes
 * left of writing it goes. ERROR_usage when another has it. Where files cannot be locked nobody is kept out. */
must_check enum guichet_error filesystem_lock(const char *path, struct hold *out, struct guichet_problem *problem);
/* Size and SHA-256 of a file, read in steps; ERROR_usage past size_max. */
must_check enum guichet_error filesystem_digest(const char *path, uint64_t size_max, uint64_t *size,
    uint8_t digest[DIGEST_SIZE], struct guichet_problem *problem);
/* Exactly `size` bytes from `offset`; ERROR_document_corrupt when the file has become shorter. */
must_check enum guichet_error filesystem_read_at(const char *path, uint64_t offset, uint8_t *at, size_t size,
    struct guichet_problem *problem);

#endif
