/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of an answer: the operation's answer record, or a refusal in words, with what of its place and values may be
 * quoted. */
#ifndef GUICHET_ANSWER_H
#define GUICHET_ANSWER_H

#include "server/decide.h"

struct answer;

/* retry_after_ms: said with refusals that name no other time. NULL when memory is short. */
must_check struct answer *answer_create(uint64_t retry_after_ms);
/* NULL is allowed. */
void answer_destroy(struct answer *answer);

/* What became of a request, in words: *body is borrowed until the next. Writes the correlation into effects->answer;
 * operation may be NULL with a refusal. The error is the one on the wire: ERROR_internal also for an answer beyond its
 * own record's limits, which is a fault of this process and is not sent. */
must_check enum error answer_encode(struct answer *answer, const struct operation *operation,
    const uint8_t correlation[CORRELATION_SIZE], const struct effects *effects, struct slice *body);

#endif
