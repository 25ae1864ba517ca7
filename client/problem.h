/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling a problem. Each function allows NULL and copies what it is given. Those that return the error forget what
 * was in it, so that a failure reads `return problem_set(...)`. */
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
/* The same of a file's content: "public/campaign.json, line 3, column 7 (byte 41)". */
enum guichet_error problem_set_fault_in(struct guichet_problem *problem, enum error error, const char *path,
    const struct fault *fault);
/* What the server answered with that status, which this library need not know. */
enum guichet_error problem_set_refusal(struct guichet_problem *problem, unsigned status,
    const struct msg_refusal *refusal);
/* What the rules found; the error may be ERROR_NONE, for advice. */
enum guichet_error problem_set_findings(struct guichet_problem *problem, enum error error,
    const struct findings *findings);
/* All of `from`; neither may be NULL. */
void problem_copy(struct guichet_problem *to, const struct guichet_problem *from);
/* For the error that is in it: the file, where a function was given only its bytes; what only the caller knows. */
void problem_set_place(struct guichet_problem *problem, const char *place);
void problem_set_expected(struct guichet_problem *problem, const char *expected);
/* No error, nothing to say. */
void problem_clear(struct guichet_problem *problem);

#endif
