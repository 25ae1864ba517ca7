/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that shake hands and then say nothing: what a server keeps for each is what it needs for a country. */
#ifndef GUICHET_BENCH_IDLERS_H
#define GUICHET_BENCH_IDLERS_H

#include "protocol/error.h"

struct idlers;
struct stage_server;

/* Opens so many, some at a time. *bytes: how much more resident memory the server has afterwards. */
must_check enum error idlers_open(const struct stage_server *server, size_t count, struct idlers **out, uint64_t *bytes,
    struct fault *fault);
/* NULL is allowed. */
void idlers_close(struct idlers *idlers);

#endif
