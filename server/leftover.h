/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server that was killed left of files that it was writing: disk_replace_file's NAME.new, found at the next
 * start. Only regular files, only in directories of the office's, and only names that it writes itself: what an
 * operator keeps beside them, and the next TLS key and certificate, which a renewal has to end with, stay.
 *
 * Looked into are DIR, DIR/public, DIR/keys/data and, of each level of the log, the directories of the newest tile and
 * of its partial ones. Elsewhere none stays: a full tile that was being written is written anew by the next step, over
 * it, and partial ones go with all that their full tile makes superfluous. */
#ifndef GUICHET_LEFTOVER_H
#define GUICHET_LEFTOVER_H

#include "protocol/bytes.h"

struct leftovers {
	size_t removed, stuck;
	int reason; /* errno of the last that is stuck, or of a directory that could not be looked into; 0: none */
};

/* `directory` is DIR, locked, with a log of so many leaves. Blocking, at start: a thousand names at most a level. */
struct leftovers leftover_remove(const char *directory, uint64_t log_size);

#endif
