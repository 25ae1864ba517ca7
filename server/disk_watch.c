/* SPDX-License-Identifier: Apache-2.0
 *
 * Two states, with a margin between them. */
#include "server/disk_watch.h"

void
disk_watch_refused(struct disk_watch *watch)
{
	watch->has_refused = true;
}

void
disk_watch_look(struct disk_watch *watch, uint64_t bytes_free)
{
	bool is_short = bytes_free <= watch->reserve || watch->has_refused;

	watch->has_refused = false;
	if (is_short && !watch->is_reached) {
		watch->is_reached = true;
		log_event(watch->log, LOG_LEVEL_WARN, "disk_reserve_reached", log_uint("bytes_free", bytes_free),
		    log_uint("disk_reserve", watch->reserve),
		    log_text("answer", "disk_full to whatever would have to be stored"));
	} else if (!is_short && watch->is_reached && bytes_free >= watch->reserve + DISK_WATCH_MARGIN) {
		watch->is_reached = false;
		log_event(watch->log, LOG_LEVEL_INFO, "disk_reserve_left", log_uint("bytes_free", bytes_free),
		    log_uint("disk_reserve", watch->reserve));
	}
}
