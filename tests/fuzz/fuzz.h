/* SPDX-License-Identifier: Apache-2.0
 *
 * What a fuzz target is: a plain function over bytes, driven by libFuzzer or by replay.c. It aborts (check) when a
 * property does not hold. */
#ifndef GUICHET_TESTS_FUZZ_H
#define GUICHET_TESTS_FUZZ_H

#include "protocol/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
