/* SPDX-License-Identifier: Apache-2.0
 *
 * What figures depend on beside the code: the machine, its file system, the versions of the servers compared. */
#ifndef GUICHET_BENCH_MACHINE_H
#define GUICHET_BENCH_MACHINE_H

#include "protocol/arena.h"

/* "" or "unknown" where the machine does not tell. */
struct machine {
	const char *processor, *kernel;
	const char *filesystem; /* of the directory: type and options */
	const char *guichetd;   /* version */
	const char *guichetd_digest; /* SHA-256 of the program */
	const char *openssl, *nginx, *redis; /* versions */
	const char *started; /* UTC, RFC 3339 */
	long cores;
};

/* `directory` is there; the texts are in the arena. */
void machine_look(struct machine *out, const char *directory, const char *programs, struct arena *texts);

#endif
