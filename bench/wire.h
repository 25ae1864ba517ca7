/* SPDX-License-Identifier: Apache-2.0
 *
 * Many TLS connections over sockets of 127.0.0.1 with both ends in this thread, to measure what a server's end costs
 * by itself: the kernel's part of reading and writing included, the loop's not. */
#ifndef GUICHET_BENCH_WIRE_H
#define GUICHET_BENCH_WIRE_H

#include "protocol/bytes.h"
#include "protocol/error.h"

struct wire;

/* With the office's own TLS certificate; `answer` is every answer, borrowed. */
must_check enum error wire_create(const char *office, struct slice answer, struct wire **out, struct fault *fault);
/* NULL is allowed. */
void wire_destroy(struct wire *wire);
/* How many connections there are. */
size_t wire_width(const struct wire *wire);

/* The nth client sends a request. */
must_check bool wire_ask(struct wire *wire, size_t nth, struct slice request);
/* The nth server reads what there is and answers: the part that is measured. */
must_check bool wire_serve(struct wire *wire, size_t nth);
/* The nth client reads the answer. */
must_check bool wire_collect(struct wire *wire, size_t nth);

#endif
