/* SPDX-License-Identifier: Apache-2.0
 *
 * The few lines of each protocol that the generator speaks, so that what a request costs the generator is nearly the
 * same whoever it is sent to: Guichet's frames, HTTP/1.1 and RESP. Pure. */
#ifndef GUICHET_BENCH_DIALECT_H
#define GUICHET_BENCH_DIALECT_H

#include "protocol/buf.h"

/* The front of what a server sent. */
struct dialect_reply {
	size_t size;     /* of the whole reply; 0: more bytes are needed */
	uint32_t status; /* 0: done; else the error, as the dialect numbers it */
	uint32_t stream; /* Guichet: of the request; others answer in order and have none */
	struct slice body;
};

/* A server that does not speak the dialect. */
#define DIALECT_STATUS_BROKEN UINT32_MAX

struct dialect {
	const char *name;
	bool has_streams; /* answers come in any order and name their stream */
	/* Appends a request that carries `content`; for Guichet `content` is a whole frame, its stream is put in.
	 * `number` tells the run's requests apart. */
	void (*put)(struct buf *out, uint32_t stream, uint64_t number, struct slice content);
	/* Looks at the front of `bytes`; false: broken, the connection cannot be read on. */
	bool (*peek)(struct slice bytes, struct dialect_reply *reply);
};

extern const struct dialect dialect_guichet, dialect_http, dialect_resp;

#endif
