/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a connection waits for its peer, for what, and what follows. Arithmetic on struct conn_limits. */
#ifndef GUICHET_PATIENCE_H
#define GUICHET_PATIENCE_H

#include "server/conn.h"

enum deadline { DEADLINE_NONE, DEADLINE_HANDSHAKE, DEADLINE_FRAME, DEADLINE_WRITE, DEADLINE_IDLE, DEADLINE_LINGER };

struct due {
	enum deadline deadline;
	uint64_t at_ms; /* steady clock */
};

/* Why a connection ends that missed it: a constant text. */
const char *patience_reason(enum deadline deadline);
/* There is no use in answering or in taking leave. */
bool patience_is_final(enum deadline deadline);
/* Keeps the one that comes first. */
void patience_sooner(struct due *due, enum deadline deadline, uint64_t at_ms);
/* For a handshake: shorter while many are under way. */
uint64_t patience_handshake_ms(const struct conn_shared *shared);
/* When half a frame is given up that began at since_ms and last grew at heard_ms. Who was sending when the server
 * began to stop may finish, but is not waited for. */
uint64_t patience_frame_ends_ms(const struct conn_shared *shared, uint64_t since_ms, uint64_t heard_ms);

#endif
