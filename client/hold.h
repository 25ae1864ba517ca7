/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that one process at a time has, under a fixed name beside another: a lock, or what is being written and will
 * get that other name. It is made anew each time, so nothing is ever written into a file of somebody else; one that a
 * killed process left is taken away, which its lock, gone with the process, tells from one in use. */
#ifndef GUICHET_CLIENT_HOLD_H
#define GUICHET_CLIENT_HOLD_H

#include <stdbool.h>

#include "protocol/bytes.h"

/* What is appended to the name of the other file: nobody calls a file of their own so. */
#define HOLD_LOCK ".guichet-lock"
#define HOLD_TEMPORARY ".guichet-tmp"

struct hold {
	char *path;
	int fd; /* open for reading and writing; -1: nothing is held */
};

#define HOLD_NONE ((struct hold){ NULL, -1 })

/* Makes the file named `path` and `ending`, readable by its owner only, and has it. 0, or errno, and then *out is
 * HOLD_NONE: EWOULDBLOCK when another has it, unless `waits`, which lasts as long as that one does; EEXIST when what
 * has that name is another user's, or no file, and stays; ENOLCK where files cannot be locked. */
must_check int hold_take(const char *path, const char *ending, bool waits, struct hold *out);
/* For where that cannot be had: a file whose name goes on behind the ending in a way that nobody else's does. Nobody
 * waits for it, and what a killed process leaves of it stays. 0, or errno. */
must_check int hold_take_unique(const char *path, const char *ending, struct hold *out);
/* Lets go, and takes the name away; of none, nothing. */
void hold_remove(struct hold *hold);
/* Lets go of what has another name by now. */
void hold_close(struct hold *hold);

#endif
