/* SPDX-License-Identifier: Apache-2.0
 *
 * What the log says of the disk's reserve: a warning when it is reached, so that the operator hears of it before the
 * taxpayers who are told disk_full, and a line when it is left. Only changes have a line, not looks or requests. */
#ifndef GUICHET_DISK_WATCH_H
#define GUICHET_DISK_WATCH_H

#include "protocol/limits.h"
#include "server/log.h"

/* The reserve counts as left when so many bytes are free above it: more than a request or two write, or a disk at its
 * edge would make a line of the log with each. */
#define DISK_WATCH_MARGIN ((uint64_t)4 * LIMIT_FRAME_BODY)

/* Zeroed but for the first two. */
struct disk_watch {
	struct log *log;
	uint64_t reserve; /* bytes */
	bool is_reached;
	bool has_refused; /* since the last look */
};

/* Somebody was told disk_full: some requests are larger than what is left above the reserve. */
void disk_watch_refused(struct disk_watch *watch);
/* From time to time, with the bytes that are free (store_space_free). */
void disk_watch_look(struct disk_watch *watch, uint64_t bytes_free);

#endif
