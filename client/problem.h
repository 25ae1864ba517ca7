/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling a problem. Each function forgets what was in it, allows NULL, copies what it is given and returns the
 * error, so that a failure reads `return problem_set(...)`. */
#ifndef GUICHET_PROBLEM_H
#define GUICHET_PROBLEM_H

#include <guichet/guichet.h>

#include "protocol/error.h"
#include "protocol/message.h"
#include "protocol/rules.h"

/* NULL texts are empty. */
enum guichet_error problem_set(struct guichet_problem *problem, enum error error, const char *place, struct slice value,
    const char *expected);
/* What a function of protocol/ said beside its error. */
enum guichet_error problem_set_fault(struct guichet_problem *problem, enum error error, const struct fault *fault);
/* What the server answered with that status, which this library need not know. */
enum guichet_error problem_set_refusal(struct guichet_problem *problem, unsigned status,
    const struct msg_refusal *refusal);
/* What the rules found; the error may be ERROR_NONE, for advice. */
enum guichet_error problem_set_findings(struct guichet_problem *problem, enum error error,
    const struct findings *findings);
/* All of `from`; neither may be NULL. */
void problem_copy(struct guichet_problem *to, const struct guichet_problem *from);
/* No error, nothing to say. */
void problem_clear(struct guichet_problem *problem);

#endif
