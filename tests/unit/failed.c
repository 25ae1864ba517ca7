/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors that never travel (from 900 on), into the record of answered.h. Most are made in three functions, in whose
 * place the linker puts these (Makefile, unit_wraps). Those of the wire count only where something was refused with
 * them, which others note. */
#include "client/problem.h"
#include "tests/unit/answered.h"

#define LOCAL_MIN 900

static void
note(enum error error)
{
	if ((unsigned)error >= LOCAL_MIN)
		answered_note(NULL, error);
}

enum error __real_fault_set(
    struct fault *fault, enum error error, const char *place, struct slice value, const char *expected);
enum error __wrap_fault_set(
    struct fault *fault, enum error error, const char *place, struct slice value, const char *expected);

enum error
__wrap_fault_set(struct fault *fault, enum error error, const char *place, struct slice value, const char *expected)
{
	note(error);
	return __real_fault_set(fault, error, place, value, expected);
}

enum guichet_error __real_problem_set(
    struct guichet_problem *problem, enum error error, const char *place, struct slice value, const char *expected);
enum guichet_error __wrap_problem_set(
    struct guichet_problem *problem, enum error error, const char *place, struct slice value, const char *expected);

enum guichet_error
__wrap_problem_set(
    struct guichet_problem *problem, enum error error, const char *place, struct slice value, const char *expected)
{
	note(error);
	return __real_problem_set(problem, error, place, value, expected);
}

enum guichet_error __real_problem_set_fault(
    struct guichet_problem *problem, enum error error, const struct fault *fault);
enum guichet_error __wrap_problem_set_fault(
    struct guichet_problem *problem, enum error error, const struct fault *fault);

enum guichet_error
__wrap_problem_set_fault(struct guichet_problem *problem, enum error error, const struct fault *fault)
{
	note(error);
	return __real_problem_set_fault(problem, error, fault);
}
