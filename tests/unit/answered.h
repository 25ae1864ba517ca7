/* SPDX-License-Identifier: Apache-2.0
 *
 * What was answered while a suite ran, kept in a file beside its program for tests/docs/test_coverage_of_tables.py:
 * an operation that no handler was asked for, or an error that nothing was refused with, has no test. */
#ifndef GUICHET_TESTS_ANSWERED_H
#define GUICHET_TESTS_ANSWERED_H

#include "protocol/error.h"
#include "protocol/message.h"

/* The operation's own handler, or what stands before it, came to this; NULL where a handler of the test's stood in its
 * place or there was none. */
void answered_note(const struct operation *operation, enum error error);

#endif
