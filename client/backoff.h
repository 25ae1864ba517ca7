/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a client waits before it sends the same again (PROTOCOL.md, Sending again): at least the time that the
 * office named, plus a random part of as much again, longer with each time in vain, and bounded. */
#ifndef GUICHET_CLIENT_BACKOFF_H
#define GUICHET_CLIENT_BACKOFF_H

#include <stdint.h>

struct guichet_problem;

/* Milliseconds, when waiting was in vain so many times `before`. */
uint64_t backoff_ms(uint64_t named_ms, unsigned before);
/* After a lost connection, or one that could not be made; no office named a time. */
uint64_t backoff_connect_ms(unsigned before);
/* After a refusal, which may name the time. */
uint64_t backoff_refusal_ms(const struct guichet_problem *problem, unsigned before);

#endif
