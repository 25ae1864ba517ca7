/* SPDX-License-Identifier: Apache-2.0
 *
 * Timeouts: how long a connection waits for its peer, for what, and what follows. Arithmetic on struct conn_limits. */
#ifndef GUICHET_TIMEOUTS_H
#define GUICHET_TIMEOUTS_H

#include "server/conn.h"

enum deadline {
	DEADLINE_NONE,
	DEADLINE_SILENT,
	DEADLINE_HANDSHAKE,
	DEADLINE_HANDSHAKE_PRESSED,
	DEADLINE_FRAME,
	DEADLINE_WRITE,
	DEADLINE_IDLE,
	DEADLINE_LINGER,
};

struct due {
	enum deadline deadline;
	uint64_t at_ms; /* steady clock */
};

/* Why a connection ends that missed it: a constant text. */
const char *timeouts_reason(enum deadline deadline);
/* There is no use in answering or in taking leave. */
bool timeouts_is_final(enum deadline deadline);
/* Since when a connection waits, and for what; times of the steady clock, 0: not at all. */
struct waits {
	uint64_t since_ms;       /* last sign of life, or entry into the state */
	uint64_t frame_since_ms; /* first byte of a half frame */
	uint64_t heard_ms;       /* last bytes */
	uint64_t write_since_ms; /* the present window of a reader who does not take all */
};

/* The deadline that comes first, `of_state` (or DEADLINE_NONE) among them. */
struct due timeouts_due(const struct conn_shared *shared, const struct waits *waits, enum deadline of_state);
/* When to look whether it has come: the time for a handshake may become shorter than it is now. */
uint64_t timeouts_look_at_ms(const struct conn_shared *shared, const struct due *due, uint64_t now_ms);

#endif
