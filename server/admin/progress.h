/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command is doing and how far it is, on standard error, for whoever waits for more than a second: at a terminal
 * a line that changes and is wiped in the end, elsewhere one line, once. Nothing for a program, which gets its JSON. */
#ifndef GUICHET_PROGRESS_H
#define GUICHET_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* "auditing office" */
	bool is_quiet, is_terminal;
	bool is_shown; /* a line on the terminal that has to be wiped */
	bool is_told;  /* the one line elsewhere */
	uint64_t told_ms;
};

/* Begins; says so at once at a terminal. Borrows `what`. Times are of the steady clock. */
void progress_begin(struct progress *progress, const char *what, bool is_quiet, uint64_t now_ms);
/* So many things are done: "records". Says it when a second has gone by since the last time; may be called as often as
 * there are things. */
void progress_tell(struct progress *progress, uint64_t done, const char *things, uint64_t now_ms);
/* Before anything else is written, and in the end. */
void progress_wipe(struct progress *progress);

#endif
