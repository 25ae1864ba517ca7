/* SPDX-License-Identifier: Apache-2.0
 *
 * When a request came: handed from the connection, which reads, to dispatch, which decides whether it is begun. */
#ifndef GUICHET_ARRIVAL_H
#define GUICHET_ARRIVAL_H

#include <stdint.h>

struct arrival {
	uint64_t at_ms; /* wall clock of the wake-up that read its last byte: milliseconds since 1970 */
	/* By the steady clock: how long ago that was, and how long it may have lain unread and undelivered, which does
	 * not count the time when the peer itself kept it waiting. */
	uint64_t read_ago_ms, waited_ms;
};

#endif
