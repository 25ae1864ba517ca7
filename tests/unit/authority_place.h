/* SPDX-License-Identifier: Apache-2.0
 *
 * A temporary directory with an authority in it, keys in "keys" and the rest in "public", and the openssl command to
 * judge what is there. One in a process. */
#ifndef GUICHET_AUTHORITY_PLACE_H
#define GUICHET_AUTHORITY_PLACE_H

#include "server/authority.h"
#include "tests/unit/unit.h"

#define PLACE_NOW ((uint64_t)1775037600) /* 2026-04-01 10:00:00 UTC: when the authority is made */
#define PLACE_DAY ((uint64_t)86400)
#define PLACE_ORIGIN "impots.example.fr/guichet"

/* For a group's setup and teardown. */
void place_begin(void);
void place_end(void);
/* Another authority in these directories, with two hosts when one is given; what authority_create said. */
must_check enum error place_create(const char *keys, const char *public, const char *origin, const char *host,
    struct fault *fault);

/* ---- files and commands ---- */

/* The path of a name in the directory; good for the next eight calls. */
const char *place_path(const char *name);
void place_write(const char *name, struct slice content);
/* The front of a file with a NUL behind it, size_max bytes in all; how many before the NUL. */
size_t place_read(const char *name, char *out, size_t size_max);
bool place_has(const char *name);
/* Runs a command inside the directory; its output goes to the file "out". The exit status. */
int place_run(const char *command);
/* Fails unless that is 0. */
void place_expect(const char *command);
/* Fails unless the last command's output has this text. */
void place_expect_output(const char *text);

#endif
