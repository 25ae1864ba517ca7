/* SPDX-License-Identifier: Apache-2.0
 *
 * Passwords, from a file or from a person. */
#ifndef GUICHET_PASSWORD_H
#define GUICHET_PASSWORD_H

#include <guichet/guichet.h>

#include "protocol/bytes.h"

/* With the NUL behind it. */
#define PASSWORD_SIZE_MAX ((size_t)1024)

/* The first line of the file, whatever follows; or, when path is NULL, what is typed at the terminal after `prompt`,
 * unseen, and twice the same when it is chosen. The caller wipes `out`. Errors: file_unreadable, usage (no terminal,
 * empty, too long, a NUL in it, not the same). */
must_check enum guichet_error password_get(const char *path, const char *prompt, bool is_chosen,
    char out[PASSWORD_SIZE_MAX], struct guichet_problem *problem);

#endif
