/* SPDX-License-Identifier: Apache-2.0
 *
 * The deadlines of a connection, one row each. */
#include "server/timeouts.h"

static const struct {
	const char *reason;
	bool is_final;
} deadlines[] = {
	[DEADLINE_SILENT] = { "nothing came", true },
	[DEADLINE_HANDSHAKE] = { "handshake took too long", true },
	[DEADLINE_HANDSHAKE_PRESSED] = { "handshake took too long while others waited", true },
	[DEADLINE_FRAME] = { "frame took too long", false },
	[DEADLINE_WRITE] = { "peer reads too slowly", true },
	[DEADLINE_IDLE] = { "idle", false },
	[DEADLINE_LINGER] = { "peer does not close", true },
};

const char *
timeouts_reason(enum deadline deadline)
{
	return deadlines[deadline].reason;
}

bool
timeouts_is_final(enum deadline deadline)
{
	return deadlines[deadline].is_final;
}

static void
due_sooner(struct due *due, enum deadline deadline, uint64_t at_ms)
{
	if (due->deadline == DEADLINE_NONE || at_ms < due->at_ms)
		*due = (struct due){ deadline, at_ms };
}

/* For the state itself. */
static uint64_t
state_ms(const struct conn_limits *limits, enum deadline of_state)
{
	if (of_state == DEADLINE_LINGER)
		return limits->linger_ms;
	if (of_state == DEADLINE_IDLE)
		return limits->idle_ms;
	return of_state == DEADLINE_HANDSHAKE_PRESSED ? limits->handshake_pressed_ms : limits->handshake_ms;
}

/* When half a frame is given up. Who was sending when the server began to stop may finish, but is not waited for. */
static uint64_t
frame_ends_ms(const struct conn_shared *shared, uint64_t since_ms, uint64_t heard_ms)
{
	uint64_t at_ms = since_ms + shared->limits.frame_ms;

	if (!shared->is_stopping)
		return at_ms;
	if (heard_ms < shared->stopping_since_ms)
		heard_ms = shared->stopping_since_ms;
	uint64_t stop_ms = heard_ms + shared->limits.stop_frame_ms;
	return stop_ms < at_ms ? stop_ms : at_ms;
}

struct due
timeouts_due(const struct conn_shared *shared, const struct waits *waits, enum deadline of_state)
{
	struct due due = { .deadline = DEADLINE_NONE };

	if (of_state != DEADLINE_NONE)
		due_sooner(&due, of_state, waits->since_ms + state_ms(&shared->limits, of_state));
	if (waits->frame_since_ms != 0)
		due_sooner(&due, DEADLINE_FRAME, frame_ends_ms(shared, waits->frame_since_ms, waits->heard_ms));
	if (waits->write_since_ms != 0)
		due_sooner(&due, DEADLINE_WRITE, waits->write_since_ms + shared->limits.write_ms);
	return due;
}

uint64_t
timeouts_look_at_ms(const struct conn_shared *shared, const struct due *due, uint64_t now_ms)
{
	uint64_t pressed_ms = now_ms + shared->limits.handshake_pressed_ms;
	return due->deadline == DEADLINE_HANDSHAKE && pressed_ms < due->at_ms ? pressed_ms : due->at_ms;
}
