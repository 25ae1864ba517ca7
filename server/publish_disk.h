/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk work of publishing: files made durable in their order, names looked at, what full tiles made superfluous
 * removed. It knows a directory and names in it, nothing of records or of the loop: all functions but
 * publish_place_next block, and are a worker's. */
#ifndef GUICHET_PUBLISH_DISK_H
#define GUICHET_PUBLISH_DISK_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#define PUBLISH_NAME_MAX ((size_t)96)

struct publish_file {
	char name[PUBLISH_NAME_MAX]; /* in DIR/public */
	struct slice bytes;
	unsigned width; /* of a tile that comes from the store, while it is read; else 0 */
};

/* The kinds of work that succeed and fail by themselves. */
enum publish_work {
	PUBLISH_LOG,    /* tiles and checkpoint */
	PUBLISH_SINGLE, /* a file of its own, the revocation list */
	PUBLISH_MEND,   /* what is missing of what was published before */
	PUBLISH_SWEEP,  /* partial tiles that are full elsewhere */
	PUBLISH_WORKS,
};

struct publish_failure {
	enum publish_work work;
	const char *step;  /* a constant word: write, sync, remove, read, queue, memory; NULL: nothing failed */
	const char *file;  /* as struct publish_file has it, or a constant */
	int code;          /* the system's, or 0 */
	enum error error;  /* the store's, where it is not the system's */
};

/* Notes a failure unless there was one before. `file` is borrowed. */
void publish_failure_set(struct publish_failure *failure, const char *step, const char *file, int code);

/* Writes all files, each whole or not at all, and makes their names durable; with `is_last_behind` the last one, a
 * checkpoint, gets its name only when all others have theirs durably. */
void publish_write_files(int directory, const struct publish_file *files, size_t count, bool is_last_behind,
    struct publish_failure *failure);

/* Of each name of a directory of partial tiles, "tile/0/000.p": removes it with what is in it, if it is there and the
 * full tile is there too. First of all the name of the checkpoint is made durable: the one before might still refer to
 * them. */
void publish_remove_partials(int directory, const struct publish_file *partials, size_t count,
    struct publish_failure *failure);

/* ---- looking for tiles ---- */

/* A tile of a log, width 1 to 256. */
struct publish_place {
	unsigned level;
	uint64_t index;
	unsigned width;
};

/* Where in the row of all tiles of a log of `size` leaves one is. They go level by level, in each from the newest to
 * the oldest. Zeroed but for the size at first. */
struct publish_walk {
	uint64_t size;
	unsigned level;
	uint64_t passed; /* of that level's */
};

/* The next tile, which is then behind; false when there are no more. */
must_check bool publish_place_next(struct publish_walk *walk, struct publish_place *place);
/* Looks, by name and size only, at up to names_max tiles; *missing are those that are not there as a file of their
 * size, nor a partial one as the full tile, at most missing_max of them, after which it looks no further. How many. */
size_t publish_look(int directory, struct publish_walk *walk, size_t names_max, struct publish_place *missing,
    size_t missing_max);

#endif
