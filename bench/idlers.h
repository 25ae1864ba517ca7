/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that shake hands and then say nothing: what a server keeps for each is what it needs for a country. They
 * come from several addresses of 127.0.0.0/8, which are not the one of the load beside them. */
#ifndef GUICHET_BENCH_IDLERS_H
#define GUICHET_BENCH_IDLERS_H

#include "protocol/error.h"

struct idlers;
struct stage_server;

/* Opens so many, some at a time; fewer when the limit of open files leaves no room for them beside `others` that this
 * process will open, for which the server, which has the same limit, needs room too. */
must_check enum error idlers_open(const struct stage_server *server, size_t count, size_t others, struct idlers **out,
    struct fault *fault);
/* How many were opened, and how many of them are open still. */
size_t idlers_count(const struct idlers *idlers);
size_t idlers_open_count(const struct idlers *idlers);
/* How much more resident memory the server had when they were open than before; and when it has so much. */
uint64_t idlers_bytes(const struct idlers *idlers);
uint64_t idlers_bytes_of(const struct idlers *idlers, uint64_t resident_bytes);
/* NULL is allowed. */
void idlers_close(struct idlers *idlers);

#endif
