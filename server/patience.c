/* SPDX-License-Identifier: Apache-2.0
 *
 * The deadlines of a connection, one row each. */
#include "server/patience.h"

static const struct {
	const char *reason;
	bool is_final;
} deadlines[] = {
	[DEADLINE_HANDSHAKE] = { "handshake took too long", true },
	[DEADLINE_FRAME] = { "frame took too long", false },
	[DEADLINE_WRITE] = { "peer reads too slowly", true },
	[DEADLINE_IDLE] = { "idle", false },
	[DEADLINE_LINGER] = { "peer does not close", true },
};

const char *
patience_reason(enum deadline deadline)
{
	return deadlines[deadline].reason;
}

bool
patience_is_final(enum deadline deadline)
{
	return deadlines[deadline].is_final;
}

void
patience_sooner(struct due *due, enum deadline deadline, uint64_t at_ms)
{
	if (due->deadline == DEADLINE_NONE || at_ms < due->at_ms)
		*due = (struct due){ deadline, at_ms };
}

uint64_t
patience_handshake_ms(const struct conn_shared *shared)
{
	const struct conn_limits *limits = &shared->limits;
	return shared->handshakes > limits->handshakes_max / 2 ? limits->handshake_pressed_ms : limits->handshake_ms;
}

uint64_t
patience_frame_ends_ms(const struct conn_shared *shared, uint64_t since_ms, uint64_t heard_ms)
{
	uint64_t at_ms = since_ms + shared->limits.frame_ms;

	if (!shared->is_stopping)
		return at_ms;
	if (heard_ms < shared->stopping_since_ms)
		heard_ms = shared->stopping_since_ms;
	uint64_t stop_ms = heard_ms + shared->limits.stop_frame_ms;
	return stop_ms < at_ms ? stop_ms : at_ms;
}
